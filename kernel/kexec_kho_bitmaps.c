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

/* Bits of this kernel for the pages of a chunk, whatever size they had */
static void __init convert_bits(struct kho_extent *x)
{
	unsigned long pages = PHYS_PFN(x->mem.len);
	const __le64 *joined = x->bits + KHO_CHUNK_PAGES(x->shift) / 64;
	unsigned long i;

	for (i = 0; i < pages; i++) {
		unsigned long bit = PFN_PHYS((u64)i) >> x->shift;
		bool first = PFN_PHYS((u64)i) == (u64)bit << x->shift;

		if (!test_bit_le(bit, x->bits))
			continue;
		__set_bit(i, x->kept);
		if (!first || test_bit_le(bit, joined))
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

/**
 * kho_bitmaps_make() - make the bitmaps of struct kho_in
 * @why: filled with the reason if there is no memory for them
 *
 * The bits of chunks are not looked at any more after that.
 *
 * Context: all that is preserved is reserved. Of all that is allocated for a
 * handover, only this comes out of free memory.
 * Return: 0 or -EINVAL.
 */
int __init kho_bitmaps_make(struct kho_why *why)
{
	unsigned long all = 0, chunks = 0, longs, *next;
	struct kho_extent *x, *end = kho_in.extent + kho_in.extents;
	size_t len;

	for (x = kho_in.extent; x < end; x++) {
		longs = BITS_TO_LONGS(PHYS_PFN(x->mem.len));
		x->bit = all * BITS_PER_LONG;
		all += longs;
		if (x->bits)
			chunks += longs;
	}

	len = array_size(2 * all + 2 * chunks + 1, sizeof(long));
	kho_in.taken = memblock_alloc(len, SMP_CACHE_BYTES);
	if (!kho_in.taken)
		return kho_bad(why, "no %zu KiB of memory for bitmaps", len >> 10);
	kho_in.claimed = kho_in.taken + all;

	next = kho_in.claimed + all;
	for (x = kho_in.extent; x < end; x++) {
		longs = BITS_TO_LONGS(PHYS_PFN(x->mem.len));
		x->before = kho_in.pages;
		if (!x->bits) {
			kho_in.pages += PHYS_PFN(x->mem.len);
			continue;
		}
		x->kept = next;
		x->joined = next + longs;
		next += 2 * longs;
		read_bits(x);
	}
	return 0;
}

#if IS_ENABLED(CONFIG_KEXEC_HANDOVER_KUNIT_TEST)
#include "kexec_kho_bitmaps_test.c"
#endif
