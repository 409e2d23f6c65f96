// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kexec HandOver: the memory that this kernel preserves.
 *
 * Keeps track of what drivers preserve, and encodes it as the memory table that
 * the next kernel reads before anything else. Memory is cut into chunks, and a
 * chunk with anything preserved in it has a page of bits, in the form that the
 * table wants. So a page costs a bit to preserve, and a handover as much as
 * there are chunks.
 */
#define pr_fmt(fmt) "kho: " fmt

#include <linux/bitmap.h>
#include <linux/cleanup.h>
#include <linux/cma.h>
#include <linux/crash_reserve.h>
#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/kexec_handover_mm.h>
#include <linux/list.h>
#include <linux/maple_tree.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/nodemask.h>
#include <linux/pagewalk.h>
#include <linux/pgtable.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/vmalloc.h>
#include <linux/xarray.h>
#include <kunit/static_stub.h>

#include "kexec_kho_internal.h"

#define CHUNK_PAGES	KHO_CHUNK_PAGES(PAGE_SHIFT)

/* A chunk with no more runs of pages than this needs no bits in the table */
#define MAX_RUNS	32

/* The order of a chunk whose folios are of several */
#define MIXED		U8_MAX

/* How much added memory is held until the page allocator gives other memory */
#define MAX_HELD	SZ_16M

/* As many regions as reserve_mem= makes */
#define MAX_KEPT	8

/* What last_index is if there is no last chunk */
#define NO_INDEX	ULONG_MAX

/**
 * struct chunk - what is preserved of a chunk of memory
 * @bits:   a page of bits, see KHO_CHUNK_PAGES()
 * @joined: its second half
 * @nr:     number of pages preserved
 * @order:  order of all folios in it, or MIXED
 * @whole:  all of it can be preserved
 */
struct chunk {
	unsigned long *bits;
	unsigned long *joined;
	unsigned int nr;
	u8 order;
	bool whole;
};

/* Then the order of bits is that of the table; see Kconfig */
static_assert(IS_ENABLED(CONFIG_64BIT) && !IS_ENABLED(CONFIG_CPU_BIG_ENDIAN));
/* No folio is in two chunks */
static_assert(MAX_ORDER_NR_PAGES <= CHUNK_PAGES);

/*
 * Chunks in which anything is preserved, by their number. @last is one of them,
 * the one that was looked up last, unless @last_index is NO_INDEX.
 */
static DEFINE_MUTEX(lock);
static DEFINE_XARRAY(chunks);
static struct chunk *last;
static unsigned long last_index = NO_INDEX;

/*
 * Page frame ranges of the mem properties of the activation under way, with
 * LISTED for what nothing else preserves.
 */
#define LISTED		xa_mk_value(1)
#define LISTED_TOO	xa_mk_value(0)
static struct maple_tree listed =
	MTREE_INIT_EXT(listed, MT_FLAGS_LOCK_EXTERN, lock);

static bool frozen;

/**
 * struct area - page frames that can be preserved
 * @first: first of them
 * @end:   the one after the last
 */
struct area {
	unsigned long first;
	unsigned long end;
};

/*
 * What can be preserved, sorted: the RAM that was there at boot, because the
 * next kernel is not told of what was added since, without scratch.
 */
static struct area *area;
static unsigned int areas;

/* Nodes that had memory at boot */
static nodemask_t boot_nodes;

/* CMA areas: memory of devices, and movable pages while they do not need it */
static struct area kho_cma[MAX_CMA_AREAS];
static unsigned int kho_cma_nr;

/* Memory that has been reserved since boot, and can be preserved all the same */
static struct area kho_kept[MAX_KEPT];
static unsigned int kho_kept_nr;

/**
 * kho_mem_keep() - let memory be preserved that is reserved for good
 * @mem: whole pages, which will be there for whoever looks for them after each kexec
 */
void __init kho_mem_keep(const struct kho_mem *mem)
{
	unsigned long first = PHYS_PFN(mem->addr);

	if (kho_kept_nr < MAX_KEPT)
		kho_kept[kho_kept_nr++] = (struct area){ first, first + PHYS_PFN(mem->len) };
}

static int __init count_ram(unsigned long pfn, unsigned long nr, void *arg)
{
	/* Scratch can cut one in two */
	*(unsigned int *)arg += 2;
	return 0;
}

/* Firmware's map may cut RAM in pieces that touch each other */
static void __init add_area(unsigned long first, unsigned long end)
{
	if (first >= end)
		return;
	if (areas && area[areas - 1].end == first)
		area[areas - 1].end = end;
	else
		area[areas++] = (struct area){ first, end };
}

static int __init add_ram(unsigned long pfn, unsigned long nr, void *arg)
{
	unsigned long end = pfn + nr;

	add_area(pfn, min(end, PHYS_PFN(kho_scratch.addr)));
	add_area(max(pfn, PHYS_PFN(kho_scratch.addr + kho_scratch.len)), end);
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

static int __init add_cma(struct cma *c, void *arg)
{
	unsigned long first = PHYS_PFN(cma_get_base(c));

	kho_cma[kho_cma_nr++] = (struct area){ first, first + PHYS_PFN(cma_get_size(c)) };
	return 0;
}

static int __init find_areas(void)
{
	unsigned int max = 0;

	if (!kho_is_enabled())
		return 0;

	boot_nodes = node_states[N_MEMORY];
	cma_for_each_area(add_cma, NULL);
	arch_kho_walk_ram(&max, count_ram);
	area = kvcalloc(max, sizeof(*area), GFP_KERNEL);
	if (!area)
		return -ENOMEM;

	arch_kho_walk_ram(NULL, add_ram);
	return 0;
}
core_initcall(find_areas);

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

static bool was_there_at_boot(unsigned long pfn, unsigned long nr)
{
	static unsigned int hit;
	unsigned int i = READ_ONCE(hit);

	if (i < areas && pfn >= area[i].first && pfn < area[i].end)
		return nr <= area[i].end - pfn;

	for (i = 0; i < areas && area[i].first <= pfn; i++) {
		if (pfn >= area[i].end)
			continue;
		WRITE_ONCE(hit, i);
		return nr <= area[i].end - pfn;
	}
	return false;
}

static bool is_usable(unsigned long pfn, unsigned long nr)
{
	return was_there_at_boot(pfn, nr) && !is_crashkernel(pfn, nr) &&
	       !is_cma(pfn, nr);
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
	return is_usable(PHYS_PFN(virt_to_phys(p)), PFN_UP(len));
}

/* Whoever preserves can do without: nobody is killed for it */
static void *alloc_on_boot_nodes(gfp_t gfp, unsigned int order)
{
	struct page *page;

	if (!(gfp & __GFP_NORETRY))
		gfp |= __GFP_RETRY_MAYFAIL;
	page = __alloc_pages(gfp, order, numa_mem_id(), &boot_nodes);
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
 * Return: the memory, to be freed with free_pages(), or NULL.
 */
void *kho_alloc_boot(gfp_t gfp, unsigned int order)
{
	unsigned int left = (MAX_HELD >> PAGE_SHIFT) >> order;
	struct page *page, *next;
	LIST_HEAD(held);
	void *p;

	p = alloc_on_boot_nodes(gfp, order);
	while (p && !kho_mem_is_boot(p, PAGE_SIZE << order)) {
		list_add(&virt_to_page(p)->lru, &held);
		p = NULL;
		if (!left)
			break;
		/* Not at the cost of others */
		p = alloc_on_boot_nodes(gfp | __GFP_NORETRY | __GFP_NOWARN |
					(--left ? 0 : __GFP_DMA32), order);
	}

	if (!p && !list_empty(&held) && !(gfp & __GFP_NORETRY))
		pr_err("no memory for the handover but what was added after boot, which the next kernel does not know\n");
	list_for_each_entry_safe(page, next, &held, lru)
		__free_pages(page, order);
	return p ? memset(p, 0, PAGE_SIZE << order) : NULL;
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
		return "it is in a CMA area (migrate movable pages first)";
	if (!areas)
		return "it is too early: wait for postcore_initcall()";
	return "it is not all RAM that was there at boot";
}

static int unusable(u64 addr, u64 len)
{
	if (!kho_is_enabled())
		return -EOPNOTSUPP;
	pr_err("cannot preserve %#llx+%#llx: %s\n", addr, len,
	       why_unusable(addr, len));
	return -EINVAL;
}

static bool is_kept(unsigned long pfn)
{
	unsigned int i;

	for (i = 0; i < kho_kept_nr; i++)
		if (pfn >= kho_kept[i].first && pfn < kho_kept[i].end)
			return true;
	return kho_in_has_owner(pfn);
}

/* All that why_not() looks at is as with most pages */
static __always_inline bool is_plain(const struct page *page)
{
	return !(page->flags & (BIT(PG_reserved) | BIT(PG_lru) | __PG_HWPOISON)) &&
	       page_ref_count(page) && page->page_type == UINT_MAX;
}

/*
 * Why a page of usable memory cannot be preserved. In a block of pages that is neither
 * split nor compound, only the first has a reference, like a page by itself.
 */
static const char *why_not(struct page *page, bool first)
{
	struct folio *folio = page_folio(page);

	if (PageReserved(page))
		return is_kept(page_to_pfn(page)) ? NULL :
			"it is reserved since early boot (use reserve_mem=)";
	if (PageHWPoison(page))
		return "the hardware has failed there (use other memory)";
	if (folio_test_slab(folio))
		return "it is of slab (use alloc_pages() or vmalloc())";
	if (folio_test_lru(folio) && !folio_maybe_dma_pinned(folio))
		return "it can be migrated or reclaimed (pin it first, with FOLL_LONGTERM)";
	if (first ? !folio_ref_count(folio) : is_free_buddy_page(page))
		return "it is free, or inside a block (use __GFP_COMP or split_page())";
	return NULL;
}

static bool is_any_poisoned(unsigned long pfn, unsigned long end)
{
	if (!IS_ENABLED(CONFIG_MEMORY_FAILURE) ||
	    !atomic_long_read(&num_poisoned_pages))
		return false;
	for (; pfn < end; pfn++) {
		if (PageHWPoison(pfn_to_page(pfn)))
			return true;
		if (!(pfn % pageblock_nr_pages))
			cond_resched();
	}
	return false;
}

/*
 * Looks at a folio's first page. Of a range, at the first and the last, and at the
 * first in each pageblock: what is allocated together is of one kind, and to look at
 * each page would cost several times what it costs to preserve a range. Only hardware
 * picks single pages, and where it has, all are looked at.
 */
static int check_pages(unsigned long pfn, unsigned long nr, unsigned int order)
{
	unsigned long at = pfn, end = pfn + nr;
	const char *why;

	do {
		why = why_not(pfn_to_page(at), at == pfn);
		at = order || at == end - 1 ? end :
			min(pageblock_end_pfn(at), end - 1);
	} while (!why && at < end);

	if (!why && is_any_poisoned(pfn, end))
		why = "the hardware has failed there (use other memory)";
	if (!why)
		return 0;
	pr_err("cannot preserve %#llx+%#llx: %s\n", PFN_PHYS((u64)pfn),
	       PFN_PHYS((u64)nr), why);
	return -EINVAL;
}

static bool any_set(const unsigned long *map, unsigned long bit,
		    unsigned long nr)
{
	return find_next_bit(map, bit + nr, bit) < bit + nr;
}

static bool all_set(const unsigned long *map, unsigned long bit,
		    unsigned long nr)
{
	return find_next_zero_bit(map, bit + nr, bit) >= bit + nr;
}

static struct chunk *find_chunk(unsigned long index)
{
	struct chunk *c;

	if (last_index == index)
		return last;

	c = xa_load(&chunks, index);
	if (c) {
		last = c;
		last_index = index;
	}
	return c;
}

static void free_chunk(struct chunk *c)
{
	if (c)
		free_page((unsigned long)c->bits);
	kfree(c);
}

static struct chunk *new_chunk(unsigned long index)
{
	struct chunk *c = kzalloc(sizeof(*c), GFP_KERNEL);

	if (c)
		c->bits = kho_alloc_boot(GFP_KERNEL, 0);
	if (!c || !c->bits || xa_is_err(xa_store(&chunks, index, c, GFP_KERNEL))) {
		free_chunk(c);
		return NULL;
	}
	c->joined = c->bits + CHUNK_PAGES / BITS_PER_LONG;
	c->whole = is_usable(index * CHUNK_PAGES, CHUNK_PAGES);
	last = c;
	last_index = index;
	return c;
}

static void drop_chunk(unsigned long index)
{
	last_index = NO_INDEX;
	free_chunk(xa_erase(&chunks, index));
}

/**
 * struct part - pages of a range that are in one chunk
 * @chunk: the chunk, NULL if nothing in it is preserved
 * @index: its number
 * @bit:   the first page, in the chunk
 * @nr:    number of pages
 */
struct part {
	struct chunk *chunk;
	unsigned long index;
	unsigned long bit;
	unsigned long nr;
};

/* The next part of a range, from @pfn on, which moves behind it */
static __always_inline bool next_part(struct part *p, unsigned long *pfn,
				      unsigned long end)
{
	if (*pfn >= end)
		return false;

	p->index = *pfn / CHUNK_PAGES;
	p->bit = *pfn % CHUNK_PAGES;
	p->nr = min(end - *pfn, CHUNK_PAGES - p->bit);
	p->chunk = find_chunk(p->index);
	*pfn += p->nr;
	return true;
}

static bool is_free(unsigned long pfn, unsigned long end)
{
	struct part p;

	while (next_part(&p, &pfn, end)) {
		if (p.chunk && any_set(p.chunk->bits, p.bit, p.nr))
			return false;
	}
	return true;
}

static bool is_covered(unsigned long pfn, unsigned long end)
{
	struct part p;

	while (next_part(&p, &pfn, end)) {
		if (!p.chunk || !all_set(p.chunk->bits, p.bit, p.nr))
			return false;
	}
	return true;
}

/* Whether any page of a range is in a folio of several */
static bool is_joined(unsigned long pfn, unsigned long end)
{
	struct part p;

	/* If the page behind is joined, the last one here is its head */
	while (next_part(&p, &pfn, end)) {
		if (p.chunk && any_set(p.chunk->joined, p.bit,
				       min(p.nr + 1, CHUNK_PAGES - p.bit)))
			return true;
	}
	return false;
}

/* Whether just these pages, a power of two, are preserved as a folio */
static bool is_folio(unsigned long pfn, unsigned long nr)
{
	unsigned long bit = pfn % CHUNK_PAGES;
	struct chunk *c = find_chunk(pfn / CHUNK_PAGES);

	return c && test_bit(bit, c->bits) && !test_bit(bit, c->joined) &&
	       find_next_zero_bit(c->joined, CHUNK_PAGES, bit + 1) == bit + nr;
}

static void clear(unsigned long pfn, unsigned long end)
{
	struct part p;

	while (next_part(&p, &pfn, end)) {
		bitmap_clear(p.chunk->bits, p.bit, p.nr);
		bitmap_clear(p.chunk->joined, p.bit, p.nr);
		p.chunk->nr -= p.nr;
		if (!p.chunk->nr)
			drop_chunk(p.index);
	}
}

/* Have chunks for a range in which nothing is preserved yet */
static int prepare(unsigned long pfn, unsigned long end)
{
	struct part p;

	while (next_part(&p, &pfn, end)) {
		if (!p.chunk && !new_chunk(p.index))
			return -ENOMEM;
		if (p.chunk && any_set(p.chunk->bits, p.bit, p.nr))
			return -EEXIST;
	}
	return 0;
}

/* Undo that */
static void drop_empty(unsigned long pfn, unsigned long end)
{
	struct part p;

	while (next_part(&p, &pfn, end)) {
		if (p.chunk && !p.chunk->nr)
			drop_chunk(p.index);
	}
}

static void mark(unsigned long pfn, unsigned long end, unsigned int order)
{
	struct part p;

	while (next_part(&p, &pfn, end)) {
		struct chunk *c = p.chunk;

		bitmap_set(c->bits, p.bit, p.nr);
		if (order)
			bitmap_set(c->joined, p.bit + 1, p.nr - 1);
		c->order = c->nr && c->order != order ? MIXED : order;
		c->nr += p.nr;
	}
}

/* A page by itself in a chunk that has others already: what is called most */
static __always_inline bool preserve_page(unsigned long pfn)
{
	struct chunk *c = last;

	if (last_index != pfn / CHUNK_PAGES || frozen || !c->whole ||
	    __test_and_set_bit(pfn % CHUNK_PAGES, c->bits))
		return false;

	if (c->order)
		c->order = MIXED;
	c->nr++;
	return true;
}

/* A range of pages, or one folio */
static int preserve_range(unsigned long pfn, unsigned long nr, unsigned int order)
{
	int err;

	lockdep_assert_held(&lock);
	if (!nr || !is_usable(pfn, nr))
		return unusable(PFN_PHYS((u64)pfn), PFN_PHYS((u64)nr));
	if (frozen)
		return -EBUSY;

	err = check_pages(pfn, nr, order) ?: prepare(pfn, pfn + nr);
	if (err) {
		drop_empty(pfn, pfn + nr);
		if (err == -EEXIST)
			pr_err("cannot preserve %#llx+%#llx: it is in part preserved already\n",
			       PFN_PHYS((u64)pfn), PFN_PHYS((u64)nr));
		return err;
	}
	mark(pfn, pfn + nr, order);
	return 0;
}

static int preserve_locked(struct page *page, unsigned long nr)
{
	unsigned long pfn = page_to_pfn(page);

	return nr == 1 && is_plain(page) && preserve_page(pfn) ? 0 :
		preserve_range(pfn, nr, 0);
}

static noinline int preserve(unsigned long pfn, unsigned long nr,
			     unsigned int order)
{
	guard(mutex)(&lock);
	return preserve_range(pfn, nr, order);
}

static __always_inline int preserve_one(struct page *page)
{
	unsigned long pfn = page_to_pfn(page);

	if (is_plain(page)) {
		guard(mutex)(&lock);
		if (preserve_page(pfn))
			return 0;
	}
	return preserve(pfn, 1, 0);
}

/* Whether an activation preserves any of a range, and nobody else */
static bool is_listed_only(unsigned long pfn, unsigned long end)
{
	MA_STATE(mas, &listed, pfn, pfn);
	void *entry;

	if (mtree_empty(&listed))
		return false;
	mas_for_each(&mas, entry, end - 1)
		if (entry == LISTED)
			return true;
	return false;
}

static int unpreserve_locked(unsigned long pfn, unsigned long nr, bool folio)
{
	unsigned long end = pfn + nr;

	if (!nr || end < pfn)
		return -EINVAL;
	if (frozen)
		return -EBUSY;
	if (!(folio ? is_folio(pfn, nr) :
		      is_covered(pfn, end) && !is_joined(pfn, end)) ||
	    is_listed_only(pfn, end)) {
		pr_err("cannot unpreserve %#llx+%#llx: it is not preserved like that\n",
		       PFN_PHYS((u64)pfn), PFN_PHYS((u64)nr));
		return -ENOENT;
	}
	clear(pfn, end);
	return 0;
}

static int unpreserve(unsigned long pfn, unsigned long nr, bool folio)
{
	guard(mutex)(&lock);
	return unpreserve_locked(pfn, nr, folio);
}

/**
 * kho_preserve_folio() - preserve a folio across kexec
 * @folio: the folio; it must stay allocated until it is unpreserved
 *
 * The next kernel gets it back with kho_restore_folio(), of the same order.
 *
 * Context: may sleep.
 * Return: 0; -EOPNOTSUPP with kho=off; -EBUSY while a handover is active;
 * -EEXIST if it is preserved already; -ENOMEM; -EINVAL, with a line in the log, if
 * it is larger than the page allocator's largest, in memory that the next kernel
 * cannot keep (scratch, CMA, reserved since early boot), not its owner's alone
 * (slab, free, movable and not pinned), or broken.
 */
int kho_preserve_folio(struct folio *folio)
{
	unsigned int order = folio_order(folio);

	if (order > MAX_PAGE_ORDER) {
		pr_err("cannot preserve a folio of order %u: %d is the largest\n",
		       order, MAX_PAGE_ORDER);
		return -EINVAL;
	}
	return order ? preserve(folio_pfn(folio), 1UL << order, order) :
		preserve_one(&folio->page);
}
EXPORT_SYMBOL_GPL(kho_preserve_folio);

/**
 * kho_unpreserve_folio() - undo kho_preserve_folio()
 * @folio: the folio
 *
 * Context: may sleep.
 * Return: 0; -ENOENT if it is not preserved; -EBUSY while a handover is active.
 */
int kho_unpreserve_folio(struct folio *folio)
{
	return unpreserve(folio_pfn(folio), folio_nr_pages(folio), true);
}
EXPORT_SYMBOL_GPL(kho_unpreserve_folio);

/**
 * kho_preserve_pages() - preserve contiguous pages across kexec
 * @page:     the first page
 * @nr_pages: how many; one operation, whatever their number
 *
 * The next kernel gets them, or any part of them, with kho_restore_pages().
 *
 * Context: may sleep.
 * Return: as kho_preserve_folio().
 */
int kho_preserve_pages(struct page *page, unsigned long nr_pages)
{
	return nr_pages == 1 ? preserve_one(page) :
		preserve(page_to_pfn(page), nr_pages, 0);
}
EXPORT_SYMBOL_GPL(kho_preserve_pages);

/**
 * kho_unpreserve_pages() - undo kho_preserve_pages(), for all or a part
 * @page:     the first page
 * @nr_pages: how many
 *
 * Context: may sleep.
 * Return: as kho_unpreserve_folio().
 */
int kho_unpreserve_pages(struct page *page, unsigned long nr_pages)
{
	return unpreserve(page_to_pfn(page), nr_pages, false);
}
EXPORT_SYMBOL_GPL(kho_unpreserve_pages);

/* Unpreserve the first @nr pages of an area and free the pages that list them */
static void undo_vmalloc(__be64 first, unsigned int nr)
{
	unsigned int i = 0;

	while (first) {
		struct kho_vmalloc_page *list = phys_to_virt(be64_to_cpu(first));
		unsigned long pfn = PHYS_PFN(be64_to_cpu(first));
		unsigned int j;

		for (j = 0; i < nr && j < ARRAY_SIZE(list->addr); i++, j++) {
			unsigned long page = PHYS_PFN(be64_to_cpu(list->addr[j]));

			if (is_covered(page, page + 1))
				clear(page, page + 1);
		}
		first = list->next;
		clear(pfn, pfn + 1);
		free_page((unsigned long)list);
		cond_resched();
	}
}

/* Whether a page is preserved by itself, and not only for a node */
static bool is_page(__be64 phys)
{
	u64 addr = be64_to_cpu(phys);
	unsigned long pfn = PHYS_PFN(addr);

	return PAGE_ALIGNED(addr) && is_covered(pfn, pfn + 1) &&
	       !is_joined(pfn, pfn + 1) && !is_listed_only(pfn, pfn + 1);
}

/*
 * Whether an area is preserved: each page that lists its pages, before that is
 * read, and all that are listed, no more and no less. What was never filled in, or
 * was undone before, is not like that.
 */
static bool is_area(const struct kho_vmalloc *kv)
{
	unsigned int nr = be32_to_cpu(kv->pages), i, slot = 0;
	const struct kho_vmalloc_page *list = NULL;
	__be64 next = kv->first;

	if (!nr || be32_to_cpu(kv->shift) != PAGE_SHIFT)
		return false;

	for (i = 0; i < nr; i++) {
		slot = i % ARRAY_SIZE(list->addr);
		if (!slot) {
			if (!is_page(next))
				return false;
			list = phys_to_virt(be64_to_cpu(next));
			next = list->next;
			cond_resched();
		}
		if (!is_page(list->addr[slot]))
			return false;
	}
	return !next && (slot + 1 == ARRAY_SIZE(list->addr) || !list->addr[slot + 1]);
}

static struct kho_vmalloc_page *new_vmalloc_page(__be64 *link)
{
	struct kho_vmalloc_page *list = kho_alloc_boot(GFP_KERNEL, 0);
	int err;

	if (!list)
		return ERR_PTR(-ENOMEM);

	err = preserve_locked(virt_to_page(list), 1);
	if (err) {
		free_page((unsigned long)list);
		return ERR_PTR(err);
	}

	*link = cpu_to_be64(virt_to_phys(list));
	return list;
}

/* What does not make an area different for kho_restore_vmalloc() */
#define ORDINARY_FLAGS	(VM_ALLOC | VM_MAP | VM_MAP_PUT_PAGES | VM_NO_GUARD | \
			 VM_ALLOW_HUGE_VMAP | VM_DEFER_KMEMLEAK)

static bool is_mapped_as(pte_t pte, pgprot_t prot)
{
	pte_t like = pfn_pte(pte_pfn(pte), prot);

	/* The CPU may or may not have noted that the page was used */
	pte = pte_mkdirty(pte_mkyoung(pte));
	like = pte_mkdirty(pte_mkyoung(like));
	return pgprot_val(pte_pgprot(pte)) == pgprot_val(pte_pgprot(like));
}

static int check_pte(pte_t *ptep, unsigned long addr, unsigned long next,
		     struct mm_walk *walk)
{
	pte_t pte = ptep_get(ptep);

	return is_mapped_as(pte, PAGE_KERNEL) ||
	       is_mapped_as(pte, arch_vmap_pgprot_tagged(PAGE_KERNEL)) ? 0 : -EINVAL;
}

/* A huge page is mapped for vmalloc(), and no other than writable */
static int check_pmd(pmd_t *pmdp, unsigned long addr, unsigned long next,
		     struct mm_walk *walk)
{
	pmd_t pmd = pmdp_get(pmdp);

	cond_resched();
	return pmd_leaf(pmd) && !pmd_write(pmd) ? -EINVAL : 0;
}

static const struct mm_walk_ops mapping_ops = {
	.pmd_entry = check_pmd,
	.pte_entry = check_pte,
};

static bool is_mapped_as_usual(const struct vm_struct *area)
{
	unsigned long addr = (unsigned long)kasan_reset_tag(area->addr);
	int err;

	mmap_read_lock(&init_mm);
	err = walk_kernel_page_table_range(addr, addr + get_vm_area_size(area),
					   &mapping_ops, NULL, NULL);
	mmap_read_unlock(&init_mm);
	return !err;
}

/* Why kho_restore_vmalloc() could not give an area back as it is */
static const char *why_not_area(const struct vm_struct *area, const void *ptr)
{
	if (!area || area->addr != ptr || !area->pages ||
	    area->flags & (VM_IOREMAP | VM_DMA_COHERENT) ||
	    !(area->flags & (VM_ALLOC | VM_MAP_PUT_PAGES)))
		return "it is not an area of vmalloc()";
	if (area->flags & VM_USERMAP)
		return "user space can map it, which would be lost (use vmalloc())";
	if (area->flags & ~ORDINARY_FLAGS)
		return "it is of a special kind, which would be lost (use vmalloc())";
	if (!is_mapped_as_usual(area))
		return "it is not mapped as PAGE_KERNEL, as it would be again";
	return NULL;
}

static int preserve_area(const struct vm_struct *area, struct kho_vmalloc *kv)
{
	struct kho_vmalloc_page *list = NULL;
	unsigned int i, slot;
	__be64 first = 0;
	int err = 0;

	/* All under one lock: an activation sees the whole area or nothing */
	guard(mutex)(&lock);
	for (i = 0; i < area->nr_pages; i++) {
		slot = i % ARRAY_SIZE(list->addr);
		if (!slot)
			list = new_vmalloc_page(list ? &list->next : &first);
		err = PTR_ERR_OR_ZERO(list) ?:
		      preserve_locked(area->pages[i], 1);
		if (err)
			break;
		list->addr[slot] = cpu_to_be64(page_to_phys(area->pages[i]));
		if (!slot)
			cond_resched();
	}

	if (err) {
		undo_vmalloc(first, i);
		return err;
	}
	*kv = (struct kho_vmalloc){
		.first = first,
		.pages = cpu_to_be32(area->nr_pages),
		.shift = cpu_to_be32(PAGE_SHIFT),
	};
	return 0;
}

/**
 * kho_preserve_vmalloc() - preserve what vmalloc() returned across kexec
 * @ptr: the area's first byte; it must stay allocated until it is unpreserved
 * @kv:  filled with what kho_restore_vmalloc() wants in the next kernel, or with
 *	zeroes after an error
 *
 * Context: may sleep.
 * Return: 0; -EINVAL if @ptr is no area that vmalloc() would free with its
 * pages, or one that kho_restore_vmalloc() could not give back as it is: for user
 * space to map, or with a protection other than PAGE_KERNEL; else as
 * kho_preserve_folio().
 */
int kho_preserve_vmalloc(void *ptr, struct kho_vmalloc *kv)
{
	struct vm_struct *area = find_vm_area(ptr);
	const char *why;

	*kv = (struct kho_vmalloc){ };
	if (!kho_is_enabled())
		return -EOPNOTSUPP;

	why = why_not_area(area, ptr);
	if (why) {
		pr_err("cannot preserve %p: %s\n", ptr, why);
		return -EINVAL;
	}
	return preserve_area(area, kv);
}
EXPORT_SYMBOL_GPL(kho_preserve_vmalloc);

/**
 * kho_unpreserve_vmalloc() - undo kho_preserve_vmalloc()
 * @kv: what that filled in. It is cleared, but for -EBUSY
 *
 * Where kho_preserve_vmalloc() has failed, or this was called before, there is
 * nothing to undo, and nothing is done.
 *
 * Context: may sleep.
 * Return: 0; -EBUSY while a handover is active: the area must not be freed;
 * -ENOENT if @kv is not what kho_preserve_vmalloc() has filled in.
 */
int kho_unpreserve_vmalloc(struct kho_vmalloc *kv)
{
	struct kho_vmalloc old = *kv;

	if (!old.first && !old.pages)
		return 0;

	guard(mutex)(&lock);
	if (!is_area(&old)) {
		pr_err("cannot unpreserve a vmalloc area of %u pages: there is none like that\n",
		       be32_to_cpu(old.pages));
		*kv = (struct kho_vmalloc){ };
		return -ENOENT;
	}
	if (frozen)
		return -EBUSY;

	*kv = (struct kho_vmalloc){ };
	undo_vmalloc(old.first, be32_to_cpu(old.pages));
	return 0;
}
EXPORT_SYMBOL_GPL(kho_unpreserve_vmalloc);

/**
 * kho_mem_list() - note a range of a mem property
 * @mem: the range
 *
 * Either all of it is preserved already, or it is from now on, until
 * kho_mem_unlist().
 *
 * Context: holds the activation lock.
 * Return: 0; -EINVAL; -EEXIST if it is listed already, or preserved in part;
 * -ENOMEM.
 */
int kho_mem_list(const struct kho_mem *mem)
{
	MA_STATE(mas, &listed, 0, 0);
	unsigned long pfn = PHYS_PFN(mem->addr), nr = PHYS_PFN(mem->len);
	bool covered;
	int err;

	guard(mutex)(&lock);
	if (!nr || !PAGE_ALIGNED(mem->addr | mem->len) || !is_usable(pfn, nr))
		return unusable(mem->addr, mem->len);
	mas_set_range(&mas, pfn, pfn + nr - 1);
	if (mas_find(&mas, pfn + nr - 1)) {
		pr_err("%#llx+%#llx is in another mem property already\n",
		       mem->addr, mem->len);
		return -EEXIST;
	}
	covered = is_covered(pfn, pfn + nr);
	if (!covered && !is_free(pfn, pfn + nr)) {
		pr_err("%#llx+%#llx is preserved in part only\n", mem->addr,
		       mem->len);
		return -EEXIST;
	}

	err = covered ? 0 : preserve_locked(pfn_to_page(pfn), nr);
	if (err)
		return err;
	mas_set_range(&mas, pfn, pfn + nr - 1);
	err = mas_store_gfp(&mas, covered ? LISTED_TOO : LISTED, GFP_KERNEL);
	if (err && !covered)
		clear(pfn, pfn + nr);
	return err;
}

/**
 * kho_mem_unlist() - forget all ranges of mem properties
 *
 * Context: holds the activation lock.
 */
void kho_mem_unlist(void)
{
	MA_STATE(mas, &listed, 0, 0);
	void *entry;

	guard(mutex)(&lock);
	mas_for_each(&mas, entry, ULONG_MAX)
		if (entry == LISTED)
			clear(mas.index, mas.last + 1);
	__mt_destroy(&listed);
}

/**
 * kho_mem_is_listed() - whether a range was listed, and is preserved
 * @mem: the range
 *
 * Return: true if kho_mem_list() was called for just this range, and all of it
 * is still preserved.
 */
bool kho_mem_is_listed(const struct kho_mem *mem)
{
	MA_STATE(mas, &listed, PHYS_PFN(mem->addr), PHYS_PFN(mem->addr));
	unsigned long first = PHYS_PFN(mem->addr), nr = PHYS_PFN(mem->len);

	if (!PAGE_ALIGNED(mem->addr | mem->len))
		return false;

	guard(mutex)(&lock);
	return mas_walk(&mas) && mas.index == first &&
	       mas.last == first + nr - 1 && is_covered(first, first + nr);
}

/**
 * kho_mem_nr_listed() - how often kho_mem_list() succeeded
 *
 * Return: the number since kho_mem_unlist().
 */
unsigned long kho_mem_nr_listed(void)
{
	MA_STATE(mas, &listed, 0, 0);
	unsigned long nr = 0;

	guard(mutex)(&lock);
	while (mas_find(&mas, ULONG_MAX))
		nr++;
	return nr;
}

static void free_table(struct kho_table *table)
{
	while (table->nr) {
		struct kho_mem *part = &table->part[--table->nr];

		free_pages((unsigned long)phys_to_virt(part->addr),
			   get_order(part->len));
	}
	kvfree(table->part);
	table->part = NULL;
}

/* The largest piece of memory that is to be had for up to @len bytes */
static int new_part(struct kho_table *table, size_t len)
{
	int order = min(get_order(len), MAX_PAGE_ORDER);
	void *p = NULL;

	for (; order >= 0 && !p; order--)
		p = kho_alloc_boot(GFP_KERNEL | __GFP_NOWARN |
				   (order ? __GFP_NORETRY : 0), order);
	if (!p)
		return -ENOMEM;

	table->part[table->nr++] = (struct kho_mem){
		.addr = virt_to_phys(p),
		.len = min_t(size_t, len, PAGE_SIZE << (order + 1)),
	};
	return 0;
}

static int alloc_table(struct kho_table *table, size_t len)
{
	int err = 0;

	table->part = kvcalloc(DIV_ROUND_UP(len, PAGE_SIZE) ?: 1,
			       sizeof(*table->part), GFP_KERNEL);
	if (!table->part)
		return -ENOMEM;

	while (len && !err) {
		err = new_part(table, len);
		if (!err)
			len -= table->part[table->nr - 1].len;
	}
	if (err)
		free_table(table);
	return err;
}

/**
 * struct encoder - a pass over all chunks that makes entries of them
 * @table: where they go; NULL if they are only counted
 * @e:     where the next one goes
 * @end:   end of the part of the table that has this
 * @part:  the next part
 * @nr:    number of entries so far
 * @bitmaps: how many of them are chunks
 * @run:   an extent that may go on in the next chunk, if its length is not zero
 * @order: the order of its folios
 */
struct encoder {
	struct kho_table *table;
	struct kho_entry *e;
	struct kho_entry *end;
	const struct kho_mem *part;
	size_t nr;
	size_t bitmaps;
	struct kho_mem run;
	unsigned int order;
};

static void emit(struct encoder *enc, const struct kho_entry *e)
{
	enc->nr++;
	if (!enc->table)
		return;

	if (enc->e == enc->end) {
		enc->e = phys_to_virt(enc->part->addr);
		enc->end = (void *)enc->e + enc->part->len;
		enc->part++;
	}
	*enc->e++ = *e;
}

static void end_run(struct encoder *enc)
{
	if (!enc->run.len)
		return;

	emit(enc, &(struct kho_entry){
		.addr = cpu_to_be64(enc->run.addr),
		.len = cpu_to_be64(enc->run.len),
		.type = cpu_to_be32(KHO_ENTRY_EXTENT),
		.shift = cpu_to_be32(PAGE_SHIFT + enc->order),
	});
	enc->run.len = 0;
}

static void add_run(struct encoder *enc, u64 addr, u64 len, unsigned int order)
{
	if (enc->run.addr + enc->run.len != addr || enc->order != order) {
		end_run(enc);
		enc->run.addr = addr;
		enc->order = order;
	}
	enc->run.len += len;
}

static void add_bits(struct encoder *enc, unsigned long index,
		     const struct chunk *c)
{
	end_run(enc);
	enc->bitmaps++;
	emit(enc, &(struct kho_entry){
		.addr = cpu_to_be64(index * KHO_CHUNK_BYTES(PAGE_SHIFT)),
		.len = cpu_to_be64(KHO_CHUNK_BYTES(PAGE_SHIFT)),
		.type = cpu_to_be32(KHO_ENTRY_BITMAP),
		.shift = cpu_to_be32(PAGE_SHIFT),
		.bitmap = cpu_to_be64(virt_to_phys(c->bits)),
	});
	if (!enc->table)
		return;

	enc->table->crc = kho_crc(enc->table->crc, c->bits, PAGE_SIZE);
	enc->table->bytes += PAGE_SIZE;
}

static unsigned long folio_pages(const struct chunk *c, unsigned long bit)
{
	return find_next_zero_bit(c->joined, CHUNK_PAGES, bit + 1) - bit;
}

/* Pages from one on that are preserved in folios of the same size */
static unsigned long run_pages(const struct chunk *c, unsigned long bit)
{
	unsigned long stop = find_next_zero_bit(c->bits, CHUNK_PAGES, bit);
	unsigned long nr = folio_pages(c, bit), end = bit + nr;

	if (c->order != MIXED)
		return stop - bit;
	if (nr == 1) {
		/* A page before one that is joined is the head of a folio */
		end = find_next_bit(c->joined, stop, bit);
		return (end < stop ? end - 1 : stop) - bit;
	}
	while (end < stop && folio_pages(c, end) == nr)
		end += nr;
	return end - bit;
}

static bool has_few_runs(const struct chunk *c)
{
	unsigned long bit = find_first_bit(c->bits, CHUNK_PAGES);
	unsigned int nr = 0;

	while (bit < CHUNK_PAGES && nr <= MAX_RUNS) {
		bit = find_next_bit(c->bits, CHUNK_PAGES, bit + run_pages(c, bit));
		nr++;
	}
	return nr <= MAX_RUNS;
}

static void encode_chunk(struct encoder *enc, unsigned long index,
			 const struct chunk *c)
{
	u64 addr = index * KHO_CHUNK_BYTES(PAGE_SHIFT);
	unsigned long bit, nr;

	if (!has_few_runs(c)) {
		add_bits(enc, index, c);
		return;
	}
	for_each_set_bit(bit, c->bits, CHUNK_PAGES) {
		nr = run_pages(c, bit);
		add_run(enc, addr + PFN_PHYS((u64)bit), PFN_PHYS((u64)nr),
			ilog2(folio_pages(c, bit)));
		bit += nr - 1;
	}
}

static void encode(struct encoder *enc)
{
	unsigned long index;
	struct chunk *c;

	xa_for_each(&chunks, index, c) {
		encode_chunk(enc, index, c);
		cond_resched();
	}
	end_run(enc);
}

/* The next kernel is not told of what was added since */
static u64 boot_bytes(void)
{
	unsigned int i;
	u64 pages = 0;

	for (i = 0; i < areas; i++)
		pages += area[i].end - area[i].first;
	return PFN_PHYS(pages) + kho_scratch.len;
}

static int cmp_addr(const void *a, const void *b)
{
	const struct kho_mem *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

/* The pages that have the table and the bits of chunks, sorted */
static int find_meta(const struct kho_table *table, struct kho_walk *w,
		     size_t bitmaps)
{
	struct kho_mem *meta, *m;
	unsigned long index;
	struct chunk *c;
	unsigned int i;

	w->metas = table->nr + bitmaps;
	meta = kvmalloc_array(w->metas ?: 1, sizeof(*meta), GFP_KERNEL);
	if (!meta)
		return -ENOMEM;

	for (m = meta, i = 0; i < table->nr; i++, m++) {
		m->addr = table->part[i].addr;
		m->len = PAGE_ALIGN(table->part[i].len);
	}
	xa_for_each(&chunks, index, c)
		if (!has_few_runs(c))
			*m++ = (struct kho_mem){ virt_to_phys(c->bits), PAGE_SIZE };
	sort(meta, w->metas, sizeof(*meta), cmp_addr, NULL);
	w->meta = meta;
	return 0;
}

static bool is_boot_range(u64 addr, u64 len)
{
	return was_there_at_boot(PHYS_PFN(addr), PHYS_PFN(len));
}

/* The next kernel is likely to have a crash kernel as large as ours */
static u64 crashkernel_bytes(void)
{
	if (!IS_ENABLED(CONFIG_CRASH_RESERVE))
		return 0;
	return (crashk_res.end ? resource_size(&crashk_res) : 0) +
	       (crashk_low_res.end ? resource_size(&crashk_low_res) : 0);
}

/* How much memory the next kernel has to boot in, besides scratch */
static int find_room(struct kho_table *table, size_t bitmaps)
{
	struct kho_plan *plan __free(kfree) = kmalloc(sizeof(*plan), GFP_KERNEL);
	struct kho_walk walk = { .part = table->part, .parts = table->nr };
	u64 usable = table->ram - kho_scratch.len, taken;
	int err;

	err = plan ? find_meta(table, &walk, bitmaps) : -ENOMEM;
	if (err)
		return err;

	kho_plan_make(plan, &walk, is_boot_range, usable,
		      kho_ample_room(table->ram));
	taken = plan->held + kho_firmware_bytes + crashkernel_bytes();
	table->left = usable - min(usable, taken);
	kvfree(walk.meta);
	return 0;
}

/**
 * kho_mem_freeze() - keep the set of preserved memory as it is and encode it
 * @table: filled with the table
 *
 * Context: holds the activation lock. May sleep.
 * Return: 0 or -ENOMEM.
 */
int kho_mem_freeze(struct kho_table *table)
{
	struct encoder count = { };
	unsigned int i;
	int err;

	guard(mutex)(&lock);
	*table = (struct kho_table){ .ram = boot_bytes() };
	encode(&count);
	err = alloc_table(table, count.nr * sizeof(struct kho_entry));
	if (err)
		return err;

	encode(&(struct encoder){ .table = table, .part = table->part });
	for (i = 0; i < table->nr; i++) {
		const struct kho_mem *part = &table->part[i];

		table->crc = kho_crc(table->crc, phys_to_virt(part->addr),
				     part->len);
		table->bytes += part->len;
	}

	err = find_room(table, count.bitmaps);
	if (err) {
		free_table(table);
		return err;
	}
	frozen = true;
	return 0;
}

/**
 * kho_mem_thaw() - undo kho_mem_freeze()
 * @table: what that filled in
 *
 * Context: holds the activation lock.
 */
void kho_mem_thaw(struct kho_table *table)
{
	guard(mutex)(&lock);
	frozen = false;
	free_table(table);
}

/**
 * kho_mem_check() - whether a kernel with pages of another size can take it all
 * @table:      the table of an active handover
 * @page_shift: log2 of that size
 * @why:        filled with the reason if it cannot
 *
 * Of its largest folios, only the usual order for that size is known.
 *
 * Context: holds the activation lock.
 * Return: 0 or -EINVAL.
 */
int kho_mem_check(const struct kho_table *table, unsigned int page_shift,
		  struct kho_why *why)
{
	unsigned int max_order = page_shift >= 16 ? 13 : page_shift >= 14 ? 11 : 10;
	unsigned int i;
	int err = 0;

	for (i = 0; i < table->nr; i++) {
		const struct kho_entry *e = phys_to_virt(table->part[i].addr);
		const struct kho_entry *end = (void *)e + table->part[i].len;

		for (; !err && e < end; e++) {
			err = kho_entry_check(e, 0, page_shift, max_order, why);
			if (!err && e->bitmap)
				err = kho_bits_check(phys_to_virt(be64_to_cpu(e->bitmap)),
						     PAGE_SHIFT, page_shift,
						     max_order, why);
		}
	}
	return err;
}

/**
 * kho_mem_empty() - whether nothing at all is preserved
 *
 * Return: true if so.
 */
bool kho_mem_empty(void)
{
	return xa_empty(&chunks);
}

/**
 * kho_mem_nr_pages() - how much is preserved
 *
 * Return: number of pages.
 */
unsigned long kho_mem_nr_pages(void)
{
	unsigned long index, nr = 0;
	struct chunk *c;

	guard(mutex)(&lock);
	xa_for_each(&chunks, index, c)
		nr += c->nr;
	return nr;
}

/**
 * kho_mem_walk() - go through what is preserved, in ascending order
 * @fn: is called with each run of pages
 *
 * Context: a handover is active. Takes no lock: a CPU may have stopped with it.
 */
void kho_mem_walk(void (*fn)(unsigned long pfn, unsigned long nr))
{
	unsigned long index, bit, end;
	struct chunk *c;

	xa_for_each(&chunks, index, c)
		for_each_set_bitrange(bit, end, c->bits, CHUNK_PAGES)
			fn(index * CHUNK_PAGES + bit, end - bit);
}

#if IS_ENABLED(CONFIG_KEXEC_HANDOVER_KUNIT_TEST)
#include "kexec_kho_mem_test.c"
#endif
