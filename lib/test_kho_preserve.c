// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test kexec handover end to end: what the module test_kho preserves, how much of it,
 * and the node that tells the next kernel.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/crc32.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/libfdt.h>
#include <linux/module.h>
#include <linux/nodemask.h>
#include <linux/sizes.h>
#include <linux/vmalloc.h>

#include "test_kho.h"

#define MAX_ORDER_USED	9

static unsigned int folios = 32;
module_param(folios, uint, 0444);
MODULE_PARM_DESC(folios, "number of folios to preserve");

static unsigned int max_order = MAX_ORDER_USED;
module_param_named(order, max_order, uint, 0444);
MODULE_PARM_DESC(order, "largest order of folios: 9, unless told otherwise");

static unsigned int pages = 1000;
module_param(pages, uint, 0444);
MODULE_PARM_DESC(pages, "number of pages to preserve in contiguous ranges");

static unsigned int fragments = 100;
module_param(fragments, uint, 0444);
MODULE_PARM_DESC(fragments, "number of single pages to preserve, at every other page frame");

static unsigned int blocks;
module_param(blocks, uint, 0444);
MODULE_PARM_DESC(blocks, "number of blocks of the largest order to preserve");

static unsigned int vmalloc_bytes = SZ_1M;
module_param_named(vmalloc, vmalloc_bytes, uint, 0444);
MODULE_PARM_DESC(vmalloc, "bytes in each vmalloc area");

static unsigned int areas = 1;
module_param(areas, uint, 0444);
MODULE_PARM_DESC(areas, "number of vmalloc areas to preserve");

static unsigned long between[2];
static unsigned int nr_between;
module_param_array(between, ulong, &nr_between, 0444);
MODULE_PARM_DESC(between, "start and end of memory that is to lie in a gap between preserved pages");

static unsigned long preserved_kib;
module_param(preserved_kib, ulong, 0444);
MODULE_PARM_DESC(preserved_kib, "what the next kernel gets, with what lists it");

static bool big;
module_param(big, bool, 0644);
MODULE_PARM_DESC(big, "write more into the FDT than it has room for");

/* What is preserved for the next kernel; the directory is, too */
static struct test_kho_item_be *dir;
static unsigned int items;
static struct kho_vmalloc dir_kv;
/* A page that is written just before the jump */
static struct page *late;
/* Pages of others that are preserved for nobody */
static struct page *fence[2];
/* Where each item is mapped */
static void **mapped;

static void fill(void *p, size_t len, u32 set, u32 index)
{
	u64 word = pattern(set, index), *to = p;

	for (; len >= sizeof(*to); len -= sizeof(*to))
		*to++ = word++;
}

static void free_range(struct page *page, unsigned int nr)
{
	while (nr--)
		__free_page(page + nr);
}

void test_kho_free_item(const struct test_kho_item_be *item, void *p)
{
	if (kind_of(item) == TEST_KHO_KIND_FOLIO)
		folio_put(page_folio(item_page(item)));
	else if (kind_of(item) == TEST_KHO_KIND_AREA)
		vfree(p);
	else
		free_range(item_page(item), be32_to_cpu(item->nr));
}

static int preserve_item(unsigned int i)
{
	struct test_kho_item_be *item = &dir[i];
	struct kho_vmalloc kv;
	int err;

	switch (kind_of(item)) {
	case TEST_KHO_KIND_FOLIO:
		return kho_preserve_folio(page_folio(item_page(item)));
	case TEST_KHO_KIND_PAGES:
		return kho_preserve_pages(item_page(item),
					  be32_to_cpu(item->nr));
	case TEST_KHO_KIND_AREA:
		err = kho_preserve_vmalloc(mapped[i], &kv);
		item->addr = kv.first;
		return err;
	default:
		return 0;
	}
}

static int unpreserve_item(unsigned int i)
{
	struct test_kho_item_be *item = &dir[i];
	struct kho_vmalloc kv = kv_of(item, PAGE_SHIFT);

	switch (kind_of(item)) {
	case TEST_KHO_KIND_FOLIO:
		return kho_unpreserve_folio(page_folio(item_page(item)));
	case TEST_KHO_KIND_PAGES:
		return kho_unpreserve_pages(item_page(item),
					    be32_to_cpu(item->nr));
	case TEST_KHO_KIND_AREA:
		return kho_unpreserve_vmalloc(&kv);
	default:
		return 0;
	}
}

static void note_item(struct test_kho_item_be item, void *p)
{
	mapped[items] = p;
	dir[items++] = item;
}

/* Preserves what the caller owns, or frees it */
int test_kho_add_item(struct test_kho_item_be item, void *p)
{
	int err;

	note_item(item, p);
	err = preserve_item(items - 1);
	if (err)
		test_kho_free_item(&dir[--items], p);
	return err;
}

/* With other contents than anything else has */
static struct test_kho_item_be new_item(struct page *page, void *p, unsigned int nr,
			    enum test_kho_kind kind)
{
	struct test_kho_item_be item;

	fill(p, nr * PAGE_SIZE, test_kho_seed, items);
	test_kho_item_to_be(&(struct test_kho_item){
		.addr = page ? page_to_phys(page) : 0,
		.nr = nr,
		.seed = test_kho_seed,
		.index = items,
		.kind = kind,
		.nid = page ? page_to_nid(page) : 0,
	}, &item);
	return item;
}

static int add_page_item(struct page *page, unsigned int nr, enum test_kho_kind kind)
{
	void *p = page_address(page);

	return test_kho_add_item(new_item(page, p, nr, kind), p);
}

static void note_page_item(struct page *page, unsigned int nr, enum test_kho_kind kind)
{
	void *p = page_address(page);

	note_item(new_item(page, p, nr, kind), p);
}

/* Nodes with memory take turns */
static int next_nid(void)
{
	static int nid = MAX_NUMNODES - 1;

	nid = next_node_in(nid, node_states[N_MEMORY]);
	return nid;
}

/* As alloc_pages_exact() does: each page is a page by itself */
static struct page *alloc_range(unsigned int nr)
{
	unsigned int order = get_order(nr * PAGE_SIZE);
	struct page *page;

	page = alloc_pages_node(next_nid(), GFP_KERNEL | __GFP_THISNODE, order);
	if (page) {
		split_page(page, order);
		free_range(page + nr, (1U << order) - nr);
	}
	return page;
}

static int preserve_folio(struct rnd_state *rnd)
{
	unsigned int order = prandom_u32_state(rnd) % (max_order + 1);
	struct folio *folio;

	folio = __folio_alloc_node(GFP_KERNEL | __GFP_THISNODE, order,
				   next_nid());
	return folio ? add_page_item(&folio->page, 1U << order, TEST_KHO_KIND_FOLIO) : -ENOMEM;
}

/* Returns how many pages of up to @max it was, or an error */
static int preserve_pages(struct rnd_state *rnd, unsigned int max)
{
	unsigned int nr = min(max, 1 + prandom_u32_state(rnd) % 512);
	struct page *page = alloc_range(nr);

	return page ? add_page_item(page, nr, TEST_KHO_KIND_PAGES) ?: nr : -ENOMEM;
}

static int preserve_block(void)
{
	struct page *page = alloc_range(MAX_ORDER_NR_PAGES);

	return page ? add_page_item(page, MAX_ORDER_NR_PAGES, TEST_KHO_KIND_PAGES) : -ENOMEM;
}

/* Returns how many of up to @max it was, or an error */
static int preserve_fragments(unsigned int max)
{
	unsigned int i, nr = min(2 * max, 1U << MAX_ORDER_USED);
	struct page *page = alloc_range(nr);
	int err = 0;

	if (!page)
		return -ENOMEM;

	for (i = 0; i < nr; i += 2) {
		/* Whatever the kernel does with the pages between them */
		__free_page(page + i + 1);
		if (err)
			__free_page(page + i);
		else
			err = add_page_item(page + i, 1, TEST_KHO_KIND_PAGES);
	}
	return err ?: nr / 2;
}

/* Only the outer thirds of a range are handed over, as two items */
static int drop_middle(struct test_kho_item_be *item)
{
	unsigned int nr = be32_to_cpu(item->nr), third = nr / 3;
	struct page *page = item_page(item);
	int err;

	if (kind_of(item) != TEST_KHO_KIND_PAGES || !third)
		return 0;

	err = kho_unpreserve_pages(page + third, third);
	if (err)
		return err;

	item->nr = cpu_to_be32(third);
	note_page_item(page + third, third, TEST_KHO_KIND_DROPPED);
	note_page_item(page + 2 * third, nr - 2 * third, TEST_KHO_KIND_PAGES);
	return 0;
}

static int drop_some(void)
{
	unsigned int i, nr = items;
	int err = 0;

	for (i = 0; !err && i < nr; i += 2)
		err = drop_middle(&dir[i]);
	return err;
}

/* Do something with a part of all items, the same for the same @rnd */
static int some_items(struct rnd_state rnd, int (*fn)(unsigned int i))
{
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < items; i++) {
		if (prandom_u32_state(&rnd) % 2)
			err = fn(i);
		cond_resched();
	}
	return err;
}

static int preserve_area(struct rnd_state *rnd)
{
	u32 bytes = test_kho_random ? prandom_u32_state(rnd) % vmalloc_bytes + 1 : vmalloc_bytes;
	void *area = vmalloc(PAGE_ALIGN(bytes));

	if (!area)
		return -ENOMEM;
	return test_kho_add_item(new_item(NULL, area, PFN_UP(bytes), TEST_KHO_KIND_AREA), area);
}

static void release_item(unsigned int i)
{
	/* It would be handed over while somebody else uses it */
	if (!WARN_ON_ONCE(unpreserve_item(i)))
		test_kho_free_item(&dir[i], mapped[i]);
}

void test_kho_release(void)
{
	unsigned int i;

	while (items)
		release_item(--items);
	/* Likewise; if it was not preserved, there is nothing to undo */
	if (!WARN_ON_ONCE(kho_unpreserve_vmalloc(&dir_kv)))
		vfree(dir);
	if (late && !WARN_ON_ONCE(kho_unpreserve_pages(late, 1)))
		__free_page(late);
	for (i = 0; i < ARRAY_SIZE(fence); i++)
		if (fence[i])
			WARN_ON_ONCE(kho_unpreserve_pages(fence[i], 1));
	vfree(mapped);
}

/* Whoever has that page: what is in it does not matter, and nobody claims it */
static int preserve_near(struct page **page, unsigned long pfn, int step)
{
	unsigned int i;

	for (i = 0; i < SZ_512K / PAGE_SIZE; i++, pfn += step) {
		*page = pfn_to_page(pfn);
		if (!kho_preserve_pages(*page, 1))
			return 0;
	}
	*page = NULL;
	return -ENOENT;
}

static int preserve_fence(void)
{
	if (!nr_between)
		return 0;
	return preserve_near(&fence[0], PHYS_PFN(between[0]) - 1, -1) ?:
	       preserve_near(&fence[1], PFN_UP(between[1]), 1);
}

static int preserve_items(struct rnd_state *rnd)
{
	unsigned int i;
	int nr, err = 0;

	/* The fragments come last: an area would fill the gaps between them */
	for (i = 0; !err && vmalloc_bytes && i < areas; i++)
		err = preserve_area(rnd);
	for (i = 0; !err && i < folios; i++) {
		err = preserve_folio(rnd);
		cond_resched();
	}
	for (i = 0; !err && i < pages; i += nr) {
		nr = preserve_pages(rnd, pages - i);
		err = min(nr, 0);
		cond_resched();
	}
	err = err ?: drop_some();
	for (i = 0; !err && i < blocks; i++) {
		err = preserve_block();
		cond_resched();
	}
	for (i = 0; !err && i < fragments; i += nr) {
		nr = preserve_fragments(fragments - i);
		err = min(nr, 0);
		cond_resched();
	}

	/* What was unpreserved may be preserved again */
	return err ?: some_items(*rnd, unpreserve_item) ?:
		      some_items(*rnd, preserve_item);
}

static void draw(struct rnd_state *rnd, unsigned int *limit)
{
	if (test_kho_random)
		*limit = prandom_u32_state(rnd) % (*limit + 1);
}

/* What arrived and is kept may be split */
int test_kho_begin(struct rnd_state *rnd, u32 arriving)
{
	size_t nr;

	draw(rnd, &folios);
	draw(rnd, &pages);
	draw(rnd, &fragments);
	draw(rnd, &areas);

	/* At the worst, each page of a range is a range by itself */
	nr = (size_t)folios + pages + fragments + areas + blocks + 3 * arriving + 1;
	dir = vzalloc(array_size(nr, sizeof(*dir)));
	mapped = vzalloc(array_size(nr, sizeof(*mapped)));
	return dir && mapped ? 0 : -ENOMEM;
}

/* With those that list them */
static unsigned long area_pages(u32 nr)
{
	return nr + DIV_ROUND_UP(nr, PAGE_SIZE / sizeof(__be64) - 1);
}

static unsigned long pages_preserved(void)
{
	unsigned long nr = area_pages(be32_to_cpu(dir_kv.pages)) + 1;
	unsigned int i;

	for (i = 0; i < items; i++) {
		u32 pages_of = be32_to_cpu(dir[i].nr);

		if (kind_of(&dir[i]) == TEST_KHO_KIND_AREA)
			nr += area_pages(pages_of);
		else if (kind_of(&dir[i]) != TEST_KHO_KIND_DROPPED)
			nr += pages_of;
	}
	return nr;
}

static int preserve_late(void)
{
	late = alloc_page(GFP_KERNEL | __GFP_ZERO);
	return late ? kho_preserve_pages(late, 1) : -ENOMEM;
}

int test_kho_preserve(struct rnd_state *rnd)
{
	int err = preserve_items(rnd) ?: kho_preserve_vmalloc(dir, &dir_kv) ?:
		  preserve_late();

	if (err)
		return err;

	preserved_kib = pages_preserved() * (PAGE_SIZE / SZ_1K);
	pr_info("seed %u: preserved %u items, %lu KiB with what lists them\n",
		test_kho_seed, items, preserved_kib);
	return preserve_fence();
}

/* What a node lists may also be preserved by itself */
static void list_mem(struct test_kho_node *n)
{
	unsigned int i;

	for (i = 0; test_kho_random && i < items && n->nr_mem < ARRAY_SIZE(n->mem); i += 4)
		if (kind_of(&dir[i]) == TEST_KHO_KIND_PAGES)
			n->mem[n->nr_mem++] = (struct kho_mem){
				phys_of(&dir[i]), bytes_of(&dir[i])
			};
}

static int write_too_much(void *fdt)
{
	void *rest;

	return fdt_begin_node(fdt, "big") ?:
	       fdt_property_placeholder(fdt, "big", SZ_1M, &rest) ?:
	       fdt_end_node(fdt);
}

int test_kho_write_node(void *fdt)
{
	struct test_kho_node n = {
		.seed = test_kho_seed,
		.items = items,
		.late = page_to_phys(late),
		.nodes = num_node_state(N_MEMORY),
		.directory = dir_kv,
		.directory_crc32 = crc32(0, dir, items * sizeof(*dir)),
	};

	list_mem(&n);
	return test_kho_put(fdt, &n) ?: (big ? write_too_much(fdt) : 0);
}

void test_kho_write_late(void)
{
	strscpy(page_address(late), LATE, PAGE_SIZE);
}
