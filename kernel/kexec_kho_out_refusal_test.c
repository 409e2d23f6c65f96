// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of kexec_kho_out.c, which includes this file: activations that must
 * fail, for what a notifier does or for what it lists, and that leave nothing behind.
 */
#include <linux/memblock.h>
#include <linux/pgalloc_tag.h>

#include "kexec_kho_out_test.h"

/* What the second probe does in DUMP */

static int dump_stop(struct probe *p, void *fdt)
{
	return NOTIFY_STOP;
}

static int dump_fill(struct probe *p, void *fdt)
{
	int err = fdt_begin_node(fdt, p->tag);

	while (!err)
		err = fdt_property(fdt, "x", p, 16);
	return kho_notify_result(err);
}

/* Leaves room for the tags to come, but not for the root's properties */
static int dump_nearly_fill(struct probe *p, void *fdt)
{
	size_t left;
	void *rest;
	int err;

	err = fdt_begin_node(fdt, p->tag);
	left = fdt_totalsize(fdt) - fdt_off_dt_struct(fdt) -
	       fdt_size_dt_struct(fdt) - fdt_size_dt_strings(fdt);
	left -= sizeof(struct fdt_property) + sizeof("x") + 16;
	return kho_notify_result(err ?:
				 fdt_property_placeholder(fdt, "x",
							  ALIGN_DOWN(left, 4),
							  &rest) ?:
				 fdt_end_node(fdt));
}

static int dump_many_ranges(struct probe *p, void *fdt)
{
	return kho_notify_result(fdt_begin_node(fdt, p->tag) ?:
				 kho_fdt_property_mem(fdt, p->mem, UINT_MAX));
}

static int dump_open(struct probe *p, void *fdt)
{
	return kho_notify_result(fdt_begin_node(fdt, p->tag));
}

static int dump_close(struct probe *p, void *fdt)
{
	return kho_notify_result(fdt_end_node(fdt));
}

static int dump_same_name(struct probe *p, void *fdt)
{
	return kho_notify_result(fdt_begin_node(fdt, "a") ?:
				 fdt_end_node(fdt));
}

static int dump_no_name(struct probe *p, void *fdt)
{
	return kho_notify_result(fdt_begin_node(fdt, "") ?: fdt_end_node(fdt));
}

/* The first of the pages is preserved for itself */
static int dump_half_preserved(struct probe *p, void *fdt)
{
	int ret;

	kho_preserve_pages(p->ctx->page + 4, 1);
	ret = write_probe(p, fdt);
	give_up_pages(p->ctx->page + 4, 1);
	return ret;
}

/* What it lists is preserved, but not for long */
static int dump_gives_up(struct probe *p, void *fdt)
{
	int ret;

	kho_preserve_pages(p->ctx->page + 4, 2);
	ret = write_probe(p, fdt);
	give_up_pages(p->ctx->page + 4, 2);
	return ret;
}

/* The range is not usable, and the error goes unnoticed */
static int dump_ignores_error(struct probe *p, void *fdt)
{
	p->mem[0].addr = 1ULL << 50;
	write_probe(p, fdt);
	return fdt_end_node(fdt) ? NOTIFY_BAD : NOTIFY_OK;
}

static int dump_by_hand(struct probe *p, void *fdt)
{
	__be64 mem[] = { cpu_to_be64(page_to_phys(p->ctx->page + 4)),
			 cpu_to_be64(PAGE_SIZE) };

	return kho_notify_result(fdt_begin_node(fdt, p->tag) ?:
				 fdt_property(fdt, "mem", mem, sizeof(mem)) ?:
				 fdt_end_node(fdt));
}

/* One range, once as it should be and once by hand */
static int dump_twice(struct probe *p, void *fdt)
{
	__be64 mem[] = { cpu_to_be64(p->mem[0].addr),
			 cpu_to_be64(p->mem[0].len) };
	int ret = write_probe(p, fdt);

	if (ret & NOTIFY_STOP_MASK)
		return ret;
	return kho_notify_result(fdt_begin_node(fdt, "by-hand") ?:
				 fdt_property(fdt, "mem", mem, sizeof(mem)) ?:
				 fdt_end_node(fdt));
}

/* What libfdt wrote is overwritten with a length that leads out of the blob */
static int dump_garbage(struct probe *p, void *fdt)
{
	struct fdt_property *prop;
	void *data;
	int err;

	err = fdt_begin_node(fdt, p->tag) ?:
	      fdt_property_placeholder(fdt, "x", 8, &data) ?:
	      fdt_end_node(fdt);
	prop = data - sizeof(*prop);
	prop->len = cpu_to_fdt32(0x7fffffff);
	return kho_notify_result(err);
}

/**
 * struct refusal - what must make an activation fail
 * @desc: what is wrong
 * @dump: what the second probe does
 * @err:  the error that the operator gets
 * @log:  who is called
 */
struct refusal {
	const char *desc;
	int (*dump)(struct probe *p, void *fdt);
	int err;
	const char *log;
};

static const struct refusal refusals[] = {
	{ "refuses", dump_refuse, -EPERM, "cabCA" },
	{ "stops", dump_stop, -ECANCELED, "cabCA" },
	{ "fills the FDT", dump_fill, -ENOSPC, "cabCA" },
	{ "nearly fills the FDT", dump_nearly_fill, -ENOSPC, "cabCAB" },
	{ "lists too many ranges", dump_many_ranges, -ENOSPC, "cabCA" },
	{ "leaves a node open", dump_open, -EINVAL, "cabCAB" },
	{ "closes the root node", dump_close, -EINVAL, "cabCAB" },
	{ "takes another's name", dump_same_name, -EINVAL, "cabCAB" },
	{ "has no name", dump_no_name, -EINVAL, "cabCAB" },
	{ "gives up what it lists", dump_gives_up, -EINVAL, "cabCAB" },
	{ "ignores an error", dump_ignores_error, -EINVAL, "cabCAB" },
	{ "lists without preserving", dump_by_hand, -EINVAL, "cabCAB" },
	{ "lists one range twice", dump_twice, -EINVAL, "cabCAB" },
	{ "writes garbage", dump_garbage, -EINVAL, "cabCAB" },
	{ "lists what is preserved in part", dump_half_preserved, -EEXIST,
	  "cabCA" },
};

KUNIT_ARRAY_PARAM_DESC(refusal, refusals, desc);

/* It fails, nothing remains, and it works once what is wrong is gone */
static void expect_refusal(struct kunit *test, int err, const char *log)
{
	struct out_test *t = test->priv;
	struct kho_root root;

	KUNIT_EXPECT_EQ(test, kho_out_activate(), err);
	KUNIT_EXPECT_STREQ(test, calls(t), log);
	expect_free(test);
	expect_nothing(test);

	t->probe[1].dump = NULL;
	t->probe[1].mem[0] = page_mem(t, 4, 2);
	t->probe[1].nr = 1;
	KUNIT_ASSERT_EQ(test, kho_out_activate(), 0);
	KUNIT_EXPECT_STREQ(test, calls(t), "cab");
	check_blob(test, &root);
	kho_out_abort();
	expect_nothing(test);
}

static void refusal_test(struct kunit *test)
{
	const struct refusal *r = test->param_value;
	struct out_test *t = test->priv;

	t->probe[1].dump = r->dump;
	expect_refusal(test, r->err, r->log);
}

/**
 * struct bad_mem - a range that must not be listed
 * @desc:  what is wrong
 * @page:  index of its first page, if it is near our pages
 * @len:   bytes
 * @addr:  bytes to add to the address
 * @where: the address it is relative to, if not our pages
 * @err:   the error that the operator gets, if not -EINVAL
 */
struct bad_mem {
	const char *desc;
	unsigned int page;
	u64 len;
	u64 addr;
	enum { OURS, SCRATCH, BEYOND } where;
	int err;
};

static const struct bad_mem bad_mems[] = {
	{ "listed by another", 0, 2 * PAGE_SIZE, .err = -EEXIST },
	{ "part listed by another", 1, 2 * PAGE_SIZE, .err = -EEXIST },
	{ "with another's inside", 7, 4 * PAGE_SIZE, .err = -EEXIST },
	{ "listed before", 4, 2 * PAGE_SIZE, .err = -EEXIST },
	{ "part listed before", 3, 2 * PAGE_SIZE, .err = -EEXIST },
	{ "empty", 6, 0 },
	{ "unaligned address", 6, PAGE_SIZE, .addr = 8 },
	{ "unaligned length", 6, PAGE_SIZE - 8 },
	{ "wrapping", 6, -PAGE_SIZE },
	{ "scratch", 0, PAGE_SIZE, .where = SCRATCH },
	{ "up to scratch", 0, 2 * PAGE_SIZE, .addr = -PAGE_SIZE,
	  .where = SCRATCH },
	{ "beyond RAM", 0, PAGE_SIZE, .where = BEYOND },
	{ "to beyond RAM", 0, 2 * PAGE_SIZE, .addr = -PAGE_SIZE,
	  .where = BEYOND },
	{ "beyond any RAM", 0, PAGE_SIZE, .addr = 1ULL << 50,
	  .where = BEYOND },
};

KUNIT_ARRAY_PARAM_DESC(bad_mem, bad_mems, desc);

static void bad_mem_test(struct kunit *test)
{
	const struct bad_mem *bad = test->param_value;
	struct out_test *t = test->priv;
	struct probe *p = &t->probe[1];

	p->mem[1].addr = page_to_phys(t->page + bad->page);
	if (bad->where == SCRATCH)
		p->mem[1].addr = kho_scratch.addr;
	if (bad->where == BEYOND)
		p->mem[1].addr = PFN_PHYS((u64)max_pfn);
	p->mem[1].addr += bad->addr;
	p->mem[1].len = bad->len;
	p->nr = 2;
	/* The good one is listed first, and must be forgotten with it */
	expect_refusal(test, bad->err ?: -EINVAL, "cabCA");
}

/* The limit that the log names is the one that helps */
static void fdt_max_test(struct kunit *test)
{
	struct out_test *t = test->priv;
	size_t size = kho_out.fdt_max;
	struct kho_root root;

	KUNIT_ASSERT_EQ(test, kho_out_resize(PAGE_SIZE), 0);
	t->probe[1].dump = dump_fill;
	KUNIT_EXPECT_EQ(test, kho_out_activate(), -ENOSPC);
	expect_nothing(test);

	KUNIT_ASSERT_EQ(test, kho_out_resize(size), 0);
	KUNIT_EXPECT_EQ(test, kho_out.fdt_max, size);
	t->probe[1].dump = NULL;
	KUNIT_ASSERT_EQ(test, kho_out_activate(), 0);
	check_blob(test, &root);
	KUNIT_EXPECT_EQ(test, kho_out_resize(size), 0);
	expect_nothing(test);
}

/* A page that was kept from the page allocator because it was broken */
static void free_mended(struct page *page)
{
	mend_page(page);
	clear_page_tag_ref(page);
	init_page_count(page);
	__free_page(page);
}

/* An image knows where the window is: it can go elsewhere only if there is none */
static void broken_window_test(struct kunit *test)
{
	struct kimage *image = new_image(test);
	struct out_test *t = test->priv;
	struct kho_root root;
	struct page *bad;

	if (!IS_ENABLED(CONFIG_MEMORY_FAILURE))
		kunit_skip(test, "needs CONFIG_MEMORY_FAILURE");
	KUNIT_ASSERT_EQ(test, kho_out_activate(), 0);
	bad = virt_to_page(kho_out.fdt + kho_out.fdt_max - 1);
	break_page(bad);
	KUNIT_EXPECT_EQ(test, try_kexec(image), -EIO);
	KUNIT_EXPECT_FALSE(test, kho_track_is_sealed());
	kho_out_abort();
	KUNIT_EXPECT_EQ(test, kho_out_activate(), -EIO);
	expect_nothing(test);

	KUNIT_ASSERT_EQ(test, kho_out_resize(t->window.len), 0);
	KUNIT_EXPECT_EQ(test, page_count(bad), 0);
	KUNIT_EXPECT_FALSE(test, PageBuddy(bad));
	free_mended(bad);
	KUNIT_EXPECT_EQ(test, try_kexec(image), 0);
	check_blob(test, &root);
}

/* The table can: there is just another handover */
static void broken_table_test(struct kunit *test)
{
	struct kimage *image = new_image(test);
	struct out_test *t = test->priv;
	struct kho_root root;
	struct page *bad;

	if (!IS_ENABLED(CONFIG_MEMORY_FAILURE))
		kunit_skip(test, "needs CONFIG_MEMORY_FAILURE");
	KUNIT_ASSERT_EQ(test, kho_out_activate(), 0);
	KUNIT_EXPECT_STREQ(test, calls(t), "cab");
	KUNIT_ASSERT_GT(test, kho_out.table.nr, 0);
	bad = pfn_to_page(PHYS_PFN(kho_out.table.part[0].addr));
	break_page(bad);
	KUNIT_EXPECT_EQ(test, try_kexec(image), 0);
	KUNIT_EXPECT_STREQ(test, calls(t), "???CABcab");
	KUNIT_EXPECT_NE(test, kho_out.table.part[0].addr, page_to_phys(bad));
	KUNIT_EXPECT_TRUE(test, kho_track_is_sealed());
	check_blob(test, &root);
	free_mended(bad);
}

static struct kunit_case kho_out_refusal_cases[] = {
	KUNIT_CASE_PARAM(refusal_test, refusal_gen_params),
	KUNIT_CASE_PARAM(bad_mem_test, bad_mem_gen_params),
	KUNIT_CASE(fdt_max_test),
	KUNIT_CASE(broken_window_test),
	KUNIT_CASE(broken_table_test),
	{ }
};

static struct kunit_suite kho_out_refusal_suite = {
	.name = "kho_out_refusal",
	.init = kho_test_out_init,
	.exit = kho_test_out_exit,
	.test_cases = kho_out_refusal_cases,
};

kunit_test_suite(kho_out_refusal_suite);
