/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "proto/bounds.h"

#define ACCEPTS_PER_ROUND 4      /* then others have their turn */
#define RETRY_US          100000 /* after descriptors or memory ran out */

/* Who holds a connection. */
struct guest {
    struct conn *conn;
    bool is_stranger; /* when it connected */
};

struct listener {
    struct listener_owner owner;
    sd_event *event; /* borrowed */
    sd_event_source *source, *retry;
    int fd;
    char *path;
    bool is_ours; /* the file is to be removed */
    struct accounts *accounts;
    struct turns *turns;
    struct guest guests[CONN_MAX];
    size_t n_guests, n_strangers;
};

static void
on_called(void *userdata, struct conn *conn, const struct message_call *call)
{
    struct listener *listener = userdata;

    listener->owner.called(listener->owner.userdata, conn, call);
}

static void
on_garbled(void *userdata, struct conn *conn)
{
    struct listener *listener = userdata;

    listener->owner.garbled(listener->owner.userdata, conn);
}

static void
on_freed(void *userdata)
{
    struct listener *listener = userdata;

    for (size_t i = 0; i < listener->n_guests; i++)
        conn_resume(listener->guests[i].conn);
}

static void
on_closed(void *userdata, struct conn *conn)
{
    struct listener *listener = userdata;
    size_t i = 0;

    while (listener->guests[i].conn != conn)
        i++;
    listener->n_strangers -= listener->guests[i].is_stranger;
    listener->guests[i] = listener->guests[--listener->n_guests];
    conn_free(conn);
    on_freed(listener);
}

static size_t
frame_max(void *userdata, const struct peer *peer)
{
    struct listener *listener = userdata;

    return listener->owner.knows(listener->owner.userdata, peer) ? FRAME_MAX_BYTES
                                                                 : FRAME_SMALL_MAX_BYTES;
}

/* Close the longest idle connection of a stranger, or else of the largest holder. False: none is
 * idle. */
static bool
evict(struct listener *listener, bool is_stranger)
{
    const struct account *largest = accounts_largest(listener->accounts);
    struct conn *idlest = NULL;
    uint64_t since = UINT64_MAX;

    for (size_t i = 0; i < listener->n_guests; i++) {
        const struct guest *guest = &listener->guests[i];
        bool is_meant = is_stranger ? guest->is_stranger : conn_account(guest->conn) == largest;
        if (is_meant && conn_idle_since(guest->conn) < since) {
            idlest = guest->conn;
            since = conn_idle_since(guest->conn);
        }
    }

    if (!idlest)
        return false;

    on_closed(listener, idlest);
    return true;
}

/* NULL: there is a place, or one was made. Else the name of the bound. */
static const char *
make_room(struct listener *listener, bool is_stranger)
{
    if (is_stranger && listener->n_strangers == CONN_MAX_STRANGERS && !evict(listener, true))
        return "CONN_MAX_STRANGERS";

    if (listener->n_guests == CONN_MAX && !evict(listener, false))
        return "CONN_MAX";

    return NULL;
}

/* There is no connection yet whose state machine could say it; one attempt, without waiting. */
static void
refuse(int fd, const char *bound)
{
    closing(bytes_done) struct bytes out = BYTES_INIT(OUTPUT_MAX_BYTES);
    json_t *parameters = json_pack("{s:s,s:i}", "bound", bound, "retry_after_ms", 1000);

    message_put_error(&out, MESSAGE_INTERFACE ".Busy", parameters);
    json_decref(parameters);
    if (!bytes_check(&out, NULL))
        (void)!send(fd, out.p, out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void
welcome(struct listener *listener, int *fd)
{
    closing(peer_unrefp) struct peer *peer = NULL;
    struct account *account = NULL;
    struct conn *conn = NULL;
    struct why why;

    if (peer_new(&peer, *fd, NULL, &why))
        return;

    bool is_stranger = !listener->owner.knows(listener->owner.userdata, peer);
    size_t max = is_stranger ? CONN_MAX_PER_STRANGER : CONN_MAX_PER_UID;
    enum rc rc = account_enter(&account, listener->accounts, peer->uid, max, &why);
    if (rc) {
        refuse(*fd, rc == RC_BUSY ? why.text : "memory");
        return;
    }

    /* Only now: whoever is over a bound of their own takes nobody's place. */
    const char *bound = make_room(listener, is_stranger);
    if (bound) {
        account_leave(account);
        refuse(*fd, bound);
        return;
    }

    struct conn_owner owner = {listener, on_called, on_garbled, on_freed, on_closed, frame_max,
        listener->turns, is_stranger ? TURN_STRANGERS : peer->uid};
    if (conn_new_take(&conn, listener->event, fd, &peer, account, &owner, &why))
        return;

    listener->guests[listener->n_guests++] = (struct guest){conn, is_stranger};
    listener->n_strangers += is_stranger;
}

/* Connections that cannot be accepted stay in the queue, of which the loop would be told again at
 * once and for ever. */
static void
pause_accepting(struct listener *listener)
{
    sd_event_source_set_enabled(listener->source, SD_EVENT_OFF);
    sd_event_source_set_time_relative(listener->retry, RETRY_US);
    sd_event_source_set_enabled(listener->retry, SD_EVENT_ONESHOT);
}

static int
on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct listener *listener = userdata;

    (void)source;
    (void)usec;
    sd_event_source_set_enabled(listener->source, SD_EVENT_ON);
    return 0;
}

static int
on_connect(sd_event_source *source, int listen_fd, uint32_t events, void *userdata)
{
    struct listener *listener = userdata;

    (void)source;
    (void)events;
    for (size_t i = 0; i < ACCEPTS_PER_ROUND; i++) {
        closing(fd_close) int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            bool is_out = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
            if (is_out && !evict(listener, false))
                pause_accepting(listener);
            break;
        }

        welcome(listener, &fd);
    }

    turns_next(listener->turns);
    return 0;
}

/* Whether somebody answers at the socket file. */
static bool
is_alive(const struct sockaddr_un *address)
{
    closing(fd_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    return fd >= 0 &&
           (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EAGAIN);
}

static enum rc
bind_path(struct listener *listener, const char *path, struct why *why)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat st;

    if (strlen(path) >= sizeof address.sun_path)
        return fail(why, RC_SYSTEM,
            "socket path '%s' is longer than %zu bytes: name a shorter one with --socket", path,
            sizeof address.sun_path - 1);
    memcpy(address.sun_path, path, strlen(path) + 1);

    if (lstat(path, &st) == 0) {
        if (!S_ISSOCK(st.st_mode))
            return fail(why, RC_SYSTEM,
                "'%s' exists and is no socket: remove it, or name another with --socket", path);
        if (is_alive(&address))
            return fail(why, RC_BUSY,
                "another agent listens on '%s': end that, or name another with --socket", path);
        unlink(path);
    }

    listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener->fd < 0)
        return fail(why, RC_SYSTEM, "socket: %s", strerror(errno));

    mode_t mask = umask(0111); /* 0666 from the first moment on */
    int bound = bind(listener->fd, (const struct sockaddr *)&address, sizeof address);
    umask(mask);
    if (bound < 0)
        return fail(why, RC_SYSTEM,
            "cannot make the socket '%s': %s: let its directory belong to uid %u, or name another "
            "with "
            "--socket",
            path, strerror(errno), geteuid());

    listener->is_ours = true;
    if (listen(listener->fd, SOMAXCONN) < 0)
        return fail(why, RC_SYSTEM, "listen on '%s': %s", path, strerror(errno));

    return RC_OK;
}

/* For people; a socket without a name keeps the path that was asked for. */
static enum rc
read_path(struct listener *listener, struct why *why)
{
    struct sockaddr_un address;
    socklen_t len = sizeof address;

    if (getsockname(listener->fd, (struct sockaddr *)&address, &len) < 0)
        return fail(why, RC_SYSTEM, "name of the socket: %s", strerror(errno));

    size_t name = len > offsetof(struct sockaddr_un, sun_path)
                      ? strnlen(address.sun_path, len - offsetof(struct sockaddr_un, sun_path))
                      : 0;
    if (name == 0)
        return RC_OK;

    free(listener->path);
    listener->path = strndup(address.sun_path, name);
    return listener->path ? RC_OK : fail_memory(why);
}

static enum rc
take_activated(struct listener *listener, struct why *why)
{
    if (sd_listen_fds(1) != 1)
        return fail(
            why, RC_SYSTEM, "systemd passed more than one socket, want one: mend the socket unit");

    if (sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_STREAM, 1, NULL, 0) <= 0)
        return fail(why, RC_SYSTEM,
            "systemd passed something that is no listening Unix socket: mend the socket unit");

    listener->fd = SD_LISTEN_FDS_START;
    /* systemd passes it blocking, unless the unit says NonBlocking=; accept would wait then. */
    int flags = fcntl(listener->fd, F_GETFL);
    if (flags < 0 || fcntl(listener->fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return fail(why, RC_SYSTEM, "flags of the socket: %s", strerror(errno));

    return read_path(listener, why);
}

enum rc
listener_new(struct listener **ret, sd_event *event, const char *path,
    const struct listener_owner *owner, struct why *why)
{
    closing(listener_freep) struct listener *listener = calloc(1, sizeof *listener);
    if (!listener)
        return fail_memory(why);

    listener->owner = *owner;
    listener->event = event;
    listener->fd = -1;
    listener->path = strdup(path);
    if (!listener->path)
        return fail_memory(why);

    enum rc rc = accounts_new(&listener->accounts, why);
    if (rc)
        return rc;

    rc = turns_new(&listener->turns, event, why);
    if (rc)
        return rc;

    rc = sd_listen_fds(0) > 0 ? take_activated(listener, why) : bind_path(listener, path, why);
    if (rc)
        return rc;

    *ret = steal(listener);
    return RC_OK;
}

enum rc
listener_start(struct listener *listener, struct why *why)
{
    if (sd_event_add_io(
            listener->event, &listener->source, listener->fd, EPOLLIN, on_connect, listener) < 0 ||
        sd_event_add_time_relative(listener->event, &listener->retry, CLOCK_MONOTONIC, RETRY_US, 0,
            on_retry, listener) < 0 ||
        sd_event_source_set_enabled(listener->retry, SD_EVENT_OFF) < 0)
        return fail(why, RC_SYSTEM, "cannot add an event source");

    return RC_OK;
}

void
listener_free(struct listener *listener)
{
    if (!listener)
        return;

    sd_event_source_disable_unref(listener->source);
    sd_event_source_disable_unref(listener->retry);
    while (listener->n_guests > 0)
        conn_free(listener->guests[--listener->n_guests].conn);
    turns_free(listener->turns);
    accounts_free(listener->accounts);
    fd_close(&listener->fd);
    if (listener->is_ours)
        unlink(listener->path);
    free(listener->path);
    free(listener);
}

size_t
listener_n_connections(const struct listener *listener)
{
    return listener->n_guests;
}

const char *
listener_path(const struct listener *listener)
{
    return listener->path;
}
