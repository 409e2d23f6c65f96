// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live update: sessions.
 *
 * An outgoing one lives as long as user space holds it. An incoming one waits until it
 * is retrieved and finished, and is an outgoing one from then on.
 *
 * Locks, from the outermost: the activation lock of handovers, or a session's; luo_dump;
 * luo_lock. Whoever changes what the next kernel will find holds luo_dump for reading,
 * and has called kho_abort(): so no such change is under way while a handover is written,
 * and none begins between that and the jump.
 */
#define pr_fmt(fmt) "liveupdate: " fmt

#include <linux/cleanup.h>
#include <linux/err.h>
#include <linux/kexec_handover.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "kexec_luo_internal.h"

/* Held for writing to write a handover */
DECLARE_RWSEM(luo_dump);

/* Protects these three, files' places in outgoing sessions, and luo_session.retrieved */
DEFINE_MUTEX(luo_lock);
struct rb_root luo_outgoing = RB_ROOT;
struct rb_root luo_incoming = RB_ROOT;
/* Outgoing ones that nobody has any more */
static LIST_HEAD(luo_closed);

static void luo_reap(struct work_struct *unused);
static DECLARE_DELAYED_WORK(luo_reap_work, luo_reap);

static struct rb_root *tree_of(const struct luo_session *s)
{
	return s->kind == LUO_OUTGOING ? &luo_outgoing : &luo_incoming;
}

static int cmp_sessions(struct rb_node *a, const struct rb_node *b)
{
	return strcmp(rb_entry(a, struct luo_session, node)->name,
		      rb_entry(b, struct luo_session, node)->name);
}

static int cmp_name(const void *name, const struct rb_node *node)
{
	return strcmp(name, rb_entry(node, struct luo_session, node)->name);
}

static struct luo_session *to_session(struct kobject *kobj)
{
	return container_of(kobj, struct luo_session, kobj);
}

static ssize_t name_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", to_session(kobj)->name);
}

static ssize_t state_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	guard(mutex)(&luo_lock);
	return sysfs_emit(buf, "%s\n", to_session(kobj)->retrieved ? "open" : "waiting");
}

/* To wait for a handler could be to wait for who removes this file */
static ssize_t files_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct luo_session *s = to_session(kobj);
	ssize_t len;

	if (!mutex_trylock(&s->lock))
		return -EBUSY;
	len = sysfs_emit(buf, "%u\n", s->nr);
	mutex_unlock(&s->lock);
	return len;
}

static ssize_t bytes_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct luo_session *s = to_session(kobj);
	ssize_t len;

	if (!mutex_trylock(&s->lock))
		return -EBUSY;
	len = sysfs_emit(buf, "%llu\n", luo_files_bytes(s));
	mutex_unlock(&s->lock);
	return len;
}

static struct kobj_attribute luo_name_attr = __ATTR_RO_MODE(name, 0400);
static struct kobj_attribute luo_state_attr = __ATTR_RO_MODE(state, 0400);
static struct kobj_attribute luo_files_attr = __ATTR_RO_MODE(files, 0400);
static struct kobj_attribute luo_bytes_attr = __ATTR_RO_MODE(bytes, 0400);

static struct attribute *luo_session_attrs[] = {
	&luo_name_attr.attr,
	&luo_state_attr.attr,
	&luo_files_attr.attr,
	&luo_bytes_attr.attr,
	NULL
};
ATTRIBUTE_GROUPS(luo_session);

static void release_session(struct kobject *kobj)
{
	kfree(to_session(kobj));
}

static const struct kobj_type luo_session_ktype = {
	.sysfs_ops = &kobj_sysfs_ops,
	.default_groups = luo_session_groups,
	.release = release_session,
};

/**
 * luo_session_new() - make a session that nobody knows yet
 * @name: its name, shorter than LUO_NAME_SIZE
 * @kind: what it is
 *
 * Return: the session, to be freed with luo_session_free(), or NULL.
 */
struct luo_session *luo_session_new(const char *name, enum luo_kind kind)
{
	struct luo_session *s = kzalloc(sizeof(*s), GFP_KERNEL_ACCOUNT);

	if (!s)
		return NULL;
	mutex_init(&s->lock);
	INIT_LIST_HEAD(&s->files);
	xa_init_flags(&s->tokens, XA_FLAGS_ACCOUNT);
	s->kind = kind;
	strscpy(s->name, name);
	kobject_init(&s->kobj, &luo_session_ktype);
	return s;
}

/**
 * luo_session_free() - free a session
 * @s: the session, in no tree, without files
 */
void luo_session_free(struct luo_session *s)
{
	xa_destroy(&s->tokens);
	kobject_put(&s->kobj);
}

/**
 * luo_session_add() - have a session found by its name
 * @s: the session
 *
 * Context: may sleep.
 * Return: 0; -EEXIST if there is one of its kind with its name.
 */
int luo_session_add(struct luo_session *s)
{
	guard(mutex)(&luo_lock);
	return rb_find_add(&s->node, tree_of(s), cmp_sessions) ? -EEXIST : 0;
}

static int check_free(const char *name)
{
	guard(mutex)(&luo_lock);
	return rb_find(name, &luo_outgoing, cmp_name) ? -EEXIST : 0;
}

static void hide_session(struct luo_session *s)
{
	if (s->kobj.state_in_sysfs)
		kobject_del(&s->kobj);
}

/**
 * luo_session_create() - make an outgoing session
 * @name: its name
 *
 * Context: may sleep; killable while a handover is written.
 * Return: the session, to be given up with luo_session_close(); -EEXIST; -EBUSY during
 * the jump; -EINTR; -ENOMEM.
 */
struct luo_session *luo_session_create(const char *name)
{
	struct luo_session *s = luo_session_new(name, LUO_OUTGOING);
	int err = -EINTR;

	if (!s)
		return ERR_PTR(-ENOMEM);
	if (!down_read_killable(&luo_dump)) {
		err = check_free(name) ?: kho_abort() ?: luo_session_add(s);
		up_read(&luo_dump);
	}
	if (!err)
		return s;
	luo_session_free(s);
	return ERR_PTR(err);
}

/**
 * luo_session_retrieve() - have a session of the previous kernel
 * @name: its name
 *
 * Context: may sleep.
 * Return: the session, to be given up with luo_session_close(); -ENOENT; -EINVAL if
 * somebody has it.
 */
struct luo_session *luo_session_retrieve(const char *name)
{
	struct rb_node *node;
	struct luo_session *s;

	guard(mutex)(&luo_lock);
	node = rb_find(name, &luo_incoming, cmp_name);
	if (!node)
		return ERR_PTR(-ENOENT);
	s = rb_entry(node, struct luo_session, node);
	if (s->retrieved)
		return ERR_PTR(-EINVAL);
	s->retrieved = true;
	return s;
}

/* If there is another by now, it cannot be one for the next kernel */
static void become_outgoing(struct luo_session *s)
{
	hide_session(s);
	guard(mutex)(&luo_lock);
	rb_erase(&s->node, &luo_incoming);
	s->kind = rb_find_add(&s->node, &luo_outgoing, cmp_sessions) ?
		LUO_SPENT : LUO_OUTGOING;
}

/**
 * luo_session_finish() - be done with what an incoming session has
 * @s: the session. From then on it is an outgoing one, if its name is free
 *
 * Context: holds the session's lock and luo_dump; may sleep.
 * Return: 0; -EBUSY during the jump, or if a handler says no: nothing has changed.
 */
int luo_session_finish(struct luo_session *s)
{
	int err = luo_files_can_finish(s) ?: kho_abort();

	lockdep_assert_held(&s->lock);
	if (err)
		return err;
	luo_files_finish(s);
	become_outgoing(s);
	return 0;
}

/**
 * luo_session_drop_closed() - give up what nobody has any more
 *
 * Context: holds luo_dump; no jump is under way. May sleep.
 */
void luo_session_drop_closed(void)
{
	struct luo_session *s, *next;
	LIST_HEAD(closed);

	scoped_guard(mutex, &luo_lock) {
		list_splice_init(&luo_closed, &closed);
		list_for_each_entry(s, &closed, closed)
			rb_erase(&s->node, &luo_outgoing);
	}
	list_for_each_entry_safe(s, next, &closed, closed) {
		luo_files_unpreserve(s);
		luo_session_free(s);
	}
}

/*
 * Who closes a session does not wait for a handover that is being written. During the
 * jump it stays: it is on its way, and if the jump fails, it is dropped then.
 */
static void luo_reap(struct work_struct *unused)
{
	bool locked = down_read_trylock(&luo_dump);

	if (locked && !kho_abort())
		luo_session_drop_closed();
	else
		queue_delayed_work(system_unbound_wq, &luo_reap_work, HZ);
	if (locked)
		up_read(&luo_dump);
}

static void close_outgoing(struct luo_session *s)
{
	scoped_guard(mutex, &luo_lock)
		list_add_tail(&s->closed, &luo_closed);
	luo_reap(NULL);
}

static void put_back(struct luo_session *s)
{
	guard(mutex)(&luo_lock);
	s->retrieved = false;
}

static int close_incoming(struct luo_session *s)
{
	int err;

	scoped_guard(mutex, &s->lock) {
		err = luo_files_can_finish(s);
		if (!err)
			luo_files_finish(s);
	}
	if (err) {
		pr_warn("session %*pE cannot be finished now: it can be retrieved again\n",
			(int)strlen(s->name), s->name);
		put_back(s);
		return err;
	}
	hide_session(s);
	scoped_guard(mutex, &luo_lock)
		rb_erase(&s->node, &luo_incoming);
	luo_session_free(s);
	return 0;
}

/**
 * luo_session_close() - user space no longer has a session
 * @s: the session
 *
 * What an outgoing one preserved is given up; an incoming one is finished. If that
 * cannot be, it can be retrieved again.
 *
 * Context: may sleep.
 */
void luo_session_close(struct luo_session *s)
{
	if (s->kind == LUO_OUTGOING)
		close_outgoing(s);
	else if (s->kind == LUO_SPENT)
		luo_session_free(s);
	else
		close_incoming(s);
}

/**
 * luo_session_abandon() - user space could not be given a session
 * @s: the session, as it was created or retrieved
 *
 * Context: may sleep.
 */
void luo_session_abandon(struct luo_session *s)
{
	if (s->kind == LUO_OUTGOING)
		close_outgoing(s);
	else
		put_back(s);
}

/**
 * luo_session_drop() - free what is preserved of an incoming session
 * @name: its name
 *
 * Context: may sleep.
 * Return: 0; -ENOENT; -EBUSY if somebody has it, or a handler says no.
 */
int luo_session_drop(const char *name)
{
	struct luo_session *s = luo_session_retrieve(name);

	if (IS_ERR(s))
		return s == ERR_PTR(-EINVAL) ? -EBUSY : PTR_ERR(s);
	return close_incoming(s);
}

/**
 * luo_session_unfinished() - count incoming sessions
 *
 * Context: may sleep.
 * Return: their number.
 */
unsigned int luo_session_unfinished(void)
{
	struct luo_session *s;
	unsigned int nr = 0;

	guard(mutex)(&luo_lock);
	luo_for_each_session(s, &luo_incoming)
		nr++;
	return nr;
}
