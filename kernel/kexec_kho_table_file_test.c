// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of kexec_kho_table_file.c, which includes this file: what is read of a
 * table, in whatever pieces.
 */
#include <kunit/test.h>
#include <linux/bitops.h>
#include <linux/slab.h>
#include <linux/sizes.h>

#define TEST_BITS	64

static const struct kho_entry test_entries[] = {
	{ cpu_to_be64(SZ_4K), cpu_to_be64(SZ_4K), cpu_to_be32(KHO_ENTRY_EXTENT),
	  cpu_to_be32(12), 0 },
	{ cpu_to_be64(SZ_1M), cpu_to_be64(SZ_1M), cpu_to_be32(KHO_ENTRY_BITMAP),
	  cpu_to_be32(12), cpu_to_be64(123) },
	{ cpu_to_be64(SZ_2M), cpu_to_be64(SZ_2M), cpu_to_be32(KHO_ENTRY_EXTENT),
	  cpu_to_be32(21), 0 },
	{ cpu_to_be64(SZ_8M), cpu_to_be64(SZ_1M), cpu_to_be32(KHO_ENTRY_BITMAP),
	  cpu_to_be32(12), cpu_to_be64(456) },
};

static u8 test_bits[2][TEST_BITS];

static const void *test_get(size_t i, struct kho_entry *e)
{
	*e = test_entries[i];
	return i % 2 ? test_bits[i / 2] : NULL;
}

static size_t read_in_pieces(u8 *buf, size_t piece)
{
	size_t at = 0, len;

	do {
		len = kho_table_read(ARRAY_SIZE(test_entries), test_get, buf + at,
				     piece, at);
		at += len;
	} while (len);
	return at;
}

static void pieces_test(struct kunit *test)
{
	size_t len = sizeof(test_entries) + sizeof(test_bits), piece;
	struct kho_entry want[ARRAY_SIZE(test_entries)];
	u8 *buf = kunit_kzalloc(test, len + SZ_4K, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	memset(test_bits[0], 0x5a, TEST_BITS);
	memset(test_bits[1], 0xc3, TEST_BITS);
	memcpy(want, test_entries, sizeof(want));
	want[1].bitmap = cpu_to_be64(sizeof(want));
	want[3].bitmap = cpu_to_be64(sizeof(want) + TEST_BITS);

	for (piece = 1; piece <= len + 1; piece++) {
		memset(buf, 0, len);
		KUNIT_ASSERT_EQ(test, read_in_pieces(buf, piece), len);
		KUNIT_EXPECT_MEMEQ(test, buf, want, sizeof(want));
		KUNIT_EXPECT_MEMEQ(test, buf + sizeof(want), test_bits,
				   sizeof(test_bits));
	}
}

static void nothing_test(struct kunit *test)
{
	u8 buf[8];

	KUNIT_EXPECT_EQ(test, kho_table_read(0, test_get, buf, sizeof(buf), 0), 0);
	KUNIT_EXPECT_EQ(test, kho_table_read(1, test_get, buf, sizeof(buf),
					     LLONG_MAX), 0);
}

static struct kunit_case kho_table_file_cases[] = {
	KUNIT_CASE(pieces_test),
	KUNIT_CASE(nothing_test),
	{ }
};

static struct kunit_suite kho_table_file_suite = {
	.name = "kho_table_file",
	.test_cases = kho_table_file_cases,
};

kunit_test_suite(kho_table_file_suite);
