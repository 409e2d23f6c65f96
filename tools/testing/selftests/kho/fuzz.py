# SPDX-License-Identifier: GPL-2.0
"""Owns the runs of the fuzzers in tools/testing/kho: what is in their corpus gives
what its name says, and for some time nothing else is found."""

import os
import re
import shutil
import subprocess
import time

from common import Failure, run, say, step

TARGETS = ["fdt", "luo", "nodes", "runs", "pass", "boot", "boot-64k"]
ENV = dict(os.environ, UBSAN_OPTIONS="print_stacktrace=1", ASAN_OPTIONS="detect_leaks=1")
TEST_SECONDS = 60
SHOW_EVERY = 15


def build(linux, out):
    run(["make", "-s", "-C", linux / "tools/testing/kho", f"O={out}"], log=out / "build.log")


def corpus(target, linux, out):
    """The target's files, those that are text compiled; each by what it has to give."""
    here = out / "corpus" / target
    shutil.rmtree(here, ignore_errors=True)
    here.mkdir(parents=True)
    for f in sorted((linux / "tools/testing/kho/corpus" / target).iterdir()):
        if f.suffix == ".dts":
            run(["dtc", "-q", "-I", "dts", "-O", "dtb", f, "-o", here / ("accepted." + f.stem)])
        else:
            shutil.copy(f, here)
    return sorted(here.iterdir())


def words(status):
    """What a file is named that gives a status: its words, without numbers and names."""
    text = re.sub(r'"[^"]*"|0x[0-9a-f]+|\d+', "", status.removeprefix("refused: "))
    return re.sub(r"[^a-z]+", "-", text.lower()).strip("-")[:60].rstrip("-")


def replay(target, linux, out):
    """[(result, name)], one for each file."""
    files, found = corpus(target, linux, out), []
    log = out / f"replay-{target}.log"
    text = run([out / f"fuzz-{target}", *files], log=log, env=dict(ENV, KHO_FUZZ_VERBOSE="1"))
    got = dict(re.findall(r"^Running: (.*)\nstatus: (.*)$", text, re.M))
    for f in files:
        status = got.get(str(f), "nothing")
        good = words(status) == f.name.split(".")[0]
        found.append(("ok" if good else "failed", f"{target}: {f.name}"))
        if not good:
            say(f"host fuzz: {target}: {f.name} gives \"{status}\"; full log: {log}")
    return found


def progress(line):
    """What a line of libFuzzer's tells, as it is shown."""
    m = re.match(r"#(\d+)\s+\w+\s+cov: (\d+).*corp: (\d+)/", line)
    return m and "{} executions, {} edges covered, {} inputs".format(*m.groups())


def search(target, out, seconds):
    """Look for something new. Inputs that covered more are kept for the next time."""
    kept, log = out / "found" / target, out / f"fuzz-{target}.log"
    kept.mkdir(parents=True, exist_ok=True)
    start = shown = time.time()
    last = "nothing yet"
    cmd = [out / f"fuzz-{target}", f"-max_total_time={seconds}", "-timeout=25", "-max_len=32768",
           f"-dict={out / 'kho.dict'}", f"-artifact_prefix={out}/{target}-", kept,
           out / "corpus" / target]
    with log.open("w") as to, subprocess.Popen([str(c) for c in cmd], stderr=subprocess.PIPE,
                                               text=True, errors="replace", env=ENV) as p:
        for line in p.stderr:
            to.write(line)
            last = progress(line) or last
            if time.time() - shown >= SHOW_EVERY:
                shown = time.time()
                step(f"host fuzz: {target}: {shown - start:.0f} of {seconds} s: {last}")
    step(f"host fuzz: {target}: {last}")
    if p.returncode:
        lines = [s for s in log.read_text(errors="replace").splitlines()
                 if re.search(r"does not hold|SUMMARY|ERROR|runtime error|written to|    #\d", s)]
        raise Failure("\n".join([f"{target} found something:", *lines[:25], f"full log: {log}"]))


def test(linux, results, seconds=TEST_SECONDS):
    """[(result, name)] of a replay of all that was ever found, and a search for more."""
    out, found = results / "host/fuzz", []
    out.mkdir(parents=True, exist_ok=True)
    step("host fuzz ...")
    try:
        build(linux, out)
        (out / "kho.dict").write_text("".join(
            (linux / "tools/testing/kho" / d).read_text() for d in ("kho.dict", "nodes.dict")))
        for target in TARGETS:
            found += replay(target, linux, out)
    except Failure as e:
        say(f"host fuzz: {e}")
        found.append(("failed", "fuzzers and their corpus"))
        return found
    for target in TARGETS:
        try:
            search(target, out, max(1, seconds // len(TARGETS)))
            found.append(("ok", f"{target}: nothing is found"))
        except Failure as e:
            say(f"host fuzz: {e}")
            found.append(("failed", f"{target}: something is found"))
    step(f"host fuzz: {sum(r == 'ok' for r, _ in found)} passed, "
         f"{sum(r == 'failed' for r, _ in found)} failed")
    return found
