/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * root_keys — the keys of the root role of one root, or of several in a row, each once.
 */
#include "proto/tuf_root.h"

struct root_keys {
    struct keyid *ids; /* canonical */
    size_t n;
};
void root_keys_done(struct root_keys *keys); /* zeros are fine */

/* Who of them signed is not in its file for sure, as a signature may be kept back, so it is all
 * that the role lists. RC_NO_MEMORY. */
must_check enum rc root_keys_add(
    struct root_keys *keys, const struct tuf_root *root, struct why *why);
