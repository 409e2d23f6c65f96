/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the KUnit tests of early boot have in common: a memory table of their
 * own. They run at the end of boot.
 */
#ifndef LINUX_KEXEC_KHO_EARLY_TEST_H
#define LINUX_KEXEC_KHO_EARLY_TEST_H

#include <kunit/test.h>
#include <linux/bitops.h>
#include <linux/initrd.h>
#include <linux/io.h>
#include <linux/memblock.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "kexec_kho_internal.h"

#define TEST_CHUNK	KHO_CHUNK_PAGES(PAGE_SHIFT)
#define TEST_GAP	PHYS_PFN(KHO_GAP)
#define TEST_EXTENTS	8

/**
 * struct piece - pages
 * @chunk: number of a chunk
 * @first: first page, counted from where that begins
 * @nr:    number of pages
 * @bits:  preserved by the chunk's bits, not as an extent
 */
struct piece {
	unsigned long chunk;
	unsigned long first;
	unsigned long nr;
	bool bits;
};

/**
 * struct table_test - what each test starts with
 * @in:     the real handover
 * @extent: the memory table, as it was read
 * @entry:  the memory table
 * @part:   where that is
 * @memory: for memblock, while a test asks it
 * @reserved: the same
 * @ram:    regions in @memory
 * @used:   the region in @reserved
 * @scratch: the same: it has no scratch
 */
struct table_test {
	struct kho_in in;
	struct kho_extent extent[TEST_EXTENTS];
	struct kho_entry entry[TEST_EXTENTS];
	struct kho_mem part;
	struct memblock_type memory;
	struct memblock_type reserved;
	struct memblock_region ram[2];
	struct memblock_region used;
	struct kho_mem scratch;
};

static inline u64 piece_addr(const struct piece *p)
{
	return PFN_PHYS((u64)p->chunk * TEST_CHUNK + p->first);
}

static inline struct kho_mem piece_mem(const struct piece *p)
{
	return (struct kho_mem){ piece_addr(p), PFN_PHYS((u64)p->nr) };
}

static inline struct kho_extent *new_extent(struct kunit *test, u64 addr, u64 len,
				     unsigned int shift, void *bits)
{
	struct kho_extent *x = &kho_in.extent[kho_in.extents];
	struct table_test *t = test->priv;

	KUNIT_ASSERT_LT(test, kho_in.extents, TEST_EXTENTS);
	x->mem = (struct kho_mem){ addr, len };
	x->shift = shift;
	x->bits = bits;
	t->entry[kho_in.extents++] = (struct kho_entry){
		.addr = cpu_to_be64(addr),
		.len = cpu_to_be64(len),
		.type = cpu_to_be32(bits ? KHO_ENTRY_BITMAP : KHO_ENTRY_EXTENT),
		.shift = cpu_to_be32(shift),
		.bitmap = cpu_to_be64(bits ? virt_to_phys(bits) : 0),
	};
	return x;
}

static inline struct kho_extent *new_chunk(struct kunit *test, u64 addr,
				    unsigned int shift)
{
	void *bits = kunit_kzalloc(test, 1UL << shift, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, bits);
	return new_extent(test, addr, KHO_CHUNK_BYTES(shift), shift, bits);
}

/* Pieces are sorted; those of one chunk that have bits make one entry */
static inline void add_pieces(struct kunit *test, const struct piece *p,
		       unsigned int nr)
{
	struct kho_extent *x = NULL;
	unsigned long i;

	for (; nr && (p->nr || p->bits); nr--, p++) {
		u64 base = PFN_PHYS((u64)p->chunk * TEST_CHUNK);

		if (!p->bits) {
			x = new_extent(test, piece_addr(p),
				       PFN_PHYS((u64)p->nr), PAGE_SHIFT, NULL);
			continue;
		}
		if (!x || !x->bits || x->mem.addr != base)
			x = new_chunk(test, base, PAGE_SHIFT);
		for (i = p->first; i < p->first + p->nr; i++)
			__set_bit_le(i, (void *)x->bits);
	}
}

/* A walk through that table */
static inline struct kho_walk test_walk(struct kunit *test)
{
	struct table_test *t = test->priv;

	t->part = (struct kho_mem){
		virt_to_phys(t->entry), kho_in.extents * sizeof(*t->entry)
	};
	return (struct kho_walk){ .part = &t->part, .parts = 1 };
}

static inline bool page_bit(const struct kho_extent *x, const __le64 *bits,
		     unsigned long page)
{
	return test_bit_le(PFN_PHYS((u64)page) >> x->shift, bits);
}

/*
 * In the machine: a hole, and memory that is in use. What is marked, as scratch
 * is, memblock does not tell any more: the fuzzers have that.
 */
static const struct piece test_ram[] = {
	{ 0, 0, 3 * TEST_CHUNK + 1000 },
	{ 3, 1010, 5 * TEST_CHUNK - 1010 },
};

static const struct piece test_used = { 4, 2000, 10 };

static inline struct memblock_region test_region(const struct piece *p)
{
	return (struct memblock_region){
		.base = piece_addr(p), .size = PFN_PHYS((u64)p->nr)
	};
}

/* Nothing needs memblock by then: lend it another machine's memory, or end that */
static inline void __init swap_machine(struct table_test *t)
{
	unsigned int i;

	if (!t->memory.regions) {
		for (i = 0; i < ARRAY_SIZE(t->ram); i++)
			t->ram[i] = test_region(&test_ram[i]);
		t->used = test_region(&test_used);
		t->memory = (struct memblock_type){ .cnt = i, .regions = t->ram };
		t->reserved = (struct memblock_type){ .cnt = 1, .regions = &t->used };
	}
	swap(memblock.memory, t->memory);
	swap(memblock.reserved, t->reserved);
	swap(kho_scratch, t->scratch);
}

/* To be the beginning of what a test has in its @priv, which is zeroed */
static inline void test_table_init(struct kunit *test, struct table_test *t)
{
	/* Else the initrd is freed meanwhile, and adds to managed pages */
	wait_for_initramfs();

	t->in = kho_in;
	kho_in = (struct kho_in){ .extent = t->extent };
	mutex_init(&kho_in.lock);
	test->priv = t;
}

static inline int table_init(struct kunit *test)
{
	struct table_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	test_table_init(test, t);
	return 0;
}

static inline void table_exit(struct kunit *test)
{
	struct table_test *t = test->priv;

	if (t)
		kho_in = t->in;
}

/* Of a test of chunks whose pages have several sizes */
static inline void get_shift_desc(const unsigned int *shift, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "pages of %lu bytes", 1UL << *shift);
}

#endif /* LINUX_KEXEC_KHO_EARLY_TEST_H */
