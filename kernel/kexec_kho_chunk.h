/* SPDX-License-Identifier: GPL-2.0-only */
/* Kexec HandOver: what is preserved of a chunk of memory, tracked and encoded */
#ifndef LINUX_KEXEC_KHO_CHUNK_H
#define LINUX_KEXEC_KHO_CHUNK_H

#include <linux/bitops.h>
#include <linux/find.h>
#include <linux/log2.h>

#include "kexec_kho_internal.h"

#define CHUNK_PAGES	KHO_CHUNK_PAGES(PAGE_SHIFT)

/* The order of a chunk that has not just single pages, nor just large folios of one order */
#define KHO_MIXED	U8_MAX

/* A chunk has no more blocks of this order than a word has bits */
#define KHO_LARGE_ORDER	ilog2(CHUNK_PAGES / BITS_PER_LONG)

/**
 * struct kho_chunk - what is preserved of a chunk of memory
 * @bits:  a page of bits, see KHO_CHUNK_PAGES(), or NULL: then it is blocks, that is
 *	large folios of one order, or as many pages
 * @heads: of these, a bit for each
 * @nr:    number of pages preserved
 * @order: order of all folios that are preserved in it, or KHO_MIXED
 * @block: of blocks, the number of pages as a power of two
 * @whole: the next kernel can find all of its pages
 */
struct kho_chunk {
	unsigned long *bits;
	unsigned long heads;
	unsigned int nr;
	u8 order;
	u8 block;
	bool whole;
};

/* The second half of the bits: a page belongs to the folio of the page before */
static inline unsigned long *kho_chunk_joined(const struct kho_chunk *c)
{
	return c->bits + BIT_WORD(CHUNK_PAGES);
}

/**
 * kho_chunk_next() - look for a page that is preserved
 * @c:   the chunk
 * @bit: where to begin
 *
 * Return: the first such page, or CHUNK_PAGES.
 */
static inline unsigned long kho_chunk_next(const struct kho_chunk *c,
					   unsigned long bit)
{
	unsigned long head;

	if (c->bits)
		return find_next_bit(c->bits, CHUNK_PAGES, bit);
	head = bit >> c->block;
	if (bit >= CHUNK_PAGES || test_bit(head, &c->heads))
		return bit;
	return find_next_bit(&c->heads, CHUNK_PAGES >> c->block, head) << c->block;
}

/**
 * kho_chunk_stop() - look for a page that is not preserved
 * @c:   the chunk
 * @bit: where to begin
 *
 * Return: the first such page, or CHUNK_PAGES.
 */
static inline unsigned long kho_chunk_stop(const struct kho_chunk *c,
					   unsigned long bit)
{
	unsigned long head;

	if (c->bits)
		return find_next_zero_bit(c->bits, CHUNK_PAGES, bit);
	head = bit >> c->block;
	if (bit >= CHUNK_PAGES || !test_bit(head, &c->heads))
		return bit;
	return find_next_zero_bit(&c->heads, CHUNK_PAGES >> c->block, head) << c->block;
}

/**
 * kho_chunk_folio() - how large a folio is
 * @c:   the chunk
 * @bit: the first page of the folio
 *
 * Return: number of pages.
 */
static inline unsigned long kho_chunk_folio(const struct kho_chunk *c,
					    unsigned long bit)
{
	if (!c->bits)
		return 1UL << c->order;
	return find_next_zero_bit(kho_chunk_joined(c), CHUNK_PAGES, bit + 1) - bit;
}

/* The block for which a chunk of its like needs no bits, as a power of two; 0 if it does */
static inline unsigned int kho_block_for(unsigned long bit, unsigned long nr,
					 unsigned int order)
{
	if (!order && !((bit | nr) % (1UL << KHO_LARGE_ORDER)))
		return KHO_LARGE_ORDER;
	return order >= KHO_LARGE_ORDER ? order : 0;
}

struct kho_chunk *kho_chunk_new(unsigned long index, unsigned int order,
				unsigned int block);
void kho_chunk_free(struct kho_chunk *c);
int kho_chunk_expand(struct kho_chunk *c);
void kho_chunk_add(struct kho_chunk *c, unsigned long bit, unsigned long nr,
		   unsigned int order);
void kho_chunk_drop(struct kho_chunk *c, unsigned long bit, unsigned long nr);
bool kho_chunk_is_joined(const struct kho_chunk *c, unsigned long bit);
bool kho_chunk_is_in_block(const struct kho_chunk *c, unsigned long bit);
int kho_chunks_check_hardware(struct xarray *chunks);
void kho_chunks_walk(struct xarray *chunks, void (*fn)(unsigned long pfn, unsigned long nr));
void kho_chunk_cut(struct kho_chunk *c, unsigned long bit);

int kho_table_make(struct kho_table *table, struct xarray *chunks);

#endif /* LINUX_KEXEC_KHO_CHUNK_H */
