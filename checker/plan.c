/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * From the configuration to what the checks of one server do.  Runs in the checker at its start,
 * on the validated configuration only.
 */
#include "checker/plan.h"

/*
 * The header that goes with `auto`: the same as clients' connections begin with, so that checks
 * may use the very same port.  Another port need not expect one.  A plain tcp check never becomes
 * a connection on the server's side, so nobody would read it.
 */
static enum plan_header
auto_header(const struct conf_check *check, const struct conf_server *s, uint16_t port)
{
	if (s->send_proxy == PROXY_NONE || port != s->addr.port)
		return HEADER_NONE;
	if (check->type == CHECK_TCP && !check->tls.on)
		return HEADER_NONE;
	return HEADER_PROXY;
}

void
plan_make(const struct conf *conf, const struct conf_server *s, SSL_CTX *ctx, struct plan *plan_r)
{
	const struct conf_backend *b = &conf->backends[s->backend];
	const struct conf_check *check = &b->check;

	*plan_r = (struct plan){
		.check = check,
		.server = s,
		.sources = b->bind_address,
		.source_count = b->bind_address_count,
		.ctx = ctx,
		.style = {
			/* There is no client whose TLS or certificate could be described. */
			.send = s->send_proxy == PROXY_V1 ? PROXY_V1 : PROXY_V2,
			.receiver = b->receiver,
			.protocol = b->protocol,
		},
	};
	plan_r->port = s->addr.port;
	if (check->port != 0)
		plan_r->port = check->port;
	if (s->check_port != 0)
		plan_r->port = s->check_port;
	switch (check->send_proxy) {
	case CHECK_PROXY_NONE:
		plan_r->header = HEADER_NONE;
		break;
	case CHECK_PROXY_LOCAL:
		plan_r->header = HEADER_LOCAL;
		break;
	case CHECK_PROXY_PROXY:
		plan_r->header = HEADER_PROXY;
		break;
	case CHECK_PROXY_AUTO:
		plan_r->header = auto_header(check, s, plan_r->port);
		break;
	}
}

int
plan_unseen(const struct plan *p)
{
	return p->check->type == CHECK_TCP && p->header == HEADER_NONE && !p->ctx;
}

const struct addr *
plan_source(const struct plan *p, const struct addr *to)
{
	size_t i;

	for (i = 0; i < p->source_count; i++)
		if (p->sources[i].family == to->family)
			return &p->sources[i];
	return NULL;
}
