/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * ending — how a judged request ends: its record becomes durable, and then it is answered.
 *
 * What the requests that take a while (Sign, IssueRootCertificate) have in common. It is embedded
 * in them, and their last act: after ending_finish() they only wait to be freed.
 */
#include "agent/judgment.h"

struct ending {
    struct agent *agent;
    struct conn *conn; /* NULL: it hung up */
    struct peer *peer; /* counted */
    struct judgment *judgment;
    const char *method; /* for the record */

    /* Of the request, called with it: */
    void *request;
    void (*stop)(void *request); /* no callback of its work comes any more */
    enum rc (*write)(void *request, struct ledger *ledger, struct why *why); /* what it releases */
    void (*reply)(void *request);
    bool (*stay)(void *request); /* parked: it goes on, after ending_reopen(); NULL: never */
    void (*free)(void *request);

    sd_event_source *deadline;
    bool is_expected;  /* see ending_expect() */
    bool is_finishing; /* outcome is set, and its record under way */
    enum audit_outcome outcome;
    enum rc failed; /* with AUDIT_FAILED */
    struct why failed_why;
    const char *token; /* name of the one to be blamed; borrowed from the judgment; may be NULL */
    int64_t record;
};

/* The connection's call is this request's from now on, for SIGN_TIMEOUT_S at most. Where it fails
 * the call is the caller's to answer. RC_SYSTEM. */
must_check enum rc ending_begin(struct ending *ending, struct why *why);
/* It waits for nobody but its tokens: what is recorded meanwhile may wait for it. */
void ending_expect(struct ending *ending);
/* It is recorded, and yet not over: its call stays, without a deadline until ending_hurry(). */
void ending_reopen(struct ending *ending);
void ending_hurry(struct ending *ending); /* SIGN_TIMEOUT_S from now */
/*
 * The end: released, refused by the decision, parked, failed, or cancelled. The request is freed
 * later, never from within this call unless there is no memory. What cannot be released after all
 * ends as refused or failed; then stop() is called again.
 */
void ending_finish(struct ending *ending, enum audit_outcome outcome);
/* The same for a failure, which the caller is told. */
void ending_fail(struct ending *ending, enum rc rc, const struct why *why);
/*
 * Before a digest goes to a token. True: the decision still holds, or was made again because what
 * it stood on has changed, and allows it; then *ret_is_new is true. False: it does not, and the
 * request has ended, with stop() called.
 */
must_check bool ending_still_holds(struct ending *ending, bool *ret_is_new);
/* Before a failure: should it be one of a token, it is that of this choice's key. */
void ending_blame(struct ending *ending, const struct decide_choice *choice);
/* Frees what belongs to the ending: peer, judgment and deadline. */
void ending_done(struct ending *ending);
