// SPDX-License-Identifier: GPL-2.0-only
/*
 * kho: what a kernel says of a blob, and what the specs say of its nodes.
 */
#include <libfdt.h>

#include "kho.h"

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
