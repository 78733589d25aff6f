/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Where the administrator reads it: on the terminal, or in the log.  Master. */
#include "master/life/say.h"

#include "common/log.h"

#include <stdio.h>
#include <string.h>

void
say(struct master *m, enum problem_kind kind, const char *text)
{
	/* A person or an editor gets it as it is, and all of it, however slowly it is read. */
	if (m->plain)
		fprintf(stderr, "%s%s\n", kind == PROBLEM_WARNING ? "warning: " : "", text);
	else
		log_say(kind == PROBLEM_WARNING ? LOG_WARNING : LOG_ERR, "%s", text);
	if (kind == PROBLEM_ERROR && m->reloading)
		(void)errors_add(&m->reloads[m->kind].errors, text, strlen(text));
}

void
say_all(struct master *m, const struct problems *p)
{
	for (size_t i = 0; i < p->count; i++)
		say(m, p->items[i].kind, p->items[i].text);
}
