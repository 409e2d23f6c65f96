/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Live update: the table of sessions, see Documentation/kho/specs/liveupdate.yaml.
 *
 * Its readers know no kernel state, so that host programs can use them.
 */
#ifndef LINUX_KEXEC_LUO_TABLE_H
#define LINUX_KEXEC_LUO_TABLE_H

#include <linux/liveupdate_node.h>
#include <linux/types.h>

#include "kexec_kho_fdt.h"

/* As the spec has it: with that, no sum overflows */
#define LUO_ENTRY_MAX	4096

/**
 * struct luo_table - where a table is, and how it is laid out
 * @base:         its head
 * @bytes:        in the area that it is in
 * @sessions:     number of sessions
 * @files:        number of files
 * @session_size: bytes in the entry of a session; a later revision has more
 * @file_size:    bytes in the entry of a file
 */
struct luo_table {
	void *base;
	u64 bytes;
	u32 sessions;
	u32 files;
	u32 session_size;
	u32 file_size;
};

/* Bytes in a table; both sizes are as small as the spec wants them */
static inline u64 luo_table_size(const struct luo_table *t)
{
	return sizeof(struct luo_head_be) + (u64)t->sessions * t->session_size +
	       (u64)t->files * t->file_size;
}

static inline struct luo_session_entry_be *luo_table_session(const struct luo_table *t, u32 i)
{
	return t->base + sizeof(struct luo_head_be) + (u64)i * t->session_size;
}

static inline struct luo_file_entry_be *luo_table_file(const struct luo_table *t, u32 i)
{
	return t->base + sizeof(struct luo_head_be) + (u64)t->sessions * t->session_size +
	       (u64)i * t->file_size;
}

void luo_table_seal(const struct luo_table *t);
int luo_table_check(const struct luo_table *t, struct kho_why *why);

#endif /* LINUX_KEXEC_LUO_TABLE_H */
