// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test kexec handover (KHO) end to end.
 *
 * Loaded before a kexec, preserves folios, ranges of pages, single pages and a
 * vmalloc area, on all nodes, with contents that follow from a seed. Loaded
 * after it, takes all of this back and checks every byte, then preserves a new
 * set for the next kernel.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cleanup.h>
#include <linux/crc32.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/libfdt.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nodemask.h>
#include <linux/notifier.h>
#include <linux/prandom.h>
#include <linux/sizes.h>
#include <linux/vmalloc.h>

#define TEST_NODE	"test-kho"
#define TEST_COMPATIBLE	"linux,test-kho-v1"
#define MAX_ORDER_USED	9

static unsigned int seed = 1;
module_param(seed, uint, 0444);
MODULE_PARM_DESC(seed, "what the sizes and the contents follow from");

static unsigned int folios = 32;
module_param(folios, uint, 0444);
MODULE_PARM_DESC(folios, "number of folios to preserve, of orders 0 to 9");

static unsigned int pages = 1000;
module_param(pages, uint, 0444);
MODULE_PARM_DESC(pages, "number of pages to preserve in contiguous ranges");

static unsigned int fragments = 100;
module_param(fragments, uint, 0444);
MODULE_PARM_DESC(fragments, "number of single pages to preserve, at every other page frame");

static unsigned int vmalloc_bytes = SZ_1M;
module_param_named(vmalloc, vmalloc_bytes, uint, 0444);
MODULE_PARM_DESC(vmalloc, "bytes to preserve in a vmalloc area");

static bool fail;
module_param(fail, bool, 0644);
MODULE_PARM_DESC(fail, "refuse the handover with -EPERM");

static bool big;
module_param(big, bool, 0644);
MODULE_PARM_DESC(big, "write more into the FDT than it has room for");

/* What was preserved and then unpreserved must not be found */
enum item_kind {
	ITEM_FOLIO = 1,
	ITEM_PAGES = 2,
	ITEM_DROPPED = 3,
};

/**
 * struct item - a folio or a contiguous range of pages, in the directory
 * @addr: physical address
 * @nr:   number of pages
 * @kind: enum item_kind
 * @nid:  NUMA node
 */
struct item {
	__be64 addr;
	__be32 nr;
	__be16 kind;
	__be16 nid;
};

/* What is preserved for the next kernel; the directory is, too */
static struct item *dir;
static unsigned int items;
static struct kho_vmalloc dir_kv;
static bool dir_preserved;
static void *area;
static struct kho_vmalloc area_kv;
/* Nothing can be frozen any more, and all can be released */
static bool leaving;

/* No two words of any two items of any two seeds are likely to be equal */
static u64 pattern(u32 set, u32 index)
{
	return ((u64)set << 32 | (index + 1)) * 0x9e3779b97f4a7c15ULL;
}

static void fill(void *p, size_t len, u32 set, u32 index)
{
	u64 word = pattern(set, index), *to = p;

	for (; len >= sizeof(*to); len -= sizeof(*to))
		*to++ = word++;
}

static bool matches(const void *p, size_t len, u32 set, u32 index)
{
	u64 word = pattern(set, index);
	const u64 *from = p;

	for (; len >= sizeof(*from); len -= sizeof(*from))
		if (*from++ != word++)
			return false;
	return true;
}

/* The vmalloc area has an index that no item has */
#define AREA_INDEX	U32_MAX

/*
 * Restoring
 */

/**
 * struct incoming - what the previous kernel says that it left
 * @dir:     the directory, restored
 * @items:   its length
 * @seed:    what the contents follow from
 * @nodes:   how many nodes with memory that kernel saw
 * @bytes:   bytes in the vmalloc area
 * @area_kv: that area, if @bytes is not zero
 */
struct incoming {
	struct item *dir;
	u32 items;
	u32 seed;
	u32 nodes;
	u32 bytes;
	const struct kho_vmalloc *area_kv;
};

static const void *get_prop(const void *fdt, int node, const char *name,
			    int want)
{
	int len;
	const void *prop = fdt_getprop(fdt, node, name, &len);

	if (!prop || len != want) {
		pr_err("ERROR: property %s is not there, or malformed\n", name);
		return NULL;
	}
	return prop;
}

static int get_u32(const void *fdt, int node, const char *name, u32 *val)
{
	const fdt32_t *prop = get_prop(fdt, node, name, sizeof(*prop));

	if (prop)
		*val = fdt32_to_cpu(*prop);
	return prop ? 0 : -EINVAL;
}

static int read_dir(const void *fdt, int node, struct incoming *in)
{
	const struct kho_vmalloc *kv;
	u32 crc;

	if (get_u32(fdt, node, "seed", &in->seed) ||
	    get_u32(fdt, node, "items", &in->items) ||
	    get_u32(fdt, node, "nodes", &in->nodes) ||
	    get_u32(fdt, node, "vmalloc-bytes", &in->bytes) ||
	    get_u32(fdt, node, "directory-crc32", &crc))
		return -EINVAL;

	in->area_kv = get_prop(fdt, node, "vmalloc", sizeof(*kv));
	kv = get_prop(fdt, node, "directory", sizeof(*kv));
	if (!kv || !in->area_kv)
		return -EINVAL;
	if ((u64)be32_to_cpu(kv->pages) * PAGE_SIZE <
	    array_size(in->items, sizeof(*dir))) {
		pr_err("ERROR: %u items do not fit in the directory\n",
		       in->items);
		return -EINVAL;
	}

	in->dir = kho_restore_vmalloc(kv);
	if (!in->dir) {
		pr_err("ERROR: the directory cannot be restored\n");
		return -EINVAL;
	}
	if (crc32(0, in->dir, in->items * sizeof(*dir)) != crc) {
		pr_err("ERROR: the directory's checksum is wrong\n");
		return -EBADMSG;
	}
	return 0;
}

static int check_contents(const void *p, u64 phys, size_t len, u32 set,
			  u32 index)
{
	if (matches(p, len, set, index))
		return 0;
	pr_err("ERROR: contents of item %u at %#llx differ\n", index, phys);
	return -EBADMSG;
}

static int restore_folio(u64 phys, unsigned int nr, u32 set, u32 index)
{
	struct folio *folio = kho_restore_folio(phys);
	int err;

	if (!folio) {
		pr_err("ERROR: no folio at %#llx\n", phys);
		return -ENOENT;
	}
	if (folio_nr_pages(folio) != nr || folio_ref_count(folio) != 1) {
		pr_err("ERROR: folio at %#llx has %lu pages and %d references, not %u and 1\n",
		       phys, folio_nr_pages(folio), folio_ref_count(folio), nr);
		return -EINVAL;
	}

	err = check_contents(folio_address(folio), phys, folio_size(folio), set,
			     index);
	if (!err && !index && kho_restore_folio(phys)) {
		pr_err("ERROR: folio at %#llx was restored twice\n", phys);
		err = -EEXIST;
	}
	folio_put(folio);
	return err;
}

static int restore_pages(u64 phys, unsigned int nr, u32 set, u32 index,
			 bool first)
{
	struct page *page = kho_restore_pages(phys, nr);
	unsigned int i;
	int err;

	if (!page) {
		pr_err("ERROR: no %u pages at %#llx\n", nr, phys);
		return -ENOENT;
	}

	err = check_contents(page_address(page), phys, nr * PAGE_SIZE, set,
			     index);
	if (!err && first && kho_restore_pages(phys, nr)) {
		pr_err("ERROR: pages at %#llx were restored twice\n", phys);
		err = -EEXIST;
	}

	for (i = 0; i < nr; i++) {
		if (page_count(page + i) != 1 || PageCompound(page + i)) {
			pr_err("ERROR: page at %#llx is not a page by itself\n",
			       phys + i * PAGE_SIZE);
			return -EINVAL;
		}
		__free_page(page + i);
	}
	return err;
}

static int restore_area(const struct incoming *in)
{
	void *p;
	int err = 0;

	if (!in->bytes)
		return 0;

	p = kho_restore_vmalloc(in->area_kv);
	if (!p) {
		pr_err("ERROR: the vmalloc area cannot be restored\n");
		return -ENOENT;
	}
	if (!matches(p, in->bytes, in->seed, AREA_INDEX)) {
		pr_err("ERROR: contents of the vmalloc area differ\n");
		err = -EBADMSG;
	} else if (kho_restore_vmalloc(in->area_kv)) {
		pr_err("ERROR: the vmalloc area was restored twice\n");
		err = -EEXIST;
	}
	vfree(p);
	return err;
}

/* What is never preserved, the kernel's image for one, must not be had */
static int check_foreign(void)
{
	struct kho_mem mem = {
		.addr = page_to_phys(ZERO_PAGE(0)), .len = PAGE_SIZE,
	};

	if (!kho_restore_folio(mem.addr) && !kho_restore_pages(mem.addr, 1) &&
	    !kho_claim_mem(&mem) && !kho_restore_folio(PHYS_ADDR_MAX & PAGE_MASK))
		return 0;
	pr_err("ERROR: memory that was not preserved was restored\n");
	return -EINVAL;
}

static int check_dropped(const struct incoming *in)
{
	unsigned int i;

	for (i = 0; i < in->items; i++) {
		u64 phys = be64_to_cpu(in->dir[i].addr);
		u32 nr = be32_to_cpu(in->dir[i].nr);

		if (be16_to_cpu(in->dir[i].kind) != ITEM_DROPPED)
			continue;
		/* Neither by itself nor with its neighbours, which are there */
		if (kho_restore_pages(phys, nr) || kho_restore_pages(phys, 1) ||
		    kho_restore_pages(phys - PAGE_SIZE, nr + 2)) {
			pr_err("ERROR: %u pages at %#llx were unpreserved, and yet restored\n",
			       nr, phys);
			return -EEXIST;
		}
	}
	return 0;
}

/* A kernel with numa=off, or without NUMA, sees one node where others see many */
static int check_node(const struct incoming *in, const struct item *item,
		      nodemask_t *seen)
{
	unsigned long pfn = PHYS_PFN(be64_to_cpu(item->addr));
	unsigned long end = pfn + be32_to_cpu(item->nr);
	int want = be16_to_cpu(item->nid);

	for (; pfn < end; pfn++) {
		int nid = page_to_nid(pfn_to_page(pfn));

		node_set(nid, *seen);
		if (nid != want && in->nodes == num_node_state(N_MEMORY)) {
			pr_err("ERROR: page frame %#lx is on node %d, not %d\n",
			       pfn, nid, want);
			return -EXDEV;
		}
	}
	return 0;
}

static int restore_items(const struct incoming *in)
{
	unsigned long sum[ITEM_DROPPED + 1] = { };
	nodemask_t seen = NODE_MASK_NONE;
	unsigned int i;
	int err;

	err = check_dropped(in);
	for (i = 0; !err && i < in->items; i++) {
		const struct item *item = &in->dir[i];
		u64 phys = be64_to_cpu(item->addr);
		u32 nr = be32_to_cpu(item->nr);

		switch (be16_to_cpu(item->kind)) {
		case ITEM_FOLIO:
			err = restore_folio(phys, nr, in->seed, i) ?:
			      check_node(in, item, &seen);
			sum[ITEM_FOLIO]++;
			break;
		case ITEM_PAGES:
			err = restore_pages(phys, nr, in->seed, i,
					    !sum[ITEM_PAGES]) ?:
			      check_node(in, item, &seen);
			sum[ITEM_PAGES] += nr;
			break;
		}
	}

	err = err ?: restore_area(in) ?: check_foreign();
	if (!err)
		pr_info("restored %lu folios, %lu pages, %u KiB vmalloc, on %d nodes: contents match\n",
			sum[ITEM_FOLIO], sum[ITEM_PAGES], in->bytes / SZ_1K,
			nodes_weight(seen));
	return err;
}

static int restore_all(void)
{
	const void *fdt = kho_get_fdt();
	struct incoming in = { };
	int node = -FDT_ERR_NOTFOUND;
	int err;

	if (fdt)
		node = fdt_node_offset_by_compatible(fdt, -1, TEST_COMPATIBLE);
	if (node < 0) {
		pr_info("no handover\n");
		return 0;
	}

	err = read_dir(fdt, node, &in) ?: restore_items(&in);
	vfree(in.dir);
	return err;
}

/*
 * Preserving
 */

static struct page *item_page(const struct item *item)
{
	return pfn_to_page(PHYS_PFN(be64_to_cpu(item->addr)));
}

static int preserve_item(const struct item *item)
{
	switch (be16_to_cpu(item->kind)) {
	case ITEM_FOLIO:
		return kho_preserve_folio(page_folio(item_page(item)));
	case ITEM_PAGES:
		return kho_preserve_pages(item_page(item),
					  be32_to_cpu(item->nr));
	default:
		return 0;
	}
}

static int unpreserve_item(const struct item *item)
{
	switch (be16_to_cpu(item->kind)) {
	case ITEM_FOLIO:
		return kho_unpreserve_folio(page_folio(item_page(item)));
	case ITEM_PAGES:
		return kho_unpreserve_pages(item_page(item),
					    be32_to_cpu(item->nr));
	default:
		return 0;
	}
}

static void free_range(struct page *page, unsigned int nr)
{
	while (nr--)
		__free_page(page + nr);
}

static void free_item(const struct item *item)
{
	if (be16_to_cpu(item->kind) == ITEM_FOLIO)
		folio_put(page_folio(item_page(item)));
	else
		free_range(item_page(item), be32_to_cpu(item->nr));
}

static void note_item(struct page *page, unsigned int nr, enum item_kind kind)
{
	fill(page_address(page), nr * PAGE_SIZE, seed, items);
	dir[items++] = (struct item){
		.addr = cpu_to_be64(page_to_phys(page)),
		.nr = cpu_to_be32(nr),
		.kind = cpu_to_be16(kind),
		.nid = cpu_to_be16(page_to_nid(page)),
	};
}

/* Preserves what the caller allocated, or frees it */
static int add_item(struct page *page, unsigned int nr, enum item_kind kind)
{
	int err;

	note_item(page, nr, kind);
	err = preserve_item(&dir[items - 1]);
	if (err)
		free_item(&dir[--items]);
	return err;
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
	unsigned int order = prandom_u32_state(rnd) % (MAX_ORDER_USED + 1);
	struct folio *folio;

	folio = __folio_alloc_node(GFP_KERNEL | __GFP_THISNODE, order,
				   next_nid());
	return folio ? add_item(&folio->page, 1U << order, ITEM_FOLIO) : -ENOMEM;
}

/* Returns how many pages of up to @max it was, or an error */
static int preserve_pages(struct rnd_state *rnd, unsigned int max)
{
	unsigned int nr = min(max, 1 + prandom_u32_state(rnd) % 512);
	struct page *page = alloc_range(nr);

	return page ? add_item(page, nr, ITEM_PAGES) ?: nr : -ENOMEM;
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
			err = add_item(page + i, 1, ITEM_PAGES);
	}
	return err ?: nr / 2;
}

/* Only the outer thirds of a range are handed over, as two items */
static int drop_middle(struct item *item)
{
	unsigned int nr = be32_to_cpu(item->nr), third = nr / 3;
	struct page *page = item_page(item);
	int err;

	if (be16_to_cpu(item->kind) != ITEM_PAGES || !third)
		return 0;

	err = kho_unpreserve_pages(page + third, third);
	if (err)
		return err;

	item->nr = cpu_to_be32(third);
	note_item(page + third, third, ITEM_DROPPED);
	note_item(page + 2 * third, nr - 2 * third, ITEM_PAGES);
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
static int some_items(struct rnd_state rnd, int (*fn)(const struct item *item))
{
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < items; i++) {
		if (prandom_u32_state(&rnd) % 2)
			err = fn(&dir[i]);
		cond_resched();
	}
	return err;
}

static int preserve_area(void)
{
	int err;

	if (!vmalloc_bytes)
		return 0;

	area = vmalloc(vmalloc_bytes);
	if (!area)
		return -ENOMEM;

	fill(area, vmalloc_bytes, seed, AREA_INDEX);
	err = kho_preserve_vmalloc(area, &area_kv);
	if (err) {
		vfree(area);
		area = NULL;
	}
	return err;
}

static void release_item(const struct item *item)
{
	/* It would be handed over while somebody else uses it */
	if (!WARN_ON_ONCE(unpreserve_item(item)))
		free_item(item);
}

static void release_vmalloc(void *p, const struct kho_vmalloc *kv)
{
	if (p && !WARN_ON_ONCE(kho_unpreserve_vmalloc(kv)))
		vfree(p);
}

static void release_all(void)
{
	while (items)
		release_item(&dir[--items]);
	release_vmalloc(area, &area_kv);
	if (dir_preserved)
		release_vmalloc(dir, &dir_kv);
	else
		vfree(dir);
}

static int preserve_items(struct rnd_state *rnd)
{
	unsigned int i;
	int nr, err = 0;

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
	for (i = 0; !err && i < fragments; i += nr) {
		nr = preserve_fragments(fragments - i);
		err = min(nr, 0);
		cond_resched();
	}

	/* What was unpreserved may be preserved again */
	return err ?: some_items(*rnd, unpreserve_item) ?:
		      some_items(*rnd, preserve_item);
}

static int preserve_all(void)
{
	struct rnd_state rnd;
	int err;

	/* At the worst, each page of a range is a range by itself */
	dir = vzalloc(array_size((size_t)folios + pages + fragments + 1,
				 sizeof(*dir)));
	if (!dir)
		return -ENOMEM;

	/* The fragments come last: the area would fill the gaps between them */
	prandom_seed_state(&rnd, seed);
	err = preserve_area() ?:
	      preserve_items(&rnd) ?:
	      kho_preserve_vmalloc(dir, &dir_kv);
	dir_preserved = !err;

	if (err)
		release_all();
	else
		pr_info("preserved %u items, %u KiB vmalloc\n", items,
			vmalloc_bytes / SZ_1K);
	return err;
}

/*
 * Handing over
 */

static int write_node(void *fdt)
{
	void *rest;

	return fdt_begin_node(fdt, TEST_NODE) ?:
	       fdt_property_string(fdt, "compatible", TEST_COMPATIBLE) ?:
	       fdt_property_u32(fdt, "seed", seed) ?:
	       fdt_property_u32(fdt, "items", items) ?:
	       fdt_property_u32(fdt, "nodes", num_node_state(N_MEMORY)) ?:
	       fdt_property(fdt, "directory", &dir_kv, sizeof(dir_kv)) ?:
	       fdt_property_u32(fdt, "directory-crc32",
				crc32(0, dir, items * sizeof(*dir))) ?:
	       fdt_property_u32(fdt, "vmalloc-bytes", vmalloc_bytes) ?:
	       fdt_property(fdt, "vmalloc", &area_kv, sizeof(area_kv)) ?:
	       (big ? fdt_property_placeholder(fdt, "big", SZ_1M, &rest) : 0) ?:
	       fdt_end_node(fdt);
}

static int test_kho_notify(struct notifier_block *nb, unsigned long event,
			   void *fdt)
{
	if (event != KEXEC_KHO_DUMP)
		return NOTIFY_DONE;
	if (fail)
		return notifier_from_errno(-EPERM);
	if (READ_ONCE(leaving))
		return notifier_from_errno(-ESHUTDOWN);
	return kho_notify_result(write_node(fdt));
}

static struct notifier_block test_kho_nb = {
	.notifier_call = test_kho_notify,
};

/*
 * What must fail does
 */

static int expect(const char *what, int got, int want)
{
	if (got == want)
		return 0;
	pr_err("ERROR: %s gives %d, expected %d\n", what, got, want);
	return -EINVAL;
}

static int check_calls(struct page *page)
{
	struct kho_vmalloc kv;

	return expect("preserving pages",
		      kho_preserve_pages(page, 8), 0) ?:
	       expect("preserving pages twice",
		      kho_preserve_pages(page, 8), -EEXIST) ?:
	       expect("preserving some pages twice",
		      kho_preserve_pages(page + 7, 2), -EEXIST) ?:
	       expect("unpreserving some in the middle",
		      kho_unpreserve_pages(page + 2, 3), 0) ?:
	       expect("unpreserving them twice",
		      kho_unpreserve_pages(page + 2, 3), -ENOENT) ?:
	       expect("unpreserving pages with a hole",
		      kho_unpreserve_pages(page, 8), -ENOENT) ?:
	       expect("preserving the hole again",
		      kho_preserve_pages(page + 2, 3), 0) ?:
	       expect("unpreserving pages as a folio",
		      kho_unpreserve_folio(page_folio(page)), -ENOENT) ?:
	       expect("unpreserving all",
		      kho_unpreserve_pages(page, 8), 0) ?:
	       expect("unpreserving what is not preserved",
		      kho_unpreserve_pages(page, 8), -ENOENT) ?:
	       expect("preserving no pages",
		      kho_preserve_pages(page, 0), -EINVAL) ?:
	       expect("preserving a folio",
		      kho_preserve_folio(page_folio(page)), 0) ?:
	       expect("preserving a folio twice",
		      kho_preserve_folio(page_folio(page)), -EEXIST) ?:
	       expect("unpreserving a part of a folio",
		      kho_unpreserve_pages(page, 1), -ENOENT) ?:
	       expect("unpreserving a folio",
		      kho_unpreserve_folio(page_folio(page)), 0) ?:
	       expect("unpreserving a folio twice",
		      kho_unpreserve_folio(page_folio(page)), -ENOENT) ?:
	       expect("preserving what is not from vmalloc",
		      kho_preserve_vmalloc(page_address(page), &kv), -EINVAL);
}

static int self_check(void)
{
	struct folio *folio = folio_alloc(GFP_KERNEL, 4);
	int err;

	if (!folio)
		return -ENOMEM;

	err = check_calls(&folio->page);
	/* After an error, some of it may be preserved: it cannot be freed */
	if (!err)
		folio_put(folio);
	return err;
}

static int __init test_kho_init(void)
{
	int err;

	err = restore_all();
	if (err)
		return err;
	if (!kho_is_enabled()) {
		pr_info("kexec handover is off: nothing is preserved\n");
		return 0;
	}

	err = self_check() ?: preserve_all();
	if (err)
		return err;

	err = register_kho_notifier(&test_kho_nb);
	if (err)
		release_all();
	return err;
}

static void __exit test_kho_exit(void)
{
	WRITE_ONCE(leaving, true);
	kho_abort();
	release_all();
	if (dir)
		unregister_kho_notifier(&test_kho_nb);
}

module_init(test_kho_init);
module_exit(test_kho_exit);

MODULE_DESCRIPTION("Test kexec handover end to end");
MODULE_LICENSE("GPL");
