/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Certificates in use as lines of the saved state.  Master; reads what an earlier master wrote. */
#include "master/upgrade/saved_pairs.h"

#include "master/upgrade/text.h"

#include <limits.h>
#include <string.h>

#define LINE_NAMES 3072 /* bytes of names in one line */

struct saved_pair {
	struct pair p;
	char file[PATH_MAX];
};
struct saved_covers {
	char names[LINE_NAMES + 1];
};

/* clang-format off */
static const struct member pair_members[] = {
	MEMBER_OF(struct saved_pair, p.frontend, MEMBER_NUMBER),
	MEMBER_OF(struct saved_pair, p.until, MEMBER_NUMBER),
	MEMBER_OF(struct saved_pair, p.key_id, MEMBER_BYTES),
	MEMBER_OF(struct saved_pair, p.print, MEMBER_BYTES),
	MEMBER_OF(struct saved_pair, p.key, MEMBER_TEXT),
	MEMBER_OF(struct saved_pair, file, MEMBER_TEXT), MEMBERS_END
};
static const struct member covers_members[] = {
	MEMBER_OF(struct saved_covers, names, MEMBER_TEXT), MEMBERS_END
};
/* clang-format on */

/* As many whole names as one line takes; each is far shorter than that. */
static size_t
line_of(const char *names, struct saved_covers *c_r)
{
	size_t len = 0, name;

	while (names[len] && (name = strcspn(names + len, "\n") + 1) + len <= LINE_NAMES)
		len += name;
	memcpy(c_r->names, names, len);
	c_r->names[len] = '\0';
	return len;
}

void
saved_pairs_write(FILE *f, const struct pairs *all)
{
	for (size_t i = 0; i < all->count; i++) {
		struct saved_pair s = { .p = all->items[i] };
		struct saved_covers c;
		size_t len;

		/* No file that could be opened has a longer name. */
		snprintf(s.file, sizeof(s.file), "%s", s.p.file);
		fputs("pair", f);
		record_write(f, pair_members, &s);
		fputc('\n', f);
		for (const char *at = s.p.names; (len = line_of(at, &c)) > 0; at += len) {
			fputs("covers", f);
			record_write(f, covers_members, &c);
			fputc('\n', f);
		}
	}
}

int
saved_pair_read(const char *line, size_t frontends, struct pairs *all)
{
	struct saved_pair s = { .p.frontend = UINT32_MAX };

	if (record_read(line, pair_members, &s) == -1 || s.p.frontend >= frontends || !s.file[0])
		return -1;
	return pairs_add(all, &s.p, s.file);
}

int
saved_covers_read(const char *line, struct pairs *all)
{
	struct saved_covers c = { "" };

	if (record_read(line, covers_members, &c) == -1 || !c.names[0])
		return -1;
	return pairs_add_names(all, c.names, strlen(c.names));
}
