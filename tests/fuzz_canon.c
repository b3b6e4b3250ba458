/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The canonical scanner against jansson and a writer of its own: both must take the same bytes. And
 * what is canonical has one wire form, which gives it back.
 */
#include "proto/canon.h"
#include "proto/wire.h"
#include "tests/fuzz.h"

static bool
scans(struct span in)
{
    struct canon c;
    struct span all;

    canon_init(&c, in);
    bool is_canonical = !canon_value(&c, &all, NULL) && !canon_end(&c, NULL);
    assert(!is_canonical || span_eq(all, in));
    return is_canonical;
}

/* Each string decodes to what another encoder makes the same raw string of. */
static void
check_string(struct span in)
{
    closing(bytes_done) struct bytes decoded = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(bytes_done) struct bytes again = BYTES_INIT(DOCUMENT_MAX_BYTES);
    struct canon c;
    struct span raw;

    canon_init(&c, in);
    if (canon_string(&c, &raw, NULL) || canon_end(&c, NULL))
        return;

    json_auto_t *value = fuzz_json(in);
    canon_decode(&decoded, raw);
    assert(span_is(bytes_span(&decoded), json_string_value(value)));
    canon_put_string(&again, bytes_span(&decoded));
    assert(span_eq(bytes_span(&again), in));
}

static void
check_wire(struct span in, bool is_canonical)
{
    closing(bytes_done) struct bytes wire = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(bytes_done) struct bytes back = BYTES_INIT(DOCUMENT_MAX_BYTES);

    if (is_canonical) {
        wire_format(&wire, in);
        assert(!wire_parse(&back, bytes_span(&wire), NULL));
        assert(span_eq(bytes_span(&back), in));
    }

    bytes_clear(&back);
    bytes_clear(&wire);
    if (!wire_parse(&back, in, NULL)) {
        wire_format(&wire, bytes_span(&back));
        assert(span_eq(bytes_span(&wire), in));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct span in = {data, len};

    bool is_canonical = scans(in);
    assert(is_canonical == fuzz_is_canonical(in));
    check_string(in);
    check_wire(in, is_canonical);
    return 0;
}
