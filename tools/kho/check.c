// SPDX-License-Identifier: GPL-2.0-only
/*
 * kho check: of a blob, or of what a kexec from here would lose.
 */
#include "kho.h"

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

	if (!found_has_columns())
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
