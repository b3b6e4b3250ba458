/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * approval — what grants ask for before somebody else may use them, who may give it, and who has.
 *
 * Grants are known by their names here, a JSON array of strings, as a parked request outlives a
 * policy: one that is gone, or asks for nothing any more, has no approvers.
 */
#include "agent/policy.h"
#include "agent/votes.h"
#include "proto/members.h"

/* Whether one of the grants is for the peer, at the door through which it came. */
bool approval_is_for(const struct policy *policy, const json_t *grants, const struct peer *peer);
/* Whether the vote of peer would count for one of the grants. */
bool approval_may(
    const struct policy *policy, const json_t *grants, const struct peer *peer, uid_t requester);

/* An array of Approval, one for each grant that asks for votes. NULL: no memory. */
json_t *approval_format(
    const struct policy *policy, const json_t *grants, const struct votes *votes, uid_t requester);
