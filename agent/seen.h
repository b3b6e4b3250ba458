/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * seen — published files that the agent verified before, by their digest, so that a request need
 * not bring them again, and a caller whose copy is old can be given the newer one.
 *
 * In memory only, within SEEN_MAX_BYTES and SEEN_MAX_FILES: the least recently used goes. Only
 * files of verified chains of requests that were allowed are put in; whoever asks by digest must
 * know the file, so nobody learns from it what he could not read before.
 */
#include "proto/bytes.h"

struct seen;

/* RC_NO_MEMORY. */
must_check enum rc seen_new(struct seen **ret, struct why *why);
void seen_free(struct seen *seen);
DEFINE_CLEANUP(struct seen, seen_free);

/* False: it is not held. *ret is borrowed until the next seen_put(). */
bool seen_find(struct span *ret, struct seen *seen, const struct digest *digest);
/* Copies file, whose digest it is. One that cannot be held is not held, and no error. */
void seen_put(struct seen *seen, const struct digest *digest, struct span file);
