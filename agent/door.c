/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/door.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

/* Whether somebody answers at the socket file. */
static bool
is_alive(const struct sockaddr_un *address)
{
    closing(fd_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    return fd >= 0 &&
           (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EAGAIN);
}

/* Who may write there could put a socket of their own in its place. Root of the directory above can
 * do all of that anyway. RC_NOT_FOUND: it cannot be looked at. */
static enum rc
check_directory(const char *path, struct why *why)
{
    closing(freep) char *directory = strdup(path);
    struct stat st;
    if (!directory)
        return fail_memory(why);

    char *slash = strrchr(directory, '/');
    slash[slash == directory] = 0;
    closing(fd_close) int fd = open(directory, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st))
        return fail(why, RC_NOT_FOUND, "directory '%s': %s", directory,
            errno == ENOTDIR ? "it is none, or a link" : strerror(errno));

    if (st.st_uid != 0 && st.st_uid != geteuid())
        return fail(why, RC_SYSTEM, "directory '%s' belongs to uid %u, want root or %u", directory,
            st.st_uid, geteuid());

    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return fail(why, RC_SYSTEM, "directory '%s' is writable by others: mode %04o, want %04o",
            directory, st.st_mode & 07777, st.st_mode & 07755u);

    return RC_OK;
}

/* An old file of ours goes. */
static enum rc
clear_path(const struct sockaddr_un *address, struct why *why)
{
    const char *path = address->sun_path;
    struct stat st;

    if (lstat(path, &st))
        return RC_OK;

    if (!S_ISSOCK(st.st_mode))
        return fail(why, RC_SYSTEM,
            "'%s' exists and is no socket: remove it, or name another with --socket", path);

    if (is_alive(address))
        return fail(why, RC_BUSY,
            "another agent listens on '%s': end that, or name another with --socket", path);

    unlink(path);
    return RC_OK;
}

static enum rc
bind_path(struct door *door, struct why *why)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = door->path;

    if (strlen(path) >= sizeof address.sun_path)
        return fail(why, RC_SYSTEM,
            "socket path '%s' is longer than %zu bytes: name a shorter one with --socket", path,
            sizeof address.sun_path - 1);
    memcpy(address.sun_path, path, strlen(path) + 1);

    enum rc rc = clear_path(&address, why);
    if (rc)
        return rc;

    door->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (door->fd < 0)
        return fail(why, RC_SYSTEM, "socket: %s", strerror(errno));

    mode_t mask = umask(~door->mode & 0777u); /* its mode from the first moment on */
    int bound = bind(door->fd, (const struct sockaddr *)&address, sizeof address);
    umask(mask);
    if (bound < 0)
        return fail(why, RC_SYSTEM,
            "cannot make the socket '%s': %s: let its directory belong to uid %u, or %s", path,
            strerror(errno), geteuid(),
            door->name ? "let systemd listen there" : "name another with --socket");

    door->is_ours = true;
    if (listen(door->fd, SOMAXCONN) < 0)
        return fail(why, RC_SYSTEM, "listen on '%s': %s", path, strerror(errno));

    return RC_OK;
}

static enum rc
door_new(struct door **ret, const char *name, const char *path, struct why *why)
{
    closing(door_freep) struct door *door = calloc(1, sizeof *door);
    if (!door)
        return fail_memory(why);

    door->fd = -1;
    door->name = name ? strdup(name) : NULL;
    door->path = strdup(path);
    if ((name && !door->name) || !door->path)
        return fail_memory(why);

    *ret = steal(door);
    return RC_OK;
}

enum rc
door_open(struct door **ret, const struct door_place *place, struct why *why)
{
    closing(door_freep) struct door *door = NULL;

    enum rc rc = door_new(&door, place->name, place->path, why);
    if (!rc && place->name)
        rc = check_directory(place->path, why);
    if (rc)
        return rc == RC_NOT_FOUND ? RC_SYSTEM : rc;

    door->mode = place->mode;
    rc = bind_path(door, why);
    if (rc)
        return rc;

    *ret = steal(door);
    return RC_OK;
}

/* The path of a listening socket, for people; "" where it has none. */
static enum rc
read_path(char ret[sizeof(struct sockaddr_un)], int fd, struct why *why)
{
    struct sockaddr_un address;
    socklen_t len = sizeof address;

    if (getsockname(fd, (struct sockaddr *)&address, &len) < 0)
        return fail(why, RC_SYSTEM, "name of the socket: %s", strerror(errno));

    size_t n = len > offsetof(struct sockaddr_un, sun_path)
                   ? strnlen(address.sun_path, len - offsetof(struct sockaddr_un, sun_path))
                   : 0;
    memcpy(ret, address.sun_path, n);
    ret[n] = 0;
    return RC_OK;
}

enum rc
door_adopt(struct door **ret, int *fd, const char *name, struct why *why)
{
    closing(fd_close) int passed = *fd;
    closing(door_freep) struct door *door = NULL;
    char path[sizeof(struct sockaddr_un)] = "";

    *fd = -1;
    if (sd_is_socket_unix(passed, SOCK_STREAM, 1, NULL, 0) <= 0)
        return fail(why, RC_SYSTEM,
            "systemd passed something that is no listening Unix socket: mend the socket unit");

    /* systemd passes it blocking, unless the unit says NonBlocking=; accept would wait then. */
    int flags = fcntl(passed, F_GETFL);
    if (flags < 0 || fcntl(passed, F_SETFL, flags | O_NONBLOCK) < 0)
        return fail(why, RC_SYSTEM, "flags of the socket: %s", strerror(errno));

    enum rc rc = read_path(path, passed, why);
    if (!rc)
        rc = door_new(&door, name, path, why);
    if (rc)
        return rc;

    door->fd = passed;
    passed = -1;
    door->is_shut = name;
    *ret = steal(door);
    return RC_OK;
}

enum rc
door_check(const struct door *door, const struct door_place *place, struct why *why)
{
    struct stat st;

    if (strcmp(door->path, place->path) != 0)
        return fail(why, RC_SYSTEM,
            "systemd listens on '%s', and the policy wants '%s': mend the socket unit, or the "
            "policy",
            door->path, place->path);

    enum rc rc = check_directory(door->path, why);
    if (rc && rc != RC_NOT_FOUND) /* it may be closed to the agent itself */
        return rc;

    if (!lstat(door->path, &st) && (st.st_mode & 0777 & ~place->mode))
        return fail(why, RC_SYSTEM,
            "'%s' has mode %04o, and the policy wants %04o: set SocketMode= in the socket unit",
            door->path, st.st_mode & 0777, place->mode);

    return RC_OK;
}

void
door_free(struct door *door)
{
    if (!door)
        return;

    fd_close(&door->fd);
    if (door->is_ours)
        unlink(door->path);
    free(door->name);
    free(door->path);
    free(door);
}
