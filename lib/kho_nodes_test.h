/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the generated tests of handover nodes, kho_nodes_test.c, are made of: one
 * node_test each, and contents for its properties.
 */
#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/kexec_handover_node.h>
#include <linux/sizes.h>

/**
 * enum bad_how - what a property is replaced by
 * @END:       nothing: the list ends
 * @GONE:      there is none
 * @ZEROES:    so many bytes
 * @NUMBER:    a number, and zeroes
 * @TEXT:      a string
 * @NO_NUL:    one without a NUL
 * @TWO_TEXTS: two strings
 * @BELL:      one with a character that cannot be printed
 */
enum bad_how {
	END,
	GONE,
	ZEROES,
	NUMBER,
	TEXT,
	NO_NUL,
	TWO_TEXTS,
	BELL,
};

/**
 * struct bad_prop - a property that must not be read
 * @prop: its name
 * @how:  what it is replaced by,
 * @len:  and its bytes
 * @val:  a number: of four bytes if there are four, else of eight
 */
struct bad_prop {
	const char *prop;
	enum bad_how how;
	unsigned int len;
	u64 val;
};

/**
 * struct node_test - the functions of a spec's node, or of one of its subnodes
 * @name:  the node's name
 * @desc:  which of its nodes this is
 * @size:  bytes in what describes it
 * @fill:  makes one with as much in it as can be, or as little
 * @spoil: breaks the rule of that number; returns the name of a property, or NULL
 * @bad:   what must not be read
 * @put:   writes one
 * @find:  finds it
 * @get:   reads it
 */
struct node_test {
	const char *name;
	const char *desc;
	size_t size;
	void (*fill)(void *p, bool most);
	const char *(*spoil)(void *p, unsigned int i);
	const struct bad_prop *bad;
	int (*put)(void *fdt, const void *p);
	int (*find)(const void *fdt);
	int (*get)(const void *fdt, int node, void *p);
};

static inline void fill_text(char *text, size_t len)
{
	memset(text, 'x', len);
	text[len ? len - 1 : 0] = '\0';
}

static inline void fill_mem(struct kho_mem *mem, unsigned int nr)
{
	while (nr--)
		mem[nr] = (struct kho_mem){ SZ_4G + 2ULL * nr * SZ_1M, SZ_1M };
}

static inline u64 sum_mem(const struct kho_mem *mem, unsigned int nr)
{
	u64 sum = 0;

	while (nr--)
		sum += mem[nr].len;
	return sum;
}

static inline void fill_u32s(u32 *val, unsigned int nr, u32 step)
{
	while (nr--)
		val[nr] = U32_MAX - nr * step;
}

static inline void fill_u64s(u64 *val, unsigned int nr, u64 step)
{
	while (nr--)
		val[nr] = -(nr + 1) * step;
}
