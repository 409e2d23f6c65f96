// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live update: memfds of the previous kernel.
 *
 * Whatever goes wrong half way, what has been taken is kept, and the next try goes on
 * from there.
 */
#define pr_fmt(fmt) "memfd: " fmt

#include <kunit/static_stub.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/kexec_handover_mm.h>
#include <linux/liveupdate.h>
#include <linux/memblock.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "memfd_luo.h"

/* So many pages are taken at once, or one folio that has more */
#define MAX_TAKE	512

/**
 * struct memfd_in - a memfd that is on its way
 * @m: its record
 * @runs: its list
 * @name: its name, without NUL
 * @area: where they are, or NULL if that is in the record
 * @bad: one of these is not as it should be
 * @file: what there is of the file
 * @next: the run that comes next
 * @run: the same; but in single pages, if its folios are of no use
 * @split: that is so
 * @done: so many of its folios are in the file
 * @taken: and after that, so many are ours
 * @folios: these
 */
struct memfd_in {
	struct luo_memfd m;
	const struct luo_run_be *runs;
	const char *name;
	void *area;
	bool bad;
	struct file *file;
	u32 next;
	struct memfd_run run;
	bool split;
	unsigned long done;
	unsigned int taken;
	struct folio *folios[MAX_TAKE];
};

static int complain(struct memfd_in *in, const char *why)
{
	in->bad = true;
	pr_err("cannot restore a file of %llu bytes: %s\n", in->m.size, why);
	return -EBADMSG;
}

static int find_list(struct memfd_in *in, u64 bytes)
{
	const char *why = memfd_check_record(&in->m);

	if (why)
		return complain(in, why);
	if (memfd_has_list(&in->m)) {
		/* Where that fails, the log says why */
		in->area = kho_restore_vmalloc(&in->m.list);
		if (!in->area)
			return -EIO;
	}
	in->runs = in->area ?: in->m.embedded;
	in->name = (const char *)(in->runs + in->m.runs);
	why = memfd_check_list(&in->m, in->runs, bytes, PAGE_SHIFT, MAX_PAGE_ORDER,
			       PFN_PHYS((u64)max_pfn));
	return why ? complain(in, why) : 0;
}

static void begin_run(struct memfd_in *in)
{
	in->done = 0;
	if (in->next >= in->m.runs)
		return;
	memfd_run_read(&in->runs[in->next], memfd_run_end(&in->run), &in->run);
	/* Not in the page cache of a kernel without huge pages, for one */
	in->split = in->run.order && (!IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE) ||
				      in->run.order > MAX_PAGECACHE_ORDER);
}

/* The state of a retrieval; made if there is none yet */
static struct memfd_in *get_in(struct liveupdate_file_op_args *args)
{
	struct memfd_in *in = args->private_data;
	int err;

	if (in)
		return in->bad ? ERR_PTR(-EBADMSG) : in;
	/* Not accounted: who was killed for its cgroup's limit finishes what it has */
	in = kzalloc(sizeof(*in), GFP_KERNEL);
	if (!in)
		return ERR_PTR(-ENOMEM);

	luo_memfd_from_be((const struct luo_memfd_be *)args->record, &in->m);
	err = find_list(in, args->serialized_data);
	if (err && !in->bad) {
		kfree(in);
		return ERR_PTR(err);
	}
	args->private_data = in;
	if (err)
		return ERR_PTR(err);
	begin_run(in);
	return in;
}

static void put_in(struct liveupdate_file_op_args *args)
{
	struct memfd_in *in = args->private_data;

	if (in)
		kho_vfree(in->area);
	kfree(in);
	args->private_data = NULL;
}

static int make_file(struct memfd_in *in)
{
	char *name = kmemdup_nul(in->name, in->m.name_len, GFP_KERNEL);
	struct file *file;

	if (!name)
		return -ENOMEM;
	file = shmem_file_setup(name, 0, VM_NORESERVE);
	kfree(name);
	if (IS_ERR(file))
		return PTR_ERR(file);
	i_size_write(file_inode(file), in->m.size);
	in->file = file;
	return 0;
}

/* log2 of the pages in what a run is taken as */
static unsigned int order_of(const struct memfd_in *in)
{
	return in->split ? 0 : in->run.order;
}

static unsigned long nr_left(const struct memfd_in *in)
{
	unsigned long nr = in->run.folios;

	return (in->split ? nr << in->run.order : nr) - in->done;
}

static u64 phys_at(const struct memfd_in *in, unsigned long i)
{
	return in->run.phys + ((u64)(in->done + i) << (order_of(in) + PAGE_SHIFT));
}

static struct folio *folio_at(const struct memfd_in *in, unsigned long i)
{
	return page_folio(pfn_to_page(PHYS_PFN(phys_at(in, i))));
}

static unsigned int take_pages(struct memfd_in *in, unsigned int nr)
{
	struct kho_mem mem = { phys_at(in, 0), nr * PAGE_SIZE };

	if (in->split)
		return kho_claim_mem(&mem) ? nr : 0;
	return kho_restore_pages(mem.addr, nr) ? nr : 0;
}

static unsigned int take_folios(struct memfd_in *in, unsigned int nr)
{
	struct folio *folio;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		folio = kho_restore_folio(phys_at(in, i));
		if (!folio)
			break;
		if (folio_order(folio) != in->run.order) {
			pr_err("a folio is of %zu bytes, and not as its record says\n",
			       folio_size(folio));
			folio_put(folio);
			break;
		}
	}
	return i;
}

/* Have some folios that are not in the file yet */
static int take_some(struct memfd_in *in)
{
	unsigned long max = max(MAX_TAKE >> order_of(in), 1);
	unsigned int nr = min(nr_left(in), max), i;

	if (in->taken)
		return 0;
	in->taken = order_of(in) ? take_folios(in, nr) : take_pages(in, nr);
	for (i = 0; i < in->taken; i++)
		in->folios[i] = folio_at(in, i);
	return in->taken ? 0 : -EIO;
}

static long adopt(struct inode *inode, pgoff_t index, struct folio **folios,
		  unsigned int nr)
{
	KUNIT_STATIC_STUB_REDIRECT(adopt, inode, index, folios, nr);
	return shmem_adopt_folios(inode, index, folios, nr);
}

static int fill_some(struct memfd_in *in)
{
	pgoff_t index = in->run.index + ((pgoff_t)in->done << order_of(in));
	long nr;
	int err;

	err = take_some(in);
	if (err)
		return err;
	nr = adopt(file_inode(in->file), index, in->folios, in->taken);
	if (nr < 0)
		return nr;

	in->done += nr;
	in->taken -= nr;
	memmove(in->folios, in->folios + nr, in->taken * sizeof(*in->folios));
	if (!nr_left(in)) {
		in->next++;
		begin_run(in);
	}
	return 0;
}

static int fill_file(struct memfd_in *in)
{
	int err;

	while (in->next < in->m.runs) {
		if (fatal_signal_pending(current))
			return -EINTR;
		err = fill_some(in);
		if (err)
			return err;
		cond_resched();
	}
	return 0;
}

/* As somebody else opened the file, through /proc: in another way */
static struct file *reopen(struct file *file, unsigned int flags)
{
	struct file *other = dentry_open(&file->f_path, flags | O_LARGEFILE,
					 current_cred());

	if (!IS_ERR(other))
		fput(file);
	return other;
}

/* As memfd_create() leaves it */
static void set_opened(struct file *file, unsigned int flags)
{
	file->f_mode |= FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE;
	file->f_flags |= flags | O_LARGEFILE;
}

static int set_attributes(const struct luo_memfd *m, struct inode *inode)
{
	kuid_t uid = make_kuid(&init_user_ns, m->uid);
	kgid_t gid = make_kgid(&init_user_ns, m->gid);
	int err = 0;

	/* Tried again, perhaps */
	if (m->seals & ~SHMEM_I(inode)->seals & F_SEAL_WRITE)
		err = mapping_deny_writable(inode->i_mapping);
	if (err)
		return err;
	/* F_ADD_SEALS would add others, to executable files */
	SHMEM_I(inode)->seals = m->seals;
	inode->i_mode = S_IFREG | m->mode;
	inode->i_uid = uid;
	inode->i_gid = gid;
	return 0;
}

static int open_file(struct memfd_in *in)
{
	const struct luo_memfd *m = &in->m;
	struct file *file = in->file;
	int err;

	err = set_attributes(m, file_inode(file));
	if (err)
		return err;
	if ((m->flags & O_ACCMODE) == O_RDWR)
		set_opened(file, m->flags);
	else
		file = reopen(file, m->flags);
	if (IS_ERR(file))
		return PTR_ERR(file);
	file->f_pos = m->position;
	in->file = file;
	return 0;
}

/**
 * memfd_luo_retrieve() - make a memfd of the previous kernel
 * @args: see struct liveupdate_file_ops
 *
 * Return: 0; -EBADMSG if its record is damaged; -EIO if its memory was released, or has
 * failed; -ENOMEM, -ENOSPC or -EINTR, then another try goes on.
 */
int memfd_luo_retrieve(struct liveupdate_file_op_args *args)
{
	struct memfd_in *in = get_in(args);
	int err = 0;

	if (IS_ERR(in))
		return PTR_ERR(in);
	if (!in->file)
		err = make_file(in);
	err = err ?: fill_file(in) ?: open_file(in);
	if (err)
		return err;
	args->file = in->file;
	put_in(args);
	return 0;
}

/* What is taken, and not in the file */
static void drop_taken(struct memfd_in *in)
{
	unsigned int i;

	for (i = 0; i < in->taken; i++)
		folio_put(in->folios[i]);
	in->done += in->taken;
	in->taken = 0;
}

static void return_rest(struct memfd_in *in)
{
	struct kho_mem mem;

	for (drop_taken(in); in->next < in->m.runs; in->next++, begin_run(in)) {
		mem.addr = phys_at(in, 0);
		mem.len = (u64)nr_left(in) << (order_of(in) + PAGE_SHIFT);
		if (mem.len)
			kho_return_mem(&mem);
		cond_resched();
	}
}

/**
 * memfd_luo_finish() - free what there is of a memfd that nobody has retrieved
 * @args: see struct liveupdate_file_ops
 */
void memfd_luo_finish(struct liveupdate_file_op_args *args)
{
	struct memfd_in *in;

	if (args->retrieve_status > 0)
		return;
	in = get_in(args);
	if (IS_ERR(in)) {
		pr_warn("%llu bytes of a file stay reserved: see /sys/firmware/kho/unlisted\n",
			args->serialized_data);
		put_in(args);
		return;
	}
	if (in->file)
		fput(in->file);
	return_rest(in);
	put_in(args);
}

#if IS_ENABLED(CONFIG_KEXEC_HANDOVER_KUNIT_TEST)
#include "memfd_luo_in_test.c"
#endif
