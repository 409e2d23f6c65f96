/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Live update: what its parts need of each other.
 *
 * Each calls only those that are named further down: device; in, out; sessions, files;
 * table.
 */
#ifndef LINUX_KEXEC_LUO_INTERNAL_H
#define LINUX_KEXEC_LUO_INTERNAL_H

#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/liveupdate.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/rwsem.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <uapi/linux/liveupdate.h>

#include "kexec_luo_table.h"

#define LUO_NAME_SIZE	LIVEUPDATE_SESSION_NAME_LENGTH

/**
 * struct luo_file - a file in a session
 * @list:    in the session, in the order in which files came
 * @token:   by which the session knows it
 * @handler: that preserved or retrieved it; NULL if none has yet
 * @args:    what the handler is called with
 * @id:      what no other file in a session has
 * @frozen:  the handover that is being written, or is active, has it
 * @compatible: the format of what arrived
 * @record:  the handler's
 */
struct luo_file {
	struct list_head list;
	u64 token;
	struct liveupdate_file_handler *handler;
	struct liveupdate_file_op_args args;
	unsigned long id;
	bool frozen;
	char compatible[LIVEUPDATE_HNDL_COMPAT_LENGTH];
	u8 record[LIVEUPDATE_RECORD_SIZE] __aligned(8);
};

/**
 * enum luo_kind - what a session is
 * @LUO_OUTGOING: for the next kernel
 * @LUO_INCOMING: of the previous kernel
 * @LUO_SPENT:    of the previous kernel and finished, while another session for the next
 *	has its name
 */
enum luo_kind {
	LUO_OUTGOING,
	LUO_INCOMING,
	LUO_SPENT,
};

/**
 * struct luo_session - a session
 * @kobj:   an incoming one's directory in /sys/kernel/liveupdate/incoming
 * @node:   among all of its kind, by name
 * @lock:   protects @kind and the files, and is held while a handler works
 * @kind:   what it is; changes with luo_lock held, too
 * @retrieved: user space has, or had it; protected by luo_lock
 * @files:  its files
 * @tokens: the same, by token
 * @nr:     how many they are
 * @closed: among those that nobody has any more
 * @name:   its name
 */
struct luo_session {
	struct kobject kobj;
	struct rb_node node;
	struct mutex lock;	/* see above */
	enum luo_kind kind;
	bool retrieved;
	struct list_head files;
	struct xarray tokens;
	u32 nr;
	struct list_head closed;
	char name[LUO_NAME_SIZE];
};

/* kexec_luo_session.c */
extern struct rb_root luo_outgoing;
extern struct rb_root luo_incoming;
extern struct mutex luo_lock;
extern struct rw_semaphore luo_dump;

#define luo_for_each_session(s, root)						\
	for (struct rb_node *__n = rb_first(root);				\
	     __n && ((s) = rb_entry(__n, struct luo_session, node));		\
	     __n = rb_next(__n))

struct luo_session *luo_session_new(const char *name, enum luo_kind kind);
int luo_session_add(struct luo_session *s);
void luo_session_free(struct luo_session *s);
struct luo_session *luo_session_create(const char *name);
struct luo_session *luo_session_retrieve(const char *name);
int luo_session_finish(struct luo_session *s);
int luo_session_drop(const char *name);
void luo_session_close(struct luo_session *s);
void luo_session_abandon(struct luo_session *s);
void luo_session_drop_closed(void);
unsigned int luo_session_unfinished(void);

/* kexec_luo_file.c */
struct luo_file *luo_file_new(u64 token);
int luo_file_add(struct luo_session *s, struct luo_file *f);
int luo_file_preserve(struct luo_session *s, struct file *file, u64 token);
struct file *luo_file_retrieve(struct luo_session *s, u64 token);
int luo_files_can_finish(struct luo_session *s);
void luo_files_finish(struct luo_session *s);
void luo_files_unpreserve(struct luo_session *s);
int luo_files_freeze(struct luo_session *s);
void luo_files_unfreeze(struct luo_session *s);
void luo_files_jump(struct luo_session *s);
u64 luo_files_bytes(struct luo_session *s);

/* kexec_luo_in.c */
int luo_in_init(void);

/* kexec_luo_out.c */
int luo_out_init(void);

#endif /* LINUX_KEXEC_LUO_INTERNAL_H */
