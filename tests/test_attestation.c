/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/attestation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "tests/softkey.h"

/* A maker, the token's own certificate, and what it says of a key. */
static struct {
    EVP_PKEY *maker, *token, *key;
    struct pubkey *pubkey;
    struct bytes authority;          /* PEM */
    struct bytes token_certificate;  /* DER, as all that follow */
    struct bytes attestation, plain; /* plain: a certificate for the key that attests nothing */
    struct bytes forged;             /* as attestation, by somebody else */
} all;

static void
add_extension(X509 *x509, const char *oid, const uint8_t *value, size_t len)
{
    ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);

    ASN1_OCTET_STRING_set(octets, value, (int)len);
    X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, object, 0, octets);
    assert_true(X509_add_ext(x509, extension, -1));
    X509_EXTENSION_free(extension);
    ASN1_OBJECT_free(object);
    ASN1_OCTET_STRING_free(octets);
}

static X509 *
make(const char *subject, EVP_PKEY *key, const char *issuer, bool is_authority)
{
    X509 *x509 = X509_new();

    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_NAME_add_entry_by_NID(X509_get_subject_name(x509), NID_commonName, V_ASN1_UTF8STRING,
        (const uint8_t *)subject, -1, -1, 0);
    X509_NAME_add_entry_by_NID(X509_get_issuer_name(x509), NID_commonName, V_ASN1_UTF8STRING,
        (const uint8_t *)issuer, -1, -1, 0);
    X509_gmtime_adj(X509_getm_notBefore(x509), -1000);
    X509_gmtime_adj(X509_getm_notAfter(x509), 1000);
    X509_set_pubkey(x509, key);
    if (is_authority) {
        X509_EXTENSION *extension =
            X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
        X509_add_ext(x509, extension, -1);
        X509_EXTENSION_free(extension);
    }
    return x509;
}

static void
sign(struct bytes *ret, X509 *x509, EVP_PKEY *issuer)
{
    uint8_t *der = NULL;

    assert_true(X509_sign(x509, issuer, EVP_sha256()) > 0);
    int len = i2d_X509(x509, &der);
    assert_true(len > 0);
    *ret = BYTES_INIT(4096);
    bytes_put(ret, (struct span){der, (size_t)len});
    OPENSSL_free(der);
    X509_free(x509);
}

static X509 *
attest(void)
{
    static const uint8_t firmware[] = {5, 4, 3}, serial[] = {0x02, 0x04, 0x00, 0xbc, 0x61, 0x4e};
    static const uint8_t policy[] = {3, 2};
    X509 *x509 = make("Slot 9c", all.key, "Token", false);

    add_extension(x509, "1.3.6.1.4.1.41482.3.3", firmware, sizeof firmware);
    add_extension(x509, "1.3.6.1.4.1.41482.3.7", serial, sizeof serial);
    add_extension(x509, "1.3.6.1.4.1.41482.3.8", policy, sizeof policy);
    return x509;
}

static int
set_up(void **state)
{
    closing(bytes_done) struct bytes root = BYTES_INIT(4096);

    (void)state;
    all.maker = softkey_new("P-256");
    all.token = softkey_new("P-256");
    all.key = softkey_new("P-384");
    all.pubkey = softkey_pubkey(all.key);
    sign(&root, make("Maker", all.maker, "Maker", true), all.maker);
    sign(&all.token_certificate, make("Token", all.token, "Maker", true), all.maker);
    sign(&all.attestation, attest(), all.token);
    sign(&all.plain, make("Owner", all.key, "Owner", false), all.key);
    sign(&all.forged, attest(), all.maker);
    all.authority = BYTES_INIT(4096);
    bytes_puts(&all.authority, "-----BEGIN CERTIFICATE-----\n");
    bytes_put_base64(&all.authority, bytes_span(&root));
    bytes_puts(&all.authority, "\n-----END CERTIFICATE-----\n");
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    EVP_PKEY_free(all.maker);
    EVP_PKEY_free(all.token);
    EVP_PKEY_free(all.key);
    pubkey_unref(all.pubkey);
    bytes_done(&all.authority);
    bytes_done(&all.token_certificate);
    bytes_done(&all.attestation);
    bytes_done(&all.plain);
    bytes_done(&all.forged);
    return 0;
}

static enum rc
read_two(struct attestation *ret, const struct bytes *first, const struct bytes *second,
    struct span authorities, struct why *why)
{
    struct span certificates[] = {bytes_span(first), SPAN("no certificate"), bytes_span(second)};

    return attestation_read(
        ret, certificates, N_ELEMENTS(certificates), all.pubkey, authorities, why);
}

static void
test_reads_what_the_token_says(void **state)
{
    (void)state;
    for (int is_rooted = 0; is_rooted < 2; is_rooted++) {
        struct attestation a;

        assert_int_equal(read_two(&a, &all.attestation, &all.token_certificate,
                             is_rooted ? bytes_span(&all.authority) : SPAN(""), NULL),
            RC_OK);
        assert_int_equal(a.is_rooted, is_rooted);
        assert_string_equal(a.firmware, "5.4.3");
        assert_int_equal(a.serial, 12345678);
        assert_string_equal(a.pin, "always");
        assert_string_equal(a.touch, "always");
        assert_string_equal(a.subject, "/CN=Slot 9c");
        assert_string_equal(a.issuer, "/CN=Token");
    }
}

static void
test_believes_nobody_else(void **state)
{
    const struct {
        const char *says;
        const struct bytes *first, *second;
        struct span authorities;
        enum rc rc;
    } cases[] = {
        {"a certificate that attests nothing", &all.plain, &all.token_certificate,
            bytes_span(&all.authority), RC_NOT_FOUND},
        {"no certificate of the token", &all.attestation, &all.plain, bytes_span(&all.authority),
            RC_UNTRUSTED},
        {"the same without an authority", &all.attestation, &all.plain, SPAN(""), RC_UNTRUSTED},
        {"signed by another key than the token's", &all.forged, &all.token_certificate,
            bytes_span(&all.authority), RC_UNTRUSTED},
        {"the same without an authority", &all.forged, &all.token_certificate, SPAN(""),
            RC_UNTRUSTED},
        {"authorities that are none", &all.attestation, &all.token_certificate, SPAN("hello"),
            RC_MALFORMED},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct attestation a;

        print_message("%s\n", cases[i].says);
        assert_int_equal(
            read_two(&a, cases[i].first, cases[i].second, cases[i].authorities, NULL), cases[i].rc);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_what_the_token_says),
        cmocka_unit_test(test_believes_nobody_else),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
