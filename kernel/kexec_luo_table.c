// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live update: reading and checking a table of sessions.
 *
 * No kernel state, so that host programs can share it.
 */
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "kexec_luo_table.h"

static u32 checksum(const struct luo_table *t)
{
	const void *from = t->base + sizeof(__be32);

	return kho_crc(0, from, luo_table_size(t) - sizeof(__be32));
}

/**
 * luo_table_seal() - note the checksum of a table
 * @t: the table; nothing in it changes any more
 *
 * Context: any.
 */
void luo_table_seal(const struct luo_table *t)
{
	struct luo_head_be *head = t->base;

	head->checksum = cpu_to_be32(checksum(t));
}

static bool is_name(const char *name, size_t size)
{
	return *name && strnlen(name, size) < size;
}

static int check_sessions(const struct luo_table *t, struct kho_why *why)
{
	const struct luo_session_entry_be *s, *prev = NULL;
	u64 files = 0;
	u32 i;

	for (i = 0; i < t->sessions; i++, prev = s) {
		s = luo_table_session(t, i);
		if (!is_name(s->name, sizeof(s->name)))
			return kho_bad(why, "session %u has no name", i);
		if (prev && strcmp(prev->name, s->name) >= 0)
			return kho_bad(why, "session %u is not after the one before it", i);
		files += be32_to_cpu(s->files);
		cond_resched();
	}
	if (files != t->files)
		return kho_bad(why, "its sessions have %llu files, and it has %u", files,
			       t->files);
	return 0;
}

static int check_files(const struct luo_table *t, struct kho_why *why)
{
	const struct luo_file_entry_be *f;
	u32 i;

	for (i = 0; i < t->files; i++) {
		f = luo_table_file(t, i);
		if (!is_name(f->compatible, sizeof(f->compatible)))
			return kho_bad(why, "file %u is in no format", i);
		cond_resched();
	}
	return 0;
}

/**
 * luo_table_check() - check all of a table but what belongs to handlers
 * @t:   the table; its numbers are as they arrived
 * @why: filled with what is wrong
 *
 * Once this is 0, names end with NUL, those of sessions ascend, and all files belong to
 * a session. Tokens may be there twice.
 *
 * Context: may sleep.
 * Return: 0 or -EINVAL.
 */
int luo_table_check(const struct luo_table *t, struct kho_why *why)
{
	const struct luo_head_be *head = t->base;

	if (t->session_size < sizeof(struct luo_session_entry_be) ||
	    t->session_size > LUO_ENTRY_MAX ||
	    t->file_size < sizeof(struct luo_file_entry_be) ||
	    t->file_size > LUO_ENTRY_MAX)
		return kho_bad(why, "entries of %u and %u bytes", t->session_size, t->file_size);
	if (luo_table_size(t) > t->bytes)
		return kho_bad(why, "%u sessions and %u files are more than fit", t->sessions,
			       t->files);
	if (checksum(t) != be32_to_cpu(head->checksum))
		return kho_bad(why, "its checksum is wrong");
	return check_sessions(t, why) ?: check_files(t, why);
}
