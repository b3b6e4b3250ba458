/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy_sockets.h"

#include "proto/bounds.h"

/* Whether two spellings of one path cannot both be given. */
static bool
is_normal(const char *path)
{
    size_t len = strlen(path);

    return !strstr(path, "//") && !strstr(path, "/./") && !strstr(path, "/../") &&
           path[len - 1] != '/' && strcmp(strrchr(path, '/'), "/.") != 0 &&
           strcmp(strrchr(path, '/'), "/..") != 0;
}

static enum rc
read_path(struct policy_socket *ret, const struct policy_node *node, const struct policy *policy,
    struct why *why)
{
    enum rc rc = policy_node_dup(&ret->path, node, why);
    if (rc)
        return rc;

    if (*ret->path != '/')
        return policy_node_fail(node, why, "'%s' is no absolute path", ret->path);

    if (!is_normal(ret->path))
        return policy_node_fail(node, why,
            "'%s' is no normal path: leave out '//', '.', '..', and '/' at the end", ret->path);

    if (strlen(ret->path) > SOCKET_PATH_BYTES)
        return policy_node_fail(node, why, "'%s' is longer than a socket's path can be, %d bytes",
            ret->path, SOCKET_PATH_BYTES);

    for (size_t i = 0; i < policy->n_sockets; i++) {
        const struct policy_socket *other = &policy->sockets[i];
        if (other != ret && !strcmp(other->path, ret->path))
            return policy_node_fail(
                node, why, "'%s' is the path of socket '%s' as well", ret->path, other->name);
    }

    return RC_OK;
}

/* To connect is to write, see unix(7); other bits would say nothing, or what nobody expects. */
static enum rc
read_mode(struct policy_socket *ret, const struct policy_node *node, struct why *why)
{
    static const struct {
        const char *text;
        mode_t mode;
    } modes[] = {{"0600", 0600}, {"0660", 0660}, {"0666", 0666}};

    if (policy_node_is_number(node))
        return policy_node_fail(node, why,
            "%s without quotes: YAML 1.1 reads it in base 8, YAML 1.2 in base 10", node->text);

    const char *text = NULL;
    enum rc rc = policy_node_text(&text, node, why);
    if (rc)
        return rc;

    for (size_t i = 0; i < N_ELEMENTS(modes); i++)
        if (!strcmp(text, modes[i].text)) {
            ret->mode = modes[i].mode;
            return RC_OK;
        }

    return policy_node_fail(node, why,
        "'%s' is no mode of a socket: want \"0600\" (the agent's user), \"0660\" (its group too) or"
        " \"0666\" (all who reach its directory)",
        text);
}

enum rc
policy_sockets_read(struct policy_socket *ret, const struct policy_entry *entry,
    const struct policy *policy, struct why *why)
{
    enum { PATH, MODE, N_MEMBERS };
    struct policy_member m[N_MEMBERS] = {[PATH] = {"path"}, [MODE] = {"mode"}};

    enum rc rc = policy_node_members(m, N_MEMBERS, entry->value, "a socket", why);
    if (!rc && !strcmp(ret->name, PEER_MAIN_DOOR))
        rc = policy_node_fail(entry->name, why,
            "'%s' is the name of the main socket, which is no matter of the policy", ret->name);
    if (!rc)
        rc = policy_read_need(&m[PATH], entry, why);
    if (!rc)
        rc = policy_read_need(&m[MODE], entry, why);
    if (!rc)
        rc = read_path(ret, m[PATH].value, policy, why);
    if (!rc)
        rc = read_mode(ret, m[MODE].value, why);

    return rc;
}

static const struct policy_socket *
find(const struct policy *policy, const char *name)
{
    for (size_t i = 0; i < policy->n_sockets; i++)
        if (!strcmp(policy->sockets[i].name, name))
            return &policy->sockets[i];

    return NULL;
}

enum rc
policy_sockets_read_names(struct policy_grant *grant, const struct policy_node *node,
    const struct policy *policy, struct why *why)
{
    enum rc rc = policy_node_want_list(node, why);

    for (size_t i = 0; !rc && i < node->n; i++) {
        const struct policy_node *value = &node->values[i];
        const char *name = NULL;

        rc = policy_node_name(&name, value, why);
        if (rc)
            return rc;

        const struct policy_socket *socket = find(policy, name);
        if (!socket && !strcmp(name, PEER_MAIN_DOOR))
            return policy_node_fail(
                value, why, "'%s' is the main socket, where grants without 'sockets' apply", name);

        if (!socket)
            return policy_node_fail(value, why, "there is no socket '%s'", name);

        for (size_t j = 0; j < grant->n_sockets; j++)
            if (grant->sockets[j] == socket)
                return policy_node_fail(value, why, "'%s' is there twice", name);

        const struct policy_socket **place =
            mem_grow(&grant->sockets, grant->n_sockets, sizeof *place, SOCKETS_MAX);
        if (!place)
            return fail_memory(why);

        *place = socket;
        grant->n_sockets++;
    }

    return rc;
}
