/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * refusal — a call that is refused for who the caller is, whatever it asks: recorded, then answered
 * with the reason alone.
 */
#include "agent/agent.h"

/* method is borrowed and must be a literal of the method table. */
void refusal_start(struct agent *agent, struct conn *conn, const char *method, enum reason reason);
/* The same for what the call is about, by a name that the record shows. */
void refusal_start_about(struct agent *agent, struct conn *conn, const char *method,
    enum reason reason, const char *name);
