/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * policy_sockets — the doors of a policy file, from nodes to the structs of policy.h. Failure is as
 * in policy_read.h.
 */
#include "agent/policy_read.h"

/* policy: sockets that were read before, the last of them is the one to fill. */
must_check enum rc policy_sockets_read(struct policy_socket *ret, const struct policy_entry *entry,
    const struct policy *policy, struct why *why);
/* The doors that a grant names. policy: its sockets are read. */
must_check enum rc policy_sockets_read_names(struct policy_grant *grant,
    const struct policy_node *node, const struct policy *policy, struct why *why);
