/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * policy_crowd — the people behind users and groups, one by one, as far as the databases of this
 * system list them: a directory service need not. For advice; nothing is decided by it.
 */
#include "agent/policy.h"

struct policy_crowd {
    uid_t *uids; /* each once, without 0, ascending */
    size_t n;
};

/* RC_NO_MEMORY. policy_crowd_done(). */
must_check enum rc policy_crowd_of(struct policy_crowd *ret, const struct policy_who *who);
void policy_crowd_done(struct policy_crowd *crowd);
bool policy_crowd_has(const struct policy_crowd *crowd, uid_t uid);
