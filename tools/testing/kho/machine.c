// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns a machine's memory: RAM at a fixed address, mm/memblock.c, and
 * kernel/kexec_kho_scratch.c, all as they are when a kernel starts.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <sanitizer/asan_interface.h>

/* Before it is known whose memory is whose, nothing may touch it */
#include "kernel/kexec_kho_scratch.c"
#include "mm/memblock.c"

#include "mutate.h"

struct machine machine;
bool mirrored_kernelcore;
bool movable_node_enabled;
struct host_zone host_zone;
unsigned long totalcma_pages;

#define EDGE	(4ULL << FRAME_SHIFT)

static struct {
	u64 addr;
	u64 len;
} poisoned[64];
static unsigned int nr_poisoned;

static void __attribute__((constructor)) map_ram(void)
{
	void *ram = mmap((void *)RAM_BASE, RAM_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
			 MAP_FIXED_NOREPLACE, -1, 0);

	must(ram == (void *)RAM_BASE);
}

u64 frames_addr(struct frames f)
{
	return RAM_BASE + ((u64)f.first << FRAME_SHIFT);
}

u64 frames_len(struct frames f)
{
	return min_t(u64, f.nr, FRAMES - f.first) << FRAME_SHIFT;
}

/**
 * machine_can_split() - whether there is room for more regions of memory
 * @nr: how many
 *
 * Return: true if memblock does not have to grow its array for them.
 */
bool machine_can_split(unsigned long nr)
{
	return memblock.memory.cnt + nr <= memblock.memory.max;
}

bool machine_has(u64 addr, u64 len)
{
	return addr >= RAM_BASE && addr <= RAM_END && len <= RAM_END - addr;
}

static void poison(u64 addr, u64 len)
{
	must(nr_poisoned < ARRAY_SIZE(poisoned));
	__asan_poison_memory_region((void *)addr, len);
	poisoned[nr_poisoned].addr = addr;
	poisoned[nr_poisoned++].len = len;
}

/* What may not be touched: as much of that as does not take long */
void poison_edges(u64 addr, u64 len)
{
	u64 edge = min(len, EDGE);

	poison(addr, edge);
	poison(addr + len - edge, edge);
}

void *early_memremap(u64 addr, u64 len)
{
	must(machine_has(addr, len));
	must(!machine.is_confidential);
	if (machine_has(addr + len, 64))
		__asan_poison_memory_region((void *)(addr + len), 64);
	return phys_to_virt(addr);
}

void early_memunmap(void *p, u64 len)
{
	if (machine_has((u64)p + len, 64))
		__asan_unpoison_memory_region(p + len, 64);
}

static void reset_type(struct memblock_type *type, struct memblock_region *regions,
		       unsigned long max)
{
	type->regions = regions;
	type->cnt = 0;
	type->max = max;
	type->total_size = 0;
}

/* All RAM is free, and nothing else is there */
void machine_start(bool kho_on)
{
	reset_type(&memblock.memory, memblock_memory_init_regions,
		   INIT_MEMBLOCK_MEMORY_REGIONS);
	reset_type(&memblock.reserved, memblock_reserved_init_regions,
		   INIT_MEMBLOCK_RESERVED_REGIONS);
	memblock.bottom_up = false;
	memblock.current_limit = MEMBLOCK_ALLOC_ANYWHERE;
	memblock_can_resize = 0;
	max_low_pfn = PHYS_PFN(RAM_END);
	system_has_some_mirror = false;
	kho_scratch_only = false;
	memblock_add(RAM_BASE, RAM_SIZE);

	memset(&kho_scratch, 0, sizeof(kho_scratch));
	kho_scratch_low = 0;
	kho_enabled = kho_on;
}

void machine_stop(void)
{
	while (nr_poisoned--)
		__asan_unpoison_memory_region((void *)poisoned[nr_poisoned].addr,
					      poisoned[nr_poisoned].len);
	nr_poisoned = 0;
	must(!madvise((void *)RAM_BASE, RAM_SIZE, MADV_DONTNEED));
}

/* What they want of the rest of the kernel */

/* Some blocks are in two zones */
bool init_cma_pageblock(struct page *page)
{
	must(kho_scratch_overlaps(PFN_PHYS(page_to_pfn(page)),
				  pageblock_nr_pages * PAGE_SIZE));
	return page_to_pfn(page) / pageblock_nr_pages % 7 != 3;
}

bool slab_is_available(void)
{
	return false;
}

void *kmalloc(size_t size, gfp_t gfp)
{
	return NULL;
}

void kfree(void *p)
{
}

phys_addr_t kho_reserve_mem_find(const char *name, phys_addr_t size,
				 phys_addr_t align)
{
	return 0;
}

void kho_reserve_mem_add(phys_addr_t start, phys_addr_t size, const char *name)
{
}

int strtobool(const char *s, bool *res)
{
	*res = *s == '1';
	return 0;
}
