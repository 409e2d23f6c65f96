# SPDX-License-Identifier: GPL-2.0
# Owns what Sphinx is told to look at every reference in these pages:
#	make htmldocs SPHINXDIRS=kho SPHINX_CONF=conf_nitpick.py
# pylint: disable=C0103,E0602

nitpicky = True
# What types of the kernel are is documented elsewhere, or nowhere.
nitpick_ignore = [("c:identifier", name) for name in (
    "__le64", "size_t", "u32", "u64", "phys_addr_t", "folio", "notifier_block", "page")]
# It refers to the same page in other languages, which are not in this directory.
extensions.remove("translations")
# As without this file
tags.add("subproject")
