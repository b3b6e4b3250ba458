/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A root document: all of it is read, so that it can be written again; and one that is said to be
 * sound is sound by another reading.
 */
#include "proto/tuf_root.h"
#include "proto/utc.h"
#include "tests/fuzz.h"

/* The document as it must be written: fractions of seconds and time zones are not kept. */
static void
put_expected(struct bytes *b, json_t *document, const struct tuf_root *root)
{
    closing(bytes_done) struct bytes expires = BYTES_INIT(64);

    utc_format(&expires, root->expires_at);
    json_object_set_new(document, "expires", json_string(bytes_text(&expires)));
    bool is_canonical = fuzz_canonical(b, document);
    assert(is_canonical);
}

static void
check_sound(const json_t *document)
{
    const json_t *keys = json_object_get(document, "keys");
    json_t *role = NULL;
    const char *name = NULL;

    json_object_foreach(json_object_get(document, "roles"), name, role) {
        const json_t *keyids = json_object_get(role, "keyids");
        json_int_t threshold = json_integer_value(json_object_get(role, "threshold"));
        size_t i = 0;
        json_t *id = NULL;

        assert(fuzz_are_keys(keyids, keys));
        assert(threshold >= 1 && (size_t)threshold <= json_array_size(keyids));
        json_array_foreach(keyids, i, id) {
            struct keyid own = fuzz_id(json_object_get(keys, json_string_value(id)));
            assert(!strcmp(own.hex, json_string_value(id)));
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    closing(tuf_root_freep) struct tuf_root *root = NULL;
    closing(bytes_done) struct bytes expected = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(bytes_done) struct bytes again = BYTES_INIT(DOCUMENT_MAX_BYTES);
    struct span in = {data, len};

    if (tuf_root_parse(&root, in, NULL))
        return 0;

    assert(fuzz_is_canonical(in));
    json_auto_t *document = fuzz_json(in);
    assert(root->version == json_integer_value(json_object_get(document, "version")));
    assert(root->version >= 1);
    assert(json_object_size(json_object_get(document, "roles")) == RANK_DELEGATION);
    if (tuf_root_check(root, NULL) == TUF_SOUND)
        check_sound(document);

    tuf_root_format(&again, root);
    put_expected(&expected, document, root);
    assert(span_eq(bytes_span(&again), bytes_span(&expected)));
    return 0;
}
