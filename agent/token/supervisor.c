/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/token/channel.h"

#define MODULE_VARIABLE "COUNTERSIGN_MODULE"
#define GRACE_MS        2000 /* for a worker to end its module */
#define NEVER           INT64_MAX

/* One connection of the agent, and the worker that has it. */
struct charge {
    pid_t pid;
    int pidfd;
    int fd;               /* the connection, which the worker has as well */
    bool is_over, is_cut; /* the agent hung up; it closed the connection */
    int64_t kill_at_ms;   /* NEVER; monotonic */
};

struct supervisor {
    int listen_fd, signal_fd;
    uid_t uid; /* whom it serves */
    struct charge charges[WORKERS_MAX];
    size_t n_charges;
    bool is_ending;
};

bool
supervisor_is_wanted(int fd)
{
    int is_listening = 0;
    socklen_t len = sizeof is_listening;

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &len) == 0 && is_listening;
}

enum rc
supervisor_check_module(struct span module, struct why *why)
{
    const char *allowed = getenv(MODULE_VARIABLE);

    if (!allowed || span_is(module, allowed))
        return RC_OK;

    if (!*allowed)
        return fail(why, RC_DENIED,
            "the worker's unit names no module; give it Environment=" MODULE_VARIABLE "=%.*s",
            (int)module.len, module.p);

    return fail(why, RC_DENIED,
        "module '%.*s' of the policy is not '%s', the " MODULE_VARIABLE " of the worker's unit",
        (int)module.len, module.p, allowed);
}

static int64_t
now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Whom the socket's file belongs to, and nobody else may connect. */
static enum rc
find_owner(uid_t *ret, int fd, struct why *why)
{
    struct sockaddr_un address = {0};
    socklen_t len = sizeof address - 1;
    struct stat st;
    int type = 0;
    socklen_t type_len = sizeof type;

    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) < 0 || type != SOCK_SEQPACKET)
        return fail(why, RC_SYSTEM, "the unit's socket needs ListenSequentialPacket=");

    if (getsockname(fd, (struct sockaddr *)&address, &len) < 0 || address.sun_family != AF_UNIX ||
        address.sun_path[0] != '/' || stat(address.sun_path, &st) < 0)
        return fail(why, RC_SYSTEM,
            "the file of the unit's socket cannot be seen: ListenSequentialPacket= wants a path, "
            "and "
            "the service must see it");

    if (st.st_mode & (S_IRWXG | S_IRWXO))
        return fail(why, RC_SYSTEM, "'%s' has mode %04o; its unit needs SocketMode=0600",
            address.sun_path, (unsigned)(st.st_mode & 07777));

    *ret = st.st_uid;
    return RC_OK;
}

/* What the supervisor alone was told is not passed on. */
static enum rc
set_up(struct supervisor *s, int listen_fd, struct why *why)
{
    sigset_t mask;

    enum rc rc = find_owner(&s->uid, listen_fd, why);
    if (rc)
        return rc;

    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    setenv(MODULE_VARIABLE, "", 0);

    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGINT);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    s->listen_fd = listen_fd;
    s->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->signal_fd < 0 || fcntl(listen_fd, F_SETFL, O_NONBLOCK) < 0 ||
        fcntl(listen_fd, F_SETFD, FD_CLOEXEC) < 0)
        return fail(why, RC_SYSTEM, "cannot wait for connections: %s", strerror(errno));

    return RC_OK;
}

/* This program once more, with the connection where a worker has its agent. 0, or an error. */
static int
spawn(pid_t *ret, int fd, int as_fd)
{
    char *arguments[] = {(char *)"countersign-token", NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    int reason = posix_spawn_file_actions_adddup2(&files, fd, as_fd);
    if (reason == 0)
        reason = posix_spawnattr_setsigmask(&attributes, &none);
    if (reason == 0)
        reason = posix_spawnattr_setsigdefault(&attributes, &all);
    if (reason == 0)
        reason =
            posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (reason == 0)
        reason = posix_spawn(ret, "/proc/self/exe", &files, &attributes, arguments, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return reason;
}

/* A worker for a connection, which is closed if that fails. */
static enum rc
take_charge(struct supervisor *s, int fd, struct why *why)
{
    struct charge *charge = &s->charges[s->n_charges];

    *charge = (struct charge){.fd = fd, .kill_at_ms = NEVER};
    int reason = spawn(&charge->pid, fd, s->listen_fd);
    if (reason != 0)
        return fail(why, RC_SYSTEM, "cannot start a worker: %s; is /proc there?", strerror(reason));

    charge->pidfd = pidfd_open(charge->pid, 0);
    if (charge->pidfd < 0) {
        reason = errno;
        kill(charge->pid, SIGKILL);
        waitpid(charge->pid, NULL, 0);
        return fail(why, RC_SYSTEM, "cannot watch a worker: %s", strerror(reason));
    }

    s->n_charges++;
    return RC_OK;
}

static enum rc
accept_one(struct supervisor *s, struct why *why)
{
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t len = sizeof peer;

    closing(fd_close) int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0 && (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR))
        return RC_OK;

    if (fd < 0)
        return fail(why, RC_SYSTEM, "cannot accept a connection: %s", strerror(errno));

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || peer.uid != s->uid)
        return RC_OK;

    enum rc rc = take_charge(s, fd, why);
    if (rc == RC_OK)
        fd = -1;
    return rc;
}

/* Its process has ended: say how, and forget it. */
static void
release(struct supervisor *s, size_t i)
{
    struct charge *charge = &s->charges[i];
    siginfo_t info = {.si_code = CLD_KILLED, .si_status = SIGKILL};
    struct why why;

    (void)waitid(P_PIDFD, (id_t)charge->pidfd, &info, WEXITED);
    struct frame frame = {.type = FRAME_ENDED};
    frame.ended =
        (struct frame_ended){true, info.si_code != CLD_EXITED, (unsigned)info.si_status & 0xff};
    /* Whoever does not read does not learn it, and holds up nobody. */
    if (fcntl(charge->fd, F_SETFL, O_NONBLOCK) == 0 && channel_send(charge->fd, &frame, -1, &why))
        charge->is_cut = true;

    fd_close(&charge->fd);
    fd_close(&charge->pidfd);
    s->charges[i] = s->charges[--s->n_charges];
}

static void
end_within_grace(struct charge *charge)
{
    charge->is_over = true;
    if (charge->kill_at_ms == NEVER)
        charge->kill_at_ms = now_ms() + GRACE_MS;
}

static void
on_connection(struct charge *charge, short events)
{
    if (events & POLLHUP) {
        charge->is_cut = true;
        charge->kill_at_ms = 0;
    } else if (events & POLLRDHUP) {
        end_within_grace(charge);
    }
}

/* Every worker sees the end of file, after what it was asked for before. */
static void
on_signal(struct supervisor *s)
{
    struct signalfd_siginfo info;

    if (read(s->signal_fd, &info, sizeof info) != sizeof info)
        return;

    s->is_ending = true;
    for (size_t i = 0; i < s->n_charges; i++) {
        shutdown(s->charges[i].fd, SHUT_RD);
        end_within_grace(&s->charges[i]);
    }
}

/* Kill who is late; how long to wait for the next one, -1: for ever. */
static int
kill_late(struct supervisor *s)
{
    int64_t next = NEVER, now = now_ms();

    for (size_t i = 0; i < s->n_charges; i++) {
        struct charge *charge = &s->charges[i];
        if (charge->kill_at_ms <= now) {
            pidfd_send_signal(charge->pidfd, SIGKILL, NULL, 0);
            charge->kill_at_ms = NEVER;
        }
        if (charge->kill_at_ms < next)
            next = charge->kill_at_ms;
    }

    return next == NEVER ? -1 : (int)(next - now);
}

/* Wait, and do what there is to do. */
static enum rc
turn(struct supervisor *s, struct why *why)
{
    struct pollfd fds[2 + 2 * WORKERS_MAX] = {{s->signal_fd, POLLIN, 0}};
    bool has_room = s->n_charges < WORKERS_MAX && !s->is_ending;
    size_t n = s->n_charges;
    enum rc rc = RC_OK;

    fds[1] = (struct pollfd){has_room ? s->listen_fd : -1, POLLIN, 0};
    for (size_t i = 0; i < n; i++) {
        const struct charge *charge = &s->charges[i];
        fds[2 + 2 * i] = (struct pollfd){charge->pidfd, POLLIN, 0};
        fds[3 + 2 * i] =
            (struct pollfd){charge->is_cut ? -1 : charge->fd, charge->is_over ? 0 : POLLRDHUP, 0};
    }

    if (poll(fds, 2 + 2 * n, kill_late(s)) < 0 && errno != EINTR)
        return fail(why, RC_SYSTEM, "cannot wait: %s", strerror(errno));

    if (fds[0].revents)
        on_signal(s);
    for (size_t i = 0; i < n; i++)
        on_connection(&s->charges[i], fds[3 + 2 * i].revents);
    if (fds[1].revents && !s->is_ending)
        rc = accept_one(s, why);
    for (size_t i = n; i-- > 0;) /* the last one takes the place of one that is gone */
        if (fds[2 + 2 * i].revents)
            release(s, i);
    return rc;
}

enum rc
supervisor_run(int listen_fd, struct why *why)
{
    struct supervisor s = {.signal_fd = -1};

    enum rc rc = set_up(&s, listen_fd, why);
    while (!rc && (!s.is_ending || s.n_charges > 0))
        rc = turn(&s, why);

    fd_close(&s.signal_fd);
    return rc; /* workers that are left die with this process */
}
