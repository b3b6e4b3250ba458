/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/talk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

static struct softhsm softhsm;

/* A worker that has found the token, whose PIN is where the policy says, or asked for. */
static void
open_token(struct talk *t, enum token_pin pin)
{
    struct frame frame = talk_open(&softhsm);

    talk_start(t, &softhsm, getenv("COUNTERSIGN_TOKEN"));
    frame.open.pin = pin;
    talk_say(t, &frame);
    talk_await(t, FRAME_FOUND);
    assert_int_equal(t->frame.found.wants_pin, pin == TOKEN_PIN_PROMPT);
    assert_false(t->frame.found.is_last_try);
}

static void
log_in(struct talk *t, enum token_state state)
{
    const struct frame login = {.type = FRAME_LOGIN, .id = t->frame.id};

    talk_say(t, &login);
    talk_await_state(t, state);
}

/* Hand over a client that sent a PIN of that length and hung up. */
static void
unlock_with(struct talk *t, size_t len, const char *pin)
{
    const struct frame unlock = {.type = FRAME_UNLOCK, .id = 99, .unlock.source = SPAN("prompt 7")};
    const uint8_t header[] = {0, 0, 0, (uint8_t)len};
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(send(ends[0], header, sizeof header, 0), sizeof header);
    assert_int_equal(send(ends[0], pin, strlen(pin), 0), strlen(pin));
    fd_close(&ends[0]);
    assert_int_equal(worker_send(t->worker, &unlock, ends[1], 0, NULL), RC_OK);
    fd_close(&ends[1]);
    talk_await(t, FRAME_UNLOCKED);
    assert_int_equal(t->frame.id, 99);
}

static void
unlock(struct talk *t, const char *pin)
{
    unlock_with(t, strlen(pin), pin);
    assert_int_equal(t->frame.unlocked.rc, RC_OK);
    talk_await(t, FRAME_FOUND);
    assert_false(t->frame.found.wants_pin);
    assert_true(span_is(t->frame.found.source, "prompt 7"));
}

static void
find(struct talk *t, const char *uri)
{
    const struct frame frame = {
        .type = FRAME_FIND, .id = 77, .find = {.place = 0, .uri = span_of(uri)}};

    talk_say(t, &frame);
    talk_await(t, FRAME_KEY);
    assert_int_equal(t->frame.key.n_matches, 1);
}

static void
say_sign(struct talk *t)
{
    struct frame frame = {.type = FRAME_SIGN, .id = 78, .sign.n_jobs = 1};

    frame.sign.jobs[0] = (struct frame_job){0, VERIFY_ECDSA, {{1}}};
    talk_say(t, &frame);
}

static void
sign(struct talk *t)
{
    say_sign(t);
    talk_await(t, FRAME_SIGNED);
    assert_int_equal(t->frame.sigs.results[0].rc, RC_OK);
}

static void
test_signs_with_a_pin_that_people_sent(void **state)
{
    struct talk t;

    (void)state;
    open_token(&t, TOKEN_PIN_PROMPT);
    assert_int_equal(t.frame.found.source.len, 0);
    unlock(&t, SOFTHSM_PIN);
    log_in(&t, TOKEN_READY);
    find(&t, "pkcs11:object=p256");
    sign(&t);
    talk_finish(&t);
}

static void
test_asks_again_after_a_refused_pin(void **state)
{
    struct talk t;

    (void)state;
    open_token(&t, TOKEN_PIN_PROMPT);
    unlock(&t, "9999");
    log_in(&t, TOKEN_PIN_WRONG);
    talk_await(&t, FRAME_FOUND);
    assert_true(t.frame.found.wants_pin);
    unlock(&t, SOFTHSM_PIN);
    log_in(&t, TOKEN_READY);
    talk_finish(&t);
}

static void
test_says_what_is_no_pin_and_waits_for_another(void **state)
{
    struct talk t;

    (void)state;
    open_token(&t, TOKEN_PIN_PROMPT);
    unlock_with(&t, 6, "1234");
    assert_int_equal(t.frame.unlocked.rc, RC_MALFORMED);
    assert_int_not_equal(t.frame.unlocked.detail.len, 0);
    unlock_with(&t, 0, "");
    assert_int_equal(t.frame.unlocked.rc, RC_MALFORMED);
    unlock(&t, SOFTHSM_PIN);
    log_in(&t, TOKEN_READY);
    talk_finish(&t);
}

static void
test_takes_no_pin_from_people_where_the_policy_has_one(void **state)
{
    struct talk t;

    (void)state;
    open_token(&t, TOKEN_PIN_FILE);
    unlock_with(&t, 4, SOFTHSM_PIN);
    assert_int_equal(t.frame.unlocked.rc, RC_UNSUPPORTED);
    talk_finish(&t);
}

static void
await_any(struct talk *t)
{
    t->has_message = false;
    while (!t->has_message)
        assert_true(sd_event_run(t->event, 20000000) > 0);
}

static void
test_keeps_the_pin_while_the_token_is_away(void **state)
{
    struct talk t;

    (void)state;
    open_token(&t, TOKEN_PIN_PROMPT);
    unlock(&t, SOFTHSM_PIN);
    log_in(&t, TOKEN_READY);
    find(&t, "pkcs11:object=p256");
    softhsm_unplug(&softhsm);
    say_sign(&t);
    talk_await(&t, FRAME_STATE);
    softhsm_plug(&softhsm);
    while (t.frame.type != FRAME_FOUND) /* it may say before that it is absent */
        await_any(&t);
    assert_false(t.frame.found.wants_pin);
    log_in(&t, TOKEN_READY);
    talk_finish(&t);
}

static void
test_gives_its_pin_to_another_worker(void **state)
{
    const struct frame give = {.type = FRAME_GIVE};
    const struct frame take = {.type = FRAME_UNLOCK, .id = 99, .unlock.source = SPAN("prompt 7")};
    struct talk giver, taker;
    int ends[2];

    (void)state;
    open_token(&giver, TOKEN_PIN_PROMPT);
    unlock(&giver, SOFTHSM_PIN);
    log_in(&giver, TOKEN_READY);

    open_token(&taker, TOKEN_PIN_PROMPT);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(worker_send(giver.worker, &give, ends[0], 0, NULL), RC_OK);
    assert_int_equal(worker_send(taker.worker, &take, ends[1], 0, NULL), RC_OK);
    fd_close(&ends[0]);
    fd_close(&ends[1]);
    talk_await(&taker, FRAME_UNLOCKED);
    assert_int_equal(taker.frame.unlocked.rc, RC_OK);
    talk_await(&taker, FRAME_FOUND);
    log_in(&taker, TOKEN_READY);
    find(&taker, "pkcs11:object=p256");
    sign(&taker);
    talk_finish(&giver);
    talk_finish(&taker);
}

static void
test_logs_in_for_each_signature_where_the_key_wants_it(void **state)
{
    struct talk t;

    (void)state;
    for (int i = 0; i < 2; i++) {
        open_token(&t, i ? TOKEN_PIN_PROMPT : TOKEN_PIN_FILE);
        if (i)
            unlock(&t, SOFTHSM_PIN);
        log_in(&t, TOKEN_READY);
        find(&t, "pkcs11:object=always");
        for (int n = 0; n < 3; n++)
            sign(&t);
        talk_finish(&t);
    }
}

/* What is there now was never accepted: whether it may be tried, the agent says. */
static void
test_signs_with_no_other_pin_than_the_one_that_was_accepted(void **state)
{
    struct talk t;

    (void)state;
    open_token(&t, TOKEN_PIN_FILE);
    log_in(&t, TOKEN_READY);
    find(&t, "pkcs11:object=always");
    sign(&t);
    softhsm_write_pin(&softhsm, "9999");
    say_sign(&t);
    talk_await_state(&t, TOKEN_LOCKED);
    softhsm_write_pin(&softhsm, SOFTHSM_PIN);
    do { /* it may look while the file is written */
        const struct frame login = {.type = FRAME_LOGIN, .id = t.frame.id};
        if (t.frame.type == FRAME_FOUND)
            talk_say(&t, &login);
        await_any(&t);
    } while (t.frame.type != FRAME_STATE || t.frame.state.state != TOKEN_READY);
    talk_finish(&t);
}

static int
set_up(void **state)
{
    (void)state;
    softhsm_open(&softhsm);
    softhsm_make_key(&softhsm, "EC:secp256r1", "p256", "01");
    softhsm_tool(
        &softhsm, "--keypairgen --key-type EC:secp256r1 --label always --id 02 --always-auth");
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
        cmocka_unit_test(test_signs_with_a_pin_that_people_sent),
        cmocka_unit_test(test_asks_again_after_a_refused_pin),
        cmocka_unit_test(test_says_what_is_no_pin_and_waits_for_another),
        cmocka_unit_test(test_takes_no_pin_from_people_where_the_policy_has_one),
        cmocka_unit_test(test_keeps_the_pin_while_the_token_is_away),
        cmocka_unit_test(test_gives_its_pin_to_another_worker),
        cmocka_unit_test(test_logs_in_for_each_signature_where_the_key_wants_it),
        cmocka_unit_test(test_signs_with_no_other_pin_than_the_one_that_was_accepted),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
