/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * ballot — one vote on a parked request, for it or against it, or its withdrawal: recorded and kept
 * in one transaction, then answered, and whoever waits for it is woken.
 */
#include "agent/agent.h"
#include "agent/ledger_parked.h"

enum ballot_kind {
    BALLOT_APPROVE,  /* answered with the approvals as they are then */
    BALLOT_DENY,     /* with a reason */
    BALLOT_WITHDRAW, /* by who asked */
};

/* The caller may do so: that was checked. id and reason (NULL: none) are copied. */
void ballot_start(struct agent *agent, struct conn *conn, enum ballot_kind kind, const char *id,
    const char *reason);
