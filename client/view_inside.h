/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * view_inside — what view.c and view_roles.c share; for these two only.
 */
#include "client/view.h"

/* The version of role that this machine saw before file, which comes now; 0: none, or file. */
int64_t view_seen_before(
    const struct view *view, const char *role, struct span file, const struct view_sources *from);
/* What this machine saw before must not be newer than file. */
must_check enum rc view_set_floor(struct view *view, const char *role, struct span file,
    const struct view_sources *from, struct why *why);
/* What the server has does not verify; the cause may be the sentence that is there. RC_UNTRUSTED.
 */
must_check enum rc view_distrust(
    const struct view_sources *from, const char *cause, struct why *why);
/* For what is RC_UNTRUSTED. */
void view_blame(const struct view_sources *from, enum trust_cause cause);
/* Of the last step of the walk. */
enum trust_cause view_cause(const struct walk *walk);
