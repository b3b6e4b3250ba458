/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/verify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <openssl/pem.h>

#include "tests/softkey.h"

static const struct span message = {(const uint8_t *)"{\"_type\":\"Targets\"}", 19};

/* Public key and signature in hexadecimal, as an RFC prints them. */
static void
put_hex(struct bytes *ret, const char *hex)
{
    size_t len = strlen(hex) / 2;
    uint8_t *at = bytes_room(ret, len);

    assert_non_null(at);
    assert_int_equal(hex_parse(at, len, span_of(hex), NULL), RC_OK);
    bytes_advance(ret, len);
}

static void
test_agrees_with_rfc_6979(void **state)
{
    closing(bytes_done) struct bytes spki = BYTES_INIT(200), signature = BYTES_INIT(200);
    closing(pubkey_unrefp) struct pubkey *key = NULL;

    (void)state;
    put_hex(&spki, "3059301306072a8648ce3d020106082a8648ce3d03010703420004"
                   "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
                   "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299");
    put_hex(&signature, "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
                        "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8");
    assert_int_equal(pubkey_from_spki(&key, bytes_span(&spki), NULL), RC_OK);
    assert_int_equal(
        verify_message(key, VERIFY_ECDSA, SPAN("sample"), bytes_span(&signature), NULL), RC_OK);
    assert_int_equal(
        verify_message(key, VERIFY_ECDSA, SPAN("Sample"), bytes_span(&signature), NULL),
        RC_UNTRUSTED);
}

static void
test_agrees_with_rfc_8032(void **state)
{
    closing(bytes_done) struct bytes public_bytes = BYTES_INIT(200), signature = BYTES_INIT(200);
    closing(pubkey_unrefp) struct pubkey *key = NULL;

    (void)state;
    put_hex(&public_bytes, "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    put_hex(&signature, "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
    assert_int_equal(pubkey_new(&key, SPAN("ed25519"), bytes_span(&public_bytes), NULL), RC_OK);
    assert_int_equal(
        verify_message(key, VERIFY_EDDSA, SPAN("r"), bytes_span(&signature), NULL), RC_OK);
    assert_int_equal(
        verify_message(key, VERIFY_EDDSA, SPAN(""), bytes_span(&signature), NULL), RC_UNTRUSTED);
}

static const struct {
    const char *kind;
    enum verify_method method;
} suitable[] = {
    {"P-224", VERIFY_ECDSA},
    {"P-256", VERIFY_ECDSA},
    {"P-384", VERIFY_ECDSA},
    {"P-521", VERIFY_ECDSA},
    {"RSA-2048", VERIFY_RSAPSS},
    {"RSA-2048", VERIFY_RSAPKCS1V15},
    {"ED25519", VERIFY_EDDSA},
};

/* Every method is asked for; only the right one, with every byte in place, is OK. */
static void
assert_only_verifies(const struct pubkey *key, enum verify_method method, struct bytes *signature)
{
    struct span whole = bytes_span(signature);
    struct why why;

    for (int other = 0; other <= VERIFY_METHOD_MAX_; other++)
        assert_int_equal(verify_message(key, (enum verify_method)other, message, whole, &why),
            other == (int)method ? RC_OK : RC_UNTRUSTED);

    assert_int_equal(verify_message(key, method, SPAN("other"), whole, &why), RC_UNTRUSTED);
    assert_int_equal(verify_message(key, method, message, SPAN(""), &why), RC_UNTRUSTED);
    assert_int_equal(
        verify_message(key, method, message, (struct span){whole.p, whole.len - 1}, &why),
        RC_UNTRUSTED);

    bytes_putc(signature, 0);
    assert_int_equal(
        verify_message(key, method, message, bytes_span(signature), &why), RC_UNTRUSTED);
    signature->p[signature->len / 2] ^= 1;
    whole = (struct span){signature->p, signature->len - 1};
    assert_int_equal(verify_message(key, method, message, whole, &why), RC_UNTRUSTED);
    signature->p[signature->len / 2] ^= 1; /* after all these, the key verifies what is right */
    assert_int_equal(verify_message(key, method, message, whole, &why), RC_OK);
    memset(signature->p, 0, signature->len);
    assert_int_equal(verify_message(key, method, message, whole, &why), RC_UNTRUSTED);
}

static void
test_verifies_every_method_and_nothing_but_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(suitable); i++) {
        closing(EVP_PKEY_freep) EVP_PKEY *evp = softkey_new(suitable[i].kind);
        closing(pubkey_unrefp) struct pubkey *key = softkey_pubkey(evp);
        closing(bytes_done) struct bytes signature = BYTES_INIT(SIGNATURE_MAX_BYTES);

        softkey_sign(&signature, evp, suitable[i].method, message);
        assert_only_verifies(key, suitable[i].method, &signature);
    }
}

static void
test_verifies_over_a_digest(void **state)
{
    struct digest digest;
    struct why why;

    (void)state;
    digest_of(&digest, message);
    for (size_t i = 0; i < N_ELEMENTS(suitable); i++) {
        closing(EVP_PKEY_freep) EVP_PKEY *evp = softkey_new(suitable[i].kind);
        closing(pubkey_unrefp) struct pubkey *key = softkey_pubkey(evp);
        closing(bytes_done) struct bytes signature = BYTES_INIT(SIGNATURE_MAX_BYTES);

        softkey_sign(&signature, evp, suitable[i].method, message);
        assert_int_equal(
            verify_digest(key, suitable[i].method, &digest, bytes_span(&signature), &why),
            suitable[i].method == VERIFY_EDDSA ? RC_UNTRUSTED : RC_OK);
    }
}

static void
test_refuses_other_salts_and_digests(void **state)
{
    static const int salts[] = {0, 20, 31, 33, RSA_PSS_SALTLEN_MAX};
    closing(EVP_PKEY_freep) EVP_PKEY *rsa = softkey_new("RSA-2048");
    closing(pubkey_unrefp) struct pubkey *key = softkey_pubkey(rsa);
    closing(bytes_done) struct bytes signature = BYTES_INIT(SIGNATURE_MAX_BYTES);
    struct why why;

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(salts); i++) {
        bytes_clear(&signature);
        softkey_sign_with(&signature, rsa, VERIFY_RSAPSS, message, EVP_sha256(), salts[i]);
        assert_int_equal(verify_message(key, VERIFY_RSAPSS, message, bytes_span(&signature), &why),
            RC_UNTRUSTED);
    }

    bytes_clear(&signature);
    softkey_sign_with(&signature, rsa, VERIFY_RSAPSS, message, EVP_sha512(), 32);
    assert_int_equal(
        verify_message(key, VERIFY_RSAPSS, message, bytes_span(&signature), &why), RC_UNTRUSTED);

    closing(EVP_PKEY_freep) EVP_PKEY *ec = softkey_new("P-384");
    closing(pubkey_unrefp) struct pubkey *ec_key = softkey_pubkey(ec);
    bytes_clear(&signature);
    softkey_sign_with(&signature, ec, VERIFY_ECDSA, message, EVP_sha384(), 0);
    assert_int_equal(
        verify_message(ec_key, VERIFY_ECDSA, message, bytes_span(&signature), &why), RC_UNTRUSTED);
}

static void
test_refuses_ecdsa_in_der(void **state)
{
    closing(EVP_PKEY_freep) EVP_PKEY *evp = softkey_new("P-256");
    closing(pubkey_unrefp) struct pubkey *key = softkey_pubkey(evp);
    closing(bytes_done) struct bytes raw = BYTES_INIT(200), der = BYTES_INIT(200);
    struct why why;

    (void)state;
    softkey_sign(&raw, evp, VERIFY_ECDSA, message);
    assert_int_equal(verify_ecdsa_der(&der, bytes_span(&raw), &why), RC_OK);
    assert_int_equal(
        verify_message(key, VERIFY_ECDSA, message, bytes_span(&der), &why), RC_UNTRUSTED);
}

static void
test_converts_ecdsa_to_der(void **state)
{
    static const uint8_t raw[] = {0, 0x80, 0, 1};
    static const uint8_t want[] = {0x30, 7, 2, 2, 0, 0x80, 2, 1, 1};
    closing(bytes_done) struct bytes der = BYTES_INIT(200);
    struct why why;

    (void)state;
    assert_int_equal(verify_ecdsa_der(&der, (struct span){raw, sizeof raw}, &why), RC_OK);
    assert_true(span_eq(bytes_span(&der), (struct span){want, sizeof want}));
    assert_int_equal(verify_ecdsa_der(&der, (struct span){raw, 3}, &why), RC_MALFORMED);
    assert_int_equal(verify_ecdsa_der(&der, (struct span){raw, 0}, &why), RC_MALFORMED);
}

static void
test_trusts_no_key_object_without_a_key(void **state)
{
    closing(pubkey_unrefp) struct pubkey *key = NULL;
    struct why why;

    (void)state;
    assert_int_equal(pubkey_new(&key, SPAN("ecdsa"), SPAN("garbage"), NULL), RC_OK);
    for (int method = 0; method <= VERIFY_METHOD_MAX_; method++)
        assert_int_equal(
            verify_message(key, (enum verify_method)method, message, SPAN("signature"), &why),
            RC_UNTRUSTED);
}

static void
test_names_methods_as_metadata_does(void **state)
{
    (void)state;
    assert_int_equal(verify_method_find(SPAN("ecdsa")), VERIFY_ECDSA);
    assert_int_equal(verify_method_find(SPAN("RSAPSS")), VERIFY_RSAPSS);
    assert_int_equal(verify_method_find(SPAN("rsaPKCS1v15")), VERIFY_RSAPKCS1V15);
    assert_int_equal(verify_method_find(SPAN("EdDSA")), VERIFY_EDDSA);
    assert_int_equal(verify_method_find(SPAN("ecdsa ")), VERIFY_METHOD_MAX_);
    assert_int_equal(verify_method_find(SPAN("ecds")), VERIFY_METHOD_MAX_);
    assert_int_equal(verify_method_find(SPAN("")), VERIFY_METHOD_MAX_);
    assert_string_equal(verify_method_name(VERIFY_RSAPKCS1V15), "rsapkcs1v15");
    assert_string_equal(verify_method_name(VERIFY_METHOD_MAX_), "unknown");
}

static void
test_chooses_the_method_of_a_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(suitable); i++) {
        closing(EVP_PKEY_freep) EVP_PKEY *evp = softkey_new(suitable[i].kind);
        closing(pubkey_unrefp) struct pubkey *key = softkey_pubkey(evp);

        enum verify_method want = suitable[i].method;
        assert_int_equal(verify_method_of(key), want == VERIFY_RSAPKCS1V15 ? VERIFY_RSAPSS : want);
    }

    closing(pubkey_unrefp) struct pubkey *unknown = NULL;
    assert_int_equal(pubkey_new(&unknown, SPAN("gost"), SPAN(""), NULL), RC_OK);
    assert_int_equal(verify_method_of(unknown), VERIFY_METHOD_MAX_);
}

/* Three keys; b is there a second time, as the certificate of the same key. */
enum { A, B, B_X509, C, N_KEYS };

struct fixture {
    EVP_PKEY *evp[N_KEYS];
    struct pubkey *keys[N_KEYS];
    struct verify_signature signatures[N_KEYS];
    struct bytes raw[N_KEYS];
};

static struct pubkey *
certificate_of(EVP_PKEY *evp)
{
    X509 *certificate = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());
    struct pubkey *key = NULL;
    char *pem = NULL;

    assert_int_equal(X509_set_pubkey(certificate, evp), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    assert_true(X509_sign(certificate, evp, EVP_sha256()));
    assert_int_equal(PEM_write_bio_X509(bio, certificate), 1);
    size_t len = (size_t)BIO_get_mem_data(bio, &pem);
    assert_int_equal(
        pubkey_new(&key, SPAN("ecdsa-x509"), (struct span){(uint8_t *)pem, len}, NULL), RC_OK);
    BIO_free(bio);
    X509_free(certificate);
    return key;
}

static int
set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    for (int i = 0; i < N_KEYS; i++) {
        if (i == B_X509)
            EVP_PKEY_up_ref(f->evp[B]);
        f->evp[i] = i == B_X509 ? f->evp[B] : softkey_new("P-256");
        f->keys[i] = i == B_X509 ? certificate_of(f->evp[i]) : softkey_pubkey(f->evp[i]);
        f->raw[i] = BYTES_INIT(100);
        softkey_sign(&f->raw[i], f->evp[i], VERIFY_ECDSA, message);
        f->signatures[i] =
            (struct verify_signature){*pubkey_id(f->keys[i]), VERIFY_ECDSA, bytes_span(&f->raw[i])};
    }

    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < N_KEYS; i++) {
        pubkey_unref(f->keys[i]);
        EVP_PKEY_free(f->evp[i]);
        bytes_done(&f->raw[i]);
    }
    free(f);
    return 0;
}

/* keys and signatures: letters of which ones, 'a' 'b' 'x' 'c'; upper case: damaged. */
static const struct {
    const char *keys;
    int64_t threshold;
    const char *signatures;
    enum rc rc;
} ballots[] = {
    {"a", 1, "a", RC_OK},
    {"abc", 1, "c", RC_OK},
    {"abc", 2, "ca", RC_OK},
    {"abc", 3, "cab", RC_OK},
    {"abc", 2, "a", RC_UNTRUSTED},
    {"abc", 2, "aa", RC_UNTRUSTED},
    {"abc", 2, "aaaAbB", RC_OK},
    {"abc", 1, "A", RC_UNTRUSTED},
    {"abc", 1, "Aa", RC_OK},
    {"abc", 2, "Aab", RC_OK},
    {"ab", 1, "c", RC_UNTRUSTED},
    {"ab", 1, "ca", RC_OK},
    {"ab", 1, "", RC_UNTRUSTED},
    {"", 1, "a", RC_UNTRUSTED},
    {"a", 0, "a", RC_UNTRUSTED},
    {"a", -1, "a", RC_UNTRUSTED},
    {"", 0, "", RC_UNTRUSTED},
    {"a", INT64_MAX, "a", RC_UNTRUSTED},
    {"aa", 2, "a", RC_UNTRUSTED},
    {"bx", 2, "bx", RC_UNTRUSTED},
    {"bx", 1, "bx", RC_OK},
    {"bx", 1, "x", RC_OK},
    {"x", 1, "x", RC_OK},
    {"x", 1, "b", RC_UNTRUSTED}, /* signed under the other ID */
    {"bxa", 2, "xa", RC_OK},
    {"bxa", 2, "Bxa", RC_OK},
    {"bxa", 3, "bxa", RC_UNTRUSTED},
};

static size_t
index_of(char letter)
{
    static const char letters[] = "abxc";

    return (size_t)(strchr(letters, letter | 0x20) - letters);
}

static void
test_counts_distinct_keys(void **state)
{
    const struct fixture *f = *state;
    static const uint8_t damaged[64] = {1};

    for (size_t i = 0; i < N_ELEMENTS(ballots); i++) {
        struct pubkey *keys[8];
        struct verify_signature signatures[8];
        size_t n_keys = strlen(ballots[i].keys), n_signatures = strlen(ballots[i].signatures);
        struct why why;

        for (size_t k = 0; k < n_keys; k++)
            keys[k] = f->keys[index_of(ballots[i].keys[k])];
        for (size_t k = 0; k < n_signatures; k++) {
            char letter = ballots[i].signatures[k];
            signatures[k] = f->signatures[index_of(letter)];
            if (letter < 'a')
                signatures[k].signature = (struct span){damaged, sizeof damaged};
        }

        assert_int_equal(verify_threshold(keys, n_keys, ballots[i].threshold, signatures,
                             n_signatures, message, &why),
            ballots[i].rc);
    }
}

/* Three must sign; letters as above. */
static const struct {
    const char *keys, *signatures, *says;
} reasons[] = {
    {"abc", "ab", "signed by 2 of 3 keys, the threshold is 3: no signature by key '"},
    {"abc", "abC", "is not over these bytes"},
    {"abc", "abcC", NULL},
    {"abx", "abx", "signed by 2 of 3 keys, the threshold is 3: '"},
    {"abx", "abx", "' are one key"},
    {"ab", "ab", "signed by 2 of 2 keys, the threshold is 3: there are no more keys"},
};

static void
test_says_how_many_signed_and_why_no_more(void **state)
{
    const struct fixture *f = *state;
    static const uint8_t damaged[64] = {1};

    for (size_t i = 0; i < N_ELEMENTS(reasons); i++) {
        struct pubkey *keys[3];
        struct verify_signature signatures[4];
        size_t n_keys = strlen(reasons[i].keys), n_signatures = strlen(reasons[i].signatures);
        struct why why = {0};

        for (size_t k = 0; k < n_keys; k++)
            keys[k] = f->keys[index_of(reasons[i].keys[k])];
        for (size_t k = 0; k < n_signatures; k++) {
            char letter = reasons[i].signatures[k];
            signatures[k] = f->signatures[index_of(letter)];
            if (letter < 'a')
                signatures[k].signature = (struct span){damaged, sizeof damaged};
        }

        enum rc rc = verify_threshold(keys, n_keys, 3, signatures, n_signatures, message, &why);
        assert_int_equal(rc, reasons[i].says ? RC_UNTRUSTED : RC_OK);
        if (!strstr(why.text, reasons[i].says ? reasons[i].says : ""))
            fail_msg("'%s', want '%s'", why.text, reasons[i].says);
    }
}

static void
test_counts_ed25519_too(void **state)
{
    closing(EVP_PKEY_freep) EVP_PKEY *evp = softkey_new("ED25519");
    closing(pubkey_unrefp) struct pubkey *key = softkey_pubkey(evp);
    closing(bytes_done) struct bytes raw = BYTES_INIT(100);
    struct why why;

    (void)state;
    softkey_sign(&raw, evp, VERIFY_EDDSA, message);
    struct verify_signature signature = {*pubkey_id(key), VERIFY_EDDSA, bytes_span(&raw)};
    assert_int_equal(verify_threshold(&key, 1, 1, &signature, 1, message, &why), RC_OK);
    assert_int_equal(
        verify_threshold(&key, 1, 1, &signature, 1, SPAN("other"), &why), RC_UNTRUSTED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agrees_with_rfc_6979),
        cmocka_unit_test(test_agrees_with_rfc_8032),
        cmocka_unit_test(test_verifies_every_method_and_nothing_but_it),
        cmocka_unit_test(test_verifies_over_a_digest),
        cmocka_unit_test(test_refuses_other_salts_and_digests),
        cmocka_unit_test(test_refuses_ecdsa_in_der),
        cmocka_unit_test(test_converts_ecdsa_to_der),
        cmocka_unit_test(test_trusts_no_key_object_without_a_key),
        cmocka_unit_test(test_names_methods_as_metadata_does),
        cmocka_unit_test(test_chooses_the_method_of_a_key),
        cmocka_unit_test_setup_teardown(test_counts_distinct_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_says_how_many_signed_and_why_no_more, set_up, tear_down),
        cmocka_unit_test(test_counts_ed25519_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
