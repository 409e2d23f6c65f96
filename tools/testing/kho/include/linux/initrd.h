/* SPDX-License-Identifier: GPL-2.0-only */
#define phys_initrd_size	0UL
