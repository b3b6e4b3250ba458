/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * next_root — whether a request brings the root that takes the place of a published one.
 */
#include "proto/message.h"
#include "proto/tuf_root.h"

/* root: the newest one of the repository. A document counts that is a root of the next version and
 * has not expired at now, seconds UTC; who may sign it, and whether it is right, others judge.
 * RC_NO_MEMORY. */
must_check enum rc next_root_is_wanted(bool *ret, const struct message_sign *sign,
    const char *repository, const struct tuf_root *root, int64_t now, struct why *why);
