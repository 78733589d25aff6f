/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Finding the blocks of a PEM text.  Master; the text is a file that the configuration names. */
#include "master/bundle/pem.h"

#include <string.h>

static const char BEGIN[] = "-----BEGIN ";
static const char END[] = "-----END ";
static const char DASHES[] = "-----";

#define LABEL_MOST 64

/* What stands between two places of a text, searched. */
static const char *
find(const char *from, const char *end, const char *what)
{
	return memmem(from, (size_t)(end - from), what, strlen(what));
}

static int
has_suffix(const char *s, size_t len, const char *suffix)
{
	size_t n = strlen(suffix);

	return len >= n && memcmp(s + len - n, suffix, n) == 0;
}

static enum pem_kind
kind_of(const char *label, size_t len, const char *body, const char *end)
{
	if (has_suffix(label, len, "CERTIFICATE"))
		return PEM_CERT;
	if (has_suffix(label, len, "CRL"))
		return PEM_CRL;
	if (!has_suffix(label, len, "PRIVATE KEY"))
		return PEM_OTHER;
	/* RFC 7468 section 11, and the older form with a header of RFC 1421. */
	if (has_suffix(label, len, "ENCRYPTED PRIVATE KEY") ||
	    find(body, end, "Proc-Type: 4,ENCRYPTED"))
		return PEM_ENCRYPTED_KEY;
	return PEM_KEY;
}

int
pem_next(const char *text, size_t len, size_t *at, struct pem_block *b_r)
{
	const char *end = text + len, *start, *label, *body, *foot, *stop;
	size_t label_len;

	start = find(text + *at, end, BEGIN);
	if (!start)
		return 0;
	label = start + sizeof(BEGIN) - 1;
	body = find(label, end, DASHES);
	if (!body || body - label > LABEL_MOST || memchr(label, '\n', (size_t)(body - label)))
		return -1;
	label_len = (size_t)(body - label);
	body += sizeof(DASHES) - 1;
	foot = find(body, end, END);
	if (!foot)
		return -1;
	stop = foot + sizeof(END) - 1;
	if ((size_t)(end - stop) < label_len + sizeof(DASHES) - 1 ||
	    memcmp(stop, label, label_len) != 0 ||
	    memcmp(stop + label_len, DASHES, sizeof(DASHES) - 1) != 0)
		return -1;
	stop += label_len + sizeof(DASHES) - 1;
	if (stop < end && *stop == '\r')
		stop++;
	if (stop < end && *stop == '\n')
		stop++;
	*b_r = (struct pem_block){ kind_of(label, label_len, body, foot), start,
		(size_t)(stop - start) };
	*at = (size_t)(stop - text);
	return 1;
}

void
pem_count(const char *text, size_t len, struct pem_counts *c_r)
{
	struct pem_block b;
	size_t at = 0;
	int more;

	*c_r = (struct pem_counts){ 0 };
	while ((more = pem_next(text, len, &at, &b)) == 1) {
		c_r->certs += b.kind == PEM_CERT;
		c_r->keys += b.kind == PEM_KEY;
		c_r->encrypted += b.kind == PEM_ENCRYPTED_KEY;
		c_r->crls += b.kind == PEM_CRL;
	}
	c_r->broken = more == -1;
}

/* The content of a DER SEQUENCE, whose length is in no, one, two or three bytes; NULL. */
static const unsigned char *
in_sequence(const char *bytes, size_t len)
{
	const unsigned char *u = (const unsigned char *)bytes;
	size_t head;

	if (len < 2 || u[0] != 0x30)
		return NULL;
	head = u[1] < 0x80 ? 2 : u[1] <= 0x83 ? 2 + (size_t)(u[1] & 0x7f) : 0;
	return head > 0 && len >= head + 5 ? u + head : NULL;
}

/* A key begins with its version 0 or 1, PKCS#12 with 3, a certificate or a CRL with a SEQUENCE. */
static const char *
der_form(const unsigned char *u, size_t len, const char **how_r)
{
	const unsigned char *list = in_sequence((const char *)u, len);

	if (u[0] == 0x02 && u[1] == 1 && u[2] == 3) {
		*how_r = "openssl pkcs12 -nodes -in %s -out new.pem";
		return "is PKCS#12, not PEM";
	}
	if (u[0] == 0x02 && u[1] == 1 && u[2] <= 1) {
		*how_r = "openssl pkey -inform der -in %s -out new.key";
		return "is a key in DER, not PEM";
	}
	if (!list)
		return NULL;
	*how_r = list[0] == 0x02 && list[2] == 1 ? "openssl crl -inform der -in %s -out new.pem" :
						   "openssl x509 -inform der -in %s -out new.pem";
	return "is DER, not PEM";
}

static const struct {
	const char *label, *words, *how;
} labels[] = {
	{ "-----BEGIN CERTIFICATE REQUEST", "is a request, not yet a certificate", NULL },
	{ "-----BEGIN NEW CERTIFICATE REQUEST", "is a request, not yet a certificate", NULL },
	{ "-----BEGIN PKCS7", "is PKCS#7", "openssl pkcs7 -print_certs -in %s -out new.pem" },
	{ "-----BEGIN PUBLIC KEY", "is a public key", NULL },
};

const char *
pem_other_form(const char *bytes, size_t len, const char **how_r)
{
	const unsigned char *u = in_sequence(bytes, len);

	*how_r = NULL;
	if (u)
		return der_form(u, len - (size_t)(u - (const unsigned char *)bytes), how_r);
	if (len >= 4 && memcmp(bytes, "\xfe\xed\xfe\xed", 4) == 0) {
		*how_r =
		    "keytool -importkeystore -deststoretype pkcs12 -srckeystore %s "
		    "-destkeystore new.p12, then openssl pkcs12 -nodes -in new.p12 -out new.pem";
		return "is a Java keystore, not PEM";
	}
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
		if (find(bytes, bytes + len, labels[i].label)) {
			*how_r = labels[i].how;
			return labels[i].words;
		}
	return NULL;
}

size_t
pem_copy(const char *text, size_t len, enum pem_kind kind, char *out_r)
{
	struct pem_block b;
	size_t at = 0, n = 0;

	while (pem_next(text, len, &at, &b) == 1)
		if (b.kind == kind) {
			memcpy(out_r + n, b.start, b.len);
			n += b.len;
		}
	return n;
}
