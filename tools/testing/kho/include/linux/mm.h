/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KHO_LINUX_MM_H
#define _KHO_LINUX_MM_H

#include_next <linux/mm.h>
#include <linux/pfn.h>
#include <linux/bitmap.h>
#include <linux/log2.h>
#include <linux/math.h>
#include <linux/overflow.h>

#include <machine.h>

#ifdef KHO_PAGE_SHIFT
#undef PAGE_SHIFT
#define PAGE_SHIFT		KHO_PAGE_SHIFT
#endif

#define PAGE_ALIGNED(addr)	IS_ALIGNED(addr, PAGE_SIZE)
#define offset_in_page(p)	((unsigned long)(p) & ~PAGE_MASK)
#define __pa_symbol(p)		((phys_addr_t)(p))
#define DIV_ROUND_UP_ULL	DIV_ROUND_UP
#define MIGRATE_CMA		1
#define debug_pagealloc_enabled()	false
#define pfn_valid(pfn)		((void)(pfn), false)
#define get_num_physpages()	0UL

typedef u64 pte_t;

/* As large as in the kernel */
struct page {
	int count;
	unsigned int order;
	void *mapping;
	unsigned long flags;
	unsigned int page_type;
	unsigned int unused[9];
};

/* Of what preserves memory, which nobody does here */
enum { PG_reserved, PG_lru };
#define __PG_HWPOISON		4
#define page_ref_count(page)	((page)->count)

extern struct page mem_map[];

#undef pfn_to_page
#define pfn_to_page(pfn)	(mem_map + ((pfn) - PHYS_PFN(RAM_BASE)))
#define page_to_pfn(page)	((page) - mem_map + PHYS_PFN(RAM_BASE))
#define page_to_phys(page)	PFN_PHYS(page_to_pfn(page))
#define page_address(page)	phys_to_virt(PFN_PHYS(page_to_pfn(page)))
#define page_folio(page)	((struct folio *)(page))

void __free_page(struct page *page);
void free_reserved_page(struct page *page);
void free_page(unsigned long addr);

#define PageHWPoison(page)	((void)(page), false)
#define totalram_pages()		0UL

struct host_zone {
	unsigned long cma_pages;
};

extern struct host_zone host_zone;
extern unsigned long totalcma_pages;
extern long num_poisoned_pages;
#define atomic_long_read(v)	(*(v))

static inline struct host_zone *page_zone(const struct page *page)
{
	return &host_zone;
}

#endif
