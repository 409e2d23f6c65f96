// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of kexec_kho_track.c, which includes this file: what is preserved once
 * folios and pages, one next to the other, were preserved and given up, also wrongly.
 */
#include "kexec_kho_track_test.h"

static const unsigned int give_up_orders[] = { 3, KHO_LARGE_ORDER };

static void get_order_desc(const unsigned int *order, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "a folio of order %u", *order);
}

KUNIT_ARRAY_PARAM(give_up, give_up_orders, get_order_desc);

/* Giving up is never refused: what is wrong with it is told, and nothing leaks */
static void give_up_test(struct kunit *test)
{
	unsigned int order = *(unsigned int *)test->param_value;
	struct folio *folio = folio_alloc(GFP_KERNEL, order);
	unsigned long nr = 1UL << order;
	struct out_test *t = test->priv;
	struct page *page;

	KUNIT_ASSERT_NOT_NULL(test, folio);
	page = folio_page(folio, 0);
	KUNIT_EXPECT_EQ(test, kho_unpreserve_pages(t->page, 4), 0);
	KUNIT_EXPECT_EQ(test, kho_unpreserve_folio(folio), 0);

	/* More than there is */
	KUNIT_ASSERT_EQ(test, kho_preserve_pages(t->page + 2, 2), 0);
	KUNIT_EXPECT_EQ(test, kho_unpreserve_pages(t->page, 8), 0);
	expect_nothing(test);

	/* The middle, the end and the start of a folio, as when it was split since */
	KUNIT_ASSERT_EQ(test, kho_preserve_folio(folio), 0);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page + 3, 1), -EEXIST);
	KUNIT_EXPECT_EQ(test, give_up_pages(page, nr), -ENOENT);
	KUNIT_EXPECT_EQ(test, kho_unpreserve_pages(page + 3, 2), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page, 3), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page + 5, nr - 5), 0);
	expect_nothing(test);
	KUNIT_ASSERT_EQ(test, kho_preserve_folio(folio), 0);
	KUNIT_EXPECT_EQ(test, kho_unpreserve_pages(page + nr - 1, 1), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page, nr - 1), 0);
	KUNIT_ASSERT_EQ(test, kho_preserve_folio(folio), 0);
	KUNIT_EXPECT_EQ(test, kho_unpreserve_pages(page, 1), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page + 1, nr - 1), 0);
	expect_nothing(test);

	/* As another kind than it was preserved as */
	KUNIT_ASSERT_EQ(test, kho_preserve_pages(page, nr), 0);
	KUNIT_EXPECT_EQ(test, kho_unpreserve_folio(folio), 0);
	KUNIT_ASSERT_EQ(test, kho_preserve_folio(folio), 0);
	KUNIT_EXPECT_EQ(test, kho_unpreserve_pages(page, nr), 0);
	expect_nothing(test);
	folio_put(folio);
}

/* Memory may fail long after it was preserved, or where that is noted */
static void hardware_test(struct kunit *test)
{
	struct kimage *image = new_image(test);
	struct out_test *t = test->priv;
	struct page *bad = t->page + 13;
	struct kho_chunk *c;

	if (!IS_ENABLED(CONFIG_MEMORY_FAILURE))
		kunit_skip(test, "needs CONFIG_MEMORY_FAILURE");
	KUNIT_ASSERT_EQ(test, kho_preserve_pages(t->page + 12, 2), 0);
	KUNIT_ASSERT_EQ(test, kho_out_activate(), 0);

	break_page(bad);
	KUNIT_EXPECT_EQ(test, try_kexec(image), -EIO);
	KUNIT_EXPECT_TRUE(test, kho_out_is_active());
	kho_out_abort();
	KUNIT_EXPECT_EQ(test, kho_out_activate(), -EIO);
	KUNIT_EXPECT_EQ(test, kho_unpreserve_pages(bad, 1), 0);
	KUNIT_EXPECT_EQ(test, kho_out_activate(), 0);
	mend_page(bad);

	c = xa_load(&kho_chunks, page_to_pfn(bad) / CHUNK_PAGES);
	KUNIT_ASSERT_NOT_NULL(test, c);
	KUNIT_ASSERT_NOT_NULL(test, c->bits);
	break_page(virt_to_page(c->bits));
	KUNIT_EXPECT_EQ(test, try_kexec(image), -EIO);
	KUNIT_EXPECT_TRUE(test, kho_out_is_active());
	kho_out_abort();
	KUNIT_EXPECT_EQ(test, kho_out_activate(), -EIO);
	mend_page(virt_to_page(c->bits));
	KUNIT_EXPECT_EQ(test, kho_out_activate(), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(t->page + 12, 1), 0);
}

/* Ranges become one and come apart, and the table shows it */
static void merge_test(struct kunit *test)
{
	struct out_test *t = test->priv;
	struct page *page = t->page;

	KUNIT_ASSERT_EQ(test, kho_preserve_pages(page, 4), 0);
	KUNIT_ASSERT_EQ(test, kho_preserve_pages(page + 8, 4), 0);
	KUNIT_EXPECT_EQ(test, preserved_now(test, page_mem(t, 0, 12), 0), 0);
	KUNIT_ASSERT_EQ(test, kho_preserve_pages(page + 4, 4), 0);
	KUNIT_EXPECT_EQ(test, preserved_now(test, page_mem(t, 0, 12), 0), 1);

	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page, 12), -EEXIST);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page + 11, 2), -EEXIST);
	KUNIT_EXPECT_EQ(test, give_up_pages(page, 13), -ENOENT);
	KUNIT_EXPECT_EQ(test, give_up_pages(page + 12, 1), -ENOENT);

	KUNIT_ASSERT_EQ(test, give_up_pages(page + 5, 1), 0);
	KUNIT_EXPECT_EQ(test, preserved_now(test, page_mem(t, 0, 5), 0), 1);
	KUNIT_EXPECT_EQ(test, preserved_now(test, page_mem(t, 5, 1), 0), 0);
	KUNIT_EXPECT_EQ(test, preserved_now(test, page_mem(t, 6, 6), 0), 1);
	KUNIT_EXPECT_EQ(test, give_up_pages(page, 12), -ENOENT);
	KUNIT_EXPECT_EQ(test, give_up_pages(page, 5), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page + 6, 6), 0);
	expect_nothing(test);
}

/* A folio stays one of its order, whatever is next to it */
static void folio_test(struct kunit *test)
{
	struct folio *folio = folio_alloc(GFP_KERNEL, 3);
	struct out_test *t = test->priv;
	struct kho_mem mem;

	KUNIT_ASSERT_NOT_NULL(test, folio);
	mem.addr = PFN_PHYS((u64)folio_pfn(folio));
	mem.len = folio_size(folio);

	KUNIT_EXPECT_EQ(test, kho_preserve_folio(folio), 0);
	KUNIT_EXPECT_EQ(test, preserved_now(test, mem, 3), 1);
	KUNIT_EXPECT_EQ(test, preserved_now(test, mem, 0), 0);
	KUNIT_EXPECT_EQ(test, kho_preserve_folio(folio), -EEXIST);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(folio_page(folio, 7), 1),
			-EEXIST);
	KUNIT_EXPECT_EQ(test, give_up_pages(folio_page(folio, 0), 8),
			-ENOENT);
	KUNIT_EXPECT_EQ(test, give_up_folio(folio), 0);
	KUNIT_EXPECT_EQ(test, give_up_folio(folio), -ENOENT);
	KUNIT_EXPECT_EQ(test, table_crc(test), t->table);
	folio_put(folio);
}

/* A folio between pages, each next to the other, stays a folio */
static void neighbours_test(struct kunit *test)
{
	struct page *page = alloc_pages(GFP_KERNEL, 3);
	struct kho_mem left, mid, right;
	struct out_test *t = test->priv;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, page);
	split_page(page, 3);
	make_folio(page + 2, 1);
	left = (struct kho_mem){ page_to_phys(page), 2 * PAGE_SIZE };
	mid = (struct kho_mem){ page_to_phys(page + 2), 2 * PAGE_SIZE };
	right = (struct kho_mem){ page_to_phys(page + 4), 4 * PAGE_SIZE };

	KUNIT_EXPECT_EQ(test, kho_preserve_folio(page_folio(page + 2)), 0);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page, 2), 0);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page + 4, 4), 0);
	KUNIT_EXPECT_EQ(test, preserved_now(test, left, 0), 1);
	KUNIT_EXPECT_EQ(test, preserved_now(test, mid, 1), 1);
	KUNIT_EXPECT_EQ(test, preserved_now(test, right, 0), 1);

	KUNIT_EXPECT_EQ(test, give_up_folio(page_folio(page + 2)), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page, 2), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page + 4, 4), 0);
	KUNIT_EXPECT_EQ(test, table_crc(test), t->table);

	folio_put(page_folio(page + 2));
	for (i = 0; i < 8; i++)
		if (i / 2 != 1)
			__free_page(page + i);
}

/* What was preserved as a folio is unpreserved as that, and pages as pages */
static void as_preserved_test(struct kunit *test)
{
	static const struct { int first, nr; } parts[] = {
		{ 2, 2 }, { 2, 1 }, { 3, 1 }, { 1, 2 }, { 0, 24 }, { 8, 1 },
		{ 6, 1 }, { 7, 1 }, { 7, 2 }, { 11, 2 }, { 4, 8 },
	};
	struct page *page = chunk_pages(test);
	struct folio *pair = make_folio(page + 2, 1);
	struct folio *left = make_folio(page + 4, 2);
	struct folio *right = make_folio(page + 8, 2);
	struct folio *large = make_folio(page + 16, 3);
	struct out_test *t = test->priv;
	unsigned int i;
	u32 crc;

	KUNIT_ASSERT_EQ(test, kho_preserve_folio(pair), 0);
	KUNIT_ASSERT_EQ(test, kho_preserve_folio(left), 0);
	KUNIT_ASSERT_EQ(test, kho_preserve_folio(right), 0);
	KUNIT_ASSERT_EQ(test, kho_preserve_pages(page, 2), 0);
	KUNIT_ASSERT_EQ(test, kho_preserve_pages(page + 12, 12), 0);

	for (i = 0; i < ARRAY_SIZE(parts); i++)
		KUNIT_EXPECT_EQ_MSG(test, -ENOENT,
				    give_up_pages(page + parts[i].first,
							 parts[i].nr),
				    "%d pages from %d", parts[i].nr,
				    parts[i].first);
	KUNIT_EXPECT_EQ(test, give_up_folio(large), -ENOENT);
	KUNIT_EXPECT_EQ(test, kho_preserve_folio(large), -EEXIST);
	expect_folio(test, page + 2, 1, 1);
	expect_folio(test, page + 4, 2, 1);
	expect_folio(test, page + 8, 2, 1);
	expect_folio(test, page + 16, 0, 1);
	crc = table_crc(test);

	/* Neighbours stay what they are */
	KUNIT_EXPECT_EQ(test, give_up_folio(left), 0);
	expect_folio(test, page + 2, 1, 1);
	expect_folio(test, page + 8, 2, 1);
	KUNIT_EXPECT_EQ(test, give_up_folio(left), -ENOENT);
	expect_count(test, pages_mem(page, 24), 4, 0);

	/* Nothing remembers that it was a folio */
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page + 4, 4), 0);
	expect_folio(test, page + 4, 0, 1);
	KUNIT_EXPECT_EQ(test, give_up_pages(page + 4, 4), 0);
	KUNIT_EXPECT_EQ(test, kho_preserve_folio(left), 0);
	KUNIT_EXPECT_EQ(test, table_crc(test), crc);
	KUNIT_EXPECT_EQ(test, give_up_pages(page + 1, 1), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page + 12, 1), 0);
	expect_folio(test, page + 2, 1, 1);
	expect_folio(test, page + 8, 2, 1);

	KUNIT_EXPECT_EQ(test, give_up_folio(right), 0);
	KUNIT_EXPECT_EQ(test, give_up_folio(left), 0);
	KUNIT_EXPECT_EQ(test, give_up_folio(pair), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page, 1), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page + 13, 11), 0);
	KUNIT_EXPECT_EQ(test, table_crc(test), t->table);
}

static bool has_bits(const struct page *page)
{
	return find_chunk(page_to_pfn(page) / CHUNK_PAGES)->bits;
}

/* Long ranges of pages need a bit for each block; what cuts one is exact all the same */
static void blocks_test(struct kunit *test)
{
	unsigned long each = 1UL << KHO_LARGE_ORDER, nr = 4 * each;
	struct out_test *t = test->priv;
	struct page *page;

	if (nr > PHYS_PFN(SZ_64M))
		kunit_skip(test, "it would take half of all memory");
	page = find_border(test, nr);

	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page, 2 * each), 0);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page + 3 * each, each), 0);
	KUNIT_EXPECT_FALSE(test, has_bits(page));
	KUNIT_EXPECT_EQ(test, preserved_now(test, pages_mem(page, 2 * each), 0), 1);
	KUNIT_EXPECT_EQ(test, preserved_now(test, pages_mem(page, 3 * each), 0), 0);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page + each + 5, 1), -EEXIST);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page + each, 2 * each), -EEXIST);

	/* Whole blocks, and one page of a block */
	KUNIT_EXPECT_EQ(test, give_up_pages(page + each, each), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page + each, each), -ENOENT);
	KUNIT_EXPECT_FALSE(test, has_bits(page));
	KUNIT_EXPECT_EQ(test, give_up_pages(page + 5, 1), 0);
	KUNIT_EXPECT_TRUE(test, has_bits(page));
	KUNIT_EXPECT_EQ(test, preserved_now(test, pages_mem(page, 5), 0), 1);
	KUNIT_EXPECT_EQ(test, preserved_now(test, pages_mem(page + 6, each - 6), 0), 1);
	KUNIT_EXPECT_EQ(test, preserved_now(test, pages_mem(page + 5, 1), 0), 0);
	KUNIT_EXPECT_EQ(test, preserved_now(test, pages_mem(page + 3 * each, each), 0), 1);
	KUNIT_EXPECT_EQ(test, give_up_pages(page, 5), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page + 6, each - 6), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page + 3 * each, each), 0);
	KUNIT_EXPECT_EQ(test, table_crc(test), t->table);

	/* Beside other things, and only a part in the middle */
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page, 2 * each), 0);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page + 3 * each - 1, 1), 0);
	KUNIT_EXPECT_TRUE(test, has_bits(page));
	KUNIT_EXPECT_EQ(test, preserved_now(test, pages_mem(page, 2 * each), 0), 1);
	KUNIT_EXPECT_EQ(test, give_up_pages(page + 3 * each - 1, 1), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page, 2 * each), 0);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page, 2 * each), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page + each - 1, 2), 0);
	KUNIT_EXPECT_EQ(test, preserved_now(test, pages_mem(page, each - 1), 0), 1);
	KUNIT_EXPECT_EQ(test, give_up_pages(page, each - 1), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page + each + 1, each - 1), 0);
	KUNIT_EXPECT_EQ(test, table_crc(test), t->table);
}

/* An attempt that fails halfway leaves no chunk behind */
static void half_test(struct kunit *test)
{
	struct page *page = find_border(test, 8);
	u32 crc;

	KUNIT_ASSERT_EQ(test, kho_preserve_pages(page + 2, 1), 0);
	crc = table_crc(test);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page - 4, 8), -EEXIST);
	KUNIT_EXPECT_EQ(test, table_crc(test), crc);
	expect_count(test, pages_mem(page - 8, 16), 1, 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page + 2, 1), 0);
	KUNIT_EXPECT_TRUE(test, kho_track_empty());

	/* Nor does it drop the one that has something in it */
	KUNIT_ASSERT_EQ(test, kho_preserve_pages(page - 3, 1), 0);
	crc = table_crc(test);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page - 4, 8), -EEXIST);
	KUNIT_EXPECT_EQ(test, table_crc(test), crc);
	expect_folio(test, page - 3, 0, 1);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page, 4), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page, 4), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page - 3, 1), 0);
	KUNIT_EXPECT_TRUE(test, kho_track_empty());
}

static struct kunit_case kho_track_cases[] = {
	KUNIT_CASE_PARAM(give_up_test, give_up_gen_params),
	KUNIT_CASE(hardware_test),
	KUNIT_CASE(merge_test),
	KUNIT_CASE(folio_test),
	KUNIT_CASE(neighbours_test),
	KUNIT_CASE(as_preserved_test),
	KUNIT_CASE(blocks_test),
	KUNIT_CASE(half_test),
	{ }
};

static struct kunit_suite kho_track_suite = {
	.name = "kho_track",
	.init = kho_test_out_init,
	.exit = kho_test_out_exit,
	.test_cases = kho_track_cases,
};

kunit_test_suite(kho_track_suite);
