/* SPDX-License-Identifier: Apache-2.0 */
#include "client/image.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "proto/bounds.h"

#define IMAGE_TYPE  "application/vnd.oci.image.manifest.v1+json"
#define INDEX_TYPE  "application/vnd.oci.image.index.v1+json"
#define LAYER_TYPE  "application/vnd.oci.image.layer.v1.tar+gzip"
#define CONFIG_TYPE "application/vnd.oci.image.config.v1+json"

#define STORED_MAX 1200

/* Where manifests are read from: by their digests, or by those that they are said to have. */
static struct {
    struct digest digest;
    struct bytes bytes;
} store[STORED_MAX];
static size_t n_stored;
static size_t n_reads;

static int
clear(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_stored; i++)
        bytes_done(&store[i].bytes);
    n_stored = n_reads = 0;
    return 0;
}

static enum rc
read_stored(void *data, struct bytes *ret, const struct descriptor *descriptor, struct why *why)
{
    (void)data;
    n_reads++;
    for (size_t i = 0; i < n_stored; i++)
        if (digest_eq(&store[i].digest, &descriptor->digest)) {
            bytes_put(ret, bytes_span(&store[i].bytes));
            return bytes_check(ret, why);
        }

    return (fail)(why, RC_NOT_FOUND, "it is not there");
}

static const struct image_reader reader = {read_stored, NULL};

/* A descriptor of what is named only: its digest is of the name. */
static void
put_named(struct bytes *b, const char *type, const char *name, int64_t size)
{
    char hex[DIGEST_HEX_LEN + 1];
    struct digest digest;

    digest_of(&digest, span_of(name));
    digest_hex(hex, &digest);
    bytes_printf(
        b, "{\"mediaType\":\"%s\",\"digest\":\"sha256:%s\",\"size\":%" PRId64 "}", type, hex, size);
}

/* Store a manifest; its descriptor is appended to *ret, with more members. */
static struct descriptor
keep(struct bytes *ret, const char *type, const struct bytes *manifest, const char *more)
{
    char hex[DIGEST_HEX_LEN + 1];

    assert_true(n_stored < STORED_MAX);
    digest_of(&store[n_stored].digest, bytes_span(manifest));
    store[n_stored].bytes = BYTES_INIT(MANIFEST_MAX_BYTES);
    bytes_put(&store[n_stored].bytes, bytes_span(manifest));
    digest_hex(hex, &store[n_stored].digest);
    if (ret)
        bytes_printf(ret, "{\"mediaType\":\"%s\",\"digest\":\"sha256:%s\",\"size\":%zu%s}", type,
            hex, manifest->len, more);
    return (struct descriptor){
        .media_type = (char *)type,
        .digest = store[n_stored++].digest,
        .size = (int64_t)manifest->len,
    };
}

/* An image of a config and of layers, by their names: "a b c". */
static struct descriptor
keep_image(struct bytes *ret, const char *names, const char *more)
{
    closing(bytes_done) struct bytes manifest = BYTES_INIT(MANIFEST_MAX_BYTES);
    char name[32];

    bytes_puts(&manifest, "{\"schemaVersion\":2,\"config\":");
    snprintf(name, sizeof name, "config of %s", names);
    put_named(&manifest, CONFIG_TYPE, name, 1);
    bytes_puts(&manifest, ",\"layers\":[");
    for (const char *at = names; *at; at += strspn(at, " ")) {
        size_t len = strcspn(at, " ");

        snprintf(name, sizeof name, "%.*s", (int)len, at);
        bytes_puts(&manifest, at > names ? "," : "");
        put_named(&manifest, LAYER_TYPE, name, 10);
        at += len;
    }
    bytes_puts(&manifest, "]}");
    return keep(ret, IMAGE_TYPE, &manifest, more);
}

static struct descriptor
keep_index(struct bytes *ret, const struct bytes *entries)
{
    closing(bytes_done) struct bytes manifest = BYTES_INIT(MANIFEST_MAX_BYTES);

    bytes_printf(&manifest, "{\"schemaVersion\":2,\"manifests\":[%s]}", bytes_text(entries));
    return keep(ret, INDEX_TYPE, &manifest, "");
}

static bool
has_blob(const struct image *image, const char *name)
{
    struct digest digest;

    digest_of(&digest, span_of(name));
    for (size_t i = 0; i < image->n_blobs; i++)
        if (digest_eq(&image->blobs[i].digest, &digest))
            return true;
    return false;
}

static void
test_lists_blobs_once_and_children_first(void **state)
{
    closing(bytes_done) struct bytes entries = BYTES_INIT(MANIFEST_MAX_BYTES);
    closing(image_done) struct image image = IMAGE_INIT;

    (void)state;
    const struct descriptor amd = keep_image(&entries, "base app", "");
    bytes_puts(&entries, ",");
    const struct descriptor arm = keep_image(&entries, "base arm base", "");
    bytes_puts(&entries, ",");
    keep_image(&entries, "base app", ""); /* the first one again */
    const struct descriptor top = keep_index(NULL, &entries);

    assert_int_equal(image_read(&image, &reader, &top, NULL, NULL), RC_OK);
    assert_int_equal(image.n_manifests, 3);
    assert_int_equal(image.top, 2);
    assert_true(digest_eq(&image.manifests[0].digest, &amd.digest));
    assert_true(digest_eq(&image.manifests[1].digest, &arm.digest));
    assert_true(digest_eq(&image.manifests[2].digest, &top.digest));
    assert_string_equal(image.manifests[2].media_type, INDEX_TYPE);
    assert_int_equal(image.manifests[2].bytes.len, top.size);
    assert_int_equal(image.n_blobs, 5);
    assert_true(has_blob(&image, "base") && has_blob(&image, "app") && has_blob(&image, "arm"));
    assert_true(has_blob(&image, "config of base app"));
    assert_int_equal(image_size(&image), 32);
    assert_int_equal(n_reads, 3);
}

static void
test_takes_one_platform_of_an_index(void **state)
{
    closing(bytes_done) struct bytes entries = BYTES_INIT(MANIFEST_MAX_BYTES);
    struct why why = {0};

    (void)state;
    keep_image(&entries, "base app", ",\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}");
    bytes_puts(&entries, ",");
    const struct descriptor arm = keep_image(&entries, "base arm",
        ",\"platform\":{\"os\":\"linux\",\"architecture\":\"arm64\",\"variant\":\"v8\"}");
    const struct descriptor top = keep_index(NULL, &entries);

    closing(image_done) struct image image = IMAGE_INIT;
    assert_int_equal(image_read(&image, &reader, &top, "linux/arm64", NULL), RC_OK);
    assert_int_equal(image.n_manifests, 1);
    assert_true(digest_eq(&image.manifests[image.top].digest, &arm.digest));
    assert_int_equal(image.n_blobs, 3);

    closing(image_done) struct image none = IMAGE_INIT;
    assert_int_equal(image_read(&none, &reader, &top, "linux/s390x", &why), RC_NOT_FOUND);
    assert_non_null(strstr(why.text, "there are: linux/amd64, linux/arm64/v8"));

    /* One that is in no index is what it is. */
    closing(image_done) struct image same = IMAGE_INIT;
    assert_int_equal(image_read(&same, &reader, &arm, "linux/s390x", NULL), RC_OK);
    assert_true(digest_eq(&same.manifests[same.top].digest, &arm.digest));
}

/* As engines save an image of which they have one platform. */
static void
test_says_what_to_do_about_platforms_that_are_missing(void **state)
{
    closing(bytes_done) struct bytes entries = BYTES_INIT(MANIFEST_MAX_BYTES);
    closing(image_done) struct image image = IMAGE_INIT;
    struct why why = {0};

    (void)state;
    keep_image(&entries, "base app", ",\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}");
    bytes_puts(&entries, ",");
    keep_image(&entries, "base arm", ",\"platform\":{\"os\":\"linux\",\"architecture\":\"arm\"}");
    const struct descriptor top = keep_index(NULL, &entries);
    store[1].digest.b[0] ^= 1;
    assert_int_equal(image_read(&image, &reader, &top, NULL, &why), RC_NOT_FOUND);
    assert_non_null(
        strstr(why.text, ": an index lists it for linux/arm, but it is not there; where only"));
    assert_int_equal(image_read(&image, &reader, &top, "linux/amd64", NULL), RC_OK);
}

static void
test_adds_what_refers_to_it(void **state)
{
    closing(image_done) struct image image = IMAGE_INIT;

    (void)state;
    const struct descriptor top = keep_image(NULL, "base app", "");
    const struct descriptor sbom = keep_image(NULL, "base sbom", "");
    assert_int_equal(image_read(&image, &reader, &top, NULL, NULL), RC_OK);
    assert_int_equal(image_add_referrer(&image, &reader, &sbom, NULL), RC_OK);
    assert_int_equal(image_add_referrer(&image, &reader, &sbom, NULL), RC_OK);
    assert_int_equal(image.n_manifests, 2);
    assert_int_equal(image.top, 0);
    assert_int_equal(image.n_blobs, 5);
}

static void
test_refuses_what_is_not_as_it_is_named(void **state)
{
    closing(image_done) struct image image = IMAGE_INIT;
    struct why why = {0};

    (void)state;
    struct descriptor top = keep_image(NULL, "base app", "");
    top.size++;
    assert_int_equal(image_read(&image, &reader, &top, NULL, &why), RC_UNTRUSTED);
    assert_non_null(strstr(why.text, "bytes, who names it says"));

    top.size--;
    store[0].bytes.p[0] = ' ';
    assert_int_equal(image_read(&image, &reader, &top, NULL, &why), RC_UNTRUSTED);
    assert_non_null(strstr(why.text, ": its bytes are of sha256:"));

    top.digest.b[0] ^= 1;
    assert_int_equal(image_read(&image, &reader, &top, NULL, &why), RC_NOT_FOUND);

    top.size = MANIFEST_MAX_BYTES + 1LL;
    assert_int_equal(image_read(&image, &reader, &top, NULL, &why), RC_TOO_LARGE);

    top.media_type = (char *)LAYER_TYPE;
    assert_int_equal(image_read(&image, &reader, &top, NULL, &why), RC_UNSUPPORTED);
    assert_int_equal(image.n_manifests, 0);
}

static void
test_refuses_two_sizes_of_one_layer(void **state)
{
    closing(bytes_done) struct bytes manifest = BYTES_INIT(MANIFEST_MAX_BYTES);
    closing(image_done) struct image image = IMAGE_INIT;
    struct why why = {0};

    (void)state;
    bytes_puts(&manifest, "{\"schemaVersion\":2,\"config\":");
    put_named(&manifest, CONFIG_TYPE, "c", 1);
    bytes_puts(&manifest, ",\"layers\":[");
    put_named(&manifest, LAYER_TYPE, "a", 1);
    bytes_puts(&manifest, ",");
    put_named(&manifest, LAYER_TYPE, "a", 2);
    bytes_puts(&manifest, "]}");
    const struct descriptor top = keep(NULL, IMAGE_TYPE, &manifest, "");
    assert_int_equal(image_read(&image, &reader, &top, NULL, &why), RC_MALFORMED);
    assert_non_null(strstr(why.text, "is said to have 1 and 2 bytes"));
}

static void
test_goes_down_to_the_bound(void **state)
{
    struct why why = {0};

    (void)state;
    for (int more = 0; more < 2; more++) {
        closing(image_done) struct image image = IMAGE_INIT;
        closing(bytes_done) struct bytes entries = BYTES_INIT(MANIFEST_MAX_BYTES);
        struct descriptor top = keep_image(&entries, "base", "");

        for (int depth = 1; depth < IMAGE_DEPTH_MAX + more; depth++) {
            closing(bytes_done) struct bytes above = BYTES_INIT(MANIFEST_MAX_BYTES);

            top = keep_index(&above, &entries);
            bytes_clear(&entries);
            bytes_put(&entries, bytes_span(&above));
        }
        assert_int_equal(
            image_read(&image, &reader, &top, NULL, &why), more == 0 ? RC_OK : RC_TOO_LARGE);
    }
    assert_non_null(strstr(why.text, "an index in an index, more than 4 deep"));
}

static void
test_takes_manifests_up_to_the_bound(void **state)
{
    (void)state;
    closing(bytes_done) struct bytes entries = BYTES_INIT(MANIFEST_MAX_BYTES);
    for (int i = 0; i < IMAGE_MANIFESTS_MAX; i++) {
        char name[16];

        snprintf(name, sizeof name, "%d", i);
        if (i > 0)
            bytes_puts(&entries, ",");
        keep_image(&entries, name, "");
        if (i < IMAGE_MANIFESTS_MAX - 2)
            continue;

        closing(image_done) struct image image = IMAGE_INIT;
        const struct descriptor top = keep_index(NULL, &entries);
        assert_int_equal(image_read(&image, &reader, &top, NULL, NULL),
            i == IMAGE_MANIFESTS_MAX - 2 ? RC_OK : RC_TOO_LARGE);
    }
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_lists_blobs_once_and_children_first, clear),
        cmocka_unit_test_teardown(test_takes_one_platform_of_an_index, clear),
        cmocka_unit_test_teardown(test_says_what_to_do_about_platforms_that_are_missing, clear),
        cmocka_unit_test_teardown(test_adds_what_refers_to_it, clear),
        cmocka_unit_test_teardown(test_refuses_what_is_not_as_it_is_named, clear),
        cmocka_unit_test_teardown(test_refuses_two_sizes_of_one_layer, clear),
        cmocka_unit_test_teardown(test_goes_down_to_the_bound, clear),
        cmocka_unit_test_teardown(test_takes_manifests_up_to_the_bound, clear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
