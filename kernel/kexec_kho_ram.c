// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kexec HandOver: which memory can be handed over.
 *
 * That is RAM which the next kernel is told of and does not use before it knows
 * what is preserved, with pages that are their owner's alone.
 */
#define pr_fmt(fmt) "kho: " fmt

#include <linux/cleanup.h>
#include <linux/cma.h>
#include <linux/crash_reserve.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/kexec_handover_mm.h>
#include <linux/list.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/of.h>
#include <linux/of_address.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <kunit/static_stub.h>

#include "kexec_kho_internal.h"

/* How much added memory is held until the page allocator gives other memory */
#define MAX_HELD	SZ_16M

/* As many regions as reserve_mem= makes */
#define MAX_KEPT	8

/**
 * struct kho_pfns - a range of page frames
 * @first: the first of them
 * @end:   the one after the last
 */
struct kho_pfns {
	unsigned long first;
	unsigned long end;
};

/*
 * The RAM that was there at boot, sorted, because the next kernel is not told of
 * what was added since; without scratch.
 */
static struct kho_pfns *kho_ram;
static unsigned int kho_ram_nr;

/* Nodes that had memory at boot */
static nodemask_t kho_boot_nodes;

/* CMA areas, and what the devicetree reserves: the next kernel does so first of all */
static struct kho_pfns *kho_cma;
static unsigned int kho_cma_nr;

/* Memory that has been reserved since boot, and can be preserved all the same */
static struct kho_pfns kho_kept[MAX_KEPT];
static unsigned int kho_kept_nr;

/**
 * kho_mem_keep() - let memory be preserved that is reserved for good
 * @mem: whole pages, which will be there for whoever looks for them after each kexec
 */
void __init kho_mem_keep(const struct kho_mem *mem)
{
	unsigned long first = PHYS_PFN(mem->addr);

	if (kho_kept_nr < MAX_KEPT)
		kho_kept[kho_kept_nr++] = (struct kho_pfns){ first, first + PHYS_PFN(mem->len) };
}

static int __init count_ram(unsigned long pfn, unsigned long nr, void *arg)
{
	/* Scratch can cut one in two */
	*(unsigned int *)arg += 2;
	return 0;
}

/* Firmware's map may cut RAM in pieces that touch each other */
static void __init add_piece(unsigned long first, unsigned long end)
{
	if (first >= end)
		return;
	if (kho_ram_nr && kho_ram[kho_ram_nr - 1].end == first)
		kho_ram[kho_ram_nr - 1].end = end;
	else
		kho_ram[kho_ram_nr++] = (struct kho_pfns){ first, end };
}

static int __init add_ram(unsigned long pfn, unsigned long nr, void *arg)
{
	unsigned long end = pfn + nr;

	add_piece(pfn, min(end, PHYS_PFN(kho_scratch.addr)));
	add_piece(max(pfn, PHYS_PFN(kho_scratch.addr + kho_scratch.len)), end);
	return 0;
}

/**
 * arch_kho_walk_ram() - go through the RAM that the next kernel is told of
 * @arg: for @fn
 * @fn:  is called with each range of page frames; an error ends the walk
 *
 * Context: from core_initcall() on.
 * Return: 0, or what @fn returned.
 */
int __weak arch_kho_walk_ram(void *arg, int (*fn)(unsigned long pfn,
						  unsigned long nr, void *arg))
{
	return walk_system_ram_range(0, PHYS_PFN(PHYS_ADDR_MAX), arg, fn);
}

/**
 * arch_kho_is_told() - whether the next kernel is told that some memory is RAM
 * @addr: the first byte
 * @end:  the byte after the last
 *
 * As arch_kho_walk_ram(), but to the byte: this kernel's own map may be cut anywhere in
 * memory that it was booted from, and has whole pages only.
 *
 * Return: true if so.
 */
bool __weak arch_kho_is_told(u64 addr, u64 end)
{
	return true;
}

static int add_reserved(u64 addr, u64 len)
{
	struct kho_pfns *all;

	all = krealloc_array(kho_cma, kho_cma_nr + 1, sizeof(*all), GFP_KERNEL);
	if (!all)
		return -ENOMEM;
	kho_cma = all;
	kho_cma[kho_cma_nr++] = (struct kho_pfns){
		PHYS_PFN(addr), PFN_UP(addr + len)
	};
	return 0;
}

static int __init add_cma(struct cma *c, void *arg)
{
	return add_reserved(cma_get_base(c), cma_get_size(c));
}

/* Also what this kernel has given to the page allocator, because a driver failed */
static int __init add_devicetree(void)
{
	struct device_node *root __free(device_node) =
		of_find_node_by_path("/reserved-memory");
	struct resource res;
	int err = 0, i;

	for_each_available_child_of_node_scoped(root, np)
		for (i = 0; !err && !of_address_to_resource(np, i, &res); i++)
			err = add_reserved(res.start, resource_size(&res));
	return err;
}

static int __init kho_ram_init(void)
{
	unsigned int max = 0;

	if (!kho_is_enabled())
		return 0;

	kho_boot_nodes = node_states[N_MEMORY];
	if (cma_for_each_area(add_cma, NULL) || add_devicetree())
		return -ENOMEM;
	arch_kho_walk_ram(&max, count_ram);
	kho_ram = kvcalloc(max, sizeof(*kho_ram), GFP_KERNEL);
	if (!kho_ram)
		return -ENOMEM;

	arch_kho_walk_ram(NULL, add_ram);
	return 0;
}
core_initcall(kho_ram_init);

static bool is_in(const struct resource *res, u64 addr, u64 len)
{
	return res->end && addr <= res->end && addr + len > res->start;
}

/* To load a crash kernel is to write there, whatever is preserved */
static bool is_crashkernel(unsigned long pfn, unsigned long nr)
{
	u64 addr = PFN_PHYS((u64)pfn), len = PFN_PHYS((u64)nr);

	return IS_ENABLED(CONFIG_CRASH_RESERVE) &&
	       (is_in(&crashk_res, addr, len) || is_in(&crashk_low_res, addr, len));
}

/*
 * With a devicetree, the next kernel reserves its CMA areas before it looks at what
 * is preserved, and then has to refuse that. Pages of other areas are not their
 * owner's to keep, either.
 */
static bool is_cma(unsigned long pfn, unsigned long nr)
{
	unsigned int i;

	for (i = 0; i < kho_cma_nr; i++)
		if (pfn < kho_cma[i].end && pfn + nr > kho_cma[i].first)
			return true;
	return false;
}

/**
 * kho_ram_was_there() - whether memory was there at boot, and is not in scratch
 * @pfn: the first page
 * @nr:  how many
 *
 * Return: true if all of it was.
 */
bool kho_ram_was_there(unsigned long pfn, unsigned long nr)
{
	unsigned int i;

	for (i = 0; i < kho_ram_nr && kho_ram[i].first <= pfn; i++)
		if (pfn < kho_ram[i].end)
			return nr <= kho_ram[i].end - pfn;
	return false;
}

/**
 * kho_ram_is_usable() - whether the next kernel can find what is in some memory
 * @pfn: the first page
 * @nr:  how many
 *
 * Return: true if it can, whatever the pages are used for.
 */
bool kho_ram_is_usable(unsigned long pfn, unsigned long nr)
{
	return kho_ram_was_there(pfn, nr) && !is_crashkernel(pfn, nr) &&
	       !is_cma(pfn, nr);
}

/**
 * kho_ram_bytes() - how much memory the next kernel has
 *
 * Return: bytes, with scratch.
 */
u64 kho_ram_bytes(void)
{
	unsigned int i;
	u64 pages = 0;

	for (i = 0; i < kho_ram_nr; i++)
		pages += kho_ram[i].end - kho_ram[i].first;
	return PFN_PHYS(pages) + kho_scratch.len;
}

/**
 * kho_mem_is_boot() - whether the next kernel can find some memory
 * @p:   the memory
 * @len: bytes
 *
 * Return: true if it was there at boot, and is not in scratch.
 */
bool kho_mem_is_boot(void *p, size_t len)
{
	KUNIT_STATIC_STUB_REDIRECT(kho_mem_is_boot, p, len);
	return kho_ram_is_usable(PHYS_PFN(virt_to_phys(p)), PFN_UP(len));
}

/* Whoever preserves can do without: nobody is killed for it */
static void *alloc_on_kho_boot_nodes(gfp_t gfp, unsigned int order)
{
	struct page *page;

	if (!(gfp & __GFP_NORETRY))
		gfp |= __GFP_RETRY_MAYFAIL;
	page = __alloc_pages(gfp, order, numa_mem_id(), &kho_boot_nodes);
	return page ? page_address(page) : NULL;
}

/**
 * kho_alloc_boot() - allocate zeroed memory that the next kernel can find
 * @gfp:   how. With __GFP_NORETRY the caller has another way: no line in the
 *	log says that there is none
 * @order: how many pages, as a power of two
 *
 * For what KHO itself hands over. The page allocator does not tell what was
 * there at boot from what was added to the same node: the latter is held, up to
 * a limit, to get at the former. Memory below 4G is rarely added, so that is
 * tried last.
 *
 * Context: may sleep.
 * Return: the memory, to be freed with kho_free_boot(), or NULL.
 */
void *kho_alloc_boot(gfp_t gfp, unsigned int order)
{
	unsigned int left = (MAX_HELD >> PAGE_SHIFT) >> order;
	struct page *page, *next;
	LIST_HEAD(held);
	void *p;

	p = alloc_on_kho_boot_nodes(gfp, order);
	while (p && !kho_mem_is_boot(p, PAGE_SIZE << order)) {
		list_add(&virt_to_page(p)->lru, &held);
		p = NULL;
		if (!left)
			break;
		/* Not at the cost of others */
		p = alloc_on_kho_boot_nodes(gfp | __GFP_NORETRY | __GFP_NOWARN |
					(--left ? 0 : __GFP_DMA32), order);
	}

	if (!p && !list_empty(&held) && !(gfp & __GFP_NORETRY))
		pr_err("no memory for the handover but what was added after boot, which the next kernel does not know\n");
	list_for_each_entry_safe(page, next, &held, lru)
		__free_pages(page, order);
	return p ? memset(p, 0, PAGE_SIZE << order) : NULL;
}

/**
 * kho_free_boot() - free what kho_alloc_boot() returned
 * @p:     the memory
 * @order: as it was allocated
 *
 * The page allocator keeps a page out in which the hardware has failed, if it is freed by
 * itself.
 */
void kho_free_boot(void *p, unsigned int order)
{
	struct page *page = virt_to_page(p);
	unsigned long i;

	if (kho_ram_is_sound(virt_to_phys(p), PAGE_SIZE << order)) {
		__free_pages(page, order);
		return;
	}
	split_page(page, order);
	for (i = 0; i < 1UL << order; i++)
		__free_page(page + i);
}

static const char *why_unusable(u64 addr, u64 len)
{
	unsigned long pfn = PHYS_PFN(addr), nr = PHYS_PFN(len);

	if (!len || addr + len < addr || !PAGE_ALIGNED(addr | len))
		return "it is not whole pages";
	if (kho_scratch_overlaps(addr, len))
		return "it is in scratch (movable pages must be migrated first)";
	if (is_crashkernel(pfn, nr))
		return "it is in memory of the crash kernel";
	if (is_cma(pfn, nr))
		return "it is in CMA, or reserved by the devicetree (migrate movable pages first)";
	if (!kho_ram_nr)
		return "it is too early: wait for postcore_initcall()";
	if (!kho_ram_was_there(pfn, nr))
		return "it is not all RAM that was there at boot";
	return NULL;
}

static bool is_kept(unsigned long pfn)
{
	unsigned int i;

	for (i = 0; i < kho_kept_nr; i++)
		if (pfn >= kho_kept[i].first && pfn < kho_kept[i].end)
			return true;
	return kho_in_has_owner(pfn);
}

/*
 * Why a page of usable memory cannot be preserved. In a block of pages that is neither
 * split nor compound, only the first has a reference, like a page by itself.
 */
static const char *why_not_page(struct page *page, bool first)
{
	struct folio *folio = page_folio(page);

	if (kho_page_is_plain(page))
		return NULL;
	if (PageReserved(page))
		return is_kept(page_to_pfn(page)) ? NULL :
			"it is reserved since early boot (use reserve_mem=)";
	if (PageHWPoison(page))
		return "the hardware has failed there (use other memory)";
	if (folio_test_slab(folio))
		return "it is of slab (use alloc_pages() or vmalloc())";
	if (folio_test_lru(folio) && !folio_maybe_dma_pinned(folio))
		return "it can be migrated or reclaimed (pin it first, with FOLL_LONGTERM)";
	if (!folio_ref_count(folio) && (first || is_free_buddy_page(page)))
		return "it is free, or inside a block (use __GFP_COMP or split_page())";
	return NULL;
}

/*
 * Looks at a folio's first page. Of a range, at the first and the last, and at each that
 * can be the first of a block of the largest order: what is allocated together is of one
 * kind, and to look at each page would cost many times what it costs to preserve a range.
 * Only hardware picks single pages, and where it has, all are looked at.
 */
static const char *why_not_pages(unsigned long pfn, unsigned long nr, bool folio)
{
	unsigned long at = pfn, end = pfn + nr;
	const char *why;

	do {
		why = why_not_page(pfn_to_page(at), at == pfn);
		at = folio || at == end - 1 ? end :
			min(ALIGN(at + 1, MAX_ORDER_NR_PAGES), end - 1);
	} while (!why && at < end);

	if (!why && kho_ram_find_poison(pfn, end) < end)
		why = "the hardware has failed there (use other memory)";
	return why;
}

/**
 * kho_ram_check() - whether memory can be preserved
 * @mem:   the memory
 * @folio: it is one folio
 *
 * Says in the log why not.
 *
 * Context: may sleep.
 * Return: 0; -EOPNOTSUPP with kho=off; -EINVAL.
 */
int kho_ram_check(const struct kho_mem *mem, bool folio)
{
	const char *why;

	if (!kho_is_enabled())
		return -EOPNOTSUPP;

	why = why_unusable(mem->addr, mem->len) ?:
	      why_not_pages(PHYS_PFN(mem->addr), PHYS_PFN(mem->len), folio);
	if (!why)
		return 0;
	pr_err("cannot preserve %#llx+%#llx: %s\n", mem->addr, mem->len, why);
	return -EINVAL;
}

#if IS_ENABLED(CONFIG_KEXEC_HANDOVER_KUNIT_TEST)
#include "kexec_kho_ram_test.c"
#endif
