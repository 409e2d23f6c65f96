// SPDX-License-Identifier: GPL-2.0-only
/*
 * kho: files of the machine, or of a copy of one below --root, and what the
 * kernel's log says when it refuses.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/file.h>

#include "kho.h"

/* Good until the next call; a name that is too long is no file's */
const char *sys_path(const char *fmt, ...)
{
	static char path[PATH_MAX];
	va_list args;
	int at;

	va_start(args, fmt);
	at = snprintf(path, sizeof(path), "%s", opt.root);
	if (at < sizeof(path))
		at += vsnprintf(path + at, sizeof(path) - at, fmt, args);
	va_end(args);
	if (at >= sizeof(path))
		path[0] = '\0';
	return path;
}

/* Where a symbolic link points, or NULL */
char *sys_link(const char *name)
{
	char to[PATH_MAX];
	ssize_t len = readlink(sys_path("%s", name), to, sizeof(to));

	return len < 0 ? NULL : strndup(to, len);
}

/* The first @most bytes of a file, and a NUL. Files of sysfs do not say how long they are */
void *read_all(int fd, size_t *len, size_t most)
{
	size_t room = min(most, 16384UL);
	char *buf = malloc(room + 1), *more;
	ssize_t n;

	for (*len = 0; buf; *len += n) {
		if (*len == room && room < most) {
			room = min(most, 2 * room);
			more = realloc(buf, room + 1);
			if (!more)
				break;
			buf = more;
		}
		n = read(fd, buf + *len, room - *len);
		if (n < 0)
			break;
		if (!n) {
			buf[*len] = '\0';
			return buf;
		}
	}
	free(buf);
	return NULL;
}

/* A file without its last newline */
char *file_text(const char *path)
{
	int fd __free(close) = open(path, O_RDONLY | O_CLOEXEC);
	char *buf;
	size_t len;

	buf = fd < 0 ? NULL : read_all(fd, &len, 16 << 20);
	if (buf && len && buf[len - 1] == '\n')
		buf[len - 1] = '\0';
	return buf;
}

/* A file that is a number; less than 0 if there is none */
long long file_number(const char *path)
{
	char *buf __free(free) = file_text(path), *end;
	long long value;

	if (!buf)
		return -1;
	value = strtoll(buf, &end, 0);
	return end == buf ? -1 : value;
}

/* The names in a directory, sorted; the last is NULL */
char **sys_list(const char *name)
{
	struct dirent **found;
	char **list;
	int nr, i, at = 0;

	nr = scandir(sys_path("%s", name), &found, NULL, versionsort);
	list = calloc(max(nr, 0) + 1, sizeof(*list));
	for (i = 0; i < nr; i++) {
		if (list && found[i]->d_name[0] != '.')
			list[at++] = strdup(found[i]->d_name);
		free(found[i]);
	}
	if (nr >= 0)
		free(found);
	return list;
}

void free_list(char ***list)
{
	char **name;

	for (name = *list; name && *name; name++)
		free(*name);
	free(*list);
}

/* Call a function for each range of /proc/iomem with such a name; the sum of their lengths */
u64 sys_iomem(const char *what, void (*fn)(const struct kho_mem *mem, void *data), void *data)
{
	char *text __free(free) = sys_text("/proc/iomem"), *line, *save;
	unsigned long long first, last;
	u64 sum = 0;
	int at;

	if (!text)
		return 0;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line, " %llx-%llx : %n", &first, &last, &at) < 2 || last <= first ||
		    strncmp(line + at, what, strlen(what)))
			continue;
		sum += last - first + 1;
		if (fn)
			fn(&(struct kho_mem){ first, last - first + 1 }, data);
	}
	return sum;
}

/* A range whose address and length are files */
bool sys_mem(const char *start, const char *size, struct kho_mem *mem)
{
	long long addr = sys_number("%s", start), len = sys_number("%s", size);

	*mem = (struct kho_mem){ addr, len };
	return addr >= 0 && len > 0;
}

/* An exit code if KHO is off here */
int sys_needs_kho(const char *what)
{
	int fd __free(close) = sys_open(O_RDONLY, SYS_KHO "/active");

	if (fd >= 0)
		return KHO_OK;
	if (errno == EACCES)
		return fail(KHO_NO, what, SYS_KHO ": permission denied; run it as root");
	return fail(KHO_OFF, what,
		    "kexec handover is off here; boot a kernel that has it with kho=on");
}

/* Until it ends, no other of us changes anything; without KHO nothing is at stake */
int sys_lock(const char *what)
{
	int fd = sys_open(O_RDONLY, SYS_KHO "/active");

	return fd < 0 || !flock(fd, LOCK_EX | LOCK_NB) ? KHO_OK :
	       fail(KHO_NO, what, "another kho is at work; wait for it");
}

/* The log, from here on */
int kmsg_open(void)
{
	int fd = sys_open(O_RDONLY | O_NONBLOCK, "/dev/kmsg");

	if (fd >= 0)
		lseek(fd, 0, SEEK_END);
	return fd;
}

/* What of a line of /dev/kmsg a person reads, if KHO or kexec wrote it */
static const char *kmsg_text(char *line)
{
	char *text = strchr(line, ';'), *p;

	if (*line == ' ' || !text++ || (strncmp(text, "kho", 3) && strncmp(text, "kexec", 5)))
		return NULL;
	for (p = text; *p; p++)
		if (!isprint((unsigned char)*p))
			*p = '?';
	return strncmp(text, "kho: ", 5) ? text : text + 5;
}

/**
 * kmsg_fail() - say why the kernel refused
 * @kmsg: what kmsg_open() gave before it was asked
 * @what: what it was asked for
 * @err:  errno
 * @todo: what to do about it, in any case
 *
 * The first line has the cause; the others follow, one each.
 *
 * Return: KHO_KERNEL.
 */
int kmsg_fail(int kmsg, const char *what, int err, const char *todo)
{
	char buf[8192], *line, *save;
	unsigned int lines = 0;
	const char *text;
	ssize_t n;

	/* EPIPE: the log has overrun us; go on with what it has */
	while (kmsg >= 0) {
		n = read(kmsg, buf, sizeof(buf) - 1);
		if (!n || (n < 0 && errno != EPIPE))
			break;
		buf[max(n, 0)] = '\0';
		for (line = strtok_r(buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
			text = kmsg_text(line);
			if (!text)
				continue;
			if (lines++)
				fail(0, what, "%s", text);
			else
				fail(0, what, "%s (%s); %s", text, strerror(err), todo);
		}
	}
	if (!lines)
		fail(0, what, "%s; %s", strerror(err), todo);
	return KHO_KERNEL;
}

int sys_write(const char *what, const char *path, const char *value, const char *todo)
{
	int kmsg __free(close) = kmsg_open();
	int fd __free(close) = sys_open(O_WRONLY, "%s", path);

	if (fd < 0)
		return fail(errno == ENOENT ? KHO_OFF : KHO_NO, what, "%s: %s; %s", path,
			    strerror(errno),
			    errno == EACCES ? "run it as root" : "see kho status");
	if (write(fd, value, strlen(value)) < 0)
		return kmsg_fail(kmsg, what, errno, todo);
	return KHO_OK;
}
