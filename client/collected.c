/* SPDX-License-Identifier: Apache-2.0 */
#include "client/collected.h"

void
collected_done(struct collected *collected)
{
    free(collected->signatures);
    bytes_done(&collected->bytes);
}

/* A key listed for the role that is the one with this canonical ID; NULL: none. */
static const struct pubkey *
find_listed(struct pubkey *const *listed, size_t n, const struct keyid *canonical_id)
{
    for (size_t i = 0; i < n; i++)
        if (keyid_eq(pubkey_canonical_id(listed[i]), canonical_id))
            return listed[i];

    return NULL;
}

/* One Signature of the interface, put under the ID by which the metadata lists its key. */
static enum rc
collect(struct collected *ret, const json_t *object, struct pubkey *const *listed, size_t n_listed,
    struct why *why)
{
    const char *id = "", *name = "", *method = "", *sig = "";
    struct keyid canonical_id;
    struct members m;

    members_open(&m, object, "signature");
    members_text(&m, "key", &id);
    members_text(&m, "name", &name);
    members_text(&m, "method", &method);
    members_text(&m, "sig", &sig);
    enum rc rc = members_close_tolerant(&m, why);
    if (!rc)
        rc = keyid_parse(&canonical_id, span_of(id), why);
    if (rc)
        return rc;

    const struct pubkey *key = find_listed(listed, n_listed, &canonical_id);
    if (!key)
        return fail(why, RC_UNTRUSTED, "a signature by key %s, which nobody asked for", id);

    struct verify_signature *signature =
        mem_grow(&ret->signatures, ret->n, sizeof *signature, SIGNATURES_MAX);
    if (!signature)
        return fail_memory(why);

    size_t at = ret->bytes.len;
    rc = base64_parse(&ret->bytes, span_of(sig), why);
    if (rc)
        return within(why, rc, "signature by '%s'", name);

    /* The place of the bytes is known when all are there. */
    *signature = (struct verify_signature){.keyid = *pubkey_id(key),
        .method = verify_method_find(span_of(method)),
        .signature = {NULL, ret->bytes.len - at}};
    ret->n++;
    return RC_OK;
}

enum rc
collected_read(struct collected *ret, const json_t *array, struct pubkey *const *listed,
    size_t n_listed, struct why *why)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        enum rc rc = collect(ret, json_array_get(array, i), listed, n_listed, why);
        if (rc)
            return rc;
    }

    const uint8_t *at = ret->bytes.p;
    for (size_t i = 0; i < ret->n; i++) {
        ret->signatures[i].signature.p = at;
        at += ret->signatures[i].signature.len;
    }

    return RC_OK;
}

enum rc
collected_make_file(
    struct bytes *ret, struct span message, const struct collected *collected, struct why *why)
{
    closing(tuf_file_freep) struct tuf_file *file = NULL;

    bytes_clear(ret);
    tuf_file_format(ret, message, collected->signatures, collected->n);
    enum rc rc = bytes_check(ret, why);
    if (!rc)
        rc = tuf_file_parse(&file, bytes_span(ret), TUF_STRICT, why);
    if (rc)
        return within(why, rc, "the file to publish");

    if (!span_eq(bytes_span(&file->message), message) || file->n_signatures != collected->n)
        return fail(why, RC_MALFORMED, "the file to publish does not read as it was written");

    return RC_OK;
}
