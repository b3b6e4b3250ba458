/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A snapshot or timestamp document: what is read can be written and read again, and lists the same
 * files as by another reading.
 */
#include "proto/tuf_snapshot.h"
#include "tests/fuzz.h"

static void
check_files(const struct tuf_snapshot *snapshot, json_t *meta)
{
    const char *name = NULL;
    json_t *value = NULL;

    assert(snapshot->n_files == json_object_size(meta));
    json_object_foreach(meta, name, value) {
        const struct tuf_listed *listed = tuf_snapshot_find(snapshot, span_of(name));
        closing(bytes_done) struct bytes b = BYTES_INIT(DOCUMENT_MAX_BYTES);
        const json_t *hashes = json_object_get(value, "hashes");

        assert(listed);
        assert(listed->length == json_integer_value(json_object_get(value, "length")));
        if (listed->hashes.has_sha512) {
            bytes_put_base64(&b, (struct span){listed->hashes.sha512, 64});
            assert(span_is(bytes_span(&b), json_string_value(json_object_get(hashes, "sha512"))));
        }
    }
}

/* Hashes that we do not know are not kept, and null is none. */
static bool
is_kept(const struct tuf_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->n_files; i++)
        if (snapshot->files[i].hashes.has_others || !snapshot->files[i].hashes.has_sha256)
            return false;

    return true;
}

static void
check_written(const struct tuf_snapshot *snapshot, json_t *document)
{
    closing(bytes_done) struct bytes again = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(bytes_done) struct bytes expected = BYTES_INIT(DOCUMENT_MAX_BYTES);

    tuf_snapshot_format(&again, snapshot);
    json_auto_t *written = fuzz_json(bytes_span(&again));
    json_object_set(document, "expires", json_object_get(written, "expires"));
    bool is_canonical = fuzz_canonical(&expected, document);
    assert(is_canonical && span_eq(bytes_span(&again), bytes_span(&expected)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    closing(tuf_snapshot_freep) struct tuf_snapshot *snapshot = NULL;
    closing(tuf_snapshot_freep) struct tuf_snapshot *timestamp = NULL;
    struct span in = {data, len};

    bool is_snapshot = !tuf_snapshot_parse(&snapshot, in, NULL);
    bool is_timestamp = !tuf_timestamp_parse(&timestamp, in, NULL);
    assert(!is_snapshot || !is_timestamp);
    if (!is_snapshot && !is_timestamp)
        return 0;

    assert(fuzz_is_canonical(in));
    json_auto_t *document = fuzz_json(in);
    const struct tuf_snapshot *either = is_snapshot ? snapshot : timestamp;
    assert(either->version == json_integer_value(json_object_get(document, "version")));
    check_files(either, json_object_get(document, "meta"));
    if (is_timestamp)
        assert(either->n_files == 1 && tuf_snapshot_find(either, SPAN("snapshot")));
    if (is_snapshot && is_kept(snapshot))
        check_written(snapshot, document);

    return 0;
}
