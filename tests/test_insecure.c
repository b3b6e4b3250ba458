/* SPDX-License-Identifier: Apache-2.0 */
#include "client/insecure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define LIST(entries) "{\"debug\":true,\"insecure-registries\":[" entries "]}"

static void
test_finds_hosts_and_networks(void **state)
{
    static const struct {
        const char *says, *text, *host;
        bool want;
    } cases[] = {
        {"nothing is listed", "{}", "r:5000", false},
        {"an empty list", LIST(""), "r:5000", false},
        {"the host", LIST("\"other\",\"r:5000\""), "r:5000", true},
        {"in capitals", LIST("\"R:5000\""), "r:5000", true},
        {"with a scheme", LIST("\"http://r:5000\""), "r:5000", true},
        {"another port", LIST("\"r:5001\""), "r:5000", false},
        {"no port", LIST("\"r\""), "r:5000", false},
        {"a network", LIST("\"192.0.2.0/24\""), "192.0.2.77:5000", true},
        {"the last bit of it", LIST("\"192.0.2.0/25\""), "192.0.2.127", true},
        {"one behind it", LIST("\"192.0.2.0/25\""), "192.0.2.128", false},
        {"one address", LIST("\"192.0.2.1/32\""), "192.0.2.1", true},
        {"all of them", LIST("\"0.0.0.0/0\""), "192.0.2.1", true},
        {"the other family", LIST("\"::/0\""), "192.0.2.1", false},
        {"IPv6", LIST("\"2001:db8::/33\""), "[2001:db8:7fff::1]:5000", true},
        {"beyond it", LIST("\"2001:db8::/33\""), "[2001:db8:8000::1]:5000", false},
        {"a name that is looked up", LIST("\"127.0.0.0/8\""), "localhost:1", true},
        {"a name that nobody knows", LIST("\"0.0.0.0/0\""), "absent.invalid", false},
        {"no network", LIST("\"192.0.2.0/33\""), "192.0.2.1", false},
        {"no network either", LIST("\"192.0.2/24\""), "192.0.2.1", false},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct why why = {0};
        bool is_insecure = !cases[i].want;

        print_message("%s\n", cases[i].says);
        assert_int_equal(
            insecure_find_in(&is_insecure, span_of(cases[i].text), cases[i].host, &why), RC_OK);
        assert_int_equal(is_insecure, cases[i].want);
    }
}

static void
test_refuses_files_that_are_damaged(void **state)
{
    static const char *const texts[] = {
        "", "[]", "{", "{\"insecure-registries\":\"r\"}", LIST("7"), LIST("\"r\",[]")};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
        struct why why = {0};
        bool is_insecure = false;

        print_message("%s\n", texts[i]);
        assert_int_equal(
            insecure_find_in(&is_insecure, span_of(texts[i]), "r:5000", &why), RC_MALFORMED);
        assert_false(is_insecure);
    }
}

static void
write_file(const char *dir, const char *text)
{
    closing(freep) char *path = NULL;

    assert_true(asprintf(&path, "%s/docker", dir) > 0);
    mkdir(path, 0700);
    free(steal(path));
    assert_true(asprintf(&path, "%s/docker/daemon.json", dir) > 0);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void
test_reads_the_file_of_the_user(void **state)
{
    char dir[] = "/tmp/test_insecure.XXXXXX";
    closing(freep) char *command = NULL;
    struct why why = {0};
    bool is_insecure = true;

    (void)state;
    assert_non_null(mkdtemp(dir));
    setenv("XDG_CONFIG_HOME", dir, 1);
    assert_int_equal(insecure_find(&is_insecure, "r.invalid:5000", &why), RC_OK);
    assert_false(is_insecure);

    write_file(dir, LIST("\"r.invalid:5000\",\"docker.io\""));
    assert_int_equal(insecure_find(&is_insecure, "r.invalid:5000", &why), RC_OK);
    assert_true(is_insecure);
    assert_int_equal(insecure_find(&is_insecure, "docker.io", &why), RC_OK);
    assert_false(is_insecure);

    write_file(dir, "{");
    assert_int_equal(insecure_find(&is_insecure, "r.invalid:5000", &why), RC_MALFORMED);
    assert_non_null(strstr(why.text, "docker/daemon.json'"));
    assert_int_equal(insecure_find(&is_insecure, "127.0.0.1:5000", &why), RC_OK);
    assert_true(is_insecure); /* loopback needs no file */

    assert_true(asprintf(&command, "%s/docker/daemon.json", dir) > 0);
    assert_int_equal(unlink(command), 0);
    command[strlen(dir) + sizeof "/docker" - 1] = 0;
    assert_int_equal(rmdir(command), 0);
    assert_int_equal(rmdir(dir), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_hosts_and_networks),
        cmocka_unit_test(test_refuses_files_that_are_damaged),
        cmocka_unit_test(test_reads_the_file_of_the_user),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
