/* SPDX-License-Identifier: Apache-2.0 */
#include "client/platform.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void
test_finds_the_entry_that_is_meant(void **state)
{
    static const struct {
        const char *says, *have[4], *want;
        enum rc rc;
        size_t at; /* or a part of the sentence: */
        const char *text;
    } cases[] = {
        {"the same", {"linux/amd64", "linux/arm64"}, "linux/arm64", RC_OK, 1, ""},
        {"another name", {"linux/amd64", "linux/arm64"}, "linux/aarch64", RC_OK, 1, ""},
        {"a variant that goes without saying", {"linux/amd64", "linux/arm64/v8"}, "linux/arm64",
            RC_OK, 1, ""},
        {"a variant that was said", {"linux/arm64"}, "linux/arm64/v8", RC_OK, 0, ""},
        {"the usual one of several", {"linux/arm/v6", "linux/arm/v7"}, "linux/arm", RC_OK, 1, ""},
        {"the only variant", {"linux/amd64/v3"}, "linux/amd64", RC_OK, 0, ""},
        {"the plain one before its variants", {"linux/amd64/v3", "linux/amd64"}, "linux/amd64",
            RC_OK, 1, ""},
        {"another variant", {"linux/amd64"}, "linux/amd64/v3", RC_NOT_FOUND, 0,
            "no image for platform 'linux/amd64/v3'; there are: linux/amd64"},
        {"another system", {"linux/amd64", NULL, "windows/amd64"}, "darwin/amd64", RC_NOT_FOUND, 0,
            "there are: linux/amd64, windows/amd64"},
        {"none that says it", {NULL}, "linux/amd64", RC_NOT_FOUND, 0, "none that say theirs"},
        {"several variants", {"linux/arm/v5", "linux/arm/v6"}, "linux/arm", RC_REFUSED, 0,
            "several images for platform 'linux/arm': linux/arm/v5, linux/arm/v6"},
        {"twice", {"windows/amd64", "windows/amd64"}, "windows/amd64", RC_REFUSED, 0, "several"},
        {"one part", {"linux/amd64"}, "linux", RC_MALFORMED, 0, "want OS/ARCH"},
        {"four parts", {"linux/amd64"}, "linux/amd64/v1/x", RC_MALFORMED, 0, "want OS/ARCH"},
        {"an empty part", {"linux/amd64"}, "linux//v1", RC_MALFORMED, 0, "want OS/ARCH"},
        {"nothing", {"linux/amd64"}, "", RC_MALFORMED, 0, "want OS/ARCH"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct descriptor entries[4] = {0};
        struct manifest index = {.kind = MANIFEST_INDEX, .descriptors = entries, .n = 4};
        struct why why = {0};
        size_t at = 9;

        print_message("%s\n", cases[i].says);
        for (size_t k = 0; k < 4; k++) {
            entries[k].platform = (char *)cases[i].have[k];
            entries[k].digest.b[0] = (uint8_t)k;
        }
        assert_int_equal(platform_find(&at, &index, cases[i].want, &why), cases[i].rc);
        if (cases[i].rc == RC_OK)
            assert_int_equal(at, cases[i].at);
        else if (!strstr(why.text, cases[i].text))
            fail_msg("'%s' is not in '%s'", cases[i].text, why.text);
    }
}

static void
test_takes_the_same_image_twice_as_one(void **state)
{
    struct descriptor entries[] = {{.platform = "linux/amd64"}, {.platform = "linux/amd64"}};
    const struct manifest index = {.kind = MANIFEST_INDEX, .descriptors = entries, .n = 2};
    size_t at = 9;

    (void)state;
    assert_int_equal(platform_find(&at, &index, "linux/amd64", NULL), RC_OK);
    assert_int_equal(at, 0);
}

static void
test_reads_what_an_image_is_for(void **state)
{
    static const struct {
        const char *config, *platform;
        enum rc rc;
        const char *want;
    } cases[] = {
        {"{\"os\":\"linux\",\"architecture\":\"arm64\"}", "linux/arm64/v8", RC_OK, ""},
        {"{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v6\"}", "linux/arm", RC_OK, ""},
        {"{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v6\"}", "linux/arm64",
            RC_NOT_FOUND, "no image for platform 'linux/arm64'; there are: linux/arm/v6"},
        {"{}", "linux/amd64", RC_NOT_FOUND, "none that say theirs"},
        {"{\"os\":7}", "linux/amd64", RC_MALFORMED, "its config: os: want text"},
        {"", "linux/amd64", RC_MALFORMED, "its config: byte 0"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct why why = {0};

        print_message("%s\n", cases[i].config);
        assert_int_equal(
            platform_check(span_of(cases[i].config), cases[i].platform, &why), cases[i].rc);
        if (!strstr(why.text, cases[i].want))
            fail_msg("'%s' is not in '%s'", cases[i].want, why.text);
    }
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_the_entry_that_is_meant),
        cmocka_unit_test(test_takes_the_same_image_twice_as_one),
        cmocka_unit_test(test_reads_what_an_image_is_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
