// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live update: files in sessions, and the handlers that know kinds of files.
 */
#define pr_fmt(fmt) "liveupdate: " fmt

#include <linux/cleanup.h>
#include <linux/export.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kexec_handover.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "kexec_luo_internal.h"

static LIST_HEAD(luo_handlers);
static DECLARE_RWSEM(luo_handlers_lock);

/* Files of all outgoing sessions, by what no two of them can have in common */
static DEFINE_XARRAY_FLAGS(luo_ids, XA_FLAGS_ACCOUNT);

static struct liveupdate_file_handler *find_handler(const char *compatible)
{
	struct liveupdate_file_handler *h;

	list_for_each_entry(h, &luo_handlers, list)
		if (!strcmp(h->compatible, compatible))
			return h;
	return NULL;
}

/**
 * liveupdate_register_file_handler() - have files of a kind go into sessions
 * @handler: knows that kind
 *
 * Context: may sleep.
 * Return: 0; -EOPNOTSUPP without liveupdate=on; -EINVAL if it lacks something; -EEXIST if
 * there is one for its format.
 */
int liveupdate_register_file_handler(struct liveupdate_file_handler *handler)
{
	const struct liveupdate_file_ops *ops = handler->ops;

	if (!liveupdate_enabled()) {
		/* Few look at this error before they unregister */
		INIT_LIST_HEAD(&handler->list);
		return -EOPNOTSUPP;
	}
	if (!ops->can_preserve || !ops->preserve || !ops->unpreserve || !ops->retrieve ||
	    !ops->finish || !*handler->compatible)
		return -EINVAL;

	guard(rwsem_write)(&luo_handlers_lock);
	if (find_handler(handler->compatible))
		return -EEXIST;
	list_add_tail(&handler->list, &luo_handlers);
	return 0;
}
EXPORT_SYMBOL_GPL(liveupdate_register_file_handler);

/**
 * liveupdate_unregister_file_handler() - undo that
 * @handler: if it was registered; its module is in no use
 *
 * Context: may sleep.
 */
void liveupdate_unregister_file_handler(struct liveupdate_file_handler *handler)
{
	guard(rwsem_write)(&luo_handlers_lock);
	list_del_init(&handler->list);
}
EXPORT_SYMBOL_GPL(liveupdate_unregister_file_handler);

static struct liveupdate_file_handler *get_handler_for(struct file *file)
{
	struct liveupdate_file_handler *h;

	guard(rwsem_read)(&luo_handlers_lock);
	list_for_each_entry(h, &luo_handlers, list)
		if (h->ops->can_preserve(h, file) && try_module_get(h->ops->owner))
			return h;
	return NULL;
}

static struct liveupdate_file_handler *get_handler_named(const char *compatible)
{
	struct liveupdate_file_handler *h;

	guard(rwsem_read)(&luo_handlers_lock);
	h = find_handler(compatible);
	return h && try_module_get(h->ops->owner) ? h : NULL;
}

/**
 * luo_file_new() - make a file that is in no session
 * @token: by which its session will know it
 *
 * Return: the file, to be freed with kfree(), or NULL.
 */
struct luo_file *luo_file_new(u64 token)
{
	struct luo_file *f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);

	if (!f)
		return NULL;
	f->token = token;
	f->args.record = f->record;
	return f;
}

/**
 * luo_file_add() - put a file into a session
 * @s: the session; its lock is held, or nobody else knows it yet
 * @f: the file
 *
 * Return: 0; -EEXIST if there is one with its token; -ENOMEM.
 */
int luo_file_add(struct luo_session *s, struct luo_file *f)
{
	int err = xa_insert(&s->tokens, f->token, f, GFP_KERNEL);

	if (err)
		return err == -EBUSY ? -EEXIST : err;
	guard(mutex)(&luo_lock);
	list_add_tail(&f->list, &s->files);
	s->nr++;
	return 0;
}

/* What can be known before changes nothing of a handover that is active */
static int check_file(struct luo_session *s, struct luo_file *f, struct file *file)
{
	if (xa_load(&s->tokens, f->token))
		return -EEXIST;
	f->handler = get_handler_for(file);
	if (!f->handler)
		return -ENOENT;
	f->args.handler = f->handler;
	f->args.file = get_file(file);
	f->id = f->handler->ops->get_id ? f->handler->ops->get_id(file) :
					  (unsigned long)file_inode(file);
	return xa_insert(&luo_ids, f->id, f, GFP_KERNEL);
}

static void free_file(struct luo_file *f)
{
	if (f->args.file)
		fput(f->args.file);
	if (f->handler)
		module_put(f->handler->ops->owner);
	kfree(f);
}

static void forget_file(struct luo_session *s, struct luo_file *f)
{
	xa_erase(&s->tokens, f->token);
	scoped_guard(mutex, &luo_lock) {
		list_del(&f->list);
		s->nr--;
	}
	free_file(f);
}

static int call_preserve(struct luo_session *s, struct luo_file *f)
{
	int err = kho_abort() ?: f->handler->ops->preserve(&f->args);

	if (err)
		return err;
	err = luo_file_add(s, f);
	if (err)
		f->handler->ops->unpreserve(&f->args);
	return err;
}

/**
 * luo_file_preserve() - preserve a file
 * @s:     the session, an outgoing one
 * @file:  the file; the session has a reference of its own
 * @token: by which the session knows it
 *
 * Context: holds the session's lock, and luo_dump; may sleep, for minutes if the file is
 * large.
 * Return: 0; -EEXIST if the token is in use; -ENOENT if no handler knows such files;
 * -EBUSY if the file is in a session, or during the jump; -ENOMEM; what the handler says.
 */
int luo_file_preserve(struct luo_session *s, struct file *file, u64 token)
{
	struct luo_file *f = luo_file_new(token);
	int err;

	lockdep_assert_held(&s->lock);
	if (!f)
		return -ENOMEM;

	err = check_file(s, f, file);
	if (!err) {
		err = call_preserve(s, f);
		if (err)
			xa_erase(&luo_ids, f->id);
	}
	if (err)
		free_file(f);
	return err;
}

/* Of a file that arrived, the handler may come with a module */
static bool has_handler(struct luo_file *f)
{
	if (!f->handler)
		f->handler = get_handler_named(f->compatible);
	f->args.handler = f->handler;
	return f->handler;
}

static int call_retrieve(struct luo_file *f)
{
	int err;

	if (!has_handler(f)) {
		pr_err_ratelimited("no handler for %s: what is preserved of it stays as it is\n",
		       f->compatible);
		return -EOPNOTSUPP;
	}

	err = f->handler->ops->retrieve(&f->args);
	f->args.retrieve_status = err ?: 1;
	return err;
}

/**
 * luo_file_retrieve() - have a file of the previous kernel
 * @s:     the session, an incoming one
 * @token: that it was preserved with
 *
 * Context: holds the session's lock; may sleep.
 * Return: the file, with a reference; -ENOENT if there is no such token; -EOPNOTSUPP if
 * there is no handler for it; what the handler says. After an error one can try again.
 */
struct file *luo_file_retrieve(struct luo_session *s, u64 token)
{
	struct luo_file *f = xa_load(&s->tokens, token);
	int err;

	lockdep_assert_held(&s->lock);
	if (!f)
		return ERR_PTR(-ENOENT);
	if (!f->args.file) {
		err = call_retrieve(f);
		if (err)
			return ERR_PTR(err);
	}
	return get_file(f->args.file);
}

/**
 * luo_files_can_finish() - whether all files of a session can be finished
 * @s: the session
 *
 * Context: holds the session's lock; may sleep.
 * Return: 0, or -EBUSY if a handler says no.
 */
int luo_files_can_finish(struct luo_session *s)
{
	struct luo_file *f;

	list_for_each_entry(f, &s->files, list) {
		if (has_handler(f) && f->handler->ops->can_finish &&
		    !f->handler->ops->can_finish(&f->args))
			return -EBUSY;
	}
	return 0;
}

static void finish_file(struct luo_session *s, struct luo_file *f)
{
	if (has_handler(f))
		f->handler->ops->finish(&f->args);
	else
		pr_warn("no handler for %s: what is preserved of it stays reserved, see /sys/firmware/kho/unlisted\n",
			f->compatible);
	forget_file(s, f);
}

/**
 * luo_files_finish() - be done with the files of an incoming session
 * @s: the session
 *
 * What nobody has retrieved is freed.
 *
 * Context: holds the session's lock; may sleep.
 */
void luo_files_finish(struct luo_session *s)
{
	struct luo_file *f, *next;

	list_for_each_entry_safe_reverse(f, next, &s->files, list) {
		finish_file(s, f);
		cond_resched();
	}
}

static void unfreeze(struct luo_file *f)
{
	if (f->frozen && f->handler->ops->unfreeze)
		f->handler->ops->unfreeze(&f->args);
	f->frozen = false;
}

/**
 * luo_files_unpreserve() - give up the files of an outgoing session
 * @s: the session
 *
 * Context: nobody else knows the session any more; holds luo_dump; no jump is under
 * way. May sleep.
 */
void luo_files_unpreserve(struct luo_session *s)
{
	struct luo_file *f, *next;

	list_for_each_entry_safe_reverse(f, next, &s->files, list) {
		unfreeze(f);
		f->handler->ops->unpreserve(&f->args);
		xa_erase(&luo_ids, f->id);
		forget_file(s, f);
		cond_resched();
	}
}

/**
 * luo_files_freeze() - bring up to date what crosses of an outgoing session's files
 * @s: the session
 *
 * Context: holds luo_dump for writing; may sleep.
 * Return: 0, or what a handler says; then luo_files_unfreeze() is due.
 */
int luo_files_freeze(struct luo_session *s)
{
	struct luo_file *f;
	int err;

	list_for_each_entry(f, &s->files, list) {
		err = f->handler->ops->freeze ? f->handler->ops->freeze(&f->args) : 0;
		if (err) {
			pr_err("session %*pE: the file with token %llu cannot be handed over: %pe\n",
			       (int)strlen(s->name), s->name, f->token, ERR_PTR(err));
			return err;
		}
		f->frozen = true;
		cond_resched();
	}
	return 0;
}

/**
 * luo_files_unfreeze() - undo that
 * @s: the session
 *
 * Context: holds luo_lock; may sleep.
 */
void luo_files_unfreeze(struct luo_session *s)
{
	struct luo_file *f;

	list_for_each_entry_reverse(f, &s->files, list)
		unfreeze(f);
}

/**
 * luo_files_jump() - the last chance for handlers to change what crosses
 * @s: the session
 *
 * Context: as for KEXEC_KHO_JUMP.
 */
void luo_files_jump(struct luo_session *s)
{
	struct luo_file *f;

	list_for_each_entry(f, &s->files, list)
		if (f->handler->ops->jump)
			f->handler->ops->jump(&f->args);
}

/**
 * luo_files_bytes() - how much memory is preserved for a session's files
 * @s: the session
 *
 * Context: holds the session's lock; may sleep.
 * Return: bytes, as far as handlers say.
 */
u64 luo_files_bytes(struct luo_session *s)
{
	struct luo_file *f;
	u64 bytes = 0;

	list_for_each_entry(f, &s->files, list)
		if (has_handler(f) && f->handler->ops->bytes)
			bytes += f->handler->ops->bytes(&f->args);
	return bytes;
}
