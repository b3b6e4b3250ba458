/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * listed — the files that a timestamp or a snapshot lists by digest, from wherever they are
 * nearest: the view before, what was offered, the cache, the server.
 */
#include "client/view.h"

/* Append the file of role. Its digest fits, unless it comes from the server: walk.h judges it.
 * RC_UNTRUSTED: the server has no such file. RC_NETWORK, RC_NO_MEMORY. */
must_check enum rc listed_load(struct bytes *ret, const struct tuf_listed *listed, const char *role,
    const struct view_sources *from, struct why *why);
