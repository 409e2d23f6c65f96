// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test kexec handover (KHO) end to end.
 *
 * Loaded before a kexec, preserves folios, ranges of pages, single pages and a
 * vmalloc area, on all nodes, with contents that follow from a seed. Loaded
 * after it, takes all of this back and checks every byte, then preserves a new
 * set for the next kernel. With random=1, how much there is, and what becomes
 * of each item that arrives, follows from the seed: see enum fate.
 *
 * Here is what it asks of KHO besides: its notifier, and calls that must fail.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/gfp.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/vmalloc.h>

#include "test_kho.h"

unsigned int test_kho_seed = 1;
module_param_named(seed, test_kho_seed, uint, 0444);
MODULE_PARM_DESC(seed, "what the sizes and the contents follow from");

bool test_kho_random;
module_param_named(random, test_kho_random, bool, 0444);
MODULE_PARM_DESC(random, "use the numbers as limits, and do not just free what arrives");

static bool fail;
module_param(fail, bool, 0644);
MODULE_PARM_DESC(fail, "refuse the handover with -EPERM");

static int test_kho_notify(struct notifier_block *nb, unsigned long event,
			   void *fdt)
{
	if (event == KEXEC_KHO_JUMP)
		test_kho_write_late();
	if (event != KEXEC_KHO_DUMP)
		return NOTIFY_DONE;
	if (fail)
		return notifier_from_errno(-EPERM);
	return kho_notify_result(test_kho_write_node(fdt));
}

static struct notifier_block test_kho_nb = {
	.notifier_call = test_kho_notify,
};

/* What must fail does */
static int expect(const char *what, int got, int want)
{
	if (got == want)
		return 0;
	pr_err("ERROR: %s gives %d, expected %d\n", what, got, want);
	return -EINVAL;
}

static int check_calls(struct page *page)
{
	struct kho_vmalloc kv;

	return expect("preserving pages",
		      kho_preserve_pages(page, 8), 0) ?:
	       expect("preserving pages twice",
		      kho_preserve_pages(page, 8), -EEXIST) ?:
	       expect("preserving some pages twice",
		      kho_preserve_pages(page + 7, 2), -EEXIST) ?:
	       expect("unpreserving some in the middle",
		      kho_unpreserve_pages(page + 2, 3), 0) ?:
	       expect("unpreserving them twice",
		      kho_unpreserve_pages(page + 2, 3), 0) ?:
	       expect("unpreserving pages with a hole",
		      kho_unpreserve_pages(page, 8), 0) ?:
	       expect("preserving pages again",
		      kho_preserve_pages(page, 8), 0) ?:
	       expect("unpreserving pages as a folio",
		      kho_unpreserve_folio(page_folio(page)), 0) ?:
	       expect("unpreserving what is not preserved",
		      kho_unpreserve_pages(page, 8), 0) ?:
	       expect("preserving no pages",
		      kho_preserve_pages(page, 0), -EINVAL) ?:
	       expect("preserving a folio",
		      kho_preserve_folio(page_folio(page)), 0) ?:
	       expect("preserving a folio twice",
		      kho_preserve_folio(page_folio(page)), -EEXIST) ?:
	       expect("unpreserving a part of a folio",
		      kho_unpreserve_pages(page, 1), 0) ?:
	       expect("unpreserving what is left of it",
		      kho_unpreserve_folio(page_folio(page)), 0) ?:
	       expect("unpreserving a folio twice",
		      kho_unpreserve_folio(page_folio(page)), 0) ?:
	       expect("preserving what is not from vmalloc",
		      kho_preserve_vmalloc(page_address(page), &kv), -EINVAL);
}

static int self_check(void)
{
	struct folio *folio = folio_alloc(GFP_KERNEL, 4);
	int err;

	if (!folio)
		return -ENOMEM;

	err = check_calls(&folio->page);
	/* After an error, some of it may be preserved: it cannot be freed */
	if (!err)
		folio_put(folio);
	return err;
}

static int __init test_kho_init(void)
{
	struct incoming in = { };
	struct rnd_state rnd;
	int err;

	if (!kho_is_enabled()) {
		pr_info("kexec handover is off: nothing is preserved\n");
		return 0;
	}

	prandom_seed_state(&rnd, test_kho_seed);
	err = test_kho_find_dir(&in) ?: test_kho_begin(&rnd, in.items);
	if (!err && in.dir)
		err = test_kho_restore(&in);
	vfree(in.dir);

	err = err ?: self_check() ?: test_kho_preserve(&rnd) ?:
	      register_kho_notifier(&test_kho_nb);
	if (err)
		test_kho_release();
	return err;
}

static void __exit test_kho_exit(void)
{
	if (kho_is_enabled())
		unregister_kho_notifier(&test_kho_nb);
	test_kho_release();
}

module_init(test_kho_init);
module_exit(test_kho_exit);

MODULE_DESCRIPTION("Test kexec handover end to end");
MODULE_LICENSE("GPL");
