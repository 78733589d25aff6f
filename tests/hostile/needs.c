/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What a locked process needs.  Time jumps by hours here: libcrypto seeds its random numbers anew
 * after one, which is when a worker with too short a list would die.
 */
#include "tests/hostile/needs.h"

#include "common/child.h"
#include "common/log.h"
#include "common/loop.h"
#include "tests/lib/certs.h"
#include "tests/lib/shake.h"

#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

static const char *const kinds[] = { "EC P-256", "EC P-384", "RSA 2048", "Ed25519" };
#define KEYS (sizeof(kinds) / sizeof(kinds[0]))
static EVP_PKEY *keys[KEYS];
static SSL_CTX *server, *client;
static struct loop *loop;
static time_t ahead; /* of the real time, in seconds */

/* libcrypto's clock; the executable's own function goes before libc's. */
time_t
time(time_t *t_r)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (t_r)
		*t_r = now.tv_sec + ahead;
	return now.tv_sec + ahead;
}

static int bulk_from[2], bulk_to[2];

void
needs_prepare(void)
{
	struct cert_spec spec = { .cn = "localhost", .san = "DNS:localhost" };
	X509 *cert;

	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	for (size_t i = 0; i < KEYS; i++)
		keys[i] = certs_key(kinds[i]);
	cert = certs_make(&spec, keys[0], NULL, NULL);
	server = SSL_CTX_new(TLS_server_method());
	client = SSL_CTX_new(TLS_client_method());
	if (!server || !client || SSL_CTX_use_certificate(server, cert) != 1 ||
	    SSL_CTX_use_PrivateKey(server, keys[0]) != 1)
		abort();
}

void
needs_between(void)
{
	loop = loop_new();
	log_open(FD_LOG, LOG_INFO, 1, 1);
	if (pipe2(bulk_from, O_NONBLOCK | O_CLOEXEC) == -1 ||
	    pipe2(bulk_to, O_NONBLOCK | O_CLOEXEC) == -1 || write(bulk_from[1], "x", 1) != 1)
		abort();
}

int
need_memory(const void *arg)
{
	static char *many[3000];
	const size_t count = sizeof(many) / sizeof(many[0]);

	(void)arg;
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < count; i++) {
			size_t size = 1 + (i * i * 37) % 70000;

			many[i] = malloc(size);
			if (!many[i])
				return 1;
			memset(many[i], round, size);
		}
		for (size_t i = 0; i < count; i++)
			free(many[i]);
	}
	/* Larger than any threshold of malloc's: from the kernel, and moved by it. */
	for (size_t size = 1 << 16; size <= (size_t)1 << 28; size <<= 2) {
		char *big = malloc(size / 2), *moved = realloc(big, size);

		if (!moved)
			return 1;
		moved[0] = moved[size - 1] = 1;
		free(moved);
	}
	return 0;
}

static unsigned
reseeds(EVP_RAND_CTX *r)
{
	unsigned count = 0;
	OSSL_PARAM params[] = {
		OSSL_PARAM_uint(OSSL_DRBG_PARAM_RESEED_COUNTER, &count),
		OSSL_PARAM_END,
	};

	return EVP_RAND_CTX_get_params(r, params) == 1 ? count : 0;
}

int
need_reseed(const void *arg)
{
	EVP_RAND_CTX *primary = RAND_get0_primary(NULL);
	unsigned char bytes[32];
	unsigned before;

	(void)arg;
	if (!primary || RAND_bytes(bytes, 32) != 1 || RAND_priv_bytes(bytes, 32) != 1)
		return 1;
	before = reseeds(primary);
	ahead += 7200;
	if (RAND_bytes(bytes, 32) != 1 || RAND_priv_bytes(bytes, 32) != 1)
		return 1;
	return before > 0 && reseeds(primary) > before ? 0 : 1;
}

int
need_sign(const void *arg)
{
	static const unsigned char tbs[200] = { 0x20 };
	unsigned char sig[1024];

	(void)arg;
	for (size_t i = 0; i < KEYS; i++) {
		const EVP_MD *md = strcmp(kinds[i], "Ed25519") == 0 ? NULL : EVP_sha256();
		EVP_MD_CTX *ctx = EVP_MD_CTX_new();
		size_t len = sizeof(sig);

		if (!ctx || EVP_DigestSignInit(ctx, NULL, md, NULL, keys[i]) != 1 ||
		    EVP_DigestSign(ctx, sig, &len, tbs, sizeof(tbs)) != 1)
			return 1;
		EVP_MD_CTX_free(ctx);
	}
	return 0;
}

static int
shakes(int version)
{
	SSL *s = SSL_new(server), *c = SSL_new(client);
	int works;

	if (!s || !c || SSL_set_max_proto_version(c, version) != 1)
		return 0;
	SSL_set_connect_state(c);
	SSL_set_accept_state(s);
	shake_join(c, s);
	works = shake_run(c, s) && shake_talk(c, s) && SSL_version(c) == version;
	SSL_free(s);
	SSL_free(c);
	return works;
}

int
need_tls(const void *arg)
{
	(void)arg;
	for (int i = 0; i < 20; i++)
		if (!shakes(TLS1_3_VERSION) || !shakes(TLS1_2_VERSION))
			return 1;
	/* A certificate that cannot be checked: nothing looks for files then, nor for error texts. */
	SSL_CTX_set_verify(client, SSL_VERIFY_PEER, NULL);
	return shakes(TLS1_3_VERSION) ? 1 : 0;
}

int
need_log(const void *arg)
{
	(void)arg;
	log_say(LOG_INFO, "%s", "said inside");
	return log_lost() == 0 ? 0 : 1;
}

int
need_channel(const void *arg)
{
	/* The test asks for no particular role: PONG is everybody's. */
	const struct msg_ping ping = { .cookie = 1 };
	struct chan chan = { .fd = FD_CHAN, .self = ROLE_WORKER, .peer = ROLE_MASTER };
	_Alignas(8) char buf[CHAN_BUF];
	struct msg m;

	(void)arg;
	/* The other end is closed in the test: the error is the channel's, not the filter's. */
	return chan_tell(&chan, MSG_PONG, &ping) == -1 &&
		chan_recv(&chan, buf, sizeof(buf), &m) == CHAN_GONE ?
	    0 :
	    1;
}

static int called;

static void
on_event(struct watch *w, uint32_t events)
{
	(void)w;
	called += (events & EPOLLHUP) != 0;
}

int
need_events(const void *arg)
{
	struct watch w = { .fn = on_event, .fd = FD_CHAN };

	(void)arg;
	if (!loop || watch_set(loop, &w, EPOLLIN) == -1 || loop_once(loop, 10) == -1)
		return 1;
	return called == 1 && watch_set(loop, &w, 0) == 0 ? 0 : 1;
}

int
need_bulk(const void *arg)
{
	(void)arg;
	return splice(bulk_from[0], NULL, bulk_to[1], NULL, 1, SPLICE_F_NONBLOCK) == 1 ? 0 : 1;
}

int
need_abort(const void *arg)
{
	(void)arg;
	abort();
}
