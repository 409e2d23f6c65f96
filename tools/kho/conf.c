// SPDX-License-Identifier: GPL-2.0-only
/*
 * kho: /etc/kho.conf and /etc/kho.conf.d. Documentation/kho/kho.conf.rst is their manual.
 */
#include <ctype.h>
#include <fnmatch.h>

#include "kho.h"

/* The first value is the default */
static const struct setting {
	const char *key, *values[2];
	size_t at;
} settings[] = {
	{ "gate", { "yes", "no" }, offsetof(struct conf, no_gate) },
	{ "activate", { "early", "trial" }, offsetof(struct conf, trial) },
	/* That is for 60-kho.cfg */
	{ "pin", { "no", "yes" }, offsetof(struct conf, pin) },
};

static char *trimmed(char *text)
{
	char *end = text + strlen(text);

	while (isspace((unsigned char)*text))
		text++;
	while (end > text && isspace((unsigned char)end[-1]))
		*--end = '\0';
	return text;
}

static bool set(struct conf *conf, const char *key, const char *value)
{
	unsigned int i, v;

	for (i = 0; i < ARRAY_SIZE(settings); i++)
		for (v = 0; v < 2 && !strcmp(settings[i].key, key); v++)
			if (!strcmp(settings[i].values[v], value)) {
				*((bool *)conf + settings[i].at) = v;
				return true;
			}
	return false;
}

/* What is wrong there is said, and keeps its default */
static int read_file(struct conf *conf, const char *what, const char *name)
{
	char *text __free(free) = sys_text("%s", name), *next = text, *line, *value;
	unsigned int nr = 0;
	int code = KHO_OK;

	while ((line = strsep(&next, "\n"))) {
		nr++;
		line[strcspn(line, "#")] = '\0';
		value = line;
		strsep(&value, "=");
		if (*trimmed(line) || value)
			if (!value || !set(conf, trimmed(line), trimmed(value)))
				code = fail(KHO_NO, what, "%s: line %u is no setting; "
					    "see kho.conf(5)", name, nr);
	}
	return code;
}

/* As shells sort, for 60-kho.cfg: 10 is before 9 */
static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The last of several values counts */
int conf_read(struct conf *conf, const char *what)
{
	char **names __free(list) = sys_list(KHO_CONF ".d"), **name;
	size_t nr = 0;
	int code;

	*conf = (struct conf){ };
	while (names && names[nr])
		nr++;
	if (nr)
		qsort(names, nr, sizeof(*names), by_name);
	code = read_file(conf, what, KHO_CONF);
	for (name = names; name && *name; name++) {
		char *path __free(free) = NULL;

		if (fnmatch("*.conf", *name, 0) || asprintf(&path, KHO_CONF ".d/%s", *name) < 0)
			continue;
		code = read_file(conf, what, path) ?: code;
	}
	return code;
}
