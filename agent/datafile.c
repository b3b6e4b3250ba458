/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/datafile.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum rc
datafile_make(const char *path, struct why *why)
{
    closing(freep) char *dir = strndup(path, (size_t)(strrchr(path, '/') - path));
    if (!dir)
        return fail_memory(why);

    closing(fd_close) int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    closing(fd_close) int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || dir_fd < 0 || fsync(dir_fd) < 0)
        return fail(why, RC_STORAGE,
            "cannot write '%s': %s: it and its directory must belong to uid %u, on a file system "
            "that is mounted for writing",
            path, strerror(errno), geteuid());

    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return fail(why, RC_STORAGE, "'%s' is not a regular file: move it away", path);

    if (st.st_nlink != 1)
        return fail(why, RC_STORAGE, "'%s' has another name (a hard link): remove that", path);

    return RC_OK;
}
