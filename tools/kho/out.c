// SPDX-License-Identifier: GPL-2.0-only
/*
 * kho: output, and the options that say how it is wanted. Everything is a JSON object
 * first. Programs get it as it is; people get tables of the same, with sizes and
 * addresses in their own units.
 */
#include <libsmartcols/libsmartcols.h>
#include <stdarg.h>
#include <strings.h>
#include <sys/stat.h>
#include <syslog.h>

#include "kho.h"

struct options opt = { .root = "", .timeout = -1 };

/* What the journal takes for a line's level; "" if it is not the journal that reads it */
const char *journal_level(int fd, int level)
{
	const char *journal = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	static char text[8];
	struct stat st;

	if (!journal || sscanf(journal, "%llu:%llu", &dev, &ino) != 2 || fstat(fd, &st) ||
	    st.st_dev != dev || st.st_ino != ino)
		return "";
	snprintf(text, sizeof(text), "<%d>", level);
	return text;
}

/* Say "kho: WHAT: WHY; DO"; with @what NULL only return @code */
int fail(int code, const char *what, const char *fmt, ...)
{
	va_list args;

	if (!what)
		return code;
	fprintf(stderr, "%skho: %s: ", journal_level(STDERR_FILENO, code ? LOG_ERR : LOG_WARNING),
		what);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	return code;
}

struct out_table {
	struct libscols_table *scols;
	const struct column *columns[16];
	unsigned int nr;
};

/* As lsblk has them: two digits, and one after the point if that is all */
const char *size_text(u64 bytes, char buf[static 24])
{
	static const char units[] = "BKMGTPE";
	unsigned int i = 0;
	double value = bytes;

	if (opt.bytes || bytes < 1024) {
		snprintf(buf, 24, opt.bytes || !bytes ? "%llu" : "%lluB", bytes);
		return buf;
	}
	for (; value >= 1024 && i < sizeof(units) - 2; i++)
		value /= 1024;
	snprintf(buf, 24, value < 9.95 ? "%.1f%c" : "%.0f%c", value, units[i]);
	return buf;
}

bool is_colour(void)
{
	const char *no = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && !(no && *no);
}

/* What cannot be printed, or is no ASCII, as \NNN: a blob says anything */
char *escaped(const char *text, size_t len)
{
	char *to = malloc(4 * len + 1), *p = to;
	size_t i;

	for (i = 0; to && i < len; i++) {
		unsigned char c = text[i];

		if (c >= ' ' && c <= '~' && c != '\\')
			*p++ = c;
		else
			p += sprintf(p, "\\%03o", c);
	}
	if (to)
		*p = '\0';
	return to;
}

json_object *json_begin(void)
{
	json_object *o = json_object_new_object();

	put_num(o, "version", 1);
	return o;
}

/* What is no ASCII may be no UTF-8 either, which JSON has to be */
json_object *text_json(const char *text)
{
	char *safe __free(free) = NULL;
	const char *p = text;

	while (*p && (unsigned char)*p < 0x80)
		p++;
	if (*p)
		safe = escaped(text, strlen(text));
	return json_object_new_string(safe ?: text);
}

void put_str(json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, value ? text_json(value) : NULL);
}

void put_num(json_object *o, const char *key, u64 value)
{
	json_object_object_add(o, key, json_object_new_uint64(value));
}

void put_bool(json_object *o, const char *key, bool value)
{
	json_object_object_add(o, key, json_object_new_boolean(value));
}

void put_null(json_object *o, const char *key)
{
	json_object_object_add(o, key, NULL);
}

/* NULL if it is null, or missing */
const char *get_text(json_object *o, const char *key)
{
	json_object *v = json_object_object_get(o, key);

	return v ? json_object_get_string(v) : NULL;
}

u64 get_value(json_object *o, const char *key)
{
	return json_object_get_uint64(json_object_object_get(o, key));
}

void json_end(json_object *o)
{
	if (!opt.quiet)
		puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
						    JSON_C_TO_STRING_NOSLASHESCAPE));
}

static const struct column *find_column(const struct column *columns, unsigned int nr,
					const char *name, size_t len)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (strlen(columns[i].name) == len && !strncasecmp(columns[i].name, name, len))
			return &columns[i];
	return NULL;
}

/* Whether -o can be honoured; says so if not */
bool table_has_columns(const struct column *columns, unsigned int nr)
{
	const char *name = opt.columns;
	unsigned int i;

	for (; name && *name; name += strcspn(name, ","), name += *name == ',') {
		if (find_column(columns, nr, name, strcspn(name, ",")))
			continue;
		fprintf(stderr, "kho: -o %s: there is no such column; there are", opt.columns);
		for (i = 0; i < nr; i++)
			fprintf(stderr, "%s %s", i ? "," : "", columns[i].name);
		fputc('\n', stderr);
		return false;
	}
	return true;
}

static void add_column(struct out_table *t, const struct column *c)
{
	char title[32];
	unsigned int i;

	if (t->nr == ARRAY_SIZE(t->columns))
		return;
	snprintf(title, sizeof(title), "%s", c->name);
	for (i = 0; title[i]; i++)
		title[i] -= title[i] >= 'a' && title[i] <= 'z' ? 'a' - 'A' : 0;
	scols_table_new_column(t->scols, title, 0, (c->kind == COL_SIZE ? SCOLS_FL_RIGHT : 0) |
			       (t->nr ? 0 : SCOLS_FL_TREE));
	t->columns[t->nr++] = c;
}

/* The columns are the keys of each row */
struct out_table *table_begin(const struct column *columns, unsigned int nr)
{
	struct out_table *t = calloc(1, sizeof(*t));
	const char *name = opt.columns;
	unsigned int i;

	t->scols = scols_new_table();
	for (i = 0; !name && i < nr; i++)
		if (!columns[i].hidden)
			add_column(t, &columns[i]);
	for (; name && *name; name += strcspn(name, ","), name += *name == ',')
		add_column(t, find_column(columns, nr, name, strcspn(name, ",")));
	return t;
}

static const char *cell(json_object *v, enum column_kind kind, char buf[static 24])
{
	if (!v)
		return "-";
	if (!json_object_is_type(v, json_type_int))
		return json_object_get_string(v);
	if (kind == COL_SIZE)
		return size_text(json_object_get_uint64(v), buf);
	snprintf(buf, 24, kind == COL_ADDR ? "%#llx" : "%llu",
		 (unsigned long long)json_object_get_uint64(v));
	return buf;
}

/* @parent: NULL, or what this returned for another row; returns the same for this one */
void *table_row(struct out_table *t, json_object *row, void *parent)
{
	struct libscols_line *line = scols_table_new_line(t->scols, parent);
	unsigned int i;
	char buf[24];

	for (i = 0; line && i < t->nr; i++)
		scols_line_set_data(line, i, cell(json_object_object_get(row, t->columns[i]->name),
						  t->columns[i]->kind, buf));
	return line;
}

/* Print it, with so many spaces before each line */
void table_end(struct out_table *t, int indent)
{
	char *text __free(free) = NULL, *line, *save;

	if (!opt.quiet)
		scols_print_table_to_string(t->scols, &text);
	for (line = strtok_r(text ?: "", "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		printf("%*s%s\n", indent, "", line);
	scols_unref_table(t->scols);
	free(t);
}
