// SPDX-License-Identifier: GPL-2.0-only
/*
 * kho show: the nodes of a handover.
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "kho.h"

static const struct column columns[] = {
	{ "name" }, { "text" }, { "problem", .hidden = true }, { "type", .hidden = true },
	{ "unit", .hidden = true }, { "owner", .hidden = true }, { "doc", .hidden = true },
};

static const char *node_text(json_object *node)
{
	json_object *problems = json_object_object_get(node, "problems");

	if (json_object_array_length(problems))
		return json_object_get_string(json_object_array_get_idx(problems, 0));
	return json_object_get_boolean(json_object_object_get(node, "known")) ? "" : "no spec";
}

static void show_node(struct out_table *t, json_object *node, void *parent)
{
	json_object *list = json_object_object_get(node, "properties");
	void *line;
	size_t i;

	put_str(node, "text", node_text(node));
	line = table_row(t, node, parent);
	for (i = 0; i < json_object_array_length(list); i++) {
		json_object *prop = json_object_array_get_idx(list, i);
		const char *problem = get_text(prop, "problem");
		char text[512];

		if (problem && !opt.columns) {
			snprintf(text, sizeof(text), "%s   <- %s", get_text(prop, "text") ?: "",
				 problem);
			put_str(prop, "text", text);
		}
		table_row(t, prop, line);
	}
	list = json_object_object_get(node, "nodes");
	for (i = 0; i < json_object_array_length(list); i++)
		show_node(t, json_object_array_get_idx(list, i), line);
}

/* What it prints is ours to write: dtc does not tell if that fails */
static int run_dtc(int fd)
{
	char command[128], buf[4096];
	size_t n;
	int status;
	FILE *f;

	snprintf(command, sizeof(command),
		 "command -v dtc >/dev/null || exit 127; exec dtc -q -I dtb -O dts - <&%d", fd);
	f = popen(command, "r");
	while (f && (n = fread(buf, 1, sizeof(buf), f)))
		fwrite(buf, 1, n, stdout);
	status = f ? pclose(f) : -1;
	if (!status)
		return KHO_OK;
	return fail(KHO_NO, "show --dts", "%s", WIFEXITED(status) && WEXITSTATUS(status) == 127 ?
		    "dtc is not there; install it (Debian's device-tree-compiler)" :
		    "dtc could not run; try again");
}

/* dtc reads what was checked, not the file again */
static int show_dts(const struct blob *blob)
{
	int fd __free(close) = memfd_create("kho", 0);

	if (fd < 0 || write(fd, blob->fdt, blob->size) != (ssize_t)blob->size ||
	    lseek(fd, 0, SEEK_SET))
		return fail(KHO_NO, "show --dts", "%s; free memory", strerror(errno));
	return opt.quiet ? KHO_OK : run_dtc(fd);
}

int verb_show(void)
{
	json_object *doc __free(json) = NULL;
	struct blob blob __free(blob) = { };
	struct out_table *t;
	int code;

	if (!table_has_columns(columns, ARRAY_SIZE(columns)))
		return KHO_USAGE;
	if (opt.dts && opt.json)
		return fail(KHO_USAGE, "show", "--dts or --json, not both; see kho show --help");
	code = blob_open(&blob, "show");
	if (code)
		return code;
	if (opt.dts)
		return show_dts(&blob);

	doc = json_begin();
	put_str(doc, "source", blob.name);
	json_object_object_add(doc, "root", decode_node(blob.fdt, 0, spec_of(blob.fdt, 0)));
	if (opt.json) {
		json_end(doc);
		return KHO_OK;
	}
	t = table_begin(columns, ARRAY_SIZE(columns));
	show_node(t, json_object_object_get(doc, "root"), NULL);
	table_end(t, 0);
	return KHO_OK;
}
