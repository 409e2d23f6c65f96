// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kexec HandOver: what is preserved of one chunk of memory.
 *
 * Large blocks of one kind need a bit each. Anything else needs two for each page,
 * in a page of bits, in the form that the memory table wants.
 */
#define pr_fmt(fmt) "kho: " fmt

#include <linux/bitmap.h>
#include <linux/io.h>
#include <linux/kexec_handover_mm.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "kexec_kho_chunk.h"

/* Then the order of bits is that of the table; see Kconfig */
static_assert(IS_ENABLED(CONFIG_64BIT) && !IS_ENABLED(CONFIG_CPU_BIG_ENDIAN));
/* No folio is in two chunks */
static_assert(MAX_ORDER_NR_PAGES <= CHUNK_PAGES);

/**
 * kho_chunk_free() - free a chunk
 * @c: the chunk, or NULL
 */
void kho_chunk_free(struct kho_chunk *c)
{
	if (c)
		free_page((unsigned long)c->bits);
	kfree(c);
}

/**
 * kho_chunk_new() - make a chunk in which nothing is preserved
 * @index: its number
 * @order: of the folios that will be preserved
 * @block: how many pages, as a power of two, if all come in blocks of so many; or 0
 *
 * Return: the chunk, or NULL if there is no memory.
 */
struct kho_chunk *kho_chunk_new(unsigned long index, unsigned int order,
				unsigned int block)
{
	struct kho_chunk *c = kzalloc(sizeof(*c), GFP_KERNEL);

	if (!c)
		return NULL;

	c->whole = kho_ram_is_usable(index * CHUNK_PAGES, CHUNK_PAGES);
	if (block) {
		c->order = order;
		c->block = block;
		return c;
	}
	c->bits = kho_alloc_boot(GFP_KERNEL, 0);
	if (c->bits)
		return c;
	kho_chunk_free(c);
	return NULL;
}

static void set_bits(struct kho_chunk *c, unsigned long bit, unsigned long nr,
		     bool folio)
{
	bitmap_set(c->bits, bit, nr);
	if (folio)
		bitmap_set(kho_chunk_joined(c), bit + 1, nr - 1);
}

/**
 * kho_chunk_expand() - have a chunk that can take anything
 * @c: the chunk
 *
 * Return: 0 or -ENOMEM.
 */
int kho_chunk_expand(struct kho_chunk *c)
{
	unsigned long head;

	if (c->bits)
		return 0;
	c->bits = kho_alloc_boot(GFP_KERNEL, 0);
	if (!c->bits)
		return -ENOMEM;
	for_each_set_bit(head, &c->heads, CHUNK_PAGES >> c->block)
		set_bits(c, head << c->block, 1UL << c->block, c->order);
	if (c->order)
		c->order = KHO_MIXED;
	return 0;
}

/**
 * kho_chunk_add() - note that something is preserved
 * @c:     the chunk; it has bits, or these are blocks as it has them
 * @bit:   the first page
 * @nr:    how many, none of which is preserved
 * @order: of the folio that they are; 0 for pages
 */
void kho_chunk_add(struct kho_chunk *c, unsigned long bit, unsigned long nr,
		   unsigned int order)
{
	c->nr += nr;
	if (!c->bits) {
		bitmap_set(&c->heads, bit >> c->block, nr >> c->block);
		return;
	}
	set_bits(c, bit, nr, order);
	if (order)
		c->order = KHO_MIXED;
}

static unsigned long nr_preserved(const struct kho_chunk *c, unsigned long bit,
				  unsigned long nr)
{
	unsigned long end = bit + nr, stop, sum = 0;

	for (;; bit = stop) {
		bit = kho_chunk_next(c, bit);
		if (bit >= end)
			return sum;
		stop = min(kho_chunk_stop(c, bit), end);
		sum += stop - bit;
	}
}

/**
 * kho_chunk_drop() - note that some pages are not preserved
 * @c:   the chunk
 * @bit: the first page; no block is cut there
 * @nr:  how many; nor at their end
 */
void kho_chunk_drop(struct kho_chunk *c, unsigned long bit, unsigned long nr)
{
	unsigned long head, end;

	if (c->bits) {
		c->nr -= nr_preserved(c, bit, nr);
		bitmap_clear(c->bits, bit, nr);
		bitmap_clear(kho_chunk_joined(c), bit, nr);
		return;
	}
	head = DIV_ROUND_UP(bit, 1UL << c->block);
	end = max(head, (bit + nr) >> c->block);
	c->nr -= nr_preserved(c, head << c->block, (end - head) << c->block);
	bitmap_clear(&c->heads, head, end - head);
}

/**
 * kho_chunk_is_joined() - whether a page belongs to the folio of the page before
 * @c:   the chunk
 * @bit: the page
 *
 * Return: true if so.
 */
bool kho_chunk_is_joined(const struct kho_chunk *c, unsigned long bit)
{
	if (c->bits)
		return test_bit(bit, kho_chunk_joined(c));
	return c->order && kho_chunk_is_in_block(c, bit);
}

/**
 * kho_chunk_is_in_block() - whether a page belongs to the block of the page before
 * @c:   the chunk
 * @bit: the page
 *
 * Return: true if so; false where there are bits.
 */
bool kho_chunk_is_in_block(const struct kho_chunk *c, unsigned long bit)
{
	return !c->bits && bit % (1UL << c->block) && test_bit(bit >> c->block, &c->heads);
}

/**
 * kho_chunk_cut() - make pages of the folio that a page belongs to
 * @c:   the chunk, with bits
 * @bit: the page, not the first of the folio
 */
void kho_chunk_cut(struct kho_chunk *c, unsigned long bit)
{
	unsigned long head = bit, *joined = kho_chunk_joined(c);
	unsigned long end = find_next_zero_bit(joined, CHUNK_PAGES, bit);

	while (test_bit(head, joined))
		head--;
	bitmap_clear(joined, head, end - head);
}

static int check_hardware(const struct kho_chunk *c, unsigned long index)
{
	unsigned long bit, stop, pfn, end;

	if (c->bits && !kho_ram_is_sound(virt_to_phys(c->bits), PAGE_SIZE)) {
		pr_err("the hardware has failed in the list of what is preserved of %#llx+%#llx: all owners of that must give it up\n",
		       PFN_PHYS((u64)index * CHUNK_PAGES), PFN_PHYS((u64)CHUNK_PAGES));
		return -EIO;
	}
	for (bit = kho_chunk_next(c, 0); bit < CHUNK_PAGES;
	     bit = kho_chunk_next(c, stop)) {
		stop = kho_chunk_stop(c, bit);
		end = index * CHUNK_PAGES + stop;
		pfn = kho_ram_find_poison(index * CHUNK_PAGES + bit, end);
		if (pfn == end)
			continue;
		pr_err("the page at %#llx is preserved, and the hardware has failed there: its owner must give it up\n",
		       PFN_PHYS((u64)pfn));
		return -EIO;
	}
	return 0;
}

/**
 * kho_chunks_check_hardware() - see whether the hardware has failed in what is preserved
 * @chunks: the chunks, by number
 *
 * Or in their bits. To read such memory is a panic, here or in the next kernel.
 *
 * Context: may sleep.
 * Return: 0; -EIO, with a line in the log.
 */
int kho_chunks_check_hardware(struct xarray *chunks)
{
	unsigned long index;
	struct kho_chunk *c;
	int err = 0;

	if (!kho_ram_is_any_poisoned())
		return 0;
	xa_for_each(chunks, index, c) {
		err = check_hardware(c, index);
		if (err)
			break;
	}
	return err;
}

/**
 * kho_chunks_walk() - go through what is preserved, in ascending order
 * @chunks: the chunks, by number
 * @fn: is called with each run of pages
 */
void kho_chunks_walk(struct xarray *chunks, void (*fn)(unsigned long pfn, unsigned long nr))
{
	unsigned long index, bit, end;
	struct kho_chunk *c;

	xa_for_each(chunks, index, c)
		for (bit = kho_chunk_next(c, 0); bit < CHUNK_PAGES;
		     bit = kho_chunk_next(c, end)) {
			end = kho_chunk_stop(c, bit);
			fn(index * CHUNK_PAGES + bit, end - bit);
		}
}
