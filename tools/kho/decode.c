// SPDX-License-Identifier: GPL-2.0-only
/*
 * kho: nodes of a blob that the kernel's checks have passed, decoded by their
 * specs, and what of them breaks these.
 *
 * A node becomes { name, compatible, owner, doc, known, problems, properties,
 * nodes }, a property { name, type, unit, doc, value, text, problem }.
 */
#include <inttypes.h>
#include <libfdt.h>
#include <stdarg.h>

#include "kho.h"

static const char *const types[] = {
	[KHO_SPEC_U32] = "u32", [KHO_SPEC_U64] = "u64", [KHO_SPEC_STRING] = "string",
	[KHO_SPEC_BYTES] = "bytes", [KHO_SPEC_FLAG] = "flag", [KHO_SPEC_U32_ARRAY] = "u32-array",
	[KHO_SPEC_U64_ARRAY] = "u64-array", [KHO_SPEC_ENUM] = "enum", [KHO_SPEC_MEM] = "mem",
	[KHO_SPEC_VMALLOC] = "vmalloc",
};

static const char *const units[] = {
	[KHO_UNIT_BYTES] = "bytes", [KHO_UNIT_PAGES] = "pages", [KHO_UNIT_MS] = "ms",
	[KHO_UNIT_NS] = "ns", [KHO_UNIT_CRC32] = "crc32", [KHO_UNIT_PHYS] = "phys",
};

/* One property as it is decoded */
struct value {
	const void *data;
	int len;
	const struct kho_spec_prop *spec;	/* NULL: unknown */
	char problem[160];
};

static void __printf(2, 3) problem(struct value *v, const char *fmt, ...)
{
	va_list args;

	if (v->problem[0])
		return;
	va_start(args, fmt);
	vsnprintf(v->problem, sizeof(v->problem), fmt, args);
	va_end(args);
}

const struct kho_spec_node *spec_of(const void *fdt, int node)
{
	const char *list;
	unsigned int i;
	int len;

	list = fdt_getprop(fdt, node, "compatible", &len);
	for (i = 0; list && i < nr_kho_specs; i++)
		if (fdt_stringlist_contains(list, len, kho_specs[i].compatible))
			return &kho_specs[i];
	return NULL;
}

/* "{index}" and the like stand for any text that is not empty */
static bool name_matches(const char *pattern, const char *name)
{
	const char *rest;

	for (; *pattern && *pattern != '{'; pattern++, name++)
		if (*pattern != *name)
			return false;
	if (!*pattern)
		return !*name;
	rest = strchr(pattern, '}');
	for (rest = rest ? rest + 1 : ""; *name; name++)
		if (name_matches(rest, name + 1))
			return true;
	return false;
}

static const struct kho_spec_node *subspec(const struct kho_spec_node *spec, const char *name)
{
	unsigned int i;

	for (i = 0; spec && i < spec->nr_subnodes; i++)
		if (name_matches(spec->subnodes[i].name, name))
			return &spec->subnodes[i];
	return NULL;
}

static void check_limits(struct value *v, u64 n, const char *of)
{
	if (n < v->spec->min)
		problem(v, "%" PRIu64 "%s, at least %" PRIu64, (uint64_t)n, of, v->spec->min);
	if (n > v->spec->max)
		problem(v, "%" PRIu64 "%s, at most %" PRIu64, (uint64_t)n, of, v->spec->max);
}

static void check_aligned(struct value *v, u64 n)
{
	if (v->spec && v->spec->align && n % v->spec->align)
		problem(v, "%#llx is not a multiple of %" PRIu64, n, v->spec->align);
}

static char *number_text(const struct value *v, u64 n)
{
	char buf[24], *text = NULL;
	int len;

	switch (v->spec ? v->spec->unit : KHO_UNIT_NONE) {
	case KHO_UNIT_BYTES:
		len = asprintf(&text, "%s", size_text(n, buf));
		break;
	case KHO_UNIT_CRC32:
	case KHO_UNIT_PHYS:
		len = asprintf(&text, "%#llx", n);
		break;
	case KHO_UNIT_PAGES:
	case KHO_UNIT_MS:
	case KHO_UNIT_NS:
		len = asprintf(&text, "%llu %s", n, units[v->spec->unit]);
		break;
	default:
		len = asprintf(&text, "%llu", n);
	}
	return len < 0 ? NULL : text;
}

static void set_number(json_object *o, struct value *v, u64 n)
{
	char *text __free(free) = number_text(v, n);

	put_num(o, "value", n);
	put_str(o, "text", text);
	check_limits(v, n, "");
	if (v->spec->unit == KHO_UNIT_PHYS)
		check_aligned(v, n);
}

static void set_enum(json_object *o, struct value *v, u64 n)
{
	unsigned int i;

	for (i = 0; i < v->spec->nr_values; i++)
		if (v->spec->values[i].value == n) {
			put_num(o, "value", n);
			put_str(o, "text", v->spec->values[i].name);
			return;
		}
	problem(v, "%llu is none of its values", n);
	put_num(o, "value", n);
}

static void set_string(json_object *o, struct value *v)
{
	const char *s = v->data;
	size_t len = v->len && !s[v->len - 1] ? v->len - 1 : v->len;
	char *text __free(free) = escaped(s, len);

	if (!v->len || s[v->len - 1] || strlen(s) != len)
		problem(v, "not one string with a NUL");
	put_str(o, "value", text);
	put_str(o, "text", text);
}

/* compatible, and what has no spec and looks like text: strings, as dtc shows them */
static void set_strings(json_object *o, struct value *v)
{
	json_object *list = json_object_new_array();
	const char *s = v->data, *end = s + v->len;
	char *text = strdup(""), *more;

	for (; s < end; s += strnlen(s, end - s) + 1) {
		char *one __free(free) = escaped(s, strnlen(s, end - s));

		json_object_array_add(list, json_object_new_string(one));
		if (asprintf(&more, "%s%s%s", text, *text ? ", " : "", one) < 0)
			break;
		free(text);
		text = more;
	}
	json_object_object_add(o, "value", list);
	put_str(o, "text", text);
	free(text);
}

static void set_bytes(json_object *o, struct value *v)
{
	char *hex __free(free) = malloc(2 * v->len + 1);
	int i;

	hex[0] = '\0';
	for (i = 0; i < v->len; i++)
		sprintf(hex + 2 * i, "%02x", ((const u8 *)v->data)[i]);
	put_str(o, "value", hex);
	/* As much as fits into a line */
	if (v->len > 32)
		memcpy(hex + 61, "...", 4);
	put_str(o, "text", hex);
}

static void set_array(json_object *o, struct value *v, int size)
{
	json_object *list = json_object_new_array();
	char line[80] = "";
	int i, at = 0;

	for (i = 0; i + size <= v->len; i += size) {
		u64 n = size == 4 ? fdt32_ld(v->data + i) : fdt64_ld(v->data + i);
		char *text __free(free) = number_text(v, n);

		json_object_array_add(list, json_object_new_uint64(n));
		if (at + strlen(text) + 5 < sizeof(line))
			at += sprintf(line + at, "%s%s", at ? " " : "", text);
		else if (line[at - 1] != '.')
			at += sprintf(line + at, " ...");
	}
	json_object_object_add(o, "value", list);
	put_str(o, "text", line);
}

static void set_mem(json_object *o, struct value *v)
{
	struct kho_ranges ranges = { v->data, v->len / 16 };
	json_object *list = json_object_new_array();
	char buf[24], text[96];
	unsigned int i;

	for (i = 0; i < ranges.nr; i++) {
		struct kho_mem mem = kho_range(&ranges, i);
		json_object *one = json_object_new_object();

		put_num(one, "address", mem.addr);
		put_num(one, "size", mem.len);
		json_object_array_add(list, one);
		check_aligned(v, mem.addr);
		check_aligned(v, mem.len);
	}
	if (!ranges.nr)
		snprintf(text, sizeof(text), "none");
	else if (ranges.nr == 1)
		snprintf(text, sizeof(text), "%s at %#llx",
			 size_text(kho_range(&ranges, 0).len, buf), kho_range(&ranges, 0).addr);
	else
		snprintf(text, sizeof(text), "%s in %u ranges, the first at %#llx",
			 size_text(blob_ranges_len(&ranges), buf), ranges.nr,
			 kho_range(&ranges, 0).addr);
	json_object_object_add(o, "value", list);
	put_str(o, "text", text);
}

/* Each is a struct kho_vmalloc */
static void set_vmalloc(json_object *o, struct value *v)
{
	json_object *list = json_object_new_array();
	const void *p, *end = v->data + v->len;
	char buf[24], text[96];
	u64 sum = 0;

	for (p = v->data; p < end; p += sizeof(struct kho_vmalloc)) {
		json_object *area = json_object_new_object();
		u32 pages = fdt32_ld(p + 8), shift = fdt32_ld(p + 12);

		put_num(area, "first", fdt64_ld(p));
		put_num(area, "pages", pages);
		put_num(area, "shift", shift);
		json_object_array_add(list, area);
		if (shift < KHO_MIN_SHIFT || shift > KHO_MAX_BITMAP_SHIFT)
			problem(v, "pages of 2^%u bytes", shift);
		else
			sum += (u64)pages << shift;
	}
	snprintf(text, sizeof(text), "%s in %zu areas", size_text(sum, buf),
		 v->len / sizeof(struct kho_vmalloc));
	put_str(o, "text", text);
	json_object_object_add(o, "value", list);
}

/* What does not fit its type is shown as bytes, with the problem: false */
static bool set_known(json_object *o, struct value *v)
{
	/* Bytes of an element; 0: any number of them */
	static const u8 sizes[] = {
		[KHO_SPEC_U32] = 4, [KHO_SPEC_ENUM] = 4, [KHO_SPEC_U64] = 8, [KHO_SPEC_BYTES] = 0,
		[KHO_SPEC_U32_ARRAY] = 4, [KHO_SPEC_U64_ARRAY] = 8, [KHO_SPEC_MEM] = 16,
		[KHO_SPEC_VMALLOC] = sizeof(struct kho_vmalloc),
	};
	enum kho_spec_type type = v->spec->type;
	bool is_array = type == KHO_SPEC_U32_ARRAY || type == KHO_SPEC_U64_ARRAY ||
			type == KHO_SPEC_MEM || type == KHO_SPEC_VMALLOC;
	int size = sizes[type];

	if (size && (is_array ? v->len % size : v->len != size)) {
		problem(v, "%d bytes are no %s", v->len, types[type]);
		return false;
	}
	switch (type) {
	case KHO_SPEC_U32:
		set_number(o, v, fdt32_ld(v->data));
		return true;
	case KHO_SPEC_U64:
		set_number(o, v, fdt64_ld(v->data));
		return true;
	case KHO_SPEC_ENUM:
		set_enum(o, v, fdt32_ld(v->data));
		return true;
	case KHO_SPEC_STRING:
		check_limits(v, v->len, " bytes");
		set_string(o, v);
		return true;
	case KHO_SPEC_BYTES:
		check_limits(v, v->len, " bytes");
		return false;
	case KHO_SPEC_FLAG:
		if (v->len)
			problem(v, "a flag has %d bytes", v->len);
		put_bool(o, "value", true);
		put_str(o, "text", "yes");
		return true;
	case KHO_SPEC_U32_ARRAY:
	case KHO_SPEC_U64_ARRAY:
		check_limits(v, v->len / size, " elements");
		set_array(o, v, size);
		return true;
	case KHO_SPEC_MEM:
		check_limits(v, v->len / size, " ranges");
		set_mem(o, v);
		return true;
	case KHO_SPEC_VMALLOC:
		check_limits(v, v->len / size, " areas");
		set_vmalloc(o, v);
		return true;
	}
	return false;
}

/* Strings that end with a NUL, none of them empty */
static bool looks_like_text(const char *s, int len)
{
	int i;

	if (!len || s[len - 1])
		return false;
	for (i = 0; i < len; i++)
		if (s[i] ? s[i] < ' ' || s[i] > '~' : !i || !s[i - 1])
			return false;
	return true;
}

static void set_unknown(json_object *o, const char *name, struct value *v)
{
	if (!strcmp(name, KHO_PROP_MEM) && v->len % 16 == 0)
		set_mem(o, v);
	else if (looks_like_text(v->data, v->len))
		set_strings(o, v);
	else
		set_bytes(o, v);
}

static json_object *decode_prop(const char *name, struct value *v)
{
	json_object *o = json_object_new_object();
	char *label __free(free) = escaped(name, strlen(name));

	put_str(o, "name", label);
	put_str(o, "type", v->spec ? types[v->spec->type] : NULL);
	put_str(o, "unit", v->spec ? units[v->spec->unit] : NULL);
	put_str(o, "doc", v->spec ? v->spec->doc : NULL);
	if (!v->spec)
		set_unknown(o, name, v);
	else if (!set_known(o, v))
		set_bytes(o, v);
	put_str(o, "problem", v->problem[0] ? v->problem : NULL);
	return o;
}

static const struct kho_spec_prop *prop_spec(const struct kho_spec_node *spec, const char *name)
{
	unsigned int i;

	for (i = 0; spec && i < spec->nr_props; i++)
		if (!strcmp(spec->props[i].name, name))
			return &spec->props[i];
	return NULL;
}

static void add_problem(json_object *problems, const char *fmt, ...) __printf(2, 3);
static void add_problem(json_object *problems, const char *fmt, ...)
{
	char text[200];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	json_object_array_add(problems, json_object_new_string(text));
}

/* The length of mem, but for what makes its pages whole, is also in another property */
static void check_total(const void *fdt, int node, const struct kho_spec_prop *p,
			json_object *problems)
{
	struct kho_ranges ranges;
	const void *data;
	u64 total, sum;
	int len;

	data = fdt_getprop(fdt, node, p->total, &len);
	if (!data || (len != 4 && len != 8) || kho_fdt_ranges(fdt, node, p->name, &ranges))
		return;
	total = len == 4 ? fdt32_ld(data) : fdt64_ld(data);
	sum = blob_ranges_len(&ranges);
	if (sum < total || sum - total >= 1 << KHO_MAX_BITMAP_SHIFT)
		add_problem(problems, "%s is %llu, %s has %llu bytes", p->total, total,
			    p->name, sum);
}

static void check_props(const void *fdt, int node, const struct kho_spec_node *spec,
			json_object *problems)
{
	unsigned int i;

	for (i = 0; spec && i < spec->nr_props; i++) {
		const struct kho_spec_prop *p = &spec->props[i];

		if (!fdt_getprop(fdt, node, p->name, NULL)) {
			if (!p->optional)
				add_problem(problems, "%s is missing", p->name);
			continue;
		}
		if (p->total)
			check_total(fdt, node, p, problems);
	}
}

/* Two subnodes of a kind must differ in their key */
static bool same_key(const void *fdt, int a, int b, const char *key)
{
	const void *one, *other;
	int len, other_len;

	one = fdt_getprop(fdt, a, key, &len);
	other = fdt_getprop(fdt, b, key, &other_len);
	return one && other && len == other_len && !memcmp(one, other, len);
}

static void check_repeats(const void *fdt, int node, const struct kho_spec_node *spec,
			  json_object *problems)
{
	unsigned int i, nr;
	int sub, other;

	for (i = 0; spec && i < spec->nr_subnodes; i++) {
		const struct kho_spec_node *s = &spec->subnodes[i];
		bool twice = false;

		nr = 0;
		fdt_for_each_subnode(sub, fdt, node) {
			if (subspec(spec, fdt_get_name(fdt, sub, NULL)) != s)
				continue;
			/* More than the spec allows are not compared with each other */
			if (++nr > s->repeat_max || !s->repeat_key)
				continue;
			fdt_for_each_subnode(other, fdt, node) {
				if (other >= sub)
					break;
				if (subspec(spec, fdt_get_name(fdt, other, NULL)) == s)
					twice |= same_key(fdt, sub, other, s->repeat_key);
			}
		}
		if (nr < s->repeat_min)
			add_problem(problems, "%u of %s, at least %u", nr, s->name, s->repeat_min);
		if (nr > s->repeat_max)
			add_problem(problems, "%u of %s, at most %u", nr, s->name, s->repeat_max);
		if (twice)
			add_problem(problems, "two of %s have the same %s", s->name, s->repeat_key);
	}
}

static json_object *decode_props(const void *fdt, int node, const struct kho_spec_node *spec)
{
	json_object *list = json_object_new_array();
	const char *name;
	int offset;

	fdt_for_each_property_offset(offset, fdt, node) {
		struct value v = { };

		v.data = fdt_getprop_by_offset(fdt, offset, &name, &v.len);
		if (!v.data)
			continue;
		v.spec = prop_spec(spec, name);
		json_object_array_add(list, decode_prop(name, &v));
	}
	return list;
}

/* The tree that @node is the top of; @spec: its spec, or NULL */
json_object *decode_node(const void *fdt, int node, const struct kho_spec_node *spec)
{
	json_object *o = json_object_new_object(), *nodes = json_object_new_array();
	json_object *problems = json_object_new_array();
	const char *name = fdt_get_name(fdt, node, NULL);
	int sub;

	put_str(o, "name", *name ? name : "/");
	put_bool(o, "known", spec);
	put_str(o, "owner", spec ? spec->owner : NULL);
	put_str(o, "doc", spec ? spec->doc : NULL);
	check_props(fdt, node, spec, problems);
	check_repeats(fdt, node, spec, problems);
	json_object_object_add(o, "problems", problems);
	json_object_object_add(o, "properties", decode_props(fdt, node, spec));
	fdt_for_each_subnode(sub, fdt, node) {
		/* Those right below the root have owners of their own */
		const struct kho_spec_node *s = node ? subspec(spec, fdt_get_name(fdt, sub, NULL)) :
						       spec_of(fdt, sub);

		json_object_array_add(nodes, decode_node(fdt, sub, s));
	}
	json_object_object_add(o, "nodes", nodes);
	return o;
}

/* Call a function for each thing that breaks a spec */
void decode_problems(json_object *node, const char *path,
		     void (*fn)(const char *path, const char *problem, void *data), void *data)
{
	json_object *list = json_object_object_get(node, "problems");
	char at[2048];
	size_t i;

	for (i = 0; i < json_object_array_length(list); i++)
		fn(path, json_object_get_string(json_object_array_get_idx(list, i)), data);
	list = json_object_object_get(node, "properties");
	for (i = 0; i < json_object_array_length(list); i++) {
		json_object *p = json_object_array_get_idx(list, i);

		if (!get_text(p, "problem"))
			continue;
		snprintf(at, sizeof(at), "%s:%s", path, get_text(p, "name"));
		fn(at, get_text(p, "problem"), data);
	}
	list = json_object_object_get(node, "nodes");
	for (i = 0; i < json_object_array_length(list); i++) {
		json_object *sub = json_object_array_get_idx(list, i);

		snprintf(at, sizeof(at), "%s%s%s", path, path[1] ? "/" : "", get_text(sub, "name"));
		decode_problems(sub, at, fn, data);
	}
}
