/* SPDX-License-Identifier: Apache-2.0 */
#include "client/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/pause.h"
#include "proto/bounds.h"
#include "proto/members.h"

extern char **environ;

/* What docker's helpers print, and exit with 1, where they have nothing. */
static const char not_found[] = "credentials not found in native keychain";

/* A helper that runs, or has run. */
struct run {
    pid_t pid;
    int out_fd, err_fd; /* our ends of its standard output and error */
    struct bytes out, err;
    int status; /* as waitpid() has it */
};

static void
run_done(struct run *run)
{
    if (run->pid > 0) {
        kill(run->pid, SIGKILL);
        waitpid(run->pid, NULL, 0);
    }
    fd_close(&run->out_fd);
    fd_close(&run->err_fd);
    bytes_wipe(&run->out);
    bytes_wipe(&run->err);
}

/* A file that the helper reads: unlike a pipe it cannot block us or break. */
static enum rc
input_of(int *ret_fd, const char *text, struct why *why)
{
    closing(fd_close) int fd = memfd_create("countersign-helper", MFD_CLOEXEC);

    size_t len = strlen(text);
    if (fd < 0 || write(fd, text, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET))
        return fail(why, RC_SYSTEM, "cannot write to memory: %s", strerror(errno));

    *ret_fd = fd;
    fd = -1;
    return RC_OK;
}

/* Returns 0 or an error number. */
static int
spawn(struct run *run, const char *program, int in_fd, int out_fd, int err_fd)
{
    char *const argv[] = {(char *)program, "get", NULL};
    posix_spawn_file_actions_t actions;

    int error = posix_spawn_file_actions_init(&actions);
    if (error)
        return error;

    error = posix_spawn_file_actions_adddup2(&actions, in_fd, STDIN_FILENO);
    if (!error)
        error = posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
    if (!error)
        error = posix_spawn_file_actions_adddup2(&actions, err_fd, STDERR_FILENO);
    if (!error)
        error = posix_spawnp(&run->pid, program, &actions, NULL, argv, environ);

    posix_spawn_file_actions_destroy(&actions);
    return error;
}

static enum rc
start(struct run *run, const char *program, const char *server, struct why *why)
{
    closing(fd_close) int in_fd = -1;
    int out[2] = {-1, -1}, err[2] = {-1, -1};

    enum rc rc = input_of(&in_fd, server, why);
    if (rc)
        return rc;

    int error = pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC) ? errno : 0;
    closing(fd_close) int out_fd = out[1];
    closing(fd_close) int err_fd = err[1];
    run->out_fd = out[0];
    run->err_fd = err[0];
    if (!error)
        error = spawn(run, program, in_fd, out_fd, err_fd);

    if (error == ENOENT)
        return fail(why, RC_NETWORK, "not on PATH");

    return error ? fail(why, RC_NETWORK, "%s", strerror(error)) : RC_OK;
}

/* Read what is there; false: end of file, or nothing more is wanted. */
static bool
drain(struct bytes *b, int fd)
{
    uint8_t part[1024];

    ssize_t len = read(fd, part, sizeof part);
    if (len > 0)
        bytes_put(b, (struct span){part, (size_t)len});
    explicit_bzero(part, sizeof part);
    return len > 0 && !b->failed;
}

/* Until the helper has closed both. */
static enum rc
listen_to(struct run *run, struct why *why)
{
    int64_t deadline_ms = pause_clock_ms() + HELPER_TIMEOUT_S * INT64_C(1000);

    while (run->out_fd >= 0 || run->err_fd >= 0) {
        struct pollfd fds[] = {{run->out_fd, POLLIN, 0}, {run->err_fd, POLLIN, 0}};
        int64_t left_ms = deadline_ms - pause_clock_ms();

        int n = left_ms > 0 ? poll(fds, N_ELEMENTS(fds), (int)left_ms) : 0;
        if (n < 0 && errno != EINTR)
            return fail(why, RC_SYSTEM, "poll: %s", strerror(errno));
        if (n == 0)
            return fail(why, RC_NETWORK, "has not answered within %d s", HELPER_TIMEOUT_S);
        if (n < 0)
            continue;

        if (fds[0].revents && !drain(&run->out, run->out_fd))
            fd_close(&run->out_fd);
        if (fds[1].revents && !drain(&run->err, run->err_fd))
            fd_close(&run->err_fd);
    }

    return RC_OK;
}

static enum rc
finish(struct run *run, struct why *why)
{
    while (waitpid(run->pid, &run->status, 0) < 0)
        if (errno != EINTR)
            return fail(why, RC_SYSTEM, "waitpid: %s", strerror(errno));
    run->pid = 0;

    return bytes_check(&run->out, why);
}

/* The first line of what it printed. */
static int
first_line(const struct bytes *b)
{
    return (int)strcspn(bytes_text(b), "\r\n");
}

static enum rc
complain(const struct run *run, struct why *why)
{
    const struct bytes *said = run->err.len > 0 ? &run->err : &run->out;

    if (!strncmp(bytes_text(&run->out), not_found, sizeof not_found - 1))
        return fail(why, RC_NOT_FOUND, "%s", not_found);

    if (WIFSIGNALED(run->status))
        return fail(why, RC_NETWORK, "killed by signal %d", WTERMSIG(run->status));

    return fail(why, RC_NETWORK, "exit status %d: '%.*s'", WEXITSTATUS(run->status),
        first_line(said), bytes_text(said));
}

/* {"ServerURL":"…","Username":"…","Secret":"…"} */
static enum rc
read_answer(char **ret_user, struct bytes *ret_secret, struct span answer, struct why *why)
{
    closing(json_decrefp) json_t *root = NULL;
    struct members m;
    const char *user = NULL, *secret = NULL;

    enum rc rc = members_parse(&root, answer, why);
    if (rc)
        return within(why, RC_NETWORK, "answer");

    members_open(&m, root, "answer");
    members_text(&m, "Username", &user);
    members_text(&m, "Secret", &secret);
    if (members_close_tolerant(&m, why))
        return RC_NETWORK;

    closing(freep) char *copy = strdup(user);
    if (!copy)
        return fail_memory(why);

    bytes_puts(ret_secret, secret);
    rc = bytes_check(ret_secret, why);
    if (rc)
        return rc;

    *ret_user = steal(copy);
    return RC_OK;
}

static enum rc
ask(char **ret_user, struct bytes *ret_secret, const char *program, const char *server,
    struct why *why)
{
    closing(run_done) struct run run = {
        .out_fd = -1,
        .err_fd = -1,
        .out = BYTES_INIT(SECRET_MAX_BYTES),
        .err = BYTES_INIT(SECRET_MAX_BYTES),
    };

    enum rc rc = start(&run, program, server, why);
    if (!rc)
        rc = listen_to(&run, why);
    if (!rc)
        rc = finish(&run, why);
    if (rc)
        return rc;

    return run.status ? complain(&run, why)
                      : read_answer(ret_user, ret_secret, bytes_span(&run.out), why);
}

enum rc
helper_get(char **ret_user, struct bytes *ret_secret, const char *name, const char *server,
    struct why *why)
{
    closing(freep) char *program = NULL;

    if (!*name ||
        strspn(name, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._-") !=
            strlen(name))
        return fail(why, RC_NETWORK, "'%s' is no name of a credential helper", name);

    if (asprintf(&program, "docker-credential-%s", name) < 0)
        return fail_memory(why);

    enum rc rc = ask(ret_user, ret_secret, program, server, why);
    if (rc == RC_NOT_FOUND)
        return rc;

    return rc ? within(why, rc, "credential helper '%s' for '%s'", program, server) : RC_OK;
}
