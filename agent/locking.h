/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * locking — the calls Lock and Unlock, with which an admin says whether tokens may be logged into.
 *
 * A PIN that Unlock brings is read by the token's worker; the agent only hands over the connection.
 */
#include "agent/agent.h"

void locking_lock(struct agent *agent, struct conn *conn, const json_t *parameters);
void locking_unlock(struct agent *agent, struct conn *conn, const json_t *parameters);
