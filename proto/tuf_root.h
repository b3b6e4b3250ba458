/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * tuf_root — the root document: which keys stand for the four base roles.
 */
#include "proto/role.h"
#include "proto/tuf_role.h"

struct tuf_root {
    int64_t version, expires_at;
    bool consistent_snapshot;
    struct tuf_keys keys;
    struct tuf_role roles[RANK_DELEGATION]; /* by rank: root, targets, snapshot, timestamp */
};

/* Spans point into message, which must outlive the result. RC_MALFORMED, RC_TOO_LARGE: what and
 * where. RC_NO_MEMORY. */
must_check enum rc tuf_root_parse(struct tuf_root **ret, struct span message, struct why *why);
void tuf_root_free(struct tuf_root *root);
DEFINE_CLEANUP(struct tuf_root, tuf_root_free);

/* The first flaw (version below 1 counts as RC_MALFORMED in parse). Keys that no role lists are
 * no flaw: Notary keeps former root certificates. */
enum tuf_flaw tuf_root_check(const struct tuf_root *root, struct why *why);

/* Append the canonical document. */
void tuf_root_format(struct bytes *b, const struct tuf_root *root);
