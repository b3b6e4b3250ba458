/* SPDX-License-Identifier: Apache-2.0 */
#include "client/natural.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

/* Each before the next, as docker trust inspect lists tags with these names. */
static const char *const sorted[] = {"", "0", "00", "1", "1.2", "1.10", "01", "2", "10",
    "18446744073709551616", "18446744073709551617", "V1", "_", "latest", "v", "v1", "v1-rc2",
    "v1-rc10", "v1.9", "v1.9-a", "v1.09", "v1.10", "v2", "v02", "va", "va1", "z", "\xc3\xa9"};

static void
test_counts_as_people_do(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(sorted); i++)
        for (size_t k = 0; k < N_ELEMENTS(sorted); k++) {
            int order = natural_cmp(span_of(sorted[i]), span_of(sorted[k]));
            if (i < k ? order >= 0 : i > k ? order <= 0 : order != 0)
                fail_msg("'%s' and '%s': %d", sorted[i], sorted[k], order);
        }
}

static void
test_stops_at_the_end_of_the_text(void **state)
{
    (void)state;
    /* What lies behind the span does not count. */
    assert_int_equal(natural_cmp((struct span){(const uint8_t *)"v19", 2}, SPAN("v1")), 0);
    assert_true(natural_cmp((struct span){(const uint8_t *)"v09", 2}, SPAN("v00")) < 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_as_people_do),
        cmocka_unit_test(test_stops_at_the_end_of_the_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
