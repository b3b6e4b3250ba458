/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON text against jansson's reader and writer: both take the same texts, up to the depth, and
 * make the same values of them.
 */
#include "proto/jsontext.h"

#include "tests/fuzz.h"

static int
depth_of(const json_t *value)
{
    const char *name = NULL;
    json_t *inner = NULL;
    int deepest = 0;
    size_t i = 0;

    json_object_foreach((json_t *)value, name, inner) {
        int depth = depth_of(inner);
        deepest = depth > deepest ? depth : deepest;
    }
    json_array_foreach(value, i, inner) {
        int depth = depth_of(inner);
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest + (json_is_object(value) || json_is_array(value));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    closing(json_decrefp) json_t *ours = NULL;
    closing(bytes_done) struct bytes text = BYTES_INIT(16 * 1024 * 1024);
    struct span in = {data, len};

    json_auto_t *theirs = fuzz_json(in);
    bool is_container = json_is_object(theirs) || json_is_array(theirs);
    enum rc rc = jsontext_parse(&ours, in, NULL);
    assert(!rc || rc == RC_MALFORMED);
    assert((rc == RC_OK) == (is_container && depth_of(theirs) <= MEMBERS_MAX_DEPTH));
    if (rc)
        return 0;

    assert(json_equal(ours, theirs));
    jsontext_put(&text, ours);
    json_auto_t *again = fuzz_json(bytes_span(&text));
    assert(json_equal(again, theirs));
    return 0;
}
