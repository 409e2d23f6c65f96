// SPDX-License-Identifier: GPL-2.0-only
/*
 * kho: the verbs that change something: load, activate, go, abort, release; and
 * wait, for what others change.
 */
#include <errno.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "kho.h"

#define GATE	"/run/systemd/system/kexec.target"

/* For --json: that it is done */
static int done(const char *key, bool value)
{
	json_object *doc __free(json) = json_begin();

	put_bool(doc, key, value);
	if (opt.json)
		json_end(doc);
	return KHO_OK;
}

static int activate(void)
{
	int code = sys_write("activate", SYS_KHO "/active", "1",
			     "nothing was changed; Documentation/kho/operating.rst explains it");

	if (code)
		return code;
	if (sys_number(SYS_KHO "/active") != 1)
		return fail(KHO_KERNEL, "activate",
			    "it was aborted again at once; see dmesg for who did it");
	return KHO_OK;
}

static int abort_handover(void)
{
	return sys_write("abort", SYS_KHO "/active", "0", "try again: kexec may be under way");
}

int verb_activate(void)
{
	return sys_needs_kho("activate") ?: activate() ?: done("active", true);
}

int verb_abort(void)
{
	return sys_needs_kho("abort") ?: abort_handover() ?: done("active", false);
}

static int release(const char *path)
{
	return sys_write("release", path, "1", "see kho status");
}

static int release_node(const char *node)
{
	char path[sizeof(SYS_FW) + KHO_MAX_NAME + 16];

	if (strchr(node, '/') || strlen(node) > KHO_MAX_NAME || node[0] == '.' ||
	    !sys_exists(SYS_FW "/unclaimed/%s", node))
		return fail(KHO_NO, "release", "%s: no such node lists memory; see kho status",
			    node);
	snprintf(path, sizeof(path), SYS_FW "/unclaimed/%s", node);
	return release(path);
}

int verb_release(void)
{
	char **names __free(list) = NULL, **name;
	int code = KHO_OK;

	if (opt.all + opt.unlisted + !!opt.args[0] != 1)
		return fail(KHO_USAGE, "release",
			    "one of NODE, --unlisted and --all; see kho status");
	if (!sys_exists(SYS_FW "/unlisted"))
		return fail(sys_exists(SYS_FW) ? KHO_NO : KHO_OFF, "release",
			    "no handover has arrived; see kho status");
	if (opt.args[0])
		return release_node(opt.args[0]) ?: done("released", true);
	names = opt.all ? sys_list(SYS_FW "/unclaimed") : NULL;
	for (name = names; name && *name && !code; name++)
		code = release_node(*name);
	return code ?: release(SYS_FW "/unlisted") ?: done("released", true);
}

static bool is_rooted(void)
{
	return *opt.root;
}

static int no_root(const char *what)
{
	return fail(KHO_USAGE, what,
		    "--root is a copy of a machine; only --dry-run makes sense there");
}

static int load_image(int kernel, int initrd, const char *cmdline, unsigned long flags)
{
	return syscall(SYS_kexec_file_load, kernel, initrd, cmdline ? strlen(cmdline) + 1 : 0,
		       cmdline, flags) ? errno : 0;
}

static int unload_image(void)
{
	int err = load_image(-1, -1, NULL, KEXEC_FILE_UNLOAD);

	return err ? fail(KHO_KERNEL, "load --unload", "%s; try again", strerror(err)) : KHO_OK;
}

/* arm64 cannot load what is compressed: give it what is in there */
static int open_kernel(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), to;
	gzFile from;
	char buf[65536];
	int n;

	if (fd < 0 || pread(fd, buf, 2, 0) != 2 || memcmp(buf, "\x1f\x8b", 2))
		return fd;
	from = gzdopen(fd, "r");
	to = memfd_create("kernel", MFD_CLOEXEC);
	while ((n = gzread(from, buf, sizeof(buf))) > 0)
		if (write(to, buf, n) != n)
			break;
	gzclose(from);
	if (!n)
		return to;
	close(to);
	errno = EIO;
	return -1;
}

static const char *load_todo(int err)
{
	switch (err) {
	case EADDRNOTAVAIL: return "use a smaller initrd, or boot with a larger kho_scratch=";
	case EKEYREJECTED:
	case ENOKEY:
	case ENOPKG: return "sign the kernel with a key that is enrolled";
	case ENOEXEC: return "this kernel cannot load such an image: see whether kexec -s -l can";
	case EBUSY: return "somebody else loads an image: try again";
	case EPERM: return "run it as root, and see kernel.kexec_load_disabled and lockdown";
	default: return "nothing was changed";
	}
}

static int load(const struct target *t)
{
	int kernel __free(close) = open_kernel(t->kernel);
	int initrd __free(close) = t->initrd ? open(t->initrd, O_RDONLY | O_CLOEXEC) : -1;
	int kmsg __free(close) = kmsg_open();
	int err;

	if (kernel < 0 || (t->initrd && initrd < 0))
		return fail(KHO_NO, "load", "%s: %s; name files that can be read",
			    kernel < 0 ? t->kernel : t->initrd, strerror(errno));
	err = load_image(kernel, initrd, t->cmdline, initrd < 0 ? KEXEC_FILE_NO_INITRAMFS : 0);
	return err ? kmsg_fail(kmsg, "load", err, load_todo(err)) : KHO_OK;
}

int verb_load(void)
{
	struct target t __free(target) = { };
	int code;

	if (is_rooted())
		return no_root("load");
	if (opt.unload)
		return unload_image() ?: done("loaded", false);
	code = sys_needs_kho("load") ?: target_choose(&t, "load") ?: load(&t);
	if (code)
		return code;
	if (!cmdline_has_kho(t.cmdline))
		fail(0, "load",
		     "the image carries no handover: its command line does not say kho=on; "
		     "load it again with --append kho=on");
	return done("loaded", true);
}

static int run(const char *const argv[])
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool is_held_back(void)
{
	char *to __free(free) = sys_link(GATE);

	return to && !strcmp(to, "/dev/null");
}

/* It has heard us, however systemctl ended */
static bool is_stopping(void)
{
	FILE *f = popen("systemctl is-system-running 2>/dev/null", "re");
	char state[32] = "";

	if (!f)
		return false;
	if (!fgets(state, sizeof(state), f))
		state[0] = '\0';
	pclose(f);
	return !strcmp(state, "stopping\n");
}

/* systemd refuses to start a target that is masked; nothing has stopped then */
static int go_systemd(void)
{
	const char *const unmask[] = { "systemctl", "unmask", "--runtime", "kexec.target", NULL };
	const char *const mask[] = { "systemctl", "mask", "--runtime", "kexec.target", NULL };
	const char *const go[] = { "systemctl", "kexec", NULL };
	bool held = is_held_back();
	int status;

	if (held && run(unmask))
		return fail(KHO_NO, "kexec",
			    "kexec.target cannot be unmasked; see systemctl status kexec.target");
	status = run(go);
	if (!status || is_stopping())
		return KHO_OK;
	if (held)
		run(mask);
	return status == 127 ? fail(KHO_NO, "kexec", "there is no systemctl; use --now") :
	       fail(KHO_NO, "kexec", "systemctl kexec failed (%d), and nothing has stopped; "
		    "its message says why", status);
}

/* Never kexec -e, which takes the network down first */
static int go_now(void)
{
	int kmsg __free(close) = kmsg_open();

	sync();
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, NULL);
	return kmsg_fail(kmsg, "kexec", errno, "the machine goes on as it was");
}

static void print_plan(const struct target *t)
{
	if (opt.json || opt.quiet)
		return;
	printf("\n");
	if (t)
		printf("kexec -s -l %s%s%s --command-line='%s'\n", t->kernel,
		       t->initrd ? " --initrd=" : "", t->initrd ?: "", t->cmdline);
	printf("echo 1 > " SYS_KHO "/active\n%s\n",
	       opt.now ? "sync; kexec -e -x" : "systemctl kexec");
}

/* What could lose the state is said, and stops it */
static int check_first(const struct target *t)
{
	json_object *list __free(json) = json_object_new_array();
	json_object *doc __free(json) = json_begin();
	bool bad;
	size_t i;

	live_checks(list, t);
	bad = found_failures(list);
	if (opt.dry_run) {
		print_findings(list, doc);
		if (!bad)
			print_plan(t);
		return bad ? KHO_NO : KHO_OK;
	}
	for (i = 0; i < json_object_array_length(list); i++) {
		json_object *o = json_object_array_get_idx(list, i);

		if (strcmp(get_text(o, "result"), "ok"))
			fail(0, "kexec", "%s: %s: %s; %s", get_text(o, "result"),
			     get_text(o, "check"), get_text(o, "finding"), get_text(o, "do"));
	}
	return bad ? fail(KHO_NO, "kexec",
			  "nothing was changed; kho kexec --dry-run shows all checks") :
		     KHO_OK;
}

/* The handover that is to be used is good, as far as this side can see */
static int check_active(void)
{
	struct blob blob __free(blob) = { };
	struct kho_why why;
	int code = blob_open_sysfs(&blob, "kexec", FROM_OUT);

	if (!code && blob.table && blob_walk_table(&blob, NULL, NULL, &why))
		return fail(KHO_NO, "kexec", "%s; report it", why.text);
	return code;
}

static void nothing(int signal)
{
}

/* A signal makes a step fail, whose traces are then removed */
static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = nothing };
	static const int signals[] = { SIGHUP, SIGINT, SIGTERM, SIGPIPE };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &action, NULL);
}

int verb_kexec(void)
{
	struct target t __free(target) = { };
	bool was_active;
	int code;

	if (is_rooted() && !opt.dry_run)
		return no_root("kexec");
	if (opt.loaded && (opt.kernel || opt.initrd || opt.append || opt.cmdline || opt.args[0]))
		return fail(KHO_USAGE, "kexec", "--loaded, or a kernel to load; not both");
	code = sys_needs_kho("kexec") ?: (opt.loaded ? KHO_OK : target_choose(&t, "kexec")) ?:
	       check_first(opt.loaded ? NULL : &t);
	if (code || opt.dry_run)
		return code;

	catch_signals();
	was_active = sys_number(SYS_KHO "/active") == 1;
	code = (opt.loaded ? KHO_OK : load(&t));
	if (code)
		return code;
	code = activate() ?: check_active() ?: (opt.now ? go_now() : go_systemd());
	if (!code)
		return done("going", true);
	/* Else the next reboot would be a kexec, without the state */
	if (!was_active)
		abort_handover();
	if (!unload_image())
		fail(0, "kexec", "the image is unloaded again");
	return code;
}

static bool is_claimed(void)
{
	char **names __free(list) = sys_list(SYS_FW "/unclaimed"), **name;

	for (name = names; name && *name; name++)
		if (sys_number(SYS_FW "/unclaimed/%s", *name) > 0)
			return false;
	return sys_number(SYS_FW "/unlisted") <= 0;
}

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/* Until @active changes; what nobody has claimed has to be asked for */
static void wait_some(int active, long long left)
{
	struct pollfd fd = { .fd = active, .events = POLLPRI };

	if (left < 0 || left > 200)
		left = 200;
	poll(active < 0 ? NULL : &fd, active < 0 ? 0 : 1, left);
}

static bool is_there(const char *state, int active)
{
	char c;

	if (!strcmp(state, "claimed"))
		return is_claimed();
	return pread(active, &c, 1, 0) == 1 && c == (strcmp(state, "active") ? '0' : '1');
}

int verb_wait(void)
{
	const char *state = opt.args[0] ?: "claimed";
	bool claimed = !strcmp(state, "claimed");
	int active __free(close) = -1;
	long long end = now_ms() + opt.timeout * 1000LL, left = -1;
	int code;

	if (!claimed && strcmp(state, "active") && strcmp(state, "inactive"))
		return fail(KHO_USAGE, "wait",
			    "%s is none of claimed, active, inactive; see kho --help", state);
	if (!claimed) {
		code = sys_needs_kho("wait");
		if (code)
			return code;
		active = sys_open(O_RDONLY, SYS_KHO "/active");
	} else if (!sys_exists(SYS_FW)) {
		return fail(KHO_OFF, "wait", "this kernel has no KHO; boot one that has it");
	}
	while (!is_there(state, active)) {
		if (opt.timeout >= 0) {
			left = end - now_ms();
			if (left <= 0)
				return fail(KHO_NO, "wait", "not %s after %ld s; see kho status",
					    state, opt.timeout);
		}
		wait_some(active, left);
	}
	return done(state, true);
}
