// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kexec HandOver: /sys/kernel/kho, the outgoing handover as an operator sees it.
 */
#define pr_fmt(fmt) "kho: " fmt

#include <linux/cleanup.h>
#include <linux/io.h>
#include <linux/kexec.h>
#include <linux/kexec_handover_mm.h>
#include <linux/kobject.h>
#include <linux/preempt.h>
#include <linux/sysfs.h>

#include "kexec_internal.h"
#include "kexec_kho_internal.h"

#define FDT_MAX_DEFAULT		SZ_64K

static ssize_t active_show(struct kobject *kobj, struct kobj_attribute *attr,
			   char *buf)
{
	return sysfs_emit(buf, "%d\n", kho_out_is_active());
}

static ssize_t active_store(struct kobject *kobj, struct kobj_attribute *attr,
			    const char *buf, size_t count)
{
	bool on;
	int err;

	err = kstrtobool(buf, &on) ?:
	      (on ? kho_out_activate() : kho_out_abort());
	return err ?: count;
}

static struct kobj_attribute active_attr = __ATTR_RW_MODE(active, 0600);

static ssize_t fdt_max_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *buf)
{
	struct kho_mem window;

	kho_out_window(&window);
	return sysfs_emit(buf, "%llu\n", window.len);
}

static ssize_t fdt_max_store(struct kobject *kobj, struct kobj_attribute *attr,
			     const char *buf, size_t count)
{
	unsigned long size;
	int err;

	err = kstrtoul(buf, 0, &size);
	if (err)
		return err;
	if (!size || size > KHO_FDT_MAX) {
		pr_err("fdt_max is more than 0, and at most %d\n", KHO_FDT_MAX);
		return -EINVAL;
	}
	err = kho_out_resize(size);
	return err ?: count;
}

static struct kobj_attribute fdt_max_attr = __ATTR_RW_MODE(fdt_max, 0600);

static ssize_t image_show(struct kobject *kobj, struct kobj_attribute *attr,
			  char *buf)
{
	const char *what = "none";

	/* A panic needs that lock: do not sleep with it */
	guard(preempt)();
	if (!kexec_trylock())
		return -EBUSY;
	if (kexec_image)
		what = kexec_image->kho ? "handover" : "plain";
	kexec_unlock();
	return sysfs_emit(buf, "%s\n", what);
}

static struct kobj_attribute image_attr = __ATTR_RO_MODE(image, 0400);

static ssize_t scratch_start_show(struct kobject *kobj,
				  struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%#llx\n", kho_scratch.addr);
}

static struct kobj_attribute scratch_start_attr = __ATTR_RO_MODE(scratch_start, 0400);

static ssize_t scratch_size_show(struct kobject *kobj,
				 struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", kho_scratch.len);
}

static struct kobj_attribute scratch_size_attr = __ATTR_RO_MODE(scratch_size, 0400);

static ssize_t fdt_start_show(struct kobject *kobj, struct kobj_attribute *attr,
			      char *buf)
{
	struct kho_mem window;

	kho_out_window(&window);
	return sysfs_emit(buf, "%#llx\n", window.addr);
}

static struct kobj_attribute fdt_start_attr = __ATTR_RO_MODE(fdt_start, 0400);

static ssize_t fdt_read(struct file *file, struct kobject *kobj,
			struct bin_attribute *attr, char *buf, loff_t pos,
			size_t count)
{
	return kho_out_read(buf, count, pos);
}

static struct bin_attribute fdt_attr = __BIN_ATTR(fdt, 0400, fdt_read, NULL, 0);

static ssize_t table_read(struct file *file, struct kobject *kobj,
			  struct bin_attribute *attr, char *buf, loff_t pos,
			  size_t count)
{
	return kho_out_read_table(buf, count, pos);
}

static struct bin_attribute table_attr = __BIN_ATTR(table, 0400, table_read, NULL, 0);

static struct attribute *kho_attrs[] = {
	&active_attr.attr,
	&fdt_max_attr.attr,
	&fdt_start_attr.attr,
	&image_attr.attr,
	&scratch_size_attr.attr,
	&scratch_start_attr.attr,
	NULL
};

static struct bin_attribute *kho_bin_attrs[] = {
	&fdt_attr,
	&table_attr,
	NULL
};

static const struct attribute_group kho_group = {
	.attrs = kho_attrs,
	.bin_attrs = kho_bin_attrs,
};

/* The next kernel boots in there */
static int __init check_scratch(void)
{
	if (arch_kho_is_told(kho_scratch.addr, kho_scratch.addr + kho_scratch.len))
		return 0;
	pr_err("the next kernel would not know all of scratch: try a smaller kho_scratch=\n");
	return -ERANGE;
}

static int __init kho_sysfs_init(void)
{
	struct kobject *kobj;
	int err;

	if (!kho_is_enabled())
		return 0;

	kobj = kobject_create_and_add("kho", kernel_kobj);
	if (!kobj)
		return -ENOMEM;

	err = check_scratch() ?:
	      sysfs_create_group(kobj, &kho_group) ?:
	      kho_out_resize(FDT_MAX_DEFAULT);
	if (err) {
		pr_err("kexec handover is off: %pe\n", ERR_PTR(err));
		kobject_put(kobj);
		return err;
	}
	kho_out_kobj = kobj;
	return 0;
}
/* After kexec_kho_ram.c has noted what RAM there is */
postcore_initcall(kho_sysfs_init);
