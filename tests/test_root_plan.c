/* SPDX-License-Identifier: Apache-2.0 */
#include "client/root_plan.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "proto/bounds.h"
#include "tests/forge.h"

#define EXPIRES_AT 1893456000 /* 2030-01-01T00:00:00Z */

static struct forge_key keys[RANK_DELEGATION]; /* of the first root, by rank */
static struct forge_key second;                /* another root key */
static struct pubkey *first[RANK_DELEGATION];

static void
make_root_key(struct forge_key *key)
{
    forge_key_init(key, "P-256");
    forge_key_certify(key, "localhost/x", 0, EXPIRES_AT);
}

static int
set_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < RANK_DELEGATION; i++) {
        if (i == RANK_ROOT)
            make_root_key(&keys[i]);
        else
            forge_key_init(&keys[i], i == RANK_TIMESTAMP ? "ED25519" : "P-256");
        first[i] = keys[i].key;
    }
    make_root_key(&second);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < RANK_DELEGATION; i++)
        forge_key_done(&keys[i]);
    forge_key_done(&second);
    return 0;
}

/* A document that owns its bytes. */
struct made {
    struct bytes message;
    struct tuf_root *root;
};

static void
made_done(struct made *made)
{
    tuf_root_free(made->root);
    bytes_done(&made->message);
}

static enum rc
try_to_make(const struct root_plan *plan, const struct tuf_root *base)
{
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);

    return root_plan_format(&message, plan, base, EXPIRES_AT, NULL);
}

static void
make(struct made *ret, const struct root_plan *plan, const struct tuf_root *base)
{
    struct why why = {0};

    ret->message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    assert_int_equal(root_plan_format(&ret->message, plan, base, EXPIRES_AT, &why), RC_OK);
    assert_int_equal(tuf_root_parse(&ret->root, bytes_span(&ret->message), &why), RC_OK);
    assert_int_equal(tuf_root_check(ret->root, &why), TUF_SOUND);
    assert_int_equal(ret->root->version, base ? base->version + 1 : 1);
    assert_int_equal(ret->root->expires_at, EXPIRES_AT);
}

static void
make_first(struct made *ret)
{
    struct root_plan plan = {.is_first = true};

    for (size_t i = 0; i < RANK_DELEGATION; i++)
        plan.roles[i] = (struct root_plan_role){&first[i], 1, 0};
    make(ret, &plan, NULL);
}

static void
assert_only_key(const struct tuf_root *root, enum rank rank, const struct pubkey *key)
{
    assert_int_equal(root->roles[rank].n_keyids, 1);
    assert_true(keyid_eq(&root->roles[rank].keyids[0], pubkey_id(key)));
}

static void
test_writes_a_first_root(void **state)
{
    closing(made_done) struct made made = {0};

    (void)state;
    make_first(&made);
    assert_int_equal(made.root->keys.n, 4);
    for (size_t i = 0; i < RANK_DELEGATION; i++) {
        assert_only_key(made.root, (enum rank)i, first[i]);
        assert_int_equal(made.root->roles[i].threshold, 1);
    }
}

static void
test_a_root_key_needs_its_certificate(void **state)
{
    struct root_plan plan = {.is_first = true};

    (void)state;
    for (size_t i = 0; i < RANK_DELEGATION; i++)
        plan.roles[i] = (struct root_plan_role){&first[RANK_TARGETS], 1, 1};
    assert_int_equal(try_to_make(&plan, NULL), RC_UNSUPPORTED);
}

static void
test_former_root_certificates_stay_and_other_former_keys_go(void **state)
{
    closing(made_done) struct made before = {0}, rotated = {0}, after = {0};
    struct root_plan to_second = {.roles[RANK_ROOT] = {&second.key, 1, 0}};
    struct root_plan to_targets = {.roles[RANK_TARGETS] = {&first[RANK_SNAPSHOT], 1, 0}};

    (void)state;
    make_first(&before);
    assert_false(root_plan_is_met(&to_second, before.root, NULL));
    make(&rotated, &to_second, before.root);
    assert_true(root_plan_is_met(&to_second, rotated.root, NULL));
    assert_only_key(rotated.root, RANK_ROOT, second.key);
    assert_only_key(rotated.root, RANK_TARGETS, first[RANK_TARGETS]);
    assert_int_equal(rotated.root->keys.n, 5);
    assert_non_null(tuf_keys_find(&rotated.root->keys, pubkey_id(first[RANK_ROOT])));

    make(&after, &to_targets, rotated.root);
    assert_int_equal(after.root->keys.n, 4);
    assert_non_null(tuf_keys_find(&after.root->keys, pubkey_id(first[RANK_ROOT])));
    assert_null(tuf_keys_find(&after.root->keys, pubkey_id(first[RANK_TARGETS])));
}

static void
test_several_keys_have_a_threshold_which_stays(void **state)
{
    closing(made_done) struct made before = {0}, both = {0}, renewed = {0};
    struct pubkey *pair[] = {second.key, first[RANK_ROOT]};
    struct root_plan plan = {.roles[RANK_ROOT] = {pair, 2, 2}};
    const struct root_plan nothing = {.is_renewed = true};
    const struct root_plan only_one = {.roles[RANK_ROOT] = {pair, 1, 0}};

    (void)state;
    make_first(&before);
    make(&both, &plan, before.root);
    assert_int_equal(both.root->roles[RANK_ROOT].threshold, 2);
    assert_int_equal(both.root->roles[RANK_ROOT].n_keyids, 2);
    make(&renewed, &nothing, both.root);
    assert_int_equal(renewed.root->roles[RANK_ROOT].threshold, 2);
    assert_int_equal(try_to_make(&only_one, both.root), RC_REFUSED);

    pair[0] = first[RANK_ROOT], pair[1] = second.key;
    assert_true(root_plan_is_met(&plan, both.root, NULL)); /* in any order */
    plan.roles[RANK_ROOT].threshold = 1;
    assert_false(root_plan_is_met(&plan, both.root, NULL));
}

static void
test_a_root_of_an_earlier_run_meets_it_with_other_certificates_and_server_keys(void **state)
{
    closing(made_done) struct made before = {0}, earlier = {0};
    struct root_plan of_then = {.roles[RANK_SNAPSHOT] = {&first[RANK_TIMESTAMP], 1, 0}};
    struct root_plan of_now = {.roles[RANK_SNAPSHOT] = {&first[RANK_TARGETS], 1, 0}};

    (void)state;
    make_first(&before);
    make(&earlier, &of_then, before.root);
    assert_false(root_plan_is_met(&of_now, earlier.root, NULL));
    assert_true(root_plan_is_met(&of_now, earlier.root, before.root));

    /* The same key under another certificate, and another key. */
    forge_key_certify(&keys[RANK_ROOT], "localhost/x", 0, EXPIRES_AT + 1);
    of_now = (struct root_plan){.roles[RANK_ROOT] = {&keys[RANK_ROOT].key, 1, 0}};
    assert_false(root_plan_is_met(&of_now, before.root, NULL));
    assert_true(root_plan_is_met(&of_now, earlier.root, before.root));
    of_now = (struct root_plan){.roles[RANK_ROOT] = {&second.key, 1, 0}};
    assert_false(root_plan_is_met(&of_now, earlier.root, before.root));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_writes_a_first_root, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_root_key_needs_its_certificate, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_former_root_certificates_stay_and_other_former_keys_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_several_keys_have_a_threshold_which_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_a_root_of_an_earlier_run_meets_it_with_other_certificates_and_server_keys, set_up,
            tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
