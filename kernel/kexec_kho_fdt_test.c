// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of kexec_kho_fdt.c: blobs, good ones and each kind of bad one. They are
 * only read: nothing here touches the running kernel.
 */
#include <kunit/test.h>
#include <linux/libfdt.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "kexec_kho_fdt.h"

#define BLOB_MAX	SZ_64K
#define GOOD_ADDR	0x140000000ULL
#define GOOD_LEN	0x3000ULL

/**
 * struct blob - how to build a blob
 * @desc:  what is special about it, if it is not @prop
 * @why:   a part of the reason to refuse it; NULL if it shall be accepted
 * @body:  writes what is in the root node, besides properties
 * @mem:   for @body
 * @nr:    for @body
 * @prop:  a property that is other than it should be: its value has
 * @len:   so many bytes, less than none if there is no such property,
 * @data:  of this instead of what should be there, if not NULL
 * @root:  name of the root node
 * @spoil: damages the finished blob; that is seen before its checksum is
 * @cut:   bytes that the window lacks
 */
struct blob {
	const char *desc;
	const char *why;
	int (*body)(void *fdt, const struct blob *b);
	struct kho_mem mem;
	unsigned int nr;
	const char *prop;
	int len;
	const void *data;
	const char *root;
	void (*spoil)(void *fdt);
	size_t cut;
};

static int put(void *fdt, const struct blob *b, const char *name,
	       const void *data, int len)
{
	if (b->prop && !strcmp(b->prop, name)) {
		if (b->len < 0)
			return 0;
		data = b->data ?: data;
		len = b->len;
	}
	return fdt_property(fdt, name, data, len);
}

static int put_u32(void *fdt, const struct blob *b, const char *name, u32 val)
{
	fdt32_t cell = cpu_to_fdt32(val);

	return put(fdt, b, name, &cell, sizeof(cell));
}

static int put_mem(void *fdt, const struct blob *b, const char *name,
		   u64 addr, u64 len)
{
	fdt64_t cells[] = { cpu_to_fdt64(addr), cpu_to_fdt64(len) };

	return put(fdt, b, name, cells, sizeof(cells));
}

static int write_root(void *fdt, const struct blob *b)
{
	return put(fdt, b, "compatible", KHO_ROOT_COMPATIBLE,
		   sizeof(KHO_ROOT_COMPATIBLE)) ?:
	       put(fdt, b, KHO_ROOT_KERNEL_RELEASE, "6.12.0", 7) ?:
	       put_u32(fdt, b, KHO_ROOT_HANDOVER_COUNT, 7) ?:
	       put_mem(fdt, b, KHO_ROOT_SCRATCH, 0x2000000, 0x4000000) ?:
	       put_mem(fdt, b, KHO_ROOT_MEM_TABLE, 0x100000000, 0x1000) ?:
	       put_u32(fdt, b, KHO_ROOT_PAGE_SIZE, 0x10000) ?:
	       put_u32(fdt, b, KHO_ROOT_MEM_TABLE_CHECKSUM, 0x12345678) ?:
	       put_u32(fdt, b, KHO_ROOT_CHECKSUM, 0);
}

static int node_body(void *fdt, const struct blob *b)
{
	return fdt_begin_node(fdt, "node") ?:
	       fdt_property_string(fdt, "compatible", "linux,test") ?:
	       put_mem(fdt, b, KHO_PROP_MEM, GOOD_ADDR, GOOD_LEN) ?:
	       fdt_end_node(fdt);
}

static int build(void *fdt, const struct blob *b)
{
	int (*body)(void *fdt, const struct blob *b) = b->body ?: node_body;
	int err;

	err = fdt_create(fdt, BLOB_MAX) ?:
	      fdt_finish_reservemap(fdt) ?:
	      fdt_begin_node(fdt, b->root ?: "") ?:
	      write_root(fdt, b) ?:
	      body(fdt, b) ?:
	      fdt_end_node(fdt) ?:
	      fdt_finish(fdt);
	if (err)
		return err;

	/* Fails only for want of a place for the checksum */
	kho_fdt_seal(fdt, BLOB_MAX);
	if (b->spoil)
		b->spoil(fdt);
	return 0;
}

static void *new_blob(struct kunit *test, const struct blob *b)
{
	void *fdt = kunit_kzalloc(test, BLOB_MAX, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fdt);
	KUNIT_ASSERT_EQ(test, build(fdt, b), 0);
	return fdt;
}

/* What is in the root node */

static int mem_body(void *fdt, const struct blob *b)
{
	return fdt_begin_node(fdt, "outer") ?:
	       fdt_begin_node(fdt, "inner") ?:
	       put_mem(fdt, b, KHO_PROP_MEM, b->mem.addr, b->mem.len) ?:
	       fdt_end_node(fdt) ?:
	       fdt_end_node(fdt);
}

static int nested_body(void *fdt, const struct blob *b)
{
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < b->nr; i++)
		err = fdt_begin_node(fdt, "n");
	for (i = 0; !err && i < b->nr; i++)
		err = fdt_end_node(fdt);
	return err;
}

static int many_body(void *fdt, const struct blob *b)
{
	char name[16];
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < b->nr; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		err = fdt_begin_node(fdt, name) ?: fdt_end_node(fdt);
	}
	return err;
}

static int twice_body(void *fdt, const struct blob *b)
{
	return node_body(fdt, b) ?: many_body(fdt, b) ?: node_body(fdt, b);
}

static int twice_below_body(void *fdt, const struct blob *b)
{
	return fdt_begin_node(fdt, "parent") ?:
	       node_body(fdt, b) ?:
	       fdt_end_node(fdt) ?:
	       node_body(fdt, b);
}

static int no_name_body(void *fdt, const struct blob *b)
{
	return fdt_begin_node(fdt, "") ?: fdt_end_node(fdt);
}

static int slash_body(void *fdt, const struct blob *b)
{
	return fdt_begin_node(fdt, "a/b") ?: fdt_end_node(fdt);
}

static int dot_body(void *fdt, const struct blob *b)
{
	return fdt_begin_node(fdt, ".") ?: fdt_end_node(fdt);
}

static int dots_body(void *fdt, const struct blob *b)
{
	return fdt_begin_node(fdt, "..") ?: fdt_end_node(fdt);
}

static int long_name_body(void *fdt, const struct blob *b)
{
	char name[KHO_MAX_NAME + 2] = { };

	memset(name, 'n', b->nr);
	return fdt_begin_node(fdt, name) ?: fdt_end_node(fdt);
}

static int unit_body(void *fdt, const struct blob *b)
{
	return fdt_begin_node(fdt, "node@1") ?:
	       fdt_end_node(fdt) ?:
	       node_body(fdt, b);
}

static int prop_body(void *fdt, const struct blob *b)
{
	char name[KHO_MAX_NAME + 2] = { };

	memset(name, 'p', b->nr);
	return fdt_property_u32(fdt, name, 0);
}

static int late_prop_body(void *fdt, const struct blob *b)
{
	return node_body(fdt, b) ?: fdt_property_u32(fdt, "late", 0);
}

static int two_mem_body(void *fdt, const struct blob *b)
{
	return fdt_begin_node(fdt, "node") ?:
	       put_mem(fdt, b, KHO_PROP_MEM, GOOD_ADDR, GOOD_LEN) ?:
	       put_mem(fdt, b, KHO_PROP_MEM, GOOD_ADDR, GOOD_LEN) ?:
	       fdt_end_node(fdt);
}

static int newline_body(void *fdt, const struct blob *b)
{
	return fdt_begin_node(fdt, "a\n") ?: fdt_end_node(fdt);
}

static int open_body(void *fdt, const struct blob *b)
{
	return fdt_begin_node(fdt, "open");
}

static int closed_body(void *fdt, const struct blob *b)
{
	return fdt_end_node(fdt);
}

static int two_roots_body(void *fdt, const struct blob *b)
{
	return fdt_end_node(fdt) ?: fdt_begin_node(fdt, "");
}

/* Damage */

static void bad_magic(void *fdt)
{
	fdt_set_magic(fdt, FDT_MAGIC ^ 1);
}

static void little_endian(void *fdt)
{
	fdt_set_magic(fdt, swab32(FDT_MAGIC));
}

static void old_version(void *fdt)
{
	fdt_set_version(fdt, 16);
	fdt_set_last_comp_version(fdt, 16);
}

static void unaligned_struct(void *fdt)
{
	fdt_set_off_dt_struct(fdt, fdt_off_dt_struct(fdt) + 2);
	fdt_set_size_dt_struct(fdt, fdt_size_dt_struct(fdt) - 2);
}

static void shrunk(void *fdt)
{
	fdt_set_totalsize(fdt, fdt_totalsize(fdt) - 1);
}

static struct fdt_property *first_prop(void *fdt)
{
	int offset = fdt_first_property_offset(fdt, 0);

	return (void *)fdt_get_property_by_offset(fdt, offset, NULL);
}

static void bad_prop_name(void *fdt)
{
	first_prop(fdt)->nameoff = cpu_to_fdt32(0x7fffffff);
}

static void bad_prop_len(void *fdt)
{
	first_prop(fdt)->len = cpu_to_fdt32(0x7fffffff);
}

static void unended_prop_name(void *fdt)
{
	char *strings = fdt + fdt_off_dt_strings(fdt);
	int size = fdt_size_dt_strings(fdt);

	strings[size - 1] = 's';
	first_prop(fdt)->nameoff = cpu_to_fdt32(size - 1);
}

static void bad_tag(void *fdt)
{
	first_prop(fdt)->tag = cpu_to_fdt32(0x55);
}

static void early_end(void *fdt)
{
	first_prop(fdt)->tag = cpu_to_fdt32(FDT_END);
}

static const u8 zeros[2 * 16];

#define PROP(prop_, len_, why_)						\
	{ .why = why_, .prop = prop_, .len = len_ }
#define MEM(desc_, why_, addr_, len_)					\
	{ .desc = desc_, .why = why_, .body = mem_body,			\
	  .mem = { .addr = addr_, .len = len_ } }

static const struct blob blobs[] = {
	{ .desc = "good" },
	{ .desc = "one of several formats",
	  .prop = "compatible", .data = "linux,kho-v2\0" KHO_ROOT_COMPATIBLE,
	  .len = sizeof("linux,kho-v2\0" KHO_ROOT_COMPATIBLE) },
	{ .desc = "foreign format", .why = "its format is \"kho-v1\"",
	  .prop = "compatible", .data = "kho-v1", .len = sizeof("kho-v1") },
	{ .desc = "foreign format 2", .why = "its format is \"kho-v2\"",
	  .prop = "compatible", .data = "kho-v2", .len = sizeof("kho-v2") },
	{ .desc = "foreign format 3", .why = "its format is \"kho-v3\"",
	  .prop = "compatible", .data = "kho-v3", .len = sizeof("kho-v3") },
	{ .desc = "foreign format 4", .why = "its format is \"kho-v4\"",
	  .prop = "compatible", .data = "kho-v4", .len = sizeof("kho-v4") },
	{ .desc = "longer format", .why = "its format is \"linux,kho-v10\"",
	  .prop = "compatible", .data = "linux,kho-v10",
	  .len = sizeof("linux,kho-v10") },

	PROP("compatible", -1, "names no format"),
	PROP(KHO_ROOT_KERNEL_RELEASE, -1, "no valid " KHO_ROOT_KERNEL_RELEASE),
	PROP(KHO_ROOT_HANDOVER_COUNT, -1, "no " KHO_ROOT_HANDOVER_COUNT),
	PROP(KHO_ROOT_SCRATCH, -1, "no valid " KHO_ROOT_SCRATCH),
	PROP(KHO_ROOT_MEM_TABLE, -1, "no valid " KHO_ROOT_MEM_TABLE),
	PROP(KHO_ROOT_MEM_TABLE_CHECKSUM, -1, "no " KHO_ROOT_MEM_TABLE_CHECKSUM),
	PROP(KHO_ROOT_CHECKSUM, -1, "has no checksum"),
	PROP("compatible", 12, "names no format"),
	PROP(KHO_ROOT_KERNEL_RELEASE, 6, "no valid " KHO_ROOT_KERNEL_RELEASE),
	PROP(KHO_ROOT_HANDOVER_COUNT, 3, "no " KHO_ROOT_HANDOVER_COUNT),
	PROP(KHO_ROOT_SCRATCH, 8, "no valid " KHO_ROOT_SCRATCH),
	PROP(KHO_ROOT_MEM_TABLE, 15, "no valid " KHO_ROOT_MEM_TABLE),
	PROP(KHO_ROOT_MEM_TABLE_CHECKSUM, 0, "no " KHO_ROOT_MEM_TABLE_CHECKSUM),
	PROP(KHO_ROOT_CHECKSUM, 3, "has no checksum"),
	PROP(KHO_ROOT_MEM_TABLE, 0, NULL),
	PROP(KHO_ROOT_SCRATCH, 0, "no valid " KHO_ROOT_SCRATCH),
	{ .desc = "all scratch areas", .prop = KHO_ROOT_SCRATCH,
	  .data = zeros, .len = sizeof(zeros) - 16 },
	{ .desc = "too many scratch areas", .why = "no valid " KHO_ROOT_SCRATCH,
	  .prop = KHO_ROOT_SCRATCH, .data = zeros, .len = sizeof(zeros) },

	MEM("nested mem", NULL, 0x5000, 0x1000),
	MEM("mem up to the last page", NULL, -0x2000ULL, 0x1000),
	MEM("mem up to the last byte", "is empty or wraps", -0x1000ULL, 0x1000),
	MEM("empty mem", "is empty or wraps", 0x5000, 0),
	MEM("wrapping mem", "is empty or wraps", -0x1000ULL, 0x2000),
	MEM("unaligned mem address", "is not aligned", 0x5800, 0x1000),
	MEM("unaligned mem length", "is not aligned", 0x5000, 0x1001),
	PROP(KHO_PROP_MEM, 12, "a mem property has 12 bytes"),
	PROP(KHO_PROP_MEM, 0, NULL),

	{ .desc = "deepest nodes", .body = nested_body,
	  .nr = KHO_MAX_DEPTH - 1 },
	{ .desc = "too deep nodes", .why = "nested too deeply",
	  .body = nested_body, .nr = KHO_MAX_DEPTH },
	{ .desc = "most nodes", .body = many_body, .nr = KHO_MAX_NODES },
	{ .desc = "too many nodes", .why = "more than 256 nodes",
	  .body = many_body, .nr = KHO_MAX_NODES + 1 },
	{ .desc = "two nodes of a name", .why = "two nodes are named node",
	  .body = twice_body },
	{ .desc = "and others between", .why = "two nodes are named node",
	  .body = twice_body, .nr = 3 },
	{ .desc = "a name in two places", .body = twice_below_body },
	{ .desc = "node without a name", .why = "wrong node name",
	  .body = no_name_body },
	{ .desc = "node name with a slash", .why = "wrong node name",
	  .body = slash_body },
	{ .desc = "node named .", .why = "wrong node name", .body = dot_body },
	{ .desc = "node named ..", .why = "wrong node name", .body = dots_body },
	{ .desc = "longest node name", .body = long_name_body,
	  .nr = KHO_MAX_NAME },
	{ .desc = "too long node name", .why = "wrong node name",
	  .body = long_name_body, .nr = KHO_MAX_NAME + 1 },
	{ .desc = "names that differ in the unit", .body = unit_body },
	{ .desc = "format with a newline", .why = "names no format",
	  .prop = "compatible", .data = "linux\n", .len = sizeof("linux\n") },
	{ .desc = "release with a newline",
	  .why = "no valid " KHO_ROOT_KERNEL_RELEASE, .prop = KHO_ROOT_KERNEL_RELEASE,
	  .data = "6.12\n", .len = sizeof("6.12\n") },
	{ .desc = "node name with a newline", .why = "wrong node name",
	  .body = newline_body },
	{ .desc = "longest property name", .body = prop_body,
	  .nr = KHO_MAX_NAME },
	{ .desc = "too long property name", .why = "bad property",
	  .body = prop_body, .nr = KHO_MAX_NAME + 1 },
	{ .desc = "property behind a node", .why = "a property behind a node",
	  .body = late_prop_body },
	{ .desc = "two mem properties", .why = "two mem properties",
	  .body = two_mem_body },
	{ .desc = "root with a name", .why = "wrong node name", .root = "r" },
	{ .desc = "node left open", .why = "ends inside of a node",
	  .body = open_body },
	{ .desc = "node closed twice", .why = "not one tree",
	  .body = closed_body },
	{ .desc = "two roots", .why = "not one tree", .body = two_roots_body },

	{ .desc = "bad magic", .why = "not an FDT", .spoil = bad_magic },
	{ .desc = "little endian", .why = "not an FDT", .spoil = little_endian },
	{ .desc = "old version", .why = "is too old", .spoil = old_version },
	{ .desc = "unaligned structure", .why = "is not aligned",
	  .spoil = unaligned_struct },
	{ .desc = "less than its blocks", .why = "not an FDT", .spoil = shrunk },
	{ .desc = "more than its window", .why = "its window", .cut = 1 },
	{ .desc = "bad property name", .why = "bad property",
	  .spoil = bad_prop_name },
	{ .desc = "property name without an end", .why = "bad property",
	  .spoil = unended_prop_name },
	{ .desc = "bad property length", .why = "bad FDT structure",
	  .spoil = bad_prop_len },
	{ .desc = "bad tag", .why = "bad FDT structure", .spoil = bad_tag },
	{ .desc = "ends early", .why = "ends inside of a node",
	  .spoil = early_end },
};

static void describe_blob(const struct blob *b, char *desc)
{
	if (b->desc)
		strscpy(desc, b->desc, KUNIT_PARAM_DESC_SIZE);
	else
		snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s of %d bytes", b->prop,
			 b->len);
}

KUNIT_ARRAY_PARAM(blob, blobs, describe_blob);

static void blob_test(struct kunit *test)
{
	const struct blob *b = test->param_value;
	void *fdt = new_blob(test, b);
	struct kho_why why = { };
	struct kho_root root;
	int err;

	err = kho_fdt_check(fdt, fdt_totalsize(fdt) - b->cut, &root, &why);
	if (!b->why) {
		KUNIT_EXPECT_EQ_MSG(test, err, 0, "%s", why.text);
		return;
	}
	KUNIT_EXPECT_EQ(test, err, -EINVAL);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(why.text, b->why),
				  "\"%s\" is not in \"%s\"", b->why, why.text);
}

/* What the root node says is what is read */
static void root_test(struct kunit *test)
{
	void *fdt = new_blob(test, &blobs[0]);
	struct kho_why why;
	struct kho_root root;
	struct kho_mem mem;

	KUNIT_ASSERT_EQ(test, kho_fdt_check(fdt, BLOB_MAX, &root, &why), 0);
	KUNIT_EXPECT_STREQ(test, root.release, "6.12.0");
	KUNIT_EXPECT_EQ(test, root.count, 7);
	KUNIT_EXPECT_EQ(test, root.page_size, 0x10000);
	KUNIT_EXPECT_EQ(test, root.cpus, 0);
	KUNIT_EXPECT_EQ(test, root.table_crc, 0x12345678);

	KUNIT_ASSERT_EQ(test, root.scratch.nr, 1);
	mem = kho_range(&root.scratch, 0);
	KUNIT_EXPECT_EQ(test, mem.addr, 0x2000000);
	KUNIT_EXPECT_EQ(test, mem.len, 0x4000000);

	KUNIT_ASSERT_EQ(test, root.table.nr, 1);
	mem = kho_range(&root.table, 0);
	KUNIT_EXPECT_EQ(test, mem.addr, 0x100000000);
	KUNIT_EXPECT_EQ(test, mem.len, 0x1000);
}

/* The bytes of a mem property, wherever they happen to lie */
static void ranges_test(struct kunit *test)
{
	static const u8 bytes[] = {
		0x00, 0x00, 0x00, 0x01, 0x40, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x20, 0x00, 0x00,
		0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xc0, 0x00,
		0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x10, 0x00,
	};
	struct blob b = {
		.prop = KHO_PROP_MEM, .data = bytes, .len = sizeof(bytes),
	};
	void *fdt = new_blob(test, &b);
	int node = fdt_subnode_offset(fdt, 0, "node");
	struct kho_ranges ranges;
	struct kho_mem mem;

	KUNIT_ASSERT_EQ(test, kho_fdt_ranges(fdt, node, KHO_PROP_MEM, &ranges),
			0);
	KUNIT_ASSERT_EQ(test, ranges.nr, 2);
	mem = kho_range(&ranges, 0);
	KUNIT_EXPECT_EQ(test, mem.addr, 0x140000000);
	KUNIT_EXPECT_EQ(test, mem.len, 0x200000);
	mem = kho_range(&ranges, 1);
	KUNIT_EXPECT_EQ(test, mem.addr, 0x0123456789abc000);
	KUNIT_EXPECT_EQ(test, mem.len, 0x200001000);

	KUNIT_EXPECT_EQ(test, kho_fdt_ranges(fdt, node, "other", &ranges),
			-ENOENT);
	KUNIT_EXPECT_EQ(test, kho_fdt_ranges(fdt, node, "compatible", &ranges),
			-EINVAL);
}

/* The checksum is zlib's, over all that dtc or a person may see */
static void crc_test(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, kho_crc(0, "123456789", 9), 0xcbf43926);
	KUNIT_EXPECT_EQ(test, kho_crc(kho_crc(0, "1234", 4), "56789", 5),
			0xcbf43926);
	KUNIT_EXPECT_EQ(test, kho_crc(0, "", 0), 0);
}

/* Whatever bit of a byte is wrong, wherever it is */
static void flip_test(struct kunit *test)
{
	u8 *fdt = new_blob(test, &blobs[0]);
	u32 size = fdt_totalsize(fdt), i;
	struct kho_root root;
	struct kho_why why;
	u8 bit;

	for (i = 0; i < size; i++) {
		for (bit = 1; bit; bit <<= 1) {
			fdt[i] ^= bit;
			KUNIT_EXPECT_EQ_MSG(test, -EINVAL,
					    kho_fdt_check(fdt, size, &root, &why),
					    "bit %#x of byte %u", bit, i);
			fdt[i] ^= bit;
		}
		fdt[i] ^= 0xff;
		KUNIT_EXPECT_EQ_MSG(test, -EINVAL,
				    kho_fdt_check(fdt, size, &root, &why),
				    "all of byte %u", i);
		fdt[i] ^= 0xff;
	}
	KUNIT_EXPECT_EQ(test, kho_fdt_check(fdt, size, &root, &why), 0);
}

/* Each allocation ends with the window, so that KASAN sees a read beyond */
static void truncated_test(struct kunit *test)
{
	void *fdt = new_blob(test, &blobs[0]);
	u32 size = fdt_totalsize(fdt), i;
	struct kho_root root;
	struct kho_why why;

	for (i = 1; i <= size; i++) {
		void *part = kmemdup(fdt, i, GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, part);
		KUNIT_EXPECT_EQ_MSG(test, kho_fdt_check(part, i, &root, &why),
				    i < size ? -EINVAL : 0, "%u bytes of %u", i,
				    size);
		kfree(part);
	}
	KUNIT_EXPECT_EQ(test, kho_fdt_check(fdt, 0, &root, &why), -EINVAL);
}

static struct kunit_case kho_fdt_cases[] = {
	KUNIT_CASE_PARAM(blob_test, blob_gen_params),
	KUNIT_CASE(root_test),
	KUNIT_CASE(ranges_test),
	KUNIT_CASE(crc_test),
	KUNIT_CASE(flip_test),
	KUNIT_CASE(truncated_test),
	{ }
};

static struct kunit_suite kho_fdt_suite = {
	.name = "kho_fdt",
	.test_cases = kho_fdt_cases,
};

kunit_test_suite(kho_fdt_suite);
