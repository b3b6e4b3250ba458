/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy_grant.h"

#include "agent/policy_who.h"
#include "proto/bounds.h"

static const char role_refused[] =
    "cannot narrow a grant: what is signed names neither repository nor role, so a signature is"
    " valid in the whole scope of its key; narrow the scope of the key instead";

/* An entry of users or groups. */
static enum rc
read_name(struct policy_who *who, enum policy_who_kind kind, const struct policy_node *node,
    struct why *why)
{
    const char *name = NULL;
    int64_t id = 0;

    if (policy_node_is_number(node)) {
        /* (uid_t)-1 means "no change" to chown(2) and setuid(2); nobody has it. */
        enum rc rc = policy_node_integer(&id, node, 0, UINT32_MAX - 1, why);
        if (rc)
            return rc;

        return policy_node_within(node, why, policy_who_add_id(who, kind, (id_t)id, why));
    }

    enum rc rc = policy_node_text(&name, node, why);
    if (rc)
        return rc;

    if (!name[strspn(name, "0123456789")])
        return policy_node_fail(
            node, why, "'%s' in quotes: an ID stands without, and no name has digits only", name);

    /* getpwnam_r() would give the entries of NIS "+" and "-"; ':' ends the name in passwd(5). */
    if (strchr("+-", *name) || strchr(name, ':'))
        return policy_node_fail(node, why, "'%s' is no name of a %s", name,
            kind == POLICY_WHO_GROUP ? "group" : "user");

    return policy_node_within(node, why, policy_who_add_name(who, kind, name, why));
}

/* node: NULL where the member is not there. */
static enum rc
read_names(struct policy_who *who, enum policy_who_kind kind, const struct policy_node *node,
    struct why *why)
{
    size_t first = who->n_names;

    enum rc rc = node ? policy_node_want_list(node, why) : RC_OK;
    for (size_t i = 0; node && !rc && i < node->n; i++) {
        rc = read_name(who, kind, &node->values[i], why);
        for (size_t j = first; !rc && j + 1 < who->n_names; j++)
            if (!strcmp(who->names[j].name, node->values[i].text))
                rc = policy_node_fail(
                    &node->values[i], why, "'%s' is there twice", who->names[j].name);
    }

    return rc;
}

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

/* Root documents alone are bound to their repository, by the names in their certificates. */
static enum rc
read_repositories(struct policy_grant *grant, const struct policy_node *node, struct why *why)
{
    for (size_t i = 0; i < grant->n_keys; i++)
        if (grant->keys[i]->rank != RANK_ROOT)
            return policy_node_fail(node, why, "'repositories' %s (key '%s' is not for root)",
                role_refused, grant->keys[i]->name);

    return policy_read_texts(
        &grant->repositories, &grant->n_repositories, node, policy_read_check_repository, why);
}

enum rc
policy_grant_read(struct policy_grant *grant, const struct policy_entry *entry,
    const struct policy *policy, struct why *why)
{
    static const struct policy_duration validity = {"hdw", "12h, 90d or 2w", VALIDITY_MAX_S};
    enum { USERS, GROUPS, KEYS, DELEGATE, MAX_VALIDITY, REPOSITORIES, N_TAKEN };
    struct policy_member m[] = {
        [USERS] = {"users"},
        [GROUPS] = {"groups"},
        [KEYS] = {"keys"},
        [DELEGATE] = {"delegate"},
        [MAX_VALIDITY] = {"max_validity"},
        [REPOSITORIES] = {"repositories"},
        {"roles", role_refused},
        {"sockets", policy_member_later},
        {"quota", policy_member_later},
        {"tags", policy_member_later},
        {"unit", policy_member_later},
        {"approvals", policy_member_later},
    };

    enum rc rc = policy_node_members(m, N_ELEMENTS(m), entry->value, "a grant", why);
    if (!rc && !m[USERS].value && !m[GROUPS].value)
        rc = policy_node_fail(entry->name, why,
            "'%s' has neither 'users' nor 'groups', so it is for nobody", entry->name->text);
    if (!rc)
        rc = policy_read_need(&m[KEYS], entry, why);
    if (!rc)
        rc = read_names(&grant->who, POLICY_WHO_USER, m[USERS].value, why);
    if (!rc)
        rc = read_names(&grant->who, POLICY_WHO_GROUP, m[GROUPS].value, why);
    if (!rc)
        rc = read_keys(grant, m[KEYS].value, policy, why);
    if (!rc && m[DELEGATE].value)
        rc = policy_node_bool(&grant->delegate, m[DELEGATE].value, why);
    if (!rc && m[MAX_VALIDITY].value)
        rc = policy_node_duration(&grant->max_validity_s, m[MAX_VALIDITY].value, &validity, why);
    if (!rc && m[REPOSITORIES].value)
        rc = read_repositories(grant, m[REPOSITORIES].value, why);

    return rc;
}

enum rc
policy_grant_read_admins(struct policy_who *admins, const struct policy_node *node, struct why *why)
{
    enum { USERS, GROUPS, N_MEMBERS };
    struct policy_member m[N_MEMBERS] = {[USERS] = {"users"}, [GROUPS] = {"groups"}};

    enum rc rc = policy_node_members(m, N_MEMBERS, node, "admins", why);
    if (!rc && !m[USERS].value && !m[GROUPS].value)
        rc = policy_node_fail(node, why, "want 'users' or 'groups': without any, leave it out");
    if (!rc)
        rc = read_names(admins, POLICY_WHO_USER, m[USERS].value, why);
    if (!rc)
        rc = read_names(admins, POLICY_WHO_GROUP, m[GROUPS].value, why);

    return rc;
}
