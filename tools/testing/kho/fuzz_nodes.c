// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzzes what is generated from specs: on any tree that KHO lets through, what reads a
 * node either refuses it, or finds what can be written as the same node again.
 */
#include <stdlib.h>
#include <linux/align.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/kexec_handover_node.h>
#include <linux/sizes.h>

#include "kernel/kexec_kho_fdt.h"

static int (*host_kho_fdt_property_mem)(void *fdt, const struct kho_mem *mem, unsigned int nr);

/* The tests themselves are for nodes.c */
#pragma GCC diagnostic ignored "-Wunused"
#include "lib/kho_nodes_test.c"

#include "mutate.h"

int kho_fdt_property_mem(void *fdt, const struct kho_mem *mem, unsigned int nr)
{
	return write_mem_only(fdt, mem, nr);
}

void kho_return_mem(const struct kho_mem *mem)
{
}

/* Whether it was found, and good */
static bool check_node(const struct node_test *t, const void *fdt)
{
	static u8 again[TEST_FDT_MAX] __aligned(8);
	void *n = malloc(t->size), *m = malloc(t->size);
	int node = t->find(fdt);
	bool good = false;

	must(node >= 0 || node == -ENOENT || node == -EPROTONOSUPPORT);
	if (node >= 0) {
		int err = t->get(fdt, node, n);

		must(!err || err == -EBADMSG);
		good = !err;
	}
	if (good) {
		must(!write_blob(t, n, again));
		node = t->find(again);
		must(node >= 0 && !t->get(again, node, m));
	}
	free(n);
	free(m);
	return good;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	unsigned int i, good = 0;
	struct kho_why why;
	void *fdt;

	if (!size || size > KHO_FDT_MAX)
		return 0;
	/* At its end, nothing may be read */
	fdt = aligned_alloc(8, ALIGN(size, 8));
	memcpy(fdt, data, size);
	limit_steps(STEPS_MIN + 2000 * size);
	if (!kho_fdt_check_tree(fdt, size, &why))
		for (i = 0; i < ARRAY_SIZE(node_tests); i++)
			good += check_node(&node_tests[i], fdt);
	limit_steps(0);
	tell(good ? "accepted" : "nothing is good");
	free(fdt);
	return 0;
}

static const struct hints hints = {
	.val = { 0, 1, 2, 8, 9, 16, 64, 65, 0x800, 0x1000, 0x140000000, U32_MAX, U64_MAX },
	.nr = 13,
};

size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max, unsigned int seed)
{
	static u8 fdt[KHO_FDT_MAX] __aligned(8);

	seed_random(seed);
	if (size > sizeof(fdt))
		return LLVMFuzzerMutate(data, size, max);
	memcpy(fdt, data, size);
	size = mutate_fdt(fdt, size, min(max, sizeof(fdt)), &hints);
	memcpy(data, fdt, size);
	return size;
}
