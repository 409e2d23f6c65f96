/* SPDX-License-Identifier: GPL-2.0-only */
/* What mm/memblock.c wants of the rest of mm/ */
#ifndef _KHO_MM_INTERNAL_H
#define _KHO_MM_INTERNAL_H

#include <linux/types.h>

#define pr_warn_ratelimited	pr_warn

extern bool mirrored_kernelcore;

void memblock_free_pages(struct page *page, unsigned long pfn, unsigned int order);

static inline void accept_memory(phys_addr_t start, unsigned long size)
{
}

#endif
