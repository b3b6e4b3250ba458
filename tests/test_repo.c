/* SPDX-License-Identifier: Apache-2.0 */
#include "client/repo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "proto/bounds.h"
#include "tests/canned.h"
#include "tests/vector.h"

#define ERROR(status, code)                                                                        \
    "HTTP/1.1 " status " X\r\n\r\n{\"errors\":[{\"code\":\"" code "\",\"message\":\"m\"}]}"

struct rig {
    struct canned server;
    struct repo_server *repo_server;
    struct repo *repo;
};

static void
rig_open(struct rig *rig, const char *repository)
{
    struct why why = {0};

    canned_listen(&rig->server);
    const struct repo_server_options options = {.url = rig->server.url, .is_plain_allowed = true};
    assert_int_equal(repo_server_new(&rig->repo_server, &options, "localhost:5000", &why), RC_OK);
    assert_int_equal(repo_new(&rig->repo, rig->repo_server, repository, &why), RC_OK);
}

static void
rig_close(struct rig *rig)
{
    repo_free(rig->repo);
    repo_server_free(rig->repo_server);
    canned_stop(&rig->server);
}

static void
test_asks_for_files_and_keys_where_notary_has_them(void **state)
{
    static const char ok[] = "HTTP/1.1 200 OK\r\n\r\nfile";
    closing(bytes_done) struct bytes got = BYTES_INIT(100);
    struct rig rig;
    struct why why = {0};

    (void)state;
    rig_open(&rig, "localhost:5000/a b/w?b");
    canned_answer(&rig.server, (const char *const[]){ok, ok, NULL});
    assert_int_equal(repo_get(&got, rig.repo, "3.targets/qa", 4, &why), RC_OK);
    assert_int_equal(repo_get_key(&got, rig.repo, "timestamp", &why), RC_OK);
    assert_string_equal(bytes_text(&got), "filefile");

    const char *asked = canned_requests(&rig.server);
    assert_non_null(strstr(
        asked, "GET /v2/localhost:5000/a%20b/w%3Fb/_trust/tuf/3.targets/qa.json HTTP/1.1\r\n"));
    assert_non_null(
        strstr(asked, "GET /v2/localhost:5000/a%20b/w%3Fb/_trust/tuf/timestamp.key HTTP/1.1\r\n"));
    rig_close(&rig);
}

static void
test_tells_answers_apart(void **state)
{
    static const struct {
        const char *says, *answer;
        enum rc want;
        const char *sentence;
    } cases[] = {
        {"nothing published", ERROR("404", "METADATA_NOT_FOUND"), RC_NOT_FOUND,
            "has no root.json for 'localhost:5000/shop/web'"},
        {"a registry", ERROR("404", "NAME_UNKNOWN"), RC_NETWORK, "no Notary server answers here"},
        {"a web server", "HTTP/1.1 404 X\r\nContent-Type: text/html\r\n\r\n<html>", RC_NETWORK,
            "no Notary server answers here for 'localhost:5000/shop/web': HTTP 404 with a body of "
            "type 'text/html'"},
        {"an empty 404", "HTTP/1.1 404 X\r\n\r\n", RC_NETWORK, "no Notary server answers here"},
        {"no credentials", ERROR("401", "UNAUTHORIZED"), RC_NETWORK,
            "docker login localhost:5000, or set NOTARY_AUTH"},
        {"no right", ERROR("403", "DENIED"), RC_NETWORK, "HTTP 403 DENIED"},
        {"a redirect", "HTTP/1.1 302 X\r\nLocation: https://elsewhere/\r\n\r\n", RC_NETWORK,
            "sends us on to 'https://elsewhere/'"},
        {"a conflict, where nothing is published", ERROR("400", "VERSION"), RC_NETWORK,
            "HTTP 400 VERSION"},
        {"out of order", ERROR("500", "NO_STORAGE"), RC_NETWORK, "HTTP 500 NO_STORAGE: m"},
        {"more than was wanted", "HTTP/1.1 200 OK\r\n\r\n12345", RC_NETWORK, "more than 4 bytes"},
        {"as much as was wanted", "HTTP/1.1 200 OK\r\n\r\n1234", RC_OK, ""},
    };

    (void)state;
    setenv("DOCKER_AUTH_CONFIG", "{}", 1);
    setenv("DOCKER_CONFIG", "/nonexistent", 1);
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(bytes_done) struct bytes got = BYTES_INIT(100);
        struct rig rig;
        struct why why = {0};

        print_message("%s\n", cases[i].says);
        rig_open(&rig, "localhost:5000/shop/web");
        canned_answer(&rig.server, (const char *const[]){cases[i].answer, NULL});
        assert_int_equal(repo_get(&got, rig.repo, "root", 4, &why), cases[i].want);
        assert_non_null(strstr(why.text, cases[i].sentence));
        assert_int_equal(got.len, cases[i].want ? 0 : 4);
        rig_close(&rig);
    }
}

static void
test_has_the_server_make_keys_and_delete(void **state)
{
    static const char ok[] = "HTTP/1.1 200 OK\r\n\r\nkey";
    static const char no[] = "HTTP/1.1 403 X\r\n\r\n";
    closing(bytes_done) struct bytes got = BYTES_INIT(100);
    struct rig rig;
    struct why why = {0};

    (void)state;
    rig_open(&rig, "localhost:5000/shop/web");
    canned_answer(&rig.server, (const char *const[]){ok, ok, ok, no, NULL});
    assert_int_equal(repo_new_key(&got, rig.repo, "snapshot", &why), RC_OK);
    assert_string_equal(bytes_text(&got), "key");
    assert_int_equal(repo_delete(rig.repo, &why), RC_OK);
    assert_int_equal(repo_new_key(&got, rig.repo, "timestamp", &why), RC_OK);
    assert_int_equal(repo_delete(rig.repo, &why), RC_NETWORK);
    assert_non_null(strstr(why.text, "every permission ('*')"));

    const char *asked = canned_requests(&rig.server);
    assert_non_null(
        strstr(asked, "POST /v2/localhost:5000/shop/web/_trust/tuf/snapshot.key HTTP/1.1\r\n"));
    assert_non_null(strstr(asked, "DELETE /v2/localhost:5000/shop/web/_trust/tuf/ HTTP/1.1\r\n"));
    rig_close(&rig);
}

static void
test_tells_a_conflict_from_a_refusal(void **state)
{
    static const struct {
        const char *says, *answer;
        enum rc want;
        const char *sentence;
    } cases[] = {
        {"published", "HTTP/1.1 200 OK\r\n\r\n", RC_OK, ""},
        {"somebody else was faster", ERROR("400", "VERSION"), RC_CONFLICT, "somebody else"},
        {"refused",
            "HTTP/1.1 400 X\r\n\r\n{\"errors\":[{\"code\":\"INVALID_UPDATE\",\"message\":\"m\","
            "\"detail\":{\"Name\":\"ErrBadTargets\",\"Error\":{\"Msg\":\"no threshold\"}}}]}",
            RC_NETWORK, "INVALID_UPDATE: m: ErrBadTargets: no threshold"},
        {"too large for a proxy", "HTTP/1.1 413 X\r\nContent-Type: text/html\r\n\r\n", RC_NETWORK,
            "HTTP 413"},
    };
    const struct repo_upload upload = {"targets", SPAN("{}")};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct rig rig;
        struct why why = {0};

        print_message("%s\n", cases[i].says);
        rig_open(&rig, "localhost:5000/shop/web");
        canned_answer(&rig.server, (const char *const[]){cases[i].answer, NULL});
        assert_int_equal(repo_publish(rig.repo, &upload, 1, &why), cases[i].want);
        assert_non_null(strstr(why.text, cases[i].sentence));
        rig_close(&rig);
    }
}

/* The recorded form apart: its parts are lines, as no metadata has a line feed. */
static size_t
take_apart(struct repo_upload uploads[4], struct bytes *body)
{
    static const char name[] = "; filename=\"";
    size_t n = 0;

    for (char *at = strstr((char *)body->p, name); at; at = strstr(at, name)) {
        at += sizeof name - 1;
        char *file = strstr(at, "\r\n\r\n") + 4;
        *strchr(at, '"') = 0;
        uploads[n].role = at;
        at = strstr(file, "\r\n");
        uploads[n++].file = (struct span){(uint8_t *)file, (size_t)(at - file)};
    }

    return n;
}

static void
test_publishes_the_form_that_gos_client_publishes(void **state)
{
    static const char *const names[] = {
        "notary/publish-multipart-initial.body", "notary/publish-multipart-rotate-snapshot.body"};
    const size_t boundary_len = 60;

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(names); i++) {
        closing(bytes_done) struct bytes recorded = BYTES_INIT(DOCUMENT_MAX_BYTES);
        closing(bytes_done) struct bytes parts = BYTES_INIT(DOCUMENT_MAX_BYTES);
        struct repo_upload uploads[4];
        struct rig rig;
        struct why why = {0};

        vector_load(&recorded, names[i]);
        bytes_put(&parts, bytes_span(&recorded));
        size_t n = take_apart(uploads, &parts);
        rig_open(&rig, "localhost:5000/shop/web");
        canned_answer(&rig.server, (const char *const[]){"HTTP/1.1 200 OK\r\n\r\n", NULL});
        assert_int_equal(repo_publish(rig.repo, uploads, n, &why), RC_OK);

        /* What was sent, with the recorded boundary in place of ours. */
        char *sent = strstr((char *)(uintptr_t)canned_requests(&rig.server), "\r\n\r\n") + 4;
        closing(freep) char *ours = strndup(sent + 2, boundary_len);
        const char *theirs = bytes_text(&recorded) + 2;
        for (char *at = strstr(sent, ours); at; at = strstr(at + 1, ours))
            memcpy(at, theirs, boundary_len);
        assert_memory_equal(sent, recorded.p, recorded.len);
        assert_string_equal(sent + recorded.len, "\n\n");
        rig_close(&rig);
    }
}

static void
test_refuses_to_upload_what_is_no_role(void **state)
{
    const struct repo_upload upload = {"targets\"\r\n", SPAN("{}")};
    struct rig rig;
    struct why why = {0};

    (void)state;
    rig_open(&rig, "localhost:5000/shop/web");
    assert_int_equal(repo_publish(rig.repo, &upload, 1, &why), RC_MALFORMED);
    rig_close(&rig);
}

static void
test_finds_the_server_of_a_host(void **state)
{
    static const struct {
        const char *variable, *option, *host;
        bool is_plain_allowed;
        const char *want; /* NULL: refused */
    } cases[] = {
        {"", NULL, "localhost:5000", false, "https://localhost:5000"},
        {"", NULL, "docker.io", false, "https://notary.docker.io"},
        {"https://notary:4443/sub/", NULL, "h", false, "https://notary:4443/sub"},
        {"https://notary:4443", "https://other//", "h", false, "https://other"},
        {"", "http://127.0.0.1:4443", "h", true, "http://127.0.0.1:4443"},
        {"", "http://127.0.0.1:4443", "h", false, NULL},
        {"", "http://notary", "h", true, NULL},
        {"notary:4443", NULL, "h", false, NULL},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(repo_server_freep) struct repo_server *server = NULL;
        struct why why = {0};

        setenv("DOCKER_CONTENT_TRUST_SERVER", cases[i].variable, 1);
        const struct repo_server_options options = {
            .url = cases[i].option, .is_plain_allowed = cases[i].is_plain_allowed};
        enum rc rc = repo_server_new(&server, &options, cases[i].host, &why);
        assert_int_equal(rc, cases[i].want ? RC_OK : RC_MALFORMED);
        if (cases[i].want)
            assert_string_equal(repo_server_url(server), cases[i].want);
    }
    unsetenv("DOCKER_CONTENT_TRUST_SERVER");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asks_for_files_and_keys_where_notary_has_them),
        cmocka_unit_test(test_tells_answers_apart),
        cmocka_unit_test(test_has_the_server_make_keys_and_delete),
        cmocka_unit_test(test_tells_a_conflict_from_a_refusal),
        cmocka_unit_test(test_publishes_the_form_that_gos_client_publishes),
        cmocka_unit_test(test_refuses_to_upload_what_is_no_role),
        cmocka_unit_test(test_finds_the_server_of_a_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
