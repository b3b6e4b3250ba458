/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/login.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

#define PIN_FILE "file:/etc/pin 254:0 1096 179.88"

struct desk {
    char dir[64];
    struct ledger *ledger;
    struct policy_token token;
    struct login *login;
    bool force; /* what the last login was allowed */
};

static struct why why;

/* What follows a restart of the agent. */
static void
restart(struct desk *desk)
{
    login_free(steal(desk->login));
    assert_int_equal(login_new(&desk->login, desk->ledger, &desk->token, &why), RC_OK);
}

static int
open_desk(void **state)
{
    struct desk *desk = calloc(1, sizeof *desk);

    assert_non_null(desk);
    snprintf(desk->dir, sizeof desk->dir, "/tmp/test_login.XXXXXX");
    assert_non_null(mkdtemp(desk->dir));
    assert_int_equal(ledger_open(&desk->ledger, desk->dir, &why), RC_OK);
    desk->token = (struct policy_token){.name = (char *)"hsm", .pin = POLICY_PIN_FILE};
    restart(desk);
    *state = desk;
    return 0;
}

static int
close_desk(void **state)
{
    struct desk *desk = *state;
    char command[128];

    login_free(desk->login);
    ledger_close(desk->ledger);
    snprintf(command, sizeof command, "rm -rf %s", desk->dir);
    assert_int_equal(system(command), 0);
    free(desk);
    return 0;
}

/* Ask with that PIN; where it is allowed, the login is over at once. */
static enum rc
ask(struct desk *desk, const char *source, bool is_last_try)
{
    const struct frame_found found = {SPAN("model:1"), span_of(source), false, is_last_try};

    enum rc rc = login_begin(&desk->force, desk->login, &found, &why);
    if (rc == RC_OK)
        login_end(desk->login, LOGIN_ACCEPTED);
    return rc;
}

static void
refuse(struct desk *desk, const char *source)
{
    assert_int_equal(login_refused(desk->login, SPAN("model:1"), span_of(source), &why), RC_LOCKED);
}

static void
unlock(struct desk *desk, bool force)
{
    assert_int_equal(login_unlock(desk->login, force, &why), RC_OK);
}

static void
assert_says(const char *text)
{
    if (!strstr(why.text, text))
        fail_msg("want '%s' in: %s", text, why.text);
}

static void
test_lets_one_worker_in_at_a_time(void **state)
{
    const struct frame_found found = {SPAN("model:1"), SPAN(PIN_FILE), false, false};
    struct desk *desk = *state;
    bool force = true;

    assert_int_equal(login_begin(&force, desk->login, &found, &why), RC_OK);
    assert_false(force);
    assert_int_equal(login_begin(&force, desk->login, &found, &why), RC_BUSY);
    login_end(desk->login, LOGIN_NOT_TRIED);
    assert_int_equal(ask(desk, PIN_FILE, false), RC_OK);
}

static void
test_wants_the_token_that_it_saw_first(void **state)
{
    const struct frame_found other = {SPAN("model:2"), SPAN(PIN_FILE), false, false};
    struct desk *desk = *state;
    bool force;

    assert_int_equal(ask(desk, PIN_FILE, false), RC_OK);
    restart(desk);
    assert_string_equal(login_identity(desk->login), "model:1");
    assert_int_equal(login_begin(&force, desk->login, &other, &why), RC_TOKEN);
    assert_says("another token");
}

static void
test_tries_a_refused_pin_only_when_its_source_changes(void **state)
{
    struct desk *desk = *state;

    assert_false(login_is_refused(desk->login, SPAN(PIN_FILE)));
    refuse(desk, PIN_FILE);
    assert_true(login_is_refused(desk->login, SPAN(PIN_FILE)));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ask(desk, PIN_FILE, false), RC_LOCKED);
        assert_says("'file:/etc/pin'");
        assert_says("countersign unlock hsm");
        restart(desk);
    }
    assert_int_equal(ask(desk, "file:/etc/pin 254:0 1096 180.00", false), RC_OK);
}

static void
test_tries_it_once_more_after_an_unlock(void **state)
{
    struct desk *desk = *state;

    refuse(desk, PIN_FILE);
    unlock(desk, false);
    assert_int_equal(ask(desk, PIN_FILE, false), RC_OK);
    refuse(desk, PIN_FILE);
    assert_int_equal(ask(desk, PIN_FILE, false), RC_LOCKED);
    restart(desk);
    assert_int_equal(ask(desk, PIN_FILE, false), RC_LOCKED);

    /* What was accepted then is no refused one after a restart either. */
    unlock(desk, false);
    assert_int_equal(ask(desk, PIN_FILE, false), RC_OK);
    restart(desk);
    assert_int_equal(ask(desk, PIN_FILE, false), RC_OK);
}

/* The worker or the agent ends, and nobody knows what the token said. */
static void
try_and_die(struct desk *desk, const char *source, bool is_agent)
{
    const struct frame_found found = {SPAN("model:1"), span_of(source), false, false};

    assert_int_equal(login_begin(&desk->force, desk->login, &found, &why), RC_OK);
    if (is_agent)
        restart(desk);
    else
        login_end(desk->login, LOGIN_UNKNOWN);
}

static void
test_tries_no_pin_again_whose_try_has_no_known_end(void **state)
{
    struct desk *desk = *state;

    for (int is_agent = 0; is_agent < 2; is_agent++) {
        try_and_die(desk, PIN_FILE, is_agent);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(ask(desk, PIN_FILE, false), RC_LOCKED);
            assert_says("may have refused it");
            assert_says("countersign unlock hsm");
            restart(desk);
        }
        unlock(desk, false);
    }
    try_and_die(desk, PIN_FILE, false);
    assert_int_equal(ask(desk, "file:/etc/pin 254:0 1096 180.00", false), RC_OK);
}

static void
test_tries_a_pin_again_that_the_token_accepted_before(void **state)
{
    struct desk *desk = *state;

    assert_int_equal(ask(desk, PIN_FILE, false), RC_OK);
    for (int is_agent = 0; is_agent < 2; is_agent++) {
        try_and_die(desk, PIN_FILE, is_agent);
        try_and_die(desk, PIN_FILE, is_agent);
    }
    assert_int_equal(ask(desk, PIN_FILE, false), RC_OK);
}

static void
test_tries_a_pin_again_that_did_not_get_to_the_token(void **state)
{
    const struct frame_found found = {SPAN("model:1"), SPAN(PIN_FILE), false, false};
    struct desk *desk = *state;

    for (int i = 0; i < 3; i++) {
        assert_int_equal(login_begin(&desk->force, desk->login, &found, &why), RC_OK);
        login_end(desk->login, LOGIN_NOT_TRIED);
        restart(desk);
    }
}

static void
test_forgets_a_permission_that_was_not_used(void **state)
{
    struct desk *desk = *state;

    refuse(desk, PIN_FILE);
    unlock(desk, true);
    login_forbid(desk->login);
    assert_int_equal(ask(desk, PIN_FILE, false), RC_LOCKED);
    unlock(desk, true);
    restart(desk);
    assert_int_equal(ask(desk, PIN_FILE, true), RC_LOCKED);
}

static void
test_spends_the_last_try_only_by_force(void **state)
{
    struct desk *desk = *state;

    assert_int_equal(ask(desk, PIN_FILE, true), RC_LOCKED);
    assert_says("countersign unlock --force hsm");
    unlock(desk, false);
    assert_int_equal(ask(desk, PIN_FILE, true), RC_LOCKED);
    unlock(desk, true);
    assert_int_equal(ask(desk, PIN_FILE, true), RC_OK);
    assert_true(desk->force);
    assert_int_equal(ask(desk, PIN_FILE, true), RC_LOCKED); /* once */
    assert_int_equal(ask(desk, PIN_FILE, false), RC_OK);
    assert_false(desk->force);
}

static void
test_stays_locked_until_it_is_unlocked(void **state)
{
    struct desk *desk = *state;

    unlock(desk, true);
    assert_int_equal(login_lock(desk->login, &why), RC_OK);
    for (int i = 0; i < 2; i++) {
        assert_true(login_is_locked(desk->login));
        assert_int_equal(ask(desk, PIN_FILE, false), RC_LOCKED);
        assert_says("an admin locked it");
        restart(desk);
    }
    unlock(desk, false);
    assert_false(login_is_locked(desk->login));
    assert_int_equal(ask(desk, PIN_FILE, false), RC_OK);
    restart(desk);
    assert_int_equal(ask(desk, PIN_FILE, false), RC_OK);
}

static void
test_asks_people_again_whose_pin_was_refused(void **state)
{
    struct desk *desk = *state;

    desk->token.pin = POLICY_PIN_PROMPT;
    restart(desk);
    refuse(desk, "prompt 17");
    assert_int_equal(ask(desk, "prompt 17", false), RC_LOCKED); /* by another worker that has it */
    assert_says("asks again");
    assert_int_equal(ask(desk, "prompt 18", false), RC_OK);
}

int
main(void)
{
#define DESK(test) cmocka_unit_test_setup_teardown(test, open_desk, close_desk)
    const struct CMUnitTest tests[] = {
        DESK(test_lets_one_worker_in_at_a_time),
        DESK(test_wants_the_token_that_it_saw_first),
        DESK(test_tries_a_refused_pin_only_when_its_source_changes),
        DESK(test_tries_it_once_more_after_an_unlock),
        DESK(test_tries_no_pin_again_whose_try_has_no_known_end),
        DESK(test_tries_a_pin_again_that_the_token_accepted_before),
        DESK(test_tries_a_pin_again_that_did_not_get_to_the_token),
        DESK(test_forgets_a_permission_that_was_not_used),
        DESK(test_spends_the_last_try_only_by_force),
        DESK(test_stays_locked_until_it_is_unlocked),
        DESK(test_asks_people_again_whose_pin_was_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
