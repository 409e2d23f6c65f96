#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Owns the command line of the QEMU tests: vmtest.py kernel|test|soak|demo|shell|fuzz.
Builds what is missing, runs scenarios side by side, and sums up."""

import argparse
import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from random import randrange

import fuzz
import guest
import host
import kernel
import specs
import vm
from common import ARCHES, HERE, Failure, log_to, say, step
from scenarios import SCENARIOS, Scenario, dtc


# The kernels of the demo: the second is soon made from the first.
DEMO = ["main", "alt"]


def arguments():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("action", nargs="?", default="test",
                   choices=["kernel", "test", "soak", "demo", "shell", "fuzz"])
    p.add_argument("--arch", choices=sorted(ARCHES),
                   help="test and soak: all, if not given; otherwise x86_64")
    p.add_argument("--linux", type=Path, default=HERE.parents[3], help="the kernel tree to build")
    p.add_argument("--build", type=Path, default=Path("build"))
    p.add_argument("--seconds", type=int, default=600, help="fuzz: for how long, in all")
    p.add_argument("--only", default="", help="scenarios, separated by commas")
    p.add_argument("--seed", type=int, default=randrange(1 << 24),
                   help="soak: what randomness follows from")
    return p.parse_args()


def build(arch, flavours, linux, build_dir):
    """flavour -> output directory, of all of them."""
    started = {}

    def one(flavour):
        if base := started.get(kernel.VARIANT_OF.get(flavour)):
            base.result()
        return kernel.build(arch, flavour, linux, build_dir, os.cpu_count())

    # Linking leaves CPUs idle: the next kernel takes them.
    with ThreadPoolExecutor(2) as pool:
        for flavour in flavours:
            started[flavour] = pool.submit(one, flavour)
    return {flavour: job.result() for flavour, job in started.items()}


def prepare(args, arch, flavours=None):
    """Kernels (all, if not given), initramfs, disk. Returns what a guest needs to boot."""
    build_dir = args.build.resolve()
    build_dir.mkdir(exist_ok=True)
    outs = build(arch, flavours or ARCHES[arch]["flavours"], args.linux.resolve(), build_dir)
    initrd = guest.initramfs(arch, guest.userland(arch, build_dir), build_dir)
    return {"arch": arch, "initrd": initrd, "results": build_dir / "results" / arch,
            "disk": guest.disk(arch, outs, initrd, build_dir,
                               guest.command(arch, args.linux.resolve(), build_dir),
                               [guest.program(arch, args.linux.resolve(), build_dir,
                                              HERE / "luo_test.c", "-Wextra", "-Werror")]),
            "images": {f: out / ARCHES[arch]["image"] for f, out in outs.items()}}


def progress(arch, scenario):
    """What is said of a long scenario while it runs: every tenth kernel."""
    booted = count(1)

    def on_line(line):
        if "Linux version" in line and (n := next(booted)) % 10 == 0:
            step(f"{arch} {scenario.name}: kernel {n} of {scenario.stages}")
    return on_line if scenario.soak else lambda line: None


def run_one(ready, scenario, on_line=None):
    out = ready["results"] / scenario.name
    step(f"{ready['arch']} {scenario.name} ...")
    on_line = on_line or progress(ready["arch"], scenario)
    lines, ended = vm.run(ready["arch"], scenario, ready["images"][scenario.flavour],
                          ready["initrd"], ready["disk"], out, on_line)
    found = vm.verdicts(lines, scenario)
    if not ended:
        found.append(("failed", f"ends within {scenario.timeout * vm.PATIENCE} s"))
    elif not any("kho-test: done" in s for s in lines):
        found.append(("failed", "the guest reports that it is done"))
    missing = [i for i in range(scenario.stages)
               if not any(f"[{i}]" in name for _, name in found)]
    if missing:
        found.append(("failed", f"kernel number {missing[0]} of the scenario reports"))
    if scenario.check:
        found += scenario.check(out)
    found += specs.check_blobs(HERE.parents[3], out)
    report(f"{ready['arch']} {scenario.name}", found, lines, out)
    return found


def run_safely(job):
    """One scenario that the harness cannot run must not hide what the others found."""
    try:
        return job()
    except Exception as e:
        return [("failed", f"harness: {e!r}")]


def report(title, found, lines, out):
    bad = [name for result, name in found if result == "failed"]
    step(f"{title}: {sum(r == 'ok' for r, _ in found)} passed, {len(bad)} failed")
    if bad:
        say("\n".join([*("    " + s for s in lines[-40:]),
                       *(f"  FAILED {title}: {name}" for name in bad),
                       f"  console: {os.path.relpath(out / 'console.log')}"]))


def chosen(args, arches):
    """(architecture, scenario) for each that shall run, and names of host tests."""
    names = [n for n in args.only.split(",") if n]
    soak = args.action == "soak"
    scenarios, hosts = [s for s in SCENARIOS if s.soak == soak], [] if soak else host.NAMES
    known = [s.name for s in scenarios] + hosts
    if unknown := set(names) - set(known):
        raise Failure(f"no scenario {', '.join(sorted(unknown))}; there are: " + " ".join(known))
    return ([(a, seeded(args, s)) for a in arches for s in scenarios
             if (not names or s.name in names) and a in (s.arches or ARCHES)],
            [n for n in hosts if not names or n in names])


def seeded(args, scenario):
    """No two scenarios of a soak have the same seeds; a kernel adds its number."""
    if not scenario.soak:
        return scenario
    seed = args.seed + 1000 * [s.name for s in SCENARIOS].index(scenario.name)
    return replace(scenario, cmdline=f"{scenario.cmdline} kho_seed={seed}")


def total(results):
    """The last line of a test run, and its exit code."""
    count = Counter(result for found in results for result, _ in found)
    say(f"{count['ok']} passed, {count['failed']} failed")
    return 1 if count["failed"] or not count["ok"] else 0


def test(args):
    log_to(args.build / f"{args.action}.log")
    if args.action == "soak":
        say(f"SEED={args.seed} repeats this")
    ready, results = {}, []
    try:
        todo, on_host = chosen(args, [args.arch] if args.arch else list(ARCHES))
    except Failure as e:
        say(f"FAILED: {e}")
        return total([[("failed", "scenario")]])
    for arch in dict.fromkeys(arch for arch, _ in todo):
        try:
            ready[arch] = prepare(args, arch)
        except Failure as e:
            # The architectures that could be built are tested all the same.
            say(f"FAILED {arch}: {e}")
            results.append([("failed", "build")])
    jobs = {("host", n): partial(host.test, n, args.linux.resolve(), args.build.resolve() / "results",
                                 args.arch or "x86_64") for n in on_host}
    jobs.update({(arch, s.name): partial(run_one, ready[arch], s)
                 for arch, s in todo if arch in ready})
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        ran = list(pool.map(run_safely, jobs.values()))
    for (where, job), found in zip(jobs, ran):
        for name in [n for r, n in found if r == "failed"]:
            say(f"FAILED {where} {job}: {name} (build/results/{where}/{job}/console.log)")
    return total(results + ran)


def narrate(line):
    """The guest's own story, without the kernel's."""
    _, marker, text = line.partition("kho-test: ")
    if marker and text != "done":
        say("    " + text.removeprefix("# "))


def demo(args):
    log_to(args.build / "demo.log")
    ready = prepare(args, args.arch, DEMO)
    scenario = next(s for s in SCENARIOS if s.name == "demo")
    found = run_one(ready, scenario, narrate)
    out = ready["results"] / scenario.name
    for dts in sorted(out.glob("incoming-*.dts")):
        blob = os.path.relpath(dts.with_suffix(".dtb"))
        say(f"\nThe handover, as `dtc -I dtb -O dts {blob}` prints it:\n")
        say(dts.read_text())
    if (told := dtc("dtb", "dts", out / "hardware-1")):
        say("What /chosen of the hardware's devicetree said of it:\n")
        say("\n".join(s for s in told.decode().splitlines() if "linux,kho-" in s) + "\n")
    bad = sum(result == "failed" for result, _ in found)
    say(f"The handover FAILED: {bad} checks" if bad else
        f"The handover works: {len(found)} checks passed, and the second kernel has the state "
        "of the first.")
    return 1 if bad else 0


def search(args):
    log_to(args.build / "fuzz.log")
    return total([fuzz.test(args.linux.resolve(), args.build.resolve() / "results", args.seconds)])


def shell(args):
    ready = prepare(args, args.arch, DEMO)
    demo_scenario = next(s for s in SCENARIOS if s.name == "demo")
    scenario = Scenario("shell", cmdline=demo_scenario.cmdline)
    qemu = vm.command(args.arch, scenario, ready["images"]["main"], ready["initrd"], ready["disk"],
                      vm.cmdline(args.arch, scenario))
    qemu[qemu.index("stdio")] = "mon:stdio"
    return subprocess.run(qemu).returncode


if __name__ == "__main__":
    options = arguments()
    if options.action not in ("test", "soak"):
        options.arch = options.arch or "x86_64"
    try:
        actions = {"kernel": lambda a: prepare(a, a.arch) and 0, "test": test, "soak": test,
                   "demo": demo, "shell": shell, "fuzz": search}
        sys.exit(actions[options.action](options))
    except Failure as failure:
        sys.exit(f"vmtest: {failure}")
