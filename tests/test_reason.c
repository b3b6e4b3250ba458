/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/reason.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
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

/* Words with one space between, and quotes as C has them. */
static char *
read_manual(void)
{
    static char text[256 * 1024];
    const char *path = getenv("MANUAL");
    size_t len = 0, n;

    assert_non_null(path);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    for (char word[256]; fscanf(file, "%255s", word) == 1; len += n) {
        for (char *quote; (quote = strstr(word, "\\(oq")) || (quote = strstr(word, "\\(cq"));) {
            *quote = '\'';
            memmove(quote + 1, quote + 4, strlen(quote + 4) + 1);
        }
        n = (size_t)snprintf(text + len, sizeof text - len, "%s ", word);
        assert_true(len + n < sizeof text);
    }

    fclose(file);
    return text;
}

static void
test_has_a_row_with_its_remedy_in_the_manual(void **state)
{
    char *manual = strstr(read_manual(), ".Sh REASONS ");
    int n_rows = 0;

    (void)state;
    assert_non_null(manual);
    for (const char *row = manual; (row = strstr(row, ".It Cm ")); row++)
        n_rows++;
    assert_int_equal(n_rows, REASON_MAX_ - 1);

    for (int i = REASON_NONE + 1; i < REASON_MAX_; i++) {
        char row[64], remedy[512];

        snprintf(row, sizeof row, ".It Cm %s ", reason_id((enum reason)i));
        snprintf(remedy, sizeof remedy, ".Em Remedy : %s. .", reason_remedy((enum reason)i));
        const char *at = strstr(manual, row), *said = at ? strstr(at, ".Em Remedy :") : NULL;
        if (!said || strncmp(said, remedy, strlen(remedy)) != 0)
            fail_msg("%s", reason_id((enum reason)i));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_has_an_id_and_a_remedy_for_each),
        cmocka_unit_test(test_has_each_id_once),
        cmocka_unit_test(test_says_nothing_about_what_is_not_refused),
        cmocka_unit_test(test_has_a_row_with_its_remedy_in_the_manual),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
