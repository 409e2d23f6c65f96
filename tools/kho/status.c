// SPDX-License-Identifier: GPL-2.0-only
/*
 * kho status: one screen that says what arrived, what is set aside, and whether
 * one can hand over now.
 */
#include <errno.h>
#include <libfdt.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "kho.h"

#define ACKNOWLEDGED	"/run/kho/acknowledged"

static const struct column columns[] = {
	{ "node" }, { "preserved", COL_SIZE }, { "unclaimed", COL_SIZE },
	{ "known", .hidden = true }, { "owner", .hidden = true },
};

static void set_size(json_object *o, const char *key, long long value)
{
	if (value < 0)
		put_null(o, key);
	else
		put_num(o, key, value);
}

static void add_mem(const struct kho_mem *mem, void *sum)
{
	*(u64 *)sum += mem->len;
}

/* A row for each top-level node, and one for what none of them lists */
static json_object *arrived_nodes(const struct blob *blob)
{
	json_object *list = json_object_new_array(), *o;
	u64 listed = 0, all = 0, len;
	unsigned int i = 0;
	struct kho_why why;
	int node;

	fdt_for_each_subnode(node, blob->fdt, 0) {
		const char *name = fdt_get_name(blob->fdt, node, NULL);
		const struct kho_spec_node *spec = spec_of(blob->fdt, node);

		len = blob_mem_len(blob, i++);
		listed += len;
		o = json_object_new_object();
		put_str(o, "node", name);
		put_num(o, "preserved", len);
		set_size(o, "unclaimed", len ? sys_number(SYS_FW "/unclaimed/%s", name) : 0);
		put_bool(o, "known", spec);
		put_str(o, "owner", spec ? spec->owner : NULL);
		json_object_array_add(list, o);
	}
	o = json_object_new_object();
	put_null(o, "node");
	if (blob->table && !blob_walk_table(blob, add_mem, &all, &why) && all >= listed)
		put_num(o, "preserved", all - listed);
	else
		put_null(o, "preserved");
	set_size(o, "unclaimed", sys_number(SYS_FW "/unlisted"));
	put_null(o, "known");
	put_null(o, "owner");
	json_object_array_add(list, o);
	return list;
}

json_object *arrival_json(void)
{
	char *status __free(free) = sys_text(SYS_FW "/status"), *why;
	json_object *o = json_object_new_object();
	struct blob blob __free(blob) = { };

	why = status ? strstr(status, ": ") : NULL;
	put_str(o, "reason", why ? why + 2 : NULL);
	if (why)
		*why = '\0';
	put_str(o, "status", status);
	put_null(o, "from");
	put_null(o, "handover-count");
	put_null(o, "nodes");
	if (!status || strcmp(status, "accepted") || blob_open_sysfs(&blob, "status", FROM_IN))
		return o;
	put_str(o, "from", blob.root.release);
	put_num(o, "handover-count", blob.root.count);
	json_object_object_add(o, "nodes", arrived_nodes(&blob));
	return o;
}

struct inside {
	struct kho_mem scratch;
	u64 sum;
};

static void add_inside(const struct kho_mem *mem, void *data)
{
	struct inside *in = data;

	if (mem->addr >= in->scratch.addr &&
	    mem->addr + mem->len <= in->scratch.addr + in->scratch.len)
		in->sum += mem->len;
}

/* What the newest kernel would take; nothing is said where there is none */
static void add_need(json_object *o, u64 len)
{
	struct target t __free(target) = { };
	u64 need;

	put_null(o, "need");
	put_null(o, "fits");
	put_null(o, "need-of");
	if (!sys_exists("/boot") || target_choose(&t, NULL))
		return;
	need = target_need(&t, sys_iomem("System RAM", NULL, NULL));
	if (!need)
		return;
	put_num(o, "need", need);
	put_bool(o, "fits", need <= len);
	put_str(o, "need-of", t.version);
}

static json_object *scratch_json(void)
{
	json_object *o = json_object_new_object();
	struct inside in = { };

	if (!sys_mem(SYS_KHO "/scratch_start", SYS_KHO "/scratch_size", &in.scratch))
		return json_object_put(o), NULL;
	sys_iomem("Kernel ", add_inside, &in);
	put_num(o, "address", in.scratch.addr);
	put_num(o, "size", in.scratch.len);
	set_size(o, "kernel", in.sum ? (long long)in.sum : -1);
	add_need(o, in.scratch.len);
	return o;
}

static json_object *outgoing_json(void)
{
	json_object *o = json_object_new_object();
	char *image __free(free) = sys_text(SYS_KHO "/image");
	long long active = sys_number(SYS_KHO "/active");

	if (active < 0)
		put_null(o, "active");
	else
		put_bool(o, "active", active);
	put_str(o, "image", image);
	set_size(o, "fdt-max", sys_number(SYS_KHO "/fdt_max"));
	put_bool(o, "held-back", systemd_is_masked(MASK_RUN) || systemd_is_masked(MASK_ETC));
	return o;
}

static json_object *next_boot_json(void)
{
	char *version __free(free) = target_next_boot();
	json_object *o = json_object_new_object();
	int carries = version ? target_carries(version) : 0;

	put_str(o, "kernel", version);
	if (carries)
		put_bool(o, "handover", carries == 'y');
	else
		put_null(o, "handover");
	return o;
}

static bool is_true(json_object *o, const char *key)
{
	return json_object_get_boolean(json_object_object_get(o, key));
}

static void print_arrival(json_object *o)
{
	const char *status = get_text(o, "status");
	json_object *nodes = json_object_object_get(o, "nodes");
	u64 count = get_value(o, "handover-count");
	const char *red = is_colour() ? "\033[1;31m" : "", *off = *red ? "\033[0m" : "";
	struct out_table *t;
	size_t i;

	if (!status)
		printf("Arrived      this kernel has no KHO\n");
	else if (get_text(o, "reason"))
		printf("Arrived      %s%s%s: %s\n", red, status, off, get_text(o, "reason"));
	else if (!nodes)
		printf("Arrived      %s\n", !strcmp(status, "none") ? "nothing" : status);
	if (!nodes)
		return;
	printf("Arrived      accepted, from %s, handover number %llu\n", get_text(o, "from"),
	       count);
	t = table_begin(columns, ARRAY_SIZE(columns));
	for (i = 0; i < json_object_array_length(nodes); i++) {
		json_object *row = json_object_array_get_idx(nodes, i);

		if (!get_text(row, "node"))
			put_str(row, "node", "(no node)");
		table_row(t, row, NULL);
	}
	table_end(t, 13);
}

static void print_scratch(json_object *o)
{
	char size[24], used[24], need[24];

	if (!o) {
		printf("Scratch      none\n");
		return;
	}
	printf("Scratch      %s at %#llx", size_text(get_value(o, "size"), size),
	       get_value(o, "address"));
	if (json_object_object_get(o, "kernel"))
		printf(", %s of it this kernel", size_text(get_value(o, "kernel"), used));
	if (get_text(o, "need-of"))
		printf("; %s %s (%s needed)", get_text(o, "need-of"),
		       is_true(o, "fits") ? "fits" : "does not fit",
		       size_text(get_value(o, "need"), need));
	putchar('\n');
}

static void print_outgoing(json_object *o)
{
	const char *image = get_text(o, "image");

	if (!json_object_object_get(o, "active")) {
		printf("Hand over    impossible: kexec handover is off\n");
		return;
	}
	printf("Hand over    %s; ", is_true(o, "active") ? "active" : "not active");
	if (!image)
		printf("an image is being loaded or unloaded");
	else if (!strcmp(image, "none"))
		printf("no image loaded");
	else if (!strcmp(image, "plain"))
		printf("the image that is loaded carries no handover");
	else
		printf("an image is loaded that carries it");
	putchar('\n');
}

/* With an image loaded, reboot is a kexec: always on Debian 12, and systemctl reboot on 13 */
static void print_gate(json_object *o)
{
	const char *image = get_text(o, "image") ?: "none";
	bool loaded = strcmp(image, "none"), handover = !strcmp(image, "handover");

	if (!json_object_object_get(o, "active"))
		return;
	if (!is_true(o, "held-back"))
		printf("Gate         open%s\n", loaded ? ": a reboot may be a kexec to that image" : "");
	else
		printf("Gate         closed: systemctl kexec%s held back (Access denied: kexec.target "
		       "is masked)\n", loaded ? ", and a reboot that would be one, are" : " is");
	if (systemd_is_masked(MASK_ETC))
		printf("             by an administrator, in /etc: systemctl unmask kexec.target\n");
	else if (is_true(o, "held-back"))
		printf("             to hand over: kho kexec%s\n", handover ? " --loaded" : "");
	if (loaded)
		printf("             to reboot by firmware: kho load --unload, and then reboot\n");
}

static void print_next_boot(json_object *o)
{
	const char *kernel = get_text(o, "kernel");

	if (!kernel)
		printf("Next boot    by firmware: not known\n");
	else
		printf("Next boot    by firmware: %s%s\n", kernel,
		       !json_object_object_get(o, "handover") ? "" :
		       is_true(o, "handover") ? ", which has KHO" : ", which has no KHO");
}

static void print_lost(json_object *arrival)
{
	json_object *lost = json_object_object_get(arrival, "lost");

	if (lost)
		printf("             lost: kho kexec had left with %zu nodes that are not here\n",
		       json_object_array_length(lost));
}

static void print_status(json_object *doc)
{
	const char *kernel = get_text(doc, "kernel");

	printf("Kernel       %s, %s\n", kernel ?: "unknown", is_true(doc, "enabled") ?
	       "kho=on" : is_true(doc, "kho-on") ? "kho=on, but handover is off (dmesg says why)" :
	       "handover is off");
	print_arrival(json_object_object_get(doc, "arrival"));
	print_lost(json_object_object_get(doc, "arrival"));
	print_scratch(json_object_object_get(doc, "scratch"));
	print_outgoing(json_object_object_get(doc, "outgoing"));
	print_gate(json_object_object_get(doc, "outgoing"));
	print_next_boot(json_object_object_get(doc, "next-boot"));
}

static json_object *make_status(void)
{
	char *release __free(free) = sys_text("/proc/sys/kernel/osrelease");
	char *cmdline __free(free) = sys_text("/proc/cmdline");
	json_object *lost __free(json) = json_object_new_array();
	json_object *doc = json_begin(), *arrival = arrival_json();

	if (sent_lost(arrival, lost))
		json_object_object_add(arrival, "lost", json_object_get(lost));
	put_str(doc, "kernel", release);
	put_bool(doc, "kho-on", cmdline && cmdline_has_kho(cmdline));
	put_bool(doc, "enabled", sys_exists(SYS_KHO));
	json_object_object_add(doc, "arrival", arrival);
	json_object_object_add(doc, "scratch", scratch_json());
	json_object_object_add(doc, "outgoing", outgoing_json());
	json_object_object_add(doc, "next-boot", next_boot_json());
	return doc;
}

/* Monitoring need not say for ever what somebody has seen */
static int acknowledge(void)
{
	int fd __free(close) = -1;

	mkdir(sys_path("/run/kho"), 0755);
	fd = open(sys_path(ACKNOWLEDGED), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	return fd >= 0 ? KHO_OK : fail(KHO_NO, "status", ACKNOWLEDGED ": %s; run it as root",
				       strerror(errno));
}

int verb_status(void)
{
	json_object *doc __free(json) = NULL, *in;
	int fd __free(close) = -1;

	if (!table_has_columns(columns, ARRAY_SIZE(columns)))
		return KHO_USAGE;
	fd = sys_open(O_RDONLY, SYS_FW "/status");
	if (fd < 0 && errno == EACCES)
		return fail(KHO_NO, "status", SYS_FW "/status: permission denied; run it as root");
	if (opt.acknowledge && acknowledge())
		return KHO_NO;
	doc = make_status();
	if (opt.json)
		json_end(doc);
	else if (!opt.quiet)
		print_status(doc);

	in = json_object_object_get(doc, "arrival");
	if ((get_text(in, "reason") || json_object_object_get(in, "lost")) &&
	    !sys_exists(ACKNOWLEDGED))
		return KHO_REFUSED;
	return is_true(doc, "enabled") ? KHO_OK : KHO_OFF;
}
