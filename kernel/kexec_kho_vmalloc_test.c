// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of kexec_kho_vmalloc.c, which includes this file: areas that are
 * preserved, those that cannot be, and what is given up although it is none.
 */
#include <linux/set_memory.h>

#include "kexec_kho_out_test.h"

static void vmalloc_test(struct kunit *test)
{
	struct out_test *t = test->priv;
	const struct kho_vmalloc_page *list;
	struct kho_vmalloc kv;
	struct kho_mem mem = { .len = PAGE_SIZE };
	void *p = vmalloc(3 * PAGE_SIZE);
	struct page *page;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_EQ(test, kho_preserve_vmalloc(p + PAGE_SIZE, &kv), -EINVAL);
	KUNIT_EXPECT_EQ(test, kho_preserve_vmalloc(t, &kv), -EINVAL);
	KUNIT_ASSERT_EQ(test, kho_preserve_vmalloc(p, &kv), 0);
	KUNIT_EXPECT_EQ(test, be32_to_cpu(kv.pages), 3);
	KUNIT_EXPECT_EQ(test, be32_to_cpu(kv.shift), PAGE_SHIFT);

	mem.addr = be64_to_cpu(kv.first);
	KUNIT_EXPECT_EQ(test, preserved_now(test, mem, 0), 1);
	list = phys_to_virt(mem.addr);
	KUNIT_EXPECT_FALSE(test, list->next);
	for (i = 0; i < 3; i++) {
		mem.addr = be64_to_cpu(list->addr[i]);
		KUNIT_EXPECT_EQ(test, mem.addr,
				page_to_phys(vmalloc_to_page(p + i * PAGE_SIZE)));
		KUNIT_EXPECT_EQ(test, preserved_now(test, mem, 0), 1);
	}

	KUNIT_ASSERT_EQ(test, kho_out_activate(), 0);
	KUNIT_EXPECT_EQ(test, kho_unpreserve_vmalloc(&kv), 0);
	KUNIT_EXPECT_FALSE(test, kho_out_is_active());
	kho_test_out_settle();
	KUNIT_EXPECT_EQ(test, table_crc(test), t->table);

	/* A page of it that is preserved already stays so, and only that */
	page = vmalloc_to_page(p + 2 * PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, kho_preserve_pages(page, 1), 0);
	KUNIT_EXPECT_EQ(test, kho_preserve_vmalloc(p, &kv), -EEXIST);
	KUNIT_EXPECT_EQ(test, give_up_pages(page, 1), 0);
	KUNIT_EXPECT_EQ(test, table_crc(test), t->table);
	vfree(p);
}

static bool is_cleared(const struct kho_vmalloc *kv)
{
	return !memchr_inv(kv, 0, sizeof(*kv));
}

/* What is not preserved, or not any more, is not undone, and nobody else's either */
static void vmalloc_stale_test(struct kunit *test)
{
	struct out_test *t = test->priv;
	struct kho_vmalloc kv, copy;
	void *p = vmalloc(3 * PAGE_SIZE);
	u32 crc;

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_ASSERT_EQ(test, kho_preserve_vmalloc(p, &kv), 0);
	crc = table_crc(test);
	copy = kv;
	copy.pages = cpu_to_be32(2);
	KUNIT_EXPECT_EQ(test, kho_unpreserve_vmalloc(&copy), 0);
	KUNIT_EXPECT_TRUE(test, is_cleared(&copy));
	copy = kv;
	copy.pages = cpu_to_be32(4);
	KUNIT_EXPECT_EQ(test, kho_unpreserve_vmalloc(&copy), 0);
	copy = kv;
	copy.first = cpu_to_be64(be64_to_cpu(kv.first) + 8);
	KUNIT_EXPECT_EQ(test, kho_unpreserve_vmalloc(&copy), 0);
	KUNIT_EXPECT_EQ(test, table_crc(test), crc);

	/* Twice, and then with a copy that nobody has cleared */
	copy = kv;
	KUNIT_EXPECT_EQ(test, kho_unpreserve_vmalloc(&kv), 0);
	KUNIT_EXPECT_TRUE(test, is_cleared(&kv));
	KUNIT_EXPECT_EQ(test, kho_unpreserve_vmalloc(&kv), 0);
	KUNIT_EXPECT_EQ(test, kho_unpreserve_vmalloc(&copy), 0);
	KUNIT_EXPECT_EQ(test, table_crc(test), t->table);

	/* Never filled in: no memory, and memory that is somebody's */
	memset(&kv, 0x5a, sizeof(kv));
	KUNIT_EXPECT_EQ(test, kho_unpreserve_vmalloc(&kv), 0);
	KUNIT_EXPECT_TRUE(test, is_cleared(&kv));
	KUNIT_ASSERT_EQ(test, kho_preserve_pages(t->page + 12, 2), 0);
	clear_page(page_address(t->page + 12));
	crc = table_crc(test);
	kv = (struct kho_vmalloc){
		.first = cpu_to_be64(page_to_phys(t->page + 12)),
		.pages = cpu_to_be32(1),
		.shift = cpu_to_be32(PAGE_SHIFT),
	};
	KUNIT_EXPECT_EQ(test, kho_unpreserve_vmalloc(&kv), 0);
	KUNIT_EXPECT_EQ(test, table_crc(test), crc);
	KUNIT_EXPECT_EQ(test, give_up_pages(t->page + 12, 2), 0);
	vfree(p);
}

/* Whoever undoes what failed, as drivers do when they leave, need not know */
static void vmalloc_failed_test(struct kunit *test)
{
	struct out_test *t = test->priv;
	struct kho_vmalloc kv;
	void *p = vmalloc(PAGE_SIZE);

	KUNIT_ASSERT_NOT_NULL(test, p);
	memset(&kv, 0x5a, sizeof(kv));
	KUNIT_EXPECT_EQ(test, kho_preserve_vmalloc(t, &kv), -EINVAL);
	KUNIT_EXPECT_TRUE(test, is_cleared(&kv));
	KUNIT_EXPECT_EQ(test, kho_unpreserve_vmalloc(&kv), 0);

	KUNIT_ASSERT_EQ(test, kho_out_activate(), 0);
	KUNIT_ASSERT_EQ(test, kho_out_seal(0), 0);
	memset(&kv, 0x5a, sizeof(kv));
	KUNIT_EXPECT_EQ(test, kho_preserve_vmalloc(p, &kv), -EBUSY);
	KUNIT_EXPECT_TRUE(test, is_cleared(&kv));
	KUNIT_EXPECT_EQ(test, kho_unpreserve_vmalloc(&kv), 0);
	kho_kexec_failed();
	KUNIT_EXPECT_FALSE(test, kho_out_is_active());
	expect_nothing(test);
	vfree(p);
}

static int preserve_for_a_moment(void *p)
{
	struct kho_vmalloc kv;
	int err = kho_preserve_vmalloc(p, &kv);

	return err ?: kho_unpreserve_vmalloc(&kv);
}

/* An area whose pages go with it; NULL if there is none */
static void *map_page(pgprot_t prot)
{
	struct page **pages = kvmalloc_array(1, sizeof(*pages), GFP_KERNEL);
	struct page *page = alloc_page(GFP_KERNEL);
	void *p = NULL;

	if (pages && page) {
		*pages = page;
		p = vmap(pages, 1, VM_MAP | VM_MAP_PUT_PAGES, prot);
	}
	if (!p) {
		kvfree(pages);
		if (page)
			__free_page(page);
	}
	return p;
}

/* What kho_restore_vmalloc() could not give back as it was */
static void vmalloc_kinds_test(struct kunit *test)
{
	struct out_test *t = test->priv;
	void *user = vmalloc_user(PAGE_SIZE), *code = vmalloc(PAGE_SIZE);
	void *large = vmalloc_huge(2 * PMD_SIZE, GFP_KERNEL);
	void *writable = map_page(PAGE_KERNEL);
	void *fixed = map_page(PAGE_KERNEL_RO);
	void *combined = map_page(pgprot_writecombine(PAGE_KERNEL));

	KUNIT_EXPECT_TRUE(test, user && code && writable && fixed && combined);
	if (user)
		KUNIT_EXPECT_EQ(test, preserve_for_a_moment(user), -EINVAL);
	if (code) {
		set_vm_flush_reset_perms(code);
		KUNIT_EXPECT_EQ(test, preserve_for_a_moment(code), -EINVAL);
	}
	if (large)
		KUNIT_EXPECT_EQ(test, preserve_for_a_moment(large), 0);
	if (writable)
		KUNIT_EXPECT_EQ(test, preserve_for_a_moment(writable), 0);
	if (fixed)
		KUNIT_EXPECT_EQ(test, preserve_for_a_moment(fixed), -EINVAL);
	if (combined)
		KUNIT_EXPECT_EQ(test, preserve_for_a_moment(combined), -EINVAL);
	KUNIT_EXPECT_EQ(test, table_crc(test), t->table);

	vfree(user);
	vfree(code);
	vfree(large);
	vfree(writable);
	vfree(fixed);
	vfree(combined);
}

/* One page of an area cannot be written, for a while */
static void vmalloc_read_only_test(struct kunit *test)
{
	void *p = vmalloc(3 * PAGE_SIZE);
	unsigned long addr = (unsigned long)p + 2 * PAGE_SIZE;

	KUNIT_ASSERT_NOT_NULL(test, p);
	memset(p, 0, 3 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, preserve_for_a_moment(p), 0);
	KUNIT_EXPECT_EQ(test, set_memory_ro(addr, 1), 0);
	KUNIT_EXPECT_EQ(test, preserve_for_a_moment(p), -EINVAL);
	KUNIT_EXPECT_EQ(test, set_memory_rw(addr, 1), 0);
	KUNIT_EXPECT_EQ(test, preserve_for_a_moment(p), 0);
	vfree(p);
}

/* What is for the next kernel, wherever vmalloc() would find memory */
static void valloc_test(struct kunit *test)
{
	struct out_test *t = test->priv;
	size_t size = 3 * PAGE_SIZE + 1, i;
	struct kho_vmalloc kv;
	u8 *p = kho_valloc(size);

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_NULL(test, memchr_inv(p, 0, 4 * PAGE_SIZE));
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_TRUE(test, kho_mem_is_boot(page_address(vmalloc_to_page(p +
									i * PAGE_SIZE)),
							PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, kho_preserve_vmalloc(p, &kv), 0);
	KUNIT_EXPECT_EQ(test, be32_to_cpu(kv.pages), 4);
	KUNIT_EXPECT_EQ(test, kho_unpreserve_vmalloc(&kv), 0);
	KUNIT_EXPECT_EQ(test, table_crc(test), t->table);
	kho_vfree(p);

	KUNIT_EXPECT_NULL(test, kho_valloc(0));
	KUNIT_EXPECT_NULL(test, kho_valloc(SIZE_MAX));
	kho_vfree(NULL);
}

static struct kunit_case kho_vmalloc_cases[] = {
	KUNIT_CASE(vmalloc_test),
	KUNIT_CASE(vmalloc_failed_test),
	KUNIT_CASE(vmalloc_kinds_test),
	KUNIT_CASE(vmalloc_read_only_test),
	KUNIT_CASE(vmalloc_stale_test),
	KUNIT_CASE(valloc_test),
	{ }
};

static struct kunit_suite kho_vmalloc_suite = {
	.name = "kho_vmalloc",
	.init = kho_test_out_init,
	.exit = kho_test_out_exit,
	.test_cases = kho_vmalloc_cases,
};

kunit_test_suite(kho_vmalloc_suite);
