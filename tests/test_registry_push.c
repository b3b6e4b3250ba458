/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a push asks of a registry.
 */
#include "client/registry_blob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/canned.h"

#define MANIFEST     "application/vnd.oci.image.manifest.v1+json"
#define PONG         "HTTP/1.1 200 OK\r\n\r\n{}"
#define CREATED      "HTTP/1.1 201 C\r\n\r\n"
#define STANDS(text) "HTTP/1.1 200 OK\r\nContent-Type: " MANIFEST "\r\n\r\n" text
#define ERROR(status, code)                                                                        \
    "HTTP/1.1 " status " X\r\n\r\n{\"errors\":[{\"code\":\"" code "\",\"message\":\"m\"}]}"

struct rig {
    struct canned server;
    struct registry *registry;
};

static void
rig_open(struct rig *rig, const char *const *answers)
{
    const char *all[16] = {PONG};
    char host[32];

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

static void
check(enum rc rc, enum rc want, const struct why *why, const char *sentence)
{
    if (rc != want || (rc && !strstr(why->text, sentence)))
        fail_msg("%d: %s", rc, why->text);
}

static const struct {
    const char *says;
    const char *answers[8];
    enum rc rc;
    const char *sentence;
} puts_[] = {
    {"a tag, and reads it back", {CREATED, STANDS("manifest")}, RC_OK, ""},
    {"a tag that a registry shows a little later",
        {CREATED, ERROR("404", "MANIFEST_UNKNOWN"), STANDS("old"), STANDS("manifest")}, RC_OK, ""},
    {"a tag that somebody else moves at the same time", {CREATED, STANDS("other")}, RC_UNTRUSTED,
        "somebody else has moved it"},
    {"a tag that is being written at the moment",
        {CREATED, "HTTP/1.1 500 I\r\n\r\n", STANDS("manifest")}, RC_OK, ""},
    {"no other manifest than ours", {"HTTP/1.1 201 C\r\nDocker-Content-Digest: sha256:00\r\n\r\n"},
        RC_UNTRUSTED, "the registry says sha256:00"},
    {"no tag that may not be moved",
        {"HTTP/1.1 412 P\r\n\r\n{\"errors\":[{\"code\":\"PRECONDITION\",\"message\":\"configured "
         "as "
         "immutable\"}]}"},
        RC_CONFLICT, "tag 'v1' of 'shop/web' is refused: HTTP 412 PRECONDITION"},
    {"nothing whose blobs are not there", {ERROR("400", "MANIFEST_BLOB_UNKNOWN")}, RC_NETWORK,
        "push again"},
    {"nothing without the right to", {ERROR("403", "DENIED")}, RC_NETWORK, "docker login"},
};

static void
test_puts(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(puts_); i++) {
        struct why why = {""};
        struct rig rig;

        print_message("%s\n", puts_[i].says);
        rig_open(&rig, puts_[i].answers);
        check(registry_put_manifest(
                  NULL, rig.registry, "shop/web", "v1", MANIFEST, SPAN("manifest"), &why),
            puts_[i].rc, &why, puts_[i].sentence);
        assert_non_null(strstr(canned_requests(&rig.server), "PUT /v2/shop/web/manifests/v1 "));
        rig_close(&rig);
    }
}

static const struct {
    const char *says;
    const char *answers[8];
    enum rc rc;
    const char *sentence;
} removals[] = {
    {"that is not there", {ERROR("404", "MANIFEST_UNKNOWN")}, RC_OK, ""},
    {"nowhere where nothing is deleted", {STANDS("manifest"), ERROR("405", "UNSUPPORTED")},
        RC_UNSUPPORTED, "deletes nothing: HTTP 405 UNSUPPORTED: m; 'v1' of 'shop/web' stays"},
    {"not by a placeholder that would stay", {STANDS("manifest"), ERROR("400", "DIGEST_INVALID")},
        RC_NETWORK, "'v1' of 'shop/web' is not removed"},
    {"not without the right to", {ERROR("401", "UNAUTHORIZED")}, RC_NETWORK, "docker login"},
};

static void
test_takes_a_tag_away(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(removals); i++) {
        struct why why = {""};
        struct rig rig;

        print_message("%s\n", removals[i].says);
        rig_open(&rig, removals[i].answers);
        check(registry_untag(rig.registry, "shop/web", "v1", &why), removals[i].rc, &why,
            removals[i].sentence);
        assert_null(strstr(canned_requests(&rig.server), "PUT "));
        rig_close(&rig);
    }
}

static const struct {
    const char *says, *answer;
    enum rc rc;
    bool is_there;
} blobs[] = {
    {"one that is there", "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n", RC_OK, true},
    {"one that is not", "HTTP/1.1 404 N\r\nContent-Length: 0\r\n\r\n", RC_OK, false},
    {"one of another size, which is none", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", RC_OK,
        false},
    {"a registry that does not tell", "HTTP/1.1 405 N\r\nContent-Length: 0\r\n\r\n", RC_OK, false},
    {"one that we may not see", "HTTP/1.1 403 F\r\nContent-Length: 0\r\n\r\n", RC_NETWORK, false},
};

static void
test_looks_for_a_blob(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(blobs); i++) {
        struct registry_blob blob = {.path = "shop/web", .size = 8};
        struct why why = {""};
        struct rig rig;
        bool is_there = false;

        print_message("%s\n", blobs[i].says);
        rig_open(&rig, (const char *const[]){blobs[i].answer, NULL});
        check(registry_has_blob(&is_there, rig.registry, &blob, &why), blobs[i].rc, &why, "");
        assert_int_equal(is_there, blobs[i].is_there);
        rig_close(&rig);
    }
}

static const struct {
    const char *says, *answer;
    int64_t size;
    enum rc rc;
    const char *sentence;
} downloads[] = {
    {"what it is", "HTTP/1.1 200 OK\r\n\r\nmanifest", 8, RC_OK, ""},
    {"what is not there", ERROR("404", "BLOB_UNKNOWN"), 8, RC_NOT_FOUND, "has no blob"},
    {"less", "HTTP/1.1 200 OK\r\n\r\nmanifes", 8, RC_UNTRUSTED, "7 bytes came"},
    {"more", "HTTP/1.1 200 OK\r\n\r\nmanifests", 8, RC_UNTRUSTED, ""},
    {"something else", "HTTP/1.1 200 OK\r\n\r\nMANIFEST", 8, RC_UNTRUSTED, "8 bytes came"},
};

static enum rc
on_piece(void *data, struct span piece, struct why *why)
{
    bytes_put(data, piece);
    return bytes_check(data, why);
}

static void
test_gives_of_a_blob_only(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(downloads); i++) {
        closing(bytes_done) struct bytes came = BYTES_INIT(64);
        const struct http_watch watch = {.piece = on_piece, .data = &came};
        struct registry_blob blob = {.path = "shop/web", .size = downloads[i].size};
        struct why why = {""};
        struct rig rig;

        print_message("%s\n", downloads[i].says);
        digest_of(&blob.digest, SPAN("manifest"));
        rig_open(&rig, (const char *const[]){downloads[i].answer, NULL});
        check(registry_download(rig.registry, &blob, &watch, &why), downloads[i].rc, &why,
            downloads[i].sentence);
        assert_true(downloads[i].rc || span_is(bytes_span(&came), "manifest"));
        rig_close(&rig);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_puts),
        cmocka_unit_test(test_takes_a_tag_away),
        cmocka_unit_test(test_looks_for_a_blob),
        cmocka_unit_test(test_gives_of_a_blob_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
