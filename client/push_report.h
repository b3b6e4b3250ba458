/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * push_report — what is told when a push is over: of each repository that was published, on
 * standard output; of what went wrong, and of what is where then, in notes.
 */
#include "client/push_plan.h"
#include "client/transfer.h"

/* Of a rehearsal, after which nothing is done if any repository has failed. The first failure, in
 * the order of the command line. */
must_check enum rc push_report_rehearsal(
    const struct push_plan *plan, struct session *session, struct why *why);
/* Write those repositories that are over, up to the first one that is not. */
void push_report_progress(struct push_plan *plan, struct session *session);
/* The rest of it. The first failure, likewise. */
must_check enum rc push_report(struct push_plan *plan, const struct transfer_result *uploaded,
    struct session *session, struct why *why);
