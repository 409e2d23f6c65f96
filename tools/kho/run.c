// SPDX-License-Identifier: GPL-2.0-only
/*
 * kho: other programs, and those of the operator in /etc/kho, run to their end.
 */
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "kho.h"

/**
 * run() - run a program
 * @argv: its name and arguments, and NULL
 *
 * What it prints goes where errors go: stdout may be for JSON.
 *
 * Return: its exit status, 127 if it is not there; less than 0 if there is no telling.
 */
int run(const char *const argv[])
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* README is none of them */
bool has_hooks(const char *dir)
{
	char **names __free(list) = sys_list(dir), **name;
	struct stat st;

	for (name = names; name && *name; name++)
		if (!stat(sys_path("%s/%s", dir, *name), &st) && S_ISREG(st.st_mode) &&
		    st.st_mode & 0111)
			return true;
	return false;
}

/* In the order of their names; with @option --exit-on-error up to the first that fails */
int run_hooks(const char *dir, const char *option)
{
	const char *const argv[] = { "run-parts", "--report", dir, option, NULL };

	return has_hooks(dir) ? run(argv) : 0;
}
