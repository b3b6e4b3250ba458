/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * listener — all connections, through the doors of the agent.
 *
 * Bounds are per uid and door; the listener as a whole is never slowed down, as that would let one
 * user stall all.
 */
#include "agent/conn.h"
#include "agent/doors.h"

struct listener;

struct listener_owner {
    void *userdata;
    void (*called)(void *userdata, struct conn *conn, const struct message_call *call);
    void (*garbled)(void *userdata, struct conn *conn); /* see conn.h */
    /* Whether any grant or admin entry names the peer; strangers get narrower bounds. */
    bool (*knows)(void *userdata, const struct peer *peer);
    /* What became of a door, see doors.h; NULL: nobody cares. */
    void (*door)(void *userdata, enum doors_news news, const char *name, const char *detail);
};

/* The main door, as doors_new(). Connections wait until listener_start(). RC_BUSY, RC_SYSTEM. */
must_check enum rc listener_new(struct listener **ret, sd_event *event, const char *path,
    const struct listener_owner *owner, struct why *why);
must_check enum rc listener_start(struct listener *listener, struct why *why);
/* After that: the doors of this policy are open, and who came through others has to go, with an
 * answer to what was asked. */
void listener_follow(struct listener *listener, const struct policy *policy);
/* Closes all connections and doors. */
void listener_free(struct listener *listener);
DEFINE_CLEANUP(struct listener, listener_free);

bool listener_is_open(const struct listener *listener, const char *name); /* that door */
size_t listener_n_connections(const struct listener *listener);
const char *listener_path(const struct listener *listener); /* of the main door */
