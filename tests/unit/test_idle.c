/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What an idle connection keeps of the worker's memory: real TLS connections are opened, used and
 * left alone, and every malloc and free of the worker's code and of OpenSSL's is counted.  conn.h
 * says what must come out.
 */
#include "worker/conn/conn.h"
#include "worker/conn/list.h"
#include "worker/conn/log.h"
#include "worker/conn/steps.h"
#include "worker/record/record.h"
#include "worker/record/start.h"
#include "worker/tls/ctx.h"
#include "worker/tls/facts.h"

#include <check.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- the allocator, which the linker puts before the real one ---- */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void __wrap_free(void *p);

static size_t live;

/* With the word that the allocator itself has before each piece. */
static size_t
cost(void *p)
{
	return p ? malloc_usable_size(p) + sizeof(size_t) : 0;
}

void *
__wrap_malloc(size_t n)
{
	void *p = __real_malloc(n);

	live += cost(p);
	return p;
}

void *
__wrap_calloc(size_t n, size_t size)
{
	void *p = __real_calloc(n, size);

	live += cost(p);
	return p;
}

void *
__wrap_realloc(void *p, size_t n)
{
	live -= cost(p);
	p = __real_realloc(p, n);
	live += cost(p);
	return p;
}

void
__wrap_free(void *p)
{
	live -= cost(p);
	__real_free(p);
}

/* ---- neighbours ---- */

static struct service *w;
static struct conf_frontend frontend;
static struct conf_listener listener;
static struct conf_backend backend;
static struct conf_server server_conf = { .name = "s0" };
static struct conf conf = {
	.frontends = &frontend,
	.frontend_count = 1,
	.listeners = &listener,
	.listener_count = 1,
	.backends = &backend,
	.backend_count = 1,
	.servers = &server_conf,
	.server_count = 1,
	.slot_count = 1,
};
static struct tally_frontend tally_frontend;
static struct tally_server tally_server;
static struct tally_worker tally_worker;
static struct tally tally = { &tally_worker, &tally_frontend, &tally_server, NULL, 0 };
static struct addr there;
static SSL_CTX *serves, *asks;

enum pick
balance_pick(struct balancer *b, uint32_t back, const struct addr *peer, const struct tried *tried,
    struct choice *choice_r)
{
	(void)b, (void)back, (void)peer, (void)tried;
	*choice_r = (struct choice){ .addr = there };
	return PICK_SERVER;
}

void
balance_failed(struct balancer *b, uint32_t slot)
{
	(void)b, (void)slot;
}

SSL *
tls_ctx_accept(const struct tls_ctx *t, uint32_t f)
{
	SSL *ssl = SSL_new(serves);

	(void)t, (void)f;
	if (ssl) /* no Check's words here: they come and go with memory of its own */
		SSL_set_accept_state(ssl);
	return ssl;
}

SSL *
tls_ctx_connect(const struct tls_ctx *t, uint32_t s)
{
	SSL *ssl = SSL_new(asks);

	(void)t, (void)s;
	if (ssl)
		SSL_set_connect_state(ssl);
	return ssl;
}

void
tls_facts_read(SSL *ssl, struct tls_facts *f)
{
	*f = (struct tls_facts){
		.version = SSL_get_version(ssl),
		.cipher = SSL_get_cipher_name(ssl),
		.sni = "imap.example.org",
		.verify = 1,
	};
}

const char *
tls_facts_sni(SSL *ssl)
{
	(void)ssl;
	return NULL;
}

int
tls_facts_why(SSL *ssl, char *buf, size_t size)
{
	(void)ssl;
	(void)snprintf(buf, size, "a handshake failed");
	return 0;
}

/* ---- a small world ---- */

/* Check's own words would be counted: it is asked only when something is wrong. */
#define must(x) ((x) ? (void)0 : ck_abort_msg("%s", #x))

static SSL_CTX *
context(const SSL_METHOD *method)
{
	static EVP_PKEY *key;
	static X509 *cert;
	SSL_CTX *ctx = SSL_CTX_new(method);

	if (!key) {
		key = EVP_EC_gen("P-256");
		cert = X509_new();
		X509_gmtime_adj(X509_getm_notBefore(cert), 0);
		X509_gmtime_adj(X509_getm_notAfter(cert), 36000);
		X509_set_pubkey(cert, key);
		must(X509_sign(cert, key, EVP_sha256()) > 0);
	}
	must(SSL_CTX_use_certificate(ctx, cert) == 1);
	must(SSL_CTX_use_PrivateKey(ctx, key) == 1);
	must(SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256") == 1);
	return ctx;
}

static int
listen_here(struct addr *a_r)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	must(bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == 0);
	must(listen(fd, 64) == 0);
	must(getsockname(fd, (struct sockaddr *)&sin, &len) == 0);
	addr_from_sockaddr((struct sockaddr *)&sin, a_r);
	return fd;
}

static int
wait_accept(int fd)
{
	int got;

	while ((got = accept4(fd, NULL, NULL, SOCK_NONBLOCK)) == -1)
		must(loop_once(w->loop, 1) == 0);
	return got;
}

/* One end of a connection as the test plays it. */
struct end {
	int fd;
	SSL *ssl; /* NULL: no TLS */
};

static void
say(struct end *e, const char *text)
{
	int n = (int)strlen(text);

	must(e->ssl ? SSL_write(e->ssl, text, n) : (int)send(e->fd, text, (size_t)n, 0) == n);
}

static void
hear(struct end *e, const char *text)
{
	int n = (int)strlen(text), have = 0, got;
	char buf[64];

	while (have < n) {
		got = e->ssl ? SSL_read(e->ssl, buf + have, n - have) :
			       (int)recv(e->fd, buf + have, (size_t)(n - have), MSG_DONTWAIT);
		have += got > 0 ? got : 0;
		must(loop_once(w->loop, 1) == 0);
	}
	must(memcmp(buf, text, (size_t)n) == 0);
}

static void
shake(struct end *e, SSL_CTX *ctx, int accepting)
{
	e->ssl = SSL_new(ctx);
	must(SSL_set_fd(e->ssl, e->fd) == 1);
	if (accepting)
		SSL_set_accept_state(e->ssl);
	else
		SSL_set_connect_state(e->ssl);
	while (SSL_do_handshake(e->ssl) != 1)
		must(loop_once(w->loop, 1) == 0);
}

/* The test's own side of the connection shall not count. */
static void
leave(struct end *e)
{
	if (!e->ssl)
		return;
	SSL_set_shutdown(e->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(e->ssl);
}

/* Greeting, an order, its answer; then silence. */
static void
open_one(int listening)
{
	struct end client = { socket(AF_INET, SOCK_STREAM, 0), NULL }, server = { -1, NULL };
	struct addr here;
	struct sockaddr_storage ss;
	int front = listen_here(&here);
	socklen_t len = addr_to_sockaddr(&here, &ss);
	struct msg_handover h = { .id = 1, .peer = here, .local = here };

	must(connect(client.fd, (struct sockaddr *)&ss, len) == 0);
	must(conn_begin(w, &h, wait_accept(front)) == 0);
	close(front);
	/* SOCK_NONBLOCK from now on, as the test's own loop is the worker's */
	must(fcntl(client.fd, F_SETFL, O_NONBLOCK) == 0);
	shake(&client, asks, 0);
	server.fd = wait_accept(listening);
	if (backend.tls.on)
		shake(&server, serves, 1);
	say(&server, "* OK ready\r\n");
	hear(&client, "* OK ready\r\n");
	say(&client, "a IDLE\r\n");
	hear(&server, "a IDLE\r\n");
	say(&server, "+ idling\r\n");
	hear(&client, "+ idling\r\n");
	leave(&client);
	leave(&server);
	must(w->conns->state == CONN_RELAY);
	must(w->conns->client.record != NULL);
	must(!backend.tls.on || w->conns->server.record);
}

static const struct {
	const char *name;
	int backend_tls;
	enum log_connections log;
	size_t most;
} kinds[] = {
	{ "TLS to plain", 0, LOG_CONN_NONE, CONN_IDLE_BYTES },
	{ "TLS to TLS", 1, LOG_CONN_NONE, CONN_IDLE_BYTES_TLS },
	{ "TLS to plain, with a line at the end", 0, LOG_CONN_END,
	    CONN_IDLE_BYTES + CONN_IDLE_BYTES_LOG },
};

#define BATCH 8

START_TEST(costs_what_conn_h_says)
{
	size_t each = SIZE_MAX;
	int listening;

	ck_assert_int_eq(record_wipe_memory(), 0);
	ck_assert_ptr_null(record_init());
	serves = context(TLS_server_method());
	asks = context(TLS_client_method());
	w = calloc(1, sizeof(*w));
	ck_assert_ptr_nonnull(w->loop = loop_new());
	relay_init(&w->relay);
	listening = listen_here(&there);
	frontend = (struct conf_frontend){
		.name = "in",
		.protocol = PROTO_IMAP,
		.tls = { .mode = TLS_IMPLICIT, .detach = 1 },
		.timeouts = { .handshake = 50000, .idle = 50000, .half_closed = 50000 },
	};
	backend = (struct conf_backend){
		.name = "out",
		.servers = 1,
		.connect = 50000,
		.tls.on = kinds[_i].backend_tls,
	};
	conf.log.connections = kinds[_i].log;
	w->conf = &conf;
	w->tally = &tally;
	/* The cheapest of some batches: a table that grows in between is nobody's. */
	for (int batch = 0; batch < 5; batch++) {
		size_t before = live;

		for (size_t i = 0; i < BATCH; i++)
			open_one(listening);
		if ((live - before) / BATCH < each)
			each = (live - before) / BATCH;
	}
	ck_assert_msg(each > sizeof(struct conn), "nothing was counted");
	/* malloc gives now and then a piece that is a step of 16 larger than it need be */
	ck_assert_msg(each <= kinds[_i].most + 8, "%s: %zu bytes", kinds[_i].name, each);
	ck_assert_msg(each + 32 > kinds[_i].most, "%s: only %zu", kinds[_i].name, each);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("idle");
	TCase *t = tcase_create("idle");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, costs_what_conn_h_says, 0, sizeof(kinds) / sizeof(kinds[0]));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
