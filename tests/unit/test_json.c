/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* mailreevectl --json: every shape of answer, and values that are nearly numbers. */
#include "ctl/json.h"

#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	enum control_shape shape;
	const char *in, *out; /* out without blanks; NULL: it has not this shape */
} answers[] = {
	{ "words", SHAPE_WORDS, "a b\nc\n", "{\"answer\":[\"a b\",\"c\"]}" },
	{ "no words", SHAPE_WORDS, "", "{\"answer\":[]}" },
	{ "keys", SHAPE_KEYS, "Name: Mailreeve\nPid: 812\nnode: a: b\nReload_error: -\nnonsense\n",
	    "{\"Name\":\"Mailreeve\",\"Pid\":812,\"Reload_error\":null,\"node\":\"a: b\"}" },
	{ "state", SHAPE_STATE, "1\n# be_id be_name srv_addr\n2 dovecot 10.0.0.1\n",
	    "{\"servers\":[{\"be_id\":2,\"be_name\":\"dovecot\",\"srv_addr\":\"10.0.0.1\"}],"
	    "\"version\":1}" },
	{ "state without head", SHAPE_STATE, "1\n2 dovecot 10.0.0.1\n", NULL },
	{ "table", SHAPE_TABLE, "# a b c\n1 x two words\n-5 - \n",
	    "[{\"a\":1,\"b\":\"x\",\"c\":\"two words\"},{\"a\":-5,\"b\":null,\"c\":null}]" },
	{ "empty table", SHAPE_TABLE, "# a b\n", "[]" },
	{ "no table", SHAPE_TABLE, "a b\n", NULL },
	{ "status", SHAPE_STATUS, "WARNING: server down\n0.1, up\n# server state\nb/s down\n",
	    "{\"more\":[\"0.1, "
	    "up\"],\"rows\":[{\"server\":\"b/s\",\"state\":\"down\"}],\"status\":1,"
	    "\"text\":\"WARNING: server down\"}" },
	{ "status alone", SHAPE_STATUS, "OK: 1 of 1 servers up\n",
	    "{\"more\":[],\"rows\":[],\"status\":0,\"text\":\"OK: 1 of 1 servers up\"}" },
	{ "no status", SHAPE_STATUS, "all is well\n", NULL },
	{ "nearly numbers", SHAPE_TABLE,
	    "# a b c d e f g\n007 0 +1 1.5 0x1 9223372036854775807 9223372036854775808\n",
	    "[{\"a\":\"007\",\"b\":0,\"c\":\"+1\",\"d\":\"1.5\",\"e\":\"0x1\","
	    "\"f\":9223372036854775807,\"g\":\"9223372036854775808\"}]" },
	{ "quotes", SHAPE_WORDS, "say \"hi\" \\\n", "{\"answer\":[\"say \\\"hi\\\" \\\\\"]}" },
	{ "not UTF-8", SHAPE_WORDS, "caf\xe9\n", "{\"answer\":[\"caf?\"]}" },
};

static char *
compact(const char *text)
{
	json_t *j = json_loads(text, 0, NULL);
	char *out;

	ck_assert_ptr_nonnull(j);
	out = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(j);
	return out;
}

START_TEST(answer)
{
	const char *in = answers[_i].in;
	char *text = malloc(strlen(in) + 1), *out;
	struct answer a;

	memcpy(text, in, strlen(in));
	ck_assert_int_eq(answer_split(text, strlen(in), &a), 0);
	text = json_answer(answers[_i].shape, &a);
	answer_free(&a);
	if (!answers[_i].out) {
		ck_assert_msg(!text, "%s: %s", answers[_i].name, text);
		return;
	}
	ck_assert_msg(text, "%s", answers[_i].name);
	out = compact(text);
	ck_assert_msg(strcmp(out, answers[_i].out) == 0, "%s: %s", answers[_i].name, out);
	free(out);
	free(text);
}
END_TEST

START_TEST(error)
{
	char *text = json_error("no socket \"x\""), *out = compact(text);

	ck_assert_str_eq(out, "{\"error\":\"no socket \\\"x\\\"\"}");
	free(out);
	free(text);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("json");
	TCase *t = tcase_create("json");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(t, answer, 0, sizeof(answers) / sizeof(answers[0]));
	tcase_add_test(t, error);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
