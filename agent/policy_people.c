/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy_people.h"

#include "agent/policy_who.h"

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

enum rc
policy_people_read(struct policy_who *who, const struct policy_node *users,
    const struct policy_node *groups, struct why *why)
{
    enum rc rc = read_names(who, POLICY_WHO_USER, users, why);

    return rc ? rc : read_names(who, POLICY_WHO_GROUP, groups, why);
}

enum rc
policy_people_read_admins(
    struct policy_who *admins, const struct policy_node *node, struct why *why)
{
    enum { USERS, GROUPS, N_MEMBERS };
    struct policy_member m[N_MEMBERS] = {[USERS] = {"users"}, [GROUPS] = {"groups"}};

    enum rc rc = policy_node_members(m, N_MEMBERS, node, "admins", why);
    if (!rc && !m[USERS].value && !m[GROUPS].value)
        rc = policy_node_fail(node, why, "want 'users' or 'groups': without any, leave it out");
    if (!rc)
        rc = policy_people_read(admins, m[USERS].value, m[GROUPS].value, why);

    return rc;
}
