/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/algorithm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/param_build.h>

#include "tests/softkey.h"

static const struct {
    const char *kind;
    enum rc rc;
    enum algorithm_family family;
    const char *name;
} kinds[] = {
    {"P-224", RC_OK, ALGORITHM_ECDSA, "ec-p224"},
    {"P-256", RC_OK, ALGORITHM_ECDSA, "ec-p256"},
    {"P-384", RC_OK, ALGORITHM_ECDSA, "ec-p384"},
    {"P-521", RC_OK, ALGORITHM_ECDSA, "ec-p521"},
    {"RSA-2048", RC_OK, ALGORITHM_RSA, "rsa-2048"},
    {"ED25519", RC_OK, ALGORITHM_ED25519, "ed25519"},
    {"P-192", RC_UNSUPPORTED, ALGORITHM_NONE, "curve 'prime192v1'"},
    {"secp256k1", RC_UNSUPPORTED, ALGORITHM_NONE, "curve 'secp256k1'"},
    {"RSA-1024", RC_UNSUPPORTED, ALGORITHM_NONE, "RSA key of 1024 bits, want 2048"},
    {"X25519", RC_UNSUPPORTED, ALGORITHM_NONE, "kind 'X25519'"},
    {"ED448", RC_UNSUPPORTED, ALGORITHM_NONE, "kind 'ED448'"},
};

static void
test_takes_the_kinds_that_notary_takes(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(kinds); i++) {
        closing(EVP_PKEY_freep) EVP_PKEY *evp = softkey_new(kinds[i].kind);
        struct algorithm algorithm;
        struct why why;

        assert_int_equal(algorithm_of(&algorithm, evp, &why), kinds[i].rc);
        if (kinds[i].rc) {
            assert_non_null(strstr(why.text, kinds[i].name));
        } else {
            assert_int_equal(algorithm.family, kinds[i].family);
            assert_string_equal(algorithm.name, kinds[i].name);
        }
    }
}

/* An RSA public key of that many bits; nobody knows a private key for it. */
static EVP_PKEY *
rsa_of(int bits, uint64_t e)
{
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    BIGNUM *n = BN_new(), *exponent = BN_new();
    EVP_PKEY *evp = NULL;

    assert_true(BN_set_bit(n, bits - 1) && BN_set_bit(n, 0) && BN_set_word(exponent, e));
    assert_true(OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n));
    assert_true(OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, exponent));
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
    assert_true(EVP_PKEY_fromdata_init(ctx) > 0);
    assert_true(EVP_PKEY_fromdata(ctx, &evp, EVP_PKEY_PUBLIC_KEY, params) > 0);

    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(bld);
    EVP_PKEY_CTX_free(ctx);
    BN_free(n);
    BN_free(exponent);
    return evp;
}

static const struct {
    int bits;
    uint64_t e;
    enum rc rc;
} moduli[] = {
    {RSA_MIN_BITS, 65537, RC_OK},
    {RSA_MIN_BITS - 1, 65537, RC_UNSUPPORTED},
    {RSA_MAX_BITS, 65537, RC_OK},
    {RSA_MAX_BITS + 1, 65537, RC_UNSUPPORTED},
    {3072, 3, RC_OK},
    {3072, 1, RC_UNSUPPORTED},
    {3072, 4, RC_UNSUPPORTED},
    {3072, 2147483647, RC_OK},
    {3072, 2147483649, RC_UNSUPPORTED},
};

static void
test_bounds_modulus_and_exponent(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(moduli); i++) {
        closing(EVP_PKEY_freep) EVP_PKEY *evp = rsa_of(moduli[i].bits, moduli[i].e);
        struct algorithm algorithm;
        struct why why;

        assert_int_equal(algorithm_of(&algorithm, evp, &why), moduli[i].rc);
    }
}

static void
test_refuses_forms_of_ec_keys_that_go_cannot_read(void **state)
{
    struct algorithm algorithm;
    struct why why;

    (void)state;
    closing(EVP_PKEY_freep) EVP_PKEY *compressed = softkey_new("P-256");
    assert_true(EVP_PKEY_set_utf8_string_param(
        compressed, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed"));
    assert_int_equal(algorithm_of(&algorithm, compressed, &why), RC_UNSUPPORTED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_the_kinds_that_notary_takes),
        cmocka_unit_test(test_bounds_modulus_and_exponent),
        cmocka_unit_test(test_refuses_forms_of_ec_keys_that_go_cannot_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
