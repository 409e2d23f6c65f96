/* SPDX-License-Identifier: GPL-2.0-only */
/* Kexec HandOver: what its parts need of each other */
#ifndef LINUX_KEXEC_KHO_INTERNAL_H
#define LINUX_KEXEC_KHO_INTERNAL_H

#include <linux/mm.h>
#include <linux/sizes.h>

#include "kexec_kho_fdt.h"

/* kexec_kho_scratch.c */
extern struct kho_mem kho_scratch[KHO_MAX_SCRATCH];
extern unsigned int kho_scratch_nr;

int kho_scratch_adopt(const struct kho_ranges *ranges, phys_addr_t low,
		      struct kho_why *why);
void kho_scratch_drop(void);
void kho_scratch_reserve(void);
bool kho_scratch_fits(const struct kimage *image, unsigned long entries);

/* kexec_kho_mem.c */
/**
 * struct kho_table - an encoded memory table
 * @part:  its parts, in order; each starts on a page
 * @nr:    number of parts
 * @entries: number of entries in all of them
 * @crc:   CRC-32 over all of them
 */
struct kho_table {
	struct kho_mem *part;
	unsigned int nr;
	unsigned long entries;
	u32 crc;
};

/**
 * struct kho_vmalloc_page - a page of the page addresses of a vmalloc area
 * @next: physical address of the next such page, or 0
 * @addr: physical addresses
 */
struct kho_vmalloc_page {
	__be64 next;
	__be64 addr[PAGE_SIZE / sizeof(__be64) - 1];
};

int kho_mem_list(const struct kho_mem *mem);
void kho_mem_unlist(void);
bool kho_mem_is_boot(void *p, size_t len);
bool kho_mem_is_listed(const struct kho_mem *mem);
unsigned long kho_mem_nr_listed(void);
int kho_mem_freeze(struct kho_table *table);
void kho_mem_thaw(struct kho_table *table);
bool kho_mem_empty(void);

/* kexec_kho_in.c */
u32 kho_in_count(void);
bool kho_is_mapped_ram(u64 addr, u64 len);
void kho_in_forget(void);


#endif /* LINUX_KEXEC_KHO_INTERNAL_H */
