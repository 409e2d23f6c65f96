// SPDX-License-Identifier: GPL-2.0-only
/*
 * kho kexec: the steps to the next kernel. What a step did is undone if a later one
 * fails, unless it may be that the machine goes down.
 */
#include <errno.h>
#include <linux/reboot.h>
#include <signal.h>
#include <sys/syscall.h>

#include "kho.h"

/**
 * struct going - how far it is
 * @target:     the kernel to load; NULL with --loaded
 * @conf:       what kho.conf(5) says
 * @image:      what /sys/kernel/kho/image said of ours; NULL before it is loaded
 * @activated:  the handover is ours
 * @unmasked:   kexec.target was masked before
 * @asked:      systemd may have heard us
 */
struct going {
	const struct target *target;
	struct conf conf;
	char *image;
	bool activated, unmasked, asked;
};

static sigset_t signals;

/*
 * They end nothing halfway: they wait until a step is done. Those that nobody wants
 * (nohup) stay so. What is run inherits that: a Ctrl-C cannot make its answer unclear.
 */
static void hold_signals(void)
{
	static const int held[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
	struct sigaction action;
	unsigned int i;

	sigemptyset(&signals);
	for (i = 0; i < ARRAY_SIZE(held); i++)
		if (!sigaction(held[i], NULL, &action) && action.sa_handler != SIG_IGN)
			sigaddset(&signals, held[i]);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
}

static int stop_if_told(void)
{
	struct timespec now = { };
	int signal = sigtimedwait(&signals, NULL, &now);

	return signal < 0 ? KHO_OK :
	       fail(KHO_NO, "kexec", "stopped by a signal (%s); the machine goes on as it was",
		    strsignal(signal));
}

/* Those that are not good, or only the failures; --force goes on in spite of them */
static int say_findings(json_object *list, bool all)
{
	bool bad = found_failures(list);
	size_t i;

	for (i = 0; i < json_object_array_length(list); i++) {
		json_object *o = json_object_array_get_idx(list, i);
		const char *result = get_text(o, "result");

		if (!strcmp(result, "fail") || (all && strcmp(result, "ok")))
			fail(0, "kexec", "%s: %s: %s; %s", result, get_text(o, "check"),
			     get_text(o, "finding"), get_text(o, "do") ?: "see kho check");
	}
	return bad && !opt.force ?
	       fail(KHO_NO, "kexec", "a check has failed; kho kexec --dry-run shows all of them") :
	       KHO_OK;
}

static int load_image(struct going *g)
{
	int code = g->target ? do_load(g->target) : KHO_OK;

	if (g->target && !code)
		g->image = sys_text(SYS_KHO "/image") ?: strdup("handover");
	return code;
}

/* Else the next reboot would be a kexec, without the state */
static void unload_image(struct going *g)
{
	char *image __free(free) = g->image ? sys_text(SYS_KHO "/image") : NULL;

	if (!g->image)
		return;
	if (image && strcmp(image, g->image))
		fail(0, "kexec", "somebody else has loaded another image; see kho status");
	else if (!do_unload())
		fail(0, "kexec", "the image is unloaded again; nothing is left to do");
}

static int run_pre(struct going *g)
{
	return run_hooks(PRE, "--exit-on-error") ?
	       fail(KHO_NO, "kexec", "a program in " PRE " has failed; mend it, or remove it") :
	       KHO_OK;
}

static int activate(struct going *g)
{
	g->activated = sys_number(SYS_KHO "/active") != 1;
	return do_activate();
}

static void deactivate(struct going *g)
{
	if (g->activated)
		do_abort();
}

static int keep_copy(struct going *g)
{
	sent_keep();
	return KHO_OK;
}

static void forget_copy(struct going *g)
{
	sent_forget();
}

/* With --now nobody else writes what file systems have in memory */
static int prepare(struct going *g)
{
	if (opt.now) {
		sync();
		return KHO_OK;
	}
	g->unmasked = systemd_is_masked(MASK_RUN);
	return systemd_set_gate(false, "kexec");
}

static void hold_back(struct going *g)
{
	if (g->unmasked)
		systemd_set_gate(true, "kexec");
}

/* Now the nodes are known. That it is the image that was loaded, --force cannot change */
static int check_again(struct going *g)
{
	json_object *list __free(json) = json_object_new_array();
	char *image __free(free) = sys_text(SYS_KHO "/image");

	live_node_checks(list, g->target);
	if (!image || strcmp(image, "handover"))
		return fail(KHO_NO, "kexec",
			    "no image that carries a handover is loaded now; see kho status");
	return say_findings(list, false);
}

/* Services that stop change what is handed over: now it is known to work, and the jump does it */
static int end_trial(struct going *g)
{
	if (!g->conf.trial || !g->activated)
		return KHO_OK;
	g->activated = false;
	return do_abort();
}

/* Never kexec -e, which takes the network down first */
static int go_now(void)
{
	int kmsg __free(close) = kmsg_open();

	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, NULL);
	return kmsg_fail(kmsg, "kexec", errno, "the machine goes on as it was");
}

static int go(struct going *g)
{
	int status;

	if (!opt.quiet && !opt.json)
		printf("going to %s\n", g->target ? g->target->kernel : "the image that is loaded");
	fflush(stdout);
	if (opt.now)
		return go_now();
	status = systemctl("kexec", NULL, NULL);
	g->asked = status != 127;
	if (!status || systemd_has_kexec())
		return KHO_OK;
	return status == 127 ? fail(KHO_NO, "kexec", "there is no systemctl; use --now") :
	       fail(KHO_NO, "kexec", "systemctl kexec failed (%d); its message says why", status);
}

static const struct step {
	int (*run)(struct going *g);
	void (*undo)(struct going *g);
} steps[] = {
	{ load_image, unload_image },
	{ run_pre },
	{ activate, deactivate },
	{ keep_copy, forget_copy },
	{ prepare, hold_back },
	{ check_again },
	{ end_trial },
	{ go },
};

/* Another one's shutdown needs what is there, too */
static bool may_go_down(const struct going *g)
{
	enum answer down = systemd_goes_down();

	return down == YES || (down == UNKNOWN && g->asked);
}

static int run_steps(struct going *g)
{
	int code = KHO_OK, i;

	for (i = 0; i < (int)ARRAY_SIZE(steps) && !code; i++)
		code = stop_if_told() ?: steps[i].run(g);
	if (!code)
		return KHO_OK;
	if (may_go_down(g))
		return fail(KHO_DOUBT, "kexec", "the machine may be going down: all is left as "
			    "it is; if it stays up: kho abort, kho load --unload, kho gate close");
	while (i--)
		if (steps[i].undo)
			steps[i].undo(g);
	return code;
}

/* What a shell reads as one word */
static char *quoted(const char *text)
{
	char *to = malloc(4 * strlen(text) + 3), *p = to;

	for (*p++ = '\''; *text; text++)
		if (*text == '\'')
			p = stpcpy(p, "'\\''");
		else
			*p++ = *text;
	strcpy(p, "'");
	return to;
}

static void add_command(json_object *plan, const char *command)
{
	json_object_array_add(plan, text_json(command));
}

/* Commands that do the same */
static json_object *make_plan(const struct target *t, const struct conf *conf)
{
	json_object *plan = json_object_new_array();

	if (t) {
		char *kernel __free(free) = quoted(t->kernel), *all __free(free) = NULL;
		char *initrd __free(free) = quoted(t->initrd ?: "");
		char *cmdline __free(free) = quoted(t->cmdline);

		if (asprintf(&all, "kexec -s -l %s%s%s --command-line=%s", kernel,
			     t->initrd ? " --initrd=" : "", t->initrd ? initrd : "", cmdline) < 0)
			all = NULL;
		add_command(plan, all ?: "");
	}
	if (has_hooks(PRE))
		add_command(plan, "run-parts --exit-on-error " PRE);
	add_command(plan, "echo 1 > " SYS_KHO "/active");
	add_command(plan, "cp " SYS_KHO "/fdt " SENT_COPY);
	if (!opt.now && systemd_is_masked(MASK_RUN))
		add_command(plan, "systemctl unmask --runtime kexec.target");
	if (conf->trial)
		add_command(plan, "echo 0 > " SYS_KHO "/active");
	add_command(plan, opt.now ? "sync; kexec -e -x" : "systemctl kexec");
	return plan;
}

static int dry_run(json_object *list, const struct target *t, const struct conf *conf)
{
	json_object *plan __free(json) = make_plan(t, conf), *doc __free(json) = json_begin();
	bool bad = found_failures(list);
	size_t i;

	if (t)
		put_target(doc, t);
	json_object_object_add(doc, "plan", json_object_get(plan));
	print_findings(list, doc);
	if ((bad && !opt.force) || opt.json || opt.quiet)
		return bad ? KHO_NO : KHO_OK;
	putchar('\n');
	for (i = 0; i < json_object_array_length(plan); i++)
		puts(json_object_get_string(json_object_array_get_idx(plan, i)));
	return bad ? KHO_NO : KHO_OK;
}

int verb_kexec(void)
{
	json_object *list __free(json) = json_object_new_array();
	struct target t __free(target) = { };
	struct going g = { opt.loaded ? NULL : &t };
	int code;

	if (*opt.root && !opt.dry_run)
		return no_root("kexec");
	if (opt.loaded && (opt.kernel || opt.initrd || opt.append || opt.cmdline || opt.args[0]))
		return fail(KHO_USAGE, "kexec", "--loaded, or a kernel to load; not both");
	code = sys_needs_kho("kexec") ?: conf_read(&g.conf, "kexec") ?:
	       (opt.dry_run ? KHO_OK : sys_lock("kexec")) ?:
	       (opt.loaded ? KHO_OK : target_choose(&t, "kexec"));
	if (code)
		return code;
	live_checks(list, g.target);
	if (opt.dry_run)
		return dry_run(list, g.target, &g.conf);
	hold_signals();
	code = say_findings(list, true) ?: run_steps(&g) ?: done("going", true);
	free(g.image);
	return code;
}
