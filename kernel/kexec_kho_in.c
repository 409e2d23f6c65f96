// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kexec HandOver: the incoming side.
 *
 * Owns the decision to accept or refuse a handover, the early reservation of
 * all that it preserves, the accounting of what drivers have claimed, and
 * /sys/firmware/kho.
 *
 * A handover is accepted or refused whole. It is looked at twice: once memblock
 * knows all RAM, the FDT is checked and memblock is confined to scratch; once
 * all RAM is mapped, the memory table is checked, everything in it is reserved,
 * and memblock is let go.
 */
#define pr_fmt(fmt) "kho: " fmt

#include <linux/bitmap.h>
#include <linux/cleanup.h>
#include <linux/crash_dump.h>
#include <linux/export.h>
#include <linux/init.h>
#include <linux/io.h>
#include <linux/kexec_handover_mm.h>
#include <linux/kobject.h>
#include <linux/libfdt.h>
#include <linux/memblock.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/pgalloc_tag.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/sysfs.h>
#include <linux/vmalloc.h>

#include "../mm/internal.h"
#include "kexec_kho_internal.h"

/**
 * struct extent - a preserved range
 * @mem:   where it is
 * @order: the order of its folios
 * @bit:   its first page's bit in the bitmaps
 */
struct extent {
	struct kho_mem mem;
	unsigned int order;
	unsigned long bit;
};

/**
 * struct listing - a range of a mem property
 * @mem:  where it is
 * @node: index of the top-level node that lists it
 */
struct listing {
	struct kho_mem mem;
	unsigned int node;
};

/**
 * struct kho_in - the incoming handover
 * @offered:  the boot loader speaks of a handover, which is not refused yet
 * @phys:     where the FDT is
 * @window:   bytes there
 * @fdt:      the FDT of a handover that was accepted
 * @count:    kexecs since cold boot
 * @extent:   what is preserved, sorted
 * @extents:  length of that
 * @listing:  the ranges of mem properties, sorted
 * @listings: length of that
 * @max_listings: room in that
 * @nodes:    number of top-level nodes, up to the last that lists memory
 * @pages:    number of pages in all extents
 * @taken:    a bit for each page: it was claimed, restored or released
 * @claimed:  a bit for each page: kho_claim_mem() handed it out
 * @lock:     protects the bitmaps
 * @bottom_up: how memblock allocated before it was confined to scratch
 */
static struct kho_in {
	bool offered;
	phys_addr_t phys;
	u64 window;
	const void *fdt;
	u32 count;
	struct extent *extent;
	unsigned long extents;
	struct listing *listing;
	unsigned long listings;
	unsigned long max_listings;
	unsigned int nodes;
	unsigned long pages;
	unsigned long *taken;
	unsigned long *claimed;
	struct mutex lock;	/* taken and claimed */
	bool bottom_up;
} kho_in = {
	.lock = __MUTEX_INITIALIZER(kho_in.lock),
};

static char status[sizeof("refused: ") + sizeof(struct kho_why)] = "none";

/* What readers in modules read with; lib/fdt_ro.c exports nothing itself */
EXPORT_SYMBOL_GPL(fdt_getprop);
EXPORT_SYMBOL_GPL(fdt_get_name);
EXPORT_SYMBOL_GPL(fdt_node_check_compatible);
EXPORT_SYMBOL_GPL(fdt_node_offset_by_compatible);
EXPORT_SYMBOL_GPL(fdt_subnode_offset);
EXPORT_SYMBOL_GPL(fdt_first_subnode);
EXPORT_SYMBOL_GPL(fdt_next_subnode);

static void __init refuse(const struct kho_why *why)
{
	kho_scratch_drop();
	kho_in.offered = false;
	snprintf(status, sizeof(status), "refused: %s", why->text);
	pr_err("handover refused: %s; nothing of it is kept\n", why->text);
}

#define why_not(why, fmt, ...)						\
	(snprintf((why)->text, sizeof((why)->text), fmt, ##__VA_ARGS__), -EINVAL)

/**
 * kho_set_incoming() - note that the boot loader speaks of a handover
 * @fdt:    physical address of its FDT
 * @window: bytes that may be read there; 0 if what it says makes no sense
 */
void __init kho_set_incoming(phys_addr_t fdt, u64 window)
{
	kho_in.offered = true;
	kho_in.phys = fdt;
	kho_in.window = window;
}

/* Whether all pages of a range are RAM that the kernel maps */
bool __init kho_is_mapped_ram(u64 addr, u64 len)
{
	struct memblock_region *r;
	u64 end = addr + len;

	if (!len || end < addr || end > -PAGE_SIZE)
		return false;
	addr = ALIGN_DOWN(addr, PAGE_SIZE);
	end = PAGE_ALIGN(end);

	for_each_mem_region(r) {
		if (r->base > addr)
			return false;
		if (memblock_is_nomap(r) || r->base + r->size <= addr)
			continue;
		addr = r->base + r->size;
		if (addr >= end)
			return true;
	}
	return false;
}

/* Memory that can hold anything preserved, the FDT and the table included */
static int __init check_range(const char *what, const struct kho_mem *mem,
			      struct kho_why *why)
{
	if (!kho_is_mapped_ram(mem->addr, mem->len))
		return why_not(why, "%s %#llx+%#llx is not RAM here", what,
			       mem->addr, mem->len);
	if (memblock_is_region_reserved(mem->addr, mem->len))
		return why_not(why, "%s %#llx+%#llx is in use by firmware, kernel or initrd",
			       what, mem->addr, mem->len);
	if (kho_scratch_overlaps(mem->addr, mem->len))
		return why_not(why, "%s %#llx+%#llx is in scratch", what,
			       mem->addr, mem->len);
	return 0;
}

static int __init check_fdt_early(phys_addr_t low, struct kho_why *why)
{
	struct kho_mem window = { .addr = kho_in.phys, .len = kho_in.window };
	struct kho_root root;
	void *fdt;
	int err;

	if (!kho_is_enabled())
		return why_not(why, "kho=on is not on the command line");
	if (!window.len)
		return why_not(why, "what the boot loader says of it is malformed");
	if (!IS_ALIGNED(window.addr, 8) ||
	    offset_in_page(window.addr) + window.len > KHO_FDT_MAX)
		return why_not(why, "the boot loader points to %#llx+%#llx, which cannot be an FDT",
			       window.addr, window.len);
	err = check_range("its FDT", &window, why);
	if (err)
		return err;

	fdt = early_memremap(window.addr, window.len);
	if (!fdt)
		return why_not(why, "its FDT cannot be mapped");

	err = kho_fdt_check(fdt, window.len, &root, why) ?:
	      kho_scratch_adopt(&root.scratch, low, why);
	early_memunmap(fdt, window.len);
	return err;
}

/**
 * kho_early_init() - look at the FDT; have memblock allocate from scratch only
 * @low: memory below never goes to the page allocator, so that it cannot be
 *	preserved; it counts as scratch for now
 *
 * Context: memblock knows all memory and what the boot loader left in it, early
 * parameters are parsed, and nothing has been allocated.
 */
void __init kho_early_init(phys_addr_t low)
{
	struct kho_why why;

	/* A crash kernel takes no part, whatever it may be told */
	if (is_kdump_kernel())
		kho_in.offered = false;
	if (!kho_in.offered)
		return;

	if (check_fdt_early(low, &why)) {
		refuse(&why);
		return;
	}

	/* There may be no scratch above the kernel */
	kho_in.bottom_up = memblock_bottom_up();
	memblock_set_bottom_up(false);
}

/* The parts of the table are themselves to be kept */
static int __init check_parts(const struct kho_root *root, struct kho_why *why)
{
	u32 crc = 0;
	unsigned int i;
	int err;

	for (i = 0; i < root->table.nr; i++) {
		struct kho_mem part = kho_range(&root->table, i);

		if (!IS_ALIGNED(part.addr, sizeof(__be64)) ||
		    part.len % sizeof(struct kho_entry))
			return why_not(why, "part %#llx+%#llx of the memory table is not aligned",
				       part.addr, part.len);
		err = check_range("memory table", &part, why);
		if (err)
			return err;
		kho_in.extents += part.len / sizeof(struct kho_entry);
		if (kho_in.extents > PHYS_PFN(memblock_phys_mem_size()))
			return why_not(why, "the memory table has more ranges than pages exist");
		crc = kho_crc(crc, phys_to_virt(part.addr), part.len);
	}

	if (crc != root->table_crc)
		return why_not(why, "the memory table's checksum is %#x, its contents give %#x",
			       root->table_crc, crc);
	return 0;
}

static int __init no_room(struct kho_why *why, size_t len)
{
	return why_not(why, "scratch lacks %zu KiB: boot the old kernel with a larger kho_scratch=",
		       len >> 10);
}

static int __init read_entry(const struct kho_entry *e, struct extent *x,
			     u64 end, struct kho_why *why)
{
	int err = kho_entry_check(e, end, PAGE_SHIFT, why);

	if (err)
		return err;

	x->mem.addr = be64_to_cpu(e->addr);
	x->mem.len = be64_to_cpu(e->len);
	x->order = max(be32_to_cpu(e->shift), PAGE_SHIFT) - PAGE_SHIFT;
	x->bit = kho_in.pages;
	if (x->order > MAX_PAGE_ORDER)
		return why_not(why, "folios of order %u are too large here",
			       x->order);

	kho_in.pages += PHYS_PFN(x->mem.len);
	return check_range("preserved range", &x->mem, why);
}

static int __init read_table(const struct kho_root *root, struct kho_why *why)
{
	struct extent *x;
	unsigned int i;
	u64 end = 0;
	int err;

	kho_in.extent = memblock_alloc(array_size(kho_in.extents ?: 1,
						  sizeof(*x)), SMP_CACHE_BYTES);
	if (!kho_in.extent)
		return no_room(why, kho_in.extents * sizeof(*x));

	for (x = kho_in.extent, i = 0; i < root->table.nr; i++) {
		struct kho_mem part = kho_range(&root->table, i);
		const struct kho_entry *e = phys_to_virt(part.addr);
		const struct kho_entry *last = (void *)e + part.len;

		for (; e < last; e++, x++) {
			err = read_entry(e, x, end, why);
			if (err)
				return err;
			end = x->mem.addr + x->mem.len;
		}
	}
	return 0;
}

/* The last extent that begins at or below an address, or NULL */
static struct extent *find_extent(u64 addr)
{
	unsigned long low = 0, high = kho_in.extents;

	while (low < high) {
		unsigned long mid = low + (high - low) / 2;

		if (kho_in.extent[mid].mem.addr <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? &kho_in.extent[low - 1] : NULL;
}

/* Bytes of an extent from an address on; 0 if it is not in there */
static u64 extent_left(const struct extent *x, u64 addr)
{
	if (!x || addr < x->mem.addr || addr - x->mem.addr >= x->mem.len)
		return 0;
	return x->mem.addr + x->mem.len - addr;
}

static bool is_preserved(const struct kho_mem *mem)
{
	const struct extent *x = find_extent(mem->addr);
	u64 addr = mem->addr, left = mem->len;

	for (; left && x && x < kho_in.extent + kho_in.extents; x++) {
		u64 part = min(left, extent_left(x, addr));

		if (!part)
			return false;
		addr += part;
		left -= part;
	}
	return !left;
}

static int __init count_listing(const struct kho_ranges *ranges,
				unsigned int node, struct kho_why *why)
{
	kho_in.max_listings += ranges->nr;
	kho_in.nodes = node + 1;
	return 0;
}

static int __init add_listing(const struct kho_ranges *ranges,
			      unsigned int node, struct kho_why *why)
{
	unsigned int i;

	for (i = 0; i < ranges->nr; i++) {
		struct listing *l = &kho_in.listing[kho_in.listings++];

		l->mem = kho_range(ranges, i);
		l->node = node;
		if (!PAGE_ALIGNED(l->mem.addr | l->mem.len))
			return why_not(why, "mem range %#llx+%#llx does not fit pages of %lu bytes",
				       l->mem.addr, l->mem.len, PAGE_SIZE);
		if (!is_preserved(&l->mem))
			return why_not(why, "mem range %#llx+%#llx is not in the memory table",
				       l->mem.addr, l->mem.len);
	}
	return 0;
}

static int __init cmp_listing(const void *a, const void *b)
{
	const struct listing *x = a, *y = b;

	return x->mem.addr < y->mem.addr ? -1 : x->mem.addr > y->mem.addr;
}

static int __init read_listings(const void *fdt, struct kho_why *why)
{
	struct listing *l;
	unsigned long i;
	int err;

	kho_fdt_walk_mem(fdt, count_listing, why);
	kho_in.listing = memblock_alloc(array_size(kho_in.max_listings ?: 1,
						   sizeof(*l)), SMP_CACHE_BYTES);
	if (!kho_in.listing)
		return no_room(why, kho_in.max_listings * sizeof(*l));

	err = kho_fdt_walk_mem(fdt, add_listing, why);
	if (err)
		return err;

	sort(kho_in.listing, kho_in.listings, sizeof(*l), cmp_listing, NULL);
	for (l = kho_in.listing, i = 1; i < kho_in.listings; i++, l++)
		if (l[0].mem.addr + l[0].mem.len > l[1].mem.addr)
			return why_not(why, "mem ranges %#llx+%#llx and %#llx+%#llx overlap",
				       l[0].mem.addr, l[0].mem.len,
				       l[1].mem.addr, l[1].mem.len);
	return 0;
}

static int __init alloc_bitmaps(struct kho_why *why)
{
	size_t len = BITS_TO_LONGS(kho_in.pages) * sizeof(long);

	kho_in.taken = memblock_alloc(2 * len + 1, SMP_CACHE_BYTES);
	if (!kho_in.taken)
		return no_room(why, 2 * len);
	kho_in.claimed = (void *)kho_in.taken + len;
	return 0;
}

static void __init get_extent(unsigned long i, phys_addr_t *base,
			      phys_addr_t *size)
{
	*base = kho_in.extent[i].mem.addr;
	*size = kho_in.extent[i].mem.len;
}

/* The parts of the table are read no more, and free like any memory */
static int __init reserve_all(struct kho_why *why)
{
	int err;

	err = memblock_reserve_sorted(kho_in.extents, get_extent);
	if (err)
		return no_room(why, kho_in.extents * sizeof(struct memblock_region));
	return 0;
}

/* Allocated from scratch by a handover that is refused in the end */
static void __init free_arrays(void)
{
	size_t bitmaps = 2 * BITS_TO_LONGS(kho_in.pages) * sizeof(long) + 1;

	if (kho_in.extent)
		memblock_free(kho_in.extent, array_size(kho_in.extents ?: 1,
							sizeof(struct extent)));
	if (kho_in.listing)
		memblock_free(kho_in.listing, array_size(kho_in.max_listings ?: 1,
							 sizeof(struct listing)));
	if (kho_in.taken)
		memblock_free(kho_in.taken, bitmaps);

	kho_in.extent = NULL;
	kho_in.listing = NULL;
	kho_in.taken = NULL;
	kho_in.claimed = NULL;
	kho_in.extents = 0;
	kho_in.listings = 0;
	kho_in.pages = 0;
}

static int __init take_over(struct kho_why *why)
{
	struct kho_mem window = { .addr = kho_in.phys, .len = kho_in.window };
	const void *fdt = phys_to_virt(kho_in.phys);
	struct kho_root root;
	int err;

	/* First, so that nothing that is preserved can overlap it */
	err = check_range("its FDT", &window, why);
	if (err)
		return err;
	if (memblock_reserve(kho_in.phys, kho_in.window))
		return why_not(why, "memblock cannot reserve its FDT");

	err = kho_fdt_check(fdt, kho_in.window, &root, why) ?:
	      check_parts(&root, why) ?:
	      read_table(&root, why) ?:
	      read_listings(fdt, why) ?:
	      alloc_bitmaps(why) ?:
	      reserve_all(why);
	if (err) {
		memblock_phys_free(kho_in.phys, kho_in.window);
		return err;
	}

	kho_in.fdt = fdt;
	kho_in.count = root.count;
	strscpy(status, "accepted");
	pr_info("handover %u accepted from %.64s: %lu ranges, %llu KiB preserved\n",
		root.count, root.release, kho_in.extents,
		(u64)kho_in.pages << (PAGE_SHIFT - 10));
	return 0;
}

/**
 * kho_memory_init() - reserve all that was handed over; have scratch in place
 *
 * Context: all RAM is mapped and memblock may resize its arrays. From here on,
 * memblock allocates from all free memory.
 */
void __init kho_memory_init(void)
{
	struct kho_why why;

	if (memblock_is_kho_scratch_only())
		memblock_set_bottom_up(kho_in.bottom_up);
	if (kho_in.offered && take_over(&why)) {
		free_arrays();
		refuse(&why);
	}
	memblock_clear_kho_scratch_only();

	if (kho_is_enabled() && !kho_scratch_nr)
		kho_scratch_reserve();
}

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

static bool is_range(const struct kho_mem *mem)
{
	return mem->len && PAGE_ALIGNED(mem->addr | mem->len) &&
	       mem->addr + mem->len > mem->addr;
}

/* Does something with pages that lie in one extent and have adjacent bits */
typedef int (*part_fn)(unsigned long pfn, unsigned long bit, unsigned long nr,
		       void *data);

/*
 * Call a function for each part of a range that lies in one extent, until it
 * returns an error. Pages outside of all extents are an error.
 */
static int walk_parts(const struct kho_mem *mem, part_fn fn, void *data)
{
	const struct extent *x = find_extent(mem->addr);
	u64 addr = mem->addr, left = mem->len;
	int err;

	for (; left; x++) {
		u64 part;

		if (!x || x == kho_in.extent + kho_in.extents)
			return -ENOENT;
		part = min(left, extent_left(x, addr));
		if (!part)
			return -ENOENT;

		err = fn(PHYS_PFN(addr), x->bit + PHYS_PFN(addr - x->mem.addr),
			 PHYS_PFN(part), data);
		if (err)
			return err;
		addr += part;
		left -= part;
	}
	return 0;
}

static bool all_clear(const unsigned long *map, unsigned long bit,
		      unsigned long nr)
{
	return find_next_bit(map, bit + nr, bit) >= bit + nr;
}

static bool all_set(const unsigned long *map, unsigned long bit,
		    unsigned long nr)
{
	return find_next_zero_bit(map, bit + nr, bit) >= bit + nr;
}

static int check_part(unsigned long pfn, unsigned long bit, unsigned long nr,
		      void *data)
{
	return all_clear(kho_in.taken, bit, nr) ? 0 : -EBUSY;
}

static int take_part(unsigned long pfn, unsigned long bit, unsigned long nr,
		     void *data)
{
	bitmap_set(kho_in.taken, bit, nr);
	return 0;
}

/* Whether something can be done with all of a range. Says why not. */
static bool may(const char *what, const struct kho_mem *mem, part_fn check)
{
	int err;

	lockdep_assert_held(&kho_in.lock);
	if (!is_range(mem)) {
		pr_err("cannot %s %#llx+%#llx: it is not whole pages\n", what,
		       mem->addr, mem->len);
		return false;
	}

	err = kho_in.fdt ? walk_parts(mem, check, NULL) : -ENOENT;
	if (err)
		pr_err("cannot %s %#llx+%#llx: it %s\n", what, mem->addr,
		       mem->len, err == -EBUSY ? "has an owner already" :
						 "was not preserved");
	return !err;
}

/* Note that a range has an owner now, if it was preserved and had none */
static bool take(const char *what, const struct kho_mem *mem)
{
	if (!may(what, mem, check_part))
		return false;
	walk_parts(mem, take_part, NULL);
	return true;
}

/* Reserved pages become one allocated folio */
static void adopt_folio(struct page *page, unsigned int order)
{
	unsigned long i, nr = 1UL << order;

	for (i = 0; i < nr; i++) {
		ClearPageReserved(page + i);
		set_page_count(page + i, 0);
	}
	if (order)
		prep_compound_page(page, order);
	clear_page_tag_ref(page);
	set_page_count(page, 1);
	adjust_managed_page_count(page, nr);
}

static int adopt_part(unsigned long pfn, unsigned long bit, unsigned long nr,
		      void *data)
{
	for (; nr; nr--, pfn++) {
		adopt_folio(pfn_to_page(pfn), 0);
		if (!(nr % 1024))
			cond_resched();
	}
	return 0;
}

static int claim_part(unsigned long pfn, unsigned long bit, unsigned long nr,
		      void *data)
{
	bitmap_set(kho_in.claimed, bit, nr);
	return adopt_part(pfn, bit, nr, data);
}

/**
 * kho_claim_mem() - take a range that was handed over
 * @mem: the range
 *
 * Its pages are as if alloc_page() had returned each of them, but that they
 * hold what the previous kernel left. Give them back with kho_return_mem(), all
 * at once or in parts.
 *
 * Context: may sleep. Not before initcalls run.
 * Return: the kernel address of the first byte, or NULL if not all of it was
 * preserved, or some of it has an owner already; that is logged.
 */
void *kho_claim_mem(const struct kho_mem *mem)
{
	guard(mutex)(&kho_in.lock);
	if (!take("claim", mem))
		return NULL;
	walk_parts(mem, claim_part, NULL);
	return phys_to_virt(mem->addr);
}
EXPORT_SYMBOL_GPL(kho_claim_mem);

/**
 * kho_claim_reserved_mem() - take a range and keep it from the page allocator
 * @mem: the range
 *
 * Its pages stay reserved, as memblock_reserve() leaves them, for good.
 *
 * Context: may sleep; works from the end of setup_arch() on.
 * Return: as kho_claim_mem().
 */
void *kho_claim_reserved_mem(const struct kho_mem *mem)
{
	guard(mutex)(&kho_in.lock);
	return take("claim", mem) ? phys_to_virt(mem->addr) : NULL;
}
EXPORT_SYMBOL_GPL(kho_claim_reserved_mem);

static int check_return(unsigned long pfn, unsigned long bit, unsigned long nr,
			void *data)
{
	if (all_clear(kho_in.taken, bit, nr))
		return 0;
	return all_set(kho_in.claimed, bit, nr) ? 0 : -EBUSY;
}

static int return_part(unsigned long pfn, unsigned long bit, unsigned long nr,
		       void *data)
{
	bool claimed = test_bit(bit, kho_in.claimed);

	bitmap_set(kho_in.taken, bit, nr);
	bitmap_clear(kho_in.claimed, bit, nr);
	for (; nr; nr--, pfn++) {
		if (claimed)
			__free_page(pfn_to_page(pfn));
		else
			free_reserved_page(pfn_to_page(pfn));
		if (!(nr % 1024))
			cond_resched();
	}
	return 0;
}

/**
 * kho_return_mem() - give a range that was handed over to the page allocator
 * @mem: the range: either claimed with kho_claim_mem(), or not claimed at all
 *
 * A range that is neither is logged and left alone.
 *
 * Context: may sleep. Not before initcalls run.
 */
void kho_return_mem(const struct kho_mem *mem)
{
	guard(mutex)(&kho_in.lock);
	if (may("return", mem, check_return))
		walk_parts(mem, return_part, NULL);
}
EXPORT_SYMBOL_GPL(kho_return_mem);

/**
 * kho_restore_folio() - take back a folio of kho_preserve_folio()
 * @phys: its physical address
 *
 * Context: may sleep. Not before initcalls run.
 * Return: the folio, of the order that it had, with one reference; NULL if there
 * is none at @phys, or it has an owner already; that is logged.
 */
struct folio *kho_restore_folio(phys_addr_t phys)
{
	struct kho_mem mem = { .addr = phys, .len = PAGE_SIZE };
	struct extent *x;

	guard(mutex)(&kho_in.lock);
	x = find_extent(phys);
	if (extent_left(x, phys))
		mem.len = PAGE_SIZE << x->order;
	if (!IS_ALIGNED(phys, mem.len)) {
		pr_err("cannot restore a folio at %pa: it is inside of one\n",
		       &phys);
		return NULL;
	}
	if (!take("restore", &mem))
		return NULL;

	adopt_folio(pfn_to_page(PHYS_PFN(phys)), x->order);
	return page_folio(pfn_to_page(PHYS_PFN(phys)));
}
EXPORT_SYMBOL_GPL(kho_restore_folio);

/**
 * kho_restore_pages() - take back pages of kho_preserve_pages()
 * @phys:     physical address of the first
 * @nr_pages: how many
 *
 * Context: may sleep. Not before initcalls run.
 * Return: the first page, each with one reference of its own; NULL if not all
 * were preserved as pages, or some have an owner already; that is logged.
 */
struct page *kho_restore_pages(phys_addr_t phys, unsigned long nr_pages)
{
	struct kho_mem mem = { .addr = phys, .len = PFN_PHYS((u64)nr_pages) };
	struct extent *x;

	guard(mutex)(&kho_in.lock);
	x = find_extent(phys);
	if (!nr_pages || PHYS_PFN(extent_left(x, phys)) < nr_pages || x->order) {
		pr_err("cannot restore %lu pages at %pa: they were not preserved as pages\n",
		       nr_pages, &phys);
		return NULL;
	}
	if (!take("restore", &mem))
		return NULL;

	walk_parts(&mem, adopt_part, NULL);
	return pfn_to_page(PHYS_PFN(phys));
}
EXPORT_SYMBOL_GPL(kho_restore_pages);

static struct kho_vmalloc_page *restore_vmalloc_page(__be64 phys)
{
	struct page *page = kho_restore_pages(be64_to_cpu(phys), 1);

	return page ? page_address(page) : NULL;
}

/* Fill in @pages; returns how many could be restored */
static unsigned int restore_vmalloc_pages(__be64 next, struct page **pages,
					  unsigned int nr)
{
	struct kho_vmalloc_page *list = NULL;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		unsigned int slot = i % ARRAY_SIZE(list->addr);

		if (!slot) {
			free_page((unsigned long)list);
			list = restore_vmalloc_page(next);
			if (!list)
				break;
			next = list->next;
		}
		pages[i] = kho_restore_pages(be64_to_cpu(list->addr[slot]), 1);
		if (!pages[i])
			break;
	}
	free_page((unsigned long)list);
	return i;
}

/**
 * kho_restore_vmalloc() - take back an area of kho_preserve_vmalloc()
 * @kv: what that filled in
 *
 * Context: may sleep. Not before initcalls run.
 * Return: the area, with its contents, at an address of this kernel's choice, to
 * be freed with vfree(); NULL if it cannot be restored, or not for lack of
 * memory; what was taken back by then is freed.
 */
void *kho_restore_vmalloc(const struct kho_vmalloc *kv)
{
	unsigned int nr = be32_to_cpu(kv->pages), got;
	struct page **pages;
	void *area = NULL;

	if (!kho_in.fdt || !nr || nr > kho_in.pages ||
	    be32_to_cpu(kv->shift) != PAGE_SHIFT) {
		pr_err("cannot restore a vmalloc area of %u pages\n", nr);
		return NULL;
	}

	pages = kvmalloc_array(nr, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return NULL;

	got = restore_vmalloc_pages(kv->first, pages, nr);
	if (got == nr)
		area = vmap(pages, nr, VM_MAP | VM_MAP_PUT_PAGES, PAGE_KERNEL);
	if (area)
		return area;

	while (got)
		__free_page(pages[--got]);
	kvfree(pages);
	return NULL;
}
EXPORT_SYMBOL_GPL(kho_restore_vmalloc);

static int count_part(unsigned long pfn, unsigned long bit, unsigned long nr,
		      void *data)
{
	unsigned long last, end = bit + nr, free = 0;

	for_each_clear_bitrange_from(bit, last, kho_in.taken, end)
		free += last - bit;
	*(unsigned long *)data += free;
	return 0;
}

static int release_part(unsigned long pfn, unsigned long bit, unsigned long nr,
			void *data)
{
	unsigned long first = bit, last, end = bit + nr;

	for_each_clear_bitrange_from(bit, last, kho_in.taken, end)
		return_part(pfn + bit - first, bit, last - bit, NULL);
	return 0;
}

/* Call a function for each part of what a top-level node lists */
static void walk_listed(unsigned int node, part_fn fn, void *data)
{
	unsigned long i;

	for (i = 0; i < kho_in.listings; i++)
		if (kho_in.listing[i].node == node)
			walk_parts(&kho_in.listing[i].mem, fn, data);
}

/* Call a function for each part of what no node lists */
static void walk_unlisted(part_fn fn, void *data)
{
	const struct listing *l = kho_in.listing, *last = l + kho_in.listings;
	unsigned long i;

	for (i = 0; i < kho_in.extents; i++) {
		const struct kho_mem *mem = &kho_in.extent[i].mem;
		u64 addr = mem->addr, end = addr + mem->len;

		while (addr < end) {
			struct kho_mem gap = { .addr = addr };

			while (l < last && l->mem.addr + l->mem.len <= addr)
				l++;
			gap.len = (l < last ? clamp(l->mem.addr, addr, end) : end) - addr;
			if (gap.len)
				walk_parts(&gap, fn, data);
			addr += gap.len;
			if (addr < end)
				addr = min(end, l->mem.addr + l->mem.len);
		}
	}
}

/**
 * struct node_attr - a top-level node's file in /sys/firmware/kho/unclaimed
 * @attr: the file
 * @node: index of the node
 */
struct node_attr {
	struct kobj_attribute attr;
	unsigned int node;
};

static ssize_t node_show(struct kobject *kobj, struct kobj_attribute *attr,
			 char *buf)
{
	struct node_attr *n = container_of(attr, struct node_attr, attr);
	unsigned long pages = 0;

	guard(mutex)(&kho_in.lock);
	walk_listed(n->node, count_part, &pages);
	return sysfs_emit(buf, "%llu\n", PFN_PHYS((u64)pages));
}

static int parse_release(const char *buf)
{
	bool release;
	int err = kstrtobool(buf, &release);

	return err ?: release ? 0 : -EINVAL;
}

static ssize_t node_store(struct kobject *kobj, struct kobj_attribute *attr,
			  const char *buf, size_t count)
{
	struct node_attr *n = container_of(attr, struct node_attr, attr);
	int err = parse_release(buf);

	if (err)
		return err;

	guard(mutex)(&kho_in.lock);
	walk_listed(n->node, release_part, NULL);
	return count;
}

static ssize_t unlisted_show(struct kobject *kobj, struct kobj_attribute *attr,
			     char *buf)
{
	unsigned long pages = 0;

	guard(mutex)(&kho_in.lock);
	walk_unlisted(count_part, &pages);
	return sysfs_emit(buf, "%llu\n", PFN_PHYS((u64)pages));
}

static ssize_t unlisted_store(struct kobject *kobj, struct kobj_attribute *attr,
			      const char *buf, size_t count)
{
	int err = parse_release(buf);

	if (err)
		return err;

	guard(mutex)(&kho_in.lock);
	walk_unlisted(release_part, NULL);
	return count;
}

static struct kobj_attribute unlisted_attr = __ATTR_RW_MODE(unlisted, 0600);

static ssize_t status_show(struct kobject *kobj, struct kobj_attribute *attr,
			   char *buf)
{
	return sysfs_emit(buf, "%s\n", status);
}

static struct kobj_attribute status_attr = __ATTR_RO_MODE(status, 0400);

static ssize_t fdt_read(struct file *file, struct kobject *kobj,
			struct bin_attribute *attr, char *buf, loff_t pos,
			size_t count)
{
	return memory_read_from_buffer(buf, count, &pos, kho_in.fdt,
				       fdt_totalsize(kho_in.fdt));
}

static struct bin_attribute fdt_attr = __BIN_ATTR(fdt, 0400, fdt_read, NULL, 0);

static bool __init lists_mem(unsigned int node)
{
	unsigned long i;

	for (i = 0; i < kho_in.listings; i++)
		if (kho_in.listing[i].node == node)
			return true;
	return false;
}

static int __init add_node(struct kobject *dir, struct node_attr *n,
			   unsigned int node, const char *name)
{
	if (!lists_mem(node))
		return 0;

	n->node = node;
	n->attr.attr.name = name;
	n->attr.attr.mode = 0600;
	n->attr.show = node_show;
	n->attr.store = node_store;
	sysfs_attr_init(&n->attr.attr);
	return sysfs_create_file(dir, &n->attr.attr);
}

static int __init add_nodes(struct kobject *parent)
{
	struct node_attr *n;
	unsigned int i = 0;
	struct kobject *dir;
	int node, err = 0;

	/* Neither is ever freed */
	n = kcalloc(kho_in.nodes, sizeof(*n), GFP_KERNEL);
	dir = kobject_create_and_add("unclaimed", parent);
	if (!n || !dir)
		return -ENOMEM;

	fdt_for_each_subnode(node, kho_in.fdt, 0) {
		err = err ?: add_node(dir, &n[i], i,
				      fdt_get_name(kho_in.fdt, node, NULL));
		i++;
	}
	return err;
}

static int __init kho_in_init(void)
{
	struct kobject *kobj = kobject_create_and_add("kho", firmware_kobj);
	int err;

	if (!kobj)
		return -ENOMEM;

	err = sysfs_create_file(kobj, &status_attr.attr);
	if (err || !kho_in.fdt)
		return err;

	return sysfs_create_bin_file(kobj, &fdt_attr) ?:
	       sysfs_create_file(kobj, &unlisted_attr.attr) ?:
	       add_nodes(kobj);
}
subsys_initcall(kho_in_init);

#if IS_ENABLED(CONFIG_KEXEC_HANDOVER_KUNIT_TEST)
#include "kexec_kho_in_test.c"
#endif
