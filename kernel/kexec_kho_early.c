// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kexec HandOver: what its other parts ask of memblock in early boot.
 */
#include <linux/init.h>
#include <linux/limits.h>
#include <linux/mm.h>

#include <asm/sections.h>

#include "kexec_kho_early.h"

/* How much RAM firmware and the boot loader have taken, as they will again */
u64 kho_firmware_bytes __ro_after_init;

/**
 * kho_is_mapped_ram() - whether all pages of a range are RAM that is mapped
 * @addr: physical address
 * @len:  bytes
 *
 * Return: true if so; false for an empty range.
 */
bool __init kho_is_mapped_ram(u64 addr, u64 len)
{
	struct memblock_region *r;
	u64 end = addr + len;

	if (!len || end < addr || end > -PAGE_SIZE)
		return false;
	addr = ALIGN_DOWN(addr, PAGE_SIZE);
	end = PAGE_ALIGN(end);

	for_each_mem_region(r) {
		if (r->base > addr)
			return false;
		if (memblock_is_nomap(r) || r->base + r->size <= addr)
			continue;
		addr = r->base + r->size;
		if (addr >= end)
			return true;
	}
	return false;
}

/**
 * kho_free_bytes() - how much memory nobody has
 * @limit: only below this address
 * @flags: %MEMBLOCK_HOTPLUG, if what can be unplugged counts as well
 *
 * Return: bytes; of scratch, too, as long as it is not held.
 */
u64 __init kho_free_bytes(u64 limit, enum memblock_flags flags)
{
	phys_addr_t start, end;
	u64 bytes = 0, i;

	for_each_free_mem_range(i, NUMA_NO_NODE, flags, &start, &end, NULL)
		if (start < limit)
			bytes += min_t(u64, end, limit) - start;
	return bytes;
}

/**
 * kho_note_firmware() - fill in kho_firmware_bytes
 * @initrd: bytes of this kernel's initrd
 *
 * Kernel and initrd do not count: they are in scratch the next time.
 *
 * Context: nothing has been allocated.
 */
void __init kho_note_firmware(u64 initrd)
{
	u64 used = memblock_phys_mem_size() -
		   kho_free_bytes(PHYS_ADDR_MAX, MEMBLOCK_HOTPLUG);
	u64 ours = _end - _text + initrd;

	kho_firmware_bytes = used - min(used, ours);
}

/**
 * kho_alloc_array() - allocate a zeroed array that can be freed later
 * @nr:   number of elements; may be 0
 * @size: bytes of each
 * @why:  filled with the reason if there is no memory for it
 *
 * Return: the array, or NULL.
 */
void *__init kho_alloc_array(size_t nr, size_t size, struct kho_why *why)
{
	size_t len = kho_array_len(nr, size);
	void *array = memblock_alloc(len, PAGE_SIZE);

	if (!array)
		snprintf(why->text, sizeof(why->text),
			 "scratch lacks %zu KiB: boot the old kernel with a larger kho_scratch=",
			 len >> 10);
	return array;
}

/**
 * kho_free_array() - free an array of kho_alloc_array()
 * @array: the array, or NULL
 * @nr:    number of elements
 * @size:  bytes of each
 */
void __init kho_free_array(void *array, size_t nr, size_t size)
{
	if (array)
		memblock_free(array, kho_array_len(nr, size));
}
