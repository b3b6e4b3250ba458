/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/peer_unit.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-login.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD /* Linux 6.5; Debian 12 has the headers of 6.1 */
#define SO_PEERPIDFD 77
#endif

/* Its number in our PID namespace, which proc(5) says in "Pid:"; 0 or less: it has none there, or
 * is gone. */
static pid_t
pid_of(int pidfd)
{
    char path[64], text[512];
    int pid = -1;

    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
    closing(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? 0 : read(fd, text, sizeof text - 1);

    text[len < 0 ? 0 : len] = 0;
    const char *line = strstr(text, "\nPid:");
    if (!line || sscanf(line, "\nPid: %d", &pid) != 1)
        return -1;

    return pid;
}

/* A pidfd is readable when its process has ended; until it was waited for, nobody else has its
 * number. */
static bool
is_alive(int pidfd)
{
    struct pollfd end = {.fd = pidfd, .events = POLLIN};

    return poll(&end, 1, 0) == 0;
}

char *
peer_unit_of_pidfd(int pidfd)
{
    closing(freep) char *unit = NULL;
    pid_t pid = pid_of(pidfd);

    if (pid <= 0 || sd_pid_get_unit(pid, &unit) < 0)
        return NULL;

    /* What was read of that number was read of this process. */
    return is_alive(pidfd) ? steal(unit) : NULL;
}

char *
peer_unit_read(int fd)
{
    closing(fd_close) int pidfd = -1;
    socklen_t len = sizeof pidfd;

    return getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &len) ? NULL
                                                                  : peer_unit_of_pidfd(pidfd);
}

bool
peer_unit_is_supported(void)
{
    closing(fd_close) int pidfd = -1;
    socklen_t len = sizeof pidfd;
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        return false;

    bool has_pidfd = !getsockopt(pair[0], SOL_SOCKET, SO_PEERPIDFD, &pidfd, &len);
    close(pair[0]);
    close(pair[1]);
    /* Of processes of others: systemd.exec(5) ProtectProc=, proc(5) hidepid. */
    return has_pidfd && !access("/proc/1/cgroup", R_OK);
}
