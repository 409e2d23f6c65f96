// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of kexec_kho_out.c, which includes this file: real activations,
 * with three notifiers of their own, of a handover that is never executed. Whatever
 * goes wrong in between, nothing may remain of it.
 */
#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/crash_reserve.h>
#include <linux/ctype.h>
#include <linux/kthread.h>
#include <linux/memblock.h>
#include <linux/pgalloc_tag.h>
#include <linux/set_memory.h>
#include <linux/vmalloc.h>

#include "../mm/internal.h"
#include "kexec_kho_chunk.h"

#define TEST_ORDER	4
#define TEST_CHUNK_ORDER	8
#define TEST_CHUNK_PAGES	BIT(TEST_CHUNK_ORDER)

struct out_test;

/**
 * struct probe - a notifier that notes when it is called
 * @nb:   the notifier
 * @ctx:  the test
 * @tag:  letter that is noted for DUMP; its upper case, for ABORT; ? for CHECK,
 *	! for JUMP. Also the name of the node
 * @dump: what it does in DUMP; write_probe() if NULL
 * @abort: what it does in ABORT, if anything
 * @stale: what it wrote is no longer true
 * @mem:  what it lists
 * @nr:   how many
 * @on:   it is registered
 */
struct probe {
	struct notifier_block nb;
	struct out_test *ctx;
	char tag[2];
	int (*dump)(struct probe *p, void *fdt);
	void (*abort)(struct probe *p);
	bool stale;
	struct kho_mem mem[2];
	unsigned int nr;
	bool on;
};

/**
 * struct out_test - what each test starts with
 * @probe: c is registered last, but called first; then come a and b
 * @page:  two to the TEST_ORDER pages
 * @chunk: TEST_CHUNK_PAGES more, if a test has asked for them
 * @range: first page frame of still more, if one has asked for just these
 * @range_nr: how many that are
 * @others: the notifiers that are registered already; they take no part
 * @log:   the calls to probes
 * @table: checksum of what was preserved before
 */
struct out_test {
	struct probe probe[3];
	struct page *page;
	struct page *chunk;
	unsigned long range;
	unsigned long range_nr;
	struct notifier_block __rcu *others;
	char log[32];
	u32 table;
};

/* Gives up what is preserved in just this way, and nothing else: or -ENOENT */
static int give_up_pages(struct page *page, unsigned long nr)
{
	bool has;

	kho_track_hold();
	has = kho_track_has(page_to_pfn(page), nr, false);
	kho_track_unhold();
	return has ? kho_unpreserve_pages(page, nr) : -ENOENT;
}

static int give_up_folio(struct folio *folio)
{
	bool has;

	kho_track_hold();
	has = kho_track_has(folio_pfn(folio), folio_nr_pages(folio), true);
	kho_track_unhold();
	return has ? kho_unpreserve_folio(folio) : -ENOENT;
}

static int write_probe(struct probe *p, void *fdt)
{
	return kho_notify_result(fdt_begin_node(fdt, p->tag) ?:
				 kho_fdt_property_mem(fdt, p->mem, p->nr) ?:
				 fdt_end_node(fdt));
}

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

/* The log since the last look */
static const char *calls(struct out_test *t)
{
	static char log[sizeof(t->log)];

	strscpy(log, t->log);
	memset(t->log, 0, sizeof(t->log));
	return log;
}

static int turn_on(void)
{
	guard(mutex)(&kho_out.lock);
	return kho_activate();
}

static void turn_off(void)
{
	guard(mutex)(&kho_out.lock);
	kho_deactivate();
}

/* As an activation has it made */
static int make_table(struct kho_table *table)
{
	int err;

	kho_track_begin(&kho_void_work);
	err = kho_track_encode(table);
	kho_track_end();
	return err;
}

/* All that is preserved now, in one number */
static u32 table_crc(struct kunit *test)
{
	struct kho_table table;
	u32 crc;

	KUNIT_ASSERT_EQ(test, make_table(&table), 0);
	crc = table.crc;
	kho_table_free(&table);
	return crc;
}

static struct kho_mem page_mem(struct out_test *t, unsigned int first,
			       unsigned int nr)
{
	return (struct kho_mem){
		.addr = page_to_phys(t->page + first),
		.len = nr * PAGE_SIZE,
	};
}

/* As before: no handover, nothing more preserved than there was */
static void expect_nothing(struct kunit *test)
{
	struct out_test *t = test->priv;

	flush_work(&kho_void_work);
	KUNIT_EXPECT_FALSE(test, kho_out_is_active());
	KUNIT_EXPECT_NULL(test, memchr_inv(kho_out.fdt, 0, kho_out.fdt_max));
	KUNIT_EXPECT_EQ(test, table_crc(test), t->table);
}

/* The pages are not preserved: both work, and undo each other */
static void expect_free(struct kunit *test)
{
	struct out_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, kho_preserve_pages(t->page, 1 << TEST_ORDER), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(t->page, 1 << TEST_ORDER), 0);
}

static int out_init(struct kunit *test)
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

static void out_exit(struct kunit *test)
{
	struct out_test *t = test->priv;
	unsigned int i, nr;

	if (!t)
		return;

	kho_kexec_failed();
	turn_off();
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

/* Reading what was written */

static void check_blob(struct kunit *test, struct kho_root *root)
{
	struct kho_why why = { };
	unsigned int i;
	u32 crc = 0;

	KUNIT_ASSERT_EQ_MSG(test, 0,
			    kho_fdt_check(kho_out.fdt, kho_out.fdt_max, root,
					  &why), "%s", why.text);
	for (i = 0; i < root->table.nr; i++) {
		struct kho_mem part = kho_range(&root->table, i);
		const struct kho_entry *e = phys_to_virt(part.addr);
		const struct kho_entry *last = (void *)e + part.len;

		for (; e < last; e++)
			if (e->bitmap)
				crc = kho_crc(crc, phys_to_virt(be64_to_cpu(e->bitmap)),
					      PAGE_SIZE);
	}
	for (i = 0; i < root->table.nr; i++) {
		struct kho_mem part = kho_range(&root->table, i);

		crc = kho_crc(crc, phys_to_virt(part.addr), part.len);
	}
	KUNIT_EXPECT_EQ(test, crc, root->table_crc);
}

/**
 * struct sought - an entry that shall be in the table
 * @mem:   a range
 * @shift: log2 of the bytes in each of its folios
 */
struct sought {
	struct kho_mem mem;
	u32 shift;
};

/* Whether an entry has all of a range, in folios of the size that is sought */
static bool has_range(const struct kho_entry *e, const struct sought *s)
{
	u64 addr = be64_to_cpu(e->addr), end = addr + be64_to_cpu(e->len);
	unsigned long pages = KHO_CHUNK_PAGES(PAGE_SHIFT), i, last;
	const unsigned long *bits, *joined;

	if (addr > s->mem.addr || end < s->mem.addr + s->mem.len)
		return false;
	if (!e->bitmap)
		return be32_to_cpu(e->shift) == s->shift;

	bits = phys_to_virt(be64_to_cpu(e->bitmap));
	joined = bits + pages / BITS_PER_LONG;
	i = PHYS_PFN(s->mem.addr - addr);
	last = i + PHYS_PFN(s->mem.len);
	if (last < pages && test_bit(last, joined))
		return false;
	for (; i < last; i++) {
		u64 in_folio = (addr + PFN_PHYS((u64)i)) & (BIT_ULL(s->shift) - 1);

		if (!test_bit(i, bits) || test_bit(i, joined) != !!in_folio)
			return false;
	}
	return true;
}

/* Entries of a table with all of a range, and of its folio size */
static unsigned int find_entries(struct kunit *test, const struct kho_mem *part,
				 unsigned int nr, const struct sought *s)
{
	unsigned int found = 0;
	struct kho_why why = { };
	u64 end = 0;

	for (; nr; nr--, part++) {
		const struct kho_entry *e = phys_to_virt(part->addr);
		const struct kho_entry *last = (void *)e + part->len;

		for (; e < last; e++) {
			KUNIT_EXPECT_EQ_MSG(test, 0,
					    kho_entry_check(e, end, PAGE_SHIFT,
							    MAX_PAGE_ORDER, &why),
					    "%s", why.text);
			end = be64_to_cpu(e->addr) + be64_to_cpu(e->len);
			found += has_range(e, s);
		}
	}
	return found;
}

static unsigned int preserved_now(struct kunit *test, struct kho_mem mem,
				  unsigned int order)
{
	struct sought s = { .mem = mem, .shift = PAGE_SHIFT + order };
	struct kho_table table;
	unsigned int found;

	KUNIT_ASSERT_EQ(test, make_table(&table), 0);
	found = find_entries(test, table.part, table.nr, &s);
	kho_table_free(&table);
	return found;
}

static void blob_test(struct kunit *test)
{
	struct out_test *t = test->priv;
	struct kho_root root;
	struct kho_mem mem;

	t->probe[1].mem[1] = page_mem(t, 12, 4);
	t->probe[1].nr = 2;
	KUNIT_ASSERT_EQ(test, turn_on(), 0);
	KUNIT_EXPECT_TRUE(test, kho_out_is_active());
	KUNIT_EXPECT_STREQ(test, calls(t), "cab");
	check_blob(test, &root);

	KUNIT_EXPECT_STREQ(test, root.release, init_utsname()->release);
	KUNIT_EXPECT_EQ(test, root.count, kho_in_count() + 1);
	KUNIT_EXPECT_EQ(test, root.table_crc, kho_out.table.crc);
	KUNIT_ASSERT_EQ(test, root.scratch.nr, 1);
	mem = kho_range(&root.scratch, 0);
	KUNIT_EXPECT_EQ(test, mem.addr, kho_scratch.addr);
	KUNIT_EXPECT_EQ(test, mem.len, kho_scratch.len);

	/* Already active: nobody is asked again */
	KUNIT_EXPECT_EQ(test, turn_on(), 0);
	KUNIT_EXPECT_STREQ(test, calls(t), "");

	turn_off();
	KUNIT_EXPECT_STREQ(test, calls(t), "CAB");
	expect_nothing(test);
	turn_off();
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
	KUNIT_ASSERT_EQ(test, turn_on(), 0);

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
	void *copy = kunit_kmalloc(test, size, GFP_KERNEL);
	int len;

	KUNIT_ASSERT_NOT_NULL(test, copy);
	memcpy(copy, kho_out.fdt, size);
	memset((void *)fdt_getprop(copy, 0, KHO_PROP_TABLE, &len), 0, len);
	memset((void *)fdt_getprop(copy, 0, KHO_PROP_CRC, &len), 0, len);
	return copy;
}

static void again_test(struct kunit *test)
{
	size_t size;
	void *blob;

	KUNIT_ASSERT_EQ(test, turn_on(), 0);
	size = fdt_totalsize(kho_out.fdt);
	blob = copy_blob(test);
	turn_off();
	expect_nothing(test);

	KUNIT_ASSERT_EQ(test, turn_on(), 0);
	KUNIT_ASSERT_EQ(test, fdt_totalsize(kho_out.fdt), size);
	KUNIT_EXPECT_MEMEQ(test, copy_blob(test), blob, size);
}

/* Refusals: what the second probe does in DUMP */

static int dump_refuse(struct probe *p, void *fdt)
{
	write_probe(p, fdt);
	return notifier_from_errno(-EPERM);
}

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

	KUNIT_EXPECT_EQ(test, turn_on(), err);
	KUNIT_EXPECT_STREQ(test, calls(t), log);
	expect_free(test);
	expect_nothing(test);

	t->probe[1].dump = NULL;
	t->probe[1].mem[0] = page_mem(t, 4, 2);
	t->probe[1].nr = 1;
	KUNIT_ASSERT_EQ(test, turn_on(), 0);
	KUNIT_EXPECT_STREQ(test, calls(t), "cab");
	check_blob(test, &root);
	turn_off();
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
	KUNIT_EXPECT_EQ(test, turn_on(), -ENOSPC);
	expect_nothing(test);

	KUNIT_ASSERT_EQ(test, kho_out_resize(size), 0);
	KUNIT_EXPECT_EQ(test, kho_out.fdt_max, size);
	t->probe[1].dump = NULL;
	KUNIT_ASSERT_EQ(test, turn_on(), 0);
	check_blob(test, &root);
	KUNIT_EXPECT_EQ(test, kho_out_resize(size), 0);
	expect_nothing(test);
}

/* As kexec -e does it */
static int try_kexec(struct kimage *image)
{
	struct kimage *real = kexec_image;
	int err;

	kexec_image = image;
	err = kho_before_kexec();
	if (!err && kexec_trylock()) {
		err = kho_check_kexec(image);
		kexec_unlock();
	}
	kexec_image = real;
	return err;
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
	KUNIT_ASSERT_EQ(test, turn_on(), 0);
	KUNIT_EXPECT_EQ(test, c->make(t), 0);
	KUNIT_EXPECT_FALSE(test, kho_out_is_active());
	flush_work(&kho_void_work);
	KUNIT_EXPECT_STREQ(test, calls(t), "cabCAB");

	/* Nothing that it had to itself is still preserved */
	crc = table_crc(test);
	if (c->make != add_listed)
		KUNIT_EXPECT_EQ(test, give_up_pages(t->page + 4, 2), -ENOENT);
	KUNIT_ASSERT_EQ(test, turn_on(), 0);
	check_blob(test, &root);
	KUNIT_EXPECT_STREQ(test, calls(t), "cab");
	turn_off();
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
	KUNIT_ASSERT_EQ(test, turn_on(), 0);
	turn_off();
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
	KUNIT_EXPECT_EQ(test, turn_on(), 0);
	KUNIT_EXPECT_STREQ(test, calls(t), "cabCABcab");
	check_blob(test, &root);
	turn_off();
	KUNIT_EXPECT_EQ(test, give_up_pages(t->page + 15, 1), 0);
	calls(t);

	t->probe[1].dump = dump_changes;
	KUNIT_EXPECT_EQ(test, turn_on(), -EBUSY);
	KUNIT_EXPECT_STREQ(test, calls(t), "cabCABcabCABcabCABcabCABcabCAB");
	expect_nothing(test);
}

static const unsigned int give_up_orders[] = { 3, KHO_LARGE_ORDER };

static void get_order_desc(const unsigned int *order, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "a folio of order %u", *order);
}

KUNIT_ARRAY_PARAM(give_up, give_up_orders, get_order_desc);

/* Giving up is never refused: what is wrong with it is told, and nothing leaks */
static void give_up_test(struct kunit *test)
{
	unsigned int order = *(unsigned int *)test->param_value;
	struct folio *folio = folio_alloc(GFP_KERNEL, order);
	unsigned long nr = 1UL << order;
	struct out_test *t = test->priv;
	struct page *page;

	KUNIT_ASSERT_NOT_NULL(test, folio);
	page = folio_page(folio, 0);
	KUNIT_EXPECT_EQ(test, kho_unpreserve_pages(t->page, 4), 0);
	KUNIT_EXPECT_EQ(test, kho_unpreserve_folio(folio), 0);

	/* More than there is */
	KUNIT_ASSERT_EQ(test, kho_preserve_pages(t->page + 2, 2), 0);
	KUNIT_EXPECT_EQ(test, kho_unpreserve_pages(t->page, 8), 0);
	expect_nothing(test);

	/* The middle, the end and the start of a folio, as when it was split since */
	KUNIT_ASSERT_EQ(test, kho_preserve_folio(folio), 0);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page + 3, 1), -EEXIST);
	KUNIT_EXPECT_EQ(test, give_up_pages(page, nr), -ENOENT);
	KUNIT_EXPECT_EQ(test, kho_unpreserve_pages(page + 3, 2), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page, 3), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page + 5, nr - 5), 0);
	expect_nothing(test);
	KUNIT_ASSERT_EQ(test, kho_preserve_folio(folio), 0);
	KUNIT_EXPECT_EQ(test, kho_unpreserve_pages(page + nr - 1, 1), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page, nr - 1), 0);
	KUNIT_ASSERT_EQ(test, kho_preserve_folio(folio), 0);
	KUNIT_EXPECT_EQ(test, kho_unpreserve_pages(page, 1), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page + 1, nr - 1), 0);
	expect_nothing(test);

	/* As another kind than it was preserved as */
	KUNIT_ASSERT_EQ(test, kho_preserve_pages(page, nr), 0);
	KUNIT_EXPECT_EQ(test, kho_unpreserve_folio(folio), 0);
	KUNIT_ASSERT_EQ(test, kho_preserve_folio(folio), 0);
	KUNIT_EXPECT_EQ(test, kho_unpreserve_pages(page, nr), 0);
	expect_nothing(test);
	folio_put(folio);
}

/* Memory may fail long after it was preserved */
static void hardware_test(struct kunit *test)
{
	struct kimage *image = kunit_kzalloc(test, sizeof(*image), GFP_KERNEL);
	struct out_test *t = test->priv;
	struct page *bad = t->page + 13;

	if (!IS_ENABLED(CONFIG_MEMORY_FAILURE))
		kunit_skip(test, "needs CONFIG_MEMORY_FAILURE");
	KUNIT_ASSERT_NOT_NULL(test, image);
	image->kho = 1;
	KUNIT_ASSERT_EQ(test, kho_preserve_pages(t->page + 12, 2), 0);
	KUNIT_ASSERT_EQ(test, turn_on(), 0);

	SetPageHWPoison(bad);
	num_poisoned_pages_inc(page_to_pfn(bad));
	KUNIT_EXPECT_EQ(test, try_kexec(image), -EIO);
	KUNIT_EXPECT_TRUE(test, kho_out_is_active());
	turn_off();
	KUNIT_EXPECT_EQ(test, turn_on(), -EIO);
	KUNIT_EXPECT_EQ(test, kho_unpreserve_pages(bad, 1), 0);
	KUNIT_EXPECT_EQ(test, turn_on(), 0);
	num_poisoned_pages_sub(page_to_pfn(bad), 1);
	ClearPageHWPoison(bad);
	KUNIT_EXPECT_EQ(test, give_up_pages(t->page + 12, 1), 0);
}

/* The jump asks first whether what was written before is still true */
static void check_test(struct kunit *test)
{
	struct kimage *image = kunit_kzalloc(test, sizeof(*image), GFP_KERNEL);
	struct out_test *t = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, image);
	image->kho = 1;
	KUNIT_ASSERT_EQ(test, turn_on(), 0);
	calls(t);
	KUNIT_EXPECT_EQ(test, try_kexec(image), 0);
	KUNIT_EXPECT_STREQ(test, calls(t), "???");

	/* If there is none after all, others may have been told that it is too late */
	kho_kexec_failed();
	flush_work(&kho_void_work);
	KUNIT_EXPECT_STREQ(test, calls(t), "CAB");
	expect_nothing(test);

	KUNIT_ASSERT_EQ(test, turn_on(), 0);
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

	KUNIT_ASSERT_EQ(test, turn_on(), 0);
	calls(t);

	/* Leaving aborts: the blob has the state of the one that leaves */
	KUNIT_EXPECT_EQ(test, unregister_kho_notifier(&a->nb), 0);
	a->on = false;
	KUNIT_EXPECT_STREQ(test, calls(t), "CAB");
	expect_nothing(test);
	KUNIT_EXPECT_EQ(test, unregister_kho_notifier(&a->nb), 0);

	/* So does who comes: the blob would be without its state */
	KUNIT_ASSERT_EQ(test, turn_on(), 0);
	KUNIT_EXPECT_STREQ(test, calls(t), "cb");
	a->on = !register_kho_notifier(&a->nb);
	KUNIT_EXPECT_TRUE(test, a->on);
	KUNIT_EXPECT_STREQ(test, calls(t), "CB");
	expect_nothing(test);
	KUNIT_ASSERT_EQ(test, turn_on(), 0);
	KUNIT_EXPECT_STREQ(test, calls(t), "cba");
}

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
	KUNIT_ASSERT_EQ(test, turn_on(), 0);
	KUNIT_EXPECT_EQ(test, try_kexec(image), -EBUSY);
	KUNIT_EXPECT_FALSE(test, kho_track_is_sealed());
	turn_off();
	calls(t);

	image->cmdline_buf = "kho=on";
	KUNIT_EXPECT_EQ(test, kho_image_init(image), 0);
	KUNIT_EXPECT_TRUE(test, image->kho);
	KUNIT_ASSERT_TRUE(test, kho_image_window(image, &window));
	KUNIT_EXPECT_EQ(test, window.addr, virt_to_phys(kho_out.fdt));
	KUNIT_EXPECT_EQ(test, window.len, kho_out.fdt_max);

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
	flush_work(&kho_void_work);
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
	KUNIT_EXPECT_EQ(test, kho_out_resize(kho_out.fdt_max), -EBUSY);
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
	struct kimage *image = kunit_kzalloc(test, sizeof(*image), GFP_KERNEL);
	struct out_test *t = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, image);
	image->kho = 1;
	kho_image_set_page_shift(image, PAGE_SHIFT + 2);
	KUNIT_EXPECT_EQ(test, try_kexec(image), -EINVAL);
	KUNIT_EXPECT_FALSE(test, kho_out_is_active());
	calls(t);

	/* What was active before stays so */
	KUNIT_ASSERT_EQ(test, turn_on(), 0);
	KUNIT_EXPECT_EQ(test, try_kexec(image), -EINVAL);
	KUNIT_EXPECT_TRUE(test, kho_out_is_active());
	kho_image_set_page_shift(image, PAGE_SHIFT);
	KUNIT_EXPECT_EQ(test, try_kexec(image), 0);
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

/* Ranges become one and come apart, and the table shows it */
static void merge_test(struct kunit *test)
{
	struct out_test *t = test->priv;
	struct page *page = t->page;

	KUNIT_ASSERT_EQ(test, kho_preserve_pages(page, 4), 0);
	KUNIT_ASSERT_EQ(test, kho_preserve_pages(page + 8, 4), 0);
	KUNIT_EXPECT_EQ(test, preserved_now(test, page_mem(t, 0, 12), 0), 0);
	KUNIT_ASSERT_EQ(test, kho_preserve_pages(page + 4, 4), 0);
	KUNIT_EXPECT_EQ(test, preserved_now(test, page_mem(t, 0, 12), 0), 1);

	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page, 12), -EEXIST);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page + 11, 2), -EEXIST);
	KUNIT_EXPECT_EQ(test, give_up_pages(page, 13), -ENOENT);
	KUNIT_EXPECT_EQ(test, give_up_pages(page + 12, 1), -ENOENT);

	KUNIT_ASSERT_EQ(test, give_up_pages(page + 5, 1), 0);
	KUNIT_EXPECT_EQ(test, preserved_now(test, page_mem(t, 0, 5), 0), 1);
	KUNIT_EXPECT_EQ(test, preserved_now(test, page_mem(t, 5, 1), 0), 0);
	KUNIT_EXPECT_EQ(test, preserved_now(test, page_mem(t, 6, 6), 0), 1);
	KUNIT_EXPECT_EQ(test, give_up_pages(page, 12), -ENOENT);
	KUNIT_EXPECT_EQ(test, give_up_pages(page, 5), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page + 6, 6), 0);
	expect_nothing(test);
}

/* A folio stays one of its order, whatever is next to it */
static void folio_test(struct kunit *test)
{
	struct folio *folio = folio_alloc(GFP_KERNEL, 3);
	struct out_test *t = test->priv;
	struct kho_mem mem;

	KUNIT_ASSERT_NOT_NULL(test, folio);
	mem.addr = PFN_PHYS((u64)folio_pfn(folio));
	mem.len = folio_size(folio);

	KUNIT_EXPECT_EQ(test, kho_preserve_folio(folio), 0);
	KUNIT_EXPECT_EQ(test, preserved_now(test, mem, 3), 1);
	KUNIT_EXPECT_EQ(test, preserved_now(test, mem, 0), 0);
	KUNIT_EXPECT_EQ(test, kho_preserve_folio(folio), -EEXIST);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(folio_page(folio, 7), 1),
			-EEXIST);
	KUNIT_EXPECT_EQ(test, give_up_pages(folio_page(folio, 0), 8),
			-ENOENT);
	KUNIT_EXPECT_EQ(test, give_up_folio(folio), 0);
	KUNIT_EXPECT_EQ(test, give_up_folio(folio), -ENOENT);
	KUNIT_EXPECT_EQ(test, table_crc(test), t->table);
	folio_put(folio);
}

/* A node may list what is preserved anyway, all of it */
static void list_preserved_test(struct kunit *test)
{
	struct out_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, kho_preserve_pages(t->page + 3, 5), 0);
	KUNIT_EXPECT_EQ(test, turn_on(), 0);
	turn_off();
	KUNIT_EXPECT_EQ(test, preserved_now(test, page_mem(t, 3, 5), 0), 1);
	KUNIT_EXPECT_EQ(test, give_up_pages(t->page + 3, 5), 0);
	expect_nothing(test);
}

/* No driver can take from a node what it lists */
static void list_keeps_test(struct kunit *test)
{
	struct out_test *t = test->priv;
	struct sought s = { .mem = page_mem(t, 4, 2), .shift = PAGE_SHIFT };
	struct kho_root root;

	t->probe[1].dump = dump_keeps;
	KUNIT_ASSERT_EQ(test, turn_on(), 0);
	KUNIT_EXPECT_STREQ(test, calls(t), "cab");
	check_blob(test, &root);
	KUNIT_EXPECT_EQ(test, 1, find_entries(test, kho_out.table.part,
					      kho_out.table.nr, &s));
	turn_off();
	KUNIT_EXPECT_EQ(test, give_up_pages(t->page + 4, 2), -ENOENT);
	expect_nothing(test);
}

/* Pages of split_page() become one; it had given each an allocation tag of its own */
static struct folio *make_folio(struct page *page, unsigned int order)
{
	unsigned int i;

	for (i = 0; i < 1U << order; i++) {
		pgalloc_tag_sub(page + i, 1);
		set_page_count(page + i, !i);
	}
	clear_page_tag_ref(page);
	if (order)
		prep_compound_page(page, order);
	return page_folio(page);
}

/* A folio between pages, each next to the other, stays a folio */
static void neighbours_test(struct kunit *test)
{
	struct page *page = alloc_pages(GFP_KERNEL, 3);
	struct kho_mem left, mid, right;
	struct out_test *t = test->priv;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, page);
	split_page(page, 3);
	make_folio(page + 2, 1);
	left = (struct kho_mem){ page_to_phys(page), 2 * PAGE_SIZE };
	mid = (struct kho_mem){ page_to_phys(page + 2), 2 * PAGE_SIZE };
	right = (struct kho_mem){ page_to_phys(page + 4), 4 * PAGE_SIZE };

	KUNIT_EXPECT_EQ(test, kho_preserve_folio(page_folio(page + 2)), 0);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page, 2), 0);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page + 4, 4), 0);
	KUNIT_EXPECT_EQ(test, preserved_now(test, left, 0), 1);
	KUNIT_EXPECT_EQ(test, preserved_now(test, mid, 1), 1);
	KUNIT_EXPECT_EQ(test, preserved_now(test, right, 0), 1);

	KUNIT_EXPECT_EQ(test, give_up_folio(page_folio(page + 2)), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page, 2), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page + 4, 4), 0);
	KUNIT_EXPECT_EQ(test, table_crc(test), t->table);

	folio_put(page_folio(page + 2));
	for (i = 0; i < 8; i++)
		if (i / 2 != 1)
			__free_page(page + i);
}

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

	KUNIT_ASSERT_EQ(test, turn_on(), 0);
	KUNIT_EXPECT_EQ(test, kho_unpreserve_vmalloc(&kv), 0);
	KUNIT_EXPECT_FALSE(test, kho_out_is_active());
	flush_work(&kho_void_work);
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

	KUNIT_ASSERT_EQ(test, turn_on(), 0);
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

/* How chunks are encoded */

/**
 * struct count - entries that have any of a range
 * @extents: so many that are extents
 * @bitmaps: so many that are chunks
 */
struct count {
	unsigned int extents;
	unsigned int bitmaps;
};

static void check_chunk(struct kunit *test, const struct kho_entry *e)
{
	const __le64 *bits = phys_to_virt(be64_to_cpu(e->bitmap));
	struct kho_why why = { };

	KUNIT_EXPECT_EQ_MSG(test, 0,
			    kho_bits_check(bits, PAGE_SHIFT, PAGE_SHIFT,
					   MAX_PAGE_ORDER, &why),
			    "%s", why.text);
}

static struct count count_entries(struct kunit *test, u64 addr, u64 len)
{
	struct kho_table table;
	struct count n = { };
	unsigned int i;

	KUNIT_EXPECT_EQ(test, make_table(&table), 0);
	for (i = 0; i < table.nr; i++) {
		const struct kho_entry *e = phys_to_virt(table.part[i].addr);
		const struct kho_entry *last = (void *)e + table.part[i].len;

		for (; e < last; e++) {
			if (be64_to_cpu(e->addr) >= addr + len ||
			    be64_to_cpu(e->addr) + be64_to_cpu(e->len) <= addr)
				continue;
			if (e->type == cpu_to_be32(KHO_ENTRY_BITMAP)) {
				check_chunk(test, e);
				n.bitmaps++;
			} else {
				n.extents++;
			}
		}
	}
	kho_table_free(&table);
	return n;
}

static void expect_count(struct kunit *test, struct kho_mem mem,
			 unsigned int extents, unsigned int bitmaps)
{
	struct count n = count_entries(test, mem.addr, mem.len);

	KUNIT_EXPECT_EQ(test, n.extents, extents);
	KUNIT_EXPECT_EQ(test, n.bitmaps, bitmaps);
}

static struct kho_mem pages_mem(struct page *page, unsigned long nr)
{
	return (struct kho_mem){ page_to_phys(page), nr * PAGE_SIZE };
}

static void expect_folio(struct kunit *test, struct page *page,
			 unsigned int order, unsigned int want)
{
	KUNIT_EXPECT_EQ(test, want,
			preserved_now(test, pages_mem(page, 1 << order), order));
}

/* Pages of one chunk, in which nothing is preserved; out_exit() frees them */
static struct page *chunk_pages(struct kunit *test)
{
	u64 len = KHO_CHUNK_BYTES(PAGE_SHIFT);
	struct out_test *t = test->priv;
	struct count n;

	t->chunk = alloc_pages(GFP_KERNEL, TEST_CHUNK_ORDER);
	KUNIT_ASSERT_NOT_NULL(test, t->chunk);
	split_page(t->chunk, TEST_CHUNK_ORDER);
	n = count_entries(test, ALIGN_DOWN(page_to_phys(t->chunk), len), len);
	if (n.extents || n.bitmaps)
		kunit_skip(test, "others preserve memory there");
	return t->chunk;
}

/**
 * struct layout - what is preserved in a chunk
 * @desc:    what is special about it
 * @order:   order of the folios
 * @nr:      number of them
 * @step:    pages from one to the next
 * @other:   order of one more, eight pages before the end, if not 0
 * @extents: number of entries that are extents
 * @bitmaps: number of entries that are chunks
 */
struct layout {
	const char *desc;
	unsigned int order;
	unsigned int nr;
	unsigned int step;
	unsigned int other;
	unsigned int extents;
	unsigned int bitmaps;
};

static const struct layout layouts[] = {
	{ "one page", 0, 1, 1, 0, 1, 0 },
	{ "one run of pages", 0, TEST_CHUNK_PAGES, 1, 0, 1, 0 },
	{ "two runs", 0, 2, 9, 0, 2, 0 },
	{ "most runs", 0, 32, 2, 0, 32, 0 },
	{ "too many runs", 0, 33, 2, 0, 0, 1 },
	{ "every other page", 0, TEST_CHUNK_PAGES / 2, 2, 0, 0, 1 },
	{ "one run of folios", 3, TEST_CHUNK_PAGES / 8, 8, 0, 1, 0 },
	{ "large folios", 7, TEST_CHUNK_PAGES / 128, 128, 0, 1, 0 },
	{ "most runs of folios", 1, 32, 4, 0, 32, 0 },
	{ "too many runs of folios", 1, 33, 4, 0, 0, 1 },
	{ "another run of folios", 3, 2, 8, 3, 2, 0 },
	{ "a page, and a pair", 0, 1, 1, 1, 2, 0 },
	{ "a folio behind pages", 0, TEST_CHUNK_PAGES - 8, 1, 3, 2, 0 },
	{ "large folios, and a small one", 4, 4, 16, 2, 2, 0 },
	{ "small folios, and a large one", 2, 4, 4, 3, 2, 0 },
	{ "a folio behind folios", 1, TEST_CHUNK_PAGES / 2 - 4, 2, 3, 2, 0 },
	{ "most runs, one of folios", 0, 31, 2, 3, 32, 0 },
	{ "too many runs, one of folios", 0, 32, 2, 3, 0, 1 },
};

KUNIT_ARRAY_PARAM_DESC(layout, layouts, desc);

static void layout_test(struct kunit *test)
{
	struct page *page = chunk_pages(test);
	struct page *last = page + TEST_CHUNK_PAGES - 8;
	const struct layout *l = test->param_value;
	struct out_test *t = test->priv;
	unsigned int i, size = 1 << l->order;

	for (i = 0; i < l->nr; i++) {
		struct folio *folio = make_folio(page + i * l->step, l->order);

		KUNIT_ASSERT_EQ(test, kho_preserve_folio(folio), 0);
	}
	if (l->other)
		KUNIT_ASSERT_EQ(test, 0,
				kho_preserve_folio(make_folio(last, l->other)));

	expect_count(test, pages_mem(page, TEST_CHUNK_PAGES), l->extents,
		     l->bitmaps);
	for (i = 0; i < l->nr; i++) {
		struct page *head = page + i * l->step;

		expect_folio(test, head, l->order, 1);
		if (l->step > size)
			expect_folio(test, head + size, 0, 0);
	}
	if (l->other) {
		expect_folio(test, last, l->other, 1);
		expect_folio(test, last, 0, 0);
	}

	for (i = 0; i < l->nr; i++) {
		struct folio *folio = page_folio(page + i * l->step);

		KUNIT_EXPECT_EQ(test, give_up_folio(folio), 0);
	}
	if (l->other)
		KUNIT_EXPECT_EQ(test, give_up_folio(page_folio(last)), 0);
	KUNIT_EXPECT_EQ(test, table_crc(test), t->table);
}

/* A chunk has bits in the table just as long as it needs them */
static void bitmap_test(struct kunit *test)
{
	struct page *page = chunk_pages(test);
	struct kho_mem all = pages_mem(page, TEST_CHUNK_PAGES);
	struct out_test *t = test->priv;
	unsigned int i;

	for (i = 0; i < 66; i += 2)
		KUNIT_ASSERT_EQ(test, kho_preserve_pages(page + i, 1), 0);
	expect_count(test, all, 0, 1);

	KUNIT_EXPECT_EQ(test, give_up_pages(page + 1, 1), -ENOENT);
	KUNIT_EXPECT_EQ(test, give_up_pages(page, 3), -ENOENT);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page + 1, 2), -EEXIST);
	expect_count(test, all, 0, 1);
	expect_folio(test, page + 1, 0, 0);

	/* Two runs become one, and two again */
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page + 31, 1), 0);
	expect_count(test, all, 32, 0);
	KUNIT_EXPECT_EQ(test, preserved_now(test, pages_mem(page + 30, 3), 0), 1);
	KUNIT_EXPECT_EQ(test, give_up_pages(page + 31, 1), 0);
	expect_count(test, all, 0, 1);

	/* One less, in the middle */
	KUNIT_EXPECT_EQ(test, give_up_pages(page + 32, 1), 0);
	expect_count(test, all, 32, 0);
	expect_folio(test, page + 30, 0, 1);
	expect_folio(test, page + 32, 0, 0);
	expect_folio(test, page + 34, 0, 1);
	KUNIT_EXPECT_EQ(test, give_up_pages(page + 32, 1), -ENOENT);

	for (i = 0; i < 66; i += 2)
		if (i != 32)
			KUNIT_EXPECT_EQ(test, give_up_pages(page + i, 1), 0);
	KUNIT_EXPECT_EQ(test, table_crc(test), t->table);
}

/* What was preserved as a folio is unpreserved as that, and pages as pages */
static void as_preserved_test(struct kunit *test)
{
	static const struct { int first, nr; } parts[] = {
		{ 2, 2 }, { 2, 1 }, { 3, 1 }, { 1, 2 }, { 0, 24 }, { 8, 1 },
		{ 6, 1 }, { 7, 1 }, { 7, 2 }, { 11, 2 }, { 4, 8 },
	};
	struct page *page = chunk_pages(test);
	struct folio *pair = make_folio(page + 2, 1);
	struct folio *left = make_folio(page + 4, 2);
	struct folio *right = make_folio(page + 8, 2);
	struct folio *large = make_folio(page + 16, 3);
	struct out_test *t = test->priv;
	unsigned int i;
	u32 crc;

	KUNIT_ASSERT_EQ(test, kho_preserve_folio(pair), 0);
	KUNIT_ASSERT_EQ(test, kho_preserve_folio(left), 0);
	KUNIT_ASSERT_EQ(test, kho_preserve_folio(right), 0);
	KUNIT_ASSERT_EQ(test, kho_preserve_pages(page, 2), 0);
	KUNIT_ASSERT_EQ(test, kho_preserve_pages(page + 12, 12), 0);

	for (i = 0; i < ARRAY_SIZE(parts); i++)
		KUNIT_EXPECT_EQ_MSG(test, -ENOENT,
				    give_up_pages(page + parts[i].first,
							 parts[i].nr),
				    "%d pages from %d", parts[i].nr,
				    parts[i].first);
	KUNIT_EXPECT_EQ(test, give_up_folio(large), -ENOENT);
	KUNIT_EXPECT_EQ(test, kho_preserve_folio(large), -EEXIST);
	expect_folio(test, page + 2, 1, 1);
	expect_folio(test, page + 4, 2, 1);
	expect_folio(test, page + 8, 2, 1);
	expect_folio(test, page + 16, 0, 1);
	crc = table_crc(test);

	/* Neighbours stay what they are */
	KUNIT_EXPECT_EQ(test, give_up_folio(left), 0);
	expect_folio(test, page + 2, 1, 1);
	expect_folio(test, page + 8, 2, 1);
	KUNIT_EXPECT_EQ(test, give_up_folio(left), -ENOENT);
	expect_count(test, pages_mem(page, 24), 4, 0);

	/* Nothing remembers that it was a folio */
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page + 4, 4), 0);
	expect_folio(test, page + 4, 0, 1);
	KUNIT_EXPECT_EQ(test, give_up_pages(page + 4, 4), 0);
	KUNIT_EXPECT_EQ(test, kho_preserve_folio(left), 0);
	KUNIT_EXPECT_EQ(test, table_crc(test), crc);
	KUNIT_EXPECT_EQ(test, give_up_pages(page + 1, 1), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page + 12, 1), 0);
	expect_folio(test, page + 2, 1, 1);
	expect_folio(test, page + 8, 2, 1);

	KUNIT_EXPECT_EQ(test, give_up_folio(right), 0);
	KUNIT_EXPECT_EQ(test, give_up_folio(left), 0);
	KUNIT_EXPECT_EQ(test, give_up_folio(pair), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page, 1), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page + 13, 11), 0);
	KUNIT_EXPECT_EQ(test, table_crc(test), t->table);
}

static bool alloc_range(unsigned long pfn, unsigned long nr)
{
	void *p = __va(PFN_PHYS((u64)pfn));

	return kho_mem_is_boot(p, nr * PAGE_SIZE) &&
	       page_zone(pfn_to_page(pfn)) == page_zone(pfn_to_page(pfn + nr - 1)) &&
	       !alloc_contig_range(pfn, pfn + nr, MIGRATE_MOVABLE, GFP_KERNEL);
}

/*
 * The first page of a chunk, of which so many are ours, and eight before it;
 * out_exit() frees them.
 */
static struct page *find_border(struct kunit *test, unsigned long nr)
{
	unsigned long pages = KHO_CHUNK_PAGES(PAGE_SHIFT), pfn;
	struct out_test *t = test->priv;

	if (!kho_track_empty())
		kunit_skip(test, "others preserve memory");

	for (pfn = pages; pfn + nr <= max_pfn; pfn += pages) {
		if (!alloc_range(pfn - 8, nr + 8))
			continue;
		t->range = pfn - 8;
		t->range_nr = nr + 8;
		return pfn_to_page(pfn);
	}
	kunit_skip(test, "there is not enough memory");
	return NULL;
}

static void border_test(struct kunit *test)
{
	struct page *page = find_border(test, 8);
	struct kho_mem all = pages_mem(page - 8, 16);

	/* One range in two chunks is one entry */
	KUNIT_ASSERT_EQ(test, kho_preserve_pages(page - 8, 16), 0);
	expect_count(test, all, 1, 0);
	KUNIT_EXPECT_EQ(test, preserved_now(test, all, 0), 1);

	KUNIT_EXPECT_EQ(test, give_up_pages(page - 2, 4), 0);
	expect_count(test, all, 2, 0);
	expect_folio(test, page - 3, 0, 1);
	expect_folio(test, page - 2, 0, 0);
	expect_folio(test, page + 1, 0, 0);
	expect_folio(test, page + 2, 0, 1);
	KUNIT_EXPECT_EQ(test, give_up_pages(page - 3, 6), -ENOENT);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page - 3, 4), -EEXIST);

	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page - 2, 2), 0);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page, 2), 0);
	expect_count(test, all, 1, 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page - 8, 16), 0);
	KUNIT_EXPECT_TRUE(test, kho_track_empty());
}

/* An attempt that fails halfway leaves no chunk behind */
static void half_test(struct kunit *test)
{
	struct page *page = find_border(test, 8);
	u32 crc;

	KUNIT_ASSERT_EQ(test, kho_preserve_pages(page + 2, 1), 0);
	crc = table_crc(test);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page - 4, 8), -EEXIST);
	KUNIT_EXPECT_EQ(test, table_crc(test), crc);
	expect_count(test, pages_mem(page - 8, 16), 1, 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page + 2, 1), 0);
	KUNIT_EXPECT_TRUE(test, kho_track_empty());

	/* Nor does it drop the one that has something in it */
	KUNIT_ASSERT_EQ(test, kho_preserve_pages(page - 3, 1), 0);
	crc = table_crc(test);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page - 4, 8), -EEXIST);
	KUNIT_EXPECT_EQ(test, table_crc(test), crc);
	expect_folio(test, page - 3, 0, 1);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(page, 4), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page, 4), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page - 3, 1), 0);
	KUNIT_EXPECT_TRUE(test, kho_track_empty());
}

/* A chunk of which all is preserved is no reason to begin another entry */
static void full_chunk_test(struct kunit *test)
{
	unsigned long pages = KHO_CHUNK_PAGES(PAGE_SHIFT);
	struct page *page = find_border(test, pages + 8);
	struct kho_mem all = pages_mem(page - 8, pages + 16);

	KUNIT_ASSERT_EQ(test, kho_preserve_pages(page - 8, 8), 0);
	KUNIT_ASSERT_EQ(test, kho_preserve_pages(page + pages, 8), 0);
	expect_count(test, all, 2, 0);
	KUNIT_ASSERT_EQ(test, kho_preserve_pages(page, pages), 0);
	expect_count(test, all, 1, 0);
	KUNIT_EXPECT_EQ(test, preserved_now(test, all, 0), 1);

	/* To list all of it changes nothing */
	KUNIT_EXPECT_EQ(test, kho_track_list(&all), 0);
	kho_track_end();
	KUNIT_EXPECT_EQ(test, preserved_now(test, all, 0), 1);

	KUNIT_EXPECT_EQ(test, give_up_pages(page, pages), 0);
	expect_count(test, all, 2, 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page - 8, 8), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page + pages, 8), 0);
	KUNIT_EXPECT_TRUE(test, kho_track_empty());

	/* What only a list preserves is gone with that */
	KUNIT_EXPECT_EQ(test, kho_track_list(&all), 0);
	KUNIT_EXPECT_TRUE(test, kho_track_is_listed(&all));
	KUNIT_EXPECT_EQ(test, give_up_pages(page, 1), -ENOENT);
	expect_count(test, all, 1, 0);
	KUNIT_EXPECT_TRUE(test, kho_track_empty());
}

/* A run ends where a chunk with bits begins, and another begins behind it */
static void run_and_bits_test(struct kunit *test)
{
	unsigned long pages = KHO_CHUNK_PAGES(PAGE_SHIFT), i;
	struct page *page = find_border(test, pages + 8);
	struct kho_mem all = pages_mem(page - 8, pages + 16), mem;

	KUNIT_ASSERT_EQ(test, kho_preserve_pages(page - 8, pages + 16), 0);
	for (i = 1; i < 66; i += 2)
		KUNIT_ASSERT_EQ(test, give_up_pages(page + i, 1), 0);
	expect_count(test, all, 2, 1);
	mem = pages_mem(page - 8, 8);
	KUNIT_EXPECT_EQ(test, preserved_now(test, mem, 0), 1);
	mem = pages_mem(page + pages, 8);
	KUNIT_EXPECT_EQ(test, preserved_now(test, mem, 0), 1);
	mem = pages_mem(page + 66, pages - 66);
	KUNIT_EXPECT_EQ(test, preserved_now(test, mem, 0), 1);
	expect_folio(test, page, 0, 1);
	expect_folio(test, page + 1, 0, 0);

	for (i = 1; i < 66; i += 2)
		KUNIT_ASSERT_EQ(test, kho_preserve_pages(page + i, 1), 0);
	expect_count(test, all, 1, 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(page - 8, pages + 16), 0);
	KUNIT_EXPECT_TRUE(test, kho_track_empty());
}

/* To load a crash kernel would change it */
static void crashkernel_test(struct kunit *test)
{
	struct out_test *t = test->priv;
	struct resource res;

	if (!IS_ENABLED(CONFIG_CRASH_RESERVE))
		kunit_skip(test, "needs CONFIG_CRASH_RESERVE");

	res = crashk_res;
	crashk_res.start = page_to_phys(t->page + 12);
	crashk_res.end = page_to_phys(t->page + 14) - 1;
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(t->page + 12, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(t->page + 13, 2), -EINVAL);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(t->page + 11, 2), -EINVAL);
	t->probe[1].mem[0] = page_mem(t, 12, 1);
	KUNIT_EXPECT_EQ(test, turn_on(), -EINVAL);

	KUNIT_EXPECT_EQ(test, kho_preserve_pages(t->page + 14, 1), 0);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(t->page + 12, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, give_up_pages(t->page + 14, 1), 0);
	KUNIT_EXPECT_EQ(test, kho_preserve_pages(t->page + 11, 1), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(t->page + 11, 1), 0);
	crashk_res = res;
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
	KUNIT_EXPECT_EQ(test, turn_on(), -ENOMEM);
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
	KUNIT_EXPECT_EQ(test, turn_on(), 0);
	KUNIT_EXPECT_EQ(test, hot, 0);
	turn_off();
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
	KUNIT_ASSERT_EQ(test, turn_on(), 0);
	calls(t);
	turn_off();
	KUNIT_EXPECT_STREQ(test, calls(t), "CAB");

	t->probe[1].dump = dump_refuse;
	KUNIT_EXPECT_EQ(test, turn_on(), -EPERM);
	KUNIT_EXPECT_STREQ(test, calls(t), "cabCA");
	expect_nothing(test);
}

#ifdef CONFIG_X86_64
#include <asm/e820/api.h>

static int add_pages_up(unsigned long pfn, unsigned long nr, void *sum)
{
	*(unsigned long *)sum += nr;
	return 0;
}

/* The next kernel is told of so many entries of a map, and no more */
static void many_entries_test(struct kunit *test)
{
	struct e820_table *real = e820_table_kexec, *table;
	struct e820_entry ram = {
		.addr = SZ_16M, .size = SZ_1M, .type = E820_TYPE_RAM,
	};
	unsigned long all = 0, beyond = 0, few = 0;

	table = kunit_kzalloc(test, sizeof(*table), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, table);
	arch_kho_walk_ram(&all, add_pages_up);

	/* Entries of no length come before it */
	table->nr_entries = E820_MAX_ENTRIES_ZEROPAGE + 1;
	table->entries[E820_MAX_ENTRIES_ZEROPAGE] = ram;
	e820_table_kexec = table;
	arch_kho_walk_ram(&beyond, add_pages_up);

	/* What the kernel has taken for itself is RAM in its own map only */
	table->entries[E820_MAX_ENTRIES_ZEROPAGE - 1] = ram;
	arch_kho_walk_ram(&few, add_pages_up);
	e820_table_kexec = real;
	KUNIT_EXPECT_GT(test, all, PHYS_PFN(SZ_128M));
	KUNIT_EXPECT_EQ(test, beyond, 0);
	KUNIT_EXPECT_EQ(test, few, PHYS_PFN(SZ_1M));
}
#endif

/* What the next kernel is not told of is no room for it */
static void added_room_test(struct kunit *test)
{
	long added = 1L << (40 - PAGE_SHIFT);
	struct kho_table table;

	totalram_pages_add(added);
	KUNIT_EXPECT_EQ(test, make_table(&table), 0);
	totalram_pages_add(-added);
	KUNIT_EXPECT_GT(test, table.left, 0);
	KUNIT_EXPECT_LT(test, table.left, table.ram);
	KUNIT_EXPECT_LE(test, table.ram, PFN_PHYS((u64)get_num_physpages()));
	kho_table_free(&table);
}

static struct kunit_case kho_out_cases[] = {
	KUNIT_CASE(blob_test),
	KUNIT_CASE(mem_test),
	KUNIT_CASE(again_test),
	KUNIT_CASE_PARAM(refusal_test, refusal_gen_params),
	KUNIT_CASE_PARAM(bad_mem_test, bad_mem_gen_params),
	KUNIT_CASE(fdt_max_test),
	KUNIT_CASE_PARAM(change_test, change_gen_params),
	KUNIT_CASE(keep_test),
	KUNIT_CASE(change_early_test),
	KUNIT_CASE_PARAM(give_up_test, give_up_gen_params),
	KUNIT_CASE(check_test),
	KUNIT_CASE(hardware_test),
	KUNIT_CASE(register_test),
	KUNIT_CASE(jump_back_test),
	KUNIT_CASE(kexec_test),
	KUNIT_CASE_PARAM(cmdline_test, cmdline_gen_params),
	KUNIT_CASE(page_size_test),
	KUNIT_CASE(active_test),
	KUNIT_CASE(merge_test),
	KUNIT_CASE(folio_test),
	KUNIT_CASE(list_preserved_test),
	KUNIT_CASE(list_keeps_test),
	KUNIT_CASE(neighbours_test),
	KUNIT_CASE(vmalloc_test),
	KUNIT_CASE(vmalloc_failed_test),
	KUNIT_CASE(vmalloc_kinds_test),
	KUNIT_CASE(vmalloc_read_only_test),
	KUNIT_CASE(vmalloc_stale_test),
	KUNIT_CASE_PARAM(layout_test, layout_gen_params),
	KUNIT_CASE(bitmap_test),
	KUNIT_CASE(as_preserved_test),
	KUNIT_CASE(border_test),
	KUNIT_CASE(half_test),
	KUNIT_CASE(full_chunk_test),
	KUNIT_CASE(run_and_bits_test),
	KUNIT_CASE(crashkernel_test),
	KUNIT_CASE(hot_memory_test),
	KUNIT_CASE(abort_gives_test),
	KUNIT_CASE(added_room_test),
#ifdef CONFIG_X86_64
	KUNIT_CASE(many_entries_test),
#endif
	{ }
};

static struct kunit_suite kho_out_suite = {
	.name = "kho_out",
	.init = out_init,
	.exit = out_exit,
	.test_cases = kho_out_cases,
};

kunit_test_suite(kho_out_suite);
