// SPDX-License-Identifier: GPL-2.0-only
/*
 * kho check: what a kernel says of a blob, and what the specs say of its nodes.
 */
#include <libfdt.h>
#include <stdarg.h>

#include "kho.h"

static const struct column columns[] = {
	{ "result" }, { "check" }, { "finding" }, { "do", .hidden = true },
};

static const char *const verdicts[] = {
	[CHECK_OK] = "ok", [CHECK_WARN] = "warning", [CHECK_FAIL] = "fail",
};

/* @todo: what to do about it, or NULL */
void found(json_object *list, enum verdict v, const char *check, const char *todo,
	   const char *fmt, ...)
{
	json_object *o = json_object_new_object();
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	put_str(o, "result", verdicts[v]);
	put_str(o, "check", check);
	put_str(o, "finding", text);
	put_str(o, "do", todo);
	json_object_array_add(list, o);
}

bool found_failures(json_object *list)
{
	size_t i;

	for (i = 0; i < json_object_array_length(list); i++)
		if (!strcmp(get_text(json_object_array_get_idx(list, i), "result"), "fail"))
			return true;
	return false;
}

static void found_problem(const char *path, const char *problem, void *list)
{
	found(list, CHECK_WARN, "spec", "report it to the node's owner", "%s: %s", path, problem);
}

static void check_table(json_object *list, const struct blob *blob)
{
	char buf[24];
	struct kho_why why;

	if (!blob->table)
		found(list, CHECK_WARN, "table", "give its copy with --table",
		      "the memory table was not looked at: only the kernel can read it here");
	else if (blob_walk_table(blob, NULL, NULL, &why))
		found(list, CHECK_FAIL, "table", "report it, with a copy of both", "%s", why.text);
	else
		found(list, CHECK_OK, "table", NULL, "%s%s",
		      size_text(blob_ranges_len(&blob->root.table), buf),
		      blob_has_chunks(blob) ? ", and the bits of chunks" :
		      ", its checksum is right");
}

/* The kernel has passed the FDT: blob_open() gives no other */
void check_blob(json_object *list, const struct blob *blob)
{
	json_object *root __free(json) = decode_node(blob->fdt, 0, spec_of(blob->fdt, 0));
	size_t before;
	int node;

	found(list, CHECK_OK, "fdt", NULL, "%u bytes from %s, its checksum is right",
	      fdt_totalsize(blob->fdt), blob->root.release);
	check_table(list, blob);
	before = json_object_array_length(list);
	fdt_for_each_subnode(node, blob->fdt, 0)
		if (!spec_of(blob->fdt, node))
			found(list, CHECK_WARN, "spec",
			      "see whether its owner is in the next kernel",
			      "/%s: no spec is known for it", fdt_get_name(blob->fdt, node, NULL));
	decode_problems(root, "/", found_problem, list);
	if (json_object_array_length(list) == before)
		found(list, CHECK_OK, "spec", NULL, "all nodes are as their specs say");
}

void print_findings(json_object *list, json_object *doc)
{
	struct out_table *t;
	size_t i;

	json_object_object_add(doc, "findings", json_object_get(list));
	put_bool(doc, "ok", !found_failures(list));
	if (opt.json) {
		json_end(doc);
		return;
	}
	t = table_begin(columns, ARRAY_SIZE(columns));
	for (i = 0; i < json_object_array_length(list); i++) {
		json_object *row = json_object_get(json_object_array_get_idx(list, i));
		char text[1024];

		/* One line has both, as errors do */
		if (!opt.columns && get_text(row, "do")) {
			snprintf(text, sizeof(text), "%s; %s", get_text(row, "finding"),
				 get_text(row, "do"));
			put_str(row, "finding", text);
		}
		table_row(t, row, NULL);
		json_object_put(row);
	}
	table_end(t, 0);
}

void put_target(json_object *doc, const struct target *t)
{
	put_str(doc, "target", t->version);
	put_str(doc, "kernel", t->kernel);
	put_str(doc, "initrd", t->initrd);
	put_str(doc, "command-line", t->cmdline);
}

static int check_live(json_object *list, json_object *doc)
{
	struct target t __free(target) = { };
	int code = sys_needs_kho("check --live") ?: target_choose(&t, "check --live");

	if (code)
		return code;
	put_target(doc, &t);
	live_checks(list, &t);
	return KHO_OK;
}

static int check_one(json_object *list, json_object *doc)
{
	struct blob blob __free(blob) = { };
	int code = blob_open(&blob, "check");

	if (code)
		return code;
	put_str(doc, "source", blob.name);
	check_blob(list, &blob);
	return KHO_OK;
}

int verb_check(void)
{
	json_object *list __free(json) = json_object_new_array();
	json_object *doc __free(json) = json_begin();
	int code;

	if (!table_has_columns(columns, ARRAY_SIZE(columns)))
		return KHO_USAGE;
	if (opt.live ? !!opt.table : opt.kernel || opt.initrd || opt.append || opt.cmdline)
		return fail(KHO_USAGE, "check", "--table is for what --live does not look at, and "
			    "a target for --live; see kho check --help");
	code = opt.live ? check_live(list, doc) : check_one(list, doc);
	if (code)
		return code;
	print_findings(list, doc);
	return found_failures(list) ? KHO_NO : KHO_OK;
}
