/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/gojson.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct row {
    const char *in, *out;
};

static void
check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        closing(bytes_done) struct bytes b = BYTES_INIT(4096);
        struct why why = {0};

        if (gojson_canonical(&b, span_of(rows[i].in), &why))
            fail_msg("%s: %s", rows[i].in, why.text);
        assert_string_equal(bytes_text(&b), rows[i].out);
    }
}

static void
test_drops_white_space_and_keeps_values(void **state)
{
    static const struct row rows[] = {
        {" \t\r\n{ } \n", "{}"},
        {"[ ]", "[]"},
        {"[ 1 , [ ] , { \"a\" : null } ]", "[1,[],{\"a\":null}]"},
        {"true", "true"},
        {" false ", "false"},
        {"null\n", "null"},
        {"\"a\"", "\"a\""},
    };

    (void)state;
    check_rows(rows, N_ELEMENTS(rows));
}

static void
test_sorts_members_and_takes_the_last_of_each_name(void **state)
{
    static const struct row rows[] = {
        {"{\"b\":1,\"a\":2}", "{\"a\":2,\"b\":1}"},
        {"{\"b\":1,\"a\":[1,2],\"B\":3,\"aa\":4,\"_type\":\"x\"}",
            "{\"B\":3,\"_type\":\"x\",\"a\":[1,2],\"aa\":4,\"b\":1}"},
        {"{\"a\":1,\"a\":2}", "{\"a\":2}"},
        {"{\"a\":1,\"a\":2,\"a\":3}", "{\"a\":3}"},
        {"{\"b\":1,\"a\":2,\"b\":3,\"a\":4}", "{\"a\":4,\"b\":3}"},
        {"{\"a\":{\"x\":1},\"a\":{\"y\":2}}", "{\"a\":{\"y\":2}}"},
        {"{\"a\":1,\"\\u0061\":2}", "{\"a\":2}"},
        {"{\"a\":1.5,\"a\":2}", "{\"a\":2}"},
        {"{\"\xff\":1,\"\\ud800\":2}", "{\"\xef\xbf\xbd\":2}"},
        {"{\"Z\":1,\"\\\"\":2,\"\\\\\":3}", "{\"\\\"\":2,\"Z\":1,\"\\\\\":3}"},
        {"{\"\xf0\x9f\x98\x80\":1,\"\xef\xbf\xbd\":2}",
            "{\"\xef\xbf\xbd\":2,\"\xf0\x9f\x98\x80\":1}"},
        {"{\"z\":[{\"b\":1,\"a\":{\"d\":1,\"c\":2}}],\"a\":1}",
            "{\"a\":1,\"z\":[{\"a\":{\"c\":2,\"d\":1},\"b\":1}]}"},
        {"[{\"b\":1,\"a\":2},{\"d\":1,\"c\":2}]", "[{\"a\":2,\"b\":1},{\"c\":2,\"d\":1}]"},
    };

    (void)state;
    check_rows(rows, N_ELEMENTS(rows));
}

static void
test_numbers_go_through_float64(void **state)
{
    static const struct row rows[] = {
        {"[0,-0,-0.0,0e5,0.000]", "[0,0,0,0,0]"},
        {"[1.0,1e3,1E+2,100.000,12300e-2,-1]", "[1,1000,100,100,123,-1]"},
        {"[9007199254740991,9007199254740992]", "[9007199254740991,9007199254740992]"},
        {"[9007199254740993,-9007199254740993]", "[9007199254740992,-9007199254740992]"},
        {"9223372036854774784", "9223372036854774784"}, /* the last float64 below 2^63 */
        {"9223372036854775807", "-9223372036854775808"},
        {"9223372036854775808", "-9223372036854775808"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"-9223372036854777856", "-9223372036854775808"},
        {"1e308", "-9223372036854775808"},
        {"-1e308", "-9223372036854775808"},
        {"[1e-400,-1e-400]", "[0,0]"},
        {"0.99999999999999999999999", "1"},
    };

    (void)state;
    check_rows(rows, N_ELEMENTS(rows));
}

static void
test_strings_are_decoded_as_go_does(void **state)
{
    static const struct row rows[] = {
        {"\"<a&b>/\xe2\x80\xa8\"", "\"<a&b>/\xe2\x80\xa8\""},
        {"\"\\u003ca\\u0026b\\u003E\\/\\u2028\"", "\"<a&b>/\xe2\x80\xa8\""},
        {"\"\\\"\\\\\\u0022\\u005c\"", "\"\\\"\\\\\\\"\\\\\""},
        {"\"\\\\u003c\"", "\"\\\\u003c\""},
        {"\"\\b\\f\\n\\r\\t\\u001f\x7f\"", "\"\b\f\n\r\t\x1f\x7f\""},
        {"\"\\u0041\\u00e9\\u00E9\\u20ac\\ud83d\\ude00\"",
            "\"A\xc3\xa9\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"\"\\u007f\\u0080\\u07ff\\u0800\\uffff\\ud800\\udc00\\udbff\\udfff\"",
            "\"\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""},
        /* lone surrogates */
        {"\"\\ud800x\"", "\"\xef\xbf\xbdx\""},
        {"\"\\ud800\"", "\"\xef\xbf\xbd\""},
        {"\"\\udc00\\ud800\"", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\"\\ud800\\ud83d\\ude00\"", "\"\xef\xbf\xbd\xf0\x9f\x98\x80\""},
        {"\"\\ud800\\n\"", "\"\xef\xbf\xbd\n\""},
        {"\"\\ud800\\u0041\"", "\"\xef\xbf\xbd"
                               "A\""},
        /* bytes that are not UTF-8: each on its own */
        {"\"a\xe2\x82\"", "\"a\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\"\xe2\x82z\"", "\"\xef\xbf\xbd\xef\xbf\xbdz\""},
        {"\"\xed\xa0\x80\"", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\"\xc0\x80\xff\"", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\"\xf0\x9f\x98\"", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\"\xf4\x90\x80\x80\"", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    };

    (void)state;
    check_rows(rows, N_ELEMENTS(rows));
}

static void
test_a_nul_from_an_escape_stays(void **state)
{
    closing(bytes_done) struct bytes b = BYTES_INIT(64);

    (void)state;
    assert_int_equal(gojson_canonical(&b, SPAN("\"a\\u0000b\""), NULL), RC_OK);
    assert_true(span_eq(bytes_span(&b), SPAN("\"a\0b\"")));
}

static void
test_refuses_what_go_refuses(void **state)
{
    static const char *const rows[] = {
        "",
        " ",
        "{",
        "[",
        "}",
        "{]",
        "[}",
        "{}x",
        "{} {}",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\":1,}",
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\" 1}",
        "{a:1}",
        "{1:1}",
        "{\"a\":1 \"b\":2}",
        "tru",
        "truex",
        "True",
        "NaN",
        "Infinity",
        "-",
        "-a",
        "+1",
        ".5",
        "1.",
        "1.e1",
        "1e",
        "1e+",
        "01",
        "-01",
        "0x10",
        "[01]",
        "1.5",
        "[0.1]",
        "{\"a\":1,\"a\":1.5}",
        "{\"a\":1e400,\"a\":1}",
        "-0.5",
        "1e-1",
        "1e-300",
        "1e400",
        "-1e400",
        "1.7976931348623159e308",
        "\"",
        "\"a",
        "\"\\",
        "\"\\\"",
        "\"\\x\"",
        "\"\\'\"",
        "\"\\u\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\u+123\"",
        "\"\\U0041\"",
        "\"a\nb\"",
        "\"a\tb\"",
        "\"\x1f\"",
        "\xef\xbb\xbf{}",
        "\v{}",
        "\xc2\xa0{}",
        "'a'",
        "/**/{}",
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(bytes_done) struct bytes b = BYTES_INIT(4096);

        bytes_puts(&b, "before");
        if (gojson_canonical(&b, span_of(rows[i]), NULL) != RC_MALFORMED)
            fail_msg("'%s' was taken", rows[i]);
        assert_string_equal(bytes_text(&b), "before");
    }
}

static void
test_refuses_a_raw_nul(void **state)
{
    closing(bytes_done) struct bytes b = BYTES_INIT(64);

    (void)state;
    assert_int_equal(gojson_canonical(&b, SPAN("\"a\0b\""), NULL), RC_MALFORMED);
    assert_int_equal(gojson_canonical(&b, SPAN("{}\0"), NULL), RC_MALFORMED);
    assert_int_equal(gojson_canonical(&b, (struct span){0}, NULL), RC_MALFORMED);
}

static void
test_says_where_and_what(void **state)
{
    static const struct {
        const char *in, *sentence;
    } rows[] = {
        {"{\"a\":1", "byte 6: want ',' or '}', have the end"},
        {"[1;", "byte 2: want ',' or ']', have 0x3b"},
        {"[1.5]", "a number with a fraction"},
        {"[1e400]", "byte 1: a number beyond float64"},
        {"{} x", "byte 3: want the end, have 0x78"},
        {"\"\\x\"", "byte 2: want an escape of JSON, have 0x78"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(bytes_done) struct bytes b = BYTES_INIT(64);
        struct why why = {0};

        assert_int_equal(gojson_canonical(&b, span_of(rows[i].in), &why), RC_MALFORMED);
        assert_string_equal(why.text, rows[i].sentence);
    }
}

static void
test_refuses_duplicates_where_it_is_told_to(void **state)
{
    static const struct {
        const char *in, *member;
    } rows[] = {
        {"{\"a\":1,\"a\":1}", "a"},
        {"{\"b\":1,\"a\":2,\"b\":3}", "b"},
        {"[{\"x\":{\"c\":1,\"\\u0063\":2}}]", "c"},
    };
    closing(bytes_done) struct bytes distinct = BYTES_INIT(64);

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(bytes_done) struct bytes b = BYTES_INIT(64), want = BYTES_INIT(64);
        struct why why = {0};

        assert_int_equal(gojson_canonical(&b, span_of(rows[i].in), NULL), RC_OK);
        bytes_clear(&b);
        assert_int_equal(gojson_unambiguous(&b, span_of(rows[i].in), &why), RC_MALFORMED);
        bytes_printf(&want, "member '%s' stands twice", rows[i].member);
        assert_string_equal(why.text, bytes_text(&want));
        assert_int_equal(b.len, 0);
    }

    assert_int_equal(gojson_unambiguous(&distinct, SPAN("{\"b\":{\"a\":1},\"a\":1}"), NULL), RC_OK);
    assert_string_equal(bytes_text(&distinct), "{\"a\":1,\"b\":{\"a\":1}}");
}

static void
test_bounds_the_depth(void **state)
{
    static const char *const forms[][2] = {{"[", "]"}, {"{\"a\":", "}"}};

    (void)state;
    for (size_t form = 0; form < N_ELEMENTS(forms); form++)
        for (size_t depth = GOJSON_MAX_DEPTH; depth <= GOJSON_MAX_DEPTH + 1; depth++) {
            closing(bytes_done) struct bytes in = BYTES_INIT(4096), out = BYTES_INIT(4096);

            for (size_t i = 0; i < depth; i++)
                bytes_puts(&in, forms[form][0]);
            bytes_puts(&in, form == 0 ? "" : "1");
            for (size_t i = 0; i < depth; i++)
                bytes_puts(&in, forms[form][1]);
            assert_int_equal(gojson_canonical(&out, bytes_span(&in), NULL),
                depth <= GOJSON_MAX_DEPTH ? RC_OK : RC_MALFORMED);
        }
}

static void
test_bounds_the_members_of_an_object(void **state)
{
    (void)state;
    for (size_t n = TARGETS_MAX; n <= TARGETS_MAX + 1; n++) {
        closing(bytes_done) struct bytes in = BYTES_INIT(DOCUMENT_MAX_BYTES),
                                         out = BYTES_INIT(DOCUMENT_MAX_BYTES);

        bytes_putc(&in, '{');
        for (size_t i = 0; i < n; i++)
            bytes_printf(&in, "%s\"%zu\":0", i == 0 ? "" : ",", n - i);
        bytes_putc(&in, '}');
        assert_int_equal(
            gojson_canonical(&out, bytes_span(&in), NULL), n <= TARGETS_MAX ? RC_OK : RC_TOO_LARGE);
        assert_int_equal(out.len, n <= TARGETS_MAX ? in.len : 0);
    }
}

static void
test_bounds_the_result(void **state)
{
    static const char *const in[] = {"[\"aaaa\"]", "{\"b\":1,\"a\":2}", "\"\xff\xff\""};
    static const size_t len[] = {8, 13, 8};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(in); i++) {
        closing(bytes_done) struct bytes enough = BYTES_INIT(len[i]),
                                         small = BYTES_INIT(len[i] - 1);

        assert_int_equal(gojson_canonical(&enough, span_of(in[i]), NULL), RC_OK);
        assert_int_equal(enough.len, len[i]);
        assert_int_equal(gojson_canonical(&small, span_of(in[i]), NULL), RC_TOO_LARGE);
        assert_int_equal(small.len, 0);
    }
}

static void
test_appends(void **state)
{
    closing(bytes_done) struct bytes b = BYTES_INIT(64), full = BYTES_INIT(3);

    (void)state;
    bytes_puts(&b, "x");
    assert_int_equal(gojson_canonical(&b, SPAN("{ }"), NULL), RC_OK);
    assert_string_equal(bytes_text(&b), "x{}");

    bytes_puts(&full, "xx");
    assert_int_equal(gojson_canonical(&full, SPAN("{ }"), NULL), RC_TOO_LARGE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drops_white_space_and_keeps_values),
        cmocka_unit_test(test_sorts_members_and_takes_the_last_of_each_name),
        cmocka_unit_test(test_numbers_go_through_float64),
        cmocka_unit_test(test_strings_are_decoded_as_go_does),
        cmocka_unit_test(test_a_nul_from_an_escape_stays),
        cmocka_unit_test(test_refuses_what_go_refuses),
        cmocka_unit_test(test_refuses_a_raw_nul),
        cmocka_unit_test(test_says_where_and_what),
        cmocka_unit_test(test_refuses_duplicates_where_it_is_told_to),
        cmocka_unit_test(test_bounds_the_depth),
        cmocka_unit_test(test_bounds_the_members_of_an_object),
        cmocka_unit_test(test_bounds_the_result),
        cmocka_unit_test(test_appends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
