/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cosignature_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/file.h"

enum rc
cosignature_file_load(struct cosignature **ret, const char *path, struct why *why)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(COSIGNATURE_MAX_BYTES);

    enum rc rc = file_load(&text, path, why);
    if (rc)
        return rc;

    rc = cosignature_parse(ret, bytes_span(&text), why);
    return rc ? within(why, rc, "'%s'", path) : RC_OK;
}

/* What is signed and then cannot be written leaves a version behind that nobody publishes. */
static enum rc
check_directory(const char *path, struct why *why)
{
    const char *slash = strrchr(path, '/');
    closing(freep) char *directory =
        slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");

    if (!directory)
        return fail_memory(why);

    return access(directory, W_OK | X_OK) < 0
               ? fail(why, RC_SYSTEM, "'%s' cannot be written: %s", path, strerror(errno))
               : RC_OK;
}

enum rc
cosignature_file_check(const char *path, const char *repository, struct why *why)
{
    closing(cosignature_freep) struct cosignature *there = NULL;
    struct why problem;

    enum rc rc = cosignature_file_load(&there, path, &problem);
    if (rc == RC_NOT_FOUND)
        return check_directory(path, why);
    if (rc == RC_NO_MEMORY)
        return fail_memory(why);
    if (rc)
        return fail(why, RC_REFUSED, "not overwritten, as it is no cosignature: %s", problem.text);

    return strcmp(there->repository, repository) != 0
               ? fail(why, RC_REFUSED, "'%s' is not overwritten, as it is a cosignature of '%s'",
                     path, there->repository)
               : RC_OK;
}

static enum rc
write_all(int fd, struct span text, struct why *why)
{
    while (text.len > 0) {
        ssize_t len = write(fd, text.p, text.len);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return fail(why, RC_SYSTEM, "cannot be written: %s", strerror(errno));

        text.p += len;
        text.len -= (size_t)len;
    }

    return fsync(fd) < 0 ? fail(why, RC_SYSTEM, "cannot be written: %s", strerror(errno)) : RC_OK;
}

/* As any file that the user makes: mkostemp() is for secrets. */
static mode_t
usual_mode(void)
{
    mode_t mask = umask(0);

    umask(mask);
    return 0666 & ~mask;
}

static enum rc
replace(const char *path, const char *temporary, int fd, struct span text, struct why *why)
{
    enum rc rc = write_all(fd, text, why);
    if (rc)
        return rc;

    if (fchmod(fd, usual_mode()) < 0 || rename(temporary, path) < 0)
        return fail(why, RC_SYSTEM, "cannot be written: %s", strerror(errno));

    return RC_OK;
}

enum rc
cosignature_file_store(const char *path, const struct cosignature *cosignature, struct why *why)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(COSIGNATURE_MAX_BYTES);
    closing(freep) char *temporary = NULL;
    closing(fd_close) int fd = -1;

    cosignature_format(&text, cosignature);
    enum rc rc = bytes_check(&text, why);
    if (rc)
        return within(why, rc, "'%s'", path);

    if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
        return fail_memory(why);

    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return fail(why, RC_SYSTEM, "'%s' cannot be written: %s", path, strerror(errno));

    rc = replace(path, temporary, fd, bytes_span(&text), why);
    if (rc)
        unlink(temporary);
    return rc ? within(why, rc, "'%s'", path) : RC_OK;
}
