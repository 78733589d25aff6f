/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Runs the keeper's channels and keys in a child of a unit test.  Part of no program. */
#include "tests/lib/fork_keeper.h"

#include "common/log.h"
#include "keeper/serve.h"
#include "tests/lib/certs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void
read_key(struct keys *k, EVP_PKEY *key)
{
	char *pem = certs_key_pem(key, NULL);
	struct piece p = { .kind = PIECE_KEY,
		.owner = USE_SERVER | USE_CLIENT,
		.name = "key.pem",
		.data = pem,
		.size = strlen(pem) };
	if (keys_add(k, &p) != KEY_GOOD)
		_exit(2);
	free(pem);
}

pid_t
fork_keeper(EVP_PKEY *const *keys, int count, struct chan *ours_r)
{
	struct chan master, master_end, theirs;
	if (chan_pair(ROLE_MASTER, ROLE_KEEPER, &master, &master_end) == -1 ||
	    chan_pair(ROLE_WORKER, ROLE_KEEPER, ours_r, &theirs) == -1)
		return -1;
	pid_t pid = fork();
	if (pid != 0) {
		chan_close(&master_end);
		chan_close(&theirs);
		chan_close(&master); /* as when the master has died: it serves until we go */
		return pid;
	}
	chan_close(&master);
	chan_close(ours_r);
	log_open(2, LOG_EMERG, 0, 0); /* its warnings are no news here */
	struct keys k = { 0 };
	for (int i = 0; i < count; i++)
		read_key(&k, keys[i]);
	struct loop *loop = loop_new();
	struct serve s;
	const struct msg_signer worker = { .role = ROLE_WORKER };
	struct tickets tickets = { 0 };
	const struct piece seed = {
		.kind = PIECE_SEED, .name = "seed", .data = FORK_KEEPER_SEED, .size = 32
	};
	char err[100];
	if (tickets_open(&tickets, &seed, err, sizeof(err)) == -1)
		_exit(4);
	if (serve_start(&s, loop, &master_end, &k, &tickets) == -1 ||
	    serve_add(&s, &worker, theirs.fd) == -1)
		_exit(3);
	s.signers->as_server = s.signers->as_client = (struct purse){ 1000, 1000 };
	while (serve_wanted(&s))
		serve_once(&s, -1);
	_exit(0);
}

int
fork_keeper_end(pid_t pid, struct chan *ours)
{
	int status;
	chan_close(ours);
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
