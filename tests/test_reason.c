/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/reason.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

static void
test_has_an_id_and_a_remedy_for_each(void **state)
{
    (void)state;
    for (int i = REASON_NONE + 1; i < REASON_MAX_; i++) {
        const char *id = reason_id((enum reason)i);

        assert_non_null(id);
        assert_true(strlen(id) > 0);
        assert_int_equal(strspn(id, "abcdefghijklmnopqrstuvwxyz-"), strlen(id));
        assert_true(strlen(reason_remedy((enum reason)i)) > 0);
    }
}

static void
test_has_each_id_once(void **state)
{
    (void)state;
    for (int i = REASON_NONE; i < REASON_MAX_; i++)
        for (int k = i + 1; k < REASON_MAX_; k++)
            assert_string_not_equal(reason_id((enum reason)i), reason_id((enum reason)k));
}

static void
test_says_nothing_about_what_is_not_refused(void **state)
{
    (void)state;
    assert_string_equal(reason_id(REASON_NONE), "");
    assert_string_equal(reason_remedy(REASON_NONE), "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_has_an_id_and_a_remedy_for_each),
        cmocka_unit_test(test_has_each_id_once),
        cmocka_unit_test(test_says_nothing_about_what_is_not_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
