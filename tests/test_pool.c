/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <signal.h>

#include "tests/world.h"

static struct softhsm softhsm;

static void
test_never_tries_a_refused_pin_again(void **state)
{
    struct world w;
    pid_t pid = 0;

    (void)state;
    world_open(&w, &softhsm);
    size_t key = world_add_key(&w, "developer", "pkcs11:object=p256");
    softhsm_write_pin(&softhsm, "4321\n");
    world_settle(&w);
    world_assert_state(&w, key, KEYRING_LOCKED);
    assert_int_equal(world_sign(&w, key, VERIFY_ECDSA), RC_LOCKED);

    /* Now it would be right, but nobody knows; not the next worker, and not the next agent. */
    softhsm_change_pin(&softhsm, SOFTHSM_PIN, "4321");
    assert_int_equal(world_list_workers(&pid, 1), 1);
    assert_int_equal(kill(pid, SIGKILL), 0);
    for (pid_t other = pid; world_list_workers(&other, 1) == 0 || other == pid;)
        world_turn(&w);
    world_stop(&w);
    world_settle(&w);
    world_assert_state(&w, key, KEYRING_LOCKED);
    assert_non_null(strstr(keyring_key(w.keyring, key)->detail, "refused the PIN"));

    softhsm_write_pin(&softhsm, "4321\n");
    world_await_state(&w, key, KEYRING_READY);
    assert_int_equal(world_sign(&w, key, VERIFY_ECDSA), RC_OK);
    world_stop(&w);

    softhsm_change_pin(&softhsm, "4321", SOFTHSM_PIN);
    softhsm_write_pin(&softhsm, SOFTHSM_PIN);
    world_close(&w);
}

static void
test_fails_at_once_while_the_token_is_away(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, &softhsm);
    size_t key = world_add_key(&w, "developer", "pkcs11:object=p256");
    world_settle(&w);
    assert_int_equal(world_sign(&w, key, VERIFY_ECDSA), RC_OK);

    softhsm_unplug(&softhsm);
    assert_int_equal(world_sign(&w, key, VERIFY_ECDSA), RC_TOKEN);
    while (keyring_key(w.keyring, key)->state == KEYRING_READY)
        world_turn(&w);
    assert_int_equal(world_sign(&w, key, VERIFY_ECDSA), RC_TOKEN);

    softhsm_plug(&softhsm);
    world_await_state(&w, key, KEYRING_READY);
    assert_int_equal(world_sign(&w, key, VERIFY_ECDSA), RC_OK);
    world_close(&w);
}

static void
test_wins_back_a_token_that_was_away_for_a_moment(void **state)
{
    struct want wants[3];
    struct world w;
    pid_t pid = 0, after = 0;

    (void)state;
    world_open(&w, &softhsm);
    size_t key = world_add_key(&w, "developer", "pkcs11:object=p256");
    world_settle(&w);
    assert_int_equal(world_list_workers(&pid, 1), 1);
    softhsm_unplug(&softhsm);
    softhsm_plug(&softhsm);
    for (size_t i = 0; i < N_ELEMENTS(wants); i++)
        assert_int_equal(world_ask(&w, &wants[i], key, VERIFY_ECDSA, 1), RC_OK);
    while (w.n_done < N_ELEMENTS(wants)) {
        world_assert_state(&w, key, KEYRING_READY);
        world_turn(&w);
    }
    for (size_t i = 0; i < N_ELEMENTS(wants); i++)
        assert_int_equal(w.rcs[i], RC_OK);
    assert_int_equal(world_list_workers(&after, 1), 1);
    assert_int_equal(pid, after);
    world_close(&w);
}

static void
test_replaces_a_worker_that_died(void **state)
{
    struct world w;
    struct want want;
    pid_t pid = 0;

    (void)state;
    world_open(&w, &softhsm);
    size_t key = world_add_key(&w, "developer", "pkcs11:object=p256");
    world_settle(&w);
    assert_int_equal(world_list_workers(&pid, 1), 1);
    assert_int_equal(world_ask(&w, &want, key, VERIFY_ECDSA, 1), RC_OK);
    assert_int_equal(kill(pid, SIGKILL), 0);
    while (w.n_done == 0)
        world_turn(&w);
    assert_int_equal(w.rcs[0], RC_OK);
    world_assert_state(&w, key, KEYRING_READY);
    world_close(&w);
}

static void
test_takes_turns_between_users(void **state)
{
    struct want wants[WORLD_JOBS_MAX];
    struct world w;
    size_t n = 0, n_second = 0;

    (void)state;
    world_open(&w, &softhsm);
    size_t key = world_add_key(&w, "developer", "pkcs11:object=p256");
    world_settle(&w);
    while (n < 40)
        assert_int_equal(world_ask(&w, &wants[n++], key, VERIFY_ECDSA, 1), RC_OK);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(world_ask(&w, &wants[n++], key, VERIFY_ECDSA, 2), RC_OK);
    assert_int_equal(keyring_token(w.keyring, 0)->n_queued, n);
    while (w.n_done < n)
        world_turn(&w);

    /* The second user's eight are all in the first batch. */
    for (size_t i = 0; i < WORKER_BATCH_MAX; i++)
        n_second += w.order[i] == 2;
    assert_int_equal(n_second, 8);
    world_close(&w);
}

static void
test_runs_as_many_workers_as_the_policy_says(void **state)
{
    struct want wants[WORLD_JOBS_MAX];
    pid_t pids[4];
    struct world w;

    (void)state;
    world_open(&w, &softhsm);
    w.tokens[0].workers = 3;
    size_t key = world_add_key(&w, "developer", "pkcs11:object=p256");
    world_start(&w);
    while (keyring_token(w.keyring, 0)->n_workers == 0) {
        assert_true(world_list_workers(pids, N_ELEMENTS(pids)) <= 1); /* the first one alone */
        world_turn(&w);
    }
    while (keyring_token(w.keyring, 0)->n_workers < 3)
        world_turn(&w);
    assert_int_equal(world_list_workers(pids, N_ELEMENTS(pids)), 3);

    for (size_t i = 0; i < WORLD_JOBS_MAX; i++)
        assert_int_equal(world_ask(&w, &wants[i], key, VERIFY_ECDSA, 1), RC_OK);
    while (w.n_done < WORLD_JOBS_MAX)
        world_turn(&w);
    for (size_t i = 0; i < WORLD_JOBS_MAX; i++)
        assert_int_equal(w.rcs[i], RC_OK);
    world_close(&w);
}

static void
test_tells_nobody_who_has_canceled(void **state)
{
    struct want wants[3];
    struct world w;

    (void)state;
    world_open(&w, &softhsm);
    size_t key = world_add_key(&w, "developer", "pkcs11:object=p256");
    world_settle(&w);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(world_ask(&w, &wants[i], key, VERIFY_ECDSA, (uid_t)i), RC_OK);
    keyring_cancel(wants[0].job); /* while it waits */
    while (keyring_wait(wants[1].job).is_queued)
        world_turn(&w);
    keyring_cancel(wants[1].job); /* while it is signed */
    while (w.n_done == 0)
        world_turn(&w);
    assert_int_equal(w.n_done, 1);
    assert_int_equal(w.order[0], 2);
    assert_int_equal(world_sign(&w, key, VERIFY_ECDSA), RC_OK);
    world_close(&w);
}

static int
make_keys(void **state)
{
    (void)state;
    softhsm_open(&softhsm);
    softhsm_make_key(&softhsm, "EC:secp256r1", "p256", "01");
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
        cmocka_unit_test(test_never_tries_a_refused_pin_again),
        cmocka_unit_test(test_fails_at_once_while_the_token_is_away),
        cmocka_unit_test(test_wins_back_a_token_that_was_away_for_a_moment),
        cmocka_unit_test(test_replaces_a_worker_that_died),
        cmocka_unit_test(test_takes_turns_between_users),
        cmocka_unit_test(test_runs_as_many_workers_as_the_policy_says),
        cmocka_unit_test(test_tells_nobody_who_has_canceled),
    };

    return cmocka_run_group_tests(tests, make_keys, remove_keys);
}
