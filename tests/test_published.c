/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/published.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "agent/ledger_anchor.h"
#include "tests/sight.h"

#define OTHERWISE "2030-11-22T13:44:54Z"

static void
test_a_lower_version_than_one_seen_is_stale(void **state)
{
    closing(repository_done) struct repository r = {0}, old = {0};
    struct digest digest;

    (void)state;
    repository_make(&r, &(struct plan){0});
    sight_sign_root(5, &r);
    for (enum part part = ROOT; part < PARTS; part++) {
        old.files[part] = BYTES_INIT(DOCUMENT_MAX_BYTES);
        bytes_put(&old.files[part], bytes_span(&r.files[part]));
    }
    sight_publish(&r, 7, FUTURE, PARTS);
    (void)sight_look("targets/qa", 6, &r, QA);
    sight_remember();

    const struct decide_known *fact = sight_look("targets/qa", 6, &old, QA);
    assert_string_equal(fact->stale_role, "timestamp");
    assert_int_equal(fact->stale_version, 7);
    assert_null(fact->base_problem);
    digest_of(&digest, bytes_span(&r.files[TIMESTAMP]));
    assert_true(digest_eq(&sight.known->stale[0].file, &digest));
    sight_remember(); /* goes back nowhere */
    assert_non_null(sight_look("targets/qa", 6, &old, QA)->stale_role);
    assert_null(sight_look("targets/qa", 6, &r, QA)->stale_role);
}

static void
test_another_document_of_a_version_seen_is_a_fork(void **state)
{
    closing(repository_done) struct repository r = {0};

    (void)state;
    repository_make(&r, &(struct plan){0});
    sight_sign_root(5, &r);
    (void)sight_look("targets/qa", 6, &r, QA);
    sight_remember();

    sight_publish(&r, 5, OTHERWISE, PARTS);
    const struct decide_known *fact = sight_look("targets/qa", 6, &r, QA);
    assert_non_null(fact->base_problem);
    assert_non_null(strstr(fact->base_problem, "forked"));
    assert_int_equal(fact->base, DECIDE_BASE_NONE);
    assert_false(published_is_sound(&sight.known->chains[0]));
}

/* The same document with other signatures: more of them may have come. */
static void
test_another_file_with_the_document_of_a_version_seen_is_no_fork(void **state)
{
    closing(repository_done) struct repository r = {0};
    closing(tuf_file_freep) struct tuf_file *file = NULL;

    (void)state;
    repository_make(&r, &(struct plan){0});
    sight_sign_root(5, &r);
    (void)sight_look("targets/qa", 6, &r, QA);
    sight_remember();

    assert_int_equal(tuf_file_parse(&file, bytes_span(&r.files[QA]), TUF_STRICT, NULL), RC_OK);
    sight_sign(&r.files[QA], &file->message, QA);
    sight_publish(&r, 6, FUTURE, PARTS);
    assert_int_equal(sight_look("targets/qa", 6, &r, QA)->base, DECIDE_BASE_FILE);
}

static void
test_a_file_that_is_listed_no_more_is_stale(void **state)
{
    static const enum part parts[] = {TARGETS, QA};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(parts); i++) {
        closing(repository_done) struct repository r = {0};
        repository_make(&r, &(struct plan){0});
        sight_sign_root(5, &r);
        sight_publish(&r, 10 * (int64_t)(i + 1), FUTURE, PARTS);
        (void)sight_look("targets/qa", 6, &r, QA);
        sight_remember();

        sight_publish(&r, 10 * (int64_t)(i + 1) + 1, FUTURE, parts[i]);
        const struct decide_known *fact = sight_look("targets/qa", 6, &r, parts[i] - 1);
        assert_string_equal(fact->stale_role, repository_roles[parts[i]]);
        assert_int_equal(fact->stale_version, 5);
        ledger_begin(sight.ledger, NULL) ? fail() : (void)0;
        assert_int_equal(ledger_anchor_forget(sight.ledger, GUN, NULL), RC_OK);
        assert_int_equal(ledger_commit(sight.ledger, NULL), RC_OK);
    }
}

static void
test_a_delegation_that_was_taken_away_begins_anew(void **state)
{
    closing(repository_done) struct repository r = {0};
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    const struct forge_role again = {"targets/qa", {&repository_keys[SPARE]}, 1, "[\"\"]"};

    (void)state;
    repository_make(&r, &(struct plan){0});
    sight_sign_root(5, &r);
    (void)sight_look("targets/qa", 6, &r, QA);
    sight_remember();

    forge_targets(&message, 6, FUTURE, NULL, 0, "{}");
    sight_sign(&r.files[TARGETS], &message, TARGETS);
    sight_publish(&r, 6, FUTURE, QA);
    assert_null(sight_look("targets", 7, &r, TARGETS)->stale_role);
    sight_remember();

    forge_targets(&message, 7, FUTURE, &again, 1, "{}");
    sight_sign(&r.files[TARGETS], &message, TARGETS);
    sight_publish(&r, 7, FUTURE, QA);
    const struct decide_known *fact = sight_look("targets/qa", 1, &r, TARGETS);
    assert_null(fact->stale_role);
    assert_int_equal(fact->base, DECIDE_BASE_EMPTY);
}

static void
test_a_chain_that_ends_before_a_root_seen_is_stale(void **state)
{
    closing(repository_done) struct repository r = {0}, next = {0};

    (void)state;
    repository_make(&r, &(struct plan){0});
    repository_make(&next, &(struct plan){ROOT, .version = 6});
    sight_sign_root(6, &next);
    const struct decide_known *fact = sight_look("targets/qa", 6, &r, QA);
    assert_int_equal(fact->base, DECIDE_BASE_NONE); /* that root may not be published */
    assert_null(fact->stale_role);
    assert_null(fact->base_problem);

    (void)sight_look("targets/qa", 6, &next, QA);
    sight_remember();
    fact = sight_look("targets/qa", 6, &r, QA);
    assert_string_equal(fact->stale_role, "root");
    assert_int_equal(fact->stale_version, 6);
}

/* Signed and released, and never published: what is published is verified from the one before. */
static void
test_a_root_that_was_signed_later_does_not_hide_what_is_published(void **state)
{
    closing(repository_done) struct repository r = {0}, next = {0};

    (void)state;
    repository_make(&r, &(struct plan){0});
    repository_make(&next, &(struct plan){ROOT, .version = 6});
    sight_sign_root(5, &r);
    sight_sign_root(6, &next);
    assert_int_equal(sight_look("targets/qa", 6, &r, QA)->base, DECIDE_BASE_FILE);
}

static void
test_takes_files_that_it_has_seen_by_their_digest(void **state)
{
    closing(repository_done) struct repository r = {0};
    char hex[DIGEST_HEX_LEN + 1];
    struct why why = {0};

    (void)state;
    repository_make(&r, &(struct plan){0});
    sight_sign_root(5, &r);
    for (int round = 0; round < 2; round++) {
        sight_forget();
        sight_bring(&r, QA);
        bytes_clear(&sight.files[QA].message);
        enum rc rc = sight_judge("targets/qa", 6, &why);
        if (round == 0) {
            digest_hex(hex, &sight.files[QA].digest);
            assert_int_equal(rc, RC_NOT_FOUND);
            assert_string_equal(why.text, hex);
            (void)sight_look("targets/qa", 6, &r, QA);
            sight_remember();
        } else {
            assert_int_equal(rc, RC_OK);
            assert_int_equal(sight.known->facts[0].base, DECIDE_BASE_FILE);
        }
    }
}

static void
test_holds_no_file_that_it_did_not_verify(void **state)
{
    closing(repository_done) struct repository r = {0};
    struct digest digest;
    struct span file;

    (void)state;
    repository_make(&r, &(struct plan){QA, MISSIGNED});
    sight_sign_root(5, &r);
    (void)sight_look("targets/qa", 6, &r, QA);
    sight_remember();
    digest_of(&digest, bytes_span(&r.files[TARGETS]));
    assert_true(seen_find(&file, sight.seen, &digest));
    digest_of(&digest, bytes_span(&r.files[QA]));
    assert_false(seen_find(&file, sight.seen, &digest));
}

/* Whoever had the keys of the server showed versions that nobody reaches; then they were replaced.
 */
static void
test_new_keys_of_the_server_begin_anew(void **state)
{
    (void)state;
    for (int is_rekeyed = 0; is_rekeyed < 2; is_rekeyed++) {
        closing(repository_done) struct repository r = {0};
        closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
        const struct forge_key *spare = is_rekeyed ? &repository_keys[SPARE] : NULL;
        const struct forge_role roles[] = {{"root", {&repository_keys[ROOT]}, 1},
            {"snapshot", {&repository_keys[SNAPSHOT], spare}, 1},
            {"targets", {&repository_keys[TARGETS]}, 1},
            {"timestamp", {&repository_keys[TIMESTAMP]}, 1}};

        repository_make(&r, &(struct plan){0});
        sight_sign_root(5, &r);
        sight_publish(&r, 1000, FUTURE, PARTS);
        (void)sight_look("targets/qa", 6, &r, QA);
        sight_remember();

        forge_root(&message, 6, FUTURE, roles);
        sight_sign(&r.files[ROOT], &message, ROOT);
        sight_publish(&r, 7, FUTURE, PARTS);
        const struct decide_known *fact = sight_look("targets/qa", 6, &r, QA);
        if (!is_rekeyed) {
            assert_string_equal(fact->stale_role, "timestamp");
        } else {
            assert_null(fact->stale_role);
            sight_remember();
            assert_null(sight_look("targets/qa", 6, &r, QA)->stale_role);
        }
        assert_int_equal(ledger_begin(sight.ledger, NULL), RC_OK);
        assert_int_equal(ledger_anchor_forget(sight.ledger, GUN, NULL), RC_OK);
        assert_int_equal(ledger_commit(sight.ledger, NULL), RC_OK);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, sight_setup, sight_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_lower_version_than_one_seen_is_stale),
        TEST(test_another_document_of_a_version_seen_is_a_fork),
        TEST(test_another_file_with_the_document_of_a_version_seen_is_no_fork),
        TEST(test_a_file_that_is_listed_no_more_is_stale),
        TEST(test_a_delegation_that_was_taken_away_begins_anew),
        TEST(test_a_chain_that_ends_before_a_root_seen_is_stale),
        TEST(test_a_root_that_was_signed_later_does_not_hide_what_is_published),
        TEST(test_takes_files_that_it_has_seen_by_their_digest),
        TEST(test_holds_no_file_that_it_did_not_verify),
        TEST(test_new_keys_of_the_server_begin_anew),
    };

    return cmocka_run_group_tests(tests, repository_make_keys, repository_drop_keys);
}
