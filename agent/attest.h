/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * attest — what a token says of a key of the policy (AttestKey): its certificates, which the caller
 * judges. For admins only, and recorded.
 */
#include "agent/agent.h"

/* Answer the call, or start to. */
void attest_start(struct agent *agent, struct conn *conn, const json_t *parameters);
