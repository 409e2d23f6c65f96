// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live update: the sessions that the previous kernel handed over.
 *
 * That is /sys/kernel/liveupdate: whether they arrived, and which of them wait.
 */
#define pr_fmt(fmt) "liveupdate: " fmt

#include <linux/cleanup.h>
#include <linux/err.h>
#include <linux/kexec_handover.h>
#include <linux/kobject.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/vmalloc.h>

#include "kexec_luo_internal.h"

/* What /sys/kernel/liveupdate/status says */
static struct kho_why luo_status = { "none" };

static ssize_t status_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", luo_status.text);
}

static struct kobj_attribute luo_status_attr = __ATTR_RO_MODE(status, 0400);

/* A name may end with a newline of its own: without one, it is taken as it is */
static ssize_t drop_store(struct kobject *kobj, struct kobj_attribute *attr,
			  const char *buf, size_t count)
{
	char name[LUO_NAME_SIZE];
	size_t len = count;
	int err;

	if (len && buf[len - 1] == '\n')
		len--;
	if (!len || len >= sizeof(name) || memchr(buf, '\0', len))
		return -EINVAL;
	memcpy(name, buf, len);
	name[len] = '\0';

	err = luo_session_drop(name);
	return err ?: count;
}

static struct kobj_attribute luo_drop_attr = __ATTR(drop, 0200, NULL, drop_store);

static struct attribute *luo_attrs[] = {
	&luo_status_attr.attr,
	&luo_drop_attr.attr,
	NULL
};

static const struct attribute_group luo_group = {
	.attrs = luo_attrs,
};

static int __init read_file(struct luo_session *s, const struct luo_file_entry_be *be)
{
	struct luo_file *f = luo_file_new(be64_to_cpu(be->token));
	struct luo_file_entry e;
	int err;

	if (!f)
		return -ENOMEM;
	luo_file_entry_from_be(be, &e);
	f->args.serialized_data = e.data;
	strscpy(f->compatible, e.compatible);
	memcpy(f->record, e.record, sizeof(f->record));
	err = luo_file_add(s, f);
	if (err)
		kfree(f);
	return err;
}

static void __init free_session(struct luo_session *s)
{
	struct luo_file *f, *next;

	list_for_each_entry_safe(f, next, &s->files, list)
		kfree(f);
	luo_session_free(s);
}

/* @file is the number of its first file, and then of the one after its last */
static int __init read_session(const struct luo_table *t, u32 i, u32 *file)
{
	const struct luo_session_entry_be *be = luo_table_session(t, i);
	struct luo_session *s = luo_session_new(be->name, LUO_INCOMING);
	u32 left = be32_to_cpu(be->files);
	int err = 0;

	if (!s)
		return -ENOMEM;
	for (; left && !err; left--)
		err = read_file(s, luo_table_file(t, (*file)++));
	err = err ?: luo_session_add(s);
	if (err)
		free_session(s);
	return err;
}

static void __init forget_all(void)
{
	struct rb_node *node;

	while ((node = rb_first(&luo_incoming))) {
		rb_erase(node, &luo_incoming);
		free_session(rb_entry(node, struct luo_session, node));
	}
}

static int __init read_all(const struct luo_table *t, struct kho_why *why)
{
	u32 i, file = 0;
	int err = 0;

	for (i = 0; i < t->sessions && !err; i++) {
		err = read_session(t, i, &file);
		cond_resched();
	}
	if (!err)
		return 0;
	forget_all();
	if (err == -EEXIST)
		return kho_bad(why, "session %u has two files with one token", i - 1);
	return kho_bad(why, "there is no memory for it");
}

static int __init read_table(const struct luo_node *n, struct kho_why *why)
{
	struct luo_table t = {
		.sessions = n->sessions,
		.files = n->files,
		.session_size = n->session_size,
		.file_size = n->file_size,
	};
	int err;

	t.base = kho_restore_vmalloc(&n->table);
	if (!t.base)
		return kho_bad(why, "its memory cannot be had");
	t.bytes = (u64)be32_to_cpu(n->table.pages) << be32_to_cpu(n->table.shift);
	err = luo_table_check(&t, why) ?: read_all(&t, why);
	vfree(t.base);
	return err;
}

static int __init read_node(struct kho_why *why)
{
	const void *fdt = kho_get_fdt();
	struct luo_node n;
	int node = luo_find(fdt);

	if (node == -ENOENT)
		return node;
	if (node < 0)
		return kho_bad(why, "it is in a format that is not known");
	if (luo_get(fdt, node, &n))
		return kho_bad(why, "its node is malformed");
	return read_table(&n, why);
}

static void __init read_handover(void)
{
	struct kho_why why = { };
	int err = read_node(&why);

	if (err == -ENOENT)
		return;
	if (err) {
		pr_err("the table of sessions is refused: %s; what is preserved of them stays reserved, see /sys/firmware/kho/unlisted\n",
		       why.text);
		snprintf(luo_status.text, sizeof(luo_status.text), "refused: %.150s", why.text);
		return;
	}
	strscpy(luo_status.text, "accepted");
	pr_info("%u sessions of the previous kernel\n", luo_session_unfinished());
}

/* What was not retrieved when the machine has booted, an operator finds there */
static int __init show_sessions(struct kobject *parent)
{
	struct kobject *dir = kobject_create_and_add("incoming", parent);
	struct luo_session *s;
	unsigned int i = 0;
	int err = 0;

	if (!dir)
		return -ENOMEM;
	guard(mutex)(&luo_lock);
	luo_for_each_session(s, &luo_incoming)
		err = err ?: kobject_add(&s->kobj, dir, "%u", i++);
	return err;
}

/**
 * luo_in_init() - read what was handed over, and show it
 *
 * Return: 0 or an error: then it is there, but for sysfs.
 */
int __init luo_in_init(void)
{
	struct kobject *kobj;

	read_handover();
	kobj = kobject_create_and_add("liveupdate", kernel_kobj);
	if (!kobj)
		return -ENOMEM;
	return sysfs_create_group(kobj, &luo_group) ?: show_sessions(kobj);
}
