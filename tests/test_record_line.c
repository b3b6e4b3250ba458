/* SPDX-License-Identifier: Apache-2.0 */
#include "client/record_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

#define ZEROS  "00000000000000000000000000000000"
#define HASH   ZEROS "000000000000000000000000000000ff"
#define LEDGER "0123456789abcdef0123456789abcdef"
#define BODY   "{\"ledger\":\"" LEDGER "\",\"text\":\"a\\\"b\"}"
#define LINE   "{\"at_us\":-5,\"body\":" BODY ",\"hash\":\"" HASH "\",\"seq\":7}"
#define END    "{\"head\":{\"hash\":\"" HASH "\",\"ledger\":\"" LEDGER "\",\"seq\":7}}"

static struct why why;

static void
test_writes_and_reads_a_record(void **state)
{
    closing(bytes_done) struct bytes line = BYTES_INIT(RECORD_LINE_MAX_BYTES);
    struct record record = {.seq = 7, .at_us = -5, .body = SPAN(BODY)}, again = {0};
    struct record_end end = {0};
    bool is_end = true;

    (void)state;
    record.hash.b[31] = 0xff;
    assert_int_equal(record_line_put(&line, &record, &why), RC_OK);
    assert_string_equal(bytes_text(&line), LINE "\n");
    bytes_cut(&line, line.len - 1);

    assert_int_equal(record_line_parse(&again, &end, &is_end, bytes_span(&line), &why), RC_OK);
    assert_false(is_end);
    assert_int_equal(again.seq, 7);
    assert_int_equal(again.at_us, -5);
    assert_true(digest_eq(&again.hash, &record.hash));
    assert_true(span_is(again.body, BODY));
}

static void
test_writes_and_reads_the_head(void **state)
{
    closing(bytes_done) struct bytes line = BYTES_INIT(RECORD_LINE_MAX_BYTES);
    struct record_end end = {LEDGER, {.seq = 7}}, again;
    struct record record;
    bool is_end = false;

    (void)state;
    end.head.hash.b[31] = 0xff;
    record_line_put_end(&line, &end);
    assert_string_equal(bytes_text(&line), END "\n");
    assert_int_equal(record_line_parse(&record, &again, &is_end, SPAN(END), &why), RC_OK);
    assert_true(is_end);
    assert_int_equal(again.head.seq, 7);
    assert_true(digest_eq(&again.head.hash, &end.head.hash));
    assert_string_equal(again.ledger, LEDGER);
}

static void
test_writes_no_body_that_no_agent_wrote(void **state)
{
    static const char *const bodies[] = {
        "", "{", "[]", "{} ", "{\"b\":1,\"a\":2}", "{\"a\":\"\n\"}", "{\"a\":1.5}"};
    closing(bytes_done) struct bytes line = BYTES_INIT(RECORD_LINE_MAX_BYTES);

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(bodies); i++) {
        struct record record = {.seq = 3, .body = span_of(bodies[i])};
        assert_int_equal(record_line_put(&line, &record, &why), RC_UNTRUSTED);
        assert_non_null(strstr(why.text, "record 3"));
        assert_int_equal(line.len, 0);
    }
}

static void
test_refuses_lines_that_are_none(void **state)
{
    static const char *const lines[] = {
        "",
        "{}",
        "[]",
        LINE " ",
        " " LINE,
        END END,
        "{\"at_us\":1,\"body\":[],\"hash\":\"" HASH "\",\"seq\":7}",
        "{\"at_us\":1,\"body\":\"{}\",\"hash\":\"" HASH "\",\"seq\":7}",
        "{\"at_us\":1,\"body\":{},\"hash\":\"" ZEROS "\",\"seq\":7}",
        "{\"at_us\":1,\"body\":{},\"hash\":\"" HASH "\",\"seq\":\"7\"}",
        "{\"at_us\":1,\"body\":{},\"hash\":\"" HASH "\"}",
        "{\"at_us\":1,\"body\":{},\"hash\":\"" HASH "\",\"seq\":7,\"x\":1}",
        "{\"body\":{},\"at_us\":1,\"hash\":\"" HASH "\",\"seq\":7}",
        "{\"head\":{\"hash\":\"" HASH "\",\"ledger\":\"x\",\"seq\":7}}",
        "{\"head\":{\"hash\":\"" HASH "\",\"ledger\":\"" LEDGER "0\",\"seq\":7}}",
        "{\"head\":null}",
    };
    struct record record;
    struct record_end end;
    bool is_end;

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(lines); i++)
        if (record_line_parse(&record, &end, &is_end, span_of(lines[i]), &why) != RC_MALFORMED)
            fail_msg("%s", lines[i]);
}

static void
test_finds_the_ledger_in_a_body(void **state)
{
    char ledger[RECORD_LEDGER_LEN + 1] = "";

    (void)state;
    assert_int_equal(record_line_ledger(ledger, SPAN(BODY), &why), RC_OK);
    assert_string_equal(ledger, LEDGER);
    assert_int_equal(record_line_ledger(ledger, SPAN("{\"a\":1}"), &why), RC_MALFORMED);
    assert_int_equal(record_line_ledger(ledger, SPAN("{\"ledger\":1}"), &why), RC_MALFORMED);
    assert_int_equal(record_line_ledger(ledger, SPAN("none"), &why), RC_MALFORMED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writes_and_reads_a_record),
        cmocka_unit_test(test_writes_and_reads_the_head),
        cmocka_unit_test(test_writes_no_body_that_no_agent_wrote),
        cmocka_unit_test(test_refuses_lines_that_are_none),
        cmocka_unit_test(test_finds_the_ledger_in_a_body),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
