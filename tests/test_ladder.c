/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/ladder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static void
test_climbs_from_where_the_code_begins(void **state)
{
    static const struct {
        const char *says;
        enum rung wanted[4], want[4];
    } cases[] = {
        {"what was lost is lost again", {RUNG_LOGIN, RUNG_LOGIN, RUNG_LOGIN, RUNG_LOGIN},
            {RUNG_LOGIN, RUNG_SESSION, RUNG_MODULE, RUNG_PROCESS}},
        {"another code wants more", {RUNG_LOGIN, RUNG_MODULE, RUNG_SESSION, RUNG_LOGIN},
            {RUNG_LOGIN, RUNG_MODULE, RUNG_PROCESS, RUNG_PROCESS}},
        {"another code wants less", {RUNG_SESSION, RUNG_LOGIN, RUNG_LOGIN, RUNG_LOGIN},
            {RUNG_SESSION, RUNG_MODULE, RUNG_PROCESS, RUNG_PROCESS}},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct ladder ladder = {0};

        print_message("%s\n", cases[i].says);
        for (size_t k = 0; k < 4; k++) {
            ladder_fall(&ladder, cases[i].wanted[k]);
            assert_int_equal(ladder.rung, cases[i].want[k]);
            assert_true(ladder.is_due);
            ladder_looked(&ladder, true);
            assert_false(ladder.is_due);
        }
    }
}

static void
test_begins_anew_after_a_signature(void **state)
{
    struct ladder ladder = {0};

    (void)state;
    ladder_fall(&ladder, RUNG_MODULE);
    ladder_looked(&ladder, true);
    ladder_signed(&ladder);
    ladder_fall(&ladder, RUNG_LOGIN);
    assert_int_equal(ladder.rung, RUNG_LOGIN);
    assert_int_equal(ladder_pause_ms(&ladder), 0);
}

static void
test_pauses_longer_up_to_a_second(void **state)
{
    static const unsigned want_ms[] = {0, 250, 500, 1000, 1000, 1000};
    struct ladder ladder = {0};

    (void)state;
    assert_int_equal(ladder_pause_ms(&ladder), 0);
    for (size_t i = 0; i < N_ELEMENTS(want_ms); i++) {
        ladder_fall(&ladder, RUNG_SESSION);
        assert_int_equal(ladder_pause_ms(&ladder), want_ms[i]);
    }
}

static void
test_wants_a_new_process_where_nothing_is_seen(void **state)
{
    struct ladder ladder = {0};

    (void)state;
    for (int i = 0; i < 3; i++) {
        ladder_looked(&ladder, false);
        assert_int_not_equal(ladder.rung, RUNG_PROCESS);
    }
    ladder_looked(&ladder, true);
    for (int i = 0; i < 4; i++)
        ladder_looked(&ladder, false);
    assert_int_equal(ladder.rung, RUNG_PROCESS);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_climbs_from_where_the_code_begins),
        cmocka_unit_test(test_begins_anew_after_a_signature),
        cmocka_unit_test(test_pauses_longer_up_to_a_second),
        cmocka_unit_test(test_wants_a_new_process_where_nothing_is_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
