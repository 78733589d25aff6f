/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Any bytes at all as the answer of a server: the first byte chooses protocol and phase, the
 * second how the rest is cut into pieces.  However it is cut, the answer is the same; no more is
 * taken or kept than there may be, and the reason in words is harmless.
 */
#include "checker/verdict.h"
#include "common/mail/expect.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const enum check_type types[] = { CHECK_EXPECT, CHECK_IMAP, CHECK_POP3, CHECK_SMTP,
	CHECK_SUBMISSION, CHECK_LMTP, CHECK_SIEVE };

struct outcome {
	enum expect_answer answer;
	size_t used, len;
	char *kept; /* of expect_room bytes, and no more */
};

static void
require(int what)
{
	if (!what)
		abort();
}

static void
words(enum check_type type, const struct expect *e, enum expect_answer answer)
{
	const struct conf_check check = { .type = type, .timeout = 5000 };
	const struct plan plan = { .check = &check };
	struct verdict v[3] = { { .ok = 1 }, { .ok = 1 }, { .ok = 1 } };

	verdict_closed(&v[0], &plan, e, 0);
	verdict_late(&v[1], &plan, e, 1);
	verdict_bad(&v[2], &plan, e, answer, 0);
	for (int i = 0; i < 3; i++) {
		require(memchr(v[i].found.text, '\0', sizeof(v[i].found.text)) != NULL);
		for (const char *p = v[i].found.text; *p != '\0'; p++)
			require(*p >= ' ' && *p <= '~' && *p != '"' && *p != '\\');
		require(
		    v[i].stands == STANDS_OPEN || (!v[i].ok && reason_known(v[i].found.reason)));
	}
	require((v[2].stands == STANDS_OPEN) == (answer == ANSWER_MORE || answer == ANSWER_YES));
}

/* Feed it in pieces of so many bytes. */
static struct outcome
feed(enum check_type type, enum expect_phase phase, const char *bytes, size_t size, size_t piece)
{
	struct outcome o = { ANSWER_MORE, 0, 0, malloc(expect_room(type)) };
	struct expect e;
	size_t used, n;

	require(o.kept != NULL);
	expect_start(&e, type, phase, "* OK", o.kept);
	while (o.used < size && o.answer == ANSWER_MORE) {
		n = size - o.used < piece ? size - o.used : piece;
		o.answer = expect_feed(&e, bytes + o.used, n, &used);
		require(used <= n && (used == n || o.answer != ANSWER_MORE));
		o.used += used;
	}
	require(o.used <= EXPECT_MAX && e.len <= expect_room(type));
	o.len = e.len;
	words(type, &e, o.answer);
	return o;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome whole, cut;
	enum expect_phase phase;
	enum check_type type;
	const char *bytes;

	if (size < 2)
		return 0;
	type = types[data[0] / 2 % (sizeof(types) / sizeof(types[0]))];
	phase = data[0] % 2 ? PHASE_FAREWELL : PHASE_GREETING;
	bytes = (const char *)data + 2;
	whole = feed(type, phase, bytes, size - 2, size);
	cut = feed(type, phase, bytes, size - 2, 1 + data[1] % 32);
	require(whole.answer == cut.answer && whole.used == cut.used && whole.len == cut.len);
	require(memcmp(whole.kept, cut.kept, whole.len) == 0);
	free(whole.kept);
	free(cut.kept);
	return 0;
}
