# SPDX-License-Identifier: GPL-2.0
"""Owns the C header of a spec: structures, and functions that write and read them."""

import textwrap

from . import names
from .spec import c_name, field_size

WIDTH = 88
CTYPE = {"u32": "u32", "u64": "u64", "string": "char", "bytes": "u8", "flag": "bool",
         "u32-array": "u32", "u64-array": "u64", "mem": "struct kho_mem",
         "vmalloc": "struct kho_vmalloc"}


def columns(line):
    return len(line.expandtabs(8))


def pad(width):
    return "\t" * (width // 8) + " " * (width % 8)


def call(start, name, args, end):
    """A call that begins behind `start`, its arguments aligned to its parenthesis."""
    line = f"{start}{name}("
    indent, out = pad(columns(line)), []
    for i, arg in enumerate(args):
        piece = arg + ("," if i < len(args) - 1 else ")" + end)
        if i and columns(f"{line} {piece}") > WIDTH:
            out.append(line)
            line = indent + piece
        else:
            line += (" " if i else "") + piece
    return "\n".join([*out, line])


def chain(calls):
    """return a(..) ?: b(..) ?: ...; each in a line of its own."""
    out = []
    for i, (condition, name, args) in enumerate(calls):
        start = "\treturn " if i == 0 else "\t       "
        end = ";" if i == len(calls) - 1 else " ?:"
        if condition:
            out.append(call(f"{start}({condition} ? ", name, args, f" : 0){end}"))
        else:
            out.append(call(start, name, args, end))
    return "\n".join(out)


def wrap(text, first, rest):
    return "\n".join(textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest,
                                   break_on_hyphens=False, break_long_words=False))


def kernel_doc(title, params, tail=()):
    out = ["/**", wrap(title, " * ", " *\t")]
    out += [wrap(text, f" * @{name}: ", " *\t") for name, text in params]
    for text in tail:
        out += [" *", wrap(text, " * ", " * ")]
    return "\n".join(out + [" */"])


def function(kind, name, title, args, tail, body):
    """A static inline; args are (declaration, doc)."""
    params = [(decl.replace("*", " ").split()[-1], doc) for decl, doc in args]
    return (kernel_doc(f"{name}() - {title}", params, tail) + "\n" +
            call(f"static inline {kind} ", name, [decl for decl, _ in args], "") +
            "\n{\n" + body + "\n}")


def lower(text):
    """A sentence as what comes behind a colon or a dash."""
    text = text.rstrip(".")
    return text if text[:2].isupper() else text[:1].lower() + text[1:]


def number(value, kind):
    if value == 2 ** 32 - 1 and kind == "u32":
        return "U32_MAX"
    if value == 2 ** 64 - 1:
        return "U64_MAX"
    return f"{value:#x}" if value >= 0x10000 else str(value)


def limit(node, p, what):
    return f"{node.prefix}_{p.c}_{what}".upper()


def defines(spec):
    """Names and sizes."""
    rows = [(f"{spec.prefix}_compatible".upper(), f'"{spec.compatible}"')]
    if not spec.is_root:
        rows.insert(0, (f"{spec.prefix}_node".upper(), f'"{spec.name}"'))
    for node in [spec, *spec.subnodes]:
        if node is not spec:
            rows.append((f"{node.prefix}_max".upper(), str(node.max)))
        for p in node.props:
            if spec.is_root:
                rows.append((f"{node.prefix}_{p.c}".upper(), f'"{p.name}"'))
            if p.type in ("string", "bytes"):
                rows.append((limit(node, p, "size"), str(p.max)))
            elif p.counted() and not spec.is_root:
                rows.append((limit(node, p, "max"), str(p.max)))
    column = (max(len(f"#define {name}") for name, _ in rows) // 8 + 1) * 8
    return "\n".join(f"#define {name}" + "\t" * -(-(column - len(f"#define {name}")) // 8) + value
                     for name, value in rows)


def enums(spec):
    out = []
    for e in spec.enums:
        name = f"{spec.prefix}_{c_name(e['name'])}"
        values = [(f"{name}_{c_name(v['name'])}".upper(), v) for v in e["values"]]
        out.append(kernel_doc(f"enum {name} - {lower(e['doc'])}",
                              [(c, lower(v["doc"])) for c, v in values]) +
                   f"\nenum {name} {{\n" +
                   "".join(f"\t{c} = {v['value']},\n" for c, v in values) + "};")
    return out


def members(node, p):
    """[(declaration, name, doc)]"""
    out = []
    if p.has():
        out.append((f"bool has_{p.c}", f"has_{p.c}", f"whether there is @{p.c}"))
    if p.counted():
        none = "; 0 if there is no such property" if p.optional else ""
        out.append((f"unsigned int nr_{p.c}", f"nr_{p.c}", f"number of @{p.c}{none}"))
    kind = f"enum {node.spec.prefix}_{c_name(p.enum)}" if p.type == "enum" else CTYPE[p.type]
    array = ""
    if p.type in ("string", "bytes"):
        array = f"[{limit(node, p, 'size')}]"
    elif p.counted():
        array = f"[{limit(node, p, 'max')}]"
    return out + [(f"{kind} {p.c}{array}", p.c, lower(p.doc))]


def struct(node):
    name = struct_name(node)
    rows = [m for p in node.props for m in members(node, p)]
    return (kernel_doc(f"struct {name} - {lower(node.doc)}", [(c, doc) for _, c, doc in rows]) +
            f"\nstruct {name} {{\n" + "".join(f"\t{decl};\n" for decl, _, _ in rows) + "};")


def struct_name(node):
    return node.prefix + ("_node" if node is node.spec else "")


def put_args(node, p):
    """(function, arguments) that write a property."""
    n, name, counts = f"n->{p.c}", f'"{p.name}"', [str(p.min), limit(node, p, "max")]
    if p.type == "u32":
        return "kho_node_put_u32", ["fdt", name, n, number(p.min, "u32"), number(p.max, "u32")]
    if p.type == "enum":
        return "kho_node_put_u32", ["fdt", name, n, str(p.min), str(p.max)]
    if p.type == "u64" and p.unit == "phys":
        return "kho_node_put_phys", ["fdt", name, n, str(p.align)]
    if p.type == "u64":
        return "kho_node_put_u64", ["fdt", name, n, number(p.min, "u64"), number(p.max, "u64")]
    if p.type == "string":
        return "kho_node_put_string", ["fdt", name, n, str(p.min), f"sizeof({n})"]
    if p.type == "bytes":
        return "kho_node_put_bytes", ["fdt", name, n, f"n->nr_{p.c}", str(p.min), f"sizeof({n})"]
    if p.type == "flag":
        return "fdt_property", ["fdt", name, '""', "0"]
    if p.type == "u32-array":
        return "kho_node_put_u32s", ["fdt", name, n, f"n->nr_{p.c}", *counts]
    if p.type == "u64-array":
        return "kho_node_put_u64s", ["fdt", name, n, f"n->nr_{p.c}", *counts, str(p.align or 1)]
    if p.type == "mem":
        return "kho_node_put_mem", ["fdt", n, f"n->nr_{p.c}", *counts, str(p.align or 1)]
    if p.counted():
        return "kho_node_put_vmalloc", ["fdt", name, n, f"n->nr_{p.c}", *counts]
    return "kho_node_put_vmalloc", ["fdt", name, f"&{n}", "1", "1", "1"]


def get_args(node, p):
    """(function, arguments) that read a property."""
    function, args = put_args(node, p)
    if p.type == "flag":
        return "kho_node_get_flag", ["fdt", "node", f'"{p.name}"', f"&n->{p.c}"]
    args = [a if a != f"n->nr_{p.c}" else f"&n->nr_{p.c}" for a in args]
    at = 1 if p.type == "mem" else 2
    if p.type in ("u32", "u64", "enum"):
        args[at] = f"&{args[at]}" if p.type != "enum" else f"(u32 *)&{args[at]}"
    elif p.type == "vmalloc" and not p.counted():
        args[at + 1] = "NULL"
    return function.replace("_put_", "_get_"), [args[0], "node", *args[1:]]


def condition(p):
    """When an optional property is written, or has to be read."""
    if p.type == "flag" or not p.optional:
        return f"n->{p.c}" if p.type == "flag" else ""
    return f"n->has_{p.c}" if p.has() else f"n->nr_{p.c}"


FDT_OUT = ("void *fdt", "the FDT, as the notifier got it")
FDT_IN = ("const void *fdt", "kho_get_fdt()")
NODE = ("int node", "the node's offset")
WRITE = ["Return: 0 or a libfdt error, for kho_notify_result()."]
FIND = ["Return: its offset, or -ENOENT."]


def begin_args(spec):
    name = f"{spec.prefix}_compatible".upper()
    return ["fdt", f"{spec.prefix}_node".upper(), name, f"sizeof({name})"]


def totals(node, verb, first):
    """Checks of those properties that say how much mem has."""
    return [(condition(p), f"kho_node_{verb}_total",
             [*first, f'"{p.total}"', f"n->{c_name(p.total)}", f"n->{p.c}", f"n->nr_{p.c}"])
            for p in node.props if p.total]


def one(node):
    """What a comment calls it."""
    return "the node" if node is node.spec else f"a {node.stem.rstrip('-')}"


def put(spec, node):
    """Writes a node that has no subnodes, or one of the subnodes."""
    name, args = f"{spec.prefix}_put", [FDT_OUT]
    if node is spec:
        calls = [("", "kho_node_begin", begin_args(spec))]
    else:
        name += f"_{node.c}"
        args.append(("unsigned int index", "how many there are before it"))
        calls = [("", "kho_node_begin_nr",
                  ["fdt", f'"{node.stem}"', "index", f"{node.prefix}_max".upper()])]
    args.append((f"const struct {struct_name(node)} *n", "what it says"))
    calls += [(condition(p), *put_args(node, p)) for p in node.props]
    calls += totals(node, "put", [])
    calls.append(("", "fdt_end_node", ["fdt"]))
    return function("int", name, f"write {one(node)}", args, WRITE, chain(calls))


def begin_end(spec):
    """For nodes with subnodes: what comes before them, and behind."""
    args, calls = [FDT_OUT], [("", "kho_node_begin", begin_args(spec))]
    if spec.props:
        args.append((f"const struct {struct_name(spec)} *n", "what it says, but for its subnodes"))
        calls += [(condition(p), *put_args(spec, p)) for p in spec.props]
        calls += totals(spec, "put", [])
    end = [("", "kho_node_end", ["fdt"])]
    return [function("int", f"{spec.prefix}_begin", "begin the node", args, WRITE, chain(calls)),
            function("int", f"{spec.prefix}_end", "end the node", [FDT_OUT], WRITE, chain(end))]


def find(spec):
    args = ["fdt", f"{spec.prefix}_node".upper(), f"{spec.prefix}_compatible".upper()]
    return function("int", f"{spec.prefix}_find", "find the node",
                    [("const void *fdt", "kho_get_fdt(), or NULL")],
                    ["Return: its offset; -ENOENT if there is none; -EPROTONOSUPPORT if it is in "
                     "another format, which is to be left alone."],
                    chain([("", "kho_node_find", args)]))


def get_name(node, verb="get"):
    return f"{node.spec.prefix}_{verb}" + ("" if node is node.spec else f"_{node.c}")


def get(node):
    # First: what is listed can be given up whatever else is wrong
    calls = [(condition(p) if p.type != "flag" else "", *get_args(node, p))
             for p in sorted(node.props, key=lambda p: p.type != "mem")]
    calls += totals(node, "get", ["fdt", "node"])
    args = [FDT_IN, ("int node", "its offset")]
    body, tail = "", []
    if node is node.spec and node.subnodes:
        calls += subnodes(node)
        tail = ["Its subnodes are counted, not read: once this is 0, there are no more than may "
                "be."]
    if node.props:
        args.append((f"struct {struct_name(node)} *n", "filled with what it says"))
        body = f"\t*n = (struct {struct_name(node)}){{ }};\n"
    # Without KHO there is no node, and nothing to link: the compiler drops all else
    body += "\tif (!IS_ENABLED(CONFIG_KEXEC_HANDOVER))\n\t\treturn -EBADMSG;\n"
    for p in node.props:
        if p.optional and p.type != "flag":
            body += f'\t{condition(p)} = !!fdt_getprop(fdt, node, "{p.name}", NULL);\n'
    return function("int", get_name(node), f"read {one(node)}, and check all of it",
                    args, [*tail, "Return: 0, or -EBADMSG after a line that says what is wrong."],
                    body + "\n" + chain(calls))


def subnodes(spec):
    """Checks of how many there are, and that their keys differ."""
    return [("", "kho_node_get_subnodes",
             ["fdt", "node", f'"{s.stem}"', f'"{s.key}"' if s.key else "NULL", str(s.min),
              f"{s.prefix}_max".upper()]) for s in spec.subnodes]


def give_back(node):
    """Only what a mem property lists; what calls preserve is the driver's own affair."""
    if not node.mem():
        return []
    return [function("void", get_name(node, "return"), "give up what was found, and not claimed",
                     [(f"const struct {struct_name(node)} *n",
                       f"what {get_name(node)}() has filled, even if it failed")], [],
                     "\tunsigned int i;\n\n\tfor (i = 0; i < n->nr_mem; i++)\n"
                     "\t\tkho_return_mem(&n->mem[i]);")]


def walk(spec, node):
    """Finding subnodes."""
    kind, stem = node.stem.rstrip("-"), f'"{node.stem}"'
    out = [function("int", f"{spec.prefix}_next_{node.c}", f"find the next {kind}",
                    [FDT_IN, NODE, ("int prev", "the offset of the one before it, or 0")], FIND,
                    chain([("", "kho_node_next", ["fdt", "node", "prev", stem])]))]
    if node.key:
        key = c_name(node.key)
        out.append(function("int", f"{spec.prefix}_find_{node.c}",
                            f"find the {kind} of a {node.key}",
                            [FDT_IN, NODE, (f"const char *{key}", "what it shall have")], FIND,
                            chain([("", "kho_node_find_key",
                                    ["fdt", "node", stem, f'"{node.key}"', key])])))
    return out


def has_order(f):
    """Whether it has an order of bytes."""
    return f["type"] in ("u16", "u32", "u64")


def member(f, order):
    """A field's declaration, in the CPU's order or in `be`."""
    kind = f"__{order}{f['type'][1:]}" if order and has_order(f) else f["type"]
    size = f"[{f['size']}]" if "size" in f else ""
    return f"\t{CTYPE.get(kind, kind)} {c_name(f['name'])}{size};"


def convert(f, verb, way):
    """Statements that read or write a field. What is written is without what was behind a
    NUL, and what is read has one, whoever wrote it."""
    to, source = f"to->{c_name(f['name'])}", f"from->{c_name(f['name'])}"
    if f["type"] == "string" and verb == "to_be":
        return f"\tstrscpy_pad({to}, {source});"
    if "size" in f:
        nul = f"\n\t{to}[{f['size'] - 1}] = '\\0';" if f["type"] == "string" else ""
        return f"\tmemcpy({to}, {source}, sizeof({to}));{nul}"
    value = f"{way.format(f['type'][1:])}({source})" if has_order(f) else source
    return f"\t{to} = {value};"


def aligned(s):
    """A kho_vmalloc can be used where it is."""
    return " __aligned(4)" if any(f["type"] == "vmalloc" for f in s["fields"]) else ""


def payload(spec, s):
    """A structure in memory, its twin in CPU order, and what is between them."""
    name = f"{spec.prefix}_{c_name(s['struct'])}"
    fields, rest = s["fields"], s.get("rest")
    size = sum(map(field_size, fields))
    rows = [(c_name(f["name"]), lower(f["doc"])) for f in fields]
    tail = [(c_name(rest["name"]), lower(rest["doc"]))] if rest else []
    wire = kernel_doc(f"struct {name}_be - {lower(s['doc'])}, big-endian", rows + tail)
    wire += f"\nstruct {name}_be {{\n" + "".join(member(f, "be") + "\n" for f in fields)
    if rest:
        wire += member(rest, "be").replace(";", "[];") + "\n"
    wire += f"}} __packed{aligned(s)};\nstatic_assert(sizeof(struct {name}_be) == {size});"
    cpu = kernel_doc(f"struct {name} - {lower(s['doc'])}", rows)
    cpu += f"\nstruct {name} {{\n" + "".join(member(f, "") + "\n" for f in fields) + "};"
    out = [wire, cpu]
    for verb, way, source, target, title in (
            ("from_be", "be{0}_to_cpu", f"{name}_be", name, "read"),
            ("to_be", "cpu_to_be{0}", name, f"{name}_be", "write")):
        body = [convert(f, verb, way) for f in fields]
        out.append(function("void", f"{name}_{verb}",
                            f"{title} one, in memory that is handed over",
                            [(f"const struct {source} *from", "what there is"),
                             (f"struct {target} *to", "filled with it")], [], "\n".join(body)))
    return out


def generated(spec_path):
    return f"Generated by tools/kho/kho-gen from {spec_path}"


def header(spec, spec_path):
    guard = names.guard(spec)
    parts = [defines(spec)]
    if not spec.is_root:
        parts += enums(spec)
        for node in [spec, *spec.subnodes]:
            if node.props:
                parts.append(struct(node))
        parts += begin_end(spec) if spec.subnodes else [put(spec, spec)]
        parts += [put(spec, s) for s in spec.subnodes]
        parts.append(find(spec))
        for s in spec.subnodes:
            parts += walk(spec, s)
        for node in [spec, *spec.subnodes]:
            if node.props or node is spec:
                parts += [get(node), *give_back(node)]
        for s in spec.payload:
            parts += payload(spec, s)
    include = [] if spec.is_root else ["#include <linux/kexec_handover_node.h>"]
    if spec.payload:
        include.insert(0, "#include <linux/build_bug.h>")
    text = [f"/* SPDX-License-Identifier: GPL-2.0-only */\n/* {generated(spec_path)} */\n"
            f"#ifndef {guard}\n#define {guard}"]
    text += ["\n".join(include)] if include else []
    return "\n\n".join([*text, *parts, f"#endif /* {guard} */"]) + "\n"
