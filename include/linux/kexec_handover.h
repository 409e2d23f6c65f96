/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kexec HandOver (KHO): the whole driver-facing API.
 *
 * The outgoing kernel describes what it leaves behind in a flattened
 * devicetree, the handover FDT, and keeps the memory that this mentions from
 * being reused; the incoming kernel finds both as they were. Start with
 * Documentation/kho/driver.rst; contexts and errors are with the functions, in
 * kernel/kexec_kho_{out,track,vmalloc,scratch,in,subtree}.c.
 */
#ifndef LINUX_KEXEC_HANDOVER_H
#define LINUX_KEXEC_HANDOVER_H

#include <linux/err.h>
#include <linux/errno.h>
#include <linux/types.h>

struct folio;
struct kimage;
struct notifier_block;
struct page;

/**
 * enum kho_event - what a KHO notifier is called for
 * @KEXEC_KHO_DUMP:  a handover is being written; the notifier's data is the
 *	FDT, in libfdt's sequential write state, in the root node. To refuse, it
 *	returns notifier_from_errno(), and undoes what it did itself
 * @KEXEC_KHO_ABORT: a handover that it has written is off; forget what DUMP did
 * @KEXEC_KHO_CHECK: the jump is about to use a handover that was activated
 *	earlier. NOTIFY_BAD says that what was written is no longer true: then
 *	there is an ABORT, and another DUMP
 * @KEXEC_KHO_JUMP:  the jump is next: the last chance to bring preserved memory up
 *	to date. Devices are shut down, interrupts are off, all other CPUs have
 *	stopped, with any lock held: it must not sleep or take a lock, and cannot fail
 *
 * An event that a notifier has no use for it answers with NOTIFY_DONE.
 */
enum kho_event {
	KEXEC_KHO_DUMP = 0,
	KEXEC_KHO_ABORT = 1,
	KEXEC_KHO_CHECK = 2,
	KEXEC_KHO_JUMP = 3,
};

/**
 * struct kho_mem - a range of physical memory, in CPU byte order
 * @addr: first byte, page aligned
 * @len:  bytes, a multiple of the page size
 */
struct kho_mem {
	u64 addr;
	u64 len;
};

/**
 * struct kho_vmalloc - a preserved vmalloc area, as it goes into a property
 * @first: physical address of the first page of page addresses
 * @pages: number of pages in the area
 * @shift: log2 of the bytes in each of them
 *
 * Opaque to drivers and already big-endian: store the struct whole, with
 * fdt_property(), and give what fdt_getprop() finds, which is aligned to four
 * bytes, to kho_restore_vmalloc().
 */
struct kho_vmalloc {
	__be64 first;
	__be32 pages;
	__be32 shift;
} __packed __aligned(4);

#ifdef CONFIG_KEXEC_HANDOVER

/* Outgoing: what the next kernel shall find */
bool kho_is_enabled(void);
int register_kho_notifier(struct notifier_block *nb);
int unregister_kho_notifier(struct notifier_block *nb);
int kho_abort(void);
int kho_notify_result(int fdt_err);
int kho_fdt_property_mem(void *fdt, const struct kho_mem *mem, unsigned int nr);
int kho_preserve_folio(struct folio *folio);
int kho_unpreserve_folio(struct folio *folio);
int kho_preserve_pages(struct page *page, unsigned long nr_pages);
int kho_unpreserve_pages(struct page *page, unsigned long nr_pages);
int kho_preserve_vmalloc(void *ptr, struct kho_vmalloc *kv);
int kho_unpreserve_vmalloc(struct kho_vmalloc *kv);

/* Incoming: what the previous kernel left */
bool is_kho_boot(void);
const void *kho_get_fdt(void);
int kho_get_mem(int node, unsigned int index, struct kho_mem *mem);
void *kho_claim_mem(const struct kho_mem *mem);
void *kho_claim_reserved_mem(const struct kho_mem *mem);
void kho_return_mem(const struct kho_mem *mem);
struct folio *kho_restore_folio(phys_addr_t phys);
struct page *kho_restore_pages(phys_addr_t phys, unsigned long nr_pages);
void *kho_restore_vmalloc(const struct kho_vmalloc *kv);

/* What drivers of mainline call: in the old kernel, and in the new one */
int kho_add_subtree(const char *name, void *blob, size_t size);
void kho_remove_subtree(void *blob);
void *kho_alloc_preserve(size_t size);
void kho_unpreserve_free(void *mem);
int kho_retrieve_subtree(const char *name, phys_addr_t *phys, size_t *size);
void kho_restore_free(void *mem);

#else /* !CONFIG_KEXEC_HANDOVER */

static inline bool kho_is_enabled(void)
{
	return false;
}

/* There is never a handover, so the notifier is never called */
static inline int register_kho_notifier(struct notifier_block *nb)
{
	return 0;
}

static inline int unregister_kho_notifier(struct notifier_block *nb)
{
	return 0;
}

static inline int kho_abort(void)
{
	return 0;
}

static inline int kho_notify_result(int fdt_err)
{
	return 0;
}

static inline int kho_fdt_property_mem(void *fdt, const struct kho_mem *mem,
				       unsigned int nr)
{
	return -EOPNOTSUPP;
}

static inline int kho_preserve_folio(struct folio *folio)
{
	return -EOPNOTSUPP;
}

/* There is nothing to undo */
static inline int kho_unpreserve_folio(struct folio *folio)
{
	return 0;
}

static inline int kho_preserve_pages(struct page *page, unsigned long nr_pages)
{
	return -EOPNOTSUPP;
}

static inline int kho_unpreserve_pages(struct page *page,
				       unsigned long nr_pages)
{
	return 0;
}

static inline int kho_preserve_vmalloc(void *ptr, struct kho_vmalloc *kv)
{
	*kv = (struct kho_vmalloc){ };
	return -EOPNOTSUPP;
}

static inline int kho_unpreserve_vmalloc(struct kho_vmalloc *kv)
{
	*kv = (struct kho_vmalloc){ };
	return 0;
}

static inline bool is_kho_boot(void)
{
	return false;
}

static inline const void *kho_get_fdt(void)
{
	return NULL;
}

static inline int kho_get_mem(int node, unsigned int index, struct kho_mem *mem)
{
	return -EOPNOTSUPP;
}

static inline void *kho_claim_mem(const struct kho_mem *mem)
{
	return NULL;
}

static inline void *kho_claim_reserved_mem(const struct kho_mem *mem)
{
	return NULL;
}

static inline void kho_return_mem(const struct kho_mem *mem)
{
}

static inline struct folio *kho_restore_folio(phys_addr_t phys)
{
	return NULL;
}

static inline struct page *kho_restore_pages(phys_addr_t phys,
					     unsigned long nr_pages)
{
	return NULL;
}

static inline void *kho_restore_vmalloc(const struct kho_vmalloc *kv)
{
	return NULL;
}

static inline int kho_add_subtree(const char *name, void *blob, size_t size)
{
	return -EOPNOTSUPP;
}

static inline void kho_remove_subtree(void *blob)
{
}

static inline void *kho_alloc_preserve(size_t size)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static inline void kho_unpreserve_free(void *mem)
{
}

static inline int kho_retrieve_subtree(const char *name, phys_addr_t *phys,
				       size_t *size)
{
	return -ENOENT;
}

static inline void kho_restore_free(void *mem)
{
}

#endif /* CONFIG_KEXEC_HANDOVER */

#endif /* LINUX_KEXEC_HANDOVER_H */
