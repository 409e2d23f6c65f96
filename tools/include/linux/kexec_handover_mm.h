/* SPDX-License-Identifier: GPL-2.0-only */
/* The hooks of kexec handover that mm/memblock.c calls, for its own tests */
#ifndef _TOOLS_LINUX_KEXEC_HANDOVER_MM_H
#define _TOOLS_LINUX_KEXEC_HANDOVER_MM_H

#include <linux/types.h>

unsigned long memblock_free_held(phys_addr_t start, phys_addr_t end);

static inline bool kho_is_enabled(void)
{
	return false;
}

static inline phys_addr_t kho_reserve_mem_find(const char *name,
					       phys_addr_t size,
					       phys_addr_t align)
{
	return 0;
}

static inline void kho_reserve_mem_add(phys_addr_t start, phys_addr_t size,
				       const char *name)
{
}

static inline bool kho_can_spare(unsigned long long size, const char *what)
{
	return true;
}

#endif
