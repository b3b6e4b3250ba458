/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/memfile.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/bounds.h"

/* Mapped, it can neither change nor end earlier. */
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static bool
write_all(int fd, struct span bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.p, bytes.len);
        if (n <= 0)
            return false;

        bytes = (struct span){bytes.p + n, bytes.len - (size_t)n};
    }

    return true;
}

enum rc
memfile_new(int *ret_fd, struct span bytes, struct why *why)
{
    closing(fd_close) int fd = memfd_create("countersign-message", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0 || !write_all(fd, bytes) || fcntl(fd, F_ADD_SEALS, SEALS) < 0)
        return fail(why, RC_SYSTEM, "cannot make a file in memory: %s", strerror(errno));

    *ret_fd = fd;
    fd = -1;
    return RC_OK;
}

enum rc
memfile_open(struct memfile *ret, int fd, struct why *why)
{
    struct stat st;

    if ((fcntl(fd, F_GET_SEALS) & SEALS) != SEALS || fstat(fd, &st) < 0)
        return fail(why, RC_MALFORMED, "a message that can still change");

    if (st.st_size <= 0 || st.st_size > DOCUMENT_MAX_BYTES)
        return fail(why, RC_MALFORMED, "a message of %jd bytes", (intmax_t)st.st_size);

    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        return fail(why, RC_SYSTEM, "cannot map a message: %s", strerror(errno));

    ret->bytes = (struct span){p, (size_t)st.st_size};
    return RC_OK;
}

void
memfile_done(struct memfile *file)
{
    if (file->bytes.len > 0)
        munmap((void *)file->bytes.p, file->bytes.len);
    file->bytes = (struct span){0};
}
