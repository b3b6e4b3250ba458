/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * scrape — the agent's figures at this moment, as text for Prometheus: what its metrics, the meters
 * of its tokens, its ledger and its listener say. countersign-agent(8) lists the families.
 */
#include "agent/agent.h"

/* Append all of them. */
void scrape(struct bytes *b, const struct agent *agent);
