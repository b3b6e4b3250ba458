/* SPDX-License-Identifier: Apache-2.0 */
#include "client/file.h"

#include <errno.h>
#include <fcntl.h>
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
