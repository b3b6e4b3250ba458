/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/difference.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define KEYID_1 "1000000000000000000000000000000000000000000000000000000000000000"
#define KEYID_2 "2000000000000000000000000000000000000000000000000000000000000000"

/* A document with these delegations and targets, and what it was read from. */
struct document {
    struct bytes text;
    struct tuf_targets *targets;
};

static void
document_init(struct document *d, const char *roles, const char *targets)
{
    struct why why = {0};

    d->text = BYTES_INIT(DOCUMENT_MAX_BYTES);
    bytes_printf(&d->text,
        "{\"_type\":\"Targets\",\"delegations\":{\"keys\":{},\"roles\":%s},"
        "\"expires\":\"2029-11-22T13:44:54Z\",\"targets\":%s,\"version\":1}",
        roles, targets);
    if (tuf_targets_parse(&d->targets, bytes_span(&d->text), &why))
        fail_msg("%s: %s", bytes_text(&d->text), why.text);
}

static void
document_done(struct document *d)
{
    tuf_targets_free(d->targets);
    bytes_done(&d->text);
}

/* "+a" added, "-a" removed, "~a" changed. */
static void
put_changes(struct bytes *b, const struct difference *d)
{
    for (size_t i = 0; i < d->n; i++) {
        const struct change *change = &d->changes[i];
        bool was = change->tag_was || change->role_was, is = change->tag_is || change->role_is;

        assert_int_equal(change->kind == CHANGE_TAG, change->tag_was || change->tag_is);
        bytes_printf(b, "%s%c", i == 0 ? "" : " ", was && is ? '~' : is ? '+' : '-');
        bytes_put(b, change->name);
    }
}

#define T(name, length) "\"" name "\":{\"hashes\":{},\"length\":" #length "}"
#define R(name, keyids, rest)                                                                      \
    "{\"keyids\":" keyids ",\"name\":\"targets/" name "\"" rest ",\"threshold\":1}"
#define K1  "[\"" KEYID_1 "\"]"
#define K2  "[\"" KEYID_2 "\"]"
#define ALL ",\"paths\":[\"\"]"

static const struct {
    const char *says, *was_roles, *was, *is_roles, *is, *changes;
} rows[] = {
    {"nothing", "[]", "{}", "[]", "{}", ""},
    {"nothing, in other words", "null", "null", "[]", "{}", ""},
    {"a tag added", "[]", "{" T("a", 1) "}", "[]", "{" T("a", 1) "," T("b", 1) "}", "+b"},
    {"a tag removed", "[]", "{" T("a", 1) "," T("b", 1) "}", "[]", "{" T("b", 1) "}", "-a"},
    {"a tag changed", "[]", "{" T("a", 1) "}", "[]", "{" T("a", 2) "}", "~a"},
    {"custom added", "[]", "{" T("a", 1) "}", "[]",
        "{\"a\":{\"custom\":{},\"hashes\":{},\"length\":1}}", "~a"},
    {"tags in the order of their decoded names", "[]", "{" T("B", 1) "," T("a]", 1) "}", "[]",
        "{" T("a", 1) "," T("a\\\\", 1) "}", "-B +a +a\\\\ -a]"},
    {"all of them", "[]", "{" T("a", 1) "," T("c", 1) "," T("d", 1) "}", "[]",
        "{" T("b", 1) "," T("c", 2) "," T("d", 1) "," T("e", 1) "}", "-a +b ~c +e"},
    {"a role added", "[" R("a", K1, ALL) "]", "{}", "[" R("b", K1, ALL) "," R("a", K1, ALL) "]",
        "{}", "+targets/b"},
    {"a role removed", "[" R("b", K1, ALL) "," R("a", K1, ALL) "]", "{}", "[" R("a", K1, ALL) "]",
        "{}", "-targets/b"},
    {"another key", "[" R("a", K1, ALL) "]", "{}", "[" R("a", K2, ALL) "]", "{}", "~targets/a"},
    {"no key left", "[" R("a", K1, ALL) "]", "{}", "[" R("a", "null", ALL) "]", "{}", "~targets/a"},
    {"another path", "[" R("a", K1, ALL) "]", "{}", "[" R("a", K1, ",\"paths\":[\"v\"]") "]", "{}",
        "~targets/a"},
    {"a path more", "[" R("a", K1, ALL) "]", "{}", "[" R("a", K1, ",\"paths\":[\"\",\"v\"]") "]",
        "{}", "~targets/a"},
    {"no paths", "[" R("a", K1, ALL) "]", "{}", "[" R("a", K1, "") "]", "{}", "~targets/a"},
    {"another threshold", "[" R("a", K1, ALL) "]", "{}",
        "[{\"keyids\":" K1 ",\"name\":\"targets/a\"" ALL ",\"threshold\":2}]", "{}", "~targets/a"},
    {"tags, then roles, then removed ones", "[" R("a", K1, ALL) "," R("b", K1, ALL) "]", "{}",
        "[" R("c", K1, ALL) "," R("b", K2, ALL) "]", "{" T("z", 1) "}",
        "+z +targets/c ~targets/b -targets/a"},
};

static void
test_finds_what_changed(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(bytes_done) struct bytes changes = BYTES_INIT(4096);
        closing(difference_done) struct difference difference = {0};
        closing(document_done) struct document was = {0};
        closing(document_done) struct document is = {0};

        document_init(&was, rows[i].was_roles, rows[i].was);
        document_init(&is, rows[i].is_roles, rows[i].is);
        assert_int_equal(difference_of(&difference, was.targets, is.targets, NULL), RC_OK);
        put_changes(&changes, &difference);
        if (strcmp(bytes_text(&changes), rows[i].changes) != 0)
            fail_msg("%s: %s, want %s", rows[i].says, bytes_text(&changes), rows[i].changes);
    }
}

static void
test_takes_all_for_new_where_there_was_nothing(void **state)
{
    closing(bytes_done) struct bytes changes = BYTES_INIT(4096);
    closing(difference_done) struct difference difference = {0};
    closing(document_done) struct document is = {0};

    (void)state;
    document_init(&is, "[" R("a", K1, ALL) "]", "{" T("v1", 1) "}");
    assert_int_equal(difference_of(&difference, NULL, is.targets, NULL), RC_OK);
    put_changes(&changes, &difference);
    assert_string_equal(bytes_text(&changes), "+v1 +targets/a");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_what_changed),
        cmocka_unit_test(test_takes_all_for_new_where_there_was_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
