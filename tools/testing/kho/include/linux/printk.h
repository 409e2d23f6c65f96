/* SPDX-License-Identifier: GPL-2.0-only */
/* Nobody reads a fuzzer's log, but what goes there is compiled */
#ifndef _KHO_LINUX_PRINTK_H
#define _KHO_LINUX_PRINTK_H

#include <stdio.h>

#ifndef pr_fmt
#define pr_fmt(fmt)		fmt
#endif

#define pr_err(fmt, ...)	((void)(0 && printf(pr_fmt(fmt), ##__VA_ARGS__)))
#define pr_warn			pr_err
#define pr_notice		pr_err
#define pr_info			pr_err
#define pr_debug		pr_err
#define pr_cont			pr_err

#endif
