/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/pin.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/token/delivery.h"

#define LOCKOUT_LOOK_S 60 /* a TPM's lock-out ends by itself, after minutes or hours */

/* The text that stands for what was opened. */
static enum rc
identify(struct pin_source *source, struct why *why)
{
    struct stat *st = &source->st;

    if (fstat(source->fd, st) < 0 || !S_ISREG(st->st_mode))
        return fail(why, RC_LOCKED, "PIN '%s' is not a regular file; put one there", source->name);

    /* A credential's mode is the service manager's affair. */
    if (source->kind == TOKEN_PIN_FILE && (st->st_mode & (S_IRWXG | S_IRWXO)))
        return fail(why, RC_LOCKED, "PIN file '%s' has mode %04o, want 0400; chmod it",
            source->name, (unsigned)(st->st_mode & 07777));

    bytes_printf(&source->identity, "%s:%s %u:%u %ju %jd.%09ld",
        source->kind == TOKEN_PIN_FILE ? "file" : "credential", source->name, major(st->st_dev),
        minor(st->st_dev), (uintmax_t)st->st_ino, (intmax_t)st->st_mtim.tv_sec,
        st->st_mtim.tv_nsec);
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
pin_source_init(struct pin_source *ret, enum token_pin kind, struct span name, struct why *why)
{
    *ret = (struct pin_source){
        .kind = kind, .fd = -1, .identity = BYTES_INIT(2 * 4096), .read = BYTES_INIT(2 * 4096)};
    ret->name = span_dup(name);
    return ret->name ? RC_OK : fail_memory(why);
}

void
pin_source_done(struct pin_source *source)
{
    pin_forget(source);
    if (source->name)
        fd_close(&source->fd);
    bytes_done(&source->identity);
    bytes_done(&source->read);
    free(source->name);
    *source = (struct pin_source){.fd = -1};
}

static time_t
seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

void
pin_source_rest(struct pin_source *source)
{
    source->rests_until = seconds() + LOCKOUT_LOOK_S;
}

enum rc
pin_source_check(enum token_state *ret_state, const struct pin_source *source, CK_FLAGS flags,
    bool may_be_last, struct why *why)
{
    *ret_state = TOKEN_LOCKED;
    if (source->kind == TOKEN_PIN_NONE)
        return flags & CKF_LOGIN_REQUIRED
                   ? fail(why, RC_LOCKED,
                         "the token wants a PIN, and the policy names none; give it a 'pin' there")
                   : RC_OK;

    if (flags & CKF_USER_PIN_FINAL_TRY && !may_be_last)
        return fail(why, RC_LOCKED,
            "somebody else gave it wrong PINs: one more would lock it, so none is tried");

    *ret_state = TOKEN_PIN_LOCKED;
    if (flags & CKF_USER_PIN_LOCKED)
        return fail(why, RC_LOCKED,
            "the token is locked after too many wrong PINs; unblock it with its own tools");

    if (seconds() < source->rests_until)
        return fail(why, RC_LOCKED,
            "the token takes no PIN for now, as a TPM after wrong ones: its lock-out ends by "
            "itself, or with tpm2_dictionarylockout -c; the PIN is tried every %d s",
            LOCKOUT_LOOK_S);

    return RC_OK;
}

enum rc
pin_source_look(struct pin_source *source, struct why *why)
{
    if (source->kind == TOKEN_PIN_PROMPT)
        return source->received ? RC_OK : RC_NOT_FOUND;

    if (source->kind == TOKEN_PIN_CREDENTIAL &&
        (strchr(source->name, '/') || source->name[0] == '.'))
        return fail(why, RC_LOCKED, "'%s' is no name of a credential", source->name);

    fd_close(&source->fd);
    bytes_clear(&source->identity);
    enum rc rc = source->kind == TOKEN_PIN_FILE ? open_file(&source->fd, source->name, why)
                                                : open_credential(&source->fd, source->name, why);
    return rc ? rc : identify(source, why);
}

static bool
is_same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static enum rc
read_file(struct pin *ret, const struct pin_source *source, struct why *why)
{
    struct stat now;

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

enum rc
pin_read(struct pin *ret, struct pin_source *source, struct why *why)
{
    /* Where memory cannot be locked, as in some containers, the PIN is still used: it lives for
     * milliseconds. */
    (void)mlock(ret, sizeof *ret);

    bytes_clear(&source->read);
    bytes_put(&source->read, bytes_span(&source->identity));
    enum rc rc = bytes_check(&source->read, why);
    if (rc)
        return rc;

    if (source->received)
        *ret = *source->received;
    else
        rc = read_file(ret, source, why);
    fd_close(&source->fd);
    return rc;
}

enum rc
pin_read_again(struct pin *ret, struct pin_source *source, struct why *why)
{
    *ret = (struct pin){0};
    enum rc rc = pin_source_look(source, why);
    if (rc == RC_NOT_FOUND ||
        (!rc && !span_eq(bytes_span(&source->identity), bytes_span(&source->read))))
        return fail(why, RC_LOCKED, "the PIN is another one than the token took");

    return rc ? rc : pin_read(ret, source, why);
}

void
pin_done(struct pin *pin)
{
    explicit_bzero(pin, sizeof *pin);
    munlock(pin, sizeof *pin);
}

/* Nobody who cannot trace this process sees it: not in swap space, a core, or a child. */
static struct pin *
map(void)
{
    void *page =
        mmap(NULL, sizeof(struct pin), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return NULL;

    (void)mlock(page, sizeof(struct pin));
    (void)madvise(page, sizeof(struct pin), MADV_DONTDUMP);
    (void)madvise(page, sizeof(struct pin), MADV_WIPEONFORK);
    return page;
}

void
pin_forget(struct pin_source *source)
{
    if (!source->received)
        return;

    explicit_bzero(source->received, sizeof *source->received);
    munmap(source->received, sizeof *source->received);
    source->received = NULL;
    bytes_clear(&source->identity);
}

/* What a hand types is no control character: then something else came, and would cost a try. */
static enum rc
check_received(const struct pin *pin, int fd, struct why *why)
{
    char more;

    if (pin->len == 0)
        return fail(why, RC_MALFORMED, "the PIN is empty");

    for (size_t i = 0; i < pin->len; i++)
        if (pin->b[i] < 0x20 || pin->b[i] == 0x7f)
            return fail(why, RC_MALFORMED, "the PIN holds a control character, such as a new line");

    if (recv(fd, &more, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
        return fail(why, RC_MALFORMED, "more than a PIN was sent");

    return RC_OK;
}

enum rc
pin_receive(struct pin_source *source, int fd, struct span identity, struct why *why)
{
    closing(bytes_done) struct bytes b = BYTES_INIT(PIN_MAX_BYTES);
    struct delivery delivery = delivery_from(fd, PIN_TIMEOUT_S * 1000);

    pin_forget(source);
    if (source->kind != TOKEN_PIN_PROMPT)
        return fail(why, RC_UNSUPPORTED, "the PIN of this token is where the policy says");

    source->received = map();
    uint8_t *room = bytes_room(&b, PIN_MAX_BYTES);
    if (!source->received || !room)
        return fail_memory(why);

    (void)mlock(room, PIN_MAX_BYTES);
    enum rc rc = delivery_next(&b, &delivery, why);
    if (!rc) {
        memcpy(source->received->b, b.p, b.len);
        source->received->len = b.len;
        rc = check_received(source->received, fd, why);
    }
    explicit_bzero(room, PIN_MAX_BYTES);
    if (rc == RC_TOO_LARGE)
        rc = fail(why, rc, "the PIN is longer than %d bytes", PIN_MAX_BYTES);
    if (rc) {
        pin_forget(source);
        return rc;
    }

    bytes_clear(&source->identity);
    bytes_put(&source->identity, identity);
    return bytes_check(&source->identity, why);
}

void
pin_give(const struct pin_source *source, int fd)
{
    const struct pin *pin = source->received;

    if (!pin)
        return;

    const uint8_t header[4] = {0, 0, (uint8_t)(pin->len >> 8), (uint8_t)pin->len};
    /* Who does not take it has hung up, and says so to the agent. */
    if (send(fd, header, sizeof header, MSG_NOSIGNAL) == sizeof header)
        (void)send(fd, pin->b, pin->len, MSG_NOSIGNAL);
}
