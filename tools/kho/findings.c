// SPDX-License-Identifier: GPL-2.0-only
/*
 * kho: what checks have found, a list, and how people and programs see it.
 */
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

bool found_has_columns(void)
{
	return table_has_columns(columns, ARRAY_SIZE(columns));
}
