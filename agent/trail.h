/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * trail — the method Audit: records, read and told in steps of which each is a turn, so that
 * nobody waits for somebody who reads a million of them.
 *
 * Users see their own records, admins all. What is told follows what the policy says at that time.
 */
#include "agent/agent.h"

struct trails;

/* event and ledger of the agent must be there. RC_NO_MEMORY. */
must_check enum rc trails_new(struct trails **ret, struct why *why);
void trails_free(struct trails *trails); /* connections must be gone */

/* Records were committed: tell those who follow them. */
void trails_wake(struct trails *trails);

void trail_start(struct agent *agent, struct conn *conn, const json_t *parameters);
