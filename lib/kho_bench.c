// SPDX-License-Identifier: GPL-2.0-only
/*
 * Measure kexec handover (KHO).
 *
 * Owns the memory that a benchmark hands over, and the clock around preserving
 * and restoring it: cycles, which are instructions where QEMU counts them.
 * tools/testing/selftests/kho/bench.py drives it:
 *
 *	echo "fragments 100000" > /sys/module/kho_bench/parameters/preserve
 *	# hand over, and in the next kernel:
 *	echo 1 > /sys/module/kho_bench/parameters/restore
 *	cat /sys/module/kho_bench/parameters/clock	# goes on across a kexec
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/list_sort.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/overflow.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/timex.h>

#include "kho_bench_api.h"

/**
 * enum bench_kind - what is preserved
 * @FRAGMENTS: pages at every other page frame, one by one
 * @BLOCKS:    blocks of the largest order, those that adjoin in one call
 * @FOLIOS:    folios of a huge page, one by one
 * @SPARSE:    a page in each 2 MiB and 8 KiB, one by one: few pages, many gaps
 */
enum bench_kind {
	FRAGMENTS,
	BLOCKS,
	FOLIOS,
	SPARSE,
	/* private: how many there are */
	KINDS,
};

static const char * const kind_name[] = { "fragments", "blocks", "folios", "sparse" };
static const unsigned int kind_order[] = { 0, MAX_PAGE_ORDER, 9, 0 };
/* Of pages, one in so many is preserved */
static const unsigned int kind_step[] = { 2, 0, 0, (SZ_2M + SZ_8K) / PAGE_SIZE };

/**
 * struct bench_dir - tells the next kernel what is preserved
 * @kind: enum bench_kind
 * @nr:   number of fragments, blocks or folios
 * @addr: physical address of each, in order
 */
struct bench_dir {
	__be64 kind;
	__be64 nr;
	__be64 addr[];
};

#define BLOCK_LEN	(PAGE_SIZE * MAX_ORDER_NR_PAGES)
/* More pages than any machine has */
#define NR_MAX		BIT_ULL(48)

/**
 * struct bench - a directory, with what its contents mean here
 * @dir:   the directory
 * @kind:  enum bench_kind
 * @order: of one fragment, block or folio
 * @nr:    how many there are
 */
struct bench {
	struct bench_dir *dir;
	enum bench_kind kind;
	unsigned int order;
	unsigned long nr;
};

static phys_addr_t unit_phys(const struct bench *b, unsigned long i)
{
	return be64_to_cpu(b->dir->addr[i]);
}

static struct page *unit_page(const struct bench *b, unsigned long i)
{
	return pfn_to_page(PHYS_PFN(unit_phys(b, i)));
}

/* How many from @i on go with one call */
static unsigned long run_length(const struct bench *b, unsigned long i)
{
	unsigned long n = 1;

	if (b->kind == BLOCKS)
		while (i + n < b->nr &&
		       unit_phys(b, i + n) == unit_phys(b, i) + n * BLOCK_LEN)
			n++;
	return n;
}

/* In the first and the last: the others would have the host provide memory */
static u64 *pattern(const struct bench *b, bool last)
{
	return page_address(unit_page(b, last ? b->nr - 1 : 0));
}

static int preserve_run(const struct bench *b, unsigned long i, unsigned long n)
{
	struct page *page = unit_page(b, i);

	return b->kind == FOLIOS ? kho_preserve_folio(page_folio(page)) :
				   kho_preserve_pages(page, n << b->order);
}

static int restore_run(const struct bench *b, unsigned long i, unsigned long n)
{
	phys_addr_t phys = unit_phys(b, i);
	void *got = b->kind == FOLIOS ?
			(void *)kho_restore_folio(phys) :
			(void *)kho_restore_pages(phys, n << b->order);

	return got ? 0 : -ENOENT;
}

/*
 * Do something with each run, and tell what it cost. Inline, so that the loop
 * itself costs little.
 */
static __always_inline int
measure(const struct bench *b, const char *what,
	int (*fn)(const struct bench *b, unsigned long i, unsigned long n))
{
	cycles_t start = get_cycles();
	unsigned long i, n, calls = 0;
	int err = 0;

	for (i = 0; !err && i < b->nr; i += n, calls++) {
		n = run_length(b, i);
		err = fn(b, i, n);
	}
	if (err)
		pr_err("%s: error %d after %lu calls\n", what, err, calls);
	else
		pr_info("%s: %lu pages, %lu calls, %llu cycles\n", what,
			b->nr << b->order, calls,
			(u64)(get_cycles() - start));
	return err;
}

/* Whole blocks of the largest order: in the memory table it is a range */
static unsigned long dir_pages(unsigned long nr)
{
	const struct bench_dir *dir;

	return round_up(struct_size(dir, addr, nr), BLOCK_LEN) >> PAGE_SHIFT;
}

/* One block comes from where the units do, and so is not in the midst of them */
static struct page *alloc_dir(unsigned long nr)
{
	struct page *page;

	if (dir_pages(nr) > MAX_ORDER_NR_PAGES)
		return alloc_contig_pages(dir_pages(nr), GFP_KERNEL,
					  numa_node_id(), NULL);
	page = alloc_pages(GFP_KERNEL, MAX_PAGE_ORDER);
	if (page)
		split_page(page, MAX_PAGE_ORDER);
	return page;
}

static void add_unit(struct bench *b, struct page *page)
{
	b->dir->addr[b->nr++] = cpu_to_be64(page_to_phys(page));
}

/* Keep a page here and there of a block */
static void bench_add_pages(struct bench *b, struct page *block, unsigned long nr)
{
	unsigned long i;

	for (i = 0; i < MAX_ORDER_NR_PAGES; i++) {
		if (page_to_pfn(block + i) % kind_step[b->kind] || b->nr == nr)
			__free_page(block + i);
		else
			add_unit(b, block + i);
	}
}

/* How many units a block gives */
static unsigned long block_units(const struct bench *b, const struct page *block)
{
	unsigned long pfn = page_to_pfn(block), step = kind_step[b->kind];

	if (!step)
		return 1;
	return DIV_ROUND_UP(pfn + MAX_ORDER_NR_PAGES, step) -
	       DIV_ROUND_UP(pfn, step);
}

static unsigned int block_order(const struct bench *b)
{
	return b->order ?: MAX_PAGE_ORDER;
}

static int alloc_blocks(const struct bench *b, unsigned long nr,
			struct list_head *blocks)
{
	gfp_t gfp = GFP_KERNEL | __GFP_NOWARN | (b->kind == FOLIOS ? __GFP_COMP : 0);
	unsigned long units;

	for (units = 0; units < nr;) {
		struct page *page = alloc_pages(gfp, block_order(b));

		if (!page)
			return -ENOMEM;
		list_add_tail(&page->lru, blocks);
		units += block_units(b, page);
		cond_resched();
	}
	return 0;
}

static int cmp_page(void *priv, const struct list_head *a, const struct list_head *b)
{
	return list_entry(a, struct page, lru) > list_entry(b, struct page, lru);
}

static int alloc_units(struct bench *b, unsigned long nr)
{
	struct page *page, *next;
	LIST_HEAD(blocks);
	int err;

	err = alloc_blocks(b, nr, &blocks);
	if (err)
		return err;

	list_sort(NULL, &blocks, cmp_page);
	list_for_each_entry_safe(page, next, &blocks, lru) {
		list_del(&page->lru);
		if (b->kind != FOLIOS)
			split_page(page, block_order(b));
		if (kind_step[b->kind])
			bench_add_pages(b, page, nr);
		else
			add_unit(b, page);
		cond_resched();
	}
	return 0;
}

/* What an error leaves behind stays: there is nothing more to measure */
static int preserve(enum bench_kind kind, unsigned long nr)
{
	struct bench b = { .kind = kind, .order = kind_order[kind] };
	struct page *dir;
	int err;

	if (!nr || nr > NR_MAX)
		return -EINVAL;
	dir = alloc_dir(nr);
	if (!dir)
		return -ENOMEM;

	b.dir = page_address(dir);
	err = alloc_units(&b, nr);
	if (err)
		return err;

	b.dir->kind = cpu_to_be64(kind);
	b.dir->nr = cpu_to_be64(nr);
	*pattern(&b, false) = *pattern(&b, true) = nr;
	return measure(&b, "preserve", preserve_run) ?:
	       kho_preserve_pages(dir, dir_pages(nr)) ?:
	       bench_announce(b.dir, dir_pages(nr) << PAGE_SHIFT);
}

static void free_unit(const struct bench *b, unsigned long i)
{
	struct page *page = unit_page(b, i);
	unsigned long n;

	if (b->kind == FOLIOS)
		folio_put(page_folio(page));
	else
		for (n = 0; n < 1UL << b->order; n++)
			__free_page(page + n);
	cond_resched();
}

static int restore(void)
{
	phys_addr_t phys;
	struct bench b;
	unsigned long i;
	int err;

	err = bench_find(&phys);
	if (err)
		return err;

	b.dir = phys_to_virt(phys);
	b.kind = be64_to_cpu(b.dir->kind);
	b.nr = be64_to_cpu(b.dir->nr);
	if (b.kind >= KINDS || b.nr > NR_MAX)
		return -EBADMSG;
	b.order = kind_order[b.kind];
	if (!kho_restore_pages(phys, dir_pages(b.nr)))
		return -ENOENT;

	err = measure(&b, "restore", restore_run);
	if (err)
		return err;
	if (*pattern(&b, false) != b.nr || *pattern(&b, true) != b.nr)
		return -EBADMSG;

	for (i = 0; i < b.nr; i++)
		free_unit(&b, i);
	free_contig_range(PHYS_PFN(phys), dir_pages(b.nr));
	return 0;
}

static int preserve_set(const char *val, const struct kernel_param *kp)
{
	unsigned long nr;
	char name[16];
	int kind;

	if (sscanf(val, "%15s %lu", name, &nr) != 2)
		return -EINVAL;
	kind = match_string(kind_name, ARRAY_SIZE(kind_name), name);
	return kind < 0 ? kind : preserve(kind, nr);
}

static int restore_set(const char *val, const struct kernel_param *kp)
{
	return restore();
}

/* For the times of the kernel's log, which begin anew in each kernel */
static int clock_get(char *buffer, const struct kernel_param *kp)
{
	u64 now = get_cycles();

	pr_info("clock: %llu cycles\n", now);
	return sysfs_emit(buffer, "%llu\n", now);
}

static const struct kernel_param_ops preserve_ops = { .set = preserve_set };
static const struct kernel_param_ops restore_ops = { .set = restore_set };
static const struct kernel_param_ops clock_ops = { .get = clock_get };

module_param_cb(preserve, &preserve_ops, NULL, 0200);
MODULE_PARM_DESC(preserve, "kind and number of what to preserve");
module_param_cb(restore, &restore_ops, NULL, 0200);
MODULE_PARM_DESC(restore, "take back what was preserved, and free it");
module_param_cb(clock, &clock_ops, NULL, 0400);
MODULE_PARM_DESC(clock, "what the cycle counter says, in the log, too");
