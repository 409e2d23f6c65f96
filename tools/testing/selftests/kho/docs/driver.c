// SPDX-License-Identifier: GPL-2.0
/*
 * Owns what the code in Documentation/kho/driver.rst takes for granted. docs.py
 * writes page.h, with that code, and compiles this as a module.
 */
#include <linux/io.h>
#include <linux/kexec_handover.h>
#include <linux/libfdt.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/printk.h>

MODULE_DESCRIPTION("The code in Documentation/kho/driver.rst");
MODULE_LICENSE("GPL");

#define FOO_BUFFER_SIZE PAGE_SIZE

static void *foo_buffer;
static u64 foo_count;

#include "page.h"
