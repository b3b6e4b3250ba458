/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/vigil.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
/* cmocka wants those above first */
#include <cmocka.h>

#include "proto/bounds.h"
#include "tests/approvals.h"
#include "tests/clock.h"

static void
test_a_call_that_waits_is_signed_when_the_last_vote_comes(void **state)
{
    struct daemon *d = *state;
    closing(fd_close) int fd = daemon_dial(d, UID_ALICE);
    char id[PARKED_ID_LEN + 1], digits[9], want[256];

    approvals_park(d, UID_ALICE, 1, id, digits);
    approvals_ask_more(d, fd, approvals_order(1), true);
    clock_advance_ms((SIGN_TIMEOUT_S + 1) * 1000); /* longer than a signature may take */
    daemon_pump(d);
    json_auto_t *progress = daemon_answer(d, fd, "Sign");
    snprintf(want, sizeof want,
        "waiting for approval %s, digest %s: 0 of 1 votes of user 10002, user 10005, user 10001; "
        "countersign approve %s",
        id, digits, id);
    assert_string_equal(
        json_string_value(json_object_get(daemon_assert_reply(progress), "progress")), want);
    assert_null(daemon_answer(d, fd, "Sign"));

    approvals_vote_well(d, UID_BOB, id, digits);
    daemon_pump(d);
    json_auto_t *answer = daemon_answer(d, fd, "Sign");
    assert_non_null(answer);
    assert_int_equal(
        json_array_size(json_object_get(
            json_array_get(json_object_get(daemon_assert_reply(answer), "documents"), 0),
            "signatures")),
        1);
}

static void
test_a_call_that_waits_ends_with_its_request(void **state)
{
    struct daemon *d = *state;
    char id[PARKED_ID_LEN + 1], digits[9];
    closing(fd_close) int denied = daemon_dial(d, UID_ALICE);
    closing(fd_close) int expired = daemon_dial(d, UID_ALICE);
    closing(fd_close) int ungranted = daemon_dial(d, UID_ALICE);

    approvals_ask_more(d, denied, approvals_order(1), true);
    approvals_park(d, UID_ALICE, 1, id, digits);
    json_auto_t *no = approvals_deny(d, UID_BOB, id, NULL);
    daemon_assert_reply(no);
    daemon_pump(d);
    json_auto_t *first = daemon_answer(d, denied, "Sign");
    daemon_assert_error(first, "Denied", "reason", "approval-denied");

    approvals_ask_more(d, expired, approvals_order(2), true);
    clock_advance_wall_ms(PARKED_LIFETIME_S * 1000);
    clock_advance_ms(60000);
    daemon_pump(d);
    json_auto_t *second = daemon_answer(d, expired, "Sign"); /* the progress, then the end */
    json_auto_t *third = daemon_answer(d, expired, "Sign");
    daemon_assert_error(third ? third : second, "Denied", "reason", "approvals");

    approvals_ask_more(d, ungranted, approvals_order(3), true);
    daemon_set_policy(d, daemon_policy());
    closing(json_decrefp) json_t *changes = NULL;
    assert_int_equal(agent_reload(&d->agent, &changes, NULL), RC_OK);
    daemon_pump(d);
    json_auto_t *fourth = daemon_answer(d, ungranted, "Sign"); /* no votes are asked for any more */
    daemon_assert_reply(fourth);
}

static void
test_who_does_not_want_to_wait_is_answered_at_once(void **state)
{
    struct daemon *d = *state;
    closing(fd_close) int fd = daemon_dial(d, UID_ALICE);

    approvals_ask_more(d, fd, approvals_order(1), false);
    json_auto_t *answer = daemon_answer(d, fd, "Sign");
    daemon_assert_error(answer, "NeedsApproval", NULL, NULL);
}

static void
test_what_hangs_up_stays_parked(void **state)
{
    struct daemon *d = *state;
    char id[PARKED_ID_LEN + 1], digits[9];
    int fd = daemon_dial(d, UID_ALICE);

    approvals_ask_more(d, fd, approvals_order(1), true);
    close(fd);
    daemon_pump(d);
    assert_int_equal(approvals_count(d, UID_BOB), 1);
    approvals_park(d, UID_ALICE, 1, id, digits);
    approvals_vote_well(d, UID_BOB, id, digits);
    approvals_sign_well(d, 1);
}

static void
test_few_calls_of_one_uid_wait(void **state)
{
    struct daemon *d = *state;
    int fds[VIGILS_MAX_PER_UID + 1];

    for (size_t i = 0; i < N_ELEMENTS(fds); i++) {
        fds[i] = daemon_dial(d, UID_ALICE);
        approvals_ask_more(d, fds[i], approvals_order(1), true);
        json_auto_t *answer = daemon_answer(d, fds[i], "Sign");
        if (i < VIGILS_MAX_PER_UID)
            assert_null(answer);
        else
            daemon_assert_error(answer, "NeedsApproval", NULL, NULL);
    }
    for (size_t i = 0; i < N_ELEMENTS(fds); i++)
        close(fds[i]);
    daemon_pump(d);
}

static void
test_a_denial_while_it_is_signed_is_in_time(void **state)
{
    struct daemon *d = *state;
    closing(fd_close) int fd = daemon_dial(d, UID_ALICE);
    struct ledger_mark mark = {0};
    char id[PARKED_ID_LEN + 1], digits[9];

    approvals_park(d, UID_ALICE, 1, id, digits);
    approvals_vote_well(d, UID_BOB, id, digits);
    softkeyring_hold(true);
    daemon_ask(d, fd, "Sign", approvals_order(1));
    daemon_pump(d);
    assert_int_equal(softkeyring_n_waiting(), 1);
    json_auto_t *no = approvals_deny(d, UID_CAROL, id, NULL);
    daemon_assert_reply(no);
    softkeyring_finish(RC_OK);
    daemon_pump(d);
    json_auto_t *answer = daemon_answer(d, fd, "Sign");
    daemon_assert_error(answer, "Denied", "reason", "approval-denied");
    assert_int_equal(
        ledger_mark(&mark, d->agent.ledger, DAEMON_REPOSITORY, "targets/qa", NULL), RC_NOT_FOUND);
}

static void
test_votes_are_looked_at_again_when_its_turn_comes(void **state)
{
    struct daemon *d = *state;
    closing(fd_close) int first = daemon_dial(d, UID_ALICE);
    closing(fd_close) int second = daemon_dial(d, UID_ALICE);
    struct ledger_mark mark = {0};
    char id[PARKED_ID_LEN + 1], digits[9];

    approvals_park(d, UID_ALICE, 2, id, digits);
    approvals_vote_well(d, UID_BOB, id, digits);
    approvals_park(d, UID_ALICE, 1, id, digits);
    approvals_vote_well(d, UID_BOB, id, digits);
    softkeyring_hold(true);
    daemon_ask(d, first, "Sign", approvals_order(1));
    daemon_ask(d, second, "Sign", approvals_order(2)); /* of the same role: it waits for its turn */
    assert_int_equal(softkeyring_n_waiting(), 1);
    size_t n_asked = softkeyring_n_asked();
    approvals_set(d, ", approvals: {count: 1, users: [10005]}"); /* no longer Bob */
    softkeyring_finish(RC_OK);
    daemon_pump(d);

    json_auto_t *queued = daemon_answer(d, first, "Sign"); /* for the token, where it is next */
    daemon_assert_error(queued, "NeedsApproval", NULL, NULL);
    json_auto_t *reserved = daemon_answer(d, second, "Sign");
    daemon_assert_error(reserved, "NeedsApproval", NULL, NULL);
    assert_int_equal(softkeyring_n_waiting(), 0);
    assert_int_equal(softkeyring_n_asked(), n_asked);
    assert_int_equal(
        ledger_mark(&mark, d->agent.ledger, DAEMON_REPOSITORY, "targets/qa", NULL), RC_NOT_FOUND);
}

int
main(void)
{
#define VIGIL_TEST(test) cmocka_unit_test_setup_teardown(test, approvals_open, daemon_close)
    const struct CMUnitTest tests[] = {
        VIGIL_TEST(test_a_call_that_waits_is_signed_when_the_last_vote_comes),
        VIGIL_TEST(test_a_call_that_waits_ends_with_its_request),
        VIGIL_TEST(test_who_does_not_want_to_wait_is_answered_at_once),
        VIGIL_TEST(test_what_hangs_up_stays_parked),
        VIGIL_TEST(test_few_calls_of_one_uid_wait),
        VIGIL_TEST(test_votes_are_looked_at_again_when_its_turn_comes),
        VIGIL_TEST(test_a_denial_while_it_is_signed_is_in_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
