/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * issue — one IssueRootCertificate request on its way: judged like Sign of role root, built,
 * signed, recorded, released. The same certificate is given again while it is valid.
 */
#include "agent/agent.h"

/* Answer a call of IssueRootCertificate by a peer whom the policy knows. */
void issue_start(struct agent *agent, struct conn *conn, const json_t *parameters);
