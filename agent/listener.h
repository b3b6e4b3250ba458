/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * listener — the agent's socket and all connections through it.
 *
 * The socket's mode is 0666: the policy decides, not the file. Bounds are per uid; the listener as
 * a whole is never slowed down, as that would let one user stall all.
 */
#include "agent/conn.h"

struct listener;

struct listener_owner {
    void *userdata;
    void (*called)(void *userdata, struct conn *conn, const struct message_call *call);
    void (*garbled)(void *userdata, struct conn *conn); /* see conn.h */
    /* Whether any grant or admin entry names the peer; strangers get narrower bounds. */
    bool (*knows)(void *userdata, const struct peer *peer);
};

/*
 * Take the socket that systemd passed, or else make one at path; its directory must exist. A socket
 * file that nobody listens on is replaced. Connections wait until listener_start().
 * RC_BUSY: another agent listens there. RC_SYSTEM.
 */
must_check enum rc listener_new(struct listener **ret, sd_event *event, const char *path,
    const struct listener_owner *owner, struct why *why);
must_check enum rc listener_start(struct listener *listener, struct why *why);
/* Closes all connections and removes the socket file that it made. */
void listener_free(struct listener *listener);
DEFINE_CLEANUP(struct listener, listener_free);

size_t listener_n_connections(const struct listener *listener);
const char *listener_path(const struct listener *listener);
