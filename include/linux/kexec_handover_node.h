/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kexec HandOver: a node's properties, within the limits of its spec. These are
 * what the headers that tools/kho/kho-gen makes consist of; drivers use those.
 */
#ifndef LINUX_KEXEC_HANDOVER_NODE_H
#define LINUX_KEXEC_HANDOVER_NODE_H

#include <linux/kexec_handover.h>
#include <linux/libfdt.h>
#include <linux/limits.h>
#include <linux/string.h>

int kho_node_put_u32(void *fdt, const char *prop, u32 val, u32 min, u32 max);
int kho_node_put_u64(void *fdt, const char *prop, u64 val, u64 min, u64 max);
int kho_node_put_phys(void *fdt, const char *prop, u64 phys, u64 align);
int kho_node_put_string(void *fdt, const char *prop, const char *text,
			size_t min, size_t max);
int kho_node_put_bytes(void *fdt, const char *prop, const void *bytes,
		       size_t len, size_t min, size_t max);
int kho_node_put_u32s(void *fdt, const char *prop, const u32 *val,
		      unsigned int nr, unsigned int min, unsigned int max);
int kho_node_put_u64s(void *fdt, const char *prop, const u64 *val, unsigned int nr,
		      unsigned int min, unsigned int max, u64 align);
int kho_node_put_vmalloc(void *fdt, const char *prop, const struct kho_vmalloc *kv,
			 unsigned int nr, unsigned int min, unsigned int max);
int kho_node_put_mem(void *fdt, const struct kho_mem *mem, unsigned int nr,
		     unsigned int min, unsigned int max, u64 align);
int kho_node_put_total(const char *prop, u64 total, const struct kho_mem *mem,
		       unsigned int nr);

int kho_node_get_u32(const void *fdt, int node, const char *prop, u32 *val,
		     u32 min, u32 max);
int kho_node_get_u64(const void *fdt, int node, const char *prop, u64 *val,
		     u64 min, u64 max);
int kho_node_get_phys(const void *fdt, int node, const char *prop, u64 *phys,
		      u64 align);
int kho_node_get_string(const void *fdt, int node, const char *prop, char *text,
			size_t min, size_t max);
int kho_node_get_bytes(const void *fdt, int node, const char *prop, void *bytes,
		       unsigned int *len, size_t min, size_t max);
int kho_node_get_flag(const void *fdt, int node, const char *prop, bool *set);
int kho_node_get_u32s(const void *fdt, int node, const char *prop, u32 *val,
		      unsigned int *nr, unsigned int min, unsigned int max);
int kho_node_get_u64s(const void *fdt, int node, const char *prop, u64 *val,
		      unsigned int *nr, unsigned int min, unsigned int max, u64 align);
int kho_node_get_vmalloc(const void *fdt, int node, const char *prop,
			 struct kho_vmalloc *kv, unsigned int *nr, unsigned int min,
			 unsigned int max);
int kho_node_get_mem(const void *fdt, int node, struct kho_mem *mem,
		     unsigned int *nr, unsigned int min, unsigned int max, u64 align);
int kho_node_get_total(const void *fdt, int node, const char *prop, u64 total,
		       const struct kho_mem *mem, unsigned int nr);

int kho_node_get_subnodes(const void *fdt, int node, const char *prefix,
			  const char *key, unsigned int min, unsigned int max);

#ifdef CONFIG_KEXEC_HANDOVER

static inline int kho_node_end(void *fdt)
{
	return fdt_end_node(fdt);
}

int kho_node_begin(void *fdt, const char *name, const char *compatible, size_t len);
int kho_node_begin_nr(void *fdt, const char *prefix, unsigned int nr,
		      unsigned int max);
int kho_node_find(const void *fdt, const char *name, const char *compatible);
int kho_node_find_key(const void *fdt, int node, const char *prefix,
		      const char *prop, const char *key);
int kho_node_next(const void *fdt, int node, int prev, const char *prefix);

#else /* !CONFIG_KEXEC_HANDOVER */

/* Whatever comes first fails, so the compiler drops what is behind it */

static inline int kho_node_end(void *fdt)
{
	return -FDT_ERR_NOSPACE;
}

static inline int kho_node_begin(void *fdt, const char *name, const char *compatible,
				 size_t len)
{
	return -FDT_ERR_NOSPACE;
}

static inline int kho_node_begin_nr(void *fdt, const char *prefix, unsigned int nr,
				    unsigned int max)
{
	return -FDT_ERR_NOSPACE;
}

static inline int kho_node_find(const void *fdt, const char *name,
				const char *compatible)
{
	return -ENOENT;
}

static inline int kho_node_find_key(const void *fdt, int node, const char *prefix,
				    const char *prop, const char *key)
{
	return -ENOENT;
}

static inline int kho_node_next(const void *fdt, int node, int prev,
				const char *prefix)
{
	return -ENOENT;
}

#endif /* CONFIG_KEXEC_HANDOVER */

#endif /* LINUX_KEXEC_HANDOVER_NODE_H */
