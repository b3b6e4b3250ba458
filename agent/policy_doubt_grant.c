/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/peer_unit.h"
#include "agent/policy_crowd.h"
#include "agent/policy_doubts.h"
#include "proto/bounds.h"
#include "proto/pattern.h"

void
policy_doubt_who(struct policy_doubter *doubter, const char *what, const struct policy_who *who)
{
    for (size_t i = 0; i < who->n_names; i++) {
        const struct policy_name *name = &who->names[i];
        const char *kind = name->is_group ? "group" : "user";

        if (!name->is_resolved)
            policy_doubt(doubter,
                "%s: %s '%s' matches nobody: this system does not know it, or it has the overflow"
                " ID",
                what, kind, name->name);
        else if (name->id == 0)
            policy_doubt(doubter,
                name->is_group ? "%s: names gid 0; root itself is in no group here"
                               : "%s: names uid 0, which root of a container is as well",
                what);
    }
}

/* Whom it reaches */

static bool
is_anybody_known(const struct policy_who *who)
{
    for (size_t i = 0; i < who->n_names; i++)
        if (who->names[i].is_resolved)
            return true;

    return false;
}

static void
doubt_people(struct policy_doubter *doubter, const struct policy_grant *grant)
{
    char what[sizeof "grant " + POLICY_NAME_MAX_BYTES];

    snprintf(what, sizeof what, "grant %s", grant->name);
    policy_doubt_who(doubter, what, &grant->who);
    if (grant->who.n_names > 0 && !is_anybody_known(&grant->who))
        policy_doubt(doubter, "grant %s: is for nobody whom this system knows", grant->name);

    if (grant->unit && !peer_unit_is_supported())
        policy_doubt(doubter,
            "grant %s: 'unit' matches nobody here, as this kernel does not tell in which unit a"
            " caller runs (SO_PEERPIDFD, Linux 6.5)",
            grant->name);
}

/* Who asks never approves, so of few approvers none should ask. */
static void
doubt_approvals(struct policy_doubter *doubter, const struct policy_grant *grant)
{
    closing(policy_crowd_done) struct policy_crowd approvers = {0};
    closing(policy_crowd_done) struct policy_crowd askers = {0};
    char what[sizeof "approvals of grant " + POLICY_NAME_MAX_BYTES];
    size_t count = grant->approvals.count;

    if (count == 0)
        return;

    snprintf(what, sizeof what, "approvals of grant %s", grant->name);
    policy_doubt_who(doubter, what, &grant->approvals.who);
    if (policy_crowd_of(&approvers, &grant->approvals.who) ||
        policy_crowd_of(&askers, &grant->who)) {
        doubter->lacks_memory = true;
        return;
    }

    if (approvers.n < count) {
        policy_doubt(doubter,
            "%s: %zu must agree, and this system lists %zu who may; with so few nothing is ever "
            "signed",
            what, count, approvers.n);
        return;
    }

    for (size_t i = 0; i < askers.n && approvers.n == count; i++)
        if (policy_crowd_has(&approvers, askers.uids[i]))
            policy_doubt(doubter,
                "%s: uid %u is one of the %zu who may agree, and may ask: then too few are left,"
                " as who asks never approves",
                what, (unsigned)askers.uids[i], approvers.n);
}

/* What of it has no effect */

static bool
is_in_scope(const struct policy_grant *grant, const char *repositories)
{
    for (size_t i = 0; i < grant->n_keys; i++)
        for (size_t j = 0; j < grant->keys[i]->n_scope; j++) {
            const struct policy_scope *scope = &grant->keys[i]->scope[j];
            for (size_t k = 0; k < scope->n_repositories; k++)
                if (pattern_meets(scope->repositories[k], repositories))
                    return true;
        }

    return false;
}

static void
doubt_repositories(struct policy_doubter *doubter, const struct policy_grant *grant)
{
    size_t n_outside = 0;

    for (size_t i = 0; i < grant->n_repositories; i++) {
        if (is_in_scope(grant, grant->repositories[i]))
            continue;

        n_outside++;
        policy_doubt(doubter, "grant %s: '%s' is outside the scope of its keys", grant->name,
            grant->repositories[i]);
    }

    if (n_outside > 0 && n_outside == grant->n_repositories)
        policy_doubt(doubter,
            "grant %s: none of its repositories is in the scope of its keys, so"
            " nothing is ever signed",
            grant->name);
}

/* Whether the agent can come to know what is published there: by a pin, or as it signs its root. */
static bool
can_have_root(const struct policy *policy, const char *repository)
{
    if (policy_find_root(policy, repository))
        return true;

    for (size_t i = 0; i < policy->n_keys; i++)
        if (policy_key_covers(&policy->keys[i], repository, "root"))
            return true;

    return false;
}

static void
doubt_tags(struct policy_doubter *doubter, const struct policy_grant *grant)
{
    for (size_t i = 0; grant->tags && i < grant->n_keys; i++) {
        const struct policy_key *key = grant->keys[i];
        const char *repository = key->scope[0].repositories[0];

        if (key->rank != RANK_TARGETS && key->rank != RANK_DELEGATION)
            policy_doubt(doubter,
                "grant %s: 'tags' does not narrow key %s, whose documents list no tags",
                grant->name, key->name);
        else if (!can_have_root(doubter->policy, repository))
            policy_doubt(doubter,
                "grant %s: 'tags' is judged against what is published, for which neither 'roots'"
                " nor a root key of this policy vouches in %s; so all is refused, unless this agent"
                " knows a root of it already",
                grant->name, repository);
    }
}

/* What reaches further than it looks */

static void
doubt_root_keys(struct policy_doubter *doubter, const struct policy_grant *grant)
{
    for (size_t i = 0; i < grant->n_keys; i++)
        if (grant->keys[i]->rank == RANK_ROOT && grant->approvals.count == 0)
            policy_doubt(doubter,
                "grant %s: one person alone signs roots with key %s, and can replace all keys of a"
                " repository: it has no 'approvals'",
                grant->name, grant->keys[i]->name);
}

/* Who may list keys may list one of their own, which no agent narrows. */
static void
doubt_delegating(struct policy_doubter *doubter, const struct policy_grant *grant)
{
    const char *limit = grant->tags                 ? "tags"
                        : grant->unit               ? "unit"
                        : grant->quota.n > 0        ? "quota"
                        : grant->max_validity_s > 0 ? "max_validity"
                                                    : NULL;

    if (grant->delegate && limit && grant->approvals.count == 0)
        policy_doubt(doubter,
            "grant %s: beside 'delegate: true', '%s' narrows little: who may list keys may list one"
            " of their own, which this agent never sees",
            grant->name, limit);
}

void
policy_doubt_grant(struct policy_doubter *doubter, const struct policy_grant *grant)
{
    doubt_people(doubter, grant);
    doubt_approvals(doubter, grant);
    doubt_repositories(doubter, grant);
    doubt_tags(doubter, grant);
    doubt_root_keys(doubter, grant);
    doubt_delegating(doubter, grant);
}
