// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of kexec_kho_subtree.c, which includes this file: blobs that are added
 * and removed, and memory for them. What becomes of them in the next kernel is in
 * kexec_kho_subtree_in_test.c.
 */
#include <linux/vmalloc.h>

#include "kexec_kho_out_test.h"

/* Instead of kho_subtree_nb, which is in the chain that tests put aside */
static struct notifier_block test_subtree_nb = {
	.notifier_call = subtree_notify,
	.priority = INT_MIN,
};

/* So is what others have added */
static LIST_HEAD(test_subtree_others);

static int subtree_init(struct kunit *test)
{
	int err = kho_test_out_init(test);

	if (err)
		return err;
	list_splice_init(&kho_subtree_list, &test_subtree_others);
	return register_kho_notifier(&test_subtree_nb);
}

static void subtree_exit(struct kunit *test)
{
	struct kho_subtree *t, *next;

	if (!test->priv)
		return;
	kho_kexec_failed();
	unregister_kho_notifier(&test_subtree_nb);
	list_for_each_entry_safe(t, next, &kho_subtree_list, list)
		kho_remove_subtree((void *)t->blob);
	list_splice_init(&test_subtree_others, &kho_subtree_list);
	kho_test_out_exit(test);
}

static const void *window_fdt(void)
{
	struct kho_mem window;

	kho_out_window(&window);
	return phys_to_virt(window.addr);
}

/* Whether the handover that is active has just this of a name */
static bool is_written(const char *name, const void *blob, size_t size)
{
	const void *fdt = window_fdt();
	int node = kho_subtrees_find(fdt);
	struct kho_subtrees_subtree n;

	if (node < 0 || kho_subtrees_get(fdt, node))
		return false;
	node = kho_subtrees_find_subtree(fdt, node, name);
	return node >= 0 && !kho_subtrees_get_subtree(fdt, node, &n) &&
	       n.phys == virt_to_phys((void *)blob) && n.size == size;
}

static void *page_blob(struct kunit *test, unsigned int i)
{
	struct out_test *t = test->priv;

	return page_address(t->page + i);
}

static void subtree_write_test(struct kunit *test)
{
	struct out_test *t = test->priv;
	void *one = page_blob(test, 12), *two = page_blob(test, 13) + 8;
	struct kho_root root;

	/* With nothing to say there is no node */
	KUNIT_ASSERT_EQ(test, kho_out_activate(), 0);
	KUNIT_EXPECT_EQ(test, kho_subtrees_find(window_fdt()), -ENOENT);

	/* Each change aborts, and both are in the next one */
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(t->page + 12, 4), 0);
	KUNIT_ASSERT_EQ(test, kho_out_activate(), 0);
	KUNIT_EXPECT_EQ(test, kho_add_subtree("one", one, 1), 0);
	KUNIT_EXPECT_FALSE(test, kho_out_is_active());
	KUNIT_EXPECT_EQ(test, kho_add_subtree("a name, and {more}", two, 2 * PAGE_SIZE), 0);
	KUNIT_ASSERT_EQ(test, kho_out_activate(), 0);
	check_blob(test, &root);
	KUNIT_EXPECT_TRUE(test, is_written("one", one, 1));
	KUNIT_EXPECT_TRUE(test, is_written("a name, and {more}", two, 2 * PAGE_SIZE));

	kho_remove_subtree(one);
	KUNIT_EXPECT_FALSE(test, kho_out_is_active());
	KUNIT_ASSERT_EQ(test, kho_out_activate(), 0);
	KUNIT_EXPECT_FALSE(test, is_written("one", one, 1));
	KUNIT_EXPECT_TRUE(test, is_written("a name, and {more}", two, 2 * PAGE_SIZE));

	/* There is none like that any more: nothing changes */
	kho_remove_subtree(one);
	kho_remove_subtree(NULL);
	KUNIT_EXPECT_TRUE(test, kho_out_is_active());

	kho_remove_subtree(two);
	KUNIT_ASSERT_EQ(test, kho_out_activate(), 0);
	KUNIT_EXPECT_EQ(test, kho_subtrees_find(window_fdt()), -ENOENT);
	kho_out_abort();
	KUNIT_EXPECT_EQ(test, give_up_pages(t->page + 12, 4), 0);
	expect_nothing(test);
}

static void subtree_name_test(struct kunit *test)
{
	void *blob = page_blob(test, 0);
	char name[65];

	memset(name, 'x', sizeof(name));
	name[64] = 0;
	KUNIT_EXPECT_EQ(test, kho_add_subtree("", blob, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, kho_add_subtree("line\n", blob, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, kho_add_subtree("\x7f", blob, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, kho_add_subtree("caf\xe9", blob, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, kho_add_subtree(name, blob, 1), -EINVAL);
	KUNIT_EXPECT_TRUE(test, list_empty(&kho_subtree_list));
	name[63] = 0;
	KUNIT_EXPECT_EQ(test, kho_add_subtree(name, blob, 1), 0);
	KUNIT_EXPECT_EQ(test, kho_add_subtree("~", blob + 8, 1), 0);
}

static void subtree_blob_test(struct kunit *test)
{
	void *blob = page_blob(test, 0), *area = vmalloc(PAGE_SIZE);

	KUNIT_ASSERT_NOT_NULL(test, area);
	KUNIT_EXPECT_EQ(test, kho_add_subtree("x", blob, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, kho_add_subtree("x", blob + 4, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, kho_add_subtree("x", area, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, kho_add_subtree("x", NULL, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, kho_add_subtree("x", blob, SIZE_MAX), -EINVAL);
	KUNIT_EXPECT_EQ(test, kho_add_subtree("x", blob, SIZE_MAX / 2), -EINVAL);
	KUNIT_EXPECT_EQ(test, kho_add_subtree("x", blob, 1UL << 40), -EINVAL);
	KUNIT_EXPECT_TRUE(test, list_empty(&kho_subtree_list));
	vfree(area);
}

static void subtree_twice_test(struct kunit *test)
{
	void *blob = page_blob(test, 0);

	KUNIT_EXPECT_EQ(test, kho_add_subtree("x", blob, 1), 0);
	KUNIT_EXPECT_EQ(test, kho_add_subtree("x", blob + 8, 1), -EEXIST);
	KUNIT_EXPECT_EQ(test, kho_add_subtree("y", blob, 1), -EEXIST);
	KUNIT_EXPECT_EQ(test, kho_add_subtree("y", blob + 8, 1), 0);
	kho_remove_subtree(blob);
	KUNIT_EXPECT_EQ(test, kho_add_subtree("x", blob, 1), 0);
}

static void subtree_many_test(struct kunit *test)
{
	struct out_test *t = test->priv;
	void *blob = page_blob(test, 12);
	struct kho_root root;
	unsigned int i;
	char name[16];

	for (i = 0; i < 64; i++) {
		snprintf(name, sizeof(name), "%u", i);
		KUNIT_ASSERT_EQ(test, kho_add_subtree(name, blob + 8 * i, 8), 0);
	}
	KUNIT_EXPECT_EQ(test, kho_add_subtree("64", blob + 8 * i, 8), -ENOSPC);
	KUNIT_EXPECT_EQ(test, kho_add_subtree("63", blob + 8 * i, 8), -EEXIST);

	KUNIT_EXPECT_EQ(test, kho_preserve_pages(t->page + 12, 1), 0);
	KUNIT_EXPECT_EQ(test, kho_out_activate(), 0);
	check_blob(test, &root);
	KUNIT_EXPECT_TRUE(test, is_written("63", blob + 8 * 63, 8));
	kho_remove_subtree(blob);
	KUNIT_EXPECT_EQ(test, kho_add_subtree("64", blob + 8 * i, 8), 0);
	KUNIT_EXPECT_EQ(test, kho_out_activate(), 0);
	KUNIT_EXPECT_FALSE(test, is_written("0", blob, 8));
	KUNIT_EXPECT_TRUE(test, is_written("64", blob + 8 * 64, 8));
	kho_out_abort();
	KUNIT_EXPECT_EQ(test, give_up_pages(t->page + 12, 1), 0);
}

/* What would not arrive is refused, and nothing remains */
static void subtree_unpreserved_test(struct kunit *test)
{
	struct out_test *t = test->priv;
	void *blob = page_blob(test, 12) + 8;

	KUNIT_EXPECT_EQ(test, kho_add_subtree("x", blob, 2 * PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, kho_out_activate(), -EINVAL);
	KUNIT_EXPECT_STREQ(test, calls(t), "cabCAB");
	expect_nothing(test);

	/* It reaches into a third page */
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(t->page + 12, 2), 0);
	KUNIT_EXPECT_EQ(test, kho_out_activate(), -EINVAL);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(t->page + 14, 1), 0);
	KUNIT_EXPECT_EQ(test, kho_out_activate(), 0);
	KUNIT_EXPECT_TRUE(test, is_written("x", blob, 2 * PAGE_SIZE));

	/* Not the first */
	KUNIT_EXPECT_EQ(test, give_up_pages(t->page + 12, 1), 0);
	KUNIT_EXPECT_EQ(test, kho_out_activate(), -EINVAL);
	kho_remove_subtree(blob);
	KUNIT_EXPECT_EQ(test, kho_out_activate(), 0);
	kho_out_abort();
	KUNIT_EXPECT_EQ(test, give_up_pages(t->page + 13, 2), 0);
	expect_nothing(test);
}

static int dump_and_add(struct probe *p, void *fdt)
{
	int err = kho_add_subtree("late", phys_to_virt(p->mem[0].addr), p->mem[0].len);

	return err ? notifier_from_errno(err) : write_probe(p, fdt);
}

static void abort_and_remove(struct probe *p)
{
	kho_remove_subtree(phys_to_virt(p->mem[0].addr));
}

/* Other notifiers can use it, with memory of a mem property, too */
static void subtree_notifier_test(struct kunit *test)
{
	struct out_test *t = test->priv;
	struct probe *p = &t->probe[1];
	unsigned int i;

	p->dump = dump_and_add;
	p->abort = abort_and_remove;
	for (i = 0; i < 2; i++) {
		KUNIT_ASSERT_EQ(test, kho_out_activate(), 0);
		KUNIT_EXPECT_TRUE(test, is_written("late", phys_to_virt(p->mem[0].addr),
						   p->mem[0].len));
		kho_out_abort();
		KUNIT_EXPECT_STREQ(test, calls(t), "cabCAB");
		KUNIT_EXPECT_TRUE(test, list_empty(&kho_subtree_list));
		expect_nothing(test);
	}
}

/* What is on its way stays as it is, until it turns out that it is not */
static void subtree_jump_test(struct kunit *test)
{
	void *blob = kho_alloc_preserve(PAGE_SIZE), *other = page_blob(test, 12);
	struct kho_mem mem = { .len = PAGE_SIZE };

	KUNIT_ASSERT_FALSE(test, IS_ERR(blob));
	mem.addr = virt_to_phys(blob);
	KUNIT_EXPECT_EQ(test, kho_add_subtree("x", blob, PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, kho_out_seal(0), 0);
	KUNIT_EXPECT_EQ(test, kho_add_subtree("y", other, 1), -EBUSY);
	KUNIT_EXPECT_PTR_EQ(test, kho_alloc_preserve(1), ERR_PTR(-EBUSY));
	kho_remove_subtree(blob);
	kho_unpreserve_free(blob);
	KUNIT_EXPECT_TRUE(test, is_written("x", blob, PAGE_SIZE));
	kho_kexec_failed();
	kho_test_out_settle();

	KUNIT_EXPECT_EQ(test, preserved_now(test, mem, 0), 1);
	KUNIT_EXPECT_EQ(test, kho_out_activate(), 0);
	KUNIT_EXPECT_TRUE(test, is_written("x", blob, PAGE_SIZE));
	kho_remove_subtree(blob);
	kho_unpreserve_free(blob);
	expect_nothing(test);
}

static void alloc_preserve_test(struct kunit *test)
{
	static const struct {
		size_t size;
		unsigned int order;
	} cases[] = {
		{ 1, 0 }, { PAGE_SIZE, 0 }, { PAGE_SIZE + 1, 1 }, { 5 * PAGE_SIZE, 3 },
	};
	struct out_test *t = test->priv;
	struct kho_mem mem;
	unsigned int i;
	void *p;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		p = kho_alloc_preserve(cases[i].size);
		KUNIT_ASSERT_FALSE(test, IS_ERR(p));
		mem = (struct kho_mem){ virt_to_phys(p), PAGE_SIZE << cases[i].order };
		KUNIT_EXPECT_NULL(test, memchr_inv(p, 0, mem.len));
		KUNIT_EXPECT_EQ(test, preserved_now(test, mem, cases[i].order), 1);

		/* Its contents may change, but not whether it is there */
		KUNIT_ASSERT_EQ(test, kho_out_activate(), 0);
		memset(p, 0x5a, mem.len);
		KUNIT_EXPECT_TRUE(test, kho_out_is_active());
		kho_unpreserve_free(p);
		KUNIT_EXPECT_FALSE(test, kho_out_is_active());
		kho_test_out_settle();
		KUNIT_EXPECT_EQ(test, table_crc(test), t->table);
	}
	KUNIT_EXPECT_PTR_EQ(test, kho_alloc_preserve(0), ERR_PTR(-EINVAL));
	KUNIT_EXPECT_PTR_EQ(test, kho_alloc_preserve((PAGE_SIZE << MAX_PAGE_ORDER) + 1),
			    ERR_PTR(-E2BIG));
	KUNIT_EXPECT_PTR_EQ(test, kho_alloc_preserve(SIZE_MAX), ERR_PTR(-E2BIG));
	kho_unpreserve_free(NULL);
	KUNIT_EXPECT_EQ(test, table_crc(test), t->table);
}

static struct kunit_case kho_subtree_cases[] = {
	KUNIT_CASE(subtree_write_test),
	KUNIT_CASE(subtree_name_test),
	KUNIT_CASE(subtree_blob_test),
	KUNIT_CASE(subtree_twice_test),
	KUNIT_CASE(subtree_many_test),
	KUNIT_CASE(subtree_unpreserved_test),
	KUNIT_CASE(subtree_notifier_test),
	KUNIT_CASE(subtree_jump_test),
	KUNIT_CASE(alloc_preserve_test),
	{ }
};

static struct kunit_suite kho_subtree_suite = {
	.name = "kho_subtree",
	.init = subtree_init,
	.exit = subtree_exit,
	.test_cases = kho_subtree_cases,
};

kunit_test_suite(kho_subtree_suite);
