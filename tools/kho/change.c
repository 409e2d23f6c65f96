// SPDX-License-Identifier: GPL-2.0-only
/*
 * kho: the verbs that change one thing: load, activate, abort, release, gate; and wait,
 * for what others change.
 */
#include <errno.h>
#include <linux/kexec.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "kho.h"

/* For --json: that it is done */
int done(const char *key, bool value)
{
	json_object *doc __free(json) = json_begin();

	put_bool(doc, key, value);
	if (opt.json)
		json_end(doc);
	return KHO_OK;
}

int do_activate(void)
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

int do_abort(void)
{
	return sys_write("abort", SYS_KHO "/active", "0", "try again: kexec may be under way");
}

int verb_activate(void)
{
	return sys_needs_kho("activate") ?: sys_lock("activate") ?: do_activate() ?:
		done("active", true);
}

int verb_abort(void)
{
	return sys_needs_kho("abort") ?: sys_lock("abort") ?: do_abort() ?:
	       done("active", false);
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

int no_root(const char *what)
{
	return fail(KHO_USAGE, what,
		    "--root is a copy of a machine; leave it out, or use kho kexec --dry-run");
}

static int load_image(int kernel, int initrd, const char *cmdline, unsigned long flags)
{
	return syscall(SYS_kexec_file_load, kernel, initrd, cmdline ? strlen(cmdline) + 1 : 0,
		       cmdline, flags) ? errno : 0;
}

static const char *load_todo(int err)
{
	switch (err) {
	case EADDRNOTAVAIL: return "use a smaller initrd, or boot with a larger kho_scratch=";
	case EKEYREJECTED:
	case ENOKEY:
	case ENOPKG: return "sign the kernel with a key that is enrolled";
	case ENOEXEC: return "this kernel cannot load such an image: see whether kexec -s -l can";
	case ENOSYS: return "boot a kernel that has CONFIG_KEXEC_FILE";
	case EBUSY: return "somebody else loads an image: try again";
	case EPERM: return "run it as root, and see kernel.kexec_load_disabled and lockdown";
	default: return "nothing was changed";
	}
}

int do_unload(void)
{
	int err = load_image(-1, -1, NULL, KEXEC_FILE_UNLOAD);

	return err ? fail(KHO_KERNEL, "load --unload", "%s; %s", strerror(err),
			  load_todo(err)) : KHO_OK;
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
	/* Its result has what gzread() does not tell: that the end is missing */
	if (gzclose(from) == Z_OK && !n)
		return to;
	close(to);
	errno = EIO;
	return -1;
}

int do_load(const struct target *t)
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

	if (*opt.root)
		return no_root("load");
	if (opt.unload && (opt.kernel || opt.initrd || opt.append || opt.cmdline || opt.args[0]))
		return fail(KHO_USAGE, "load", "--unload, or a kernel to load; not both");
	if (opt.unload)
		return sys_lock("load --unload") ?: do_unload() ?: done("loaded", false);
	code = sys_needs_kho("load") ?: sys_lock("load") ?: target_choose(&t, "load") ?:
	       do_load(&t);
	if (code)
		return code;
	if (!cmdline_has_kho(t.cmdline))
		fail(0, "load",
		     "the image carries no handover: its command line does not say kho=on; "
		     "load it again with --append kho=on");
	return done("loaded", true);
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

/* An exit code if it never will be claimed, or cannot be seen */
static int arrival_can_be_seen(void)
{
	char *status __free(free) = sys_text(SYS_FW "/status");
	int fd __free(close) = sys_open(O_RDONLY, SYS_FW "/unlisted");

	if (fd < 0 && errno == EACCES)
		return fail(KHO_NO, "wait", SYS_FW ": permission denied; run it as root");
	if (!sys_exists(SYS_FW))
		return fail(KHO_OFF, "wait", "this kernel has no KHO; boot one that has it");
	return status && !strncmp(status, "refused", 7) ?
	       fail(KHO_NO, "wait", "the handover was refused; see kho status") : KHO_OK;
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
	code = claimed ? arrival_can_be_seen() : sys_needs_kho("wait");
	if (code)
		return code;
	active = claimed ? -1 : sys_open(O_RDONLY, SYS_KHO "/active");
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

/* The end of kho.service opens it; a shutdown ends that, too, and is left alone */
int verb_gate(void)
{
	const char *to = opt.args[0] ?: "";
	bool close = !strcmp(to, "close");
	int code;

	if (!close && strcmp(to, "open"))
		return fail(KHO_USAGE, "gate", "open or close; see kho --help");
	if (*opt.root)
		return no_root("gate");
	code = close ? sys_needs_kho("gate") : KHO_OK;
	if (!code && (close || systemd_goes_down() != YES))
		code = systemd_set_gate(close, "gate");
	return code ?: done("closed", systemd_is_masked(MASK_RUN));
}
