/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Intake of the children's messages.  Master, so root, on bytes of processes that may be in an
 * attacker's hands: chan_recv has checked type, direction, length and descriptors, the tables say
 * who may send what when, and the handlers check every number against what the master itself
 * knows.
 */
#include "master/child/from_child.h"

#include "common/log.h"

#include <string.h>

#define MESSAGES_PER_PASS 64 /* one child must not keep the loop to itself */

const char *
from_ready(struct proc *p, const struct msg *m)
{
	const struct msg_ready *ready = m->fixed;

	/* An older generation's programs are of its own version. */
	if (ready->version == 0 || ready->version > MSG_VERSION)
		return "speaks another version of the protocol";
	p->version = ready->version;
	p->state = PROC_SERVING;
	p->was_ready = 1;
	p->layers = ready->layers;
	return NULL;
}

const char *
from_failed(struct proc *p, const struct msg *m)
{
	const struct msg_failed *failed = m->fixed;

	if (!memchr(failed->text, '\0', sizeof(failed->text)))
		return "sent an unterminated text";
	p->complained = 1;
	p->owner->complains(p, failed->text, failed->contents != 0);
	return NULL;
}

const char *
from_pong(struct proc *p, const struct msg *m)
{
	const struct msg_ping *pong = m->fixed;

	if (p->pinged == 0 || pong->cookie != p->cookie)
		return "answered a PING that was not sent";
	p->pinged = 0;
	return NULL;
}

const char *
from_child(struct proc *p, const struct from_rule table[MSG_COUNT], int all, int *gone_r)
{
	_Alignas(8) unsigned char buf[CHAN_BUF];
	const char *reason;
	struct msg m;

	*gone_r = 0;
	for (int n = 0; all || n < MESSAGES_PER_PASS; n++) {
		switch (chan_recv(&p->chan, buf, sizeof(buf), &m)) {
		case CHAN_AGAIN:
			return NULL;
		case CHAN_GONE:
			*gone_r = 1;
			return NULL;
		case CHAN_BAD:
			return "broke the protocol";
		case CHAN_MSG:
			break;
		}
		if (!table[m.type].handle || !(table[m.type].permitted & (int)p->state)) {
			msg_drop_fds(&m);
			return "sent a message out of turn";
		}
		reason = table[m.type].handle(p, &m);
		if (reason)
			return reason;
	}
	return NULL;
}
