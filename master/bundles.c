/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * From files to bundles.  Master.  Private keys pass through one buffer of this process, which is
 * wiped after each file, into the keeper's bundle, which is never mapped here.  Nothing is parsed
 * but the labels of PEM blocks: whether a certificate is good and fits its key is for those to
 * find out who can lose nothing by it.
 */
#include "bundles.h"

#include "../common/bundle.h"
#include "certs.h"
#include "files.h"
#include "pem.h"
#include "state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FILE_MOST (16 * 1024 * 1024) /* a CA bundle or a CRL */
#define KEY_MOST  (256 * 1024)       /* a file with a key in it, and so its locked memory */
#define SEED_MOST 4096

/* The keeper's keys by number. */
struct key_file {
	char *path;
	uint32_t use; /* enum piece_use, or-ed */
	int line;     /* who named it first */
};

struct bundler {
	const struct conf *conf;
	const char *conf_path;
	struct problems *p;
	struct bundle_writer *writers[HELPER_COUNT];
	struct key_file *keys;
	size_t key_count;
	struct {
		enum piece_kind kind;
		unsigned helpers; /* who has it, by number of enum helper */
		const char *name;
	} * shared; /* CAs and CRLs: each is given once, however often it is named */
	size_t shared_count;
	char *buf; /* the one buffer: FILE_MOST */
	char *out; /* blocks without private keys: FILE_MOST */
	int line;  /* of the group whose files are read */
	/* while one `certificates` is looked at */
	uint32_t frontend;
	size_t usable;
};

static void
complain(struct bundler *b, const char *why)
{
	conf_problem(b->conf, b->p, PROBLEM_ERROR, b->line, "%s", why);
}

static void
add(struct bundler *b, enum helper who, const struct piece *piece)
{
	if (bundle_add(b->writers[who], piece) == -1)
		problems_add(b->p, PROBLEM_ERROR, b->conf_path, 0, "no memory for %s: %s",
		    piece->name, strerror(errno));
}

/* The number of this file's key in the keeper's bundle. */
static uint32_t
key_number(struct bundler *b, const char *path, enum piece_use use)
{
	struct key_file *more;

	for (size_t i = 0; i < b->key_count; i++)
		if (strcmp(b->keys[i].path, path) == 0) {
			b->keys[i].use |= use;
			return (uint32_t)i;
		}
	more = reallocarray(b->keys, b->key_count + 1, sizeof(*b->keys));
	if (!more)
		abort();
	b->keys = more;
	b->keys[b->key_count] = (struct key_file){ strdup(path), use, b->line };
	if (!b->keys[b->key_count].path)
		abort();
	return (uint32_t)b->key_count++;
}

/*
 * Whether the file has exactly one private key that can be used.  Returns 1; 0 if it has none;
 * -1 with the reason in why_r.  Leaves nothing in the buffer.
 */
static int
has_key(struct bundler *b, const char *path, char why_r[FILE_WHY])
{
	struct pem_counts c = { 0 };
	struct stat st;
	ssize_t n = file_read(path, b->buf, KEY_MOST, &st, why_r);

	if (n == -1)
		return -1;
	pem_count(b->buf, (size_t)n, &c);
	explicit_bzero(b->buf, (size_t)n);
	if (c.encrypted > 0)
		snprintf(why_r, FILE_WHY,
		    "%s: the key is encrypted; write it without a pass phrase, readable by root "
		    "alone",
		    path);
	else if (c.keys > 1)
		snprintf(why_r, FILE_WHY, "%s has %zu private keys, expected one", path, c.keys);
	else if (c.broken)
		snprintf(why_r, FILE_WHY, "%s: a block begins that has no end", path);
	else if (c.keys == 1 && (st.st_mode & S_IROTH))
		conf_problem(b->conf, b->p, PROBLEM_WARNING, b->line,
		    "%s holds a private key and is readable by everybody (mode %04o): chmod 0600",
		    path, (unsigned)st.st_mode & 07777);
	return c.encrypted > 0 || c.keys > 1 || c.broken ? -1 : (int)c.keys;
}

/* The blocks of one kind of a file, in b->out.  Returns their length, or -1 with the reason. */
static ssize_t
read_blocks(struct bundler *b, const char *path, enum pem_kind kind, char why_r[FILE_WHY])
{
	struct stat st;
	ssize_t n = file_read(path, b->buf, FILE_MOST, &st, why_r);
	size_t len;

	if (n == -1)
		return -1;
	len = pem_copy(b->buf, (size_t)n, kind, b->out);
	b->out[len] = '\0';
	explicit_bzero(b->buf, (size_t)n);
	if (len == 0) {
		snprintf(why_r, FILE_WHY, "%s has no %s", path,
		    kind == PEM_CRL ? "revocation list" : "certificate");
		return -1;
	}
	return (ssize_t)len;
}

/*
 * A certificate with its key, for these children.  key may be "": then it is in cert itself.
 * Returns 1; 0 if there is no key anywhere; -1 with the reason in why_r.
 */
static int
add_cert(struct bundler *b, struct piece *piece, enum piece_use use, unsigned helpers,
    char why_r[FILE_WHY])
{
	const char *key = piece->key_name[0] ? piece->key_name : piece->name;
	int good = has_key(b, key, why_r);
	ssize_t len;

	if (good != 1)
		return good;
	len = read_blocks(b, piece->name, PEM_CERT, why_r);
	if (len == -1)
		return -1;
	piece->key_name = key;
	piece->key = key_number(b, key, use);
	piece->data = b->out;
	piece->size = (size_t)len;
	for (int who = 0; who < HELPER_COUNT; who++)
		if (helpers & 1u << who)
			add(b, (enum helper)who, piece);
	return 1;
}

static int
is_fullchain(const char *path)
{
	return strcmp(strrchr(path, '/') + 1, "fullchain.pem") == 0;
}

static void
on_cert(void *context, const char *cert, const char *key, int found)
{
	struct bundler *b = context;
	struct piece piece = { .kind = PIECE_CERT,
		.owner = b->frontend,
		.name = cert,
		.key_name = key,
		.flags = found ? PIECE_FOUND : 0 };
	char why[FILE_WHY];
	int good = add_cert(b, &piece, USE_SERVER, 1u << HELPER_WORKER, why);

	b->usable += good == 1;
	if (good == 1 || (good == 0 && found && *key == '\0' && !is_fullchain(cert)))
		return; /* a file of a directory that has nothing to do with a key */
	if (good == 0 && *key)
		snprintf(why, sizeof(why), "%s has no private key", key);
	else if (good == 0)
		snprintf(why, sizeof(why), "%s has no private key, and there is no %s beside it",
		    cert, is_fullchain(cert) ? "privkey.pem" : "file with the same name and .key");
	if (found)
		conf_problem(b->conf, b->p, PROBLEM_LEFT_OUT, b->line, "%s; left out", why);
	else
		complain(b, why);
}

/* Which of these helpers do not have that CA or CRL yet; they count as having it from now on. */
static unsigned
not_yet(struct bundler *b, unsigned helpers, enum piece_kind kind, const char *name)
{
	void *more;

	for (size_t i = 0; i < b->shared_count; i++)
		if (b->shared[i].kind == kind && strcmp(b->shared[i].name, name) == 0)
			helpers &= ~b->shared[i].helpers;
	more = reallocarray(b->shared, b->shared_count + 1, sizeof(*b->shared));
	if (!more)
		abort();
	b->shared = more;
	b->shared[b->shared_count].kind = kind;
	b->shared[b->shared_count].name = name;
	b->shared[b->shared_count++].helpers = helpers;
	return helpers;
}

static void
add_blocks(
    struct bundler *b, unsigned helpers, enum piece_kind kind, const char *path, const char *name)
{
	struct piece piece = { .kind = kind, .name = name, .key_name = "", .data = b->out };
	char why[FILE_WHY];
	ssize_t len;

	helpers = not_yet(b, helpers, kind, name);
	if (helpers == 0)
		return;
	len = read_blocks(b, path, kind == PIECE_CRL ? PEM_CRL : PEM_CERT, why);
	if (len == -1 && strcmp(name, BUNDLE_SYSTEM_CA) == 0)
		conf_problem(b->conf, b->p, PROBLEM_ERROR, b->line,
		    "%s; install ca-certificates, or set ca_file", why);
	else if (len == -1)
		complain(b, why);
	if (len == -1)
		return;
	piece.size = (size_t)len;
	for (int who = 0; who < HELPER_COUNT; who++)
		if (helpers & 1u << who)
			add(b, (enum helper)who, &piece);
}

static void
add_frontend(struct bundler *b, uint32_t n)
{
	const struct conf_front_tls *t = &b->conf->frontends[n].tls;
	char why[FILE_WHY];

	if (t->mode != TLS_IMPLICIT)
		return;
	b->line = t->line;
	b->frontend = n;
	for (size_t i = 0; i < t->certificates.count; i++) {
		size_t errors = b->p->errors;

		b->usable = 0;
		if (certs_find(t->certificates.items[i], on_cert, b, why) == -1)
			complain(b, why);
		else if (b->usable == 0 && b->p->errors == errors)
			conf_problem(b->conf, b->p, PROBLEM_ERROR, b->line,
			    "%s: no certificate with a key in it", t->certificates.items[i]);
	}
	if (t->client_ca)
		add_blocks(b, 1u << HELPER_WORKER, PIECE_CA, t->client_ca, t->client_ca);
	if (t->client_crl)
		add_blocks(b, 1u << HELPER_WORKER, PIECE_CRL, t->client_crl, t->client_crl);
}

static void
add_back_tls(struct bundler *b, const struct conf_back_tls *t, unsigned helpers)
{
	char why[FILE_WHY];

	if (!t->on)
		return;
	b->line = t->line;
	if (t->verify != VERIFY_NONE)
		add_blocks(b, helpers, PIECE_CA, t->ca_file ? t->ca_file : file_system_ca(),
		    t->ca_file ? t->ca_file : BUNDLE_SYSTEM_CA);
	if (t->crl)
		add_blocks(b, helpers, PIECE_CRL, t->crl, t->crl);
	if (t->certificate) {
		struct piece piece = { .kind = PIECE_BACKCERT,
			.name = t->certificate,
			.key_name = t->key ? t->key : "" };
		int good = add_cert(b, &piece, USE_CLIENT, helpers, why);

		if (good == 0)
			snprintf(why, sizeof(why), "%s has no private key; set key",
			    piece.key_name[0] ? piece.key_name : t->certificate);
		if (good != 1)
			complain(b, why);
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
	add(b, HELPER_CHECKER, &piece);
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
		ssize_t n = file_read(k->path, b->buf, KEY_MOST, &st, why);

		b->line = k->line;
		if (n == -1) {
			complain(b, why);
			continue;
		}
		while (pem_next(b->buf, (size_t)n, &at, &block) == 1)
			if (block.kind == PEM_KEY) {
				piece.data = block.start;
				piece.size = block.len;
				add(b, HELPER_KEEPER, &piece);
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
		add(b, HELPER_KEEPER, &piece);
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
		complain(b, why);
	} else {
		if (st.st_mode & S_IROTH)
			conf_problem(b->conf, b->p, PROBLEM_WARNING, b->line,
			    "%s is readable by everybody (mode %04o), who can then read all "
			    "sessions: chmod 0600",
			    b->conf->ticket_seed, (unsigned)st.st_mode & 07777);
		piece.size = (size_t)n;
		add(b, HELPER_KEEPER, &piece);
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

	add(b, HELPER_WORKER, &conf);
	add(b, HELPER_CHECKER, &conf);
	for (uint32_t i = 0; i < b->conf->frontend_count; i++)
		add_frontend(b, i);
	for (size_t i = 0; i < b->conf->backend_count; i++) {
		add_back_tls(b, &b->conf->backends[i].tls, both);
		add_back_tls(b, &b->conf->backends[i].check.tls, 1u << HELPER_CHECKER);
	}
	add_text(b, PIECE_HOSTS, "/etc/hosts");
	add_text(b, PIECE_RESOLV, "/etc/resolv.conf");
	add_keys(b);
	add_seed(b, ticket_seed);
}

static char *
buffer(void)
{
	char *p =
	    mmap(NULL, FILE_MOST + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		abort();
	return p;
}

/* Make the bundles; -1 if one of them cannot be made. */
static int
seal(struct bundler *b, int *bundles_r)
{
	for (int who = 0; who < HELPER_COUNT && b->p->errors == 0; who++) {
		bundles_r[who] = bundle_seal(b->writers[who]);
		if (bundles_r[who] == -1)
			problems_add(b->p, PROBLEM_ERROR, b->conf_path, 0,
			    "no memory for a bundle: %s", strerror(errno));
	}
	return b->p->errors == 0 ? 0 : -1;
}

int
bundles_make(const struct conf *conf, const char *conf_path, const char *text,
    const uint8_t ticket_seed[32], struct problems *p, int *bundles_r)
{
	static const char *const names[HELPER_COUNT] = { "worker", "checker", "keeper" };
	struct bundler b = {
		.conf = conf, .conf_path = conf_path, .p = p, .buf = buffer(), .out = buffer()
	};
	int made = 1, result = -1;

	/* Locked if we may: swap is no place for a key.  The pages are given back below. */
	mlock(b.buf, KEY_MOST);
	madvise(b.buf, FILE_MOST + 1, MADV_DONTDUMP);
	for (int who = 0; who < HELPER_COUNT; who++) {
		bundles_r[who] = -1;
		b.writers[who] = bundle_new(names[who]);
		made = made && b.writers[who];
	}
	if (made) {
		fill(&b, text, ticket_seed);
		result = seal(&b, bundles_r);
	} else {
		problems_add(
		    p, PROBLEM_ERROR, conf_path, 0, "no memory for a bundle: %s", strerror(errno));
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
	munmap(b.buf, FILE_MOST + 1);
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
