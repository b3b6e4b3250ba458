/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/base_state.h"

static bool
is_left_out(const struct base *base, struct span role)
{
    for (size_t i = 0; i < base->n_left_out; i++)
        if (span_is(role, base->left_out[i]))
            return true;

    return false;
}

/* Of targets and delegations, whose parents decide first: where one cannot be read, nobody knows
 * who may sign what is below it. */
static enum decide_base
state_of(const struct base *base, struct span role)
{
    const struct tuf_keys *keys = NULL;

    if (walk_targets_document(base->walk, role))
        return DECIDE_BASE_FILE;

    if (!walk_listed(base->walk, role))
        return DECIDE_BASE_EMPTY;

    for (struct span above = role; role_rank(above) == RANK_DELEGATION;) {
        above = role_parent(above);
        if (!walk_targets_document(base->walk, above))
            return state_of(base, above);
    }

    return is_left_out(base, role) || !walk_role(base->walk, role, &keys) ? DECIDE_BASE_EMPTY
                                                                          : DECIDE_BASE_UNREADABLE;
}

enum decide_base
base_state(const struct base *base, const char *role)
{
    enum rank rank = role_rank(span_of(role));

    if (rank == RANK_ROOT || rank == RANK_SNAPSHOT)
        return DECIDE_BASE_FILE;

    return rank == RANK_TARGETS || rank == RANK_DELEGATION ? state_of(base, span_of(role))
                                                           : DECIDE_BASE_EMPTY;
}

bool
base_is_orphan(const struct base *base, struct span role)
{
    const struct tuf_keys *keys = NULL;

    return walk_targets_document(base->walk, role_parent(role)) &&
           !walk_role(base->walk, role, &keys);
}

bool
base_is_missing(const struct base *base, struct span role)
{
    const struct tuf_keys *keys = NULL;
    enum rank rank = role_rank(role);

    return (rank == RANK_TARGETS || rank == RANK_DELEGATION) &&
           walk_role(base->walk, role, &keys) && !walk_listed(base->walk, role);
}
