/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/rc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* cmocka has a macro of this name. */
#undef fail

static void
test_a_sentence_grows_from_its_end_to_its_start(void **state)
{
    struct why why;

    (void)state;
    assert_int_equal(fail(&why, RC_MALFORMED, "want %d, have %d", 1, 2), RC_MALFORMED);
    assert_string_equal(why.text, "want 1, have 2");
    assert_int_equal(within(&why, RC_DENIED, "rule '%s'", "ci"), RC_DENIED);
    assert_string_equal(why.text, "rule 'ci': want 1, have 2");
    assert_int_equal(within(&why, RC_DENIED, "policy"), RC_DENIED);
    assert_string_equal(why.text, "policy: rule 'ci': want 1, have 2");
    assert_int_equal(fail_memory(&why), RC_NO_MEMORY);
    assert_string_equal(why.text, "out of memory");
}

static void
test_a_caller_may_want_the_kind_only(void **state)
{
    (void)state;
    assert_int_equal(fail(NULL, RC_BUSY, "x"), RC_BUSY);
    assert_int_equal(within(NULL, RC_BUSY, "x"), RC_BUSY);
    assert_int_equal(fail_memory(NULL), RC_NO_MEMORY);
}

static void
test_foreign_bytes_cannot_forge_a_line_or_steer_a_terminal(void **state)
{
    struct why why;

    (void)state;
    assert_int_equal(
        fail(&why, RC_MALFORMED, "'%s'", "a\nb\r\t\x1b[31m\x7f\xc3\xa9~ "), RC_MALFORMED);
    assert_string_equal(why.text, "'a?b???[31m???~ '");
}

static void
test_a_long_sentence_is_cut_with_dots(void **state)
{
    char text[2 * sizeof((struct why *)0)->text];
    const size_t fits = sizeof((struct why *)0)->text - 1;
    struct why why;

    (void)state;
    memset(text, 'x', sizeof text);
    text[fits] = 0;
    assert_int_equal(fail(&why, RC_MALFORMED, "%s", text), RC_MALFORMED);
    assert_string_equal(why.text, text);

    text[fits] = 'x';
    text[fits + 1] = 0;
    assert_int_equal(fail(&why, RC_MALFORMED, "%s", text), RC_MALFORMED);
    assert_int_equal(strlen(why.text), fits);
    assert_string_equal(why.text + fits - 4, "x...");

    assert_int_equal(fail(&why, RC_MALFORMED, "%.*s", (int)fits - 8, text), RC_MALFORMED);
    assert_int_equal(within(&why, RC_MALFORMED, "document 1"), RC_MALFORMED);
    assert_int_equal(strlen(why.text), fits);
    assert_memory_equal(why.text, "document 1: xxx", 15);
    assert_string_equal(why.text + fits - 4, "x...");
}

static void
test_each_kind_has_its_exit_status(void **state)
{
    static const int statuses[RC_MAX_] = {
        [RC_OK] = 0,
        [RC_MALFORMED] = 1,
        [RC_UNSUPPORTED] = 1,
        [RC_TOO_LARGE] = 1,
        [RC_NOT_FOUND] = 1,
        [RC_USAGE] = 2,
        [RC_REFUSED] = 1,
        [RC_DENIED] = 3,
        [RC_PENDING] = 3,
        [RC_ROLLBACK] = 7,
        [RC_STALE] = 7,
        [RC_LOCKED] = 5,
        [RC_TOKEN] = 5,
        [RC_BUSY] = 5,
        [RC_TIMEOUT] = 5,
        [RC_STORAGE] = 5,
        [RC_SYSTEM] = 1,
        [RC_NO_MEMORY] = 1,
        [RC_UNTRUSTED] = 4,
        [RC_NETWORK] = 6,
        [RC_CONFLICT] = 7,
        [RC_INTERRUPTED] = 130,
    };

    (void)state;
    for (int rc = 0; rc < RC_MAX_; rc++) {
        assert_int_equal(rc_exit_status((enum rc)rc), statuses[rc]);
        assert_true((rc == RC_OK) == (statuses[rc] == 0));
    }
}

static void
test_names_of_errors_lead_back_to_a_kind_with_the_same_status(void **state)
{
    (void)state;
    for (int rc = 0; rc < RC_MAX_; rc++) {
        const char *name = rc_error_name((enum rc)rc);
        bool is_local = rc == RC_OK || rc >= RC_UNTRUSTED;

        assert_true(is_local == (name == NULL));
        if (name)
            assert_int_equal(rc_exit_status(rc_from_error_name(name)), rc_exit_status((enum rc)rc));
    }

    assert_int_equal(rc_from_error_name("Denied"), RC_DENIED);
    assert_int_equal(rc_from_error_name("denied"), RC_SYSTEM);
    assert_int_equal(rc_from_error_name(""), RC_SYSTEM);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_sentence_grows_from_its_end_to_its_start),
        cmocka_unit_test(test_a_caller_may_want_the_kind_only),
        cmocka_unit_test(test_foreign_bytes_cannot_forge_a_line_or_steer_a_terminal),
        cmocka_unit_test(test_a_long_sentence_is_cut_with_dots),
        cmocka_unit_test(test_each_kind_has_its_exit_status),
        cmocka_unit_test(test_names_of_errors_lead_back_to_a_kind_with_the_same_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
