// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of kexec_kho_ram.c, which includes this file: which memory can be
 * preserved, and which is refused because the next kernel, or its owner here, could
 * not keep it.
 */
#include <kunit/test.h>
#include <linux/dma-map-ops.h>
#include <linux/file.h>
#include <linux/shmem_fs.h>
#include <linux/swap.h>

#include "kexec_kho_out_test.h"

#define TEST_ORDER	4

/* The page that something is wrong with; the others are as they should be */
#define TEST_BAD	9

static struct kho_mem test_range(struct page *page, unsigned long nr)
{
	return (struct kho_mem){ page_to_phys(page), nr * PAGE_SIZE };
}

/* 0, if a range can be preserved in a way, and given up again */

static int try_pages(struct page *page, unsigned long nr)
{
	return kho_preserve_pages(page, nr) ?: kho_unpreserve_pages(page, nr);
}

static int try_folio(struct folio *folio)
{
	return kho_preserve_folio(folio) ?: kho_unpreserve_folio(folio);
}

static int try_list(struct page *page, unsigned long nr)
{
	struct kho_mem mem = test_range(page, nr);
	int err = kho_track_list(&mem);

	kho_track_end();
	return err;
}

static int ram_test_init(struct kunit *test)
{
	struct page *page;

	if (!kho_is_enabled())
		kunit_skip(test, "needs kho=on");
	if (kho_out_is_active())
		kunit_skip(test, "a handover is active");

	page = alloc_pages(GFP_KERNEL, TEST_ORDER);
	KUNIT_ASSERT_NOT_NULL(test, page);
	split_page(page, TEST_ORDER);
	test->priv = page;
	return 0;
}

static void ram_test_exit(struct kunit *test)
{
	struct page *page = test->priv;
	unsigned int i;

	if (!page)
		return;

	/* Pages that are preserved still must not be used by others */
	if (try_pages(page, 1 << TEST_ORDER)) {
		KUNIT_FAIL(test, "pages remain preserved");
		return;
	}
	for (i = 0; i < 1 << TEST_ORDER; i++)
		__free_page(page + i);
}

static void make_reserved(struct page *page)
{
	SetPageReserved(page);
}

static void undo_reserved(struct page *page)
{
	ClearPageReserved(page);
}

static void make_free(struct page *page)
{
	page_ref_freeze(page, 1);
}

static void undo_free(struct page *page)
{
	page_ref_unfreeze(page, 1);
}

/**
 * struct kind - what a page must not be
 * @desc: what is wrong
 * @make: makes it so
 * @undo: undoes that
 * @last: a range may end with such a page
 */
struct kind {
	const char *desc;
	void (*make)(struct page *page);
	void (*undo)(struct page *page);
	bool last;
};

static const struct kind kinds[] = {
	{ "reserved", make_reserved, undo_reserved },
	/* But then it may be part of a block that was not split */
	{ "free", make_free, undo_free, .last = true },
	{ "broken", break_page, mend_page },
};

KUNIT_ARRAY_PARAM_DESC(kind, kinds, desc);

static void expect_bad(struct kunit *test, const struct kind *k)
{
	struct page *page = test->priv, *bad = page + TEST_BAD;

	KUNIT_EXPECT_EQ(test, try_pages(bad, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, try_folio(page_folio(bad)), -EINVAL);
	KUNIT_EXPECT_EQ(test, try_list(bad, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, try_pages(bad, 3), -EINVAL);
	KUNIT_EXPECT_EQ(test, try_list(bad, 2), -EINVAL);
	KUNIT_EXPECT_EQ(test, try_pages(bad - 1, 2), k->last ? 0 : -EINVAL);
	KUNIT_EXPECT_EQ(test, try_list(bad - 3, 4), k->last ? 0 : -EINVAL);
	KUNIT_EXPECT_EQ(test, try_pages(bad - 3, 3), 0);
	KUNIT_EXPECT_EQ(test, try_pages(bad + 1, 3), 0);
}

static void kind_test(struct kunit *test)
{
	const struct kind *k = test->param_value;
	struct page *page = test->priv, *bad = page + TEST_BAD;

	if (k->make == break_page && !IS_ENABLED(CONFIG_MEMORY_FAILURE))
		kunit_skip(test, "needs CONFIG_MEMORY_FAILURE");

	k->make(bad);
	expect_bad(test, k);
	/* Also where others are preserved, which is the short way */
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page, 1), 0);
	expect_bad(test, k);
	k->undo(bad);

	KUNIT_EXPECT_EQ(test, try_pages(bad, 1), 0);
	KUNIT_EXPECT_EQ(test, try_list(bad - 1, 3), 0);
	KUNIT_EXPECT_EQ(test, kho_unpreserve_pages(page, 1), 0);
}

/* In the middle of a long range, too */
static void long_range_test(struct kunit *test)
{
	unsigned long nr = 2 * MAX_ORDER_NR_PAGES;
	struct page *page, *bad;

	if (pageblock_order == MAX_PAGE_ORDER)
		kunit_skip(test, "it would take half of all memory");

	page = alloc_contig_pages(nr, GFP_KERNEL, numa_mem_id(), NULL);
	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_EXPECT_EQ(test, try_pages(page, nr), 0);

	bad = page + MAX_ORDER_NR_PAGES;
	SetPageReserved(bad);
	KUNIT_EXPECT_EQ(test, try_pages(page, nr), -EINVAL);
	KUNIT_EXPECT_EQ(test, try_pages(page + 1, nr - 2), -EINVAL);
	ClearPageReserved(bad);

	if (IS_ENABLED(CONFIG_MEMORY_FAILURE)) {
		break_page(bad + 7);
		KUNIT_EXPECT_EQ(test, try_pages(page, nr), -EINVAL);
		KUNIT_EXPECT_EQ(test, try_pages(page, MAX_ORDER_NR_PAGES), 0);
		mend_page(bad + 7);
	}
	KUNIT_EXPECT_EQ(test, try_pages(page, nr), 0);
	free_contig_range(page_to_pfn(page), nr);
}

/* What was allocated as one can be preserved, as far as it is clear that it was */
static void block_test(struct kunit *test)
{
	struct page *page = alloc_pages(GFP_KERNEL, 3);
	struct folio *folio = folio_alloc(GFP_KERNEL, 3);

	KUNIT_ASSERT_TRUE(test, page && folio);
	KUNIT_EXPECT_EQ(test, try_pages(page, 8), 0);
	KUNIT_EXPECT_EQ(test, try_pages(page, 3), 0);
	KUNIT_EXPECT_EQ(test, try_pages(page + 2, 3), -EINVAL);
	KUNIT_EXPECT_EQ(test, try_folio(folio), 0);
	KUNIT_EXPECT_EQ(test, try_pages(folio_page(folio, 0), 8), 0);
	KUNIT_EXPECT_EQ(test, try_pages(folio_page(folio, 2), 3), 0);
	KUNIT_EXPECT_EQ(test, try_pages(folio_page(folio, 7), 1), 0);
	__free_pages(page, 3);
	folio_put(folio);
}

/* Objects of others are on the same page */
static void slab_test(struct kunit *test)
{
	void *p = kunit_kmalloc(test, 64, GFP_KERNEL);
	struct page *page;

	KUNIT_ASSERT_NOT_NULL(test, p);
	page = virt_to_page(p);
	KUNIT_EXPECT_EQ(test, try_pages(page, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, try_folio(page_folio(page)), -EINVAL);
	KUNIT_EXPECT_EQ(test, try_list(page, 1), -EINVAL);
}

/* On the first boot the kernel is not in scratch, later it is: never is better */
static void image_test(struct kunit *test)
{
	struct page *page = pfn_to_page(PHYS_PFN(__pa_symbol(&kho_ram_nr)));

	KUNIT_EXPECT_EQ(test, try_pages(page, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, try_list(page, 1), -EINVAL);
}

/* reserve_mem= regions are there after each kexec */
static void kept_test(struct kunit *test)
{
	struct page *page = test->priv, *bad = page + TEST_BAD;
	unsigned long pfn = page_to_pfn(bad);

	if (kho_kept_nr == MAX_KEPT)
		kunit_skip(test, "there are so many already");

	SetPageReserved(bad);
	SetPageReserved(bad + 1);
	kho_kept[kho_kept_nr++] = (struct kho_pfns){ pfn, pfn + 2 };
	KUNIT_EXPECT_EQ(test, try_pages(bad, 2), 0);
	KUNIT_EXPECT_EQ(test, try_pages(bad + 1, 1), 0);
	KUNIT_EXPECT_EQ(test, try_list(bad, 2), 0);
	kho_kept[kho_kept_nr - 1].end--;
	KUNIT_EXPECT_EQ(test, try_pages(bad, 1), 0);
	KUNIT_EXPECT_EQ(test, try_pages(bad, 2), -EINVAL);
	KUNIT_EXPECT_EQ(test, try_list(bad, 2), -EINVAL);
	kho_kept_nr--;
	ClearPageReserved(bad + 1);
	ClearPageReserved(bad);
}

static void cma_test(struct kunit *test)
{
	struct page *page = test->priv, *bad = page + TEST_BAD;

	KUNIT_ASSERT_EQ(test, add_reserved(page_to_phys(bad), 2 * PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, try_pages(bad, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, try_pages(bad + 1, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, try_folio(page_folio(bad)), -EINVAL);
	KUNIT_EXPECT_EQ(test, try_pages(bad - 1, 2), -EINVAL);
	KUNIT_EXPECT_EQ(test, try_pages(bad + 1, 2), -EINVAL);
	KUNIT_EXPECT_EQ(test, try_pages(bad - 2, 6), -EINVAL);
	KUNIT_EXPECT_EQ(test, try_list(bad - 2, 6), -EINVAL);
	KUNIT_EXPECT_EQ(test, try_pages(bad - 2, 2), 0);

	/* Where others are preserved, too */
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(bad + 2, 1), 0);
	KUNIT_EXPECT_EQ(test, try_pages(bad, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, try_list(bad, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, kho_unpreserve_pages(bad + 2, 1), 0);
	kho_cma_nr--;
}

/* The area that cma= makes; dma_alloc_coherent() takes from it */
static void cma_area_test(struct kunit *test)
{
	struct cma *area = dev_get_cma_area(NULL);
	struct page *page;

	if (!area)
		kunit_skip(test, "needs CONFIG_DMA_CMA and cma=");

	page = cma_alloc(area, 2, 0, false);
	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_EXPECT_EQ(test, try_pages(page, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, try_pages(page, 2), -EINVAL);
	KUNIT_EXPECT_EQ(test, try_list(page, 2), -EINVAL);
	cma_release(area, page, 2);
}

/* The page of a file: migration or reclaim may take it, but not while it is pinned */
static void movable_test(struct kunit *test)
{
	struct file *file = shmem_kernel_file_setup("kho", PAGE_SIZE, 0);
	struct folio *folio;
	struct page *page;
	pgoff_t offset;

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	page = shmem_read_mapping_page(file->f_mapping, 0);
	if (!IS_ERR(page)) {
		lru_add_drain_all();
		KUNIT_EXPECT_EQ(test, try_folio(page_folio(page)), -EINVAL);
		KUNIT_EXPECT_EQ(test, try_pages(page, 1), -EINVAL);
		KUNIT_EXPECT_EQ(test, try_list(page, 1), -EINVAL);
		put_page(page);
	}
	KUNIT_EXPECT_FALSE(test, IS_ERR(page));

	if (memfd_pin_folios(file, 0, PAGE_SIZE - 1, &folio, 1, &offset) == 1) {
		KUNIT_EXPECT_EQ(test, try_folio(folio), 0);
		unpin_folio(folio);
	} else {
		KUNIT_FAIL(test, "the file's page cannot be pinned");
	}
	fput(file);
}

/* To load a crash kernel would change it */
static void crashkernel_test(struct kunit *test)
{
	struct page *page = test->priv;
	struct resource res;

	if (!IS_ENABLED(CONFIG_CRASH_RESERVE))
		kunit_skip(test, "needs CONFIG_CRASH_RESERVE");

	res = crashk_res;
	crashk_res.start = page_to_phys(page + 12);
	crashk_res.end = page_to_phys(page + 14) - 1;
	KUNIT_EXPECT_EQ(test, try_pages(page + 12, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, try_pages(page + 13, 2), -EINVAL);
	KUNIT_EXPECT_EQ(test, try_pages(page + 11, 2), -EINVAL);
	KUNIT_EXPECT_EQ(test, try_list(page + 12, 1), -EINVAL);

	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page + 14, 1), 0);
	KUNIT_EXPECT_EQ(test, try_pages(page + 12, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, kho_unpreserve_pages(page + 14, 1), 0);
	KUNIT_EXPECT_EQ(test, try_pages(page + 11, 1), 0);
	crashk_res = res;
}

#ifdef CONFIG_X86_64
#include <asm/e820/api.h>

static int add_pages_up(unsigned long pfn, unsigned long nr, void *sum)
{
	*(unsigned long *)sum += nr;
	return 0;
}

/* The next kernel is told of so many entries of a map, and no more */
static void many_entries_test(struct kunit *test)
{
	struct e820_table *real = e820_table_kexec, *table;
	struct e820_entry ram = {
		.addr = SZ_16M, .size = SZ_1M, .type = E820_TYPE_RAM,
	};
	unsigned long all = 0, beyond = 0, few = 0;

	table = kunit_kzalloc(test, sizeof(*table), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, table);
	arch_kho_walk_ram(&all, add_pages_up);

	/* Entries of no length come before it */
	table->nr_entries = E820_MAX_ENTRIES_ZEROPAGE + 1;
	table->entries[E820_MAX_ENTRIES_ZEROPAGE] = ram;
	e820_table_kexec = table;
	arch_kho_walk_ram(&beyond, add_pages_up);

	/* What the kernel has taken for itself is RAM in its own map only */
	table->entries[E820_MAX_ENTRIES_ZEROPAGE - 1] = ram;
	arch_kho_walk_ram(&few, add_pages_up);
	KUNIT_EXPECT_TRUE(test, arch_kho_is_told(SZ_16M, SZ_16M + SZ_1M));
	KUNIT_EXPECT_FALSE(test, arch_kho_is_told(SZ_16M - 1, SZ_16M + SZ_1M));
	KUNIT_EXPECT_FALSE(test, arch_kho_is_told(SZ_16M, SZ_16M + SZ_1M + 1));
	e820_table_kexec = real;
	KUNIT_EXPECT_TRUE(test, arch_kho_is_told(kho_scratch.addr,
						 kho_scratch.addr + kho_scratch.len));
	KUNIT_EXPECT_GT(test, all, PHYS_PFN(SZ_128M));
	KUNIT_EXPECT_EQ(test, beyond, 0);
	KUNIT_EXPECT_EQ(test, few, PHYS_PFN(SZ_1M));
}
#endif

static struct kunit_case kho_ram_cases[] = {
	KUNIT_CASE_PARAM(kind_test, kind_gen_params),
	KUNIT_CASE(long_range_test),
	KUNIT_CASE(block_test),
	KUNIT_CASE(slab_test),
	KUNIT_CASE(image_test),
	KUNIT_CASE(kept_test),
	KUNIT_CASE(cma_test),
	KUNIT_CASE(cma_area_test),
	KUNIT_CASE(movable_test),
	KUNIT_CASE(crashkernel_test),
#ifdef CONFIG_X86_64
	KUNIT_CASE(many_entries_test),
#endif
	{ }
};

static struct kunit_suite kho_ram_suite = {
	.name = "kho_ram",
	.init = ram_test_init,
	.exit = ram_test_exit,
	.test_cases = kho_ram_cases,
};

kunit_test_suite(kho_ram_suite);
