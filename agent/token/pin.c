/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/pin.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* The text that stands for what was opened. */
static enum rc
identify(struct pin_source *source, enum token_pin kind, const char *name, struct why *why)
{
    struct stat *st = &source->st;

    if (fstat(source->fd, st) < 0 || !S_ISREG(st->st_mode))
        return fail(why, RC_LOCKED, "PIN '%s' is not a regular file; put one there", name);

    /* A credential's mode is the service manager's affair. */
    if (kind == TOKEN_PIN_FILE && (st->st_mode & (S_IRWXG | S_IRWXO)))
        return fail(why, RC_LOCKED, "PIN file '%s' has mode %04o, want 0400; chmod it", name,
            (unsigned)(st->st_mode & 07777));

    bytes_printf(&source->identity, "%s:%s %u:%u %ju %jd.%09ld",
        kind == TOKEN_PIN_FILE ? "file" : "credential", name, major(st->st_dev), minor(st->st_dev),
        (uintmax_t)st->st_ino, (intmax_t)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
    return bytes_check(&source->identity, why);
}

static enum rc
open_credential(int *ret_fd, const char *name, struct why *why)
{
    const char *dir = getenv("CREDENTIALS_DIRECTORY");
    if (!dir)
        return fail(why, RC_LOCKED,
            "no credential '%s': the agent was started without credentials, "
            "see LoadCredential= in systemd.exec(5)",
            name);

    int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = dir_fd < 0 ? -1 : openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int reason = errno;
    fd_close(&dir_fd);
    if (fd < 0)
        return fail(why, RC_LOCKED, "credential '%s': %s; see LoadCredential= in systemd.exec(5)",
            name, strerror(reason));

    *ret_fd = fd;
    return RC_OK;
}

static enum rc
open_file(int *ret_fd, const char *name, struct why *why)
{
    int fd = open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return fail(why, RC_LOCKED, "PIN file '%s': %s; put the PIN there, for uid %u to read",
            name, strerror(errno), geteuid());

    *ret_fd = fd;
    return RC_OK;
}

enum rc
pin_source_open(struct pin_source *ret, enum token_pin kind, const char *name, struct why *why)
{
    closing(pin_source_done) struct pin_source source = PIN_SOURCE_INIT;

    if (kind == TOKEN_PIN_CREDENTIAL && (strchr(name, '/') || name[0] == '.'))
        return fail(why, RC_LOCKED, "'%s' is no name of a credential", name);

    enum rc rc = kind == TOKEN_PIN_FILE ? open_file(&source.fd, name, why)
                                        : open_credential(&source.fd, name, why);
    if (rc)
        return rc;

    rc = identify(&source, kind, name, why);
    if (rc)
        return rc;

    *ret = source;
    source = PIN_SOURCE_INIT;
    return RC_OK;
}

void
pin_source_done(struct pin_source *source)
{
    fd_close(&source->fd);
    bytes_done(&source->identity);
}

static bool
is_same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

enum rc
pin_read(struct pin *ret, const struct pin_source *source, struct why *why)
{
    struct stat now;

    /* Where memory cannot be locked, as in some containers, the PIN is still used: it lives for
     * milliseconds. */
    (void)mlock(ret, sizeof *ret);

    ssize_t len = pread(source->fd, ret->b, sizeof ret->b, 0);
    if (len < 0)
        return fail(
            why, RC_LOCKED, "the PIN cannot be read: %s; check its file system", strerror(errno));

    if (fstat(source->fd, &now) < 0 || !is_same_time(&now.st_mtim, &source->st.st_mtim) ||
        !is_same_time(&now.st_ctim, &source->st.st_ctim))
        return fail(why, RC_LOCKED, "the PIN was changed while it was read");

    ret->len = (size_t)len;
    if (ret->len > 0 && ret->b[ret->len - 1] == '\n')
        ret->len--;
    if (ret->len < (size_t)len && ret->len > 0 && ret->b[ret->len - 1] == '\r')
        ret->len--;

    if (ret->len == 0 || ret->len > PIN_MAX_BYTES || now.st_size > len)
        return fail(why, RC_LOCKED,
            "the PIN is empty or longer than %d bytes; put the right one there", PIN_MAX_BYTES);

    return RC_OK;
}

void
pin_done(struct pin *pin)
{
    explicit_bzero(pin, sizeof *pin);
    munlock(pin, sizeof *pin);
}
