// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kexec HandOver: the memory table that this kernel writes.
 *
 * The next kernel reads it before anything else, and needs room to boot in that is
 * neither preserved nor in gaps too small to use: how much that will be is found
 * out here, because a refusal costs nothing yet.
 */
#define pr_fmt(fmt) "kho: " fmt

#include <linux/bitmap.h>
#include <linux/crash_reserve.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kexec_handover_mm.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/xarray.h>

#include "kexec_kho_chunk.h"

/* A chunk with no more runs of pages than this needs no bits in the table */
#define MAX_RUNS	32
/* And one that has none has no more */
static_assert(CHUNK_PAGES >> KHO_LARGE_ORDER <= 2 * MAX_RUNS);

/**
 * kho_table_free() - free a memory table
 * @table: what kho_table_make() filled in, or nothing but zeroes
 */
void kho_table_free(struct kho_table *table)
{
	while (table->nr) {
		struct kho_mem *part = &table->part[--table->nr];

		kho_free_boot(phys_to_virt(part->addr), get_order(part->len));
	}
	kvfree(table->part);
	table->part = NULL;
}

/* The largest piece of memory that is to be had for up to @len bytes */
static int add_table_part(struct kho_table *table, size_t len)
{
	unsigned int order = min(get_order(len), MAX_PAGE_ORDER);
	void *p;

	for (;;) {
		p = kho_alloc_boot(GFP_KERNEL | __GFP_NOWARN |
				   (order ? __GFP_NORETRY : 0), order);
		if (p || !order)
			break;
		order--;
	}
	if (!p)
		return -ENOMEM;

	table->part[table->nr++] = (struct kho_mem){
		.addr = virt_to_phys(p),
		.len = min_t(size_t, len, PAGE_SIZE << order),
	};
	return 0;
}

static int alloc_table(struct kho_table *table, size_t len)
{
	int err = 0;

	table->part = kvcalloc(DIV_ROUND_UP(len, PAGE_SIZE) ?: 1,
			       sizeof(*table->part), GFP_KERNEL);
	if (!table->part)
		return -ENOMEM;

	while (len && !err) {
		err = add_table_part(table, len);
		if (!err)
			len -= table->part[table->nr - 1].len;
	}
	if (err)
		kho_table_free(table);
	return err;
}

/**
 * struct kho_encoder - a pass over all chunks that makes entries of them
 * @table: where they go; NULL if they are only counted
 * @e:     where the next one goes
 * @end:   end of the part of the table that has this
 * @part:  the next part
 * @nr:    number of entries so far
 * @bitmaps: how many of them are chunks
 * @run:   an extent that may go on in the next chunk, if its length is not zero
 * @order: the order of its folios
 */
struct kho_encoder {
	struct kho_table *table;
	struct kho_entry *e;
	struct kho_entry *end;
	const struct kho_mem *part;
	size_t nr;
	size_t bitmaps;
	struct kho_mem run;
	unsigned int order;
};

static void emit(struct kho_encoder *enc, const struct kho_entry *e)
{
	enc->nr++;
	if (!enc->table)
		return;

	if (enc->e == enc->end) {
		enc->e = phys_to_virt(enc->part->addr);
		enc->end = (void *)enc->e + enc->part->len;
		enc->part++;
	}
	*enc->e++ = *e;
}

static void end_extent(struct kho_encoder *enc)
{
	if (!enc->run.len)
		return;

	emit(enc, &(struct kho_entry){
		.addr = cpu_to_be64(enc->run.addr),
		.len = cpu_to_be64(enc->run.len),
		.type = cpu_to_be32(KHO_ENTRY_EXTENT),
		.shift = cpu_to_be32(PAGE_SHIFT + enc->order),
	});
	enc->run.len = 0;
}

static void add_extent(struct kho_encoder *enc, u64 addr, u64 len, unsigned int order)
{
	if (enc->run.addr + enc->run.len != addr || enc->order != order) {
		end_extent(enc);
		enc->run.addr = addr;
		enc->order = order;
	}
	enc->run.len += len;
}

static void add_bits(struct kho_encoder *enc, unsigned long index,
		     const struct kho_chunk *c)
{
	end_extent(enc);
	enc->bitmaps++;
	emit(enc, &(struct kho_entry){
		.addr = cpu_to_be64(index * KHO_CHUNK_BYTES(PAGE_SHIFT)),
		.len = cpu_to_be64(KHO_CHUNK_BYTES(PAGE_SHIFT)),
		.type = cpu_to_be32(KHO_ENTRY_BITMAP),
		.shift = cpu_to_be32(PAGE_SHIFT),
		.bitmap = cpu_to_be64(virt_to_phys(c->bits)),
	});
	if (!enc->table)
		return;

	enc->table->crc = kho_crc(enc->table->crc, c->bits, PAGE_SIZE);
	enc->table->bytes += PAGE_SIZE;
}

/* Pages from one on that are preserved in folios of the same size */
static unsigned long run_pages(const struct kho_chunk *c, unsigned long bit)
{
	unsigned long stop = kho_chunk_stop(c, bit), nr, end;

	if (c->order != KHO_MIXED)
		return stop - bit;

	nr = kho_chunk_folio(c, bit);
	end = bit + nr;
	if (nr == 1) {
		/* A page before one that is joined is the head of a folio */
		end = find_next_bit(kho_chunk_joined(c), stop, bit);
		return (end < stop ? end - 1 : stop) - bit;
	}
	while (end < stop && kho_chunk_folio(c, end) == nr)
		end += nr;
	return end - bit;
}

static bool has_few_runs(const struct kho_chunk *c)
{
	unsigned long bit = kho_chunk_next(c, 0);
	unsigned int nr = 0;

	while (bit < CHUNK_PAGES && nr <= MAX_RUNS) {
		bit = kho_chunk_next(c, bit + run_pages(c, bit));
		nr++;
	}
	return nr <= MAX_RUNS;
}

static void encode_chunk(struct kho_encoder *enc, unsigned long index,
			 const struct kho_chunk *c)
{
	u64 addr = index * KHO_CHUNK_BYTES(PAGE_SHIFT);
	unsigned long bit, nr;

	if (!has_few_runs(c)) {
		add_bits(enc, index, c);
		return;
	}
	for (bit = kho_chunk_next(c, 0); bit < CHUNK_PAGES;
	     bit = kho_chunk_next(c, bit + nr)) {
		nr = run_pages(c, bit);
		add_extent(enc, addr + PFN_PHYS((u64)bit), PFN_PHYS((u64)nr),
			   ilog2(kho_chunk_folio(c, bit)));
	}
}

static void encode(struct kho_encoder *enc, struct xarray *chunks)
{
	unsigned long index;
	struct kho_chunk *c;

	xa_for_each(chunks, index, c) {
		encode_chunk(enc, index, c);
		cond_resched();
	}
	end_extent(enc);
}

/* The pages that have the table and the bits of chunks, sorted */
static int list_table_pages(const struct kho_table *table, struct xarray *chunks,
			    struct kho_walk *w, size_t bitmaps)
{
	struct kho_mem *meta, *m;
	unsigned long index;
	struct kho_chunk *c;
	unsigned int i;

	w->metas = table->nr + bitmaps;
	meta = kvmalloc_array(w->metas ?: 1, sizeof(*meta), GFP_KERNEL);
	if (!meta)
		return -ENOMEM;

	for (m = meta, i = 0; i < table->nr; i++, m++) {
		m->addr = table->part[i].addr;
		m->len = PAGE_ALIGN(table->part[i].len);
	}
	xa_for_each(chunks, index, c)
		if (!has_few_runs(c))
			*m++ = (struct kho_mem){ virt_to_phys(c->bits), PAGE_SIZE };
	sort(meta, w->metas, sizeof(*meta), kho_mem_cmp, NULL);
	w->meta = meta;
	return 0;
}

static bool is_boot_range(u64 addr, u64 len)
{
	return kho_ram_was_there(PHYS_PFN(addr), PHYS_PFN(len));
}

/* The next kernel is likely to have a crash kernel as large as ours */
static u64 crashkernel_bytes(void)
{
	if (!IS_ENABLED(CONFIG_CRASH_RESERVE))
		return 0;
	return (crashk_res.end ? resource_size(&crashk_res) : 0) +
	       (crashk_low_res.end ? resource_size(&crashk_low_res) : 0);
}

/* How much memory the next kernel has to boot in, besides scratch */
static int find_room(struct kho_table *table, struct xarray *chunks, size_t bitmaps)
{
	struct kho_plan *plan __free(kfree) = kmalloc(sizeof(*plan), GFP_KERNEL);
	struct kho_walk walk = { .part = table->part, .parts = table->nr };
	u64 usable = table->ram - kho_scratch.len, taken;
	int err;

	err = plan ? list_table_pages(table, chunks, &walk, bitmaps) : -ENOMEM;
	if (err)
		return err;

	kho_plan_make(plan, &walk, is_boot_range, usable,
		      kho_ample_room(table->ram));
	taken = plan->held + kho_firmware_bytes + crashkernel_bytes();
	table->left = usable - min(usable, taken);
	kvfree(walk.meta);
	return 0;
}

/**
 * kho_table_make() - encode what is preserved
 * @table:  filled with the table
 * @chunks: what is preserved: struct kho_chunk by number
 *
 * Context: nobody changes the chunks. May sleep.
 * Return: 0 or -ENOMEM.
 */
int kho_table_make(struct kho_table *table, struct xarray *chunks)
{
	struct kho_encoder count = { };
	unsigned int i;
	int err;

	*table = (struct kho_table){ .ram = kho_ram_bytes() };
	encode(&count, chunks);
	err = alloc_table(table, count.nr * sizeof(struct kho_entry));
	if (err)
		return err;

	encode(&(struct kho_encoder){ .table = table, .part = table->part }, chunks);
	for (i = 0; i < table->nr; i++) {
		const struct kho_mem *part = &table->part[i];

		table->crc = kho_crc(table->crc, phys_to_virt(part->addr),
				     part->len);
		table->bytes += part->len;
	}

	err = find_room(table, chunks, count.bitmaps);
	if (err)
		kho_table_free(table);
	return err;
}

/**
 * kho_table_is_sound() - whether the hardware has failed nowhere in a table
 * @table: the table; kho_chunks_check_hardware() looks at the bits of chunks
 *
 * Return: true if so.
 */
bool kho_table_is_sound(const struct kho_table *table)
{
	unsigned int i;

	for (i = 0; i < table->nr; i++)
		if (!kho_ram_is_sound(table->part[i].addr, table->part[i].len))
			return false;
	return true;
}

/**
 * kho_table_check() - whether a kernel with pages of another size can take it all
 * @table:      the table of an active handover
 * @page_shift: log2 of that size
 * @why:        filled with the reason if it cannot
 *
 * Of its largest folios, only the usual order for that size is known.
 *
 * Context: holds the activation lock.
 * Return: 0 or -EINVAL.
 */
int kho_table_check(const struct kho_table *table, unsigned int page_shift,
		    struct kho_why *why)
{
	unsigned int max_order = page_shift >= 16 ? 13 : page_shift >= 14 ? 11 : 10;
	u64 room = kho_boot_room_for(table->ram, page_shift);
	unsigned int i;
	int err = 0;

	if (table->left < room)
		return kho_bad(why, "it leaves %llu KiB, and such a kernel boots in %llu KiB",
			       table->left >> 10, room >> 10);
	for (i = 0; i < table->nr; i++) {
		const struct kho_entry *e = phys_to_virt(table->part[i].addr);
		const struct kho_entry *end = (void *)e + table->part[i].len;

		for (; !err && e < end; e++) {
			err = kho_entry_check(e, 0, page_shift, max_order, why);
			if (!err && e->bitmap)
				err = kho_bits_check(phys_to_virt(be64_to_cpu(e->bitmap)),
						     PAGE_SHIFT, page_shift,
						     max_order, why);
		}
	}
	return err;
}

#if IS_ENABLED(CONFIG_KEXEC_HANDOVER_KUNIT_TEST)
#include "kexec_kho_table_test.c"
#endif
