# SPDX-License-Identifier: GPL-2.0
"""Owns what the guests are given: an initramfs (busybox, Debian's kexec, our
scripts) and a disk that is a plain tar of kernels and modules to kexec into."""

import re
import shutil
import tarfile

from common import ARCHES, HERE, run


def kexec_files():
    """kexec and the shared libraries that it loads."""
    tool = shutil.which("kexec", path="/sbin:/usr/sbin")
    return [tool] + re.findall(r"(/\S+) \(0x", run(["ldd", tool]))


def initramfs(build_dir):
    root, image = build_dir / "initramfs", build_dir / "initramfs.gz"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(HERE / "guest", root)
    for path in ["/bin/busybox", *kexec_files()]:
        # Where /lib64 and /sbin are links into /usr the guest still has plain paths.
        to = root / path.lstrip("/")
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, to)
    run(["sh", "-c", f"cd {root} && find . | cpio --quiet -o -H newc -R 0:0 | gzip -9 >{image}"])
    return image


def disk(arch, flavours, initrd, build_dir):
    """flavours: name -> kernel output directory. Returns the tar."""
    path = build_dir / f"guest-{arch}.tar"
    with tarfile.open(path, "w") as tar:
        tar.add(initrd, "initramfs")
        for name, out in flavours.items():
            tar.add(out / ARCHES[arch]["image"], f"{name}/image")
            for ko in out.rglob("*.ko"):
                tar.add(ko, f"{name}/{ko.name}")
    return path
