// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kexec HandOver: the incoming side in early boot.
 *
 * Owns the decision to accept or refuse a handover, and keeps all that it
 * preserves from being used until the page allocator knows of it.
 *
 * A handover is accepted or refused whole. It is looked at twice: once memblock
 * knows all RAM, the FDT is checked and memblock is confined to scratch; once
 * all RAM is mapped, the memory table is checked, everything in it is reserved,
 * and memblock is let go.
 *
 * memblock and those who walk its arrays are not made for a region for each of
 * a million pages. So what lies between two preserved pages is reserved with
 * them if it is small, and given to the page allocator at the end of boot.
 */
#define pr_fmt(fmt) "kho: " fmt

#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/crash_dump.h>
#include <linux/init.h>
#include <linux/io.h>
#include <linux/kexec_handover_mm.h>
#include <linux/libfdt.h>
#include <linux/limits.h>
#include <linux/memblock.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/swap.h>

#include <asm/sections.h>

#include "../mm/internal.h"
#include "kexec_kho_internal.h"

/*
 * struct pages of what is reserved need not be there before all others. Where
 * zones overlap, it is not easy to say which one they are in.
 */
#define KHO_DEFERS_PAGES					\
	(IS_ENABLED(CONFIG_DEFERRED_STRUCT_PAGE_INIT) &&	\
	 IS_ENABLED(CONFIG_SPARSEMEM_VMEMMAP) && !mirrored_kernelcore)

/* Firmware's tables and the like */
#define MAX_LATE	64

/**
 * struct run - a range that is reserved
 * @mem:   where it is
 * @flags: how
 */
struct run {
	struct kho_mem mem;
	enum memblock_flags flags;
};

/**
 * struct offer - a handover that is neither accepted nor refused
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
 * @plan:   which gaps are reserved with what is preserved
 * @run:    what is reserved for it, sorted
 * @runs:   length of that
 * @max_runs: room in that
 * @run_bytes: bytes in all of @run
 * @bottom_up: how memblock allocated before it was confined to scratch
 * @low:    memory below counted as scratch
 * @initrd: bytes of this kernel's initrd
 * @late:   what others have reserved in @run since
 * @lates:  length of that
 */
static struct offer {
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
	struct kho_plan plan;
	struct run *run;
	unsigned long runs;
	unsigned long max_runs;
	u64 run_bytes;
	bool bottom_up;
	phys_addr_t low;
	u64 initrd;
	struct kho_mem late[MAX_LATE];
	unsigned int lates;
} offer __initdata;

/* Gaps are reserved and not free yet */
static bool has_gaps;

/* How much RAM firmware and the boot loader have taken, as they will again */
u64 kho_firmware_bytes __ro_after_init;

static void __init refuse(const struct kho_why *why)
{
	kho_scratch_drop();
	offer.made = false;
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
	offer.made = true;
	offer.phys = fdt;
	offer.window = window;
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
	struct kho_mem window = { .addr = offer.phys, .len = offer.window };
	struct kho_mem scratch;
	struct kho_root root;
	void *fdt;
	int err;

	if (kho_is_confidential())
		return kho_bad(why, "this is a confidential guest (SEV, SNP or TDX)");
	if (!kho_is_enabled())
		return kho_bad(why, "kho=on is not on the command line");
	if (!window.len)
		return kho_bad(why, "what the boot loader says of it is malformed");
	if (!IS_ALIGNED(window.addr, 8) ||
	    offset_in_page(window.addr) + window.len > KHO_FDT_MAX)
		return kho_bad(why, "the boot loader points to %#llx+%#llx, which cannot be an FDT",
			       window.addr, window.len);
	err = check_range("its FDT", &window, why);
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

static u64 __init free_bytes(void)
{
	phys_addr_t start, end;
	u64 bytes = 0, i;

	for_each_free_mem_range(i, NUMA_NO_NODE, MEMBLOCK_HOTPLUG, &start, &end,
				NULL)
		bytes += end - start;
	return bytes;
}

/* Kernel and initrd are in scratch the next time */
static void __init note_firmware(void)
{
	u64 used = memblock_phys_mem_size() - free_bytes();
	u64 ours = _end - _text + offer.initrd;

	kho_firmware_bytes = used - min(used, ours);
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

	offer.initrd = initrd;
	note_firmware();
	/* A crash kernel takes no part, whatever it may be told */
	if (is_kdump_kernel())
		offer.made = false;
	if (!offer.made)
		return;

	offer.low = low;
	if (check_fdt_early(low, &why)) {
		refuse(&why);
		return;
	}

	/* There may be no scratch above the kernel */
	offer.bottom_up = memblock_bottom_up();
	memblock_set_bottom_up(false);
}

/* Whole pages, so that all can be freed later */
static size_t __init array_len(size_t nr, size_t size)
{
	return PAGE_ALIGN(array_size(nr ?: 1, size));
}

static void *__init alloc_array(size_t nr, size_t size, struct kho_why *why)
{
	size_t len = array_len(nr, size);
	void *array = memblock_alloc(len, PAGE_SIZE);

	if (!array)
		snprintf(why->text, sizeof(why->text),
			 "scratch lacks %zu KiB: boot the old kernel with a larger kho_scratch=",
			 len >> 10);
	return array;
}

static void __init free_array(void *array, size_t nr, size_t size)
{
	if (array)
		memblock_free(array, array_len(nr, size));
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
		err = check_range("memory table", &part, why);
		if (err)
			return err;
		offer.entries += part.len / sizeof(struct kho_entry);
		if (offer.entries > PHYS_PFN(memblock_phys_mem_size()))
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
	err = check_range("memory table", &mem, why);
	if (err)
		return err;

	x->bits = phys_to_virt(mem.addr);
	*crc = kho_crc(*crc, x->bits, mem.len);
	offer.bitmaps++;
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

	kho_in.extent = alloc_array(offer.entries, sizeof(*kho_in.extent), why);
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

static int __init cmp_mem(const void *a, const void *b)
{
	const struct kho_mem *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
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
static int __init find_meta(const struct kho_root *root, struct kho_why *why)
{
	const struct kho_extent *x = kho_in.extent;
	struct kho_mem *m;
	unsigned long i;
	int err = 0;

	offer.parts = root->table.nr;
	offer.part = alloc_array(offer.parts, sizeof(*m), why);
	offer.metas = root->table.nr + offer.bitmaps;
	offer.meta = alloc_array(offer.metas, sizeof(*m), why);
	if (!offer.part || !offer.meta)
		return -ENOMEM;

	for (m = offer.meta, i = 0; i < root->table.nr; i++)
		*m++ = offer.part[i] = kho_range(&root->table, i);
	for (; x < kho_in.extent + kho_in.extents; x++)
		if (x->bits)
			*m++ = (struct kho_mem){
				virt_to_phys((void *)x->bits), 1ULL << x->shift
			};

	sort(offer.meta, offer.metas, sizeof(*m), cmp_mem, NULL);
	for (m = offer.meta, i = 1; !err && i < offer.metas; i++, m++)
		err = check_overlap("parts of the memory table", m, m + 1, why);

	for (m = offer.meta, i = 0; !err && i < offer.metas; i++, m++) {
		u64 end = PAGE_ALIGN(m->addr + m->len);

		m->addr = ALIGN_DOWN(m->addr, PAGE_SIZE);
		m->len = end - m->addr;
		/* Pages are what is reserved: nobody else may have the rest of one */
		err = check_range("memory table", m, why);
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

static int __init count_listing(const struct kho_ranges *ranges,
				unsigned int node, struct kho_why *why)
{
	offer.max_listings += ranges->nr;
	kho_in.nodes = node + 1;
	return 0;
}

static int __init add_listing(const struct kho_ranges *ranges,
			      unsigned int node, struct kho_why *why)
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

	kho_fdt_walk_mem(fdt, count_listing, why);
	kho_in.listing = alloc_array(offer.max_listings, sizeof(*l), why);
	if (!kho_in.listing)
		return -ENOMEM;

	err = kho_fdt_walk_mem(fdt, add_listing, why);
	if (err)
		return err;

	/* A listing begins with its range */
	BUILD_BUG_ON(offsetof(struct kho_listing, mem));
	sort(kho_in.listing, kho_in.listings, sizeof(*l), cmp_mem, NULL);
	for (l = kho_in.listing, i = 1; !err && i < kho_in.listings; i++, l++)
		err = check_overlap("mem ranges", &l[0].mem, &l[1].mem, why);
	return err ?: check_preserved(why);
}

/*
 * What can be kept: all free memory that is not scratch. Hotpluggable memory,
 * which the kernel does not take for itself, can.
 */
#define for_each_usable_range(i, start, end)				\
	for_each_free_mem_range(i, NUMA_NO_NODE,			\
				MEMBLOCK_HOTPLUG | MEMBLOCK_KHO_AVOID,	\
				start, end, NULL)

static bool __init is_usable(u64 addr, u64 len)
{
	return kho_is_mapped_ram(addr, len) &&
	       !memblock_is_region_reserved(addr, len) &&
	       !kho_scratch_overlaps(addr, len);
}

/* Nothing can have been preserved where no memory is usable */
static int __init check_unusable(u64 addr, u64 end, struct kho_why *why)
{
	struct kho_mem mem = { first_touched(addr, end), PAGE_SIZE };

	if (mem.addr == end)
		return 0;
	mem.addr = ALIGN_DOWN(mem.addr, PAGE_SIZE);
	return check_range("preserved range", &mem, why) ?:
	       kho_bad(why, "preserved range %#llx+%#llx is not usable here",
		       mem.addr, mem.len);
}

static int __init check_usable(struct kho_why *why)
{
	phys_addr_t start, end;
	u64 last = 0, i;
	int err;

	for_each_usable_range(i, &start, &end) {
		err = check_unusable(last, start, why);
		if (err)
			return err;
		last = end;
	}
	return check_unusable(last, U64_MAX, why);
}

static void __init emit_run(u64 start, u64 end, enum memblock_flags flags)
{
	if (start >= end)
		return;

	if (offer.runs < offer.max_runs)
		offer.run[offer.runs] = (struct run){
			{ start, end - start }, flags
		};
	offer.runs++;
	offer.run_bytes += end - start;
}

/*
 * struct pages in blocks of the page allocator that have nothing else in them
 * can wait until they are initialised as the others are, in parallel.
 */
static void __init add_run(u64 start, u64 end)
{
	u64 block = (u64)PAGE_SIZE << MAX_PAGE_ORDER;
	u64 from = ALIGN(start, block);
	u64 to = ALIGN_DOWN(end, block);

	if (!KHO_DEFERS_PAGES || from >= to) {
		emit_run(start, end, MEMBLOCK_NONE);
		return;
	}
	emit_run(start, from, MEMBLOCK_NONE);
	emit_run(from, to, MEMBLOCK_RSRV_NOINIT);
	emit_run(to, end, MEMBLOCK_NONE);
}

/* Of the runs from @run on, what is in a range; false if there are no more */
static bool __init make_runs_in(u64 start, u64 end, struct kho_mem *run)
{
	bool more = true;

	start = PAGE_ALIGN(start);
	end = ALIGN_DOWN(end, PAGE_SIZE);
	for (; more && run->addr < end; more = kho_plan_next(&offer.plan, run)) {
		u64 run_end = run->addr + run->len;

		add_run(max(start, run->addr), min(end, run_end));
		if (run_end > end)
			break;
	}
	return more;
}

/* Of the runs, what is usable memory: somebody may have some of a small gap */
static void __init make_runs(void)
{
	phys_addr_t start, end;
	u64 from = 0, last = 0, i;
	struct kho_mem run;

	if (!kho_plan_next(&offer.plan, &run))
		return;
	for_each_usable_range(i, &start, &end) {
		/* Memory of one kind may end, and another begin, within a page */
		if (start != last) {
			if (!make_runs_in(from, last, &run))
				return;
			from = start;
		}
		last = end;
	}
	make_runs_in(from, last, &run);
}

static u64 __init usable_bytes(unsigned long *ranges)
{
	phys_addr_t start, end;
	u64 bytes = 0, i;

	*ranges = 0;
	for_each_usable_range(i, &start, &end) {
		bytes += end - start;
		++*ranges;
	}
	return bytes;
}

/* Scratch counts as well: it is what memblock takes last */
static int __init check_room(struct kho_why *why)
{
	u64 room = kho_boot_room(memblock_phys_mem_size());
	u64 left = free_bytes();

	left -= min(left, offer.run_bytes);
	if (left >= room)
		return 0;
	return kho_bad(why, "what is preserved, and gaps, leave %llu KiB: it takes %llu KiB",
		       left >> 10, room >> 10);
}

/* Choose what is reserved, and find how many runs that can be */
static void __init plan_runs(void)
{
	struct kho_walk walk = {
		.part = offer.part, .parts = offer.parts,
		.meta = offer.meta, .metas = offer.metas,
	};
	unsigned long ranges;
	u64 usable = usable_bytes(&ranges);

	kho_plan_make(&offer.plan, &walk, is_usable, usable,
		      kho_ample_room(memblock_phys_mem_size()));

	/* Each range that is usable can end one; see add_run() */
	offer.max_runs = 3 * (offer.plan.runs + ranges);
}

static int __init find_runs(struct kho_why *why)
{
	plan_runs();
	offer.run = alloc_array(offer.max_runs, sizeof(*offer.run), why);
	if (!offer.run)
		return -ENOMEM;
	make_runs();
	return 0;
}

static void __init get_run(unsigned long i, struct memblock_region *r)
{
	r->base = offer.run[i].mem.addr;
	r->size = offer.run[i].mem.len;
	r->flags = offer.run[i].flags;
}

static int __init reserve_runs(struct kho_why *why)
{
	int err = check_usable(why) ?: find_runs(why) ?: check_room(why);

	if (!err && (offer.runs > offer.max_runs ||
		     memblock_reserve_sorted(offer.runs, get_run)))
		err = kho_bad(why, "memblock cannot reserve %lu ranges: use a larger kho_scratch=",
			      offer.runs);
	return err;
}

/* Bits of this kernel for the pages of a chunk, whatever size they had */
static void __init convert_bits(struct kho_extent *x)
{
	unsigned long pages = PHYS_PFN(x->mem.len);
	const __le64 *joined = x->bits + KHO_CHUNK_PAGES(x->shift) / 64;
	unsigned long i;

	for (i = 0; i < pages; i++) {
		unsigned long bit = PFN_PHYS((u64)i) >> x->shift;
		bool first = PFN_PHYS((u64)i) == (u64)bit << x->shift;

		if (!test_bit_le(bit, x->bits))
			continue;
		__set_bit(i, x->kept);
		if (!first || test_bit_le(bit, joined))
			__set_bit(i, x->joined);
	}
}

static void __init copy_bits(struct kho_extent *x)
{
	unsigned long words = BITS_TO_LONGS(PHYS_PFN(x->mem.len)), i;

	for (i = 0; i < words; i++) {
		x->kept[i] = le64_to_cpu(x->bits[i]);
		x->joined[i] = le64_to_cpu(x->bits[words + i]);
	}
}

static void __init read_bits(struct kho_extent *x)
{
	unsigned long pages = PHYS_PFN(x->mem.len);

	if (x->shift == PAGE_SHIFT)
		copy_bits(x);
	else
		convert_bits(x);
	bitmap_complement(kho_in.taken + BIT_WORD(x->bit), x->kept, pages);
	kho_in.pages += bitmap_weight(x->kept, pages);
	x->bits = NULL;
}

/* Of all that is allocated for a handover, only this comes out of free memory */
static int __init alloc_bitmaps(struct kho_why *why)
{
	unsigned long all = 0, chunks = 0, longs, *next;
	struct kho_extent *x, *end = kho_in.extent + kho_in.extents;
	size_t len;

	for (x = kho_in.extent; x < end; x++) {
		longs = BITS_TO_LONGS(PHYS_PFN(x->mem.len));
		x->bit = all * BITS_PER_LONG;
		all += longs;
		if (x->bits)
			chunks += longs;
	}

	len = array_size(2 * all + 2 * chunks + 1, sizeof(long));
	kho_in.taken = memblock_alloc(len, SMP_CACHE_BYTES);
	if (!kho_in.taken)
		return kho_bad(why, "no %zu KiB of memory for bitmaps", len >> 10);
	kho_in.claimed = kho_in.taken + all;

	next = kho_in.claimed + all;
	for (x = kho_in.extent; x < end; x++) {
		longs = BITS_TO_LONGS(PHYS_PFN(x->mem.len));
		x->before = kho_in.pages;
		if (!x->bits) {
			kho_in.pages += PHYS_PFN(x->mem.len);
			continue;
		}
		x->kept = next;
		x->joined = next + longs;
		next += 2 * longs;
		read_bits(x);
	}
	return 0;
}

static void __init free_all(void)
{
	free_array(kho_in.extent, offer.entries, sizeof(*kho_in.extent));
	free_array(kho_in.listing, offer.max_listings, sizeof(*kho_in.listing));
	free_array(offer.part, offer.parts, sizeof(*offer.part));
	free_array(offer.meta, offer.metas, sizeof(*offer.meta));
	free_array(offer.run, offer.max_runs, sizeof(*offer.run));
	kho_in.extent = NULL;
	kho_in.extents = 0;
	kho_in.listing = NULL;
	kho_in.listings = 0;
	offer.runs = 0;
}

static int __init reserve_window(struct kho_why *why)
{
	struct kho_mem window = { .addr = offer.phys, .len = offer.window };
	int err = check_range("its FDT", &window, why);

	if (!err && memblock_reserve(offer.phys, offer.window))
		err = kho_bad(why, "memblock cannot reserve its FDT");
	return err;
}

/* Everything is as it should be, and is kept: what is needed from now on */
static int __init accept(const struct kho_root *root, struct kho_why *why)
{
	unsigned long i;
	int err;

	memblock_clear_kho_scratch_only();
	err = alloc_bitmaps(why);
	if (err) {
		for (i = 0; i < offer.runs; i++)
			memblock_phys_free(offer.run[i].mem.addr,
					   offer.run[i].mem.len);
		return err;
	}

	has_gaps = true;
	/* What these list are gaps now, like any other */
	free_array(offer.part, offer.parts, sizeof(*offer.part));
	free_array(offer.meta, offer.metas, sizeof(*offer.meta));
	kho_in.fdt = phys_to_virt(offer.phys);
	kho_in.count = root->count;
	strscpy(kho_in.status, "accepted");
	pr_info("handover %u accepted from %.64s: %lu ranges, %llu KiB preserved\n",
		root->count, root->release, kho_in.extents,
		(u64)kho_in.pages << (PAGE_SHIFT - 10));
	if (movable_node_is_enabled())
		pr_notice("movable_node does nothing for nodes that hold preserved memory, up to the next cold boot\n");
	return 0;
}

static int __init take_over(struct kho_why *why)
{
	const void *fdt = phys_to_virt(offer.phys);
	struct kho_root root;
	int err;

	/* First, so that nothing that is preserved can overlap it */
	err = reserve_window(why);
	if (err)
		return err;

	err = kho_fdt_check(fdt, offer.window, &root, why) ?:
	      check_parts(&root, why) ?:
	      read_table(&root, why) ?:
	      check_bits(why) ?:
	      find_meta(&root, why) ?:
	      read_listings(fdt, why) ?:
	      reserve_runs(why) ?:
	      accept(&root, why);
	if (err) {
		free_all();
		memblock_phys_free(offer.phys, offer.window);
	}
	return err;
}

/**
 * kho_memory_init() - reserve all that was handed over; have scratch in place
 *
 * Context: all RAM is mapped and memblock may resize its arrays. From here on,
 * memblock allocates from all free memory, and from scratch last.
 */
void __init kho_memory_init(void)
{
	struct kho_why why;

	if (memblock_is_kho_scratch_only())
		memblock_set_bottom_up(offer.bottom_up);
	if (offer.made && take_over(&why))
		refuse(&why);
	memblock_clear_kho_scratch_only();
	if (offer.low)
		memblock_clear_kho_scratch(0, offer.low);

	if (kho_is_enabled() && !kho_scratch.len)
		kho_scratch_reserve(offer.initrd);
}

/**
 * kho_memmap_init() - initialise the struct pages that this was left for
 *
 * Context: before the other deferred struct pages are initialised and freed.
 */
void __init kho_memmap_init(void)
{
	const struct run *run = offer.run;

	if (!IS_ENABLED(CONFIG_DEFERRED_STRUCT_PAGE_INIT))
		return;
	for (; run < offer.run + offer.runs; run++)
		if (run->flags & MEMBLOCK_RSRV_NOINIT)
			memmap_init_reserved(PHYS_PFN(run->mem.addr),
					     PHYS_PFN(run->mem.addr + run->mem.len));
}

/* Whether any of a range is reserved because of the handover */
static bool __init is_in_run(phys_addr_t base, phys_addr_t size)
{
	unsigned long low = 0, high = offer.runs, mid;

	/* The first run that ends behind @base */
	while (low < high) {
		mid = low + (high - low) / 2;
		if (offer.run[mid].mem.addr + offer.run[mid].mem.len <= base)
			low = mid + 1;
		else
			high = mid;
	}
	return low < offer.runs && offer.run[low].mem.addr < base + size;
}

static void __init note_late(phys_addr_t base, phys_addr_t size)
{
	if (!is_in_run(base, size))
		return;

	if (offer.lates < MAX_LATE)
		offer.late[offer.lates] = (struct kho_mem){ base, size };
	offer.lates++;
}

/**
 * kho_memory_reserved() - note that somebody reserves a range
 * @base: physical address
 * @size: bytes
 *
 * It may be one that is reserved as a gap already, and must not be freed then.
 */
void __ref kho_memory_reserved(phys_addr_t base, phys_addr_t size)
{
	if (has_gaps)
		note_late(base, size);
}

/**
 * kho_memory_is_held() - whether memory is reserved for a handover only
 * @base: physical address
 * @size: bytes
 *
 * For those who look at memblock to see what firmware, or the previous kernel by
 * way of it, has set aside for them: what the handover reserves is not that, and
 * the gaps in it are going to be free.
 *
 * Return: true if any of the range is, and gaps are not free yet.
 */
bool __ref kho_memory_is_held(phys_addr_t base, phys_addr_t size)
{
	return has_gaps && is_in_run(base, size);
}

static bool __init is_late(unsigned long pfn)
{
	unsigned int i;

	for (i = 0; i < offer.lates; i++)
		if (pfn >= PHYS_PFN(offer.late[i].addr) &&
		    pfn < PFN_UP(offer.late[i].addr + offer.late[i].len))
			return true;
	return false;
}

static unsigned long __init free_block(unsigned long pfn, unsigned int order)
{
	unsigned long end = pfn + (1UL << order), pages = 0;

	if (!offer.lates) {
		memblock_free_pages(pfn_to_page(pfn), pfn, order);
		return end - pfn;
	}
	for (; pfn < end; pfn++) {
		if (is_late(pfn))
			continue;
		memblock_free_pages(pfn_to_page(pfn), pfn, 0);
		pages++;
	}
	return pages;
}

static unsigned long __init free_range(u64 start, u64 end)
{
	unsigned long pfn = PHYS_PFN(start), last = PHYS_PFN(end), pages = 0;
	unsigned long order;

	for (; pfn < last; pfn += 1UL << order) {
		order = min(MAX_PAGE_ORDER, ilog2(last - pfn));
		if (pfn)
			order = min(order, __ffs(pfn));
		pages += free_block(pfn, order);
	}
	return pages;
}

static unsigned long __init late_bits(unsigned long pfn)
{
	unsigned long bits = 0;
	unsigned int i;

	for (i = 0; offer.lates && i < BITS_PER_LONG; i++)
		if (is_late(pfn + i))
			bits |= BIT(i);
	return bits;
}

/* What of the pages of a chunk from @page to @end was not preserved */
static unsigned long __init free_bits(const struct kho_extent *x,
				      unsigned long page, unsigned long end)
{
	unsigned long pages = 0, word, bits, pfn;

	for (; page < end; page = (word + 1) * BITS_PER_LONG) {
		word = BIT_WORD(page);
		pfn = PHYS_PFN(x->mem.addr) + word * BITS_PER_LONG;
		bits = ~x->kept[word] & ~late_bits(pfn) &
		       BITMAP_FIRST_WORD_MASK(page);
		if (end - word * BITS_PER_LONG < BITS_PER_LONG)
			bits &= BITMAP_LAST_WORD_MASK(end);
		if (!bits)
			continue;

		if (~bits)
			memblock_free_bits(pfn, bits);
		else
			memblock_free_pages(pfn_to_page(pfn), pfn,
					    ilog2(BITS_PER_LONG));
		pages += hweight_long(bits);
	}
	return pages;
}

/* Returns where the extent ends, or the run */
static u64 __init free_before(u64 pos, u64 end, const struct kho_extent *x,
			      unsigned long *pages)
{
	u64 from = min(end, max(pos, x->mem.addr));
	u64 to = min(end, max(from, x->mem.addr + x->mem.len));

	*pages += free_range(pos, from);
	if (x->kept && from < to)
		*pages += free_bits(x, PHYS_PFN(from - x->mem.addr),
				    PHYS_PFN(to - x->mem.addr));
	return to;
}

/* From extent @x on; returns the one to go on with */
static const struct kho_extent *__init free_gaps_in(u64 pos, u64 end,
						    const struct kho_extent *x,
						    unsigned long *pages)
{
	const struct kho_extent *last = kho_in.extent + kho_in.extents;

	for (; x < last && x->mem.addr < end; x++) {
		pos = free_before(pos, end, x, pages);
		if (pos == end)
			return x;
		cond_resched();
	}
	*pages += free_range(pos, end);
	return x;
}

/* Returns the number of pages. No block that is freed is on two nodes. */
static unsigned long __init free_gaps(void)
{
	const struct kho_extent *x = kho_in.extent;
	unsigned long pages = 0, i, start, end;
	int region;

	for (i = 0; i < offer.runs; i++) {
		const struct kho_mem *run = &offer.run[i].mem;

		for_each_mem_pfn_range(region, MAX_NUMNODES, &start, &end, NULL) {
			start = max(start, PHYS_PFN(run->addr));
			end = min(end, PHYS_PFN(run->addr + run->len));
			if (start < end)
				x = free_gaps_in(PFN_PHYS((u64)start),
						 PFN_PHYS((u64)end), x, &pages);
		}
		cond_resched();
	}
	return pages;
}

/*
 * Where memblock stays, it is asked for as long as the kernel runs. Of these
 * ranges it knows nothing: gaps are free, and drivers free the rest.
 */
static void __init forget_runs(void)
{
	unsigned long i;

	if (!IS_ENABLED(CONFIG_ARCH_KEEP_MEMBLOCK))
		return;
	for (i = 0; i < offer.runs; i++)
		memblock_phys_free(offer.run[i].mem.addr, offer.run[i].mem.len);
	for (i = 0; i < offer.lates; i++)
		memblock_reserve(offer.late[i].addr, offer.late[i].len);
}

/**
 * kho_memory_to_spare() - how much memory can be taken for good at boot
 *
 * After a handover there is less than the command line may have been made for:
 * a pool of huge pages must not take what the kernel cannot do without.
 *
 * Return: bytes; U64_MAX if nothing was handed over.
 */
u64 __init kho_memory_to_spare(void)
{
	u64 ram = memblock_phys_mem_size(), room, left;

	if (!kho_in.fdt)
		return U64_MAX;

	/* For user space to begin with; scratch is no use to much of it */
	room = kho_scratch.len +
	       min_t(u64, max_t(u64, ram / 8, SZ_128M), SZ_4G);
	if (slab_is_available()) {
		left = PFN_PHYS((u64)nr_free_pages());
	} else {
		room += kho_boot_room(ram);
		left = free_bytes();
	}
	return left - min(left, room);
}

/**
 * kho_memory_release() - free what was reserved, but is not preserved
 *
 * Context: all struct pages are initialised; memblock is still there.
 */
void __init kho_memory_release(void)
{
	if (!kho_in.fdt)
		return;

	has_gaps = false;
	if (offer.lates > MAX_LATE) {
		pr_warn("gaps in what is preserved stay reserved: others have reserved too much there\n");
	} else {
		totalram_pages_add(free_gaps());
		forget_runs();
	}
	kho_in.ready = true;
	memblock_free_late(__pa(offer.run),
			   array_len(offer.max_runs, sizeof(*offer.run)));
}

#if IS_ENABLED(CONFIG_KEXEC_HANDOVER_KUNIT_TEST)
#include "kexec_kho_boot_test.c"
#endif
