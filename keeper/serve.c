/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Answers the keeper's channels, one message of each in turn, so that a signer that asks much does
 * not keep the others waiting.  The loop only notes who asks; their questions are answered one after
 * the other, and before each the master's channel is read: however many signatures wait, the master
 * hears within one that the keeper lives, and what it says of a worker is known before the worker
 * can profit from it.  A signer that breaks the protocol or does not read its answers loses its
 * channel; what the master sends is trusted.  Never waits for one of them.
 */
#include "keeper/serve.h"

#include "common/clock.h"
#include "common/container.h"
#include "common/log.h"
#include "common/stack.h"
#include "keeper/policy.h"
#include "keeper/sign.h"

#include <openssl/crypto.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* One message of any signer at a time, and one of the master's. */
static _Alignas(8) uint8_t buf[CHAN_BUF_KEEPER];
static _Alignas(8) uint8_t master_buf[CHAN_BUF];

static const char *
who(const struct signer *g)
{
	return g->chan.peer == ROLE_WORKER ? "worker" : "checker";
}

/* End a channel that is not in a list any more. */
static void
end(struct signer *g)
{
	watch_set(g->serve->loop, &g->watch, 0);
	chan_close(&g->chan);
	free(g);
}

/* Take it out of the list of those that ask. */
static void
forget_question(struct signer *g)
{
	struct signer **p = &g->serve->asking;
	if (!g->asking)
		return;
	while (*p != g)
		p = &(*p)->next_asking;
	*p = g->next_asking;
	g->asking = 0;
}

static void
drop(struct signer *g)
{
	struct signer **p = &g->serve->signers;
	forget_question(g);
	while (*p != g)
		p = &(*p)->next;
	*p = g->next;
	end(g);
}

/* Whether one more signature of this use is within the worker's budget. */
static int
spend(struct signer *g, uint32_t purpose)
{
	struct purse *p = policy_use(purpose) == USE_SERVER ? &g->as_server : &g->as_client;
	if (g->chan.peer != ROLE_WORKER)
		return 1;
	if (p->left == 0)
		return 0;
	p->left--;
	return 1;
}

/* 0, or -1 with errno when the answer cannot be sent. */
static int
answer_sign(struct signer *g, const struct msg *m)
{
	static const char *const why[] = {
		[REFUSED_KEY] = "no such key",
		[REFUSED_SCHEME] = "the signature scheme does not fit the key",
		[REFUSED_SHAPE] = "the bytes are not that part of a handshake",
		[REFUSED_PURPOSE] = "the key is not for this use",
		[REFUSED_FAILED] = "libcrypto failed",
		[REFUSED_BUDGET] = "it asks more often than its connections need",
	};
	const struct msg_sign *q = m->fixed;
	struct msg_signed answer = { .serial = q->serial };
	uint8_t sig[SIG_MAX];
	size_t len = 0;
	if (spend(g, q->purpose))
		answer.refused =
		    sign(g->serve->keys, sign_uses(g->chan.peer), q, m->items, m->count, sig, &len);
	else
		answer.refused = REFUSED_BUDGET;
	if (answer.refused != 0 && !g->warned) {
		/* Our own code never asks for what is refused: worth one line, not a flood. */
		log_say(LOG_WARNING, "keeper: a signature for %s %u was refused: %s", who(g),
		    g->slot, why[answer.refused]);
		g->warned = 1;
	}
	return chan_send(&g->chan, MSG_SIGNED, &answer, sig, (uint32_t)len, NULL, 0);
}

static int
answer_key(struct signer *g, const struct msg *m)
{
	const struct msg_ask_key *q = m->fixed;
	const struct key *key = keys_number(g->serve->keys, q->number);
	struct msg_key answer = { .serial = q->serial };
	if (key) {
		memcpy(answer.id, key->id, sizeof(answer.id));
		memcpy(answer.kind, key->kind, sizeof(answer.kind));
		answer.known = (uint32_t)key->known;
	}
	return chan_tell(&g->chan, MSG_KEY, &answer);
}

static int
answer_tickets(struct signer *g, const struct msg *m)
{
	const struct msg_ask_tickets *q = m->fixed;
	struct msg_tickets answer = { .serial = q->serial };
	struct msg_ticket_key keys[TICKET_KEYS];
	uint64_t now = real_ms() / 1000;
	int count = 0;
	if (now > TICKET_PERIOD && tickets_keys(g->serve->tickets, now, keys, &answer.left) == 0)
		count = TICKET_KEYS;
	int r = chan_send(&g->chan, MSG_TICKETS, &answer, keys, (uint32_t)count, NULL, 0);
	OPENSSL_cleanse(keys, sizeof(keys));
	return r;
}

/* As answer_sign. */
static int
answer(struct signer *g, const struct msg *m)
{
	stack_secret();
	switch (m->type) {
	case MSG_SIGN:
		return answer_sign(g, m);
	case MSG_ASK_KEY:
		return answer_key(g, m);
	case MSG_ASK_TICKETS:
		return answer_tickets(g, m);
	default:
		return 0; /* chan_recv lets no other message from a signer pass */
	}
}

/* Take a question, or see the channel's end: 1 if there is a question. */
static int
take(struct signer *g, struct msg *m_r)
{
	switch (chan_recv(&g->chan, buf, sizeof(buf), m_r)) {
	case CHAN_AGAIN:
		return 0;
	case CHAN_GONE:
		drop(g);
		return 0;
	case CHAN_BAD:
		log_say(LOG_WARNING, "keeper: %s %u broke the protocol; its channel is closed",
		    who(g), g->slot);
		drop(g);
		return 0;
	case CHAN_MSG:
		return 1;
	}
	return 0;
}

/* It has a question, or its channel has ended: its turn comes when the loop's pass is over. */
static void
on_signer(struct watch *w, uint32_t events)
{
	struct signer *g = CONTAINER(w, struct signer, watch), **p;
	(void)events;
	if (g->asking)
		return;
	for (p = &g->serve->asking; *p;)
		p = &(*p)->next_asking;
	*p = g;
	g->next_asking = NULL;
	g->asking = 1;
}

/* Answer one question of this signer, which may be gone afterwards. */
static void
serve_signer(struct signer *g)
{
	struct msg m;
	if (!take(g, &m) || answer(g, &m) == 0)
		return;
	if (errno != EPIPE && errno != ECONNRESET)
		log_say(LOG_WARNING, "keeper: %s %u does not read its answers: %s", who(g), g->slot,
		    strerror(errno));
	drop(g);
}

static struct signer *
find(const struct serve *s, enum role role, uint32_t slot)
{
	struct signer *g = s->signers;
	while (g && (g->chan.peer != role || g->slot != slot))
		g = g->next;
	return g;
}

int
serve_add(struct serve *s, const struct msg_signer *q, int fd)
{
	struct signer *old = find(s, q->role, q->slot), *g = calloc(1, sizeof(*g));
	if (old)
		drop(old);
	if (!g) {
		close(fd);
		return -1;
	}
	g->chan = (struct chan){ .fd = fd, .self = ROLE_KEEPER, .peer = q->role };
	g->slot = q->slot;
	g->serve = s;
	g->watch = (struct watch){ .fn = on_signer, .fd = fd };
	g->next = s->signers;
	s->signers = g;
	if (watch_set(s->loop, &g->watch, EPOLLIN) == -1) {
		drop(g);
		return -1;
	}
	return 0;
}

static void
on_signer_message(struct serve *s, struct msg *m)
{
	const struct msg_signer *q = m->fixed;
	if (q->role != ROLE_WORKER && q->role != ROLE_CHECKER)
		fatal("keeper: the master named a signer of role %u", q->role);
	if (serve_add(s, q, m->fds[0]) == -1)
		log_say(LOG_ERR, "keeper: no room for another signer: %s", strerror(errno));
}

static void
allow(struct purse *p, const struct msg_allowance *a)
{
	if (a->ever > p->ever) {
		p->left += a->ever - p->ever;
		p->ever = a->ever;
	}
	if (p->left > a->open)
		p->left = a->open;
}

static void
on_budget(struct serve *s, const struct msg_budget *q)
{
	struct signer *g = find(s, ROLE_WORKER, q->slot);
	if (!g)
		return; /* it has just died */
	allow(&g->as_server, &q->as_server);
	allow(&g->as_client, &q->as_client);
}

/* One message of the master's: 1, or 0 if there is none. */
static int
read_master(struct serve *s)
{
	struct msg m;
	if (s->master.fd == -1)
		return 0;
	switch (chan_recv(&s->master, master_buf, sizeof(master_buf), &m)) {
	case CHAN_AGAIN:
		return 0;
	case CHAN_GONE:
		/* The master died: workers go on, and need us for new handshakes. */
		watch_set(s->loop, &s->watch, 0);
		chan_close(&s->master);
		return 0;
	case CHAN_BAD:
		fatal("keeper: the master broke the protocol");
	case CHAN_MSG:
		break;
	}
	if (m.type == MSG_SIGNER)
		on_signer_message(s, &m);
	else if (m.type == MSG_BUDGET)
		on_budget(s, m.fixed);
	else if (m.type == MSG_PING)
		chan_tell(&s->master, MSG_PONG, m.fixed);
	return 1;
}

static void
hear_master(struct serve *s)
{
	while (read_master(s))
		;
}

static void
on_master(struct watch *w, uint32_t events)
{
	(void)events;
	hear_master(CONTAINER(w, struct serve, watch));
}

int
serve_once(struct serve *s, int timeout_ms)
{
	if (loop_once(s->loop, timeout_ms) == -1)
		return -1;
	/*
	 * What the master said before a HANDOVER had come by the time that the worker asked because
	 * of it, so reading the master first is enough.  It may replace signers: their questions go
	 * with them.
	 */
	while (s->asking) {
		struct signer *g;

		hear_master(s);
		g = s->asking;
		if (!g)
			break;
		s->asking = g->next_asking;
		g->asking = 0;
		serve_signer(g);
	}
	return 0;
}

int
serve_start(struct serve *s, struct loop *loop, const struct chan *master, const struct keys *keys,
    const struct tickets *tickets)
{
	*s = (struct serve){ .loop = loop, .keys = keys, .tickets = tickets, .master = *master };
	s->watch = (struct watch){ .fn = on_master, .fd = master->fd };
	return watch_set(loop, &s->watch, EPOLLIN);
}

int
serve_wanted(const struct serve *s)
{
	return s->master.fd != -1 || s->signers;
}

void
serve_stop(struct serve *s)
{
	for (struct signer *g = s->signers, *next; g; g = next) {
		next = g->next;
		end(g);
	}
	s->signers = NULL;
	if (s->master.fd != -1)
		watch_set(s->loop, &s->watch, 0);
}
