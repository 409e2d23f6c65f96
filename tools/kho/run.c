// SPDX-License-Identifier: GPL-2.0-only
/*
 * kho: other programs, and those of the operator in /etc/kho, run to their end.
 */
#include <ctype.h>
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

/* As run-parts(8) takes names */
static bool is_hook_name(const char *name)
{
	while (isascii(*name) && (isalnum(*name) || *name == '_' || *name == '-'))
		name++;
	return !*name;
}

/* Regular files, or links to them */
static bool is_file(const char *dir, const char *name, mode_t *mode)
{
	struct stat st;

	if (stat(sys_path("%s/%s", dir, name), &st) || !S_ISREG(st.st_mode))
		return false;
	*mode = st.st_mode;
	return true;
}

bool has_hooks(const char *dir)
{
	char **names __free(list) = sys_list(dir), **name;
	mode_t mode;

	for (name = names; name && *name; name++)
		if (is_file(dir, *name, &mode) && mode & 0111 && is_hook_name(*name))
			return true;
	return false;
}

/**
 * each_skipped_hook() - what in a directory run-parts will not run, and says nothing of
 * @dir:  of programs
 * @fn:   called with the file, why it is skipped, and what to do
 * @data: for @fn
 */
void each_skipped_hook(const char *dir, void (*fn)(const char *path, const char *why,
						   const char *todo, void *data), void *data)
{
	char **names __free(list) = sys_list(dir), **name;
	mode_t mode;

	for (name = names; name && *name; name++) {
		char *path __free(free) = NULL;

		if (!strcmp(*name, "README") || !is_file(dir, *name, &mode) ||
		    asprintf(&path, "%s/%s", dir, *name) < 0)
			continue;
		if (!is_hook_name(*name) && mode & 0111)
			fn(path, "run-parts takes only letters, digits, _ and - in a name",
			   "rename it, or chmod -x it", data);
		else if (is_hook_name(*name) && !(mode & 0111))
			fn(path, "it is not executable", "chmod +x it, or remove it", data);
	}
}

/* In the order of their names; with @option --exit-on-error up to the first that fails */
int run_hooks(const char *dir, const char *option)
{
	const char *const argv[] = { "run-parts", "--report", dir, option, NULL };

	return has_hooks(dir) ? run(argv) : 0;
}
