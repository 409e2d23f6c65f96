/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Live update: what the parts of the memfd handler need of each other.
 *
 * Of these, record needs no kernel state, so that it can be tried on the host.
 */
#ifndef MM_MEMFD_LUO_H
#define MM_MEMFD_LUO_H

#include <linux/fcntl.h>
#include <linux/liveupdate_node.h>

/* What a record counts in, whatever the size of pages */
#define MEMFD_UNIT_SHIFT	12

#define MEMFD_SEALS	(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | \
			 F_SEAL_FUTURE_WRITE | F_SEAL_EXEC)
#define MEMFD_FLAGS	(O_ACCMODE | O_APPEND | O_NONBLOCK | O_NOATIME)

/* memfd_luo_record.c */
u64 memfd_list_bytes(const struct luo_memfd *m);
const char *memfd_check_record(const struct luo_memfd *m);
const char *memfd_check_list(const struct luo_memfd *m, const struct luo_run_be *runs,
			     u64 bytes, unsigned int page_shift, unsigned int max_order,
			     u64 phys_end);

/* Whether it is not in the record */
static inline bool memfd_has_list(const struct luo_memfd *m)
{
	return memfd_list_bytes(m) > sizeof(m->embedded);
}

#ifdef CONFIG_LIVEUPDATE_MEMFD

struct liveupdate_file_op_args;
struct memfd_in;
struct page;

/**
 * struct memfd_run - a run, in pages of this kernel
 * @phys: its first byte
 * @order: of each of its folios
 * @folios: how many
 * @index: of the first, in the file
 * @nr: how many runs of its list have been read, it among them
 */
struct memfd_run {
	u64 phys;
	unsigned int order;
	u32 folios;
	pgoff_t index;
	u32 nr;
};

/* The index behind a run */
static inline pgoff_t memfd_run_end(const struct memfd_run *r)
{
	return r->index + ((pgoff_t)r->folios << r->order);
}

/* A run from a list, of which the one before ends at @end */
static inline void memfd_run_read(const struct luo_run_be *be, pgoff_t end,
				  struct memfd_run *r)
{
	struct luo_run run;

	luo_run_from_be(be, &run);
	r->order = run.addr % (1U << MEMFD_UNIT_SHIFT) - (PAGE_SHIFT - MEMFD_UNIT_SHIFT);
	r->phys = round_down(run.addr, 1U << MEMFD_UNIT_SHIFT);
	r->folios = run.folios;
	r->index = end + (run.hole >> (PAGE_SHIFT - MEMFD_UNIT_SHIFT));
}

/* memfd_luo_runs.c */
/**
 * struct memfd_runs - a list of runs
 * @pages: where they are, one after another
 * @nr_pages: how many pages that are
 * @room: for how many there is room in @pages
 * @area: these pages, if they are preserved; then @pages belongs to it
 * @kv: the area
 * @embedded: or where the runs are, in a record
 * @nr: number of runs
 * @end: the index behind the last
 * @total: number of pages in all folios
 */
struct memfd_runs {
	struct page **pages;
	unsigned int nr_pages;
	unsigned int room;
	void *area;
	struct kho_vmalloc kv;
	struct luo_run_be *embedded;
	u32 nr;
	pgoff_t end;
	unsigned long total;
};

bool memfd_runs_next(const struct memfd_runs *l, struct memfd_run *r);
int memfd_runs_prepare(struct memfd_runs *l, pgoff_t index);
void memfd_runs_add(struct memfd_runs *l, const struct memfd_run *r);
int memfd_runs_merge(const struct memfd_runs *a, const struct memfd_runs *b,
		     struct memfd_runs *both);
int memfd_runs_store(struct memfd_runs *l, const char *name, unsigned int len,
		     struct luo_memfd_be *record);
void memfd_runs_free(struct memfd_runs *l);

/* memfd_luo_in.c */
int memfd_luo_retrieve(struct liveupdate_file_op_args *args);
void memfd_luo_finish(struct liveupdate_file_op_args *args);

#endif /* CONFIG_LIVEUPDATE_MEMFD */

#endif /* MM_MEMFD_LUO_H */
