/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * policy_limits — what narrows a grant beside its keys and people, from nodes to the struct of
 * policy.h: repositories, tags, unit, quota, approvals. Failure is as in policy_read.h.
 */
#include "agent/policy_read.h"

/* node: of the member of that name. The keys of the grant are read. */
must_check enum rc policy_limits_read_repositories(
    struct policy_grant *grant, const struct policy_node *node, struct why *why);
must_check enum rc policy_limits_read_tags(
    struct policy_grant *grant, const struct policy_node *node, struct why *why);
must_check enum rc policy_limits_read_unit(
    struct policy_grant *grant, const struct policy_node *node, struct why *why);
must_check enum rc policy_limits_read_quota(
    struct policy_grant *grant, const struct policy_node *node, struct why *why);
must_check enum rc policy_limits_read_approvals(
    struct policy_grant *grant, const struct policy_node *node, struct why *why);

/* The refusal of "roles", and of "repositories" where not all keys are for root. */
extern const char policy_limits_role[];
