#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Owns the command line of the tests on Debian: servers of its releases in QEMU, booted by
firmware and GRUB, on which our packages are installed and an operator's commands are tried."""

import argparse
import os
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from common import ARCHES, Failure, log_to, native, say, step
from debian_cases import CASES, TESTING, TESTING_CASES, cases_of
from debian_guest import Emulator, typed
from debian_guide import guide
from debian_image import RELEASES
from debian_lab import Case, Lab

# What is tried, unless more is asked for, where each command takes several times as long.
FOREIGN = {"release": "bookworm", "only": "install,chain,gate"}


def arguments():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--arch", choices=sorted(ARCHES), default="x86_64")
    p.add_argument("--build", type=Path, default=Path("build"))
    p.add_argument("--release", help="of Debian, separated by commas; default: all but "
                   f"{TESTING}, or {FOREIGN['release']} for another architecture than this machine's")
    p.add_argument("--only", help="cases, separated by commas; default: all, or "
                   f"{FOREIGN['only']} for another architecture")
    p.add_argument("--packages", type=Path, help="default: deb/packages-ARCH below --build")
    p.add_argument("--upgrade", type=Path,
                   help="packages of a later version; default: deb/upgrade-ARCH below --build, if there")
    return p.parse_args()


def some(text, known, what):
    names = [n for n in text.split(",") if n]
    if unknown := set(names) - set(known):
        raise Failure(f"no {what} {', '.join(sorted(unknown))}; there are: " + " ".join(known))
    return [n for n in known if n in names or not names]


def run_case(lab, name, again=True):
    step(f"{lab.name} {name} ...")
    found, case = [], None
    try:
        case = Case(lab, name, "stock" if name == "install" else "installed")
        found = case.found
        cases_of(lab.release)[name](case)
    # One case that cannot go on must not hide what the others found.
    except Exception as e:
        if again and isinstance(e, Emulator):
            say(f"  {lab.name} {name}: once more, because of QEMU: {e}")
            return run_case(lab, name, False)
        found.append(("failed", str(e) if isinstance(e, Failure) else f"harness: {e!r}"))
        say(f"  FAILED {lab.name} {name}: {found[-1][1]}")
    finally:
        if case:
            case.close()
    count = Counter(result for result, _ in found)
    step(f"{lab.name} {name}: {count['ok']} passed, {count['failed']} failed")
    return found


def run_release(release, names, args):
    names = [n for n in names if n in cases_of(release)]
    if not names:
        return {}
    try:
        deb = args.build / "deb"
        lab = Lab(args.arch, release, args.build, args.packages or deb / f"packages-{args.arch}",
                  args.upgrade or deb / f"upgrade-{args.arch}")
    except Failure as e:
        say(f"FAILED {args.arch}-{release}: {e}")
        return {"image": [("failed", "image")]}
    if "install" not in names and not lab.state("installed")[0]:
        names = ["install", *names]
    return {name: run_case(lab, name) for name in names}


def main(args):
    args.build = args.build.resolve()
    log_to(args.build / "test-debian.log")
    fewer = {} if native(args.arch) else FOREIGN
    releases = some(args.release or fewer.get("release", ",".join(RELEASES)), [*RELEASES, TESTING],
                    "release")
    names = some(args.only or fewer.get("only", ""), {**CASES, **TESTING_CASES}, "case")
    # A guest has two CPUs.
    with ThreadPoolExecutor(max(1, os.cpu_count() // 2)) as pool:
        ran = dict(zip(releases, pool.map(lambda r: run_release(r, names, args), releases)))
    if releases == RELEASES and set(CASES) <= set(names):
        ran["all"] = {"guide": guide(typed(args.build / "results", args.arch))}
    count = Counter()
    for release, cases in ran.items():
        for name, found in cases.items():
            count.update(result for result, _ in found)
            for check in [c for result, c in found if result == "failed"]:
                say(f"FAILED {release} {name}: {check.splitlines()[0]} "
                    f"(build/results/debian-{args.arch}-{release}/{name}/)")
    say(f"{count['ok']} passed, {count['failed']} failed")
    return 1 if count["failed"] or not count["ok"] else 0


if __name__ == "__main__":
    try:
        sys.exit(main(arguments()))
    except Failure as failure:
        sys.exit(f"debian: {failure}")
