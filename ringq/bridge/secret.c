/* SPDX-License-Identifier: MIT */
#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static _Thread_local char complaint[512];

static const char *say(const char *path, const char *what)
{
	snprintf(complaint, sizeof complaint, "%.300s: %s", path, what);
	return complaint;
}

static int open_it(const char *path, bool *of_manager)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	char full[4200];
	int fd = -1;
	if (directory && !strchr(path, '/') && snprintf(full, sizeof full, "%.4000s/%.150s", directory, path) > 0)
		fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	*of_manager = fd >= 0;
	if (fd >= 0)
		return fd;
	return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

static bool take_value(const char *line, const char *key, char *out, size_t size, bool *fits)
{
	size_t n = strlen(key);
	if (strncmp(line, key, n) != 0)
		return false;
	line += n;
	line += strspn(line, " \t");
	if (*line != '=')
		return false;
	line++;
	line += strspn(line, " \t");
	n = strcspn(line, "\r\n");
	*fits = n < size;
	snprintf(out, size, "%.*s", (int)n, line);
	return true;
}

static const char *parse(struct secret *out, char *text, const char *path)
{
	bool user = false, password = false, fits = true;
	for (char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		if (take_value(line, "user", out->user, sizeof out->user, &fits))
			user = true;
		else if (take_value(line, "password", out->password, sizeof out->password, &fits))
			password = true;
		if (!fits)
			return say(path, "a value is too long");
	}
	return user && password ? NULL : say(path, "it has no lines `user = NAME` and `password = TEXT`");
}

const char *secret_read(struct secret *out, const char *path)
{
	struct stat st;
	bool of_manager;
	char text[2048];
	*out = (struct secret){0};
	int fd = open_it(path, &of_manager);
	if (fd < 0)
		return say(path, strerror(errno));
	const char *wrong = NULL;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		wrong = say(path, "not a file");
	else if (!of_manager && (st.st_mode & 077))
		wrong = say(path, "others may read it: its mode must be 0600 or less");
	ssize_t n = wrong ? 0 : read(fd, text, sizeof text - 1);
	if (!wrong && (n < 0 || n == sizeof text - 1))
		wrong = say(path, n < 0 ? strerror(errno) : "it is too long");
	close(fd);
	if (!wrong) {
		text[n] = 0;
		wrong = parse(out, text, path);
	}
	explicit_bzero(text, sizeof text);
	if (wrong)
		secret_wipe(out);
	return wrong;
}

void secret_wipe(struct secret *secret)
{
	explicit_bzero(secret, sizeof *secret);
}

void secret_forbid_cores(void)
{
	/* Of 1, not 0: that is what also keeps the kernel from piping a core to a program (core(5)). */
	struct rlimit one = {.rlim_cur = 1, .rlim_max = 1};
	setrlimit(RLIMIT_CORE, &one);
}
