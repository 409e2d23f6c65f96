// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stands for the calls that load an image, write data and jump, in kho's tests: each
 * asks the program $KHO_FAKE, whose exit code is errno.
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/kexec.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static long ask(const char *call)
{
	char command[64];

	snprintf(command, sizeof(command), "exec $KHO_FAKE %s %d", call, getpid());
	errno = WEXITSTATUS(system(command));
	return errno ? -1 : 0;
}

long syscall(long nr, ...)
{
	long (*real)(long nr, ...) = dlsym(RTLD_NEXT, "syscall");
	long a[6], ret;
	va_list args;
	int i;

	va_start(args, nr);
	for (i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (nr == SYS_kexec_file_load)
		return ask(a[4] & KEXEC_FILE_UNLOAD ? "unload" : "load");
	if (nr != SYS_reboot)
		return real(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	ret = ask("reboot");
	if (!ret)
		_exit(0);
	return ret;
}

void sync(void)
{
	ask("sync");
}
