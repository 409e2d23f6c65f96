/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KHO_LINUX_ERR_H
#define _KHO_LINUX_ERR_H

static inline void *ERR_PTR(long error)
{
	return (void *)error;
}

#endif
