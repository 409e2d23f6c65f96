// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kexec HandOver: hashes of what is preserved (CONFIG_KEXEC_HANDOVER_DEBUG).
 *
 * Takes one of each page just before the jump, when nobody else runs. The next
 * kernel compares them as drivers take their pages (see kexec_kho_in.c). For the
 * rest of KHO this is a client like any other, that comes last: it has a node in
 * the FDT, and the hashes are in a vmalloc area: their number, then they, in the
 * order of the pages' addresses.
 */
#define pr_fmt(fmt) "kho: " fmt

#include <linux/init.h>
#include <linux/kexec_handover_mm.h>
#include <linux/mm.h>
#include <linux/nmi.h>
#include <linux/notifier.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/vmalloc.h>

#include "kexec_kho_internal.h"
#include "kexec_kho_page_hashes_node.h"

/**
 * struct kho_hashes - those of the outgoing handover
 * @table: one for each page, and their number; NULL if there are none
 * @max:   room for so many
 * @nr:    how many pages were seen
 * @node:  tells the next kernel where @table is
 */
static struct kho_hashes {
	struct kho_page_hashes_table_be *table;
	unsigned long max;
	unsigned long nr;
	struct kho_page_hashes_node node;
} kho_hashes;

static void hash_run(unsigned long pfn, unsigned long nr)
{
	for (; nr; nr--, pfn++)
		if (kho_hashes.nr++ < kho_hashes.max)
			kho_hashes.table->hash[kho_hashes.nr - 1] = kho_hash_page(pfn);
	/* It may take long, and nothing else can run */
	touch_nmi_watchdog();
	rcu_cpu_stall_reset();
}

static void hash_all(void)
{
	if (!kho_hashes.table)
		return;

	kho_hashes.nr = 0;
	kho_track_walk(hash_run);
	if (kho_hashes.nr <= kho_hashes.max)
		kho_hashes.table->nr = cpu_to_be32(kho_hashes.nr);
}

static void give_up(void)
{
	if (!kho_unpreserve_vmalloc(&kho_hashes.node.vmalloc))
		vfree(kho_hashes.table);
	kho_hashes = (struct kho_hashes){ };
}

static int prepare(void)
{
	unsigned long pages = kho_track_nr_pages();
	int err;

	/* What this preserves itself counts, too, and what others still do */
	kho_hashes.max = pages + pages / 512 + 1024;
	kho_hashes.table = vzalloc(struct_size(kho_hashes.table, hash, kho_hashes.max));
	err = kho_hashes.table ?
		kho_preserve_vmalloc(kho_hashes.table, &kho_hashes.node.vmalloc) : -ENOMEM;
	if (err) {
		vfree(kho_hashes.table);
		kho_hashes = (struct kho_hashes){ };
	}
	return err;
}

static int hash_notify(struct notifier_block *nb, unsigned long event, void *fdt)
{
	int err;

	if (event == KEXEC_KHO_JUMP)
		hash_all();
	if (event == KEXEC_KHO_ABORT && kho_hashes.table)
		give_up();
	if (event != KEXEC_KHO_DUMP)
		return NOTIFY_DONE;

	err = prepare();
	if (err == -EINVAL) {
		pr_warn("the contents of what is preserved will not be checked: no memory for hashes but what was added after boot\n");
		return NOTIFY_DONE;
	}
	if (err)
		return notifier_from_errno(err);
	err = kho_page_hashes_put(fdt, &kho_hashes.node);
	if (err)
		give_up();
	return kho_notify_result(err);
}

/* After all others, who may still preserve something */
static struct notifier_block hash_nb = {
	.notifier_call = hash_notify,
	.priority = INT_MIN,
};

static int __init hash_init(void)
{
	const void *fdt = kho_get_fdt();
	int node = kho_page_hashes_find(fdt);
	struct kho_page_hashes_table_be *table = NULL;
	struct kho_page_hashes_node old = { };

	if (node >= 0 && !kho_page_hashes_get(fdt, node, &old))
		table = kho_restore_vmalloc(&old.vmalloc);

	if (table && be32_to_cpu(table->nr) == kho_in.pages &&
	    struct_size(table, hash, kho_in.pages) <=
	    PAGE_SIZE * (u64)be32_to_cpu(old.vmalloc.pages)) {
		pr_info("the contents of %lu pages are checked as they are taken\n",
			kho_in.pages);
		kho_in.hash = table->hash;
	} else {
		vfree(table);
	}

	return kho_is_enabled() ? register_kho_notifier(&hash_nb) : 0;
}

/* Before anybody can take anything */
pure_initcall(hash_init);
