/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * weigh — one key that a document names, under every grant of the caller: under which one it signs,
 * or why under none. The inner part of decide.h.
 *
 * Of several grants that let it sign, the one that costs least counts: without a quota rather than
 * with one, then that with most of it left, then by name. So the order of the policy never matters.
 */
#include "agent/decide.h"

/* One document under judgment. */
struct matter {
    const struct decide_request *request;
    const struct subject *subject;
    const struct decide_known *known;
    struct decide_verdict *verdict;
    const int64_t
        *taken; /* for each grant of the policy: documents before this one that it signs */
};

/* Borrowed, or NULL: the agent has no such key. */
const struct decide_key *weigh_find_key(
    const struct decide_request *request, const struct keyid *id);
/* Fill in a choice: whether that key signs, under which grant, or why not. */
void weigh_wanted(const struct matter *m, const struct keyid *wanted, struct decide_choice *choice);
/* Who wants none but unknown keys may want one that was never seen, because its token was not there
 * yet: if he may use such a one, choice becomes it, so that the token is what is missing. */
void weigh_unseen(const struct matter *m, struct decide_choice *choice);
/* How near to a signature a reason is: of several, the nearest is told. */
int weigh_closeness(enum reason reason);

/* What is behind a reason. */

/* A tag that changes and that the grant does not name; NULL: none. */
const char *weigh_find_foreign_tag(const struct matter *m, const struct policy_grant *grant);
/* Where the published chain lists the key outside its scope; NULL: nowhere. */
const struct subject_listing *weigh_find_elsewhere(
    const struct matter *m, const struct decide_key *key);
/* Documents that the quota of the grant still allows; INT64_MAX: it has none. */
int64_t weigh_count_left(const struct matter *m, const struct policy_grant *grant);
/* Votes that count under the grant. */
size_t weigh_count_votes(const struct matter *m, const struct policy_grant *grant);
