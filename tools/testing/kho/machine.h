/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KHO_MACHINE_H
#define _KHO_MACHINE_H

#include <linux/types.h>

/* Physical addresses are virtual ones, and AddressSanitizer leaves these alone */
#define RAM_BASE	((u64)0x10000000)
#define RAM_SIZE	((u64)0x10000000)
#define RAM_END		(RAM_BASE + RAM_SIZE)
/* What ranges of memory are counted in, whatever a page is */
#define FRAME_SHIFT	12
#define FRAMES		(RAM_SIZE >> FRAME_SHIFT)

/**
 * struct frames - a range of memory of the machine
 * @first: the first frame
 * @nr:    how many
 */
struct frames {
	u16 first;
	u16 nr;
};

/**
 * struct machine - what of the machine is not memblock's
 * @kernel:   where the kernel is
 * @is_kdump: it is a crash kernel
 * @is_confidential: its memory is encrypted
 */
struct machine {
	struct {
		u64 addr;
		u64 len;
	} kernel;
	bool is_kdump;
	bool is_confidential;
};

extern struct machine machine;

void machine_start(bool kho_on);
void machine_stop(void);
bool machine_can_split(unsigned long nr);
bool machine_has(u64 addr, u64 len);
u64 frames_addr(struct frames f);
u64 frames_len(struct frames f);
void poison_edges(u64 addr, u64 len);
void *early_memremap(u64 addr, u64 len);
void early_memunmap(void *p, u64 len);

#endif
