// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test kexec handover (KHO) end to end.
 *
 * Loaded before a kexec, preserves folios, ranges of pages, single pages and a
 * vmalloc area, on all nodes, with contents that follow from a seed. Loaded
 * after it, takes all of this back and checks every byte, then preserves a new
 * set for the next kernel. With random=1, how much there is, and what becomes
 * of each item that arrives, follows from the seed: see enum fate.
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

static bool random;
module_param(random, bool, 0444);
MODULE_PARM_DESC(random, "use the numbers as limits, and do not just free what arrives");

static bool restore = true;
module_param(restore, bool, 0444);
MODULE_PARM_DESC(restore, "look for what the previous kernel left");

static bool spoil;
module_param(spoil, bool, 0444);
MODULE_PARM_DESC(spoil, "change what arrived, and expect that nobody gets it like that");

static unsigned long preserved_kib;
module_param(preserved_kib, ulong, 0444);
MODULE_PARM_DESC(preserved_kib, "what the next kernel gets, with what lists it");

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
	ITEM_AREA = 4,
};

/**
 * struct item - a folio, a contiguous range of pages or a vmalloc area
 * @addr:  physical address; of an area, the first of struct kho_vmalloc
 * @nr:    number of pages
 * @seed:  the contents follow from this,
 * @index: and from this
 * @kind:  enum item_kind
 * @nid:   NUMA node; of an area, nothing
 */
struct item {
	__be64 addr;
	__be32 nr;
	__be32 seed;
	__be32 index;
	__be16 kind;
	__be16 nid;
};

/* What is preserved for the next kernel; the directory is, too */
static struct item *dir;
static unsigned int items;
static struct kho_vmalloc dir_kv;
/* A page that is written just before the jump, and what is written there then */
static struct page *late;
#define LATE	"nobody else runs any more"
/* Pages of others that are preserved for nobody */
static struct page *fence[2];
/* Where each item is mapped */
static void **mapped;

static unsigned int kind_of(const struct item *item)
{
	return be16_to_cpu(item->kind);
}

static u64 phys_of(const struct item *item)
{
	return be64_to_cpu(item->addr);
}

static size_t bytes_of(const struct item *item)
{
	return be32_to_cpu(item->nr) * PAGE_SIZE;
}

static struct kho_vmalloc kv_of(const struct item *item)
{
	return (struct kho_vmalloc){
		.first = item->addr,
		.pages = item->nr,
		.shift = cpu_to_be32(PAGE_SHIFT),
	};
}

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

static bool contents_match(const struct item *item, const void *p)
{
	return matches(p, bytes_of(item), be32_to_cpu(item->seed),
		       be32_to_cpu(item->index));
}

static struct page *item_page(const struct item *item)
{
	return pfn_to_page(PHYS_PFN(phys_of(item)));
}

static void free_range(struct page *page, unsigned int nr)
{
	while (nr--)
		__free_page(page + nr);
}

static void free_item(const struct item *item, void *p)
{
	if (kind_of(item) == ITEM_FOLIO)
		folio_put(page_folio(item_page(item)));
	else if (kind_of(item) == ITEM_AREA)
		vfree(p);
	else
		free_range(item_page(item), be32_to_cpu(item->nr));
}

static int preserve_item(unsigned int i)
{
	struct item *item = &dir[i];
	struct kho_vmalloc kv;
	int err;

	switch (kind_of(item)) {
	case ITEM_FOLIO:
		return kho_preserve_folio(page_folio(item_page(item)));
	case ITEM_PAGES:
		return kho_preserve_pages(item_page(item),
					  be32_to_cpu(item->nr));
	case ITEM_AREA:
		err = kho_preserve_vmalloc(mapped[i], &kv);
		item->addr = kv.first;
		return err;
	default:
		return 0;
	}
}

static int unpreserve_item(unsigned int i)
{
	struct item *item = &dir[i];
	struct kho_vmalloc kv = kv_of(item);

	switch (kind_of(item)) {
	case ITEM_FOLIO:
		return kho_unpreserve_folio(page_folio(item_page(item)));
	case ITEM_PAGES:
		return kho_unpreserve_pages(item_page(item),
					    be32_to_cpu(item->nr));
	case ITEM_AREA:
		return kho_unpreserve_vmalloc(&kv);
	default:
		return 0;
	}
}

static void note_item(struct item item, void *p)
{
	mapped[items] = p;
	dir[items++] = item;
}

/* Preserves what the caller owns, or frees it */
static int add_item(struct item item, void *p)
{
	int err;

	note_item(item, p);
	err = preserve_item(items - 1);
	if (err)
		free_item(&dir[--items], p);
	return err;
}

/*
 * Restoring
 */

/**
 * enum fate - what becomes of an item that arrived
 * @FATE_FREE:   it is restored, checked and freed
 * @FATE_KEEP:   it is restored, checked and preserved again, as it is
 * @FATE_CLAIM:  it is claimed, checked, and returned in two parts
 * @FATE_RETURN: it is returned without being claimed
 * @FATE_LEAVE:  it is left for /sys/firmware/kho
 * @FATES: how many there are
 */
enum fate {
	FATE_FREE,
	FATE_KEEP,
	FATE_CLAIM,
	FATE_RETURN,
	FATE_LEAVE,
	FATES,
};

/**
 * struct incoming - what the previous kernel says that it left
 * @dir:   the directory, restored
 * @items: its length
 * @nodes: how many nodes with memory that kernel saw
 */
struct incoming {
	struct item *dir;
	u32 items;
	u32 nodes;
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

	if (get_u32(fdt, node, "items", &in->items) ||
	    get_u32(fdt, node, "nodes", &in->nodes) ||
	    get_u32(fdt, node, "directory-crc32", &crc))
		return -EINVAL;

	kv = get_prop(fdt, node, "directory", sizeof(*kv));
	if (!kv)
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

static void *take_item(const struct item *item)
{
	struct kho_vmalloc kv = kv_of(item);
	struct folio *folio;
	struct page *page;

	switch (kind_of(item)) {
	case ITEM_FOLIO:
		folio = kho_restore_folio(phys_of(item));
		return folio ? folio_address(folio) : NULL;
	case ITEM_PAGES:
		page = kho_restore_pages(phys_of(item), be32_to_cpu(item->nr));
		return page ? page_address(page) : NULL;
	default:
		return kho_restore_vmalloc(&kv);
	}
}

static int check_folio(const struct item *item)
{
	struct folio *folio = page_folio(item_page(item));
	unsigned int nr = be32_to_cpu(item->nr);

	if (folio_nr_pages(folio) == nr && folio_ref_count(folio) == 1)
		return 0;
	pr_err("ERROR: folio at %#llx has %lu pages and %d references, not %u and 1\n",
	       phys_of(item), folio_nr_pages(folio), folio_ref_count(folio), nr);
	return -EINVAL;
}

static int check_pages(const struct item *item)
{
	struct page *page = item_page(item), *end = page + be32_to_cpu(item->nr);

	for (; page < end; page++) {
		if (page_count(page) == 1 && !PageCompound(page))
			continue;
		pr_err("ERROR: page at %#llx is not a page by itself\n",
		       page_to_phys(page));
		return -EINVAL;
	}
	return 0;
}

static int check_contents(const struct item *item, const void *p)
{
	if (contents_match(item, p))
		return 0;
	pr_err("ERROR: contents of item %u of seed %u at %#llx differ\n",
	       be32_to_cpu(item->index), be32_to_cpu(item->seed),
	       phys_of(item));
	return -EBADMSG;
}

/* With CONFIG_KEXEC_HANDOVER_DEBUG: what a stray write hit is nobody's */
static int check_spoilt(const struct item *item)
{
	struct kho_mem mem = { .addr = phys_of(item), .len = PAGE_SIZE };
	u8 *last = phys_to_virt(mem.addr + mem.len - 1);
	void *p;

	*last ^= 1;
	p = kho_claim_mem(&mem) ?: take_item(item);
	*last ^= 1;
	if (!p)
		return 0;
	pr_err("ERROR: item of kind %u at %#llx was changed, and yet restored\n",
	       kind_of(item), phys_of(item));
	return -EEXIST;
}

static int restore_item(const struct item *item, bool keep, bool first)
{
	int err = first && spoil ? check_spoilt(item) : 0;
	void *p = err ? NULL : take_item(item);

	if (err)
		return err;
	if (!p) {
		pr_err("ERROR: item of kind %u with %u pages at %#llx cannot be restored\n",
		       kind_of(item), be32_to_cpu(item->nr), phys_of(item));
		return -ENOENT;
	}
	if (kind_of(item) == ITEM_FOLIO)
		err = check_folio(item);
	else if (kind_of(item) == ITEM_PAGES)
		err = check_pages(item);
	if (err)
		return err;

	err = check_contents(item, p);
	if (!err && first && take_item(item)) {
		pr_err("ERROR: item of kind %u at %#llx was restored twice\n",
		       kind_of(item), phys_of(item));
		err = -EEXIST;
	}
	if (!err && keep)
		return add_item(*item, p);
	free_item(item, p);
	return err;
}

static int return_item(const struct item *item, bool claim)
{
	struct kho_mem all = { .addr = phys_of(item), .len = bytes_of(item) };
	struct kho_mem half = { .addr = all.addr, .len = all.len / 2 & PAGE_MASK };
	int err;

	if (claim && !kho_claim_mem(&all)) {
		pr_err("ERROR: item at %#llx cannot be claimed\n", all.addr);
		return -ENOENT;
	}

	err = check_contents(item, phys_to_virt(all.addr));
	if (half.len)
		kho_return_mem(&half);
	all.addr += half.len;
	all.len -= half.len;
	kho_return_mem(&all);
	return err;
}

/* The pages of an area are known to nobody but kho_restore_vmalloc() */
static enum fate next_fate(struct rnd_state *rnd, const struct item *item)
{
	enum fate fate = random ? prandom_u32_state(rnd) % FATES : FATE_FREE;
	bool by_range = fate == FATE_CLAIM || fate == FATE_RETURN;

	return by_range && kind_of(item) == ITEM_AREA ? FATE_FREE : fate;
}

static int meet_fate(const struct item *item, enum fate fate, bool first)
{
	switch (fate) {
	case FATE_CLAIM:
		return return_item(item, true);
	case FATE_RETURN:
		return return_item(item, false);
	case FATE_LEAVE:
		return kind_of(item) == ITEM_AREA ? 0 :
			check_contents(item, phys_to_virt(phys_of(item)));
	default:
		return restore_item(item, fate == FATE_KEEP, first);
	}
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
		u64 phys = phys_of(&in->dir[i]);
		u32 nr = be32_to_cpu(in->dir[i].nr);

		if (kind_of(&in->dir[i]) != ITEM_DROPPED)
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
	unsigned long pfn = PHYS_PFN(phys_of(item));
	unsigned long end = pfn + be32_to_cpu(item->nr);
	int want = be16_to_cpu(item->nid);

	if (kind_of(item) == ITEM_AREA)
		return 0;
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
	unsigned long pages_of[ITEM_AREA + 1] = { }, fates[FATES] = { };
	nodemask_t seen = NODE_MASK_NONE;
	struct rnd_state rnd;
	unsigned int i;
	int err;

	prandom_seed_state(&rnd, ~(u64)seed);
	err = check_dropped(in);
	for (i = 0; !err && i < in->items; i++) {
		const struct item *item = &in->dir[i];
		unsigned int kind = kind_of(item);
		enum fate fate;

		if (kind == ITEM_DROPPED)
			continue;
		fate = next_fate(&rnd, item);
		err = meet_fate(item, fate, !pages_of[kind]) ?:
		      check_node(in, item, &seen);
		pages_of[kind] += kind == ITEM_FOLIO ? 1 : be32_to_cpu(item->nr);
		fates[fate]++;
		cond_resched();
	}

	err = err ?: check_foreign();
	if (!err)
		pr_info("restored %lu folios, %lu pages, %lu KiB vmalloc, on %d nodes: contents match\n",
			pages_of[ITEM_FOLIO], pages_of[ITEM_PAGES],
			pages_of[ITEM_AREA] * PAGE_SIZE / SZ_1K,
			nodes_weight(seen));
	if (!err && random)
		pr_info("of %u items: %lu freed, %lu kept, %lu claimed, %lu returned, %lu left\n",
			in->items, fates[FATE_FREE], fates[FATE_KEEP],
			fates[FATE_CLAIM], fates[FATE_RETURN], fates[FATE_LEAVE]);
	return err;
}

static int check_late(const void *fdt, int node)
{
	int len;
	const fdt64_t *prop = fdt_getprop(fdt, node, "late", &len);
	struct page *page;
	bool good;

	page = prop && len == sizeof(*prop) ?
		kho_restore_pages(fdt64_ld(prop), 1) : NULL;
	if (!page) {
		pr_err("ERROR: the page that was written late is not to be had\n");
		return -ENOENT;
	}

	good = !strcmp(page_address(page), LATE);
	if (!good)
		pr_err("ERROR: nothing was written just before the jump\n");
	__free_page(page);
	return good ? 0 : -EBADMSG;
}

static int find_incoming(struct incoming *in)
{
	const void *fdt = restore ? kho_get_fdt() : NULL;
	int node = -FDT_ERR_NOTFOUND;

	if (fdt)
		node = fdt_node_offset_by_compatible(fdt, -1, TEST_COMPATIBLE);
	if (node < 0) {
		pr_info("no handover\n");
		return 0;
	}
	return check_late(fdt, node) ?: read_dir(fdt, node, in);
}

/*
 * Preserving
 */

/* With other contents than anything else has */
static struct item new_item(struct page *page, void *p, unsigned int nr,
			    enum item_kind kind)
{
	fill(p, nr * PAGE_SIZE, seed, items);
	return (struct item){
		.addr = page ? cpu_to_be64(page_to_phys(page)) : 0,
		.nr = cpu_to_be32(nr),
		.seed = cpu_to_be32(seed),
		.index = cpu_to_be32(items),
		.kind = cpu_to_be16(kind),
		.nid = page ? cpu_to_be16(page_to_nid(page)) : 0,
	};
}

static int add_page_item(struct page *page, unsigned int nr, enum item_kind kind)
{
	void *p = page_address(page);

	return add_item(new_item(page, p, nr, kind), p);
}

static void note_page_item(struct page *page, unsigned int nr, enum item_kind kind)
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
	unsigned int order = prandom_u32_state(rnd) % (MAX_ORDER_USED + 1);
	struct folio *folio;

	folio = __folio_alloc_node(GFP_KERNEL | __GFP_THISNODE, order,
				   next_nid());
	return folio ? add_page_item(&folio->page, 1U << order, ITEM_FOLIO) : -ENOMEM;
}

/* Returns how many pages of up to @max it was, or an error */
static int preserve_pages(struct rnd_state *rnd, unsigned int max)
{
	unsigned int nr = min(max, 1 + prandom_u32_state(rnd) % 512);
	struct page *page = alloc_range(nr);

	return page ? add_page_item(page, nr, ITEM_PAGES) ?: nr : -ENOMEM;
}

static int preserve_block(void)
{
	struct page *page = alloc_range(MAX_ORDER_NR_PAGES);

	return page ? add_page_item(page, MAX_ORDER_NR_PAGES, ITEM_PAGES) : -ENOMEM;
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
			err = add_page_item(page + i, 1, ITEM_PAGES);
	}
	return err ?: nr / 2;
}

/* Only the outer thirds of a range are handed over, as two items */
static int drop_middle(struct item *item)
{
	unsigned int nr = be32_to_cpu(item->nr), third = nr / 3;
	struct page *page = item_page(item);
	int err;

	if (kind_of(item) != ITEM_PAGES || !third)
		return 0;

	err = kho_unpreserve_pages(page + third, third);
	if (err)
		return err;

	item->nr = cpu_to_be32(third);
	note_page_item(page + third, third, ITEM_DROPPED);
	note_page_item(page + 2 * third, nr - 2 * third, ITEM_PAGES);
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
	u32 bytes = random ? prandom_u32_state(rnd) % vmalloc_bytes + 1 : vmalloc_bytes;
	void *area = vmalloc(PAGE_ALIGN(bytes));

	if (!area)
		return -ENOMEM;
	return add_item(new_item(NULL, area, PFN_UP(bytes), ITEM_AREA), area);
}

static void release_item(unsigned int i)
{
	/* It would be handed over while somebody else uses it */
	if (!WARN_ON_ONCE(unpreserve_item(i)))
		free_item(&dir[i], mapped[i]);
}

static void release_all(void)
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
	if (random)
		*limit = prandom_u32_state(rnd) % (*limit + 1);
}

/* What arrived and is kept may be split */
static int alloc_dir(const struct incoming *in)
{
	/* At the worst, each page of a range is a range by itself */
	size_t nr = (size_t)folios + pages + fragments + areas + blocks +
		    3 * in->items + 1;

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

		if (kind_of(&dir[i]) == ITEM_AREA)
			nr += area_pages(pages_of);
		else if (kind_of(&dir[i]) != ITEM_DROPPED)
			nr += pages_of;
	}
	return nr;
}

static int preserve_late(void)
{
	late = alloc_page(GFP_KERNEL | __GFP_ZERO);
	return late ? kho_preserve_pages(late, 1) : -ENOMEM;
}

static int preserve_all(struct rnd_state *rnd)
{
	int err = preserve_items(rnd) ?: kho_preserve_vmalloc(dir, &dir_kv) ?:
		  preserve_late();

	if (err)
		return err;

	preserved_kib = pages_preserved() * (PAGE_SIZE / SZ_1K);
	pr_info("seed %u: preserved %u items, %lu KiB with what lists them\n",
		seed, items, preserved_kib);
	return 0;
}

/*
 * Handing over
 */

/* What a node lists may also be preserved by itself */
static int write_mem(void *fdt)
{
	struct kho_mem mem[32];
	unsigned int i, nr = 0;

	for (i = 0; random && i < items && nr < ARRAY_SIZE(mem); i += 4)
		if (kind_of(&dir[i]) == ITEM_PAGES)
			mem[nr++] = (struct kho_mem){
				phys_of(&dir[i]), bytes_of(&dir[i])
			};
	return nr ? kho_fdt_property_mem(fdt, mem, nr) : 0;
}

static int write_node(void *fdt)
{
	void *rest;

	return fdt_begin_node(fdt, TEST_NODE) ?:
	       fdt_property_string(fdt, "compatible", TEST_COMPATIBLE) ?:
	       fdt_property_u32(fdt, "seed", seed) ?:
	       fdt_property_u32(fdt, "items", items) ?:
	       fdt_property_u64(fdt, "late", page_to_phys(late)) ?:
	       fdt_property_u32(fdt, "nodes", num_node_state(N_MEMORY)) ?:
	       fdt_property(fdt, "directory", &dir_kv, sizeof(dir_kv)) ?:
	       fdt_property_u32(fdt, "directory-crc32",
				crc32(0, dir, items * sizeof(*dir))) ?:
	       write_mem(fdt) ?:
	       (big ? fdt_property_placeholder(fdt, "big", SZ_1M, &rest) : 0) ?:
	       fdt_end_node(fdt);
}

static int test_kho_notify(struct notifier_block *nb, unsigned long event,
			   void *fdt)
{
	if (event == KEXEC_KHO_JUMP)
		strscpy(page_address(late), LATE, PAGE_SIZE);
	if (event != KEXEC_KHO_DUMP)
		return NOTIFY_DONE;
	if (fail)
		return notifier_from_errno(-EPERM);
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
		      kho_unpreserve_pages(page + 2, 3), 0) ?:
	       expect("unpreserving pages with a hole",
		      kho_unpreserve_pages(page, 8), 0) ?:
	       expect("preserving pages again",
		      kho_preserve_pages(page, 8), 0) ?:
	       expect("unpreserving pages as a folio",
		      kho_unpreserve_folio(page_folio(page)), 0) ?:
	       expect("unpreserving what is not preserved",
		      kho_unpreserve_pages(page, 8), 0) ?:
	       expect("preserving no pages",
		      kho_preserve_pages(page, 0), -EINVAL) ?:
	       expect("preserving a folio",
		      kho_preserve_folio(page_folio(page)), 0) ?:
	       expect("preserving a folio twice",
		      kho_preserve_folio(page_folio(page)), -EEXIST) ?:
	       expect("unpreserving a part of a folio",
		      kho_unpreserve_pages(page, 1), 0) ?:
	       expect("unpreserving what is left of it",
		      kho_unpreserve_folio(page_folio(page)), 0) ?:
	       expect("unpreserving a folio twice",
		      kho_unpreserve_folio(page_folio(page)), 0) ?:
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
	struct incoming in = { };
	struct rnd_state rnd;
	int err;

	if (!kho_is_enabled()) {
		pr_info("kexec handover is off: nothing is preserved\n");
		return 0;
	}

	prandom_seed_state(&rnd, seed);
	draw(&rnd, &folios);
	draw(&rnd, &pages);
	draw(&rnd, &fragments);
	draw(&rnd, &areas);
	err = find_incoming(&in) ?: alloc_dir(&in);
	if (!err && in.dir)
		err = restore_items(&in);
	vfree(in.dir);

	err = err ?: self_check() ?: preserve_all(&rnd) ?: preserve_fence() ?:
	      register_kho_notifier(&test_kho_nb);
	if (err)
		release_all();
	return err;
}

static void __exit test_kho_exit(void)
{
	if (dir)
		unregister_kho_notifier(&test_kho_nb);
	release_all();
}

module_init(test_kho_init);
module_exit(test_kho_exit);

MODULE_DESCRIPTION("Test kexec handover end to end");
MODULE_LICENSE("GPL");
