/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KHO_LINUX_CLEANUP_H
#define _KHO_LINUX_CLEANUP_H

#include <linux/mutex.h>

#define guard(name)	guard_##name

/* There is one thread */
static inline void guard_mutex(struct mutex *lock)
{
}

#endif
