/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What every step asks of a connection: where it belongs, why it ends, until when it may take.  Runs
 * in the worker; touches no bytes of peers.
 */
#include "worker/conn/base.h"

#include "worker/tls/facts.h"

#include <string.h>

const char *
conn_state_text(enum conn_state state)
{
	static const char *const text[CONN_STATE_COUNT] = {
#define X(name, words) [CONN_##name] = words,
		CONN_STATES(X)
#undef X
	};

	return text[state];
}

const char *
conn_end_text(enum conn_end end)
{
	static const char *const text[CONN_END_COUNT] = {
#define X(name, words) [END_##name] = words,
		CONN_ENDS(X)
#undef X
	};

	return text[end];
}

uint32_t
conn_frontend_index(const struct conn *c)
{
	return c->service->conf->listeners[c->listener].frontend;
}

const struct conf_frontend *
conn_frontend(const struct conn *c)
{
	return &c->service->conf->frontends[conn_frontend_index(c)];
}

const struct conf_backend *
conn_backend(const struct conn *c)
{
	return &c->service->conf->backends[c->backend];
}

void
conn_reason_in(struct conn *c, enum conn_end end, enum conn_state state, const char *why)
{
	if (c->end != END_NONE)
		return;
	c->end = (uint8_t)end;
	c->end_state = (uint8_t)state;
	if (why && *why)
		c->why = strdup(why); /* without memory the log says "-" */
}

void
conn_reason(struct conn *c, enum conn_end end, const char *why)
{
	conn_reason_in(c, end, c->state, why);
}

void
conn_reason_tls(struct conn *c, int fault, const char *why)
{
	enum conn_end end = END_TLS_ERROR;

	if (fault == TLS_FAULT_CERTIFICATE)
		end = END_CLIENT_CERTIFICATE;
	else if (fault == TLS_FAULT_VERSION)
		end = END_TLS_VERSION;
	else if (fault >= TLS_FAULT_ALERT)
		end = END_TLS_REFUSED;
	if (c->end == END_NONE && end == END_TLS_REFUSED)
		c->alert = (uint8_t)(fault - TLS_FAULT_ALERT);
	conn_reason(c, end, why);
}

void
conn_deadline(struct conn *c, uint32_t ms)
{
	timer_set(c->service->loop, &c->timer, ms);
}
