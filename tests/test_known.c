/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/known.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "tests/sight.h"

static void
test_knows_nothing_where_nothing_vouches_for_a_root(void **state)
{
    closing(repository_done) struct repository r = {0};

    (void)state;
    repository_make(&r, &(struct plan){0});
    const struct decide_known *fact = sight_look("targets/qa", 6, &r, QA);
    assert_int_equal(fact->base, DECIDE_BASE_NONE);
    assert_false(fact->needs_base);
    assert_null(fact->base_problem);
    assert_null(sight.known->changes[0].list);
    assert_false(published_is_sound(&sight.known->chains[0]));
}

static void
test_needs_a_base_once_one_was_seen(void **state)
{
    closing(repository_done) struct repository r = {0};

    (void)state;
    repository_make(&r, &(struct plan){0});
    sight_sign_root(5, &r);
    assert_false(
        sight_look("targets/qa", 6, NULL, 0)->needs_base); /* it may not be published yet */

    const struct decide_known *fact = sight_look("targets/qa", 6, &r, QA);
    assert_int_equal(fact->base, DECIDE_BASE_FILE);
    assert_int_equal(fact->version, 5);
    assert_false(fact->needs_base);
    sight_remember();

    fact = sight_look("targets/qa", 6, NULL, 0);
    assert_true(fact->needs_base);
    assert_int_equal(fact->base, DECIDE_BASE_NONE);
    fact = sight_look("targets/qa", 6, &r, QA);
    assert_true(fact->needs_base);
    assert_int_equal(fact->base, DECIDE_BASE_FILE);
    assert_null(fact->stale_role);
}

static void
test_needs_a_base_where_the_policy_pins_a_root(void **state)
{
    closing(repository_done) struct repository r = {0};

    (void)state;
    sight.policy = (struct policy){.roots = &sight.pin, .n_roots = 1};
    repository_make(&r, &(struct plan){0});
    assert_true(sight_look("targets/qa", 6, NULL, 0)->needs_base);
    assert_false(sight_look("root", 1, NULL, 0)->needs_base); /* the repository is being made */
    assert_true(sight_look("root", 2, NULL, 0)->needs_base);
    assert_int_equal(sight_look("targets/qa", 6, &r, QA)->base, DECIDE_BASE_FILE);

    sight.pinned = *pubkey_canonical_id(repository_keys[SPARE].key);
    assert_non_null(sight_look("targets/qa", 6, &r, QA)->base_problem);
}

/* It was deleted, or so somebody says: the mark decides, and no chain is asked for in vain. */
static void
test_needs_no_base_for_another_first_root(void **state)
{
    closing(repository_done) struct repository r = {0};

    (void)state;
    repository_make(&r, &(struct plan){0});
    sight_sign_root(5, &r);
    (void)sight_look("targets/qa", 6, &r, QA);
    sight_remember();
    assert_false(sight_look("root", 1, NULL, 0)->needs_base); /* without any mark */

    struct ledger_mark mark = {1, sight.subject->digest, {{0}}};
    assert_int_equal(ledger_begin(sight.ledger, NULL), RC_OK);
    assert_int_equal(ledger_put_mark(sight.ledger, GUN, "root", &mark, NULL), RC_OK);
    assert_true(sight_look("root", 1, NULL, 0)->needs_base); /* the same again makes nothing */

    mark = (struct ledger_mark){2, {{1}}, {{0}}};
    assert_int_equal(ledger_put_mark(sight.ledger, GUN, "root", &mark, NULL), RC_OK);
    assert_false(sight_look("root", 1, NULL, 0)->needs_base);
    assert_int_equal(ledger_commit(sight.ledger, NULL), RC_OK);
}

static void
test_the_root_of_the_ledger_goes_before_that_of_the_policy(void **state)
{
    closing(repository_done) struct repository r = {0};

    (void)state;
    repository_make(&r, &(struct plan){0});
    sight_sign_root(5, &r);
    sight.policy = (struct policy){.roots = &sight.pin, .n_roots = 1};
    sight.pinned = *pubkey_canonical_id(repository_keys[SPARE].key);
    assert_int_equal(sight_look("targets/qa", 6, &r, QA)->base, DECIDE_BASE_FILE);
}

/* Re-added with another key: the old file is still listed, and is nobody's any more. */
static void
test_a_file_of_a_former_key_is_no_base(void **state)
{
    closing(repository_done) struct repository r = {0};
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    const struct forge_role again = {"targets/qa", {&repository_keys[SPARE]}, 1, "[\"\"]"};

    (void)state;
    repository_make(&r, &(struct plan){0});
    sight_sign_root(5, &r);
    forge_targets(&message, 6, FUTURE, &again, 1, "{}");
    sight_sign(&r.files[TARGETS], &message, TARGETS);
    sight_publish(&r, 6, FUTURE, PARTS);
    const struct decide_known *fact = sight_look("targets/qa", 6, &r, QA);
    assert_int_equal(fact->base, DECIDE_BASE_EMPTY);
    assert_int_equal(fact->version, 0);
    assert_int_equal(sight_look("targets/qa", 6, &r, TARGETS)->base, DECIDE_BASE_UNREADABLE);
}

static void
test_tells_what_the_document_changes(void **state)
{
    closing(repository_done) struct repository r = {0};

    (void)state;
    repository_make(&r, &(struct plan){0});
    sight_sign_root(5, &r);
    const struct decide_known *fact = sight_look("targets/qa", 6, &r, QA);
    assert_int_equal(fact->n_tags, 1);
    assert_string_equal(fact->tags[0], "v1");
    assert_int_equal(json_array_size(sight.known->changes[0].list), 1);
    assert_null(json_object_get(json_array_get(sight.known->changes[0].list, 0), "is"));

    fact = sight_look("targets/qa", 6, &r, TARGETS); /* left out: nobody knows */
    assert_int_equal(fact->base, DECIDE_BASE_UNREADABLE);
    assert_null(sight.known->changes[0].list);
}

/* Without a chain, against the newest root that was released. */
static void
test_sees_that_a_root_lowers_a_threshold(void **state)
{
    const struct plan strict = {
        TARGETS, .threshold = 2, .listed = {&repository_keys[TARGETS], &repository_keys[SPARE]}};
    closing(repository_done) struct repository r = {0};

    (void)state;
    repository_make(&r, &strict);
    assert_false(sight_look("root", 6, NULL, 0)->lowers_threshold);
    sight_sign_root(5, &r);
    assert_true(sight_look("root", 6, NULL, 0)->lowers_threshold);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, sight_setup, sight_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_knows_nothing_where_nothing_vouches_for_a_root),
        TEST(test_needs_a_base_once_one_was_seen),
        TEST(test_needs_a_base_where_the_policy_pins_a_root),
        TEST(test_needs_no_base_for_another_first_root),
        TEST(test_the_root_of_the_ledger_goes_before_that_of_the_policy),
        TEST(test_a_file_of_a_former_key_is_no_base),
        TEST(test_tells_what_the_document_changes),
        TEST(test_sees_that_a_root_lowers_a_threshold),
    };

    return cmocka_run_group_tests(tests, repository_make_keys, repository_drop_keys);
}
