/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KHO_LINUX_VMALLOC_H
#define _KHO_LINUX_VMALLOC_H

#include <linux/types.h>

struct page;

#define VM_MAP			0x04
#define VM_MAP_PUT_PAGES	0x200
#define PAGE_KERNEL		0

struct vm_struct {
	void *addr;
	struct page **pages;
	unsigned int nr_pages;
};

struct vm_struct *get_vm_area(unsigned long size, unsigned long flags);
int vmap_page_range(unsigned long addr, unsigned long end, u64 phys, int prot);
void vunmap(const void *area);
void *kvmalloc_array(size_t nr, size_t size, gfp_t gfp);
void kvfree(const void *p);

#endif
