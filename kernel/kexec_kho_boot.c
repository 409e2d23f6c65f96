// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kexec HandOver: the decision to accept or refuse a handover, in early boot.
 *
 * A handover is accepted or refused whole. It is looked at twice: once memblock
 * knows all RAM, the FDT is checked and memblock is confined to scratch; once
 * all RAM is mapped, the memory table is checked, everything in it is reserved,
 * and memblock is let go.
 */
#define pr_fmt(fmt) "kho: " fmt

#include <linux/bitops.h>
#include <linux/crash_dump.h>
#include <linux/init.h>
#include <linux/io.h>
#include <linux/kexec_handover_mm.h>
#include <linux/libfdt.h>
#include <linux/limits.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/sort.h>

#include "kexec_kho_early.h"

/**
 * struct kho_offer - a handover that is neither accepted nor refused
 * @made:   the boot loader speaks of one
 * @phys:   where the FDT is
 * @window: bytes there
 * @entries: entries in the memory table
 * @bitmaps: how many of them are chunks
 * @max_listings: ranges in mem properties
 * @part:   the parts of the table, in order
 * @parts:  length of that
 * @meta:   the parts of the table and the bits of chunks, sorted, whole pages
 * @metas:  length of that
 * @bottom_up: how memblock allocated before it was confined to scratch
 * @initrd: bytes of this kernel's initrd
 */
static struct kho_offer {
	bool made;
	phys_addr_t phys;
	u64 window;
	unsigned long entries;
	unsigned long bitmaps;
	unsigned long max_listings;
	struct kho_mem *part;
	unsigned int parts;
	struct kho_mem *meta;
	unsigned long metas;
	bool bottom_up;
	u64 initrd;
} kho_offer __initdata;

/* How many CPUs the kernel could have that handed over; 0 if that is not known */
unsigned int kho_cpus_before __ro_after_init;

static void __init refuse(const struct kho_why *why)
{
	kho_scratch_drop();
	kho_offer.made = false;
	snprintf(kho_in.status, sizeof(kho_in.status), "refused: %s", why->text);
	pr_err("handover refused: %s; nothing of it is kept\n", why->text);
}

/**
 * kho_set_incoming() - note that the boot loader speaks of a handover
 * @fdt:    physical address of its FDT
 * @window: bytes that may be read there; 0 if what it says makes no sense
 */
void __init kho_set_incoming(phys_addr_t fdt, u64 window)
{
	kho_offer.made = true;
	kho_offer.phys = fdt;
	kho_offer.window = window;
}

/* Memory that can hold anything preserved, the FDT and the table included */
static int __init check_keepable(const char *what, const struct kho_mem *mem,
			      struct kho_why *why)
{
	if (!kho_is_mapped_ram(mem->addr, mem->len))
		return kho_bad(why, "%s %#llx+%#llx is not RAM here", what,
			       mem->addr, mem->len);
	if (memblock_is_region_reserved(mem->addr, mem->len))
		return kho_bad(why, "%s %#llx+%#llx is in use by firmware, kernel or initrd",
			       what, mem->addr, mem->len);
	if (kho_scratch_overlaps(mem->addr, mem->len))
		return kho_bad(why, "%s %#llx+%#llx is in scratch", what,
			       mem->addr, mem->len);
	return 0;
}

static int __init check_fdt_early(phys_addr_t low, struct kho_why *why)
{
	struct kho_mem window = { .addr = kho_offer.phys, .len = kho_offer.window };
	struct kho_mem scratch;
	struct kho_root root;
	void *fdt;
	int err;

	if (kho_is_confidential())
		return kho_bad(why, "memory is encrypted (SEV, SNP, TDX or SME)");
	if (!kho_is_enabled())
		return kho_bad(why, "kho=on is not on the command line");
	if (!window.len)
		return kho_bad(why, "what the boot loader says of it is malformed");
	if (!IS_ALIGNED(window.addr, 8) ||
	    offset_in_page(window.addr) + window.len > KHO_FDT_MAX)
		return kho_bad(why, "the boot loader points to %#llx+%#llx, which cannot be an FDT",
			       window.addr, window.len);
	err = check_keepable("its FDT", &window, why);
	if (err)
		return err;

	fdt = early_memremap(window.addr, window.len);
	if (!fdt)
		return kho_bad(why, "its FDT cannot be mapped");

	err = kho_fdt_check(fdt, window.len, &root, why);
	if (!err) {
		scratch = kho_range(&root.scratch, 0);
		err = kho_scratch_adopt(&scratch, low, why);
	}
	early_memunmap(fdt, window.len);
	return err;
}

/**
 * kho_early_init() - look at the FDT; have memblock allocate from scratch only
 * @low: memory below never goes to the page allocator, so that it cannot be
 *	preserved; it counts as scratch for now
 * @initrd: bytes of the initrd, or 0 if there is none
 *
 * Context: memblock knows all memory and what the boot loader left in it, early
 * parameters are parsed, and nothing has been allocated.
 */
void __init kho_early_init(phys_addr_t low, u64 initrd)
{
	struct kho_why why;

	kho_offer.initrd = initrd;
	kho_note_firmware(initrd);
	/* A crash kernel takes no part, whatever it may be told */
	if (is_kdump_kernel())
		kho_offer.made = false;
	if (!kho_offer.made)
		return;

	if (check_fdt_early(low, &why)) {
		refuse(&why);
		return;
	}

	/* There may be no scratch above the kernel */
	kho_offer.bottom_up = memblock_bottom_up();
	memblock_set_bottom_up(false);
}

/* The parts of the table are themselves to be kept */
static int __init check_parts(const struct kho_root *root, struct kho_why *why)
{
	unsigned int i;
	int err;

	for (i = 0; i < root->table.nr; i++) {
		struct kho_mem part = kho_range(&root->table, i);

		if (!IS_ALIGNED(part.addr, sizeof(__be64)) ||
		    part.len % sizeof(struct kho_entry))
			return kho_bad(why, "part %#llx+%#llx of the memory table is not aligned",
				       part.addr, part.len);
		err = check_keepable("memory table", &part, why);
		if (err)
			return err;
		kho_offer.entries += part.len / sizeof(struct kho_entry);
		if (kho_offer.entries > PHYS_PFN(memblock_phys_mem_size()))
			return kho_bad(why, "the memory table has more ranges than pages exist");
	}
	return 0;
}

static int __init find_bits(const struct kho_entry *e, struct kho_extent *x,
			    u32 *crc, struct kho_why *why)
{
	struct kho_mem mem = {
		.addr = be64_to_cpu(e->bitmap), .len = 1ULL << x->shift,
	};
	int err;

	if (!IS_ALIGNED(mem.addr, mem.len))
		return kho_bad(why, "the bits of the chunk at %#llx are not aligned",
			       x->mem.addr);
	err = check_keepable("memory table", &mem, why);
	if (err)
		return err;

	x->bits = phys_to_virt(mem.addr);
	*crc = kho_crc(*crc, x->bits, mem.len);
	kho_offer.bitmaps++;
	return 0;
}

static int __init read_entry(const struct kho_entry *e, u64 end, u32 *crc,
			     struct kho_why *why)
{
	struct kho_extent *x = &kho_in.extent[kho_in.extents];
	int err = kho_entry_check(e, end, PAGE_SHIFT, MAX_PAGE_ORDER, why);

	if (err)
		return err;

	x->mem.addr = be64_to_cpu(e->addr);
	x->mem.len = be64_to_cpu(e->len);
	x->shift = be32_to_cpu(e->shift);
	kho_in.extents++;
	/* So chunks, and thus bits to read, are no more than RAM is large */
	if (x->mem.addr >= memblock_end_of_DRAM())
		return kho_bad(why, "preserved range %#llx+%#llx is not RAM here",
			       x->mem.addr, x->mem.len);
	return e->type == cpu_to_be32(KHO_ENTRY_BITMAP) ?
		find_bits(e, x, crc, why) : 0;
}

static int __init read_table(const struct kho_root *root, struct kho_why *why)
{
	u64 end = 0;
	u32 crc = 0;
	unsigned int i;
	int err;

	kho_in.extent = kho_alloc_array(kho_offer.entries, sizeof(*kho_in.extent), why);
	if (!kho_in.extent)
		return -ENOMEM;

	for (i = 0; i < root->table.nr; i++) {
		struct kho_mem part = kho_range(&root->table, i);
		const struct kho_entry *e = phys_to_virt(part.addr);
		const struct kho_entry *last = (void *)e + part.len;

		for (; e < last; e++) {
			err = read_entry(e, end, &crc, why);
			if (err)
				return err;
			end = be64_to_cpu(e->addr) + be64_to_cpu(e->len);
		}
	}

	for (i = 0; i < root->table.nr; i++) {
		struct kho_mem part = kho_range(&root->table, i);

		crc = kho_crc(crc, phys_to_virt(part.addr), part.len);
	}
	if (crc != root->table_crc)
		return kho_bad(why, "the memory table's checksum is %#x, its contents give %#x",
			       root->table_crc, crc);
	return 0;
}

static int __init check_bits(struct kho_why *why)
{
	struct kho_extent *x = kho_in.extent;
	int err = 0;

	for (; !err && x < kho_in.extent + kho_in.extents; x++)
		if (x->bits)
			err = kho_bits_check(x->bits, x->shift, PAGE_SHIFT,
					     MAX_PAGE_ORDER, why);
	return err;
}

static int __init check_overlap(const char *what, const struct kho_mem *a,
				const struct kho_mem *b, struct kho_why *why)
{
	if (a->addr + a->len <= b->addr)
		return 0;
	return kho_bad(why, "%s %#llx+%#llx and %#llx+%#llx overlap", what,
		       a->addr, a->len, b->addr, b->len);
}

/* The first byte of a range that is preserved, or where it ends */
static u64 __init first_touched(u64 addr, u64 end)
{
	const struct kho_extent *x = kho_find_extent(addr) ?: kho_in.extent;

	for (; x < kho_in.extent + kho_in.extents && x->mem.addr < end; x++) {
		u64 from = max(addr, x->mem.addr);
		u64 to = min(end, x->mem.addr + x->mem.len);
		unsigned long bit, last;

		if (from >= to)
			continue;
		if (!x->bits)
			return from;
		last = DIV_ROUND_UP_ULL(to - x->mem.addr, 1ULL << x->shift);
		bit = find_next_bit_le(x->bits, last,
				       (from - x->mem.addr) >> x->shift);
		if (bit < last)
			return max(from, x->mem.addr + ((u64)bit << x->shift));
	}
	return end;
}

static bool __init is_touched(const struct kho_mem *mem)
{
	u64 end = mem->addr + mem->len;

	return first_touched(mem->addr, end) < end;
}

/* Where the table and the bits are: that is not to be used while they are read */
static int __init list_meta(const struct kho_root *root, struct kho_why *why)
{
	const struct kho_extent *x = kho_in.extent;
	struct kho_mem *m;
	unsigned long i;
	int err = 0;

	kho_offer.parts = root->table.nr;
	kho_offer.part = kho_alloc_array(kho_offer.parts, sizeof(*m), why);
	kho_offer.metas = root->table.nr + kho_offer.bitmaps;
	kho_offer.meta = kho_alloc_array(kho_offer.metas, sizeof(*m), why);
	if (!kho_offer.part || !kho_offer.meta)
		return -ENOMEM;

	for (m = kho_offer.meta, i = 0; i < root->table.nr; i++)
		*m++ = kho_offer.part[i] = kho_range(&root->table, i);
	for (; x < kho_in.extent + kho_in.extents; x++)
		if (x->bits)
			*m++ = (struct kho_mem){
				virt_to_phys((void *)x->bits), 1ULL << x->shift
			};

	sort(kho_offer.meta, kho_offer.metas, sizeof(*m), kho_mem_cmp, NULL);
	for (m = kho_offer.meta, i = 1; !err && i < kho_offer.metas; i++, m++)
		err = check_overlap("parts of the memory table", m, m + 1, why);

	for (m = kho_offer.meta, i = 0; !err && i < kho_offer.metas; i++, m++) {
		u64 end = PAGE_ALIGN(m->addr + m->len);

		m->addr = ALIGN_DOWN(m->addr, PAGE_SIZE);
		m->len = end - m->addr;
		/* Pages are what is reserved: nobody else may have the rest of one */
		err = check_keepable("memory table", m, why);
		if (!err && is_touched(m))
			err = kho_bad(why, "memory table %#llx+%#llx is in what it preserves",
				      m->addr, m->len);
	}
	return err;
}

static bool __init is_preserved(const struct kho_mem *mem)
{
	const struct kho_extent *x = kho_find_extent(mem->addr);
	u64 addr = mem->addr, end = addr + mem->len;

	for (; x && x < kho_in.extent + kho_in.extents && addr < end; x++) {
		u64 from = addr - x->mem.addr;
		u64 to = min(end - x->mem.addr, x->mem.len);

		/* It begins behind a gap, or the extent before ends too early */
		if (addr < x->mem.addr || from >= x->mem.len)
			return false;
		if (x->bits) {
			unsigned long last = to >> x->shift;

			if (to & ((1ULL << x->shift) - 1))
				last++;
			if (find_next_zero_bit_le(x->bits, last,
						  from >> x->shift) < last)
				return false;
		}
		addr = x->mem.addr + to;
	}
	return addr >= end;
}

static int __init count_listing(const struct kho_ranges *ranges, unsigned int node,
				void *max, struct kho_why *why)
{
	*(unsigned long *)max += ranges->nr;
	kho_in.nodes = node + 1;
	return 0;
}

static int __init add_listing(const struct kho_ranges *ranges, unsigned int node,
			      void *data, struct kho_why *why)
{
	unsigned int i;

	for (i = 0; i < ranges->nr; i++) {
		struct kho_listing *l = &kho_in.listing[kho_in.listings++];

		l->mem = kho_range(ranges, i);
		l->node = node;
		if (!PAGE_ALIGNED(l->mem.addr | l->mem.len))
			return kho_bad(why, "mem range %#llx+%#llx does not fit pages of %lu bytes",
				       l->mem.addr, l->mem.len, PAGE_SIZE);
	}
	return 0;
}

/* Not before they do not overlap: each may be as large as the table */
static int __init check_preserved(struct kho_why *why)
{
	const struct kho_listing *l = kho_in.listing;

	for (; l < kho_in.listing + kho_in.listings; l++)
		if (!is_preserved(&l->mem))
			return kho_bad(why, "mem range %#llx+%#llx is not in the memory table",
				       l->mem.addr, l->mem.len);
	return 0;
}

static int __init read_listings(const void *fdt, struct kho_why *why)
{
	struct kho_listing *l;
	unsigned long i;
	int err;

	kho_fdt_walk_mem(fdt, count_listing, &kho_offer.max_listings, why);
	kho_in.listing = kho_alloc_array(kho_offer.max_listings, sizeof(*l), why);
	if (!kho_in.listing)
		return -ENOMEM;

	err = kho_fdt_walk_mem(fdt, add_listing, NULL, why);
	if (err)
		return err;

	/* A listing begins with its range */
	BUILD_BUG_ON(offsetof(struct kho_listing, mem));
	sort(kho_in.listing, kho_in.listings, sizeof(*l), kho_mem_cmp, NULL);
	for (l = kho_in.listing, i = 1; !err && i < kho_in.listings; i++, l++)
		err = check_overlap("mem ranges", &l[0].mem, &l[1].mem, why);
	return err ?: check_preserved(why);
}

/* Nothing can have been preserved where memory cannot be kept */
static int __init check_hole(u64 addr, u64 end, struct kho_why *why)
{
	struct kho_mem mem = { first_touched(addr, end), PAGE_SIZE };

	if (mem.addr == end)
		return 0;
	mem.addr = ALIGN_DOWN(mem.addr, PAGE_SIZE);
	return check_keepable("preserved range", &mem, why) ?:
	       kho_bad(why, "preserved range %#llx+%#llx is not usable here",
		       mem.addr, mem.len);
}

static int __init check_holes(struct kho_why *why)
{
	phys_addr_t start, end;
	u64 last = 0, i;
	int err;

	for_each_unused_range(i, &start, &end) {
		if (kho_scratch_has(start))
			continue;
		err = check_hole(last, start, why);
		if (err)
			return err;
		last = end;
	}
	return check_hole(last, U64_MAX, why);
}

static int __init reserve_all(struct kho_why *why)
{
	const struct kho_walk walk = {
		.part = kho_offer.part, .parts = kho_offer.parts,
		.meta = kho_offer.meta, .metas = kho_offer.metas,
	};

	return kho_gaps_reserve(&walk, why);
}

static void __init free_all(void)
{
	kho_free_array(kho_in.extent, kho_offer.entries, sizeof(*kho_in.extent));
	kho_free_array(kho_in.listing, kho_offer.max_listings, sizeof(*kho_in.listing));
	kho_free_array(kho_offer.part, kho_offer.parts, sizeof(*kho_offer.part));
	kho_free_array(kho_offer.meta, kho_offer.metas, sizeof(*kho_offer.meta));
	kho_in.extent = NULL;
	kho_in.extents = 0;
	kho_in.listing = NULL;
	kho_in.listings = 0;
}

static int __init reserve_window(struct kho_why *why)
{
	struct kho_mem window = { .addr = kho_offer.phys, .len = kho_offer.window };
	int err = check_keepable("its FDT", &window, why);

	if (!err && memblock_reserve(kho_offer.phys, kho_offer.window))
		err = kho_bad(why, "memblock cannot reserve its FDT");
	return err;
}

#ifdef CONFIG_MEMORY_HOTPLUG
/* The room that was looked for may be on such nodes */
static void __init forbid_movable_node(void)
{
	if (!movable_node_enabled)
		return;
	pr_notice("movable_node is off up to the next cold boot: memory is preserved, and early boot needs the rest\n");
	movable_node_enabled = false;
}
#else
static inline void forbid_movable_node(void)
{
}
#endif

/* Everything is as it should be, and is kept: what is needed from now on */
static int __init accept(const struct kho_root *root, struct kho_why *why)
{
	int err;

	err = kho_bitmaps_make(root->page_size, why);
	if (err)
		return err;
	memblock_clear_kho_scratch_only();
	kho_gaps_count();

	/* What these list are gaps now, like any other */
	kho_free_array(kho_offer.part, kho_offer.parts, sizeof(*kho_offer.part));
	kho_free_array(kho_offer.meta, kho_offer.metas, sizeof(*kho_offer.meta));
	kho_in.fdt = phys_to_virt(kho_offer.phys);
	kho_in.count = root->count;
	strscpy(kho_in.status, "accepted");
	pr_info("handover %u accepted from %.64s: %lu ranges, %llu KiB preserved\n",
		root->count, root->release, kho_in.extents,
		(u64)kho_in.pages << (PAGE_SHIFT - 10));
	forbid_movable_node();
	return 0;
}

static int __init read_fdt(const void *fdt, struct kho_root *root, struct kho_why *why)
{
	int err = kho_fdt_check(fdt, kho_offer.window, root, why);

	if (!err)
		kho_cpus_before = min(root->cpus, nr_cpu_ids);
	return err;
}

static int __init take_over(struct kho_why *why)
{
	const void *fdt = phys_to_virt(kho_offer.phys);
	struct kho_root root;
	int err;

	/* First, so that nothing that is preserved can overlap it */
	err = reserve_window(why);
	if (err)
		return err;

	err = read_fdt(fdt, &root, why) ?:
	      check_parts(&root, why) ?:
	      read_table(&root, why) ?:
	      check_bits(why) ?:
	      list_meta(&root, why) ?:
	      read_listings(fdt, why) ?:
	      check_holes(why) ?:
	      reserve_all(why) ?:
	      accept(&root, why);
	if (err) {
		/* There is nothing to keep any more, and memblock may need room */
		memblock_clear_kho_scratch_only();
		kho_cpus_before = 0;
		kho_gaps_drop();
		kho_bitmaps_free();
		free_all();
		memblock_phys_free(kho_offer.phys, kho_offer.window);
	}
	return err;
}

/**
 * kho_memory_init() - reserve all that was handed over; have scratch in place
 *
 * Context: all RAM is mapped and memblock may resize its arrays. From here on,
 * memblock allocates from all free memory but scratch.
 */
void __init kho_memory_init(void)
{
	struct kho_why why;

	if (memblock_is_kho_scratch_only())
		memblock_set_bottom_up(kho_offer.bottom_up);
	if (kho_offer.made && take_over(&why))
		refuse(&why);
	memblock_clear_kho_scratch_only();
	if (kho_is_enabled() && !kho_scratch.len)
		kho_scratch_reserve(kho_offer.initrd);
	if (kho_scratch.len)
		kho_scratch_hold();
}

#if IS_ENABLED(CONFIG_KEXEC_HANDOVER_KUNIT_TEST)
#include "kexec_kho_boot_test.c"
#endif
