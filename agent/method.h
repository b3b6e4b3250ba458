/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * method — the calls that the agent answers: one table of names and handlers.
 *
 * Calls that take a while (Sign, IssueRootCertificate) go on in a noun of their own; the others are
 * answered here at once.
 */
#include "agent/agent.h"

/* Answer the call, or start to. */
void method_call(struct agent *agent, struct conn *conn, const struct message_call *call);
