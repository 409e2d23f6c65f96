// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kexec HandOver: the memory that this kernel preserves.
 *
 * Keeps track of what drivers preserve, and encodes it as the memory table that
 * the next kernel reads before anything else. Adjacent ranges become one, so
 * that both cost as much as there are ranges, whatever their length.
 */
#define pr_fmt(fmt) "kho: " fmt

#include <linux/cleanup.h>
#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/kexec_handover_mm.h>
#include <linux/maple_tree.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/xarray.h>

#include "kexec_kho_internal.h"

/*
 * Page frame ranges. In @preserved, the value of a range is the order of its
 * folios, with LISTED for what only a mem property of the activation under way
 * preserves. @listed has all ranges of these properties.
 */
#define LISTED		BIT(8)

static DEFINE_MUTEX(lock);
static struct maple_tree preserved =
	MTREE_INIT_EXT(preserved, MT_FLAGS_LOCK_EXTERN, lock);
static struct maple_tree listed =
	MTREE_INIT_EXT(listed, MT_FLAGS_LOCK_EXTERN, lock);
static bool frozen;

/*
 * The RAM that was there at boot, sorted: the next kernel is told of that only,
 * not of what was added since.
 */
static struct kho_mem *boot_ram;
static unsigned int boot_rams;

static int __init count_ram(unsigned long pfn, unsigned long nr, void *arg)
{
	boot_rams++;
	return 0;
}

static int __init add_ram(unsigned long pfn, unsigned long nr, void *arg)
{
	boot_ram[boot_rams++] = (struct kho_mem){
		.addr = PFN_PHYS((u64)pfn),
		.len = PFN_PHYS((u64)nr),
	};
	return 0;
}

static int __init note_boot_ram(void)
{
	if (!kho_is_enabled())
		return 0;

	walk_system_ram_range(0, PHYS_PFN(PHYS_ADDR_MAX), NULL, count_ram);
	boot_ram = kvcalloc(boot_rams, sizeof(*boot_ram), GFP_KERNEL);
	boot_rams = 0;
	if (!boot_ram)
		return -ENOMEM;

	walk_system_ram_range(0, PHYS_PFN(PHYS_ADDR_MAX), NULL, add_ram);
	return 0;
}
core_initcall(note_boot_ram);

/* Firmware's map may cut RAM in pieces that touch each other */
static bool is_boot_ram(u64 addr, u64 len)
{
	u64 end = addr + len;
	unsigned int i;

	for (i = 0; i < boot_rams && boot_ram[i].addr <= addr; i++) {
		if (boot_ram[i].addr + boot_ram[i].len > addr)
			addr = boot_ram[i].addr + boot_ram[i].len;
		if (addr >= end)
			return true;
	}
	return false;
}

/**
 * kho_mem_is_boot() - whether the next kernel can find some memory
 * @p:   the memory
 * @len: bytes
 *
 * For what crosses kexec without being preserved. Says so if not.
 *
 * Return: true if it was there at boot.
 */
bool kho_mem_is_boot(void *p, size_t len)
{
	if (is_boot_ram(virt_to_phys(p), len))
		return true;

	pr_err("memory for the handover came from what was added after boot, which the next kernel does not know\n");
	return false;
}

/* Whether a range can be preserved at all. Says why not. */
static bool usable(u64 addr, u64 len)
{
	if (!len || !PAGE_ALIGNED(addr | len) || addr + len < addr) {
		pr_err("cannot preserve %#llx+%#llx: it is not whole pages\n",
		       addr, len);
		return false;
	}
	if (kho_scratch_overlaps(addr, len)) {
		pr_err("cannot preserve %#llx+%#llx: it is in scratch (movable pages must be migrated first)\n",
		       addr, len);
		return false;
	}
	if (!is_boot_ram(addr, len)) {
		pr_err("cannot preserve %#llx+%#llx: it is not all RAM that was there at boot\n",
		       addr, len);
		return false;
	}
	return true;
}

static bool is_free(struct maple_tree *tree, unsigned long first,
		    unsigned long last)
{
	MA_STATE(mas, tree, first, last);

	return !mas_find(&mas, last);
}

/* The value of the one entry that has all of the range, or NULL */
static void *covering(struct maple_tree *tree, unsigned long first,
		      unsigned long last)
{
	MA_STATE(mas, tree, first, first);
	void *entry = mas_walk(&mas);

	return entry && mas.last >= last ? entry : NULL;
}

/* Whether entries, of whatever value, have all of the range between them */
static bool is_covered(struct maple_tree *tree, unsigned long first,
		       unsigned long last)
{
	MA_STATE(mas, tree, first, first);

	for (;;) {
		if (!mas_walk(&mas))
			return false;
		if (mas.last >= last)
			return true;
		mas_set(&mas, mas.last + 1);
	}
}

static int store(struct maple_tree *tree, unsigned long first,
		 unsigned long last, void *value)
{
	MA_STATE(mas, tree, first, last);

	return mas_store_gfp(&mas, value, GFP_KERNEL);
}

/* Undoing must not fail: what is undone could never be freed */
static void clear(struct maple_tree *tree, unsigned long first,
		  unsigned long last)
{
	MA_STATE(mas, tree, first, last);

	mas_store_gfp(&mas, NULL, GFP_KERNEL | __GFP_NOFAIL);
}

/* Adjacent ranges with the same value become one */
static int store_merged(struct maple_tree *tree, unsigned long first,
			unsigned long last, void *value)
{
	MA_STATE(mas, tree, first, first);

	if (first) {
		mas_set(&mas, first - 1);
		if (mas_walk(&mas) == value)
			first = mas.index;
	}
	mas_set(&mas, last + 1);
	if (mas_walk(&mas) == value)
		last = mas.last;

	return store(tree, first, last, value);
}

static int preserve_locked(unsigned long pfn, unsigned long nr,
			   unsigned int order)
{
	lockdep_assert_held(&lock);
	if (!kho_is_enabled())
		return -EOPNOTSUPP;
	if (!nr || pfn + nr < pfn || pfn + nr > PHYS_PFN(-1ULL) ||
	    !usable(PFN_PHYS((u64)pfn), PFN_PHYS((u64)nr)))
		return -EINVAL;

	if (frozen)
		return -EBUSY;
	if (!is_free(&preserved, pfn, pfn + nr - 1)) {
		pr_err("cannot preserve %#llx+%#llx: it is in part preserved already\n",
		       PFN_PHYS((u64)pfn), PFN_PHYS((u64)nr));
		return -EEXIST;
	}
	return store_merged(&preserved, pfn, pfn + nr - 1, xa_mk_value(order));
}

static int preserve(unsigned long pfn, unsigned long nr, unsigned int order)
{
	guard(mutex)(&lock);
	return preserve_locked(pfn, nr, order);
}

static int unpreserve_locked(unsigned long pfn, unsigned long nr,
			     unsigned int order)
{
	if (!nr || pfn + nr < pfn)
		return -EINVAL;
	if (frozen)
		return -EBUSY;
	if (covering(&preserved, pfn, pfn + nr - 1) != xa_mk_value(order)) {
		pr_err("cannot unpreserve %#llx+%#llx: it is not preserved like that\n",
		       PFN_PHYS((u64)pfn), PFN_PHYS((u64)nr));
		return -ENOENT;
	}
	clear(&preserved, pfn, pfn + nr - 1);
	return 0;
}

static int unpreserve(unsigned long pfn, unsigned long nr, unsigned int order)
{
	guard(mutex)(&lock);
	return unpreserve_locked(pfn, nr, order);
}

/**
 * kho_preserve_folio() - preserve a folio across kexec
 * @folio: the folio; it must stay allocated until it is unpreserved
 *
 * The next kernel gets it back with kho_restore_folio(), of the same order.
 *
 * Context: may sleep.
 * Return: 0; -EOPNOTSUPP with kho=off; -EBUSY while a handover is active;
 * -EEXIST if it is preserved already; -EINVAL if it lies in scratch (migrate
 * it out first) or is larger than the page allocator's largest; -ENOMEM.
 */
int kho_preserve_folio(struct folio *folio)
{
	unsigned int order = folio_order(folio);

	if (order > MAX_PAGE_ORDER) {
		pr_err("cannot preserve a folio of order %u: %d is the largest\n",
		       order, MAX_PAGE_ORDER);
		return -EINVAL;
	}
	return preserve(folio_pfn(folio), 1UL << order, order);
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
	unsigned int order = folio_order(folio);

	return unpreserve(folio_pfn(folio), 1UL << order, order);
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
	return preserve(page_to_pfn(page), nr_pages, 0);
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
	return unpreserve(page_to_pfn(page), nr_pages, 0);
}
EXPORT_SYMBOL_GPL(kho_unpreserve_pages);

/* Unpreserve the first @nr pages of an area and free the pages that list them */
static void undo_vmalloc(__be64 first, unsigned int nr)
{
	unsigned int i = 0;

	while (first) {
		struct kho_vmalloc_page *list = phys_to_virt(be64_to_cpu(first));
		unsigned int j;

		for (j = 0; i < nr && j < ARRAY_SIZE(list->addr); i++, j++)
			unpreserve_locked(PHYS_PFN(be64_to_cpu(list->addr[j])),
					  1, 0);

		first = list->next;
		unpreserve_locked(PHYS_PFN(virt_to_phys(list)), 1, 0);
		free_page((unsigned long)list);
	}
}

static struct kho_vmalloc_page *new_vmalloc_page(__be64 *link)
{
	struct kho_vmalloc_page *list = (void *)get_zeroed_page(GFP_KERNEL);
	int err;

	if (!list)
		return ERR_PTR(-ENOMEM);

	err = preserve_locked(PHYS_PFN(virt_to_phys(list)), 1, 0);
	if (err) {
		free_page((unsigned long)list);
		return ERR_PTR(err);
	}

	*link = cpu_to_be64(virt_to_phys(list));
	return list;
}

/**
 * kho_preserve_vmalloc() - preserve what vmalloc() returned across kexec
 * @ptr: the area's first byte; it must stay allocated until it is unpreserved
 * @kv:  filled with what kho_restore_vmalloc() wants in the next kernel
 *
 * Context: may sleep.
 * Return: 0; -EINVAL if @ptr is no area that vmalloc() would free with its
 * pages; else as kho_preserve_folio().
 */
int kho_preserve_vmalloc(void *ptr, struct kho_vmalloc *kv)
{
	struct vm_struct *area = find_vm_area(ptr);
	struct kho_vmalloc_page *list = NULL;
	unsigned int i, slot;
	int err = 0;

	if (!area || area->addr != ptr || !area->pages ||
	    area->flags & (VM_IOREMAP | VM_DMA_COHERENT) ||
	    !(area->flags & (VM_ALLOC | VM_MAP_PUT_PAGES))) {
		pr_err("cannot preserve %p: it is not an area of vmalloc()\n",
		       ptr);
		return -EINVAL;
	}

	*kv = (struct kho_vmalloc){
		.pages = cpu_to_be32(area->nr_pages),
		.shift = cpu_to_be32(PAGE_SHIFT),
	};

	/* All under one lock: an activation sees the whole area or nothing */
	guard(mutex)(&lock);
	for (i = 0; i < area->nr_pages; i++) {
		slot = i % ARRAY_SIZE(list->addr);
		if (!slot)
			list = new_vmalloc_page(list ? &list->next : &kv->first);
		err = PTR_ERR_OR_ZERO(list) ?:
		      preserve_locked(page_to_pfn(area->pages[i]), 1, 0);
		if (err)
			break;
		list->addr[slot] = cpu_to_be64(page_to_phys(area->pages[i]));
		if (!slot)
			cond_resched();
	}

	if (err) {
		undo_vmalloc(kv->first, i);
		*kv = (struct kho_vmalloc){ };
	}
	return err;
}
EXPORT_SYMBOL_GPL(kho_preserve_vmalloc);

/**
 * kho_unpreserve_vmalloc() - undo kho_preserve_vmalloc()
 * @kv: what that filled in
 *
 * Context: may sleep.
 * Return: 0; -EBUSY while a handover is active: the area must not be freed.
 */
int kho_unpreserve_vmalloc(const struct kho_vmalloc *kv)
{
	guard(mutex)(&lock);
	if (frozen)
		return -EBUSY;

	undo_vmalloc(kv->first, be32_to_cpu(kv->pages));
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
	unsigned long first = PHYS_PFN(mem->addr);
	unsigned long last = first + PHYS_PFN(mem->len) - 1;
	int err;

	if (!usable(mem->addr, mem->len))
		return -EINVAL;

	guard(mutex)(&lock);
	if (!is_free(&listed, first, last)) {
		pr_err("%#llx+%#llx is in another mem property already\n",
		       mem->addr, mem->len);
		return -EEXIST;
	}

	if (!is_free(&preserved, first, last)) {
		if (!is_covered(&preserved, first, last)) {
			pr_err("%#llx+%#llx is preserved in part only\n",
			       mem->addr, mem->len);
			return -EEXIST;
		}
		return store(&listed, first, last, xa_mk_value(0));
	}

	err = store(&listed, first, last, xa_mk_value(LISTED));
	if (err)
		return err;
	err = store(&preserved, first, last, xa_mk_value(LISTED));
	if (err)
		clear(&listed, first, last);
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
		if (entry == xa_mk_value(LISTED))
			clear(&preserved, mas.index, mas.last);
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
	MA_STATE(mas, &listed, PHYS_PFN(mem->addr), 0);
	unsigned long first = PHYS_PFN(mem->addr);
	unsigned long last = first + PHYS_PFN(mem->len) - 1;

	if (!PAGE_ALIGNED(mem->addr | mem->len))
		return false;

	guard(mutex)(&lock);
	return mas_walk(&mas) && mas.index == first && mas.last == last &&
	       is_covered(&preserved, first, last);
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
	unsigned long addr = 0;

	for (; order >= 0 && !addr; order--)
		addr = __get_free_pages(GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN |
					(order ? __GFP_NORETRY : 0), order);
	if (!addr)
		return -ENOMEM;

	table->part[table->nr++] = (struct kho_mem){
		.addr = virt_to_phys((void *)addr),
		.len = min_t(size_t, len, PAGE_SIZE << (order + 1)),
	};
	return kho_mem_is_boot((void *)addr, PAGE_SIZE << (order + 1)) ? 0 :
								-ENOMEM;
}

static int alloc_table(struct kho_table *table, size_t len)
{
	int err = 0;

	*table = (struct kho_table){ };
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

static void encode(struct kho_table *table)
{
	MA_STATE(mas, &preserved, 0, 0);
	struct kho_mem *part = table->part;
	struct kho_entry *e = NULL, *end = NULL;
	unsigned int i;
	void *entry;

	mas_for_each(&mas, entry, ULONG_MAX) {
		if (e == end) {
			e = phys_to_virt(part->addr);
			end = (void *)e + part->len;
			part++;
		}
		e->addr = cpu_to_be64(PFN_PHYS((u64)mas.index));
		e->len = cpu_to_be64(PFN_PHYS((u64)mas.last - mas.index + 1));
		e->type = cpu_to_be32(KHO_ENTRY_EXTENT);
		e->shift = cpu_to_be32(PAGE_SHIFT +
				       (xa_to_value(entry) & ~LISTED));
		e++;
	}

	for (i = 0; i < table->nr; i++)
		table->crc = kho_crc(table->crc,
				     phys_to_virt(table->part[i].addr),
				     table->part[i].len);
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
	MA_STATE(mas, &preserved, 0, 0);
	size_t nr = 0;
	int err;

	guard(mutex)(&lock);
	while (mas_find(&mas, ULONG_MAX))
		nr++;

	err = alloc_table(table, nr * sizeof(struct kho_entry));
	if (err)
		return err;
	table->entries = nr;

	encode(table);
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
 * kho_mem_empty() - whether nothing at all is preserved
 *
 * Return: true if so.
 */
bool kho_mem_empty(void)
{
	guard(mutex)(&lock);
	return mtree_empty(&preserved);
}
