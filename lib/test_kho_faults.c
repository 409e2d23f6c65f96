// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test kexec handover (KHO) when something goes wrong half way.
 *
 * Preserves, gives up and restores a small set, each with a write to a parameter:
 * allocations can be made to fail in that write. Its notifiers see that each DUMP
 * that worked is undone once, or is followed by the kexec. The scripts in
 * tools/testing/selftests/kho drive it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cleanup.h>
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/vmalloc.h>

#include "test_kho_faults_node.h"

/* So many that they reach over several chunks of 64 MiB */
#define BLOCKS		40
/* Single pages that are handed over, the first at every other page frame */
#define FROM_A_BLOCK	2
#define SMALL_ORDER	3
#define FRAGMENTS	(BLOCKS * FROM_A_BLOCK)
/* These are preserved with all the rest, and the others when a node is written */
#define PRESERVED	(FRAGMENTS / 2)
#define FOLIO_ORDER	3
/* Two pages are needed to list their pages */
#define AREAS		12
#define AREA_PAGES	512

static bool hold;
module_param(hold, bool, 0644);
MODULE_PARM_DESC(hold, "an activation waits until this is N, a minute at most");

static bool held;
module_param(held, bool, 0444);
MODULE_PARM_DESC(held, "an activation waits for that");

static DEFINE_MUTEX(lock);
static struct page *fragment[FRAGMENTS];
static struct folio *folio;
static void *area[AREAS];
static struct kho_vmalloc area_kv[AREAS];
static bool preserved;
/* The parameters are there before the set is, and after */
static bool ready;

/* No contents of one page are those of another */
static void fill(void *p, unsigned int nr, u64 phys)
{
	u64 *to = p, *end = p + nr * PAGE_SIZE;

	while (to < end)
		*to++ = phys++;
}

static int check(const char *what, void *p, unsigned int nr, u64 phys)
{
	u64 *from = p, *end = p + nr * PAGE_SIZE;

	while (from < end && *from == phys) {
		from++;
		phys++;
	}
	if (from == end)
		return 0;
	pr_err("ERROR: contents of %s differ\n", what);
	return -EBADMSG;
}

/*
 * Restoring: what fails for lack of memory can be tried again
 */

static int restore_folio(const struct test_kho_faults_node *old)
{
	struct folio *got = kho_restore_folio(old->folio);
	int err;

	if (!got)
		return -ENOENT;
	err = check("the folio", folio_address(got), 1 << FOLIO_ORDER, old->folio);
	folio_put(got);
	return err;
}

static int restore_fragments(const struct test_kho_faults_node *old)
{
	int i, err = 0;

	for (i = 0; !err && i < old->nr_pages; i++) {
		struct page *page = kho_restore_pages(old->pages[i], 1);

		if (!page)
			return -ENOENT;
		err = check("a page", page_address(page), 1,
			    page_to_phys(page));
		__free_page(page);
	}
	return i == PRESERVED ? err : -ENOENT;
}

static int restore_listed(const struct test_kho_faults_node *old)
{
	int i, err = 0;

	for (i = 0; !err && i < old->nr_mem; i++) {
		void *p = kho_claim_mem(&old->mem[i]);

		if (!p)
			return -ENOENT;
		err = check("a listed page", p, 1, old->mem[i].addr);
		kho_return_mem(&old->mem[i]);
	}
	return err;
}

static int restore_area(const struct test_kho_faults_node *old, int nr)
{
	void *p = kho_restore_vmalloc(&old->areas[nr]);
	int err;

	if (!p)
		return -ENOMEM;
	err = check("an area", p, AREA_PAGES, nr);
	vfree(p);
	return err;
}

/* Areas come one by one, because they need memory, then all the rest */
static int restore(void)
{
	static struct test_kho_faults_node old;
	const void *fdt = kho_get_fdt();
	int node = test_kho_faults_find(fdt);
	static int areas;
	int err;

	if (node < 0 || test_kho_faults_get(fdt, node, &old))
		return -ENOENT;

	err = restore_area(&old, areas);
	if (err || ++areas < AREAS)
		return err;

	err = restore_folio(&old) ?: restore_fragments(&old) ?: restore_listed(&old);
	if (!err)
		pr_info("restored everything: contents match\n");
	return err;
}

/*
 * Preserving: all or nothing
 */

static void must(const char *what, int err)
{
	if (err)
		pr_err("ERROR: %s gives %d\n", what, err);
}

static void unpreserve_set(int areas, int fragments)
{
	while (areas)
		must("unpreserving an area",
		     kho_unpreserve_vmalloc(&area_kv[--areas]));
	while (fragments)
		must("unpreserving a page",
		     kho_unpreserve_pages(fragment[--fragments], 1));
}

static int preserve_set(void)
{
	int err = 0, i, j;

	for (i = 0; !err && i < PRESERVED; i++)
		err = kho_preserve_pages(fragment[i], 1);
	for (j = 0; !err && j < AREAS; j++)
		err = kho_preserve_vmalloc(area[j], &area_kv[j]);
	if (err) {
		unpreserve_set(max(j - 1, 0), j ? i : i - 1);
		return err;
	}

	err = kho_preserve_folio(folio);
	if (err)
		unpreserve_set(AREAS, PRESERVED);
	return err;
}

/*
 * The notifiers. The first takes the lock that preserving takes, so the set is
 * whole when it is frozen.
 */

/**
 * struct witness - a notifier, and whether its last DUMP was not undone yet
 * @nb:     the notifier
 * @dumped: DUMP was called, and succeeded; ABORT was not
 */
struct witness {
	struct notifier_block nb;
	bool dumped;
};

static int write_node(void *fdt)
{
	static struct test_kho_faults_node n;
	int i;

	n.folio = PFN_PHYS(folio_pfn(folio));
	n.nr_areas = AREAS;
	memcpy(n.areas, area_kv, sizeof(area_kv));
	n.nr_pages = preserved ? PRESERVED : 0;
	for (i = 0; i < PRESERVED; i++)
		n.pages[i] = page_to_phys(fragment[i]);
	n.nr_mem = FRAGMENTS - PRESERVED;
	for (i = PRESERVED; i < FRAGMENTS; i++)
		n.mem[i - PRESERVED] = (struct kho_mem){
			.addr = page_to_phys(fragment[i]), .len = PAGE_SIZE,
		};
	return test_kho_faults_put(fdt, &n);
}

static void note(struct witness *w, bool dumped)
{
	if (w->dumped == dumped)
		pr_err("ERROR: %s twice\n", dumped ? "DUMP" : "ABORT");
	w->dumped = dumped;
}

static void wait_if_told(void)
{
	int i;

	for (i = 0; READ_ONCE(hold) && i < 600; i++) {
		held = true;
		msleep(100);
	}
	held = false;
}

static int first_notify(struct notifier_block *nb, unsigned long event,
			void *fdt)
{
	struct witness *w = container_of(nb, struct witness, nb);
	int err;

	if (event != KEXEC_KHO_DUMP && event != KEXEC_KHO_ABORT)
		return NOTIFY_DONE;

	guard(mutex)(&lock);
	if (event == KEXEC_KHO_ABORT) {
		note(w, false);
		return NOTIFY_DONE;
	}

	err = write_node(fdt);
	if (!err) {
		note(w, true);
		wait_if_told();
	}
	return kho_notify_result(err);
}

static int last_notify(struct notifier_block *nb, unsigned long event,
		       void *fdt)
{
	if (event == KEXEC_KHO_DUMP || event == KEXEC_KHO_ABORT)
		note(container_of(nb, struct witness, nb), event == KEXEC_KHO_DUMP);
	return NOTIFY_DONE;
}

static struct witness first = {
	.nb = { .notifier_call = first_notify, .priority = 1 },
};

static struct witness last = {
	.nb = { .notifier_call = last_notify, .priority = -1 },
};

static int preserve(void)
{
	int err = 0;

	guard(mutex)(&lock);
	if (!ready)
		return -EBUSY;
	if (!preserved)
		err = preserve_set();
	if (!err)
		preserved = true;
	return err;
}

static int unpreserve(void)
{
	guard(mutex)(&lock);
	if (preserved) {
		must("unpreserving the folio", kho_unpreserve_folio(folio));
		unpreserve_set(AREAS, PRESERVED);
	}
	preserved = false;
	return 0;
}

/*
 * What scripts see and do
 */

static int trigger(const char *val, int (*off)(void), int (*on)(void))
{
	bool yes;

	return kstrtobool(val, &yes) ?: yes ? on() : off ? off() : -EINVAL;
}

static int preserve_store(const char *val, const struct kernel_param *kp)
{
	return trigger(val, unpreserve, preserve);
}

static int restore_store(const char *val, const struct kernel_param *kp)
{
	return trigger(val, NULL, restore);
}

/* What is to be seen of a handover here: "active", "idle", or anything else */
static int state_show(char *buf, const struct kernel_param *kp)
{
	guard(mutex)(&lock);
	if (!ready)
		return -EBUSY;
	if (first.dumped == last.dumped)
		return sysfs_emit(buf, first.dumped ? "active\n" : "idle\n");
	return sysfs_emit(buf, "DUMP was called for %d and %d\n", first.dumped,
			  last.dumped);
}

static const struct kernel_param_ops preserve_ops = { .set = preserve_store };
static const struct kernel_param_ops restore_ops = { .set = restore_store };
static const struct kernel_param_ops state_ops = { .get = state_show };

module_param_cb(preserve, &preserve_ops, NULL, 0200);
MODULE_PARM_DESC(preserve, "preserve the set, or give it up");
module_param_cb(restore, &restore_ops, NULL, 0200);
MODULE_PARM_DESC(restore, "take back what was handed over, and check it");
module_param_cb(state, &state_ops, NULL, 0400);
MODULE_PARM_DESC(state, "whether a handover is active, for the notifiers and for who preserves");

/*
 * The set
 */

static void free_set(void)
{
	int i;

	for (i = 0; i < FRAGMENTS && fragment[i]; i++)
		__free_page(fragment[i]);
	if (folio)
		folio_put(folio);
	for (i = 0; i < AREAS; i++)
		vfree(area[i]);
}

static void take_fragments(struct page *block, unsigned int order, int nr)
{
	int i, kept = 0;

	split_page(block, order);
	for (i = 0; i < 1 << order; i++) {
		if (i % 2 || kept == FROM_A_BLOCK) {
			__free_page(block + i);
			continue;
		}
		fill(page_address(block + i), 1, page_to_phys(block + i));
		fragment[nr + kept++] = block + i;
	}
}

/* Blocks are large, and all there before one is cut up: they shall lie far apart */
static int alloc_fragments(unsigned int order)
{
	struct page *block[BLOCKS];
	int i, nr = 0;

	while (nr < BLOCKS) {
		block[nr] = alloc_pages(GFP_KERNEL | __GFP_NOWARN, order);
		if (!block[nr])
			break;
		nr++;
	}
	if (nr < BLOCKS) {
		while (nr)
			__free_pages(block[--nr], order);
		return -ENOMEM;
	}
	for (i = 0; i < nr; i++)
		take_fragments(block[i], order, i * FROM_A_BLOCK);
	return 0;
}

static int alloc_set(void)
{
	int i, err = alloc_fragments(MAX_PAGE_ORDER);

	if (err) {
		pr_info("few large blocks are free: the set may lie close together\n");
		err = alloc_fragments(SMALL_ORDER);
	}

	folio = folio_alloc(GFP_KERNEL, FOLIO_ORDER);
	if (err || !folio)
		return -ENOMEM;

	fill(folio_address(folio), 1 << FOLIO_ORDER, PFN_PHYS(folio_pfn(folio)));
	for (i = 0; i < AREAS; i++) {
		area[i] = vmalloc(AREA_PAGES * PAGE_SIZE);
		if (!area[i])
			return -ENOMEM;
		fill(area[i], AREA_PAGES, i);
	}
	return 0;
}

static void leave(void)
{
	must("leaving first", unregister_kho_notifier(&first.nb));
	must("leaving last", unregister_kho_notifier(&last.nb));
	must("giving up", unpreserve());
}

static int __init test_kho_faults_init(void)
{
	int err;

	err = alloc_set();
	if (!err)
		err = register_kho_notifier(&first.nb) ?:
		      register_kho_notifier(&last.nb);
	if (err) {
		leave();
		free_set();
		return err;
	}

	scoped_guard(mutex, &lock)
		ready = true;
	return 0;
}

static void __exit test_kho_faults_exit(void)
{
	leave();
	free_set();
}

module_init(test_kho_faults_init);
module_exit(test_kho_faults_exit);

MODULE_DESCRIPTION("Test kexec handover when something goes wrong half way");
MODULE_LICENSE("GPL");
