# SPDX-License-Identifier: GPL-2.0
"""Owns the generated tests: for each node, one that is as large as it may be, one
that is as small, and each limit overstepped, by who writes and by who reads."""

import os

from .header import generated, get_name, struct_name
from .spec import c_name
from .table import struct

# In lib/kho_nodes_test_cases.h
CASES = ("most", "least", "write_limits", "read_limits", "find")
HEAD = """// SPDX-License-Identifier: GPL-2.0-only
/* {generated} */
#include "kho_nodes_test.h"

{includes}
"""


def fill_line(node, p):
    """Statements that give a property the largest value, or the smallest."""
    n, most = f"n->{p.c}", lambda a, b: a if a == b else f"most ? {a} : {b}"
    big, small = f"{p.max:#x}", f"{p.min:#x}"
    out = []
    if p.has():
        out.append(f"n->has_{p.c} = most;")
    if p.counted():
        low = 0 if p.optional else p.min
        out.append(f"n->nr_{p.c} = {most(p.max, low)};")
    if p.type in ("u32", "enum"):
        out.append(f"{n} = {most(big, small)};")
    elif p.type == "u64" and p.unit == "phys":
        out.append(f"{n} = {most(f'-{p.align:#x}ULL', 0)};")
    elif p.type == "u64":
        out.append(f"{n} = {most(big + 'ULL', small + 'ULL')};")
    elif p.type == "flag":
        out.append(f"{n} = most;")
    elif p.type == "string":
        out.append(f"fill_text({n}, {most(f'sizeof({n})', p.min)});")
    elif p.type == "mem":
        out.append(f"fill_mem({n}, n->nr_{p.c});")
    elif p.type in ("u32-array", "u64-array"):
        step = f"{max(p.align, 1):#x}"
        out.append(f"fill_{p.type[:3]}s({n}, n->nr_{p.c}, {step});")
    else:
        out.append(f"memset({'' if p.counted() else '&'}{n}, 0x5a, sizeof({n}));")
    return out


def fill(node):
    lines = [s for p in node.props for s in fill_line(node, p)]
    lines += [f"n->{c_name(p.total)} = sum_mem(n->{p.c}, n->nr_{p.c});"
              for p in node.props if p.total]
    return (f"static void {node.prefix}_fill(void *p, bool most)\n{{\n"
            f"\tstruct {struct_name(node)} *n = p;\n\n"
            f"\t*n = (struct {struct_name(node)}){{ }};\n" +
            "".join(f"\t{s}\n" for s in lines) + "}")


def spoilers(node, p):
    """Statements after which it must not be written."""
    n, out = f"n->{p.c}", []
    largest = {"u32": 2 ** 32 - 1, "u64": 2 ** 64 - 1, "enum": 2 ** 32 - 1}.get(p.type)
    if p.type in ("u32", "u64", "enum") and p.unit != "phys":
        suffix = "ULL" if p.type == "u64" else ""
        if p.min:
            out.append(f"{n} = {p.min - 1}{suffix};")
        if p.max < largest:
            out.append(f"{n} = {p.max + 1}{suffix};")
    elif p.type == "u64":
        out.append(f"{n} = {p.align // 2};")
    elif p.type == "string":
        out.append(f"memset({n}, 'x', sizeof({n}));")
        out.append(f'strscpy({n}, "\\a");')
        if p.min > 1:
            out.append(f"fill_text({n}, {p.min - 1});")
    if p.counted():
        out.append(f"n->nr_{p.c} = {p.max + 1};")
        # None says that it is not there
        if p.min > (1 if p.optional else 0):
            out.append(f"n->nr_{p.c} = {p.min - 1};")
        if p.align and p.type == "mem":
            out.append(f"n->nr_{p.c} = {p.max}; {n}[0].addr |= {p.align // 2};")
            out.append(f"n->nr_{p.c} = {p.max}; {n}[0].len |= {p.align // 2};")
        elif p.align:
            out.append(f"n->nr_{p.c} = {p.max}; {n}[0] |= {p.align // 2};")
    if p.total:
        out += [f"n->{c_name(p.total)} = sum_mem({n}, n->nr_{p.c}) {more};"
                for more in ("+ 1", "- SZ_64K")]
    return out


def spoil(node):
    rows = [(p, s) for p in node.props for s in spoilers(node, p)]
    out = (f"static const char *{node.prefix}_spoil(void *p, unsigned int i)\n{{\n"
           f"\tstruct {struct_name(node)} *n = p;\n\n\tswitch (i) {{\n")
    for i, (p, s) in enumerate(rows):
        parts = [part.strip() for part in s.split(";") if part.strip()]
        out += f"\tcase {i}:\n" + "".join(f"\t\t{part};\n" for part in parts)
        out += f'\t\treturn "{p.name}";\n'
    if not rows:
        out = out.replace(f"\tstruct {struct_name(node)} *n = p;\n\n", "")
    return out + "\tdefault:\n\t\treturn NULL;\n\t}\n}"


def bad(p):
    """[(how, bytes, value)] of what must not be read."""
    out = [] if p.optional else [("GONE", 0, 0)]
    if p.type in ("u32", "u64", "enum"):
        size = 8 if p.type == "u64" else 4
        out += [("ZEROES", size + 1, 0), ("ZEROES", size * 2, 0)]
        if p.min:
            out.append(("NUMBER", size, p.min - 1))
        if p.max < 2 ** (8 * size) - 1:
            out.append(("NUMBER", size, p.max + 1))
        if p.align:
            out.append(("NUMBER", size, p.align // 2))
    elif p.type == "flag":
        out.append(("ZEROES", 1, 0))
    elif p.type == "string":
        out += [("TEXT", p.max + 1, 0), ("NO_NUL", p.max, 0), ("TWO_TEXTS", max(p.min, 4), 0),
                ("BELL", max(p.min, 2), 0), ("TEXT", p.min - 1, 0)]
    else:
        out.append(("ZEROES", p.size * (p.max + 1), 0))
        if p.min:
            out.append(("ZEROES", p.size * (p.min - 1), 0))
        if p.size > 1:
            out.append(("ZEROES", p.size * max(p.min, 1) + 1, 0))
        if p.align:
            out.append(("NUMBER", p.size * max(p.min, 1), p.align // 2))
    return out


def bad_total(node, p):
    """A byte more than there is in mem, which is filled with MiB; and a page less."""
    mem = node.mem()
    if not mem or mem.total != p.name:
        return []
    return [("NUMBER", 8, mem.max * 2 ** 20 + more) for more in (1, -2 ** 16)]


def limits(node):
    rows = [(p, *b) for p in node.props for b in bad(p) + bad_total(node, p)]
    return (f"static const struct bad_prop {node.prefix}_bad[] = {{\n" + "".join(
        f'\t{{ "{p.name}", {how}, {size}' + (f", {value:#x}" if value else "") + " },\n"
        for p, how, size, value in rows) + "\t{ }\n};")


def put_get(spec, node):
    """With the same arguments for all."""
    top, declared = "fdt", ""
    if spec.props and node is not spec:
        top = "fdt, &top"
        declared = (f"\tstruct {struct_name(spec)} top;\n\n"
                    f"\t{spec.prefix}_fill(&top, true);\n")
    elif spec.props:
        top = "fdt, p"
    find, get = f"{spec.prefix}_find(fdt)", get_name(node)
    if not spec.subnodes:
        put = f"\treturn {spec.prefix}_put(fdt, p);\n"
    else:
        sub = "" if node is spec else \
            f"\t       {spec.prefix}_put_{node.c}(fdt, {node.max - 1}, p) ?:\n"
        put = (f"{declared}\treturn {spec.prefix}_begin({top}) ?:\n{sub}"
               f"\t       {spec.prefix}_end(fdt);\n")
    if node is spec:
        find = f"\treturn {find};\n"
    else:
        find = (f"\tint node = {find};\n\n\treturn node < 0 ? node : "
                f"{spec.prefix}_next_{node.c}(fdt, node, 0);\n")
    return (f"static int {node.prefix}_put_any(void *fdt, const void *p)\n{{\n{put}}}\n\n"
            f"static int {node.prefix}_find_any(const void *fdt)\n{{\n{find}}}\n\n"
            f"static int {node.prefix}_get_any(const void *fdt, int node, void *p)\n{{\n"
            f"\treturn {get}(fdt, node, p);\n}}")


def payload(spec, s):
    name = f"{spec.prefix}_{c_name(s['struct'])}"
    values = []
    for i, f in enumerate(s["fields"]):
        size = int(f["type"][1:]) // 8
        values.append((c_name(f["name"]), size,
                       int.from_bytes(bytes(16 * (i + 1) + k for k in range(size)), "big")))
    raw = [b for _, size, v in values for b in v.to_bytes(size, "big")]
    rows = ", ".join(f"{b:#04x}" for b in raw)
    lines, line = [], "\t\t"
    for piece in rows.split(" "):
        if len(line.expandtabs(8)) + len(piece) > 84:
            lines.append(line.rstrip())
            line = "\t\t"
        line += piece + " "
    lines.append(line.rstrip())
    return (f"{name}_test", f"static void {name}_test(struct kunit *test)\n{{\n"
            "\tconst u8 bytes[] = {\n" + "\n".join(lines) + "\n\t};\n"
            f"\tstruct {name}_be back;\n\tstruct {name} cpu;\n\n"
            f"\t{name}_from_be((const void *)bytes, &cpu);\n" +
            "".join(f"\tKUNIT_EXPECT_EQ(test, cpu.{c}, {v:#x}ULL);\n" for c, _, v in values) +
            f"\t{name}_to_be(&cpu, &back);\n"
            "\tKUNIT_EXPECT_MEMEQ(test, &back, bytes, sizeof(bytes));\n}")


def tests(specs, path, command):
    """The file at `path`; `command` says what it is made from."""
    base = os.path.dirname(path)
    includes = sorted(os.path.relpath(s.header, base) for s in specs if not s.is_root)
    out = [HEAD.format(generated=generated(command),
                       includes="\n".join(f'#include "{i}"' for i in includes))]
    rows, cases = [], []
    for spec in specs:
        if spec.is_root:
            continue
        for node in [spec, *spec.subnodes]:
            if not node.props:
                continue
            out += [fill(node), spoil(node), limits(node), put_get(spec, node)]
            rows.append("\t{\n" + struct([
                ("name", f'"{spec.name}"'), ("desc", f'"{node.name}"'),
                ("size", f"sizeof(struct {struct_name(node)})"),
                *((what, f"{node.prefix}_{what}") for what in ("fill", "spoil", "bad")),
                *((what, f"{node.prefix}_{what}_any") for what in ("put", "find", "get"))])
                + "\t},\n")
        for s in spec.payload:
            name, text = payload(spec, s)
            out.append(text)
            cases.append(name)
    out.append("static const struct node_test node_tests[] = {\n" + "".join(rows) + "};")
    out.append('#include "kho_nodes_test_cases.h"')
    out.append("static struct kunit_case kho_nodes_cases[] = {\n" +
               "".join(f"\tKUNIT_CASE_PARAM({c}_test, node_gen_params),\n" for c in CASES) +
               "".join(f"\tKUNIT_CASE({c}),\n" for c in cases) + "\t{ }\n};")
    out.append("static struct kunit_suite kho_nodes_suite = {\n\t.name = \"kho_nodes\",\n"
               "\t.test_cases = kho_nodes_cases,\n};\n\nkunit_test_suite(kho_nodes_suite);")
    return "\n\n".join(s.strip("\n") for s in out) + "\n"
