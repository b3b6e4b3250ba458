/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * status — what the agent says of itself: Status for everybody whom the policy names, with more of
 * it for admins, and Metrics for them alone.
 */
#include "agent/agent.h"

/* The files of the policy were read: they are in force, or why says what is wrong. */
void status_note_loading(struct agent *agent, enum rc rc, const struct why *why);

/* Requests that wait for the votes of others. */
int64_t status_n_parked(const struct agent *agent);

void status_call(struct agent *agent, struct conn *conn, const json_t *parameters);
void status_metrics(struct agent *agent, struct conn *conn, const json_t *parameters);
