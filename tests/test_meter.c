/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/meter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

static void
test_puts_times_into_buckets_whose_bounds_are_within(void **state)
{
    struct meter_histogram h = {0};

    (void)state;
    meter_observe(&h, 0);
    meter_observe(&h, 1000);
    meter_observe(&h, 1001);
    meter_observe(&h, 30000000);
    meter_observe(&h, 30000001);
    assert_int_equal(h.n[0], 2);
    assert_int_equal(h.n[1], 1);
    assert_int_equal(h.n[METER_BUCKETS - 1], 1);
    assert_int_equal(h.n[METER_BUCKETS], 1);
    assert_int_equal(h.sum_us, 60002002);
    assert_int_equal(meter_count(&h), 5);
}

static void
test_bounds_go_up(void **state)
{
    (void)state;
    for (size_t i = 1; i < METER_BUCKETS; i++)
        assert_true(meter_bounds_us[i] > meter_bounds_us[i - 1]);
}

static void
test_remembers_the_last_error_and_cuts_it(void **state)
{
    struct meter m = {0};
    char is_long[400];

    (void)state;
    memset(is_long, 'x', sizeof is_long - 1);
    is_long[sizeof is_long - 1] = 0;
    meter_note(&m, "CKR_DEVICE_ERROR");
    assert_string_equal(m.error, "CKR_DEVICE_ERROR");
    assert_true(m.error_at_us > 0);
    meter_note(&m, is_long);
    assert_int_equal(strlen(m.error), sizeof m.error - 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_puts_times_into_buckets_whose_bounds_are_within),
        cmocka_unit_test(test_bounds_go_up),
        cmocka_unit_test(test_remembers_the_last_error_and_cuts_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
