// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kexec HandOver: what is reserved for a handover in early boot, until the page
 * allocator knows of it.
 *
 * memblock and those who walk its arrays are not made for a region for each of
 * a million pages. So what lies between two preserved pages is reserved with
 * them if it is small (see kexec_kho_runs.c), and given to the page allocator at
 * the end of boot.
 */
#define pr_fmt(fmt) "kho: " fmt

#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/init.h>
#include <linux/io.h>
#include <linux/kexec_handover_mm.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/swap.h>

#include "kexec_kho_early.h"

/**
 * struct kho_held - what is reserved for a handover
 * @plan:   which gaps are reserved with what is preserved
 * @free:   bytes that can be kept, or booted in
 * @run:    what is reserved, sorted
 * @runs:   length of that
 * @max_runs: room in that
 * @run_bytes: bytes in all of @run
 */
static struct kho_held {
	struct kho_plan plan;
	u64 free;
	struct kho_mem *run;
	unsigned long runs;
	unsigned long max_runs;
	u64 run_bytes;
} kho_held __initdata;

static bool __init is_keepable(u64 addr, u64 len)
{
	return kho_is_mapped_ram(addr, len) &&
	       !memblock_is_region_reserved(addr, len) &&
	       !kho_scratch_overlaps(addr, len);
}

static void __init emit_run(u64 start, u64 end)
{
	if (start >= end)
		return;

	if (kho_held.runs < kho_held.max_runs)
		kho_held.run[kho_held.runs] = (struct kho_mem){ start, end - start };
	kho_held.runs++;
	kho_held.run_bytes += end - start;
}

/*
 * Of the runs from @run on, what is in a range; false if there are no more. A range may
 * begin or end within a page, and so may a run then: what is left of the page, between
 * a run and what others have reserved, would be in two ranges of whoever reserves both.
 */
static bool __init make_runs_in(u64 start, u64 end, struct kho_mem *run)
{
	bool more = true;

	for (; more && run->addr < end; more = kho_plan_next(&kho_held.plan, run)) {
		u64 run_end = run->addr + run->len;

		emit_run(max(start, run->addr), min(end, run_end));
		if (run_end > end)
			break;
	}
	return more;
}

/* Of the runs, what can be kept: somebody may have some of a small gap */
static void __init make_runs(void)
{
	phys_addr_t start, end;
	u64 from = 0, last = 0, i;
	struct kho_mem run;

	if (!kho_plan_next(&kho_held.plan, &run))
		return;
	for_each_unused_range(i, &start, &end) {
		if (kho_scratch_has(start))
			continue;
		/* Memory of one kind may end, and another begin, within a page */
		if (start != last) {
			if (!make_runs_in(from, last, &run))
				return;
			from = start;
		}
		last = end;
	}
	make_runs_in(from, last, &run);
}

static u64 __init keepable_bytes(unsigned long *ranges)
{
	phys_addr_t start, end;
	u64 bytes = 0, i;

	*ranges = 0;
	for_each_unused_range(i, &start, &end) {
		if (kho_scratch_has(start))
			continue;
		bytes += end - start;
		++*ranges;
	}
	return bytes;
}

static int __init check_left(struct kho_why *why)
{
	u64 room = kho_boot_room(memblock_phys_mem_size());
	u64 left = kho_held.free - min(kho_held.free, kho_held.run_bytes);

	if (left >= room)
		return 0;
	return kho_bad(why, "what is preserved, and gaps, leave %llu KiB: it takes %llu KiB",
		       left >> 10, room >> 10);
}

/* Choose what is reserved, and find how many runs that can be */
static void __init plan_runs(const struct kho_walk *w)
{
	unsigned long ranges;

	kho_held.free = keepable_bytes(&ranges);
	kho_plan_make(&kho_held.plan, w, is_keepable, kho_held.free,
		      kho_ample_room(memblock_phys_mem_size()));

	/* Each range that can be kept can end one */
	kho_held.max_runs = kho_held.plan.runs + ranges;
}

static int __init find_runs(const struct kho_walk *w, struct kho_why *why)
{
	plan_runs(w);
	kho_held.run = kho_alloc_array(kho_held.max_runs, sizeof(*kho_held.run), why);
	if (!kho_held.run)
		return -ENOMEM;
	make_runs();
	return 0;
}

/*
 * The blocks of the page allocator that have nothing else than a run in them:
 * their struct pages can wait until they are initialised as the others are, in
 * parallel.
 */
static struct kho_mem __init whole_blocks(const struct kho_mem *run)
{
	u64 block = (u64)PAGE_SIZE << MAX_PAGE_ORDER;
	u64 from = ALIGN(run->addr, block);
	u64 to = ALIGN_DOWN(run->addr + run->len, block);

	if (!memmap_can_defer() || from >= to)
		return (struct kho_mem){ };
	return (struct kho_mem){ from, to - from };
}

static int __init reserve_run(const struct kho_mem *run)
{
	struct kho_mem blocks = whole_blocks(run);
	int err = memblock_hold(run->addr, run->len);

	if (err || !blocks.len)
		return err;
	return memblock_reserved_mark_noinit(blocks.addr, blocks.len);
}

/* memblock's array may grow meanwhile, in scratch */
static int __init reserve_runs(void)
{
	unsigned long i;
	int err = 0;

	for (i = 0; !err && i < kho_held.runs; i++)
		err = reserve_run(&kho_held.run[i]);
	return err;
}

/**
 * kho_gaps_reserve() - reserve what is preserved, and small gaps in it
 * @w:   goes through all that is preserved; stays where it is
 * @why: filled with the reason if it cannot be reserved
 *
 * Context: memblock allocates from scratch only. All that is preserved is memory
 * that nobody else has.
 * Return: 0 or a negative error.
 */
int __init kho_gaps_reserve(const struct kho_walk *w, struct kho_why *why)
{
	int err = find_runs(w, why) ?: check_left(why);

	if (err)
		return err;
	if (kho_held.runs > kho_held.max_runs || reserve_runs())
		return kho_bad(why, "memblock cannot reserve %lu ranges: use a larger kho_scratch=",
			       kho_held.runs);
	return 0;
}

/**
 * kho_gaps_drop() - undo kho_gaps_reserve(), whatever that returned
 */
void __init kho_gaps_drop(void)
{
	memblock_forget_held();
	kho_free_array(kho_held.run, kho_held.max_runs, sizeof(*kho_held.run));
	kho_held.run = NULL;
	kho_held.runs = 0;
}

/**
 * kho_gaps_count() - tell memblock how much of what is held will be free
 *
 * Context: it is known which pages are preserved.
 */
void __init kho_gaps_count(void)
{
	memblock_set_held_free(PHYS_PFN(kho_held.run_bytes) - kho_in.pages);
}

static void __init init_memmap(const struct kho_mem *run, const struct memblock_region *r)
{
	struct kho_mem blocks = whole_blocks(run);
	u64 from = max(blocks.addr, r->base);
	u64 to = min(blocks.addr + blocks.len, r->base + r->size);

	if (from < to)
		memmap_init_reserved(PFN_DOWN(from), PFN_UP(to));
}

/**
 * kho_memmap_init() - initialise the struct pages that this was left for
 *
 * memblock knows which they are: somebody may have freed what was held, and the others
 * have been initialised as usual, and may be in use.
 *
 * Context: before the other deferred struct pages are initialised and freed.
 */
void __init kho_memmap_init(void)
{
	const struct kho_mem *run = kho_held.run, *last = run + kho_held.runs;
	struct memblock_region *r;

	if (!IS_ENABLED(CONFIG_DEFERRED_STRUCT_PAGE_INIT))
		return;
	for_each_reserved_mem_region(r) {
		u64 end = r->base + r->size;

		if (!memblock_is_reserved_noinit(r))
			continue;
		for (; run < last && run->addr < end; run++) {
			init_memmap(run, r);
			/* It goes on in the next region */
			if (run->addr + run->len > end)
				break;
		}
	}
}

/* What of the pages of a chunk from @page to @end was not preserved */
static unsigned long __init free_bits(const struct kho_extent *x,
				      unsigned long page, unsigned long end)
{
	unsigned long pages = 0, word, bits, pfn;

	for (; page < end; page = (word + 1) * BITS_PER_LONG) {
		word = BIT_WORD(page);
		pfn = PHYS_PFN(x->mem.addr) + word * BITS_PER_LONG;
		bits = ~x->kept[word] & BITMAP_FIRST_WORD_MASK(page);
		if (end - word * BITS_PER_LONG < BITS_PER_LONG)
			bits &= BITMAP_LAST_WORD_MASK(end);
		if (!bits)
			continue;

		if (~bits)
			memblock_free_bits(pfn, bits);
		else
			memblock_free_held(PFN_PHYS((u64)pfn),
					   PFN_PHYS((u64)pfn + BITS_PER_LONG));
		pages += hweight_long(bits);
	}
	return pages;
}

/* Returns where the extent ends, or the run */
static u64 __init free_before(u64 pos, u64 end, const struct kho_extent *x,
			      unsigned long *pages)
{
	u64 from = min(end, max(pos, x->mem.addr));
	u64 to = min(end, max(from, x->mem.addr + x->mem.len));

	*pages += memblock_free_held(pos, from);
	if (x->kept && from < to)
		*pages += free_bits(x, PHYS_PFN(from - x->mem.addr),
				    PHYS_PFN(to - x->mem.addr));
	return to;
}

/* From extent @x on; returns the one to go on with */
static const struct kho_extent *__init free_gaps_in(u64 pos, u64 end,
						    const struct kho_extent *x,
						    unsigned long *pages)
{
	const struct kho_extent *last = kho_in.extent + kho_in.extents;

	for (; x < last && x->mem.addr < end; x++) {
		pos = free_before(pos, end, x, pages);
		if (pos == end)
			return x;
		cond_resched();
	}
	*pages += memblock_free_held(pos, end);
	return x;
}

/* Returns the number of pages. No block that is freed is on two nodes. */
static unsigned long __init free_held(void)
{
	const struct kho_extent *x = kho_in.extent;
	unsigned long pages = 0, start, end;
	struct memblock_region *r;
	int i;

	for_each_reserved_mem_region(r) {
		if (!(r->flags & MEMBLOCK_RSRV_HELD))
			continue;
		for_each_mem_pfn_range(i, MAX_NUMNODES, &start, &end, NULL) {
			start = max(start, PFN_UP(r->base));
			end = min(end, PHYS_PFN(r->base + r->size));
			if (start < end)
				x = free_gaps_in(PFN_PHYS((u64)start),
						 PFN_PHYS((u64)end), x, &pages);
		}
		cond_resched();
	}
	return pages;
}

/* What a kernel that is booting still needs */
static u64 __init room_to_come(u64 ram)
{
	u64 room = kho_boot_room(ram);

	/* The memory map may be there already */
	if (pfn_valid(PHYS_PFN(memblock_start_of_DRAM())))
		room -= min(room, PHYS_PFN(ram) * sizeof(struct page));
	return room;
}

/* Bytes that are not needed to boot; U64_MAX if nothing was handed over */
static u64 __init memory_to_spare(void)
{
	u64 room, left;

	if (!kho_in.fdt)
		return U64_MAX;

	if (slab_is_available()) {
		/* Scratch is no use to who cannot be moved */
		room = kho_scratch.len;
		left = PFN_PHYS((u64)nr_free_pages());
	} else {
		room = room_to_come(memblock_phys_mem_size());
		left = kho_free_bytes(PHYS_ADDR_MAX, MEMBLOCK_HOTPLUG);
	}
	return left - min(left, room);
}

/**
 * kho_can_spare() - whether memory can be taken for good at boot
 * @size: bytes
 * @what: who wants them, for the log
 *
 * After a handover there is less than the command line may have been made for:
 * what it asks for must not be what the kernel cannot do without. So whoever takes
 * as much as the command line says asks here first: reserve_mem=, crashkernel=, all
 * areas of CMA, log_buf_len=, trace_buf_size=, and swiotlb= for what is above the
 * default. Pools of huge pages ask kho_memory_for_pools(). Hash tables of the usual
 * size are a part of what the kernel needs, see kho_boot_room(); others have at most
 * a sixteenth of what is left.
 *
 * Return: false, with a line in the log, if it cannot.
 */
bool __init kho_can_spare(u64 size, const char *what)
{
	if (size <= memory_to_spare())
		return true;
	pr_warn("%s: a handover leaves too little memory for %llu KiB\n", what, size >> 10);
	return false;
}

/**
 * kho_memory_for_pools() - how much memory a pool of huge pages can take at boot
 *
 * User space needs some to begin with that is not in the pool.
 *
 * Return: bytes; U64_MAX if nothing was handed over.
 */
u64 __init kho_memory_for_pools(void)
{
	u64 users = min_t(u64, max_t(u64, memblock_phys_mem_size() / 8, SZ_128M), SZ_4G);
	u64 spare = memory_to_spare();

	return spare == U64_MAX ? spare : spare - min(spare, users);
}

/**
 * kho_memory_release() - free what was held for the time of boot
 *
 * Context: all struct pages are initialised; memblock is still there.
 */
void __init kho_memory_release(void)
{
	if (!kho_scratch.len)
		return;

	kho_scratch_release(!kho_in.fdt);
	totalram_pages_add(free_held());
	/* Where memblock stays, it is asked for as long as the kernel runs */
	memblock_forget_held();

	if (!kho_in.fdt)
		return;
	kho_in.ready = true;
	memblock_free_late(__pa(kho_held.run),
			   kho_array_len(kho_held.max_runs, sizeof(*kho_held.run)));
}

#if IS_ENABLED(CONFIG_KEXEC_HANDOVER_KUNIT_TEST)
#include "kexec_kho_gaps_test.c"
#endif
