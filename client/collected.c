/* SPDX-License-Identifier: Apache-2.0 */
#include "client/collected.h"

void
collected_done(struct collected *collected)
{
    free(collected->signatures);
    bytes_done(&collected->bytes);
}

/* The bytes of all signatures follow each other, and move when more are added. */
static void
find_places(struct collected *collected)
{
    const uint8_t *at = collected->bytes.p;

    for (size_t i = 0; i < collected->n; i++) {
        collected->signatures[i].signature.p = at;
        at += collected->signatures[i].signature.len;
    }
}

enum rc
collected_add(
    struct collected *collected, const struct verify_signature *signature, struct why *why)
{
    for (size_t i = 0; i < collected->n; i++)
        if (keyid_eq(&collected->signatures[i].keyid, &signature->keyid))
            return RC_OK;

    if (collected->n == SIGNATURES_MAX)
        return fail(why, RC_TOO_LARGE, "more than %d signatures", SIGNATURES_MAX);

    bytes_put(&collected->bytes, signature->signature);
    enum rc rc = bytes_check(&collected->bytes, why);
    if (rc)
        return rc;

    struct verify_signature *place =
        mem_grow(&collected->signatures, collected->n, sizeof *place, SIGNATURES_MAX);
    if (!place)
        return fail_memory(why);

    *place = *signature;
    collected->n++;
    find_places(collected);
    return RC_OK;
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

/* What a Signature of the interface says. */
struct received {
    const char *id, *name, *method, *sig;
};

/* Put under the ID by which the metadata lists its key. */
static enum rc
put(struct collected *ret, const struct received *received, const struct pubkey *key,
    struct why *why)
{
    struct verify_signature *signature =
        mem_grow(&ret->signatures, ret->n, sizeof *signature, SIGNATURES_MAX);
    if (!signature)
        return fail_memory(why);

    size_t at = ret->bytes.len;
    enum rc rc = base64_parse(&ret->bytes, span_of(received->sig), why);
    if (rc)
        return within(why, rc, "signature by '%s'", received->name);

    /* The place of the bytes is known when all are there. */
    *signature = (struct verify_signature){.keyid = *pubkey_id(key),
        .method = verify_method_find(span_of(received->method)),
        .signature = {NULL, ret->bytes.len - at}};
    ret->n++;
    return RC_OK;
}

static enum rc
collect(
    struct collected *ret, const json_t *object, const struct collected_keys *keys, struct why *why)
{
    struct received received = {"", "", "", ""};
    struct keyid canonical_id;
    struct members m;

    members_open(&m, object, "signature");
    members_text(&m, "key", &received.id);
    members_text(&m, "name", &received.name);
    members_text(&m, "method", &received.method);
    members_text(&m, "sig", &received.sig);
    enum rc rc = members_close_tolerant(&m, why);
    if (!rc)
        rc = keyid_parse(&canonical_id, span_of(received.id), why);
    if (rc)
        return rc;

    const struct pubkey *key = find_listed(keys->listed, keys->n_listed, &canonical_id);
    size_t n = ret->n;

    if (key)
        rc = put(ret, &received, key, why);
    for (size_t i = 0; !rc && i < keys->n_former; i++)
        if (keyid_eq(pubkey_canonical_id(keys->former[i]), &canonical_id) &&
            !(key && keyid_eq(pubkey_id(key), pubkey_id(keys->former[i]))))
            rc = put(ret, &received, keys->former[i], why);
    if (!rc && ret->n == n)
        rc = fail(why, RC_UNTRUSTED, "a signature by key %s, which nobody asked for", received.id);
    return rc;
}

enum rc
collected_read(
    struct collected *ret, const json_t *array, const struct collected_keys *keys, struct why *why)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        enum rc rc = collect(ret, json_array_get(array, i), keys, why);
        if (rc)
            return rc;
    }

    find_places(ret);
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
