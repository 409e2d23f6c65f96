// SPDX-License-Identifier: GPL-2.0
/*
 * What a program sees of /dev/liveupdate: memfds of every kind go into a session, and
 * come back as they were.
 *
 * "put" makes them and leaves a process behind that holds them; "get" looks at them in
 * the next kernel, puts them into the same session again, and leaves such a process, too.
 * Both print a line for each result.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/liveupdate.h>

#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC	0x20
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL	8
#define MFD_EXEC	0x10
#endif

#define SESSION		"luo_test"
#define PAGE		4096UL
#define MIB		(1UL << 20)
#define GIB		(1UL << 30)

static const char *test;

static bool report(bool good, const char *fmt, ...)
{
	va_list args;

	printf("%sok %s: ", good ? "" : "not ", test);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	return good;
}

/* Whether two numbers are the same; says what they are if not */
static bool same(const char *what, unsigned long long is, unsigned long long wanted)
{
	if (is == wanted)
		return report(true, "%s", what);
	return report(false, "%s is %#llx, not %#llx", what, is, wanted);
}

static bool fails(const char *what, long ret, int err)
{
	if (ret < 0 && errno == err)
		return report(true, "%s: %s", what, strerror(err));
	return report(false, "%s: %s, not %s", what, ret < 0 ? strerror(errno) : "it works",
		      strerror(err));
}

static void die(const char *what)
{
	report(false, "%s: %s", what, strerror(errno));
	exit(1);
}

/* Sessions */

static int session(unsigned int nr, const char *name)
{
	struct liveupdate_ioctl_create_session arg = { .size = sizeof(arg) };
	int dev = open("/dev/liveupdate", O_RDWR | O_CLOEXEC), ret;

	if (dev < 0)
		die("/dev/liveupdate");
	snprintf((char *)arg.name, sizeof(arg.name), "%s", name);
	ret = ioctl(dev, nr, &arg);
	close(dev);
	return ret < 0 ? ret : arg.fd;
}

static int preserve(int s, int fd, uint64_t token)
{
	struct liveupdate_session_preserve_fd arg = { sizeof(arg), fd, token };

	return ioctl(s, LIVEUPDATE_SESSION_PRESERVE_FD, &arg);
}

static int retrieve(int s, uint64_t token)
{
	struct liveupdate_session_retrieve_fd arg = { .size = sizeof(arg), .token = token };
	int ret = ioctl(s, LIVEUPDATE_SESSION_RETRIEVE_FD, &arg);

	return ret < 0 ? ret : arg.fd;
}

static int finish(int s)
{
	struct liveupdate_session_finish arg = { .size = sizeof(arg) };

	return ioctl(s, LIVEUPDATE_SESSION_FINISH, &arg);
}

/* Files */

/**
 * struct piece - pages that are written
 * @at:   the first byte; 0 may be anything before it
 * @len:  bytes
 * @late: only once the file is in its session
 */
struct piece {
	unsigned long at;
	unsigned long len;
	bool late;
};

/**
 * struct kind - a kind of memfd
 * @name:   the file's, too
 * @flags:  of memfd_create()
 * @size:   bytes
 * @piece:  what is written, up to one of length 0
 * @seals:  set before it is preserved
 * @late_seals: set after that
 * @mode:   if not 0
 * @owner:  and group, if not 0
 * @pos:    of the descriptor, changed after it is preserved
 * @open:   flags of another descriptor, which is the one that is preserved; 0 if none is
 * @blocks: at most so many pages are in it
 * @huge:   in large pages, if there are any
 */
struct kind {
	const char *name;
	unsigned int flags;
	unsigned long size;
	struct piece piece[4];
	unsigned int seals;
	unsigned int late_seals;
	unsigned int mode;
	unsigned int owner;
	unsigned long pos;
	int open;
	unsigned long blocks;
	bool huge;
};

#define LONG_NAME "a name of as many bytes as a memfd's can have " \
	"1234567890123456789012345678901234567890123456789012345678901234567890" \
	"1234567890123456789012345678901234567890123456789012345678901234567890" \
	"123456789012345678901234567890123456789012345678901234567890123"
static_assert(sizeof(LONG_NAME) == 250);

static const struct kind kinds[] = {
	{ .name = "empty" },
	{ "small", .size = 17, .piece = { { 0, 17 } }, .pos = 5 },
	{ "partial", .size = 3 * PAGE + 100, .piece = { { 0, 3 * PAGE + 100 } } },
	{ "large", .size = 8 * MIB, .piece = { { 0, 8 * MIB } }, .huge = true },
	{ "empty-but-large", .size = 64 * GIB, .blocks = 1 },
	{ "sparse", .size = 1024 * GIB,
	  .piece = { { 0, 10 }, { GIB + 5, 3 * PAGE }, { 1024 * GIB - 7, 7 } }, .blocks = 8 },
	{ "filled-late", .size = 256 * MIB,
	  .piece = { { PAGE, 10 }, { 100 * PAGE, 2 * PAGE, true }, { 64 * MIB + 1, 1, true } },
	  .blocks = 8 },
	{ "written-late", .size = 4 * PAGE, .piece = { { 0, 4 * PAGE, true } } },
	{ "sealed", MFD_ALLOW_SEALING, .size = PAGE, .piece = { { 0, PAGE } },
	  .seals = F_SEAL_SHRINK | F_SEAL_GROW },
	{ "write-sealed", MFD_ALLOW_SEALING, .size = 5, .piece = { { 0, 5 } },
	  .seals = F_SEAL_WRITE | F_SEAL_SEAL },
	{ "sealed-late", MFD_ALLOW_SEALING, .size = 5, .piece = { { 0, 5 } },
	  .late_seals = F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_SEAL },
	{ "write-sealed-late", MFD_ALLOW_SEALING, .size = 9 * PAGE,
	  .piece = { { 0, 9 * PAGE } }, .late_seals = F_SEAL_WRITE },
	{ "not-executable", MFD_NOEXEC_SEAL, .size = 5, .piece = { { 0, 5 } } },
	{ "executable", MFD_EXEC | MFD_ALLOW_SEALING, .size = 5, .piece = { { 0, 5 } },
	  .seals = F_SEAL_EXEC },
	{ "owned", .size = 5, .piece = { { 0, 5 } }, .mode = 0640, .owner = 1000 },
	{ "read-only", .size = 2 * PAGE, .piece = { { 0, 2 * PAGE } },
	  .open = O_RDONLY | O_CLOEXEC },
	{ "appending", .size = PAGE, .piece = { { 0, PAGE } }, .open = O_RDWR | O_APPEND },
	{ LONG_NAME, .size = 40 * PAGE, .piece = { { 0, 40 * PAGE } } },
};

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define NR_KINDS	ARRAY_SIZE(kinds)

/* Depends on the file and the place */
static uint8_t byte_at(const struct kind *k, unsigned long at)
{
	unsigned long x = (at + 1) * 0x9e3779b97f4a7c15UL + (k - kinds);

	return (x >> 32 | 1);
}

/* Each half of the pieces in another way: write(2), and by a mapping */
static void write_piece(int fd, const struct kind *k, const struct piece *p)
{
	unsigned long start = p->at & -PAGE, i;
	uint8_t *map, *buf;

	if (p->late || k->huge) {
		map = mmap(NULL, p->at - start + p->len, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			   start);
		if (map == MAP_FAILED)
			die("mmap");
		if (k->huge)
			madvise(map, p->len, MADV_HUGEPAGE);
		for (i = 0; i < p->len; i++)
			map[p->at - start + i] = byte_at(k, p->at + i);
		munmap(map, p->at - start + p->len);
		return;
	}
	buf = malloc(p->len);
	for (i = 0; i < p->len; i++)
		buf[i] = byte_at(k, p->at + i);
	if (pwrite(fd, buf, p->len, p->at) != (ssize_t)p->len)
		die("pwrite");
	free(buf);
}

static void write_pieces(int fd, const struct kind *k, bool late)
{
	const struct piece *p;

	for (p = k->piece; p < k->piece + 4 && p->len; p++)
		if (p->late == late)
			write_piece(fd, k, p);
}

static bool is_piece(int fd, const struct kind *k, const struct piece *p)
{
	uint8_t *buf = malloc(p->len);
	unsigned long i = 0;

	if (pread(fd, buf, p->len, p->at) == (ssize_t)p->len)
		while (i < p->len && buf[i] == byte_at(k, p->at + i))
			i++;
	free(buf);
	return i == p->len;
}

/* In the page after a piece, if it is in no other */
static bool is_zero_after(int fd, const struct piece *p)
{
	unsigned long at = p->at + p->len;
	uint8_t buf[64] = { 1 };
	ssize_t len = pread(fd, buf, sizeof(buf), at), i;

	for (i = 0; i < len; i++)
		if (buf[i])
			return false;
	return len >= 0;
}

static void check_contents(int fd, const struct kind *k)
{
	const struct piece *p;
	bool good = true;

	for (p = k->piece; p < k->piece + 4 && p->len; p++)
		good &= is_piece(fd, k, p) && is_zero_after(fd, p);
	report(good, "contents");
}

static int make(const struct kind *k)
{
	int fd = syscall(SYS_memfd_create, k->name, k->flags);

	if (fd < 0 || ftruncate(fd, k->size))
		die("memfd_create");
	write_pieces(fd, k, false);
	if ((k->mode && fchmod(fd, k->mode)) || (k->owner && fchown(fd, k->owner, k->owner)) ||
	    (k->seals && fcntl(fd, F_ADD_SEALS, k->seals)))
		die("its properties");
	return fd;
}

/* Another descriptor, of other rights */
static int reopen(int fd, int flags)
{
	char path[32];
	int other;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	other = open(path, flags);
	if (other < 0)
		die("open");
	return other;
}

static void check_fixed(int fd, const struct kind *k)
{
	if (k->open == (O_RDONLY | O_CLOEXEC) || k->seals & F_SEAL_WRITE)
		return;
	fails("it cannot grow", ftruncate(fd, k->size + 1), EPERM);
	if (k->size)
		fails("it cannot shrink", ftruncate(fd, k->size - 1), EPERM);
	fails("nothing is written behind it", pwrite(fd, "x", 1, k->size), EPERM);
	fails("no hole is punched", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
					      PAGE), EPERM);
}

static int put_one(int s, const struct kind *k)
{
	int first = make(k), fd = k->open ? reopen(first, k->open) : first;

	if (preserve(s, fd, 100 + (k - kinds)))
		die("PRESERVE_FD");
	report(true, "goes into the session");
	check_fixed(fd, k);
	write_pieces(first, k, true);
	if (k->late_seals && fcntl(first, F_ADD_SEALS, k->late_seals))
		die("F_ADD_SEALS while it is in a session");
	if (k->pos && lseek(fd, k->pos, SEEK_SET) < 0)
		die("lseek");
	if (first != fd)
		close(first);
	return fd;
}

static unsigned int seals_of(const struct kind *k)
{
	unsigned int seals = k->seals | k->late_seals;

	if (k->flags & MFD_NOEXEC_SEAL)
		return seals | F_SEAL_EXEC;
	if (!(k->flags & MFD_ALLOW_SEALING))
		return F_SEAL_SEAL;
	if (seals & F_SEAL_EXEC)
		seals |= F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
	return seals;
}

static unsigned int mode_of(const struct kind *k)
{
	return k->mode ?: k->flags & MFD_NOEXEC_SEAL ? 0666 : 0777;
}

static void check_name(int fd, const struct kind *k)
{
	char path[32], is[300] = "", wanted[300];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	snprintf(wanted, sizeof(wanted), "/memfd:%s (deleted)", k->name);
	if (readlink(path, is, sizeof(is) - 1) < 0 || strcmp(is, wanted))
		report(false, "its name is %s", is);
	else
		report(true, "name");
}

static void check(int fd, const struct kind *k)
{
	int flags = fcntl(fd, F_GETFL);
	struct stat st;

	if (fstat(fd, &st))
		die("fstat");
	same("size", st.st_size, k->size);
	same("mode", st.st_mode, S_IFREG | mode_of(k));
	same("owner", st.st_uid, k->owner);
	same("group", st.st_gid, k->owner);
	same("seals", fcntl(fd, F_GET_SEALS), seals_of(k));
	same("access mode", flags & (O_ACCMODE | O_APPEND),
	     k->open ? k->open & (O_ACCMODE | O_APPEND) : O_RDWR);
	same("position", lseek(fd, 0, SEEK_CUR), k->pos);
	same("descriptor's flags", fcntl(fd, F_GETFD), FD_CLOEXEC);
	check_name(fd, k);
	check_contents(fd, k);
	if (k->blocks)
		report((unsigned long)st.st_blocks <= k->blocks * PAGE / 512,
		       "it is as sparse as it was: %lu blocks", (unsigned long)st.st_blocks);
	if (seals_of(k) & F_SEAL_WRITE)
		fails("nobody can write", pwrite(fd, "x", 1, 0), EPERM);
}

/* Whoever holds the descriptors goes on without a terminal, until the kexec */
static void stay(void)
{
	fflush(stdout);
	if (fork() > 0)
		_exit(0);
	setsid();
	freopen("/dev/null", "w", stdout);
	freopen("/dev/null", "w", stderr);
	freopen("/dev/null", "r", stdin);
	for (;;)
		pause();
}

static void put_all(int s)
{
	const struct kind *k;

	for (k = kinds; k < kinds + NR_KINDS; k++) {
		test = k == kinds + NR_KINDS - 1 ? "long-name" : k->name;
		put_one(s, k);
	}
}

/* Errors that are not of one kind of file */
static void check_session(int s)
{
	char link[200] = "", path[32];
	int fd = syscall(SYS_memfd_create, "x", 0), pipefd[2];

	test = "session";
	snprintf(path, sizeof(path), "/proc/self/fd/%d", s);
	readlink(path, link, sizeof(link) - 1);
	report(!strcmp(link, "anon_inode:[luo_session] " SESSION), "its name is %s", link);
	fails("a number is used once", preserve(s, fd, 100), EEXIST);
	fails("a session does not go into itself", preserve(s, s, 1), ENOENT);
	if (pipe(pipefd))
		die("pipe");
	fails("a pipe does not go in", preserve(s, pipefd[0], 1), ENOENT);
	fails("nor does what is not there", preserve(s, 1000, 1), EBADF);
	fails("what is on its way cannot be retrieved", retrieve(s, 100), EINVAL);
	fails("nor finished", finish(s), EINVAL);
	fails("there is one of a name",
	      session(LIVEUPDATE_IOCTL_CREATE_SESSION, SESSION), EEXIST);
	close(fd);
	close(pipefd[0]);
	close(pipefd[1]);
}

static void put(void)
{
	int s = session(LIVEUPDATE_IOCTL_CREATE_SESSION, SESSION);

	if (s < 0)
		die("CREATE_SESSION");
	put_all(s);
	check_session(s);
	stay();
}

static void get(bool again)
{
	int s = session(LIVEUPDATE_IOCTL_RETRIEVE_SESSION, SESSION), fd[NR_KINDS], i, other;

	if (s < 0)
		die("RETRIEVE_SESSION");
	fails("it is retrieved once", session(LIVEUPDATE_IOCTL_RETRIEVE_SESSION, SESSION), EINVAL);
	fails("a token that nobody used", retrieve(s, 99), ENOENT);
	/* Not in the order in which they went in */
	for (i = NR_KINDS - 1; i >= 0; i--) {
		test = i == NR_KINDS - 1 ? "long-name" : kinds[i].name;
		fd[i] = retrieve(s, 100 + i);
		if (fd[i] < 0)
			die("RETRIEVE_FD");
		check(fd[i], &kinds[i]);
	}
	test = "session";
	other = retrieve(s, 100 + 1);
	report(other >= 0 && other != fd[1] && lseek(other, 0, SEEK_CUR) == 5,
	       "a second descriptor is of the same file");
	close(other);
	fails("nothing goes in before it is finished", preserve(s, fd[1], 1), EINVAL);
	report(!finish(s), "it can be finished");
	fails("then nothing more is retrieved", retrieve(s, 100), ENOENT);
	report(!finish(s), "it can be finished twice");
	if (!again)
		exit(0);
	for (i = 0; i < (int)NR_KINDS; i++)
		if (preserve(s, fd[i], 100 + i))
			die("PRESERVE_FD once more");
	report(true, "all files go into the session that they came from");
	stay();
}

/* Of what was released meanwhile: each has an error, and is no more than that */
static void get_lost(void)
{
	int s = session(LIVEUPDATE_IOCTL_RETRIEVE_SESSION, SESSION), fd;
	const struct kind *k;

	if (s < 0)
		die("RETRIEVE_SESSION");
	for (k = kinds; k < kinds + NR_KINDS; k++) {
		test = k == kinds + NR_KINDS - 1 ? "long-name" : k->name;
		fd = retrieve(s, 100 + (k - kinds));
		if (k->piece->len)
			fails("it cannot be had", fd, EIO);
		else
			check(fd, k);
	}
	report(!finish(s), "the session can be finished");
	exit(0);
}

/*
 * Allocations that fail, one after the other
 */

static void set_nth(int nr)
{
	int f = open("/proc/thread-self/fail-nth", O_WRONLY);

	if (f < 0 || dprintf(f, "%d", nr) < 0)
		die("fail-nth");
	close(f);
}

/* Whether there were less allocations than that; none fails any more */
static bool is_beyond(void)
{
	char text[16] = "";
	int f = open("/proc/thread-self/fail-nth", O_RDONLY);

	if (f < 0 || read(f, text, sizeof(text) - 1) < 0)
		die("fail-nth");
	close(f);
	set_nth(0);
	return atoi(text) > 0;
}

#define MAX_FAULTS	3000

/* Until none fails, or another error is seen; whatever fails leaves nothing behind */
static void put_faulty(const struct kind *k)
{
	bool beyond = false, good = true;
	int s, fd, n, ret = 0;

	for (n = 1; n < MAX_FAULTS && good && !beyond; n++) {
		s = session(LIVEUPDATE_IOCTL_CREATE_SESSION, "faulty");
		fd = make(k);
		set_nth(n);
		ret = preserve(s, fd, 1);
		good = !ret || errno == ENOMEM;
		beyond = is_beyond();
		if (!ret && fcntl(fd, F_GETFL) < 0)
			die("the file");
		close(fd);
		close(s);
	}
	report(good && beyond && !ret, "goes in when %d allocations have failed: %s", n - 2,
	       ret ? strerror(errno) : "it works");
}

static void put_faults(void)
{
	const struct kind *k;

	for (k = kinds; k < kinds + NR_KINDS - 1; k++) {
		test = k->name;
		put_faulty(k);
	}
	exit(0);
}

/* Of one that is retrieved in spite of that, everything is as it was */
static void get_faults(void)
{
	int s = session(LIVEUPDATE_IOCTL_RETRIEVE_SESSION, SESSION), fd, n;
	const struct kind *k;

	if (s < 0)
		die("RETRIEVE_SESSION");
	for (k = kinds; k < kinds + NR_KINDS; k++) {
		test = k == kinds + NR_KINDS - 1 ? "long-name" : k->name;
		/* Where one is tolerated, it ends: so begin with another each time */
		for (n = 1 + (k - kinds), fd = -1; n < MAX_FAULTS && fd < 0; n++) {
			set_nth(n);
			fd = retrieve(s, 100 + (k - kinds));
			if (fd < 0 && errno != ENOMEM && errno != ENFILE)
				break;
			is_beyond();
		}
		set_nth(0);
		if (report(fd >= 0, "comes at last"))
			check(fd, k);
	}
	report(!finish(s), "the session can be finished");
	exit(0);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	test = "start";
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!strcmp(what, "put"))
		put();
	if (!strcmp(what, "put-faults"))
		put_faults();
	if (!strcmp(what, "get-faults"))
		get_faults();
	if (!strcmp(what, "get") && argc > 2 && !strcmp(argv[2], "lost"))
		get_lost();
	if (!strcmp(what, "get"))
		get(argc > 2);
	fprintf(stderr, "usage: luo_test put | get [again | lost] | put-faults | get-faults\n");
	return 1;
}
