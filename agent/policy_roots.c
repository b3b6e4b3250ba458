/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy_roots.h"

#include "proto/bounds.h"

/* Plain or quoted: YAML takes most of these IDs for text and a few for numbers, but what has 64
 * digits is nothing else to anybody. */
static enum rc
read_key(struct policy_pin_root *root, const struct policy_node *node, struct why *why)
{
    struct keyid id;

    if (node->kind != POLICY_SCALAR)
        return policy_node_fail(node, why, "want the canonical ID of a key");

    enum rc rc = keyid_parse(&id, span_of(node->text), why);
    if (rc)
        return policy_node_within(node, why, within(why, rc, "'%s'", node->text));

    for (size_t i = 0; i < root->n_keys; i++)
        if (keyid_eq(&root->keys[i], &id))
            return policy_node_fail(node, why, "'%s' is there twice", id.hex);

    struct keyid *place = mem_grow(&root->keys, root->n_keys, sizeof *place, POLICY_ENTRIES_MAX);
    if (!place)
        return fail_memory(why);

    *place = id;
    root->n_keys++;
    return RC_OK;
}

static enum rc
read_root(struct policy_pin_root *root, const struct policy_node *name,
    const struct policy_node *value, struct why *why)
{
    enum rc rc = policy_node_dup(&root->repositories, name, why);
    if (!rc)
        rc = policy_node_within(name, why, policy_read_check_repository(root->repositories, why));
    if (!rc)
        rc = policy_node_want_list(value, why);
    for (size_t i = 0; !rc && i < value->n; i++)
        rc = read_key(root, &value->values[i], why);

    return rc;
}

enum rc
policy_roots_read(struct policy *policy, const struct policy_node *node, struct why *why)
{
    enum rc rc = policy_node_want_map(node, why);

    for (size_t i = 0; !rc && i < node->n; i++) {
        struct policy_pin_root *root =
            mem_grow(&policy->roots, policy->n_roots, sizeof *root, POLICY_ENTRIES_MAX);
        if (!root)
            return fail_memory(why);

        policy->n_roots++;
        rc = read_root(root, &node->names[i], &node->values[i], why);
    }

    return rc;
}
