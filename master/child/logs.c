/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Children's log pipes to stderr.  Master; the bytes are a child's, so perhaps an attacker's: they
 * are cleaned, cut into lines and bounded.  Never waits for whoever reads stderr.
 */
#include "master/child/logs.h"
#include "common/container.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#define WHOLE_PIPE     64 /* reads of LOG_LINE_MAX bytes take as much as a pipe holds */
#define READS_PER_PASS 4  /* of LOG_LINE_MAX bytes: one child must not keep the loop to itself */
#define LINES_PER_READ 16 /* more of them count as a read more: each is a write of ours */

int
logs_stderr(int *journal_r)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat st;
	int fd = -1;

	*journal_r = 0;
	if (fstat(STDERR_FILENO, &st) == -1)
		return STDERR_FILENO;
	if (stream) {
		char self[64];

		/* systemd.exec(5): device and inode of the stream that it gave us. */
		snprintf(self, sizeof(self), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
		*journal_r = strcmp(self, stream) == 0;
	}
	/*
	 * An open description of our own: O_NONBLOCK stays off on the one that others use.  Where
	 * it may not be opened, being another user's, every line asks not to wait (log_put.c).
	 */
	if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode))
		fd = open(
		    "/proc/self/fd/2", O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd == -1)
		fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	return fd == -1 ? STDERR_FILENO : fd;
}

static void
pass_on(struct log_pipe *p, const char *line, size_t len)
{
	log_raw(p->name, line, len);
	if (p->tap)
		p->tap(p, line, len);
}

/* A word that only a configuration has: `format` is a key of nothing but `log`. */
static int
says_json(const char *line)
{
	line += strspn(line, " \t{(");
	while (*line && *line != '#' && strncmp(line, "//", 2) != 0) {
		if (strncmp(line, "format", 6) == 0) {
			line += 6;
			line += strspn(line, " \t");
			if (*line == '=' || *line == ':')
				return strncmp(line + 1 + strspn(line + 1, " \t"), "\"json\"", 6) ==
				    0;
		}
		line++;
	}
	return 0;
}

int
logs_wants_json(const char *conf_path)
{
	int fd = open(conf_path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY), json = 0;
	char line[1024];
	struct stat st;
	FILE *f;

	if (fd == -1)
		return 0;
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) || (f = fdopen(fd, "r")) == NULL) {
		close(fd);
		return 0;
	}
	while (!json && fgets(line, sizeof(line), f))
		json = says_json(line);
	fclose(f);
	return json;
}

/* Whole lines go out, the beginning of the next one stays in buf.  Returns how many went. */
static int
take_lines(struct log_pipe *p)
{
	size_t at = 0;
	int lines = 0;

	for (;;) {
		char *end = memchr(p->buf + at, '\n', p->len - at);

		if (!end)
			break;
		if (!p->skipping && end > p->buf + at)
			pass_on(p, p->buf + at, (size_t)(end - (p->buf + at)));
		p->skipping = 0;
		at = (size_t)(end - p->buf) + 1;
		lines++;
	}
	memmove(p->buf, p->buf + at, p->len - at);
	p->len -= at;
	if (p->len == sizeof(p->buf)) {
		if (!p->skipping)
			pass_on(p, p->buf, p->len);
		p->skipping = 1;
		p->len = 0;
	}
	return lines;
}

/* Returns 0 when there is no more to read now, -1 at the end of the pipe. */
static int
read_lines(struct log_pipe *p, int reads)
{
	while (reads-- > 0) {
		ssize_t n = read(p->watch.fd, p->buf + p->len, sizeof(p->buf) - p->len);

		if (n == 0)
			return -1;
		if (n == -1)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		p->len += (size_t)n;
		reads -= take_lines(p) / LINES_PER_READ;
	}
	return 0;
}

static void
on_lines(struct watch *w, uint32_t events)
{
	struct log_pipe *p = CONTAINER(w, struct log_pipe, watch);

	(void)events;
	if (read_lines(p, READS_PER_PASS) == -1)
		watch_set(p->loop, &p->watch, 0);
}

int
log_pipe_open(struct log_pipe *p, struct loop *l, const char *name)
{
	int fds[2];

	if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) == -1)
		return -1;
	*p = (struct log_pipe){ .watch = { .fn = on_lines, .fd = fds[0] }, .loop = l };
	(void)snprintf(p->name, sizeof(p->name), "%s", name);
	if (watch_set(l, &p->watch, EPOLLIN) == -1) {
		close(fds[0]);
		close(fds[1]);
		p->watch.fd = -1;
		return -1;
	}
	return fds[1];
}

int
log_pipe_adopt(struct log_pipe *p, struct loop *l, const char *name)
{
	int fd = p->watch.fd;

	*p = (struct log_pipe){ .watch = { .fn = on_lines, .fd = fd }, .loop = l };
	(void)snprintf(p->name, sizeof(p->name), "%s", name);
	return fd == -1 ? 0 : watch_set(l, &p->watch, EPOLLIN);
}

void
log_pipe_flush(struct log_pipe *p)
{
	if (p->watch.fd != -1)
		(void)read_lines(p, WHOLE_PIPE);
}

void
log_pipe_close(struct log_pipe *p)
{
	if (p->watch.fd == -1)
		return;
	(void)read_lines(p, WHOLE_PIPE);
	if (p->len > 0 && !p->skipping)
		pass_on(p, p->buf, p->len);
	watch_set(p->loop, &p->watch, 0);
	close(p->watch.fd);
	p->watch.fd = -1;
	p->len = 0;
}
