/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * role — the names of TUF roles as Notary v1 has them, and their ranks.
 */
#include "proto/bytes.h"

enum rank {
    RANK_ROOT,
    RANK_TARGETS,
    RANK_SNAPSHOT,
    RANK_TIMESTAMP,
    RANK_DELEGATION, /* targets/… */
    RANK_MAX_        /* also: no role name */
};

/* RANK_MAX_ for what is no role name: delegations are "targets/" and components of [-a-z0-9_],
 * up to ROLE_MAX_BYTES. */
enum rank role_rank(struct span name);
/* child is "parent/component": what a document of parent may delegate to. */
bool role_is_child(struct span child, struct span parent);
/* "targets/a/b" → "targets/a"; empty for roles that no other role delegates to. */
struct span role_parent(struct span name);
