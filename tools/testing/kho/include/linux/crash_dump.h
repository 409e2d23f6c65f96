/* SPDX-License-Identifier: GPL-2.0-only */
#include <machine.h>
#define is_kdump_kernel()	(machine.is_kdump)
