/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/conn.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/bounds.h"

#define READ_BYTES (64 * 1024)

/*
 *   READING ──frame complete──▶ WORKING ──reply──▶ WRITING ──all written──▶ READING
 *      │  ▲                        │                  │
 *      │  └── bytes are free ──┐   │ hang-up          │ no progress, last reply
 *      ├── no bytes free ──▶ PAUSED│                  │
 *      ▼ garbage, timeout          ▼                  ▼
 *    WRITING (last reply)        CLOSED             CLOSED
 *
 * End of file on the reading side only means that no further call comes: what is complete is still
 * answered.
 */
enum conn_state {
    CONN_READING,
    CONN_PAUSED,
    CONN_WORKING,
    CONN_WRITING,
    CONN_CLOSED,
};

struct conn {
    struct conn_owner owner;
    sd_event *event; /* borrowed */
    sd_event_source *io, *timer, *lifetime;
    int fd;
    struct peer *peer;
    struct account *account;
    enum conn_state state;
    struct bytes in;
    size_t scanned; /* of in: no NUL up to here */
    struct bytes out;
    bool is_eof, is_finishing;
    uint64_t active_at; /* monotonic, microseconds */
    void *work;
    void (*cancel)(void *work);
};

static void read_frames(struct conn *conn);

static void
set_timer(struct conn *conn, uint64_t seconds)
{
    if (seconds == 0) {
        sd_event_source_set_enabled(conn->timer, SD_EVENT_OFF);
        return;
    }

    sd_event_source_set_time_relative(conn->timer, seconds * 1000000);
    sd_event_source_set_enabled(conn->timer, SD_EVENT_ONESHOT);
}

/* The only place where the state changes: arms what the state waits for. */
static void
enter(struct conn *conn, enum conn_state state)
{
    uint32_t events = 0;
    uint64_t seconds = 0;

    if (conn->state == CONN_CLOSED)
        return;

    conn->state = state;
    sd_event_now(conn->event, CLOCK_MONOTONIC, &conn->active_at);
    switch (state) {
    case CONN_READING:
        events = conn->is_eof ? 0 : EPOLLIN;
        seconds = conn->in.len == 0                      ? 0
                  : conn->in.len > FRAME_SMALL_MAX_BYTES ? FRAME_TIMEOUT_S
                                                         : FRAME_SMALL_TIMEOUT_S;
        break;
    case CONN_PAUSED:
    case CONN_WORKING:
        break;
    case CONN_WRITING:
        events = EPOLLOUT;
        seconds = OUTPUT_TIMEOUT_S;
        break;
    case CONN_CLOSED:
        if (conn->work)
            conn->cancel(conn->work);
        conn->work = NULL;
        sd_event_source_set_enabled(conn->io, SD_EVENT_OFF);
        set_timer(conn, 0);
        conn->owner.closed(conn->owner.userdata, conn); /* frees conn */
        return;
    }

    sd_event_source_set_io_events(conn->io, events);
    set_timer(conn, seconds);
}

static void
give_back(struct conn *conn, size_t bytes)
{
    account_give(conn->account, conn, bytes);
    conn->owner.freed(conn->owner.userdata);
}

/* Returns false where the connection is gone. */
static bool
write_out(struct conn *conn)
{
    while (conn->out.len > 0) {
        ssize_t n = send(conn->fd, conn->out.p, conn->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return true;
        } else if (n <= 0) {
            enter(conn, CONN_CLOSED);
            return false;
        }

        bytes_drop(&conn->out, (size_t)n);
        set_timer(conn, OUTPUT_TIMEOUT_S);
    }

    if (conn->is_finishing) {
        enter(conn, CONN_CLOSED);
        return false;
    }

    enter(conn, CONN_READING);
    read_frames(conn);
    return true;
}

/* parameters are consumed. */
static void
answer(struct conn *conn, const char *error, json_t *parameters)
{
    if (error)
        message_put_error(&conn->out, error, parameters);
    else
        message_put_reply(&conn->out, parameters, false);
    json_decref(parameters);

    conn->work = NULL;
    if (bytes_check(&conn->out, NULL)) {
        /* Larger than a reader is allowed to make us hold; only a huge released root can be. */
        bytes_clear(&conn->out);
        message_put_error(&conn->out, MESSAGE_INTERFACE ".Internal", NULL);
        conn->is_finishing = true;
    }

    enter(conn, CONN_WRITING);
}

void
conn_reply(struct conn *conn, json_t *parameters)
{
    answer(conn, NULL, parameters);
}

void
conn_error(struct conn *conn, enum rc rc, json_t *parameters)
{
    char name[64];
    const char *error = rc_error_name(rc);

    snprintf(name, sizeof name, MESSAGE_INTERFACE ".%s", error ? error : "Internal");
    answer(conn, name, parameters);
}

void
conn_service_error(struct conn *conn, const char *name, json_t *parameters)
{
    char full[64];

    snprintf(full, sizeof full, MESSAGE_SERVICE ".%s", name);
    answer(conn, full, parameters);
}

void
conn_finish(struct conn *conn)
{
    conn->is_finishing = true;
}

static void
refuse_frame(struct conn *conn, enum rc rc, json_t *parameters)
{
    size_t held = conn->in.len;

    bytes_done(&conn->in);
    conn->is_finishing = true;
    conn_error(conn, rc, parameters);
    give_back(conn, held);
}

/* A whole frame of len bytes, and its NUL, stand at the beginning of the input. */
static void
take_frame(struct conn *conn, size_t len)
{
    struct message_call call = {0};
    struct why why;

    enum rc rc = message_call_parse(&call, (struct span){conn->in.p, len}, &why);
    if (rc) {
        refuse_frame(conn, rc, json_pack("{s:s,s:s}", "where", "frame", "problem", why.text));
        return;
    }

    bytes_drop(&conn->in, len + 1);
    if (conn->in.len == 0)
        bytes_done(&conn->in); /* a large frame must not keep its room */
    conn->scanned = 0;
    enter(conn, CONN_WORKING);
    give_back(conn, len + 1);
    conn->owner.called(conn->owner.userdata, conn, &call);
    message_call_done(&call);
}

static void
read_frames(struct conn *conn)
{
    if (conn->state != CONN_READING)
        return;

    const uint8_t *end = conn->in.len > conn->scanned
                             ? memchr(conn->in.p + conn->scanned, 0, conn->in.len - conn->scanned)
                             : NULL;
    size_t max = conn->owner.frame_max(conn->owner.userdata, conn->peer);
    size_t len = end ? (size_t)(end - conn->in.p) : conn->in.len;

    if (len > max)
        refuse_frame(conn, RC_TOO_LARGE,
            json_pack("{s:s}", "bound",
                max == FRAME_MAX_BYTES ? "FRAME_MAX_BYTES" : "FRAME_SMALL_MAX_BYTES"));
    else if (end)
        take_frame(conn, len);
    else if (conn->is_eof)
        enter(conn, CONN_CLOSED);
    else
        conn->scanned = conn->in.len;
}

/* Room is taken from the account before anything is read, and what was not needed given back. */
static void
read_in(struct conn *conn)
{
    bool was_small = conn->in.len <= FRAME_SMALL_MAX_BYTES;
    bool was_empty = conn->in.len == 0;

    if (!account_take(conn->account, conn, conn->in.len, READ_BYTES)) {
        enter(conn, CONN_PAUSED);
        return;
    }

    uint8_t *room = bytes_room(&conn->in, READ_BYTES);
    /* Descriptors that are sent along are dropped by the kernel, as no control buffer is given. */
    ssize_t n = room ? recv(conn->fd, room, READ_BYTES, MSG_DONTWAIT) : -1;
    bool is_later = n < 0 && room && (errno == EAGAIN || errno == EINTR);
    size_t unused = READ_BYTES - (n > 0 ? (size_t)n : 0);

    if (n > 0)
        bytes_advance(&conn->in, (size_t)n);
    account_give(conn->account, conn->in.len > FRAME_SMALL_MAX_BYTES ? NULL : conn, unused);
    if (n < 0 && !is_later) {
        enter(conn, CONN_CLOSED);
        return;
    }

    if (n == 0) {
        conn->is_eof = true;
        enter(conn, CONN_READING);
    } else if (was_empty || (was_small && conn->in.len > FRAME_SMALL_MAX_BYTES)) {
        enter(conn, CONN_READING); /* arms the timer of this size, from now */
    }

    read_frames(conn);
}

static int
on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct conn *conn = userdata;

    (void)source;
    (void)fd;
    if (events & EPOLLOUT && conn->state == CONN_WRITING)
        write_out(conn);
    else if (events & EPOLLIN && conn->state == CONN_READING)
        read_in(conn);
    else if (events & (EPOLLHUP | EPOLLERR))
        enter(conn, CONN_CLOSED);
    return 0;
}

static int
on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct conn *conn = userdata;

    (void)source;
    (void)usec;
    if (conn->state == CONN_READING)
        refuse_frame(conn, RC_BUSY,
            json_pack("{s:s,s:i}", "bound",
                conn->in.len > FRAME_SMALL_MAX_BYTES ? "FRAME_TIMEOUT_S" : "FRAME_SMALL_TIMEOUT_S",
                "retry_after_ms", 0));
    else
        enter(conn, CONN_CLOSED);
    return 0;
}

/* The groups of a peer are those of connect time, so connections end. */
static int
on_lifetime(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct conn *conn = userdata;

    (void)source;
    (void)usec;
    conn->is_finishing = true;
    if (conn->state == CONN_READING || conn->state == CONN_PAUSED)
        enter(conn, CONN_CLOSED);
    return 0;
}

enum rc
conn_new_take(struct conn **ret, sd_event *event, int *fd, struct peer **peer,
    struct account *account, const struct conn_owner *owner, struct why *why)
{
    closing(conn_freep) struct conn *conn = calloc(1, sizeof *conn);
    if (!conn) {
        fd_close(fd);
        peer_unref(steal(*peer));
        account_leave(account);
        return fail_memory(why);
    }

    conn->owner = *owner;
    conn->event = event;
    conn->fd = *fd;
    *fd = -1;
    conn->peer = steal(*peer);
    conn->account = account;
    conn->in = BYTES_INIT(FRAME_MAX_BYTES + READ_BYTES);
    conn->out = BYTES_INIT(OUTPUT_MAX_BYTES);

    uint64_t lifetime = CONN_LIFETIME_S * UINT64_C(1000000);
    if (sd_event_add_io(event, &conn->io, conn->fd, EPOLLIN, on_io, conn) < 0 ||
        sd_event_add_time_relative(
            event, &conn->timer, CLOCK_MONOTONIC, UINT64_MAX / 2, 0, on_timer, conn) < 0 ||
        sd_event_add_time_relative(
            event, &conn->lifetime, CLOCK_MONOTONIC, lifetime, 1000000, on_lifetime, conn) < 0)
        return fail(why, RC_SYSTEM, "cannot add an event source");

    enter(conn, CONN_READING);
    *ret = steal(conn);
    return RC_OK;
}

void
conn_free(struct conn *conn)
{
    if (!conn)
        return;

    if (conn->work)
        conn->cancel(conn->work);
    sd_event_source_disable_unref(conn->io);
    sd_event_source_disable_unref(conn->timer);
    sd_event_source_disable_unref(conn->lifetime);
    fd_close(&conn->fd);
    if (conn->in.len > 0)
        account_give(conn->account, conn, conn->in.len);
    account_leave(conn->account);
    bytes_done(&conn->in);
    bytes_done(&conn->out);
    peer_unref(conn->peer);
    free(conn);
}

struct peer *
conn_peer(const struct conn *conn)
{
    return conn->peer;
}

const struct account *
conn_account(const struct conn *conn)
{
    return conn->account;
}

uint64_t
conn_idle_since(const struct conn *conn)
{
    return conn->state == CONN_READING && conn->in.len == 0 ? conn->active_at : UINT64_MAX;
}

void
conn_resume(struct conn *conn)
{
    if (conn->state == CONN_PAUSED)
        enter(conn, CONN_READING);
}

void
conn_set_work(struct conn *conn, void *work, void (*cancel)(void *work))
{
    conn->work = work;
    conn->cancel = cancel;
}
