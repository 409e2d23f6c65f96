/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the KUnit tests of the incoming side have in common: a handover of their
 * own, made of pages that are taken from the allocator as if they had been
 * reserved since boot.
 */
#ifndef LINUX_KEXEC_KHO_IN_TEST_H
#define LINUX_KEXEC_KHO_IN_TEST_H

#include <kunit/test.h>
#include <linux/initrd.h>
#include <linux/io.h>
#include <linux/libfdt.h>
#include <linux/mm.h>
#include <linux/pgalloc_tag.h>
#include <linux/string.h>

#include "kexec_kho_internal.h"

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

static inline struct kho_mem test_mem(const struct fake *f, int first, int nr)
{
	return (struct kho_mem){
		.addr = page_to_phys(f->page) + first * (s64)PAGE_SIZE,
		.len = nr * PAGE_SIZE,
	};
}

static inline phys_addr_t test_phys(const struct fake *f, int i)
{
	return page_to_phys(f->page + i);
}

/* Preserved pages that the allocator manages again */
static inline unsigned long managed(struct kunit *test)
{
	struct fake *f = test->priv;
	unsigned long sum = totalram_pages() - f->total;

	KUNIT_EXPECT_EQ(test, zone_managed_pages(page_zone(f->page)) - f->managed,
			sum);
	return sum;
}

/* Preserved pages that are not left */
static inline unsigned int nr_taken(const struct fake *f)
{
	return bitmap_weight(f->taken, TEST_BITS) - TEST_MISSING;
}

static inline u8 test_byte(int i)
{
	return 0x40 + i;
}

static inline bool intact(const struct fake *f, int first, int nr)
{
	for (; nr; nr--, first++)
		if (memchr_inv(page_address(f->page + first), test_byte(first),
			       PAGE_SIZE))
			return false;
	return true;
}

/* Whether pages are as alloc_page() returns them, with their contents */
static inline bool are_pages(const struct fake *f, int first, int nr)
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
static inline bool any_leaked(const struct fake *f, int first, int nr)
{
	for (; nr; nr--, first++)
		if (are_pages(f, first, 1))
			return true;
	return false;
}

static inline bool are_reserved(const struct fake *f, int first, int nr)
{
	int i;

	for (i = first; i < first + nr; i++)
		if (!PageReserved(f->page + i))
			return false;
	return intact(f, first, nr);
}

/* All that is preserved, and pages that are not are as they were, too */
static inline bool all_reserved(const struct fake *f)
{
	int i;

	for (i = 0; i < TEST_PAGES; i++)
		if (test_bit(i, f->present) ? !are_reserved(f, i, 1) :
					      !are_pages(f, i, 1))
			return false;
	return true;
}

static inline bool any_reserved(const struct fake *f, int first, int nr)
{
	for (; nr; nr--, first++)
		if (PageReserved(f->page + first))
			return true;
	return false;
}

static inline bool test_claim(const struct fake *f, int first, int nr)
{
	struct kho_mem mem = test_mem(f, first, nr);
	void *p = kho_claim_mem(&mem);

	return p && p == page_address(f->page + first);
}

static inline void test_return(const struct fake *f, int first, int nr)
{
	struct kho_mem mem = test_mem(f, first, nr);

	kho_return_mem(&mem);
}

static inline int test_node(struct fake *f, const char *name, unsigned int node)
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

static inline int test_fdt(struct fake *f)
{
	return fdt_create(f->fdt, sizeof(f->fdt)) ?:
	       fdt_finish_reservemap(f->fdt) ?:
	       fdt_begin_node(f->fdt, "") ?:
	       test_node(f, "first", 0) ?:
	       test_node(f, "second", 1) ?:
	       fdt_end_node(f->fdt) ?:
	       fdt_finish(f->fdt);
}

static inline void set_chunk(struct fake *f, struct kho_extent *x, int first)
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

static inline void reserve_pages(struct fake *f, struct kho_extent *x, int first)
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

static inline int test_in_init(struct kunit *test)
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
		f->extent[i].folios = test_extents[i].order;
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
static inline void test_in_exit(struct kunit *test)
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

#endif /* LINUX_KEXEC_KHO_IN_TEST_H */
