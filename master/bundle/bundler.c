/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The bundler: problems, pieces and files for those who fill bundles.  Master.  What is read passes
 * through its two buffers.
 */
#include "master/bundle/int.h"

#include "common/log.h"
#include "master/host/rlimit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether a file is not there (yet); the reason is files.c's. */
static int
is_missing(const char *why)
{
	const char *const end = strerror(ENOENT);
	size_t n = strlen(why), len = strlen(end);

	return n >= len && strcmp(why + n - len, end) == 0;
}

void
bundler_complain(struct bundler *b, const char *why)
{
	b->p->outside += (size_t)is_missing(why);
	conf_problem(b->conf, b->p, PROBLEM_ERROR, b->line, "%s", why);
}

/* Of memory, descriptors or the size of files: the system's, and another time there may be enough. */
void
bundler_no_memory(const char *conf_path, struct problems *p, const char *what)
{
	p->outside++;
	problems_add(p, PROBLEM_ERROR, conf_path, 0, "no memory for %s: %s%s", what,
	    strerror(errno), rlimit_hint(errno));
}

void
bundler_add(struct bundler *b, enum helper who, const struct piece *piece)
{
	if (bundle_add(b->writers[who], piece) == -1)
		bundler_no_memory(b->conf_path, b->p, piece->name);
}

/* Which of these helpers do not have that CA or CRL yet; they count as having it from now on. */
unsigned
bundler_not_yet(struct bundler *b, unsigned helpers, enum piece_kind kind, const char *name)
{
	void *more;

	for (size_t i = 0; i < b->shared_count; i++)
		if (b->shared[i].kind == kind && strcmp(b->shared[i].name, name) == 0)
			helpers &= ~b->shared[i].helpers;
	more = reallocarray(b->shared, b->shared_count + 1, sizeof(*b->shared));
	if (!more)
		fatal("out of memory");
	b->shared = more;
	b->shared[b->shared_count].kind = kind;
	b->shared[b->shared_count].name = name;
	b->shared[b->shared_count++].helpers = helpers;
	return helpers;
}

/* Say what the bytes in the buffer are if they have nothing that is looked for. */
int
bundler_is_other_form(const struct bundler *b, size_t len, const char *path, char why_r[FILE_WHY])
{
	const char *how, *what = pem_other_form(b->buf, len, &how);
	int n;

	if (!what)
		return 0;
	n = snprintf(why_r, FILE_WHY, "%s %s", path, what);
	if (!how || n < 0 || n + 2 >= FILE_WHY)
		return 1;
	n += snprintf(why_r + n, (size_t)(FILE_WHY - n), ": ");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	(void)snprintf(why_r + n, (size_t)(FILE_WHY - n), how, path);
#pragma GCC diagnostic pop
	return 1;
}

ssize_t
bundler_read(struct bundler *b, const char *path, enum pem_kind kind, char why_r[FILE_WHY])
{
	struct stat st;
	ssize_t n = file_read(path, b->buf, FILE_MOST, &st, why_r);
	size_t len;
	int other;

	if (n == -1)
		return -1;
	len = pem_copy(b->buf, (size_t)n, kind, b->out);
	b->out[len] = '\0';
	other = len == 0 && bundler_is_other_form(b, (size_t)n, path, why_r);
	explicit_bzero(b->buf, (size_t)n);
	if (len == 0 && !other) {
		snprintf(why_r, FILE_WHY, "%s has no %s", path,
		    kind == PEM_CRL ? "revocation list" : "certificate");
	}
	return len == 0 ? -1 : (ssize_t)len;
}

void
bundler_add_blocks(
    struct bundler *b, unsigned helpers, enum piece_kind kind, const char *path, const char *name)
{
	struct piece piece = { .kind = kind, .name = name, .key_name = "", .data = b->out };
	char why[FILE_WHY];
	ssize_t len;

	helpers = bundler_not_yet(b, helpers, kind, name);
	if (helpers == 0)
		return;
	len = bundler_read(b, path, kind == PIECE_CRL ? PEM_CRL : PEM_CERT, why);
	if (len == -1 && strcmp(name, BUNDLE_SYSTEM_CA) == 0) {
		b->p->outside += (size_t)is_missing(why);
		conf_problem(b->conf, b->p, PROBLEM_ERROR, b->line,
		    "%s; install ca-certificates, or set ca_file", why);
	} else if (len == -1)
		bundler_complain(b, why);
	if (len == -1)
		return;
	piece.size = (size_t)len;
	for (int who = 0; who < HELPER_COUNT; who++)
		if (helpers & 1u << who)
			bundler_add(b, (enum helper)who, &piece);
}
