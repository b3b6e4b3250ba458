/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * trusted_root — the method TrustedRoot: from which root keys the agent itself trusts a repository,
 * for clients, who have seen less of it.
 */
#include "agent/agent.h"

void trusted_root_call(struct agent *agent, struct conn *conn, const json_t *parameters);
