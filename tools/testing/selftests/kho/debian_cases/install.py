# SPDX-License-Identifier: GPL-2.0
"""The packages on a server as Debian installs it, and the reboot into the kernel."""

from debian_lab import PACKAGES

FIRST = "grep -om1 'vmlinuz-[^ ]*' /boot/grub/grub.cfg"
# apt-get asks only if it were to install more than it is told.
INSTALL = "cd {} && apt-get install ./linux-image-*.deb ./kho_*.deb"


def choose(case, guest, kernel):
    """GRUB starts the kernel whose version is the highest: Debian's own, if that is later."""
    first = guest.must(FIRST).removeprefix("vmlinuz-")
    if first == kernel:
        return
    guest.must("echo pin=yes >/etc/kho.conf.d/pin.conf")
    guest.must("update-grub")
    case.same(f"GRUB would start {first}; with pin=yes it does not", guest.must(FIRST),
              f"vmlinuz-{kernel}")


def run(case):
    kernel = case.lab.packages.kernel
    with case.machine() as (guest, boot):
        case.up(guest, boot, "firmware", guest.sh("uname -r").out, "before")
        gate = guest.sh("systemctl is-enabled kexec.target").out
        case.unpack(guest)
        said = guest.sh(INSTALL.format(PACKAGES), 1800)
        case.check("the packages are installed", said.code == 0, said.out)
        case.same("dpkg has nothing to complain of", guest.sh("dpkg --audit").out, "")
        case.check("GRUB's menu was made anew", f"vmlinuz-{kernel}" in
                   guest.sh("cat /boot/grub/grub.cfg"), said.out)
        case.check("on a kernel without KHO, kho status says so",
                   guest.sh("kho status").code == 3, guest.sh("kho status").out)
        case.same("and systemctl kexec is as it was",
                  guest.sh("systemctl is-enabled kexec.target").out, gate)

        choose(case, guest, kernel)
        boot = guest.leave("systemctl reboot")
        case.up(guest, boot, "firmware", kernel, "after")
        case.check("after: kho=on is on the command line", " kho=on" in guest.sh("cat /proc/cmdline"),
                   guest.sh("cat /proc/cmdline").out)
        case.with_kho(guest, "after")
        case.same("after: /sys/firmware/kho/status", guest.sh("cat /sys/firmware/kho/status").out,
                  "none")
        guest.power_off()
    if not any(result == "failed" for result, name in case.found if "kernel is" in name):
        case.lab.save("installed", case.disk, case.vars)
