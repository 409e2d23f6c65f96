# SPDX-License-Identifier: GPL-2.0
"""Owns one running Debian guest: QEMU with EFI, its console's log, and an operator's shell,
which comes back with each boot. Every wait ends."""

import base64
import json
import os
import re
import shutil
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass

from common import ARCHES, Failure, native
from splats import SPLAT

# Seconds for a command, and until a shell is there after a kexec or a reset: an idle
# machine takes a tenth.
COMMAND, BOOT = 600, 1200
# What a boot through firmware says on the console, and a kexec does not.
THROUGH_FIRMWARE = "BdsDxe: starting"
# What a kernel says last that nobody saves.
DEAD = "---[ end Kernel panic"
# QEMU 7.2 with a thread for each CPU rarely goes on running an int3 that the guest has replaced,
# as the kernel does while it patches its code. With one thread, a boot takes three times as long.
QEMUS = "Oops: int3: "
# Beside commands.log, for programs: a line for each command, with how it ended.
ENDED = "commands.json"


class Emulator(Failure):
    """Of QEMU, not of what it runs."""


@dataclass
class Said:
    code: int
    out: str

    def __contains__(self, text):
        return text in self.out


@dataclass
class Boot:
    """How the machine came up, and what its console said since the boot before was up."""
    kind: str                   # "firmware" or "kexec"
    console: str


class Guest:
    """As a context manager it is switched off at the end."""

    def __init__(self, arch, disk, vars_fd, out, extra=()):
        """disk: a qcow2 file that will be written to; vars_fd: firmware's variables, too."""
        out.mkdir(parents=True, exist_ok=True)
        self.console_log, self.boot_id, self.word, self.text = out / "console.log", "", 0, b""
        self.commands = (out / "commands.log").open("a")
        self.typed, self.ended_log = "", (out / ENDED).open("a")
        self.shell, end = socket.socketpair()
        # A guest that is started again goes on with the log.
        self.seen = len(self.console())
        with end:
            self.qemu = subprocess.Popen(command(arch, disk, vars_fd, self.console_log,
                                                 end.fileno(), extra),
                                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                         stderr=(out / "qemu.log").open("a"),
                                         pass_fds=[end.fileno()])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.qemu.kill()
        self.qemu.wait()
        self.shell.close()
        self.commands.close()
        self.ended_log.close()

    def console(self):
        return self.console_log.read_text(errors="replace") if self.console_log.exists() else ""

    def fail(self, text):
        tail = "\n".join("    " + s for s in self.console().splitlines()[-30:])
        kind = Emulator if QEMUS in self.console()[self.seen:] else Failure
        raise kind(f"{text}; its console ends with\n{tail}")

    def wait(self, pattern, seconds, what):
        """What the shell says next that matches. What came before is dropped."""
        until = time.monotonic() + seconds
        while not (m := re.search(pattern, self.text, re.S)):
            self.shell.settimeout(min(30, max(0.1, until - time.monotonic())))
            data = None
            with suppress(TimeoutError):
                data = self.shell.recv(65536)
            if data == b"" or self.ended():
                self.fail(f"the guest is gone, while waiting for {what}")
            if DEAD in self.console()[self.seen:]:
                self.fail(f"the kernel has died, while waiting for {what}")
            if time.monotonic() > until:
                self.fail(f"nothing in {seconds} s, while waiting for {what}")
            self.text += data or b""
        self.text = self.text[m.end():]
        return m

    def ended(self):
        return self.qemu.poll() is not None

    def booted(self, seconds=BOOT):
        """Wait for a shell that another boot than the last has."""
        boot_id, began = self.boot_id, time.monotonic()
        while boot_id == self.boot_id:
            boot_id = self.wait(rb"@@ready ([-0-9a-f]{36})", seconds, "a shell")[1].decode()
        self.boot_id = boot_id
        text = self.console()
        boot, self.seen = text[self.seen:], len(text)
        kind = "firmware" if THROUGH_FIRMWARE in boot else "kexec"
        self.commands.write(f"=== booted by {kind} after {time.monotonic() - began:.0f} s\n")
        self.note(kind)
        return Boot(kind, boot)

    def note(self, end):
        """How the command that was sent last ended: its exit code, or the boot that it led to."""
        if self.typed:
            self.ended_log.write(json.dumps([self.typed, end]) + "\n")
            self.ended_log.flush()
        self.typed = ""

    def send(self, text):
        """Returns the word that is around what the command says."""
        self.word, self.typed = self.word + 1, text
        line = base64.b64encode(text.encode())
        if len(line) > 4000:
            raise Failure(f"too long for a terminal: {text[:60]}...")
        self.shell.sendall(b"%d %s\n" % (self.word, line))
        self.commands.write(f"# {text}\n")
        self.commands.flush()
        return self.word

    def sh(self, text, seconds=COMMAND):
        """Exit code and output of a command; it is no failure if it fails."""
        word = self.send(text)
        m = self.wait(rb"@@begin %d\n(.*)\n@@end %d (\d+)\n|@@ready " % (word, word), seconds, text)
        if not m[2]:
            self.fail(f"the machine has booted again, while waiting for {text}")
        said = Said(int(m[2]), m[1].decode(errors="replace").rstrip("\n"))
        self.note(said.code)
        self.commands.write(f"{said.out}\n({said.code})\n")
        self.commands.flush()
        return said

    def must(self, text, seconds=COMMAND):
        """The output of a command that has to work."""
        said = self.sh(text, seconds)
        if said.code:
            raise Failure(f"`{text}` in the guest: exit code {said.code}\n{said.out[-2000:]}")
        return said.out

    def leave(self, text, seconds=BOOT):
        """A command that ends this boot. Returns how the next one came."""
        self.send(text)
        return self.booted(seconds)

    def power_off(self, text="systemctl poweroff", seconds=BOOT):
        """What the console said of it."""
        self.send(text)
        try:
            self.qemu.wait(seconds)
        except subprocess.TimeoutExpired:
            self.fail(f"on after {seconds} s, in spite of {text}")
        return self.console()[self.seen:]

    def settled(self, seconds=BOOT):
        """Wait until all that starts with the machine has."""
        self.sh("systemctl is-system-running --wait", seconds)


def typed(results, arch):
    """Each command that guests of an architecture were given, and how it ended."""
    return [tuple(json.loads(line)) for f in sorted(results.glob(f"debian-{arch}-*/*/{ENDED}"))
            for line in f.read_text().splitlines()]


def splats(console):
    return [s.strip() for s in console.splitlines() if SPLAT.search(s)]


def overlay(backing, path):
    """A disk that begins as backing, and leaves that alone."""
    kind = "raw" if backing.suffix == ".raw" else "qcow2"
    path.unlink(missing_ok=True)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", kind,
                    "-b", os.path.abspath(backing), path], check=True)
    return path


def fresh_vars(arch, path):
    shutil.copyfile(ARCHES[arch]["flash"].format("VARS"), path)
    return path


def command(arch, disk, vars_fd, console, shell_fd, extra):
    # KVM is opt-in: on nested machines it may open and then hang every guest.
    spec, accel = ARCHES[arch], os.environ.get("ACCEL", "tcg") if native(arch) else "tcg"
    pflash = "if=pflash,unit={},format=raw,file={}"
    # It ends when this program is killed, too.
    return ["setpriv", "--pdeathsig", "KILL",
            # QEMU keeps a GiB of translations by default, and looks through many of them whenever
            # code is overwritten, as by each boot.
            *spec["qemu"], *spec["server"], "-m", "2G", "-smp", "2",
            "-accel", accel + (",thread=multi,tb-size=128" if accel == "tcg" else ""),
            "-cpu", spec["cpu"] if accel == "tcg" else "host", "-nodefaults", "-display", "none",
            "-drive", pflash.format(0, spec["flash"].format("CODE")) + ",readonly=on",
            "-drive", pflash.format(1, vars_fd),
            "-drive", f"if=none,id=disk,cache=unsafe,discard=unmap,file={disk},"
            f"format={'qcow2' if disk.suffix == '.qcow2' else 'raw'}",
            "-device", "virtio-blk,drive=disk,bootindex=1",
            "-chardev", f"file,id=console,path={console},append=on", "-serial", "chardev:console",
            # Not each machine has a second serial port.
            "-chardev", f"socket,id=shell,fd={shell_fd}",
            "-device", "virtio-serial", "-device", "virtconsole,chardev=shell",
            "-netdev", "user,id=net", "-device", "virtio-net,netdev=net,romfile=",
            "-device", "virtio-rng", *map(str, extra)]
