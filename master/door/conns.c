/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The records of live connections.  Master.  No byte of a client is read here; the only system
 * calls are those that look at a socket's counters and that close it without waiting.
 */
#include "master/door/conns.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_SIZE 1024

/* Numbers of the kernel's include/net/tcp_states.h, which no header for us has beside tcp_info. */
enum { STATE_ESTABLISHED = 1, STATE_CLOSE_WAIT = 8 };

void
conns_init(struct conns *c, size_t held_most)
{
	*c = (struct conns){ .held_most = held_most };
	TAILQ_INIT(&c->parked);
	TAILQ_INIT(&c->held);
}

void
holder_init(struct holder *h)
{
	*h = (struct holder){ 0 };
	TAILQ_INIT(&h->conns);
}

static size_t
bucket(const struct conns *c, uint64_t id)
{
	/* Ids are consecutive: their low bits are as even as a hash could be. */
	return (size_t)id & (c->size - 1);
}

static int
grow(struct conns *c)
{
	struct conns bigger = { .size = c->size ? c->size * 2 : FIRST_SIZE };

	bigger.buckets = calloc(bigger.size, sizeof(*bigger.buckets));
	if (!bigger.buckets)
		return -1;
	for (size_t i = 0; i < c->size; i++) {
		struct conn *conn, *next;

		for (conn = c->buckets[i]; conn; conn = next) {
			size_t b = bucket(&bigger, conn->id);

			next = conn->hash_next;
			conn->hash_next = bigger.buckets[b];
			bigger.buckets[b] = conn;
		}
	}
	free(c->buckets);
	c->buckets = bigger.buckets;
	c->size = bigger.size;
	return 0;
}

struct conn *
conns_add(struct conns *c, uint64_t id, int fd)
{
	struct conn *conn;

	if (c->count >= c->size && grow(c) == -1)
		return NULL;
	conn = calloc(1, sizeof(*conn));
	if (conn && fd != -1 && (conn->held = calloc(1, sizeof(*conn->held))) == NULL) {
		free(conn);
		conn = NULL;
	}
	if (!conn)
		return NULL;
	conn->id = id;
	if (conn->held) {
		conn->held->conn = conn;
		conn->held->fd = fd;
	}
	conn->hash_next = c->buckets[bucket(c, id)];
	c->buckets[bucket(c, id)] = conn;
	c->count++;
	TAILQ_INSERT_TAIL(&c->parked, conn, link);
	c->parked_count++;
	return conn;
}

struct conn *
conns_find(const struct conns *c, uint64_t id)
{
	struct conn *conn = c->size ? c->buckets[bucket(c, id)] : NULL;

	while (conn && conn->id != id)
		conn = conn->hash_next;
	return conn;
}

/* Take it out of the list that it is in. */
static void
leave(struct conns *c, struct conn *conn)
{
	if (conn->holder) {
		if (conn->held) {
			TAILQ_REMOVE(&c->held, conn->held, link);
			c->held_count--;
		}
		TAILQ_REMOVE(&conn->holder->conns, conn, link);
		conn->holder->count--;
		conn->holder->unshaken -= conn->ends_tls;
		conn->holder = NULL;
	} else {
		TAILQ_REMOVE(&c->parked, conn, link);
		c->parked_count--;
	}
}

void
conns_give(struct conns *c, struct conn *conn, struct holder *h)
{
	leave(c, conn);
	conn->holder = h;
	TAILQ_INSERT_TAIL(&h->conns, conn, link);
	h->count++;
	h->unshaken += conn->ends_tls;
	if (conn->held) {
		TAILQ_INSERT_TAIL(&c->held, conn->held, link);
		c->held_count++;
	}
}

void
conns_park(struct conns *c, struct conn *conn)
{
	leave(c, conn);
	TAILQ_INSERT_HEAD(&c->parked, conn, link);
	c->parked_count++;
}

/*
 * close() on a socket with a linger time sleeps for that time when it is the last descriptor and
 * the client takes no bytes, O_NONBLOCK or not.  So the time is set anew before every close here:
 * off (the kernel goes on sending in the background) or zero (reset, everything dropped at once).
 */
static void
close_now(int fd, int reset)
{
	struct linger l = { .l_onoff = reset, .l_linger = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close(fd);
}

static void
drop_fd(struct conns *c, struct conn *conn, int reset)
{
	struct held *h = conn->held;

	if (!h)
		return;
	if (conn->holder) {
		TAILQ_REMOVE(&c->held, h, link);
		c->held_count--;
	}
	close_now(h->fd, reset);
	free(h);
	conn->held = NULL;
}

void
conns_trim(struct conns *c)
{
	while (c->held_count > c->held_most)
		conns_release(c, TAILQ_FIRST(&c->held)->conn);
}

void
conns_release(struct conns *c, struct conn *conn)
{
	drop_fd(c, conn, 0);
}

void
conns_reset(struct conns *c, struct conn *conn)
{
	drop_fd(c, conn, 1);
}

void
conns_free(struct conns *c, struct conn *conn)
{
	struct conn **p = &c->buckets[bucket(c, conn->id)];

	drop_fd(c, conn, 0);
	leave(c, conn);
	while (*p != conn)
		p = &(*p)->hash_next;
	*p = conn->hash_next;
	c->count--;
	free(conn);
}

void
conns_shaken(struct conn *conn)
{
	conn->shaken = 1;
	if (conn->ends_tls)
		conn->holder->unshaken--;
	conn->ends_tls = 0;
}

int
conn_untouched(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);
	int mark = 0, waiting = 0;
	uint64_t fin;
	socklen_t mark_len = sizeof(mark);

	if (getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &mark, &mark_len) == -1 || mark)
		return 0;
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == -1 ||
	    ioctl(fd, FIONREAD, &waiting) == -1)
		return 0;
	if (info.tcpi_state != STATE_ESTABLISHED && info.tcpi_state != STATE_CLOSE_WAIT)
		return 0;
	/* The client's FIN counts as a byte that came. */
	fin = info.tcpi_state == STATE_CLOSE_WAIT;
	return info.tcpi_bytes_sent == 0 && info.tcpi_bytes_received == (uint64_t)waiting + fin;
}
