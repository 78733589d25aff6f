/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * A list of what is wrong.  Master; the lines are its own, or a child's, so perhaps an attacker's:
 * they are cleaned and bounded.
 */
#include "master/host/errors.h"

#include "common/log.h"
#include "common/log_escape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
errors_add(struct errors *e, const char *text, size_t len)
{
	char line[ERRORS_LINE], **lines;

	log_clean(text, len, line, sizeof(line));
	for (size_t i = 0; i < e->count; i++)
		if (strcmp(e->lines[i], line) == 0)
			return 0;
	lines =
	    e->count < ERRORS_MOST ? reallocarray(e->lines, e->count + 1, sizeof(*e->lines)) : NULL;
	if (lines)
		e->lines = lines;
	if (!lines || !(lines[e->count] = strdup(line))) {
		e->more++;
		return -1;
	}
	e->count++;
	return 1;
}

void
errors_clear(struct errors *e)
{
	for (size_t i = 0; i < e->count; i++)
		free(e->lines[i]);
	free(e->lines);
	*e = (struct errors){ 0 };
}

const char *
errors_brief(const struct errors *e, char *buf_r, size_t size)
{
	size_t all = e->count + e->more, room, len;
	char tail[64] = "";

	buf_r[0] = '\0';
	if (e->count == 0)
		return buf_r;
	if (all > 1)
		snprintf(tail, sizeof(tail), " (and %zu more)", all - 1);
	len = strlen(e->lines[0]);
	room = size > strlen(tail) + 1 ? size - strlen(tail) - 1 : 0;
	if (len > room && room > 3)
		snprintf(buf_r, size, "%.*s...%s", (int)(room - 3), e->lines[0], tail);
	else
		snprintf(buf_r, size, "%s%s", e->lines[0], tail);
	return buf_r;
}
