/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is held against each of node_tests[], of kho_nodes_test.c: what was written
 * is read as it was, and nothing beyond a limit is written or read.
 */
/* Nothing is preserved: there need not be such memory */
static int write_mem_only(void *fdt, const struct kho_mem *mem, unsigned int nr)
{
	fdt64_t *cell;
	void *cells;
	int err;

	err = fdt_property_placeholder(fdt, "mem", nr * sizeof(*mem), &cells);
	for (cell = cells; !err && nr; nr--, mem++) {
		fdt64_st(cell++, mem->addr);
		fdt64_st(cell++, mem->len);
	}
	return err;
}

/* A handover with one node in it */
static int write_blob(const struct node_test *t, const void *n, void *fdt)
{
	memset(fdt, 0, TEST_FDT_MAX);
	return fdt_create(fdt, TEST_FDT_MAX) ?:
	       fdt_finish_reservemap(fdt) ?:
	       fdt_begin_node(fdt, "") ?:
	       t->put(fdt, n) ?:
	       fdt_end_node(fdt) ?:
	       fdt_finish(fdt);
}

static const struct node_test *test_begin(struct kunit *test, void **n, void **fdt)
{
	const struct node_test *t = test->param_value;

	kunit_activate_static_stub(test, kho_fdt_property_mem, write_mem_only);
	*n = kunit_kzalloc(test, t->size, GFP_KERNEL);
	*fdt = kunit_kzalloc(test, TEST_FDT_MAX, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, *n);
	KUNIT_ASSERT_NOT_NULL(test, *fdt);
	return t;
}

/* Not by what is tested: if both ways are wrong, that goes unnoticed else */
static void check_numbers(struct kunit *test, const struct good_prop *want,
			  const void *fdt, int node)
{
	for (; want->prop; want++) {
		const void *cell = fdt_getprop(fdt, node, want->prop, NULL);
		u64 val;

		KUNIT_ASSERT_NOT_NULL(test, cell);
		val = want->len == sizeof(u32) ? fdt32_ld(cell) : fdt64_ld(cell);
		KUNIT_EXPECT_EQ_MSG(test, val, want->val, "%s", want->prop);
	}
}

static void round_trip(struct kunit *test, bool most)
{
	void *n, *fdt, *again;
	const struct node_test *t = test_begin(test, &n, &fdt);
	int node;

	t->fill(n, most);
	KUNIT_ASSERT_EQ(test, write_blob(t, n, fdt), 0);
	node = t->find(fdt);
	KUNIT_ASSERT_GE(test, node, 0);
	if (most)
		check_numbers(test, t->good, fdt, node);
	memset(n, 0xa5, t->size);
	KUNIT_ASSERT_EQ(test, t->get(fdt, node, n), 0);

	again = kunit_kzalloc(test, TEST_FDT_MAX, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, again);
	KUNIT_ASSERT_EQ(test, write_blob(t, n, again), 0);
	KUNIT_EXPECT_MEMEQ(test, fdt, again, TEST_FDT_MAX);
}

static void most_test(struct kunit *test)
{
	round_trip(test, true);
}

static void least_test(struct kunit *test)
{
	round_trip(test, false);
}

static void write_limits_test(struct kunit *test)
{
	void *n, *fdt;
	const struct node_test *t = test_begin(test, &n, &fdt);
	const char *prop;
	unsigned int i;

	for (i = 0;; i++) {
		t->fill(n, true);
		prop = t->spoil(n, i);
		if (!prop)
			break;
		KUNIT_EXPECT_EQ_MSG(test, write_blob(t, n, fdt), -FDT_ERR_BADVALUE,
				    "number %u, of %s", i, prop);
	}
}

static int replace(void *fdt, int node, const struct bad_prop *bad)
{
	void *to;
	int err;

	if (bad->how == GONE)
		return fdt_delprop(fdt, node, bad->prop);
	err = fdt_setprop_placeholder(fdt, node, bad->prop, bad->len, &to);
	if (err)
		return err;

	memset(to, bad->how < TEXT ? 0 : 'x', bad->len);
	if (bad->how == NUMBER && bad->len == sizeof(fdt32_t))
		fdt32_st(to, bad->val);
	else if (bad->how == NUMBER)
		fdt64_st(to, bad->val);
	if (bad->how >= TEXT && bad->how != NO_NUL && bad->len)
		((char *)to)[bad->len - 1] = '\0';
	if (bad->how == TWO_TEXTS)
		((char *)to)[1] = '\0';
	if (bad->how == BELL)
		((char *)to)[0] = '\a';
	if (bad->how == DEL)
		((char *)to)[0] = '\x7f';
	if (bad->how == LATIN)
		((char *)to)[0] = '\xe4';
	return 0;
}

static void read_limits_test(struct kunit *test)
{
	void *n, *fdt;
	const struct node_test *t = test_begin(test, &n, &fdt);
	const struct bad_prop *bad;

	for (bad = t->bad; bad->how; bad++) {
		t->fill(n, true);
		KUNIT_ASSERT_EQ(test, write_blob(t, n, fdt), 0);
		KUNIT_ASSERT_EQ(test, fdt_open_into(fdt, fdt, TEST_FDT_MAX), 0);
		KUNIT_ASSERT_EQ(test, replace(fdt, t->find(fdt), bad), 0);
		KUNIT_EXPECT_EQ_MSG(test, t->get(fdt, t->find(fdt), n), -EBADMSG,
				    "%s, kind %d with %u bytes", bad->prop, bad->how,
				    bad->len);
	}
}

/* One with all in it, which can be changed */
static int write_most(struct kunit *test, const struct node_test *t, void *n, void *fdt)
{
	t->fill(n, true);
	KUNIT_ASSERT_EQ(test, write_blob(t, n, fdt), 0);
	KUNIT_ASSERT_EQ(test, fdt_open_into(fdt, fdt, TEST_FDT_MAX), 0);
	return t->find(fdt);
}

static void found_test(struct kunit *test, const struct sub_test *s, const void *fdt, int node)
{
	unsigned int nr = 0;
	int sub = 0;

	while ((sub = s->next(fdt, node, sub)) > 0 && nr++ < s->max) {
		const char *key = s->key ? fdt_getprop(fdt, sub, s->key, NULL) : NULL;

		if (key)
			KUNIT_EXPECT_EQ(test, s->find_key(fdt, node, key), sub);
	}
	KUNIT_EXPECT_EQ(test, nr, s->max);
	if (s->key)
		KUNIT_EXPECT_EQ(test, s->find_key(fdt, node, ""), -ENOENT);
}

static void few_test(struct kunit *test, const struct node_test *t, const struct sub_test *s,
		     void *n, void *fdt)
{
	int node = write_most(test, t, n, fdt);
	unsigned int nr;

	for (nr = s->max; nr > s->min; nr--)
		KUNIT_ASSERT_EQ(test, fdt_del_node(fdt, s->next(fdt, node, 0)), 0);
	KUNIT_EXPECT_EQ(test, t->get(fdt, node, n), 0);
	if (!nr)
		return;
	KUNIT_ASSERT_EQ(test, fdt_del_node(fdt, s->next(fdt, node, 0)), 0);
	KUNIT_EXPECT_EQ(test, t->get(fdt, node, n), -EBADMSG);
}

static void same_key_test(struct kunit *test, const struct node_test *t,
			  const struct sub_test *s, void *n, void *fdt)
{
	int node = write_most(test, t, n, fdt);
	int sub = s->next(fdt, node, 0), other = s->next(fdt, node, sub);

	if (!s->key || other < 0)
		return;
	KUNIT_ASSERT_EQ(test, fdt_setprop_string(fdt, other, s->key,
						 fdt_getprop(fdt, sub, s->key, NULL)), 0);
	KUNIT_EXPECT_EQ(test, t->get(fdt, node, n), -EBADMSG);
}

static void many_test(struct kunit *test, const struct node_test *t, const struct sub_test *s,
		      void *n, void *fdt)
{
	int node = write_most(test, t, n, fdt);
	char name[64];

	KUNIT_ASSERT_GE(test, fdt_add_subnode(fdt, node, "other"), 0);
	KUNIT_EXPECT_EQ(test, t->get(fdt, node, n), 0);
	found_test(test, s, fdt, node);
	snprintf(name, sizeof(name), "%s%u", s->prefix, s->max);
	KUNIT_ASSERT_GE(test, fdt_add_subnode(fdt, node, name), 0);
	KUNIT_EXPECT_EQ(test, t->get(fdt, node, n), -EBADMSG);

	node = write_most(test, t, n, fdt);
	snprintf(name, sizeof(name), "%s%ux", s->prefix, s->max);
	KUNIT_ASSERT_EQ(test, fdt_del_node(fdt, s->next(fdt, node, 0)), 0);
	KUNIT_ASSERT_GE(test, fdt_add_subnode(fdt, node, name), 0);
	KUNIT_EXPECT_EQ(test, t->get(fdt, node, n), -EBADMSG);
}

static void subnodes_test(struct kunit *test)
{
	void *n, *fdt;
	const struct node_test *t = test_begin(test, &n, &fdt);
	const struct sub_test *s;

	for (s = t->subs; s && s->prefix; s++) {
		few_test(test, t, s, n, fdt);
		same_key_test(test, t, s, n, fdt);
		many_test(test, t, s, n, fdt);
		KUNIT_EXPECT_EQ(test, s->put(fdt, s->max), -FDT_ERR_BADVALUE);
	}
}

/* Nobody reads a node that is not there, or that is in another format */
static void find_test(struct kunit *test)
{
	void *n, *fdt;
	const struct node_test *t = test_begin(test, &n, &fdt);
	int node;

	KUNIT_EXPECT_EQ(test, t->find(NULL), -ENOENT);
	t->fill(n, false);
	KUNIT_ASSERT_EQ(test, write_blob(t, n, fdt), 0);
	KUNIT_ASSERT_EQ(test, fdt_open_into(fdt, fdt, TEST_FDT_MAX), 0);
	node = fdt_subnode_offset(fdt, 0, t->name);
	KUNIT_ASSERT_GE(test, node, 0);
	KUNIT_ASSERT_EQ(test, fdt_setprop_string(fdt, node, "compatible", "linux,other-v1"), 0);
	KUNIT_EXPECT_EQ(test, t->find(fdt), -EPROTONOSUPPORT);
	KUNIT_ASSERT_EQ(test, fdt_del_node(fdt, node), 0);
	KUNIT_EXPECT_EQ(test, t->find(fdt), -ENOENT);
}

KUNIT_ARRAY_PARAM_DESC(node, node_tests, desc);
