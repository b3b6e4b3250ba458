/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON as Go reads it: canonical JSON stays as it is, the result is read to itself again, and
 * where jansson and Go agree about what is there, so do jansson and gojson.
 */
#include "proto/canon.h"
#include "proto/gojson.h"
#include "tests/fuzz.h"

/* jansson has other ways with fractions and with what float64 cannot hold. */
static bool
is_plain(const json_t *value)
{
    const char *name = NULL;
    json_t *inner = NULL;
    size_t i = 0;

    if (json_is_real(value))
        return false;
    if (json_is_integer(value))
        return json_integer_value(value) >= -INTEGER_MAX &&
               json_integer_value(value) <= INTEGER_MAX;

    json_object_foreach((json_t *)value, name, inner)
        if (!is_plain(inner))
            return false;
    json_array_foreach(value, i, inner)
        if (!is_plain(inner))
            return false;
    return true;
}

static bool
has_control(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.p[i] < 0x20)
            return true;

    return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    closing(bytes_done) struct bytes made = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(bytes_done) struct bytes again = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(bytes_done) struct bytes other = BYTES_INIT(DOCUMENT_MAX_BYTES);
    struct span in = {data, len};

    enum rc rc = gojson_canonical(&made, in, NULL);
    assert(!rc || made.len == 0);
    if (fuzz_is_canonical(in))
        assert(!rc && span_eq(bytes_span(&made), in));

    /* Of two members of one name the last one counts, for both. */
    json_auto_t *value =
        memchr(data, 0, len) ? NULL : json_loadb((const char *)data, len, JSON_DECODE_ANY, NULL);
    if (value && is_plain(value) && fuzz_canonical(&other, value))
        assert(!rc && span_eq(bytes_span(&made), bytes_span(&other)));

    /* Go leaves control characters of a string as they are, and does not read them again. */
    if (!rc && !has_control(bytes_span(&made))) {
        assert(!gojson_canonical(&again, bytes_span(&made), NULL));
        assert(span_eq(bytes_span(&again), bytes_span(&made)));
    }

    return 0;
}
