/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * quorum — how many of those who may sign a document have signed it, and who could sign it yet.
 * Pure.
 *
 * A role counts keys, not the IDs under which it lists them: one key under two IDs counts once. A
 * root is signed by its own keys and by those of the root that it replaces, to both thresholds.
 */
#include "client/signer.h"
#include "proto/verify.h"

/* Borrows everything. */
struct quorum {
    struct pubkey *const *listed; /* the keys that may sign, as the role lists them */
    size_t n_listed;
    int64_t threshold;
    struct pubkey *const *former; /* of a root: those of the root before */
    size_t n_former;              /* 0: there is none */
    int64_t former_threshold;
    const struct verify_signature *signatures;
    size_t n_signatures;
};

/* RC_UNTRUSTED: a signature that is by none of the keys, or is not one of message. */
must_check enum rc quorum_verify(const struct quorum *quorum, struct span message, struct why *why);

/* What follows is of signatures that were verified. */
bool quorum_has(const struct quorum *quorum, const struct pubkey *key);
bool quorum_is_met(const struct quorum *quorum);
/* Whether anybody has signed it who does not owe that to the document itself: of a root, a key of
 * the root before. Of a first root, any key. */
bool quorum_has_known(const struct quorum *quorum);
/* Append "1 more by a, b": canonical IDs, or names where the agent has them; signer may be NULL.
 * Nothing where it is met. */
void quorum_put_missing(struct bytes *b, const struct quorum *quorum, const struct signer *signer);
/* Append who has signed, likewise, or "nobody". */
void quorum_put_signed(struct bytes *b, const struct quorum *quorum, const struct signer *signer);
