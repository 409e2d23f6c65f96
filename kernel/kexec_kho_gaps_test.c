// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of kexec_kho_gaps.c, which includes this file: what is reserved
 * for a memory table, and freed again.
 */
#include "kexec_kho_early_test.h"

/* A gap between bits is a small one up to this */
#define TEST_WIDE	(TEST_GAP + 128)
#define TEST_RUNS	64
#define TEST_ORDER	6
#define TEST_PAGES	BIT(TEST_ORDER)

/**
 * struct gaps_test - what each test starts with
 * @table: the memory table, and the real handover
 * @held:  what is left of how that was accepted
 * @meta:  see struct kho_walk
 * @metas: see there
 * @run:   see struct kho_held
 */
struct gaps_test {
	struct table_test table;
	struct kho_held held;
	struct kho_mem meta[2];
	unsigned long metas;
	struct kho_mem run[TEST_RUNS];
};

static int __init gaps_init(struct kunit *test)
{
	struct gaps_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	BUILD_BUG_ON(offsetof(struct gaps_test, table));
	test_table_init(test, &t->table);
	t->held = kho_held;
	kho_held = (struct kho_held){ };
	return 0;
}

static void __init gaps_exit(struct kunit *test)
{
	struct gaps_test *t = test->priv;

	if (t)
		kho_held = t->held;
	table_exit(test);
}

static void __init find_test_runs(struct kunit *test)
{
	struct gaps_test *t = test->priv;
	struct kho_walk walk = test_walk(test);

	walk.meta = t->meta;
	walk.metas = t->metas;
	swap_machine(&t->table);
	plan_runs(&walk);
	make_runs();
	swap_machine(&t->table);
}

/**
 * struct runs - what is reserved for a table
 * @desc:  what is special about it
 * @piece: what is preserved
 * @meta:  where the table is
 * @want:  what is reserved
 */
struct runs {
	const char *desc;
	struct piece piece[6];
	struct piece meta[2];
	struct piece want[4];
};

static const struct runs runs[] = {
	{ "nothing" },
	{ "an extent", { { 1, 7, 9 } }, { }, { { 1, 7, 9 } } },
	{ "extents and a small gap", { { 1, 7, 9 }, { 1, 16 + TEST_GAP - 1, 1 } },
	  { }, { { 1, 7, 9 + TEST_GAP } } },
	{ "extents and a large gap", { { 1, 7, 9 }, { 1, 16 + TEST_GAP, 1 } },
	  { }, { { 1, 7, 9 }, { 1, 16 + TEST_GAP, 1 } } },
	{ "extents next to each other", { { 1, 7, 9 }, { 1, 16, 2 } },
	  { }, { { 1, 7, 11 } } },
	{ "large extent", { { 1, 7, 2 * TEST_CHUNK } }, { },
	  { { 1, 7, 2 * TEST_CHUNK } } },
	{ "a hole between", { { 3, 998, 2 }, { 3, 1010, 2 } }, { },
	  { { 3, 998, 2 }, { 3, 1010, 2 } } },
	{ "memory in use between", { { 4, 1996, 2 }, { 4, 2010, 2 } }, { },
	  { { 4, 1996, 4 }, { 4, 2010, 2 } } },

	{ "empty chunk", { { 1, 0, 0, true } } },
	{ "a page of a chunk", { { 1, 100, 1, true } }, { },
	  { { 1, 100, 1 } } },
	{ "a chunk's small gaps",
	  { { 1, 1, 1, true }, { 1, 5, 1, true }, { 1, 4 + TEST_GAP, 3, true } },
	  { }, { { 1, 1, 6 + TEST_GAP } } },
	{ "a chunk's large gap",
	  { { 1, 1, 1, true }, { 1, 3, 1, true },
	    { 1, 4 + TEST_WIDE, 1, true }, { 1, 8 + TEST_WIDE, 1, true } },
	  { }, { { 1, 1, 3 }, { 1, 4 + TEST_WIDE, 5 } } },
	{ "ends of a chunk",
	  { { 1, 0, 1, true }, { 1, TEST_CHUNK - 1, 1, true } }, { },
	  { { 1, 0, 1 }, { 1, TEST_CHUNK - 1, 1 } } },
	{ "all of a chunk", { { 1, 0, TEST_CHUNK, true } }, { },
	  { { 1, 0, TEST_CHUNK } } },
	{ "a chunk and a chunk",
	  { { 1, TEST_CHUNK - 1, 1, true }, { 2, 0, 1, true } }, { },
	  { { 1, TEST_CHUNK - 1, 2 } } },
	{ "a chunk and a chunk, with a small gap",
	  { { 1, TEST_CHUNK - 3, 1, true }, { 2, 5, 1, true } }, { },
	  { { 1, TEST_CHUNK - 3, 9 } } },
	{ "a chunk and a chunk, with a large gap",
	  { { 1, TEST_CHUNK - 3, 1, true }, { 2, TEST_GAP, 1, true } }, { },
	  { { 1, TEST_CHUNK - 3, 1 }, { 2, TEST_GAP, 1 } } },
	{ "an empty chunk between",
	  { { 1, 3, 1, true }, { 2, 0, 0, true }, { 3, 2, 1, true } }, { },
	  { { 1, 3, 1 }, { 3, 2, 1 } } },
	{ "an extent, a chunk, an extent",
	  { { 0, TEST_CHUNK - 2, 2 }, { 1, 0, 1, true }, { 1, 9, 1, true },
	    { 1, TEST_CHUNK - 5, 1, true }, { 2, 0, 1 } }, { },
	  { { 0, TEST_CHUNK - 2, 12 }, { 1, TEST_CHUNK - 5, 6 } } },
	{ "memory in use in a chunk's gap",
	  { { 4, 1980, 1, true }, { 4, 1990, 1, true }, { 4, 2010, 1, true },
	    { 4, 2015, 1, true } }, { },
	  { { 4, 1980, 20 }, { 4, 2010, 6 } } },
	{ "a hole in a chunk's gap",
	  { { 3, 990, 1, true }, { 3, 999, 1, true }, { 3, 1010, 1, true } },
	  { }, { { 3, 990, 10 }, { 3, 1010, 1 } } },

	{ "only a table", { }, { { 1, 100, 2 } }, { { 1, 100, 2 } } },
	{ "a table far away", { { 1, 7, 9 } }, { { 0, 5000, 2 }, { 2, 100, 2 } },
	  { { 0, 5000, 2 }, { 1, 7, 9 }, { 2, 100, 2 } } },
	{ "a table near an extent", { { 1, 7, 9 } }, { { 1, 2, 2 }, { 1, 20, 2 } },
	  { { 1, 2, 20 } } },
	{ "a table in a chunk's gap",
	  { { 1, 7, 1, true }, { 1, 20, 1, true } }, { { 1, 10, 2 } },
	  { { 1, 7, 14 } } },
	{ "a table between pages",
	  { { 1, 7, 1, true }, { 1, 9, 1, true } }, { { 1, 8, 1 }, { 1, 10, 1 } },
	  { { 1, 7, 4 } } },
	{ "a table in a large gap", { { 1, 7, 1 }, { 1, 6 + 2 * TEST_GAP, 1 } },
	  { { 1, 7 + TEST_GAP, 1 } }, { { 1, 7, 2 * TEST_GAP } } },
};

KUNIT_ARRAY_PARAM_DESC(runs, runs, desc);

/* Those that touch are one; of each, whole blocks can wait */
static unsigned int __init join_runs(struct kunit *test, struct gaps_test *t)
{
	u64 block = (u64)PAGE_SIZE << MAX_PAGE_ORDER, sum = 0;
	unsigned int i, nr = 0;

	for (i = 0; i < kho_held.runs; i++) {
		struct kho_mem mem = t->run[i], blocks = whole_blocks(&mem);

		sum += mem.len;
		if (blocks.len) {
			KUNIT_EXPECT_TRUE(test, memmap_can_defer());
			KUNIT_EXPECT_TRUE(test, IS_ALIGNED(blocks.addr | blocks.len,
							   block));
			KUNIT_EXPECT_LT(test, blocks.addr - mem.addr, block);
			KUNIT_EXPECT_LT(test, mem.addr + mem.len - blocks.addr -
					blocks.len, block);
		} else if (memmap_can_defer()) {
			KUNIT_EXPECT_LE(test, ALIGN_DOWN(mem.addr + mem.len, block),
					ALIGN(mem.addr, block));
		}
		if (nr && t->run[nr - 1].addr + t->run[nr - 1].len == mem.addr)
			t->run[nr - 1].len += mem.len;
		else
			t->run[nr++] = mem;
	}
	KUNIT_EXPECT_EQ(test, kho_held.run_bytes, sum);
	return nr;
}

static void __init runs_test(struct kunit *test)
{
	const struct runs *r = test->param_value;
	struct gaps_test *t = test->priv;
	unsigned int i, nr;

	add_pieces(test, r->piece, ARRAY_SIZE(r->piece));
	for (i = 0; i < ARRAY_SIZE(r->meta) && r->meta[i].nr; i++)
		t->meta[t->metas++] = piece_mem(&r->meta[i]);

	kho_held.run = t->run;
	find_test_runs(test);
	KUNIT_ASSERT_LE(test, kho_held.runs, kho_held.max_runs);
	KUNIT_ASSERT_LE(test, kho_held.max_runs, TEST_RUNS);
	nr = join_runs(test, t);
	for (i = 0; i < ARRAY_SIZE(r->want) && r->want[i].nr; i++) {
		struct kho_mem mem = piece_mem(&r->want[i]);

		KUNIT_ASSERT_LT(test, i, nr);
		KUNIT_EXPECT_EQ_MSG(test, t->run[i].addr, mem.addr, "run %u", i);
		KUNIT_EXPECT_EQ_MSG(test, t->run[i].len, mem.len, "run %u", i);
	}
	KUNIT_EXPECT_EQ(test, nr, i);
}

/* What is freed again */

/**
 * struct release - pages that are reserved, and what for
 * @desc:  what is special about them
 * @run:   what is reserved
 * @piece: what is preserved, by bits
 * @extent: what is preserved by an extent
 */
struct release {
	const char *desc;
	struct { unsigned int first, nr; } run[3], piece[4], extent;
};

static const struct release releases[] = {
	{ "all preserved", { { 0, 64 } }, { { 0, 64 } } },
	{ "a page", { { 5, 1 } }, { { 5, 1 } } },
	{ "a gap", { { 0, 64 } }, { { 0, 3 }, { 63, 1 } } },
	{ "gaps", { { 3, 40 } }, { { 3, 1 }, { 7, 1 }, { 15, 9 }, { 42, 1 } } },
	{ "two runs",
	  { { 0, 8 }, { 32, 8 } }, { { 0, 1 }, { 7, 1 }, { 32, 1 }, { 39, 1 } } },
	{ "a run with nothing between",
	  { { 0, 8 }, { 16, 2 }, { 32, 8 } }, { { 0, 1 }, { 7, 1 }, { 32, 1 }, { 39, 1 } } },
	{ "runs that touch, in a gap",
	  { { 0, 8 }, { 8, 32 }, { 40, 24 } }, { { 0, 2 }, { 62, 2 } } },
	{ "runs that touch, in what is preserved",
	  { { 0, 8 }, { 8, 32 }, { 40, 24 } }, { { 0, 62 }, { 63, 1 } } },
	{ "runs that touch, where a gap begins",
	  { { 0, 8 }, { 8, 8 } }, { { 0, 8 }, { 15, 1 } } },
	{ "runs that touch, where a gap ends",
	  { { 0, 8 }, { 8, 8 } }, { { 0, 1 }, { 8, 8 } } },
	{ "with an extent",
	  { { 0, 48 } }, { { 0, 1 }, { 5, 1 }, { 30, 1 } }, { 40, 8 } },
	{ "only an extent", { { 40, 8 } }, { }, { 40, 8 } },
};

KUNIT_ARRAY_PARAM_DESC(release, releases, desc);

static bool has_page(unsigned int page, unsigned int first, unsigned int nr)
{
	return page >= first && page < first + nr;
}

static bool is_released(const struct release *r, unsigned int page)
{
	bool in_run = false;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(r->run); i++)
		in_run |= has_page(page, r->run[i].first, r->run[i].nr);
	for (i = 0; i < ARRAY_SIZE(r->piece); i++)
		in_run &= !has_page(page, r->piece[i].first, r->piece[i].nr);
	return in_run && !has_page(page, r->extent.first, r->extent.nr);
}

static void __init set_release(struct kunit *test, const struct release *r,
			       phys_addr_t phys)
{
	unsigned long chunk = PHYS_PFN(phys) / TEST_CHUNK;
	unsigned long first = PHYS_PFN(phys) % TEST_CHUNK;
	struct piece piece[ARRAY_SIZE(r->piece)] = { };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(r->piece) && r->piece[i].nr; i++)
		piece[i] = (struct piece){
			chunk, first + r->piece[i].first, r->piece[i].nr, true
		};
	add_pieces(test, piece, ARRAY_SIZE(piece));
	if (r->extent.nr) {
		/* The chunk ends there, as if it were a smaller one */
		if (kho_in.extents)
			kho_in.extent[0].mem.len =
				PFN_PHYS((u64)first + r->extent.first);
		piece[0] = (struct piece){
			chunk, first + r->extent.first, r->extent.nr
		};
		add_pieces(test, piece, 1);
	}

	/* Which the test's bits are the form of */
	for (i = 0; i < kho_in.extents; i++)
		kho_in.extent[i].kept = (void *)kho_in.extent[i].bits;
}

static unsigned long __init free_runs(const struct release *r, phys_addr_t phys)
{
	const struct kho_extent *x = kho_in.extent;
	unsigned long pages = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(r->run) && r->run[i].nr; i++) {
		u64 addr = phys + PFN_PHYS(r->run[i].first);

		x = free_gaps_in(addr, addr + PFN_PHYS(r->run[i].nr), x, &pages);
	}
	return pages;
}

static void __init free_gaps_test(struct kunit *test)
{
	const struct release *r = test->param_value;
	unsigned int i, want = 0, freed = 0;
	struct page *page;

	page = alloc_pages(GFP_KERNEL, TEST_ORDER);
	KUNIT_ASSERT_NOT_NULL(test, page);
	split_page(page, TEST_ORDER);
	set_release(test, r, page_to_phys(page));
	for (i = 0; i < TEST_PAGES; i++) {
		SetPageReserved(page + i);
		adjust_managed_page_count(page + i, -1);
		want += is_released(r, i);
	}

	KUNIT_EXPECT_EQ(test, free_runs(r, page_to_phys(page)), want);
	for (i = 0; i < TEST_PAGES; i++) {
		KUNIT_EXPECT_EQ_MSG(test, !PageReserved(page + i),
				    is_released(r, i), "page %u", i);
		if (PageReserved(page + i))
			free_reserved_page(page + i);
		else
			freed++;
	}
	totalram_pages_add(freed);
}

static struct kunit_case __refdata kho_gaps_cases[] = {
	KUNIT_CASE_PARAM(runs_test, runs_gen_params),
	KUNIT_CASE_PARAM(free_gaps_test, release_gen_params),
	{ }
};

static struct kunit_suite __refdata kho_gaps_suite = {
	.name = "kho_gaps",
	.init = gaps_init,
	.exit = gaps_exit,
	.test_cases = kho_gaps_cases,
};

kunit_test_init_section_suites(&kho_gaps_suite);
