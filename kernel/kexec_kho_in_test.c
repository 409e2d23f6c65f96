// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of kexec_kho_in.c, which includes this file: who owns the memory
 * that was handed over, and what the page allocator has of it. They run on a
 * handover of their own, made of pages that are taken from the allocator as if
 * they had been reserved since boot.
 */
#include <kunit/test.h>
#include <linux/initrd.h>
#include <linux/sort.h>

#define TEST_ORDER	7
#define TEST_PAGES	BIT(TEST_ORDER)
#define TEST_BITS	256

/*
 * Page by page: 16 single pages, 8 that are not preserved, 8 single pages, and
 * right after them, 4 folios of order 3; then two chunks, see below, and again
 * 8 single pages. Two nodes list some of it, also across the borders.
 */
static const struct {
	unsigned int first, nr, order, bit;
	bool chunk;
} test_extents[] = {
	{ 0, 16, 0, 0 }, { 24, 8, 0, 16 }, { 32, 32, 3, 24 },
	{ 64, 32, 0, 64, true }, { 96, 24, 0, 128, true }, { 120, 8, 0, 192 },
};

/* Folios of several orders in the chunks; there is nothing in between */
static const struct test_folios { int first, nr, order; } test_folios[] = {
	{ 64, 4, 0 }, { 70, 2, 1 }, { 72, 4, 2 }, { 76, 1, 0 }, { 78, 2, 0 },
	{ 80, 16, 3 },
	{ 96, 4, 1 }, { 100, 4, 2 }, { 112, 1, 0 }, { 114, 6, 0 },
};

/* So many folios, and pages */
#define TEST_FOLIOS	21
#define TEST_IN_CHUNKS	44

#define TEST_PRESERVED	(16 + 8 + 32 + TEST_IN_CHUNKS + 8)
/* Pages of a chunk that were not preserved, and have a bit in taken */
#define TEST_MISSING	12

static const struct { unsigned int first, nr, node; } test_listings[] = {
	{ 2, 2, 0 }, { 8, 4, 0 }, { 28, 12, 1 }, { 62, 4, 0 },
};

#define TEST_LISTED_0	10
#define TEST_LISTED_1	12

/**
 * struct fake - a handover of our own
 * @saved:   the real one
 * @page:    first of TEST_PAGES pages
 * @present: a bit for each of them: it is preserved
 * @managed: what the page's zone had without the preserved pages
 * @total:   what all zones had without them
 * @kept:    bits for the pages of chunks, see struct kho_extent
 * @joined:  bits for the pages of chunks, see struct kho_extent
 * @extent:  see struct kho_in, as the following
 * @listing: see there
 * @taken:   see there
 * @claimed: see there
 * @fdt:     see there
 */
struct fake {
	struct kho_in saved;
	struct page *page;
	DECLARE_BITMAP(present, TEST_PAGES);
	unsigned long managed;
	unsigned long total;
	DECLARE_BITMAP(kept, TEST_BITS);
	DECLARE_BITMAP(joined, TEST_BITS);
	struct kho_extent extent[ARRAY_SIZE(test_extents)];
	struct kho_listing listing[ARRAY_SIZE(test_listings)];
	DECLARE_BITMAP(taken, TEST_BITS);
	DECLARE_BITMAP(claimed, TEST_BITS);
	u8 fdt[512] __aligned(8);
};

static struct kho_mem test_mem(const struct fake *f, int first, int nr)
{
	return (struct kho_mem){
		.addr = page_to_phys(f->page) + first * (s64)PAGE_SIZE,
		.len = nr * PAGE_SIZE,
	};
}

static phys_addr_t test_phys(const struct fake *f, int i)
{
	return page_to_phys(f->page + i);
}

/* Preserved pages that the allocator manages again */
static unsigned long managed(struct kunit *test)
{
	struct fake *f = test->priv;
	unsigned long sum = totalram_pages() - f->total;

	KUNIT_EXPECT_EQ(test, zone_managed_pages(page_zone(f->page)) - f->managed,
			sum);
	return sum;
}

/* Preserved pages that are not left */
static unsigned int nr_taken(const struct fake *f)
{
	return bitmap_weight(f->taken, TEST_BITS) - TEST_MISSING;
}

static u8 test_byte(int i)
{
	return 0x40 + i;
}

static bool intact(const struct fake *f, int first, int nr)
{
	for (; nr; nr--, first++)
		if (memchr_inv(page_address(f->page + first), test_byte(first),
			       PAGE_SIZE))
			return false;
	return true;
}

/* Whether pages are as alloc_page() returns them, with their contents */
static bool are_pages(const struct fake *f, int first, int nr)
{
	int i;

	for (i = first; i < first + nr; i++)
		if (PageReserved(f->page + i) || PageCompound(f->page + i) ||
		    page_count(f->page + i) != 1)
			return false;
	return intact(f, first, nr);
}

/*
 * Whether any page was not given back: it would still be as it was. A free one
 * has no reference, and whoever has got it since has written to it.
 */
static bool any_leaked(const struct fake *f, int first, int nr)
{
	for (; nr; nr--, first++)
		if (are_pages(f, first, 1))
			return true;
	return false;
}

static bool are_reserved(const struct fake *f, int first, int nr)
{
	int i;

	for (i = first; i < first + nr; i++)
		if (!PageReserved(f->page + i))
			return false;
	return intact(f, first, nr);
}

/* All that is preserved, and pages that are not are as they were, too */
static bool all_reserved(const struct fake *f)
{
	int i;

	for (i = 0; i < TEST_PAGES; i++)
		if (test_bit(i, f->present) ? !are_reserved(f, i, 1) :
					      !are_pages(f, i, 1))
			return false;
	return true;
}

static bool any_reserved(const struct fake *f, int first, int nr)
{
	for (; nr; nr--, first++)
		if (PageReserved(f->page + first))
			return true;
	return false;
}

static bool test_claim(const struct fake *f, int first, int nr)
{
	struct kho_mem mem = test_mem(f, first, nr);
	void *p = kho_claim_mem(&mem);

	return p && p == page_address(f->page + first);
}

static void test_return(const struct fake *f, int first, int nr)
{
	struct kho_mem mem = test_mem(f, first, nr);

	kho_return_mem(&mem);
}

static int test_node(struct fake *f, const char *name, unsigned int node)
{
	fdt64_t cells[2 * ARRAY_SIZE(test_listings)];
	unsigned int i, nr = 0;

	for (i = 0; i < ARRAY_SIZE(test_listings); i++) {
		if (f->listing[i].node != node)
			continue;
		cells[nr++] = cpu_to_fdt64(f->listing[i].mem.addr);
		cells[nr++] = cpu_to_fdt64(f->listing[i].mem.len);
	}
	return fdt_begin_node(f->fdt, name) ?:
	       fdt_property(f->fdt, KHO_PROP_MEM, cells, nr * sizeof(*cells)) ?:
	       fdt_end_node(f->fdt);
}

static int test_fdt(struct fake *f)
{
	return fdt_create(f->fdt, sizeof(f->fdt)) ?:
	       fdt_finish_reservemap(f->fdt) ?:
	       fdt_begin_node(f->fdt, "") ?:
	       test_node(f, "first", 0) ?:
	       test_node(f, "second", 1) ?:
	       fdt_end_node(f->fdt) ?:
	       fdt_finish(f->fdt);
}

static void set_chunk(struct fake *f, struct kho_extent *x, int first)
{
	unsigned int i, j, nr = PHYS_PFN(x->mem.len);

	x->kept = f->kept + BIT_WORD(x->bit);
	x->joined = f->joined + BIT_WORD(x->bit);
	bitmap_set(f->taken, x->bit, nr);
	/* What follows there may be another chunk's */
	bitmap_set(x->joined, nr, BITS_PER_LONG - nr);
	for (i = 0; i < ARRAY_SIZE(test_folios); i++) {
		const struct test_folios *t = &test_folios[i];

		if (t->first < first || t->first >= first + nr)
			continue;
		for (j = t->first - first; j < t->first - first + t->nr; j++) {
			__clear_bit(x->bit + j, f->taken);
			__set_bit(j, x->kept);
			if (j & (BIT(t->order) - 1))
				__set_bit(j, x->joined);
		}
	}
}

static void reserve_pages(struct fake *f, struct kho_extent *x, int first)
{
	unsigned int i, nr = PHYS_PFN(x->mem.len);

	x->before = bitmap_weight(f->present, TEST_PAGES);
	for (i = 0; i < nr; i++) {
		if (test_bit(x->bit + i, f->taken))
			continue;
		__set_bit(first + i, f->present);
		SetPageReserved(f->page + first + i);
		pgalloc_tag_sub(f->page + first + i, 1);
		adjust_managed_page_count(f->page + first + i, -1);
	}
}

static int in_init(struct kunit *test)
{
	struct fake *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, f);

	/* Else the initrd is freed meanwhile, and adds to managed pages */
	wait_for_initramfs();

	f->page = alloc_pages(GFP_KERNEL, TEST_ORDER);
	KUNIT_ASSERT_NOT_NULL(test, f->page);
	split_page(f->page, TEST_ORDER);

	for (i = 0; i < TEST_PAGES; i++)
		memset(page_address(f->page + i), test_byte(i), PAGE_SIZE);
	for (i = 0; i < ARRAY_SIZE(test_extents); i++) {
		f->extent[i].mem = test_mem(f, test_extents[i].first,
					    test_extents[i].nr);
		f->extent[i].shift = PAGE_SHIFT + test_extents[i].order;
		f->extent[i].bit = test_extents[i].bit;
		if (test_extents[i].chunk)
			set_chunk(f, &f->extent[i], test_extents[i].first);
		reserve_pages(f, &f->extent[i], test_extents[i].first);
	}
	for (i = 0; i < ARRAY_SIZE(test_listings); i++) {
		f->listing[i].mem = test_mem(f, test_listings[i].first,
					     test_listings[i].nr);
		f->listing[i].node = test_listings[i].node;
	}
	KUNIT_EXPECT_EQ(test, test_fdt(f), 0);
	KUNIT_EXPECT_EQ(test, bitmap_weight(f->present, TEST_PAGES),
			TEST_PRESERVED);
	KUNIT_EXPECT_EQ(test, bitmap_weight(f->taken, TEST_BITS), TEST_MISSING);

	f->managed = zone_managed_pages(page_zone(f->page));
	f->total = totalram_pages();

	f->saved = kho_in;
	kho_in = (struct kho_in){
		.fdt = f->fdt,
		.ready = true,
		.extent = f->extent,
		.extents = ARRAY_SIZE(f->extent),
		.listing = f->listing,
		.listings = ARRAY_SIZE(f->listing),
		.nodes = 2,
		.pages = TEST_PRESERVED,
		.taken = f->taken,
		.claimed = f->claimed,
	};
	mutex_init(&kho_in.lock);
	test->priv = f;
	return 0;
}

/* Whatever a test has restored, it has freed itself */
static void in_exit(struct kunit *test)
{
	struct fake *f = test->priv;
	unsigned int i, j;

	if (!f)
		return;

	for (i = 0; i < ARRAY_SIZE(test_extents); i++) {
		for (j = 0; j < test_extents[i].nr; j++) {
			struct page *page = f->page + test_extents[i].first + j;
			unsigned int bit = test_extents[i].bit + j;

			if (!test_bit(test_extents[i].first + j, f->present))
				continue;
			if (!test_bit(bit, f->taken))
				free_reserved_page(page);
			else if (test_bit(bit, f->claimed))
				__free_page(page);
		}
	}
	for_each_clear_bit(i, f->present, TEST_PAGES)
		__free_page(f->page + i);
	KUNIT_EXPECT_EQ(test, managed(test), TEST_PRESERVED);
	kho_in = f->saved;
}

/**
 * struct test_range - a range, in pages
 * @desc:  what is special about it
 * @first: index of the first page
 * @nr:    number of pages
 * @addr:  bytes to add to the address
 * @len:   bytes to add to the length
 */
struct test_range {
	const char *desc;
	int first;
	int nr;
	u64 addr;
	u64 len;
};

static const struct test_range good_ranges[] = {
	{ "one page", 5, 1 },
	{ "all of an extent", 0, 16 },
	{ "the end of an extent", 12, 4 },
	{ "the last page", 127, 1 },
	{ "across extents", 25, 11 },
	{ "part of a folio", 33, 2 },
	{ "one page of a chunk", 76, 1 },
	{ "pages of a chunk", 78, 2 },
	{ "a folio of a chunk", 72, 4 },
	{ "part of a folio of a chunk", 81, 3 },
	{ "pages and folios of a chunk", 71, 6 },
	{ "across an extent and a chunk", 62, 6 },
	{ "across chunks", 91, 10 },
	{ "across a chunk and an extent", 114, 14 },
};

static const struct test_range bad_ranges[] = {
	{ "not preserved", 16, 8 },
	{ "before all", -1, 1 },
	{ "from before all", -1, 2 },
	{ "after all", 128, 1 },
	{ "to after all", 127, 2 },
	{ "ends in a hole", 14, 3 },
	{ "begins in a hole", 23, 2 },
	{ "over a hole", 15, 10 },
	{ "everything and the hole", 0, 64 },
	{ "not preserved in a chunk", 68, 2 },
	{ "ends in a hole of a chunk", 66, 3 },
	{ "begins in a hole of a chunk", 77, 2 },
	{ "over a hole of a chunk", 76, 3 },
	{ "from an extent into a hole of a chunk", 60, 9 },
	{ "from a hole of a chunk to an extent", 113, 10 },
	{ "empty", 4, 0 },
	{ "unaligned address", 4, 1, .addr = PAGE_SIZE / 2 },
	{ "unaligned length", 4, 1, .len = 1 },
	{ "less than a page", 4, 0, .len = 8 },
	{ "wrapping", 4, 0, .len = -PAGE_SIZE },
	{ "all there is", 0, 0, .len = 1ULL << 62 },
	{ "no memory", 0, 1, .addr = 1ULL << 60 },
};

KUNIT_ARRAY_PARAM_DESC(good_range, good_ranges, desc);
KUNIT_ARRAY_PARAM_DESC(bad_range, bad_ranges, desc);

static void claim_test(struct kunit *test)
{
	const struct test_range *r = test->param_value;
	struct fake *f = test->priv;
	int first = r->first, nr = r->nr;

	KUNIT_ASSERT_TRUE(test, test_claim(f, first, nr));
	KUNIT_EXPECT_TRUE(test, are_pages(f, first, nr));
	KUNIT_EXPECT_EQ(test, managed(test), nr);
	KUNIT_EXPECT_EQ(test, nr_taken(f), nr);

	/* All, some of it: it has an owner */
	KUNIT_EXPECT_FALSE(test, test_claim(f, first, nr));
	KUNIT_EXPECT_FALSE(test, test_claim(f, first + nr - 1, 1));
	KUNIT_EXPECT_NULL(test, kho_restore_pages(test_phys(f, first), 1));
	KUNIT_EXPECT_NULL(test, kho_restore_folio(test_phys(f, first)));
	KUNIT_EXPECT_TRUE(test, are_pages(f, first, nr));
	KUNIT_EXPECT_EQ(test, managed(test), nr);

	test_return(f, first, nr);
	KUNIT_EXPECT_FALSE(test, any_leaked(f, first, nr));
	KUNIT_EXPECT_TRUE(test, bitmap_empty(f->claimed, TEST_BITS));
	KUNIT_EXPECT_EQ(test, managed(test), nr);

	/* It is gone for good */
	KUNIT_EXPECT_FALSE(test, test_claim(f, first, nr));
	test_return(f, first, nr);
	KUNIT_EXPECT_EQ(test, managed(test), nr);
}

static void refuse_test(struct kunit *test)
{
	const struct test_range *r = test->param_value;
	struct fake *f = test->priv;
	struct kho_mem mem = test_mem(f, r->first, r->nr);

	mem.addr += r->addr;
	mem.len += r->len;
	KUNIT_EXPECT_NULL(test, kho_claim_mem(&mem));
	KUNIT_EXPECT_NULL(test, kho_claim_reserved_mem(&mem));
	kho_return_mem(&mem);
	if (PAGE_ALIGNED(mem.len))
		KUNIT_EXPECT_NULL(test, kho_restore_pages(mem.addr,
							  PHYS_PFN(mem.len)));

	KUNIT_EXPECT_EQ(test, managed(test), 0);
	KUNIT_EXPECT_EQ(test, nr_taken(f), 0);
	KUNIT_EXPECT_TRUE(test, bitmap_empty(f->claimed, TEST_BITS));
	KUNIT_EXPECT_TRUE(test, all_reserved(f));
}

/* A claim that meets an owner anywhere changes nothing */
static void overlap_test(struct kunit *test)
{
	struct fake *f = test->priv;

	KUNIT_ASSERT_TRUE(test, test_claim(f, 30, 4));
	KUNIT_EXPECT_FALSE(test, test_claim(f, 24, 7));
	KUNIT_EXPECT_FALSE(test, test_claim(f, 33, 7));
	KUNIT_EXPECT_FALSE(test, test_claim(f, 24, 40));
	KUNIT_EXPECT_EQ(test, managed(test), 4);
	KUNIT_EXPECT_TRUE(test, are_reserved(f, 24, 6));
	KUNIT_EXPECT_TRUE(test, are_reserved(f, 34, 30));
	KUNIT_EXPECT_TRUE(test, test_claim(f, 24, 6));
	KUNIT_EXPECT_TRUE(test, test_claim(f, 34, 30));
	KUNIT_EXPECT_EQ(test, managed(test), 40);
}

static void return_part_test(struct kunit *test)
{
	struct fake *f = test->priv;

	KUNIT_ASSERT_TRUE(test, test_claim(f, 0, 12));
	test_return(f, 4, 4);
	KUNIT_EXPECT_FALSE(test, any_leaked(f, 4, 4));
	KUNIT_EXPECT_EQ(test, bitmap_weight(f->claimed, TEST_BITS), 8);
	KUNIT_EXPECT_TRUE(test, are_pages(f, 0, 4));
	KUNIT_EXPECT_TRUE(test, are_pages(f, 8, 4));

	/* Some of it is not ours any more, or not ours yet */
	test_return(f, 0, 12);
	test_return(f, 7, 2);
	test_return(f, 8, 8);
	KUNIT_EXPECT_EQ(test, bitmap_weight(f->claimed, TEST_BITS), 8);
	KUNIT_EXPECT_TRUE(test, are_pages(f, 0, 4));
	KUNIT_EXPECT_TRUE(test, are_pages(f, 8, 4));
	KUNIT_EXPECT_EQ(test, managed(test), 12);
}

static void return_unclaimed_test(struct kunit *test)
{
	struct fake *f = test->priv;

	test_return(f, 28, 12);
	KUNIT_EXPECT_FALSE(test, any_leaked(f, 28, 12));
	KUNIT_EXPECT_FALSE(test, any_reserved(f, 28, 12));
	KUNIT_EXPECT_TRUE(test, are_reserved(f, 24, 4));
	KUNIT_EXPECT_TRUE(test, are_reserved(f, 40, 24));
	KUNIT_EXPECT_EQ(test, managed(test), 12);
	KUNIT_EXPECT_FALSE(test, test_claim(f, 28, 1));
}

static void claim_reserved_test(struct kunit *test)
{
	struct fake *f = test->priv;
	struct kho_mem mem = test_mem(f, 26, 10);

	KUNIT_EXPECT_PTR_EQ(test, kho_claim_reserved_mem(&mem),
			    page_address(f->page + 26));
	KUNIT_EXPECT_TRUE(test, are_reserved(f, 24, 40));
	KUNIT_EXPECT_EQ(test, managed(test), 0);

	KUNIT_EXPECT_NULL(test, kho_claim_reserved_mem(&mem));
	KUNIT_EXPECT_FALSE(test, test_claim(f, 26, 10));
	test_return(f, 26, 10);
	KUNIT_EXPECT_TRUE(test, are_reserved(f, 24, 40));
	KUNIT_EXPECT_EQ(test, managed(test), 0);

	/* It can be preserved, which is not so of what is nobody's, or did not arrive */
	KUNIT_EXPECT_TRUE(test, kho_in_has_owner(page_to_pfn(f->page + 26)));
	KUNIT_EXPECT_TRUE(test, kho_in_has_owner(page_to_pfn(f->page + 35)));
	KUNIT_EXPECT_FALSE(test, kho_in_has_owner(page_to_pfn(f->page + 25)));
	KUNIT_EXPECT_FALSE(test, kho_in_has_owner(page_to_pfn(f->page + 36)));
	KUNIT_EXPECT_FALSE(test, kho_in_has_owner(page_to_pfn(f->page + 16)));
	KUNIT_EXPECT_FALSE(test, kho_in_has_owner(page_to_pfn(f->page + 68)));

	/* Only so that in_exit() frees it */
	bitmap_clear(f->taken, 18, 10);
}

static void restore_folio_test(struct kunit *test)
{
	struct fake *f = test->priv;
	struct folio *folio = kho_restore_folio(test_phys(f, 40));

	KUNIT_ASSERT_PTR_EQ(test, folio, (struct folio *)(f->page + 40));
	KUNIT_EXPECT_EQ(test, folio_order(folio), 3);
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), 1);
	KUNIT_EXPECT_PTR_EQ(test, page_folio(f->page + 47), folio);
	KUNIT_EXPECT_FALSE(test, any_reserved(f, 40, 8));
	KUNIT_EXPECT_TRUE(test, intact(f, 40, 8));
	KUNIT_EXPECT_TRUE(test, are_reserved(f, 32, 8));
	KUNIT_EXPECT_TRUE(test, are_reserved(f, 48, 16));
	KUNIT_EXPECT_EQ(test, managed(test), 8);

	KUNIT_EXPECT_NULL(test, kho_restore_folio(test_phys(f, 40)));
	/* Whoever restores a folio puts it */
	test_return(f, 40, 8);
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), 1);
	KUNIT_EXPECT_EQ(test, managed(test), 8);
	folio_put(folio);
	KUNIT_EXPECT_NULL(test, kho_restore_folio(test_phys(f, 40)));

	/* A single page is a folio, too */
	folio = kho_restore_folio(test_phys(f, 3));
	KUNIT_ASSERT_PTR_EQ(test, folio, (struct folio *)(f->page + 3));
	KUNIT_EXPECT_EQ(test, folio_order(folio), 0);
	KUNIT_EXPECT_TRUE(test, are_pages(f, 3, 1));
	KUNIT_EXPECT_EQ(test, managed(test), 9);
	folio_put(folio);
}

/* A restored folio's allocation tag says nothing: nor do those of what it is split in */
static void split_test(struct kunit *test)
{
	struct fake *f = test->priv;
	struct folio *folio = kho_restore_folio(test_phys(f, 48));
	int i;

	KUNIT_ASSERT_NOT_NULL(test, folio);
	pgalloc_tag_split(folio, 3, 1);
	/* As they are freed; the first goes with the folio, which was not really split */
	for (i = 2; i < 8; i += 2)
		pgalloc_tag_sub(f->page + 48 + i, 2);
	folio_put(folio);
}

static void no_folio_test(struct kunit *test)
{
	struct fake *f = test->priv;

	KUNIT_EXPECT_NULL(test, kho_restore_folio(test_phys(f, 16)));
	KUNIT_EXPECT_NULL(test, kho_restore_folio(test_phys(f, 33)));
	KUNIT_EXPECT_NULL(test, kho_restore_folio(test_phys(f, 63)));
	KUNIT_EXPECT_NULL(test, kho_restore_folio(test_phys(f, 128)));
	KUNIT_EXPECT_NULL(test, kho_restore_folio(test_phys(f, 5) + 8));
	KUNIT_EXPECT_NULL(test, kho_restore_folio(0));
	KUNIT_EXPECT_NULL(test, kho_restore_folio(PHYS_ADDR_MAX));
	KUNIT_EXPECT_EQ(test, managed(test), 0);

	/* Somebody has a page of it */
	KUNIT_ASSERT_TRUE(test, test_claim(f, 50, 1));
	KUNIT_EXPECT_NULL(test, kho_restore_folio(test_phys(f, 48)));
	KUNIT_EXPECT_EQ(test, managed(test), 1);
	KUNIT_EXPECT_TRUE(test, are_reserved(f, 48, 2));
	KUNIT_EXPECT_TRUE(test, are_reserved(f, 51, 5));
}

static void restore_pages_test(struct kunit *test)
{
	struct fake *f = test->priv;
	int i;

	KUNIT_EXPECT_NULL(test, kho_restore_pages(test_phys(f, 30), 3));
	KUNIT_EXPECT_NULL(test, kho_restore_pages(test_phys(f, 32), 8));
	KUNIT_EXPECT_NULL(test, kho_restore_pages(test_phys(f, 24), 0));
	KUNIT_EXPECT_NULL(test, kho_restore_pages(0, 0));
	KUNIT_EXPECT_NULL(test, kho_restore_pages(test_phys(f, 24),
						  PHYS_PFN(-1ULL) + 2));
	KUNIT_EXPECT_EQ(test, managed(test), 0);

	KUNIT_ASSERT_PTR_EQ(test, kho_restore_pages(test_phys(f, 25), 7),
			    f->page + 25);
	KUNIT_EXPECT_TRUE(test, are_pages(f, 25, 7));
	KUNIT_EXPECT_TRUE(test, are_reserved(f, 24, 1));
	KUNIT_EXPECT_EQ(test, managed(test), 7);

	KUNIT_EXPECT_NULL(test, kho_restore_pages(test_phys(f, 25), 7));
	KUNIT_EXPECT_NULL(test, kho_restore_pages(test_phys(f, 24), 2));
	KUNIT_EXPECT_FALSE(test, test_claim(f, 31, 2));
	KUNIT_EXPECT_EQ(test, managed(test), 7);
	for (i = 25; i < 32; i++)
		__free_page(f->page + i);
}

/* Pages 1, 9, and 5 if not told otherwise; page 0 lists them */
static struct kho_vmalloc test_vmalloc(struct fake *f, int last)
{
	struct kho_vmalloc_page *list = page_address(f->page);

	list->next = 0;
	list->addr[0] = cpu_to_be64(test_phys(f, 1));
	list->addr[1] = cpu_to_be64(test_phys(f, 9));
	list->addr[2] = cpu_to_be64(test_phys(f, last));
	return (struct kho_vmalloc){
		.first = cpu_to_be64(test_phys(f, 0)),
		.pages = cpu_to_be32(3),
		.shift = cpu_to_be32(PAGE_SHIFT),
	};
}

static void restore_vmalloc_test(struct kunit *test)
{
	struct fake *f = test->priv;
	struct kho_vmalloc kv = test_vmalloc(f, 5);
	u8 *p = kho_restore_vmalloc(&kv);

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_NULL(test, memchr_inv(p, test_byte(1), PAGE_SIZE));
	KUNIT_EXPECT_NULL(test, memchr_inv(p + PAGE_SIZE, test_byte(9),
					   PAGE_SIZE));
	KUNIT_EXPECT_NULL(test, memchr_inv(p + 2 * PAGE_SIZE, test_byte(5),
					   PAGE_SIZE));
	/* With the page that lists them */
	KUNIT_EXPECT_EQ(test, managed(test), 4);
	vfree(p);

	KUNIT_EXPECT_NULL(test, kho_restore_vmalloc(&kv));
	KUNIT_EXPECT_EQ(test, managed(test), 4);
}

static void no_vmalloc_test(struct kunit *test)
{
	struct fake *f = test->priv;
	struct kho_vmalloc good = test_vmalloc(f, 5), kv;

	kv = good;
	kv.pages = 0;
	KUNIT_EXPECT_NULL(test, kho_restore_vmalloc(&kv));
	kv.pages = cpu_to_be32(TEST_PRESERVED + 1);
	KUNIT_EXPECT_NULL(test, kho_restore_vmalloc(&kv));
	kv = good;
	kv.shift = cpu_to_be32(PAGE_SHIFT + 1);
	KUNIT_EXPECT_NULL(test, kho_restore_vmalloc(&kv));
	kv = good;
	kv.first = 0;
	KUNIT_EXPECT_NULL(test, kho_restore_vmalloc(&kv));
	kv.first = cpu_to_be64(test_phys(f, 16));
	KUNIT_EXPECT_NULL(test, kho_restore_vmalloc(&kv));
	KUNIT_EXPECT_EQ(test, managed(test), 0);
}

/* A bad address: nothing is taken */
static void broken_vmalloc_test(struct kunit *test)
{
	struct fake *f = test->priv;
	struct kho_vmalloc kv = test_vmalloc(f, 20);

	KUNIT_EXPECT_NULL(test, kho_restore_vmalloc(&kv));
	KUNIT_EXPECT_EQ(test, managed(test), 0);
	KUNIT_EXPECT_EQ(test, nr_taken(f), 0);
	KUNIT_EXPECT_TRUE(test, test_claim(f, 9, 1));
}

/* What was taken before the same page came again is free, the rest is as it was */
static void twice_vmalloc_test(struct kunit *test)
{
	struct fake *f = test->priv;
	struct kho_vmalloc kv = test_vmalloc(f, 9);
	const struct kho_vmalloc_page *list = page_address(f->page);

	KUNIT_EXPECT_NULL(test, kho_restore_vmalloc(&kv));
	KUNIT_EXPECT_FALSE(test, any_leaked(f, 1, 1));
	KUNIT_EXPECT_FALSE(test, any_leaked(f, 9, 1));
	KUNIT_EXPECT_FALSE(test, page_count(f->page) == 1 &&
			   list->addr[2] == cpu_to_be64(test_phys(f, 9)));
	KUNIT_EXPECT_EQ(test, managed(test), 3);
	KUNIT_EXPECT_FALSE(test, test_claim(f, 9, 1));
	KUNIT_EXPECT_TRUE(test, test_claim(f, 5, 1));
}

static void get_mem_test(struct kunit *test)
{
	struct fake *f = test->priv;
	struct kho_mem want = test_mem(f, 8, 4), mem;
	int node = fdt_subnode_offset(f->fdt, 0, "first");

	KUNIT_EXPECT_TRUE(test, is_kho_boot());
	KUNIT_EXPECT_PTR_EQ(test, kho_get_fdt(), (const void *)f->fdt);
	KUNIT_ASSERT_EQ(test, kho_get_mem(node, 1, &mem), 0);
	KUNIT_EXPECT_EQ(test, mem.addr, want.addr);
	KUNIT_EXPECT_EQ(test, mem.len, want.len);
	KUNIT_EXPECT_EQ(test, kho_get_mem(node, 3, &mem), -ENOENT);
	KUNIT_EXPECT_EQ(test, kho_get_mem(0, 0, &mem), -ENOENT);
}

/* Before struct pages are there, a range can be kept, and nothing else */
static void early_test(struct kunit *test)
{
	struct fake *f = test->priv;
	struct kho_mem mem = test_mem(f, 0, 1);

	kho_in.ready = false;
	KUNIT_EXPECT_NULL(test, kho_claim_mem(&mem));
	KUNIT_EXPECT_NULL(test, kho_restore_folio(mem.addr));
	KUNIT_EXPECT_NULL(test, kho_restore_pages(mem.addr, 1));
	/* The short way looks there first */
	KUNIT_EXPECT_NULL(test, kho_in.hit);
	kho_return_mem(&mem);
	KUNIT_EXPECT_EQ(test, managed(test), 0);
	KUNIT_EXPECT_EQ(test, nr_taken(f), 0);

	KUNIT_EXPECT_NOT_NULL(test, kho_claim_reserved_mem(&mem));
	KUNIT_EXPECT_EQ(test, nr_taken(f), 1);
	/* Only so that in_exit() frees it */
	__clear_bit(f->extent[0].bit, f->taken);
	kho_in.ready = true;
}

static void no_handover_test(struct kunit *test)
{
	struct fake *f = test->priv;
	struct kho_vmalloc kv = test_vmalloc(f, 5);
	struct kho_in fake_in = kho_in;
	struct kho_mem mem = test_mem(f, 0, 1);

	kho_in.fdt = NULL;
	kho_in.ready = false;
	kho_in.extent = NULL;
	kho_in.extents = 0;
	KUNIT_EXPECT_FALSE(test, is_kho_boot());
	KUNIT_EXPECT_NULL(test, kho_get_fdt());
	KUNIT_EXPECT_EQ(test, kho_get_mem(0, 0, &mem), -ENOENT);
	KUNIT_EXPECT_NULL(test, kho_claim_mem(&mem));
	KUNIT_EXPECT_NULL(test, kho_claim_reserved_mem(&mem));
	KUNIT_EXPECT_NULL(test, kho_restore_folio(mem.addr));
	KUNIT_EXPECT_NULL(test, kho_restore_pages(mem.addr, 1));
	KUNIT_EXPECT_NULL(test, kho_restore_pages(mem.addr, 0));
	KUNIT_EXPECT_NULL(test, kho_restore_vmalloc(&kv));
	kho_return_mem(&mem);
	KUNIT_EXPECT_EQ(test, managed(test), 0);
	kho_in = fake_in;
}

/* The files in /sys/firmware/kho */

static unsigned long show(struct kunit *test, struct kobj_attribute *attr)
{
	char *buf = (char *)get_zeroed_page(GFP_KERNEL);
	unsigned long bytes = 0;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_EXPECT_GT(test, attr->show(NULL, attr, buf), 0);
	KUNIT_EXPECT_EQ(test, kstrtoul(buf, 10, &bytes), 0);
	free_page((unsigned long)buf);
	return bytes >> PAGE_SHIFT;
}

static struct node_attr test_attr(unsigned int node)
{
	return (struct node_attr){
		.attr = { .show = node_show, .store = node_store },
		.node = node,
	};
}

static void count_test(struct kunit *test)
{
	struct node_attr first = test_attr(0), second = test_attr(1);
	struct fake *f = test->priv;
	unsigned int rest = TEST_PRESERVED - TEST_LISTED_0 - TEST_LISTED_1;

	KUNIT_EXPECT_EQ(test, show(test, &first.attr), TEST_LISTED_0);
	KUNIT_EXPECT_EQ(test, show(test, &second.attr), TEST_LISTED_1);
	KUNIT_EXPECT_EQ(test, show(test, &unlisted_attr), rest);

	/* Pages 2, 3 and 8 are listed */
	KUNIT_ASSERT_TRUE(test, test_claim(f, 2, 7));
	KUNIT_EXPECT_EQ(test, show(test, &first.attr), TEST_LISTED_0 - 3);
	KUNIT_EXPECT_EQ(test, show(test, &unlisted_attr), rest - 4);
	test_return(f, 2, 7);
	KUNIT_EXPECT_EQ(test, show(test, &first.attr), TEST_LISTED_0 - 3);
	KUNIT_EXPECT_EQ(test, show(test, &unlisted_attr), rest - 4);
	KUNIT_EXPECT_EQ(test, show(test, &second.attr), TEST_LISTED_1);
}

static void release_node_test(struct kunit *test)
{
	struct node_attr first = test_attr(0), second = test_attr(1);
	struct fake *f = test->priv;

	KUNIT_EXPECT_EQ(test, node_store(NULL, &second.attr, "0", 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, node_store(NULL, &second.attr, "x", 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, managed(test), 0);

	/* The operator gets what no driver has */
	KUNIT_ASSERT_TRUE(test, test_claim(f, 30, 4));
	KUNIT_EXPECT_EQ(test, node_store(NULL, &second.attr, "1", 1), 1);
	KUNIT_EXPECT_EQ(test, managed(test), TEST_LISTED_1);
	KUNIT_EXPECT_EQ(test, show(test, &second.attr), 0);
	KUNIT_EXPECT_TRUE(test, are_pages(f, 30, 4));
	KUNIT_EXPECT_FALSE(test, any_reserved(f, 28, 12));
	KUNIT_EXPECT_TRUE(test, are_reserved(f, 24, 4));
	KUNIT_EXPECT_TRUE(test, are_reserved(f, 40, 24));
	KUNIT_EXPECT_EQ(test, show(test, &first.attr), TEST_LISTED_0);

	KUNIT_EXPECT_EQ(test, node_store(NULL, &second.attr, "1", 1), 1);
	KUNIT_EXPECT_EQ(test, managed(test), TEST_LISTED_1);
	KUNIT_EXPECT_FALSE(test, test_claim(f, 28, 1));
}

static void release_unlisted_test(struct kunit *test)
{
	struct fake *f = test->priv;
	unsigned int i;
	unsigned int rest = TEST_PRESERVED - TEST_LISTED_0 - TEST_LISTED_1;

	KUNIT_EXPECT_EQ(test, unlisted_store(NULL, &unlisted_attr, "0", 1),
			-EINVAL);
	KUNIT_ASSERT_TRUE(test, test_claim(f, 0, 1));
	KUNIT_EXPECT_EQ(test, unlisted_store(NULL, &unlisted_attr, "1", 1), 1);
	KUNIT_EXPECT_EQ(test, managed(test), rest);
	KUNIT_EXPECT_EQ(test, show(test, &unlisted_attr), 0);
	KUNIT_EXPECT_TRUE(test, are_pages(f, 0, 1));
	KUNIT_EXPECT_TRUE(test, are_reserved(f, 2, 2));
	KUNIT_EXPECT_TRUE(test, are_reserved(f, 8, 4));
	KUNIT_EXPECT_TRUE(test, are_reserved(f, 28, 12));
	KUNIT_EXPECT_FALSE(test, any_reserved(f, 4, 4));
	KUNIT_EXPECT_FALSE(test, any_reserved(f, 12, 4));
	KUNIT_EXPECT_FALSE(test, any_reserved(f, 24, 4));
	KUNIT_EXPECT_FALSE(test, any_reserved(f, 40, 22));
	KUNIT_EXPECT_TRUE(test, are_reserved(f, 62, 4));
	KUNIT_EXPECT_FALSE(test, any_reserved(f, 66, 62));
	/* What was not preserved is not given away */
	for_each_clear_bit(i, f->present, TEST_PAGES)
		KUNIT_EXPECT_TRUE(test, are_pages(f, i, 1));
	KUNIT_EXPECT_EQ(test, nr_taken(f), rest);
}

/* What is wrong with a range, apart from what the log says */
static int test_err(const struct fake *f, int first, int nr,
		    int (*check)(const struct part *p))
{
	struct kho_mem mem = test_mem(f, first, nr);

	guard(mutex)(&kho_in.lock);
	return check_range(&mem, check);
}

static struct folio *take_folio(struct kunit *test, int first, int order)
{
	unsigned long before = managed(test);
	struct fake *f = test->priv;
	struct folio *folio = kho_restore_folio(test_phys(f, first));
	int nr = 1 << order;

	KUNIT_EXPECT_PTR_EQ_MSG(test, folio, (struct folio *)(f->page + first),
				"page %d", first);
	if (!folio)
		return NULL;
	KUNIT_EXPECT_EQ_MSG(test, folio_order(folio), order, "page %d", first);
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), 1);
	KUNIT_EXPECT_FALSE(test, any_reserved(f, first, nr));
	KUNIT_EXPECT_TRUE(test, intact(f, first, nr));
	KUNIT_EXPECT_PTR_EQ(test, page_folio(f->page + first + nr - 1), folio);
	KUNIT_EXPECT_EQ(test, managed(test), before + nr);
	return folio;
}

static int cmp_up(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static int cmp_down(const void *a, const void *b)
{
	return cmp_up(b, a);
}

/* Every other one first */
static int cmp_mixed(const void *a, const void *b)
{
	return cmp_up(a, b) + (((*(const int *)a / 8) & 1) -
			       ((*(const int *)b / 8) & 1)) * 1000;
}

static const struct test_sequence {
	const char *desc;
	int (*cmp)(const void *a, const void *b);
} test_sequences[] = {
	{ "ascending", cmp_up }, { "descending", cmp_down },
	{ "mixed", cmp_mixed },
};

KUNIT_ARRAY_PARAM_DESC(sequence, test_sequences, desc);

/* Each folio of the chunks has its order, whichever are gone by then */
static void chunk_folios_test(struct kunit *test)
{
	const struct test_sequence *seq = test->param_value;
	struct { int first, order; struct folio *folio; } todo[TEST_FOLIOS];
	struct fake *f = test->priv;
	unsigned int i, nr = 0;
	int j;

	for (i = 0; i < ARRAY_SIZE(test_folios); i++) {
		for (j = 0; j < test_folios[i].nr;
		     j += 1 << test_folios[i].order, nr++) {
			KUNIT_ASSERT_LT(test, nr, TEST_FOLIOS);
			todo[nr].first = test_folios[i].first + j;
			todo[nr].order = test_folios[i].order;
		}
	}
	sort(todo, nr, sizeof(*todo), seq->cmp, NULL);

	for (i = 0; i < nr; i++)
		todo[i].folio = take_folio(test, todo[i].first, todo[i].order);
	KUNIT_EXPECT_EQ(test, managed(test), TEST_IN_CHUNKS);
	KUNIT_EXPECT_TRUE(test, are_reserved(f, 32, 32));
	KUNIT_EXPECT_TRUE(test, are_reserved(f, 120, 8));
	for_each_clear_bit(i, f->present, TEST_PAGES)
		KUNIT_EXPECT_TRUE(test, are_pages(f, i, 1));

	for (i = 0; i < nr; i++) {
		KUNIT_EXPECT_NULL(test, kho_restore_folio(test_phys(f, todo[i].first)));
		KUNIT_EXPECT_FALSE(test, test_claim(f, todo[i].first, 1));
		KUNIT_EXPECT_EQ(test, -EBUSY,
				test_err(f, todo[i].first, 1 << todo[i].order,
					 check_part));
		if (todo[i].folio)
			folio_put(todo[i].folio);
	}
	KUNIT_EXPECT_EQ(test, managed(test), TEST_IN_CHUNKS);
}

/**
 * struct test_refusal - what is refused in chunks
 * @desc:  what is special about it
 * @first: index of the first page
 * @nr:    number of pages; 0 for a folio
 * @err:   why
 */
struct test_refusal {
	const char *desc;
	int first;
	int nr;
	int err;
};

static const struct test_refusal test_refusals[] = {
	{ "folio where nothing is", 68, 0, -ENOENT },
	{ "folio where nothing is, further on", 69, 0, -ENOENT },
	{ "folio between pages", 77, 0, -ENOENT },
	{ "folio behind all of a chunk", 111, 0, -ENOENT },
	{ "a pair's tail", 71, 0, -EISDIR },
	{ "tail", 73, 0, -EISDIR },
	{ "middle of a folio", 74, 0, -EISDIR },
	{ "last page of a folio", 75, 0, -EISDIR },
	{ "last page of a chunk", 95, 0, -EISDIR },
	{ "tail before nothing", 103, 0, -EISDIR },

	{ "pages of a pair", 70, 2, -EISDIR },
	{ "pages of a folio", 72, 4, -EISDIR },
	{ "head as a page", 72, 1, -EISDIR },
	{ "tail as a page", 73, 1, -EISDIR },
	{ "last page is a head", 79, 2, -EISDIR },
	{ "first page is a tail", 75, 2, -EISDIR },
	{ "pages and a folio", 78, 10, -EISDIR },
	{ "folios of an extent and pages", 56, 12, -EISDIR },
	{ "last folio of a chunk", 88, 8, -EISDIR },
	{ "last page of a chunk, and more", 95, 3, -EISDIR },
	{ "a page that is not preserved", 77, 1, -ENOENT },
	{ "pages that are not preserved", 104, 8, -ENOENT },
	{ "pages and one that is not preserved", 64, 5, -ENOENT },
	{ "behind one that is not preserved", 113, 3, -ENOENT },
};

KUNIT_ARRAY_PARAM_DESC(refusal, test_refusals, desc);

static void chunk_refusal_test(struct kunit *test)
{
	const struct test_refusal *r = test->param_value;
	struct fake *f = test->priv;

	if (r->nr) {
		KUNIT_EXPECT_EQ(test, test_err(f, r->first, r->nr, check_pages),
				r->err);
		KUNIT_EXPECT_NULL(test, kho_restore_pages(test_phys(f, r->first),
							  r->nr));
	} else {
		/* That it is in a folio is not seen until then */
		KUNIT_EXPECT_EQ(test, test_err(f, r->first, 1, check_part),
				r->err == -EISDIR ? 0 : r->err);
		KUNIT_EXPECT_NULL(test, kho_restore_folio(test_phys(f, r->first)));
	}
	KUNIT_EXPECT_EQ(test, managed(test), 0);
	KUNIT_EXPECT_EQ(test, nr_taken(f), 0);
	KUNIT_EXPECT_TRUE(test, all_reserved(f));
}

static const struct test_range page_ranges[] = {
	{ "first pages", 64, 4 },
	{ "some of them", 65, 2 },
	{ "behind a folio", 76, 1 },
	{ "before a folio", 78, 2 },
	{ "one before a folio", 79, 1 },
	{ "alone", 112, 1 },
	{ "to the end of a chunk", 117, 3 },
	{ "across a chunk and an extent", 114, 10 },
};

KUNIT_ARRAY_PARAM_DESC(page_range, page_ranges, desc);

static void chunk_pages_test(struct kunit *test)
{
	const struct test_range *r = test->param_value;
	struct fake *f = test->priv;
	int i;

	KUNIT_ASSERT_PTR_EQ(test, f->page + r->first,
			    kho_restore_pages(test_phys(f, r->first), r->nr));
	KUNIT_EXPECT_TRUE(test, are_pages(f, r->first, r->nr));
	KUNIT_EXPECT_EQ(test, managed(test), r->nr);
	KUNIT_EXPECT_EQ(test, nr_taken(f), r->nr);
	for (i = 0; i < TEST_PAGES; i++)
		if (test_bit(i, f->present) &&
		    (i < r->first || i >= r->first + r->nr))
			KUNIT_EXPECT_TRUE_MSG(test, are_reserved(f, i, 1),
					      "page %d", i);

	for (i = r->first; i < r->first + r->nr; i++) {
		KUNIT_EXPECT_EQ(test, test_err(f, i, 1, check_pages), -EBUSY);
		KUNIT_EXPECT_NULL(test, kho_restore_pages(test_phys(f, i), 1));
		KUNIT_EXPECT_NULL(test, kho_restore_folio(test_phys(f, i)));
		__free_page(f->page + i);
	}
	KUNIT_EXPECT_EQ(test, managed(test), r->nr);
}

/* Which of two reasons it is */
static void chunk_reason_test(struct kunit *test)
{
	struct fake *f = test->priv;

	KUNIT_EXPECT_EQ(test, test_err(f, 76, 1, check_part), 0);
	KUNIT_EXPECT_EQ(test, test_err(f, 77, 1, check_part), -ENOENT);
	KUNIT_EXPECT_EQ(test, test_err(f, 76, 4, check_part), -ENOENT);
	KUNIT_EXPECT_EQ(test, test_err(f, 76, 4, check_return), -ENOENT);

	KUNIT_ASSERT_TRUE(test, test_claim(f, 76, 1));
	KUNIT_EXPECT_EQ(test, test_err(f, 76, 1, check_part), -EBUSY);
	KUNIT_EXPECT_EQ(test, test_err(f, 76, 4, check_part), -EBUSY);
	KUNIT_EXPECT_EQ(test, test_err(f, 77, 1, check_part), -ENOENT);
	KUNIT_EXPECT_EQ(test, test_err(f, 76, 1, check_return), 0);

	test_return(f, 76, 1);
	KUNIT_EXPECT_EQ(test, test_err(f, 76, 1, check_part), -EBUSY);
	KUNIT_EXPECT_EQ(test, test_err(f, 76, 1, check_return), -EBUSY);

	/* A tail is no page that was not preserved, either */
	KUNIT_ASSERT_TRUE(test, test_claim(f, 73, 3));
	KUNIT_EXPECT_EQ(test, test_err(f, 73, 1, check_part), -EBUSY);
	KUNIT_EXPECT_EQ(test, test_err(f, 74, 2, check_part), -EBUSY);
	KUNIT_EXPECT_EQ(test, test_err(f, 72, 1, check_part), 0);
	KUNIT_EXPECT_EQ(test, managed(test), 4);
}

/**
 * struct test_neighbour - a folio, and what is claimed next to it
 * @desc:  where that is
 * @first: the folio's first page
 * @order: its order
 * @claim: first page that is claimed
 * @nr:    number of these
 */
struct test_neighbour {
	const char *desc;
	int first;
	int order;
	int claim;
	int nr;
};

static const struct test_neighbour test_neighbours[] = {
	{ "page behind", 72, 2, 76, 1 },
	{ "pages before", 80, 3, 78, 2 },
	{ "folio behind", 80, 3, 88, 8 },
	{ "folio before", 88, 3, 80, 8 },
	{ "part of the folio behind", 80, 3, 88, 2 },
	{ "part of the folio before", 88, 3, 86, 2 },
	{ "pair behind", 96, 1, 98, 2 },
	{ "chunk behind", 88, 3, 96, 4 },
	{ "chunk before", 96, 1, 88, 8 },
	{ "extent before", 64, 0, 56, 8 },
	{ "extent behind", 119, 0, 120, 8 },
};

KUNIT_ARRAY_PARAM_DESC(neighbour, test_neighbours, desc);

static void neighbour_test(struct kunit *test)
{
	const struct test_neighbour *n = test->param_value;
	struct fake *f = test->priv;
	struct folio *folio;

	KUNIT_ASSERT_TRUE(test, test_claim(f, n->claim, n->nr));
	folio = take_folio(test, n->first, n->order);
	KUNIT_EXPECT_TRUE(test, are_pages(f, n->claim, n->nr));
	test_return(f, n->claim, n->nr);
	KUNIT_EXPECT_FALSE(test, any_leaked(f, n->claim, n->nr));
	KUNIT_EXPECT_EQ(test, managed(test), n->nr + (1 << n->order));
	if (folio)
		folio_put(folio);
}

static const struct test_range cuts[] = {
	{ "extent, second page", 49, 1 },
	{ "extent, third page", 50, 1 },
	{ "extent, second half", 52, 4 },
	{ "second page", 81, 1 },
	{ "third page", 82, 1 },
	{ "third page and more", 82, 10 },
	{ "second half", 84, 4 },
	{ "last pages", 86, 2 },
};

KUNIT_ARRAY_PARAM_DESC(cut, cuts, desc);

/* What is left of a folio of which somebody has a part is not a smaller one */
static void cut_test(struct kunit *test)
{
	const struct test_range *r = test->param_value;
	struct fake *f = test->priv;
	struct folio *folio;

	KUNIT_ASSERT_TRUE(test, test_claim(f, r->first, r->nr));
	folio = kho_restore_folio(test_phys(f, ALIGN_DOWN(r->first, 8)));
	KUNIT_EXPECT_NULL_MSG(test, folio, "a folio of order %u",
			      folio ? folio_order(folio) : 0);
	KUNIT_EXPECT_EQ(test, managed(test), r->nr);
	if (folio)
		folio_put(folio);
}

static void change_byte(const struct fake *f, int page)
{
	*((u8 *)page_address(f->page + page) + PAGE_SIZE - 1) ^= 1;
}

/* As the previous kernel takes the hashes: of all that is preserved, in order */
static void hash_all(struct kunit *test)
{
	__be32 *hash = kunit_kcalloc(test, TEST_PRESERVED, sizeof(*hash),
				     GFP_KERNEL);
	struct fake *f = test->priv;
	unsigned int i, nr = 0;

	KUNIT_ASSERT_NOT_NULL(test, hash);
	kho_in.hash = hash;
	for_each_set_bit(i, f->present, TEST_PAGES)
		hash[nr++] = kho_hash_page(page_to_pfn(f->page + i));
}

/* A range of which one page has changed cannot be had, if anybody looks */
static void contents_test(struct kunit *test)
{
	bool checked = IS_ENABLED(CONFIG_KEXEC_HANDOVER_DEBUG);
	const struct test_range *r = test->param_value;
	struct fake *f = test->priv;
	int i;

	hash_all(test);
	for (i = r->first; checked && i < r->first + r->nr; i++) {
		change_byte(f, i);
		KUNIT_EXPECT_FALSE(test, test_claim(f, r->first, r->nr));
		change_byte(f, i);
	}
	KUNIT_EXPECT_EQ(test, nr_taken(f), 0);
	KUNIT_EXPECT_TRUE(test, all_reserved(f));

	/* Those around it do not count */
	for_each_set_bit(i, f->present, TEST_PAGES)
		if (i < r->first || i >= r->first + r->nr || !checked)
			change_byte(f, i);
	KUNIT_EXPECT_TRUE(test, test_claim(f, r->first, r->nr));
	test_return(f, r->first, r->nr);
}

static void restore_contents_test(struct kunit *test)
{
	bool checked = IS_ENABLED(CONFIG_KEXEC_HANDOVER_DEBUG);
	struct fake *f = test->priv;
	struct folio *folio;
	struct page *page;

	hash_all(test);
	change_byte(f, 3);
	change_byte(f, 79);
	change_byte(f, 85);
	page = kho_restore_pages(test_phys(f, 3), 1);
	KUNIT_EXPECT_EQ(test, !page, checked);
	if (page)
		__free_page(page);
	page = kho_restore_pages(test_phys(f, 78), 2);
	KUNIT_EXPECT_EQ(test, !page, checked);
	while (page && page < f->page + 80)
		__free_page(page++);
	folio = kho_restore_folio(test_phys(f, 80));
	KUNIT_EXPECT_EQ(test, !folio, checked);
	if (folio)
		folio_put(folio);

	folio = kho_restore_folio(test_phys(f, 88));
	KUNIT_EXPECT_NOT_NULL(test, folio);
	if (folio)
		folio_put(folio);
	page = kho_restore_pages(test_phys(f, 4), 1);
	KUNIT_EXPECT_NOT_NULL(test, page);
	if (page)
		__free_page(page);
}

/* Hibernating is nobody's business here; nor is resuming, if nothing would be lost */
static void resume_test(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, pm_event(NULL, PM_RESTORE_PREPARE, NULL),
			notifier_from_errno(-EBUSY));
	KUNIT_EXPECT_EQ(test, pm_event(NULL, PM_HIBERNATION_PREPARE, NULL),
			NOTIFY_DONE);
	KUNIT_EXPECT_EQ(test, pm_event(NULL, PM_SUSPEND_PREPARE, NULL),
			NOTIFY_DONE);
	kho_in.pages = 0;
	KUNIT_EXPECT_EQ(test, pm_event(NULL, PM_RESTORE_PREPARE, NULL),
			NOTIFY_DONE);
}

static struct kunit_case kho_in_cases[] = {
	KUNIT_CASE_PARAM(contents_test, good_range_gen_params),
	KUNIT_CASE(restore_contents_test),
	KUNIT_CASE_PARAM(claim_test, good_range_gen_params),
	KUNIT_CASE_PARAM(refuse_test, bad_range_gen_params),
	KUNIT_CASE(overlap_test),
	KUNIT_CASE(return_part_test),
	KUNIT_CASE(return_unclaimed_test),
	KUNIT_CASE(claim_reserved_test),
	KUNIT_CASE(restore_folio_test),
	KUNIT_CASE(split_test),
	KUNIT_CASE(no_folio_test),
	KUNIT_CASE(restore_pages_test),
	KUNIT_CASE(restore_vmalloc_test),
	KUNIT_CASE(no_vmalloc_test),
	KUNIT_CASE(broken_vmalloc_test),
	KUNIT_CASE(twice_vmalloc_test),
	KUNIT_CASE(get_mem_test),
	KUNIT_CASE(early_test),
	KUNIT_CASE(no_handover_test),
	KUNIT_CASE(count_test),
	KUNIT_CASE(release_node_test),
	KUNIT_CASE(release_unlisted_test),
	KUNIT_CASE_PARAM(chunk_folios_test, sequence_gen_params),
	KUNIT_CASE_PARAM(chunk_refusal_test, refusal_gen_params),
	KUNIT_CASE_PARAM(chunk_pages_test, page_range_gen_params),
	KUNIT_CASE(chunk_reason_test),
	KUNIT_CASE_PARAM(neighbour_test, neighbour_gen_params),
	KUNIT_CASE_PARAM(cut_test, cut_gen_params),
	KUNIT_CASE(resume_test),
	{ }
};

static struct kunit_suite kho_in_suite = {
	.name = "kho_in",
	.init = in_init,
	.exit = in_exit,
	.test_cases = kho_in_cases,
};

kunit_test_suite(kho_in_suite);
