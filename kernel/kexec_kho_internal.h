/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kexec HandOver: what its parts need of each other.
 *
 * On the incoming side, each calls only those that are named further down:
 * in_sysfs; boot; gaps, bitmaps; scratch, runs; early, in.
 */
#ifndef LINUX_KEXEC_KHO_INTERNAL_H
#define LINUX_KEXEC_KHO_INTERNAL_H

#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/cc_platform.h>
#include <linux/cpumask.h>
#include <linux/kexec_handover_mm.h>
#include <linux/kfence.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <asm/sections.h>

#include "kexec_kho_fdt.h"

/* kexec_kho_scratch.c */
extern struct kho_mem kho_scratch;

/*
 * SEV, SNP, TDX: pages that such a guest shares with its host come back as noise
 * or zeroes after a kexec. SME: so does all memory in a kernel without. And nobody
 * has tried what else does not.
 */
static inline bool kho_is_confidential(void)
{
	return cc_platform_has(CC_ATTR_MEM_ENCRYPT);
}

int kho_scratch_adopt(const struct kho_mem *mem, phys_addr_t low,
		      struct kho_why *why);
void kho_scratch_drop(void);
bool kho_scratch_has(u64 addr);
void kho_scratch_hold(void);
void kho_scratch_reserve(u64 initrd);
void kho_scratch_release(bool is_new);
bool kho_scratch_is_sound(void);

/* kexec_kho_table.c */
/**
 * struct kho_table - an encoded memory table
 * @part:  its parts, in order; each starts on a page
 * @nr:    number of parts
 * @bytes: bytes in all of them, and in the bits of chunks
 * @ram:   bytes of RAM that the next kernel has
 * @left:  of which it can use so many at first, scratch not counted
 * @crc:   CRC-32 over all of this
 */
struct kho_table {
	struct kho_mem *part;
	unsigned int nr;
	u64 bytes;
	u64 ram;
	u64 left;
	u32 crc;
};

/* kexec_kho_boot.c */
extern unsigned int kho_cpus_before;

/*
 * Areas of each CPU, as large as they are allocated at first, and what else comes with
 * one. While it boots, a kernel does not know how many there may be: it goes by what the
 * kernel before said.
 */
static inline u64 kho_cpus_room(void)
{
	size_t area = __per_cpu_end - __per_cpu_start + PERCPU_MODULE_RESERVE +
		      PERCPU_DYNAMIC_RESERVE;

	return max(num_possible_cpus(), kho_cpus_before) *
	       (u64)(roundup_pow_of_two(area) + SZ_64K);
}

#ifdef CONFIG_KFENCE
#define KHO_KFENCE_ROOM		KFENCE_POOL_SIZE
#else
#define KHO_KFENCE_ROOM		0
#endif

/*
 * What a kernel needs before it gives gaps in what is preserved to the page
 * allocator: the memory map, hash tables and the like, areas of each CPU, bounce
 * buffers for devices (where there is memory that they do not reach), KASAN's shadow,
 * page_ext.
 */
static inline u64 kho_boot_room_for(u64 ram, unsigned int page_shift)
{
	u64 room = (ram >> page_shift) * sizeof(struct page) + ram / 128 + SZ_8M +
		   kho_cpus_room();

	/*
	 * These have to be low, and in one piece. Nothing is preserved where this kernel has
	 * its own: the next one finds that gap.
	 */
	if (IS_ENABLED(CONFIG_SWIOTLB) && ram > SZ_2G)
		room += SZ_64M;
	room += KHO_KFENCE_ROOM;
	if (IS_ENABLED(CONFIG_KASAN_GENERIC))
		room += ram / 8;
	if (IS_ENABLED(CONFIG_KASAN_SW_TAGS))
		room += ram / 16;
	if (IS_ENABLED(CONFIG_PAGE_EXTENSION))
		room += ram / 64;
	return room;
}

static inline u64 kho_boot_room(u64 ram)
{
	return kho_boot_room_for(ram, PAGE_SHIFT);
}

/*
 * A refusal by this kernel costs nothing, one by the next kernel everything: so
 * much has to be left before a handover is made. The next kernel tries as much.
 */
static inline u64 kho_ample_room(u64 ram)
{
	return kho_boot_room(ram) + kho_boot_room(ram) / 4;
}

/* kexec_kho_runs.c */
enum kho_zone {
	KHO_LOW,
	KHO_HIGH,
	KHO_ZONES,
};

#define KHO_MIN_GAP_ORDER	20
#define KHO_GAP_CLASSES		(4 * (64 - KHO_MIN_GAP_ORDER))
static_assert(KHO_GAP >= 1UL << KHO_MIN_GAP_ORDER);

/**
 * struct kho_walk - goes through all that a memory table keeps
 * @part:  the parts of the table, in order
 * @parts: how many
 * @meta:  the pages of the table and of the bits of chunks, sorted
 * @metas: how many ranges that is
 * @e:     the next entry
 * @end:   end of the part that it is in
 * @bit:   where to go on in it, if it is a chunk
 * @next:  the next preserved range, if it is known
 */
struct kho_walk {
	const struct kho_mem *part;
	unsigned int parts;
	const struct kho_mem *meta;
	unsigned long metas;
	const struct kho_entry *e;
	const struct kho_entry *end;
	unsigned long bit;
	struct kho_mem next;
};

/**
 * struct kho_gaps - gaps of about the same size
 * @nr:    how many there are
 * @bytes: in all of them
 * @open:  how many stay free, from the lowest on
 */
struct kho_gaps {
	unsigned long nr;
	u64 bytes;
	unsigned long open;
};

/**
 * struct kho_plan - what is reserved of all that lies between preserved ranges
 * @gaps:    the gaps that are not small
 * @held:    at most so many bytes are reserved
 * @runs:    at most so many runs
 * @walk:    where the next run is looked for
 * @ahead:   the range that it begins with
 * @more:    there is one
 * @is_free: whether a range is memory that nobody else has
 */
struct kho_plan {
	struct kho_gaps gaps[KHO_ZONES][KHO_GAP_CLASSES];
	u64 held;
	unsigned long runs;
	struct kho_walk walk;
	struct kho_mem ahead;
	bool more;
	bool (*is_free)(u64 addr, u64 len);
};

bool kho_walk_next(struct kho_walk *w, struct kho_mem *mem);
void kho_plan_make(struct kho_plan *plan, const struct kho_walk *w,
		   bool (*is_free)(u64 addr, u64 len), u64 free, u64 want);
bool kho_plan_next(struct kho_plan *plan, struct kho_mem *run);

/**
 * struct kho_vmalloc_page - a page of the page addresses of a vmalloc area
 * @next: physical address of the next such page, or 0
 * @addr: physical addresses
 */
struct kho_vmalloc_page {
	__be64 next;
	__be64 addr[];
};

/* How many addresses there are, for pages of so many bits */
#define KHO_VMALLOC_SLOTS(shift)	((1U << (shift)) / sizeof(__be64) - 1)

void kho_table_free(struct kho_table *table);
bool kho_table_is_sound(const struct kho_table *table);
int kho_table_check(const struct kho_table *table, unsigned int page_shift,
		    struct kho_why *why);

/* kexec_kho_ram.c */
void kho_mem_keep(const struct kho_mem *mem);
bool kho_mem_is_boot(void *p, size_t len);
bool kho_ram_was_there(unsigned long pfn, unsigned long nr);
bool kho_ram_is_usable(unsigned long pfn, unsigned long nr);
int kho_ram_check(const struct kho_mem *mem, bool folio);
u64 kho_ram_bytes(void);

static inline bool kho_ram_is_any_poisoned(void)
{
	return IS_ENABLED(CONFIG_MEMORY_FAILURE) &&
	       atomic_long_read(&num_poisoned_pages);
}

/**
 * kho_ram_find_poison() - look for a page in which the hardware has failed
 * @pfn: where to begin
 * @end: where to stop
 *
 * Context: may sleep.
 * Return: the first such page, or @end.
 */
static inline unsigned long kho_ram_find_poison(unsigned long pfn, unsigned long end)
{
	if (!kho_ram_is_any_poisoned())
		return end;
	for (; pfn < end && !PageHWPoison(pfn_to_page(pfn)); pfn++)
		if (!(pfn % pageblock_nr_pages))
			cond_resched();
	return pfn;
}

/* All that kho_ram_check() looks at in a page, or a folio's first, is as with most */
static __always_inline bool kho_page_is_plain(const struct page *page)
{
	return !(page->flags & (BIT(PG_reserved) | BIT(PG_lru) | __PG_HWPOISON)) &&
	       page_ref_count(page) && page->page_type == UINT_MAX;
}

/* Whether the hardware has failed nowhere in a range; may sleep */
static inline bool kho_ram_is_sound(u64 addr, u64 len)
{
	unsigned long end = PFN_UP(addr + len);

	return kho_ram_find_poison(PHYS_PFN(addr), end) == end;
}

/* kexec_kho_track.c */
extern struct mutex kho_track_lock;

bool kho_track_has(unsigned long pfn, unsigned long nr, bool folio);
bool kho_track_has_all(unsigned long pfn, unsigned long nr);
int kho_track_add_page(struct page *page);
void kho_track_drop_page(unsigned long pfn);
int kho_track_change(void);
int kho_track_list(const struct kho_mem *mem);
bool kho_track_is_listed(const struct kho_mem *mem);
unsigned long kho_track_nr_listed(void);
void kho_track_begin(struct work_struct *work);
int kho_track_encode(struct kho_table *table);
void kho_track_end(void);
bool kho_track_is_void(void);
int kho_track_seal(const struct kho_table *table, unsigned int page_shift,
		   struct kho_why *why);
void kho_track_unseal(void);
bool kho_track_is_sealed(void);
bool kho_track_empty(void);
unsigned long kho_track_nr_pages(void);
void kho_track_walk(void (*fn)(unsigned long pfn, unsigned long nr));

/* kexec_kho_out.c */
extern struct kobject *kho_out_kobj;

int kho_out_activate(void);
int kho_out_abort(void);
bool kho_out_is_active(void);
int kho_out_seal(unsigned int page_shift);
bool kho_out_is_sealed_for(unsigned int page_shift);
void kho_out_jump(void);
void kho_out_window(struct kho_mem *window);
ssize_t kho_out_read(char *buf, size_t count, loff_t pos);
ssize_t kho_out_read_table(char *buf, size_t count, loff_t pos);
int kho_out_resize(size_t size);

/**
 * struct kho_extent - an entry of the memory table of the incoming handover
 * @mem:    the range
 * @shift:  log2 of the bytes in each folio; of a chunk, in each page
 * @folios: these are of several pages, of the kernel that handed over and of this
 * @bits:   the bits of a chunk as the previous kernel left them, in early boot
 * @kept:   of a chunk, a bit for each page: it was preserved
 * @joined: of a chunk, a bit for each page: it belongs to the folio of the page
 *	before
 * @bit:    its first page's bit in the bitmaps
 * @before: number of pages preserved below it
 */
struct kho_extent {
	struct kho_mem mem;
	unsigned int shift;
	bool folios;
	const __le64 *bits;
	unsigned long *kept;
	unsigned long *joined;
	unsigned long bit;
	unsigned long before;
};

/**
 * struct kho_listing - a range of a mem property
 * @mem:  where it is
 * @node: index of the top-level node that lists it
 */
struct kho_listing {
	struct kho_mem mem;
	unsigned int node;
};

/**
 * struct kho_in - the incoming handover
 * @fdt:      the FDT of a handover that was accepted
 * @ready:    struct pages are initialised, and small gaps are free
 * @count:    kexecs since cold boot
 * @extent:   what is preserved, sorted
 * @extents:  length of that
 * @hit:      the one that was looked up last, or NULL before @ready
 * @listing:  the ranges of mem properties, sorted
 * @listings: length of that
 * @nodes:    number of top-level nodes, up to the last that lists memory
 * @pages:    number of pages preserved
 * @hash:     hashes of these, in ascending order, or NULL if there are none
 * @taken:    a bit for each page of an extent: it was claimed, restored or
 *	released, or it is in a chunk and was not preserved
 * @claimed:  a bit for each page of an extent: kho_claim_mem() handed it out
 * @lock:     protects the bitmaps
 * @status:   what became of the handover, for a person
 */
struct kho_in {
	const void *fdt;
	bool ready;
	u32 count;
	struct kho_extent *extent;
	unsigned long extents;
	struct kho_extent *hit;
	struct kho_listing *listing;
	unsigned long listings;
	unsigned int nodes;
	unsigned long pages;
	const __be32 *hash;
	unsigned long *taken;
	unsigned long *claimed;
	struct mutex lock;	/* the bitmaps, also those of chunks */
	char status[sizeof("refused: ") + sizeof(struct kho_why)];
};

/* For arrays of ranges, or of what begins with one: by address */
static inline int kho_mem_cmp(const void *a, const void *b)
{
	const struct kho_mem *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static inline bool kho_all_clear(const unsigned long *map, unsigned long bit,
				 unsigned long nr)
{
	return find_next_bit(map, bit + nr, bit) >= bit + nr;
}

static inline bool kho_all_set(const unsigned long *map, unsigned long bit,
			       unsigned long nr)
{
	return find_next_zero_bit(map, bit + nr, bit) >= bit + nr;
}

/* bitmap_set() and bitmap_clear() count in 32 bits, which are not enough for 16 TiB */
static inline void kho_fill_bits(unsigned long *map, unsigned long bit,
				 unsigned long nr, bool value)
{
	while (nr) {
		unsigned int n = min(nr, SZ_1G);

		map += BIT_WORD(bit);
		bit %= BITS_PER_LONG;
		if (value)
			bitmap_set(map, bit, n);
		else
			bitmap_clear(map, bit, n);
		bit += n;
		nr -= n;
	}
}

/* Pages in the folio whose first has number @bit of the @pages of a chunk */
static inline unsigned long kho_folio_bits(const unsigned long *joined,
					   unsigned long pages, unsigned long bit)
{
	return find_next_zero_bit(joined, pages, bit + 1) - bit;
}

/* The hash of a page's contents, as CONFIG_KEXEC_HANDOVER_DEBUG hands it over */
static inline __be32 kho_hash_page(unsigned long pfn)
{
	return cpu_to_be32(kho_crc(0, __va(PFN_PHYS((u64)pfn)), PAGE_SIZE));
}

/* kexec_kho_table_file.c */
ssize_t kho_table_read(size_t nr, const void *(*get)(size_t i, struct kho_entry *e),
		       char *buf, size_t count, loff_t pos);

/* kexec_kho_early.c */
extern u64 kho_firmware_bytes;

/* kexec_kho_in.c */
extern struct kho_in kho_in;

struct kho_extent *kho_search_extent(u64 addr);
bool kho_in_has(const struct kho_mem *mem);
bool kho_in_has_owner(unsigned long pfn);

/**
 * kho_find_extent() - where in the memory table an address is
 * @addr: physical address
 *
 * Context: holds the lock of struct kho_in, or early boot.
 * Return: the last extent that begins at or below it, or NULL.
 */
static inline struct kho_extent *kho_find_extent(u64 addr)
{
	struct kho_extent *x = kho_in.hit;

	return x && addr - x->mem.addr < x->mem.len ? x : kho_search_extent(addr);
}

u32 kho_in_count(void);
void kho_in_forget(void);
unsigned long kho_in_left(const struct kho_mem *mem);
void kho_in_release(const struct kho_mem *mem);

#endif /* LINUX_KEXEC_KHO_INTERNAL_H */
