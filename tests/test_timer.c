/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/timer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "tests/clock.h"

static void
count(void *userdata)
{
    ++*(int *)userdata;
}

static void
pump(sd_event *event)
{
    int n = 1;

    while (n > 0)
        n = sd_event_run(event, 0);
    assert_int_equal(n, 0);
}

static void
test_calls_once_when_it_is_time(void **state)
{
    sd_event *event = NULL;
    struct timer timer = {0};
    int n = 0;

    (void)state;
    timer_done(&timer);
    assert_true(sd_event_new(&event) >= 0);
    assert_int_equal(timer_init(&timer, event, count, &n, NULL), RC_OK);
    clock_advance_ms(3600 * 1000);
    pump(event);
    assert_int_equal(n, 0);

    timer_set(&timer, timer_after_s(&timer, 10));
    clock_advance_ms(9500);
    pump(event);
    assert_int_equal(n, 0);
    assert_true(timer_is_set(&timer));
    timer_set(&timer, timer_after_s(&timer, 10)); /* anew */
    clock_advance_ms(9000);
    pump(event);
    assert_int_equal(n, 0);
    clock_advance_ms(2000);
    pump(event);
    assert_int_equal(n, 1);
    assert_false(timer_is_set(&timer));
    clock_advance_ms(3600 * 1000);
    pump(event);
    assert_int_equal(n, 1);

    timer_set(&timer, timer_after_s(&timer, 10));
    timer_set(&timer, 0);
    clock_advance_ms(20 * 1000);
    pump(event);
    assert_int_equal(n, 1);
    timer_done(&timer);
    sd_event_unref(event);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_once_when_it_is_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
