/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * peer — who is at the other end of a connection, as the kernel says.
 *
 * Taken once, at accept: credentials are those of connect(2). Only uid, gids, the door and the unit
 * decide; pid and label are for the record.
 *
 * Whose turns and bounds a peer shares is its lane: its uid at its door. Root of a container is uid
 * 0 like any other root, and must not take what those have who come through other doors.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/rc.h"

/* What the main door is called where it needs a name; no socket of the policy is. */
#define PEER_MAIN_DOOR "agent"

struct peer {
    uid_t uid;
    gid_t gid;
    gid_t *gids; /* supplementary groups */
    size_t n_gids;
    pid_t pid;     /* 0: in a PID namespace that we do not see */
    char *label;   /* security label, or NULL */
    char *door;    /* name of the socket of the policy it came through; NULL: the main one */
    char *unit;    /* of systemd, in which it runs, by its pidfd; NULL: none, or not to be known */
    uint64_t lane; /* the uid, and above its 32 bits the number of the door; 0: the main one */
    bool is_shut_out; /* its door was closed since: nothing is granted to it any more */
    unsigned n_refs;
};

/* fd: a connected Unix socket, borrowed. door: NULL: the main one. RC_SYSTEM. *ret: peer_unref().
 */
must_check enum rc peer_new(struct peer **ret, int fd, const char *door, struct why *why);
/* Which takes as long as all else together: once, for those who are let in. */
void peer_find_unit(struct peer *peer, int fd);
/* A peer as the user database describes it, for Explain of somebody else. user: name or number; a
 * number without an account has no groups. RC_NOT_FOUND: no such name. */
must_check enum rc peer_of_user(
    struct peer **ret, const char *user, const char *door, struct why *why);
struct peer *peer_ref(struct peer *peer);
void peer_unref(struct peer *peer);
DEFINE_CLEANUP(struct peer, peer_unref);

/* Member of the group, primary or supplementary; never true for uid 0, whose groups mean nothing.
 * (The overflow uid and gid match nobody because no policy may name them, see policy.h.) */
bool peer_is_in(const struct peer *peer, gid_t gid);

/* RC_SYSTEM: the uid_map or gid_map of this process is not the identity, so what the kernel says
 * about peers means nothing. */
must_check enum rc peer_check_namespace(struct why *why);
/* The uid and gid that the kernel shows for those that it cannot map. */
uid_t peer_overflow_uid(void);
gid_t peer_overflow_gid(void);
