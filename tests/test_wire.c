/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void
test_writes_five_escapes_and_reads_them_back(void **state)
{
    static const struct {
        const char *canonical, *wire;
    } rows[] = {
        {"", ""},
        {"{\"a\":1}", "{\"a\":1}"},
        {"\"<a&b>\"", "\"\\u003ca\\u0026b\\u003e\""},
        {"\"\xe2\x80\xa8\xe2\x80\xa9\"", "\"\\u2028\\u2029\""},
        {"\"\xe2\x80\xa7\xe2\x80\xaa\xe2\x82\xac\"", "\"\xe2\x80\xa7\xe2\x80\xaa\xe2\x82\xac\""},
        {"\"\\\"<\\\\>\"", "\"\\\"\\u003c\\\\\\u003e\""},
        {"\"\\\\u003c\"", "\"\\\\u003c\""}, /* the text \u003c, its backslash escaped */
        {"\"\\\\\\\\<\"", "\"\\\\\\\\\\u003c\""},
        {"{\"<\":\"&&\"}", "{\"\\u003c\":\"\\u0026\\u0026\"}"},
        {"<", "\\u003c"},
        {"\xe2", "\xe2"},
        {"\xe2\x80", "\xe2\x80"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(bytes_done) struct bytes wire = BYTES_INIT(256), canonical = BYTES_INIT(256);
        struct why why = {0};

        wire_format(&wire, span_of(rows[i].canonical));
        assert_int_equal(bytes_check(&wire, NULL), RC_OK);
        assert_string_equal(bytes_text(&wire), rows[i].wire);
        if (wire_parse(&canonical, bytes_span(&wire), &why))
            fail_msg("%s: %s", rows[i].wire, why.text);
        assert_string_equal(bytes_text(&canonical), rows[i].canonical);
    }
}

static void
test_refuses_other_spellings(void **state)
{
    static const char *const rows[] = {
        "\"<\"",
        "\">\"",
        "\"&\"",
        "\"\xe2\x80\xa8\"",
        "\"\xe2\x80\xa9\"",
        "\"\\u003C\"",
        "\"\\u003E\"",
        "\"\\U003c\"",
        "\"\\u003d\"",
        "\"\\u0041\"",
        "\"\\u202a\"",
        "\"\\u003",
        "\"\\n\"",
        "\"\\/\"",
        "\\",
        "\"\\\\\\u0041\"",
        "\"\\\\\\",
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(bytes_done) struct bytes b = BYTES_INIT(256);

        bytes_puts(&b, "before");
        if (wire_parse(&b, span_of(rows[i]), NULL) != RC_MALFORMED)
            fail_msg("'%s' was taken", rows[i]);
        assert_string_equal(bytes_text(&b), "before");
    }
}

static void
test_says_where_and_what(void **state)
{
    closing(bytes_done) struct bytes b = BYTES_INIT(256);
    struct why why;

    (void)state;
    assert_int_equal(wire_parse(&b, SPAN("{\"a\":\"<\"}"), &why), RC_MALFORMED);
    assert_string_equal(why.text, "byte 6: a character that needs an escape");
    assert_int_equal(wire_parse(&b, SPAN("{\"a\":\"\\n\"}"), &why), RC_MALFORMED);
    assert_string_equal(why.text, "byte 6: an escape that the wire form lacks");
}

static void
test_bounds_the_result(void **state)
{
    closing(bytes_done) struct bytes enough = BYTES_INIT(6), small = BYTES_INIT(5),
                                     undone = BYTES_INIT(3), no_room = BYTES_INIT(2);

    (void)state;
    wire_format(&enough, SPAN("<"));
    assert_int_equal(bytes_check(&enough, NULL), RC_OK);
    wire_format(&small, SPAN("<"));
    assert_int_equal(bytes_check(&small, NULL), RC_TOO_LARGE);
    assert_int_equal(wire_parse(&undone, SPAN("\"\\u003c\""), NULL), RC_OK);
    assert_int_equal(wire_parse(&no_room, SPAN("\"\\u003c\""), NULL), RC_TOO_LARGE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writes_five_escapes_and_reads_them_back),
        cmocka_unit_test(test_refuses_other_spellings),
        cmocka_unit_test(test_says_where_and_what),
        cmocka_unit_test(test_bounds_the_result),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
