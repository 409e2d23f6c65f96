/* SPDX-License-Identifier: GPL-2.0-only */
/* What kernel/kexec_kho_scratch.c uses where an image is loaded; nothing calls it */
#ifndef _KHO_LINUX_KEXEC_H
#define _KHO_LINUX_KEXEC_H

#include <linux/types.h>

struct resource {
	u64 start;
	u64 end;
};

struct kimage {
	bool kho_maps_pages;
	bool kho_lacks_room;
	unsigned int kho_page_shift;
	unsigned long nr_segments;
	struct {
		unsigned long memsz;
	} segment[16];
};

struct kexec_buf {
	struct kimage *image;
	unsigned long memsz;
};

#endif
