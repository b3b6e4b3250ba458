/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "proto/bounds.h"

static void
test_asks_for_no_more_at_once_than_others_may_wait_for(void **state)
{
    static const struct {
        const char *says;
        uint64_t pace_us;
        size_t n;
    } cases[] = {
        {"nothing is known", 0, 1},
        {"a soft token", 50, 400},
        {"a fast one over the network", 2000, 10},
        {"two in the time", 10000, 2},
        {"just one", 20000, 1},
        {"a card", 200000, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        print_message("%s\n", cases[i].says);
        assert_int_equal(pace_batch_max(cases[i].pace_us), cases[i].n);
    }
}

static void
test_says_when_what_waits_is_signed(void **state)
{
    static const struct {
        const char *says;
        uint64_t pace_us;
        size_t n_waiting, n_workers;
        uint64_t ms;
    } cases[] = {
        {"ten, one by one", 200000, 10, 1, 2000},
        {"ten, by four", 200000, 10, 4, 500},
        {"a pace that is not known", 0, 100, 1, 2000},
        {"a worker that is not there", 200000, 10, 0, 2000},
        {"soon", 50, 512, 1, BUSY_RETRY_MIN_MS},
        {"no longer than clients wait", 200000, 512, 1, BUSY_RETRY_MAX_MS},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        print_message("%s\n", cases[i].says);
        assert_int_equal(
            pace_retry_ms(cases[i].pace_us, cases[i].n_waiting, cases[i].n_workers), cases[i].ms);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asks_for_no_more_at_once_than_others_may_wait_for),
        cmocka_unit_test(test_says_when_what_waits_is_signed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
