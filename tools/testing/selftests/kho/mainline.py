# SPDX-License-Identifier: GPL-2.0
"""Owns the mainline kernel that bench.py compares with, and whose tests mainline_tests.py
runs: the newest whose source Debian packages, whatever this machine's release, and the
benchmark's client in it."""

import platform
import re
import shutil

from common import HERE, Failure, run, step
from guest import private_apt

SUITES = ["unstable", "testing", "stable-backports"]
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
KCONFIG = """
config KEXEC_HANDOVER_BENCH
	bool "Measure kexec handover"
	depends on KEXEC_HANDOVER
"""
MAKEFILE = "\nobj-$(CONFIG_KEXEC_HANDOVER_BENCH) += kho_bench.o\n"


def mirror():
    """Where this machine has its own packages from."""
    codename = platform.freedesktop_os_release()["VERSION_CODENAME"]
    found = run(["apt-get", "indextargets", "--format", "$(REPO_URI)", f"Release: {codename}",
                 "Component: main", "Created-By: Packages"]).split()
    if not found:
        raise Failure(f"no source of packages for {codename} on this machine")
    return found[0]


def newest(own, sources, uri):
    """The name of the package. A mirror may be quicker to follow a suite's codename."""
    suites = SUITES
    for _ in range(2):
        sources.write_text("".join(f"deb [signed-by={KEYRING}] {uri} {s} main\n" for s in suites))
        run(["apt-get", "-q", *own, "update"])
        suites = set(run(["apt-get", *own, "indextargets", "--format", "$(CODENAME)",
                          "Created-By: Packages"]).split())
    names = run(["apt-cache", *own, "search", "--names-only", r"^linux-source-[0-9.]+$"])
    versions = [tuple(map(int, v.split("."))) for v in re.findall(r"linux-source-([\d.]+)", names)]
    if not versions:
        raise Failure(f"no linux-source package in {', '.join(suites)}")
    return "linux-source-" + ".".join(map(str, max(versions)))


def fetch(work):
    """The newest linux-source package, as a file."""
    sources = work / "sources.list"
    own = private_apt(work, "amd64", **{"Dir::Etc::SourceList": sources,
                                        "Dir::Etc::SourceParts": "/dev/null"})
    name = newest(own, sources, mirror())
    step(f"fetching {name}")
    run(["apt-get", "-q", *own, "download", name], cwd=work)
    return next(work.glob("*.deb"))


def unpack(deb, tree):
    step(f"unpacking {deb.name}")
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    run(["sh", "-c", f"dpkg-deb --fsys-tarfile {deb} | tar xO --wildcards './usr/src/*.tar.xz' |"
         f" tar xJ --strip-components=1 -C {tree}"])
    for name, text in (("lib/Kconfig.debug", KCONFIG), ("lib/Makefile", MAKEFILE)):
        with (tree / name).open("a") as f:
            f.write(text)


def copy_client(linux, tree):
    """Returns the text of the client."""
    text = ""
    for path in (linux / "lib/kho_bench.c", HERE / "mainline/kho_bench_api.h"):
        to = tree / "lib" / path.name
        if not to.exists() or to.read_text() != path.read_text():
            shutil.copy(path, to)
        text += path.read_text()
    return text


def source(build_dir):
    """Returns the tree, and which package it is from. It is fetched once."""
    tree, stamp = build_dir / "mainline", build_dir / "mainline/.package"
    if not stamp.exists():
        deb = fetch(build_dir / "mainline-apt")
        unpack(deb, tree)
        stamp.write_text(deb.name)
        shutil.rmtree(build_dir / "mainline-apt")
    return tree, stamp.read_text()


def prepare(linux, build_dir):
    """Returns the tree with the client in it, and what identifies its contents."""
    tree, package = source(build_dir)
    return tree, package + copy_client(linux, tree)
