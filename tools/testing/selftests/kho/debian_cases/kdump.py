# SPDX-License-Identifier: GPL-2.0
"""Debian's kdump-tools beside a handover: a crash kernel is loaded whatever is active, is
loaded again after each handover, and takes the dump of a crash."""

import re

from debian_image import LATER_DIR

LOADED = "cat /sys/kernel/kexec_crash_loaded"


def loaded(case, guest, when):
    said = guest.sh("grep -o ' crashkernel=[^ ]*' /proc/cmdline && cat /sys/kernel/kexec_crash_size")
    case.check(f"{when}: memory is set aside for the crash kernel",
               not said.code and not said.out.endswith("\n0"),
               said.out + guest.sh("dmesg | grep -i crash").out)
    said = guest.sh("systemctl restart kdump-tools; kdump-config show")
    case.check(f"{when}: the crash kernel is loaded", guest.sh(LOADED).out == "1",
               said.out + guest.sh("journalctl -b -u kdump-tools -o cat").out)


def crash(case, guest, kernel):
    """With a handover active: the dump is made, and the machine comes back by firmware."""
    guest.must("rm -rf /var/crash/2*; kho activate; sync")
    boot = guest.leave("echo c >/proc/sysrq-trigger", 3000)
    case.check("a crash: another kernel has made the dump", boot.console.count("Linux version") == 2,
               boot.console[-2000:])
    case.same("a crash: the machine is back by firmware", boot.kind, "firmware")
    guest.settled()
    case.same("a crash: and by the kernel", guest.sh("uname -r").out, kernel)
    dump = guest.sh("ls -l /var/crash/2*/")
    # Without makedumpfile, which Debian 13 only recommends, it is a copy of /proc/vmcore.
    case.check("a crash: there is a dump of it", not dump.code and "INCOMPLETE" not in dump.out.upper()
               and re.search(r" (dump|vmcore)\.2\d+$", dump.out, re.M), dump.out)
    log = guest.sh("grep -acm1 'sysrq triggered crash' /var/crash/2*/*")
    case.same("a crash: its log has the panic", log.code, 0)


def run(case):
    kernel = case.lab.packages.kernel
    with case.machine() as (guest, _):
        said = guest.sh(f"DEBIAN_FRONTEND=noninteractive dpkg -i {LATER_DIR}/*.deb", 1800)
        case.check("kdump-tools is installed", said.code == 0, said.out)
        boot = guest.leave("systemctl reboot")
        case.up(guest, boot, "firmware", kernel, "before")
        case.with_kho(guest, "before")
        loaded(case, guest, "before")
        guest.must("kho activate")
        loaded(case, guest, "with a handover active")
        case.same("the handover is still active", guest.sh("cat /sys/kernel/kho/active").out, "1")
        for step in 1, 2:
            boot = guest.leave("kho kexec")
            case.up(guest, boot, "kexec", kernel, f"handover {step}")
            case.with_kho(guest, f"handover {step}")
            case.same(f"handover {step}: it was accepted",
                      guest.sh("cat /sys/firmware/kho/status").out, "accepted")
            loaded(case, guest, f"handover {step}")
        crash(case, guest, kernel)
