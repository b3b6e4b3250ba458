/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/pinpad.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static const struct frame_found wanting = {.wants_pin = true}, having = {.wants_pin = false};
static const struct frame_unlocked good = {.rc = RC_OK};

static void
test_tries_what_it_read(void **state)
{
    struct pinpad pad = {0};

    (void)state;
    pinpad_start(&pad);
    pinpad_found(&pad, &wanting);
    assert_true(pad.wants_pin);
    assert_false(pinpad_read(&pad, &good, "")); /* nobody told it to */
    pad.step = PINPAD_READS;
    assert_true(pinpad_read(&pad, &good, ""));
    assert_int_equal(pad.step, PINPAD_TRIES);
    assert_false(pad.wants_pin);
    pinpad_fail(&pad, RC_LOCKED, "refused");
    assert_int_equal(pad.step, PINPAD_FAILED);
    assert_int_equal(pad.rc, RC_LOCKED);
    assert_string_equal(pad.why.text, "refused");
}

static void
test_says_what_it_could_not_read(void **state)
{
    const struct frame_unlocked bad = {RC_MALFORMED, SPAN("no PIN")};
    struct pinpad pad = {.step = PINPAD_READS, .wants_pin = true};

    (void)state;
    assert_true(pinpad_read(&pad, &bad, ""));
    assert_int_equal(pad.step, PINPAD_FAILED);
    assert_int_equal(pad.rc, RC_MALFORMED);
    assert_string_equal(pad.why.text, "no PIN");
    assert_true(pad.wants_pin);
}

static void
test_does_not_wait_for_a_token_that_went_away_meanwhile(void **state)
{
    struct pinpad pad = {.step = PINPAD_READS, .wants_pin = true};

    (void)state;
    pinpad_found(&pad, &having);
    assert_true(pinpad_read(&pad, &good, "it is absent"));
    assert_int_equal(pad.step, PINPAD_FAILED);
    assert_int_equal(pad.rc, RC_TOKEN);
    assert_string_equal(pad.why.text, "it is absent");
}

static void
test_outlives_a_process_that_begins_anew(void **state)
{
    static const struct {
        const char *says;
        enum pinpad_step step;
        bool begins_anew;
        enum pinpad_step then;
    } cases[] = {
        {"a try goes on in the next one", PINPAD_TRIES, true, PINPAD_TRIES},
        {"a crash ends it", PINPAD_TRIES, false, PINPAD_FAILED},
        {"what was read is lost", PINPAD_READS, true, PINPAD_FAILED},
        {"nobody waits", PINPAD_IDLE, false, PINPAD_IDLE},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct pinpad pad = {.step = cases[i].step, .wants_pin = true, .is_ending = true};

        print_message("%s\n", cases[i].says);
        pinpad_lost(&pad, cases[i].begins_anew, "it ended");
        assert_int_equal(pad.step, cases[i].then);
        assert_false(pad.wants_pin || pad.is_ending);
    }
}

static void
test_says_what_to_do(void **state)
{
    struct pinpad pad = {.wants_pin = true};
    struct why why;

    (void)state;
    pinpad_explain(&why, &pad, "hsm");
    assert_string_equal(why.text, "it wants its PIN: countersign unlock hsm");
    pad.is_last_try = true;
    pinpad_explain(&why, &pad, "hsm");
    assert_non_null(strstr(why.text, "countersign unlock --force hsm"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tries_what_it_read),
        cmocka_unit_test(test_says_what_it_could_not_read),
        cmocka_unit_test(test_does_not_wait_for_a_token_that_went_away_meanwhile),
        cmocka_unit_test(test_outlives_a_process_that_begins_anew),
        cmocka_unit_test(test_says_what_to_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
