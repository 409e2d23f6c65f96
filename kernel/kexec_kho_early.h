/* SPDX-License-Identifier: GPL-2.0-only */
/* Kexec HandOver: what its parts need of each other in early boot */
#ifndef LINUX_KEXEC_KHO_EARLY_H
#define LINUX_KEXEC_KHO_EARLY_H

#include <linux/memblock.h>
#include <linux/overflow.h>

#include "kexec_kho_internal.h"

/* kexec_kho_early.c */

/*
 * What can be kept is all free memory for which kho_scratch_has() is false. Hotpluggable
 * memory, which the kernel does not take for itself, can.
 */
#define for_each_unused_range(i, start, end)				\
	for_each_free_mem_range(i, NUMA_NO_NODE, MEMBLOCK_HOTPLUG,	\
				start, end, NULL)

/* Whole pages, so that all can be freed later */
static inline size_t kho_array_len(size_t nr, size_t size)
{
	return PAGE_ALIGN(array_size(nr ?: 1, size));
}

bool kho_is_mapped_ram(u64 addr, u64 len);
u64 kho_free_bytes(u64 limit, enum memblock_flags flags);
void kho_note_firmware(u64 initrd);
void *kho_alloc_array(size_t nr, size_t size, struct kho_why *why);
void kho_free_array(void *array, size_t nr, size_t size);

/* kexec_kho_gaps.c */
int kho_gaps_reserve(const struct kho_walk *w, struct kho_why *why);
void kho_gaps_drop(void);
void kho_gaps_count(void);

/* kexec_kho_bitmaps.c */
int kho_bitmaps_make(u32 page_size, struct kho_why *why);
void kho_bitmaps_free(void);

#endif /* LINUX_KEXEC_KHO_EARLY_H */
