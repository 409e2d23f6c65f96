# SPDX-License-Identifier: GPL-2.0
"""Owns the generated tests: for each node, one that is as large as it may be, one
that is as small, and each limit overstepped, by who writes and by who reads."""

import os
import textwrap

from .header import aligned, generated, get_name, struct_name
from .spec import LARGEST, c_name, field_size
from .table import struct

# In lib/kho_nodes_test_cases.h
CASES = ("most", "least", "write_limits", "read_limits", "subnodes", "find")
HEAD = """// SPDX-License-Identifier: GPL-2.0-only
/* {generated} */
#include "kho_nodes_test.h"

{includes}
"""


def largest(p):
    """As large as may be; if there is no limit, a number in which order of bytes shows."""
    size = 8 if p.type == "u64" else 4
    pattern = int.from_bytes(bytes(range(1, size + 1)), "big")
    if p.unit == "phys":
        return pattern & -p.align or 2 ** 64 - p.align
    return max(pattern, p.min) if p.max == LARGEST.get(p.type) else p.max


def range_len(p):
    """Of each in a mem property."""
    return max(2 ** 20, p.align)


def fill_line(node, p):
    """Statements that give a property the largest value, or the smallest."""
    n, most = f"n->{p.c}", lambda a, b: a if a == b else f"most ? {a} : {b}"
    small = f"{p.min:#x}"
    out = []
    if p.has():
        out.append(f"n->has_{p.c} = most;")
    if p.counted():
        low = 0 if p.optional else p.min
        out.append(f"n->nr_{p.c} = {most(p.max, low)};")
    if p.type in ("u32", "enum"):
        out.append(f"{n} = {most(f'{largest(p):#x}', small)};")
    elif p.type == "u64" and p.unit == "phys":
        out.append(f"{n} = {most(f'{largest(p):#x}ULL', 0)};")
    elif p.type == "u64":
        out.append(f"{n} = {most(f'{largest(p):#x}ULL', small + 'ULL')};")
    elif p.type == "flag":
        out.append(f"{n} = most;")
    elif p.type == "string":
        out.append(f"fill_text({n}, {most(f'sizeof({n})', p.min)});")
    elif p.type == "mem":
        out.append(f"fill_mem({n}, n->nr_{p.c}, {range_len(p):#x});")
    elif p.type in ("u32-array", "u64-array"):
        step = f"{max(p.align, 1):#x}"
        out.append(f"fill_{p.type[:3]}s({n}, n->nr_{p.c}, {step});")
    else:
        out.append(f"memset({'' if p.counted() else '&'}{n}, 0x5a, sizeof({n}));")
    return out


def fill(node):
    if not node.props:
        return f"static void {node.prefix}_fill(void *p, bool most)\n{{\n}}"
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
        if p.max > 1:
            out += [f'strscpy({n}, "{c}");' for c in ("\\a", "\\x7f", "\\xe4")]
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
                *((how, max(p.min, 2), 0) for how in ("BELL", "DEL", "LATIN")),
                ("TEXT", p.min - 1, 0)]
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
    return [("NUMBER", 8, mem.max * range_len(mem) + more) for more in (1, -2 ** 16)]


def limits(node):
    rows = [(p, *b) for p in node.props for b in bad(p) + bad_total(node, p)]
    return (f"static const struct bad_prop {node.prefix}_bad[] = {{\n" + "".join(
        f'\t{{ "{p.name}", {how}, {size}' + (f", {value:#x}" if value else "") + " },\n"
        for p, how, size, value in rows) + "\t{ }\n};")


def numbers(node):
    """What is in a node that is as large as may be."""
    rows, totals = [], {p.total: p for p in node.props if p.total}
    for p in node.props:
        value, size = None, 8 if p.type.startswith("u64") else 4
        if p.name in totals:
            value = totals[p.name].max * range_len(totals[p.name])
        elif p.type in ("u32", "u64", "enum"):
            value = largest(p)
        elif p.type in ("u32-array", "u64-array"):
            value = int.from_bytes(bytes(range(1, size + 1)), "big") & -max(p.align, 1)
        rows += [] if value is None else [f'\t{{ "{p.name}", {size}, {value:#x} }},\n']
    return (f"static const struct good_prop {node.prefix}_good[] = {{\n" + "".join(rows)
            + "\t{ }\n};")


def subs(spec):
    """Of all kinds of subnodes."""
    out, rows = [], []
    for s in spec.subnodes:
        out.append(f"static int {s.prefix}_put_nr(void *fdt, unsigned int nr)\n{{\n"
                   f"\tstruct {s.prefix} n;\n\n\t{s.prefix}_fill(&n, true);\n" +
                   (f"\tfill_key(n.{c_name(s.key)}, sizeof(n.{c_name(s.key)}), nr);\n"
                    if s.key else "") +
                   f"\treturn {spec.prefix}_put_{s.c}(fdt, nr, &n);\n}}")
        rows.append("\t{\n" + struct([
            ("prefix", f'"{s.stem}"'), ("key", f'"{s.key}"' if s.key else None),
            ("min", s.min), ("max", s.max), ("put", f"{s.prefix}_put_nr"),
            ("next", f"{spec.prefix}_next_{s.c}"),
            ("find_key", f"{spec.prefix}_find_{s.c}" if s.key else None)]) + "\t},\n")
    return out + [f"static const struct sub_test {spec.prefix}_subs[] = {{\n" + "".join(rows)
                  + "\t{ }\n};"] if out else []


def put_all(spec):
    """The node, with as many subnodes as there can be."""
    out = (f"\tunsigned int i;\n\tint err;\n\n"
           f"\terr = {spec.prefix}_begin({'fdt, p' if spec.props else 'fdt'});\n")
    for s in spec.subnodes:
        out += (f"\tfor (i = 0; !err && i < {s.max}; i++)\n"
                f"\t\terr = {s.prefix}_put_nr(fdt, i);\n")
    return out + f"\treturn err ?: {spec.prefix}_end(fdt);\n"


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
    if spec.subnodes and node is spec:
        put = put_all(spec)
    elif not spec.subnodes:
        put = f"\treturn {spec.prefix}_put(fdt, p);\n"
    else:
        sub = f"\t       {spec.prefix}_put_{node.c}(fdt, {node.max - 1}, p) ?:\n"
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
            f"\treturn {get}(fdt, node{', p' if node.props else ''});\n}}" +
            (f"\n\nstatic void {node.prefix}_give_any(const void *p)\n{{\n"
             f"\t{get_name(node, 'return')}(p);\n}}" if node.mem() else ""))


def values(spec):
    """Which numbers the names of enums stand for."""
    return "\n".join(
        f"static_assert({spec.prefix}_{c_name(e['name'])}_{c_name(v['name'])}".upper().replace(
            "STATIC_ASSERT", "static_assert") + f" == {v['value']});"
        for e in spec.enums for v in e["values"])


def blob_size(specs):
    """Enough for any node with all of its subnodes, and a property that is too long."""
    def size(n):
        return 512 + sum(p.size * (p.max + 2) + 64 for p in n.props if p.type not in LARGEST
                         and p.type != "enum") + 96 * len(n.props)
    most = max((size(s) + sum(n.max * size(n) for n in s.subnodes)
                for s in specs if not s.is_root), default=0)
    return -(-2 * most // 4096) * 4096


def pattern(i, f):
    """Bytes of the i-th field of payload; a string ends in the middle."""
    size = field_size(f)
    used = (size - 1) // 2 if f["type"] == "string" else size
    return bytes((16 * (i + 1) + k) % 256 or 1 for k in range(used)).ljust(size, b"\0")


def unterminated(s, name, verb, which, other):
    """A string without a NUL gets one, by who writes and by who reads."""
    strings = [(c_name(f["name"]), f["size"]) for f in s["fields"] if f["type"] == "string"]
    return "".join(f"\tmemset({which}.{c}, 'x', {size});\n" for c, size in strings) + (
        f"\t{name}_{verb}(&{which}, &{other});\n" if strings else "") + "".join(
        f"\tKUNIT_EXPECT_EQ(test, {other}.{c}[{size - 1}], '\\0');\n" for c, size in strings)


def payload(spec, s):
    name, raw, read, spoil = f"{spec.prefix}_{c_name(s['struct'])}", b"", "", ""
    for i, f in enumerate(s["fields"]):
        c, size, value = f"cpu.{c_name(f['name'])}", field_size(f), pattern(i, f)
        if "size" in f or f["type"] == "vmalloc":
            read += f"\tKUNIT_EXPECT_MEMEQ(test, &{c}, bytes + {len(raw)}, {size});\n"
        else:
            read += f"\tKUNIT_EXPECT_EQ(test, {c}, {int.from_bytes(value, 'big'):#x}ULL);\n"
        if f["type"] == "string":
            # What is behind the NUL is not written
            used = (size - 1) // 2 + 1
            spoil += f"\tmemset({c} + {used}, 'x', {size - used});\n"
        raw += value
    rows = textwrap.indent(textwrap.fill(", ".join(f"{b:#04x}" for b in raw), 68), "\t\t")
    return (f"{name}_test", f"static void {name}_test(struct kunit *test)\n{{\n"
            f"\tconst u8 bytes[]{aligned(s)} = {{\n{rows}\n\t}};\n"
            f"\tstruct {name}_be back;\n\tstruct {name} cpu;\n\n"
            f"\t{name}_from_be((const void *)bytes, &cpu);\n{read}{spoil}"
            f"\t{name}_to_be(&cpu, &back);\n"
            "\tKUNIT_EXPECT_MEMEQ(test, &back, bytes, sizeof(bytes));\n" +
            unterminated(s, name, "to_be", "cpu", "back") +
            unterminated(s, name, "from_be", "back", "cpu") + "}")


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
        nodes = [n for n in [spec, *spec.subnodes] if n.props or n is spec]
        out += [values(spec)] if spec.enums else []
        out += [make(n) for n in nodes for make in (fill, spoil, limits, numbers)]
        out += subs(spec) + [put_get(spec, n) for n in nodes]
        for node in nodes:
            rows.append("\t{\n" + struct([
                ("name", f'"{spec.name}"'), ("desc", f'"{node.name}"'),
                ("size", f"sizeof(struct {struct_name(node)})" if node.props else None),
                *((what, f"{node.prefix}_{what}") for what in ("fill", "spoil", "bad", "good")),
                ("subs", f"{node.prefix}_subs" if node is spec and spec.subnodes else None),
                *((what, f"{node.prefix}_{what}_any") for what in ("put", "find", "get")),
                ("give", f"{node.prefix}_give_any" if node.mem() else None)])
                + "\t},\n")
        for s in spec.payload:
            name, text = payload(spec, s)
            out.append(text)
            cases.append(name)
    out.append("static const struct node_test node_tests[] = {\n" + "".join(rows) + "};")
    out.append(f'#define TEST_FDT_MAX\t{blob_size(specs)}\n\n#include "kho_nodes_test_cases.h"')
    out.append("static struct kunit_case kho_nodes_cases[] = {\n" +
               "".join(f"\tKUNIT_CASE_PARAM({c}_test, node_gen_params),\n" for c in CASES) +
               "".join(f"\tKUNIT_CASE({c}),\n" for c in cases) + "\t{ }\n};")
    out.append("static struct kunit_suite kho_nodes_suite = {\n\t.name = \"kho_nodes\",\n"
               "\t.test_cases = kho_nodes_cases,\n};\n\nkunit_test_suite(kho_nodes_suite);")
    return "\n\n".join(s.strip("\n") for s in out) + "\n"
