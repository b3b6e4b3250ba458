/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/certificate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <openssl/x509v3.h>

#include "proto/pem.h"
#include "tests/softkey.h"

#define NOW ((int64_t)2000000000) /* 2033-05-18T03:33:20Z */
#define DAY ((int64_t)86400)

/* Made by notary 0.7.0 for localhost/acme/alpha. */
static const char notary_certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBczCCARigAwIBAgIRAKurVZ8snvx8BwNd11LYZw8wCgYIKoZIzj0EAwIwHzEd\n"
    "MBsGA1UEAxMUbG9jYWxob3N0L2FjbWUvYWxwaGEwHhcNMjYxMTIzMTM0MzM0WhcN\n"
    "MzYxMTIwMTM0MzM0WjAfMR0wGwYDVQQDExRsb2NhbGhvc3QvYWNtZS9hbHBoYTBZ\n"
    "MBMGByqGSM49AgEGCCqGSM49AwEHA0IABLbWE7YEH7JRm6yLhC3t9u1ZYqCIz58R\n"
    "c8CF4SSD3hnKZ0t1d6d7rDFvDP+1Fe0JDLx1L3+PVYOk5dHiRtu4OlejNTAzMA4G\n"
    "A1UdDwEB/wQEAwIFoDATBgNVHSUEDDAKBggrBgEFBQcDAzAMBgNVHRMBAf8EAjAA\n"
    "MAoGCCqGSM49BAMCA0kAMEYCIQDMC1f2mFjD/T/Fa/HWIcwqL6oiEdwskUbxRDXY\n"
    "n5aepQIhAJFABfaU/bwVTT085f6t7sUqvQrMZC/DENNJ11d6G7SH\n"
    "-----END CERTIFICATE-----\n";

DEFINE_CLEANUP(X509, X509_free);

/* A certificate to make; zeros and NULLs stand for what is right. */
struct recipe {
    const char *kind; /* of the key; P-256 */
    const char *name; /* of the subject; a/b */
    size_t name_len;
    const char *second_name;
    int encoding;     /* of the names; UTF-8 */
    const char *hash; /* SHA-256 */
    int64_t starts_at, expires_at;
    bool is_authority, is_nameless, has_bad_extension, has_other_names;
    bool is_one_rdn; /* both names in one RelativeDistinguishedName */
};

static void
put_name(X509_NAME *subject, const struct recipe *recipe, const char *name, size_t len, int set)
{
    int encoding = recipe->encoding ? recipe->encoding : V_ASN1_UTF8STRING;

    assert_true(X509_NAME_add_entry_by_NID(
        subject, NID_commonName, encoding, (const uint8_t *)name, (int)len, -1, set));
}

static void
put_extension(X509 *x509, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    assert_non_null(extension);
    assert_true(X509_add_ext(x509, extension, -1));
    X509_EXTENSION_free(extension);
}

static void
put_certificate(struct bytes *ret_pem, const struct recipe *recipe)
{
    closing(EVP_PKEY_freep) EVP_PKEY *evp = softkey_new(recipe->kind ? recipe->kind : "P-256");
    closing(X509_freep) X509 *x509 = X509_new();
    X509_NAME *subject = X509_get_subject_name(x509);
    const char *name = recipe->name ? recipe->name : "a/b";
    const EVP_MD *md = EVP_get_digestbyname(recipe->hash ? recipe->hash : "SHA256");
    uint8_t *der = NULL;

    X509_set_version(x509, X509_VERSION_3);
    if (!recipe->is_nameless)
        put_name(subject, recipe, name, recipe->name_len ? recipe->name_len : strlen(name), 0);
    if (recipe->second_name)
        put_name(subject, recipe, recipe->second_name, strlen(recipe->second_name),
            recipe->is_one_rdn ? -1 : 0);
    ASN1_TIME_set(X509_getm_notBefore(x509), recipe->starts_at ? recipe->starts_at : NOW - DAY);
    ASN1_TIME_set(X509_getm_notAfter(x509), recipe->expires_at ? recipe->expires_at : NOW + DAY);
    put_extension(x509, NID_basic_constraints,
        recipe->is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (recipe->has_other_names) /* a GUN is none, but a host is */
        put_extension(x509, NID_subject_alt_name, "DNS:a,URI:a/b");
    if (recipe->has_bad_extension)
        put_extension(x509, NID_basic_constraints, "DER:0102");
    assert_int_equal(X509_set_pubkey(x509, evp), 1);
    assert_true(X509_sign(x509, evp, EVP_PKEY_is_a(evp, "ED25519") ? NULL : md));

    int len = i2d_X509(x509, &der);
    assert_true(len > 0);
    pem_format(ret_pem, SPAN("CERTIFICATE"), (struct span){der, (size_t)len});
    OPENSSL_free(der);
}

static struct pubkey *
key_of(struct span pem, bool is_rsa)
{
    struct pubkey *key = NULL;

    assert_int_equal(
        pubkey_new(&key, is_rsa ? SPAN("rsa-x509") : SPAN("ecdsa-x509"), pem, NULL), RC_OK);
    return key;
}

static bool
is_rsa(const struct recipe *recipe)
{
    return recipe->kind && !strncmp(recipe->kind, "RSA", 3);
}

/* Names of more than 64 characters are what Notary writes, whatever X.520 says. */
#define LONG_NAME                                                                                  \
    "registry.example.com:5000/a-department/of-a-company/with-long-names/for-all/of-its/images"

static const struct {
    struct recipe recipe;
    const char *repository, *refusal; /* a/b; none */
} singles[] = {
    {{0}, NULL, NULL},
    {{.kind = "P-224"}, NULL, NULL},
    {{.kind = "P-521", .hash = "SHA512"}, NULL, NULL},
    {{.kind = "RSA-2048", .hash = "SHA384"}, NULL, NULL},
    {{.encoding = V_ASN1_PRINTABLESTRING}, NULL, NULL},
    {{.name = LONG_NAME}, LONG_NAME, NULL},
    {{.starts_at = NOW + DAY}, NULL, NULL},
    {{.starts_at = NOW + DAY + 1}, NULL, "not valid before 2033-05-19T03:33:21Z"},
    {{.expires_at = NOW}, NULL, NULL},
    {{.expires_at = NOW - 1}, NULL, "expired at 2033-05-18T03:33:19Z"},
    {{.kind = "RSA-1024"}, NULL, "RSA key of 1024 bits, want 2048"},
    {{.kind = "secp256k1"}, NULL, "curve 'secp256k1'"},
    {{.hash = "SHA1"}, NULL, "signed by way of 'ecdsa-with-SHA1'"},
    {{.kind = "RSA-2048", .hash = "SHA1"}, NULL, "signed by way of 'sha1WithRSAEncryption'"},
    {{.kind = "RSA-2048", .hash = "MD5"}, NULL, "signed by way of 'md5WithRSAEncryption'"},
    {{.hash = "SHA224"}, NULL, "want SHA-256"},
    {{.is_authority = true}, NULL, "an authority (CA)"},
    {{.has_bad_extension = true}, NULL, "extensions that are not valid"},
    {{.is_nameless = true}, NULL, "no common name"},
    {{.second_name = "a/b"}, NULL, "more than one common name"},
    {{.name = "x", .second_name = "a/b"}, NULL, "more than one common name"},
    {{.name = "a/b", .second_name = "x"}, NULL, "more than one common name"},
    {{.second_name = "x", .is_one_rdn = true}, NULL, "more than one common name"},
    {{.second_name = "a/b", .is_one_rdn = true}, NULL, "more than one common name"},
    {{.is_nameless = true, .has_other_names = true}, NULL, "no common name"},
    {{.name = "a", .has_other_names = true}, NULL, "common name 'a', want 'a/b'"},
    {{.has_other_names = true}, NULL, NULL},
    {{.name = ""}, NULL, "common name '', want 'a/b'"},
    {{.name = " a/b"}, NULL, "want 'a/b'"},
    {{.name = "a/"}, NULL, "want 'a/b'"},
    {{.name = "\xd0\xb0/b"}, NULL, "want 'a/b'"}, /* Cyrillic */
    {{.name = "a/b\xe2\x80\xae"}, NULL, "want 'a/b'"},
    {{.name = "a/\xc3\xa9"}, "a/\xc3\xa9", NULL},
    {{.name = "a/e\xcc\x81"}, "a/\xc3\xa9", "want 'a/"}, /* it looks the same */
    {{.name = "\0\0\0a\0\0\0/\0\0\0b", .name_len = 12, .encoding = V_ASN1_UNIVERSALSTRING}, NULL,
        "encoding"},
    {{.name = "a/c"}, NULL, "common name 'a/c', want 'a/b'"},
    {{.name = "a/B"}, NULL, "want 'a/b'"},
    {{.name = "a/b "}, NULL, "want 'a/b'"},
    {{.name = "a/bc"}, NULL, "want 'a/b'"},
    {{.name = "a/b\0c", .name_len = 5}, NULL, "control character"},
    {{.name = "a/b\0", .name_len = 4}, NULL, "control character"},
    {{.name = "\0a\0/\0b", .name_len = 6, .encoding = V_ASN1_BMPSTRING}, NULL, "encoding"},
    {{.encoding = V_ASN1_T61STRING}, NULL, "encoding"},
    {{.name = "*"}, "*", "want '*'"},
};

static void
test_demands_every_rule(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(singles); i++) {
        closing(bytes_done) struct bytes pem = BYTES_INIT(10000);
        const char *repository = singles[i].repository ? singles[i].repository : "a/b";
        struct why why = {""};

        put_certificate(&pem, &singles[i].recipe);
        closing(pubkey_unrefp) struct pubkey *key =
            key_of(bytes_span(&pem), is_rsa(&singles[i].recipe));
        enum rc rc = certificate_check_root(key, repository, NOW, &why);
        assert_int_equal(rc, singles[i].refusal ? RC_UNTRUSTED : RC_OK);
        assert_non_null(strstr(why.text, singles[i].refusal ? singles[i].refusal : ""));

        if (!strchr(repository, '*'))
            assert_int_equal(certificate_check_root_tolerant(key, repository, NOW, &why), rc);
    }
}

static const struct {
    const char *name, *repository;
    enum rc rc;
} prefixes[] = {
    {"a/*", "a/b", RC_OK},
    {"a*", "a/b", RC_OK},
    {"*", "a/b", RC_OK},
    {"a/b*", "a/b", RC_OK},
    {"a/b", "a/b", RC_OK},
    {"b/*", "a/b", RC_UNTRUSTED},
    {"a/bc*", "a/b", RC_UNTRUSTED},
    {"*b", "a/b", RC_UNTRUSTED},
    {"a/**", "a/b", RC_UNTRUSTED},
    {"**", "a/b", RC_UNTRUSTED},
    {"a/*b", "a/b", RC_UNTRUSTED},
    {"", "a/b", RC_UNTRUSTED},
};

static void
test_takes_prefixes_only_where_it_is_tolerant(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(prefixes); i++) {
        closing(bytes_done) struct bytes pem = BYTES_INIT(10000);
        struct recipe recipe = {.name = prefixes[i].name, .is_nameless = !*prefixes[i].name};
        struct why why;

        put_certificate(&pem, &recipe);
        closing(pubkey_unrefp) struct pubkey *key = key_of(bytes_span(&pem), false);
        assert_int_equal(certificate_check_root_tolerant(key, prefixes[i].repository, NOW, &why),
            prefixes[i].rc);
        assert_int_equal(certificate_check_root(key, prefixes[i].repository, NOW, &why),
            strchr(prefixes[i].name, '*') ? RC_UNTRUSTED : prefixes[i].rc);
    }
}

static const struct recipe leaf = {0}, authority = {.name = "Authority", .is_authority = true},
                           old_authority = {.is_authority = true, .expires_at = NOW - 1},
                           sha1_authority = {.is_authority = true, .hash = "SHA1"};

static const struct {
    const struct recipe *recipes[3];
    const char *refusal;
} chains[] = {
    {{&leaf, &authority}, NULL},
    {{&leaf, &authority, &authority}, NULL},
    {{&authority, &leaf}, "certificate 1: is an authority"},
    {{&leaf, &leaf}, "certificate 2: is not an authority"},
    {{&leaf, &authority, &leaf}, "certificate 3: is not an authority"},
    {{&leaf, &old_authority}, "certificate 2: expired"},
    {{&leaf, &sha1_authority}, "certificate 2: signed by way of"},
};

static void
test_takes_one_leaf_and_authorities_behind_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(chains); i++) {
        closing(bytes_done) struct bytes pem = BYTES_INIT(10000);
        struct why why = {""};

        for (size_t k = 0; k < N_ELEMENTS(chains[i].recipes) && chains[i].recipes[k]; k++)
            put_certificate(&pem, chains[i].recipes[k]);
        closing(pubkey_unrefp) struct pubkey *key = key_of(bytes_span(&pem), false);
        assert_int_equal(certificate_check_root(key, "a/b", NOW, &why),
            chains[i].refusal ? RC_UNTRUSTED : RC_OK);
        assert_non_null(strstr(why.text, chains[i].refusal ? chains[i].refusal : ""));
    }
}

static void
test_refuses_keys_without_a_certificate(void **state)
{
    closing(EVP_PKEY_freep) EVP_PKEY *evp = softkey_new("P-256");
    closing(pubkey_unrefp) struct pubkey *plain = softkey_pubkey(evp);
    closing(bytes_done) struct bytes pem = BYTES_INIT(10000);
    int64_t expires_at = 0;
    struct why why;

    (void)state;
    assert_int_equal(certificate_check_root(plain, "a/b", NOW, &why), RC_UNTRUSTED);
    assert_int_equal(certificate_expires_at(&expires_at, plain, &why), RC_MALFORMED);
    assert_int_equal(expires_at, 0);

    put_certificate(&pem, &leaf);
    closing(pubkey_unrefp) struct pubkey *mislabelled = key_of(bytes_span(&pem), true);
    assert_int_equal(certificate_check_root(mislabelled, "a/b", NOW, &why), RC_UNTRUSTED);
    assert_non_null(strstr(why.text, "another kind of key"));

    bytes_putc(&pem, '\n');
    closing(pubkey_unrefp) struct pubkey *padded = key_of(bytes_span(&pem), false);
    assert_int_equal(certificate_check_root(padded, "a/b", NOW, &why), RC_UNTRUSTED);
    assert_non_null(strstr(why.text, "as Notary writes"));
}

static void
test_takes_what_notary_made(void **state)
{
    closing(pubkey_unrefp) struct pubkey *key = key_of(span_of(notary_certificate), false);
    int64_t expires_at = 0;
    struct why why;

    (void)state;
    assert_int_equal(certificate_check_root(key, "localhost/acme/alpha", NOW, &why), RC_OK);
    assert_int_equal(certificate_check_root(key, "localhost/acme/beta", NOW, &why), RC_UNTRUSTED);
    assert_int_equal(certificate_expires_at(&expires_at, key, &why), RC_OK);
    assert_int_equal(expires_at, 2110801414); /* 2036-11-20T13:43:34Z */
}

/* Issue one with a software key in the place of a token. */
static struct pubkey *
issue(EVP_PKEY *evp, const char *name)
{
    closing(bytes_done) struct bytes signature = BYTES_INIT(1000), pem = BYTES_INIT(10000);
    closing(pubkey_unrefp) struct pubkey *key = softkey_pubkey(evp);
    closing(certificate_freep) struct certificate *c = NULL;
    bool rsa = EVP_PKEY_is_a(evp, "RSA");
    struct digest digest;
    struct why why;

    assert_int_equal(certificate_new(&c, key, name, NOW, 3650, &why), RC_OK);
    certificate_digest(&digest, c);
    softkey_sign_digest(&signature, evp, rsa ? VERIFY_RSAPKCS1V15 : VERIFY_ECDSA, &digest);
    assert_int_equal(certificate_finish(&pem, c, bytes_span(&signature), &why), RC_OK);
    return key_of(bytes_span(&pem), rsa);
}

static void
test_issues_certificates_as_notary_does(void **state)
{
    static const char *const kinds[] = {"P-256", "P-384", "P-521", "RSA-2048"};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(kinds); i++) {
        closing(EVP_PKEY_freep) EVP_PKEY *evp = softkey_new(kinds[i]);
        closing(pubkey_unrefp) struct pubkey *plain = softkey_pubkey(evp);
        closing(pubkey_unrefp) struct pubkey *key = issue(evp, LONG_NAME);
        X509 *x509 = pubkey_certificate(key, 0);
        int64_t expires_at = 0;
        struct why why;

        assert_int_equal(X509_verify(x509, evp), 1);
        assert_int_equal(certificate_check_root(key, LONG_NAME, NOW, &why), RC_OK);
        assert_true(keyid_eq(pubkey_canonical_id(key), pubkey_id(plain)));
        assert_int_equal(certificate_expires_at(&expires_at, key, &why), RC_OK);
        assert_int_equal(expires_at, NOW + 3650 * DAY);

        assert_int_equal(X509_get_version(x509), X509_VERSION_3);
        assert_int_equal(X509_NAME_cmp(X509_get_subject_name(x509), X509_get_issuer_name(x509)), 0);
        assert_int_equal(X509_get_ext_count(x509), 3);
        assert_int_equal(X509_get_key_usage(x509), KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT);
        assert_int_equal(X509_get_extended_key_usage(x509), XKU_CODE_SIGN);
        assert_true(X509_EXTENSION_get_critical(X509_get_ext(x509, 0)));
        assert_false(X509_EXTENSION_get_critical(X509_get_ext(x509, 1)));
        assert_true(X509_EXTENSION_get_critical(X509_get_ext(x509, 2)));
    }
}

static void
test_gives_every_certificate_its_own_serial(void **state)
{
    closing(EVP_PKEY_freep) EVP_PKEY *evp = softkey_new("P-256");
    closing(pubkey_unrefp) struct pubkey *a = issue(evp, "a/b"), *b = issue(evp, "a/b");

    (void)state;
    assert_int_not_equal(ASN1_INTEGER_cmp(X509_get0_serialNumber(pubkey_certificate(a, 0)),
                             X509_get0_serialNumber(pubkey_certificate(b, 0))),
        0);
    assert_false(keyid_eq(pubkey_id(a), pubkey_id(b)));
    assert_true(keyid_eq(pubkey_canonical_id(a), pubkey_canonical_id(b)));
}

static void
test_finishes_with_the_signature_of_its_key_only(void **state)
{
    closing(EVP_PKEY_freep) EVP_PKEY *evp = softkey_new("P-256"), *other = softkey_new("P-256");
    closing(bytes_done) struct bytes signature = BYTES_INIT(1000), pem = BYTES_INIT(10000);
    closing(pubkey_unrefp) struct pubkey *key = softkey_pubkey(evp);
    closing(certificate_freep) struct certificate *c = NULL;
    struct digest digest;
    struct why why;

    (void)state;
    assert_int_equal(certificate_new(&c, key, "a/b", NOW, 1, &why), RC_OK);
    certificate_digest(&digest, c);
    assert_int_equal(certificate_finish(&pem, c, SPAN(""), &why), RC_UNTRUSTED);
    softkey_sign_digest(&signature, other, VERIFY_ECDSA, &digest);
    assert_int_equal(certificate_finish(&pem, c, bytes_span(&signature), &why), RC_UNTRUSTED);
    assert_int_equal(pem.len, 0);

    bytes_clear(&signature);
    softkey_sign_digest(&signature, evp, VERIFY_ECDSA, &digest);
    assert_int_equal(certificate_finish(&pem, c, bytes_span(&signature), &why), RC_OK);
}

static void
test_refuses_to_issue_what_it_would_not_trust(void **state)
{
    closing(EVP_PKEY_freep) EVP_PKEY *evp = softkey_new("P-256"), *ed = softkey_new("ED25519");
    closing(pubkey_unrefp) struct pubkey *key = softkey_pubkey(evp), *ed_key = softkey_pubkey(ed);
    closing(pubkey_unrefp) struct pubkey *garbage = NULL;
    closing(certificate_freep) struct certificate *c = NULL;
    char name[REPOSITORY_MAX_BYTES + 2];
    struct why why;

    (void)state;
    memset(name, 'a', sizeof name);
    name[REPOSITORY_MAX_BYTES + 1] = 0;
    assert_int_equal(pubkey_new(&garbage, SPAN("ecdsa"), SPAN("x"), NULL), RC_OK);
    assert_int_equal(certificate_new(&c, ed_key, "a/b", NOW, 1, &why), RC_UNSUPPORTED);
    assert_int_equal(certificate_new(&c, garbage, "a/b", NOW, 1, &why), RC_UNSUPPORTED);
    assert_int_equal(certificate_new(&c, key, "", NOW, 1, &why), RC_MALFORMED);
    assert_int_equal(certificate_new(&c, key, "a/*", NOW, 1, &why), RC_MALFORMED);
    assert_int_equal(certificate_new(&c, key, "a\nb", NOW, 1, &why), RC_MALFORMED);
    assert_int_equal(certificate_new(&c, key, "a\xff", NOW, 1, &why), RC_MALFORMED);
    assert_int_equal(certificate_new(&c, key, name, NOW, 1, &why), RC_MALFORMED);
    assert_int_equal(certificate_new(&c, key, "a/b", NOW, 0, &why), RC_MALFORMED);
    assert_int_equal(
        certificate_new(&c, key, "a/b", NOW, CERTIFICATE_DAYS_MAX + 1, &why), RC_MALFORMED);
    assert_null(c);

    name[REPOSITORY_MAX_BYTES] = 0;
    assert_int_equal(certificate_new(&c, key, name, NOW, CERTIFICATE_DAYS_MAX, &why), RC_OK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_demands_every_rule),
        cmocka_unit_test(test_takes_prefixes_only_where_it_is_tolerant),
        cmocka_unit_test(test_takes_one_leaf_and_authorities_behind_it),
        cmocka_unit_test(test_refuses_keys_without_a_certificate),
        cmocka_unit_test(test_takes_what_notary_made),
        cmocka_unit_test(test_issues_certificates_as_notary_does),
        cmocka_unit_test(test_gives_every_certificate_its_own_serial),
        cmocka_unit_test(test_finishes_with_the_signature_of_its_key_only),
        cmocka_unit_test(test_refuses_to_issue_what_it_would_not_trust),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
