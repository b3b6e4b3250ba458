/* SPDX-License-Identifier: Apache-2.0 */
#include "client/layout.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "client/spool.h"
#include "proto/bounds.h"

#define IMAGE_TYPE  "application/vnd.oci.image.manifest.v1+json"
#define INDEX_TYPE  "application/vnd.oci.image.index.v1+json"
#define CONFIG_TYPE "application/vnd.oci.image.config.v1+json"
#define VERSION     "{\"imageLayoutVersion\":\"1.0.0\"}"

#define NAMED(name) ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"" name "\"}"
#define SAVED(name, full)                                                                          \
    ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"" name                              \
    "\",\"io.containerd.image.name\":\"" full "\"}"

/* The files of one. */
static struct {
    char name[96];
    int64_t offset, size;
} files[32];
static size_t n_files;
static struct spool *spool;

static int
set_up(void **state)
{
    (void)state;
    n_files = 0;
    return spool_new(&spool, NULL) ? -1 : 0;
}

static int
tear_down(void **state)
{
    (void)state;
    spool_free(spool);
    return 0;
}

static void
put(const char *name, struct span text)
{
    assert_true(n_files < N_ELEMENTS(files));
    snprintf(files[n_files].name, sizeof files[0].name, "%s", name);
    files[n_files].offset = spool_len(spool);
    files[n_files++].size = (int64_t)text.len;
    assert_int_equal(spool_put(spool, text, NULL), RC_OK);
}

static enum rc
open_file(struct content *ret, void *data, const char *name, struct why *why)
{
    (void)data;
    for (size_t i = n_files; i > 0; i--)
        if (!strcmp(files[i - 1].name, name)) {
            *ret = spool_content(spool, files[i - 1].offset);
            ret->size = files[i - 1].size;
            return RC_OK;
        }

    return (fail)(why, RC_NOT_FOUND, "no such file");
}

static const struct layout_place place = {open_file, NULL};

/* A blob; its descriptor is appended to ret. */
static struct digest
put_blob(struct bytes *ret, const char *type, const char *text, const char *more)
{
    char hex[DIGEST_HEX_LEN + 1], name[96];
    struct digest digest;

    digest_of(&digest, span_of(text));
    digest_hex(hex, &digest);
    snprintf(name, sizeof name, "blobs/sha256/%s", hex);
    put(name, span_of(text));
    if (ret->len > 0)
        bytes_puts(ret, ",");
    bytes_printf(ret, "{\"mediaType\":\"%s\",\"digest\":\"sha256:%s\",\"size\":%zu%s}", type, hex,
        strlen(text), more);
    return digest;
}

/* An image that is told from others by the text of its config. */
static struct digest
put_image(struct bytes *ret, const char *config, const char *subject, const char *more)
{
    closing(bytes_done) struct bytes config_of = BYTES_INIT(1024);
    closing(bytes_done) struct bytes manifest = BYTES_INIT(4096);

    put_blob(&config_of, CONFIG_TYPE, config, "");
    bytes_printf(&manifest, "{\"schemaVersion\":2,\"config\":%s,\"layers\":[]%s%s}",
        bytes_text(&config_of), subject ? ",\"subject\":" : "", subject ? subject : "");
    return put_blob(ret, IMAGE_TYPE, bytes_text(&manifest), more);
}

static void
put_index(const struct bytes *entries)
{
    closing(bytes_done) struct bytes index = BYTES_INIT(MANIFEST_MAX_BYTES);

    bytes_printf(&index, "{\"schemaVersion\":2,\"manifests\":[%s]}", bytes_text(entries));
    put("oci-layout", SPAN(VERSION));
    put("index.json", bytes_span(&index));
}

static void
test_finds_the_image_that_is_meant(void **state)
{
    static const struct {
        const char *says, *entries[3]; /* annotations of each */
        const char *tag, *wanted;      /* by the source, by the tags that are pushed */
        int want;                      /* -1: none, -2: several */
        const char *text;
    } cases[] = {
        {"the only one", {""}, NULL, NULL, 0, ""},
        {"the only one, whatever the tag", {NAMED("v1")}, NULL, "v2", 0, ""},
        {"the only one with a name", {"", NAMED("v1"), NAMED("sha256-1234")}, NULL, NULL, 1, ""},
        {"by its tag", {NAMED("v1"), NAMED("v2")}, "v2", "v1", 1, ""},
        {"by the tag that is pushed", {NAMED("v1"), NAMED("v2")}, NULL, "v2", 1, ""},
        {"by a name as docker shows it",
            {SAVED("v1", "docker.io/library/web:v1"), SAVED("v1", "docker.io/shop/web:v1")},
            "shop/web:v1", NULL, 1, ""},
        {"by a name as it is stored",
            {SAVED("v1", "docker.io/library/web:v1"), SAVED("v1", "docker.io/shop/web:v1")},
            "docker.io/library/web:v1", NULL, 0, ""},
        {"without the tag that goes without saying",
            {SAVED("v1", "h:5/web:v1"), SAVED("latest", "h:5/web:latest")}, "h:5/web", NULL, 1, ""},
        {"by a name with colons", {NAMED("v1"), NAMED("h:5/web:v1")}, "h:5/web:v1", NULL, 1, ""},
        {"another tag", {NAMED("v1"), NAMED("v2")}, "v3", NULL, -1,
            "no image 'v3' in it; there are: 'v1', 'v2'"},
        {"another tag that is pushed", {NAMED("v1"), NAMED("v2")}, NULL, "v3", -1,
            "no image 'v3' in it"},
        {"which one", {NAMED("v1"), NAMED("v2")}, NULL, NULL, -2,
            "there are several images in it: 'v1', 'v2'; name one of them"},
        {"several of one name", {NAMED("v1"), NAMED("v1")}, "v1", NULL, -2,
            "2 different images have the name 'v1'"},
        {"several without a name", {"", ""}, NULL, NULL, -2, "none has a name"},
        {"nothing", {NULL}, NULL, NULL, -1, "there is no image in it"},
        {"nothing of that name", {NULL}, "v1", NULL, -1, "there are: none that has a name"},
    };

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(bytes_done) struct bytes entries = BYTES_INIT(MANIFEST_MAX_BYTES);
        closing(layout_freep) struct layout *layout = NULL;
        closing(descriptor_done) struct descriptor found = {0};
        struct digest digests[3];
        struct why why = {0};

        print_message("%s\n", cases[i].says);
        n_files = 0;
        for (size_t k = 0; k < 3 && cases[i].entries[k]; k++)
            digests[k] = put_image(
                &entries, (const char *const[]){"0", "1", "2"}[k], NULL, cases[i].entries[k]);
        put_index(&entries);
        assert_int_equal(layout_new(&layout, &place, cases[i].tag, NULL), RC_OK);
        enum rc rc =
            layout_find(&found, layout, &(struct source_choice){.tag = cases[i].wanted}, &why);
        assert_int_equal(rc, cases[i].want >= 0    ? RC_OK
                             : cases[i].want == -1 ? RC_NOT_FOUND
                                                   : RC_REFUSED);
        if (cases[i].want >= 0)
            assert_true(digest_eq(&found.digest, &digests[cases[i].want]));
        else if (!strstr(why.text, cases[i].text))
            fail_msg("'%s' is not in '%s'", cases[i].text, why.text);
    }
    (void)state;
}

static void
test_takes_one_image_under_two_names_as_one(void **state)
{
    closing(bytes_done) struct bytes entries = BYTES_INIT(MANIFEST_MAX_BYTES);
    closing(layout_freep) struct layout *layout = NULL;
    closing(descriptor_done) struct descriptor found = {0};

    (void)state;
    const struct digest digest = put_image(&entries, "0", NULL, NAMED("v1"));
    put_image(&entries, "0", NULL, NAMED("latest"));
    put_index(&entries);
    assert_int_equal(layout_new(&layout, &place, NULL, NULL), RC_OK);
    assert_int_equal(layout_find(&found, layout, &(struct source_choice){0}, NULL), RC_OK);
    assert_true(digest_eq(&found.digest, &digest));
}

static void
test_refuses_what_is_no_layout(void **state)
{
    static const struct {
        const char *version, *index;
        enum rc rc;
        const char *want;
    } cases[] = {
        {NULL, NULL, RC_NOT_FOUND, "no OCI layout: 'oci-layout': no such file"},
        {VERSION, NULL, RC_NOT_FOUND, "'index.json': no such file"},
        {"{}", "{}", RC_MALFORMED, "'oci-layout': imageLayoutVersion: want text"},
        {"{\"imageLayoutVersion\":\"2.0.0\"}", "{}", RC_UNSUPPORTED, "want '1.0.0', have '2.0.0'"},
        {VERSION, "{", RC_MALFORMED, "'index.json': byte 1"},
        {VERSION, "{\"schemaVersion\":2,\"layers\":[]}", RC_MALFORMED, "'index.json': manifests"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(layout_freep) struct layout *layout = NULL;
        struct why why = {0};

        n_files = 0;
        if (cases[i].version)
            put("oci-layout", span_of(cases[i].version));
        if (cases[i].index)
            put("index.json", span_of(cases[i].index));
        assert_int_equal(layout_new(&layout, &place, NULL, &why), cases[i].rc);
        if (!strstr(why.text, cases[i].want))
            fail_msg("'%s' is not in '%s'", cases[i].want, why.text);
    }
}

static void
test_opens_blobs_of_the_size_they_should_have(void **state)
{
    closing(bytes_done) struct bytes entries = BYTES_INIT(MANIFEST_MAX_BYTES);
    closing(layout_freep) struct layout *layout = NULL;
    struct content content = CONTENT_NONE;
    struct descriptor blob = {.size = 5};
    struct why why = {0};

    (void)state;
    blob.digest = put_blob(&entries, "a/b", "layer", "");
    put_index(&entries);
    assert_int_equal(layout_new(&layout, &place, NULL, NULL), RC_OK);
    assert_int_equal(layout_open_blob(&content, layout, &blob, NULL), RC_OK);
    assert_int_equal(content.size, 5);
    content_done(&content);

    blob.size = 4;
    assert_int_equal(layout_open_blob(&content, layout, &blob, &why), RC_MALFORMED);
    assert_string_equal(why.text, "it has 5 bytes, the manifest says 4");
    blob.digest.b[0] ^= 1;
    assert_int_equal(layout_open_blob(&content, layout, &blob, &why), RC_NOT_FOUND);
    assert_non_null(strstr(why.text, "'blobs/sha256/"));
}

/* Some list what is about an image in index.json, others in an index under a tag. */
static void
test_finds_what_refers_to_an_image(void **state)
{
    closing(bytes_done) struct bytes entries = BYTES_INIT(MANIFEST_MAX_BYTES);
    closing(bytes_done) struct bytes tagged = BYTES_INIT(MANIFEST_MAX_BYTES);
    closing(bytes_done) struct bytes list = BYTES_INIT(MANIFEST_MAX_BYTES);
    closing(layout_freep) struct layout *layout = NULL;
    closing(referrers_done) struct referrers found = {0};
    closing(referrers_done) struct referrers none = {0};
    char more[256], hex[DIGEST_HEX_LEN + 1];

    (void)state;
    const struct digest image = put_image(&entries, "image", NULL, "");
    closing(freep) char *subject = strdup(bytes_text(&entries));
    assert_non_null(subject);
    const struct digest sbom = put_image(&entries, "sbom", subject, "");
    const struct digest signature = put_image(&tagged, "signature", subject, "");
    bytes_printf(&list, "{\"schemaVersion\":2,\"manifests\":[%s]}", bytes_text(&tagged));
    digest_hex(hex, &image);
    snprintf(more, sizeof more, NAMED("sha256-%s"), hex);
    put_blob(&entries, INDEX_TYPE, bytes_text(&list), more);
    put_blob(&entries, "text/plain", "something else", "");
    put_index(&entries);

    assert_int_equal(layout_new(&layout, &place, NULL, NULL), RC_OK);
    assert_int_equal(layout_referrers(&found, layout, &image, NULL), RC_OK);
    assert_int_equal(found.n, 2);
    assert_true(digest_eq(&found.list[0].digest, &sbom));
    assert_true(digest_eq(&found.list[1].digest, &signature));
    assert_int_equal(layout_referrers(&none, layout, &sbom, NULL), RC_OK);
    assert_int_equal(none.n, 0);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_finds_the_image_that_is_meant, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_takes_one_image_under_two_names_as_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refuses_what_is_no_layout, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_opens_blobs_of_the_size_they_should_have, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_finds_what_refers_to_an_image, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
