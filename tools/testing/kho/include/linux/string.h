/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KHO_LINUX_STRING_H
#define _KHO_LINUX_STRING_H

#include_next <linux/string.h>

/* Of an array */
#define strscpy_pad(to, from) do {						\
	memset(to, 0, sizeof(to));						\
	memcpy(to, from, strnlen(from, sizeof(to) - 1));			\
} while (0)

#endif
