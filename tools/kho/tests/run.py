#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Owns the tests of kho: `run.py KHO KHO-TEST CORPUS` runs the command on blobs and on
copies of machines that are made here, and prints a line for each test, `ok` or `not ok`.
KHO-TEST is the command with the specs of specs.c; beside it lies fake.so, see there."""

import gzip
import json
import os
import pty
import random
import re
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import xml.etree.ElementTree as ElementTree
import zlib
from pathlib import Path

KHO, KHO_TEST, CORPUS = (Path(a).resolve() for a in sys.argv[1:])
HERE = Path(__file__).resolve().parent
SANITIZED = 99
ENV = dict(os.environ, ASAN_OPTIONS=f"exitcode={SANITIZED}", LC_ALL="C.UTF-8",
           UBSAN_OPTIONS=f"exitcode={SANITIZED}:halt_on_error=1", NO_COLOR="")
MIB = 1 << 20
VERSION = "6.12.117+kho1"


class Bad(Exception):
    pass


def expect(value, what):
    if not value:
        raise Bad(what)


def same(got, want, what):
    expect(got == want, f"{what}: {got!r}, not {want!r}")


def kho(*args, code=0, env=None, command=KHO, **more):
    """Its output, and its errors; it has to end with this code."""
    p = subprocess.run([command, *map(str, args)], capture_output=True, timeout=60,
                       env=dict(ENV, **(env or {})), **more)
    out, err = p.stdout.decode(), p.stderr.decode()
    same(p.returncode, p.returncode if code is None else code,
         f"kho {' '.join(map(str, args))} ends ({out[-300:]}{err[-2000:]})")
    return out, err


def refused(*args, code=1, says="", **more):
    """One line of the documented form, nothing else."""
    out, err = kho(*args, code=code, **more)
    same(out, "", f"kho {args} prints")
    expect(re.fullmatch(r"kho: [^\n]+: [^\n]+; [^\n]+\n", err), f"kho {args} says {err!r}")
    expect(says in err, f"{says!r} is not in {err!r}")


def as_json(*args, **more):
    doc = json.loads(kho("--json", *args, **more)[0])
    same(doc["version"], 1, "version")
    return doc


# Blobs: text for dtc, and a checksum as format.rst explains it.

def seal(blob):
    u32 = lambda at: int.from_bytes(blob[at:at + 4], "big")
    for p in range(u32(8), len(blob) - 12, 4):
        name = blob[u32(12) + u32(p + 8):]
        if u32(p) == 3 and u32(p + 4) == 4 and name.startswith(b"checksum\0"):
            crc = zlib.crc32(blob[:p + 12] + bytes(4) + blob[p + 16:])
            return blob[:p + 12] + crc.to_bytes(4, "big") + blob[p + 16:]
    return blob


def dtc(text):
    return subprocess.run(["dtc", "-q", "-f", "-I", "dts", "-O", "dtb"], input=text.encode(),
                          check=True, capture_output=True).stdout


def cells(*numbers):
    return "<" + " ".join(f"{n >> 32:#x} {n & 0xffffffff:#x}" for n in numbers) + ">"


def blob(nodes="", table=(), table_bytes=b"", scratch=(0x3c000000, 48 * MIB), root=""):
    table = f"mem-table = {cells(*table)};" if table else "mem-table;"
    crc = zlib.crc32(table_bytes) if table_bytes else 0
    return seal(dtc(f'/dts-v1/;/{{compatible = "linux,kho-v1"; kernel-release = "{VERSION}";'
                    f"handover-count = <1>; scratch = {cells(*scratch)}; {table}"
                    f"mem-table-checksum = <{crc:#x}>; checksum = <0>; {root} {nodes} }};"))


def extent(addr, length, shift=12):
    return struct.pack(">QQIIQ", addr, length, 1, shift, 0)


def chunk(addr, pages, at, shift=12, length=64 * MIB):
    """An entry, and its bits, which are there in the file."""
    bits = bytearray(length >> shift >> 2)
    for p in pages:
        bits[p // 8] |= 1 << p % 8
    return struct.pack(">QQIIQ", addr, length, 2, shift, at), bytes(bits)


SAMPLE = ('kho-sample {{ compatible = "linux,kho-sample-v1"; counter = <2>; text = "hello";'
          "crc32 = <1>; mem = {}; }};")
REGION = ('reserve-mem {{ compatible = "linux,reserve-mem-v1"; region-0 {{ label = "trace"; '
          "size = {}; mem = {}; }}; }};")


def with_table():
    """A blob with a chunk, an extent that a node lists, and one that none does."""
    entry, bits = chunk(0x8000000, [0, 1, 5], 96)
    table = entry + extent(0x10000000, 4 * MIB) + extent(0x20000000, 2 * MIB, 21) + bits
    return blob(REGION.format(cells(4 * MIB), cells(0x10000000, 4 * MIB)),
                (0x30000000, 96), table), table


class Place:
    """A directory of its own for each test."""

    def __init__(self, path):
        self.path = path

    def put(self, name, data, mode=0o644):
        f = self.path / name.lstrip("/")
        f.parent.mkdir(parents=True, exist_ok=True)
        if f.is_symlink() or f.exists():
            f.unlink()
        f.write_bytes(data if isinstance(data, bytes) else data.encode())
        f.chmod(mode)
        return f

    def link(self, name, to):
        f = self.path / name.lstrip("/")
        f.parent.mkdir(parents=True, exist_ok=True)
        f.unlink(missing_ok=True)
        f.symlink_to(to)

    def remove(self, name):
        f = self.path / name.lstrip("/")
        shutil.rmtree(f) if f.is_dir() else f.unlink()

    def run(self, *args, **more):
        return kho("--root", self.path, *args, **more)


IOMEM = """00001000-0009ffff : System RAM
00100000-3fffffff : System RAM
  3c800000-3d7fffff : Kernel code
  3d800000-3dbfffff : Kernel data
"""
GRUB = 'set default="0"\nmenuentry "x" {\n\tlinux\t/boot/vmlinuz-6.1.0-9 ro\n}\n'
CONFIG = "CONFIG_KEXEC_HANDOVER=y\nCONFIG_PAGE_SIZE_4KB=y\n"
CMDLINE = "BOOT_IMAGE=/vmlinuz root=/dev/vda1 kho=on reserve_mem=4M:4096:trace"


def machine(path, active=False):
    """A copy of one that a handover reached, with a kernel to go to."""
    m = Place(path)
    fdt, table = with_table()
    for name, data in {
            "sys/firmware/kho/status": "accepted\n", "sys/firmware/kho/fdt": fdt,
            "sys/firmware/kho/table": table, "sys/firmware/kho/unlisted": "0\n",
            "sys/firmware/kho/unclaimed/reserve-mem": "0\n",
            "sys/kernel/kho/active": f"{int(active)}\n",
            "sys/kernel/kho/fdt": fdt if active else b"",
            "sys/kernel/kho/table": table if active else b"", "sys/kernel/kho/fdt_max": "65536\n",
            "sys/kernel/kho/image": "none\n", "sys/kernel/kho/scratch_start": "0x3c000000\n",
            "sys/kernel/kho/scratch_size": "50331648\n", "sys/kernel/kho/fdt_start": "0x31000000\n",
            "sys/kernel/security/lockdown": "[none] integrity confidentiality\n",
            "proc/iomem": IOMEM, "proc/cmdline": CMDLINE + "\n",
            "proc/sys/kernel/osrelease": VERSION + "\n",
            "proc/sys/kernel/kexec_load_disabled": "0\n",
            "proc/modules": "kho_sample 16384 0 - Live 0x0\nvirtio_net 1 0 - Live 0x0\n",
            "proc/meminfo": "MemTotal: 1000000 kB\nHugepagesize: 2048 kB\n",
            f"boot/config-{VERSION}": CONFIG, f"boot/vmlinuz-{VERSION}": image(20 * MIB),
            f"boot/initrd.img-{VERSION}": bytes(MIB),
            "boot/config-6.1.0-9": "CONFIG_KEXEC=y\n", "boot/vmlinuz-6.1.0-9": image(MIB),
            f"lib/modules/{VERSION}/modules.dep": "kernel/samples/kho/kho-sample.ko.xz:\n",
            f"lib/modules/{VERSION}/modules.builtin": "kernel/drivers/net/virtio_net.ko\n",
            "boot/grub/grub.cfg": GRUB,
    }.items():
        m.put(name, data)
    os.utime(m.path / f"lib/modules/{VERSION}/modules.dep", (1, 1))
    for d in "run", "var/lib":
        (path / d).mkdir(parents=True, exist_ok=True)
    return m


def image(init_size, signed=False):
    """What of a bzImage is looked at."""
    b = bytearray(4096)
    b[0x202:0x206] = b"HdrS"
    b[0x260:0x264] = struct.pack("<I", init_size)
    b[0x3c:0x40] = struct.pack("<I", 0x400)
    b[0x400:0x404] = b"PE\0\0"
    b[0x418:0x41a] = b"\x0b\x02"
    b[0x418 + 148:0x418 + 152] = struct.pack("<I", 512 if signed else 0)
    return bytes(b)


# The tests: each function is one, its first line is its name.

def verbs():
    return kho("--verbs")[0].split()


def test_usage(at):
    """a wrong command line is said, with exit code 2"""
    for args in [[], ["nonsense"], ["status", "--dts"], ["status", "x"], ["show", "a", "b"],
                 ["show", "x", "--in"], ["wait", "what"], ["release"],
                 ["map", "--width", "x", "f"], ["wait", "-o", "x"], ["map", "--width", "0"],
                 ["map", "--width", "3"], ["--root", "", "kexec", "--dry-run"],
                 ["check", "--kernel", "x"], ["check", "--live", "--table", "x"],
                 ["load", "--unload", VERSION], ["load", "--unload", "--append", "x"],
                 ["gate"], ["gate", "shut"], ["--root", "/", "gate", "open"],
                 ["show", "--json", "--dts"]]:
        refused(*args, code=2)
    for args, says in ((["status", "--dts"], "--dts"), (["--nonsense"], "--nonsense"),
                       (["-x"], "-x"), (["show", "--table"], "--table"), (["--json=1"], "--json")):
        refused(*args, code=2, says=says)
    for verb in "status", "show", "map", "check":
        _, err = kho("-o", "nonsense", verb, code=2)
        expect(err.startswith("kho: -o nonsense: ") and err.count("\n") == 1, err)
    same(kho("help"), kho("--help"), "help")
    for verb in verbs():
        out, _ = kho(verb, "--help")
        listed = set(re.findall(r"^  (--\S+)$", out, re.M))
        expect(listed <= set(kho("--options", verb)[0].split()) and verb in out, out)
    expect("--force" in kho("kexec", "-h")[0], "help of kexec")


def keys_of(m):
    def walk(o):
        if isinstance(o, dict):
            return set(o).union(*map(walk, o.values()))
        return set().union(*map(walk, o)) if isinstance(o, list) else set()
    return set().union(*(walk(as_json("--root", m.path, *args, code=None)) for args in (
        ["status"], ["show"], ["map"], ["check"], ["check", "--live"], ["kexec", "--dry-run"],
        ["wait"], ["wait", "active"], ["activate"], ["release", "--all"], ["abort"],
        ["boot"]))) - {"version"}


def test_manual(at):
    """the manual has every verb, option and key of JSON, and no other verb"""
    text = next(p / "Documentation/kho/kho.rst" for p in HERE.parents
                if (p / "Documentation/kho/kho.rst").exists()).read_text()
    keys = set(re.findall(r"``([a-z-]+)``", text.split("\nJSON\n")[1].split("\nEXIT")[0]))
    same(keys_of(machine(at, active=True)) - keys, set(), "keys of JSON that it lacks")
    section = text.split("\nVERBS\n")[1].split("\nOPTIONS\n")[0]
    same(sorted(re.findall(r"^(\w+)\n\t", section, re.M)), sorted(verbs()), "verbs of the manual")
    for verb in verbs():
        expect(f"**kho {verb}" in text, f"kho {verb} is not in the synopsis")
        for option in kho("--options", verb)[0].split():
            expect(re.search(rf"^(\t|.*, )?{option}( [A-Z]+)?(, .*)?$", text, re.M),
                   f"the manual does not explain {option} of {verb}")


def complete(*words):
    script = (f"PATH={KHO.parent}:$PATH; . {HERE.parent}/kho.bash-completion; "
              f"COMP_WORDS=({' '.join(repr(w) for w in words)}); COMP_CWORD={len(words) - 1}; "
              '_kho; printf "%s\\n" "${COMPREPLY[@]}"')
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True,
                          env=ENV).stdout.split()


def test_completion(at):
    """bash completes every verb, and every option of each"""
    same(sorted(complete("kho", "")), sorted(verbs()), "verbs")
    same(complete("kho", "st"), ["status"], "of st")
    for verb in verbs():
        same(sorted(complete("kho", verb, "--")), sorted(kho("--options", verb)[0].split()), verb)
    same(complete("kho", "--json", "wait", "cl"), ["claimed"], "of wait cl")
    same(complete("kho", "gate", ""), ["close", "open"], "of gate")
    same(complete("kho", "check", "/usr/bi"), ["/usr/bin"], "of check /usr/bi")
    same(complete("kho", "check", "--live", "/usr/bi"), [], "of check --live /usr/bi")


def test_status(at):
    """status says what arrived, what is set aside, and what comes next"""
    m = machine(at, active=True)
    m.put("sys/firmware/kho/unclaimed/reserve-mem", "1048576\n")
    m.link("run/systemd/system/kexec.target", "/dev/null")
    out, err = m.run("status")
    same(err, "", "errors")
    for text in ("6.12.117+kho1, kho=on", "accepted, from 6.12.117+kho1, handover number 1",
                 "48M at 0x3c000000, 20M of it this kernel", "6.12.117+kho1 fits (25M needed)",
                 "active; no image loaded\n", "closed: systemctl kexec is held back",
                 "to hand over: kho kexec\n", "6.1.0-9, which has no KHO"):
        expect(text in out, f"{text!r} is not in:\n{out}")
    expect(re.search(r"reserve-mem +4.0M +1.0M\n", out), out)
    expect(re.search(r"\(no node\) +2.0M +0\n", out), out)
    doc = as_json("--root", at, "status")
    same(doc["arrival"]["nodes"][0], {"node": "reserve-mem", "preserved": 4 * MIB, "unclaimed": MIB,
         "known": True, "owner": "kernel/kexec_kho_reserve_mem.c"}, "node")
    same(doc["scratch"]["need"], 20 * MIB + MIB + 4 * MIB + (0x9f000 + 0x3ff00000) // 8192, "need")
    same(doc["outgoing"], {"active": True, "image": "none", "fdt-max": 65536, "held-back": True},
         "outgoing")
    same(m.run("-q", "status")[0], "", "-q prints")
    m.put(f"boot/initrd.img-{VERSION}", bytes(30 * MIB))
    expect("6.12.117+kho1 does not fit (54M needed)" in m.run("status")[0], "it does not fit")
    m.put("boot/grub/grubenv", "# GRUB Environment Block\nsaved_entry=x\n")
    same(as_json("--root", at, "status")["next-boot"]["kernel"], None, "next boot, if one is saved")
    same(doc["arrival"]["nodes"][-1].keys(), doc["arrival"]["nodes"][0].keys(), "keys of rows")
    m.put("sys/firmware/kho/status", "none\n")
    same(as_json("--root", at, "status")["arrival"],
         {"status": "none", "reason": None, "from": None, "handover-count": None, "nodes": None},
         "nothing")
    m.put("proc/cmdline", CMDLINE.encode() + b" x=\xff\n")
    same(as_json("--root", at, "kexec", "--dry-run", "--force", code=None)["command-line"][-6:],
         "x=\\377", "a byte")


def test_status_gate(at):
    """status says what is held back, and how to go"""
    m = machine(at)
    expect("Gate         open\n" in m.run("status")[0], "open")
    m.put("sys/kernel/kho/image", "handover\n")
    out, _ = m.run("status")
    expect("open: a reboot may be a kexec" in out and "kho load --unload, and then" in out, out)
    m.link("run/systemd/system/kexec.target", "/dev/null")
    out, _ = m.run("status")
    expect("and a reboot that would be one, are held back" in out and
           "kho kexec --loaded\n" in out and "kho load --unload, and then" in out, out)
    m.put("sys/kernel/kho/image", "plain\n")
    out, _ = m.run("status")
    expect("kho kexec\n" in out and "--loaded" not in out, out)
    m.link("etc/systemd/system/kexec.target", "/dev/null")
    out, _ = m.run("status")
    expect("systemctl unmask kexec.target" in out and "kho kexec" not in out, out)
    m.remove("sys/kernel/kho")
    m.put("proc/cmdline", "quiet\n")
    expect("Gate" not in m.run("status", code=3)[0], "a gate with KHO off")


def test_status_codes(at):
    """status ends with 5 after a refusal, with 3 where KHO is off"""
    m = machine(at)
    m.put("sys/firmware/kho/status", "refused: kho=on is not on the command line\n")
    out, _ = m.run("status", code=5)
    expect("refused: kho=on is not on the command line" in out, out)
    same(as_json("--root", at, "status", code=5)["arrival"]["reason"],
         "kho=on is not on the command line", "reason")
    out, _ = m.run("status", "--acknowledge")
    expect("refused: kho=on" in out, "it is still said")
    m.run("-q", "status")
    m.remove("run/kho/acknowledged")
    m.run("-q", "status", code=5)
    m.put("sys/firmware/kho/status", "none\n")
    expect("nothing" in m.run("status")[0], "nothing arrived")
    m.remove("sys/kernel/kho")
    m.put("proc/cmdline", "quiet\n")
    expect("off" in m.run("status", code=3)[0], "off")
    m.remove("sys/firmware/kho")
    expect("no KHO" in m.run("status", code=3)[0], "no KHO")
    for verb in ("show", "map", "check", "activate", "abort", "load --unload", "check --live",
                 "release --all", "wait", "wait active"):
        if "unload" not in verb:
            refused("--root", at, *verb.split(), code=3)
    refused("--root", at, "show", code=3, says="no KHO")


def test_show(at):
    """show decodes nodes by their specs"""
    f = at / "demo.dtb"
    f.write_bytes(dtc((CORPUS / "fdt/demo.dts").read_text()))
    out, _ = kho("show", f)
    for text in ("48M at 0x3cc00000", "hello from the first kernel", "0xf7259598",
                 "32K in 8 ranges, the first at 0x2f95000", "4.0M at 0x3b600000"):
        expect(text in out, f"{text!r} is not in:\n{out}")
    node = as_json("show", f)["root"]["nodes"][1]
    got = {p["name"]: p["value"] for p in node["properties"]}
    same((got["counter"], got["text"], got["crc32"]),
         (2, "hello from the first kernel", 0xf7259598), "values")
    same(got["mem"][0], {"address": 0x2f95000, "size": 4096}, "mem")
    expect("4194304 at" in kho("show", "--bytes", f)[0], "--bytes")
    same(kho("show", "-o", "unit,NAME", f)[0].split("\n")[0].split(), ["UNIT", "NAME"], "-o")


def test_show_problems(at):
    """what breaks a spec is marked, what has none is shown, and nothing escapes to the terminal"""
    mem = cells(0x1000, 4096)
    f = at / "b.dtb"
    f.write_bytes(blob(
        'kho-sample { compatible = "linux,kho-sample-v1"; counter = [00]; text = [1b 5b 32 4a]; '
        f"mem = {mem}; }};"
        f"reserve-mem {{ compatible = \"linux,reserve-mem-v1\";"
        f' region-0 {{ label = "a"; size = {cells(8192)}; mem = {cells(0x2000, 4096)}; }};'
        f' region-1 {{ label = "a"; size = {cells(4001)}; mem = {cells(0x3000, 4096)}; }}; }};'
        'other { compatible = "x,y"; s = "one", "two"; n = <0x1234>; };'))
    out, _ = kho("show", f)
    expect("\x1b" not in out and "\\033[2J" in out, "an escape")
    for text in ("1 bytes are no u32", "not one string", "crc32 is missing", "no spec", "one, two",
                 "00001234", "size is 8192, mem has 4096 bytes", "have the same label"):
        expect(text in out, f"{text!r} is not in:\n{out}")
    doc = as_json("check", f)
    same(sum(x["check"] == "spec" for x in doc["findings"]), 6, "problems")
    same(doc["ok"], True, "a kernel takes it")


ALL = ('all {{ compatible = "test,all-v1"; pages = {}; at = {}; mode = <7>; raw = [0102]; on; '
       "few = <1 2>; many = {}; areas = {}; a-0-b {{ key = <1>; }}; a-x-b {{ key = <2>; }}; }};"
       ).format(cells(3), cells(0x1000), cells(1024, 2 << 20),
                cells(0x5000, 9 << 32 | 12, 0x6000, 1 << 32 | 12))


def test_types(at):
    """each type and unit of a spec is decoded, and checked"""
    f = at / "f"
    f.write_bytes(blob(ALL))
    node = as_json("show", f, command=KHO_TEST)["root"]["nodes"][0]
    same(node["problems"] + [p["problem"] for p in node["properties"] if p["problem"]], [],
         "problems")
    same({p["name"]: (p["value"], p["text"]) for p in node["properties"][1:]}, {
        "pages": (3, "3 pages"), "at": (0x1000, "0x1000"), "mode": (7, "busy"),
        "raw": ("0102", "0102"), "on": (True, "yes"), "few": ([1, 2], "1 2"),
        "many": ([1024, 2 << 20], "1.0K 2.0M"),
        "areas": ([{"first": 0x5000, "pages": 9, "shift": 12},
                   {"first": 0x6000, "pages": 1, "shift": 12}], "40K in 2 areas"),
    }, "values")
    for old, new, problem in (
            (f"pages = {cells(3)};", f"pages = {cells(1)};", "1, at least 2"),
            (f"pages = {cells(3)};", f"pages = {cells(10)};", "10, at most 9"),
            (f"pages = {cells(3)};", "pages = <3>;", "4 bytes are no u64"),
            (f"pages = {cells(3)};", "", "pages is missing"),
            (f"at = {cells(0x1000)};", f"at = {cells(0x1800)};", "0x1800 is not a multiple"),
            ("mode = <7>;", "mode = <2>;", "2 is none of its values"),
            ("[0102]", "[01]", "1 bytes, at least 2"), ("on;", "on = <1>;", "a flag has 4 bytes"),
            ("few = <1 2>", "few = <1 2 3>", "3 elements, at most 2"),
            ("few = <1 2>", "few = [01 02]", "2 bytes are no u32-array"),
            ("0x9 0xc", "0x9 0x3", "pages of 2^3 bytes"),
            ("0x9 0xc", "0x9 0xc 0 1 1 12", "3 areas, at most 2"),
            ("0x9 0xc", "0x9 0xc 0", "36 bytes are no vmalloc"),
            ("on;", "delay = <11>;", "11, at most 10"),
            ("key = <2>", "key = <1>", "two of a-{index}-b have the same key"),
            ("on;", "on; a--b { };", None), ("on;", "on; a-1-c { };", None),
            ("}; };", "}; a-1-b { key = <3>; }; };", "3 of a-{index}-b, at most 2"),
            ("a-", "c-", "0 of a-{index}-b, at least 1")):
        expect(old in ALL, f"{old} is not in {ALL}")
        f.write_bytes(blob(ALL.replace(old, new)) if "{ };" not in new else
                      blob(ALL.replace("}; };", "}; " + new[4:] + " };")))
        out = [x["finding"] for x in as_json("check", f, command=KHO_TEST)["findings"]
               if x["check"] == "spec" and x["result"] != "ok"]
        same(len(out), int(bool(problem)), f"problems with {new}: {out}")
        expect(not problem or problem in out[0], f"{problem!r} is not {out}")


def test_dts(at):
    """show --dts is what dtc prints, byte by byte, or says that dtc is missing"""
    f = at / "demo.dtb"
    f.write_bytes(dtc((CORPUS / "fdt/demo.dts").read_text()))
    want = subprocess.run(["dtc", "-q", "-I", "dtb", "-O", "dts", f], capture_output=True,
                          text=True).stdout
    expect("kho-sample" in want, want)
    same(kho("show", "--dts", f)[0], want, "--dts")
    refused("show", "--dts", f, says="device-tree-compiler", env={"PATH": str(at)})


def bad_files(at):
    good = dtc((CORPUS / "fdt/demo.dts").read_text())
    noise = at / "noise"
    with noise.open("wb") as f:
        f.write(random.Random(1).randbytes(MIB))
        f.truncate(1 << 30)
    files = {
        "truncated": good[:400], "short": good[:7], "empty": b"", "text": b"hello\n" * 100,
        "flipped": good[:300] + bytes([good[300] ^ 1]) + good[301:],
        "mainline": dtc('/dts-v1/;/{compatible = "kho-v1"; preserved-memory-map = [00 10];};'),
        "hardware": dtc('/dts-v1/;/{compatible = "linux,dummy-virt"; #address-cells = <2>;'
                        'memory@4 { device_type = "memory"; reg = <0 4 0 4>; }; };'),
        "claims-much": good[:4] + b"\x40\0\0\0" + good[8:],
    }
    for name, data in files.items():
        (at / name).write_bytes(data)
    return [*(at / n for n in files), noise, at, at / "missing", Path("/dev/full"),
            Path("/dev/urandom")]


def test_bad_files(at):
    """any FILE that is no handover gives one line and exit code 1"""
    for f in bad_files(at):
        for verb in "show", "map", "check":
            for option in [], ["--json"]:
                refused(verb, *option, f, says=f.name)
    refused("show", "--dts", at / "mainline", says='its format is "kho-v1"')


def test_permission(at):
    """a file that may not be read gives one line and exit code 1"""
    f = at / "secret"
    f.write_bytes(b"x")
    f.chmod(0)
    at.chmod(0o755)
    if os.getuid():
        return refused("show", f, says="Permission denied")
    # Root reads all: somebody else, who has to reach the command
    with tempfile.TemporaryDirectory() as d:
        Path(d).chmod(0o755)
        copy = shutil.copy(KHO, d)
        f = Path(d, "secret")
        f.write_bytes(b"x")
        f.chmod(0)
        p = subprocess.run([copy, "show", str(f)], capture_output=True, text=True, user=65534,
                           env=ENV)
        same(p.returncode, 1, "exit code")
        expect(re.fullmatch(r"kho: show: \S+: Permission denied; .*\n", p.stderr), p.stderr)
        m = machine(Path(d) / "m")
        for name in "sys/firmware/kho/status", "sys/kernel/kho/active":
            (m.path / name).chmod(0)
        m.put("sys/firmware/kho/unlisted", "999999\n", 0)
        for args in (["status"], ["activate"], ["abort"], ["show"], ["kexec", "--dry-run"],
                     ["wait", "--timeout", "0"]):
            p = subprocess.run([copy, "--root", m.path, *args], capture_output=True, text=True,
                               user=65534, env=ENV)
            same(p.returncode, 1 if args != ["show"] else 0, f"exit code of {args}")
            expect(args == ["show"] or "root" in p.stderr, p.stderr)


def test_map(at):
    """map has every run of the table, the nodes that list it, and what lies around"""
    m = machine(at, active=True)
    # What arrived is another matter
    m.put("sys/firmware/kho/unclaimed/reserve-mem", "4096\n")
    doc = as_json("--root", at, "map", "--out")
    same(doc["complete"], True, "complete")
    same([(r["address"], r["size"], r["kind"], r["node"]) for r in doc["runs"]], [
        (0x8000000, 8192, "preserved", None), (0x8005000, 4096, "preserved", None),
        (0x10000000, 4 * MIB, "preserved", "reserve-mem"), (0x20000000, 2 * MIB, "preserved", None),
        (0x30000000, 96, "table", None), (0x31000000, 65536, "window", None),
        (0x3c000000, 48 * MIB, "scratch", None)], "runs")
    out, _ = m.run("map", "--width", 64)
    rows = {l.split()[0]: l.split("  ")[1] for l in out.split("\n") if l.startswith("0x")}
    same(len(rows), 8, "rows")
    same(rows["0x0008000000"][0], "+", "scattered pages")
    same(rows["0x0010000000"][:3], "##.", "an extent")
    same(rows["0x0030000000"][:9], "t.......w", "table and window")
    same(rows["0x0038000000"], "." * 32 + "s" * 24 + "." * 8, "scratch")
    expect("4.0M reserve-mem" in out and "\x1b" not in out, out)
    same(len(m.run("map", "-o", "address,size")[0].strip().split("\n")), 8, "a list")


def test_map_in(at):
    """map --in tells unclaimed from claimed, and NUMA nodes apart"""
    m = machine(at)
    m.put("sys/firmware/kho/unclaimed/reserve-mem", "4096\n")
    m.put("sys/devices/system/memory/block_size_bytes", "8000000\n")
    for i in range(8):
        m.put(f"sys/devices/system/node/node{i // 4}/memory{i}/state", "online\n")
    runs = as_json("--root", at, "map")["runs"]
    same([(r["kind"], r["numa"]) for r in runs], [("preserved", 0)] * 2 + [("unclaimed", 0)] +
         [("preserved", 1), ("scratch", 1)], "kinds")
    out, _ = m.run("map")
    expect("NUMA node 0" in out and "NUMA node 1" in out and "  uuuu.." in out, out)
    m.remove("sys/firmware/kho/table")
    out, _ = m.run("map")
    expect("Only what nodes list is drawn" in out and "2.0M (no node)" not in out, out)
    same(as_json("--root", at, "map")["complete"], False, "complete without the table")


def test_map_file(at):
    """map FILE uses a copy of the table, and refuses one that is not its own"""
    fdt, table = with_table()
    f, t = at / "fdt", at / "table"
    f.write_bytes(fdt)
    t.write_bytes(table)
    same(len(as_json("map", f, "--table", t)["runs"]), 6, "runs")
    same(len(as_json("map", f)["runs"]), 3, "runs without it")
    same(as_json("check", f, "--table", t)["ok"], True, "check")
    for bad, why in ((table[:-1], "no bits for the chunk"), (table[:90], "96 bytes"),
                     (b"", "96 bytes"), (table[:24] + bytes(8) + table[32:], "96 bytes"),
                     (table[:24] + b"\1" + table[25:], "96 bytes")):
        t.write_bytes(bad)
        refused("map", f, "--table", t, says=why)
        findings = as_json("check", f, "--table", t, code=1)["findings"]
        expect(any(x["result"] == "fail" and why in x["finding"] for x in findings), findings)
    refused("map", f, "--table", at / "missing")


def test_map_parts(at):
    """map tells what of an extent nodes list, and what none does"""
    table = extent(0x10000, 0x10000) + extent(0x20000, 0x10000)
    mem = cells(0x12000, 0x1000, 0x14000, 0x1000, 0x1f000, 0x2000, 0x30000 - 0x1000, 0x1000)
    (at / "f").write_bytes(blob(SAMPLE.format(mem), (0x30000000, 64), table))
    (at / "t").write_bytes(table)
    runs = as_json("map", at / "f", "--table", at / "t")["runs"]
    same([(r["address"], r["size"], r["node"]) for r in runs if r["kind"] == "preserved"],
         [(0x10000, 0x2000, None), (0x12000, 0x1000, "kho-sample"), (0x13000, 0x1000, None),
          (0x14000, 0x1000, "kho-sample"), (0x15000, 0xa000, None), (0x1f000, 0x2000, "kho-sample"),
          (0x21000, 0xe000, None), (0x2f000, 0x1000, "kho-sample")], "runs")


def test_map_table_rules(at):
    """a table with a sound checksum that breaks the format's rules is refused"""
    entry, bits = chunk(0x8000000, [0], 32)
    far, odd = (chunk(0x8000000, [0], n)[0] for n in (32 + 8, 32 + 4))
    joined = bits[:2048] + b"\2" + bits[2049:]
    for table, nr, why in ((extent(0x1000, 0), 1, "empty"),
                           (extent(0x1001, 4096), 1, "does not fit"),
                           (extent(0x2000, 4096) + extent(0x1000, 4096), 2, "out of order"),
                           (entry, 1, "no bits"), (entry + bits[:99], 1, "no bits"),
                           (far + bits, 1, "entries in its file"), (odd + bits, 1, "entries in"),
                           (entry + bytes(4096), 1, "nothing in it"),
                           (entry + joined, 1, "not preserved"),
                           (chunk(0x8000000, [0], 32, 13)[0] + bits, 1, "does not fit"),
                           (chunk(0x8000000, [], 32, 40)[0] + bits, 1, "folios of 2^40"),
                           (struct.pack(">QQIIQ", 4096, 4096, 7, 12, 0), 1, "unknown type")):
        (at / "f").write_bytes(blob("", (0x30000000, 32 * nr), table))
        (at / "t").write_bytes(table)
        refused("map", at / "f", "--table", at / "t", says=why)


def test_table_in(at):
    """map --in knows bits that this kernel has made larger, and keeps to the file"""
    m = machine(at)
    for shift, pages, how in ((14, [0, 7], "good"), (16, [0], "good"), (40, [], "bad"),
                              (25, [], "bad")):
        entry, bits = chunk(0x8000000, pages, 32, shift)
        m.put("sys/firmware/kho/table", entry + bits)
        m.put("sys/firmware/kho/fdt", blob("", (0x30000000, 32), b"x"))
        if how == "bad":
            refused("--root", at, "map")
            continue
        runs = as_json("--root", at, "map")["runs"]
        same([(r["address"], r["size"]) for r in runs if r["kind"] == "preserved"],
             [(0x8000000 + (p << shift), 1 << shift) for p in pages], f"runs of 2^{shift}")
        m.put("sys/firmware/kho/table", entry + bits[:-8])
        refused("--root", at, "map", says="no bits")
    first, bits = chunk(0x8000000, [0], 64, 16)
    second, _ = chunk(0x9000000, [1], 64 + len(bits), 16)
    m.put("sys/firmware/kho/fdt", blob("", (0x30000000, 64), b"x"))
    m.put("sys/firmware/kho/table", first + second + 2 * bits)
    refused("--root", at, "map")


def test_svg(at):
    """map --svg is XML with a rectangle for each column, and names cannot break it"""
    f = at / "f"
    f.write_bytes(blob(SAMPLE.format(cells(0x1000, 4096))))
    b = f.read_bytes().replace(b"kho-sample\0", b"<\"&>'ample\0", 1)
    f.write_bytes(seal(b))
    kho("map", f, "--svg", at / "o.svg", "--width", 32)
    tree = ElementTree.parse(at / "o.svg")
    ns = "{http://www.w3.org/2000/svg}"
    expect(len(tree.findall(ns + "rect")) > 32, "rectangles")
    expect(any("<\"&>'ample" in (t.text or "") for t in tree.findall(ns + "text")), "the name")
    refused("map", f, "--svg", at / "no/such/dir")


def test_colour(at):
    """colour is for terminals, and not with NO_COLOR"""
    m = machine(at, active=True)
    for no, want in ("", True), ("1", False):
        here, there = pty.openpty()
        subprocess.run([KHO, "--root", at, "map"], stdout=there, check=True,
                       env=dict(ENV, NO_COLOR=no))
        os.close(there)
        out = b""
        try:
            while part := os.read(here, 65536):
                out += part
        except OSError:
            pass
        os.close(here)
        same(b"\x1b[" in out, want, f"colour with NO_COLOR={no}")
    expect("\x1b" not in m.run("map")[0], "colour in a pipe")


def findings(at, *args, code=0):
    doc = as_json("--root", at, "check", "--live", *args, code=code)
    return {(x["result"], x["check"]) for x in doc["findings"]}


def test_live(at):
    """check --live is content with a machine that is well"""
    m = machine(at, active=True)
    got = findings(at)
    same({r for r, _ in got}, {"ok"}, f"results of {got}")
    expect({("ok", c) for c in ("target", "pages", "command line", "scratch", "modules", "fdt",
                                "table", "spec")} <= got, got)


MODULES, CONFIG_OF, INITRD = (f"lib/modules/{VERSION}/modules.dep", f"boot/config-{VERSION}",
                              f"boot/initrd.img-{VERSION}")
# What is wrong, what has to be found, arguments, a file and its contents (None: it is gone).
LIVE = [
    ("its build options lack KHO", ("fail", "target"), [VERSION], (CONFIG_OF, "CONFIG_X=y\n")),
    ("its build options are not known", ("fail", "target"),
     ["--kernel", "/boot/vmlinuz-other", "--initrd", "/" + INITRD], ("boot/config-other", None)),
    ("it has mainline's KHO", ("fail", "target"), ["6.17.8"],
     ("boot/config-6.17.8", CONFIG + "CONFIG_KEXEC_HANDOVER_DEBUGFS=y\n")),
    ("its image is none", ("fail", "target"), [], (f"boot/vmlinuz-{VERSION}", b"garbage" * 100)),
    ("its image is empty", ("fail", "target"), [], (f"boot/vmlinuz-{VERSION}", b"")),
    ("its initrd is empty", ("fail", "target"), [], (INITRD, b"")),
    ("what init gets counts not", ("fail", "command line"),
     ["--command-line", "kho=on -- reserve_mem=4M:4096:trace"], None),
    ("what finds a region is missing", ("fail", "command line"),
     ["--command-line", "kho=on reserve_mem=4M:4096:trace"],
     ("proc/cmdline", CMDLINE + " trace_instance=boot@trace\n")),
    ("its pages are larger", ("fail", "pages"), ["other"],
     ("boot/config-other", "CONFIG_KEXEC_HANDOVER=y\nCONFIG_PAGE_SIZE_64KB=y\n")),
    ("kho=on is missing", ("fail", "command line"),
     ["--command-line", "reserve_mem=4M:4096:trace"], None),
    ("kho=off comes last", ("fail", "command line"), ["--append", "kho=off"], None),
    ("reserve_mem= is missing", ("fail", "command line"), ["--command-line", "kho=on"], None),
    ("mem= differs", ("fail", "command line"), ["--append", "mem=1G"], None),
    ("the initrd is too large", ("fail", "scratch"), [], (INITRD, 30 * MIB)),
    ("scratch is nearly full", ("warning", "scratch"), [], (INITRD, 23 * MIB)),
    ("huge pages have no room", ("warning", "hugepages"),
     ["--append", "hugepagesz=1G hugepages=1"], None),
    ("a loaded module is missing", ("warning", "modules"), [],
     ("proc/modules", "zfs 1 0 - Live 0x0\n")),
    ("a node's owner is missing", ("fail", "modules"), [], (MODULES, "\n")),
    ("its modules are missing", ("fail", "modules"), ["other"],
     ("boot/config-other", CONFIG + "CONFIG_MODULES=y\n")),
    ("a program's name has a dot", ("warning", "programs"), [],
     ("etc/kho/pre.d/lvm.sh", 0o755)),
    ("a program for the next kernel is not executable", ("warning", "programs"), [],
     ("etc/kho/post.d/crm", 0o644)),
    ("lockdown, no signature", ("fail", "signature"), [],
     ("sys/kernel/security/lockdown", "none [integrity] confidentiality\n")),
    ("the initrd is old", ("warning", "initrd"), [], (MODULES, "later")),
    ("no initrd", ("warning", "initrd"), [], (INITRD, None)),
    ("no initrd, unlike here", ("fail", "initrd"), ["other"], ("boot/initrd.img-other", None)),
    ("memory is unclaimed", ("fail", "unclaimed"), [], ("sys/firmware/kho/unlisted", "8192\n")),
    ("reserve_mem= is large for the crash kernel", ("warning", "crash kernel"), [],
     ("sys/kernel/kexec_crash_size", "8388608\n")),
    ("loading is disabled", ("fail", "kexec"), [], ("proc/sys/kernel/kexec_load_disabled", "1\n")),
    ("an image is loaded", ("fail", "kexec"), [], ("sys/kernel/kho/image", "plain\n")),
    ("kexec.target is masked", ("fail", "systemd"), [],
     ("etc/systemd/system/kexec.target", Path("/dev/null"))),
    ("the gate is closed", ("ok", "systemd"), [],
     ("run/systemd/system/kexec.target", Path("/dev/null"))),
    ("a shutdown is scheduled", ("fail", "systemd"), [], ("run/systemd/shutdown/scheduled", "")),
    ("the FDT is nearly full", ("warning", "fdt"), [], ("sys/kernel/kho/fdt_max", "600\n")),
    ("the table is damaged", ("fail", "table"), [], ("sys/kernel/kho/table", b"x" * 5000)),
    ("the FDT is damaged", ("fail", "fdt"), [], ("sys/kernel/kho/fdt", b"x" * 5000)),
    ("the FDT is none", ("fail", "fdt"), [], ("sys/kernel/kho/fdt", "refused\n")),
    ("the FDT leads away", ("fail", "fdt"), [], ("sys/kernel/kho/fdt", struct.pack(
        ">10I", 0xd00dfeed, 0x7fffffff, 0x40000000, 64, 40, 17, 16, 0, 64, 64) + bytes(60))),
]


def test_live_findings(at):
    """check --live finds each thing that could lose the state"""
    for i, (name, want, args, change) in enumerate(LIVE):
        m = machine(at / str(i), active=True)
        sample = blob(SAMPLE.format(cells(0x10000000, 4096)), (0x30000000, 32),
                      extent(0x10000000, 4096))
        m.put("sys/kernel/kho/fdt", sample)
        m.put("sys/kernel/kho/table", extent(0x10000000, 4096))
        (m.path / "run/systemd/system").mkdir(parents=True)
        m.put("sys/kernel/kexec_crash_loaded", "1\n")
        m.put("sys/kernel/kexec_crash_size", "134217728\n")
        for other in "vmlinuz-other", "initrd.img-other", "vmlinuz-6.17.8":
            m.put(f"boot/{other}", image(MIB))
        m.put("boot/config-other", "CONFIG_KEXEC_HANDOVER=n\n")
        before = findings(m.path)
        expect(want not in before, f"{name}: {want} is found before, too")
        path, data = change or (None, None)
        if path and data is None:
            m.remove(path)
        elif isinstance(data, Path):
            m.link(path, data)
        elif data == "later":
            os.utime(m.path / path)
            os.utime(m.path / f"boot/initrd.img-{VERSION}", (1, 1))
        elif path and path.startswith("etc/kho/"):
            m.put(path, "", data)
        elif path:
            m.put(path, bytes(data) if isinstance(data, int) else data)
        got = findings(m.path, *args, code=int(want[0] == "fail"))
        expect(want in got, f"{name}: {want} is not in {sorted(got)}")
    m.put("boot/vmlinuz-" + VERSION, image(MIB, signed=True))
    m.put("sys/kernel/security/lockdown", "none [integrity] confidentiality\n")
    m.put("sys/kernel/kho/fdt", sample)
    expect(("ok", "signature") in findings(m.path), "a signed image")


def test_active(at):
    """activate and abort write, and say what came of it"""
    m = machine(at)
    same(json.loads(m.run("--json", "activate")[0]), {"version": 1, "active": True}, "activate")
    same((at / "sys/kernel/kho/active").read_text()[0], "1", "active")
    m.run("abort")
    same((at / "sys/kernel/kho/active").read_text()[0], "0", "active")
    m.link("sys/kernel/kho/active", "/dev/null")
    _, err = m.run("activate", code=4)
    expect("aborted again" in err, err)


def test_kernel_reason(at):
    """a write that the kernel refuses gives its reason, and exit code 4"""
    m = machine(at)
    m.link("sys/kernel/kho/active", "/dev/full")
    refused("--root", at, "activate", code=4, says="No space left on device")
    (at / "dev").mkdir()
    os.mkfifo(at / "dev/kmsg")
    log = os.open(at / "dev/kmsg", os.O_RDWR)
    os.write(log, b"6,1,2,-;usb 1-1: new device\n SUBSYSTEM=usb;kho: no\n"
             b"3,2,3,-;kho: fail_notify [test_kho] refused the handover: -ENOSPC\n"
             b"3,3,3,-;kho: activation failed: -ENOSPC; no handover is \x1bactive\n")
    _, err = m.run("activate", code=4)
    os.close(log)
    same(err.split("\n")[0].split("; ")[0],
         "kho: activate: fail_notify [test_kho] refused the handover: "
         "-ENOSPC (No space left on device)", "the first line")
    same(err.split("\n")[1:], ["kho: activate: activation failed: -ENOSPC; no handover is ?active",
                               ""],
         "the others")


def test_release(at):
    """release writes 1 to what it is told, and to nothing else"""
    m = machine(at)
    read = lambda name: (at / "sys/firmware/kho" / name).read_text()[0]
    for node in "other", "../unlisted", ".", "x" * 300, "":
        m.run("release", node, code=1)
    same((read("unlisted"), read("unclaimed/reserve-mem")), ("0", "0"), "before")
    m.run("release", "reserve-mem")
    same((read("unlisted"), read("unclaimed/reserve-mem")), ("0", "1"), "after a node")
    m.run("release", "--unlisted")
    same(read("unlisted"), "1", "after --unlisted")
    m.put("sys/firmware/kho/unclaimed/reserve-mem", "8\n")
    m.put("sys/firmware/kho/unlisted", "8\n")
    m.run("release", "--all")
    same((read("unlisted"), read("unclaimed/reserve-mem")), ("1", "1"), "after --all")
    m.run("release", "--all", "x", code=2)


COPIES = "cp /sys/kernel/kho/fdt /var/lib/kho/outgoing.dtb"


def test_kexec(at):
    """kexec --dry-run shows checks and commands; a failed check stops it"""
    m = machine(at)
    out, _ = m.run("kexec", "--dry-run")
    expect(f"kexec -s -l '/boot/vmlinuz-{VERSION}' --initrd='/boot/initrd.img-{VERSION}' "
           "--command-line='root=/dev/vda1 kho=on reserve_mem=4M:4096:trace'\n" in out, out)
    expect(out.endswith("systemctl kexec\n"), out)
    expect("kexec -e -x" in m.run("kexec", "--dry-run", "--now", "--append", "x=\"a b\"")[0],
           "--now")
    doc = as_json("--root", at, "kexec", "--dry-run")
    same((doc["target"], doc["plan"][1:], doc["ok"]),
         (VERSION, ["echo 1 > /sys/kernel/kho/active", COPIES, "systemctl kexec"], True), "JSON")
    m.link("run/systemd/system/kexec.target", "/dev/null")
    expect("unmask --runtime kexec.target\nsystemctl" in m.run("kexec", "--dry-run")[0], "unmask")
    m.put("etc/kho/pre.d/README", "")
    expect("run-parts" not in m.run("kexec", "--dry-run")[0], "README is run")
    m.put("etc/kho/pre.d/x", "", 0o755)
    m.put("etc/kho.conf", "activate=trial\n")
    same(as_json("--root", at, "kexec", "--dry-run")["plan"][1:],
         ["run-parts --exit-on-error /etc/kho/pre.d", "echo 1 > /sys/kernel/kho/active", COPIES,
          "systemctl unmask --runtime kexec.target", "echo 0 > /sys/kernel/kho/active",
          "systemctl kexec"], "a trial, with a hook")
    m.remove("etc")
    (at / "boot/it's a").write_bytes(image(MIB))
    line = "kho=on reserve_mem=4M:4096:trace dyndbg=\"file a.c +p\" x='y'"
    words = shlex.split(as_json("--root", at, "kexec", "--dry-run", "--force", "--kernel",
                                "/boot/it's a", "--command-line", line, code=1)["plan"][0])
    same(words, ["kexec", "-s", "-l", "/boot/it's a", f"--command-line={line}"], "words")
    m.put("proc/cmdline", CMDLINE + " -- single\n")
    same(as_json("--root", at, "kexec", "--dry-run", "--append", "a=1")["command-line"],
         "root=/dev/vda1 kho=on reserve_mem=4M:4096:trace a=1 -- single", "--append")
    m.put("proc/cmdline", CMDLINE + "\n")
    m.run("kexec", "--dry-run", "--command-line", "kho=on reserve_mem=4096K:4K:trace")
    m.run("kexec", "--dry-run", "--command-line", "kho=on reserve_mem=4097K:4K:trace", code=1)
    (at / "boot/dir").mkdir()
    for args in ["--kernel", "/boot/dir"], ["--initrd", ""]:
        out, _ = m.run("kexec", "--dry-run", *args, code=1)
        expect("8.0E" not in out and "fail" in out, out)
    out, _ = m.run("kexec", "--dry-run", "--command-line", "quiet", code=1)
    expect("kexec -s" not in out and "kho=on" in out, out)
    refused("--root", at, "kexec", code=2, says="--dry-run")
    refused("--root", at, "load", code=2)
    refused("--root", at, "kexec", "--dry-run", "9.9", says="vmlinuz-9.9")
    refused("--root", at, "kexec", "--dry-run", "--kernel", "/boot/x", "9.9", code=2)
    m.put("proc/cmdline", CMDLINE + " initrdmem=0x1000,4096\n")
    expect("initrdmem" in m.run("kexec", "--dry-run")[0], "initrdmem= with an initrd")
    m.remove(f"boot/initrd.img-{VERSION}")
    expect("initrdmem" not in m.run("kexec", "--dry-run")[0], "initrdmem= without an initrd")
    m.run("kexec", "--dry-run", "--loaded", code=1)
    m.put("sys/kernel/kho/image", "handover\n")
    expect("kexec -s" not in m.run("kexec", "--dry-run", "--loaded")[0], "--loaded loads")


def test_newest(at):
    """the newest kernel with KHO is the one to go to, not the newest, nor a copy of one"""
    m = machine(at)
    m.put("lib/modules/6.12.99+kho1/modules.dep", "")
    m.put("boot/initrd.img-6.12.99+kho1", bytes(MIB))
    for other in ".old", ".bak", ".dpkg-new", "~":
        m.put(f"boot/vmlinuz-{VERSION}{other}", image(MIB))
        m.put(f"boot/config-{VERSION}{other}", CONFIG)
        m.put(f"boot/initrd.img-{VERSION}{other}", bytes(MIB))
    for name in ("boot/vmlinuz-6.17.8", "boot/initrd.img-6.17.8", "boot/vmlinuz-6.12.200",
                 "lib/modules/6.17.8/modules.dep", "lib/modules/6.12.200/modules.dep"):
        m.put(name, image(MIB))
    for name in "6.17.8", "6.12.200":
        m.put(f"boot/config-{name}", CONFIG)
    m.put("boot/vmlinuz-6.12.99+kho1", image(MIB))
    m.put("boot/config-6.12.99+kho1", CONFIG)
    m.put("boot/vmlinuz-6.13.1", image(MIB))
    m.put("boot/config-6.13.1", "# CONFIG_KEXEC_HANDOVER is not set\n")
    same(as_json("--root", at, "check", "--live")["target"], VERSION, "target")
    m.remove("boot/config-" + VERSION)
    same(as_json("--root", at, "check", "--live")["target"], "6.12.99+kho1", "target")
    m.remove("boot/config-6.12.99+kho1")
    for name in "6.12.300", "6.12.301", "6.12.302":
        m.put(f"boot/vmlinuz-{name}", image(MIB))
        m.put(f"boot/initrd.img-{name}", bytes(MIB))
        m.put(f"lib/modules/{name}/modules.dep", "")
    m.put("boot/config-6.12.301", CONFIG)
    m.remove("lib/modules/6.12.301/modules.dep")
    m.put("boot/config-6.12.302", "CONFIG_MODULES=y\n")
    _, err = m.run("check", "--live", code=1)
    for line in ("6.12.200 is passed over: it has no initrd; ",
                 "6.12.300 is passed over: it has no build options (/boot/config-VERSION); ",
                 "6.12.301 is passed over: it has no modules; ", "no kernel in /boot"):
        expect(f"kho: check --live: {line}" in err, f"{line!r} is not in {err!r}")
    expect("6.12.302" not in err and "6.17.8" not in err, f"kernels without KHO are named: {err}")
    m.put("boot/config-6.12.302", CONFIG)
    m.put("boot/vmlinuz-6.12.302.old", image(MIB))
    same(m.run("check", "--live", code=None)[1], "", "with a newest that is whole")


def test_wait(at):
    """wait ends when it is so, or after its time"""
    m = machine(at)
    m.run("wait")
    m.run("wait", "inactive")
    m.run("wait", "active", "--timeout", 0, code=1)
    m.put("sys/firmware/kho/unlisted", "4096\n")
    refused("--root", at, "wait", "claimed", "--timeout", 0, says="claimed")
    later = threading.Timer(0.3, lambda: (at / "sys/firmware/kho/unlisted").write_text("0\n"))
    later.start()
    m.run("wait", "--timeout", 30)
    expect((at / "sys/firmware/kho/unlisted").read_text() == "0\n", "it waited")
    later.join()
    m.put("sys/firmware/kho/status", "refused: no\n")
    refused("--root", at, "wait", says="refused")


# What stands for the kernel and systemd: `it CALL PID`, `it systemctl ARG...`. Each call
# is a line of /log but for questions.
FAKE = """#!/bin/sh
image=/sys/kernel/kho/image
case "$1 $2" in
busctl*|*is-system-running|*list-jobs) ;;
systemctl*) echo "$*" >>/log ;;
*) echo $1 >>/log ;;
esac
%s
case "$1 $2" in
"load "*) echo handover >$image ;;
"unload "*) echo none >$image ;;
"systemctl kexec") echo true >/preparing ;;
"systemctl is-system-running") cat /state ;;
"systemctl list-jobs") cat /jobs ;;
"systemctl mask") ln -sf /dev/null /run/systemd/system/kexec.target ;;
"systemctl unmask") rm /run/systemd/system/kexec.target ;;
"busctl "*) echo b $(cat /preparing) ;;
esac
"""
# A copy of a machine becomes this process's root.
ENTER = """set -e; cd "$1"; shift
for d in usr dev; do mount --rbind /$d $d; done
mount --rbind /proc real-proc
exec chroot . env LD_PRELOAD=/fake.so KHO_FAKE=/fake/it PATH=/fake:/usr/bin /bin/sh -c "$*"
"""


class Real:
    """A machine that kho takes for the real one."""

    def __init__(self, at, fdt=None, **more):
        self.m = m = machine(at, **more)
        for d in "usr", "dev", "real-proc", "run/systemd/system":
            (at / d).mkdir(parents=True, exist_ok=True)
        m.link("proc/self", "/real-proc/self")
        for d in "bin", "sbin", "lib64":
            m.link(d, f"usr/{d}")
        for f in Path("/usr/lib").iterdir():
            if f.name != "modules":
                m.link(f"lib/{f.name}", f"/usr/lib/{f.name}")
        shutil.copy(KHO, at / "kho")
        shutil.copy(KHO_TEST.parent / "fake.so", at)
        for name in "systemctl", "busctl":
            m.put(f"fake/{name}", f'#!/bin/sh\nexec /fake/it {name} "$@"\n', 0o755)
        for name, data in {"log": "", "jobs": "", "state": "running\n",
                           "preparing": "false\n"}.items():
            m.put(name, data)
        if fdt:
            m.put("sys/kernel/kho/fdt", fdt[0])
            m.put("sys/kernel/kho/table", fdt[1])

    def kho(self, *args, **more):
        """What it says; see both()."""
        return "".join(self.both(*args, **more))

    def both(self, args, code=0, does="", before=""):
        """Its output and its errors; the fake does something else first."""
        self.m.put("fake/it", FAKE % does, 0o755)
        self.m.put("log", "")
        p = subprocess.run(["unshare", "--mount", "--map-root-user", "sh", "-c", ENTER, "sh",
                            self.m.path, f"{before} exec /kho {args}"], capture_output=True,
                           text=True, timeout=60,
                           env=dict(ENV, ASAN_OPTIONS=f"exitcode={SANITIZED}:detect_leaks=0"))
        same(p.returncode, code, f"kho {args} ends, after {self.calls()} ({p.stdout}{p.stderr})")
        return p.stdout, p.stderr

    def gate_is_closed(self):
        return (self.m.path / "run/systemd/system/kexec.target").is_symlink()

    def read(self, name):
        return (self.m.path / name).read_text().split("\n")[0]

    def calls(self):
        return (self.m.path / "log").read_text().split("\n")[:-1]

    def is_left(self, calls, image="none", active="0"):
        same((self.calls(), self.read("sys/kernel/kho/image"), self.read("sys/kernel/kho/active")),
             (calls, image, active), "calls, image, active")


SAMPLE_OUT = (blob(SAMPLE.format(cells(0x10000000, 4096)), (0x30000000, 32),
                   extent(0x10000000, 4096)), extent(0x10000000, 4096))
OUTGOING = "var/lib/kho/outgoing.dtb"
GOES, STAYS = ["load", "systemctl kexec"], ["load", "systemctl kexec", "unload"]
NOW = ["load", "sync", "reboot"]
SECOND = ('[ $1 != load ] || [ -e /second ] || '
          '{ >/second; /kho kexec --now >/said 2>&1; echo $? >/code; }')


def real(at, number, **more):
    (at / str(number)).mkdir()
    return Real(at / str(number), SAMPLE_OUT, **more)


def test_go(at):
    """kexec loads, activates and goes, by systemd or without"""
    r = real(at, 0)
    expect("going to /boot/vmlinuz-" in r.kho("kexec"), "it says where to")
    r.is_left(GOES, "handover", "1")
    r = real(at, 1)
    r.kho("kexec --now")
    r.is_left(NOW, "handover", "1")
    r = real(at, 2)
    r.m.put("sys/kernel/kho/image", "handover\n")
    r.kho("kexec --now --loaded")
    r.is_left(NOW[1:], "handover", "1")


def test_undo(at):
    """what a step did is undone if a later one fails, and the machine stays up"""
    r = real(at, 0)
    r.m.link("run/systemd/system/kexec.target", "/dev/null")
    r.kho("kexec", 1, '[ "$2" != kexec ] || exit 1')
    r.is_left(["load", "systemctl unmask --runtime kexec.target", "systemctl kexec",
               "systemctl mask --runtime kexec.target", "unload"])
    r = real(at, 1, active=True)
    r.kho("kexec --now", 4, "[ $1 != reboot ] || exit 16")
    r.is_left([*NOW, "unload"], active="1")
    r = real(at, 2)
    r.kho("kexec", 4, "[ $1 != load ] || exit 8")
    r.is_left(["load"])
    # There is neither systemctl nor logind: nobody can have heard it
    r = real(at, 3)
    r.kho("kexec", 1, '[ "$2" != kexec ] || exit 127; rm -f /preparing')
    r.is_left(STAYS)


def test_load_compressed(at):
    """a compressed kernel is loaded if all of it is there"""
    r = real(at, 0)
    whole = gzip.compress(random.Random(3).randbytes(MIB))
    for data, code in (whole, 0), (whole[:-20], 1), (whole[:MIB // 2], 1):
        r.m.put(f"boot/vmlinuz-{VERSION}", data)
        r.kho("load", code)
        same(r.calls(), ["load"] * (not code), f"calls for {len(data)} bytes")


def test_twice(at):
    """a second kexec takes nothing from the first, whenever it comes"""
    r = real(at, 0)
    r.kho("kexec", does=SECOND)
    r.is_left(GOES, "handover", "1")
    same(r.read("code"), "1", "the second's code")
    expect("another kho is at work" in r.read("said"), r.read("said"))
    # logind waits for those who delay it
    for args, code in ("kexec", 1), ("kexec --now", 1), ("kexec --dry-run", 1):
        r.kho(args, code, "[ $1 != reboot ] || exit 16")
        r.is_left([], "handover", "1")
    r.kho("kexec --now --force", 6, "[ $1 != reboot ] || exit 16")
    r.is_left(NOW, "handover", "1")
    # Somebody has loaded an image, by other means
    r = real(at, 1)
    r.kho("kexec --now", 1, "[ $1 != sync ] || echo plain >$image")
    r.is_left(NOW[:2], "plain")
    r.kho("kexec", 1)
    r.is_left([], "plain")


def test_doubt(at):
    """what systemd may have heard is not undone, however systemctl ends"""
    killed = '[ "$2" != kexec ] || { echo %s >/%s; kill -9 $$; }'
    for i, (does, code) in enumerate([
            (killed % ("true", "preparing"), 6), (killed % ("stopping", "state"), 6),
            (killed % ("12 kexec.target start waiting", "jobs"), 0),
            ('[ "$2" != kexec ] || { rm /preparing; exit 1; }', 6),
            ('[ "$2" != kexec ] || kill -TERM $PPID', 0),
            ('[ "$2" != kexec ] || { kill -TERM $PPID; echo true >/preparing; exit 1; }', 6)]):
        r = real(at, i)
        r.kho("kexec", code, does)
        r.is_left(GOES, "handover", "1")


def test_signals(at):
    """a signal ends kexec before its next step, and not if nobody wants it"""
    for i, name in enumerate(["INT", "TERM", "HUP"]):
        r = real(at, i)
        expect("signal" in r.kho("kexec --now", 1, f"[ $1 != sync ] || kill -{name} $2"), name)
        r.is_left(["load", "sync", "unload"])
    r = real(at, 3)
    r.kho("kexec", 1, "[ $1 != load ] || kill -TERM $2")
    r.is_left(["load", "unload"])
    r = real(at, 4)
    r.kho("kexec", 0, "[ $1 != load ] || kill -HUP $2; [ $2 != kexec ] || kill -HUP $$",
          "trap '' HUP;")
    r.is_left(GOES, "handover", "1")


def test_check_again(at):
    """the nodes are checked once they are known, before it goes"""
    r = real(at, 0)
    r.m.put(MODULES, "\n")
    expect("not known" in r.kho("kexec --dry-run"), "a dry run says that it has not seen the nodes")
    expect("nobody would claim kho-sample" in r.kho("kexec", 1), "the owner is missing")
    r.is_left(["load", "unload"])
    r.kho("kexec --force")
    r.is_left(GOES, "handover", "1")
    r = real(at, 1)
    r.m.put("sys/kernel/kho/fdt", b"x" * 5000)
    r.kho("kexec", 1)
    r.is_left(["load", "unload"])
    r = real(at, 2)
    r.kho("kexec --append kho=off --force", 1, "[ $1 != load ] || { echo plain >$image; exit; }")
    r.is_left(["load", "unload"])


def test_force(at):
    """what loses the state stops kexec, but for --force"""
    for i, (name, data) in enumerate({
            "sys/firmware/kho/unlisted": "8192\n", "run/systemd/shutdown/scheduled": "",
            f"boot/config-{VERSION}": "CONFIG_X=y\n", "sys/kernel/kho/image": "plain\n",
            "state": "stopping\n", "preparing": "true\n"}.items()):
        r = real(at, i)
        r.m.put(name, data)
        for args in "kexec --dry-run", "kexec", "kexec --json":
            args += " " + VERSION
            expect('"going"' not in r.kho(args, 1), f"{args} goes in spite of {name}")
            same(r.calls(), [], f"calls with {name}")
        r.kho(f"kexec --force {VERSION}")
        same(r.calls(), GOES, f"with --force and {name}")


def test_pre_hooks(at):
    """programs in pre.d run before the handover is made; one that fails stops it"""
    r = real(at, 0)
    r.m.put("etc/kho/pre.d/README", "exit 1\n")
    r.m.put("etc/kho/pre.d/10-one", "#!/bin/sh\necho said; echo one $(cat /sys/kernel/kho/active)"
            " >>/log\n", 0o755)
    out, err = r.both("kexec --json")
    same(json.loads(out)["going"], True, "going")
    expect("said" in err, err)
    r.is_left(["load", "one 0", "systemctl kexec"], "handover", "1")
    r = real(at, 2)
    r.m.put("etc/kho/pre.d/10-one.sh", "#!/bin/sh\necho one >>/log\n", 0o755)
    out = r.kho("kexec")
    expect("/etc/kho/pre.d/10-one.sh is skipped: " in out and "README" not in out, out)
    r.is_left(GOES, "handover", "1")
    r = real(at, 1)
    r.m.link("run/systemd/system/kexec.target", "/dev/null")
    r.m.put("etc/kho/pre.d/10-one", "#!/bin/sh\necho one >>/log; exit 3\n", 0o755)
    r.m.put("etc/kho/pre.d/20-two", "#!/bin/sh\necho two >>/log\n", 0o755)
    out = r.kho("kexec", 1)
    expect("10-one exited with return code 3" in out and "/etc/kho/pre.d has failed" in out, out)
    r.is_left(["load", "one", "unload"])
    expect(r.gate_is_closed(), "the gate")


def test_copy(at):
    """what goes is left for the next kernel to compare with, and nothing if it stays"""
    r = real(at, 0)
    r.kho("kexec --now")
    same((r.m.path / OUTGOING).read_bytes(), SAMPLE_OUT[0], "the copy")
    same((r.m.path / OUTGOING).stat().st_mode & 0o777, 0o600, "its mode")
    r = real(at, 1)
    r.kho("kexec --now", 4, "[ $1 != reboot ] || exit 16")
    expect(not (r.m.path / OUTGOING).exists(), "a copy is left")
    r = real(at, 2)
    r.m.remove("var/lib")
    expect("outgoing.dtb: No such file or directory; " in r.kho("kexec --now"), "it says that none is left")
    r.is_left(NOW, "handover", "1")


def test_trial(at):
    """a trial leaves it to the jump to make the handover"""
    r = real(at, 0)
    r.m.put("etc/kho.conf", "activate = trial # for services that change it\n")
    r.kho("kexec", does='[ "$2" != kexec ] || cat /sys/kernel/kho/active >>/log')
    r.is_left(["load", "systemctl kexec", "0"], "handover", "0")
    same((r.m.path / OUTGOING).read_bytes(), SAMPLE_OUT[0], "the copy")
    # What somebody else has activated stays
    r = real(at, 1, active=True)
    r.m.put("etc/kho.conf", "activate=trial\n")
    r.kho("kexec")
    r.is_left(GOES, "handover", "1")
    r = real(at, 2)
    r.m.put("etc/kho.conf", "activate=trial\n")
    r.m.put("sys/kernel/kho/fdt", b"x" * 5000)
    r.kho("kexec", 1)
    r.is_left(["load", "unload"])


def test_conf(at):
    """what is wrong in kho.conf is said, and stops kexec, not the boot"""
    for line in "gate=maybe", "gate", "=yes", "gates=no", "activate=", "yes = gate", "gate=yes no":
        m = machine(at / line.replace("=", "."))
        m.put("etc/kho.conf", f"# a comment\n\n  gate = yes  \n{line}\n")
        refused("--root", m.path, "kexec", "--dry-run", says="/etc/kho.conf: line 4")
        expect("line 4" in m.run("boot")[1], line)
    m.put("etc/kho.conf", "gate=no\n #activate=x\nactivate=early")
    m.run("kexec", "--dry-run")
    trial = lambda: "echo 0 >" in m.run("kexec", "--dry-run")[0]
    expect(not trial(), "activate=early")
    m.put("etc/kho.conf.d/10.conf", "activate=trial\n")
    m.put("etc/kho.conf.d/20.conf.dpkg-old", "nonsense\n")
    expect(trial(), "kho.conf.d counts after kho.conf")
    m.put("etc/kho.conf.d/9.conf", "activate=early\nnonsense\n")
    refused("--root", m.path, "kexec", "--dry-run", says="/etc/kho.conf.d/9.conf: line 2")
    m.put("etc/kho.conf.d/9.conf", "activate=early\n")
    expect(not trial(), "the last counts, in the order of a shell")


ARRIVED = "a handover was accepted from 6.12.117+kho1, handover number 1: "


def boots(m, says, **more):
    if (m.path / "run/kho/boot").exists():
        m.remove("run/kho/boot")
    same(m.run("boot", **more), (says + "\n", ""), "boot says")


def test_boot(at):
    """boot says in one line what arrived, and what of that which was sent did not"""
    m = machine(at)
    boots(m, ARRIVED + "1 nodes arrived, all is claimed")
    m.put(OUTGOING, with_table()[0])
    boots(m, ARRIVED + "1 of 1 nodes arrived, all is claimed")
    same(m.run("boot")[0], ARRIVED + "1 of 1 nodes arrived, all is claimed\n", "a second time")
    # The next one has nothing to compare with
    boots(m, ARRIVED + "1 nodes arrived, all is claimed")
    m.put("sys/firmware/kho/unclaimed/reserve-mem", f"{MIB}\n")
    m.put("sys/firmware/kho/unlisted", "4096\n")
    two = blob(SAMPLE.format(cells(0x1000, 4096)) + REGION.format(cells(4096), cells(8192, 4096)))
    m.put(OUTGOING, two)
    boots(m, ARRIVED + "1 of 2 nodes arrived, not kho-sample; not claimed yet: reserve-mem 1.0M, "
          "(no node) 4.0K")
    for other in two.replace(VERSION.encode(), b"6.12.118+kho1"), b"", b"x" * 1000:
        m.put(OUTGOING, seal(other) if len(other) > 1000 else other)
        boots(m, ARRIVED + "1 nodes arrived; not claimed yet: reserve-mem 1.0M, (no node) 4.0K")
    m.put("sys/firmware/kho/status", "none\n")
    boots(m, "no handover arrived")
    m.put(OUTGOING, two)
    boots(m, "no handover arrived, though kho kexec had left for one: the machine came up by "
          "firmware, or the image carried none")
    expect("lost: kho kexec had left with 2 nodes" in m.run("status", code=5)[0], "status says so")
    same(as_json("--root", m.path, "status", code=5)["arrival"]["lost"],
         ["kho-sample", "reserve-mem"], "what was lost")
    m.put("sys/firmware/kho/status", "refused: kho=on is not on the command line\n")
    m.remove("sys/kernel/kho")
    boots(m, "a handover was refused: kho=on is not on the command line")
    m.put("sys/firmware/kho/status", "none\n")
    m.remove("run/kho/boot")
    same(m.run("boot"), ("", ""), "with KHO off")
    m.put(OUTGOING, two)
    boots(m, "no handover arrived, though kho kexec had left for one: the machine came up by "
          "firmware, or the image carried none")
    m.remove("sys/firmware/kho")
    m.put(OUTGOING, two)
    boots(m, "no handover arrived, though kho kexec had left for one: this kernel has no KHO")
    m.remove("run/kho/boot")
    refused("--root", at, "boot", code=3, says="no KHO")


def test_journal(at):
    """lines have levels if the journal reads them, and only then"""
    m = machine(at)
    with (at / "log").open("w") as f:
        st = os.fstat(f.fileno())
        env = dict(ENV, JOURNAL_STREAM=f"{st.st_dev}:{st.st_ino}")
        for level, status in ("<6>a handover was accepted", None), ("<3>a handover was ref", "x"):
            if status:
                m.put("sys/firmware/kho/status", "refused: x\n")
            f.truncate(0)
            f.seek(0)
            p = subprocess.run([KHO, "--root", at, "boot"], stdout=f, stderr=subprocess.PIPE,
                               env=env, check=True)
            same((p.stderr, (at / "log").read_text()[:len(level)]), (b"", level), "its line")
        p = subprocess.run([KHO, "nonsense"], stderr=f, env=env)
        expect("<3>kho: nonsense: " in (at / "log").read_text(), "an error")
    boots(m, "a handover was refused: x", env={"JOURNAL_STREAM": "8:12345"})


def hook(m, name, code=0):
    m.put(f"etc/kho/post.d/{name}", f"#!/bin/sh\necho {name} $KHO_STATUS >>/log; exit {code}\n",
          0o755)


MASK, UNMASK = (f"systemctl {verb} --runtime kexec.target" for verb in ("mask", "unmask"))


def test_boot_acts(at):
    """boot closes the gate, then runs the programs in post.d, once"""
    r = real(at, 0)
    hook(r.m, "10-one", 3)
    hook(r.m, "20-two")
    out = r.kho("boot")
    expect("10-one exited with return code 3" in out and "run it again by hand" in out, out)
    same(r.calls(), [MASK, "10-one accepted", "20-two accepted"], "calls")
    r.kho("gate open")
    r.kho("boot")
    same(r.calls(), [MASK], "calls of a second one")
    r = real(at, 5)
    hook(r.m, "30.three")
    hook(r.m, "40-four")
    out = r.kho("boot")
    expect("/etc/kho/post.d/30.three is skipped: " in out and "40-four" not in out, out)
    same(r.calls(), [MASK, "40-four accepted"], "calls with a name that run-parts does not take")
    r = real(at, 1)
    r.m.put("etc/kho.conf", "gate=no\n")
    r.m.put("sys/firmware/kho/status", "refused: x\n")
    hook(r.m, "one")
    r.kho("boot")
    same(r.calls(), ["one refused"], "calls with gate=no")
    r = real(at, 2)
    r.m.put("sys/firmware/kho/status", "none\n")
    hook(r.m, "one")
    r.m.remove("run/systemd")
    r.kho("boot")
    same(r.calls(), ["one none"], "calls without systemd")
    r = real(at, 3)
    r.m.put("sys/firmware/kho/status", "none\n")
    r.m.remove("sys/kernel/kho")
    hook(r.m, "one")
    r.kho("boot")
    same(r.calls(), [], "calls with KHO off")
    r = real(at, 4)
    r.kho("boot", 1, '[ "$2" != mask ] || exit 1')


def test_gate(at):
    """gate opens and closes, and leaves a shutdown alone"""
    r = real(at, 0)
    for verb, call in ("open", []), ("close", [MASK]), ("close", []), ("open", [UNMASK]):
        r.kho(f"gate {verb}")
        same(r.calls(), call, f"calls of {verb}")
        same(r.gate_is_closed(), verb == "close", f"closed after {verb}")
    same(json.loads(r.kho("gate close --json"))["closed"], True, "JSON")
    for name, data in ("state", "stopping\n"), ("preparing", "true\n"):
        r.m.put(name, data)
        same(json.loads(r.kho("gate open --json"))["closed"], True, "JSON")
        same(r.calls(), [], f"calls with {data}")
        r.m.put(name, "running\n" if name == "state" else "false\n")
    r.kho("gate open", 1, '[ "$2" != unmask ] || exit 1')
    r.m.remove("sys/kernel/kho")
    r.kho("gate open")
    r.kho("gate close", 3)
    same(r.calls(), [], "calls with KHO off")


class Shutdown:
    """A machine in the last moments of a shutdown: the script of systemd's is run there."""

    def __init__(self, at, image="handover"):
        self.m = machine(at)
        for d in "usr", "dev":
            (at / d).mkdir(parents=True)
        for d in "bin", "lib64":
            self.m.link(d, f"usr/{d}")
        for f in Path("/usr/lib").iterdir():
            if f.name != "modules":
                self.m.link(f"lib/{f.name}", f"/usr/lib/{f.name}")
        self.m.put("sys/kernel/kho/image", image + "\n")
        self.m.put("dev/null", "")
        self.m.put("dev/console", "")
        self.m.put("dev/pmsg0", "")
        self.m.put("fake/dmesg", "#!/bin/sh\necho '[    1.2] usb: x'\n"
                   "echo '[    1.3] kho: f refused the handover: -ENOSPC'\n", 0o755)
        shutil.copy(HERE.parent / "system-shutdown", at / "script")

    def run(self, kind="kexec"):
        script = ('set -e; cd "$1"; mount --bind /usr usr; mount --bind /dev/null dev/null; '
                  f"chroot . env PATH=/fake:/usr/bin /script {kind}")
        subprocess.run(["unshare", "--mount", "--map-root-user", "sh", "-c", script, "sh",
                        self.m.path], check=True, timeout=60)
        said = [(self.m.path / "dev" / f).read_text() for f in ("console", "pmsg0")]
        same(said[0], said[1], "the console and pmsg0")
        return said[0]

    def never_works(self):
        """Nobody can write to a directory."""
        self.m.remove("sys/kernel/kho/active")
        (self.m.path / "sys/kernel/kho/active").mkdir()


def test_shutdown(at):
    """at the end of a shutdown for kexec a handover is made, or it is said why not"""
    s = Shutdown(at / "0")
    same(s.run(), "", "it says")
    same((s.m.path / "sys/kernel/kho/active").read_text(), "1\n", "active")
    for kind, image in ("reboot", "handover"), ("kexec", "plain"), ("kexec", "none"):
        s = Shutdown(at / (kind + image), image)
        same(s.run(kind), "", "it says")
        same((s.m.path / "sys/kernel/kho/active").read_text(), "0\n", f"active, {kind} {image}")
    s = Shutdown(at / "1")
    s.never_works()
    said = s.run()
    expect("kho: f refused the handover: -ENOSPC\n" in said and said.endswith("is lost\n") and
           "usb" not in said, said)
    # Without caches it works; whoever drops them waits for a reader
    s = Shutdown(at / "2")
    s.never_works()
    caches, active = (s.m.path / f for f in ("proc/sys/vm/drop_caches", "sys/kernel/kho/active"))
    caches.parent.mkdir(parents=True)
    os.mkfifo(caches)

    def drop():
        while "once more" not in (s.m.path / "dev/console").read_text():
            time.sleep(0.01)
        active.rmdir()
        active.write_text("0\n")
        caches.read_text()
    thread = threading.Thread(target=drop)
    thread.start()
    said = s.run()
    thread.join()
    expect(said.endswith("it was made\n"), said)


def damaged(rng, data):
    """Some bytes that are others, with a checksum that fits."""
    b = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(40, len(b))
        b[at] = rng.choice([0, 1, 0xff, b[at] ^ 1 << rng.randrange(8), rng.randrange(256)])
    return seal(bytes(b))


def never_crashes(*args):
    p = subprocess.run([str(KHO), *map(str, args)], capture_output=True, timeout=60, env=ENV)
    expect(p.returncode in (0, 1), f"{args} ends with {p.returncode}: {p.stderr.decode()[:3000]}")
    if p.returncode and not p.stdout:
        expect(re.fullmatch(rb"kho: [^\n]+\n", p.stderr), p.stderr)
    return p


def test_far(at):
    """addresses at the end of what there is are drawn, too"""
    end = (1 << 64) - 4096
    for mem in (end - 4096, 4096), (4096, end - 8192), (1 << 52, 4096):
        (at / "f").write_bytes(blob(SAMPLE.format(cells(*mem)), scratch=(end, 8192)))
        for width in 8, 64, 1024:
            out, _ = kho("map", "--width", width, at / "f")
            expect("kho-sample" in out and len(out.split("\n")) < 40, out)
        kho("map", "--svg", at / "o.svg", at / "f")


def test_corpus(at):
    """no file of the fuzzers' corpus brings it down, and what is good is shown"""
    for f in sorted(CORPUS.glob("*/*")):
        if f.suffix == ".dts":
            (at / "b").write_bytes(dtc(f.read_text()))
            code = never_crashes("check", at / "b").returncode
            # Of the nodes' own, some have no more than a node that is good.
            expect(f.parent.name == "nodes" or not code, f"{f.name} is good: {code}")
        else:
            never_crashes("show", f)


def test_damage(at):
    """a damaged blob with a good checksum does not bring it down, nor a damaged table"""
    rng, shown = random.Random(7), 0
    good = [dtc(f.read_text()) for f in sorted(CORPUS.glob("fdt/*.dts"))]
    good = [g for g in good if len(g) < 20000]
    fdt, table = with_table()
    for i in range(60):
        (at / "b").write_bytes(damaged(rng, rng.choice(good)))
        verb = rng.choice([["show"], ["map"], ["check", "--json"], ["map", "--json"],
                           ["show", "--json"]])
        shown += not never_crashes(*verb, at / "b").returncode
    expect(shown > 5, "none of them passes")
    for i in range(20):
        b = bytearray(table)
        b[rng.randrange(len(b) if i % 2 else 96)] ^= 1 << rng.randrange(8)
        (at / "t").write_bytes(b)
        (at / "b").write_bytes(blob("", (0x30000000, 96), bytes(b)))
        never_crashes("map", "--json", at / "b", "--table", at / "t")


def test_output(at):
    """what cannot be written is an error"""
    with open("/dev/full", "w") as full:
        m = machine(at)
        for args in ["status"], ["show", "--dts"]:
            p = subprocess.run([KHO, "--root", at, *args], stdout=full, stderr=subprocess.PIPE,
                               env=ENV)
            same(p.returncode, 1, f"exit code of {args}")
            expect(p.stderr.startswith(b"kho: output: "), p.stderr)
    os.mkfifo(at / "fifo")
    refused("check", at / "fifo")


def main():
    failed = 0
    # Whoever runs this in the background may ignore them, and kho leaves it at that
    for ignored in signal.SIGINT, signal.SIGHUP, signal.SIGTERM:
        signal.signal(ignored, signal.SIG_DFL)
    for name, test in list(globals().items()):
        if not name.startswith("test_"):
            continue
        with tempfile.TemporaryDirectory() as d:
            try:
                test(Path(d))
                print("ok", test.__doc__)
            except Exception as e:
                failed += 1
                print("not ok", test.__doc__)
                text = str(e) if isinstance(e, Bad) else traceback.format_exc()
                print("# " + text.replace("\n", "\n# "))
        sys.stdout.flush()
    sys.exit(failed > 0)


main()
