/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * certify — certificates under which a delegation lists a key of the policy (IssueCertificate):
 * signed by the key itself, or requests for them to an authority of the user's.
 *
 * For admins only, and never for a key of role root: what makes a root is decided by its grants.
 */
#include "agent/agent.h"

/* Answer the call, or start to. */
void certify_start(struct agent *agent, struct conn *conn, const json_t *parameters);
