/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kexec HandOver: the format of the blob and of the memory table, and the pure
 * functions that check them. Documentation/kho/format.rst describes the format.
 */
#ifndef LINUX_KEXEC_KHO_FDT_H
#define LINUX_KEXEC_KHO_FDT_H

#include <linux/kexec_handover.h>
#include <linux/types.h>

#include "kexec_kho_root_node.h"

#define KHO_PROP_MEM		"mem"

/* The early mapping of the next kernel is no larger */
#define KHO_FDT_MAX		(256 * 1024)
/* Bounds what a reader has to compare with each other */
#define KHO_MAX_NODES		256
#define KHO_MAX_NAME		63
#define KHO_MAX_DEPTH		16
/* No page is smaller, on any architecture */
#define KHO_MIN_SHIFT		12
/* And none whose bits make a chunk is larger */
#define KHO_MAX_BITMAP_SHIFT	16

/**
 * enum kho_entry_type - how an entry of the memory table says what is preserved
 * @KHO_ENTRY_EXTENT: all of the range, in folios of one size
 * @KHO_ENTRY_BITMAP: the pages of the range, which is a chunk, that have a bit
 */
enum kho_entry_type {
	KHO_ENTRY_EXTENT = 1,
	KHO_ENTRY_BITMAP = 2,
};

/**
 * struct kho_entry - one entry of the memory table
 * @addr:   first byte of the range
 * @len:    bytes in the range
 * @type:   enum kho_entry_type
 * @shift:  log2 of the bytes in each folio of an extent, in each page of a chunk
 * @bitmap: physical address of a chunk's page of bits
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

/*
 * The bits of a chunk are one page, as large as the pages that they stand for.
 * A bit of its first half says that a page is preserved, one of its second half
 * that it belongs to the folio of the page before. Bit number n is bit n % 8,
 * the least significant first, of byte n / 8. So a chunk has this many pages,
 * and bytes, for pages of so many bits:
 */
#define KHO_CHUNK_PAGES(shift)	(1UL << ((shift) + 2))
#define KHO_CHUNK_BYTES(shift)	(1ULL << (2 * (shift) + 2))

/*
 * A reader reserves what is preserved together with the gaps in it that have
 * less bytes than this, but for a few words of bits. No part of the format.
 */
#define KHO_GAP			(1024 * 1024)

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
 * @cpus:      how many CPUs that kernel could have; 0 if it does not say
 * @page_size: bytes in its pages; 0 if it does not say
 * @scratch:   the scratch areas
 * @table:     the parts of the memory table
 * @table_crc: CRC-32 over these
 */
struct kho_root {
	const char *release;
	u32 count;
	u32 cpus;
	u32 page_size;
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

/* Say why; the value is the error */
#define kho_bad(why, fmt, ...)						\
	(snprintf((why)->text, sizeof((why)->text), fmt, ##__VA_ARGS__), -EINVAL)

u32 kho_crc(u32 crc, const void *p, size_t len);
struct kho_mem kho_range(const struct kho_ranges *ranges, unsigned int i);
int kho_fdt_ranges(const void *fdt, int node, const char *name,
		   struct kho_ranges *ranges);
int kho_fdt_walk_mem(const void *fdt,
		     int (*fn)(const struct kho_ranges *ranges, unsigned int node,
			       void *data, struct kho_why *why),
		     void *data, struct kho_why *why);
int kho_fdt_check_tree(const void *fdt, size_t window, struct kho_why *why);
int kho_fdt_seal(void *fdt, size_t size);
int kho_fdt_check(const void *fdt, size_t window, struct kho_root *root,
		  struct kho_why *why);
int kho_entry_check(const struct kho_entry *e, u64 min_addr,
		    unsigned int page_shift, unsigned int max_order,
		    struct kho_why *why);
unsigned long kho_bits_end(const __le64 *bits, unsigned int shift,
			   unsigned long bit);
int kho_bits_check(const __le64 *bits, unsigned int shift,
		   unsigned int page_shift, unsigned int max_order,
		   struct kho_why *why);

#endif /* LINUX_KEXEC_KHO_FDT_H */
