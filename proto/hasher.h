/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * hasher — the SHA-256 or SHA-512 of bytes that come piece by piece, and are not kept.
 */
#include "proto/bytes.h"

#define HASHER_LONG_BYTES 64 /* of a SHA-512 */

struct hasher;

must_check enum rc hasher_new(struct hasher **ret, struct why *why);
/* One of SHA-512, for hasher_digest_long(). */
must_check enum rc hasher_new_long(struct hasher **ret, struct why *why);
void hasher_free(struct hasher *hasher);
DEFINE_CLEANUP(struct hasher, hasher_free);

void hasher_add(struct hasher *hasher, struct span piece);
/* Of what came so far; more may follow. */
void hasher_digest(struct digest *ret, struct hasher *hasher);
void hasher_digest_long(uint8_t ret[HASHER_LONG_BYTES], struct hasher *hasher);
/* Begin anew, or from what another one has seen. */
void hasher_reset(struct hasher *hasher);
void hasher_copy(struct hasher *hasher, const struct hasher *from);
