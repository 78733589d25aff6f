/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * load.c - the mail client stand-in in front of the proxies.
 *
 * Works in step with bench.py: prints "READY" when it is set up, waits for a
 * line on stdin, does the measured part, then prints one line of JSON.
 *
 *   hs     -n connections, -c at a time: connect, handshake, greeting, close
 *          (-R: each slot resumes its session; the first round is the set-up)
 *   storm  -n connections, all begun at once
 *   down   -c connections, each takes -r times -s bytes
 *   up     -c connections, each gives -r times -s bytes
 *   ping   -c connections, -q 100-byte messages a second in all, -n messages
 *   idle   reads connection counts from stdin, opens up to each and says so
 *
 * -P no TLS, -2 TLS 1.2 only.
 */
#include "tests/bench/common.h"

#include <stdbool.h>

#define PING_LEN 100

enum step { S_FREE, S_CONNECT, S_TLS, S_GREET, S_OK, S_LIVE };

struct conn {
	int fd;
	enum step step;
	bool counted;
	SSL *ssl;
	SSL_SESSION *session;
	uint64_t begun;
	uint64_t left;      /* bulk bytes left in this request */
	uint64_t sent, got; /* ping: messages */
	int requests;
	uint32_t events;
	int have; /* bytes of the current reply */
	int head_len, head_off;
	char head[40];
};

static SSL_CTX *ctx;
static int ep, port, conc = 16, total = 1000, repeat = 1, rate = 2000;
static uint64_t size = 65536;
static bool plain, resume;
static struct conn *conns;
static double *lat;
static size_t nlat;
static long n_fail, n_refused, n_reset, n_eof, n_tls, n_resumed, n_ok;
static char bulk[256 * 1024], sink[256 * 1024];

static int
on_session(SSL *ssl, SSL_SESSION *s)
{
	struct conn *c = SSL_get_app_data(ssl);

	if (!resume)
		return 0;
	SSL_SESSION_free(c->session);
	c->session = s;
	return 1;
}

static void
want(struct conn *c, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = c };

	if (c->events == events)
		return;
	c->events = events;
	epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &ev);
}

static void
conn_begin(struct conn *c)
{
	struct sockaddr_in sin = loopback(port);
	struct epoll_event ev = { .events = EPOLLOUT, .data.ptr = c };
	SSL_SESSION *session = c->session;

	memset(c, 0, sizeof(*c));
	c->session = session;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		die("socket");
	set_nodelay(c->fd);
	c->step = S_CONNECT;
	c->events = EPOLLOUT;
	c->begun = now_ns();
	if (connect(c->fd, (struct sockaddr *)&sin, sizeof(sin)) < 0 && errno != EINPROGRESS)
		die("connect");
	if (epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ev) < 0)
		die("epoll_ctl");
}

static void
conn_end(struct conn *c)
{
	if (c->ssl) {
		if (SSL_is_init_finished(c->ssl))
			SSL_shutdown(c->ssl);
		SSL_free(c->ssl);
		c->ssl = NULL;
	}
	close(c->fd);
	c->step = S_FREE;
}

/* Counts -1 to wait, 0 at the end, -2 on error. */
static ssize_t
conn_read(struct conn *c, void *buf, size_t len)
{
	ssize_t n;
	int err;

	if (!c->ssl) {
		n = read(c->fd, buf, len);
		return n >= 0 ? n : errno == EAGAIN ? -1 : -2;
	}
	ERR_clear_error();
	n = SSL_read(c->ssl, buf, (int)len);
	if (n > 0)
		return n;
	err = SSL_get_error(c->ssl, (int)n);
	if (err == SSL_ERROR_WANT_READ || err == SSL_ERROR_WANT_WRITE)
		return -1;
	return err == SSL_ERROR_ZERO_RETURN ? 0 : -2;
}

static ssize_t
conn_write(struct conn *c, const void *buf, size_t len)
{
	ssize_t n;
	int err;

	if (!c->ssl) {
		n = send(c->fd, buf, len, MSG_NOSIGNAL);
		return n >= 0 ? n : errno == EAGAIN ? -1 : -2;
	}
	if (len > 16384)
		len = 16384;
	ERR_clear_error();
	n = SSL_write(c->ssl, buf, (int)len);
	if (n > 0)
		return n;
	err = SSL_get_error(c->ssl, (int)n);
	if (err == SSL_ERROR_WANT_READ || err == SSL_ERROR_WANT_WRITE)
		return -1;
	return -2;
}

static void
fail(struct conn *c, ssize_t how)
{
	int err = 0;
	socklen_t len = sizeof(err);

	n_fail++;
	if (how == 0) {
		n_eof++;
		return;
	}
	if (how == -3)
		getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len);
	else
		err = errno;
	if (err == ECONNREFUSED)
		n_refused++;
	else if (err == ECONNRESET || err == EPIPE)
		n_reset++;
	else
		n_tls++;
}

/*
 * Brings a connection up to its greeting (and, with small, one exchange):
 * 1 there, 0 not yet, -1 failed.
 */
static int
advance(struct conn *c, uint32_t events, bool small)
{
	char buf[64];
	ssize_t n;
	int r;

	if (c->step == S_CONNECT) {
		if (events & (EPOLLERR | EPOLLHUP)) {
			fail(c, -3);
			return -1;
		}
		if (plain) {
			c->step = S_GREET;
			want(c, EPOLLIN);
			return 0;
		}
		c->ssl = SSL_new(ctx);
		if (!c->ssl || SSL_set_fd(c->ssl, c->fd) != 1)
			die_ssl("SSL_new");
		SSL_set_app_data(c->ssl, c);
		SSL_set_tlsext_host_name(c->ssl, "localhost");
		if (resume && c->session)
			SSL_set_session(c->ssl, c->session);
		SSL_set_connect_state(c->ssl);
		c->step = S_TLS;
	}
	if (c->step == S_TLS) {
		ERR_clear_error();
		errno = 0;
		r = SSL_connect(c->ssl);
		if (r != 1) {
			r = SSL_get_error(c->ssl, r);
			if (r == SSL_ERROR_WANT_READ) {
				want(c, EPOLLIN);
				return 0;
			}
			if (r == SSL_ERROR_WANT_WRITE) {
				want(c, EPOLLOUT);
				return 0;
			}
			fail(c, -2);
			return -1;
		}
		c->step = S_GREET;
		want(c, EPOLLIN);
	}
	for (;;) {
		n = conn_read(c, buf, sizeof(buf));
		if (n == -1)
			return 0;
		if (n <= 0) {
			fail(c, n);
			return -1;
		}
		if (buf[n - 1] != '\n')
			continue;
		if (c->step == S_GREET && small) {
			c->step = S_OK;
			if (conn_write(c, "N\r\n", 3) != 3) {
				fail(c, -2);
				return -1;
			}
			continue;
		}
		c->step = S_LIVE;
		return 1;
	}
}

static void
note(double us)
{
	lat[nlat++] = us;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double
pct(double p)
{
	if (nlat == 0)
		return 0;
	return lat[(size_t)((double)(nlat - 1) * p)];
}

static void
gate(void)
{
	char line[64];

	printf("READY\n");
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		exit(1);
}

static void
report(double secs, uint64_t bytes)
{
	qsort(lat, nlat, sizeof(*lat), by_value);
	printf("{\"secs\": %.6f, \"ok\": %ld, \"fail\": %ld, \"refused\": %ld, "
	       "\"reset\": %ld, \"eof\": %ld, \"other\": %ld, \"resumed\": %ld, "
	       "\"bytes\": %llu, \"p50_us\": %.1f, \"p99_us\": %.1f, "
	       "\"p999_us\": %.1f, \"max_us\": %.1f}\n",
	    secs, n_ok, n_fail, n_refused, n_reset, n_eof, n_tls, n_resumed,
	    (unsigned long long)bytes, pct(0.5), pct(0.99), pct(0.999), pct(1.0));
	fflush(stdout);
}

/* Opens count connections in all from slot *from on, limit at a time. */
static void
open_up_to(int *from, int count, int limit, bool small)
{
	struct epoll_event evs[256];
	int begun = *from, done = *from, n, i;

	while (done < count) {
		while (begun < count && begun - done < limit)
			conn_begin(&conns[begun++]);
		n = epoll_wait(ep, evs, 256, 30000);
		if (n == 0) {
			fprintf(stderr, "stuck at %d of %d\n", done, count);
			exit(1);
		}
		for (i = 0; i < n; i++) {
			struct conn *c = evs[i].data.ptr;
			int r;

			if (c->step == S_LIVE) { /* the proxy closed it */
				if (conn_read(c, sink, sizeof(sink)) == -1)
					continue;
				fprintf(stderr, "an open connection died\n");
				exit(1);
			}
			r = advance(c, evs[i].events, small);
			if (r < 0) {
				fprintf(stderr,
				    "set-up failed at %d of %d: "
				    "refused %ld reset %ld eof %ld\n",
				    done, count, n_refused, n_reset, n_eof);
				ERR_print_errors_fp(stderr);
				exit(1);
			}
			done += r;
		}
	}
	*from = count;
}

/* hs and storm: goal connections through slots slots. */
static void
handshakes(int slots, int goal)
{
	struct epoll_event evs[256];
	int begun = 0, done = 0, i, n;

	for (i = 0; i < slots && begun < goal; i++, begun++)
		conn_begin(&conns[i]);
	while (done < goal) {
		n = epoll_wait(ep, evs, 256, 20000);
		if (n == 0) {
			n_fail += goal - done;
			break;
		}
		for (i = 0; i < n; i++) {
			struct conn *c = evs[i].data.ptr;
			int r = advance(c, evs[i].events, false);

			if (r == 0)
				continue;
			if (r > 0) {
				n_ok++;
				note((double)(now_ns() - c->begun) / 1e3);
				if (c->ssl && SSL_session_reused(c->ssl))
					n_resumed++;
			}
			conn_end(c);
			done++;
			if (begun < goal) {
				conn_begin(c);
				begun++;
			}
		}
	}
}

static void
do_handshakes(bool storm)
{
	uint64_t t0;

	if (resume) {
		handshakes(conc, conc);
		nlat = 0;
		n_ok = n_resumed = 0;
	}
	gate();
	t0 = now_ns();
	handshakes(storm ? total : conc, total);
	report((double)(now_ns() - t0) / 1e9, 0);
}

/* Sends the request line and, for an upload, the bytes: 1 sent, 0 wait. */
static int
push(struct conn *c, bool up)
{
	ssize_t n;

	while (c->head_off < c->head_len) {
		n = conn_write(c, c->head + c->head_off, (size_t)(c->head_len - c->head_off));
		if (n == -1)
			return 0;
		if (n <= 0) {
			fprintf(stderr, "write failed\n");
			exit(1);
		}
		c->head_off += (int)n;
	}
	while (up && c->left > 0) {
		n = conn_write(c, bulk, c->left < sizeof(bulk) ? (size_t)c->left : sizeof(bulk));
		if (n == -1)
			return 0;
		if (n <= 0) {
			fprintf(stderr, "write failed\n");
			exit(1);
		}
		c->left -= (uint64_t)n;
	}
	return 1;
}

static void
request(struct conn *c, bool up)
{
	c->head_len = snprintf(
	    c->head, sizeof(c->head), "%c %llu\r\n", up ? 'U' : 'D', (unsigned long long)size);
	c->head_off = 0;
	c->left = size;
	c->have = 0;
	want(c, push(c, up) ? EPOLLIN : EPOLLIN | EPOLLOUT);
}

static void
do_bulk(bool up)
{
	struct epoll_event evs[64];
	uint64_t t0, bytes = 0;
	int from = 0, finished = 0, i, n;

	open_up_to(&from, conc, 16, false);
	gate();
	t0 = now_ns();
	for (i = 0; i < conc; i++)
		request(&conns[i], up);
	while (finished < conc) {
		n = epoll_wait(ep, evs, 64, 30000);
		if (n == 0) {
			fprintf(stderr, "bulk stuck\n");
			exit(1);
		}
		for (i = 0; i < n; i++) {
			struct conn *c = evs[i].data.ptr;
			int rounds = 0;

			if ((evs[i].events & EPOLLOUT) && push(c, up))
				want(c, EPOLLIN);
			while (!(!c->ssl && rounds++ == 16)) {
				ssize_t r = conn_read(c, sink, sizeof(sink));
				bool over;

				if (r == -1)
					break;
				if (r <= 0) {
					fprintf(stderr, "bulk read failed\n");
					exit(1);
				}
				if (up) {
					c->have += (int)r;
					over = c->have == 6;
				} else {
					c->left -= (uint64_t)r;
					over = c->left == 0;
				}
				if (!over)
					continue;
				bytes += size;
				if (++c->requests == repeat) {
					finished++;
					break;
				}
				request(c, up);
			}
		}
	}
	report((double)(now_ns() - t0) / 1e9, bytes);
}

static void
do_ping(void)
{
	struct epoll_event evs[256];
	uint64_t t0, gap = 1000000000u / (uint64_t)rate, done = 0, next = 0;
	char msg[PING_LEN];
	int from = 0, i, n;

	memset(msg, 'x', sizeof(msg));
	msg[0] = 'E';
	msg[PING_LEN - 1] = '\n';
	open_up_to(&from, conc, 16, false);
	gate();
	t0 = now_ns() + 1000000;
	while (done < (uint64_t)total) {
		struct timespec ts = { 0, 0 };
		uint64_t now = now_ns();

		/* Message k goes out on connection k % conc at t0 + k * gap. */
		while (next < (uint64_t)total && now >= t0 + next * gap) {
			struct conn *c = &conns[next % (uint64_t)conc];

			if (c->sent == c->got && conn_write(c, msg, PING_LEN) != PING_LEN) {
				fprintf(stderr, "ping write failed\n");
				exit(1);
			}
			c->sent++;
			next++;
			now = now_ns();
		}
		if (next < (uint64_t)total) {
			uint64_t due = t0 + next * gap;

			ts.tv_nsec = due > now ? (long)(due - now) : 0;
		} else {
			ts.tv_sec = 5;
		}
		n = epoll_pwait2(ep, evs, 256, &ts, NULL);
		if (n == 0 && ts.tv_sec == 5)
			break;
		for (i = 0; i < n; i++) {
			struct conn *c = evs[i].data.ptr;
			ssize_t r;

			while ((r = conn_read(c, sink, sizeof(sink))) > 0) {
				c->have += (int)r;
				while (c->have >= PING_LEN) {
					uint64_t k =
					    c->got * (uint64_t)conc + (uint64_t)(c - conns);

					c->have -= PING_LEN;
					c->got++;
					done++;
					n_ok++;
					note((double)(now_ns() - (t0 + k * gap)) / 1e3);
					if (c->sent > c->got)
						conn_write(c, msg, PING_LEN);
				}
			}
			if (r == 0 || r == -2) {
				fprintf(stderr, "ping read failed\n");
				exit(1);
			}
		}
	}
	n_fail = (long)((uint64_t)total - done);
	report((double)(now_ns() - t0) / 1e9, 0);
}

static void
do_idle(void)
{
	char line[64];
	int from = 0;

	printf("READY\n");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		int goal = atoi(line);

		if (goal > total)
			goal = total;
		open_up_to(&from, goal, 32, true);
		printf("AT %d\n", from);
		fflush(stdout);
	}
}

int
main(int argc, char **argv)
{
	const char *mode;
	int opt, max_version = 0, slots;

	while ((opt = getopt(argc, argv, "p:c:n:s:r:q:P2R")) != -1) {
		switch (opt) {
		case 'p':
			port = atoi(optarg);
			break;
		case 'c':
			conc = atoi(optarg);
			break;
		case 'n':
			total = atoi(optarg);
			break;
		case 's':
			size = strtoull(optarg, NULL, 10);
			break;
		case 'r':
			repeat = atoi(optarg);
			break;
		case 'q':
			rate = atoi(optarg);
			break;
		case 'P':
			plain = true;
			break;
		case '2':
			max_version = TLS1_2_VERSION;
			break;
		case 'R':
			resume = true;
			break;
		default:
			return 2;
		}
	}
	if (optind >= argc || port == 0) {
		fprintf(stderr, "usage: load -p port [options] mode\n");
		return 2;
	}
	mode = argv[optind];
	signal(SIGPIPE, SIG_IGN);
	raise_nofile();
	ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_max_proto_version(ctx, max_version);
	SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256");
	SSL_CTX_set_cipher_list(ctx, "ECDHE+AES128+AESGCM");
	SSL_CTX_set1_groups_list(ctx, "X25519:P-256");
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, on_session);
	SSL_CTX_set_mode(ctx,
	    SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
		SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	ep = epoll_create1(EPOLL_CLOEXEC);
	slots = total > conc ? total : conc;
	conns = xcalloc((size_t)slots, sizeof(*conns));
	lat = xcalloc((size_t)slots + (size_t)total, sizeof(*lat));
	if (strcmp(mode, "hs") == 0)
		do_handshakes(false);
	else if (strcmp(mode, "storm") == 0)
		do_handshakes(true);
	else if (strcmp(mode, "down") == 0)
		do_bulk(false);
	else if (strcmp(mode, "up") == 0)
		do_bulk(true);
	else if (strcmp(mode, "ping") == 0)
		do_ping();
	else if (strcmp(mode, "idle") == 0)
		do_idle();
	else
		return 2;
	return 0;
}
