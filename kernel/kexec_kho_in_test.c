// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of kexec_kho_in.c, which includes this file: who owns the memory
 * that was handed over, and what the page allocator has of it.
 */
#include "kexec_kho_in_test.h"

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

	/* Only so that test_in_exit() frees it */
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

/* What came from a kernel whose pages are eight of ours are not folios */
static void larger_pages_test(struct kunit *test)
{
	struct fake *f = test->priv;
	struct folio *folio;
	int i;

	f->extent[2].folios = false;
	KUNIT_EXPECT_PTR_EQ(test, kho_restore_pages(test_phys(f, 32), 16),
			    f->page + 32);
	KUNIT_EXPECT_TRUE(test, are_pages(f, 32, 16));
	KUNIT_EXPECT_PTR_EQ(test, kho_restore_pages(test_phys(f, 49), 1),
			    f->page + 49);
	KUNIT_EXPECT_TRUE(test, are_pages(f, 49, 1));
	KUNIT_EXPECT_TRUE(test, are_reserved(f, 50, 14));
	KUNIT_EXPECT_EQ(test, managed(test), 17);

	/* Unless they are taken as such, which is no longer possible of some */
	KUNIT_EXPECT_NULL(test, kho_restore_folio(test_phys(f, 48)));
	KUNIT_EXPECT_NULL(test, kho_restore_folio(test_phys(f, 57)));
	folio = kho_restore_folio(test_phys(f, 56));
	KUNIT_ASSERT_PTR_EQ(test, folio, (struct folio *)(f->page + 56));
	KUNIT_EXPECT_EQ(test, folio_order(folio), 3);
	KUNIT_EXPECT_NULL(test, kho_restore_pages(test_phys(f, 56), 8));
	folio_put(folio);
	for (i = 32; i < 48; i++)
		__free_page(f->page + i);
	__free_page(f->page + 49);
	KUNIT_EXPECT_EQ(test, managed(test), 25);
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

/* Each of its pages, and what lists them, is eight of ours */
static void larger_vmalloc_test(struct kunit *test)
{
	struct fake *f = test->priv;
	struct kho_vmalloc_page *list = page_address(f->page + 48);
	struct kho_vmalloc kv = {
		.first = cpu_to_be64(test_phys(f, 48)),
		.pages = cpu_to_be32(2),
		.shift = cpu_to_be32(PAGE_SHIFT + 3),
	};
	u8 *p;
	int i;

	if (PAGE_SHIFT + 3 > KHO_MAX_BITMAP_SHIFT)
		kunit_skip(test, "no pages are that large");
	f->extent[2].folios = false;
	list->next = 0;
	list->addr[0] = cpu_to_be64(test_phys(f, 56));
	list->addr[1] = cpu_to_be64(test_phys(f, 32));
	p = kho_restore_vmalloc(&kv);
	KUNIT_ASSERT_NOT_NULL(test, p);
	for (i = 0; i < 16; i++)
		KUNIT_EXPECT_NULL(test, memchr_inv(p + i * PAGE_SIZE,
						   test_byte(i < 8 ? 56 + i : 24 + i),
						   PAGE_SIZE));
	KUNIT_EXPECT_FALSE(test, any_leaked(f, 49, 7));
	KUNIT_EXPECT_EQ(test, managed(test), 24);
	vfree(p);
	KUNIT_EXPECT_FALSE(test, any_leaked(f, 32, 8));
	KUNIT_EXPECT_FALSE(test, any_leaked(f, 56, 8));
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
	kv.shift = cpu_to_be32(PAGE_SHIFT - 1);
	KUNIT_EXPECT_NULL(test, kho_restore_vmalloc(&kv));
	kv.shift = cpu_to_be32(KHO_MAX_BITMAP_SHIFT + 1);
	KUNIT_EXPECT_NULL(test, kho_restore_vmalloc(&kv));
	kv.pages = cpu_to_be32(UINT_MAX);
	kv.shift = cpu_to_be32(KHO_MAX_BITMAP_SHIFT);
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
	/* Only so that test_in_exit() frees it */
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

/* As with 16 TiB before what is marked */
static void many_bits_test(struct kunit *test)
{
	unsigned long bits[2] = { };
	unsigned long *map = bits - BIT_WORD(1UL << 32);

	kho_fill_bits(map, (1UL << 32) + 60, 10, true);
	KUNIT_EXPECT_EQ(test, bits[0], GENMASK(63, 60));
	KUNIT_EXPECT_EQ(test, bits[1], GENMASK(5, 0));
	kho_fill_bits(map, (1UL << 32) + 62, 3, false);
	KUNIT_EXPECT_EQ(test, bits[0], GENMASK(61, 60));
	KUNIT_EXPECT_EQ(test, bits[1], GENMASK(5, 1));
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
	KUNIT_CASE(many_bits_test),
	KUNIT_CASE(no_folio_test),
	KUNIT_CASE(restore_pages_test),
	KUNIT_CASE(larger_pages_test),
	KUNIT_CASE(restore_vmalloc_test),
	KUNIT_CASE(larger_vmalloc_test),
	KUNIT_CASE(no_vmalloc_test),
	KUNIT_CASE(broken_vmalloc_test),
	KUNIT_CASE(twice_vmalloc_test),
	KUNIT_CASE(get_mem_test),
	KUNIT_CASE(early_test),
	KUNIT_CASE(no_handover_test),
	{ }
};

static struct kunit_suite kho_in_suite = {
	.name = "kho_in",
	.init = test_in_init,
	.exit = test_in_exit,
	.test_cases = kho_in_cases,
};

kunit_test_suite(kho_in_suite);
