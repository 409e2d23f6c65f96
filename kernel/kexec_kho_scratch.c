// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kexec HandOver: scratch, the memory that never holds anything preserved.
 *
 * The next kernel's image is put there, and its earliest allocations come from
 * there, before it knows what it must not touch. In between, the page allocator
 * lends it out to movable allocations, as it does with CMA. This file owns its
 * size, its reservation, its migrate type, and where kexec segments may go.
 */
#define pr_fmt(fmt) "kho: " fmt

#include <linux/cma.h>
#include <linux/crash_dump.h>
#include <linux/init.h>
#include <linux/ioport.h>
#include <linux/kexec.h>
#include <linux/kexec_handover_mm.h>
#include <linux/mm.h>
#include <asm/sections.h>

#include "kexec_internal.h"
#include "kexec_kho_early.h"

/* No kernel may decompress itself to an address below */
#define SCRATCH_MIN_ADDR	SZ_16M
/* A multiple of the pageblocks of kernels with and without huge pages */
#define SCRATCH_ALIGN \
	max(CMA_MIN_ALIGNMENT_BYTES, PAGE_SIZE << MAX_PAGE_ORDER)
/* What arm64's page tables may take of 32 TiB */
#define SCRATCH_MAX_SIZE	(64ULL * SZ_1G)

/*
 * Before memblock's arrays can grow, the linear map may have two more ranges
 * marked: arm64's leaves out the kernel, and has KFENCE's pool. To clear a mark
 * asks for as much room as to set it, but there no low memory is marked.
 */
#define SPLITS_TO_COME	4

/* Empty if there is none */
struct kho_mem kho_scratch __ro_after_init;

static unsigned long kho_cma_pages __initdata;

/* Memory below counts as scratch while memblock is confined */
static phys_addr_t kho_scratch_low __initdata;

static bool kho_enabled __ro_after_init;
static unsigned long long kho_scratch_size __initdata;

static int __init parse_kho(char *p)
{
	return kstrtobool(p, &kho_enabled);
}
early_param("kho", parse_kho);

static int __init parse_kho_scratch(char *p)
{
	char *end = p;

	if (p)
		kho_scratch_size = memparse(p, &end);
	if (end == p || *end || !kho_scratch_size || kho_scratch_size > SCRATCH_MAX_SIZE) {
		pr_err("kho_scratch=%s is not a size up to 64G: using the default\n",
		       p ?: "");
		kho_scratch_size = 0;
		return -EINVAL;
	}
	return 0;
}
early_param("kho_scratch", parse_kho_scratch);

/**
 * kho_is_enabled() - whether this kernel can hand over
 *
 * Settled at the end of kho_memory_init(), when scratch is there or is not. A
 * kdump kernel takes no part.
 *
 * Return: true with kho=on and scratch in place.
 */
bool kho_is_enabled(void)
{
	return kho_enabled && !is_kdump_kernel();
}
EXPORT_SYMBOL_GPL(kho_is_enabled);

static bool overlap(u64 a, u64 a_len, u64 b, u64 b_len)
{
	return a < b + b_len && b < a + a_len;
}

/**
 * kho_scratch_overlaps() - whether a range touches scratch
 * @addr: physical address
 * @len:  bytes
 *
 * Return: true if any byte of it is in scratch.
 */
bool kho_scratch_overlaps(phys_addr_t addr, phys_addr_t len)
{
	return overlap(addr, len, kho_scratch.addr, kho_scratch.len);
}

/**
 * kho_scratch_has() - whether memblock may use memory while it is confined
 * @addr: physical address
 *
 * Return: true if it is in scratch, or counts as such.
 */
bool __init kho_scratch_has(u64 addr)
{
	return addr < kho_scratch_low || kho_scratch_overlaps(addr, 1);
}

/**
 * arch_kho_early_room() - what an architecture allocates in early boot
 * @ram: bytes of RAM
 *
 * Return: bytes that the linear map takes if it is made of single pages, and
 * what else depends on the configuration.
 */
u64 __weak arch_kho_early_room(u64 ram)
{
	return debug_pagealloc_enabled() ? ram / PAGE_SIZE * sizeof(pte_t) : 0;
}

/*
 * What the next kernel may need before it knows what is preserved: page tables
 * for the linear map; its copy of the memory table and the ranges that it
 * reserves. However memory is cut up, the table has few entries for a chunk (see
 * kexec_kho_table.c), and the ranges are few (see kexec_kho_runs.c).
 */
static u64 early_room(u64 ram)
{
	return SZ_4M + ram / 8192 + arch_kho_early_room(ram);
}

/*
 * The image twice over, so that KASLR has a choice, an initrd that may grow,
 * and the early allocations.
 */
static u64 __init default_size(u64 initrd)
{
	u64 kernel = _end - _text;

	return min(SZ_16M + 2 * kernel + initrd + initrd / 2 +
		   early_room(memblock_phys_mem_size()), SCRATCH_MAX_SIZE);
}

/*
 * Devices and boot code of the next kernel want memory below 4G. So do those of
 * this one, whose allocations cannot be in CMA: leave them most of that.
 */
static phys_addr_t __init find_scratch(u64 size)
{
	bool low = size <= kho_free_bytes(SZ_4G, MEMBLOCK_NONE) / 4;
	phys_addr_t addr;

	addr = memblock_phys_alloc_range(size, SCRATCH_ALIGN,
					 low ? SCRATCH_MIN_ADDR : SZ_4G,
					 low ? SZ_4G : MEMBLOCK_ALLOC_ACCESSIBLE);
	return addr ?: memblock_phys_alloc_range(size, SCRATCH_ALIGN,
						 SCRATCH_MIN_ADDR,
						 MEMBLOCK_ALLOC_ACCESSIBLE);
}

/**
 * kho_scratch_reserve() - set scratch aside on a boot without a handover
 * @initrd: bytes of this kernel's initrd; the next one's will be much like it
 */
void __init kho_scratch_reserve(u64 initrd)
{
	u64 size = ALIGN(kho_scratch_size ?: default_size(initrd), SCRATCH_ALIGN);
	phys_addr_t addr;

	if (kho_is_confidential()) {
		pr_err("kexec handover is off: memory is encrypted (SEV, SNP, TDX or SME), and would not keep all its contents\n");
		kho_enabled = false;
		return;
	}

	if (size > memblock_phys_mem_size() / 2) {
		pr_err("scratch of %llu MiB would be more than half of all memory: kexec handover is off\n",
		       size >> 20);
		kho_enabled = false;
		return;
	}

	addr = find_scratch(size);
	if (!addr) {
		pr_err("no %llu MiB of contiguous memory for scratch: kexec handover is off; try a smaller kho_scratch=\n",
		       size >> 20);
		kho_enabled = false;
		return;
	}

	/* Held, not allocated */
	memblock_phys_free(addr, size);
	kho_scratch = (struct kho_mem){ .addr = addr, .len = size };
	pr_info("scratch: %llu MiB at %pa\n", size >> 20, &addr);
}

/*
 * How much must be free in one piece, from an aligned address on: x86 maps a
 * block of so much before all else, and then the rest with page tables from it.
 */
static u64 __init first_block(u64 ram)
{
	return SZ_2M + ram / SZ_2M * sizeof(pte_t);
}

/* Adds to @sum, and tells whether there is such a piece */
static bool __init count_free(const struct kho_mem *area, u64 piece, u64 *sum)
{
	phys_addr_t start, end;
	bool found = false;
	u64 i;

	for_each_free_mem_range(i, NUMA_NO_NODE, MEMBLOCK_NONE, &start, &end,
				NULL) {
		u64 from = max_t(u64, start, area->addr);
		u64 to = min_t(u64, end, area->addr + area->len);

		if (from >= to)
			continue;
		*sum += to - from;
		found |= ALIGN(from, SZ_2M) + piece <= to;
	}
	return found;
}

static int __init check_place(const struct kho_mem *mem, struct kho_why *why)
{
	if (!mem->len || mem->addr + mem->len < mem->addr ||
	    !PAGE_ALIGNED(mem->addr | mem->len))
		return kho_bad(why, "scratch %#llx+%#llx is empty or not whole pages of %lu bytes",
			       mem->addr, mem->len, PAGE_SIZE);
	if (!kho_is_mapped_ram(mem->addr, mem->len))
		return kho_bad(why, "scratch %#llx+%#llx is not RAM here",
			       mem->addr, mem->len);

	/* Then who loaded it knew nothing of the handover, and it may be stale */
	if (mem->addr > __pa_symbol(_text) ||
	    mem->addr + mem->len < __pa_symbol(_end))
		return kho_bad(why, "the kernel was not loaded into scratch");

	if (mem->len > memblock_phys_mem_size() / 2)
		return kho_bad(why, "scratch of %llu MiB is more than half of all memory",
			       mem->len >> 20);
	return 0;
}

static int __init check_free(const struct kho_mem *mem, struct kho_why *why)
{
	u64 ram = memblock_phys_mem_size();
	u64 room = early_room(ram), spare = 0;
	bool has_block = count_free(mem, first_block(ram), &spare);

	if (spare < room)
		return kho_bad(why,
			       "scratch has %llu KiB left, %llu KiB are needed: boot the old kernel with a larger kho_scratch=",
			       spare >> 10, room >> 10);
	if (!has_block)
		return kho_bad(why,
			       "scratch has no %llu KiB in one piece: boot the old kernel with a larger kho_scratch=",
			       first_block(ram) >> 10);
	if (!memblock_can_split(4 + SPLITS_TO_COME))
		return kho_bad(why, "memblock has no room for scratch");
	return 0;
}

/**
 * kho_scratch_adopt() - use the scratch of a handover, and only that for now
 * @mem: what the blob says
 * @low: memory below is never preserved, and may be used meanwhile, too
 * @why: filled with the reason if scratch cannot be used
 *
 * Context: memblock knows all memory and what the boot loader left in it.
 * Return: 0 or -EINVAL; then memblock may use all memory, as before.
 */
int __init kho_scratch_adopt(const struct kho_mem *mem, phys_addr_t low,
			     struct kho_why *why)
{
	int err = check_place(mem, why) ?: check_free(mem, why);

	if (err)
		return err;

	kho_scratch = *mem;
	kho_scratch_low = low;
	if ((low && memblock_mark_kho_scratch(0, low)) ||
	    memblock_mark_kho_scratch(mem->addr, mem->len))
		return kho_bad(why, "memblock has no room for scratch");

	memblock_set_kho_scratch_only();
	if (kho_scratch_size)
		pr_info("kho_scratch= has no effect after a handover: scratch stays as it was\n");
	return 0;
}

/**
 * kho_scratch_drop() - forget scratch that was adopted
 */
void __init kho_scratch_drop(void)
{
	memblock_clear_kho_scratch();
	kho_scratch = (struct kho_mem){ };
	kho_scratch_low = 0;
}

/* The first piece of scratch that nobody has */
static bool __init find_free(phys_addr_t *start, phys_addr_t *end)
{
	u64 i;

	for_each_free_mem_range(i, NUMA_NO_NODE, MEMBLOCK_HOTPLUG, start, end,
				NULL) {
		*start = max_t(u64, *start, kho_scratch.addr);
		*end = min_t(u64, *end, kho_scratch.addr + kho_scratch.len);
		if (*start < *end)
			return true;
	}
	return false;
}

/**
 * kho_scratch_hold() - keep memblock from allocating in scratch from now on
 *
 * What is allocated now stays, and may be preserved one day, while the next
 * kernel's image is going to be put here.
 */
void __init kho_scratch_hold(void)
{
	phys_addr_t start, end;

	memblock_clear_kho_scratch();
	kho_scratch_low = 0;
	while (find_free(&start, &end))
		if (memblock_hold(start, end - start))
			return;
}

/* Whether nobody has anything in it but us */
static bool __init is_all_held(void)
{
	struct memblock_region *r;
	u64 held = 0;

	for_each_reserved_mem_region(r) {
		u64 from = max_t(u64, r->base, kho_scratch.addr);
		u64 to = min_t(u64, r->base + r->size,
			       kho_scratch.addr + kho_scratch.len);

		if ((r->flags & MEMBLOCK_RSRV_HELD) && from < to)
			held += to - from;
	}
	return held == kho_scratch.len;
}

/**
 * kho_scratch_release() - have scratch ready for the page allocator, as CMA
 * @is_new: nothing was handed over
 *
 * A pageblock has one type: what is in the same one as other memory, because
 * the kernel that chose scratch has other pages, stays reserved.
 *
 * Where it is new, somebody else may have found a table of firmware there since, which
 * the next kernel's image must not be put over.
 *
 * Context: before kho_memory_release() frees what is held.
 */
void __init kho_scratch_release(bool is_new)
{
	u64 block = pageblock_nr_pages * PAGE_SIZE;
	u64 end = kho_scratch.addr + kho_scratch.len;
	u64 from = min(ALIGN(kho_scratch.addr, block), end);
	u64 to = max(ALIGN_DOWN(end, block), from);
	unsigned long pfn;

	if (is_new && !is_all_held()) {
		pr_err("firmware has a table in scratch: kexec handover is off; try another kho_scratch=\n");
		kho_scratch = (struct kho_mem){ };
		kho_enabled = false;
		return;
	}

	memblock_keep_held(kho_scratch.addr, from - kho_scratch.addr);
	memblock_keep_held(to, end - to);

	for (pfn = PHYS_PFN(from); pfn < PHYS_PFN(to); pfn += pageblock_nr_pages) {
		if (init_cma_pageblock(pfn_to_page(pfn)))
			kho_cma_pages += pageblock_nr_pages;
		else
			memblock_keep_held(PFN_PHYS(pfn), block);
	}
}

/* Not earlier: mem_init_print_info() takes it for memory that is not free yet */
static int __init kho_scratch_init(void)
{
	totalcma_pages += kho_cma_pages;
	return 0;
}
core_initcall(kho_scratch_init);

static u64 segment_bytes(const struct kimage *image)
{
	unsigned long i;
	u64 sum = 0;

	for (i = 0; i < image->nr_segments; i++)
		sum += image->segment[i].memsz;
	return sum;
}

/**
 * kho_scratch_is_sound() - see whether the hardware has failed nowhere in scratch
 *
 * The next kernel takes all of it, and KASLR may choose any page.
 *
 * Context: may sleep.
 * Return: true if so; else the log says what to do.
 */
bool kho_scratch_is_sound(void)
{
	if (kho_ram_is_sound(kho_scratch.addr, kho_scratch.len))
		return true;
	pr_err("the hardware has failed in scratch: boot by firmware, and another place is taken\n");
	return false;
}

/**
 * kho_locate_mem_hole() - find room in scratch for a kexec segment
 * @kbuf: the segment
 * @func: tries one range of memory, and returns 1 if it was good
 *
 * Context: holds the kexec lock.
 * Return: 1 if there was room, else 0.
 */
int kho_locate_mem_hole(struct kexec_buf *kbuf,
			int (*func)(struct resource *, void *))
{
	u64 ram = PFN_PHYS((u64)get_num_physpages()), need;
	unsigned int shift = kbuf->image->kho_page_shift ?: PAGE_SHIFT;
	struct resource res = {
		.start = kho_scratch.addr, .end = kho_scratch.addr + kho_scratch.len - 1,
	};

	/* Who does without its segment, as IMA does, would lose what is in there */
	kbuf->image->kho_lacks_room = 1;
	if (!kho_scratch_is_sound())
		return 0;

	need = segment_bytes(kbuf->image) + kbuf->memsz + early_room(ram);
	if (kbuf->image->kho_maps_pages || shift < PAGE_SHIFT)
		need += (ram >> shift) * sizeof(pte_t);

	if (need <= kho_scratch.len && func(&res, kbuf) == 1) {
		kbuf->image->kho_lacks_room = 0;
		return 1;
	}

	pr_err("image does not fit: its segments up to one of %lu KiB, and the next kernel's early memory, need %llu KiB in scratch, which has %llu KiB, in part occupied; boot with a larger kho_scratch=\n",
	       kbuf->memsz >> 10, need >> 10,
	       kho_scratch.len >> 10);
	return 0;
}
