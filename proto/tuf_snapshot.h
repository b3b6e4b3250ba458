/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * tuf_snapshot — the snapshot document, which lists the files of a repository by digest, and the
 * timestamp document, which lists the snapshot in the same form.
 */
#include "proto/tuf.h"
#include "proto/tuf_hashes.h"

struct tuf_listed {
    struct span role; /* raw string, without ".json" */
    int64_t length;
    struct tuf_hashes hashes;
};

struct tuf_snapshot {
    int64_t version, expires_at;
    struct tuf_listed *files; /* sorted by role */
    size_t n_files;
};

/* Spans point into message, which must outlive the result. RC_MALFORMED, RC_TOO_LARGE: what and
 * where. RC_NO_MEMORY. */
must_check enum rc tuf_snapshot_parse(
    struct tuf_snapshot **ret, struct span message, struct why *why);
/* A timestamp lists "snapshot" and nothing else. */
must_check enum rc tuf_timestamp_parse(
    struct tuf_snapshot **ret, struct span message, struct why *why);
void tuf_snapshot_free(struct tuf_snapshot *snapshot);
DEFINE_CLEANUP(struct tuf_snapshot, tuf_snapshot_free);

/* Borrowed, or NULL. role is decoded, as all names of roles are. */
const struct tuf_listed *tuf_snapshot_find(const struct tuf_snapshot *snapshot, struct span role);

/* RC_UNTRUSTED: content is not the file that is listed; want and have. */
must_check enum rc tuf_listed_check(
    const struct tuf_listed *listed, struct span content, struct why *why);

/* Append the canonical document; for repositories whose snapshot key the client holds. */
void tuf_snapshot_format(struct bytes *b, const struct tuf_snapshot *snapshot);
