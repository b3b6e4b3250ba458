/* SPDX-License-Identifier: Apache-2.0 */
#include "client/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define DIRECTORY "/var/tmp" /* /tmp may be memory */

struct spool {
    int fd;
    char *dir;
    int64_t len;
};

/* File systems without O_TMPFILE get a name, for a moment. */
static int
open_named(const char *dir)
{
    closing(freep) char *path = NULL;

    if (asprintf(&path, "%s/countersign.XXXXXX", dir) < 0) {
        path = NULL;
        errno = ENOMEM;
        return -1;
    }

    int fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

enum rc
spool_new(struct spool **ret, struct why *why)
{
    const char *dir = getenv("TMPDIR");

    closing(spool_freep) struct spool *spool = calloc(1, sizeof *spool);
    if (!spool)
        return fail_memory(why);

    spool->fd = -1;
    spool->dir = strdup(dir && *dir ? dir : DIRECTORY);
    if (!spool->dir)
        return fail_memory(why);

    spool->fd = open(spool->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (spool->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR))
        spool->fd = open_named(spool->dir);
    if (spool->fd < 0)
        return fail(why, RC_SYSTEM, "cannot make a file in '%s': %s; name a directory in TMPDIR",
            spool->dir, strerror(errno));

    *ret = steal(spool);
    return RC_OK;
}

void
spool_free(struct spool *spool)
{
    if (!spool)
        return;

    fd_close(&spool->fd);
    free(spool->dir);
    free(spool);
}

enum rc
spool_put_at(struct spool *spool, int64_t offset, struct span piece, struct why *why)
{
    while (piece.len > 0) {
        ssize_t len = pwrite(spool->fd, piece.p, piece.len, (off_t)offset);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
            return fail(why, RC_SYSTEM,
                "cannot keep more than %" PRId64 " bytes in '%s': %s; name a directory with more "
                "room in TMPDIR",
                offset, spool->dir, strerror(errno));
        if (len < 0)
            return fail(
                why, RC_SYSTEM, "cannot write a file in '%s': %s", spool->dir, strerror(errno));

        piece.p += len;
        piece.len -= (size_t)len;
        offset += len;
    }

    return RC_OK;
}

enum rc
spool_put(struct spool *spool, struct span piece, struct why *why)
{
    enum rc rc = spool_put_at(spool, spool->len, piece, why);
    if (!rc)
        spool->len += (int64_t)piece.len;
    return rc;
}

int64_t
spool_reserve(struct spool *spool, int64_t len)
{
    int64_t offset = spool->len;

    spool->len += len;
    return offset;
}

int64_t
spool_len(const struct spool *spool)
{
    return spool->len;
}

struct content
spool_content(const struct spool *spool, int64_t offset)
{
    return (struct content){
        .fd = spool->fd,
        .offset = (off_t)offset,
        .size = spool->len - offset,
    };
}
