// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kexec HandOver: vmalloc areas that this kernel preserves.
 *
 * Pages by themselves, as far as the set of what is preserved is concerned, and
 * pages that list their addresses in order, of which each names the next.
 */
#define pr_fmt(fmt) "kho: " fmt

#include <linux/cleanup.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kexec_handover_mm.h>
#include <linux/mm.h>
#include <linux/pagewalk.h>
#include <linux/pgtable.h>
#include <linux/sched/signal.h>
#include <linux/vmalloc.h>

#include "kexec_kho_internal.h"

/* Forget the first @nr pages of an area, and free the pages that list them */
static void undo_vmalloc(__be64 first, unsigned int nr)
{
	unsigned int i = 0;

	while (first) {
		struct kho_vmalloc_page *list = phys_to_virt(be64_to_cpu(first));
		unsigned long pfn = PHYS_PFN(be64_to_cpu(first));
		unsigned int j;

		for (j = 0; i < nr && j < KHO_VMALLOC_SLOTS(PAGE_SHIFT); i++, j++)
			kho_track_drop_page(PHYS_PFN(be64_to_cpu(list->addr[j])));
		first = list->next;
		kho_track_drop_page(pfn);
		free_page((unsigned long)list);
		cond_resched();
	}
}

/* Whether somebody preserves a page by itself */
static bool is_page(__be64 phys)
{
	u64 addr = be64_to_cpu(phys);

	return PAGE_ALIGNED(addr) && kho_track_has(PHYS_PFN(addr), 1, false);
}

/*
 * Whether an area is preserved: each page that lists its pages, before that is
 * read, and all that are listed, no more and no less. What was never filled in, or
 * was undone before, is not like that.
 */
static bool is_area(const struct kho_vmalloc *kv)
{
	unsigned int nr = be32_to_cpu(kv->pages), i, slot = 0;
	const struct kho_vmalloc_page *list = NULL;
	__be64 next = kv->first;

	if (!nr || be32_to_cpu(kv->shift) != PAGE_SHIFT)
		return false;

	for (i = 0; i < nr; i++) {
		slot = i % KHO_VMALLOC_SLOTS(PAGE_SHIFT);
		if (!slot) {
			if (!is_page(next))
				return false;
			list = phys_to_virt(be64_to_cpu(next));
			next = list->next;
			cond_resched();
		}
		if (!is_page(list->addr[slot]))
			return false;
	}
	return !next && (slot + 1 == KHO_VMALLOC_SLOTS(PAGE_SHIFT) || !list->addr[slot + 1]);
}

static struct kho_vmalloc_page *new_vmalloc_page(__be64 *link)
{
	struct kho_vmalloc_page *list = kho_alloc_boot(GFP_KERNEL, 0);
	int err;

	if (!list)
		return ERR_PTR(-ENOMEM);

	err = kho_track_add_page(virt_to_page(list));
	if (err) {
		free_page((unsigned long)list);
		return ERR_PTR(err);
	}

	*link = cpu_to_be64(virt_to_phys(list));
	return list;
}

/* What does not make an area different for kho_restore_vmalloc() */
#define ORDINARY_FLAGS	(VM_ALLOC | VM_MAP | VM_MAP_PUT_PAGES | VM_NO_GUARD | \
			 VM_ALLOW_HUGE_VMAP | VM_DEFER_KMEMLEAK)

static bool is_mapped_as(pte_t pte, pgprot_t prot)
{
	pte_t like = pfn_pte(pte_pfn(pte), prot);

	/* The CPU may or may not have noted that the page was used */
	pte = pte_mkdirty(pte_mkyoung(pte));
	like = pte_mkdirty(pte_mkyoung(like));
	return pgprot_val(pte_pgprot(pte)) == pgprot_val(pte_pgprot(like));
}

static int check_pte(pte_t *ptep, unsigned long addr, unsigned long next,
		     struct mm_walk *walk)
{
	pte_t pte = ptep_get(ptep);

	return is_mapped_as(pte, PAGE_KERNEL) ||
	       is_mapped_as(pte, arch_vmap_pgprot_tagged(PAGE_KERNEL)) ? 0 : -EINVAL;
}

/* A huge page is mapped for vmalloc(), and no other than writable */
static int check_pmd(pmd_t *pmdp, unsigned long addr, unsigned long next,
		     struct mm_walk *walk)
{
	pmd_t pmd = pmdp_get(pmdp);

	cond_resched();
	return pmd_leaf(pmd) && !pmd_write(pmd) ? -EINVAL : 0;
}

static const struct mm_walk_ops mapping_ops = {
	.pmd_entry = check_pmd,
	.pte_entry = check_pte,
};

static bool is_mapped_as_usual(const struct vm_struct *area)
{
	unsigned long addr = (unsigned long)kasan_reset_tag(area->addr);
	int err;

	mmap_read_lock(&init_mm);
	err = walk_kernel_page_table_range(addr, addr + get_vm_area_size(area),
					   &mapping_ops, NULL, NULL);
	mmap_read_unlock(&init_mm);
	return !err;
}

/* Why kho_restore_vmalloc() could not give an area back as it is */
static const char *why_not_area(const struct vm_struct *area, const void *ptr)
{
	if (!area || area->addr != ptr || !area->pages ||
	    area->flags & (VM_IOREMAP | VM_DMA_COHERENT) ||
	    !(area->flags & (VM_ALLOC | VM_MAP_PUT_PAGES)))
		return "it is not an area of vmalloc()";
	if (area->flags & VM_USERMAP)
		return "user space can map it, which would be lost (use vmalloc())";
	if (area->flags & ~ORDINARY_FLAGS)
		return "it is of a special kind, which would be lost (use vmalloc())";
	if (!is_mapped_as_usual(area))
		return "it is not mapped as PAGE_KERNEL, as it would be again";
	return NULL;
}

static int preserve_area(const struct vm_struct *area, struct kho_vmalloc *kv)
{
	struct kho_vmalloc_page *list = NULL;
	unsigned int i, slot;
	__be64 first = 0;
	int err = 0;

	/* All under one lock: an activation sees the whole area or nothing */
	guard(mutex)(&kho_track_lock);
	for (i = 0; i < area->nr_pages; i++) {
		slot = i % KHO_VMALLOC_SLOTS(PAGE_SHIFT);
		if (!slot)
			list = new_vmalloc_page(list ? &list->next : &first);
		err = PTR_ERR_OR_ZERO(list) ?:
		      kho_track_add_page(area->pages[i]);
		if (err)
			break;
		list->addr[slot] = cpu_to_be64(page_to_phys(area->pages[i]));
		if (!slot)
			cond_resched();
	}

	if (err) {
		undo_vmalloc(first, i);
		return err;
	}
	*kv = (struct kho_vmalloc){
		.first = first,
		.pages = cpu_to_be32(area->nr_pages),
		.shift = cpu_to_be32(PAGE_SHIFT),
	};
	return 0;
}

/**
 * kho_preserve_vmalloc() - preserve what vmalloc() returned across kexec
 * @ptr: the area's first byte; it must stay allocated until it is unpreserved
 * @kv:  filled with what kho_restore_vmalloc() wants in the next kernel, or with
 *	zeroes after an error
 *
 * Context: may sleep.
 * Return: 0; -EINVAL if @ptr is no area that vmalloc() would free with its
 * pages, or one that kho_restore_vmalloc() could not give back as it is: for user
 * space to map, or with a protection other than PAGE_KERNEL; else as
 * kho_preserve_folio().
 */
int kho_preserve_vmalloc(void *ptr, struct kho_vmalloc *kv)
{
	struct vm_struct *area = find_vm_area(ptr);
	const char *why;

	*kv = (struct kho_vmalloc){ };
	if (!kho_is_enabled())
		return -EOPNOTSUPP;

	why = why_not_area(area, ptr);
	if (why) {
		pr_err("cannot preserve %p: %s\n", ptr, why);
		return -EINVAL;
	}
	return preserve_area(area, kv);
}
EXPORT_SYMBOL_GPL(kho_preserve_vmalloc);

/**
 * kho_unpreserve_vmalloc() - undo kho_preserve_vmalloc()
 * @kv: what that filled in. It is cleared, but for -EBUSY
 *
 * Where kho_preserve_vmalloc() has failed, or this was called before, there is
 * nothing to undo, and nothing is done. If @kv is neither like that nor what was
 * filled in, the log says so. A handover that is active is aborted; the jump makes
 * another.
 *
 * Context: may sleep.
 * Return: 0: it is not preserved; -EBUSY during the jump: the area is on its way to
 * the next kernel, and must not be freed.
 */
int kho_unpreserve_vmalloc(struct kho_vmalloc *kv)
{
	struct kho_vmalloc old = *kv;
	int err;

	if (!old.first && !old.pages)
		return 0;

	guard(mutex)(&kho_track_lock);
	if (!is_area(&old)) {
		pr_err("a vmalloc area of %u pages is given up, and there is none like that\n",
		       be32_to_cpu(old.pages));
		*kv = (struct kho_vmalloc){ };
		return 0;
	}

	err = kho_track_change();
	if (err)
		return err;
	*kv = (struct kho_vmalloc){ };
	undo_vmalloc(old.first, be32_to_cpu(old.pages));
	return 0;
}
EXPORT_SYMBOL_GPL(kho_unpreserve_vmalloc);

/* Pages that are not mapped yet */
static void free_pages_of(struct page **pages, size_t nr)
{
	while (nr)
		__free_page(pages[--nr]);
	kvfree(pages);
}

static struct page **alloc_pages_for(size_t nr)
{
	struct page **pages = kvmalloc_array(nr, sizeof(*pages), GFP_KERNEL);
	size_t i;
	void *p;

	for (i = 0; pages && i < nr; i++) {
		p = fatal_signal_pending(current) ? NULL : kho_alloc_boot(GFP_KERNEL, 0);
		if (!p) {
			free_pages_of(pages, i);
			return NULL;
		}
		pages[i] = virt_to_page(p);
		cond_resched();
	}
	return pages;
}

/**
 * kho_valloc() - allocate an area that kho_preserve_vmalloc() can preserve
 * @size: bytes
 *
 * vmalloc() may well return memory that was added after boot, which the next kernel
 * does not know.
 *
 * Context: may sleep.
 * Return: the area, zeroed, to be freed with kho_vfree(); NULL if there is no memory
 * for it, or the task was killed meanwhile.
 */
void *kho_valloc(size_t size)
{
	size_t nr = DIV_ROUND_UP(size, PAGE_SIZE);
	struct page **pages;
	void *area;

	if (!nr || nr > totalram_pages() || nr > INT_MAX)
		return NULL;
	pages = alloc_pages_for(nr);
	if (!pages)
		return NULL;

	area = vmap(pages, nr, VM_MAP | VM_MAP_PUT_PAGES, PAGE_KERNEL);
	if (!area)
		free_pages_of(pages, nr);
	return area;
}

/**
 * kho_vfree() - free what kho_valloc() or kho_restore_vmalloc() returned
 * @p: the area, not preserved; or NULL
 *
 * Context: may sleep.
 */
void kho_vfree(void *p)
{
	vfree(p);
}

#if IS_ENABLED(CONFIG_KEXEC_HANDOVER_KUNIT_TEST)
#include "kexec_kho_vmalloc_test.c"
#endif
