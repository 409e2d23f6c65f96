#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Owns `make cross`: without the option nothing is different. It builds the files that
the series edits for architectures that have no KHO, and for those that have it, with
CONFIG_KEXEC_HANDOVER off, and compares sizes of functions with those of the tree without
the series. What cannot be built there either is left out."""

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

from common import Failure, log_to, run, say, step

# As scripts/setup reads it.
PACKAGES = ("gcc-powerpc64le-linux-gnu gcc-s390x-linux-gnu gcc-riscv64-linux-gnu "
            "gcc-arm-linux-gnueabihf gcc-aarch64-linux-gnu")
# Debian's triplet, and which configuration; the kernel's name is the key.
TARGETS = {
    "powerpc": ("powerpc64le-linux-gnu", "ppc64le_defconfig"),
    "s390": ("s390x-linux-gnu", "defconfig"),
    "riscv": ("riscv64-linux-gnu", "defconfig"),
    "arm": ("arm-linux-gnueabihf", "multi_v7_defconfig"),
    "arm64": ("aarch64-linux-gnu", "defconfig"),
    "x86_64": ("x86_64-linux-gnu", "defconfig"),
}
# What brings in more of the series' hunks.
OPTIONS = ["KEXEC", "KEXEC_FILE", "MEMTEST", "HIBERNATION", "EFI", "HUGETLBFS",
           "DEFERRED_STRUCT_PAGE_INIT", "DEBUG_FS"]


def git(tree, *args):
    return run(["git", "-C", tree, *args])


def checkout(linux, src):
    """A second working tree, so that what is checked out in the first stays."""
    known = ["git", "-C", src, "rev-parse", "--verify", "-q", "base"]
    if not src.exists() or subprocess.run(known, stdout=subprocess.DEVNULL).returncode:
        shutil.rmtree(src, ignore_errors=True)
        git(linux, "worktree", "prune")
        git(linux, "worktree", "add", "-q", "--detach", src.resolve(), "base")


def edited(linux, head):
    """Files of 6.12 that the series edits -> whether it does so for KHO only."""
    found = {}
    for commit in git(linux, "rev-list", f"base..{head}").split():
        text = git(linux, "show", "--format=%s", "--diff-filter=M", commit)
        for path in re.findall(r"^\+\+\+ b/(\S+\.c)$", text, re.M):
            is_kho = re.search(r"kho|kexec_?handover", text, re.I)
            found[path] = found.get(path, True) and bool(is_kho)
    return found


def wanted(paths, arch):
    own = "x86" if arch == "x86_64" else arch
    return [p for p in paths if p.split("/")[0] not in ("tools", "samples")
            and (not p.startswith("arch/") or p.startswith(f"arch/{own}/"))]


def build(src, out, arch, objects, log):
    triplet, config = TARGETS[arch]
    cross = "" if triplet.startswith(platform.machine()) else triplet + "-"
    make = ["nice", "make", "-s", "-k", "-C", src, f"O={out}", f"ARCH={arch}",
            f"CROSS_COMPILE={cross}", "LOCALVERSION=", f"-j{os.cpu_count()}"]
    if not (out / ".config").exists():
        out.mkdir(parents=True, exist_ok=True)
        run(make + [config], log=log)
        run([src / "scripts/config", "--file", out / ".config",
             *(word for o in OPTIONS for word in ("-e", o)),
             "-d", "DEBUG_INFO_BTF", "-d", "WERROR"])
    run(make + ["olddefconfig"], log=log)
    run(make + ["prepare"], log=log)
    for o in objects:
        (out / o).unlink(missing_ok=True)
    with log.open("a") as f:
        subprocess.run([str(c) for c in make + objects], stdout=f, stderr=f)
    return [o for o in objects if (out / o).exists()]


def sizes(src, old, new):
    """What bloat-o-meter says, but for names with numbers and lines in them."""
    lines = run([src / "scripts/bloat-o-meter", old, new]).splitlines()
    return [s for s in lines[2:-1] if not re.match("__UNIQUE_ID|__initcall__", s)]


def test(linux, build_dir, arch):
    """[(result, name)] of one architecture."""
    src, out = build_dir / "cross/src", build_dir / f"cross/{arch}"
    old, log = out / "without", build_dir / f"cross/{arch}.log"
    # With edits that were not committed.
    head = (git(linux, "stash", "create") or git(linux, "rev-parse", "HEAD")).strip()
    kho = edited(linux, "HEAD")
    objects = [p[:-1] + "o" for p in wanted(kho, arch)]
    step(f"{arch} ...")
    git(src, "checkout", "-q", "--detach", "base")
    there = build(src, out, arch, objects, log)
    shutil.rmtree(old, ignore_errors=True)
    for o in there:
        (old / o).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(out / o, old / o)
    git(src, "checkout", "-q", "--detach", head)
    built = build(src, out, arch, there, log)
    found = []
    for o in there:
        bad = ["it does not build"] if o not in built else \
            sizes(src, old / o, out / o) if kho[o[:-1] + "c"] else []
        found.append(("failed" if bad else "ok", o))
        if bad:
            say("\n".join([f"  FAILED {arch} {o}:", *("    " + s for s in bad),
                           f"  log: {os.path.relpath(log)}"]))
    step(f"{arch}: {len(there)} objects")
    return found or [("failed", "nothing was built")]


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--linux", type=Path, required=True)
    p.add_argument("--build", type=Path, required=True)
    p.add_argument("--arch", choices=sorted(TARGETS), help="all, if not given")
    args = p.parse_args()
    log_to(args.build / "cross.log")
    build_dir = args.build.resolve()
    checkout(args.linux, build_dir / "cross/src")
    found = []
    for arch in [args.arch] if args.arch else TARGETS:
        try:
            found += test(args.linux, build_dir, arch)
        except Failure as e:
            say(f"FAILED {arch}: {e}")
            found.append(("failed", arch))
    bad = sum(result == "failed" for result, _ in found)
    say(f"{len(found) - bad} passed, {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
