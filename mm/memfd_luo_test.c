// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of memfd_luo.c, which includes this file: memfds are preserved, changed
 * and given up again, and nothing may remain of that; and what is written about them.
 */
#include <kunit/static_stub.h>
#include <linux/falloc.h>
#include <linux/file.h>
#include <linux/memfd.h>
#include <linux/mount.h>
#include <linux/swap.h>

#include "../kernel/kexec_kho_out_test.h"

#define TEST_BYTE	0x5a

/**
 * struct memfd_test - a memfd, as a session has it
 * @args: what its handler's functions get
 * @record: what is handed over
 * @inode: the file
 */
struct memfd_test {
	struct liveupdate_file_op_args args;
	struct luo_memfd_be record;
	struct inode *inode;
};

static void put_file(void *file)
{
	__fput_sync(file);
}

static struct memfd_test *use_file(struct kunit *test, struct file *file)
{
	struct memfd_test *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, m);
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, put_file, file));
	file->f_mode |= FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE;
	file->f_flags |= O_LARGEFILE;
	m->args.file = file;
	m->args.record = (u8 *)&m->record;
	m->inode = file_inode(file);
	SHMEM_I(m->inode)->seals = 0;
	return m;
}

static struct memfd_test *new_memfd(struct kunit *test, loff_t size)
{
	return use_file(test, shmem_file_setup("memfd:kunit", size, VM_NORESERVE));
}

/* A byte at the end of a page */
static int write_page(struct memfd_test *m, pgoff_t index)
{
	loff_t pos = ((loff_t)(index + 1) << PAGE_SHIFT) - 1;
	u8 byte = TEST_BYTE;
	ssize_t n = kernel_write(m->args.file, &byte, 1, &pos);

	return n == 1 ? 0 : n;
}

static void write_pages(struct kunit *test, struct memfd_test *m, pgoff_t from,
			unsigned int nr, unsigned int step)
{
	for (; nr; nr--, from += step)
		KUNIT_ASSERT_EQ(test, 0, write_page(m, from));
}

static struct folio *get_folio(struct memfd_test *m, pgoff_t index)
{
	struct folio *folio = filemap_get_folio(m->inode->i_mapping, index);

	return IS_ERR(folio) ? NULL : folio;
}

/* Whether a page is there, and pinned by us: as many say no as could */
static bool is_held(struct memfd_test *m, pgoff_t index)
{
	struct folio *folio = get_folio(m, index);
	bool held = folio && folio_test_owner_2(folio) && folio_maybe_dma_pinned(folio);

	if (folio)
		folio_put(folio);
	return held;
}

static bool is_loose(struct memfd_test *m, pgoff_t index)
{
	struct folio *folio = get_folio(m, index);
	bool loose = folio && !folio_test_owner_2(folio) && !folio_maybe_dma_pinned(folio);

	if (folio)
		folio_put(folio);
	return loose;
}

static int preserve(struct memfd_test *m)
{
	return memfd_luo_preserve(&m->args);
}

/* After that, as before */
static void unpreserve(struct kunit *test, struct memfd_test *m)
{
	struct out_test *t = test->priv;

	memfd_luo_unpreserve(&m->args);
	KUNIT_EXPECT_NULL(test, m->args.private_data);
	KUNIT_EXPECT_EQ(test, table_crc(test), t->table);
	KUNIT_EXPECT_FALSE(test, shmem_has_flag(m->inode, SHMEM_FIXED | SHMEM_CLOSED));
}

/* What does not work leaves nothing */
static void refuse(struct kunit *test, struct memfd_test *m, int err)
{
	struct out_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, preserve(m), err);
	KUNIT_EXPECT_NULL(test, m->args.private_data);
	KUNIT_EXPECT_EQ(test, table_crc(test), t->table);
	KUNIT_EXPECT_FALSE(test, shmem_has_flag(m->inode, SHMEM_FIXED | SHMEM_CLOSED));
}

static struct luo_run nth_run(struct memfd_test *m, unsigned int n)
{
	struct luo_run run;
	struct memfd_runs *l = m->args.private_data;
	const struct luo_run_be *be = l->area ?: (void *)m->record.embedded;

	luo_run_from_be(be + n, &run);
	return run;
}

/* What is written would be taken */
static void expect_sound(struct kunit *test, struct memfd_test *m, u32 runs,
			 unsigned long pages)
{
	struct memfd_runs *l = m->args.private_data;
	struct luo_memfd r;

	luo_memfd_from_be(&m->record, &r);
	KUNIT_EXPECT_EQ(test, r.runs, runs);
	KUNIT_EXPECT_EQ(test, m->args.serialized_data, pages * PAGE_SIZE);
	KUNIT_ASSERT_STREQ(test, memfd_check_record(&r) ?: "", "");
	KUNIT_EXPECT_STREQ(test, memfd_check_list(&r, l->area ?: (void *)r.embedded,
						  m->args.serialized_data, PAGE_SHIFT,
						  MAX_PAGE_ORDER,
						  PFN_PHYS((u64)max_pfn)) ?: "", "");
}

static void round_test(struct kunit *test)
{
	struct memfd_test *m = new_memfd(test, 10 * PAGE_SIZE);
	unsigned int i, round;

	write_pages(test, m, 0, 10, 1);
	KUNIT_EXPECT_TRUE(test, memfd_luo_can_preserve(NULL, m->args.file));
	for (round = 0; round < 3; round++) {
		KUNIT_ASSERT_EQ(test, preserve(m), 0);
		KUNIT_EXPECT_EQ(test, preserve(m), -EBUSY);
		for (i = 0; i < 10; i++)
			KUNIT_EXPECT_TRUE(test, is_held(m, i));
		KUNIT_EXPECT_EQ(test, m->args.serialized_data, 10 * PAGE_SIZE);
		KUNIT_EXPECT_EQ(test, memfd_luo_bytes(&m->args), 10 * PAGE_SIZE);

		for (i = 0; i < 3; i++) {
			KUNIT_EXPECT_EQ(test, memfd_luo_freeze(&m->args), 0);
			memfd_luo_jump(&m->args);
			KUNIT_EXPECT_EQ(test, m->args.serialized_data, 10 * PAGE_SIZE);
			memfd_luo_unfreeze(&m->args);
		}
		unpreserve(test, m);
		for (i = 0; i < 10; i++)
			KUNIT_EXPECT_TRUE(test, is_loose(m, i));
	}
}

/* Given up while it is frozen */
static void frozen_test(struct kunit *test)
{
	struct memfd_test *m = new_memfd(test, 10 * PAGE_SIZE);

	write_pages(test, m, 0, 3, 2);
	KUNIT_ASSERT_EQ(test, preserve(m), 0);
	KUNIT_EXPECT_EQ(test, memfd_luo_freeze(&m->args), 0);
	unpreserve(test, m);
	KUNIT_EXPECT_EQ(test, write_page(m, 1), 0);
}

static void empty_test(struct kunit *test)
{
	struct memfd_test *m = new_memfd(test, 0);
	struct memfd_test *hole = new_memfd(test, 1ULL << 40);
	struct memfd_test *all = new_memfd(test, S64_MAX);

	KUNIT_ASSERT_EQ(test, preserve(m), 0);
	expect_sound(test, m, 0, 0);
	KUNIT_EXPECT_EQ(test, memfd_luo_freeze(&m->args), 0);
	KUNIT_ASSERT_EQ(test, preserve(hole), 0);
	expect_sound(test, hole, 0, 0);
	KUNIT_EXPECT_EQ(test, be64_to_cpu(hole->record.size), 1ULL << 40);
	memfd_luo_unpreserve(&m->args);
	unpreserve(test, hole);

	/* A page at the end is behind a hole that no run can tell of */
	KUNIT_ASSERT_EQ(test, preserve(all), 0);
	expect_sound(test, all, 0, 0);
	unpreserve(test, all);
	KUNIT_ASSERT_EQ(test, write_page(all, (S64_MAX >> PAGE_SHIFT) - 1), 0);
	refuse(test, all, -EFBIG);
}

static void size_test(struct kunit *test)
{
	struct memfd_test *m = new_memfd(test, 2 * PAGE_SIZE + 1);
	struct file *file = m->args.file;
	loff_t pos = PAGE_SIZE - 1;
	char buf[16] = "";

	write_pages(test, m, 0, 2, 1);
	KUNIT_ASSERT_EQ(test, preserve(m), 0);
	KUNIT_EXPECT_EQ(test, kernel_write(file, buf, 16, &pos), 16);
	pos = 2 * PAGE_SIZE;
	KUNIT_EXPECT_EQ(test, kernel_write(file, buf, 1, &pos), 1);
	KUNIT_EXPECT_EQ(test, kernel_write(file, buf, 1, &pos), -EPERM);
	pos = 2 * PAGE_SIZE;
	KUNIT_EXPECT_EQ(test, kernel_write(file, buf, 2, &pos), -EPERM);
	KUNIT_EXPECT_EQ(test, do_truncate(&nop_mnt_idmap, file->f_path.dentry, 0, 0, file),
			-EPERM);
	KUNIT_EXPECT_EQ(test, do_truncate(&nop_mnt_idmap, file->f_path.dentry,
					  4 * PAGE_SIZE, 0, file), -EPERM);
	KUNIT_EXPECT_EQ(test, vfs_fallocate(file, 0, 0, PAGE_SIZE), -EPERM);
	KUNIT_EXPECT_EQ(test, vfs_fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					    0, PAGE_SIZE), -EPERM);
	KUNIT_EXPECT_EQ(test, i_size_read(m->inode), 2 * PAGE_SIZE + 1);

	/* The third page has come since; but not a fourth */
	KUNIT_EXPECT_EQ(test, memfd_luo_freeze(&m->args), 0);
	expect_sound(test, m, be32_to_cpu(m->record.runs), 3);
	KUNIT_EXPECT_TRUE(test, is_held(m, 2));
	unpreserve(test, m);

	KUNIT_EXPECT_EQ(test, kernel_write(file, buf, 2, &pos), 2);
	KUNIT_EXPECT_EQ(test, vfs_fallocate(file, 0, 0, 4 * PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, do_truncate(&nop_mnt_idmap, file->f_path.dentry, 0, 0, file), 0);
}

#ifdef CONFIG_MEMFD_CREATE
/* Our pin is not somebody's who writes, but each other one may be */
static void seal_test(struct kunit *test)
{
	struct memfd_test *m = new_memfd(test, 4 * PAGE_SIZE);
	struct file *file = m->args.file;
	struct folio *folio;
	pgoff_t offset;

	write_pages(test, m, 0, 3, 1);
	KUNIT_ASSERT_EQ(test, preserve(m), 0);
	KUNIT_EXPECT_EQ(test, be32_to_cpu(m->record.seals), 0);
	write_pages(test, m, 3, 1, 1);
	KUNIT_ASSERT_EQ(test, memfd_pin_folios(file, 3 * PAGE_SIZE, 4 * PAGE_SIZE - 1,
					       &folio, 1, &offset), 1);
	KUNIT_EXPECT_EQ(test, memfd_fcntl(file, F_ADD_SEALS, F_SEAL_WRITE), -EBUSY);
	unpin_folio(folio);
	KUNIT_ASSERT_EQ(test, memfd_pin_folios(file, 0, PAGE_SIZE - 1, &folio, 1, &offset), 1);
	KUNIT_EXPECT_EQ(test, memfd_fcntl(file, F_ADD_SEALS, F_SEAL_WRITE), -EBUSY);
	unpin_folio(folio);

	KUNIT_EXPECT_EQ(test, memfd_fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	KUNIT_EXPECT_EQ(test, memfd_luo_freeze(&m->args), 0);
	KUNIT_EXPECT_EQ(test, be32_to_cpu(m->record.seals), F_SEAL_SHRINK);
	KUNIT_EXPECT_EQ(test, memfd_fcntl(file, F_ADD_SEALS, F_SEAL_WRITE), 0);
	file->f_pos = 4711;
	memfd_luo_jump(&m->args);
	KUNIT_EXPECT_EQ(test, be32_to_cpu(m->record.seals), F_SEAL_SHRINK | F_SEAL_WRITE);
	KUNIT_EXPECT_EQ(test, be64_to_cpu(m->record.position), 4711);
	unpreserve(test, m);
}
#endif

static void sparse_test(struct kunit *test)
{
	pgoff_t last = (1ULL << 40 >> PAGE_SHIFT) - 1;
	struct memfd_test *m = new_memfd(test, (1ULL << 40) - 100);
	unsigned int units = PAGE_SIZE >> MEMFD_UNIT_SHIFT;
	u8 byte = TEST_BYTE;
	loff_t pos = (loff_t)last << PAGE_SHIFT;

	write_pages(test, m, 1, 2, 4711);
	KUNIT_ASSERT_EQ(test, kernel_write(m->args.file, &byte, 1, &pos), 1);
	KUNIT_ASSERT_EQ(test, preserve(m), 0);
	expect_sound(test, m, 3, 3);
	KUNIT_EXPECT_EQ(test, m->inode->i_mapping->nrpages, 3);
	KUNIT_EXPECT_EQ(test, nth_run(m, 0).hole, units);
	KUNIT_EXPECT_EQ(test, nth_run(m, 1).hole, 4710 * units);
	KUNIT_EXPECT_EQ(test, nth_run(m, 2).hole, (last - 4713) * units);
	KUNIT_EXPECT_TRUE(test, is_held(m, last));
	unpreserve(test, m);
}

/* What has come since is found when a handover is written */
static void fill_test(struct kunit *test)
{
	struct memfd_test *m = new_memfd(test, 1000 * PAGE_SIZE);
	struct memfd_runs *l;
	unsigned int i;

	write_pages(test, m, 100, 3, 100);
	KUNIT_ASSERT_EQ(test, preserve(m), 0);
	expect_sound(test, m, 3, 3);
	l = m->args.private_data;
	KUNIT_EXPECT_NULL(test, l->area);
	KUNIT_EXPECT_NULL(test, l->pages);

	/* Before all, in between, behind all: still in the record */
	write_pages(test, m, 0, 3, 250);
	KUNIT_EXPECT_TRUE(test, is_loose(m, 250));
	KUNIT_EXPECT_EQ(test, memfd_luo_freeze(&m->args), 0);
	expect_sound(test, m, be32_to_cpu(m->record.runs), 6);
	KUNIT_EXPECT_TRUE(test, is_held(m, 0));
	KUNIT_EXPECT_TRUE(test, is_held(m, 250));
	KUNIT_EXPECT_TRUE(test, is_held(m, 500));
	KUNIT_EXPECT_TRUE(test, shmem_has_flag(m->inode, SHMEM_CLOSED));
	memfd_luo_unfreeze(&m->args);
	KUNIT_EXPECT_FALSE(test, shmem_has_flag(m->inode, SHMEM_CLOSED));

	/* So many that they are not, and then more */
	for (i = 1; i < 8; i += 2) {
		write_pages(test, m, i, 100, 9);
		KUNIT_EXPECT_EQ(test, memfd_luo_freeze(&m->args), 0);
		KUNIT_EXPECT_NOT_NULL(test, l->area);
		expect_sound(test, m, be32_to_cpu(m->record.runs),
			     m->inode->i_mapping->nrpages);
		memfd_luo_unfreeze(&m->args);
	}
	unpreserve(test, m);
	KUNIT_EXPECT_TRUE(test, is_loose(m, 100));
}

/* To fill a hole that a handover relies on ends that; it cannot, during the jump */
static void closed_test(struct kunit *test)
{
	struct memfd_test *m = new_memfd(test, 100 * PAGE_SIZE);

	write_pages(test, m, 10, 1, 1);
	KUNIT_ASSERT_EQ(test, preserve(m), 0);
	KUNIT_EXPECT_EQ(test, memfd_luo_freeze(&m->args), 0);
	KUNIT_ASSERT_EQ(test, kho_out_activate(), 0);
	KUNIT_EXPECT_EQ(test, write_page(m, 10), 0);
	KUNIT_EXPECT_TRUE(test, kho_out_is_active());
	KUNIT_EXPECT_EQ(test, write_page(m, 11), 0);
	KUNIT_EXPECT_FALSE(test, kho_out_is_active());
	kho_test_out_settle();
	memfd_luo_unfreeze(&m->args);

	KUNIT_EXPECT_EQ(test, memfd_luo_freeze(&m->args), 0);
	KUNIT_ASSERT_EQ(test, kho_out_activate(), 0);
	KUNIT_ASSERT_EQ(test, kho_out_seal(0), 0);
	KUNIT_EXPECT_EQ(test, write_page(m, 11), 0);
	KUNIT_EXPECT_EQ(test, write_page(m, 12), -EPERM);
	KUNIT_EXPECT_NULL(test, get_folio(m, 12));
	kho_kexec_failed();
	kho_test_out_settle();
	KUNIT_EXPECT_EQ(test, write_page(m, 12), 0);
	memfd_luo_unfreeze(&m->args);
	unpreserve(test, m);
}

/* Its list and name, in pages of their own */
static void list_test(struct kunit *test)
{
	u32 runs = 2 * PAGE_SIZE / sizeof(struct luo_run_be);
	struct memfd_test *m = new_memfd(test, (2 * runs + 1) * PAGE_SIZE);
	struct memfd_runs *l;

	write_pages(test, m, 0, runs, 2);
	KUNIT_ASSERT_EQ(test, preserve(m), 0);
	expect_sound(test, m, runs, runs);
	l = m->args.private_data;
	KUNIT_ASSERT_NOT_NULL(test, l->area);
	KUNIT_EXPECT_EQ(test, be32_to_cpu(m->record.list.pages), 3);
	KUNIT_EXPECT_EQ(test, be32_to_cpu(m->record.name_len), 11);
	KUNIT_EXPECT_MEMEQ(test, l->area + 2 * PAGE_SIZE, "memfd:kunit", 11);
	unpreserve(test, m);

	/* One run more or less */
	KUNIT_EXPECT_EQ(test, write_page(m, 2 * runs), 0);
	KUNIT_ASSERT_EQ(test, preserve(m), 0);
	expect_sound(test, m, runs + 1, runs + 1);
	unpreserve(test, m);
}

static void name_test(struct kunit *test)
{
	struct memfd_test *m;
	char name[NAME_MAX + 1] = "memfd:";

	memset(name + 6, 'x', sizeof(name) - 7);
	m = use_file(test, shmem_file_setup(name, PAGE_SIZE, VM_NORESERVE));
	write_pages(test, m, 0, 1, 1);
	KUNIT_ASSERT_EQ(test, preserve(m), 0);
	expect_sound(test, m, 1, 1);
	KUNIT_EXPECT_EQ(test, be32_to_cpu(m->record.name_len), NAME_MAX);
	unpreserve(test, m);
}

static void attributes_test(struct kunit *test)
{
	struct memfd_test *m = new_memfd(test, 100);
	struct file *private;

	m->inode->i_mode = S_IFREG | 0640;
	m->inode->i_uid = KUIDT_INIT(1000);
	m->inode->i_gid = KGIDT_INIT(1001);
	m->args.file->f_pos = 50;
	m->args.file->f_flags |= O_APPEND;
	KUNIT_ASSERT_EQ(test, preserve(m), 0);
	KUNIT_EXPECT_EQ(test, be64_to_cpu(m->record.size), 100);
	KUNIT_EXPECT_EQ(test, be64_to_cpu(m->record.position), 50);
	KUNIT_EXPECT_EQ(test, be32_to_cpu(m->record.mode), 0640);
	KUNIT_EXPECT_EQ(test, be32_to_cpu(m->record.uid), 1000);
	KUNIT_EXPECT_EQ(test, be32_to_cpu(m->record.gid), 1001);
	KUNIT_EXPECT_EQ(test, be32_to_cpu(m->record.flags), O_RDWR | O_APPEND);
	KUNIT_EXPECT_MEMEQ(test, m->record.embedded, "memfd:kunit", 12);
	unpreserve(test, m);

	SHMEM_I(m->inode)->seals = 1U << 31;
	refuse(test, m, -EOPNOTSUPP);

	private = shmem_kernel_file_setup("kunit", PAGE_SIZE, VM_NORESERVE);
	m = use_file(test, private);
	KUNIT_EXPECT_FALSE(test, memfd_luo_can_preserve(NULL, private));
}

/* What was allocated and never written has what was in the page before */
static void allocated_test(struct kunit *test)
{
	struct memfd_test *m = new_memfd(test, 20 * PAGE_SIZE);
	struct folio *folio;

	KUNIT_ASSERT_EQ(test, vfs_fallocate(m->args.file, 0, 4 * PAGE_SIZE, PAGE_SIZE), 0);
	KUNIT_ASSERT_EQ(test, preserve(m), 0);
	expect_sound(test, m, 1, 1);
	folio = get_folio(m, 4);
	KUNIT_ASSERT_NOT_NULL(test, folio);
	KUNIT_EXPECT_TRUE(test, folio_test_uptodate(folio));
	KUNIT_EXPECT_NULL(test, memchr_inv(folio_address(folio), 0, PAGE_SIZE));
	folio_put(folio);
	unpreserve(test, m);
}

/* A page in the middle cannot be preserved: nothing before it, or behind, remains so */
static void refused_test(struct kunit *test)
{
	struct memfd_test *m = new_memfd(test, 20 * PAGE_SIZE);
	struct folio *folio;
	unsigned int i;

	write_pages(test, m, 0, 20, 1);
	folio = get_folio(m, 10);
	KUNIT_ASSERT_NOT_NULL(test, folio);
	break_page(&folio->page);
	refuse(test, m, -EINVAL);
	mend_page(&folio->page);
	for (i = 0; i < 20; i++)
		KUNIT_EXPECT_TRUE(test, i == 10 || is_loose(m, i));
	folio_put(folio);

	KUNIT_EXPECT_TRUE(test, is_loose(m, 10));
	KUNIT_ASSERT_EQ(test, preserve(m), 0);
	write_pages(test, m, 0, 20, 1);
	unpreserve(test, m);
}

/* The same at freeze: what was preserved before still is */
static void refused_later_test(struct kunit *test)
{
	struct memfd_test *m = new_memfd(test, 40 * PAGE_SIZE);
	struct luo_memfd_be before;
	struct folio *folio;

	write_pages(test, m, 0, 10, 2);
	KUNIT_ASSERT_EQ(test, preserve(m), 0);
	before = m->record;
	write_pages(test, m, 1, 19, 2);
	folio = get_folio(m, 31);
	KUNIT_ASSERT_NOT_NULL(test, folio);
	break_page(&folio->page);
	KUNIT_EXPECT_EQ(test, memfd_luo_freeze(&m->args), -EINVAL);
	KUNIT_EXPECT_FALSE(test, shmem_has_flag(m->inode, SHMEM_CLOSED));
	KUNIT_EXPECT_MEMEQ(test, &m->record, &before, sizeof(before));
	KUNIT_EXPECT_TRUE(test, is_held(m, 0));
	KUNIT_EXPECT_TRUE(test, is_loose(m, 1));
	mend_page(&folio->page);
	folio_put(folio);

	KUNIT_EXPECT_EQ(test, memfd_luo_freeze(&m->args), 0);
	expect_sound(test, m, be32_to_cpu(m->record.runs), 29);
	unpreserve(test, m);
}

/* After so many, no memory is any that the next kernel knows */
static unsigned int boot_calls;

static bool is_boot_at_first(void *p, size_t len)
{
	return boot_calls && boot_calls--;
}

static void no_memory_test(struct kunit *test)
{
	u32 runs = 2 * PAGE_SIZE / sizeof(struct luo_run_be);
	struct memfd_test *m = new_memfd(test, 2 * runs * PAGE_SIZE);
	unsigned int failed = 0, i;
	int err = -ENOMEM;

	write_pages(test, m, 0, runs, 2);
	for (i = 0; err; i++) {
		boot_calls = i;
		kunit_activate_static_stub(test, kho_mem_is_boot, is_boot_at_first);
		err = preserve(m);
		kunit_deactivate_static_stub(test, kho_mem_is_boot);
		if (!err)
			break;
		KUNIT_ASSERT_EQ(test, err, -ENOMEM);
		KUNIT_EXPECT_FALSE(test, shmem_has_flag(m->inode, SHMEM_FIXED));
		KUNIT_EXPECT_TRUE(test, is_loose(m, 0));
		failed++;
	}
	/* Pages of the list, and what lists those */
	KUNIT_EXPECT_GE(test, failed, 4);
	expect_sound(test, m, runs, runs);
	unpreserve(test, m);
}

#ifdef CONFIG_TRANSPARENT_HUGEPAGE
static void put_mount(void *mnt)
{
	kern_unmount(mnt);
}

static void huge_test(struct kunit *test)
{
	char opts[] = "huge=always";
	struct file_system_type *type = get_fs_type("tmpfs");
	struct vfsmount *mnt = vfs_kern_mount(type, SB_KERNMOUNT, "tmpfs", opts);
	unsigned int order = HPAGE_PMD_ORDER;
	struct memfd_test *m;
	struct folio *folio;
	struct luo_run run;

	put_filesystem(type);
	KUNIT_ASSERT_FALSE(test, IS_ERR(mnt));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, put_mount, mnt));
	m = use_file(test, shmem_file_setup_with_mnt(mnt, "memfd:huge", 4 * HPAGE_PMD_SIZE,
						     VM_NORESERVE));
	write_pages(test, m, HPAGE_PMD_NR, 1, 1);
	write_pages(test, m, 3 * HPAGE_PMD_NR, 1, 1);
	folio = get_folio(m, HPAGE_PMD_NR);
	KUNIT_ASSERT_NOT_NULL(test, folio);
	if (folio_order(folio) != order)
		kunit_skip(test, "there is no huge page");
	folio_put(folio);

	KUNIT_ASSERT_EQ(test, preserve(m), 0);
	expect_sound(test, m, 2, 2 * HPAGE_PMD_NR);
	run = nth_run(m, 0);
	KUNIT_EXPECT_EQ(test, run.addr % PAGE_SIZE, order + PAGE_SHIFT - MEMFD_UNIT_SHIFT);
	KUNIT_EXPECT_EQ(test, run.folios, 1);
	KUNIT_EXPECT_TRUE(test, is_held(m, HPAGE_PMD_NR));
	KUNIT_EXPECT_TRUE(test, is_held(m, HPAGE_PMD_NR + 7));

	write_pages(test, m, 0, 1, 1);
	KUNIT_EXPECT_EQ(test, memfd_luo_freeze(&m->args), 0);
	KUNIT_EXPECT_EQ(test, m->args.serialized_data, 3 * HPAGE_PMD_SIZE);
	unpreserve(test, m);
	KUNIT_EXPECT_TRUE(test, is_loose(m, HPAGE_PMD_NR));
}
#endif

static struct kunit_case memfd_luo_cases[] = {
	KUNIT_CASE(round_test),
	KUNIT_CASE(frozen_test),
	KUNIT_CASE(empty_test),
	KUNIT_CASE(size_test),
#ifdef CONFIG_MEMFD_CREATE
	KUNIT_CASE(seal_test),
#endif
	KUNIT_CASE(sparse_test),
	KUNIT_CASE(fill_test),
	KUNIT_CASE(closed_test),
	KUNIT_CASE(list_test),
	KUNIT_CASE(name_test),
	KUNIT_CASE(attributes_test),
	KUNIT_CASE(allocated_test),
	KUNIT_CASE(refused_test),
	KUNIT_CASE(refused_later_test),
	KUNIT_CASE_SLOW(no_memory_test),
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	KUNIT_CASE(huge_test),
#endif
	{ }
};

static struct kunit_suite memfd_luo_suite = {
	.name = "kho_memfd",
	.init = kho_test_out_init,
	.exit = kho_test_out_exit,
	.test_cases = memfd_luo_cases,
};

kunit_test_suite(memfd_luo_suite);
