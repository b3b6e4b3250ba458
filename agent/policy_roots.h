/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * policy_roots — the root keys that a policy file pins, from nodes to the structs of policy.h.
 * Failure is as in policy_read.h.
 */
#include "agent/policy_read.h"

/* The section "roots". */
must_check enum rc policy_roots_read(
    struct policy *policy, const struct policy_node *node, struct why *why);
