/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/listener.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "proto/bounds.h"

#define ACCEPTS_PER_ROUND 16 /* then others have their turn */

struct listener {
    struct listener_owner owner;
    sd_event *event; /* borrowed */
    sd_event_source *source;
    int fd;
    char *path;
    bool is_ours; /* the file is to be removed */
    struct accounts *accounts;
    struct conn *conns[CONN_MAX];
    size_t n_conns;
};

static void
on_called(void *userdata, struct conn *conn, const struct message_call *call)
{
    struct listener *listener = userdata;

    listener->owner.called(listener->owner.userdata, conn, call);
}

static void
on_freed(void *userdata)
{
    struct listener *listener = userdata;

    for (size_t i = 0; i < listener->n_conns; i++)
        conn_resume(listener->conns[i]);
}

static void
on_closed(void *userdata, struct conn *conn)
{
    struct listener *listener = userdata;

    for (size_t i = 0; i < listener->n_conns; i++)
        if (listener->conns[i] == conn)
            listener->conns[i] = listener->conns[--listener->n_conns];
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

/* At CONN_MAX the longest idle connection of the largest holder goes. */
static bool
make_room(struct listener *listener)
{
    const struct account *largest = accounts_largest(listener->accounts);
    struct conn *idlest = NULL;

    for (size_t i = 0; i < listener->n_conns; i++) {
        struct conn *conn = listener->conns[i];
        if (conn_account(conn) == largest && conn_idle_since(conn) != UINT64_MAX &&
            (!idlest || conn_idle_since(conn) < conn_idle_since(idlest)))
            idlest = conn;
    }

    if (idlest)
        on_closed(listener, idlest);
    return idlest;
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
    static const char door[] = "agent";
    closing(peer_unrefp) struct peer *peer = NULL;
    struct account *account = NULL;
    struct conn *conn = NULL;
    struct why why;

    if (peer_new(&peer, *fd, door, &why))
        return;

    if (listener->n_conns == CONN_MAX && !make_room(listener)) {
        refuse(*fd, "CONN_MAX");
        return;
    }

    bool is_known = listener->owner.knows(listener->owner.userdata, peer);
    size_t max = is_known ? CONN_MAX_PER_UID : CONN_MAX_PER_STRANGER;
    enum rc rc = account_enter(&account, listener->accounts, peer->uid, max, &why);
    if (rc) {
        refuse(*fd, rc == RC_BUSY ? why.text : "memory");
        return;
    }

    struct conn_owner owner = {listener, on_called, on_freed, on_closed, frame_max};
    if (conn_new_take(&conn, listener->event, fd, &peer, account, &owner, &why))
        return;

    listener->conns[listener->n_conns++] = conn;
}

static int
on_connect(sd_event_source *source, int listen_fd, uint32_t events, void *userdata)
{
    struct listener *listener = userdata;

    (void)source;
    (void)events;
    for (size_t i = 0; i < ACCEPTS_PER_ROUND; i++) {
        closing(fd_close) int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
            return 0;

        welcome(listener, &fd);
    }

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
        return fail(why, RC_SYSTEM, "socket path '%s' is longer than %zu bytes", path,
            sizeof address.sun_path - 1);
    memcpy(address.sun_path, path, strlen(path) + 1);

    if (lstat(path, &st) == 0) {
        if (!S_ISSOCK(st.st_mode))
            return fail(why, RC_SYSTEM, "'%s' exists and is no socket", path);
        if (is_alive(&address))
            return fail(why, RC_BUSY, "another agent listens on '%s'", path);
        unlink(path);
    }

    listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener->fd < 0)
        return fail(why, RC_SYSTEM, "socket: %s", strerror(errno));

    mode_t mask = umask(0111); /* 0666 from the first moment on */
    int bound = bind(listener->fd, (const struct sockaddr *)&address, sizeof address);
    umask(mask);
    if (bound < 0)
        return fail(why, RC_SYSTEM, "cannot make the socket '%s': %s", path, strerror(errno));

    listener->is_ours = true;
    if (listen(listener->fd, SOMAXCONN) < 0)
        return fail(why, RC_SYSTEM, "listen on '%s': %s", path, strerror(errno));

    return RC_OK;
}

static enum rc
take_activated(struct listener *listener, struct why *why)
{
    if (sd_listen_fds(1) != 1)
        return fail(why, RC_SYSTEM, "systemd passed more than one socket, want one");

    if (sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_STREAM, 1, NULL, 0) <= 0)
        return fail(why, RC_SYSTEM, "systemd passed something that is no listening Unix socket");

    listener->fd = SD_LISTEN_FDS_START;
    return RC_OK;
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
            listener->event, &listener->source, listener->fd, EPOLLIN, on_connect, listener) < 0)
        return fail(why, RC_SYSTEM, "cannot add an event source");

    return RC_OK;
}

void
listener_free(struct listener *listener)
{
    if (!listener)
        return;

    sd_event_source_disable_unref(listener->source);
    while (listener->n_conns > 0)
        conn_free(listener->conns[--listener->n_conns]);
    accounts_free(listener->accounts);
    fd_close(&listener->fd);
    if (listener->is_ours)
        unlink(listener->path);
    free(listener->path);
    free(listener);
}

const char *
listener_path(const struct listener *listener)
{
    return listener->path;
}
