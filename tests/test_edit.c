/* SPDX-License-Identifier: Apache-2.0 */
/* Edits that take something away; how targets and roles are added is in test_draft.c. */
#include "client/edit.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "client/draft.h"
#include "client/intent.h"
#include "proto/tuf.h"
#include "tests/forge.h"

#define EXPIRES "2030-01-01T00:00:00Z"
#define TARGET                                                                                     \
    "{\"hashes\":{\"sha256\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"},\"length\":1}"

static struct forge_key a, b, certified; /* certified is a under its certificate */

static int
set_up(void **state)
{
    (void)state;
    forge_key_init(&a, "P-256");
    forge_key_init(&b, "P-256");
    certified = a;
    certified.key = pubkey_ref(a.key);
    forge_key_certify(&certified, "a", 0, 1893456000);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    pubkey_unref(certified.key);
    forge_key_done(&a);
    forge_key_done(&b);
    return 0;
}

struct scene {
    struct bytes was_message, is_message;
    struct tuf_targets *was, *is;
    struct intent intent;
};

static void
scene_init(struct scene *s, const struct forge_role *roles, size_t n_roles, const char *targets)
{
    *s = (struct scene){.was_message = BYTES_INIT(DOCUMENT_MAX_BYTES),
        .is_message = BYTES_INIT(DOCUMENT_MAX_BYTES)};
    forge_targets(&s->was_message, 4, EXPIRES, roles, n_roles, targets);
    assert_int_equal(tuf_targets_parse(&s->was, bytes_span(&s->was_message), NULL), RC_OK);
}

static void
scene_done(struct scene *s)
{
    intent_done(&s->intent);
    tuf_targets_free(s->was);
    tuf_targets_free(s->is);
    bytes_done(&s->was_message);
    bytes_done(&s->is_message);
}

/* Make the edits; the document that comes out is sound, and nobody finds more in it than edits. */
static void
apply(struct scene *s, const struct edit *edits, size_t n)
{
    closing(bytes_done) struct bytes file = BYTES_INIT(DOCUMENT_MAX_BYTES);
    const struct forge_key *const signers[FORGE_KEYS_MAX] = {&b};
    const struct draft draft = {s->was, edits, n, 5, 1893456000};
    struct why why = {0};

    bytes_clear(&s->is_message);
    tuf_targets_free(s->is);
    s->is = NULL;
    if (draft_targets(&s->is_message, &draft, &why) ||
        tuf_targets_parse(&s->is, bytes_span(&s->is_message), &why))
        fail_msg("%s", why.text);
    if (tuf_targets_check(s->is, SPAN("targets"), &why))
        fail_msg("%s", why.text);

    forge_file(&file, bytes_span(&s->was_message), signers);
    assert_int_equal(intent_of_targets(&s->intent, bytes_span(&file), s->is, 1, NULL), RC_OK);
    if (intent_check_edits(&s->intent, edits, n, &why))
        fail_msg("%s", why.text);
    for (size_t i = 0; i < n; i++)
        assert_false(edit_changes(&edits[i], s->is));
}

static void
assert_delegations(const struct scene *s, const char *want)
{
    closing(freep) char *is = span_dup(s->is->delegations);

    assert_string_equal(is, want);
}

static void
test_removes_a_role_with_the_keys_that_nobody_else_has(void **state)
{
    const struct forge_role roles[] = {
        {"targets/one", {&a, &b}, 1, "[\"\"]"}, {"targets/two", {&b}, 1, "[\"\"]"}};
    closing(scene_done) struct scene s;

    (void)state;
    scene_init(&s, roles, N_ELEMENTS(roles), "{}");
    const struct edit one = {.kind = EDIT_REMOVE_ROLE, .name = SPAN("targets/one")};
    assert_true(edit_changes(&one, s.was));
    apply(&s, &one, 1);
    assert_int_equal(s.is->n_roles, 1);
    assert_int_equal(s.is->keys.n, 1);
    assert_non_null(tuf_keys_find(&s.is->keys, pubkey_id(b.key)));

    const struct edit both[] = {one, {.kind = EDIT_REMOVE_ROLE, .name = SPAN("targets/two")},
        {.kind = EDIT_REMOVE_ROLE, .name = SPAN("targets/three")}};
    apply(&s, both, N_ELEMENTS(both));
    assert_delegations(&s, "{\"keys\":{},\"roles\":null}");
    assert_false(edit_changes(&both[2], s.was));
}

static void
test_removes_keys_by_either_of_their_ids(void **state)
{
    const struct forge_role roles[] = {{"targets/one", {&certified, &b}, 1, "[\"\"]"}};
    const struct keyid *ids[] = {pubkey_canonical_id(a.key), pubkey_id(certified.key)};
    closing(scene_done) struct scene s;

    (void)state;
    assert_false(keyid_eq(ids[0], ids[1]));
    scene_init(&s, roles, N_ELEMENTS(roles), "{}");
    for (size_t i = 0; i < N_ELEMENTS(ids); i++) {
        const struct edit edit = {
            .kind = EDIT_REMOVE_KEYS, .name = SPAN("targets/one"), .ids = ids[i], .n_ids = 1};
        assert_true(edit_changes(&edit, s.was));
        apply(&s, &edit, 1);
        assert_int_equal(s.is->roles[0].n_keyids, 1);
        assert_int_equal(s.is->keys.n, 1);
        assert_true(keyid_eq(&s.is->roles[0].keyids[0], pubkey_id(b.key)));
    }

    const struct keyid all[] = {*pubkey_id(certified.key), *pubkey_id(b.key)};
    const struct edit last = {
        .kind = EDIT_REMOVE_KEYS, .name = SPAN("targets/one"), .ids = all, .n_ids = 2};
    apply(&s, &last, 1);
    assert_delegations(&s,
        "{\"keys\":{},\"roles\":[{\"keyids\":null,\"name\":\"targets/one\",\"paths\":[\"\"],"
        "\"threshold\":1}]}");
}

static void
test_purges_a_key_from_all_roles(void **state)
{
    const struct forge_role roles[] = {{"targets/one", {&certified, &b}, 1, "[\"\"]"},
        {"targets/two", {&b}, 1, NULL}, {"targets/three", {&certified}, 1, "[\"v\"]"}};
    closing(scene_done) struct scene s;

    (void)state;
    scene_init(&s, roles, N_ELEMENTS(roles), "{}");
    const struct edit purge = {
        .kind = EDIT_PURGE_KEYS, .ids = pubkey_canonical_id(a.key), .n_ids = 1};
    assert_true(edit_changes(&purge, s.was));
    apply(&s, &purge, 1);
    assert_int_equal(s.is->roles[0].n_keyids, 1);
    assert_int_equal(s.is->roles[1].n_keyids, 1);
    assert_int_equal(s.is->roles[2].n_keyids, 0);
    assert_true(s.is->roles[2].keyids_null);
    assert_int_equal(s.is->keys.n, 1);
}

static void
test_removes_paths_and_leaves_no_empty_list(void **state)
{
    const struct forge_role roles[] = {{"targets/one", {&a}, 1, "[\"v1\",\"q\\\"\",\"\"]"}};
    const struct span paths[] = {SPAN("q\""), SPAN(""), SPAN("v1"), SPAN("none")};
    closing(scene_done) struct scene s;

    (void)state;
    scene_init(&s, roles, N_ELEMENTS(roles), "{}");
    struct edit edit = {
        .kind = EDIT_REMOVE_PATHS, .name = SPAN("targets/one"), .paths = paths, .n_paths = 2};
    apply(&s, &edit, 1);
    assert_int_equal(s.is->roles[0].n_paths, 1);
    assert_true(span_is(s.is->roles[0].paths[0], "v1"));
    edit.n_paths = 4;
    apply(&s, &edit, 1);
    assert_false(s.is->roles[0].has_paths);
}

static void
test_sets_a_threshold_of_a_role_that_is_there(void **state)
{
    const struct forge_role roles[] = {{"targets/one", {&a, &b}, 1, "[\"\"]"}};
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(scene_done) struct scene s;
    struct pubkey *const keys[] = {a.key, b.key};

    (void)state;
    scene_init(&s, roles, N_ELEMENTS(roles), "{}");
    struct edit edit = {.kind = EDIT_SET_THRESHOLD, .name = SPAN("targets/one"), .threshold = 2};
    apply(&s, &edit, 1);
    assert_int_equal(s.is->roles[0].threshold, 2);

    const struct edit delegate = {.kind = EDIT_DELEGATE,
        .name = SPAN("targets/two"),
        .keys = keys,
        .n_keys = 2,
        .threshold = 2};
    apply(&s, &delegate, 1);
    assert_int_equal(s.is->roles[1].threshold, 2);

    edit.name = SPAN("targets/none");
    const struct draft draft = {s.was, &edit, 1, 5, 1893456000};
    assert_int_equal(draft_targets(&message, &draft, NULL), RC_NOT_FOUND);
    edit.threshold = 0;
    assert_int_equal(edit_check(&edit, NULL), RC_MALFORMED);
    edit.threshold = KEYS_MAX + 1;
    assert_int_equal(edit_check(&edit, NULL), RC_MALFORMED);
}

static void
test_a_role_that_others_removed_does_not_come_back_with_one_key_more(void **state)
{
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    struct pubkey *const keys[] = {a.key};
    const struct edit edit = {.kind = EDIT_DELEGATE,
        .name = SPAN("targets/one"),
        .keys = keys,
        .n_keys = 1,
        .needs_role = true};
    closing(scene_done) struct scene s;

    (void)state;
    scene_init(&s, NULL, 0, "{}");
    const struct draft draft = {s.was, &edit, 1, 5, 1893456000};
    assert_int_equal(draft_targets(&message, &draft, NULL), RC_NOT_FOUND);
}

static void
test_keeps_only_targets_that_are_named(void **state)
{
    const struct span names[] = {SPAN("q\""), SPAN("none")};
    closing(scene_done) struct scene s;

    (void)state;
    scene_init(&s, NULL, 0, "{\"a\":" TARGET ",\"q\\\"\":" TARGET ",\"z\":" TARGET "}");
    struct edit edit = {.kind = EDIT_KEEP_TARGETS, .names = names, .n_names = 2};
    assert_true(edit_changes(&edit, s.was));
    apply(&s, &edit, 1);
    assert_int_equal(s.is->n_targets, 1);
    assert_non_null(tuf_targets_find(s.is, SPAN("q\"")));
    edit.n_names = 0;
    apply(&s, &edit, 1);
    assert_int_equal(s.is->n_targets, 0);
    assert_false(edit_changes(&edit, NULL));
}

static void
test_a_document_that_changes_more_than_was_meant_is_refused(void **state)
{
    const struct forge_role roles[] = {
        {"targets/one", {&a, &b}, 1, "[\"\"]"}, {"targets/two", {&a, &b}, 1, "[\"\"]"}};
    const struct span kept = SPAN("v1");
    const struct edit purge = {
        .kind = EDIT_PURGE_KEYS, .ids = pubkey_canonical_id(a.key), .n_ids = 1};
    const struct edit others[] = {
        {.kind = EDIT_PURGE_KEYS, .ids = pubkey_canonical_id(b.key), .n_ids = 1},
        {.kind = EDIT_REMOVE_KEYS,
            .name = SPAN("targets/one"),
            .ids = pubkey_canonical_id(a.key),
            .n_ids = 1},
        {.kind = EDIT_KEEP_TARGETS, .names = &kept, .n_names = 1},
    };
    closing(scene_done) struct scene s;

    (void)state;
    scene_init(&s, roles, N_ELEMENTS(roles), "{\"v1\":" TARGET "}");
    apply(&s, &purge, 1);
    for (size_t i = 0; i < N_ELEMENTS(others); i++)
        assert_int_equal(intent_check_edits(&s.intent, &others[i], 1, NULL), RC_UNTRUSTED);

    const struct edit remove = {.kind = EDIT_REMOVE_TARGET, .name = SPAN("v1")};
    apply(&s, &remove, 1);
    assert_int_equal(intent_check_edits(&s.intent, &others[2], 1, NULL), RC_UNTRUSTED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_removes_a_role_with_the_keys_that_nobody_else_has),
        cmocka_unit_test(test_removes_keys_by_either_of_their_ids),
        cmocka_unit_test(test_purges_a_key_from_all_roles),
        cmocka_unit_test(test_removes_paths_and_leaves_no_empty_list),
        cmocka_unit_test(test_sets_a_threshold_of_a_role_that_is_there),
        cmocka_unit_test(test_a_role_that_others_removed_does_not_come_back_with_one_key_more),
        cmocka_unit_test(test_keeps_only_targets_that_are_named),
        cmocka_unit_test(test_a_document_that_changes_more_than_was_meant_is_refused),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
