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
#include <linux/libfdt.h>
#include <linux/mm.h>
#include <linux/nmi.h>
#include <linux/notifier.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/vmalloc.h>

#include "kexec_kho_internal.h"

#define NODE		"page-hashes"
#define COMPATIBLE	"linux,page-hashes-v1"

/**
 * struct kho_hashes - those of the outgoing handover
 * @hash: one for each page, behind their number; NULL if there are none
 * @max:  room for so many
 * @nr:   how many pages were seen
 * @kv:   tells the next kernel where @hash is
 */
static struct kho_hashes {
	__be32 *hash;
	unsigned long max;
	unsigned long nr;
	struct kho_vmalloc kv;
} kho_hashes;

static void hash_run(unsigned long pfn, unsigned long nr)
{
	for (; nr; nr--, pfn++)
		if (kho_hashes.nr++ < kho_hashes.max)
			kho_hashes.hash[kho_hashes.nr] = kho_hash_page(pfn);
	/* It may take long, and nothing else can run */
	touch_nmi_watchdog();
	rcu_cpu_stall_reset();
}

static void hash_all(void)
{
	if (!kho_hashes.hash)
		return;

	kho_hashes.nr = 0;
	kho_track_walk(hash_run);
	if (kho_hashes.nr <= kho_hashes.max)
		kho_hashes.hash[0] = cpu_to_be32(kho_hashes.nr);
}

static void give_up(void)
{
	if (!kho_unpreserve_vmalloc(&kho_hashes.kv))
		vfree(kho_hashes.hash);
	kho_hashes = (struct kho_hashes){ };
}

static int prepare(void)
{
	unsigned long pages = kho_track_nr_pages();
	int err;

	/* What this preserves itself counts, too, and what others still do */
	kho_hashes.max = pages + pages / 512 + 1024;
	kho_hashes.hash = vcalloc(1 + kho_hashes.max, sizeof(*kho_hashes.hash));
	err = kho_hashes.hash ? kho_preserve_vmalloc(kho_hashes.hash, &kho_hashes.kv) : -ENOMEM;
	if (err) {
		vfree(kho_hashes.hash);
		kho_hashes = (struct kho_hashes){ };
	}
	return err;
}

static int write_node(void *fdt)
{
	return fdt_begin_node(fdt, NODE) ?:
	       fdt_property_string(fdt, "compatible", COMPATIBLE) ?:
	       fdt_property(fdt, "vmalloc", &kho_hashes.kv, sizeof(kho_hashes.kv)) ?:
	       fdt_end_node(fdt);
}

static int hash_notify(struct notifier_block *nb, unsigned long event, void *fdt)
{
	int err;

	if (event == KEXEC_KHO_JUMP)
		hash_all();
	if (event == KEXEC_KHO_ABORT && kho_hashes.hash)
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
	err = write_node(fdt);
	if (err)
		give_up();
	return kho_notify_result(err);
}

/* After all others, who may still preserve something */
static struct notifier_block hash_nb = {
	.notifier_call = hash_notify,
	.priority = INT_MIN,
};

static const struct kho_vmalloc *__init find_hashes(void)
{
	const void *fdt = kho_get_fdt(), *kv;
	int node, len;

	node = fdt ? fdt_node_offset_by_compatible(fdt, -1, COMPATIBLE) : -1;
	kv = node < 0 ? NULL : fdt_getprop(fdt, node, "vmalloc", &len);
	return kv && len == sizeof(struct kho_vmalloc) ? kv : NULL;
}

static int __init hash_init(void)
{
	const struct kho_vmalloc *kv = find_hashes();
	const __be32 *hash = kv ? kho_restore_vmalloc(kv) : NULL;

	if (hash && be32_to_cpu(*hash) == kho_in.pages &&
	    kho_in.pages < PAGE_SIZE * (u64)be32_to_cpu(kv->pages) / sizeof(*hash)) {
		pr_info("the contents of %lu pages are checked as they are taken\n",
			kho_in.pages);
		kho_in.hash = hash + 1;
	} else {
		vfree(hash);
	}

	return kho_is_enabled() ? register_kho_notifier(&hash_nb) : 0;
}

/* Before anybody can take anything */
pure_initcall(hash_init);
