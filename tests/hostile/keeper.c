/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * A lying worker against the real keeper program, in its sandbox: every message of the list with
 * wrong type, direction, length, items and descriptors, questions that it must refuse, floods and
 * silence.  After each lie the keeper must live, hold no descriptor more, and sign for an honest
 * worker.  The lies are made from MESSAGES, so a new message is told without anybody remembering.
 *
 * keeper PROGRAM
 */
#include "common/bundle.h"
#include "common/child.h"
#include "tests/lib/certs.h"

#include <assert.h>
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a test may wait for anything: it fails then, so it is long. */
#define PATIENCE 20000

enum { FRONT, BACK, KEYS }; /* keys of the keeper: a frontend's, a backend's */

static const char *program;
static char empty[] = "/tmp/hostile-keeper-XXXXXX"; /* its root */
static EVP_PKEY *pkeys[KEYS];
static uint8_t ids[KEYS][MSG_KEY_ID];
static int bundle_fd;

static pid_t keeper;
static struct chan master, honest, liar;
static _Alignas(8) uint8_t in[CHAN_BUF];
static uint8_t out[CHAN_BUF_KEEPER + 4096];
static int base; /* descriptors of the keeper when only the honest worker is there */

/* Life and death of the keeper */

static int
make_bundle(void)
{
	static const uint32_t uses[] = { USE_SERVER, USE_CLIENT };
	struct bundle_writer *w = bundle_new("keeper");
	for (int i = 0; i < KEYS; i++) {
		char *pem = certs_key_pem(pkeys[i], NULL);
		struct piece p = { .kind = PIECE_KEY,
			.owner = uses[i],
			.name = "key.pem",
			.key_name = "",
			.data = pem,
			.size = strlen(pem) };
		int r = bundle_add(w, &p);
		assert(r == 0);
		free(pem);
	}
	int fd = bundle_seal(w);
	bundle_writer_free(&w);
	assert(fd != -1);
	return fd;
}

/* Wait for a message; CHAN_AGAIN after PATIENCE. */
static enum chan_result
wait_for(const struct chan *ch, struct msg *m)
{
	for (;;) {
		struct pollfd p = { .fd = ch->fd, .events = POLLIN };
		enum chan_result r = chan_recv(ch, in, sizeof(in), m);
		if (r != CHAN_AGAIN || poll(&p, 1, PATIENCE) != 1)
			return r;
	}
}

/* As a server; as a client ten times as much. */
static void
budget(uint32_t slot, uint64_t ever, uint64_t open)
{
	const struct msg_budget m = {
		.slot = slot, .as_server = { ever, open }, .as_client = { ever * 10, open * 10 }
	};
	ck_assert_int_eq(chan_tell(&master, MSG_BUDGET, &m), 0);
}

static struct chan
introduce(uint32_t slot, uint32_t connections)
{
	struct msg_signer q = { .role = ROLE_WORKER, .slot = slot };
	struct chan ours, theirs;
	ck_assert_int_eq(chan_pair(ROLE_WORKER, ROLE_KEEPER, &ours, &theirs), 0);
	ck_assert_int_eq(chan_send(&master, MSG_SIGNER, &q, NULL, 0, &theirs.fd, 1), 0);
	chan_close(&theirs);
	budget(slot, connections, connections);
	return ours;
}

static int
descriptors(void)
{
	char path[64];
	int n = 0;
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)keeper);
	DIR *d = opendir(path);
	ck_assert_ptr_nonnull(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* Questions */

static size_t
certificate_verify(uint8_t *tbs, const char *side)
{
	memset(tbs, ' ', 64);
	int n = snprintf((char *)tbs + 64, 64, "TLS 1.3, %s CertificateVerify", side);
	memset(tbs + 64 + n + 1, 7, 32);
	return 64 + (size_t)n + 1 + 32;
}

static void
ask(const struct chan *ch, int key, uint32_t scheme, uint32_t purpose, const void *tbs, size_t size)
{
	struct msg_sign q = { .scheme = scheme, .purpose = purpose, .serial = 99 };
	memcpy(q.id, ids[key], sizeof(q.id));
	ck_assert_int_eq(chan_send(ch, MSG_SIGN, &q, tbs, (uint32_t)size, NULL, 0), 0);
}

/* The refusal, or 0; -1: the channel was closed. */
static int
answer(const struct chan *ch)
{
	struct msg m;
	enum chan_result r = wait_for(ch, &m);
	ck_assert_int_ne(r, CHAN_BAD);
	ck_assert_int_ne(r, CHAN_AGAIN);
	if (r == CHAN_GONE)
		return -1;
	ck_assert_int_eq(m.type, MSG_SIGNED);
	return (int)((const struct msg_signed *)m.fixed)->refused;
}

/* It lives, signs what is right for who is honest, and serves so many more than that one. */
static void
still_serves(int more)
{
	const struct msg_ping ping = { .cookie = 1 };
	struct msg m;
	uint8_t tbs[256];
	size_t n = certificate_verify(tbs, "server");
	ask(&honest, FRONT, 0x0403, SIGN_TLS13_SERVER, tbs, n);
	ck_assert_int_eq(answer(&honest), 0);
	ck_assert_int_eq(chan_tell(&master, MSG_PING, &ping), 0);
	ck_assert_int_eq(wait_for(&master, &m), CHAN_MSG);
	ck_assert_int_eq(m.type, MSG_PONG);
	/* It may not have seen yet that somebody is gone. */
	for (int i = 0; base != -1 && i < PATIENCE / 10 && descriptors() != base + more; i++)
		usleep(10000);
	if (base != -1)
		ck_assert_int_eq(descriptors(), base + more);
}

static void
start(void)
{
	const int root = geteuid() == 0;
	struct child c = { .role = ROLE_KEEPER,
		.workers = 2,
		.root = root ? empty : "",
		.drop = root,
		.uid = 65534,
		.gid = 65534 };
	char buf[CHILD_ARGS_BUF], *argv[CHILD_ARGS + 1], *envp[] = { NULL };
	struct chan end;
	struct msg m;
	posix_spawn_file_actions_t files;
	ck_assert_int_eq(chan_pair(ROLE_MASTER, ROLE_KEEPER, &master, &end), 0);
	child_args(&c, "mailreeve-keeper", buf, argv);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDWR, 0);
	posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_RDWR, 0);
	posix_spawn_file_actions_addopen(&files, FD_LOG, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&files, bundle_fd, FD_BUNDLE + 20);
	posix_spawn_file_actions_adddup2(&files, end.fd, FD_CHAN);
	posix_spawn_file_actions_adddup2(&files, FD_BUNDLE + 20, FD_BUNDLE);
	ck_assert_int_eq(posix_spawn(&keeper, program, &files, NULL, argv, envp), 0);
	posix_spawn_file_actions_destroy(&files);
	chan_close(&end);
	ck_assert_int_eq(wait_for(&master, &m), CHAN_MSG);
	ck_assert_int_eq(m.type, MSG_READY);
	honest = introduce(0, UINT32_MAX);
	base = -1;
	still_serves(0);
	base = root ? descriptors() : -1; /* others may not look */
	liar = introduce(1, 10);
	still_serves(1);
}

static void
stop(void)
{
	int status;
	chan_close(&liar);
	chan_close(&honest);
	chan_close(&master);
	ck_assert_int_eq(waitpid(keeper, &status, 0), keeper);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the keeper died: %d", status);
}

/* Lies about the form */

static const struct rule {
	const char *name;
	uint32_t type;
	unsigned from, to;
	size_t fixed, item;
	uint32_t most;
} list[] = {
#define X(no, name, from, to, fixed, items, most, fds) \
	{ #name, no, from, to, sizeof(fixed), sizeof(items), most },
	MESSAGES(X)
#undef X
};
#define RULES ((int)(sizeof(list) / sizeof(list[0])))

/* One packet of these bytes with so many descriptors.  0, or -1 where the kernel takes it not. */
static int
send_raw(size_t len, int nfds)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(253 * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { out, len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	if (nfds > 0) {
		mh.msg_control = control.space;
		mh.msg_controllen = CMSG_SPACE((size_t)nfds * sizeof(int));
		control.align.cmsg_len = CMSG_LEN((size_t)nfds * sizeof(int));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		for (int i = 0; i < nfds; i++)
			memcpy(CMSG_DATA(&control.align) + (size_t)i * sizeof(int), &(int){ 0 },
			    sizeof(int));
	}
	return sendmsg(liar.fd, &mh, MSG_NOSIGNAL) == -1 ? -1 : 0;
}

/* Tell one lie over a channel of its own; it must cost the liar that channel. */
static void
lie(const char *name, uint32_t type, uint32_t count, size_t len, int nfds, uint8_t fill)
{
	struct msg_head head = { .type = type, .count = count };
	struct msg m;
	liar = introduce(1, 10);
	memset(out, fill, sizeof(out));
	memcpy(out, &head, len < sizeof(head) ? len : sizeof(head));
	if (send_raw(len, nfds) == 0)
		ck_assert_msg(wait_for(&liar, &m) == CHAN_GONE,
		    "%s, %u items, %zu bytes, %d descriptors: not closed", name, count, len, nfds);
	chan_close(&liar);
	still_serves(0);
}

START_TEST(lies_about_the_form)
{
	const struct rule *r = &list[_i];
	const size_t whole = sizeof(struct msg_head) + r->fixed;
	const int mine = (r->from & ROLE_WORKER) && (r->to & ROLE_KEEPER);
	chan_close(&liar);
	/* Wrong lengths, in its own and in the other direction. */
	lie(r->name, r->type, 0, whole - 1, 0, 0);
	lie(r->name, r->type, 0, whole + 1, 0, 0);
	lie(r->name, r->type, 0, sizeof(struct msg_head), 0, 0xff);
	if (!mine)
		lie(r->name, r->type, 0, whole, 0, 0);
	/* Items that are not there, or too many, or so many that the size wraps. */
	lie(r->name, r->type, 1, whole, 0, 0);
	lie(r->name, r->type, r->most + 1, whole + (r->most + 1) * r->item, 0, 0);
	lie(r->name, r->type, UINT32_MAX, whole, 0, 0);
	if (r->item > 1)
		lie(r->name, r->type, (uint32_t)(0x100000000 / r->item), whole, 0, 0xff);
	/* Descriptors, which must be closed again. */
	lie(r->name, r->type, 0, whole, 1, 0);
	lie(r->name, r->type, 0, whole, 2, 0);
	lie(r->name, r->type, 0, whole, 253, 0);
}
END_TEST

START_TEST(messages_that_are_none)
{
	chan_close(&liar);
	for (size_t len = 0; len < sizeof(struct msg_head); len++)
		lie("a part of a head", 0, 0, len, 0, 0xff);
	static const uint32_t types[] = { 0, MSG_COUNT, MSG_COUNT + 1, 0x7fffffff, UINT32_MAX };
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		lie("no such type", types[i], 0, 16, 0, 0);
		lie("no such type", types[i], UINT32_MAX, sizeof(out), 0, 0xff);
	}
}
END_TEST

/* Lies about the contents */

START_TEST(signatures_that_nobody_gets)
{
	uint8_t server[256], client[256];
	size_t ns = certificate_verify(server, "server"), nc = certificate_verify(client, "client");
	const struct {
		const char *name;
		int key;
		uint32_t scheme, purpose;
		const void *tbs;
		size_t size;
		int refused;
	} questions[] = {
		{ "a mail", FRONT, 0x0403, SIGN_TLS13_SERVER, "From: a", 7, REFUSED_SHAPE },
		{ "nothing", FRONT, 0x0403, SIGN_TLS13_SERVER, "", 0, REFUSED_SHAPE },
		{ "128 KiB", FRONT, 0x0403, SIGN_TLS13_SERVER, out, TBS_MAX, REFUSED_SHAPE },
		{ "128 KiB of transcript", BACK, 0x0403, SIGN_TLS12_CLIENT, out, TBS_MAX,
		    REFUSED_SHAPE },
		{ "a server's for a backend's key", BACK, 0x0403, SIGN_TLS13_SERVER, server, ns,
		    REFUSED_PURPOSE },
		{ "a client's for a frontend's key", FRONT, 0x0403, SIGN_TLS13_CLIENT, client, nc,
		    REFUSED_PURPOSE },
		{ "a client's called a server's", FRONT, 0x0403, SIGN_TLS13_SERVER, client, nc,
		    REFUSED_SHAPE },
		{ "a server's called a client's", BACK, 0x0403, SIGN_TLS13_CLIENT, server, ns,
		    REFUSED_SHAPE },
		{ "another curve", FRONT, 0x0503, SIGN_TLS13_SERVER, server, ns, REFUSED_SCHEME },
		{ "SHA-1", FRONT, 0x0203, SIGN_TLS12_SERVER, server, ns, REFUSED_SCHEME },
		{ "RSA by an EC key", FRONT, 0x0804, SIGN_TLS13_SERVER, server, ns,
		    REFUSED_SCHEME },
		{ "no purpose", FRONT, 0x0403, 0, server, ns, REFUSED_PURPOSE },
		{ "unknown purpose", FRONT, 0x0403, UINT32_MAX, server, ns, REFUSED_PURPOSE },
	};
	chan_close(&liar);
	liar = introduce(1, 1000);
	memset(out, 1, sizeof(out));
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
		ask(&liar, questions[i].key, questions[i].scheme, questions[i].purpose,
		    questions[i].tbs, questions[i].size);
		int refused = answer(&liar);
		ck_assert_msg(
		    refused == questions[i].refused, "%s: %d", questions[i].name, refused);
	}
	still_serves(1);
}
END_TEST

START_TEST(keys_by_guess)
{
	uint8_t tbs[256];
	size_t n = certificate_verify(tbs, "server");
	struct msg_sign q = { .scheme = 0x0403, .purpose = SIGN_TLS13_SERVER };
	for (int i = 0; i < 9; i++) {
		memcpy(q.id, ids[FRONT], sizeof(q.id));
		q.id[i] ^= 1;
		ck_assert_int_eq(chan_send(&liar, MSG_SIGN, &q, tbs, (uint32_t)n, NULL, 0), 0);
		ck_assert_int_eq(answer(&liar), REFUSED_KEY);
	}
	still_serves(1);
}
END_TEST

START_TEST(more_than_it_was_given)
{
	uint8_t tbs[256];
	size_t n = certificate_verify(tbs, "server");
	for (int i = 0; i < 30; i++) {
		ask(&liar, FRONT, 0x0403, SIGN_TLS13_SERVER, tbs, n);
		ck_assert_int_eq(answer(&liar), i < 10 ? 0 : REFUSED_BUDGET);
	}
	/* As a client it has another budget; questions that are refused count as well. */
	n = certificate_verify(tbs, "client");
	for (int i = 0; i < 150; i++) {
		ask(&liar, BACK, 0x0403, SIGN_TLS13_CLIENT, i & 1 ? tbs : out, n);
		ck_assert_int_eq(answer(&liar),
		    i >= 100  ? REFUSED_BUDGET :
			i & 1 ? 0 :
				REFUSED_SHAPE);
	}
	still_serves(1);
}
END_TEST

/* It asks for all that it may have before each message, so that nothing is left to take back; then
 * it says of no connection that it is done.  One signature each is all that there is in that. */
START_TEST(a_budget_that_is_always_spent)
{
	uint8_t tbs[256];
	size_t n = certificate_verify(tbs, "server");
	int made = 0;
	for (uint64_t ever = 10; ever < 60; ever++) {
		budget(1, ever, ever);
		for (int i = 0, refused = 0; refused == 0; i++) {
			ask(&liar, FRONT, 0x0403, SIGN_TLS13_SERVER, tbs, n);
			refused = answer(&liar);
			made += refused == 0;
			ck_assert(refused == 0 || refused == REFUSED_BUDGET);
			ck_assert_int_le(i, 10);
		}
	}
	ck_assert_int_eq(made, 59);
	still_serves(1);
}
END_TEST

/* Many at once, again and again: the honest one is answered between them. */
START_TEST(more_questions_than_it_was_given)
{
	enum { AT_ONCE = 50 };
	uint8_t tbs[256];
	size_t n = certificate_verify(tbs, "server");
	int made = 0;
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < AT_ONCE; i++)
			ask(&liar, FRONT, 0x0403, SIGN_TLS13_SERVER, tbs, n);
		still_serves(1);
		for (int i = 0; i < AT_ONCE; i++)
			made += answer(&liar) == 0;
	}
	ck_assert_int_eq(made, 10);
}
END_TEST

/* Lies about time */

START_TEST(a_flood_that_reads_nothing)
{
	const struct msg_ask_key q = { 0 };
	struct msg m;
	int sent = 0, r;
	for (;;) {
		struct pollfd p = { .fd = liar.fd, .events = POLLOUT };
		r = chan_tell(&liar, MSG_ASK_KEY, &q);
		if (r == -1 && errno != EAGAIN)
			break;
		sent += r == 0;
		/* Both ways full and nothing moves: it would have waited for us. */
		ck_assert_msg(r == 0 || poll(&p, 1, PATIENCE) == 1, "stuck after %d", sent);
	}
	ck_assert(errno == EPIPE || errno == ECONNRESET);
	while (wait_for(&liar, &m) == CHAN_MSG)
		;
	still_serves(0);
}
END_TEST

START_TEST(silence)
{
	/* Many who ask for nothing cost nobody anything but their descriptors. */
	struct chan silent[100];
	for (uint32_t i = 0; i < 100; i++)
		silent[i] = introduce(100 + i, 0);
	still_serves(101);
	for (uint32_t i = 0; i < 100; i++)
		chan_close(&silent[i]);
	still_serves(1);
}
END_TEST

START_TEST(gone_in_the_middle)
{
	uint8_t tbs[256];
	size_t n = certificate_verify(tbs, "server");
	chan_close(&liar);
	for (int i = 0; i < 50; i++) {
		liar = introduce(1, 10);
		ask(&liar, FRONT, 0x0403, SIGN_TLS13_SERVER, tbs, n);
		chan_close(&liar); /* before the answer */
	}
	still_serves(0);
}
END_TEST

static void
read_id(int n)
{
	unsigned char *der = NULL;
	int size = i2d_PUBKEY(pkeys[n], &der);
	EVP_Digest(der, (size_t)size, ids[n], NULL, EVP_sha256(), NULL);
	OPENSSL_free(der);
}

int
main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	program = argv[1];
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < KEYS; i++) {
		pkeys[i] = certs_key("EC P-256");
		read_id(i);
	}
	bundle_fd = make_bundle();
	if (!mkdtemp(empty))
		return 2;

	Suite *suite = suite_create("hostile/keeper");
	TCase *t = tcase_create("keeper");
	tcase_add_checked_fixture(t, start, stop);
	tcase_add_loop_test(t, lies_about_the_form, 0, RULES);
	tcase_add_test(t, messages_that_are_none);
	tcase_add_test(t, signatures_that_nobody_gets);
	tcase_add_test(t, keys_by_guess);
	tcase_add_test(t, more_than_it_was_given);
	tcase_add_test(t, a_budget_that_is_always_spent);
	tcase_add_test(t, more_questions_than_it_was_given);
	tcase_add_test(t, a_flood_that_reads_nothing);
	tcase_add_test(t, silence);
	tcase_add_test(t, gone_in_the_middle);
	tcase_set_timeout(t, 60);
	suite_add_tcase(suite, t);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	rmdir(empty);
	for (int i = 0; i < KEYS; i++)
		EVP_PKEY_free(pkeys[i]);
	return failed != 0;
}
