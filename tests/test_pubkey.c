/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/pubkey.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <openssl/core_names.h>

#include "proto/pem.h"
#include "tests/softkey.h"

/* Keys, certificates and IDs as notary 0.7.0 and OpenSSL made them. */
static const char root_certificate[] =
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

static const char releases_certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBejCCASGgAwIBAgIUN134GFkbkPtdRy81Wy9VfhSXBXwwCgYIKoZIzj0EAwIw\n"
    "EzERMA8GA1UEAwwIcmVsZWFzZXMwHhcNMjYxMTIzMTM0NDIyWhcNMzYxMTIwMTM0\n"
    "NDIyWjATMREwDwYDVQQDDAhyZWxlYXNlczBZMBMGByqGSM49AgEGCCqGSM49AwEH\n"
    "A0IABLONqnNGngj0VQbhCOsdzJn49II5renKlkUg3hrcNje+zcfCIFGmIWT+LyzR\n"
    "bfCsf/ZMDMfzslpQWYzOWWZqE7mjUzBRMB0GA1UdDgQWBBQv/XMXlRci7k9pzEKF\n"
    "df2tPhfzejAfBgNVHSMEGDAWgBQv/XMXlRci7k9pzEKFdf2tPhfzejAPBgNVHRMB\n"
    "Af8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCICmJMjeklRxqNu+gDh7ssBE5rlhV\n"
    "LABX1IQLkIdaeI9aAiBWyfj4o+sIniNuhV6kzH+mzUv8XY8ogFmkSzb8X1SkaA==\n"
    "-----END CERTIFICATE-----\n";

static const char qa_certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIC+zCCAeOgAwIBAgIULyMb549oYCqarPv6nx9fSk5JG38wDQYJKoZIhvcNAQEL\n"
    "BQAwDTELMAkGA1UEAwwCcWEwHhcNMjYxMTIzMTM0NDIyWhcNMzYxMTIwMTM0NDIy\n"
    "WjANMQswCQYDVQQDDAJxYTCCASIwDQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEB\n"
    "AN7cmI7fQYnsNoSSxPrpfcSc8wPBOJsQ3bzZffes3z115W39jSgkZdBoL9QZHRIZ\n"
    "2ohwwyztMMKCsuhdwh06EFiOByvk2m7Xfh+VReWlNj51sj3DBph62xFDctDHJM40\n"
    "hENdzxUxPG9S2Q/ogs3YyD5qBEk/yS6ixreSO4lm6VALs+0JuBUnTz9nOgMOpeXa\n"
    "8QmtH4BMnZqFwjZaK3Qgu4Sb+vr28BFHvWzkivJhRZrkD8quvBgUDBHJUAGTz9RH\n"
    "kl9T9AXk1MuhhPstnmxL9SdeviFFTIfkTGSwS48NdDKeQ6oifHf5ssj7jvaftf9+\n"
    "K6LfGXG3q2V9ujAj99hw/aUCAwEAAaNTMFEwHQYDVR0OBBYEFKHU1lmu3kPuJxYZ\n"
    "jk3WfZl5+fl9MB8GA1UdIwQYMBaAFKHU1lmu3kPuJxYZjk3WfZl5+fl9MA8GA1Ud\n"
    "EwEB/wQFMAMBAf8wDQYJKoZIhvcNAQELBQADggEBAHm4WB4MDtisxOmna+qkQylF\n"
    "dqOo+HmhvRM5dBy3b4celjatOtl/rsf+T1xWk24Z/YZwvXZ/wI+ITsgil6AODBp+\n"
    "FQ6akHb8UZw9r9XfK4G/C1X72mGTZC8L6JCt4X+h0nouAafQs5rTgIteOmJvJvF7\n"
    "FnwdrUD6MXriTna3w0jS5mofFinSv1lUbnlhBuVlZu3C4p0G6PXC5OI/V5wQFjyr\n"
    "b+HfhO4F6HPIREGxFycR11qDYvDhwmYjV1FBU17i66DRM8yB7Jznm1wc7oAfTrfR\n"
    "E0CnwAIcN8uWGnYx9XsYSbHwgUnWY2RwgYUBvMjOLZ6MRcJs2yoaFUF7892xZRE=\n"
    "-----END CERTIFICATE-----\n";

static const char ecdsa_base64[] =
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEcJ/H3OhEzNX9yzsSp9eozFGgm0E6AIG4"
    "suZKIT0HfE2ngrdAXOg+9tWDrr0fTeqgYKHpDk27JzrHEnPtperuLg==";
static const char ed25519_base64[] = "BXM7VvK5Bdxuvld6xzNT9Xk5WZh8W2a7yKcYy2nSmOI=";

static struct pubkey *
key_of(const char *keytype, struct span public_bytes)
{
    struct pubkey *key = NULL;
    struct why why;

    assert_int_equal(pubkey_new(&key, span_of(keytype), public_bytes, &why), RC_OK);
    return key;
}

static struct pubkey *
key_of_base64(const char *keytype, const char *base64)
{
    closing(bytes_done) struct bytes raw = BYTES_INIT(1000);

    assert_int_equal(base64_parse(&raw, span_of(base64), NULL), RC_OK);
    return key_of(keytype, bytes_span(&raw));
}

static void
assert_ids(const struct pubkey *key, const char *id, const char *canonical_id)
{
    assert_string_equal(pubkey_id(key)->hex, id);
    assert_string_equal(pubkey_canonical_id(key)->hex, canonical_id);
}

static void
test_computes_the_ids_that_notary_computes(void **state)
{
    (void)state;
    closing(pubkey_unrefp) struct pubkey *root = key_of("ecdsa-x509", span_of(root_certificate));
    assert_ids(root, "63adaa70b72434d23ac4129e00714338e777262a74d3d829609793b2130b900e",
        "81cae6d66bfce857bdcc7ee88f4d58320f58b3f4874970d02526aa015b7a3315");
    assert_string_equal(pubkey_algorithm(root), "ec-p256");

    closing(pubkey_unrefp) struct pubkey *qa = key_of("rsa-x509", span_of(qa_certificate));
    assert_ids(qa, "b447a140084bc7347691c5330052f446e13c3ec883092dd929b29b1f201da68b",
        "aea0735c3d96a9a5b554154283c2364d644185907c20c401f45d435a383e971e");
    assert_string_equal(pubkey_algorithm(qa), "rsa-2048");

    closing(pubkey_unrefp) struct pubkey *targets = key_of_base64("ecdsa", ecdsa_base64);
    assert_ids(targets, "5db7e63548587b28fb7e5935380d51f2344eee969e824935c7f408998a78d7d9",
        "5db7e63548587b28fb7e5935380d51f2344eee969e824935c7f408998a78d7d9");
    assert_non_null(pubkey_evp(targets));

    closing(pubkey_unrefp) struct pubkey *server = key_of_base64("ed25519", ed25519_base64);
    assert_ids(server, "5d792af028327246a75f64032214164e86f22567875dbb3888102e1cb6a987d2",
        "5d792af028327246a75f64032214164e86f22567875dbb3888102e1cb6a987d2");
    assert_string_equal(pubkey_algorithm(server), "ed25519");
}

static void
test_writes_the_canonical_key_object(void **state)
{
    closing(bytes_done) struct bytes out = BYTES_INIT(1000);

    (void)state;
    closing(pubkey_unrefp) struct pubkey *known = key_of_base64("ed25519", ed25519_base64);
    pubkey_format(&out, known);
    assert_string_equal(bytes_text(&out),
        "{\"keytype\":\"ed25519\",\"keyval\":{\"private\":null,\"public\":"
        "\"BXM7VvK5Bdxuvld6xzNT9Xk5WZh8W2a7yKcYy2nSmOI=\"}}");

    bytes_clear(&out);
    closing(pubkey_unrefp) struct pubkey *odd = key_of("a\"b\\c", SPAN(""));
    pubkey_format(&out, odd);
    assert_string_equal(bytes_text(&out),
        "{\"keytype\":\"a\\\"b\\\\c\",\"keyval\":{\"private\":null,\"public\":\"\"}}");
}

static void
test_takes_the_first_certificate_of_a_chain(void **state)
{
    closing(bytes_done) struct bytes chain = BYTES_INIT(10000);

    (void)state;
    bytes_puts(&chain, root_certificate);
    bytes_puts(&chain, releases_certificate);
    closing(pubkey_unrefp) struct pubkey *both = key_of("ecdsa-x509", bytes_span(&chain));
    closing(pubkey_unrefp) struct pubkey *one = key_of("ecdsa-x509", span_of(root_certificate));

    assert_true(keyid_eq(pubkey_canonical_id(both), pubkey_canonical_id(one)));
    assert_false(keyid_eq(pubkey_id(both), pubkey_id(one)));
    assert_true(span_eq(pubkey_spki(both), pubkey_spki(one)));
    assert_true(span_eq(pubkey_public(both), bytes_span(&chain)));
    assert_non_null(pubkey_certificate(both, 1));
    assert_null(pubkey_certificate(both, 2));
    assert_null(pubkey_certificate(both, SIZE_MAX));
}

/* Listable, but no key. */
static void
assert_is_no_key(const char *keytype, struct span public_bytes)
{
    closing(pubkey_unrefp) struct pubkey *key = key_of(keytype, public_bytes);

    assert_null(pubkey_evp(key));
    assert_int_equal(pubkey_spki(key).len, 0);
    assert_string_equal(pubkey_algorithm(key), "unknown");
    assert_true(span_is(pubkey_keytype(key), keytype));
    assert_true(span_eq(pubkey_public(key), public_bytes));
    assert_true(keyid_eq(pubkey_id(key), pubkey_canonical_id(key)));
}

static void
test_lists_garbage_without_a_key_in_it(void **state)
{
    closing(bytes_done) struct bytes der = BYTES_INIT(1000);
    static const uint8_t zeros[33];

    (void)state;
    assert_is_no_key("ecdsa", SPAN(""));
    assert_is_no_key("rsa", SPAN("garbage"));
    assert_is_no_key("ed25519", (struct span){zeros, 31});
    assert_is_no_key("ed25519", (struct span){zeros, 33});
    assert_is_no_key("ecdsa-x509", SPAN(""));
    assert_is_no_key("rsa-x509", SPAN("-----BEGIN CERTIFICATE-----\nQUFB\n"
                                      "-----END CERTIFICATE-----\n"));

    assert_int_equal(base64_parse(&der, span_of(ecdsa_base64), NULL), RC_OK);
    assert_is_no_key("rsa", bytes_span(&der));
    assert_is_no_key("ECDSA", bytes_span(&der));
    assert_is_no_key("dsa", bytes_span(&der));
    assert_is_no_key("", bytes_span(&der));
    assert_is_no_key("ed25519", bytes_span(&der));
    assert_is_no_key("ecdsa-x509", bytes_span(&der));
    assert_is_no_key("ecdsa", (struct span){der.p, der.len - 1});
    bytes_putc(&der, 0);
    assert_is_no_key("ecdsa", bytes_span(&der));
    assert_is_no_key("rsa-x509", span_of(root_certificate));
    assert_is_no_key("ecdsa-x509", span_of(qa_certificate));
    assert_is_no_key("ecdsa", span_of(root_certificate));
}

/* Go would find a key in each of these, perhaps not the one that we would find. */
static void
test_finds_no_key_in_pem_that_go_would_not_write(void **state)
{
    static const char *const befores[] = {"", "text\n", "\n", root_certificate};
    static const char *const afters[] = {"", "\n", "text", "-----BEGIN X-----\n-----END X-----\n"};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(befores); i++)
        for (size_t j = 0; j < N_ELEMENTS(afters); j++) {
            closing(bytes_done) struct bytes text = BYTES_INIT(10000);
            bytes_puts(&text, befores[i]);
            bytes_puts(&text, releases_certificate);
            bytes_puts(&text, afters[j]);

            bool is_exact = j == 0 && (i == 0 || i == 3);
            if (!is_exact)
                assert_is_no_key("ecdsa-x509", bytes_span(&text));
        }

    assert_is_no_key("ecdsa-x509", /* without the newline at its end */
        (struct span){(const uint8_t *)root_certificate, sizeof root_certificate - 2});
}

static void
test_refuses_what_is_over_a_bound(void **state)
{
    closing(bytes_done) struct bytes large = BYTES_INIT(PUBLIC_KEY_MAX_BYTES + 1);
    char keytype[KEYTYPE_MAX_BYTES + 2];
    struct pubkey *key = NULL;
    struct why why;

    (void)state;
    memset(keytype, 'a', sizeof keytype);
    keytype[KEYTYPE_MAX_BYTES + 1] = 0;
    assert_int_equal(pubkey_new(&key, span_of(keytype), SPAN("x"), &why), RC_TOO_LARGE);
    assert_null(key);
    keytype[KEYTYPE_MAX_BYTES] = 0;
    pubkey_unref(key_of(keytype, SPAN("x")));

    memset(bytes_room(&large, large.max), 'a', large.max);
    bytes_advance(&large, large.max);
    assert_int_equal(pubkey_new(&key, SPAN("rsa"), bytes_span(&large), &why), RC_TOO_LARGE);
    assert_null(key);
    assert_is_no_key("rsa-x509", (struct span){large.p, PUBLIC_KEY_MAX_BYTES});
}

static const struct {
    const char *kind, *keytype, *algorithm;
} plain[] = {
    {"P-224", "ecdsa", "ec-p224"},
    {"P-256", "ecdsa", "ec-p256"},
    {"P-384", "ecdsa", "ec-p384"},
    {"P-521", "ecdsa", "ec-p521"},
    {"RSA-2048", "rsa", "rsa-2048"},
    {"ED25519", "ed25519", "ed25519"},
};

static void
test_makes_plain_objects_of_spki(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(plain); i++) {
        closing(EVP_PKEY_freep) EVP_PKEY *evp = softkey_new(plain[i].kind);
        closing(bytes_done) struct bytes der = BYTES_INIT(1000), pem = BYTES_INIT(1000);
        closing(pubkey_unrefp) struct pubkey *key = softkey_pubkey(evp), *again = NULL;

        softkey_spki(&der, evp);
        assert_true(span_is(pubkey_keytype(key), plain[i].keytype));
        assert_string_equal(pubkey_algorithm(key), plain[i].algorithm);
        assert_true(span_eq(pubkey_spki(key), bytes_span(&der)));
        assert_false(pubkey_is_x509(key));
        assert_int_equal(EVP_PKEY_eq(pubkey_evp(key), evp), 1);

        pem_format(&pem, SPAN("PUBLIC KEY"), bytes_span(&der));
        assert_int_equal(pubkey_from_pem(&again, bytes_span(&pem), NULL), RC_OK);
        assert_true(keyid_eq(pubkey_id(again), pubkey_id(key)));
    }
}

static void
assert_spki_is(EVP_PKEY *evp, enum rc rc)
{
    closing(bytes_done) struct bytes der = BYTES_INIT(10000);
    struct pubkey *key = NULL;
    struct why why;

    softkey_spki(&der, evp);
    assert_int_equal(pubkey_from_spki(&key, bytes_span(&der), &why), rc);
    assert_null(key);
    if (EVP_PKEY_is_a(evp, "RSA"))
        assert_is_no_key("rsa", bytes_span(&der));
    else
        assert_is_no_key("ecdsa", bytes_span(&der));
}

static void
test_refuses_keys_that_notary_cannot_use(void **state)
{
    static const char *const kinds[] = {"secp256k1", "RSA-1024", "X25519", "ED448"};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(kinds); i++) {
        closing(EVP_PKEY_freep) EVP_PKEY *evp = softkey_new(kinds[i]);
        assert_spki_is(evp, RC_UNSUPPORTED);
    }

    closing(EVP_PKEY_freep) EVP_PKEY *compressed = softkey_new("P-256");
    EVP_PKEY_set_utf8_string_param(
        compressed, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed");
    assert_spki_is(compressed, RC_UNSUPPORTED);

    closing(EVP_PKEY_freep) EVP_PKEY *described = softkey_new("P-256");
    EVP_PKEY_set_utf8_string_param(described, OSSL_PKEY_PARAM_EC_ENCODING, "explicit");
    assert_spki_is(described, RC_UNSUPPORTED);
}

static void
test_refuses_spki_with_something_behind_it(void **state)
{
    closing(bytes_done) struct bytes der = BYTES_INIT(1000);
    struct pubkey *key = NULL;
    struct why why;

    (void)state;
    assert_int_equal(base64_parse(&der, span_of(ecdsa_base64), NULL), RC_OK);
    bytes_putc(&der, 0);
    assert_int_equal(pubkey_from_spki(&key, bytes_span(&der), &why), RC_MALFORMED);
    assert_int_equal(pubkey_from_spki(&key, SPAN(""), &why), RC_MALFORMED);
    assert_null(key);
}

static void
test_skips_the_headers_that_docker_writes(void **state)
{
    closing(bytes_done) struct bytes file = BYTES_INIT(1000);
    struct pubkey *key = NULL;

    (void)state;
    bytes_printf(&file,
        "-----BEGIN PUBLIC KEY-----\nrole: alice\n\n%.64s\n%s\n"
        "-----END PUBLIC KEY-----\n",
        ecdsa_base64, ecdsa_base64 + 64);
    assert_int_equal(pubkey_from_pem(&key, bytes_span(&file), NULL), RC_OK);
    assert_string_equal(
        pubkey_id(key)->hex, "5db7e63548587b28fb7e5935380d51f2344eee969e824935c7f408998a78d7d9");
    pubkey_unref(key);
}

static void
test_reencodes_certificates_of_files(void **state)
{
    closing(bytes_done) struct bytes file = BYTES_INIT(10000);
    struct pubkey *key = NULL;

    (void)state;
    bytes_puts(&file, "subject=CN = releases\r\n");
    bytes_put(&file, (struct span){(const uint8_t *)releases_certificate,
                         sizeof releases_certificate - 2}); /* without the last newline */
    bytes_puts(&file, "\r\n");
    bytes_puts(&file, root_certificate);
    assert_int_equal(pubkey_from_pem(&key, bytes_span(&file), NULL), RC_OK);
    assert_ids(key, "3f1248fb6b4b9af5e5ce2f3ea87f91b2fcd4b377735463c5bf3432fd19cb6532",
        "90533933e951cab6f86624759740aaff8c19b62d960d2fafa19b394eab27de74");
    assert_true(span_is(pubkey_public(key), releases_certificate));
    assert_true(pubkey_is_x509(key));
    assert_int_equal(pubkey_type(key), PUBKEY_ECDSA_X509);
    pubkey_unref(key);

    key = NULL;
    assert_int_equal(pubkey_from_pem(&key, span_of(qa_certificate), NULL), RC_OK);
    assert_string_equal(
        pubkey_id(key)->hex, "b447a140084bc7347691c5330052f446e13c3ec883092dd929b29b1f201da68b");
    pubkey_unref(key);
}

#define BLOCK(label) "-----BEGIN " label "-----\nQUFB\n-----END " label "-----\n"

static const struct {
    const char *text, *says;
} wrong_files[] = {
    {"", "no PEM in it"},
    {"garbage", "no PEM in it"},
    {BLOCK("PRIVATE KEY"), "this is a private key"},
    {BLOCK("EC PRIVATE KEY"), "this is a private key"},
    {BLOCK("ENCRYPTED PRIVATE KEY"), "this is a private key"},
    {BLOCK("OPENSSH PRIVATE KEY"), "this is a private key"},
    {BLOCK("CERTIFICATE") BLOCK("RSA PRIVATE KEY"), "this is a private key"},
    {BLOCK("CERTIFICATE REQUEST"), "this is a certificate signing request"},
    {BLOCK("NEW CERTIFICATE REQUEST"), "this is a certificate signing request"},
    {BLOCK("RSA PUBLIC KEY"), "this is a PEM block 'RSA PUBLIC KEY'"},
    {BLOCK("PUBLIC KEY") BLOCK("PUBLIC KEY"), "more than one key"},
    {BLOCK("PUBLIC KEY") BLOCK("CERTIFICATE"), "more than one key"},
    {BLOCK("CERTIFICATE") BLOCK("PUBLIC KEY"), "more than one key"},
    {BLOCK("PUBLIC KEY"), "not a public key"},
    {BLOCK("CERTIFICATE"), "not an X.509 certificate"},
    {BLOCK("CERTIFICATE") "-----BEGIN CERTIFICATE-----\n", "has no end"},
    {"-----BEGIN PUBLIC KEY-----\n*\n-----END PUBLIC KEY-----\n", "base64"},
};

static void
test_says_what_a_file_is_instead(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(wrong_files); i++) {
        struct pubkey *key = NULL;
        struct why why;

        assert_int_equal(pubkey_from_pem(&key, span_of(wrong_files[i].text), &why), RC_MALFORMED);
        assert_null(key);
        assert_non_null(strstr(why.text, wrong_files[i].says));
    }
}

/* A certificate for the key, signed by itself. */
static void
put_certificate(struct bytes *ret_pem, EVP_PKEY *evp)
{
    X509 *certificate = X509_new();
    uint8_t *der = NULL;

    assert_true(X509_gmtime_adj(X509_getm_notBefore(certificate), 0) != NULL);
    assert_true(X509_gmtime_adj(X509_getm_notAfter(certificate), 3600) != NULL);
    assert_int_equal(X509_set_pubkey(certificate, evp), 1);
    assert_true(X509_sign(certificate, evp, EVP_PKEY_is_a(evp, "ED25519") ? NULL : EVP_sha256()));
    int len = i2d_X509(certificate, &der);
    assert_true(len > 0);
    pem_format(ret_pem, SPAN("CERTIFICATE"), (struct span){der, (size_t)len});
    OPENSSL_free(der);
    X509_free(certificate);
}

static void
test_refuses_certificates_of_unusable_keys(void **state)
{
    static const char *const kinds[] = {"ED25519", "secp256k1", "RSA-1024"};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(kinds); i++) {
        closing(EVP_PKEY_freep) EVP_PKEY *evp = softkey_new(kinds[i]);
        closing(bytes_done) struct bytes pem = BYTES_INIT(10000);
        struct pubkey *key = NULL;
        struct why why;

        put_certificate(&pem, evp);
        assert_int_equal(pubkey_from_pem(&key, bytes_span(&pem), &why), RC_UNSUPPORTED);
        assert_null(key);
        assert_is_no_key("ecdsa-x509", bytes_span(&pem));
        assert_is_no_key("rsa-x509", bytes_span(&pem));
    }
}

static void
test_counts_references(void **state)
{
    (void)state;
    closing(pubkey_unrefp) struct pubkey *key = key_of_base64("ecdsa", ecdsa_base64);
    struct pubkey *second = pubkey_ref(key);

    assert_ptr_equal(second, key);
    pubkey_unref(second);
    assert_non_null(pubkey_evp(key));
    assert_null(pubkey_ref(NULL));
    pubkey_unref(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_computes_the_ids_that_notary_computes),
        cmocka_unit_test(test_writes_the_canonical_key_object),
        cmocka_unit_test(test_takes_the_first_certificate_of_a_chain),
        cmocka_unit_test(test_lists_garbage_without_a_key_in_it),
        cmocka_unit_test(test_finds_no_key_in_pem_that_go_would_not_write),
        cmocka_unit_test(test_refuses_what_is_over_a_bound),
        cmocka_unit_test(test_makes_plain_objects_of_spki),
        cmocka_unit_test(test_refuses_keys_that_notary_cannot_use),
        cmocka_unit_test(test_refuses_spki_with_something_behind_it),
        cmocka_unit_test(test_skips_the_headers_that_docker_writes),
        cmocka_unit_test(test_reencodes_certificates_of_files),
        cmocka_unit_test(test_says_what_a_file_is_instead),
        cmocka_unit_test(test_refuses_certificates_of_unusable_keys),
        cmocka_unit_test(test_counts_references),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
