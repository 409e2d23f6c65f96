# SPDX-License-Identifier: GPL-2.0
"""State crosses three `kho kexec`, the second to a later version of the packages if there is
one; then the machine is rebooted by firmware, as after any of them it may have to be."""

from common import say
from debian_cases.install import INSTALL, choose
from debian_lab import UPGRADE

CONFIGURE = r"""set -e
cat >/etc/default/grub.d/70-state.cfg <<'END'
GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX reserve_mem=4M:4096:trace trace_instance=boot_map^traceoff@trace"
END
update-grub
echo kho_sample >/etc/modules-load.d/kho-sample.conf"""
TRACE = "/sys/kernel/tracing/instances/boot_map"


def leave_state(guest, step):
    """Something in each place, that only this step says."""
    # A boot does not trace by itself: what is there is the last kernel's.
    guest.must(f"cd {TRACE} && echo 0 >tracing_on && echo >trace && echo 1 >tracing_on && "
               f"echo 'traced in step {step}' >trace_marker")
    guest.must(f"echo 'a message of step {step}' >/dev/pmsg0")
    guest.must(f"echo 'the console of step {step}' >/dev/kmsg")


def arrived(case, guest, step):
    """After as many handovers: what the step before has left is there."""
    when, last = f"handover {step}", step - 1
    case.same(f"{when}: it was accepted", guest.sh("cat /sys/firmware/kho/status").out, "accepted")
    trace = guest.sh(f"cat {TRACE}/trace")
    case.check(f"{when}: the trace has arrived", f"traced in step {last}" in trace, trace.out)
    # systemd-pstore moves what it finds there.
    for what, text in (("a message", "/dev/pmsg0"), ("the console", "the console's log")):
        said = guest.sh(f"grep -ahrs '{what} of step {last}' /sys/fs/pstore /var/lib/systemd/pstore")
        case.check(f"{when}: {text} has arrived", not said.code,
                   guest.sh("ls -lR /sys/fs/pstore /var/lib/systemd/pstore; dmesg | grep ramoops").out)
    log = guest.sh("dmesg | grep kho_sample")
    case.check(f"{when}: the sample driver has its data",
               f"found: counter {step + 1}, " in log and "ranges verified" in log, log.out)
    said = guest.sh("kho wait claimed --timeout 60")
    case.check(f"{when}: all is claimed", not said.code, said.out + guest.sh("kho status").out)
    journal = guest.sh("journalctl -b -u kho")
    case.check(f"{when}: the journal says that all nodes arrived",
               "a handover was accepted" in journal and "all is claimed" in journal, journal.out)


def run(case):
    first, later = case.lab.packages.kernel, case.lab.upgrade.kernel
    with case.machine() as (guest, _):
        guest.must(CONFIGURE)
        guest.must("modprobe kho_sample")
        boot = guest.leave("systemctl reboot")
        case.up(guest, boot, "firmware", first, "before")
        case.with_kho(guest, "before")
        kernel = first
        for step in range(1, 4):
            leave_state(guest, step - 1)
            if step == 2 and later:
                case.unpack(guest)
                guest.must(INSTALL.format(UPGRADE), 1800)
                choose(case, guest, later)
                kernel = later
            said = guest.sh("kho kexec --dry-run")
            case.check(f"handover {step}: kho kexec --dry-run sees nothing wrong", not said.code,
                       said.out)
            boot = guest.leave("kho kexec")
            case.up(guest, boot, "kexec", kernel, f"handover {step}")
            case.with_kho(guest, f"handover {step}")
            arrived(case, guest, step)
        boot = guest.leave("systemctl reboot")
        case.up(guest, boot, "firmware", kernel, "at last")
        case.with_kho(guest, "at last")
        case.same("at last: no handover came", guest.sh("cat /sys/firmware/kho/status").out, "none")
    if not later:
        say(f"  {case.lab.name} chain: no later packages were given: the chain was of one kernel")
