// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of memfd_luo_in.c and memfd_luo_record.c: files that are made of a
 * handover of the tests' own, records that are damaged, and what is given back.
 */
#include "../kernel/kexec_kho_in_test.h"

#define SINGLES		16	/* from 0 on, and then 8 from 24 on */
#define LARGE		32	/* 4 folios of 8 pages */
#define TEST_RUNS	3
#define TEST_TAKEN	(SINGLES + 8 + 32)

/* Where they are in the file: it is a page longer, but for a byte */
#define AT_LARGE	8
#define AT_SINGLES	(AT_LARGE + 32 + 5)
#define AT_MORE		(AT_SINGLES + SINGLES)
#define TEST_SIZE	((AT_MORE + 8 + 1) * PAGE_SIZE - 1)

/**
 * struct in_test - a record, and what makes a file of it
 * @args: what the handler's functions get
 * @r: the record as it shall be
 * @run: its runs
 * @be: the record
 */
struct in_test {
	struct liveupdate_file_op_args args;
	struct luo_memfd r;
	struct luo_run run[TEST_RUNS];
	struct luo_memfd_be be;
};

static u32 units(u32 pages)
{
	return pages << (PAGE_SHIFT - MEMFD_UNIT_SHIFT);
}

static u64 run_addr(const struct fake *f, int page, unsigned int order)
{
	return test_phys(f, page) | (order + PAGE_SHIFT - MEMFD_UNIT_SHIFT);
}

/* After that, whoever has changed something calls this again */
static void write_record(struct in_test *t)
{
	struct luo_run_be *be = (void *)t->r.embedded;
	unsigned int i;

	memset(t->r.embedded, 0, sizeof(t->r.embedded));
	for (i = 0; i < TEST_RUNS; i++)
		luo_run_to_be(&t->run[i], &be[i]);
	memcpy(be + TEST_RUNS, "memfd:kunit", 11);
	luo_memfd_to_be(&t->r, &t->be);
}

static struct in_test *new_record(struct kunit *test)
{
	struct in_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	struct fake *f = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->r = (struct luo_memfd){
		.size = TEST_SIZE,
		.position = 123,
		.seals = F_SEAL_WRITE | F_SEAL_EXEC,
		.mode = 0750,
		.uid = 1000,
		.gid = 1001,
		.flags = O_RDWR | O_APPEND,
		.name_len = 11,
		.runs = TEST_RUNS,
	};
	t->run[0] = (struct luo_run){ run_addr(f, LARGE, 3), 4, units(AT_LARGE) };
	t->run[1] = (struct luo_run){ run_addr(f, 0, 0), SINGLES, units(5) };
	t->run[2] = (struct luo_run){ run_addr(f, 24, 0), 8, 0 };
	t->args.record = (u8 *)&t->be;
	t->args.serialized_data = TEST_TAKEN * PAGE_SIZE;
	write_record(t);
	return t;
}

/* Whether a page ends so */
static bool has_page(struct file *file, pgoff_t index, u8 byte)
{
	u8 buf[16];
	loff_t pos = ((loff_t)(index + 1) << PAGE_SHIFT) - sizeof(buf);

	return kernel_read(file, buf, sizeof(buf), &pos) == sizeof(buf) &&
	       !memchr_inv(buf, byte, sizeof(buf));
}

static bool has_pages(struct file *file, pgoff_t index, int first, int nr)
{
	for (; nr && has_page(file, index, test_byte(first)); nr--)
		index++, first++;
	return !nr;
}

static bool is_hole(struct file *file, pgoff_t index, int nr)
{
	return has_page(file, index, 0) &&
	       !xa_find(&file->f_mapping->i_pages, &index, index + nr - 1, XA_PRESENT);
}

/* As shmem has them, one folio after another, on a list and with no other reference */
static void check_folios(struct kunit *test, struct file *file, pgoff_t index, int nr,
			 unsigned int order)
{
	struct folio *folio;
	pgoff_t end = index + nr;

	lru_add_drain_all();
	for (; index < end; index = folio_next_index(folio)) {
		folio = filemap_get_folio(file->f_mapping, index);
		KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
		KUNIT_EXPECT_EQ(test, folio_order(folio), order);
		KUNIT_EXPECT_EQ(test, folio_ref_count(folio), folio_nr_pages(folio) + 1);
		KUNIT_EXPECT_EQ(test, folio->index, index);
		KUNIT_EXPECT_TRUE(test, folio_test_lru(folio));
		KUNIT_EXPECT_TRUE(test, folio_test_swapbacked(folio));
		KUNIT_EXPECT_TRUE(test, folio_test_uptodate(folio));
		KUNIT_EXPECT_TRUE(test, folio_test_dirty(folio));
		KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
		KUNIT_EXPECT_TRUE(test, !order || folio_test_large_rmappable(folio));
		folio_put(folio);
	}
}

static void check_file(struct kunit *test, struct file *file)
{
	unsigned int order = IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE) ? 3 : 0;
	pgoff_t index;

	KUNIT_EXPECT_TRUE(test, is_hole(file, 0, AT_LARGE));
	KUNIT_EXPECT_TRUE(test, has_pages(file, AT_LARGE, LARGE, 32));
	check_folios(test, file, AT_LARGE, 32, order);
	KUNIT_EXPECT_TRUE(test, is_hole(file, AT_LARGE + 32, 5));
	KUNIT_EXPECT_TRUE(test, has_pages(file, AT_SINGLES, 0, SINGLES));
	KUNIT_EXPECT_TRUE(test, has_pages(file, AT_MORE, 24, 8));
	check_folios(test, file, AT_SINGLES, SINGLES + 8, 0);
	index = AT_MORE + 8;
	KUNIT_EXPECT_NULL(test, xa_find(&file->f_mapping->i_pages, &index, ULONG_MAX,
					XA_PRESENT));
}

static void close_file(struct in_test *t)
{
	if (t->args.file)
		__fput_sync(t->args.file);
	t->args.file = NULL;
	lru_add_drain_all();
}

static void retrieve_test(struct kunit *test)
{
	struct in_test *t = new_record(test);
	struct fake *f = test->priv;
	struct inode *inode;
	u8 byte = 0;
	loff_t pos = 0;

	KUNIT_ASSERT_EQ(test, memfd_luo_retrieve(&t->args), 0);
	KUNIT_ASSERT_NOT_NULL(test, t->args.file);
	KUNIT_EXPECT_NULL(test, t->args.private_data);
	KUNIT_EXPECT_EQ(test, managed(test), TEST_TAKEN);
	check_file(test, t->args.file);

	inode = file_inode(t->args.file);
	KUNIT_EXPECT_EQ(test, i_size_read(inode), TEST_SIZE);
	KUNIT_EXPECT_EQ(test, inode->i_blocks, TEST_TAKEN * PAGE_SIZE / 512);
	KUNIT_EXPECT_EQ(test, inode->i_mapping->nrpages, TEST_TAKEN);
	KUNIT_EXPECT_EQ(test, SHMEM_I(inode)->alloced, TEST_TAKEN);
	KUNIT_EXPECT_EQ(test, inode->i_mode, S_IFREG | 0750);
	KUNIT_EXPECT_EQ(test, __kuid_val(inode->i_uid), 1000);
	KUNIT_EXPECT_EQ(test, __kgid_val(inode->i_gid), 1001);
	KUNIT_EXPECT_EQ(test, SHMEM_I(inode)->seals, F_SEAL_WRITE | F_SEAL_EXEC);
	KUNIT_EXPECT_EQ(test, t->args.file->f_pos, 123);
	KUNIT_EXPECT_EQ(test, t->args.file->f_flags & MEMFD_FLAGS, O_RDWR | O_APPEND);
	KUNIT_EXPECT_STREQ(test, t->args.file->f_path.dentry->d_name.name, "memfd:kunit");
	KUNIT_EXPECT_EQ(test, kernel_write(t->args.file, &byte, 1, &pos), -EPERM);
	KUNIT_EXPECT_EQ(test, mapping_map_writable(inode->i_mapping), -EPERM);

	t->args.retrieve_status = 1;
	memfd_luo_finish(&t->args);
	KUNIT_EXPECT_TRUE(test, has_pages(t->args.file, AT_SINGLES, 0, SINGLES));
	close_file(t);
	KUNIT_EXPECT_FALSE(test, any_leaked(f, 0, SINGLES));
	KUNIT_EXPECT_FALSE(test, any_leaked(f, 24, 8 + 32));
	KUNIT_EXPECT_EQ(test, managed(test), TEST_TAKEN);
}

/* For reading only, and for writing only */
static void mode_test(struct kunit *test)
{
	struct in_test *t = new_record(test);

	t->r.seals = 0;
	t->r.flags = O_RDONLY | O_NONBLOCK;
	write_record(t);
	KUNIT_ASSERT_EQ(test, memfd_luo_retrieve(&t->args), 0);
	check_file(test, t->args.file);
	KUNIT_EXPECT_FALSE(test, t->args.file->f_mode & FMODE_WRITE);
	KUNIT_EXPECT_EQ(test, t->args.file->f_flags & MEMFD_FLAGS, O_RDONLY | O_NONBLOCK);
	KUNIT_EXPECT_EQ(test, t->args.file->f_pos, 123);
	close_file(t);

	t->r.runs = 0;
	t->r.name_len = 0;
	t->r.flags = O_WRONLY;
	memset(t->r.embedded, 0, sizeof(t->r.embedded));
	luo_memfd_to_be(&t->r, &t->be);
	t->args.serialized_data = 0;
	KUNIT_ASSERT_EQ(test, memfd_luo_retrieve(&t->args), 0);
	KUNIT_EXPECT_FALSE(test, t->args.file->f_mode & FMODE_READ);
	KUNIT_EXPECT_EQ(test, i_size_read(file_inode(t->args.file)), TEST_SIZE);
	close_file(t);
}

/* Nobody wants it */
static void finish_test(struct kunit *test)
{
	struct in_test *t = new_record(test);
	struct fake *f = test->priv;

	memfd_luo_finish(&t->args);
	KUNIT_EXPECT_NULL(test, t->args.private_data);
	KUNIT_EXPECT_EQ(test, managed(test), TEST_TAKEN);
	KUNIT_EXPECT_EQ(test, nr_taken(f), TEST_TAKEN);
	KUNIT_EXPECT_FALSE(test, any_reserved(f, 0, SINGLES));
	KUNIT_EXPECT_FALSE(test, any_reserved(f, 24, 8 + 32));
	KUNIT_EXPECT_FALSE(test, any_leaked(f, 0, SINGLES));
	KUNIT_EXPECT_FALSE(test, any_leaked(f, 24, 8 + 32));
}

/* How many folios the file takes at a time; at first none, and so on */
static unsigned int adopt_calls;

static long adopt_slowly(struct inode *inode, pgoff_t index, struct folio **folios,
			 unsigned int nr)
{
	unsigned int n = adopt_calls++ % 4;

	return n ? shmem_adopt_folios(inode, index, folios, min(n, nr)) : -ENOMEM;
}

/* Each try goes on where the one before has failed */
static void again_test(struct kunit *test)
{
	struct in_test *t = new_record(test);
	struct fake *f = test->priv;
	unsigned int tries = 0;
	int err;

	adopt_calls = 0;
	kunit_activate_static_stub(test, adopt, adopt_slowly);
	do {
		err = memfd_luo_retrieve(&t->args);
		KUNIT_EXPECT_TRUE(test, !err || err == -ENOMEM);
	} while (err == -ENOMEM && ++tries < 100);
	kunit_deactivate_static_stub(test, adopt);
	KUNIT_ASSERT_EQ(test, err, 0);
	KUNIT_EXPECT_GE(test, tries, 4);
	check_file(test, t->args.file);
	KUNIT_EXPECT_EQ(test, managed(test), TEST_TAKEN);
	close_file(t);
	KUNIT_EXPECT_FALSE(test, any_leaked(f, 0, SINGLES));
	KUNIT_EXPECT_FALSE(test, any_leaked(f, 24, 8 + 32));
}

/* Whenever it is given up, all is given back */
static void give_up_test(struct kunit *test)
{
	unsigned int tries = *(unsigned int *)test->param_value;
	struct in_test *t = new_record(test);
	struct fake *f = test->priv;

	adopt_calls = 0;
	kunit_activate_static_stub(test, adopt, adopt_slowly);
	for (; tries; tries--)
		KUNIT_ASSERT_EQ(test, memfd_luo_retrieve(&t->args), -ENOMEM);
	kunit_deactivate_static_stub(test, adopt);
	t->args.retrieve_status = -ENOMEM;
	memfd_luo_finish(&t->args);
	KUNIT_EXPECT_NULL(test, t->args.private_data);
	flush_delayed_fput();
	lru_add_drain_all();
	KUNIT_EXPECT_EQ(test, managed(test), TEST_TAKEN);
	KUNIT_EXPECT_FALSE(test, any_reserved(f, 0, SINGLES));
	KUNIT_EXPECT_FALSE(test, any_reserved(f, 24, 8 + 32));
	KUNIT_EXPECT_FALSE(test, any_leaked(f, 0, SINGLES));
	KUNIT_EXPECT_FALSE(test, any_leaked(f, 24, 8 + 32));
}

static const unsigned int give_up_after[] = { 1, 2, 3, 4, 5 };

static void number_desc(const unsigned int *nr, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "after %u tries", *nr);
}

KUNIT_ARRAY_PARAM(give_up, give_up_after, number_desc);

/* Somebody has released some of it, through sysfs */
static void released_test(struct kunit *test)
{
	struct in_test *t = new_record(test);
	struct fake *f = test->priv;

	test_return(f, 26, 1);
	KUNIT_EXPECT_EQ(test, memfd_luo_retrieve(&t->args), -EIO);
	KUNIT_EXPECT_EQ(test, memfd_luo_retrieve(&t->args), -EIO);
	KUNIT_EXPECT_NULL(test, t->args.file);
	t->args.retrieve_status = -EIO;
	memfd_luo_finish(&t->args);
	flush_delayed_fput();
	/* Of a run that is not all there, the rest stays as it is */
	KUNIT_EXPECT_EQ(test, managed(test), TEST_TAKEN - 7);
	KUNIT_EXPECT_TRUE(test, are_reserved(f, 24, 2));
	KUNIT_EXPECT_TRUE(test, are_reserved(f, 27, 5));
}

/**
 * struct damage - what is wrong with a record
 * @desc: that
 * @change: does it
 */
struct damage {
	const char *desc;
	void (*change)(struct in_test *t, const struct fake *f);
};

#define DAMAGE(name, statement)						\
	static void name(struct in_test *t, const struct fake *f)	\
	{								\
		statement;						\
	}

DAMAGE(negative_size, t->r.size = 1ULL << 63)
DAMAGE(negative_position, t->r.position = U64_MAX)
DAMAGE(unknown_seal, t->r.seals |= 1 << 30)
DAMAGE(file_type, t->r.mode |= S_IFREG)
DAMAGE(no_owner, t->r.uid = U32_MAX)
DAMAGE(no_group, t->r.gid = U32_MAX)
DAMAGE(unknown_flag, t->r.flags |= O_DIRECT)
DAMAGE(no_access, t->r.flags |= O_ACCMODE)
DAMAGE(long_name, t->r.name_len = NAME_MAX + 1)
DAMAGE(longer_name, t->r.name_len = 12)
DAMAGE(shorter_name, t->r.name_len = 10)
DAMAGE(too_many_runs, t->r.runs = U32_MAX)
DAMAGE(one_run_more, t->r.runs = 4)
DAMAGE(one_run_less, t->r.runs = 2)
DAMAGE(two_lists, t->r.list.first = cpu_to_be64(PAGE_SIZE))
DAMAGE(empty_run, t->run[1].folios = 0)
DAMAGE(longer_run, t->run[2].folios = 10)
DAMAGE(longest_run, t->run[2].folios = U32_MAX)
DAMAGE(one_page_less, t->run[2].folios = 7)
DAMAGE(one_page_more, t->args.serialized_data -= PAGE_SIZE)
DAMAGE(small_file, t->r.size = AT_MORE * PAGE_SIZE)
DAMAGE(smaller_file, t->r.size = (AT_MORE + 7) * PAGE_SIZE)
DAMAGE(no_file, t->r.size = 0)
DAMAGE(large_order, t->run[0].addr |= 0xff)
DAMAGE(order_not_aligned, t->run[0].addr += PAGE_SIZE)
DAMAGE(index_not_aligned, t->run[0].hole -= units(1))
DAMAGE(hole_too_large, t->run[1].hole = U32_MAX & ~(units(1) - 1))
DAMAGE(no_memory, t->run[1].addr |= 1ULL << 62)
DAMAGE(wrapping, t->run[1].addr |= 0xfffffffff0000000)

#define D(name) { #name, name }
static const struct damage damages[] = {
	D(negative_size), D(negative_position), D(unknown_seal), D(file_type), D(no_owner),
	D(no_group), D(unknown_flag), D(no_access), D(long_name), D(longer_name),
	D(shorter_name), D(too_many_runs), D(one_run_more), D(one_run_less), D(two_lists),
	D(empty_run), D(longer_run), D(longest_run), D(one_page_less), D(one_page_more),
	D(small_file), D(smaller_file), D(no_file), D(large_order), D(order_not_aligned),
	D(index_not_aligned), D(hole_too_large), D(no_memory), D(wrapping),
};

KUNIT_ARRAY_PARAM_DESC(damage, damages, desc);

static void damage_test(struct kunit *test)
{
	const struct damage *d = test->param_value;
	struct in_test *t = new_record(test);
	struct fake *f = test->priv;

	d->change(t, f);
	write_record(t);
	KUNIT_EXPECT_EQ(test, memfd_luo_retrieve(&t->args), -EBADMSG);
	KUNIT_EXPECT_EQ(test, memfd_luo_retrieve(&t->args), -EBADMSG);
	KUNIT_EXPECT_NULL(test, t->args.file);
	t->args.retrieve_status = -EBADMSG;
	memfd_luo_finish(&t->args);
	KUNIT_EXPECT_NULL(test, t->args.private_data);
	KUNIT_EXPECT_EQ(test, managed(test), 0);
	KUNIT_EXPECT_TRUE(test, all_reserved(f));
}

/* Limits of what passes */
static void limits_test(struct kunit *test)
{
	struct in_test *t = new_record(test);
	const struct luo_run_be *be = (const void *)t->r.embedded;
	u64 end = PFN_PHYS((u64)max_pfn);

	t->r.size = (AT_MORE + 7) * PAGE_SIZE + 1;
	t->r.position = S64_MAX;
	t->r.mode = 07777;
	write_record(t);
	KUNIT_EXPECT_NULL(test, memfd_check_record(&t->r));
	KUNIT_EXPECT_NULL(test, memfd_check_list(&t->r, be, t->args.serialized_data,
						 PAGE_SHIFT, 3, end));
	KUNIT_EXPECT_NOT_NULL(test, memfd_check_list(&t->r, be, t->args.serialized_data,
						     PAGE_SHIFT, 2, end));
	/* Of smaller pages than ours */
	KUNIT_EXPECT_NOT_NULL(test, memfd_check_list(&t->r, be, t->args.serialized_data,
						     PAGE_SHIFT + 1, 3, end));

	/* Up to the end of what there can be */
	t->r.size = S64_MAX;
	t->run[2].folios = U32_MAX;
	t->run[2].addr = end - U32_MAX * PAGE_SIZE;
	end += (u64)U32_MAX * PAGE_SIZE;
	t->run[2].addr = round_down(end, PAGE_SIZE) - U32_MAX * PAGE_SIZE;
	t->run[2].addr |= PAGE_SHIFT - MEMFD_UNIT_SHIFT;
	write_record(t);
	KUNIT_EXPECT_NULL(test, memfd_check_list(&t->r, be, (32ULL + SINGLES + U32_MAX) *
						 PAGE_SIZE, PAGE_SHIFT, 3, end));
	KUNIT_EXPECT_NOT_NULL(test, memfd_check_list(&t->r, be, (32ULL + SINGLES + U32_MAX) *
						     PAGE_SIZE, PAGE_SHIFT, 3, end - 1));
}

static struct kunit_case memfd_luo_in_cases[] = {
	KUNIT_CASE(retrieve_test),
	KUNIT_CASE(mode_test),
	KUNIT_CASE(finish_test),
	KUNIT_CASE(again_test),
	KUNIT_CASE_PARAM(give_up_test, give_up_gen_params),
	KUNIT_CASE(released_test),
	KUNIT_CASE_PARAM(damage_test, damage_gen_params),
	KUNIT_CASE(limits_test),
	{ }
};

static struct kunit_suite memfd_luo_in_suite = {
	.name = "kho_memfd_in",
	.init = test_in_init,
	.exit = test_in_exit,
	.test_cases = memfd_luo_in_cases,
};

kunit_test_suite(memfd_luo_in_suite);
