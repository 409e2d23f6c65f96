# SPDX-License-Identifier: GPL-2.0
"""Owns the names of all that is generated: none is there twice, or C's or the
kernel's own, and nothing that is put into a comment ends it."""

from .spec import Bad, c_name

TAKEN = set("""alignof asm auto bool break case char const continue current default do double
else enum extern false fdt float for goto i386 if inline int linux long node register restrict
return short signed sizeof static struct switch true typedef typeof union unix unsigned void
volatile while""".split())
# What lib/kho_nodes_test.c makes for each node
TESTS = ("fill", "spoil", "bad", "good", "put_any", "find_any", "get_any", "give_any")


def nodes(spec):
    """(node, where it is)"""
    yield spec, ()
    for i, s in enumerate(spec.subnodes):
        yield s, ("subnodes", i)


def of_node(spec, node, at):
    """What there is for a node beside its properties."""
    where, top = spec.where(*at) if at else spec.where("c-prefix"), node is spec
    tail = "" if top else f"_{node.c}"
    if top:
        words = [f"{spec.prefix}_node".upper(), f"{spec.prefix}_compatible".upper(),
                 f"{spec.prefix}_node", f"{spec.prefix}_find", f"{spec.prefix}_subs",
                 f"{spec.prefix}_subnodes"]
        words += [f"{spec.prefix}_{v}" for v in (("begin", "end") if spec.subnodes else ("put",))]
    else:
        words = [node.prefix, f"{node.prefix}_max".upper(), f"{node.prefix}_put_nr"]
        words += [f"{spec.prefix}_{v}{tail}" for v in ("put", "next")]
        words += [f"{spec.prefix}_find{tail}"] if node.key else []
    words += [f"{spec.prefix}_get{tail}", f"{node.prefix}_props"]
    words += [f"{spec.prefix}_return{tail}"] if node.mem() else []
    words += [f"{node.prefix}_{t}" for t in TESTS]
    return [("", w, where) for w in words]


def of_property(spec, node, p, where):
    out = [(node.prefix, c, where) for c in (
        [p.c] + [f"has_{p.c}"] * p.has() + [f"nr_{p.c}"] * p.counted())]
    if spec.is_root:
        out.append(("", f"{node.prefix}_{p.c}".upper(), where))
    if p.type in ("string", "bytes"):
        out.append(("", f"{node.prefix}_{p.c}_size".upper(), where))
    elif p.counted() and not spec.is_root:
        out.append(("", f"{node.prefix}_{p.c}_max".upper(), where))
    return out


def of_enum(spec, e, at):
    name = f"{spec.prefix}_{c_name(e['name'])}"
    return [("", name, spec.where(*at)), ("", f"{name}_values", spec.where(*at))] + [
        ("", f"{name}_{c_name(v['name'])}".upper(), spec.where(*at, "values", i))
        for i, v in enumerate(e["values"])]


def of_payload(spec, s, at):
    name, where = f"{spec.prefix}_{c_name(s['struct'])}", spec.where(*at)
    out = [("", name + end, where) for end in ("", "_be", "_from_be", "_to_be", "_test")]
    out += [(f"{name}_be", c_name(f["name"]), spec.where(*at, "fields", i))
            for i, f in enumerate(s["fields"])]
    return out + [(f"{name}_be", c_name(s["rest"]["name"]), spec.where(*at, "rest"))
                  for _ in range("rest" in s)]


def guard(spec):
    return spec.header.rsplit("/", 1)[-1].upper().replace(".", "_").replace("-", "_")


def names(spec):
    """(the structure that it is in, name, FILE:LINE) of all that is generated."""
    out = [("", guard(spec), spec.where("header"))]
    for node, at in nodes(spec):
        out += of_node(spec, node, at)
        for i, p in enumerate(node.props):
            out += of_property(spec, node, p, spec.where(*at, "properties", i))
    for i, e in enumerate(spec.enums):
        out += of_enum(spec, e, ("enums", i))
    for i, s in enumerate(spec.payload):
        out += of_payload(spec, s, ("payload", i))
    return out


def check_docs(spec, data, at=()):
    """They become comments."""
    if isinstance(data, str) and at[-1] == "doc" and "*/" in data:
        raise Bad(f"{spec.where(*at)}: doc: */ would end a comment")
    items = data.items() if isinstance(data, dict) else \
        enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        check_docs(spec, value, at + (key,))


def check(specs):
    seen = {}
    for spec in specs:
        check_docs(spec, spec.data)
        for scope, name, where in names(spec):
            if name in TAKEN:
                raise Bad(f"{where}: {name}: is a word of C's, or the kernel's")
            if (scope, name) in seen:
                raise Bad(f"{where}: what is generated is called {name}, as for "
                          f"{seen[scope, name]}")
            seen[scope, name] = where
