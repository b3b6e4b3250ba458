/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * quota — how much of the quota of a grant each uid has used: documents that were released within
 * the sliding window, which the ledger counts, and those in work.
 *
 * Counted to the minute, and never too few: a document counts until the minute in which it was
 * released has left the window as a whole. A clock that was set back makes what was released in its
 * future count as released now, for one window: it neither gives a quota back nor blocks it for
 * ever. What was released without a quota, or under another name of the grant, does not count.
 */
#include "agent/decide.h"
#include "agent/ledger.h"

struct quota;      /* of all grants and uids */
struct quota_hold; /* what one request takes, if it is released */

/* The ledger is borrowed for life. RC_STORAGE, RC_NO_MEMORY. */
must_check enum rc quota_new(struct quota **ret, struct ledger *ledger, struct why *why);
void quota_free(struct quota *quota); /* after the last hold */
DEFINE_CLEANUP(struct quota, quota_free);

struct quota_use {
    int64_t n;       /* documents that count */
    int64_t free_at; /* where these are all: when the next one may be released, seconds UTC;
                        0: as soon as one in work fails, or now */
};
/* Of a grant that has a quota. Not within a transaction. RC_STORAGE. */
must_check enum rc quota_use(struct quota_use *ret, struct quota *quota,
    const struct policy_grant *grant, uid_t uid, int64_t now, struct why *why);

/* The same for each grant of the policy; zeros for those without a quota, or not for that peer. */
struct quota_uses {
    int64_t *n, *free_at;
};
/* *ret: quota_uses_done(), also after a failure. RC_STORAGE, RC_NO_MEMORY. */
must_check enum rc quota_uses_of(struct quota_uses *ret, struct quota *quota,
    const struct policy *policy, const struct peer *peer, int64_t now, struct why *why);
void quota_uses_done(struct quota_uses *uses);

/* From now on what the decision, which is RC_OK, lets uid sign is in work. *ret: NULL: no grant of
 * it has a quota. policy, of which the decision is, is borrowed for life. RC_NO_MEMORY. */
must_check enum rc quota_hold(struct quota_hold **ret, struct quota *quota,
    const struct policy *policy, const struct decision *decision, uid_t uid, struct why *why);
/* Give back what was not taken. NULL is fine. */
void quota_give_back(struct quota_hold *hold);

/* What is released now, in the open transaction: the documents of the decision that still have a
 * signature. NULL is fine. RC_DENIED: more than the quota. RC_STORAGE, RC_NO_MEMORY. */
must_check enum rc quota_take(
    struct quota_hold *hold, const struct decision *decision, int64_t now, struct why *why);
