/* SPDX-License-Identifier: GPL-2.0-only */
/* As much of KUnit as the generated tests use; what fails says so, and goes on */
#ifndef _KHO_KUNIT_TEST_H
#define _KHO_KUNIT_TEST_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct kunit {
	const void *param_value;
	const char *name;
	unsigned int failed;
	jmp_buf stop;
	void *mem[8];
	unsigned int nr_mem;
};

struct kunit_case {
	void (*run)(struct kunit *test);
	const char *name;
	const void *(*generate)(const void *prev, const char **desc);
};

struct kunit_suite {
	const char *name;
	struct kunit_case *test_cases;
};

#define KUNIT_CASE(fn)			{ .run = (fn), .name = #fn }
#define KUNIT_CASE_PARAM(fn, gen)	{ .run = (fn), .name = #fn, .generate = (gen) }
#define kunit_test_suite(suite)		static struct kunit_suite *host_suite = &(suite)

#define KUNIT_ARRAY_PARAM_DESC(param, array, member)				\
	static const void *param##_gen_params(const void *prev, const char **what)	\
	{									\
		const void *end = (array) + sizeof(array) / sizeof((array)[0]);		\
										\
		prev = prev ? prev + sizeof((array)[0]) : (array);			\
		if (prev != end)							\
			*what = ((__typeof__(&(array)[0]))prev)->member;		\
		return prev != end ? prev : NULL;					\
	}

#define host_check(test, cond, fmt, ...) ({					\
	bool good = (cond);							\
										\
	if (!good) {								\
		(test)->failed++;						\
		fprintf(stderr, "%s: %s:%d: %s does not hold " fmt "\n",	\
			(test)->name, __FILE__, __LINE__, #cond, ##__VA_ARGS__);	\
	}									\
	good;									\
})

#define KUNIT_EXPECT_EQ_MSG(test, a, b, fmt, ...)				\
	host_check(test, (a) == (b), fmt, ##__VA_ARGS__)
#define KUNIT_EXPECT_EQ(test, a, b)	KUNIT_EXPECT_EQ_MSG(test, a, b, "")
#define KUNIT_EXPECT_MEMEQ(test, a, b, len)					\
	host_check(test, !memcmp(a, b, len), "")
/* What comes after these cannot be tested without */
#define host_assert(test, good)		((good) ? (void)0 : longjmp((test)->stop, 1))
#define KUNIT_ASSERT_EQ(test, a, b)	host_assert(test, KUNIT_EXPECT_EQ(test, a, b))
#define KUNIT_ASSERT_GE(test, a, b)	host_assert(test, host_check(test, (a) >= (b), ""))
#define KUNIT_ASSERT_NOT_NULL(test, p)	host_assert(test, host_check(test, p, ""))

/* Whoever runs the test frees it */
#define kunit_kzalloc(test, size, gfp)						\
	((void)(gfp), (test)->mem[(test)->nr_mem++] = calloc(1, size))

#endif
