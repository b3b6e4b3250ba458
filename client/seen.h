/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * seen — which versions this machine has seen already: what its cache proves.
 */
#include "client/cache.h"
#include "proto/tuf_role.h"

/*
 * Version of the cached copy of role (any but root), if those who are listed signed it; 0: no such
 * copy, or it is file itself, which has no need of being compared. That it is expired does not
 * matter: it was seen.
 */
int64_t seen_version(const struct cache *cache, const char *role, struct span file,
    const struct tuf_role *listed, const struct tuf_keys *keys);

/* The version that a file of targets or a delegation gives itself, unverified; 0: none. */
int64_t seen_claim(struct span file);
