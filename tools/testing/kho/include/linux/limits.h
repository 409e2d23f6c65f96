/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KHO_LINUX_LIMITS_H
#define _KHO_LINUX_LIMITS_H

#include_next <linux/limits.h>

#define U32_MAX	((u32)~0U)
#define U64_MAX	((u64)~0ULL)
#define S64_MAX	((s64)(U64_MAX >> 1))

#endif
