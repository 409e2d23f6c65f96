/* SPDX-License-Identifier: GPL-2.0-only */
/* What mm/ and kernel/kexec_kho_gaps.c have of each other */
#ifndef _KHO_MM_INTERNAL_H
#define _KHO_MM_INTERNAL_H

#include <linux/types.h>

#define pr_warn_ratelimited	pr_warn

extern bool mirrored_kernelcore;

void memblock_free_pages(struct page *page, unsigned long pfn, unsigned int order);
void memblock_free_bits(unsigned long pfn, unsigned long bits);
void memmap_init_reserved(unsigned long start_pfn, unsigned long end_pfn);
bool init_cma_pageblock(struct page *page);

static inline void accept_memory(phys_addr_t start, unsigned long size)
{
}

#endif
