/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/derkey.h"

#include <openssl/core_names.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/softkey.h"

static const char *const kinds[] = {
    "P-224", "P-256", "P-384", "P-521", "ED25519", "RSA-2048", "secp256k1", "X25519"};

static void
test_reads_and_writes_what_openssl_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(kinds); i++) {
        closing(EVP_PKEY_freep) EVP_PKEY *evp = softkey_new(kinds[i]);
        closing(bytes_done) struct bytes der = BYTES_INIT(1000), again = BYTES_INIT(1000);

        print_message("%s\n", kinds[i]);
        softkey_spki(&der, evp);
        closing(EVP_PKEY_freep) EVP_PKEY *read = derkey_read(bytes_span(&der));
        assert_non_null(read);
        assert_int_equal(EVP_PKEY_eq(read, evp), 1);
        if (!strcmp(kinds[i], "X25519")) /* nothing that algorithm_of() takes */
            continue;

        derkey_put(&again, read);
        assert_true(span_eq(bytes_span(&again), bytes_span(&der)));
    }
}

static void
test_keeps_the_form_of_compressed_points(void **state)
{
    closing(EVP_PKEY_freep) EVP_PKEY *evp = softkey_new("P-256");
    closing(bytes_done) struct bytes der = BYTES_INIT(1000), again = BYTES_INIT(1000);

    (void)state;
    EVP_PKEY_set_utf8_string_param(evp, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed");
    softkey_spki(&der, evp);
    closing(EVP_PKEY_freep) EVP_PKEY *read = derkey_read(bytes_span(&der));
    assert_non_null(read);
    derkey_put(&again, read);
    assert_true(span_eq(bytes_span(&again), bytes_span(&der)));
}

/* Every bit matters: another header is no key, and another point is not on the curve. Only the byte
 * that says in which form the point comes has more than one value; see algorithm_of(). */
static void
test_refuses_a_key_with_one_bit_changed(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        closing(EVP_PKEY_freep) EVP_PKEY *evp = softkey_new(kinds[i]);
        closing(bytes_done) struct bytes der = BYTES_INIT(1000);

        softkey_spki(&der, evp);
        size_t form = der.len - 1 - 2 * (((size_t)EVP_PKEY_get_bits(evp) + 7) / 8);
        for (size_t bit = 0; bit < 8 * der.len; bit++) {
            if (bit / 8 == form)
                continue;

            der.p[bit / 8] = (uint8_t)(der.p[bit / 8] ^ 1 << bit % 8);
            closing(EVP_PKEY_freep) EVP_PKEY *read = derkey_read(bytes_span(&der));
            assert_null(read);
            der.p[bit / 8] = (uint8_t)(der.p[bit / 8] ^ 1 << bit % 8);
        }
    }
}

static void
test_refuses_another_length(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(kinds); i++) {
        closing(EVP_PKEY_freep) EVP_PKEY *evp = softkey_new(kinds[i]);
        closing(bytes_done) struct bytes der = BYTES_INIT(1000);

        softkey_spki(&der, evp);
        bytes_putc(&der, 0);
        assert_null(derkey_read(bytes_span(&der)));
        assert_null(derkey_read((struct span){der.p, der.len - 2}));
    }
    assert_null(derkey_read(SPAN("")));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_and_writes_what_openssl_does),
        cmocka_unit_test(test_keeps_the_form_of_compressed_points),
        cmocka_unit_test(test_refuses_a_key_with_one_bit_changed),
        cmocka_unit_test(test_refuses_another_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
