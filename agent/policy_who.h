/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * policy_who — the users and groups of a grant, as they are written and as the system knows them.
 *
 * A name that the system does not know, or whose ID is the kernel's overflow ID, stays unresolved
 * and matches nobody. See policy.h for the struct.
 */
#include "agent/policy.h"

enum policy_who_kind { POLICY_WHO_USER, POLICY_WHO_GROUP };

/* Add a name of the user or group database, resolved if it can be. RC_TOO_LARGE, RC_NO_MEMORY. */
must_check enum rc policy_who_add_name(
    struct policy_who *who, enum policy_who_kind kind, const char *name, struct why *why);
/* Add an ID. RC_DENIED: it is the overflow ID, which stands for everybody unknown. */
must_check enum rc policy_who_add_id(
    struct policy_who *who, enum policy_who_kind kind, id_t id, struct why *why);
void policy_who_done(struct policy_who *who);

/* As they are written: users before groups, then by name. */
int policy_who_compare(const struct policy_name *a, const struct policy_name *b);

/* Look up what is unresolved; true if something became known. */
bool policy_who_resolve(struct policy_who *who);
