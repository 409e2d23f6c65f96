# SPDX-License-Identifier: GPL-2.0
"""Owns the reference of nodes, Documentation/kho/nodes.rst."""

from .header import generated, wrap

INTRO = """Each node that this tree writes into a handover, as its spec in
``Documentation/kho/specs`` has it. :doc:`specs` explains the words."""


def amount(p):
    """Limits, in words."""
    low, high = f"{p.min:,}", f"{p.max:,}"
    both = low if p.min == p.max else f"{low} to {high}"
    if p.type in ("u32", "u64", "enum"):
        whole = p.min == 0 and p.max in (2 ** 32 - 1, 2 ** 64 - 1)
        if p.unit == "phys" or whole:
            return ""
        return f"at least {low}" if p.max in (2 ** 32 - 1, 2 ** 64 - 1) else both
    if p.type == "string":
        return f"{both} bytes with the NUL" if p.min > 1 else f"up to {high} bytes with the NUL"
    if p.type == "bytes":
        return f"{both} bytes"
    if p.type == "flag" or p.type == "vmalloc" and p.max == 1:
        return ""
    return f"{both} of them"


def kind(p):
    parts = [p.type + (f" ({p.unit})" if p.unit else "")]
    parts += [a for a in [amount(p)] if a]
    parts += [f"aligned to {p.align}"] if p.align else []
    parts += [f"as long as ``{p.total}``, in whole pages"] if p.total else []
    parts += ["optional"] if p.optional else []
    parts += [f"since revision {p.since}"] if p.since > 1 else []
    return ", ".join(parts)


def properties(node):
    return "\n".join(f"``{p.name}``: {kind(p)}\n" + wrap(p.doc, "\t", "\t") + "\n"
                     for p in node.props)


def field(f, where=""):
    size = f", {f['size']} bytes" if "size" in f else ""
    size += " with the NUL" if f["type"] == "string" else ""
    return wrap(f"* ``{f['name']}``, {f['type']}{size}{where}: {f['doc']}", "", "  ") + "\n"


def heading(text, line):
    return f"{text}\n{line * len(text)}\n"


def section(spec):
    title = "The root" if spec.is_root else spec.name
    out = [heading(title, "="), wrap(spec.doc, "", "") + "\n",
           f"Format ``{spec.compatible}``, revision {spec.revision}. Owner: ``{spec.owner}``; header: "
           f"``{spec.header}``.\n"]
    out[2] = wrap(out[2], "", "") + "\n"
    out += [properties(spec)] if spec.props else []
    for s in spec.subnodes:
        key = f", with a different ``{s.key}`` each" if s.key else ""
        out += [wrap(f"Subnodes ``{s.name}``, {s.min} to {s.max}{key}: {s.doc}", "", "") + "\n",
                properties(s)]
    for e in spec.enums:
        out += [wrap(f"enum {e['name']}: {e['doc']}.", "", "") + "\n",
                "".join(f"* {v['value']}, {v['name']}: {v['doc']}\n" for v in e["values"])]
    for s in spec.payload:
        name = f"{spec.prefix}_{s['struct'].replace('-', '_')}_be"
        out += [wrap(f"In memory, big-endian, ``struct {name}``: {s['doc']}", "", "") + "\n",
                "".join(map(field, s["fields"]))]
        out[-1] += field(s["rest"], ", up to the end") if "rest" in s else ""
    if not spec.is_root:
        out.append(f".. kernel-doc:: {spec.header}\n")
    return "\n".join(out)


def page(specs, path):
    return "\n".join([".. SPDX-License-Identifier: GPL-2.0\n", f".. {generated(path)}\n",
                      "=====\nNodes\n=====\n", INTRO + "\n", *map(section, specs)])
