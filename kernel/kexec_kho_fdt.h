/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kexec HandOver: the format of the blob and of the memory table, and the pure
 * functions that check them. Documentation/kho/format.rst describes the format.
 */
#ifndef LINUX_KEXEC_KHO_FDT_H
#define LINUX_KEXEC_KHO_FDT_H

#include <linux/kexec_handover.h>
#include <linux/types.h>

#define KHO_COMPATIBLE		"linux,kho-v1"
#define KHO_PROP_RELEASE	"kernel-release"
#define KHO_PROP_COUNT		"handover-count"
#define KHO_PROP_SCRATCH	"scratch"
#define KHO_PROP_TABLE		"mem-table"
#define KHO_PROP_TABLE_CRC	"mem-table-checksum"
#define KHO_PROP_CRC		"checksum"
#define KHO_PROP_MEM		"mem"

/* The early mapping of the next kernel is no larger */
#define KHO_FDT_MAX		(256 * 1024)
/* Bounds what a reader has to compare with each other */
#define KHO_MAX_NODES		256
#define KHO_MAX_NAME		63
#define KHO_MAX_DEPTH		16
#define KHO_MAX_SCRATCH		8
/* No page is smaller, on any architecture */
#define KHO_MIN_SHIFT		12

enum kho_entry_type {
	KHO_ENTRY_EXTENT = 1,
	KHO_ENTRY_BITMAP = 2,
};

/**
 * struct kho_entry - one entry of the memory table
 * @addr:   first byte of the range
 * @len:    bytes in the range
 * @type:   enum kho_entry_type
 * @shift:  log2 of the bytes in each folio of the range
 * @bitmap: physical address of the bitmap, for KHO_ENTRY_BITMAP
 *
 * The entries are sorted by address and do not overlap.
 */
struct kho_entry {
	__be64 addr;
	__be64 len;
	__be32 type;
	__be32 shift;
	__be64 bitmap;
};

/**
 * struct kho_ranges - an array of ranges as a property holds it
 * @cells: address and length, each a big-endian u64 aligned to four bytes
 * @nr:    number of ranges
 */
struct kho_ranges {
	const void *cells;
	unsigned int nr;
};

/**
 * struct kho_root - what the root node says
 * @release:   who wrote the blob
 * @count:     kexecs since cold boot
 * @scratch:   the scratch areas
 * @table:     the parts of the memory table
 * @table_crc: CRC-32 over these
 */
struct kho_root {
	const char *release;
	u32 count;
	struct kho_ranges scratch;
	struct kho_ranges table;
	u32 table_crc;
};

/**
 * struct kho_why - why a blob is refused, for a person
 * @text: one line without a newline
 */
struct kho_why {
	char text[160];
};

u32 kho_crc(u32 crc, const void *p, size_t len);
struct kho_mem kho_range(const struct kho_ranges *ranges, unsigned int i);
int kho_fdt_ranges(const void *fdt, int node, const char *name,
		   struct kho_ranges *ranges);
int kho_fdt_walk_mem(const void *fdt,
		     int (*fn)(const struct kho_ranges *ranges,
			       unsigned int node, struct kho_why *why),
		     struct kho_why *why);
int kho_fdt_check_tree(const void *fdt, size_t window, struct kho_why *why);
int kho_fdt_seal(void *fdt, size_t size);
int kho_fdt_check(const void *fdt, size_t window, struct kho_root *root,
		  struct kho_why *why);
int kho_entry_check(const struct kho_entry *e, u64 min_addr,
		    unsigned int page_shift, struct kho_why *why);

#endif /* LINUX_KEXEC_KHO_FDT_H */
