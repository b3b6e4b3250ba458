/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/hasher.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const char *
hex_of(struct hasher *hasher)
{
    static char hex[DIGEST_HEX_LEN + 1];
    struct digest digest;

    hasher_digest(&digest, hasher);
    digest_hex(hex, &digest);
    return hex;
}

/* FIPS 180-4, examples of NIST. */
#define OF_NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define OF_ABC     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void
test_gives_the_digest_of_pieces_and_goes_on(void **state)
{
    closing(hasher_freep) struct hasher *hasher = NULL;

    (void)state;
    assert_int_equal(hasher_new(&hasher, NULL), RC_OK);
    assert_string_equal(hex_of(hasher), OF_NOTHING);
    hasher_add(hasher, SPAN("a"));
    assert_string_not_equal(hex_of(hasher), OF_ABC);
    hasher_add(hasher, SPAN("bc"));
    assert_string_equal(hex_of(hasher), OF_ABC);
    hasher_reset(hasher);
    assert_string_equal(hex_of(hasher), OF_NOTHING);
}

static void
test_goes_back_to_where_a_copy_was_made(void **state)
{
    closing(hasher_freep) struct hasher *hasher = NULL;
    closing(hasher_freep) struct hasher *mark = NULL;

    (void)state;
    assert_int_equal(hasher_new(&hasher, NULL), RC_OK);
    assert_int_equal(hasher_new(&mark, NULL), RC_OK);
    hasher_add(hasher, SPAN("ab"));
    hasher_copy(mark, hasher);
    hasher_add(hasher, SPAN("x"));
    hasher_copy(hasher, mark);
    hasher_add(hasher, SPAN("c"));
    assert_string_equal(hex_of(hasher), OF_ABC);
}

static void
test_gives_the_long_digest_too(void **state)
{
    closing(hasher_freep) struct hasher *hasher = NULL;
    uint8_t digest[HASHER_LONG_BYTES];

    (void)state;
    assert_int_equal(hasher_new_long(&hasher, NULL), RC_OK);
    hasher_add(hasher, SPAN("ab"));
    hasher_add(hasher, SPAN("c"));
    hasher_digest_long(digest, hasher);
    assert_memory_equal(
        digest, "\xdd\xaf\x35\xa1\x93\x61\x7a\xba\xcc\x41\x73\x49\xae\x20\x41\x31", 16);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gives_the_digest_of_pieces_and_goes_on),
        cmocka_unit_test(test_goes_back_to_where_a_copy_was_made),
        cmocka_unit_test(test_gives_the_long_digest_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
