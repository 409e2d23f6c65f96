/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KHO_LINUX_BITOPS_H
#define _KHO_LINUX_BITOPS_H

#include_next <linux/bitops.h>
#include <linux/bitmap.h>
#include <linux/find.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error Bits of chunks are words of the CPU here
#endif

#define find_next_bit_le(p, size, from) \
	find_next_bit((const void *)(p), size, from)
#define find_next_zero_bit_le(p, size, from) \
	find_next_zero_bit((const void *)(p), size, from)
#define for_each_clear_bitrange_from(first, last, map, end)		\
	for (; (first) = find_next_zero_bit(map, end, first),		\
	       (last) = find_next_bit(map, end, (first) + 1),		\
	       (first) < (end); (first) = (last) + 1)
#define test_bit_le(i, p)	test_bit(i, (const void *)(p))

#endif
