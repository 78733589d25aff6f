/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Answers the keeper's channels, one message of each in turn, so that nobody who asks much can
 * keep the others waiting.  A signer that breaks the protocol or does not read its answers loses
 * its channel; what the master sends is believed.  Never waits for anybody.
 */
#include "serve.h"

#include "../common/log.h"
#include "sign.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* One message of any channel at a time. */
static _Alignas(8) uint8_t buf[CHAN_BUF_KEEPER];

static const char *
who(const struct signer *g)
{
	return g->chan.peer == ROLE_WORKER ? "worker" : "checker";
}

/* End a channel that is in no list any more. */
static void
end(struct signer *g)
{
	watch_set(g->serve->loop, &g->watch, 0);
	chan_close(&g->chan);
	free(g);
}

static void
drop(struct signer *g)
{
	for (struct signer **p = &g->serve->signers; *p != NULL; p = &(*p)->next)
		if (*p == g) {
			*p = g->next;
			break;
		}
	end(g);
}

static int
answer_sign(struct signer *g, const struct msg *m)
{
	static const char *const why[] = {
		[REFUSED_KEY] = "no such key",
		[REFUSED_SCHEME] = "the signature scheme does not fit the key",
		[REFUSED_SHAPE] = "the bytes are not that part of a handshake",
		[REFUSED_PURPOSE] = "the key is not for this use",
		[REFUSED_FAILED] = "libcrypto failed",
	};
	const struct msg_sign *q = m->fixed;
	struct msg_signed answer = { .serial = q->serial };
	uint8_t sig[SIG_MAX];
	size_t len = 0;
	answer.refused =
	    sign(g->serve->keys, sign_uses(g->chan.peer), q, m->items, m->count, sig, &len);
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
	if (key != NULL) {
		memcpy(answer.id, key->id, sizeof answer.id);
		memcpy(answer.kind, key->kind, sizeof answer.kind);
		answer.known = 1;
	}
	return chan_tell(&g->chan, MSG_KEY, &answer);
}

static void
on_signer(struct watch *w, uint32_t events)
{
	struct signer *g = (struct signer *)((char *)w - offsetof(struct signer, watch));
	struct msg m;
	(void)events;
	switch (chan_recv(&g->chan, buf, sizeof buf, &m)) {
	case CHAN_AGAIN:
		return;
	case CHAN_GONE:
		drop(g);
		return;
	case CHAN_BAD:
		log_say(LOG_WARNING, "keeper: %s %u broke the protocol; its channel is closed",
		    who(g), g->slot);
		drop(g);
		return;
	case CHAN_MSG:
		break;
	}
	int sent = m.type == MSG_SIGN ? answer_sign(g, &m) : answer_key(g, &m);
	if (sent == -1) {
		if (errno != EPIPE && errno != ECONNRESET)
			log_say(LOG_WARNING, "keeper: %s %u does not read its answers: %s", who(g),
			    g->slot, strerror(errno));
		drop(g);
	}
}

int
serve_add(struct serve *s, enum role role, uint32_t slot, int fd)
{
	for (struct signer *g = s->signers; g != NULL; g = g->next)
		if (g->chan.peer == role && g->slot == slot) {
			drop(g);
			break;
		}
	struct signer *g = calloc(1, sizeof *g);
	if (g == NULL) {
		close(fd);
		return -1;
	}
	g->chan = (struct chan){ .fd = fd, .self = ROLE_KEEPER, .peer = role };
	g->slot = slot;
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
	if (serve_add(s, q->role, q->slot, m->fds[0]) == -1)
		log_say(LOG_ERR, "keeper: no room for another signer: %s", strerror(errno));
}

static void
on_master(struct watch *w, uint32_t events)
{
	struct serve *s = (struct serve *)((char *)w - offsetof(struct serve, watch));
	struct msg m;
	(void)events;
	switch (chan_recv(&s->master, buf, sizeof buf, &m)) {
	case CHAN_AGAIN:
		return;
	case CHAN_GONE:
		/* The master died: workers go on, and need us for new handshakes. */
		watch_set(s->loop, w, 0);
		chan_close(&s->master);
		return;
	case CHAN_BAD:
		fatal("keeper: the master broke the protocol");
	case CHAN_MSG:
		break;
	}
	if (m.type == MSG_SIGNER)
		on_signer_message(s, &m);
	else if (m.type == MSG_PING)
		chan_tell(&s->master, MSG_PONG, m.fixed);
}

int
serve_start(struct serve *s, struct loop *loop, const struct chan *master, struct keys *keys)
{
	*s = (struct serve){ .loop = loop, .keys = keys, .master = *master };
	s->watch = (struct watch){ .fn = on_master, .fd = master->fd };
	return watch_set(loop, &s->watch, EPOLLIN);
}

int
serve_wanted(const struct serve *s)
{
	return s->master.fd != -1 || s->signers != NULL;
}

void
serve_stop(struct serve *s)
{
	for (struct signer *g = s->signers, *next; g != NULL; g = next) {
		next = g->next;
		end(g);
	}
	s->signers = NULL;
	if (s->master.fd != -1)
		watch_set(s->loop, &s->watch, 0);
}
