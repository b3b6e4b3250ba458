/* SPDX-License-Identifier: Apache-2.0 */
#include "client/referrers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "proto/bounds.h"
#include "tests/canned.h"

#define MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define INDEX    "application/vnd.oci.image.index.v1+json"
#define PONG     "HTTP/1.1 200 OK\r\n\r\n{}"
#define NONE     "HTTP/1.1 404 N\r\n\r\n404 page not found"
#define NO_TAG                                                                                     \
    "HTTP/1.1 404 N\r\n\r\n{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"m\"}]}"
#define D(c)     "sha256:" c c c c c c c c c c c c c c c c
#define ENTRY(c) "{\"mediaType\":\"" MANIFEST "\",\"digest\":\"" D(c) "\",\"size\":7}"
#define LIST(head, entries)                                                                        \
    "HTTP/1.1 200 OK\r\nContent-Type: " INDEX "\r\n" head                                          \
    "\r\n{\"schemaVersion\":2,\"mediaType\":\"" INDEX "\",\"manifests\":[" entries "]}"

struct rig {
    struct canned server;
    struct registry *registry;
    struct digest digest;
};

static void
rig_open(struct rig *rig, const char *const *answers)
{
    const char *all[16] = {PONG};
    char host[32];

    digest_of(&rig->digest, SPAN("subject"));
    canned_listen(&rig->server);
    for (size_t i = 0; answers[i]; i++)
        all[i + 1] = answers[i];
    canned_answer(&rig->server, all);
    snprintf(host, sizeof host, "127.0.0.1:%d", rig->server.port);
    assert_int_equal(registry_new(&rig->registry, host, false, NULL), RC_OK);
}

static void
rig_close(struct rig *rig)
{
    registry_free(rig->registry);
    canned_stop(&rig->server);
}

static const struct {
    const char *says;
    const char *answers[8];
    enum rc rc;
    size_t n;
    const char *sentence;
} lists[] = {
    {"what the registry lists", {LIST("", ENTRY("aaaa") "," ENTRY("bbbb"))}, RC_OK, 2, ""},
    {"all pages of it",
        {LIST("Link: </v2/shop/web/referrers/x?last=1>; rel=\"next\"\r\n", ENTRY("aaaa")),
            LIST("", ENTRY("bbbb") "," ENTRY("cccc"))},
        RC_OK, 3, ""},
    {"what clients list", {NONE, LIST("", ENTRY("aaaa"))}, RC_OK, 1, ""},
    {"that there are none", {NONE, NO_TAG}, RC_OK, 0, ""},
    {"that a captive portal is no registry",
        {"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>",
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>"},
        RC_NETWORK, 0, "'text/html'"},
    {"that an image is no list", {NONE, "HTTP/1.1 200 OK\r\nContent-Type: " MANIFEST "\r\n\r\n{}"},
        RC_MALFORMED, 0, "is no list"},
    {"that it may not look", {"HTTP/1.1 403 F\r\n\r\n"}, RC_NETWORK, 0, "docker login"},
    {"that the registry is out of order", {"HTTP/1.1 500 I\r\n\r\n"}, RC_NETWORK, 0, "HTTP 500"},
    {"what is wrong with a list", {LIST("", "{}")}, RC_MALFORMED, 0, "manifests[0]"},
};

static void
test_tells(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(lists); i++) {
        closing(referrers_done) struct referrers referrers = {0};
        struct why why = {""};
        struct rig rig;

        print_message("%s\n", lists[i].says);
        rig_open(&rig, lists[i].answers);
        enum rc rc = referrers_get(&referrers, rig.registry, "shop/web", &rig.digest, &why);
        if (rc != lists[i].rc || !strstr(why.text, lists[i].sentence))
            fail_msg("%d: %s", rc, why.text);
        assert_int_equal(referrers.n, lists[i].n);
        rig_close(&rig);
    }
}

static void
test_ends_with_a_list_that_has_no_end(void **state)
{
    closing(referrers_done) struct referrers referrers = {0};
    struct why why = {""};
    struct rig rig;

    (void)state;
    /* The last answer is given again and again. */
    rig_open(&rig, (const char *const[]){LIST("Link: </v2/x>; rel=\"next\"\r\n", ""), NULL});
    assert_int_equal(
        referrers_get(&referrers, rig.registry, "shop/web", &rig.digest, &why), RC_TOO_LARGE);
    assert_non_null(strstr(why.text, "pages"));
    rig_close(&rig);
}

static const char artifact[] =
    "{\"schemaVersion\":2,\"mediaType\":\"" MANIFEST
    "\",\"artifactType\":\"application/vnd.bill\",\"config\":" ENTRY(
        "dddd") ",\"layers\":[],\"subject\":" ENTRY("aaaa") ","
                                                            "\"annotations\":{\"a\":\"b\"}}";

#define PUT      "HTTP/1.1 201 C\r\n\r\n"
#define TAG_PATH "/v2/shop/web/manifests/sha256-aaaaaaaaaaaaaaaa"

/* Our entry as it must be, with the digest that it has. */
static void
format_entry(char *ret, size_t room)
{
    struct digest digest;
    char hex[DIGEST_HEX_LEN + 1];

    digest_of(&digest, SPAN(artifact));
    digest_hex(hex, &digest);
    snprintf(ret, room,
        "{\"mediaType\":\"" MANIFEST
        "\",\"digest\":\"sha256:%s\",\"size\":%zu,\"artifactType\":\"application/vnd.bill\","
        "\"annotations\":{\"a\":\"b\"}}",
        hex, sizeof artifact - 1);
}

static void
test_leaves_the_list_to_a_registry_that_keeps_it(void **state)
{
    struct rig rig;

    (void)state;
    rig_open(
        &rig, (const char *const[]){"HTTP/1.1 201 C\r\nOCI-Subject: " D("aaaa") "\r\n\r\n", NULL});
    assert_int_equal(
        referrers_put(rig.registry, "shop/web", MANIFEST, SPAN(artifact), NULL), RC_OK);
    assert_null(strstr(canned_requests(&rig.server), TAG_PATH));
    rig_close(&rig);
}

static void
test_adds_to_the_list_of_others_until_it_stays(void **state)
{
    char entry[512], gone[1024], there[1024];
    struct why why = {""};
    struct rig rig;

    (void)state;
    format_entry(entry, sizeof entry);
    snprintf(gone, sizeof gone, "%s", LIST("ETag: \"one\"\r\n", ENTRY("bbbb")));
    snprintf(there, sizeof there,
        "HTTP/1.1 200 OK\r\nContent-Type: " INDEX "\r\n\r\n{\"schemaVersion\":2,\"mediaType\":"
        "\"" INDEX "\",\"manifests\":[" ENTRY("bbbb") ",%s]}",
        entry);
    /* The first time somebody else is faster, the second time he takes ours away. */
    rig_open(&rig, (const char *const[]){
                       PUT, gone, "HTTP/1.1 412 P\r\n\r\n", gone, PUT, gone, PUT, there, NULL});
    enum rc rc = referrers_put(rig.registry, "shop/web", MANIFEST, SPAN(artifact), &why);
    if (rc)
        fail_msg("%s", why.text);

    const char *asked = canned_requests(&rig.server);
    const char *put = strstr(asked, "PUT " TAG_PATH);
    assert_non_null(put);
    assert_non_null(strstr(put, "\r\nIf-Match: \"one\"\r\n"));
    assert_non_null(
        strstr(put, there + strlen("HTTP/1.1 200 OK\r\nContent-Type: " INDEX "\r\n\r\n")));
    rig_close(&rig);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tells),
        cmocka_unit_test(test_ends_with_a_list_that_has_no_end),
        cmocka_unit_test(test_leaves_the_list_to_a_registry_that_keeps_it),
        cmocka_unit_test(test_adds_to_the_list_of_others_until_it_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
