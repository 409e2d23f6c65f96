#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Owns the command line of the QEMU tests: vmtest.py kernel|test|demo|shell.
Builds what is missing, runs scenarios side by side, and sums up."""

import argparse
import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import guest
import kernel
import vm
from common import ARCHES, HERE, Failure, log_to, say, step
from scenarios import SCENARIOS, Scenario


def arguments():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("action", nargs="?", default="test",
                   choices=["kernel", "test", "demo", "shell"])
    p.add_argument("--arch", default="x86_64", choices=sorted(ARCHES))
    p.add_argument("--linux", type=Path, default=HERE.parents[3], help="the kernel tree to build")
    p.add_argument("--build", type=Path, default=Path("build"))
    p.add_argument("--only", default="", help="scenarios, separated by commas")
    return p.parse_args()


def prepare(args):
    """Kernels, initramfs, disk. Returns what a guest needs to boot."""
    build_dir = args.build.resolve()
    build_dir.mkdir(exist_ok=True)
    outs = {f: kernel.build(args.arch, f, args.linux.resolve(), build_dir, os.cpu_count())
            for f in kernel.FLAVOURS}
    initrd = guest.initramfs(build_dir)
    return {"arch": args.arch, "initrd": initrd, "results": build_dir / "results",
            "disk": guest.disk(args.arch, outs, initrd, build_dir),
            "images": {f: out / ARCHES[args.arch]["image"] for f, out in outs.items()}}


def run_one(ready, scenario, on_line=lambda line: None):
    out = ready["results"] / scenario.name
    step(f"{scenario.name} ...")
    lines, ended = vm.run(ready["arch"], scenario, ready["images"][scenario.flavour],
                          ready["initrd"], ready["disk"], out, on_line)
    found = vm.verdicts(lines, scenario)
    if not ended:
        found.append(("failed", f"ends within {scenario.timeout} s"))
    elif not any("kho-test: done" in s for s in lines):
        found.append(("failed", "the guest reports that it is done"))
    missing = [i for i in range(scenario.stages)
               if not any(f"[{i}]" in name for _, name in found)]
    if missing:
        found.append(("failed", f"kernel number {missing[0]} of the scenario reports"))
    if scenario.check:
        found += scenario.check(out)
    report(scenario, found, lines, out)
    return found


def report(scenario, found, lines, out):
    bad = [name for result, name in found if result == "failed"]
    step(f"{scenario.name}: {sum(r == 'ok' for r, _ in found)} passed, {len(bad)} failed")
    if bad:
        say("\n".join([*("    " + s for s in lines[-40:]),
                       *(f"  FAILED {scenario.name}: {name}" for name in bad),
                       f"  console: {os.path.relpath(out / 'console.log')}"]))


def chosen(only):
    names = [n for n in only.split(",") if n]
    unknown = set(names) - {s.name for s in SCENARIOS}
    if unknown:
        raise Failure(f"no scenario {', '.join(sorted(unknown))}; there are: "
                      + " ".join(s.name for s in SCENARIOS))
    return [s for s in SCENARIOS if not names or s.name in names]


def total(results):
    """The last line of a test run, and its exit code."""
    count = Counter(result for found in results for result, _ in found)
    skipped = f", {count['skipped']} skipped" if count["skipped"] else ""
    say(f"{count['ok']} passed, {count['failed']} failed{skipped}")
    return 1 if count["failed"] or not count["ok"] else 0


def test(args):
    log_to(args.build / "test.log")
    try:
        scenarios, ready = chosen(args.only), prepare(args)
    except Failure as e:
        say(f"FAILED: {e}")
        return total([[("failed", "build")]])
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda s: run_one(ready, s), scenarios))
    for s, found in zip(scenarios, results):
        for name in [n for r, n in found if r == "failed"]:
            say(f"FAILED {s.name}: {name} (build/results/{s.name}/console.log)")
    return total(results)


def narrate(line):
    """The guest's own story, without the kernel's."""
    _, marker, text = line.partition("kho-test: ")
    if marker and text != "done":
        say("    " + text.removeprefix("# "))


def demo(args):
    log_to(args.build / "demo.log")
    ready = prepare(args)
    scenario = next(s for s in SCENARIOS if s.name == "demo")
    found = run_one(ready, scenario, narrate)
    out = ready["results"] / "demo"
    for dts in sorted(out.glob("incoming-*.dts")):
        blob = os.path.relpath(dts.with_suffix(".dtb"))
        say(f"\nThe handover, as `dtc -I dtb -O dts {blob}` prints it:\n")
        say(dts.read_text())
    bad = sum(result == "failed" for result, _ in found)
    say(f"The handover FAILED: {bad} checks" if bad else
        f"The handover works: {len(found)} checks passed, and the second kernel has the state "
        "of the first.")
    return 1 if bad else 0


def shell(args):
    ready = prepare(args)
    demo_scenario = next(s for s in SCENARIOS if s.name == "demo")
    scenario = Scenario("shell", cmdline=demo_scenario.cmdline)
    qemu = vm.command(args.arch, scenario, ready["images"]["main"], ready["initrd"], ready["disk"],
                      vm.cmdline(args.arch, scenario))
    qemu[qemu.index("stdio")] = "mon:stdio"
    return subprocess.run(qemu).returncode


if __name__ == "__main__":
    options = arguments()
    try:
        actions = {"kernel": lambda a: prepare(a) and 0, "test": test, "demo": demo, "shell": shell}
        sys.exit(actions[options.action](options))
    except Failure as failure:
        sys.exit(f"vmtest: {failure}")
