/* SPDX-License-Identifier: Apache-2.0 */
#include "client/meter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants four of the above first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/clock.h"
#include "tests/screen.h"

#define MB INT64_C(1000000)

struct scene {
    struct screen *screen;
    struct meter *meter;
    size_t lines[40];
    size_t n_lines;
};

static void
begin(struct scene *scene, enum meter_style style, unsigned short rows, unsigned short columns)
{
    scene->n_lines = 0;
    scene->screen = screen_new(rows, columns);
    assert_int_equal(meter_new(&scene->meter, style, NULL), RC_OK);
}

static void
end(struct scene *scene)
{
    meter_free(scene->meter);
    screen_free(scene->screen);
}

static void
add(struct scene *scene, const char *name, int64_t total)
{
    assert_int_equal(
        meter_add(&scene->lines[scene->n_lines++], scene->meter, name, total, NULL), RC_OK);
}

static void
set(struct scene *scene, size_t i, int64_t current)
{
    meter_set(scene->meter, scene->lines[i], "Pushing", current, 0);
}

/* After a while. */
static void
draw(struct scene *scene, int64_t ms)
{
    clock_advance_ms(ms);
    meter_draw(scene->meter);
}

static void
test_draws_a_line_for_each_layer_and_the_total(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, METER_TERMINAL, 24, 80);
    draw(&s, 200);
    screen_check(s.screen, "\n"); /* nothing to be told yet */

    add(&s, "27884c31bb5b", 100 * MB);
    add(&s, "0123456789ab", 999);
    draw(&s, 200);
    screen_check(s.screen, "27884c31bb5b: Waiting\n"
                           "0123456789ab: Waiting\n"
                           "total: 0 of 2, 0 B of 100 MB\n\n");

    set(&s, 0, 25 * MB);
    draw(&s, 1000);
    screen_check(s.screen,
        "27884c31bb5b: Pushing [==========>                             ] 25.0 MB/100 MB\n"
        "0123456789ab: Waiting\n"
        "total: 0 of 2, 25.0 MB of 100 MB, 20.8 MB/s, 4 s left\n\n");

    meter_end(s.meter, s.lines[1], "Already exists");
    set(&s, 0, 20 * MB); /* the connection broke */
    set(&s, 0, 50 * MB);
    draw(&s, 10); /* too early */
    assert_non_null(strstr(screen_text(s.screen), "0123456789ab: Waiting\n"));
    draw(&s, 990);
    screen_check(s.screen,
        "27884c31bb5b: Pushing [====================>                   ] 50.0 MB/100 MB\n"
        "0123456789ab: Already exists\n"
        "total: 1 of 2, 50.0 MB of 100 MB, 25.0 MB/s, 2 s left\n\n");

    meter_end(s.meter, s.lines[0], "Pushed");
    meter_settle(s.meter);
    draw(&s, 1000);
    screen_check(s.screen, "27884c31bb5b: Pushed\n"
                           "0123456789ab: Already exists\n"
                           "total: 2 of 2, 100 MB\n\n");

    add(&s, "fedcba987654", 0); /* below what is settled */
    draw(&s, 1000);
    screen_check(s.screen, "27884c31bb5b: Pushed\n"
                           "0123456789ab: Already exists\n"
                           "total: 2 of 2, 100 MB\n"
                           "fedcba987654: Waiting\n"
                           "total: 2 of 3, 100 MB\n\n");
    end(&s);
}

static void
test_lines_that_are_done_scroll_away(void **state)
{
    struct scene s;
    char want[2000] = "", name[20];

    (void)state;
    begin(&s, METER_TERMINAL, 6, 80);
    for (int i = 0; i < 30; i++) {
        snprintf(name, sizeof name, "layer%02d", i);
        add(&s, name, MB);
    }

    /* Always the last of the screen, whatever came before. */
    for (size_t i = 0; i < 30; i++) {
        draw(&s, 100);
        meter_end(s.meter, s.lines[i ^ 1], "Pushed");
    }
    meter_settle(s.meter);
    assert_int_equal(screen_row(s.screen), 31);
    for (int i = 0; i < 30; i++) {
        snprintf(name, sizeof name, "layer%02d", i);
        char *at = strstr(screen_text(s.screen), name);
        assert_non_null(at);
        assert_memory_equal(at + 7, ": Pushed\n", 9);
        assert_null(strstr(at + 1, name));
    }
    snprintf(want, sizeof want, "\ntotal: 30 of 30, 30.0 MB\n\n");
    const char *text = screen_text(s.screen);
    assert_string_equal(text + strlen(text) - strlen(want), want);
    end(&s);
}

static void
test_a_small_terminal_gets_less(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, METER_TERMINAL, 4, 30);
    add(&s, "27884c31bb5b", 100 * MB);
    add(&s, "0123456789ab", 100 * MB);
    add(&s, "fedcba987654", 100 * MB);
    set(&s, 0, 25 * MB);
    draw(&s, 1000);
    screen_check(s.screen, "27884c31bb5b: Pushing 25.0 MB\n"
                           "0123456789ab: Waiting\n"
                           "total: 0 of 3, 25.0 MB of 300\n\n");

    screen_resize(s.screen, 5, 40);
    draw(&s, 1000);
    screen_check(s.screen, "27884c31bb5b: Pushing 25.0 MB/100 MB\n"
                           "0123456789ab: Waiting\n"
                           "fedcba987654: Waiting\n"
                           "total: 0 of 3, 25.0 MB of 300 MB, 12.5\n\n");
    screen_resize(s.screen, 0, 0); /* it does not say */
    draw(&s, 1000);
    assert_non_null(strstr(screen_text(s.screen), "[====="));
    end(&s);
}

static void
test_notes_tear_nothing(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, METER_TERMINAL, 24, 80);
    meter_note(s.meter, "the first");
    add(&s, "27884c31bb5b", 0);
    draw(&s, 1000);
    meter_note(s.meter, "the second");
    draw(&s, 1000);
    screen_check(s.screen, "countersign: the first\n"
                           "countersign: the second\n"
                           "27884c31bb5b: Waiting\n"
                           "total: 0 of 1, 0 B\n\n");
    end(&s);
}

static void
test_what_an_engine_says_steers_no_terminal(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, METER_TERMINAL, 24, 80);
    add(&s, "27884c31bb5b", 10);
    meter_set(s.meter, s.lines[0], "\033[2J\xc3\xa4\n", INT64_MAX, 10);
    draw(&s, 1000);
    assert_non_null(strstr(screen_text(s.screen), "27884c31bb5b: ?[2J??? ["));
    assert_non_null(strstr(screen_text(s.screen), "] 10 B/10 B\n"));
    meter_set(s.meter, s.lines[0], "less than nothing", -5, -5);
    draw(&s, 1000);
    assert_non_null(strstr(screen_text(s.screen), "27884c31bb5b: less than nothing\n"));
    end(&s);
}

static void
test_a_log_gets_a_line_for_what_takes_long_and_what_is_done(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, METER_PLAIN, 24, 80);
    add(&s, "27884c31bb5b", 400 * MB);
    add(&s, "0123456789ab", 999);
    for (int i = 0; i < 350; i++) {
        set(&s, 0, i * MB);
        draw(&s, 100);
    }
    meter_note(s.meter, "a note");
    meter_end(s.meter, s.lines[1], "Pushed");
    meter_end(s.meter, s.lines[0], "Pushed");
    meter_settle(s.meter);
    screen_check(s.screen, "27884c31bb5b: Pushing 51.0 MB of 400 MB\n"
                           "total: 0 of 2, 299 MB of 400 MB, 10.0 MB/s, 11 s left\n"
                           "countersign: a note\n"
                           "0123456789ab: Pushed\n"
                           "27884c31bb5b: Pushed\n\n");
    end(&s);
}

static void
test_quiet_is_quiet(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, METER_QUIET, 24, 80);
    add(&s, "27884c31bb5b", 400 * MB);
    set(&s, 0, MB);
    draw(&s, 100000);
    meter_note(s.meter, "a note");
    meter_end(s.meter, s.lines[0], "Pushed");
    meter_settle(s.meter);
    screen_check(s.screen, "\n");
    end(&s);
}

static void
test_a_style_suits_standard_error(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, METER_QUIET, 24, 80);
    setenv("TERM", "xterm", 1);
    assert_int_equal(meter_style_of(false, false), METER_TERMINAL);
    assert_int_equal(meter_style_of(true, false), METER_QUIET);
    assert_int_equal(meter_style_of(false, true), METER_PLAIN);
    setenv("TERM", "dumb", 1);
    assert_int_equal(meter_style_of(false, false), METER_PLAIN);
    unsetenv("TERM");
    assert_int_equal(meter_style_of(false, false), METER_PLAIN);
    end(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_draws_a_line_for_each_layer_and_the_total),
        cmocka_unit_test(test_lines_that_are_done_scroll_away),
        cmocka_unit_test(test_a_small_terminal_gets_less),
        cmocka_unit_test(test_notes_tear_nothing),
        cmocka_unit_test(test_what_an_engine_says_steers_no_terminal),
        cmocka_unit_test(test_a_log_gets_a_line_for_what_takes_long_and_what_is_done),
        cmocka_unit_test(test_quiet_is_quiet),
        cmocka_unit_test(test_a_style_suits_standard_error),
    };

    clock_stop();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
