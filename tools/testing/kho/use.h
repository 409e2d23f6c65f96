/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KHO_USE_H
#define _KHO_USE_H

#include <linux/types.h>

void use_handover(unsigned int seed);
bool is_kept(u64 addr);

#endif
