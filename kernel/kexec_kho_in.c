// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kexec HandOver: who owns what of a handover that was accepted.
 */
#define pr_fmt(fmt) "kho: " fmt

#include <linux/bitmap.h>
#include <linux/cleanup.h>
#include <linux/export.h>
#include <linux/init.h>
#include <linux/io.h>
#include <linux/kexec_handover_mm.h>
#include <linux/libfdt.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

#include "kexec_kho_internal.h"

struct kho_in kho_in = {
	.lock = __MUTEX_INITIALIZER(kho_in.lock),
	.status = "none",
};

/**
 * is_kho_boot() - whether this kernel accepted a handover
 *
 * Return: true if so, from the end of setup_arch() on.
 */
bool is_kho_boot(void)
{
	return kho_in.fdt;
}
EXPORT_SYMBOL_GPL(is_kho_boot);

/**
 * kho_get_fdt() - the FDT that was handed over
 *
 * Read it with libfdt's ordinary functions. It stays where it is.
 *
 * Return: the FDT, or NULL if this kernel accepted no handover.
 */
const void *kho_get_fdt(void)
{
	return kho_in.fdt;
}
EXPORT_SYMBOL_GPL(kho_get_fdt);

/*
 * Before an image that does not carry a handover is executed: its kernel may be
 * told of ours, by a copy of the devicetree that this kernel was booted with.
 */
void kho_in_forget(void)
{
	if (kho_in.fdt)
		fdt_set_magic((void *)kho_in.fdt, 0);
}

/* kexecs since cold boot */
u32 kho_in_count(void)
{
	return kho_in.count;
}

/**
 * kho_get_mem() - a range of a node's mem property
 * @node:  offset of the node in the FDT that was handed over
 * @index: which range
 * @mem:   filled with the range
 *
 * Return: 0, or -ENOENT if there is no such range.
 */
int kho_get_mem(int node, unsigned int index, struct kho_mem *mem)
{
	struct kho_ranges ranges;

	if (!kho_in.fdt || kho_fdt_ranges(kho_in.fdt, node, KHO_PROP_MEM, &ranges) ||
	    index >= ranges.nr)
		return -ENOENT;

	*mem = kho_range(&ranges, index);
	return 0;
}
EXPORT_SYMBOL_GPL(kho_get_mem);

/* See kho_find_extent() */
struct kho_extent *kho_search_extent(u64 addr)
{
	unsigned long low = 0, high = kho_in.extents;

	while (low < high) {
		unsigned long mid = low + (high - low) / 2;

		if (kho_in.extent[mid].mem.addr <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low)
		return NULL;
	if (kho_in.ready)
		kho_in.hit = &kho_in.extent[low - 1];
	return &kho_in.extent[low - 1];
}

/* So many pages have to be there before watermarks and the like are computed again */
static unsigned long kho_next_limits = ULONG_MAX;

static void compute_limits(struct work_struct *work)
{
	refresh_memory_limits();
}

static DECLARE_WORK(kho_limits_work, compute_limits);

static void expect_limits(void)
{
	kho_next_limits = totalram_pages() + totalram_pages() / 16;
}

/* Most of memory may have been handed over, and come back only now */
static __always_inline void note_managed(void)
{
	if (totalram_pages() < kho_next_limits)
		return;
	expect_limits();
	schedule_work(&kho_limits_work);
}

static bool is_range(const struct kho_mem *mem)
{
	return mem->len && PAGE_ALIGNED(mem->addr | mem->len) &&
	       mem->addr + mem->len > mem->addr;
}

/**
 * struct in_part - pages of a range that lie in one extent
 * @x:     the extent
 * @first: number of the first page in that
 * @nr:    number of pages; 0 if there is no extent
 */
struct in_part {
	struct kho_extent *x;
	unsigned long first;
	unsigned long nr;
};

static struct in_part in_part_at(u64 addr, u64 end)
{
	struct kho_extent *x;

	if (addr >= end)
		return (struct in_part){ };
	x = kho_find_extent(addr);
	if (!x || addr - x->mem.addr >= x->mem.len)
		return (struct in_part){ };

	end = min(end, x->mem.addr + x->mem.len);
	return (struct in_part){
		x, PHYS_PFN(addr - x->mem.addr), PHYS_PFN(end - addr)
	};
}

/* The parts of a range, until one is not in any extent */
#define for_each_in_part(p, at, mem)					\
	for ((at) = (mem)->addr, (p) = in_part_at(at, (mem)->addr + (mem)->len); \
	     (p).nr;							\
	     (at) += PFN_PHYS((u64)(p).nr),				\
	     (p) = in_part_at(at, (mem)->addr + (mem)->len))

static unsigned long in_part_pfn(const struct in_part *p)
{
	return PHYS_PFN(p->x->mem.addr) + p->first;
}

/**
 * kho_in_has_owner() - whether a page arrived, and somebody has taken it
 * @pfn: the page
 *
 * Context: may sleep.
 * Return: true if so. If it is reserved, kho_claim_reserved_mem() took it.
 */
bool kho_in_has_owner(unsigned long pfn)
{
	u64 addr = PFN_PHYS((u64)pfn);
	struct in_part p;

	guard(mutex)(&kho_in.lock);
	p = in_part_at(addr, addr + PAGE_SIZE);
	return p.nr && test_bit(p.x->bit + p.first, kho_in.taken) &&
	       (!p.x->kept || test_bit(p.first, p.x->kept));
}

/* Why not all of a part has no owner */
static int taken_errno(const struct in_part *p)
{
	unsigned long bit = p->x->bit + p->first;

	bit = find_next_bit(kho_in.taken, bit + p->nr, bit);
	return p->x->kept && !test_bit(bit - p->x->bit, p->x->kept) ?
		-ENOENT : -EBUSY;
}

static int check_part(const struct in_part *p)
{
	return kho_all_clear(kho_in.taken, p->x->bit + p->first, p->nr) ? 0 :
		taken_errno(p);
}

/* To read such memory is a panic */
static int check_hardware(const struct in_part *p)
{
	unsigned long pfn = in_part_pfn(p), end = pfn + p->nr;

	return kho_ram_find_poison(pfn, end) < end ? -EHWPOISON : 0;
}

/* Whether the pages are as they were at the jump, as far as that is known */
static int check_contents(const struct in_part *p)
{
	unsigned long before, i;

	if (!IS_ENABLED(CONFIG_KEXEC_HANDOVER_DEBUG) || !kho_in.hash)
		return 0;

	before = p->x->before + (p->x->kept ? bitmap_weight(p->x->kept, p->first) :
					      p->first);
	for (i = 0; i < p->nr; i++) {
		if (kho_hash_page(in_part_pfn(p) + i) != kho_in.hash[before + i])
			return -EIO;
		cond_resched();
	}
	return 0;
}

/* Whether somebody can take a part to use what is in it */
static int check_use(const struct in_part *p)
{
	return check_part(p) ?: check_hardware(p) ?: check_contents(p);
}

static void take_part(const struct in_part *p)
{
	kho_fill_bits(kho_in.taken, p->x->bit + p->first, p->nr, true);
}

static void complain(const char *what, const struct kho_mem *mem, int err)
{
	const char *why = "it was not preserved";

	if (err == -EINVAL)
		why = "it is not whole pages";
	else if (err == -EBUSY)
		why = "it has an owner already";
	else if (err == -EISDIR)
		why = "it is part of a folio, or in a larger one";
	else if (err == -EAGAIN)
		why = "it is too early: wait for core_initcall()";
	else if (err == -EHWPOISON)
		why = "the hardware has failed there";
	else if (err == -EIO)
		why = "its contents have changed since the jump";
	pr_err("cannot %s %#llx+%#llx: %s\n", what, mem->addr, mem->len, why);
}

static int check_early(const struct kho_mem *mem,
		       int (*check)(const struct in_part *p))
{
	struct in_part p;
	u64 at;
	int err;

	lockdep_assert_held(&kho_in.lock);
	if (!is_range(mem))
		return -EINVAL;
	if (!kho_in.fdt)
		return -ENOENT;

	for_each_in_part(p, at, mem) {
		err = check(&p);
		if (err)
			return err;
	}
	return at == mem->addr + mem->len ? 0 : -ENOENT;
}

static int check_readable(const struct in_part *p)
{
	bool kept = !p->x->kept || kho_all_set(p->x->kept, p->first, p->nr);

	return kept ? check_hardware(p) : -ENOENT;
}

/**
 * kho_in_has() - whether all of a range arrived, and can be read
 * @mem: the range
 *
 * Context: may sleep; works from the end of setup_arch() on.
 * Return: true if so, whoever has it by now.
 */
bool kho_in_has(const struct kho_mem *mem)
{
	guard(mutex)(&kho_in.lock);
	return !check_early(mem, check_readable);
}

/* For all that does something with the pages themselves */
static int check_range(const struct kho_mem *mem,
		       int (*check)(const struct in_part *p))
{
	return kho_in.fdt && !kho_in.ready ? -EAGAIN : check_early(mem, check);
}

/* A range may be in several zones, and long */
static void adopt_part(const struct in_part *p)
{
	struct page *page = pfn_to_page(in_part_pfn(p)), *end = page + p->nr;

	while (page < end) {
		unsigned long left = end - page;
		unsigned long nr = min(left, pageblock_nr_pages);

		if (page_zone(page) != page_zone(page + nr - 1))
			nr = 1;
		adopt_reserved_pages(page, nr);
		page += nr;
		cond_resched();
	}
	note_managed();
}

/**
 * kho_claim_mem() - take a range that was handed over
 * @mem: the range
 *
 * Its pages are as if alloc_page() had returned each of them, but that they
 * hold what the previous kernel left. Give them back with kho_return_mem(), all
 * at once or in parts.
 *
 * Context: may sleep. Not before core_initcall().
 * Return: the kernel address of the first byte, or NULL if not all of it was
 * preserved, or some of it has an owner already; that is logged.
 */
void *kho_claim_mem(const struct kho_mem *mem)
{
	struct in_part p;
	u64 at;
	int err;

	guard(mutex)(&kho_in.lock);
	err = check_range(mem, check_use);
	if (err) {
		complain("claim", mem, err);
		return NULL;
	}

	for_each_in_part(p, at, mem) {
		take_part(&p);
		kho_fill_bits(kho_in.claimed, p.x->bit + p.first, p.nr, true);
		adopt_part(&p);
	}
	return phys_to_virt(mem->addr);
}
EXPORT_SYMBOL_GPL(kho_claim_mem);

/**
 * kho_claim_reserved_mem() - take a range and keep it from the page allocator
 * @mem: the range
 *
 * Its pages stay reserved, as memblock_reserve() leaves them, for good.
 *
 * Context: may sleep; works from the end of setup_arch() on, though the pages
 * have no struct page that could be used before core_initcall().
 * Return: as kho_claim_mem().
 */
void *kho_claim_reserved_mem(const struct kho_mem *mem)
{
	struct in_part p;
	u64 at;
	int err;

	guard(mutex)(&kho_in.lock);
	err = check_early(mem, check_part);
	if (err) {
		complain("claim", mem, err);
		return NULL;
	}

	for_each_in_part(p, at, mem)
		take_part(&p);
	return phys_to_virt(mem->addr);
}
EXPORT_SYMBOL_GPL(kho_claim_reserved_mem);

static int check_return(const struct in_part *p)
{
	if (kho_all_set(kho_in.claimed, p->x->bit + p->first, p->nr))
		return 0;
	return check_part(p);
}

static void return_part(const struct in_part *p)
{
	unsigned long bit = p->x->bit + p->first, pfn = in_part_pfn(p), i;
	bool claimed = test_bit(bit, kho_in.claimed);

	take_part(p);
	kho_fill_bits(kho_in.claimed, bit, p->nr, false);
	for (i = 0; i < p->nr; i++) {
		if (claimed)
			__free_page(pfn_to_page(pfn + i));
		else
			free_reserved_page(pfn_to_page(pfn + i));
		if (i % 1024 == 1023)
			cond_resched();
	}
	note_managed();
}

/**
 * kho_return_mem() - give a range that was handed over to the page allocator
 * @mem: the range: either claimed with kho_claim_mem(), or not claimed at all
 *
 * A range that is neither is logged and left alone.
 *
 * Context: may sleep. Not before core_initcall().
 */
void kho_return_mem(const struct kho_mem *mem)
{
	struct in_part p;
	u64 at;
	int err;

	guard(mutex)(&kho_in.lock);
	err = check_range(mem, check_return);
	if (err) {
		complain("return", mem, err);
		return;
	}

	for_each_in_part(p, at, mem)
		return_part(&p);
}
EXPORT_SYMBOL_GPL(kho_return_mem);

/* Whether a page belongs to the folio of the page before it */
static __always_inline bool is_tail(const struct kho_extent *x, unsigned long page)
{
	return page < PHYS_PFN(x->mem.len) && test_bit(page, x->joined);
}

/* Pages in the folio that begins at a page that was preserved; 0 if none does */
static unsigned long in_folio_pages(const struct kho_extent *x, unsigned long page)
{
	unsigned long nr = 1UL << (max(x->shift, PAGE_SHIFT) - PAGE_SHIFT);

	if (page % nr || (x->joined && is_tail(x, page)))
		return 0;
	if (!x->joined)
		return nr;
	/* A page of theirs by itself may be several of ours */
	return max(nr, kho_folio_bits(x->joined, PHYS_PFN(x->mem.len), page));
}

/**
 * kho_restore_folio() - take back a folio of kho_preserve_folio()
 * @phys: its physical address
 *
 * Context: may sleep. Not before core_initcall().
 * Return: the folio, of the size that it had, with one reference; NULL if there
 * is none at @phys, or it has an owner already; that is logged.
 */
struct folio *kho_restore_folio(phys_addr_t phys)
{
	struct kho_mem mem = { .addr = phys, .len = PAGE_SIZE };
	struct page *page;
	struct in_part p;
	int err;

	guard(mutex)(&kho_in.lock);
	err = check_range(&mem, check_part);
	if (!err) {
		p = in_part_at(phys, phys + PAGE_SIZE);
		p.nr = in_folio_pages(p.x, p.first);
		err = p.nr ? check_use(&p) : -EISDIR;
	}
	if (err) {
		complain("restore the folio", &mem, err);
		return NULL;
	}

	take_part(&p);
	page = pfn_to_page(PHYS_PFN(phys));
	adopt_reserved_folio(page, ilog2(p.nr));
	note_managed();
	return page_folio(page);
}
EXPORT_SYMBOL_GPL(kho_restore_folio);

/* Whether a page is in a folio of several: as a tail, or as the head of the next */
static __always_inline bool is_in_folio(const struct kho_extent *x, unsigned long page)
{
	if (!x->joined)
		return x->folios;
	return test_bit(page, x->joined) || is_tail(x, page + 1);
}

static bool has_folio(const struct in_part *p)
{
	return is_in_folio(p->x, p->first + p->nr - 1) ||
	       (p->x->joined && !kho_all_clear(p->x->joined, p->first, p->nr));
}

/* Whether somebody can take each page of a part by itself */
static int check_single(const struct in_part *p)
{
	int err = check_part(p);

	if (err)
		return err;
	return has_folio(p) ? -EISDIR : check_hardware(p) ?: check_contents(p);
}

/* Of kho_restore_pages(), what is called most; false if it is not that simple */
static __always_inline bool restore_page(phys_addr_t phys, struct page **page)
{
	struct kho_extent *x = kho_in.hit;
	unsigned long i;
	u64 offset;

	if (!x || (IS_ENABLED(CONFIG_KEXEC_HANDOVER_DEBUG) && kho_in.hash))
		return false;
	offset = phys - x->mem.addr;
	i = PHYS_PFN(offset);
	if (offset >= x->mem.len || offset_in_page(offset) || is_in_folio(x, i))
		return false;
	*page = pfn_to_page(PHYS_PFN(phys));
	if (PageHWPoison(*page) || __test_and_set_bit(x->bit + i, kho_in.taken))
		return false;

	adopt_reserved_folio(*page, 0);
	note_managed();
	return true;
}

/* What restore_range() would return, but nothing is taken */
static struct page *find_range(phys_addr_t phys, unsigned long nr_pages)
{
	struct kho_mem mem = { .addr = phys, .len = PFN_PHYS((u64)nr_pages) };
	int err;

	err = nr_pages > kho_in.pages ? -ENOENT : check_range(&mem, check_single);
	if (err) {
		complain("restore the pages", &mem, err);
		return NULL;
	}
	return pfn_to_page(PHYS_PFN(phys));
}

static noinline struct page *restore_range(phys_addr_t phys,
					   unsigned long nr_pages)
{
	struct kho_mem mem = { .addr = phys, .len = PFN_PHYS((u64)nr_pages) };
	struct page *page = find_range(phys, nr_pages);
	struct in_part p;
	u64 at;

	if (!page)
		return NULL;

	for_each_in_part(p, at, &mem) {
		take_part(&p);
		adopt_part(&p);
	}
	return page;
}

/**
 * kho_restore_pages() - take back pages of kho_preserve_pages()
 * @phys:     physical address of the first
 * @nr_pages: how many, of this kernel, whose pages may be smaller
 *
 * Context: may sleep. Not before core_initcall().
 * Return: the first page, each with one reference of its own; NULL if not all
 * were preserved as pages, or some have an owner already; that is logged.
 */
struct page *kho_restore_pages(phys_addr_t phys, unsigned long nr_pages)
{
	struct page *page;

	guard(mutex)(&kho_in.lock);
	if (nr_pages == 1 && restore_page(phys, &page))
		return page;
	return restore_range(phys, nr_pages);
}
EXPORT_SYMBOL_GPL(kho_restore_pages);

/* As kho_restore_pages() of a page of theirs, or only a look at whether that would work */
static struct page *vmalloc_page(__be64 phys, unsigned int nr, bool take)
{
	if (take)
		return kho_restore_pages(be64_to_cpu(phys), nr);

	guard(mutex)(&kho_in.lock);
	return find_range(be64_to_cpu(phys), nr);
}

static void free_list(struct kho_vmalloc_page *list, unsigned int nr)
{
	while (list && nr)
		free_page((unsigned long)list + PAGE_SIZE * --nr);
}

/* Fill in @pages; returns how many there are, all of them taken if @take */
static unsigned int vmalloc_pages(const struct kho_vmalloc *kv, struct page **pages,
				  unsigned int nr, bool take)
{
	unsigned int shift = be32_to_cpu(kv->shift), i, j;
	unsigned int each = 1U << (shift - PAGE_SHIFT);
	struct kho_vmalloc_page *list = NULL;
	__be64 next = kv->first;
	struct page *page;

	for (i = 0; i < nr; i += each) {
		unsigned int slot = i / each % KHO_VMALLOC_SLOTS(shift);

		if (!slot) {
			if (take)
				free_list(list, each);
			page = vmalloc_page(next, each, take);
			list = page ? page_address(page) : NULL;
			if (!list)
				break;
			next = list->next;
		}
		page = vmalloc_page(list->addr[slot], each, take);
		if (!page)
			break;
		for (j = 0; j < each; j++)
			pages[i + j] = page + j;
	}
	if (take)
		free_list(list, each);
	return i;
}

/* How many pages of ours an area has; 0 if there can be none like that */
static unsigned int area_pages(const struct kho_vmalloc *kv)
{
	u32 shift = be32_to_cpu(kv->shift);
	u64 nr;

	if (!kho_in.fdt || shift < PAGE_SHIFT || shift > KHO_MAX_BITMAP_SHIFT)
		return 0;
	nr = (u64)be32_to_cpu(kv->pages) << (shift - PAGE_SHIFT);
	return nr <= min(kho_in.pages, INT_MAX) ? nr : 0;
}

/* As vmap() does, which wants no more pages than are the page allocator's already */
static void *map_pages(struct page **pages, unsigned int nr)
{
	struct vm_struct *area = get_vm_area((unsigned long)nr << PAGE_SHIFT,
					     VM_MAP | VM_MAP_PUT_PAGES);
	unsigned long addr;
	unsigned int i;

	if (!area)
		return NULL;
	addr = (unsigned long)area->addr;
	for (i = 0; i < nr; i++, addr += PAGE_SIZE) {
		if (vmap_page_range(addr, addr + PAGE_SIZE, page_to_phys(pages[i]),
				    PAGE_KERNEL)) {
			vunmap(area->addr);
			return NULL;
		}
	}
	area->pages = pages;
	area->nr_pages = nr;
	return area->addr;
}

/**
 * kho_restore_vmalloc() - take back an area of kho_preserve_vmalloc()
 * @kv: what that filled in
 *
 * Context: may sleep. Not before core_initcall().
 * Return: the area, with its contents, at an address of this kernel's choice, to
 * be freed with vfree(); NULL if it cannot be restored, which is logged. Nothing
 * is taken then, and it may be tried again; but of an area that lists a page
 * twice, what was taken by then is freed.
 */
void *kho_restore_vmalloc(const struct kho_vmalloc *kv)
{
	unsigned int nr = area_pages(kv), got;
	struct page **pages;
	void *area;

	if (!nr) {
		pr_err("cannot restore a vmalloc area of %u pages\n",
		       be32_to_cpu(kv->pages));
		return NULL;
	}

	pages = kvmalloc_array(nr, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		goto err_memory;

	/* All that needs memory comes before anything is taken */
	if (vmalloc_pages(kv, pages, nr, false) < nr)
		goto err_free;
	area = map_pages(pages, nr);
	if (!area)
		goto err_memory;

	got = vmalloc_pages(kv, pages, nr, true);
	if (got == nr)
		return area;

	/* It lists a page twice, or somebody else has just taken one */
	vunmap(area);
	while (got)
		__free_page(pages[--got]);
	goto err_free;

err_memory:
	pr_err("cannot restore a vmalloc area of %u pages: out of memory\n", nr);
err_free:
	kvfree(pages);
	return NULL;
}
EXPORT_SYMBOL_GPL(kho_restore_vmalloc);

typedef void (*in_part_fn)(const struct in_part *p, void *data);

static void count_left(const struct in_part *p, void *data)
{
	*(unsigned long *)data += p->nr;
}

static void release_left(const struct in_part *p, void *data)
{
	return_part(p);
}

/* Call a function for all pages of a range that nobody has taken */
static void walk_left(const struct kho_mem *mem, in_part_fn fn, void *data)
{
	unsigned long bit, last, end;
	struct in_part p;
	u64 at;

	for_each_in_part(p, at, mem) {
		bit = p.x->bit + p.first;
		end = bit + p.nr;
		for_each_clear_bitrange_from(bit, last, kho_in.taken, end) {
			fn(&(struct in_part){ p.x, bit - p.x->bit, last - bit },
			   data);
			cond_resched();
		}
	}
}

/**
 * kho_in_left() - how much of a range nobody has taken
 * @mem: the range
 *
 * Context: holds the lock of struct kho_in. May sleep.
 * Return: number of pages.
 */
unsigned long kho_in_left(const struct kho_mem *mem)
{
	unsigned long pages = 0;

	walk_left(mem, count_left, &pages);
	return pages;
}

/**
 * kho_in_release() - free all of a range that nobody has taken
 * @mem: the range
 *
 * Context: holds the lock of struct kho_in. May sleep.
 */
void kho_in_release(const struct kho_mem *mem)
{
	walk_left(mem, release_left, NULL);
}

static int __init kho_limits_init(void)
{
	if (kho_in.fdt)
		expect_limits();
	return 0;
}
subsys_initcall(kho_limits_init);

#if IS_ENABLED(CONFIG_KEXEC_HANDOVER_KUNIT_TEST)
#include "kexec_kho_in_test.c"
#include "kexec_kho_in_chunk_test.c"
#endif
