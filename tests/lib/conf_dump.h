/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* A configuration as text, every field on a line, so that tests can compare two of them. */
#ifndef CONF_DUMP_H
#define CONF_DUMP_H

struct conf;

/* The caller's (malloc).  Where `line` says something, it is as conf_where puts it. */
char *conf_dump(const struct conf *c);

#endif
