/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * token_arg — the token for a new key: the one of --token, or the only one that the agent has.
 */
#include "client/session.h"

/* *ret: free(). RC_MALFORMED: none was given, and there are several: says which. RC_NOT_FOUND: the
 * agent has none. What session_agent() and agent_call() say. */
must_check enum rc token_arg_find(char **ret, struct session *session, struct why *why);
