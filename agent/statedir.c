/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/statedir.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static enum rc
check_access(int fd, const char *dir, struct why *why)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return fail(why, RC_STORAGE, "state directory '%s': %s", dir, strerror(errno));

    if (st.st_uid != geteuid())
        return fail(why, RC_STORAGE,
            "state directory '%s' belongs to uid %u, want uid %u, under which the agent runs: give "
            "it "
            "to that, or name another with --state",
            dir, st.st_uid, geteuid());

    if (st.st_mode & 022)
        return fail(why, RC_STORAGE,
            "state directory '%s' has mode %04o, so others may have changed what is in it: see to "
            "that, then chmod 700 '%s'",
            dir, st.st_mode & 07777, dir);

    /* mkdir(1) and systemd's StateDirectory= leave it open to readers; it is ours to close. */
    if (st.st_mode & 077 && fchmod(fd, 0700) < 0)
        return fail(why, RC_STORAGE, "cannot close state directory '%s' to others: %s", dir,
            strerror(errno));

    return RC_OK;
}

static enum rc
open_directory(int *ret_fd, const char *dir, struct why *why)
{
    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return fail(why, RC_STORAGE,
            "cannot make state directory '%s': %s: make it for uid %u, with mode 0700, or name "
            "another "
            "with --state",
            dir, strerror(errno), geteuid());

    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
        return fail(why, RC_STORAGE,
            "state directory '%s' is a symbolic link or no directory: name the directory itself",
            dir);
    if (fd < 0)
        return fail(why, RC_STORAGE,
            "cannot open state directory '%s': %s: give it to uid %u, or name another with --state",
            dir, strerror(errno), geteuid());

    *ret_fd = fd;
    return RC_OK;
}

enum rc
statedir_open(int *ret_fd, const char *dir, struct why *why)
{
    closing(freep) char *name = strdup(dir);
    if (!name)
        return fail_memory(why);

    /* O_NOFOLLOW does not hold for "link/". */
    for (size_t len = strlen(name); len > 1 && name[len - 1] == '/'; len--)
        name[len - 1] = 0;

    closing(fd_close) int fd = -1;
    enum rc rc = open_directory(&fd, name, why);
    if (rc)
        return rc;

    rc = check_access(fd, name, why);
    if (rc)
        return rc;

    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno == EWOULDBLOCK)
            return fail(why, RC_BUSY,
                "another agent runs with the state directory '%s': end that, or name another with "
                "--state",
                name);

        return fail(why, RC_STORAGE, "cannot lock state directory '%s': %s", name, strerror(errno));
    }

    *ret_fd = fd;
    fd = -1;
    return RC_OK;
}
