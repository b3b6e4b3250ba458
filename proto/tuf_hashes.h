/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * tuf_hashes — the hashes by which metadata names content: {"sha256":…,"sha512":…}, and the length
 * that stands beside them.
 */
#include "proto/canon.h"

/* A hash of another name, or of the wrong length, is read, and only remembered in has_others. null,
 * which Go writes back unchanged, is no hash at all. */
struct tuf_hashes {
    struct digest sha256;
    uint8_t sha512[64];
    bool has_sha256, has_sha512, has_others;
};
must_check enum rc tuf_hashes_scan(struct tuf_hashes *ret, struct canon *c, struct why *why);
/* Append the canonical form of sha256 and sha512; others were not kept. */
void tuf_hashes_format(struct bytes *b, const struct tuf_hashes *hashes);
/* The hashes of content, both, as notary-server lists them. */
void tuf_hashes_of(struct tuf_hashes *ret, struct span content);
/* RC_UNTRUSTED: which hash does not fit, or no sha256 at all. */
must_check enum rc tuf_hashes_check(
    const struct tuf_hashes *hashes, struct span content, struct why *why);
/* The members "hashes" and "length", which follow each other: the length is 0 to INTEGER_MAX. */
must_check enum rc tuf_hashes_scan_content(
    struct tuf_hashes *ret, int64_t *ret_length, struct canon *c, struct why *why);
