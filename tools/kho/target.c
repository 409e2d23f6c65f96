// SPDX-License-Identifier: GPL-2.0-only
/*
 * kho: the kernel to come: its image, initrd, command line and build options,
 * and which one firmware would boot.
 */
#include <ctype.h>
#include <errno.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "kho.h"

static const char prefix[] = "vmlinuz-";

/* Where a word of a command line begins that is NAME or NAME=VALUE; quotes are the kernel's */
static const char *cmdline_word(const char *p, size_t *len)
{
	bool quoted = false;
	const char *start;

	while (isspace((unsigned char)*p))
		p++;
	for (start = p; *p && (quoted || !isspace((unsigned char)*p)); p++)
		quoted ^= *p == '"';
	*len = p - start;
	return *len ? start : NULL;
}

/* The same of the kernel's part: what is behind "--" is init's */
const char *cmdline_param(const char *p, size_t *len)
{
	const char *word = cmdline_word(p, len);

	return word && *len == 2 && !strncmp(word, "--", 2) ? NULL : word;
}

static bool is_named(const char *word, size_t len, const char *name)
{
	size_t n = strlen(name);

	return len >= n && !strncmp(word, name, n) && (len == n || word[n] == '=');
}

/* The last value of a parameter, "" if it has none; NULL if it is not there */
const char *cmdline_value(const char *cmdline, const char *name, size_t *len)
{
	const char *word = cmdline, *value = NULL;
	size_t n;

	for (; (word = cmdline_param(word, &n)); word += n) {
		if (!is_named(word, n, name))
			continue;
		value = word + strlen(name) + (n > strlen(name));
		*len = word + n - value;
	}
	return value;
}

/* As kstrtobool() takes it */
bool cmdline_has_kho(const char *cmdline)
{
	size_t len = 0;
	const char *v = cmdline_value(cmdline, "kho", &len);

	if (!v || !len)
		return false;
	return strchr("1yYtT", *v) || (len > 1 && (*v == 'o' || *v == 'O') &&
				       (v[1] == 'n' || v[1] == 'N'));
}

static size_t add_word(char *to, size_t at, const char *word, size_t len)
{
	memcpy(to + at, word, len);
	to[at + len] = ' ';
	return at + len + !!len;
}

/*
 * The running kernel's, but for what a boot loader put there, with --append behind it:
 * before "--", what follows is init's
 */
static char *next_cmdline(bool has_initrd)
{
	char *old __free(free) = sys_text("/proc/cmdline"), *new;
	const char *word = old, *more = opt.append ?: "";
	size_t len, at = 0;

	if (opt.cmdline)
		return strdup(opt.cmdline);
	new = old ? malloc(strlen(old) + strlen(more) + 3) : NULL;
	for (; new && (word = cmdline_word(word, &len)); word += len) {
		if (is_named(word, len, "BOOT_IMAGE") || is_named(word, len, "initrd") ||
		    (!has_initrd && is_named(word, len, "initrdmem")))
			continue;
		if (!cmdline_param(word, &len)) {
			at = add_word(new, at, more, strlen(more));
			more = "";
		}
		at = add_word(new, at, word, len);
	}
	if (!new)
		return NULL;
	at = add_word(new, at, more, strlen(more));
	new[at - !!at] = '\0';
	return new;
}

/* 'y', 'm', 'n', or 0 if there is no telling */
static int config_option(const char *config, const char *option)
{
	size_t len = strlen(option);
	const char *p = config;

	if (!config)
		return 0;
	while ((p = strstr(p, option))) {
		if (p[len] == '=' && (p == config || p[-1] == '\n'))
			return p[len + 1];
		p += len;
	}
	return 'n';
}

int target_config(const struct target *t, const char *option)
{
	return config_option(t->config, option);
}

static int carries(const char *version, const char *config)
{
	int option = config_option(config, "CONFIG_KEXEC_HANDOVER");
	unsigned int major, minor;

	/* Mainline has one of its own since 6.16, by the same name */
	if (option == 'y' && sscanf(version, "%u.%u", &major, &minor) == 2 &&
	    major * 1000 + minor >= 6016)
		return 'm';
	return option;
}

/*
 * 'y', 'n', or 'm' if it has mainline's, which takes nothing from here; 0 if its
 * configuration is not known
 */
int target_carries(const char *version)
{
	char *config __free(free) = sys_text("/boot/config-%s", version);

	return carries(version, config);
}

static char *find_initrd(const char *version);

/* This kernel has one, so that one may need it */
bool target_lacks_initrd(const char *version)
{
	char *release __free(free) = sys_text("/proc/sys/kernel/osrelease");
	char *here __free(free) = find_initrd(release);
	char *there __free(free) = find_initrd(version);

	return here && !there;
}

/* Why a kernel is not one to go to, NULL if it is; "" if it has no KHO, or is no kernel */
static const char *lacks(const char *name)
{
	const char *version = name + strlen(prefix);
	int carries;

	if (strncmp(name, prefix, strlen(prefix)))
		return "";
	carries = target_carries(version);
	if (carries != 'y')
		return carries ? "" : "no build options (/boot/config-VERSION)";
	if (!sys_exists("/lib/modules/%s/modules.dep", version))
		return "no modules";
	return target_lacks_initrd(version) ? "no initrd" : NULL;
}

/* .old, .bak, ~ */
static bool is_copy(const char *version, const char *of)
{
	size_t len = of ? strlen(of) : 0;

	return len && !strncmp(version, of, len) && version[len] && strchr(".~", version[len]);
}

/* The newest of those in /boot that have KHO, and all that belongs to them */
static char *newest(const char *what)
{
	char **names __free(list) = sys_list("/boot"), **name, **after = names;
	char *best = NULL;

	for (name = names; name && *name; name++) {
		if (lacks(*name))
			continue;
		free(best);
		best = strdup(*name + strlen(prefix));
		after = name + 1;
	}
	/* Whoever has just installed one expects it */
	for (name = after; name && *name; name++) {
		const char *version = *name + strlen(prefix), *why = lacks(*name);

		if (*why && !is_copy(version, best))
			fail(0, what, "%s is passed over: it has %s; install all of it", version,
			     why);
	}
	return best;
}

static char *image_version(int fd);

/* Of the name, or, on x86, in the image */
static char *version_of(const char *kernel)
{
	const char *base = strrchr(kernel, '/') ? strrchr(kernel, '/') + 1 : kernel;
	int fd __free(close) = -1;

	if (!strncmp(base, prefix, strlen(prefix)))
		return strdup(base + strlen(prefix));
	fd = sys_open(O_RDONLY, "%s", kernel);
	return fd < 0 ? NULL : image_version(fd);
}

/* bzImage's boot protocol: Documentation/arch/x86/boot.rst */
#define BZ_MAGIC_AT	0x202
#define BZ_VERSION_AT	0x20e
#define BZ_INIT_SIZE_AT	0x260

static bool is_bzimage(int fd)
{
	char magic[4];

	return pread(fd, magic, 4, BZ_MAGIC_AT) == 4 && !memcmp(magic, "HdrS", 4);
}

static char *image_version(int fd)
{
	char text[128] = "";
	u8 at[2];

	if (!is_bzimage(fd) || pread(fd, at, 2, BZ_VERSION_AT) != 2 ||
	    pread(fd, text, sizeof(text) - 1, (at[0] | at[1] << 8) + 0x200) <= 0)
		return NULL;
	text[strcspn(text, " ")] = '\0';
	return *text ? escaped(text, strlen(text)) : NULL;
}

static u64 file_size(int fd)
{
	struct stat st;

	return fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) ? 0 : st.st_size;
}

/* What the image takes once it runs; its file at least */
static u64 image_need(const char *path)
{
	int fd __free(close) = sys_open(O_RDONLY, "%s", path);
	u8 head[64];
	u64 size;

	if (fd < 0)
		return 0;
	size = file_size(fd);
	if (is_bzimage(fd) && pread(fd, head, 4, BZ_INIT_SIZE_AT) == 4) {
		u64 init = head[0] | head[1] << 8 | head[2] << 16 | (u64)head[3] << 24;

		return max(size, init);
	}
	/* arm64: Documentation/arch/arm64/booting.rst */
	if (pread(fd, head, 64, 0) == 64 && !memcmp(head + 56, "ARM\x64", 4)) {
		__le64 image;

		memcpy(&image, head + 16, sizeof(image));
		return max(size, le64_to_cpu(image));
	}
	return size;
}

/* Why no kernel can load its files, or NULL; bootable or not is another matter */
const char *target_bad_image(const struct target *t)
{
	int fd __free(close) = sys_open(O_RDONLY, "%s", t->kernel);
	int initrd __free(close) = t->initrd ? sys_open(O_RDONLY, "%s", t->initrd) : -1;
	char head[64];

	if (fd >= 0 && (pread(fd, head, 64, 0) != 64 ||
			(!is_bzimage(fd) && memcmp(head + 56, "ARM\x64", 4) &&
			 memcmp(head, "\x1f\x8b", 2) && memcmp(head + 4, "zimg", 4))))
		return "the kernel is no bzImage, and no Image of arm64";
	if (t->initrd && !file_size(initrd))
		return "the initrd is empty, or no file";
	return NULL;
}

/* In scratch, as kernel/kexec_kho_scratch.c counts it: the segments, and early memory */
u64 target_need(const struct target *t, u64 ram)
{
	u64 early = (4 << 20) + ram / 8192, initrd = 0, kernel = image_need(t->kernel);
	struct utsname uts;

	if (!uname(&uts) && !strcmp(uts.machine, "aarch64") &&
	    !strstr(t->cmdline ?: "", "rodata=on"))
		early += ram / sysconf(_SC_PAGESIZE) * 8;
	if (t->initrd) {
		int fd __free(close) = sys_open(O_RDONLY, "%s", t->initrd);

		initrd = file_size(fd);
	}
	return kernel ? kernel + initrd + early : 0;
}

static char *find_initrd(const char *version)
{
	static const char *const names[] = { "/boot/initrd.img-%s", "/boot/initramfs-%s.img" };
	unsigned int i;
	char *path;

	for (i = 0; version && i < ARRAY_SIZE(names); i++) {
		if (asprintf(&path, names[i], version) < 0)
			return NULL;
		if (sys_exists("%s", path))
			return path;
		free(path);
	}
	return NULL;
}

/* By the command line: a version, files, or the newest that has KHO */
int target_choose(struct target *t, const char *what)
{
	const char *version = opt.args[0];

	*t = (struct target){ };
	if (opt.kernel && version)
		return fail(KHO_USAGE, what, "VERSION or --kernel, not both; see kho --help");
	if (opt.kernel) {
		t->kernel = strdup(opt.kernel);
		t->version = version_of(opt.kernel);
	} else {
		t->version = version ? strdup(version) : newest(what);
		if (!t->version)
			return fail(KHO_NO, what, "no kernel in /boot has CONFIG_KEXEC_HANDOVER=y, "
				    "modules and an initrd; install one, or name it");
		if (asprintf(&t->kernel, "/boot/%s%s", prefix, t->version) < 0)
			t->kernel = NULL;
	}
	if (!sys_exists("%s", t->kernel))
		return fail(KHO_NO, what, "%s: %s; name a kernel that is there", t->kernel,
			    strerror(errno));
	t->initrd = opt.initrd ? strdup(opt.initrd) : opt.kernel ? NULL : find_initrd(t->version);
	if (t->initrd && !sys_exists("%s", t->initrd))
		return fail(KHO_NO, what, "%s: %s; name an initrd that is there", t->initrd,
			    strerror(errno));
	t->cmdline = next_cmdline(t->initrd);
	if (!t->cmdline)
		return fail(KHO_NO, what, "/proc/cmdline: %s; give --command-line",
			    strerror(errno));
	t->config = t->version ? sys_text("/boot/config-%s", t->version) : NULL;
	return KHO_OK;
}

void target_free(struct target *t)
{
	free(t->version);
	free(t->kernel);
	free(t->initrd);
	free(t->cmdline);
	free(t->config);
}

/*
 * The version that GRUB's first entry boots, if that is its default. NULL where
 * there is no telling: another boot loader, a saved or a chosen entry.
 */
char *target_next_boot(void)
{
	char *env __free(free) = sys_text("/boot/grub/grubenv");
	char *cfg __free(free) = sys_text("/boot/grub/grub.cfg");
	const char *p = cfg, *image;

	if (!cfg || (env && (strstr(env, "\nnext_entry=") || strstr(env, "\nsaved_entry="))) ||
	    !strstr(cfg, "set default=\"0\""))
		return NULL;
	for (; (p = strchr(p, '\n')); ) {
		p += 1 + strspn(p + 1, " \t");
		if (strncmp(p, "linux", 5) || !isspace((unsigned char)p[5]))
			continue;
		image = strstr(p, prefix);
		if (!image || image > p + strcspn(p, "\n"))
			return NULL;
		image += strlen(prefix);
		return strndup(image, strcspn(image, " \t\n"));
	}
	return NULL;
}

void put_target(json_object *doc, const struct target *t)
{
	put_str(doc, "target", t->version);
	put_str(doc, "kernel", t->kernel);
	put_str(doc, "initrd", t->initrd);
	put_str(doc, "command-line", t->cmdline);
}
