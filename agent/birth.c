/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/birth.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/bounds.h"

_Static_assert(WORKER_PATH_BYTES < sizeof(((struct sockaddr_un *)NULL)->sun_path),
    "the policy takes only paths that a socket can have");

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
start(pid_t *ret, const char *path, const struct policy_token *token, int fd, struct why *why)
{
    closing(freep) char **environment = NULL;
    closing(freep) char *owned = NULL;
    char *arguments[] = {(char *)"countersign-token", NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    pid_t pid = 0;

    enum rc rc = make_environment(&environment, &owned, token, why);
    if (rc)
        return rc;

    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    int reason = describe_files(&files, fd);
    if (reason == 0)
        reason = describe_signals(&attributes);
    if (reason == 0)
        reason = posix_spawn(&pid, path, &files, &attributes, arguments, environment);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    if (reason != 0)
        return fail(why, RC_SYSTEM, "cannot start '%s': %s; install countersign anew", path,
            strerror(reason));

    *ret = pid;
    return RC_OK;
}

enum rc
birth_spawn(pid_t *ret_pid, int *ret_fd, const char *path, const struct policy_token *token,
    struct why *why)
{
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
        return fail(why, RC_SYSTEM, "cannot make a socket: %s", strerror(errno));

    closing(fd_close) int ours = fds[0];
    closing(fd_close) int theirs = fds[1];
    /* Only ours: both ends are files of their own, and the worker's blocks. */
    if (fcntl(ours, F_SETFL, O_NONBLOCK) < 0)
        return fail(why, RC_SYSTEM, "cannot make a socket: %s", strerror(errno));

    enum rc rc = start(ret_pid, path, token, theirs, why);
    if (rc)
        return rc;

    *ret_fd = ours;
    ours = -1;
    return RC_OK;
}

/* Why connect(2) failed, and what to do. */
static enum rc
fail_connect(const struct policy_token *token, int reason, struct why *why)
{
    switch (reason) {
    case ENOENT:
    case ECONNREFUSED:
        return fail(why, RC_SYSTEM,
            "nobody listens at '%s'; systemctl enable --now countersign-token@%s.socket",
            token->worker, token->name);
    case EAGAIN:
        return fail(why, RC_SYSTEM,
            "the unit at '%s' takes no connection; see journalctl -u countersign-token@%s",
            token->worker, token->name);
    case EACCES:
        return fail(why, RC_SYSTEM,
            "'%s' is not for uid %u; give its unit that SocketUser=", token->worker, geteuid());
    case EPROTOTYPE:
        return fail(why, RC_SYSTEM,
            "'%s' is another kind of socket; its unit needs ListenSequentialPacket=",
            token->worker);
    default:
        return fail(why, RC_SYSTEM, "cannot connect to '%s': %s; see to its unit", token->worker,
            strerror(reason));
    }
}

enum rc
birth_connect(int *ret_fd, const struct policy_token *token, struct why *why)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct ucred listener = {0};
    socklen_t len = sizeof listener;

    closing(fd_close) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail(why, RC_SYSTEM, "cannot make a socket: %s", strerror(errno));

    /* Never in progress: the kernel queues it at once, or has no room. */
    snprintf(address.sun_path, sizeof address.sun_path, "%s", token->worker);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return fail_connect(token, errno, why);

    /* unix(7): that of the process that called listen(2). */
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &listener, &len) < 0)
        return fail_connect(token, errno, why);

    if (listener.uid != 0 && listener.uid != geteuid())
        return fail(why, RC_SYSTEM,
            "uid %u listens at '%s', want the service manager; close its directory to others",
            listener.uid, token->worker);

    *ret_fd = fd;
    fd = -1;
    return RC_OK;
}
