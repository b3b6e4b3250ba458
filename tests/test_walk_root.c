/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/walk.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/repository.h"

static struct walk *
make_walk(void)
{
    struct walk *w = NULL;

    assert_int_equal(walk_new(&w, GUN, TUF_STRICT, NOW, NULL), RC_OK);
    return w;
}

/* A root of that version and expiry, listing some keys for its role and signed by others. */
static void
put_root(struct bytes *file, int64_t version, const char *expires,
    const struct forge_key *const listed[2], const struct forge_key *const signers[FORGE_KEYS_MAX])
{
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    struct forge_role base[] = {
        {"root", {listed[0], listed[1]}, listed[1] ? 2 : 1, NULL},
        {"snapshot", {&repository_keys[SNAPSHOT]}, 1, NULL},
        {"targets", {&repository_keys[TARGETS]}, 1, NULL},
        {"timestamp", {&repository_keys[TIMESTAMP]}, 1, NULL},
    };

    forge_root(&message, version, expires, base);
    forge_file(file, bytes_span(&message), signers);
}

static void
test_goes_from_root_to_root(void **state)
{
    const struct forge_key *a = &repository_keys[ROOT], *b = &repository_keys[SPARE];
    const struct {
        const char *says;
        const struct forge_key *was[2], *is[2], *signers[FORGE_KEYS_MAX];
        int64_t version;
        enum rc want;
    } rows[] = {
        {"the same key", {a}, {a}, {a}, 2, RC_OK},
        {"another key, signed by both", {a}, {b}, {a, b}, 2, RC_OK},
        {"another key, signed by the old one", {a}, {b}, {a}, 2, RC_UNTRUSTED},
        {"another key, signed by the new one", {a}, {b}, {b}, 2, RC_UNTRUSTED},
        {"one key more, signed by both", {a}, {a, b}, {a, b}, 2, RC_OK},
        {"one key more, signed by the old one", {a}, {a, b}, {a}, 2, RC_UNTRUSTED},
        {"one key less, signed by both", {a, b}, {a}, {b, a}, 2, RC_OK},
        {"one key less, signed by that", {a, b}, {a}, {a}, 2, RC_UNTRUSTED},
        {"the same version", {a}, {a}, {a}, 1, RC_UNTRUSTED},
        {"two versions further", {a}, {a}, {a}, 3, RC_UNTRUSTED},
        {"a key with an expired certificate", {a}, {&repository_keys[EXPIRED]},
            {a, &repository_keys[EXPIRED]}, 2, RC_UNTRUSTED},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(bytes_done) struct bytes was = BYTES_INIT(DOCUMENT_MAX_BYTES);
        closing(bytes_done) struct bytes is = BYTES_INIT(DOCUMENT_MAX_BYTES);
        closing(walk_freep) struct walk *w = make_walk();
        const struct forge_key *const both[FORGE_KEYS_MAX] = {a, b};
        struct why why = {0};

        put_root(&was, 1, PAST, rows[i].was, both);
        put_root(&is, rows[i].version, FUTURE, rows[i].is, rows[i].signers);
        assert_int_equal(walk_anchor(w, bytes_span(&was), NULL), RC_OK);
        if (walk_root(w, bytes_span(&is), &why) != rows[i].want)
            fail_msg("%s: %s", rows[i].says, why.text);
        assert_int_equal(walk_root_document(w)->version, rows[i].want ? 1 : 2);
        assert_int_equal(walk_roots_done(w, NULL), rows[i].want ? RC_UNTRUSTED : RC_OK);
    }
}

static void
test_wants_the_newest_root_unexpired_or_replaced_and_not_below_its_floor(void **state)
{
    const struct forge_key *const signers[FORGE_KEYS_MAX] = {&repository_keys[ROOT]};
    const struct forge_key *const listed[2] = {&repository_keys[ROOT]};
    static const struct {
        const char *expires;
        int64_t floor;
        bool is_replaced;
        enum rc want;
    } rows[] = {
        {FUTURE, 1, false, RC_OK},
        {FUTURE, 2, false, RC_UNTRUSTED},
        {PAST, 1, false, RC_UNTRUSTED},
        {"2027-01-15T08:00:00Z", 1, false, RC_OK},
        {PAST, 1, true, RC_OK},
        {PAST, 2, true, RC_UNTRUSTED},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(bytes_done) struct bytes file = BYTES_INIT(DOCUMENT_MAX_BYTES);
        closing(repository_done) struct repository r = {0};
        closing(walk_freep) struct walk *w = make_walk();

        put_root(&file, 1, rows[i].expires, listed, signers);
        repository_make(&r, &(struct plan){0});
        assert_int_equal(walk_floor(w, SPAN("root"), rows[i].floor, NULL), RC_OK);
        if (rows[i].is_replaced)
            walk_allow_expired_root(w);
        assert_int_equal(walk_anchor(w, bytes_span(&file), NULL), RC_OK);
        assert_int_equal(walk_roots_done(w, NULL), rows[i].want);
        assert_int_equal(repository_take(w, TIMESTAMP, &r, NULL), rows[i].want);
    }
}

static void
test_refuses_a_snapshot_that_lists_another_root(void **state)
{
    closing(bytes_done) struct bytes next = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(repository_done) struct repository r = {0};
    closing(walk_freep) struct walk *w = make_walk();
    const struct forge_key *const signers[FORGE_KEYS_MAX] = {&repository_keys[ROOT]};
    const struct forge_key *const listed[2] = {&repository_keys[ROOT]};
    struct why why = {0};

    (void)state;
    repository_make(&r, &(struct plan){0});
    repository_take_to(w, &r, QA);
    put_root(&next, 6, FUTURE, listed, signers);
    assert_int_equal(walk_root(w, bytes_span(&next), NULL), RC_OK);
    assert_int_equal(repository_take(w, TIMESTAMP, &r, NULL), RC_OK);
    assert_int_equal(repository_take(w, SNAPSHOT, &r, &why), RC_UNTRUSTED);
    assert_non_null(strstr(why.text, "lists another root than version 6"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goes_from_root_to_root),
        cmocka_unit_test(test_wants_the_newest_root_unexpired_or_replaced_and_not_below_its_floor),
        cmocka_unit_test(test_refuses_a_snapshot_that_lists_another_root),
    };

    return cmocka_run_group_tests(tests, repository_make_keys, repository_drop_keys);
}
