/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/token/landlock.h"

/* A path, and the rights that are not left on it and below. */
struct taboo {
    char *path;
    unsigned rights;
};

/* Each path as it was named, and as it is without symbolic links: who could replace the link would
 * reach as much as who can replace the file. */
struct plan {
    int fd; /* the ruleset */
    struct taboo taboos[2 * FORBIDDEN_MAX];
    size_t n_taboos;
};

static void
plan_done(struct plan *plan)
{
    for (size_t i = 0; i < plan->n_taboos; i++)
        free(plan->taboos[i].path);
    fd_close(&plan->fd);
}

/* Where path leads to, without symbolic links; the file itself may be missing. NULL: nowhere. */
static char *
resolve(const char *path)
{
    char directory[PATH_MAX], file[NAME_MAX + 1];
    const char *slash = strrchr(path, '/');

    char *real = realpath(path, NULL);
    if (real || errno != ENOENT || !slash || slash == path)
        return real;

    snprintf(directory, sizeof directory, "%.*s", (int)(slash - path), path);
    snprintf(file, sizeof file, "%s", slash + 1);
    closing(freep) char *parent = realpath(directory, NULL);
    return parent && asprintf(&real, "%s/%s", parent, file) > 0 ? real : NULL;
}

static enum rc
add_taboo(struct plan *plan, const struct frame_forbidden *forbidden, struct why *why)
{
    unsigned rights = forbidden->is_readable ? LANDLOCK_WRITE : LANDLOCK_ALL;
    closing(freep) char *path = span_dup(forbidden->path);
    if (!path)
        return fail_memory(why);

    char *real = resolve(path);
    if (real)
        plan->taboos[plan->n_taboos++] = (struct taboo){real, rights};
    plan->taboos[plan->n_taboos++] = (struct taboo){steal(path), rights};
    return RC_OK;
}

/* Whether path is directory, or below it. */
static bool
is_within(const char *path, const char *directory)
{
    size_t len = strlen(directory);

    if (len == 1) /* the root */
        return true;

    return !strncmp(path, directory, len) && (path[len] == 0 || path[len] == '/');
}

static enum rc allow(struct plan *plan, const char *path, unsigned rights, struct why *why);

/* All that is in a directory now. One that cannot be listed still leads to what is known of it. */
static enum rc
allow_entries(struct plan *plan, const char *path, unsigned rights, struct why *why)
{
    const char *parent = path[1] ? path : "";
    DIR *directory = opendir(path);
    enum rc rc = RC_OK;

    if (!directory)
        return RC_OK;

    for (const struct dirent *entry; !rc && (entry = readdir(directory));) {
        closing(freep) char *child = NULL;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;

        rc = asprintf(&child, "%s/%s", parent, entry->d_name) < 0 ? fail_memory(why)
                                                                  : allow(plan, child, rights, why);
    }

    closedir(directory);
    return rc;
}

/* Leave those of the rights on path that nothing there and below forbids, and go on below with the
 * others. */
static enum rc
allow(struct plan *plan, const char *path, unsigned rights, struct why *why)
{
    unsigned below = 0;
    struct stat st;

    for (size_t i = 0; i < plan->n_taboos; i++) {
        const struct taboo *taboo = &plan->taboos[i];
        if (is_within(path, taboo->path))
            rights &= ~taboo->rights;
        else if (is_within(taboo->path, path))
            below |= taboo->rights;
    }
    below &= rights;

    /* A link is nothing that could be read, and what it leads to has rules of its own. What is gone
     * or hidden is out of reach anyway. */
    closing(fd_close) int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0 || S_ISLNK(st.st_mode))
        return RC_OK;

    enum rc rc = landlock_allow(plan->fd, fd, rights & ~below, why);
    if (rc || below == 0 || !S_ISDIR(st.st_mode))
        return rc;

    return allow_entries(plan, path, below, why);
}

/* Where the PIN file is, if the token has one. *ret: free(). */
static enum rc
find_pin(char **ret, const struct frame_open *open, struct why *why)
{
    const char *directory =
        open->pin == TOKEN_PIN_CREDENTIAL ? getenv("CREDENTIALS_DIRECTORY") : "";
    char *path = NULL;

    if (!directory || (open->pin != TOKEN_PIN_CREDENTIAL && open->pin != TOKEN_PIN_FILE))
        return RC_OK;

    if (asprintf(&path, "%s%s%.*s", directory, *directory ? "/" : "", (int)open->pin_source.len,
            open->pin_source.p) < 0)
        return fail_memory(why);

    *ret = path;
    return RC_OK;
}

static enum rc
allow_pin(struct sandbox *sandbox, const struct plan *plan, struct why *why)
{
    struct stat st;

    closing(fd_close) int fd = open(sandbox->pin, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return RC_OK; /* it is refused where it is read */

    sandbox->pin_dev = st.st_dev;
    sandbox->pin_inode = st.st_ino;
    return landlock_allow(plan->fd, fd, LANDLOCK_READ, why);
}

static enum rc
enter(struct sandbox *sandbox, struct plan *plan, const struct frame_open *open, struct why *why)
{
    enum rc rc = landlock_new(&plan->fd, open->network, why);

    for (size_t i = 0; !rc && i < open->n_forbidden; i++)
        rc = add_taboo(plan, &open->forbidden[i], why);
    if (!rc)
        rc = allow(plan, "/", LANDLOCK_ALL, why);
    if (!rc && sandbox->pin)
        rc = allow_pin(sandbox, plan, why);
    return rc ? rc : landlock_enforce(plan->fd, why);
}

enum rc
sandbox_enter(struct sandbox *ret, const struct frame_open *open, struct why *why)
{
    closing(plan_done) struct plan plan = {.fd = -1};
    closing(sandbox_done) struct sandbox sandbox = {0};

    if (open->n_forbidden == 0 || landlock_version() == 0)
        return RC_OK;

    enum rc rc = find_pin(&sandbox.pin, open, why);
    if (!rc)
        rc = enter(&sandbox, &plan, open, why);
    if (rc)
        return rc;

    *ret = sandbox;
    sandbox = (struct sandbox){0};
    return RC_OK;
}

void
sandbox_done(struct sandbox *sandbox)
{
    free(sandbox->pin);
    *sandbox = (struct sandbox){0};
}

bool
sandbox_is_outdated(const struct sandbox *sandbox)
{
    struct stat st;

    if (!sandbox->pin || lstat(sandbox->pin, &st) < 0 || !S_ISREG(st.st_mode) ||
        (st.st_dev == sandbox->pin_dev && st.st_ino == sandbox->pin_inode))
        return false;

    closing(fd_close) int fd = open(sandbox->pin, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    return fd < 0 && errno == EACCES;
}
