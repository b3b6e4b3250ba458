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

#define UPGRADE_CALL "{\"method\":\"a.B\",\"upgrade\":true}"

static void
count_cancel(void *work)
{
    struct scene *s = work;

    s->n_cancelled++;
}

/* Make the call and have it accepted; the descriptor of the stream. */
static int
upgrade(struct scene *s)
{
    int fd = -1;

    s->is_holding = true;
    scene_say_bytes(s, UPGRADE_CALL, sizeof UPGRADE_CALL);
    assert_int_equal(s->n_called, 1);
    assert_true(conn_wants(s->conn).upgrade);
    assert_true(conn_upgrade(s->conn, json_object(), &fd));
    conn_set_work(s->conn, s, count_cancel);
    assert_string_equal(scene_hear(s), "{\"parameters\":{}}");
    return fd;
}

static void
test_leaves_what_follows_to_others_and_says_a_last_word(void **state)
{
    struct scene *s = *state;
    char secret[16] = "";

    int fd = upgrade(s);
    scene_say(s, "123456");
    assert_int_equal(recv(fd, secret, sizeof secret, MSG_DONTWAIT), 6);
    assert_string_equal(secret, "123456");
    assert_int_equal(conn_idle_since(s->conn), UINT64_MAX);

    conn_reply(s->conn, json_object());
    scene_pump(s);
    scene_assert_last_word(s, "{\"parameters\":{}}", "");
    assert_int_equal(s->n_cancelled, 0);
}

static void
test_knows_a_call_without_upgrade(void **state)
{
    struct scene *s = *state;

    s->is_holding = true;
    scene_call(s);
    assert_false(conn_wants(s->conn).upgrade);
    scene_reply(s, s->conn);
    scene_assert_answer(s, 1);
}

static void
test_may_refuse_to_upgrade_and_goes_on(void **state)
{
    struct scene *s = *state;

    scene_say_bytes(s, UPGRADE_CALL, sizeof UPGRADE_CALL);
    scene_assert_answer(s, 1);
    scene_call(s);
    scene_assert_answer(s, 2);
}

static void
test_refuses_bytes_that_come_with_the_call(void **state)
{
    static const char hasty[] = UPGRADE_CALL "\0"
                                             "123456";
    struct scene *s = *state;

    scene_say_bytes(s, hasty, sizeof hasty);
    assert_int_equal(s->n_called, 0);
    scene_assert_last_word(s, "Malformed", "before its answer");
}

static void
test_refuses_bytes_that_come_before_its_answer(void **state)
{
    struct scene *s = *state;
    int fd = -1;

    s->is_holding = true;
    scene_say_bytes(s, UPGRADE_CALL, sizeof UPGRADE_CALL);
    scene_say(s, "123456");
    assert_false(conn_upgrade(s->conn, json_object(), &fd));
    scene_pump(s);
    scene_assert_last_word(s, "Malformed", "before its answer");
}

static void
test_reads_nothing_of_what_nobody_took(void **state)
{
    struct scene *s = *state;
    char left[16];

    int fd = upgrade(s);
    int other = dup(fd);
    scene_say(s, "123456");
    conn_error(s->conn, RC_TIMEOUT, json_pack("{s:s}", "token", "hsm"));
    scene_pump(s);
    scene_assert_last_word(s, "Timeout", "hsm");
    assert_int_equal(recv(other, left, sizeof left, MSG_DONTWAIT), 6);
    /* And who has that descriptor sees that it is over. */
    assert_int_equal(recv(other, left, sizeof left, MSG_DONTWAIT), 0);
    fd_close(&other);
}

static void
test_cancels_the_work_of_who_hangs_up(void **state)
{
    struct scene *s = *state;

    (void)upgrade(s);
    scene_say(s, "12");
    fd_close(&s->fd);
    scene_pump(s);
    assert_int_equal(s->n_cancelled, 1);
    assert_int_equal(s->n_closed, 1);
}

static void
test_waits_for_who_closed_the_sending_side(void **state)
{
    struct scene *s = *state;

    (void)upgrade(s);
    scene_say(s, "123456");
    assert_int_equal(shutdown(s->fd, SHUT_WR), 0);
    scene_pump(s);
    assert_int_equal(s->n_cancelled, 0);
    conn_reply(s->conn, json_object());
    scene_pump(s);
    scene_assert_last_word(s, "{\"parameters\":{}}", "");
}

static void
test_ends_where_nothing_comes_of_it(void **state)
{
    struct scene *s = *state;

    (void)upgrade(s);
    clock_advance_ms(UPGRADE_TIMEOUT_S * 1000 - 500);
    scene_pump(s);
    assert_int_equal(s->n_cancelled, 0);
    clock_advance_ms(1000);
    scene_pump(s);
    assert_int_equal(s->n_cancelled, 1);
    assert_string_equal(scene_hear(s), "EOF");
}

static void
test_ends_with_who_is_gone_already(void **state)
{
    struct scene *s = *state;
    int fd = -1;

    s->is_holding = true;
    scene_say_bytes(s, UPGRADE_CALL, sizeof UPGRADE_CALL);
    fd_close(&s->fd);
    assert_false(conn_upgrade(s->conn, json_object(), &fd));
    scene_pump(s);
    assert_int_equal(s->n_closed, 1);
}

int
main(void)
{
#define SCENE(test) cmocka_unit_test_setup_teardown(test, scene_open, scene_close)
    const struct CMUnitTest tests[] = {
        SCENE(test_leaves_what_follows_to_others_and_says_a_last_word),
        SCENE(test_knows_a_call_without_upgrade),
        SCENE(test_may_refuse_to_upgrade_and_goes_on),
        SCENE(test_refuses_bytes_that_come_with_the_call),
        SCENE(test_refuses_bytes_that_come_before_its_answer),
        SCENE(test_reads_nothing_of_what_nobody_took),
        SCENE(test_cancels_the_work_of_who_hangs_up),
        SCENE(test_waits_for_who_closed_the_sending_side),
        SCENE(test_ends_where_nothing_comes_of_it),
        SCENE(test_ends_with_who_is_gone_already),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
