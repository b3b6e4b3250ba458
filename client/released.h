/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * released — which targets a repository shows to its readers, and by whose word. Pure.
 *
 * Two kinds of readers look at the same documents. Docker takes what is in targets/releases or in
 * targets, and counts as signers all other roles that hold the same tag with the same digest.
 * Notary walks from targets down, breadth first, and the first role that holds a name wins.
 */
#include "client/trust.h"

/* One target; what it points to is the view's. */
struct released_row {
    char *name; /* decoded */
    const struct tuf_target *target;
    const struct trust_role *role;     /* where it was found */
    const struct trust_role **signers; /* for docker only, in the order of roles */
    size_t n_signers;
    size_t order; /* in which it was found */
};

struct released {
    struct released_row *rows;
    size_t n;
};

void released_done(struct released *released);

/*
 * roles: all of a view, in the order of trust_role_at(); those without a document show nothing.
 */

/*
 * As docker trust inspect shows them: in natural order, a tag with two digests twice, that of
 * targets/releases first. tag: only this one, in roles whose paths admit it; NULL: all, whatever
 * the paths say. RC_NO_MEMORY.
 */
must_check enum rc released_for_docker(struct released *ret, const struct trust_role *roles,
    size_t n_roles, const char *tag, struct why *why);

/*
 * As notary list shows them: in the order of bytes. starts: the roles of -r, the most important one
 * first; the part of the tree below each, without the others, which have their own turn. None:
 * all of the tree. RC_NO_MEMORY.
 */
must_check enum rc released_for_notary(struct released *ret, const struct trust_role *roles,
    size_t n_roles, const char *const *starts, size_t n_starts, struct why *why);

/* Whether the paths of role, and of all roles above it, admit name. */
bool released_admits(const struct trust_role *roles, size_t n_roles, const struct trust_role *role,
    struct span name);
/* "targets/alice" → "alice", as docker calls signers. */
const char *released_signer(const struct trust_role *role);
