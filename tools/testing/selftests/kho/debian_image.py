# SPDX-License-Identifier: GPL-2.0
"""Owns the disk of a Debian server as it was installed: its root file system by mmdebstrap,
its partitions, and GRUB, which Debian's own tools put there in a guest."""

import hashlib
import os
import re
import subprocess

from common import ARCHES, HERE, Failure, native, run, step

RELEASES = ["bookworm", "trixie"]
SERVER = ["systemd-sysv", "udev", "dbus", "libpam-systemd", "initramfs-tools", "zstd", "login",
          "passwd", "procps", "kmod", "iproute2", "iputils-ping", "e2fsprogs", "dosfstools",
          "grub-efi-{debian}", "linux-image-cloud-{debian}", "kexec-tools", "cron", "openssh-server",
          # What the package kho depends on: its own dpkg -i fetches nothing.
          "libfdt1", "libjson-c5", "libsmartcols1"]
# Not installed, but there: see debian_cases/kdump.py.
LATER, LATER_DIR = "kdump-tools makedumpfile", "/srv/kdump"
SERVICES = "app.service serial-getty@hvc0.service systemd-networkd.service"
# In MiB: what is before the root file system, and it. The rest is the second table's.
ESP, ROOT = 64, 4000
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def archives():
    """The URIs of Debian and of its security updates, as this machine has them."""
    found = {}
    text = run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME)",
                "Created-By: Packages"])
    for uri, suffix in re.findall(r"^(\S+) (?:bookworm|trixie)(|-security)$", text, re.M):
        found[suffix] = uri
    if "" not in found:
        raise Failure("apt knows no archive of Debian here")
    return found


def sources(release):
    return "".join(f"deb [signed-by={KEYRING}] {uri} {release}{suffix} main\n"
                   for suffix, uri in archives().items())


def apt_options():
    """How this machine gets at archives: proxies and the like."""
    text = run(["apt-config", "dump"])
    return [f"--aptopt={o}" for o in re.findall(r"^Acquire::(?:Check-|https?::).*;$", text, re.M)]


def emulate(machine):
    """Have this machine's kernel run programs of another one's."""
    if not os.path.exists(f"/proc/sys/fs/binfmt_misc/qemu-{machine}"):
        run(["update-binfmts", "--enable", f"qemu-{machine}"])


def bootstrap(arch, release, root):
    spec = ARCHES[arch]
    if not native(arch):
        emulate(spec["machine"])
    hooks = [f'chroot "$1" sh -c "apt-get clean && apt-get -qq install --download-only {LATER}"',
             f'mkdir "$1{LATER_DIR}" && mv "$1"/var/cache/apt/archives/*.deb "$1{LATER_DIR}"',
             f'cp -r {HERE}/debian/. "$1"',
             f'sed -i "s/@CONSOLE@/{spec["console"]}/" "$1/etc/default/grub.d/10-test.cfg"',
             f'chroot "$1" systemctl -q enable {SERVICES}',
             # With this directory a journal is kept.
             'mkdir -p "$1/boot/efi" "$1/var/log/journal"']
    done = subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=minbase", f"--architectures={spec['debian']}",
         f"--include={','.join(SERVER).format(**spec)}",
         *apt_options(), *[f"--customize-hook={h}" for h in hooks],
         "--dpkgopt=path-exclude=/usr/share/doc/*", release, str(root), "-"],
        input=sources(release), text=True, capture_output=True)
    if done.returncode:
        raise Failure(f"mmdebstrap {release} {arch} failed:\n{done.stderr[-3000:]}")


def partition(root, disk):
    disk.unlink(missing_ok=True)
    run(["truncate", f"--size={1 + ESP + ROOT + 1}M", disk])
    subprocess.run(["sfdisk", "--quiet", disk], check=True, text=True,
                   input=f"label: gpt\n1M,{ESP}M,U\n{1 + ESP}M,{ROOT}M,L\n")
    run(["/sbin/mke2fs", "-q", "-t", "ext4", "-L", "root", "-d", root,
         "-E", f"offset={(1 + ESP) << 20}", disk, f"{ROOT}M"])


# The first boot is by QEMU, because GRUB is not there yet.
FIRST = """set -e
mkfs.vfat -n ESP /dev/vda1 >/dev/null
echo 'LABEL=ESP /boot/efi vfat umask=0077 0 1' >>/etc/fstab
systemctl daemon-reload
mount /boot/efi
grub-install --target={}-efi --removable --no-nvram
update-grub"""


def key():
    """What a disk is made of, but for the archives."""
    files = [HERE / "debian_image.py",
             *sorted(f for f in (HERE / "debian").rglob("*") if f.is_file())]
    return hashlib.sha256(b"".join(bytes(f.relative_to(HERE)) + f.read_bytes()
                                   for f in files)).hexdigest()


def disk(arch, release, where, boot_once):
    """The disk's path. boot_once(disk, kernel, initrd, commands) runs commands as root there."""
    image, root, made_of, now = where / "disk.raw", where / "root", where / "disk.key", key()
    if image.exists() and made_of.exists() and made_of.read_text() == now:
        return image
    if os.geteuid():
        raise Failure("Debian's root file system is made by mmdebstrap, as root")
    where.mkdir(parents=True, exist_ok=True)
    run(["rm", "-rf", root])
    step(f"{release} {arch}: installing a server with mmdebstrap")
    bootstrap(arch, release, root)
    made = where / "disk.part"
    partition(root, made)
    for name in ("vmlinuz", "initrd.img"):
        run(["cp", "--dereference", root / name, where / name])
    run(["rm", "-rf", root])
    step(f"{release} {arch}: installing GRUB there")
    boot_once(made, where / "vmlinuz", where / "initrd.img", FIRST.format(arch))
    made.rename(image)
    made_of.write_text(now)
    return image
