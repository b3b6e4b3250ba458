/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/bounds.h"

static char *dir;

static int
make_dir(void **state)
{
    char template[] = "/tmp/countersign-cache-XXXXXX";

    (void)state;
    dir = strdup(mkdtemp(template));
    return 0;
}

static int
drop_dir(void **state)
{
    closing(freep) char *command = NULL;

    (void)state;
    assert_true(asprintf(&command, "rm -rf '%s'", dir) > 0);
    assert_int_equal(system(command), 0);
    free(dir);
    return 0;
}

static mode_t
mode_of(const char *below)
{
    closing(freep) char *path = NULL;
    struct stat st;

    assert_true(asprintf(&path, "%s/%s", dir, below) > 0);
    assert_int_equal(lstat(path, &st), 0);
    return st.st_mode & 07777;
}

static void
store(const struct cache *cache, const char *role, const char *text)
{
    closing(fd_close) int lock = -1;

    assert_int_equal(cache_lock(&lock, cache, NULL), RC_OK);
    assert_int_equal(cache_store(cache, role, span_of(text), NULL), RC_OK);
}

static void
test_keeps_files_where_docker_looks_for_them(void **state)
{
    closing(cache_freep) struct cache *cache = NULL;
    closing(bytes_done) struct bytes file = BYTES_INIT(DOCUMENT_MAX_BYTES);
    struct why why = {0};

    (void)state;
    assert_int_equal(cache_new(&cache, dir, "localhost:5000/shop/web", &why), RC_OK);
    assert_int_equal(cache_load(&file, cache, "root", &why), RC_NOT_FOUND);

    umask(0);
    store(cache, "root", "one");
    store(cache, "root", "two");
    store(cache, "targets/a/b", "three");
    assert_int_equal(mode_of("tuf/localhost:5000/shop/web/metadata/root.json"), 0600);
    assert_int_equal(mode_of("tuf/localhost:5000/shop/web/metadata/targets/a/b.json"), 0600);
    assert_int_equal(mode_of("tuf/localhost:5000/shop/web/metadata/targets/a"), 0700);
    assert_int_equal(mode_of("tuf"), 0700);

    assert_int_equal(cache_load(&file, cache, "root", &why), RC_OK);
    assert_string_equal(bytes_text(&file), "two");
}

static void
test_refuses_repositories_that_lead_elsewhere(void **state)
{
    static const char *const names[] = {"..", "a/../b", "./a", "a//b", "/a", "a/", ""};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(names); i++) {
        struct cache *cache = NULL;
        if (cache_new(&cache, dir, names[i], NULL) != RC_MALFORMED)
            fail_msg("takes '%s'", names[i]);
    }
}

static void
test_refuses_a_directory_without_a_name(void **state)
{
    struct cache *cache = NULL;

    (void)state;
    assert_int_equal(cache_new(&cache, "", "x", NULL), RC_MALFORMED);
}

static void
test_refuses_roles_that_are_none(void **state)
{
    static const char *const roles[] = {"../root", "targets/../x", "targets/A", "", "targets/"};
    closing(cache_freep) struct cache *cache = NULL;
    closing(bytes_done) struct bytes file = BYTES_INIT(DOCUMENT_MAX_BYTES);

    (void)state;
    assert_int_equal(cache_new(&cache, dir, "x", NULL), RC_OK);
    for (size_t i = 0; i < N_ELEMENTS(roles); i++) {
        assert_int_equal(cache_load(&file, cache, roles[i], NULL), RC_MALFORMED);
        assert_int_equal(cache_store(cache, roles[i], SPAN("x"), NULL), RC_MALFORMED);
    }
}

static void
test_uses_dockers_directory_by_default(void **state)
{
    closing(cache_freep) struct cache *cache = NULL;
    closing(freep) char *want = NULL;

    (void)state;
    setenv("DOCKER_CONFIG", dir, 1);
    assert_int_equal(cache_new(&cache, NULL, "x/y", NULL), RC_OK);
    assert_true(asprintf(&want, "%s/trust/tuf/x/y", dir) > 0);
    assert_string_equal(cache_dir(cache), want);
    unsetenv("DOCKER_CONFIG");
}

static void
test_names_what_is_in_the_way_of_a_file(void **state)
{
    static const struct {
        const char *says, *command; /* in the directory of the files, by a shell */
        enum rc load;
        const char *loaded;
        enum rc store;
        const char *stored;
    } cases[] = {
        {"a directory", "mkdir root.json", RC_MALFORMED, "/root.json' is a directory, want a file",
            RC_SYSTEM, "/root.json': Is a directory: remove what is in its way"},
        {"a link to nothing", "ln -s /nonexistent/x root.json", RC_MALFORMED,
            "/root.json' is a link to nothing", RC_OK, ""},
        {"a file in place of the directory", "rm -r ../metadata; : >../metadata", RC_NOT_FOUND, "",
            RC_SYSTEM, "Not a directory: remove what is in its way"},
        {"a link to itself", "ln -s root.json root.json", RC_SYSTEM,
            ": Too many levels of symbolic links", RC_OK, ""},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(cache_freep) struct cache *cache = NULL;
        closing(bytes_done) struct bytes file = BYTES_INIT(DOCUMENT_MAX_BYTES);
        closing(freep) char *command = NULL;
        char name[16];
        struct why why = {0};

        print_message("%s\n", cases[i].says);
        snprintf(name, sizeof name, "way/%zu", i);
        assert_int_equal(cache_new(&cache, dir, name, NULL), RC_OK);
        store(cache, "targets", "x");
        assert_true(
            asprintf(&command, "cd '%s/metadata' && %s", cache_dir(cache), cases[i].command) > 0);
        assert_int_equal(system(command), 0);

        assert_int_equal(cache_load(&file, cache, "root", &why), cases[i].load);
        assert_non_null(strstr(why.text, cases[i].loaded));
        assert_int_equal(cache_store(cache, "root", SPAN("y"), &why), cases[i].store);
        if (cases[i].store)
            assert_non_null(strstr(why.text, cases[i].stored));
    }
}

static void
test_removes_a_repository_and_none_below_it(void **state)
{
    static const char *const roles[] = {"root", "targets", "targets/qa", "targets/qa/x"};
    closing(cache_freep) struct cache *cache = NULL, *below = NULL;
    closing(bytes_done) struct bytes file = BYTES_INIT(100);
    closing(fd_close) int lock = -1;
    closing(freep) char *stray = NULL;
    size_t n = 0;

    (void)state;
    assert_int_equal(cache_new(&cache, dir, "host/web", NULL), RC_OK);
    assert_int_equal(cache_new(&below, dir, "host/web/metadata", NULL), RC_OK);
    for (size_t i = 0; i < N_ELEMENTS(roles); i++) {
        store(cache, roles[i], "{}");
        store(below, roles[i], "{}");
    }
    assert_true(asprintf(&stray, "%s/tuf/host/web/changelist", dir) > 0);
    assert_int_equal(mkdir(stray, 0700), 0);
    free(stray);
    assert_true(asprintf(&stray, "%s/tuf/host/web/changelist/1_2.change", dir) > 0);
    assert_int_equal(link("/dev/null", stray) == 0 || symlink("/dev/null", stray) == 0, true);

    assert_int_equal(cache_lock(&lock, cache, NULL), RC_OK);
    assert_int_equal(cache_remove(&n, cache, NULL), RC_OK);
    assert_int_equal(n, N_ELEMENTS(roles) + 1);
    for (size_t i = 0; i < N_ELEMENTS(roles); i++) {
        assert_int_equal(cache_load(&file, cache, roles[i], NULL), RC_NOT_FOUND);
        assert_int_equal(cache_load(&file, below, roles[i], NULL), RC_OK);
    }

    assert_int_equal(cache_remove(&n, below, NULL), RC_OK);
    assert_int_equal(access(cache_dir(below), F_OK), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeps_files_where_docker_looks_for_them),
        cmocka_unit_test(test_refuses_repositories_that_lead_elsewhere),
        cmocka_unit_test(test_refuses_a_directory_without_a_name),
        cmocka_unit_test(test_refuses_roles_that_are_none),
        cmocka_unit_test(test_uses_dockers_directory_by_default),
        cmocka_unit_test(test_names_what_is_in_the_way_of_a_file),
        cmocka_unit_test(test_removes_a_repository_and_none_below_it),
    };

    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
