# SPDX-License-Identifier: GPL-2.0
"""Owns the test kernels: merges a flavour's config fragments, checks that each
option came out as asked, and builds image and modules, only when needed."""

import hashlib
import re
import shutil
import subprocess

from common import ARCHES, HERE, Failure, native, run, step

FLAVOURS = {
    "main": ["common", "handover", "main"],
    "debug": ["common", "handover", "debug"],
    "64k": ["common", "handover"],
    # For bench.py only; base is the kernel without the series.
    "bench": ["common", "handover", "bench"],
    "base": ["common", "handover", "bench", "base"],
    "mainline": ["common", "handover", "bench", "mainline"],
}
# Flavours that differ from another in a few options: what it has is theirs, and they
# are built from a copy of it, in which kbuild compiles what those options change.
VARIANT_OF = {"nokho": "main"}


def fragments(arch, flavour):
    """Later ones win; what only one architecture's flavour needs is optional."""
    if flavour in VARIANT_OF:
        return fragments(arch, VARIANT_OF[flavour]) + [HERE / f"configs/{flavour}.config"]
    paths = [HERE / f"configs/{n}.config" for n in [*FLAVOURS[flavour], arch, f"{arch}-{flavour}"]]
    return [p for p in paths if p.exists()]


def options(text):
    """CONFIG_X -> value, 'n' for one that is not set."""
    found = {}
    for line in text.splitlines():
        if m := re.match(r"(CONFIG_\w+)=(.*)|# (CONFIG_\w+) is not set", line):
            found[m[1] or m[3]] = m[2] or "n"
    return found


def check_config(wanted, config):
    """Fails on an option that came out otherwise."""
    bad = [f"{o}={v} came out as {config.get(o, 'n')}"
           for o, v in wanted.items() if config.get(o, "n") != v]
    if bad:
        raise Failure("kernel config: " + "; ".join(bad))


def source_state(linux):
    """Changes with every change of what a kernel is built from, committed or not."""
    trees = run(["git", "ls-tree", "HEAD"], cwd=linux) + run(["git", "ls-tree", "HEAD", "tools/"],
                                                             cwd=linux)
    apart = ("\tDocumentation", "\ttools", "\ttools/testing")
    return "".join(t + "\n" for t in trees.splitlines() if not t.endswith(apart)) + run(
        ["git", "diff", "HEAD", "--", ".", ":!Documentation", ":!tools/testing"], cwd=linux)


def configure(make, out, frags, strict):
    """Replace .config only when it differs: its time makes kbuild look again."""
    merged, fresh = out / "merged.config", out / "fresh.config"
    merged.write_text("".join(f.read_text() for f in frags))
    run(make + [f"KCONFIG_ALLCONFIG={merged}", f"KCONFIG_CONFIG={fresh}", "allnoconfig"])
    config = out / ".config"
    if not config.exists() or config.read_text() != fresh.read_text():
        config.write_text(fresh.read_text())
    if strict:
        check_config(options(merged.read_text()), options(fresh.read_text()))


def begin(out, base):
    """A new output directory: empty, or a copy of base, if that is built."""
    if (base / "built").exists() and not out.exists():
        partial = out.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(base, partial, symlinks=True, ignore=shutil.ignore_patterns("built"))
        # Only the objects of objtool have been told where they are.
        for cmd in (partial / "tools").rglob(".*.cmd"):
            cmd.write_text(cmd.read_text().replace(str(base), str(out)))
        partial.rename(out)
    out.mkdir(parents=True, exist_ok=True)


def build(arch, flavour, linux, build_dir, jobs, foreign=""):
    """Returns the output directory, with image and modules up to date. A foreign tree
    may lack options, and this text changes with its sources."""
    out, frags = build_dir / f"kernel/{arch}-{flavour}", fragments(arch, flavour)
    text = (foreign or source_state(linux)) + "".join(f.read_text() for f in frags)
    stamp, state = out / "built", hashlib.sha256(text.encode(errors="replace")).hexdigest()
    if stamp.exists() and stamp.read_text() == state:
        return out
    step(f"building kernel {arch}-{flavour}")
    begin(out, build_dir / f"kernel/{arch}-{VARIANT_OF.get(flavour)}")
    spec = ARCHES[arch]
    # LOCALVERSION= keeps git's state out of the version string.
    cross = "" if native(arch) else spec["triplet"] + "-"
    make = ["make", "-s", "-C", str(linux), f"O={out}", f"ARCH={spec['karch']}",
            f"CROSS_COMPILE={cross}", "LOCALVERSION="]
    configure(make, out, frags, strict=not foreign)
    run(make + [f"-j{jobs}", spec["target"], "modules"], log=out / "build.log")
    stamp.write_text(state)
    return out
