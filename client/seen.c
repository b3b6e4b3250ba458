/* SPDX-License-Identifier: Apache-2.0 */
#include "client/seen.h"

#include "proto/role.h"
#include "proto/tuf_snapshot.h"
#include "proto/tuf_targets.h"

/* Version of a document of any role but root; 0: it is none. */
static int64_t
version_of(enum rank rank, struct span message)
{
    closing(tuf_snapshot_freep) struct tuf_snapshot *list = NULL;
    closing(tuf_targets_freep) struct tuf_targets *targets = NULL;

    if (rank == RANK_TIMESTAMP)
        return tuf_timestamp_parse(&list, message, NULL) ? 0 : list->version;
    if (rank == RANK_SNAPSHOT)
        return tuf_snapshot_parse(&list, message, NULL) ? 0 : list->version;

    return tuf_targets_parse(&targets, message, NULL) ? 0 : targets->version;
}

int64_t
seen_version(const struct cache *cache, const char *role, struct span file,
    const struct tuf_role *listed, const struct tuf_keys *keys)
{
    closing(bytes_done) struct bytes raw = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(tuf_file_freep) struct tuf_file *copy = NULL;

    if (cache_load(&raw, cache, role, NULL) || span_eq(bytes_span(&raw), file) ||
        tuf_file_parse(&copy, bytes_span(&raw), TUF_TOLERANT, NULL) ||
        tuf_role_verify(listed, keys, copy, NULL))
        return 0;

    return version_of(role_rank(span_of(role)), bytes_span(&copy->message));
}

int64_t
seen_claim(struct span raw)
{
    closing(tuf_file_freep) struct tuf_file *file = NULL;

    if (tuf_file_parse(&file, raw, TUF_TOLERANT, NULL))
        return 0;

    return version_of(RANK_TARGETS, bytes_span(&file->message));
}
