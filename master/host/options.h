/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The command line. */
#ifndef MASTER_HOST_OPTIONS_H
#define MASTER_HOST_OPTIONS_H

/* What the command line says, and what follows from it. */
struct options {
	const char *program;   /* path of this executable, as it was at start */
	const char *conf_path; /* absolute */
	const char *libexec;   /* where the other programs are ... */
	int libexec_given;     /* ... by -L */
	const char *conf_dir;  /* where its relative paths start; NULL: where it lies */
	const char *names;     /* mailreeve -t --names: "a,b"; or NULL */
	int testing;           /* mailreeve -t, or the trial of an upgrade */
};

/* Fill in what the command line says; ends the process after -V and after a wrong one. */
void options_read(int argc, char **argv, struct options *o_r);

#endif
