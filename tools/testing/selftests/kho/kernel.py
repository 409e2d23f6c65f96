# SPDX-License-Identifier: GPL-2.0
"""Owns the test kernels: merges a flavour's config fragments, checks that each
option came out as asked, and builds image and modules, only when needed."""

import hashlib
import re
import shutil
import subprocess

import progress
from common import ARCHES, HERE, Failure, native, run, step

FLAVOURS = {
    "main": ["common", "handover", "main"],
    "debug": ["common", "handover", "debug"],
    "64k": ["common", "handover", "64k"],
    # For bench.py only; base is the kernel without the series.
    "bench": ["common", "handover", "bench"],
    "base": ["common", "handover", "bench", "base"],
    "mainline": ["common", "handover", "bench", "mainline"],
}
# Flavours that differ from another in a few options: what it has is theirs, and they
# are built from a copy of it, in which kbuild compiles what those options change.
VARIANT_OF = {"alt": "main", "nokho": "main", "small": "main", "small2": "small"}
# More objects than those options change.
MANY = 300


def fragments(arch, flavour):
    """Later ones win. Each may have a second part, or its only one, for an architecture."""
    base = VARIANT_OF.get(flavour)
    names = [flavour] if base else [*FLAVOURS[flavour], arch]
    names += [f"{arch}-{n}" for n in names]
    paths = [HERE / f"configs/{n}.config" for n in names]
    return (fragments(arch, base) if base else []) + [p for p in paths if p.exists()]


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
    apart = ("\tDocumentation", "\ttools", "\ttools/kho", "\ttools/testing")
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


def copy(base, out):
    """What is built in base, as if it had been built in out. Returns whether there is any."""
    if not (base / "built").exists():
        return False
    partial = out.with_suffix(".partial")
    for path in partial, out:
        shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(base, partial, symlinks=True, ignore=shutil.ignore_patterns("built"))
    # Only the objects of objtool have been told where they are.
    for cmd in (partial / "tools").rglob(".*.cmd"):
        cmd.write_text(cmd.read_text().replace(str(base), str(out)))
    partial.rename(out)
    return True


def plan(make, out, frags, strict):
    """Returns how many objects have to be compiled; 0 if make cannot tell."""
    out.mkdir(parents=True, exist_ok=True)
    configure(make, out, frags, strict)
    # Before what that builds is there, make -n fails.
    run(make + ["prepare"], log=out / "build.log")
    return progress.planned(make)


def old_sample(make, linux, out):
    """The sample as it was before revision 2 of its node, for the scenario revisions: it is
    the sample, but for the lines that have what that added."""
    old = out / "old"
    shutil.rmtree(old, ignore_errors=True)
    (old / "specs").mkdir(parents=True)
    shutil.copy(linux / "Documentation/kho/specs/released/kho-sample-v1.1.yaml", old / "specs")
    run([linux / "tools/kho/kho-gen", "--specs", old / "specs", "--out", old])
    shutil.copy(old / "samples/kho/kho_sample_node.h", old)
    lines = (linux / "samples/kho/kho_sample.c").read_text().splitlines(keepends=True)
    (old / "kho_sample_old.c").write_text(
        "".join(s for s in lines if not re.search(r"\.(has_)?from\b", s)))
    (old / "Kbuild").write_text("obj-m := kho_sample_old.o\n")
    run(make + [f"M={old}", "modules"], log=old / "build.log")


def command(arch, linux, out, jobs):
    """make, for what is built in an output directory."""
    spec = ARCHES[arch]
    cross = "" if native(arch) else spec["triplet"] + "-"
    # LOCALVERSION= keeps git's state out of the version string.
    return ["make", "--no-print-directory", f"-j{jobs}", "-C", str(linux), f"O={out}",
            f"ARCH={spec['karch']}", f"CROSS_COMPILE={cross}", "LOCALVERSION="]


def build(arch, flavour, linux, build_dir, jobs, foreign=""):
    """Returns the output directory, with image and modules up to date. A foreign tree
    may lack options, and this text changes with its sources."""
    out, frags = build_dir / f"kernel/{arch}-{flavour}", fragments(arch, flavour)
    text = (foreign or source_state(linux)) + "".join(f.read_text() for f in frags)
    stamp, state = out / "built", hashlib.sha256(text.encode(errors="replace")).hexdigest()
    if stamp.exists() and stamp.read_text() == state:
        return out
    step(f"building kernel {arch}-{flavour}")
    base = build_dir / f"kernel/{arch}-{VARIANT_OF.get(flavour)}"
    make = command(arch, linux, out, jobs)
    with progress.Build(f"{arch}-{flavour}") as news:
        copied = not out.exists() and copy(base, out)
        news.total = plan(make, out, frags, not foreign)
        # What was compiled for base need not be compiled again.
        if news.total > MANY and not copied and copy(base, out):
            news.total = plan(make, out, frags, not foreign)
        run(make + [ARCHES[arch]["target"], "modules"], log=out / "build.log", on_line=news.on_line)
    if flavour == "alt":
        old_sample(make, linux, out)
    step(f"kernel {arch}-{flavour} is built: {news.done} objects")
    stamp.write_text(state)
    return out
