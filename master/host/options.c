/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The master's command line and the paths that follow from it. */
#include "master/host/options.h"

#include "common/log.h"
#include "master/host/sandbox.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONF_DEFAULT "/etc/mailreeve/mailreeve.conf"
#ifndef LIBEXEC
#define LIBEXEC "" /* built to be run where it lies */
#endif

static void __attribute__((noreturn)) usage(const char *why)
{
	FILE *out = why ? stderr : stdout;

	if (why)
		fprintf(out, "mailreeve: %s\n", why);
	fputs("usage: mailreeve [-c FILE] [-L DIR]      run in the foreground\n"
	      "       mailreeve -t [-c FILE] [-L DIR] [-C DIR] [--names NAME,...]\n"
	      "                                         check the file, certificates and keys;\n"
	      "                                         -C: where relative paths start;\n"
	      "                                         --names: each must have a certificate\n"
	      "       mailreeve -V                      version\n"
	      "       mailreeve -h                      this\n",
	    out);
	exit(why ? 64 : 0); /* EX_USAGE */
}

static char *
copy(const char *s)
{
	char *c = strdup(s);

	if (!c)
		fatal("out of memory");
	return c;
}

/* This program's own path, while the link still tells it: an upgrade replaces the file. */
static const char *
own_path(const char *argv0)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	path[n > 0 ? n : 0] = '\0';
	return copy(n > 0 ? path : argv0);
}

/* -L, or where `make install` puts the helpers, or where this program is. */
static const char *
helper_dir(const char *option, const char *program)
{
	const char *slash;
	char *dir;

	if (option)
		return copy(option);
	if (LIBEXEC[0])
		return LIBEXEC;
	slash = strrchr(program, '/');
	if (!slash)
		return ".";
	dir = copy(program);
	dir[slash - program] = '\0';
	return dir;
}

static const char *
absolute(const char *path)
{
	char cwd[PATH_MAX], full[2 * PATH_MAX];

	if (path[0] == '/' || !getcwd(cwd, sizeof(cwd)))
		return copy(path);
	if (strncmp(path, "./", 2) == 0)
		path += 2;
	snprintf(full, sizeof(full), "%s/%s", cwd, path);
	return copy(full);
}

/* -C: a directory that is there. */
static const char *
directory(const char *path)
{
	char *full = realpath(path, NULL);
	struct stat st;

	if (full && stat(full, &st) == 0 && S_ISDIR(st.st_mode))
		return full;
	fprintf(stderr, "mailreeve: -C %s: %s\n", path, full ? "not a directory" : strerror(errno));
	exit(1);
}

/* The worker knows the OpenSSL that it is linked with; the master is linked with none. */
static void __attribute__((noreturn)) version(const struct options *o)
{
	char path[PATH_MAX + 32];

	puts("mailreeve " MAILREEVE_VERSION);
	master_sandbox_version(stdout);
	fflush(stdout);
	snprintf(path, sizeof(path), "%s/mailreeve-worker", o->libexec);
	execl(path, "mailreeve-worker", "-V", (char *)NULL);
	fprintf(stderr, "%s: %s\n", path, strerror(errno));
	exit(1);
}

static const struct option longs[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ "names", required_argument, NULL, 'n' },
	{ NULL, 0, NULL, 0 },
};

void
options_read(int argc, char **argv, struct options *o_r)
{
	static const char hint[] = "-t checks, -c names the file";
	const char *conf = CONF_DEFAULT, *dir = NULL;
	int option, wants_version = 0;

	while ((option = getopt_long(argc, argv, ":c:C:L:tVfh", longs, NULL)) != -1) {
		switch (option) {
		case 'c':
			if (strcmp(optarg, "-f") == 0)
				usage(hint);
			conf = optarg;
			break;
		case 'C':
			o_r->conf_dir = directory(optarg);
			break;
		case 'n':
			o_r->names = optarg;
			break;
		case 'L':
			dir = optarg;
			break;
		case 't':
			o_r->testing = 1;
			break;
		case 'V':
			wants_version = 1;
			break;
		case 'h':
			usage(NULL);
		case 'f':
			usage(hint);
		case ':':
			usage(optopt == 'c' ? hint : "an option lacks its value");
		default:
			usage("unknown option");
		}
	}
	if (optind < argc)
		usage("too many arguments");
	if (!o_r->testing && (o_r->conf_dir || o_r->names))
		usage("-C and --names go with -t");
	o_r->program = own_path(argv[0]);
	o_r->libexec_given = dir != NULL;
	o_r->libexec = helper_dir(dir, o_r->program);
	if (wants_version)
		version(o_r);
	o_r->conf_path = absolute(conf);
}
