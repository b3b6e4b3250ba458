/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * conn — one connection: reads a call, has it answered, writes the reply; the only place that
 * replies.
 *
 * One call is in work at a time, and meanwhile nothing is read: that is the back-pressure. After a
 * call with "upgrade" nothing is read any more, and one last word follows.
 */
#include <systemd/sd-event.h>

#include "agent/account.h"
#include "agent/peer.h"
#include "agent/turn.h"
#include "proto/message.h"

struct conn;

/* What the owner of a connection is told. */
struct conn_owner {
    void *userdata;
    /* A complete call; answer it by one of conn_reply(), conn_error(), now or later. */
    void (*called)(void *userdata, struct conn *conn, const struct message_call *call);
    /* A frame that is no call; the connection answers it and ends. */
    void (*garbled)(void *userdata, struct conn *conn);
    /* Bytes of frames were given back: others that wait for some may go on. */
    void (*freed)(void *userdata);
    /* It is over; the owner calls conn_free(). */
    void (*closed)(void *userdata, struct conn *conn);
    /* Bytes that a frame of this peer may have. */
    size_t (*frame_max)(void *userdata, const struct peer *peer);
    struct turns *turns; /* in which it reads; borrowed for life */
    uint64_t lane;       /* whose turns those are */
};

/* Takes fd and peer (NULLs them) and a connection of account, also where it fails. owner is copied.
 */
must_check enum rc conn_new_take(struct conn **ret, sd_event *event, int *fd, struct peer **peer,
    struct account *account, const struct conn_owner *owner, struct why *why);
void conn_free(struct conn *conn);
DEFINE_CLEANUP(struct conn, conn_free);

struct peer *conn_peer(const struct conn *conn);
const struct account *conn_account(const struct conn *conn);
/* When it was last of use, monotonic microseconds; UINT64_MAX while it reads, answers or writes. */
uint64_t conn_idle_since(const struct conn *conn);
/* Bytes of frames are free again: go on if it waited for them. */
void conn_resume(struct conn *conn);

/* Answer the call in work, if any, and end, within UPGRADE_TIMEOUT_S: as after its lifetime. It may
 * be freed by this. */
void conn_finish(struct conn *conn);

/* Work on the call ends when the connection does: cancel(work) is called then, and never after the
 * reply. */
void conn_set_work(struct conn *conn, void *work, void (*cancel)(void *work));

/* The reply to the call in work. parameters are consumed; NULL: there was no memory for them, which
 * is what the caller is told then. */
void conn_reply(struct conn *conn, json_t *parameters);
/* An error of org.countersign.Agent of that kind. parameters are consumed; NULL: none. */
void conn_error(struct conn *conn, enum rc rc, json_t *parameters);
/* An error of org.varlink.service. parameters are consumed. */
void conn_service_error(struct conn *conn, const char *name, json_t *parameters);

/* What the call in work says beside its parameters. */
struct conn_wants {
    bool more, upgrade;
};
struct conn_wants conn_wants(const struct conn *conn);

/* Before the reply to a call with "more": what it waits for, as parameters of a reply, which are
 * consumed. Who does not read in time misses it. */
void conn_tell(struct conn *conn, json_t *parameters);

/*
 * A reply that is not the last one, to a call with "more", and which is not lost: step(work) comes
 * when all of it has gone out and it is the connection's turn, to go on. parameters are consumed;
 * NULL: say nothing, only wait for the turn. Who does not read ends, as with a last reply.
 *
 * The work may be cancelled within this call, if there is no memory: touch it no more. False: the
 * reply is too large, or there is no memory for it; answer otherwise.
 */
must_check bool conn_continue(struct conn *conn, json_t *parameters, void (*step)(void *work));

/* The work waits for something that may never come: until conn_continue() or the reply the
 * connection counts as idle. */
void conn_rest(struct conn *conn);

/*
 * Reply to a call with "upgrade" and read nothing more: what follows is a secret, for a token's
 * worker to read from *ret_fd (borrowed), and its work goes on until conn_reply() or conn_error()
 * says the last word. After UPGRADE_TIMEOUT_S it is canceled, without one. parameters are consumed.
 *
 * False: no more is to be answered, and the connection ends: it sent something before it was told
 * to, or does not read.
 */
must_check bool conn_upgrade(struct conn *conn, json_t *parameters, int *ret_fd);
