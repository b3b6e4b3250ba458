/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * signer_role — what makes somebody a signer for docker: a role of his own, targets/NAME, and his
 * keys in targets/releases, which is what docker pulls by.
 */
#include "client/session.h"

/* The repository is updated. Adds to what a signer of that name has. RC_TOO_LARGE: the name. What
 * session_publish() says. */
must_check enum rc signer_role_add(struct session *session, struct repository *repository,
    const char *name, struct pubkey *const *keys, size_t n_keys, struct why *why);
