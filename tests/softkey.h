/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * softkey — private keys in a test's own memory, and signatures by them as Notary writes them.
 *
 * To be included after cmocka.h.
 */
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "proto/bounds.h"
#include "proto/verify.h"

DEFINE_CLEANUP(EVP_PKEY, EVP_PKEY_free);

/* "P-256", "secp256k1", …; "RSA-2048"; or what EVP_PKEY_Q_keygen() calls it. */
static inline EVP_PKEY *
softkey_new(const char *kind)
{
    EVP_PKEY *evp = NULL;

    if (!strncmp(kind, "RSA-", 4))
        evp = EVP_RSA_gen((unsigned)strtoul(kind + 4, NULL, 10));
    else if (!strncmp(kind, "P-", 2) || !strncmp(kind, "secp", 4))
        evp = EVP_EC_gen(kind);
    else
        evp = EVP_PKEY_Q_keygen(NULL, NULL, kind);

    assert_non_null(evp);
    return evp;
}

/* Appends the SubjectPublicKeyInfo. */
static inline void
softkey_spki(struct bytes *ret, EVP_PKEY *evp)
{
    uint8_t *der = NULL;

    int len = i2d_PUBKEY(evp, &der);
    assert_true(len > 0);
    bytes_put(ret, (struct span){der, (size_t)len});
    OPENSSL_free(der);
}

static inline struct pubkey *
softkey_pubkey(EVP_PKEY *evp)
{
    closing(bytes_done) struct bytes spki = BYTES_INIT(65536);
    struct pubkey *key = NULL;

    softkey_spki(&spki, evp);
    assert_int_equal(pubkey_from_spki(&key, bytes_span(&spki), NULL), RC_OK);
    return key;
}

/* DER to r||s, each half as long as the curve's field. */
static inline void
softkey_put_raw(struct bytes *ret, EVP_PKEY *evp, struct span der)
{
    int half = (EVP_PKEY_get_bits(evp) + 7) / 8;
    const uint8_t *at = der.p;

    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &at, (long)der.len);
    assert_non_null(signature);
    uint8_t *raw = bytes_room(ret, 2 * (size_t)half);
    assert_non_null(raw);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw, half), half);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw + half, half), half);
    bytes_advance(ret, 2 * (size_t)half);
    ECDSA_SIG_free(signature);
}

/* As softkey_sign(), with the digest and the salt of choice: what others get wrong. */
static inline void
softkey_sign_with(struct bytes *ret, EVP_PKEY *evp, enum verify_method method, struct span message,
    const EVP_MD *md, int salt)
{
    uint8_t signature[SIGNATURE_MAX_BYTES];
    size_t len = sizeof signature;
    EVP_PKEY_CTX *pkey_ctx = NULL;

    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(
        EVP_DigestSignInit(ctx, &pkey_ctx, method == VERIFY_EDDSA ? NULL : md, NULL, evp), 1);
    if (method == VERIFY_RSAPSS) {
        assert_true(EVP_PKEY_CTX_set_rsa_padding(pkey_ctx, RSA_PKCS1_PSS_PADDING) > 0);
        assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(pkey_ctx, salt) > 0);
    }
    assert_int_equal(EVP_DigestSign(ctx, signature, &len, message.p, message.len), 1);
    EVP_MD_CTX_free(ctx);

    if (method == VERIFY_ECDSA)
        softkey_put_raw(ret, evp, (struct span){signature, len});
    else
        bytes_put(ret, (struct span){signature, len});
}

static inline void
softkey_sign(struct bytes *ret, EVP_PKEY *evp, enum verify_method method, struct span message)
{
    softkey_sign_with(ret, evp, method, message, EVP_sha256(), 32);
}

/* Over a digest alone, as tokens sign. */
static inline void
softkey_sign_digest(
    struct bytes *ret, EVP_PKEY *evp, enum verify_method method, const struct digest *digest)
{
    uint8_t signature[SIGNATURE_MAX_BYTES];
    size_t len = sizeof signature;

    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(evp, NULL);
    assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
    if (method == VERIFY_RSAPSS) {
        assert_true(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0);
        assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, 32) > 0);
    }
    assert_true(EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) > 0);
    assert_int_equal(EVP_PKEY_sign(ctx, signature, &len, digest->b, sizeof digest->b), 1);
    EVP_PKEY_CTX_free(ctx);

    if (method == VERIFY_ECDSA)
        softkey_put_raw(ret, evp, (struct span){signature, len});
    else
        bytes_put(ret, (struct span){signature, len});
}
