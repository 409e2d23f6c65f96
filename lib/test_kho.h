/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the module test_kho need of each other: items, which are preserved
 * by one kernel and checked by the next, and who does what with them.
 */
#ifndef LIB_TEST_KHO_H
#define LIB_TEST_KHO_H

#include <linux/kexec_handover.h>
#include <linux/mm.h>
#include <linux/prandom.h>

#include "test_kho_node.h"

/* What is written just before the jump */
#define LATE		"nobody else runs any more"

/**
 * struct incoming - what the previous kernel says that it left
 * @dir:   the directory, restored
 * @items: its length
 * @nodes: how many nodes with memory that kernel saw
 */
struct incoming {
	struct test_kho_item_be *dir;
	u32 items;
	u32 nodes;
};

static inline unsigned int kind_of(const struct test_kho_item_be *item)
{
	return be16_to_cpu(item->kind);
}

static inline u64 phys_of(const struct test_kho_item_be *item)
{
	return be64_to_cpu(item->addr);
}

static inline size_t bytes_of(const struct test_kho_item_be *item)
{
	return be32_to_cpu(item->nr) * PAGE_SIZE;
}

/* Of a kernel whose pages have so many bits, at least as many as ours */
static inline struct kho_vmalloc kv_of(const struct test_kho_item_be *item, unsigned int shift)
{
	return (struct kho_vmalloc){
		.first = item->addr,
		.pages = cpu_to_be32(be32_to_cpu(item->nr) >> (shift - PAGE_SHIFT)),
		.shift = cpu_to_be32(shift),
	};
}

/* No two words of any two items of any two seeds are likely to be equal */
static inline u64 pattern(u32 set, u32 index)
{
	return ((u64)set << 32 | (index + 1)) * 0x9e3779b97f4a7c15ULL;
}

static inline struct page *item_page(const struct test_kho_item_be *item)
{
	return pfn_to_page(PHYS_PFN(phys_of(item)));
}

/* test_kho_main.c */
extern unsigned int test_kho_seed;
extern bool test_kho_random;

/* test_kho_preserve.c */
int test_kho_begin(struct rnd_state *rnd, u32 arriving);
int test_kho_add_item(struct test_kho_item_be item, void *p);
void test_kho_free_item(const struct test_kho_item_be *item, void *p);
int test_kho_preserve(struct rnd_state *rnd);
int test_kho_write_node(void *fdt);
void test_kho_write_late(void);
void test_kho_release(void);

/* test_kho_restore.c */
int test_kho_find_dir(struct incoming *in);
int test_kho_restore(const struct incoming *in);

#endif /* LIB_TEST_KHO_H */
