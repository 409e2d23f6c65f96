/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the KHO benchmark's directory is handed over, and found again: all that
 * depends on which kernel's KHO it is. There is another version of this file for
 * mainline, in tools/testing/selftests/kho/mainline/.
 */
#include <linux/libfdt.h>
#include <linux/notifier.h>
#include <linux/unaligned.h>

#define BENCH_COMPATIBLE	"linux,kho-bench-v1"

static phys_addr_t bench_announced;

static int bench_write_node(void *fdt)
{
	return fdt_begin_node(fdt, "kho-bench") ?:
	       fdt_property_string(fdt, "compatible", BENCH_COMPATIBLE) ?:
	       fdt_property_u64(fdt, "directory", bench_announced) ?:
	       fdt_end_node(fdt);
}

static int bench_notify(struct notifier_block *nb, unsigned long event,
			void *fdt)
{
	if (event != KEXEC_KHO_DUMP)
		return NOTIFY_DONE;
	pr_info("activation begins\n");
	return kho_notify_result(bench_write_node(fdt));
}

static struct notifier_block bench_nb = {
	.notifier_call = bench_notify,
};

static int bench_announce(void *dir, size_t size)
{
	bench_announced = virt_to_phys(dir);
	return register_kho_notifier(&bench_nb);
}

static int bench_find(phys_addr_t *dir)
{
	const void *fdt = kho_get_fdt(), *prop = NULL;
	int node = -FDT_ERR_NOTFOUND, len;

	if (fdt)
		node = fdt_node_offset_by_compatible(fdt, -1, BENCH_COMPATIBLE);
	if (node >= 0)
		prop = fdt_getprop(fdt, node, "directory", &len);
	if (!prop || len != sizeof(u64))
		return -ENOENT;

	*dir = get_unaligned_be64(prop);
	return 0;
}
