// SPDX-License-Identifier: GPL-2.0-only
/*
 * kho-keep: values that cross kexecs, held by a process that shutdowns spare.
 *
 * A value is a sealed memfd in a session of /dev/liveupdate, and a session lasts as long as
 * somebody has it open: `kho-keep hold`, a service, does. The other verbs ask it, on a
 * socket. Documentation/kho/kho-keep.rst is the manual.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <linux/liveupdate.h>

#define DEVICE		"/dev/liveupdate"
#define NO_DEVICE	"there is no " DEVICE "; boot such a kernel with kho=on liveupdate=on"
#define INCOMING	"/sys/kernel/liveupdate/incoming"
#define SOCKET		"/run/kho-keep"
#define SEALS		(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL	8U
#endif

/*
 * Names of sessions are unique, and a value's new session is there before its old one goes:
 * so each value has two names for them.
 */
static const char *const prefixes[] = { "keep ", "kept " };
#define PREFIX		5
#define NAME_MOST	(LIVEUPDATE_SESSION_NAME_LENGTH - PREFIX - 1)

/* What a request is, and what an answer; after MORE and BAD there is another */
enum { PUT = 1, GET, DROP, LIST, DONE, FAILED, MORE, BAD };

/* One layout for good: after an upgrade, an older holder meets newer clients */
struct msg {
	uint32_t what;
	uint32_t reserved;
	uint64_t bytes;
	char text[240];		/* a name, or what is wrong */
};

/* What is wrong, and what to do */
static char why[sizeof(((struct msg *)0)->text)];
#define no(...) ({ snprintf(why, sizeof(why), __VA_ARGS__); -1; })

static int complain(void)
{
	fprintf(stderr, "kho-keep: %s\n", why);
	return EXIT_FAILURE;
}

/* A descriptor goes with it if @fd is not less than 0 */
static int send_msg(int sock, uint32_t what, uint64_t bytes, const char *text, int fd)
{
	struct msg m = { .what = what, .bytes = bytes };
	struct iovec iov = { &m, sizeof(m) };
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .head = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };

	snprintf(m.text, sizeof(m.text), "%s", text);
	if (fd >= 0) {
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
		h.msg_control = &control;
		h.msg_controllen = CMSG_LEN(sizeof(int));
	}
	return sendmsg(sock, &h, MSG_NOSIGNAL) == sizeof(m) ? 0 : -1;
}

static int recv_msg(int sock, struct msg *m, int *fd)
{
	struct iovec iov = { m, sizeof(*m) };
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	/* All of the room would be enough for a second descriptor */
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			    .msg_controllen = CMSG_LEN(sizeof(int)) };
	ssize_t len = recvmsg(sock, &h, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = len < 0 ? NULL : CMSG_FIRSTHDR(&h);

	*fd = -1;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(c), sizeof(*fd));
	if (len == sizeof(*m) && !m->text[sizeof(m->text) - 1])
		return 0;
	if (*fd >= 0)
		close(*fd);
	return -1;
}

static struct sockaddr_un address(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	return a;
}

static int call_holder(void)
{
	struct sockaddr_un a = address(SOCKET);
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (!connect(sock, (struct sockaddr *)&a, sizeof(a)))
		return sock;
	if (errno != ENOENT && errno != ECONNREFUSED)
		no(SOCKET ": %s; run it as root", strerror(errno));
	else if (access(DEVICE, F_OK))
		no(NO_DEVICE);
	else
		no("the holder is not running; systemctl start kho-keep");
	close(sock);
	return -1;
}

static int check_name(const char *name)
{
	size_t len = strlen(name);

	if (len && len <= NAME_MOST && !strchr(name, '\n'))
		return 0;
	return no("a name has 1 to %d bytes, and no newline; choose another", NAME_MOST);
}

/* The holder: what it holds */

struct value {
	struct value *next;
	int session;
	int fd;			/* less than 0 until it is retrieved */
	int incoming;		/* its session is not finished yet */
	int preserved;
	char name[LIVEUPDATE_SESSION_NAME_LENGTH];	/* of its session */
};

static struct value *values;

static struct value *find(const char *name)
{
	struct value *v;

	for (v = values; v; v = v->next)
		if (!strcmp(v->name + PREFIX, name))
			return v;
	no("%s: there is no such value; see kho-keep list", name);
	return NULL;
}

static void forget(struct value *v)
{
	struct value **at = &values;

	while (*at != v)
		at = &(*at)->next;
	*at = v->next;
	close(v->session);
	if (v->fd >= 0)
		close(v->fd);
	free(v);
}

/* Only one program at a time can have it open: so wait a second, and never keep it */
static int open_device(void)
{
	int fd, tries;

	for (tries = 0; tries < 50; tries++) {
		fd = open(DEVICE, O_RDWR | O_CLOEXEC);
		if (fd >= 0 || errno != EBUSY)
			break;
		usleep(20000);
	}
	if (fd >= 0)
		return fd;
	if (errno == ENOENT)
		return no(NO_DEVICE);
	return no(DEVICE ": %s; %s", strerror(errno), errno == EBUSY ?
		  "another program has it open all the time: end that" : "run it as root");
}

static const char *todo(int err)
{
	switch (err) {
	case EBUSY:
		return "a kexec is under way: try again if it fails";
	case ENOMEM:
		return "free memory and try again";
	case ENOENT:
	case EOPNOTSUPP:
		return "boot a kernel whose " DEVICE " takes memfds";
	case EEXIST:
		return "another program has such a session: choose another name";
	case EMFILE:
		return "raise LimitNOFILE= of kho-keep.service";
	default:
		return "see the kernel's log";
	}
}

static int no_call(const struct value *v, const char *what)
{
	int err = errno;

	return no("%s: %s: %s; %s", v->name + PREFIX, what, strerror(err), todo(err));
}

/* Make a value of the session that CREATE_SESSION or RETRIEVE_SESSION gives: one layout */
static struct value *add(const char *prefix, const char *name, int fd, unsigned long nr)
{
	struct liveupdate_ioctl_create_session arg = { .size = sizeof(arg) };
	struct value *v = calloc(1, sizeof(*v));
	int dev = v ? open_device() : no("%s: out of memory; free some and try again", name);
	int err = dev < 0;

	if (err)
		goto out;
	v->fd = fd;
	v->incoming = nr == LIVEUPDATE_IOCTL_RETRIEVE_SESSION;
	snprintf(v->name, sizeof(v->name), "%s%s", prefix, name);
	memcpy(arg.name, v->name, sizeof(arg.name));
	err = ioctl(dev, nr, &arg) ? no_call(v, "there is no session for it") : 0;
	close(dev);
out:
	if (err) {
		free(v);
		return NULL;
	}
	v->session = arg.fd;
	v->next = values;
	values = v;
	return v;
}

/* Have it cross the next kexec. What fails is tried again later: its session stays open */
static int take(struct value *v)
{
	struct liveupdate_session_retrieve_fd get = { .size = sizeof(get) };
	struct liveupdate_session_finish finish = { .size = sizeof(finish) };
	struct liveupdate_session_preserve_fd give = { .size = sizeof(give) };

	if (v->fd < 0) {
		if (ioctl(v->session, LIVEUPDATE_SESSION_RETRIEVE_FD, &get))
			return no_call(v, "it cannot be retrieved");
		v->fd = get.fd;
	}
	if (v->incoming && ioctl(v->session, LIVEUPDATE_SESSION_FINISH, &finish))
		return no_call(v, "its session cannot be finished");
	v->incoming = 0;
	give.fd = v->fd;
	if (!v->preserved && ioctl(v->session, LIVEUPDATE_SESSION_PRESERVE_FD, &give))
		return no_call(v, "it will not cross the next kexec");
	v->preserved = 1;
	return 0;
}

/* Takes @fd, if it succeeds */
static int store(const char *name, int fd)
{
	struct value *old = find(name), *v;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || (seals & SEALS) != SEALS)
		return no("what came is no sealed memfd; use kho-keep put");
	v = add(prefixes[old && !memcmp(old->name, prefixes[0], PREFIX)], name, fd,
		LIVEUPDATE_IOCTL_CREATE_SESSION);
	if (!v)
		return -1;
	if (take(v)) {
		v->fd = -1;
		forget(v);
		return -1;
	}
	if (old)
		forget(old);
	return 0;
}

/* If the jump came while a value had both sessions, one is as good as the other */
static void arrive(const char *prefix, const char *name)
{
	struct value *twin = find(name), *v;

	v = add(prefix, name, -1, LIVEUPDATE_IOCTL_RETRIEVE_SESSION);
	if (!v || take(v))
		complain();
	if (v && twin)
		forget(v->preserved ? twin : v);
}

static void arrive_from(const char *dir)
{
	char path[PATH_MAX], name[LIVEUPDATE_SESSION_NAME_LENGTH + 1];
	unsigned int i;
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), INCOMING "/%s/name", dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? 0 : read(fd, name, sizeof(name));
	close(fd);
	if (len <= PREFIX)
		return;
	name[len - 1] = '\0';
	for (i = 0; i < 2; i++)
		if (!memcmp(name, prefixes[i], PREFIX) && !check_name(name + PREFIX))
			arrive(prefixes[i], name + PREFIX);
}

/* A session leaves the directory when it is finished: so all are listed before */
static int arrive_all(void)
{
	struct dirent **found;
	int nr = scandir(INCOMING, &found, NULL, NULL), i;

	if (nr < 0)
		return no(INCOMING ": %s; see the kernel's log", strerror(errno));
	for (i = 0; i < nr; i++) {
		if (*found[i]->d_name != '.')
			arrive_from(found[i]->d_name);
		free(found[i]);
	}
	free(found);
	return 0;
}

/* The holder: who asks it */

static uint64_t size_of(int fd)
{
	struct stat st;

	return fd < 0 || fstat(fd, &st) ? 0 : st.st_size;
}

static void list(int sock)
{
	struct value *v;

	for (v = values; v; v = v->next) {
		int bad = take(v);

		if ((v->fd >= 0 && send_msg(sock, MORE, size_of(v->fd), v->name + PREFIX, -1)) ||
		    (bad && send_msg(sock, BAD, 0, why, -1)))
			return;
	}
}

/* Less than 0 is a failure; what else is the descriptor to answer with, or none */
static int answer(int sock, const struct msg *m, int fd, int *out)
{
	struct value *v;

	if (m->what < PUT || m->what > LIST)
		return no("the holder is of another version; that ends with the next kexec");
	if (m->what == LIST) {
		list(sock);
		return 0;
	}
	if (check_name(m->text))
		return -1;
	if (m->what == PUT)
		return store(m->text, fd);
	v = find(m->text);
	if (!v)
		return -1;
	if (m->what == DROP) {
		forget(v);
		return 0;
	}
	if (v->fd < 0 && take(v) && v->fd < 0)
		return -1;
	*out = v->fd;
	return 0;
}

static void serve(int sock)
{
	/* Whoever says nothing, or does not listen, must not keep others waiting */
	struct timeval patience = { .tv_sec = 5 };
	int fd, out = -1, err;
	struct msg m;

	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (recv_msg(sock, &m, &fd))
		return;
	err = answer(sock, &m, fd, &out);
	send_msg(sock, err ? FAILED : DONE, size_of(out), err ? why : "", out);
	if (fd >= 0 && (err || m.what != PUT))
		close(fd);
}

static int listen_on(const char *path)
{
	struct sockaddr_un a = address(path);
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	unlink(path);
	umask(0177);
	if (sock < 0 || bind(sock, (struct sockaddr *)&a, sizeof(a)) || listen(sock, 16))
		return no("%s: %s; run it as root", path, strerror(errno));
	return sock;
}

/* See sd_notify(3) */
static void say_ready(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un a = address(path ?: "");

	if (*a.sun_path == '@')
		*a.sun_path = '\0';
	if (path && strlen(path) < sizeof(a.sun_path))
		sendto(sock, "READY=1", 7, MSG_NOSIGNAL, (struct sockaddr *)&a,
		       offsetof(struct sockaddr_un, sun_path) + strlen(path));
	close(sock);
}

static int hold(char *argv0)
{
	int sock = call_holder(), dev;

	if (sock >= 0) {
		no("a holder is running; there can be only one");
		return complain();
	}
	/* Has systemd spare a process of root when it kills all others */
	*argv0 = '@';
	/* Whoever reads the log may be gone by then */
	signal(SIGPIPE, SIG_IGN);

	dev = open_device();
	if (dev < 0)
		return complain();
	close(dev);
	if (arrive_all() || chdir("/"))
		return complain();
	sock = listen_on(SOCKET);
	if (sock < 0)
		return complain();
	say_ready();
	for (;;) {
		int client = accept4(sock, NULL, NULL, SOCK_CLOEXEC);

		/* No descriptors are left, for one */
		if (client < 0) {
			usleep(100000);
			continue;
		}
		serve(client);
		close(client);
	}
}

/* Who asks the holder */

/* With @at less than 0, from a file that may be a pipe */
static int copy(int from, int to, off_t at)
{
	static char buf[65536];
	ssize_t n, done, len;

	for (;;) {
		len = at < 0 ? read(from, buf, sizeof(buf)) : pread(from, buf, sizeof(buf), at);
		if (len <= 0)
			return len;
		for (done = 0; done < len; done += n) {
			n = write(to, buf + done, len - done);
			if (n < 0)
				return -1;
		}
		if (at >= 0)
			at += len;
	}
}

static int sealed_copy(const char *path)
{
	int from = path ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
	int to = memfd_create("kho-keep", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

	if (from < 0)
		return no("%s: %s; name a file that can be read", path, strerror(errno));
	if (to < 0 || copy(from, to, -1) || fcntl(to, F_ADD_SEALS, SEALS))
		return no("%s cannot be copied: %s; try again", path ?: "the input",
			  strerror(errno));
	return to;
}

static int write_out(const char *path, int fd)
{
	int to = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : STDOUT_FILENO;

	if (to < 0 || copy(fd, to, 0) || close(to))
		return no("%s: %s; what was written may not be all of it", path ?: "the output",
			  strerror(errno));
	return 0;
}

/* Ask, and print what is answered */
static int ask(uint32_t what, const char *name, const char *path)
{
	int sock = call_holder(), code = EXIT_SUCCESS, fd = -1;
	struct msg m = { };

	/* It would not wait for all of the input */
	if (sock >= 0 && what == PUT) {
		close(sock);
		fd = sealed_copy(path);
		sock = fd < 0 ? -1 : call_holder();
	}
	if (sock < 0)
		return complain();
	send_msg(sock, what, 0, name, fd);
	while (!recv_msg(sock, &m, &fd) && (m.what == MORE || m.what == BAD)) {
		if (m.what == MORE) {
			printf("%s %llu\n", m.text, (unsigned long long)m.bytes);
			continue;
		}
		no("%s", m.text);
		code = complain();
	}
	if (m.what == FAILED)
		no("%s", m.text);
	else if (m.what != DONE)
		no("the holder has gone away; see journalctl -u kho-keep");
	else if (what == GET && fd < 0)
		no("the descriptor could not be received; raise ulimit -n");
	else if (what != GET || !write_out(path, fd))
		return code;
	return complain();
}

static const struct verb {
	const char *name;
	uint32_t what;
	int least, most;
} verbs[] = {
	{ "hold", 0, 0, 0 },
	{ "put", PUT, 1, 2 },
	{ "get", GET, 1, 2 },
	{ "drop", DROP, 1, 1 },
	{ "list", LIST, 0, 0 },
};

int main(int argc, char **argv)
{
	unsigned int i;

	for (i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
		const struct verb *v = &verbs[i];

		if (argc < 2 || strcmp(argv[1], v->name) || argc - 2 < v->least ||
		    argc - 2 > v->most)
			continue;
		if (v->least && check_name(argv[2])) {
			complain();
			return 2;
		}
		return v->what ? ask(v->what, argc > 2 ? argv[2] : "", argc > 3 ? argv[3] : NULL) :
		       hold(argv[0]);
	}
	fputs("kho-keep hold | put NAME [FILE] | get NAME [FILE] | drop NAME | list\n"
	      "The manual is kho-keep(8).\n", stderr);
	return 2;
}
