/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KHO_LINUX_KERNEL_H
#define _KHO_LINUX_KERNEL_H

#include_next <linux/kernel.h>
#include <linux/bug.h>
#include <linux/errno.h>
#include <linux/kconfig.h>
#include <linux/string.h>
#include <linux/printk.h>

#define kstrtobool(p, res)	strtobool(p, res)

#endif
