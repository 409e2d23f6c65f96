// SPDX-License-Identifier: GPL-2.0-only
/*
 * kho: a handover FDT and its memory table, from a file or from sysfs. The
 * kernel's own kexec_kho_fdt.c says whether they are good.
 */
#include <errno.h>
#include <libfdt.h>

#include "kho.h"

/* The largest folios of a file are not known here: of any order there is */
#define ANY_ORDER	20
#define TABLE_MAX	(1UL << 30)

static const char *const dirs[] = { [FROM_IN] = SYS_FW, [FROM_OUT] = SYS_KHO };

u64 blob_ranges_len(const struct kho_ranges *ranges)
{
	unsigned int i;
	u64 sum = 0;

	for (i = 0; i < ranges->nr; i++)
		sum += kho_range(ranges, i).len;
	return sum;
}

struct walk {
	blob_mem_fn fn;
	void *data;
};

static int walk_ranges(const struct kho_ranges *ranges, unsigned int node, void *data,
		       struct kho_why *why)
{
	const struct walk *walk = data;
	unsigned int i;

	for (i = 0; i < ranges->nr; i++) {
		struct kho_mem mem = kho_range(ranges, i);

		walk->fn(&mem, node, walk->data);
	}
	return 0;
}

/* Call a function for each range of a mem property, with the index of its top-level node */
void blob_walk_mem(const struct blob *blob, blob_mem_fn fn, void *data)
{
	struct walk walk = { fn, data };
	struct kho_why why;

	kho_fdt_walk_mem(blob->fdt, walk_ranges, &walk, &why);
}

struct sum {
	unsigned int node;
	u64 len;
};

static void add_mem(const struct kho_mem *mem, unsigned int node, void *data)
{
	struct sum *sum = data;

	if (node == sum->node)
		sum->len += mem->len;
}

/* The bytes that a top-level node lists */
u64 blob_mem_len(const struct blob *blob, unsigned int node)
{
	struct sum sum = { node };

	blob_walk_mem(blob, add_mem, &sum);
	return sum.len;
}

/**
 * struct table_walk - the file of a memory table as it is read
 * @end:     where its entries end: at the bits of the first chunk
 * @from:    addresses below are behind
 * @shift:   log2 of the reader's page size
 * @fn:      is called for each run of pages; it may be NULL
 * @data:    for @fn
 */
struct table_walk {
	size_t end;
	u64 from;
	unsigned int shift;
	blob_run_fn fn;
	void *data;
};

static void walk_bits(const struct table_walk *w, u64 addr, const void *bits, unsigned int shift,
		      unsigned long pages)
{
	unsigned long from, to;

	for (to = 0; w->fn; ) {
		from = find_next_bit_le(bits, pages, to);
		if (from >= pages)
			return;
		to = find_next_zero_bit_le(bits, pages, from);
		w->fn(&(struct kho_mem){ addr + ((u64)from << shift), (u64)(to - from) << shift },
		      w->data);
	}
}

/*
 * In what arrived a bit may stand for larger pages than in a handover. The kernel's checks
 * know no such chunk; this kernel has made it of one that they passed.
 */
static int walk_chunk(const struct blob *blob, struct table_walk *w, const struct kho_entry *e,
		      struct kho_why *why)
{
	u64 at = be64_to_cpu(e->bitmap), addr = be64_to_cpu(e->addr), len = be64_to_cpu(e->len);
	u32 shift = be32_to_cpu(e->shift);
	u64 pages = len >> shift;

	if (!pages || pages % 512 || at % 8 || at < w->end || at > blob->table_size ||
	    pages / 4 > blob->table_size - at)
		return kho_bad(why, "the memory table's file has no bits for the chunk at %#llx",
			       addr);
	if (len == KHO_CHUNK_BYTES(shift) &&
	    kho_bits_check(blob->table + at, shift, w->shift, ANY_ORDER, why))
		return -EINVAL;
	walk_bits(w, addr, blob->table + at, shift, pages);
	return 0;
}

static int walk_entry(const struct blob *blob, struct table_walk *w, const struct kho_entry *e,
		      struct kho_why *why)
{
	u64 addr = be64_to_cpu(e->addr), len = be64_to_cpu(e->len);
	u32 shift = be32_to_cpu(e->shift);
	bool is_chunk = be32_to_cpu(e->type) == KHO_ENTRY_BITMAP;
	bool is_ours = blob->source == FROM_IN && is_chunk && shift >= KHO_MIN_SHIFT &&
		       shift <= KHO_MAX_BITMAP_SHIFT && addr >= w->from && addr + len > addr;

	if (!is_ours && kho_entry_check(e, w->from, w->shift, ANY_ORDER, why))
		return -EINVAL;
	w->from = addr + len;
	if (is_chunk)
		return walk_chunk(blob, w, e, why);
	if (w->fn)
		w->fn(&(struct kho_mem){ addr, len }, w->data);
	return 0;
}

/* Where the bits of the first chunk begin, or the end of the file */
static size_t entries_end(const struct blob *blob)
{
	const struct kho_entry *e = blob->table;
	size_t i;

	for (i = 0; i < blob->table_size / sizeof(*e); i++)
		if (be32_to_cpu(e[i].type) == KHO_ENTRY_BITMAP)
			return min(be64_to_cpu(e[i].bitmap), blob->table_size);
	return blob->table_size;
}

/**
 * blob_walk_table() - check the memory table, and look at all that is preserved
 * @blob: with a table
 * @fn:   is called for each run of pages; it may be NULL
 * @data: for @fn
 * @why:  filled with the reason if the table is bad
 *
 * With chunks, the checksum cannot be checked here: it is over the addresses of their
 * bits, too, which the file does not have.
 *
 * Return: 0 or -EINVAL.
 */
int blob_walk_table(const struct blob *blob, blob_run_fn fn, void *data, struct kho_why *why)
{
	struct table_walk w = { entries_end(blob), 0, KHO_MIN_SHIFT, fn, data };
	const struct kho_entry *e = blob->table, *last = e + w.end / sizeof(*e);
	u64 len = blob_ranges_len(&blob->root.table);
	u32 crc;

	if (blob->source != FROM_FILE)
		w.shift = ilog2(sysconf(_SC_PAGESIZE));
	if (w.end % sizeof(*e) || len != w.end)
		return kho_bad(why, "the memory table has %llu bytes, the entries in its file %zu",
			       len, w.end);
	crc = w.end ? kho_crc(0, blob->table, w.end) : 0;
	if (w.end == blob->table_size && crc != blob->root.table_crc)
		return kho_bad(why, "the memory table's checksum is %#x, its contents give %#x",
			       blob->root.table_crc, crc);
	for (; e < last; e++)
		if (walk_entry(blob, &w, e, why))
			return -EINVAL;
	return 0;
}

bool blob_has_chunks(const struct blob *blob)
{
	return entries_end(blob) != blob->table_size;
}

static int open_table(struct blob *blob, const char *what)
{
	int fd __free(close) = -1;

	if (blob->source == FROM_FILE && !opt.table)
		return KHO_OK;
	fd = opt.table ? open(opt.table, O_RDONLY | O_CLOEXEC) :
			 sys_open(O_RDONLY, "%s/table", dirs[blob->source]);
	/* A kernel may not have that file */
	if (fd < 0 && !opt.table)
		return KHO_OK;
	blob->table = fd < 0 ? NULL : read_all(fd, &blob->table_size, TABLE_MAX);
	if (!blob->table)
		return fail(KHO_NO, what, "%s: %s; give a copy of " SYS_KHO "/table",
			    opt.table ?: "table", strerror(errno));
	return KHO_OK;
}

static int read_fdt(struct blob *blob, int fd, const char *what)
{
	struct kho_why why;

	blob->fdt = fd < 0 ? NULL : read_all(fd, &blob->size, KHO_FDT_MAX);
	if (!blob->fdt)
		return fail(KHO_NO, what,
			    "%s: %s; give a copy of " SYS_KHO "/fdt or " SYS_FW "/fdt",
			    blob->name, strerror(errno));
	if (!blob->size && blob->source == FROM_OUT)
		return fail(KHO_NO, what, "%s: no handover is active; kho activate makes one",
			    blob->name);
	if (kho_fdt_check(blob->fdt, blob->size, &blob->root, &why)) {
		/* Nobody walks it */
		free(blob->fdt);
		blob->fdt = NULL;
		return fail(KHO_NO, what, "%s: %s; give a good copy, a kernel refuses this one",
			    blob->name, why.text);
	}
	return KHO_OK;
}

int blob_open_sysfs(struct blob *blob, const char *what, enum source source)
{
	int fd __free(close) = sys_open(O_RDONLY, "%s/fdt", dirs[source]);

	*blob = (struct blob){ .source = source,
			       .name = source == FROM_IN ? SYS_FW "/fdt" : SYS_KHO "/fdt" };
	if (fd < 0 && errno == ENOENT && source == FROM_IN)
		return sys_exists(SYS_FW) ?
		       fail(KHO_NO, what, "no handover has arrived; see kho status") :
		       fail(KHO_OFF, what, "this kernel has no KHO; boot one that has it");
	if (fd < 0 && errno == ENOENT)
		return sys_needs_kho(what) ?:
			fail(KHO_NO, what, "no handover can be read; report it");
	return read_fdt(blob, fd, what) ?: open_table(blob, what);
}

int blob_open_file(struct blob *blob, const char *what, const char *name)
{
	/* A pipe that nobody writes to is empty; from another, all is read */
	int fd __free(close) = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	*blob = (struct blob){ .name = name };
	if (fd >= 0)
		fcntl(fd, F_SETFL, 0);
	return read_fdt(blob, fd, what) ?: open_table(blob, what);
}

/* What the command line names; else the outgoing one if it is active, or what arrived */
int blob_open(struct blob *blob, const char *what)
{
	if (!opt.args[0])
		return blob_open_sysfs(blob, what, opt.out ||
				       (!opt.in && sys_number(SYS_KHO "/active") == 1) ?
				       FROM_OUT : FROM_IN);
	return blob_open_file(blob, what, opt.args[0]);
}

void blob_close(struct blob *blob)
{
	free(blob->fdt);
	free(blob->table);
}
