/* SPDX-License-Identifier: Apache-2.0 */
#include "client/agent_call.h"

#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/agent_error.h"
#include "client/pause.h"
#include "client/userdir.h"
#include "proto/bounds.h"

#define SYSTEM_SOCKET "/run/countersign/agent.sock"

#define ANSWER_TIMEOUT_S (SIGN_TIMEOUT_S + 30) /* the agent gives up before us, and says why */
#define PROGRESS_MAX     1000 /* of one call; the agent has something to say once a second */
#define RETRY_MIN_MS     50
#define RETRY_MAX_MS     5000

struct agent_call {
    char *path;
    int fd;                          /* -1: not connected */
    struct bytes in;                 /* what came and is not read */
    const struct progress *progress; /* NULL: nobody wants to know what a call waits for */
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
agent_call_new(struct agent_call **ret, const char *path, struct why *why)
{
    closing(agent_call_freep) struct agent_call *call = calloc(1, sizeof *call);
    if (!call)
        return fail_memory(why);

    call->fd = -1;
    call->in = BYTES_INIT(FRAME_MAX_BYTES);
    if (path)
        call->path = strdup(path);
    enum rc rc = path ? RC_OK : default_path(&call->path, why);
    if (rc)
        return rc;

    if (!call->path)
        return fail_memory(why);

    *ret = steal(call);
    return RC_OK;
}

static void
disconnect(struct agent_call *call)
{
    fd_close(&call->fd);
    bytes_done(&call->in);
}

void
agent_call_free(struct agent_call *call)
{
    if (!call)
        return;

    disconnect(call);
    free(call->path);
    free(call);
}

void
agent_call_tell(struct agent_call *call, const struct progress *progress)
{
    call->progress = progress;
}

const char *
agent_call_path(const struct agent_call *call)
{
    return call->path;
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

    return fail(why, RC_TOKEN,
        "the agent's socket '%s': %s: name the right one with --socket or COUNTERSIGN_SOCKET", path,
        strerror(error));
}

static enum rc
connect_to(int *ret_fd, const char *path, struct why *why)
{
    const struct timeval output = {.tv_sec = FRAME_TIMEOUT_S}, input = {.tv_sec = ANSWER_TIMEOUT_S};
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof address.sun_path)
        return fail(why, RC_TOKEN,
            "the agent's socket '%s': longer than %zu bytes: name it by a shorter path", path,
            sizeof address.sun_path - 1);

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    closing(fd_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &output, sizeof output) ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &input, sizeof input))
        return fail(why, RC_SYSTEM, "socket: %s", strerror(errno));

    if (connect(fd, (const struct sockaddr *)&address, sizeof address))
        return explain_connect(path, errno, why);

    *ret_fd = fd;
    fd = -1;
    return RC_OK;
}

/* The agent closes connections that are an hour old, and says nothing before a call. */
static bool
is_connected(const struct agent_call *call)
{
    char c = 0;

    return call->fd >= 0 && recv(call->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
           (errno == EAGAIN || errno == EWOULDBLOCK);
}

static enum rc
send_frame(const struct agent_call *call, struct span frame, struct why *why)
{
    while (frame.len > 0) {
        ssize_t len = send(call->fd, frame.p, frame.len, MSG_NOSIGNAL);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0 && (errno == EPIPE || errno == ECONNRESET))
            return RC_OK; /* an agent that refuses a frame says so before it closes */
        if (len < 0 && errno == EAGAIN)
            return fail(why, RC_TIMEOUT, "the agent at '%s' takes nothing; its log may say why",
                call->path);
        if (len < 0)
            return fail(why, RC_SYSTEM, "send: %s", strerror(errno));

        frame.p += len;
        frame.len -= (size_t)len;
    }

    return RC_OK;
}

/* Read up to and with the NUL, and nothing behind it; call->in is the frame then. */
static enum rc
receive_frame(struct agent_call *call, struct why *why)
{
    char part[16384];
    const char *end = NULL;

    while (!end) {
        ssize_t len = recv(call->fd, part, sizeof part, MSG_PEEK);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0 && errno == EAGAIN)
            return fail(why, RC_TIMEOUT,
                "the agent at '%s' has not answered within %d s; its log may say why", call->path,
                ANSWER_TIMEOUT_S);
        if (len < 0 && errno != ECONNRESET)
            return fail(why, RC_SYSTEM, "recv: %s", strerror(errno));
        if (len <= 0)
            return fail(why, RC_TOKEN,
                "the agent at '%s' closed the connection without an answer; its log may say why",
                call->path);

        end = memchr(part, 0, (size_t)len);
        len = end ? end + 1 - part : len;
        if (recv(call->fd, part, (size_t)len, 0) != len)
            return fail(why, RC_SYSTEM, "recv: what was there is gone");

        bytes_put(&call->in, (struct span){(uint8_t *)part, (size_t)len - (end ? 1 : 0)});
        enum rc rc = bytes_check(&call->in, why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

static enum rc
receive_reply(struct message_reply *ret, struct agent_call *call, struct why *why)
{
    char c = 0;

    bytes_clear(&call->in);
    enum rc rc = receive_frame(call, why);
    if (!rc)
        rc = message_reply_parse(ret, bytes_span(&call->in), why);
    if (rc || ret->continues || recv(call->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) <= 0)
        return rc;

    message_reply_done(ret);
    return fail(why, RC_MALFORMED, "it says more than it was asked");
}

/* The last one, after those that say what the call waits for, if that was asked. */
static enum rc
receive_last_reply(struct message_reply *ret, struct agent_call *call, struct why *why)
{
    for (size_t i = 0; i < PROGRESS_MAX; i++) {
        struct message_reply reply = {0};

        enum rc rc = receive_reply(&reply, call, why);
        if (rc)
            return rc;

        if (!call->progress || !reply.continues) {
            *ret = reply;
            return RC_OK;
        }

        const char *text = json_string_value(json_object_get(reply.parameters, "progress"));
        if (text)
            progress_note(call->progress, "%s", text);
        message_reply_done(&reply);
    }

    return fail(why, RC_MALFORMED, "more than %d answers to one call", PROGRESS_MAX);
}

static enum rc
exchange_once(
    struct message_reply *ret, struct agent_call *call, struct span frame, struct why *why)
{
    enum rc rc = send_frame(call, frame, why);
    if (!rc)
        rc = receive_last_reply(ret, call, why);
    if (rc)
        disconnect(call); /* whatever comes yet is no answer to the next call */
    return rc;
}

static enum rc
exchange(struct message_reply *ret, struct agent_call *call, struct span frame, struct why *why)
{
    bool was_connected = is_connected(call);
    enum rc rc = RC_TOKEN;

    if (was_connected)
        rc = exchange_once(ret, call, frame, why);
    if (rc != RC_TOKEN)
        return rc;

    /* Not connected, or closed just now: an agent that closes has not taken the call, and the same
     * bytes may always be asked for again. */
    disconnect(call);
    rc = connect_to(&call->fd, call->path, why);
    return rc ? rc : exchange_once(ret, call, frame, why);
}

/* How long to wait for a busy agent. */
static int64_t
busy_ms(const json_t *parameters)
{
    int64_t ms = json_integer_value(json_object_get(parameters, "retry_after_ms"));

    return ms < RETRY_MIN_MS ? RETRY_MIN_MS : ms > RETRY_MAX_MS ? RETRY_MAX_MS : ms;
}

/* Whatever answers does not speak as an agent does. */
static enum rc
explain_answer(const struct agent_call *call, enum rc rc, struct why *why)
{
    if (rc != RC_MALFORMED && rc != RC_TOO_LARGE)
        return rc;

    return fail(why, RC_TOKEN,
        "what answers at '%s' is no agent: %s; name the agent's socket with --socket or "
        "COUNTERSIGN_SOCKET",
        call->path, why ? why->text : "");
}

/* One attempt. RC_BUSY: *ret_pause_ms is how long to wait before the next one. *ret_parameters is
 * set wherever the agent answered. */
static enum rc
attempt(json_t **ret_parameters, int64_t *ret_pause_ms, struct agent_call *call, struct span frame,
    struct why *why)
{
    closing(message_reply_done) struct message_reply reply = {0};

    enum rc rc = exchange(&reply, call, frame, why);
    if (!rc && reply.continues) {
        disconnect(call);
        rc = fail(why, RC_MALFORMED, "it answers in parts, unasked");
    }
    if (rc)
        return explain_answer(call, rc, why);

    if (reply.error)
        rc = agent_error(reply.error, reply.parameters, why);
    if (rc == RC_BUSY) {
        *ret_pause_ms = busy_ms(reply.parameters);
        disconnect(call); /* the agent does so as well */
    }

    *ret_parameters = json_incref((json_t *)reply.parameters);
    return rc;
}

enum rc
agent_call(json_t **ret_parameters, struct agent_call *call, const char *method,
    const json_t *parameters, struct why *why)
{
    closing(bytes_done) struct bytes frame = BYTES_INIT(FRAME_MAX_BYTES);
    closing(freep) char *name = NULL;
    int64_t deadline_ms = pause_clock_ms() + BUSY_WAIT_S * INT64_C(1000);

    if (asprintf(&name, MESSAGE_INTERFACE ".%s", method) < 0)
        return fail_memory(why);

    /* Of all calls this one can take long. */
    message_put_call(&frame, name, parameters, call->progress && !strcmp(method, "Sign"));
    enum rc rc = bytes_check(&frame, why);
    if (rc)
        return within(why, rc, "call of '%s'", method);

    for (;;) {
        closing(json_decrefp) json_t *answer = NULL;
        int64_t wait_ms = 0;

        rc = attempt(&answer, &wait_ms, call, bytes_span(&frame), why);
        if (rc != RC_BUSY || pause_clock_ms() + wait_ms > deadline_ms) {
            if (answer)
                *ret_parameters = steal(answer);
            return rc;
        }

        pause_about(2 * wait_ms); /* at least as long, and not all who were refused together */
    }
}

/* Each is its length, the highest byte first, and its bytes. */
static enum rc
send_secrets(const struct agent_call *call, const struct span *secrets, size_t n, struct why *why)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t len = htobe32((uint32_t)secrets[i].len);

        enum rc rc = send_frame(call, (struct span){(const uint8_t *)&len, sizeof len}, why);
        if (!rc)
            rc = send_frame(call, secrets[i], why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

/* An answer to an upgraded call; it is RC_OK where it is no error. */
static enum rc
take_answer(json_t **ret_parameters, struct agent_call *call, struct why *why)
{
    closing(message_reply_done) struct message_reply reply = {0};

    enum rc rc = receive_reply(&reply, call, why);
    if (rc)
        return explain_answer(call, rc, why);

    if (reply.error)
        rc = agent_error(reply.error, reply.parameters, why);
    json_decref(*ret_parameters);
    *ret_parameters = json_incref((json_t *)reply.parameters);
    return rc;
}

/* As whom the agent runs, by name or number; -1: there is no such user. */
static uid_t
agent_uid(void)
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
static enum rc
check_listener(const struct agent_call *call, struct why *why)
{
    uid_t expected = agent_uid();
    struct ucred peer;
    socklen_t len = sizeof peer;

    if (getsockopt(call->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
        return fail(why, RC_SYSTEM, "SO_PEERCRED: %s", strerror(errno));

    if (peer.uid == 0 || peer.uid == geteuid() || (expected != (uid_t)-1 && peer.uid == expected))
        return RC_OK;

    return fail(why, RC_TOKEN,
        "uid %u listens on '%s', and is told no secret: want root, this user, or who "
        "COUNTERSIGN_AGENT_USER says that the agent is",
        peer.uid, call->path);
}

enum rc
agent_call_with_secrets(json_t **ret_parameters, const struct agent_call *call, const char *method,
    const json_t *parameters, const struct span *secrets, size_t n, struct why *why)
{
    closing(bytes_done) struct bytes frame = BYTES_INIT(FRAME_SMALL_MAX_BYTES);
    closing(agent_call_freep) struct agent_call *own = NULL;
    closing(freep) char *name = NULL;
    closing(json_decrefp) json_t *answer = NULL;

    enum rc rc = agent_call_new(&own, call->path, why);
    if (rc)
        return rc;

    if (asprintf(&name, MESSAGE_INTERFACE ".%s", method) < 0)
        return fail_memory(why);

    message_put_upgrade(&frame, name, parameters);
    rc = bytes_check(&frame, why);
    if (!rc)
        rc = connect_to(&own->fd, own->path, why);
    if (!rc)
        rc = check_listener(own, why);
    if (!rc)
        rc = send_frame(own, bytes_span(&frame), why);
    if (!rc)
        rc = take_answer(&answer, own, why);
    if (!rc)
        rc = send_secrets(own, secrets, n, why);
    if (!rc)
        rc = take_answer(&answer, own, why);
    if (answer)
        *ret_parameters = steal(answer);
    return rc;
}
