/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Keys, certificates and CRLs for tests, good and odd, made when the test runs.
 * Everything aborts the test when it fails; what is returned is the caller's.
 */
#ifndef CERTS_H
#define CERTS_H

#include <openssl/evp.h>
#include <openssl/x509.h>

/* "RSA 2048", "EC P-256", "EC P-384", "EC P-521", "Ed25519"; any other EC or RSA alike. */
EVP_PKEY *certs_key(const char *kind);

struct cert_spec {
	const char *cn;      /* NULL: no common name */
	int cn_size;         /* bytes of it, 0: up to its NUL */
	int cn_type;         /* V_ASN1_...; 0: UTF8String */
	const char *cn2;     /* a second common name */
	const char *san;     /* "DNS:a.example,IP:10.0.0.1", as in openssl.cnf; NULL: none */
	const char *san_raw; /* one DNS name of san_raw_size bytes, whatever they are */
	int san_raw_size;
	int ca, must_staple;
	int from_day, to_day; /* validity, from today; both 0: -1 to 90 */
	long serial;          /* 0: 1 */
};

/* Signed by issuer with issuer_key, or by itself where issuer is NULL. */
X509 *certs_make(const struct cert_spec *spec, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key);

/* A CRL of that issuer with one serial number in it (0: none), valid for ten days from_day on. */
X509_CRL *certs_crl(X509 *issuer, EVP_PKEY *issuer_key, long serial, int from_day);

/* PEM texts, NUL-terminated (free).  A chain is every certificate up to a NULL. */
char *certs_key_pem(EVP_PKEY *key, const char *password);
char *certs_pem(X509 *cert, ...) __attribute__((sentinel));
char *certs_crl_pem(X509_CRL *crl);

#endif
