/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/file.h"
#include "client/userdir.h"
#include "proto/bounds.h"
#include "proto/role.h"

struct cache {
    char *dir;      /* DIR/tuf/REPOSITORY */
    char *metadata; /* the same with "/metadata" */
};

/* A repository becomes a path, so "..", "." and empty components would lead elsewhere. */
static enum rc
cache_check_repository(const char *repository, struct why *why)
{
    const char *at = repository;

    for (;;) {
        size_t len = strcspn(at, "/");
        if (len == 0 || (len == 1 && at[0] == '.') || (len == 2 && !strncmp(at, "..", 2)))
            return fail(why, RC_MALFORMED,
                "repository '%s' cannot be a directory of the cache: it has an empty, '.' or '..' "
                "component",
                repository);

        if (!at[len])
            return RC_OK;
        at += len + 1;
    }
}

enum rc
cache_new(struct cache **ret, const char *dir, const char *repository, struct why *why)
{
    closing(freep) char *docker = NULL;
    closing(cache_freep) struct cache *cache = calloc(1, sizeof *cache);
    if (!cache)
        return fail_memory(why);

    if (dir && !*dir)
        return fail(why, RC_MALFORMED, "the trust directory is '': want a directory");

    enum rc rc = cache_check_repository(repository, why);
    if (!rc && !dir)
        rc = userdir_path(&docker, USERDIR_DOCKER, "trust", why);
    if (rc)
        return rc;

    if (asprintf(&cache->dir, "%s/tuf/%s", dir ? dir : docker, repository) < 0)
        return fail_memory(why);
    if (asprintf(&cache->metadata, "%s/metadata", cache->dir) < 0)
        return fail_memory(why);

    *ret = steal(cache);
    return RC_OK;
}

void
cache_free(struct cache *cache)
{
    if (!cache)
        return;

    free(cache->dir);
    free(cache->metadata);
    free(cache);
}

const char *
cache_dir(const struct cache *cache)
{
    return cache->dir;
}

/* Roles come from documents of others; a name that is none must not become a path. */
static enum rc
cache_path(struct bytes *ret, const struct cache *cache, const char *role, struct why *why)
{
    if (role_rank(span_of(role)) == RANK_MAX_)
        return fail(why, RC_MALFORMED, "'%s' is no role", role);

    bytes_printf(ret, "%s/%s.json", cache->metadata, role);
    return bytes_check(ret, why);
}

enum rc
cache_load(struct bytes *ret, const struct cache *cache, const char *role, struct why *why)
{
    closing(bytes_done) struct bytes path = BYTES_INIT(PATH_MAX);
    struct stat st;

    enum rc rc = cache_path(&path, cache, role, why);
    if (!rc)
        rc = file_load(ret, bytes_text(&path), why);
    if (rc != RC_NOT_FOUND || lstat(bytes_text(&path), &st) < 0)
        return rc;

    return fail(why, RC_MALFORMED, "'%s' is a link to nothing", bytes_text(&path));
}

int64_t
cache_stored_at(const struct cache *cache, const char *role)
{
    closing(bytes_done) struct bytes path = BYTES_INIT(PATH_MAX);
    struct stat st;

    return cache_path(&path, cache, role, NULL) || stat(bytes_text(&path), &st) < 0 ? 0
                                                                                    : st.st_mtime;
}

/* What cannot be written, and what to do about it. */
static enum rc
fail_write(const char *path, int error, struct why *why)
{
    if (error == ENOSPC || error == EDQUOT)
        return fail(why, RC_SYSTEM, "cannot write '%s': %s: make room there, then try again", path,
            strerror(error));

    if (error == EACCES || error == EPERM || error == EROFS)
        return fail(why, RC_SYSTEM,
            "cannot write '%s': %s: let its directory belong to uid %u, or name another with "
            "DOCKER_CONFIG",
            path, strerror(error), geteuid());

    if (error == EISDIR || error == ENOTDIR || error == EEXIST || error == ELOOP)
        return fail(why, RC_SYSTEM, "cannot write '%s': %s: remove what is in its way", path,
            strerror(error));

    return fail(
        why, RC_SYSTEM, "cannot write '%s': %s: check its file system", path, strerror(error));
}

/* Make path and all directories above it; those that are there stay as they are. */
static enum rc
make_directories(const char *path, struct why *why)
{
    closing(freep) char *copy = strdup(path);
    if (!copy)
        return fail_memory(why);

    for (char *at = copy + 1;; at++) {
        char c = *at;
        if (c != '/' && c)
            continue;

        *at = 0;
        if (mkdir(copy, 0700) < 0 && errno != EEXIST)
            return fail_write(copy, errno, why);
        if (!c)
            return RC_OK;
        *at = c;
    }
}

enum rc
cache_lock(int *ret, const struct cache *cache, struct why *why)
{
    closing(fd_close) int fd = -1;

    enum rc rc = make_directories(cache->metadata, why);
    if (rc)
        return rc;

    /* The directory is the lock file: docker and notary would not know a file of ours. */
    fd = open(cache->metadata, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail_write(cache->metadata, errno, why);

    while (flock(fd, LOCK_EX) < 0)
        if (errno != EINTR)
            return fail(why, RC_SYSTEM, "lock of '%s': %s", cache->metadata, strerror(errno));

    *ret = fd;
    fd = -1;
    return RC_OK;
}

static enum rc
write_all(int fd, struct span data, bool is_durable)
{
    while (data.len > 0) {
        ssize_t n = write(fd, data.p, data.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return RC_SYSTEM;

        data.p += n;
        data.len -= (size_t)n;
    }

    return is_durable && fdatasync(fd) < 0 ? RC_SYSTEM : RC_OK;
}

enum rc
cache_store(const struct cache *cache, const char *role, struct span file, struct why *why)
{
    closing(bytes_done) struct bytes path = BYTES_INIT(PATH_MAX);
    closing(freep) char *temporary = NULL;
    closing(fd_close) int fd = -1;

    enum rc rc = cache_path(&path, cache, role, why);
    if (rc)
        return rc;

    if (asprintf(&temporary, "%s.XXXXXX", bytes_text(&path)) < 0)
        return fail_memory(why);

    *strrchr(temporary, '/') = 0;
    rc = make_directories(temporary, why);
    if (rc)
        return rc;

    temporary[strlen(temporary)] = '/';
    fd = mkostemp(temporary, O_CLOEXEC); /* 0600 */
    if (fd < 0)
        return fail_write(bytes_text(&path), errno, why);

    /* Any other file is fetched again if a crash of the machine leaves it empty; a damaged root
     * would be an alarm. */
    if (write_all(fd, file, !strcmp(role, "root")) || rename(temporary, bytes_text(&path)) < 0) {
        rc = fail_write(bytes_text(&path), errno, why);
        unlink(temporary);
        return rc;
    }

    return RC_OK;
}

static bool
ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);

    return len > end_len && !strcmp(text + len - end_len, end);
}

/* A file of the cache, or one that was to become such, "targets.json.a1b2c3". */
static bool
is_ours(const char *name)
{
    return ends_with(name, ".json") || strstr(name, ".json.") || ends_with(name, ".change");
}

/*
 * Files of a directory and of those below it. A repository may lie below another one, in a
 * directory of its own which has "metadata" in turn: that is left alone.
 */
static enum rc
remove_files(size_t *ret_n, int parent, const char *name, struct why *why)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    enum rc rc = RC_OK;

    if (!dir) {
        int error = errno;
        if (fd >= 0)
            close(fd);
        return error == ENOENT || error == ENOTDIR || error == ELOOP
                   ? RC_OK
                   : fail(why, RC_SYSTEM, "cannot read '%s': %s", name, strerror(error));
    }

    for (const struct dirent *entry; !rc && (entry = readdir(dir));) {
        if (entry->d_name[0] == '.' || !strcmp(entry->d_name, "metadata"))
            continue;

        if (!is_ours(entry->d_name)) {
            rc = remove_files(ret_n, dirfd(dir), entry->d_name, why);
            (void)unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR); /* if nothing is left in it */
        } else if (unlinkat(dirfd(dir), entry->d_name, 0) < 0 && errno != ENOENT) {
            rc = fail(why, RC_SYSTEM, "cannot remove '%s': %s", entry->d_name, strerror(errno));
        } else {
            ++*ret_n;
        }
    }

    closedir(dir);
    return rc;
}

enum rc
cache_remove(size_t *ret_n, const struct cache *cache, struct why *why)
{
    static const char *const names[] = {"metadata", "changelist"};
    closing(fd_close) int fd = open(cache->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    size_t n = 0;

    if (fd < 0)
        return fail(why, RC_SYSTEM, "cannot read '%s': %s", cache->dir, strerror(errno));

    for (size_t i = 0; i < N_ELEMENTS(names); i++) {
        enum rc rc = remove_files(&n, fd, names[i], why);
        if (rc)
            return within(why, rc, "'%s'", cache->dir);
        (void)unlinkat(fd, names[i], AT_REMOVEDIR);
    }

    (void)rmdir(cache->dir); /* unless a repository lies below it */
    *ret_n = n;
    return RC_OK;
}
