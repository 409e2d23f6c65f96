// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of live update: tables, and sessions with files of a kind of their own.
 */
#include <kunit/test.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/shmem_fs.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "kexec_luo_internal.h"

/* Tables */

/* Sessions a and b, with one file and two */
static struct luo_table make_table(struct kunit *test, u32 session_size, u32 file_size)
{
	static const char *const names[] = { "a", "b" };
	struct luo_table t = {
		.sessions = 2, .files = 3,
		.session_size = session_size, .file_size = file_size,
	};
	u32 i;

	t.bytes = luo_table_size(&t);
	t.base = kunit_kzalloc(test, t.bytes, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t.base);
	for (i = 0; i < t.sessions; i++) {
		strscpy(luo_table_session(&t, i)->name, names[i]);
		luo_table_session(&t, i)->files = cpu_to_be32(i + 1);
	}
	for (i = 0; i < t.files; i++) {
		strscpy(luo_table_file(&t, i)->compatible, "test-v1");
		luo_table_file(&t, i)->token = cpu_to_be64(i);
	}
	luo_table_seal(&t);
	return t;
}

static struct luo_table plain_table(struct kunit *test)
{
	return make_table(test, sizeof(struct luo_session_entry_be),
			  sizeof(struct luo_file_entry_be));
}

static void table_test(struct kunit *test)
{
	struct luo_table t = plain_table(test), none = t;
	struct kho_why why;

	KUNIT_EXPECT_EQ(test, luo_table_check(&t, &why), 0);

	/* A later revision's entries are longer */
	t = make_table(test, LUO_ENTRY_MAX, sizeof(struct luo_file_entry_be) + 3);
	KUNIT_EXPECT_EQ(test, luo_table_check(&t, &why), 0);
	KUNIT_EXPECT_STREQ(test, luo_table_session(&t, 1)->name, "b");

	none.sessions = 0;
	none.files = 0;
	luo_table_seal(&none);
	KUNIT_EXPECT_EQ(test, luo_table_check(&none, &why), 0);
}

static void table_sizes_test(struct kunit *test)
{
	struct luo_table good = plain_table(test), t;
	struct kho_why why;

#define EXPECT_BAD(field, value) do {						\
	t = good;								\
	t.field = value;							\
	KUNIT_EXPECT_EQ(test, luo_table_check(&t, &why), -EINVAL);		\
} while (0)
	EXPECT_BAD(session_size, good.session_size - 1);
	EXPECT_BAD(session_size, LUO_ENTRY_MAX + 1);
	EXPECT_BAD(file_size, good.file_size - 1);
	EXPECT_BAD(file_size, LUO_ENTRY_MAX + 1);
	EXPECT_BAD(sessions, 3);
	EXPECT_BAD(sessions, U32_MAX);
	EXPECT_BAD(files, 4);
	EXPECT_BAD(files, U32_MAX);
	EXPECT_BAD(bytes, good.bytes - 1);
	EXPECT_BAD(bytes, 0);
#undef EXPECT_BAD
}

/* Each bit of it counts */
static void table_checksum_test(struct kunit *test)
{
	struct luo_table t = plain_table(test);
	struct kho_why why;
	u8 *p = t.base;
	u64 i;

	for (i = 0; i < t.bytes * 8; i++) {
		p[i / 8] ^= BIT(i % 8);
		if (luo_table_check(&t, &why) != -EINVAL)
			break;
		p[i / 8] ^= BIT(i % 8);
	}
	KUNIT_EXPECT_EQ(test, i, t.bytes * 8);
	KUNIT_EXPECT_STREQ(test, why.text, "its checksum is wrong");
}

/* What is wrong in it although the checksum is right */
static void table_contents_test(struct kunit *test)
{
	struct kho_why why;

#define EXPECT_BAD(text_, ...) do {						\
	struct luo_table t = plain_table(test);					\
	struct luo_session_entry_be *s = luo_table_session(&t, 1);		\
	struct luo_file_entry_be *f = luo_table_file(&t, 2);			\
	(void)s; (void)f;							\
	__VA_ARGS__;								\
	luo_table_seal(&t);							\
	KUNIT_EXPECT_EQ(test, luo_table_check(&t, &why), -EINVAL);		\
	KUNIT_EXPECT_STREQ(test, why.text, text_);				\
} while (0)
	EXPECT_BAD("session 1 has no name", s->name[0] = '\0');
	EXPECT_BAD("session 1 has no name", memset(s->name, 'x', sizeof(s->name)));
	EXPECT_BAD("session 1 is not after the one before it", s->name[0] = 'a');
	EXPECT_BAD("session 1 is not after the one before it", s->name[0] = 'A');
	EXPECT_BAD("its sessions have 2 files, and it has 3", s->files = cpu_to_be32(1));
	EXPECT_BAD("its sessions have 4294967296 files, and it has 3",
		   s->files = cpu_to_be32(U32_MAX));
	EXPECT_BAD("file 2 is in no format", f->compatible[0] = '\0');
	EXPECT_BAD("file 2 is in no format", memset(f->compatible, 'x', sizeof(f->compatible)));
#undef EXPECT_BAD
}

/* Files */

/* What the handler was called for, a letter for each */
static char luo_calls[64];
static int luo_error;
static bool luo_not_yet;

static void note_call(char letter, const struct liveupdate_file_op_args *args)
{
	size_t len = strlen(luo_calls);

	snprintf(luo_calls + len, sizeof(luo_calls) - len, "%c%llu", letter,
		 args->serialized_data);
}

static bool test_can_preserve(struct liveupdate_file_handler *h, struct file *file)
{
	return shmem_file(file) && i_size_read(file_inode(file));
}

/* A file is known by its size */
static int test_preserve(struct liveupdate_file_op_args *args)
{
	args->serialized_data = i_size_read(file_inode(args->file));
	note_call('p', args);
	return luo_error;
}

static void test_unpreserve(struct liveupdate_file_op_args *args)
{
	note_call('u', args);
}

static int test_freeze(struct liveupdate_file_op_args *args)
{
	note_call('f', args);
	return args->serialized_data == 2 ? luo_error : 0;
}

static void test_unfreeze(struct liveupdate_file_op_args *args)
{
	note_call('t', args);
}

static int test_retrieve(struct liveupdate_file_op_args *args)
{
	note_call('r', args);
	if (luo_error)
		return luo_error;
	args->file = shmem_file_setup("luo_test", args->serialized_data, 0);
	return PTR_ERR_OR_ZERO(args->file);
}

static bool test_can_finish(struct liveupdate_file_op_args *args)
{
	return !luo_not_yet;
}

static void test_finish(struct liveupdate_file_op_args *args)
{
	note_call(args->file ? 'd' : 'D', args);
}

static const struct liveupdate_file_ops luo_test_ops = {
	.can_preserve = test_can_preserve,
	.preserve = test_preserve,
	.unpreserve = test_unpreserve,
	.freeze = test_freeze,
	.unfreeze = test_unfreeze,
	.retrieve = test_retrieve,
	.can_finish = test_can_finish,
	.finish = test_finish,
};

static struct liveupdate_file_handler luo_test_handler = {
	.ops = &luo_test_ops,
	.compatible = "test-v1",
};

#define EXPECT_CALLS(calls) do {						\
	KUNIT_EXPECT_STREQ(test, luo_calls, calls);				\
	luo_calls[0] = '\0';							\
} while (0)

static struct file *make_file(struct kunit *test, loff_t size)
{
	struct file *file = shmem_file_setup("luo_test", size, 0);

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	return file;
}

static int put(struct luo_session *s, struct file *file, u64 token)
{
	guard(mutex)(&s->lock);
	guard(rwsem_read)(&luo_dump);
	return luo_file_preserve(s, file, token);
}

static struct luo_session *create(struct kunit *test, const char *name)
{
	struct luo_session *s = luo_session_create(name);

	KUNIT_ASSERT_FALSE(test, IS_ERR(s));
	return s;
}

static void preserve_test(struct kunit *test)
{
	struct file *one = make_file(test, 1), *two = make_file(test, 2);
	struct file *none = make_file(test, 0);
	struct luo_session *a = create(test, "a"), *b = create(test, "b");

	KUNIT_EXPECT_EQ(test, put(a, one, 10), 0);
	KUNIT_EXPECT_EQ(test, put(a, two, 10), -EEXIST);
	KUNIT_EXPECT_EQ(test, put(a, one, 11), -EBUSY);
	KUNIT_EXPECT_EQ(test, put(b, one, 10), -EBUSY);
	luo_error = -EFBIG;
	KUNIT_EXPECT_EQ(test, put(a, two, U64_MAX), -EFBIG);
	luo_error = 0;
	KUNIT_EXPECT_EQ(test, put(a, two, U64_MAX), 0);
	KUNIT_EXPECT_EQ(test, a->nr, 2);
	EXPECT_CALLS("p1p2p2");

	luo_session_close(b);
	luo_session_close(a);
	EXPECT_CALLS("u2u1");
	b = create(test, "b");
	KUNIT_EXPECT_EQ(test, put(b, one, 10), 0);
	luo_session_close(b);
	EXPECT_CALLS("p1u1");

	fput(none);
	fput(two);
	fput(one);
}

static void freeze_test(struct kunit *test)
{
	struct luo_session *a = create(test, "a");
	loff_t size;

	for (size = 1; size <= 3; size++) {
		struct file *file = make_file(test, size);

		KUNIT_EXPECT_EQ(test, put(a, file, size), 0);
		fput(file);
	}
	EXPECT_CALLS("p1p2p3");
	KUNIT_EXPECT_EQ(test, luo_files_freeze(a), 0);
	luo_files_unfreeze(a);
	luo_files_unfreeze(a);
	EXPECT_CALLS("f1f2f3t3t2t1");

	luo_error = -EIO;
	KUNIT_EXPECT_EQ(test, luo_files_freeze(a), -EIO);
	luo_files_unfreeze(a);
	EXPECT_CALLS("f1f2t1");
	luo_error = 0;
	/* One that was frozen, and then is closed */
	KUNIT_EXPECT_EQ(test, luo_files_freeze(a), 0);
	luo_session_close(a);
	EXPECT_CALLS("f1f2f3t3u3t2u2t1u1");
}

/* Of the previous kernel: files with tokens from 1 on, whose sizes these are */
static struct luo_session *arrive(struct kunit *test, const char *name, u64 files,
				  const char *compatible)
{
	struct luo_session *s = luo_session_new(name, LUO_INCOMING);
	u64 i;

	KUNIT_ASSERT_NOT_NULL(test, s);
	for (i = 1; i <= files; i++) {
		struct luo_file *f = luo_file_new(i);

		KUNIT_ASSERT_NOT_NULL(test, f);
		f->args.serialized_data = i;
		strscpy(f->compatible, compatible);
		KUNIT_ASSERT_EQ(test, luo_file_add(s, f), 0);
	}
	KUNIT_ASSERT_EQ(test, luo_session_add(s), 0);
	return s;
}

static int get(struct luo_session *s, u64 token)
{
	struct file *file;

	guard(mutex)(&s->lock);
	file = luo_file_retrieve(s, token);
	if (IS_ERR(file))
		return PTR_ERR(file);
	fput(file);
	return 0;
}

static int finish(struct luo_session *s)
{
	guard(mutex)(&s->lock);
	guard(rwsem_read)(&luo_dump);
	return luo_session_finish(s);
}

static void retrieve_test(struct kunit *test)
{
	struct luo_session *s = arrive(test, "a", 3, "test-v1");

	KUNIT_EXPECT_EQ(test, luo_session_unfinished(), 1);
	KUNIT_EXPECT_PTR_EQ(test, luo_session_retrieve("b"), ERR_PTR(-ENOENT));
	KUNIT_EXPECT_PTR_EQ(test, luo_session_retrieve("a"), s);
	KUNIT_EXPECT_PTR_EQ(test, luo_session_retrieve("a"), ERR_PTR(-EINVAL));
	KUNIT_EXPECT_EQ(test, luo_session_drop("a"), -EBUSY);

	KUNIT_EXPECT_EQ(test, get(s, 4), -ENOENT);
	luo_error = -ENOMEM;
	KUNIT_EXPECT_EQ(test, get(s, 2), -ENOMEM);
	luo_error = 0;
	KUNIT_EXPECT_EQ(test, get(s, 2), 0);
	KUNIT_EXPECT_EQ(test, get(s, 2), 0);
	EXPECT_CALLS("r2r2");

	luo_not_yet = true;
	KUNIT_EXPECT_EQ(test, finish(s), -EBUSY);
	luo_session_close(s);
	KUNIT_EXPECT_PTR_EQ(test, luo_session_retrieve("a"), s);
	luo_not_yet = false;
	KUNIT_EXPECT_EQ(test, finish(s), 0);
	EXPECT_CALLS("D3d2D1");

	/* It is one for the next kernel now */
	KUNIT_EXPECT_EQ(test, s->kind, LUO_OUTGOING);
	KUNIT_EXPECT_EQ(test, luo_session_unfinished(), 0);
	KUNIT_EXPECT_PTR_EQ(test, luo_session_create("a"), ERR_PTR(-EEXIST));
	luo_session_close(s);
}

static void spent_test(struct kunit *test)
{
	struct luo_session *out = create(test, "a"), *in = arrive(test, "a", 1, "test-v1");

	KUNIT_EXPECT_PTR_EQ(test, luo_session_retrieve("a"), in);
	KUNIT_EXPECT_EQ(test, finish(in), 0);
	KUNIT_EXPECT_EQ(test, in->kind, LUO_SPENT);
	luo_session_close(in);
	luo_session_close(out);
	KUNIT_EXPECT_EQ(test, luo_session_drop("a"), -ENOENT);
	EXPECT_CALLS("D1");
}

/* Whom nobody knows does no harm to others */
static void unknown_test(struct kunit *test)
{
	struct luo_session *s = arrive(test, "a", 1, "another-v1"), *other;

	other = arrive(test, "b", 1, "test-v1");
	KUNIT_EXPECT_PTR_EQ(test, luo_session_retrieve("a"), s);
	KUNIT_EXPECT_EQ(test, get(s, 1), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, get(s, 1), -EOPNOTSUPP);
	KUNIT_EXPECT_PTR_EQ(test, luo_session_retrieve("b"), other);
	KUNIT_EXPECT_EQ(test, get(other, 1), 0);
	luo_session_close(other);
	luo_session_close(s);
	EXPECT_CALLS("r1d1");
}

static void drop_test(struct kunit *test)
{
	arrive(test, "a", 2, "test-v1");
	luo_not_yet = true;
	KUNIT_EXPECT_EQ(test, luo_session_drop("a"), -EBUSY);
	luo_not_yet = false;
	KUNIT_EXPECT_EQ(test, luo_session_drop("a"), 0);
	EXPECT_CALLS("D2D1");
	KUNIT_EXPECT_EQ(test, luo_session_drop("a"), -ENOENT);
}

static void handler_test(struct kunit *test)
{
	struct liveupdate_file_handler again = luo_test_handler;

	KUNIT_EXPECT_EQ(test, liveupdate_register_file_handler(&again), -EEXIST);
	again.ops = &(struct liveupdate_file_ops){ };
	KUNIT_EXPECT_EQ(test, liveupdate_register_file_handler(&again), -EINVAL);
}

static int luo_suite_init(struct kunit_suite *suite)
{
	int err;

	if (!liveupdate_enabled())
		return 0;
	err = liveupdate_register_file_handler(&luo_test_handler);
	/* Behind it is the list's head: before all others, which may take its files */
	if (!err)
		list_move(&luo_test_handler.list, luo_test_handler.list.next);
	return err;
}

static void luo_suite_exit(struct kunit_suite *suite)
{
	if (liveupdate_enabled())
		liveupdate_unregister_file_handler(&luo_test_handler);
}

static int luo_test_init(struct kunit *test)
{
	if (!liveupdate_enabled())
		kunit_skip(test, "needs liveupdate=on");
	luo_calls[0] = '\0';
	return 0;
}

static struct kunit_case luo_table_cases[] = {
	KUNIT_CASE(table_test),
	KUNIT_CASE(table_sizes_test),
	KUNIT_CASE(table_checksum_test),
	KUNIT_CASE(table_contents_test),
	{ }
};

static struct kunit_suite luo_table_suite = {
	.name = "kho_liveupdate_table",
	.test_cases = luo_table_cases,
};

static struct kunit_case luo_session_cases[] = {
	KUNIT_CASE(preserve_test),
	KUNIT_CASE(freeze_test),
	KUNIT_CASE(retrieve_test),
	KUNIT_CASE(spent_test),
	KUNIT_CASE(unknown_test),
	KUNIT_CASE(drop_test),
	KUNIT_CASE(handler_test),
	{ }
};

static struct kunit_suite luo_session_suite = {
	.name = "kho_liveupdate",
	.init = luo_test_init,
	.suite_init = luo_suite_init,
	.suite_exit = luo_suite_exit,
	.test_cases = luo_session_cases,
};

kunit_test_suites(&luo_table_suite, &luo_session_suite);
