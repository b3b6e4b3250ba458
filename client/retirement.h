/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * retirement — a repository that was deleted on purpose begins again: the agent is told to forget
 * which roots it had.
 */
#include "client/session.h"

/* Retire it, with --accept-replay if that was given; prints that, and notes what follows. Admins
 * only. What agent_call() says; RC_MALFORMED. */
must_check enum rc retirement_run(
    struct session *session, const struct repository *repository, struct why *why);

/* Before what cannot be undone: RC_DENIED: the caller is no admin, whom alone the agent gives
 * insight. What agent_call() says. */
must_check enum rc retirement_check(
    struct session *session, const struct repository *repository, struct why *why);

/* The number of the record in a reply; ret_refused: its list of that name, or NULL for one without.
 * RC_MALFORMED, told as the agent's fault. */
must_check enum rc retirement_read(
    int64_t *ret, const json_t *reply, const json_t **ret_refused, struct why *why);
