/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key object of any content: its key type on the first line, then its public bytes. It has the
 * IDs that another writer gives it, and if it is a key then OpenSSL reads the same one.
 */
#include "proto/pubkey.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include "proto/algorithm.h"
#include "tests/fuzz.h"

static json_t *
object_of(struct span keytype, struct span public)
{
    closing(bytes_done) struct bytes base64 = BYTES_INIT(2 * PUBLIC_KEY_MAX_BYTES);

    bytes_put_base64(&base64, public);
    return json_pack("{s:s%,s:{s:n,s:s}}", "keytype", (const char *)keytype.p, keytype.len,
        "keyval", "private", "public", bytes_text(&base64));
}

/* The same key as an object of a plain type has the canonical ID. */
static void
check_canonical(const struct pubkey *key)
{
    closing(pubkey_unrefp) struct pubkey *plain = NULL;
    closing(freep) unsigned char *der = NULL;

    int len = i2d_PUBKEY(pubkey_evp(key), &der);
    assert(len > 0 && span_eq(pubkey_spki(key), (struct span){der, (size_t)len}));
    assert(!pubkey_from_spki(&plain, pubkey_spki(key), NULL));
    assert(keyid_eq(pubkey_id(plain), pubkey_canonical_id(key)));
    assert(keyid_eq(pubkey_canonical_id(plain), pubkey_canonical_id(key)));
    assert(!strcmp(pubkey_algorithm(plain), pubkey_algorithm(key)));
    assert(!pubkey_is_x509(plain) && !pubkey_certificate(plain, 0));
    assert(pubkey_is_x509(key) == (pubkey_certificate(key, 0) != NULL));
}

/* What OpenSSL reads, writes the same again, and is of an algorithm that we take. */
static bool
is_key(struct span der)
{
    closing(freep) unsigned char *again = NULL;
    const unsigned char *at = der.p;
    struct algorithm algorithm;

    EVP_PKEY *evp = d2i_PUBKEY(NULL, &at, (long)der.len);
    int len = evp ? i2d_PUBKEY(evp, &again) : -1;
    bool is = len > 0 && span_eq(der, (struct span){again, (size_t)len}) &&
              !algorithm_of(&algorithm, evp, NULL);
    EVP_PKEY_free(evp);
    ERR_clear_error();
    return is;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    closing(pubkey_unrefp) struct pubkey *key = NULL, *spki = NULL;
    closing(bytes_done) struct bytes formatted = BYTES_INIT(2 * PUBLIC_KEY_MAX_BYTES);
    closing(bytes_done) struct bytes expected = BYTES_INIT(2 * PUBLIC_KEY_MAX_BYTES);
    const uint8_t *end = memchr(data, '\n', len);
    struct span keytype = {data, end ? (size_t)(end - data) : len};
    struct span public = {end ? end + 1 : data, end ? len - keytype.len - 1 : 0};

    enum rc rc = pubkey_new(&key, keytype, public, NULL);
    if (rc) {
        assert(rc == RC_TOO_LARGE && keytype.len > KEYTYPE_MAX_BYTES);
        return 0;
    }

    assert(span_eq(pubkey_public(key), public));
    enum rc spki_rc = pubkey_from_spki(&spki, public, NULL);
    assert((spki_rc == RC_OK) == is_key(public));
    if (pubkey_evp(key)) {
        check_canonical(key);
    } else {
        assert(pubkey_spki(key).len == 0);
        assert(keyid_eq(pubkey_id(key), pubkey_canonical_id(key)));
    }

    json_auto_t *object = span_is_text(keytype) ? object_of(keytype, public) : NULL;
    pubkey_format(&formatted, key);
    if (object && fuzz_canonical(&expected, object)) {
        struct keyid id = fuzz_id(object);
        assert(span_eq(bytes_span(&formatted), bytes_span(&expected)));
        assert(keyid_eq(pubkey_id(key), &id));
    }

    return 0;
}
