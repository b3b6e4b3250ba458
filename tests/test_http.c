/* SPDX-License-Identifier: Apache-2.0 */
#include "client/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "client/http_error.h"
#include "proto/bounds.h"
#include "tests/canned.h"

#define OK(body) "HTTP/1.1 200 OK\r\n\r\n" body
#define CHECK    "; check the address, and proxies in between"

static const struct http_options plain = {.is_plain_allowed = true};

static void
open_http(struct http **ret, const struct canned *server)
{
    struct why why = {0};

    assert_int_equal(http_new(ret, server->url, &plain, &why), RC_OK);
}

static void
test_returns_status_headers_and_body(void **state)
{
    static const char *const answers[] = {
        "HTTP/1.1 401 Unauthorized\r\nContent-Type: text/plain; x=y\r\n"
        "WWW-Authenticate: Basic realm=\"a\"\r\nwww-authenticate:Bearer realm=\"b\"\r\n"
        "Location: /x\r\nDocker-Content-Digest: sha256:00\r\nRetry-After: 7\r\n\r\nno",
        NULL};
    closing(http_freep) struct http *http = NULL;
    closing(http_response_done) struct http_response response = {0};
    struct canned server;
    struct why why = {0};

    (void)state;
    canned_listen(&server);
    canned_answer(&server, answers);
    open_http(&http, &server);
    const struct http_request request = {
        .method = "POST",
        .path = "/a/../b?c",
        .accept = "application/json",
        .content_type = "text/x",
        .authorization = "Bearer secret",
        .body = SPAN("body"),
        .max_bytes = 2,
    };
    assert_int_equal(http_send(&response, http, &request, &why), RC_OK);

    assert_int_equal(response.status, 401);
    assert_string_equal(bytes_text(&response.body), "no");
    assert_true(http_response_is(&response, "text/plain"));
    assert_false(http_response_is(&response, "text/plai"));
    assert_string_equal(response.www_authenticate, "Basic realm=\"a\"\nBearer realm=\"b\"");
    assert_string_equal(response.location, "/x");
    assert_string_equal(response.docker_digest, "sha256:00");
    assert_int_equal(response.retry_after_s, 7);

    const char *asked = canned_requests(&server);
    assert_non_null(strstr(asked, "POST /a/../b?c HTTP/1.1\r\n"));
    assert_non_null(strstr(asked, "\r\nAccept: application/json\r\n"));
    assert_non_null(strstr(asked, "\r\nContent-Type: text/x\r\n"));
    assert_non_null(strstr(asked, "\r\nAuthorization: Bearer secret\r\n"));
    assert_non_null(strstr(asked, "\r\nUser-Agent: countersign/"));
    assert_non_null(strstr(asked, "\r\nCache-Control: no-cache\r\n"));
    assert_null(strstr(asked, "Expect"));
    assert_non_null(strstr(asked, "\r\n\r\nbody"));
    canned_stop(&server);
}

static void
test_uses_a_connection_again(void **state)
{
    static const char *const answers[] = {OK("a"), OK("b"), OK("c"), NULL};
    closing(http_freep) struct http *http = NULL;
    struct canned server;
    struct why why = {0};

    (void)state;
    canned_listen(&server);
    canned_answer(&server, answers);
    open_http(&http, &server);
    for (int i = 0; i < 3; i++) {
        closing(http_response_done) struct http_response response = {0};
        const struct http_request request = {.method = "GET", .path = "/", .max_bytes = 1};

        assert_int_equal(http_send(&response, http, &request, &why), RC_OK);
        assert_int_equal(bytes_text(&response.body)[0], "abc"[i]);
    }
    assert_int_equal(canned_n_connections(&server), 1);
    canned_stop(&server);
}

static void
test_refuses_answers_beyond_their_bounds(void **state)
{
    closing(bytes_done) struct bytes head = BYTES_INIT(2 * HTTP_HEADERS_MAX_BYTES);
    closing(bytes_done) struct bytes long_head = BYTES_INIT(2 * HTTP_HEADERS_MAX_BYTES);
    static const char start[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n";
    const size_t fixed = sizeof start - 1 + strlen("X: \r\n\r\n");

    /* Filled in many lines, as libcurl has a bound of its own on one. */
    bytes_puts(&head, start);
    while (head.len + 1000 < HTTP_HEADERS_MAX_BYTES)
        bytes_printf(&head, "X: %0200d\r\n", 0);
    bytes_printf(&head, "X: %0*d\r\n\r\n",
        (int)(HTTP_HEADERS_MAX_BYTES - head.len - (fixed - (sizeof start - 1))), 0);
    assert_int_equal(head.len, HTTP_HEADERS_MAX_BYTES);
    bytes_puts(&long_head, start);
    bytes_puts(&long_head, "Y:\r\n");
    bytes_puts(&long_head, bytes_text(&head) + sizeof start - 1);

    const struct {
        const char *says, *answer;
        enum rc want;
    } cases[] = {
        {"a body of the limit", OK("12345"), RC_OK},
        {"a body above the limit", OK("123456"), RC_NETWORK},
        {"a chunked body above the limit",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
            "chunked\r\n\r\n3\r\n123\r\n3\r\n456\r\n0\r\n\r\n",
            RC_NETWORK},
        {"a head of the limit", bytes_text(&head), RC_OK},
        {"a head above the limit", bytes_text(&long_head), RC_NETWORK},
        {"a body that ends early",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"
            "12",
            RC_NETWORK},
        {"no answer", "", RC_NETWORK},
        {"no HTTP", "hello, this is SMTP\r\n", RC_NETWORK},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(http_freep) struct http *http = NULL;
        closing(http_response_done) struct http_response response = {0};
        const struct http_request request = {.method = "GET", .path = "/", .max_bytes = 5};
        struct canned server;
        struct why why = {0};

        print_message("%s\n", cases[i].says);
        canned_listen(&server);
        canned_answer(&server, (const char *const[]){cases[i].answer, NULL});
        open_http(&http, &server);
        assert_int_equal(http_send(&response, http, &request, &why), cases[i].want);
        if (cases[i].want)
            assert_non_null(strstr(why.text, server.url));
        canned_stop(&server);
    }
}

/* Ask for /start with credentials; the server says "go to location", then "there". */
static enum rc
follow(const char *location, bool has_port, bool is_wanted, long *ret_status, char ret_asked[1000])
{
    closing(http_freep) struct http *http = NULL;
    closing(http_response_done) struct http_response response = {0};
    closing(freep) char *moved = NULL;
    char port[16] = "";
    struct canned server;
    struct why why = {0};

    canned_listen(&server);
    if (has_port)
        snprintf(port, sizeof port, ":%d/next", server.port);
    assert_true(asprintf(&moved,
                    "HTTP/1.1 307 Temporary Redirect\r\nLocation: %s%s\r\n"
                    "\r\n",
                    location, port) > 0);
    canned_answer(&server, (const char *const[]){moved, OK("there"), NULL});
    open_http(&http, &server);
    const struct http_request request = {
        .method = "GET",
        .path = "/start",
        .authorization = "Bearer secret",
        .max_bytes = 5,
        .is_redirect_followed = is_wanted,
    };
    enum rc rc = http_send(&response, http, &request, &why);
    *ret_status = response.status;
    const char *second = strstr(canned_requests(&server), "\n\nGET ");
    snprintf(ret_asked, 1000, "%s", second ? second + 2 : "");
    canned_stop(&server);
    return rc;
}

static void
test_follows_redirects_only_where_wanted_and_never_with_credentials_elsewhere(void **state)
{
    static const struct {
        const char *says, *location;
        bool has_port; /* ":PORT/next" goes after it */
        bool is_wanted;
        enum rc want;
        long status;
        bool is_followed, has_credentials;
    } cases[] = {
        {"not wanted", "/next", false, false, RC_OK, 307, false, false},
        {"same server", "/next", false, true, RC_OK, 200, true, true},
        {"same server in full", "http://127.0.0.1", true, true, RC_OK, 200, true, true},
        {"another host", "http://localhost", true, true, RC_OK, 200, true, false},
        {"plain and not loopback", "http://192.0.2.1", true, true, RC_NETWORK, 0, false, false},
        {"another scheme", "file:///etc/passwd", false, true, RC_NETWORK, 0, false, false},
        {"a user in it", "http://u:p@127.0.0.1", true, true, RC_NETWORK, 0, false, false},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        char asked[1000];
        long status = 0;

        print_message("%s\n", cases[i].says);
        enum rc rc =
            follow(cases[i].location, cases[i].has_port, cases[i].is_wanted, &status, asked);
        assert_int_equal(rc, cases[i].want);
        assert_int_equal(status, cases[i].status);
        assert_int_equal(*asked != 0, cases[i].is_followed);
        assert_int_equal(strstr(asked, "Authorization:") != NULL, cases[i].has_credentials);
    }
}

static void
test_gives_up_after_too_many_redirects(void **state)
{
    static const char again[] = "HTTP/1.1 302 Found\r\nLocation: /again\r\n\r\n";

    (void)state;
    for (int n = HTTP_REDIRECTS_MAX; n <= HTTP_REDIRECTS_MAX + 1; n++) {
        closing(http_freep) struct http *http = NULL;
        closing(http_response_done) struct http_response response = {0};
        const char *answers[HTTP_REDIRECTS_MAX + 3] = {0};
        const struct http_request request = {
            .method = "GET", .path = "/", .max_bytes = 1, .is_redirect_followed = true};
        struct canned server;
        struct why why = {0};

        for (int i = 0; i < n; i++)
            answers[i] = again;
        answers[n] = OK("x");
        canned_listen(&server);
        canned_answer(&server, answers);
        open_http(&http, &server);
        enum rc want = n <= HTTP_REDIRECTS_MAX ? RC_OK : RC_NETWORK;
        assert_int_equal(http_send(&response, http, &request, &why), want);
        canned_stop(&server);
    }
}

static void
test_tries_again_what_passes_by_itself(void **state)
{
    static const char busy[] = "HTTP/1.1 503 X\r\n\r\n";
    static const char later[] = "HTTP/1.1 429 X\r\nRetry-After: 11\r\n\r\n";
    static const struct {
        const char *says, *method;
        const char *answers[4];
        long want;
    } cases[] = {
        {"twice", "GET", {busy, busy, OK("x")}, 200},
        {"not for ever", "GET", {busy, busy, busy, OK("x")}, 503},
        {"not what may have been done", "POST", {busy, OK("x")}, 503},
        {"not where the server wants long waits", "GET", {later, OK("x")}, 429},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(http_freep) struct http *http = NULL;
        closing(http_response_done) struct http_response response = {0};
        const char *const answers[] = {cases[i].answers[0], cases[i].answers[1],
            cases[i].answers[2], cases[i].answers[3], NULL};
        const struct http_request request = {
            .method = cases[i].method, .path = "/", .max_bytes = 1};
        struct canned server;
        struct why why = {0};

        print_message("%s\n", cases[i].says);
        canned_listen(&server);
        canned_answer(&server, answers);
        open_http(&http, &server);
        assert_int_equal(http_send(&response, http, &request, &why), RC_OK);
        assert_int_equal(response.status, cases[i].want);
        canned_stop(&server);
    }
}

static void
test_forgets_the_headers_of_interim_answers(void **state)
{
    static const char *const answers[] = {"HTTP/1.1 103 Early Hints\r\nLocation: /early\r\n\r\n"
                                          "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
        NULL};
    closing(http_freep) struct http *http = NULL;
    closing(http_response_done) struct http_response response = {0};
    const struct http_request request = {.method = "GET", .path = "/", .max_bytes = 1};
    struct canned server;
    struct why why = {0};

    (void)state;
    canned_listen(&server);
    canned_answer(&server, answers);
    open_http(&http, &server);
    assert_int_equal(http_send(&response, http, &request, &why), RC_OK);
    assert_int_equal(response.status, 200);
    assert_null(response.location);
    canned_stop(&server);
}

static void
test_refuses_bases(void **state)
{
    static const struct {
        const char *base;
        bool is_plain_allowed;
    } cases[] = {
        {"http://127.0.0.1:1", false},
        {"http://example.com", true},
        {"https://host/", true},
        {"https://host?x", true},
        {"host:5000", true},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        const struct http_options options = {.is_plain_allowed = cases[i].is_plain_allowed};
        struct http *http = NULL;
        struct why why = {0};

        assert_int_equal(http_new(&http, cases[i].base, &options, &why), RC_MALFORMED);
        assert_null(http);
    }
}

static void
test_names_the_cause_where_nobody_listens(void **state)
{
    closing(http_freep) struct http *http = NULL;
    const struct http_request request = {.method = "GET", .path = "/v2/", .max_bytes = 1};
    struct http_response response = {0};
    struct canned server;
    struct why why = {0};
    char want[200];

    (void)state;
    canned_listen(&server);
    open_http(&http, &server);
    snprintf(want, sizeof want,
        "%s/v2/: cannot connect: Connection refused; check host and port, and whether the server "
        "runs",
        server.url);
    canned_stop(&server);
    assert_int_equal(http_send(&response, http, &request, &why), RC_NETWORK);
    assert_string_equal(why.text, want);
}

static void
test_reads_error_bodies(void **state)
{
    static const struct {
        const char *says, *body, *code, *text;
    } cases[] = {
        {"a conflict",
            "{\"errors\":[{\"code\":\"VERSION\",\"message\":\"A newer.\",\"detail\":{}}]}",
            "VERSION", "HTTP 400 VERSION: A newer."},
        {"a refused update",
            "{\"errors\":[{\"code\":\"INVALID_UPDATE\",\"message\":\"M\",\"detail\":"
            "{\"Name\":\"ErrBadRoot\",\"Error\":{\"Msg\":\"why\"}}}]}",
            "INVALID_UPDATE", "HTTP 400 INVALID_UPDATE: M: ErrBadRoot: why"},
        {"a role", "{\"errors\":[{\"code\":\"INVALID_ROLE\",\"message\":\"M\",\"detail\":\"x\"}]}",
            "INVALID_ROLE", "HTTP 400 INVALID_ROLE: M: 'x'"},
        {"details of another kind",
            "{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"M\",\"detail\":[{\"Type\":1}]}]"
            "}",
            "UNAUTHORIZED", "HTTP 400 UNAUTHORIZED: M"},
        {"HTML", "<html>", "", "HTTP 400 with a body of type 'text/html'" CHECK},
        {"no errors", "{\"errors\":[]}", "", "HTTP 400 with a body of type 'text/html'" CHECK},
        {"an array", "[1]", "", "HTTP 400 with a body of type 'text/html'" CHECK},
        {"a code that is none", "{\"errors\":[{\"code\":7}]}", "",
            "HTTP 400 with a body of type 'text/html'" CHECK},
        {"nothing", "", "", "HTTP 400" CHECK},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(http_response_done) struct http_response response = {
            .status = 400, .body = BYTES_INIT(1000), .content_type = strdup("text/html")};
        struct http_error error;

        print_message("%s\n", cases[i].says);
        bytes_puts(&response.body, cases[i].body);
        http_error_read(&error, &response);
        assert_string_equal(error.code, cases[i].code);
        assert_string_equal(error.text, cases[i].text);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_returns_status_headers_and_body),
        cmocka_unit_test(test_uses_a_connection_again),
        cmocka_unit_test(test_refuses_answers_beyond_their_bounds),
        cmocka_unit_test(
            test_follows_redirects_only_where_wanted_and_never_with_credentials_elsewhere),
        cmocka_unit_test(test_gives_up_after_too_many_redirects),
        cmocka_unit_test(test_tries_again_what_passes_by_itself),
        cmocka_unit_test(test_forgets_the_headers_of_interim_answers),
        cmocka_unit_test(test_refuses_bases),
        cmocka_unit_test(test_names_the_cause_where_nobody_listens),
        cmocka_unit_test(test_reads_error_bodies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
