/* SPDX-License-Identifier: Apache-2.0 */
#include "client/custom.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proto/bounds.h"

static void
test_makes_canonical_what_people_write(void **state)
{
    static const struct {
        const char *says, *json, *want;
    } cases[] = {
        {"sorts members and drops white space", " {\"b\": 1,\n \"a\": [true, null]} ",
            "{\"a\":[true,null],\"b\":1}"},
        {"writes escapes as bytes", "\"\\u00e9\\/\\\"\"", "\"\u00e9/\\\"\""},
        {"takes the largest integers", "[9007199254740991, -9007199254740991]",
            "[9007199254740991,-9007199254740991]"},
        {"takes any kind of value", "\"text\"", "\"text\""},
        {"takes a number", "7", "7"},
        {"takes an empty object", "{}", "{}"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(bytes_done) struct bytes got = BYTES_INIT(CUSTOM_MAX_BYTES);
        struct why why = {""};

        if (custom_canonical(&got, span_of(cases[i].json), &why) ||
            !span_is(bytes_span(&got), cases[i].want))
            fail_msg("%s: %s %s", cases[i].says, bytes_text(&got), why.text);
        assert_int_equal(custom_check(bytes_span(&got), NULL), RC_OK);
    }
}

static void
test_refuses_what_readers_break_on(void **state)
{
    static const struct {
        const char *json, *because;
    } cases[] = {
        {"", ""},
        {"{\"a\":1}x", ""},
        {"{\"a\":1,\"a\":2}", "twice"},
        {"null", "would be dropped"},
        {"1.5", "fraction"},
        {"[1.0]", "fraction or an exponent"},
        {"{\"a\":{\"b\":1e3}}", "fraction or an exponent"},
        {"9007199254740992", ""},
        {"9007199254740993", ""},
        {"{\"a\":\"<\"}", "'<'"},
        {"[\">\"]", "'>'"},
        {"{\"&\":1}", "'&'"},
        {"\"\\u003c\"", "'<'"},
        {"\"\\u2028\"", "U+2028"},
        {"\"\u2029\"", "U+2029"},
        {"\"\\u0007\"", ""},
        {"\"\\ud800\"", ""},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(bytes_done) struct bytes got = BYTES_INIT(CUSTOM_MAX_BYTES);
        struct why why = {""};

        if (custom_canonical(&got, span_of(cases[i].json), &why) != RC_MALFORMED ||
            !strstr(why.text, cases[i].because) || !strstr(why.text, "custom data"))
            fail_msg("%s: %s %s", cases[i].json, bytes_text(&got), why.text);
        assert_int_equal(got.len, 0);
    }
}

static void
test_has_a_bound(void **state)
{
    closing(bytes_done) struct bytes json = BYTES_INIT(2 * CUSTOM_MAX_BYTES);
    closing(bytes_done) struct bytes got = BYTES_INIT(2 * CUSTOM_MAX_BYTES);

    (void)state;
    bytes_putc(&json, '"');
    for (size_t i = 0; i < CUSTOM_MAX_BYTES - 2; i++)
        bytes_putc(&json, 'a');
    bytes_putc(&json, '"');
    assert_int_equal(custom_canonical(&got, bytes_span(&json), NULL), RC_OK);
    bytes_putc(&json, ' ');
    assert_int_equal(custom_canonical(&got, bytes_span(&json), NULL), RC_TOO_LARGE);
}

static void
test_reads_what_others_signed(void **state)
{
    closing(json_decrefp) json_t *value = NULL;

    (void)state;
    assert_int_equal(custom_read(&value, SPAN("\"<\""), NULL), RC_OK);
    assert_string_equal(json_string_value(value), "<");
    assert_int_equal(custom_read(&value, SPAN("\"\n\""), NULL), RC_MALFORMED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_makes_canonical_what_people_write),
        cmocka_unit_test(test_refuses_what_readers_break_on),
        cmocka_unit_test(test_has_a_bound),
        cmocka_unit_test(test_reads_what_others_signed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
