// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of kexec_kho_boot.c, which includes this file: what is found in a
 * memory table.
 */
#include "kexec_kho_early_test.h"

static const struct piece asked_table[] = {
	{ 0, 16, 16 },
	{ 1, 0, 4, true }, { 1, 10, 1, true }, { 1, 63, 67, true },
	{ 1, TEST_CHUNK - 2, 2, true },
	{ 2, 0, 8, true },
	{ 2, TEST_CHUNK - 1, 1, true },
	{ 3, 0, 8 }, { 3, 8, 8 }, { 4, 100, 1 },
};

/**
 * struct question - a range, and what is to be said of it
 * @desc:  what is special about it
 * @piece: the range
 * @whole: all of it is preserved
 * @some:  something in it is
 */
struct question {
	const char *desc;
	struct piece piece;
	bool whole;
	bool some;
};

static const struct question questions[] = {
	{ "before all", { 0, 0, 16 }, false, false },
	{ "from before all", { 0, 15, 2 }, false, true },
	{ "all of an extent", { 0, 16, 16 }, true, true },
	{ "in an extent", { 0, 20, 1 }, true, true },
	{ "to behind an extent", { 0, 31, 2 }, false, true },
	{ "between", { 0, 32, TEST_CHUNK - 32 }, false, false },
	{ "up to a chunk", { 0, 32, TEST_CHUNK - 31 }, false, true },
	{ "first pages of a chunk", { 1, 0, 4 }, true, true },
	{ "one too many", { 1, 0, 5 }, false, true },
	{ "gap in a chunk", { 1, 4, 6 }, false, false },
	{ "gap, and one behind", { 1, 4, 7 }, false, true },
	{ "gap, and one before", { 1, 3, 7 }, false, true },
	{ "one page of a chunk", { 1, 10, 1 }, true, true },
	{ "across words", { 1, 63, 67 }, true, true },
	{ "across words, and one more", { 1, 63, 68 }, false, true },
	{ "one before, and across words", { 1, 62, 67 }, false, true },
	{ "large gap in a chunk", { 1, 130, TEST_CHUNK - 132 }, false, false },
	{ "last page of a chunk", { 1, TEST_CHUNK - 1, 1 }, true, true },
	{ "across chunks", { 1, TEST_CHUNK - 2, 10 }, true, true },
	{ "across chunks, one more", { 1, TEST_CHUNK - 2, 11 }, false, true },
	{ "across chunks, one before", { 1, TEST_CHUNK - 3, 11 }, false, true },
	{ "all of a chunk", { 2, 0, TEST_CHUNK }, false, true },
	{ "nothing to the end", { 2, 8, TEST_CHUNK - 9 }, false, false },
	{ "across a chunk and extents", { 2, TEST_CHUNK - 1, 17 }, true, true },
	{ "across, and one behind", { 2, TEST_CHUNK - 1, 18 }, false, true },
	{ "across, and one before", { 2, TEST_CHUNK - 2, 3 }, false, true },
	{ "over a gap", { 3, 15, TEST_CHUNK + 86 }, false, true },
	{ "only a gap", { 3, 16, TEST_CHUNK + 84 }, false, false },
	{ "the last", { 4, 100, 1 }, true, true },
	{ "behind all", { 4, 101, 1 }, false, false },
	{ "everything", { 0, 0, 5 * TEST_CHUNK }, false, true },
};

KUNIT_ARRAY_PARAM_DESC(question, questions, desc);

static void __init question_test(struct kunit *test)
{
	const struct question *q = test->param_value;
	struct kho_mem mem = piece_mem(&q->piece);

	KUNIT_EXPECT_FALSE(test, is_preserved(&mem));
	KUNIT_EXPECT_FALSE(test, is_touched(&mem));
	add_pieces(test, asked_table, ARRAY_SIZE(asked_table));
	KUNIT_EXPECT_EQ(test, is_preserved(&mem), q->whole);
	KUNIT_EXPECT_EQ(test, is_touched(&mem), q->some);
}

static const unsigned int shifts[] = { 12, 14, 16 };

KUNIT_ARRAY_PARAM(shift, shifts, get_shift_desc);

/* Ranges of pages are asked for, whatever the pages of the chunk are */
static void __init other_pages_test(struct kunit *test)
{
	unsigned int shift = *(const unsigned int *)test->param_value;
	struct kho_extent *x = new_chunk(test, KHO_CHUNK_BYTES(shift), shift);
	unsigned long group = max(1UL, PAGE_SIZE >> shift), i, j;
	unsigned long base = PHYS_PFN(x->mem.addr);

	/* Our pages 0 to 9 of each 32, or as many of theirs as that takes */
	for (i = 0; i < KHO_CHUNK_PAGES(shift); i++)
		if (PHYS_PFN((u64)(i - i % group) << shift) % 32 < 10)
			__set_bit_le(i, (void *)x->bits);

	for (i = 30; i < 80; i++) {
		bool whole = true, some = false;

		for (j = i; j < i + 40; j++) {
			struct kho_mem mem = {
				PFN_PHYS((u64)base + i), PFN_PHYS((u64)j + 1 - i),
			};
			bool one = page_bit(x, x->bits, j);

			whole &= one;
			some |= one;
			KUNIT_EXPECT_EQ_MSG(test, is_preserved(&mem), whole,
					    "pages %lu to %lu", i, j);
			KUNIT_EXPECT_EQ_MSG(test, is_touched(&mem), some,
					    "pages %lu to %lu", i, j);
		}
	}
}

/* What cannot have been preserved */

/**
 * struct lost - a table that is refused
 * @desc:  what is special about it
 * @why:   a part of the reason; NULL if it is not refused
 * @piece: what is preserved
 */
struct lost {
	const char *desc;
	const char *why;
	struct piece piece[2];
};

static const struct lost lost_tables[] = {
	{ "nothing" },
	{ "up to a hole, and behind it", NULL, { { 3, 998, 2 }, { 3, 1010, 2 } } },
	{ "around memory in use", NULL, { { 4, 1990, 10 }, { 4, 2010, 2 } } },
	{ "an extent in a hole", "is not RAM", { { 3, 990, 11 } } },
	{ "a page in a hole", "is not RAM", { { 3, 999, 1, true }, { 3, 1000, 1, true } } },
	{ "behind all memory", "is not RAM", { { 8, 0, 1, true } } },
	{ "an extent in use", "is in use", { { 4, 2009, 2 } } },
	{ "a page in use", "is in use", { { 4, 1, 1, true }, { 4, 2005, 1, true } } },
};

KUNIT_ARRAY_PARAM_DESC(lost, lost_tables, desc);

static void __init lost_test(struct kunit *test)
{
	const struct lost *l = test->param_value;
	struct kho_why why = { };
	int err;

	add_pieces(test, l->piece, ARRAY_SIZE(l->piece));
	swap_machine(test->priv);
	err = check_holes(&why);
	swap_machine(test->priv);
	KUNIT_EXPECT_EQ(test, err, l->why ? -EINVAL : 0);
	if (l->why)
		KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(why.text, l->why),
					  "\"%s\" is not in \"%s\"", l->why,
					  why.text);
}

/* A kernel that boots has one CPU until it has looked */
static void __init cpus_test(struct kunit *test)
{
	u64 room = kho_boot_room(SZ_1G), each = __per_cpu_end - __per_cpu_start;
	unsigned int before = kho_cpus_before;

	KUNIT_EXPECT_GT(test, room, num_possible_cpus() * each);
	kho_cpus_before = max(before, num_possible_cpus()) + 100;
	KUNIT_EXPECT_GT(test, kho_boot_room(SZ_1G), room + 100 * each);
	kho_cpus_before = before;
}

static struct kunit_case __refdata kho_boot_cases[] = {
	KUNIT_CASE_PARAM(question_test, question_gen_params),
	KUNIT_CASE_PARAM(other_pages_test, shift_gen_params),
	KUNIT_CASE_PARAM(lost_test, lost_gen_params),
	KUNIT_CASE(cpus_test),
	{ }
};

static struct kunit_suite __refdata kho_boot_suite = {
	.name = "kho_boot",
	.init = table_init,
	.exit = table_exit,
	.test_cases = kho_boot_cases,
};

kunit_test_init_section_suites(&kho_boot_suite);
