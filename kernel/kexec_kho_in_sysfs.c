// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kexec HandOver: what an operator sees of an accepted handover.
 *
 * That is /sys/firmware/kho, and a refusal to resume from hibernation.
 */
#define pr_fmt(fmt) "kho: " fmt

#include <linux/cleanup.h>
#include <linux/init.h>
#include <linux/kobject.h>
#include <linux/libfdt.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/slab.h>
#include <linux/suspend.h>
#include <linux/sysfs.h>

#include "kexec_kho_internal.h"

typedef void (*mem_fn)(const struct kho_mem *mem, void *data);

static void add_left(const struct kho_mem *mem, void *data)
{
	*(unsigned long *)data += kho_in_left(mem);
}

static void free_left(const struct kho_mem *mem, void *data)
{
	kho_in_release(mem);
}

/* Call a function for each range that a top-level node lists */
static void walk_listed(unsigned int node, mem_fn fn, void *data)
{
	unsigned long i;

	for (i = 0; i < kho_in.listings; i++)
		if (kho_in.listing[i].node == node)
			fn(&kho_in.listing[i].mem, data);
}

/* The same for what of an extent no node lists; returns the listing to go on with */
static const struct kho_listing *walk_between(const struct kho_mem *mem,
					      const struct kho_listing *l,
					      mem_fn fn, void *data)
{
	const struct kho_listing *last = kho_in.listing + kho_in.listings;
	u64 at = mem->addr, end = mem->addr + mem->len;

	for (; l < last && l->mem.addr < end; l++) {
		if (at < l->mem.addr)
			fn(&(struct kho_mem){ at, l->mem.addr - at }, data);
		at = l->mem.addr + l->mem.len;
		/* It goes on in the next extent */
		if (at > end)
			return l;
	}
	if (at < end)
		fn(&(struct kho_mem){ at, end - at }, data);
	return l;
}

/* The same for all that no node lists */
static void walk_unlisted(mem_fn fn, void *data)
{
	const struct kho_listing *l = kho_in.listing;
	unsigned long i;

	for (i = 0; i < kho_in.extents; i++)
		l = walk_between(&kho_in.extent[i].mem, l, fn, data);
}

/**
 * struct node_attr - a top-level node's file in /sys/firmware/kho/unclaimed
 * @attr: the file
 * @node: index of the node
 */
struct node_attr {
	struct kobj_attribute attr;
	unsigned int node;
};

static ssize_t node_show(struct kobject *kobj, struct kobj_attribute *attr,
			 char *buf)
{
	struct node_attr *n = container_of(attr, struct node_attr, attr);
	unsigned long pages = 0;

	guard(mutex)(&kho_in.lock);
	walk_listed(n->node, add_left, &pages);
	return sysfs_emit(buf, "%llu\n", PFN_PHYS((u64)pages));
}

static int parse_release(const char *buf)
{
	bool yes;
	int err = kstrtobool(buf, &yes);

	if (err)
		return err;
	return yes ? 0 : -EINVAL;
}

static ssize_t node_store(struct kobject *kobj, struct kobj_attribute *attr,
			  const char *buf, size_t count)
{
	struct node_attr *n = container_of(attr, struct node_attr, attr);
	int err = parse_release(buf);

	if (err)
		return err;

	guard(mutex)(&kho_in.lock);
	walk_listed(n->node, free_left, NULL);
	return count;
}

static ssize_t unlisted_show(struct kobject *kobj, struct kobj_attribute *attr,
			     char *buf)
{
	unsigned long pages = 0;

	guard(mutex)(&kho_in.lock);
	walk_unlisted(add_left, &pages);
	return sysfs_emit(buf, "%llu\n", PFN_PHYS((u64)pages));
}

static ssize_t unlisted_store(struct kobject *kobj, struct kobj_attribute *attr,
			      const char *buf, size_t count)
{
	int err = parse_release(buf);

	if (err)
		return err;

	guard(mutex)(&kho_in.lock);
	walk_unlisted(free_left, NULL);
	return count;
}

static struct kobj_attribute kho_in_unlisted_attr = __ATTR_RW_MODE(unlisted, 0600);

static ssize_t status_show(struct kobject *kobj, struct kobj_attribute *attr,
			   char *buf)
{
	return sysfs_emit(buf, "%s\n", kho_in.status);
}

static struct kobj_attribute kho_in_status_attr = __ATTR_RO_MODE(status, 0400);

static ssize_t in_fdt_read(struct file *file, struct kobject *kobj,
			struct bin_attribute *attr, char *buf, loff_t pos,
			size_t count)
{
	return memory_read_from_buffer(buf, count, &pos, kho_in.fdt,
				       fdt_totalsize(kho_in.fdt));
}

static struct bin_attribute kho_in_fdt_attr = __BIN_ATTR(fdt, 0400, in_fdt_read, NULL, 0);

static const void *in_entry(size_t i, struct kho_entry *e)
{
	const struct kho_extent *x = &kho_in.extent[i];

	*e = (struct kho_entry){
		.addr = cpu_to_be64(x->mem.addr),
		.len = cpu_to_be64(x->mem.len),
		.type = cpu_to_be32(x->kept ? KHO_ENTRY_BITMAP : KHO_ENTRY_EXTENT),
		.shift = cpu_to_be32(x->kept ? PAGE_SHIFT : x->shift),
	};
	/* And those of the joined pages behind them */
	return x->kept;
}

static ssize_t in_table_read(struct file *file, struct kobject *kobj,
			     struct bin_attribute *attr, char *buf, loff_t pos,
			     size_t count)
{
	return kho_table_read(kho_in.extents, in_entry, buf, count, pos);
}

static struct bin_attribute kho_in_table_attr =
	__BIN_ATTR(table, 0400, in_table_read, NULL, 0);

static bool __init lists_mem(unsigned int node)
{
	unsigned long i;

	for (i = 0; i < kho_in.listings; i++)
		if (kho_in.listing[i].node == node)
			return true;
	return false;
}

static int __init add_node(struct kobject *dir, struct node_attr *n,
			   unsigned int node, const char *name)
{
	if (!lists_mem(node))
		return 0;

	n->node = node;
	n->attr.attr.name = name;
	n->attr.attr.mode = 0600;
	n->attr.show = node_show;
	n->attr.store = node_store;
	sysfs_attr_init(&n->attr.attr);
	return sysfs_create_file(dir, &n->attr.attr);
}

static int __init add_nodes(struct kobject *parent)
{
	struct node_attr *n;
	unsigned int i = 0;
	struct kobject *dir;
	int node, err = 0;

	/* Neither is ever freed */
	n = kcalloc(kho_in.nodes, sizeof(*n), GFP_KERNEL);
	dir = kobject_create_and_add("unclaimed", parent);
	if (!n || !dir)
		return -ENOMEM;

	fdt_for_each_subnode(node, kho_in.fdt, 0) {
		err = err ?: add_node(dir, &n[i], i,
				      fdt_get_name(kho_in.fdt, node, NULL));
		i++;
	}
	return err;
}

/*
 * The kernel that handed over has run since the system was hibernated. To resume
 * would lose what it preserved, and go back behind what it wrote to disks.
 */
static int pm_event(struct notifier_block *nb, unsigned long event, void *data)
{
	if (event != PM_RESTORE_PREPARE || !kho_in.pages)
		return NOTIFY_DONE;

	pr_err("not resuming from hibernation: %llu KiB that were handed over would be lost\n",
	       (u64)kho_in.pages << (PAGE_SHIFT - 10));
	return notifier_from_errno(-EBUSY);
}

static int __init kho_in_sysfs_init(void)
{
	struct kobject *kobj = kobject_create_and_add("kho", firmware_kobj);
	int err;

	if (!kobj)
		return -ENOMEM;

	err = sysfs_create_file(kobj, &kho_in_status_attr.attr);
	if (err || !kho_in.fdt)
		return err;

	pm_notifier(pm_event, 0);
	return sysfs_create_bin_file(kobj, &kho_in_fdt_attr) ?:
	       sysfs_create_bin_file(kobj, &kho_in_table_attr) ?:
	       sysfs_create_file(kobj, &kho_in_unlisted_attr.attr) ?:
	       add_nodes(kobj);
}
subsys_initcall(kho_in_sysfs_init);

#if IS_ENABLED(CONFIG_KEXEC_HANDOVER_KUNIT_TEST)
#include "kexec_kho_in_sysfs_test.c"
#endif
