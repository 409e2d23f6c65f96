// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of kexec_kho_table.c, which includes this file: which entries preserved
 * memory takes, as it is preserved and given up, and how much room is left beside it.
 */
#include "kexec_kho_track_test.h"

/**
 * struct layout - what is preserved in a chunk
 * @desc:    what is special about it
 * @order:   order of the folios
 * @nr:      number of them
 * @step:    pages from one to the next
 * @other:   order of one more, eight pages before the end, if not 0
 * @extents: number of entries that are extents
 * @bitmaps: number of entries that are chunks
 */
struct layout {
	const char *desc;
	unsigned int order;
	unsigned int nr;
	unsigned int step;
	unsigned int other;
	unsigned int extents;
	unsigned int bitmaps;
};

static const struct layout layouts[] = {
	{ "one page", 0, 1, 1, 0, 1, 0 },
	{ "one run of pages", 0, TEST_CHUNK_PAGES, 1, 0, 1, 0 },
	{ "two runs", 0, 2, 9, 0, 2, 0 },
	{ "most runs", 0, 32, 2, 0, 32, 0 },
	{ "too many runs", 0, 33, 2, 0, 0, 1 },
	{ "every other page", 0, TEST_CHUNK_PAGES / 2, 2, 0, 0, 1 },
	{ "one run of folios", 3, TEST_CHUNK_PAGES / 8, 8, 0, 1, 0 },
	{ "large folios", 7, TEST_CHUNK_PAGES / 128, 128, 0, 1, 0 },
	{ "most runs of folios", 1, 32, 4, 0, 32, 0 },
	{ "too many runs of folios", 1, 33, 4, 0, 0, 1 },
	{ "another run of folios", 3, 2, 8, 3, 2, 0 },
	{ "a page, and a pair", 0, 1, 1, 1, 2, 0 },
	{ "a folio behind pages", 0, TEST_CHUNK_PAGES - 8, 1, 3, 2, 0 },
	{ "large folios, and a small one", 4, 4, 16, 2, 2, 0 },
	{ "small folios, and a large one", 2, 4, 4, 3, 2, 0 },
	{ "a folio behind folios", 1, TEST_CHUNK_PAGES / 2 - 4, 2, 3, 2, 0 },
	{ "most runs, one of folios", 0, 31, 2, 3, 32, 0 },
	{ "too many runs, one of folios", 0, 32, 2, 3, 0, 1 },
};

KUNIT_ARRAY_PARAM_DESC(layout, layouts, desc);

static void layout_test(struct kunit *test)
{
	struct page *page = chunk_pages(test);
	struct page *last = page + TEST_CHUNK_PAGES - 8;
	const struct layout *l = test->param_value;
	struct out_test *t = test->priv;
	unsigned int i, size = 1 << l->order;

	for (i = 0; i < l->nr; i++) {
		struct folio *folio = make_folio(page + i * l->step, l->order);

		KUNIT_ASSERT_EQ(test, kho_preserve_folio(folio), 0);
	}
	if (l->other)
		KUNIT_ASSERT_EQ(test, 0,
				kho_preserve_folio(make_folio(last, l->other)));

	expect_count(test, pages_mem(page, TEST_CHUNK_PAGES), l->extents,
		     l->bitmaps);
	for (i = 0; i < l->nr; i++) {
		struct page *head = page + i * l->step;

		expect_folio(test, head, l->order, 1);
		if (l->step > size)
			expect_folio(test, head + size, 0, 0);
	}
	if (l->other) {
		expect_folio(test, last, l->other, 1);
		expect_folio(test, last, 0, 0);
	}

	for (i = 0; i < l->nr; i++) {
		struct folio *folio = page_folio(page + i * l->step);

		KUNIT_EXPECT_EQ(test, give_up_folio(folio), 0);
	}
	if (l->other)
		KUNIT_EXPECT_EQ(test, give_up_folio(page_folio(last)), 0);
	KUNIT_EXPECT_EQ(test, table_crc(test), t->table);
}

/* A chunk has bits in the table just as long as it needs them */
static void bitmap_test(struct kunit *test)
{
	struct page *page = chunk_pages(test);
	struct kho_mem all = pages_mem(page, TEST_CHUNK_PAGES);
	struct out_test *t = test->priv;
	unsigned int i;

	for (i = 0; i < 66; i += 2)
		KUNIT_ASSERT_EQ(test, kho_preserve_pages(page + i, 1), 0);
	expect_count(test, all, 0, 1);

	KUNIT_EXPECT_EQ(test, give_up_pages(page + 1, 1), -ENOENT);
	KUNIT_EXPECT_EQ(test, give_up_pages(page, 3), -ENOENT);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page + 1, 2), -EEXIST);
	expect_count(test, all, 0, 1);
	expect_folio(test, page + 1, 0, 0);

	/* Two runs become one, and two again */
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page + 31, 1), 0);
	expect_count(test, all, 32, 0);
	KUNIT_EXPECT_EQ(test, preserved_now(test, pages_mem(page + 30, 3), 0), 1);
	KUNIT_EXPECT_EQ(test, give_up_pages(page + 31, 1), 0);
	expect_count(test, all, 0, 1);

	/* One less, in the middle */
	KUNIT_EXPECT_EQ(test, give_up_pages(page + 32, 1), 0);
	expect_count(test, all, 32, 0);
	expect_folio(test, page + 30, 0, 1);
	expect_folio(test, page + 32, 0, 0);
	expect_folio(test, page + 34, 0, 1);
	KUNIT_EXPECT_EQ(test, give_up_pages(page + 32, 1), -ENOENT);

	for (i = 0; i < 66; i += 2)
		if (i != 32)
			KUNIT_EXPECT_EQ(test, give_up_pages(page + i, 1), 0);
	KUNIT_EXPECT_EQ(test, table_crc(test), t->table);
}

static void border_test(struct kunit *test)
{
	struct page *page = find_border(test, 8);
	struct kho_mem all = pages_mem(page - 8, 16);

	/* One range in two chunks is one entry */
	KUNIT_ASSERT_EQ(test, kho_preserve_pages(page - 8, 16), 0);
	expect_count(test, all, 1, 0);
	KUNIT_EXPECT_EQ(test, preserved_now(test, all, 0), 1);

	KUNIT_EXPECT_EQ(test, give_up_pages(page - 2, 4), 0);
	expect_count(test, all, 2, 0);
	expect_folio(test, page - 3, 0, 1);
	expect_folio(test, page - 2, 0, 0);
	expect_folio(test, page + 1, 0, 0);
	expect_folio(test, page + 2, 0, 1);
	KUNIT_EXPECT_EQ(test, give_up_pages(page - 3, 6), -ENOENT);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page - 3, 4), -EEXIST);

	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page - 2, 2), 0);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page, 2), 0);
	expect_count(test, all, 1, 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page - 8, 16), 0);
	KUNIT_EXPECT_TRUE(test, kho_track_empty());
}

/* A chunk of which all is preserved is no reason to begin another entry */
static void full_chunk_test(struct kunit *test)
{
	unsigned long pages = KHO_CHUNK_PAGES(PAGE_SHIFT);
	struct page *page = find_border(test, pages + 8);
	struct kho_mem all = pages_mem(page - 8, pages + 16);

	KUNIT_ASSERT_EQ(test, kho_preserve_pages(page - 8, 8), 0);
	KUNIT_ASSERT_EQ(test, kho_preserve_pages(page + pages, 8), 0);
	expect_count(test, all, 2, 0);
	KUNIT_ASSERT_EQ(test, kho_preserve_pages(page, pages), 0);
	expect_count(test, all, 1, 0);
	KUNIT_EXPECT_EQ(test, preserved_now(test, all, 0), 1);

	/* To list all of it changes nothing */
	KUNIT_EXPECT_EQ(test, kho_track_list(&all), 0);
	kho_track_end();
	KUNIT_EXPECT_EQ(test, preserved_now(test, all, 0), 1);

	KUNIT_EXPECT_EQ(test, give_up_pages(page, pages), 0);
	expect_count(test, all, 2, 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page - 8, 8), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page + pages, 8), 0);
	KUNIT_EXPECT_TRUE(test, kho_track_empty());

	/* What only a list preserves is gone with that */
	KUNIT_EXPECT_EQ(test, kho_track_list(&all), 0);
	KUNIT_EXPECT_TRUE(test, kho_track_is_listed(&all));
	KUNIT_EXPECT_EQ(test, give_up_pages(page, 1), -ENOENT);
	expect_count(test, all, 1, 0);
	KUNIT_EXPECT_TRUE(test, kho_track_empty());
}

/* A run ends where a chunk with bits begins, and another begins behind it */
static void run_and_bits_test(struct kunit *test)
{
	unsigned long pages = KHO_CHUNK_PAGES(PAGE_SHIFT), i;
	struct page *page = find_border(test, pages + 8);
	struct kho_mem all = pages_mem(page - 8, pages + 16), mem;

	KUNIT_ASSERT_EQ(test, kho_preserve_pages(page - 8, pages + 16), 0);
	for (i = 1; i < 66; i += 2)
		KUNIT_ASSERT_EQ(test, give_up_pages(page + i, 1), 0);
	expect_count(test, all, 2, 1);
	mem = pages_mem(page - 8, 8);
	KUNIT_EXPECT_EQ(test, preserved_now(test, mem, 0), 1);
	mem = pages_mem(page + pages, 8);
	KUNIT_EXPECT_EQ(test, preserved_now(test, mem, 0), 1);
	mem = pages_mem(page + 66, pages - 66);
	KUNIT_EXPECT_EQ(test, preserved_now(test, mem, 0), 1);
	expect_folio(test, page, 0, 1);
	expect_folio(test, page + 1, 0, 0);

	for (i = 1; i < 66; i += 2)
		KUNIT_ASSERT_EQ(test, kho_preserve_pages(page + i, 1), 0);
	expect_count(test, all, 1, 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page - 8, pages + 16), 0);
	KUNIT_EXPECT_TRUE(test, kho_track_empty());
}

/* What the next kernel is not told of is no room for it */
static void added_room_test(struct kunit *test)
{
	long added = 1L << (40 - PAGE_SHIFT);
	struct kho_table table;

	totalram_pages_add(added);
	KUNIT_EXPECT_EQ(test, kho_test_out_table(&table), 0);
	totalram_pages_add(-added);
	KUNIT_EXPECT_GT(test, table.left, 0);
	KUNIT_EXPECT_LT(test, table.left, table.ram);
	KUNIT_EXPECT_LE(test, table.ram, PFN_PHYS((u64)get_num_physpages()));
	kho_table_free(&table);
}

static struct kunit_case kho_table_cases[] = {
	KUNIT_CASE_PARAM(layout_test, layout_gen_params),
	KUNIT_CASE(bitmap_test),
	KUNIT_CASE(border_test),
	KUNIT_CASE(full_chunk_test),
	KUNIT_CASE(run_and_bits_test),
	KUNIT_CASE(added_room_test),
	{ }
};

static struct kunit_suite kho_table_suite = {
	.name = "kho_table",
	.init = kho_test_out_init,
	.exit = kho_test_out_exit,
	.test_cases = kho_table_cases,
};

kunit_test_suite(kho_table_suite);
