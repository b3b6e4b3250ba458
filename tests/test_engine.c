/* SPDX-License-Identifier: Apache-2.0 */
#include "client/engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/canned.h"

#define PONG(api) "HTTP/1.1 200 OK\r\nApi-Version: " api "\r\nContent-Type: text/plain\r\n\r\nOK"
#define SAYS(head, text)                                                                           \
    "HTTP/1.1 " head "\r\nContent-Type: application/json\r\n\r\n{\"message\":\"" text "\"}"
#define DIGEST "1111111111111111111111111111111111111111111111111111111111111111"
#define STREAM "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
#define PUSHED STREAM "{\"status\":\"t1: digest: sha256:" DIGEST " size: 523\"}\r\n"

struct rig {
    struct canned server;
    struct engine *engine;
};

static void
rig_open(struct rig *rig, const char *const *answers)
{
    char address[64];
    struct why why = {0};

    canned_listen(&rig->server);
    canned_answer(&rig->server, answers);
    snprintf(address, sizeof address, "tcp://127.0.0.1:%d", rig->server.port);
    setenv("DOCKER_HOST", address, 1);
    assert_int_equal(engine_new(&rig->engine, false, &why), RC_OK);
    assert_string_equal(engine_address(rig->engine), address);
}

static void
rig_close(struct rig *rig)
{
    engine_free(rig->engine);
    canned_stop(&rig->server);
}

static bool
was_asked(const struct rig *rig, const char *line)
{
    return strstr(canned_requests(&rig->server), line);
}

static enum rc
push(struct rig *rig, const char *platform, struct digest *digest, struct why *why)
{
    closing(credentials_done) struct credentials credentials = CREDENTIALS_INIT;

    credentials.user = strdup("ci");
    bytes_puts(&credentials.secret, "secret");
    return engine_push(digest, rig->engine,
        &(struct engine_push){
            .repository = "localhost:5000/shop/web",
            .tag = "t1",
            .host = "localhost:5000",
            .platform = platform,
            .credentials = &credentials,
        },
        why);
}

static void
test_asks_in_the_version_that_both_know(void **state)
{
    static const struct {
        const char *pong, *line;
    } cases[] = {
        {PONG("1.41"), "GET /v1.41/images/localhost:5000/shop/web:v1/json HTTP/1.1\r\n"},
        {PONG("1.99"), "GET /v1.52/images/localhost:5000/shop/web:v1/json HTTP/1.1\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct rig rig;
        struct why why = {0};

        rig_open(&rig,
            (const char *const[]){cases[i].pong, "HTTP/1.1 200 OK\r\n\r\n{\"Id\":\"sha256:…\"}",
                SAYS("404 Not Found", "no such image"), NULL});
        assert_int_equal(
            engine_find_image(rig.engine, "localhost:5000/shop/web:v1", NULL, &why), RC_OK);
        assert_true(was_asked(&rig, "GET /_ping HTTP/1.1\r\n"));
        assert_true(was_asked(&rig, cases[i].line));
        assert_int_equal(engine_find_image(rig.engine, "shop/none", NULL, &why), RC_NOT_FOUND);
        assert_non_null(strstr(why.text, "has no image 'shop/none': build or tag it, or"));
        rig_close(&rig);
    }
}

static void
test_sets_and_takes_a_tag(void **state)
{
    struct rig rig;
    struct why why = {0};

    (void)state;
    rig_open(&rig, (const char *const[]){PONG("1.41"), "HTTP/1.1 201 Created\r\n\r\n",
                       SAYS("404 Not Found", "no such image: x"), SAYS("500 Oops", "disk full"),
                       "HTTP/1.1 200 OK\r\n\r\n[]", SAYS("404 Not Found", "no such image"),
                       SAYS("409 Conflict", "in use"), NULL});
    assert_int_equal(
        engine_tag(rig.engine, "web:v1", "localhost:5000/shop/web", "t1", &why), RC_OK);
    assert_true(was_asked(
        &rig, "POST /v1.41/images/web:v1/tag?repo=localhost:5000/shop/web&tag=t1 HTTP/1.1\r\n"));
    assert_int_equal(engine_tag(rig.engine, "x", "h:1/x", "t1", &why), RC_NOT_FOUND);
    assert_int_equal(engine_tag(rig.engine, "x", "h:1/x", "t1", &why), RC_NETWORK);
    assert_non_null(strstr(why.text, ": x: disk full"));

    assert_int_equal(engine_untag(rig.engine, "localhost:5000/shop/web", "t1", &why), RC_OK);
    assert_true(
        was_asked(&rig, "DELETE /v1.41/images/localhost:5000/shop/web:t1?noprune=1 HTTP/1.1\r\n"));
    assert_int_equal(engine_untag(rig.engine, "h:1/x", "t1", &why), RC_OK);
    assert_int_equal(engine_untag(rig.engine, "h:1/x", "t1", &why), RC_NETWORK);
    assert_non_null(strstr(why.text, ": h:1/x:t1: in use"));
    rig_close(&rig);
}

static void
test_pushes_with_credentials_and_platform(void **state)
{
    struct rig rig;
    struct digest digest = {{0}};
    struct why why = {0};

    (void)state;
    rig_open(&rig, (const char *const[]){PONG("1.46"), PUSHED, PUSHED, NULL});
    assert_int_equal(push(&rig, NULL, &digest, &why), RC_OK);
    assert_int_equal(digest.b[0], 0x11);
    assert_true(
        was_asked(&rig, "POST /v1.46/images/localhost:5000/shop/web/push?tag=t1 HTTP/1.1\r\n"));
    assert_true(was_asked(&rig,
        "\r\nX-Registry-Auth: "
        "eyJ1c2VybmFtZSI6ImNpIiwicGFzc3dvcmQiOiJzZWNyZXQiLCJzZXJ2ZXJhZGRyZXNzIjoibG9jYWxob3N0OjUw"
        "MDAifQ==\r\n"));
    assert_int_equal(push(&rig, "linux/arm64/v8", &digest, &why), RC_OK);
    assert_true(was_asked(&rig,
        "push?tag=t1&platform=%7B%22os%22%3A%22linux%22%2C%22architecture%22%3A%22arm64%22%2C"
        "%22variant%22%3A%22v8%22%7D HTTP/1.1\r\n"));
    rig_close(&rig);
}

static void
test_says_why_nothing_was_pushed(void **state)
{
    static const struct {
        const char *says, *pong, *answer, *platform;
        enum rc want;
        const char *sentence;
    } cases[] = {
        {"an error before it begins", PONG("1.41"), SAYS("500 Oops", "no basic auth"), NULL,
            RC_NETWORK, ": localhost:5000/shop/web: no basic auth"},
        {"an answer without a message", PONG("1.41"), "HTTP/1.1 500 Oops\r\n\r\n<html>", NULL,
            RC_NETWORK, ": localhost:5000/shop/web: it answers 500"},
        {"an error within the stream", PONG("1.41"), STREAM "{\"error\":\"denied: no\"}", NULL,
            RC_NETWORK,
            "': says: denied: no; log in as somebody who may push: docker login localhost:5000"},
        {"a registry that the engine does not trust", PONG("1.41"),
            STREAM "{\"error\":\"Get https://localhost:5000/v2/: x509: unknown authority\"}", NULL,
            RC_NETWORK,
            "authority; the engine looks for authorities by itself: give it a ca.crt in "
            "certs.d for localhost:5000"},
        {"a registry that is full", PONG("1.41"),
            STREAM "{\"error\":\"unknown: no space left on device\"}", NULL, RC_NETWORK,
            "no space left on device; the storage of the registry is full: whoever runs it"},
        {"a stream that ends", PONG("1.41"), STREAM "{\"status\":\"Pushed\",\"id\":\"1\"}", NULL,
            RC_NETWORK, "': ended without a word on the digest"},
        {"a stream that is cut", PONG("1.41"),
            "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"status\":\"Pushed\"}", NULL,
            RC_NETWORK, "engine 'tcp://127.0.0.1:"},
        {"an old engine, and a platform", PONG("1.45"), PUSHED, "linux/amd64", RC_UNSUPPORTED,
            "has version 1.45 of the API and pushes no single platform, which begins with 1.46"},
        {"no platform", PONG("1.46"), PUSHED, "linux", RC_MALFORMED,
            "platform 'linux': want OS/ARCHITECTURE[/VARIANT]"},
        {"four parts", PONG("1.46"), PUSHED, "linux/arm/v7/x", RC_MALFORMED, "want OS/ARCH"},
        {"a part of nothing", PONG("1.46"), PUSHED, "linux//v7", RC_MALFORMED, "want OS/ARCH"},
        {"a quote", PONG("1.46"), PUSHED, "linux/\"", RC_MALFORMED, "want OS/ARCH"},
        {"another server", "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\nhello", PUSHED, NULL,
            RC_NETWORK, "is no Docker Engine: status 200, Api-Version ''"},
        {"a version that is none", PONG("2.0"), PUSHED, NULL, RC_NETWORK, "Api-Version '2.0'"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct rig rig;
        struct digest digest;
        struct why why = {0};

        print_message("%s\n", cases[i].says);
        rig_open(&rig, (const char *const[]){cases[i].pong, cases[i].answer, NULL});
        assert_int_equal(push(&rig, cases[i].platform, &digest, &why), cases[i].want);
        assert_non_null(strstr(why.text, cases[i].sentence));
        rig_close(&rig);
    }
}

static void
test_says_what_to_do_where_there_is_no_engine(void **state)
{
    closing(engine_freep) struct engine *engine = NULL;
    struct why why = {0};

    (void)state;
    setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock", 1);
    assert_int_equal(engine_new(&engine, false, &why), RC_OK);
    assert_int_equal(engine_find_image(engine, "x", NULL, &why), RC_NETWORK);
    assert_string_equal(why.text,
        "no engine at 'unix:///nonexistent/docker.sock' (of DOCKER_HOST): No such file or "
        "directory; start it, name another one by DOCKER_HOST or DOCKER_CONTEXT, or push from "
        "elsewhere with --from");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asks_in_the_version_that_both_know),
        cmocka_unit_test(test_sets_and_takes_a_tag),
        cmocka_unit_test(test_pushes_with_credentials_and_platform),
        cmocka_unit_test(test_says_why_nothing_was_pushed),
        cmocka_unit_test(test_says_what_to_do_where_there_is_no_engine),
    };

    unsetenv("DOCKER_TLS_VERIFY");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
