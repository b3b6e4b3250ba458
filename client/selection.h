/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * selection — in which roles a target is signed, or from which it is removed.
 *
 * The roles that the user named; else every direct delegation whose paths admit the target and for
 * which the caller may use a key; else, where nothing is delegated, targets.
 */
#include "client/session.h"

struct selection {
    char **roles; /* names of its own: those of the view go with the next update */
    size_t n_roles;
};

/*
 * The repository is updated. For sign: as above. RC_NOT_FOUND: a role that nobody delegates to.
 * RC_DENIED: no role is left, or one that was named excludes the target. selection_done().
 */
must_check enum rc selection_for_target(struct selection *ret, struct session *session,
    const struct repository *repository, struct span target, struct why *why);
/* The same, whoever may use a key there: for a question about somebody else. */
must_check enum rc selection_for_anybody(struct selection *ret, struct session *session,
    const struct repository *repository, struct span target, struct why *why);
/* The roles named with --role, else targets: as notary has it. RC_NOT_FOUND. */
must_check enum rc selection_as_named(struct selection *ret, struct session *session,
    const struct repository *repository, struct why *why);
/* RC_DENIED: the paths of one of the roles exclude the target, so that no reader would see it. */
must_check enum rc selection_check_paths(const struct selection *selection,
    const struct repository *repository, struct span target, struct why *why);
/* For a repository that is not there yet: the roles named with --role, else targets. RC_MALFORMED:
 * a role that holds no targets. */
must_check enum rc selection_for_new(
    struct selection *ret, struct session *session, struct why *why);
void selection_done(struct selection *selection);
