/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The commands of the control socket as a table, and finding one in a line.  Master and
 * mailreevectl; the line is an administrator's, or of whoever may open the socket.
 */
#include "common/control.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

const struct control_command control_commands[CONTROL_COUNT] = {
#define X(name, words, reads, shape, help) [CONTROL_##name] = { words, reads, shape, help },
	CONTROL_COMMANDS(X)
#undef X
};

static const char BLANKS[] = " \t\r\n";

/* Where line goes on behind these words, or NULL if it does not begin with them. */
static const char *
behind(const char *line, const char *words)
{
	while (*words) {
		size_t n = strcspn(words, " ");

		line += strspn(line, BLANKS);
		if (strcspn(line, BLANKS) != n || strncmp(line, words, n) != 0)
			return NULL;
		line += n;
		words += n;
		words += strspn(words, " ");
	}
	return line + strspn(line, BLANKS);
}

int
control_find(const char *line, const char **rest_r)
{
	for (int i = 0; i < CONTROL_COUNT; i++) {
		const char *rest = behind(line, control_commands[i].words);

		if (!rest)
			continue;
		if (rest_r)
			*rest_r = rest;
		return i;
	}
	return -1;
}

char *
control_next(char **line)
{
	char *part;

	while ((part = strsep(line, ";")))
		if (part[strspn(part, BLANKS)])
			return part;
	return NULL;
}

static const char *const VERDICTS[] = {
	[VERDICT_OK] = "OK: ",
	[VERDICT_WARNING] = "WARNING: ",
	[VERDICT_CRITICAL] = "CRITICAL: ",
};

const char *
control_verdict_text(enum control_verdict v)
{
	return VERDICTS[v];
}

int
control_verdict_find(const char *line)
{
	for (int i = VERDICT_OK; i <= VERDICT_CRITICAL; i++)
		if (strncmp(line, VERDICTS[i], strlen(VERDICTS[i])) == 0)
			return i;
	return -1;
}

int
control_where(const char *where, char path_r[CONTROL_PATH])
{
	char line[CONTROL_PATH];
	int fd = open(where, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = fd == -1 ? -1 : read(fd, line, sizeof(line));
	char *end = n > 0 ? memchr(line, '\n', (size_t)n) : NULL;

	if (fd != -1)
		close(fd);
	if (!end || line[0] != '/' || memchr(line, '\0', (size_t)n))
		return 0;
	*end = '\0';
	memcpy(path_r, line, (size_t)(end - line) + 1);
	return 1;
}
