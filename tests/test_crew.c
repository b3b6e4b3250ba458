/* SPDX-License-Identifier: Apache-2.0 */
#include "client/crew.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants four of the above first */
#include <cmocka.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/interrupt.h"

#define JOBS_MAX 64

/* What the parent of a crew has seen. */
struct seen {
    enum rc ends[JOBS_MAX];
    struct why whys[JOBS_MAX];
    int n_ends[JOBS_MAX];
    size_t n_messages[JOBS_MAX], message_len[JOBS_MAX];
    int kind;
    int n_ticks;
    int *n_starts; /* in memory that processes share */
};

static void
on_message(void *data, size_t job, int kind, struct span message)
{
    struct seen *seen = data;

    assert_int_equal(seen->n_ends[job], 0);
    seen->n_messages[job]++;
    seen->message_len[job] = message.len;
    seen->kind = kind;
    for (size_t i = 0; i < message.len; i++)
        assert_int_equal(message.p[i], (uint8_t)('a' + job));
}

static void
on_done(void *data, size_t job, enum rc rc, const struct why *why)
{
    struct seen *seen = data;

    seen->n_ends[job]++;
    seen->ends[job] = rc;
    seen->whys[job] = *why;
}

static void
on_tick(void *data)
{
    struct seen *seen = data;

    seen->n_ticks++;
}

static enum rc
count_start(void **ret_shared, void *data, struct why *why)
{
    struct seen *seen = data;
    static int mine = 7;

    (void)why;
    __atomic_add_fetch(seen->n_starts, 1, __ATOMIC_SEQ_CST);
    *ret_shared = &mine;
    return RC_OK;
}

/* Jobs of several kinds, by their number. */
static enum rc
work(void *data, void *shared, size_t job, struct crew_voice *voice, struct why *why)
{
    static char text[CREW_MESSAGE_MAX_BYTES + 10];

    (void)data;
    memset(text, (int)('a' + job), sizeof text);
    assert_int_equal(*(int *)shared, 7);
    switch (job) {
    case 3:
        return (fail)(why, RC_DENIED, "job %zu is 'denied'", job);
    case 4:
        _exit(9);
    case 5:
        raise(SIGKILL);
        return RC_OK;
    case 6:
        crew_say(voice, 42, (struct span){(uint8_t *)text, sizeof text});
        return RC_OK;
    case 7: /* more than a socket holds */
        for (int i = 0; i < 1000; i++)
            crew_say(voice, 42, (struct span){(uint8_t *)text, 1000});
        return RC_OK;
    case 8:
        crew_say(voice, -1, SPAN(""));
        return RC_OK;
    default:
        return RC_OK;
    }
}

static int *
shared_counter(void)
{
    int *counter =
        mmap(NULL, sizeof *counter, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_ptr_not_equal(counter, MAP_FAILED);
    *counter = 0;
    return counter;
}

/* Of the test itself: workers end in another way. */
static int *n_exits;

static void
count_exit(void)
{
    ++*n_exits;
}

static void
test_does_all_jobs_whatever_becomes_of_some(void **state)
{
    struct why why;

    (void)state;
    for (size_t n_workers = 1; n_workers < 10; n_workers += 4) {
        struct seen seen = {.n_starts = shared_counter()};
        const struct crew_task task = {.n_jobs = 20,
            .n_workers = n_workers,
            .start = count_start,
            .work = work,
            .on_message = on_message,
            .on_done = on_done,
            .data = &seen};

        assert_int_equal(crew_run(&task, &why), RC_OK);
        for (size_t i = 0; i < 20; i++) {
            assert_int_equal(seen.n_ends[i], 1);
            assert_int_equal(seen.ends[i], i == 3             ? RC_DENIED
                                           : i == 4 || i == 5 ? RC_SYSTEM
                                                              : RC_OK);
        }
        assert_string_equal(seen.whys[3].text, "job 3 is 'denied'");
        assert_string_equal(seen.whys[4].text, "the process that did it has exited with status 9");
        assert_string_equal(
            seen.whys[5].text, "the process that did it was killed by signal 9 (Killed)");
        assert_int_equal(seen.message_len[6], CREW_MESSAGE_MAX_BYTES); /* cut */
        assert_int_equal(seen.n_messages[7], 1000);
        assert_int_equal(seen.n_messages[8], 1);
        assert_int_equal(seen.n_messages[9], 0);
        /* Workers keep what they have started with, and two had to be replaced. */
        assert_in_range(*seen.n_starts, n_workers < 3 ? 3 : 2, n_workers + 2);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left */
        assert_int_equal(*n_exits, 0);
        munmap(seen.n_starts, sizeof *seen.n_starts);
    }
}

static enum rc
fail_start(void **ret_shared, void *data, struct why *why)
{
    (void)ret_shared;
    (void)data;
    return (fail)(why, RC_NETWORK, "no way");
}

static void
test_a_worker_that_cannot_start_fails_its_jobs(void **state)
{
    struct seen seen = {0};
    struct why why;
    const struct crew_task task = {.n_jobs = 3,
        .n_workers = 2,
        .start = fail_start,
        .work = work,
        .on_done = on_done,
        .data = &seen};

    (void)state;
    assert_int_equal(crew_run(&task, &why), RC_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(seen.ends[i], RC_NETWORK);
        assert_string_equal(seen.whys[i].text, "no way");
    }
}

static enum rc
fail_or_hang(void *data, void *shared, size_t job, struct crew_voice *voice, struct why *why)
{
    (void)data;
    (void)shared;
    (void)voice;
    if (job == 1)
        return (fail)(why, RC_NETWORK, "full");
    for (;;)
        pause();
}

static void
test_one_failure_can_end_it_all(void **state)
{
    struct seen seen = {0};
    struct why why;
    const struct crew_task task = {.n_jobs = 9,
        .n_workers = 3,
        .work = fail_or_hang,
        .on_done = on_done,
        .data = &seen,
        .is_stopped_by_failure = true};

    (void)state;
    assert_int_equal(crew_run(&task, &why), RC_OK);
    for (size_t i = 0; i < 9; i++)
        assert_int_equal(seen.n_ends[i], i == 1);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static enum rc
wait_for_ticks(void *data, void *shared, size_t job, struct crew_voice *voice, struct why *why)
{
    (void)data;
    (void)shared;
    (void)job;
    (void)voice;
    (void)why;
    (void)poll(NULL, 0, 350);
    return RC_OK;
}

static void
test_ticks_while_workers_are_silent(void **state)
{
    struct seen seen = {0};
    struct why why;
    const struct crew_task task = {
        .n_jobs = 1, .n_workers = 8, .work = wait_for_ticks, .on_tick = on_tick, .data = &seen};

    (void)state;
    assert_int_equal(crew_run(&task, &why), RC_OK);
    assert_true(seen.n_ticks > 0); /* on a busy machine it takes longer, with more of them */
}

static void
test_no_jobs_are_done_at_once(void **state)
{
    struct why why;
    const struct crew_task task = {.n_workers = 8, .work = work};

    (void)state;
    assert_int_equal(crew_run(&task, &why), RC_OK);
}

/* Tells its process over the pipe that is data, and hangs. */
static enum rc
tell_and_hang(void *data, void *shared, size_t job, struct crew_voice *voice, struct why *why)
{
    pid_t pid = getpid();

    (void)shared;
    (void)job;
    (void)voice;
    (void)why;
    if (write(*(int *)data, &pid, sizeof pid) == sizeof pid)
        for (;;)
            pause();
    return RC_SYSTEM;
}

/* A process with a crew whose two workers hang; it holds signals once more if told so. */
static pid_t
start_crew(int *ret_fd, bool is_held)
{
    int fds[2];
    struct why why;

    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        const struct crew_task task = {
            .n_jobs = 5, .n_workers = 2, .work = tell_and_hang, .data = &fds[1]};

        close(fds[0]);
        interrupt_init();
        if (is_held)
            interrupt_hold();
        enum rc rc = crew_run(&task, &why);
        _exit(rc == RC_INTERRUPTED && !strcmp(why.text, "interrupted") ? 7 : 8);
    }
    close(fds[1]);
    for (int i = 0; i < 2; i++) {
        pid_t worker;
        assert_int_equal(read(fds[0], &worker, sizeof worker), sizeof worker);
    }
    *ret_fd = fds[0];
    return pid;
}

static void
test_workers_die_with_a_crew_that_ends_by_a_signal(void **state)
{
    static const struct {
        int sent;
        bool is_held;
        int status;
    } cases[] = {
        {SIGINT, true, 7},
        {SIGTERM, true, 7},
        {SIGHUP, true, 7},
        {SIGINT, false, 130},
        {SIGKILL, true, -1},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        int fd, status;
        char c;

        pid_t pid = start_crew(&fd, cases[i].is_held);
        assert_int_equal(kill(pid, cases[i].sent), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(WIFEXITED(status) ? WEXITSTATUS(status) : -1, cases[i].status);
        assert_int_equal(read(fd, &c, 1), 0); /* nobody has its other end any more */
        close(fd);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_does_all_jobs_whatever_becomes_of_some),
        cmocka_unit_test(test_a_worker_that_cannot_start_fails_its_jobs),
        cmocka_unit_test(test_one_failure_can_end_it_all),
        cmocka_unit_test(test_ticks_while_workers_are_silent),
        cmocka_unit_test(test_no_jobs_are_done_at_once),
        cmocka_unit_test(test_workers_die_with_a_crew_that_ends_by_a_signal),
    };

    n_exits = shared_counter();
    if (atexit(count_exit))
        return 1;

    return cmocka_run_group_tests(tests, NULL, NULL);
}
