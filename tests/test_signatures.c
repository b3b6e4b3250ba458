/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/signatures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "agent/ledger_anchor.h"
#include "proto/bounds.h"
#include "tests/clock.h"
#include "tests/daemon.h"

#define THREE_DAYS_MS (3 * 86400 * INT64_C(1000))

static const char *const qa[] = {"qa", NULL}, *const both[] = {"qa", "rsa-qa", NULL};

/* Parameters of Sign for a version of targets/qa that expires in two days. */
static json_t *
order(int64_t version, const char *const *keys)
{
    closing(freep) char *message = daemon_targets(version, 2);

    return json_pack("{s:[o]}", "documents", daemon_document("targets/qa", message, keys));
}

/* A request that waits for the token. */
static int
wait_for_token(struct daemon *d, json_t *parameters)
{
    int fd = daemon_dial(d, UID_ALICE);

    softkeyring_hold(true);
    daemon_ask(d, fd, "Sign", parameters);
    assert_true(softkeyring_n_waiting() > 0);
    return fd;
}

/* In the policy as it is at first; and an administrator has it read again. */
static void
reload_with(struct daemon *d, const char *what, const char *instead)
{
    const char *policy = daemon_policy(), *at = strstr(policy, what);
    closing(freep) char *text = NULL;

    assert_non_null(at);
    assert_true(
        asprintf(&text, "%.*s%s%s", (int)(at - policy), policy, instead, at + strlen(what)) > 0);
    daemon_set_policy(d, text);
    json_auto_t *answer = daemon_call(d, UID_ADMIN, "Reload", NULL);
    daemon_assert_reply(answer);
}

static void
raise_mark(struct daemon *d)
{
    struct ledger_mark mark = {.version = 5};
    struct ledger *ledger = d->agent.ledger;

    assert_int_equal(ledger_begin(ledger, NULL), RC_OK);
    assert_int_equal(ledger_put_mark(ledger, DAEMON_REPOSITORY, "targets/qa", &mark, NULL), RC_OK);
    assert_int_equal(ledger_commit(ledger, NULL), RC_OK);
    epoch_change_repository(&d->agent.epoch, DAEMON_REPOSITORY);
}

/* As if somebody else had shown a chain: from now on who signs must show one, too. */
static void
show_base(struct daemon *d)
{
    struct ledger *ledger = d->agent.ledger;

    assert_int_equal(ledger_begin(ledger, NULL), RC_OK);
    assert_int_equal(
        ledger_anchor_see(ledger, DAEMON_REPOSITORY, 1, SPAN("its root"), NULL), RC_OK);
    assert_int_equal(ledger_commit(ledger, NULL), RC_OK);
    epoch_change_repository(&d->agent.epoch, DAEMON_REPOSITORY);
}

static int64_t
mark_of(struct daemon *d)
{
    struct ledger_mark mark = {0};

    enum rc rc = ledger_mark(&mark, d->agent.ledger, DAEMON_REPOSITORY, "targets/qa", NULL);
    assert_true(rc == RC_OK || rc == RC_NOT_FOUND);
    return mark.version;
}

static void
remove_grant(struct daemon *d)
{
    reload_with(d, "  qa-team: {users: [10001], keys: [qa, rsa-qa]}\n", "");
}

static void
let_time_pass(struct daemon *d)
{
    (void)d;
    clock_advance_wall_ms(THREE_DAYS_MS);
}

static void
change_nothing(struct daemon *d)
{
    json_auto_t *answer = daemon_call(d, UID_ADMIN, "Status", NULL);
    daemon_assert_reply(answer);
}

static void
test_decides_anew_before_a_digest_goes_to_a_token(void **state)
{
    static const struct {
        const char *says;
        void (*change)(struct daemon *d);
        int64_t version;
        const char *error, *reason;
    } cases[] = {
        {"a grant was removed", remove_grant, 1, "Denied", "not-granted"},
        {"it expired", let_time_pass, 1, "Denied", "expired"},
        {"a mark was raised", raise_mark, 1, "Rollback", NULL},
        {"nothing changed", change_nothing, 6, NULL, NULL},
        {"what is published was shown", show_base, 7, "Denied", "base-missing"},
    };
    struct daemon *d = *state;

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        size_t n_asked = softkeyring_n_asked();
        closing(fd_close) int fd = wait_for_token(d, order(cases[i].version, qa));
        cases[i].change(d);
        softkeyring_finish(RC_OK);

        json_auto_t *answer = daemon_answer(d, fd, "Sign");
        if (cases[i].error)
            daemon_assert_error(
                answer, cases[i].error, cases[i].reason ? "reason" : NULL, cases[i].reason);
        else
            daemon_assert_reply(answer);
        assert_int_equal(softkeyring_n_asked() - n_asked, cases[i].error ? 0 : 1);
        assert_int_equal(softkeyring_n_waiting(), 0);
        if (cases[i].change == let_time_pass)
            clock_advance_wall_ms(-THREE_DAYS_MS);
        reload_with(d, "users: [10001]", "users: [10001]"); /* the grant is there again */
    }
    assert_int_equal(mark_of(d), 6);
}

static void
test_throws_away_what_was_signed_before_the_grant_went(void **state)
{
    struct daemon *d = *state;
    closing(fd_close) int fd = wait_for_token(d, order(1, both));
    size_t n_asked = softkeyring_n_asked();

    softkeyring_finish(RC_OK);
    assert_null(daemon_answer(d, fd, "Sign"));
    remove_grant(d);
    softkeyring_finish(RC_OK);

    json_auto_t *answer = daemon_answer(d, fd, "Sign");
    daemon_assert_error(answer, "Denied", "reason", "not-granted");
    assert_int_equal(softkeyring_n_asked() - n_asked, 1);
    assert_int_equal(mark_of(d), 0);
}

/* The document is to be signed with every key that the caller is granted: now it is one less. */
static void
test_signs_what_is_still_granted(void **state)
{
    struct daemon *d = *state;
    closing(fd_close) int fd = wait_for_token(d, order(1, both));
    size_t n_asked = softkeyring_n_asked();

    reload_with(d, "keys: [qa, rsa-qa]", "keys: [rsa-qa]");
    softkeyring_finish(RC_OK);
    assert_null(daemon_answer(d, fd, "Sign"));
    assert_int_equal(softkeyring_n_waiting(), 1);
    softkeyring_finish_of("rsa-qa", RC_OK);

    json_auto_t *answer = daemon_answer(d, fd, "Sign");
    const json_t *document =
        json_array_get(json_object_get(daemon_assert_reply(answer), "documents"), 0);
    assert_int_equal(json_array_size(json_object_get(document, "signatures")), 1);
    assert_string_equal(json_string_value(json_object_get(
                            json_object_get(document, "left_out"), softkeyring_id("qa"))),
        "not-granted");
    assert_int_equal(softkeyring_n_asked() - n_asked, 1);
    assert_int_equal(mark_of(d), 1);
}

/* What is decided anew and is as before goes on, and what was signed by then is kept. */
static void
test_keeps_what_was_signed_where_the_decision_is_as_before(void **state)
{
    struct daemon *d = *state;
    closing(fd_close) int fd = wait_for_token(d, order(1, both));
    size_t n_asked = softkeyring_n_asked();

    softkeyring_finish(RC_OK);
    daemon_pump(d);
    reload_with(d, "users: [10002]", "users: [10009]");
    softkeyring_finish(RC_OK);

    json_auto_t *answer = daemon_answer(d, fd, "Sign");
    const json_t *document =
        json_array_get(json_object_get(daemon_assert_reply(answer), "documents"), 0);
    assert_int_equal(json_array_size(json_object_get(document, "signatures")), 2);
    assert_int_equal(softkeyring_n_asked() - n_asked, 2);
}

int
main(void)
{
#define DAEMON(test) cmocka_unit_test_setup_teardown(test, daemon_open, daemon_close)
    const struct CMUnitTest tests[] = {
        DAEMON(test_decides_anew_before_a_digest_goes_to_a_token),
        DAEMON(test_throws_away_what_was_signed_before_the_grant_went),
        DAEMON(test_signs_what_is_still_granted),
        DAEMON(test_keeps_what_was_signed_where_the_decision_is_as_before),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
