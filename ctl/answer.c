/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * One question to the master and its answer.  mailreevectl, as whoever calls it; the bytes are
 * the master's, who quotes what mail servers said.  Never waits without an end.
 */
#include "ctl/answer.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define CHUNK 65536

static void
say_why(int error, const char *path, char *why, size_t size)
{
	switch (error) {
	case ENOENT:
		snprintf(why, size,
		    "no socket %s: Mailreeve is not running, or its "
		    "configuration names another one (-s)",
		    path);
		break;
	case ECONNREFUSED:
		snprintf(why, size, "nobody answers on %s: Mailreeve is not running", path);
		break;
	case EAGAIN:
		snprintf(why, size, "%s: the master takes no connection", path);
		break;
	case EACCES:
	case EPERM:
		snprintf(why, size,
		    "not permitted to open %s: be root, or in the group that "
		    "control.group names in mailreeve.conf",
		    path);
		break;
	default:
		snprintf(why, size, "%s: %s", path, strerror(error));
	}
}

int
answer_connect(const char *path, char *why, size_t size)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct timeval wait = { .tv_sec = 10 };
	int fd;

	if (strlen(path) >= sizeof(un.sun_path)) {
		snprintf(why, size, "%s: longer than the %zu bytes a socket's path may have", path,
		    sizeof(un.sun_path) - 1);
		return -1;
	}
	memcpy(un.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1) {
		say_why(errno, path, why, size);
		return -1;
	}
	/* Bounds connect too, which waits where the master accepts no more. */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) == -1) {
		say_why(errno, path, why, size);
		close(fd);
		return -1;
	}
	return fd;
}

static int
send_line(int fd, const char *line)
{
	char *buf;
	int length = asprintf(&buf, "%s\n", line);
	size_t n = length == -1 ? 0 : (size_t)length, done = 0;

	if (length == -1)
		return -1;
	while (done < n) {
		ssize_t sent = send(fd, buf + done, n - done, MSG_NOSIGNAL);

		if (sent == -1 && errno == EINTR)
			continue;
		if (sent == -1)
			break;
		done += (size_t)sent;
	}
	free(buf);
	return done == n ? 0 : -1;
}

/* Whether the bytes so far end the answer: an empty line, which may be the only one. */
static int
is_whole(const char *text, size_t n)
{
	return (n == 1 && text[0] == '\n') ||
	    (n >= 2 && text[n - 1] == '\n' && text[n - 2] == '\n');
}

/*
 * Read until the answer is whole or its sender is gone.  Returns the text (the caller's) and its
 * size, or NULL with errno.
 */
static char *
read_all(int fd, int wait_ms, size_t *n_r)
{
	char *text = NULL;
	size_t n = 0, room = 0;

	while (n < ANSWER_MAX && !is_whole(text, n)) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int ready = poll(&p, 1, wait_ms);
		ssize_t got;

		if (ready == -1 && errno == EINTR)
			continue;
		if (ready < 1) {
			errno = ready == 0 ? ETIMEDOUT : errno;
			free(text);
			return NULL;
		}
		if (room - n < CHUNK) {
			char *more = realloc(text, room + CHUNK + room / 2 + 1);

			if (!more) {
				free(text);
				return NULL;
			}
			text = more;
			room += CHUNK + room / 2;
		}
		got = read(fd, text + n, CHUNK);
		if (got == -1 && errno == EINTR)
			continue;
		if (got <= 0)
			break; /* a reset is as good as an end: what came is cut, and said to be */
		n += (size_t)got;
	}
	if (!text)
		text = malloc(1);
	*n_r = n;
	return text;
}

int
answer_split(char *text, size_t n, struct answer *a_r)
{
	size_t lines = 0;
	char *at = text;

	*a_r = (struct answer){ .text = text };
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '\n')
			lines++;
		else if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			text[i] = '?';
	}
	text[n] = '\0';
	a_r->lines = calloc(lines + 1, sizeof(*a_r->lines));
	if (!a_r->lines) {
		answer_free(a_r);
		return -1;
	}
	while (*at) {
		char *end = strchr(at, '\n');

		if (end == at) {
			a_r->whole = 1;
			break;
		}
		a_r->lines[a_r->count++] = at;
		if (!end)
			break;
		*end = '\0';
		at = end + 1;
	}
	return 0;
}

int
answer_ask(int fd, const char *line, int wait_ms, struct answer *a_r, char *why, size_t size)
{
	char *text;
	size_t n = 0;

	if (send_line(fd, line) == -1) {
		snprintf(why, size, "the master took no command: %s", strerror(errno));
		return -1;
	}
	text = read_all(fd, wait_ms, &n);
	if (!text || answer_split(text, n, a_r) == -1) {
		if (errno == ETIMEDOUT)
			snprintf(why, size, "no answer within %d s", wait_ms / 1000);
		else
			snprintf(why, size, "no answer: %s", strerror(errno));
		return -1;
	}
	return 0;
}

void
answer_free(struct answer *a)
{
	free(a->lines);
	free(a->text);
	*a = (struct answer){ 0 };
}
