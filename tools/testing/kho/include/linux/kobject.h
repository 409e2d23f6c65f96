/* SPDX-License-Identifier: GPL-2.0-only */
/* What kernel/kexec_kho_in_sysfs.c has of sysfs: its files are called, not made */
#ifndef _KHO_LINUX_KOBJECT_H
#define _KHO_LINUX_KOBJECT_H

#include <stdlib.h>
#include <linux/compiler.h>
#include <linux/types.h>

struct kobject;
struct file;

struct attribute {
	const char *name;
	u16 mode;
};

struct kobj_attribute {
	struct attribute attr;
	ssize_t (*show)(struct kobject *kobj, struct kobj_attribute *attr, char *buf);
	ssize_t (*store)(struct kobject *kobj, struct kobj_attribute *attr,
			 const char *buf, size_t count);
};

struct bin_attribute {
	struct attribute attr;
	size_t size;
	ssize_t (*read)(struct file *file, struct kobject *kobj,
			struct bin_attribute *attr, char *buf, loff_t pos, size_t count);
	void *write;
};

#define __ATTR_RW_MODE(_name, _mode)					\
	{ { #_name, _mode }, .show = _name##_show, .store = _name##_store }
#define __ATTR_RO_MODE(_name, _mode)					\
	{ { #_name, _mode }, .show = _name##_show }
#define __BIN_ATTR(_name, _mode, _read, _write, _size)			\
	{ { #_name, _mode }, .size = _size, .read = _read, .write = _write }

#define firmware_kobj		((struct kobject *)NULL)
#define sysfs_emit		sprintf
#define sysfs_attr_init(attr)	((void)(attr))

static inline struct kobject *kobject_create_and_add(const char *name,
						     struct kobject *parent)
{
	return NULL;
}

static inline int sysfs_create_file(struct kobject *kobj, const struct attribute *attr)
{
	return 0;
}

static inline int sysfs_create_bin_file(struct kobject *kobj,
					const struct bin_attribute *attr)
{
	return 0;
}

static inline ssize_t memory_read_from_buffer(void *to, size_t count, loff_t *pos,
					      const void *from, size_t available)
{
	return 0;
}

static inline void *kcalloc(size_t nr, size_t size, gfp_t gfp)
{
	return calloc(nr, size);
}

#endif
