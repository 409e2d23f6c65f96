/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KHO_LINUX_INIT_H
#define _KHO_LINUX_INIT_H

#include_next <linux/init.h>

#define __ref
#define __ro_after_init
#define core_initcall(fn)	static __used void *initcall_##fn = fn
#define subsys_initcall		core_initcall

#endif
