/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void
must(bool is_so, const char *what)
{
    if (is_so)
        return;

    fprintf(stderr, "the test's own means fail: %s\n", what);
    abort();
}

static int
listen_at(const char *path, mode_t mode)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    unlink(path);
    must(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0, "bind");
    must(chmod(path, mode) == 0 && listen(fd, SOMAXCONN) == 0, "listen");
    return fd;
}

static void
become_service(const struct unit *unit, const struct softhsm *softhsm, int fd, const char *module)
{
    char *arguments[] = {(char *)"countersign-token", NULL};
    char variable[160];
    char *environment[5] = {(char *)softhsm->conf, (char *)"LISTEN_FDS=1"};
    size_t n = 2;

    if (module)
        environment[n++] = variable;
    if (unit->variable)
        environment[n++] = (char *)unit->variable;
    snprintf(variable, sizeof variable, "COUNTERSIGN_MODULE=%s", module);
    must(dup2(fd, 3) == 3, "dup2");
    execve(getenv("COUNTERSIGN_TOKEN"), arguments, environment);
    _exit(127);
}

void
unit_open(struct unit *unit, const struct softhsm *softhsm, const char *module, mode_t mode)
{
    snprintf(unit->path, sizeof unit->path, "%s/worker.sock", softhsm->dir);
    int fd = listen_at(unit->path, mode);

    unit->pid = fork();
    must(unit->pid >= 0, "fork");
    if (unit->pid == 0)
        become_service(unit, softhsm, fd, module);
    close(fd);
}

int
unit_await(struct unit *unit)
{
    int status = 0;

    must(waitpid(unit->pid, &status, 0) == unit->pid, "waitpid");
    must(WIFEXITED(status), "the service was killed");
    unit->pid = 0;
    return WEXITSTATUS(status);
}

void
unit_close(struct unit *unit)
{
    must(kill(unit->pid, SIGTERM) == 0, "kill");
    must(unit_await(unit) == 0, "the service failed");
    unlink(unit->path);
}

size_t
unit_list_workers(const struct unit *unit, pid_t *ret, size_t max)
{
    char path[64];
    size_t n = 0;

    snprintf(path, sizeof path, "/proc/%d/task/%d/children", unit->pid, unit->pid);
    FILE *file = fopen(path, "re");
    must(file, path);
    while (n < max && fscanf(file, "%d", &ret[n]) == 1)
        n++;
    fclose(file);
    return n;
}
