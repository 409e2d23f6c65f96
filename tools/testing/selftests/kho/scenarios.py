# SPDX-License-Identifier: GPL-2.0
"""Owns the list of scenarios, and the checks that the host makes on the files
that a guest sent. A guest's own part is guest/tests/<script>.sh."""

import re
import subprocess
from dataclasses import dataclass
from typing import Callable, Optional


@dataclass
class Scenario:
    name: str
    cmdline: str = "kho=on"
    script: str = ""              # guest/tests/<script>.sh, the name if not given
    flavour: str = "main"         # booted first
    smp: int = 2
    mem: str = "1G"
    timeout: int = 120
    stages: int = 2               # kernels that must have reported
    kunit: bool = False
    expected: Optional[str] = None  # splats that belong to the scenario
    check: Optional[Callable] = None  # host check: directory -> [(result, name)]

    def __post_init__(self):
        self.script = self.script or self.name


def dtc(source, target, data):
    done = subprocess.run(["dtc", "-q", "-I", source, "-O", target], input=data,
                          capture_output=True)
    return done.stdout if done.returncode == 0 else b""


def dtc_round_trip(out):
    """dtc shows every captured blob, and compiles its text to the same bytes."""
    blobs = sorted(out.glob("*.dtb"))
    found = [] if blobs else [("failed", "the guest sent a blob")]
    for blob in blobs:
        text = dtc("dtb", "dts", blob.read_bytes())
        (out / (blob.stem + ".dts")).write_bytes(text)
        same = bool(text) and dtc("dts", "dtb", text) == blob.read_bytes()
        found.append(("ok" if same else "failed", f"dtc round trip of {blob.name}"))
    return found


def plain_files(out):
    """Files sent before and after a kexec arrive whole."""
    names = [f"release-{i}" for i in range(2)]
    text = [(out / n).read_text() if (out / n).exists() else "" for n in names]
    good = re.search("main", text[0]) and re.search("alt", text[1])
    return [("ok" if good else "failed", "files from both kernels reached the host")]


TRACE = "reserve_mem=4M:4096:trace trace_instance=boot_map@trace"
RAMOOPS = ("reserve_mem=1M:4096:oops ramoops.mem_name=oops ramoops.mem_size=0x100000 "
           "ramoops.console_size=0x40000 ramoops.record_size=0x10000")
# Host checks, timeouts and memory differ; everything else is in the guest scripts.
SCENARIOS = [
    Scenario("plain", cmdline="", check=plain_files),
    Scenario("plain-nokho", cmdline="", script="nokho-plain"),
    Scenario("kunit", cmdline="kho=on kunit.enable=1 kunit.filter_glob=kho*", stages=1, kunit=True),
    Scenario("demo", cmdline=f"kho=on {TRACE} {RAMOOPS}", check=dtc_round_trip),
    Scenario("chain", stages=3, check=dtc_round_trip),
    Scenario("chain-up", script="chain", smp=1, stages=3, check=dtc_round_trip),
    Scenario("chain-big", script="chain", mem="4G", stages=3, check=dtc_round_trip),
    Scenario("off-outgoing", cmdline="kho=off"),
    Scenario("off-incoming"),
    Scenario("order", stages=4),
    Scenario("abort", check=dtc_round_trip),
    Scenario("failing-notifier"),
    Scenario("too-big", cmdline="kho=on kho_scratch=64M", stages=1),
    Scenario("nokho"),
    Scenario("kdump", cmdline="kho=on crashkernel=160M",
             expected="sysrq triggered crash|Call Trace|Kernel panic"),
    Scenario("kexec-load", stages=1),
    Scenario("memtest", stages=3),
    Scenario("reserve-mem", cmdline=f"kho=on {TRACE} {RAMOOPS} reserve_mem=64K:4096:other",
             stages=3),
]
