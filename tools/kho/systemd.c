// SPDX-License-Identifier: GPL-2.0-only
/*
 * kho: what systemd and logind are asked: whether the machine goes down, and to go, or to
 * refuse to.
 */
#include "kho.h"

/* The first line of what a command prints; "" if it has nothing to say */
static void ask(const char *command, char answer[static 128])
{
	FILE *f = popen(command, "re");

	if (!f || !fgets(answer, 128, f))
		answer[0] = '\0';
	answer[strcspn(answer, "\n")] = '\0';
	if (f)
		pclose(f);
}

/*
 * It does once logind has heard of it, and waits for those who delay it (up to half a
 * minute); systemd has the job only then.
 */
enum answer systemd_goes_down(void)
{
	char state[128], preparing[128];

	if (*opt.root || !sys_exists("/run/systemd/system"))
		return NO;
	/* Then there may be nobody who answers busctl */
	ask("systemctl is-system-running 2>/dev/null", state);
	if (!strcmp(state, "stopping"))
		return YES;
	ask("busctl get-property org.freedesktop.login1 /org/freedesktop/login1 "
	    "org.freedesktop.login1.Manager PreparingForShutdown 2>/dev/null", preparing);
	if (!strcmp(preparing, "b true"))
		return YES;
	return strcmp(preparing, "b false") || !*state || !strcmp(state, "unknown") ||
	       !strcmp(state, "offline") ? UNKNOWN : NO;
}

/* It goes down, and for a kexec */
bool systemd_has_kexec(void)
{
	char job[128];

	ask("systemctl list-jobs --no-legend kexec.target 2>/dev/null", job);
	return strstr(job, "kexec.target");
}

bool systemd_is_masked(enum mask where)
{
	char *to __free(free) = sys_link(where == MASK_RUN ? "/run/systemd/system/kexec.target" :
					 "/etc/systemd/system/kexec.target");

	return to && !strcmp(to, "/dev/null");
}

int systemctl(const char *verb, const char *option, const char *unit)
{
	const char *const argv[] = { "systemctl", verb, option, unit, NULL };

	return run(argv);
}

/*
 * A unit cannot stop a shutdown once services stop. That kexec.target is masked, logind
 * sees before that.
 */
int systemd_set_gate(bool close, const char *what)
{
	if (systemd_is_masked(MASK_RUN) == close ||
	    !systemctl(close ? "mask" : "unmask", "--runtime", "kexec.target"))
		return KHO_OK;
	return fail(KHO_NO, what, "kexec.target cannot be %s; see systemctl status kexec.target",
		    close ? "masked" : "unmasked");
}
