/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What the programs know, for `make docs`: a line `key GROUP NAME` for every key of the
 * configuration, `command WORDS` for every control command, and `end WORD` and `while WORD` for
 * what may stand in a connection's line in the log.
 */
#include "common/conf.h"
#include "common/control.h"
#include "worker/conn/conn.h"

#include <stdio.h>

static void
print_key(const char *group, const char *key, void *arg)
{
	(void)arg;
	printf("key %s %s\n", *group ? group : "top", key);
}

int
main(void)
{
	conf_each_key(print_key, NULL);
	for (int i = 0; i < CONTROL_COUNT; i++)
		printf("command %s\n", control_commands[i].words);
#define X(name, words) printf("end %s\n", words);
	CONN_ENDS(X)
#undef X
#define X(name, words) printf("while %s\n", words);
	CONN_STATES(X)
#undef X
	return 0;
}
