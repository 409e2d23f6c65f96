/* SPDX-License-Identifier: GPL-2.0-only */
/* There is one thread */
#ifndef _KHO_LINUX_MUTEX_H
#define _KHO_LINUX_MUTEX_H

struct mutex {
	int unused;
};

#define __MUTEX_INITIALIZER(lock)	{ 0 * sizeof(lock) }
#define lockdep_assert_held(lock)	((void)(lock))

#endif
