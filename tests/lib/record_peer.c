/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * worker/record over a real socket, so that other TLS libraries can be its peer
 * (tests/interop/records.py).
 *
 *   record_peer -l PORT -C CERT -K KEY    accept connections on 127.0.0.1 and echo what comes
 *   record_peer PORT                      connect, send every size of -n FIRST-LAST by -s STEP,
 *                                         and expect it back before the next
 *   -u N   a KeyUpdate after so many records, every second one asking for one in return
 *
 * Says "ready" when it listens, and one line at the end of each connection: whether it was taken
 * over, bytes, KeyUpdates, and how it ended.
 */
#include "worker/record/record.h"
#include "worker/record/start.h"
#include "worker/record/take.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUF (1 << 18)

struct peer {
	int fd;
	SSL *ssl; /* NULL once taken over */
	struct record r;
	uint8_t in[BUF];
	size_t have;
	unsigned long every, sent, updates, bytes;
	const char *end;
};

static const char *cert, *key;
static unsigned long update_every;
static size_t first = 1, last = RECORD_PLAIN, step = 1;

static void
fail(const char *what)
{
	fprintf(stderr, "record_peer: %s\n", what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

static int
write_all(int fd, const uint8_t *p, size_t n)
{
	ssize_t done;

	for (; n; p += done, n -= (size_t)done) {
		done = send(fd, p, n, MSG_NOSIGNAL);
		if (done <= 0)
			return -1;
	}
	return 0;
}

static int
say(struct peer *p, const uint8_t *data, size_t n)
{
	static uint8_t out[2 * BUF];
	size_t taken;
	ssize_t len;

	p->bytes += n;
	if (p->ssl)
		return SSL_write_ex(p->ssl, data, n, &taken) == 1 ? 0 : -1;
	len = record_seal(&p->r, data, n, 0, out, sizeof(out), &taken);
	if (len < 0 || taken != n || write_all(p->fd, out, (size_t)len) == -1)
		return -1;
	if (update_every && ++p->sent % update_every == 0) {
		len = (ssize_t)record_keyupdate(&p->r, p->updates & 1, out);
		p->updates += len > 0;
		return write_all(p->fd, out, (size_t)len);
	}
	return 0;
}

/* Some application data: its length, 0 at the end, -1 for an error; p->end says which. */
static ssize_t
hear(struct peer *p, uint8_t *data)
{
	static uint8_t out[RECORD_SMALL];
	enum record_result result;
	struct record_in in;
	size_t got = 0, none;
	ssize_t n;

	if (p->ssl)
		return SSL_read_ex(p->ssl, data, BUF, &got) == 1 ? (ssize_t)got : -1;
	record_pass(&p->r);
	for (;;) {
		result = record_open(&p->r, p->in, p->have, &in);
		if (result == RECORD_DATA) {
			memcpy(data, in.data, in.len);
			got = in.len;
		}
		p->have -= in.used;
		memmove(p->in, p->in + in.used, p->have);
		switch (result) {
		case RECORD_DATA:
			return (ssize_t)got;
		case RECORD_CLOSED:
			p->end = "close_notify";
			return 0;
		case RECORD_ALERTED:
			p->end = SSL_alert_desc_string_long(in.alert);
			return -1;
		case RECORD_BROKEN:
			p->end = "broken";
			write_all(p->fd, out, record_alert(&p->r, in.alert, out));
			return -1;
		case RECORD_HANDLED:
			if (record_pending(&p->r)) {
				n = record_seal(&p->r, NULL, 0, 0, out, sizeof(out), &none);
				if (n < 0 || write_all(p->fd, out, (size_t)n) == -1)
					return -1;
			}
			break;
		case RECORD_MORE:
			n = recv(p->fd, p->in + p->have, BUF - p->have, 0);
			p->end = n == 0 ? "cut" : "reset";
			if (n <= 0)
				return -1;
			p->have += (size_t)n;
			record_pass(&p->r);
		}
	}
}

static int
take(struct peer *p)
{
	int rc = record_take(p->ssl, &p->r);

	if (rc == 0) {
		SSL_free(p->ssl);
		p->ssl = NULL;
	}
	return rc;
}

static void
report(struct peer *p, const char *version, const char *cipher)
{
	uint8_t out[RECORD_SMALL];

	if (!p->ssl)
		write_all(p->fd, out, record_alert(&p->r, 0, out));
	printf("%s %s %s bytes=%lu updates=%lu end=%s\n", p->ssl ? "object" : "taken", version,
	    cipher, p->bytes, p->updates, p->end);
	fflush(stdout);
}

static void
serve_one(SSL_CTX *ctx, int fd)
{
	static struct peer p;
	static uint8_t data[BUF];
	const char *version, *cipher;
	ssize_t n;

	memset(&p, 0, sizeof(p));
	p.fd = fd;
	p.end = "handshake";
	p.ssl = SSL_new(ctx);
	if (!p.ssl || record_watch(p.ssl) == -1 || SSL_set_fd(p.ssl, fd) != 1)
		fail("object");
	version = cipher = "-";
	if (SSL_accept(p.ssl) == 1) {
		version = SSL_get_version(p.ssl);
		cipher = SSL_get_cipher_name(p.ssl);
		take(&p);
		while ((n = hear(&p, data)) > 0 && say(&p, data, (size_t)n) == 0)
			;
	}
	report(&p, version, cipher);
	SSL_free(p.ssl);
	record_wipe(&p.r);
	/* until the peer has read our last words and closed */
	shutdown(fd, SHUT_WR);
	while (recv(fd, data, sizeof(data), 0) > 0)
		;
	close(fd);
}

static void
socket_address(const char *port, struct sockaddr_in *sin)
{
	*sin = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(port)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static void
serve(SSL_CTX *ctx, const char *port)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1, client;
	struct sockaddr_in sin;

	socket_address(port, &sin);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 || listen(fd, 16) == -1)
		fail("listen");
	if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
		fail("certificate");
	puts("ready");
	fflush(stdout);
	while ((client = accept(fd, NULL, NULL)) != -1) {
		setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		serve_one(ctx, client);
	}
}

/* Send so many bytes, and hear them again. */
static int
exchange(struct peer *p, const uint8_t *pattern, size_t n)
{
	static uint8_t data[BUF];
	ssize_t got;

	if (say(p, pattern, n) == -1)
		return -1;
	for (size_t back = 0; back < n; back += (size_t)got) {
		got = hear(p, data);
		if (got <= 0 || (size_t)got > n - back || memcmp(data, pattern + back, (size_t)got))
			return -1;
	}
	return 0;
}

static int
drive(SSL_CTX *ctx, const char *port)
{
	static struct peer p;
	static uint8_t pattern[BUF];
	const char *version, *cipher;
	struct sockaddr_in sin;
	int one = 1, ok;

	for (size_t i = 0; i < BUF; i++)
		pattern[i] = (uint8_t)(i * 17 + (i >> 8));
	socket_address(port, &sin);
	p.fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(p.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(p.fd, (struct sockaddr *)&sin, sizeof(sin)) == -1)
		fail("connect");
	p.ssl = SSL_new(ctx);
	if (!p.ssl || record_watch(p.ssl) == -1 || SSL_set_fd(p.ssl, p.fd) != 1 ||
	    SSL_connect(p.ssl) != 1)
		fail("handshake");
	version = SSL_get_version(p.ssl);
	cipher = SSL_get_cipher_name(p.ssl);
	/* the first byte through the object, which takes the tickets */
	p.end = "mismatch";
	ok = exchange(&p, pattern, 1) == 0;
	take(&p);
	for (size_t n = first; ok && n <= last; n += step)
		ok = exchange(&p, pattern, n) == 0;
	if (ok)
		p.end = "done";
	report(&p, version, cipher);
	return !ok;
}

int
main(int argc, char **argv)
{
	SSL_CTX *ctx = NULL;
	const char *why;
	int c, listening = 0;

	if (record_wipe_memory() == -1)
		fail("memory");
	why = record_init();
	if (why)
		fail(why);
	while ((c = getopt(argc, argv, "lC:K:n:s:u:")) != -1)
		switch (c) {
		case 'l':
			listening = 1;
			break;
		case 'C':
			cert = optarg;
			break;
		case 'K':
			key = optarg;
			break;
		case 'n':
			if (sscanf(optarg, "%zu-%zu", &first, &last) != 2)
				fail("-n FIRST-LAST");
			break;
		case 's':
			step = strtoul(optarg, NULL, 10);
			break;
		case 'u':
			update_every = strtoul(optarg, NULL, 10);
			break;
		default:
			fail("usage");
		}
	if (optind != argc - 1 || step == 0 || last > BUF / 2 || (listening && !(cert && key)))
		fail("usage");
	signal(SIGPIPE, SIG_IGN);
	ctx = SSL_CTX_new(listening ? TLS_server_method() : TLS_client_method());
	if (!ctx || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1)
		fail("context");
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_num_tickets(ctx, 1);
	if (!listening)
		return drive(ctx, argv[optind]);
	serve(ctx, argv[optind]);
	return 1;
}
