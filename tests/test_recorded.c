/* SPDX-License-Identifier: Apache-2.0 */
#include "client/recorded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

#include "client/agent_stream.h"

#define HASH   "00000000000000000000000000000000000000000000000000000000000000ff"
#define LEDGER "0123456789abcdef0123456789abcdef"
#define ONE    "{\"at_us\":5,\"body\":{},\"hash\":\"" HASH "\",\"seq\":1}\n"
#define TWO    "{\"at_us\":6,\"body\":{},\"hash\":\"" HASH "\",\"seq\":2}\n"
#define END    "{\"head\":{\"hash\":\"" HASH "\",\"ledger\":\"" LEDGER "\",\"seq\":2}}\n"

static struct why why;
static int n_seen;

static enum rc
count(void *userdata, const struct record *record, struct why *why_)
{
    const int *max = userdata;

    (void)why_;
    n_seen++;
    assert_int_equal(record->seq, n_seen);
    assert_true(span_is(record->body, "{}"));
    return n_seen > *max ? RC_UNTRUSTED : RC_OK;
}

static enum rc
read_text(struct record_end *end, const char *text, int max)
{
    const struct recorded_reader reader = {count, &max};
    FILE *file = tmpfile();

    n_seen = 0;
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    rewind(file);
    enum rc rc = recorded_of_file(end, file, "x", &reader, &why);
    fclose(file);
    return rc;
}

static void
test_reads_an_export(void **state)
{
    struct record_end end;

    (void)state;
    assert_int_equal(read_text(&end, ONE TWO END, 2), RC_OK);
    assert_int_equal(n_seen, 2);
    assert_int_equal(end.head.seq, 2);
    assert_int_equal(end.head.hash.b[31], 0xff);
    assert_string_equal(end.ledger, LEDGER);
    assert_int_equal(read_text(&end, ONE TWO END, 1), RC_UNTRUSTED);
}

static void
test_names_the_line_that_is_none(void **state)
{
    static const struct {
        const char *text, *problem;
    } cases[] = {
        {"", "line 1: the head is missing: it was cut off"},
        {ONE TWO, "line 3: the head is missing: it was cut off"},
        {ONE "{\"at_us\":6", "line 2: it has no end"},
        {ONE END TWO, "line 3: it is behind the head"},
        {ONE TWO END END, "line 4: it is behind the head"},
        {ONE "\n" END, "line 2: "},
        {"x\n", "line 1: "},
    };
    struct record_end end = {"untouched", {0}};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++)
        if (read_text(&end, cases[i].text, 9) != RC_UNTRUSTED ||
            !strstr(why.text, cases[i].problem))
            fail_msg("%s: %s", cases[i].text, why.text);
    assert_string_equal(end.ledger, "untouched");
}

/* In place of the socket: these replies, one a line. */
static const char *replies;

enum rc
agent_stream(const char *path, const char *method, const json_t *parameters, int64_t patience_ms,
    const struct agent_stream_reader *reader, struct why *why_)
{
    const char *rest = replies;
    enum rc rc = RC_OK;

    (void)path;
    (void)parameters;
    assert_string_equal(method, "Audit");
    assert_true(patience_ms > 0);
    while (!rc && *rest) {
        const char *end = strchr(rest, '\n');
        json_auto_t *reply = json_loadb(rest, (size_t)(end - rest), 0, NULL);
        assert_non_null(reply);
        rc = reader->take(reader->userdata, reply, why_);
        rest = end + 1;
    }
    return rc;
}

static enum rc
read_replies(struct record_end *end, const char *text)
{
    int max = 9;
    const struct recorded_reader reader = {count, &max};

    n_seen = 0;
    replies = text;
    return recorded_of_agent(end, "x", NULL, &reader, &why);
}

#define RECORD(seq)                                                                                \
    "{\"at_us\":5,\"body\":\"{}\",\"hash\":\"" HASH "\",\"seq\":" seq ",\"later\":true}"

static void
test_reads_what_an_agent_replies(void **state)
{
    struct record_end end;

    (void)state;
    assert_int_equal(
        read_replies(&end, "{\"records\":[" RECORD("1") "," RECORD(
                               "2") "]}\n"
                                    "{\"records\":[]}\n"
                                    "{\"records\":[" RECORD(
                                        "3") "],\"complete\":true,\"head\":{\"ledger\":\"" LEDGER
                                             "\",\"seq\":3,\"hash\":\"" HASH "\"}}\n"),
        RC_OK);
    assert_int_equal(n_seen, 3);
    assert_int_equal(end.head.seq, 3);
    assert_string_equal(end.ledger, LEDGER);
}

static void
test_refuses_what_no_agent_replies(void **state)
{
    static const char *const cases[] = {
        "{\"records\":[]}\n", /* no head */
        "{\"records\":[" RECORD("0") "]}\n",
        "{\"records\":[" RECORD("\"1\"") "]}\n",
        "{\"records\":[{\"at_us\":5,\"body\":\"{}\",\"hash\":\"00\",\"seq\":1}]}\n",
        "{\"records\":[{\"at_us\":5,\"hash\":\"" HASH "\",\"seq\":1}]}\n",
        "{\"records\":[7]}\n",
        "{\"records\":null}\n",
        "{\"records\":[],\"head\":{\"ledger\":\"x\",\"seq\":1,\"hash\":\"" HASH "\"}}\n",
        "{\"records\":[],\"head\":{\"ledger\":\"" LEDGER "\",\"seq\":-1,\"hash\":\"" HASH "\"}}\n",
    };
    struct record_end end = {"untouched", {0}};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++)
        if (read_replies(&end, cases[i]) == RC_OK)
            fail_msg("%s", cases[i]);
    assert_string_equal(end.ledger, "untouched");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_an_export),
        cmocka_unit_test(test_names_the_line_that_is_none),
        cmocka_unit_test(test_reads_what_an_agent_replies),
        cmocka_unit_test(test_refuses_what_no_agent_replies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
