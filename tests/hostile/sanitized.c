/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * That a sanitizer can speak behind the walls: a build with sanitizers whose reports the filter
 * swallows would find nothing and look clean.  Built by `make asan` only.
 */
#include "tests/hostile/locked.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
nothing(const void *arg)
{
	(void)arg;
	return 0;
}

static int
use_after_free(const void *arg)
{
	char *volatile p = malloc(100);

	(void)arg;
	free(p);
	return p[5];
}

static int
overflow(const void *arg)
{
	volatile int x = INT_MAX;

	(void)arg;
	x++;
	return x == 3;
}

static int
beyond(const void *arg)
{
	volatile char *volatile p = malloc(100);

	(void)arg;
	p[100] = 1;
	return 0;
}

static const struct {
	const char *name;
	int (*fn)(const void *);
	const char *says; /* NULL: nothing */
} cases[] = {
	{ "no bug", nothing, NULL },
	{ "use after free", use_after_free, "AddressSanitizer: heap-use-after-free" },
	{ "one byte beyond", beyond, "AddressSanitizer: heap-buffer-overflow" },
	{ "integer overflow", overflow, "runtime error: signed integer overflow" },
};

int
main(void)
{
	int passed = 0, failed = 0;

	outside_begin();
	for (int k = 0; k < KINDS; k++)
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			int res = locked_run((enum kind)k, cases[i].fn, NULL);
			int right = cases[i].says ? res == 1 && strstr(locked_said, cases[i].says) :
						    res == 0 && *locked_said == '\0';

			printf("%-4s %-12s %-18s %d\n", right ? "ok" : "FAIL", kind_names[k],
			    cases[i].name, res);
			if (!right)
				puts(locked_said);
			passed += right;
			failed += !right;
		}
	outside_end();
	printf("%d passed, %d failed\n", passed, failed);
	return failed != 0;
}
