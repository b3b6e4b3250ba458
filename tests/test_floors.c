/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/floors.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void
test_takes_no_version_below_the_highest_seen(void **state)
{
    closing(floors_done) struct floors floors = {0};
    struct why why = {0};

    (void)state;
    assert_int_equal(floors_check(&floors, SPAN("targets"), 1, NULL), RC_OK);
    assert_int_equal(floors_raise(&floors, SPAN("targets"), 7, NULL), RC_OK);
    assert_int_equal(floors_raise(&floors, SPAN("targets"), 5, NULL), RC_OK);
    assert_int_equal(floors_raise(&floors, SPAN("targets/qa"), 2, NULL), RC_OK);
    assert_int_equal(floors_check(&floors, SPAN("targets"), 8, NULL), RC_OK);
    assert_int_equal(floors_check(&floors, SPAN("targets"), 7, NULL), RC_OK);
    assert_int_equal(floors_check(&floors, SPAN("targets"), 6, &why), RC_UNTRUSTED);
    assert_string_equal(why.text, "version is 6, 7 was seen before");
    assert_int_equal(floors_check(&floors, SPAN("targets/qa"), 1, NULL), RC_UNTRUSTED);
    assert_int_equal(floors_check(&floors, SPAN("snapshot"), 1, NULL), RC_OK);
}

static void
test_takes_names_of_roles_only(void **state)
{
    closing(floors_done) struct floors floors = {0};

    (void)state;
    assert_int_equal(floors_raise(&floors, SPAN("targets/../x"), 1, NULL), RC_MALFORMED);
    assert_int_equal(floors_raise(&floors, SPAN(""), 1, NULL), RC_MALFORMED);
    assert_int_equal(floors.n, 0);
}

static void
test_bounds_the_roles(void **state)
{
    closing(floors_done) struct floors floors = {0};

    (void)state;
    for (size_t i = 0; i <= SNAPSHOT_FILES_MAX; i++) {
        closing(bytes_done) struct bytes role = BYTES_INIT(64);
        bytes_printf(&role, "targets/%zu", i);
        assert_int_equal(floors_raise(&floors, bytes_span(&role), 1, NULL),
            i < SNAPSHOT_FILES_MAX ? RC_OK : RC_TOO_LARGE);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_no_version_below_the_highest_seen),
        cmocka_unit_test(test_takes_names_of_roles_only),
        cmocka_unit_test(test_bounds_the_roles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
