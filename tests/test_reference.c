/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "proto/bounds.h"

#define HEX64    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define TENTH(c) c c c c c c c c c c

static const struct {
    const char *text, *host, *path, *tag, *digest;
} references[] = {
    {"alpine", "docker.io", "library/alpine", NULL, NULL},
    {"alpine:3.18", "docker.io", "library/alpine", "3.18", NULL},
    {"alpine@sha256:" HEX64, "docker.io", "library/alpine", NULL, "sha256:" HEX64},
    {"alpine:3.18@sha256:" HEX64, "docker.io", "library/alpine", "3.18", "sha256:" HEX64},
    {"shop/web", "docker.io", "shop/web", NULL, NULL},
    {"docker.io/alpine", "docker.io", "library/alpine", NULL, NULL},
    {"docker.io/library/alpine", "docker.io", "library/alpine", NULL, NULL},
    {"index.docker.io/alpine:1", "docker.io", "library/alpine", "1", NULL},
    {"index.docker.io/shop/web", "docker.io", "shop/web", NULL, NULL},
    {"localhost/web", "localhost", "web", NULL, NULL},
    {"localhost:5000/shop/web:v1", "localhost:5000", "shop/web", "v1", NULL},
    {"localhost:5000", "docker.io", "library/localhost", "5000", NULL},
    {"registry.example.com/web", "registry.example.com", "web", NULL, NULL},
    {"a.b/c", "a.b", "c", NULL, NULL},
    {"Registry/web", "Registry", "web", NULL, NULL},
    {"[::1]:5000/web", "[::1]:5000", "web", NULL, NULL},
    {"[fe80::1]/web", "[fe80::1]", "web", NULL, NULL},
    {"a-b.c-d:1/x", "a-b.c-d:1", "x", NULL, NULL},
    {"a.b_c__d-e---f", "docker.io", "library/a.b_c__d-e---f", NULL, NULL},
    {"a/b/c/d", "docker.io", "a/b/c/d", NULL, NULL},
    {"0123456789abcdef", "docker.io", "library/0123456789abcdef", NULL, NULL},
    {HEX64 ":1", "docker.io", "library/" HEX64, "1", NULL},
    {"web:A_b.c-9", "docker.io", "library/web", "A_b.c-9", NULL},
};

static void
assert_text(const char *is, const char *want)
{
    if (want)
        assert_string_equal(is, want);
    else
        assert_null(is);
}

static void
test_normalises_as_docker_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(references); i++) {
        closing(reference_done) struct reference ref = {0};
        char repository[300];
        struct why why;

        assert_int_equal(reference_parse(&ref, references[i].text, &why), RC_OK);
        assert_text(ref.host, references[i].host);
        assert_text(ref.path, references[i].path);
        assert_text(ref.tag, references[i].tag);
        assert_text(ref.digest, references[i].digest);
        snprintf(repository, sizeof repository, "%s/%s", ref.host, ref.path);
        assert_text(ref.repository, repository);
    }
}

static const struct {
    const char *text, *says;
} broken[] = {
    {"", "invalid reference format"},
    {"/", "invalid reference format"},
    {"/web", "invalid reference format"},
    {"web/", "invalid reference format"},
    {"a//b", "invalid reference format"},
    {"a/../b", "invalid reference format"},
    {"registry.example.com/", "invalid reference format"},
    {"registry.example.com:/web", "invalid reference format"},
    {"registry.example.com:80a/web", "invalid reference format"},
    {":5000/web", "invalid reference format"},
    {"-a.b/web", "invalid reference format"},
    {"a.b-/web", "invalid reference format"},
    {"a..b/web", "invalid reference format"},
    {"a.b./web", "invalid reference format"},
    {"[::1/web", "invalid reference format"},
    {"[]/web", "invalid reference format"},
    {"[::g]/web", "invalid reference format"},
    {"[::1]x:1/web", "invalid reference format"},
    {"https://registry.example.com/web", "invalid reference format"},
    {"user@registry.example.com/web", "invalid reference format"},
    {"a___b", "invalid reference format"},
    {"a..b", "invalid reference format"},
    {"a._b", "invalid reference format"},
    {"-a", "invalid reference format"},
    {"a-", "invalid reference format"},
    {"a_", "invalid reference format"},
    {"a b", "invalid reference format"},
    {"a\n", "invalid reference format"},
    {"a*", "invalid reference format"},
    {"\xd0\xb0lpine", "invalid reference format"}, /* Cyrillic */
    {"\xff", "invalid reference format"},
    {"Web", "invalid reference format: repository name (library/Web) must be lowercase"},
    {"a.b/shop/Web:V1", "invalid reference format: repository name (shop/Web) must be lowercase"},
    {"web:", "invalid reference format: tag"},
    {"web:.1", "invalid reference format: tag"},
    {"web:a:b", "invalid reference format: tag"},
    {"web:a/b", "invalid reference format"},
    {"web@", "invalid reference format: digest"},
    {"web@sha256:", "invalid reference format: digest"},
    {"web@sha256:0123", "invalid reference format: digest"},
    {"web@sha256:" HEX64 "0", "invalid reference format: digest"},
    {"web@sha512:" HEX64 HEX64, "invalid reference format: digest"},
    {"web@sha256:" HEX64 "@sha256:" HEX64, "invalid reference format: digest"},
    {"web@SHA256:" HEX64, "invalid reference format: digest"},
    {HEX64, "cannot specify 64-byte hexadecimal strings"},
};

static void
test_refuses_what_docker_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(broken); i++) {
        struct reference ref = {0};
        struct why why;

        assert_int_equal(reference_parse(&ref, broken[i].text, &why), RC_MALFORMED);
        assert_null(ref.repository);
        assert_non_null(strstr(why.text, broken[i].says));
    }
}

static void
test_bounds_the_length_of_a_name(void **state)
{
    char text[REPOSITORY_MAX_BYTES + 2] = "a.b/";
    closing(reference_done) struct reference ref = {0};
    struct why why;

    (void)state;
    memset(text + strlen(text), 'a', sizeof text - 1 - strlen(text));
    assert_int_equal(reference_parse(&ref, text, &why), RC_MALFORMED);
    assert_string_equal(why.text, "repository name must not be more than 255 characters");
    text[REPOSITORY_MAX_BYTES] = 0;
    assert_int_equal(reference_parse(&ref, text, &why), RC_OK);
    assert_int_equal(strlen(ref.repository), REPOSITORY_MAX_BYTES);
}

static const struct {
    const char *text, *normal; /* NULL: refused */
} repositories[] = {
    {"alpine", "docker.io/library/alpine"},
    {"index.docker.io/alpine", "docker.io/library/alpine"},
    {"localhost:5000/shop/web", "localhost:5000/shop/web"},
    {"shop/web", "docker.io/shop/web"},
    {"Shop", "Shop"}, /* no image name, as are those below: they stand */
    {"a.b/Shop/Web", "a.b/Shop/Web"},
    {"a b", "a b"},
    {"a__b___c", "a__b___c"},
    {"caf\xc3\xa9", "caf\xc3\xa9"},
    {HEX64, HEX64},
    {"a:b/c:d/e", "a:b/c:d/e"},
    {"", NULL},
    {"alpine:3.18", NULL},
    {"alpine@sha256:" HEX64, NULL},
    {"localhost:5000", NULL},
    {"*", NULL},
    {"a/*", NULL},
    {"a\nb", NULL},
    {"a\tb", NULL},
    {"a\x7f", NULL},
    {"a\xc2\x85", NULL},
    {"a\xff", NULL},
    {"a\xc0\xaf\x62", NULL},
    {"/a", NULL},
    {"a/", NULL},
    {"a//b", NULL},
    {"a/./b", NULL},
    {"a/../b", NULL},
    {"A/..", NULL},
    {"..", NULL},
};

static void
test_normalises_repositories_and_leaves_other_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(repositories); i++) {
        closing(freep) char *normal = NULL;
        struct why why;

        assert_int_equal(repository_normalise(&normal, repositories[i].text, &why),
            repositories[i].normal ? RC_OK : RC_MALFORMED);
        assert_text(normal, repositories[i].normal);

        bool is_same = normal && !strcmp(normal, repositories[i].text);
        assert_int_equal(repository_is_normal(repositories[i].text), is_same);
        if (normal)
            assert_true(repository_is_normal(normal));
    }
}

static void
test_bounds_the_length_of_other_names(void **state)
{
    char text[REPOSITORY_MAX_BYTES + 2] = "";

    (void)state;
    memset(text, 'A', sizeof text - 1);
    assert_false(repository_is_normal(text));
    text[REPOSITORY_MAX_BYTES] = 0;
    assert_true(repository_is_normal(text));
}

static const struct {
    const char *tag;
    bool is_valid;
} tags[] = {
    {"latest", true},
    {"1.0", true},
    {"_", true},
    {"V1_a.b-c", true},
    {TENTH("123456789012") "12345678", true},
    {TENTH("123456789012") "123456789", false},
    {"", false},
    {".1", false},
    {"-1", false},
    {"a b", false},
    {"a/b", false},
    {"a:b", false},
    {"a+b", false},
    {"\xc3\xa9", false},
};

static void
test_knows_tags(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(tags); i++)
        assert_int_equal(tag_is_valid(span_of(tags[i].tag)), tags[i].is_valid);

    assert_false(tag_is_valid(SPAN("a\0b")));
    assert_false(tag_is_valid((struct span){0}));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normalises_as_docker_does),
        cmocka_unit_test(test_refuses_what_docker_refuses),
        cmocka_unit_test(test_bounds_the_length_of_a_name),
        cmocka_unit_test(test_normalises_repositories_and_leaves_other_names),
        cmocka_unit_test(test_bounds_the_length_of_other_names),
        cmocka_unit_test(test_knows_tags),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
