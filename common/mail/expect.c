/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Greetings and farewells of the mail protocols: which lines go on, which say yes, which say no.
 * Runs in the checker on the bytes of servers; keeps no more of them than its caller gave room.
 */
#include "common/mail/expect.h"

#include <ctype.h>
#include <string.h>

/*
 * One kind of line, by its beginning: a letter matches either case, `#` any digit, all else
 * itself.  A word must end where the pattern ends.
 */
struct rule {
	const char *start; /* NULL ends a table */
	enum expect_answer answer;
};

/* RFC 3501 sections 7.1 and 7.1.5; we log out with the tag x. */
static const struct rule imap_greeting[] = {
	{ "* OK", ANSWER_YES },
	{ "* PREAUTH", ANSWER_YES },
	{ "* BYE", ANSWER_NO },
	{ NULL, ANSWER_STRANGE },
};
static const struct rule imap_farewell[] = {
	{ "* BAD", ANSWER_NO },
	{ "* ", ANSWER_MORE },
	{ "x OK", ANSWER_YES },
	{ "x NO", ANSWER_NO },
	{ "x BAD", ANSWER_NO },
	{ NULL, ANSWER_STRANGE },
};

/* RFC 1939 section 3. */
static const struct rule pop3[] = {
	{ "+OK", ANSWER_YES },
	{ "-ERR", ANSWER_NO },
	{ NULL, ANSWER_STRANGE },
};

/* RFC 5321 sections 4.2.1 and 4.3.2; a greeting may have several lines, and pause among them. */
static const struct rule smtp_greeting[] = {
	{ "220-", ANSWER_MORE },
	{ "220", ANSWER_YES },
	{ "4##", ANSWER_NO },
	{ "5##", ANSWER_NO },
	{ NULL, ANSWER_STRANGE },
};
static const struct rule smtp_farewell[] = {
	{ "2##-", ANSWER_MORE },
	{ "2##", ANSWER_YES },
	{ "4##", ANSWER_NO },
	{ "5##", ANSWER_NO },
	{ NULL, ANSWER_STRANGE },
};

/* RFC 5804 sections 1.3 and 1.7: capabilities are lines that begin with a string. */
static const struct rule sieve[] = {
	{ "\"", ANSWER_MORE },
	{ "OK", ANSWER_YES },
	{ "NO", ANSWER_NO },
	{ "BYE", ANSWER_NO },
	{ NULL, ANSWER_STRANGE },
};

struct dialect {
	const char *name;
	const char *goodbye;
	int literals; /* a line may contain {n} and n bytes of anything */
	const struct rule *lines[2];
};

/* clang-format off */
static const struct dialect dialects[] = {
	[CHECK_IMAP]       = { "IMAP",        "x LOGOUT\r\n", 0, { imap_greeting, imap_farewell } },
	[CHECK_POP3]       = { "POP3",        "QUIT\r\n",     0, { pop3, pop3 } },
	[CHECK_SMTP]       = { "SMTP",        "QUIT\r\n",     0, { smtp_greeting, smtp_farewell } },
	[CHECK_SUBMISSION] = { "SMTP",        "QUIT\r\n",     0, { smtp_greeting, smtp_farewell } },
	[CHECK_LMTP]       = { "LMTP",        "QUIT\r\n",     0, { smtp_greeting, smtp_farewell } },
	[CHECK_SIEVE]      = { "ManageSieve", "LOGOUT\r\n",   1, { sieve, sieve } },
};
/* clang-format on */

static const struct dialect *
dialect_of(enum check_type type)
{
	if ((size_t)type >= sizeof(dialects) / sizeof(dialects[0]) || !dialects[type].name)
		return NULL;
	return &dialects[type];
}

size_t
expect_room(enum check_type type)
{
	return type == CHECK_EXPECT ? EXPECT_MAX : EXPECT_LINE;
}

const char *
expect_goodbye(enum check_type type)
{
	const struct dialect *d = dialect_of(type);

	return d ? d->goodbye : NULL;
}

const char *
expect_protocol(enum check_type type)
{
	const struct dialect *d = dialect_of(type);

	return d ? d->name : NULL;
}

void
expect_start(
    struct expect *e, enum check_type type, enum expect_phase phase, const char *needle, char *kept)
{
	*e = (struct expect){
		.dialect = dialect_of(type),
		.phase = phase,
		.needle = needle,
		.kept = kept,
		.room = expect_room(type),
	};
}

/* Whether the line begins as the pattern says. */
static int
matches(const char *start, const char *line, size_t len)
{
	size_t i;

	for (i = 0; start[i] != '\0'; i++) {
		if (i >= len)
			return 0;
		if (start[i] == '#') {
			if (!isdigit((unsigned char)line[i]))
				return 0;
		} else if (tolower((unsigned char)start[i]) != tolower((unsigned char)line[i])) {
			return 0;
		}
	}
	if (start[i - 1] != '#' && !isalnum((unsigned char)start[i - 1]))
		return 1;
	return i == len || !isalnum((unsigned char)line[i]);
}

/* A line is complete: what it means. */
static enum expect_answer
classify(const struct expect *e)
{
	const struct rule *r = e->dialect->lines[e->phase];

	while (r->start && !matches(r->start, e->kept, e->len))
		r++;
	return r->answer;
}

/*
 * Follow the braces of "{5}" or "{5+}" before the end of a line.  Returns 1 when this newline is
 * not the line's end but the beginning of a literal.
 */
static int
is_literal(struct expect *e, char ch)
{
	if (ch == '{') {
		e->brace = BRACE_OPEN;
		e->literal_size = 0;
		e->literal_at = e->len;
	} else if (e->brace == BRACE_OPEN && isdigit((unsigned char)ch)) {
		if (e->literal_size <= EXPECT_MAX)
			e->literal_size = e->literal_size * 10 + (uint32_t)(ch - '0');
	} else if (e->brace == BRACE_OPEN && ch == '+') {
		e->brace = BRACE_PLUS;
	} else if ((e->brace == BRACE_OPEN || e->brace == BRACE_PLUS) && ch == '}') {
		e->brace = BRACE_SHUT;
	} else if (e->brace == BRACE_SHUT && ch == '\n') {
		e->brace = BRACE_NONE;
		e->len = e->literal_at;
		e->literal = e->literal_size;
		return 1;
	} else if (e->brace != BRACE_SHUT || ch != '\r') {
		e->brace = BRACE_NONE;
	}
	return 0;
}

/* One byte of a dialogue. */
static enum expect_answer
line_byte(struct expect *e, char ch)
{
	enum expect_answer answer;

	if (e->literal > 0) {
		e->literal--;
	} else if (e->dialect->literals && is_literal(e, ch)) {
		return ANSWER_MORE;
	} else if (ch == '\n') {
		if (e->len > 0 && e->kept[e->len - 1] == '\r')
			e->len--;
		answer = classify(e);
		if (answer == ANSWER_MORE)
			e->len = 0;
		return answer;
	}
	if (e->len < e->room)
		e->kept[e->len++] = ch;
	return ANSWER_MORE;
}

/* One byte where something is searched for. */
static enum expect_answer
needle_byte(struct expect *e, char ch)
{
	size_t size = strlen(e->needle);

	e->kept[e->len++] = ch;
	if (e->len >= size && memcmp(e->kept + e->len - size, e->needle, size) == 0)
		return ANSWER_YES;
	return ANSWER_MORE;
}

enum expect_answer
expect_feed(struct expect *e, const char *bytes, size_t n, size_t *used_r)
{
	enum expect_answer answer = ANSWER_MORE;
	size_t i;

	for (i = 0; i < n && answer == ANSWER_MORE; i++) {
		if (e->total == EXPECT_MAX) {
			answer = ANSWER_LONG;
			break;
		}
		e->total++;
		answer = e->dialect ? line_byte(e, bytes[i]) : needle_byte(e, bytes[i]);
	}
	*used_r = i;
	return answer;
}
