// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kexec HandOver: what a kernel reserves while it boots with a handover.
 *
 * memblock, and who walks its arrays, are made for some hundred regions, not for
 * one for each of a million pages: every allocation looks at all of them. So
 * what lies between two preserved ranges is reserved together with them, and
 * goes to the page allocator at the end of boot. Only the largest gaps stay
 * free: these are what the kernel boots in.
 *
 * This file owns the choice of these gaps, and the runs that are reserved. The
 * outgoing kernel asks it what the next one will have left, and the incoming
 * kernel does what it says.
 */
#include <linux/bitops.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/string.h>

#include "kexec_kho_internal.h"

/* So many of the largest gaps stay free in any case, below 4 GiB and above */
static const unsigned long kho_min_gaps[KHO_ZONES] = { 128, 256 };

/*
 * More do if the kernel could not boot otherwise, but not without end: each allocation
 * from memblock may look at all of them. A larger machine needs more, and more time to
 * boot in any case.
 */
static unsigned long max_gaps(u64 free)
{
	return clamp(free / SZ_64M, 4096, 32768);
}

static enum kho_zone zone_of(u64 addr)
{
	return addr < SZ_4G ? KHO_LOW : KHO_HIGH;
}

/* Have @w->e point to an entry, if there is one left */
static bool next_entry(struct kho_walk *w)
{
	while (w->e == w->end) {
		if (!w->parts)
			return false;
		w->e = phys_to_virt(w->part->addr);
		w->end = (void *)w->e + w->part->len;
		w->part++;
		w->parts--;
	}
	return true;
}

/* Pages of a chunk, up to a gap that is not small */
static bool next_bits(struct kho_walk *w)
{
	const __le64 *bits = phys_to_virt(be64_to_cpu(w->e->bitmap));
	unsigned int shift = be32_to_cpu(w->e->shift);
	unsigned long pages = KHO_CHUNK_PAGES(shift);
	unsigned long first = find_next_bit_le(bits, pages, w->bit);

	if (first >= pages)
		return false;
	w->bit = kho_bits_end(bits, shift, first);
	w->next.addr = be64_to_cpu(w->e->addr) + ((u64)first << shift);
	w->next.len = (u64)(w->bit - first) << shift;
	return true;
}

static bool next_preserved(struct kho_walk *w)
{
	for (; next_entry(w); w->e++, w->bit = 0) {
		if (w->e->type == cpu_to_be32(KHO_ENTRY_BITMAP)) {
			if (next_bits(w))
				return true;
			continue;
		}
		w->next.addr = be64_to_cpu(w->e->addr);
		w->next.len = be64_to_cpu(w->e->len);
		w->e++;
		return true;
	}
	return false;
}

/**
 * kho_walk_next() - the next range of what is kept
 * @w:   the walk; at first, only what it goes through is filled in
 * @mem: filled with the range
 *
 * Ranges come in ascending order of their first bytes. They have small gaps in
 * them, and what tells of a handover may lie in such a gap.
 *
 * Return: false if there are no more.
 */
bool kho_walk_next(struct kho_walk *w, struct kho_mem *mem)
{
	bool more = w->next.len || next_preserved(w);

	if (w->metas && (!more || w->meta->addr < w->next.addr)) {
		*mem = *w->meta++;
		w->metas--;
		return true;
	}
	*mem = w->next;
	w->next.len = 0;
	return more;
}

/* Gaps are told apart by the first three bits of their sizes */
static unsigned int size_class(u64 len)
{
	unsigned int order = ilog2(len);

	return 4 * (order - KHO_MIN_GAP_ORDER) + ((len >> (order - 2)) & 3);
}

static u64 smallest_of(unsigned int class)
{
	return (4ULL + class % 4) << (class / 4 + KHO_MIN_GAP_ORDER - 2);
}

static void note_gap(struct kho_plan *plan, u64 addr, u64 len,
		     bool (*is_free)(u64 addr, u64 len))
{
	struct kho_gaps *gaps;

	if (len < KHO_GAP) {
		plan->held += len;
		return;
	}
	/* Who has something in there keeps it: it is not one gap */
	if (!is_free(addr, len)) {
		plan->runs++;
		return;
	}
	gaps = &plan->gaps[zone_of(addr)][size_class(len)];
	gaps->nr++;
	gaps->bytes += len;
}

/* Returns at least how many bytes are in the gaps that stay free */
static u64 choose(struct kho_plan *plan, enum kho_zone zone, u64 need, unsigned long max)
{
	unsigned long nr = 0, more;
	u64 bytes = 0;
	int class;

	for (class = KHO_GAP_CLASSES - 1; class >= 0; class--) {
		struct kho_gaps *gaps = &plan->gaps[zone][class];
		u64 size = smallest_of(class);

		more = kho_min_gaps[zone] - min(nr, kho_min_gaps[zone]);
		if (bytes < need)
			more = max_t(u64, more, DIV_ROUND_UP(need - bytes, size));
		more = min(more, gaps->nr);
		gaps->open = min(more, max - nr);
		nr += gaps->open;
		bytes += gaps->open == gaps->nr ? gaps->bytes : gaps->open * size;
	}
	return bytes;
}

static u64 all_gaps(const struct kho_plan *plan)
{
	unsigned int zone, class;
	u64 bytes = 0;

	for (zone = 0; zone < KHO_ZONES; zone++)
		for (class = 0; class < KHO_GAP_CLASSES; class++)
			bytes += plan->gaps[zone][class].bytes;
	return bytes;
}

static unsigned long open_gaps(const struct kho_plan *plan)
{
	unsigned int zone, class;
	unsigned long nr = 0;

	for (zone = 0; zone < KHO_ZONES; zone++)
		for (class = 0; class < KHO_GAP_CLASSES; class++)
			nr += plan->gaps[zone][class].open;
	return nr;
}

static void choose_gaps(struct kho_plan *plan, u64 free, u64 want)
{
	u64 gaps = all_gaps(plan), low, high, need;
	unsigned long max = max_gaps(free);

	/* What is free anyhow, because it is not between preserved ranges */
	free -= min(free, plan->held + gaps);
	need = want - min(want, free);

	low = choose(plan, KHO_LOW, 0, max);
	high = choose(plan, KHO_HIGH, need - min(need, low), max);
	if (low + high < need)
		low = choose(plan, KHO_LOW, need - min(need, high), max);
	plan->held += gaps - min(gaps, low + high);
	plan->runs += open_gaps(plan);
}

/**
 * kho_plan_make() - choose what is reserved
 * @plan:    filled with the choice
 * @w:       what is kept
 * @is_free: whether a range is memory that nobody else has
 * @free:    bytes of such memory, what is kept included
 * @want:    bytes that shall stay free, if possible
 */
void kho_plan_make(struct kho_plan *plan, const struct kho_walk *w,
		   bool (*is_free)(u64 addr, u64 len), u64 free, u64 want)
{
	struct kho_mem mem;
	u64 end = 0;

	memset(plan, 0, sizeof(*plan));
	plan->walk = *w;
	plan->is_free = is_free;

	while (kho_walk_next(&plan->walk, &mem)) {
		u64 from = max(mem.addr, end);

		if (!plan->runs)
			plan->runs = 1;
		else if (mem.addr > end)
			note_gap(plan, end, mem.addr - end, is_free);
		end = max(end, mem.addr + mem.len);
		plan->held += end - from;
	}
	plan->walk = *w;
	plan->more = kho_walk_next(&plan->walk, &plan->ahead);
	choose_gaps(plan, free, want);
}

/* Gaps are asked for in ascending order, each once */
static bool stays_free(struct kho_plan *plan, u64 addr, u64 len)
{
	struct kho_gaps *gaps;

	if (len < KHO_GAP)
		return false;
	if (!plan->is_free(addr, len))
		return true;
	gaps = &plan->gaps[zone_of(addr)][size_class(len)];
	if (!gaps->open)
		return false;
	gaps->open--;
	return true;
}

/**
 * kho_plan_next() - the next run
 * @plan: the choice; can be gone through once
 * @run:  filled with the run
 *
 * What others have in a gap that is small is in the run as well.
 *
 * Return: false if there are no more.
 */
bool kho_plan_next(struct kho_plan *plan, struct kho_mem *run)
{
	u64 end;

	if (!plan->more)
		return false;

	*run = plan->ahead;
	end = run->addr + run->len;
	for (;;) {
		plan->more = kho_walk_next(&plan->walk, &plan->ahead);
		if (!plan->more || (plan->ahead.addr > end &&
		    stays_free(plan, end, plan->ahead.addr - end)))
			break;
		end = max(end, plan->ahead.addr + plan->ahead.len);
	}
	run->len = end - run->addr;
	return true;
}

#if IS_ENABLED(CONFIG_KEXEC_HANDOVER_KUNIT_TEST)
#include "kexec_kho_runs_test.c"
#endif
