/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * From a line to the handler of a command.  Master; the bytes are those of an administrator or of a
 * monitoring system, and none of them is repeated in an answer.
 */
#include "master/command/command.h"

#include "common/nearest.h"

#include <string.h>

static const char BLANKS[] = " \t\r\n";

/* Puts the command into *r.  Returns 0, or -1: none of ours. */
static int
find(const struct command_sets *all, struct request *r, int name)
{
	for (size_t i = 0; i < all->count; i++)
		for (size_t j = 0; j < all->sets[i].count; j++)
			if ((int)all->sets[i].commands[j].name == name) {
				r->command = &all->sets[i].commands[j];
				r->of = all->sets[i].of;
				return 0;
			}
	return -1;
}

static unsigned
count_words(const char *s)
{
	unsigned n = 0;

	for (s += strspn(s, BLANKS); *s; n++) {
		s += strcspn(s, BLANKS);
		s += strspn(s, BLANKS);
	}
	return n;
}

/* As the list writes them: words with one blank between them. */
static void
squeeze(const char *line, char *out, size_t size)
{
	size_t n = 0;

	for (line += strspn(line, BLANKS); *line && n < size - 1; line += strspn(line, BLANKS)) {
		if (n > 0)
			out[n++] = ' ';
		while (*line && !strchr(BLANKS, *line) && n < size - 1)
			out[n++] = *line++;
	}
	out[n] = '\0';
}

static void
refuse_unknown(struct request *r)
{
	char words[NEAREST_MOST + 2];
	struct nearest near = { .wanted = words };

	squeeze(r->args, words, sizeof(words));
	for (int i = 0; i < CONTROL_COUNT; i++)
		if (control_commands[i].reads || !r->reads_only)
			nearest_try(&near, control_commands[i].words);
	if (near.best)
		fprintf(
		    r->out, "%sunknown command; did you mean \"%s\"?\n", CONTROL_ERROR, near.best);
	else
		fprintf(r->out, "%sunknown command; help lists the commands\n", CONTROL_ERROR);
}

static void
refuse_writer(struct request *r)
{
	fprintf(r->out, "%sthis socket is read-only\n", CONTROL_ERROR);
}

static void
refuse_arguments(struct request *r)
{
	const struct command *c = r->command;
	const char *words = control_commands[c->name].words;

	if (c->most == 0)
		fprintf(r->out, "%s%s takes no arguments\n", CONTROL_ERROR, words);
	else if (count_words(r->args) < c->least)
		fprintf(r->out, "%s%s needs %s\n", CONTROL_ERROR, words,
		    c->least == 1 ? "an argument" : "more arguments");
	else
		fprintf(r->out, "%stoo many arguments after %s\n", CONTROL_ERROR, words);
}

/* What follows it in its line would be lost with the program that has read it. */
static void
refuse_more(struct request *r)
{
	fprintf(r->out, "%s%s must be the last command of a line\n", CONTROL_ERROR,
	    control_commands[r->command->name].words);
}

int
command_run(const struct command_sets *all, struct request *r, const char *line)
{
	int name = control_find(line, &r->args);
	unsigned words;

	if (name == -1 || find(all, r, name) == -1) {
		r->args = line;
		return request_run(r, refuse_unknown);
	}
	if (r->reads_only && !control_commands[name].reads)
		return request_run(r, refuse_writer);
	words = count_words(r->args);
	if (words < r->command->least || words > r->command->most)
		return request_run(r, refuse_arguments);
	if (r->command->resume && !r->is_last)
		return request_run(r, refuse_more);
	return request_run(r, r->command->run);
}

int
command_resume(const struct command_sets *all, struct request *r, enum control_name name)
{
	r->args = "";
	if (find(all, r, (int)name) == -1 || !r->command->resume)
		return request_run(r, refuse_unknown);
	return request_run(r, r->command->resume);
}
