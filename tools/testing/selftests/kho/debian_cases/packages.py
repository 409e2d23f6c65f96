# SPDX-License-Identifier: GPL-2.0
"""The packages come, are replaced by later ones, and go: each leaves a machine that boots, and
purging leaves nothing."""

from debian_cases.install import INSTALL, choose
from debian_lab import PACKAGES, UPGRADE

DPKG = "DEBIAN_FRONTEND=noninteractive dpkg "
# Debian's own kernel, the newest.
DEBIANS = "ls /boot/vmlinuz-* | grep -v +kho | sort -V | tail -n 1 | sed s/.*vmlinuz-//"
# Packages whose contents are those of ours, with a version that is before, and other defaults.
OLDER = r"""set -e
cd /srv && for deb in packages/*.deb; do
	dpkg-deb -R $deb older
	sed -i 's/^Version: \(.*\)/Version: \1~older/; /^Depends:/s/ (= [^)]*)//' older/DEBIAN/control
	[ ! -e older/etc/kho.conf ] || echo '# older' >>older/etc/kho.conf
	dpkg-deb --root-owner-group -Znone -b older $(basename $deb .deb)~older.deb
	rm -r older
done"""
# Whatever has our name as a word of its own: mkhomedir and Stockholm are others. Logs stay.
OURS = r"""find / -xdev -regextype posix-extended \
	-regex '.*/([^/]*[^A-Za-z/])?kho[0-9]*([^A-Za-z0-9/][^/]*)?' \
	! -path '/srv/*' ! -path '/var/log/*'"""


def entry_of(case, guest, kernel, what):
    case.check(f"{what}: GRUB's menu has {kernel}",
               f"/vmlinuz-{kernel} " in guest.sh("cat /boot/grub/grub.cfg"),
               guest.sh("grep -w linux /boot/grub/grub.cfg").out)


def upgrade(case, guest):
    """From a build before, or to one after, if it was given; returns the kernel's release."""
    names, first, later = case.lab.packages.names, case.lab.packages.kernel, case.lab.upgrade.kernel
    case.unpack(guest)
    guest.must(OLDER, 1800)
    said = guest.sh(DPKG + "--force-downgrade -i /srv/*~older.deb", 1800)
    case.check("older packages can be installed", said.code == 0, said.out)
    guest.must("echo activate=trial >/etc/kho.conf.d/own.conf")
    said = guest.sh(INSTALL.format(PACKAGES), 1800)
    case.check("the upgrade from older packages", said.code == 0, said.out)
    case.same("the upgrade: what was configured stays, and new defaults have come",
              guest.sh("cd /etc && cat kho.conf.d/own.conf && grep older kho.conf").out,
              "activate=trial")
    case.same("the upgrade: the gate stays closed",
              guest.sh("systemctl is-enabled kexec.target").out, "masked-runtime")
    versions = guest.sh(f"dpkg-query -W -f '${{Version}}\\n' {' '.join(names)}")
    case.check("the upgrade: the versions are those", "older" not in versions, versions.out)
    entry_of(case, guest, first, "the upgrade")
    if not later:
        return first
    said = guest.sh(INSTALL.format(UPGRADE), 1800)
    case.check("the upgrade to a later kernel", said.code == 0, said.out)
    entry_of(case, guest, later, "the later kernel")
    entry_of(case, guest, first, "the later kernel")
    return later


def run(case):
    with case.machine() as (guest, _):
        debians = guest.must(DEBIANS)
        kernel = upgrade(case, guest)
        choose(case, guest, kernel)
        boot = guest.leave("systemctl reboot")
        case.up(guest, boot, "firmware", kernel, "after the upgrade")
        case.with_kho(guest, "after the upgrade")
        remove(case, guest, debians)


def remove(case, guest, debians):
    ours = "kho 'linux-image-*kho*'"
    pid = case.app(guest)
    said = guest.sh(f"apt-get -y remove {ours}", 1800)
    case.check("all packages can be removed, under the kernel that runs", said.code == 0, said.out)
    case.untouched(guest, pid, "removing")
    entry_of(case, guest, debians, "removing")
    case.check("removing: GRUB's menu has none of ours",
               "+kho" not in guest.sh("grep -w linux /boot/grub/grub.cfg"))
    boot = guest.leave("systemctl reboot")
    case.up(guest, boot, "firmware", debians, "after removing")
    case.check("after removing: kho=on is gone", "kho=" not in guest.sh("cat /proc/cmdline"),
               guest.sh("cat /proc/cmdline").out)
    case.same("after removing: systemctl kexec is as Debian has it",
              "masked" in guest.sh("systemctl is-enabled kexec.target"), False)

    said = guest.sh(f"apt-get -y purge {ours}", 1800)
    case.check("all packages can be purged", said.code == 0, said.out)
    case.same("purging leaves nothing", guest.sh(OURS).out, "")
    said = guest.sh(INSTALL.format(PACKAGES), 1800)
    case.check("and they can be installed again", said.code == 0, said.out)
    choose(case, guest, case.lab.packages.kernel)
    boot = guest.leave("systemctl reboot")
    case.up(guest, boot, "firmware", case.lab.packages.kernel, "installed again")
    case.with_kho(guest, "installed again")
