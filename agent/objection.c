/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/objection.h"

#include <inttypes.h>
#include <stdarg.h>

#include "proto/bounds.h"
#include "proto/utc.h"

void
objection_put(char ret[DECIDE_TEXT_BYTES], const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(ret, DECIDE_TEXT_BYTES, fmt, ap);
    va_end(ap);
    for (char *c = ret; *c; c++)
        if (*c < 0x20 || *c > 0x7e)
            *c = '?';
}

/* Want and have, where there is more to say than which key it is and why. */

static void
say_unit(const struct matter *m, const struct decide_choice *choice, struct decide_check *check)
{
    const char *unit = m->request->peer->unit;

    objection_put(check->want, "a caller in unit '%s' (grant '%s')", choice->grant->unit,
        choice->grant->name);
    objection_put(check->have, "%s", unit ? unit : "none that is known");
}

static void
say_base(const struct matter *m, const struct decide_choice *choice, struct decide_check *check)
{
    (void)choice;
    objection_put(check->want, "the published chain of '%s', with the file of role '%s'",
        m->subject->repository, m->subject->role);
    if (m->known->base == DECIDE_BASE_UNREADABLE)
        objection_put(check->have, "a chain without that file, which is published");
    else
        objection_put(check->have, "%s",
            m->known->needs_base ? "no chain"
                                 : "no root of that repository from which to verify one");
}

static void
say_stale(const struct matter *m, const struct decide_choice *choice, struct decide_check *check)
{
    (void)choice;
    if (m->known->stale_role) {
        objection_put(check->want, "version %" PRId64 " of '%s' or newer", m->known->stale_version,
            m->known->stale_role);
        objection_put(check->have, "an older one");
    } else {
        objection_put(check->want, "a change to version %" PRId64 ", the newest that was released",
            m->known->version);
        objection_put(
            check->have, "one to version %" PRId64 ", as published", m->known->base_version);
    }
}

static void
say_validity(const struct matter *m, const struct decide_choice *choice, struct decide_check *check)
{
    const struct subject *subject = m->subject;

    objection_put(check->want, "an expiry within %" PRId64 " days (grant '%s')",
        policy_grant_validity_s(choice->grant, subject->rank) / 86400, choice->grant->name);
    objection_put(check->have, "%" PRId64 " days", (subject->expires_at - m->request->now) / 86400);
}

static void
say_delegations(
    const struct matter *m, const struct decide_choice *choice, struct decide_check *check)
{
    objection_put(check->want,
        "'delegate: true' in grant '%s', or the delegations left as they are", choice->grant->name);
    objection_put(check->have, "%s",
        digest_eq(&m->known->base_delegations, &(struct digest){0})
            ? "delegations, where no base shows that they are published"
            : "other delegations than those that are published");
}

static void
say_tag(const struct matter *m, const struct decide_choice *choice, struct decide_check *check)
{
    objection_put(check->want, "only tags changed that grant '%s' names", choice->grant->name);
    objection_put(check->have, "'%s' changed", weigh_find_foreign_tag(m, choice->grant));
}

static void
say_weaker(const struct matter *m, const struct decide_choice *choice, struct decide_check *check)
{
    objection_put(check->want, "no threshold lowered, or a grant with 'approvals'");
    objection_put(check->have, "%s, under grant '%s'",
        m->known->lowers_threshold ? "a lower threshold, or a role that is gone, or its last key"
                                   : "thresholds that cannot be compared with the published ones",
        choice->grant->name);
}

static void
say_elsewhere(
    const struct matter *m, const struct decide_choice *choice, struct decide_check *check)
{
    const struct subject_listing *listing = weigh_find_elsewhere(m, choice->key);
    struct span role = listing ? listing->role : (struct span){0};

    objection_put(
        check->want, "'%s' listed only where its scope reaches", choice->key->policy->name);
    objection_put(check->have, "role '%.*s' lists it, as published", (int)role.len,
        role.len > 0 ? (const char *)role.p : "");
}

static void
say_quota(const struct matter *m, const struct decide_choice *choice, struct decide_check *check)
{
    const struct policy_grant *grant = choice->grant;

    objection_put(check->want, "at most %" PRId64 " documents in %" PRId64 " s (grant '%s')",
        grant->quota.n, grant->quota.window_s, grant->name);
    closing(bytes_done) struct bytes text = BYTES_INIT(32);
    int64_t free_at =
        m->request->free_at ? m->request->free_at[grant - m->request->policy->grants] : 0;
    if (free_at > 0)
        utc_format(&text, free_at);
    objection_put(check->have, "%" PRId64 " already%s%s",
        grant->quota.n - weigh_count_left(m, grant),
        text.len > 0 ? "; there is room again at " : "", bytes_text(&text));
}

static void
say_approvals(
    const struct matter *m, const struct decide_choice *choice, struct decide_check *check)
{
    const struct policy_grant *grant = choice->grant;

    objection_put(check->want, "%zu approval%s (grant '%s')", grant->approvals.count,
        grant->approvals.count == 1 ? "" : "s", grant->name);
    objection_put(
        check->have, "%zu, of %zu given", weigh_count_votes(m, grant), m->request->n_votes);
}

static void
say_changed(const struct matter *m, const struct decide_choice *choice, struct decide_check *check)
{
    (void)m;
    objection_put(check->have, "key '%s': %s", choice->key->policy->name, choice->key->detail);
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
objection_say(const struct matter *m, const struct decide_choice *choice, size_t wanted,
    struct decide_check *check)
{
    objection_put(check->want, "a key that may sign role '%s' of '%s'", m->subject->role,
        m->subject->repository);
    objection_put(check->have, "key '%s': %s",
        choice->key ? choice->key->policy->name : m->subject->keys[wanted].hex,
        reason_id(choice->left_out));
    if (sayers[choice->left_out])
        sayers[choice->left_out](m, choice, check);
}
