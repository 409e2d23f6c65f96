// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of kexec_kho_boot.c, which includes this file: what is found in a
 * memory table, and what is reserved for it and freed again. They run at the
 * end of boot, on a table of their own. Nothing needs memblock by then, so that
 * it can be lent another machine's memory.
 */
#include <kunit/test.h>
#include <linux/initrd.h>
#include <linux/prandom.h>

#define TEST_CHUNK	KHO_CHUNK_PAGES(PAGE_SHIFT)
#define TEST_GAP	PHYS_PFN(KHO_GAP)
/* A gap between bits is a small one up to this */
#define TEST_WIDE	(TEST_GAP + 128)
#define TEST_EXTENTS	8
#define TEST_RUNS	64
#define TEST_ORDER	6
#define TEST_PAGES	BIT(TEST_ORDER)

/**
 * struct piece - pages
 * @chunk: number of a chunk
 * @first: first page, counted from where that begins
 * @nr:    number of pages
 * @bits:  preserved by the chunk's bits, not as an extent
 */
struct piece {
	unsigned long chunk;
	unsigned long first;
	unsigned long nr;
	bool bits;
};

/**
 * struct boot_test - what each test starts with
 * @in:       the real handover
 * @offer:    what is left of how it was accepted
 * @extent:   the memory table, as it was read
 * @entry:    the memory table
 * @part:     see struct offer
 * @meta:     see struct offer
 * @run:      see struct offer
 * @memory:   for memblock, while a test asks it
 * @reserved: the same
 * @ram:      regions in @memory
 * @used:     the region in @reserved
 * @scratch:  the same: it has no scratch
 */
struct boot_test {
	struct kho_in in;
	struct offer offer;
	struct kho_extent extent[TEST_EXTENTS];
	struct kho_entry entry[TEST_EXTENTS];
	struct kho_mem part;
	struct kho_mem meta[2];
	struct run run[TEST_RUNS];
	struct memblock_type memory;
	struct memblock_type reserved;
	struct memblock_region ram[2];
	struct memblock_region used;
	struct kho_mem scratch;
};

static u64 piece_addr(const struct piece *p)
{
	return PFN_PHYS((u64)p->chunk * TEST_CHUNK + p->first);
}

static struct kho_mem piece_mem(const struct piece *p)
{
	return (struct kho_mem){ piece_addr(p), PFN_PHYS((u64)p->nr) };
}

static struct kho_extent *new_extent(struct kunit *test, u64 addr, u64 len,
				     unsigned int shift, void *bits)
{
	struct kho_extent *x = &kho_in.extent[kho_in.extents];
	struct boot_test *t = test->priv;

	KUNIT_ASSERT_LT(test, kho_in.extents, TEST_EXTENTS);
	x->mem = (struct kho_mem){ addr, len };
	x->shift = shift;
	x->bits = bits;
	t->entry[kho_in.extents++] = (struct kho_entry){
		.addr = cpu_to_be64(addr),
		.len = cpu_to_be64(len),
		.type = cpu_to_be32(bits ? KHO_ENTRY_BITMAP : KHO_ENTRY_EXTENT),
		.shift = cpu_to_be32(shift),
		.bitmap = cpu_to_be64(bits ? virt_to_phys(bits) : 0),
	};
	return x;
}

static struct kho_extent *new_chunk(struct kunit *test, u64 addr,
				    unsigned int shift)
{
	void *bits = kunit_kzalloc(test, 1UL << shift, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, bits);
	return new_extent(test, addr, KHO_CHUNK_BYTES(shift), shift, bits);
}

/* Pieces are sorted; those of one chunk that have bits make one entry */
static void add_pieces(struct kunit *test, const struct piece *p,
		       unsigned int nr)
{
	struct kho_extent *x = NULL;
	unsigned long i;

	for (; nr && (p->nr || p->bits); nr--, p++) {
		u64 base = PFN_PHYS((u64)p->chunk * TEST_CHUNK);

		if (!p->bits) {
			x = new_extent(test, piece_addr(p),
				       PFN_PHYS((u64)p->nr), PAGE_SHIFT, NULL);
			continue;
		}
		if (!x || !x->bits || x->mem.addr != base)
			x = new_chunk(test, base, PAGE_SHIFT);
		for (i = p->first; i < p->first + p->nr; i++)
			__set_bit_le(i, (void *)x->bits);
	}
}

static int __init boot_init(struct kunit *test)
{
	struct boot_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);

	/* Else the initrd is freed meanwhile, and adds to managed pages */
	wait_for_initramfs();

	t->in = kho_in;
	t->offer = offer;
	kho_in = (struct kho_in){ .extent = t->extent };
	mutex_init(&kho_in.lock);
	offer = (struct offer){ .meta = t->meta };
	test->priv = t;
	return 0;
}

static void __init boot_exit(struct kunit *test)
{
	struct boot_test *t = test->priv;

	if (!t)
		return;
	kho_in = t->in;
	offer = t->offer;
}

/* The walk through what is preserved */

static struct kho_walk test_walk(struct kunit *test)
{
	struct boot_test *t = test->priv;

	t->part = (struct kho_mem){
		virt_to_phys(t->entry), kho_in.extents * sizeof(*t->entry)
	};
	return (struct kho_walk){ .part = &t->part, .parts = 1 };
}

/**
 * struct table - a memory table
 * @desc:  what is special about it
 * @piece: what it has, each piece as large as it can be
 */
struct table {
	const char *desc;
	struct piece piece[8];
};

static const struct table tables[] = {
	{ "nothing" },
	{ "an extent", { { 1, 5, 7 } } },
	{ "empty chunk", { { 1, 0, 0, true } } },
	{ "empty chunks", { { 1, 0, 0, true }, { 2, 0, 0, true } } },
	{ "first and last page", { { 1, 0, 1, true },
				   { 1, TEST_CHUNK - 1, 1, true } } },
	{ "all of a chunk", { { 1, 0, TEST_CHUNK, true } } },
	{ "across words", { { 0, 60, 8, true }, { 0, 127, 66, true } } },
	{ "every other page", { { 3, 1, 1, true }, { 3, 3, 1, true },
				{ 3, 5, 1, true }, { 3, 7, 1, true } } },
	{ "far from each other", { { 3, 1, 1, true },
				   { 3, TEST_CHUNK / 2, 2, true },
				   { 3, TEST_CHUNK - 3, 1, true } } },
	{ "from chunk to chunk", { { 1, TEST_CHUNK - 1, 1, true },
				   { 2, 0, 3, true } } },
	{ "an extent, a chunk, an extent",
	  { { 1, TEST_CHUNK - 4, 4 }, { 2, 0, 1, true }, { 2, 2, 1, true },
	    { 2, TEST_CHUNK - 1, 1, true }, { 3, 0, 1 } } },
	{ "empty chunk between extents",
	  { { 1, 0, 4 }, { 2, 0, 0, true }, { 3, 0, 1 } } },
	{ "empty chunk between chunks",
	  { { 1, 7, 4, true }, { 2, 0, 0, true }, { 3, 0, 1, true } } },
	{ "extents and no chunk", { { 1, 0, 4 }, { 1, 4, 4 }, { 1, 9, 1 } } },
};

KUNIT_ARRAY_PARAM_DESC(table, tables, desc);

/* Bits of one chunk, with few between, or less than a word */
static bool is_near(const struct piece *a, const struct piece *b)
{
	return a->bits && b->bits && a->chunk == b->chunk && b->nr &&
	       b->first - a->first - a->nr < max(TEST_GAP, 64);
}

static void __init walk_test(struct kunit *test)
{
	const struct table *t = test->param_value;
	struct kho_walk w;
	struct kho_mem mem;
	unsigned int i, last;

	add_pieces(test, t->piece, ARRAY_SIZE(t->piece));
	w = test_walk(test);
	for (i = 0; i < ARRAY_SIZE(t->piece); i = last + 1) {
		const struct piece *p = &t->piece[i], *end = p;

		for (last = i; last + 1 < ARRAY_SIZE(t->piece) &&
		     is_near(end, end + 1); last++)
			end++;
		if (!p->nr)
			continue;
		KUNIT_ASSERT_TRUE_MSG(test, kho_walk_next(&w, &mem), "piece %u", i);
		KUNIT_EXPECT_EQ(test, mem.addr, piece_addr(p));
		KUNIT_EXPECT_EQ(test, mem.len, piece_addr(end) +
				PFN_PHYS((u64)end->nr) - piece_addr(p));
	}
	KUNIT_EXPECT_FALSE(test, kho_walk_next(&w, &mem));
	KUNIT_EXPECT_FALSE(test, kho_walk_next(&w, &mem));
}

/* Where pages have another size, what is found is where they are */
static void __init walk_shift_test(struct kunit *test)
{
	struct kho_extent *x = new_chunk(test, KHO_CHUNK_BYTES(16), 16);
	struct kho_walk w = test_walk(test);
	struct kho_mem mem;

	__set_bit_le(3, (void *)x->bits);
	__set_bit_le(KHO_CHUNK_PAGES(16) - 1, (void *)x->bits);
	KUNIT_ASSERT_TRUE(test, kho_walk_next(&w, &mem));
	KUNIT_EXPECT_EQ(test, mem.addr, KHO_CHUNK_BYTES(16) + (3 << 16));
	KUNIT_EXPECT_EQ(test, mem.len, 1 << 16);
	KUNIT_ASSERT_TRUE(test, kho_walk_next(&w, &mem));
	KUNIT_EXPECT_EQ(test, mem.addr, 2 * KHO_CHUNK_BYTES(16) - (1 << 16));
	KUNIT_EXPECT_FALSE(test, kho_walk_next(&w, &mem));
}

/* The choice of gaps */

/* A range of a page, then a gap, and so on; none of them really exists */
struct gap_walk {
	struct kho_walk walk;
	struct kho_entry *entry;
	struct kho_mem part;
	unsigned long nr;
	u64 end;
};

#define TEST_GAPS	6000
/* See kexec_kho_runs.c */
#define TEST_HIGH_GAPS	256

static void __init start_gaps(struct kunit *test, struct gap_walk *g, u64 addr)
{
	size_t size = (TEST_GAPS + 1) * sizeof(*g->entry);
	unsigned int order = get_order(size);
	struct page *page = alloc_pages(GFP_KERNEL, order);

	KUNIT_ASSERT_NOT_NULL(test, page);
	g->entry = page_address(page);
	g->nr = 0;
	g->end = addr;
}

static void __init end_gaps(struct gap_walk *g)
{
	free_pages((unsigned long)g->entry,
		   get_order((TEST_GAPS + 1) * sizeof(*g->entry)));
}

static void __init add_gaps(struct kunit *test, struct gap_walk *g, u64 len,
			    unsigned long nr)
{
	for (; nr; nr--) {
		KUNIT_ASSERT_LE(test, g->nr, TEST_GAPS);
		g->entry[g->nr++] = (struct kho_entry){
			.addr = cpu_to_be64(g->end),
			.len = cpu_to_be64(PAGE_SIZE),
			.type = cpu_to_be32(KHO_ENTRY_EXTENT),
			.shift = cpu_to_be32(PAGE_SHIFT),
		};
		g->end += PAGE_SIZE + len;
	}
	g->part = (struct kho_mem){
		virt_to_phys(g->entry), g->nr * sizeof(*g->entry)
	};
	g->walk = (struct kho_walk){ .part = &g->part, .parts = 1 };
}

static bool all_free(u64 addr, u64 len)
{
	return true;
}

static bool none_free(u64 addr, u64 len)
{
	return false;
}

/* What is left open of gaps, and that what is said of that is true */
static unsigned long __init open_left(struct kunit *test, struct gap_walk *g,
				      bool (*is_free)(u64 addr, u64 len),
				      u64 want, u64 *bytes)
{
	struct kho_plan *plan = kunit_kzalloc(test, sizeof(*plan), GFP_KERNEL);
	unsigned long runs = 0;
	struct kho_mem run;
	u64 end = 0, held = 0;

	KUNIT_ASSERT_NOT_NULL(test, plan);
	kho_plan_make(plan, &g->walk, is_free, g->end, want);
	*bytes = 0;
	while (kho_plan_next(plan, &run)) {
		if (runs++)
			*bytes += run.addr - end;
		end = run.addr + run.len;
		held += run.len;
	}
	KUNIT_EXPECT_FALSE(test, kho_plan_next(plan, &run));
	KUNIT_EXPECT_LE(test, runs, plan->runs);
	if (is_free == all_free)
		KUNIT_EXPECT_LE(test, held, plan->held);
	return runs - 1;
}

static void __init gaps_test(struct kunit *test)
{
	struct gap_walk g;
	u64 bytes;

	/* All of the few that there are, but not what is small */
	start_gaps(test, &g, SZ_8G);
	add_gaps(test, &g, KHO_GAP - PAGE_SIZE, 50);
	add_gaps(test, &g, KHO_GAP, 20);
	add_gaps(test, &g, KHO_GAP - PAGE_SIZE, 50);
	add_gaps(test, &g, SZ_1G, 2);
	add_gaps(test, &g, 0, 1);
	KUNIT_EXPECT_EQ(test, open_left(test, &g, all_free, 0, &bytes), 22);
	KUNIT_EXPECT_EQ(test, bytes, 20 * KHO_GAP + 2ULL * SZ_1G);

	/* Of many, the largest; and more if it takes more */
	add_gaps(test, &g, KHO_GAP + PAGE_SIZE, 4000);
	add_gaps(test, &g, 2 * KHO_GAP, 100);
	add_gaps(test, &g, 0, 1);
	KUNIT_EXPECT_EQ(test, open_left(test, &g, all_free, 0, &bytes),
			TEST_HIGH_GAPS);
	KUNIT_EXPECT_GT(test, bytes, 2ULL * SZ_1G + 100 * 2 * KHO_GAP);
	open_left(test, &g, all_free, SZ_8G + 1000ULL * SZ_4M, &bytes);
	KUNIT_EXPECT_GE(test, bytes, 1000ULL * SZ_4M);
	KUNIT_EXPECT_LT(test, bytes, 1200ULL * SZ_4M);

	/* But there is an end to that */
	KUNIT_EXPECT_LE(test, open_left(test, &g, all_free, 1ULL << 60, &bytes),
			4096);
	/* What is not free is no gap of ours */
	KUNIT_EXPECT_EQ(test, open_left(test, &g, none_free, 0, &bytes),
			4000 + 20 + 2 + 100);
	end_gaps(&g);
}

/* What is above does not take all of the choice below 4 GiB */
static void __init low_gaps_test(struct kunit *test)
{
	struct gap_walk g;
	unsigned long nr;
	u64 low, bytes;

	start_gaps(test, &g, SZ_1G);
	add_gaps(test, &g, KHO_GAP, 1000);
	add_gaps(test, &g, 0, 1);
	nr = open_left(test, &g, all_free, 0, &low);
	KUNIT_EXPECT_GE(test, low, 100 * KHO_GAP);

	g.end = SZ_8G;
	add_gaps(test, &g, SZ_64M, 1000);
	add_gaps(test, &g, 0, 1);
	KUNIT_EXPECT_EQ(test, open_left(test, &g, all_free, 0, &bytes),
			nr + TEST_HIGH_GAPS);
	end_gaps(&g);
}


/* What is asked of a table */

static const struct piece asked_table[] = {
	{ 0, 16, 16 },
	{ 1, 0, 4, true }, { 1, 10, 1, true }, { 1, 63, 67, true },
	{ 1, TEST_CHUNK - 2, 2, true },
	{ 2, 0, 8, true },
	{ 2, TEST_CHUNK - 1, 1, true },
	{ 3, 0, 8 }, { 3, 8, 8 }, { 4, 100, 1 },
};

/**
 * struct question - a range, and what is to be said of it
 * @desc:  what is special about it
 * @piece: the range
 * @whole: all of it is preserved
 * @some:  something in it is
 */
struct question {
	const char *desc;
	struct piece piece;
	bool whole;
	bool some;
};

static const struct question questions[] = {
	{ "before all", { 0, 0, 16 }, false, false },
	{ "from before all", { 0, 15, 2 }, false, true },
	{ "all of an extent", { 0, 16, 16 }, true, true },
	{ "in an extent", { 0, 20, 1 }, true, true },
	{ "to behind an extent", { 0, 31, 2 }, false, true },
	{ "between", { 0, 32, TEST_CHUNK - 32 }, false, false },
	{ "up to a chunk", { 0, 32, TEST_CHUNK - 31 }, false, true },
	{ "first pages of a chunk", { 1, 0, 4 }, true, true },
	{ "one too many", { 1, 0, 5 }, false, true },
	{ "gap in a chunk", { 1, 4, 6 }, false, false },
	{ "gap, and one behind", { 1, 4, 7 }, false, true },
	{ "gap, and one before", { 1, 3, 7 }, false, true },
	{ "one page of a chunk", { 1, 10, 1 }, true, true },
	{ "across words", { 1, 63, 67 }, true, true },
	{ "across words, and one more", { 1, 63, 68 }, false, true },
	{ "one before, and across words", { 1, 62, 67 }, false, true },
	{ "large gap in a chunk", { 1, 130, TEST_CHUNK - 132 }, false, false },
	{ "last page of a chunk", { 1, TEST_CHUNK - 1, 1 }, true, true },
	{ "across chunks", { 1, TEST_CHUNK - 2, 10 }, true, true },
	{ "across chunks, one more", { 1, TEST_CHUNK - 2, 11 }, false, true },
	{ "across chunks, one before", { 1, TEST_CHUNK - 3, 11 }, false, true },
	{ "all of a chunk", { 2, 0, TEST_CHUNK }, false, true },
	{ "nothing to the end", { 2, 8, TEST_CHUNK - 9 }, false, false },
	{ "across a chunk and extents", { 2, TEST_CHUNK - 1, 17 }, true, true },
	{ "across, and one behind", { 2, TEST_CHUNK - 1, 18 }, false, true },
	{ "across, and one before", { 2, TEST_CHUNK - 2, 3 }, false, true },
	{ "over a gap", { 3, 15, TEST_CHUNK + 86 }, false, true },
	{ "only a gap", { 3, 16, TEST_CHUNK + 84 }, false, false },
	{ "the last", { 4, 100, 1 }, true, true },
	{ "behind all", { 4, 101, 1 }, false, false },
	{ "everything", { 0, 0, 5 * TEST_CHUNK }, false, true },
};

KUNIT_ARRAY_PARAM_DESC(question, questions, desc);

static void __init question_test(struct kunit *test)
{
	const struct question *q = test->param_value;
	struct kho_mem mem = piece_mem(&q->piece);

	KUNIT_EXPECT_FALSE(test, is_preserved(&mem));
	KUNIT_EXPECT_FALSE(test, is_touched(&mem));
	add_pieces(test, asked_table, ARRAY_SIZE(asked_table));
	KUNIT_EXPECT_EQ(test, is_preserved(&mem), q->whole);
	KUNIT_EXPECT_EQ(test, is_touched(&mem), q->some);
}

/* Chunks of other page sizes */

static const unsigned int shifts[] = { 12, 14, 16 };

static void get_shift_desc(const unsigned int *shift, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "pages of %lu bytes", 1UL << *shift);
}

KUNIT_ARRAY_PARAM(shift, shifts, get_shift_desc);

/* Many of each, also next to each other */
static void fill(struct kunit *test, struct kho_extent *x)
{
	struct rnd_state rnd;

	prandom_seed_state(&rnd, 0x6b686f);
	prandom_bytes_state(&rnd, (void *)x->bits, 1UL << x->shift);
	KUNIT_EXPECT_EQ(test, x->mem.len, KHO_CHUNK_BYTES(x->shift));
}

static bool page_bit(const struct kho_extent *x, const __le64 *bits,
		     unsigned long page)
{
	return test_bit_le(PFN_PHYS((u64)page) >> x->shift, bits);
}

/* A page of ours that has several of theirs in it is as the first of these */
static bool page_joined(const struct kho_extent *x, unsigned long page)
{
	if (PFN_PHYS((u64)page) & ((1ULL << x->shift) - 1))
		return true;
	return page_bit(x, x->bits + KHO_CHUNK_PAGES(x->shift) / 64, page);
}

static void __init convert_test(struct kunit *test)
{
	unsigned int shift = *(const unsigned int *)test->param_value;
	struct kho_extent *x = new_chunk(test, 0, shift);
	unsigned long pages = PHYS_PFN(x->mem.len), i, bad = 0;
	unsigned long longs = BITS_TO_LONGS(pages);

	x->kept = kunit_kcalloc(test, longs + 1, sizeof(long), GFP_KERNEL);
	x->joined = kunit_kcalloc(test, longs + 1, sizeof(long), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, x->kept);
	KUNIT_ASSERT_NOT_NULL(test, x->joined);
	fill(test, x);

	convert_bits(x);
	for (i = 0; i < pages; i++) {
		bool kept = page_bit(x, x->bits, i);

		if (test_bit(i, x->kept) != kept ||
		    test_bit(i, x->joined) != (kept && page_joined(x, i)))
			bad++;
	}
	KUNIT_EXPECT_EQ(test, bad, 0);

	/* No others' bits */
	KUNIT_EXPECT_EQ(test, x->kept[longs], 0);
	KUNIT_EXPECT_EQ(test, x->joined[longs], 0);
}

/* The short way gives the same as the long one */
static void __init copy_test(struct kunit *test)
{
	struct kho_extent *x = new_chunk(test, 0, PAGE_SHIFT);
	size_t len = (BITS_TO_LONGS(TEST_CHUNK) + 2) * sizeof(long);
	unsigned long *kept[2], *joined[2];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		kept[i] = kunit_kzalloc(test, len, GFP_KERNEL);
		joined[i] = kunit_kzalloc(test, len, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, kept[i]);
		KUNIT_ASSERT_NOT_NULL(test, joined[i]);
	}
	fill(test, x);
	/* Nothing is joined that is not preserved */
	for (i = 0; i < TEST_CHUNK / 64; i++)
		((__le64 *)x->bits)[TEST_CHUNK / 64 + i] &= x->bits[i];

	x->kept = kept[0];
	x->joined = joined[0];
	convert_bits(x);
	x->kept = kept[1];
	x->joined = joined[1];
	copy_bits(x);
	KUNIT_EXPECT_MEMEQ(test, kept[0], kept[1], len);
	KUNIT_EXPECT_MEMEQ(test, joined[0], joined[1], len);
}

/* Ranges of pages are asked for, whatever the pages of the chunk are */
static void __init other_pages_test(struct kunit *test)
{
	unsigned int shift = *(const unsigned int *)test->param_value;
	struct kho_extent *x = new_chunk(test, KHO_CHUNK_BYTES(shift), shift);
	unsigned long group = max(1UL, PAGE_SIZE >> shift), i, j;
	unsigned long base = PHYS_PFN(x->mem.addr);

	/* Our pages 0 to 9 of each 32, or as many of theirs as that takes */
	for (i = 0; i < KHO_CHUNK_PAGES(shift); i++)
		if (PHYS_PFN((u64)(i - i % group) << shift) % 32 < 10)
			__set_bit_le(i, (void *)x->bits);

	for (i = 30; i < 80; i++) {
		bool whole = true, some = false;

		for (j = i; j < i + 40; j++) {
			struct kho_mem mem = {
				PFN_PHYS((u64)base + i), PFN_PHYS((u64)j + 1 - i),
			};
			bool one = page_bit(x, x->bits, j);

			whole &= one;
			some |= one;
			KUNIT_EXPECT_EQ_MSG(test, is_preserved(&mem), whole,
					    "pages %lu to %lu", i, j);
			KUNIT_EXPECT_EQ_MSG(test, is_touched(&mem), some,
					    "pages %lu to %lu", i, j);
		}
	}
}

/* What is reserved */

/*
 * In the machine: a hole, and memory that is in use. What is marked, as scratch
 * is, memblock does not tell any more: the fuzzers have that.
 */
static const struct piece test_ram[] = {
	{ 0, 0, 3 * TEST_CHUNK + 1000 },
	{ 3, 1010, 5 * TEST_CHUNK - 1010 },
};

static const struct piece test_used = { 4, 2000, 10 };

static void __init swap_world(struct boot_test *t)
{
	swap(memblock.memory, t->memory);
	swap(memblock.reserved, t->reserved);
	swap(kho_scratch, t->scratch);
}

static void __init set_region(struct memblock_region *r, const struct piece *p)
{
	r->base = piece_addr(p);
	r->size = PFN_PHYS((u64)p->nr);
}

static int __init find_test_runs(struct kunit *test, struct kho_why *why)
{
	struct boot_test *t = test->priv;
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(t->ram); i++)
		set_region(&t->ram[i], &test_ram[i]);
	set_region(&t->used, &test_used);
	t->memory = (struct memblock_type){ .cnt = i, .regions = t->ram };
	t->reserved = (struct memblock_type){ .cnt = 1, .regions = &t->used };

	t->part = test_walk(test).part[0];
	offer.part = &t->part;
	offer.parts = 1;
	swap_world(t);
	err = check_usable(why);
	if (!err) {
		plan_runs();
		make_runs();
	}
	swap_world(t);
	return err;
}

/**
 * struct runs - what is reserved for a table
 * @desc:  what is special about it
 * @why:   a part of the reason to refuse it; NULL if it shall be accepted
 * @piece: what is preserved
 * @meta:  where the table is
 * @want:  what is reserved
 */
struct runs {
	const char *desc;
	const char *why;
	struct piece piece[6];
	struct piece meta[2];
	struct piece want[4];
};

static const struct runs runs[] = {
	{ "nothing" },
	{ "an extent", NULL, { { 1, 7, 9 } }, { }, { { 1, 7, 9 } } },
	{ "extents and a small gap", NULL, { { 1, 7, 9 }, { 1, 16 + TEST_GAP - 1, 1 } },
	  { }, { { 1, 7, 9 + TEST_GAP } } },
	{ "extents and a large gap", NULL, { { 1, 7, 9 }, { 1, 16 + TEST_GAP, 1 } },
	  { }, { { 1, 7, 9 }, { 1, 16 + TEST_GAP, 1 } } },
	{ "extents next to each other", NULL, { { 1, 7, 9 }, { 1, 16, 2 } },
	  { }, { { 1, 7, 11 } } },
	{ "large extent", NULL, { { 1, 7, 2 * TEST_CHUNK } }, { },
	  { { 1, 7, 2 * TEST_CHUNK } } },
	{ "a hole between", NULL, { { 3, 998, 2 }, { 3, 1010, 2 } }, { },
	  { { 3, 998, 2 }, { 3, 1010, 2 } } },
	{ "memory in use between", NULL, { { 4, 1990, 2 }, { 4, 2010, 2 } }, { },
	  { { 4, 1990, 10 }, { 4, 2010, 2 } } },

	{ "empty chunk", NULL, { { 1, 0, 0, true } } },
	{ "a page of a chunk", NULL, { { 1, 100, 1, true } }, { },
	  { { 1, 100, 1 } } },
	{ "a chunk's small gaps", NULL,
	  { { 1, 1, 1, true }, { 1, 5, 1, true }, { 1, 4 + TEST_GAP, 3, true } },
	  { }, { { 1, 1, 6 + TEST_GAP } } },
	{ "a chunk's large gap", NULL,
	  { { 1, 1, 1, true }, { 1, 3, 1, true },
	    { 1, 4 + TEST_WIDE, 1, true }, { 1, 8 + TEST_WIDE, 1, true } },
	  { }, { { 1, 1, 3 }, { 1, 4 + TEST_WIDE, 5 } } },
	{ "ends of a chunk", NULL,
	  { { 1, 0, 1, true }, { 1, TEST_CHUNK - 1, 1, true } }, { },
	  { { 1, 0, 1 }, { 1, TEST_CHUNK - 1, 1 } } },
	{ "all of a chunk", NULL, { { 1, 0, TEST_CHUNK, true } }, { },
	  { { 1, 0, TEST_CHUNK } } },
	{ "a chunk and a chunk", NULL,
	  { { 1, TEST_CHUNK - 1, 1, true }, { 2, 0, 1, true } }, { },
	  { { 1, TEST_CHUNK - 1, 2 } } },
	{ "a chunk and a chunk, with a small gap", NULL,
	  { { 1, TEST_CHUNK - 3, 1, true }, { 2, 5, 1, true } }, { },
	  { { 1, TEST_CHUNK - 3, 9 } } },
	{ "a chunk and a chunk, with a large gap", NULL,
	  { { 1, TEST_CHUNK - 3, 1, true }, { 2, TEST_GAP, 1, true } }, { },
	  { { 1, TEST_CHUNK - 3, 1 }, { 2, TEST_GAP, 1 } } },
	{ "an empty chunk between", NULL,
	  { { 1, 3, 1, true }, { 2, 0, 0, true }, { 3, 2, 1, true } }, { },
	  { { 1, 3, 1 }, { 3, 2, 1 } } },
	{ "an extent, a chunk, an extent", NULL,
	  { { 0, TEST_CHUNK - 2, 2 }, { 1, 0, 1, true }, { 1, 9, 1, true },
	    { 1, TEST_CHUNK - 5, 1, true }, { 2, 0, 1 } }, { },
	  { { 0, TEST_CHUNK - 2, 12 }, { 1, TEST_CHUNK - 5, 6 } } },
	{ "memory in use in a chunk's gap", NULL,
	  { { 4, 1980, 1, true }, { 4, 1990, 1, true }, { 4, 2010, 1, true },
	    { 4, 2015, 1, true } }, { },
	  { { 4, 1980, 20 }, { 4, 2010, 6 } } },
	{ "a hole in a chunk's gap", NULL,
	  { { 3, 990, 1, true }, { 3, 999, 1, true }, { 3, 1010, 1, true } },
	  { }, { { 3, 990, 10 }, { 3, 1010, 1 } } },

	{ "only a table", NULL, { }, { { 1, 100, 2 } }, { { 1, 100, 2 } } },
	{ "a table far away", NULL, { { 1, 7, 9 } }, { { 0, 5000, 2 }, { 2, 100, 2 } },
	  { { 0, 5000, 2 }, { 1, 7, 9 }, { 2, 100, 2 } } },
	{ "a table near an extent", NULL, { { 1, 7, 9 } }, { { 1, 2, 2 }, { 1, 20, 2 } },
	  { { 1, 2, 20 } } },
	{ "a table in a chunk's gap", NULL,
	  { { 1, 7, 1, true }, { 1, 20, 1, true } }, { { 1, 10, 2 } },
	  { { 1, 7, 14 } } },
	{ "a table between pages", NULL,
	  { { 1, 7, 1, true }, { 1, 9, 1, true } }, { { 1, 8, 1 }, { 1, 10, 1 } },
	  { { 1, 7, 4 } } },
	{ "a table in a large gap", NULL, { { 1, 7, 1 }, { 1, 6 + 2 * TEST_GAP, 1 } },
	  { { 1, 7 + TEST_GAP, 1 } }, { { 1, 7, 2 * TEST_GAP } } },

	{ "an extent in a hole", "is not RAM", { { 3, 990, 11 } } },
	{ "a page in a hole", "is not RAM", { { 3, 999, 1, true }, { 3, 1000, 1, true } } },
	{ "behind all memory", "is not RAM", { { 8, 0, 1, true } } },
	{ "an extent in use", "is in use", { { 4, 2009, 2 } } },
	{ "a page in use", "is in use", { { 4, 1, 1, true }, { 4, 2005, 1, true } } },
};

KUNIT_ARRAY_PARAM_DESC(runs, runs, desc);

/* Those that only differ in how struct pages are initialised are one */
static unsigned int __init join_runs(struct kunit *test, struct boot_test *t)
{
	u64 block = (u64)PAGE_SIZE << MAX_PAGE_ORDER, sum = 0;
	unsigned int i, nr = 0;

	for (i = 0; i < offer.runs; i++) {
		struct kho_mem mem = t->run[i].mem;

		sum += mem.len;
		if (t->run[i].flags == MEMBLOCK_RSRV_NOINIT) {
			KUNIT_EXPECT_TRUE(test, KHO_DEFERS_PAGES);
			KUNIT_EXPECT_TRUE(test, IS_ALIGNED(mem.addr | mem.len,
							   block));
		} else if (KHO_DEFERS_PAGES) {
			KUNIT_EXPECT_LE(test, ALIGN_DOWN(mem.addr + mem.len, block),
					ALIGN(mem.addr, block));
		}
		if (nr && t->run[nr - 1].mem.addr + t->run[nr - 1].mem.len ==
			  mem.addr)
			t->run[nr - 1].mem.len += mem.len;
		else
			t->run[nr++].mem = mem;
	}
	KUNIT_EXPECT_EQ(test, offer.run_bytes, sum);
	return nr;
}

static void __init runs_test(struct kunit *test)
{
	const struct runs *r = test->param_value;
	struct boot_test *t = test->priv;
	struct kho_why why = { };
	unsigned int i, nr;
	int err;

	add_pieces(test, r->piece, ARRAY_SIZE(r->piece));
	for (i = 0; i < ARRAY_SIZE(r->meta) && r->meta[i].nr; i++)
		t->meta[offer.metas++] = piece_mem(&r->meta[i]);

	offer.run = t->run;
	err = find_test_runs(test, &why);
	if (r->why) {
		KUNIT_EXPECT_EQ(test, err, -EINVAL);
		KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(why.text, r->why),
					  "\"%s\" is not in \"%s\"", r->why,
					  why.text);
		return;
	}
	KUNIT_ASSERT_EQ_MSG(test, err, 0, "%s", why.text);

	KUNIT_ASSERT_LE(test, offer.runs, offer.max_runs);
	KUNIT_ASSERT_LE(test, offer.max_runs, TEST_RUNS);
	nr = join_runs(test, t);
	for (i = 0; i < ARRAY_SIZE(r->want) && r->want[i].nr; i++) {
		struct kho_mem mem = piece_mem(&r->want[i]);

		KUNIT_ASSERT_LT(test, i, nr);
		KUNIT_EXPECT_EQ_MSG(test, t->run[i].mem.addr, mem.addr, "run %u", i);
		KUNIT_EXPECT_EQ_MSG(test, t->run[i].mem.len, mem.len, "run %u", i);
	}
	KUNIT_EXPECT_EQ(test, nr, i);
}

/* What is freed again */

/**
 * struct release - pages that are reserved, and what for
 * @desc:  what is special about them
 * @run:   what is reserved
 * @piece: what is preserved, by bits
 * @extent: what is preserved by an extent
 * @late:  what somebody else reserves, too
 */
struct release {
	const char *desc;
	struct { unsigned int first, nr; } run[3], piece[4], extent, late;
};

static const struct release releases[] = {
	{ "all preserved", { { 0, 64 } }, { { 0, 64 } } },
	{ "a page", { { 5, 1 } }, { { 5, 1 } } },
	{ "a gap", { { 0, 64 } }, { { 0, 3 }, { 63, 1 } } },
	{ "gaps", { { 3, 40 } }, { { 3, 1 }, { 7, 1 }, { 15, 9 }, { 42, 1 } } },
	{ "two runs",
	  { { 0, 8 }, { 32, 8 } }, { { 0, 1 }, { 7, 1 }, { 32, 1 }, { 39, 1 } } },
	{ "a run with nothing between",
	  { { 0, 8 }, { 16, 2 }, { 32, 8 } }, { { 0, 1 }, { 7, 1 }, { 32, 1 }, { 39, 1 } } },
	{ "runs that touch, in a gap",
	  { { 0, 8 }, { 8, 32 }, { 40, 24 } }, { { 0, 2 }, { 62, 2 } } },
	{ "runs that touch, in what is preserved",
	  { { 0, 8 }, { 8, 32 }, { 40, 24 } }, { { 0, 62 }, { 63, 1 } } },
	{ "runs that touch, where a gap begins",
	  { { 0, 8 }, { 8, 8 } }, { { 0, 8 }, { 15, 1 } } },
	{ "runs that touch, where a gap ends",
	  { { 0, 8 }, { 8, 8 } }, { { 0, 1 }, { 8, 8 } } },
	{ "with an extent",
	  { { 0, 48 } }, { { 0, 1 }, { 5, 1 }, { 30, 1 } }, { 40, 8 } },
	{ "only an extent", { { 40, 8 } }, { }, { 40, 8 } },
	{ "somebody's in a chunk", { { 0, 64 } }, { { 0, 3 }, { 63, 1 } }, { },
	  { 10, 5 } },
	{ "somebody's between all others", { { 0, 8 }, { 16, 24 } }, { }, { 0, 8 },
	  { 20, 7 } },
	{ "somebody's on both sides", { { 8, 8 } }, { { 8, 1 } }, { }, { 4, 16 } },
	{ "somebody's elsewhere", { { 8, 8 } }, { { 8, 1 } }, { }, { 32, 8 } },
};

KUNIT_ARRAY_PARAM_DESC(release, releases, desc);

static bool has_page(unsigned int page, unsigned int first, unsigned int nr)
{
	return page >= first && page < first + nr;
}

static bool is_released(const struct release *r, unsigned int page)
{
	bool in_run = false;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(r->run); i++)
		in_run |= has_page(page, r->run[i].first, r->run[i].nr);
	for (i = 0; i < ARRAY_SIZE(r->piece); i++)
		in_run &= !has_page(page, r->piece[i].first, r->piece[i].nr);
	return in_run && !has_page(page, r->extent.first, r->extent.nr) &&
	       !has_page(page, r->late.first, r->late.nr);
}

static void __init set_release(struct kunit *test, const struct release *r,
			       phys_addr_t phys)
{
	unsigned long chunk = PHYS_PFN(phys) / TEST_CHUNK;
	unsigned long first = PHYS_PFN(phys) % TEST_CHUNK;
	struct piece piece[ARRAY_SIZE(r->piece)] = { };
	struct boot_test *t = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(r->piece) && r->piece[i].nr; i++)
		piece[i] = (struct piece){
			chunk, first + r->piece[i].first, r->piece[i].nr, true
		};
	add_pieces(test, piece, ARRAY_SIZE(piece));
	if (r->extent.nr) {
		/* The chunk ends there, as if it were a smaller one */
		if (kho_in.extents)
			kho_in.extent[0].mem.len =
				PFN_PHYS((u64)first + r->extent.first);
		piece[0] = (struct piece){
			chunk, first + r->extent.first, r->extent.nr
		};
		add_pieces(test, piece, 1);
	}

	offer.run = t->run;
	for (i = 0; i < ARRAY_SIZE(r->run) && r->run[i].nr; i++)
		t->run[offer.runs++].mem = (struct kho_mem){
			phys + PFN_PHYS(r->run[i].first),
			PFN_PHYS(r->run[i].nr)
		};
	has_gaps = true;
	if (r->late.nr)
		kho_memory_reserved(phys + PFN_PHYS(r->late.first),
				    PFN_PHYS(r->late.nr));
	has_gaps = false;

	/* Which the test's bits are the form of */
	for (i = 0; i < kho_in.extents; i++)
		kho_in.extent[i].kept = (void *)kho_in.extent[i].bits;
}

static void __init free_gaps_test(struct kunit *test)
{
	const struct release *r = test->param_value;
	unsigned int i, want = 0, freed = 0;
	struct page *page;

	page = alloc_pages(GFP_KERNEL, TEST_ORDER);
	KUNIT_ASSERT_NOT_NULL(test, page);
	split_page(page, TEST_ORDER);
	set_release(test, r, page_to_phys(page));
	for (i = 0; i < TEST_PAGES; i++) {
		SetPageReserved(page + i);
		adjust_managed_page_count(page + i, -1);
		want += is_released(r, i);
	}

	KUNIT_EXPECT_EQ(test, free_gaps(), want);
	for (i = 0; i < TEST_PAGES; i++) {
		KUNIT_EXPECT_EQ_MSG(test, !PageReserved(page + i),
				    is_released(r, i), "page %u", i);
		if (PageReserved(page + i))
			free_reserved_page(page + i);
		else
			freed++;
	}
	totalram_pages_add(freed);
}

/* Others must not take what is held for memory that was set aside for them */
static void __init held_test(struct kunit *test)
{
	struct boot_test *t = test->priv;

	offer.run = t->run;
	t->run[0].mem = (struct kho_mem){ SZ_1M, SZ_64K };
	t->run[1].mem = (struct kho_mem){ SZ_2M, SZ_64K };
	offer.runs = 2;

	has_gaps = true;
	KUNIT_EXPECT_FALSE(test, kho_memory_is_held(SZ_1M - SZ_64K, SZ_64K));
	KUNIT_EXPECT_TRUE(test, kho_memory_is_held(SZ_1M - SZ_64K, SZ_64K + 1));
	KUNIT_EXPECT_TRUE(test, kho_memory_is_held(SZ_1M + SZ_32K, SZ_4K));
	KUNIT_EXPECT_FALSE(test, kho_memory_is_held(SZ_1M + SZ_64K, SZ_4K));
	KUNIT_EXPECT_TRUE(test, kho_memory_is_held(SZ_2M + SZ_64K - 1, 1));
	KUNIT_EXPECT_FALSE(test, kho_memory_is_held(SZ_2M + SZ_64K, SZ_1M));
	has_gaps = false;
	KUNIT_EXPECT_FALSE(test, kho_memory_is_held(SZ_1M, SZ_4K));
}

static struct kunit_case __refdata kho_boot_cases[] = {
	KUNIT_CASE_PARAM(walk_test, table_gen_params),
	KUNIT_CASE(walk_shift_test),
	KUNIT_CASE(gaps_test),
	KUNIT_CASE(low_gaps_test),
	KUNIT_CASE_PARAM(question_test, question_gen_params),
	KUNIT_CASE_PARAM(convert_test, shift_gen_params),
	KUNIT_CASE(copy_test),
	KUNIT_CASE_PARAM(other_pages_test, shift_gen_params),
	KUNIT_CASE_PARAM(runs_test, runs_gen_params),
	KUNIT_CASE_PARAM(free_gaps_test, release_gen_params),
	KUNIT_CASE(held_test),
	{ }
};

static struct kunit_suite __refdata kho_boot_suite = {
	.name = "kho_boot",
	.init = boot_init,
	.exit = boot_exit,
	.test_cases = kho_boot_cases,
};

kunit_test_init_section_suites(&kho_boot_suite);
