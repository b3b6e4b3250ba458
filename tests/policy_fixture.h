/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * policy_fixture — a directory of its own in which a test writes policy files.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "proto/bounds.h"
#include "proto/bytes.h"

struct policy_fixture {
    char path[64];
};

/* In memory if there is room for a ledger, with what it keeps free: these tests are not about what
 * is durable, and a thousand commits take their time on a disk. */
static inline const char *
fixture_root(void)
{
    static const char memory[] = "/dev/shm";
    struct statvfs fs;

    bool has_room = !statvfs(memory, &fs) &&
                    (uint64_t)fs.f_bavail * fs.f_frsize > 4 * (uint64_t)LEDGER_RESERVE_BYTES;
    return has_room ? memory : "/tmp";
}

static inline int
fixture_open(void **state)
{
    static struct policy_fixture fixture;

    snprintf(fixture.path, sizeof fixture.path, "%s/countersign-policy-XXXXXX", fixture_root());
    *state = &fixture;
    return mkdtemp(fixture.path) ? 0 : -1;
}

static inline int
fixture_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline int
fixture_close(void **state)
{
    const struct policy_fixture *fixture = *state;

    return nftw(fixture->path, fixture_remove, 8, FTW_DEPTH | FTW_PHYS);
}

/* Full path of name; valid until the next call but three. */
static inline const char *
fixture_path(const struct policy_fixture *fixture, const char *name)
{
    static char paths[4][PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, PATH_MAX, "%s/%s", fixture->path, name);
    return path;
}

static inline void
fixture_write(const struct policy_fixture *fixture, const char *name, const char *text)
{
    const char *path = fixture_path(fixture, name);
    size_t len = strlen(text);

    unlink(path);
    closing(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
}
