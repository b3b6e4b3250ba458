/* SPDX-License-Identifier: Apache-2.0 */
#include "client/http_failure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "client/http.h"
#include "tests/canned.h"

#define WITHIN "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12"

/* GET "/"; options: NULL: plain HTTP and the usual times. */
static enum rc
ask(const char *url, const struct http_options *options, struct why *why)
{
    static const struct http_options plain = {.is_plain_allowed = true};
    closing(http_freep) struct http *http = NULL;
    closing(http_response_done) struct http_response response = {0};
    const struct http_request request = {.method = "GET", .path = "/", .max_bytes = 5};

    enum rc rc = http_new(&http, url, options ? options : &plain, why);
    return rc ? rc : http_send(&response, http, &request, why);
}

static void
test_says_what_came_instead_of_an_answer_and_what_to_do(void **state)
{
    static const struct {
        const char *says, *answer, *sentence;
    } cases[] = {
        {"another protocol", "SSH-2.0-OpenSSH_9.2\r\n",
            "what answers does not speak HTTP; check host and port"},
        {"nothing", "", "without an answer; check host and port, and the log of the server"},
        {"the end within the body",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n12",
            "closed within the answer; try again, and check proxies in between"},
        {"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 5\r\n\r\n1",
            "closed within the answer"},
        {"a length below zero", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n12345",
            "Content-Length: value; check host and port, and proxies in between"},
        {"chunks that are none",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n12345\r\n",
            "the connection broke: Illegal or missing hexadecimal sequence"},
        {"a chunk larger than all memory",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n12345\r\n",
            "the connection broke: Illegal or missing hexadecimal sequence"},
        {"more than was wanted", "HTTP/1.1 200 OK\r\n\r\n123456",
            "more than 5 bytes, the limit; check what answers there"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct canned server;
        struct why why = {0};

        print_message("%s\n", cases[i].says);
        canned_listen(&server);
        canned_answer(&server, (const char *const[]){cases[i].answer, NULL});
        assert_int_equal(ask(server.url, NULL, &why), RC_NETWORK);
        assert_ptr_equal(strstr(why.text, server.url), why.text);
        assert_non_null(strstr(why.text, cases[i].sentence));
        canned_stop(&server);
    }
}

static void
test_gives_up_servers_that_hang(void **state)
{
    static const struct {
        const char *says, *answer; /* NULL: not even accepted */
        struct http_options options;
        const char *sentence;
    } cases[] = {
        {"before the head", NULL, {.is_plain_allowed = true, .idle_timeout_s = 1},
            "the server hangs: nothing came for 1 s; try again, and see its log"},
        {"within the body", WITHIN, {.is_plain_allowed = true, .idle_timeout_s = 1},
            "the server hangs: nothing came for 1 s"},
        {"for longer than an answer may take", WITHIN, {.is_plain_allowed = true, .timeout_s = 1},
            "the server hangs: its answer takes more than 1 s"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct canned server;
        struct why why = {0};

        print_message("%s\n", cases[i].says);
        canned_listen(&server);
        /* With an answer to come the connection is kept. */
        if (cases[i].answer)
            canned_answer(&server, (const char *const[]){cases[i].answer, "", NULL});
        assert_int_equal(ask(server.url, &cases[i].options, &why), RC_NETWORK);
        assert_non_null(strstr(why.text, server.url));
        assert_non_null(strstr(why.text, cases[i].sentence));
        canned_stop(&server);
    }
}

static void
test_names_what_is_wrong_on_the_way(void **state)
{
    static const struct http_options tls = {.certs = {.dir = "/nonexistent"}};
    struct canned server;
    struct why why = {0};
    char url[80];

    (void)state;
    assert_int_equal(ask("https://absent.invalid", &tls, &why), RC_NETWORK);
    assert_non_null(strstr(why.text, "https://absent.invalid/: the name of the host is not known; "
                                     "check its spelling"));

    setenv("https_proxy", "http://absent.invalid:1", 1);
    assert_int_equal(ask("https://192.0.2.1", &tls, &why), RC_NETWORK);
    unsetenv("https_proxy");
    assert_non_null(strstr(why.text, "the name of the proxy is not known; check https_proxy"));

    canned_listen(&server);
    canned_answer(&server, (const char *const[]){WITHIN, NULL});
    snprintf(url, sizeof url, "https://127.0.0.1:%d", server.port);
    assert_int_equal(ask(url, &tls, &why), RC_NETWORK);
    assert_non_null(strstr(why.text, ": no connection: "));
    canned_stop(&server);

    assert_int_equal(ask(url, &tls, &why), RC_NETWORK);
    assert_non_null(strstr(why.text, "cannot connect: Connection refused; check host and port"));
}

static void
test_names_the_server_that_sends_elsewhere(void **state)
{
    static const char moved[] =
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/x?secret\r\n\r\n";
    closing(http_freep) struct http *http = NULL;
    closing(http_response_done) struct http_response response = {0};
    const struct http_options plain = {.is_plain_allowed = true};
    const struct http_request request = {
        .method = "GET", .path = "/", .max_bytes = 5, .is_redirect_followed = true};
    struct canned server;
    struct why why = {0};
    char want[200];

    (void)state;
    canned_listen(&server);
    canned_answer(&server, (const char *const[]){moved, NULL});
    assert_int_equal(http_new(&http, server.url, &plain, &why), RC_OK);
    assert_int_equal(http_send(&response, http, &request, &why), RC_NETWORK);
    snprintf(
        want, sizeof want, "%s/ sends us on: http://127.0.0.1:1/x: cannot connect", server.url);
    assert_ptr_equal(strstr(why.text, want), why.text);
    assert_null(strstr(why.text, "secret"));
    canned_stop(&server);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_says_what_came_instead_of_an_answer_and_what_to_do),
        cmocka_unit_test(test_gives_up_servers_that_hang),
        cmocka_unit_test(test_names_what_is_wrong_on_the_way),
        cmocka_unit_test(test_names_the_server_that_sends_elsewhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
