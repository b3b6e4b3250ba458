/* SPDX-License-Identifier: Apache-2.0 */
#include "client/userdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void
set(const char *name, const char *value)
{
    if (value)
        setenv(name, value, 1);
    else
        unsetenv(name);
}

static void
test_finds_the_directories_that_the_environment_names(void **state)
{
    static const struct {
        const char *says;
        enum userdir dir;
        const char *variable, *value, *home;
        enum rc want;
        const char *path; /* or a part of the sentence */
    } cases[] = {
        {"its variable", USERDIR_DOCKER, "DOCKER_CONFIG", "/d", "/h", RC_OK, "/d/x"},
        {"a relative one, as docker has it", USERDIR_DOCKER, "DOCKER_CONFIG", "d", "/h", RC_OK,
            "d/x"},
        {"the home without it", USERDIR_DOCKER, "DOCKER_CONFIG", NULL, "/h", RC_OK, "/h/.docker/x"},
        {"the home where it is empty", USERDIR_CONFIG, "XDG_CONFIG_HOME", "", "/h", RC_OK,
            "/h/.config/x"},
        {"the home where XDG's is relative", USERDIR_CONFIG, "XDG_CONFIG_HOME", "c", "/h", RC_OK,
            "/h/.config/x"},
        {"no runtime directory below the home", USERDIR_RUNTIME, "XDG_RUNTIME_DIR", NULL, "/h",
            RC_NOT_FOUND, "XDG_RUNTIME_DIR"},
        {"nothing at all", USERDIR_DOCKER, "DOCKER_CONFIG", NULL, NULL, RC_NOT_FOUND,
            "neither DOCKER_CONFIG nor HOME is set: set one"},
        {"an empty home", USERDIR_DOCKER, "DOCKER_CONFIG", NULL, "", RC_NOT_FOUND, "set one"},
        {"a relative home", USERDIR_DOCKER, "DOCKER_CONFIG", NULL, "h", RC_MALFORMED,
            "HOME is 'h', want a path that begins with '/'"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(freep) char *path = NULL;
        struct why why = {0};

        print_message("%s\n", cases[i].says);
        set(cases[i].variable, cases[i].value);
        set("HOME", cases[i].home);
        assert_int_equal(userdir_path(&path, cases[i].dir, "x", &why), cases[i].want);
        if (cases[i].want)
            assert_non_null(strstr(why.text, cases[i].path));
        else
            assert_string_equal(path, cases[i].path);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_the_directories_that_the_environment_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
