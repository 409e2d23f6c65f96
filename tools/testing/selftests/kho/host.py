# SPDX-License-Identifier: GPL-2.0
"""Owns the tests that need no guest: memblock's own, to which the series adds
some, run as a program on this machine, the fuzzers, specs, the kho command on copies
of machines, what consoles are searched for, what cannot be configured together, the
documentation, and how it is seen that the operator's guide works."""

import os
import re
import shutil
import subprocess

import debian_guide
import docs
import fuzz
import specs
import splats
from common import Failure, run, say, step

# What the Makefile of tools/testing/memblock reaches for above its directory.
AROUND = ("include", "mm", "tools/arch", "tools/include", "tools/lib", "tools/testing/selftests")
# A variant that ends early must not pass: the last suite, and the series' own.
SUITES = ("memblock_kho", "memblock_alloc_exact_nid_raw")
NAMES = ["memblock", "memblock-numa", "fuzz", "specs", "splats", "kho", "kmsan", "docs", "guide"]
SANITIZE = "-g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all"


def build(name, linux, out):
    """Its objects go beside its sources: it gets a copy of them."""
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(linux / "tools/testing/memblock", out / "tools/testing/memblock")
    for part in AROUND:
        (out / part).symlink_to(linux / part)
    run(["make", "-s", "-C", out / "tools/testing/memblock",
         f"NUMA={int(name == 'memblock-numa')}"], log=out / "build.log")


def check(out, option):
    """One run; a failed check or a sanitizer's report ends it."""
    text = run([out / "tools/testing/memblock/main", "-v", *option], log=out / "console.log",
               env=dict(os.environ, UBSAN_OPTIONS="halt_on_error=1"))
    passed = set(re.findall(r"^ok \d+ : (\w+)", text, re.M))
    if missing := set(SUITES) - passed:
        raise Failure(f"{', '.join(missing)} did not run; full log: {out / 'console.log'}")


def memblock(name, linux, out):
    """[(result, name)] of memblock's tests, with and without movable_node."""
    found = []
    try:
        build(name, linux, out)
        for option in [], ["-m"]:
            check(out, option)
            found.append(("ok", " ".join([name, *option])))
    except Failure as e:
        say(f"host {name}: {e}")
        found.append(("failed", "memblock's tests"))
    return found


def kho(linux, out):
    """[(result, name)] of the tests of the operator's command, built with sanitizers."""
    out.mkdir(parents=True, exist_ok=True)
    log = out / "console.log"
    try:
        run(["make", "-s", "-C", linux / "tools/kho", f"O={out / 'build'}", "CC=clang",
             f"CFLAGS={SANITIZE}", "all", out / "build/kho-test"], log=out / "build.log")
        run(["make", "-s", "-C", linux / "tools/kho", f"O={out / 'build'}", "install", "PREFIX=/usr",
             f"DESTDIR={out / 'installed'}"], log=out / "build.log")
        done = subprocess.run([linux / "tools/kho/tests/run.py", out / "installed/usr/sbin/kho",
                               out / "build/kho-test", linux / "tools/testing/kho/corpus"],
                              capture_output=True, text=True)
    except Failure as e:
        say(f"host kho: {e}")
        return [("failed", "kho builds")]
    log.write_text(done.stdout + done.stderr)
    found = [("failed" if bad else "ok", f"kho: {name}")
             for bad, name in re.findall(r"^(not )?ok (.*)$", done.stdout, re.M)]
    if done.returncode or not found:
        say(f"host kho: full log: {log}\n{done.stdout[-3000:]}{done.stderr[-1000:]}")
    if done.returncode and all(result == "ok" for result, _ in found):
        found.append(("failed", "the tests of kho end"))
    return found


def has_kmsan(linux, out, handover):
    """Whether a kernel can have KMSAN, with or without handovers; it has those if asked."""
    wanted = ["64BIT", "SMP", "DEBUG_KERNEL", "KEXEC_FILE", "SPARSEMEM_VMEMMAP", "KMSAN"]
    wanted += ["KEXEC_HANDOVER"] if handover else []
    (out / "wanted").write_text("".join(f"CONFIG_{o}=y\n" for o in wanted))
    run(["make", "-s", "-C", linux, f"O={out}", "ARCH=x86_64", "CC=clang",
         f"KCONFIG_ALLCONFIG={out / 'wanted'}", "allnoconfig"], log=out / "build.log")
    lines = (out / ".config").read_text().splitlines()
    if handover and "CONFIG_KEXEC_HANDOVER=y" not in lines:
        raise Failure("no handovers")
    return "CONFIG_KMSAN=y" in lines


def kmsan(linux, out):
    """[(result, name)]: no kernel has both, see lib/Kconfig.kmsan."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    good = has_kmsan(linux, out, False) and not has_kmsan(linux, out, True)
    return [("ok" if good else "failed", "no kernel has KMSAN and handovers")]


def test(name, linux, results, arch):
    """[(result, name)] of one of NAMES; what needs a kernel uses this architecture's."""
    if name == "fuzz":
        return fuzz.test(linux, results)
    step(f"host {name} ...")
    out = results / "host" / name
    found = (splats.check(linux) if name == "splats" else
             debian_guide.check() if name == "guide" else
             specs.test(linux, out) if name == "specs" else
             docs.test(linux, results.parent, arch) if name == "docs" else
             kho(linux, out) if name == "kho" else
             kmsan(linux, out) if name == "kmsan" else memblock(name, linux, out))
    step(f"host {name}: {sum(r == 'ok' for r, _ in found)} passed, "
         f"{sum(r == 'failed' for r, _ in found)} failed")
    return found
