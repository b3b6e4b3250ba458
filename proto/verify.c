/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/verify.h"

#include <inttypes.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "proto/bounds.h"

#define PSS_SALT_BYTES 32 /* Notary takes no other */

static const struct {
    const char *name;
    enum pubkey_type plain, x509; /* keys that the method suits */
} methods[VERIFY_METHOD_MAX_] = {
    [VERIFY_ECDSA] = {"ecdsa", PUBKEY_ECDSA, PUBKEY_ECDSA_X509},
    [VERIFY_RSAPSS] = {"rsapss", PUBKEY_RSA, PUBKEY_RSA_X509},
    [VERIFY_RSAPKCS1V15] = {"rsapkcs1v15", PUBKEY_RSA, PUBKEY_RSA_X509},
    [VERIFY_EDDSA] = {"eddsa", PUBKEY_ED25519, PUBKEY_ED25519},
};

DEFINE_CLEANUP(ECDSA_SIG, ECDSA_SIG_free);
DEFINE_CLEANUP(EVP_MD_CTX, EVP_MD_CTX_free);
DEFINE_CLEANUP(EVP_PKEY_CTX, EVP_PKEY_CTX_free);

const char *
verify_method_name(enum verify_method method)
{
    return method < VERIFY_METHOD_MAX_ ? methods[method].name : "unknown";
}

enum verify_method
verify_method_find(struct span name)
{
    for (int method = 0; method < VERIFY_METHOD_MAX_; method++) {
        const char *known = methods[method].name;
        if (name.len == strlen(known) && !strncasecmp((const char *)name.p, known, name.len))
            return (enum verify_method)method;
    }

    return VERIFY_METHOD_MAX_;
}

enum verify_method
verify_method_of(const struct pubkey *key)
{
    for (int method = 0; method < VERIFY_METHOD_MAX_; method++)
        if (pubkey_type(key) == methods[method].plain || pubkey_type(key) == methods[method].x509)
            return (enum verify_method)method;

    return VERIFY_METHOD_MAX_;
}

static ECDSA_SIG *
read_raw(struct span raw)
{
    closing(ECDSA_SIG_freep) ECDSA_SIG *signature = ECDSA_SIG_new();
    int half = (int)(raw.len / 2);
    BIGNUM *r = BN_bin2bn(raw.p, half, NULL), *s = BN_bin2bn(raw.p + half, half, NULL);

    if (signature && ECDSA_SIG_set0(signature, r, s)) /* r and s are its own now */
        return steal(signature);

    BN_free(r);
    BN_free(s);
    return NULL;
}

enum rc
verify_ecdsa_der(struct bytes *ret, struct span raw, struct why *why)
{
    uint8_t *der = NULL;

    if (raw.len == 0 || raw.len % 2 || raw.len > SIGNATURE_MAX_BYTES)
        return fail(why, RC_MALFORMED, "ECDSA signature of %zu bytes", raw.len);

    closing(ECDSA_SIG_freep) ECDSA_SIG *signature = read_raw(raw);
    int len = signature ? i2d_ECDSA_SIG(signature, &der) : 0;
    if (len <= 0)
        return fail_memory(why);

    bytes_put(ret, (struct span){der, (size_t)len});
    OPENSSL_free(der);
    return bytes_check(ret, why);
}

static bool
set_padding(EVP_PKEY_CTX *ctx, enum verify_method method)
{
    if (method == VERIFY_RSAPKCS1V15)
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0;

    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, PSS_SALT_BYTES) > 0 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) > 0;
}

static EVP_PKEY_CTX *
new_rsa_verifier(const struct pubkey *key, enum verify_method method)
{
    closing(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pubkey_evp(key), NULL);
    bool ok = ctx && EVP_PKEY_verify_init(ctx) > 0 && set_padding(ctx, method) &&
              EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) > 0;

    return ok ? steal(ctx) : NULL;
}

/* signature: as OpenSSL wants it, that is DER for ECDSA. */
static bool
is_over_digest(const struct pubkey *key, enum verify_method method, const struct digest *digest,
    struct span signature)
{
    bool is_rsa = method != VERIFY_ECDSA;
    closing(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *own = is_rsa ? new_rsa_verifier(key, method) : NULL;
    EVP_PKEY_CTX *ctx = is_rsa ? own : pubkey_verifier(key);

    bool ok =
        ctx && EVP_PKEY_verify(ctx, signature.p, signature.len, digest->b, sizeof digest->b) == 1;
    ERR_clear_error();
    return ok;
}

static bool
is_over_message(EVP_PKEY *evp, struct span message, struct span signature)
{
    closing(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    bool ok = ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, evp) > 0 &&
              EVP_DigestVerify(ctx, signature.p, signature.len, message.p, message.len) == 1;
    ERR_clear_error();
    return ok;
}

/* Bytes of a signature by the key: both halves of ECDSA are as long as the curve's field. */
static size_t
signature_len(const EVP_PKEY *evp, enum verify_method method)
{
    size_t bits = (size_t)EVP_PKEY_get_bits(evp);

    switch (method) {
    case VERIFY_ECDSA:
        return 2 * ((bits + 7) / 8);
    case VERIFY_RSAPSS:
    case VERIFY_RSAPKCS1V15:
        return (bits + 7) / 8;
    case VERIFY_EDDSA:
        return 64;
    case VERIFY_METHOD_MAX_:
        break;
    }

    return 0;
}

static enum rc
check_method(
    const struct pubkey *key, enum verify_method method, struct span signature, struct why *why)
{
    enum pubkey_type type = pubkey_type(key);
    const char *id = pubkey_id(key)->hex;

    if (pubkey_check(key, why))
        return within(why, RC_UNTRUSTED, "key '%s' is of no use", id);

    if (method >= VERIFY_METHOD_MAX_ ||
        (type != methods[method].plain && type != methods[method].x509))
        return fail(why, RC_UNTRUSTED, "method '%s' does not suit key '%s', which is %s",
            verify_method_name(method), id, pubkey_algorithm(key));

    size_t want = signature_len(pubkey_evp(key), method);
    if (signature.len != want)
        return fail(why, RC_UNTRUSTED, "signature by key '%s' has %zu bytes, want %zu", id,
            signature.len, want);

    return RC_OK;
}

static enum rc
fail_signature(const struct pubkey *key, struct why *why)
{
    return fail(
        why, RC_UNTRUSTED, "signature by key '%s' is not over these bytes", pubkey_id(key)->hex);
}

enum rc
verify_message(const struct pubkey *key, enum verify_method method, struct span message,
    struct span signature, struct why *why)
{
    struct digest digest;

    if (method == VERIFY_EDDSA) {
        enum rc rc = check_method(key, method, signature, why);
        if (rc)
            return rc;
        return is_over_message(pubkey_evp(key), message, signature) ? RC_OK
                                                                    : fail_signature(key, why);
    }

    digest_of(&digest, message);
    return verify_digest(key, method, &digest, signature, why);
}

enum rc
verify_digest(const struct pubkey *key, enum verify_method method, const struct digest *digest,
    struct span signature, struct why *why)
{
    closing(bytes_done) struct bytes der = BYTES_INIT(SIGNATURE_MAX_BYTES);

    if (method == VERIFY_EDDSA)
        return fail(why, RC_UNTRUSTED, "method 'eddsa' needs the message, not its digest");

    enum rc rc = check_method(key, method, signature, why);
    if (rc)
        return rc;

    if (method == VERIFY_ECDSA) {
        rc = verify_ecdsa_der(&der, signature, why);
        if (rc)
            return rc;
        signature = bytes_span(&der);
    }

    return is_over_digest(key, method, digest, signature) ? RC_OK : fail_signature(key, why);
}

/* What a threshold is counted over. */
struct ballot {
    struct pubkey *const *keys;
    size_t n_keys;
    const struct verify_signature *signatures;
    size_t n_signatures;
    struct span message;
    struct digest digest; /* of message, computed once */
};

static bool
is_signed_by(const struct ballot *ballot, const struct pubkey *key)
{
    for (size_t i = 0; i < ballot->n_signatures; i++) {
        const struct verify_signature *s = &ballot->signatures[i];
        if (!keyid_eq(&s->keyid, pubkey_id(key)))
            continue;

        enum rc rc = s->method == VERIFY_EDDSA
                         ? verify_message(key, s->method, ballot->message, s->signature, NULL)
                         : verify_digest(key, s->method, &ballot->digest, s->signature, NULL);
        if (!rc)
            return true;
    }

    return false;
}

/* Whether the i-th key, under any of its IDs, signed; false where it was asked before. */
static bool
counts(const struct ballot *ballot, size_t i)
{
    const struct keyid *canonical = pubkey_canonical_id(ballot->keys[i]);

    for (size_t before = 0; before < i; before++)
        if (keyid_eq(pubkey_canonical_id(ballot->keys[before]), canonical))
            return false;

    for (size_t k = i; k < ballot->n_keys; k++)
        if (keyid_eq(pubkey_canonical_id(ballot->keys[k]), canonical) &&
            is_signed_by(ballot, ballot->keys[k]))
            return true;

    return false;
}

/* Why there is no valid signature by a key: what is wrong with the last one that says it is. */
static enum rc
explain_unsigned(const struct ballot *ballot, const struct pubkey *key, struct why *why)
{
    enum rc rc = fail(why, RC_UNTRUSTED, "no signature by key '%s'", pubkey_id(key)->hex);

    for (size_t i = 0; i < ballot->n_signatures; i++) {
        const struct verify_signature *s = &ballot->signatures[i];
        if (keyid_eq(&s->keyid, pubkey_id(key)))
            rc = verify_message(key, s->method, ballot->message, s->signature, why);
    }

    return rc;
}

/* Why the i-th key does not count. */
static enum rc
explain_key(const struct ballot *ballot, size_t i, struct why *why)
{
    const struct pubkey *key = ballot->keys[i];

    for (size_t before = 0; before < i; before++)
        if (keyid_eq(pubkey_canonical_id(ballot->keys[before]), pubkey_canonical_id(key)))
            return fail(why, RC_UNTRUSTED, "'%s' and '%s' are one key",
                pubkey_id(ballot->keys[before])->hex, pubkey_id(key)->hex);

    return explain_unsigned(ballot, key, why);
}

/* The first key that does not count is why there are too few. */
static enum rc
explain_ballot(const struct ballot *ballot, struct why *why)
{
    for (size_t i = 0; i < ballot->n_keys; i++)
        if (!counts(ballot, i))
            return explain_key(ballot, i, why);

    return fail(why, RC_UNTRUSTED, "there are no more keys");
}

enum rc
verify_threshold(struct pubkey *const *keys, size_t n_keys, int64_t threshold,
    const struct verify_signature *signatures, size_t n_signatures, struct span message,
    struct why *why)
{
    struct ballot ballot = {keys, n_keys, signatures, n_signatures, message, {{0}}};
    int64_t n_valid = 0;

    if (threshold < 1)
        return fail(why, RC_UNTRUSTED, "a threshold of %" PRId64, threshold);

    digest_of(&ballot.digest, message);
    for (size_t i = 0; i < n_keys && n_valid < threshold; i++)
        n_valid += counts(&ballot, i);

    if (n_valid >= threshold)
        return RC_OK;

    return within(why, explain_ballot(&ballot, why),
        "signed by %" PRId64 " of %zu keys, the threshold is %" PRId64, n_valid, n_keys, threshold);
}
