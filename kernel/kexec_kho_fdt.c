// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kexec HandOver: pure reading and checking of a blob.
 *
 * No kernel state and no allocation, only libfdt and CRC-32, so that this file
 * also builds on the host, for fuzzers and tools. Whatever the blob says, the
 * work here is bounded by its size and nothing outside of it is read.
 */
#include <linux/bitmap.h>
#include <linux/crc32.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/libfdt.h>
#include <linux/log2.h>
#include <linux/string.h>

#include "kexec_kho_fdt.h"

#define KHO_RANGE_BYTES		(2 * sizeof(fdt64_t))

/**
 * kho_crc() - CRC-32 as zlib has it
 * @crc: 0, or the CRC of what came before
 * @p:   data
 * @len: bytes in @p
 *
 * Return: the CRC of all of it.
 */
u32 kho_crc(u32 crc, const void *p, size_t len)
{
	return ~crc32_le(~crc, p, len);
}

/**
 * kho_range() - one range of a property, in CPU byte order
 * @ranges: the property
 * @i:      index, less than @ranges->nr
 *
 * Return: the range.
 */
struct kho_mem kho_range(const struct kho_ranges *ranges, unsigned int i)
{
	const void *cell = ranges->cells + i * KHO_RANGE_BYTES;

	return (struct kho_mem){
		.addr = fdt64_ld(cell),
		.len = fdt64_ld(cell + sizeof(fdt64_t)),
	};
}

static int cells_to_ranges(const void *cells, int len, struct kho_ranges *ranges)
{
	if (len < 0 || len % KHO_RANGE_BYTES)
		return -EINVAL;

	ranges->cells = cells;
	ranges->nr = len / KHO_RANGE_BYTES;
	return 0;
}

/**
 * kho_fdt_ranges() - find a property that is an array of ranges
 * @fdt:    the blob
 * @node:   offset of the node
 * @name:   the property
 * @ranges: where to put what was found
 *
 * Return: 0, -ENOENT without such a property, -EINVAL if its length is wrong.
 */
int kho_fdt_ranges(const void *fdt, int node, const char *name,
		   struct kho_ranges *ranges)
{
	const void *cells;
	int len;

	cells = fdt_getprop(fdt, node, name, &len);
	if (!cells)
		return -ENOENT;
	return cells_to_ranges(cells, len, ranges);
}

static int get_u32(const void *fdt, const char *name, u32 *val)
{
	const fdt32_t *prop;
	int len;

	prop = fdt_getprop(fdt, 0, name, &len);
	if (!prop || len != sizeof(*prop))
		return -EINVAL;

	*val = fdt32_ld(prop);
	return 0;
}

/* The CRC of a blob in which the checksum property is zero */
static u32 blob_crc(const void *fdt, const void *prop)
{
	const u32 zero = 0;
	size_t before = prop - fdt;
	size_t after = before + sizeof(zero);
	u32 crc;

	crc = kho_crc(0, fdt, before);
	crc = kho_crc(crc, &zero, sizeof(zero));
	return kho_crc(crc, fdt + after, fdt_totalsize(fdt) - after);
}

/**
 * struct strings - names of properties, as they are collected
 * @tab: where they are put
 * @len: bytes in there
 * @max: room for them
 */
struct strings {
	char *tab;
	size_t len;
	size_t max;
};

/* Offset of a name; like dtc, share the end of one that is there already */
static int find_or_add(struct strings *new, const char *name)
{
	size_t len = strlen(name) + 1, i;

	for (i = 0; i + len <= new->len; i++)
		if (!memcmp(new->tab + i, name, len))
			return i;

	if (len > new->max - new->len)
		return -FDT_ERR_NOSPACE;
	memcpy(new->tab + new->len, name, len);
	new->len += len;
	return new->len - len;
}

static int rename_prop(void *fdt, int offset, struct strings *new)
{
	const struct fdt_property *prop;
	int nameoff;

	prop = fdt_get_property_by_offset(fdt, offset, NULL);
	if (!prop)
		return -FDT_ERR_BADSTRUCTURE;
	nameoff = find_or_add(new, fdt_string(fdt, fdt32_ld(&prop->nameoff)));
	if (nameoff < 0)
		return nameoff;

	fdt32_st((void *)&prop->nameoff, nameoff);
	return 0;
}

/* Zero what is between a name or a value and the next tag */
static void clear_padding(void *fdt, int offset, u32 tag, int next)
{
	char *tree = fdt + fdt_off_dt_struct(fdt);
	int len;

	if (tag == FDT_PROP) {
		fdt_getprop_by_offset(fdt, offset, NULL, &len);
		offset += sizeof(struct fdt_property) + len;
	} else if (tag == FDT_BEGIN_NODE) {
		fdt_get_name(fdt, offset, &len);
		offset += sizeof(struct fdt_node_header) + len + 1;
	} else {
		return;
	}
	memset(tree + offset, 0, next - offset);
}

/* Have the names of properties in the order in which dtc puts them */
static int sort_strings(void *fdt, size_t size)
{
	size_t start = fdt_off_dt_strings(fdt);
	size_t end = start + fdt_size_dt_strings(fdt);
	struct strings new = { .tab = fdt + end, .max = size - end };
	int offset, next, err;
	u32 tag;

	for (offset = 0;; offset = next) {
		tag = fdt_next_tag(fdt, offset, &next);
		if (next < 0)
			return next;
		if (tag == FDT_END)
			break;
		clear_padding(fdt, offset, tag, next);
		err = tag == FDT_PROP ? rename_prop(fdt, offset, &new) : 0;
		if (err)
			return err;
	}

	memmove(fdt + start, new.tab, new.len);
	fdt_set_size_dt_strings(fdt, new.len);
	return 0;
}

/* Have the blocks follow each other as dtc puts them, without a gap */
static void close_gaps(void *fdt)
{
	size_t rsv = ALIGN(sizeof(struct fdt_header), 8);
	size_t tree = rsv + sizeof(struct fdt_reserve_entry);
	size_t strings = tree + fdt_size_dt_struct(fdt);

	memset(fdt + rsv, 0, sizeof(struct fdt_reserve_entry));
	memmove(fdt + tree, fdt + fdt_off_dt_struct(fdt),
		fdt_size_dt_struct(fdt));
	memmove(fdt + strings, fdt + fdt_off_dt_strings(fdt),
		fdt_size_dt_strings(fdt));

	fdt_set_off_mem_rsvmap(fdt, rsv);
	fdt_set_off_dt_struct(fdt, tree);
	fdt_set_off_dt_strings(fdt, strings);
	fdt_set_totalsize(fdt, strings + fdt_size_dt_strings(fdt));
}

/**
 * kho_fdt_seal() - bring a finished blob into its final form
 * @fdt:  the blob, with a u32 checksum property in its root and no memory
 *	reservations
 * @size: bytes that may be used at @fdt
 *
 * The form is that of dtc, so that what it compiles from its own output is this
 * very blob, checksum included.
 *
 * Return: 0, or a libfdt error; then the blob is of no use.
 */
int kho_fdt_seal(void *fdt, size_t size)
{
	const void *prop;
	int len, err;

	err = sort_strings(fdt, size);
	if (err)
		return err;
	close_gaps(fdt);

	prop = fdt_getprop(fdt, 0, KHO_ROOT_CHECKSUM, &len);
	if (!prop)
		return len;
	return fdt_setprop_inplace_u32(fdt, 0, KHO_ROOT_CHECKSUM,
				       blob_crc(fdt, prop));
}

static int check_header(const void *fdt, size_t window, struct kho_why *why)
{
	int err;

	if (window < sizeof(struct fdt_header))
		return kho_bad(why, "no room for an FDT in %zu bytes", window);

	err = fdt_check_header(fdt);
	if (err)
		return kho_bad(why, "not an FDT (%s)", fdt_strerror(err));
	if (fdt_version(fdt) < FDT_LAST_SUPPORTED_VERSION)
		return kho_bad(why, "FDT version %u is too old",
			       fdt_version(fdt));
	if (fdt_totalsize(fdt) > window)
		return kho_bad(why, "the FDT has %u bytes, its window %zu",
			       fdt_totalsize(fdt), window);
	if (fdt_off_dt_struct(fdt) % sizeof(fdt32_t))
		return kho_bad(why, "the FDT's structure is not aligned");
	return 0;
}

/**
 * struct shape - where in the structure of a blob a check is
 * @depth:   nodes that are open
 * @nodes:   nodes right below the root so far
 * @last:    the tag before, other than FDT_NOP
 * @has_mem: the node has a mem property
 */
struct shape {
	int depth;
	int nodes;
	u32 last;
	bool has_mem;
};

static int check_mem(const void *cells, int len, struct kho_why *why)
{
	struct kho_ranges ranges;
	unsigned int i;

	if (cells_to_ranges(cells, len, &ranges))
		return kho_bad(why, "a mem property has %d bytes", len);

	for (i = 0; i < ranges.nr; i++) {
		struct kho_mem mem = kho_range(&ranges, i);

		if (mem.addr + mem.len <= mem.addr)
			return kho_bad(why, "mem range %#llx+%#llx is empty or wraps",
				       mem.addr, mem.len);
		if ((mem.addr | mem.len) & ((1 << KHO_MIN_SHIFT) - 1))
			return kho_bad(why, "mem range %#llx+%#llx is not aligned",
				       mem.addr, mem.len);
	}
	return 0;
}

/* libfdt looks for the end of a name, as often as there are properties */
static bool has_short_name(const void *fdt, const struct fdt_property *prop)
{
	u32 at = fdt32_ld(&prop->nameoff), size = fdt_size_dt_strings(fdt);
	u32 max = KHO_MAX_NAME + 1;

	if (at >= size)
		return false;
	max = min(max, size - at);
	return strnlen(fdt + fdt_off_dt_strings(fdt) + at, max) < max;
}

static int check_prop(const void *fdt, int offset, struct shape *shape,
		      struct kho_why *why)
{
	const struct fdt_property *prop;
	int len;

	prop = fdt_get_property_by_offset(fdt, offset, &len);
	if (!prop || !has_short_name(fdt, prop))
		return kho_bad(why, "bad property at offset %d", offset);
	/* Nobody who asks libfdt would find it */
	if (shape->last == FDT_END_NODE)
		return kho_bad(why, "a property behind a node at offset %d",
			       offset);
	if (shape->depth == 1 ||
	    strcmp(fdt_string(fdt, fdt32_ld(&prop->nameoff)), KHO_PROP_MEM))
		return 0;

	if (shape->has_mem)
		return kho_bad(why, "two mem properties in a node");
	shape->has_mem = true;
	return check_mem(prop->data, len, why);
}

static int check_name(const void *fdt, int offset, int depth,
		      struct kho_why *why)
{
	bool is_root = depth == 1;
	const char *name;
	int len, i;

	name = fdt_get_name(fdt, offset, &len);
	if (!name)
		return kho_bad(why, "bad node at offset %d", offset);
	if (!len != is_root || len > KHO_MAX_NAME ||
	    !strcmp(name, ".") || !strcmp(name, ".."))
		return kho_bad(why, "wrong node name at offset %d", offset);
	for (i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] > '~' || name[i] == '/')
			return kho_bad(why, "wrong node name at offset %d",
				       offset);
	return 0;
}

static int begin_node(const void *fdt, int offset, struct shape *shape,
		      struct kho_why *why)
{
	shape->has_mem = false;
	if (++shape->depth > KHO_MAX_DEPTH)
		return kho_bad(why, "nodes are nested too deeply");
	if (shape->depth == 2 && ++shape->nodes > KHO_MAX_NODES)
		return kho_bad(why, "more than %d nodes", KHO_MAX_NODES);
	return check_name(fdt, offset, shape->depth, why);
}

/* One pass over all tags: what libfdt's other functions take for granted */
static int check_structure(const void *fdt, struct kho_why *why)
{
	struct shape shape = { };
	int offset = 0, next, err = 0;
	u32 tag;

	for (;; offset = next) {
		tag = fdt_next_tag(fdt, offset, &next);
		if (next < 0)
			return kho_bad(why, "bad FDT structure at offset %d (%s)",
				       offset, fdt_strerror(next));

		if (!shape.depth && (tag != FDT_BEGIN_NODE || offset))
			break;

		switch (tag) {
		case FDT_BEGIN_NODE:
			err = begin_node(fdt, offset, &shape, why);
			break;
		case FDT_END_NODE:
			shape.depth--;
			break;
		case FDT_PROP:
			err = check_prop(fdt, offset, &shape, why);
			break;
		case FDT_NOP:
			continue;
		default:
			return kho_bad(why, "the FDT ends inside of a node");
		}
		if (err)
			return err;
		shape.last = tag;
	}

	if (!offset || tag != FDT_END)
		return kho_bad(why, "the FDT is not one tree");
	return 0;
}

/* Lookups by name, here and in sysfs, have to find one node */
static int check_unique(const void *fdt, struct kho_why *why)
{
	int seen[KHO_MAX_NODES], nr = 0, node, i;

	fdt_for_each_subnode(node, fdt, 0) {
		const char *name = fdt_get_name(fdt, node, NULL);

		for (i = 0; i < nr; i++)
			if (!strcmp(fdt_get_name(fdt, seen[i], NULL), name))
				return kho_bad(why, "two nodes are named %s",
					       name);
		seen[nr++] = node;
	}
	return 0;
}

/* Whether text from a blob can be printed as it is */
static bool is_printable(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

static int check_compatible(const void *fdt, struct kho_why *why)
{
	const char *compatible;
	int len;

	compatible = fdt_getprop(fdt, 0, "compatible", &len);
	if (!compatible || !len || compatible[len - 1] ||
	    !is_printable(compatible))
		return kho_bad(why, "the FDT names no format");
	if (!fdt_stringlist_contains(compatible, len, KHO_ROOT_COMPATIBLE))
		return kho_bad(why, "its format is \"%.40s\", this kernel reads \""
			       KHO_ROOT_COMPATIBLE "\"", compatible);
	return 0;
}

static int check_crc(const void *fdt, struct kho_why *why)
{
	const fdt32_t *prop;
	int len;
	u32 crc;

	prop = fdt_getprop(fdt, 0, KHO_ROOT_CHECKSUM, &len);
	if (!prop || len != sizeof(*prop))
		return kho_bad(why, "the FDT has no checksum");

	crc = blob_crc(fdt, prop);
	if (crc != fdt32_ld(prop))
		return kho_bad(why, "the FDT's checksum is %#x, its contents give %#x",
			       fdt32_ld(prop), crc);
	return 0;
}

static int read_root(const void *fdt, struct kho_root *root,
		     struct kho_why *why)
{
	int len;

	root->release = fdt_getprop(fdt, 0, KHO_ROOT_KERNEL_RELEASE, &len);
	if (!root->release || !len || root->release[len - 1] ||
	    !is_printable(root->release))
		return kho_bad(why, "no valid " KHO_ROOT_KERNEL_RELEASE);
	if (get_u32(fdt, KHO_ROOT_HANDOVER_COUNT, &root->count))
		return kho_bad(why, "no " KHO_ROOT_HANDOVER_COUNT);
	if (get_u32(fdt, KHO_ROOT_POSSIBLE_CPUS, &root->cpus))
		root->cpus = 0;
	if (get_u32(fdt, KHO_ROOT_PAGE_SIZE, &root->page_size))
		root->page_size = 0;
	if (get_u32(fdt, KHO_ROOT_MEM_TABLE_CHECKSUM, &root->table_crc))
		return kho_bad(why, "no " KHO_ROOT_MEM_TABLE_CHECKSUM);
	if (kho_fdt_ranges(fdt, 0, KHO_ROOT_MEM_TABLE, &root->table))
		return kho_bad(why, "no valid " KHO_ROOT_MEM_TABLE);
	if (kho_fdt_ranges(fdt, 0, KHO_ROOT_SCRATCH, &root->scratch) ||
	    root->scratch.nr != 1)
		return kho_bad(why, "no valid " KHO_ROOT_SCRATCH);
	return 0;
}

/**
 * kho_fdt_walk_mem() - call a function for each mem property
 * @fdt: the blob, checked
 * @fn:  gets the ranges, the index of the top-level node that they are in, and
 *	the rest; an error ends the walk
 * @data: for @fn
 * @why: for @fn
 *
 * Return: 0, or what @fn returned.
 */
int kho_fdt_walk_mem(const void *fdt,
		     int (*fn)(const struct kho_ranges *ranges, unsigned int node,
			       void *data, struct kho_why *why),
		     void *data, struct kho_why *why)
{
	unsigned int nodes = 0;
	int offset, depth = 0;

	for (offset = fdt_next_node(fdt, 0, &depth); offset >= 0 && depth > 0;
	     offset = fdt_next_node(fdt, offset, &depth)) {
		struct kho_ranges ranges;
		int err;

		if (depth == 1)
			nodes++;
		if (kho_fdt_ranges(fdt, offset, KHO_PROP_MEM, &ranges))
			continue;
		err = fn(&ranges, nodes - 1, data, why);
		if (err)
			return err;
	}
	return 0;
}

/**
 * kho_fdt_check_tree() - check that a blob is a tree that libfdt can read
 * @fdt:    the blob, at an address that is a multiple of eight
 * @window: bytes that may be read at @fdt
 * @why:    filled with the reason if it is not
 *
 * Return: 0 or -EINVAL.
 */
int kho_fdt_check_tree(const void *fdt, size_t window, struct kho_why *why)
{
	return check_header(fdt, window, why) ?: check_structure(fdt, why);
}

/**
 * kho_fdt_check() - check a blob by itself and read its root node
 * @fdt:    the blob, at an address that is a multiple of eight
 * @window: bytes that may be read at @fdt
 * @root:   filled with what the root node says; it points into the blob
 * @why:    filled with the reason if the blob is refused
 *
 * Whether the memory that the blob speaks of exists is for the caller to see.
 *
 * Return: 0 or -EINVAL.
 */
int kho_fdt_check(const void *fdt, size_t window, struct kho_root *root,
		  struct kho_why *why)
{
	return kho_fdt_check_tree(fdt, window, why) ?:
	       check_compatible(fdt, why) ?:
	       check_crc(fdt, why) ?:
	       check_unique(fdt, why) ?:
	       read_root(fdt, root, why);
}

/**
 * kho_entry_check() - check one entry of the memory table
 * @e:          the entry
 * @min_addr:   where the entry before it ends
 * @page_shift: log2 of the reader's page size
 * @max_order:  largest order of folios that the reader knows
 * @why:        filled with the reason if the entry is refused
 *
 * What the bits of a chunk say is for kho_bits_check() to see.
 *
 * Return: 0 or -EINVAL.
 */
int kho_entry_check(const struct kho_entry *e, u64 min_addr,
		    unsigned int page_shift, unsigned int max_order,
		    struct kho_why *why)
{
	u64 addr = be64_to_cpu(e->addr), len = be64_to_cpu(e->len);
	u32 type = be32_to_cpu(e->type), shift = be32_to_cpu(e->shift);
	u32 max_shift = page_shift + max_order;
	u64 align;

	if (type != KHO_ENTRY_EXTENT && type != KHO_ENTRY_BITMAP)
		return kho_bad(why, "the memory table has an entry of unknown type %u",
			       type);
	if (type == KHO_ENTRY_BITMAP)
		max_shift = KHO_MAX_BITMAP_SHIFT;
	if (shift < KHO_MIN_SHIFT || shift > max_shift)
		return kho_bad(why, "preserved range %#llx+%#llx has folios of 2^%u bytes",
			       addr, len, shift);
	if (addr + len <= addr)
		return kho_bad(why, "preserved range %#llx+%#llx is empty or wraps",
			       addr, len);

	align = 1ULL << max(shift, page_shift);
	if (type == KHO_ENTRY_BITMAP)
		align = KHO_CHUNK_BYTES(shift);
	if ((addr | len) & (align - 1))
		return kho_bad(why, "preserved range %#llx+%#llx does not fit pages of %#llx bytes",
			       addr, len, align);
	if (type == KHO_ENTRY_BITMAP && len != align)
		return kho_bad(why, "the chunk at %#llx has %#llx bytes, not %#llx",
			       addr, len, align);
	if (addr < min_addr)
		return kho_bad(why, "preserved range %#llx+%#llx overlaps or is out of order",
			       addr, len);
	return 0;
}

/**
 * kho_bits_end() - end of the pages that a chunk preserves, small gaps included
 * @bits:  the page of bits
 * @shift: log2 of the bytes in each page of the chunk
 * @bit:   a page that is preserved
 *
 * Return: number of the last page before a gap, see KHO_GAP, plus one.
 */
unsigned long kho_bits_end(const __le64 *bits, unsigned int shift,
			   unsigned long bit)
{
	unsigned long words = KHO_CHUNK_PAGES(shift) / 64;
	unsigned long gap = max(KHO_GAP >> shift, 64) / 64;
	unsigned long last = bit / 64, i;

	for (i = last + 1; i < words && i <= last + gap; i++)
		if (bits[i])
			last = i;
	return last * 64 + fls64(le64_to_cpu(bits[last]));
}

/* Whether each group of so many bits (a power of two) is set whole or clear */
static bool is_grouped(u64 bits, unsigned int group)
{
	u64 all = (1ULL << group) - 1;

	if (group == 1)
		return true;
	for (; bits; bits >>= group)
		if ((bits & all) && (bits & all) != all)
			return false;
	return true;
}

/* Whether the pages of a chunk from @head to @end can be one folio */
static bool can_be_folio(const __le64 *bits, unsigned long head, unsigned long end)
{
	unsigned long nr = end - head;

	return test_bit_le(head, bits) && is_power_of_2(nr) && !(head % nr);
}

/**
 * kho_bits_check() - check the bits of a chunk
 * @bits:       the page of bits
 * @shift:      log2 of the bytes in each page of the chunk
 * @page_shift: log2 of the reader's page size, at most KHO_MAX_BITMAP_SHIFT
 * @max_order:  largest order of folios that the reader knows
 * @why:        filled with the reason if the chunk is refused
 *
 * Return: 0 or -EINVAL.
 */
int kho_bits_check(const __le64 *bits, unsigned int shift,
		   unsigned int page_shift, unsigned int max_order,
		   struct kho_why *why)
{
	unsigned long pages = KHO_CHUNK_PAGES(shift), head, end, i;
	unsigned int group = 1 << (max(shift, page_shift) - shift);
	const __le64 *joined = bits + pages / 64;

	for (i = 0; i < pages / 64; i++) {
		if (le64_to_cpu(joined[i] & ~bits[i]))
			return kho_bad(why, "a chunk has pages of a folio that are not preserved");
		if (!is_grouped(le64_to_cpu(bits[i]), group))
			return kho_bad(why, "the pages of a chunk do not fit pages of %#lx bytes",
				       1UL << page_shift);
	}

	if (find_next_bit_le(bits, pages, 0) == pages)
		return kho_bad(why, "a chunk has nothing in it");

	/* Folios of one page have no bit there */
	for (i = 0;; i = end) {
		head = find_next_bit_le(joined, pages, i);
		if (head >= pages)
			return 0;
		end = find_next_zero_bit_le(joined, pages, head);
		if (!head || !can_be_folio(bits, head - 1, end))
			return kho_bad(why, "a chunk has a folio that is none");
		if (ilog2(end - head + 1) + shift > page_shift + max_order)
			return kho_bad(why, "a chunk has a folio of %lu pages, too large here",
				       end - head + 1);
	}
}
