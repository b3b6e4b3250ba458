/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/canon.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* The whole of text as one value. */
static enum rc
scan(struct span text, struct why *why)
{
    struct span value;
    struct canon c;

    canon_init(&c, text);
    enum rc rc = canon_value(&c, &value, why);
    if (rc)
        return rc;

    rc = canon_end(&c, why);
    if (rc)
        return rc;

    assert_true(span_eq(value, text));
    return RC_OK;
}

static void
test_takes_canonical_values(void **state)
{
    static const char *const rows[] = {
        "{}",
        "[]",
        "0",
        "-1",
        "9007199254740991",
        "-9007199254740991",
        "true",
        "false",
        "null",
        "\"\"",
        "\"a/b\xc3\xa9\xf0\x9f\x98\x80\"",
        "\"<a&b>\xe2\x80\xa8\"",
        "\"\\\"\\\\\"",
        "{\"\":1}",
        "{\"\":1,\"a\":2}",
        "{\"B\":1,\"_type\":2,\"a\":3,\"aa\":4,\"b\":{}}",
        "{\"z\":2,\"\xc3\xa9\":1,\"\xef\xbd\x9e\":5,\"\xef\xbf\xbd\":4,\"\xf0\x9f\x98\x80\":3}",
        "[1,[2,[],{\"a\":[{}]}],null,\"x\"]",
        "{\"a\":{\"b\":[1,2],\"c\":null},\"b\":[{\"a\":1},{\"a\":1}]}",
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct why why = {0};
        if (scan(span_of(rows[i]), &why))
            fail_msg("%s: %s", rows[i], why.text);
    }
}

static void
test_refuses_all_that_is_not_canonical(void **state)
{
    static const char *const rows[] = {
        "",
        "{",
        "}",
        "[",
        "]",
        "[}",
        "{]",
        "{\"a\":1]",
        "[1}",
        " {}",
        "{} ",
        "{}\n",
        "{ }",
        "[ ]",
        "[1, 2]",
        "{\"a\": 1}",
        "{\"a\" :1}",
        "{}{}",
        "[],",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1,,2]",
        "{,}",
        "{\"a\":1,}",
        "{,\"a\":1}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1:2}",
        "{\"a\":1\"b\":2}",
        "{a:1}",
        "{1:1}",
        "{null:1}",
        "tru",
        "True",
        "truex",
        "nullnull",
        "NaN",
        "'a'",
        "+1",
        "-",
        "--1",
        "-0",
        "00",
        "01",
        "-01",
        "1.0",
        "1.",
        ".5",
        "1e3",
        "1E3",
        "0x10",
        "9007199254740992",
        "-9007199254740992",
        "99999999999999999999999999",
        "\"",
        "\"a",
        "\"\\",
        "\"\\\"",
        "\"a\\nb\"",
        "\"\\/\"",
        "\"\\u0041\"",
        "\"\\u003c\"",
        "\"a\nb\"",
        "\"a\tb\"",
        "\"\x7f\"",
        "\"\xc2\x80\"",
        "\"\x80\"",
        "\"\xc0\x80\"",
        "\"\xe2\x82\"",
        "\"\xe2\"",
        "\"\xed\xa0\x80\"",
        "\"\xf4\x90\x80\x80\"",
        "\"\xff\"",
        "\xef\xbb\xbf{}",
        "{\"a\nb\":1}",
        "/**/{}",
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++)
        if (scan(span_of(rows[i]), NULL) != RC_MALFORMED)
            fail_msg("'%s' was taken", rows[i]);

    assert_int_equal(scan(SPAN("\"a\0b\""), NULL), RC_MALFORMED);
    assert_int_equal(scan(SPAN("{}\0"), NULL), RC_MALFORMED);
    assert_int_equal(scan((struct span){0}, NULL), RC_MALFORMED);
}

static void
test_refuses_members_twice_or_out_of_order(void **state)
{
    static const char *const rows[] = {
        "{\"a\":1,\"a\":1}", "{\"\":1,\"\":1}", "{\"b\":1,\"a\":1}", "{\"a\":1,\"\":1}",
        "{\"aa\":1,\"a\":1}", "{\"a\":1,\"B\":1}", "{\"a\":1,\"b\":1,\"a\":1}",
        "{\"\xf0\x9f\x98\x80\":3,\"\xef\xbf\xbd\":4}", /* the order of UTF-16 */
        "[{\"a\":{\"c\":1,\"b\":1}}]", "{\"\\\\\":1,\"\\\"\":1}",
        "{\"Z\":1,\"\\\"\":1}", /* 'Z' < '\' but > '"' */
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++)
        if (scan(span_of(rows[i]), NULL) != RC_MALFORMED)
            fail_msg("'%s' was taken", rows[i]);

    assert_int_equal(scan(SPAN("{\"\\\"\":1,\"Z\":1,\"\\\\\":1,\"a\":1}"), NULL), RC_OK);
}

static void
test_says_where_and_what(void **state)
{
    static const struct {
        const char *text, *sentence;
    } rows[] = {
        {"{\"a\":1 }", "byte 6: want ',' or '}', have 0x20"},
        {"[1", "byte 2: want ',' or ']', have the end"},
        {"{\"b\":1,\"a\":1}", "byte 7: member 'a' is not in order"},
        {"{\"a\":1,\"a\":1}", "byte 7: member 'a' stands twice"},
        {"[1.5]", "byte 1: a number that is no plain integer"},
        {"[\"\\n\"]", "byte 2: an escape other than \\\" and \\\\"},
        {"[\"a\nb\"]", "byte 1: string with a control character, or not in UTF-8"},
        {"[\"a", "byte 1: string without an end"},
        {"[01]", "byte 1: integer with a leading zero, or minus zero"},
        {"", "byte 0: want a value, have the end"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct why why = {0};
        assert_int_equal(scan(span_of(rows[i].text), &why), RC_MALFORMED);
        assert_string_equal(why.text, rows[i].sentence);
    }
}

static void
test_bounds_the_depth(void **state)
{
    static const char *const forms[][2] = {{"[", "]"}, {"{\"a\":", "}"}};

    (void)state;
    for (size_t form = 0; form < N_ELEMENTS(forms); form++)
        for (size_t depth = JSON_MAX_DEPTH; depth <= JSON_MAX_DEPTH + 1; depth++) {
            closing(bytes_done) struct bytes b = BYTES_INIT(1024);

            for (size_t i = 0; i < depth; i++)
                bytes_puts(&b, forms[form][0]);
            bytes_puts(&b, form == 0 ? "" : "1");
            for (size_t i = 0; i < depth; i++)
                bytes_puts(&b, forms[form][1]);
            assert_int_equal(
                scan(bytes_span(&b), NULL), depth <= JSON_MAX_DEPTH ? RC_OK : RC_MALFORMED);
        }
}

static void
test_reads_an_object_of_known_members(void **state)
{
    struct span type, value, name;
    enum canon_kind kind;
    int64_t version = 0;
    struct why why;
    struct canon c;
    bool has;

    (void)state;
    canon_init(
        &c, SPAN("{\"_type\":\"x\",\"flag\":true,\"keys\":{\"a\":[],\"b\":{}},\"version\":7}"));
    assert_int_equal(canon_peek(&c), CANON_OBJECT);
    assert_int_equal(canon_object(&c, &why), RC_OK);
    assert_int_equal(canon_expect(&c, "_type", &why), RC_OK);
    assert_int_equal(canon_peek(&c), CANON_STRING);
    assert_int_equal(canon_string(&c, &type, &why), RC_OK);
    assert_true(span_is(type, "x"));
    assert_int_equal(canon_optional(&c, "custom", &has, &why), RC_OK);
    assert_false(has);
    assert_int_equal(canon_optional(&c, "flag", &has, &why), RC_OK);
    assert_true(has);
    assert_int_equal(canon_literal(&c, &kind, &why), RC_OK);
    assert_int_equal(kind, CANON_TRUE);

    assert_int_equal(canon_expect(&c, "keys", &why), RC_OK);
    assert_int_equal(canon_object(&c, &why), RC_OK);
    assert_int_equal(canon_member(&c, &name, &has, &why), RC_OK);
    assert_true(has && span_is(name, "a"));
    assert_int_equal(canon_array(&c, &why), RC_OK);
    assert_int_equal(canon_element(&c, &has, &why), RC_OK);
    assert_false(has);
    assert_int_equal(canon_member(&c, &name, &has, &why), RC_OK);
    assert_true(has && span_is(name, "b"));
    assert_int_equal(canon_value(&c, &value, &why), RC_OK);
    assert_true(span_is(value, "{}"));
    assert_int_equal(canon_member(&c, &name, &has, &why), RC_OK);
    assert_false(has);

    assert_int_equal(canon_expect(&c, "version", &why), RC_OK);
    assert_int_equal(canon_integer(&c, &version, &why), RC_OK);
    assert_int_equal(version, 7);
    assert_int_equal(canon_optional(&c, "z", &has, &why), RC_OK);
    assert_false(has);
    assert_int_equal(canon_close(&c, &why), RC_OK);
    assert_int_equal(canon_end(&c, &why), RC_OK);
}

static void
test_names_the_member_that_is_missing_or_unknown(void **state)
{
    struct canon c;
    struct why why;
    int64_t n;

    (void)state;
    canon_init(&c, SPAN("{\"b\":1,\"x\":2}"));
    assert_int_equal(canon_object(&c, &why), RC_OK);
    assert_int_equal(canon_expect(&c, "a", &why), RC_MALFORMED);
    assert_string_equal(why.text, "byte 1: want member 'a', have 'b'");

    canon_init(&c, SPAN("{}"));
    assert_int_equal(canon_object(&c, &why), RC_OK);
    assert_int_equal(canon_expect(&c, "a", &why), RC_MALFORMED);
    assert_string_equal(why.text, "byte 1: want member 'a'");

    canon_init(&c, SPAN("{\"b\":1,\"x\":2}"));
    assert_int_equal(canon_object(&c, &why), RC_OK);
    assert_int_equal(canon_expect(&c, "b", &why), RC_OK);
    assert_int_equal(canon_integer(&c, &n, &why), RC_OK);
    assert_int_equal(canon_close(&c, &why), RC_MALFORMED);
    assert_string_equal(why.text, "byte 6: unknown or misplaced member 'x'");
}

static void
test_refuses_values_of_another_kind(void **state)
{
    enum canon_kind kind = CANON_NOTHING;
    struct span s = {0};
    struct canon c;
    int64_t n = 7;

    (void)state;
    canon_init(&c, SPAN("[]"));
    assert_int_equal(canon_object(&c, NULL), RC_MALFORMED);
    assert_int_equal(canon_string(&c, &s, NULL), RC_MALFORMED);
    assert_int_equal(canon_integer(&c, &n, NULL), RC_MALFORMED);
    assert_int_equal(canon_literal(&c, &kind, NULL), RC_MALFORMED);
    canon_init(&c, SPAN("{}"));
    assert_int_equal(canon_array(&c, NULL), RC_MALFORMED);
    canon_init(&c, SPAN("9007199254740992"));
    assert_int_equal(canon_integer(&c, &n, NULL), RC_MALFORMED);
    assert_int_equal(n, 7);
    assert_null(s.p);
    assert_int_equal(kind, CANON_NOTHING);
}

static void
test_peeks_at_every_kind(void **state)
{
    static const struct {
        const char *text;
        enum canon_kind kind;
    } rows[] = {
        {"{", CANON_OBJECT},
        {"[", CANON_ARRAY},
        {"\"", CANON_STRING},
        {"-", CANON_NUMBER},
        {"0", CANON_NUMBER},
        {"9", CANON_NUMBER},
        {"true", CANON_TRUE},
        {"false", CANON_FALSE},
        {"null", CANON_NULL},
        {"}", CANON_NOTHING},
        {" 1", CANON_NOTHING},
        {"", CANON_NOTHING},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct canon c;
        canon_init(&c, span_of(rows[i].text));
        assert_int_equal(canon_peek(&c), rows[i].kind);
        assert_int_equal(c.at, 0);
    }
}

static void
test_compares_raw_strings_by_their_decoded_bytes(void **state)
{
    static const struct {
        const char *a, *b;
        int order;
    } rows[] = {
        {"", "", 0},
        {"", "a", -1},
        {"a", "b", -1},
        {"a", "aa", -1},
        {"Z", "a", -1},
        {"\\\"", "Z", -1},
        {"\\\"", "!", 1},
        {"\\\\", "[", 1},
        {"\\\\", "]", -1},
        {"\\\"", "\\\\", -1},
        {"a\\\\b", "a\\\\b", 0},
        {"\xef\xbf\xbd", "\xf0\x9f\x98\x80", -1},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        int there = canon_cmp(span_of(rows[i].a), span_of(rows[i].b));
        int back = canon_cmp(span_of(rows[i].b), span_of(rows[i].a));
        assert_int_equal((there > 0) - (there < 0), rows[i].order);
        assert_int_equal((back > 0) - (back < 0), -rows[i].order);
    }
}

static void
test_writes_strings_that_it_reads_back(void **state)
{
    static const struct {
        const char *decoded, *written;
    } rows[] = {
        {"", "\"\""},
        {"a", "\"a\""},
        {"\"", "\"\\\"\""},
        {"\\", "\"\\\\\""},
        {"\\\"\\", "\"\\\\\\\"\\\\\""},
        {"a\"b\\c<\xc3\xa9/", "\"a\\\"b\\\\c<\xc3\xa9/\""},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(bytes_done) struct bytes b = BYTES_INIT(64), decoded = BYTES_INIT(64);
        struct span raw;
        struct canon c;

        canon_put_string(&b, span_of(rows[i].decoded));
        assert_string_equal(bytes_text(&b), rows[i].written);

        canon_init(&c, bytes_span(&b));
        assert_int_equal(canon_string(&c, &raw, NULL), RC_OK);
        assert_int_equal(canon_end(&c, NULL), RC_OK);
        canon_decode(&decoded, raw);
        assert_string_equal(bytes_text(&decoded), rows[i].decoded);
    }

    closing(bytes_done) struct bytes b = BYTES_INIT(64);
    canon_put_string(&b, (struct span){0});
    assert_string_equal(bytes_text(&b), "\"\"");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_canonical_values),
        cmocka_unit_test(test_refuses_all_that_is_not_canonical),
        cmocka_unit_test(test_refuses_members_twice_or_out_of_order),
        cmocka_unit_test(test_says_where_and_what),
        cmocka_unit_test(test_bounds_the_depth),
        cmocka_unit_test(test_reads_an_object_of_known_members),
        cmocka_unit_test(test_names_the_member_that_is_missing_or_unknown),
        cmocka_unit_test(test_refuses_values_of_another_kind),
        cmocka_unit_test(test_peeks_at_every_kind),
        cmocka_unit_test(test_compares_raw_strings_by_their_decoded_bytes),
        cmocka_unit_test(test_writes_strings_that_it_reads_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
