// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the host's use of what is generated from specs: runs the generated tests,
 * writes blobs for readers of other revisions, and reads those that others wrote.
 *
 *	nodes			run the tests
 *	nodes write DIR		DIR/NAME.dtb: each node, with all that it can have
 *	nodes read FILE...	read each node of each file that a test is there for
 */
#include <stdio.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/kexec_handover_node.h>
#include <linux/sizes.h>

static int (*host_kho_fdt_property_mem)(void *fdt, const struct kho_mem *mem, unsigned int nr);

#include "lib/kho_nodes_test.c"

#include "mutate.h"

int kho_fdt_property_mem(void *fdt, const struct kho_mem *mem, unsigned int nr)
{
	return host_kho_fdt_property_mem(fdt, mem, nr);
}

static unsigned int nr_returned;

void kho_return_mem(const struct kho_mem *mem)
{
	nr_returned++;
}

/* Of whole handovers, that kexec_kho_fdt.c checks, and that nobody has here */
u32 crc32_le(u32 crc, const void *data, size_t len)
{
	return 0;
}

void broken(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: this does not hold: %s\n", file, line, what);
	exit(2);
}

static unsigned int run_case(const struct kunit_case *c, const void *param, const char *what)
{
	struct kunit test = { .param_value = param, .name = c->name };

	if (!setjmp(test.stop))
		c->run(&test);
	while (test.nr_mem)
		free(test.mem[--test.nr_mem]);
	printf("%s %s%s%s\n", test.failed ? "not ok" : "ok", c->name, *what ? " " : "", what);
	return test.failed;
}

/* What foo_get() has found is given up, all of it, and nothing else */
static unsigned int test_give(const struct node_test *t, const struct bad_prop *bad)
{
	static char n[SZ_8K] __aligned(8), fdt[TEST_FDT_MAX] __aligned(8);
	struct kunit test = { .param_value = t, .name = "give" };
	unsigned int want = 0;
	int node, len;

	must(t->size <= sizeof(n));
	if (setjmp(test.stop))
		return 1;
	node = write_most(&test, t, n, fdt);
	if (bad->how && replace(fdt, node, bad))
		return 1;
	if (fdt_getprop(fdt, node, "mem", &len) && (!bad->how || strcmp(bad->prop, "mem")))
		want = len / sizeof(struct kho_mem);
	t->get(fdt, node, n);
	nr_returned = 0;
	t->give(n);
	printf("%s give %s %s\n", nr_returned == want ? "ok" : "not ok", t->desc,
	       bad->how ? bad->prop : "all");
	return nr_returned != want;
}

static unsigned int test_gives(void)
{
	const struct bad_prop *bad;
	unsigned int i, failed = 0;

	host_kho_fdt_property_mem = write_mem_only;
	for (i = 0; i < ARRAY_SIZE(node_tests); i++) {
		if (!node_tests[i].give)
			continue;
		for (bad = node_tests[i].bad; bad->how; bad++)
			failed += test_give(&node_tests[i], bad);
		failed += test_give(&node_tests[i], bad);
	}
	return failed;
}

static int run_tests(void)
{
	const struct kunit_case *c;
	unsigned int failed = 0;

	for (c = host_suite->test_cases; c->run; c++) {
		const char *what = "";
		const void *param = NULL;

		if (!c->generate)
			failed += run_case(c, NULL, what);
		while (c->generate && (param = c->generate(param, &what)))
			failed += run_case(c, param, what);
	}
	failed += test_gives();
	return !!failed;
}

static void *read_file(const char *path)
{
	void *fdt = aligned_alloc(8, SZ_256K);
	FILE *f = fopen(path, "rb");

	if (!f || !fread(fdt, 1, SZ_256K, f)) {
		perror(path);
		exit(2);
	}
	fclose(f);
	return fdt;
}

static int write_all(const char *dir)
{
	static char n[SZ_8K] __aligned(8), fdt[TEST_FDT_MAX] __aligned(8);
	char path[4096];
	unsigned int i;

	host_kho_fdt_property_mem = write_mem_only;
	for (i = 0; i < ARRAY_SIZE(node_tests); i++) {
		FILE *f;

		snprintf(path, sizeof(path), "%s/%s.dtb", dir, node_tests[i].name);
		must(node_tests[i].size <= sizeof(n));
		node_tests[i].fill(n, true);
		must(!write_blob(&node_tests[i], n, fdt));
		f = fopen(path, "wb");
		if (!f || !fwrite(fdt, fdt_totalsize(fdt), 1, f) || fclose(f)) {
			perror(path);
			return 2;
		}
	}
	return 0;
}

/* Whether each property that was understood is written again as it was */
static bool is_same(const struct node_test *t, const void *n, const void *fdt, int node)
{
	static char again[TEST_FDT_MAX] __aligned(8);
	const char *name;
	int prop, to, len, was;

	if (write_blob(t, n, again))
		return false;
	to = t->find(again);
	fdt_for_each_property_offset(prop, again, to) {
		const void *val = fdt_getprop_by_offset(again, prop, &name, &len);
		const void *old = fdt_getprop(fdt, node, name, &was);

		if (!old || was != len || memcmp(val, old, len))
			return false;
	}
	return true;
}

/* A node that there is has to be good */
static int read_nodes(const char *path)
{
	void *fdt = read_file(path);
	static char n[SZ_8K] __aligned(8);
	unsigned int i, found = 0, bad = 0;

	host_kho_fdt_property_mem = write_mem_only;
	for (i = 0; i < ARRAY_SIZE(node_tests); i++) {
		int node = node_tests[i].find(fdt);

		if (node == -ENOENT)
			continue;
		found++;
		if (node >= 0 && !node_tests[i].get(fdt, node, n) &&
		    is_same(&node_tests[i], n, fdt, node))
			continue;
		bad++;
		printf("%s: %s: cannot be read\n", path, node_tests[i].name);
	}
	free(fdt);
	return !found || bad;
}

int main(int argc, char **argv)
{
	int i, bad = 0;

	if (argc == 3 && !strcmp(argv[1], "write"))
		return write_all(argv[2]);
	if (argc < 3 || strcmp(argv[1], "read"))
		return run_tests();
	for (i = 2; i < argc; i++)
		bad |= read_nodes(argv[i]);
	return bad;
}
