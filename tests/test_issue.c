/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/issue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "proto/bounds.h"
#include "proto/certificate.h"
#include "tests/clock.h"
#include "tests/daemon.h"

static json_t *
order(const char *repository, const char *key)
{
    return json_pack("{s:s,s:s}", "repository", repository, "key", softkeyring_id(key));
}

static json_t *
issue(struct daemon *d, uid_t uid, json_t *parameters)
{
    return daemon_call(d, uid, "IssueRootCertificate", parameters);
}

static const char *
certificate_of(const json_t *answer)
{
    return json_string_value(json_object_get(daemon_assert_reply(answer), "certificate"));
}

static void
test_issues_a_certificate_for_the_repository(void **state)
{
    static const char *const keys[] = {"root", "rsa-root"};
    struct daemon *d = *state;

    for (size_t i = 0; i < N_ELEMENTS(keys); i++) {
        closing(pubkey_unrefp) struct pubkey *key = NULL;
        json_auto_t *answer = issue(d, UID_ADMIN, order(DAEMON_REPOSITORY, keys[i]));

        assert_int_equal(pubkey_from_pem(&key, span_of(certificate_of(answer)), NULL), RC_OK);
        assert_string_equal(pubkey_canonical_id(key)->hex, softkeyring_id(keys[i]));
        assert_int_equal(
            certificate_check_root(key, DAEMON_REPOSITORY, agent_now_us() / 1000000, NULL), RC_OK);
        assert_int_equal(certificate_check_root(key, DAEMON_REPOSITORY,
                             agent_now_us() / 1000000 + ROOT_VALIDITY_S + VALIDITY_SLACK_S, NULL),
            RC_UNTRUSTED);
    }
    assert_int_equal(ledger_head_seq(d->agent.ledger), N_ELEMENTS(keys));
}

static void
test_issues_the_same_one_again(void **state)
{
    struct daemon *d = *state;
    json_auto_t *first = issue(d, UID_ADMIN, order(DAEMON_REPOSITORY, "root"));

    softkeyring_hold(true); /* which asks no token */
    json_auto_t *second = issue(d, UID_ADMIN, order(DAEMON_REPOSITORY, "root"));
    assert_string_equal(certificate_of(first), certificate_of(second));
    softkeyring_hold(false);
    json_auto_t *other = issue(d, UID_ADMIN, order("registry.example.com/other", "root"));
    assert_string_not_equal(certificate_of(first), certificate_of(other));
}

static void
test_renews_one_that_is_valid_still_and_gives_that_from_now_on(void **state)
{
    struct daemon *d = *state;
    json_auto_t *first = issue(d, UID_ADMIN, order(DAEMON_REPOSITORY, "root"));
    json_t *renewing = order(DAEMON_REPOSITORY, "root");

    json_object_set_new(renewing, "renew", json_true());
    json_auto_t *renewed = issue(d, UID_ADMIN, renewing);
    assert_string_not_equal(certificate_of(first), certificate_of(renewed));
    json_auto_t *again = issue(d, UID_ADMIN, order(DAEMON_REPOSITORY, "root"));
    assert_string_equal(certificate_of(renewed), certificate_of(again));
}

static void
test_gives_two_who_ask_at_once_the_same_one(void **state)
{
    struct daemon *d = *state;
    closing(fd_close) int one = daemon_dial(d, UID_ADMIN), two = daemon_dial(d, UID_ADMIN);

    softkeyring_hold(true);
    daemon_ask(d, one, "IssueRootCertificate", order(DAEMON_REPOSITORY, "root"));
    daemon_ask(d, two, "IssueRootCertificate", order(DAEMON_REPOSITORY, "root"));
    assert_int_equal(softkeyring_n_waiting(), 2);
    softkeyring_finish(RC_OK);
    softkeyring_finish(RC_OK);

    json_auto_t *first = daemon_answer(d, one, "IssueRootCertificate");
    json_auto_t *second = daemon_answer(d, two, "IssueRootCertificate");
    assert_string_equal(certificate_of(first), certificate_of(second));
}

static void
test_refuses_as_it_refuses_to_sign_a_root(void **state)
{
    static const struct {
        uid_t uid;
        const char *repository, *key, *reason;
    } cases[] = {
        {UID_ALICE, DAEMON_REPOSITORY, "root", "not-granted"},
        {UID_ADMIN, DAEMON_REPOSITORY, "targets", "key-outside-scope"},
        {UID_ADMIN, "docker.io/library/alpine", "root", "key-outside-scope"},
        {UID_ADMIN, "registry.example.com/a\nb", "root", "not-normal"},
        {UID_ADMIN, "", "root", "not-normal"},
    };
    struct daemon *d = *state;

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        json_auto_t *answer = issue(d, cases[i].uid, order(cases[i].repository, cases[i].key));
        daemon_assert_error(answer, "Denied", "reason", cases[i].reason);
    }
    assert_int_equal(ledger_head_seq(d->agent.ledger), N_ELEMENTS(cases));
}

static void
test_takes_days_within_its_bounds(void **state)
{
    static const struct {
        int days;
        const char *error;
    } cases[] = {
        {0, "Malformed"}, {1, NULL}, {ROOT_CERTIFICATE_DAYS + 1, "Malformed"}, {-1, "Malformed"}};
    struct daemon *d = *state;

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        json_t *parameters = order(DAEMON_REPOSITORY, "root");
        json_object_set_new(parameters, "days", json_integer(cases[i].days));
        json_auto_t *answer = issue(d, UID_ADMIN, parameters);
        if (cases[i].error)
            daemon_assert_error(answer, cases[i].error, NULL, NULL);
        else
            daemon_assert_reply(answer);
    }
}

static void
test_refuses_parameters_that_are_none(void **state)
{
    struct daemon *d = *state;
    char name[REPOSITORY_MAX_BYTES + 2];

    json_auto_t *key =
        issue(d, UID_ADMIN, json_pack("{s:s,s:s}", "repository", DAEMON_REPOSITORY, "key", "0123"));
    daemon_assert_error(key, "Malformed", "where", "parameters");

    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = 0;
    json_auto_t *longer = issue(d, UID_ADMIN, order(name, "root"));
    daemon_assert_error(longer, "TooLarge", "bound", "REPOSITORY_MAX_BYTES");
    name[REPOSITORY_MAX_BYTES] = 0;
    json_auto_t *fits = issue(d, UID_ADMIN, order(name, "root"));
    daemon_assert_error(fits, "Denied", NULL, NULL);
}

static void
test_ends_with_the_token_the_time_and_the_caller(void **state)
{
    struct daemon *d = *state;
    int fds[3];

    softkeyring_hold(true);
    for (size_t i = 0; i < N_ELEMENTS(fds); i++) {
        fds[i] = daemon_dial(d, UID_ADMIN);
        daemon_ask(d, fds[i], "IssueRootCertificate", order(DAEMON_REPOSITORY, "root"));
    }
    softkeyring_finish(RC_TOKEN);
    json_auto_t *failed = daemon_answer(d, fds[0], "IssueRootCertificate");
    daemon_assert_error(failed, "TokenUnavailable", "token", "hsm");

    fd_close(&fds[1]);
    daemon_pump(d);
    assert_int_equal(softkeyring_n_waiting(), 1);

    clock_advance_ms(SIGN_TIMEOUT_S * 1000 + 1000);
    json_auto_t *late = daemon_answer(d, fds[2], "IssueRootCertificate");
    daemon_assert_error(late, "Timeout", "token", "hsm");
    assert_int_equal(softkeyring_n_waiting(), 0);
    assert_int_equal(ledger_head_seq(d->agent.ledger), N_ELEMENTS(fds));
    fd_close(&fds[0]);
    fd_close(&fds[2]);
}

static void
test_is_decided_anew_when_its_turn_comes_after_a_change(void **state)
{
    struct daemon *d = *state;
    closing(fd_close) int fd = daemon_dial(d, UID_ADMIN);
    size_t n_asked = softkeyring_n_asked();
    const char *policy = daemon_policy(), *grant = strstr(policy, "  ceremony:");
    closing(freep) char *without = NULL;

    softkeyring_hold(true);
    daemon_ask(d, fd, "IssueRootCertificate", order(DAEMON_REPOSITORY, "root"));
    assert_true(
        asprintf(&without, "%.*s%s", (int)(grant - policy), policy, strchr(grant, '\n') + 1) > 0);
    daemon_set_policy(d, without);
    json_auto_t *reloaded = daemon_call(d, UID_ADMIN, "Reload", NULL);
    daemon_assert_reply(reloaded);
    softkeyring_finish(RC_OK);

    json_auto_t *answer = daemon_answer(d, fd, "IssueRootCertificate");
    daemon_assert_error(answer, "Denied", "reason", "not-granted");
    assert_int_equal(softkeyring_n_asked(), n_asked);
}

int
main(void)
{
#define DAEMON(test) cmocka_unit_test_setup_teardown(test, daemon_open, daemon_close)
    const struct CMUnitTest tests[] = {
        DAEMON(test_issues_a_certificate_for_the_repository),
        DAEMON(test_issues_the_same_one_again),
        DAEMON(test_renews_one_that_is_valid_still_and_gives_that_from_now_on),
        DAEMON(test_gives_two_who_ask_at_once_the_same_one),
        DAEMON(test_refuses_as_it_refuses_to_sign_a_root),
        DAEMON(test_takes_days_within_its_bounds),
        DAEMON(test_refuses_parameters_that_are_none),
        DAEMON(test_ends_with_the_token_the_time_and_the_caller),
        DAEMON(test_is_decided_anew_when_its_turn_comes_after_a_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
