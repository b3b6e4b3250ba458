/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/worker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/birth.h"

#define END_TIMEOUT_MS 2000 /* a worker gives its module as long */

struct worker {
    const struct worker_calls *calls;
    void *userdata;
    unsigned timeout_s; /* of the token, for one call */
    char *socket;       /* of its unit; NULL: it is a process of ours */
    pid_t pid;          /* 0: of the unit, or it has ended */
    int pidfd, fd;      /* pidfd is -1 if it is the unit's; fd is -1 after the end of file */
    sd_event_source *on_readable, *on_exit, *on_deadline;
    bool has_hung, has_lied, has_spoken;
    bool is_hung_up;        /* what it says from now on is for nobody */
    struct why lie;         /* what it did that the protocol does not allow */
    struct frame_ended how; /* its end, as its unit tells it */
    uint8_t message[WORKER_MESSAGE_BYTES];
};

void
worker_kill(struct worker *worker)
{
    if (worker->socket)
        shutdown(worker->fd, SHUT_RDWR); /* its unit kills it then */
    else
        pidfd_send_signal(worker->pidfd, SIGKILL, NULL, 0);
}

static void
close_socket(struct worker *worker)
{
    worker->on_readable = sd_event_source_disable_unref(worker->on_readable);
    fd_close(&worker->fd);
}

static bool
arm_deadline(struct worker *worker, uint64_t timeout_ms)
{
    return sd_event_source_set_time_relative(worker->on_deadline, timeout_ms * 1000) >= 0 &&
           sd_event_source_set_enabled(worker->on_deadline, SD_EVENT_ONESHOT) >= 0;
}

void
worker_hang_up(struct worker *worker)
{
    worker->is_hung_up = true;
    if (!worker->socket) {
        close_socket(worker);
        return;
    }

    /* The unit ends the process in time, but that of a stopped unit would never end. */
    shutdown(worker->fd, SHUT_WR);
    if (!arm_deadline(worker, 2 * END_TIMEOUT_MS))
        worker_kill(worker);
}

static void
lied(struct worker *worker)
{
    worker->has_lied = true;
    worker_kill(worker);
}

static void
hear(struct worker *worker, const struct frame *frame)
{
    worker->has_spoken = true;
    if (frame->type == FRAME_ENDED) {
        worker->how = frame->ended;
    } else if (!worker->is_hung_up) {
        (void)sd_event_source_set_enabled(worker->on_deadline, SD_EVENT_OFF);
        worker->calls->on_message(worker->userdata, frame);
    }
}

/* One message, if there is one. */
static bool
receive(struct worker *worker)
{
    closing(fd_close) int passed = -1; /* a worker has nothing to pass */
    struct frame frame;

    if (worker->fd < 0 || worker->has_lied)
        return false;

    enum rc rc = channel_receive(
        &frame, &passed, worker->fd, worker->message, FRAME_FROM_WORKER, &worker->lie);
    if (rc == RC_OK && frame.type == FRAME_ENDED && !worker->socket)
        rc = fail(&worker->lie, RC_MALFORMED, "it says how it ended");
    if (rc == RC_MALFORMED)
        lied(worker);
    else if (rc && rc != RC_TIMEOUT)
        close_socket(worker); /* its end will be seen, and until then there is nothing to read */
    if (rc)
        return false;

    hear(worker, &frame);
    return true;
}

static int
on_deadline(sd_event_source *source, uint64_t at_us, void *userdata)
{
    struct worker *worker = userdata;

    (void)source;
    (void)at_us;
    worker->has_hung = true;
    worker_kill(worker);
    return 0;
}

/* What is known of the end of the unit's process. */
static void
tell_unit(siginfo_t *info, const struct worker *worker)
{
    info->si_code = worker->how.is_killed ? CLD_KILLED : CLD_EXITED;
    info->si_status = (int)worker->how.number;
}

static enum worker_end
explain(struct why *why, const struct worker *worker, const siginfo_t *info)
{
    enum rc rc = RC_OK;
    enum worker_end end = WORKER_CRASHED;

    if (worker->has_lied) {
        *why = worker->lie;
        rc = within(why, RC_TOKEN, "the worker broke the protocol");
    } else if (worker->has_hung && !worker->has_spoken && worker->socket) {
        end = WORKER_HUNG;
        rc =
            fail(why, RC_TIMEOUT, "the unit at '%s' says nothing; see its journal", worker->socket);
    } else if (worker->has_hung || (info->si_code == CLD_KILLED && info->si_status == SIGALRM)) {
        end = WORKER_HUNG;
        rc = fail(why, RC_TIMEOUT,
            "the token did not answer within %u s, its 'timeout' in the policy", worker->timeout_s);
    } else if (worker->socket && !worker->how.is_known) {
        rc = fail(why, RC_TOKEN, "the unit at '%s' hung up; see its journal", worker->socket);
    } else if (info->si_code == CLD_EXITED) {
        end = WORKER_EXITED;
        rc = fail(why, RC_TOKEN, "the worker ended with status %d", info->si_status);
    } else {
        rc = fail(why, RC_TOKEN, "the worker was ended by signal %d (%s)", info->si_status,
            strsignal(info->si_status));
    }

    (void)rc;
    return end;
}

static void
end(struct worker *worker, const siginfo_t *info)
{
    struct why why;

    close_socket(worker);
    worker->on_exit = sd_event_source_disable_unref(worker->on_exit);
    worker->on_deadline = sd_event_source_disable_unref(worker->on_deadline);

    enum worker_end how = explain(&why, worker, info);
    worker->calls->on_end(worker->userdata, how, why.text);
}

static int
on_exit_of_process(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct worker *worker = userdata;
    siginfo_t info = {0};

    (void)source;
    (void)fd;
    (void)events;

    /* What it said last is often why it ended. */
    while (receive(worker))
        ;

    if (waitid(P_PIDFD, (id_t)worker->pidfd, &info, WEXITED) < 0)
        info = (siginfo_t){.si_code = CLD_KILLED, .si_status = SIGKILL};
    worker->pid = 0;
    end(worker, &info);
    return 0;
}

/* The end of file of a unit's connection is all that is seen of its end. */
static int
on_readable(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct worker *worker = userdata;
    siginfo_t info = {0};

    (void)source;
    (void)fd;
    (void)events;
    if (!receive(worker) && worker->socket && (worker->fd < 0 || worker->has_lied)) {
        tell_unit(&info, worker);
        end(worker, &info);
    }
    return 0; /* a bad worker must not stop the agent */
}

struct frame_open
worker_open(const struct worker_form *form, const struct policy *policy,
    const struct policy_token *token, const char *identity)
{
    static const enum token_pin pins[] = {
        [POLICY_PIN_NONE] = TOKEN_PIN_NONE,
        [POLICY_PIN_CREDENTIAL] = TOKEN_PIN_CREDENTIAL,
        [POLICY_PIN_FILE] = TOKEN_PIN_FILE,
        [POLICY_PIN_PROMPT] = TOKEN_PIN_PROMPT,
    };
    struct frame_open open = {
        .pin = pins[token->pin],
        .module = span_of(token->module),
        .uri = span_of(token->uri),
        .pin_source = span_of(token->pin_source),
        .timeout_s = token->timeout_s,
        .serial = span_of(token->serial),
        .identity = span_of(identity),
        .network = token->network,
    };

    if (!token->worker && form->seclusion)
        seclusion_put(&open, form->seclusion, policy, token);
    return open;
}

static enum rc
watch(struct worker *worker, sd_event *event, struct why *why)
{
    int r = sd_event_add_io(event, &worker->on_readable, worker->fd, EPOLLIN, on_readable, worker);
    if (r >= 0 && !worker->socket)
        r = sd_event_add_io(
            event, &worker->on_exit, worker->pidfd, EPOLLIN, on_exit_of_process, worker);
    if (r >= 0)
        r = sd_event_add_time(
            event, &worker->on_deadline, CLOCK_MONOTONIC, UINT64_MAX, 0, on_deadline, worker);
    if (r >= 0)
        r = sd_event_source_set_enabled(worker->on_deadline, SD_EVENT_OFF);
    if (r < 0)
        return fail(why, RC_SYSTEM, "cannot watch a worker: %s", strerror(-r));

    return RC_OK;
}

static enum rc
spawn(struct worker *worker, const char *path, const struct policy_token *token, struct why *why)
{
    enum rc rc = birth_spawn(&worker->pid, &worker->fd, path, token, why);
    if (rc)
        return rc;

    worker->pidfd = pidfd_open(worker->pid, 0);
    if (worker->pidfd < 0)
        return fail(why, RC_SYSTEM, "cannot watch a worker: %s", strerror(errno));

    return RC_OK;
}

enum rc
worker_new(struct worker **ret, sd_event *event, const char *path, const struct policy_token *token,
    const struct worker_calls *calls, void *userdata, struct why *why)
{
    closing(worker_freep) struct worker *worker = calloc(1, sizeof *worker);
    if (!worker)
        return fail_memory(why);

    worker->calls = calls;
    worker->userdata = userdata;
    worker->fd = worker->pidfd = -1;
    worker->timeout_s = token->timeout_s;
    worker->socket = token->worker ? strdup(token->worker) : NULL;
    if (token->worker && !worker->socket)
        return fail_memory(why);

    enum rc rc =
        worker->socket ? birth_connect(&worker->fd, token, why) : spawn(worker, path, token, why);
    if (!rc)
        rc = watch(worker, event, why);
    if (rc)
        return rc;

    /* Before its first word several calls may be slow, but hardly all. */
    if (worker->socket && !arm_deadline(worker, (2 * token->timeout_s + 5) * 1000))
        return fail(why, RC_SYSTEM, "cannot set a timer");

    *ret = steal(worker);
    return RC_OK;
}

/* It has hung up. A process of ours gets time to end by itself, and so does that of a unit, which
 * then closes the connection. */
static void
await_end(struct worker *worker)
{
    struct pollfd end = {.fd = worker->pidfd, .events = POLLIN};

    if (worker->socket)
        end = (struct pollfd){.fd = worker->fd};
    bool has_ended = end.fd >= 0 && poll(&end, 1, END_TIMEOUT_MS) == 1;
    if (worker->pid > 0) {
        if (!has_ended)
            kill(worker->pid, SIGKILL);
        waitpid(worker->pid, NULL, 0);
    }
}

enum token_state
worker_last_state(struct worker *worker)
{
    struct pollfd word = {.fd = worker->fd, .events = POLLIN};
    closing(fd_close) int passed = -1;
    struct frame frame;

    if (worker->fd < 0 || worker->has_lied)
        return TOKEN_STATE_MAX_;

    shutdown(worker->fd, SHUT_WR);
    if (poll(&word, 1, END_TIMEOUT_MS) != 1 ||
        channel_receive(
            &frame, &passed, worker->fd, worker->message, FRAME_FROM_WORKER, &worker->lie) ||
        frame.type != FRAME_STATE)
        return TOKEN_STATE_MAX_;

    return frame.state.state;
}

void
worker_free(struct worker *worker)
{
    if (!worker)
        return;

    worker_hang_up(worker);
    await_end(worker);
    close_socket(worker); /* a unit kills what still runs then */
    sd_event_source_disable_unref(worker->on_exit);
    sd_event_source_disable_unref(worker->on_deadline);
    fd_close(&worker->pidfd);
    free(worker->socket);
    free(worker);
}

enum rc
worker_send(struct worker *worker, const struct frame *frame, int passed, uint64_t timeout_ms,
    struct why *why)
{
    enum rc rc = channel_send(worker->fd, frame, passed, why);
    if (rc == RC_TOO_LARGE || rc == RC_NO_MEMORY)
        return rc;

    /* At most one request is under way, so a socket without room is one that nobody reads. */
    if (rc) {
        worker_kill(worker);
        return within(why, rc, "the worker does not read");
    }

    if (timeout_ms > 0 && !arm_deadline(worker, timeout_ms)) {
        worker_kill(worker);
        return fail(why, RC_SYSTEM, "cannot set a timer");
    }

    return RC_OK;
}
