// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of a process that is there again after a kexec: `liveupdate-memory keep NAME BYTES`
 * fills it and waits, `liveupdate-memory find NAME` verifies it in the next kernel.
 * Documentation/kho/liveupdate-memory.rst says more.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/liveupdate.h>

/* The device lets in one at a time: open it for one call. Both calls have this layout */
static int open_session(unsigned long call, const char *name)
{
	struct liveupdate_ioctl_create_session arg = { .size = sizeof(arg) };
	int dev = open("/dev/liveupdate", O_RDWR | O_CLOEXEC);

	if (dev < 0)
		err(1, "/dev/liveupdate (it needs kho=on liveupdate=on)");
	if (snprintf((char *)arg.name, sizeof(arg.name), "%s", name) >= (int)sizeof(arg.name))
		errx(1, "%s: a name has at most %zu bytes", name, sizeof(arg.name) - 1);
	if (ioctl(dev, call, &arg))
		err(1, "session %s", name);
	close(dev);
	return arg.fd;
}

static uint64_t *map(int fd, size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		err(1, "%zu bytes cannot be mapped", bytes);
	return memory;
}

static void keep(const char *name, size_t bytes)
{
	struct liveupdate_session_preserve_fd give = { .size = sizeof(give), .token = 0 };
	int session = open_session(LIVEUPDATE_IOCTL_CREATE_SESSION, name);
	uint64_t *memory, i;

	give.fd = memfd_create(name, MFD_CLOEXEC);
	if (give.fd < 0 || ftruncate(give.fd, bytes))
		err(1, "no memfd of %zu bytes", bytes);
	memory = map(give.fd, bytes);
	/* From here on its size is fixed */
	if (ioctl(session, LIVEUPDATE_SESSION_PRESERVE_FD, &give))
		err(1, "it cannot be preserved");
	/* What is in it is not: it arrives as it is at the jump */
	for (i = 1; i < bytes / sizeof(*memory); i++)
		memory[i] = ~i;
	puts("kept");
	fflush(stdout);
	/* As long as this process lives: the session goes with it */
	for (;; sleep(1))
		memory[0]++;
}

static void find(const char *name)
{
	struct liveupdate_session_retrieve_fd get = { .size = sizeof(get), .token = 0 };
	struct liveupdate_session_finish finish = { .size = sizeof(finish) };
	int session = open_session(LIVEUPDATE_IOCTL_RETRIEVE_SESSION, name);
	uint64_t *memory, i;
	struct stat st;

	if (ioctl(session, LIVEUPDATE_SESSION_RETRIEVE_FD, &get) || fstat(get.fd, &st))
		err(1, "it cannot be retrieved");
	memory = map(get.fd, st.st_size);
	for (i = 1; i < st.st_size / sizeof(*memory); i++)
		if (memory[i] != ~i)
			errx(1, "byte %zu is wrong", (size_t)i * sizeof(*memory));
	/* The memory stays; PRESERVE_FD could have it cross the next kexec, too */
	if (ioctl(session, LIVEUPDATE_SESSION_FINISH, &finish))
		err(1, "the session cannot be finished");
	printf("%zu bytes are as they were, after %zu seconds\n", (size_t)st.st_size,
	       (size_t)memory[0]);
}

int main(int argc, char **argv)
{
	size_t bytes = argc == 4 ? strtoull(argv[3], NULL, 0) : 0;

	if (argc == 4 && !strcmp(argv[1], "keep") && bytes >= sizeof(uint64_t))
		keep(argv[2], bytes);
	else if (argc == 3 && !strcmp(argv[1], "find"))
		find(argv[2]);
	else
		errx(2, "usage: liveupdate-memory keep NAME BYTES | find NAME");
	return 0;
}
