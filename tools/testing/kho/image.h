/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KHO_IMAGE_H
#define _KHO_IMAGE_H

#include "machine.h"
#include "mutate.h"

#define IMAGE_MAGIC	0x32484b2e	/* ".KH2" */
#define IMAGE_KHO_OFF	0x01
#define IMAGE_KDUMP	0x02
#define IMAGE_BOTTOM_UP	0x04
#define IMAGE_NO_WINDOW	0x08
#define IMAGE_NOMAP	0x10
#define IMAGE_MAP_MEM	0x20
#define IMAGE_GOOD	0x40
#define IMAGE_CONFIDENTIAL 0x80

/**
 * struct image - a machine and its memory as a kernel finds them: an input
 * @magic:  IMAGE_MAGIC
 * @flags:  what is not as usual; IMAGE_NOMAP is for the last hole; IMAGE_MAP_MEM:
 *	the linear map is made as arm64 makes it; IMAGE_GOOD: to refuse it is wrong
 * @unused: 0
 * @low:    frames at the start that count as scratch
 * @window: where the FDT is, as the boot loader says, from the start of RAM
 * @window_len: bytes in there
 * @fdt_len: bytes of the FDT, which is behind this
 * @hole:   no RAM
 * @used:   reserved before a kernel starts; the first has the kernel
 * @late:   reserved before the linear map exists
 * @after:  reserved once the handover is accepted
 * @alloc:  KiB that are allocated before the linear map exists
 * @carved: every other page of it is RAM that the kernel does not map
 * @hotplug: hotpluggable memory
 * @mirror: mirrored memory
 * @node:   frame where the second node begins, or 0
 * @far_at: GiB above 4 GiB where something is reserved that is no RAM
 * @far_len: GiB of that
 * @uses:   what drivers do follows from that
 *
 * Behind the FDT are pieces until the end. Little-endian, as the host is.
 */
struct image {
	u32 magic;
	u8 flags;
	u8 unused;
	u16 low;
	u32 window;
	u32 window_len;
	u32 fdt_len;
	struct frames hole[3];
	struct frames used[5];
	struct frames late[2];
	struct frames after[3];
	u16 alloc[4];
	struct frames carved;
	struct frames hotplug;
	struct frames mirror;
	u16 node;
	u16 far_at;
	u16 far_len;
	u16 uses;
} __packed;

/**
 * struct piece - other bytes of memory
 * @at:   from the start of RAM
 * @len:  how many; a bit page may be cut short, as RAM is zero where nothing is
 * @data: the bytes
 */
struct piece {
	u32 at;
	u32 len;
	u8 data[];
} __packed;

const struct image *image_parse(const u8 *data, size_t size);
const struct piece *image_piece(const struct image *image, size_t size,
				const struct piece *prev);
void image_load(const struct image *image, size_t size);
u32 image_table_crc(const void *fdt);
size_t image_build(u8 *data, size_t max);
size_t image_mutate(u8 *data, size_t size, size_t max);

#endif
