/* SPDX-License-Identifier: Apache-2.0 */
/* What the documents of a walk say of roles. */
#include "proto/walk.h"

const struct tuf_role *
walk_role(const struct walk *w, struct span role, const struct tuf_keys **ret_keys)
{
    enum rank rank = role_rank(role);

    if (rank < RANK_DELEGATION) {
        const struct tuf_root *root = walk_root_document(w);
        if (!root)
            return NULL;

        *ret_keys = &root->keys;
        return &root->roles[rank];
    }

    const struct tuf_targets *parent = walk_targets_document(w, role_parent(role));
    const struct tuf_role *listing = parent ? tuf_targets_find_role(parent, role) : NULL;
    if (!listing)
        return NULL;

    *ret_keys = &parent->keys;
    return listing;
}

bool
walk_admits(const struct walk *w, struct span role, struct span name)
{
    const struct tuf_keys *keys;
    size_t len = 0, level_end = strlen("targets");

    if (role_rank(role) != RANK_TARGETS && role_rank(role) != RANK_DELEGATION)
        return false;

    /* From the top down. All prefixes of one name nest, so the shortest path that counts is the one
     * that restricts the level below the least. */
    while (level_end < role.len) {
        level_end++;
        while (level_end < role.len && role.p[level_end] != '/')
            level_end++;

        const struct tuf_role *level = walk_role(w, (struct span){role.p, level_end}, &keys);
        if (!level || !tuf_role_admits_from(&len, level, name, len))
            return false;
    }

    return true;
}
