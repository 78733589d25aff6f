/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* hosts, resolv.conf, search lists, and which addresses a server gets out of an answer. */
#include "checker/names.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "10.0.0.1" and "2001:db8::1" to addresses without port. */
static struct addr
ip(const char *text)
{
	char buf[ADDR_TEXT];
	struct addr a = { .family = ADDR_NONE };

	(void)snprintf(buf, sizeof(buf), strchr(text, ':') ? "[%s]:1" : "%s:1", text);
	ck_assert_int_eq(addr_parse(buf, 0, &a), 0);
	a.port = 0;
	return a;
}

/* A list with blanks between to addresses. */
static size_t
ips(const char *text, struct addr *out)
{
	char word[64];
	size_t n = 0;
	int len;

	for (; sscanf(text, " %63s%n", word, &len) == 1; text += len)
		out[n++] = ip(word);
	return n;
}

static const struct {
	const char *text;
	size_t servers, search;
	const char *first_server, *first_search;
	unsigned ndots, timeout, attempts;
} resolvs[] = {
	/* clang-format off */
	{ "", 1, 0, "127.0.0.1", "", 1, 2, 2 },
	{ "nameserver 10.0.0.53\nnameserver 2001:db8::53\n", 2, 0, "10.0.0.53", "", 1, 2, 2 },
	{ "nameserver 10.0.0.53", 1, 0, "10.0.0.53", "", 1, 2, 2 },
	{ "nameserver\t10.0.0.53 # mine\r\n", 1, 0, "10.0.0.53", "", 1, 2, 2 },
	{ "# nameserver 1.1.1.1\n; nameserver 1.1.1.1\n#", 1, 0, "127.0.0.1", "", 1, 2, 2 },
	{ "search a.example b.example\nnameserver ::1", 1, 2, "::1", "a.example", 1, 2, 2 },
	{ "search a.example\nsearch c.example\n", 1, 1, "127.0.0.1", "c.example", 1, 2, 2 },
	{ "search a.example\ndomain d.example\n", 1, 1, "127.0.0.1", "d.example", 1, 2, 2 },
	{ "options ndots:5 timeout:1 attempts:4 rotate\n", 1, 0, "127.0.0.1", "", 5, 1, 4 },
	{ "options ndots:99999999999999999999 timeout:0 attempts:\n", 1, 0, "127.0.0.1", "", 15, 1, 2 },
	{ "options ndots:-1 timeout:x\n", 1, 0, "127.0.0.1", "", 1, 2, 2 },
	{ "nameserver 1\nnameserver 2\nnameserver 3\nnameserver 4\nnameserver 5\nnameserver 6\nnameserver 7\n", 6, 0, "1", "", 1, 2, 2 },
	{ "search 1 2 3 4 5 6 7 8\n", 1, 6, "127.0.0.1", "1", 1, 2, 2 },
	{ "nameserver 0123456789012345678901234567890123456789012345678901234567890123\n", 1, 0, "127.0.0.1", "", 1, 2, 2 },
	{ "nonsense\n\n\n   \nnameserver\n", 1, 0, "127.0.0.1", "", 1, 2, 2 },
	/* clang-format on */
};

START_TEST(resolv_conf)
{
	struct resolv r;

	names_resolv(resolvs[_i].text, &r);
	ck_assert_uint_eq(r.server_count, resolvs[_i].servers);
	ck_assert_uint_eq(r.search_count, resolvs[_i].search);
	ck_assert_str_eq(r.servers[0], resolvs[_i].first_server);
	ck_assert_str_eq(r.search[0], resolvs[_i].first_search);
	ck_assert_uint_eq(r.ndots, resolvs[_i].ndots);
	ck_assert_uint_eq(r.timeout, resolvs[_i].timeout);
	ck_assert_uint_eq(r.attempts, resolvs[_i].attempts);
}
END_TEST

static const struct {
	const char *host;
	unsigned ndots;
	const char *names; /* in order, with search list "a.example b.example" */
} candidates[] = {
	{ "mail", 1, "mail.a.example mail.b.example mail" },
	{ "mail.site", 1, "mail.site mail.site.a.example mail.site.b.example" },
	{ "mail.site", 2, "mail.site.a.example mail.site.b.example mail.site" },
	{ "mail.site.", 5, "mail.site." },
	{ "mail.", 1, "mail." },
	{ "mail", 0, "mail mail.a.example mail.b.example" },
	{ "", 1, "" },
};

START_TEST(search_list)
{
	struct resolv r;
	char all[1024] = "", name[NAME_SIZE];
	unsigned n;

	names_resolv("search a.example b.example\n", &r);
	r.ndots = candidates[_i].ndots;
	for (n = 0; names_candidate(&r, candidates[_i].host, n, name); n++) {
		if (n > 0)
			strcat(all, " ");
		strcat(all, name);
	}
	ck_assert_str_eq(all, candidates[_i].names);
	ck_assert_int_eq(names_candidate(&r, candidates[_i].host, n + 1, name), 0);
}
END_TEST

/* A name that becomes too long with its domain is not asked for. */
START_TEST(long_name)
{
	char host[NAME_SIZE], name[NAME_SIZE];
	struct resolv r;

	names_resolv("search a.example\noptions ndots:15\n", &r);
	memset(host, 'h', sizeof(host));
	host[NAME_SIZE - 1 - strlen(".a.example")] = '\0';
	ck_assert_int_eq(names_candidate(&r, host, 0, name), 1);
	ck_assert_uint_eq(strlen(name), NAME_SIZE - 1);
	host[strlen(host)] = 'h';
	host[NAME_SIZE - strlen(".a.example")] = '\0';
	ck_assert_int_eq(names_candidate(&r, host, 0, name), 0);
}
END_TEST

static char pairs[1024];

static void
on_pair(void *arg, const char *name, const struct addr *a)
{
	char buf[ADDR_TEXT], *all = arg;

	ck_assert_uint_eq(a->port, 0);
	strcat(all, name);
	strcat(all, "=");
	strcat(all, addr_ip_text(a, buf));
	strcat(all, " ");
}

static const struct {
	const char *text, *pairs;
} hosts[] = {
	/* clang-format off */
	{ "", "" },
	{ "127.0.0.1 localhost\n::1 localhost ip6-localhost\n", "localhost=127.0.0.1 localhost=::1 ip6-localhost=::1 " },
	{ "10.0.0.1\tdovecot1.example.org dovecot1", "dovecot1.example.org=10.0.0.1 dovecot1=10.0.0.1 " },
	{ "  10.0.0.1   Dovecot1   # the first\r\n", "dovecot1=10.0.0.1 " },
	{ "# 10.0.0.1 a\n10.0.0.2 b#c d\n", "b=10.0.0.2 " },
	{ "10.0.0.1\n\n10.0.0 x\nfe80::1%eth0 y\n10.0.0.3 z\n", "z=10.0.0.3 " },
	{ "::ffff:10.0.0.4 mapped\n", "mapped=10.0.0.4 " },
	/* clang-format on */
};

START_TEST(hosts_file)
{
	pairs[0] = '\0';
	names_hosts(hosts[_i].text, on_pair, pairs);
	ck_assert_str_eq(pairs, hosts[_i].pairs);
}
END_TEST

/* A word longer than a name is no name, and spoils no other. */
START_TEST(hosts_long)
{
	char text[700] = "10.0.0.1 ";

	memset(text + 9, 'x', 600);
	memcpy(text + 609, " ok\n", 5);
	pairs[0] = '\0';
	names_hosts(text, on_pair, pairs);
	ck_assert_str_eq(pairs, "ok=10.0.0.1 ");
}
END_TEST

static const struct {
	const char *name, *had, *got, *out;
} choices[] = {
	/* clang-format off */
	{ "nothing", "", "", "" },
	{ "the smallest first", "", "10.0.0.3 10.0.0.1 10.0.0.2", "10.0.0.1 10.0.0.2 10.0.0.3" },
	{ "IPv4 first", "", "2001:db8::1 10.0.0.9", "10.0.0.9 2001:db8::1" },
	{ "what was stays first", "10.0.0.3", "10.0.0.1 10.0.0.3", "10.0.0.3 10.0.0.1" },
	{ "what was keeps its order", "10.0.0.3 2001:db8::1 10.0.0.2", "10.0.0.2 10.0.0.1 2001:db8::1 10.0.0.3", "10.0.0.3 2001:db8::1 10.0.0.2 10.0.0.1" },
	{ "what is gone goes", "10.0.0.3", "10.0.0.1", "10.0.0.1" },
	{ "doubles", "10.0.0.1 10.0.0.1", "10.0.0.1 10.0.0.2 10.0.0.2 10.0.0.1", "10.0.0.1 10.0.0.2" },
	{ "no server has these", "0.0.0.0", "0.0.0.0 224.0.0.1 255.255.255.255 :: ff02::1 10.0.0.1", "10.0.0.1" },
	/* clang-format on */
};

START_TEST(choice)
{
	struct addr had[16], got[16], out[NAMES_MOST];
	size_t nhad = ips(choices[_i].had, had), ngot = ips(choices[_i].got, got);
	size_t n = names_choose(had, nhad, got, ngot, out);
	char all[512] = "", buf[ADDR_TEXT];

	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			strcat(all, " ");
		strcat(all, addr_ip_text(&out[i], buf));
	}
	ck_assert_msg(strcmp(all, choices[_i].out) == 0, "%s: %s", choices[_i].name, all);
}
END_TEST

/* As many as a name has places, and the next one, which is the log's. */
START_TEST(the_next_is_named)
{
	struct addr got[REPORT_ADDRS + 8], out[NAMES_MOST];

	for (size_t i = 0; i < REPORT_ADDRS + 8; i++)
		got[i] = (struct addr){ .family = ADDR_V4, .ip = { 10, 0, 0, (uint8_t)(200 - i) } };
	ck_assert_uint_eq(REPORT_ADDRS, 32);
	ck_assert_uint_eq(names_choose(NULL, 0, got, REPORT_ADDRS, out), REPORT_ADDRS);
	/* The greatest was there before: it stays, and the 32nd of the new ones is the next. */
	ck_assert_uint_eq(names_choose(got, 1, got, REPORT_ADDRS + 8, out), NAMES_MOST);
	ck_assert_uint_eq(out[0].ip[3], 200);
	ck_assert_uint_eq(out[1].ip[3], 161);
	ck_assert_uint_eq(out[REPORT_ADDRS].ip[3], 192);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("names");
	TCase *t = tcase_create("names");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, resolv_conf, 0, sizeof(resolvs) / sizeof(resolvs[0]));
	tcase_add_loop_test(t, search_list, 0, sizeof(candidates) / sizeof(candidates[0]));
	tcase_add_test(t, long_name);
	tcase_add_loop_test(t, hosts_file, 0, sizeof(hosts) / sizeof(hosts[0]));
	tcase_add_test(t, hosts_long);
	tcase_add_loop_test(t, choice, 0, sizeof(choices) / sizeof(choices[0]));
	tcase_add_test(t, the_next_is_named);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
