/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/conn.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/conn_inside.h"
#include "proto/bounds.h"

void
conn_enter(struct conn *conn, enum conn_state state)
{
    uint32_t events = 0;
    uint64_t at = 0;

    if (conn->state == CONN_CLOSED)
        return;

    turns_leave(conn->owner.turns, &conn->turn);
    conn->state = state;
    conn->active_at = timer_after_s(&conn->timer, 0);
    switch (state) {
    case CONN_READING:
        events = EPOLLIN;
        at = conn->frame_deadline;
        break;
    case CONN_WAITING: /* not told of hang-ups either: what was sent before is read */
        sd_event_source_set_enabled(conn->io, SD_EVENT_OFF);
        timer_set(&conn->timer, 0); /* it lies with us now */
        if (turns_wait(conn->owner.turns, &conn->turn, NULL))
            conn_enter(conn, CONN_CLOSED);
        return;
    case CONN_PAUSED: /* the deadline stays: else those who wait could wait for each other */
        at = conn->frame_deadline;
        break;
    case CONN_WORKING:
        events = EPOLLIN; /* almost nobody asks again before the answer: on_io() sees who does */
        break;
    case CONN_UPGRADED: /* told of hang-ups only */
        at = timer_after_s(&conn->timer, UPGRADE_TIMEOUT_S);
        break;
    case CONN_TELLING:
    case CONN_WRITING:
        events = EPOLLOUT;
        at = timer_after_s(&conn->timer, OUTPUT_TIMEOUT_S);
        break;
    case CONN_CLOSED:
        if (conn->work)
            conn->cancel(conn->work);
        conn->work = NULL;
        sd_event_source_set_enabled(conn->io, SD_EVENT_OFF);
        timer_set(&conn->timer, 0);
        conn->owner.closed(conn->owner.userdata, conn); /* frees conn */
        return;
    }

    sd_event_source_set_io_events(conn->io, events);
    sd_event_source_set_enabled(conn->io, SD_EVENT_ON);
    timer_set(&conn->timer, at);
}

/* The time to complete a frame begins with its first byte. */
static void
begin_frame(struct conn *conn)
{
    conn->frame_deadline =
        inbox_len(&conn->inbox) > 0 ? timer_after_s(&conn->timer, FRAME_SMALL_TIMEOUT_S) : 0;
}

static void
write_out(struct conn *conn)
{
    switch (outbox_send(&conn->outbox, conn->fd)) {
    case OUTBOX_LATER:
        timer_set(&conn->timer, timer_after_s(&conn->timer, OUTPUT_TIMEOUT_S));
        return;
    case OUTBOX_BROKEN:
        conn_enter(conn, CONN_CLOSED);
        return;
    case OUTBOX_SENT:
        break;
    }

    if (conn->state == CONN_TELLING) {
        conn_await_turn(conn);
        return;
    }

    if (conn->is_finishing) {
        if (!conn->is_upgraded) /* what waits there now may be a secret */
            inbox_discard(conn->fd);
        conn_enter(conn, CONN_CLOSED);
        return;
    }

    begin_frame(conn);
    conn_enter(conn, inbox_len(&conn->inbox) > 0 ? CONN_WAITING : CONN_READING);
}

/* Most answers go out at once, and nothing is left to be done. The rest is for write_out(), which
 * may end the connection and take the next call: not in the middle of whatever answers. */
static void
begin_to_write(struct conn *conn)
{
    enum outbox_progress progress = outbox_send(&conn->outbox, conn->fd);

    if (progress != OUTBOX_SENT || conn->is_finishing || inbox_len(&conn->inbox) > 0) {
        conn_enter(conn, CONN_WRITING);
        return;
    }

    begin_frame(conn);
    conn_enter(conn, CONN_READING);
}

/* parameters are consumed. */
static void
answer(struct conn *conn, const char *interface, const char *error, json_t *parameters)
{
    if (!outbox_put(&conn->outbox, interface, error, parameters))
        conn->is_finishing = true;

    conn->work = NULL;
    conn->step = NULL;
    conn->is_resting = false;
    inbox_answered(&conn->inbox);
    begin_to_write(conn);
    conn->owner.freed(conn->owner.userdata);
}

void
conn_reply(struct conn *conn, json_t *parameters)
{
    if (parameters)
        answer(conn, MESSAGE_INTERFACE, NULL, parameters);
    else
        conn_error(conn, RC_NO_MEMORY, NULL);
}

void
conn_error(struct conn *conn, enum rc rc, json_t *parameters)
{
    const char *error = rc_error_name(rc);

    answer(conn, MESSAGE_INTERFACE, error ? error : "Internal", parameters);
}

void
conn_service_error(struct conn *conn, const char *name, json_t *parameters)
{
    answer(conn, MESSAGE_SERVICE, name, parameters);
}

/* The last answer: what comes after such a frame cannot be told from it. */
static void
refuse_frame(struct conn *conn, enum rc rc, json_t *parameters)
{
    inbox_clear(&conn->inbox);
    conn->is_finishing = true;
    conn_error(conn, rc, parameters);
}

static void
refuse_bound(struct conn *conn, enum rc rc, const char *bound)
{
    refuse_frame(conn, rc,
        rc == RC_BUSY ? json_pack("{s:s,s:I}", "bound", bound, "retry_after_ms",
                            (json_int_t)account_retry_ms(conn->account))
                      : json_pack("{s:s}", "bound", bound));
}

/* It may be a secret, which this process must not know: the next one to read there is another. */
void
conn_refuse_haste(struct conn *conn)
{
    inbox_wipe(&conn->inbox);
    refuse_frame(conn, RC_MALFORMED,
        json_pack("{s:s,s:s}", "where", "frame", "problem",
            "bytes behind a call with 'upgrade', before its answer"));
}

static void
take_frame(struct conn *conn, struct span frame)
{
    struct message_call call = {0};
    struct why why;

    enum rc rc = message_call_parse(&call, frame, &why);
    if (rc == RC_TOO_LARGE) {
        refuse_bound(conn, rc, why.text);
        return;
    }

    if (rc) {
        bool is_garbled = rc == RC_MALFORMED;
        if (is_garbled)
            conn->owner.garbled(conn->owner.userdata, conn);
        refuse_frame(conn, rc,
            is_garbled ? json_pack("{s:s,s:s}", "where", "frame", "problem", why.text) : NULL);
        return;
    }

    conn->wants = (struct conn_wants){call.more, call.upgrade};
    if (call.upgrade && inbox_len(&conn->inbox) > frame.len + 1) {
        message_call_done(&call);
        conn_refuse_haste(conn);
        return;
    }

    if (!inbox_take(&conn->inbox, frame.len))
        conn->is_finishing = true;
    conn_enter(conn, CONN_WORKING);
    conn->owner.freed(conn->owner.userdata); /* another large frame may be read */
    conn->owner.called(conn->owner.userdata, conn, &call);
    message_call_done(&call);
}

/* Take the frame that the input begins with, if it is complete; else go on reading. */
static void
read_frame(struct conn *conn)
{
    size_t max = conn->owner.frame_max(conn->owner.userdata, conn->peer);
    struct span frame;

    bool is_whole = inbox_frame(&frame, &conn->inbox);
    if (frame.len > max)
        refuse_bound(conn, RC_TOO_LARGE,
            max == FRAME_MAX_BYTES ? "FRAME_MAX_BYTES" : "FRAME_SMALL_MAX_BYTES");
    else if (is_whole)
        take_frame(conn, frame);
    else
        conn_enter(conn, CONN_READING);
}

static void
read_in(struct conn *conn)
{
    bool was_empty = inbox_len(&conn->inbox) == 0, was_large = inbox_is_large(&conn->inbox);

    switch (inbox_read(&conn->inbox, conn->fd, &conn->bound)) {
    case INBOX_FULL:
        conn_enter(conn, CONN_PAUSED);
        return;
    case INBOX_OVER:
        conn_enter(conn, CONN_CLOSED);
        return;
    case INBOX_READ:
        break;
    }

    if (was_empty)
        begin_frame(conn);
    else if (!was_large && inbox_is_large(&conn->inbox))
        conn->frame_deadline = timer_after_s(&conn->timer, FRAME_TIMEOUT_S);
    read_frame(conn);
}

/* Called when it is this connection's turn. */
static void
on_turn(void *userdata)
{
    struct conn *conn = userdata;

    if (conn->step)
        steal(conn->step)(conn->work);
    else if (inbox_is_scanned(&conn->inbox))
        read_in(conn);
    else
        read_frame(conn);
}

/* Its lane has to pay for a long turn; what hung up does not keep its place until then. */
static bool
on_drop(void *userdata)
{
    struct conn *conn = userdata;
    struct pollfd end = {.fd = conn->fd};

    if (poll(&end, 1, 0) <= 0)
        return false;

    conn_enter(conn, CONN_CLOSED);
    return true;
}

static int
on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct conn *conn = userdata;

    (void)source;
    (void)fd;
    if (events & EPOLLOUT && (conn->state == CONN_WRITING || conn->state == CONN_TELLING))
        write_out(conn);
    else if (events & EPOLLIN && conn->state == CONN_READING)
        conn_enter(conn, CONN_WAITING);
    else if (events & (EPOLLHUP | EPOLLERR))
        conn_enter(conn, CONN_CLOSED);
    else if (conn->state == CONN_WORKING) /* what it sends now waits for its turn */
        sd_event_source_set_io_events(conn->io, 0);
    return 0;
}

static void
on_timer(void *userdata)
{
    struct conn *conn = userdata;

    if (conn->state == CONN_READING)
        refuse_bound(conn, RC_BUSY,
            inbox_is_large(&conn->inbox) ? "FRAME_TIMEOUT_S" : "FRAME_SMALL_TIMEOUT_S");
    else if (conn->state == CONN_PAUSED)
        refuse_bound(conn, RC_BUSY, conn->bound);
    else
        conn_enter(conn, CONN_CLOSED);
}

/* What it began to send is no call yet. A call in work is answered, unless its answers go on and
 * on. */
void
conn_finish(struct conn *conn)
{
    conn->is_over = true;
    conn->is_finishing = true;
    timer_set(&conn->lifetime, timer_after_s(&conn->lifetime, UPGRADE_TIMEOUT_S));
    if (conn->state == CONN_READING || conn->state == CONN_PAUSED)
        conn_enter(conn, CONN_CLOSED);
}

/* The groups of a peer are those of connect time, so connections end. */
static void
on_lifetime(void *userdata)
{
    struct conn *conn = userdata;

    if (conn->is_over)
        conn_enter(conn, CONN_CLOSED);
    else
        conn_finish(conn);
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
    conn->fd = *fd;
    *fd = -1;
    conn->peer = steal(*peer);
    conn->account = account;
    conn->turn = (struct turn){owner->lane, on_turn, on_drop, conn};
    inbox_init(&conn->inbox, account);
    outbox_init(&conn->outbox);

    enum rc rc = timer_init(&conn->timer, event, on_timer, conn, why);
    if (!rc)
        rc = timer_init(&conn->lifetime, event, on_lifetime, conn, why);
    if (!rc && sd_event_add_io(event, &conn->io, conn->fd, EPOLLIN, on_io, conn) < 0)
        rc = fail(why, RC_SYSTEM, "cannot add an event source");
    if (rc)
        return rc;

    timer_set(&conn->lifetime, timer_after_s(&conn->lifetime, CONN_LIFETIME_S));
    conn_enter(conn, CONN_READING);
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
    turns_leave(conn->owner.turns, &conn->turn);
    sd_event_source_disable_unref(conn->io);
    timer_done(&conn->timer);
    timer_done(&conn->lifetime);
    if (conn->is_upgraded) /* who reads there has a descriptor of its own */
        (void)shutdown(conn->fd, SHUT_RDWR);
    fd_close(&conn->fd);
    inbox_done(&conn->inbox);
    account_leave(conn->account);
    outbox_done(&conn->outbox);
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
    bool is_idle = conn->state == CONN_READING || conn->state == CONN_PAUSED;

    return conn->is_resting || (is_idle && inbox_len(&conn->inbox) == 0) ? conn->active_at
                                                                         : UINT64_MAX;
}

void
conn_resume(struct conn *conn)
{
    if (conn->state == CONN_PAUSED)
        conn_enter(conn, CONN_READING);
}

void
conn_set_work(struct conn *conn, void *work, void (*cancel)(void *work))
{
    conn->work = work;
    conn->cancel = cancel;
}

struct conn_wants
conn_wants(const struct conn *conn)
{
    return conn->wants;
}
