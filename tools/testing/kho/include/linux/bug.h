/* SPDX-License-Identifier: GPL-2.0-only */
/* A warning is a finding */
#ifndef _KHO_LINUX_BUG_H
#define _KHO_LINUX_BUG_H

#include_next <linux/bug.h>
#include <mutate.h>

#define WARN_ON(cond)		({ must(!(cond)); false; })
#define WARN_ON_ONCE		WARN_ON
#define WARN(cond, ...)		WARN_ON(cond)
#define WARN_ONCE		WARN

#endif
