// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live update: memfds that this kernel preserves.
 *
 * What such a file has is pinned, which migrates it out of scratch, and stays in use:
 * only its size and its pages are fixed. Holes stay holes. One that is filled later is
 * found when a handover is written; from then on, to fill one aborts that handover, or
 * fails if the jump is under way.
 *
 * Folios that are pinned here have PG_owner_2, by which F_SEAL_WRITE knows that such a
 * pin is nobody's who writes.
 */
#define pr_fmt(fmt) "memfd: " fmt

#include <linux/cleanup.h>
#include <linux/dcache.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/kexec_handover.h>
#include <linux/liveupdate.h>
#include <linux/memblock.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "memfd_luo.h"

/* So many folios are pinned at once */
#define MAX_PIN		512

static_assert(sizeof(struct luo_memfd_be) == LIVEUPDATE_RECORD_SIZE);

/*
 * Protects SHMEM_CLOSED of all files: who fills a hole aborts the handover before
 * another can rely on that.
 */
static DEFINE_MUTEX(memfd_luo_holes);

/* Who looks for what has come; it is not to fill holes that reclaim has just made */
static struct task_struct *memfd_luo_looker;

/**
 * memfd_luo_open_hole() - let holes be filled, if that is possible
 * @inode: a file that has SHMEM_CLOSED
 *
 * Context: may sleep.
 * Return: 0: try it, and come back if the file has SHMEM_CLOSED again; -EPERM during the
 * jump; -EINTR; -EAGAIN if the caller shall look again what there is.
 */
int memfd_luo_open_hole(struct inode *inode)
{
	int err = 0;

	if (READ_ONCE(memfd_luo_looker) == current)
		return -EAGAIN;
	if (mutex_lock_killable(&memfd_luo_holes))
		return -EINTR;
	if (shmem_has_flag(inode, SHMEM_CLOSED)) {
		err = kho_abort() ? -EPERM : 0;
		if (!err)
			shmem_clear_flags(inode, SHMEM_CLOSED);
	}
	mutex_unlock(&memfd_luo_holes);
	return err;
}

/* How many pages it has, or more */
static unsigned long close_holes(struct inode *inode)
{
	guard(mutex)(&memfd_luo_holes);
	WRITE_ONCE(memfd_luo_looker, current);
	return shmem_set_flags(inode, SHMEM_CLOSED);
}

/**
 * struct look - a search for what is in a file and is not preserved yet
 * @file: the file
 * @folios: room for MAX_PIN of them
 * @found: what was found, which is preserved now
 */
struct look {
	struct file *file;
	struct folio **folios;
	struct memfd_runs found;
};

/*
 * Pinned without its lock: it may have left the file meanwhile, for a huge page, or
 * because to add it was undone. Contents of what was only allocated are nobody's yet.
 */
static bool hold_folio(struct address_space *mapping, struct folio *folio)
{
	folio_lock(folio);
	if (folio->mapping != mapping) {
		folio_unlock(folio);
		return false;
	}
	if (!folio_test_uptodate(folio) && !folio_contain_hwpoisoned_page(folio)) {
		folio_zero_range(folio, 0, folio_size(folio));
		flush_dcache_folio(folio);
		folio_mark_uptodate(folio);
	}
	folio_set_owner_2(folio);
	folio_unlock(folio);
	return true;
}

static void let_go(struct folio *folio)
{
	folio_clear_owner_2(folio);
	unpin_folio(folio);
}

/* How many of some folios are pages one after another; 1 if they are no pages */
static unsigned int nr_contiguous(struct folio **folios, unsigned int nr)
{
	unsigned int i = 1;

	if (folio_test_large(folios[0]))
		return 1;
	while (i < nr && !folio_test_large(folios[i]) &&
	       folio_pfn(folios[i]) == folio_pfn(folios[0]) + i &&
	       folios[i]->index == folios[0]->index + i)
		i++;
	return i;
}

static int preserve_run(struct look *l, struct folio *folio, unsigned int nr)
{
	int err = memfd_runs_prepare(&l->found, folio->index);

	if (err)
		return err;
	err = folio_test_large(folio) ? kho_preserve_folio(folio) :
					kho_preserve_pages(&folio->page, nr);
	if (err)
		return err;
	memfd_runs_add(&l->found, &(struct memfd_run){
		.phys = PFN_PHYS((u64)folio_pfn(folio)),
		.order = folio_order(folio),
		.folios = nr,
		.index = folio->index,
	});
	return 0;
}

/*
 * Folios that are pinned; after an error, those that are not preserved no longer are.
 * -EAGAIN means that one was not in the file any more.
 */
static int preserve_folios(struct look *l, unsigned int nr)
{
	unsigned int i, n, held = 0;
	int err = 0;

	while (held < nr && hold_folio(l->file->f_mapping, l->folios[held]))
		held++;
	for (i = 0; i < held && !err; i += err ? 0 : n) {
		n = nr_contiguous(l->folios + i, held - i);
		err = preserve_run(l, l->folios[i], n);
	}
	if (!err && held < nr)
		err = -EAGAIN;
	for (; i < held; i++)
		let_go(l->folios[i]);
	for (; i < nr; i++)
		unpin_folio(l->folios[i]);
	return err;
}

/*
 * The next pages before @end that are in memory or in swap, from *@at on; or some of
 * them. What was allocated and never written is among them: somebody relies on it.
 */
static unsigned long find_data(struct address_space *mapping, pgoff_t *at, pgoff_t end)
{
	XA_STATE(xas, &mapping->i_pages, *at);
	pgoff_t first = 0, next = 0;
	unsigned int nr = 0;
	void *entry;

	rcu_read_lock();
	xas_for_each(&xas, entry, end - 1) {
		if (xas_retry(&xas, entry))
			continue;
		if (!nr)
			first = xas.xa_index;
		else if (xas.xa_index != next)
			break;
		next = (xas.xa_index | ((1UL << xas_get_order(&xas)) - 1)) + 1;
		if (++nr == MAX_PIN)
			break;
	}
	rcu_read_unlock();

	*at = first;
	return min(next, end) - first;
}

static int preserve_some(struct look *l, pgoff_t *at, unsigned long pages)
{
	loff_t last = i_size_read(file_inode(l->file)) - 1;
	loff_t start = (loff_t)*at << PAGE_SHIFT;
	loff_t end = min(start + (((loff_t)pages << PAGE_SHIFT) - 1), last);
	pgoff_t offset;
	long nr;
	int err;

	nr = memfd_pin_folios(l->file, start, end, l->folios, MAX_PIN, &offset);
	if (nr < 0)
		return nr;
	err = preserve_folios(l, nr);
	/* Go on behind what is preserved now */
	*at = max(*at, l->found.end);
	return err;
}

static int preserve_gap(struct look *l, pgoff_t at, pgoff_t end)
{
	struct address_space *mapping = l->file->f_mapping;
	unsigned long pages;
	int err;

	while (at < end) {
		if (fatal_signal_pending(current))
			return -EINTR;
		pages = find_data(mapping, &at, end);
		if (!pages)
			return 0;
		err = preserve_some(l, &at, pages);
		/* A page went that nobody has written, or others took its place: look again */
		if (err && err != -EAGAIN)
			return err;
		cond_resched();
	}
	return 0;
}

static pgoff_t nr_pages(struct inode *inode)
{
	loff_t size = i_size_read(inode);

	return size ? ((size - 1) >> PAGE_SHIFT) + 1 : 0;
}

/* All that is not in @known */
static int preserve_rest(struct look *l, const struct memfd_runs *known)
{
	struct memfd_run r = { };
	pgoff_t at = 0;
	int err;

	while (memfd_runs_next(known, &r)) {
		err = preserve_gap(l, at, r.index);
		if (err)
			return err;
		at = memfd_run_end(&r);
		if (!(r.nr % 1024))
			cond_resched();
	}
	return preserve_gap(l, at, nr_pages(file_inode(l->file)));
}

static int unpreserve_folio(const struct memfd_run *r, struct folio *folio)
{
	/* What is pages was given up as a whole */
	return r->order ? kho_unpreserve_folio(folio) : 0;
}

static void unpreserve_run(const struct memfd_run *r)
{
	struct page *page = pfn_to_page(PHYS_PFN(r->phys));
	struct folio *folio;
	u32 i;

	/* What is still preserved is never freed */
	if (!r->order && WARN_ON_ONCE(kho_unpreserve_pages(page, r->folios)))
		return;
	for (i = 0; i < r->folios; i++) {
		folio = page_folio(page + ((unsigned long)i << r->order));
		if (!WARN_ON_ONCE(unpreserve_folio(r, folio)))
			let_go(folio);
		if (i % MAX_PIN == MAX_PIN - 1)
			cond_resched();
	}
}

static void unpreserve_runs(struct memfd_runs *l)
{
	struct memfd_run r = { };

	while (memfd_runs_next(l, &r)) {
		unpreserve_run(&r);
		cond_resched();
	}
	memfd_runs_free(l);
}

static int store_runs(struct liveupdate_file_op_args *args, struct memfd_runs *l)
{
	struct name_snapshot name;
	int err = -ENAMETOOLONG;

	take_dentry_name_snapshot(&name, args->file->f_path.dentry);
	if (name.name.len <= NAME_MAX)
		err = memfd_runs_store(l, name.name.name, name.name.len,
				       (void *)args->record);
	release_dentry_name_snapshot(&name);
	if (!err)
		args->serialized_data = (u64)l->total << PAGE_SHIFT;
	return err;
}

/* Have a list of what is in *@known and what was @found, and nothing else of the two */
static int add_found(struct liveupdate_file_op_args *args, struct memfd_runs *known,
		     struct memfd_runs *found)
{
	struct memfd_runs both = { }, *whole = found;
	int err = 0;

	if (known->nr) {
		whole = &both;
		err = memfd_runs_merge(known, found, &both);
	}
	err = err ?: store_runs(args, whole);
	if (err) {
		memfd_runs_free(&both);
		return err;
	}

	if (whole == &both)
		memfd_runs_free(found);
	memfd_runs_free(known);
	*known = *whole;
	return 0;
}

/* Preserve what is not preserved yet; after an error, all is as it was */
static int preserve_new(struct liveupdate_file_op_args *args)
{
	struct memfd_runs *known = args->private_data;
	struct look l = { .file = args->file };
	int err;

	l.folios = kmalloc_array(MAX_PIN, sizeof(*l.folios), GFP_KERNEL);
	if (!l.folios)
		return -ENOMEM;

	err = preserve_rest(&l, known);
	if (!err && (l.found.nr || !known->nr))
		err = add_found(args, known, &l.found);
	if (err)
		unpreserve_runs(&l.found);
	kfree(l.folios);
	return err;
}

/* What can change at any time. Takes no lock */
static void note_attributes(struct liveupdate_file_op_args *args)
{
	struct luo_memfd_be *record = (void *)args->record;
	struct inode *inode = file_inode(args->file);
	unsigned int flags = READ_ONCE(args->file->f_flags);

	record->size = cpu_to_be64(i_size_read(inode));
	record->position = cpu_to_be64(READ_ONCE(args->file->f_pos));
	record->seals = cpu_to_be32(READ_ONCE(SHMEM_I(inode)->seals));
	record->mode = cpu_to_be32(READ_ONCE(inode->i_mode) & S_IALLUGO);
	record->uid = cpu_to_be32(from_kuid(&init_user_ns, inode->i_uid));
	record->gid = cpu_to_be32(from_kgid(&init_user_ns, inode->i_gid));
	record->flags = cpu_to_be32(flags & MEMFD_FLAGS);
}

/* Not what the kernel made for itself, as shared anonymous memory */
static bool memfd_luo_can_preserve(struct liveupdate_file_handler *handler,
				   struct file *file)
{
	struct inode *inode = file_inode(file);

	return shmem_file(file) && !inode->i_nlink && !IS_PRIVATE(inode);
}

static int fix_size(struct inode *inode)
{
	int err = 0;

	if (down_write_killable(&inode->i_rwsem))
		return -EINTR;
	if (SHMEM_I(inode)->seals & ~MEMFD_SEALS)
		err = -EOPNOTSUPP;
	else if (shmem_has_flag(inode, SHMEM_FIXED))
		err = -EBUSY;
	else
		shmem_set_flags(inode, SHMEM_FIXED);
	inode_unlock(inode);
	return err;
}

static int memfd_luo_preserve(struct liveupdate_file_op_args *args)
{
	struct inode *inode = file_inode(args->file);
	struct memfd_runs *known;
	int err;

	err = fix_size(inode);
	if (err)
		return err;

	known = kzalloc(sizeof(*known), GFP_KERNEL_ACCOUNT);
	args->private_data = known;
	err = known ? preserve_new(args) : -ENOMEM;
	if (!err) {
		note_attributes(args);
		return 0;
	}

	shmem_clear_flags(inode, SHMEM_FIXED);
	args->private_data = NULL;
	kfree(known);
	return err;
}

static void memfd_luo_unpreserve(struct liveupdate_file_op_args *args)
{
	unpreserve_runs(args->private_data);
	shmem_clear_flags(file_inode(args->file), SHMEM_FIXED | SHMEM_CLOSED);
	kfree(args->private_data);
	args->private_data = NULL;
}

static void memfd_luo_unfreeze(struct liveupdate_file_op_args *args)
{
	shmem_clear_flags(file_inode(args->file), SHMEM_CLOSED);
}

static int memfd_luo_freeze(struct liveupdate_file_op_args *args)
{
	struct memfd_runs *known = args->private_data;
	int err = 0;

	if (close_holes(file_inode(args->file)) != known->total)
		err = preserve_new(args);
	WRITE_ONCE(memfd_luo_looker, NULL);
	if (err)
		memfd_luo_unfreeze(args);
	else
		note_attributes(args);
	return err;
}

static void memfd_luo_jump(struct liveupdate_file_op_args *args)
{
	note_attributes(args);
}

static u64 memfd_luo_bytes(struct liveupdate_file_op_args *args)
{
	return args->serialized_data;
}

static const struct liveupdate_file_ops memfd_luo_ops = {
	.can_preserve = memfd_luo_can_preserve,
	.preserve = memfd_luo_preserve,
	.unpreserve = memfd_luo_unpreserve,
	.freeze = memfd_luo_freeze,
	.unfreeze = memfd_luo_unfreeze,
	.jump = memfd_luo_jump,
	.retrieve = memfd_luo_retrieve,
	.finish = memfd_luo_finish,
	.bytes = memfd_luo_bytes,
	.owner = THIS_MODULE,
};

static struct liveupdate_file_handler memfd_luo_handler = {
	.ops = &memfd_luo_ops,
	.compatible = "linux,memfd-v1",
};

static int __init memfd_luo_init(void)
{
	int err = liveupdate_register_file_handler(&memfd_luo_handler);

	return err == -EOPNOTSUPP ? 0 : err;
}
late_initcall(memfd_luo_init);

#if IS_ENABLED(CONFIG_KEXEC_HANDOVER_KUNIT_TEST)
#include "memfd_luo_test.c"
#endif
