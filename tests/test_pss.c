/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/pss.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "proto/bounds.h"
#include "proto/verify.h"
#include "tests/softkey.h"

/* What a token with nothing but raw RSA does. */
static void
sign_raw(struct bytes *ret, EVP_PKEY *evp, struct span block)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(evp, NULL);
    uint8_t signature[SIGNATURE_MAX_BYTES];
    size_t len = sizeof signature;

    assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING), 1);
    assert_int_equal(EVP_PKEY_sign(ctx, signature, &len, block.p, block.len), 1);
    EVP_PKEY_CTX_free(ctx);
    bytes_put(ret, (struct span){signature, len});
}

/* Lengths around a byte: with 8n + 1 bits the block begins with a byte of zeros. */
static void
test_makes_blocks_that_verify_at_every_length(void **state)
{
    static const char *const kinds[] = {"RSA-2048", "RSA-2049", "RSA-2050", "RSA-2055", "RSA-3072"};
    uint8_t salt[PSS_SALT_BYTES];
    struct digest digest;

    (void)state;
    memset(salt, 0x5a, sizeof salt);
    digest_of(&digest, SPAN("message"));
    for (size_t i = 0; i < N_ELEMENTS(kinds); i++) {
        closing(EVP_PKEY_freep) EVP_PKEY *evp = softkey_new(kinds[i]);
        closing(pubkey_unrefp) struct pubkey *key = softkey_pubkey(evp);
        closing(bytes_done) struct bytes signature = BYTES_INIT(SIGNATURE_MAX_BYTES);
        uint8_t block[SIGNATURE_MAX_BYTES];
        size_t bits = (size_t)EVP_PKEY_get_bits(evp);

        print_message("%s\n", kinds[i]);
        memset(block, 0xff, sizeof block);
        pss_encode(block, bits, &digest, salt);
        sign_raw(&signature, evp, (struct span){block, (bits + 7) / 8});
        assert_int_equal(
            verify_digest(key, VERIFY_RSAPSS, &digest, bytes_span(&signature), NULL), RC_OK);

        digest.b[0] ^= 1;
        assert_int_equal(
            verify_digest(key, VERIFY_RSAPSS, &digest, bytes_span(&signature), NULL), RC_UNTRUSTED);
        digest.b[0] ^= 1;
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_makes_blocks_that_verify_at_every_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
