# SPDX-License-Identifier: GPL-2.0
"""Owns what a spec means: reads the YAML, tells mistakes by file and line, and gives
the makers of code and text objects that have every default filled in."""

from pathlib import Path

import yaml

# Of the tree, not of a driver
RESERVED = ("compatible", "name", "phandle")
# Of what describes a node, which lies on the stack of whoever writes or reads one
STRUCT_MAX = 1536
# Of a structure in memory: its test has three of it on the stack
PAYLOAD_MAX = 512
LARGEST = {"u32": 2 ** 32 - 1, "u64": 2 ** 64 - 1}
SIZE = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "enum": 4, "u32-array": 4, "u64-array": 8,
        "string": 1, "bytes": 1, "mem": 16, "vmalloc": 16, "flag": 1}
ARRAYS = ("u32-array", "u64-array", "mem")


class Bad(Exception):
    """A mistake in a spec; the text has file and line."""


def c_name(name):
    return name.replace("-", "_")


def field_size(f):
    """Bytes of a field of payload."""
    return f.get("size") or SIZE[f["type"]]


def stem(name):
    """What C calls one of region-{index}."""
    return c_name(name.split("{")[0].rstrip("-"))


class Property:
    """One property; min and max are of a number, of bytes, or of elements."""

    def __init__(self, p, spec):
        self.name, self.type, self.c = p["name"], p["type"], c_name(p["name"])
        self.doc = " ".join(p["doc"].split())
        self.optional, self.since = p.get("optional", False), p.get("since", 1)
        self.unit, self.align = p.get("unit"), p.get("align", 0)
        self.total, self.enum = p.get("total"), p.get("enum")
        self.spec, self.size = spec, SIZE[self.type]
        kind = {"string": "len", "bytes": "len", "vmalloc": "count"}.get(self.type)
        if self.type in ARRAYS or kind:
            kind = kind or "count"
            self.min = p.get(f"min-{kind}", 0 if self.type in ARRAYS and not self.optional else 1)
            self.max = p.get(f"max-{kind}", 1)
        elif self.type == "enum":
            values = spec.values(self.enum).values()
            self.min, self.max = min(values), max(values)
        elif self.type == "flag":
            self.min = self.max = 0
        else:
            self.min, self.max = p.get("min", 0), p.get("max", LARGEST[self.type])

    def counted(self):
        """Whether its C member has a number of elements beside it."""
        return self.type in ("u32-array", "u64-array", "mem", "bytes") or (
            self.type == "vmalloc" and self.max > 1)

    def room(self):
        """Bytes in the C structure, at most."""
        nr = self.max if self.size == 1 or self.counted() else 1
        return -(-self.size * nr // 8) * 8 + 8

    def has(self):
        """Whether its C member has a bool beside it that says if it is there."""
        return self.optional and not self.counted() and self.type != "flag"


class Node:
    """A node or subnode."""

    def __init__(self, n, spec, prefix):
        self.name, self.doc, self.prefix = n["node"], " ".join(n["doc"].split()), prefix
        self.spec = spec
        self.props = [Property(p, spec) for p in n["properties"]]
        repeat = n.get("repeat", {})
        self.min, self.max = repeat.get("min", 0 if repeat else 1), repeat.get("max", 1)
        self.key = repeat.get("key")
        # The part of the name before {index}
        self.stem = self.name.split("{")[0]
        self.c = stem(self.name)

    def mem(self):
        return next((p for p in self.props if p.type == "mem"), None)


class Spec(Node):
    """A file. `lines` has the line of each thing in it, by its path."""

    def __init__(self, data, lines, path):
        self.data, self.lines, self.path = data, lines, path
        self.enums = data.get("enums", [])
        self.compatible, self.revision = data["compatible"], data["revision"]
        self.owner, self.header = data["owner"], data["header"]
        self.payload = data.get("payload", [])
        super().__init__(data, self, data["c-prefix"])
        self.subnodes = [Node(s, self, f"{self.prefix}_{stem(s['node'])}")
                         for s in data.get("subnodes", [])]
        self.is_root = self.name == "/"

    def values(self, name):
        """{name: value}"""
        return {v["name"]: v["value"] for e in self.enums if e["name"] == name
                for v in e["values"]}

    def where(self, *path):
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.path}:{self.lines.get(path, 1)}"


def compose(path):
    """The data, and the line of everything in it by its path."""
    loader, lines = yaml.SafeLoader(Path(path).read_text()), {}

    def walk(node, at):
        lines.setdefault(at, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            seen = set()
            for key, value in node.value:
                if key.value in seen:
                    raise Bad(f"{path}:{key.start_mark.line + 1}: {key.value}: is there twice")
                seen.add(key.value)
                lines[at + (key.value,)] = key.start_mark.line + 1
                walk(value, at + (key.value,))
        elif isinstance(node, yaml.SequenceNode):
            for i, value in enumerate(node.value):
                walk(value, at + (i,))

    try:
        node = loader.get_single_node()
        if node is None:
            raise Bad(f"{path}:1: there is nothing in it")
        walk(node, ())
        return loader.construct_document(node), lines
    except yaml.YAMLError as e:
        mark = getattr(e, "problem_mark", None)
        raise Bad(f"{path}:{mark.line + 1 if mark else 1}: no YAML: {getattr(e, 'problem', e)}")
    finally:
        loader.dispose()


def leaf(error):
    """Of alternatives that all fail, the one that got furthest says what is wrong."""
    while error.context:
        error = max(error.context, key=lambda e: len(e.absolute_path))
    return error


def say(error):
    """jsonschema's words for the commonest mistakes are about its own machinery."""
    if error.validator == "const" and error.validator_value is True:
        return "is true, or left out"
    if error.validator == "type" and isinstance(error.instance, bool):
        return f"to YAML this is the boolean {error.instance}: quote it"
    if error.validator == "unevaluatedProperties":
        names = error.message.split("(")[-1].split(" were ")[0].split(" was ")[0]
        return f"{names} cannot be said of this type"
    return error.message


def check_schema(data, lines, path, schema):
    import jsonschema
    found = sorted(jsonschema.Draft202012Validator(schema).iter_errors(data),
                   key=lambda e: (e.validator == "unevaluatedProperties", list(map(str, e.path))))
    if not found:
        return
    error = leaf(found[0])
    at = tuple(error.absolute_path)
    what = next((str(p) for p in reversed(at) if isinstance(p, str)), "the spec")
    item = data
    for p in at:
        item = item[p]
        if isinstance(item, dict) and "name" in item:
            what = item["name"] if at[-1] == p else f"{item['name']}: {at[-1]}"
    while at not in lines:
        at = at[:-1]
    raise Bad(f"{path}:{lines[at]}: {what}: {say(error)}")


def check_names(spec, node, at):
    seen = {}
    for i, p in enumerate(node.props):
        where = spec.where(*at, "properties", i)
        if p.name in seen:
            raise Bad(f"{where}: {p.name}: there are two of this name")
        if p.name in RESERVED and not spec.is_root:
            raise Bad(f"{where}: {p.name}: is no name for a property of a driver's")
        seen[p.name] = p
    return seen


def check_property(spec, node, p, where, seen):
    if p.min > p.max:
        raise Bad(f"{where}: {p.name}: its minimum, {p.min}, is above its maximum, {p.max}")
    if p.type == "mem" and p.name != "mem" and not spec.is_root:
        raise Bad(f"{where}: {p.name}: a property of type mem is named mem")
    if p.name == "mem" and p.type != "mem":
        raise Bad(f"{where}: mem: a property of this name has type mem")
    if p.align and p.align & (p.align - 1):
        raise Bad(f"{where}: {p.name}: align: {p.align} is no power of two")
    if p.type == "u32-array" and (p.align or p.unit == "phys"):
        raise Bad(f"{where}: {p.name}: physical addresses are u64")
    if p.align and p.type != "mem" and p.unit != "phys":
        raise Bad(f"{where}: {p.name}: align: only a physical address has one")
    if p.type == "u64" and p.unit == "phys" and (p.min, p.max) != (0, LARGEST["u64"]):
        raise Bad(f"{where}: {p.name}: a physical address has an align, not a min or max")
    if p.type == "string" and p.max < 2:
        raise Bad(f"{where}: {p.name}: max-len: there is room for a NUL only")
    if p.total and getattr(seen.get(p.total), "type", "") != "u64":
        raise Bad(f"{where}: {p.name}: total: {p.total} is no u64 of this node")
    if p.total and seen[p.total].optional:
        raise Bad(f"{where}: {p.name}: total: {p.total} is optional")
    if p.total and (seen[p.total].min > 1 or seen[p.total].max < LARGEST["u64"]):
        raise Bad(f"{where}: {p.name}: total: {p.total} has limits, and those of {p.name} count")
    if p.since > spec.revision:
        raise Bad(f"{where}: {p.name}: since: {p.since} is above the revision, {spec.revision}")
    if p.since > 1 and not p.optional:
        raise Bad(f"{where}: {p.name}: what was added later has to be optional")
    if p.type in ("u64", "u64-array") and p.unit == "phys" and not p.align:
        raise Bad(f"{where}: {p.name}: a physical address needs an align")


def check_payload(spec, s, at):
    """No compiler puts padding into one, so what needs to be aligned has to be."""
    end = 0
    for i, f in enumerate(s["fields"]):
        if f["type"] == "vmalloc" and end % 4:
            raise Bad(f"{spec.where(*at, 'fields', i)}: {f['name']}: would be at byte {end}: a "
                      "vmalloc is aligned to 4")
        end += field_size(f)
    if end % 4 and any(f["type"] == "vmalloc" for f in s["fields"]):
        raise Bad(f"{spec.where(*at)}: {s['struct']}: has {end} bytes: with a vmalloc it is "
                  "aligned to 4")
    if end > PAYLOAD_MAX:
        raise Bad(f"{spec.where(*at)}: {s['struct']}: {end} bytes are too many for a stack, "
                  f"{PAYLOAD_MAX} are allowed")


def check_meaning(spec):
    """What a schema cannot say."""
    for i, e in enumerate(spec.enums):
        values = [v["value"] for v in e["values"]]
        if values != list(range(values[0], values[0] + len(values))):
            raise Bad(f"{spec.where('enums', i)}: {e['name']}: the values do not follow each other")
    if not spec.props and not spec.subnodes:
        raise Bad(f"{spec.where('properties')}: properties: there are none, nor subnodes")
    for at, node in [((), spec)] + [(("subnodes", i), s) for i, s in enumerate(spec.subnodes)]:
        seen = check_names(spec, node, at)
        for i, p in enumerate(node.props):
            check_property(spec, node, p, spec.where(*at, "properties", i), seen)
        room = sum(p.room() for p in node.props)
        if room > STRUCT_MAX and not spec.is_root:
            raise Bad(f"{spec.where(*at, 'properties')}: {node.name}: {room} bytes are too many "
                      f"for a stack, {STRUCT_MAX} are allowed: preserve memory for it")
        if node.key and getattr(seen.get(node.key), "type", "") != "string":
            raise Bad(f"{spec.where(*at, 'repeat')}: {node.name}: key: {node.key} is no string of "
                      "it")
        if node.min > node.max:
            raise Bad(f"{spec.where(*at, 'repeat')}: {node.name}: its minimum is above its maximum")
    for i, s in enumerate(spec.payload):
        check_payload(spec, s, ("payload", i))


def check_enums(data, lines, path):
    """Before anything asks for the values of one."""
    known = {e["name"] for e in data.get("enums", [])}
    places = [(("properties",), data["properties"])]
    places += [(("subnodes", i, "properties"), s["properties"])
               for i, s in enumerate(data.get("subnodes", []))]
    places += [(("payload", i, "fields"), s["fields"])
               for i, s in enumerate(data.get("payload", []))]
    for at, items in places:
        for i, item in enumerate(items):
            if "enum" in item and item["enum"] not in known:
                raise Bad(f"{path}:{lines[at + (i,)]}: {item['name']}: there is no enum "
                          f"{item['enum']}")


def load(path, schema):
    """A spec that is right, or Bad."""
    data, lines = compose(path)
    check_schema(data, lines, path, schema)
    check_enums(data, lines, path)
    spec = Spec(data, lines, path)
    check_meaning(spec)
    return spec


def load_all(paths, schema_path):
    """Several, with nothing twice in them."""
    schema = yaml.safe_load(Path(schema_path).read_text())
    specs, seen = [load(p, schema) for p in paths], {}
    for s in specs:
        for what in ("compatible", "node", "c-prefix", "header"):
            key = (what, s.data[what])
            if key in seen:
                raise Bad(f"{s.where(what)}: {what}: {seen[key]} has the same")
            seen[key] = s.path
    return specs
