/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KHO_LINUX_BITMAP_H
#define _KHO_LINUX_BITMAP_H

#include_next <linux/bitmap.h>
#include <linux/bitops.h>

static inline void bitmap_set(unsigned long *map, unsigned long first, unsigned long nr)
{
	for (; nr; nr--, first++)
		__set_bit(first, map);
}

static inline void bitmap_complement(unsigned long *dst, const unsigned long *src,
				     unsigned int nbits)
{
	unsigned int i;

	for (i = 0; i < BITS_TO_LONGS(nbits); i++)
		dst[i] = ~src[i];
}

#endif
