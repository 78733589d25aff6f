/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Answers as people read them: tables are aligned here, so that the master need not know how wide
 * a terminal's columns must be.  mailreevectl; the bytes are the master's.
 */
#include "ctl/show.h"

#include <ctype.h>
#include <string.h>

#define COLUMNS 32 /* a table with more is printed as it came */

size_t
show_value(const char **at, int last, const char **value_r)
{
	const char *s = *at + strspn(*at, " ");
	size_t n = last ? strlen(s) : strcspn(s, " ");

	*value_r = s;
	*at = s + n;
	return n;
}

size_t
show_columns(const char *head)
{
	const char *value;
	size_t n = 0;

	if (strncmp(head, "# ", 2) != 0)
		return 0;
	for (const char *at = head + 2; show_value(&at, 0, &value) > 0;)
		n++;
	return n;
}

static const char *
row(const struct answer *a, size_t line, size_t head)
{
	return a->lines[line] + (line == head ? 2 : 0);
}

static void
print_table(FILE *out, const struct answer *a, size_t head)
{
	size_t columns = show_columns(a->lines[head]);
	size_t width[COLUMNS] = { 0 };

	for (size_t i = head; i < a->count; i++) {
		const char *at = row(a, i, head), *value;

		for (size_t c = 0; c + 1 < columns; c++) {
			size_t n = show_value(&at, 0, &value);

			width[c] = n > width[c] ? n : width[c];
		}
	}
	for (size_t i = head; i < a->count; i++) {
		const char *at = row(a, i, head), *value;

		for (size_t c = 0; c < columns; c++) {
			int last = c + 1 == columns;
			size_t n = show_value(&at, last, &value);

			for (size_t k = 0; k < n; k++)
				fputc(i == head ? toupper((unsigned char)value[k]) : value[k], out);
			for (size_t k = n; !last && k < width[c] + 2; k++)
				fputc(' ', out);
		}
		fputc('\n', out);
	}
}

void
show_print(FILE *out, enum control_shape shape, const struct answer *a)
{
	int table = shape == SHAPE_TABLE || shape == SHAPE_STATUS;

	for (size_t i = 0; i < a->count; i++) {
		size_t columns = table ? show_columns(a->lines[i]) : 0;

		if (columns > 0 && columns <= COLUMNS) {
			print_table(out, a, i);
			return;
		}
		fprintf(out, "%s\n", a->lines[i]);
	}
}
