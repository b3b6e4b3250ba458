/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of cosignatures, from anybody. What is read can be written and read again; no role is
 * there twice, no key signs twice, and each document is the canonical one of its kind.
 */
#include "client/cosignature.h"

#include "proto/reference.h"
#include "tests/fuzz.h"

static void
check_document(const struct cosignature *cosignature, size_t i)
{
    const struct cosignature_document *document = &cosignature->documents[i];
    const struct collected *signatures = &document->signatures;

    assert(fuzz_is_canonical(bytes_span(&document->message)));
    assert(!document->root != !document->targets);
    assert(!document->root == (strcmp(document->role, "root") != 0));
    assert(cosignature_version(document) >= 1);
    for (size_t k = 0; k < i; k++)
        assert(strcmp(document->role, cosignature->documents[k].role) != 0);
    for (size_t k = 0; k < signatures->n; k++)
        for (size_t other = 0; other < k; other++)
            assert(
                !keyid_eq(&signatures->signatures[k].keyid, &signatures->signatures[other].keyid));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    closing(cosignature_freep) struct cosignature *cosignature = NULL;
    closing(cosignature_freep) struct cosignature *again = NULL;
    closing(bytes_done) struct bytes text = BYTES_INIT(COSIGNATURE_MAX_BYTES);
    closing(bytes_done) struct bytes text_again = BYTES_INIT(COSIGNATURE_MAX_BYTES);

    if (cosignature_parse(&cosignature, (struct span){data, len}, NULL))
        return 0;

    assert(cosignature->n > 0 && repository_is_normal(cosignature->repository));
    for (size_t i = 0; i < cosignature->n; i++)
        check_document(cosignature, i);

    cosignature_format(&text, cosignature);
    assert(!bytes_check(&text, NULL));
    assert(!cosignature_parse(&again, bytes_span(&text), NULL));
    cosignature_format(&text_again, again);
    assert(span_eq(bytes_span(&text), bytes_span(&text_again)));
    return 0;
}
