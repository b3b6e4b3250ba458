/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each worker has a socket to the parent, over which packets go: numbers of jobs one way, what is
 * said and how jobs end the other way. Its end of file is the end of either process to the other.
 *
 *  IDLE ──number of a job──▶ BUSY ──end──▶ IDLE
 *    └──────────────────────── │ ──end of file──▶ gone
 */
#include "client/crew.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/interrupt.h"
#include "client/pause.h"
#include "proto/bounds.h"

#if defined(__has_feature) /* clang's way to say it */
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

#define IN_A_ROW_MAX 64 /* packets of one worker: then the others are listened to */

enum packet_kind { PACKET_SAID, PACKET_ENDED };

struct packet_head {
    enum packet_kind kind;
    int value; /* the caller's kind, or the rc of the job */
};

struct packet {
    struct packet_head head;
    uint8_t text[CREW_MESSAGE_MAX_BYTES];
};

struct crew_voice {
    int fd;
};

struct worker {
    pid_t pid;
    int fd;
    bool is_busy;
    size_t job;
};

struct crew {
    const struct crew_task *task;
    struct worker *workers;
    size_t n_workers;
    size_t next_job;
    bool is_failed; /* a job, and that ends it all */
    int64_t tick_at_ms;
    struct pollfd *ready;  /* the interrupt, then the workers */
    struct packet *packet; /* the one that came last */
};

/* --- In the worker --- */

/* Not exit(): what the parent has registered and buffered is the parent's. */
static _Noreturn void
leave(bool is_first)
{
    (void)is_first;
#if defined(__SANITIZE_ADDRESS__)
    if (is_first) /* exit() would do so; one of the crew is enough, as it takes its time */
        (void)__lsan_do_recoverable_leak_check();
#endif
    _exit(0);
}

static void
send_packet(int fd, enum packet_kind kind, int value, struct span text)
{
    struct packet_head head = {kind, value};
    struct iovec parts[] = {
        {&head, sizeof head},
        {(void *)text.p, text.len < CREW_MESSAGE_MAX_BYTES ? text.len : CREW_MESSAGE_MAX_BYTES},
    };
    const struct msghdr message = {.msg_iov = parts, .msg_iovlen = N_ELEMENTS(parts)};

    while (sendmsg(fd, &message, MSG_NOSIGNAL) < 0)
        if (errno != EINTR)
            _exit(1); /* nobody listens */
}

void
crew_say(struct crew_voice *voice, int kind, struct span message)
{
    send_packet(voice->fd, PACKET_SAID, kind, message);
}

/* Job after job, until the parent has no more. */
static _Noreturn void
serve(const struct crew_task *task, int fd, bool is_first)
{
    static void *shared; /* reachable for as long as the process lives */
    struct crew_voice voice = {fd};
    bool is_started = false;

    for (;;) {
        struct why why = {""};
        size_t job = 0;

        ssize_t len = recv(fd, &job, sizeof job, 0);
        if (len < 0 && errno == EINTR)
            continue;
        if (len != (ssize_t)sizeof job)
            leave(is_first);

        enum rc rc = task->start && !is_started ? task->start(&shared, task->data, &why) : RC_OK;
        is_started = is_started || !rc;
        if (!rc)
            rc = task->work(task->data, shared, job, &voice, &why);
        send_packet(fd, PACKET_ENDED, (int)rc, rc ? span_of(why.text) : SPAN(""));
    }
}

/* What a process needs that was forked off a moment ago. */
static _Noreturn void
begin(const struct crew *crew, const int fds[2], pid_t parent, const sigset_t *mask)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it died before it could be asked for */
        _exit(1);

    close(fds[0]);
    for (size_t i = 0; i < crew->n_workers; i++)
        close(crew->workers[i].fd);
    interrupt_default();
    (void)sigprocmask(SIG_SETMASK, mask, NULL);
    serve(crew->task, fds[1], crew->n_workers == 0);
}

/* --- In the parent --- */

static enum rc
hire(struct crew *crew, struct why *why)
{
    sigset_t all, before;
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
        return fail(why, RC_SYSTEM, "cannot make a socket: %s", strerror(errno));

    closing(fd_close) int ours = fds[0];
    closing(fd_close) int theirs = fds[1];
    if (fflush(stdout) || fflush(stderr)) /* else the child would have it as well */
        return fail(why, RC_SYSTEM, "cannot write to standard output: %s", strerror(errno));

    sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    pid_t parent = getpid(), pid = fork();
    int error = errno;
    if (pid == 0)
        begin(crew, fds, parent, &before);
    fd_close(&theirs);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    if (pid < 0)
        return fail(why, RC_SYSTEM, "cannot make a process: %s", strerror(error));

    crew->workers[crew->n_workers++] = (struct worker){.pid = pid, .fd = ours};
    ours = -1;
    return RC_OK;
}

static int
reap(pid_t pid)
{
    int status = 0;

    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            break;
    return status;
}

/* Those that are killed are so at once; others find the end of file, and go. */
static void
dismiss(struct crew *crew, bool is_killed)
{
    for (size_t i = 0; i < crew->n_workers; i++) {
        if (is_killed)
            kill(crew->workers[i].pid, SIGKILL);
        fd_close(&crew->workers[i].fd);
    }
    for (size_t i = 0; i < crew->n_workers; i++)
        (void)reap(crew->workers[i].pid);
    crew->n_workers = 0;
}

static void
crew_done(struct crew *crew)
{
    dismiss(crew, true);
    free(crew->workers);
    free(crew->ready);
    free(crew->packet);
}

static bool
has_work(const struct crew *crew)
{
    return crew->next_job < crew->task->n_jobs;
}

static bool
is_busy(const struct crew *crew)
{
    for (size_t i = 0; i < crew->n_workers; i++)
        if (crew->workers[i].is_busy)
            return true;

    return false;
}

static void
give(struct crew *crew, struct worker *worker)
{
    if (!has_work(crew))
        return;

    worker->is_busy = true;
    worker->job = crew->next_job++;
    /* Where it cannot be sent, the worker is dead, which is seen by reading. */
    (void)send(worker->fd, &worker->job, sizeof worker->job, MSG_NOSIGNAL);
}

/* Work for those who have none, and workers for work that nobody does. */
static enum rc
assign(struct crew *crew, struct why *why)
{
    for (size_t i = 0; i < crew->n_workers; i++)
        if (!crew->workers[i].is_busy)
            give(crew, &crew->workers[i]);

    while (has_work(crew) && crew->n_workers < crew->task->n_workers) {
        enum rc rc = hire(crew, why);
        if (rc && crew->n_workers > 0)
            break; /* fewer do it as well */
        if (rc)
            return rc;

        give(crew, &crew->workers[crew->n_workers - 1]);
    }

    return RC_OK;
}

static void
end_job(struct crew *crew, size_t job, enum rc rc, const struct why *why)
{
    if (rc && crew->task->is_stopped_by_failure)
        crew->is_failed = true;
    if (crew->task->on_done)
        crew->task->on_done(crew->task->data, job, rc, why);
}

/* Ctrl-C at a terminal kills the workers as well, and theirs may come first. */
static bool
is_interrupted(int status)
{
    struct pollfd ready = {.fd = interrupt_fd(), .events = POLLIN};
    int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

    if (sig == SIGINT || sig == SIGTERM || sig == SIGHUP)
        (void)poll(&ready, 1, CREW_TICK_MS);
    return interrupt_is_pending();
}

/* A worker is gone; those behind it move up. */
static void
bury(struct crew *crew, size_t i)
{
    const struct worker worker = crew->workers[i];
    struct why why;
    enum rc rc = RC_SYSTEM;

    int fd = worker.fd, status = reap(worker.pid);
    fd_close(&fd);
    crew->n_workers--;
    memmove(
        &crew->workers[i], &crew->workers[i + 1], (crew->n_workers - i) * sizeof *crew->workers);
    if (!worker.is_busy || is_interrupted(status))
        return;

    if (WIFSIGNALED(status))
        rc = fail(&why, rc, "the process that did it was killed by signal %d (%s)",
            WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        rc = fail(
            &why, rc, "the process that did it has exited with status %d", WEXITSTATUS(status));
    end_job(crew, worker.job, rc, &why);
}

/* One packet of a worker. False: there is none now, or the worker is gone. */
static bool
hear(struct crew *crew, size_t i)
{
    struct worker *worker = &crew->workers[i];
    struct packet *packet = crew->packet;
    struct why why = {""};

    ssize_t len = recv(worker->fd, packet, sizeof *packet, MSG_DONTWAIT);
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (len < (ssize_t)sizeof packet->head) {
        bury(crew, i);
        return false;
    }

    struct span text = {packet->text, (size_t)len - sizeof packet->head};
    if (packet->head.kind == PACKET_SAID) {
        if (crew->task->on_message)
            crew->task->on_message(crew->task->data, worker->job, packet->head.value, text);
        return true;
    }

    enum rc rc = packet->head.value >= 0 && packet->head.value < RC_MAX_
                     ? (enum rc)packet->head.value
                     : RC_SYSTEM;
    if (rc)
        rc = fail(&why, rc, "%.*s", (int)text.len, (const char *)text.p);
    worker->is_busy = false;
    end_job(crew, worker->job, rc, &why);
    return false; /* it is idle */
}

static int
ms_to_tick(const struct crew *crew)
{
    int64_t left_ms = crew->tick_at_ms - pause_clock_ms();

    return !crew->task->on_tick ? -1 : left_ms > 0 ? (int)left_ms : 0;
}

/* Wait until somebody has something to say, and listen. */
static enum rc
listen_to_all(struct crew *crew, struct why *why)
{
    crew->ready[0] = (struct pollfd){.fd = interrupt_fd(), .events = POLLIN};
    for (size_t i = 0; i < crew->n_workers; i++)
        crew->ready[i + 1] = (struct pollfd){.fd = crew->workers[i].fd, .events = POLLIN};

    int n = poll(crew->ready, crew->n_workers + 1, ms_to_tick(crew));
    if (n < 0 && errno != EINTR)
        return fail(why, RC_SYSTEM, "poll: %s", strerror(errno));

    /* From the last, as the dead are taken out. */
    for (size_t i = crew->n_workers; n > 0 && i > 0; i--)
        if (crew->ready[i].revents)
            for (int k = 0; k < IN_A_ROW_MAX && !interrupt_is_pending() && hear(crew, i - 1);)
                k++;

    if (crew->task->on_tick && pause_clock_ms() >= crew->tick_at_ms) {
        crew->task->on_tick(crew->task->data);
        crew->tick_at_ms = pause_clock_ms() + CREW_TICK_MS;
    }
    return RC_OK;
}

static enum rc
run(struct crew *crew, struct why *why)
{
    enum rc rc = RC_OK;

    crew->workers = calloc(crew->task->n_workers + 1, sizeof *crew->workers);
    crew->ready = calloc(crew->task->n_workers + 1, sizeof *crew->ready);
    crew->packet = calloc(1, sizeof *crew->packet);
    if (!crew->workers || !crew->ready || !crew->packet)
        return fail_memory(why);

    crew->tick_at_ms = pause_clock_ms() + CREW_TICK_MS;
    while (!rc && !crew->is_failed && (has_work(crew) || is_busy(crew))) {
        if (interrupt_is_pending())
            return fail(why, RC_INTERRUPTED, "interrupted");

        rc = assign(crew, why);
        if (!rc)
            rc = listen_to_all(crew, why);
    }

    if (!rc)
        dismiss(crew, crew->is_failed);
    return rc;
}

enum rc
crew_run(const struct crew_task *task, struct why *why)
{
    struct crew crew = {.task = task};

    assert(task->n_workers > 0);
    interrupt_hold();
    enum rc rc = run(&crew, why);
    crew_done(&crew);
    interrupt_release();
    return rc;
}
