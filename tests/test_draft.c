/* SPDX-License-Identifier: Apache-2.0 */
#include "client/draft.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "proto/tuf.h"
#include "tests/forge.h"

#define EXPIRES_AT 1893456000 /* 2030-01-01T00:00:00Z */

static const struct digest zeros;

static struct edit
set(const char *name, int64_t length)
{
    return (struct edit){.kind = EDIT_SET_TARGET,
        .name = span_of(name),
        .hashes = {.sha256 = zeros, .has_sha256 = true},
        .length = length};
}

static struct edit
unset(const char *name)
{
    return (struct edit){.kind = EDIT_REMOVE_TARGET, .name = span_of(name)};
}

/* A parsed document that owns its bytes. */
struct parsed {
    struct bytes message;
    struct tuf_targets *document;
};

static void
parsed_done(struct parsed *parsed)
{
    tuf_targets_free(parsed->document);
    bytes_done(&parsed->message);
}

static struct parsed
draft_on(const struct tuf_targets *base, const struct edit *edits, size_t n)
{
    struct parsed ret = {.message = BYTES_INIT(DOCUMENT_MAX_BYTES)};
    const struct draft draft = {base, edits, n, base ? base->version + 1 : 1, EXPIRES_AT};
    struct why why = {0};

    if (draft_targets(&ret.message, &draft, &why) ||
        tuf_targets_parse(&ret.document, bytes_span(&ret.message), &why))
        fail_msg("%s", why.text);
    return ret;
}

static struct parsed
parse(const char *text)
{
    struct parsed ret = {.message = BYTES_INIT(DOCUMENT_MAX_BYTES)};
    struct why why = {0};

    bytes_puts(&ret.message, text);
    if (tuf_targets_parse(&ret.document, bytes_span(&ret.message), &why))
        fail_msg("%s", why.text);
    return ret;
}

#define HASH           "\"hashes\":{\"sha256\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}"
#define TARGET(n)      "{" HASH ",\"length\":" n "}"
#define HEAD           "{\"_type\":\"Targets\",\"delegations\":"
#define NO_ROLES       "{\"keys\":{},\"roles\":[]}"
#define EXPIRES        ",\"expires\":\"2030-01-01T00:00:00Z\",\"targets\":"
#define DOCUMENT(t, v) HEAD NO_ROLES EXPIRES "{" t "},\"version\":" v "}"

static void
test_writes_an_empty_document(void **state)
{
    (void)state;
    closing(parsed_done) struct parsed is = draft_on(NULL, NULL, 0);

    assert_string_equal(bytes_text(&is.message), DOCUMENT("", "1"));
}

static void
test_merges_targets_in_the_order_of_bytes(void **state)
{
    (void)state;
    closing(parsed_done) struct parsed base =
        parse(DOCUMENT("\"b\":" TARGET("2") ",\"d\":" TARGET("4"), "7"));
    closing(parsed_done) struct parsed same = draft_on(base.document, NULL, 0);
    assert_string_equal(
        bytes_text(&same.message), DOCUMENT("\"b\":" TARGET("2") ",\"d\":" TARGET("4"), "8"));

    const struct edit edits[] = {set("e", 5), set("a", 1), set("c", 3), unset("b"), set("d", 9)};
    closing(parsed_done) struct parsed is = draft_on(base.document, edits, N_ELEMENTS(edits));
    assert_string_equal(bytes_text(&is.message),
        DOCUMENT(
            "\"a\":" TARGET("1") ",\"c\":" TARGET("3") ",\"d\":" TARGET("9") ",\"e\":" TARGET("5"),
            "8"));
}

static void
test_lets_the_last_edit_of_a_name_win(void **state)
{
    const struct edit edits[] = {
        set("a", 1), unset("b"), set("a", 2), set("b", 3), unset("c"), set("d", 1), unset("d")};

    (void)state;
    closing(parsed_done) struct parsed is = draft_on(NULL, edits, N_ELEMENTS(edits));
    assert_string_equal(
        bytes_text(&is.message), DOCUMENT("\"a\":" TARGET("2") ",\"b\":" TARGET("3"), "1"));
}

static void
test_escapes_names_and_sorts_them_decoded(void **state)
{
    const struct edit edits[] = {set("\xf0\x9f\x98\x80", 4), set("\xc3\xa9", 3), set("a\\b", 2),
        set("a\"b", 1), set("<&>", 0)};

    (void)state;
    closing(parsed_done) struct parsed is = draft_on(NULL, edits, N_ELEMENTS(edits));
    assert_string_equal(bytes_text(&is.message),
        DOCUMENT("\"<&>\":" TARGET("0") ",\"a\\\"b\":" TARGET("1") ",\"a\\\\b\":" TARGET(
                     "2") ",\"\xc3\xa9\":" TARGET("3") ",\"\xf0\x9f\x98\x80\":" TARGET("4"),
            "1"));

    /* Replacing and removing find them again. */
    const struct edit more[] = {set("a\"b", 9), unset("a\\b")};
    closing(parsed_done) struct parsed next = draft_on(is.document, more, N_ELEMENTS(more));
    assert_int_equal(next.document->n_targets, 4);
    assert_int_equal(tuf_targets_find(next.document, SPAN("a\"b"))->length, 9);
    assert_null(tuf_targets_find(next.document, SPAN("a\\b")));
}

static void
test_keeps_sha512_and_custom(void **state)
{
    struct edit edit = set("a", 1);

    (void)state;
    edit.hashes.has_sha512 = true;
    edit.custom = SPAN("{\"x\":[1,true]}");
    closing(parsed_done) struct parsed is = draft_on(NULL, &edit, 1);
    const struct tuf_target *target = tuf_targets_find(is.document, SPAN("a"));
    assert_true(target->hashes.has_sha512);
    assert_true(span_is(target->custom, "{\"x\":[1,true]}"));
    assert_false(edit_changes(&edit, is.document));
}

static void
test_refuses_what_would_break_readers(void **state)
{
    const struct {
        const char *says;
        struct edit edit;
    } rows[] = {
        {"an empty name", {.kind = EDIT_SET_TARGET, .hashes = {.has_sha256 = true}}},
        {"a control character",
            {.kind = EDIT_SET_TARGET, .name = SPAN("a\nb"), .hashes = {.has_sha256 = true}}},
        {"invalid UTF-8",
            {.kind = EDIT_SET_TARGET, .name = SPAN("a\xff"), .hashes = {.has_sha256 = true}}},
        {"no sha256", {.kind = EDIT_SET_TARGET, .name = SPAN("a")}},
        {"another hash", {.kind = EDIT_SET_TARGET,
                             .name = SPAN("a"),
                             .hashes = {.has_sha256 = true, .has_others = true}}},
        {"a negative length", {.kind = EDIT_SET_TARGET,
                                  .name = SPAN("a"),
                                  .hashes = {.has_sha256 = true},
                                  .length = -1}},
        {"a length beyond 2^53-1", {.kind = EDIT_SET_TARGET,
                                       .name = SPAN("a"),
                                       .hashes = {.has_sha256 = true},
                                       .length = INTEGER_MAX + 1}},
        {"custom with white space", {.kind = EDIT_SET_TARGET,
                                        .name = SPAN("a"),
                                        .hashes = {.has_sha256 = true},
                                        .custom = SPAN("{ }")}},
        {"custom with '<'", {.kind = EDIT_SET_TARGET,
                                .name = SPAN("a"),
                                .hashes = {.has_sha256 = true},
                                .custom = SPAN("\"<\"")}},
        {"custom with U+2028", {.kind = EDIT_SET_TARGET,
                                   .name = SPAN("a"),
                                   .hashes = {.has_sha256 = true},
                                   .custom = SPAN("\"\u2028\"")}},
        {"custom null", {.kind = EDIT_SET_TARGET,
                            .name = SPAN("a"),
                            .hashes = {.has_sha256 = true},
                            .custom = SPAN("null")}},
        {"custom with something after it", {.kind = EDIT_SET_TARGET,
                                               .name = SPAN("a"),
                                               .hashes = {.has_sha256 = true},
                                               .custom = SPAN("1,2")}},
        {"a role that is none", {.kind = EDIT_DELEGATE, .name = SPAN("targets/A")}},
        {"a base role", {.kind = EDIT_DELEGATE, .name = SPAN("targets")}},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
        const struct draft draft = {NULL, &rows[i].edit, 1, 1, EXPIRES_AT};
        if (draft_targets(&message, &draft, NULL) != RC_MALFORMED)
            fail_msg("takes %s", rows[i].says);
    }
}

static struct edit
delegate(const char *role, struct pubkey *const *keys, size_t n_keys, const struct span *paths,
    size_t n_paths)
{
    return (struct edit){.kind = EDIT_DELEGATE,
        .name = span_of(role),
        .keys = keys,
        .n_keys = n_keys,
        .paths = paths,
        .n_paths = n_paths};
}

static void
test_delegates_in_order_and_adds_to_what_is_there(void **state)
{
    static const struct span all = {(const uint8_t *)"", 0};
    const struct span paths[] = {SPAN("v1"), SPAN("v\"2"), SPAN("v1")};
    struct forge_key a, b;
    struct why why = {0};

    (void)state;
    forge_key_init(&a, "P-256");
    forge_key_init(&b, "P-256");
    struct pubkey *const keys[] = {a.key, b.key, a.key};

    const struct edit edits[] = {
        delegate("targets/z", keys, 1, &all, 1), delegate("targets/a", keys, 3, paths, 3)};
    closing(parsed_done) struct parsed is = draft_on(NULL, edits, N_ELEMENTS(edits));
    assert_int_equal(tuf_targets_check(is.document, SPAN("targets"), &why), TUF_SOUND);
    assert_int_equal(is.document->n_roles, 2);
    assert_true(span_is(is.document->roles[0].name, "targets/z"));
    assert_int_equal(is.document->roles[1].n_keyids, 2);
    assert_int_equal(is.document->roles[1].n_paths, 2);
    assert_int_equal(is.document->roles[1].threshold, 1);
    assert_true(tuf_role_admits(&is.document->roles[1], SPAN("v\"2x")));
    assert_false(edit_changes(&edits[0], is.document));
    assert_false(edit_changes(&edits[1], is.document));

    const struct edit more = delegate("targets/z", keys + 1, 1, paths, 1);
    assert_true(edit_changes(&more, is.document));
    closing(parsed_done) struct parsed next = draft_on(is.document, &more, 1);
    assert_int_equal(next.document->roles[0].n_keyids, 2);
    assert_int_equal(next.document->roles[0].n_paths, 2);
    assert_int_equal(next.document->n_roles, 2);

    const struct edit paths_only = {
        .kind = EDIT_SET_PATHS, .name = SPAN("targets/z"), .paths = paths, .n_paths = 1};
    closing(parsed_done) struct parsed last = draft_on(next.document, &paths_only, 1);
    assert_int_equal(last.document->roles[0].n_paths, 1);
    assert_int_equal(last.document->roles[0].n_keyids, 2);

    const struct edit nobody = {.kind = EDIT_SET_PATHS, .name = SPAN("targets/none")};
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    const struct draft draft = {last.document, &nobody, 1, 9, EXPIRES_AT};
    assert_int_equal(draft_targets(&message, &draft, &why), RC_NOT_FOUND);

    forge_key_done(&a);
    forge_key_done(&b);
}

static void
test_does_not_list_one_key_under_two_forms(void **state)
{
    static const struct span all = {(const uint8_t *)"", 0};
    struct forge_key k;

    (void)state;
    forge_key_init(&k, "P-256");
    closing(pubkey_unrefp) struct pubkey *plain = pubkey_ref(k.key);
    forge_key_certify(&k, "qa", 0, EXPIRES_AT);
    struct pubkey *const keys[] = {plain, k.key};

    const struct edit edits[] = {
        delegate("targets/qa", keys, 1, &all, 1), delegate("targets/qa", keys + 1, 1, NULL, 0)};
    closing(parsed_done) struct parsed is = draft_on(NULL, edits, N_ELEMENTS(edits));
    assert_int_equal(is.document->roles[0].n_keyids, 1);
    assert_int_equal(is.document->keys.n, 1);
    assert_false(edit_changes(&edits[1], is.document));
    forge_key_done(&k);
}

static void
test_leaves_delegations_alone_that_nobody_edits(void **state)
{
    /* Go's own forms after the last role, or the last key of one, was removed */
    static const char *const delegations[] = {
        "{\"keys\":{},\"roles\":null}",
        "{\"keys\":{},\"roles\":[{\"keyids\":null,\"name\":\"targets/a\",\"threshold\":1}]}",
    };
    const struct edit edit = set("a", 1);

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(delegations); i++) {
        closing(bytes_done) struct bytes text = BYTES_INIT(4096);
        bytes_printf(&text, HEAD "%s" EXPIRES "{},\"version\":3}", delegations[i]);
        closing(parsed_done) struct parsed base = parse(bytes_text(&text));
        closing(parsed_done) struct parsed is = draft_on(base.document, &edit, 1);
        assert_true(span_is(is.document->delegations, delegations[i]));
    }
}

/* What somebody else made of base, replayed on ours. */
static struct parsed
replay(const struct tuf_targets *base, const struct tuf_targets *theirs,
    const struct tuf_targets *ours)
{
    closing(difference_done) struct difference difference = {0};
    struct edit edits[8] = {0};

    assert_int_equal(difference_of(&difference, base, theirs, NULL), RC_OK);
    assert_in_range(difference.n, 0, N_ELEMENTS(edits));
    for (size_t i = 0; i < difference.n; i++)
        edits[i] = (struct edit){
            .kind = EDIT_REPLAY, .change = &difference.changes[i], .change_keys = &theirs->keys};

    return draft_on(ours, edits, difference.n);
}

static void
test_replays_targets_unless_they_changed_since(void **state)
{
    const struct edit theirs_edits[] = {
        set("new", 1), unset("gone"), set("changed", 2), set("both", 2), unset("kept")};
    const struct edit ours_edits[] = {set("both", 3), set("kept", 3), set("ours", 4)};

    (void)state;
    closing(parsed_done) struct parsed base =
        parse(DOCUMENT("\"both\":" TARGET("1") ",\"changed\":" TARGET("1") ",\"gone\":" TARGET(
                           "1") ",\"kept\":" TARGET("1"),
            "5"));
    closing(parsed_done) struct parsed theirs =
        draft_on(base.document, theirs_edits, N_ELEMENTS(theirs_edits));
    closing(parsed_done) struct parsed ours =
        draft_on(base.document, ours_edits, N_ELEMENTS(ours_edits));

    closing(parsed_done) struct parsed is = replay(base.document, theirs.document, ours.document);
    assert_string_equal(bytes_text(&is.message),
        DOCUMENT("\"both\":" TARGET("3") ",\"changed\":" TARGET("2") ",\"kept\":" TARGET(
                     "3") ",\"new\":" TARGET("1") ",\"ours\":" TARGET("4"),
            "7"));
}

static void
test_replays_delegations_with_their_keys(void **state)
{
    static const struct span all = {(const uint8_t *)"", 0};
    struct forge_key a, b;

    (void)state;
    forge_key_init(&a, "P-256");
    forge_key_init(&b, "P-256");
    const struct edit before = delegate("targets/old", &a.key, 1, &all, 1);
    closing(parsed_done) struct parsed base = draft_on(NULL, &before, 1);

    const struct edit added = delegate("targets/new", &b.key, 1, &all, 1);
    closing(parsed_done) struct parsed theirs = draft_on(NULL, &added, 1); /* and old is gone */
    const struct edit tag = set("v1", 1);
    closing(parsed_done) struct parsed ours = draft_on(base.document, &tag, 1);

    closing(parsed_done) struct parsed is = replay(base.document, theirs.document, ours.document);
    assert_int_equal(is.document->n_roles, 1);
    assert_true(span_is(is.document->roles[0].name, "targets/new"));
    assert_int_equal(is.document->keys.n, 1);
    assert_non_null(tuf_keys_find(&is.document->keys, pubkey_id(b.key)));
    assert_non_null(tuf_targets_find(is.document, SPAN("v1")));
    forge_key_done(&a);
    forge_key_done(&b);
}

static void
test_bounds_the_paths_of_a_role(void **state)
{
    static char texts[PATHS_MAX + 1][8];
    static struct span paths[PATHS_MAX + 1];

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(paths); i++) {
        snprintf(texts[i], sizeof texts[i], "v%zu", i);
        paths[i] = span_of(texts[i]);
    }

    for (size_t n = PATHS_MAX; n <= PATHS_MAX + 1; n++) {
        closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
        const struct edit edit = delegate("targets/a", NULL, 0, paths, n);
        const struct draft draft = {NULL, &edit, 1, 1, EXPIRES_AT};
        assert_int_equal(
            draft_targets(&message, &draft, NULL), n == PATHS_MAX ? RC_OK : RC_TOO_LARGE);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writes_an_empty_document),
        cmocka_unit_test(test_merges_targets_in_the_order_of_bytes),
        cmocka_unit_test(test_lets_the_last_edit_of_a_name_win),
        cmocka_unit_test(test_escapes_names_and_sorts_them_decoded),
        cmocka_unit_test(test_keeps_sha512_and_custom),
        cmocka_unit_test(test_refuses_what_would_break_readers),
        cmocka_unit_test(test_delegates_in_order_and_adds_to_what_is_there),
        cmocka_unit_test(test_does_not_list_one_key_under_two_forms),
        cmocka_unit_test(test_leaves_delegations_alone_that_nobody_edits),
        cmocka_unit_test(test_replays_targets_unless_they_changed_since),
        cmocka_unit_test(test_replays_delegations_with_their_keys),
        cmocka_unit_test(test_bounds_the_paths_of_a_role),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
