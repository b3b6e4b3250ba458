/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/listener.h"

#include <errno.h>
#include <sys/socket.h>

#include "proto/bounds.h"

#define ACCEPTS_PER_ROUND 4 /* then others have their turn */

/* Who holds a connection. */
struct guest {
    struct conn *conn;
    bool is_stranger; /* when it connected */
    uint32_t door;    /* its number */
};

struct listener {
    struct listener_owner owner;
    sd_event *event; /* borrowed */
    struct doors *doors;
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
refuse(int fd, const char *bound, uint64_t retry_ms)
{
    closing(bytes_done) struct bytes out = BYTES_INIT(OUTPUT_MAX_BYTES);
    json_t *parameters =
        json_pack("{s:s,s:I}", "bound", bound, "retry_after_ms", (json_int_t)retry_ms);

    message_put_error(&out, MESSAGE_INTERFACE ".Busy", parameters);
    json_decref(parameters);
    if (!bytes_check(&out, NULL))
        (void)!send(fd, out.p, out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void
welcome(struct listener *listener, const struct door *door, int *fd)
{
    closing(peer_unrefp) struct peer *peer = NULL;
    struct account *account = NULL;
    struct conn *conn = NULL;
    struct why why;

    if (peer_new(&peer, *fd, door->name, &why))
        return;

    peer->lane |= (uint64_t)door->number << 32;
    bool is_stranger = !listener->owner.knows(listener->owner.userdata, peer);
    size_t max = is_stranger ? CONN_MAX_PER_STRANGER : CONN_MAX_PER_UID;
    enum rc rc = account_enter(&account, listener->accounts, peer->lane, max, &why);
    if (rc) {
        refuse(*fd, rc == RC_BUSY ? why.text : "memory",
            accounts_retry_ms(listener->accounts, peer->lane));
        return;
    }

    /* Only now: whoever is over a bound of their own takes nobody's place. */
    const char *bound = make_room(listener, is_stranger);
    if (bound) {
        account_leave(account);
        refuse(*fd, bound, BUSY_RETRY_MS);
        return;
    }

    peer_find_unit(peer, *fd);
    struct conn_owner owner = {listener, on_called, on_garbled, on_freed, on_closed, frame_max,
        listener->turns, is_stranger ? TURN_STRANGERS : peer->lane};
    if (conn_new_take(&conn, listener->event, fd, &peer, account, &owner, &why))
        return;

    listener->guests[listener->n_guests++] = (struct guest){conn, is_stranger, door->number};
    listener->n_strangers += is_stranger;
}

static void
on_knock(void *userdata, const struct door *door)
{
    struct listener *listener = userdata;

    for (size_t i = 0; i < ACCEPTS_PER_ROUND; i++) {
        closing(fd_close) int fd = accept4(door->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            bool is_out = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
            if (is_out && !evict(listener, false))
                doors_pause(listener->doors);
            break;
        }

        welcome(listener, door, &fd);
    }

    turns_next(listener->turns);
}

/* What they were asked for is answered; what waits for a token is decided anew there. */
static void
on_door_closed(void *userdata, uint32_t number)
{
    struct listener *listener = userdata;

    for (size_t i = listener->n_guests; i > 0; i--) { /* the last one takes the place of who goes */
        if (i > listener->n_guests || listener->guests[i - 1].door != number)
            continue;

        /* Another door may have its name by now. */
        conn_peer(listener->guests[i - 1].conn)->is_shut_out = true;
        conn_finish(listener->guests[i - 1].conn);
    }
}

static void
on_door_news(void *userdata, enum doors_news news, const char *name, const char *detail)
{
    struct listener *listener = userdata;

    if (listener->owner.door)
        listener->owner.door(listener->owner.userdata, news, name, detail);
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
    enum rc rc = accounts_new(&listener->accounts, why);
    if (rc)
        return rc;

    rc = turns_new(&listener->turns, event, why);
    if (rc)
        return rc;

    struct doors_owner doors = {listener, on_knock, on_door_closed, on_door_news};
    rc = doors_new(&listener->doors, event, path, &doors, why);
    if (rc)
        return rc;

    *ret = steal(listener);
    return RC_OK;
}

enum rc
listener_start(struct listener *listener, struct why *why)
{
    return doors_start(listener->doors, why);
}

void
listener_follow(struct listener *listener, const struct policy *policy)
{
    doors_follow(listener->doors, policy);
}

void
listener_free(struct listener *listener)
{
    if (!listener)
        return;

    while (listener->n_guests > 0)
        conn_free(listener->guests[--listener->n_guests].conn);
    doors_free(listener->doors);
    turns_free(listener->turns);
    accounts_free(listener->accounts);
    free(listener);
}

bool
listener_is_open(const struct listener *listener, const char *name)
{
    return doors_is_open(listener->doors, name);
}

size_t
listener_n_connections(const struct listener *listener)
{
    return listener->n_guests;
}

const char *
listener_path(const struct listener *listener)
{
    return doors_main_path(listener->doors);
}
