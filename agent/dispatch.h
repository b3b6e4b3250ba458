/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * dispatch — on which of its places a key signs: on the first that is ready, and when that fails in
 * the middle, on the next one that is, within the same order.
 */
#include "agent/job.h"
#include "agent/keystate.h"

/* As keyring_sign(). The key's keyring outlives the job. */
must_check enum rc dispatch_order(
    struct keyring_job **ret, const struct keyring_order *order, struct why *why);
