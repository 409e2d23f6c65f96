// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kexec HandOver: a memory table as one file of sysfs, that can be read alone.
 *
 * It is the entries, as they are in a handover, but that the place of a chunk's bits
 * is that in the file, where they follow. A bit may stand for other pages than those
 * that a handover was written with: there are two for each page of an entry.
 */
#include <linux/minmax.h>
#include <linux/string.h>

#include "kexec_kho_internal.h"

/* Copy what of @len bytes at @at is in the part of the file that is asked for */
static size_t copy_part(char *buf, size_t count, u64 pos, u64 at, const void *from,
			size_t len)
{
	u64 first = max(pos, at), last = min(pos + count, at + len);

	if (first >= last)
		return 0;
	memcpy(buf + (first - pos), from + (first - at), last - first);
	return last - first;
}

/**
 * kho_table_read() - read a part of the file
 * @nr:    number of entries
 * @get:   fills in an entry, and returns a chunk's bits
 * @buf:   filled with the part
 * @count: at most so many bytes
 * @pos:   from here on
 *
 * Context: @get gives the same as long as the file is read.
 * Return: bytes read, 0 at the end of the file.
 */
ssize_t kho_table_read(size_t nr, const void *(*get)(size_t i, struct kho_entry *e),
		       char *buf, size_t count, loff_t pos)
{
	u64 at = 0, bits_at = nr * sizeof(struct kho_entry);
	size_t done = 0, i, len;

	for (i = 0; i < nr && done < count; i++, at += sizeof(struct kho_entry)) {
		struct kho_entry e;
		const void *bits = get(i, &e);

		len = bits ? be64_to_cpu(e.len) >> be32_to_cpu(e.shift) >> 2 : 0;
		e.bitmap = cpu_to_be64(bits ? bits_at : 0);
		done += copy_part(buf, count, pos, at, &e, sizeof(e));
		done += copy_part(buf, count, pos, bits_at, bits, len);
		bits_at += len;
	}
	return done;
}

#if IS_ENABLED(CONFIG_KEXEC_HANDOVER_KUNIT_TEST)
#include "kexec_kho_table_file_test.c"
#endif
