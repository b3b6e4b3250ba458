/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker whose agent dies while it logs in. SoftHSM 2.6 writes its token anew at each login, and
 * has lost it, with all keys, if it is killed meanwhile.
 */
#include "agent/token/channel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/faultp11.h"
#include "tests/talk.h"

#define LOGIN_MS 300

static struct softhsm place; /* of the files, and of the PIN */
static char variable[96];
static struct faultp11 *control;

/* Be the agent until the worker logs in, and die. */
static void
live_and_die(void)
{
    struct frame frame = talk_open(&place);
    struct talk t;

    frame.open.module = span_of(getenv("FAULTP11_MODULE"));
    frame.open.uri = SPAN("pkcs11:token=fault");
    talk_start(&t, &place, getenv("COUNTERSIGN_TOKEN"));
    talk_say(&t, &frame);
    talk_await(&t, FRAME_FOUND);
    frame = (struct frame){.type = FRAME_LOGIN, .id = t.frame.id};
    talk_say(&t, &frame);
    while (control->n_calls[CALL_LOGIN] == 0)
        sched_yield();
    _exit(EXIT_SUCCESS);
}

static void
test_ends_its_login_before_it_ends(void **state)
{
    int status;

    (void)state;
    control->faults[CALL_LOGIN] = (struct faultp11_fault){FAULT_DELAY, 0, 1, LOGIN_MS};
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    pid_t agent = fork();
    assert_true(agent >= 0);
    if (agent == 0)
        live_and_die();

    assert_int_equal(waitpid(agent, &status, 0), agent);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_true(wait(&status) > 0); /* its worker, which is ours now */
    assert_true(WIFEXITED(status));
    assert_int_equal(control->n_calls[CALL_LOGIN], 1);
    assert_true(control->n_calls[CALL_GET_MECHANISM_LIST] > 0);
}

static int
make_place(void **state)
{
    (void)state;
    softhsm_open(&place);
    snprintf(variable, sizeof variable, "FAULTP11=%s/fault", place.dir);
    place.environment[0] = variable;
    int fd = open(strchr(variable, '=') + 1, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && ftruncate(fd, sizeof *control) == 0);
    control = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    assert_ptr_not_equal(control, MAP_FAILED);
    return 0;
}

static int
remove_place(void **state)
{
    (void)state;
    munmap(control, sizeof *control);
    softhsm_close(&place);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends_its_login_before_it_ends),
    };

    return cmocka_run_group_tests(tests, make_place, remove_place);
}
