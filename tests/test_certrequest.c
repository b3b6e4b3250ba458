/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/certrequest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <openssl/pem.h>

#include "tests/softkey.h"

static enum verify_method
method_of(const struct pubkey *key)
{
    return verify_method_of(key) == VERIFY_RSAPSS ? VERIFY_RSAPKCS1V15 : verify_method_of(key);
}

static void
test_makes_requests_that_openssl_verifies(void **state)
{
    static const char *const kinds[] = {"P-256", "P-384", "P-521", "RSA-2048"};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(kinds); i++) {
        closing(EVP_PKEY_freep) EVP_PKEY *evp = softkey_new(kinds[i]);
        closing(pubkey_unrefp) struct pubkey *key = softkey_pubkey(evp);
        closing(certrequest_freep) struct certrequest *request = NULL;
        closing(bytes_done) struct bytes signature = BYTES_INIT(SIGNATURE_MAX_BYTES);
        closing(bytes_done) struct bytes pem = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);
        struct digest digest;
        char name[64];

        print_message("%s\n", kinds[i]);
        assert_int_equal(certrequest_new(&request, key, "QA team", NULL), RC_OK);
        digest_of(&digest, certrequest_message(request));
        softkey_sign_digest(&signature, evp, method_of(key), &digest);
        assert_int_equal(certrequest_finish(&pem, request, bytes_span(&signature), NULL), RC_OK);

        BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.len);
        X509_REQ *read = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
        assert_non_null(read);
        assert_int_equal(X509_REQ_verify(read, evp), 1);
        X509_NAME_get_text_by_NID(
            X509_REQ_get_subject_name(read), NID_commonName, name, sizeof name);
        assert_string_equal(name, "QA team");
        X509_REQ_free(read);
        BIO_free(bio);
    }
}

static void
test_refuses_the_signature_of_another_key_and_keys_that_sign_none(void **state)
{
    closing(EVP_PKEY_freep) EVP_PKEY *evp = softkey_new("P-256");
    closing(EVP_PKEY_freep) EVP_PKEY *other = softkey_new("P-256");
    closing(EVP_PKEY_freep) EVP_PKEY *ed25519 = softkey_new("ED25519");
    closing(pubkey_unrefp) struct pubkey *key = softkey_pubkey(evp);
    closing(pubkey_unrefp) struct pubkey *unfit = softkey_pubkey(ed25519);
    closing(certrequest_freep) struct certrequest *request = NULL;
    closing(bytes_done) struct bytes signature = BYTES_INIT(SIGNATURE_MAX_BYTES);
    closing(bytes_done) struct bytes pem = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);
    struct digest digest;

    (void)state;
    assert_int_equal(certrequest_new(&request, unfit, "x", NULL), RC_UNSUPPORTED);
    assert_int_equal(certrequest_new(&request, key, "", NULL), RC_MALFORMED);
    assert_int_equal(certrequest_new(&request, key, "a\nb", NULL), RC_MALFORMED);
    assert_null(request);
    assert_int_equal(certrequest_new(&request, key, "x", NULL), RC_OK);
    digest_of(&digest, certrequest_message(request));
    softkey_sign_digest(&signature, other, VERIFY_ECDSA, &digest);
    assert_int_equal(certrequest_finish(&pem, request, bytes_span(&signature), NULL), RC_UNTRUSTED);
    assert_int_equal(certrequest_finish(&pem, request, SPAN(""), NULL), RC_UNTRUSTED);
    assert_int_equal(pem.len, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_makes_requests_that_openssl_verifies),
        cmocka_unit_test(test_refuses_the_signature_of_another_key_and_keys_that_sign_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
