/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KHO_FCNTL_H
#define _KHO_FCNTL_H

#include_next <linux/fcntl.h>

/* The copy in tools/ is older */
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC	0x0020
#endif

#endif
