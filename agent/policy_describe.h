/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * policy_describe — what a policy means, for people: its tokens, keys, sockets and pins, who may
 * sign what, and what is probably not meant. The order of files and entries shows nowhere.
 */
#include "agent/policy.h"

/* Append it. RC_TOO_LARGE: as policy_rights_of(). RC_NO_MEMORY. What does not fit into b is for
 * bytes_check() to say. */
must_check enum rc policy_describe(struct bytes *b, const struct policy *policy, struct why *why);
