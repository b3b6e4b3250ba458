/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * ledger_parked — requests that wait for the votes of others, and the votes.
 *
 * A request is open until it is released or denied. Its body is given up then, but it is remembered
 * until it expires: the votes stand for a retry of the same bytes, and a denial stands as well. It
 * is void, and gone, as soon as a mark shows that other bytes have its version of a role, or that a
 * later one was released or published.
 *
 * All times are seconds UTC. Reading sees neither what has expired nor what is void; writing takes
 * a transaction, as all of ledger.h.
 */
#include <sys/types.h>

#include "agent/ledger.h"
#include "proto/members.h"

#define PARKED_ID_LEN 8 /* of 32 characters each: no i, l, o or u */

enum parked_state {
    PARKED_OPEN,
    PARKED_RELEASED,
    PARKED_DENIED,
};

struct parked {
    char id[PARKED_ID_LEN + 1];
    uid_t uid;            /* who asked */
    struct digest digest; /* that people look at */
    int64_t created_at, expires_at;
    enum parked_state state;
    uid_t denied_by; /* with PARKED_DENIED */
    char *reason;    /* why, as he says; "" without one */
    json_t *summary; /* what a list tells of it */
};
void parked_done(struct parked *parked); /* zeros are fine */

/* One role that it would release. */
struct parked_role {
    const char *repository, *role;
    int64_t version;
    struct digest digest;
};

/* What is to be parked. */
struct parked_request {
    uid_t uid;
    struct digest claim; /* of everything that is asked for: one request of uid has it */
    struct digest digest;
    const json_t *summary, *body;
    const struct parked_role *roles;
    size_t n_roles;
};

/*
 * *ret_id: its id, random; it expires PARKED_LIFETIME_S from now. What has expired or is void is
 * purged first. RC_TOO_LARGE: PARKED_REQUEST_MAX_BYTES. RC_REFUSED: PARKED_MAX_PER_UID of uid
 * are open. RC_BUSY: the bound that all open ones are at. RC_STORAGE, RC_NO_MEMORY.
 */
must_check enum rc ledger_park(char ret_id[PARKED_ID_LEN + 1], struct ledger *ledger,
    const struct parked_request *request, int64_t now, struct why *why);

/* By what was asked for, or by id. *ret: parked_done(). RC_NOT_FOUND, RC_STORAGE, RC_NO_MEMORY. */
must_check enum rc ledger_find_parked(struct parked *ret, struct ledger *ledger, uid_t uid,
    const struct digest *claim, int64_t now, struct why *why);
must_check enum rc ledger_parked(
    struct parked *ret, struct ledger *ledger, const char *id, int64_t now, struct why *why);
/* The body of an open one. *ret: json_decref(). RC_NOT_FOUND, RC_STORAGE, RC_NO_MEMORY. */
must_check enum rc ledger_parked_body(
    json_t **ret, struct ledger *ledger, const char *id, struct why *why);
/* All open ones, from the oldest on. *ret: ids, ret_n of them, free(). RC_STORAGE, RC_NO_MEMORY. */
must_check enum rc ledger_list_parked(char (**ret)[PARKED_ID_LEN + 1], size_t *ret_n,
    struct ledger *ledger, int64_t now, struct why *why);

/* A second vote of the same uid changes nothing. RC_BUSY: PARKED_VOTES_MAX. RC_STORAGE. */
must_check enum rc ledger_put_vote(
    struct ledger *ledger, const char *id, uid_t uid, int64_t now, struct why *why);
/* In the order of uids. *ret: free(). RC_STORAGE, RC_NO_MEMORY. */
must_check enum rc ledger_votes(
    uid_t **ret, size_t *ret_n, struct ledger *ledger, const char *id, struct why *why);

/* RC_STORAGE. */
must_check enum rc ledger_put_released(struct ledger *ledger, const char *id, struct why *why);
must_check enum rc ledger_put_denied(
    struct ledger *ledger, const char *id, uid_t uid, const char *reason, struct why *why);
/* Withdrawn: as if it had never been. RC_STORAGE. */
must_check enum rc ledger_forget_parked(struct ledger *ledger, const char *id, struct why *why);
/* What has expired or is void goes. RC_STORAGE. */
must_check enum rc ledger_purge_parked(struct ledger *ledger, int64_t now, struct why *why);
