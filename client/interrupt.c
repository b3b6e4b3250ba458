/* SPDX-License-Identifier: Apache-2.0 */
#include "client/interrupt.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "proto/rc.h"

/* SIGQUIT is not among them: it ends the program whoever holds, should somebody hold for too long.
 */
static const int ending[] = {SIGINT, SIGTERM, SIGHUP};

/* A signal handler reads and writes them; there are no threads. */
static volatile sig_atomic_t n_holds, is_pending;
static int event_fd = -1;

static void
on_signal(int signal)
{
    const uint64_t one = 1;
    int error = errno;

    (void)signal;
    if (n_holds == 0)
        _exit(rc_exit_status(RC_INTERRUPTED));

    is_pending = 1;
    if (event_fd >= 0 && write(event_fd, &one, sizeof one) < 0)
        assert(errno == EAGAIN); /* it is readable already */
    errno = error;
}

void
interrupt_init(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, before;

    event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < N_ELEMENTS(ending); i++)
        /* Whoever started us under nohup(1) or in the background wants it to be ignored. */
        if (!sigaction(ending[i], NULL, &before) && before.sa_handler != SIG_IGN)
            (void)sigaction(ending[i], &action, NULL);
}

void
interrupt_hold(void)
{
    n_holds++;
}

void
interrupt_release(void)
{
    assert(n_holds > 0);
    n_holds--;
    if (n_holds == 0 && is_pending)
        exit(rc_exit_status(RC_INTERRUPTED));
}

bool
interrupt_is_pending(void)
{
    return is_pending;
}

void
interrupt_forget(void)
{
    uint64_t count = 0;

    is_pending = 0;
    if (event_fd >= 0 && read(event_fd, &count, sizeof count) < 0)
        assert(errno == EAGAIN); /* none came */
}

void
interrupt_recall(void)
{
    is_pending = 1;
}

int
interrupt_fd(void)
{
    return event_fd;
}

void
interrupt_default(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL}, before;

    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < N_ELEMENTS(ending); i++)
        if (!sigaction(ending[i], NULL, &before) && before.sa_handler == on_signal)
            (void)sigaction(ending[i], &action, NULL);

    n_holds = 0;
    is_pending = 0;
    fd_close(&event_fd); /* the parent's own, which a child must not read */
}
