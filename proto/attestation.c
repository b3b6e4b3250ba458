/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/attestation.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#define YUBICO          "1.3.6.1.4.1.41482.3."
#define OID_FIRMWARE    YUBICO "3"
#define OID_SERIAL      YUBICO "7"
#define OID_POLICY      YUBICO "8"
#define AUTHORITIES_MAX 64

static void
x509_freep(X509 **p)
{
    X509_free(*p);
}

static void
stack_freep(STACK_OF(X509) * *p)
{
    sk_X509_pop_free(*p, X509_free);
}

static void
store_freep(X509_STORE **p)
{
    X509_STORE_free(*p);
}

static void
context_freep(X509_STORE_CTX **p)
{
    X509_STORE_CTX_free(*p);
}

/* The value of an extension, with whatever is in it; empty: there is none. */
static struct span
extension(const X509 *x509, const char *oid)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    int at = object ? X509_get_ext_by_OBJ(x509, object, -1) : -1;
    ASN1_OBJECT_free(object);
    const ASN1_OCTET_STRING *value =
        at < 0 ? NULL : X509_EXTENSION_get_data(X509_get_ext(x509, at));

    return value ? (struct span){ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value)}
                 : (struct span){0};
}

static bool
is_of_key(X509 *x509, const struct pubkey *key)
{
    const EVP_PKEY *evp = X509_get0_pubkey(x509);

    return evp && pubkey_evp(key) && EVP_PKEY_eq(evp, pubkey_evp(key)) == 1;
}

/* The one that attests key, and all others. */
static enum rc
sort_out(X509 **ret, STACK_OF(X509) * others, const struct span *certificates, size_t n,
    const struct pubkey *key, struct why *why)
{
    for (size_t i = 0; i < n; i++) {
        const uint8_t *p = certificates[i].p;
        closing(x509_freep) X509 *x509 = d2i_X509(NULL, &p, (long)certificates[i].len);
        if (!x509)
            continue; /* whatever lies there is no certificate of ours */

        if (!*ret && is_of_key(x509, key) && extension(x509, OID_POLICY).len > 0)
            *ret = steal(x509);
        else if (sk_X509_push(others, x509) > 0)
            (void)steal(x509);
    }
    ERR_clear_error();
    if (!*ret)
        return fail(why, RC_NOT_FOUND,
            "none of the token's %zu certificates attests the key: it was brought to the token, or "
            "that is none which attests",
            n);

    return RC_OK;
}

static enum rc
add_authorities(X509_STORE *store, struct span text, struct why *why)
{
    BIO *bio = BIO_new_mem_buf(text.p, (int)text.len);
    size_t n = 0;

    for (; bio && n < AUTHORITIES_MAX; n++) {
        closing(x509_freep) X509 *x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        if (!x509 || !X509_STORE_add_cert(store, x509))
            break;
    }
    BIO_free(bio);
    ERR_clear_error();
    return n > 0 ? RC_OK : fail(why, RC_MALFORMED, "no certificate of an authority in it");
}

/* Without authorities, those that the token itself shows are the end of the chain. */
static enum rc
add_others(X509_STORE *store, STACK_OF(X509) * others, struct why *why)
{
    for (int i = 0; i < sk_X509_num(others); i++)
        if (!X509_STORE_add_cert(store, sk_X509_value(others, i)))
            return fail_memory(why);

    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    return RC_OK;
}

static enum rc
verify(X509 *leaf, STACK_OF(X509) * others, struct span authorities, struct why *why)
{
    closing(store_freep) X509_STORE *store = X509_STORE_new();
    closing(context_freep) X509_STORE_CTX *context = X509_STORE_CTX_new();
    if (!store || !context)
        return fail_memory(why);

    enum rc rc = authorities.len > 0 ? add_authorities(store, authorities, why)
                                     : add_others(store, others, why);
    if (rc)
        return rc;

    if (!X509_STORE_CTX_init(context, store, leaf, others))
        return fail_memory(why);

    bool is_good = X509_verify_cert(context) == 1;
    int error = X509_STORE_CTX_get_error(context);
    ERR_clear_error();
    if (!is_good)
        return fail(why, RC_UNTRUSTED, "the attestation does not verify: %s",
            X509_verify_cert_error_string(error));

    return RC_OK;
}

static const char *
name_of(const char *const *names, size_t n, uint8_t value)
{
    return value < n && names[value] ? names[value] : "unknown";
}

static void
describe(struct attestation *ret, X509 *leaf)
{
    static const char *const pins[] = {NULL, "never", "once", "always"};
    static const char *const touches[] = {NULL, "never", "always", "cached"};
    struct span firmware = extension(leaf, OID_FIRMWARE), serial = extension(leaf, OID_SERIAL);
    struct span policy = extension(leaf, OID_POLICY);
    const uint8_t *p = serial.p;

    X509_NAME_oneline(X509_get_subject_name(leaf), ret->subject, sizeof ret->subject);
    X509_NAME_oneline(X509_get_issuer_name(leaf), ret->issuer, sizeof ret->issuer);
    if (firmware.len == 3)
        snprintf(ret->firmware, sizeof ret->firmware, "%d.%d.%d", firmware.p[0], firmware.p[1],
            firmware.p[2]);
    ASN1_INTEGER *number = serial.len > 0 ? d2i_ASN1_INTEGER(NULL, &p, (long)serial.len) : NULL;
    if (number)
        (void)ASN1_INTEGER_get_int64(&ret->serial, number);
    ASN1_INTEGER_free(number);
    if (policy.len == 2) {
        ret->pin = name_of(pins, N_ELEMENTS(pins), policy.p[0]);
        ret->touch = name_of(touches, N_ELEMENTS(touches), policy.p[1]);
    }
    ERR_clear_error();
}

enum rc
attestation_read(struct attestation *ret, const struct span *certificates, size_t n,
    const struct pubkey *key, struct span authorities, struct why *why)
{
    closing(stack_freep) STACK_OF(X509) *others = sk_X509_new_null();
    closing(x509_freep) X509 *leaf = NULL;
    struct attestation attestation = {.is_rooted = authorities.len > 0};

    enum rc rc = others ? sort_out(&leaf, others, certificates, n, key, why) : fail_memory(why);
    if (!rc)
        rc = verify(leaf, others, authorities, why);
    if (rc)
        return rc;

    describe(&attestation, leaf);
    *ret = attestation;
    return RC_OK;
}
