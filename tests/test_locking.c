/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/locking.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

#include "tests/daemon.h"

/* There is one record more than when this was asked last. */
static void
assert_recorded(struct daemon *d)
{
    static int64_t before;

    daemon_pump(d);
    assert_int_equal(ledger_head_seq(d->agent.ledger), before + 1);
    before++;
}

/* Another form of the token's entry, which has no PIN at first. */
static void
set_pin(struct daemon *d, const char *pin)
{
    static const char module[] = "module: /m.so";
    closing(bytes_done) struct bytes text = BYTES_INIT(16384);
    const char *at = strstr(daemon_policy(), module);

    bytes_printf(&text, "%.*s%s, pin: %s%s", (int)(at - daemon_policy()), daemon_policy(), module,
        pin, at + sizeof module - 1);
    daemon_set_policy(d, bytes_text(&text));
    json_auto_t *answer = daemon_call(d, UID_ADMIN, "Reload", NULL);
    daemon_assert_reply(answer);
    assert_recorded(d);
}

static void
ask_upgraded(struct daemon *d, int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text) + 1, 0), strlen(text) + 1);
    daemon_pump(d);
}

#define UNLOCK_HSM                                                                                 \
    "{\"method\":\"" MESSAGE_INTERFACE                                                             \
    ".Unlock\",\"upgrade\":true,\"parameters\":{\"token\":\"hsm\"}}"

static void
test_locks_one_token_or_all(void **state)
{
    struct daemon *d = *state;

    json_auto_t *one = daemon_call(d, UID_ADMIN, "Lock", json_pack("{s:s}", "token", "hsm"));
    daemon_assert_reply(one);
    assert_int_equal(softkeyring_n_locks(), 1);
    assert_recorded(d);
    json_auto_t *all = daemon_call(d, UID_ADMIN, "Lock", NULL);
    daemon_assert_reply(all);
    assert_recorded(d);
    assert_int_equal(softkeyring_n_locks(), 2);
    json_auto_t *none = daemon_call(d, UID_ADMIN, "Lock", json_pack("{s:s}", "token", "nix"));
    daemon_assert_error(none, "NotFound", NULL, NULL);
    assert_int_equal(softkeyring_n_locks(), 2);
    assert_recorded(d);
}

static void
test_lets_nobody_but_admins(void **state)
{
    static const char *const methods[] = {"Lock", "Unlock"};
    struct daemon *d = *state;

    for (size_t i = 0; i < N_ELEMENTS(methods); i++) {
        json_auto_t *answer =
            daemon_call(d, UID_ALICE, methods[i], json_pack("{s:s}", "token", "hsm"));
        daemon_assert_error(answer, "Denied", "reason", "not-admin");
        assert_recorded(d);
    }
    assert_int_equal(softkeyring_n_locks(), 2); /* of the test before */
}

static void
test_takes_its_own_parameters_only(void **state)
{
    struct daemon *d = *state;
    json_auto_t *missing = daemon_call(d, UID_ADMIN, "Unlock", NULL);
    json_auto_t *unknown =
        daemon_call(d, UID_ADMIN, "Unlock", json_pack("{s:s,s:s}", "token", "hsm", "pin", "1234"));
    json_auto_t *other = daemon_call(d, UID_ADMIN, "Lock", json_pack("{s:b}", "force", 1));

    daemon_assert_error(missing, "Malformed", NULL, NULL);
    daemon_assert_error(unknown, "Malformed", NULL, NULL);
    daemon_assert_error(other, "Malformed", NULL, NULL);
}

static void
test_unlocks_what_has_its_pin(void **state)
{
    static const struct {
        enum rc rc;
        const char *error;
    } cases[] = {{RC_OK, NULL}, {RC_LOCKED, "TokenUnavailable"}, {RC_TIMEOUT, "Timeout"}};
    struct daemon *d = *state;
    closing(fd_close) int fd = daemon_dial(d, UID_ADMIN);

    set_pin(d, "credential:hsm-pin");
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        daemon_ask(d, fd, "Unlock", json_pack("{s:s,s:b}", "token", "hsm", "force", 1));
        assert_int_equal(softkeyring_pin_fd(), -1);
        softkeyring_end_unlock(cases[i].rc);
        json_auto_t *answer = daemon_answer(d, fd, "Unlock");
        if (cases[i].error)
            daemon_assert_error(answer, cases[i].error, "token", "hsm");
        else
            daemon_assert_reply(answer);
        assert_recorded(d);
    }

    ask_upgraded(d, fd, UNLOCK_HSM);
    json_auto_t *answer = daemon_answer(d, fd, "Unlock");
    daemon_assert_error(answer, "Malformed", "where", "parameters");
    assert_recorded(d);
}

static void
test_hands_over_who_says_a_pin(void **state)
{
    struct daemon *d = *state;
    closing(fd_close) int fd = daemon_dial(d, UID_ADMIN);
    char said[8] = "";

    set_pin(d, "prompt");
    ask_upgraded(d, fd, UNLOCK_HSM);
    json_auto_t *first = daemon_answer(d, fd, "Unlock");
    daemon_assert_reply(first);
    assert_int_equal(send(fd, "1234", 4, 0), 4);
    daemon_pump(d);
    assert_int_equal(recv(softkeyring_pin_fd(), said, sizeof said, MSG_DONTWAIT), 4);
    assert_string_equal(said, "1234");

    softkeyring_end_unlock(RC_LOCKED);
    json_auto_t *last = daemon_answer(d, fd, "Unlock");
    daemon_assert_error(last, "TokenUnavailable", "remedy", "the token refused the PIN");
    assert_int_equal(recv(fd, said, sizeof said, 0), 0);
    assert_recorded(d);
}

static void
test_refuses_before_it_asks(void **state)
{
    struct daemon *d = *state;
    closing(fd_close) int fd = daemon_dial(d, UID_ADMIN);

    set_pin(d, "prompt");
    json_auto_t *plain = daemon_call(d, UID_ADMIN, "Unlock", json_pack("{s:s}", "token", "hsm"));
    daemon_assert_error(plain, "Malformed", "where", "parameters");
    assert_recorded(d);

    softkeyring_refuse_unlock(RC_BUSY);
    for (int i = 0; i < 2; i++) { /* the connection goes on */
        ask_upgraded(d, fd, UNLOCK_HSM);
        json_auto_t *answer = daemon_answer(d, fd, "Unlock");
        daemon_assert_error(answer, "Busy", "bound", "it may not be unlocked");
        assert_recorded(d);
    }
    softkeyring_refuse_unlock(RC_OK);
}

static void
test_goes_on_without_who_hung_up(void **state)
{
    struct daemon *d = *state;
    int fd = daemon_dial(d, UID_ADMIN);

    set_pin(d, "prompt");
    ask_upgraded(d, fd, UNLOCK_HSM);
    fd_close(&fd);
    daemon_pump(d);
    softkeyring_end_unlock(RC_OK);
    daemon_pump(d);
    assert_recorded(d);
}

/* What daemon_close() does: the record must be there before the ledger is closed. */
static void
test_ends_with_the_agent(void **state)
{
    struct daemon *d = *state;
    closing(fd_close) int fd = daemon_dial(d, UID_ADMIN);

    set_pin(d, "prompt");
    ask_upgraded(d, fd, UNLOCK_HSM);
    assert_true(softkeyring_pin_fd() >= 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_locks_one_token_or_all),
        cmocka_unit_test(test_lets_nobody_but_admins),
        cmocka_unit_test(test_takes_its_own_parameters_only),
        cmocka_unit_test(test_unlocks_what_has_its_pin),
        cmocka_unit_test(test_hands_over_who_says_a_pin),
        cmocka_unit_test(test_refuses_before_it_asks),
        cmocka_unit_test(test_goes_on_without_who_hung_up),
        cmocka_unit_test(test_ends_with_the_agent),
    };

    return cmocka_run_group_tests(tests, daemon_open, daemon_close);
}
