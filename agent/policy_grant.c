/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy_grant.h"

#include "agent/policy_limits.h"
#include "agent/policy_people.h"
#include "agent/policy_sockets.h"
#include "proto/bounds.h"

static enum rc
read_keys(struct policy_grant *grant, const struct policy_node *node, const struct policy *policy,
    struct why *why)
{
    enum rc rc = policy_node_want_list(node, why);

    for (size_t i = 0; !rc && i < node->n; i++) {
        const struct policy_node *value = &node->values[i];
        const char *name = NULL;

        rc = policy_node_name(&name, value, why);
        if (rc)
            return rc;

        const struct policy_key *key = policy_find_key(policy, name);
        if (!key)
            return policy_node_fail(value, why, "there is no key '%s'", name);

        if (policy_grant_has_key(grant, key))
            return policy_node_fail(value, why, "'%s' is there twice", name);

        const struct policy_key **place =
            mem_grow(&grant->keys, grant->n_keys, sizeof *place, POLICY_ENTRIES_MAX);
        if (!place)
            return fail_memory(why);

        *place = key;
        grant->n_keys++;
    }

    return rc;
}

/* What narrows a grant, in the order of the manual. */
static const struct {
    const char *name;
    enum rc (*read)(struct policy_grant *grant, const struct policy_node *node, struct why *why);
} limits[] = {
    {"repositories", policy_limits_read_repositories},
    {"tags", policy_limits_read_tags},
    {"unit", policy_limits_read_unit},
    {"quota", policy_limits_read_quota},
    {"approvals", policy_limits_read_approvals},
};

enum rc
policy_grant_read(struct policy_grant *grant, const struct policy_entry *entry,
    const struct policy *policy, struct why *why)
{
    static const struct policy_duration validity = {"hdw", "12h, 90d or 2w", VALIDITY_MAX_S};
    enum { SOCKETS, USERS, GROUPS, KEYS, DELEGATE, MAX_VALIDITY, ROLES, LIMITS };
    struct policy_member m[LIMITS + N_ELEMENTS(limits)] = {
        [SOCKETS] = {"sockets"},
        [USERS] = {"users"},
        [GROUPS] = {"groups"},
        [KEYS] = {"keys"},
        [DELEGATE] = {"delegate"},
        [MAX_VALIDITY] = {"max_validity"},
        [ROLES] = {"roles", policy_limits_role},
    };

    for (size_t i = 0; i < N_ELEMENTS(limits); i++)
        m[LIMITS + i].name = limits[i].name;

    enum rc rc = policy_node_members(m, N_ELEMENTS(m), entry->value, "a grant", why);
    if (!rc && !m[SOCKETS].value && !m[USERS].value && !m[GROUPS].value)
        rc = policy_node_fail(entry->name, why,
            "'%s' has neither 'users' nor 'groups' nor 'sockets', so it is for nobody",
            entry->name->text);
    if (!rc)
        rc = policy_read_need(&m[KEYS], entry, why);
    if (!rc && m[SOCKETS].value)
        rc = policy_sockets_read_names(grant, m[SOCKETS].value, policy, why);
    if (!rc)
        rc = policy_people_read(&grant->who, m[USERS].value, m[GROUPS].value, why);
    if (!rc)
        rc = read_keys(grant, m[KEYS].value, policy, why);
    if (!rc && m[DELEGATE].value)
        rc = policy_node_bool(&grant->delegate, m[DELEGATE].value, why);
    if (!rc && m[MAX_VALIDITY].value)
        rc = policy_node_duration(&grant->max_validity_s, m[MAX_VALIDITY].value, &validity, why);
    for (size_t i = 0; !rc && i < N_ELEMENTS(limits); i++)
        if (m[LIMITS + i].value)
            rc = limits[i].read(grant, m[LIMITS + i].value, why);

    return rc;
}
