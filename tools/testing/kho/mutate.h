/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KHO_MUTATE_H
#define _KHO_MUTATE_H

#include <linux/compiler.h>
#include <linux/types.h>

/* Not under NDEBUG, and not only of a fuzzer with assertions */
#define must(cond)							\
	do {								\
		if (!(cond))						\
			broken(#cond, __FILE__, __LINE__);		\
	} while (0)

/* For what looks at much of what the test itself has */
#define fast	__attribute__((no_sanitize("address", "undefined", "coverage")))

void __noreturn broken(const char *what, const char *file, int line);

void tell(const char *status);

/* Edges of the control flow that were taken, in all that is not fast */
extern unsigned long steps;
void limit_steps(unsigned long max);
/* What may be taken for anything, however small */
#define STEPS_MIN	20000UL

size_t LLVMFuzzerMutate(u8 *data, size_t size, size_t max);

/**
 * struct hints - numbers that a blob may well have in it
 * @val: the numbers
 * @nr:  how many
 */
struct hints {
	u64 val[64];
	unsigned int nr;
};

void seed_random(u64 seed);
u32 random_below(u32 end);
u64 random_number(const struct hints *hints);
u64 near_number(u64 val);
void mutate_cells(void *p, unsigned int cells, const struct hints *hints);
size_t mutate_fdt(u8 *fdt, size_t size, size_t max, const struct hints *hints);
bool is_written(const void *fdt);
void fix_fdt_crc(u8 *fdt, size_t size);

#endif
