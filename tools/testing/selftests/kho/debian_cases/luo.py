# SPDX-License-Identifier: GPL-2.0
"""What programs have in sessions crosses `kho kexec`, held by kho-keep, which the shutdown
spares: a session lasts as long as a process has it open, so what arrives shows that."""

ENABLE = "systemctl enable --now kho-keep"
# As the operator's guide has them.
PUT = ["echo 'correct horse' | kho-keep put passphrase", "kho-keep put cache /srv/cache"]
GET = ["kho-keep get passphrase", "kho-keep get cache /srv/cache.arrived"]
MIB = 6


def ready(case, guest, boot, when):
    case.check(f"{when}: kho-keep did not keep the file system from being left clean",
               "recovering journal" not in boot.console, boot.console[-3000:])
    case.check(f"{when}: liveupdate=on is on the command line",
               " liveupdate=on" in guest.sh("cat /proc/cmdline"), guest.sh("cat /proc/cmdline").out)
    case.with_kho(guest, when)
    case.same(f"{when}: kho-keep complains of nothing",
              guest.sh("journalctl -b -p warning -o cat _SYSTEMD_UNIT=kho-keep.service").out, "")


def arrived(case, guest, when, passphrase):
    case.same(f"{when}: it was accepted", guest.sh("cat /sys/firmware/kho/status").out, "accepted")
    case.same(f"{when}: so were the sessions",
              guest.sh("cat /sys/kernel/liveupdate/status").out, "accepted")
    case.same(f"{when}: kho-keep runs", guest.sh("systemctl is-active kho-keep").out, "active")
    case.same(f"{when}: it has all", sorted(guest.sh("kho-keep list").out.splitlines()),
              [f"cache {MIB << 20}", f"passphrase {len(passphrase) + 1}"])
    case.same(f"{when}: the passphrase is that", guest.sh(GET[0]).out, passphrase)
    guest.must(GET[1])
    said = guest.sh("cmp /srv/cache /srv/cache.arrived && rm /srv/cache.arrived")
    case.check(f"{when}: so is the file", not said.code, said.out)
    case.same(f"{when}: no session waits",
              guest.sh("grep -ls waiting /sys/kernel/liveupdate/incoming/*/state").out, "")


def run(case):
    kernel = case.lab.packages.kernel
    with case.machine() as (guest, boot):
        ready(case, guest, boot, "before")
        guest.must(ENABLE)
        guest.must(f"head -c {MIB}M /dev/urandom >/srv/cache")
        passphrase = "correct horse"
        for command in PUT:
            guest.must(command)
        for step in 1, 2:
            when = f"handover {step}"
            boot = guest.leave("kho kexec")
            case.up(guest, boot, "kexec", kernel, when)
            ready(case, guest, boot, when)
            arrived(case, guest, when, passphrase)
            passphrase = f"of step {step}"
            guest.must(f"echo '{passphrase}' | kho-keep put passphrase")
        boot = guest.leave("systemctl reboot")
        case.up(guest, boot, "firmware", kernel, "at last")
        ready(case, guest, boot, "at last")
        case.same("at last: kho-keep runs", guest.sh("systemctl is-active kho-keep").out, "active")
        case.same("at last: and has nothing", guest.sh("kho-keep list").out, "")
