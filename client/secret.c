/* SPDX-License-Identifier: Apache-2.0 */
#include "client/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "client/file.h"
#include "client/interrupt.h"

/* Those that end or stop a process, by people or by a service manager. */
static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};

static void
drop_end_of_line(struct bytes *b)
{
    if (b->len > 0 && b->p[b->len - 1] == '\n')
        bytes_cut(b, b->len - 1);
    if (b->len > 0 && b->p[b->len - 1] == '\r')
        bytes_cut(b, b->len - 1);
}

/* Up to the end of the line. RC_BUSY: a signal came first, which is still to be delivered. */
static enum rc
read_line(struct bytes *ret, int fd, int signals, struct why *why)
{
    struct pollfd ready[] = {{.fd = signals, .events = POLLIN}, {.fd = fd, .events = POLLIN}};

    for (;;) {
        uint8_t c;

        if (poll(ready, N_ELEMENTS(ready), -1) < 0 && errno != EINTR)
            return fail(why, RC_SYSTEM, "poll: %s", strerror(errno));
        if (ready[0].revents)
            return RC_BUSY;
        if (!ready[1].revents)
            continue;

        ssize_t n = read(fd, &c, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail(why, RC_REFUSED, "nothing was given");
        if (c == '\n')
            return bytes_check(ret, why);

        bytes_putc(ret, c);
        explicit_bzero(&c, sizeof c);
    }
}

/* Without echo, which comes back before any signal does what it does. */
static enum rc
ask_once(struct bytes *ret, int fd, const char *prompt, struct why *why)
{
    struct termios before, silent;
    sigset_t watched, allowed;

    sigemptyset(&watched);
    sigemptyset(&allowed);
    (void)sigprocmask(SIG_BLOCK, NULL, &allowed);
    for (size_t i = 0; i < N_ELEMENTS(ending); i++)
        if (!sigismember(&allowed, ending[i])) /* else it would never be delivered */
            sigaddset(&watched, ending[i]);
    closing(fd_close) int signals = signalfd(-1, &watched, SFD_CLOEXEC);
    if (signals < 0 || tcgetattr(fd, &before) || sigprocmask(SIG_BLOCK, &watched, &allowed))
        return fail(why, RC_SYSTEM, "cannot prepare the terminal: %s", strerror(errno));

    silent = before;
    silent.c_lflag = (silent.c_lflag & ~(tcflag_t)ECHO) | ICANON;
    /* The question after that: what comes before it is thrown away. */
    enum rc rc = tcsetattr(fd, TCSAFLUSH, &silent)
                     ? fail(why, RC_SYSTEM, "cannot silence the terminal: %s", strerror(errno))
                     : RC_OK;
    dprintf(fd, "%s: ", prompt);
    if (!rc)
        rc = read_line(ret, fd, signals, why);
    (void)tcsetattr(fd, TCSAFLUSH, &before);
    dprintf(fd, "\n");
    (void)sigprocmask(SIG_SETMASK, &allowed, NULL); /* this may be the end, or a stop */
    return rc;
}

static enum rc
ask(struct bytes *ret, const struct secret_question *question, struct why *why)
{
    closing(fd_close) int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    enum rc rc = RC_BUSY;

    if (fd < 0)
        return fail(why, RC_LOCKED,
            "the %s is wanted, and there is no terminal to ask on; say where it is with %s %s",
            question->prompt, question->option,
            question->takes_path ? "FILE" : "file:PATH or credential:NAME");

    while (rc == RC_BUSY) { /* whoever stopped it and comes back begins anew */
        bytes_clear(ret);
        rc = interrupt_is_pending() ? fail(why, RC_INTERRUPTED, "interrupted")
                                    : ask_once(ret, fd, question->prompt, why);
    }
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
    else if (question->takes_path)
        rc = read_file(ret, source, why);
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
