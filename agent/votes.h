/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * votes — who agreed to exactly what is asked for now, as the ledger and the user database know it
 * at this moment.
 *
 * Votes are bound to a claim: all bytes, what they are claimed to be, and what they change of what
 * is published: on another base they would do something else than what was agreed to. Groups of
 * voters are looked up anew each time, so who left a group counts no more. Whether one counts is
 * decide.h's.
 */
#include "agent/ledger_parked.h"
#include "agent/peer.h"
#include "agent/subject.h"
#include "proto/bounds.h"
#include "proto/changes.h"

struct votes {
    struct digest claim;  /* formats, repositories, roles, keys, digests, changes, in their order */
    struct digest digest; /* that people look at: the document's; of several, that of theirs */
    char id[PARKED_ID_LEN + 1]; /* of the parked request; "": there is none */
    int64_t expires_at;         /* of it */
    enum parked_state state;
    struct peer **peers; /* who voted; counted */
    size_t n_peers;
    char denial[PARKED_REASON_MAX_BYTES + 64]; /* who said no, and why; "": nobody */
};

/* What people look at and type digits of. */
void votes_digest(struct digest *ret, const struct digest *documents, size_t n);

struct votes_request {
    uid_t uid; /* who asks */
    struct subject *const *subjects;
    const struct changes *changes; /* of each */
    size_t n_subjects;
    int64_t now; /* seconds UTC */
};

/* Look up what is asked for. *ret: votes_done(). RC_STORAGE, RC_NO_MEMORY. */
must_check enum rc votes_new(
    struct votes *ret, struct ledger *ledger, const struct votes_request *request, struct why *why);
/* Those on a parked request, by its id; no claim, no denial. */
must_check enum rc votes_of(
    struct votes *ret, struct ledger *ledger, const char *id, struct why *why);
void votes_done(struct votes *votes); /* zeros are fine */

/* A user as the user database has him: with his groups, at the main door. *ret: peer_unref().
 * RC_SYSTEM, RC_NO_MEMORY. */
must_check enum rc votes_peer(struct peer **ret, uid_t uid, struct why *why);
