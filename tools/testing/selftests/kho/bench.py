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

ARCH = "x86_64"
FIGURES = HERE.parents[3] / "Documentation/kho/figures.rst"
# Their probing waits for the host, which is not in a hurry.
WITHOUT_DEVICES = "initcall_blacklist=virtio_pci_driver_init"


@dataclass
class Row:
    """One guest, and what it preserves."""
    name: str
    kind: str = ""
    count: int = 0
    mem: str = "4G"
    goal: float = 0         # of the time from start to init, over a plain kexec's
    mainline: str = ""      # why it is not measured there
    kho: str = "on"
    stages: int = 2
    timeout: int = 600
    cpu: str = ""
    qemu: tuple = ()


def lent(size):
    """QEMU's arguments for memory that the host gives only for what the guest touches."""
    return ("-object", f"memory-backend-ram,id=ram,size={size},reserve=off",
            "-machine", "memory-backend=ram")


QUADRATIC = "skipped: quadratic"
ROWS = [
    Row("0", goal=1.00),
    Row("1k", "fragments", 1_000, goal=1.01),
    Row("10k", "fragments", 10_000, goal=1.02),
    Row("100k", "fragments", 100_000, goal=1.05),
    Row("500k", "fragments", 500_000, goal=1.20, mem="8G", mainline=QUADRATIC),
    Row("1G", "blocks", 256),
    Row("3G", "blocks", 768),
    Row("folios-1G", "folios", 512),
    # A page in each 2 MiB and 8 KiB.
    Row("sparse-4G", "sparse", 1_200),
    Row("sparse-16G", "sparse", 6_000, mem="16G", qemu=lent("16G")),
    # What the guest touches is struct pages, mostly. That these are cleared one byte an
    # instruction would take most of the time.
    Row("sparse-64G", "sparse", 30_000, mem="64G", timeout=1800, cpu="max,-erms",
        mainline=QUADRATIC, qemu=lent("64G")),
    Row("512G", "folios", 256 * 512, mem="512G", timeout=1800, cpu="max,-erms",
        qemu=lent("512G")),
]
COLD = Row("cold", kho="off", stages=1)


def plain(row):
    """The same guest without a handover."""
    return replace(row, name=f"plain-{row.mem}", kind="", count=0, kho="off")


def arguments():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--linux", type=Path, default=HERE.parents[3], help="the kernel tree to build")
    p.add_argument("--build", type=Path, default=Path("build"))
    p.add_argument("--rows", default="", help="some of: " + " ".join(r.name for r in ROWS))
    p.add_argument("--profile", action="store_true", help="show where the time of one row goes")
    p.add_argument("--mainline", action="store_true", help="measure a mainline kernel, too")
    return p.parse_args()


def chosen(only):
    names = [n for n in only.split(",") if n]
    unknown = set(names) - {r.name for r in ROWS}
    if unknown:
        raise Failure(f"no row {', '.join(sorted(unknown))}; there are: "
                      + " ".join(r.name for r in ROWS))
    return [r for r in ROWS if not names or r.name in names]


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


def prepare(args):
    """Builds kernels; returns what a guest needs, for each of them."""
    build_dir, linux = args.build.resolve(), args.linux.resolve()
    trees = {"bench": (linux, ""), "base": (base_tree(linux, build_dir), "")}
    if args.mainline:
        trees["mainline"] = mainline.prepare(linux, build_dir)
    outs = {f: kernel.build(ARCH, f, tree, build_dir, os.cpu_count(), foreign)
            for f, (tree, foreign) in trees.items()}
    work = build_dir / "bench"
    work.mkdir(exist_ok=True)
    initrd = guest.initramfs(ARCH, work)
    return {"initrd": initrd, "disk": guest.disk(ARCH, outs, initrd, work), "results": work,
            "images": {f: out / ARCHES[ARCH]["image"] for f, out in outs.items()}}


def scenario(flavour, row):
    # Nothing goes on beside what is measured, and what waits does so for the same time.
    words = ["quiet nokaslr initramfs_async=0", f"kho={row.kho}", f"kho_kind={row.kind}",
             f"kho_count={row.count}",
             WITHOUT_DEVICES if row.stages == 1 else f"kho_next={WITHOUT_DEVICES}"]
    return Scenario(row.name, cmdline=" ".join(words), script="bench", flavour=flavour, smp="1",
                    mem=row.mem, timeout=row.timeout, stages=row.stages, icount=True,
                    cpu=row.cpu, qemu=row.qemu)


def numbers(pattern, text):
    found = re.search(pattern, text)
    return [float(n) for n in found.groups()] if found else []


def moment(what, log):
    """The number of instructions after which the kernel logged something."""
    return next((round(t * 1e9) for t in numbers(rf"\[ *([\d.]+)\] {what}", log)), None)


def figures(lines):
    """What the logs of a guest's kernels tell, by name."""
    logs = re.split(r"(?=\[ *0\.000000\] Linux version)", "\n".join(lines))[1:]
    first, last = logs[0], logs[-1]
    found = {"start": moment("Run /init", last),
             "release": re.search(r"Linux version (\S+)", last)[1]}
    for what, log in (("preserve", first), ("restore", last)):
        if seen := numbers(rf"{what}: (\d+) pages, (\d+) calls, (\d+) cycles", log):
            found["pages"], found["calls"], found[what] = map(int, seen)
    begin, end = (moment(what, first) for what in (r"kho_bench: activation", r"kho: .* active"))
    if begin and end:
        found["activation"] = end - begin
    found["table"] = next(map(int, numbers(r"memory table of (\d+) bytes", first)), None)
    found["scratch"] = sum(int(n, 0) for n in re.findall(r"# scratch: (\w+)$", first, re.M))
    return found


def measure(ready, flavour, row):
    """The figures of one guest; "error" is one of them if it did not work."""
    out = ready["results"] / flavour / row.name
    step(f"{flavour} {row.name} ...")
    work = scenario(flavour, row)
    lines, ended = vm.run(ARCH, work, ready["images"][flavour], ready["initrd"], ready["disk"], out)
    bad = [re.sub(r"^\[\d\] ", "", name) for result, name in vm.verdicts(lines, work)
           if result == "failed"]
    if not ended:
        bad.append(f"more than {row.timeout * vm.PATIENCE} s")
    elif not bad and sum("Run /init" in s for s in lines) != row.stages:
        bad.append("a kernel does not report")
    if bad:
        say("\n".join([*("    " + s for s in lines[-40:]),
                       f"  FAILED {flavour} {row.name}: {bad[0]}",
                       f"  console: {os.path.relpath(out / 'console.log')}"]))
        return {"error": bad[0]}
    found = figures(lines)
    step(f"{flavour} {row.name}: {found['start'] / 1e9:.4f} Ginsn from start to init")
    return found


def profile(args, ready, row):
    """Where the CPU is between the old kernel's last lines and the new one's init."""
    sampler = Sampler(ready["results"] / "monitor")
    work = scenario("bench", replace(row, qemu=row.qemu + sampler.qemu()))

    def on_line(line):
        if "# scratch:" in line:
            sampler.on.set()
        elif "# started" in line:
            sampler.on.clear()

    sampler.start()
    vm.run(ARCH, work, ready["images"]["bench"], ready["initrd"], ready["disk"],
           ready["results"] / "profile", on_line)
    seen = sampler.functions(args.build.resolve() / f"kernel/{ARCH}-bench/System.map")
    lines = [["share", "function"]] + [[f"{n / len(sampler.seen):.1%}", function]
                                       for function, n in seen.most_common(30)]
    say(f"\n{len(sampler.seen)} samples of {row.name}\n{table(lines)}")


def measure_all(ready, rows):
    """(flavour, row's name) -> figures. The largest guest runs alone."""
    todo = [("base", COLD), ("bench", COLD)]
    for flavour in [f for f in ("bench", "mainline") if f in ready["images"]]:
        mine = [r for r in rows if flavour == "bench" or not r.mainline]
        todo += [(flavour, p) for p in {r.mem: plain(r) for r in mine}.values()]
        todo += [(flavour, r) for r in mine]
    results = {}
    for jobs, large in ((os.cpu_count(), False), (1, True)):
        some = [(f, r) for f, r in todo if bool(r.qemu) == large]
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


def figure_list():
    found = [Figure(f"start to init, ÷ plain kexec: {r.name}", (r.name, f"plain-{r.mem}"),
                    over("start"), r.goal or None, "{:.3f}", 0.005) for r in ROWS]
    found += [Figure(f"start to init, plain kexec in {mem}iB, in billions", (f"plain-{mem}",),
                     lambda r: r["start"] / 1e9, form="{:.4f}") for mem in ("4G", "8G")]
    found += [
        Figure("preserve one page", ("100k",), each("preserve"), 98),
        Figure("restore one page", ("100k",), each("restore"), 116),
        Figure("preserve a range, per page", ("1G",), each("preserve"), 0.4, "{:.3f}"),
        Figure("restore a range, per page", ("1G",), each("restore"), 3.5, "{:.1f}"),
        Figure("preserve a folio of 2 MiB", ("folios-1G",), each("preserve", "calls"), 120),
        Figure("restore a folio of 2 MiB", ("folios-1G",), each("restore", "calls"), 5000),
        Figure("activate with 500,000 fragments", ("500k",), lambda r: r["activation"], 2e6),
        Figure("memory table, bytes per fragment", ("500k",), each("table"), 0.6, "{:.2f}"),
        # The client's directory is one more.
        Figure("memory table, bytes per range", ("3G",), lambda r: r["table"] / (r["calls"] + 1), 32),
        Figure("scratch in 4 GiB, MiB", ("0",), lambda r: r["scratch"] / 2**20, 128),
        Figure("boot with kho=off, ÷ without the series", ("cold", ("base", "cold")),
               over("start"), 1.000, "{:.3f}"),
    ]
    huge = "256 GiB in 512 GiB, per GiB: "
    found += [Figure(huge + what, ("512G",), lambda r, what=what: r[what] / 256)
              for what in ("preserve", "activation", "restore")]
    found += [Figure(huge + "start to init, above plain", ("512G", "plain-512G"),
                     lambda r, p: (r["start"] - p["start"]) / 256)]
    return found


def release(results, flavour):
    return next((found["release"] for (f, _), found in results.items()
                 if f == flavour and "release" in found), flavour)


def cell(results, flavour, figure):
    keys = [k if isinstance(k, tuple) else (flavour, k) for k in figure.rows]
    row = next((r for r in ROWS if r.name == figure.rows[0]), COLD)
    if flavour == "mainline" and row.mainline:
        return row.mainline
    guests = [results.get(k, {}) for k in keys]
    for error in (g["error"] for g in guests if "error" in g):
        return f"failed: {error}"
    try:
        return figure.form.format(figure.fn(*guests))
    except (KeyError, TypeError):
        return "-"


def is_met(figure, text):
    return bool(re.match(r"[\d.,]+$", text)) and \
        float(text.replace(",", "")) <= figure.goal + figure.slack


def table(lines):
    """A simple table, as reStructuredText has it; the first line is the header."""
    widths = [max(map(len, column)) for column in zip(*lines)]
    rule = "  ".join("=" * w for w in widths)
    rows = ["  ".join(c.ljust(w) for c, w in zip(line, widths)).rstrip() for line in lines]
    return "\n".join([rule, rows[0], rule, *rows[1:], rule])


def summary(results, flavours):
    """The table, how many goals there are, and how many are met."""
    names = [release(results, f) for f in flavours]
    lines, goals = [["instructions, if not said otherwise", "goal", "met", *names]], []
    for figure in figure_list():
        cells = [cell(results, f, figure) for f in flavours]
        if set(cells) <= {"-", QUADRATIC}:
            continue
        goal, met = "-", "-"
        if figure.goal is not None:
            goals.append(is_met(figure, cells[0]))
            goal, met = figure.form.format(figure.goal), "yes" if goals[-1] else "no"
        lines.append([figure.title, goal, met, *cells])
    return table(lines), len(goals), sum(goals)


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
    fragments = [r for r in ROWS if r.kind == "fragments"]
    ratios = {f.rows[0]: f for f in figure_list() if f.title.startswith("start to init")}
    for flavour in flavours:
        points = [(r.count, cell(results, flavour, ratios[r.name])) for r in fragments]
        points = [(n, float(text)) for n, text in points if re.match(r"[\d.]+$", text)]
        axes.plot([n for n, _ in points], [ratio for _, ratio in points], marker="o",
                  label=release(results, flavour))
    axes.plot([r.count for r in fragments], [r.goal for r in fragments], "k:", label="goal")
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
.. ``make bench`` writes this file.

=======
Figures
=======

Measured on {date}. What each line means is in :doc:`performance`.

{table}

Kernels: {releases}. {qemu}.
"""


def write_rst(results, flavours, text):
    qemu = run([ARCHES[ARCH]["qemu"][0], "--version"]).splitlines()[0]
    releases = ", ".join("Linux " + release(results, f) for f in flavours)
    FIGURES.write_text(RST.format(date=datetime.date.today(), releases=releases, qemu=qemu,
                                  table=text))


def bench(args):
    log_to(args.build / "bench.log")
    rows = chosen(args.rows)
    ready = prepare(args)
    if args.profile:
        return profile(args, ready, rows[0])
    results = measure_all(ready, rows)
    flavours = [f for f in ("bench", "mainline") if f in ready["images"]]
    text, goals, met = summary(results, flavours)
    say("\n" + text + "\n")
    write_csv(results, ready["results"] / "figures.csv")
    bad = [row for (flavour, row), found in results.items()
           if flavour != "mainline" and "error" in found]
    if not args.rows:
        plot(results, flavours, ready["results"] / "figures.png")
        write_rst(results, flavours, text)
    say(f"Benchmark FAILED: {', '.join(bad)}" if bad else
        f"All {len(results)} guests work; {met} of {goals} goals are met.")
    return 1 if bad else 0


if __name__ == "__main__":
    try:
        sys.exit(bench(arguments()))
    except Failure as failure:
        sys.exit(f"bench: {failure}")
