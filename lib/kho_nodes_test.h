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
 * @DEL:       one with another
 * @LATIN:     one with a character that is not ASCII
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
	DEL,
	LATIN,
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
 * struct good_prop - what a property is when a node has as much in it as can be
 * @prop: its name
 * @len:  four or eight: bytes in a number
 * @val:  it, or the first of several
 */
struct good_prop {
	const char *prop;
	unsigned int len;
	u64 val;
};

/**
 * struct sub_test - one kind of a node's numbered subnodes
 * @prefix:   what its name begins with
 * @key:      a property that differs in each, or NULL
 * @min:      so many there have to be
 * @max:      and no more than this
 * @put:      writes one of a number
 * @next:     finds the next
 * @find_key: finds that of a key, or NULL
 */
struct sub_test {
	const char *prefix;
	const char *key;
	unsigned int min;
	unsigned int max;
	int (*put)(void *fdt, unsigned int nr);
	int (*next)(const void *fdt, int node, int prev);
	int (*find_key)(const void *fdt, int node, const char *key);
};

/**
 * struct node_test - the functions of a spec's node, or of one of its subnodes
 * @name:  the node's name
 * @desc:  which of its nodes this is
 * @size:  bytes in what describes it
 * @fill:  makes one with as much in it as can be, or as little
 * @spoil: breaks the rule of that number; returns the name of a property, or NULL
 * @bad:   what must not be read
 * @good:  what has to be written
 * @subs:  its subnodes, or NULL
 * @put:   writes one, with as many subnodes as there can be
 * @find:  finds it
 * @get:   reads it
 * @give:  gives up what that has found, or NULL
 */
struct node_test {
	const char *name;
	const char *desc;
	size_t size;
	void (*fill)(void *p, bool most);
	const char *(*spoil)(void *p, unsigned int i);
	const struct bad_prop *bad;
	const struct good_prop *good;
	const struct sub_test *subs;
	int (*put)(void *fdt, const void *p);
	int (*find)(const void *fdt);
	int (*get)(const void *fdt, int node, void *p);
	void (*give)(const void *p);
};

static inline void fill_text(char *text, size_t len)
{
	memset(text, 'x', len);
	text[len ? len - 1 : 0] = '\0';
}

/* Of text of the same length another for each number */
static inline void fill_key(char *text, size_t len, unsigned int nr)
{
	fill_text(text, len);
	text[0] = '!' + nr % 90;
	if (len > 2)
		text[1] = '!' + nr / 90;
}

static inline void fill_mem(struct kho_mem *mem, unsigned int nr, u64 len)
{
	while (nr--)
		mem[nr] = (struct kho_mem){ (4096 + 2 * nr) * len, len };
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
		val[nr] = 0x01020304 + nr * step;
}

static inline void fill_u64s(u64 *val, unsigned int nr, u64 step)
{
	while (nr--)
		val[nr] = (0x0102030405060708 & -step) + nr * step;
}
