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
#include <linux/libfdt.h>
#include <linux/mm.h>
#include <linux/notifier.h>
#include <linux/printk.h>
#include <linux/string.h>

#include "kexec_kho_internal.h"

#define NODE		"reserve-mem"
#define COMPATIBLE	"linux,reserve-mem-v1"
#define MAX_REGIONS	8
#define NAME_SIZE	16

static struct {
	char name[NAME_SIZE];
	struct kho_mem mem;
	u64 size;
} kho_region[MAX_REGIONS];
static unsigned int kho_nr_regions;

static int find_node(const void *fdt, const char *name)
{
	int parent, node;

	parent = fdt_subnode_offset(fdt, 0, NODE);
	if (parent < 0 || fdt_node_check_compatible(fdt, parent, COMPATIBLE))
		return -FDT_ERR_NOTFOUND;

	fdt_for_each_subnode(node, fdt, parent)
		if (fdt_stringlist_search(fdt, node, "label", name) == 0)
			return node;
	return -FDT_ERR_NOTFOUND;
}

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
	const fdt64_t *prop;
	struct kho_mem mem;
	int node, len;

	if (!fdt)
		return 0;

	node = find_node(fdt, name);
	if (node < 0) {
		pr_info("%s: not handed over: reserved anew\n", name);
		return 0;
	}

	prop = fdt_getprop(fdt, node, "size", &len);
	if (!prop || len != sizeof(*prop) || kho_get_mem(node, 0, &mem)) {
		pr_err("%s: malformed in the handover: reserved anew\n", name);
		return 0;
	}
	if (fdt64_ld(prop) != size || mem.len != PAGE_ALIGN(size)) {
		pr_warn("%s: %llu bytes were handed over, %llu are asked for: reserved anew\n",
			name, fdt64_ld(prop), (u64)size);
		return 0;
	}
	if (align && mem.addr % align) {
		pr_warn("%s: handed over at %#llx, which is not aligned to %#llx: reserved anew\n",
			name, mem.addr, (u64)align);
		return 0;
	}
	if (!kho_claim_reserved_mem(&mem))
		return 0;

	pr_info("%s: handed over at %#llx\n", name, mem.addr);
	return mem.addr;
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
	if (!kho_is_enabled() || kho_nr_regions == MAX_REGIONS)
		return;

	strscpy(kho_region[kho_nr_regions].name, name);
	kho_region[kho_nr_regions].size = size;
	kho_region[kho_nr_regions].mem.addr = start;
	kho_region[kho_nr_regions].mem.len = PAGE_ALIGN(size);
	kho_mem_keep(&kho_region[kho_nr_regions].mem);
	kho_nr_regions++;
}

static int write_region(void *fdt, unsigned int i)
{
	char node[20];

	snprintf(node, sizeof(node), "region-%u", i);
	return fdt_begin_node(fdt, node) ?:
	       fdt_property_string(fdt, "label", kho_region[i].name) ?:
	       fdt_property_u64(fdt, "size", kho_region[i].size) ?:
	       kho_fdt_property_mem(fdt, &kho_region[i].mem, 1) ?:
	       fdt_end_node(fdt);
}

static int write_regions(void *fdt)
{
	unsigned int i;
	int err;

	err = fdt_begin_node(fdt, NODE) ?:
	      fdt_property_string(fdt, "compatible", COMPATIBLE);
	for (i = 0; !err && i < kho_nr_regions; i++)
		err = write_region(fdt, i);
	return err ?: fdt_end_node(fdt);
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
