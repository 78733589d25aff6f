/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The life of a check, with the server played by a script: one letter is one operation on its
 * connection and what comes of it, in the order in which they must be asked for.
 */
#include "checker/check.h"
#include "checker/tls.h"
#include "checker/wire.h"

#include "common/tls/verify.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

static const char *script, *chunks; /* chunks of the server's bytes are divided by | */
static char sent[2048];
static size_t sent_len;
static int finished, was_reset, closed_fd, told, ended, quiet, from_port;
static uint64_t now;
static struct timer *timer;
static struct watch *watch;
static uint32_t watched; /* for what, last of all */
static struct verdict verdict;

/* --- the script --- */

static char
next(const char *of)
{
	char ch = *script;

	ck_assert_msg(
	    ch != '\0' && strchr(of, ch), "one of \"%s\" asked for at \"%s\"", of, script);
	script++;
	return ch;
}

enum wire_io
wire_connect(struct wire *w, const struct addr *to, const struct addr *from, int q)
{
	ck_assert_int_eq(to->port, 1143);
	from_port = from ? from->ip[3] : -1;
	quiet = q;
	w->fd = 99;
	switch (next("cC!0")) {
	case 'c':
		return WIRE_DONE;
	case 'C':
		w->want = EPOLLOUT;
		return WIRE_WAIT;
	case '0':
		w->error = EMFILE;
		w->ours = 1;
		return WIRE_FAILED;
	default:
		w->error = ECONNREFUSED;
		return WIRE_FAILED;
	}
}

int
wire_ends(const struct wire *w, struct addr *local_r, struct addr *peer_r)
{
	ck_assert_int_eq(w->fd, 99);
	ck_assert_int_eq(addr_parse("10.0.0.9:40000", 0, local_r), 0);
	ck_assert_int_eq(addr_parse("10.0.0.1:1143", 0, peer_r), 0);
	return 0;
}

static void
send_bytes(const void *bytes, size_t n)
{
	ck_assert_uint_lt(sent_len + n, sizeof(sent));
	memcpy(sent + sent_len, bytes, n);
	sent_len += n;
}

enum wire_io
wire_whole(struct wire *w, const void *bytes, size_t n)
{
	if (next("hH") == 'h') {
		send_bytes(bytes, n);
		return WIRE_DONE;
	}
	w->error = ECONNRESET;
	return WIRE_FAILED;
}

static int an_ssl;

SSL *
tls_begin(SSL_CTX *ctx, const struct conf_back_tls *t, const struct conf_server *s)
{
	ck_assert_ptr_nonnull(ctx);
	(void)t;
	(void)s;
	return (SSL *)(void *)&an_ssl;
}

enum wire_io
wire_tls(struct wire *w, SSL *ssl)
{
	w->ssl = ssl;
	return WIRE_DONE;
}

enum wire_io
wire_handshake(struct wire *w)
{
	switch (next("sSX")) {
	case 's':
		return WIRE_DONE;
	case 'S':
		w->want = EPOLLIN;
		return WIRE_WAIT;
	default:
		w->error = 0;
		return WIRE_FAILED;
	}
}

void
tls_why(SSL *ssl, const struct conf_back_tls *t, const struct conf_server *s, struct finding *f_r)
{
	(void)ssl;
	(void)t;
	(void)s;
	reason_set(f_r, REASON_TLS, 0, "certificate expired on 2026-01-01");
}

int32_t
tls_days_left(SSL *ssl)
{
	ck_assert_ptr_nonnull(ssl);
	return 30;
}

enum wire_io
wire_write(struct wire *w, const void *bytes, size_t n, size_t *n_r)
{
	switch (next("wWbx")) {
	case 'w':
		*n_r = n;
		break;
	case 'b':
		*n_r = 1;
		break;
	case 'W':
		w->want = EPOLLOUT;
		return WIRE_WAIT;
	default:
		w->error = EPIPE;
		return WIRE_FAILED;
	}
	send_bytes(bytes, *n_r);
	return WIRE_DONE;
}

enum wire_io
wire_read(struct wire *w, void *buf, size_t size, size_t *n_r)
{
	switch (next("rRef")) {
	case 'r':
		*n_r = strcspn(chunks, "|");
		ck_assert_uint_gt(*n_r, 0);
		ck_assert_uint_le(*n_r, size);
		memcpy(buf, chunks, *n_r);
		chunks += *n_r;
		chunks += *chunks == '|';
		return WIRE_DONE;
	case 'R':
		w->want = EPOLLIN;
		return WIRE_WAIT;
	case 'e':
		return WIRE_END;
	default:
		w->error = ECONNRESET;
		return WIRE_FAILED;
	}
}

void
wire_finish(struct wire *w)
{
	(void)w;
	finished++;
}

enum wire_io
wire_discard(struct wire *w, size_t max)
{
	ck_assert_uint_gt(max, 0);
	if (next("dD") == 'D')
		return WIRE_END;
	w->want = EPOLLIN;
	return WIRE_WAIT;
}

void
wire_reset(struct wire *w)
{
	(void)w;
	was_reset++;
}

void
wire_close(struct wire *w)
{
	if (w->fd != -1)
		closed_fd++;
	w->fd = -1;
}

/* --- the loop --- */

uint64_t
loop_now(const struct loop *l)
{
	(void)l;
	return now;
}

void
timer_set(struct loop *l, struct timer *t, uint64_t ms)
{
	(void)l;
	t->deadline = now + ms;
	timer = t;
}

void
timer_stop(struct timer *t)
{
	t->deadline = 0;
}

int
watch_set(struct loop *l, struct watch *w, uint32_t events)
{
	(void)l;
	w->events = watched = events;
	watch = w;
	return 0;
}

/* --- who wants to know --- */

static void
on_told(struct check_owner *o, const struct verdict *v)
{
	(void)o;
	ck_assert_int_eq(ended, 0);
	told++;
	verdict = *v;
}

static void
on_ended(struct check_owner *o)
{
	(void)o;
	ck_assert_int_eq(told, 1);
	ended++;
}

/* T: the time is up; any other letter that can wait is an event. */
static void
play(struct check *c)
{
	check_run(&c);
	while (!ended && *script != '\0') {
		if (*script == 'T') {
			script++;
			now = timer->deadline;
			timer->deadline = 0;
			timer->fn(timer);
		} else {
			ck_assert_uint_ne(watch->events, 0);
			now += 10;
			watch->fn(watch, watch->events);
		}
	}
	ck_assert_msg(ended == 1, "not over at the script's end");
	ck_assert_msg(*script == '\0', "over before \"%s\"", script);
}

#define OK_(s)   CHECK_##s, 1
#define BAD_(s)  CHECK_##s, 0
#define IMAP_OK  "* OK ready\r\n"
#define IMAP_END "* BYE\r\nx OK\r\n"

#define DOVECOT "haproxy = yes and haproxy_trusted_networks (Dovecot)"
#define POSTFIX "smtpd_upstream_proxy_protocol or postscreen_upstream_proxy_protocol (Postfix)"
#define ASKED   "; does it expect a PROXY header? Set send_proxy here, or look there for "
#define SENT(k) "; does it expect our PROXY header? Set there " k ", or here send_proxy to none"

SSL *
tls_probe(void)
{
	return (SSL *)(void *)&an_ssl;
}

static const struct life {
	const char *name;
	enum check_type type;
	const char *with; /* p: PROXY header, l: LOCAL, t: TLS, b: bind address */
	const char *script, *chunks;
	enum check_status status;
	int ok;
	const char *text;
	const char *sent; /* after the header */
	int finished;
} lives[] = {
	/* clang-format off */
	{ "imap", CHECK_IMAP, "", "CcrwrD", IMAP_OK "|" IMAP_END, OK_(L7OK), "IMAP server serves", "x LOGOUT\r\n", 1 },
	{ "imap, all at once", CHECK_IMAP, "", "crwD", IMAP_OK IMAP_END, OK_(L7OK), "IMAP server serves", "x LOGOUT\r\n", 1 },
	{ "imap, in drops", CHECK_IMAP, "", "CcRrRrrbbbWbbbbbbbRrrRrdD", "* O|K r|eady\r\n|* B|YE\r\n|x OK\r\n", OK_(L7OK), "IMAP server serves", "x LOGOUT\r\n", 1 },
	{ "imap, header", CHECK_IMAP, "p", "chrwrD", IMAP_OK "|" IMAP_END, OK_(L7OK), "IMAP server serves", "x LOGOUT\r\n", 1 },
	{ "imap, local header", CHECK_IMAP, "l", "chrwrD", IMAP_OK "|" IMAP_END, OK_(L7OK), "IMAP server serves", "x LOGOUT\r\n", 1 },
	{ "imap, TLS", CHECK_IMAP, "t", "cSSsrwrD", IMAP_OK "|" IMAP_END, OK_(L7OK), "IMAP server serves", "x LOGOUT\r\n", 1 },
	{ "imap, header and TLS", CHECK_IMAP, "pt", "chsrwrD", IMAP_OK "|" IMAP_END, OK_(L7OK), "IMAP server serves", "x LOGOUT\r\n", 1 },
	{ "imap, bound", CHECK_IMAP, "b", "crwrD", IMAP_OK "|" IMAP_END, OK_(L7OK), "IMAP server serves", "x LOGOUT\r\n", 1 },
	{ "server keeps the connection", CHECK_POP3, "", "crwrddT", "+OK hi\r\n|+OK bye\r\n", OK_(L7OK), "POP3 server serves", "QUIT\r\n", 1 },
	{ "closed after our goodbye", CHECK_IMAP, "", "crweD", IMAP_OK, OK_(L7OK), "IMAP server serves", "x LOGOUT\r\n", 1 },
	{ "teaser", CHECK_SMTP, "", "crRRrwrD", "220-wait\r\n|220 go\r\n|221 bye\r\n", OK_(L7OK), "SMTP server serves", "QUIT\r\n", 1 },
	{ "lmtp", CHECK_LMTP, "", "crwrD", "220 go\r\n|221 bye\r\n", OK_(L7OK), "LMTP server serves", "QUIT\r\n", 1 },
	{ "sieve", CHECK_SIEVE, "", "crwrD", "\"X\"\r\nOK\r\n|OK\r\n", OK_(L7OK), "ManageSieve server serves", "LOGOUT\r\n", 1 },
	{ "tcp", CHECK_TCP, "", "Cc", "", OK_(L4OK), "connected", "", 0 },
	{ "tcp, header", CHECK_TCP, "p", "chdD", "", OK_(L4OK), "connected", "", 1 },
	{ "tcp, TLS", CHECK_TCP, "t", "csD", "", OK_(L6OK), "TLS handshake done", "", 1 },
	{ "tls", CHECK_TLS, "t", "cSsdD", "", OK_(L6OK), "TLS handshake done", "", 1 },
	{ "expect", CHECK_EXPECT, "", "cwrrD", "xx|yy* OKzz", OK_(L7OK), "found what is expected", "PING\r\n", 1 },
	{ "expect, slow to send", CHECK_EXPECT, "", "cbWwrD", "* OK", OK_(L7OK), "found what is expected", "PING\r\n", 1 },

	{ "refused", CHECK_IMAP, "", "C!", "", BAD_(L4CON), "connection refused", "", 0 },
	{ "no answer to connect", CHECK_IMAP, "", "CTC", "", BAD_(L4TOUT), "no answer to our connect within 5 s", "", 0 },
	{ "in the last moment", CHECK_TCP, "", "CTc", "", OK_(L4OK), "connected", "", 0 },
	{ "header reset", CHECK_IMAP, "p", "cH", "", BAD_(L4CON), "connection reset while sending the PROXY header" SENT(DOVECOT), "", 0 },
	{ "handshake fails", CHECK_IMAP, "t", "cX", "", BAD_(L6RSP), "certificate expired on 2026-01-01", "", 0 },
	{ "handshake hangs", CHECK_IMAP, "t", "cSTS", "", BAD_(L6TOUT), "TLS handshake not done within 5 s; is it a TLS port? Use that one, or no tls" ASKED DOVECOT, "", 0 },
	{ "hung", CHECK_IMAP, "", "cRTRST", "", BAD_(L7TOUT), "connected, but not a word within 5 s" ASKED DOVECOT, "", 0 },
	{ "plain to a TLS port", CHECK_IMAP, "p", "chRTRSs", "", BAD_(L7RSP), "answers in TLS: it is a TLS port; set tls, or use the plain port", "", 1 },
	{ "closes at the probe", CHECK_IMAP, "", "cRTRSX", "", BAD_(L7TOUT), "connected, but not a word within 5 s" ASKED DOVECOT, "", 0 },
	{ "BAD at our goodbye", CHECK_IMAP, "l", "chrwrD", IMAP_OK "|x BAD Error in IMAP command\r\n", BAD_(L7STS), "at our goodbye: 'x BAD Error in IMAP command'" SENT(DOVECOT), "x LOGOUT\r\n", 1 },
	{ "502 for a greeting", CHECK_SMTP, "p", "chrD", "502 5.5.2 Error: command not recognized\r\n", BAD_(L7STS), "refuses: '502 5.5.2 Error: command not recognized'" SENT(POSTFIX), "", 1 },
	{ "no header for Postfix", CHECK_SMTP, "", "crD", "421 4.3.0 mail Server local error\r\n", BAD_(L7STS), "refuses: '421 4.3.0 mail Server local error'" ASKED POSTFIX, "", 1 },
	{ "hung in the greeting", CHECK_SMTP, "", "crRTR", "220-wait\r\n220", BAD_(L7TOUT), "not all of the greeting within 5 s: '220'" ASKED POSTFIX, "", 0 },
	{ "hung at our goodbye", CHECK_IMAP, "", "crwRTRTR", IMAP_OK, BAD_(L7TOUT), "connected, but not an answer to our goodbye within 5 s", "x LOGOUT\r\n", 1 },
	{ "wakes up at our FIN", CHECK_SIEVE, "t", "csrwRTRrD", "OK\r\n|OK\r\n", OK_(L7OK), "ManageSieve server serves", "LOGOUT\r\n", 1 },
	{ "closes at our FIN", CHECK_IMAP, "", "crwRTReD", IMAP_OK, OK_(L7OK), "IMAP server serves", "x LOGOUT\r\n", 1 },
	{ "does not read", CHECK_EXPECT, "", "cWTW", "", BAD_(L7TOUT), "does not read what we send", "", 0 },
	{ "421", CHECK_SMTP, "", "crD", "421 4.3.2 All server ports are busy\r\n", BAD_(L7STS), "refuses: '421 4.3.2 All server ports are busy'", "", 1 },
	{ "bye", CHECK_IMAP, "", "crdD", "* BYE Disconnected\r\n", BAD_(L7STS), "refuses: '* BYE Disconnected'", "", 1 },
	{ "err", CHECK_POP3, "", "crD", "-ERR [SYS/TEMP] no\r\n", BAD_(L7STS), "refuses: '-ERR [SYS/TEMP] no'", "", 1 },
	{ "no", CHECK_SIEVE, "", "crD", "NO \"go\"\r\n", BAD_(L7STS), "refuses: 'NO ?go?'", "", 1 },
	{ "no at our goodbye", CHECK_SMTP, "p", "chrwrD", "220 go\r\n|500 5.5.2 Error: bad syntax\r\n", BAD_(L7STS), "at our goodbye: '500 5.5.2 Error: bad syntax'" SENT(POSTFIX), "QUIT\r\n", 1 },
	{ "another protocol", CHECK_IMAP, "", "cr", "220 mail ESMTP\r\n", BAD_(L7RSP), "not IMAP: '220 mail ESMTP'", "", 0 },
	{ "escape codes", CHECK_SMTP, "", "crD", "421 \033[31mred\007\r\n", BAD_(L7STS), "refuses: '421 ?[31mred?'", "", 1 },
	{ "closed without a word", CHECK_IMAP, "", "ce", "", BAD_(L7RSP), "closed without a word" ASKED DOVECOT, "", 0 },
	{ "closed after the header", CHECK_IMAP, "p", "che", "", BAD_(L7RSP), "closed without a word" SENT(DOVECOT), "", 0 },
	{ "closed in the greeting", CHECK_SMTP, "", "cre", "220-wait", BAD_(L7RSP), "closed before the end of the greeting: '220-wait'" ASKED POSTFIX, "", 0 },
	{ "reset", CHECK_IMAP, "", "cf", "", BAD_(L7RSP), "connection reset while waiting for the greeting" ASKED DOVECOT, "", 0 },
	{ "reset at our goodbye", CHECK_IMAP, "", "crx", IMAP_OK, BAD_(L7RSP), "connection reset while saying goodbye", "", 0 },
	{ "a TLS port", CHECK_IMAP, "p", "chre", "\025\003\001x", BAD_(L7RSP), "answers in TLS: it is a TLS port; set tls, or use the plain port", "", 0 },
	{ "expect, not found", CHECK_EXPECT, "", "cwre", "nothing", BAD_(L7RSP), "closed before the end of what is expected: 'nothing'" ASKED DOVECOT, "PING\r\n", 0 },
	/* clang-format on */
};

static struct conf conf;
static struct conf_backend backend;
static struct conf_server server;
static struct addr source;

static struct plan
plan_for(enum check_type type, const char *with)
{
	struct plan plan;

	memset(&conf, 0, sizeof(conf));
	memset(&backend, 0, sizeof(backend));
	memset(&server, 0, sizeof(server));
	conf.backends = &backend;
	conf.backend_count = 1;
	backend.check.type = type;
	backend.protocol = type == CHECK_SMTP ? PROTO_SMTP : PROTO_IMAP;
	backend.check.timeout = 5000;
	backend.check.send = "PING\r\n";
	backend.check.expect = "* OK";
	backend.check.send_proxy = CHECK_PROXY_NONE;
	if (strchr(with, 'p'))
		backend.check.send_proxy = CHECK_PROXY_PROXY;
	if (strchr(with, 'l'))
		backend.check.send_proxy = CHECK_PROXY_LOCAL;
	if (strchr(with, 'b')) {
		ck_assert_int_eq(addr_parse("10.0.0.77:1", 0, &source), 0);
		backend.bind_address = &source;
		backend.bind_address_count = 1;
	}
	ck_assert_int_eq(addr_parse("10.0.0.1:1143", 0, &server.addr), 0);
	server.send_proxy = PROXY_V2_SSL;
	plan_make(&conf, &server, strchr(with, 't') ? (SSL_CTX *)(void *)&an_ssl : NULL, &plan);
	return plan;
}

static struct check *
begin(const struct plan *plan, const char *acts, const char *bytes)
{
	static struct check_owner owner = { on_told, on_ended };
	struct check *c;

	script = acts;
	chunks = bytes;
	sent_len = 0;
	finished = was_reset = closed_fd = told = ended = 0;
	now = 1000;
	c = check_new(NULL, plan, &server.addr, &owner);
	ck_assert_ptr_nonnull(c);
	ck_assert_uint_eq(timer->deadline, 6000);
	return c;
}

START_TEST(each_life)
{
	const struct life *l = &lives[_i];
	char words[REASON_WORDS];
	struct plan plan = plan_for(l->type, l->with);
	size_t header = 0;

	play(begin(&plan, l->script, l->chunks));
	ck_assert_int_eq(verdict.status, l->status);
	ck_assert_int_eq(verdict.ok, l->ok);
	reason_words(&backend, &verdict.found, words, sizeof(words));
	ck_assert_str_eq(words, l->text);
	ck_assert_int_eq(
	    verdict.days, strchr(l->script, 's') && strchr(l->with, 't') ? 30 : INT32_MIN);
	if (strchr(l->script, 'h'))
		header = strchr(l->with, 'p') ? 28 : 16;
	ck_assert_uint_eq(sent_len - header, strlen(l->sent));
	ck_assert_mem_eq(sent + header, l->sent, strlen(l->sent));
	ck_assert_int_eq(finished, l->finished);
	ck_assert_int_eq(closed_fd, 1);
	ck_assert_int_eq(from_port, strchr(l->with, 'b') ? 77 : -1);
	/* Only a connection that nobody will use is hidden from the server. */
	ck_assert_int_eq(quiet, l->type == CHECK_TCP && l->with[0] == '\0');
	ck_assert_int_eq(was_reset, quiet && l->ok);
}
END_TEST

/* Without a descriptor the server is not to blame. */
START_TEST(no_descriptor)
{
	struct plan plan = plan_for(CHECK_IMAP, "");

	play(begin(&plan, "0", ""));
	ck_assert_int_eq(verdict.stands, STANDS_UNASKED);
}
END_TEST

/* The whole header says that the client is the checker itself. */
START_TEST(header)
{
	static const char v2[] =
	    "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\0\0\x09\x0a\0\0\x01\x9c\x40\x04\x77";
	static const char local[] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
	struct plan plan = plan_for(CHECK_TCP, "p");

	play(begin(&plan, "chD", ""));
	ck_assert_uint_eq(sent_len, sizeof(v2) - 1);
	ck_assert_mem_eq(sent, v2, sizeof(v2) - 1);

	server.send_proxy = PROXY_V1;
	plan_make(&conf, &server, NULL, &plan);
	play(begin(&plan, "chD", ""));
	ck_assert_uint_eq(sent_len, strlen("PROXY TCP4 10.0.0.9 10.0.0.1 40000 1143\r\n"));
	ck_assert_mem_eq(sent, "PROXY TCP4 10.0.0.9 10.0.0.1 40000 1143\r\n", sent_len);

	plan = plan_for(CHECK_TCP, "l");
	play(begin(&plan, "chD", ""));
	ck_assert_uint_eq(sent_len, sizeof(local) - 1);
	ck_assert_mem_eq(sent, local, sizeof(local) - 1);
}
END_TEST

/* A server that streams: heard to 4096 bytes and cut off. */
START_TEST(streams)
{
	struct plan plan = plan_for(CHECK_SMTP, "");
	static char bytes[5000], acts[8];

	memset(bytes, 'x', sizeof(bytes) - 1);
	for (size_t i = 1000; i < sizeof(bytes); i += 1000)
		bytes[i] = '|';
	strcpy(acts, "crrrrr");
	play(begin(&plan, acts, bytes));
	ck_assert_int_eq(verdict.status, CHECK_L7RSP);
	ck_assert_int_eq(verdict.ok, 0);
	ck_assert_uint_eq(verdict.found.reason, REASON_STREAMS);
	ck_assert_uint_eq(strspn(verdict.found.text, "x"), 96);
}
END_TEST

/* Which header `auto` means, and which port. */
static const struct {
	enum check_type type;
	enum send_proxy send;
	uint16_t check_port, server_port;
	enum plan_header header;
	uint16_t port;
} autos[] = {
	{ CHECK_IMAP, PROXY_V2_SSL, 0, 0, HEADER_PROXY, 1143 },
	{ CHECK_IMAP, PROXY_NONE, 0, 0, HEADER_NONE, 1143 },
	{ CHECK_IMAP, PROXY_V2, 10143, 0, HEADER_NONE, 10143 },
	{ CHECK_IMAP, PROXY_V2, 10143, 10144, HEADER_NONE, 10144 },
	{ CHECK_IMAP, PROXY_V2, 0, 10144, HEADER_NONE, 10144 },
	{ CHECK_IMAP, PROXY_V2, 10143, 1143, HEADER_PROXY, 1143 },
	{ CHECK_TCP, PROXY_V2, 0, 0, HEADER_NONE, 1143 },
	{ CHECK_TLS, PROXY_V2, 0, 0, HEADER_PROXY, 1143 },
	{ CHECK_EXPECT, PROXY_V1, 0, 0, HEADER_PROXY, 1143 },
};

START_TEST(auto_header)
{
	struct plan plan = plan_for(autos[_i].type, "");

	backend.check.send_proxy = CHECK_PROXY_AUTO;
	backend.check.port = autos[_i].check_port;
	server.check_port = autos[_i].server_port;
	server.send_proxy = autos[_i].send;
	plan_make(&conf, &server, NULL, &plan);
	ck_assert_int_eq(plan.header, autos[_i].header);
	ck_assert_int_eq(plan.port, autos[_i].port);
}
END_TEST

/* A check that is given up in the middle leaves nothing open and tells nobody. */
START_TEST(given_up)
{
	struct plan plan = plan_for(CHECK_IMAP, "");
	struct check *c = begin(&plan, "cR", "");

	check_run(&c);
	ck_assert_ptr_nonnull(c);
	check_free(&c);
	ck_assert_ptr_null(c);
	ck_assert_int_eq(closed_fd, 1);
	ck_assert_int_eq(told + ended, 0);
	ck_assert_uint_eq(watched, 0);
	check_free(&c);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("check");
	TCase *t = tcase_create("check");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, each_life, 0, sizeof(lives) / sizeof(lives[0]));
	tcase_add_test(t, no_descriptor);
	tcase_add_test(t, header);
	tcase_add_test(t, streams);
	tcase_add_loop_test(t, auto_header, 0, sizeof(autos) / sizeof(autos[0]));
	tcase_add_test(t, given_up);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
