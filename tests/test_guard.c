/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>

#include "proto/bounds.h"

static int
hang(void)
{
    for (;;)
        pause();
    return 0;
}

static int
answer(void)
{
    return 42;
}

static void
test_gives_what_the_call_returns_and_leaves_no_alarm(void **state)
{
    (void)state;
    assert_int_equal(guard_timeout_s(), TOKEN_CALL_TIMEOUT_S);
    assert_int_equal(GUARDED(answer()), 42);
    assert_int_equal(alarm(0), 0);
}

static void
test_ends_the_process_at_the_deadline(void **state)
{
    int status = 0;

    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        guard_set_timeout(1);
        _exit(GUARDED(hang()));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGALRM);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gives_what_the_call_returns_and_leaves_no_alarm),
        cmocka_unit_test(test_ends_the_process_at_the_deadline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
