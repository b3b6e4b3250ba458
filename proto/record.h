/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * record — one record of the agent's ledger, and how its hash is computed: whoever knows the hash
 * of one knows that no record up to it was changed, left out or put between.
 */
#include "proto/bytes.h"

struct record {
    int64_t seq;   /* from 1 without gaps */
    int64_t at_us; /* microseconds since 1970 */
    struct digest hash;
    struct span body; /* canonical JSON; borrowed */
};

/* The newest record that somebody knows: its sequence and hash; 0 and zeros: none. */
struct record_head {
    int64_t seq;
    struct digest hash;
};

/* The hash of the record that follows previous: SHA-256(previous hash, seq, at_us, body), the
 * numbers in 8 bytes big endian. RC_TOO_LARGE: RECORD_MAX_BYTES. RC_NO_MEMORY. */
must_check enum rc record_hash(struct digest *ret, const struct record_head *previous,
    int64_t at_us, struct span body, struct why *why);

/* Whether record follows *head, which it becomes. RC_UNTRUSTED: it does not; names it.
 * RC_NO_MEMORY. */
must_check enum rc record_follow(
    struct record_head *head, const struct record *record, struct why *why);
