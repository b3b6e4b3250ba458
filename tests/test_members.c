/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/members.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* All that a reader can ask for, asked of one object. */
struct answers {
    const char *text, *text_maybe;
    int64_t number, number_maybe;
    bool flag;
    const json_t *array, *array_maybe, *object, *object_maybe;
};

static enum rc
ask(struct answers *ret, const json_t *object, const char *place, struct why *why)
{
    struct members m;

    members_open(&m, object, place);
    members_text(&m, "text", &ret->text);
    members_text_maybe(&m, "text_maybe", &ret->text_maybe);
    members_int(&m, "number", 1, 10, &ret->number);
    members_int_maybe(&m, "number_maybe", -1, 1, &ret->number_maybe);
    members_bool_maybe(&m, "flag", &ret->flag);
    members_array(&m, "array", 2, &ret->array);
    members_array_maybe(&m, "array_maybe", 0, &ret->array_maybe);
    members_object(&m, "object", &ret->object);
    members_object_maybe(&m, "object_maybe", &ret->object_maybe);
    return members_close(&m, why);
}

static json_t *
parsed(const char *text)
{
    struct why why = {0};
    json_t *value = NULL;

    if (members_parse(&value, span_of(text), &why))
        fail_msg("%s: %s", text, why.text);
    return value;
}

static void
test_reads_every_kind(void **state)
{
    closing(json_decrefp) json_t *value =
        parsed("{\"text\":\"t\",\"text_maybe\":\"\",\"number\":10,\"number_maybe\":-1,"
               "\"flag\":true,\"array\":[1,2],\"array_maybe\":[],\"object\":{},"
               "\"object_maybe\":{\"a\":1}}");
    struct answers have = {0};

    (void)state;
    assert_int_equal(ask(&have, value, "x", NULL), RC_OK);
    assert_string_equal(have.text, "t");
    assert_string_equal(have.text_maybe, "");
    assert_int_equal(have.number, 10);
    assert_int_equal(have.number_maybe, -1);
    assert_true(have.flag);
    assert_ptr_equal(have.array, json_object_get(value, "array"));
    assert_ptr_equal(have.array_maybe, json_object_get(value, "array_maybe"));
    assert_ptr_equal(have.object, json_object_get(value, "object"));
    assert_ptr_equal(have.object_maybe, json_object_get(value, "object_maybe"));
}

static void
test_absent_and_null_leave_the_default(void **state)
{
    static const char *const rows[] = {
        "{\"text\":\"t\",\"number\":1,\"array\":[],\"object\":{}}",
        "{\"text\":\"t\",\"number\":1,\"array\":[],\"object\":{},\"text_maybe\":null,"
        "\"number_maybe\":null,\"flag\":null,\"array_maybe\":null,\"object_maybe\":null}",
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(json_decrefp) json_t *value = parsed(rows[i]);
        struct answers have = {.text_maybe = "default", .number_maybe = 77, .flag = true};

        assert_int_equal(ask(&have, value, "x", NULL), RC_OK);
        assert_string_equal(have.text_maybe, "default");
        assert_int_equal(have.number_maybe, 77);
        assert_true(have.flag);
        assert_null(have.array_maybe);
        assert_null(have.object_maybe);
    }
}

#define WHOLE "\"text\":\"t\",\"number\":1,\"array\":[],\"object\":{}"

static void
test_names_the_first_problem_and_its_place(void **state)
{
    static const struct {
        const char *text, *sentence;
        enum rc rc;
    } rows[] = {
        {"{}", "p[0].text: want text, have nothing", RC_MALFORMED},
        {"{\"text\":null}", "p[0].text: want text, have null", RC_MALFORMED},
        {"{\"text\":1}", "p[0].text: want text without NUL, have an integer", RC_MALFORMED},
        {"{\"text\":\"t\"}", "p[0].number: want an integer, have nothing", RC_MALFORMED},
        {"{\"text\":\"t\",\"number\":1.0}", "p[0].number: want an integer, have a fraction",
            RC_MALFORMED},
        {"{\"text\":\"t\",\"number\":\"1\"}", "p[0].number: want an integer, have text",
            RC_MALFORMED},
        {"{\"text\":\"t\",\"number\":0}", "p[0].number: want 1 to 10, have 0", RC_MALFORMED},
        {"{\"text\":\"t\",\"number\":11}", "p[0].number: want 1 to 10, have 11", RC_MALFORMED},
        {"{\"text\":\"t\",\"number\":1,\"array\":{}}", "p[0].array: want an array, have an object",
            RC_MALFORMED},
        {"{\"text\":\"t\",\"number\":1,\"array\":[1,2,3]}",
            "p[0].array: 3 elements, the limit is 2", RC_TOO_LARGE},
        {"{\"text\":\"t\",\"number\":1,\"array\":[],\"object\":[]}",
            "p[0].object: want an object, have an array", RC_MALFORMED},
        {"{" WHOLE ",\"flag\":\"true\"}", "p[0].flag: want true or false, have text", RC_MALFORMED},
        {"{" WHOLE ",\"flag\":0}", "p[0].flag: want true or false, have an integer", RC_MALFORMED},
        {"{" WHOLE ",\"number_maybe\":2}", "p[0].number_maybe: want -1 to 1, have 2", RC_MALFORMED},
        {"{" WHOLE ",\"number_maybe\":-2}", "p[0].number_maybe: want -1 to 1, have -2",
            RC_MALFORMED},
        {"{" WHOLE ",\"text_maybe\":false}", "p[0].text_maybe: want text without NUL, have false",
            RC_MALFORMED},
        {"{" WHOLE ",\"array_maybe\":[1]}", "p[0].array_maybe: 1 elements, the limit is 0",
            RC_TOO_LARGE},
        {"{" WHOLE ",\"array_maybe\":true}", "p[0].array_maybe: want an array, have true",
            RC_MALFORMED},
        {"{" WHOLE ",\"object_maybe\":[]}", "p[0].object_maybe: want an object, have an array",
            RC_MALFORMED},
        {"{" WHOLE ",\"other\":1}", "p[0]: unknown member 'other'", RC_MALFORMED},
        {"{" WHOLE ",\"Text\":null}", "p[0]: unknown member 'Text'", RC_MALFORMED},
        {"[]", "p[0]: want an object, have an array", RC_MALFORMED},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(json_decrefp) json_t *value = parsed(rows[i].text);
        struct answers have = {0};
        struct why why = {0};

        assert_int_equal(ask(&have, value, "p[0]", &why), rows[i].rc);
        assert_string_equal(why.text, rows[i].sentence);
    }
}

static void
test_the_top_has_no_place(void **state)
{
    closing(json_decrefp) json_t *value = parsed("{" WHOLE ",\"other\":1}");
    closing(json_decrefp) json_t *empty = parsed("{}");
    struct answers have = {0};
    struct why why = {0};

    (void)state;
    assert_int_equal(ask(&have, value, "", &why), RC_MALFORMED);
    assert_string_equal(why.text, "unknown member 'other'");
    assert_int_equal(ask(&have, empty, "", &why), RC_MALFORMED);
    assert_string_equal(why.text, "text: want text, have nothing");
    assert_int_equal(ask(&have, NULL, "", &why), RC_MALFORMED);
    assert_string_equal(why.text, "message: want an object, have nothing");
    assert_int_equal(ask(&have, NULL, "", NULL), RC_MALFORMED);
}

static void
test_a_wrong_member_leaves_the_result_alone(void **state)
{
    closing(json_decrefp) json_t *value = parsed("{\"text\":1,\"number\":5}");
    struct answers have = {.text = "before", .number = 77};

    (void)state;
    assert_int_equal(ask(&have, value, "", NULL), RC_MALFORMED);
    assert_string_equal(have.text, "before");
    assert_int_equal(have.number, 77); /* nothing is read after the first problem */
}

static void
test_text_with_a_nul_is_refused(void **state)
{
    closing(json_decrefp) json_t *value = json_object();
    const char *text = NULL;
    struct members m;

    (void)state;
    assert_int_equal(json_object_set_new(value, "a", json_stringn("x\0y", 3)), 0);
    members_open(&m, value, "");
    members_text(&m, "a", &text);
    assert_int_equal(members_close(&m, NULL), RC_MALFORMED);
    assert_null(text);
}

static void
test_the_tolerant_close_ignores_unknown_members_only(void **state)
{
    closing(json_decrefp) json_t *value = parsed("{\"a\":\"x\",\"b\":1}");
    const char *text = NULL;
    struct members m;

    (void)state;
    members_open(&m, value, "answer");
    members_text(&m, "a", &text);
    assert_int_equal(members_close_tolerant(&m, NULL), RC_OK);
    assert_string_equal(text, "x");

    members_open(&m, value, "answer");
    members_text(&m, "b", &text);
    assert_int_equal(members_close_tolerant(&m, NULL), RC_MALFORMED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_every_kind),
        cmocka_unit_test(test_absent_and_null_leave_the_default),
        cmocka_unit_test(test_names_the_first_problem_and_its_place),
        cmocka_unit_test(test_the_top_has_no_place),
        cmocka_unit_test(test_a_wrong_member_leaves_the_result_alone),
        cmocka_unit_test(test_text_with_a_nul_is_refused),
        cmocka_unit_test(test_the_tolerant_close_ignores_unknown_members_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
