/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * departure — what a repository loses when a signer leaves it: its role targets/NAME, those of its
 * keys in targets/releases that no other signer has, and the word by which some tags are released.
 * Pure.
 *
 * Nobody but the signer vouches for a tag of targets/releases where no other role holds it with the
 * same digest, and it is the signer's: its own role holds it, or only its keys have signed
 * targets/releases. Where no key is left for targets/releases, the tags of all go.
 */
#include "client/trust.h"

struct departure {
    const struct trust_role *role;     /* targets/NAME */
    const struct trust_role *releases; /* NULL: there is no such role */
    struct keyid *ids;                 /* canonical, that leave targets/releases */
    size_t n_ids;
    bool is_last;                      /* no key is left for targets/releases */
    const struct tuf_target **orphans; /* tags for which nobody else vouches, by name */
    size_t n_orphans;
};
void departure_done(struct departure *departure);

/* roles: all of a view, as trust_role_at() has them; borrowed for life. role: "targets/NAME".
 * RC_NOT_FOUND: there is no such role. RC_NO_MEMORY. */
must_check enum rc departure_find(struct departure *ret, const struct trust_role *roles,
    size_t n_roles, const char *role, struct why *why);
