/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * relapse — a trust server that lists an older file than one that it has.
 *
 * For each publication notary-server reads root and targets, and then the snapshot, of which it
 * makes the next one. Where somebody else publishes in between, the next snapshot lists what was
 * read before: his publication was taken, and is listed no more. Whatever is published after that
 * sets it right, also nothing at all.
 */
#include "client/step.h"

/*
 * Whether root, or a role that steps are about or stand below, has a newer version than the view
 * of publication->trust says; that view is up to date. RC_NETWORK, RC_NO_MEMORY.
 */
must_check enum rc relapse_find(bool *ret, const struct publication *publication,
    const struct step *steps, size_t n_steps, struct why *why);

/* Whether the server shows something older than this machine has seen, but has what it has seen: so
 * it was not put back, but lists it no more. For when trust_cause() is TRUST_CAUSE_ROLLBACK. */
bool relapse_is_all(const struct trust *trust);

/* Publish nothing, so that the server lists what it has. Somebody else may be faster, which is as
 * good. RC_NETWORK: what repo_publish() says, RC_TIMEOUT included. */
must_check enum rc relapse_mend(
    struct repo *repo, const struct progress *progress, struct why *why);
