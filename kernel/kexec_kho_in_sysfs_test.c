// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of kexec_kho_in_sysfs.c, which includes this file: what the files
 * in /sys/firmware/kho say and do, and when a system may resume.
 */
#include "kexec_kho_in_test.h"

static unsigned long show(struct kunit *test, struct kobj_attribute *attr)
{
	char *buf = (char *)get_zeroed_page(GFP_KERNEL);
	unsigned long bytes = 0;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_EXPECT_GT(test, attr->show(NULL, attr, buf), 0);
	KUNIT_EXPECT_EQ(test, kstrtoul(buf, 10, &bytes), 0);
	free_page((unsigned long)buf);
	return bytes >> PAGE_SHIFT;
}

static struct node_attr test_attr(unsigned int node)
{
	return (struct node_attr){
		.attr = { .show = node_show, .store = node_store },
		.node = node,
	};
}

static void count_test(struct kunit *test)
{
	struct node_attr first = test_attr(0), second = test_attr(1);
	struct fake *f = test->priv;
	unsigned int rest = TEST_PRESERVED - TEST_LISTED_0 - TEST_LISTED_1;

	KUNIT_EXPECT_EQ(test, show(test, &first.attr), TEST_LISTED_0);
	KUNIT_EXPECT_EQ(test, show(test, &second.attr), TEST_LISTED_1);
	KUNIT_EXPECT_EQ(test, show(test, &kho_in_unlisted_attr), rest);

	/* Pages 2, 3 and 8 are listed */
	KUNIT_ASSERT_TRUE(test, test_claim(f, 2, 7));
	KUNIT_EXPECT_EQ(test, show(test, &first.attr), TEST_LISTED_0 - 3);
	KUNIT_EXPECT_EQ(test, show(test, &kho_in_unlisted_attr), rest - 4);
	test_return(f, 2, 7);
	KUNIT_EXPECT_EQ(test, show(test, &first.attr), TEST_LISTED_0 - 3);
	KUNIT_EXPECT_EQ(test, show(test, &kho_in_unlisted_attr), rest - 4);
	KUNIT_EXPECT_EQ(test, show(test, &second.attr), TEST_LISTED_1);
}

static void release_node_test(struct kunit *test)
{
	struct node_attr first = test_attr(0), second = test_attr(1);
	struct fake *f = test->priv;

	KUNIT_EXPECT_EQ(test, node_store(NULL, &second.attr, "0", 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, node_store(NULL, &second.attr, "x", 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, managed(test), 0);

	/* The operator gets what no driver has */
	KUNIT_ASSERT_TRUE(test, test_claim(f, 30, 4));
	KUNIT_EXPECT_EQ(test, node_store(NULL, &second.attr, "1", 1), 1);
	KUNIT_EXPECT_EQ(test, managed(test), TEST_LISTED_1);
	KUNIT_EXPECT_EQ(test, show(test, &second.attr), 0);
	KUNIT_EXPECT_TRUE(test, are_pages(f, 30, 4));
	KUNIT_EXPECT_FALSE(test, any_reserved(f, 28, 12));
	KUNIT_EXPECT_TRUE(test, are_reserved(f, 24, 4));
	KUNIT_EXPECT_TRUE(test, are_reserved(f, 40, 24));
	KUNIT_EXPECT_EQ(test, show(test, &first.attr), TEST_LISTED_0);

	KUNIT_EXPECT_EQ(test, node_store(NULL, &second.attr, "1", 1), 1);
	KUNIT_EXPECT_EQ(test, managed(test), TEST_LISTED_1);
	KUNIT_EXPECT_FALSE(test, test_claim(f, 28, 1));
}

static void release_unlisted_test(struct kunit *test)
{
	struct fake *f = test->priv;
	unsigned int i;
	unsigned int rest = TEST_PRESERVED - TEST_LISTED_0 - TEST_LISTED_1;

	KUNIT_EXPECT_EQ(test, unlisted_store(NULL, &kho_in_unlisted_attr, "0", 1),
			-EINVAL);
	KUNIT_ASSERT_TRUE(test, test_claim(f, 0, 1));
	KUNIT_EXPECT_EQ(test, unlisted_store(NULL, &kho_in_unlisted_attr, "1", 1), 1);
	KUNIT_EXPECT_EQ(test, managed(test), rest);
	KUNIT_EXPECT_EQ(test, show(test, &kho_in_unlisted_attr), 0);
	KUNIT_EXPECT_TRUE(test, are_pages(f, 0, 1));
	KUNIT_EXPECT_TRUE(test, are_reserved(f, 2, 2));
	KUNIT_EXPECT_TRUE(test, are_reserved(f, 8, 4));
	KUNIT_EXPECT_TRUE(test, are_reserved(f, 28, 12));
	KUNIT_EXPECT_FALSE(test, any_reserved(f, 4, 4));
	KUNIT_EXPECT_FALSE(test, any_reserved(f, 12, 4));
	KUNIT_EXPECT_FALSE(test, any_reserved(f, 24, 4));
	KUNIT_EXPECT_FALSE(test, any_reserved(f, 40, 22));
	KUNIT_EXPECT_TRUE(test, are_reserved(f, 62, 4));
	KUNIT_EXPECT_FALSE(test, any_reserved(f, 66, 62));
	/* What was not preserved is not given away */
	for_each_clear_bit(i, f->present, TEST_PAGES)
		KUNIT_EXPECT_TRUE(test, are_pages(f, i, 1));
	KUNIT_EXPECT_EQ(test, nr_taken(f), rest);
}

/* Hibernating is nobody's business here; nor is resuming, if nothing would be lost */
static void resume_test(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, pm_event(NULL, PM_RESTORE_PREPARE, NULL),
			notifier_from_errno(-EBUSY));
	KUNIT_EXPECT_EQ(test, pm_event(NULL, PM_HIBERNATION_PREPARE, NULL),
			NOTIFY_DONE);
	KUNIT_EXPECT_EQ(test, pm_event(NULL, PM_SUSPEND_PREPARE, NULL),
			NOTIFY_DONE);
	kho_in.pages = 0;
	KUNIT_EXPECT_EQ(test, pm_event(NULL, PM_RESTORE_PREPARE, NULL),
			NOTIFY_DONE);
}

static struct kunit_case kho_in_sysfs_cases[] = {
	KUNIT_CASE(count_test),
	KUNIT_CASE(release_node_test),
	KUNIT_CASE(release_unlisted_test),
	KUNIT_CASE(resume_test),
	{ }
};

static struct kunit_suite kho_in_sysfs_suite = {
	.name = "kho_in_sysfs",
	.init = test_in_init,
	.exit = test_in_exit,
	.test_cases = kho_in_sysfs_cases,
};

kunit_test_suite(kho_in_sysfs_suite);
