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

void kho_return_mem(const struct kho_mem *mem)
{
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
		node_tests[i].fill(n, true);
		must(node_tests[i].size <= sizeof(n) && !write_blob(&node_tests[i], n, fdt));
		f = fopen(path, "wb");
		if (!f || !fwrite(fdt, fdt_totalsize(fdt), 1, f) || fclose(f)) {
			perror(path);
			return 2;
		}
	}
	return 0;
}

/* A node that there is has to be good */
static int read_nodes(const char *path)
{
	void *fdt = read_file(path);
	static char n[SZ_8K] __aligned(8);
	unsigned int i, found = 0, bad = 0;

	for (i = 0; i < ARRAY_SIZE(node_tests); i++) {
		int node = node_tests[i].find(fdt);

		if (node == -ENOENT)
			continue;
		found++;
		if (node >= 0 && !node_tests[i].get(fdt, node, n))
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
