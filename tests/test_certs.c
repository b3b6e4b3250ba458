/* SPDX-License-Identifier: Apache-2.0 */
#include "client/certs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define PEM "-----BEGIN CERTIFICATE-----\n"

/* A directory as docker has it, next to the system's roots. */
static char dir[] = "/tmp/test_certs.XXXXXX";

static const char *
path_of(const char *name)
{
    static char path[200];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void
put(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int
set_up(void **state)
{
    (void)state;
    snprintf(dir + sizeof dir - 7, 7, "XXXXXX");
    assert_non_null(mkdtemp(dir));
    put("system", PEM "system\n");
    setenv("SSL_CERT_FILE", path_of("system"), 1);
    return 0;
}

static int
tear_down(void **state)
{
    char command[200];

    (void)state;
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

static void
test_adds_the_roots_of_the_system_to_every_crt_when_told_to(void **state)
{
    closing(certs_done) struct certs certs = CERTS_INIT;
    closing(freep) char *ca_file = NULL;
    struct why why = {0};

    (void)state;
    put("b.crt", PEM "b"); /* without an end of its line */
    put("a.crt", PEM "a\n");
    put("chosen.pem", PEM "chosen\n");
    put("README", "no certificate");
    ca_file = strdup(path_of("chosen.pem"));
    const struct certs_options options = {.ca_file = ca_file, .dir = dir};
    assert_int_equal(certs_load(&certs, &options, &why), RC_OK);
    assert_string_equal(bytes_text(&certs.roots), PEM "chosen\n\n" PEM "a\n\n" PEM "b\n");
    assert_false(certs.is_complete);
    assert_null(certs.cert_file);

    assert_int_equal(certs_complete(&certs, &why), RC_OK);
    assert_string_equal(
        bytes_text(&certs.roots), PEM "chosen\n\n" PEM "a\n\n" PEM "b\n" PEM "system\n");
    assert_true(certs.is_complete);
}

static void
test_needs_no_directory(void **state)
{
    closing(certs_done) struct certs certs = CERTS_INIT;
    struct why why = {0};

    (void)state;
    const struct certs_options options = {.dir = "/nonexistent"};
    assert_int_equal(certs_load(&certs, &options, &why), RC_OK);
    assert_string_equal(bytes_text(&certs.roots), PEM "system\n");
    assert_true(certs.is_complete);
    assert_null(certs.hashed_dir); /* the user chose a file */
}

static void
test_leaves_it_to_openssl_to_find_the_roots_of_the_system(void **state)
{
    closing(certs_done) struct certs certs = CERTS_INIT;
    struct why why = {0};

    (void)state;
    unsetenv("SSL_CERT_FILE");
    const struct certs_options options = {.dir = "/nonexistent"};
    assert_int_equal(certs_load(&certs, &options, &why), RC_OK);
    assert_string_equal(certs.hashed_dir, "/etc/ssl/certs"); /* of Debian's ca-certificates */
    assert_int_equal(certs.roots.len, 0);
    assert_false(certs.is_complete);
}

static void
test_says_that_the_chosen_roots_are_missing(void **state)
{
    closing(certs_done) struct certs certs = CERTS_INIT;
    struct why why = {0};

    (void)state;
    setenv("SSL_CERT_FILE", "/nonexistent", 1);
    assert_int_equal(certs_load(&certs, &(struct certs_options){0}, &why), RC_NOT_FOUND);
    assert_non_null(strstr(why.text, "'/nonexistent': no such file"));
}

static void
test_takes_the_first_pair_of_certificate_and_key(void **state)
{
    closing(certs_done) struct certs certs = CERTS_INIT;
    struct why why = {0};

    (void)state;
    put("b.cert", "");
    put("b.key", "");
    put("a.b.cert", "");
    put("a.b.key", "");
    const struct certs_options options = {.dir = dir};
    assert_int_equal(certs_load(&certs, &options, &why), RC_OK);
    assert_string_equal(certs.cert_file, path_of("a.b.cert"));
    assert_string_equal(certs.key_file, path_of("a.b.key"));
}

static void
test_prefers_the_pair_of_the_options(void **state)
{
    closing(certs_done) struct certs certs = CERTS_INIT;
    struct why why = {0};

    (void)state;
    put("a.cert", "");
    put("a.key", "");
    const struct certs_options options = {
        .dir = dir, .cert_file = "/dev/null", .key_file = "/dev/null"};
    assert_int_equal(certs_load(&certs, &options, &why), RC_OK);
    assert_string_equal(certs.cert_file, "/dev/null");
}

static void
test_refuses_what_is_missing_or_no_certificate(void **state)
{
    static const struct {
        const char *says, *name; /* of a file that is there */
        struct certs_options options;
        enum rc want;
        const char *sentence; /* a part of it */
    } cases[] = {
        {"a certificate without its key", "x.cert", {.dir = dir}, RC_MALFORMED, "missing key "},
        {"a key without its certificate", "x.key", {.dir = dir}, RC_MALFORMED,
            "missing client certificate "},
        {"a crt without a certificate", "x.crt", {.dir = dir}, RC_MALFORMED,
            "holds no certificate in PEM"},
        {"a CA file that is not there", "x", {.ca_file = "/nonexistent"}, RC_NOT_FOUND,
            "'/nonexistent': no such file"},
        {"a CA file without a certificate", "x", {.ca_file = "/dev/null"}, RC_MALFORMED,
            "'/dev/null' holds no certificate in PEM"},
        {"a directory for a CA file", "x", {.ca_file = "/"}, RC_MALFORMED, "'/' is a directory"},
        {"half of a pair", "x", {.cert_file = "/dev/null"}, RC_MALFORMED, "give both or none"},
        {"a client certificate that is not there", "x",
            {.cert_file = "/nonexistent", .key_file = "/dev/null"}, RC_NOT_FOUND, "/nonexistent"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct certs certs = CERTS_INIT;
        struct why why = {0};

        print_message("%s\n", cases[i].says);
        put(cases[i].name, "text");
        assert_int_equal(certs_load(&certs, &cases[i].options, &why), cases[i].want);
        assert_non_null(strstr(why.text, cases[i].sentence));
        assert_int_equal(certs.roots.len, 0);
        unlink(path_of(cases[i].name));
    }
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_adds_the_roots_of_the_system_to_every_crt_when_told_to),
        CASE(test_needs_no_directory),
        CASE(test_leaves_it_to_openssl_to_find_the_roots_of_the_system),
        CASE(test_says_that_the_chosen_roots_are_missing),
        CASE(test_takes_the_first_pair_of_certificate_and_key),
        CASE(test_prefers_the_pair_of_the_options),
        CASE(test_refuses_what_is_missing_or_no_certificate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
