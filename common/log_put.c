/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Log lines that wait for nobody.  Every process; children have a pipe of their own in
 * non-blocking mode, and nothing here but write() is in their filters.
 */
#include "common/log_put.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum log_kind
log_kind(int fd)
{
	struct stat st;
	int flags;

	if (fstat(fd, &st) == -1)
		return LOG_KIND_PLAIN;
	if (S_ISSOCK(st.st_mode))
		return LOG_KIND_SOCKET;
	if (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode))
		return LOG_KIND_PLAIN;
	flags = fcntl(fd, F_GETFL);
	return flags != -1 && !(flags & O_NONBLOCK) ? LOG_KIND_SHARED : LOG_KIND_PLAIN;
}

/*
 * Pipes know RWF_NOWAIT since Linux 6.5.  Before, and on terminals, there is room for a line when
 * poll() says so, unless somebody else writes in between.
 */
static ssize_t
put_shared(int fd, const char *bytes, size_t len)
{
	struct iovec part = { .iov_len = len };
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	ssize_t n;

	/* The kernel's structure has no const, for it serves both ways. */
	memcpy(&part.iov_base, &bytes, sizeof(bytes));
	n = pwritev2(fd, &part, 1, -1, RWF_NOWAIT);

	if (n != -1 || (errno != EOPNOTSUPP && errno != ENOSYS && errno != EPERM))
		return n;
	if (poll(&p, 1, 0) == 1)
		return write(fd, bytes, len);
	errno = EAGAIN;
	return -1;
}

ssize_t
log_put(int fd, enum log_kind kind, const char *bytes, size_t len)
{
	switch (kind) {
	case LOG_KIND_SOCKET:
		return send(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	case LOG_KIND_SHARED:
		return put_shared(fd, bytes, len);
	case LOG_KIND_PLAIN:
		break;
	}
	return write(fd, bytes, len);
}
