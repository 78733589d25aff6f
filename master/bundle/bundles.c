/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * From files to bundles.  Master.  Private keys pass through one buffer of this process, which is
 * wiped after each file, into the keeper's bundle, which is mapped here only for as long as it
 * takes to copy a key that is held into the next one.  Nothing is parsed
 * but the labels of PEM blocks: whether a certificate is good and fits its key is for those to
 * find out who can lose nothing by it.
 */
#include "master/bundle/bundles.h"

#include "common/log.h"
#include "master/bundle/int.h"
#include "master/host/rlimit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SEED_MOST 4096

static void
add_frontend(struct bundler *b, uint32_t n)
{
	const struct conf_front_tls *t = &b->conf->frontends[n].tls;

	if (t->mode != TLS_IMPLICIT)
		return;
	b->line = t->line;
	bundler_add_front_certs(b, n);
	if (t->client_ca)
		bundler_add_blocks(b, 1u << HELPER_WORKER, PIECE_CA, t->client_ca, t->client_ca);
	if (t->client_crl)
		bundler_add_blocks(b, 1u << HELPER_WORKER, PIECE_CRL, t->client_crl, t->client_crl);
}

/*
 * Whether clients accept a certificate hangs on whether its chain leads to a CA that everybody
 * knows: the worker compares.
 */
static void
add_known_cas(struct bundler *b)
{
	struct piece piece = { .kind = PIECE_CA, .name = BUNDLE_SYSTEM_CA, .key_name = "" };
	char why[FILE_WHY];
	ssize_t len;

	if (!b->shows || !file_exists(file_system_ca()))
		return;
	len = bundler_read(b, file_system_ca(), PEM_CERT, why);
	if (len == -1 || bundler_not_yet(b, 1u << HELPER_WORKER, PIECE_CA, BUNDLE_SYSTEM_CA) == 0)
		return;
	piece.data = b->out;
	piece.size = (size_t)len;
	bundler_add(b, HELPER_WORKER, &piece);
}

static void
add_back_tls(struct bundler *b, const struct conf_back_tls *t, unsigned helpers)
{
	char why[FILE_WHY];

	if (!t->on)
		return;
	b->line = t->line;
	if (t->verify != VERIFY_NONE)
		bundler_add_blocks(b, helpers, PIECE_CA, t->ca_file ? t->ca_file : file_system_ca(),
		    t->ca_file ? t->ca_file : BUNDLE_SYSTEM_CA);
	if (t->crl)
		bundler_add_blocks(b, helpers, PIECE_CRL, t->crl, t->crl);
	if (t->certificate) {
		struct piece piece = { .kind = PIECE_BACKCERT,
			.name = t->certificate,
			.key_name = t->key ? t->key : "" };
		int good = bundler_add_cert(b, &piece, USE_CLIENT, helpers, why);

		if (good == 0)
			snprintf(why, sizeof(why), "%s has no private key; set key",
			    piece.key_name[0] ? piece.key_name : t->certificate);
		if (good != 1)
			bundler_complain(b, why);
	}
}

/* What the checker's resolver would read; a file that is not there is an empty one. */
static void
add_text(struct bundler *b, enum piece_kind kind, const char *path)
{
	struct piece piece = { .kind = kind, .name = path, .key_name = "", .data = b->buf };
	char why[FILE_WHY];
	struct stat st;
	ssize_t n = file_read(path, b->buf, FILE_MOST, &st, why);

	if (n == -1 && file_exists(path))
		problems_add(b->p, PROBLEM_WARNING, b->conf_path, 0, "%s", why);
	b->buf[n > 0 ? n : 0] = '\0';
	piece.size = n > 0 ? (size_t)n : 0;
	bundler_add(b, HELPER_CHECKER, &piece);
}

/* A key that goes on serving, from the keeper's bundle that serves into the next one. */
static void
add_held_key(struct bundler *b, const struct key_file *k)
{
	struct bundle *old = bundle_open(b->now->bundles[HELPER_KEEPER]);
	uint32_t left = k->held;

	for (size_t i = 0; old && i < bundle_count(old) && left > 0; i++) {
		struct piece p = *bundle_piece(old, i);

		if (p.kind != PIECE_KEY || --left > 0)
			continue;
		p.owner = k->use;
		bundler_add(b, HELPER_KEEPER, &p);
	}
	if (old)
		bundle_close(&old);
	if (left > 0)
		problems_add(b->p, PROBLEM_ERROR, b->conf_path, 0,
		    "%s is held, but its key is not among those that serve; keeping the files "
		    "already loaded",
		    k->path);
}

static void
add_keys(struct bundler *b)
{
	for (size_t i = 0; i < b->key_count; i++) {
		const struct key_file *k = &b->keys[i];
		char why[FILE_WHY];
		struct piece piece = {
			.kind = PIECE_KEY, .owner = k->use, .name = k->path, .key_name = ""
		};
		struct pem_block block;
		struct stat st;
		size_t at = 0;
		ssize_t n;

		b->line = k->line;
		if (k->held) {
			add_held_key(b, k);
			continue;
		}
		n = file_read(k->path, b->buf, KEY_MOST, &st, why);
		if (n == -1) {
			bundler_complain(b, why);
			continue;
		}
		while (pem_next(b->buf, (size_t)n, &at, &block) == 1)
			if (block.kind == PEM_KEY) {
				piece.data = block.start;
				piece.size = block.len;
				bundler_add(b, HELPER_KEEPER, &piece);
				break;
			}
		explicit_bzero(b->buf, (size_t)n);
	}
}

static void
add_seed(struct bundler *b, const uint8_t *own)
{
	struct piece piece = {
		.kind = PIECE_SEED, .name = b->conf->ticket_seed, .key_name = "", .data = b->buf
	};
	char why[FILE_WHY];
	struct stat st;
	ssize_t n;

	if (!b->conf->ticket_seed) {
		piece.name = "the master's seed";
		piece.data = own;
		piece.size = 32;
		bundler_add(b, HELPER_KEEPER, &piece);
		return;
	}
	b->line = b->conf->ticket_seed_line;
	n = file_read(b->conf->ticket_seed, b->buf, SEED_MOST, &st, why);
	if (n >= 0 && n < 32) {
		conf_problem(b->conf, b->p, PROBLEM_ERROR, b->line,
		    "%s has %zd bytes, a ticket seed needs 32: (umask 077; head -c 32 "
		    "/dev/urandom >%s)",
		    b->conf->ticket_seed, n, b->conf->ticket_seed);
	} else if (n == -1) {
		bundler_complain(b, why);
	} else {
		if (st.st_mode & S_IROTH)
			conf_problem(b->conf, b->p, PROBLEM_WARNING, b->line,
			    "%s is readable by everybody (mode %04o), who can then read all "
			    "sessions: chmod 0600",
			    b->conf->ticket_seed, (unsigned)st.st_mode & 07777);
		piece.size = (size_t)n;
		bundler_add(b, HELPER_KEEPER, &piece);
	}
	if (n > 0)
		explicit_bzero(b->buf, (size_t)n);
}

static void
fill(struct bundler *b, const char *text, const uint8_t *ticket_seed)
{
	struct piece conf = { .kind = PIECE_CONF,
		.name = b->conf_path,
		.key_name = "",
		.data = text,
		.size = strlen(text) };
	unsigned both = 1u << HELPER_WORKER | 1u << HELPER_CHECKER;

	bundler_add(b, HELPER_WORKER, &conf);
	bundler_add(b, HELPER_CHECKER, &conf);
	for (uint32_t i = 0; i < b->conf->frontend_count; i++)
		add_frontend(b, i);
	for (size_t i = 0; i < b->conf->backend_count; i++) {
		add_back_tls(b, &b->conf->backends[i].tls, both);
		add_back_tls(b, &b->conf->backends[i].check.tls, 1u << HELPER_CHECKER);
	}
	add_known_cas(b);
	add_text(b, PIECE_HOSTS, "/etc/hosts");
	add_text(b, PIECE_RESOLV, "/etc/resolv.conf");
	add_keys(b);
	add_seed(b, ticket_seed);
}

/* NULL where there is no memory for it. */
static char *
buffer(void)
{
	char *p =
	    mmap(NULL, FILE_MOST + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Make the bundles; -1 if one of them cannot be made. */
static int
seal(struct bundler *b, int *bundles_r)
{
	for (int who = 0; who < HELPER_COUNT && b->p->errors == 0; who++) {
		bundles_r[who] = bundle_seal(b->writers[who]);
		if (bundles_r[who] == -1)
			bundler_no_memory(b->conf_path, b->p, "a bundle");
	}
	return b->p->errors == 0 ? 0 : -1;
}

int
bundles_make(const struct conf *conf, const char *conf_path, const char *text,
    const uint8_t ticket_seed[32], const struct shown *now, int anew, struct problems *p,
    int *bundles_r)
{
	static const char *const names[HELPER_COUNT] = { "worker", "checker", "keeper" };
	struct bundler b = { .conf = conf,
		.conf_path = conf_path,
		.now = now,
		.anew = anew,
		.p = p,
		.buf = buffer(),
		.out = buffer() };
	int made = b.buf && b.out, result = -1;

	for (int who = 0; who < HELPER_COUNT; who++) {
		bundles_r[who] = -1;
		if (made)
			b.writers[who] = bundle_new(names[who]);
		made = made && b.writers[who];
	}
	if (made) {
		/* Locked if we may: swap is no place for a key.  The pages are given back below. */
		mlock(b.buf, KEY_MOST);
		madvise(b.buf, FILE_MOST + 1, MADV_DONTDUMP);
		fill(&b, text, ticket_seed);
		result = seal(&b, bundles_r);
	} else {
		bundler_no_memory(conf_path, p, "a bundle");
	}
	for (int who = 0; who < HELPER_COUNT; who++)
		if (b.writers[who])
			bundle_writer_free(&b.writers[who]);
	if (result == -1)
		bundles_close(bundles_r);
	for (size_t i = 0; i < b.key_count; i++)
		free(b.keys[i].path);
	free(b.keys);
	free(b.shared);
	if (b.buf)
		munmap(b.buf, FILE_MOST + 1);
	if (b.out)
		munmap(b.out, FILE_MOST + 1);
	return result;
}

int
bundles_same(const int *a, const int *b)
{
	for (int who = 0; who < HELPER_COUNT; who++)
		if (bundle_same(a[who], b[who]) != 1)
			return 0;
	return 1;
}

void
bundles_close(int *bundles)
{
	for (int who = 0; who < HELPER_COUNT; who++) {
		if (bundles[who] != -1)
			close(bundles[who]);
		bundles[who] = -1;
	}
}
