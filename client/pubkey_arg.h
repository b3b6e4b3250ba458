/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * pubkey_arg — a key as people name it on a command line: a PEM file, or agent:NAME.
 */
#include "client/session.h"

struct pubkey_args {
    struct pubkey *keys[OPTION_VALUES_MAX];
    size_t n;
};

/* RC_NOT_FOUND: no such file, or the agent has no such key. RC_MALFORMED, RC_UNSUPPORTED: what the
 * file holds instead. RC_TOO_LARGE: more than OPTION_VALUES_MAX. pubkey_args_done() in any case. */
must_check enum rc pubkey_args_read(struct pubkey_args *ret, struct session *session,
    const char *const *texts, size_t n, struct why *why);
void pubkey_args_done(struct pubkey_args *args);

/* It begins with "agent:"; else it is a path. */
bool pubkey_arg_is_agents(const char *text);
/* "agent:NAME" → "NAME"; NULL where text is NULL. RC_MALFORMED: something else. */
must_check enum rc pubkey_arg_agent_name(const char **ret, const char *text, struct why *why);
