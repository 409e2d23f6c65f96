#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Owns `make bench`: the list of what is measured, in instructions of a guest, the
goals for it, and where the figures go. kho_bench.c measures inside the guests."""

import argparse
import csv
import datetime
import os
import re
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable, Optional

import guest
import kernel
import mainline
import vm
from common import ARCHES, HERE, Failure, log_to, run, say, step
from sampler import Sampler
from scenarios import Scenario

# Their probing waits for the host, which is not in a hurry.
WITHOUT_DEVICES = "initcall_blacklist=virtio_pci_driver_init"
# The cycle counter counts nanoseconds, that is instructions. With erms, memory is cleared and
# copied by one instruction that QEMU counts for each byte, and no CPU takes as long for.
CPU = {"x86_64": "max,-erms", "arm64": "cortex-a76,cntfrq=1000000000"}


@dataclass
class Row:
    """One guest, and what it preserves."""
    name: str
    kind: str = ""
    count: int = 0
    mem: str = "4G"
    goal: Optional[float] = None    # of the time from start to init, over a plain kexec's
    mainline: str = ""              # why it is not measured there
    late: bool = False              # the jump activates the handover
    kho: str = "on"
    stages: int = 2

    @property
    def large(self):
        """The host gives only what the guest touches, which is struct pages, mostly."""
        return int(self.mem[:-1]) > 8


QUADRATIC = "skipped: quadratic"
ROWS = {r.name: r for r in (
    Row("0", goal=1.00),
    Row("1k", "fragments", 1_000, goal=1.01),
    Row("10k", "fragments", 10_000, goal=1.02),
    Row("100k", "fragments", 100_000, goal=1.05),
    Row("100k-late", "fragments", 100_000, late=True, mainline="has no activation"),
    Row("500k", "fragments", 500_000, goal=1.20, mem="8G", mainline=QUADRATIC),
    Row("10M", "fragments", 10_000_000, mem="128G", mainline=QUADRATIC),
    Row("1G", "blocks", 256),
    Row("3G", "blocks", 768),
    Row("folios-1G", "folios", 512),
    # A page in each 2 MiB and 8 KiB.
    Row("sparse-4G", "sparse", 1_200),
    Row("sparse-16G", "sparse", 6_000, mem="16G"),
    Row("sparse-64G", "sparse", 30_000, mem="64G", mainline=QUADRATIC),
    Row("512G", "folios", 256 * 512, mem="512G"),
)}
COLD = Row("cold", kho="off", stages=1)


def plain(row):
    """The same guest without a handover."""
    return Row(f"plain-{row.mem}", mem=row.mem, kho="off")


def arguments():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--arch", choices=ARCHES, default="x86_64")
    p.add_argument("--linux", type=Path, default=HERE.parents[3], help="the kernel tree to build")
    p.add_argument("--build", type=Path, default=Path("build"))
    p.add_argument("--rows", default="", help="some of: " + " ".join(ROWS))
    p.add_argument("--profile", action="store_true", help="show where the time of one row goes")
    p.add_argument("--mainline", action="store_true", help="measure a mainline kernel, too")
    args = p.parse_args()
    if args.mainline and args.arch != "x86_64":
        p.error("mainline is measured on x86_64 only")
    return args


def chosen(only):
    names = [n for n in only.split(",") if n]
    if unknown := [n for n in names if n not in ROWS]:
        raise Failure(f"no row {', '.join(unknown)}; there are: {' '.join(ROWS)}")
    return [r for r in ROWS.values() if not names or r.name in names]


def head(tree):
    """The commit of a worktree; none if it is not there, or its repository was made anew."""
    try:
        return run(["git", "rev-parse", "HEAD"], cwd=tree) if tree.exists() else ""
    except Failure:
        return ""


def base_tree(linux, build_dir):
    """The kernel without the series, in a tree beside the one with it."""
    tree = build_dir / "base"
    wanted = run(["git", "rev-parse", "base"], cwd=linux)
    if head(tree) != wanted:
        step("checking out the kernel without the series")
        shutil.rmtree(tree, ignore_errors=True)
        run(["git", "worktree", "prune"], cwd=linux)
        run(["git", "worktree", "add", "--detach", tree, "base"], cwd=linux)
    return tree


@dataclass
class Ready:
    """What guests need."""
    arch: str
    initrd: Path
    disk: Path
    results: Path
    images: dict    # by flavour


def prepare(args):
    """Builds kernels."""
    build_dir, linux = args.build.resolve(), args.linux.resolve()
    trees = {"bench": (linux, ""), "base": (base_tree(linux, build_dir), "")}
    if args.mainline:
        trees["mainline"] = mainline.prepare(linux, build_dir)
    outs = {f: kernel.build(args.arch, f, tree, build_dir, os.cpu_count(), foreign)
            for f, (tree, foreign) in trees.items()}
    work = build_dir / "bench" / args.arch
    work.mkdir(parents=True, exist_ok=True)
    initrd = guest.initramfs(args.arch, guest.userland(args.arch, build_dir), work)
    return Ready(args.arch, initrd, guest.disk(args.arch, outs, initrd, work), work,
                 {f: out / ARCHES[args.arch]["image"] for f, out in outs.items()})


def scenario(arch, flavour, row):
    # Nothing goes on beside what is measured, and what waits does so for the same time.
    words = ["quiet nokaslr initramfs_async=0", f"kho={row.kho}", f"kho_kind={row.kind}",
             f"kho_count={row.count}", "kho_late=1" if row.late else "",
             WITHOUT_DEVICES if row.stages == 1 else f"kho_next={WITHOUT_DEVICES}"]
    lent = ("-object", f"memory-backend-ram,id=ram,size={row.mem},reserve=off",
            "-machine", "memory-backend=ram")
    return Scenario(row.name, cmdline=" ".join(words), script="bench", flavour=flavour, smp="1",
                    mem=row.mem, timeout=1800 if row.large else 600, stages=row.stages,
                    icount=True, cpu=CPU[arch],
                    qemu=lent if row.large else ())


def numbers(pattern, text):
    found = re.search(pattern, text)
    return [float(n) for n in found.groups()] if found else []


def moment(what, log):
    """The number of instructions after which the kernel logged something."""
    return next((round(t * 1e9) for t in numbers(rf"\[ *([\d.]+)\] {what}", log)), None)


def on_counter(what, log):
    """The same, counted from when the guest was switched on: a log has times of its own."""
    now, = numbers(r"kho_bench: clock: (\d+) cycles", log)
    return int(now) - moment("kho_bench: clock", log) + moment(what, log)


def figures(arch, lines):
    """What the logs of a guest's kernels tell, by name."""
    logs = re.split(r"(?=\[ *0\.000000\] Linux version)", "\n".join(lines))
    # An early console shows the first lines of a log, too.
    logs = [log for log in logs if "Run /init" in log]
    first, last = logs[0], logs[-1]
    found = {"start": moment("Run /init", last),
             "release": re.search(r"Linux version (\S+)", last)[1]}
    if len(logs) > 1:
        init = on_counter("Run /init", last)
        found["blackout"] = init - on_counter("kho-test: # jump", first)
        if arch == "arm64":
            found["start"] = init - on_counter("kexec_core: Starting new kernel", first)
    for what, log in (("preserve", first), ("restore", last)):
        if seen := numbers(rf"{what}: (\d+) pages, (\d+) calls, (\d+) cycles", log):
            found["pages"], found["calls"], found[what] = map(int, seen)
    begin, end = (moment(what, first) for what in (r"kho_bench: activation", r"kho: .* active"))
    if begin and end:
        found["activation"] = end - begin
    found["table"] = next(map(int, numbers(r"memory table of (\d+) bytes", first)), None)
    found["ranges"] = next(map(int, numbers(r"accepted from .*: (\d+) ranges", last)), None)
    found["scratch"] = sum(int(n, 0) for n in re.findall(r"# scratch: (\w+)$", first, re.M))
    return found


def measure(ready, flavour, row):
    """The figures of one guest; "error" is one of them if it did not work."""
    out = ready.results / flavour / row.name
    step(f"{flavour} {row.name} ...")
    work = scenario(ready.arch, flavour, row)
    lines, ended = vm.run(ready.arch, work, ready.images[flavour], ready.initrd, ready.disk, out)
    bad = [re.sub(r"^\[\d\] ", "", name) for result, name in vm.verdicts(lines, work)
           if result == "failed"]
    if not ended:
        bad.append(f"more than {work.timeout * vm.PATIENCE} s")
    elif not bad and sum("Run /init" in s for s in lines) != row.stages:
        bad.append("a kernel does not report")
    if bad:
        say("\n".join([*("    " + s for s in lines[-40:]),
                       f"  FAILED {flavour} {row.name}: {bad[0]}",
                       f"  console: {os.path.relpath(out / 'console.log')}"]))
        return {"error": bad[0]}
    found = figures(ready.arch, lines)
    step(f"{flavour} {row.name}: {found['start'] / 1e9:.4f} Ginsn from start to init")
    return found


def profile(args, ready, row):
    """Where the CPU is between the old kernel's last lines and the new one's init."""
    sampler = Sampler(ready.results / "monitor")
    work = scenario(ready.arch, "bench", row)
    work = replace(work, qemu=work.qemu + sampler.qemu())

    def on_line(line):
        if "# jump" in line:
            sampler.on.set()
        elif "# started" in line:
            sampler.on.clear()

    sampler.start()
    vm.run(ready.arch, work, ready.images["bench"], ready.initrd, ready.disk,
           ready.results / "profile", on_line)
    seen = sampler.functions(args.build.resolve() / f"kernel/{ready.arch}-bench/System.map")
    lines = [["share", "function"]] + [[f"{n / len(sampler.seen):.1%}", function]
                                       for function, n in seen.most_common(30)]
    say(f"\n{len(sampler.seen)} samples of {row.name}\n{table(lines)}")


def measure_all(ready, rows):
    """(flavour, row's name) -> figures. A large guest runs alone."""
    todo = [("base", COLD), ("bench", COLD)]
    for flavour in [f for f in ("bench", "mainline") if f in ready.images]:
        mine = [r for r in rows if flavour == "bench" or not r.mainline]
        todo += [(flavour, p) for p in {r.mem: plain(r) for r in mine}.values()]
        todo += [(flavour, r) for r in mine]
    results = {}
    for jobs, large in ((os.cpu_count(), False), (1, True)):
        some = [(f, r) for f, r in todo if r.large == large]
        with ThreadPoolExecutor(jobs) as pool:
            done = pool.map(lambda t: measure(ready, *t), some)
        results.update({(f, r.name): found for (f, r), found in zip(some, done)})
    return results


@dataclass
class Figure:
    """A cell of the table for each kernel: fn of the figures of these guests."""
    title: str
    rows: tuple
    fn: Callable
    goal: Optional[float] = None
    form: str = "{:,.0f}"
    slack: float = 0        # what a goal of few digits leaves open


def each(what, unit="pages"):
    return lambda r: r[what] / r[unit]


def over(what):
    return lambda r, other: r[what] / other[what]


def above(what, unit):
    """What it takes more than the other one does, for each of its pages or the like."""
    return lambda r, other: (r[what] - other[what]) / r[unit]


def billions(what):
    return lambda r: r[what] / 1e9


def with_plain(name):
    return name, f"plain-{ROWS[name].mem}"


def figure_list():
    ratio, huge = "÷ plain kexec", "256 GiB in 512 GiB, per GiB"
    return [
        *(Figure(f"start to init, {ratio}: {r.name}", with_plain(r.name), over("start"), r.goal,
                 "{:.3f}", 0.005) for r in ROWS.values() if not r.late),
        *(Figure(f"start to init, plain kexec in {mem}iB, in billions", (f"plain-{mem}",),
                 billions("start"), form="{:.4f}") for mem in ("4G", "8G", "128G")),
        *(Figure(f"start to init, above plain, per page: {name}", with_plain(name),
                 above("start", "pages")) for name in ("100k", "500k", "10M")),
        *(Figure(f"blackout, {ratio}: {name}", with_plain(name), over("blackout"), form="{:.3f}")
          for name in ("0", "100k", "100k-late", "500k", "10M")),
        *(Figure(f"blackout, plain kexec in {mem}iB, in billions", (f"plain-{mem}",),
                 billions("blackout"), form="{:.4f}") for mem in ("4G", "8G", "128G")),
        Figure("preserve one page", ("100k",), each("preserve"), 98),
        Figure("restore one page", ("100k",), each("restore"), 116),
        Figure("preserve a range, per page", ("1G",), each("preserve"), 0.4, "{:.3f}"),
        Figure("restore a range, per page", ("1G",), each("restore"), 3.5, "{:.1f}"),
        Figure("preserve a folio of 2 MiB", ("folios-1G",), each("preserve", "calls"), 120),
        Figure("restore a folio of 2 MiB", ("folios-1G",), each("restore", "calls"), 5000),
        Figure("activate with 500,000 fragments", ("500k",), lambda r: r["activation"], 2e6),
        Figure("memory table, bytes per fragment", ("500k",), each("table"), 0.6, "{:.2f}"),
        Figure("memory table, bytes per range", ("3G",), each("table", "ranges"), 32),
        Figure("scratch in 4 GiB, MiB", ("0",), lambda r: r["scratch"] / 2**20, 128),
        Figure("boot with kho=off, ÷ without the series", ("cold", ("base", "cold")),
               over("start"), 1.000, "{:.3f}"),
        *(Figure(f"{huge}: {what}", ("512G",), lambda r, what=what: r[what] / 256)
          for what in ("preserve", "activation", "restore")),
        Figure(f"{huge}: start to init, above plain", with_plain("512G"),
               lambda r, p: (r["start"] - p["start"]) / 256),
    ]


def release(results, flavour):
    return next((found["release"] for (f, _), found in results.items()
                 if f == flavour and "release" in found), flavour)


def value(results, flavour, figure):
    """A number, or why there is none."""
    row = ROWS.get(figure.rows[0], COLD)
    if flavour == "mainline" and row.mainline:
        return row.mainline
    guests = [results.get(k if isinstance(k, tuple) else (flavour, k), {}) for k in figure.rows]
    for error in (g["error"] for g in guests if "error" in g):
        return f"failed: {error}"
    try:
        return figure.fn(*guests)
    except (KeyError, TypeError):
        return "-"


def table(lines):
    """A simple table, as reStructuredText has it; the first line is the header."""
    widths = [max(map(len, column)) for column in zip(*lines)]
    rule = "  ".join("=" * w for w in widths)
    rows = ["  ".join(c.ljust(w) for c, w in zip(line, widths)).rstrip() for line in lines]
    return "\n".join([rule, rows[0], rule, *rows[1:], rule])


def summary(results, flavours):
    """The table, how many goals there are, and how many are met."""
    lines = [["instructions, if not said otherwise", "goal", "met",
              *(release(results, f) for f in flavours)]]
    said = {"-", *(r.mainline for r in ROWS.values())}
    for figure in figure_list():
        values = [value(results, f, figure) for f in flavours]
        if said.issuperset(values):
            continue
        met = "-" if figure.goal is None else \
            "no" if isinstance(values[0], str) or values[0] > figure.goal + figure.slack else "yes"
        goal = "-" if figure.goal is None else figure.goal
        lines.append([figure.title, *(v if isinstance(v, str) else figure.form.format(v)
                                      for v in (goal, met, *values))])
    verdicts = [line[2] for line in lines]
    return table(lines), verdicts.count("yes") + verdicts.count("no"), verdicts.count("yes")


def write_csv(results, path):
    with path.open("w", newline="") as f:
        out = csv.writer(f)
        out.writerow(["kernel", "row", "figure", "value"])
        for (flavour, row), found in results.items():
            out.writerows([flavour, row, name, value] for name, value in found.items())


def plot(results, flavours, path):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    fig, axes = pyplot.subplots(figsize=(7, 4.5), layout="constrained")
    rows = [(r, Figure("", with_plain(r.name), over("start"))) for r in ROWS.values()
            if r.kind == "fragments" and not r.late]
    for flavour in flavours:
        points = [(r.count, value(results, flavour, figure)) for r, figure in rows]
        axes.plot(*zip(*(p for p in points if not isinstance(p[1], str))), marker="o",
                  label=release(results, flavour))
    axes.plot(*zip(*((r.count, r.goal) for r, _ in rows if r.goal)), "k:", label="goal")
    # Mainline's time is quadratic; without it, all is close to 1.
    axes.set(xscale="log", yscale="log" if "mainline" in flavours else "linear",
             xlabel="pages preserved, at every other page frame",
             ylabel="new kernel's start to init, ÷ plain kexec")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("")
    axes.grid(True, which="both", alpha=0.3)
    axes.legend()
    fig.savefig(path, dpi=120)


RST = """\
.. SPDX-License-Identifier: GPL-2.0
.. ``make bench ARCH={arch}`` writes this file.

{rule}
Figures of {arch}
{rule}

Measured on {date}. What each line means is in :doc:`performance`.

{table}

Kernels: {releases}. {qemu}.
"""


def write_rst(arch, results, flavours, text):
    qemu = run([ARCHES[arch]["qemu"][0], "--version"]).splitlines()[0]
    releases = ", ".join("Linux " + release(results, f) for f in flavours)
    path = HERE.parents[3] / f"Documentation/kho/figures-{arch}.rst"
    path.write_text(RST.format(arch=arch, rule="=" * len(f"Figures of {arch}"), table=text,
                               date=datetime.date.today(), releases=releases, qemu=qemu))


def bench(args):
    log_to(args.build / "bench.log")
    rows = chosen(args.rows)
    ready = prepare(args)
    if args.profile:
        return profile(args, ready, rows[0])
    results = measure_all(ready, rows)
    flavours = [f for f in ("bench", "mainline") if f in ready.images]
    text, goals, met = summary(results, flavours)
    say("\n" + text + "\n")
    write_csv(results, ready.results / "figures.csv")
    bad = [row for (flavour, row), found in results.items()
           if flavour != "mainline" and "error" in found]
    if not args.rows:
        plot(results, flavours, ready.results / "figures.png")
        write_rst(args.arch, results, flavours, text)
    say(f"Benchmark FAILED: {', '.join(bad)}" if bad else
        f"All {len(results)} guests work; {met} of {goals} goals are met.")
    return 1 if bad else 0


if __name__ == "__main__":
    try:
        sys.exit(bench(arguments()))
    except Failure as failure:
        sys.exit(f"bench: {failure}")
