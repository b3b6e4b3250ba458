/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * server_key — the keys that a Notary server keeps for a repository: timestamp, and snapshot.
 */
#include "client/trust.h"

/*
 * The server's key for "timestamp" or "snapshot". A repository that was never published gets a new
 * one each time, and so does one whose key the server does not hold. *ret: pubkey_unref().
 * RC_NETWORK: what repo_get_key() says, or an answer that is no key. RC_NO_MEMORY.
 */
must_check enum rc server_key_get(
    struct pubkey **ret, struct repo *repo, const char *role, struct why *why);

/* A new one, which the next root is to list. The same. */
must_check enum rc server_key_make(
    struct pubkey **ret, struct repo *repo, const char *role, struct why *why);

/*
 * A server has refused a publication, and why says in which words. The usual reason: the snapshot
 * key is with whoever made the repository with notary, whose default that is. RC_UNSUPPORTED: that
 * is so: says what to do. RC_NETWORK: it is not, and why is as it was.
 */
must_check enum rc server_key_explain(const struct trust *trust, struct why *why);
