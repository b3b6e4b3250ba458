/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/utc.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void
test_reads_what_go_writes(void **state)
{
    static const struct {
        const char *text;
        int64_t at;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1969-12-31T23:59:59Z", -1},
        {"2029-11-22T13:44:54Z", 1890049494},
        {"2029-11-22T13:44:54.648556895Z", 1890049494},
        {"2029-11-22T13:44:54.6Z", 1890049494},
        {"2029-11-22T13:44:54.000000001Z", 1890049494},
        {"2029-11-22T15:44:54+02:00", 1890049494},
        {"2029-11-22T10:14:54.5-03:30", 1890049494},
        {"2029-11-22T14:43:54+00:59", 1890049494},
        {"2029-11-23T13:43:54+23:59", 1890049494},
        {"2024-02-29T00:00:00Z", 1709164800},
        {"2000-02-29T00:00:00Z", 951782400},
        {"0000-01-01T00:00:00Z", -62167219200},
        {"0000-01-01T00:00:00+23:00", -62167219200 - 23 * 3600},
        {"9999-12-31T23:59:59Z", 253402300799},
        {"9999-12-31T23:59:59-23:59", 253402300799 + 23 * 3600 + 59 * 60},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct why why = {0};
        int64_t at = 1;

        enum rc rc = utc_parse(&at, span_of(rows[i].text), &why);
        if (rc || at != rows[i].at)
            fail_msg("%s: %d, %" PRId64 " %s", rows[i].text, rc, at, why.text);
    }
}

static void
test_refuses_what_go_would_write_otherwise(void **state)
{
    static const char *const rows[] = {
        "",
        "2029",
        "2029-11-22",
        "2029-11-22T13:44:54",
        "2029-11-22T13:44:54z",
        "2029-11-22t13:44:54Z",
        "2029-11-22 13:44:54Z",
        "2029-11-22T13:44Z",
        "2029-11-22T13:44:54ZZ",
        " 2029-11-22T13:44:54Z",
        "2029-11-22T13:44:54Z ",
        "+029-11-22T13:44:54Z",
        "02029-11-22T13:44:54Z",
        "2029-1-22T13:44:54Z",
        "2029-00-22T13:44:54Z",
        "2029-13-22T13:44:54Z",
        "2029-11-00T13:44:54Z",
        "2029-11-31T13:44:54Z",
        "2029-02-29T13:44:54Z",
        "1900-02-29T13:44:54Z",
        "2029-11-22T24:00:00Z",
        "2029-11-22T13:60:54Z",
        "2029-11-22T13:44:60Z",
        "2029-11-22T13:44:54.Z",
        "2029-11-22T13:44:54,5Z",
        "2029-11-22T13:44:54.0Z",
        "2029-11-22T13:44:54.500Z",
        "2029-11-22T13:44:54.1234567891Z",
        "2029-11-22T13:44:54+00:00",
        "2029-11-22T13:44:54-00:00",
        "2029-11-22T13:44:54+24:00",
        "2029-11-22T13:44:54+02:60",
        "2029-11-22T13:44:54+0200",
        "2029-11-22T13:44:54+02",
        "2029-11-22T13:44:54+02:00Z",
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct why why = {0};
        int64_t at = 7;

        if (utc_parse(&at, span_of(rows[i]), &why) != RC_MALFORMED || at != 7)
            fail_msg("'%s' was taken", rows[i]);
    }
}

static void
test_refuses_a_nul(void **state)
{
    struct why why;
    int64_t at = 7;

    (void)state;
    assert_int_equal(utc_parse(&at, SPAN("2029-11-22T13:44:54Z\0"), &why), RC_MALFORMED);
    assert_int_equal(utc_parse(&at, SPAN("2029-11-22T13:44:5\0Z"), &why), RC_MALFORMED);
}

static void
test_the_sentence_quotes_the_text_cut_short(void **state)
{
    struct why why;
    int64_t at;

    (void)state;
    assert_int_equal(
        utc_parse(&at, SPAN("tomorrow at noon, or a little later than that, as you like"), &why),
        RC_MALFORMED);
    assert_string_equal(
        why.text, "'tomorrow at noon, or a little later than' is no time as Go writes it");
}

static void
test_writes_and_reads_back(void **state)
{
    static const int64_t rows[] = {
        -62167219200, -1, 0, 951782399, 951782400, 1709164800, 1890049494, 253402300799};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(bytes_done) struct bytes b = BYTES_INIT(64);
        int64_t at = 0;

        utc_format(&b, rows[i]);
        assert_int_equal(b.len, 20);
        assert_int_equal(utc_parse(&at, bytes_span(&b), NULL), RC_OK);
        assert_int_equal(at, rows[i]);
    }
}

static void
test_writes_no_year_of_other_than_four_digits(void **state)
{
    static const int64_t rows[] = {-62167219201, 253402300800, INT64_MIN, INT64_MAX};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(bytes_done) struct bytes b = BYTES_INIT(64);
        struct why why;

        utc_format(&b, rows[i]);
        assert_int_equal(bytes_check(&b, &why), RC_TOO_LARGE);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_what_go_writes),
        cmocka_unit_test(test_refuses_what_go_would_write_otherwise),
        cmocka_unit_test(test_refuses_a_nul),
        cmocka_unit_test(test_the_sentence_quotes_the_text_cut_short),
        cmocka_unit_test(test_writes_and_reads_back),
        cmocka_unit_test(test_writes_no_year_of_other_than_four_digits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
