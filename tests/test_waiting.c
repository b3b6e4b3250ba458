/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/waiting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
/* cmocka wants those above first */
#include <cmocka.h>

#include "proto/bounds.h"
#include "tests/clock.h"
#include "tests/daemon.h"

/* Parameters of Sign for the first version of targets/qa. */
static json_t *
order(void)
{
    static const char *const keys[] = {"qa", NULL};
    closing(freep) char *message = daemon_targets(1, 30);

    return json_pack("{s:[o]}", "documents", daemon_document("targets/qa", message, keys));
}

static void
ask_more(struct daemon *d, int fd)
{
    closing(bytes_done) struct bytes frame = BYTES_INIT(FRAME_MAX_BYTES);
    json_t *parameters = order();

    message_put_call(&frame, MESSAGE_INTERFACE ".Sign", parameters, true);
    json_decref(parameters);
    assert_int_equal(write(fd, frame.p, frame.len), frame.len);
    daemon_pump(d);
}

static void
assert_waits(struct daemon *d, int fd, const char *for_what)
{
    json_auto_t *answer = daemon_answer(d, fd, "Sign");
    const json_t *reply = daemon_assert_reply(answer);

    assert_string_equal(json_string_value(json_object_get(reply, "progress")), for_what);
    assert_null(daemon_answer(d, fd, "Sign"));
}

static void
test_tells_who_wants_to_know_what_it_waits_for(void **state)
{
    struct daemon *d = *state;
    closing(fd_close) int first = daemon_dial(d, UID_ALICE);
    closing(fd_close) int second = daemon_dial(d, UID_ALICE);
    closing(fd_close) int silent = daemon_dial(d, UID_ALICE);

    softkeyring_hold(true);
    ask_more(d, first);
    ask_more(d, second);
    daemon_ask(d, silent, "Sign", order());
    clock_advance_ms(100); /* and what the machine takes meanwhile */
    assert_null(daemon_answer(d, first, "Sign"));
    clock_advance_ms(400);
    assert_waits(d, first, "waiting for touch on 'hsm' for targets/qa of " DAEMON_REPOSITORY);
    assert_waits(d, second, "waiting for another request for targets/qa of " DAEMON_REPOSITORY);
    clock_advance_ms(5000);
    assert_null(daemon_answer(d, first, "Sign"));
    assert_null(daemon_answer(d, silent, "Sign"));

    softkeyring_finish(RC_OK);
    json_auto_t *answer = daemon_answer(d, first, "Sign");
    assert_null(json_object_get(daemon_assert_reply(answer), "progress"));
    clock_advance_ms(1000);
    assert_waits(d, second, "waiting for touch on 'hsm' for targets/qa of " DAEMON_REPOSITORY);
}

static void
test_tells_it_before_the_reply(void **state)
{
    struct daemon *d = *state;
    closing(fd_close) int fd = daemon_dial(d, UID_ALICE);

    softkeyring_hold(true);
    ask_more(d, fd);
    clock_advance_ms(500);
    daemon_pump(d);
    softkeyring_finish(RC_OK);
    daemon_pump(d);
    json_auto_t *progress = daemon_answer(d, fd, "Sign");
    assert_non_null(json_object_get(daemon_assert_reply(progress), "progress"));
    json_auto_t *last = daemon_answer(d, fd, "Sign");
    assert_null(json_object_get(daemon_assert_reply(last), "progress"));
}

static void
test_tells_nobody_who_hung_up(void **state)
{
    struct daemon *d = *state;
    int fd = daemon_dial(d, UID_ALICE);

    softkeyring_hold(true);
    ask_more(d, fd);
    assert_int_equal(softkeyring_n_waiting(), 1);
    close(fd);
    daemon_pump(d);
    assert_int_equal(softkeyring_n_waiting(), 0);
    clock_advance_ms(500);
    daemon_pump(d);
}

int
main(void)
{
#define DAEMON(test) cmocka_unit_test_setup_teardown(test, daemon_open, daemon_close)
    const struct CMUnitTest tests[] = {
        DAEMON(test_tells_who_wants_to_know_what_it_waits_for),
        DAEMON(test_tells_it_before_the_reply),
        DAEMON(test_tells_nobody_who_hung_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
