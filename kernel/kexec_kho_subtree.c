// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kexec HandOver: what drivers of mainline call instead of registering a notifier.
 *
 * Such a driver has a blob in memory that it preserves itself, and adds it by name, at
 * any time. One node of the handover has all of these names, and where the blobs are.
 */
#define pr_fmt(fmt) "kho: " fmt

#include <linux/cleanup.h>
#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/init.h>
#include <linux/io.h>
#include <linux/kexec_handover_mm.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "kexec_kho_internal.h"
#include "kexec_kho_subtrees_node.h"

/**
 * struct kho_subtree - a blob that was added
 * @list: the others
 * @blob: its first byte
 * @n:    what the next kernel is told of it
 */
struct kho_subtree {
	struct list_head list;
	const void *blob;
	struct kho_subtrees_subtree n;
};

/* The notifier takes it, and whoever holds it may call kho_abort() */
static DEFINE_MUTEX(kho_subtree_lock);
static LIST_HEAD(kho_subtree_list);

static bool is_name(const char *name)
{
	size_t len = 0;

	while (isascii(name[len]) && isprint(name[len]))
		len++;
	return len && !name[len] && len < KHO_SUBTREES_SUBTREE_LABEL_SIZE;
}

static bool is_blob(const void *blob, size_t size)
{
	const void *last = blob + size - 1;

	return size && last >= blob && IS_ALIGNED((unsigned long)blob, 8) &&
	       virt_addr_valid(blob) && virt_addr_valid(last);
}

static struct kho_subtree *find_blob(const void *blob)
{
	struct kho_subtree *t;

	list_for_each_entry(t, &kho_subtree_list, list)
		if (t->blob == blob)
			return t;
	return NULL;
}

static bool has_name(const char *name)
{
	struct kho_subtree *t;

	list_for_each_entry(t, &kho_subtree_list, list)
		if (!strcmp(t->n.label, name))
			return true;
	return false;
}

static int may_add(const struct kho_subtree *t)
{
	if (has_name(t->n.label) || find_blob(t->blob))
		return -EEXIST;
	if (list_count_nodes(&kho_subtree_list) >= KHO_SUBTREES_SUBTREE_MAX)
		return -ENOSPC;
	return kho_abort();
}

/**
 * kho_add_subtree() - hand a blob over by name
 * @name: 1 to 63 printable characters, that no other driver uses
 * @blob: its first byte, aligned to 8 bytes; not in a vmalloc area
 * @size: its length
 *
 * The caller has its memory preserved, with kho_alloc_preserve() for one, by the time
 * that a handover is activated: or that is refused. The contents may change until the
 * jump. A handover that is active is aborted; the jump makes another.
 *
 * Context: may sleep.
 * Return: 0; -EOPNOTSUPP with kho=off; -EEXIST if there is one with this name, or
 * with this blob; -ENOSPC if there are 64; -EBUSY during the jump; -ENOMEM; -EINVAL,
 * with a line in the log, for another name or blob than those above.
 */
int kho_add_subtree(const char *name, void *blob, size_t size)
{
	struct kho_subtree *t __free(kfree) = NULL;
	int err;

	if (!kho_is_enabled())
		return -EOPNOTSUPP;
	if (!is_name(name) || !is_blob(blob, size)) {
		pr_err("cannot add subtree %*pE, %zu bytes at %p: no such name, or no such blob, is possible\n",
		       (int)strnlen(name, KHO_SUBTREES_SUBTREE_LABEL_SIZE), name, size, blob);
		return -EINVAL;
	}
	t = kzalloc(sizeof(*t), GFP_KERNEL);
	if (!t)
		return -ENOMEM;
	t->blob = blob;
	strscpy(t->n.label, name);
	t->n.phys = virt_to_phys(blob);
	t->n.size = size;

	guard(mutex)(&kho_subtree_lock);
	err = may_add(t);
	if (!err)
		list_add_tail(&no_free_ptr(t)->list, &kho_subtree_list);
	return err;
}
EXPORT_SYMBOL_GPL(kho_add_subtree);

/**
 * kho_remove_subtree() - undo kho_add_subtree()
 * @blob: the blob
 *
 * Comes before its memory is given up. If there is no such blob, the log says so, but
 * with kho=off. A handover that is active is aborted; the jump makes another.
 *
 * During the jump it is too late: the log says so, and nothing changes. Its memory
 * must not be freed then, of which kho_unpreserve_folio() and the like tell.
 *
 * Context: may sleep.
 */
void kho_remove_subtree(void *blob)
{
	struct kho_subtree *t;

	guard(mutex)(&kho_subtree_lock);
	t = find_blob(blob);
	if (!t) {
		if (kho_is_enabled())
			pr_err("a subtree at %p is removed, and there is none\n", blob);
		return;
	}
	if (kho_abort()) {
		pr_err("subtree %s is not removed: it is on its way to the next kernel\n",
		       t->n.label);
		return;
	}
	list_del(&t->list);
	kfree(t);
}
EXPORT_SYMBOL_GPL(kho_remove_subtree);

static bool has_arrived(const struct kho_subtrees_subtree *n)
{
	struct kho_mem mem = { .addr = ALIGN_DOWN(n->phys, PAGE_SIZE) };

	if (n->size > U64_MAX - n->phys)
		return false;
	mem.len = PAGE_ALIGN(n->phys + n->size) - mem.addr;
	return kho_in_has(&mem);
}

/**
 * kho_retrieve_subtree() - find a blob that the previous kernel has added
 * @name: the name that it was added with
 * @phys: filled with the physical address of its first byte
 * @size: filled with its length, if not NULL
 *
 * All of it is in memory that was preserved, and can be read with phys_to_virt().
 * The memory goes on being reserved until the caller takes it, with
 * kho_restore_folio(), kho_restore_free() or the like, and is then the caller's.
 *
 * Context: may sleep; works from the end of setup_arch() on.
 * Return: 0; -ENOENT if there was no handover, or none with that name, or in another
 * format; -EINVAL, after a line in the log, if what it says of the blob is wrong.
 */
int kho_retrieve_subtree(const char *name, phys_addr_t *phys, size_t *size)
{
	const void *fdt = kho_get_fdt();
	int node = kho_subtrees_find(fdt);
	struct kho_subtrees_subtree n;

	if (node < 0)
		return -ENOENT;
	if (kho_subtrees_get(fdt, node))
		return -EINVAL;
	node = kho_subtrees_find_subtree(fdt, node, name);
	if (node < 0)
		return -ENOENT;
	if (kho_subtrees_get_subtree(fdt, node, &n))
		return -EINVAL;
	if (!has_arrived(&n)) {
		pr_err("subtree %s is at %#llx+%#llx, which was not preserved, or cannot be read\n",
		       n.label, n.phys, n.size);
		return -EINVAL;
	}

	*phys = n.phys;
	if (size)
		*size = n.size;
	return 0;
}
EXPORT_SYMBOL_GPL(kho_retrieve_subtree);

/**
 * kho_alloc_preserve() - allocate zeroed memory, and preserve it
 * @size: so many bytes, at least
 *
 * It is one folio, that the next kernel gets with kho_restore_folio(). It is the
 * caller's, to be freed with kho_unpreserve_free(). A handover that is active is
 * aborted; the jump makes another.
 *
 * Context: may sleep.
 * Return: the memory; else an ERR_PTR(): -EINVAL for none; -E2BIG for more than the
 * page allocator's largest; -ENOMEM; or as kho_preserve_folio().
 */
void *kho_alloc_preserve(size_t size)
{
	void *mem;
	int err;

	if (!size)
		return ERR_PTR(-EINVAL);
	if (size > PAGE_SIZE << MAX_PAGE_ORDER)
		return ERR_PTR(-E2BIG);
	if (!kho_is_enabled())
		return ERR_PTR(-EOPNOTSUPP);
	mem = kho_alloc_boot(GFP_KERNEL | __GFP_COMP, get_order(size));
	if (!mem)
		return ERR_PTR(-ENOMEM);

	err = kho_preserve_folio(virt_to_folio(mem));
	if (!err)
		return mem;
	folio_put(virt_to_folio(mem));
	return ERR_PTR(err);
}
EXPORT_SYMBOL_GPL(kho_alloc_preserve);

/**
 * kho_unpreserve_free() - free what kho_alloc_preserve() returned, in the same kernel
 * @mem: the memory, or NULL
 *
 * During the jump it is too late: the log says so, and it stays allocated, and
 * preserved. A handover that is active is aborted; the jump makes another.
 *
 * Context: may sleep.
 */
void kho_unpreserve_free(void *mem)
{
	struct folio *folio;

	if (!mem)
		return;
	folio = virt_to_folio(mem);
	if (kho_unpreserve_folio(folio))
		pr_err("%zu bytes are not freed: they are on their way to the next kernel\n",
		       folio_size(folio));
	else
		folio_put(folio);
}
EXPORT_SYMBOL_GPL(kho_unpreserve_free);

/**
 * kho_restore_free() - free what kho_alloc_preserve() returned, in the next kernel
 * @mem: phys_to_virt() of its physical address, or NULL
 *
 * Memory that is not a folio like that, or has an owner already, is logged and left
 * alone. What kho_restore_folio() took is freed with folio_put() instead.
 *
 * Context: may sleep. Not before core_initcall().
 */
void kho_restore_free(void *mem)
{
	struct folio *folio = mem ? kho_restore_folio(virt_to_phys(mem)) : NULL;

	if (folio)
		folio_put(folio);
}
EXPORT_SYMBOL_GPL(kho_restore_free);

/* The next kernel would not take a blob that does not arrive */
static int check_preserved(void)
{
	struct kho_subtree *t;

	list_for_each_entry(t, &kho_subtree_list, list) {
		unsigned long pfn = PHYS_PFN(t->n.phys);

		if (kho_track_has_all(pfn, PFN_UP(t->n.phys + t->n.size) - pfn))
			continue;
		pr_err("subtree %s is at %#llx+%#llx, which is not preserved\n",
		       t->n.label, t->n.phys, t->n.size);
		return -EINVAL;
	}
	return 0;
}

static int write_subtrees(void *fdt)
{
	int err = kho_subtrees_begin(fdt);
	struct kho_subtree *t;
	unsigned int i = 0;

	list_for_each_entry(t, &kho_subtree_list, list)
		err = err ?: kho_subtrees_put_subtree(fdt, i++, &t->n);
	return err ?: kho_subtrees_end(fdt);
}

static int subtree_notify(struct notifier_block *nb, unsigned long event, void *fdt)
{
	int err;

	if (event != KEXEC_KHO_DUMP)
		return NOTIFY_DONE;

	guard(mutex)(&kho_subtree_lock);
	if (list_empty(&kho_subtree_list))
		return NOTIFY_DONE;
	err = check_preserved();
	return err ? notifier_from_errno(err) : kho_notify_result(write_subtrees(fdt));
}

/* The last: other notifiers may add subtrees, and preserve what is in them */
static struct notifier_block kho_subtree_nb = {
	.notifier_call = subtree_notify,
	.priority = INT_MIN,
};

static int __init kho_subtree_init(void)
{
	return kho_is_enabled() ? register_kho_notifier(&kho_subtree_nb) : 0;
}
late_initcall(kho_subtree_init);

#if IS_ENABLED(CONFIG_KEXEC_HANDOVER_KUNIT_TEST)
#include "kexec_kho_subtree_test.c"
#endif
