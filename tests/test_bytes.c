/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/bytes.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void
test_spans_compare_by_unsigned_bytes(void **state)
{
    static const struct {
        const char *a, *b;
        int order;
    } rows[] = {
        {"", "", 0},
        {NULL, "", 0},
        {NULL, "a", -1},
        {"a", "a", 0},
        {"a", "b", -1},
        {"a", "aa", -1},
        {"b", "aa", 1},
        {"z", "\xc3\xa9", -1},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct span a = span_of(rows[i].a), b = span_of(rows[i].b);
        int order = span_cmp(a, b), back = span_cmp(b, a);

        assert_int_equal((order > 0) - (order < 0), rows[i].order);
        assert_int_equal((back > 0) - (back < 0), -rows[i].order);
        assert_true(span_eq(a, b) == (order == 0));
        assert_true(span_is(a, rows[i].b) == (order == 0));
    }

    assert_false(span_is(SPAN("a\0b"), "a"));
    assert_true(span_starts(SPAN("abc"), SPAN("ab")));
    assert_true(span_starts(SPAN("abc"), SPAN("abc")));
    assert_false(span_starts(SPAN("ab"), SPAN("abc")));
    assert_false(span_starts(SPAN("abc"), SPAN("b")));
    assert_true(span_starts((struct span){0}, (struct span){0}));
}

static void
test_text_is_utf8_without_control_characters(void **state)
{
    static const struct {
        const char *text;
        bool is_text;
    } rows[] = {
        {"", true},
        {" ~", true},
        {"\x1f", false},
        {"\n", false},
        {"\x7f", false},
        {"\xc2\x80", false},
        {"\xc2\x9f", false},
        {"\xc2\xa0", true},
        {"\xdf\xbf\xe0\xa0\x80", true},
        {"\xef\xbf\xbf\xf0\x90\x80\x80", true},
        {"\xf4\x8f\xbf\xbf", true},
        {"\xf4\x90\x80\x80", false}, /* beyond U+10FFFF */
        {"\xf8\x88\x80\x80\x80", false},
        {"\xc0\xaf", false}, /* overlong */
        {"\xc1\xbf", false},
        {"\xe0\x9f\xbf", false},
        {"\xf0\x8f\xbf\xbf", false},
        {"\xed\x9f\xbf", true},
        {"\xed\xa0\x80", false}, /* surrogates */
        {"\xed\xbf\xbf", false},
        {"\xee\x80\x80", true},
        {"\x80", false},
        {"\xc3", false},
        {"\xe2\x82", false},
        {"a\xe2\x82z", false},
        {"\xff", false},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++)
        if (span_is_text(span_of(rows[i].text)) != rows[i].is_text)
            fail_msg("row %zu", i);

    assert_false(span_is_text(SPAN("a\0b")));
    assert_true(span_is_text((struct span){0}));
}

static void
test_a_sequence_of_utf8_has_a_length_and_a_code_point(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        uint32_t code;
    } rows[] = {
        {"ab", 1, 'a'},
        {"\xc3\xa9z", 2, 0xe9},
        {"\xe2\x80\xa8", 3, 0x2028},
        {"\xf0\x9f\x98\x80", 4, 0x1f600},
        {"\xf0\x9f\x98", 0, 7},
        {"\x80", 0, 7},
        {"", 0, 7},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        uint32_t code = 7;
        assert_int_equal(span_utf8(&code, span_of(rows[i].text)), rows[i].len);
        assert_int_equal(code, rows[i].code);
    }

    for (uint32_t code = 0; code <= 0x10ffff; code++) {
        closing(bytes_done) struct bytes b = BYTES_INIT(4);
        bool is_surrogate = code >= 0xd800 && code < 0xe000;
        uint32_t again = 0;

        bytes_put_utf8(&b, code);
        assert_int_equal(span_utf8(&again, bytes_span(&b)), is_surrogate ? 0 : b.len);
        assert_int_equal(again, is_surrogate ? 0 : code);
    }
}

static void
test_a_copy_ends_in_nul_and_holds_none(void **state)
{
    closing(freep) char *copy = span_dup((struct span){(const uint8_t *)"abc", 2});
    closing(freep) char *empty = span_dup((struct span){0});

    (void)state;
    assert_string_equal(copy, "ab");
    assert_string_equal(empty, "");
    assert_null(span_dup(SPAN("a\0b")));
}

static void
test_a_buffer_is_text_at_every_moment(void **state)
{
    closing(bytes_done) struct bytes b = BYTES_INIT(1000);

    (void)state;
    assert_string_equal(bytes_text(&b), "");
    bytes_puts(&b, "");
    assert_string_equal(bytes_text(&b), "");
    assert_non_null(bytes_room(&b, 500)); /* and nothing is written to it */
    assert_string_equal(bytes_text(&b), "");
    bytes_puts(&b, "abc");
    bytes_putc(&b, 'd');
    bytes_put(&b, (struct span){0});
    bytes_printf(&b, "%d%s", 5, "f");
    assert_string_equal(bytes_text(&b), "abcd5f");
    bytes_drop(&b, 0);
    bytes_drop(&b, 2);
    assert_string_equal(bytes_text(&b), "cd5f");
    bytes_cut(&b, 3);
    assert_string_equal(bytes_text(&b), "cd5");
    bytes_cut(&b, 3);
    bytes_drop(&b, 3);
    assert_string_equal(bytes_text(&b), "");
    bytes_puts(&b, "x");
    bytes_clear(&b);
    assert_string_equal(bytes_text(&b), "");
    assert_int_equal(bytes_check(&b, NULL), RC_OK);

    struct bytes nothing = BYTES_INIT(0);
    bytes_cut(&nothing, 0);
    bytes_drop(&nothing, 0);
    bytes_clear(&nothing);
    bytes_wipe(&nothing);
    assert_string_equal(bytes_text(&nothing), "");
}

static void
test_a_buffer_holds_its_maximum_and_not_one_byte_more(void **state)
{
    closing(bytes_done) struct bytes b = BYTES_INIT(100);
    struct why why;

    (void)state;
    for (size_t i = 0; i < 100; i++)
        bytes_putc(&b, 'x');
    assert_int_equal(bytes_check(&b, &why), RC_OK);
    assert_int_equal(b.len, 100);
    assert_int_equal(b.p[100], 0);
    bytes_puts(&b, "");
    assert_int_equal(bytes_check(&b, &why), RC_OK);

    bytes_putc(&b, 'x');
    assert_int_equal(bytes_check(&b, &why), RC_TOO_LARGE);
    assert_string_equal(why.text, "more than 100 bytes");
}

static void
test_a_failed_buffer_stays_empty_until_it_is_cleared(void **state)
{
    closing(bytes_done) struct bytes b = BYTES_INIT(3);

    (void)state;
    bytes_puts(&b, "abcd");
    bytes_puts(&b, "a");
    bytes_put_hex(&b, SPAN("a"));
    bytes_put_base64(&b, SPAN("a"));
    bytes_printf(&b, "a");
    assert_null(bytes_room(&b, 0));
    assert_string_equal(bytes_text(&b), "");
    assert_int_equal(b.len, 0);
    assert_int_equal(bytes_check(&b, NULL), RC_TOO_LARGE);

    bytes_clear(&b);
    bytes_puts(&b, "a");
    assert_string_equal(bytes_text(&b), "a");
    assert_int_equal(bytes_check(&b, NULL), RC_OK);

    bytes_fail(&b, RC_NO_MEMORY);
    assert_int_equal(bytes_check(&b, NULL), RC_NO_MEMORY);
    bytes_done(&b);
    assert_int_equal(b.max, 3);
    assert_int_equal(bytes_check(&b, NULL), RC_OK);
}

static void
test_hexadecimal_is_lower_case_and_of_the_wanted_length(void **state)
{
    static const char *const wrong[] = {
        "", "0", "00ff1", "00ff1", "00fF10", "00fg10", " 00ff1", "00ff100"};
    closing(bytes_done) struct bytes b = BYTES_INIT(64);
    uint8_t value[3] = {7, 7, 7};

    (void)state;
    bytes_put_hex(&b, SPAN("\x00\xff\x10"));
    assert_string_equal(bytes_text(&b), "00ff10");

    for (size_t i = 0; i < N_ELEMENTS(wrong); i++)
        assert_int_equal(hex_parse(value, 3, span_of(wrong[i]), NULL), RC_MALFORMED);
    assert_memory_equal(value, "\7\7\7", 3);
    assert_int_equal(hex_parse(value, 3, SPAN("00ff10"), NULL), RC_OK);
    assert_memory_equal(value, "\x00\xff\x10", 3);
    assert_int_equal(hex_parse(value, 0, (struct span){0}, NULL), RC_OK);
}

static void
test_base64_is_written_and_read_back(void **state)
{
    /* RFC 4648, section 10 */
    static const char *const rows[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xff\xef\xfe", "/+/+"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        /* Exactly as much room as the value needs. */
        closing(bytes_done) struct bytes text = BYTES_INIT(strlen(rows[i][1])),
                                         value = BYTES_INIT(strlen(rows[i][0]));

        bytes_put_base64(&text, span_of(rows[i][0]));
        assert_int_equal(bytes_check(&text, NULL), RC_OK);
        assert_string_equal(bytes_text(&text), rows[i][1]);
        assert_int_equal(base64_parse(&value, bytes_span(&text), NULL), RC_OK);
        assert_string_equal(bytes_text(&value), rows[i][0]);
    }
}

static void
test_base64_of_every_length_is_read_back(void **state)
{
    uint8_t in[200];

    (void)state;
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)(i * 37 + 11);

    for (size_t len = 0; len <= sizeof in; len++) {
        closing(bytes_done) struct bytes text = BYTES_INIT(400), value = BYTES_INIT(len);

        bytes_put_base64(&text, (struct span){in, len});
        assert_int_equal(base64_parse(&value, bytes_span(&text), NULL), RC_OK);
        assert_true(span_eq(bytes_span(&value), (struct span){in, len}));

        bytes_clear(&value);
        value.max = len - (len > 0);
        assert_int_equal(
            base64_parse(&value, bytes_span(&text), NULL), len > 0 ? RC_TOO_LARGE : RC_OK);
    }
}

static void
test_base64_has_one_spelling_only(void **state)
{
    static const char *const rows[] = {
        "Z",
        "Zg",
        "Zg=",
        "Zm9",
        "Zg==Zg==",
        "Z=9v",
        "=m9v",
        "Zg=v",
        "Z===",
        "====",
        "Zm=vYmFy", /* '=' in the middle */
        "Zh==",     /* bits that do not count are not zero */
        "Zm9=",
        "Zm9v\n",
        "Zm9vZm9\n",
        "\nZm9vZm9",
        "Zm 9",
        "Zm9 Zm9v",
        "Zm-_",
        "Zm9v----",
        "Zm9\xc3",
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(bytes_done) struct bytes b = BYTES_INIT(64);

        bytes_puts(&b, "before");
        if (base64_parse(&b, span_of(rows[i]), NULL) != RC_MALFORMED)
            fail_msg("'%s' was taken", rows[i]);
        assert_string_equal(bytes_text(&b), "before");
    }
}

static void
test_integers_have_one_spelling_and_bounds(void **state)
{
    static const struct {
        const char *text;
        int64_t min, max, value;
        enum rc rc;
    } rows[] = {
        {"0", 0, 0, 0, RC_OK},
        {"-1", -1, 0, -1, RC_OK},
        {"9223372036854775807", INT64_MIN, INT64_MAX, INT64_MAX, RC_OK},
        {"-9223372036854775808", INT64_MIN, INT64_MAX, INT64_MIN, RC_OK},
        {"9223372036854775808", INT64_MIN, INT64_MAX, 0, RC_MALFORMED},
        {"-9223372036854775809", INT64_MIN, INT64_MAX, 0, RC_MALFORMED},
        {"99999999999999999999999", INT64_MIN, INT64_MAX, 0, RC_MALFORMED},
        {"5", 5, 7, 5, RC_OK},
        {"7", 5, 7, 7, RC_OK},
        {"4", 5, 7, 0, RC_MALFORMED},
        {"8", 5, 7, 0, RC_MALFORMED},
        {"", 0, 9, 0, RC_MALFORMED},
        {"-", -9, 9, 0, RC_MALFORMED},
        {"--1", -9, 9, 0, RC_MALFORMED},
        {"+1", -9, 9, 0, RC_MALFORMED},
        {" 1", -9, 9, 0, RC_MALFORMED},
        {"1 ", -9, 9, 0, RC_MALFORMED},
        {"0x1", -9, 9, 0, RC_MALFORMED},
        {"1.0", -9, 9, 0, RC_MALFORMED},
        {"01", -9, 9, 0, RC_MALFORMED},
        {"00", -9, 9, 0, RC_MALFORMED},
        {"-0", -9, 9, 0, RC_MALFORMED},
        {"-01", -9, 9, 0, RC_MALFORMED},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        int64_t value = 77;
        struct why why = {0};

        enum rc rc = integer_parse(&value, span_of(rows[i].text), rows[i].min, rows[i].max, &why);
        if (rc != rows[i].rc || value != (rc ? 77 : rows[i].value))
            fail_msg("'%s': %d, %" PRId64 " %s", rows[i].text, rc, value, why.text);
    }
}

static void
test_a_digest_is_sha256(void **state)
{
    static const char *const empty =
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    static const char *const abc =
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    char hex[DIGEST_HEX_LEN + 1];
    struct digest a, b;

    (void)state;
    digest_of(&a, (struct span){0});
    digest_hex(hex, &a);
    assert_string_equal(hex, empty);
    digest_of(&b, SPAN("abc"));
    digest_hex(hex, &b);
    assert_string_equal(hex, abc);
    assert_int_equal(digest_span(&b).len, 32);
    assert_false(digest_eq(&a, &b));
    digest_of(&a, SPAN("abc"));
    assert_true(digest_eq(&a, &b));
}

static void
test_a_key_id_is_64_lower_case_digits(void **state)
{
    static const char id[] = "0b6101527b2ac766702e4b40aa2391805b70e5031c04714c748f914e89014403";
    struct keyid a = {0}, b = {0};
    struct why why;

    (void)state;
    assert_int_equal(keyid_parse(&a, SPAN(id), &why), RC_OK);
    assert_string_equal(a.hex, id);
    assert_false(keyid_eq(&a, &b));
    b = a;
    assert_true(keyid_eq(&a, &b));

    assert_int_equal(keyid_parse(&b, (struct span){(const uint8_t *)id, 63}, &why), RC_MALFORMED);
    assert_string_equal(why.text, "key ID: 63 hexadecimal digits, want 64");
    assert_int_equal(keyid_parse(&b, (struct span){(const uint8_t *)id, 65}, &why), RC_MALFORMED);
    assert_string_equal(b.hex, id);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spans_compare_by_unsigned_bytes),
        cmocka_unit_test(test_text_is_utf8_without_control_characters),
        cmocka_unit_test(test_a_sequence_of_utf8_has_a_length_and_a_code_point),
        cmocka_unit_test(test_a_copy_ends_in_nul_and_holds_none),
        cmocka_unit_test(test_a_buffer_is_text_at_every_moment),
        cmocka_unit_test(test_a_buffer_holds_its_maximum_and_not_one_byte_more),
        cmocka_unit_test(test_a_failed_buffer_stays_empty_until_it_is_cleared),
        cmocka_unit_test(test_hexadecimal_is_lower_case_and_of_the_wanted_length),
        cmocka_unit_test(test_base64_is_written_and_read_back),
        cmocka_unit_test(test_base64_of_every_length_is_read_back),
        cmocka_unit_test(test_base64_has_one_spelling_only),
        cmocka_unit_test(test_integers_have_one_spelling_and_bounds),
        cmocka_unit_test(test_a_digest_is_sha256),
        cmocka_unit_test(test_a_key_id_is_64_lower_case_digits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
