// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of kexec_kho_in.c, which includes this file: folios of all orders,
 * in chunks and beside them.
 */
#include <linux/sort.h>

#include "kexec_kho_in_test.h"

/* What is wrong with a range, apart from what the log says */
static int test_err(const struct fake *f, int first, int nr,
		    int (*check)(const struct in_part *p))
{
	struct kho_mem mem = test_mem(f, first, nr);

	guard(mutex)(&kho_in.lock);
	return check_range(&mem, check);
}

static struct folio *take_folio(struct kunit *test, int first, int order)
{
	unsigned long before = managed(test);
	struct fake *f = test->priv;
	struct folio *folio = kho_restore_folio(test_phys(f, first));
	int nr = 1 << order;

	KUNIT_EXPECT_PTR_EQ_MSG(test, folio, (struct folio *)(f->page + first),
				"page %d", first);
	if (!folio)
		return NULL;
	KUNIT_EXPECT_EQ_MSG(test, folio_order(folio), order, "page %d", first);
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), 1);
	KUNIT_EXPECT_FALSE(test, any_reserved(f, first, nr));
	KUNIT_EXPECT_TRUE(test, intact(f, first, nr));
	KUNIT_EXPECT_PTR_EQ(test, page_folio(f->page + first + nr - 1), folio);
	KUNIT_EXPECT_EQ(test, managed(test), before + nr);
	return folio;
}

static int cmp_up(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static int cmp_down(const void *a, const void *b)
{
	return cmp_up(b, a);
}

/* Every other one first */
static int cmp_mixed(const void *a, const void *b)
{
	return cmp_up(a, b) + (((*(const int *)a / 8) & 1) -
			       ((*(const int *)b / 8) & 1)) * 1000;
}

static const struct test_sequence {
	const char *desc;
	int (*cmp)(const void *a, const void *b);
} test_sequences[] = {
	{ "ascending", cmp_up }, { "descending", cmp_down },
	{ "mixed", cmp_mixed },
};

KUNIT_ARRAY_PARAM_DESC(sequence, test_sequences, desc);

/* Each folio of the chunks has its order, whichever are gone by then */
static void chunk_folios_test(struct kunit *test)
{
	const struct test_sequence *seq = test->param_value;
	struct { int first, order; struct folio *folio; } todo[TEST_FOLIOS];
	struct fake *f = test->priv;
	unsigned int i, nr = 0;
	int j;

	for (i = 0; i < ARRAY_SIZE(test_folios); i++) {
		for (j = 0; j < test_folios[i].nr;
		     j += 1 << test_folios[i].order, nr++) {
			KUNIT_ASSERT_LT(test, nr, TEST_FOLIOS);
			todo[nr].first = test_folios[i].first + j;
			todo[nr].order = test_folios[i].order;
		}
	}
	sort(todo, nr, sizeof(*todo), seq->cmp, NULL);

	for (i = 0; i < nr; i++)
		todo[i].folio = take_folio(test, todo[i].first, todo[i].order);
	KUNIT_EXPECT_EQ(test, managed(test), TEST_IN_CHUNKS);
	KUNIT_EXPECT_TRUE(test, are_reserved(f, 32, 32));
	KUNIT_EXPECT_TRUE(test, are_reserved(f, 120, 8));
	for_each_clear_bit(i, f->present, TEST_PAGES)
		KUNIT_EXPECT_TRUE(test, are_pages(f, i, 1));

	for (i = 0; i < nr; i++) {
		KUNIT_EXPECT_NULL(test, kho_restore_folio(test_phys(f, todo[i].first)));
		KUNIT_EXPECT_FALSE(test, test_claim(f, todo[i].first, 1));
		KUNIT_EXPECT_EQ(test, -EBUSY,
				test_err(f, todo[i].first, 1 << todo[i].order,
					 check_part));
		if (todo[i].folio)
			folio_put(todo[i].folio);
	}
	KUNIT_EXPECT_EQ(test, managed(test), TEST_IN_CHUNKS);
}

/**
 * struct test_refusal - what is refused in chunks
 * @desc:  what is special about it
 * @first: index of the first page
 * @nr:    number of pages; 0 for a folio
 * @err:   why
 */
struct test_refusal {
	const char *desc;
	int first;
	int nr;
	int err;
};

static const struct test_refusal test_refusals[] = {
	{ "folio where nothing is", 68, 0, -ENOENT },
	{ "folio where nothing is, further on", 69, 0, -ENOENT },
	{ "folio between pages", 77, 0, -ENOENT },
	{ "folio behind all of a chunk", 111, 0, -ENOENT },
	{ "a pair's tail", 71, 0, -EISDIR },
	{ "tail", 73, 0, -EISDIR },
	{ "middle of a folio", 74, 0, -EISDIR },
	{ "last page of a folio", 75, 0, -EISDIR },
	{ "last page of a chunk", 95, 0, -EISDIR },
	{ "tail before nothing", 103, 0, -EISDIR },

	{ "pages of a pair", 70, 2, -EISDIR },
	{ "pages of a folio", 72, 4, -EISDIR },
	{ "head as a page", 72, 1, -EISDIR },
	{ "tail as a page", 73, 1, -EISDIR },
	{ "last page is a head", 79, 2, -EISDIR },
	{ "first page is a tail", 75, 2, -EISDIR },
	{ "pages and a folio", 78, 10, -EISDIR },
	{ "folios of an extent and pages", 56, 12, -EISDIR },
	{ "last folio of a chunk", 88, 8, -EISDIR },
	{ "last page of a chunk, and more", 95, 3, -EISDIR },
	{ "a page that is not preserved", 77, 1, -ENOENT },
	{ "pages that are not preserved", 104, 8, -ENOENT },
	{ "pages and one that is not preserved", 64, 5, -ENOENT },
	{ "behind one that is not preserved", 113, 3, -ENOENT },
};

KUNIT_ARRAY_PARAM_DESC(refusal, test_refusals, desc);

static void chunk_refusal_test(struct kunit *test)
{
	const struct test_refusal *r = test->param_value;
	struct fake *f = test->priv;

	if (r->nr) {
		KUNIT_EXPECT_EQ(test, test_err(f, r->first, r->nr, check_single),
				r->err);
		KUNIT_EXPECT_NULL(test, kho_restore_pages(test_phys(f, r->first),
							  r->nr));
	} else {
		/* That it is in a folio is not seen until then */
		KUNIT_EXPECT_EQ(test, test_err(f, r->first, 1, check_part),
				r->err == -EISDIR ? 0 : r->err);
		KUNIT_EXPECT_NULL(test, kho_restore_folio(test_phys(f, r->first)));
	}
	KUNIT_EXPECT_EQ(test, managed(test), 0);
	KUNIT_EXPECT_EQ(test, nr_taken(f), 0);
	KUNIT_EXPECT_TRUE(test, all_reserved(f));
}

static const struct test_range page_ranges[] = {
	{ "first pages", 64, 4 },
	{ "some of them", 65, 2 },
	{ "behind a folio", 76, 1 },
	{ "before a folio", 78, 2 },
	{ "one before a folio", 79, 1 },
	{ "alone", 112, 1 },
	{ "to the end of a chunk", 117, 3 },
	{ "across a chunk and an extent", 114, 10 },
};

KUNIT_ARRAY_PARAM_DESC(page_range, page_ranges, desc);

static void chunk_pages_test(struct kunit *test)
{
	const struct test_range *r = test->param_value;
	struct fake *f = test->priv;
	int i;

	KUNIT_ASSERT_PTR_EQ(test, f->page + r->first,
			    kho_restore_pages(test_phys(f, r->first), r->nr));
	KUNIT_EXPECT_TRUE(test, are_pages(f, r->first, r->nr));
	KUNIT_EXPECT_EQ(test, managed(test), r->nr);
	KUNIT_EXPECT_EQ(test, nr_taken(f), r->nr);
	for (i = 0; i < TEST_PAGES; i++)
		if (test_bit(i, f->present) &&
		    (i < r->first || i >= r->first + r->nr))
			KUNIT_EXPECT_TRUE_MSG(test, are_reserved(f, i, 1),
					      "page %d", i);

	for (i = r->first; i < r->first + r->nr; i++) {
		KUNIT_EXPECT_EQ(test, test_err(f, i, 1, check_single), -EBUSY);
		KUNIT_EXPECT_NULL(test, kho_restore_pages(test_phys(f, i), 1));
		KUNIT_EXPECT_NULL(test, kho_restore_folio(test_phys(f, i)));
		__free_page(f->page + i);
	}
	KUNIT_EXPECT_EQ(test, managed(test), r->nr);
}

/* Each page of the kernel before is two of ours; one of its folios has several of them */
static void larger_in_chunk_test(struct kunit *test)
{
	struct fake *f = test->priv;
	struct folio *folio[3];
	int i;

	f->extent[3].shift = PAGE_SHIFT + 1;
	__clear_bit(71 - 64, f->extent[3].joined);

	KUNIT_EXPECT_EQ(test, test_err(f, 64, 4, check_single), 0);
	KUNIT_EXPECT_EQ(test, test_err(f, 70, 2, check_single), 0);
	KUNIT_EXPECT_EQ(test, test_err(f, 70, 3, check_single), -EISDIR);
	KUNIT_EXPECT_EQ(test, test_err(f, 72, 2, check_single), -EISDIR);
	KUNIT_EXPECT_EQ(test, test_err(f, 78, 3, check_single), -EISDIR);
	KUNIT_EXPECT_NULL(test, kho_restore_folio(test_phys(f, 65)));
	KUNIT_EXPECT_NULL(test, kho_restore_folio(test_phys(f, 74)));
	KUNIT_EXPECT_EQ(test, managed(test), 0);

	folio[0] = take_folio(test, 64, 1);
	folio[1] = take_folio(test, 72, 2);
	folio[2] = take_folio(test, 78, 1);
	KUNIT_EXPECT_PTR_EQ(test, kho_restore_pages(test_phys(f, 66), 2), f->page + 66);
	KUNIT_EXPECT_PTR_EQ(test, kho_restore_pages(test_phys(f, 71), 1), f->page + 71);
	KUNIT_EXPECT_NULL(test, kho_restore_folio(test_phys(f, 70)));
	KUNIT_EXPECT_TRUE(test, are_pages(f, 66, 2));
	KUNIT_EXPECT_TRUE(test, are_pages(f, 71, 1));
	KUNIT_EXPECT_TRUE(test, are_reserved(f, 70, 1));
	for (i = 0; i < ARRAY_SIZE(folio); i++)
		if (folio[i])
			folio_put(folio[i]);
	__free_page(f->page + 66);
	__free_page(f->page + 67);
	__free_page(f->page + 71);
	KUNIT_EXPECT_EQ(test, managed(test), 11);
}

/* Which of two reasons it is */
static void chunk_reason_test(struct kunit *test)
{
	struct fake *f = test->priv;

	KUNIT_EXPECT_EQ(test, test_err(f, 76, 1, check_part), 0);
	KUNIT_EXPECT_EQ(test, test_err(f, 77, 1, check_part), -ENOENT);
	KUNIT_EXPECT_EQ(test, test_err(f, 76, 4, check_part), -ENOENT);
	KUNIT_EXPECT_EQ(test, test_err(f, 76, 4, check_return), -ENOENT);

	KUNIT_ASSERT_TRUE(test, test_claim(f, 76, 1));
	KUNIT_EXPECT_EQ(test, test_err(f, 76, 1, check_part), -EBUSY);
	KUNIT_EXPECT_EQ(test, test_err(f, 76, 4, check_part), -EBUSY);
	KUNIT_EXPECT_EQ(test, test_err(f, 77, 1, check_part), -ENOENT);
	KUNIT_EXPECT_EQ(test, test_err(f, 76, 1, check_return), 0);

	test_return(f, 76, 1);
	KUNIT_EXPECT_EQ(test, test_err(f, 76, 1, check_part), -EBUSY);
	KUNIT_EXPECT_EQ(test, test_err(f, 76, 1, check_return), -EBUSY);

	/* A tail is no page that was not preserved, either */
	KUNIT_ASSERT_TRUE(test, test_claim(f, 73, 3));
	KUNIT_EXPECT_EQ(test, test_err(f, 73, 1, check_part), -EBUSY);
	KUNIT_EXPECT_EQ(test, test_err(f, 74, 2, check_part), -EBUSY);
	KUNIT_EXPECT_EQ(test, test_err(f, 72, 1, check_part), 0);
	KUNIT_EXPECT_EQ(test, managed(test), 4);
}

/**
 * struct test_neighbour - a folio, and what is claimed next to it
 * @desc:  where that is
 * @first: the folio's first page
 * @order: its order
 * @claim: first page that is claimed
 * @nr:    number of these
 */
struct test_neighbour {
	const char *desc;
	int first;
	int order;
	int claim;
	int nr;
};

static const struct test_neighbour test_neighbours[] = {
	{ "page behind", 72, 2, 76, 1 },
	{ "pages before", 80, 3, 78, 2 },
	{ "folio behind", 80, 3, 88, 8 },
	{ "folio before", 88, 3, 80, 8 },
	{ "part of the folio behind", 80, 3, 88, 2 },
	{ "part of the folio before", 88, 3, 86, 2 },
	{ "pair behind", 96, 1, 98, 2 },
	{ "chunk behind", 88, 3, 96, 4 },
	{ "chunk before", 96, 1, 88, 8 },
	{ "extent before", 64, 0, 56, 8 },
	{ "extent behind", 119, 0, 120, 8 },
};

KUNIT_ARRAY_PARAM_DESC(neighbour, test_neighbours, desc);

static void neighbour_test(struct kunit *test)
{
	const struct test_neighbour *n = test->param_value;
	struct fake *f = test->priv;
	struct folio *folio;

	KUNIT_ASSERT_TRUE(test, test_claim(f, n->claim, n->nr));
	folio = take_folio(test, n->first, n->order);
	KUNIT_EXPECT_TRUE(test, are_pages(f, n->claim, n->nr));
	test_return(f, n->claim, n->nr);
	KUNIT_EXPECT_FALSE(test, any_leaked(f, n->claim, n->nr));
	KUNIT_EXPECT_EQ(test, managed(test), n->nr + (1 << n->order));
	if (folio)
		folio_put(folio);
}

static const struct test_range cuts[] = {
	{ "extent, second page", 49, 1 },
	{ "extent, third page", 50, 1 },
	{ "extent, second half", 52, 4 },
	{ "second page", 81, 1 },
	{ "third page", 82, 1 },
	{ "third page and more", 82, 10 },
	{ "second half", 84, 4 },
	{ "last pages", 86, 2 },
};

KUNIT_ARRAY_PARAM_DESC(cut, cuts, desc);

/* What is left of a folio of which somebody has a part is not a smaller one */
static void cut_test(struct kunit *test)
{
	const struct test_range *r = test->param_value;
	struct fake *f = test->priv;
	struct folio *folio;

	KUNIT_ASSERT_TRUE(test, test_claim(f, r->first, r->nr));
	folio = kho_restore_folio(test_phys(f, ALIGN_DOWN(r->first, 8)));
	KUNIT_EXPECT_NULL_MSG(test, folio, "a folio of order %u",
			      folio ? folio_order(folio) : 0);
	KUNIT_EXPECT_EQ(test, managed(test), r->nr);
	if (folio)
		folio_put(folio);
}

static struct kunit_case kho_in_chunk_cases[] = {
	KUNIT_CASE_PARAM(chunk_folios_test, sequence_gen_params),
	KUNIT_CASE_PARAM(chunk_refusal_test, refusal_gen_params),
	KUNIT_CASE_PARAM(chunk_pages_test, page_range_gen_params),
	KUNIT_CASE(larger_in_chunk_test),
	KUNIT_CASE(chunk_reason_test),
	KUNIT_CASE_PARAM(neighbour_test, neighbour_gen_params),
	KUNIT_CASE_PARAM(cut_test, cut_gen_params),
	{ }
};

static struct kunit_suite kho_in_chunk_suite = {
	.name = "kho_in_chunk",
	.init = test_in_init,
	.exit = test_in_exit,
	.test_cases = kho_in_chunk_cases,
};

kunit_test_suite(kho_in_chunk_suite);
