// SPDX-License-Identifier: GPL-2.0-only
/*
 * kho: /etc/kho.conf. Documentation/kho/kho.conf.rst is its manual.
 */
#include <ctype.h>

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
int conf_read(struct conf *conf, const char *what)
{
	char *text __free(free) = sys_text(KHO_CONF), *next = text, *line, *value;
	unsigned int nr = 0;
	int code = KHO_OK;

	*conf = (struct conf){ };
	while ((line = strsep(&next, "\n"))) {
		nr++;
		line[strcspn(line, "#")] = '\0';
		value = line;
		strsep(&value, "=");
		if (*trimmed(line) || value)
			if (!value || !set(conf, trimmed(line), trimmed(value)))
				code = fail(KHO_NO, what, KHO_CONF ": line %u is no setting; "
					    "see kho.conf(5)", nr);
	}
	return code;
}
