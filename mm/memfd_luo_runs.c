// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live update: the list of what a memfd has, as it is handed over.
 *
 * It grows page by page while folios are pinned, so nothing is copied; and what fits
 * into the record goes there in the end.
 */
#define pr_fmt(fmt) "memfd: " fmt

#include <linux/cleanup.h>
#include <linux/gfp.h>
#include <linux/kexec_handover_mm.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "memfd_luo.h"

#define RUNS_PER_PAGE	(PAGE_SIZE / sizeof(struct luo_run_be))
#define UNITS_SHIFT	(PAGE_SHIFT - MEMFD_UNIT_SHIFT)

/* A run does not cross a page, and order and address do not get into each other */
static_assert(PAGE_SIZE % sizeof(struct luo_run_be) == 0);
static_assert(PAGE_SHIFT >= MEMFD_UNIT_SHIFT);

static struct luo_run_be *run_at(const struct memfd_runs *l, u32 i)
{
	struct luo_run_be *first;

	if (l->embedded)
		return l->embedded + i;
	first = page_address(l->pages[i / RUNS_PER_PAGE]);
	return first + i % RUNS_PER_PAGE;
}

/**
 * memfd_runs_next() - read one run after the other
 * @l: the list
 * @r: the one before, or for the first, zeroes; filled with the next
 *
 * Return: false if there is none.
 */
bool memfd_runs_next(const struct memfd_runs *l, struct memfd_run *r)
{
	if (r->nr >= l->nr)
		return false;
	memfd_run_read(run_at(l, r->nr++), memfd_run_end(r), r);
	return true;
}

static int add_page(struct memfd_runs *l)
{
	unsigned int room = max(2 * l->room, 4U);
	struct page **pages;
	void *p;

	if (l->nr_pages == l->room) {
		pages = kvrealloc(l->pages, room * sizeof(*pages), GFP_KERNEL_ACCOUNT);
		if (!pages)
			return -ENOMEM;
		l->pages = pages;
		l->room = room;
	}

	p = kho_alloc_boot(GFP_KERNEL_ACCOUNT, 0);
	if (!p)
		return -ENOMEM;
	l->pages[l->nr_pages++] = virt_to_page(p);
	return 0;
}

/**
 * memfd_runs_prepare() - have room for one more run
 * @l: the list
 * @index: where that begins in the file
 *
 * Return: 0; -ENOMEM; -EFBIG if there are too many, or too large a hole before it.
 */
int memfd_runs_prepare(struct memfd_runs *l, pgoff_t index)
{
	if (WARN_ON_ONCE(index < l->end))
		return -EIO;
	if (index - l->end > U32_MAX >> UNITS_SHIFT || l->nr == U32_MAX)
		return -EFBIG;
	return l->nr < l->nr_pages * RUNS_PER_PAGE ? 0 : add_page(l);
}

/* Whether a run goes on where another ends, in the file and in memory */
static bool is_more(const struct memfd_run *last, const struct memfd_run *r)
{
	return r->order == last->order &&
	       r->phys == last->phys + ((u64)last->folios << (last->order + PAGE_SHIFT)) &&
	       r->folios <= U32_MAX - last->folios;
}

/**
 * memfd_runs_add() - add a run at the end
 * @l: the list; memfd_runs_prepare() was called for it
 * @r: the run
 */
void memfd_runs_add(struct memfd_runs *l, const struct memfd_run *r)
{
	struct luo_run_be *be = l->nr ? run_at(l, l->nr - 1) : NULL;
	struct memfd_run last;

	if (be && l->end == r->index) {
		memfd_run_read(be, 0, &last);
		if (is_more(&last, r)) {
			be->folios = cpu_to_be32(last.folios + r->folios);
			goto counted;
		}
	}
	luo_run_to_be(&(struct luo_run){
		.addr = r->phys | (r->order + UNITS_SHIFT),
		.folios = r->folios,
		.hole = (r->index - l->end) << UNITS_SHIFT,
	}, run_at(l, l->nr++));
counted:
	l->end = memfd_run_end(r);
	l->total += (unsigned long)r->folios << r->order;
}

/**
 * memfd_runs_merge() - make one list of two
 * @a: runs
 * @b: others, none of which is where one of @a is
 * @both: an empty list, which has all of them in the end
 *
 * Return: as memfd_runs_prepare().
 */
int memfd_runs_merge(const struct memfd_runs *a, const struct memfd_runs *b,
		     struct memfd_runs *both)
{
	struct memfd_run x = { }, y = { };
	bool has_x = memfd_runs_next(a, &x), has_y = memfd_runs_next(b, &y);
	int err;

	while (has_x || has_y) {
		bool is_x = has_x && (!has_y || x.index < y.index);
		const struct memfd_run *r = is_x ? &x : &y;

		err = memfd_runs_prepare(both, r->index);
		if (err)
			return err;
		memfd_runs_add(both, r);
		if (!(r->nr % RUNS_PER_PAGE))
			cond_resched();
		if (is_x)
			has_x = memfd_runs_next(a, &x);
		else
			has_y = memfd_runs_next(b, &y);
	}
	return 0;
}

static void free_pages_from(struct memfd_runs *l, unsigned int nr)
{
	while (l->nr_pages > nr)
		__free_page(l->pages[--l->nr_pages]);
}

static void embed(struct memfd_runs *l, const char *name, unsigned int len,
		  struct luo_memfd_be *record)
{
	size_t bytes = l->nr * sizeof(struct luo_run_be);

	memset(record->embedded, 0, sizeof(record->embedded));
	if (l->nr)
		memcpy(record->embedded, run_at(l, 0), bytes);
	memcpy(record->embedded + bytes, name, len);
	record->list = (struct kho_vmalloc){ };

	free_pages_from(l, 0);
	kvfree(l->pages);
	l->pages = NULL;
	l->embedded = (void *)record->embedded;
}

/* Behind the runs, where the last page is not full, or more than that */
static int append_name(struct memfd_runs *l, const char *name, unsigned int len)
{
	u64 at = l->nr * (u64)sizeof(struct luo_run_be);
	unsigned int need = DIV_ROUND_UP(at + len, PAGE_SIZE), n;
	int err;

	while (l->nr_pages < need) {
		err = add_page(l);
		if (err)
			return err;
	}
	free_pages_from(l, need);

	for (; len; len -= n, name += n, at += n) {
		n = min_t(unsigned int, len, PAGE_SIZE - offset_in_page(at));
		memcpy(page_address(l->pages[at >> PAGE_SHIFT]) + offset_in_page(at), name, n);
	}
	return 0;
}

static int preserve_list(struct memfd_runs *l, const char *name, unsigned int len,
			 struct luo_memfd_be *record)
{
	int err = append_name(l, name, len);

	if (err)
		return err;
	l->area = vmap(l->pages, l->nr_pages, VM_MAP | VM_MAP_PUT_PAGES, PAGE_KERNEL);
	if (!l->area)
		return -ENOMEM;
	err = kho_preserve_vmalloc(l->area, &l->kv);
	if (err)
		return err;
	memset(record->embedded, 0, sizeof(record->embedded));
	record->list = l->kv;
	return 0;
}

/**
 * memfd_runs_store() - have the next kernel find a list
 * @l: the list, to which nothing is added after that
 * @name: of the file
 * @len: of the name
 * @record: its list and what belongs to that is filled in; but not after an error
 *
 * Return: 0; -ENOMEM; -EFBIG; what kho_preserve_vmalloc() says.
 */
int memfd_runs_store(struct memfd_runs *l, const char *name, unsigned int len,
		     struct luo_memfd_be *record)
{
	u64 bytes = l->nr * (u64)sizeof(struct luo_run_be) + len;
	int err = 0;

	if (bytes <= sizeof(record->embedded))
		embed(l, name, len, record);
	else
		err = preserve_list(l, name, len, record);
	if (err)
		return err;
	record->runs = cpu_to_be32(l->nr);
	record->name_len = cpu_to_be32(len);
	return 0;
}

/**
 * memfd_runs_free() - free a list
 * @l: the list, which is empty then
 */
void memfd_runs_free(struct memfd_runs *l)
{
	/* What is on its way to the next kernel must stay; nobody should have come here */
	if (WARN_ON_ONCE(kho_unpreserve_vmalloc(&l->kv)))
		return;
	if (l->area) {
		kho_vfree(l->area);
	} else {
		free_pages_from(l, 0);
		kvfree(l->pages);
	}
	*l = (struct memfd_runs){ };
}
