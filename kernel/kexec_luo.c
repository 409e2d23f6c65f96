// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live update: /dev/liveupdate and its ioctls.
 *
 * See Documentation/kho/liveupdate.rst.
 */
#define pr_fmt(fmt) "liveupdate: " fmt

#include <linux/anon_inodes.h>
#include <linux/atomic.h>
#include <linux/cleanup.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/kexec_handover.h>
#include <linux/kstrtox.h>
#include <linux/miscdevice.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "kexec_luo_internal.h"

static bool luo_asked_for;

static int __init parse_liveupdate(char *val)
{
	return val ? kstrtobool(val, &luo_asked_for) : -EINVAL;
}
early_param("liveupdate", parse_liveupdate);

/**
 * liveupdate_enabled() - whether files can be put into sessions
 *
 * Return: true with liveupdate=on and kho=on on the command line, and room for scratch.
 */
bool liveupdate_enabled(void)
{
	return luo_asked_for && kho_is_enabled();
}

/**
 * union luo_cmd - what user space gives an ioctl, and gets back
 * @size:     the first of each
 * @create:   CREATE_SESSION
 * @retrieve: RETRIEVE_SESSION
 * @put:      PRESERVE_FD
 * @get:      RETRIEVE_FD
 * @finish:   FINISH
 * @name:     GET_NAME
 */
union luo_cmd {
	u32 size;
	struct liveupdate_ioctl_create_session create;
	struct liveupdate_ioctl_retrieve_session retrieve;
	struct liveupdate_session_preserve_fd put;
	struct liveupdate_session_retrieve_fd get;
	struct liveupdate_session_finish finish;
	struct liveupdate_session_get_name name;
};

/**
 * struct luo_op - an ioctl
 * @cmd:  its number
 * @size: of its struct
 * @fn:   does it. Returns an error; NULL, and what it left in the command is copied back;
 *	or the file for a descriptor
 * @fd_at: where in the struct that is, or 0
 */
struct luo_op {
	unsigned int cmd;
	size_t size;
	struct file *(*fn)(struct luo_session *s, union luo_cmd *cmd);
	size_t fd_at;
};

static int check_name(const u8 *name)
{
	return *name && memchr(name, '\0', LUO_NAME_SIZE) ? 0 : -EINVAL;
}

static int copy_back(const struct luo_op *op, const union luo_cmd *cmd, void __user *arg,
		     u32 user_size)
{
	return copy_to_user(arg, cmd, min_t(size_t, op->size, user_size)) ? -EFAULT : 0;
}

/* What could fail is done before, so that nothing has to be undone */
static int give_file(const struct luo_op *op, struct luo_session *s, union luo_cmd *cmd,
		     void __user *arg, u32 user_size)
{
	s32 *fd = (void *)cmd + op->fd_at;
	struct file *file;
	int err;

	*fd = get_unused_fd_flags(O_CLOEXEC);
	if (*fd < 0)
		return *fd;

	err = copy_back(op, cmd, arg, user_size);
	file = err ? ERR_PTR(err) : op->fn(s, cmd);
	if (IS_ERR(file)) {
		put_unused_fd(*fd);
		put_user(-1, (s32 __user *)(arg + op->fd_at));
		return PTR_ERR(file);
	}
	fd_install(*fd, file);
	return 0;
}

static long do_ioctl(const struct luo_op *ops, unsigned int base, unsigned int nr_ops,
		     struct luo_session *s, unsigned int nr, unsigned long arg)
{
	unsigned int at = _IOC_NR(nr) - base;
	void __user *user = (void __user *)arg;
	const struct luo_op *op;
	union luo_cmd cmd = { };
	u32 size;
	int err;

	/* systemd counts on this one, and on the next */
	if (_IOC_NR(nr) < base || at >= nr_ops)
		return -EINVAL;
	if (get_user(size, (u32 __user *)user))
		return -EFAULT;
	op = &ops[at];
	if (op->cmd != nr)
		return -ENOTTY;
	if (size < op->size)
		return -EINVAL;
	/* All of it is looked at */
	if (size > PAGE_SIZE)
		return -E2BIG;
	err = copy_struct_from_user(&cmd, op->size, user, size);
	if (err)
		return err;

	if (op->fd_at)
		return give_file(op, s, &cmd, user, size);
	return PTR_ERR_OR_ZERO(op->fn(s, &cmd)) ?: copy_back(op, &cmd, user, size);
}

/* PRESERVE_FD and FINISH keep a handover from being written meanwhile */
static int lock_changing(struct luo_session *s)
{
	if (mutex_lock_killable(&s->lock))
		return -EINTR;
	if (!down_read_killable(&luo_dump))
		return 0;
	mutex_unlock(&s->lock);
	return -EINTR;
}

static void unlock_changing(struct luo_session *s)
{
	up_read(&luo_dump);
	mutex_unlock(&s->lock);
}

static int preserve_file(struct luo_session *s, struct file *file, u64 token)
{
	int err = lock_changing(s);

	if (err)
		return err;
	err = s->kind == LUO_OUTGOING ? luo_file_preserve(s, file, token) : -EINVAL;
	unlock_changing(s);
	return err;
}

static struct file *preserve_fd(struct luo_session *s, union luo_cmd *cmd)
{
	struct file *file = fget(cmd->put.fd);
	int err;

	if (!file)
		return ERR_PTR(-EBADF);
	err = preserve_file(s, file, cmd->put.token);
	fput(file);
	return ERR_PTR(err);
}

static struct file *retrieve_fd(struct luo_session *s, union luo_cmd *cmd)
{
	struct file *file;

	if (mutex_lock_killable(&s->lock))
		return ERR_PTR(-EINTR);
	/* Of one that was finished, no token is known any more */
	if (s->kind == LUO_INCOMING)
		file = luo_file_retrieve(s, cmd->get.token);
	else
		file = ERR_PTR(s->retrieved ? -ENOENT : -EINVAL);
	mutex_unlock(&s->lock);
	return file;
}

static struct file *finish_session(struct luo_session *s, union luo_cmd *cmd)
{
	int err;

	if (cmd->finish.reserved)
		return ERR_PTR(-EINVAL);
	err = lock_changing(s);
	if (err)
		return ERR_PTR(err);
	if (s->kind == LUO_INCOMING)
		err = luo_session_finish(s);
	else
		err = s->retrieved ? 0 : -EINVAL;
	unlock_changing(s);
	return ERR_PTR(err);
}

static struct file *get_name(struct luo_session *s, union luo_cmd *cmd)
{
	if (cmd->name.reserved)
		return ERR_PTR(-EINVAL);
	strscpy_pad((char *)cmd->name.name, s->name, sizeof(cmd->name.name));
	return NULL;
}

static const struct luo_op luo_session_ops[] = {
	{ LIVEUPDATE_SESSION_PRESERVE_FD, sizeof(struct liveupdate_session_preserve_fd),
	  preserve_fd },
	{ LIVEUPDATE_SESSION_RETRIEVE_FD, sizeof(struct liveupdate_session_retrieve_fd),
	  retrieve_fd, offsetof(struct liveupdate_session_retrieve_fd, fd) },
	{ LIVEUPDATE_SESSION_FINISH, sizeof(struct liveupdate_session_finish),
	  finish_session },
	{ LIVEUPDATE_SESSION_GET_NAME, sizeof(struct liveupdate_session_get_name), get_name },
};

static long luo_session_ioctl(struct file *file, unsigned int nr, unsigned long arg)
{
	return do_ioctl(luo_session_ops, LIVEUPDATE_CMD_SESSION_BASE,
			ARRAY_SIZE(luo_session_ops), file->private_data, nr, arg);
}

static int luo_session_release(struct inode *inode, struct file *file)
{
	luo_session_close(file->private_data);
	return 0;
}

static const struct file_operations luo_session_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = luo_session_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.release = luo_session_release,
};

/* systemd knows a session by this name, in /proc */
static struct file *session_file(struct luo_session *s)
{
	char name[sizeof("[luo_session] ") + LUO_NAME_SIZE];
	struct file *file;

	if (IS_ERR(s))
		return ERR_CAST(s);
	snprintf(name, sizeof(name), "[luo_session] %s", s->name);
	file = anon_inode_getfile(name, &luo_session_fops, s, O_RDWR);
	if (IS_ERR(file))
		luo_session_abandon(s);
	return file;
}

static struct file *create_session(struct luo_session *s, union luo_cmd *cmd)
{
	int err = check_name(cmd->create.name);

	return err ? ERR_PTR(err) : session_file(luo_session_create(cmd->create.name));
}

static struct file *retrieve_session(struct luo_session *s, union luo_cmd *cmd)
{
	int err = check_name(cmd->retrieve.name);

	return err ? ERR_PTR(err) : session_file(luo_session_retrieve(cmd->retrieve.name));
}

static const struct luo_op luo_device_ops[] = {
	{ LIVEUPDATE_IOCTL_CREATE_SESSION, sizeof(struct liveupdate_ioctl_create_session),
	  create_session, offsetof(struct liveupdate_ioctl_create_session, fd) },
	{ LIVEUPDATE_IOCTL_RETRIEVE_SESSION, sizeof(struct liveupdate_ioctl_retrieve_session),
	  retrieve_session, offsetof(struct liveupdate_ioctl_retrieve_session, fd) },
};

static long luo_device_ioctl(struct file *file, unsigned int nr, unsigned long arg)
{
	return do_ioctl(luo_device_ops, LIVEUPDATE_CMD_BASE, ARRAY_SIZE(luo_device_ops), NULL,
			nr, arg);
}

/* One at a time, as in mainline */
static atomic_t luo_opened = ATOMIC_INIT(0);

static int luo_device_open(struct inode *inode, struct file *file)
{
	return atomic_cmpxchg(&luo_opened, 0, 1) ? -EBUSY : 0;
}

static int luo_device_release(struct inode *inode, struct file *file)
{
	atomic_set(&luo_opened, 0);
	return 0;
}

static const struct file_operations luo_device_fops = {
	.owner = THIS_MODULE,
	.open = luo_device_open,
	.release = luo_device_release,
	.unlocked_ioctl = luo_device_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice luo_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "liveupdate",
	.fops = &luo_device_fops,
	.mode = 0600,
};

static int __init luo_init(void)
{
	int err;

	if (!liveupdate_enabled()) {
		if (luo_find(kho_get_fdt()) != -ENOENT)
			pr_warn("sessions were handed over, and liveupdate=on was not said: what is preserved of them stays reserved\n");
		return 0;
	}

	err = luo_in_init();
	if (err)
		pr_warn("not all of /sys/kernel/liveupdate is there: %pe\n", ERR_PTR(err));
	err = luo_out_init() ?: misc_register(&luo_device);
	if (err)
		pr_err("no /dev/liveupdate: %pe\n", ERR_PTR(err));
	return err;
}
late_initcall(luo_init);
