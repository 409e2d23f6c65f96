/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the KUnit tests of preserved memory and of its table have in common: pages of
 * one chunk or of two, folios made of them, and a count of the entries that they take.
 */
#ifndef LINUX_KEXEC_KHO_TRACK_TEST_H
#define LINUX_KEXEC_KHO_TRACK_TEST_H

#include <linux/memblock.h>
#include <linux/pgalloc_tag.h>

#include "../mm/internal.h"
#include "kexec_kho_out_test.h"

/* Pages of split_page() become one; it had given each an allocation tag of its own */
static inline struct folio *make_folio(struct page *page, unsigned int order)
{
	unsigned int i;

	for (i = 0; i < 1U << order; i++) {
		pgalloc_tag_sub(page + i, 1);
		set_page_count(page + i, !i);
	}
	clear_page_tag_ref(page);
	if (order)
		prep_compound_page(page, order);
	return page_folio(page);
}

static inline struct kho_mem pages_mem(struct page *page, unsigned long nr)
{
	return (struct kho_mem){ page_to_phys(page), nr * PAGE_SIZE };
}

/**
 * struct count - entries that have any of a range
 * @extents: so many that are extents
 * @bitmaps: so many that are chunks
 */
struct count {
	unsigned int extents;
	unsigned int bitmaps;
};

static inline void check_chunk(struct kunit *test, const struct kho_entry *e)
{
	const __le64 *bits = phys_to_virt(be64_to_cpu(e->bitmap));
	struct kho_why why = { };

	KUNIT_EXPECT_EQ_MSG(test, 0,
			    kho_bits_check(bits, PAGE_SHIFT, PAGE_SHIFT,
					   MAX_PAGE_ORDER, &why),
			    "%s", why.text);
}

static inline struct count count_entries(struct kunit *test, u64 addr, u64 len)
{
	struct kho_table table;
	struct count n = { };
	unsigned int i;

	KUNIT_EXPECT_EQ(test, kho_test_out_table(&table), 0);
	for (i = 0; i < table.nr; i++) {
		const struct kho_entry *e = phys_to_virt(table.part[i].addr);
		const struct kho_entry *last = (void *)e + table.part[i].len;

		for (; e < last; e++) {
			if (be64_to_cpu(e->addr) >= addr + len ||
			    be64_to_cpu(e->addr) + be64_to_cpu(e->len) <= addr)
				continue;
			if (e->type == cpu_to_be32(KHO_ENTRY_BITMAP)) {
				check_chunk(test, e);
				n.bitmaps++;
			} else {
				n.extents++;
			}
		}
	}
	kho_table_free(&table);
	return n;
}

static inline void expect_count(struct kunit *test, struct kho_mem mem,
				unsigned int extents, unsigned int bitmaps)
{
	struct count n = count_entries(test, mem.addr, mem.len);

	KUNIT_EXPECT_EQ(test, n.extents, extents);
	KUNIT_EXPECT_EQ(test, n.bitmaps, bitmaps);
}

static inline void expect_folio(struct kunit *test, struct page *page,
				unsigned int order, unsigned int want)
{
	KUNIT_EXPECT_EQ(test, want,
			preserved_now(test, pages_mem(page, 1 << order), order));
}

/* Pages of one chunk, in which nothing is preserved; kho_test_out_exit() frees them */
static inline struct page *chunk_pages(struct kunit *test)
{
	u64 len = KHO_CHUNK_BYTES(PAGE_SHIFT);
	struct out_test *t = test->priv;
	struct count n;

	t->chunk = alloc_pages(GFP_KERNEL, TEST_CHUNK_ORDER);
	KUNIT_ASSERT_NOT_NULL(test, t->chunk);
	split_page(t->chunk, TEST_CHUNK_ORDER);
	n = count_entries(test, ALIGN_DOWN(page_to_phys(t->chunk), len), len);
	if (n.extents || n.bitmaps)
		kunit_skip(test, "others preserve memory there");
	return t->chunk;
}

static inline bool alloc_range(unsigned long pfn, unsigned long nr)
{
	void *p = __va(PFN_PHYS((u64)pfn));

	return kho_mem_is_boot(p, nr * PAGE_SIZE) &&
	       page_zone(pfn_to_page(pfn)) == page_zone(pfn_to_page(pfn + nr - 1)) &&
	       !alloc_contig_range(pfn, pfn + nr, MIGRATE_MOVABLE, GFP_KERNEL);
}

/*
 * The first page of a chunk, of which so many are ours, and eight before it;
 * kho_test_out_exit() frees them.
 */
static inline struct page *find_border(struct kunit *test, unsigned long nr)
{
	unsigned long pages = KHO_CHUNK_PAGES(PAGE_SHIFT), pfn;
	struct out_test *t = test->priv;

	if (!kho_track_empty())
		kunit_skip(test, "others preserve memory");

	for (pfn = pages; pfn + nr <= max_pfn; pfn += pages) {
		if (!alloc_range(pfn - 8, nr + 8))
			continue;
		t->range = pfn - 8;
		t->range_nr = nr + 8;
		return pfn_to_page(pfn);
	}
	kunit_skip(test, "there is not enough memory");
	return NULL;
}

#endif /* LINUX_KEXEC_KHO_TRACK_TEST_H */
