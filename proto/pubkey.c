/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/pubkey.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "proto/algorithm.h"
#include "proto/bounds.h"
#include "proto/canon.h"
#include "proto/certlist.h"
#include "proto/derkey.h"
#include "proto/pem.h"

struct pubkey {
    unsigned n_refs;
    enum pubkey_type type;
    struct bytes keytype, public_bytes, spki;
    STACK_OF(X509) * certificates; /* of x509 types */
    EVP_PKEY *evp;
    EVP_PKEY_CTX *verifier;     /* NULL: not needed yet */
    struct algorithm algorithm; /* of evp */
    struct keyid id, canonical_id;
};

static const struct {
    const char *keytype;
    enum algorithm_family family;
} types[PUBKEY_UNKNOWN] = {
    [PUBKEY_ECDSA] = {"ecdsa", ALGORITHM_ECDSA},
    [PUBKEY_ECDSA_X509] = {"ecdsa-x509", ALGORITHM_ECDSA},
    [PUBKEY_RSA] = {"rsa", ALGORITHM_RSA},
    [PUBKEY_RSA_X509] = {"rsa-x509", ALGORITHM_RSA},
    [PUBKEY_ED25519] = {"ed25519", ALGORITHM_ED25519},
};

/* The types of keys without, and with, a certificate. */
static const enum pubkey_type plain_types[] = {
    [ALGORITHM_NONE] = PUBKEY_UNKNOWN,
    [ALGORITHM_ECDSA] = PUBKEY_ECDSA,
    [ALGORITHM_RSA] = PUBKEY_RSA,
    [ALGORITHM_ED25519] = PUBKEY_ED25519,
};

static const enum pubkey_type x509_types[] = {
    [ALGORITHM_NONE] = PUBKEY_UNKNOWN,
    [ALGORITHM_ECDSA] = PUBKEY_ECDSA_X509,
    [ALGORITHM_RSA] = PUBKEY_RSA_X509,
    [ALGORITHM_ED25519] = PUBKEY_UNKNOWN, /* Notary has none */
};

DEFINE_CLEANUP(EVP_PKEY, EVP_PKEY_free);
DEFINE_CLEANUP(X509, X509_free);

/* *ret: NULL where there is no key. RC_NO_MEMORY. */
static enum rc
read_public(EVP_PKEY **ret, const struct pubkey *key)
{
    struct span bytes = bytes_span(&key->public_bytes);

    switch (key->type) {
    case PUBKEY_ECDSA:
    case PUBKEY_RSA:
        *ret = derkey_read(bytes);
        break;
    case PUBKEY_ECDSA_X509:
    case PUBKEY_RSA_X509:
        *ret = X509_get_pubkey(pubkey_certificate(key, 0));
        break;
    case PUBKEY_ED25519:
        *ret = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, bytes.p, bytes.len);
        break;
    case PUBKEY_UNKNOWN:
    case PUBKEY_TYPE_MAX_:
        break;
    }

    /* OpenSSL fails for this reason as for any other. */
    bool has_run_out = !*ret && ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE;
    return has_run_out ? RC_NO_MEMORY : RC_OK;
}

/* Find the key in the public bytes; whatever is wrong with it, it is none. A lack of memory says
 * nothing about it: else it would be another key, with another canonical ID. */
static enum rc
find_key(struct pubkey *key, struct why *why)
{
    closing(EVP_PKEY_freep) EVP_PKEY *evp = NULL;
    struct algorithm algorithm;

    ERR_clear_error();
    enum rc rc = pubkey_is_x509(key)
                     ? certlist_read(&key->certificates, bytes_span(&key->public_bytes))
                     : RC_OK;
    if (!rc)
        rc = read_public(&evp, key);
    if (rc)
        return fail_memory(why);

    if (evp && !algorithm_of(&algorithm, evp, NULL) && algorithm.family == types[key->type].family)
        derkey_put(&key->spki, evp);
    ERR_clear_error();

    if (bytes_check(&key->spki, NULL) == RC_NO_MEMORY)
        return fail_memory(why);

    if (key->spki.len > 0) {
        key->evp = steal(evp);
        key->algorithm = algorithm;
    }

    return RC_OK;
}

static void
put_object(struct bytes *b, struct span keytype, struct span public_bytes)
{
    bytes_puts(b, "{\"keytype\":");
    canon_put_string(b, keytype);
    bytes_puts(b, ",\"keyval\":{\"private\":null,\"public\":\"");
    bytes_put_base64(b, public_bytes);
    bytes_puts(b, "\"}}");
}

static enum rc
id_of(struct keyid *ret, struct span keytype, struct span public_bytes, struct why *why)
{
    closing(bytes_done) struct bytes object = BYTES_INIT(2 * PUBLIC_KEY_MAX_BYTES);
    struct digest digest;

    put_object(&object, keytype, public_bytes);
    enum rc rc = bytes_check(&object, why);
    if (rc)
        return rc;

    digest_of(&digest, bytes_span(&object));
    digest_hex(ret->hex, &digest);
    return RC_OK;
}

static enum rc
set_ids(struct pubkey *key, struct why *why)
{
    struct span public_bytes = bytes_span(&key->public_bytes);

    enum rc rc = id_of(&key->id, bytes_span(&key->keytype), public_bytes, why);
    if (rc)
        return rc;

    if (!key->evp || !pubkey_is_x509(key)) {
        key->canonical_id = key->id;
        return RC_OK;
    }

    struct span plain = span_of(types[plain_types[key->algorithm.family]].keytype);
    return id_of(&key->canonical_id, plain, bytes_span(&key->spki), why);
}

static enum pubkey_type
find_type(struct span keytype)
{
    for (int type = 0; type < PUBKEY_UNKNOWN; type++)
        if (span_is(keytype, types[type].keytype))
            return (enum pubkey_type)type;

    return PUBKEY_UNKNOWN;
}

enum rc
pubkey_new(struct pubkey **ret, struct span keytype, struct span public_bytes, struct why *why)
{
    closing(pubkey_unrefp) struct pubkey *key = calloc(1, sizeof *key);

    if (!key)
        return fail_memory(why);

    key->n_refs = 1;
    key->type = find_type(keytype);
    key->algorithm = (struct algorithm){ALGORITHM_NONE, "unknown"};
    key->keytype = BYTES_INIT(KEYTYPE_MAX_BYTES);
    key->public_bytes = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);
    key->spki = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);
    bytes_put(&key->keytype, keytype);
    bytes_put(&key->public_bytes, public_bytes);

    enum rc rc = bytes_check(&key->keytype, why);
    if (rc)
        return within(why, rc, "type of a key");

    rc = bytes_check(&key->public_bytes, why);
    if (rc)
        return within(why, rc, "public part of a key");

    rc = find_key(key, why);
    if (!rc)
        rc = set_ids(key, why);
    if (rc)
        return rc;

    *ret = steal(key);
    return RC_OK;
}

enum rc
pubkey_from_spki(struct pubkey **ret, struct span der, struct why *why)
{
    closing(EVP_PKEY_freep) EVP_PKEY *evp = derkey_read(der);
    uint8_t raw[32];
    size_t raw_len = sizeof raw;
    struct algorithm algorithm;

    ERR_clear_error();
    if (!evp)
        return fail(why, RC_MALFORMED, "not a public key in DER");

    enum rc rc = algorithm_of(&algorithm, evp, why);
    if (rc)
        return rc;

    struct span keytype = span_of(types[plain_types[algorithm.family]].keytype);
    if (algorithm.family != ALGORITHM_ED25519)
        return pubkey_new(ret, keytype, der, why);

    if (!EVP_PKEY_get_raw_public_key(evp, raw, &raw_len))
        return fail(why, RC_MALFORMED, "Ed25519 key without its public part");

    return pubkey_new(ret, keytype, (struct span){raw, raw_len}, why);
}

/* One certificate in DER as the x509 key object that Notary makes of it. */
static enum rc
from_certificate(struct pubkey **ret, struct span der, struct why *why)
{
    closing(X509_freep) X509 *certificate = certlist_read_one(der);
    closing(bytes_done) struct bytes pem = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);
    const EVP_PKEY *evp = certificate ? X509_get0_pubkey(certificate) : NULL;
    struct algorithm algorithm;

    ERR_clear_error();
    if (!certificate)
        return fail(why, RC_MALFORMED, "not an X.509 certificate");

    if (!evp)
        return fail(why, RC_UNSUPPORTED, "certificate with an unknown kind of key");

    enum rc rc = algorithm_of(&algorithm, evp, why);
    if (rc)
        return rc;

    enum pubkey_type type = x509_types[algorithm.family];
    if (type == PUBKEY_UNKNOWN)
        return fail(why, RC_UNSUPPORTED, "certificate of an Ed25519 key: Notary has no such type");

    pem_format(&pem, SPAN("CERTIFICATE"), der);
    rc = bytes_check(&pem, why);
    if (rc)
        return within(why, rc, "certificate");

    return pubkey_new(ret, span_of(types[type].keytype), bytes_span(&pem), why);
}

/* RC_MALFORMED: the block is nothing that carries a public key; says what it is. */
static enum rc
check_label(struct span label, struct why *why)
{
    static const char want[] = "want a certificate or a public key";
    struct span secret = SPAN("PRIVATE KEY");

    if (span_is(label, "PUBLIC KEY") || span_is(label, "CERTIFICATE"))
        return RC_OK;

    if (label.len >= secret.len &&
        span_eq((struct span){label.p + label.len - secret.len, secret.len}, secret))
        return fail(why, RC_MALFORMED, "this is a private key, %s", want);

    if (span_is(label, "CERTIFICATE REQUEST") || span_is(label, "NEW CERTIFICATE REQUEST"))
        return fail(why, RC_MALFORMED, "this is a certificate signing request, %s", want);

    return fail(why, RC_MALFORMED, "this is a PEM block '%.*s', %s", (int)label.len,
        (const char *)label.p, want);
}

/* The block to read: the only public key, or the first of nothing but certificates. */
static enum rc
find_block(struct pem_block *ret, struct span text, struct why *why)
{
    struct pem_block first, block;
    size_t n_blocks = 0, n_keys = 0;

    enum rc rc = pem_next(&first, &text, why);
    if (rc == RC_NOT_FOUND)
        return fail(why, RC_MALFORMED, "no PEM in it, want a certificate or a public key");

    for (block = first; !rc; rc = pem_next(&block, &text, why)) {
        enum rc rc_label = check_label(block.label, why);
        if (rc_label)
            return rc_label;
        n_blocks++;
        n_keys += span_is(block.label, "PUBLIC KEY");
    }

    if (rc != RC_NOT_FOUND)
        return rc;

    if (n_keys > 0 && n_blocks > 1)
        return fail(why, RC_MALFORMED, "more than one key in it");

    *ret = first;
    return RC_OK;
}

enum rc
pubkey_from_pem(struct pubkey **ret, struct span text, struct why *why)
{
    closing(bytes_done) struct bytes der = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);
    struct pem_block block;

    enum rc rc = find_block(&block, text, why);
    if (rc)
        return rc;

    rc = pem_decode(&der, &block, why);
    if (rc)
        return rc;

    return span_is(block.label, "CERTIFICATE") ? from_certificate(ret, bytes_span(&der), why)
                                               : pubkey_from_spki(ret, bytes_span(&der), why);
}

struct pubkey *
pubkey_ref(struct pubkey *key)
{
    if (key)
        key->n_refs++;

    return key;
}

void
pubkey_unref(struct pubkey *key)
{
    if (!key || --key->n_refs > 0)
        return;

    sk_X509_pop_free(key->certificates, X509_free);
    EVP_PKEY_CTX_free(key->verifier);
    EVP_PKEY_free(key->evp);
    bytes_done(&key->spki);
    bytes_done(&key->public_bytes);
    bytes_done(&key->keytype);
    free(key);
}

enum pubkey_type
pubkey_type(const struct pubkey *key)
{
    return key->type;
}

struct span
pubkey_keytype(const struct pubkey *key)
{
    return bytes_span(&key->keytype);
}

bool
pubkey_is_x509(const struct pubkey *key)
{
    return key->type == PUBKEY_ECDSA_X509 || key->type == PUBKEY_RSA_X509;
}

const struct keyid *
pubkey_id(const struct pubkey *key)
{
    return &key->id;
}

const struct keyid *
pubkey_canonical_id(const struct pubkey *key)
{
    return &key->canonical_id;
}

enum rc
pubkey_check(const struct pubkey *key, struct why *why)
{
    struct span keytype = pubkey_keytype(key);
    struct algorithm algorithm;

    if (key->evp)
        return RC_OK;

    if (key->type == PUBKEY_UNKNOWN)
        return fail(why, RC_UNSUPPORTED, "nobody knows type '%.*s'", (int)keytype.len,
            (const char *)keytype.p);

    ERR_clear_error();
    closing(EVP_PKEY_freep) EVP_PKEY *evp = NULL;
    enum rc rc = read_public(&evp, key);
    ERR_clear_error();
    if (rc)
        return fail_memory(why);

    if (!evp)
        return fail(why, RC_UNSUPPORTED, "it has no %s as Notary writes it for type '%.*s'",
            pubkey_is_x509(key) ? "certificate" : "public part", (int)keytype.len,
            (const char *)keytype.p);

    rc = algorithm_of(&algorithm, evp, why);
    return rc ? rc
              : fail(why, RC_UNSUPPORTED, "type '%.*s' and %s do not fit", (int)keytype.len,
                    (const char *)keytype.p, algorithm.name);
}

struct span
pubkey_public(const struct pubkey *key)
{
    return bytes_span(&key->public_bytes);
}

struct span
pubkey_spki(const struct pubkey *key)
{
    return bytes_span(&key->spki);
}

EVP_PKEY *
pubkey_evp(const struct pubkey *key)
{
    return key->evp;
}

size_t
pubkey_bits(const struct pubkey *key)
{
    return key->evp ? (size_t)EVP_PKEY_get_bits(key->evp) : 0;
}

EVP_PKEY_CTX *
pubkey_verifier(const struct pubkey *key)
{
    struct pubkey *owner = (struct pubkey *)key; /* for whoever looks at it, nothing changes */

    if (key->verifier)
        return key->verifier;

    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key->evp, NULL);
    if (ctx && EVP_PKEY_verify_init(ctx) > 0 &&
        EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) > 0)
        owner->verifier = ctx;
    else
        EVP_PKEY_CTX_free(ctx);
    return key->verifier;
}

X509 *
pubkey_certificate(const struct pubkey *key, size_t i)
{
    return i < INT32_MAX ? sk_X509_value(key->certificates, (int)i) : NULL;
}

const char *
pubkey_algorithm(const struct pubkey *key)
{
    return key->algorithm.name;
}

void
pubkey_format(struct bytes *b, const struct pubkey *key)
{
    put_object(b, pubkey_keytype(key), pubkey_public(key));
}
