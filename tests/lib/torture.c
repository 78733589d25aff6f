/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Plays thousands of clients and the server behind a relay, and compares what each sent with what
 * the other got: length and SHA-256 of both directions, for streams in random chunks, with slow
 * readers, either side ending first, and resets by either side.  A test program: it meets nobody
 * but the relay.
 *
 *   torture [-t] [-T certificate.pem] [-p] client-address port server-address port count parallel
 *   -t  TLS towards the relay   -T  TLS from the relay, with this certificate and key
 *   -p  a PROXY header of version 2 comes first
 *
 * A client's first 32 bytes are the plan of its connection, by which both sides act.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum ending { CLIENT_FIRST, SERVER_FIRST, BOTH, CLIENT_RESETS, SERVER_RESETS, ENDINGS };

struct plan {
	uint32_t id, seed;
	uint64_t up, down; /* bytes from the client, from the server */
	uint32_t ending;
	uint32_t slow; /* bit 0: the client reads slowly, bit 1: the server */
};
_Static_assert(sizeof(struct plan) == 32, "the plan is 32 bytes");

/* What one side of a connection saw. */
struct seen {
	uint8_t sent_sum[32], got_sum[32];
	uint64_t sent, got;
	int failed; /* errno, or -1 where TLS ended without its close_notify */
	int ended;  /* the other side's end was seen, cleanly */
	_Atomic int done;
};

struct end {
	int fd;
	SSL *ssl; /* NULL: plain */
};

enum { TIME_LIMIT = 60 };

static struct sockaddr_storage relay_addr, server_addr;
static SSL_CTX *client_ctx, *server_ctx;
static int expect_header;
static uint32_t count;
static _Atomic uint32_t next_id;
static _Atomic unsigned long identical, reset_seen, reset_early, wrong;
static struct seen *clients, *servers;

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
die(const char *what)
{
	perror(what);
	exit(2);
}

static uint32_t
rnd(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static void
fill(uint8_t *buf, size_t n, uint32_t *state)
{
	for (size_t i = 0; i < n; i++)
		buf[i] = (uint8_t)rnd(state);
}

static void
address(const char *host, const char *port, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
	in_port_t number = htons((in_port_t)strtoul(port, NULL, 10));

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = number;
	} else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = number;
	} else {
		die(host);
	}
}

static void
end_reset(struct end *e)
{
	struct linger hard = { 1, 0 };

	setsockopt(e->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(e->fd);
	SSL_free(e->ssl);
}

/* Our end of the stream: close_notify where there is TLS, then FIN.  Returns 0 to come again. */
static int
end_finish(struct end *e, struct seen *s)
{
	errno = 0;
	if (e->ssl && SSL_shutdown(e->ssl) < 0) {
		if (SSL_get_error(e->ssl, -1) == SSL_ERROR_WANT_WRITE)
			return 0;
		s->failed = errno ? errno : -1;
		return 0;
	}
	shutdown(e->fd, SHUT_WR);
	return 1;
}

/* Bytes, 0 at a clean end, -1 for later, -2 for failed (s->failed says why). */
static ssize_t
end_read(struct end *e, uint8_t *buf, size_t n, struct seen *s)
{
	ssize_t got;

	if (!e->ssl) {
		got = recv(e->fd, buf, n, 0);
		if (got >= 0)
			return got;
		if (errno == EAGAIN)
			return -1;
		s->failed = errno;
		return -2;
	}
	ERR_clear_error();
	errno = 0;
	got = SSL_read(e->ssl, buf, (int)n);
	if (got > 0)
		return got;
	switch (SSL_get_error(e->ssl, (int)got)) {
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return -1;
	default:
		s->failed = errno ? errno : -1;
		return -2;
	}
}

static ssize_t
end_write(struct end *e, const uint8_t *buf, size_t n, struct seen *s)
{
	ssize_t put;

	if (!e->ssl) {
		put = send(e->fd, buf, n, MSG_NOSIGNAL);
		if (put >= 0)
			return put;
		if (errno == EAGAIN)
			return -1;
		s->failed = errno;
		return -2;
	}
	ERR_clear_error();
	errno = 0;
	put = SSL_write(e->ssl, buf, (int)n);
	if (put > 0)
		return put;
	switch (SSL_get_error(e->ssl, (int)put)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return -1;
	default:
		s->failed = errno ? errno : -1;
		return -2;
	}
}

/* One direction out: what is left to send, and the chunk that is on its way. */
struct outgoing {
	uint64_t left;
	uint8_t chunk[65536];
	size_t have, done;
	uint32_t data, size; /* random states */
	EVP_MD_CTX *sum;
};

static int
push(struct end *e, struct outgoing *o, struct seen *s)
{
	ssize_t n;

	if (o->done == o->have) {
		o->have = 1 + rnd(&o->size) % (rnd(&o->size) % 3 ? sizeof(o->chunk) : 61);
		if (o->have > o->left)
			o->have = (size_t)o->left;
		fill(o->chunk, o->have, &o->data);
		EVP_DigestUpdate(o->sum, o->chunk, o->have);
		o->left -= o->have;
		o->done = 0;
	}
	n = end_write(e, o->chunk + o->done, o->have - o->done, s);
	if (n == -2)
		return -1;
	if (n > 0) {
		o->done += (size_t)n;
		s->sent += (uint64_t)n;
	}
	return 0;
}

static int
pull(struct end *e, int slow, uint32_t *sizes, EVP_MD_CTX *sum, struct seen *s)
{
	static _Thread_local uint8_t buf[65536];
	size_t want = 1 + rnd(sizes) % (rnd(sizes) % 4 ? sizeof(buf) : 97);
	ssize_t n;

	if (slow) {
		want = 1 + rnd(sizes) % 8192;
		usleep(rnd(sizes) % 2000);
	}
	n = end_read(e, buf, want, s);
	if (n == -2)
		return -1;
	if (n == 0)
		s->ended = 1;
	if (n > 0) {
		EVP_DigestUpdate(sum, buf, (size_t)n);
		s->got += (uint64_t)n;
	}
	return 0;
}

/* Act out one side of the plan. */
static void
play(struct end *e, const struct plan *p, int is_client, struct seen *s)
{
	static _Thread_local struct outgoing out;
	uint64_t total = is_client ? p->up : p->down;
	int resets = p->ending == (is_client ? CLIENT_RESETS : SERVER_RESETS);
	int waits = p->ending == (is_client ? SERVER_FIRST : CLIENT_FIRST);
	int slow = (p->slow >> !is_client) & 1, finished = 0;
	uint32_t sizes = (p->seed * 40503U + (uint32_t)is_client * 7 + 3) | 1;
	EVP_MD_CTX *in_sum = EVP_MD_CTX_new();
	double limit = now() + TIME_LIMIT;

	out = (struct outgoing){ .left = total,
		.data = (p->seed * 2654435761U + (uint32_t)is_client) | 1,
		.size = sizes ^ 0x5555,
		.sum = EVP_MD_CTX_new() };
	EVP_DigestInit(out.sum, EVP_sha256());
	EVP_DigestInit(in_sum, EVP_sha256());
	fcntl(e->fd, F_SETFL, O_NONBLOCK);
	while (!(finished && s->ended)) {
		int sending = out.left || out.done < out.have;
		struct pollfd fd = { e->fd, 0, 0 };

		if (now() > limit) {
			s->failed = ETIMEDOUT;
			break;
		}
		if (resets && s->sent >= total / 2) {
			s->failed = -2;
			break;
		}
		if (!sending && !finished && (!waits || s->ended)) {
			if ((finished = end_finish(e, s)) == 0 && s->failed)
				break;
			continue;
		}
		fd.events = (short)((s->ended ? 0 : POLLIN) | (sending ? POLLOUT : 0));
		if (!(e->ssl && SSL_pending(e->ssl)) && poll(&fd, 1, 20) < 0)
			die("poll");
		if (!s->ended && pull(e, slow, &sizes, in_sum, s) == -1)
			break;
		if (sending && push(e, &out, s) == -1)
			break;
	}
	EVP_DigestFinal(out.sum, s->sent_sum, NULL);
	EVP_DigestFinal(in_sum, s->got_sum, NULL);
	EVP_MD_CTX_free(out.sum);
	EVP_MD_CTX_free(in_sum);
	if (s->failed) {
		end_reset(e);
	} else {
		close(e->fd);
		SSL_free(e->ssl);
	}
	atomic_store(&s->done, 1);
}

/* Take n bytes while the socket still blocks. */
static int
take(struct end *e, void *buf, size_t n)
{
	uint8_t *to = buf;

	while (n) {
		ssize_t got = e->ssl ? SSL_read(e->ssl, to, (int)n) : recv(e->fd, to, n, 0);

		if (got <= 0)
			return -1;
		to += got;
		n -= (size_t)got;
	}
	return 0;
}

static int
take_header(struct end *e)
{
	static const uint8_t signature[] = "\r\n\r\n\0\r\nQUIT\n\x21";
	uint8_t head[16], rest[4096];
	size_t size;

	if (take(e, head, sizeof(head)) == -1 ||
	    memcmp(head, signature, sizeof(signature) - 1) != 0)
		return -1;
	size = (size_t)head[14] << 8 | head[15];
	return size > sizeof(rest) ? -1 : take(e, rest, size);
}

static void *
serve(void *arg)
{
	struct end e = { (int)(intptr_t)arg, NULL };
	struct plan p;

	if (expect_header && take_header(&e) == -1)
		goto gone;
	if (server_ctx) {
		e.ssl = SSL_new(server_ctx);
		SSL_set_fd(e.ssl, e.fd);
		if (SSL_accept(e.ssl) != 1)
			goto gone;
	}
	if (take(&e, &p, sizeof(p)) == -1 || p.id >= count)
		goto gone;
	play(&e, &p, 0, &servers[p.id]);
	return NULL;
gone: /* the client was gone before it had said who it is */
	end_reset(&e);
	return NULL;
}

static void *
accept_all(void *arg)
{
	int listener = (int)(intptr_t)arg;
	struct timeval patience = { TIME_LIMIT, 0 };
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, (size_t)512 * 1024);
	for (;;) {
		pthread_t t;
		int fd = accept(listener, NULL, NULL);

		if (fd == -1)
			continue;
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		if (pthread_create(&t, &attr, serve, (void *)(intptr_t)fd) != 0)
			die("pthread_create");
	}
	return NULL;
}

static void
make_plan(uint32_t id, struct plan *p)
{
	uint32_t r = (id * 2654435761U + 12345) | 1;
	uint64_t most;

	for (int i = 0; i < 8; i++)
		rnd(&r);
	most = rnd(&r) % 8 == 0 ? 6000000 : 60000;
	*p = (struct plan){ .id = id, .seed = r, .ending = id % ENDINGS };
	p->slow = rnd(&r) % 4 == 0 ? rnd(&r) % 4 : 0;
	p->up = rnd(&r) % 10 == 0 ? 0 : rnd(&r) % most;
	p->down = rnd(&r) % 10 == 0 ? 0 : rnd(&r) % most;
	if (p->ending == CLIENT_RESETS && p->up < 5000)
		p->up = 5000;
	if (p->ending == SERVER_RESETS && p->down < 5000)
		p->down = 5000;
}

static void
wait_for(struct seen *s, double seconds)
{
	double limit = now() + seconds;

	while (!atomic_load(&s->done) && now() < limit)
		usleep(500);
}

/* What both sides saw must fit the plan. */
static void
compare(const struct plan *p)
{
	struct seen *c = &clients[p->id], *s = &servers[p->id];
	struct seen *other = p->ending == CLIENT_RESETS ? s : c;
	int good;

	wait_for(s, p->ending == CLIENT_RESETS && !atomic_load(&s->done) ? 2 : TIME_LIMIT + 5);
	if (p->ending == CLIENT_RESETS && !atomic_load(&s->done) && !s->got) {
		/* the reset overtook the plan: nothing had been relayed yet */
		reset_early++;
		return;
	}
	wait_for(s, TIME_LIMIT + 5);
	if (p->ending == CLIENT_RESETS || p->ending == SERVER_RESETS) {
		/* A reset that meets a session ticket or close_notify on its way out is swallowed
		 * by OpenSSL; the relay then knows only that the stream was cut, and says so by TLS
		 * without a close_notify. */
		good = atomic_load(&other->done) &&
		    (other->failed == ECONNRESET || other->failed == EPIPE ||
			(other->failed == -1 && client_ctx && server_ctx));
		if (good)
			reset_seen++;
	} else {
		good = atomic_load(&s->done) && !c->failed && !s->failed && c->ended && s->ended &&
		    c->sent == p->up && s->got == p->up && s->sent == p->down &&
		    c->got == p->down && memcmp(c->sent_sum, s->got_sum, 32) == 0 &&
		    memcmp(s->sent_sum, c->got_sum, 32) == 0;
		if (good)
			identical++;
	}
	if (good)
		return;
	wrong++;
	fprintf(stderr,
	    "connection %u: ending %u slow %u up %lu down %lu; client failed %d ended %d sent %lu "
	    "got %lu;"
	    " server done %d failed %d ended %d sent %lu got %lu\n",
	    p->id, p->ending, p->slow, (unsigned long)p->up, (unsigned long)p->down, c->failed,
	    c->ended, (unsigned long)c->sent, (unsigned long)c->got, atomic_load(&s->done),
	    s->failed, s->ended, (unsigned long)s->sent, (unsigned long)s->got);
}

static void *
be_clients(void *arg)
{
	uint32_t id;

	(void)arg;
	while ((id = next_id++) < count) {
		struct end e = { socket(relay_addr.ss_family, SOCK_STREAM, 0), NULL };
		struct timeval patience = { TIME_LIMIT, 0 };
		struct plan p;
		ssize_t put;

		make_plan(id, &p);
		setsockopt(e.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		if (connect(e.fd, (struct sockaddr *)&relay_addr, sizeof(relay_addr)) == -1)
			die("connect");
		if (client_ctx) {
			e.ssl = SSL_new(client_ctx);
			SSL_set_fd(e.ssl, e.fd);
			SSL_set_tlsext_host_name(e.ssl, "mail.example.org");
			if (SSL_connect(e.ssl) != 1) {
				fprintf(stderr, "connection %u: no TLS with the relay\n", id);
				wrong++;
				end_reset(&e);
				continue;
			}
		}
		put = e.ssl ? SSL_write(e.ssl, &p, sizeof(p)) :
			      send(e.fd, &p, sizeof(p), MSG_NOSIGNAL);
		if (put != sizeof(p))
			die("plan");
		play(&e, &p, 1, &clients[id]);
		compare(&p);
	}
	return NULL;
}

static SSL_CTX *
context(const SSL_METHOD *method, const char *pem)
{
	SSL_CTX *ctx = SSL_CTX_new(method);

	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (pem &&
	    (SSL_CTX_use_certificate_chain_file(ctx, pem) != 1 ||
		SSL_CTX_use_PrivateKey_file(ctx, pem, SSL_FILETYPE_PEM) != 1))
		die(pem);
	return ctx;
}

int
main(int argc, char **argv)
{
	int opt, one = 1, listener;
	uint32_t parallel;
	pthread_t acceptor, *threads;
	double start = now();

	while ((opt = getopt(argc, argv, "tT:p")) != -1) {
		if (opt == 't')
			client_ctx = context(TLS_client_method(), NULL);
		else if (opt == 'T')
			server_ctx = context(TLS_server_method(), optarg);
		else if (opt == 'p')
			expect_header = 1;
		else
			return 2;
	}
	if (argc - optind != 6)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	argv += optind;
	address(argv[0], argv[1], &relay_addr);
	address(argv[2], argv[3], &server_addr);
	count = (uint32_t)strtoul(argv[4], NULL, 10);
	parallel = (uint32_t)strtoul(argv[5], NULL, 10);
	clients = calloc(count, sizeof(*clients));
	servers = calloc(count, sizeof(*servers));
	threads = calloc(parallel, sizeof(*threads));
	if (!clients || !servers || !threads)
		die("calloc");

	listener = socket(server_addr.ss_family, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&server_addr, sizeof(server_addr)) == -1 ||
	    listen(listener, 4096) == -1)
		die("listen");
	pthread_create(&acceptor, NULL, accept_all, (void *)(intptr_t)listener);
	for (uint32_t i = 0; i < parallel; i++)
		pthread_create(&threads[i], NULL, be_clients, NULL);
	for (uint32_t i = 0; i < parallel; i++)
		pthread_join(threads[i], NULL);
	printf("%u connections in %.1f s: identical %lu, resets passed on %lu, resets before "
	       "anything was"
	       " relayed %lu, wrong %lu\n",
	    count, now() - start, identical, reset_seen, reset_early, wrong);
	fflush(stdout);
	_exit(wrong || identical + reset_seen + reset_early != count);
}
