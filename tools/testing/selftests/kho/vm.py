# SPDX-License-Identifier: GPL-2.0
"""Owns one guest: the QEMU command, its console, its sleep, its time limit, its files."""

import base64
import json
import os
import re
import shutil
import socket
import subprocess
import threading
from contextlib import suppress

import guest
from common import ARCHES, native
from splats import SPLAT

OUTCOME = {"ok": "ok", "not ok": "failed"}
# Not in the middle of a line: a guest may show lines of its own log again.
RESULT = re.compile(r"(?:\[[ .\d]+\] )?kho-test: (ok|not ok) (.*)")
# A busy machine may not let a guest tick for seconds. What hangs does so for ever.
BUSY = "no_timer_check rcupdate.rcu_cpu_stall_timeout=300"
# And it makes a guest slow: that ends only because it could be one that hangs.
PATIENCE = 10
SUITES = ("kho_bitmaps", "kho_boot", "kho_fdt", "kho_fdt_table", "kho_gaps", "kho_image",
          "kho_in", "kho_in_chunk", "kho_in_sysfs", "kho_liveupdate", "kho_liveupdate_table",
          "kho_memfd", "kho_memfd_in", "kho_out", "kho_out_refusal", "kho_ram", "kho_runs", "kho_subtree", "kho_subtree_in", "kho_table", "kho_table_file", "kho_track",
          "kho_vmalloc")


def command(arch, scenario, kernel, initrd, disk, cmdline):
    # KVM is opt-in: on nested machines it may open and then hang every guest.
    spec, accel = ARCHES[arch], os.environ.get("ACCEL", "tcg") if native(arch) else "tcg"
    if scenario.icount:
        # An instruction takes a nanosecond of the guest's time, whatever the host does.
        accel, how = "tcg", ["-accel", "tcg", "-icount", "shift=0,sleep=off"]
    else:
        how = ["-accel", accel + (",thread=multi" if accel == "tcg" else "")]
    cpu = scenario.cpu or spec["cpu"] if accel == "tcg" else "host"
    return [*spec["qemu"], *how, "-cpu", cpu, "-smp", scenario.smp, "-m", scenario.mem,
            "-nodefaults", "-display", "none", "-serial", "stdio",
            *([] if scenario.swap else ["-no-reboot"]),
            "-kernel", str(kernel), "-initrd", str(initrd), "-append", cmdline,
            *(spec["firmware"] if scenario.firmware else []),
            "-drive", f"file={disk},format=raw,if=virtio,readonly=on", *scenario.qemu]


def devicetree(qemu, scenario, out):
    """What QEMU would make itself, and more."""
    made, used = out / "qemu.tree", out / "machine.tree"
    subprocess.run([*qemu, "-machine", f"dumpdtb={made}"], check=True, capture_output=True)
    text = subprocess.run(["dtc", "-q", "-I", "dtb", made], check=True, capture_output=True).stdout
    # First, so that nodes behind it move if it grows.
    text = text.replace(b"/dts-v1/;", b"/dts-v1/;\n" + scenario.dts.encode(), 1)
    subprocess.run(["dtc", "-q", "-o", used], input=text, check=True)
    return used


def cmdline(arch, scenario):
    spec = ARCHES[arch]
    return (f"{spec['console']} loglevel=7 panic=-1 {'' if scenario.icount else BUSY} "
            f"kho_test={scenario.script} kho_stages={scenario.stages} "
            f"{scenario.cmdline.format(**spec)}").strip()


def wake(monitor):
    """Wake the guest up whenever it has gone to sleep. An alarm that it sets itself could ring
    before that, on a busy machine."""
    # The guest's end ends the connection.
    with monitor, suppress(OSError):
        monitor.sendall(b'{"execute": "qmp_capabilities"}')
        for line in monitor.makefile():
            if json.loads(line).get("event") == "SUSPEND":
                monitor.sendall(b'{"execute": "system_wakeup"}')


def run(arch, scenario, kernel, initrd, disk, out, on_line=lambda line: None):
    """Returns the console's text and whether the guest ended by itself."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    files, swap, root = (out / f"{name}.raw" for name in ("files", "swap", "root"))
    qemu = command(arch, scenario, kernel, initrd, disk, cmdline(arch, scenario))
    if scenario.dts:
        qemu += ["-dtb", str(devicetree(qemu, scenario, out))]
    qemu += ["-device", "virtio-serial", "-chardev", f"file,id=files,path={files}",
             "-device", "virtserialport,chardev=files"]
    if scenario.root:
        guest.root_disk(initrd, root)
        qemu += ["-drive", f"file={root},format=raw,if=virtio,readonly=on"]
    if scenario.swap:
        subprocess.run(["truncate", f"--size={scenario.swap}M", swap], check=True)
        qemu += ["-drive", f"file={swap},format=raw,if=virtio"]
    lines, late = [], threading.Event()
    monitor, end = socket.socketpair()
    qemu += ["-chardev", f"socket,id=monitor,fd={end.fileno()}",
             "-mon", "chardev=monitor,mode=control"]
    with (out / "console.log").open("w") as log, end, \
            subprocess.Popen(qemu, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, errors="replace",
                             pass_fds=[end.fileno()]) as vm:
        end.close()
        threading.Thread(target=wake, args=[monitor], daemon=True).start()
        timer = threading.Timer(scenario.timeout * PATIENCE, lambda: (late.set(), vm.kill()))
        timer.start()
        for line in vm.stdout:
            line = line.rstrip()
            lines.append(line)
            print(line, file=log, flush=True)
            on_line(line)
        timer.cancel()
    for image in swap, root:
        image.unlink(missing_ok=True)
    unpack(files, out)
    return lines, not late.is_set()


def unpack(raw, out):
    """The files that the guest sent; one cut short is left out."""
    text = raw.read_text(errors="replace") if raw.exists() else ""
    for name, data in re.findall(r"^@file ([\w.-]+)\n([\w+/=\n]*)@end$", text, re.M):
        (out / name).write_bytes(base64.b64decode(data))


def verdicts(lines, scenario):
    """(result, name) for every check that a console shows."""
    found = []
    for line in lines:
        if m := RESULT.match(line):
            found.append((OUTCOME[m[1]], m[2]))
    if scenario.kunit:
        found += kunit_cases(lines, scenario.skipped)
    expected = re.compile(scenario.expected or r"(?!)")
    splats = [s for s in lines if SPLAT.search(s) and not expected.search(s)]
    if splats:
        found.append(("failed", "no splat in the console: " + splats[0].strip()))
    return found


def kunit_cases(lines, skipped):
    """Each KUnit case stands four columns in, its suite none; its parameters do not
    count. All suites have to run, and nothing is skipped that the scenario does not name."""
    found = []
    for line in lines:
        if m := re.match(r"(?:\[[ .\d]+\] )?(?:    )?(ok|not ok) \d+ (\S+)(.*# SKIP)?", line):
            found.append(("failed" if m[3] and m[2] not in skipped else OUTCOME[m[1]],
                          "kunit " + m[2]))
    ran = {name for _, name in found}
    return found + [("failed", f"KUnit ran {s}") for s in SUITES if "kunit " + s not in ran]
