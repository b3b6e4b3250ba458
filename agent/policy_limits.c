/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy_limits.h"

#include "agent/policy_people.h"
#include "proto/bounds.h"
#include "proto/pattern.h"

const char policy_limits_role[] =
    "cannot narrow a grant: what is signed names neither repository nor role, so a signature is"
    " valid in the whole scope of its key; narrow the scope of the key instead";

/* Root documents alone are bound to their repository, by the names in their certificates. */
enum rc
policy_limits_read_repositories(
    struct policy_grant *grant, const struct policy_node *node, struct why *why)
{
    for (size_t i = 0; i < grant->n_keys; i++)
        if (grant->keys[i]->rank != RANK_ROOT)
            return policy_node_fail(node, why, "'repositories' %s (key '%s' is not for root)",
                policy_limits_role, grant->keys[i]->name);

    return policy_read_texts(
        &grant->repositories, &grant->n_repositories, node, policy_read_check_repository, why);
}

/* Elsewhere the same bytes could be published where other tags change by them (rule 10). */
enum rc
policy_limits_read_tags(struct policy_grant *grant, const struct policy_node *node, struct why *why)
{
    for (size_t i = 0; i < grant->n_keys; i++) {
        const struct policy_key *key = grant->keys[i];

        if (!policy_key_is_single(key))
            return policy_node_fail(node, why,
                "'tags' need a key whose scope is one repository and one role, without patterns:"
                " what key '%s' signs could be published elsewhere in its scope, and change other"
                " tags there",
                key->name);
    }

    return policy_read_texts(&grant->tags, &grant->n_tags, node, pattern_check, why);
}

enum rc
policy_limits_read_unit(struct policy_grant *grant, const struct policy_node *node, struct why *why)
{
    /* systemd.unit(5); of all units, processes of users are in these two kinds. */
    static const char *const ends[] = {".service", ".scope"};
    static const char characters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:-_.\\@";

    enum rc rc = policy_node_dup(&grant->unit, node, why);
    if (rc)
        return rc;

    const char *unit = grant->unit;
    size_t len = strlen(unit);
    if (unit[strspn(unit, characters)])
        return policy_node_fail(node, why,
            "'%s' is no name of a unit: want a whole name, of letters, digits and \":-_.\\@\"",
            unit);

    if (len > UNIT_NAME_MAX_BYTES)
        return policy_node_fail(
            node, why, "a unit's name of %zu bytes, the limit is %d", len, UNIT_NAME_MAX_BYTES);

    for (size_t i = 0; i < N_ELEMENTS(ends); i++) {
        size_t stem = len > strlen(ends[i]) ? len - strlen(ends[i]) : 0;
        if (stem == 0 || strcmp(unit + stem, ends[i]) != 0 || *unit == '@')
            continue;

        if (unit[stem - 1] == '@')
            return policy_node_fail(
                node, why, "'%s' is a template, in which nothing runs: name one instance", unit);

        return RC_OK;
    }

    return policy_node_fail(
        node, why, "'%s' is no name of a unit that ends with .service or .scope", unit);
}

enum rc
policy_limits_read_quota(
    struct policy_grant *grant, const struct policy_node *node, struct why *why)
{
    static const struct policy_duration window = {"mhdw", "15m, 1h, 1d or 4w", QUOTA_WINDOW_MAX_S};
    const char *text = NULL;

    enum rc rc = policy_node_text(&text, node, why);
    if (rc)
        return rc;

    const char *slash = strchr(text, '/');
    if (!slash)
        return policy_node_fail(
            node, why, "'%s' is no quota: want documents and a time, as 200/1h", text);

    struct span digits = {(const uint8_t *)text, (size_t)(slash - text)};
    rc = integer_parse(&grant->quota.n, digits, 1, QUOTA_MAX, why);
    if (rc)
        return policy_node_within(node, why, within(why, rc, "'%s'", text));

    struct policy_node time = *node;
    closing(freep) char *rest = strdup(slash + 1);
    if (!rest)
        return fail_memory(why);

    time.text = rest;
    return policy_node_duration(&grant->quota.window_s, &time, &window, why);
}

/* Rule 13: never uid 0, so a policy that names it asks for what will not be. */
static enum rc
check_approvers(
    const struct policy_approvals *approvals, const struct policy_node *users, struct why *why)
{
    for (size_t i = 0; users && i < users->n; i++) {
        const struct policy_name *name = &approvals->who.names[i];
        if (name->is_resolved && name->id == 0)
            return policy_node_fail(&users->values[i], why,
                "'%s' is uid 0, which never approves: root of a container is uid 0 as well",
                name->name);
    }

    return RC_OK;
}

enum rc
policy_limits_read_approvals(
    struct policy_grant *grant, const struct policy_node *node, struct why *why)
{
    enum { COUNT, GROUPS, USERS, N_MEMBERS };
    struct policy_member m[N_MEMBERS] = {
        [COUNT] = {"count"}, [GROUPS] = {"groups"}, [USERS] = {"users"}};
    int64_t count = 0;

    enum rc rc = policy_node_members(m, N_MEMBERS, node, "approvals", why);
    if (!rc && !m[COUNT].value)
        rc = policy_node_fail(node, why, "want a 'count' of those who must agree");
    if (!rc && !m[GROUPS].value && !m[USERS].value)
        rc = policy_node_fail(node, why, "want 'groups' or 'users' who may approve");
    if (!rc)
        rc = policy_node_integer(&count, m[COUNT].value, 1, APPROVALS_MAX, why);
    if (!rc)
        rc = policy_people_read(&grant->approvals.who, m[USERS].value, m[GROUPS].value, why);
    if (!rc)
        rc = check_approvers(&grant->approvals, m[USERS].value, why);
    if (!rc)
        grant->approvals.count = (size_t)count;

    return rc;
}
