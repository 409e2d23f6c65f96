// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test kexec handover end to end: what becomes of that which the module test_kho of the
 * previous kernel preserved. All of it is found, and every byte of it checked.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/crc32.h>
#include <linux/io.h>
#include <linux/libfdt.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/nodemask.h>
#include <linux/sizes.h>
#include <linux/vmalloc.h>

#include "test_kho.h"

static bool restore = true;
module_param(restore, bool, 0444);
MODULE_PARM_DESC(restore, "look for what the previous kernel left");

static bool spoil;
module_param(spoil, bool, 0444);
MODULE_PARM_DESC(spoil, "change what arrived, and expect that nobody gets it like that");

/* log2 of the page size of the previous kernel */
static unsigned int old_shift;

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

static bool matches(const void *p, size_t len, u32 set, u32 index)
{
	u64 word = pattern(set, index);
	const u64 *from = p;

	for (; len >= sizeof(*from); len -= sizeof(*from))
		if (*from++ != word++)
			return false;
	return true;
}

static bool contents_match(const struct test_kho_item_be *item, const void *p)
{
	return matches(p, bytes_of(item), be32_to_cpu(item->seed),
		       be32_to_cpu(item->index));
}

/* How many pages of ours that many of the previous kernel are */
static u32 our_pages(u32 nr)
{
	return nr << (old_shift - PAGE_SHIFT);
}

static int read_dir(const struct test_kho_node *old, struct incoming *in)
{
	unsigned int i;

	in->items = old->items;
	in->nodes = old->nodes;
	if ((u64)be32_to_cpu(old->directory.pages) << old_shift <
	    array_size(in->items, sizeof(*in->dir))) {
		pr_err("ERROR: %u items do not fit in the directory\n",
		       in->items);
		return -EINVAL;
	}

	in->dir = kho_restore_vmalloc(&old->directory);
	if (!in->dir) {
		pr_err("ERROR: the directory cannot be restored\n");
		return -EINVAL;
	}
	if (crc32(0, in->dir, in->items * sizeof(*in->dir)) != old->directory_crc32) {
		pr_err("ERROR: the directory's checksum is wrong\n");
		return -EBADMSG;
	}
	for (i = 0; i < in->items; i++)
		in->dir[i].nr = cpu_to_be32(our_pages(be32_to_cpu(in->dir[i].nr)));
	return 0;
}

static void *take_item(const struct test_kho_item_be *item)
{
	struct kho_vmalloc kv = kv_of(item, old_shift);
	struct folio *folio;
	struct page *page;

	switch (kind_of(item)) {
	case TEST_KHO_KIND_FOLIO:
		folio = kho_restore_folio(phys_of(item));
		return folio ? folio_address(folio) : NULL;
	case TEST_KHO_KIND_PAGES:
		page = kho_restore_pages(phys_of(item), be32_to_cpu(item->nr));
		return page ? page_address(page) : NULL;
	default:
		return kho_restore_vmalloc(&kv);
	}
}

static int check_folio(const struct test_kho_item_be *item)
{
	struct folio *folio = page_folio(item_page(item));
	unsigned int nr = be32_to_cpu(item->nr);

	if (folio_nr_pages(folio) == nr && folio_ref_count(folio) == 1)
		return 0;
	pr_err("ERROR: folio at %#llx has %lu pages and %d references, not %u and 1\n",
	       phys_of(item), folio_nr_pages(folio), folio_ref_count(folio), nr);
	return -EINVAL;
}

static int check_pages(const struct test_kho_item_be *item)
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

static int check_contents(const struct test_kho_item_be *item, const void *p)
{
	if (contents_match(item, p))
		return 0;
	pr_err("ERROR: contents of item %u of seed %u at %#llx differ\n",
	       be32_to_cpu(item->index), be32_to_cpu(item->seed),
	       phys_of(item));
	return -EBADMSG;
}

/* With CONFIG_KEXEC_HANDOVER_DEBUG: what a stray write hit is nobody's */
static int check_spoilt(const struct test_kho_item_be *item)
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

static int restore_item(const struct test_kho_item_be *item, bool keep, bool first)
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
	if (kind_of(item) == TEST_KHO_KIND_FOLIO)
		err = check_folio(item);
	else if (kind_of(item) == TEST_KHO_KIND_PAGES)
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
		return test_kho_add_item(*item, p);
	test_kho_free_item(item, p);
	return err;
}

static int return_item(const struct test_kho_item_be *item, bool claim)
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
static enum fate next_fate(struct rnd_state *rnd, const struct test_kho_item_be *item)
{
	enum fate fate = test_kho_random ? prandom_u32_state(rnd) % FATES : FATE_FREE;
	bool by_range = fate == FATE_CLAIM || fate == FATE_RETURN;

	return by_range && kind_of(item) == TEST_KHO_KIND_AREA ? FATE_FREE : fate;
}

static int meet_fate(const struct test_kho_item_be *item, enum fate fate, bool first)
{
	switch (fate) {
	case FATE_CLAIM:
		return return_item(item, true);
	case FATE_RETURN:
		return return_item(item, false);
	case FATE_LEAVE:
		return kind_of(item) == TEST_KHO_KIND_AREA ? 0 :
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

		if (kind_of(&in->dir[i]) != TEST_KHO_KIND_DROPPED)
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
static int check_node(const struct incoming *in, const struct test_kho_item_be *item,
		      nodemask_t *seen)
{
	unsigned long pfn = PHYS_PFN(phys_of(item));
	unsigned long end = pfn + be32_to_cpu(item->nr);
	int want = be16_to_cpu(item->nid);

	if (kind_of(item) == TEST_KHO_KIND_AREA)
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

int test_kho_restore(const struct incoming *in)
{
	unsigned long pages_of[TEST_KHO_KIND_AREA + 1] = { }, fates[FATES] = { };
	nodemask_t seen = NODE_MASK_NONE;
	struct rnd_state rnd;
	unsigned int i;
	int err;

	prandom_seed_state(&rnd, ~(u64)test_kho_seed);
	err = check_dropped(in);
	for (i = 0; !err && i < in->items; i++) {
		const struct test_kho_item_be *item = &in->dir[i];
		unsigned int kind = kind_of(item);
		enum fate fate;

		if (kind == TEST_KHO_KIND_DROPPED)
			continue;
		fate = next_fate(&rnd, item);
		err = meet_fate(item, fate, !pages_of[kind]) ?:
		      check_node(in, item, &seen);
		pages_of[kind] += kind == TEST_KHO_KIND_FOLIO ? 1 : be32_to_cpu(item->nr);
		fates[fate]++;
		cond_resched();
	}

	err = err ?: check_foreign();
	if (!err)
		pr_info("restored %lu folios, %lu pages, %lu KiB vmalloc, on %d nodes: contents match\n",
			pages_of[TEST_KHO_KIND_FOLIO], pages_of[TEST_KHO_KIND_PAGES],
			pages_of[TEST_KHO_KIND_AREA] * PAGE_SIZE / SZ_1K,
			nodes_weight(seen));
	if (!err && test_kho_random)
		pr_info("of %u items: %lu freed, %lu kept, %lu claimed, %lu returned, %lu left\n",
			in->items, fates[FATE_FREE], fates[FATE_KEEP],
			fates[FATE_CLAIM], fates[FATE_RETURN], fates[FATE_LEAVE]);
	return err;
}

static int check_late(const struct test_kho_node *old)
{
	struct page *page = kho_restore_pages(old->late, our_pages(1));
	unsigned int i;
	bool good;

	if (!page) {
		pr_err("ERROR: the page that was written late is not to be had\n");
		return -ENOENT;
	}

	good = !strcmp(page_address(page), LATE);
	if (!good)
		pr_err("ERROR: nothing was written just before the jump\n");
	for (i = 0; i < our_pages(1); i++)
		__free_page(page + i);
	return good ? 0 : -EBADMSG;
}

int test_kho_find_dir(struct incoming *in)
{
	const void *fdt = restore ? kho_get_fdt() : NULL;
	int node = test_kho_find(fdt);
	struct test_kho_node old;

	if (node < 0) {
		pr_info("no handover\n");
		return 0;
	}
	if (test_kho_get(fdt, node, &old)) {
		pr_err("ERROR: the node that was handed over is malformed\n");
		return -EINVAL;
	}
	old_shift = be32_to_cpu(old.directory.shift);
	if (old_shift < PAGE_SHIFT || old_shift > ilog2(SZ_64K)) {
		pr_err("ERROR: the previous kernel had pages of 2^%u bytes\n", old_shift);
		return -EINVAL;
	}
	return check_late(&old) ?: read_dir(&old, in);
}
