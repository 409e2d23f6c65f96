/* SPDX-License-Identifier: GPL-2.0-only */
/* What kernel/kexec_kho_fdt.c takes for granted, but types: from libc and zlib. */
#ifndef _KHO_LINUX_KERNEL_H
#define _KHO_LINUX_KERNEL_H

#include <endian.h>
#include <linux/types.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#define min(a, b)		((a) < (b) ? (a) : (b))
#define max(a, b)		((a) > (b) ? (a) : (b))
#define ALIGN(x, a)		(((x) + (a) - 1) & ~((__typeof__(x))(a) - 1))
#define be32_to_cpu(x)		be32toh(x)
#define be64_to_cpu(x)		be64toh(x)
#define le64_to_cpu(x)		le64toh(x)
#define is_power_of_2(n)	((n) && !((n) & ((n) - 1)))
#define ilog2(n)		(63 - __builtin_clzll(n))
#define fls64(x)		((x) ? 64 - __builtin_clzll(x) : 0)

/* zlib's is inverted before and after */
static inline u32 crc32_le(u32 crc, const void *p, size_t len)
{
	return ~crc32_z(~crc, p, len);
}

static inline bool test_bit_le(unsigned long i, const void *bits)
{
	return ((const u8 *)bits)[i / 8] >> i % 8 & 1;
}

/* The next bit that differs from those of @skip; @size is a multiple of 64 */
static inline unsigned long find_next_le(const void *bits, unsigned long size,
					 unsigned long from, u64 skip)
{
	const __le64 *word = bits;
	unsigned long i;
	u64 left;

	for (i = from / 64; i < size / 64; i++) {
		left = le64_to_cpu(word[i]) ^ skip;
		if (i == from / 64)
			left &= ~0ULL << from % 64;
		if (left)
			return i * 64 + __builtin_ctzll(left);
	}
	return size;
}

#define find_next_bit_le(bits, size, from)	find_next_le(bits, size, from, 0)
#define find_next_zero_bit_le(bits, size, from)	find_next_le(bits, size, from, ~0ULL)

#endif
