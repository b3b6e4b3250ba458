/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/role.h"

#include "proto/bounds.h"

static const char *const base_roles[RANK_DELEGATION] = {
    [RANK_ROOT] = "root",
    [RANK_TARGETS] = "targets",
    [RANK_SNAPSHOT] = "snapshot",
    [RANK_TIMESTAMP] = "timestamp",
};

/* Notary's rule: "targets/", then components of [-a-z0-9_], none of them empty. */
static bool
is_delegation(struct span name)
{
    struct span prefix = SPAN("targets/");

    if (name.len <= prefix.len || name.len > ROLE_MAX_BYTES || !span_starts(name, prefix))
        return false;

    bool is_at_start = true;
    for (size_t i = prefix.len; i < name.len; i++) {
        uint8_t c = name.p[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        if (!is_letter && (c != '/' || is_at_start))
            return false;
        is_at_start = c == '/';
    }

    return !is_at_start;
}

enum rank
role_rank(struct span name)
{
    for (int rank = 0; rank < RANK_DELEGATION; rank++)
        if (span_is(name, base_roles[rank]))
            return (enum rank)rank;

    return is_delegation(name) ? RANK_DELEGATION : RANK_MAX_;
}

bool
role_is_child(struct span child, struct span parent)
{
    return role_rank(child) == RANK_DELEGATION && span_eq(role_parent(child), parent);
}

struct span
role_parent(struct span name)
{
    if (role_rank(name) != RANK_DELEGATION)
        return (struct span){0};

    size_t len = name.len;
    while (name.p[len - 1] != '/')
        len--;

    return (struct span){name.p, len - 1};
}
