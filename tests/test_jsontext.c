/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/jsontext.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "proto/bounds.h"

#define MUTANTS 100000

static const char *const valid[] = {
    "{}",
    "[]",
    "[[],{},[{}]]",
    " {\"a\":[1,2.5,null,true,\"x\"]}\n",
    "{\"a\":{\"a\":1}}",
    "\t[ 0 , -0 , -1 , 9223372036854775807 , -9223372036854775808 ]\r\n",
    "[0.5,-0.25e1,1E+2,2e-2,1e-999]",
    "{ \"\" : \"\" , \"b\\n\" : \"\\\"\\\\\\/\\b\\f\\n\\r\\t\" }",
    "[\"\\u0041\\u00e9\\u20AC\\ud83d\\uDE00\","
    "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\x7f\xc2\x80\"]",
    "[\"a run of plain characters \\u0022 and another \xc3\xa9 and a third one, longer than it\"]",
    "{\"method\":\"org.countersign.Agent.Sign\",\"parameters\":{\"documents\":[{\"message\":"
    "\"eyJ9\"}]}}",
};

static json_t *
parsed(const char *text)
{
    struct why why = {0};
    json_t *value = NULL;

    if (jsontext_parse(&value, span_of(text), &why))
        fail_msg("%s: %s", text, why.text);
    return value;
}

static void
test_reads_what_jansson_reads(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(valid); i++) {
        closing(json_decrefp) json_t *ours = parsed(valid[i]);
        closing(json_decrefp) json_t *theirs = json_loads(valid[i], JSON_REJECT_DUPLICATES, NULL);
        if (!theirs || !json_equal(ours, theirs))
            fail_msg("%s is something else for jansson", valid[i]);
    }
}

static void
test_refuses_what_is_no_single_json_text(void **state)
{
    static const struct {
        const char *text, *problem;
    } rows[] = {
        {"", "byte 0: want an object or an array, have the end"},
        {"1", "byte 0: want an object or an array, have 0x31"},
        {"\"a\"", "byte 0: want an object or an array, have 0x22"},
        {"\xef\xbb\xbf{}", "byte 0: want an object or an array, have 0xef"},
        {"{", "byte 1: want a string, have the end"},
        {"{}{}", "byte 2: want the end, have 0x7b"},
        {"[]]", "byte 2: want the end, have 0x5d"},
        {"[1 2]", "byte 3: want ',' or ']', have 0x32"},
        {"[1,]", "byte 3: want a value, have 0x5d"},
        {"{\"a\"}", "byte 4: want ':', have 0x7d"},
        {"{\"a\":1,}", "byte 7: want a string, have 0x7d"},
        {"{\"a\":1,\n\"a\":2}", "byte 8: member 'a' stands twice"},
        {"{\"a\":{\"b\":1,\"\\u0062\":2}}", "byte 12: member 'b' stands twice"},
        {"[nul]", "byte 1: want a value, have 0x6e"},
        {"['a']", "byte 1: want a value, have 0x27"},
        {"[01]", "byte 3: want a number of JSON, have 0x5d"},
        {"[-]", "byte 2: want a number of JSON, have 0x5d"},
        {"[1.]", "byte 3: want a digit, have 0x5d"},
        {"[1e]", "byte 3: want a digit, have 0x5d"},
        {"[1e400]", "byte 1: a number beyond float64"},
        {"[9223372036854775808]", "byte 1: integer out of range"},
        {"[\"a", "byte 3: want a character of a string, have the end"},
        {"[\"a\nb\"]", "byte 3: want a character of a string, have 0x0a"},
        {"[\"\xff\"]", "byte 2: want a character of a string, have 0xff"},
        {"[\"\xed\xa0\x80\"]", "byte 2: want a character of a string, have 0xed"},
        {"[\"\\x\"]", "byte 3: want an escape of JSON, have 0x78"},
        {"[\"\\u00g0\"]", "byte 3: want an escape of JSON, have 0x75"},
        {"[\"\\u0000\"]", "byte 8: want a character before it, neither NUL nor a lone surrogate"},
        {"[\"\\ud800\"]", "byte 8: want a character before it, neither NUL nor a lone surrogate"},
        {"[\"\\ud800\\ud800\"]", "byte 14: want a character before it, neither NUL nor a lone"},
        {"[\"\\udc00\"]", "byte 8: want a character before it, neither NUL nor a lone surrogate"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        json_t *value = NULL;
        struct why why = {"taken"};

        assert_int_not_equal(jsontext_parse(&value, span_of(rows[i].text), &why), RC_OK);
        assert_null(value);
        if (strncmp(why.text, rows[i].problem, strlen(rows[i].problem)) != 0)
            fail_msg("'%s': %s", rows[i].text, why.text);
    }
}

static void
test_a_nul_is_nowhere_allowed(void **state)
{
    json_t *value = NULL;

    (void)state;
    assert_int_equal(jsontext_parse(&value, SPAN("{}\0"), NULL), RC_MALFORMED);
    assert_int_equal(jsontext_parse(&value, SPAN("[\"a\0b\"]"), NULL), RC_MALFORMED);
    assert_int_equal(jsontext_parse(&value, SPAN("[1\0]"), NULL), RC_MALFORMED);
    assert_int_equal(jsontext_parse(&value, (struct span){0}, NULL), RC_MALFORMED);
}

static void
test_bounds_the_depth(void **state)
{
    (void)state;
    for (size_t depth = MEMBERS_MAX_DEPTH; depth <= MEMBERS_MAX_DEPTH + 1; depth++) {
        closing(bytes_done) struct bytes text = BYTES_INIT(10000);
        closing(json_decrefp) json_t *value = NULL;

        for (size_t i = 1; i < depth; i++)
            bytes_puts(&text, i % 2 ? "[" : "{\"a\":");
        bytes_puts(&text, "[]");
        for (size_t i = depth - 1; i > 0; i--)
            bytes_puts(&text, i % 2 ? "]" : "}");
        assert_int_equal(jsontext_parse(&value, bytes_span(&text), NULL),
            depth <= MEMBERS_MAX_DEPTH ? RC_OK : RC_MALFORMED);
    }
}

static void
test_writes_compact_text_in_the_order_of_insertion(void **state)
{
    static const char *const rows[] = {
        "{\"z\":1,\"a\":[true,false,null,-9223372036854775808,0.5],\"\":{}}",
        "[\"\\\"\\\\/\\u0000\\u000a\\u001f a run of plain characters \\\" and more of them\"]",
        "[\"\x7f\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\",[],[[]]]",
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(json_decrefp) json_t *value = json_loads(rows[i], JSON_ALLOW_NUL, NULL);
        closing(bytes_done) struct bytes b = BYTES_INIT(1000);

        assert_non_null(value);
        jsontext_put(&b, value);
        assert_string_equal(bytes_text(&b), rows[i]);
    }
}

/* Change, remove or repeat some bytes. */
static size_t
mutate(char *text, size_t len, unsigned *seed)
{
    static const char bytes[] = "{}[]\",:\\u0018dDeE.+-9 \n\x01\x7f\x80\xc3\xe2\xf0\xff";

    for (int n = rand_r(seed) % 3; n >= 0; n--) {
        size_t at = (size_t)rand_r(seed) % len;
        switch (rand_r(seed) % 3) {
        case 0:
            text[at] = bytes[(size_t)rand_r(seed) % (sizeof bytes - 1)];
            break;
        case 1:
            memmove(text + at, text + at + 1, len - at - 1);
            len -= len > 1;
            break;
        default:
            memmove(text + at + 1, text + at, len - at);
            len++;
        }
    }

    return len;
}

static void
assert_reads_what_it_writes(const json_t *value)
{
    closing(bytes_done) struct bytes b = BYTES_INIT(10000);
    closing(json_decrefp) json_t *again = NULL;

    jsontext_put(&b, value);
    assert_int_equal(jsontext_parse(&again, bytes_span(&b), NULL), RC_OK);
    assert_true(json_equal(value, again));
}

/* jansson, whose reader this one replaces, is the judge of what is JSON. */
static void
test_takes_of_mutants_what_jansson_takes(void **state)
{
    unsigned seed = 1;
    size_t n_taken = 0;

    (void)state;
    for (size_t i = 0; i < MUTANTS; i++) {
        const char *model = valid[(size_t)rand_r(&seed) % N_ELEMENTS(valid)];
        closing(json_decrefp) json_t *ours = NULL, *theirs = NULL;
        char text[256];
        size_t len = strlen(model);

        memcpy(text, model, len);
        len = mutate(text, len, &seed);
        theirs = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
        enum rc rc = jsontext_parse(&ours, (struct span){(const uint8_t *)text, len}, NULL);
        n_taken += !rc;
        if (!rc != !!theirs || (theirs && !json_equal(ours, theirs)))
            fail_msg("%s: '%.*s'", rc ? "refused" : "taken", (int)len, text);
        if (theirs)
            assert_reads_what_it_writes(ours);
    }
    assert_true(n_taken > MUTANTS / 20 && n_taken < MUTANTS / 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_what_jansson_reads),
        cmocka_unit_test(test_refuses_what_is_no_single_json_text),
        cmocka_unit_test(test_a_nul_is_nowhere_allowed),
        cmocka_unit_test(test_bounds_the_depth),
        cmocka_unit_test(test_writes_compact_text_in_the_order_of_insertion),
        cmocka_unit_test(test_takes_of_mutants_what_jansson_takes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
