// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kexec HandOver: reserve_mem= regions.
 *
 * A region that both kernels reserve under one name, with the same size, keeps
 * its address and its contents. Whoever uses it (an ftrace instance, ramoops)
 * need not know.
 */
#define pr_fmt(fmt) "kho: reserve_mem: " fmt

#include <linux/init.h>
#include <linux/io.h>
#include <linux/kexec_handover_mm.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/notifier.h>
#include <linux/printk.h>
#include <linux/string.h>

#include "kexec_kho_internal.h"
#include "kexec_kho_reserve_mem_node.h"

static struct kho_reserved_region kho_region[KHO_RESERVED_REGION_MAX];
static unsigned int kho_nr_regions;

/**
 * kho_reserve_mem_find() - find a region that was handed over
 * @name:  the region's name
 * @size:  bytes that it shall have
 * @align: alignment that it shall have
 *
 * Return: its physical address, or 0: it is to be allocated anew.
 */
phys_addr_t __init kho_reserve_mem_find(const char *name, phys_addr_t size,
					phys_addr_t align)
{
	const void *fdt = kho_get_fdt();
	int node = kho_reserved_find(fdt);
	struct kho_reserved_region old;
	const struct kho_mem *mem = old.mem;

	if (!fdt)
		return 0;

	if (node >= 0)
		node = kho_reserved_get(fdt, node) ?:
		       kho_reserved_find_region(fdt, node, name);
	if (node < 0 && node != -EBADMSG) {
		pr_info("%s: not handed over: reserved anew\n", name);
		return 0;
	}

	if (node < 0 || kho_reserved_get_region(fdt, node, &old)) {
		pr_err("%s: malformed in the handover: reserved anew\n", name);
		return 0;
	}
	/* The rest of a larger page of the kernel before goes with it */
	if (old.size != size || mem->len < PAGE_ALIGN(size)) {
		pr_warn("%s: %llu bytes were handed over, %llu are asked for: reserved anew\n",
			name, old.size, (u64)size);
		return 0;
	}
	if (align && mem->addr % align) {
		pr_warn("%s: handed over at %#llx, which is not aligned to %#llx: reserved anew\n",
			name, mem->addr, (u64)align);
		return 0;
	}
	if (!kho_claim_reserved_mem(mem))
		return 0;

	pr_info("%s: handed over at %#llx\n", name, mem->addr);
	return mem->addr;
}

/**
 * kho_reserve_mem_add() - hand a region over on the next kexec
 * @start: physical address
 * @size:  bytes
 * @name:  the region's name
 */
void __init kho_reserve_mem_add(phys_addr_t start, phys_addr_t size,
				const char *name)
{
	struct kho_reserved_region *r = &kho_region[kho_nr_regions];

	if (!kho_is_enabled() || kho_nr_regions == ARRAY_SIZE(kho_region))
		return;

	strscpy(r->label, name);
	r->size = size;
	r->nr_mem = 1;
	r->mem->addr = start;
	r->mem->len = PAGE_ALIGN(size);
	kho_mem_keep(r->mem);
	kho_nr_regions++;
}

static int write_regions(void *fdt)
{
	unsigned int i;
	int err = kho_reserved_begin(fdt);

	for (i = 0; !err && i < kho_nr_regions; i++)
		err = kho_reserved_put_region(fdt, i, &kho_region[i]);
	return err ?: kho_reserved_end(fdt);
}

static int reserve_mem_notify(struct notifier_block *nb, unsigned long event,
			      void *fdt)
{
	if (event != KEXEC_KHO_DUMP)
		return NOTIFY_DONE;
	return kho_notify_result(write_regions(fdt));
}

static struct notifier_block kho_reserve_mem_nb = {
	.notifier_call = reserve_mem_notify,
};

static int __init reserve_mem_init(void)
{
	return kho_nr_regions ? register_kho_notifier(&kho_reserve_mem_nb) : 0;
}
late_initcall(reserve_mem_init);
