/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * signing — images of one repository signed in every role that is due: the common part of sign
 * and push.
 */
#include "client/selection.h"

/* What is to be signed of one repository, role by role. */
struct signing {
    struct repository *repository;
    struct publish_role *roles; /* for publish() */
    size_t n_roles;
    struct role_edits *owned; /* what roles borrow */
    size_t n_owned;
};
void signing_done(struct signing *signing);

/* From now on only the keys that the user named with --key, if any. What signer_restrict() says. */
must_check enum rc signing_restrict(struct session *session, struct why *why);

/* Fetches the repository, and finds the roles for each tag: what session_update_existing() and
 * selection_for_target() say. edits: EDIT_SET_TARGET, one for each tag; what they point to is
 * borrowed for life. signing_done(), also after a failure. */
must_check enum rc signing_plan(struct signing *ret, struct session *session,
    struct repository *repository, const struct edit *edits, size_t n_edits, struct why *why);
