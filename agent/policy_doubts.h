/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * policy_doubts — what is in a policy and probably not meant: what reaches nobody, and what reaches
 * further than it looks. It asks the databases of users and groups.
 */
#include "agent/policy.h"

struct policy_doubts {
    char **doubts; /* sorted sentences, "key qa: …"; the first POLICY_DOUBTS_MAX that were found */
    size_t n, n_more;
};

/* RC_NO_MEMORY. policy_doubts_done(). */
must_check enum rc policy_doubts_of(
    struct policy_doubts *ret, const struct policy *policy, struct why *why);
void policy_doubts_done(struct policy_doubts *doubts);

/* For the files that find them: what failed for lack of memory is told at the end. */
struct policy_doubter {
    const struct policy *policy;
    struct policy_doubts *doubts;
    bool lacks_memory;
};
like_printf(2, 3) void policy_doubt(struct policy_doubter *doubter, const char *fmt, ...);
/* About people: names that match nobody, or that are root. what: "grant qa", "admins". */
void policy_doubt_who(
    struct policy_doubter *doubter, const char *what, const struct policy_who *who);
/* About one grant: whom it reaches, and what of it binds nobody. */
void policy_doubt_grant(struct policy_doubter *doubter, const struct policy_grant *grant);
/* About others that give some of the same people a key of this grant with less to narrow it. */
void policy_doubt_overlaps(struct policy_doubter *doubter, const struct policy_grant *grant);
