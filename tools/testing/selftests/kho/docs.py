#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Owns `make docs` and the host test of that name: the kernel's own build makes
Documentation/kho without a warning, the pages have all that drivers can use and what the log
says, what they refer to exists, and (the test only, as it needs a kernel) the code that they show compiles."""

import argparse
import os
import pickle
import re
import shutil
import sys
from pathlib import Path

from docutils import nodes

import kernel
from common import HERE, Failure, run, say, step

# What drivers call is exported in these, and the types for that are in these; but drivers
# call what is generated, not what that consists of.
INNER = "kexec_kho_node.c"
SOURCES = ["kernel/kexec_kho_*.c", "kernel/kexec_luo*.c", "mm/*_luo.c"]
HEADERS = ["include/linux/kexec_handover.h", "include/linux/liveupdate.h"]
EXPORT, TYPE = r"^EXPORT_SYMBOL(?:_GPL)?\((\w+)\)", r"^(?:struct|union|enum) (\w+) \{"
OPTIONS = "-q -n -W --keep-going -j1"
# Who logs what operating.rst explains; of the first, each complaint has to be there.
LOGS = "kernel/kexec_kho_*.c"
OTHERS = ["mm/hugetlb.c", "mm/memtest.c", "mm/mm_init.c"]


def pages(linux, out):
    """Sphinx would not warn again of a page that it has built before: all of it is new."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    # Without YNL_INDEX= it writes other pages' sources into the tree; without KDOC_WERROR
    # nobody is told what kernel-doc warns of.
    run(["make", "-C", linux, "htmldocs", "SPHINXDIRS=kho", "SPHINX_CONF=conf_nitpick.py",
         f"SPHINXOPTS={OPTIONS}", f"BUILDDIR={out}", "YNL_INDEX="],
        log=out / "console.log", env=dict(os.environ, KDOC_WERROR="1"))


def public(linux):
    """Names of the functions and types that drivers use."""
    return {name for globs, names in ((SOURCES, EXPORT), (HEADERS, TYPE))
            for pattern in globs for path in linux.glob(pattern) if path.name != INNER
            for name in re.findall(names, path.read_text(), re.M)}


def asked_for(linux):
    """Names that pages ask kernel-doc for: it says nothing if it does not find one of several."""
    option = r"^( +):(?:functions|identifiers):(.*\n(?:\1 +\S.*\n)*)"
    return {name for page in (linux / "Documentation/kho").glob("*.rst")
            for _, names in re.findall(option, page.read_text(), re.M) for name in names.split()}


def documented(out):
    return {name for page in (out / "kho").glob("*.html")
            for name in re.findall(r'id="c\.(\w+)"', page.read_text())}


def references(linux):
    """Sphinx links a Documentation/... to the page, if that is there, and else says nothing."""
    bad = [f"{page.name}: {path}" for page in sorted((linux / "Documentation/kho").glob("*.rst"))
           for path in re.findall(r"\bDocumentation/[\w/.-]*\w", page.read_text())
           if not (linux / path).exists() and not re.search(r"/(foo|NAME)\b", path)]
    if bad:
        raise Failure("there is no " + ", ".join(bad))


def longest(pieces):
    return max((p.strip(" :,;()") for p in pieces), key=len)


def log_lines(linux):
    """operating.rst explains each complaint, and quotes no line that nobody logs."""
    logs = "".join(p.read_text() for p in sorted(linux.glob(LOGS)) if "_test" not in p.name)
    # A string in pieces is one
    logs = re.sub(r'"\s*\n\s*"', "", logs)
    page = (linux / "Documentation/kho/operating.rst").read_text()
    section = page[page.index("What the log says"):page.index("If something does not work")]
    flat = " ".join(section.split())
    said = [longest(re.split(r"%[#-]?\w+|\\n", text))[:24] for text in
            re.findall(r'\bpr_(?:err|warn|notice)\(\s*"([^"]*)"', logs)]
    bad = [f'nothing of "{text}"' for text in said if text not in flat]

    code = logs + "".join((linux / name).read_text() for name in OTHERS)
    quoted = [line for term in re.findall(r"^``.*``$", section, re.M)
              for line in re.findall(r"``(.*?)``", term)]
    pieces = [longest(re.split(r'\.\.\.|[":]|\b(?:[A-Z]+|\d+)\b', line)) for line in quoted]
    bad += [f'"{text}", which nobody logs' for text in pieces
            if len(text) > 14 and text not in code]
    if bad or not said or not quoted:
        raise Failure("operating.rst has " + ", ".join(bad))


def blocks(out, page, language):
    """[(line, text)] of the code that a page shows, as Sphinx understood it; but not of files
    that it includes, which have their own tests."""
    with (out / f".doctrees/kho/{page}.doctree").open("rb") as f:
        found = pickle.load(f).findall(nodes.literal_block)
    return [(b.line, b.astext()) for b in found
            if b.get("language") == language and not b.get("source")]


def generate(out, page, code):
    """Headers that kho-gen makes from the specs that a page shows."""
    specs = [text for _, text in blocks(out, page, "yaml") if re.search(r"^header:", text, re.M)]
    for i, text in enumerate(specs):
        (code / "specs").mkdir(exist_ok=True)
        (code / f"specs/{page}-{i}.yaml").write_text(text + "\n")
    if specs:
        run([HERE.parents[3] / "tools/kho/kho-gen", "--specs", code / "specs", "--out", code],
            log=code / "generate.log")
    return [re.search(r"^header: *(\S+)", text, re.M)[1] for text in specs]


def compile_code(out, page, make):
    """Nobody calls what a page shows: it is kept, so that modpost looks for what it calls."""
    code, given = out / f"code-{page}", HERE / f"docs/{page}.c"
    if not given.exists():
        raise Failure(f"there is no {given}, with what the code takes for granted")
    code.mkdir()
    shutil.copy(given, code)
    (code / "Makefile").write_text(f"obj-m := {page}.o\n")
    (code / "page.h").write_text("\n".join([
        *(f'#include "{header}"' for header in generate(out, page, code)),
        "#define static static __used",
        *(f'#line {line + 2} "Documentation/kho/{page}.rst"\n{text}'
          for line, text in blocks(out, page, "c")), ""]))
    run([*make, f"M={code}", "KCFLAGS=-Werror", "modules"], log=code / "build.log")


def attempt(name, job, *args):
    try:
        job(*args)
    except Failure as e:
        say(f"docs: {name}: {e}")
        return "failed", name
    return "ok", name


def build(linux, out):
    """[(result, name)] of the pages."""
    found = [attempt("the pages build without a warning", pages, linux, out)]
    found.append(attempt("what the pages refer to is there", references, linux))
    found.append(attempt("operating.rst has what the log says", log_lines, linux))
    there = documented(out)
    return found + [("ok" if name in there else "failed", f"{name} is in the pages")
                    for name in sorted(public(linux) | asked_for(linux))]


def test(linux, build_dir, arch):
    """[(result, name)] of the pages and their code."""
    out = build_dir / "results/host/docs"
    found = build(linux, out)
    shown = [page for page in sorted(p.stem for p in out.glob(".doctrees/kho/*.doctree"))
             if blocks(out, page, "c")]
    if not shown:
        found.append(("failed", "pages show code in C"))
    try:
        at = kernel.build(arch, "main", linux, build_dir, os.cpu_count())
    except Failure as e:
        say(f"docs: {e}")
        return found + [("failed", "there is a kernel to compile code for")]
    make = kernel.command(arch, linux, at, 1)
    return found + [attempt(f"the code in {page}.rst compiles", compile_code, out, page, make)
                    for page in shown]


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--linux", type=Path, required=True)
    p.add_argument("--build", type=Path, required=True)
    args = p.parse_args()
    out = args.build.resolve() / "docs"
    step("docs ...")
    found = build(args.linux.resolve(), out)
    bad = [name for result, name in found if result == "failed"]
    say("\n".join([*(f"FAILED: {name}" for name in bad),
                   f"{len(found) - len(bad)} passed, {len(bad)} failed; "
                   f"pages: {os.path.relpath(out)}/kho/index.html, "
                   f"log: {os.path.relpath(out)}/console.log"]))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
