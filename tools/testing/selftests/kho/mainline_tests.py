#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Owns `make mainline-tests`: the tests that mainline has of its own KHO, built from its
sources as they are, and run on this one."""

import argparse
import os
import shutil
import sys
import tarfile
from pathlib import Path

import guest
import kernel
import mainline
from common import ARCHES, HERE, Failure, log_to, run, say, step
from scenarios import Scenario, dtc_round_trip
from vmtest import prepare, run_one, total


def build_module(make, source, work):
    """Returns the module that one file of another tree makes here."""
    shutil.rmtree(work, ignore_errors=True)
    # What such a file needs of this header is in <linux/kexec_handover.h>.
    empty = work / "include/linux/kho/abi/kexec_handover.h"
    empty.parent.mkdir(parents=True)
    empty.touch()
    (work / source.name).symlink_to(source)
    (work / "Kbuild").write_text(f"obj-m := {source.stem}.o\nccflags-y := -I$(src)/include\n")
    run([*make, f"M={work}", "modules"], log=work / "build.log")
    return work / f"{source.stem}.ko"


def add(ready, *files):
    """Puts files where the guest finds them as /boot/mainline/NAME."""
    with tarfile.open(ready["disk"], "a") as tar:
        for path in files:
            tar.add(path, f"mainline/{path.name}")


def test_kho(args, arch, tree, ready):
    """lib/test_kho.c preserves folios at random, and finds them after a kexec."""
    make = kernel.command(arch, args.linux, args.build / f"kernel/{arch}-main", os.cpu_count())
    module = build_module(make, tree / "lib/test_kho.c", args.build / f"mainline-tests/{arch}")
    add(ready, module)
    return run_one(ready, Scenario("mainline-test-kho", check=dtc_round_trip))


def liveupdate(args, arch, tree, ready):
    """tools/testing/selftests/liveupdate: /dev/liveupdate, before a kexec and after it."""
    where = tree / "tools/testing/selftests/liveupdate"
    add(ready, *(guest.program(arch, args.linux, args.build, where / f"{name}.c",
                               where / "lib/lu_utils.c", f"-I{where}/lib/include", f"-I{where}/..")
                 for name in LIVEUPDATE))
    return run_one(ready, Scenario("mainline-liveupdate", cmdline="kho=on liveupdate=on",
                                   check=dtc_round_trip))


LIVEUPDATE = ["liveupdate", "luo_kexec_simple", "luo_multi_session", "luo_stress_files",
              "luo_stress_sessions"]
SUITES = {"test_kho": test_kho, "liveupdate": liveupdate}


def arguments():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--arch", choices=sorted(ARCHES), help="all, if not given")
    p.add_argument("--linux", type=Path, default=HERE.parents[3], help="the kernel tree to test")
    p.add_argument("--build", type=Path, default=Path("build"))
    args = p.parse_args()
    args.linux, args.build = args.linux.resolve(), args.build.resolve()
    return args


def attempt(suite, args, arch, tree, ready):
    try:
        return SUITES[suite](args, arch, tree, ready)
    except Failure as e:
        say(f"FAILED {arch} {suite}: {e}")
        return [("failed", suite)]


def main():
    args = arguments()
    log_to(args.build / "mainline-tests.log")
    tree, package = mainline.source(args.build)
    step(f"tests of {package}")
    results = []
    for arch in [args.arch] if args.arch else ARCHES:
        ready = prepare(args, arch, ["main"])
        results += [attempt(suite, args, arch, tree, ready) for suite in SUITES]
    return total(results)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(f"mainline_tests: {failure}")
