/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * keystate — what a key of the policy is right now, from what the workers say about its places.
 *
 * A key's public key is pinned in the ledger when it is first seen. From then on only that one will
 * do, in every place and for every worker.
 */
#include "agent/pool.h"

struct key {
    struct keyring_key shown;      /* first, so that what others are shown is the key */
    const struct keyring *keyring; /* that it is in; set by that */
    struct pool **pools;           /* of its places, in their order */
    uint32_t *places;
    const struct policy_token *told; /* where it signs, by the latest news; NULL: none yet */
    size_t at;                       /* the number of the place that signs now, if it is ready */
};

/* Set up what is known before any token was seen: the pin, and the places with the only key that
 * may be there. pools: of all tokens, in the order of policy. RC_STORAGE, RC_TOO_LARGE. */
must_check enum rc key_init(struct key *key, const struct policy *policy, size_t index,
    struct pool **pools, struct ledger *ledger, struct why *why);
void key_done(struct key *key);
/* Whether it can sign on that place, as on the one that key->at says. */
bool key_is_ready_at(const struct key *key, size_t at);

/* ledger: keys seen for the first time are pinned in a transaction of its own; NULL: they are left
 * for later. */
void keystate_update(struct key *keys, size_t n, struct ledger *ledger);
