// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of kexec_kho_subtree.c: blobs that the previous kernel has added.
 */
#include "kexec_kho_in_test.h"
#include "kexec_kho_subtrees_node.h"

#define BLOBS_FDT_MAX	4096

/* What is written of one */
static int put_blob(void *fdt, unsigned int i, const char *name, u64 phys, u64 size)
{
	struct kho_subtrees_subtree n = { .phys = phys, .size = size };

	strscpy(n.label, name);
	return kho_subtrees_put_subtree(fdt, i, &n);
}

static int begin_blobs(void *fdt, const char *compatible)
{
	return fdt_create(fdt, BLOBS_FDT_MAX) ?:
	       fdt_finish_reservemap(fdt) ?:
	       fdt_begin_node(fdt, "") ?:
	       kho_node_begin(fdt, KHO_SUBTREES_NODE, compatible, strlen(compatible) + 1);
}

static int end_blobs(void *fdt)
{
	kho_in.fdt = fdt;
	return kho_subtrees_end(fdt) ?: fdt_end_node(fdt) ?: fdt_finish(fdt);
}

static void *blobs_fdt(struct kunit *test)
{
	void *fdt = kunit_kzalloc(test, BLOBS_FDT_MAX, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fdt);
	return fdt;
}

static int retrieve(const char *name)
{
	phys_addr_t phys = 1;
	size_t size = 1;
	int err = kho_retrieve_subtree(name, &phys, &size);

	/* After an error, nothing is filled in */
	return err && (phys != 1 || size != 1) ? 1 : err;
}

static void retrieve_test(struct kunit *test)
{
	struct fake *f = test->priv;
	void *fdt = blobs_fdt(test);
	phys_addr_t phys;
	size_t size;

	/* Nobody has added any, or there was no handover */
	KUNIT_EXPECT_EQ(test, retrieve("one"), -ENOENT);
	kho_in.fdt = NULL;
	KUNIT_EXPECT_EQ(test, retrieve("one"), -ENOENT);

	KUNIT_ASSERT_EQ(test, 0,
			begin_blobs(fdt, KHO_SUBTREES_COMPATIBLE) ?:
			put_blob(fdt, 0, "one", test_phys(f, 2) + 8, 20) ?:
			put_blob(fdt, 1, "two", test_phys(f, 40), 8 * PAGE_SIZE) ?:
			end_blobs(fdt));
	KUNIT_EXPECT_EQ(test, kho_retrieve_subtree("one", &phys, &size), 0);
	KUNIT_EXPECT_EQ(test, phys, test_phys(f, 2) + 8);
	KUNIT_EXPECT_EQ(test, size, 20);
	KUNIT_EXPECT_EQ(test, kho_retrieve_subtree("two", &phys, NULL), 0);
	KUNIT_EXPECT_EQ(test, phys, test_phys(f, 40));
	KUNIT_EXPECT_EQ(test, retrieve("on"), -ENOENT);
	KUNIT_EXPECT_EQ(test, retrieve("oneself"), -ENOENT);
	KUNIT_EXPECT_EQ(test, retrieve(""), -ENOENT);

	/* Nothing was taken, and whoever takes it can look again */
	KUNIT_EXPECT_TRUE(test, all_reserved(f));
	KUNIT_ASSERT_TRUE(test, test_claim(f, 2, 1));
	KUNIT_EXPECT_EQ(test, retrieve("one"), 0);
}

static void retrieve_format_test(struct kunit *test)
{
	struct fake *f = test->priv;
	void *fdt = blobs_fdt(test);

	KUNIT_ASSERT_EQ(test, 0,
			begin_blobs(fdt, "linux,kho-subtrees-v2") ?:
			put_blob(fdt, 0, "one", test_phys(f, 2), 8) ?:
			end_blobs(fdt));
	KUNIT_EXPECT_EQ(test, retrieve("one"), -ENOENT);

	/* Two of one name */
	KUNIT_ASSERT_EQ(test, 0,
			begin_blobs(fdt, KHO_SUBTREES_COMPATIBLE) ?:
			put_blob(fdt, 0, "one", test_phys(f, 2), 8) ?:
			put_blob(fdt, 1, "one", test_phys(f, 3), 8) ?:
			end_blobs(fdt));
	KUNIT_EXPECT_EQ(test, retrieve("one"), -EINVAL);
	KUNIT_EXPECT_EQ(test, retrieve("two"), -EINVAL);

	/* One that has nothing but a name */
	KUNIT_ASSERT_EQ(test, 0,
			begin_blobs(fdt, KHO_SUBTREES_COMPATIBLE) ?:
			fdt_begin_node(fdt, "subtree-0") ?:
			fdt_property_string(fdt, "label", "one") ?:
			fdt_end_node(fdt) ?:
			end_blobs(fdt));
	KUNIT_EXPECT_EQ(test, retrieve("one"), -EINVAL);
	KUNIT_EXPECT_EQ(test, retrieve("two"), -ENOENT);
}

/* Of these, not all has arrived */
static const struct test_range bad_blobs[] = {
	{ "before", 0, 1, -8 },
	{ "between", 16, 1 },
	{ "ends between", 14, 2, 8 },
	{ "begins between", 23, 2 },
	{ "behind a folio of a chunk", 68, 1 },
	{ "from a chunk on", 67, 2 },
	{ "behind", 120, 8, 8 },
	{ "up to the end of what there is", 0, 0, 0, -1 },
	{ "more than there is", 0, 0, 8, -4 },
	{ "nowhere", 0, 1, 1ULL << 62 },
};

KUNIT_ARRAY_PARAM_DESC(bad_blob, bad_blobs, desc);

static int retrieve_range(struct kunit *test, const struct test_range *r)
{
	struct kho_mem mem = test_mem(test->priv, r->first, r->nr);
	void *fdt = blobs_fdt(test);

	KUNIT_ASSERT_EQ(test, 0,
			begin_blobs(fdt, KHO_SUBTREES_COMPATIBLE) ?:
			put_blob(fdt, 0, "x", mem.addr + r->addr, mem.len + r->len) ?:
			end_blobs(fdt));
	return retrieve("x");
}

static void retrieve_bad_test(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, retrieve_range(test, test->param_value), -EINVAL);
}

static void retrieve_good_test(struct kunit *test)
{
	static const struct test_range good[] = {
		{ "all of an extent", 0, 16 },
		{ "up to its end", 15, 1, 8, -8 },
		{ "over borders", 24, 44 },
		{ "a folio of a chunk", 72, 4 },
	};
	struct fake *f = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(good); i++)
		KUNIT_EXPECT_EQ_MSG(test, retrieve_range(test, &good[i]), 0, "%s",
				    good[i].desc);
	if (!IS_ENABLED(CONFIG_MEMORY_FAILURE))
		return;

	/* To read that is a panic */
	SetPageHWPoison(f->page + 65);
	num_poisoned_pages_inc(page_to_pfn(f->page + 65));
	KUNIT_EXPECT_EQ(test, retrieve_range(test, &good[2]), -EINVAL);
	KUNIT_EXPECT_EQ(test, retrieve_range(test, &good[3]), 0);
	num_poisoned_pages_sub(page_to_pfn(f->page + 65), 1);
	ClearPageHWPoison(f->page + 65);
}

static void restore_free_test(struct kunit *test)
{
	struct fake *f = test->priv;

	kho_restore_free(page_address(f->page + 40));
	KUNIT_EXPECT_FALSE(test, any_reserved(f, 40, 8));
	KUNIT_EXPECT_FALSE(test, any_leaked(f, 40, 8));
	KUNIT_EXPECT_EQ(test, managed(test), 8);
	KUNIT_EXPECT_TRUE(test, are_reserved(f, 32, 8));
	KUNIT_EXPECT_TRUE(test, are_reserved(f, 48, 16));

	/* It has gone, is a part of a folio, was not preserved, or is nothing */
	kho_restore_free(page_address(f->page + 40));
	kho_restore_free(page_address(f->page + 49));
	kho_restore_free(page_address(f->page + 16));
	kho_restore_free(NULL);
	KUNIT_EXPECT_EQ(test, managed(test), 8);
	KUNIT_EXPECT_TRUE(test, are_reserved(f, 48, 16));
	KUNIT_EXPECT_TRUE(test, are_pages(f, 16, 1));
}

static struct kunit_case kho_subtree_in_cases[] = {
	KUNIT_CASE(retrieve_test),
	KUNIT_CASE(retrieve_format_test),
	KUNIT_CASE_PARAM(retrieve_bad_test, bad_blob_gen_params),
	KUNIT_CASE(retrieve_good_test),
	KUNIT_CASE(restore_free_test),
	{ }
};

static struct kunit_suite kho_subtree_in_suite = {
	.name = "kho_subtree_in",
	.init = test_in_init,
	.exit = test_in_exit,
	.test_cases = kho_subtree_in_cases,
};

kunit_test_suite(kho_subtree_in_suite);
