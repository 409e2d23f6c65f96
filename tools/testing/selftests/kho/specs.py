# SPDX-License-Identifier: GPL-2.0
"""Owns the tests of specs and of what kho-gen makes of them, which need no guest, and
the check of blobs that guests have sent."""

import re
import shutil
import subprocess

from common import Failure, run

# On a golden blob: what fdtput is told, and what kho-gen has to say then.
DAMAGED = [
    ("kho-sample-v1.2", ["-t", "x", "/kho-sample", "counter", "0"],
     "/kho-sample: counter: 0, not 1 to 4294967295"),
    ("kho-sample-v1.2", ["-t", "x", "/kho-sample", "crc32", "1", "2"],
     "/kho-sample: crc32: 8 bytes, of type u32"),
    ("kho-sample-v1.2", ["-d", "/kho-sample", "text"], "/kho-sample: text: missing"),
    ("kho-sample-v1.2", ["-t", "s", "/kho-sample", "text", "a", "b"],
     "/kho-sample: text: not one string of printable characters"),
    ("kho-sample-v1.2", ["-t", "x", "/kho-sample", "mem", "0", "800", "0", "1000"],
     "/kho-sample: mem: 0x800 is not aligned to 4096"),
    ("kho-sample-v1.2", ["-t", "x", "/kho-sample", "more", "0"],
     "/kho-sample: more: no such property in the spec"),
    ("kho-sample-v1.2", ["-t", "s", "/kho-sample", "compatible", "linux,kho-sample-v9"],
     "/kho-sample: compatible: no spec of linux,kho-sample-v9"),
    ("kho-sample-v1.2", ["-t", "s", "/", "compatible", "kho-v2"],
     "/: compatible: no spec of kho-v2"),
    ("reserve-mem-v1.1", ["-t", "x", "/reserve-mem/region-0", "size", "0", "500000"],
     "/reserve-mem/region-0: mem: 4194304 bytes, but size is 5242880"),
    ("reserve-mem-v1.1", ["-t", "s", "/reserve-mem/region-0", "label", "oops"],
     "/reserve-mem: two subnodes have the label oops"),
    ("reserve-mem-v1.1", ["-c", "/reserve-mem/other"],
     "/reserve-mem/other: no such subnode in the spec"),
    ("reserve-mem-v1.1", ["-c", "/reserve-mem/region-x"],
     "/reserve-mem/region-x: no number behind region-"),
    ("test-kho-faults-v1.1", ["-t", "x", "/test-kho-faults", "areas", "0", "0", "0", "0"],
     "/test-kho-faults: areas: 1 elements, not 12 to 12"),
]


# What each function of all_node.h is called with
ARGS = {"begin": "(void *)fdt, n", "end": "(void *)fdt", "put_part": "(void *)fdt, node, p",
        "find": "fdt", "next_part": "fdt, node, 0", "find_part": 'fdt, node, "x"',
        "get": "fdt, node, n", "get_part": "fdt, node, p"}


class Tests:
    def __init__(self, linux, out):
        self.linux, self.out, self.found = linux, out, []
        self.gen = linux / "tools/kho/kho-gen"
        self.specs = linux / "Documentation/kho/specs"
        self.here = linux / "tools/testing/kho"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)

    def expect(self, good, name, said=""):
        self.found.append(("ok", name) if good else ("failed", f"{name}: {said.strip()}"))
        return good

    def kho_gen(self, *args):
        done = subprocess.run([str(a) for a in (self.gen, *args)], capture_output=True, text=True,
                              cwd=self.linux)
        return done.returncode, done.stdout + done.stderr

    def fresh(self):
        """What is committed is what is generated; what is changed by hand is noticed."""
        code, said = self.kho_gen("--check")
        self.expect(code == 0, "what is generated is fresh", said)
        tree = self.out / "stale"
        self.kho_gen("--out", tree)
        target = tree / "samples/kho/kho_sample_node.h"
        before = {p: p.stat().st_mtime_ns for p in tree.rglob("*") if p.is_file()}
        target.write_text(target.read_text() + "\n")
        code, said = self.kho_gen("--check", "--out", tree)
        self.expect(code == 1 and "samples/kho/kho_sample_node.h: is stale" in said
                    and said.count("stale") == 1, "a changed file is stale, and no other", said)
        self.kho_gen("--out", tree)
        changed = [p for p, t in before.items() if p.stat().st_mtime_ns != t]
        self.expect(changed == [target], "only that is written again", str(changed))
        self.held("kho-sample", "type: u32, min: 1", "type: u64, min: 1",
                  "needs a new compatible")
        self.held("kho-bench", "revision: 1", "revision: 2", "", good=True)
        self.held("kho-bench", "revision: 1", "revision: 3",
                  "follows what was never released: there is no kho-bench-v1.2.yaml")

    def held(self, name, was, now, want, good=False):
        """--check holds what is there against all that was released."""
        tree = self.out / "held"
        shutil.rmtree(tree, ignore_errors=True)
        shutil.copytree(self.specs, tree / "specs",
                        ignore=shutil.ignore_patterns("schema.yaml", "released"))
        changed = tree / f"specs/{name}.yaml"
        changed.write_text(changed.read_text().replace(was, now))
        self.kho_gen("--specs", tree / "specs", "--out", tree)
        code, said = self.kho_gen("--check", "--specs", tree / "specs", "--out", tree)
        self.expect(code == 0 if good else code == 1 and want in said,
                    f"{name} as {now} is {'fresh' if good else 'refused'}", said)

    def left_alone(self):
        """What was not generated is not overwritten; what nobody generates any more is told."""
        tree = self.out / "left"
        own, old = tree / "samples/kho/kho_sample_node.h", tree / "lib/old_node.h"
        self.kho_gen("--out", tree)
        shutil.copy(own, old)
        code, said = self.kho_gen("--check", "--out", tree)
        self.expect(code == 1 and "lib/old_node.h: no spec has this header" in said,
                    "a header without a spec is told", said)
        own.write_text("/* By hand */\n")
        code, said = self.kho_gen("--out", tree)
        self.expect(code == 1 and own.read_text() == "/* By hand */\n" and
                    "samples/kho/kho_sample_node.h:1: was not generated" in said,
                    "a header of somebody's own is left alone", said)

    def named(self, tree, specs):
        """The check of names knows of all that a header defines."""
        script = ("import sys; sys.dont_write_bytecode = True; sys.path.insert(0, sys.argv[1])\n"
                  "from pathlib import Path; from gen import names, spec\n"
                  "specs = Path(sys.argv[2]); schema = Path(sys.argv[3])\n"
                  "files = [f for f in specs.glob('*.yaml') if f != schema]\n"
                  "for s in spec.load_all(files, schema):\n"
                  "    print(*(n for _, n, _ in names.names(s)))")
        known = set(run(["python3", "-c", script, self.linux / "tools/kho", specs,
                         self.specs / "schema.yaml"]).split())
        defined = set()
        for f in tree.rglob("*_node.h"):
            if "Generated by tools/kho/kho-gen" in f.read_text():
                defined |= set(re.findall(
                    r"^#define (\w+)|^(?:struct|enum) (\w+) \{|^static inline \w+ (\w+)\("
                    r"|^\t(\w+) = \d+,$|^\t[\w ]+ (\w+)(?:\[\w*\])?;$", f.read_text(), re.M))
        defined = {w for words in defined for w in words if w} - {"i"}
        self.expect(len(defined) > 20 and defined <= known, f"names of {tree.name} are checked",
                    str(sorted(defined - known)))

    def bad(self):
        """Each mistake, as the file's second line has it."""
        for f in sorted((self.here / "specs/bad").glob("*.yaml")):
            want = f.read_text().splitlines()[1].removeprefix("# expect: ")
            lone = self.out / "bad" / f.stem
            lone.mkdir(parents=True)
            shutil.copy(f, lone)
            # Some are a mistake beside another spec only
            with_it = f.with_suffix("") / "other.yaml"
            if with_it.exists():
                shutil.copy(with_it, lone / "a-other.yaml")
            code, said = self.kho_gen("--specs", lone, "--out", lone)
            self.expect(code == 1 and f"{f.name}:{want}" in said,
                        f"mistake {f.stem}", said)

    def compat(self):
        """Each change, against what the file's second line names, in old/ or released."""
        for f in sorted((self.here / "specs/compat").glob("*.yaml")):
            old, _, want = f.read_text().splitlines()[1].removeprefix("# expect: ").partition(": ")
            places = [f.parent / f"old/{old}.yaml", self.specs / f"released/{old}.yaml"]
            code, said = self.kho_gen("--compat", next(p for p in places if p.exists()), f)
            good = code == 0 and not said if want == "good" else \
                code == 1 and said.strip().endswith(f"{f.name}:{want}")
            self.expect(good, f"change {f.stem}", said)

    def build(self, name, *args):
        run(["make", "-s", "-C", self.here, f"O={self.out / name}", "CC=gcc", *args, "nodes"],
            log=self.out / f"{name}.log")
        return self.out / name / "test-nodes"

    def generation(self, i):
        """What reads and writes the revisions that were released i-th."""
        specs, tree = self.out / f"specs-{i}", self.out / f"tree-{i}"
        by_format = {}
        for f in sorted((self.specs / "released").glob("*.yaml"),
                        key=lambda f: int(f.stem.rpartition(".")[2])):
            by_format.setdefault(f.stem.rpartition(".")[0], []).append(f)
        chosen = [fs[i] for fs in by_format.values() if i < len(fs)]
        if not chosen:
            return None
        specs.mkdir()
        for f in chosen:
            shutil.copy(f, specs)
        self.kho_gen("--specs", specs, "--out", tree)
        return self.build(f"released-{i}", f"NODES={tree}")

    def call(self, nodes, *args):
        done = subprocess.run([str(a) for a in (nodes, *args)], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def written(self, nodes):
        to = nodes.parent / "written"
        to.mkdir()
        code, said = self.call(nodes, "write", to)
        self.expect(code == 0 and any(to.glob("*.dtb")), f"{nodes.parent.name} writes blobs", said)
        return sorted(to.glob("*.dtb"))

    def generated(self, nodes, least):
        """The generated tests."""
        code, said = self.call(nodes)
        cases = re.findall(r"^(ok|not ok) (.*)$", said, re.M)
        self.found += [("ok" if r == "ok" else "failed", f"nodes: {n}") for r, n in cases]
        self.expect(code == 0 and len(cases) >= least, "the generated tests pass", said[-300:])

    def every_type(self):
        """Of a node with all that the language has, which no driver needs."""
        tree = self.out / "all"
        self.kho_gen("--specs", self.here / "specs/all", "--out", tree)
        self.generated(self.build("all-types", f"NODES={tree}"), 5)
        said = (self.out / "all-types.log").read_text()
        self.expect("Wpacked-not-aligned" not in said, "a vmalloc in memory is aligned", said)
        said = (tree / "Documentation/kho/nodes.rst").read_text()
        self.expect("* ``name``, string, 13 bytes with the NUL: What" in said and
                    "* ``hash``, bytes, 4 bytes: What" in said and
                    "* ``area``, vmalloc: Where" in said, "fields are in the reference")
        self.named(tree, self.here / "specs/all")
        self.named(self.out / "stale", self.specs)
        self.without_kho(tree)

    def without_kho(self, tree):
        """Whatever a driver calls, wherever it does, there is nothing to link."""
        source, to = self.out / "without.c", self.out / "without.o"
        names = re.findall(r"^static inline \w+ (all_\w+)\(", (tree / "lib/all_node.h").read_text(),
                           re.M)
        # Only what consists of other functions: payloads and kho_return_mem() are no part of it
        calls = [n for n in names if not re.search("_be$|_return", n)]
        source.write_text('#include <stdio.h>\n#include "lib/all_node.h"\n' + "".join(
            f"int call_{n}(const void *fdt, int node, struct all_node *n, struct all_part *p)\n"
            f"{{\n\treturn {n}({ARGS[n.removeprefix('all_')]});\n}}\n" for n in calls))
        where = (tree, self.here / "include", self.here, self.out / "all-types/gen/include",
                 self.linux / "scripts/dtc/libfdt", self.linux / "tools/include")
        run(["gcc", "-O2", "-w", "-c", source, "-o", to, "-DCONFIG_64BIT",
             "-DCONFIG_PHYS_ADDR_T_64BIT", *(f"-I{d}" for d in where),
             "-include", "linux/kconfig.h"], log=self.out / "without.log")
        said = run(["nm", "-u", to])
        self.expect(len(calls) > 5 and not said.strip(), "without KHO there is nothing to link",
                    said)

    def golden(self, nodes):
        """Blobs of every revision that was released, and blobs that are wrong."""
        blobs = {}
        for f in sorted((self.here / "corpus/nodes").glob("*.dts")):
            blobs[f.stem] = self.out / f"{f.stem}.dtb"
            run(["dtc", "-q", "-I", "dts", "-O", "dtb", f, "-o", blobs[f.stem]])
            code, said = self.kho_gen("--strict", "check", blobs[f.stem])
            self.expect(code == 0, f"{f.stem} is as its spec says", said)
            code, said = self.call(nodes, "read", blobs[f.stem])
            self.expect(code == 0, f"{f.stem} can be read", said)
        missing = {f.stem for f in (self.specs / "released").glob("*.yaml")} - set(blobs)
        self.expect(not missing, "each released revision has a blob", str(missing))
        for name, how, want in DAMAGED:
            copy = self.out / "damaged.dtb"
            shutil.copy(blobs[name], copy)
            at = 1 if how[0] in ("-d", "-c") else 2
            run(["fdtput", *how[:at], copy, *how[at:]])
            code, said = self.kho_gen("--strict", "check", copy)
            self.expect(code == 1 and f"{copy}: {want}\n" in said, want, said)
        # What no tool writes: two of a name, of which libfdt finds the first; and no ASCII
        for name, want in ((b"crc32", "/kho-sample: crc32: 8 bytes, of type u32"),
                           (b"crc3\xe4", "a name is not ASCII")):
            shutil.copy(blobs["kho-sample-v1.2"], copy)
            run(["fdtput", "-t", "x", copy, "/kho-sample", "crc33", "1", "2"])
            copy.write_bytes(copy.read_bytes().replace(b"crc33\0", name + b"\0"))
            code, said = self.kho_gen("check", copy)
            self.expect(code == 1 and f"{copy}: {want}" in said, f"two of a name: {name}", said)
        return blobs

    def both_ways(self, now, blobs):
        """Readers of each revision take what writers of each have written."""
        for i in range(100):
            old = self.generation(i)
            if old is None:
                break
            theirs = self.written(old)
            for blob in theirs:
                code, said = self.call(now, "read", blob)
                self.expect(code == 0, f"now reads {blob.stem} of generation {i}", said)
            known = {b.stem for b in theirs}
            for blob in [b for b in self.written_now if b.stem in known]:
                code, said = self.call(old, "read", blob)
                self.expect(code == 0, f"generation {i} reads {blob.stem} of now", said)
            for name, blob in blobs.items():
                if name.rpartition("-v")[0] in known:
                    code, said = self.call(old, "read", blob)
                    self.expect(code == 0, f"generation {i} reads {name}", said)

    def all(self):
        self.fresh()
        self.left_alone()
        self.bad()
        self.compat()
        nodes = self.build("now")
        self.generated(nodes, 30)
        self.every_type()
        blobs = self.golden(nodes)
        self.written_now = self.written(nodes)
        self.both_ways(nodes, blobs)
        return self.found


def check_blobs(linux, out):
    """[(result, name)]: each blob that a guest has sent is as the specs say."""
    blobs = sorted(out.glob("*.dtb"))
    if not blobs:
        return []
    done = subprocess.run([linux / "tools/kho/kho-gen", "--strict", "check", *blobs],
                          capture_output=True, text=True)
    return [("failed", line) for line in done.stderr.splitlines()] or [
        ("ok" if done.returncode == 0 else "failed", "each blob is as the specs say")]


def test(linux, out):
    tests = Tests(linux, out)
    try:
        return tests.all()
    except Failure as e:
        return tests.found + [("failed", f"specs: {e}")]

