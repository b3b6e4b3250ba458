/* SPDX-License-Identifier: Apache-2.0 */
#include "client/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum rc
file_open(int *ret_fd, const char *path, struct why *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return fail(why, RC_NOT_FOUND, "'%s': no such file", path);
    if (fd < 0)
        return fail(
            why, RC_SYSTEM, "cannot read '%s' as uid %u: %s", path, geteuid(), strerror(errno));

    *ret_fd = fd;
    return RC_OK;
}

enum rc
file_read(struct bytes *ret, int fd, const char *name, struct why *why)
{
    uint8_t part[4096];
    ssize_t len = 0;

    while (!ret->failed) {
        len = read(fd, part, sizeof part);
        if (len < 0 && errno == EINTR)
            continue;
        if (len <= 0)
            break;
        bytes_put(ret, (struct span){part, (size_t)len});
    }
    int error = errno;
    explicit_bzero(part, sizeof part);

    if (len < 0 && error == EISDIR)
        return fail(why, RC_MALFORMED, "'%s' is a directory, want a file", name);
    if (len < 0)
        return fail(why, RC_SYSTEM, "cannot read '%s': %s", name, strerror(error));

    enum rc rc = bytes_check(ret, why);
    return rc ? within(why, rc, "'%s'", name) : RC_OK;
}

enum rc
file_load(struct bytes *ret, const char *path, struct why *why)
{
    closing(fd_close) int fd = -1;

    enum rc rc = file_open(&fd, path, why);
    return rc ? rc : file_read(ret, fd, path, why);
}

enum rc
file_check_writers(int fd, const char *path, struct why *why)
{
    uid_t own = geteuid();
    struct stat st;

    if (fstat(fd, &st))
        return fail(why, RC_SYSTEM, "cannot read '%s': %s", path, strerror(errno));

    if (st.st_uid != 0 && st.st_uid != own)
        return fail(why, RC_SYSTEM,
            "'%s' belongs to uid %u, who decides by it what is trusted: "
            "let it belong to root",
            path, st.st_uid);

    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return fail(why, RC_SYSTEM,
            "'%s' has mode %04o, so others than its owner decide what is "
            "trusted: want 0644",
            path, st.st_mode & 07777);

    return RC_OK;
}
