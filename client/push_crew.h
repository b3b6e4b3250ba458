/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * push_crew — the repositories of a plan, each a job (push_job.h), and many of them at once. What
 * becomes of each stands in the plan afterwards.
 */
#include "client/push.h"
#include "client/push_plan.h"

/* The first repository is rehearsed here, and what is learned of servers, credentials and tokens on
 * the way all later workers know. RC_OK: each repository has its rc. RC_INTERRUPTED; RC_SYSTEM: no
 * crew. */
must_check enum rc push_crew_rehearse(struct push_plan *plan, struct session *session,
    const struct push_options *options, struct why *why);

/* The same; repositories that failed before are left out, and each is told when it and those before
 * it are over. */
must_check enum rc push_crew_publish(struct push_plan *plan, struct session *session,
    const struct push_options *options, struct why *why);
