/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/weigh.h"

#include <inttypes.h>
#include <stdarg.h>

#include "proto/bounds.h"
#include "proto/utc.h"

/* One grant on the key, and what comes of it. */
struct candidate {
    const struct policy_grant *grant;
    enum reason reason;
    int64_t left; /* documents of the quota; INT64_MAX: it has none */
};

void
decide_say(char ret[DECIDE_TEXT_BYTES], const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(ret, DECIDE_TEXT_BYTES, fmt, ap);
    va_end(ap);
    for (char *c = ret; *c; c++)
        if (*c < 0x20 || *c > 0x7e)
            *c = '?';
}

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
static const char *
find_foreign_tag(const struct matter *m, const struct policy_grant *grant)
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

/* Rule 12: less protection than before is not for one person to decide. */
static bool
may_weaken(const struct matter *m, const struct policy_grant *grant)
{
    return !m->known->lowers_threshold || grant->approvals.count > 0;
}

/* Rule 6: where the chain lists the key outside its scope, its signature would count there too.
 * NULL: nowhere. */
static const struct subject_listing *
find_elsewhere(const struct matter *m, const struct decide_key *key)
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

static int64_t
count_left(const struct matter *m, const struct policy_grant *grant)
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
static size_t
count_votes(const struct matter *m, const struct policy_grant *grant)
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
    return m->subject->is_certificate || count_votes(m, grant) >= grant->approvals.count;
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

    if (find_foreign_tag(m, grant))
        return REASON_TAG;

    if (!may_weaken(m, grant))
        return REASON_WEAKER;

    if (find_elsewhere(m, key))
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

    if (count_left(m, grant) <= 0)
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
            grant, judge_grant(m, choice->key, grant), count_left(m, grant)};
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

/* Want and have, where there is more to say than which key it is and why. */

static void
say_unit(const struct matter *m, const struct decide_choice *choice, struct decide_check *check)
{
    const char *unit = m->request->peer->unit;

    decide_say(check->want, "a caller in unit '%s' (grant '%s')", choice->grant->unit,
        choice->grant->name);
    decide_say(check->have, "%s", unit ? unit : "none that is known");
}

static void
say_base(const struct matter *m, const struct decide_choice *choice, struct decide_check *check)
{
    (void)choice;
    decide_say(check->want, "the published chain of '%s', with the file of role '%s'",
        m->subject->repository, m->subject->role);
    if (m->known->base == DECIDE_BASE_UNREADABLE)
        decide_say(check->have, "a chain without that file, which is published");
    else
        decide_say(check->have, "%s",
            m->known->needs_base ? "no chain"
                                 : "no root of that repository from which to verify one");
}

static void
say_stale(const struct matter *m, const struct decide_choice *choice, struct decide_check *check)
{
    (void)choice;
    if (m->known->stale_role) {
        decide_say(check->want, "version %" PRId64 " of '%s' or newer", m->known->stale_version,
            m->known->stale_role);
        decide_say(check->have, "an older one");
    } else {
        decide_say(check->want, "a change to version %" PRId64 ", the newest that was released",
            m->known->version);
        decide_say(check->have, "one to version %" PRId64 ", as published", m->known->base_version);
    }
}

static void
say_validity(const struct matter *m, const struct decide_choice *choice, struct decide_check *check)
{
    const struct subject *subject = m->subject;

    decide_say(check->want, "an expiry within %" PRId64 " days (grant '%s')",
        policy_grant_validity_s(choice->grant, subject->rank) / 86400, choice->grant->name);
    decide_say(check->have, "%" PRId64 " days", (subject->expires_at - m->request->now) / 86400);
}

static void
say_delegations(
    const struct matter *m, const struct decide_choice *choice, struct decide_check *check)
{
    decide_say(check->want, "'delegate: true' in grant '%s', or the delegations left as they are",
        choice->grant->name);
    decide_say(check->have, "%s",
        digest_eq(&m->known->base_delegations, &(struct digest){0})
            ? "delegations, where no base shows that they are published"
            : "other delegations than those that are published");
}

static void
say_tag(const struct matter *m, const struct decide_choice *choice, struct decide_check *check)
{
    decide_say(check->want, "only tags changed that grant '%s' names", choice->grant->name);
    decide_say(check->have, "'%s' changed", find_foreign_tag(m, choice->grant));
}

static void
say_weaker(const struct matter *m, const struct decide_choice *choice, struct decide_check *check)
{
    (void)m;
    decide_say(check->want, "no threshold lowered, or a grant with 'approvals'");
    decide_say(check->have, "a lower threshold, under grant '%s'", choice->grant->name);
}

static void
say_elsewhere(
    const struct matter *m, const struct decide_choice *choice, struct decide_check *check)
{
    const struct subject_listing *listing = find_elsewhere(m, choice->key);
    struct span role = listing ? listing->role : (struct span){0};

    decide_say(check->want, "'%s' listed only where its scope reaches", choice->key->policy->name);
    decide_say(check->have, "role '%.*s' lists it, as published", (int)role.len,
        role.len > 0 ? (const char *)role.p : "");
}

static void
say_quota(const struct matter *m, const struct decide_choice *choice, struct decide_check *check)
{
    const struct policy_grant *grant = choice->grant;

    decide_say(check->want, "at most %" PRId64 " documents in %" PRId64 " s (grant '%s')",
        grant->quota.n, grant->quota.window_s, grant->name);
    closing(bytes_done) struct bytes text = BYTES_INIT(32);
    int64_t free_at =
        m->request->free_at ? m->request->free_at[grant - m->request->policy->grants] : 0;
    if (free_at > 0)
        utc_format(&text, free_at);
    decide_say(check->have, "%" PRId64 " already%s%s", grant->quota.n - count_left(m, grant),
        text.len > 0 ? "; there is room again at " : "", bytes_text(&text));
}

static void
say_approvals(
    const struct matter *m, const struct decide_choice *choice, struct decide_check *check)
{
    const struct policy_grant *grant = choice->grant;

    decide_say(check->want, "%zu approvals (grant '%s')", grant->approvals.count, grant->name);
    decide_say(check->have, "%zu, of %zu given", count_votes(m, grant), m->request->n_votes);
}

static void
say_changed(const struct matter *m, const struct decide_choice *choice, struct decide_check *check)
{
    (void)m;
    decide_say(check->have, "key '%s': %s", choice->key->policy->name, choice->key->detail);
}

typedef void sayer(
    const struct matter *m, const struct decide_choice *choice, struct decide_check *check);

static sayer *const sayers[REASON_MAX_] = {
    [REASON_UNIT] = say_unit,
    [REASON_BASE_MISSING] = say_base,
    [REASON_BASE] = say_base,
    [REASON_STALE] = say_stale,
    [REASON_VALIDITY] = say_validity,
    [REASON_DELEGATION_RIGHT] = say_delegations,
    [REASON_TAG] = say_tag,
    [REASON_WEAKER] = say_weaker,
    [REASON_LISTED_ELSEWHERE] = say_elsewhere,
    [REASON_QUOTA] = say_quota,
    [REASON_APPROVALS] = say_approvals,
    [REASON_KEY_CHANGED] = say_changed,
};

void
weigh_say(const struct matter *m, const struct decide_choice *choice, size_t wanted,
    struct decide_check *check)
{
    decide_say(check->want, "a key that may sign role '%s' of '%s'", m->subject->role,
        m->subject->repository);
    decide_say(check->have, "key '%s': %s",
        choice->key ? choice->key->policy->name : m->subject->keys[wanted].hex,
        reason_id(choice->left_out));
    if (sayers[choice->left_out])
        sayers[choice->left_out](m, choice, check);
}
