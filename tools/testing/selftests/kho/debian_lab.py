# SPDX-License-Identifier: GPL-2.0
"""Owns what a case of `make test-debian` is given: packages, disks in a state that is known,
guests, and checks that any healthy machine passes."""

import re
import shutil
import tarfile
import time
from contextlib import contextmanager

import debian_image
from common import ARCHES, Failure, say
from debian_guest import Guest, fresh_vars, overlay, splats

# What the shell of a case finds in /srv: see packages_disk().
PACKAGES, UPGRADE = "/srv/packages", "/srv/upgrade"
# systemd before 255 says of kho-keep's unit that it does not know the key: that is no news.
WARNINGS = ("journalctl -b -k -p warning -o cat | grep -iE 'kho|liveupdate|memfd' | "
            "grep -v 'Unknown key .SurviveFinalKillSignal'")


class Packages:
    """Those of a directory that a machine for this release is given."""

    def __init__(self, directory):
        debs = sorted(directory.glob("*.deb")) if directory.is_dir() else []
        images = [d for d in debs if re.match(r"linux-image-(?!.*-dbg_)", d.name)]
        cloud = [d for d in images if "cloud" in d.name]
        self.debs = (cloud or images) + [d for d in debs if d.name.startswith("kho_")]
        releases = [m[1] for d in self.debs if (m := re.match(r"linux-image-(\d[^_]*)_", d.name))]
        # The uname -r of the newest; there is one, as a rule.
        self.kernel = releases[-1] if releases else ""
        self.names = [d.name.split("_")[0] for d in self.debs]

    def __bool__(self):
        return bool(self.kernel and "kho" in self.names)


class Lab:
    """What all cases of a release share."""

    def __init__(self, arch, release, build_dir, packages, upgrade):
        self.arch, self.release, self.packages, self.upgrade = \
            arch, release, Packages(packages), Packages(upgrade)
        if not self.packages:
            raise Failure(f"no packages of a kernel and of kho in {packages}: make deb")
        self.name, self.console = f"{arch}-{release}", ARCHES[arch]["console"]
        self.where = build_dir / "debian" / self.name
        self.results = build_dir / "results" / f"debian-{self.name}"
        self.stock = debian_image.disk(arch, release, self.where, self.boot_once)
        self.tar = self.packages_disk()

    def boot_once(self, disk, kernel, initrd, commands):
        with Guest(self.arch, disk, fresh_vars(self.arch, self.where / "vars.fd"),
                   self.results / "image", ["-kernel", kernel, "-initrd", initrd, "-append",
                                            f"root=LABEL=root {self.console}"]) as guest:
            guest.booted()
            guest.must(commands)
            guest.power_off()

    def packages_disk(self):
        """A tar that guests have as their second disk."""
        path = self.where / "packages.tar"
        with tarfile.open(path, "w") as tar:
            for name, packages in (("packages", self.packages), ("upgrade", self.upgrade)):
                for deb in packages.debs:
                    tar.add(deb, f"{name}/{deb.name}")
        return path

    def key(self):
        """What a saved state follows from."""
        files = [self.stock, *self.packages.debs]
        return "\n".join(f"{f} {f.stat().st_size} {f.stat().st_mtime_ns}" for f in files)

    def state(self, name):
        """Disk and firmware's variables of a machine that was saved; None, None if there is none"""
        if name == "stock":
            return self.stock, None
        disk, key = self.where / f"{name}.qcow2", self.where / f"{name}.key"
        if not key.exists() or key.read_text() != self.key():
            return None, None
        return disk, disk.with_suffix(".fd")

    def save(self, name, disk, vars_fd):
        (self.where / f"{name}.key").unlink(missing_ok=True)
        disk.rename(self.where / f"{name}.qcow2")
        vars_fd.rename(self.where / f"{name}.fd")
        (self.where / f"{name}.key").write_text(self.key())


class Case:
    """One that runs: its results are found."""

    def __init__(self, lab, name, start):
        self.lab, self.name, self.found, self.began = lab, name, [], time.time()
        self.out = lab.results / name
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir(parents=True)
        backing, vars_fd = lab.state(start)
        if not backing:
            raise Failure(f"nothing was installed: the case install has to pass before {name}")
        self.disk, self.vars = self.out / "disk.qcow2", self.out / "vars.fd"
        overlay(backing, self.disk)
        if vars_fd:
            shutil.copyfile(vars_fd, self.vars)
        else:
            fresh_vars(lab.arch, self.vars)

    def close(self):
        for path in self.disk, self.vars:
            path.unlink(missing_ok=True)

    @contextmanager
    def machine(self):
        """A guest that has come up; it may be switched off, and on again by another machine()."""
        with Guest(self.lab.arch, self.disk, self.vars, self.out,
                   ["-drive", f"file={self.lab.tar},format=raw,if=virtio,readonly=on"]) as guest:
            boot = guest.booted()
            guest.settled()
            yield guest, boot

    def check(self, name, good, detail=""):
        self.found.append(("ok" if good else "failed", name))
        if not good:
            say("\n".join(["    " + s for s in str(detail).splitlines()[-20:]] +
                          [f"  FAILED {self.lab.name} {self.name}: {name}"]))
        return good

    def same(self, name, got, wanted):
        return self.check(name, got == wanted, f"it is {got!r}, not {wanted!r}")

    def up(self, guest, boot, kind, kernel, when):
        """What a machine has to be after any boot, whatever is installed."""
        guest.settled()
        self.same(f"{when}: the boot is by {kind}", boot.kind, kind)
        self.same(f"{when}: the kernel is {kernel}", guest.sh("uname -r").out, kernel)
        self.check(f"{when}: no splat on the console", not splats(boot.console),
                   "\n".join(splats(boot.console)))
        failed = guest.sh("systemctl --failed --no-legend --plain").out
        self.same(f"{when}: no unit has failed", failed, "")
        self.same(f"{when}: the service of the machine runs",
                  guest.sh("systemctl is-active app").out, "active")
        net = guest.sh("for i in $(seq 60); do ping -c 1 -W 2 10.0.2.2 && break; sleep 1; done; ip addr")
        self.check(f"{when}: the network is up", " 0% packet loss" in net, net.out)
        self.efivars(guest, when)

    def efivars(self, guest, when):
        said = guest.sh(r"""cd /sys/firmware/efi/efivars || exit
f=KhoTest-9f6c1c6e-5d0b-4f0e-9a55-0e1f1f6f2b11
if [ -e $f ]; then chattr -i $f && tail -c 5 $f && rm $f || exit; fi
printf '\7\0\0\0hello' >$f && tail -c 5 $f && ls | wc -l""")
        self.check(f"{when}: EFI variables can be read and written",
                   not said.code and "hello" in said, said.out)

    def with_kho(self, guest, when):
        """And what it has to be with our kernel and kho=on."""
        self.same(f"{when}: the kernel warns of nothing that is ours",
                  guest.sh(WARNINGS).out, "")
        self.same(f"{when}: kexec.target is masked until there is a handover",
                  guest.sh("systemctl is-enabled kexec.target").out, "masked-runtime")
        said = guest.sh("kho status")
        self.check(f"{when}: kho status is content", said.code == 0, f"{said.out}\n({said.code})")

    def unpack(self, guest):
        guest.must("tar -xf /dev/vdb -C /srv")

    def untouched(self, guest, pid, what):
        """A refusal has stopped nothing, and left no job."""
        self.same(f"{what}: the service runs on", self.app(guest), pid)
        self.same(f"{what}: no job is left", guest.sh("systemctl list-jobs --no-legend").out
                  .replace("No jobs running.", ""), "")

    @staticmethod
    def app(guest):
        """The process of the machine's service, which a restart would change"""
        return guest.sh("systemctl show -P MainPID -P ActiveState app").out
