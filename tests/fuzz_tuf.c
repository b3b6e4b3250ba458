/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A published file: strict takes the wire form only, and what strict takes tolerant takes with the
 * same meaning.
 */
#include "proto/tuf.h"
#include "tests/fuzz.h"

static void
check_same(const struct tuf_file *a, const struct tuf_file *b)
{
    assert(span_eq(bytes_span(&a->message), bytes_span(&b->message)));
    assert(a->n_signatures == b->n_signatures);
    for (size_t i = 0; i < a->n_signatures; i++) {
        assert(keyid_eq(&a->signatures[i].keyid, &b->signatures[i].keyid));
        assert(a->signatures[i].method == b->signatures[i].method);
        assert(span_eq(a->signatures[i].signature, b->signatures[i].signature));
    }
}

/* By jansson: "signed" is the message, "signatures" are those. */
static void
check_strict(const struct tuf_file *file, struct span in)
{
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(bytes_done) struct bytes wire = BYTES_INIT(2 * DOCUMENT_MAX_BYTES);

    json_auto_t *root = fuzz_json(in);
    const json_t *signatures = json_object_get(root, "signatures");
    assert(root && json_object_size(root) == 2);
    bool is_canonical = fuzz_canonical(&message, json_object_get(root, "signed"));
    assert(is_canonical && span_eq(bytes_span(&message), bytes_span(&file->message)));

    assert(file->n_signatures == json_array_size(signatures));
    for (size_t i = 0; i < file->n_signatures; i++) {
        closing(bytes_done) struct bytes base64 = BYTES_INIT(2 * DOCUMENT_MAX_BYTES);
        const json_t *listed = json_array_get(signatures, i);

        bytes_put_base64(&base64, file->signatures[i].signature);
        assert(!strcmp(bytes_text(&base64), json_string_value(json_object_get(listed, "sig"))));
        assert(!strcmp(
            file->signatures[i].keyid.hex, json_string_value(json_object_get(listed, "keyid"))));
    }

    tuf_file_format(&wire, bytes_span(&file->message), file->signatures, file->n_signatures);
    assert(span_eq(bytes_span(&wire), in));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    closing(tuf_file_freep) struct tuf_file *strict = NULL;
    closing(tuf_file_freep) struct tuf_file *tolerant = NULL;
    struct span in = {data, len};

    bool is_strict = !tuf_file_parse(&strict, in, TUF_STRICT, NULL);
    bool is_tolerant = !tuf_file_parse(&tolerant, in, TUF_TOLERANT, NULL);
    assert(is_tolerant || !is_strict);
    if (is_strict) {
        assert(strict->is_exact && tolerant->is_exact);
        check_strict(strict, in);
        check_same(strict, tolerant);
    }
    if (is_tolerant) {
        assert(span_eq(bytes_span(&tolerant->raw), in));
        assert(tolerant->is_exact == is_strict);
        assert(tolerant->n_signatures <= SIGNATURES_MAX);
    }

    return 0;
}
