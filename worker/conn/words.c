/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* What servers said first.  Runs in the worker; the bytes are theirs, and only the log's to escape. */
#include "worker/conn/words.h"

static size_t
place_of(uint64_t id)
{
	/* Numbers of one worker's connections may all be even. */
	return (size_t)((id * 0x9e3779b97f4a7c15U) >> 32) % WORDS_KEPT;
}

static void
hear(struct words_kept *k, size_t *len, uint8_t byte)
{
	if (k->whole) {
		k->more = 1;
	} else if (byte == '\n') {
		k->whole = 1;
	} else if (*len < WORDS_TEXT - 1) {
		k->text[(*len)++] = byte ? (char)byte : '?';
		k->text[*len] = '\0';
	}
}

void
words_heard(struct words *w, uint64_t id, uint64_t before, const uint8_t *data, size_t size)
{
	struct words_kept *k = &w->kept[place_of(id)];
	size_t len = 0;

	if (before == 0)
		*k = (struct words_kept){ .id = id };
	else if (k->id != id || k->all != before)
		return;
	while (k->text[len])
		len++;
	for (size_t i = 0; i < size && i < WORDS_MOST; i++)
		hear(k, &len, data[i]);
	k->all += (uint32_t)size;
	/* The end of a line is not part of it. */
	if (k->whole && len > 0 && k->text[len - 1] == '\r')
		k->text[len - 1] = '\0';
}

const char *
words_first(const struct words *w, uint64_t id, uint64_t all, int *more_r)
{
	const struct words_kept *k = &w->kept[place_of(id)];

	*more_r = k->more;
	return k->id == id && k->all == all && k->text[0] ? k->text : NULL;
}
