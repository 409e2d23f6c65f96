// SPDX-License-Identifier: GPL-2.0-only
/*
 * kho check --live: what of this machine, and of the kernel to come, could make
 * a kexec lose the state.
 */
#include <ctype.h>
#include <libfdt.h>
#include <sys/stat.h>

#include "kho.h"

static void check_target(json_object *list, const struct target *t)
{
	char *release __free(free) = sys_text("/proc/sys/kernel/osrelease");
	int carries = t->version ? target_carries(t->version) : 0;
	const char *bad = target_bad_image(t);

	if (bad)
		found(list, CHECK_FAIL, "target", "name files that are good", "%s", bad);
	/* This one's own image has what this one has */
	if (!carries && t->version && release && !strcmp(t->version, release))
		carries = 'y';
	if (!carries)
		found(list, CHECK_FAIL, "target",
		      "see that it has CONFIG_KEXEC_HANDOVER=y, then --force",
		      "the build options of %s are not known", t->version ?: t->kernel);
	else if (carries == 'm')
		found(list, CHECK_FAIL, "target", "choose another kernel",
		      "%s has mainline's KHO, which takes nothing from this kernel", t->version);
	else if (carries != 'y')
		found(list, CHECK_FAIL, "target", "choose another kernel",
		      "%s has no CONFIG_KEXEC_HANDOVER", t->version);
	else
		found(list, CHECK_OK, "target", NULL, "%s has KHO", t->version);
}

/* 0 if there is no telling */
static unsigned int page_size(const struct target *t)
{
	static const struct { const char *option; unsigned int size; } sizes[] = {
		{ "CONFIG_PAGE_SIZE_4KB", 4096 }, { "CONFIG_PAGE_SIZE_16KB", 16384 },
		{ "CONFIG_PAGE_SIZE_64KB", 65536 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		if (target_config(t, sizes[i].option) == 'y')
			return sizes[i].size;
	return 0;
}

static void check_pages(json_object *list, const struct target *t)
{
	char *release __free(free) = sys_text("/proc/sys/kernel/osrelease");
	struct target now __free(target) = { };
	unsigned int here, there = page_size(t);

	now.config = sys_text("/boot/config-%s", release ?: "");
	here = page_size(&now) ?: sysconf(_SC_PAGESIZE);
	if (there && there != here)
		found(list, CHECK_FAIL, "pages", "choose another kernel",
		      "its pages have %u bytes, those of this kernel %u", there, here);
	else if (there)
		found(list, CHECK_OK, "pages", NULL, "%u bytes, as here", there);
}

/* Each parameter of @cmdline with this name, in order, with a space behind */
static char *all_values(const char *cmdline, const char *name)
{
	char *all = calloc(1, strlen(cmdline) + 2);
	size_t len, n = strlen(name);
	const char *word = cmdline;

	for (; all && (word = cmdline_param(word, &len)); word += len)
		if (len > n && !strncmp(word, name, n) && word[n] == '=')
			strncat(strncat(all, word + n + 1, len - n - 1), " ", 2);
	return all;
}

static u64 size_of(const char *text)
{
	static const char units[] = "KMGT";
	const char *unit;
	char *end;
	u64 size = strtoull(text, &end, 0);

	unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
	return unit ? size << 10 * (unit - units + 1) : size;
}

/* Of reserve_mem=SIZE:ALIGN:NAME, however the sizes are written */
static bool is_same_region(const char *a, const char *b)
{
	const char *name_a = strrchr(a, ':'), *name_b = strrchr(b, ':');
	const char *align_a = strchr(a, ':'), *align_b = strchr(b, ':');

	return name_a && name_b && !strcmp(name_a, name_b) &&
	       size_of(strchr(a, '=') + 1) == size_of(strchr(b, '=') + 1) &&
	       size_of(align_a + 1) == size_of(align_b + 1);
}

static bool has_param(const char *cmdline, const char *param)
{
	bool region = !strncmp(param, "reserve_mem=", 12);
	const char *word = cmdline;
	size_t len;

	for (; (word = cmdline_param(word, &len)); word += len) {
		char *other __free(free) = strndup(word, len);

		if (!strcmp(other, param) ||
		    (region && !strncmp(other, "reserve_mem=", 12) && is_same_region(other, param)))
			return true;
	}
	return false;
}

/* What finds contents that are kept: regions, and those who look into them */
static void check_kept(json_object *list, const char *now, const char *next)
{
	const char *word = now;
	size_t len;

	for (; (word = cmdline_param(word, &len)); word += len) {
		char *param __free(free) = strndup(word, len);

		if ((!strncmp(param, "reserve_mem=", 12) || !strncmp(param, "ramoops.", 8) ||
		     (!strncmp(param, "trace_instance=", 15) && strchr(param, '@'))) &&
		    !has_param(next, param))
			found(list, CHECK_FAIL, "command line", "add it, or its memory is not kept",
			      "%s is missing there", param);
	}
}

/* The bytes of all its regions */
static u64 reserve_mem_len(const char *cmdline)
{
	char *all __free(free) = all_values(cmdline, "reserve_mem"), *word, *save;
	u64 sum = 0;

	for (word = strtok_r(all, " ", &save); word; word = strtok_r(NULL, " ", &save))
		sum += size_of(word);
	return sum;
}

static void check_cmdline(json_object *list, const struct target *t, const char *now)
{
	static const char *const layout[] = { "mem", "memmap" };
	size_t before = json_object_array_length(list);
	unsigned int i;

	if (!cmdline_has_kho(t->cmdline))
		found(list, CHECK_FAIL, "command line", "add --append kho=on",
		      "it does not say kho=on, so the image would carry no handover");
	check_kept(list, now, t->cmdline);
	for (i = 0; i < ARRAY_SIZE(layout); i++) {
		char *old __free(free) = all_values(now, layout[i]);
		char *new __free(free) = all_values(t->cmdline, layout[i]);

		if (strcmp(old, new))
			found(list, CHECK_FAIL, "command line", "make them the same",
			      "%s= is not what it is here: that kernel would see other memory",
			      layout[i]);
	}
	if (json_object_array_length(list) == before)
		found(list, CHECK_OK, "command line", NULL, "kho=on, and memory as here");
}

static void check_scratch(json_object *list, const struct target *t)
{
	u64 need = target_need(t, sys_iomem("System RAM", NULL, NULL));
	char size[24], needed[24];
	struct kho_mem scratch;

	if (!need || !sys_mem(SYS_KHO "/scratch_start", SYS_KHO "/scratch_size", &scratch))
		return;
	size_text(scratch.len, size);
	size_text(need, needed);
	if (need > scratch.len)
		found(list, CHECK_FAIL, "scratch",
		      "use a smaller initrd, or boot with a larger kho_scratch=",
		      "%s are needed, it has %s", needed, size);
	else if (need > scratch.len / 16 * 15)
		found(list, CHECK_WARN, "scratch", "boot with a larger kho_scratch= soon",
		      "%s are needed, it has %s and is in part occupied", needed, size);
	else
		found(list, CHECK_OK, "scratch", NULL, "%s are needed, it has %s", needed, size);
}

static u64 meminfo_bytes(const char *name)
{
	char *text __free(free) = sys_text("/proc/meminfo");
	const char *p = text ? strstr(text, name) : NULL;

	return p ? strtoull(p + strlen(name), NULL, 10) << 10 : 0;
}

/* hugepages=N, or 0:N,1:N for nodes */
static u64 pages_of(const char *text)
{
	u64 sum = 0;

	for (; *text; text += strcspn(text, ","), text += *text == ',') {
		size_t colon = strcspn(text, ":,");

		sum += strtoull(text[colon] == ':' ? text + colon + 1 : text, NULL, 10);
	}
	return sum;
}

static void add_mem(const struct kho_mem *mem, void *sum)
{
	*(u64 *)sum += mem->len;
}

static void check_hugepages(json_object *list, const struct target *t, const struct blob *out)
{
	u64 size = meminfo_bytes("Hugepagesize:"), ram = meminfo_bytes("MemTotal:");
	u64 sum = 0, kept = 0;
	char *copy __free(free) = strdup(t->cmdline), *word, *save;
	char huge[24], left[24];
	struct kho_why why;

	for (word = strtok_r(copy, " \t\n", &save); word; word = strtok_r(NULL, " \t\n", &save)) {
		if (!strncmp(word, "hugepagesz=", 11) || !strncmp(word, "default_hugepagesz=", 19))
			size = size_of(strchr(word, '=') + 1);
		else if (!strncmp(word, "hugepages=", 10))
			sum += size * pages_of(word + 10);
	}
	if (!sum || !ram)
		return;
	if (out->table)
		blob_walk_table(out, add_mem, &kept, &why);
	size_text(sum, huge);
	size_text(ram > kept ? ram - kept : 0, left);
	if (sum + kept > ram / 16 * 15)
		found(list, CHECK_WARN, "hugepages", "ask for less, or hand over less",
		      "hugepages= asks for %s, and what is preserved leaves %s", huge, left);
	else
		found(list, CHECK_OK, "hugepages", NULL, "%s of %s that are left", huge, left);
}

/* The modules that a kernel has or has built in, with '_' for '-', as the kernel calls them */
static char *modules_of(const char *version)
{
	char *dep __free(free) = sys_text("/lib/modules/%s/modules.dep", version);
	char *builtin __free(free) = sys_text("/lib/modules/%s/modules.builtin", version);
	char *all, *p;

	if (!dep || asprintf(&all, "%s\n%s\n", dep, builtin ?: "") < 0)
		return NULL;
	for (p = all; *p; p++)
		if (*p == '-')
			*p = '_';
	return all;
}

static bool has_module(const char *modules, const char *name)
{
	char file[80];

	snprintf(file, sizeof(file), "/%s.ko", name);
	return strstr(modules, file);
}

static bool is_loaded(const char *loaded, const char *name)
{
	size_t len = strlen(name);
	const char *p = loaded;

	for (; (p = strstr(p, name)); p += len)
		if ((p == loaded || p[-1] == '\n') && p[len] == ' ')
			return true;
	return false;
}

/* The module that a node's owner is in: named like its source, if it is one file */
static void owner_module(const struct kho_spec_node *spec, char name[static 64])
{
	const char *base = strrchr(spec->owner, '/');
	char *p;

	snprintf(name, 64, "%.*s", (int)strcspn(base ? base + 1 : spec->owner, "."),
		 base ? base + 1 : spec->owner);
	for (p = name; *p; p++)
		if (*p == '-')
			*p = '_';
}

static void check_owners(json_object *list, const struct blob *out, const char *loaded,
			 const char *modules)
{
	char name[64];
	int node;

	if (!out->fdt)
		return;
	fdt_for_each_subnode(node, out->fdt, 0) {
		const struct kho_spec_node *spec = spec_of(out->fdt, node);

		if (!spec)
			continue;
		owner_module(spec, name);
		if (is_loaded(loaded, name) && !has_module(modules, name))
			found(list, CHECK_FAIL, "modules", "install it for that kernel",
			      "nobody would claim %s: module %s is missing there",
			      fdt_get_name(out->fdt, node, NULL), name);
	}
}

static void check_modules(json_object *list, const struct target *t, const struct blob *out)
{
	char *modules __free(free) = t->version ? modules_of(t->version) : NULL;
	char *loaded __free(free) = sys_text("/proc/modules");
	char missing[160] = "", *copy __free(free) = NULL, *line, *save;
	unsigned int nr = 0;

	if (!modules || !loaded) {
		/* One that is built for modules has its drivers there */
		bool fails = !modules && target_config(t, "CONFIG_MODULES") == 'y';

		found(list, fails ? CHECK_FAIL : CHECK_WARN, "modules",
		      fails ? "install them, or --force if it needs none" :
		      "see that it has what you need", "the modules of the target are not known");
		return;
	}
	check_owners(list, out, loaded, modules);
	copy = strdup(loaded);
	for (line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		size_t at = strlen(missing);

		line[strcspn(line, " ")] = '\0';
		if (has_module(modules, line))
			continue;
		nr++;
		if (at + strlen(line) + 7 < sizeof(missing))
			sprintf(missing + at, "%s%s", at ? ", " : "", line);
		else if (!at || missing[at - 1] != '.')
			snprintf(missing + at, sizeof(missing) - at, ", ...");
	}
	if (nr)
		found(list, CHECK_WARN, "modules",
		      "build them for it, if they are needed there (dkms)",
		      "%u that are loaded here are missing in the target: %s", nr, missing);
	else
		found(list, CHECK_OK, "modules", NULL, "the target has all that are loaded here");
}

static u32 le32_at(int fd, off_t at)
{
	u8 b[4] = { };

	return pread(fd, b, 4, at) == 4 ? b[0] | b[1] << 8 | b[2] << 16 | (u32)b[3] << 24 : 0;
}

/* PE/COFF, as EFI has it: the fifth data directory is where signatures are */
static bool is_signed(int fd)
{
	u32 pe = le32_at(fd, 0x3c), kind = le32_at(fd, pe + 24) & 0xffff;

	if (le32_at(fd, pe) != 0x4550)
		return false;
	return le32_at(fd, pe + 24 + (kind == 0x20b ? 112 : 96) + 4 * 8 + 4);
}

static void check_signature(json_object *list, const struct target *t)
{
	char *lockdown __free(free) = sys_text("/sys/kernel/security/lockdown");
	int fd __free(close) = sys_open(O_RDONLY, "%s", t->kernel);

	if (!lockdown || strstr(lockdown, "[none]") || fd < 0)
		return;
	if (is_signed(fd))
		found(list, CHECK_OK, "signature", NULL, "%s is signed, as lockdown asks",
		      t->kernel);
	else
		found(list, CHECK_FAIL, "signature",
		      "sign it (sbsign), with a key that is enrolled",
		      "the kernel is locked down, and %s is not signed", t->kernel);
}

static void check_initrd(json_object *list, const struct target *t)
{
	int fd __free(close) = t->initrd ? sys_open(O_RDONLY, "%s", t->initrd) : -1;
	int dep __free(close) = sys_open(O_RDONLY, "/lib/modules/%s/modules.dep",
					 t->version ?: "-");
	struct stat image, modules;

	if (!t->initrd && target_lacks_initrd(NULL))
		found(list, CHECK_FAIL, "initrd", "give --initrd, or --force if it needs none",
		      "the target has no initrd, and this kernel has one");
	else if (!t->initrd)
		found(list, CHECK_WARN, "initrd", "give --initrd, if it needs one",
		      "the target has no initrd");
	else if (fd >= 0 && dep >= 0 && !fstat(fd, &image) && !fstat(dep, &modules) &&
		 image.st_mtime < modules.st_mtime)
		found(list, CHECK_WARN, "initrd", "make it again (update-initramfs -u)",
		      "%s is older than the target's modules", t->initrd);
}

static void check_crash(json_object *list, const char *now)
{
	long long size = sys_number("/sys/kernel/kexec_crash_size");
	u64 sum = reserve_mem_len(now);

	if (sys_number("/sys/kernel/kexec_crash_loaded") == 1 && size > 0 && sum > (u64)size / 4)
		found(list, CHECK_WARN, "crash kernel", "leave reserve_mem= out in KDUMP_CMDLINE",
		      "reserve_mem= would take much of its memory, too");
}

static void check_unclaimed(json_object *list)
{
	char **names __free(list) = sys_list(SYS_FW "/unclaimed"), **name;
	long long sum = max(sys_number(SYS_FW "/unlisted"), 0LL), left;
	char buf[24];

	for (name = names; name && *name; name++) {
		left = sys_number(SYS_FW "/unclaimed/%s", *name);
		sum += max(left, 0LL);
	}
	if (sum > 0)
		found(list, CHECK_FAIL, "unclaimed", "load its driver, or kho release it",
		      "%s that arrived have no owner, and go no further", size_text(sum, buf));
}

static void check_system(json_object *list)
{
	char *image __free(free) = sys_text(SYS_KHO "/image");

	if (sys_number("/proc/sys/kernel/kexec_load_disabled") == 1)
		found(list, CHECK_FAIL, "kexec", "reboot: it cannot be set back",
		      "kernel.kexec_load_disabled is 1: no image can be loaded");
	if (image && strcmp(image, "none") && !opt.loaded)
		found(list, CHECK_FAIL, "kexec",
		      "see who loaded it; then kho load --unload, or --loaded to go to it",
		      "an image (%s) is loaded already, and would be replaced", image);
	if (image && strcmp(image, "handover") && opt.loaded)
		found(list, CHECK_FAIL, "kexec", "leave out --loaded",
		      "no image that carries a handover is loaded");
	if (!sys_exists("/run/systemd/system"))
		return;
	if (systemd_is_masked(MASK_ETC) && !opt.now)
		found(list, CHECK_FAIL, "systemd", "systemctl unmask kexec.target, or use --now",
		      "kexec.target is masked in /etc");
	else if (systemd_is_masked(MASK_RUN) && !opt.now)
		found(list, CHECK_OK, "systemd", NULL,
		      "the gate is closed (kexec.target is masked), and is opened for this");
	if (systemd_goes_down() == YES)
		found(list, CHECK_FAIL, "systemd", "wait for what comes",
		      "the machine goes down already");
	if (sys_exists("/run/systemd/shutdown/scheduled"))
		found(list, CHECK_FAIL, "systemd", "cancel it (shutdown -c)",
		      "a shutdown is scheduled");
}

static void add_skipped(const char *path, const char *why, const char *todo, void *list)
{
	found(list, CHECK_WARN, "programs", todo, "%s is skipped: %s", path, why);
}

static void check_outgoing(json_object *list, struct blob *out)
{
	long long most = sys_number(SYS_KHO "/fdt_max");

	if (sys_number(SYS_KHO "/active") != 1) {
		/* kho kexec looks again before it goes */
		if (opt.dry_run || opt.live)
			found(list, CHECK_WARN, "nodes", "see it with kho activate before",
			      "no handover is active: its nodes and their owners are not known");
		return;
	}
	if (blob_open_sysfs(out, "check --live", FROM_OUT)) {
		found(list, CHECK_FAIL, "fdt", "kho abort, and report it",
		      "the handover that is active could not be read");
		return;
	}
	check_blob(list, out);
	if (most > 0 && fdt_totalsize(out->fdt) > most / 4 * 3)
		found(list, CHECK_WARN, "fdt", "write more to " SYS_KHO "/fdt_max before loading",
		      "it has %u bytes of %lld", fdt_totalsize(out->fdt), most);
}

/* What can be known only while a handover is active */
void live_node_checks(json_object *list, const struct target *t)
{
	struct blob out __free(blob) = { };

	check_outgoing(list, &out);
	if (!t)
		return;
	check_hugepages(list, t, &out);
	check_modules(list, t, &out);
}

/* With --loaded the image is there already, and nobody knows what it is */
void live_checks(json_object *list, const struct target *t)
{
	char *now __free(free) = sys_text("/proc/cmdline");

	check_system(list);
	each_skipped_hook(PRE, add_skipped, list);
	each_skipped_hook(POST, add_skipped, list);
	check_unclaimed(list);
	check_crash(list, now ?: "");
	live_node_checks(list, t);
	if (!t)
		return;
	check_target(list, t);
	check_pages(list, t);
	check_cmdline(list, t, now ?: "");
	check_scratch(list, t);
	check_initrd(list, t);
	check_signature(list, t);
}
