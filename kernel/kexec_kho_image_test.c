// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of kexec_kho_image.c, which includes this file: whether an image carries
 * a handover, and what kexec is told before it shuts anything down.
 */
#include "kexec_kho_out_test.h"

/* A kernel that is left for a while keeps what was handed over to it */
static void jump_back_test(struct kunit *test)
{
	struct kimage *image = kunit_kzalloc(test, sizeof(*image), GFP_KERNEL);
	const void *real = kho_in.fdt;
	u32 fdt[7] = { };

	KUNIT_ASSERT_NOT_NULL(test, image);
	fdt_set_magic(fdt, FDT_MAGIC);
	kho_in.fdt = fdt;
	image->preserve_context = 1;
	KUNIT_EXPECT_EQ(test, try_kexec(image), 0);
	KUNIT_EXPECT_EQ(test, fdt_magic(fdt), FDT_MAGIC);
	image->preserve_context = 0;
	KUNIT_EXPECT_EQ(test, try_kexec(image), 0);
	KUNIT_EXPECT_EQ(test, fdt_magic(fdt), 0);
	kho_in.fdt = real;
}

static int take_it(struct resource *res, void *arg)
{
	return 1;
}

/* A kernel that maps single pages takes more of scratch before it knows what is kept */
static void maps_pages_test(struct kunit *test)
{
	struct kimage *image = kunit_kzalloc(test, sizeof(*image), GFP_KERNEL);
	struct kexec_buf buf = { .image = image };
	unsigned long step = PAGE_ALIGN(get_num_physpages() * sizeof(pte_t) / 2);
	u64 most;

	KUNIT_ASSERT_NOT_NULL(test, image);
	image->cmdline_buf = "kho=on debug_pagealloc=on rodata=off";
	KUNIT_EXPECT_EQ(test, kho_image_init(image), 0);
	KUNIT_EXPECT_TRUE(test, image->kho);
	KUNIT_EXPECT_TRUE(test, image->kho_maps_pages);

	/* The largest segment that may be put there */
	image->kho_maps_pages = 0;
	for (most = kho_scratch.len; most > step; most -= step) {
		buf.memsz = most;
		if (kho_locate_mem_hole(&buf, take_it))
			break;
	}
	KUNIT_EXPECT_GT(test, most, step);
	KUNIT_EXPECT_FALSE(test, image->kho_lacks_room);
	image->kho_maps_pages = 1;
	KUNIT_EXPECT_EQ(test, kho_locate_mem_hole(&buf, take_it), 0);
	KUNIT_EXPECT_TRUE(test, image->kho_lacks_room);
}

/* The next kernel uses all of scratch, whatever of it the image is put into */
static void broken_scratch_test(struct kunit *test)
{
	unsigned long pfn = PHYS_PFN(kho_scratch.addr + kho_scratch.len) - 1;
	struct kimage *image = new_image(test);
	struct kexec_buf buf = { .image = image, .memsz = PAGE_SIZE };

	if (!IS_ENABLED(CONFIG_MEMORY_FAILURE))
		kunit_skip(test, "needs CONFIG_MEMORY_FAILURE");
	/* So that nobody gets it meanwhile */
	KUNIT_ASSERT_EQ(test, 0,
			alloc_contig_range(pfn, pfn + 1, MIGRATE_CMA, GFP_KERNEL));
	break_page(pfn_to_page(pfn));
	KUNIT_EXPECT_EQ(test, kho_locate_mem_hole(&buf, take_it), 0);
	KUNIT_EXPECT_EQ(test, try_kexec(image), -EIO);
	mend_page(pfn_to_page(pfn));
	kho_kexec_failed();
	KUNIT_EXPECT_EQ(test, kho_locate_mem_hole(&buf, take_it), 1);
	KUNIT_EXPECT_EQ(test, try_kexec(image), 0);
	free_contig_range(pfn, 1);
}

/* What kexec asks before it shuts anything down */
static void kexec_test(struct kunit *test)
{
	struct kimage *image = kunit_kzalloc(test, sizeof(*image), GFP_KERNEL);
	struct out_test *t = test->priv;
	struct kho_mem window;

	KUNIT_ASSERT_NOT_NULL(test, image);
	KUNIT_EXPECT_FALSE(test, kho_image_window(image, &window));

	/* Without a handover there is nothing in the way of kexec */
	KUNIT_EXPECT_EQ(test, try_kexec(image), 0);
	KUNIT_EXPECT_STREQ(test, calls(t), "");
	KUNIT_ASSERT_EQ(test, kho_out_activate(), 0);
	KUNIT_EXPECT_EQ(test, try_kexec(image), -EBUSY);
	KUNIT_EXPECT_FALSE(test, kho_track_is_sealed());
	kho_out_abort();
	calls(t);

	image->cmdline_buf = "kho=on";
	KUNIT_EXPECT_EQ(test, kho_image_init(image), 0);
	KUNIT_EXPECT_TRUE(test, image->kho);
	KUNIT_EXPECT_FALSE(test, image->kho_maps_pages);
	KUNIT_ASSERT_TRUE(test, kho_image_window(image, &window));
	KUNIT_EXPECT_EQ(test, window.addr, t->window.addr);
	KUNIT_EXPECT_EQ(test, window.len, t->window.len);

	t->probe[1].dump = dump_refuse;
	KUNIT_EXPECT_EQ(test, try_kexec(image), -EPERM);
	KUNIT_EXPECT_STREQ(test, calls(t), "cabCA");
	KUNIT_EXPECT_FALSE(test, kho_track_is_sealed());
	expect_nothing(test);

	t->probe[1].dump = NULL;
	KUNIT_EXPECT_EQ(test, try_kexec(image), 0);
	KUNIT_EXPECT_STREQ(test, calls(t), "cab");
	KUNIT_EXPECT_TRUE(test, kho_out_is_active());

	/* Another image may be loaded before the lock of kexec is taken */
	kho_kexec_failed();
	kho_test_out_settle();
	KUNIT_EXPECT_FALSE(test, kho_out_is_active());
	calls(t);
	KUNIT_EXPECT_EQ(test, kho_check_kexec(image), -EAGAIN);
	KUNIT_EXPECT_FALSE(test, kho_track_is_sealed());
	KUNIT_EXPECT_EQ(test, try_kexec(image), 0);
	/* Such a kernel was not asked whether it can take all of it */
	kho_image_set_page_shift(image, PAGE_SHIFT + 2);
	KUNIT_EXPECT_EQ(test, kho_check_kexec(image), -EAGAIN);
	KUNIT_EXPECT_STREQ(test, calls(t), "cab");

	/* Too late for anybody to change it; but who leaves is gone */
	KUNIT_EXPECT_EQ(test, kho_abort(), -EBUSY);
	KUNIT_EXPECT_EQ(test, kho_out_abort(), -EBUSY);
	KUNIT_EXPECT_EQ(test, kho_out_activate(), -EBUSY);
	KUNIT_EXPECT_EQ(test, kho_out_resize(window.len), -EBUSY);
	t->probe[0].on = false;
	KUNIT_EXPECT_EQ(test, unregister_kho_notifier(&t->probe[0].nb), -EBUSY);
	KUNIT_EXPECT_EQ(test, register_kho_notifier(&t->probe[0].nb), -EBUSY);
	KUNIT_EXPECT_TRUE(test, kho_out_is_active());
	kho_out_jump();
	KUNIT_EXPECT_STREQ(test, calls(t), "!!");
}

/**
 * struct cmdline - a command line of an image
 * @text: it
 * @on:   its kernel would take a handover
 */
struct cmdline {
	const char *text;
	bool on;
};

static const struct cmdline cmdlines[] = {
	{ "", false },
	{ NULL, false },
	{ "kho=on", true },
	{ "root=/dev/vda kho=1 quiet", true },
	{ "kho=off", false },
	{ "kho", false },
	{ "kho=maybe", false },
	{ "xkho=on kho.x=on", false },
	{ "kho=on kho=off", false },
	{ "kho=off kho=on", true },
	{ "kho=on kho=maybe", true },
	{ "-- kho=on", false },
	{ "kho=on -- kho=off", true },
	{ "a=\"kho=on b\"", false },
	{ "\"kho=on\"", true },
};

static void get_cmdline_desc(const struct cmdline *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "'%s'", c->text ?: "(none)");
}

KUNIT_ARRAY_PARAM(cmdline, cmdlines, get_cmdline_desc);

/* An image carries a handover if, and only if, its own command line says so */
static void cmdline_test(struct kunit *test)
{
	const struct cmdline *c = test->param_value;
	struct kimage *image = kunit_kzalloc(test, sizeof(*image), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, image);
	image->cmdline_buf = (char *)c->text;
	KUNIT_EXPECT_EQ(test, kho_image_init(image), 0);
	KUNIT_EXPECT_EQ(test, !!image->kho, c->on);
}

/* A kernel with larger pages is not given single ones of ours */
static void page_size_test(struct kunit *test)
{
	struct kimage *image = new_image(test);
	struct out_test *t = test->priv;

	kho_image_set_page_shift(image, PAGE_SHIFT + 2);
	KUNIT_EXPECT_EQ(test, try_kexec(image), -EINVAL);
	KUNIT_EXPECT_FALSE(test, kho_out_is_active());
	calls(t);

	/* What was active before stays so */
	KUNIT_ASSERT_EQ(test, kho_out_activate(), 0);
	KUNIT_EXPECT_EQ(test, try_kexec(image), -EINVAL);
	KUNIT_EXPECT_TRUE(test, kho_out_is_active());
	kho_image_set_page_shift(image, PAGE_SHIFT);
	KUNIT_EXPECT_EQ(test, try_kexec(image), 0);
}

static struct kunit_case kho_image_cases[] = {
	KUNIT_CASE(jump_back_test),
	KUNIT_CASE(kexec_test),
	KUNIT_CASE(maps_pages_test),
	KUNIT_CASE(broken_scratch_test),
	KUNIT_CASE_PARAM(cmdline_test, cmdline_gen_params),
	KUNIT_CASE(page_size_test),
	{ }
};

static struct kunit_suite kho_image_suite = {
	.name = "kho_image",
	.init = kho_test_out_init,
	.exit = kho_test_out_exit,
	.test_cases = kho_image_cases,
};

kunit_test_suite(kho_image_suite);
