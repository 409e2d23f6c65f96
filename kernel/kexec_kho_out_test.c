// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of kexec_kho_out.c, which includes this file: what an activation writes,
 * and who hears of it and of its end. What makes one fail is in
 * kexec_kho_out_refusal_test.c.
 */
#include <kunit/static_stub.h>
#include <linux/completion.h>
#include <linux/ctype.h>
#include <linux/kthread.h>
#include <linux/vmalloc.h>

#include "kexec_kho_out_test.h"

static int probe_notify(struct notifier_block *nb, unsigned long event,
			void *fdt)
{
	struct probe *p = container_of(nb, struct probe, nb);
	char *end = p->ctx->log + strlen(p->ctx->log);

	if (end < p->ctx->log + sizeof(p->ctx->log) - 1)
		*end = event == KEXEC_KHO_DUMP ? *p->tag :
		       event == KEXEC_KHO_ABORT ? toupper(*p->tag) :
		       event == KEXEC_KHO_CHECK ? '?' : '!';
	if (event == KEXEC_KHO_ABORT && p->abort)
		p->abort(p);
	if (event == KEXEC_KHO_CHECK && p->stale) {
		p->stale = false;
		return NOTIFY_BAD;
	}
	if (event != KEXEC_KHO_DUMP)
		return NOTIFY_DONE;
	return p->dump ? p->dump(p, fdt) : write_probe(p, fdt);
}

int kho_test_out_table(struct kho_table *table)
{
	int err;

	kho_track_begin(&kho_void_work);
	err = kho_track_encode(table);
	kho_track_end();
	return err;
}

void kho_test_out_settle(void)
{
	flush_work(&kho_void_work);
}

int kho_test_out_init(struct kunit *test)
{
	struct out_test *t;
	unsigned int i;

	if (!kho_is_enabled())
		kunit_skip(test, "needs kho=on");
	if (kho_out_is_active())
		kunit_skip(test, "a handover is active");

	t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t);
	t->page = alloc_pages(GFP_KERNEL, TEST_ORDER);
	KUNIT_ASSERT_NOT_NULL(test, t->page);
	split_page(t->page, TEST_ORDER);
	t->table = table_crc(test);
	t->window = (struct kho_mem){ virt_to_phys(kho_out.fdt), kho_out.fdt_max };
	t->others = kho_out.chain.head;
	kho_out.chain.head = NULL;
	test->priv = t;

	for (i = 0; i < ARRAY_SIZE(t->probe); i++) {
		struct probe *p = &t->probe[i];

		p->nb.notifier_call = probe_notify;
		p->nb.priority = i == 2;
		p->ctx = t;
		*p->tag = 'a' + i;
		p->mem[0] = page_mem(t, 4 * i, 2);
		p->nr = 1;
		p->on = !register_kho_notifier(&p->nb);
		KUNIT_EXPECT_TRUE(test, p->on);
	}
	return 0;
}

void kho_test_out_exit(struct kunit *test)
{
	struct out_test *t = test->priv;
	unsigned int i, nr;

	if (!t)
		return;

	kho_kexec_failed();
	kho_out_abort();
	for (i = 0; i < ARRAY_SIZE(t->probe); i++)
		if (t->probe[i].on)
			unregister_kho_notifier(&t->probe[i].nb);
	kho_out.chain.head = t->others;

	/* Pages that are preserved still must not be used by others */
	if (table_crc(test) != t->table) {
		KUNIT_FAIL(test, "pages remain preserved");
		return;
	}
	for (i = 0; i < 1 << TEST_ORDER; i++)
		__free_page(t->page + i);
	if (t->range_nr)
		free_contig_range(t->range, t->range_nr);
	for (i = 0; t->chunk && i < TEST_CHUNK_PAGES; i += nr) {
		struct folio *folio = page_folio(t->chunk + i);

		nr = folio_nr_pages(folio);
		folio_put(folio);
	}
}

static void blob_test(struct kunit *test)
{
	struct out_test *t = test->priv;
	struct kho_root root;
	struct kho_mem mem;

	t->probe[1].mem[1] = page_mem(t, 12, 4);
	t->probe[1].nr = 2;
	KUNIT_ASSERT_EQ(test, kho_out_activate(), 0);
	KUNIT_EXPECT_TRUE(test, kho_out_is_active());
	KUNIT_EXPECT_STREQ(test, calls(t), "cab");
	check_blob(test, &root);

	KUNIT_EXPECT_STREQ(test, root.release, init_utsname()->release);
	KUNIT_EXPECT_EQ(test, root.count, kho_in_count() + 1);
	KUNIT_EXPECT_EQ(test, root.cpus, num_possible_cpus());
	KUNIT_EXPECT_EQ(test, root.table_crc, kho_out.table.crc);
	KUNIT_ASSERT_EQ(test, root.scratch.nr, 1);
	mem = kho_range(&root.scratch, 0);
	KUNIT_EXPECT_EQ(test, mem.addr, kho_scratch.addr);
	KUNIT_EXPECT_EQ(test, mem.len, kho_scratch.len);

	/* Already active: nobody is asked again */
	KUNIT_EXPECT_EQ(test, kho_out_activate(), 0);
	KUNIT_EXPECT_STREQ(test, calls(t), "");

	kho_out_abort();
	KUNIT_EXPECT_STREQ(test, calls(t), "CAB");
	expect_nothing(test);
	kho_out_abort();
	KUNIT_EXPECT_STREQ(test, calls(t), "");
}

/* Each range is in its node, and in the memory table */
static void mem_test(struct kunit *test)
{
	struct out_test *t = test->priv;
	struct kho_ranges ranges;
	struct sought s = { .shift = PAGE_SHIFT };
	unsigned int i, j;
	int node;

	t->probe[1].mem[1] = page_mem(t, 12, 4);
	t->probe[1].nr = 2;
	KUNIT_ASSERT_EQ(test, kho_out_activate(), 0);

	for (i = 0; i < ARRAY_SIZE(t->probe); i++) {
		struct probe *p = &t->probe[i];

		node = fdt_subnode_offset(kho_out.fdt, 0, p->tag);
		KUNIT_ASSERT_EQ(test, 0,
				kho_fdt_ranges(kho_out.fdt, node, KHO_PROP_MEM,
					       &ranges));
		KUNIT_ASSERT_EQ(test, ranges.nr, p->nr);
		for (j = 0; j < p->nr; j++) {
			s.mem = kho_range(&ranges, j);
			KUNIT_EXPECT_EQ(test, s.mem.addr, p->mem[j].addr);
			KUNIT_EXPECT_EQ(test, s.mem.len, p->mem[j].len);
			KUNIT_EXPECT_EQ(test, 1,
					find_entries(test, kho_out.table.part,
						     kho_out.table.nr, &s));
		}
	}

	s.mem = page_mem(t, 2, 1);
	KUNIT_EXPECT_EQ(test, 0, find_entries(test, kho_out.table.part,
					      kho_out.table.nr, &s));
}

/* But for where the table happens to be */
static void *copy_blob(struct kunit *test)
{
	size_t size = fdt_totalsize(kho_out.fdt);
	void *copy = kunit_kmalloc(test, size, GFP_KERNEL), *p;
	int len;

	KUNIT_ASSERT_NOT_NULL(test, copy);
	memcpy(copy, kho_out.fdt, size);
	p = (void *)fdt_getprop(copy, 0, KHO_ROOT_MEM_TABLE, &len);
	memset(p, 0, len);
	p = (void *)fdt_getprop(copy, 0, KHO_ROOT_CHECKSUM, &len);
	memset(p, 0, len);
	return copy;
}

static void again_test(struct kunit *test)
{
	size_t size;
	void *blob;

	KUNIT_ASSERT_EQ(test, kho_out_activate(), 0);
	size = fdt_totalsize(kho_out.fdt);
	blob = copy_blob(test);
	kho_out_abort();
	expect_nothing(test);

	KUNIT_ASSERT_EQ(test, kho_out_activate(), 0);
	KUNIT_ASSERT_EQ(test, fdt_totalsize(kho_out.fdt), size);
	KUNIT_EXPECT_MEMEQ(test, copy_blob(test), blob, size);
}

/* What one changes while a handover is active, and what is then preserved */
struct change {
	const char *desc;
	int (*make)(struct out_test *t);
};

static int add_two_pages(struct out_test *t)
{
	return kho_preserve_pages(t->page + 14, 2);
}

static int add_folio(struct out_test *t)
{
	return kho_preserve_folio(page_folio(t->page + 14));
}

static int drop_pages(struct out_test *t)
{
	return kho_unpreserve_pages(t->page + 12, 2);
}

static int drop_part(struct out_test *t)
{
	return kho_unpreserve_pages(t->page + 13, 1);
}

static int add_listed(struct out_test *t)
{
	return kho_preserve_pages(t->page + 4, 2);
}

static int drop_listed(struct out_test *t)
{
	return kho_unpreserve_pages(t->page + 4, 2);
}

static int say_so(struct out_test *t)
{
	return kho_abort();
}

static const struct change changes[] = {
	{ "pages are preserved", add_two_pages },
	{ "a folio is preserved", add_folio },
	{ "pages are given up", drop_pages },
	{ "a part is given up", drop_part },
	{ "what a node lists is preserved", add_listed },
	{ "what a node lists is given up", drop_listed },
	{ "a driver says so", say_so },
};

KUNIT_ARRAY_PARAM_DESC(change, changes, desc);

static void give_up_all(struct out_test *t)
{
	kho_unpreserve_pages(t->page, 1 << TEST_ORDER);
}

/* Whatever changes aborts, the notifiers hear of it, and the jump activates again */
static void change_test(struct kunit *test)
{
	struct kimage *image = kunit_kzalloc(test, sizeof(*image), GFP_KERNEL);
	const struct change *c = test->param_value;
	struct out_test *t = test->priv;
	struct kho_root root;
	u32 crc;

	KUNIT_ASSERT_NOT_NULL(test, image);
	image->kho = 1;
	KUNIT_ASSERT_EQ(test, kho_preserve_pages(t->page + 12, 2), 0);
	KUNIT_ASSERT_EQ(test, kho_out_activate(), 0);
	KUNIT_EXPECT_EQ(test, c->make(t), 0);
	KUNIT_EXPECT_FALSE(test, kho_out_is_active());
	kho_test_out_settle();
	KUNIT_EXPECT_STREQ(test, calls(t), "cabCAB");

	/* Nothing that it had to itself is still preserved */
	crc = table_crc(test);
	if (c->make != add_listed)
		KUNIT_EXPECT_EQ(test, give_up_pages(t->page + 4, 2), -ENOENT);
	KUNIT_ASSERT_EQ(test, kho_out_activate(), 0);
	check_blob(test, &root);
	KUNIT_EXPECT_STREQ(test, calls(t), "cab");
	kho_out_abort();
	KUNIT_EXPECT_EQ(test, table_crc(test), crc);
	calls(t);

	/* Too late is it only during the jump */
	give_up_all(t);
	KUNIT_ASSERT_EQ(test, kho_preserve_pages(t->page + 12, 2), 0);
	KUNIT_ASSERT_EQ(test, try_kexec(image), 0);
	KUNIT_EXPECT_EQ(test, c->make(t), -EBUSY);
	KUNIT_EXPECT_TRUE(test, kho_out_is_active());
	kho_kexec_failed();
	KUNIT_EXPECT_FALSE(test, kho_out_is_active());
	KUNIT_EXPECT_EQ(test, c->make(t), 0);
	give_up_all(t);
	expect_nothing(test);
}

/* What was preserved before outlives an abort by the operator */
static void keep_test(struct kunit *test)
{
	struct out_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, kho_preserve_pages(t->page + 12, 2), 0);
	KUNIT_ASSERT_EQ(test, kho_out_activate(), 0);
	kho_out_abort();
	KUNIT_EXPECT_EQ(test, preserved_now(test, page_mem(t, 12, 2), 0), 1);
	KUNIT_EXPECT_EQ(test, give_up_pages(t->page + 12, 2), 0);
	expect_free(test);
	expect_nothing(test);
}

static struct completion changed;

static int change_elsewhere(void *page)
{
	if (page ? kho_preserve_pages(page, 1) : kho_abort())
		pr_err("ERROR: nothing can be changed\n");
	complete(&changed);
	return 0;
}

/* Somebody else changes something, after others have written what they know */
static void let_change(struct page *page)
{
	init_completion(&changed);
	if (!IS_ERR(kthread_run(change_elsewhere, page, "kho-change")))
		wait_for_completion(&changed);
}

static int dump_changes_once(struct probe *p, void *fdt)
{
	p->dump = NULL;
	let_change(p->ctx->page + 15);
	return write_probe(p, fdt);
}

static int dump_changes(struct probe *p, void *fdt)
{
	let_change(NULL);
	return write_probe(p, fdt);
}

/* A handover that changes while it is written is written again, but not for ever */
static void change_early_test(struct kunit *test)
{
	struct out_test *t = test->priv;
	struct kho_root root;

	t->probe[0].dump = dump_changes_once;
	KUNIT_EXPECT_EQ(test, kho_out_activate(), 0);
	KUNIT_EXPECT_STREQ(test, calls(t), "cabCABcab");
	check_blob(test, &root);
	kho_out_abort();
	KUNIT_EXPECT_EQ(test, give_up_pages(t->page + 15, 1), 0);
	calls(t);

	t->probe[1].dump = dump_changes;
	KUNIT_EXPECT_EQ(test, kho_out_activate(), -EBUSY);
	KUNIT_EXPECT_STREQ(test, calls(t), "cabCABcabCABcabCABcabCABcabCAB");
	expect_nothing(test);
}

/* The jump asks first whether what was written before is still true */
static void check_test(struct kunit *test)
{
	struct kimage *image = kunit_kzalloc(test, sizeof(*image), GFP_KERNEL);
	struct out_test *t = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, image);
	image->kho = 1;
	KUNIT_ASSERT_EQ(test, kho_out_activate(), 0);
	calls(t);
	KUNIT_EXPECT_EQ(test, try_kexec(image), 0);
	KUNIT_EXPECT_STREQ(test, calls(t), "???");

	/* If there is none after all, others may have been told that it is too late */
	kho_kexec_failed();
	kho_test_out_settle();
	KUNIT_EXPECT_STREQ(test, calls(t), "CAB");
	expect_nothing(test);

	KUNIT_ASSERT_EQ(test, kho_out_activate(), 0);
	calls(t);
	t->probe[0].stale = true;
	KUNIT_EXPECT_EQ(test, try_kexec(image), 0);
	KUNIT_EXPECT_STREQ(test, calls(t), "??CABcab");

	/* What is late comes when nobody can change anything any more */
	kho_out_jump();
	KUNIT_EXPECT_STREQ(test, calls(t), "!!!");
}

static void register_test(struct kunit *test)
{
	struct out_test *t = test->priv;
	struct probe *a = &t->probe[0];

	KUNIT_ASSERT_EQ(test, kho_out_activate(), 0);
	calls(t);

	/* Leaving aborts: the blob has the state of the one that leaves */
	KUNIT_EXPECT_EQ(test, unregister_kho_notifier(&a->nb), 0);
	a->on = false;
	KUNIT_EXPECT_STREQ(test, calls(t), "CAB");
	expect_nothing(test);
	KUNIT_EXPECT_EQ(test, unregister_kho_notifier(&a->nb), 0);

	/* So does who comes: the blob would be without its state */
	KUNIT_ASSERT_EQ(test, kho_out_activate(), 0);
	KUNIT_EXPECT_STREQ(test, calls(t), "cb");
	a->on = !register_kho_notifier(&a->nb);
	KUNIT_EXPECT_TRUE(test, a->on);
	KUNIT_EXPECT_STREQ(test, calls(t), "CB");
	expect_nothing(test);
	KUNIT_ASSERT_EQ(test, kho_out_activate(), 0);
	KUNIT_EXPECT_STREQ(test, calls(t), "cba");
}

/* As /sys/kernel/kho/active does it */
static void active_test(struct kunit *test)
{
	struct out_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, kho_out_activate(), 0);
	KUNIT_EXPECT_EQ(test, kho_out_activate(), 0);
	KUNIT_EXPECT_TRUE(test, kho_out_is_active());
	KUNIT_EXPECT_EQ(test, kho_out_abort(), 0);
	KUNIT_EXPECT_EQ(test, kho_out_abort(), 0);
	expect_nothing(test);
	KUNIT_EXPECT_STREQ(test, calls(t), "cabCAB");

	t->probe[1].dump = dump_refuse;
	KUNIT_EXPECT_EQ(test, kho_out_activate(), -EPERM);
	expect_nothing(test);
}

/* A node may list what is preserved anyway, all of it */
static void list_preserved_test(struct kunit *test)
{
	struct out_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, kho_preserve_pages(t->page + 3, 5), 0);
	KUNIT_EXPECT_EQ(test, kho_out_activate(), 0);
	kho_out_abort();
	KUNIT_EXPECT_EQ(test, preserved_now(test, page_mem(t, 3, 5), 0), 1);
	KUNIT_EXPECT_EQ(test, give_up_pages(t->page + 3, 5), 0);
	expect_nothing(test);
}

/* What it lists is preserved for as long as the handover is active */
static int dump_keeps(struct probe *p, void *fdt)
{
	int ret = write_probe(p, fdt);

	if (give_up_pages(p->ctx->page + 4, 2) != -ENOENT ||
	    give_up_pages(p->ctx->page + 4, 1) != -ENOENT ||
	    give_up_pages(p->ctx->page + 5, 1) != -ENOENT ||
	    give_up_folio(page_folio(p->ctx->page + 5)) != -ENOENT ||
	    give_up_pages(p->ctx->page + 8, 2) != -ENOENT ||
	    kho_preserve_pages(p->ctx->page + 5, 1) != -EEXIST)
		return NOTIFY_BAD;

	/* Also together with what is not */
	if (kho_preserve_pages(p->ctx->page + 6, 2) ||
	    give_up_pages(p->ctx->page + 5, 2) != -ENOENT ||
	    give_up_pages(p->ctx->page + 4, 4) != -ENOENT ||
	    give_up_pages(p->ctx->page + 6, 4) != -ENOENT ||
	    give_up_pages(p->ctx->page + 6, 2))
		return NOTIFY_BAD;
	return ret;
}

/* No driver can take from a node what it lists */
static void list_keeps_test(struct kunit *test)
{
	struct out_test *t = test->priv;
	struct sought s = { .mem = page_mem(t, 4, 2), .shift = PAGE_SHIFT };
	struct kho_root root;

	t->probe[1].dump = dump_keeps;
	KUNIT_ASSERT_EQ(test, kho_out_activate(), 0);
	KUNIT_EXPECT_STREQ(test, calls(t), "cab");
	check_blob(test, &root);
	KUNIT_EXPECT_EQ(test, 1, find_entries(test, kho_out.table.part,
					      kho_out.table.nr, &s));
	kho_out_abort();
	KUNIT_EXPECT_EQ(test, give_up_pages(t->page + 4, 2), -ENOENT);
	expect_nothing(test);
}

/* How often the page allocator shall still give memory that was added */
static unsigned int hot;

static bool fake_is_boot(void *p, size_t len)
{
	/* It is nobody's yet; who gets it in the end finds it zeroed */
	memset(p, 0x5a, len);
	if (!hot)
		return true;
	hot--;
	return false;
}

/* All that KHO allocates to hand over comes from memory that was there at boot */
static void hot_memory_test(struct kunit *test)
{
	struct out_test *t = test->priv;
	struct kho_vmalloc kv;
	void *area = vmalloc(PAGE_SIZE), *p;

	KUNIT_ASSERT_NOT_NULL(test, area);
	kunit_activate_static_stub(test, kho_mem_is_boot, fake_is_boot);

	hot = 5;
	p = kho_alloc_boot(GFP_KERNEL, 1);
	KUNIT_EXPECT_EQ(test, hot, 0);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_NULL(test, memchr_inv(p, 0, 2 * PAGE_SIZE));
	free_pages((unsigned long)p, 1);

	hot = 5;
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(t->page + 14, 1), 0);
	KUNIT_EXPECT_EQ(test, hot, 0);
	hot = UINT_MAX;
	KUNIT_EXPECT_EQ(test, kho_out_activate(), -ENOMEM);
	KUNIT_EXPECT_EQ(test, give_up_pages(t->page + 14, 1), 0);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(t->page + 14, 1), -ENOMEM);
	KUNIT_EXPECT_EQ(test, kho_preserve_vmalloc(area, &kv), -ENOMEM);

	hot = 5;
	KUNIT_EXPECT_EQ(test, kho_preserve_vmalloc(area, &kv), 0);
	KUNIT_EXPECT_EQ(test, kho_unpreserve_vmalloc(&kv), 0);
	vfree(area);

	/* The table, and the window */
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(t->page + 14, 1), 0);
	hot = 5;
	KUNIT_EXPECT_EQ(test, kho_out_activate(), 0);
	KUNIT_EXPECT_EQ(test, hot, 0);
	kho_out_abort();
	KUNIT_EXPECT_EQ(test, give_up_pages(t->page + 14, 1), 0);

	hot = UINT_MAX;
	KUNIT_EXPECT_EQ(test, kho_out_resize(kho_out.fdt_max), -ENOMEM);
	hot = 5;
	KUNIT_EXPECT_EQ(test, kho_out_resize(kho_out.fdt_max), 0);
	KUNIT_EXPECT_EQ(test, hot, 0);
	expect_nothing(test);
}

/* Whoever is told of an abort may free memory, and the next one preserve it */
static void abort_preserves(struct probe *p)
{
	struct page *page = pfn_to_page(PHYS_PFN(p->mem[0].addr));
	struct kunit *test = kunit_get_current_test();

	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page, 1), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page, 1), 0);
}

static void abort_gives_test(struct kunit *test)
{
	struct out_test *t = test->priv;

	t->probe[2].abort = abort_preserves;
	KUNIT_ASSERT_EQ(test, kho_out_activate(), 0);
	calls(t);
	kho_out_abort();
	KUNIT_EXPECT_STREQ(test, calls(t), "CAB");

	t->probe[1].dump = dump_refuse;
	KUNIT_EXPECT_EQ(test, kho_out_activate(), -EPERM);
	KUNIT_EXPECT_STREQ(test, calls(t), "cabCA");
	expect_nothing(test);
}

static struct kunit_case kho_out_cases[] = {
	KUNIT_CASE(blob_test),
	KUNIT_CASE(mem_test),
	KUNIT_CASE(again_test),
	KUNIT_CASE_PARAM(change_test, change_gen_params),
	KUNIT_CASE(keep_test),
	KUNIT_CASE(change_early_test),
	KUNIT_CASE(check_test),
	KUNIT_CASE(register_test),
	KUNIT_CASE(active_test),
	KUNIT_CASE(list_preserved_test),
	KUNIT_CASE(list_keeps_test),
	KUNIT_CASE(hot_memory_test),
	KUNIT_CASE(abort_gives_test),
	{ }
};

static struct kunit_suite kho_out_suite = {
	.name = "kho_out",
	.init = kho_test_out_init,
	.exit = kho_test_out_exit,
	.test_cases = kho_out_cases,
};

kunit_test_suite(kho_out_suite);
