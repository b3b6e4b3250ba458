/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * policy_grant — the grants of a policy file, from nodes to the structs of policy.h. Failure is as
 * in policy_read.h.
 */
#include "agent/policy_read.h"

/* policy: its sockets and keys are read. */
must_check enum rc policy_grant_read(struct policy_grant *grant, const struct policy_entry *entry,
    const struct policy *policy, struct why *why);
