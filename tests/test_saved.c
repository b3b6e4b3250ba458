/* SPDX-License-Identifier: Apache-2.0 */
#include "client/saved.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "proto/bounds.h"

#define IMAGE(tags) "{\"Config\":\"c.json\",\"RepoTags\":" tags ",\"Layers\":[\"a/l\",\"b/l\"]}"
#define HEX         "4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a"

static void
test_reads_what_docker_saved(void **state)
{
    closing(saved_freep) struct saved *saved = NULL;

    (void)state;
    assert_int_equal(saved_parse(&saved,
                         SPAN("[" IMAGE("[\"web:v1\",\"h:5/web:v1\"]") "," IMAGE(
                             "null") ",{\"Config\":\"d\",\"Layers\":[],\"Parent\":\"x\"}]"),
                         NULL),
        RC_OK);
    assert_int_equal(saved->n, 3);
    assert_string_equal(saved->images[0].config, "c.json");
    assert_int_equal(saved->images[0].n_layers, 2);
    assert_string_equal(saved->images[0].layers[1], "b/l");
    assert_int_equal(saved->images[0].n_tags, 2);
    assert_string_equal(saved->images[0].tags[1], "h:5/web:v1");
    assert_int_equal(saved->images[1].n_tags, 0);
    assert_int_equal(saved->images[2].n_layers, 0);
}

static void
test_refuses_what_it_did_not_save(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"{}", "want a list of images"},
        {"[]", "want a list of images"},
        {"[7]", "[0]: want an object, have an integer"},
        {"[{\"Layers\":[]}]", "[0].Config: want text"},
        {"[{\"Config\":\"c\"}]", "[0].Layers: want an array"},
        {"[{\"Config\":\"c\",\"Layers\":[7]}]", "[0].Layers[0]: want text"},
        {"[{\"Config\":\"c\",\"Layers\":[],\"RepoTags\":[null]}]", "[0].RepoTags[0]: want text"},
        {"[", "byte 1"},
        {"", "byte 0"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(saved_freep) struct saved *saved = NULL;
        struct why why = {0};

        print_message("%s\n", cases[i].text);
        assert_int_equal(saved_parse(&saved, span_of(cases[i].text), &why), RC_MALFORMED);
        if (!strstr(why.text, cases[i].want))
            fail_msg("'%s' is not in '%s'", cases[i].want, why.text);
    }
}

static void
test_takes_images_up_to_the_bound(void **state)
{
    (void)state;
    for (size_t more = 0; more < 2; more++) {
        closing(bytes_done) struct bytes text = BYTES_INIT(MANIFEST_MAX_BYTES);
        closing(saved_freep) struct saved *saved = NULL;

        for (size_t i = 0; i < IMAGE_MANIFESTS_MAX + more; i++)
            bytes_puts(&text, i == 0 ? "[" IMAGE("[]") : "," IMAGE("[]"));
        bytes_puts(&text, "]");
        assert_int_equal(
            saved_parse(&saved, bytes_span(&text), NULL), more == 0 ? RC_OK : RC_TOO_LARGE);
    }
}

static void
test_finds_the_image_that_is_meant(void **state)
{
    static const struct {
        const char *says, *text, *name, *tag;
        enum rc rc;
        size_t want;
        const char *sentence;
    } cases[] = {
        {"the only one", "[" IMAGE("[\"web:v1\"]") "]", NULL, "v9", RC_OK, 0, ""},
        {"the only one, without a name", "[" IMAGE("null") "]", NULL, NULL, RC_OK, 0, ""},
        {"by its name", "[" IMAGE("[\"a:v1\"]") "," IMAGE("[\"b:v1\"]") "]", "b:v1", NULL, RC_OK, 1,
            ""},
        {"by its name in full", "[" IMAGE("[\"a:v1\"]") "," IMAGE("[\"b:v1\"]") "]",
            "docker.io/library/b:v1", NULL, RC_OK, 1, ""},
        {"by one of its names", "[" IMAGE("null") "," IMAGE("[\"a:v1\",\"b:v2\"]") "]", "b:v2",
            NULL, RC_OK, 1, ""},
        {"by the tag that is pushed", "[" IMAGE("[\"a:v1\"]") "," IMAGE("[\"a:v2\"]") "]", NULL,
            "v2", RC_OK, 1, ""},
        {"another one", "[" IMAGE("[\"a:v1\"]") "]", "a:v2", NULL, RC_NOT_FOUND, 0,
            "no image 'a:v2' in it; there are: 'a:v1'"},
        {"a tag that several have", "[" IMAGE("[\"a:v1\"]") "," IMAGE("[\"b:v1\"]") "]", NULL, "v1",
            RC_REFUSED, 0, "2 images in it have the name 'v1'"},
        {"which one", "[" IMAGE("[\"a:v1\"]") "," IMAGE("[\"b:v1\"]") "]", NULL, NULL, RC_REFUSED,
            0, "several images in it: 'a:v1', 'b:v1'; name one of them"},
        {"no name at all", "[" IMAGE("[\"a:v1\"]") "]", "A B", NULL, RC_NOT_FOUND, 0,
            "no image 'A B'"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(saved_freep) struct saved *saved = NULL;
        struct why why = {0};
        size_t at = 9;

        print_message("%s\n", cases[i].says);
        assert_int_equal(saved_parse(&saved, span_of(cases[i].text), NULL), RC_OK);
        assert_int_equal(saved_find(&at, saved, cases[i].name, cases[i].tag, &why), cases[i].rc);
        if (cases[i].rc == RC_OK)
            assert_int_equal(at, cases[i].want);
        else if (!strstr(why.text, cases[i].sentence))
            fail_msg("'%s' is not in '%s'", cases[i].sentence, why.text);
    }
}

static void
test_reads_what_layers_are_uncompressed(void **state)
{
    static const struct {
        const char *text;
        enum rc rc;
    } cases[] = {
        {"{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" HEX "\"]}}", RC_OK},
        {"{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}", RC_MALFORMED},
        {"{\"rootfs\":{\"type\":\"layers\"}}", RC_MALFORMED},
        {"{\"rootfs\":{\"diff_ids\":[\"sha512:" HEX "\"]}}", RC_UNSUPPORTED},
        {"{\"rootfs\":{\"diff_ids\":[7]}}", RC_MALFORMED},
        {"{}", RC_MALFORMED},
        {"", RC_MALFORMED},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        char hex[DIGEST_HEX_LEN + 1];
        struct digest digest;

        print_message("%s\n", cases[i].text);
        assert_int_equal(saved_diff_ids(&digest, 1, span_of(cases[i].text), NULL), cases[i].rc);
        if (cases[i].rc)
            continue;
        digest_hex(hex, &digest);
        assert_string_equal(hex, HEX);
    }
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_what_docker_saved),
        cmocka_unit_test(test_refuses_what_it_did_not_save),
        cmocka_unit_test(test_takes_images_up_to_the_bound),
        cmocka_unit_test(test_finds_the_image_that_is_meant),
        cmocka_unit_test(test_reads_what_layers_are_uncompressed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
