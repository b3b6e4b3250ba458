/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "tests/talk.h"

static struct softhsm softhsm;

static void
start(struct talk *t)
{
    talk_start(t, &softhsm, getenv("COUNTERSIGN_TOKEN"));
}

static void
test_ends_when_hung_up_on(void **state)
{
    struct frame frame = talk_open(&softhsm);
    struct talk t;

    (void)state;
    start(&t);
    talk_say(&t, &frame);
    talk_await(&t, FRAME_FOUND);
    worker_hang_up(t.worker);
    talk_await_end(&t, WORKER_EXITED);
    talk_finish(&t);
}

/* A program in place of the worker: a shell script. */
static void
start_script(struct talk *t, const char *script)
{
    closing(freep) char *command = NULL;
    closing(freep) char *path = NULL;

    assert_true(asprintf(&path, "%s/program", softhsm.dir) > 0);
    assert_true(asprintf(&command,
                    "printf '#!/bin/sh\\n%s\\n' >%s.new && chmod 0755 %s.new && mv %s.new %s",
                    script, path, path, path, path) > 0);
    assert_int_equal(system(command), 0);
    talk_start(t, &softhsm, path);
}

static void
test_kills_what_does_not_answer(void **state)
{
    struct frame frame = talk_open(&softhsm);
    struct talk t;

    (void)state;
    start_script(&t, "while :; do :; done");
    assert_int_equal(worker_send(t.worker, &frame, -1, 1, NULL), RC_OK);
    talk_await_end(&t, WORKER_HUNG);
    talk_finish(&t);
}

static void
test_takes_an_alarm_for_a_hanging_call(void **state)
{
    struct talk t;

    (void)state;
    start_script(&t, "kill -ALRM $$");
    talk_await_end(&t, WORKER_HUNG);
    talk_finish(&t);
}

static void
test_tells_a_crash(void **state)
{
    struct talk t;

    (void)state;
    start_script(&t, "kill -SEGV $$");
    talk_await_end(&t, WORKER_CRASHED);
    assert_non_null(strstr(t.detail, "signal 11"));
    talk_finish(&t);
}

static void
test_kills_what_breaks_the_protocol(void **state)
{
    struct talk t;

    (void)state;
    start_script(&t, "printf garbage >&3; while :; do :; done");
    talk_await_end(&t, WORKER_CRASHED);
    assert_non_null(strstr(t.detail, "protocol"));
    talk_finish(&t);
}

static void
test_gives_the_program_nothing_but_its_own(void **state)
{
    closing(freep) char *command = NULL;
    struct talk t;

    (void)state;
    assert_int_equal(setenv("COUNTERSIGN_SECRET", "x", 1), 0);
    start_script(
        &t, "(env; pwd; ls /proc/$$/fd; grep SigBlk /proc/$$/status) >${SOFTHSM2_CONF%%/*}/seen");
    talk_await_end(&t, WORKER_EXITED);
    talk_finish(&t);
    /* The shell adds PWD by itself, and reads its script on descriptor 10. */
    assert_true(
        asprintf(&command,
            "cd %s && { printf '%s\\n/\\n0\\n1\\n2\\n3\\nSigBlk:\\t0000000000000000\\n' >want; "
            "grep -v -e '^PWD=' -e '^10$' seen | diff want -; }",
            softhsm.dir, softhsm.conf) > 0);
    assert_int_equal(system(command), 0);
}

static void
test_needs_a_program(void **state)
{
    struct policy_token token = softhsm_policy(&softhsm);
    struct worker *worker = NULL;
    sd_event *event = NULL;

    (void)state;
    assert_true(sd_event_new(&event) >= 0);
    assert_int_equal(
        worker_new(&worker, event, "/nonexistent", &token, NULL, NULL, NULL), RC_SYSTEM);
    assert_null(worker);
    sd_event_unref(event);
}

static int
make_token(void **state)
{
    (void)state;
    softhsm_open(&softhsm);
    return 0;
}

static int
remove_token(void **state)
{
    (void)state;
    softhsm_close(&softhsm);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends_when_hung_up_on),
        cmocka_unit_test(test_kills_what_does_not_answer),
        cmocka_unit_test(test_takes_an_alarm_for_a_hanging_call),
        cmocka_unit_test(test_tells_a_crash),
        cmocka_unit_test(test_kills_what_breaks_the_protocol),
        cmocka_unit_test(test_gives_the_program_nothing_but_its_own),
        cmocka_unit_test(test_needs_a_program),
    };

    return cmocka_run_group_tests(tests, make_token, remove_token);
}
