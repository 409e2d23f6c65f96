# SPDX-License-Identifier: GPL-2.0
"""Owns the list of cases: each is a function of the file that has its name. All but install
start from the machine that install has left."""

from debian_cases import chain, gate, install, kdump, luo, packages

CASES = {"install": install.run, "chain": chain.run, "gate": gate.run, "packages": packages.run,
         "kdump": kdump.run, "luo": luo.run}
