/* SPDX-License-Identifier: Apache-2.0 */
#include "client/when.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

#define SECOND INT64_C(1000000)
#define NOW    (INT64_C(1700000000) * SECOND) /* 2023-11-14T22:13:20Z */

static void
test_reads_times_as_people_write_them(void **state)
{
    static const struct {
        const char *text;
        int64_t at_us;
    } cases[] = {
        {"now", NOW},
        {"0 s ago", NOW},
        {"90 s ago", NOW - 90 * SECOND},
        {"2 h ago", NOW - 7200 * SECOND},
        {"2h ago", NOW - 7200 * SECOND},
        {"30  min ago", NOW - 1800 * SECOND},
        {"1 day ago", NOW - 86400 * SECOND},
        {"3 weeks ago", NOW - 21 * 86400 * SECOND},
        {"2023-11-14", NOW - (22 * 3600 + 13 * 60 + 20) * SECOND},
        {"2023-11-14T22:13:20Z", NOW},
        {"2023-11-14T23:13:20+01:00", NOW},
        {"1969-12-31", -86400 * SECOND},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        int64_t at_us = 1;
        struct why why = {""};
        if (when_parse(&at_us, cases[i].text, NOW, &why) || at_us != cases[i].at_us)
            fail_msg("'%s': %lld %s", cases[i].text, (long long)at_us, why.text);
    }
}

static void
test_refuses_what_is_no_time(void **state)
{
    static const char *const cases[] = {"", "2 h", "h ago", "2 ago", "2 fortnights ago", "-2 h ago",
        "2 h ago ago", "1000001 s ago", "99999999999999999999 s ago", "02 h ago", "2.5 h ago",
        "2023-11-31", "2023-1-1", "yesterday", "2023-11-14 22:13:20", "1700000000"};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        int64_t at_us = 1;
        struct why why;
        if (when_parse(&at_us, cases[i], NOW, &why) != RC_MALFORMED || at_us != 1)
            fail_msg("'%s'", cases[i]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_times_as_people_write_them),
        cmocka_unit_test(test_refuses_what_is_no_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
