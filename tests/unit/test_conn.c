/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The life of a connection, on real sockets of the loopback interface: the test plays the client,
 * the servers and the choice of a server; master, TLS and other workers are not there.
 */
#include "common/mail/refuse.h"
#include "worker/conn/conn.h"
#include "worker/conn/list.h"
#include "worker/conn/log.h"
#include "worker/conn/steps.h"
#include "worker/tls/ctx.h"
#include "worker/tls/facts.h"

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct service *w;
static struct conf conf;
static struct conf_frontend frontend;
static struct conf_listener listener;
static struct conf_backend backend;
static struct conf_server servers[2];
static struct tally_frontend tally_frontend;
static struct tally_server tally_servers[2];
static struct tally_worker tally_worker;
static struct tally tally = { &tally_worker, &tally_frontend, tally_servers, NULL, 0 };

static int client; /* the test's end of the client's connection */
static int up;     /* a listening server */
static struct addr up_addr, down_addr;
static unsigned touched, shaken, closed, suspects;
static char ended[64], ended_while[64], ended_why[256];

/* ---- the allocator, which the linker puts before the real one ---- */

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
static size_t unaffordable; /* pieces of this size are not to be had */

void *
__wrap_malloc(size_t n)
{
	return n == unaffordable ? NULL : __real_malloc(n);
}

/* ---- neighbours ---- */

static enum pick picks[8]; /* what the next choices are */
static unsigned pick_count, pick_first_down;

enum pick
balance_pick(struct balancer *b, uint32_t back, const struct addr *peer, const struct tried *tried,
    struct choice *choice_r)
{
	(void)b, (void)back, (void)peer, (void)tried;
	choice_r->slot = choice_r->server = pick_count % 2;
	choice_r->addr = pick_count < pick_first_down ? down_addr : up_addr;
	return picks[pick_count < 7 ? pick_count++ : 7];
}

void
balance_failed(struct balancer *b, uint32_t slot)
{
	(void)b, (void)slot;
}

uint32_t
conf_route(const struct conf *c, uint32_t f, const char *sni)
{
	(void)sni;
	return c->frontends[f].backend;
}

void
to_master_touched(struct to_master *t, uint64_t id)
{
	(void)t, (void)id;
	touched++;
}

void
to_master_shaken(struct to_master *t, uint64_t id)
{
	(void)t, (void)id;
	shaken++;
}

void
to_master_closed(struct to_master *t, uint64_t id)
{
	(void)t, (void)id;
	closed++;
}

void
to_master_suspect(struct to_master *t, uint32_t slot)
{
	(void)t, (void)slot;
	suspects++;
}

static struct conn *adopted;

void
list_adopt(struct service *service, struct conn *c)
{
	(void)service;
	adopted = c;
}

void
list_forget(struct service *service, struct conn *c)
{
	(void)service, (void)c;
	adopted = NULL;
}

void
list_again(struct service *service, struct conn *c)
{
	(void)service;
	c->again = 1;
}

/* The test runs connections that asked by itself. */
struct conn *
list_take_again(struct service *service)
{
	(void)service;
	return NULL;
}

struct notes *
conn_log_keep(const struct conn *c)
{
	struct notes *n = malloc(sizeof(*n) + sizeof(c->setup->sni));

	*n = c->setup->notes;
	memcpy(n + 1, c->setup->sni, sizeof(c->setup->sni));
	return n;
}

void
conn_log_start(const struct conn *c)
{
	(void)c;
}

void
conn_log_end(const struct conn *c)
{
	(void)snprintf(ended, sizeof(ended), "%s", conn_end_text(c->end));
	(void)snprintf(ended_while, sizeof(ended_while), "%s", conn_state_text(c->end_state));
	(void)snprintf(ended_why, sizeof(ended_why), "%s", c->why ? c->why : "");
}

/* TLS is not in this test; nothing may ask for it. */
SSL *
tls_ctx_accept(const struct tls_ctx *t, uint32_t f)
{
	(void)t, (void)f;
	ck_abort_msg("TLS");
	return NULL;
}

SSL *
tls_ctx_connect(const struct tls_ctx *t, uint32_t s)
{
	(void)t, (void)s;
	ck_abort_msg("TLS");
	return NULL;
}

void
tls_facts_read(SSL *ssl, struct tls_facts *f)
{
	(void)ssl, (void)f;
	ck_abort_msg("TLS");
}

const char *
tls_facts_sni(SSL *ssl)
{
	(void)ssl;
	ck_abort_msg("TLS");
	return NULL;
}

int
tls_facts_why(SSL *ssl, char *buf, size_t size)
{
	(void)ssl, (void)buf, (void)size;
	ck_abort_msg("TLS");
	return 0;
}

/* The kernel's, until it has no memory for one more of these. */
static int epoll_left = -1;

int
epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
	if (op == EPOLL_CTL_ADD && epoll_left >= 0 && epoll_left-- == 0)
		return errno = ENOSPC, -1;
	return (int)syscall(SYS_epoll_ctl, epoll, op, fd, event);
}

/* ---- a small world ---- */

static int
listen_here(struct addr *a_r)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	addr_from_sockaddr((struct sockaddr *)&sin, a_r);
	return fd;
}

static int
wait_accept(int fd)
{
	int got;

	for (int i = 0; i < 1000; i++) {
		if ((got = accept4(fd, NULL, NULL, SOCK_NONBLOCK)) != -1)
			return got;
		ck_assert_int_eq(loop_once(w->loop, 5), 0);
	}
	ck_abort_msg("no connection came");
	return -1;
}

static void
setup(void)
{
	int fd;

	w = calloc(1, sizeof(*w));
	ck_assert_ptr_nonnull(w->loop = loop_new());
	up = listen_here(&up_addr);
	fd = listen_here(&down_addr);
	close(fd); /* a port that refuses */
	frontend = (struct conf_frontend){
		.name = "in",
		.protocol = PROTO_IMAP,
		.hostname = "mx",
		.timeouts = { .handshake = 5000, .idle = 5000, .half_closed = 5000 },
	};
	backend = (struct conf_backend){
		.name = "out",
		.servers = 2,
		.retries = 3,
		.connect = 2000,
	};
	servers[0] = (struct conf_server){ .name = "s0", .send_proxy = PROXY_V2 };
	servers[1] = (struct conf_server){ .name = "s1", .send_proxy = PROXY_V2, .slot = 1 };
	conf = (struct conf){
		.frontends = &frontend,
		.frontend_count = 1,
		.listeners = &listener,
		.listener_count = 1,
		.backends = &backend,
		.backend_count = 1,
		.servers = servers,
		.server_count = 2,
		.slot_count = 2,
		.log.connections = LOG_CONN_END,
	};
	relay_init(&w->relay);
	w->conf = &conf;
	w->tally = &tally;
	for (size_t i = 0; i < 8; i++)
		picks[i] = PICK_SERVER;
}

/* Hand a fresh client connection to the code under test. */
static void
begin(void)
{
	struct addr here;
	int listening = listen_here(&here), theirs;
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(&here, &ss);
	struct msg_handover h = { .id = 42, .peer = here, .local = here };

	client = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(client, (struct sockaddr *)&ss, len), 0);
	theirs = wait_accept(listening);
	close(listening);
	ck_assert_int_eq(conn_begin(w, &h, theirs), 0);
}

static void
run_until_closed(void)
{
	for (int i = 0; i < 2000 && adopted; i++)
		ck_assert_int_eq(loop_once(w->loop, 5), 0);
	ck_assert_msg(!adopted, "the connection did not end");
	ck_assert_uint_eq(tally_servers[0].active + tally_servers[1].active, 0);
	ck_assert_uint_eq(closed, 1);
}

/* Read exactly n bytes, or to the end of the stream with n == SIZE_MAX; returns how many. */
static size_t
read_bytes(int fd, char *buf, size_t n)
{
	size_t have = 0;

	for (int i = 0; i < 2000 && have < n; i++) {
		ssize_t got = recv(fd, buf + have, n == SIZE_MAX ? 4096 : n - have, MSG_DONTWAIT);

		if (got == 0 || (got == -1 && errno == ECONNRESET))
			return have;
		if (got > 0)
			have += (size_t)got;
		else
			ck_assert_int_eq(loop_once(w->loop, 5), 0);
	}
	ck_assert_msg(n != SIZE_MAX && have == n, "bytes missing");
	return have;
}

/* ---- lives ---- */

START_TEST(there_and_back)
{
	char buf[4096];
	int server;

	begin();
	server = wait_accept(up);
	ck_assert_uint_eq(read_bytes(server, buf, 28), 28);
	ck_assert_mem_eq(buf, "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", 16);
	ck_assert_int_eq(send(server, "* OK\r\n", 6, 0), 6);
	ck_assert_uint_eq(read_bytes(client, buf, 6), 6);
	ck_assert_int_eq(send(client, "a LOGOUT\r\n", 10, 0), 10);
	ck_assert_uint_eq(read_bytes(server, buf, 10), 10);
	ck_assert_ptr_null(adopted->setup); /* an idle connection holds nothing but itself */
	ck_assert_uint_eq(tally_servers[0].active, 1);
	/* Half-close: the client is done, the server still has something to say. */
	ck_assert_int_eq(shutdown(client, SHUT_WR), 0);
	ck_assert_uint_eq(read_bytes(server, buf, SIZE_MAX), 0);
	ck_assert_int_eq(send(server, "bye", 3, 0), 3);
	ck_assert_uint_eq(read_bytes(client, buf, 3), 3);
	close(server);
	ck_assert_uint_eq(read_bytes(client, buf, SIZE_MAX), 0);
	run_until_closed();
	ck_assert_str_eq(ended, "client-closed");
	ck_assert_str_eq(ended_while, "relay");
	ck_assert_uint_eq(touched, 1);
	ck_assert_uint_eq(tally_servers[0].total, 1);
}
END_TEST

START_TEST(another_server)
{
	char buf[64];
	int server;

	pick_first_down = 2;
	begin();
	server = wait_accept(up);
	ck_assert_uint_eq(read_bytes(server, buf, 28), 28);
	ck_assert_uint_eq(adopted->notes->tries, 3);
	ck_assert_uint_eq(suspects, 2);
	close(client);
	close(server);
	run_until_closed();
}
END_TEST

/* A server that is further away than the loopback: its answer to the SYN takes its time. */
START_TEST(server_answers_late)
{
	char buf[64];
	struct sockaddr_storage ss;
	int waiting, server;

	/* Who fills the queue of a listener makes the kernel drop the next SYN; its second try, a
	 * second later, finds room. */
	close(up);
	up = listen_here(&up_addr);
	ck_assert_int_eq(listen(up, 0), 0);
	waiting = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(
	    connect(waiting, (struct sockaddr *)&ss, addr_to_sockaddr(&up_addr, &ss)), 0);
	backend.connect = 10000;
	begin();
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(loop_once(w->loop, 5), 0);
	ck_assert_int_eq(adopted->state, CONN_CONNECT);
	ck_assert_uint_eq(adopted->notes->tries, 1);
	close(wait_accept(up));
	close(waiting);
	server = wait_accept(up);
	ck_assert_uint_eq(read_bytes(server, buf, 28), 28);
	ck_assert_uint_eq(suspects, 0);
	close(client);
	close(server);
	run_until_closed();
}
END_TEST

/* One peer answers our end, the other is dead: waiting for it costs nothing. */
START_TEST(one_end_is_missing)
{
	char buf[64];
	int server, passes = 0;

	frontend.timeouts.idle = 50;
	begin();
	server = wait_accept(up);
	ck_assert_uint_eq(read_bytes(server, buf, 28), 28);
	ck_assert_uint_eq(read_bytes(server, buf, SIZE_MAX), 0);
	close(server);
	for (; adopted && passes < 1000; passes++)
		ck_assert_int_eq(loop_once(w->loop, 1000), 0);
	ck_assert_int_lt(passes, 100);
	ck_assert_str_eq(ended, "idle");
	close(client);
}
END_TEST

START_TEST(all_refuse)
{
	char buf[4096] = "";

	pick_first_down = 8;
	begin();
	read_bytes(client, buf, SIZE_MAX);
	ck_assert_str_eq(buf, "* BYE [UNAVAILABLE] mx cannot serve you now, try again later\r\n");
	close(client);
	run_until_closed();
	ck_assert_str_eq(ended, "connect-failed");
	ck_assert_str_eq(ended_while, "connect");
	ck_assert_str_eq(ended_why, "s1: Connection refused");
	ck_assert_uint_eq(tally_servers[0].failed + tally_servers[1].failed, 4);
}
END_TEST

static const struct {
	enum pick pick;
	const char *end;
} unserved[] = {
	{ PICK_NONE, "no-server" },
	{ PICK_FULL, "server-full" },
	{ PICK_CHECKING, "no-server" },
};

START_TEST(nobody_to_serve)
{
	char buf[4096] = "";

	backend.connect = 100;
	for (size_t i = 0; i < 8; i++)
		picks[i] = unserved[_i].pick;
	begin();
	read_bytes(client, buf, SIZE_MAX);
	ck_assert(strncmp(buf, "* BYE ", 6) == 0);
	close(client);
	run_until_closed();
	ck_assert_str_eq(ended, unserved[_i].end);
	ck_assert_uint_eq(tally_frontend.refused, 1);
}
END_TEST

START_TEST(first_check_comes_in_time)
{
	char buf[64];
	int server;

	picks[0] = picks[1] = PICK_CHECKING;
	begin();
	server = wait_accept(up);
	ck_assert_uint_eq(read_bytes(server, buf, 28), 28);
	close(client);
	close(server);
	run_until_closed();
}
END_TEST

START_TEST(nobody_speaks)
{
	char buf[64];
	int server;

	frontend.timeouts.idle = 100;
	begin();
	server = wait_accept(up);
	ck_assert_uint_eq(read_bytes(server, buf, 28), 28);
	ck_assert_uint_eq(read_bytes(client, buf, SIZE_MAX), 0);
	ck_assert_uint_eq(read_bytes(server, buf, SIZE_MAX), 0);
	close(client);
	close(server);
	run_until_closed();
	ck_assert_str_eq(ended, "idle");
}
END_TEST

START_TEST(half_closed_for_ever)
{
	char buf[64];
	int server;

	frontend.timeouts.half_closed = 100;
	begin();
	server = wait_accept(up);
	ck_assert_uint_eq(read_bytes(server, buf, 28), 28);
	ck_assert_int_eq(shutdown(client, SHUT_WR), 0);
	ck_assert_uint_eq(read_bytes(client, buf, SIZE_MAX), 0);
	close(client);
	close(server);
	run_until_closed();
	ck_assert_str_eq(ended, "half-closed");
}
END_TEST

/* Reset answered by reset, from either side. */
START_TEST(reset)
{
	const struct linger now = { 1, 0 };
	char buf[64];
	int server, from, to;

	begin();
	server = wait_accept(up);
	ck_assert_uint_eq(read_bytes(server, buf, 28), 28);
	from = _i ? client : server;
	to = _i ? server : client;
	ck_assert_int_eq(setsockopt(from, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	close(from);
	run_until_closed();
	ck_assert_int_eq(recv(to, buf, sizeof(buf), MSG_DONTWAIT), -1);
	ck_assert_int_eq(errno, ECONNRESET);
	ck_assert_str_eq(ended, _i ? "client-reset" : "server-reset");
}
END_TEST

START_TEST(slow_reader)
{
	static char out[32 << 20], in[32 << 20];
	size_t sent = 0;
	int server;

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (char)(i * 2654435761u >> 24);
	begin();
	server = wait_accept(up);
	(void)read_bytes(server, in, 28);
	/* The client reads nothing: what the worker holds for it stays small. */
	for (int quiet = 0; quiet < 20;) {
		ssize_t n = send(server, out + sent, sizeof(out) - sent, MSG_DONTWAIT);

		quiet = n > 0 ? 0 : quiet + 1;
		sent += n > 0 ? (size_t)n : 0;
		ck_assert_int_eq(loop_once(w->loop, 1), 0);
		ck_assert_uint_le(1u << adopted->client.window, sizeof(w->relay.scratch));
	}
	ck_assert(side_blocked(&adopted->client));
	ck_assert_uint_lt(sent, sizeof(out));
	/* Then it reads, and gets every byte. */
	for (size_t have = 0; have < sizeof(out);) {
		ssize_t n = send(server, out + sent, sizeof(out) - sent, MSG_DONTWAIT);

		sent += n > 0 ? (size_t)n : 0;
		n = recv(client, in + have, sizeof(in) - have, MSG_DONTWAIT);
		have += n > 0 ? (size_t)n : 0;
		ck_assert_int_eq(loop_once(w->loop, 0), 0);
		if (adopted->again) {
			adopted->again = 0;
			conn_run(adopted);
		}
	}
	ck_assert_mem_eq(in, out, sizeof(out));
	ck_assert(!side_blocked(&adopted->client));
	close(server);
	close(client);
	run_until_closed();
}
END_TEST

/* Bulk is written in large pieces; what comes after a silence is not bulk any more. */
START_TEST(pause_ends_bulk)
{
	char bytes[28];
	int server;

	begin();
	server = wait_accept(up);
	(void)read_bytes(server, bytes, sizeof(bytes));
	/* How they grow depends on the sockets' buffers, and is test_relay's. */
	adopted->client.window = SIDE_WINDOW_MAX;
	adopted->server.window = SIDE_WINDOW_MAX;
	/* no event for a second, as far as the connection can tell */
	adopted->moved_ms -= 1000;
	conn_run(adopted);
	ck_assert_uint_eq(adopted->client.window, SIDE_WINDOW_MIN);
	ck_assert_uint_eq(adopted->server.window, SIDE_WINDOW_MIN);
	close(server);
	close(client);
}
END_TEST

static const struct {
	enum conn_end end;
	int before_relay;
} leavings[] = {
	{ END_STOP, 0 },
	{ END_DRAIN, 0 },
	{ END_STOP, 1 },
};

START_TEST(told_to_leave)
{
	char buf[4096];
	int server = -1;

	if (leavings[_i].before_relay)
		for (size_t i = 0; i < 8; i++)
			picks[i] = PICK_CHECKING;
	begin();
	if (!leavings[_i].before_relay) {
		server = wait_accept(up);
		ck_assert_uint_eq(read_bytes(server, buf, 28), 28);
	}
	conn_end(adopted, leavings[_i].end);
	/* Once bytes were relayed nothing is inserted; before that there are words. */
	ck_assert((read_bytes(client, buf, SIZE_MAX) > 0) == leavings[_i].before_relay);
	close(client);
	close(server);
	run_until_closed();
	ck_assert_str_eq(ended, conn_end_text(leavings[_i].end));
}
END_TEST

/* A server that goes on sending when all is over is thrown away in turns, not at once. */
START_TEST(talks_on)
{
	char buf[4096] = { 0 };
	int server;

	begin();
	server = wait_accept(up);
	ck_assert_uint_eq(read_bytes(server, buf, 28), 28);
	ck_assert_int_gt(send(server, buf, sizeof(buf), 0), 0);
	conn_end(adopted, END_STOP);
	ck_assert(adopted && adopted->again);
	close(client);
	close(server);
	conn_run(adopted);
	run_until_closed();
}
END_TEST

/* A ClientHello passes unchanged behind the PROXY header; what is none reaches no server. */
START_TEST(passthrough)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(ctx);
	BIO *out = BIO_new(BIO_s_mem());
	char hello[HELLO_MAX], buf[HELLO_MAX];
	int server, n;

	frontend.tls.mode = TLS_PASSTHROUGH;
	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), out);
	SSL_set_tlsext_host_name(ssl, "mail.example.org");
	(void)SSL_connect(ssl);
	n = BIO_read(out, hello, sizeof(hello));
	begin();
	ck_assert_uint_eq(touched, 0); /* nothing looked at before the first byte */
	for (int i = 0; i < n; i++) {
		ck_assert_int_eq(send(client, hello + i, 1, 0), 1);
		ck_assert_int_eq(loop_once(w->loop, i % 16 == 0), 0);
	}
	server = wait_accept(up);
	ck_assert_uint_eq(read_bytes(server, buf, 28 + (size_t)n), 28 + (size_t)n);
	ck_assert_mem_eq(buf + 28, hello, n);
	ck_assert_uint_eq(adopted->bytes_in, n);
	ck_assert_str_eq((const char *)(adopted->notes + 1), "mail.example.org");
	close(client);
	close(server);
	run_until_closed();
	SSL_free(ssl);
	SSL_CTX_free(ctx);
}
END_TEST

START_TEST(not_tls)
{
	char buf[64];

	frontend.tls.mode = TLS_PASSTHROUGH;
	begin();
	ck_assert_int_eq(send(client, "a001 LOGIN a b\r\n", 16, 0), 16);
	ck_assert_uint_eq(read_bytes(client, buf, SIZE_MAX), 0);
	close(client);
	run_until_closed();
	ck_assert_str_eq(ended, "tls-error");
	ck_assert_str_eq(ended_while, "hello");
	ck_assert_uint_eq(pick_count, 0);
}
END_TEST

/* Without its hello a connection could only go astray: no server hears of it. */
START_TEST(no_memory_for_the_hello)
{
	char buf[64];

	frontend.tls.mode = TLS_PASSTHROUGH;
	unaffordable = sizeof(struct hello);
	begin();
	ck_assert_int_eq(send(client, "\x16", 1, 0), 1);
	run_until_closed();
	ck_assert_uint_eq(read_bytes(client, buf, SIZE_MAX), 0);
	close(client);
	ck_assert_str_eq(ended, "internal");
	ck_assert_str_eq(ended_why, "no memory for the ClientHello");
	ck_assert_uint_eq(pick_count, 0);
}
END_TEST

/* Neither the client's events (0) nor the server's (1) can be had: it does not wait for ever. */
START_TEST(deaf)
{
	epoll_left = _i;
	begin();
	run_until_closed();
	ck_assert_str_eq(ended, "internal");
	ck_assert_str_eq(ended_why, "no memory to wait for its bytes");
	close(client);
}
END_TEST

START_TEST(silent_client)
{
	char buf[64];

	frontend.tls.mode = TLS_PASSTHROUGH;
	frontend.timeouts.handshake = 50;
	begin();
	ck_assert_uint_eq(read_bytes(client, buf, SIZE_MAX), 0);
	close(client);
	run_until_closed();
	ck_assert_str_eq(ended, "timeout");
	ck_assert_str_eq(ended_why, "no byte from the client");
	ck_assert_uint_eq(touched, 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conn");
	TCase *t = tcase_create("life");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, there_and_back);
	tcase_add_test(t, another_server);
	tcase_add_test(t, server_answers_late);
	tcase_add_test(t, one_end_is_missing);
	tcase_add_test(t, all_refuse);
	tcase_add_loop_test(t, nobody_to_serve, 0, sizeof(unserved) / sizeof(unserved[0]));
	tcase_add_test(t, first_check_comes_in_time);
	tcase_add_test(t, nobody_speaks);
	tcase_add_test(t, half_closed_for_ever);
	tcase_add_loop_test(t, reset, 0, 2);
	tcase_add_test(t, slow_reader);
	tcase_add_test(t, pause_ends_bulk);
	tcase_add_loop_test(t, told_to_leave, 0, sizeof(leavings) / sizeof(leavings[0]));
	tcase_add_test(t, talks_on);
	tcase_add_test(t, passthrough);
	tcase_add_test(t, not_tls);
	tcase_add_test(t, no_memory_for_the_hello);
	tcase_add_test(t, silent_client);
	tcase_add_loop_test(t, deaf, 0, 2);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
