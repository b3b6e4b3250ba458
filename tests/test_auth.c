/* SPDX-License-Identifier: Apache-2.0 */
#include "client/auth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/bounds.h"
#include "tests/canned.h"

#define SCOPE     "repository:h:1/shop/web:pull"
#define OK        "HTTP/1.1 200 OK\r\n\r\nx"
#define REFUSED   "HTTP/1.1 401 Unauthorized\r\n\r\n"
#define WANTS     "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: "
#define BASIC     WANTS "Basic realm=\"r\"\r\n\r\n"
#define TOKEN(x)  "HTTP/1.1 200 OK\r\n\r\n" x
#define ALICE     "{\"auths\":{\"h:1\":{\"auth\":\"YWxpY2U6czM6Y3JldA==\"}}}"
#define IDENTITY  "{\"auths\":{\"h:1\":{\"identitytoken\":\"i d\"}}}"
#define ANONYMOUS "{}"

/* A server that is its own realm, and what it is told. */
struct rig {
    struct canned server;
    struct http *http;
    struct auth *auth;
    char bearer[200]; /* a challenge that names the server as its realm */
};

static void
rig_open(struct rig *rig, const char *config)
{
    static const struct http_options plain = {.is_plain_allowed = true};
    struct why why = {0};

    setenv("DOCKER_AUTH_CONFIG", config, 1);
    canned_listen(&rig->server);
    snprintf(rig->bearer, sizeof rig->bearer,
        WANTS "Bearer realm=\"%s/token?a=b\",service=\"S s\",scope=\"x\"\r\n\r\n", rig->server.url);
    assert_int_equal(http_new(&rig->http, rig->server.url, &plain, &why), RC_OK);
    assert_int_equal(auth_new(&rig->auth, rig->http, "h:1", false, &why), RC_OK);
}

static void
rig_close(struct rig *rig)
{
    auth_free(rig->auth);
    http_free(rig->http);
    canned_stop(&rig->server);
}

/* The status of the answer, or -1. */
static long
ask(struct rig *rig, const char *scope, struct why *why)
{
    closing(http_response_done) struct http_response response = {0};
    const struct http_request request = {.method = "GET", .path = "/v2/", .max_bytes = 1};

    return auth_send(&response, rig->auth, &request, scope, why) ? -1 : response.status;
}

static size_t
count(const char *text, const char *what)
{
    size_t n = 0;

    for (const char *at = strstr(text, what); at; at = strstr(at + 1, what))
        n++;
    return n;
}

static void
test_sends_nothing_to_a_server_that_does_not_ask(void **state)
{
    struct rig rig;
    struct why why = {0};

    (void)state;
    rig_open(&rig, ALICE);
    canned_answer(&rig.server, (const char *const[]){OK, NULL});
    assert_int_equal(ask(&rig, SCOPE, &why), 200);
    assert_null(strstr(canned_requests(&rig.server), "Authorization"));
    rig_close(&rig);
}

static void
test_answers_basic_at_once_after_the_first_time(void **state)
{
    struct rig rig;
    struct why why = {0};

    (void)state;
    rig_open(&rig, ALICE);
    canned_answer(&rig.server, (const char *const[]){BASIC, OK, OK, BASIC, NULL});
    assert_int_equal(ask(&rig, SCOPE, &why), 200);
    assert_int_equal(ask(&rig, SCOPE, &why), 200);
    assert_int_equal(ask(&rig, SCOPE, &why), 401); /* no better answer is known */
    assert_int_equal(count(canned_requests(&rig.server), "GET "), 4);
    assert_int_equal(
        count(canned_requests(&rig.server), "\r\nAuthorization: Basic YWxpY2U6czM6Y3JldA==\r\n"),
        3);
    rig_close(&rig);
}

static void
test_fetches_a_token_for_each_scope_and_keeps_it(void **state)
{
    static const char token[] = TOKEN("{\"token\":\"t.1\",\"expires_in\":9}");
    static const char other[] = TOKEN("{\"access_token\":\"t-2_\"}");
    struct rig rig;
    struct why why = {0};

    (void)state;
    rig_open(&rig, ALICE);
    canned_answer(
        &rig.server, (const char *const[]){rig.bearer, token, OK, OK, other, OK, OK, NULL});
    assert_int_equal(ask(&rig, SCOPE, &why), 200);
    assert_int_equal(ask(&rig, SCOPE, &why), 200); /* 9 s count as 60 */
    assert_int_equal(ask(&rig, "repository:h:1/shop/web:push,pull", &why), 200);
    assert_int_equal(ask(&rig, SCOPE, &why), 200);

    const char *asked = canned_requests(&rig.server);
    assert_int_equal(count(asked, "GET /token"), 2);
    assert_non_null(strstr(asked,
        "GET "
        "/token?a=b&account=alice&scope=repository%3Ah%3A1%2Fshop%2Fweb%3Apull&service=S%20s "));
    assert_non_null(strstr(asked, "scope=repository%3Ah%3A1%2Fshop%2Fweb%3Apush%2Cpull&"));
    assert_int_equal(count(asked, "Authorization: Basic YWxpY2U6czM6Y3JldA=="), 2);
    assert_int_equal(count(asked, "Authorization: Bearer t.1\r\n"), 3);
    assert_int_equal(count(asked, "Authorization: Bearer t-2_\r\n"), 1);
    rig_close(&rig);
}

static void
test_fetches_an_anonymous_token_without_credentials(void **state)
{
    struct rig rig;
    struct why why = {0};

    (void)state;
    rig_open(&rig, ANONYMOUS);
    canned_answer(
        &rig.server, (const char *const[]){rig.bearer, TOKEN("{\"token\":\"t\"}"), OK, NULL});
    assert_int_equal(ask(&rig, SCOPE, &why), 200);
    assert_null(strstr(canned_requests(&rig.server), "account="));
    assert_null(strstr(canned_requests(&rig.server), "Basic"));
    rig_close(&rig);
}

static void
test_posts_an_identity_token(void **state)
{
    struct rig rig;
    struct why why = {0};

    (void)state;
    rig_open(&rig, IDENTITY);
    canned_answer(
        &rig.server, (const char *const[]){rig.bearer, TOKEN("{\"token\":\"t\"}"), OK, NULL});
    assert_int_equal(ask(&rig, SCOPE, &why), 200);
    const char *asked = canned_requests(&rig.server);
    assert_non_null(strstr(asked, "POST /token?a=b HTTP/1.1\r\n"));
    assert_non_null(strstr(asked,
        "\r\n\r\nclient_id=docker&grant_type=refresh_token&refresh_token=i%20d&scope=repository%3A"
        "h%3A1%2Fshop%2Fweb%3Apull&service=S%20s"));
    assert_null(strstr(asked, "Basic"));
    rig_close(&rig);
}

static void
test_asks_for_several_scopes_at_once(void **state)
{
    static const char both[] = "repository:h:1/shop/web:pull,push repository:h:1/base:pull";
    static const struct {
        const char *says, *config, *asked;
    } cases[] = {
        {"by password", ALICE,
            "&scope=repository%3Ah%3A1%2Fshop%2Fweb%3Apull%2Cpush"
            "&scope=repository%3Ah%3A1%2Fbase%3Apull&service="},
        {"with an identity token", IDENTITY,
            "&scope=repository%3Ah%3A1%2Fshop%2Fweb%3Apull%2Cpush"
            "%20repository%3Ah%3A1%2Fbase%3Apull&service="},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct rig rig;
        struct why why = {0};

        print_message("%s\n", cases[i].says);
        rig_open(&rig, cases[i].config);
        canned_answer(&rig.server,
            (const char *const[]){rig.bearer, TOKEN("{\"token\":\"t\"}"), OK, OK, NULL});
        assert_int_equal(ask(&rig, both, &why), 200);
        assert_int_equal(ask(&rig, both, &why), 200);
        assert_non_null(strstr(canned_requests(&rig.server), cases[i].asked));
        assert_int_equal(count(canned_requests(&rig.server), " /token"), 1);
        rig_close(&rig);
    }
}

static void
test_takes_a_token_that_allows_more(void **state)
{
    static const struct {
        const char *says, *had, *wanted;
        bool is_enough;
    } cases[] = {
        {"more than enough", "repository:a:pull,push", "repository:a:pull", true},
        {"in another order", "repository:a:push,pull", "repository:a:pull,push", true},
        {"one of several", "repository:a:pull,push repository:b:pull", "repository:b:pull", true},
        {"too little", "repository:a:pull", "repository:a:pull,push", false},
        {"of another repository", "repository:a:pull,push", "repository:b:pull", false},
        {"part of a name", "repository:aa:pull,push", "repository:a:pull", false},
        {"part of an action", "repository:a:pulling", "repository:a:pull", false},
        {"several for several", "repository:a:pull,push repository:b:pull",
            "repository:a:pull repository:b:pull", false},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        static const char token[] = TOKEN("{\"token\":\"t\"}");
        struct rig rig;
        struct why why = {0};

        print_message("%s\n", cases[i].says);
        rig_open(&rig, ANONYMOUS);
        canned_answer(&rig.server,
            cases[i].is_enough ? (const char *const[]){rig.bearer, token, OK, OK, NULL}
                               : (const char *const[]){rig.bearer, token, OK, token, OK, NULL});
        assert_int_equal(ask(&rig, cases[i].had, &why), 200);
        assert_int_equal(ask(&rig, cases[i].wanted, &why), 200);
        size_t n = cases[i].is_enough ? 1 : 2;
        assert_int_equal(count(canned_requests(&rig.server), "GET /token"), n);
        rig_close(&rig);
    }
}

static void
test_shows_an_identity_token_as_a_password_where_the_realm_knows_no_post(void **state)
{
    static const char none[] = "HTTP/1.1 405 X\r\n\r\n", token[] = TOKEN("{\"token\":\"t\"}");
    struct rig rig;
    struct why why = {0};

    (void)state;
    rig_open(&rig, "{\"auths\":{\"h:1\":{\"auth\":\"YWxpY2U6\",\"identitytoken\":\"i d\"}}}");
    canned_answer(&rig.server, (const char *const[]){rig.bearer, none, token, OK, NULL});
    assert_int_equal(ask(&rig, SCOPE, &why), 200);
    assert_int_equal(count(canned_requests(&rig.server), "POST /token"), 1);
    assert_int_equal(count(canned_requests(&rig.server), "GET /token?a=b&account=alice&"), 1);
    assert_int_equal(
        count(canned_requests(&rig.server), "Authorization: Basic YWxpY2U6aSBk\r\n"), 1);
    rig_close(&rig);

    rig_open(&rig, IDENTITY); /* whose is it? */
    canned_answer(&rig.server, (const char *const[]){rig.bearer, none, NULL});
    assert_int_equal(ask(&rig, SCOPE, &why), -1);
    assert_non_null(strstr(why.text, "HTTP 405"));
    rig_close(&rig);
}

static void
test_shows_a_token_for_the_registry_as_it_is(void **state)
{
    static const char config[] = "{\"auths\":{\"h:1\":{\"registrytoken\":\"r.t\"}}}";
    struct rig rig;
    struct why why = {0};

    (void)state;
    rig_open(&rig, config);
    canned_answer(&rig.server, (const char *const[]){rig.bearer, OK, rig.bearer, NULL});
    assert_int_equal(ask(&rig, SCOPE, &why), 200);
    assert_int_equal(ask(&rig, "repository:b:pull", &why), 401);
    assert_int_equal(count(canned_requests(&rig.server), "/token"), 0);
    assert_int_equal(count(canned_requests(&rig.server), "Authorization: Bearer r.t\r\n"), 3);
    rig_close(&rig);
}

/* How often a body has begun again. */
static void
on_again(void *data)
{
    ++*(int *)data;
}

static void
test_sends_a_body_again_where_its_token_has_expired_meanwhile(void **state)
{
    static const char first[] = TOKEN("{\"token\":\"t1\"}"), second[] = TOKEN("{\"token\":\"t2\"}");
    closing(http_response_done) struct http_response response = {0};
    int n_again = 0;
    const struct http_watch watch = {.again = on_again, .data = &n_again};
    const struct content content = {.fd = memfd_create("content", MFD_CLOEXEC), .size = 5};
    struct rig rig;
    struct why why = {0};

    (void)state;
    assert_int_equal(write(content.fd, "chunk", 5), 5);
    rig_open(&rig, ALICE);
    canned_answer(
        &rig.server, (const char *const[]){rig.bearer, first, OK, rig.bearer, second, OK, NULL});
    assert_int_equal(ask(&rig, SCOPE, &why), 200);
    const struct http_request request = {
        .method = "PATCH", .path = "/up", .content = &content, .sent = &watch, .max_bytes = 1};
    assert_int_equal(auth_send(&response, rig.auth, &request, SCOPE, &why), RC_OK);
    assert_int_equal(response.status, 200);
    assert_true(n_again >= 1);
    assert_int_equal(count(canned_requests(&rig.server), "PATCH /up"), 2);
    assert_int_equal(count(canned_requests(&rig.server), "\r\n\r\nchunk\n\n"), 2);
    rig_close(&rig);
    close(content.fd);
}

static void
test_fetches_a_new_token_once_where_the_old_one_is_refused(void **state)
{
    static const char first[] = TOKEN("{\"token\":\"t1\"}");
    static const char second[] = TOKEN("{\"token\":\"t2\"}");
    struct rig rig;
    struct why why = {0};

    (void)state;
    rig_open(&rig, ALICE);
    canned_answer(&rig.server,
        (const char *const[]){rig.bearer, first, OK, rig.bearer, second, rig.bearer, NULL});
    assert_int_equal(ask(&rig, SCOPE, &why), 200);
    assert_int_equal(ask(&rig, SCOPE, &why), 401);
    assert_non_null(strstr(canned_requests(&rig.server), "Authorization: Bearer t2\r\n"));
    rig_close(&rig);
}

static void
test_refuses_tokens_that_are_none(void **state)
{
    static const struct {
        const char *says, *answer, *sentence;
    } cases[] = {
        {"the wrong password", REFUSED,
            "user 'alice' is not allowed to do this with 'repository:h:1/shop/web:pull': HTTP 401"},
        {"a broken token server", "HTTP/1.1 500 X\r\n\r\n", "HTTP 500"},
        {"no JSON", TOKEN("hi"), "token from"},
        {"no token", TOKEN("{}"), "no token in the answer"},
        {"an empty token", TOKEN("{\"token\":\"\"}"), "no token in the answer"},
        {"a forged header", TOKEN("{\"token\":\"a\\r\\nX: y\"}"), "token"},
        {"a lifetime that is none", TOKEN("{\"token\":\"t\",\"expires_in\":\"now\"}"),
            "expires_in"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct rig rig;
        struct why why = {0};

        print_message("%s\n", cases[i].says);
        rig_open(&rig, ALICE);
        canned_answer(&rig.server, (const char *const[]){rig.bearer, cases[i].answer, NULL});
        assert_int_equal(ask(&rig, SCOPE, &why), -1);
        assert_non_null(strstr(why.text, cases[i].sentence));
        assert_null(strstr(why.text, "s3:cret"));
        rig_close(&rig);
    }
}

static void
test_sends_credentials_to_no_realm_that_is_plain_elsewhere(void **state)
{
    struct rig rig;
    struct why why = {0};

    (void)state;
    rig_open(&rig, ALICE);
    canned_answer(&rig.server,
        (const char *const[]){WANTS "Bearer realm=\"http://192.0.2.1/token\"\r\n\r\n", NULL});
    assert_int_equal(ask(&rig, SCOPE, &why), -1);
    assert_non_null(strstr(why.text, "want https://"));
    rig_close(&rig);
}

static void
test_prepares_a_token_without_sending_the_request(void **state)
{
    static const char *const push = "repository:h:1/shop/web:push,pull";
    static const char token[] = TOKEN("{\"token\":\"t\"}");
    struct rig rig;
    struct why why = {0};

    (void)state;
    rig_open(&rig, ALICE);
    canned_answer(&rig.server, (const char *const[]){rig.bearer, token, OK, REFUSED, NULL});
    assert_int_equal(auth_prepare(rig.auth, push, &why), RC_OK); /* nobody has asked for one */
    assert_int_equal(ask(&rig, SCOPE, &why), 200);
    assert_int_equal(auth_prepare(rig.auth, SCOPE, &why), RC_OK); /* it is at hand */
    assert_int_equal(auth_prepare(rig.auth, push, &why), RC_NETWORK);
    assert_int_equal(count(canned_requests(&rig.server), "GET /v2/"), 2);
    rig_close(&rig);
}

static void
test_returns_a_401_without_a_challenge(void **state)
{
    struct rig rig;
    struct why why = {0};

    (void)state;
    rig_open(&rig, ALICE);
    canned_answer(&rig.server, (const char *const[]){REFUSED, NULL});
    assert_int_equal(ask(&rig, SCOPE, &why), 401);
    assert_int_equal(auth_denied(rig.auth, "shop/web", "HTTP 401", &why), RC_NETWORK);
    assert_non_null(strstr(why.text, "docker login h:1"));
    rig_close(&rig);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sends_nothing_to_a_server_that_does_not_ask),
        cmocka_unit_test(test_answers_basic_at_once_after_the_first_time),
        cmocka_unit_test(test_fetches_a_token_for_each_scope_and_keeps_it),
        cmocka_unit_test(test_fetches_an_anonymous_token_without_credentials),
        cmocka_unit_test(test_posts_an_identity_token),
        cmocka_unit_test(test_asks_for_several_scopes_at_once),
        cmocka_unit_test(test_takes_a_token_that_allows_more),
        cmocka_unit_test(test_shows_an_identity_token_as_a_password_where_the_realm_knows_no_post),
        cmocka_unit_test(test_shows_a_token_for_the_registry_as_it_is),
        cmocka_unit_test(test_sends_a_body_again_where_its_token_has_expired_meanwhile),
        cmocka_unit_test(test_fetches_a_new_token_once_where_the_old_one_is_refused),
        cmocka_unit_test(test_refuses_tokens_that_are_none),
        cmocka_unit_test(test_sends_credentials_to_no_realm_that_is_plain_elsewhere),
        cmocka_unit_test(test_prepares_a_token_without_sending_the_request),
        cmocka_unit_test(test_returns_a_401_without_a_challenge),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
