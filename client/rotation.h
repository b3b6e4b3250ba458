/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * rotation — the next root of a repository: with other keys for one of the base roles, or as it is
 * with a new expiry.
 */
#include "client/session.h"

/*
 * Replace the keys of a role of a repository that was read: of root and targets by keys of the
 * agent (--key; without, the only other one there is), of snapshot and timestamp by a new one of
 * the trust server. For root it says first what will change, and asks. Prints what was published.
 * What base_keys_replace(), question_ask() and publish() say. RC_REFUSED: it has these keys.
 */
must_check enum rc rotation_run(
    struct session *session, struct repository *repository, enum rank rank, struct why *why);

/* Publish the root again, with a new expiry. Prints what was published. What publish() says. */
must_check enum rc rotation_renew(
    struct session *session, struct repository *repository, struct why *why);
