# SPDX-License-Identifier: GPL-2.0
"""Owns the list of cases: each is a function of the file that has its name. All but install
start from the machine that install has left."""

from debian_cases import install

CASES = {"install": install.run}
