/* SPDX-License-Identifier: Apache-2.0 */
#include "client/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/canned.h"

#define INDEX "application/vnd.oci.image.index.v1+json"
#define OK(t) "HTTP/1.1 200 OK\r\nContent-Type: " t "\r\n\r\nmanifest"
#define PONG  "HTTP/1.1 200 OK\r\n\r\n{}"

struct rig {
    struct canned server;
    struct registry *registry;
    char digest[DIGEST_HEX_LEN + 8]; /* "sha256:…" of "manifest" */
};

static void
rig_open(struct rig *rig)
{
    struct digest digest;
    char host[32], hex[DIGEST_HEX_LEN + 1];
    struct why why = {0};

    canned_listen(&rig->server);
    snprintf(host, sizeof host, "127.0.0.1:%d", rig->server.port);
    assert_int_equal(registry_new(&rig->registry, host, false, &why), RC_OK);
    digest_of(&digest, SPAN("manifest"));
    digest_hex(hex, &digest);
    snprintf(rig->digest, sizeof rig->digest, "sha256:%s", hex);
}

static void
rig_close(struct rig *rig)
{
    registry_free(rig->registry);
    canned_stop(&rig->server);
}

static enum rc
ask(struct rig *rig, const char *reference, int64_t *ret_size, struct why *why)
{
    struct registry_manifest manifest = {0};
    char hex[DIGEST_HEX_LEN + 1];

    enum rc rc = registry_manifest(&manifest, rig->registry, "shop/web", reference, why);
    if (!rc) {
        digest_hex(hex, &manifest.digest);
        assert_string_equal(hex, rig->digest + strlen("sha256:"));
    }
    *ret_size = manifest.size;
    return rc;
}

static void
test_speaks_plain_http_on_loopback_where_tls_is_not_answered(void **state)
{
    struct rig rig;
    struct why why = {0};
    int64_t size = 0;

    (void)state;
    rig_open(&rig);
    /* The first connection is a TLS hello, which an HTTP server hangs up on. */
    canned_answer(&rig.server, (const char *const[]){PONG, OK(INDEX), OK(INDEX), NULL});
    assert_int_equal(ask(&rig, "v1", &size, &why), RC_OK);
    assert_int_equal(size, 8);
    assert_int_equal(ask(&rig, rig.digest, &size, &why), RC_OK);

    const char *asked = canned_requests(&rig.server);
    assert_non_null(strstr(asked, "GET /v2/ HTTP/1.1\r\n"));
    assert_non_null(strstr(asked, "GET /v2/shop/web/manifests/v1 HTTP/1.1\r\n"));
    assert_non_null(strstr(asked, "\r\nAccept: application/vnd.oci.image.manifest.v1+json, " INDEX
                                  ", application/vnd.docker.distribution.manifest.v2+json, "
                                  "application/vnd.docker.distribution.manifest.list.v2+json\r\n"));
    rig_close(&rig);
}

static void
test_takes_no_word_of_the_registry(void **state)
{
    static const char other[] =
        "sha256:0000000000000000000000000000000000000000000000000000000000000000";
    static const struct {
        const char *says, *answer, *reference;
        enum rc want;
        const char *sentence;
    } cases[] = {
        {"another digest in the header",
            "HTTP/1.1 200 OK\r\nContent-Type: " INDEX "\r\nDocker-Content-Digest: sha256:00\r\n\r\n"
            "manifest",
            "v1", RC_UNTRUSTED, "the registry says sha256:00"},
        {"a digest that we do not know",
            "HTTP/1.1 200 OK\r\nContent-Type: " INDEX "\r\nDocker-Content-Digest: sha512:00\r\n\r\n"
            "manifest",
            "v1", RC_OK, ""},
        {"other bytes than those asked for", OK(INDEX), other, RC_UNTRUSTED, "the reference says"},
        {"a captive portal", OK("text/html"), "v1", RC_NETWORK, "'text/html'"},
        {"no type", "HTTP/1.1 200 OK\r\n\r\nmanifest", "v1", RC_NETWORK, "''"},
        {"a manifest of schema 1", OK("application/vnd.docker.distribution.manifest.v1+prettyjws"),
            "v1", RC_NETWORK, "no manifest that we know"},
        {"no such tag",
            "HTTP/1.1 404 "
            "X\r\n\r\n{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"m\"}]}",
            "v1", RC_NOT_FOUND, "has no 'v1': HTTP 404 MANIFEST_UNKNOWN: m"},
        {"no registry", "HTTP/1.1 404 X\r\nContent-Type: text/html\r\n\r\n<html>", "v1", RC_NETWORK,
            "there is no registry here"},
        {"no right", "HTTP/1.1 403 X\r\n\r\n{\"errors\":[{\"code\":\"DENIED\",\"message\":\"m\"}]}",
            "v1", RC_NETWORK, "docker login"},
        {"too often", "HTTP/1.1 429 X\r\nRetry-After: 30\r\n\r\n", "v1", RC_NETWORK, "in 30 s"},
        {"out of order", "HTTP/1.1 500 X\r\n\r\n", "v1", RC_NETWORK, "HTTP 500"},
        {"a redirect to its storage that is plain",
            "HTTP/1.1 307 X\r\nLocation: http://192.0.2.1/\r\n\r\n", "v1", RC_NETWORK, "192.0.2.1"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct rig rig;
        struct why why = {0};
        int64_t size = 0;

        print_message("%s\n", cases[i].says);
        rig_open(&rig);
        canned_answer(&rig.server, (const char *const[]){PONG, cases[i].answer, NULL});
        assert_int_equal(ask(&rig, cases[i].reference, &size, &why), cases[i].want);
        assert_non_null(strstr(why.text, cases[i].sentence));
        rig_close(&rig);
    }
}

static void
test_tells_whether_a_tag_names_a_manifest_still(void **state)
{
    static const struct {
        const char *says, *answers[2]; /* NULL: 200 with its digest */
        enum rc want;
        bool is_same;
    } cases[] = {
        {"not modified", {"HTTP/1.1 304 X\r\n\r\n"}, RC_OK, true},
        {"the same digest", {NULL}, RC_OK, true},
        {"another digest", {"HTTP/1.1 200 X\r\nDocker-Content-Digest: sha256:00\r\n\r\n"}, RC_OK,
            false},
        {"no digest, and the same bytes", {"HTTP/1.1 200 X\r\n\r\n", OK(INDEX)}, RC_OK, true},
        {"no HEAD, and the same bytes", {"HTTP/1.1 405 X\r\n\r\n", OK(INDEX)}, RC_OK, true},
        {"no digest, and other bytes",
            {"HTTP/1.1 200 X\r\n\r\n", "HTTP/1.1 200 X\r\nContent-Type: " INDEX "\r\n\r\nanother"},
            RC_OK, false},
        {"gone",
            {"HTTP/1.1 404 X\r\n\r\n",
                "HTTP/1.1 404 "
                "X\r\n\r\n{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"m\"}]}"},
            RC_NOT_FOUND, false},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct rig rig;
        struct digest digest;
        struct why why = {0};
        bool is_same = false;
        char answer[256];

        print_message("%s\n", cases[i].says);
        rig_open(&rig);
        snprintf(answer, sizeof answer, "HTTP/1.1 200 X\r\nDocker-Content-Digest: %s\r\n\r\n",
            rig.digest);
        canned_answer(&rig.server,
            (const char *const[]){PONG, cases[i].answers[0] ? cases[i].answers[0] : answer,
                cases[i].answers[1], NULL});
        digest_of(&digest, SPAN("manifest"));
        assert_int_equal(registry_tag_is(&is_same, rig.registry, "shop/web", "v1", &digest, &why),
            cases[i].want);
        assert_int_equal(is_same, cases[i].is_same);

        const char *asked = canned_requests(&rig.server);
        assert_non_null(strstr(asked, "HEAD /v2/shop/web/manifests/v1 HTTP/1.1\r\n"));
        assert_non_null(strstr(asked, "\r\nIf-None-Match: \"sha256:"));
        rig_close(&rig);
    }
}

static void
test_says_that_nobody_listens(void **state)
{
    struct rig rig;
    struct why why = {0};
    int64_t size = 0;

    (void)state;
    rig_open(&rig);
    canned_stop(&rig.server);
    assert_int_equal(ask(&rig, "v1", &size, &why), RC_NETWORK);
    assert_non_null(strstr(why.text, "Connection refused"));
    registry_free(rig.registry);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_speaks_plain_http_on_loopback_where_tls_is_not_answered),
        cmocka_unit_test(test_takes_no_word_of_the_registry),
        cmocka_unit_test(test_tells_whether_a_tag_names_a_manifest_still),
        cmocka_unit_test(test_says_that_nobody_listens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
