// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of kexec_kho_bitmaps.c, which includes this file: what is made of
 * the bits of a chunk.
 */
#include <linux/prandom.h>

#include "kexec_kho_early_test.h"

static const unsigned int shifts[] = { 12, 14, 16 };

KUNIT_ARRAY_PARAM(shift, shifts, get_shift_desc);

/* Many of each, also next to each other */
static void fill(struct kunit *test, struct kho_extent *x)
{
	struct rnd_state rnd;

	prandom_seed_state(&rnd, 0x6b686f);
	prandom_bytes_state(&rnd, (void *)x->bits, 1UL << x->shift);
	KUNIT_EXPECT_EQ(test, x->mem.len, KHO_CHUNK_BYTES(x->shift));
}

/*
 * A page of ours that has several of theirs in it is as the first of these. Where it is
 * the other way round, one of theirs is a folio only with others.
 */
static bool page_joined(const struct kho_extent *x, unsigned long page)
{
	const __le64 *joined = x->bits + KHO_CHUNK_PAGES(x->shift) / 64;
	unsigned long end = ALIGN(PFN_PHYS((u64)page), 1ULL << x->shift) >> PAGE_SHIFT;

	if (page_bit(x, joined, page))
		return true;
	return page < end && end < PHYS_PFN(x->mem.len) && page_bit(x, joined, end);
}

static void __init convert_test(struct kunit *test)
{
	unsigned int shift = *(const unsigned int *)test->param_value;
	struct kho_extent *x = new_chunk(test, 0, shift);
	unsigned long pages = PHYS_PFN(x->mem.len), i, bad = 0;
	unsigned long longs = BITS_TO_LONGS(pages);

	x->kept = kunit_kcalloc(test, longs + 1, sizeof(long), GFP_KERNEL);
	x->joined = kunit_kcalloc(test, longs + 1, sizeof(long), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, x->kept);
	KUNIT_ASSERT_NOT_NULL(test, x->joined);
	fill(test, x);

	convert_bits(x);
	for (i = 0; i < pages; i++) {
		bool kept = page_bit(x, x->bits, i);

		if (test_bit(i, x->kept) != kept ||
		    test_bit(i, x->joined) != (kept && page_joined(x, i)))
			bad++;
	}
	KUNIT_EXPECT_EQ(test, bad, 0);

	/* No others' bits */
	KUNIT_EXPECT_EQ(test, x->kept[longs], 0);
	KUNIT_EXPECT_EQ(test, x->joined[longs], 0);
}

/* The short way gives the same as the long one */
static void __init copy_test(struct kunit *test)
{
	struct kho_extent *x = new_chunk(test, 0, PAGE_SHIFT);
	size_t len = (BITS_TO_LONGS(TEST_CHUNK) + 2) * sizeof(long);
	unsigned long *kept[2], *joined[2];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		kept[i] = kunit_kzalloc(test, len, GFP_KERNEL);
		joined[i] = kunit_kzalloc(test, len, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, kept[i]);
		KUNIT_ASSERT_NOT_NULL(test, joined[i]);
	}
	fill(test, x);
	/* Nothing is joined that is not preserved */
	for (i = 0; i < TEST_CHUNK / 64; i++)
		((__le64 *)x->bits)[TEST_CHUNK / 64 + i] &= x->bits[i];

	x->kept = kept[0];
	x->joined = joined[0];
	convert_bits(x);
	x->kept = kept[1];
	x->joined = joined[1];
	copy_bits(x);
	KUNIT_EXPECT_MEMEQ(test, kept[0], kept[1], len);
	KUNIT_EXPECT_MEMEQ(test, joined[0], joined[1], len);
}

static struct kunit_case __refdata kho_bitmaps_cases[] = {
	KUNIT_CASE_PARAM(convert_test, shift_gen_params),
	KUNIT_CASE(copy_test),
	{ }
};

static struct kunit_suite __refdata kho_bitmaps_suite = {
	.name = "kho_bitmaps",
	.init = table_init,
	.exit = table_exit,
	.test_cases = kho_bitmaps_cases,
};

kunit_test_init_section_suites(&kho_bitmaps_suite);
