/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * explain — what would become of a request, and by which rules: the same decision, nothing signed.
 */
#include "agent/agent.h"

/* Answer a call of Explain by a peer whom the policy knows; of somebody else for admins only. */
void explain_call(struct agent *agent, struct conn *conn, const json_t *parameters);
