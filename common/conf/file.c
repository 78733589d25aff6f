/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Reading a configuration file as a whole.  Master; the text is the administrator's. */
#include "common/conf/int.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_FIRST = 4096 };

/*
 * The whole of an open file; NULL and words for what is wrong.  The room grows with the file: one
 * of the largest size would stay with the process, which is the master, from the second time on.
 */
static char *
read_all(int fd, const char **why_r)
{
	size_t room = READ_FIRST, len = 0;
	char *text = malloc(room + 1);
	ssize_t n = 0;

	while (text && len < CONF_TEXT) {
		n = read(fd, text + len, room - len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
		if (len == room)
			text = realloc(text, (room *= 2) + 1);
	}
	if (!text)
		fatal("out of memory");
	text[len] = '\0';
	if (len >= CONF_TEXT)
		*why_r = "longer than 8 MiB";
	else if (n == -1)
		*why_r = strerror(errno);
	else if (strlen(text) != len)
		*why_r = "there is a NUL byte in it";
	else
		return text;
	free(text);
	return NULL;
}

char *
conf_file_read(const char *path, const char **why_r)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char *text = NULL;
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1)
		*why_r = strerror(errno);
	else if (!S_ISREG(st.st_mode))
		*why_r = "not a regular file";
	else
		text = read_all(fd, why_r);
	if (fd != -1)
		close(fd);
	return text;
}
