// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of kexec_kho_in.c, which includes this file: who owns the memory
 * that was handed over, and what the page allocator has of it. They run on a
 * handover of their own, made of pages that are taken from the allocator as if
 * they had been reserved since boot.
 */
#include <kunit/test.h>
#include <linux/initrd.h>

#define TEST_ORDER	6
#define TEST_PAGES	BIT(TEST_ORDER)

/*
 * Page by page: 16 single pages, 8 that are not preserved, 8 single pages, and
 * right after them, 4 folios of order 3. Two nodes list some of it, the second
 * one across the border of two extents.
 */
static const struct { unsigned int first, nr, order, bit; } test_extents[] = {
	{ 0, 16, 0, 0 }, { 24, 8, 0, 16 }, { 32, 32, 3, 24 },
};

#define TEST_PRESERVED	56

static const struct { unsigned int first, nr, node; } test_listings[] = {
	{ 2, 2, 0 }, { 8, 4, 0 }, { 28, 12, 1 },
};

#define TEST_LISTED_0	6
#define TEST_LISTED_1	12

/**
 * struct fake - a handover of our own
 * @saved:   the real one
 * @page:    first of TEST_PAGES pages
 * @managed: what the page's zone had without the preserved pages
 * @total:   what all zones had without them
 * @extent:  see struct kho_in, as the following
 * @listing: see there
 * @taken:   see there
 * @claimed: see there
 * @fdt:     see there
 */
struct fake {
	struct kho_in saved;
	struct page *page;
	unsigned long managed;
	unsigned long total;
	struct extent extent[ARRAY_SIZE(test_extents)];
	struct listing listing[ARRAY_SIZE(test_listings)];
	DECLARE_BITMAP(taken, TEST_PRESERVED);
	DECLARE_BITMAP(claimed, TEST_PRESERVED);
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

static void reserve_pages(struct fake *f, unsigned int first, unsigned int nr)
{
	struct page *page = f->page + first;

	for (; nr; nr--, page++) {
		SetPageReserved(page);
		adjust_managed_page_count(page, -1);
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
		f->extent[i].order = test_extents[i].order;
		f->extent[i].bit = test_extents[i].bit;
		reserve_pages(f, test_extents[i].first, test_extents[i].nr);
	}
	for (i = 0; i < ARRAY_SIZE(test_listings); i++) {
		f->listing[i].mem = test_mem(f, test_listings[i].first,
					     test_listings[i].nr);
		f->listing[i].node = test_listings[i].node;
	}
	KUNIT_EXPECT_EQ(test, test_fdt(f), 0);

	f->managed = zone_managed_pages(page_zone(f->page));
	f->total = totalram_pages();

	f->saved = kho_in;
	kho_in = (struct kho_in){
		.fdt = f->fdt,
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

			if (!test_bit(bit, f->taken))
				free_reserved_page(page);
			else if (test_bit(bit, f->claimed))
				__free_page(page);
		}
	}
	for (i = 16; i < 24; i++)
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
	{ "the last page", 63, 1 },
	{ "across extents", 25, 11 },
	{ "part of a folio", 33, 2 },
};

static const struct test_range bad_ranges[] = {
	{ "not preserved", 16, 8 },
	{ "before all", -1, 1 },
	{ "from before all", -1, 2 },
	{ "after all", 64, 1 },
	{ "to after all", 63, 2 },
	{ "ends in a hole", 14, 3 },
	{ "begins in a hole", 23, 2 },
	{ "over a hole", 15, 10 },
	{ "everything and the hole", 0, 64 },
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
	KUNIT_EXPECT_EQ(test, bitmap_weight(f->taken, TEST_PRESERVED), nr);

	/* All, some of it: it has an owner */
	KUNIT_EXPECT_FALSE(test, test_claim(f, first, nr));
	KUNIT_EXPECT_FALSE(test, test_claim(f, first + nr - 1, 1));
	KUNIT_EXPECT_NULL(test, kho_restore_pages(test_phys(f, first), 1));
	KUNIT_EXPECT_NULL(test, kho_restore_folio(test_phys(f, first)));
	KUNIT_EXPECT_TRUE(test, are_pages(f, first, nr));
	KUNIT_EXPECT_EQ(test, managed(test), nr);

	test_return(f, first, nr);
	KUNIT_EXPECT_FALSE(test, any_leaked(f, first, nr));
	KUNIT_EXPECT_TRUE(test, bitmap_empty(f->claimed, TEST_PRESERVED));
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
	KUNIT_EXPECT_TRUE(test, bitmap_empty(f->taken, TEST_PRESERVED));
	KUNIT_EXPECT_TRUE(test, bitmap_empty(f->claimed, TEST_PRESERVED));
	KUNIT_EXPECT_TRUE(test, are_reserved(f, 0, 16));
	KUNIT_EXPECT_TRUE(test, are_reserved(f, 24, 40));
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
	KUNIT_EXPECT_EQ(test, bitmap_weight(f->claimed, TEST_PRESERVED), 8);
	KUNIT_EXPECT_TRUE(test, are_pages(f, 0, 4));
	KUNIT_EXPECT_TRUE(test, are_pages(f, 8, 4));

	/* Some of it is not ours any more, or not ours yet */
	test_return(f, 0, 12);
	test_return(f, 7, 2);
	test_return(f, 8, 8);
	KUNIT_EXPECT_EQ(test, bitmap_weight(f->claimed, TEST_PRESERVED), 8);
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

	/* Only so that in_exit() frees it */
	bitmap_zero(f->taken, TEST_PRESERVED);
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

static void no_folio_test(struct kunit *test)
{
	struct fake *f = test->priv;

	KUNIT_EXPECT_NULL(test, kho_restore_folio(test_phys(f, 16)));
	KUNIT_EXPECT_NULL(test, kho_restore_folio(test_phys(f, 33)));
	KUNIT_EXPECT_NULL(test, kho_restore_folio(test_phys(f, 63)));
	KUNIT_EXPECT_NULL(test, kho_restore_folio(test_phys(f, 64)));
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

/* What was taken before the bad address is free, the rest is as it was */
static void broken_vmalloc_test(struct kunit *test)
{
	struct fake *f = test->priv;
	struct kho_vmalloc kv = test_vmalloc(f, 20);
	const struct kho_vmalloc_page *list = page_address(f->page);

	KUNIT_EXPECT_NULL(test, kho_restore_vmalloc(&kv));
	KUNIT_EXPECT_FALSE(test, any_leaked(f, 1, 1));
	KUNIT_EXPECT_FALSE(test, any_leaked(f, 9, 1));
	KUNIT_EXPECT_FALSE(test, page_count(f->page) == 1 &&
			   list->addr[2] == cpu_to_be64(test_phys(f, 20)));
	KUNIT_EXPECT_EQ(test, managed(test), 3);
	KUNIT_EXPECT_FALSE(test, test_claim(f, 9, 1));
	KUNIT_EXPECT_TRUE(test, test_claim(f, 5, 1));
}

static void is_preserved_test(struct kunit *test)
{
	struct fake *f = test->priv;
	struct kho_mem mem;
	int i;

	for (i = 0; i < ARRAY_SIZE(good_ranges); i++) {
		mem = test_mem(f, good_ranges[i].first, good_ranges[i].nr);
		KUNIT_EXPECT_TRUE_MSG(test, is_preserved(&mem), "%s",
				      good_ranges[i].desc);
	}
	for (i = 0; i < ARRAY_SIZE(bad_ranges); i++) {
		mem = test_mem(f, bad_ranges[i].first, bad_ranges[i].nr);
		if (mem.len && !bad_ranges[i].addr && !bad_ranges[i].len)
			KUNIT_EXPECT_FALSE_MSG(test, is_preserved(&mem), "%s",
					       bad_ranges[i].desc);
	}
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
	KUNIT_EXPECT_EQ(test, kho_get_mem(node, 2, &mem), -ENOENT);
	KUNIT_EXPECT_EQ(test, kho_get_mem(0, 0, &mem), -ENOENT);
}

static void no_handover_test(struct kunit *test)
{
	struct fake *f = test->priv;
	struct kho_vmalloc kv = test_vmalloc(f, 5);
	struct kho_in fake_in = kho_in;
	struct kho_mem mem = test_mem(f, 0, 1);

	kho_in.fdt = NULL;
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
	KUNIT_EXPECT_FALSE(test, any_reserved(f, 40, 24));
}

static struct kunit_case kho_in_cases[] = {
	KUNIT_CASE_PARAM(claim_test, good_range_gen_params),
	KUNIT_CASE_PARAM(refuse_test, bad_range_gen_params),
	KUNIT_CASE(overlap_test),
	KUNIT_CASE(return_part_test),
	KUNIT_CASE(return_unclaimed_test),
	KUNIT_CASE(claim_reserved_test),
	KUNIT_CASE(restore_folio_test),
	KUNIT_CASE(no_folio_test),
	KUNIT_CASE(restore_pages_test),
	KUNIT_CASE(restore_vmalloc_test),
	KUNIT_CASE(no_vmalloc_test),
	KUNIT_CASE(broken_vmalloc_test),
	KUNIT_CASE(is_preserved_test),
	KUNIT_CASE(get_mem_test),
	KUNIT_CASE(no_handover_test),
	KUNIT_CASE(count_test),
	KUNIT_CASE(release_node_test),
	KUNIT_CASE(release_unlisted_test),
	{ }
};

static struct kunit_suite kho_in_suite = {
	.name = "kho_in",
	.init = in_init,
	.exit = in_exit,
	.test_cases = kho_in_cases,
};

kunit_test_suite(kho_in_suite);
