/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * signing — one Sign request on its way: waits for its turn, is judged, signed, recorded, released.
 */
#include "agent/agent.h"

/* Answer a call of Sign by a peer whom the policy knows. */
void signing_start(struct agent *agent, struct conn *conn, const json_t *parameters);
