/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * pubkey_arg — a key as people name it on a command line: a PEM file, or agent:NAME.
 */
#include "client/session.h"

/* *ret: pubkey_unref(). RC_NOT_FOUND: no such file, or the agent has no such key. RC_MALFORMED,
 * RC_UNSUPPORTED: what the file holds instead. */
must_check enum rc pubkey_arg_read(
    struct pubkey **ret, struct session *session, const char *text, struct why *why);
/* "agent:NAME" → "NAME"; NULL where text is NULL. RC_MALFORMED: something else. */
must_check enum rc pubkey_arg_agent_name(const char **ret, const char *text, struct why *why);
