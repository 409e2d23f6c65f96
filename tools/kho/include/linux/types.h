/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel's files that are compiled in take for granted: types. */
#ifndef _KHO_LINUX_TYPES_H
#define _KHO_LINUX_TYPES_H

#include_next <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

typedef __u8 u8;
typedef __u32 u32;
typedef __u64 u64;
typedef u64 phys_addr_t;

#define __packed	__attribute__((packed))
#ifndef __aligned
#define __aligned(n)	__attribute__((aligned(n)))
#endif

#endif
