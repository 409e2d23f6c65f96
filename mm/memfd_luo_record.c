// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live update: whether the record of a memfd, and its list of runs, can be right.
 *
 * Who has written them may have been another kernel, and wrong. What is not so here,
 * nothing below relies on; whether memory was preserved, KHO knows.
 */
#include <linux/align.h>
#include <linux/fcntl.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "memfd_luo.h"

#define UNIT_MASK	((1U << MEMFD_UNIT_SHIFT) - 1)

/**
 * memfd_list_bytes() - how long runs and name are
 * @m: the record
 *
 * Return: bytes.
 */
u64 memfd_list_bytes(const struct luo_memfd *m)
{
	return m->runs * (u64)sizeof(struct luo_run_be) + m->name_len;
}

/* Whether the area is as long as the list, in pages of whoever wrote it */
static bool is_area_of(const struct kho_vmalloc *kv, u64 bytes)
{
	u32 shift = be32_to_cpu(kv->shift);

	return shift < 32 && be32_to_cpu(kv->pages) == (bytes + (1ULL << shift) - 1) >> shift;
}

static const char *check_place(const struct luo_memfd *m)
{
	u64 bytes = memfd_list_bytes(m);

	if (memfd_has_list(m)) {
		if (memchr_inv(m->embedded, 0, sizeof(m->embedded)))
			return "it has two lists";
		return is_area_of(&m->list, bytes) ? NULL : "its list is not as long as it says";
	}
	if (memchr_inv(&m->list, 0, sizeof(m->list)))
		return "it has two lists";
	if (memchr_inv(m->embedded + bytes, 0, sizeof(m->embedded) - bytes))
		return "there is something behind its name";
	return NULL;
}

/**
 * memfd_check_record() - look at a record by itself
 * @m: the record
 *
 * Return: what is wrong with it, or NULL if it may be right.
 */
const char *memfd_check_record(const struct luo_memfd *m)
{
	if (m->size > S64_MAX || m->position > S64_MAX)
		return "its size or position is negative";
	if (m->seals & ~MEMFD_SEALS)
		return "it has seals that this kernel does not know";
	if (m->mode & ~07777)
		return "its mode is more than permissions";
	if (m->uid == U32_MAX || m->gid == U32_MAX)
		return "it belongs to nobody";
	if (m->flags & ~MEMFD_FLAGS || (m->flags & O_ACCMODE) == O_ACCMODE)
		return "it has flags that this kernel does not know";
	if (m->name_len > NAME_MAX)
		return "its name is too long";
	return check_place(m);
}

/**
 * struct bounds - what a run has to be in
 * @size: of the file
 * @min_order: of a folio, in units
 * @max_order: the same
 * @phys_end: end of memory
 * @end: of the run before, in the file
 * @left: bytes in all runs that are still to come
 */
struct bounds {
	u64 size;
	unsigned int min_order;
	unsigned int max_order;
	u64 phys_end;
	u64 end;
	u64 left;
};

static const char *check_run(const struct luo_run *run, struct bounds *b)
{
	u64 addr = run->addr & ~(u64)UNIT_MASK, start, each, len;
	unsigned int order = run->addr & UNIT_MASK;

	if (order < b->min_order || order > b->max_order)
		return "a run is of folios of a size that this kernel does not have";
	if (!run->folios)
		return "a run is empty";
	each = 1ULL << (order + MEMFD_UNIT_SHIFT);
	len = run->folios * each;
	if (!IS_ALIGNED(addr, each) || len > b->phys_end || addr > b->phys_end - len)
		return "a run is where there can be no folios";

	/* Each of the two is less than what it is added to can take */
	start = b->end + ((u64)run->hole << MEMFD_UNIT_SHIFT);
	if (!IS_ALIGNED(start, each))
		return "a run is not aligned in the file";
	if (start >= b->size || len - each >= b->size - start)
		return "a run goes beyond the end of the file";
	if (len > b->left)
		return "it has more memory than it says";

	b->end = start + len;
	b->left -= len;
	return NULL;
}

/**
 * memfd_check_list() - look at a list of runs, and the name behind them
 * @m: its record, which passed memfd_check_record()
 * @runs: the list
 * @bytes: in all of its runs
 * @page_shift: log2 of the page size
 * @max_order: of folios of such pages
 * @phys_end: end of memory
 *
 * Context: may sleep.
 * Return: what is wrong, or NULL.
 */
const char *memfd_check_list(const struct luo_memfd *m, const struct luo_run_be *runs,
			     u64 bytes, unsigned int page_shift, unsigned int max_order,
			     u64 phys_end)
{
	unsigned int min_order = page_shift - MEMFD_UNIT_SHIFT;
	struct bounds b = {
		.size = m->size,
		.min_order = min_order,
		.max_order = min_order + max_order,
		.phys_end = phys_end,
		.left = bytes,
	};
	const char *why = NULL;
	struct luo_run run;
	u32 i;

	for (i = 0; i < m->runs && !why; i++) {
		luo_run_from_be(&runs[i], &run);
		why = check_run(&run, &b);
		if (i % 1024 == 1023)
			cond_resched();
	}
	if (!why && b.left)
		why = "it has less memory than it says";
	if (!why && memchr(&runs[m->runs], '\0', m->name_len))
		why = "its name has a NUL";
	return why;
}
