// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kexec HandOver: the properties of a node, written and read within the limits
 * of its spec.
 *
 * What is written follows the same rules as what is read: a node that the next
 * kernel would not take is refused here. This uses libfdt only, so it builds
 * outside of the kernel, too.
 */
#define pr_fmt(fmt) "kho: " fmt

#include <linux/align.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/kexec_handover_node.h>
#include <linux/printk.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "kexec_kho_fdt.h"

/* No page is larger: what has some bytes has less than this many in vain */
#define MAX_PAGE	SZ_64K

/*
 * Writing. What kho_node_put_*() have in common: the FDT, as the notifier got it,
 * the property's name, its value, and what values, or how many bytes or elements,
 * its spec allows. They return 0 or a libfdt error, -FDT_ERR_BADVALUE after a line
 * that says which limit was overstepped.
 */

#define bad_value(prop, fmt, ...)					\
	(pr_err("%s: " fmt "\n", prop, ##__VA_ARGS__), -FDT_ERR_BADVALUE)

static bool is_text(const char *text, size_t len)
{
	while (len--)
		if (*text < ' ' || *text++ > '~')
			return false;
	return true;
}

static int bad_count(const char *prop, u64 nr, u64 min, u64 max, const char *what)
{
	if (nr >= min && nr <= max)
		return 0;
	return bad_value(prop, "%llu %s are not %llu to %llu", nr, what, min, max);
}

/**
 * kho_node_begin() - begin a node of the root
 * @fdt:        the FDT, as the notifier got it
 * @name:       the node's name
 * @compatible: its formats, newest first, each with its NUL
 * @len:        bytes in @compatible
 *
 * Return: 0 or a libfdt error.
 */
int kho_node_begin(void *fdt, const char *name, const char *compatible, size_t len)
{
	return fdt_begin_node(fdt, name) ?:
	       fdt_property(fdt, "compatible", compatible, len);
}
EXPORT_SYMBOL_GPL(kho_node_begin);

/**
 * kho_node_begin_nr() - begin one of a node's numbered subnodes
 * @fdt:    the FDT, in the node
 * @prefix: what the number is put behind
 * @nr:     the number
 * @max:    so many there can be
 *
 * Return: 0 or a libfdt error.
 */
int kho_node_begin_nr(void *fdt, const char *prefix, unsigned int nr, unsigned int max)
{
	char name[KHO_MAX_NAME + 1];

	if (nr >= max)
		return bad_value(prefix, "number %u is one too many", nr);
	snprintf(name, sizeof(name), "%s%u", prefix, nr);
	return fdt_begin_node(fdt, name);
}
EXPORT_SYMBOL_GPL(kho_node_begin_nr);

int kho_node_put_u32(void *fdt, const char *prop, u32 val, u32 min, u32 max)
{
	if (val < min || val > max)
		return bad_value(prop, "%u is not %u to %u", val, min, max);
	return fdt_property_u32(fdt, prop, val);
}
EXPORT_SYMBOL_GPL(kho_node_put_u32);

int kho_node_put_u64(void *fdt, const char *prop, u64 val, u64 min, u64 max)
{
	if (val < min || val > max)
		return bad_value(prop, "%llu is not %llu to %llu", val, min, max);
	return fdt_property_u64(fdt, prop, val);
}
EXPORT_SYMBOL_GPL(kho_node_put_u64);

int kho_node_put_phys(void *fdt, const char *prop, u64 phys, u64 align)
{
	if (!IS_ALIGNED(phys, align))
		return bad_value(prop, "%#llx is not aligned to %#llx", phys, align);
	return fdt_property_u64(fdt, prop, phys);
}
EXPORT_SYMBOL_GPL(kho_node_put_phys);

int kho_node_put_string(void *fdt, const char *prop, const char *text, size_t min,
			size_t max)
{
	size_t len = strnlen(text, max);

	if (len + 1 < min || len == max || !is_text(text, len))
		return bad_value(prop, "not %zu to %zu printable characters",
				 min - 1, max - 1);
	return fdt_property(fdt, prop, text, len + 1);
}
EXPORT_SYMBOL_GPL(kho_node_put_string);

int kho_node_put_bytes(void *fdt, const char *prop, const void *bytes, size_t len,
		       size_t min, size_t max)
{
	return bad_count(prop, len, min, max, "bytes") ?:
	       fdt_property(fdt, prop, bytes, len);
}
EXPORT_SYMBOL_GPL(kho_node_put_bytes);

int kho_node_put_u32s(void *fdt, const char *prop, const u32 *val, unsigned int nr,
		      unsigned int min, unsigned int max)
{
	fdt32_t *cell;
	void *cells;
	int err;

	err = bad_count(prop, nr, min, max, "elements") ?:
	      fdt_property_placeholder(fdt, prop, nr * sizeof(*cell), &cells);
	for (cell = cells; !err && nr; nr--)
		*cell++ = cpu_to_fdt32(*val++);
	return err;
}
EXPORT_SYMBOL_GPL(kho_node_put_u32s);

int kho_node_put_u64s(void *fdt, const char *prop, const u64 *val, unsigned int nr,
		      unsigned int min, unsigned int max, u64 align)
{
	fdt64_t *cell;
	void *cells;
	int err;

	err = bad_count(prop, nr, min, max, "elements") ?:
	      fdt_property_placeholder(fdt, prop, nr * sizeof(*cell), &cells);
	for (cell = cells; !err && nr; nr--, val++) {
		if (!IS_ALIGNED(*val, align))
			return bad_value(prop, "%#llx is not aligned to %#llx", *val,
					 align);
		fdt64_st(cell++, *val);
	}
	return err;
}
EXPORT_SYMBOL_GPL(kho_node_put_u64s);

int kho_node_put_vmalloc(void *fdt, const char *prop, const struct kho_vmalloc *kv,
			 unsigned int nr, unsigned int min, unsigned int max)
{
	return bad_count(prop, nr, min, max, "areas") ?:
	       fdt_property(fdt, prop, kv, nr * sizeof(*kv));
}
EXPORT_SYMBOL_GPL(kho_node_put_vmalloc);

int kho_node_put_mem(void *fdt, const struct kho_mem *mem, unsigned int nr,
		     unsigned int min, unsigned int max, u64 align)
{
	unsigned int i;
	int err;

	err = bad_count(KHO_PROP_MEM, nr, min, max, "ranges");
	for (i = 0; !err && i < nr; i++)
		if (!IS_ALIGNED(mem[i].addr | mem[i].len, align))
			err = bad_value(KHO_PROP_MEM, "%#llx+%#llx is not aligned to %#llx",
					mem[i].addr, mem[i].len, align);
	return err ?: kho_fdt_property_mem(fdt, mem, nr);
}
EXPORT_SYMBOL_GPL(kho_node_put_mem);

static u64 sum_of(const struct kho_mem *mem, unsigned int nr)
{
	u64 sum = 0;

	while (nr--)
		sum += mem[nr].len;
	return sum;
}

/* It may have been rounded up to whole pages, of any size; if it is less, this wraps */
static bool is_total(u64 sum, u64 total)
{
	return sum - total < MAX_PAGE;
}

/**
 * kho_node_put_total() - that ranges have as many bytes as a property will say
 * @prop:  the property
 * @total: its value
 * @mem:   the ranges
 * @nr:    their number
 *
 * Return: 0 or a libfdt error.
 */
int kho_node_put_total(const char *prop, u64 total, const struct kho_mem *mem,
		       unsigned int nr)
{
	u64 sum = sum_of(mem, nr);

	return is_total(sum, total) ? 0 :
		bad_value(prop, "%llu, but mem has %llu bytes", total, sum);
}
EXPORT_SYMBOL_GPL(kho_node_put_total);

/*
 * Reading. kho_node_get_*() have the same limits as their twins above, and fill in
 * the value. They return 0, or -EBADMSG after a line that says what is wrong.
 */

#define say_bad(fdt, node, prop, fmt, ...)				\
	pr_err("%s: %s: " fmt "\n", fdt_get_name(fdt, node, NULL), prop, ##__VA_ARGS__)

#define bad_node(fdt, node, prop, fmt, ...)				\
	(say_bad(fdt, node, prop, fmt, ##__VA_ARGS__), -EBADMSG)

/* NULL, and no @nr, if it is not there, or has no whole elements, or too few or too many */
static const void *get_prop(const void *fdt, int node, const char *prop, size_t size,
			    unsigned int min, unsigned int max, unsigned int *nr)
{
	int len;
	const void *data = fdt_getprop(fdt, node, prop, &len);

	if (!data) {
		say_bad(fdt, node, prop, "missing");
		return NULL;
	}
	if (len % size || len / size < min || len / size > max) {
		say_bad(fdt, node, prop, "%d bytes are not %u to %u times %zu", len,
			min, max, size);
		return NULL;
	}
	if (nr)
		*nr = len / size;
	return data;
}

/**
 * kho_node_find() - find a node of the root
 * @fdt:        kho_get_fdt(), or NULL
 * @name:       the node's name
 * @compatible: the format that it shall be in
 *
 * Return: its offset; -ENOENT if there is none; -EPROTONOSUPPORT if it is in
 * another format.
 */
int kho_node_find(const void *fdt, const char *name, const char *compatible)
{
	int node = fdt ? fdt_subnode_offset(fdt, 0, name) : -FDT_ERR_NOTFOUND;

	if (node < 0)
		return -ENOENT;
	return fdt_node_check_compatible(fdt, node, compatible) ? -EPROTONOSUPPORT : node;
}
EXPORT_SYMBOL_GPL(kho_node_find);

static bool has_prefix(const void *fdt, int node, const char *prefix)
{
	const char *name = fdt_get_name(fdt, node, NULL);

	return name && !strncmp(name, prefix, strlen(prefix));
}

static bool has_number(const void *fdt, int node, const char *prefix)
{
	const char *nr;

	if (!has_prefix(fdt, node, prefix))
		return false;
	nr = fdt_get_name(fdt, node, NULL) + strlen(prefix);
	return *nr && !nr[strspn(nr, "0123456789")];
}

/**
 * kho_node_next() - the next of a node's numbered subnodes
 * @fdt:    the FDT
 * @node:   the node
 * @prev:   the subnode before it, or 0
 * @prefix: what its name begins with
 *
 * Return: its offset, or -ENOENT.
 */
int kho_node_next(const void *fdt, int node, int prev, const char *prefix)
{
	int sub = prev ? fdt_next_subnode(fdt, prev) : fdt_first_subnode(fdt, node);

	while (sub >= 0 && !has_number(fdt, sub, prefix))
		sub = fdt_next_subnode(fdt, sub);
	return sub < 0 ? -ENOENT : sub;
}
EXPORT_SYMBOL_GPL(kho_node_next);

/**
 * kho_node_find_key() - find one of a node's numbered subnodes
 * @fdt:    the FDT
 * @node:   the node
 * @prefix: what its name begins with
 * @prop:   a property of it that is this string:
 * @key:    the string
 *
 * Return: its offset, or -ENOENT.
 */
int kho_node_find_key(const void *fdt, int node, const char *prefix, const char *prop,
		      const char *key)
{
	int sub = 0, len;

	while ((sub = kho_node_next(fdt, node, sub, prefix)) >= 0) {
		const char *text = fdt_getprop(fdt, sub, prop, &len);

		if (text && len == strlen(key) + 1 && !memcmp(text, key, len))
			return sub;
	}
	return -ENOENT;
}
EXPORT_SYMBOL_GPL(kho_node_find_key);

/* No subnode before it has the same string, nor does it have anything else */
static bool is_first(const void *fdt, int node, int sub, const char *prefix,
		     const char *prop)
{
	int len;
	const char *key = fdt_getprop(fdt, sub, prop, &len);

	if (!key)
		return true;
	return len && !key[len - 1] &&
	       kho_node_find_key(fdt, node, prefix, prop, key) == sub;
}

/**
 * kho_node_get_subnodes() - count a node's numbered subnodes
 * @fdt:    the FDT
 * @node:   the node
 * @prefix: what their names begin with; a number has to follow
 * @key:    a property that differs in each, or NULL
 * @min:    so many there have to be
 * @max:    and no more than this
 *
 * Return: 0 or -EBADMSG.
 */
int kho_node_get_subnodes(const void *fdt, int node, const char *prefix,
			  const char *key, unsigned int min, unsigned int max)
{
	unsigned int nr = 0;
	int sub;

	fdt_for_each_subnode(sub, fdt, node) {
		if (!has_prefix(fdt, sub, prefix))
			continue;
		if (!has_number(fdt, sub, prefix))
			return bad_node(fdt, sub, prefix, "no number is behind it");
		if (++nr > max)
			break;
		if (key && !is_first(fdt, node, sub, prefix, key))
			return bad_node(fdt, sub, key, "no string, or another has the same");
	}
	if (nr < min || nr > max)
		return bad_node(fdt, node, prefix, "%u%s subnodes, not %u to %u", nr,
				nr > max ? " or more" : "", min, max);
	return 0;
}
EXPORT_SYMBOL_GPL(kho_node_get_subnodes);

int kho_node_get_u32(const void *fdt, int node, const char *prop, u32 *val, u32 min,
		     u32 max)
{
	const fdt32_t *cell = get_prop(fdt, node, prop, sizeof(*cell), 1, 1, NULL);

	if (!cell)
		return -EBADMSG;
	*val = fdt32_to_cpu(*cell);
	if (*val < min || *val > max)
		return bad_node(fdt, node, prop, "%u is not %u to %u", *val, min, max);
	return 0;
}
EXPORT_SYMBOL_GPL(kho_node_get_u32);

int kho_node_get_u64(const void *fdt, int node, const char *prop, u64 *val, u64 min,
		     u64 max)
{
	const fdt64_t *cell = get_prop(fdt, node, prop, sizeof(*cell), 1, 1, NULL);

	if (!cell)
		return -EBADMSG;
	*val = fdt64_ld(cell);
	if (*val < min || *val > max)
		return bad_node(fdt, node, prop, "%llu is not %llu to %llu", *val, min,
				max);
	return 0;
}
EXPORT_SYMBOL_GPL(kho_node_get_u64);

int kho_node_get_phys(const void *fdt, int node, const char *prop, u64 *phys, u64 align)
{
	unsigned int nr;

	return kho_node_get_u64s(fdt, node, prop, phys, &nr, 1, 1, align);
}
EXPORT_SYMBOL_GPL(kho_node_get_phys);

int kho_node_get_string(const void *fdt, int node, const char *prop, char *text,
			size_t min, size_t max)
{
	unsigned int len;
	const char *data = get_prop(fdt, node, prop, 1, min, max, &len);

	if (!data)
		return -EBADMSG;
	if (data[len - 1] || !is_text(data, len - 1))
		return bad_node(fdt, node, prop, "not one string of printable characters");
	memcpy(text, data, len);
	return 0;
}
EXPORT_SYMBOL_GPL(kho_node_get_string);

int kho_node_get_bytes(const void *fdt, int node, const char *prop, void *bytes,
		       unsigned int *len, size_t min, size_t max)
{
	const void *data = get_prop(fdt, node, prop, 1, min, max, len);

	if (data)
		memcpy(bytes, data, *len);
	return data ? 0 : -EBADMSG;
}
EXPORT_SYMBOL_GPL(kho_node_get_bytes);

int kho_node_get_flag(const void *fdt, int node, const char *prop, bool *set)
{
	*set = fdt_getprop(fdt, node, prop, NULL);
	return *set && !get_prop(fdt, node, prop, 1, 0, 0, NULL) ? -EBADMSG : 0;
}
EXPORT_SYMBOL_GPL(kho_node_get_flag);

int kho_node_get_u32s(const void *fdt, int node, const char *prop, u32 *val,
		      unsigned int *nr, unsigned int min, unsigned int max)
{
	const fdt32_t *cell = get_prop(fdt, node, prop, sizeof(*cell), min, max, nr);
	unsigned int i;

	if (!cell)
		return -EBADMSG;
	for (i = 0; i < *nr; i++)
		val[i] = fdt32_to_cpu(cell[i]);
	return 0;
}
EXPORT_SYMBOL_GPL(kho_node_get_u32s);

int kho_node_get_u64s(const void *fdt, int node, const char *prop, u64 *val,
		      unsigned int *nr, unsigned int min, unsigned int max, u64 align)
{
	const fdt64_t *cell = get_prop(fdt, node, prop, sizeof(*cell), min, max, nr);
	unsigned int i;

	if (!cell)
		return -EBADMSG;
	for (i = 0; i < *nr; i++) {
		val[i] = fdt64_ld(cell + i);
		if (!IS_ALIGNED(val[i], align))
			return bad_node(fdt, node, prop, "%#llx is not aligned to %#llx",
					val[i], align);
	}
	return 0;
}
EXPORT_SYMBOL_GPL(kho_node_get_u64s);

int kho_node_get_vmalloc(const void *fdt, int node, const char *prop,
			 struct kho_vmalloc *kv, unsigned int *nr, unsigned int min,
			 unsigned int max)
{
	unsigned int found;
	const void *data = get_prop(fdt, node, prop, sizeof(*kv), min, max, &found);

	if (data)
		memcpy(kv, data, found * sizeof(*kv));
	if (data && nr)
		*nr = found;
	return data ? 0 : -EBADMSG;
}
EXPORT_SYMBOL_GPL(kho_node_get_vmalloc);

int kho_node_get_mem(const void *fdt, int node, struct kho_mem *mem, unsigned int *nr,
		     unsigned int min, unsigned int max, u64 align)
{
	struct kho_ranges ranges = { };
	unsigned int i;

	ranges.cells = get_prop(fdt, node, KHO_PROP_MEM, sizeof(*mem), min, max, &ranges.nr);
	*nr = 0;
	for (i = 0; i < ranges.nr; i++) {
		mem[i] = kho_range(&ranges, i);
		if (!IS_ALIGNED(mem[i].addr | mem[i].len, align))
			return bad_node(fdt, node, KHO_PROP_MEM,
					"%#llx+%#llx is not aligned to %#llx",
					mem[i].addr, mem[i].len, align);
	}
	*nr = ranges.nr;
	return ranges.cells ? 0 : -EBADMSG;
}
EXPORT_SYMBOL_GPL(kho_node_get_mem);

/**
 * kho_node_get_total() - that ranges have as many bytes as a property says
 * @fdt:   the FDT
 * @node:  the node
 * @prop:  the property
 * @total: its value
 * @mem:   the ranges
 * @nr:    their number
 *
 * Return: 0 or -EBADMSG.
 */
int kho_node_get_total(const void *fdt, int node, const char *prop, u64 total,
		       const struct kho_mem *mem, unsigned int nr)
{
	u64 sum = sum_of(mem, nr);

	return is_total(sum, total) ? 0 :
		bad_node(fdt, node, prop, "%llu, but mem has %llu bytes", total, sum);
}
EXPORT_SYMBOL_GPL(kho_node_get_total);
