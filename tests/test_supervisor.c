/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <unistd.h>
/* cmocka wants those above first */
#include <cmocka.h>

#include "tests/faultp11.h"
#include "tests/talk.h"
#include "tests/unit.h"

#define PATIENCE_MS 20000 /* for what takes milliseconds on a machine that is not busy */

static struct softhsm softhsm;

static void
open_talk(struct talk *t, const struct unit *unit)
{
    struct frame frame = talk_open(&softhsm);

    talk_connect(t, &softhsm, unit->path);
    talk_say(t, &frame);
}

/* The only worker. */
static pid_t
worker_of(const struct unit *unit)
{
    pid_t pids[2];

    assert_int_equal(unit_list_workers(unit, pids, 2), 1);
    return pids[0];
}

static void
test_runs_a_worker_for_each_connection(void **state)
{
    struct frame login = {.type = FRAME_LOGIN};
    struct unit unit = {0};
    struct talk t[2];
    pid_t pids[3];

    (void)state;
    unit_open(&unit, &softhsm, SOFTHSM_MODULE, 0600);
    for (size_t i = 0; i < 2; i++) {
        open_talk(&t[i], &unit);
        talk_await(&t[i], FRAME_FOUND);
        login.id = t[i].frame.id;
        talk_say(&t[i], &login);
        talk_await_state(&t[i], TOKEN_READY);
    }
    assert_int_equal(unit_list_workers(&unit, pids, 3), 2);

    talk_finish(&t[0]);
    assert_int_equal(unit_list_workers(&unit, pids, 3), 1);
    talk_finish(&t[1]);
    unit_close(&unit);
}

static void
test_loses_only_the_worker_that_crashes(void **state)
{
    struct frame login = {.type = FRAME_LOGIN};
    struct unit unit = {0};
    struct talk dead, other;

    (void)state;
    unit_open(&unit, &softhsm, SOFTHSM_MODULE, 0600);
    open_talk(&dead, &unit);
    talk_await(&dead, FRAME_FOUND);
    pid_t pid = worker_of(&unit);
    open_talk(&other, &unit);
    talk_await(&other, FRAME_FOUND);

    assert_int_equal(kill(pid, SIGKILL), 0);
    talk_await_end(&dead, WORKER_CRASHED);
    assert_non_null(strstr(dead.detail, "signal 9"));
    login.id = other.frame.id;
    talk_say(&other, &login);
    talk_await_state(&other, TOKEN_READY);
    talk_finish(&dead);
    talk_finish(&other);
    unit_close(&unit);
}

/* What a module that fails does to the worker of one connection, at its first calls. */
static void
fail_with(enum faultp11_call call, enum faultp11_kind kind, enum worker_end want)
{
    closing(freep) char *variable = NULL;
    struct unit unit = {0};
    struct talk bad;
    struct frame frame = talk_open(&softhsm);

    assert_true(asprintf(&variable, "FAULTP11=%s/fault", softhsm.dir) > 0);
    int fd = open(strchr(variable, '=') + 1, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(fd, sizeof(struct faultp11)), 0);
    struct faultp11 *control =
        mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(control, MAP_FAILED);
    control->faults[call].kind = kind;
    close(fd);

    unit.variable = variable;
    unit_open(&unit, &softhsm, getenv("FAULTP11_MODULE"), 0600);
    frame.open.module = span_of(getenv("FAULTP11_MODULE"));
    frame.open.uri = SPAN("pkcs11:token=fault");
    frame.open.timeout_s = 1;
    talk_connect(&bad, &softhsm, unit.path);
    talk_say(&bad, &frame);
    talk_await_end(&bad, want);
    talk_finish(&bad);

    /* The next one finds the unit as it was. */
    control->faults[call].kind = FAULT_NONE;
    talk_connect(&bad, &softhsm, unit.path);
    talk_say(&bad, &frame);
    talk_await(&bad, FRAME_FOUND);
    talk_finish(&bad);
    unit_close(&unit);
    munmap(control, sizeof *control);
}

static void
test_outlives_a_module_that_hangs_or_crashes(void **state)
{
    (void)state;
    fail_with(CALL_GET_TOKEN_INFO, FAULT_HANG, WORKER_HUNG);
    fail_with(CALL_INITIALIZE, FAULT_CRASH, WORKER_CRASHED);
}

static void
test_tells_an_alarm(void **state)
{
    struct unit unit = {0};
    struct talk t;

    (void)state;
    unit_open(&unit, &softhsm, SOFTHSM_MODULE, 0600);
    open_talk(&t, &unit);
    talk_await(&t, FRAME_FOUND);
    assert_int_equal(kill(worker_of(&unit), SIGALRM), 0);
    talk_await_end(&t, WORKER_HUNG);
    talk_finish(&t);
    unit_close(&unit);
}

static void
test_lets_a_worker_end_that_was_hung_up_on(void **state)
{
    struct unit unit = {0};
    struct talk t;

    (void)state;
    unit_open(&unit, &softhsm, SOFTHSM_MODULE, 0600);
    open_talk(&t, &unit);
    talk_await(&t, FRAME_FOUND);
    worker_hang_up(t.worker);
    talk_await_end(&t, WORKER_EXITED);
    assert_non_null(strstr(t.detail, "status 0"));
    talk_finish(&t);
    unit_close(&unit);
}

/* A module that hangs is like a process that stands still. */
static void
test_kills_a_worker_that_hangs_beyond_its_grace(void **state)
{
    struct unit unit = {0};
    struct talk t;

    (void)state;
    unit_open(&unit, &softhsm, SOFTHSM_MODULE, 0600);
    open_talk(&t, &unit);
    talk_await(&t, FRAME_FOUND);
    assert_int_equal(kill(worker_of(&unit), SIGSTOP), 0);
    worker_hang_up(t.worker);
    talk_await_end(&t, WORKER_CRASHED);
    assert_non_null(strstr(t.detail, "signal 9"));
    talk_finish(&t);
    unit_close(&unit);
}

static void
test_kills_a_worker_whose_agent_closed_the_connection(void **state)
{
    struct unit unit = {0};
    struct talk t;

    (void)state;
    unit_open(&unit, &softhsm, SOFTHSM_MODULE, 0600);
    open_talk(&t, &unit);
    talk_await(&t, FRAME_FOUND);
    pid_t pid = worker_of(&unit);
    struct pollfd end = {.fd = pidfd_open(pid, 0), .events = POLLIN};
    assert_int_equal(kill(pid, SIGSTOP), 0);

    worker_kill(t.worker);
    assert_int_equal(poll(&end, 1, PATIENCE_MS), 1);
    talk_await_end(&t, WORKER_CRASHED);
    close(end.fd);
    talk_finish(&t);
    unit_close(&unit);
}

static void
test_ends_its_workers_when_it_is_told_to_end(void **state)
{
    struct unit unit = {0};
    struct talk t;

    (void)state;
    unit_open(&unit, &softhsm, SOFTHSM_MODULE, 0600);
    open_talk(&t, &unit);
    talk_await(&t, FRAME_FOUND);
    unit_close(&unit);
    talk_await_end(&t, WORKER_EXITED);
    talk_finish(&t);
}

/* No supervisor is left to say how. */
static void
test_dies_with_its_workers(void **state)
{
    struct unit unit = {0};
    struct talk t;

    (void)state;
    unit_open(&unit, &softhsm, SOFTHSM_MODULE, 0600);
    open_talk(&t, &unit);
    talk_await(&t, FRAME_FOUND);
    assert_int_equal(kill(unit.pid, SIGKILL), 0);
    talk_await_end(&t, WORKER_CRASHED);
    assert_non_null(strstr(t.detail, "hung up; see its journal"));
    talk_finish(&t);
}

static void
assert_refused(const char *module, const char *says)
{
    struct unit unit = {0};
    struct talk t;

    unit_open(&unit, &softhsm, module, 0600);
    open_talk(&t, &unit);
    talk_await_state(&t, TOKEN_FAILING);
    struct span detail = t.frame.state.detail;
    assert_non_null(memmem(detail.p, detail.len, says, strlen(says)));
    talk_await_end(&t, WORKER_EXITED);
    talk_finish(&t);
    unit_close(&unit);
}

static void
test_loads_only_what_the_unit_names(void **state)
{
    (void)state;
    assert_refused(NULL, "names no module; give it Environment=COUNTERSIGN_MODULE=/usr/lib/");
    assert_refused("/usr/lib/x.so", "is not '/usr/lib/x.so', the COUNTERSIGN_MODULE of");
}

static void
test_serves_no_socket_that_others_can_use(void **state)
{
    struct unit unit = {0};

    (void)state;
    unit_open(&unit, &softhsm, SOFTHSM_MODULE, 0660);
    assert_int_equal(unit_await(&unit), EXIT_FAILURE);
}

static void
test_listens_to_nothing_else(void **state)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)state;
    assert_false(supervisor_is_wanted(fd));
    assert_false(supervisor_is_wanted(-1));
    close(fd);
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
        cmocka_unit_test(test_runs_a_worker_for_each_connection),
        cmocka_unit_test(test_loses_only_the_worker_that_crashes),
        cmocka_unit_test(test_outlives_a_module_that_hangs_or_crashes),
        cmocka_unit_test(test_tells_an_alarm),
        cmocka_unit_test(test_lets_a_worker_end_that_was_hung_up_on),
        cmocka_unit_test(test_kills_a_worker_that_hangs_beyond_its_grace),
        cmocka_unit_test(test_kills_a_worker_whose_agent_closed_the_connection),
        cmocka_unit_test(test_ends_its_workers_when_it_is_told_to_end),
        cmocka_unit_test(test_dies_with_its_workers),
        cmocka_unit_test(test_loads_only_what_the_unit_names),
        cmocka_unit_test(test_serves_no_socket_that_others_can_use),
        cmocka_unit_test(test_listens_to_nothing_else),
    };

    return cmocka_run_group_tests(tests, make_token, remove_token);
}
