# SPDX-License-Identifier: GPL-2.0
"""Owns what the other files share: the table of architectures, progress lines,
and running a host command."""

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
# What `make test ONLY=...` was told is not for the kernel's make.
for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"):
    os.environ.pop(name, None)
T0 = float(os.environ.get("KHO_T0", time.time()))

# What sets an architecture apart; its kernel options are in configs/<name>*.config.
ARCHES = {
    "x86_64": {
        "machine": "x86_64",        # as uname has it
        "karch": "x86_64",
        "triplet": "x86_64-linux-gnu",
        "debian": "amd64",
        "packages": "qemu-system-x86 ovmf",  # read by scripts/setup, too
        "flavours": ["main", "debug", "alt", "nokho", "small"],
        "target": "bzImage",
        "image": "arch/x86/boot/bzImage",
        "qemu": ["qemu-system-x86_64", "-machine", "q35"],
        "firmware": ["-bios", "/usr/share/ovmf/OVMF.fd"],
        # A server's: code, and variables that it can write
        "flash": "/usr/share/OVMF/OVMF_{}_4M.fd",
        "server": [],
        "cpu": "max",
        "console": "console=ttyS0",
        "crashkernel": "160M",
    },
    "arm64": {
        "machine": "aarch64",
        "karch": "arm64",
        "triplet": "aarch64-linux-gnu",
        "debian": "arm64",
        "packages": "gcc-aarch64-linux-gnu qemu-system-arm qemu-efi-aarch64",
        "flavours": ["main", "debug", "64k", "alt", "nokho", "small"],
        "target": "Image",
        "image": "arch/arm64/boot/Image",
        # A GICv3 has tables in memory, which is for the scenario gicv3 to try.
        "qemu": ["qemu-system-aarch64", "-machine", "virt,gic-version=2"],
        # With ACPI, it would hide the devicetree.
        "firmware": ["-bios", "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd", "-machine", "acpi=off"],
        "flash": "/usr/share/AAVMF/AAVMF_{}.fd",
        # As servers are: EFI keeps what GICv3 has in memory over a kexec.
        "server": ["-machine", "gic-version=3,acpi=on"],
        "cpu": "cortex-a76",
        "console": "console=ttyAMA0 earlycon",
        "crashkernel": "256M",
    },
}


def native(arch):
    return ARCHES[arch]["machine"] == platform.machine()


class Failure(Exception):
    """Something that the person at the keyboard has to see, in one line or a few."""


_lock = threading.RLock()
_log = None
_status = ""


def log_to(path):
    global _log
    path.parent.mkdir(parents=True, exist_ok=True)
    _log = path.open("w")


def on_terminal():
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def status(text):
    """The last line of a terminal: it is replaced by the next, and stays below what is said."""
    global _status
    with _lock:
        if on_terminal() and text != _status:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\033[K{text[:width]}", end="", flush=True)
            _status = text


def say(text=""):
    with _lock:
        below = _status
        status("")
        for f in filter(None, (sys.stdout, _log)):
            print(text, file=f, flush=True)
        status(below)


def step(text):
    say(f"[{time.time() - T0:6.1f}s] {text}")


def run_watched(cmd, out, on_line, **kw):
    """Its exit code. What it says goes to a file, and each line to a function at once."""
    with subprocess.Popen(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", **kw) as p:
        for line in p.stdout:
            out.write(line)
            on_line(line)
    return p.returncode


def run(cmd, log=None, on_line=None, **kw):
    """Run to the end; on failure show the last of what it said."""
    cmd = [str(c) for c in cmd]
    with log.open("w+", errors="replace") if log else \
            tempfile.TemporaryFile("w+", errors="replace") as out:
        if on_line:
            code = run_watched(cmd, out, on_line, **kw)
        else:
            code = subprocess.run(cmd, stdout=out, stderr=subprocess.STDOUT, **kw).returncode
        out.seek(0)
        text = out.read()
    if code:
        # What kbuild compiled is not why it failed.
        lines = [s for s in text.splitlines() if not re.match(r"  [A-Z]+ ", s)]
        tail = "\n".join(lines[-25:])
        where = f"\nfull log: {log}" if log else ""
        raise Failure(f"{' '.join(map(str, cmd))} failed:\n{tail}{where}")
    return text
