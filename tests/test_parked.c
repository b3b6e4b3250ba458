/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/parked.h"

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
test_the_same_bytes_are_signed_when_somebody_agreed(void **state)
{
    struct daemon *d = *state;
    char id[PARKED_ID_LEN + 1], again[PARKED_ID_LEN + 1], digits[9];

    approvals_park(d, UID_ALICE, 1, id, digits);
    approvals_park(d, UID_ALICE, 1, again, digits);
    assert_string_equal(id, again);
    json_auto_t *vote = approvals_vote(d, UID_BOB, id, digits);
    const json_t *approval =
        json_array_get(json_object_get(daemon_assert_reply(vote), "approvals"), 0);
    assert_int_equal(json_integer_value(json_object_get(approval, "have")), 1);
    assert_int_equal(json_integer_value(json_object_get(approval, "need")), 1);
    approvals_sign_well(d, 1);
    assert_int_equal(approvals_count(d, UID_BOB), 0);

    approvals_sign_well(d, 1); /* a retry of what was released */
    approvals_park(d, UID_ALICE, 2, again, digits);
    assert_string_not_equal(id, again);
}

static void
test_votes_survive_a_restart(void **state)
{
    struct daemon *d = *state;
    char id[PARKED_ID_LEN + 1], digits[9];

    approvals_park(d, UID_ALICE, 1, id, digits);
    daemon_stop(&d->agent);
    daemon_start(&d->agent);
    approvals_vote_well(d, UID_CAROL, id, digits);
    daemon_stop(&d->agent); /* whose keys are new ones then, so nothing more can be signed */
    daemon_start(&d->agent);

    json_auto_t *answer = daemon_call(d, UID_BOB, "Pending", json_pack("{s:s}", "id", id));
    const json_t *request =
        json_array_get(json_object_get(daemon_assert_reply(answer), "requests"), 0);
    const json_t *approval = json_array_get(json_object_get(request, "approvals"), 0);
    assert_int_equal(json_integer_value(json_object_get(approval, "have")), 1);
    assert_int_equal(
        json_integer_value(json_array_get(json_object_get(approval, "voters"), 0)), UID_CAROL);
}

static void
test_votes_are_of_these_bytes_as_what_they_were_claimed_to_be(void **state)
{
    static const char *const more[] = {"rsa-qa", "qa", NULL};
    struct daemon *d = *state;
    char id[PARKED_ID_LEN + 1], other[PARKED_ID_LEN + 1], digits[9];

    approvals_park(d, UID_ALICE, 1, id, digits);
    approvals_vote_well(d, UID_BOB, id, digits);
    approvals_park(d, UID_ALICE, 2, other, digits);
    assert_string_not_equal(id, other);
    json_auto_t *keys =
        daemon_call(d, UID_ALICE, "Sign", approvals_order_of("targets/qa", 1, more));
    daemon_assert_error(keys, "NeedsApproval", NULL, NULL);
    approvals_park(d, UID_ADMIN, 1, other, digits); /* another one asks for them */
    assert_string_not_equal(id, other);
}

static void
test_who_may_not_vote_learns_why(void **state)
{
    static const struct {
        const char *says;
        uid_t uid;
        const char *error, *member, *text;
    } cases[] = {
        {"nobody votes on his own, even if he is an approver", UID_ALICE, "Denied", "reason",
            "own-request"},
        {"an admin sees it and has no vote", UID_ADMIN, "Denied", "reason", "not-approver"},
        {"a stranger learns nothing", UID_STRANGER, "Denied", "reason", "not-granted"},
        {"root has no vote", 0, "Denied", "reason", "not-granted"},
    };
    struct daemon *d = *state;
    char id[PARKED_ID_LEN + 1], digits[9];

    approvals_park(d, UID_ALICE, 1, id, digits);
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        print_message("%s\n", cases[i].says);
        json_auto_t *answer = approvals_vote(d, cases[i].uid, id, digits);
        daemon_assert_error(answer, cases[i].error, cases[i].member, cases[i].text);
    }
    approvals_park(d, UID_ALICE, 1, id, digits);
}

static void
test_who_votes_types_digits_of_what_he_saw(void **state)
{
    struct daemon *d = *state;
    char id[PARKED_ID_LEN + 1], digits[9];

    approvals_park(d, UID_ALICE, 1, id, digits);
    json_auto_t *unknown = approvals_vote(d, UID_BOB, "00000000", digits);
    daemon_assert_error(unknown, "NotFound", NULL, NULL);
    json_auto_t *mismatch = approvals_vote(d, UID_BOB, id, "0123456x");
    daemon_assert_error(mismatch, "Denied", "reason", "approval-mismatch");
    json_auto_t *short_one = approvals_vote(d, UID_BOB, id, "");
    daemon_assert_error(short_one, "Denied", "reason", "approval-mismatch");
}

static void
test_two_votes_are_of_two_people(void **state)
{
    struct daemon *d = *state;
    char id[PARKED_ID_LEN + 1], again[PARKED_ID_LEN + 1], digits[9];

    approvals_set(d, ", approvals: {count: 2, users: [10002, 10005]}");
    approvals_park(d, UID_ALICE, 1, id, digits);
    approvals_vote_well(d, UID_BOB, id, digits);
    approvals_vote_well(d, UID_BOB, id, digits);
    approvals_park(d, UID_ALICE, 1, again, digits);
    assert_string_equal(id, again);
    approvals_vote_well(d, UID_CAROL, id, digits);
    approvals_sign_well(d, 1);
}

static void
test_who_is_no_approver_any_more_counts_no_more(void **state)
{
    struct daemon *d = *state;
    char id[PARKED_ID_LEN + 1], again[PARKED_ID_LEN + 1], digits[9];

    approvals_park(d, UID_ALICE, 1, id, digits);
    approvals_vote_well(d, UID_BOB, id, digits);
    approvals_set(d, ", approvals: {count: 1, users: [10005]}");
    approvals_park(d, UID_ALICE, 1, again, digits);
    assert_string_equal(id, again);
    json_auto_t *late = approvals_vote(d, UID_BOB, id, digits);
    daemon_assert_error(late, "NotFound", NULL, NULL);
    approvals_vote_well(d, UID_CAROL, id, digits);
    approvals_sign_well(d, 1);
}

static void
test_a_denial_stands_until_it_expires(void **state)
{
    struct daemon *d = *state;
    char id[PARKED_ID_LEN + 1], again[PARKED_ID_LEN + 1], digits[9];

    approvals_park(d, UID_ALICE, 1, id, digits);
    approvals_vote_well(d, UID_BOB, id, digits);
    json_auto_t *denied = approvals_deny(d, UID_CAROL, id, "not on a Friday");
    daemon_assert_reply(denied);
    json_auto_t *answer = daemon_call(d, UID_ALICE, "Sign", approvals_order(1));
    daemon_assert_error(answer, "Denied", "reason", "approval-denied");
    daemon_assert_error(answer, "Denied", "have", "denied by uid 10005: not on a Friday");
    json_auto_t *late = approvals_vote(d, UID_BOB, id, digits);
    daemon_assert_error(late, "NotFound", NULL, NULL);
    assert_int_equal(approvals_count(d, UID_ALICE), 0);

    clock_advance_wall_ms(PARKED_LIFETIME_S * 1000);
    approvals_park(d, UID_ALICE, 1, again, digits);
    assert_string_not_equal(id, again);
}

static void
test_who_asked_may_withdraw(void **state)
{
    struct daemon *d = *state;
    char id[PARKED_ID_LEN + 1], again[PARKED_ID_LEN + 1], digits[9];

    approvals_park(d, UID_ALICE, 1, id, digits);
    json_auto_t *by_admin = approvals_deny(d, UID_ADMIN, id, NULL);
    daemon_assert_error(by_admin, "Denied", "reason", "not-approver");
    json_auto_t *lines = approvals_deny(d, UID_BOB, id, "two\nlines");
    daemon_assert_error(lines, "Malformed", NULL, NULL);
    json_auto_t *withdrawn = approvals_deny(d, UID_ALICE, id, NULL);
    daemon_assert_reply(withdrawn);
    assert_int_equal(approvals_count(d, UID_BOB), 0);
    approvals_park(d, UID_ALICE, 1, again, digits);
    assert_string_not_equal(id, again);
}

static void
test_expires_with_its_votes(void **state)
{
    struct daemon *d = *state;
    char id[PARKED_ID_LEN + 1], again[PARKED_ID_LEN + 1], digits[9];

    approvals_park(d, UID_ALICE, 1, id, digits);
    approvals_vote_well(d, UID_BOB, id, digits);
    clock_advance_wall_ms((PARKED_LIFETIME_S + 1) * 1000);
    json_auto_t *late = approvals_vote(d, UID_CAROL, id, digits);
    daemon_assert_error(late, "NotFound", NULL, NULL);
    approvals_park(d, UID_ALICE, 1, again, digits);
    assert_string_not_equal(id, again);
}

/* Other bytes are released under the version. */
static void
take_mark(struct daemon *d, const char *id)
{
    struct ledger_mark mark = {.version = 1};

    (void)id;
    assert_int_equal(ledger_begin(d->agent.ledger, NULL), RC_OK);
    assert_int_equal(
        ledger_put_mark(d->agent.ledger, DAEMON_REPOSITORY, "targets/qa", &mark, NULL), RC_OK);
    assert_int_equal(ledger_commit(d->agent.ledger, NULL), RC_OK);
}

static void
test_is_void_when_its_version_is_taken(void **state)
{
    struct daemon *d = *state;
    char id[PARKED_ID_LEN + 1], digits[9];

    approvals_park(d, UID_ALICE, 1, id, digits);
    approvals_vote_well(d, UID_BOB, id, digits);
    take_mark(d, id);

    json_auto_t *answer = daemon_call(d, UID_ALICE, "Sign", approvals_order(1));
    daemon_assert_error(answer, "Rollback", NULL, NULL);
    assert_int_equal(approvals_count(d, UID_BOB), 0);
    json_auto_t *late = approvals_vote(d, UID_CAROL, id, digits);
    daemon_assert_error(late, "NotFound", NULL, NULL);
}

/* What may happen to a request that has all its votes. */

static void
let_approver_go(struct daemon *d, const char *id)
{
    (void)id;
    approvals_set(d, ", approvals: {count: 1, users: [10005]}");
}

static void
let_it_expire(struct daemon *d, const char *id)
{
    (void)d;
    (void)id;
    clock_advance_wall_ms(PARKED_LIFETIME_S * 1000);
}

static void
say_no(struct daemon *d, const char *id)
{
    json_auto_t *answer = approvals_deny(d, UID_CAROL, id, NULL);

    daemon_assert_reply(answer);
}

static void
withdraw(struct daemon *d, const char *id)
{
    json_auto_t *answer = approvals_deny(d, UID_ALICE, id, NULL);

    daemon_assert_reply(answer);
}

static void
take_grant_away(struct daemon *d, const char *id)
{
    closing(json_decrefp) json_t *changes = NULL;
    closing(freep) char *policy = strdup(daemon_policy());

    (void)id;
    memcpy(strstr(policy, "users: [10001]"), "users: [10002]", 14);
    daemon_set_policy(d, policy);
    assert_int_equal(agent_reload(&d->agent, &changes, NULL), RC_OK);
}

static void
test_asks_no_token_where_its_votes_are_not_enough_any_more(void **state)
{
    static const struct {
        const char *says;
        void (*happen)(struct daemon *d, const char *id);
        const char *error, *reason;
    } cases[] = {
        {"the approver is none any more", let_approver_go, "NeedsApproval", NULL},
        {"other bytes have its version", take_mark, "Rollback", NULL},
        {"its hour is over", let_it_expire, "NeedsApproval", NULL},
        {"another approver said no", say_no, "Denied", "approval-denied"},
        {"who asked withdrew it", withdraw, "NeedsApproval", NULL},
        {"the grant is gone", take_grant_away, "Denied", "not-granted"},
    };

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct daemon *d = *state;
        char id[PARKED_ID_LEN + 1], digits[9];

        print_message("%s\n", cases[i].says);
        approvals_park(d, UID_ALICE, 1, id, digits);
        approvals_vote_well(d, UID_BOB, id, digits);
        cases[i].happen(d, id);
        size_t n_asked = softkeyring_n_asked();
        json_auto_t *answer = daemon_call(d, UID_ALICE, "Sign", approvals_order(1));
        daemon_assert_error(
            answer, cases[i].error, cases[i].reason ? "reason" : NULL, cases[i].reason);
        assert_int_equal(softkeyring_n_asked(), n_asked);
        assert_int_equal(daemon_close(state) | approvals_open(state), 0);
    }
}

static void
test_each_sees_what_is_his_to_see(void **state)
{
    static const struct {
        uid_t uid;
        size_t n;
    } cases[] = {{UID_ALICE, 1}, {UID_BOB, 1}, {UID_CAROL, 1}, {UID_ADMIN, 1}};
    struct daemon *d = *state;
    char id[PARKED_ID_LEN + 1], digits[9];

    approvals_park(d, UID_ALICE, 1, id, digits);
    for (size_t i = 0; i < N_ELEMENTS(cases); i++)
        assert_int_equal(approvals_count(d, cases[i].uid), cases[i].n);

    approvals_set(d, ", approvals: {count: 1, users: [10005]}");
    json_auto_t *other = daemon_call(d, UID_BOB, "Pending", json_pack("{s:s}", "id", id));
    daemon_assert_error(other, "NotFound", NULL, NULL);
    assert_int_equal(approvals_count(d, UID_BOB), 0);

    json_auto_t *answer = daemon_call(d, UID_CAROL, "Pending", json_pack("{s:s}", "id", id));
    const json_t *request =
        json_array_get(json_object_get(daemon_assert_reply(answer), "requests"), 0);
    const json_t *document = json_array_get(json_object_get(request, "documents"), 0);
    assert_string_equal(json_string_value(json_object_get(document, "role")), "targets/qa");
    assert_string_equal(
        json_string_value(json_object_get(document, "repository")), DAEMON_REPOSITORY);
    assert_true(json_string_length(json_object_get(document, "message")) > 0);
    assert_string_equal(json_string_value(json_array_get(json_object_get(request, "valid_in"), 0)),
        "targets/qa of registry.example.com/shop/**");
}

static void
test_explains_and_tries_without_parking(void **state)
{
    struct daemon *d = *state;
    json_t *parameters = approvals_order(1);

    json_object_set_new(parameters, "dry_run", json_true());
    json_auto_t *tried = daemon_call(d, UID_ALICE, "Sign", parameters);
    daemon_assert_error(tried, "Denied", "reason", "approvals");
    json_auto_t *explained = daemon_call(d, UID_ALICE, "Explain", approvals_order(1));
    const json_t *verdict =
        json_array_get(json_object_get(daemon_assert_reply(explained), "verdicts"), 0);
    assert_string_equal(json_string_value(json_object_get(verdict, "reason")), "approvals");
    assert_int_equal(approvals_count(d, UID_BOB), 0);
}

static void
test_a_certificate_needs_no_votes(void **state)
{
    struct daemon *d = *state;
    closing(bytes_done) struct bytes policy = BYTES_INIT(64 * 1024);
    closing(json_decrefp) json_t *changes = NULL;
    const char *text = daemon_policy(), *was = "keys: [root, rsa-root]", *at = strstr(text, was);

    bytes_put(&policy, (struct span){(const uint8_t *)text, (size_t)(at - text)});
    bytes_puts(&policy, "keys: [root, rsa-root], approvals: {count: 1, users: [10002]}");
    bytes_puts(&policy, at + strlen(was));
    daemon_set_policy(d, bytes_text(&policy));
    assert_int_equal(agent_reload(&d->agent, &changes, NULL), RC_OK);
    json_auto_t *answer = daemon_call(d, UID_ADMIN, "IssueRootCertificate",
        json_pack("{s:s,s:s}", "repository", DAEMON_REPOSITORY, "key", softkeyring_id("root")));
    daemon_assert_reply(answer);
}

int
main(void)
{
#define PARKED_TEST(test) cmocka_unit_test_setup_teardown(test, approvals_open, daemon_close)
    const struct CMUnitTest tests[] = {
        PARKED_TEST(test_the_same_bytes_are_signed_when_somebody_agreed),
        PARKED_TEST(test_votes_survive_a_restart),
        PARKED_TEST(test_votes_are_of_these_bytes_as_what_they_were_claimed_to_be),
        PARKED_TEST(test_who_may_not_vote_learns_why),
        PARKED_TEST(test_who_votes_types_digits_of_what_he_saw),
        PARKED_TEST(test_two_votes_are_of_two_people),
        PARKED_TEST(test_who_is_no_approver_any_more_counts_no_more),
        PARKED_TEST(test_a_denial_stands_until_it_expires),
        PARKED_TEST(test_who_asked_may_withdraw),
        PARKED_TEST(test_expires_with_its_votes),
        PARKED_TEST(test_is_void_when_its_version_is_taken),
        PARKED_TEST(test_asks_no_token_where_its_votes_are_not_enough_any_more),
        PARKED_TEST(test_each_sees_what_is_his_to_see),
        PARKED_TEST(test_explains_and_tries_without_parking),
        PARKED_TEST(test_a_certificate_needs_no_votes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
