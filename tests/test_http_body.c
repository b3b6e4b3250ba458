/* SPDX-License-Identifier: Apache-2.0 */
#include "client/http_body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/bounds.h"
#include "tests/canned.h"

#define OK(body) "HTTP/1.1 200 OK\r\n\r\n" body
#define BUSY     "HTTP/1.1 503 X\r\n\r\n"
#define MADE     "HTTP/1.1 201 Created\r\n\r\n"
#define TEXT     "what lies in the file"

/* Who follows a body. */
struct follower {
    struct bytes seen;
    int n_again;
    bool is_against; /* says no to every piece */
};

static enum rc
on_piece(void *data, struct span piece, struct why *why)
{
    struct follower *follower = data;

    if (follower->is_against)
        return (fail)(why, RC_UNTRUSTED, "no"); /* cmocka has a macro of this name */

    bytes_put(&follower->seen, piece);
    return bytes_check(&follower->seen, why);
}

static void
on_again(void *data)
{
    struct follower *follower = data;

    follower->n_again++;
    bytes_clear(&follower->seen);
}

struct rig {
    struct canned server;
    struct http *http;
    struct follower follower;
    struct http_watch watch;
    struct content content; /* TEXT, behind something else */
    struct why why;
};

static void
rig_open(struct rig *rig, const char *const *answers)
{
    static const struct http_options plain = {.is_plain_allowed = true, .idle_timeout_s = 1};

    *rig = (struct rig){.follower.seen = BYTES_INIT(1000)};
    rig->watch = (struct http_watch){on_piece, on_again, &rig->follower};
    rig->content = (struct content){.fd = memfd_create("content", MFD_CLOEXEC),
        .is_fd_ours = true,
        .offset = 5,
        .size = sizeof TEXT - 1};
    assert_int_equal(write(rig->content.fd, "other" TEXT "more", 9 + sizeof TEXT - 1),
        (ssize_t)(9 + sizeof TEXT - 1));
    canned_listen(&rig->server);
    canned_answer(&rig->server, answers);
    assert_int_equal(http_new(&rig->http, rig->server.url, &plain, &rig->why), RC_OK);
}

static void
rig_close(struct rig *rig)
{
    content_done(&rig->content);
    bytes_done(&rig->follower.seen);
    http_free(rig->http);
    canned_stop(&rig->server);
}

/* The status of the answer, or minus what went wrong. */
static long
ask(struct rig *rig, const struct http_request *request)
{
    closing(http_response_done) struct http_response response = {0};

    enum rc rc = http_send(&response, rig->http, request, &rig->why);
    return rc ? -(long)rc : response.status;
}

static void
test_sends_part_of_a_file(void **state)
{
    static const struct http_header range = {"Content-Range", "0-20"};
    struct rig rig;

    (void)state;
    rig_open(&rig, (const char *const[]){MADE, NULL});
    const struct http_request request = {
        .method = "PATCH",
        .path = "/up?_state=x",
        .content_type = "application/octet-stream",
        .content = &rig.content,
        .sent = &rig.watch,
        .headers = &range,
        .n_headers = 1,
        .max_bytes = 1,
    };
    assert_int_equal(ask(&rig, &request), 201);
    assert_string_equal(bytes_text(&rig.follower.seen), TEXT);
    assert_int_equal(rig.follower.n_again, 0);

    const char *asked = canned_requests(&rig.server);
    assert_ptr_equal(strstr(asked, "PATCH /up?_state=x HTTP/1.1\r\n"), asked);
    assert_non_null(strstr(asked, "\r\nContent-Range: 0-20\r\n"));
    assert_non_null(strstr(asked, "\r\nContent-Length: 21\r\n"));
    assert_null(strstr(asked, "Expect"));
    assert_null(strstr(asked, "Transfer-Encoding"));
    assert_non_null(strstr(asked, "\r\n\r\n" TEXT "\n\n"));
    rig_close(&rig);
}

static void
test_sends_requests_without_a_body(void **state)
{
    static const struct {
        const char *method, *length;
    } cases[] = {
        {"HEAD", NULL},
        {"POST", "\r\nContent-Length: 0\r\n"},
        {"PUT", "\r\nContent-Length: 0\r\n"},
        {"DELETE", "\r\nContent-Length: 0\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        const struct http_request request = {
            .method = cases[i].method, .path = "/", .max_bytes = 1};
        struct rig rig;

        print_message("%s\n", cases[i].method);
        rig_open(&rig, (const char *const[]){"HTTP/1.1 204 X\r\nContent-Length: 7\r\n\r\n", NULL});
        assert_int_equal(ask(&rig, &request), 204);
        const char *asked = canned_requests(&rig.server);
        assert_int_equal(strncmp(asked, cases[i].method, strlen(cases[i].method)), 0);
        assert_null(strstr(asked, "Content-Type"));
        if (cases[i].length)
            assert_non_null(strstr(asked, cases[i].length));
        else
            assert_null(strstr(asked, "Content-Length"));
        rig_close(&rig);
    }
}

static void
test_begins_again_with_what_is_repeatable_only(void **state)
{
    static const struct {
        const char *says;
        const char *answers[3];
        bool is_repeatable;
        long want;
        int n_again;
    } cases[] = {
        {"a busy server", {BUSY, MADE}, true, 201, 1},
        {"a connection that breaks", {"", MADE}, true, 201, 1},
        {"both", {BUSY, "", MADE}, true, 201, 2},
        {"a busy server, once", {BUSY, MADE}, false, 503, 0},
        {"a connection that breaks, once", {"", MADE}, false, -RC_NETWORK, 0},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct rig rig;

        print_message("%s\n", cases[i].says);
        rig_open(&rig, (const char *const[]){
                           cases[i].answers[0], cases[i].answers[1], cases[i].answers[2], NULL});
        const struct http_request request = {
            .method = "PUT",
            .path = "/",
            .content = &rig.content,
            .sent = &rig.watch,
            .max_bytes = 1,
            .is_repeatable = cases[i].is_repeatable,
        };
        assert_int_equal(ask(&rig, &request), cases[i].want);
        assert_int_equal(rig.follower.n_again, cases[i].n_again);
        assert_string_equal(bytes_text(&rig.follower.seen), TEXT);
        rig_close(&rig);
    }
}

static void
test_gives_what_comes_to_who_receives_it(void **state)
{
    static const char cut[] = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nan";
    static const struct {
        const char *says;
        const char *answers[2];
        long want;
        const char *seen;
        int n_again;
    } cases[] = {
        {"a body beyond the bound of others", {OK("answer")}, 200, "answer", 0},
        {"an error is no body", {"HTTP/1.1 404 X\r\n\r\nanswer"}, 404, "", 0},
        {"one that broke begins again", {cut, OK("answer")}, 200, "answer", 1},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct rig rig;

        print_message("%s\n", cases[i].says);
        rig_open(&rig, (const char *const[]){cases[i].answers[0], cases[i].answers[1], NULL});
        const struct http_request request = {
            .method = "GET", .path = "/", .received = &rig.watch, .max_bytes = 1};
        assert_int_equal(ask(&rig, &request), cases[i].want);
        assert_int_equal(rig.follower.n_again, cases[i].n_again);
        assert_string_equal(bytes_text(&rig.follower.seen), cases[i].seen);
        rig_close(&rig);
    }
}

static void
test_stops_where_a_watch_says_so_and_where_the_file_is_short(void **state)
{
    struct rig rig;

    (void)state;
    for (int i = 0; i < 3; i++) {
        rig_open(&rig, (const char *const[]){OK("answer"), NULL});
        const struct http_request request = {
            .method = i == 0 ? "GET" : "PUT",
            .path = "/",
            .content = i == 0 ? NULL : &rig.content,
            .sent = &rig.watch,
            .received = &rig.watch,
            .max_bytes = 1,
            .is_repeatable = true,
        };
        rig.follower.is_against = i < 2;
        rig.content.size += i == 2 ? 5 : 0;
        assert_int_equal(ask(&rig, &request), i < 2 ? -RC_UNTRUSTED : -RC_SYSTEM);
        if (i < 2)
            assert_string_equal(rig.why.text, "no");
        rig_close(&rig);
    }
}

static void
test_gives_up_what_drips(void **state)
{
    static const char slow[] =
        "HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\nan answer that stops";
    struct rig rig;

    (void)state;
    rig_open(&rig, (const char *const[]){slow, "", NULL});
    const struct http_request request = {
        .method = "GET", .path = "/", .received = &rig.watch, .max_bytes = 1};
    assert_int_equal(ask(&rig, &request), -RC_NETWORK);
    assert_non_null(strstr(rig.why.text, "the server hangs: too little came for 1 s"));
    rig_close(&rig);
}

static void
test_refuses_headers_that_would_be_two(void **state)
{
    static const struct http_header forged = {"X-One", "a\r\nX-Two: b"};
    const struct http_request request = {
        .method = "GET", .path = "/", .headers = &forged, .n_headers = 1, .max_bytes = 1};
    struct rig rig;

    (void)state;
    rig_open(&rig, (const char *const[]){OK("x"), NULL});
    assert_int_equal(ask(&rig, &request), -RC_MALFORMED);
    rig_close(&rig);
}

static void
test_takes_only_range_to_other_hosts(void **state)
{
    static const struct http_header headers[] = {{"Range", "bytes=1-"}, {"X-Registry-Auth", "s"}};
    closing(freep) char *moved = NULL;
    struct canned other;
    struct rig rig;

    (void)state;
    canned_listen(&other);
    canned_answer(&other, (const char *const[]){OK("x"), NULL});
    assert_true(
        asprintf(&moved, "HTTP/1.1 307 X\r\nLocation: %s/blob?sig=1\r\n\r\n", other.url) > 0);
    rig_open(&rig, (const char *const[]){moved, NULL});
    const struct http_request request = {
        .method = "GET",
        .path = "/",
        .authorization = "Bearer t",
        .headers = headers,
        .n_headers = N_ELEMENTS(headers),
        .max_bytes = 1,
        .is_redirect_followed = true,
    };
    assert_int_equal(ask(&rig, &request), 200);
    assert_non_null(strstr(canned_requests(&rig.server), "\r\nX-Registry-Auth: s\r\n"));
    assert_non_null(strstr(canned_requests(&other), "\r\nRange: bytes=1-\r\n"));
    assert_null(strstr(canned_requests(&other), "X-Registry-Auth"));
    assert_null(strstr(canned_requests(&other), "Authorization"));
    canned_stop(&other);
    rig_close(&rig);
}

static void
test_makes_new_connections_after_it_closed_them(void **state)
{
    const struct http_request request = {.method = "GET", .path = "/", .max_bytes = 1};
    struct rig rig;

    (void)state;
    rig_open(&rig, (const char *const[]){OK("a"), OK("b"), OK("c"), NULL});
    assert_int_equal(ask(&rig, &request), 200);
    assert_int_equal(ask(&rig, &request), 200);
    assert_int_equal(canned_n_connections(&rig.server), 1);
    assert_int_equal(http_disconnect(rig.http, &rig.why), RC_OK);
    assert_int_equal(ask(&rig, &request), 200);
    assert_int_equal(canned_n_connections(&rig.server), 2);
    rig_close(&rig);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sends_part_of_a_file),
        cmocka_unit_test(test_sends_requests_without_a_body),
        cmocka_unit_test(test_begins_again_with_what_is_repeatable_only),
        cmocka_unit_test(test_gives_what_comes_to_who_receives_it),
        cmocka_unit_test(test_stops_where_a_watch_says_so_and_where_the_file_is_short),
        cmocka_unit_test(test_gives_up_what_drips),
        cmocka_unit_test(test_refuses_headers_that_would_be_two),
        cmocka_unit_test(test_takes_only_range_to_other_hosts),
        cmocka_unit_test(test_makes_new_connections_after_it_closed_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
