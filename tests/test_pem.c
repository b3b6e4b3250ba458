/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/pem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static void
test_reads_blocks_and_skips_what_is_between(void **state)
{
    closing(bytes_done) struct bytes der = BYTES_INIT(100);
    struct span rest = SPAN("subject=CN = qa\n"
                            "-----BEGIN A-----\nQUFB\nQkJC\n-----END A-----\n"
                            "text\r\n"
                            "-----BEGIN B C-----\r\nQ0M=\r\n-----END B C-----");
    struct pem_block block;
    struct why why;

    (void)state;
    assert_int_equal(pem_next(&block, &rest, &why), RC_OK);
    assert_true(span_is(block.label, "A"));
    assert_int_equal(pem_decode(&der, &block, &why), RC_OK);
    assert_string_equal(bytes_text(&der), "AAABBB");

    bytes_clear(&der);
    assert_int_equal(pem_next(&block, &rest, &why), RC_OK);
    assert_true(span_is(block.label, "B C"));
    assert_int_equal(pem_decode(&der, &block, &why), RC_OK);
    assert_string_equal(bytes_text(&der), "CC");

    assert_int_equal(pem_next(&block, &rest, &why), RC_NOT_FOUND);
}

static void
test_skips_header_lines(void **state)
{
    closing(bytes_done) struct bytes der = BYTES_INIT(100);
    struct span rest = SPAN("-----BEGIN PUBLIC KEY-----\nrole: alice\ngun: a/b\n\nQUFB\n"
                            "-----END PUBLIC KEY-----\n");
    struct pem_block block;
    struct why why;

    (void)state;
    assert_int_equal(pem_next(&block, &rest, &why), RC_OK);
    assert_int_equal(pem_decode(&der, &block, &why), RC_OK);
    assert_string_equal(bytes_text(&der), "AAA");
}

static const struct {
    const char *text;
    enum rc rc;
} broken[] = {
    {"", RC_NOT_FOUND},
    {"-----BEGIN A----", RC_NOT_FOUND},
    {"-----BEGIN -----", RC_MALFORMED},
    {" -----BEGIN A-----\n-----END A-----\n", RC_NOT_FOUND},
    {"-----BEGIN A-----", RC_MALFORMED},
    {"-----BEGIN A-----\nQUFB\n", RC_MALFORMED},
    {"-----BEGIN A-----\nQUFB\n-----END B-----\n", RC_MALFORMED},
    {"-----BEGIN A-----\nQUFB\n-----END A---\n", RC_MALFORMED},
    {"-----BEGIN A-----\nQUFB\n-----BEGIN B-----\nQUFB\n-----END B-----\n", RC_MALFORMED},
    {"-----BEGIN A-----\nrole: alice\nQUFB\n-----END A-----\n", RC_MALFORMED},
};

static void
test_refuses_blocks_without_a_proper_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(broken); i++) {
        struct span rest = span_of(broken[i].text);
        struct pem_block block = {0};
        struct why why;

        assert_int_equal(pem_next(&block, &rest, &why), broken[i].rc);
        assert_null(block.label.p);
        assert_true(span_is(rest, broken[i].text));
    }
}

static void
test_refuses_what_is_not_base64(void **state)
{
    static const char *const bodies[] = {"QUF", "QU=B", "QU B", "QUFB=", "QUFB\nx", "Q\xc3\xa9=="};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(bodies); i++) {
        closing(bytes_done) struct bytes der = BYTES_INIT(100);
        struct pem_block block = {SPAN("A"), span_of(bodies[i])};
        struct why why;

        assert_int_equal(pem_decode(&der, &block, &why), RC_MALFORMED);
        assert_non_null(strstr(why.text, "PEM block 'A'"));
    }
}

static void
test_stops_at_the_maximum_of_the_buffer(void **state)
{
    struct pem_block block = {SPAN("A"), SPAN("QUFBQUFB\n")};
    closing(bytes_done) struct bytes enough = BYTES_INIT(6), little = BYTES_INIT(5);
    struct why why;

    (void)state;
    assert_int_equal(pem_decode(&enough, &block, &why), RC_OK);
    assert_int_equal(pem_decode(&little, &block, &why), RC_TOO_LARGE);
}

static void
test_writes_as_go_does(void **state)
{
    closing(bytes_done) struct bytes out = BYTES_INIT(1000);
    uint8_t data[49];

    (void)state;
    memset(data, 'A', sizeof data);
    pem_format(&out, SPAN("X Y"), (struct span){data, 48});
    assert_string_equal(bytes_text(&out),
        "-----BEGIN X Y-----\n"
        "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB\n"
        "-----END X Y-----\n");

    bytes_clear(&out);
    pem_format(&out, SPAN("X"), (struct span){data, 49});
    assert_string_equal(bytes_text(&out),
        "-----BEGIN X-----\n"
        "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB\n"
        "QQ==\n"
        "-----END X-----\n");

    bytes_clear(&out);
    pem_format(&out, SPAN("X"), (struct span){0});
    assert_string_equal(bytes_text(&out), "-----BEGIN X-----\n-----END X-----\n");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_blocks_and_skips_what_is_between),
        cmocka_unit_test(test_skips_header_lines),
        cmocka_unit_test(test_refuses_blocks_without_a_proper_end),
        cmocka_unit_test(test_refuses_what_is_not_base64),
        cmocka_unit_test(test_stops_at_the_maximum_of_the_buffer),
        cmocka_unit_test(test_writes_as_go_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
