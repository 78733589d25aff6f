/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The life of one check, from the connect to our FIN.  Runs in the checker on a server's bytes,
 * and trusts none of them: answers are bounded, the deadline is absolute, quotes are made printable.
 *
 * Read `phases` first.  A step does the work of one state and names the state to be in next;
 * naming its own state means "wait for the event loop".  Only check_run changes the state and
 * only check_run frees.  A server never sees an abrupt client: we speak after its whole greeting, wait for
 * its answer to our goodbye, and close with FIN.
 */
#include "checker/check.h"

#include "checker/probe.h"
#include "checker/state.h"
#include "checker/tls.h"
#include "checker/wire.h"
#include "common/container.h"
#include "common/tls/verify.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TO(s)       (1u << AT_##s)
#define PARTING_MS  1000  /* how long a server may take to close after us */
#define PARTING_MAX 16384 /* bytes it may still send */
#define NUDGE_MS    1000  /* how long it may take to answer our goodbye before our FIN comes */
#define PROBE_MS    1000  /* how long a silent server may take to answer TLS */
#define CHUNK       1024

struct check {
	enum check_state state;
	int told;
	int expired;       /* the time is up: this pass is the last */
	int finished;      /* our FIN is out */
	uint64_t deadline; /* absolute */
	const struct plan *plan;
	struct check_owner *owner;
	struct loop *loop;
	struct watch watch;
	struct timer timer;
	uint64_t started;
	struct addr to;
	struct wire wire;
	const char *out; /* what SEND and GOODBYE send, and how much of it has left */
	size_t out_done;
	char in[CHUNK]; /* bytes that follow the greeting in the same read */
	size_t in_at, in_len;
	struct expect answer;
	struct verdict verdict;
	char kept[]; /* of the answer; expect_room bytes */
};

static enum check_state step_connect(struct check *c);
static enum check_state step_header(struct check *c);
static enum check_state step_tls(struct check *c);
static enum check_state step_send(struct check *c);
static enum check_state step_listen(struct check *c);
static enum check_state step_goodbye(struct check *c);
static enum check_state step_farewell(struct check *c);
static enum check_state step_probe(struct check *c);
static enum check_state step_parting(struct check *c);

/* clang-format off */
static const struct {
	enum check_state (*step)(struct check *);
	unsigned next;
} phases[AT_COUNT] = {
	[AT_CONNECT]  = { step_connect,  TO(HEADER) | TO(TLS) | TO(SEND) | TO(LISTEN) | TO(PARTING) | TO(OVER) },
	[AT_HEADER]   = { step_header,   TO(TLS) | TO(SEND) | TO(LISTEN) | TO(PARTING) | TO(OVER) },
	[AT_TLS]      = { step_tls,      TO(SEND) | TO(LISTEN) | TO(PARTING) | TO(OVER) },
	[AT_SEND]     = { step_send,     TO(LISTEN) | TO(OVER) },
	[AT_LISTEN]   = { step_listen,   TO(GOODBYE) | TO(PROBE) | TO(PARTING) | TO(OVER) },
	[AT_GOODBYE]  = { step_goodbye,  TO(FAREWELL) | TO(PARTING) | TO(OVER) },
	[AT_FAREWELL] = { step_farewell, TO(PARTING) | TO(OVER) },
	[AT_PROBE]    = { step_probe,    TO(OVER) },
	[AT_PARTING]  = { step_parting,  TO(OVER) },
	[AT_OVER]     = { NULL,          0 },
};
/* clang-format on */

/* How far it got: if TLS is up, what was sent before it was understood. */
static uint32_t
with(const struct check *c)
{
	uint32_t bits = verdict_with(c->plan, c->wire.ssl && c->state != AT_TLS);

	return c->state == AT_GOODBYE || c->state == AT_FAREWELL ? bits | WITH_FAREWELL : bits;
}

static void
say(struct check *c, enum check_status status, int ok, enum reason reason, const char *text)
{
	verdict_say(&c->verdict, status, ok, reason, with(c), text);
}

static enum check_state
wire_broke(struct check *c, enum check_status status)
{
	struct finding f;

	if (c->wire.ssl && c->wire.error == 0) {
		tls_why(c->wire.ssl, &c->plan->check->tls, c->plan->server, &f);
		say(c, CHECK_L6RSP, 0, (enum reason)f.reason, f.text);
	} else {
		verdict_broke(&c->verdict, status, with(c), &c->wire, check_state_text(c->state));
	}
	return AT_OVER;
}

/* The connection is ready: what this type of check does with it. */
static enum check_state
speak(struct check *c)
{
	const struct conf_check *check = c->plan->check;

	switch (check->type) {
	case CHECK_NONE:
	case CHECK_TCP:
	case CHECK_TLS:
		say(c, c->wire.ssl ? CHECK_L6OK : CHECK_L4OK, 1,
		    c->wire.ssl ? REASON_SHAKEN : REASON_CONNECTED, "");
		return AT_PARTING;
	case CHECK_EXPECT:
		expect_start(&c->answer, check->type, PHASE_GREETING,
		    check->expect ? check->expect : "", c->kept);
		c->out = check->send;
		return check->send ? AT_SEND : AT_LISTEN;
	case CHECK_IMAP:
	case CHECK_POP3:
	case CHECK_SMTP:
	case CHECK_SUBMISSION:
	case CHECK_LMTP:
	case CHECK_SIEVE:
	case CHECK_TYPE_COUNT:
		break;
	}
	expect_start(&c->answer, check->type, PHASE_GREETING, NULL, c->kept);
	c->out = expect_goodbye(check->type);
	return AT_LISTEN;
}

static enum check_state
step_connect(struct check *c)
{
	switch (
	    wire_connect(&c->wire, &c->to, plan_source(c->plan, &c->to), plan_unseen(c->plan))) {
	case WIRE_DONE:
		break;
	case WIRE_WAIT:
		if (!c->expired)
			return AT_CONNECT;
		say(c, CHECK_L4TOUT, 0, REASON_NO_CONNECT, "");
		return AT_OVER;
	case WIRE_END:
	case WIRE_FAILED:
		if (c->wire.error == EMFILE || c->wire.error == ENFILE ||
		    c->wire.error == ENOBUFS || c->wire.error == ENOMEM)
			c->verdict.stands = STANDS_UNASKED;
		else if (c->wire.ours)
			return wire_broke(c, CHECK_SOCKERR);
		say(c, CHECK_L4CON, 0, REASON_OTHER, verdict_error(c->wire.error));
		return AT_OVER;
	}
	if (plan_unseen(c->plan)) {
		say(c, CHECK_L4OK, 1, REASON_CONNECTED, "");
		wire_reset(&c->wire);
		return AT_OVER;
	}
	if (c->plan->header != HEADER_NONE)
		return AT_HEADER;
	return c->plan->ctx ? AT_TLS : speak(c);
}

static enum check_state
step_header(struct check *c)
{
	struct proxy_client self = { .verify = 1 };
	uint8_t header[PROXY_MAX];
	size_t n;

	if (c->plan->header == HEADER_LOCAL) {
		n = proxy_write_local(header);
	} else {
		/* The client is us. */
		if (wire_ends(&c->wire, &self.peer, &self.local) == -1) {
			c->wire.error = errno;
			return wire_broke(c, CHECK_L4CON);
		}
		n = proxy_write(&self, &c->plan->style, header);
	}
	if (wire_whole(&c->wire, header, n) != WIRE_DONE)
		return wire_broke(c, CHECK_L4CON);
	return c->plan->ctx ? AT_TLS : speak(c);
}

static enum check_state
step_tls(struct check *c)
{
	SSL *ssl;

	if (!c->wire.ssl) {
		ssl = tls_begin(c->plan->ctx, &c->plan->check->tls, c->plan->server);
		if (!ssl || wire_tls(&c->wire, ssl) != WIRE_DONE) {
			c->verdict.stands = STANDS_UNASKED;
			return AT_OVER;
		}
	}
	switch (wire_handshake(&c->wire)) {
	case WIRE_DONE:
		c->verdict.days = tls_days_left(c->wire.ssl);
		return speak(c);
	case WIRE_WAIT:
		if (!c->expired)
			return AT_TLS;
		say(c, CHECK_L6TOUT, 0, REASON_TLS_LATE, "");
		return AT_OVER;
	case WIRE_END:
	case WIRE_FAILED:
		break;
	}
	return wire_broke(c, CHECK_L6RSP);
}

/* Send what is in out; the state to go to, or to stay in. */
static enum check_state
send_out(struct check *c, enum check_state next)
{
	size_t n = 0, size = strlen(c->out);

	while (c->out_done < size) {
		switch (wire_write(&c->wire, c->out + c->out_done, size - c->out_done, &n)) {
		case WIRE_DONE:
			c->out_done += n;
			break;
		case WIRE_WAIT:
			if (!c->expired)
				return c->state;
			say(c, CHECK_L7TOUT, 0, REASON_DEAF, "");
			return AT_OVER;
		case WIRE_END:
		case WIRE_FAILED:
			return wire_broke(c, CHECK_L7RSP);
		}
	}
	return next;
}

static enum check_state
step_send(struct check *c)
{
	return send_out(c, AT_LISTEN);
}

/* Read until the answer is complete.  Anything but ANSWER_MORE has been judged. */
static enum wire_io
hear(struct check *c, enum expect_answer *answer_r)
{
	size_t used = 0;
	enum wire_io io;

	for (;;) {
		*answer_r = expect_feed(&c->answer, c->in + c->in_at, c->in_len - c->in_at, &used);
		c->in_at += used;
		if (*answer_r != ANSWER_MORE)
			return WIRE_DONE;
		c->in_at = c->in_len = 0;
		io = wire_read(&c->wire, c->in, sizeof(c->in), &c->in_len);
		if (io != WIRE_DONE) {
			c->in_len = 0;
			return io;
		}
	}
}

/* The answer is complete or cannot become so, and is not a good one. */
static enum check_state
bad(struct check *c, enum expect_answer answer)
{
	verdict_bad(&c->verdict, c->plan, &c->answer, answer, c->wire.ssl != NULL);
	/* A server that speaks our protocol gets a polite end. */
	return answer == ANSWER_NO ? AT_PARTING : AT_OVER;
}

static void
finish(struct check *c)
{
	if (!c->finished)
		wire_finish(&c->wire);
	c->finished = 1;
}

/* Nothing to read now: in time, or not. */
static enum check_state
silent(struct check *c)
{
	if (!c->expired)
		return c->state;
	if (c->state == AT_FAREWELL && loop_now(c->loop) < c->deadline) {
		/*
		 * managesieve-login of Dovecot 2.3 overlooks one command in thirty that comes in
		 * TLS, until more comes: our FIN, which is due anyway.
		 */
		finish(c);
		c->expired = 0;
		timer_set(c->loop, &c->timer, c->deadline - loop_now(c->loop));
		return c->state;
	}
	if (c->state == AT_LISTEN && !c->wire.ssl && c->answer.total == 0)
		return AT_PROBE;
	verdict_late(&c->verdict, c->plan, &c->answer, c->wire.ssl != NULL);
	return AT_OVER;
}

static enum check_state
step_listen(struct check *c)
{
	enum expect_answer answer = ANSWER_MORE;

	switch (hear(c, &answer)) {
	case WIRE_DONE:
		break;
	case WIRE_WAIT:
		return silent(c);
	case WIRE_END:
		verdict_closed(&c->verdict, c->plan, &c->answer, c->wire.ssl != NULL);
		return AT_OVER;
	case WIRE_FAILED:
		return wire_broke(c, CHECK_L7RSP);
	}
	if (answer != ANSWER_YES)
		return bad(c, answer);
	if (c->plan->check->type == CHECK_EXPECT) {
		say(c, CHECK_L7OK, 1, REASON_FOUND, "");
		return AT_PARTING;
	}
	return AT_GOODBYE;
}

static enum check_state
step_goodbye(struct check *c)
{
	enum check_state next = send_out(c, AT_FAREWELL);

	if (next == AT_FAREWELL) {
		expect_start(&c->answer, c->plan->check->type, PHASE_FAREWELL, NULL, c->kept);
		if (loop_now(c->loop) + NUDGE_MS < c->deadline)
			timer_set(c->loop, &c->timer, NUDGE_MS);
	}
	return next;
}

static enum check_state
step_farewell(struct check *c)
{
	enum expect_answer answer = ANSWER_MORE;

	switch (hear(c, &answer)) {
	case WIRE_DONE:
		break;
	case WIRE_WAIT:
		return silent(c);
	case WIRE_END:
		/* It has greeted us and let us go; some leave out the words. */
		answer = ANSWER_YES;
		break;
	case WIRE_FAILED:
		return wire_broke(c, CHECK_L7RSP);
	}
	if (answer != ANSWER_YES)
		return bad(c, answer);
	say(c, CHECK_L7OK, 1, REASON_SERVES, "");
	return AT_PARTING;
}

/* The server said nothing in time: is it a TLS port?  If not, verdict_late says so. */
static enum check_state
step_probe(struct check *c)
{
	enum wire_io io = c->expired ? WIRE_FAILED : probe_tls(&c->wire);

	if (io == WIRE_WAIT)
		return AT_PROBE;
	if (io == WIRE_DONE)
		say(c, CHECK_L7RSP, 0, REASON_TLS_PORT, "");
	verdict_late(&c->verdict, c->plan, &c->answer, 0);
	return AT_OVER;
}

static enum check_state
step_parting(struct check *c)
{
	if (c->expired)
		return AT_OVER;
	finish(c);
	return wire_discard(&c->wire, PARTING_MAX) == WIRE_WAIT ? AT_PARTING : AT_OVER;
}

static void
on_event(struct watch *w, uint32_t events)
{
	struct check *c = CONTAINER(w, struct check, watch);

	(void)events;
	check_run(&c);
}

static void
on_time(struct timer *t)
{
	struct check *c = CONTAINER(t, struct check, timer);

	/* What has arrived meanwhile counts: this process may be late, not the server. */
	c->expired = 1;
	check_run(&c);
}

struct check *
check_new(
    struct loop *loop, const struct plan *plan, const struct addr *to, struct check_owner *owner)
{
	struct check *c = calloc(1, sizeof(*c) + expect_room(plan->check->type));

	if (!c)
		return NULL;
	c->plan = plan;
	c->owner = owner;
	c->loop = loop;
	c->to = *to;
	c->to.port = plan->port;
	c->wire.fd = -1;
	c->watch.fd = -1;
	c->watch.fn = on_event;
	c->timer.fn = on_time;
	c->verdict.days = INT32_MIN;
	c->started = loop_now(loop);
	c->deadline = c->started + plan->check->timeout;
	timer_set(loop, &c->timer, plan->check->timeout);
	return c;
}

void
check_free(struct check **cp)
{
	struct check *c = *cp;

	if (!c)
		return;
	timer_stop(&c->timer);
	(void)watch_set(c->loop, &c->watch, 0);
	wire_close(&c->wire);
	free(c);
	*cp = NULL;
}

/* Tell the owner as soon as there is something to tell. */
static void
tell(struct check *c)
{
	if (c->told || c->verdict.stands == STANDS_OPEN)
		return;
	c->told = 1;
	c->verdict.ms = (uint32_t)(loop_now(c->loop) - c->started);
	c->owner->told(c->owner, &c->verdict);
}

void
check_run(struct check **cp)
{
	struct check *c = *cp;
	struct check_owner *owner = c->owner;
	enum check_state next;

	while ((next = phases[c->state].step(c)) != c->state) {
		assert(phases[c->state].next & (1u << next));
		c->state = next;
		if (next == AT_PARTING || next == AT_PROBE) {
			c->expired = 0;
			timer_set(c->loop, &c->timer, next == AT_PROBE ? PROBE_MS : PARTING_MS);
		}
		tell(c);
		if (next == AT_OVER) {
			check_free(cp);
			owner->ended(owner);
			return;
		}
	}
	c->watch.fd = c->wire.fd;
	if (watch_set(c->loop, &c->watch, c->wire.want) == -1) {
		if (c->verdict.stands == STANDS_OPEN)
			c->verdict.stands = STANDS_UNASKED;
		tell(c);
		check_free(cp);
		owner->ended(owner);
	}
}
