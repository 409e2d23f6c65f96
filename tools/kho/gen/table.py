# SPDX-License-Identifier: GPL-2.0
"""Owns what programs read: the tool's table of nodes, and the fuzzers' words."""

from .header import generated
from .spec import c_name

TYPES = {"u32": "U32", "u64": "U64", "string": "STRING", "bytes": "BYTES", "flag": "FLAG",
         "u32-array": "U32_ARRAY", "u64-array": "U64_ARRAY", "enum": "ENUM", "mem": "MEM",
         "vmalloc": "VMALLOC"}


def quote(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def struct(fields):
    """Designated, those that are zero left out."""
    return "".join(f"\t\t.{k} = {v},\n" for k, v in fields if v not in (None, 0, "0", "false"))


def number(value):
    return f"{value:#x}" if value >= 0x10000 else value


def values(spec, enum):
    return f"{spec.prefix}_{c_name(enum)}_values"


def prop(spec, p):
    names = values(spec, p.enum) if p.enum else None
    return "\t{\n" + struct([
        ("name", quote(p.name)), ("doc", quote(p.doc)), ("type", f"KHO_SPEC_{TYPES[p.type]}"),
        ("unit", f"KHO_UNIT_{p.unit.upper()}" if p.unit else None),
        ("optional", "true" if p.optional else None), ("since", p.since),
        ("min", number(p.min)), ("max", number(p.max)), ("align", p.align),
        ("total", quote(p.total) if p.total else None), ("values", names),
        ("nr_values", f"ARRAY_SIZE({names})" if names else None)]) + "\t},\n"


def node(n, spec):
    top = n is spec
    props = f"{n.prefix}_props" if n.props else None
    subs = f"{n.prefix}_subnodes" if top and spec.subnodes else None
    return "\t{\n" + struct([
        ("name", quote(n.name)), ("compatible", quote(spec.compatible) if top else None),
        ("owner", quote(spec.owner) if top else None), ("doc", quote(n.doc)),
        ("revision", spec.revision), ("props", props),
        ("nr_props", f"ARRAY_SIZE({props})" if props else None), ("subnodes", subs),
        ("nr_subnodes", f"ARRAY_SIZE({subs})" if subs else None),
        ("repeat_min", n.min), ("repeat_max", n.max),
        ("repeat_key", quote(n.key) if n.key else None)]) + "\t},\n"


def table(specs, path):
    """tools/kho/specs.c."""
    out = [f"// SPDX-License-Identifier: GPL-2.0-only\n/* {generated(path)} */\n"
           '#include "specs.h"\n\n#define ARRAY_SIZE(a)\t(sizeof(a) / sizeof((a)[0]))']
    for spec in specs:
        used = {p.enum for n in [spec, *spec.subnodes] for p in n.props}
        for e in (e for e in spec.enums if e["name"] in used):
            rows = [f"\t{{ {v['value']}, {quote(v['name'])} }},\n" for v in e["values"]]
            out.append(f"static const struct kho_spec_value {values(spec, e['name'])}[] = {{\n"
                       + "".join(rows) + "};")
        for n in [spec, *spec.subnodes]:
            if n.props:
                out.append(f"static const struct kho_spec_prop {n.prefix}_props[] = {{\n"
                           + "".join(prop(spec, p) for p in n.props) + "};")
        if spec.subnodes:
            out.append(f"static const struct kho_spec_node {spec.prefix}_subnodes[] = {{\n"
                       + "".join(node(n, spec) for n in spec.subnodes) + "};")
    out.append("const struct kho_spec_node kho_specs[] = {\n"
               + "".join(node(s, s) for s in specs) + "};")
    out.append("const unsigned int nr_kho_specs = ARRAY_SIZE(kho_specs);")
    return "\n\n".join(out) + "\n"


def words(specs, path):
    """tools/testing/kho/nodes.dict, for libFuzzer."""
    found = {"compatible"}
    for spec in specs:
        found.add(spec.compatible)
        for n in [spec, *spec.subnodes]:
            found |= {n.name.replace("{index}", "0")} - {"/"} | {p.name for p in n.props}
    return (f"# SPDX-License-Identifier: GPL-2.0\n# {generated(path)}\n"
            + "".join(f'"{w}\\x00"\n' for w in sorted(found)))
