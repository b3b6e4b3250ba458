/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/tuf_snapshot.h"

#include <inttypes.h>

#include "proto/utc.h"

static enum rc
file_add(struct tuf_snapshot *snapshot, struct span role, struct canon *c, struct why *why)
{
    if (snapshot->n_files == SNAPSHOT_FILES_MAX)
        return fail(why, RC_TOO_LARGE, "more than %d files", SNAPSHOT_FILES_MAX);

    struct tuf_listed *file =
        mem_grow((void **)&snapshot->files, snapshot->n_files, sizeof *file, SNAPSHOT_FILES_MAX);
    if (!file)
        return fail_memory(why);

    enum rc rc = canon_object(c, why);
    if (!rc)
        rc = tuf_hashes_scan_content(&file->hashes, &file->length, c, why);
    if (!rc)
        rc = canon_close(c, why);
    if (rc)
        return within(why, rc, "meta['%.*s']", (int)role.len, (const char *)role.p);

    file->role = role;
    snapshot->n_files++;
    return RC_OK;
}

static enum rc
meta_scan(struct tuf_snapshot *snapshot, struct canon *c, struct why *why)
{
    struct span role;
    bool more = false;

    enum rc rc = canon_expect(c, "meta", why);
    if (!rc)
        rc = canon_object(c, why);
    if (!rc)
        rc = canon_member(c, &role, &more, why);
    while (!rc && more) {
        rc = file_add(snapshot, role, c, why);
        if (!rc)
            rc = canon_member(c, &role, &more, why);
    }

    return rc;
}

static enum rc
snapshot_parse(struct tuf_snapshot **ret, struct span message, const char *type, struct why *why)
{
    struct canon c;

    closing(tuf_snapshot_freep) struct tuf_snapshot *snapshot = calloc(1, sizeof *snapshot);
    if (!snapshot)
        return fail_memory(why);

    enum rc rc = tuf_type_scan(&c, message, type, why);
    if (!rc)
        rc = tuf_expires_scan(&snapshot->expires_at, &c, why);
    if (!rc)
        rc = meta_scan(snapshot, &c, why);
    if (!rc)
        rc = tuf_version_scan(&snapshot->version, &c, why);
    if (rc)
        return rc;

    *ret = steal(snapshot);
    return RC_OK;
}

enum rc
tuf_snapshot_parse(struct tuf_snapshot **ret, struct span message, struct why *why)
{
    return snapshot_parse(ret, message, "Snapshot", why);
}

enum rc
tuf_timestamp_parse(struct tuf_snapshot **ret, struct span message, struct why *why)
{
    closing(tuf_snapshot_freep) struct tuf_snapshot *timestamp = NULL;

    enum rc rc = snapshot_parse(&timestamp, message, "Timestamp", why);
    if (rc)
        return rc;

    if (timestamp->n_files != 1 || !span_is(timestamp->files[0].role, "snapshot"))
        return fail(why, RC_MALFORMED, "timestamp lists %zu files, want \"snapshot\" alone",
            timestamp->n_files);

    *ret = steal(timestamp);
    return RC_OK;
}

void
tuf_snapshot_free(struct tuf_snapshot *snapshot)
{
    if (!snapshot)
        return;

    free(snapshot->files);
    free(snapshot);
}

const struct tuf_listed *
tuf_snapshot_find(const struct tuf_snapshot *snapshot, struct span role)
{
    size_t low = 0, high = snapshot->n_files;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = canon_cmp_decoded(role, snapshot->files[middle].role);
        if (order == 0)
            return &snapshot->files[middle];

        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }

    return NULL;
}

enum rc
tuf_listed_check(const struct tuf_listed *listed, struct span content, struct why *why)
{
    if ((uint64_t)listed->length != content.len)
        return fail(why, RC_UNTRUSTED, "file is %zu bytes, listed are %" PRId64, content.len,
            listed->length);

    return tuf_hashes_check(&listed->hashes, content, why);
}

void
tuf_snapshot_format(struct bytes *b, const struct tuf_snapshot *snapshot)
{
    bytes_puts(b, "{\"_type\":\"Snapshot\",\"expires\":\"");
    utc_format(b, snapshot->expires_at);
    bytes_puts(b, "\",\"meta\":{");
    for (size_t i = 0; i < snapshot->n_files; i++) {
        bytes_puts(b, i == 0 ? "\"" : ",\"");
        bytes_put(b, snapshot->files[i].role);
        bytes_puts(b, "\":{\"hashes\":");
        tuf_hashes_format(b, &snapshot->files[i].hashes);
        bytes_printf(b, ",\"length\":%" PRId64 "}", snapshot->files[i].length);
    }
    bytes_printf(b, "},\"version\":%" PRId64 "}", snapshot->version);
}
