/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define END_TIMEOUT_MS 2000 /* a worker gives its module as long */

struct worker {
    const struct worker_calls *calls;
    void *userdata;
    pid_t pid;
    int pidfd, fd; /* fd is -1 after hanging up */
    sd_event_source *on_readable, *on_exit, *on_deadline;
    bool has_hung, has_lied;
    struct why lie; /* what it did that the protocol does not allow */
    uint8_t message[WORKER_MESSAGE_BYTES];
};

void
worker_kill(struct worker *worker)
{
    pidfd_send_signal(worker->pidfd, SIGKILL, NULL, 0);
}

void
worker_hang_up(struct worker *worker)
{
    worker->on_readable = sd_event_source_disable_unref(worker->on_readable);
    fd_close(&worker->fd);
}

static void
lied(struct worker *worker)
{
    worker->has_lied = true;
    worker_kill(worker);
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
    if (rc == RC_MALFORMED)
        lied(worker);
    else if (rc && rc != RC_TIMEOUT)
        worker_hang_up(worker); /* its end will be seen, and until then there is nothing to read */
    if (rc)
        return false;

    (void)sd_event_source_set_enabled(worker->on_deadline, SD_EVENT_OFF);
    worker->calls->on_message(worker->userdata, &frame);
    return true;
}

static int
on_readable(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    (void)source;
    (void)fd;
    (void)events;
    receive(userdata);
    return 0; /* a bad worker must not stop the agent */
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

static enum worker_end
explain(struct why *why, const struct worker *worker, const siginfo_t *info)
{
    enum rc rc = RC_OK;
    enum worker_end end = WORKER_CRASHED;

    if (worker->has_lied) {
        *why = worker->lie;
        rc = within(why, RC_TOKEN, "the worker broke the protocol");
    } else if (worker->has_hung || (info->si_code == CLD_KILLED && info->si_status == SIGALRM)) {
        end = WORKER_HUNG;
        rc = fail(why, RC_TIMEOUT, "the token did not answer within %d s", TOKEN_CALL_TIMEOUT_S);
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

static int
on_exit_of_process(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct worker *worker = userdata;
    siginfo_t info = {0};
    struct why why;

    (void)source;
    (void)fd;
    (void)events;

    /* What it said last is often why it ended. */
    while (receive(worker))
        ;

    if (waitid(P_PIDFD, (id_t)worker->pidfd, &info, WEXITED) < 0)
        info = (siginfo_t){.si_code = CLD_KILLED, .si_status = SIGKILL};
    worker->pid = 0;
    worker_hang_up(worker);
    worker->on_exit = sd_event_source_disable_unref(worker->on_exit);
    worker->on_deadline = sd_event_source_disable_unref(worker->on_deadline);

    enum worker_end end = explain(&why, worker, &info);
    worker->calls->on_end(worker->userdata, end, why.text);
    return 0;
}

/* The token's environment, and where its credential lies. *ret: free(), and the last entry too. */
static enum rc
make_environment(char ***ret, char **ret_owned, const struct policy_token *token, struct why *why)
{
    const char *dir = token->pin == POLICY_PIN_CREDENTIAL ? getenv("CREDENTIALS_DIRECTORY") : NULL;
    size_t n = 0;
    char *owned = NULL;

    while (token->environment[n])
        n++;

    char **environment = calloc(n + 2, sizeof *environment);
    if (!environment || (dir && asprintf(&owned, "CREDENTIALS_DIRECTORY=%s", dir) < 0)) {
        free(environment);
        return fail_memory(why);
    }

    memcpy(environment, token->environment, n * sizeof *environment);
    environment[n] = owned;
    *ret = environment;
    *ret_owned = owned;
    return RC_OK;
}

/* What the new process does before it becomes the program. 0, or an error number. */
static int
describe_files(posix_spawn_file_actions_t *files, int fd)
{
    int reason = posix_spawn_file_actions_adddup2(files, fd, 3);
    if (reason == 0)
        reason = posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDONLY, 0);
    if (reason == 0)
        reason = posix_spawn_file_actions_addopen(files, 1, "/dev/null", O_WRONLY, 0);
    if (reason == 0)
        reason = posix_spawn_file_actions_addclosefrom_np(files, 4);
    if (reason == 0)
        reason = posix_spawn_file_actions_addchdir_np(files, "/");
    return reason;
}

/* No signal is blocked or ignored, whatever the agent does with its own. */
static int
describe_signals(posix_spawnattr_t *attributes)
{
    sigset_t none, all;

    sigemptyset(&none);
    sigfillset(&all);
    int reason = posix_spawnattr_setsigmask(attributes, &none);
    if (reason == 0)
        reason = posix_spawnattr_setsigdefault(attributes, &all);
    if (reason == 0)
        reason =
            posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    return reason;
}

static enum rc
spawn(struct worker *worker, const char *path, const struct policy_token *token, int fd,
    struct why *why)
{
    closing(freep) char **environment = NULL;
    closing(freep) char *owned = NULL;
    char *arguments[] = {(char *)"countersign-token", NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;

    enum rc rc = make_environment(&environment, &owned, token, why);
    if (rc)
        return rc;

    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    int reason = describe_files(&files, fd);
    if (reason == 0)
        reason = describe_signals(&attributes);
    if (reason == 0)
        reason = posix_spawn(&worker->pid, path, &files, &attributes, arguments, environment);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    if (reason != 0) {
        worker->pid = 0;
        return fail(why, RC_SYSTEM, "cannot start '%s': %s; install countersign anew", path,
            strerror(reason));
    }

    return RC_OK;
}

static enum rc
watch(struct worker *worker, sd_event *event, struct why *why)
{
    int r = sd_event_add_io(event, &worker->on_readable, worker->fd, EPOLLIN, on_readable, worker);
    if (r >= 0)
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

    int fds[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
        return fail(why, RC_SYSTEM, "cannot make a socket: %s", strerror(errno));

    closing(fd_close) int theirs = fds[1];
    worker->fd = fds[0];
    enum rc rc = spawn(worker, path, token, theirs, why);
    if (rc)
        return rc;

    /* Only ours: both ends are files of their own, and the worker's blocks. */
    worker->pidfd = pidfd_open(worker->pid, 0);
    if (worker->pidfd < 0 || fcntl(worker->fd, F_SETFL, O_NONBLOCK) < 0)
        return fail(why, RC_SYSTEM, "cannot watch a worker: %s", strerror(errno));

    rc = watch(worker, event, why);
    if (rc)
        return rc;

    *ret = steal(worker);
    return RC_OK;
}

void
worker_free(struct worker *worker)
{
    if (!worker)
        return;

    worker_hang_up(worker);
    sd_event_source_disable_unref(worker->on_exit);
    sd_event_source_disable_unref(worker->on_deadline);
    if (worker->pid > 0) {
        struct pollfd end = {.fd = worker->pidfd, .events = POLLIN};
        if (worker->pidfd < 0 || poll(&end, 1, END_TIMEOUT_MS) != 1)
            kill(worker->pid, SIGKILL);
        waitpid(worker->pid, NULL, 0);
    }
    fd_close(&worker->pidfd);
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

    if (timeout_ms > 0 &&
        (sd_event_source_set_time_relative(worker->on_deadline, timeout_ms * 1000) < 0 ||
            sd_event_source_set_enabled(worker->on_deadline, SD_EVENT_ONESHOT) < 0)) {
        worker_kill(worker);
        return fail(why, RC_SYSTEM, "cannot set a timer");
    }

    return RC_OK;
}
