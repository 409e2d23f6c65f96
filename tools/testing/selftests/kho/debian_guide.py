# SPDX-License-Identifier: GPL-2.0
"""Owns the check of the operator's guide: each command there was typed by a test, and worked."""

import re

from common import HERE

README = HERE.parents[3] / "packaging/kho/debian/README.Debian"


def worked(commands):
    """Those of (command, how it ended) with exit code 0, or that led to the boot they are for."""
    # A case may have to go to the packages' directory first.
    return {re.sub(r"^cd \S+ && ", "", command) for command, end in commands
            if end in (0, "kexec" if "kho kexec" in command else "firmware")}


def guide(commands):
    """[(result, name)]: some case types it, on one of the releases."""
    there = worked(commands)
    return [("ok" if c in there else "failed", f"some case types `{c}`, and it works")
            for c in dict.fromkeys(re.findall(r"^    (\S.*)$", README.read_text(), re.M))]


def check():
    """[(result, name)]: it is not content with less."""
    all_of = [(re.search("`(.*)`", name)[1], 0) for _, name in guide([])]
    tries = {"nothing": [], "longer commands": [(c + " -q", 0) for c, _ in all_of],
             "commands that fail": [(c, 1) for c, _ in all_of],
             "boots by the wrong way": [("kho kexec", "firmware"), ("systemctl reboot", "kexec")]}
    found = [("failed" if {r for r, _ in guide(t)} != {"failed"} else "ok",
              f"the guide is not content with {what}") for what, t in tries.items()]
    good = all_of and {r for r, _ in guide(all_of + tries["commands that fail"])} == {"ok"}
    return found + [("ok" if good else "failed", "the guide is content with all of it")]
