/* SPDX-License-Identifier: Apache-2.0 */
#include "client/engine_image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "client/interrupt.h"
#include "tests/canned.h"

#define PONG    "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\n\r\nOK"
#define FINE    "HTTP/1.1 200 OK\r\n\r\n{}"
#define CREATED "HTTP/1.1 201 Created\r\n\r\n"
#define NO_SUCH "HTTP/1.1 404 Not Found\r\n\r\n{\"message\":\"no such image\"}"
#define FAILS   "HTTP/1.1 200 OK\r\n\r\n{\"error\":\"the disk is full\"}"
#define UNKNOWN                                                                                    \
    "HTTP/1.1 404 Not "                                                                            \
    "Found\r\n\r\n{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"no\"}]}"

/* One engine, one registry, two images. */
struct rig {
    struct canned engine, registry;
    char host[32], repository[64];
    struct engine_image items[2];
    struct engine_images images;
};

static void
rig_open(struct rig *rig, const char *const *engine, const char *const *registry)
{
    char address[64];

    *rig = (struct rig){.images.items = rig->items, .images.n = N_ELEMENTS(rig->items)};
    canned_listen(&rig->engine);
    canned_answer(&rig->engine, engine);
    canned_listen(&rig->registry);
    canned_answer(&rig->registry, registry);
    snprintf(address, sizeof address, "tcp://127.0.0.1:%d", rig->engine.port);
    setenv("DOCKER_HOST", address, 1);
    snprintf(rig->host, sizeof rig->host, "127.0.0.1:%d", rig->registry.port);
    snprintf(rig->repository, sizeof rig->repository, "%s/shop/web", rig->host);
    for (size_t i = 0; i < rig->images.n; i++)
        rig->items[i] = (struct engine_image){
            .name = i == 0 ? "first" : "second",
            .repository = rig->repository,
            .host = rig->host,
            .path = "shop/web",
        };
}

static void
rig_close(struct rig *rig)
{
    canned_stop(&rig->engine);
    canned_stop(&rig->registry);
}

static void
test_names_the_first_image_that_is_missing(void **state)
{
    struct rig rig;
    struct why why = {0};

    (void)state;
    rig_open(&rig, (const char *const[]){PONG, FINE, NULL}, (const char *const[]){NULL});
    rig.images.n = 1;
    assert_int_equal(engine_images_find(&rig.images, &why), RC_OK);
    rig_close(&rig);

    rig_open(&rig, (const char *const[]){PONG, NO_SUCH, NULL}, (const char *const[]){NULL});
    rig.images.n = 1;
    assert_int_equal(engine_images_find(&rig.images, &why), RC_NOT_FOUND);
    assert_non_null(strstr(why.text, "has no image 'first'"));
    assert_int_equal(rig.items[0].rc, RC_NOT_FOUND);
    assert_string_equal(rig.items[0].why.text, why.text);
    /* Nothing was pushed, so there is nothing to be asked for. */
    assert_int_equal(engine_images_remove(&rig.images, &why), RC_OK);
    assert_string_equal(rig.items[0].tag, "");
    rig_close(&rig);
}

static void
test_a_push_that_fails_leaves_no_tag_in_the_engine(void **state)
{
    struct rig rig;
    char line[128];
    struct why why = {0};

    (void)state;
    rig_open(&rig, (const char *const[]){PONG, CREATED, FAILS, FINE, PONG, NULL},
        (const char *const[]){FINE, UNKNOWN, NULL});
    rig.images.n = 1;
    assert_int_equal(engine_images_push(&rig.images, &why), RC_NETWORK);
    assert_non_null(strstr(why.text, "says: the disk is full"));
    assert_false(rig.items[0].is_pushed);
    assert_false(rig.items[0].is_in_engine);
    assert_true(rig.items[0].is_in_registry);
    assert_int_equal(strlen(rig.items[0].tag), strlen("countersign-0123456789abcdef"));
    snprintf(line, sizeof line, "DELETE /v1.41/images/%s:%s?noprune=1 HTTP/1.1\r\n", rig.repository,
        rig.items[0].tag);
    assert_non_null(strstr(canned_requests(&rig.engine), line));

    /* The registry knows of none. */
    assert_int_equal(engine_images_remove(&rig.images, &why), RC_OK);
    assert_false(rig.items[0].is_in_registry);
    snprintf(line, sizeof line, "GET /v2/shop/web/manifests/%s HTTP/1.1\r\n", rig.items[0].tag);
    assert_non_null(strstr(canned_requests(&rig.registry), line));
    assert_null(strstr(canned_requests(&rig.registry), "DELETE "));
    rig_close(&rig);
}

static void
test_what_has_no_tag_needs_no_removal(void **state)
{
    struct rig rig;
    struct why why = {0};

    (void)state;
    rig_open(
        &rig, (const char *const[]){PONG, NO_SUCH, NO_SUCH, NULL}, (const char *const[]){NULL});
    rig.images.n = 1;
    assert_int_equal(engine_images_push(&rig.images, &why), RC_NOT_FOUND);
    assert_false(rig.items[0].is_in_engine);
    assert_false(rig.items[0].is_in_registry);
    assert_int_equal(engine_images_remove(&rig.images, &why), RC_OK);
    assert_null(strstr(canned_requests(&rig.registry), "/v2/"));
    rig_close(&rig);
}

static void
test_every_push_has_a_tag_of_its_own(void **state)
{
    struct rig rig;
    char before[ENGINE_IMAGE_TAG_BYTES];
    struct why why = {0};

    (void)state;
    rig_open(&rig, (const char *const[]){NULL}, (const char *const[]){NULL});
    setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock", 1);
    assert_int_equal(engine_images_push(&rig.images, &why), RC_NETWORK);
    assert_string_not_equal(rig.items[0].tag, rig.items[1].tag);
    memcpy(before, rig.items[0].tag, sizeof before);
    assert_int_equal(engine_images_push(&rig.images, &why), RC_NETWORK);
    assert_string_not_equal(rig.items[0].tag, before);
    rig_close(&rig);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_the_first_image_that_is_missing),
        cmocka_unit_test(test_a_push_that_fails_leaves_no_tag_in_the_engine),
        cmocka_unit_test(test_what_has_no_tag_needs_no_removal),
        cmocka_unit_test(test_every_push_has_a_tag_of_its_own),
    };

    interrupt_init();
    unsetenv("DOCKER_TLS_VERIFY");
    setenv("DOCKER_CONFIG", "/nonexistent", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
