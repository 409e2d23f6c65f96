/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether the machine claims that its memory is encrypted */
#ifndef _KHO_LINUX_CC_PLATFORM_H
#define _KHO_LINUX_CC_PLATFORM_H

#include <machine.h>

enum cc_attr {
	CC_ATTR_MEM_ENCRYPT,
};

static inline bool cc_platform_has(enum cc_attr attr)
{
	return machine.is_confidential;
}

#endif
