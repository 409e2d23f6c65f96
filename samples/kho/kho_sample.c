// SPDX-License-Identifier: GPL-2.0-only
/*
 * The smallest driver that takes part in a kexec handover (KHO).
 *
 * It hands over a counter, a string and pages that are scattered over memory,
 * and when it is loaded, takes back what its predecessor in the kernel before
 * handed over. Documentation/kho/driver.rst walks through it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/crc32.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/string.h>
#include <linux/utsname.h>

#include "kho_sample_node.h"

#define NR_PAGES	KHO_SAMPLE_MEM_MAX

static struct kho_sample_node state = {
	.counter = 1,
	.text = "hello from the first kernel",
};

static struct page *pages[NR_PAGES];

static u32 checksum_pages(void)
{
	u32 crc = 0;
	int i;

	for (i = 0; i < NR_PAGES; i++)
		crc = crc32(crc, page_address(pages[i]), PAGE_SIZE);
	return crc;
}

/* Everything is written here, when the handover is: not a moment earlier */
static int write_node(void *fdt)
{
	struct kho_sample_node next = state;

	next.counter++;
	next.crc32 = checksum_pages();
	for (next.nr_mem = 0; next.nr_mem < NR_PAGES; next.nr_mem++)
		next.mem[next.nr_mem] = (struct kho_mem){
			page_to_phys(pages[next.nr_mem]), PAGE_SIZE
		};
	next.has_from = true;
	strscpy(next.from, init_utsname()->release);
	return kho_sample_put(fdt, &next);
}

static int sample_notify(struct notifier_block *nb, unsigned long event,
			 void *fdt)
{
	/* Writing has changed nothing here that an abort would have to undo */
	if (event != KEXEC_KHO_DUMP)
		return NOTIFY_DONE;
	return kho_notify_result(write_node(fdt));
}

static struct notifier_block sample_nb = {
	.notifier_call = sample_notify,
};

/*
 * Claim what the node lists and sum it up. A driver that goes on using this
 * memory keeps it; here, each range has done its work once it is read.
 */
static int check_pages(const struct kho_sample_node *old)
{
	u32 crc = 0;
	unsigned int i;

	for (i = 0; i < old->nr_mem; i++) {
		void *data = kho_claim_mem(&old->mem[i]);

		if (!data) {
			pr_err("error: the pages that were handed over are not to be had\n");
			return -EBUSY;
		}
		crc = crc32(crc, data, old->mem[i].len);
		kho_return_mem(&old->mem[i]);
	}

	if (crc == old->crc32)
		return 0;
	pr_err("error: checksum %#x, expected %#x\n", crc, old->crc32);
	return -EBADMSG;
}

/* Whatever is wrong with the old state, the driver works: it starts anew */
static void find_state(void)
{
	const void *fdt = kho_get_fdt();
	int node = kho_sample_find(fdt);
	struct kho_sample_node old;

	if (node < 0) {
		pr_info("no handover: starting at %u\n", state.counter);
	} else if (kho_sample_get(fdt, node, &old)) {
		pr_err("error: the node that was handed over is malformed: starting at %u\n",
		       state.counter);
		kho_sample_return(&old);
	} else if (check_pages(&old)) {
		pr_info("handover not used: starting at %u\n", state.counter);
	} else {
		state = old;
		pr_info("found: counter %u, \"%s\", %u ranges verified\n", old.counter, old.text,
			old.nr_mem);
		if (old.has_from)
			pr_info("written by %s\n", old.from);
	}
}

static void free_pages_all(void)
{
	int i;

	for (i = 0; i < NR_PAGES && pages[i]; i++)
		__free_page(pages[i]);
}

static int __init sample_init(void)
{
	int err = -ENOMEM;
	int i;

	for (i = 0; i < NR_PAGES; i++) {
		pages[i] = alloc_page(GFP_KERNEL);
		if (!pages[i])
			goto err_free;
		memset(page_address(pages[i]), 'A' + i, PAGE_SIZE);
	}

	find_state();
	/* Last: it may be called at once */
	err = register_kho_notifier(&sample_nb);
	if (err)
		goto err_free;
	return 0;

err_free:
	free_pages_all();
	return err;
}

static void __exit sample_exit(void)
{
	/* First: it says whether the pages are still ours */
	if (!unregister_kho_notifier(&sample_nb))
		free_pages_all();
}

module_init(sample_init);
module_exit(sample_exit);

MODULE_DESCRIPTION("Kexec handover sample");
MODULE_LICENSE("GPL");
