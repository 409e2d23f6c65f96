// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of kexec_kho_runs.c, which includes this file: the walk through
 * what is preserved, and the choice of gaps.
 */
#include "kexec_kho_early_test.h"

/* The walk through what is preserved */

/**
 * struct table - a memory table
 * @desc:  what is special about it
 * @piece: what it has, each piece as large as it can be
 */
struct table {
	const char *desc;
	struct piece piece[8];
};

static const struct table tables[] = {
	{ "nothing" },
	{ "an extent", { { 1, 5, 7 } } },
	{ "empty chunk", { { 1, 0, 0, true } } },
	{ "empty chunks", { { 1, 0, 0, true }, { 2, 0, 0, true } } },
	{ "first and last page", { { 1, 0, 1, true },
				   { 1, TEST_CHUNK - 1, 1, true } } },
	{ "all of a chunk", { { 1, 0, TEST_CHUNK, true } } },
	{ "across words", { { 0, 60, 8, true }, { 0, 127, 66, true } } },
	{ "every other page", { { 3, 1, 1, true }, { 3, 3, 1, true },
				{ 3, 5, 1, true }, { 3, 7, 1, true } } },
	{ "far from each other", { { 3, 1, 1, true },
				   { 3, TEST_CHUNK / 2, 2, true },
				   { 3, TEST_CHUNK - 3, 1, true } } },
	{ "from chunk to chunk", { { 1, TEST_CHUNK - 1, 1, true },
				   { 2, 0, 3, true } } },
	{ "an extent, a chunk, an extent",
	  { { 1, TEST_CHUNK - 4, 4 }, { 2, 0, 1, true }, { 2, 2, 1, true },
	    { 2, TEST_CHUNK - 1, 1, true }, { 3, 0, 1 } } },
	{ "empty chunk between extents",
	  { { 1, 0, 4 }, { 2, 0, 0, true }, { 3, 0, 1 } } },
	{ "empty chunk between chunks",
	  { { 1, 7, 4, true }, { 2, 0, 0, true }, { 3, 0, 1, true } } },
	{ "extents and no chunk", { { 1, 0, 4 }, { 1, 4, 4 }, { 1, 9, 1 } } },
};

KUNIT_ARRAY_PARAM_DESC(table, tables, desc);

/* Bits of one chunk, with few between, or less than a word */
static bool is_near(const struct piece *a, const struct piece *b)
{
	return a->bits && b->bits && a->chunk == b->chunk && b->nr &&
	       b->first - a->first - a->nr < max(TEST_GAP, 64);
}

static void __init walk_test(struct kunit *test)
{
	const struct table *t = test->param_value;
	struct kho_walk w;
	struct kho_mem mem;
	unsigned int i, last;

	add_pieces(test, t->piece, ARRAY_SIZE(t->piece));
	w = test_walk(test);
	for (i = 0; i < ARRAY_SIZE(t->piece); i = last + 1) {
		const struct piece *p = &t->piece[i], *end = p;

		for (last = i; last + 1 < ARRAY_SIZE(t->piece) &&
		     is_near(end, end + 1); last++)
			end++;
		if (!p->nr)
			continue;
		KUNIT_ASSERT_TRUE_MSG(test, kho_walk_next(&w, &mem), "piece %u", i);
		KUNIT_EXPECT_EQ(test, mem.addr, piece_addr(p));
		KUNIT_EXPECT_EQ(test, mem.len, piece_addr(end) +
				PFN_PHYS((u64)end->nr) - piece_addr(p));
	}
	KUNIT_EXPECT_FALSE(test, kho_walk_next(&w, &mem));
	KUNIT_EXPECT_FALSE(test, kho_walk_next(&w, &mem));
}

/* Where pages have another size, what is found is where they are */
static void __init walk_shift_test(struct kunit *test)
{
	struct kho_extent *x = new_chunk(test, KHO_CHUNK_BYTES(16), 16);
	struct kho_walk w = test_walk(test);
	struct kho_mem mem;

	__set_bit_le(3, (void *)x->bits);
	__set_bit_le(KHO_CHUNK_PAGES(16) - 1, (void *)x->bits);
	KUNIT_ASSERT_TRUE(test, kho_walk_next(&w, &mem));
	KUNIT_EXPECT_EQ(test, mem.addr, KHO_CHUNK_BYTES(16) + (3 << 16));
	KUNIT_EXPECT_EQ(test, mem.len, 1 << 16);
	KUNIT_ASSERT_TRUE(test, kho_walk_next(&w, &mem));
	KUNIT_EXPECT_EQ(test, mem.addr, 2 * KHO_CHUNK_BYTES(16) - (1 << 16));
	KUNIT_EXPECT_FALSE(test, kho_walk_next(&w, &mem));
}

/* The choice of gaps */

/* A range of a page, then a gap, and so on; none of them really exists */
struct gap_walk {
	struct kho_walk walk;
	struct kho_entry *entry;
	struct kho_mem part;
	unsigned long nr;
	unsigned long max;
	u64 end;
};

#define TEST_GAPS	6000
#define TEST_HIGH_GAPS	kho_min_gaps[KHO_HIGH]

static void __init start_gaps(struct kunit *test, struct gap_walk *g, u64 addr,
			      unsigned long max)
{
	struct page *page = alloc_pages(GFP_KERNEL, get_order(max * sizeof(*g->entry)));

	KUNIT_ASSERT_NOT_NULL(test, page);
	g->entry = page_address(page);
	g->nr = 0;
	g->max = max;
	g->end = addr;
}

static void __init end_gaps(struct gap_walk *g)
{
	free_pages((unsigned long)g->entry,
		   get_order(g->max * sizeof(*g->entry)));
}

static void __init add_gaps(struct kunit *test, struct gap_walk *g, u64 len,
			    unsigned long nr)
{
	for (; nr; nr--) {
		KUNIT_ASSERT_LT(test, g->nr, g->max);
		g->entry[g->nr++] = (struct kho_entry){
			.addr = cpu_to_be64(g->end),
			.len = cpu_to_be64(PAGE_SIZE),
			.type = cpu_to_be32(KHO_ENTRY_EXTENT),
			.shift = cpu_to_be32(PAGE_SHIFT),
		};
		g->end += PAGE_SIZE + len;
	}
	g->part = (struct kho_mem){
		virt_to_phys(g->entry), g->nr * sizeof(*g->entry)
	};
	g->walk = (struct kho_walk){ .part = &g->part, .parts = 1 };
}

static bool all_free(u64 addr, u64 len)
{
	return true;
}

static bool none_free(u64 addr, u64 len)
{
	return false;
}

/* What is left open of gaps, and that what is said of that is true */
static unsigned long __init open_left(struct kunit *test, struct gap_walk *g,
				      bool (*is_free)(u64 addr, u64 len),
				      u64 want, u64 *bytes)
{
	struct kho_plan *plan = kunit_kzalloc(test, sizeof(*plan), GFP_KERNEL);
	unsigned long runs = 0;
	struct kho_mem run;
	u64 end = 0, held = 0;

	KUNIT_ASSERT_NOT_NULL(test, plan);
	kho_plan_make(plan, &g->walk, is_free, g->end, want);
	*bytes = 0;
	while (kho_plan_next(plan, &run)) {
		if (runs++)
			*bytes += run.addr - end;
		end = run.addr + run.len;
		held += run.len;
	}
	KUNIT_EXPECT_FALSE(test, kho_plan_next(plan, &run));
	KUNIT_EXPECT_LE(test, runs, plan->runs);
	if (is_free == all_free)
		KUNIT_EXPECT_LE(test, held, plan->held);
	return runs - 1;
}

static void __init gaps_test(struct kunit *test)
{
	struct gap_walk g;
	u64 bytes;

	/* All of the few that there are, but not what is small */
	start_gaps(test, &g, SZ_8G, TEST_GAPS);
	add_gaps(test, &g, KHO_GAP - PAGE_SIZE, 50);
	add_gaps(test, &g, KHO_GAP, 20);
	add_gaps(test, &g, KHO_GAP - PAGE_SIZE, 50);
	add_gaps(test, &g, SZ_1G, 2);
	add_gaps(test, &g, 0, 1);
	KUNIT_EXPECT_EQ(test, open_left(test, &g, all_free, 0, &bytes), 22);
	KUNIT_EXPECT_EQ(test, bytes, 20 * KHO_GAP + 2ULL * SZ_1G);

	/* Of many, the largest; and more if it takes more */
	add_gaps(test, &g, KHO_GAP + PAGE_SIZE, 4000);
	add_gaps(test, &g, 2 * KHO_GAP, 100);
	add_gaps(test, &g, 0, 1);
	KUNIT_EXPECT_EQ(test, open_left(test, &g, all_free, 0, &bytes),
			TEST_HIGH_GAPS);
	KUNIT_EXPECT_GT(test, bytes, 2ULL * SZ_1G + 100 * 2 * KHO_GAP);
	open_left(test, &g, all_free, SZ_8G + 1000ULL * SZ_4M, &bytes);
	KUNIT_EXPECT_GE(test, bytes, 1000ULL * SZ_4M);
	KUNIT_EXPECT_LT(test, bytes, 1200ULL * SZ_4M);

	/* But there is an end to that */
	KUNIT_EXPECT_LE(test, open_left(test, &g, all_free, 1ULL << 60, &bytes),
			max_gaps(g.end));
	/* What is not free is no gap of ours */
	KUNIT_EXPECT_EQ(test, open_left(test, &g, none_free, 0, &bytes),
			4000 + 20 + 2 + 100);
	end_gaps(&g);
}

/* What is above does not take all of the choice below 4 GiB */
static void __init low_gaps_test(struct kunit *test)
{
	struct gap_walk g;
	unsigned long nr;
	u64 low, bytes;

	start_gaps(test, &g, SZ_1G, TEST_GAPS);
	add_gaps(test, &g, KHO_GAP, 1000);
	add_gaps(test, &g, 0, 1);
	nr = open_left(test, &g, all_free, 0, &low);
	KUNIT_EXPECT_GE(test, low, 100 * KHO_GAP);

	g.end = SZ_8G;
	add_gaps(test, &g, SZ_64M, 1000);
	add_gaps(test, &g, 0, 1);
	KUNIT_EXPECT_EQ(test, open_left(test, &g, all_free, 0, &bytes),
			nr + TEST_HIGH_GAPS);
	end_gaps(&g);
}

/**
 * struct host - much of its memory is free, but in pieces
 * @desc:   all of this in words
 * @ram:    bytes of memory
 * @piece:  bytes preserved
 * @stride: in each so many
 */
struct host {
	const char *desc;
	u64 ram;
	u64 piece;
	u64 stride;
};

static const struct host hosts[] = {
	{ "64 GiB, 4 KiB each 2 MiB", SZ_64G, SZ_4K, SZ_2M },
	{ "256 GiB, 64 KiB each 4 MiB", 4 * SZ_64G, SZ_64K, SZ_4M },
	{ "500 GiB, 64 KiB each 4 MiB", 500ULL * SZ_1G, SZ_64K, SZ_4M },
	{ "1000 GiB, 64 KiB each 8 MiB", 1000ULL * SZ_1G, SZ_64K, SZ_8M },
	{ "4 TiB, 8 MiB each 64 MiB", 64 * SZ_64G, SZ_8M, SZ_64M },
};

KUNIT_ARRAY_PARAM_DESC(host, hosts, desc);

static void __init hosts_test(struct kunit *test)
{
	const struct host *h = test->param_value;
	struct kho_plan *plan = kunit_kzalloc(test, sizeof(*plan), GFP_KERNEL);
	/* What lies below all of this, and what a kernel without KASAN and its like needs */
	u64 want = SZ_8G + h->ram / 32;
	unsigned long nr = h->ram / h->stride;
	struct gap_walk g;

	start_gaps(test, &g, SZ_8G, nr + 1);
	add_gaps(test, &g, h->stride - h->piece, nr);
	add_gaps(test, &g, 0, 1);
	KUNIT_ASSERT_NOT_NULL(test, plan);
	kho_plan_make(plan, &g.walk, all_free, g.end, want);
	KUNIT_EXPECT_GE(test, g.end - plan->held, want);
	end_gaps(&g);
}

static struct kunit_case __refdata kho_runs_cases[] = {
	KUNIT_CASE_PARAM(hosts_test, host_gen_params),
	KUNIT_CASE_PARAM(walk_test, table_gen_params),
	KUNIT_CASE(walk_shift_test),
	KUNIT_CASE(gaps_test),
	KUNIT_CASE(low_gaps_test),
	{ }
};

static struct kunit_suite __refdata kho_runs_suite = {
	.name = "kho_runs",
	.init = table_init,
	.exit = table_exit,
	.test_cases = kho_runs_cases,
};

kunit_test_init_section_suites(&kho_runs_suite);
