/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Certificates and keys for the bundles: which files belong together, and whether there is a key
 * in them, by the labels of their blocks.  Master; keys pass through the one buffer.
 */
#include "master/bundle/int.h"

#include "common/log.h"
#include "master/bundle/certs.h"
#include "master/bundle/pairs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The number of this file's key in the keeper's bundle; held: as in struct key_file. */
static uint32_t
key_number(struct bundler *b, const char *path, enum piece_use use, uint32_t held)
{
	struct key_file *more;

	for (size_t i = 0; i < b->key_count; i++)
		if (strcmp(b->keys[i].path, path) == 0 && b->keys[i].held == held) {
			b->keys[i].use |= use;
			return (uint32_t)i;
		}
	more = reallocarray(b->keys, b->key_count + 1, sizeof(*b->keys));
	if (!more)
		fatal("out of memory");
	b->keys = more;
	b->keys[b->key_count] = (struct key_file){ strdup(path), use, b->line, held };
	if (!b->keys[b->key_count].path)
		fatal("out of memory");
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
	int other;

	if (n == -1)
		return -1;
	pem_count(b->buf, (size_t)n, &c);
	other =
	    c.certs + c.keys + c.encrypted == 0 && bundler_is_other_form(b, (size_t)n, path, why_r);
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
	return c.encrypted > 0 || c.keys > 1 || c.broken || other ? -1 : (int)c.keys;
}

int
bundler_add_cert(struct bundler *b, struct piece *piece, enum piece_use use, unsigned helpers,
    char why_r[FILE_WHY])
{
	const char *key = piece->key_name[0] ? piece->key_name : piece->name;
	int good = has_key(b, key, why_r);
	ssize_t len;

	if (good != 1)
		return good;
	len = bundler_read(b, piece->name, PEM_CERT, why_r);
	if (len == -1)
		return -1;
	piece->key_name = key;
	piece->key = key_number(b, key, use, 0);
	piece->data = b->out;
	piece->size = (size_t)len;
	b->shows |= use == USE_SERVER;
	for (int who = 0; who < HELPER_COUNT; who++)
		if (helpers & 1u << who)
			bundler_add(b, (enum helper)who, piece);
	return 1;
}

static int
is_named(const char *path, const char *name)
{
	return strcmp(strrchr(path, '/') + 1, name) == 0;
}

static int
is_fullchain(const char *path)
{
	return is_named(path, "fullchain.pem");
}

/* What certbot and Kubernetes put beside a certificate: nobody expects a key for it. */
static int
is_by_the_way(const char *path)
{
	return is_named(path, "cert.pem") || is_named(path, "chain.pem") ||
	    is_named(path, "ca.crt") || is_named(path, "ca.pem");
}

/* One found through a parent directory cannot be used. */
static void
leave_out(const struct bundler *b, const char *why, int used)
{
	if (used)
		conf_problem(b->conf, b->p, PROBLEM_ERROR, b->line,
		    "%s; keeping the files already loaded", why);
	else
		conf_problem(b->conf, b->p, PROBLEM_LEFT_OUT, b->line, "%s; left out", why);
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
	const char *frontend = b->conf->frontends[b->frontend].name;
	char why[FILE_WHY];
	int good, used;

	if (!key) {
		leave_out(b, b->why, pairs_any_under(b->now, frontend, cert));
		return;
	}
	/* A file with its own key needs none beside it, whatever that one is for. */
	if (*key && !b->key_is_named && !is_fullchain(cert) && has_key(b, cert, why) == 1)
		piece.key_name = key = "";
	good = bundler_add_cert(b, &piece, USE_SERVER, 1u << HELPER_WORKER, why);
	used = pairs_in_use(b->now, frontend, cert);
	b->usable += good == 1;
	if (good == 1 || (good == 0 && found && !used && *key == '\0' && is_by_the_way(cert)))
		return;
	if (good == 0 && *key)
		snprintf(why, sizeof(why), "%s has no private key", key);
	else if (good == 0)
		snprintf(why, sizeof(why), "%s has no private key, and there is no %s beside it",
		    cert, is_fullchain(cert) ? "privkey.pem" : "file with the same name and .key");
	if (found)
		leave_out(b, why, used);
	else
		bundler_complain(b, why);
}

/* Whether this certificate, which serves, is what a group holds for the same frontend. */
static int
is_held(const struct bundler *b, const struct conf_certificate *c, const struct piece *p)
{
	if (p->kind != PIECE_CERT ||
	    strcmp(b->now->conf->frontends[p->owner].name, b->conf->frontends[b->frontend].name) !=
		0)
		return 0;
	if (c->key)
		return strcmp(p->name, c->path) == 0 && strcmp(p->key_name, c->key) == 0;
	return strcmp(p->name, c->path) == 0 || pairs_are_under(c->path, p->name);
}

/* What serves for this group goes on, with its key, whatever its files are by now.  How many. */
static size_t
add_held(struct bundler *b, const struct conf_certificate *c)
{
	struct bundle *old = bundle_open(b->now->bundles[HELPER_WORKER]);
	size_t count = 0;

	for (size_t i = 0; old && i < bundle_count(old); i++) {
		struct piece p = *bundle_piece(old, i);

		if (!is_held(b, c, &p))
			continue;
		p.owner = b->frontend;
		p.key = key_number(b, p.key_name, USE_SERVER, p.key + 1);
		bundler_add(b, HELPER_WORKER, &p);
		b->shows = 1;
		count++;
	}
	if (old)
		bundle_close(&old);
	return count;
}

static void
add_group(struct bundler *b, const struct conf_certificate *c)
{
	size_t errors = b->p->errors;

	if (c->hold && b->now && !b->anew && add_held(b, c) > 0)
		return;
	b->usable = 0;
	b->key_is_named = c->key != NULL;
	if (c->key)
		on_cert(b, c->path, c->key, 0);
	else if (certs_find(c->path, on_cert, b, b->why) == -1)
		bundler_complain(b, b->why);
	else if (b->usable == 0 && b->p->errors == errors)
		conf_problem(b->conf, b->p, PROBLEM_ERROR, b->line,
		    "%s: no certificate with a key in it", c->path);
}

void
bundler_add_front_certs(struct bundler *b, uint32_t n)
{
	const struct conf_front_tls *t = &b->conf->frontends[n].tls;

	b->frontend = n;
	for (size_t i = 0; i < t->certificates.count; i++)
		add_group(b, &t->certificates.items[i]);
}
