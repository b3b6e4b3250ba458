/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * policy_grant — the people of a policy file: grants and admins, from nodes to the structs of
 * policy.h. Failure is as in policy_read.h.
 */
#include "agent/policy_read.h"

/* policy: its keys are read. */
must_check enum rc policy_grant_read(struct policy_grant *grant, const struct policy_entry *entry,
    const struct policy *policy, struct why *why);
must_check enum rc policy_grant_read_admins(
    struct policy_who *admins, const struct policy_node *node, struct why *why);
