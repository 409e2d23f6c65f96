// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live update: handing sessions over.
 *
 * The table is allocated and preserved while the handover is written. What is in it is
 * stored at the jump, when nothing changes any more.
 */
#define pr_fmt(fmt) "liveupdate: " fmt

#include <linux/cleanup.h>
#include <linux/kexec_handover_mm.h>
#include <linux/libfdt.h>
#include <linux/nmi.h>
#include <linux/notifier.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#include "kexec_luo_internal.h"

/* Of the handover that was written last; without a base there is none */
static struct luo_table luo_out;
static struct kho_vmalloc luo_out_area;

static struct luo_table measure(void)
{
	struct luo_table t = {
		.session_size = sizeof(struct luo_session_entry_be),
		.file_size = sizeof(struct luo_file_entry_be),
	};
	struct luo_session *s;

	luo_for_each_session(s, &luo_outgoing) {
		t.sessions++;
		t.files += s->nr;
	}
	return t;
}

static void store_file(const struct luo_file *f, struct luo_file_entry_be *be)
{
	struct luo_file_entry e = { .token = f->token, .data = f->args.serialized_data };

	strscpy(e.compatible, f->handler->compatible);
	memcpy(e.record, f->record, sizeof(e.record));
	luo_file_entry_to_be(&e, be);
}

static void store_session(const struct luo_session *s, struct luo_session_entry_be *be)
{
	struct luo_session_entry e = { .files = s->nr };

	strscpy(e.name, s->name);
	luo_session_entry_to_be(&e, be);
}

static void store_all(const struct luo_table *t)
{
	struct luo_session *s;
	u32 session = 0, file = 0;
	struct luo_file *f;

	luo_for_each_session(s, &luo_outgoing) {
		touch_nmi_watchdog();
		store_session(s, luo_table_session(t, session++));
		list_for_each_entry(f, &s->files, list)
			store_file(f, luo_table_file(t, file++));
	}
}

/* Files may come and go meanwhile, unless luo_dump is held */
static void unfreeze_all(void)
{
	struct luo_session *s;

	guard(mutex)(&luo_lock);
	luo_for_each_session(s, &luo_outgoing)
		luo_files_unfreeze(s);
}

static int freeze_all(void)
{
	struct luo_session *s;
	int err = 0;

	luo_for_each_session(s, &luo_outgoing)
		err = err ?: luo_files_freeze(s);
	return err;
}

static void forget_table(void)
{
	unfreeze_all();
	kho_unpreserve_vmalloc(&luo_out_area);
	kho_vfree(luo_out.base);
	luo_out.base = NULL;
}

static int make_table(void)
{
	int err;

	luo_out = measure();
	luo_out.base = kho_valloc(luo_table_size(&luo_out));
	if (!luo_out.base)
		return fatal_signal_pending(current) ? -EINTR : -ENOMEM;

	err = freeze_all() ?: kho_preserve_vmalloc(luo_out.base, &luo_out_area);
	if (err)
		forget_table();
	return err;
}

static int write_node(void *fdt)
{
	struct luo_node n = {
		.sessions = luo_out.sessions,
		.files = luo_out.files,
		.session_size = luo_out.session_size,
		.file_size = luo_out.file_size,
		.table = luo_out_area,
	};

	return luo_put(fdt, &n);
}

static int dump_sessions(void *fdt)
{
	unsigned int left = luo_session_unfinished();
	int err, ret;

	if (left)
		pr_warn("%u sessions of the previous kernel are not finished, and not handed on\n",
			left);
	if (down_write_killable(&luo_dump))
		return notifier_from_errno(-EINTR);

	ret = NOTIFY_DONE;
	luo_session_drop_closed();
	if (!RB_EMPTY_ROOT(&luo_outgoing)) {
		err = make_table();
		ret = err ? notifier_from_errno(err) : kho_notify_result(write_node(fdt));
		if (!err && ret & NOTIFY_STOP_MASK)
			forget_table();
	}
	up_write(&luo_dump);
	return ret;
}

/* A handler may be at work, which is not waited for: it has called kho_abort() itself */
static void forget_sessions(void)
{
	if (luo_out.base)
		forget_table();
}

/* Sessions do not change from the time the handover was written on, or it is void */
static void store_sessions(void)
{
	struct luo_session *s;

	if (!luo_out.base)
		return;
	luo_for_each_session(s, &luo_outgoing)
		luo_files_jump(s);
	store_all(&luo_out);
	luo_table_seal(&luo_out);
}

static int luo_notify(struct notifier_block *nb, unsigned long event, void *fdt)
{
	switch (event) {
	case KEXEC_KHO_DUMP:
		return dump_sessions(fdt);
	case KEXEC_KHO_ABORT:
		forget_sessions();
		break;
	case KEXEC_KHO_JUMP:
		store_sessions();
		break;
	}
	return NOTIFY_DONE;
}

static struct notifier_block luo_nb = {
	.notifier_call = luo_notify,
};

/**
 * luo_out_init() - hand sessions over from now on
 *
 * Return: 0 or an error.
 */
int __init luo_out_init(void)
{
	return register_kho_notifier(&luo_nb);
}
