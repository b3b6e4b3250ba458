/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/gate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/world.h"

#define WORKERS 3

static struct softhsm softhsm;

/* An unlocking, and what became of it. */
struct attempt {
    bool is_over;
    enum rc rc;
    struct why why;
};

static void
on_unlocked(void *userdata, enum rc rc, const struct why *why)
{
    struct attempt *attempt = userdata;

    assert_false(attempt->is_over);
    attempt->is_over = true;
    attempt->rc = rc;
    attempt->why = *why;
}

/* Begin with that PIN, NULL: with the one of the policy. */
static enum rc
begin(struct world *w, struct attempt *attempt, const char *pin, struct why *why)
{
    struct keyring_unlock order = {.fd = -1, .callback = on_unlocked, .userdata = attempt};
    enum keyring_need need;
    int ends[2];

    *attempt = (struct attempt){.rc = RC_MAX_};
    enum rc rc = keyring_check_unlock(&need, w->keyring, &order, why);
    if (rc)
        return rc;

    assert_int_equal(need, pin ? KEYRING_NEEDS_PIN : KEYRING_NEEDS_LOGIN);
    if (!pin)
        return keyring_unlock(w->keyring, &order, why);

    const uint8_t header[] = {0, 0, 0, (uint8_t)strlen(pin)};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(send(ends[0], header, sizeof header, 0), sizeof header);
    assert_int_equal(send(ends[0], pin, strlen(pin), 0), strlen(pin));
    order.fd = ends[1];
    rc = keyring_unlock(w->keyring, &order, why);
    fd_close(&ends[0]);
    fd_close(&ends[1]);
    return rc;
}

/* Until it may be tried, and then until its end. */
static enum rc
unlock(struct world *w, const char *pin, struct why *why)
{
    struct attempt attempt;

    enum rc rc = begin(w, &attempt, pin, why);
    while (rc == RC_BUSY) { /* the token is looked for */
        world_turn(w);
        rc = begin(w, &attempt, pin, why);
    }
    if (rc)
        return rc;

    while (!attempt.is_over)
        world_turn(w);
    *why = attempt.why;
    if (attempt.rc)
        print_message("%s\n", why->text);
    return attempt.rc;
}

static size_t
open_world(struct world *w, enum policy_pin pin)
{
    world_open(w, &softhsm);
    w->tokens[0].pin = pin;
    w->tokens[0].workers = WORKERS;
    size_t key = world_add_key(w, "developer", "pkcs11:object=p256");
    world_settle(w);
    return key;
}

static void
await_workers(struct world *w, size_t n)
{
    while (keyring_token(w->keyring, 0)->n_workers != n)
        world_turn(w);
}

static void
test_waits_for_a_pin_and_gives_it_to_all_workers(void **state)
{
    struct world w;
    struct why why;

    (void)state;
    size_t key = open_world(&w, POLICY_PIN_PROMPT);
    world_assert_state(&w, key, KEYRING_LOCKED);
    assert_non_null(strstr(keyring_key(w.keyring, key)->detail, "countersign unlock"));
    assert_int_equal(world_sign(&w, key, VERIFY_ECDSA), RC_LOCKED);

    assert_int_equal(unlock(&w, SOFTHSM_PIN, &why), RC_OK);
    world_await_state(&w, key, KEYRING_READY);
    await_workers(&w, WORKERS);
    assert_int_equal(world_sign(&w, key, VERIFY_ECDSA), RC_OK);
    assert_int_equal(unlock(&w, SOFTHSM_PIN, &why), RC_UNSUPPORTED); /* it is not locked */
    world_close(&w);
}

static void
test_gives_the_pin_to_a_worker_that_takes_the_place_of_another(void **state)
{
    pid_t workers[WORKERS + 1];
    struct world w;
    struct why why;

    (void)state;
    size_t key = open_world(&w, POLICY_PIN_PROMPT);
    assert_int_equal(unlock(&w, SOFTHSM_PIN, &why), RC_OK);
    await_workers(&w, WORKERS);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(world_list_workers(workers, N_ELEMENTS(workers)), WORKERS);
        assert_int_equal(kill(workers[0], SIGKILL), 0);
        await_workers(&w, WORKERS - 1);
        await_workers(&w, WORKERS);
        world_assert_state(&w, key, KEYRING_READY);
    }

    /* With the last one the PIN is gone. */
    assert_int_equal(world_list_workers(workers, N_ELEMENTS(workers)), WORKERS);
    for (int i = 0; i < WORKERS; i++)
        assert_int_equal(kill(workers[i], SIGKILL), 0);
    world_await_state(&w, key, KEYRING_LOCKED);
    assert_int_equal(unlock(&w, SOFTHSM_PIN, &why), RC_OK);
    world_await_state(&w, key, KEYRING_READY);
    world_close(&w);
}

static void
test_tells_what_became_of_a_pin(void **state)
{
    struct world w;
    struct why why;

    (void)state;
    size_t key = open_world(&w, POLICY_PIN_PROMPT);
    assert_int_equal(unlock(&w, "9999", &why), RC_LOCKED);
    assert_non_null(strstr(why.text, "refused the PIN"));
    assert_int_equal(unlock(&w, "12\n", &why), RC_MALFORMED);
    assert_int_equal(unlock(&w, "", &why), RC_MALFORMED);
    assert_int_equal(unlock(&w, SOFTHSM_PIN, &why), RC_OK);
    world_await_state(&w, key, KEYRING_READY);
    world_close(&w);
}

static void
test_unlocks_once_at_a_time(void **state)
{
    struct attempt first, second;
    struct world w;
    struct why why;

    (void)state;
    (void)open_world(&w, POLICY_PIN_PROMPT);
    assert_int_equal(begin(&w, &first, SOFTHSM_PIN, &why), RC_OK);
    assert_int_equal(begin(&w, &second, SOFTHSM_PIN, &why), RC_BUSY);
    while (!first.is_over)
        world_turn(&w);
    assert_int_equal(first.rc, RC_OK);
    world_close(&w);
}

static void
test_locks_until_it_is_unlocked(void **state)
{
    static const enum policy_pin pins[] = {POLICY_PIN_PROMPT, POLICY_PIN_FILE};
    pid_t before[WORKERS], after[WORKERS];

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(pins); i++) {
        const char *pin = pins[i] == POLICY_PIN_PROMPT ? SOFTHSM_PIN : NULL;
        struct world w;
        struct why why;

        size_t key = open_world(&w, pins[i]);
        if (pin)
            assert_int_equal(unlock(&w, pin, &why), RC_OK);
        await_workers(&w, WORKERS);
        assert_int_equal(world_list_workers(before, WORKERS), WORKERS);
        assert_int_equal(keyring_lock(w.keyring, 0, &why), RC_OK);
        world_await_state(&w, key, KEYRING_LOCKED);
        await_workers(&w, 0);
        assert_int_equal(world_sign(&w, key, VERIFY_ECDSA), RC_LOCKED);

        /* All that knew the PIN are gone, and a restart changes nothing. */
        while (kill(before[0], 0) == 0 || kill(before[1], 0) == 0 || kill(before[2], 0) == 0)
            world_turn(&w);
        world_stop(&w);
        world_settle(&w);
        world_assert_state(&w, key, KEYRING_LOCKED);
        assert_non_null(strstr(keyring_key(w.keyring, key)->detail, "an admin locked it"));

        if (pin)
            assert_int_equal(unlock(&w, "9999", &why), RC_LOCKED);
        assert_int_equal(unlock(&w, pin, &why), RC_OK);
        world_await_state(&w, key, KEYRING_READY);
        await_workers(&w, WORKERS);
        assert_int_equal(world_list_workers(after, WORKERS), WORKERS);
        assert_int_equal(world_sign(&w, key, VERIFY_ECDSA), RC_OK);
        world_close(&w);
    }
}

/* Without a restart in between, which would hide what is left of the workers that ended. */
static void
test_stays_locked_by_a_wrong_pin_after_a_lock(void **state)
{
    struct world w;
    struct why why;

    (void)state;
    size_t key = open_world(&w, POLICY_PIN_PROMPT);
    assert_int_equal(unlock(&w, SOFTHSM_PIN, &why), RC_OK);
    await_workers(&w, WORKERS);
    assert_int_equal(keyring_lock(w.keyring, 0, &why), RC_OK);
    await_workers(&w, 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(unlock(&w, "9999", &why), RC_LOCKED);
        world_await_state(&w, key, KEYRING_LOCKED);
    }
    assert_int_equal(unlock(&w, SOFTHSM_PIN, &why), RC_OK);
    world_await_state(&w, key, KEYRING_READY);
    world_close(&w);
}

static void
test_finishes_what_is_under_way_before_it_locks(void **state)
{
    struct want wants[16];
    struct world w;
    struct why why;

    (void)state;
    size_t key = open_world(&w, POLICY_PIN_FILE);
    for (size_t i = 0; i < N_ELEMENTS(wants); i++)
        assert_int_equal(world_ask(&w, &wants[i], key, VERIFY_ECDSA, 1), RC_OK);
    world_turn(&w); /* they go to the workers */
    assert_int_equal(keyring_lock(w.keyring, 0, &why), RC_OK);
    while (w.n_done < N_ELEMENTS(wants))
        world_turn(&w);
    for (size_t i = 0; i < N_ELEMENTS(wants); i++)
        assert_true(w.rcs[i] == RC_OK || w.rcs[i] == RC_LOCKED);
    world_await_state(&w, key, KEYRING_LOCKED);
    assert_int_equal(unlock(&w, NULL, &why), RC_OK);
    world_close(&w);
}

static void
test_tries_a_refused_pin_of_a_file_once_more(void **state)
{
    struct world w;
    struct why why;

    (void)state;
    softhsm_write_pin(&softhsm, "4321\n");
    size_t key = open_world(&w, POLICY_PIN_FILE);
    world_await_state(&w, key, KEYRING_LOCKED);
    assert_int_equal(unlock(&w, NULL, &why), RC_LOCKED);
    assert_int_equal(unlock(&w, NULL, &why), RC_LOCKED);

    softhsm_change_pin(&softhsm, SOFTHSM_PIN, "4321");
    assert_int_equal(unlock(&w, NULL, &why), RC_OK);
    world_await_state(&w, key, KEYRING_READY);
    world_stop(&w);
    world_settle(&w);
    world_assert_state(&w, key, KEYRING_READY);
    world_stop(&w);

    softhsm_change_pin(&softhsm, "4321", SOFTHSM_PIN);
    softhsm_write_pin(&softhsm, SOFTHSM_PIN);
    world_close(&w);
}

static void
test_does_not_unlock_what_is_away(void **state)
{
    struct world w;
    struct why why;

    (void)state;
    softhsm_unplug(&softhsm);
    (void)open_world(&w, POLICY_PIN_FILE);
    assert_int_equal(unlock(&w, NULL, &why), RC_TOKEN);
    world_close(&w);

    (void)open_world(&w, POLICY_PIN_PROMPT);
    assert_int_equal(unlock(&w, SOFTHSM_PIN, &why), RC_TOKEN);
    softhsm_plug(&softhsm);
    while (unlock(&w, SOFTHSM_PIN, &why) != RC_OK)
        world_turn(&w);
    world_close(&w);
}

static void
test_says_at_once_that_there_is_nothing_to_try(void **state)
{
    closing(freep) char *away = NULL;
    struct world w;
    struct why why;

    (void)state;
    size_t key = open_world(&w, POLICY_PIN_FILE);
    world_assert_state(&w, key, KEYRING_READY);
    assert_int_equal(keyring_lock(w.keyring, 0, &why), RC_OK);
    await_workers(&w, 0);
    assert_true(asprintf(&away, "%s.away", softhsm.pin) > 0);
    assert_int_equal(rename(softhsm.pin, away), 0);
    enum rc rc = unlock(&w, NULL, &why);
    while (rc == RC_OK) { /* it had found the PIN before */
        assert_int_equal(keyring_lock(w.keyring, 0, &why), RC_OK);
        await_workers(&w, 0);
        rc = unlock(&w, NULL, &why);
    }
    assert_int_equal(rc, RC_LOCKED);
    assert_int_equal(rename(away, softhsm.pin), 0);
    world_await_state(&w, key, KEYRING_READY);
    world_close(&w);
}

static void
test_tells_who_waits_when_the_agent_ends(void **state)
{
    struct attempt attempt;
    struct world w;
    struct why why;

    (void)state;
    (void)open_world(&w, POLICY_PIN_PROMPT);
    assert_int_equal(begin(&w, &attempt, SOFTHSM_PIN, &why), RC_OK);
    keyring_end_unlocks(w.keyring);
    assert_true(attempt.is_over);
    assert_int_equal(attempt.rc, RC_TOKEN);
    world_close(&w);
}

static int
set_up(void **state)
{
    (void)state;
    softhsm_open(&softhsm);
    softhsm_make_key(&softhsm, "EC:secp256r1", "p256", "01");
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    softhsm_close(&softhsm);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waits_for_a_pin_and_gives_it_to_all_workers),
        cmocka_unit_test(test_gives_the_pin_to_a_worker_that_takes_the_place_of_another),
        cmocka_unit_test(test_tells_what_became_of_a_pin),
        cmocka_unit_test(test_unlocks_once_at_a_time),
        cmocka_unit_test(test_locks_until_it_is_unlocked),
        cmocka_unit_test(test_stays_locked_by_a_wrong_pin_after_a_lock),
        cmocka_unit_test(test_finishes_what_is_under_way_before_it_locks),
        cmocka_unit_test(test_tries_a_refused_pin_of_a_file_once_more),
        cmocka_unit_test(test_does_not_unlock_what_is_away),
        cmocka_unit_test(test_says_at_once_that_there_is_nothing_to_try),
        cmocka_unit_test(test_tells_who_waits_when_the_agent_ends),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
