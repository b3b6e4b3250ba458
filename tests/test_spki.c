/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/spki.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "proto/bounds.h"
#include "proto/pubkey.h"

static const char base_point[] =
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";

/* SEC 2 §2.4.2: the base point of P-256 is as good a public key as any. */
static struct span
point(uint8_t *ret, bool is_wrapped)
{
    size_t header = is_wrapped ? 2 : 0;

    ret[0] = 0x04;
    ret[1] = 65;
    assert_int_equal(hex_parse(ret + header, 65, span_of(base_point), NULL), RC_OK);
    return (struct span){ret, 65 + header};
}

static const uint8_t p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};

static void
test_takes_a_point_raw_or_in_an_octet_string(void **state)
{
    (void)state;
    for (int is_wrapped = 0; is_wrapped < 2; is_wrapped++) {
        closing(bytes_done) struct bytes b = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);
        closing(pubkey_unrefp) struct pubkey *key = NULL;
        uint8_t buffer[67];

        spki_put_ec(&b, (struct span){p256, sizeof p256}, point(buffer, is_wrapped));
        assert_int_equal(pubkey_from_spki(&key, bytes_span(&b), NULL), RC_OK);
        assert_string_equal(pubkey_algorithm(key), "ec-p256");
        assert_true(span_eq(pubkey_spki(key), bytes_span(&b)));
    }
}

static void
test_makes_no_key_of_what_is_none(void **state)
{
    static const struct {
        const char *says;
        size_t params_len, point_len;
    } cases[] = {
        {"no curve", 0, 67},
        {"half a curve", 5, 67},
        {"no point", sizeof p256, 0},
        {"one byte", sizeof p256, 1},
        {"a header alone", sizeof p256, 2},
        {"half a point", sizeof p256, 40},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(bytes_done) struct bytes b = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);
        struct pubkey *key = NULL;
        uint8_t buffer[67];

        print_message("%s\n", cases[i].says);
        point(buffer, true);
        spki_put_ec(&b, (struct span){p256, cases[i].params_len},
            (struct span){buffer, cases[i].point_len});
        assert_int_not_equal(pubkey_from_spki(&key, bytes_span(&b), NULL), RC_OK);
    }
}

/* Tokens pad numbers with zeros or not; DER wants them positive and minimal. */
static void
test_takes_rsa_numbers_with_or_without_leading_zeros(void **state)
{
    closing(pubkey_unrefp) struct pubkey *first = NULL;
    closing(pubkey_unrefp) struct pubkey *second = NULL;
    closing(bytes_done) struct bytes a = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);
    closing(bytes_done) struct bytes b = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);
    uint8_t modulus[2 + 256];

    (void)state;
    memset(modulus, 0xb5, sizeof modulus);
    modulus[0] = modulus[1] = 0;
    spki_put_rsa(&a, (struct span){modulus, sizeof modulus}, SPAN("\x00\x01\x00\x01"));
    spki_put_rsa(&b, (struct span){modulus + 2, sizeof modulus - 2}, SPAN("\x01\x00\x01"));
    assert_int_equal(pubkey_from_spki(&first, bytes_span(&a), NULL), RC_OK);
    assert_int_equal(pubkey_from_spki(&second, bytes_span(&b), NULL), RC_OK);
    assert_string_equal(pubkey_algorithm(first), "rsa-2048");
    assert_true(span_eq(bytes_span(&a), bytes_span(&b)));
    assert_true(span_eq(pubkey_spki(first), bytes_span(&a)));
}

/* SoftHSM gives the first pair for keys that it made, and the second for keys that were imported.
 */
static void
test_takes_both_spellings_of_ed25519(void **state)
{
    const struct {
        const char *says;
        struct span params, point;
        bool is_key;
    } cases[] = {
        {"a name, and a point in an OCTET STRING",
            SPAN("\x13\x0c"
                 "edwards25519"),
            SPAN("\x04\x20"
                 "a point has thirty-two bytes, so"),
            true},
        {"an OID, and a raw point", SPAN("\x06\x03\x2b\x65\x70"),
            SPAN("a point has thirty-two bytes, so"), true},
        {"Ed448", SPAN("\x06\x03\x2b\x65\x71"), SPAN("a point has thirty-two bytes, so"), false},
        {"a byte less", SPAN("\x06\x03\x2b\x65\x70"), SPAN("a point has thirty-two bytes, s"),
            false},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(bytes_done) struct bytes b = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);
        closing(pubkey_unrefp) struct pubkey *key = NULL;

        print_message("%s\n", cases[i].says);
        spki_put_ed25519(&b, cases[i].params, cases[i].point);
        if (!cases[i].is_key) {
            assert_int_equal(b.len, 0);
            continue;
        }
        assert_int_equal(pubkey_from_spki(&key, bytes_span(&b), NULL), RC_OK);
        assert_string_equal(pubkey_algorithm(key), "ed25519");
        assert_true(span_eq(pubkey_spki(key), bytes_span(&b)));
    }
}

static void
test_makes_nothing_of_what_is_no_certificate(void **state)
{
    closing(bytes_done) struct bytes b = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);

    (void)state;
    assert_int_not_equal(spki_put_certificate(&b, SPAN(""), NULL), RC_OK);
    assert_int_not_equal(spki_put_certificate(&b, SPAN("\x30\x03\x02\x01\x01"), NULL), RC_OK);
    assert_int_equal(b.len, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_a_point_raw_or_in_an_octet_string),
        cmocka_unit_test(test_makes_no_key_of_what_is_none),
        cmocka_unit_test(test_takes_rsa_numbers_with_or_without_leading_zeros),
        cmocka_unit_test(test_takes_both_spellings_of_ed25519),
        cmocka_unit_test(test_makes_nothing_of_what_is_no_certificate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
