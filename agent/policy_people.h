/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * policy_people — users and groups of a policy file, from nodes to struct policy_who. Failure is as
 * in policy_read.h; RC_DENIED: an overflow ID.
 */
#include "agent/policy_read.h"

/* The lists of users and groups of one mapping; NULL: that one is not there. */
must_check enum rc policy_people_read(struct policy_who *who, const struct policy_node *users,
    const struct policy_node *groups, struct why *why);
/* The section "admins". */
must_check enum rc policy_people_read_admins(
    struct policy_who *admins, const struct policy_node *node, struct why *why);
