// SPDX-License-Identifier: GPL-2.0-only
/*
 * kho, the operator's command for kexec handovers: its verbs and options.
 * Documentation/kho/kho.rst is its manual.
 */
#include <getopt.h>

#include "kho.h"

/* One that sets something says what; the others are in set_option() */
static const struct known {
	const char *name;
	char letter;
	bool has_arg;
	bool *flag;
	const char **text;
} known[] = {
	{ "json", 'j', .flag = &opt.json },
	{ "columns", 'o', true, .text = &opt.columns },
	{ "bytes", 'b', .flag = &opt.bytes },
	{ "quiet", 'q', .flag = &opt.quiet },
	{ "root", 'R', true, .text = &opt.root },
	{ "help", 'h' },
	{ "version", 'V' },
	{ "verbs", 'v' },
	{ "options", 'p', true },
	{ "in", 'I', .flag = &opt.in },
	{ "out", 'O', .flag = &opt.out },
	{ "dts", 'D', .flag = &opt.dts },
	{ "svg", 'S', true, .text = &opt.svg },
	{ "width", 'w', true },
	{ "table", 'T', true, .text = &opt.table },
	{ "live", 'L', .flag = &opt.live },
	{ "all", 'a', .flag = &opt.all },
	{ "unlisted", 'U', .flag = &opt.unlisted },
	{ "dry-run", 'n', .flag = &opt.dry_run },
	{ "now", 'N', .flag = &opt.now },
	{ "force", 'f', .flag = &opt.force },
	{ "kernel", 'k', true, .text = &opt.kernel },
	{ "initrd", 'i', true, .text = &opt.initrd },
	{ "append", 'A', true, .text = &opt.append },
	{ "command-line", 'C', true, .text = &opt.cmdline },
	{ "loaded", 'l', .flag = &opt.loaded },
	{ "unload", 'u', .flag = &opt.unload },
	{ "acknowledge", 'K', .flag = &opt.acknowledge },
	{ "timeout", 't', true },
};

#define EVERYWHERE	"jbqRhVvp"
#define TARGET		"kiAC"

static const struct verb {
	const char *name, *takes, *args, *does;
	unsigned int max_args;
	int (*run)(void);
} verbs[] = {
	{ "status", "oK", "", "what arrived, what is set aside, whether one can hand over now",
	  0, verb_status },
	{ "show", "oIOD", "[FILE|--in|--out]",
	  "the nodes of a handover, as their specs explain them",
	  1, verb_show },
	{ "map", "oIOSwT", "[FILE|--in|--out]", "a picture of memory", 1, verb_map },
	{ "check", "oIOTL" TARGET, "[FILE|--in|--out|--live [VERSION]]",
	  "whether a kernel would take a handover, and what could lose it", 1, verb_check },
	{ "activate", "", "", "make a handover now, and keep it", 0, verb_activate },
	{ "abort", "", "", "undo that", 0, verb_abort },
	{ "release", "aU", "NODE|--unlisted|--all", "free memory that nobody has claimed",
	  1, verb_release },
	{ "load", "u" TARGET, "[VERSION]|--unload", "load the next kernel", 1, verb_load },
	{ "kexec", "nNfl" TARGET, "[VERSION]", "check, load, activate, and go", 1, verb_kexec },
	{ "wait", "t", "[claimed|active|inactive]", "wait for that", 1, verb_wait },
	{ "gate", "", "open|close", "let systemctl kexec go, or hold it back", 1, verb_gate },
	{ "boot", "", "", "what kho.service does: report, close the gate, run hooks",
	  0, verb_boot },
};

static const struct verb *find_verb(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}

static void print_options(const struct verb *verb, const char *indent)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(known); i++)
		if (strchr(verb ? verb->takes : EVERYWHERE, known[i].letter))
			printf("%s--%s\n", indent, known[i].name);
}

static int help(const char *name)
{
	const struct verb *verb = name ? find_verb(name) : NULL;
	unsigned int i;

	if (verb) {
		printf("kho %s %s\n%s\n", verb->name, verb->args, verb->does);
		print_options(verb, "  ");
	} else {
		puts("kho VERB [OPTION...]\n");
		for (i = 0; i < ARRAY_SIZE(verbs); i++)
			printf("  kho %-8s %-34s %s\n", verbs[i].name, verbs[i].args,
			       verbs[i].does);
	}
	puts("\nEverywhere: --json, --bytes, -q, --root DIR; with tables -o COLUMNS.");
	puts("The manual is kho(8).");
	return KHO_OK;
}

/* For the completion, and the test of the manual */
static int list_verbs(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(verbs); i++)
		puts(verbs[i].name);
	return KHO_OK;
}

static int list_options(const char *name)
{
	const struct verb *verb = find_verb(name);

	print_options(NULL, "");
	if (verb)
		print_options(verb, "");
	return KHO_OK;
}

static int read_number(const char *name, long least, long most, long *value)
{
	char *end;

	*value = strtol(optarg, &end, 10);
	if (*end || end == optarg || *value < least || *value > most)
		return fail(KHO_USAGE, name, "%s is no number from %ld to %ld; see kho --help",
			    optarg, least, most);
	return KHO_OK;
}

static int set_width(void)
{
	long width;
	int err = read_number("--width", 8, 1024, &width);

	opt.width = width;
	return err;
}

/* Less than 0: go on; else an exit code */
static int set_option(int c)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(known); i++) {
		if (known[i].letter != c)
			continue;
		if (known[i].flag)
			*known[i].flag = true;
		if (known[i].text)
			*known[i].text = optarg;
	}
	switch (c) {
	case 'w':
		return set_width() ?: -1;
	case 't':
		return read_number("--timeout", 0, 1 << 30, &opt.timeout) ?: -1;
	case 'R':
		return *optarg ? -1 : fail(KHO_USAGE, "--root", "it is empty; name a directory");
	case 'V':
		puts("kho " KHO_VERSION);
		return KHO_OK;
	case 'v':
		return list_verbs();
	case 'p':
		return list_options(optarg);
	default:
		return -1;
	}
}

static const char *name_of(char letter)
{
	const struct known *k = known;

	while (k->letter != letter)
		k++;
	return k->name;
}

static int run_verb(const char *name, int argc, char **argv, const char *given)
{
	const struct verb *verb = name ? find_verb(name) : NULL;
	int i;

	if (!verb)
		return fail(KHO_USAGE, name ?: "usage", "%s; see kho --help",
			    name ? "there is no such verb" : "a verb is needed");
	for (; *given; given++)
		if (!strchr(EVERYWHERE, *given) && !strchr(verb->takes, *given))
			return fail(KHO_USAGE, name, "it does not take --%s; see kho %s --help",
				    name_of(*given), name);
	if (argc > (int)verb->max_args)
		return fail(KHO_USAGE, name, "%s is too much; usage: kho %s %s",
			    argv[verb->max_args], name, verb->args);
	for (i = 0; i < argc; i++)
		opt.args[i] = argv[i];
	if (opt.in + opt.out + opt.live + (opt.args[0] && !opt.live) > 1)
		return fail(KHO_USAGE, name, "one of FILE, --in, --out and --live; see kho --help");
	return verb->run();
}

/* Its letter if it is known and lacks a value, or a letter that is not known; else its name */
static int unknown(char **argv)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(known); i++)
		if (optopt && known[i].letter == optopt)
			return fail(KHO_USAGE, "usage", "--%s: %s; see kho --help", known[i].name,
				    known[i].has_arg ? "its value is missing" : "it has no value");
	return optopt ? fail(KHO_USAGE, "usage", "-%c: no such option; see kho --help", optopt) :
	       fail(KHO_USAGE, "usage", "%s: no such option; see kho --help", argv[optind - 1]);
}

int main(int argc, char **argv)
{
	struct option options[ARRAY_SIZE(known) + 1] = { };
	unsigned int nr = 0, i;
	char given[64] = "";
	int c, code;

	for (i = 0; i < ARRAY_SIZE(known); i++)
		options[i] = (struct option){ known[i].name, known[i].has_arg, NULL,
					      known[i].letter };
	opterr = 0;
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	while ((c = getopt_long(argc, argv, "jo:bqhVw:", options, NULL)) != -1) {
		if (nr < sizeof(given) - 1 && c != '?')
			given[nr++] = c;
		code = c == '?' ? unknown(argv) : set_option(c);
		if (code >= 0)
			return code;
	}
	if (strchr(given, 'h') || (argv[optind] && !strcmp(argv[optind], "help")))
		return help(argv[optind]);
	code = run_verb(argv[optind], max(argc - optind - 1, 0), argv + optind + 1, given);
	if (fflush(stdout) || ferror(stdout))
		return fail(KHO_NO, "output", "it cannot be written");
	return code;
}
