/* SPDX-License-Identifier: Apache-2.0 */
#include "client/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "client/file.h"

#define CONTROL_C 3

static void
drop_end_of_line(struct bytes *b)
{
    if (b->len > 0 && b->p[b->len - 1] == '\n')
        bytes_cut(b, b->len - 1);
    if (b->len > 0 && b->p[b->len - 1] == '\r')
        bytes_cut(b, b->len - 1);
}

/* Up to the end of the line, or CONTROL_C. */
static enum rc
read_line(struct bytes *ret, int fd, struct why *why)
{
    for (;;) {
        uint8_t c;

        ssize_t n = read(fd, &c, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || c == CONTROL_C)
            return fail(why, RC_REFUSED, "nothing was given");
        if (c == '\n')
            return bytes_check(ret, why);

        bytes_putc(ret, c);
        explicit_bzero(&c, sizeof c);
    }
}

/* Without echo; an interrupt is read like any character, so that the echo comes back. */
static enum rc
ask(struct bytes *ret, const struct secret_question *question, struct why *why)
{
    closing(fd_close) int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    struct termios before;

    if (fd < 0 || tcgetattr(fd, &before))
        return fail(why, RC_LOCKED,
            "the %s is wanted, and there is no terminal to ask on; say where it is with %s "
            "file:PATH or %s credential:NAME",
            question->prompt, question->option, question->option);

    struct termios silent = before;
    silent.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
    silent.c_lflag |= ICANON;
    silent.c_cc[VEOL] = CONTROL_C;
    dprintf(fd, "%s: ", question->prompt);
    if (tcsetattr(fd, TCSAFLUSH, &silent))
        return fail(why, RC_SYSTEM, "cannot silence the terminal: %s", strerror(errno));

    enum rc rc = read_line(ret, fd, why);
    (void)tcsetattr(fd, TCSAFLUSH, &before);
    dprintf(fd, "\n");
    return rc;
}

static enum rc
read_file(struct bytes *ret, const char *path, struct why *why)
{
    struct stat st;

    if (stat(path, &st) == 0 && (st.st_mode & (S_IRWXG | S_IRWXO)))
        return fail(why, RC_REFUSED, "'%s' has mode %04o, so others may read it; chmod it to 0400",
            path, (unsigned)(st.st_mode & 07777));

    return file_load(ret, path, why);
}

static enum rc
read_credential(struct bytes *ret, const char *name, struct why *why)
{
    const char *dir = getenv("CREDENTIALS_DIRECTORY");
    closing(freep) char *path = NULL;

    if (!dir || strchr(name, '/') || name[0] == '.')
        return fail(
            why, RC_LOCKED, "no credential '%s'; see LoadCredential= in systemd.exec(5)", name);

    if (asprintf(&path, "%s/%s", dir, name) < 0)
        return fail_memory(why);

    return file_load(ret, path, why);
}

enum rc
secret_read(struct bytes *ret, const struct secret_question *question, struct why *why)
{
    const char *source = question->source;
    enum rc rc = RC_OK;

    if (!bytes_room(ret, ret->max)) /* at once, so that it leaves no copy behind */
        return bytes_check(ret, why);

    if (!source)
        rc = ask(ret, question, why);
    else if (!strncmp(source, "file:", 5))
        rc = read_file(ret, source + 5, why);
    else if (!strncmp(source, "credential:", 11))
        rc = read_credential(ret, source + 11, why);
    else
        rc = fail(why, RC_MALFORMED, "%s '%s': want file:PATH or credential:NAME", question->option,
            source);
    if (rc)
        return rc;

    drop_end_of_line(ret);
    if (ret->len == 0)
        return fail(why, RC_LOCKED, "the %s is empty", question->prompt);

    return RC_OK;
}
