// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzzes kernel/kexec_kho_boot.c and kexec_kho_gaps.c: a machine boots with
 * whatever an input says is in its memory, up to where the page allocator takes
 * over. Then memblock is as it was, or everything preserved, and nothing that is
 * not, is kept. What nothing is wrong with is not refused.
 */
#include <stdlib.h>

/* But not for mm/memblock.c, which then wants more of zones than there is */
#define CONFIG_DEFERRED_STRUCT_PAGE_INIT 1
#include "kernel/kexec_kho_boot.c"
#include "kernel/kexec_kho_gaps.c"

#include "image.h"
#include "mm/internal.h"
#include "use.h"

/* What is known of each frame */
#define IN_RAM	0x01
#define USED	0x02	/* before the memory table is looked at */
#define SCRATCH	0x04
#define KEPT	0x08	/* preserved, as the test reads it */
#define LISTED	0x10
#define NOW	0x20	/* reserved in the end */
#define LATE	0x40	/* reserved after that */
#define FREED	0x80
#define RETURNED 0x100	/* to memblock, by somebody else */

static u16 frame[FRAMES];
/* Of what is preserved by bits: belongs to the same folio as the frame before */
static bool joined[FRAMES];
/* Its struct page has been initialised for us */
static bool initialised[FRAMES];
static struct memblock_region regions[128];
static unsigned long nr_regions;
/* Where the second node begins */
static u64 node_at;

/* Frames that are in part in a range are in it */
static void fast mark(u64 addr, u64 len, u16 what)
{
	u64 from = max(addr, RAM_BASE), to = min(addr + len, RAM_END), i;

	if (addr + len < addr)
		to = RAM_END;
	if (from >= to)
		return;
	from = (from - RAM_BASE) >> FRAME_SHIFT;
	to = (to - RAM_BASE + (1 << FRAME_SHIFT) - 1) >> FRAME_SHIFT;
	for (i = from; i < to; i++)
		frame[i] |= what;
}

static bool fast all_are(u64 addr, u64 len, u16 mask, u16 what)
{
	u64 i;

	if (!machine_has(addr, len))
		return false;
	for (i = (addr - RAM_BASE) >> FRAME_SHIFT;
	     i <= (addr + len - 1 - RAM_BASE) >> FRAME_SHIFT; i++)
		if ((frame[i] & mask) != what)
			return false;
	return true;
}

bool is_kept(u64 addr)
{
	return all_are(addr, PAGE_SIZE, KEPT, KEPT);
}

/* Whether all frames that are the one are the other, too */
static bool fast are_alike(u16 one, u16 other)
{
	unsigned long i, nr = 0;

	for (i = 0; i < FRAMES; i++)
		nr += !(frame[i] & one) != !(frame[i] & other);
	return !nr;
}

/* What kernel/kexec_kho_gaps.c asks of the page allocator */

static void free_frames(unsigned long pfn, unsigned long pages)
{
	u64 addr = PFN_PHYS(pfn), len = PFN_PHYS(pages);

	must(all_are(addr, len, IN_RAM | NOW | KEPT | LATE | FREED, IN_RAM | NOW));
	must(addr >= node_at || addr + len <= node_at);
	mark(addr, len, FREED);
}

void memblock_free_pages(struct page *page, unsigned long pfn, unsigned int order)
{
	must(page == pfn_to_page(pfn));
	free_frames(pfn, 1UL << order);
}

void memblock_free_bits(unsigned long pfn, unsigned long bits)
{
	must(pfn % BITS_PER_LONG == 0 && bits);
	for (; bits; bits &= bits - 1)
		free_frames(pfn + __ffs(bits), 1);
}

bool memmap_can_defer(void)
{
	return !mirrored_kernelcore;
}

void memmap_init_reserved(unsigned long start_pfn, unsigned long end_pfn)
{
	u64 addr = PFN_PHYS(start_pfn), len = PFN_PHYS(end_pfn - start_pfn);

	must(start_pfn < end_pfn);
	must(all_are(addr, len, IN_RAM | NOW | RETURNED, IN_RAM | NOW));
	memset(initialised + ((addr - RAM_BASE) >> FRAME_SHIFT), true, len >> FRAME_SHIFT);
}

/* All that memblock has left out */
static void fast check_memmap(void)
{
	struct memblock_region *r;

	for_each_reserved_mem_region(r) {
		u64 at = ALIGN_DOWN(r->base, PAGE_SIZE);

		for (; memblock_is_reserved_noinit(r) && at < r->base + r->size; at += PAGE_SIZE)
			must(initialised[(at - RAM_BASE) >> FRAME_SHIFT]);
	}
}

/* memblock, before and after */

static void note_memory(void)
{
	struct memblock_region *r;

	must(memblock.memory.cnt <= ARRAY_SIZE(regions));
	nr_regions = memblock.memory.cnt;
	memcpy(regions, memblock.memory.regions, nr_regions * sizeof(*r));
	memset(frame, 0, sizeof(frame));
	for_each_mem_region(r)
		if (!memblock_is_nomap(r))
			mark(r->base, r->size, IN_RAM);
}

static void note_reserved(u16 what)
{
	struct memblock_region *r;

	for_each_reserved_mem_region(r)
		mark(r->base, r->size, what);
}

/* Its own arrays are memblock's business */
static void forget_array(const struct memblock_type *type)
{
	u64 addr = (unsigned long)type->regions;

	if (machine_has(addr, 1))
		memblock_phys_free(addr, PAGE_ALIGN(type->max * sizeof(*type->regions)));
}

static void check_same_memory(void)
{
	unsigned long i;

	must(memblock.memory.cnt == nr_regions);
	for (i = 0; i < nr_regions; i++) {
		const struct memblock_region *r = &memblock.memory.regions[i];

		must(r->base == regions[i].base && r->size == regions[i].size &&
		     r->flags == regions[i].flags);
	}
}

/* The scratch of a boot without a handover; somebody finds a table there that is in use */
static void check_new_scratch(void)
{
	struct kho_mem s = kho_scratch;
	u64 table = s.addr + s.len / 2 + 100;

	if (machine.is_confidential)
		must(!s.len && !kho_is_enabled());
	if (!s.len)
		return;
	must(all_are(s.addr, s.len, IN_RAM | USED, IN_RAM));
	must(memblock_is_held(s.addr, s.len));
	memblock_reserve(table, 300);
	kho_scratch_release(true);
	must(!kho_is_enabled() && !kho_scratch.len);
	memblock_forget_held();
	must(memblock_is_region_reserved(table, 300));
	must(!memblock_is_region_reserved(s.addr, PAGE_SIZE));
	memblock_phys_free(table, 300);
}

static void check_status(void)
{
	const char *p = kho_in.status;

	must(!strncmp(p, "refused: ", 9) && p[9]);
	must(strnlen(p, sizeof(kho_in.status)) < sizeof(kho_in.status));
	for (; *p; p++)
		must(*p >= ' ' && *p <= '~');
}

static void check_refused(u64 reserved)
{
	if (kho_in.status[0])
		check_status();
	must(!kho_in.fdt && !kho_in.extent && !kho_in.listing && !kho_in.extents &&
	     !kho_in.listings && !kho_held.runs && !kho_offer.made);
	must(!memblock_is_kho_scratch_only());
	check_new_scratch();
	forget_array(&memblock.memory);
	forget_array(&memblock.reserved);
	check_same_memory();
	note_reserved(NOW);
	must(are_alike(USED, NOW));
	must(memblock.reserved.total_size == reserved);
}

/* All that is preserved is memory that nobody else had */
static void keep(u64 addr, u64 len)
{
	must(all_are(addr, len, IN_RAM | USED | SCRATCH | KEPT | NOW, IN_RAM | NOW));
	mark(addr, len, KEPT);
}

/* A page by itself is no folio, if it is as large as several frames */
static void note_joined(u64 addr, u64 len, bool first, bool next)
{
	bool *j = joined + ((addr - RAM_BASE) >> FRAME_SHIFT);

	memset(j, first || next, len >> FRAME_SHIFT);
	*j = first;
}

static u64 keep_chunk(u64 addr, unsigned int shift, u64 bits_at)
{
	const u8 *bits = phys_to_virt(bits_at), *tails = bits + (1UL << shift) / 2;
	unsigned long i, pages = KHO_CHUNK_PAGES(shift);
	u64 sum = 0;

	for (i = 0; i < pages; i++) {
		if (!bits[i / 8]) {
			i |= 7;
			continue;
		}
		if (!(bits[i / 8] >> i % 8 & 1))
			continue;
		keep(addr + ((u64)i << shift), 1ULL << shift);
		note_joined(addr + ((u64)i << shift), 1ULL << shift,
			    tails[i / 8] >> i % 8 & 1, i + 1 < pages &&
			    tails[(i + 1) / 8] >> (i + 1) % 8 & 1);
		sum += 1ULL << shift;
	}
	return sum;
}

/* Returns the bytes that are preserved */
static u64 keep_table(const struct kho_root *root)
{
	u64 sum = 0, end = 0;
	unsigned int i;

	for (i = 0; i < root->table.nr; i++) {
		struct kho_mem part = kho_range(&root->table, i);
		const struct kho_entry *e = phys_to_virt(part.addr);

		for (; part.len; part.len -= sizeof(*e), e++) {
			u64 addr = be64_to_cpu(e->addr), len = be64_to_cpu(e->len);

			must(addr >= end);
			end = addr + len;
			if (e->type == cpu_to_be32(KHO_ENTRY_BITMAP)) {
				sum += keep_chunk(addr, be32_to_cpu(e->shift),
						  be64_to_cpu(e->bitmap));
				continue;
			}
			keep(addr, len);
			sum += len;
		}
	}
	return sum;
}

static struct kho_mem metas[256];
static unsigned int nr_metas;

/* Neither in what is preserved, nor in anything that describes it */
static void check_apart(u64 addr, u64 len)
{
	unsigned int i;

	must(all_are(addr, len, IN_RAM | NOW | USED | SCRATCH | KEPT, IN_RAM | NOW));
	for (i = 0; i < nr_metas; i++)
		must(addr + len <= metas[i].addr ||
		     metas[i].addr + metas[i].len <= addr);
	if (nr_metas < ARRAY_SIZE(metas))
		metas[nr_metas++] = (struct kho_mem){ addr, len };
}

static void check_meta(const struct kho_root *root)
{
	unsigned int i;

	nr_metas = 0;
	check_apart(kho_offer.phys, kho_offer.window);
	for (i = 0; i < root->table.nr; i++) {
		struct kho_mem part = kho_range(&root->table, i);
		const struct kho_entry *e = phys_to_virt(part.addr);

		check_apart(part.addr, part.len);
		for (; part.len; part.len -= sizeof(*e), e++)
			if (e->type == cpu_to_be32(KHO_ENTRY_BITMAP))
				check_apart(be64_to_cpu(e->bitmap),
					    1ULL << be32_to_cpu(e->shift));
	}
	must(image_table_crc(kho_in.fdt) == root->table_crc);
}

static void check_listings(const void *fdt)
{
	unsigned long nr = 0, i;
	int node, len, at;
	const void *cells;

	for (node = fdt_next_node(fdt, 0, NULL); node >= 0;
	     node = fdt_next_node(fdt, node, NULL)) {
		cells = fdt_getprop(fdt, node, KHO_PROP_MEM, &len);
		for (at = 0; cells && at < len; at += 16, nr++) {
			u64 addr = fdt64_ld(cells + at), bytes = fdt64_ld(cells + at + 8);

			must(PAGE_ALIGNED(addr | bytes));
			must(all_are(addr, bytes, KEPT | LISTED, KEPT));
			mark(addr, bytes, LISTED);
		}
	}
	must(nr == kho_in.listings);
	for (i = 1; i < nr; i++)
		must(kho_in.listing[i].mem.addr > kho_in.listing[i - 1].mem.addr);
}

/* The bitmaps that are used from now on say the same as the table */
static bool fast is_page_right(const struct kho_extent *x, unsigned long page)
{
	u64 addr = x->mem.addr + PFN_PHYS(page);
	bool kept = test_bit(page, x->kept);
	bool tail = kept && joined[(addr - RAM_BASE) >> FRAME_SHIFT];

	return kept == all_are(addr, PAGE_SIZE, KEPT, KEPT) &&
	       tail == test_bit(page, x->joined) &&
	       kept != test_bit(x->bit + page, kho_in.taken);
}

static void fast check_bitmaps(void)
{
	unsigned long i, page, end;

	for (i = 0; i < kho_in.extents; i++) {
		const struct kho_extent *x = &kho_in.extent[i];

		if (!x->kept)
			continue;
		end = PHYS_PFN(min(x->mem.addr + x->mem.len, RAM_END) - x->mem.addr);
		page = PHYS_PFN(max(x->mem.addr, RAM_BASE) - x->mem.addr);
		for (; page < end; page++)
			must(is_page_right(x, page));
	}
}

/* A page of whoever wrote it, and one of this kernel, is no folio of several */
static void check_extents(u64 their_page)
{
	unsigned long i;

	for (i = 0; i < kho_in.extents; i++) {
		u64 len = 1ULL << kho_in.extent[i].shift;

		must(kho_in.extent[i].folios == (len > PAGE_SIZE && len > their_page));
	}
}

/* As many as RAM allows, however many pieces there are */
static void check_runs(unsigned long reserved)
{
	unsigned long gaps = RAM_SIZE / KHO_GAP + reserved + nr_regions + 1;
	unsigned long i;

	must(kho_held.runs <= kho_held.max_runs);
	must(kho_held.max_runs <= 1 + 2 * gaps);
	for (i = 0; i < kho_held.runs; i++) {
		const struct kho_mem *r = &kho_held.run[i];

		must(all_are(r->addr, r->len, IN_RAM | USED | SCRATCH | NOW,
			     IN_RAM | NOW));
		must(!i || r->addr >= r[-1].addr + r[-1].len);
	}
}

/* What is allocated now may stay */
static void check_allocations(void)
{
	u64 addr = memblock_phys_alloc(PAGE_SIZE, PAGE_SIZE);

	if (!addr)
		return;
	must(!kho_scratch_overlaps(addr, PAGE_SIZE));
	memblock_phys_free(addr, PAGE_SIZE);
}

static void check_accepted(unsigned long reserved)
{
	struct kho_root root;
	struct kho_why why;

	must(!machine.is_confidential);
	must(!strcmp(kho_in.status, "accepted"));
	must(!memblock_is_kho_scratch_only() && kho_scratch.len);
	must(!kho_fdt_check(kho_in.fdt, kho_offer.window, &root, &why));
	mark(kho_scratch.addr, kho_scratch.len, SCRATCH);
	note_reserved(NOW);
	must(keep_table(&root) == PFN_PHYS(kho_in.pages));
	check_meta(&root);
	check_listings(kho_in.fdt);
	check_bitmaps();
	check_extents(root.page_size);
	check_runs(reserved);
	check_allocations();
}

/* A run may begin or end within a page, which somebody else has a part of */
static void fast check_gaps(const struct kho_mem *run)
{
	u64 from = PAGE_ALIGN(run->addr);
	u64 to = ALIGN_DOWN(run->addr + run->len, PAGE_SIZE), at;

	for (at = ALIGN_DOWN(run->addr, 1UL << FRAME_SHIFT); at < run->addr + run->len;
	     at += 1UL << FRAME_SHIFT) {
		u16 f = frame[(at - RAM_BASE) >> FRAME_SHIFT];

		must(!(f & FREED) == (f & (KEPT | LATE) || at < from || at >= to));
	}
}

/*
 * Memory that this kernel allocated, or that the one before had preserved, is
 * not what firmware keeps a table in.
 */
static bool is_known(u64 addr, u64 end)
{
	unsigned long i;

	if (addr < __pa(kho_held.run) + kho_array_len(kho_held.max_runs, sizeof(*kho_held.run)) &&
	    end > __pa(kho_held.run))
		return true;
	for (i = 0; i < kho_held.runs; i++)
		if (addr < kho_held.run[i].addr && end > kho_held.run[i].addr)
			return true;
	return false;
}

/* Nodes are known before the page allocator is there */
static void set_up_nodes(const struct image *image)
{
	struct memblock_type *types[] = { &memblock.memory, &memblock.reserved };
	unsigned int i;

	node_at = ALIGN_DOWN(RAM_BASE + ((u64)image->node << FRAME_SHIFT), PAGE_SIZE);
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		memblock_set_node(0, node_at, types[i], 0);
		memblock_set_node(node_at, RAM_END - node_at, types[i], 1);
	}
}

/* The page allocator takes no page that is in two regions of memory */
static void mark_split_pages(void)
{
	struct memblock_region *r;

	for_each_mem_region(r)
		if (!PAGE_ALIGNED(r->base))
			mark(ALIGN_DOWN(r->base, PAGE_SIZE), PAGE_SIZE, LATE);
}

static void check_held(bool held)
{
	unsigned long i;

	for (i = 0; i < kho_held.runs; i++)
		must(memblock_is_held(kho_held.run[i].addr,
				      kho_held.run[i].len) == held);
}

/* Whoever has reserved some of a gap may free it again, before the page allocator is there */
static void return_some(u64 addr, u64 len)
{
	if (!all_are(addr, len, IN_RAM | KEPT | NOW, IN_RAM | NOW))
		return;
	memblock_phys_free(addr, len);
	mark(addr, len, RETURNED);
}

/* All of the gaps, and nothing else */
static void check_release(const struct image *image)
{
	u64 addr, len, from, end;
	unsigned long i;

	memset(initialised, 0, sizeof(initialised));
	check_held(true);
	for (i = 0; i < ARRAY_SIZE(image->after); i++) {
		addr = frames_addr(image->after[i]);
		len = frames_len(image->after[i]);
		from = ALIGN_DOWN(addr, PAGE_SIZE);
		end = PAGE_ALIGN(addr + len);
		if (!len || is_known(from, end))
			continue;
		memblock_reserve(addr, len);
		must(!memblock_is_held(addr, len));
		mark(from, end - from, LATE);
		if (i && image->uses % 2)
			return_some(from, end - from);
	}
	set_up_nodes(image);
	mark_split_pages();
	kho_memmap_init();
	check_memmap();
	kho_memory_release();
	check_held(false);
	must(kho_in.ready);
	for (i = 0; i < kho_held.runs; i++)
		check_gaps(&kho_held.run[i]);
	use_handover(image->uses);
}

static void carve(struct frames carved)
{
	u64 addr = ALIGN_DOWN(frames_addr(carved), PAGE_SIZE);
	u64 end = frames_addr(carved) + frames_len(carved);

	for (; addr + PAGE_SIZE < end && machine_can_split(2); addr += 2 * PAGE_SIZE)
		memblock_mark_nomap(addr, PAGE_SIZE);
}

/* What there is only on some machines */
static void set_up_special(const struct image *image)
{
	movable_node_enabled = image->hotplug.nr;
	mirrored_kernelcore = image->mirror.nr;
	if (image->hotplug.nr && machine_can_split(2))
		memblock_mark_hotplug(frames_addr(image->hotplug), frames_len(image->hotplug));
	if (image->mirror.nr && machine_can_split(2))
		memblock_mark_mirror(frames_addr(image->mirror), frames_len(image->mirror));
	carve(image->carved);
	if (image->far_len)
		memblock_reserve((4ULL + image->far_at) << 30, (u64)image->far_len << 30);
}

static void set_up(const struct image *image, size_t size)
{
	unsigned int i;

	machine_start(!(image->flags & IMAGE_KHO_OFF));
	machine.is_kdump = image->flags & IMAGE_KDUMP;
	machine.is_confidential = image->flags & IMAGE_CONFIDENTIAL;
	machine.kernel.addr = frames_addr(image->used[0]);
	machine.kernel.len = frames_len(image->used[0]);
	memblock_set_bottom_up(image->flags & IMAGE_BOTTOM_UP);
	image_load(image, size);

	for (i = 0; i < ARRAY_SIZE(image->hole); i++) {
		u64 addr = frames_addr(image->hole[i]);
		u64 len = frames_len(image->hole[i]);

		if (!len)
			continue;
		if (i == 2 && image->flags & IMAGE_NOMAP)
			memblock_mark_nomap(addr, len);
		else
			memblock_remove(addr, len);
		poison_edges(addr, len);
	}
	for (i = 0; i < ARRAY_SIZE(image->used); i++) {
		u64 addr = frames_addr(image->used[i]);
		u64 len = frames_len(image->used[i]);

		if (!len)
			continue;
		memblock_reserve(addr, len);
		poison_edges(addr, len);
	}

	set_up_special(image);

	memset(&kho_in, 0, sizeof(kho_in));
	memset(&kho_offer, 0, sizeof(kho_offer));
	memset(&kho_held, 0, sizeof(kho_held));
	if (image->window_len || image->flags & IMAGE_NO_WINDOW)
		kho_set_incoming(RAM_BASE + image->window,
				 image->flags & IMAGE_NO_WINDOW ? 0 : image->window_len);
}

/* Neither the kernel nor KFENCE's pool is mapped in blocks */
static void map_as_arm64(void)
{
	u64 pool = memblock_phys_alloc(SZ_2M, PAGE_SIZE);

	memblock_mark_nomap(machine.kernel.addr, machine.kernel.len);
	if (pool)
		memblock_mark_nomap(pool, SZ_2M);
	memblock_clear_nomap(machine.kernel.addr, machine.kernel.len);
	if (pool)
		memblock_clear_nomap(pool, SZ_2M);
}

/* What an architecture does until all RAM is mapped */
static void map_all_ram(const struct image *image, u64 low, bool as_arm64)
{
	unsigned int i;

	if (as_arm64)
		map_as_arm64();
	for (i = 0; i < ARRAY_SIZE(image->alloc); i++) {
		u64 len = image->alloc[i] * 1024ULL;
		u64 addr = len ? memblock_phys_alloc(len, PAGE_SIZE) : 0;

		if (addr && memblock_is_kho_scratch_only())
			must(addr + len <= low || kho_scratch_overlaps(addr, len));
	}
	for (i = 0; i < ARRAY_SIZE(image->late); i++)
		memblock_reserve(frames_addr(image->late[i]),
				 frames_len(image->late[i]));
	if (low)
		memblock_reserve(0, low);
	memblock_allow_resize();
}

/* Nothing is wrong with it, and memblock has room for what KHO marks */
static bool is_good(const struct image *image)
{
	return image->flags & IMAGE_GOOD && machine_can_split(4 + 4);
}

static unsigned long chunk_pages(void)
{
	unsigned long i, pages = 0;

	for (i = 0; i < kho_in.extents; i++)
		if (kho_in.extent[i].kept)
			pages += PHYS_PFN(kho_in.extent[i].mem.len);
	return pages;
}

/*
 * The work is in proportion to the input, most of it for the FDT, and to the
 * pages of chunks once these are accepted. Parts of the table and gaps are
 * looked for in all regions.
 */
static void check_steps(const struct image *image, size_t size)
{
	unsigned long done = steps, chunks = chunk_pages(), regions, lookups;

	regions = memblock.memory.cnt + memblock.reserved.cnt + kho_held.runs;
	lookups = 64 + kho_offer.metas + min_t(u64, kho_offer.entries, RAM_SIZE / KHO_GAP);
	must(done <= STEPS_MIN + 4 * chunks + 150UL * image->fdt_len +
		     36 * (size + regions * lookups));
}

static void boot(const struct image *image, size_t size)
{
	u64 low = image->low ? RAM_BASE + (ALIGN((u64)image->low << FRAME_SHIFT,
						  PAGE_SIZE)) : 0;
	unsigned long cnt;
	u64 reserved;
	bool offered, as_arm64, good;

	set_up(image, size);
	/* This machine boots if nothing is handed over */
	as_arm64 = image->flags & IMAGE_MAP_MEM && !low && machine_can_split(6) &&
		   kho_is_mapped_ram(machine.kernel.addr, machine.kernel.len);
	good = is_good(image);
	note_memory();
	reserved = memblock.reserved.total_size;
	note_reserved(USED);
	offered = kho_offer.made;

	steps = 0;
	kho_early_init(low, 0);
	offered &= kho_offer.made;
	must(memblock_is_kho_scratch_only() == kho_offer.made);
	must(memblock.reserved.total_size == reserved);
	if (!offered) {
		if (kho_in.status[0])
			check_status();
		must(!kho_scratch.len);
		check_same_memory();
	}

	map_all_ram(image, low, as_arm64);
	note_reserved(USED);
	reserved = memblock.reserved.total_size;
	cnt = memblock.reserved.cnt;
	kho_memory_init();
	check_steps(image, size);
	must(memblock.bottom_up == !!(image->flags & IMAGE_BOTTOM_UP));
	if (!kho_in.fdt) {
		if (good)
			broken(kho_in.status, __FILE__, __LINE__);
		check_refused(reserved);
		return;
	}
	check_accepted(cnt);
	check_release(image);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	const struct image *image = image_parse(data, size);

	if (!image) {
		tell("no image");
		return 0;
	}
	boot(image, size);
	machine_stop();
	tell(kho_in.status);
	return 0;
}

size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max, unsigned int seed)
{
	seed_random(seed);
	return image_mutate(data, size, max);
}
