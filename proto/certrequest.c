/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/certrequest.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include "proto/bounds.h"
#include "proto/pem.h"
#include "proto/verify.h"

struct certrequest {
    struct pubkey *key;
    enum verify_method method;
    X509_REQ *request;
    uint8_t *message;
    size_t message_len;
};

static void
algorithm_freep(X509_ALGOR **p)
{
    X509_ALGOR_free(*p);
}

static bool
set_name(X509_REQ *request, const char *common_name)
{
    return X509_NAME_add_entry_by_NID(X509_REQ_get_subject_name(request), NID_commonName,
        V_ASN1_UTF8STRING, (const uint8_t *)common_name, (int)strlen(common_name), -1, 0);
}

static bool
set_algorithm(X509_REQ *request, enum verify_method method)
{
    closing(algorithm_freep) X509_ALGOR *algorithm = X509_ALGOR_new();
    bool is_ecdsa = method == VERIFY_ECDSA;
    int nid = is_ecdsa ? NID_ecdsa_with_SHA256 : NID_sha256WithRSAEncryption;
    int parameters = is_ecdsa ? V_ASN1_UNDEF : V_ASN1_NULL; /* RFC 5758, RFC 4055 */

    return algorithm && X509_ALGOR_set0(algorithm, OBJ_nid2obj(nid), parameters, NULL) &&
           X509_REQ_set1_signature_algo(request, algorithm);
}

static bool
encode(struct certrequest *r)
{
    int len = i2d_re_X509_REQ_tbs(r->request, &r->message);

    r->message_len = len > 0 ? (size_t)len : 0;
    return len > 0;
}

enum rc
certrequest_new(
    struct certrequest **ret, struct pubkey *key, const char *common_name, struct why *why)
{
    struct span name = span_of(common_name);

    if (pubkey_type(key) != PUBKEY_ECDSA && pubkey_type(key) != PUBKEY_RSA)
        return fail(why, RC_UNSUPPORTED, "request for a key of type '%.*s', want ecdsa or rsa",
            (int)pubkey_keytype(key).len, (const char *)pubkey_keytype(key).p);

    if (name.len == 0 || name.len > REPOSITORY_MAX_BYTES || !span_is_text(name))
        return fail(why, RC_MALFORMED, "common name '%s'", common_name);

    closing(certrequest_freep) struct certrequest *r = calloc(1, sizeof *r);
    if (!r)
        return fail_memory(why);

    r->key = pubkey_ref(key);
    r->method = pubkey_type(key) == PUBKEY_ECDSA ? VERIFY_ECDSA : VERIFY_RSAPKCS1V15;
    r->request = X509_REQ_new();
    bool ok = r->request && X509_REQ_set_version(r->request, X509_REQ_VERSION_1) &&
              set_name(r->request, common_name) &&
              X509_REQ_set_pubkey(r->request, pubkey_evp(key)) &&
              set_algorithm(r->request, r->method) && encode(r);
    ERR_clear_error();
    if (!ok)
        return fail(why, RC_SYSTEM, "OpenSSL could not compose a request for '%s'", common_name);

    *ret = steal(r);
    return RC_OK;
}

struct span
certrequest_message(const struct certrequest *r)
{
    return (struct span){r->message, r->message_len};
}

static bool
set_signature(X509_REQ *request, struct span signature)
{
    ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();

    if (!bits || !ASN1_STRING_set(bits, signature.p, (int)signature.len)) {
        ASN1_BIT_STRING_free(bits);
        return false;
    }

    /* Without this OpenSSL drops zero bits at the end. */
    bits->flags &= ~(ASN1_STRING_FLAG_BITS_LEFT | 7);
    bits->flags |= ASN1_STRING_FLAG_BITS_LEFT;
    X509_REQ_set0_signature(request, bits);
    return true;
}

enum rc
certrequest_finish(
    struct bytes *ret_pem, struct certrequest *r, struct span signature, struct why *why)
{
    closing(bytes_done) struct bytes der = BYTES_INIT(SIGNATURE_MAX_BYTES);
    uint8_t *request = NULL;

    enum rc rc = verify_message(r->key, r->method, certrequest_message(r), signature, why);
    if (rc)
        return within(why, rc, "request");

    if (r->method == VERIFY_ECDSA) {
        rc = verify_ecdsa_der(&der, signature, why);
        if (rc)
            return rc;
        signature = bytes_span(&der);
    }

    int len = set_signature(r->request, signature) ? i2d_X509_REQ(r->request, &request) : 0;
    ERR_clear_error();
    if (len <= 0)
        return fail_memory(why);

    pem_format(ret_pem, SPAN("CERTIFICATE REQUEST"), (struct span){request, (size_t)len});
    OPENSSL_free(request);
    return bytes_check(ret_pem, why);
}

void
certrequest_free(struct certrequest *r)
{
    if (!r)
        return;

    pubkey_unref(r->key);
    X509_REQ_free(r->request);
    OPENSSL_free(r->message);
    free(r);
}
