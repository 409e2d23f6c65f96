/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kexec HandOver: the hooks in early boot, in memory management and in kexec.
 * Drivers want <linux/kexec_handover.h>.
 */
#ifndef LINUX_KEXEC_HANDOVER_MM_H
#define LINUX_KEXEC_HANDOVER_MM_H

#include <linux/kexec_handover.h>
#include <linux/limits.h>
#include <linux/types.h>

struct kexec_buf;
struct kimage;
struct page;
struct resource;

#ifdef CONFIG_KEXEC_HANDOVER

/* Early boot, in this order */
void kho_set_incoming(phys_addr_t fdt, u64 window);
void kho_early_init(phys_addr_t low, u64 initrd);
void kho_memory_init(void);
phys_addr_t kho_reserve_mem_find(const char *name, phys_addr_t size,
				 phys_addr_t align);
void kho_reserve_mem_add(phys_addr_t start, phys_addr_t size, const char *name);
void kho_memmap_init(void);
void kho_memory_release(void);
bool kho_can_spare(u64 size, const char *what);
u64 kho_memory_for_pools(void);

/* Memory management */
u64 arch_kho_early_room(u64 ram);
int arch_kho_walk_ram(void *arg, int (*fn)(unsigned long pfn, unsigned long nr,
					   void *arg));
bool arch_kho_is_told(u64 addr, u64 end);
bool kho_scratch_overlaps(phys_addr_t addr, phys_addr_t len);

/* What that does for handovers: in early boot, and as memory is taken back */
bool memmap_can_defer(void);
void memmap_init_reserved(unsigned long start_pfn, unsigned long end_pfn);
unsigned long memblock_free_held(phys_addr_t start, phys_addr_t end);
void memblock_free_bits(unsigned long pfn, unsigned long bits);
bool init_cma_pageblock(struct page *page);
void adopt_reserved_folio(struct page *page, unsigned int order);
void adopt_reserved_pages(struct page *page, unsigned long nr);
void refresh_memory_limits(void);

/* Memory that can be preserved, for live update */
void *kho_alloc_boot(gfp_t gfp, unsigned int order);
void kho_free_boot(void *p, unsigned int order);
void *kho_valloc(size_t size);
void kho_vfree(void *p);

/* kexec */
int kho_image_init(struct kimage *image);
void kho_image_set_page_shift(struct kimage *image, unsigned int shift);
bool kho_image_window(const struct kimage *image, struct kho_mem *window);
unsigned int kho_scratch_areas(const struct kho_mem **areas);
int kho_locate_mem_hole(struct kexec_buf *kbuf,
			int (*func)(struct resource *, void *));
int kho_before_kexec(void);
int kho_check_kexec(struct kimage *image);
void kho_kexec_failed(void);
void kho_before_jump(const struct kimage *image);

#else /* !CONFIG_KEXEC_HANDOVER */

static inline void kho_set_incoming(phys_addr_t fdt, u64 window)
{
}

static inline void kho_early_init(phys_addr_t low, u64 initrd)
{
}

static inline void kho_memory_init(void)
{
}

static inline phys_addr_t kho_reserve_mem_find(const char *name,
					       phys_addr_t size,
					       phys_addr_t align)
{
	return 0;
}

static inline void kho_reserve_mem_add(phys_addr_t start, phys_addr_t size,
				       const char *name)
{
}

static inline void kho_memmap_init(void)
{
}

static inline void kho_memory_release(void)
{
}

static inline bool kho_can_spare(u64 size, const char *what)
{
	return true;
}

static inline u64 kho_memory_for_pools(void)
{
	return U64_MAX;
}

static inline bool kho_scratch_overlaps(phys_addr_t addr, phys_addr_t len)
{
	return false;
}

static inline int kho_image_init(struct kimage *image)
{
	return 0;
}

static inline void kho_image_set_page_shift(struct kimage *image,
					    unsigned int shift)
{
}

static inline bool kho_image_window(const struct kimage *image,
				    struct kho_mem *window)
{
	return false;
}

static inline unsigned int kho_scratch_areas(const struct kho_mem **areas)
{
	return 0;
}

static inline int kho_locate_mem_hole(struct kexec_buf *kbuf,
				      int (*func)(struct resource *, void *))
{
	return 0;
}

static inline int kho_before_kexec(void)
{
	return 0;
}

static inline int kho_check_kexec(struct kimage *image)
{
	return 0;
}

static inline void kho_kexec_failed(void)
{
}

static inline void kho_before_jump(const struct kimage *image)
{
}

#endif /* CONFIG_KEXEC_HANDOVER */

#endif /* LINUX_KEXEC_HANDOVER_MM_H */
