/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/quota.h"

#include <inttypes.h>

#include "agent/ledger_quota.h"
#include "proto/bounds.h"

#define MINUTE_S      60
#define PURGE_MINUTES 60 /* from one purge to the next */

struct quota {
    struct ledger *ledger;
    int64_t newest; /* minute of the ledger's, or later */
    int64_t purged; /* minute in which it was done last */
    struct quota_hold *holds;
};

/* Of one grant. */
struct count {
    const struct policy_grant *grant;
    int64_t n; /* documents */
};

struct quota_hold {
    struct quota *quota;
    struct quota_hold *next, *previous;
    const struct policy *policy;
    uid_t uid;
    bool is_taken;
    struct count *counts;
    size_t n_counts;
};

/* The minute of a point in time; rounds down, also before 1970. */
static int64_t
minute_of(int64_t at)
{
    return at / MINUTE_S - (at % MINUTE_S < 0);
}

static struct ledger_quota
name_of(const struct policy_grant *grant, uid_t uid)
{
    struct ledger_quota whose = {.uid = uid};

    snprintf(whose.grant, sizeof whose.grant, "%s", grant->name);
    return whose;
}

enum rc
quota_new(struct quota **ret, struct ledger *ledger, struct why *why)
{
    closing(quota_freep) struct quota *quota = calloc(1, sizeof *quota);
    if (!quota)
        return fail_memory(why);

    quota->ledger = ledger;
    quota->newest = quota->purged = INT64_MIN;
    enum rc rc = ledger_quota_newest(&quota->newest, ledger, why);
    if (rc && rc != RC_NOT_FOUND)
        return rc;

    *ret = steal(quota);
    return RC_OK;
}

void
quota_free(struct quota *quota)
{
    free(quota);
}

/* The clock was set back: nothing is of the future. */
static enum rc
move_back(struct quota *quota, int64_t minute, struct why *why)
{
    enum rc rc = ledger_begin(quota->ledger, why);
    if (rc)
        return rc;

    rc = ledger_quota_move_back(quota->ledger, minute, why);
    if (!rc)
        rc = ledger_commit(quota->ledger, why);
    if (rc) {
        ledger_rollback(quota->ledger);
        return rc;
    }

    quota->newest = minute;
    return RC_OK;
}

static int64_t
count_in_work(const struct quota *quota, const struct policy_grant *grant, uid_t uid)
{
    int64_t n = 0;

    for (const struct quota_hold *hold = quota->holds; hold; hold = hold->next)
        for (size_t i = 0; hold->uid == uid && !hold->is_taken && i < hold->n_counts; i++)
            if (!strcmp(hold->counts[i].grant->name, grant->name))
                n += hold->counts[i].n;

    return n;
}

enum rc
quota_use(struct quota_use *ret, struct quota *quota, const struct policy_grant *grant, uid_t uid,
    int64_t now, struct why *why)
{
    const struct ledger_quota whose = name_of(grant, uid);
    int64_t window = grant->quota.window_s, freeing = 0, n = 0;
    enum rc rc = RC_OK;

    if (quota->newest > minute_of(now))
        rc = move_back(quota, minute_of(now), why);
    if (rc)
        return rc;

    int64_t in_work = count_in_work(quota, grant, uid), room = grant->quota.n - in_work;
    rc = ledger_quota_count(
        &n, &freeing, quota->ledger, &whose, minute_of(now - window), room > 0 ? room : 1, why);
    if (rc)
        return rc;

    *ret = (struct quota_use){.n = n + in_work};
    if (room > 0 && n >= room)
        ret->free_at = (freeing + 1) * MINUTE_S + window;
    return RC_OK;
}

enum rc
quota_uses_of(struct quota_uses *ret, struct quota *quota, const struct policy *policy,
    const struct peer *peer, int64_t now, struct why *why)
{
    ret->n = calloc(policy->n_grants + 1, sizeof *ret->n);
    ret->free_at = calloc(policy->n_grants + 1, sizeof *ret->free_at);
    if (!ret->n || !ret->free_at)
        return fail_memory(why);

    for (size_t i = 0; i < policy->n_grants; i++) {
        const struct policy_grant *grant = &policy->grants[i];
        struct quota_use use;
        if (grant->quota.n == 0 || !policy_grant_is_for(grant, peer))
            continue;

        enum rc rc = quota_use(&use, quota, grant, peer->uid, now, why);
        if (rc)
            return rc;

        ret->n[i] = use.n;
        ret->free_at[i] = use.free_at;
    }

    return RC_OK;
}

void
quota_uses_done(struct quota_uses *uses)
{
    free(uses->n);
    free(uses->free_at);
    *uses = (struct quota_uses){0};
}

/* Of each grant of the policy that has a quota: the documents that are signed under it. *ret: NULL
 * where there are none. */
static enum rc
count_documents(struct count **ret, size_t *ret_n, const struct policy *policy,
    const struct decision *decision, struct why *why)
{
    closing(freep) int64_t *n = calloc(policy->n_grants + 1, sizeof *n);
    closing(freep) struct count *counts = NULL;
    size_t n_counts = 0, k = 0;

    if (!n)
        return fail_memory(why);

    for (size_t i = 0; i < decision->n_verdicts; i++)
        decide_count(n, policy, &decision->verdicts[i]);
    for (size_t i = 0; i < policy->n_grants; i++)
        n_counts += n[i] > 0 && policy->grants[i].quota.n > 0;
    counts = n_counts > 0 ? calloc(n_counts, sizeof *counts) : NULL;
    if (n_counts > 0 && !counts)
        return fail_memory(why);

    for (size_t i = 0; i < policy->n_grants; i++)
        if (n[i] > 0 && policy->grants[i].quota.n > 0)
            counts[k++] = (struct count){&policy->grants[i], n[i]};
    *ret = steal(counts);
    *ret_n = n_counts;
    return RC_OK;
}

enum rc
quota_hold(struct quota_hold **ret, struct quota *quota, const struct policy *policy,
    const struct decision *decision, uid_t uid, struct why *why)
{
    closing(freep) struct count *counts = NULL;
    size_t n = 0;

    *ret = NULL;
    enum rc rc = count_documents(&counts, &n, policy, decision, why);
    if (rc || n == 0)
        return rc;

    struct quota_hold *hold = calloc(1, sizeof *hold);
    if (!hold)
        return fail_memory(why);

    *hold = (struct quota_hold){.quota = quota,
        .next = quota->holds,
        .policy = policy,
        .uid = uid,
        .counts = steal(counts),
        .n_counts = n};
    if (hold->next)
        hold->next->previous = hold;
    quota->holds = hold;
    *ret = hold;
    return RC_OK;
}

void
quota_give_back(struct quota_hold *hold)
{
    if (!hold)
        return;

    if (hold->next)
        hold->next->previous = hold->previous;
    if (hold->previous)
        hold->previous->next = hold->next;
    else
        hold->quota->holds = hold->next;
    free(hold->counts);
    free(hold);
}

/* The promise itself, whatever was counted before. */
static enum rc
take(struct quota *quota, const struct policy_grant *grant, uid_t uid, int64_t n, int64_t now,
    struct why *why)
{
    const struct ledger_quota whose = name_of(grant, uid);
    int64_t used = 0, freeing;

    enum rc rc = ledger_quota_count(&used, &freeing, quota->ledger, &whose,
        minute_of(now - grant->quota.window_s), INT64_MAX, why);
    if (rc)
        return rc;

    if (used > grant->quota.n - n)
        return fail(why, RC_DENIED, "the quota of grant '%s' is used up", grant->name);

    return ledger_quota_add(quota->ledger, &whose, minute_of(now), n, why);
}

/* A policy may name a longer window tomorrow, so what is kept does not depend on it. */
static enum rc
purge(struct quota *quota, int64_t now, struct why *why)
{
    int64_t minute = minute_of(now);

    if (quota->purged != INT64_MIN && minute >= quota->purged &&
        minute < quota->purged + PURGE_MINUTES)
        return RC_OK;

    enum rc rc = ledger_quota_purge(quota->ledger, minute_of(now - QUOTA_WINDOW_MAX_S), why);
    if (!rc)
        quota->purged = minute;
    return rc;
}

enum rc
quota_take(struct quota_hold *hold, const struct decision *decision, int64_t now, struct why *why)
{
    closing(freep) struct count *counts = NULL;
    size_t n = 0;

    if (!hold)
        return RC_OK;

    enum rc rc = count_documents(&counts, &n, hold->policy, decision, why);
    for (size_t i = 0; !rc && i < n; i++)
        rc = take(hold->quota, counts[i].grant, hold->uid, counts[i].n, now, why);
    if (!rc)
        rc = purge(hold->quota, now, why);
    if (rc)
        return rc;

    if (hold->quota->newest < minute_of(now))
        hold->quota->newest = minute_of(now);
    hold->is_taken = true;
    return RC_OK;
}
