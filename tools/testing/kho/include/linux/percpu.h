/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KHO_LINUX_PERCPU_H
#define _KHO_LINUX_PERCPU_H

/* As large as they often are */
#define PERCPU_MODULE_RESERVE	(8 << 10)
#define PERCPU_DYNAMIC_RESERVE	(28 << 10)

#endif
