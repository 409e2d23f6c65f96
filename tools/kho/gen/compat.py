# SPDX-License-Identifier: GPL-2.0
"""Owns the rules of compatibility: what a spec may change under one compatible."""

from .spec import Bad


def breaks(where, text):
    raise Bad(f"{where}: {text}: that needs a new compatible")


def same(new, old, where, what, names):
    for name in names:
        a, b = getattr(old, name), getattr(new, name)
        if a != b:
            breaks(where, f"{what}: {name}: was {a}, is {b}")


def layout(spec, struct):
    """All of a structure but its words."""
    return [{k: spec.values(v) if k == "enum" else v for k, v in f.items() if k != "doc"}
            for f in [*struct["fields"], struct.get("rest", {})]]


def payload(old, new):
    for was in old.payload:
        now = next((s for s in new.payload if s["struct"] == was["struct"]), None)
        if now is None:
            breaks(new.where("payload"), f"{was['struct']}: is gone")
        if layout(old, was) != layout(new, now):
            breaks(new.where("payload", new.payload.index(now)),
                   f"{was['struct']}: has other fields")


def properties(old, new, spec, at):
    now = {p.name: (i, p) for i, p in enumerate(new.props)}
    for p in old.props:
        if p.name not in now:
            breaks(spec.where(*at), f"{p.name}: is gone")
        i, q = now.pop(p.name)
        same(q, p, spec.where(*at, i), p.name,
             ["type", "optional", "unit", "min", "max", "align", "total", "since"])
        if p.enum and old.spec.values(p.enum) != spec.values(q.enum):
            breaks(spec.where(*at, i), f"{p.name}: has other values")
    for name, (i, p) in now.items():
        if not p.optional:
            breaks(spec.where(*at, i), f"{name}: is new, and not optional")
        if p.since <= old.spec.revision:
            raise Bad(f"{spec.where(*at, i)}: {name}: is new: it needs since: "
                      f"{old.spec.revision + 1}, or more")


def check(old, new):
    """Bad, unless readers and writers of both understand each other."""
    where = new.where("compatible")
    if old.compatible != new.compatible:
        raise Bad(f"{where}: compatible: is not {old.compatible}: of different formats nothing "
                  "is compared")
    same(new, old, where, new.name, ["name"])
    if new.revision < old.revision:
        raise Bad(f"{new.where('revision')}: revision: {old.revision} is released, this is "
                  f"{new.revision}")
    properties(old, new, new, ("properties",))
    added = [p.name for p in new.props if p.since > old.revision]
    subs = {s.name: (i, s) for i, s in enumerate(new.subnodes)}
    for s in old.subnodes:
        if s.name not in subs:
            breaks(where, f"{s.name}: is gone")
        i, now = subs.pop(s.name)
        same(now, s, new.where("subnodes", i), s.name, ["min", "max", "key"])
        properties(s, now, new, ("subnodes", i, "properties"))
        added += [p.name for p in now.props if p.since > old.revision]
    for name, (i, s) in subs.items():
        if s.min:
            breaks(new.where("subnodes", i), f"{name}: is new, and there must be one")
        added.append(name)
    payload(old, new)
    if added and new.revision == old.revision:
        raise Bad(f"{new.where('revision')}: revision: {old.revision} is released without "
                  f"{added[0]}")
