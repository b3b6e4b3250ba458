/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/conn.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

#include "tests/scene.h"

static void
test_answers_a_call(void **state)
{
    struct scene *s = *state;

    scene_call(s);
    scene_assert_answer(s, 1);
    scene_call(s);
    scene_assert_answer(s, 2);
    assert_string_equal(scene_hear(s), "");
    assert_int_not_equal(conn_idle_since(s->conn), UINT64_MAX);
}

static void
test_answers_calls_in_order_however_they_are_cut(void **state)
{
    static const char calls[] = SCENE_CALL "\0" SCENE_CALL "\0" SCENE_CALL;
    struct scene *s = *state;

    for (size_t cut = 1; cut < sizeof calls; cut++) {
        int before = s->n_called;
        scene_say_bytes(s, calls, cut);
        scene_say_bytes(s, calls + cut, sizeof calls - cut);
        for (int i = 1; i <= 3; i++)
            scene_assert_answer(s, before + i);
    }
    assert_string_equal(scene_hear(s), "");
}

static void
test_reads_nothing_while_a_call_is_in_work(void **state)
{
    struct scene *s = *state;

    s->is_holding = true;
    scene_call(s);
    scene_call(s);
    assert_int_equal(s->n_called, 1);
    assert_int_equal(conn_idle_since(s->conn), UINT64_MAX);

    conn_reply(s->conn, json_object());
    scene_pump(s);
    assert_int_equal(s->n_called, 2);
}

static void
test_answers_who_closed_the_sending_side(void **state)
{
    struct scene *s = *state;

    s->is_holding = true;
    scene_say_bytes(s, SCENE_CALL "\0" SCENE_CALL, 2 * sizeof SCENE_CALL);
    assert_int_equal(shutdown(s->fd, SHUT_WR), 0);
    scene_pump(s);
    assert_int_equal(s->n_cancelled, 0);

    s->is_holding = false;
    scene_reply(s, s->conn);
    scene_pump(s);
    scene_assert_answer(s, 1);
    scene_assert_answer(s, 2);
    assert_string_equal(scene_hear(s), "EOF");
    assert_int_equal(s->n_closed, 1);
}

static void
test_cancels_the_work_of_who_hung_up(void **state)
{
    struct scene *s = *state;

    s->is_holding = true;
    scene_call(s);
    assert_int_equal(s->n_called, 1);
    fd_close(&s->fd);
    scene_pump(s);
    assert_int_equal(s->n_cancelled, 1);
    assert_int_equal(s->n_closed, 1);
}

static void
test_does_not_cancel_what_is_answered(void **state)
{
    struct scene *s = *state;

    s->is_holding = true;
    scene_call(s);
    conn_reply(s->conn, json_object());
    fd_close(&s->fd);
    scene_pump(s);
    assert_int_equal(s->n_cancelled, 0);
    assert_int_equal(s->n_closed, 1);
}

static void
test_ends_with_a_frame_that_is_no_call(void **state)
{
    static const char *const frames[] = {
        "",
        "{",
        "[]",
        "{}",
        "{\"method\":1}",
        "{\"method\":\"a.B\",\"parameters\":[]}",
        "{\"method\":\"a.B\",\"unknown\":1}",
        "{\"method\":\"a.B\",\"method\":\"a.B\"}",
        "{\"method\":\"a.B\"} {}",
        "{\"method\":\"a\xff\"}",
        "GET / HTTP/1.1\r\n\r\n",
    };

    for (size_t i = 0; i < N_ELEMENTS(frames); i++) {
        struct scene *s = *state;

        scene_say_bytes(s, frames[i], strlen(frames[i]) + 1);
        scene_assert_last_word(s, "Malformed", "\"where\":\"frame\"");
        assert_int_equal(s->n_garbled, 1);
        assert_int_equal(s->n_called, 0);
        scene_close(state);
        scene_open(state);
    }
}

static void
test_says_that_it_failed_where_there_was_no_memory_for_an_answer(void **state)
{
    struct scene *s = *state;

    s->is_holding = true;
    scene_call(s);
    conn_reply(s->conn, NULL);
    scene_pump(s);
    assert_string_equal(scene_hear(s), "{\"error\":\"org.countersign.Agent.Internal\"}");
    assert_string_equal(scene_hear(s), "");
}

static void
test_drops_descriptors_that_are_sent_along(void **state)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {(char *)SCENE_CALL, sizeof SCENE_CALL};
    struct msghdr message = {.msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof control};
    struct scene *s = *state;
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.header), &ends[1], sizeof(int));
    assert_int_equal(sendmsg(s->fd, &message, 0), sizeof SCENE_CALL);
    fd_close(&ends[1]);
    scene_pump(s);
    scene_assert_answer(s, 1);

    struct pollfd other = {ends[0], POLLIN, 0};
    assert_int_equal(poll(&other, 1, 0), 1);
    assert_int_equal(other.revents, POLLHUP); /* nobody has the end that was sent */
    fd_close(&ends[0]);
}

/* All that the account has, but for room bytes. */
int
main(void)
{
#define SCENE(test) cmocka_unit_test_setup_teardown(test, scene_open, scene_close)
    const struct CMUnitTest tests[] = {
        SCENE(test_answers_a_call),
        SCENE(test_answers_calls_in_order_however_they_are_cut),
        SCENE(test_reads_nothing_while_a_call_is_in_work),
        SCENE(test_answers_who_closed_the_sending_side),
        SCENE(test_cancels_the_work_of_who_hung_up),
        SCENE(test_does_not_cancel_what_is_answered),
        SCENE(test_ends_with_a_frame_that_is_no_call),
        SCENE(test_says_that_it_failed_where_there_was_no_memory_for_an_answer),
        SCENE(test_drops_descriptors_that_are_sent_along),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
