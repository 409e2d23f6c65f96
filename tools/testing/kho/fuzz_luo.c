// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzzes kernel/kexec_luo_table.c and mm/memfd_luo_record.c: what is in a table of
 * sessions, and in the records of memfds, is either refused or can be relied on.
 */
#include <stdlib.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "kernel/kexec_luo_table.h"
#include "mm/memfd_luo.h"
#include "mutate.h"

#define PHYS_END	(1ULL << 40)
#define MAX_ORDER	10

/**
 * struct input - a table, as its node describes it
 * @sessions:     number of sessions
 * @files:        and of files
 * @session_size: bytes of an entry
 * @file_size:    the same
 * @sealed:       whether the checksum is made right
 * @bytes:        bytes of all runs, for the record of a memfd
 * @table:        the table; of a memfd whose runs are elsewhere, they follow it
 */
struct input {
	u32 sessions;
	u32 files;
	u16 session_size;
	u16 file_size;
	u32 sealed;
	u64 bytes;
	u8 table[];
};

/* What an accepted table has, all of it, is read */
static u64 read_entries(const struct luo_table *t)
{
	u64 sum = 0;
	u32 i;

	for (i = 0; i < t->sessions; i++) {
		must(strlen(luo_table_session(t, i)->name) < 64);
		sum += be32_to_cpu(luo_table_session(t, i)->files);
	}
	must(sum == t->files);
	for (i = 0; i < t->files; i++) {
		const struct luo_file_entry_be *f = luo_table_file(t, i);

		must(strlen(f->compatible) < 48);
		sum += f->record[sizeof(f->record) - 1];
	}
	return sum;
}

/* What the kernel does with runs that it has accepted, in pages of 4 KiB */
static void use_runs(const struct luo_memfd *m, const struct luo_run_be *runs, u64 bytes)
{
	u64 end = 0, sum = 0, len, addr;
	struct luo_run r;
	u32 i;

	for (i = 0; i < m->runs; i++) {
		luo_run_from_be(&runs[i], &r);
		len = (u64)r.folios << (r.addr % 4096 + 12);
		addr = r.addr & -4096ULL;
		must(r.addr % 4096 <= MAX_ORDER);
		must(addr < PHYS_END && len <= PHYS_END - addr);
		end += (u64)r.hole << 12;
		must(end < m->size && len && !(end % (4096ULL << r.addr % 4096)));
		end += len;
		sum += len;
	}
	must(sum == bytes && m->name_len < 256);
	must(!memchr(&runs[m->runs], '\0', m->name_len));
}

/* Runs that are not in the record are what of the input follows it */
static const char *fuzz_memfd(const u8 *data, size_t size, u64 bytes)
{
	const struct luo_run_be *runs = (void *)(data + sizeof(struct luo_memfd_be));
	struct luo_memfd m;
	const char *why;

	luo_memfd_from_be((void *)data, &m);
	why = memfd_check_record(&m);
	if (why)
		return why;
	if (!memfd_has_list(&m))
		runs = (void *)m.embedded;
	else if (memfd_list_bytes(&m) > size - sizeof(struct luo_memfd_be))
		return "the input is short";

	why = memfd_check_list(&m, runs, bytes, 12, MAX_ORDER, PHYS_END);
	if (why)
		return why;
	use_runs(&m, runs, bytes);
	return "accepted memfd";
}

static const char *fuzz_table(struct luo_table *t, bool seal)
{
	static struct kho_why why;

	if (seal && luo_table_size(t) <= t->bytes && t->session_size && t->file_size)
		luo_table_seal(t);
	if (luo_table_check(t, &why))
		return why.text;
	read_entries(t);
	return "accepted";
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct luo_table t = { };
	struct input in;
	const char *status;

	if (size < sizeof(in) + sizeof(struct luo_head_be))
		return 0;
	memcpy(&in, data, sizeof(in));
	size -= sizeof(in);
	/* An allocation of its own: what is beyond it is noticed */
	t.base = malloc(size);
	memcpy(t.base, data + sizeof(in), size);
	limit_steps(STEPS_MIN + 500 * size);

	t.bytes = size;
	t.sessions = in.sessions;
	t.files = in.files;
	t.session_size = in.session_size;
	t.file_size = in.file_size;
	if (!in.session_size && size >= sizeof(struct luo_memfd_be))
		status = fuzz_memfd(t.base, size, in.bytes);
	else
		status = fuzz_table(&t, in.sealed);
	tell(status);
	limit_steps(0);
	free(t.base);
	return 0;
}

static const struct hints hints = {
	.val = { 68, 224, 4096, 1, 2, 3, 16, 32, 160, 1ULL << 40, 1ULL << 20, 9, 10 },
	.nr = 13,
};

size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max, unsigned int seed)
{
	seed_random(seed);
	if (size < sizeof(u32) || random_below(2))
		return LLVMFuzzerMutate(data, size, max);
	mutate_cells(data, size / sizeof(u32), &hints);
	return size;
}
