/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * signing — images of one repository signed in every role that is due: the common part of sign,
 * push and explain.
 */
#include "client/image_arg.h"
#include "client/selection.h"

/* What is to be signed of one repository, role by role. */
struct signing {
    struct repository *repository;
    struct publish_role *roles; /* with edits of its own */
    size_t n_roles;
};
void signing_done(struct signing *signing);

/* Fetches the repository, and finds the roles for each tag: what session_update_existing() and
 * selection_for_target() say. edits: EDIT_SET_TARGET, one for each tag; borrowed for life. */
must_check enum rc signing_plan(struct signing *ret, struct session *session,
    struct repository *repository, const struct edit *edits, size_t n_edits, struct why *why);
