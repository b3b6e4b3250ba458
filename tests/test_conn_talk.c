/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/conn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

#include "proto/bounds.h"
#include "tests/clock.h"
#include "tests/scene.h"

#define PART "{\"parameters\":{\"part\":1},\"continues\":true}"

/* Work that goes on in steps. */
struct work {
    struct scene *scene;
    int n_steps, n_cancelled;
};

static struct work work;

static void
count_step(void *userdata)
{
    struct work *w = userdata;

    w->n_steps++;
}

static void
count_cancel(void *userdata)
{
    struct work *w = userdata;

    w->n_cancelled++;
}

static void
begin(struct scene *s)
{
    work = (struct work){.scene = s};
    s->is_holding = true;
    scene_call(s);
    conn_set_work(s->conn, &work, count_cancel);
}

static json_t *
filler(size_t len)
{
    closing(freep) char *text = malloc(len + 1);

    assert_non_null(text);
    memset(text, 'x', len);
    text[len] = 0;
    return json_pack("{s:s}", "x", text);
}

static void
test_goes_on_in_turns_and_ends_with_a_reply(void **state)
{
    struct scene *s = *state;

    begin(s);
    for (int i = 1; i <= 3; i++) {
        assert_true(conn_continue(s->conn, json_pack("{s:i}", "part", 1), count_step));
        assert_int_equal(work.n_steps, i - 1); /* never from within the call */
        scene_pump(s);
        assert_int_equal(work.n_steps, i);
        assert_string_equal(scene_hear(s), PART);
    }

    scene_reply(s, s->conn);
    scene_assert_answer(s, 1);
    s->is_holding = false;
    scene_call(s);
    scene_assert_answer(s, 2);
    assert_int_equal(work.n_steps, 3);
}

static void
test_waits_for_a_turn_without_a_word(void **state)
{
    struct scene *s = *state;

    begin(s);
    assert_true(conn_continue(s->conn, NULL, count_step));
    scene_pump(s);
    assert_int_equal(work.n_steps, 1);
    assert_string_equal(scene_hear(s), "");
    scene_reply(s, s->conn);
    scene_assert_answer(s, 1);
}

static void
test_is_idle_while_it_rests(void **state)
{
    struct scene *s = *state;

    begin(s);
    assert_true(conn_continue(s->conn, NULL, count_step));
    scene_pump(s);
    assert_true(conn_idle_since(s->conn) == UINT64_MAX);
    conn_rest(s->conn);
    assert_true(conn_idle_since(s->conn) < UINT64_MAX);
    assert_true(conn_continue(s->conn, NULL, count_step));
    assert_true(conn_idle_since(s->conn) == UINT64_MAX);
    scene_pump(s);
    conn_rest(s->conn);
    scene_reply(s, s->conn);
    scene_assert_answer(s, 1);
    s->is_holding = true;
    scene_call(s);
    assert_true(conn_idle_since(s->conn) == UINT64_MAX);
    scene_reply(s, s->conn);
    scene_assert_answer(s, 2);
}

static void
test_takes_no_step_before_all_has_gone_out(void **state)
{
    struct scene *s = *state;

    begin(s);
    assert_true(conn_continue(s->conn, filler(OUTPUT_MAX_BYTES - 100), count_step));
    scene_pump(s);
    assert_int_equal(work.n_steps, 0);
    assert_true(strlen(scene_hear(s)) > OUTPUT_MAX_BYTES - 100);
    scene_pump(s);
    assert_int_equal(work.n_steps, 1);
    assert_int_equal(work.n_cancelled, 0);
    scene_reply(s, s->conn);
    scene_assert_answer(s, 1);
}

static void
test_ends_with_a_reader_that_does_not_read(void **state)
{
    struct scene *s = *state;

    begin(s);
    assert_true(conn_continue(s->conn, filler(OUTPUT_MAX_BYTES - 100), count_step));
    scene_pump(s);
    clock_advance_ms((OUTPUT_TIMEOUT_S + 1) * INT64_C(1000));
    scene_pump(s);
    assert_int_equal(s->n_closed, 1);
    assert_int_equal(work.n_cancelled, 1);
    assert_int_equal(work.n_steps, 0);
}

static void
test_is_cancelled_with_a_reader_that_hangs_up(void **state)
{
    struct scene *s = *state;

    begin(s);
    fd_close(&s->fd);
    assert_true(conn_continue(s->conn, json_pack("{s:i}", "part", 1), count_step));
    scene_pump(s);
    assert_int_equal(s->n_closed, 1);
    assert_int_equal(work.n_cancelled, 1);
    assert_int_equal(work.n_steps, 0);
}

static void
test_holds_no_more_than_a_reader_may_make_us(void **state)
{
    struct scene *s = *state;

    begin(s);
    assert_false(conn_continue(s->conn, filler(OUTPUT_MAX_BYTES), count_step));
    scene_pump(s);
    assert_int_equal(work.n_steps, 0);
    scene_reply(s, s->conn);
    scene_assert_answer(s, 1);
}

static void
test_hears_the_next_call_after_the_last_reply(void **state)
{
    struct scene *s = *state;

    begin(s);
    assert_true(conn_continue(s->conn, json_pack("{s:i}", "part", 1), count_step));
    scene_call(s);
    assert_int_equal(s->n_called, 1);
    assert_int_equal(work.n_steps, 1);
    assert_string_equal(scene_hear(s), PART);
    scene_reply(s, s->conn);
    scene_pump(s);
    assert_int_equal(s->n_called, 2);
    scene_assert_answer(s, 1);
    scene_reply(s, s->conn);
    scene_assert_answer(s, 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_goes_on_in_turns_and_ends_with_a_reply, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(
            test_waits_for_a_turn_without_a_word, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(test_is_idle_while_it_rests, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(
            test_takes_no_step_before_all_has_gone_out, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(
            test_ends_with_a_reader_that_does_not_read, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(
            test_is_cancelled_with_a_reader_that_hangs_up, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(
            test_holds_no_more_than_a_reader_may_make_us, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(
            test_hears_the_next_call_after_the_last_reply, scene_open, scene_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
