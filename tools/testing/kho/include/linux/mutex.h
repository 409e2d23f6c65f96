/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KHO_LINUX_MUTEX_H
#define _KHO_LINUX_MUTEX_H

struct mutex {
	int unused;
};

#endif
