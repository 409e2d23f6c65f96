// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kexec HandOver: the set of what this kernel preserves.
 *
 * Memory is cut into chunks, and there is a struct for each in which anything is
 * preserved: so a handover costs as much as there are chunks.
 *
 * A handover that is being written, or is active, relies on the set. Whatever
 * changes the set then makes that handover void, and it is made anew at the jump:
 * so drivers can preserve memory, and give it up, at any time but during the jump.
 */
#define pr_fmt(fmt) "kho: " fmt

#include <linux/cleanup.h>
#include <linux/export.h>
#include <linux/kexec_handover_mm.h>
#include <linux/maple_tree.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/page_ref.h>
#include <linux/sched.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "kexec_kho_chunk.h"

#define NO_INDEX	ULONG_MAX

/* Protects all of this file's; to hold the set is to have it locked */
DEFINE_MUTEX(kho_track_lock);

/* Chunks in which anything is preserved, by their number */
static DEFINE_XARRAY(kho_chunks);
/**
 * struct kho_hot - a chunk that was looked up before
 * @chunk: all of it is ordinary memory, and nothing relies on the set: what looks
 *	ordinary there can be preserved without further ado
 * @index: its number, or NO_INDEX if there is none
 */
struct kho_hot {
	struct kho_chunk *chunk;
	unsigned long index;
};

/* One that has bits, and one that has none */
static struct kho_hot kho_hot_pages = { .index = NO_INDEX };
static struct kho_hot kho_hot_folios = { .index = NO_INDEX };

/*
 * Page frame ranges of the mem properties of the handover that is being written, or
 * is active: LISTED is preserved for that only, LISTED_TOO by somebody else as well.
 */
#define LISTED		xa_mk_value(1)
#define LISTED_TOO	xa_mk_value(0)
static struct maple_tree kho_listed =
	MTREE_INIT_EXT(kho_listed, MT_FLAGS_LOCK_EXTERN, kho_track_lock);

/**
 * enum kho_use - what relies on the set
 * @KHO_USE_NONE: nothing
 * @KHO_USE_HANDOVER: a handover that is being written or is active
 * @KHO_USE_VOID: that, but the set has changed since
 * @KHO_USE_JUMP: a handover that is on its way
 */
static enum kho_use {
	KHO_USE_NONE,
	KHO_USE_HANDOVER,
	KHO_USE_VOID,
	KHO_USE_JUMP,
} kho_use;

/* Who writes a handover adds to the set what belongs to it */
static struct task_struct *kho_writer;
/* Tells notifiers that a handover is void: their locks may be held where it becomes so */
static struct work_struct *kho_void_work;

static void forget_hot(void)
{
	kho_hot_pages.index = NO_INDEX;
	kho_hot_folios.index = NO_INDEX;
}

static struct kho_chunk *find_chunk(unsigned long index)
{
	struct kho_chunk *c;
	struct kho_hot *hot;

	if (kho_hot_pages.index == index)
		return kho_hot_pages.chunk;

	c = xa_load(&kho_chunks, index);
	if (c && c->whole && kho_use == KHO_USE_NONE) {
		hot = c->bits ? &kho_hot_pages : &kho_hot_folios;
		*hot = (struct kho_hot){ c, index };
	}
	return c;
}

static struct kho_chunk *new_chunk(unsigned long index, unsigned int order,
				   unsigned int block)
{
	struct kho_chunk *c = kho_chunk_new(index, order, block);

	if (c && xa_is_err(xa_store(&kho_chunks, index, c, GFP_KERNEL))) {
		kho_chunk_free(c);
		return NULL;
	}
	return c;
}

static void drop_chunk(unsigned long index)
{
	forget_hot();
	kho_chunk_free(xa_erase(&kho_chunks, index));
}

/**
 * struct kho_span - pages of a range that are in one chunk
 * @chunk: the chunk, NULL if nothing in it is preserved
 * @index: its number
 * @bit:   the first page, in the chunk
 * @nr:    number of pages
 */
struct kho_span {
	struct kho_chunk *chunk;
	unsigned long index;
	unsigned long bit;
	unsigned long nr;
};

static __always_inline struct kho_span span_at(unsigned long pfn, unsigned long end)
{
	unsigned long bit = pfn % CHUNK_PAGES;

	return (struct kho_span){
		.chunk = find_chunk(pfn / CHUNK_PAGES),
		.index = pfn / CHUNK_PAGES,
		.bit = bit,
		.nr = min(end - pfn, CHUNK_PAGES - bit),
	};
}

#define for_each_span(s, pfn, end)					\
	for (unsigned long __pfn = (pfn);				\
	     __pfn < (end) && ((s) = span_at(__pfn, end), true);	\
	     __pfn += (s).nr)

static bool is_any_preserved(unsigned long pfn, unsigned long end)
{
	struct kho_span s;

	for_each_span(s, pfn, end)
		if (s.chunk && kho_chunk_next(s.chunk, s.bit) < s.bit + s.nr)
			return true;
	return false;
}

static bool is_all_preserved(unsigned long pfn, unsigned long end)
{
	struct kho_span s;

	for_each_span(s, pfn, end)
		if (!s.chunk || kho_chunk_stop(s.chunk, s.bit) < s.bit + s.nr)
			return false;
	return true;
}

/* Whether any of some preserved pages is in a folio of several */
static bool is_any_joined(unsigned long pfn, unsigned long end)
{
	struct kho_span s;

	/* If the page behind is joined, the last one here is its head */
	for_each_span(s, pfn, end) {
		unsigned long stop = min(s.bit + s.nr + 1, CHUNK_PAGES);

		if (s.chunk->bits ?
		    find_next_bit(kho_chunk_joined(s.chunk), stop, s.bit) < stop :
		    s.chunk->order)
			return true;
	}
	return false;
}

/* Whether just these pages, a power of two, are preserved as a folio */
static bool is_folio(unsigned long pfn, unsigned long nr)
{
	unsigned long bit = pfn % CHUNK_PAGES;
	struct kho_chunk *c = find_chunk(pfn / CHUNK_PAGES);

	return c && kho_chunk_next(c, bit) == bit && !kho_chunk_is_joined(c, bit) &&
	       kho_chunk_folio(c, bit) == nr;
}

/* Whether a mem property preserves any of a range, and nobody else */
static bool is_listed_only(unsigned long pfn, unsigned long end)
{
	MA_STATE(mas, &kho_listed, pfn, pfn);
	void *entry;

	if (mtree_empty(&kho_listed))
		return false;
	mas_for_each(&mas, entry, end - 1)
		if (entry == LISTED)
			return true;
	return false;
}

/**
 * kho_track_has() - whether somebody preserves memory in just this way
 * @pfn:   the first page
 * @nr:    how many; a power of two for a folio
 * @folio: as a folio of so many pages; else as pages
 *
 * Context: holds the set.
 * Return: true if so; what is only in a mem property does not count.
 */
bool kho_track_has(unsigned long pfn, unsigned long nr, bool folio)
{
	unsigned long end = pfn + nr;

	lockdep_assert_held(&kho_track_lock);
	if (is_listed_only(pfn, end))
		return false;
	return folio ? is_folio(pfn, nr) :
		is_all_preserved(pfn, end) && !is_any_joined(pfn, end);
}

/**
 * kho_track_has_all() - whether all of some memory is preserved, however
 * @pfn: the first page
 * @nr:  how many
 *
 * Context: may sleep.
 * Return: true if so.
 */
bool kho_track_has_all(unsigned long pfn, unsigned long nr)
{
	guard(mutex)(&kho_track_lock);
	return is_all_preserved(pfn, pfn + nr);
}

/* A folio, or block, that a range cuts is pages from then on: have bits for them */
static int prepare_cut(unsigned long pfn)
{
	struct kho_chunk *c = find_chunk(pfn / CHUNK_PAGES);

	if (!c || !kho_chunk_is_in_block(c, pfn % CHUNK_PAGES))
		return 0;
	forget_hot();
	return kho_chunk_expand(c);
}

static void cut_folio(unsigned long pfn)
{
	struct kho_chunk *c = find_chunk(pfn / CHUNK_PAGES);

	if (c && kho_chunk_is_joined(c, pfn % CHUNK_PAGES))
		kho_chunk_cut(c, pfn % CHUNK_PAGES);
}

static void clear_range(unsigned long pfn, unsigned long end)
{
	struct kho_span s;

	for_each_span(s, pfn, end) {
		struct kho_chunk *c = s.chunk;

		if (!c)
			continue;
		kho_chunk_drop(c, s.bit, s.nr);
		if (!c->nr)
			drop_chunk(s.index);
	}
}

/* Forget what mem properties list */
static void unlist(void)
{
	MA_STATE(mas, &kho_listed, 0, 0);
	void *entry;

	mas_for_each(&mas, entry, ULONG_MAX)
		if (entry == LISTED)
			clear_range(mas.index, mas.last + 1);
	__mt_destroy(&kho_listed);
}

/* Whoever takes part hears of it from a work item */
static void make_void(void)
{
	kho_use = KHO_USE_VOID;
	unlist();
	queue_work(system_unbound_wq, kho_void_work);
}

/**
 * kho_track_change() - what a handover has relied on is no longer true
 *
 * Makes a handover void that is being written or is active. What only that
 * preserved, for a mem property, is no longer preserved.
 *
 * Context: holds the set. May sleep.
 * Return: 0; -EBUSY during the jump: then nothing must change.
 */
int kho_track_change(void)
{
	lockdep_assert_held(&kho_track_lock);
	if (kho_use == KHO_USE_NONE || kho_use == KHO_USE_VOID ||
	    kho_writer == current)
		return 0;
	if (kho_use == KHO_USE_JUMP)
		return -EBUSY;

	pr_info("what is handed over has changed (%s, pid %d): the handover is aborted, and the jump makes another\n",
		current->comm, task_pid_nr(current));
	make_void();
	return 0;
}

/* Have chunks for a range in which nothing is preserved yet */
static int make_chunks(unsigned long pfn, unsigned long end, unsigned int order)
{
	struct kho_span s;

	for_each_span(s, pfn, end) {
		unsigned int block = kho_block_for(s.bit, s.nr, order);

		if (!s.chunk)
			s.chunk = new_chunk(s.index, order, block);
		if (!s.chunk)
			return -ENOMEM;
		if (s.chunk->bits ||
		    (s.chunk->order == order && s.chunk->block == block))
			continue;
		forget_hot();
		if (kho_chunk_expand(s.chunk))
			return -ENOMEM;
	}
	return 0;
}

static void drop_empty_chunks(unsigned long pfn, unsigned long end)
{
	struct kho_span s;

	for_each_span(s, pfn, end)
		if (s.chunk && !s.chunk->nr)
			drop_chunk(s.index);
}

/* A range of pages, or one folio, wherever it is */
static noinline int preserve_range(unsigned long pfn, unsigned long nr,
				   unsigned int order)
{
	struct kho_mem mem = { .addr = PFN_PHYS((u64)pfn) };
	struct kho_span s;
	int err;

	/* More than there can be is not whole pages */
	if (nr <= PHYS_PFN(PHYS_ADDR_MAX))
		mem.len = PFN_PHYS((u64)nr);
	err = kho_ram_check(&mem, order);
	if (err)
		return err;
	/* What only a node has preserved is free for others: that node is made anew */
	if (kho_writer != current && is_listed_only(pfn, pfn + nr))
		err = kho_track_change();
	if (err)
		return err;
	if (is_any_preserved(pfn, pfn + nr)) {
		pr_err("cannot preserve %#llx+%#llx: it is in part preserved already\n",
		       mem.addr, mem.len);
		return -EEXIST;
	}

	/* First, because it drops chunks in which there is nothing */
	err = kho_track_change() ?: make_chunks(pfn, pfn + nr, order);
	if (err) {
		drop_empty_chunks(pfn, pfn + nr);
		return err;
	}
	for_each_span(s, pfn, pfn + nr)
		kho_chunk_add(s.chunk, s.bit, s.nr, order);
	return 0;
}

static __always_inline int preserve_page_locked(struct page *page)
{
	unsigned long pfn = page_to_pfn(page), bit = pfn % CHUNK_PAGES;
	struct kho_chunk *c = kho_hot_pages.chunk;

	lockdep_assert_held(&kho_track_lock);
	if (kho_hot_pages.index != pfn / CHUNK_PAGES || !kho_page_is_plain(page) ||
	    __test_and_set_bit(bit, c->bits))
		return preserve_range(pfn, 1, 0);

	c->nr++;
	return 0;
}

static __always_inline int preserve_page(struct page *page)
{
	guard(mutex)(&kho_track_lock);
	return preserve_page_locked(page);
}

static noinline int preserve_large(struct page *page, unsigned int order)
{
	unsigned long pfn = page_to_pfn(page), bit = pfn % CHUNK_PAGES;
	struct kho_chunk *c;

	guard(mutex)(&kho_track_lock);
	c = kho_hot_folios.chunk;
	if (kho_hot_folios.index != pfn / CHUNK_PAGES || c->order != order ||
	    !kho_page_is_plain(page) || kho_ram_is_any_poisoned() ||
	    __test_and_set_bit(bit >> order, &c->heads))
		return preserve_range(pfn, 1UL << order, order);

	c->nr += 1UL << order;
	return 0;
}

static noinline int preserve_pages(struct page *page, unsigned long nr)
{
	guard(mutex)(&kho_track_lock);
	return preserve_range(page_to_pfn(page), nr, 0);
}

/**
 * kho_track_add_page() - kho_preserve_pages() for one page
 * @page: the page
 *
 * Context: holds the set.
 * Return: as kho_preserve_folio().
 */
int kho_track_add_page(struct page *page)
{
	return preserve_page_locked(page);
}

/**
 * kho_track_drop_page() - forget a page, if it is preserved
 * @pfn: the page, in no larger folio
 *
 * Context: holds the set, and kho_track_change() has allowed it.
 */
void kho_track_drop_page(unsigned long pfn)
{
	clear_range(pfn, pfn + 1);
}

static int unpreserve(struct page *page, unsigned long nr, bool folio)
{
	unsigned long pfn = page_to_pfn(page), end = pfn + nr;
	int err;

	guard(mutex)(&kho_track_lock);
	if (!kho_track_has(pfn, nr, folio) && kho_is_enabled())
		pr_err("%#llx+%#llx is given up, and was not preserved like that\n",
		       PFN_PHYS((u64)pfn), PFN_PHYS((u64)nr));
	if (!is_any_preserved(pfn, end))
		return 0;

	err = prepare_cut(pfn) ?: prepare_cut(end) ?: kho_track_change();
	if (err)
		return err;
	cut_folio(pfn);
	cut_folio(end);
	clear_range(pfn, end);
	return 0;
}

/**
 * kho_preserve_folio() - preserve a folio across kexec
 * @folio: the folio; it must stay allocated until it is unpreserved
 *
 * The next kernel gets it back with kho_restore_folio(), of the same order. A
 * handover that is active is aborted; the jump makes another.
 *
 * Context: may sleep.
 * Return: 0; -EOPNOTSUPP with kho=off; -EBUSY during the jump; -EEXIST if any of
 * it is preserved already; -ENOMEM; -EINVAL, with a line in the log, if it is
 * larger than the page allocator's largest, in memory that the next kernel cannot
 * keep (scratch, CMA, reserved since early boot), not its owner's alone (slab,
 * free, movable and not pinned), or broken.
 */
int kho_preserve_folio(struct folio *folio)
{
	unsigned int order = folio_order(folio);

	if (!order)
		return preserve_page(&folio->page);
	if (order <= MAX_PAGE_ORDER)
		return preserve_large(&folio->page, order);
	pr_err("cannot preserve a folio of order %u: %d is the largest\n",
	       order, MAX_PAGE_ORDER);
	return -EINVAL;
}
EXPORT_SYMBOL_GPL(kho_preserve_folio);

/**
 * kho_unpreserve_folio() - undo kho_preserve_folio()
 * @folio: the folio
 *
 * If it was not preserved, or not as a folio of this size, the log says so, and
 * whatever is preserved of it no longer is. With kho=off there is nothing to do.
 * A handover that is active is aborted; the jump makes another.
 *
 * Context: may sleep.
 * Return: 0: none of it is preserved any more; -EBUSY during the jump: it is on its
 * way to the next kernel, and must not be freed; -ENOMEM, only for a part of what
 * was preserved as one large folio: all of it still is.
 */
int kho_unpreserve_folio(struct folio *folio)
{
	return unpreserve(&folio->page, folio_nr_pages(folio), true);
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
	return nr_pages == 1 ? preserve_page(page) : preserve_pages(page, nr_pages);
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
	return unpreserve(page, nr_pages, false);
}
EXPORT_SYMBOL_GPL(kho_unpreserve_pages);

/**
 * kho_abort() - what the caller's notifier has written is no longer true
 *
 * For what KHO does not see: a property, or memory that only a mem property
 * preserves, and that the caller wants to free. A handover that is active, or is
 * being written, is aborted; the jump makes another.
 *
 * Context: may sleep; not a notifier. The caller may hold locks that its notifier
 * takes.
 * Return: 0: none of it is handed over like that; -EBUSY during the jump: it is on
 * its way to the next kernel.
 */
int kho_abort(void)
{
	guard(mutex)(&kho_track_lock);
	return kho_track_change();
}
EXPORT_SYMBOL_GPL(kho_abort);

/**
 * kho_track_list() - note a range of a mem property
 * @mem: the range
 *
 * Either all of it is preserved already, or it is from now on, until
 * kho_track_end().
 *
 * Context: the task that called kho_track_begin().
 * Return: 0; -EINVAL; -ENOMEM; -EEXIST if it is listed already, or preserved in part.
 */
int kho_track_list(const struct kho_mem *mem)
{
	MA_STATE(mas, &kho_listed, 0, 0);
	unsigned long pfn = PHYS_PFN(mem->addr), nr = PHYS_PFN(mem->len);
	bool covered;
	int err;

	guard(mutex)(&kho_track_lock);
	/* It will be written again: that nobody hears of an error now is right */
	if (kho_use == KHO_USE_VOID)
		return 0;
	if (!nr || !PAGE_ALIGNED(mem->addr | mem->len) ||
	    !kho_ram_is_usable(pfn, nr))
		return kho_ram_check(mem, false);

	mas_set_range(&mas, pfn, pfn + nr - 1);
	if (mas_find(&mas, pfn + nr - 1)) {
		pr_err("%#llx+%#llx is in another mem property already\n",
		       mem->addr, mem->len);
		return -EEXIST;
	}
	covered = is_all_preserved(pfn, pfn + nr);
	if (!covered && is_any_preserved(pfn, pfn + nr)) {
		pr_err("%#llx+%#llx is preserved in part only\n", mem->addr,
		       mem->len);
		return -EEXIST;
	}

	err = covered ? 0 : preserve_range(pfn, nr, 0);
	if (err)
		return err;
	mas_set_range(&mas, pfn, pfn + nr - 1);
	err = mas_store_gfp(&mas, covered ? LISTED_TOO : LISTED, GFP_KERNEL);
	if (err && !covered)
		clear_range(pfn, pfn + nr);
	return err;
}

/**
 * kho_track_is_listed() - whether a range was listed, and is preserved
 * @mem: the range
 *
 * Return: true if kho_track_list() was called for just this range, and all of it
 * is still preserved.
 */
bool kho_track_is_listed(const struct kho_mem *mem)
{
	MA_STATE(mas, &kho_listed, PHYS_PFN(mem->addr), PHYS_PFN(mem->addr));
	unsigned long first = PHYS_PFN(mem->addr), nr = PHYS_PFN(mem->len);

	if (!PAGE_ALIGNED(mem->addr | mem->len))
		return false;

	guard(mutex)(&kho_track_lock);
	return mas_walk(&mas) && mas.index == first &&
	       mas.last == first + nr - 1 && is_all_preserved(first, first + nr);
}

/**
 * kho_track_nr_listed() - how often kho_track_list() succeeded
 *
 * Return: the number since kho_track_begin().
 */
unsigned long kho_track_nr_listed(void)
{
	MA_STATE(mas, &kho_listed, 0, 0);
	unsigned long nr = 0;

	guard(mutex)(&kho_track_lock);
	while (mas_find(&mas, ULONG_MAX))
		nr++;
	return nr;
}

/**
 * kho_track_begin() - rely on the set, to write a handover
 * @work: is scheduled when that becomes void
 *
 * Until kho_track_encode(), what the caller changes itself belongs to the handover.
 *
 * Context: holds the activation lock.
 */
void kho_track_begin(struct work_struct *work)
{
	guard(mutex)(&kho_track_lock);
	kho_use = KHO_USE_HANDOVER;
	forget_hot();
	kho_writer = current;
	kho_void_work = work;
}

/**
 * kho_track_encode() - make the memory table
 * @table: filled with the table
 *
 * Context: holds the activation lock, after kho_track_begin(). May sleep.
 * Return: 0; -ENOMEM; -ESTALE if the set has changed meanwhile; -EIO if the hardware
 * has failed in something preserved, with a line in the log.
 */
int kho_track_encode(struct kho_table *table)
{
	guard(mutex)(&kho_track_lock);
	kho_writer = NULL;
	if (kho_use == KHO_USE_VOID)
		return -ESTALE;
	return kho_chunks_check_hardware(&kho_chunks) ?: kho_table_make(table, &kho_chunks);
}

/**
 * kho_track_end() - no longer rely on the set
 *
 * Context: holds the activation lock.
 */
void kho_track_end(void)
{
	guard(mutex)(&kho_track_lock);
	/* The handover is marked inactive before; see kho_out_is_active() */
	smp_store_release(&kho_use, KHO_USE_NONE);
	kho_writer = NULL;
	unlist();
}

/**
 * kho_track_is_void() - whether the handover that relies on the set is void
 *
 * Return: true if the set has changed since kho_track_begin().
 */
bool kho_track_is_void(void)
{
	/* Pairs with kho_track_end() */
	return smp_load_acquire(&kho_use) == KHO_USE_VOID;
}

/**
 * kho_track_seal() - let nothing change any more: the jump is under way
 * @table: the table of the active handover
 * @page_shift: log2 of the page size of the kernel that takes it, or 0
 * @why: filled with the reason if such a kernel cannot
 *
 * Context: holds the activation lock.
 * Return: 0; -ESTALE if the handover is void, or now is; -EIO as kho_track_encode(); -EINVAL if
 * the kernel cannot take it.
 */
int kho_track_seal(const struct kho_table *table, unsigned int page_shift,
		   struct kho_why *why)
{
	int err;

	guard(mutex)(&kho_track_lock);
	if (kho_use != KHO_USE_HANDOVER)
		return -ESTALE;
	if (!kho_table_is_sound(table)) {
		pr_info("the hardware has failed in the memory table: the handover is aborted, and the jump makes another\n");
		make_void();
		return -ESTALE;
	}
	err = kho_chunks_check_hardware(&kho_chunks);
	if (!err && page_shift && page_shift != PAGE_SHIFT)
		err = kho_table_check(table, page_shift, why);
	if (!err)
		kho_use = KHO_USE_JUMP;
	return err;
}

/**
 * kho_track_unseal() - there is no jump after all
 *
 * Some may have been told meanwhile that it is too late for a change: if it was
 * sealed, the handover is void.
 */
void kho_track_unseal(void)
{
	guard(mutex)(&kho_track_lock);
	if (kho_use != KHO_USE_JUMP)
		return;
	pr_info("kexec does not go on: the handover is aborted, and the next try makes another\n");
	make_void();
}

/**
 * kho_track_is_sealed() - whether the jump is under way
 *
 * Return: true if so.
 */
bool kho_track_is_sealed(void)
{
	return READ_ONCE(kho_use) == KHO_USE_JUMP;
}

/**
 * kho_track_empty() - whether nothing at all is preserved
 *
 * Return: true if so.
 */
bool kho_track_empty(void)
{
	return xa_empty(&kho_chunks);
}

/**
 * kho_track_nr_pages() - how much is preserved
 *
 * Return: number of pages.
 */
unsigned long kho_track_nr_pages(void)
{
	unsigned long index, nr = 0;
	struct kho_chunk *c;

	guard(mutex)(&kho_track_lock);
	xa_for_each(&kho_chunks, index, c)
		nr += c->nr;
	return nr;
}

/**
 * kho_track_walk() - go through what is preserved, in ascending order
 * @fn: is called with each run of pages
 *
 * Context: the jump, see KEXEC_KHO_JUMP. Takes no lock: a CPU may have stopped
 * with it.
 */
void kho_track_walk(void (*fn)(unsigned long pfn, unsigned long nr))
{
	kho_chunks_walk(&kho_chunks, fn);
}

#if IS_ENABLED(CONFIG_KEXEC_HANDOVER_KUNIT_TEST)
#include "kexec_kho_track_test.c"
#endif
