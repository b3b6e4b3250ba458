/* SPDX-License-Identifier: Apache-2.0 */
#include "client/interrupt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants four of the above first */
#include <cmocka.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/mem.h"

static bool
is_readable(void)
{
    struct pollfd ready = {.fd = interrupt_fd(), .events = POLLIN};

    return poll(&ready, 1, 0) == 1;
}

/* Each story is the life of a process; what it returns is its status, if it comes that far. */
static int
nobody_holds(int sent)
{
    interrupt_init();
    raise(sent);
    return 1;
}

static int
somebody_holds(int sent)
{
    interrupt_init();
    interrupt_hold();
    interrupt_hold();
    if (interrupt_is_pending() || is_readable())
        return 1;
    raise(sent);
    raise(sent);
    if (!interrupt_is_pending() || !is_readable())
        return 2;
    interrupt_release();
    if (!is_readable())
        return 3;
    interrupt_release();
    return 4;
}

static int
somebody_held(int sent)
{
    interrupt_init();
    interrupt_hold();
    interrupt_release();
    raise(sent);
    return 1;
}

static int
somebody_cleans_up(int sent)
{
    interrupt_init();
    interrupt_hold();
    raise(sent);
    interrupt_forget();
    if (interrupt_is_pending() || is_readable())
        return 1;
    interrupt_recall();
    interrupt_release();
    return 2;
}

static int
it_was_ignored(int sent)
{
    signal(sent, SIG_IGN);
    interrupt_init();
    raise(sent);
    interrupt_hold();
    raise(sent);
    interrupt_release();
    return interrupt_is_pending() ? 1 : 0;
}

static int
it_is_a_child(int sent)
{
    interrupt_init();
    interrupt_hold();
    raise(sent);
    pid_t pid = fork();
    if (pid == 0) {
        interrupt_default();
        if (interrupt_is_pending())
            _exit(1);
        raise(sent);
        _exit(2);
    }

    int status = 0;
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == sent ? 0 : 1;
}

static void
test_a_signal_ends_the_program_or_waits_for_who_holds_it(void **state)
{
    static const struct {
        const char *says;
        int (*story)(int sent);
        int status;
    } cases[] = {
        {"nobody holds: at once", nobody_holds, 130},
        {"somebody holds: when the last one releases", somebody_holds, 130},
        {"somebody held, and does not any more", somebody_held, 130},
        {"what was forgotten for a clean-up and recalled", somebody_cleans_up, 130},
        {"what is ignored from the start stays ignored", it_was_ignored, 0},
        {"children are killed by it", it_is_a_child, 0},
    };
    static const int sent[] = {SIGINT, SIGTERM, SIGHUP};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases) * N_ELEMENTS(sent); i++) {
        int status = 0;
        pid_t pid = fork();

        if (pid == 0)
            _exit(cases[i / N_ELEMENTS(sent)].story(sent[i % N_ELEMENTS(sent)]));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != cases[i / N_ELEMENTS(sent)].status)
            fail_msg("%s: signal %d: %x", cases[i / N_ELEMENTS(sent)].says,
                sent[i % N_ELEMENTS(sent)], (unsigned)status);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_signal_ends_the_program_or_waits_for_who_holds_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
