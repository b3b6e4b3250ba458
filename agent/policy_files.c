/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy_files.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/bounds.h"

#define DIRECTORY "policy.d"

/* A name in the digest's input; each has 33 bytes more. */
#define DIGEST_INPUT_MAX_BYTES (64 * 1024 * 1024)

enum access { ACCESS_PUBLIC, ACCESS_SECRET };

/* How something was when it was read. */
struct seen {
    char *path; /* from the policy's directory */
    struct stat stat;
};

struct policy_files {
    int dir_fd;
    bool has_directory; /* policy.d */
    struct policy_file *files;
    size_t n_files;
    struct seen *seen;
    size_t n_seen;
    struct bytes digest_input;
};

void
policy_files_free(struct policy_files *files)
{
    if (!files)
        return;

    for (size_t i = 0; i < files->n_files; i++) {
        free(files->files[i].name);
        bytes_done(&files->files[i].text);
    }
    for (size_t i = 0; i < files->n_seen; i++)
        free(files->seen[i].path);

    fd_close(&files->dir_fd);
    bytes_done(&files->digest_input);
    free(files->files);
    free(files->seen);
    free(files);
}

size_t
policy_files_n(const struct policy_files *files)
{
    return files->n_files;
}

const struct policy_file *
policy_files_get(const struct policy_files *files, size_t i)
{
    return &files->files[i];
}

bool
policy_files_are_own(const struct policy_files *files)
{
    uid_t owner = files->seen[0].stat.st_uid;

    return owner != 0 && owner == geteuid();
}

/* The sentence for errno after path could not be opened. */
static enum rc
fail_open(const char *path, struct why *why)
{
    if (errno == ENOENT)
        return fail(why, RC_NOT_FOUND, "%s does not exist", path);

    if (errno == ELOOP)
        return fail(why, RC_DENIED, "%s is a symbolic link, want a file of its own", path);

    if (errno == EACCES || errno == EPERM)
        return fail(why, RC_DENIED, "%s: %s: let uid %u read it", path, strerror(errno), geteuid());

    return fail(why, RC_SYSTEM, "%s: %s", path, strerror(errno));
}

static enum rc
check_access(const struct stat *st, const char *path, enum access access, struct why *why)
{
    uid_t own = geteuid();

    if (st->st_uid != 0 && st->st_uid != own)
        return fail(why, RC_DENIED, "%s belongs to uid %u, want uid 0%s", path, st->st_uid,
            own ? " or the agent's own" : "");

    if (access == ACCESS_SECRET && st->st_mode & 077)
        return fail(why, RC_DENIED, "%s has mode %04o, want 0400 or 0600: it holds a secret", path,
            st->st_mode & 07777);

    if (st->st_mode & 022)
        return fail(why, RC_DENIED, "%s has mode %04o, so others than its owner may write it", path,
            st->st_mode & 07777);

    return RC_OK;
}

/* The directory that path lies in; free(), NULL: no memory. */
static char *
parent_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return strdup(".");

    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

/* The same opened and checked; dir_fd may be AT_FDCWD. */
static enum rc
open_parent(int *ret, int dir_fd, const char *path, struct why *why)
{
    struct stat st;

    closing(freep) char *parent = parent_of(path);
    if (!parent)
        return fail_memory(why);

    closing(fd_close) int fd = openat(dir_fd, parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail_open(parent, why);

    if (fstat(fd, &st))
        return fail(why, RC_SYSTEM, "%s: %s", parent, strerror(errno));

    enum rc rc = check_access(&st, parent, ACCESS_PUBLIC, why);
    if (rc)
        return rc;

    *ret = fd;
    fd = -1;
    return RC_OK;
}

static const char *
base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* A regular file, checked. flags: O_RDONLY or O_PATH. */
static enum rc
open_file(
    int *ret, struct stat *ret_stat, int parent_fd, const char *path, int flags, struct why *why)
{
    struct stat st;

    /* Not blocked by a FIFO; it is no regular file. */
    flags |= O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    closing(fd_close) int fd = openat(parent_fd, base_name(path), flags);
    if (fd < 0)
        return fail_open(path, why);

    if (fstat(fd, &st))
        return fail(why, RC_SYSTEM, "%s: %s", path, strerror(errno));

    if (!S_ISREG(st.st_mode))
        return fail(why, RC_DENIED, "%s is no regular file", path);

    enum rc rc = check_access(&st, path, flags & O_PATH ? ACCESS_SECRET : ACCESS_PUBLIC, why);
    if (rc)
        return rc;

    *ret = fd;
    fd = -1;
    *ret_stat = st;
    return RC_OK;
}

static enum rc
read_all(struct bytes *ret, int fd, const char *path, struct why *why)
{
    for (;;) {
        uint8_t chunk[4096];
        ssize_t len = read(fd, chunk, sizeof chunk);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return fail(why, RC_SYSTEM, "%s: %s", path, strerror(errno));
        if (len == 0)
            break;

        bytes_put(ret, (struct span){chunk, (size_t)len});
    }

    enum rc rc = bytes_check(ret, why);
    return rc ? within(why, rc, "%s", path) : RC_OK;
}

static enum rc
remember(struct policy_files *files, const char *path, const struct stat *st, struct why *why)
{
    struct seen *seen =
        mem_grow(&files->seen, files->n_seen, sizeof *seen, SIZE_MAX / sizeof *seen);
    if (!seen)
        return fail_memory(why);

    seen->path = strdup(path);
    if (!seen->path)
        return fail_memory(why);

    seen->stat = *st;
    files->n_seen++;
    return RC_OK;
}

/* parent_fd: the directory of path. */
static enum rc
read_from(
    struct policy_files *files, int parent_fd, const char *path, struct bytes *ret, struct why *why)
{
    struct digest digest;
    struct stat st;
    size_t start = ret->len;

    closing(fd_close) int fd = -1;
    enum rc rc = open_file(&fd, &st, parent_fd, path, O_RDONLY, why);
    if (!rc)
        rc = read_all(ret, fd, path, why);
    if (!rc)
        rc = remember(files, path, &st, why);
    if (rc)
        return rc;

    /* The NUL ends the name, the digest has a fixed length: no two sets have the same input. */
    bool is_empty = ret->len == start;
    digest_of(&digest, is_empty ? SPAN("") : (struct span){ret->p + start, ret->len - start});
    bytes_puts(&files->digest_input, path);
    bytes_putc(&files->digest_input, 0);
    bytes_put(&files->digest_input, digest_span(&digest));
    return RC_OK;
}

enum rc
policy_files_read(struct policy_files *files, const char *path, struct bytes *ret, struct why *why)
{
    closing(fd_close) int parent_fd = -1;

    enum rc rc = open_parent(&parent_fd, files->dir_fd, path, why);
    return rc ? rc : read_from(files, parent_fd, path, ret, why);
}

enum rc
policy_files_check_secret(struct policy_files *files, const char *path, struct why *why)
{
    closing(fd_close) int parent_fd = -1;
    closing(fd_close) int fd = -1;
    struct stat st;

    enum rc rc = open_parent(&parent_fd, files->dir_fd, path, why);
    if (!rc)
        rc = open_file(&fd, &st, parent_fd, path, O_PATH, why);
    if (rc)
        return rc;

    return remember(files, path, &st, why);
}

/* name: from the policy's directory, and in parent_fd. */
static enum rc
add_file(struct policy_files *files, int parent_fd, const char *name, struct why *why)
{
    struct policy_file *file =
        mem_grow(&files->files, files->n_files, sizeof *file, POLICY_FILES_MAX + 1);
    if (!file)
        return fail_memory(why);

    file->text = BYTES_INIT(POLICY_FILE_MAX_BYTES);
    file->name = strdup(name);
    if (!file->name)
        return fail_memory(why);

    files->n_files++;
    return read_from(files, parent_fd, name, &file->text, why);
}

static bool
is_policy_name(const char *name)
{
    static const char characters[] = "0123456789abcdefghijklmnopqrstuvwxyz_-";
    size_t len = strspn(name, characters);

    return len > 0 && name[0] != '_' && name[0] != '-' && !strcmp(name + len, ".yaml");
}

/* Left behind by editors, dpkg, ucf and rpm, or hidden. */
static bool
is_leftover(const char *name)
{
    static const char *const ends[] = {"~", ".bak", ".orig", ".rpmnew", ".rpmsave", ".rpmorig",
        ".dpkg-old", ".dpkg-dist", ".dpkg-new", ".dpkg-tmp", ".dpkg-bak", ".ucf-old", ".ucf-new",
        ".ucf-dist"};
    size_t len = strlen(name);

    for (size_t i = 0; i < N_ELEMENTS(ends); i++)
        if (len > strlen(ends[i]) && !strcmp(name + len - strlen(ends[i]), ends[i]))
            return true;

    return name[0] == '.';
}

struct names {
    char **names;
    size_t n;
};

static void
names_done(struct names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->names[i]);
    free(names->names);
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum rc
add_name(struct names *names, const char *name, struct why *why)
{
    if (is_leftover(name))
        return RC_OK;

    if (!is_policy_name(name))
        return fail(why, RC_MALFORMED,
            DIRECTORY "/%s: names of policy files match [0-9a-z][0-9a-z_-]*.yaml; rename it, or"
                      " remove it",
            name);

    if (names->n >= POLICY_FILES_MAX)
        return fail(why, RC_TOO_LARGE, DIRECTORY " has more than %d files", POLICY_FILES_MAX);

    char **place = mem_grow(&names->names, names->n, sizeof *place, POLICY_FILES_MAX);
    if (!place)
        return fail_memory(why);

    if (asprintf(place, DIRECTORY "/%s", name) < 0)
        return fail_memory(why);

    names->n++;
    return RC_OK;
}

static void
dir_close(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

static enum rc
list_names(struct names *ret, int fd, struct why *why)
{
    int own_fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    closing(dir_close) DIR *dir = own_fd < 0 ? NULL : fdopendir(own_fd);
    if (!dir) {
        fd_close(&own_fd);
        return fail(why, RC_SYSTEM, DIRECTORY ": %s", strerror(errno));
    }

    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry && errno)
            return fail(why, RC_SYSTEM, DIRECTORY ": %s", strerror(errno));
        if (!entry)
            break;

        enum rc rc = add_name(ret, entry->d_name, why);
        if (rc)
            return rc;
    }

    if (ret->n > 0)
        qsort(ret->names, ret->n, sizeof *ret->names, compare_names);
    return RC_OK;
}

static enum rc
read_directory(struct policy_files *files, struct why *why)
{
    closing(names_done) struct names names = {0};
    struct stat st;

    closing(fd_close) int fd =
        openat(files->dir_fd, DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return RC_OK;
    if (fd < 0)
        return fail_open(DIRECTORY, why);

    if (fstat(fd, &st))
        return fail(why, RC_SYSTEM, DIRECTORY ": %s", strerror(errno));

    files->has_directory = true;
    enum rc rc = check_access(&st, DIRECTORY, ACCESS_PUBLIC, why);
    if (!rc)
        rc = remember(files, DIRECTORY, &st, why);
    if (!rc)
        rc = list_names(&names, fd, why);

    for (size_t i = 0; !rc && i < names.n; i++)
        rc = add_file(files, fd, names.names[i], why);

    /* It was listed, so it vanished since. */
    return rc == RC_NOT_FOUND ? fail(why, RC_BUSY, DIRECTORY " changed while it was read") : rc;
}

enum rc
policy_files_new(struct policy_files **ret, const char *path, struct why *why)
{
    closing(policy_files_freep) struct policy_files *files = calloc(1, sizeof *files);
    if (!files)
        return fail_memory(why);

    files->dir_fd = -1;
    files->digest_input = BYTES_INIT(DIGEST_INPUT_MAX_BYTES);
    enum rc rc = open_parent(&files->dir_fd, AT_FDCWD, path, why);
    if (!rc)
        rc = add_file(files, files->dir_fd, base_name(path), why);
    if (rc == RC_NOT_FOUND) /* the operator wants to know where it was looked for */
        return fail(why, rc, "%s does not exist", path);
    if (!rc)
        rc = read_directory(files, why);
    if (rc)
        return rc;

    *ret = steal(files);
    return RC_OK;
}

enum rc
policy_files_digest(struct digest *ret, const struct policy_files *files, struct why *why)
{
    enum rc rc = bytes_check(&files->digest_input, why);
    if (rc)
        return rc;

    digest_of(ret, bytes_span(&files->digest_input));
    return RC_OK;
}

static bool
is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mode == b->st_mode && a->st_uid == b->st_uid &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

bool
policy_files_have_changed(const struct policy_files *files)
{
    struct stat now;

    for (size_t i = 0; i < files->n_seen; i++)
        if (fstatat(files->dir_fd, files->seen[i].path, &now, AT_SYMLINK_NOFOLLOW) ||
            !is_same(&files->seen[i].stat, &now))
            return true;

    return !files->has_directory && !faccessat(files->dir_fd, DIRECTORY, F_OK, AT_SYMLINK_NOFOLLOW);
}
