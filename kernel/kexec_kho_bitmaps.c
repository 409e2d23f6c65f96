// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kexec HandOver: the bitmaps of the incoming side, as they are when it begins.
 */
#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/cache.h>
#include <linux/init.h>
#include <linux/mm.h>

#include "kexec_kho_early.h"

/*
 * Bits of this kernel for the pages of a chunk, whatever size they had: a larger one that
 * is no part of a folio is pages here.
 */
static void __init convert_bits(struct kho_extent *x)
{
	unsigned long pages = PHYS_PFN(x->mem.len), theirs = KHO_CHUNK_PAGES(x->shift);
	const __le64 *joined = x->bits + theirs / 64;
	unsigned long i;

	for (i = 0; i < pages; i++) {
		unsigned long bit = PFN_PHYS((u64)i) >> x->shift;
		bool first = PFN_PHYS((u64)i) == (u64)bit << x->shift;

		if (!test_bit_le(bit, x->bits))
			continue;
		__set_bit(i, x->kept);
		if (test_bit_le(bit, joined) ||
		    (!first && bit + 1 < theirs && test_bit_le(bit + 1, joined)))
			__set_bit(i, x->joined);
	}
}

static void __init copy_bits(struct kho_extent *x)
{
	unsigned long words = BITS_TO_LONGS(PHYS_PFN(x->mem.len)), i;

	for (i = 0; i < words; i++) {
		x->kept[i] = le64_to_cpu(x->bits[i]);
		x->joined[i] = le64_to_cpu(x->bits[words + i]);
	}
}

static void __init read_bits(struct kho_extent *x)
{
	unsigned long pages = PHYS_PFN(x->mem.len);

	if (x->shift == PAGE_SHIFT)
		copy_bits(x);
	else
		convert_bits(x);
	bitmap_complement(kho_in.taken + BIT_WORD(x->bit), x->kept, pages);
	kho_in.pages += bitmap_weight(x->kept, pages);
	x->bits = NULL;
}

/* What one bitmap of an extent takes */
static size_t extent_bytes(const struct kho_extent *x)
{
	return BITS_TO_LONGS(PHYS_PFN(x->mem.len)) * sizeof(long);
}

/* What one bitmap of all extents takes */
static size_t __init all_bytes(void)
{
	const struct kho_extent *x = kho_in.extent;
	size_t bytes = sizeof(long);

	for (; x < kho_in.extent + kho_in.extents; x++)
		bytes += extent_bytes(x);
	return bytes;
}

/*
 * Scratch is as large as it is for this. It is cut up by the kernel and what else is
 * in it: there may be a larger piece elsewhere, where all that is preserved is
 * reserved by now.
 */
static unsigned long *__init alloc_bits(size_t len, struct kho_why *why)
{
	void *p = memblock_alloc(len, SMP_CACHE_BYTES);

	if (!p && memblock_is_kho_scratch_only()) {
		memblock_clear_kho_scratch_only();
		p = memblock_alloc(len, SMP_CACHE_BYTES);
	}
	if (!p)
		(void)kho_bad(why, "no %zu KiB of memory for bitmaps", len >> 10);
	return p;
}

/* One piece of memory for all chunks would have to be a large one */
static int __init make_chunk_bits(struct kho_extent *x, struct kho_why *why)
{
	x->kept = alloc_bits(2 * extent_bytes(x), why);
	if (!x->kept)
		return -ENOMEM;

	x->joined = x->kept + extent_bytes(x) / sizeof(long);
	read_bits(x);
	return 0;
}

/**
 * kho_bitmaps_make() - make the bitmaps of struct kho_in
 * @page_size: of the kernel that handed over, or 0 if it does not say
 * @why: filled with the reason if there is no memory for them
 *
 * The bits of chunks are not looked at any more after that.
 *
 * Context: all that is preserved is reserved; memblock is confined to scratch, and may
 * not be any more after this.
 * Return: 0 or a negative error; then kho_bitmaps_free() has to be called.
 */
int __init kho_bitmaps_make(u32 page_size, struct kho_why *why)
{
	struct kho_extent *x, *end = kho_in.extent + kho_in.extents;
	unsigned long bit = 0;
	int err;

	kho_in.taken = alloc_bits(2 * all_bytes(), why);
	if (!kho_in.taken)
		return -ENOMEM;
	kho_in.claimed = kho_in.taken + all_bytes() / sizeof(long);

	for (x = kho_in.extent; x < end; x++) {
		x->bit = bit;
		x->folios = 1ULL << x->shift > max(PAGE_SIZE, page_size);
		bit += extent_bytes(x) * BITS_PER_BYTE;
		x->before = kho_in.pages;
		if (!x->bits) {
			kho_in.pages += PHYS_PFN(x->mem.len);
			continue;
		}
		err = make_chunk_bits(x, why);
		if (err)
			return err;
	}
	return 0;
}

/**
 * kho_bitmaps_free() - undo kho_bitmaps_make(), whatever that returned
 */
void __init kho_bitmaps_free(void)
{
	struct kho_extent *x = kho_in.extent;

	if (!x)
		return;
	for (; x < kho_in.extent + kho_in.extents; x++)
		if (x->kept)
			memblock_free(x->kept, 2 * extent_bytes(x));
	if (kho_in.taken)
		memblock_free(kho_in.taken, 2 * all_bytes());
	kho_in.taken = NULL;
	kho_in.claimed = NULL;
	kho_in.pages = 0;
}

#if IS_ENABLED(CONFIG_KEXEC_HANDOVER_KUNIT_TEST)
#include "kexec_kho_bitmaps_test.c"
#endif
