# SPDX-License-Identifier: GPL-2.0
"""Owns what the guests are given: an initramfs (busybox, Debian's kexec and fdtget,
our scripts) and a disk that is a plain tar of kernels and modules to kexec into, and of the
kho command and the sample programs."""

import os
import re
import shutil
import tarfile
from pathlib import Path

from common import ARCHES, HERE, Failure, native, run, step

PACKAGES = ["busybox-static", "device-tree-compiler", "kexec-tools"]
# What kho is compiled with; scripts/setup has them for this machine.
LIBRARIES = ["libfdt-dev", "libsmartcols-dev", "libjson-c-dev", "zlib1g-dev"]


def private_apt(work, debian_arch, **more):
    """Options that give apt a state of its own: this machine's packages are left alone."""
    if not shutil.which("apt-get"):
        raise Failure(f"{work} is for what Debian's apt-get fetches, which is not here")
    shutil.rmtree(work, ignore_errors=True)
    for name in ("state/lists/partial", "cache/archives/partial", "root"):
        (work / name).mkdir(parents=True)
    (work / "status").touch()
    options = {"Dir::State": work / "state", "Dir::State::status": work / "status",
               "Dir::Cache": work / "cache", "APT::Sandbox::User": "root",
               "APT::Architecture": debian_arch, "APT::Architectures": debian_arch,
               "Acquire::Languages": "none", "Acquire::Retries": "3", **more}
    return [f"-o{k}={v}" for k, v in options.items()]


def note_libraries(control, noted):
    """For dpkg-shlibdeps -S, which takes the root for a package: whose the libraries are."""
    noted.mkdir(exist_ok=True)
    for name in "shlibs", "symbols":
        if (control / name).exists():
            with (noted / name).open("a") as f:
                f.write((control / name).read_text())
    shutil.rmtree(control)


def link_within(root):
    """For linkers: links from /, libz.so for one, are links from root."""
    for path in root.rglob("*"):
        if path.is_symlink() and (to := os.readlink(path)).startswith("/"):
            path.unlink()
            path.symlink_to(os.path.relpath(root / to[1:], path.parent))


def userland(arch, build_dir):
    """Where busybox and the like are: on this machine, or unpacked below build_dir."""
    if native(arch):
        return Path("/")
    root, work = build_dir / f"userland/{arch}", build_dir / f"userland/{arch}-apt"
    packages = [*PACKAGES, *LIBRARIES]
    if all((root / p).exists() for p in ["DEBIAN", *("usr/share/doc/" + p for p in packages)]):
        return root
    shutil.rmtree(root, ignore_errors=True)
    step(f"fetching {', '.join(packages)} for {arch}")
    apt = ["apt-get", "-q", "-y", *private_apt(work, ARCHES[arch]["debian"])]
    run([*apt, "update"])
    run([*apt, "install", "--download-only", "--no-install-recommends", *packages])
    for deb in (work / "cache/archives").glob("*.deb"):
        run(["dpkg-deb", "-x", deb, work / "root"])
        run(["dpkg-deb", "-e", deb, work / "control"])
        note_libraries(work / "control", work / "root/DEBIAN")
    link_within(work / "root")
    (work / "root").rename(root)
    shutil.rmtree(work)
    return root


def find(root, arch, name):
    """Where below root a path, or a library, is."""
    triplet = ARCHES[arch]["triplet"]
    places = ["lib64/", f"lib/{triplet}/", "lib/"] if "/" not in name else [""]
    for place in [u + p for u in ("", "usr/") for p in places]:
        if (root / (place + name.lstrip("/"))).exists():
            return place + name.lstrip("/")
    raise Failure(f"{root} has no {name}")


def with_libraries(root, arch, names):
    """These, and all that they load, as paths below root."""
    found, c = [], dict(os.environ, LC_ALL="C")
    for name in names:
        path = find(root, arch, name)
        if path not in found:
            text = run(["readelf", "-ld", root / path], env=c)
            names += re.findall(r"(?:interpreter: |\(NEEDED\).*\[)(\S+)\]", text)
            found.append(path)
    return found


def initramfs(arch, source, build_dir):
    """source: what userland() says."""
    root, image = build_dir / f"initramfs-{arch}", build_dir / f"initramfs-{arch}.gz"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(HERE / "guest", root)
    (root / "mnt").mkdir()
    for path in with_libraries(source, arch, ["/bin/busybox", "/sbin/kexec", "/usr/bin/fdtget"]):
        # Where /lib and /sbin are links into /usr the guest still has plain paths.
        to = root / path.removeprefix("usr/")
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / path, to)
    run(["sh", "-c", f"cd {root} && find . | cpio --quiet -o -H newc -R 0:0 | gzip -9 >{image}"])
    return image


def command(arch, linux, build_dir):
    """A directory with kho, the libraries that it loads, and programs that need the C library."""
    out, source = build_dir / f"kho-{arch}", userland(arch, build_dir)
    make = [] if native(arch) else [f"CC={ARCHES[arch]['triplet']}-gcc --sysroot={source}"]
    programs = [out / "build" / name for name in ("kho", "kho-keep", "liveupdate-memory")]
    run(["make", "-s", "-C", linux / "tools/kho", f"O={out / 'build'}", *make, *programs])
    (out / "disk").mkdir(exist_ok=True)
    for program in programs:
        shutil.copy2(program, out / "disk")
    needed = re.findall(r"\(NEEDED\).*\[(\S+)\]", run(["readelf", "-d", out / "build/kho"],
                                                       env=dict(os.environ, LC_ALL="C")))
    for path in with_libraries(source, arch, needed):
        shutil.copy2(source / path, out / "disk")
    return out / "disk"


def program(arch, linux, build_dir, source, *more):
    """A program that needs no library, called as its first file in C is."""
    out = build_dir / f"kho-{arch}/{source.stem}"
    out.parent.mkdir(exist_ok=True)
    cc = ["gcc"] if native(arch) else [f"{ARCHES[arch]['triplet']}-gcc",
                                       f"--sysroot={userland(arch, build_dir)}"]
    run([*cc, "-static", "-O1", "-Wall", "-D_GNU_SOURCE=", "-idirafter", linux / "include/uapi",
         "-o", out, source, *more])
    return out


def root_disk(initrd, path):
    """What an initramfs has, as a disk for a kernel that is given none."""
    run(["/sbin/mke2fs", "-q", "-t", "ext2", "-d", initrd.with_suffix(""), path, "64M"])


def disk(arch, flavours, initrd, build_dir, kho=None, programs=()):
    """flavours: name -> kernel output directory; kho: what command() gave; programs: what
    program() did. Returns the tar."""
    path = build_dir / f"guest-{arch}.tar"
    with tarfile.open(path, "w") as tar:
        tar.add(initrd, "initramfs")
        if kho:
            tar.add(kho, "kho")
        for made in programs:
            tar.add(made, made.name)
        for name, out in flavours.items():
            tar.add(out / ARCHES[arch]["image"], f"{name}/image")
            for ko in out.rglob("*.ko"):
                tar.add(ko, f"{name}/{ko.name}")
    return path
