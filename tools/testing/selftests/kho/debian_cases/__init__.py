# SPDX-License-Identifier: GPL-2.0
"""Owns the list of cases: each is a function of the file that has its name. All but install
start from the machine that install has left."""

from debian_cases import chain, gate, install, kdump, luo, packages, store

CASES = {"install": install.run, "chain": chain.run, "gate": gate.run, "packages": packages.run,
         "kdump": kdump.run, "luo": luo.run}
# What Debian has newest changes: it is for who asks for it.
TESTING = "testing"
TESTING_CASES = {"install": install.run, "store": store.run}


def cases_of(release):
    return TESTING_CASES if release == TESTING else CASES
