/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * batch_mark — what an agent that does not sign says instead: that it has released other bytes, or
 * has seen newer ones published.
 */
#include "client/trust.h"
#include "proto/members.h"

/* What the agent has released already for one role, or has seen published. */
struct batch_mark {
    char *repository, *role;
    int64_t version;
    struct digest digest; /* of the message, where it was released */
    struct bytes
        file; /* a root that was released, with its signatures; or what was seen; or empty */
};

struct batch_marks {
    struct batch_mark *marks;
    size_t n;
};
void batch_marks_done(struct batch_marks *marks);

/* Read the parameters of an error Rollback. RC_ROLLBACK, with the sentence that is there; else what
 * is wrong with them. batch_marks_done(). */
must_check enum rc batch_marks_read_rollback(
    struct batch_marks *ret, const json_t *parameters, struct why *why);
/* Likewise of Stale: one mark. RC_STALE. */
must_check enum rc batch_marks_read_stale(
    struct batch_marks *ret, const json_t *parameters, struct why *why);

/*
 * Somebody was given these versions and is about to publish them. Wait for a moment until all are
 * published, or overtaken; the view is that of the newest version then. *ret: whether they are;
 * else it is noted. What trust_update() says.
 */
must_check enum rc batch_marks_await(bool *ret, struct trust *trust,
    const struct batch_marks *marks, const struct progress *progress, struct why *why);
/* RC_CONFLICT: others have signed something else under that version, which it keeps. */
must_check enum rc batch_mark_fail(const struct batch_mark *mark, struct why *why);
