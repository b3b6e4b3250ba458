/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/approval.h"

#include "agent/answer.h"
#include "proto/bounds.h"

/* NULL: it is gone, or asks for nothing. */
static const struct policy_grant *
find_grant(const struct policy *policy, const json_t *name)
{
    for (size_t i = 0; json_is_string(name) && i < policy->n_grants; i++)
        if (!strcmp(policy->grants[i].name, json_string_value(name)))
            return policy->grants[i].approvals.count > 0 ? &policy->grants[i] : NULL;

    return NULL;
}

bool
approval_is_for(const struct policy *policy, const json_t *grants, const struct peer *peer)
{
    size_t i;
    json_t *name;

    json_array_foreach((json_t *)grants, i, name) {
        const struct policy_grant *grant = find_grant(policy, name);
        if (grant && policy_grant_is_for(grant, peer))
            return true;
    }

    return false;
}

bool
approval_may(
    const struct policy *policy, const json_t *grants, const struct peer *peer, uid_t requester)
{
    size_t i;
    json_t *name;

    json_array_foreach((json_t *)grants, i, name) {
        const struct policy_grant *grant = find_grant(policy, name);
        if (grant && policy_grant_may_approve(grant, peer, requester))
            return true;
    }

    return false;
}

/* For people, so the first are enough where there are very many. */
static json_t *
format_approvers(const struct policy_who *who)
{
    json_t *names = json_array();

    for (size_t i = 0; i < who->n_names && i < RECORD_NAMES_MAX; i++)
        answer_add(&names,
            json_sprintf("%s %s", who->names[i].is_group ? "group" : "user", who->names[i].name));
    return names;
}

static json_t *
format_grant(const struct policy_grant *grant, const struct votes *votes, uid_t requester)
{
    json_t *voters = json_array();
    size_t n = 0;

    for (size_t i = 0; i < votes->n_peers; i++)
        if (policy_grant_may_approve(grant, votes->peers[i], requester)) {
            answer_add(&voters, json_integer(votes->peers[i]->uid));
            n++;
        }

    return json_pack("{s:s,s:I,s:I,s:o,s:o}", "grant", grant->name, "have", (json_int_t)n, "need",
        (json_int_t)grant->approvals.count, "voters", voters, "approvers",
        format_approvers(&grant->approvals.who));
}

json_t *
approval_format(
    const struct policy *policy, const json_t *grants, const struct votes *votes, uid_t requester)
{
    json_t *approvals = json_array();
    size_t i;
    json_t *name;

    json_array_foreach((json_t *)grants, i, name) {
        const struct policy_grant *grant = find_grant(policy, name);
        if (grant)
            answer_add(&approvals, format_grant(grant, votes, requester));
    }

    return approvals;
}
