/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * verdict — what the agent would decide on one document, as Explain answers.
 */
#include "proto/members.h"

struct verdict {
    bool is_allowed;
    const char *grant, *reason; /* NULL: none */
    const char *remedy;
    const json_t *checks, *difference;
};

/* One of the checks: a rule, what it wants and what it found. */
struct verdict_check {
    const char *rule, *want, *have; /* the latter two may be empty */
    bool holds;
};
/* Borrows from the answer. RC_MALFORMED. */
must_check enum rc verdict_check_read(
    struct verdict_check *ret, const json_t *check, struct why *why);

/* Likewise, of all of it. */
must_check enum rc verdict_read(struct verdict *ret, const json_t *answer, struct why *why);

/* "rollback", "approvals", … of countersign-protocol(7) */
bool verdict_is_because(const struct verdict *verdict, const char *reason);
/* Allowed, or only for a version that publish() goes past: one that was released to somebody and
 * never published. */
bool verdict_is_good(const struct verdict *verdict);

/* For one that is not good: what Sign would fail with, and a sentence of the agent's words.
 * RC_DENIED, RC_PENDING, RC_TOKEN, RC_STALE; RC_MALFORMED. */
must_check enum rc verdict_fail(const struct verdict *verdict, struct why *why);
