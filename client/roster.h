/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * roster — the delegations of a targets document while they are edited: roles in their order, and
 * the keys that they list.
 */
#include "client/edit.h"

struct roster;

/* base: NULL: no delegations. Borrows from base, and later from the edits. RC_NO_MEMORY. */
must_check enum rc roster_new(struct roster **ret, const struct tuf_targets *base, struct why *why);
void roster_free(struct roster *roster);
DEFINE_CLEANUP(struct roster, roster_free);

/* An edit about delegations. RC_NOT_FOUND: paths or a threshold for a role that is not there.
 * RC_TOO_LARGE: more roles, keys or paths than bounds.h has. */
must_check enum rc roster_apply(struct roster *roster, const struct edit *edit, struct why *why);

/* Append the value of "delegations": with the keys that some role lists, and no others; in
 * the form that Go gives it, which writes null for the roles after the last one was removed, and
 * for the keys of a role after its last one. */
must_check enum rc roster_format(struct bytes *b, const struct roster *roster, struct why *why);
