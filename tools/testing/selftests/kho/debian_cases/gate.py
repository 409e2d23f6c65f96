# SPDX-License-Identifier: GPL-2.0
"""What must not be a kexec that loses the state is refused, before anything has stopped; what
an operator does instead works. Without the gate, the same mistakes are tried to their end."""

# Memory that is to be handed over has failed, an operator says: no handover can be made up to
# the next boot by firmware. The page is in use: the kernel notes it, and returns EBUSY.
FAIL = r"""kho activate
kho show --out | sed -n 's/.*-mem  .* at \(0x[0-9a-f]*\)$/\1/p' | head -n 1 >/run/failed
kho abort
cat /run/failed >/sys/devices/system/memory/hard_offline_page
dmesg | grep 'Memory failure: 0x'"""
REFUSED = "the hardware has failed there"


class Refusals:
    """Commands that must fail, with a machine that has not noticed."""

    def __init__(self, case, guest):
        self.case, self.guest, self.pid = case, guest, case.app(guest)

    def refused(self, what, command, *texts, code=None):
        said = self.guest.sh(command)
        self.case.check(f"{what}: it is refused",
                        said.code != 0 if code is None else said.code == code,
                        f"{said.out}\n({said.code})")
        for text in texts:
            self.case.check(f"{what}: it says `{text}`", text in said, said.out)
        self.case.untouched(self.guest, self.pid, what)
        return said

    def unloaded(self, what):
        """And a reboot would be one."""
        self.case.same(f"{what}: nothing is loaded",
                       self.guest.sh("cat /sys/kernel/kexec_loaded").out, "0")
        self.case.same(f"{what}: the gate is closed",
                       self.guest.sh("systemctl is-enabled kexec.target").out, "masked-runtime")


def mistakes(case, guest):
    """With the gate: all refused in one boot."""
    r = Refusals(case, guest)
    image = "/boot/vmlinuz-$(uname -r) --initrd=/boot/initrd.img-$(uname -r)"
    plain = f"root=LABEL=root {case.lab.console}"
    r.refused("nothing is loaded", "systemctl kexec")

    guest.must(r"printf '#!/bin/sh\nexit 1\n' >/etc/kho/pre.d/no && chmod +x /etc/kho/pre.d/no")
    guest.must("cp /etc/kho/pre.d/no /etc/kho/pre.d/no.sh")
    r.refused("a program in pre.d fails", "kho kexec", "a program in /etc/kho/pre.d has failed",
              "/etc/kho/pre.d/no.sh is skipped", code=1)
    r.unloaded("a program in pre.d fails")
    guest.must("rm /etc/kho/pre.d/no*")

    r.refused("no kho=on", f"kho kexec --command-line '{plain}'", "kho=on",
              code=1)
    r.unloaded("no kho=on")
    guest.must(f"kexec -s -l {image} --append='{plain}'")
    r.refused("a plain image is loaded", "systemctl kexec", "ccess denied")

    guest.must("kho load")
    case.same("an image is loaded", guest.sh("cat /sys/kernel/kho/image").out, "handover")
    r.refused("systemctl kexec without a handover", "systemctl kexec", "ccess denied")
    r.refused("reboot with an image loaded", "reboot")
    r.refused("shutdown -r now with an image loaded", "shutdown -r now")
    said = guest.sh("kho status")
    case.check("kho status tells of the gate", "kexec.target" in said or "gate" in said, said.out)
    if case.lab.release != "bookworm":
        r.refused("systemctl reboot with an image loaded", "systemctl reboot")


def run(case):
    kernel = case.lab.packages.kernel
    with case.machine() as (guest, _):
        mistakes(case, guest)
        old_reboot(case, guest, kernel)
        to_loaded(case, guest, kernel)
        said = guest.power_off()
        case.check("poweroff with an image loaded is one", "Power down" in said, said[-500:])
    with case.machine() as (guest, boot):
        case.up(guest, boot, "firmware", kernel, "after poweroff")
        without_gate(case, guest, kernel)
        without_package(case, guest, kernel)


def old_reboot(case, guest, kernel):
    """What is Debian 12's only: a reboot that is one, and a service that loads an image."""
    if case.lab.release == "bookworm":
        boot = guest.leave("systemctl reboot")
        case.up(guest, boot, "firmware", kernel, "systemctl reboot with an image loaded")
        guest.must("sed -i s/^LOAD_KEXEC=.*/LOAD_KEXEC=true/ /etc/default/kexec && "
                   "grep -q ^LOAD_KEXEC=true /etc/default/kexec")
        boot = guest.leave("reboot")
        case.up(guest, boot, "firmware", kernel, "kexec-load.service")
        guest.must("sed -i s/^LOAD_KEXEC=.*/LOAD_KEXEC=false/ /etc/default/kexec")
    guest.must("kho load")


def to_loaded(case, guest, kernel):
    """What kho says to who has loaded an image: go there, or unload it."""
    boot = guest.leave("kho kexec --loaded")
    case.up(guest, boot, "kexec", kernel, "kho kexec --loaded")
    case.same("kho kexec --loaded: it was accepted",
              guest.sh("cat /sys/firmware/kho/status").out, "accepted")
    guest.must("kho load")
    guest.must("kho load --unload")
    boot = guest.leave("systemctl reboot")
    case.up(guest, boot, "firmware", kernel, "the image unloaded, systemctl reboot")
    guest.must("kho load")


def without_gate(case, guest, kernel):
    """A handover that cannot be made costs the state there, and a boot by firmware."""
    r = Refusals(case, guest)
    guest.must(FAIL)
    r.refused("the kernel refuses", "kho kexec", REFUSED, code=4)
    r.unloaded("the kernel refuses")
    guest.must("echo gate=no >/etc/kho.conf.d/gate.conf")
    guest.must("systemctl restart kho")
    case.check("gate=no: kexec.target is not masked",
               "masked" not in guest.sh("systemctl is-enabled kexec.target"))
    lose(case, guest, kernel, r)
    guest.must("kho load")
    boot = guest.leave("reboot")
    case.up(guest, boot, "kexec", kernel, "gate=no, reboot with an image loaded")
    case.same("gate=no: that is a handover", guest.sh("cat /sys/firmware/kho/status").out, "accepted")
    guest.must("rm /etc/kho.conf.d/gate.conf && systemctl restart kho")


def lose(case, guest, kernel, r):
    r.refused("gate=no, the kernel refuses", "kho kexec", REFUSED, code=4)
    guest.must("kho load")
    boot = guest.leave("systemctl kexec")
    case.up(guest, boot, "firmware", kernel, "gate=no, systemctl kexec without a handover")
    case.check("gate=no: the console says what was lost",
               "nothing is handed over, and what was to be is lost" in boot.console,
               boot.console[-3000:])


def without_package(case, guest, kernel):
    """Removing kho leaves no gate behind; the kernel goes on handing over."""
    case.same("the gate is closed again",
              guest.sh("systemctl is-enabled kexec.target").out, "masked-runtime")
    guest.must("DEBIAN_FRONTEND=noninteractive dpkg -r kho")
    case.check("without the package kexec.target is not masked",
               "masked" not in guest.sh("systemctl is-enabled kexec.target"),
               guest.sh("systemctl is-enabled kexec.target").out)
    guest.must("kexec -s -l /boot/vmlinuz-$(uname -r) --initrd=/boot/initrd.img-$(uname -r) "
               "--reuse-cmdline && echo 1 >/sys/kernel/kho/active")
    boot = guest.leave("systemctl kexec")
    case.up(guest, boot, "kexec", kernel, "without the package")
    case.same("without the package: the handover is accepted",
              guest.sh("cat /sys/firmware/kho/status").out, "accepted")
