/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * parked — the methods about requests that wait for approval: who sees which, and who may vote.
 *
 * The requester sees his own, approvers those of their grants, admins all. Nobody votes on his own,
 * root never does, and nobody does at another door than the main one.
 */
#include "agent/agent.h"

/* Answer a call of a peer whom the policy knows. */
void parked_list(struct agent *agent, struct conn *conn, const json_t *parameters);
void parked_approve(struct agent *agent, struct conn *conn, const json_t *parameters);
void parked_deny(struct agent *agent, struct conn *conn, const json_t *parameters);
