/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * method — the calls that the agent answers: one table of names and handlers.
 *
 * Calls that take a while (Sign, IssueRootCertificate) go on in a noun of their own; the others are
 * answered here at once.
 */
#include "agent/agent.h"

/* Name of the ith method of the interface, in its order; NULL: there are not so many. A test holds
 * them and org.countersign.Agent.varlink together. */
const char *method_name(size_t i);

/* Answer the call, or start to. */
void method_call(struct agent *agent, struct conn *conn, const struct message_call *call);
