// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzzes kernel/kexec_kho_runs.c: however a large machine's memory is cut up,
 * what is preserved is in few runs, and to find these takes time in proportion
 * to the length of the table.
 */
#include <stdlib.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "kernel/kexec_kho_internal.h"
#include "mutate.h"

#define MAX_ENTRIES	20000
#define MAX_TAKEN	64
/* See max_gaps() there: so many below 4 GiB, and as many above */
#define MAX_OPEN(free)	(2 * clamp((free) / SZ_64M, 4096, 32768))

/**
 * struct lot - ranges of one size, one behind the other
 * @skip:   pages before the first
 * @stride: pages between them
 * @nr:     how many, less one
 * @pages:  pages in each, less one
 * @taken:  if odd, they are not preserved, but in use
 */
struct lot {
	u32 skip;
	u32 stride;
	u16 nr;
	u16 pages;
	u32 taken;
};

/**
 * struct input - what a handover is reckoned with
 * @free: bytes that are free
 * @want: bytes that shall be left
 * @lot:  ranges, in ascending order
 */
struct input {
	u64 free;
	u64 want;
	struct lot lot[];
};

static struct kho_entry entry[MAX_ENTRIES];
static unsigned long nr_entries;
static struct kho_mem taken[MAX_TAKEN];
static unsigned int nr_taken;
static unsigned long nr_used_gaps;

static bool fast is_free(u64 addr, u64 len)
{
	unsigned int i;

	for (i = 0; i < nr_taken; i++)
		if (addr < taken[i].addr + taken[i].len && taken[i].addr < addr + len)
			break;
	nr_used_gaps += i < nr_taken;
	return i == nr_taken;
}

static void add_range(u64 addr, u64 len, bool is_taken)
{
	if (is_taken)
		taken[nr_taken++] = (struct kho_mem){ addr, len };
	else
		entry[nr_entries++] = (struct kho_entry){
			.addr = cpu_to_be64(addr),
			.len = cpu_to_be64(len),
			.type = cpu_to_be32(KHO_ENTRY_EXTENT),
			.shift = cpu_to_be32(PAGE_SHIFT),
		};
}

static void read_lots(const struct input *in, size_t size)
{
	unsigned long lots = min((size - sizeof(*in)) / sizeof(struct lot), 64UL), i, j;
	u64 at = 0;

	nr_entries = 0;
	nr_taken = 0;
	for (i = 0; i < lots; i++) {
		struct lot lot = in->lot[i];
		u64 len = PFN_PHYS(lot.pages + 1ULL);

		at += PFN_PHYS((u64)lot.skip);
		for (j = 0; j <= lot.nr && nr_entries < MAX_ENTRIES &&
			    nr_taken < MAX_TAKEN; j++) {
			add_range(at, len, lot.taken & 1);
			at += len + PFN_PHYS((u64)lot.stride);
		}
	}
}

/* Each entry is in one run; between runs there is a gap that is not small */
static u64 check_runs(struct kho_plan *plan)
{
	unsigned long i = 0, runs = 0;
	struct kho_mem run;
	u64 sum = 0, end = 0;

	while (kho_plan_next(plan, &run)) {
		must(run.len && run.addr + run.len > run.addr);
		must(!runs || run.addr >= end + KHO_GAP);
		must(i < nr_entries && run.addr == be64_to_cpu(entry[i].addr));
		end = run.addr + run.len;
		for (; i < nr_entries && be64_to_cpu(entry[i].addr) < end; i++)
			must(be64_to_cpu(entry[i].addr) + be64_to_cpu(entry[i].len) <= end);
		sum += run.len;
		runs++;
	}
	must(i == nr_entries);
	must(runs <= plan->runs);
	return sum;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	const struct input *in = (void *)data;
	struct kho_mem part;
	struct kho_walk walk = { .part = &part, .parts = 1 };
	struct kho_plan plan;

	if (size < sizeof(*in))
		return 0;
	read_lots(in, size);
	part = (struct kho_mem){ (unsigned long)entry, nr_entries * sizeof(*entry) };

	nr_used_gaps = 0;
	limit_steps(STEPS_MIN + 64 * nr_entries);
	kho_plan_make(&plan, &walk, is_free, in->free, in->want);
	must(plan.runs <= 1 + MAX_OPEN(in->free) + nr_used_gaps);
	must(check_runs(&plan) <= plan.held);
	limit_steps(0);
	tell("chosen");
	return 0;
}
