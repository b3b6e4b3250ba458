/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * pss — EMSA-PSS (RFC 8017 §9.1.1) with SHA-256, MGF1 with SHA-256 and a salt of 32 bytes, for
 * tokens that have nothing but raw RSA.
 */
#include "proto/bytes.h"

#define PSS_SALT_BYTES 32

/* Fill ret, as long as a modulus of so many bits, at least 1024: the block that raw RSA makes a
 * signature of. */
void pss_encode(uint8_t *ret, size_t modulus_bits, const struct digest *digest,
    const uint8_t salt[PSS_SALT_BYTES]);
