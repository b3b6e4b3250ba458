/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * unlock — unlocking a token: where its PIN comes from people, it is asked for here, and goes to
 * the token's own process past the agent.
 */
#include "client/session.h"

/* name: of the token. force: spend the last try that it has. The PIN comes from the file of
 * --pin-file, or from the terminal. *ret_was_locked: there was something to do. What agent_call(),
 * agent_call_with_secrets() and secret_read() say. RC_NOT_FOUND: there is no such token. */
must_check enum rc unlock_token(
    bool *ret_was_locked, struct session *session, const char *name, bool force, struct why *why);

/* Offer a user at a terminal to unlock the tokens that wait for a PIN. Whether one was unlocked. */
bool unlock_offer(struct session *session);
