/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/certificate.h"

#include <inttypes.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <time.h>

#include "proto/algorithm.h"
#include "proto/bounds.h"
#include "proto/pem.h"
#include "proto/utc.h"
#include "proto/verify.h"

struct certificate {
    X509 *x509;
    struct pubkey *key;
    enum verify_method method;
    uint8_t *tbs; /* TBSCertificate; OPENSSL_free() */
    size_t tbs_len;
    struct digest digest; /* of it */
};

/* How Go writes them, in its order. */
static const struct {
    int nid;
    const char *value;
} extensions[] = {
    {NID_key_usage, "critical,digitalSignature,keyEncipherment"},
    {NID_ext_key_usage, "codeSigning"},
    {NID_basic_constraints, "critical,CA:FALSE"},
};

DEFINE_CLEANUP(BIGNUM, BN_free);
DEFINE_CLEANUP(X509_EXTENSION, X509_EXTENSION_free);

static enum rc
time_of(int64_t *ret, const ASN1_TIME *t, struct why *why)
{
    struct tm tm; /* always UTC */

    if (!ASN1_TIME_to_tm(t, &tm))
        return fail(why, RC_UNTRUSTED, "validity that is no time");

    *ret = timegm(&tm);
    return RC_OK;
}

static enum rc
fail_validity(struct why *why, const char *problem, int64_t at)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(64);

    utc_format(&text, at);
    return fail(why, RC_UNTRUSTED, "%s %s", problem, bytes_text(&text));
}

static enum rc
check_validity(const X509 *x509, int64_t now, struct why *why)
{
    int64_t starts_at = 0, expires_at = 0;

    enum rc rc = time_of(&starts_at, X509_get0_notBefore(x509), why);
    if (rc)
        return rc;

    rc = time_of(&expires_at, X509_get0_notAfter(x509), why);
    if (rc)
        return rc;

    if (starts_at > now + VALIDITY_SLACK_S)
        return fail_validity(why, "not valid before", starts_at);

    if (expires_at < now)
        return fail_validity(why, "expired at", expires_at);

    return RC_OK;
}

/* Deny by default: SHA-1, MD5 and whatever OpenSSL does not know are not in the list. */
static enum rc
check_signature_algorithm(X509 *x509, struct why *why)
{
    int md = NID_undef;

    X509_get_signature_info(x509, &md, NULL, NULL, NULL);
    if (md == NID_sha256 || md == NID_sha384 || md == NID_sha512)
        return RC_OK;

    return fail(why, RC_UNTRUSTED, "signed by way of '%s', want SHA-256, SHA-384 or SHA-512",
        OBJ_nid2ln(X509_get_signature_nid(x509)));
}

/* What holds for a leaf and its authorities alike. */
static enum rc
check_any(X509 *x509, bool is_leaf, int64_t now, struct why *why)
{
    uint32_t flags = X509_get_extension_flags(x509);
    const EVP_PKEY *evp = X509_get0_pubkey(x509);
    struct algorithm algorithm;

    if (flags & EXFLAG_INVALID)
        return fail(why, RC_UNTRUSTED, "extensions that are not valid");

    if (is_leaf == ((flags & EXFLAG_CA) != 0))
        return fail(why, RC_UNTRUSTED, "%s an authority (CA), want one leaf, at the first place",
            is_leaf ? "is" : "is not");

    if (!evp)
        return fail(why, RC_UNTRUSTED, "a key of unknown kind");

    if (algorithm_of(&algorithm, evp, why))
        return RC_UNTRUSTED;

    enum rc rc = check_signature_algorithm(x509, why);
    if (rc)
        return rc;

    return check_validity(x509, now, why);
}

/* The one common name; Go and OpenSSL would each choose another of several. */
static enum rc
common_name_of(struct span *ret, const X509 *x509, struct why *why)
{
    const X509_NAME *subject = X509_get_subject_name(x509);

    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
        return fail(
            why, RC_UNTRUSTED, "%s common name, want exactly one", at < 0 ? "no" : "more than one");

    const ASN1_STRING *cn = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
    int type = ASN1_STRING_type(cn); /* others are not the bytes of their text */
    if (type != V_ASN1_UTF8STRING && type != V_ASN1_PRINTABLESTRING && type != V_ASN1_IA5STRING)
        return fail(why, RC_UNTRUSTED, "common name in an encoding other than UTF-8");

    *ret = (struct span){ASN1_STRING_get0_data(cn), (size_t)ASN1_STRING_length(cn)};
    return RC_OK;
}

/* Notary's "prefix*": the star stands for whatever follows. */
static bool
is_prefix_of(struct span name, struct span repository)
{
    struct span prefix = {name.p, name.len - 1};

    return name.p[prefix.len] == '*' && !memchr(prefix.p, '*', prefix.len) &&
           span_starts(repository, prefix);
}

static enum rc
check_name(const X509 *x509, const char *repository, bool is_prefix_taken, struct why *why)
{
    struct span name;

    enum rc rc = common_name_of(&name, x509, why);
    if (rc)
        return rc;

    if (!span_is_text(name))
        return fail(why, RC_UNTRUSTED, "common name with a control character, or not in UTF-8");

    bool is_starred = name.len > 0 && memchr(name.p, '*', name.len);
    if (!is_starred && span_is(name, repository))
        return RC_OK;

    if (is_starred && is_prefix_taken && is_prefix_of(name, span_of(repository)))
        return RC_OK;

    return fail(why, RC_UNTRUSTED, "common name '%.*s', want '%s'", (int)name.len,
        (const char *)name.p, repository);
}

static enum rc
check_certificates(const struct pubkey *key, const char *repository, int64_t now,
    bool is_prefix_taken, struct why *why)
{
    struct span keytype = pubkey_keytype(key);

    if (!pubkey_certificate(key, 0))
        return fail(why, RC_UNTRUSTED, "type '%.*s' and no certificates as Notary writes them",
            (int)keytype.len, (const char *)keytype.p);

    for (size_t i = 0; pubkey_certificate(key, i); i++) {
        enum rc rc = check_any(pubkey_certificate(key, i), i == 0, now, why);
        if (rc)
            return within(why, rc, "certificate %zu", i + 1);
    }

    if (!pubkey_evp(key))
        return fail(why, RC_UNTRUSTED, "type '%.*s' and a certificate of another kind of key",
            (int)keytype.len, (const char *)keytype.p);

    return check_name(pubkey_certificate(key, 0), repository, is_prefix_taken, why);
}

static enum rc
check_root(const struct pubkey *key, const char *repository, int64_t now, bool is_prefix_taken,
    struct why *why)
{
    enum rc rc = check_certificates(key, repository, now, is_prefix_taken, why);

    ERR_clear_error();
    return rc ? within(why, rc, "root key '%s'", pubkey_id(key)->hex) : RC_OK;
}

enum rc
certificate_check_root(
    const struct pubkey *key, const char *repository, int64_t now, struct why *why)
{
    return check_root(key, repository, now, false, why);
}

enum rc
certificate_check_root_tolerant(
    const struct pubkey *key, const char *repository, int64_t now, struct why *why)
{
    return check_root(key, repository, now, true, why);
}

enum rc
certificate_expires_at(int64_t *ret, const struct pubkey *key, struct why *why)
{
    const X509 *leaf = pubkey_certificate(key, 0);

    if (!leaf)
        return fail(why, RC_MALFORMED, "key '%s' has no certificate", pubkey_id(key)->hex);

    return time_of(ret, X509_get0_notAfter(leaf), why);
}

static bool
set_serial(X509 *x509)
{
    closing(BN_freep) BIGNUM *serial = BN_new();

    return serial && BN_rand(serial, 128, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) &&
           BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(x509));
}

/* As UTF8String, for which OpenSSL does not enforce X.520's 64 characters: Notary's names are
 * longer. */
static bool
set_names(X509 *x509, const char *common_name)
{
    X509_NAME *subject = X509_get_subject_name(x509);

    return X509_NAME_add_entry_by_NID(subject, NID_commonName, V_ASN1_UTF8STRING,
               (const uint8_t *)common_name, (int)strlen(common_name), -1, 0) &&
           X509_set_issuer_name(x509, subject);
}

static bool
set_validity(X509 *x509, int64_t now, int64_t days)
{
    return ASN1_TIME_set(X509_getm_notBefore(x509), now) &&
           ASN1_TIME_set(X509_getm_notAfter(x509), now + days * 86400);
}

static bool
set_extensions(X509 *x509)
{
    for (size_t i = 0; i < N_ELEMENTS(extensions); i++) {
        closing(X509_EXTENSION_freep) X509_EXTENSION *extension =
            X509V3_EXT_conf_nid(NULL, NULL, extensions[i].nid, extensions[i].value);
        if (!extension || !X509_add_ext(x509, extension, -1))
            return false;
    }

    return true;
}

/*
 * OpenSSL offers no setters for the algorithms and the signature of a certificate that somebody
 * else signs, only X509_sign(), which wants the private key. So const is taken off its getters.
 */
static bool
set_algorithms(X509 *x509, enum verify_method method)
{
    const X509_ALGOR *outer = NULL, *inner = X509_get0_tbs_sigalg(x509);
    bool is_ecdsa = method == VERIFY_ECDSA;
    int nid = is_ecdsa ? NID_ecdsa_with_SHA256 : NID_sha256WithRSAEncryption;
    int parameters = is_ecdsa ? V_ASN1_UNDEF : V_ASN1_NULL; /* RFC 5758, RFC 4055 */

    X509_get0_signature(NULL, &outer, x509);
    return X509_ALGOR_set0((X509_ALGOR *)inner, OBJ_nid2obj(nid), parameters, NULL) &&
           X509_ALGOR_set0((X509_ALGOR *)outer, OBJ_nid2obj(nid), parameters, NULL);
}

static bool
set_signature(X509 *x509, struct span signature)
{
    const ASN1_BIT_STRING *bits = NULL;

    X509_get0_signature(&bits, NULL, x509);
    ASN1_BIT_STRING *string = (ASN1_BIT_STRING *)bits;
    if (!ASN1_STRING_set(string, signature.p, (int)signature.len))
        return false;

    /* Without this OpenSSL drops zero bits at the end. */
    string->flags &= ~(ASN1_STRING_FLAG_BITS_LEFT | 7);
    string->flags |= ASN1_STRING_FLAG_BITS_LEFT;
    return true;
}

static bool
encode_tbs(struct certificate *c)
{
    int len = i2d_re_X509_tbs(c->x509, &c->tbs);
    if (len <= 0)
        return false;

    c->tbs_len = (size_t)len;
    digest_of(&c->digest, certificate_message(c));
    return true;
}

static enum rc
check_request(const struct pubkey *key, const char *common_name, int64_t days, struct why *why)
{
    struct span name = span_of(common_name);

    if (pubkey_type(key) != PUBKEY_ECDSA && pubkey_type(key) != PUBKEY_RSA)
        return fail(why, RC_UNSUPPORTED, "certificate for a key of type '%.*s', want ecdsa or rsa",
            (int)pubkey_keytype(key).len, (const char *)pubkey_keytype(key).p);

    if (!pubkey_evp(key))
        return fail(why, RC_UNSUPPORTED, "certificate for a key object without a key");

    if (name.len == 0 || name.len > REPOSITORY_MAX_BYTES || !span_is_text(name) ||
        memchr(name.p, '*', name.len))
        return fail(why, RC_MALFORMED, "common name '%s'", common_name);

    if (days < 1 || days > CERTIFICATE_DAYS_MAX)
        return fail(why, RC_MALFORMED, "certificate for %" PRId64 " days, want 1 to %d", days,
            CERTIFICATE_DAYS_MAX);

    return RC_OK;
}

enum rc
certificate_new(struct certificate **ret, struct pubkey *key, const char *common_name, int64_t now,
    int64_t days, struct why *why)
{
    enum rc rc = check_request(key, common_name, days, why);
    if (rc)
        return rc;

    closing(certificate_freep) struct certificate *c = calloc(1, sizeof *c);
    if (!c)
        return fail_memory(why);

    c->key = pubkey_ref(key);
    c->method = pubkey_type(key) == PUBKEY_ECDSA ? VERIFY_ECDSA : VERIFY_RSAPKCS1V15;
    c->x509 = X509_new();

    bool ok = c->x509 && X509_set_version(c->x509, X509_VERSION_3) && set_serial(c->x509) &&
              set_names(c->x509, common_name) && set_validity(c->x509, now, days) &&
              X509_set_pubkey(c->x509, pubkey_evp(key)) && set_extensions(c->x509) &&
              set_algorithms(c->x509, c->method) && encode_tbs(c);
    ERR_clear_error();
    if (!ok)
        return fail(
            why, RC_SYSTEM, "OpenSSL could not compose a certificate for '%s'", common_name);

    *ret = steal(c);
    return RC_OK;
}

struct span
certificate_message(const struct certificate *c)
{
    return (struct span){c->tbs, c->tbs_len};
}

void
certificate_digest(struct digest *ret, const struct certificate *c)
{
    *ret = c->digest;
}

enum rc
certificate_finish(
    struct bytes *ret_pem, struct certificate *c, struct span signature, struct why *why)
{
    closing(bytes_done) struct bytes der = BYTES_INIT(SIGNATURE_MAX_BYTES);
    uint8_t *x509 = NULL;

    enum rc rc = verify_digest(c->key, c->method, &c->digest, signature, why);
    if (rc)
        return within(why, rc, "certificate");

    if (c->method == VERIFY_ECDSA) {
        rc = verify_ecdsa_der(&der, signature, why);
        if (rc)
            return rc;
        signature = bytes_span(&der);
    }

    int len = set_signature(c->x509, signature) ? i2d_X509(c->x509, &x509) : 0;
    ERR_clear_error();
    if (len <= 0)
        return fail_memory(why);

    pem_format(ret_pem, SPAN("CERTIFICATE"), (struct span){x509, (size_t)len});
    OPENSSL_free(x509);
    return bytes_check(ret_pem, why);
}

void
certificate_free(struct certificate *c)
{
    if (!c)
        return;

    X509_free(c->x509);
    pubkey_unref(c->key);
    OPENSSL_free(c->tbs);
    free(c);
}
