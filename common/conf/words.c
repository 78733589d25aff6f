/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The words that stand for values in the configuration, and which of several words somebody
 * probably meant.  Pure tables and functions.
 */
#include "common/conf/int.h"

#include <string.h>
#include <strings.h>
#include <syslog.h>

/* clang-format off */
const struct word words_protocol[] = {
	{ "imap", PROTO_IMAP },
	{ "pop3", PROTO_POP3 },
	{ "smtp", PROTO_SMTP },
	{ "submission", PROTO_SUBMISSION },
	{ "lmtp", PROTO_LMTP },
	{ "sieve", PROTO_SIEVE },
	{ "tcp", PROTO_TCP },
	{ NULL, 0 },
};
const struct word words_balance[] = {
	{ "leastconn", BALANCE_LEASTCONN },
	{ "roundrobin", BALANCE_ROUNDROBIN },
	{ "source", BALANCE_SOURCE },
	{ "random", BALANCE_RANDOM },
	{ "first", BALANCE_FIRST },
	{ NULL, 0 },
};
const struct word words_send_proxy[] = {
	{ "none", PROXY_NONE },
	{ "v1", PROXY_V1 },
	{ "v2", PROXY_V2 },
	{ "v2-ssl", PROXY_V2_SSL },
	{ "v2-ssl-cn", PROXY_V2_SSL_CN },
	{ NULL, 0 },
};
const struct word words_tlvs[] = {
	{ "authority", TLV_AUTHORITY },
	{ "cipher", TLV_CIPHER },
	{ "alpn", TLV_ALPN },
	{ "crc32c", TLV_CRC32C },
	{ "unique_id", TLV_UNIQUE_ID },
	{ "cert_algs", TLV_CERT_ALGS },
	{ NULL, 0 },
};
const struct word words_check_type[] = {
	{ "imap", CHECK_IMAP },
	{ "pop3", CHECK_POP3 },
	{ "smtp", CHECK_SMTP },
	{ "submission", CHECK_SUBMISSION },
	{ "lmtp", CHECK_LMTP },
	{ "sieve", CHECK_SIEVE },
	{ "tls", CHECK_TLS },
	{ "tcp", CHECK_TCP },
	{ "expect", CHECK_EXPECT },
	{ "none", CHECK_NONE },
	{ NULL, 0 },
};
const struct word words_check_proxy[] = {
	{ "auto", CHECK_PROXY_AUTO },
	{ "none", CHECK_PROXY_NONE },
	{ "local", CHECK_PROXY_LOCAL },
	{ "proxy", CHECK_PROXY_PROXY },
	{ NULL, 0 },
};
const struct word words_receiver[] = {
	{ "dovecot", RECEIVER_DOVECOT },
	{ "postfix", RECEIVER_POSTFIX },
	{ "exim", RECEIVER_EXIM },
	{ "haproxy", RECEIVER_HAPROXY },
	{ "generic", RECEIVER_GENERIC },
	{ NULL, 0 },
};
const struct word words_level[] = {
	{ "error", LOG_ERR },
	{ "warning", LOG_WARNING },
	{ "notice", LOG_NOTICE },
	{ "info", LOG_INFO },
	{ "debug", LOG_DEBUG },
	{ NULL, 0 },
};
const struct word words_connections[] = {
	{ "end", LOG_CONN_END },
	{ "both", LOG_CONN_BOTH },
	{ "none", LOG_CONN_NONE },
	{ NULL, 0 },
};
const struct word words_verify[] = {
	{ "none", VERIFY_NONE },
	{ "optional", VERIFY_OPTIONAL },
	{ "required", VERIFY_REQUIRED },
	{ NULL, 0 },
};
const struct word words_sandbox[] = { { "best", 0 }, { "required", 1 }, { NULL, 0 } };
const struct word words_format[] = { { "text", LOG_TEXT }, { "json", LOG_JSON }, { NULL, 0 } };
const struct word words_client[] = {
	{ "full", LOG_CLIENT_FULL }, { "prefix", LOG_CLIENT_PREFIX }, { NULL, 0 } };
const struct word words_mode[] = {
	{ "implicit", TLS_IMPLICIT }, { "passthrough", TLS_PASSTHROUGH }, { NULL, 0 } };
const struct word words_back_verify[] = {
	{ "required", VERIFY_REQUIRED }, { "chain", VERIFY_CHAIN }, { "none", VERIFY_NONE },
	{ NULL, 0 } };
const struct word words_policy[] = {
	{ "intermediate", POLICY_INTERMEDIATE }, { "modern", POLICY_MODERN }, { NULL, 0 } };
const struct word words_version[] = { { "TLSv1.2", 0 }, { "TLSv1.3", 1 }, { NULL, 0 } };
const struct word words_resolve[] = {
	{ "one", RESOLVE_ONE }, { "all", RESOLVE_ALL }, { NULL, 0 } };
const struct word words_down[] = { { "keep", 0 }, { "close", 1 }, { NULL, 0 } };
const struct word words_up[] = { { "keep", 0 }, { "close_backup", 1 }, { NULL, 0 } };
const struct word words_initial[] = { { "check", 0 }, { "up", 1 }, { NULL, 0 } };
/* clang-format on */

/* Other programs' words for ours, where they are not near enough to be found by that. */
static const struct {
	const struct word *words;
	const char *theirs, *ours;
} foreign[] = {
	/* clang-format off */
	{ words_send_proxy, "send-proxy", "v1" },
	{ words_send_proxy, "send-proxy-v1", "v1" },
	{ words_send_proxy, "send-proxy-v2", "v2" },
	{ words_send_proxy, "send-proxy-v2-ssl", "v2-ssl" },
	{ words_send_proxy, "send-proxy-v2-ssl-cn", "v2-ssl-cn" },
	{ words_send_proxy, "ssl", "v2-ssl" },
	{ words_send_proxy, "ssl-cn", "v2-ssl-cn" },
	{ words_send_proxy, "1", "v1" },
	{ words_send_proxy, "2", "v2" },
	{ words_send_proxy, "v3", "v2" },
	{ words_send_proxy, "on", "v2-ssl" },
	{ words_send_proxy, "yes", "v2-ssl" },
	{ words_send_proxy, "true", "v2-ssl" },
	{ words_send_proxy, "off", "none" },
	{ words_send_proxy, "no", "none" },
	{ words_balance, "static-rr", "roundrobin" },
	{ words_balance, "rr", "roundrobin" },
	{ words_balance, "wrr", "roundrobin" },
	{ words_balance, "lc", "leastconn" },
	{ words_balance, "least", "leastconn" },
	{ words_balance, "hash", "source" },
	{ words_balance, "ip_hash", "source" },
	{ words_balance, "sticky", "source" },
	{ words_balance, "failover", "first" },
	{ words_protocol, "imap4", "imap" },
	{ words_protocol, "pop", "pop3" },
	{ words_protocol, "esmtp", "smtp" },
	{ words_protocol, "smtps", "submission" },
	{ words_protocol, "submissions", "submission" },
	{ words_protocol, "managesieve", "sieve" },
	{ words_protocol, "stream", "tcp" },
	{ words_check_type, "smtpchk", "smtp" },
	{ words_check_type, "ssl-hello-chk", "tls" },
	{ words_check_type, "ssl", "tls" },
	{ words_check_type, "tcp-check", "expect" },
	{ words_check_type, "connect", "tcp" },
	{ words_check_type, "managesieve", "sieve" },
	{ words_check_type, "off", "none" },
	{ words_check_type, "no", "none" },
	{ words_check_proxy, "v1", "proxy" },
	{ words_check_proxy, "v2", "proxy" },
	{ words_check_proxy, "v2-ssl", "proxy" },
	{ words_check_proxy, "send-proxy", "proxy" },
	{ words_check_proxy, "send-proxy-v2", "proxy" },
	{ words_check_proxy, "check-send-proxy", "proxy" },
	{ words_check_proxy, "on", "proxy" },
	{ words_check_proxy, "yes", "proxy" },
	{ words_check_proxy, "true", "proxy" },
	{ words_check_proxy, "off", "none" },
	{ words_check_proxy, "no", "none" },
	{ words_tlvs, "sni", "authority" },
	{ words_tlvs, "ssl-cipher", "cipher" },
	{ words_tlvs, "cert-key", "cert_algs" },
	{ words_tlvs, "cert-sig", "cert_algs" },
	{ words_receiver, "postscreen", "postfix" },
	{ words_level, "emerg", "error" },
	{ words_level, "alert", "error" },
	{ words_level, "crit", "error" },
	{ words_level, "err", "error" },
	{ words_level, "warn", "warning" },
	{ words_level, "verbose", "debug" },
	{ words_down, "shutdown-sessions", "close" },
	{ words_up, "shutdown-backup-sessions", "close_backup" },
	{ words_up, "close", "close_backup" },
	{ words_connections, "start", "both" },
	{ words_connections, "all", "both" },
	{ words_connections, "off", "none" },
	{ words_client, "none", "prefix" },
	{ words_client, "anonymous", "prefix" },
	{ words_mode, "terminate", "implicit" },
	{ words_mode, "tls", "implicit" },
	{ words_sandbox, "yes", "required" },
	{ words_sandbox, "on", "required" },
	{ words_sandbox, "true", "required" },
	{ words_back_verify, "on", "required" },
	{ words_back_verify, "yes", "required" },
	{ words_back_verify, "true", "required" },
	{ words_back_verify, "optional", "required" },
	{ words_back_verify, "off", "none" },
	{ words_back_verify, "no", "none" },
	{ words_verify, "on", "required" },
	{ words_verify, "yes", "required" },
	{ words_verify, "true", "required" },
	{ words_verify, "off", "none" },
	{ words_verify, "no", "none" },
	{ words_back_verify, "require", "required" },
	{ words_back_verify, "verify_ca", "chain" },
	{ words_verify, "require", "required" },
	{ words_verify, "optional_no_ca", "optional" },
	{ words_policy, "old", "intermediate" },
	{ words_version, "1.2", "TLSv1.2" },
	{ words_version, "1.3", "TLSv1.3" },
	{ words_version, "SSLv3", "TLSv1.2" },
	/* clang-format on */
};

const char *
word_foreign(const struct word *words, const char *text)
{
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		if (foreign[i].words == words && strcasecmp(foreign[i].theirs, text) == 0)
			return foreign[i].ours;
	return NULL;
}

const char *
word_name(const struct word *words, int value)
{
	for (; words->word; words++)
		if (words->value == value)
			return words->word;
	return "(unknown)";
}

const char *
protocol_name(enum protocol p)
{
	return word_name(words_protocol, (int)p);
}
