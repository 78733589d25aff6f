/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Addresses as text and as the kernel has them: what is read, what is refused, one spelling. */
#include "common/addr.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* Read; written again as `text` and as `ip`. */
static const struct good {
	const char *in, *text, *ip;
	int family, loopback;
} goods[] = {
	{ "10.0.0.1:993", "10.0.0.1:993", "10.0.0.1", ADDR_V4, 0 },
	{ "0.0.0.0:1", "0.0.0.0:1", "0.0.0.0", ADDR_V4, 0 },
	{ "255.255.255.255:65535", "255.255.255.255:65535", "255.255.255.255", ADDR_V4, 0 },
	{ "127.0.0.1:25", "127.0.0.1:25", "127.0.0.1", ADDR_V4, 1 },
	{ "127.255.0.9:25", "127.255.0.9:25", "127.255.0.9", ADDR_V4, 1 },
	{ "[2001:db8::1]:993", "[2001:db8::1]:993", "2001:db8::1", ADDR_V6, 0 },
	{ "[2001:DB8:0:0:0:0:0:1]:993", "[2001:db8::1]:993", "2001:db8::1", ADDR_V6, 0 },
	{ "[::1]:143", "[::1]:143", "::1", ADDR_V6, 1 },
	{ "[::]:143", "[::]:143", "::", ADDR_V6, 0 },
	{ "[::ffff:192.0.2.7]:25", "192.0.2.7:25", "192.0.2.7", ADDR_V4, 0 },
	{ "[::ffff:127.0.0.1]:25", "127.0.0.1:25", "127.0.0.1", ADDR_V4, 1 },
	{ "[::192.0.2.7]:25", "[::192.0.2.7]:25", "::192.0.2.7", ADDR_V6, 0 },
	{ "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
	    "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
	    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ADDR_V6, 0 },
	{ "[fe80::1%7]:993", "[fe80::1%7]:993", "fe80::1%7", ADDR_V6, 0 },
	{ "[fe80::1%4294967295]:993", "[fe80::1%4294967295]:993", "fe80::1%4294967295", ADDR_V6,
	    0 },
	{ "[fe80::1%lo]:993", "[fe80::1%1]:993", "fe80::1%1", ADDR_V6, 0 },
	{ "[fe80::1]:993", "[fe80::1]:993", "fe80::1", ADDR_V6, 0 },
	{ "*:993", "*:993", "*", ADDR_V6, 0 },
};

START_TEST(reads)
{
	const struct good *g = &goods[_i];
	char buf[ADDR_TEXT];
	struct addr a, again;

	ck_assert_int_eq(addr_parse(g->in, 1, &a), 0);
	ck_assert_int_eq(a.family, g->family);
	ck_assert_str_eq(addr_text(&a, buf), g->text);
	ck_assert_str_eq(addr_ip_text(&a, buf), g->ip);
	ck_assert_int_eq(addr_is_loopback(&a), g->loopback);
	ck_assert_int_eq(a.wildcard, g->in[0] == '*');
	ck_assert_int_eq(addr_parse(g->text, 1, &again), 0);
	ck_assert_mem_eq(&a, &again, sizeof(a));
}
END_TEST

/* More than ADDR_TEXT has room for. */
#define TOO_LONG \
	"[aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]:1"

static const char *const bads[] = { "", ":", ":993", "993", "10.0.0.1", "10.0.0.1:", "10.0.0.1:0",
	"10.0.0.1:65536", "10.0.0.1:99999999999999999999", "10.0.0.1:4294968289", "10.0.0.1:0993",
	"10.0.0.1:+993", "10.0.0.1:-1", "10.0.0.1: 993", "10.0.0.1:993 ", " 10.0.0.1:993",
	"10.0.0.1:9x", "10.0.0:993", "10.0.0.256:993", "010.0.0.1:993", "10.0.0.1.:993",
	"2001:db8::1:993", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]993", "[2001:db8::1:993",
	"2001:db8::1]:993", "[]:993", "[10.0.0.1]:993", "[2001:db8::g]:993", "[2001:db8::1%lo]:993",
	"[fe80::1%]:993", "[fe80::1%0]:993", "[fe80::1%4294967296]:993", "[fe80::1%1x]:993",
	"[fe80::1%no-such-interface]:993", "[[::1]]:993", "[::ffff:192.0.2.7%1]:25", "**:993",
	"* :993", "*.*:993", "mail.example.org:993", "unix:/run/x", TOO_LONG };

START_TEST(refuses)
{
	struct addr a, before;

	memset(&a, 0x5a, sizeof(a));
	before = a;
	ck_assert_msg(addr_parse(bads[_i], 1, &a) == -1, "%s was read", bads[_i]);
	ck_assert_mem_eq(&a, &before, sizeof(a));
}
END_TEST

START_TEST(wildcard_only_where_permitted)
{
	struct addr a;

	ck_assert_int_eq(addr_parse("*:993", 0, &a), -1);
	ck_assert_int_eq(addr_parse("0.0.0.0:993", 0, &a), 0);
	ck_assert_int_eq(a.wildcard, 0);
}
END_TEST

/* host NULL: refused */
static const struct split {
	const char *in, *host;
	int port;
} splits[] = {
	{ "mail.example.org:993", "mail.example.org", 993 },
	{ "localhost:1", "localhost", 1 },
	{ "Mail_1.ex-ample.ORG:65535", "Mail_1.ex-ample.ORG", 65535 },
	{ "mail.example.org.:993", "mail.example.org.", 993 },
	{ "10.example:25", "10.example", 25 },
	{ "1a:25", "1a", 25 },
	{ "mail.example.org", NULL, 0 },
	{ "mail.example.org:", NULL, 0 },
	{ "mail.example.org:0", NULL, 0 },
	{ "mail.example.org:65536", NULL, 0 },
	{ "mail.example.org:993x", NULL, 0 },
	{ "mail:example:993", NULL, 0 },
	{ ":993", NULL, 0 },
	{ ".:993", NULL, 0 },
	{ "..:993", NULL, 0 },
	{ ".mail:993", NULL, 0 },
	{ "mail..org:993", NULL, 0 },
	{ "mail.org..:993", NULL, 0 },
	{ "ma il:993", NULL, 0 },
	{ "m\xc3\xa4il:993", NULL, 0 },
	{ "10.0.0.300:993", NULL, 0 },
	{ "10.0.0.1:993", NULL, 0 },
	{ "1:993", NULL, 0 },
	{ "*:993", NULL, 0 },
	{ "a/b:993", NULL, 0 },
};

START_TEST(splits_hosts)
{
	const struct split *s = &splits[_i];
	char host[254] = "before";
	uint16_t port = 7;

	ck_assert_msg(addr_split_host(s->in, host, &port) == (s->host ? 0 : -1), "%s", s->in);
	ck_assert_str_eq(host, s->host ? s->host : "before");
	ck_assert_int_eq(port, s->host ? s->port : 7);
}
END_TEST

/* Labels of 63 and names of 253 bytes are the longest. */
START_TEST(long_hosts)
{
	char text[300], host[254];
	uint16_t port;

	for (size_t n = 1; n < 256; n++) {
		memset(text, 'a', n);
		for (size_t i = 50; i < n - 1; i += 50)
			text[i] = '.';
		memcpy(text + n, ":25", 4);
		ck_assert_int_eq(addr_split_host(text, host, &port), n <= 253 ? 0 : -1);
		memset(text, 'a', n);
		ck_assert_int_eq(addr_split_host(text, host, &port), n <= 63 ? 0 : -1);
	}
}
END_TEST

START_TEST(kernel_form)
{
	static const char *const texts[] = { "10.0.0.1:993", "[2001:db8::1]:993",
		"[fe80::2%5]:25" };
	struct sockaddr_storage ss;
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(25) };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct addr a, b, wild;
	char buf[ADDR_TEXT];

	for (int i = 0; i < COUNT(texts); i++) {
		ck_assert_int_eq(addr_parse(texts[i], 0, &a), 0);
		ck_assert_uint_eq(addr_to_sockaddr(&a, &ss),
		    a.family == ADDR_V4 ? sizeof(struct sockaddr_in) : sizeof(six));
		memset(&b, 0xff, sizeof(b));
		addr_from_sockaddr((const struct sockaddr *)&ss, &b);
		ck_assert_mem_eq(&a, &b, sizeof(a));
	}

	/* v4-mapped becomes IPv4, and a scope that means nothing is dropped */
	ck_assert_int_eq(inet_pton(AF_INET6, "::ffff:192.0.2.1", &six.sin6_addr), 1);
	six.sin6_scope_id = 3;
	addr_from_sockaddr((const struct sockaddr *)&six, &a);
	ck_assert_str_eq(addr_text(&a, buf), "192.0.2.1:25");
	ck_assert_uint_eq(a.scope, 0);
	ck_assert_int_eq(inet_pton(AF_INET6, "2001:db8::1", &six.sin6_addr), 1);
	addr_from_sockaddr((const struct sockaddr *)&six, &a);
	ck_assert_uint_eq(a.scope, 0);

	ck_assert_int_eq(addr_parse("*:993", 1, &wild), 0);
	ck_assert_uint_eq(addr_to_sockaddr(&wild, &ss), sizeof(six));
	memcpy(&six, &ss, sizeof(six));
	ck_assert(IN6_IS_ADDR_UNSPECIFIED(&six.sin6_addr));
	ck_assert_int_eq(ntohs(six.sin6_port), 993);

	addr_from_sockaddr((const struct sockaddr *)&un, &a);
	ck_assert_int_eq(a.family, ADDR_NONE);
	ck_assert_str_eq(addr_text(&a, buf), "-");
	ck_assert_str_eq(addr_ip_text(&a, buf), "-");
	ck_assert_int_eq(addr_is_loopback(&a), 0);
	addr_to_sockaddr(&a, &ss);
	ck_assert_int_eq(ss.ss_family, AF_UNSPEC);
}
END_TEST

START_TEST(comparisons)
{
	static const char *const texts[] = { "10.0.0.1:1", "10.0.0.1:2", "10.0.0.2:1",
		"[a00:1::]:1", "[::]:1", "*:1", "[fe80::1]:1", "[fe80::1%3]:1" };
	struct addr a, b;

	for (int i = 0; i < COUNT(texts); i++)
		for (int j = 0; j < COUNT(texts); j++) {
			ck_assert_int_eq(addr_parse(texts[i], 1, &a), 0);
			ck_assert_int_eq(addr_parse(texts[j], 1, &b), 0);
			ck_assert_int_eq(addr_equal(&a, &b), i == j);
			ck_assert_int_eq(addr_same_ip(&a, &b), i == j || (i < 2 && j < 2));
		}
}
END_TEST

static const struct {
	const char *a, *b;
	int covers;
} covers[] = {
	{ "*:993", "10.0.0.1:993", 1 },
	{ "*:993", "[2001:db8::1]:993", 1 },
	{ "*:993", "*:993", 1 },
	{ "*:993", "10.0.0.1:143", 0 },
	{ "0.0.0.0:993", "10.0.0.1:993", 1 },
	{ "0.0.0.0:993", "[::]:993", 0 },
	{ "[::]:993", "[2001:db8::1]:993", 1 },
	{ "[::]:993", "10.0.0.1:993", 0 },
	{ "10.0.0.1:993", "10.0.0.1:993", 0 },
	{ "10.0.0.1:993", "10.0.0.2:993", 0 },
};

START_TEST(one_covers_the_other)
{
	struct addr a, b;

	ck_assert_int_eq(addr_parse(covers[_i].a, 1, &a), 0);
	ck_assert_int_eq(addr_parse(covers[_i].b, 1, &b), 0);
	ck_assert_int_eq(addr_covers(&a, &b), covers[_i].covers);
	ck_assert_int_eq(addr_covers(&b, &a), covers[_i].covers);
	ck_assert_int_eq(
	    addr_is_any(&b), strchr("*[", covers[_i].b[0]) && !strchr(covers[_i].b, 'd'));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("addr");
	TCase *t = tcase_create("addr");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(t, reads, 0, COUNT(goods));
	tcase_add_loop_test(t, refuses, 0, COUNT(bads));
	tcase_add_test(t, wildcard_only_where_permitted);
	tcase_add_loop_test(t, splits_hosts, 0, COUNT(splits));
	tcase_add_test(t, long_hosts);
	tcase_add_test(t, kernel_form);
	tcase_add_test(t, comparisons);
	tcase_add_loop_test(t, one_covers_the_other, 0, COUNT(covers));
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
