// SPDX-License-Identifier: GPL-2.0-only
/*
 * kho: the copy of a handover's FDT that kho kexec leaves, for the next kernel's kho
 * boot to see whether all of it has arrived.
 */
#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <sys/stat.h>

#include "kho.h"

#define DIR	"/var/lib/kho"
#define SENT	DIR "/sent.dtb"
#define STAMP	"/run/kho/boot"

static bool write_copy(const void *fdt, size_t size)
{
	int fd __free(close) = -1;

	mkdir(sys_path(DIR), 0755);
	fd = open(sys_path(SENT_COPY), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	return fd >= 0 && write(fd, fdt, size) == (ssize_t)size;
}

/* That there is no copy is no reason to stay */
void sent_keep(void)
{
	int fd __free(close) = sys_open(O_RDONLY, SYS_KHO "/fdt");
	void *fdt __free(free) = NULL;
	size_t size;

	fdt = fd < 0 ? NULL : read_all(fd, &size, KHO_FDT_MAX);
	if (fdt && write_copy(fdt, size))
		return;
	fail(0, "kexec", SENT_COPY ": %s; the next kernel cannot tell whether all has arrived",
	     strerror(errno));
	sent_forget();
}

void sent_forget(void)
{
	unlink(sys_path(SENT_COPY));
}

/* Once in a boot: what lies there is that of the handover to this kernel. False later */
bool sent_take(void)
{
	char *from __free(free) = strdup(sys_path(SENT_COPY));
	int fd __free(close) = -1;

	mkdir(sys_path("/run/kho"), 0755);
	fd = open(sys_path(STAMP), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 && errno == EEXIST)
		return false;
	if (rename(from, sys_path(SENT)))
		unlink(sys_path(SENT));
	return true;
}

/* It goes by its place among @nodes, those of status's JSON */
static bool has_node(json_object *nodes, const char *name)
{
	size_t i;

	for (i = 0; i < json_object_array_length(nodes); i++) {
		const char *node = get_text(json_object_array_get_idx(nodes, i), "node");

		if (node && !strcmp(node, name))
			return true;
	}
	return false;
}

/**
 * sent_compare() - what of a handover has arrived, by its nodes
 * @arrival: as status has it in JSON
 * @missing: an array to put the names in of those that have not
 *
 * Return: how many nodes were sent, or less than 0 if that is not known.
 */
int sent_compare(json_object *arrival, json_object *missing)
{
	json_object *nodes = json_object_object_get(arrival, "nodes");
	struct blob blob __free(blob) = { };
	int node, nr = 0;

	if (blob_open_file(&blob, NULL, sys_path(SENT)))
		return -1;
	/* One that went astray before this kernel's */
	if (nodes && (strcmp(blob.root.release, get_text(arrival, "from")) ||
		      blob.root.count != get_value(arrival, "handover-count")))
		return -1;
	fdt_for_each_subnode(node, blob.fdt, 0) {
		const char *name = fdt_get_name(blob.fdt, node, NULL);

		nr++;
		if (!nodes || !has_node(nodes, name))
			json_object_array_add(missing, text_json(name));
	}
	return nr;
}

/* Whether a handover has left, and not all of its nodes are here; their names, if wanted */
bool sent_lost(json_object *arrival, json_object *missing)
{
	json_object *list __free(json) = json_object_get(missing) ?: json_object_new_array();

	return sent_compare(arrival, list) >= 0 &&
	       (!json_object_object_get(arrival, "nodes") || json_object_array_length(list));
}
