// SPDX-License-Identifier: GPL-2.0-only
/*
 * kho boot: what kho.service does in each kernel: say in the journal what arrived, close
 * the gate, and run the operator's hooks.
 */
#include <stdio.h>
#include <syslog.h>

#include "kho.h"

/* Of what nobody has claimed: a driver may come for it later */
static bool say_unclaimed(FILE *f, json_object *nodes)
{
	bool any = false;
	char size[24];
	size_t i;

	for (i = 0; i < json_object_array_length(nodes); i++) {
		json_object *o = json_object_array_get_idx(nodes, i);
		const char *node = get_text(o, "node") ?: "(no node)";
		char *name __free(free) = escaped(node, strlen(node));

		if (!get_value(o, "unclaimed"))
			continue;
		fprintf(f, "%s%s %s", any ? ", " : "; not claimed yet: ", name,
			size_text(get_value(o, "unclaimed"), size));
		any = true;
	}
	if (!any)
		fprintf(f, ", all is claimed");
	return any;
}

static void say_missing(FILE *f, json_object *missing)
{
	size_t i;

	for (i = 0; i < json_object_array_length(missing); i++) {
		const char *node = json_object_get_string(json_object_array_get_idx(missing, i));
		char *name __free(free) = escaped(node, strlen(node));

		fprintf(f, "%s%s", i ? ", " : ", not ", name);
	}
}

static int say_accepted(FILE *f, json_object *arrival, json_object *nodes)
{
	json_object *missing __free(json) = json_object_new_array();
	int sent = sent_compare(arrival, missing), lacks = json_object_array_length(missing);
	char *from __free(free) = strdup(get_text(arrival, "from"));

	fprintf(f, "a handover was accepted from %s, handover number %llu: ", from,
		get_value(arrival, "handover-count"));
	/* The last row is for what no node lists */
	if (sent < 0)
		fprintf(f, "%zu nodes arrived", json_object_array_length(nodes) - 1);
	else
		fprintf(f, "%d of %d nodes arrived", sent - lacks, sent);
	say_missing(f, missing);
	if (say_unclaimed(f, nodes) && !lacks)
		return LOG_NOTICE;
	return lacks ? LOG_WARNING : LOG_INFO;
}

static int say_none(FILE *f, json_object *arrival)
{
	json_object *missing __free(json) = json_object_new_array();
	bool sent = sent_compare(arrival, missing) >= 0;

	fprintf(f, "no handover arrived%s", sent ?
		", though kho kexec had left for one: the machine came up by firmware, or the "
		"image carried none" : "");
	return sent ? LOG_WARNING : LOG_INFO;
}

/* The verdict; its level */
static int say_arrival(FILE *f, json_object *arrival, const char *status)
{
	json_object *nodes = json_object_object_get(arrival, "nodes");

	if (nodes)
		return say_accepted(f, arrival, nodes);
	if (!strcmp(status, "none"))
		return say_none(f, arrival);
	fprintf(f, "a handover was %s: %s", status,
		get_text(arrival, "reason") ?: "it cannot be read; see kho show --in");
	return LOG_ERR;
}

static void print_arrival(json_object *arrival, const char *status)
{
	char *text __free(free) = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	int level = say_arrival(f, arrival, status);

	fclose(f);
	if (!opt.json && !opt.quiet)
		printf("%s%s\n", journal_level(STDOUT_FILENO, level), text);
}

static void say_skipped(const char *path, const char *why, const char *todo, void *data)
{
	fail(0, "boot", "%s is skipped: %s; %s", path, why, todo);
}

/* State that they bring back, they bring back once: not with a restart of the service */
static void run_post(const char *status)
{
	each_skipped_hook(POST, say_skipped, NULL);
	setenv("KHO_STATUS", status, 1);
	if (run_hooks(POST, NULL))
		fail(0, "boot", "a program in " POST " has failed; run it again by hand");
}

static int no_kho(json_object *arrival)
{
	if (!sent_lost(arrival, NULL))
		return fail(KHO_OFF, "boot", "this kernel has no KHO; boot one that has it");
	printf("%sno handover arrived, though kho kexec had left for one: this kernel has no "
	       "KHO\n", journal_level(STDOUT_FILENO, LOG_WARNING));
	return KHO_OK;
}

int verb_boot(void)
{
	json_object *arrival __free(json) = arrival_json();
	const char *status = get_text(arrival, "status");
	bool on = sys_exists(SYS_KHO "/active"), first;
	struct conf conf;
	int code = KHO_OK;

	if (!status && sys_exists(SYS_FW))
		return fail(KHO_NO, "boot", SYS_FW ": permission denied; run it as root");
	first = sent_take();
	if (!status)
		return no_kho(arrival);
	if (!on && !strcmp(status, "none") && !sent_lost(arrival, NULL))
		return done("reported", false);
	conf_read(&conf, "boot");
	print_arrival(arrival, status);
	if (!*opt.root && on && !conf.no_gate && sys_exists("/run/systemd/system"))
		code = systemd_set_gate(true, "boot");
	if (!*opt.root && first)
		run_post(status);
	return code ?: done("reported", true);
}
