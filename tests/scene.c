/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scene.h"

#include <errno.h>
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

static void
on_cancel(void *work)
{
    struct scene *s = work;

    s->n_cancelled++;
}

void
scene_reply(struct scene *s, struct conn *conn)
{
    closing(freep) char *filler = malloc(s->answer_bytes + 1);

    assert_non_null(filler);
    memset(filler, 'x', s->answer_bytes);
    filler[s->answer_bytes] = 0;
    conn_reply(conn, json_pack("{s:i,s:s}", "n", s->n_called, "filler", filler));
}

static void
on_called(void *userdata, struct conn *conn, const struct message_call *call)
{
    struct scene *s = userdata;

    assert_string_equal(call->method, "a.B");
    s->n_called++;
    if (s->is_holding)
        conn_set_work(conn, s, on_cancel);
    else
        scene_reply(s, conn);
}

static void
on_garbled(void *userdata, struct conn *conn)
{
    struct scene *s = userdata;

    (void)conn;
    s->n_garbled++;
}

static void
on_freed(void *userdata)
{
    struct scene *s = userdata;

    s->n_freed++;
}

static void
on_closed(void *userdata, struct conn *conn)
{
    struct scene *s = userdata;

    s->n_closed++;
    s->conn = NULL;
    conn_free(conn);
}

static size_t
frame_max(void *userdata, const struct peer *peer)
{
    struct scene *s = userdata;

    assert_int_equal(peer->uid, geteuid());
    return s->frame_max;
}

int
scene_open(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    struct peer *peer = NULL;
    struct account *account;
    int ends[2];

    assert_non_null(s);
    s->frame_max = FRAME_MAX_BYTES;
    assert_true(sd_event_new(&s->event) >= 0);
    assert_int_equal(turns_new(&s->turns, s->event, NULL), RC_OK);
    assert_int_equal(accounts_new(&s->accounts, NULL), RC_OK);
    assert_int_equal(account_enter(&s->account, s->accounts, 1, 9, NULL), RC_OK);
    assert_int_equal(account_enter(&account, s->accounts, 1, 9, NULL), RC_OK);

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(peer_new(&peer, ends[1], "agent", NULL), RC_OK);
    s->fd = ends[0];
    struct conn_owner owner = {
        s, on_called, on_garbled, on_freed, on_closed, frame_max, s->turns, 1};
    assert_int_equal(
        conn_new_take(&s->conn, s->event, &ends[1], &peer, account, &owner, NULL), RC_OK);
    assert_int_equal(ends[1], -1);
    assert_null(peer);

    *state = s;
    return 0;
}

int
scene_close(void **state)
{
    struct scene *s = *state;

    conn_free(s->conn);
    for (size_t i = 0; i < FRAMES_MAX_BYTES_PER_UID; i += FRAME_SMALL_MAX_BYTES)
        assert_null(account_take(s->account, s, 0, FRAME_SMALL_MAX_BYTES));
    assert_non_null(account_take(s->account, s, 0, 1));
    account_leave(s->account);
    turns_free(s->turns);
    accounts_free(s->accounts);
    fd_close(&s->fd);
    sd_event_unref(s->event);
    free(s);
    return 0;
}

void
scene_pump(struct scene *s)
{
    int n = 1;

    while (n > 0)
        n = sd_event_run(s->event, 0);
    assert_int_equal(n, 0);
}

void
scene_say_bytes(struct scene *s, const char *bytes, size_t len)
{
    while (len > 0 && s->conn) {
        ssize_t n = send(s->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        } else if (errno != EAGAIN) {
            break;
        }
        scene_pump(s);
    }
    scene_pump(s);
}

void
scene_say(struct scene *s, const char *frames)
{
    scene_say_bytes(s, frames, strlen(frames));
}

void
scene_call(struct scene *s)
{
    scene_say_bytes(s, SCENE_CALL, sizeof SCENE_CALL); /* with its NUL */
}

const char *
scene_hear(struct scene *s)
{
    static char text[2 * OUTPUT_MAX_BYTES];
    size_t len = 0;

    for (;;) {
        ssize_t n = recv(s->fd, text + len, 1, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN && len > 0) {
            scene_pump(s);
            continue;
        }
        if (n <= 0) {
            bool is_over = n == 0 || errno == ECONNRESET;
            return len > 0 ? "cut off" : is_over ? "EOF" : "";
        }
        if (text[len++] == 0)
            return text;
        assert_true(len < sizeof text);
    }
}

void
scene_assert_answer(struct scene *s, int n)
{
    closing(freep) char *want = NULL;

    assert_true(asprintf(&want, "{\"parameters\":{\"n\":%d,\"filler\":\"\"}}", n) > 0);
    assert_string_equal(scene_hear(s), want);
}

void
scene_assert_last_word(struct scene *s, const char *error, const char *bound)
{
    const char *text = scene_hear(s);

    if (!strstr(text, error) || !strstr(text, bound))
        fail_msg("want %s with %s, have: %.200s", error, bound, text);
    assert_string_equal(scene_hear(s), "EOF");
    assert_null(s->conn);
    assert_int_equal(s->n_closed, 1);
}

char *
scene_call_text(size_t len)
{
    static const char head[] = "{\"method\":\"a.B\",\"parameters\":{\"x\":\"", tail[] = "\"}}";
    char *text = malloc(len + 1);

    assert_non_null(text);
    memset(text, 'x', len);
    memcpy(text, head, sizeof head - 1);
    memcpy(text + len - (sizeof tail - 1), tail, sizeof tail);
    return text;
}
