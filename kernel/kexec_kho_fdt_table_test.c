// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of kexec_kho_fdt.c: entries of the memory table and bits of chunks, good
 * ones and each kind of bad one. They are only read: nothing here touches the running
 * kernel.
 */
#include <kunit/test.h>
#include <linux/bitops.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "kexec_kho_fdt.h"

/**
 * struct entry - an entry of the memory table
 * @desc:  what is special about it
 * @why:   a part of the reason to refuse it; NULL if it shall be accepted
 * @addr:  as in struct kho_entry
 * @len:   as in struct kho_entry
 * @type:  as in struct kho_entry
 * @shift: as in struct kho_entry
 * @min:   where the entry before it ends
 * @page:  log2 of the reader's page size
 */
struct entry {
	const char *desc;
	const char *why;
	u64 addr;
	u64 len;
	u32 type;
	u32 shift;
	u64 min;
	unsigned int page;
};

#define ENTRY(desc_, why_, addr_, len_, shift_, min_, page_)		\
	{ .desc = desc_, .why = why_, .addr = addr_, .len = len_,	\
	  .type = KHO_ENTRY_EXTENT, .shift = shift_, .min = min_, .page = page_ }

#define CHUNK(desc_, why_, addr_, len_, shift_, min_, page_)		\
	{ .desc = desc_, .why = why_, .addr = addr_, .len = len_,	\
	  .type = KHO_ENTRY_BITMAP, .shift = shift_, .min = min_, .page = page_ }

/* With pages of 4K, folios of 2^40 bytes are the largest then */
#define MAX_ORDER	28

static const struct entry entries[] = {
	ENTRY("good", NULL, 0x10000, 0x3000, 12, 0, 12),
	ENTRY("right after the one before", NULL, 0x10000, 0x3000, 12, 0x10000, 12),
	ENTRY("at address 0", NULL, 0, 0x1000, 12, 0, 12),
	ENTRY("up to the last page", NULL, -0x2000ULL, 0x1000, 12, 0, 12),
	ENTRY("folios", NULL, 0x400000, 0x800000, 21, 0, 12),
	ENTRY("for larger pages", NULL, 0x30000, 0x20000, 12, 0, 16),
	ENTRY("largest folios", NULL, 0, 1ULL << 40, 40, 0, 12),

	ENTRY("out of order", "out of order", 0x10000, 0x1000, 12, 0x20000, 12),
	ENTRY("overlapping", "overlaps", 0x10000, 0x3000, 12, 0x11000, 12),
	ENTRY("empty", "empty or wraps", 0x10000, 0, 12, 0, 12),
	ENTRY("wrapping", "empty or wraps", -0x1000ULL, 0x2000, 12, 0, 12),
	ENTRY("up to the last byte", "empty or wraps", -0x1000ULL, 0x1000, 12, 0, 12),
	CHUNK("last chunk", "empty or wraps", -0x4000000ULL, 0x4000000, 12, 0, 12),
	ENTRY("unaligned address", "does not fit pages", 0x10800, 0x1000, 12, 0, 12),
	ENTRY("unaligned length", "does not fit pages", 0x10000, 0x1800, 12, 0, 12),
	ENTRY("address not of a folio", "does not fit pages",
	      0x100000, 0x200000, 21, 0, 12),
	ENTRY("length not of folios", "does not fit pages",
	      0x200000, 0x300000, 21, 0, 12),
	ENTRY("address not of larger pages", "does not fit pages of 0x10000 bytes",
	      0x31000, 0x20000, 12, 0, 16),
	ENTRY("length not of larger pages", "does not fit pages of 0x10000 bytes",
	      0x30000, 0x21000, 12, 0, 16),
	ENTRY("folios less than a page", "folios of 2^11", 0x10000, 0x1000, 11, 0, 12),
	ENTRY("folios too large", "folios of 2^41", 0, 1ULL << 41, 41, 0, 12),
	ENTRY("folios of any size", "folios of 2^4294967295", 0, 0x1000, -1, 0, 12),
	CHUNK("chunk", NULL, 0x8000000, 0x4000000, 12, 0x8000000, 12),
	CHUNK("chunk of larger pages", NULL, 0x400000000, 0x400000000, 16, 0, 12),
	CHUNK("chunk for larger pages", NULL, 0x8000000, 0x4000000, 12, 0, 16),
	CHUNK("small chunk", "does not fit pages", 0x8000000, 0x2000000, 12, 0, 12),
	CHUNK("two chunks", "has 0x8000000 bytes", 0x8000000, 0x8000000, 12, 0, 12),
	CHUNK("unaligned chunk", "does not fit pages", 0x2000000, 0x4000000, 12, 0, 12),
	CHUNK("no chunk", "empty or wraps", 0x4000000, 0, 12, 0, 12),
	CHUNK("chunk out of order", "out of order", 0x4000000, 0x4000000, 12, 0x4001000, 12),
	CHUNK("chunk of small pages", "folios of 2^11", 0x4000000, 0x4000000, 11, 0, 12),
	CHUNK("chunk of huge pages", "folios of 2^17", 0, 1ULL << 36, 17, 0, 12),
	CHUNK("chunk of any pages", "folios of 2^31", 0, 1ULL << 36, 31, 0, 12),
	{ .desc = "no type", .why = "unknown type 0", .addr = 0x10000,
	  .len = 0x1000, .shift = 12, .page = 12 },
	{ .desc = "unknown type", .why = "unknown type 99", .addr = 0x10000,
	  .len = 0x1000, .type = 99, .shift = 12, .page = 12 },
};

KUNIT_ARRAY_PARAM_DESC(entry, entries, desc);

/* Good, or refused for the reason that is wanted */
static void expect_why(struct kunit *test, int err, const char *want,
		       const struct kho_why *why)
{
	if (!want) {
		KUNIT_EXPECT_EQ_MSG(test, err, 0, "%s", why->text);
		return;
	}
	KUNIT_EXPECT_EQ(test, err, -EINVAL);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(why->text, want),
				  "\"%s\" is not in \"%s\"", want, why->text);
}

static void entry_test(struct kunit *test)
{
	const struct entry *x = test->param_value;
	struct kho_entry e = {
		.addr = cpu_to_be64(x->addr),
		.len = cpu_to_be64(x->len),
		.type = cpu_to_be32(x->type),
		.shift = cpu_to_be32(x->shift),
	};
	struct kho_why why = { };
	int err;

	err = kho_entry_check(&e, x->min, x->page, MAX_ORDER, &why);
	expect_why(test, err, x->why, &why);
}

/**
 * struct folios - pages of a chunk
 * @first: number of the first
 * @nr:    number of pages
 * @order: order of the folios that they make
 */
struct folios {
	unsigned long first;
	unsigned long nr;
	unsigned int order;
};

/**
 * struct bits - the bits of a chunk
 * @desc:   what is special about them
 * @why:    a part of the reason to refuse them; NULL if they shall be accepted
 * @shift:  log2 of the bytes in each page of the chunk
 * @page:   log2 of the reader's page size
 * @max:    the reader's largest order
 * @good:   what is preserved
 * @joined: pages whose other bit is set besides
 * @absent: pages whose first bit is cleared after all
 */
struct bits {
	const char *desc;
	const char *why;
	unsigned int shift;
	unsigned int page;
	unsigned int max;
	struct folios good[11];
	struct folios joined;
	struct folios absent;
};

#define BITS_GOOD(desc_, shift_, page_, max_, ...)			\
	{ .desc = desc_, .shift = shift_, .page = page_, .max = max_,	\
	  .good = { __VA_ARGS__ } }
#define BITS_BAD(desc_, why_, shift_, page_, max_, joined_, nr_, ...)	\
	{ .desc = desc_, .why = why_, .shift = shift_, .page = page_,	\
	  .max = max_, .joined = { joined_, nr_ }, .good = { __VA_ARGS__ } }

#define ALONE		"of a folio that are not preserved"
#define NO_FOLIO	"folio that is none"
#define TOO_LARGE(nr)	"folio of " #nr " pages, too large"

static const struct bits chunks[] = {
	BITS_GOOD("all, in single pages", 12, 12, 10, { 0, 16384 }),
	BITS_GOOD("all, in largest folios", 12, 12, 10, { 0, 16384, 10 }),
	BITS_GOOD("one folio", 12, 12, 14, { 0, 16384, 14 }),
	BITS_GOOD("first page", 12, 12, 10, { 0, 1 }),
	BITS_GOOD("last page", 12, 12, 10, { 16383, 1 }),
	BITS_GOOD("some pages", 12, 12, 10, { 1, 1 }, { 62, 4 }, { 128, 64 }),
	BITS_GOOD("a pair", 12, 12, 1, { 62, 2, 1 }),
	BITS_GOOD("folios of each order", 12, 12, 10, { 1, 1 }, { 2, 2, 1 },
		  { 4, 4, 2 }, { 8, 8, 3 }, { 16, 16, 4 }, { 32, 32, 5 },
		  { 64, 64, 6 }, { 128, 128, 7 }, { 256, 256, 8 },
		  { 512, 512, 9 }, { 1024, 1024, 10 }),
	BITS_GOOD("large ones first", 12, 12, 10, { 1024, 1024, 10 },
		  { 2048, 64, 6 }, { 2112, 32, 5 }, { 2144, 8, 2 }, { 2152, 6, 1 },
		  { 2158, 3 }, { 2162, 2, 1 }),
	BITS_GOOD("folio before pages", 12, 12, 10, { 8, 8, 3 }, { 16, 3 }),
	BITS_GOOD("folio behind pages", 12, 12, 10, { 5, 3 }, { 8, 8, 3 }),
	BITS_GOOD("last folio", 12, 12, 10, { 15360, 1024, 10 }),
	BITS_GOOD("last pair", 12, 12, 10, { 16380, 4, 1 }),
	BITS_GOOD("all, for 16K", 12, 14, 10, { 0, 16384 }),
	BITS_GOOD("for 16K", 12, 14, 10, { 0, 4 }, { 60, 8 }, { 16380, 4 }),
	BITS_GOOD("folios for 16K", 12, 14, 10, { 4, 4, 2 }, { 8, 8, 3 },
		  { 4096, 4096, 12 }),
	BITS_GOOD("small folios for 16K", 12, 14, 10, { 4, 4, 1 }),
	BITS_GOOD("pages and a folio in 16K", 12, 14, 10, { 4, 2, 1 }, { 6, 2 }),
	BITS_GOOD("for 64K", 12, 16, 10, { 16, 16 }, { 48, 32 }, { 16368, 16 }),
	BITS_GOOD("folios for 64K", 12, 16, 10, { 0, 16, 4 }, { 16, 16, 1 },
		  { 32, 32, 5 }, { 8192, 8192, 13 }),
	BITS_GOOD("largest folio for 64K", 12, 16, 10, { 0, 16384, 14 }),
	BITS_GOOD("64K", 16, 16, 10, { 0, 1 }, { 62, 3 }, { 262143, 1 }),
	BITS_GOOD("64K for 4K", 16, 12, 10, { 0, 1 }, { 62, 3 }, { 262143, 1 }),
	BITS_GOOD("folios of 64K for 4K", 16, 12, 10, { 64, 64, 6 },
		  { 128, 2, 1 }, { 130, 1 }, { 262080, 64, 6 }),
	BITS_GOOD("largest page for 4K", 16, 12, 4, { 7, 1 }),
	BITS_GOOD("16K for 64K", 14, 16, 10, { 60, 8 }, { 68, 4, 1 }),

	BITS_BAD("nothing", "has nothing in it", 12, 12, 10, 0, 0),
	BITS_BAD("page of nothing", ALONE, 12, 12, 10, 5, 1),
	BITS_BAD("last page of nothing", ALONE, 12, 12, 10, 16383, 1),
	BITS_BAD("head and no more", ALONE, 12, 12, 10, 5, 1, { 4, 1 }),
	BITS_BAD("page of nothing behind 64K", ALONE, 16, 16, 10, 262143, 1),
	{ .desc = "a page in a folio is not preserved", .why = ALONE,
	  .shift = 12, .page = 12, .max = 10, .good = { { 8, 8, 3 } },
	  .absent = { 12, 1 } },
	{ .desc = "a tail is not preserved", .why = ALONE,
	  .shift = 12, .page = 12, .max = 10, .good = { { 56, 8, 3 } },
	  .absent = { 63, 1 } },
	{ .desc = "a head is not preserved", .why = NO_FOLIO,
	  .shift = 12, .page = 12, .max = 10, .good = { { 64, 8, 3 } },
	  .absent = { 64, 1 } },
	{ .desc = "a pair's head is not preserved", .why = NO_FOLIO,
	  .shift = 12, .page = 12, .max = 10, .good = { { 16382, 2, 1 } },
	  .absent = { 16382, 1 } },
	BITS_BAD("head in another chunk", NO_FOLIO, 12, 12, 10, 0, 1, { 0, 2 }),
	BITS_BAD("all of one folio but no head", NO_FOLIO, 12, 12, 14,
		 0, 16384, { 0, 16384 }),
	BITS_BAD("three pages", NO_FOLIO, 12, 12, 10, 5, 2, { 4, 3 }),
	BITS_BAD("three last pages", NO_FOLIO, 12, 12, 10, 16382, 2,
		 { 16381, 3 }),
	BITS_BAD("all but a page", NO_FOLIO, 12, 12, 14, 2, 16382, { 1, 16383 }),
	BITS_BAD("unaligned pair", NO_FOLIO, 12, 12, 10, 2, 1, { 1, 2 }),
	BITS_BAD("unaligned folio", NO_FOLIO, 12, 12, 10, 63, 3, { 62, 4 }),
	BITS_BAD("behind a good one", NO_FOLIO, 12, 12, 10, 17, 2,
		 { 8, 8, 3 }, { 16, 3 }),
	BITS_BAD("two that are one", NO_FOLIO, 12, 12, 10, 16, 1,
		 { 8, 8, 3 }, { 16, 8, 3 }),
	BITS_BAD("too large", TOO_LARGE(2048), 12, 12, 10, 0, 0,
		 { 0, 1024, 10 }, { 2048, 2048, 11 }),
	BITS_BAD("a pair is too large", TOO_LARGE(2), 12, 12, 0, 0, 0,
		 { 16382, 2, 1 }),
	BITS_BAD("64K, too large for 4K", TOO_LARGE(128), 16, 12, 10, 0, 0,
		 { 128, 128, 7 }),
	BITS_BAD("pair of 64K, too large for 4K", TOO_LARGE(2), 16, 12, 4, 0, 0,
		 { 2, 2, 1 }),
	BITS_BAD("too large for 64K", TOO_LARGE(16384), 12, 16, 9, 0, 0,
		 { 0, 16384, 14 }),
	BITS_BAD("page of 16K", "fit pages of 0x4000", 12, 14, 10, 0, 0,
		 { 0, 3 }),
	BITS_BAD("last page of 16K", "fit pages of 0x4000", 12, 14, 10, 0, 0,
		 { 16383, 1 }),
	BITS_BAD("first page is not of 16K", "fit pages of 0x4000", 12, 14, 10,
		 0, 0, { 1, 7 }),
	BITS_BAD("parts of two of 16K", "fit pages of 0x4000", 12, 14, 10, 0, 0,
		 { 62, 4 }),
	BITS_BAD("half of 64K", "fit pages of 0x10000", 12, 16, 10, 0, 0,
		 { 32, 8, 3 }),
	BITS_BAD("all of 64K but a page", "fit pages of 0x10000", 12, 16, 10,
		 0, 0, { 0, 16, 4 }, { 16368, 15 }),
	BITS_BAD("16K in 64K", "fit pages of 0x10000", 14, 16, 10, 0, 0,
		 { 4, 7 }),
};

KUNIT_ARRAY_PARAM_DESC(chunk, chunks, desc);

static void set_range(__le64 *bits, unsigned long first, unsigned long nr)
{
	for (; nr; nr--, first++)
		__set_bit_le(first, bits);
}

static void set_folios(__le64 *bits, unsigned int shift, const struct folios *f)
{
	__le64 *joined = bits + KHO_CHUNK_PAGES(shift) / 64;
	unsigned long i;

	set_range(bits, f->first, f->nr);
	for (i = f->first; i < f->first + f->nr; i++)
		if (i & (BIT(f->order) - 1))
			__set_bit_le(i, joined);
}

/* No more than a page, so that KASAN sees a read beyond */
static __le64 *new_bits(struct kunit *test, unsigned int shift,
			const struct folios *f, unsigned int nr)
{
	__le64 *bits = kunit_kzalloc(test, 1UL << shift, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, bits);
	for (; nr; nr--, f++)
		set_folios(bits, shift, f);
	return bits;
}

static void bits_test(struct kunit *test)
{
	const struct bits *x = test->param_value;
	__le64 *bits = new_bits(test, x->shift, x->good, ARRAY_SIZE(x->good));
	struct kho_why why = { };
	unsigned long i;
	int err;

	set_range(bits + KHO_CHUNK_PAGES(x->shift) / 64, x->joined.first,
		  x->joined.nr);
	for (i = 0; i < x->absent.nr; i++)
		__clear_bit_le(x->absent.first + i, bits);

	err = kho_bits_check(bits, x->shift, x->page, x->max, &why);
	expect_why(test, err, x->why, &why);
}

/**
 * struct stretch - what is reserved at once
 * @desc:  what is special about it
 * @shift: log2 of the bytes in each page of the chunk
 * @first: the page to begin with
 * @end:   the page after the last
 * @pages: what is preserved
 */
struct stretch {
	const char *desc;
	unsigned int shift;
	unsigned long first;
	unsigned long end;
	struct folios pages[4];
};

/* A gap of less than 256 pages of 4K, or 64 of 64K, is small */
static const struct stretch stretches[] = {
	{ "a page", 12, 0, 1, { { 0, 1 } } },
	{ "last page", 12, 16383, 16384, { { 16383, 1 } } },
	{ "whole chunk", 12, 0, 16384, { { 0, 16384 } } },
	{ "from the middle", 12, 100, 200, { { 0, 200 } } },
	{ "gap in a word", 12, 1, 64, { { 1, 1 }, { 63, 1 } } },
	{ "largest small gap", 12, 0, 257, { { 0, 1 }, { 256, 1 } } },
	{ "largest small gap from the end of a word", 12, 63, 320,
	  { { 63, 1 }, { 319, 1 } } },
	{ "small gaps, one after the other", 12, 0, 769,
	  { { 0, 1 }, { 256, 1 }, { 512, 1 }, { 768, 1 } } },
	{ "large gap", 12, 0, 1, { { 0, 1 }, { 385, 15999 } } },
	{ "large gap behind a small one", 12, 0, 250,
	  { { 0, 1 }, { 150, 100 }, { 635, 1 } } },
	{ "up to the end", 12, 16200, 16384, { { 16200, 1 }, { 16383, 1 } } },
	{ "small gap of 64K", 16, 63, 96, { { 63, 1 }, { 95, 1 } } },
	{ "large gap of 64K", 16, 0, 1, { { 0, 1 }, { 161, 1 } } },
	{ "last pages of 64K", 16, 262140, 262144,
	  { { 262140, 1 }, { 262143, 1 } } },
};

KUNIT_ARRAY_PARAM_DESC(stretch, stretches, desc);

static void stretch_test(struct kunit *test)
{
	const struct stretch *x = test->param_value;
	__le64 *bits = new_bits(test, x->shift, x->pages, ARRAY_SIZE(x->pages));

	KUNIT_EXPECT_EQ(test, kho_bits_end(bits, x->shift, x->first), x->end);
}

static struct kunit_case kho_fdt_table_cases[] = {
	KUNIT_CASE_PARAM(entry_test, entry_gen_params),
	KUNIT_CASE_PARAM(bits_test, chunk_gen_params),
	KUNIT_CASE_PARAM(stretch_test, stretch_gen_params),
	{ }
};

static struct kunit_suite kho_fdt_table_suite = {
	.name = "kho_fdt_table",
	.test_cases = kho_fdt_table_cases,
};

kunit_test_suite(kho_fdt_table_suite);
