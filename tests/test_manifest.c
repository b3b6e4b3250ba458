/* SPDX-License-Identifier: Apache-2.0 */
#include "client/manifest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "proto/bounds.h"

#define OCI_IMAGE    "application/vnd.oci.image.manifest.v1+json"
#define OCI_INDEX    "application/vnd.oci.image.index.v1+json"
#define DOCKER_IMAGE "application/vnd.docker.distribution.manifest.v2+json"
#define DOCKER_LIST  "application/vnd.docker.distribution.manifest.list.v2+json"

#define HEX "4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a"
#define DESCRIPTOR(type, more)                                                                     \
    "{\"mediaType\":\"" type "\",\"digest\":\"sha256:" HEX "\",\"size\":7" more "}"
#define CONFIG        DESCRIPTOR("application/vnd.oci.image.config.v1+json", "")
#define LAYER         DESCRIPTOR("application/vnd.oci.image.layer.v1.tar+gzip", "")
#define FOREIGN(more) DESCRIPTOR("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", more)

#define IMAGE(type, layers, more)                                                                  \
    "{\"schemaVersion\":2" type ",\"config\":" CONFIG ",\"layers\":[" layers "]" more "}"
#define INDEX(type, entries, more)                                                                 \
    "{\"schemaVersion\":2" type ",\"manifests\":[" entries "]" more "}"
#define TYPE(type) ",\"mediaType\":\"" type "\""

static enum rc
parse(struct manifest **ret, const char *type, const char *text, struct why *why)
{
    return manifest_parse(ret, type, span_of(text), why);
}

static void
test_reads_what_an_image_lists(void **state)
{
    closing(manifest_freep) struct manifest *manifest = NULL;
    char hex[DIGEST_HEX_LEN + 1];

    (void)state;
    assert_int_equal(
        parse(&manifest, OCI_IMAGE,
            IMAGE("", LAYER "," LAYER, ",\"annotations\":{\"b\":\"1\",\"a\":\"2\"}"), NULL),
        RC_OK);
    assert_int_equal(manifest->kind, MANIFEST_IMAGE);
    assert_int_equal(manifest->n, 3);
    assert_string_equal(
        manifest->descriptors[0].media_type, "application/vnd.oci.image.config.v1+json");
    digest_hex(hex, &manifest->descriptors[2].digest);
    assert_string_equal(hex, HEX);
    assert_int_equal(manifest->descriptors[2].size, 7);
    assert_string_equal(manifest->artifact_type, "application/vnd.oci.image.config.v1+json");
    assert_string_equal(manifest->annotations, "{\"b\":\"1\",\"a\":\"2\"}");
    assert_null(manifest->subject);
}

static void
test_reads_what_an_index_lists(void **state)
{
    closing(manifest_freep) struct manifest *manifest = NULL;

    (void)state;
    assert_int_equal(
        parse(&manifest, DOCKER_LIST,
            INDEX(TYPE(DOCKER_LIST),
                DESCRIPTOR(DOCKER_IMAGE,
                    ",\"platform\":{\"os\":\"linux\",\"architecture\":\"arm\","
                    "\"variant\":\"v7\",\"features\":[\"x\"]}") "," DESCRIPTOR(DOCKER_IMAGE,
                    ",\"platform\":{\"os\":\"linux\","
                    "\"architecture\":\"amd64\",\"variant\":\"\"}") "," DESCRIPTOR(DOCKER_IMAGE,
                    ",\"platform\":{\"os\":\"linux\"},\"annotations\":{"
                    "\"org.opencontainers.image.ref.name\":\"v1\","
                    "\"io.containerd.image.name\":\"docker.io/library/web:v1\"}"),
                ""),
            NULL),
        RC_OK);
    assert_int_equal(manifest->kind, MANIFEST_INDEX);
    assert_int_equal(manifest->n, 3);
    assert_string_equal(manifest->descriptors[0].platform, "linux/arm/v7");
    assert_string_equal(manifest->descriptors[1].platform, "linux/amd64");
    assert_null(manifest->descriptors[2].platform);
    assert_null(manifest->descriptors[1].name);
    assert_string_equal(manifest->descriptors[2].name, "v1");
    assert_string_equal(manifest->descriptors[2].full_name, "docker.io/library/web:v1");
    assert_null(manifest->artifact_type);
}

static void
test_reads_what_an_artifact_is_about(void **state)
{
    closing(manifest_freep) struct manifest *manifest = NULL;

    (void)state;
    assert_int_equal(
        parse(&manifest, OCI_IMAGE,
            IMAGE(TYPE(OCI_IMAGE), LAYER,
                ",\"artifactType\":\"application/spdx\",\"subject\":" DESCRIPTOR(OCI_IMAGE, "")),
            NULL),
        RC_OK);
    assert_string_equal(manifest->artifact_type, "application/spdx");
    assert_non_null(manifest->subject);
    assert_string_equal(manifest->subject->media_type, OCI_IMAGE);
}

static void
test_uploads_no_layer_that_lies_elsewhere(void **state)
{
    static const struct {
        const char *says, *text;
        bool want;
    } cases[] = {
        {"a foreign layer", IMAGE("", FOREIGN(",\"urls\":[\"https://a/b\"]"), ""), true},
        {"a foreign layer without a place", IMAGE("", FOREIGN(""), ""), false},
        {"a foreign layer with no places", IMAGE("", FOREIGN(",\"urls\":[]"), ""), false},
        {"another layer with places",
            IMAGE("",
                DESCRIPTOR(
                    "application/vnd.oci.image.layer.v1.tar+gzip", ",\"urls\":[\"https://a/b\"]"),
                ""),
            false},
        {"OCI's name of it",
            IMAGE("",
                DESCRIPTOR("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
                    ",\"urls\":[\"https://a/b\"]"),
                ""),
            true},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(manifest_freep) struct manifest *manifest = NULL;

        print_message("%s\n", cases[i].says);
        assert_int_equal(parse(&manifest, OCI_IMAGE, cases[i].text, NULL), RC_OK);
        assert_int_equal(manifest->descriptors[1].is_foreign, cases[i].want);
    }
}

static void
test_refuses_what_others_may_read_otherwise(void **state)
{
    static const struct {
        const char *says, *type, *text;
        enum rc rc;
        const char *want;
    } cases[] = {
        {"docker's image without its type", DOCKER_IMAGE, IMAGE("", LAYER, ""), RC_MALFORMED,
            "mediaType: want '" DOCKER_IMAGE "', have none"},
        {"another type than it was said to have", OCI_IMAGE, IMAGE(TYPE(DOCKER_IMAGE), LAYER, ""),
            RC_MALFORMED, "mediaType: want '" OCI_IMAGE "', have '" DOCKER_IMAGE "'"},
        {"an index that was said to be an image", OCI_IMAGE, INDEX("", "", ""), RC_MALFORMED,
            "config: want an object, have nothing"},
        {"an image that is an index as well", OCI_IMAGE, IMAGE("", LAYER, ",\"manifests\":[]"),
            RC_MALFORMED, "an image with a member 'manifests'"},
        {"an index that is an image as well", OCI_INDEX, INDEX("", "", ",\"layers\":[]"),
            RC_MALFORMED, "an index with a member 'layers'"},
        {"an index with a config", OCI_INDEX, INDEX("", "", ",\"config\":{}"), RC_MALFORMED,
            "an index with a member 'config'"},
        {"a member twice", OCI_INDEX, INDEX("", "", ",\"manifests\":[]"), RC_MALFORMED,
            "manifests"},
        {"schema 1", "application/vnd.docker.distribution.manifest.v1+prettyjws", "{}",
            RC_UNSUPPORTED, "schema 1"},
        {"schema 1 by its version", OCI_IMAGE, "{\"schemaVersion\":1}", RC_UNSUPPORTED, "schema 1"},
        {"schema 3", OCI_IMAGE, "{\"schemaVersion\":3}", RC_MALFORMED,
            "schemaVersion: want 1 to 2"},
        {"no manifest", "text/html", "<html>", RC_UNSUPPORTED, "media type 'text/html'"},
        {"no JSON", OCI_IMAGE, "x", RC_MALFORMED, "byte 0"},
        {"more behind it", OCI_INDEX, INDEX("", "", "") "{}", RC_MALFORMED, "byte "},
        {"a layer without a digest", OCI_IMAGE, IMAGE("", "{\"mediaType\":\"a\",\"size\":1}", ""),
            RC_MALFORMED, "layers[0].digest: want text, have nothing"},
        {"sha512", OCI_IMAGE,
            IMAGE("", "{\"mediaType\":\"a\",\"size\":1,\"digest\":\"sha512:" HEX HEX "\"}", ""),
            RC_UNSUPPORTED, "layers[0]: digest 'sha512:"},
        {"a digest in capitals", OCI_IMAGE,
            IMAGE("", "{\"mediaType\":\"a\",\"size\":1,\"digest\":\"sha256:4BF5\"}", ""),
            RC_MALFORMED, "layers[0]: digest 'sha256:4BF5'"},
        {"a digest that leads elsewhere", OCI_IMAGE,
            IMAGE("", "{\"mediaType\":\"a\",\"size\":1,\"digest\":\"sha256:../../../etc/passwd\"}",
                ""),
            RC_MALFORMED, "layers[0]: digest 'sha256:.."},
        {"a size below zero", OCI_IMAGE,
            IMAGE("", "{\"mediaType\":\"a\",\"size\":-1,\"digest\":\"sha256:" HEX "\"}", ""),
            RC_MALFORMED, "layers[0].size: want 0 to"},
        {"a size that is a fraction", OCI_IMAGE,
            IMAGE("", "{\"mediaType\":\"a\",\"size\":1.5,\"digest\":\"sha256:" HEX "\"}", ""),
            RC_MALFORMED, "layers[0].size: want an integer"},
        {"a platform that is none", OCI_INDEX,
            INDEX("", DESCRIPTOR(OCI_IMAGE, ",\"platform\":{\"os\":7}"), ""), RC_MALFORMED,
            "manifests[0].platform.os: want text"},
        {"an empty file", OCI_IMAGE, "", RC_MALFORMED, "byte 0"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(manifest_freep) struct manifest *manifest = NULL;
        struct why why = {0};

        print_message("%s\n", cases[i].says);
        assert_int_equal(parse(&manifest, cases[i].type, cases[i].text, &why), cases[i].rc);
        if (!strstr(why.text, cases[i].want))
            fail_msg("'%s' is not in '%s'", cases[i].want, why.text);
    }
}

static void
test_takes_layers_up_to_the_bound(void **state)
{
    (void)state;
    for (size_t more = 0; more < 2; more++) {
        closing(bytes_done) struct bytes text = BYTES_INIT(MANIFEST_MAX_BYTES);
        closing(manifest_freep) struct manifest *manifest = NULL;

        bytes_puts(&text, "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[" LAYER);
        for (size_t i = 2; i < MANIFEST_DESCRIPTORS_MAX + more; i++)
            bytes_puts(&text, "," LAYER);
        bytes_puts(&text, "]}");
        assert_int_equal(manifest_parse(&manifest, OCI_IMAGE, bytes_span(&text), NULL),
            more == 0 ? RC_OK : RC_TOO_LARGE);
    }
}

static void
test_takes_bytes_up_to_the_bound(void **state)
{
    static char text[MANIFEST_MAX_BYTES + 2];
    static const char head[] = INDEX("", "", "");

    (void)state;
    memset(text, ' ', sizeof text);
    memcpy(text, head, sizeof head - 1);
    for (size_t more = 0; more < 2; more++) {
        closing(manifest_freep) struct manifest *manifest = NULL;

        assert_int_equal(manifest_parse(&manifest, OCI_INDEX,
                             (struct span){(const uint8_t *)text, MANIFEST_MAX_BYTES + more}, NULL),
            more == 0 ? RC_OK : RC_TOO_LARGE);
    }
}

static void
test_copies_descriptors_whole(void **state)
{
    closing(manifest_freep) struct manifest *manifest = NULL;
    closing(descriptor_done) struct descriptor copy = {0};

    (void)state;
    assert_int_equal(
        parse(&manifest, OCI_INDEX,
            INDEX("",
                DESCRIPTOR(OCI_IMAGE, ",\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"},"
                                      "\"artifactType\":\"a/b\",\"annotations\":{"
                                      "\"org.opencontainers.image.ref.name\":\"v1\","
                                      "\"io.containerd.image.name\":\"docker.io/library/web:v1\"}"),
                ""),
            NULL),
        RC_OK);
    assert_int_equal(descriptor_copy(&copy, &manifest->descriptors[0], NULL), RC_OK);
    assert_string_equal(copy.media_type, OCI_IMAGE);
    assert_string_equal(copy.platform, "linux/amd64");
    assert_string_equal(copy.name, "v1");
    assert_string_equal(copy.full_name, "docker.io/library/web:v1");
    assert_string_equal(copy.artifact_type, "a/b");
    assert_int_equal(copy.size, 7);
    assert_true(digest_eq(&copy.digest, &manifest->descriptors[0].digest));
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_what_an_image_lists),
        cmocka_unit_test(test_reads_what_an_index_lists),
        cmocka_unit_test(test_reads_what_an_artifact_is_about),
        cmocka_unit_test(test_uploads_no_layer_that_lies_elsewhere),
        cmocka_unit_test(test_refuses_what_others_may_read_otherwise),
        cmocka_unit_test(test_takes_layers_up_to_the_bound),
        cmocka_unit_test(test_takes_bytes_up_to_the_bound),
        cmocka_unit_test(test_copies_descriptors_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
