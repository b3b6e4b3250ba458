/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * keylist — keys as callers are told of them: the type Key of the interface.
 */
#include "agent/agent.h"

/* Answer ListKeys. */
void keylist_call(struct agent *agent, struct conn *conn, const json_t *parameters);

/* A key that was just made on a token, or brought to it, under that name. NULL: no memory. */
json_t *keylist_format_new(const char *name, const char *token, const struct pubkey *pubkey,
    const struct key_provenance *provenance);

/* The key of that name, which is the keyring's; NULL: the policy has none. */
const struct keyring_key *keylist_find(const struct keyring *keyring, const char *name);
