/* SPDX-License-Identifier: Apache-2.0 */
#include "client/agent_link.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/userdir.h"
#include "proto/bounds.h"

#define SYSTEM_SOCKET "/run/countersign/agent.sock"

struct agent_link {
    char *path;
    int fd; /* -1: not connected */
    int64_t patience_ms;
};

/* *ret: free(). */
static enum rc
default_path(char **ret, struct why *why)
{
    closing(freep) char *own = NULL;

    const char *chosen = getenv("COUNTERSIGN_SOCKET");
    if (!chosen || !*chosen) {
        enum rc rc = userdir_path(&own, USERDIR_RUNTIME, "countersign/agent.sock", why);
        if (rc && rc != RC_NOT_FOUND)
            return rc;

        chosen = own && !access(own, F_OK) ? own : SYSTEM_SOCKET;
    }

    *ret = strdup(chosen);
    return *ret ? RC_OK : fail_memory(why);
}

enum rc
agent_link_new(struct agent_link **ret, const char *path, struct why *why)
{
    closing(agent_link_freep) struct agent_link *link = calloc(1, sizeof *link);
    if (!link)
        return fail_memory(why);

    link->fd = -1;
    link->patience_ms = FRAME_TIMEOUT_S * INT64_C(1000);
    if (path)
        link->path = strdup(path);
    enum rc rc = path ? RC_OK : default_path(&link->path, why);
    if (rc)
        return rc;

    if (!link->path)
        return fail_memory(why);

    *ret = steal(link);
    return RC_OK;
}

void
agent_link_free(struct agent_link *link)
{
    if (!link)
        return;

    agent_link_disconnect(link);
    free(link->path);
    free(link);
}

const char *
agent_link_path(const struct agent_link *link)
{
    return link->path;
}

static enum rc
apply_patience(int fd, int64_t input_ms, struct why *why)
{
    int64_t output_ms = FRAME_TIMEOUT_S * INT64_C(1000);

    output_ms = input_ms < output_ms ? input_ms : output_ms;
    const struct timeval input = {input_ms / 1000, input_ms % 1000 * 1000};
    const struct timeval output = {output_ms / 1000, output_ms % 1000 * 1000};

    return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &output, sizeof output) ||
                   setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &input, sizeof input)
               ? fail(why, RC_SYSTEM, "socket: %s", strerror(errno))
               : RC_OK;
}

enum rc
agent_link_set_patience(struct agent_link *link, int64_t patience_ms, struct why *why)
{
    link->patience_ms = patience_ms;
    return link->fd < 0 ? RC_OK : apply_patience(link->fd, patience_ms, why);
}

static enum rc
explain_connect(const char *path, int error, struct why *why)
{
    if (error == ENOENT || error == ECONNREFUSED || error == ENOTDIR)
        return fail(why, RC_TOKEN,
            "no agent listens on '%s': start it with 'systemctl start countersign-agent.socket', "
            "or name the socket of another with --socket or COUNTERSIGN_SOCKET",
            path);

    if (error == EACCES || error == EPERM)
        return fail(why, RC_TOKEN,
            "the agent's socket '%s': %s: let an administrator open it to uid %u, or name the "
            "socket of another with --socket or COUNTERSIGN_SOCKET",
            path, strerror(error), geteuid());

    if (error == EAGAIN || error == ETIMEDOUT)
        return fail(
            why, RC_TIMEOUT, "the agent at '%s' takes no connection; its log may say why", path);

    return fail(why, RC_TOKEN,
        "the agent's socket '%s': %s: name the right one with --socket or COUNTERSIGN_SOCKET", path,
        strerror(error));
}

enum rc
agent_link_connect(struct agent_link *link, struct why *why)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (link->fd >= 0)
        return RC_OK;

    if (strlen(link->path) >= sizeof address.sun_path)
        return fail(why, RC_TOKEN,
            "the agent's socket '%s': longer than %zu bytes: name it by a shorter path", link->path,
            sizeof address.sun_path - 1);

    snprintf(address.sun_path, sizeof address.sun_path, "%s", link->path);
    closing(fd_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail(why, RC_SYSTEM, "socket: %s", strerror(errno));

    enum rc rc = apply_patience(fd, link->patience_ms, why);
    if (rc)
        return rc;

    if (connect(fd, (const struct sockaddr *)&address, sizeof address))
        return explain_connect(link->path, errno, why);

    link->fd = fd;
    fd = -1;
    return RC_OK;
}

/* The agent closes connections that are an hour old, and says nothing before a call. */
bool
agent_link_is_idle(const struct agent_link *link)
{
    char c = 0;

    return link->fd >= 0 && recv(link->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
           (errno == EAGAIN || errno == EWOULDBLOCK);
}

void
agent_link_disconnect(struct agent_link *link)
{
    fd_close(&link->fd);
}

uid_t
agent_link_user(void)
{
    const char *name = getenv("COUNTERSIGN_AGENT_USER");
    const struct passwd *user = getpwnam(name && *name ? name : "countersign");
    char *end = NULL;

    if (user || !name || !isdigit((unsigned char)*name))
        return user ? user->pw_uid : (uid_t)-1;

    unsigned long uid = strtoul(name, &end, 10);
    return *end || uid >= UINT32_MAX ? (uid_t)-1 : (uid_t)uid;
}

/* A socket's peer is whoever began to listen there: systemd, for an agent that it starts, or the
 * agent. Somebody else's may be in its place, to be told secrets. */
enum rc
agent_link_check_listener(const struct agent_link *link, struct why *why)
{
    uid_t expected = agent_link_user();
    struct ucred peer;
    socklen_t len = sizeof peer;

    if (getsockopt(link->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
        return fail(why, RC_SYSTEM, "SO_PEERCRED: %s", strerror(errno));

    if (peer.uid == 0 || peer.uid == geteuid() || (expected != (uid_t)-1 && peer.uid == expected))
        return RC_OK;

    return fail(why, RC_TOKEN,
        "uid %u listens on '%s', and is told no secret: want root, this user, or who "
        "COUNTERSIGN_AGENT_USER says that the agent is",
        peer.uid, link->path);
}

enum rc
agent_link_send(const struct agent_link *link, struct span bytes, struct why *why)
{
    while (bytes.len > 0) {
        ssize_t len = send(link->fd, bytes.p, bytes.len, MSG_NOSIGNAL);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0 && (errno == EPIPE || errno == ECONNRESET))
            return RC_OK; /* an agent that refuses a frame says so before it closes */
        if (len < 0 && errno == EAGAIN)
            return fail(why, RC_TIMEOUT, "the agent at '%s' takes nothing; its log may say why",
                link->path);
        if (len < 0)
            return fail(why, RC_SYSTEM, "send: %s", strerror(errno));

        bytes.p += len;
        bytes.len -= (size_t)len;
    }

    return RC_OK;
}

/* Reads up to and with the NUL, and nothing behind it. */
enum rc
agent_link_receive(struct bytes *ret, const struct agent_link *link, struct why *why)
{
    char part[16384];
    const char *end = NULL;

    while (!end) {
        ssize_t len = recv(link->fd, part, sizeof part, MSG_PEEK);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0 && errno == EAGAIN)
            return fail(why, RC_TIMEOUT,
                "the agent at '%s' has not answered within %" PRId64 " s; its log may say why",
                link->path, link->patience_ms / 1000);
        if (len < 0 && errno != ECONNRESET)
            return fail(why, RC_SYSTEM, "recv: %s", strerror(errno));
        if (len <= 0)
            return fail(why, RC_TOKEN,
                "the agent at '%s' closed the connection without an answer; its log may say why",
                link->path);

        end = memchr(part, 0, (size_t)len);
        len = end ? end + 1 - part : len;
        if (recv(link->fd, part, (size_t)len, 0) != len)
            return fail(why, RC_SYSTEM, "recv: what was there is gone");

        bytes_put(ret, (struct span){(uint8_t *)part, (size_t)len - (end ? 1 : 0)});
        enum rc rc = bytes_check(ret, why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

bool
agent_link_has_more(const struct agent_link *link)
{
    char c = 0;

    return recv(link->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}
