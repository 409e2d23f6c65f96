# SPDX-License-Identifier: GPL-2.0
"""Owns the check of a blob against the specs: [node, property and what is wrong]."""

import re

import libfdt

QUIET = [libfdt.NOTFOUND]


def subnodes(fdt, node):
    sub = fdt.first_subnode(node, QUIET)
    while sub >= 0:
        yield sub
        sub = fdt.next_subnode(sub, QUIET)


def read(fdt, node):
    """{name: bytes} of all properties."""
    found, at = {}, fdt.first_property_offset(node, QUIET)
    while at >= 0:
        p = fdt.get_property_by_offset(at)
        # Of two of a name libfdt finds the first
        found.setdefault(p.name, bytes(p))
        at = fdt.next_property_offset(at, QUIET)
    return found


def numbers(data, size):
    return [int.from_bytes(data[i:i + size], "big") for i in range(0, len(data), size)]


def text(data):
    return data[:-1].decode("ascii", "replace")


def value(p, data):
    """What is wrong with a property's bytes, or None."""
    if len(data) % p.size or p.type in ("u32", "u64", "enum") and len(data) != p.size:
        return f"{len(data)} bytes, of type {p.type}"
    if p.type in ("u32", "u64", "enum"):
        n, what = numbers(data, p.size)[0], ""
    else:
        n, what = len(data) // p.size, " bytes" if p.size == 1 else " elements"
    if not p.min <= n <= p.max:
        return f"{n}{what}, not {p.min} to {p.max}"
    if p.type == "string" and (data[-1] or not all(32 <= b <= 126 for b in data[:-1])):
        return "not one string of printable characters"
    cells = numbers(data, 8) if p.align and p.type in ("u64", "u64-array", "mem") else []
    for c in cells:
        if c % p.align:
            return f"{c:#x} is not aligned to {p.align}"
    return None


def total(p, props):
    if not p.total or p.name not in props or len(props.get(p.total, b"")) != 8:
        return None
    want, got = numbers(props[p.total], 8)[0], sum(numbers(props[p.name], 8)[1::2])
    return None if want <= got < want + 65536 else f"{got} bytes, but {p.total} is {want}"


def node_errors(fdt, node, spec_node, path, strict):
    props, known = read(fdt, node), {p.name: p for p in spec_node.props}
    for name, p in known.items():
        if name not in props:
            if not p.optional:
                yield f"{path}: {name}: missing"
            continue
        wrong = value(p, props[name]) or total(p, props)
        if wrong:
            yield f"{path}: {name}: {wrong}"
    for name in props:
        if strict and name not in known and name != "compatible":
            yield f"{path}: {name}: no such property in the spec"


def sub_errors(fdt, node, spec, path, strict):
    """Of all subnodes: each is one of some kind in the spec, or skipped."""
    found = {s.name: [] for s in spec.subnodes}
    for sub in subnodes(fdt, node):
        name = fdt.get_name(sub)
        kind = next((s for s in spec.subnodes
                     if re.fullmatch(re.escape(s.stem) + r"\d+", name)), None)
        stem = next((s.stem for s in spec.subnodes if name.startswith(s.stem)), None)
        if kind:
            found[kind.name].append(sub)
            yield from node_errors(fdt, sub, kind, f"{path}/{name}", strict)
        elif stem:
            yield f"{path}/{name}: no number behind {stem}"
        elif strict and not spec.is_root:
            yield f"{path}/{name}: no such subnode in the spec"
    for s in spec.subnodes:
        if not s.min <= len(found[s.name]) <= s.max:
            yield f"{path}: {len(found[s.name])} subnodes {s.name}, not {s.min} to {s.max}"
        keys = [read(fdt, n).get(s.key) for n in found[s.name]] if s.key else []
        for k in sorted({k for k in keys if k and keys.count(k) > 1}):
            yield f"{path}: two subnodes have the {s.key} {text(k)}"


def errors(data, specs, strict):
    """All that is wrong; what no spec knows is that only if strict."""
    try:
        fdt = libfdt.FdtRo(data)
        fdt.check_header(len(data)) if hasattr(fdt, "check_header") else None
        root = next(s for s in specs if s.is_root)
        yield from format_errors(fdt, 0, [root], "/", strict)
        for node in subnodes(fdt, 0):
            yield from format_errors(fdt, node, [s for s in specs if not s.is_root],
                                     "/" + fdt.get_name(node), strict)
    except (SystemError, UnicodeDecodeError):
        # libfdt's own words for that are about its machinery
        yield "a name is not ASCII"
    except libfdt.FdtException as e:
        yield f"no FDT: {libfdt.strerror(e.err)}"


def format_errors(fdt, node, specs, path, strict):
    formats = read(fdt, node).get("compatible", b"")
    names = formats.decode("ascii", "replace").split("\0")[:-1]
    spec = next((s for n in names for s in specs if n == s.compatible), None)
    if spec is None:
        if strict or path == "/":
            yield f"{path}: compatible: no spec of {', '.join(names) or 'nothing'}"
        return
    if path not in ("/", "/" + spec.name):
        yield f"{path}: compatible: {spec.compatible} is of a node {spec.name}"
    yield from node_errors(fdt, node, spec, path, strict)
    yield from sub_errors(fdt, node, spec, path if path != "/" else "", strict)
