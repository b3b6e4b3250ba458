/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * tuf_root — the root document: which keys stand for the four base roles.
 */
#include "proto/role.h"
#include "proto/tuf.h"

struct tuf_root {
    int64_t version, expires_at;
    bool consistent_snapshot;
    struct tuf_keys keys;
    struct tuf_role roles[RANK_DELEGATION]; /* by rank: root, targets, snapshot, timestamp */
};

/* Spans point into message, which must outlive the result. RC_MALFORMED: what and where. */
must_check enum rc tuf_root_parse(struct tuf_root **ret, struct span message, struct why *why);
void tuf_root_free(struct tuf_root *root);
DEFINE_CLEANUP(struct tuf_root, tuf_root_free);

/* The first flaw (version below 1 counts as RC_MALFORMED in parse). Keys that no role lists are
 * no flaw: Notary keeps former root certificates. */
enum tuf_flaw tuf_root_check(const struct tuf_root *root, struct why *why);

/* The keys of one role, in its order; missing ones are left out. At most KEYS_MAX. Borrowed keys;
 * *ret: free(). */
must_check enum rc tuf_role_keys(struct pubkey ***ret, size_t *ret_n, const struct tuf_role *role,
    const struct tuf_keys *keys, struct why *why);

/* Append the canonical document. */
void tuf_root_format(struct bytes *b, const struct tuf_root *root);
