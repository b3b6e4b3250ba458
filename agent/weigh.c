/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/weigh.h"

#include <inttypes.h>

#include "proto/bounds.h"
#include "proto/utc.h"

/* One grant on the key, and what comes of it. */
struct candidate {
    const struct policy_grant *grant;
    enum reason reason;
    int64_t left; /* documents of the quota; INT64_MAX: it has none */
};

const struct decide_key *
weigh_find_key(const struct decide_request *request, const struct keyid *id)
{
    for (size_t i = 0; i < request->n_keys; i++)
        if (keyid_eq(&request->keys[i].id, id))
            return &request->keys[i];

    return NULL;
}

/* Rules about one key under one grant of the caller. */

static bool
is_in_unit(const struct matter *m, const struct policy_grant *grant)
{
    const char *unit = m->request->peer->unit;

    return !grant->unit || (unit && !strcmp(unit, grant->unit));
}

/* Rule 9: where the agent can know what is published, the caller shows it. */
static bool
has_wanted_base(const struct matter *m, const struct policy_grant *grant)
{
    return m->known->base != DECIDE_BASE_NONE || (!m->known->needs_base && !grant->tags);
}

/* A file that is published but cannot be read as a base hides what would be changed. */
static bool
has_readable_base(const struct matter *m, const struct policy_grant *grant)
{
    return m->known->base != DECIDE_BASE_UNREADABLE || (grant->delegate && !grant->tags);
}

/* Rule 7: what is published decides, and nothing is where there is no base. */
static bool
may_delegate(const struct matter *m, const struct policy_grant *grant)
{
    return grant->delegate || digest_eq(&m->subject->delegations, &m->known->base_delegations);
}

/* Rule 10: what was released on top of the base may be published before the document, which then
 * takes back what is changed there. Those tags must be the grant's, too. */
static bool
may_undo(const struct matter *m, const struct policy_grant *grant)
{
    const struct decide_known *known = m->known;

    if (!grant->tags || known->version <= known->base_version)
        return true;

    for (size_t i = 0; i < known->n_unpublished; i++)
        if (!policy_grant_admits_tag(grant, known->unpublished[i]))
            return false;

    return known->knows_unpublished;
}

/* Rules 7, 9 and 10: a base that is older than what was released would bring back a delegation that
 * was taken away, or a tag as it was before somebody else changed it. */
static bool
is_up_to_date(const struct matter *m, const struct policy_grant *grant)
{
    const struct subject *subject = m->subject;
    const struct decide_known *known = m->known;
    bool is_again =
        subject->version == known->version && digest_eq(&subject->digest, &known->digest);

    return (grant->delegate || digest_eq(&subject->delegations, &known->newest_delegations)) &&
           (is_again || may_undo(m, grant));
}

/* Rule 10. NULL: all tags that change are granted. */
const char *
weigh_find_foreign_tag(const struct matter *m, const struct policy_grant *grant)
{
    for (size_t i = 0; grant->tags && i < m->known->n_tags; i++)
        if (!policy_grant_admits_tag(grant, m->known->tags[i]))
            return m->known->tags[i];

    return NULL;
}

/* Rule 11 */
static bool
is_short_enough(const struct matter *m, const struct policy_grant *grant)
{
    int64_t most = policy_grant_validity_s(grant, m->subject->rank) + VALIDITY_SLACK_S;

    return m->subject->expires_at - m->request->now <= most;
}

/* Thresholds that are not known to be what they were. */
static bool
has_doubtful_thresholds(const struct matter *m)
{
    return m->known->base == DECIDE_BASE_UNREADABLE &&
           !digest_eq(&m->subject->delegations, &(struct digest){0});
}

/* Rule 12: less protection than before is not for one person to decide, and he would not be the one
 * to say what it was before: it is he who leaves a file out. */
static bool
may_weaken(const struct matter *m, const struct policy_grant *grant)
{
    return (!m->known->lowers_threshold && !has_doubtful_thresholds(m)) ||
           grant->approvals.count > 0;
}

/* Rule 6: where the chain lists the key outside its scope, its signature would count there too.
 * NULL: nowhere. */
const struct subject_listing *
weigh_find_elsewhere(const struct matter *m, const struct decide_key *key)
{
    for (size_t i = 0; i < m->known->n_listings; i++) {
        const struct subject_listing *listing = &m->known->listings[i];
        if (!keyid_eq(&listing->key, &key->id))
            continue;

        closing(freep) char *role = span_dup(listing->role);
        if (!role || !policy_key_covers(key->policy, m->subject->repository, role))
            return listing;
    }

    return NULL;
}

int64_t
weigh_count_left(const struct matter *m, const struct policy_grant *grant)
{
    size_t i = (size_t)(grant - m->request->policy->grants);

    if (grant->quota.n == 0)
        return INT64_MAX;

    return grant->quota.n - (m->request->used ? m->request->used[i] : 0) - m->taken[i];
}

/* Whether that vote counts, and none before it of the same user does. */
static bool
is_counted(const struct matter *m, const struct policy_grant *grant, size_t vote)
{
    const struct decide_request *request = m->request;
    const struct peer *const *votes = request->votes;

    if (!policy_grant_may_approve(grant, votes[vote], request->peer->uid))
        return false;

    for (size_t i = 0; i < vote; i++)
        if (votes[i]->uid == votes[vote]->uid &&
            policy_grant_may_approve(grant, votes[i], request->peer->uid))
            return false;

    return true;
}

/* Rule 13: votes of different people, each of whom may still vote. */
size_t
weigh_count_votes(const struct matter *m, const struct policy_grant *grant)
{
    size_t n = 0;

    for (size_t i = 0; i < m->request->n_votes; i++)
        n += is_counted(m, grant, i);

    return n;
}

/* A certificate says whose key it is; what that is good for is said by a root document. */
static bool
has_votes(const struct matter *m, const struct policy_grant *grant)
{
    return m->subject->is_certificate || weigh_count_votes(m, grant) >= grant->approvals.count;
}

/* What is published, and what the document changes of it. Where it does not verify, decide.c says
 * so, and there is nothing to compare. */
static enum reason
judge_base(const struct matter *m, const struct decide_key *key, const struct policy_grant *grant)
{
    if (m->known->base_problem)
        return REASON_NONE;

    if (!has_wanted_base(m, grant))
        return REASON_BASE_MISSING;

    if (!has_readable_base(m, grant))
        return REASON_BASE;

    if (m->known->stale_role)
        return REASON_STALE;

    if (!may_delegate(m, grant))
        return REASON_DELEGATION_RIGHT;

    if (!is_up_to_date(m, grant))
        return REASON_STALE;

    if (weigh_find_foreign_tag(m, grant))
        return REASON_TAG;

    if (!may_weaken(m, grant))
        return REASON_WEAKER;

    if (weigh_find_elsewhere(m, key))
        return REASON_LISTED_ELSEWHERE;

    return REASON_NONE;
}

/* Who it is first, so that nobody learns what is known of a place where he may not sign. */
static enum reason
judge_grant(const struct matter *m, const struct decide_key *key, const struct policy_grant *grant)
{
    if (!policy_key_covers(key->policy, m->subject->repository, m->subject->role))
        return REASON_KEY_OUTSIDE_SCOPE;

    if (!policy_grant_admits(grant, m->subject->repository))
        return REASON_REPOSITORY;

    if (!is_in_unit(m, grant))
        return REASON_UNIT;

    if (!is_short_enough(m, grant))
        return REASON_VALIDITY;

    enum reason reason = judge_base(m, key, grant);
    if (reason != REASON_NONE)
        return reason;

    if (weigh_count_left(m, grant) <= 0)
        return REASON_QUOTA;

    if (!has_votes(m, grant))
        return REASON_APPROVALS;

    return REASON_NONE;
}

int
weigh_closeness(enum reason reason)
{
    static const enum reason order[] = {REASON_NO_SUCH_KEY, REASON_NOT_GRANTED,
        REASON_KEY_OUTSIDE_SCOPE, REASON_REPOSITORY, REASON_UNIT, REASON_VALIDITY,
        REASON_BASE_MISSING, REASON_BASE, REASON_STALE, REASON_DELEGATION_RIGHT, REASON_TAG,
        REASON_WEAKER, REASON_LISTED_ELSEWHERE, REASON_QUOTA, REASON_KEY_CHANGED, REASON_TOKEN,
        REASON_APPROVALS, REASON_NONE};
    int at = 0;

    while (order[at] != reason && order[at] != REASON_NONE)
        at++;
    return at;
}

static bool
is_better(const struct candidate *a, const struct candidate *b)
{
    if (!b->grant)
        return true;

    int nearer = weigh_closeness(a->reason) - weigh_closeness(b->reason);
    if (nearer != 0)
        return nearer > 0;

    return a->left != b->left ? a->left > b->left : strcmp(a->grant->name, b->grant->name) < 0;
}

/* Whether the key of the choice may sign, and does. */
static void
weigh(const struct matter *m, struct decide_choice *choice)
{
    struct candidate best = {NULL, REASON_NOT_GRANTED, 0};

    for (size_t i = 0; i < m->request->policy->n_grants; i++) {
        const struct policy_grant *grant = &m->request->policy->grants[i];
        if (!policy_grant_is_for(grant, m->request->peer) ||
            !policy_grant_has_key(grant, choice->key->policy))
            continue;

        struct candidate candidate = {
            grant, judge_grant(m, choice->key, grant), weigh_count_left(m, grant)};
        if (is_better(&candidate, &best))
            best = candidate;
    }

    choice->grant = best.grant;
    choice->left_out = best.reason;
    if ((best.reason == REASON_NONE || best.reason == REASON_APPROVALS) &&
        choice->key->state != REASON_NONE)
        choice->left_out = choice->key->state;
}

void
weigh_wanted(const struct matter *m, const struct keyid *wanted, struct decide_choice *choice)
{
    choice->left_out = REASON_NO_SUCH_KEY;
    choice->key = weigh_find_key(m->request, wanted);
    if (choice->key)
        weigh(m, choice);
}

void
weigh_unseen(const struct matter *m, struct decide_choice *choice)
{
    for (size_t i = 0; i < m->request->n_keys; i++) {
        struct decide_choice supposed = {.key = &m->request->keys[i]};
        if (supposed.key->id.hex[0] || supposed.key->state != REASON_TOKEN)
            continue;

        weigh(m, &supposed);
        if (supposed.left_out == REASON_TOKEN) {
            *choice = supposed;
            return;
        }
    }
}
