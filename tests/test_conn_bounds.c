/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/conn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

#include "proto/bounds.h"
#include "tests/clock.h"
#include "tests/scene.h"

#define MARGIN_MS 500 /* the clock goes on by itself as well */

static void
test_takes_frames_up_to_the_bound(void **state)
{
    static const struct {
        size_t max;
        const char *bound;
    } cases[] = {
        {FRAME_SMALL_MAX_BYTES, "FRAME_SMALL_MAX_BYTES"},
        {FRAME_MAX_BYTES, "FRAME_MAX_BYTES"},
    };

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct scene *s = *state;
        closing(freep) char *fits = scene_call_text(cases[i].max),
                            *exceeds = scene_call_text(cases[i].max + 1);

        s->frame_max = cases[i].max;
        scene_say_bytes(s, fits, cases[i].max + 1);
        scene_assert_answer(s, 1);
        scene_say_bytes(s, exceeds, cases[i].max + 2);
        scene_assert_last_word(s, "TooLarge", cases[i].bound);
        assert_int_equal(s->n_called, 1);

        scene_close(state);
        scene_open(state);
    }
}

static void
test_takes_as_many_values_as_the_bound(void **state)
{
    static const char head[] = "{\"method\":\"a.B\",\"parameters\":{\"x\":[0";
    struct scene *s = *state;

    for (size_t n = FRAME_VALUES_MAX; n <= FRAME_VALUES_MAX + 1; n++) {
        closing(bytes_done) struct bytes text = BYTES_INIT(FRAME_MAX_BYTES);

        bytes_puts(&text, head); /* with four of them */
        for (size_t i = 4; i < n; i++)
            bytes_puts(&text, ",0");
        bytes_puts(&text, "]}}");
        assert_int_equal(bytes_check(&text, NULL), RC_OK);
        scene_say_bytes(s, bytes_text(&text), text.len + 1);
        if (n == FRAME_VALUES_MAX)
            scene_assert_answer(s, 1);
        else
            scene_assert_last_word(s, "TooLarge", "FRAME_VALUES_MAX");
    }
}

static void
test_gives_a_frame_its_time_and_no_more(void **state)
{
    static const struct {
        size_t begun;
        int64_t time_s;
        const char *bound;
    } cases[] = {
        {1, FRAME_SMALL_TIMEOUT_S, "FRAME_SMALL_TIMEOUT_S"},
        {FRAME_SMALL_MAX_BYTES + 1, FRAME_SMALL_TIMEOUT_S, "FRAME_SMALL_TIMEOUT_S"},
        {FRAME_SMALL_MAX_BYTES + 2, FRAME_TIMEOUT_S, "FRAME_TIMEOUT_S"},
    };

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct scene *s = *state;
        closing(freep) char *begun = scene_call_text(cases[i].begun + 100);

        clock_advance_ms(CONN_LIFETIME_S * 500); /* who is idle is not slow */
        scene_say_bytes(s, begun, cases[i].begun);
        for (int drop = 0; drop < 9; drop++) { /* what drips does not gain time */
            clock_advance_ms(cases[i].time_s * 100);
            if (cases[i].begun != FRAME_SMALL_MAX_BYTES + 1)
                scene_say(s, " ");
            scene_pump(s);
        }
        assert_string_equal(scene_hear(s), "");
        clock_advance_ms(cases[i].time_s * 100);
        scene_pump(s);
        scene_assert_last_word(s, "Busy", cases[i].bound);
        scene_close(state);
        scene_open(state);
    }
}

static void
test_ends_with_who_does_not_read(void **state)
{
    struct scene *s = *state;
    char part[4096];

    s->answer_bytes = OUTPUT_MAX_BYTES - 100;
    scene_call(s);
    clock_advance_ms(OUTPUT_TIMEOUT_S * 1000 - MARGIN_MS);
    scene_pump(s);
    assert_int_equal(s->n_closed, 0);

    /* Progress gives time again; the kernel tells of it when most of its buffer is empty. */
    while (recv(s->fd, part, sizeof part, MSG_DONTWAIT) > 0)
        ;
    scene_pump(s);
    clock_advance_ms(OUTPUT_TIMEOUT_S * 1000 - MARGIN_MS);
    scene_pump(s);
    assert_int_equal(s->n_closed, 0);
    clock_advance_ms(2 * MARGIN_MS);
    scene_pump(s);
    assert_int_equal(s->n_closed, 1);
}

static void
test_never_holds_more_than_the_bound_of_an_answer(void **state)
{
    struct scene *s = *state;

    s->answer_bytes = OUTPUT_MAX_BYTES - sizeof "{\"parameters\":{\"n\":1,\"filler\":\"\"}}";
    scene_call(s);
    assert_int_equal(strlen(scene_hear(s)), OUTPUT_MAX_BYTES - 1);
    s->answer_bytes++;
    scene_call(s);
    scene_assert_last_word(s, "Internal", "");
}

static void
test_ends_after_its_lifetime(void **state)
{
    struct scene *s = *state;

    scene_call(s);
    scene_assert_answer(s, 1);
    clock_advance_ms(CONN_LIFETIME_S * 1000 - MARGIN_MS);
    scene_pump(s);
    assert_int_equal(s->n_closed, 0);
    clock_advance_ms(1000 + 2 * MARGIN_MS); /* and what sd-event may be late */
    scene_pump(s);
    assert_string_equal(scene_hear(s), "EOF");
}

static void
test_answers_what_is_in_work_before_it_ends(void **state)
{
    struct scene *s = *state;

    s->is_holding = true;
    scene_call(s);
    clock_advance_ms(CONN_LIFETIME_S * 1000 + 1000 + MARGIN_MS);
    scene_pump(s);
    assert_int_equal(s->n_cancelled, 0);
    scene_reply(s, s->conn);
    scene_pump(s);
    scene_assert_answer(s, 1);
    assert_string_equal(scene_hear(s), "EOF");
}

/* Answers may go on and on, as those of a call that follows the records do. */
static void
test_waits_for_what_is_in_work_only_so_long(void **state)
{
    struct scene *s = *state;

    s->is_holding = true;
    scene_call(s);
    clock_advance_ms(CONN_LIFETIME_S * 1000 + 1000 + MARGIN_MS);
    scene_pump(s);
    clock_advance_ms(UPGRADE_TIMEOUT_S * 1000 - 1000 - MARGIN_MS);
    scene_pump(s);
    assert_int_equal(s->n_closed, 0);
    clock_advance_ms(2000 + 2 * MARGIN_MS);
    scene_pump(s);
    assert_int_equal(s->n_cancelled, 1);
    assert_int_equal(s->n_closed, 1);
    assert_string_equal(scene_hear(s), "EOF");
}

static void
fill(struct scene *s, size_t room)
{
    for (size_t left = FRAMES_MAX_BYTES_PER_UID - room; left > 0;) {
        size_t size = left < FRAME_SMALL_MAX_BYTES ? left : FRAME_SMALL_MAX_BYTES;
        assert_null(account_take(s->account, s, 0, size));
        left -= size;
    }
}

static void
test_waits_until_bytes_are_free(void **state)
{
    struct scene *s = *state;

    fill(s, 1024);
    scene_call(s);
    assert_int_equal(s->n_called, 0);
    assert_int_not_equal(conn_idle_since(s->conn), UINT64_MAX);
    conn_resume(s->conn);
    scene_pump(s);
    assert_int_equal(s->n_called, 0);

    account_give(s->account, FRAMES_MAX_BYTES_PER_UID - 1024);
    conn_resume(s->conn);
    scene_pump(s);
    scene_assert_answer(s, 1);
}

static void
test_does_not_wait_longer_with_a_frame_that_began(void **state)
{
    struct scene *s = *state;

    scene_say(s, "{");
    fill(s, 1024);
    scene_say(s, " ");
    clock_advance_ms(FRAME_SMALL_TIMEOUT_S * 1000 - MARGIN_MS);
    conn_resume(s->conn);
    scene_pump(s);
    assert_string_equal(scene_hear(s), "");
    clock_advance_ms(2 * MARGIN_MS);
    scene_pump(s);
    scene_assert_last_word(s, "Busy", "FRAMES_MAX_BYTES_PER_UID");
    account_give(s->account, FRAMES_MAX_BYTES_PER_UID - 1024);
}

static void
test_keeps_the_bytes_of_a_call_in_the_books_until_it_is_answered(void **state)
{
    static const size_t size = 1024 * 1024,
                        large_max = FRAMES_MAX_BYTES_PER_UID - FRAMES_RESERVE_BYTES;
    struct scene *s = *state;
    closing(freep) char *large = scene_call_text(size);

    s->is_holding = true;
    scene_say_bytes(s, large, size + 1);
    assert_int_equal(s->n_called, 1);
    /* Another large frame may be read meanwhile, but not as if this one were gone. */
    assert_null(account_take(s->account, s, large_max, 0));
    assert_non_null(account_take(s->account, s, large_max, large_max - size));
    assert_null(account_take(s->account, s, large_max, large_max - size - 1));
    account_give(s->account, large_max - size - 1);

    s->n_freed = 0;
    conn_reply(s->conn, json_object());
    assert_int_equal(s->n_freed, 1);
    assert_null(account_take(s->account, s, large_max, large_max));
    account_give(s->account, large_max);
    account_end_large(s->account, s);
}

int
main(void)
{
#define SCENE(test) cmocka_unit_test_setup_teardown(test, scene_open, scene_close)
    const struct CMUnitTest tests[] = {
        SCENE(test_takes_frames_up_to_the_bound),
        SCENE(test_takes_as_many_values_as_the_bound),
        SCENE(test_gives_a_frame_its_time_and_no_more),
        SCENE(test_ends_with_who_does_not_read),
        SCENE(test_never_holds_more_than_the_bound_of_an_answer),
        SCENE(test_ends_after_its_lifetime),
        SCENE(test_answers_what_is_in_work_before_it_ends),
        SCENE(test_waits_for_what_is_in_work_only_so_long),
        SCENE(test_waits_until_bytes_are_free),
        SCENE(test_does_not_wait_longer_with_a_frame_that_began),
        SCENE(test_keeps_the_bytes_of_a_call_in_the_books_until_it_is_answered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
