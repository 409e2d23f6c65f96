/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the KUnit tests of the outgoing side have in common: three notifiers of their
 * own, pages to preserve, and a look at what was written. A handover may be activated,
 * but is never executed. Whatever goes wrong in between, nothing may remain of it.
 */
#ifndef LINUX_KEXEC_KHO_OUT_TEST_H
#define LINUX_KEXEC_KHO_OUT_TEST_H

#include <kunit/test.h>
#include <linux/io.h>
#include <linux/kexec.h>
#include <linux/kexec_handover_mm.h>
#include <linux/libfdt.h>
#include <linux/mm.h>
#include <linux/notifier.h>
#include <linux/string.h>

#include "kexec_internal.h"
#include "kexec_kho_internal.h"

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
 * @window: where the FDT is when the test starts
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
	struct kho_mem window;
	char log[32];
	u32 table;
};

/* For the @init and the @exit of a suite, in kexec_kho_out_test.c */
int kho_test_out_init(struct kunit *test);
void kho_test_out_exit(struct kunit *test);

/* Makes a memory table as an activation has it made */
int kho_test_out_table(struct kho_table *table);

/* Waits until all have been told of a handover that has become void */
void kho_test_out_settle(void);

/* Gives up what is preserved in just this way, and nothing else: or -ENOENT */
static inline int give_up_pages(struct page *page, unsigned long nr)
{
	bool has;

	mutex_lock(&kho_track_lock);
	has = kho_track_has(page_to_pfn(page), nr, false);
	mutex_unlock(&kho_track_lock);
	return has ? kho_unpreserve_pages(page, nr) : -ENOENT;
}

static inline int give_up_folio(struct folio *folio)
{
	bool has;

	mutex_lock(&kho_track_lock);
	has = kho_track_has(folio_pfn(folio), folio_nr_pages(folio), true);
	mutex_unlock(&kho_track_lock);
	return has ? kho_unpreserve_folio(folio) : -ENOENT;
}

static inline int write_probe(struct probe *p, void *fdt)
{
	return kho_notify_result(fdt_begin_node(fdt, p->tag) ?:
				 kho_fdt_property_mem(fdt, p->mem, p->nr) ?:
				 fdt_end_node(fdt));
}

static inline int dump_refuse(struct probe *p, void *fdt)
{
	write_probe(p, fdt);
	return notifier_from_errno(-EPERM);
}

/* The hardware fails in a page, and has not after all */
static inline void break_page(struct page *page)
{
	SetPageHWPoison(page);
	num_poisoned_pages_inc(page_to_pfn(page));
}

static inline void mend_page(struct page *page)
{
	num_poisoned_pages_sub(page_to_pfn(page), 1);
	ClearPageHWPoison(page);
}

/* An image that carries a handover */
static inline struct kimage *new_image(struct kunit *test)
{
	struct kimage *image = kunit_kzalloc(test, sizeof(*image), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, image);
	image->kho = 1;
	return image;
}

/* The log since the last look */
static inline const char *calls(struct out_test *t)
{
	static char log[sizeof(t->log)];

	strscpy(log, t->log);
	memset(t->log, 0, sizeof(t->log));
	return log;
}

/* All that is preserved now, in one number */
static inline u32 table_crc(struct kunit *test)
{
	struct kho_table table;
	u32 crc;

	KUNIT_ASSERT_EQ(test, kho_test_out_table(&table), 0);
	crc = table.crc;
	kho_table_free(&table);
	return crc;
}

static inline struct kho_mem page_mem(struct out_test *t, unsigned int first,
				      unsigned int nr)
{
	return (struct kho_mem){
		.addr = page_to_phys(t->page + first),
		.len = nr * PAGE_SIZE,
	};
}

/* As before: no handover, nothing more preserved than there was */
static inline void expect_nothing(struct kunit *test)
{
	struct out_test *t = test->priv;
	struct kho_mem window;

	kho_test_out_settle();
	kho_out_window(&window);
	KUNIT_EXPECT_FALSE(test, kho_out_is_active());
	KUNIT_EXPECT_NULL(test, memchr_inv(phys_to_virt(window.addr), 0, window.len));
	KUNIT_EXPECT_EQ(test, table_crc(test), t->table);
}

/* The pages are not preserved: both work, and undo each other */
static inline void expect_free(struct kunit *test)
{
	struct out_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, kho_preserve_pages(t->page, 1 << TEST_ORDER), 0);
	KUNIT_EXPECT_EQ(test, give_up_pages(t->page, 1 << TEST_ORDER), 0);
}

/* As kexec -e does it */
static inline int try_kexec(struct kimage *image)
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

/* Reading what was written */

static inline void check_blob(struct kunit *test, struct kho_root *root)
{
	struct kho_why why = { };
	struct kho_mem window;
	unsigned int i;
	u32 crc = 0;

	kho_out_window(&window);
	KUNIT_ASSERT_EQ_MSG(test, 0,
			    kho_fdt_check(phys_to_virt(window.addr), window.len,
					  root, &why), "%s", why.text);
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
static inline bool has_range(const struct kho_entry *e, const struct sought *s)
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
static inline unsigned int find_entries(struct kunit *test, const struct kho_mem *part,
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

static inline unsigned int preserved_now(struct kunit *test, struct kho_mem mem,
					 unsigned int order)
{
	struct sought s = { .mem = mem, .shift = PAGE_SHIFT + order };
	struct kho_table table;
	unsigned int found;

	KUNIT_ASSERT_EQ(test, kho_test_out_table(&table), 0);
	found = find_entries(test, table.part, table.nr, &s);
	kho_table_free(&table);
	return found;
}

#endif /* LINUX_KEXEC_KHO_OUT_TEST_H */
