/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the KHO benchmark's directory is handed over, and found again: all that
 * depends on which kernel's KHO it is. There is another version of this file for
 * mainline, in tools/testing/selftests/kho/mainline/.
 */
#include <linux/notifier.h>

#include "kho_bench_node.h"

static struct kho_bench_node bench_announced;

static int bench_notify(struct notifier_block *nb, unsigned long event,
			void *fdt)
{
	if (event != KEXEC_KHO_DUMP)
		return NOTIFY_DONE;
	pr_info("activation begins\n");
	return kho_notify_result(kho_bench_put(fdt, &bench_announced));
}

static struct notifier_block bench_nb = {
	.notifier_call = bench_notify,
};

static int bench_announce(void *dir, size_t size)
{
	bench_announced.directory = virt_to_phys(dir);
	return register_kho_notifier(&bench_nb);
}

static int bench_find(phys_addr_t *dir)
{
	const void *fdt = kho_get_fdt();
	int node = kho_bench_find(fdt);
	struct kho_bench_node old;

	if (node < 0 || kho_bench_get(fdt, node, &old))
		return -ENOENT;

	*dir = old.directory;
	return 0;
}
