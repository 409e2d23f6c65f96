/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Live update: how a kind of file gets into sessions.
 *
 * A handler knows one kind of file: how to have the next kernel find what is in it, and
 * how to make a file of that again. Names and meanings are mainline's, but for the
 * record, and jump().
 */
#ifndef LINUX_LIVEUPDATE_H
#define LINUX_LIVEUPDATE_H

#include <linux/errno.h>
#include <linux/list.h>
#include <linux/types.h>

struct file;
struct liveupdate_file_handler;
struct module;

/* Bytes in a handler's name for its format, its NUL among them */
#define LIVEUPDATE_HNDL_COMPAT_LENGTH	48

/* Bytes that a handler has for each file in the table of sessions */
#define LIVEUPDATE_RECORD_SIZE		160

/**
 * struct liveupdate_file_op_args - what a handler's functions are called with
 * @handler: the handler
 * @retrieve_status: for can_finish() and finish(): 0 if nobody has retrieved the file,
 *	positive if somebody has, negative if the last try failed
 * @file: the file; NULL for finish() if there is none. retrieve() sets it
 * @serialized_data: a number that the next kernel's handler gets
 * @record: bytes that it gets, zeroed at first; aligned to eight
 * @private_data: what preserve() sets, until unpreserve() or finish(); does not cross
 *
 * What crosses may be set in preserve() and freeze(), and changed in jump().
 */
struct liveupdate_file_op_args {
	struct liveupdate_file_handler *handler;
	int retrieve_status;
	struct file *file;
	u64 serialized_data;
	u8 *record;
	void *private_data;
};

/**
 * struct liveupdate_file_ops - what a handler does
 * @can_preserve: whether it knows this kind of file. May be called with any file
 * @preserve: preserve what is in the file, and keep it from changing its size. It has a
 *	reference of its own. Interruptible by fatal signals; on an error nothing remains
 * @unpreserve: undo that. It is never called while a jump is under way, so
 *	kho_unpreserve_folio() and the like do not fail. Not called after freeze(),
 *	but for unfreeze() in between
 * @freeze: optional: bring up to date what crosses. A handover is being written; it may
 *	be called often. An error refuses the handover
 * @unfreeze: optional: that handover is off
 * @jump: optional: the last chance to change @record and @serialized_data, see
 *	KEXEC_KHO_JUMP
 * @retrieve: make the file. On an error it may be called again, so what it has not taken
 *	has to stay as it is
 * @can_finish: optional: whether finish() may be called
 * @finish: the session is done with: free what retrieve() has not taken. It may be
 *	called as a task exits that has no memory of its cgroup left
 * @bytes: optional: how much memory is preserved for the file, before or after the jump
 * @get_id: optional: what two files have in common that cannot both be in sessions, the
 *	address of an object; that of the inode, if it is not given
 * @owner: the module
 *
 * Context: all may sleep, but for jump(). None is called twice at a time for one file.
 */
struct liveupdate_file_ops {
	bool (*can_preserve)(struct liveupdate_file_handler *handler, struct file *file);
	int (*preserve)(struct liveupdate_file_op_args *args);
	void (*unpreserve)(struct liveupdate_file_op_args *args);
	int (*freeze)(struct liveupdate_file_op_args *args);
	void (*unfreeze)(struct liveupdate_file_op_args *args);
	void (*jump)(struct liveupdate_file_op_args *args);
	int (*retrieve)(struct liveupdate_file_op_args *args);
	bool (*can_finish)(struct liveupdate_file_op_args *args);
	void (*finish)(struct liveupdate_file_op_args *args);
	u64 (*bytes)(struct liveupdate_file_op_args *args);
	unsigned long (*get_id)(struct file *file);
	struct module *owner;
};

/**
 * struct liveupdate_file_handler - a handler
 * @ops: what it does
 * @compatible: the format of what crosses, with its version
 * @list: private
 */
struct liveupdate_file_handler {
	const struct liveupdate_file_ops *ops;
	const char compatible[LIVEUPDATE_HNDL_COMPAT_LENGTH];
	struct list_head list;
};

#ifdef CONFIG_LIVEUPDATE

bool liveupdate_enabled(void);
int liveupdate_register_file_handler(struct liveupdate_file_handler *handler);
void liveupdate_unregister_file_handler(struct liveupdate_file_handler *handler);

#else

static inline bool liveupdate_enabled(void)
{
	return false;
}

static inline int liveupdate_register_file_handler(struct liveupdate_file_handler *handler)
{
	return -EOPNOTSUPP;
}

static inline void liveupdate_unregister_file_handler(struct liveupdate_file_handler *handler)
{
}

#endif /* CONFIG_LIVEUPDATE */

#endif /* LINUX_LIVEUPDATE_H */
