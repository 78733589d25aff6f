/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * mailreeve-keeper: the process that holds the private keys and the seed of the ticket keys.
 * Reads them from its bundle, then signs handshakes for the workers and the checker, by
 * message, until none of them is left.
 * It has no network, no file and no configuration; no other process ever maps a key.
 */
#include "common/bundle.h"
#include "common/child.h"
#include "common/log.h"
#include "common/stack.h"
#include "keeper/keys.h"
#include "keeper/sandbox.h"
#include "keeper/serve.h"
#include "keeper/tickets.h"

#include <openssl/crypto.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int
read_piece(
    const struct piece *p, struct keys *keys, struct tickets *tickets, struct msg_failed *why)
{
	if (p->kind == PIECE_KEY && keys_add(keys, p) == KEY_NONE) {
		snprintf(why->text, sizeof(why->text), "%s: out of memory for the key", p->name);
		return -1;
	}
	if (p->kind == PIECE_SEED && !tickets->seed)
		return tickets_open(tickets, p, why->text, sizeof(why->text));
	return 0;
}

/*
 * Read every secret.  A key that cannot be used is reported by the worker or checker that asks for
 * the key of its certificate; anything else that is wrong goes to the master from here, and we end.
 */
static void
read_bundle(const struct child *c, struct keys *keys, struct tickets *tickets)
{
	struct bundle *b = bundle_open(FD_BUNDLE);
	if (!b)
		child_failed(c, "keeper: cannot read the bundle: %s", strerror(errno));
	size_t count = 0, wrong = 0;
	for (size_t i = 0; i < bundle_count(b); i++)
		count += bundle_piece(b, i)->kind == PIECE_KEY;
	if (!keys_lock_memory(count) && count > 0)
		log_say(LOG_WARNING,
		    "keeper: private keys cannot be locked in memory (RLIMIT_MEMLOCK); "
		    "they may reach swap");
	for (size_t i = 0; i < bundle_count(b); i++) {
		struct msg_failed why = { 0 };
		if (read_piece(bundle_piece(b, i), keys, tickets, &why) == 0)
			continue;
		chan_tell(&c->chan, MSG_FAILED, &why);
		wrong++;
	}
	bundle_close(&b);
	close(FD_BUNDLE);
	if (wrong > 0)
		_exit(1);
}

int
main(int argc, char **argv)
{
	struct child c;
	struct keys keys = { 0 };
	struct tickets tickets = { 0 };
	struct serve serve;

	child_start(argc, argv, ROLE_KEEPER, &c);
	child_log(&c, LOG_INFO, 0);
	/* No file is read: neither openssl.cnf nor a provider's module. */
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		child_failed(&c, "keeper: cannot initialise libcrypto");
	read_bundle(&c, &keys, &tickets);
	struct loop *loop = loop_new();
	if (!loop || serve_start(&serve, loop, &c.chan, &keys, &tickets) == -1)
		child_failed(&c, "keeper: cannot set up the event loop: %s", strerror(errno));
	keeper_sandbox(&c);
	child_ready(&c);
	stack_secret(); /* what reading the keys left */
	while (serve_wanted(&serve)) {
		stack_clean();
		if (serve_once(&serve, -1) == -1)
			fatal("keeper: waiting for messages: %s", strerror(errno));
	}
	serve_stop(&serve);
	loop_free(&loop);
	keys_free(&keys);
	tickets_close(&tickets);
	return 0;
}
