/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of keys or certificates, behind a line with the time and the repository that it should be
 * for. Blocks can be written and read again; a certificate that is taken for a root has that one
 * name and is in force by OpenSSL's word too.
 */
#include "proto/certificate.h"

#include <openssl/x509v3.h>

#include "proto/pem.h"
#include "tests/fuzz.h"

static void
check_block(const struct pem_block *block)
{
    closing(bytes_done) struct bytes der = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);
    closing(bytes_done) struct bytes text = BYTES_INIT(2 * PUBLIC_KEY_MAX_BYTES);
    closing(bytes_done) struct bytes again = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);
    struct pem_block same;

    if (pem_decode(&der, block, NULL))
        return;

    pem_format(&text, block->label, bytes_span(&der));
    struct span rest = bytes_span(&text);
    assert(!pem_next(&same, &rest, NULL) && rest.len == 0);
    assert(span_eq(same.label, block->label));
    assert(!pem_decode(&again, &same, NULL));
    assert(span_eq(bytes_span(&again), bytes_span(&der)));
}

/* One common name, which is the repository; no authority; a day of leeway at the start. */
static void
check_root(const struct pubkey *key, const char *repository, time_t now)
{
    X509 *leaf = pubkey_certificate(key, 0);
    const X509_NAME *subject = X509_get_subject_name(leaf);
    time_t early = now + 86400, late = now;

    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    assert(at >= 0 && X509_NAME_get_index_by_NID(subject, NID_commonName, at) < 0);
    const ASN1_STRING *name = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
    assert((size_t)ASN1_STRING_length(name) == strlen(repository));
    assert(!memcmp(ASN1_STRING_get0_data(name), repository, strlen(repository)));
    assert(X509_check_ca(leaf) != 1);

    for (size_t i = 0; pubkey_certificate(key, i); i++) {
        const X509 *certificate = pubkey_certificate(key, i);
        assert(X509_cmp_time(X509_get0_notAfter(certificate), &late) > 0);
        assert(X509_cmp_time(X509_get0_notBefore(certificate), &early) < 0);
    }
}

static void
check_key(const struct pubkey *key, const char *repository, int64_t now)
{
    closing(pubkey_unrefp) struct pubkey *same = NULL;
    int64_t expires_at;

    assert(pubkey_evp(key));
    assert(!pubkey_new(&same, pubkey_keytype(key), pubkey_public(key), NULL));
    assert(pubkey_evp(same) && keyid_eq(pubkey_id(same), pubkey_id(key)));

    bool is_strict = !certificate_check_root(key, repository, now, NULL);
    bool is_tolerant = !certificate_check_root_tolerant(key, repository, now, NULL);
    assert(is_tolerant || !is_strict);
    if (is_tolerant) {
        assert(pubkey_is_x509(key));
        assert(!certificate_expires_at(&expires_at, key, NULL) && expires_at >= now);
    }
    if (is_strict)
        check_root(key, repository, now);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    closing(pubkey_unrefp) struct pubkey *key = NULL;
    const uint8_t *end = memchr(data, '\n', len);
    struct span line = {data, end ? (size_t)(end - data) : 0};
    struct span text = {data + line.len, len - line.len}, rest = text;
    struct pem_block block;
    bool is_private = false;

    int64_t now = fuzz_number(&line);
    closing(freep) char *repository = fuzz_text(line);
    while (!pem_next(&block, &rest, NULL)) {
        assert(block.label.p >= text.p && block.body.p + block.body.len <= text.p + text.len);
        check_block(&block);
        is_private = is_private || memmem(block.label.p, block.label.len, "PRIVATE", 7);
    }

    if (!pubkey_from_pem(&key, text, NULL)) {
        assert(!is_private);
        check_key(key, repository, now);
    }

    return 0;
}
