/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * retire — what an admin undoes of a repository's past on purpose: Retire, of one that was deleted,
 * and Supersede, of a root that was released and never published.
 *
 * Both wait until nobody signs a root of that repository, so that nothing of the old one is written
 * afterwards.
 */
#include "agent/agent.h"

void retire_start(struct agent *agent, struct conn *conn, const json_t *parameters);
void retire_supersede(struct agent *agent, struct conn *conn, const json_t *parameters);
