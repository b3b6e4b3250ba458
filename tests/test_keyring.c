/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keyring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "tests/world.h"

static struct softhsm softhsm;

static void
test_signs_with_the_keys_of_the_policy(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, &softhsm);
    size_t p256 = world_add_key(&w, "developer", "pkcs11:object=p256");
    size_t rsa = world_add_key(&w, "rsa", "pkcs11:object=rsa");
    world_start(&w);
    assert_int_equal(keyring_key(w.keyring, p256)->state, KEYRING_STARTING);
    assert_int_equal(world_sign(&w, p256, VERIFY_ECDSA), RC_TOKEN);
    while (!w.is_settled)
        world_turn(&w);

    world_assert_state(&w, p256, KEYRING_READY);
    world_assert_state(&w, rsa, KEYRING_READY);
    assert_int_equal(world_sign(&w, p256, VERIFY_ECDSA), RC_OK);
    assert_int_equal(world_sign(&w, rsa, VERIFY_RSAPSS), RC_OK);
    assert_int_equal(world_sign(&w, rsa, VERIFY_RSAPKCS1V15), RC_OK);
    assert_int_equal(world_sign(&w, p256, VERIFY_RSAPSS), RC_UNSUPPORTED);

    const struct keyring_key *key = keyring_key(w.keyring, rsa);
    assert_ptr_equal(keyring_find(w.keyring, pubkey_canonical_id(key->pubkey)), key);
    assert_int_equal(keyring_n_keys(w.keyring), 2);
    assert_int_equal(keyring_n_tokens(w.keyring), 1);
    assert_int_equal(keyring_token(w.keyring, 0)->state, KEYRING_READY);
    assert_int_equal(keyring_token(w.keyring, 0)->n_workers, 1);
    world_close(&w);
}

static void
test_says_which_keys_cannot_sign(void **state)
{
    static const struct {
        const char *name, *uri;
        enum keyring_state want;
        const char *detail;
    } cases[] = {
        {"none", "pkcs11:object=nobody", KEYRING_NO_KEY, "no private key"},
        {"two", "pkcs11:object=twin", KEYRING_NO_KEY, "2 private keys"},
        {"short", "pkcs11:object=short", KEYRING_UNSUITABLE, "2048"},
        {"first", "pkcs11:object=p256", KEYRING_READY, ""},
        {"second", "pkcs11:id=%01", KEYRING_UNSUITABLE, "'first'"},
    };
    struct world w;

    (void)state;
    world_open(&w, &softhsm);
    for (size_t i = 0; i < N_ELEMENTS(cases); i++)
        world_add_key(&w, cases[i].name, cases[i].uri);
    world_settle(&w);
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        print_message("%s\n", cases[i].name);
        world_assert_state(&w, i, cases[i].want);
        assert_non_null(strstr(keyring_key(w.keyring, i)->detail, cases[i].detail));
        if (cases[i].want != KEYRING_READY)
            assert_int_equal(world_sign(&w, i, VERIFY_ECDSA), RC_TOKEN);
    }
    assert_null(keyring_key(w.keyring, 4)->pubkey);
    world_close(&w);
}

static void
test_hands_over_the_message_where_the_token_wants_it(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, &softhsm);
    size_t ed = world_add_key(&w, "ed", "pkcs11:object=ed");
    size_t ec = world_add_key(&w, "developer", "pkcs11:object=p256");
    world_settle(&w);
    assert_int_equal(world_sign(&w, ed, VERIFY_EDDSA), RC_OK);
    assert_int_equal(world_sign(&w, ed, VERIFY_ECDSA), RC_UNSUPPORTED);

    /* Each message goes with its own batch. */
    struct want wants[6];
    size_t n = w.n_done;
    for (size_t i = 0; i < N_ELEMENTS(wants); i++)
        assert_int_equal(world_ask(&w, &wants[i], i % 3 == 0 ? ec : ed,
                             i % 3 == 0 ? VERIFY_ECDSA : VERIFY_EDDSA, (uid_t)i),
            RC_OK);
    while (w.n_done < n + N_ELEMENTS(wants))
        world_turn(&w);
    for (size_t i = n; i < w.n_done; i++)
        assert_int_equal(w.rcs[i], RC_OK);
    world_close(&w);
}

static void
test_refuses_another_key_than_the_pinned_one(void **state)
{
    struct world w;
    struct keyid id;

    (void)state;
    world_open(&w, &softhsm);
    size_t key = world_add_key(&w, "swapped", "pkcs11:object=swapped");
    softhsm_make_key(&softhsm, "EC:secp256r1", "swapped", "20");
    world_settle(&w);
    world_assert_state(&w, key, KEYRING_READY);
    id = *pubkey_canonical_id(keyring_key(w.keyring, key)->pubkey);
    world_stop(&w);

    softhsm_tool(&softhsm, "--delete-object --type privkey --label swapped");
    softhsm_tool(&softhsm, "--delete-object --type pubkey --label swapped");
    softhsm_make_key(&softhsm, "EC:secp256r1", "swapped", "20");
    world_settle(&w);
    world_assert_state(&w, key, KEYRING_CHANGED);
    assert_true(keyid_eq(pubkey_canonical_id(keyring_key(w.keyring, key)->pubkey), &id));
    world_close(&w);
}

static void
test_wants_the_key_of_the_certificate(void **state)
{
    closing(pubkey_unrefp) struct pubkey *other = NULL;
    struct world w;

    (void)state;
    world_open(&w, &softhsm);
    size_t key = world_add_key(&w, "developer", "pkcs11:object=p256");
    size_t rsa = world_add_key(&w, "rsa", "pkcs11:object=rsa");
    world_settle(&w);
    other = pubkey_ref(keyring_key(w.keyring, rsa)->pubkey);
    world_stop(&w);

    w.keys[key].certificate = other;
    world_settle(&w);
    world_assert_state(&w, key, KEYRING_UNSUITABLE);
    world_stop(&w);

    w.keys[key].name = (char *)"never seen";
    world_settle(&w);
    world_assert_state(&w, key, KEYRING_CHANGED);
    world_close(&w);
}

static void
test_signs_with_the_first_place_that_is_ready(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, &softhsm);
    w.policy.n_tokens = 2;
    size_t key = world_add_key(&w, "developer", "pkcs11:object=p256");
    w.places[key][0] = (struct policy_place){&w.tokens[1], (char *)"pkcs11:object=p256"};
    w.places[key][1] = (struct policy_place){&w.tokens[0], (char *)"pkcs11:object=p256"};
    w.keys[key].n_at = 2;
    world_settle(&w);
    assert_int_equal(keyring_token(w.keyring, 1)->state, KEYRING_ABSENT);
    world_assert_state(&w, key, KEYRING_READY);
    assert_ptr_equal(keyring_key(w.keyring, key)->token, &w.tokens[0]);
    assert_int_equal(world_sign(&w, key, VERIFY_ECDSA), RC_OK);
    world_close(&w);
}

/* Two tokens hold the key; the first one goes away while nobody looks. */
static void
test_goes_on_with_the_next_place_in_the_middle_of_an_order(void **state)
{
    struct softhsm spare;
    struct world w;

    (void)state;
    softhsm_open(&spare);
    softhsm_copy_token(&spare, &softhsm);
    world_open(&w, &softhsm);
    w.policy.n_tokens = 2;
    w.tokens[1] = softhsm_policy(&spare);
    w.tokens[1].name = (char *)"spare";
    size_t key = world_add_key(&w, "developer", "pkcs11:object=p256");
    w.places[key][1] = (struct policy_place){&w.tokens[1], (char *)"pkcs11:object=p256"};
    w.keys[key].n_at = 2;
    world_settle(&w);
    assert_ptr_equal(keyring_key(w.keyring, key)->token, &w.tokens[0]);
    assert_string_equal(keyring_key(w.keyring, key)->stand_in, "");

    softhsm_unplug(&softhsm);
    assert_int_equal(world_sign(&w, key, VERIFY_ECDSA), RC_OK);
    while (keyring_key(w.keyring, key)->token == &w.tokens[0])
        world_turn(&w);
    world_assert_state(&w, key, KEYRING_READY);
    assert_non_null(strstr(keyring_key(w.keyring, key)->stand_in, "token 'hsm': "));
    assert_int_equal(world_sign(&w, key, VERIFY_ECDSA), RC_OK);

    softhsm_unplug(&spare);
    assert_int_equal(world_sign(&w, key, VERIFY_ECDSA), RC_TOKEN);

    softhsm_plug(&softhsm);
    while (keyring_key(w.keyring, key)->token != &w.tokens[0] ||
           keyring_key(w.keyring, key)->state != KEYRING_READY)
        world_turn(&w);
    assert_int_equal(world_sign(&w, key, VERIFY_ECDSA), RC_OK);
    world_close(&w);
    softhsm_close(&spare);
}

static void
test_keeps_workers_of_unchanged_tokens_over_a_reload(void **state)
{
    struct policy_token token;
    struct policy policy;
    struct want want;
    pid_t before = 0, after = 0;
    struct world w;

    (void)state;
    world_open(&w, &softhsm);
    size_t key = world_add_key(&w, "developer", "pkcs11:object=p256");
    world_settle(&w);
    assert_int_equal(world_list_workers(&before, 1), 1);

    /* The same token in another policy with one more key. */
    size_t rsa = world_add_key(&w, "rsa", "pkcs11:object=rsa");
    policy = w.policy;
    policy.n_refs = 1;
    assert_int_equal(keyring_reload(w.keyring, &policy, NULL), RC_OK);
    world_assert_state(&w, key, KEYRING_READY);
    world_await_state(&w, rsa, KEYRING_READY);
    assert_int_equal(world_list_workers(&after, 1), 1);
    assert_int_equal(before, after);
    assert_int_equal(world_sign(&w, rsa, VERIFY_RSAPSS), RC_OK);

    /* Another entry: what waits fails, and another worker takes over. */
    token = w.tokens[0];
    token.workers = 2;
    w.policy.tokens = &token;
    w.places[key][0].token = w.places[rsa][0].token = &token;
    assert_int_equal(world_ask(&w, &want, key, VERIFY_ECDSA, 1), RC_OK);
    assert_int_equal(keyring_reload(w.keyring, &w.policy, NULL), RC_OK);
    while (w.n_done < 2)
        world_turn(&w);
    assert_int_equal(w.rcs[1], RC_TOKEN);
    world_await_state(&w, key, KEYRING_READY);
    assert_int_equal(world_sign(&w, key, VERIFY_ECDSA), RC_OK);
    world_close(&w);
}

static void
test_is_settled_without_tokens(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, &softhsm);
    w.policy.n_tokens = 0;
    world_settle(&w);
    world_close(&w);
}

static int
make_keys(void **state)
{
    (void)state;
    softhsm_open(&softhsm);
    softhsm_make_key(&softhsm, "EC:secp256r1", "p256", "01");
    softhsm_make_key(&softhsm, "rsa:2048", "rsa", "02");
    softhsm_make_key(&softhsm, "EC:edwards25519", "ed", "03");
    softhsm_make_key(&softhsm, "rsa:1024", "short", "06");
    softhsm_make_key(&softhsm, "EC:secp256r1", "twin", "04");
    softhsm_make_key(&softhsm, "EC:secp256r1", "twin", "05");
    return 0;
}

static int
remove_keys(void **state)
{
    (void)state;
    softhsm_close(&softhsm);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signs_with_the_keys_of_the_policy),
        cmocka_unit_test(test_says_which_keys_cannot_sign),
        cmocka_unit_test(test_hands_over_the_message_where_the_token_wants_it),
        cmocka_unit_test(test_refuses_another_key_than_the_pinned_one),
        cmocka_unit_test(test_wants_the_key_of_the_certificate),
        cmocka_unit_test(test_signs_with_the_first_place_that_is_ready),
        cmocka_unit_test(test_goes_on_with_the_next_place_in_the_middle_of_an_order),
        cmocka_unit_test(test_keeps_workers_of_unchanged_tokens_over_a_reload),
        cmocka_unit_test(test_is_settled_without_tokens),
    };

    return cmocka_run_group_tests(tests, make_keys, remove_keys);
}
