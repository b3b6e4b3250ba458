/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/mechanism.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "agent/token/key.h"

static void
test_uses_the_best_mechanism_that_a_token_has(void **state)
{
    static const struct {
        const char *says;
        CK_KEY_TYPE key;
        enum verify_method method;
        CK_MECHANISM_TYPE offered[3], want;
    } cases[] = {
        {"the digest is enough", CKK_EC, VERIFY_ECDSA, {CKM_ECDSA_SHA256, CKM_ECDSA}, CKM_ECDSA},
        {"a token that hashes", CKK_EC, VERIFY_ECDSA, {CKM_ECDSA_SHA256, CKM_ECDSA_SHA384},
            CKM_ECDSA_SHA256},
        {"PSS", CKK_RSA, VERIFY_RSAPSS, {CKM_RSA_X_509, CKM_SHA256_RSA_PKCS_PSS, CKM_RSA_PKCS_PSS},
            CKM_RSA_PKCS_PSS},
        {"PSS by a token that hashes", CKK_RSA, VERIFY_RSAPSS,
            {CKM_RSA_X_509, CKM_SHA256_RSA_PKCS_PSS}, CKM_SHA256_RSA_PKCS_PSS},
        {"PSS by raw RSA", CKK_RSA, VERIFY_RSAPSS, {CKM_RSA_X_509, CKM_RSA_PKCS}, CKM_RSA_X_509},
        {"PKCS #1 1.5", CKK_RSA, VERIFY_RSAPKCS1V15, {CKM_SHA256_RSA_PKCS, CKM_RSA_PKCS},
            CKM_RSA_PKCS},
        {"Ed25519", CKK_EC_EDWARDS, VERIFY_EDDSA, {CKM_ECDSA, CKM_EDDSA}, CKM_EDDSA},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        unsigned offered = mechanisms_in(cases[i].offered, 3);
        print_message("%s\n", cases[i].says);
        const struct mechanism *found = mechanism_find(offered, cases[i].key, cases[i].method);
        assert_non_null(found);
        assert_int_equal(found->type, cases[i].want);
    }
}

static void
test_says_what_a_key_would_need(void **state)
{
    static const CK_MECHANISM_TYPE hashing[] = {CKM_SHA256_RSA_PKCS_PSS, CKM_RSA_PKCS};
    struct object key = {.type = CKK_RSA};
    struct key_methods can = {0};
    struct why why;

    (void)state;
    assert_int_equal(key_methods(&can, &key, mechanisms_in(hashing, 2), false, &why), RC_OK);
    assert_int_equal(can.methods, 1 << VERIFY_RSAPSS | 1 << VERIFY_RSAPKCS1V15);
    assert_int_equal(can.with_message, 1 << VERIFY_RSAPSS);

    key.type = CKK_EC;
    assert_int_equal(
        key_methods(&can, &key, mechanisms_in(hashing, 2), false, &why), RC_UNSUPPORTED);
    assert_string_equal(
        why.text, "the token offers no mechanism for it, want CKM_ECDSA or CKM_ECDSA_SHA256");
    key.type = CKK_DSA;
    assert_int_equal(key_methods(&can, &key, ~0U, false, &why), RC_UNSUPPORTED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uses_the_best_mechanism_that_a_token_has),
        cmocka_unit_test(test_says_what_a_key_would_need),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
