/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/canned.h"

#include <arpa/inet.h>
#include <assert.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define TLS_HANDSHAKE 0x16 /* how TLS begins, which we hang up on as plain servers do */

struct canned_log {
    size_t n_connections, len;
    char text[1024 * 1024];
};

void
canned_listen(struct canned *ret)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;

    *ret = (struct canned){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert(ret->fd >= 0);
    assert(!bind(ret->fd, (struct sockaddr *)&address, len));
    assert(!listen(ret->fd, 8));
    assert(!getsockname(ret->fd, (struct sockaddr *)&address, &len));

    ret->port = ntohs(address.sin_port);
    snprintf(ret->url, sizeof ret->url, "http://127.0.0.1:%d", ret->port);
    ret->log =
        mmap(NULL, sizeof *ret->log, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert(ret->log != MAP_FAILED);
}

/* The next request, from this connection or from a new one, which takes its place. */
static void
await(const struct canned *server, int *connection_fd)
{
    struct pollfd fds[] = {{server->fd, POLLIN, 0}, {*connection_fd, POLLIN, 0}};
    char c = 0;

    for (;;) {
        fds[1].fd = *connection_fd;
        if (poll(fds, 2, -1) < 1)
            _exit(1);

        if (fds[0].revents) {
            close(*connection_fd);
            *connection_fd = accept(server->fd, NULL, NULL);
            server->log->n_connections++;
        } else if (recv(*connection_fd, &c, 1, MSG_PEEK) == 1 && c != TLS_HANDSHAKE) {
            return;
        } else {
            close(*connection_fd);
            *connection_fd = -1;
        }
    }
}

/* Read one request and append it to the log. */
static void
take(struct canned_log *log, int fd)
{
    char *start = log->text + log->len;
    size_t missing = 1; /* bytes, or at least so many */

    while (missing > 0 && log->len + 1 < sizeof log->text) {
        size_t room = sizeof log->text - 1 - log->len;
        ssize_t len = recv(fd, log->text + log->len, room, 0);
        if (len <= 0)
            break; /* whoever asked has thought better of it */
        log->len += (size_t)len;

        const char *end = strstr(start, "\r\n\r\n");
        const char *length = strcasestr(start, "Content-Length: ");
        size_t body = length ? strtoul(length + 16, NULL, 10) : 0;
        size_t want = end ? (size_t)(end + 4 - start) + body : SIZE_MAX;
        size_t have = (size_t)(log->text + log->len - start);
        missing = want > have ? want - have : 0;
    }

    log->len += (size_t)snprintf(log->text + log->len, sizeof log->text - log->len, "\n\n");
}

/* Send an answer, with the length of its body where the head does not say how it ends. */
static void
give(int fd, const char *answer)
{
    const char *body = strstr(answer, "\r\n\r\n");
    bool is_told = strstr(answer, "Content-Length:") || strstr(answer, "Transfer-Encoding:");
    char length[64];

    if (is_told || !body) {
        send(fd, answer, strlen(answer), MSG_NOSIGNAL);
        return;
    }

    snprintf(length, sizeof length, "\r\nContent-Length: %zu", strlen(body + 4));
    send(fd, answer, (size_t)(body - answer), MSG_NOSIGNAL);
    send(fd, length, strlen(length), MSG_NOSIGNAL);
    send(fd, body, strlen(body), MSG_NOSIGNAL);
}

/* Take one request from the connection, and answer; true: the connection is kept. */
static bool
serve_one(const struct canned *server, int *fd, const char *answer)
{
    await(server, fd);
    take(server->log, *fd);
    if (*answer)
        give(*fd, answer);
    return *answer && !strstr(answer, "\r\nConnection: close\r\n");
}

static _Noreturn void
serve(const struct canned *server, const char *const *answers)
{
    int fd = -1;

    for (const char *const *answer = answers; *answer;) {
        bool is_last = !answer[1];
        if (!serve_one(server, &fd, *answer) || is_last) {
            close(fd);
            fd = -1;
        }
        answer += is_last ? 0 : 1;
    }
    _exit(0);
}

void
canned_answer(struct canned *server, const char *const *answers)
{
    server->pid = fork();
    assert(server->pid >= 0);
    if (server->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails does not come to stop us */
        serve(server, answers);
    }
}

const char *
canned_requests(const struct canned *server)
{
    return server->log->text;
}

size_t
canned_n_connections(const struct canned *server)
{
    return server->log->n_connections;
}

void
canned_stop(struct canned *server)
{
    if (server->pid > 0) {
        kill(server->pid, SIGKILL);
        waitpid(server->pid, NULL, 0);
    }
    close(server->fd);
    munmap(server->log, sizeof *server->log);
    *server = (struct canned){.fd = -1};
}
