/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/privkey.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include "tests/softkey.h"
#include "tests/vector.h"

#define PASSPHRASE SPAN("correct-horse")

/* The text of a memory BIO, which ends. */
static void
take_text(struct bytes *ret, BIO *bio)
{
    char *p = NULL;

    long len = BIO_get_mem_data(bio, &p);
    assert_true(len > 0);
    bytes_put(ret, (struct span){(uint8_t *)p, (size_t)len});
    BIO_free(bio);
}

static void
put_pkcs8(struct bytes *ret, EVP_PKEY *evp)
{
    BIO *bio = BIO_new(BIO_s_mem());

    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, evp, NULL, NULL, 0, NULL, NULL), 1);
    take_text(ret, bio);
}

static void
put_traditional(struct bytes *ret, EVP_PKEY *evp, const EVP_CIPHER *cipher)
{
    BIO *bio = BIO_new(BIO_s_mem());
    struct span passphrase = PASSPHRASE;

    assert_int_equal(
        PEM_write_bio_PrivateKey_traditional(bio, evp, cipher, cipher ? passphrase.p : NULL,
            cipher ? (int)passphrase.len : 0, NULL, NULL),
        1);
    take_text(ret, bio);
}

static void
put_encrypted(struct bytes *ret, EVP_PKEY *evp, int prf, int n_iterations)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(evp);
    BIO *bio = BIO_new(BIO_s_mem());

    X509_ALGOR *algorithm = PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), n_iterations, NULL, 0, NULL, prf);
    assert_non_null(algorithm);
    X509_SIG *sig =
        PKCS8_set0_pbe((const char *)PASSPHRASE.p, (int)PASSPHRASE.len, info, algorithm);
    assert_non_null(sig);
    assert_int_equal(PEM_write_bio_PKCS8(bio, sig), 1);
    take_text(ret, bio);
    X509_SIG_free(sig);
    PKCS8_PRIV_KEY_INFO_free(info);
}

static enum rc
open_text(struct privkey **ret, struct span text, struct span passphrase, struct why *why)
{
    struct keyfile file;

    enum rc rc = keyfile_parse(&file, text, why);
    if (rc == RC_OK)
        rc = privkey_open(ret, &file, passphrase, why);
    return rc;
}

static void
assert_opens(const struct bytes *text, EVP_PKEY *evp)
{
    closing(pubkey_unrefp) struct pubkey *want = softkey_pubkey(evp);
    closing(privkey_freep) struct privkey *key = NULL;
    struct why why = {0};

    enum rc rc = open_text(&key, bytes_span(text), PASSPHRASE, &why);
    if (rc)
        print_message("%s\n", why.text);
    assert_int_equal(rc, RC_OK);
    assert_true(keyid_eq(pubkey_canonical_id(privkey_pubkey(key)), pubkey_canonical_id(want)));
}

static const char *const kinds[] = {"P-256", "P-384", "P-521", "RSA-2048", "ED25519"};

static void
test_reads_every_kind_of_key_in_every_form(void **state)
{
    static const int prfs[] = {NID_hmacWithSHA1, NID_hmacWithSHA224, NID_hmacWithSHA256,
        NID_hmacWithSHA384, NID_hmacWithSHA512, NID_hmacWithSHA512_256};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(kinds); i++) {
        closing(EVP_PKEY_freep) EVP_PKEY *evp = softkey_new(kinds[i]);
        closing(bytes_done) struct bytes text = BYTES_INIT(KEY_FILE_MAX_BYTES);

        print_message("%s\n", kinds[i]);
        put_pkcs8(&text, evp);
        assert_opens(&text, evp);
        for (size_t k = 0; k < N_ELEMENTS(prfs); k++) {
            bytes_clear(&text);
            put_encrypted(&text, evp, prfs[k], 2048);
            assert_opens(&text, evp);
        }
        if (!strcmp(kinds[i], "ED25519")) /* has no older form */
            continue;

        bytes_clear(&text);
        put_traditional(&text, evp, NULL);
        assert_opens(&text, evp);
        bytes_clear(&text);
        put_traditional(&text, evp, EVP_aes_128_cbc());
        assert_opens(&text, evp);
    }
}

static void
test_reads_what_notary_wrote(void **state)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(1024 * 1024);
    closing(privkey_freep) struct privkey *key = NULL;
    struct keyfile file;

    (void)state;
    vector_load(&text, "keyfiles/notary-delegation.key");
    assert_int_equal(keyfile_parse(&file, bytes_span(&text), NULL), RC_OK);
    assert_true(file.is_encrypted);
    assert_true(span_is(file.role, "targets/qa"));
    assert_int_equal(file.gun.len, 0);
    assert_int_equal(privkey_open(&key, &file, PASSPHRASE, NULL), RC_OK);
    assert_string_equal(pubkey_canonical_id(privkey_pubkey(key))->hex,
        "0fd9eb31aaab4426141cf3019ad2bd5ee7273c84ebcc92e8dc9896963e3eb7df");
}

/* Notary's Ed25519, in both of its forms: public key, seed, public key. */
static void
test_reads_ed25519_as_notary_wrote_it(void **state)
{
    static const uint8_t head[] = {0x30, 0x73, 0x02, 0x01, 0x00, 0x30, 0x0c, 0x06, 0x0a, 0x2b, 0x06,
        0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01, 0x00, 0x04, 0x60};
    closing(EVP_PKEY_freep) EVP_PKEY *evp = softkey_new("ED25519");
    uint8_t raw[96];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        size_t len = 32;
        assert_int_equal(i == 1 ? EVP_PKEY_get_raw_private_key(evp, raw + 32, &len)
                                : EVP_PKEY_get_raw_public_key(evp, raw + 32 * i, &len),
            1);
    }
    for (int is_damaged = 0; is_damaged < 2; is_damaged++) {
        closing(bytes_done) struct bytes old = BYTES_INIT(1000), pkcs8 = BYTES_INIT(1000);
        closing(bytes_done) struct bytes der = BYTES_INIT(1000);
        closing(privkey_freep) struct privkey *key = NULL;

        raw[0] ^= (uint8_t)is_damaged;
        pem_format(&old, SPAN("ED25519 PRIVATE KEY"), (struct span){raw, sizeof raw});
        /* SEQUENCE { 0, SEQUENCE { 1.3.6.1.4.1.11591.15.1 }, OCTET STRING } */
        bytes_put(&der, (struct span){head, 6});
        bytes_putc(&der, 0x0b);
        bytes_put(&der, (struct span){head + 7, 1});
        bytes_putc(&der, 0x09);
        bytes_put(&der, (struct span){head + 9, 9});
        bytes_put(&der, (struct span){head + 19, 2});
        bytes_put(&der, (struct span){raw, sizeof raw});
        der.p[1] = (uint8_t)(der.len - 2);
        pem_format(&pkcs8, SPAN("PRIVATE KEY"), bytes_span(&der));
        if (is_damaged) {
            assert_int_equal(open_text(&key, bytes_span(&old), SPAN(""), NULL), RC_MALFORMED);
            assert_int_equal(open_text(&key, bytes_span(&pkcs8), SPAN(""), NULL), RC_MALFORMED);
        } else {
            assert_opens(&old, evp);
            assert_opens(&pkcs8, evp);
        }
    }
}

static void
test_takes_a_key_apart(void **state)
{
    closing(EVP_PKEY_freep) EVP_PKEY *rsa = softkey_new("RSA-2048");
    closing(bytes_done) struct bytes text = BYTES_INIT(KEY_FILE_MAX_BYTES);
    closing(privkey_freep) struct privkey *key = NULL;
    uint8_t part[PRIVKEY_PART_BYTES];
    size_t len;

    (void)state;
    put_pkcs8(&text, rsa);
    assert_int_equal(open_text(&key, bytes_span(&text), SPAN(""), NULL), RC_OK);
    for (size_t i = PRIVKEY_MODULUS; i < PRIVKEY_PART_MAX_; i++) {
        assert_int_equal(privkey_get(part, &len, key, (enum privkey_part)i, NULL), RC_OK);
        assert_in_range(len, i == PRIVKEY_PUBLIC_EXPONENT ? 3 : 120, 256);
    }
    assert_int_equal(privkey_get(part, &len, key, PRIVKEY_VALUE, NULL), RC_UNSUPPORTED);
}

static void
test_refuses_files_that_hold_no_key_for_us(void **state)
{
    closing(EVP_PKEY_freep) EVP_PKEY *evp = softkey_new("P-256");
    closing(EVP_PKEY_freep) EVP_PKEY *small = softkey_new("RSA-1024");
    closing(EVP_PKEY_freep) EVP_PKEY *other = EVP_EC_gen("prime192v1");
    closing(EVP_PKEY_freep) EVP_PKEY *x25519 = softkey_new("X25519");
    closing(bytes_done) struct bytes good = BYTES_INIT(8000), encrypted = BYTES_INIT(8000),
                                     slow = BYTES_INIT(8000), two = BYTES_INIT(8000),
                                     weak = BYTES_INIT(8000), curve = BYTES_INIT(8000),
                                     agreement = BYTES_INIT(8000), large = BYTES_INIT(100000);
    uint8_t binary[256];

    (void)state;
    put_pkcs8(&good, evp);
    put_encrypted(&encrypted, evp, NID_hmacWithSHA256, 2048);
    put_encrypted(&slow, evp, NID_hmacWithSHA256, KEY_FILE_ITERATIONS_MAX + 1);
    put_pkcs8(&two, evp);
    put_pkcs8(&two, evp);
    put_pkcs8(&weak, small);
    put_pkcs8(&curve, other);
    put_pkcs8(&agreement, x25519);
    while (large.len <= KEY_FILE_MAX_BYTES)
        bytes_put(&large, bytes_span(&good));
    for (size_t i = 0; i < sizeof binary; i++)
        binary[i] = (uint8_t)i;

    const struct {
        const char *says;
        struct span text, passphrase;
        enum rc rc;
        const char *why;
    } cases[] = {
        {"nothing", SPAN(""), SPAN(""), RC_MALFORMED, "holds no private key in PEM"},
        {"binary", {binary, sizeof binary}, SPAN(""), RC_MALFORMED, "no private key in PEM"},
        {"cut off", {good.p, good.len - 30}, SPAN(""), RC_MALFORMED, "no end"},
        {"a line too few", SPAN("-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\n"),
            SPAN(""), RC_MALFORMED, "damaged"},
        {"no base64", SPAN("-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----\n"), SPAN(""),
            RC_MALFORMED, "base64"},
        {"a public key", SPAN("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"),
            SPAN(""), RC_MALFORMED, "holds a 'PUBLIC KEY'"},
        {"two keys", bytes_span(&two), SPAN(""), RC_MALFORMED, "holds 2 private keys"},
        {"DSA", SPAN("-----BEGIN DSA PRIVATE KEY-----\nAAAA\n-----END DSA PRIVATE KEY-----\n"),
            SPAN(""), RC_UNSUPPORTED, "holds a 'DSA PRIVATE KEY'"},
        {"RSA with 1024 bits", bytes_span(&weak), SPAN(""), RC_UNSUPPORTED, "1024 bits"},
        {"P-192", bytes_span(&curve), SPAN(""), RC_UNSUPPORTED, "curve"},
        {"X25519", bytes_span(&agreement), SPAN(""), RC_UNSUPPORTED, "X25519"},
        {"too much", bytes_span(&large), SPAN(""), RC_TOO_LARGE, "the limit is"},
        {"no passphrase", bytes_span(&encrypted), SPAN(""), RC_LOCKED, "is empty"},
        {"a wrong passphrase", bytes_span(&encrypted), SPAN("wrong"), RC_LOCKED, "is wrong"},
        {"many iterations", bytes_span(&slow), SPAN("correct-horse"), RC_TOO_LARGE, "iterations"},
    };

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(privkey_freep) struct privkey *key = NULL;
        struct why why = {0};

        print_message("%s\n", cases[i].says);
        assert_int_equal(open_text(&key, cases[i].text, cases[i].passphrase, &why), cases[i].rc);
        assert_null(key);
        print_message("    %s\n", why.text);
        assert_non_null(strstr(why.text, cases[i].why));
    }
}

/* Every changed byte: an answer, and never another key. */
static void
test_survives_damage(void **state)
{
    closing(EVP_PKEY_freep) EVP_PKEY *evp = softkey_new("P-256");
    closing(bytes_done) struct bytes text = BYTES_INIT(8000), der = BYTES_INIT(8000);
    struct pem_block block;

    (void)state;
    put_traditional(&text, evp, NULL);
    struct span rest = bytes_span(&text);
    assert_int_equal(pem_next(&block, &rest, NULL), RC_OK);
    assert_int_equal(pem_decode(&der, &block, NULL), RC_OK);
    for (size_t i = 0; i < der.len; i++) {
        closing(bytes_done) struct bytes damaged = BYTES_INIT(8000);
        closing(privkey_freep) struct privkey *key = NULL;

        der.p[i] ^= 0x01;
        pem_format(&damaged, SPAN("EC PRIVATE KEY"), bytes_span(&der));
        der.p[i] ^= 0x01;
        if (open_text(&key, bytes_span(&damaged), SPAN(""), NULL))
            continue;

        /* A version that OpenSSL does not look at */
        closing(pubkey_unrefp) struct pubkey *want = softkey_pubkey(evp);
        assert_true(keyid_eq(pubkey_canonical_id(privkey_pubkey(key)), pubkey_canonical_id(want)));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_every_kind_of_key_in_every_form),
        cmocka_unit_test(test_reads_what_notary_wrote),
        cmocka_unit_test(test_reads_ed25519_as_notary_wrote_it),
        cmocka_unit_test(test_takes_a_key_apart),
        cmocka_unit_test(test_refuses_files_that_hold_no_key_for_us),
        cmocka_unit_test(test_survives_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
