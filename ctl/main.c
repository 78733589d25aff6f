/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * mailreevectl: passes an administrator's words to the running master and prints the answer.
 * It runs as whoever calls it and has no rights of its own; what the words mean is the master's
 * business, so that it also serves a master of another version.
 */
#include "common/control.h"
#include "ctl/answer.h"
#include "ctl/json.h"
#include "ctl/show.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Milliseconds for a trial, and for the new processes to be ready. */
#define UPGRADE_WAIT 180000

/* Exit codes beside those of `status` (enum control_verdict). */
enum {
	EXIT_WELL = 0,
	EXIT_REFUSED = 1,   /* the master answered with an error */
	EXIT_NO_ANSWER = 3, /* no master, no permission, or no whole answer */
	EXIT_USAGE = 64,    /* as sysexits.h */
};

static void
usage(FILE *out)
{
	fprintf(out,
	    "usage: mailreevectl [-s SOCKET] [--json] COMMAND [; COMMAND ...]\n"
	    "  -s SOCKET   the control socket; else $MAILREEVE_SOCKET, else the one that "
	    "%s names,\n"
	    "              else %s\n"
	    "  --json      the answer as JSON\n"
	    "  -V          the version\n"
	    "commands:\n",
	    CONTROL_WHERE, CONTROL_SOCKET);
	for (int i = 0; i < CONTROL_COUNT; i++)
		fprintf(out, "  %-20s %s\n", control_commands[i].words, control_commands[i].help);
}

/* The words as one line, as the socket wants it.  Returns 0, or -1: it cannot be one. */
static int
join(char *const *words, char *line, size_t size)
{
	size_t n = 0;

	line[0] = '\0';
	for (; *words; words++) {
		size_t len = strlen(*words);

		if (strpbrk(*words, "\r\n") || n + len + 2 > size)
			return -1;
		n += (size_t)snprintf(line + n, size - n, "%s%s", n ? " " : "", *words);
	}
	return 0;
}

/* Says why there is no answer, in the form that was asked for. */
static void
complain(int json, const char *why)
{
	char *text = json ? json_error(why) : NULL;

	if (text)
		printf("%s\n", text);
	else
		fprintf(stderr, "mailreevectl: %s\n", why);
	free(text);
}

/* All that the master says against it; in JSON one text, the lines parted by newlines. */
static void
refused(int json, const struct answer *a)
{
	size_t size = 1;
	char *text, *at;

	for (size_t i = 0; i < a->count; i++)
		size += strlen(a->lines[i]) + 1;
	at = text = malloc(size);
	if (!text) {
		complain(json, a->lines[0]);
		return;
	}
	for (size_t i = 0; i < a->count; i++)
		at += sprintf(
		    at, "%s%s", i ? "\n" : "", a->lines[i] + (i ? 0 : strlen(CONTROL_ERROR)));
	complain(json, text);
	free(text);
}

/* Print a whole answer and return the exit code that it means. */
static int
deliver(int command, int json, const struct answer *a)
{
	enum control_shape shape = command == -1 ? SHAPE_WORDS : control_commands[command].shape;
	const char *first = a->count ? a->lines[0] : "";
	int verdict = 0;

	if (strncmp(first, CONTROL_ERROR, strlen(CONTROL_ERROR)) == 0) {
		refused(json, a);
		return EXIT_REFUSED;
	}
	if (shape == SHAPE_STATUS) {
		verdict = control_verdict_find(first);
		if (verdict == -1) {
			complain(json, "the answer says no status");
			return EXIT_NO_ANSWER;
		}
	}
	if (json) {
		char *text = json_answer(shape, a);

		if (!text) {
			complain(json, "the answer is not what this mailreevectl expects");
			return EXIT_NO_ANSWER;
		}
		printf("%s\n", text);
		free(text);
	} else {
		show_print(stdout, shape, a);
	}
	return verdict;
}

/* "30s" in milliseconds, or -1. */
static int
duration(const char *text)
{
	static const struct {
		const char *unit;
		int ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 } };
	char *end;
	long n = strtol(text, &end, 10);

	if (*text < '0' || *text > '9')
		return -1;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(end, units[i].unit) == 0 && n > 0 && n <= INT_MAX / units[i].ms)
			return (int)n * units[i].ms;
	return -1;
}

/*
 * `upgrade wait D`: how long to wait is ours to know, not the master's; the words are cut off.
 * Returns milliseconds; 0: it does not say; -1: it is wrong.
 */
static int
waiting(char **words)
{
	if (strcmp(words[0], "upgrade") != 0 || !words[1] || strcmp(words[1], "wait") != 0)
		return 0;
	words[1] = NULL;
	return words[2] && !words[3] ? duration(words[2]) : -1;
}

static int
ask(const char *path, const char *line, int wait, int json)
{
	int command = control_find(line, NULL), code = EXIT_NO_ANSWER;
	char why[512];
	struct answer a;
	int fd = answer_connect(path, why, sizeof(why));

	if (wait == 0)
		wait = command == CONTROL_UPGRADE ? UPGRADE_WAIT : ANSWER_WAIT;
	if (fd == -1 || answer_ask(fd, line, wait, &a, why, sizeof(why)) == -1) {
		complain(json, why);
		/* It is not there yet, and may well come. */
		if (fd != -1 && command == CONTROL_UPGRADE)
			code = EXIT_REFUSED;
	} else {
		if (a.whole)
			code = deliver(command, json, &a);
		else
			complain(json, "the answer broke off: the master went away");
		answer_free(&a);
	}
	if (fd != -1)
		close(fd);
	return code;
}

/*
 * Each command of the line, in a connection of its own: a long answer is not kept until the last
 * one is there, and what follows `upgrade` is asked of the new program.  The worst exit code.
 */
static int
ask_all(const char *path, char *line, int wait, int json)
{
	int worst = EXIT_WELL, code;
	const char *command = control_next(&line);

	do {
		code = ask(path, command ? command : "", wait, json);
		fflush(stdout); /* before what the next one says on standard error */
		if (code > worst)
			worst = code;
	} while (code != EXIT_NO_ANSWER && (command = control_next(&line)));
	return worst;
}

/* -s, else $MAILREEVE_SOCKET, else where the running master says, else where it usually is. */
static const char *
socket_path(const char *given, char where_r[CONTROL_PATH])
{
	if (!given)
		given = getenv("MAILREEVE_SOCKET");
	if (given && *given)
		return strncmp(given, "unix:", 5) == 0 ? given + 5 : given;
	return control_where(CONTROL_WHERE, where_r) ? where_r : CONTROL_SOCKET;
}

static const struct option longs[] = {
	{ "socket", required_argument, NULL, 's' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

int
main(int argc, char **argv)
{
	const char *path = NULL;
	char where[CONTROL_PATH], line[CONTROL_LINE - 1];
	int json = 0, code, c, wait;

	while ((c = getopt_long(argc, argv, "+s:hV", longs, NULL)) != -1) {
		switch (c) {
		case 's':
			path = optarg;
			break;
		case 'j':
			json = 1;
			break;
		case 'V':
			printf("mailreevectl %s\n", MAILREEVE_VERSION);
			return EXIT_WELL;
		case 'h':
			usage(stdout);
			return EXIT_WELL;
		default:
			usage(stderr);
			return EXIT_USAGE;
		}
	}
	if (optind == argc) {
		usage(stderr);
		return EXIT_USAGE;
	}
	wait = waiting(argv + optind);
	if (wait == -1) {
		fprintf(stderr, "mailreevectl: write upgrade, or upgrade wait 2m\n");
		return EXIT_USAGE;
	}
	if (join(argv + optind, line, sizeof(line)) == -1) {
		fprintf(stderr, "mailreevectl: a command is one line of at most %d bytes\n",
		    CONTROL_LINE - 1);
		return EXIT_USAGE;
	}
	code = ask_all(socket_path(path, where), line, wait, json);
	/* A full disk or a closed pipe: an exit code must not say that the answer arrived. */
	if (fflush(stdout) != 0 || ferror(stdout)) {
		perror("mailreevectl: standard output");
		return EXIT_NO_ANSWER;
	}
	return code;
}
