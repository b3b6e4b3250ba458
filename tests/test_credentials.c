/* SPDX-License-Identifier: Apache-2.0 */
#include "client/credentials.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/bounds.h"

#define ALICE "YWxpY2U6czM6Y3JldA==" /* alice:s3:cret */
#define BOB   "Ym9iOmI="             /* bob:b */

/* A home with docker's and podman's files, and helpers on PATH; left empty by each test. */
static char home[] = "/tmp/test_credentials.XXXXXX";

static void
put(const char *name, const char *text, mode_t mode)
{
    char path[200];

    snprintf(path, sizeof path, "%s/%s", home, name);
    for (char *slash = strchr(path + sizeof home, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(path, 0700);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    chmod(path, mode);
}

static int
set_up(void **state)
{
    char path[200];

    (void)state;
    snprintf(home + sizeof home - 7, 7, "XXXXXX");
    assert_non_null(mkdtemp(home));
    setenv("HOME", home, 1);
    snprintf(path, sizeof path, "%s/bin:/bin:/usr/bin", home);
    setenv("PATH", path, 1);
    snprintf(path, sizeof path, "%s/run", home);
    setenv("XDG_RUNTIME_DIR", path, 1);
    unsetenv("DOCKER_CONFIG");
    unsetenv("XDG_CONFIG_HOME");
    unsetenv("NOTARY_AUTH");
    unsetenv("DOCKER_AUTH_CONFIG");
    unsetenv("REGISTRY_AUTH_FILE");
    return 0;
}

static int
tear_down(void **state)
{
    char command[200];

    (void)state;
    snprintf(command, sizeof command, "rm -r %s", home);
    return system(command);
}

/* "user password", "(identity) token", "anonymous", or the sentence of an error. */
static enum rc
find(char ret[800], const char *host, const char *path, bool is_trust_server)
{
    closing(credentials_done) struct credentials found = CREDENTIALS_INIT;
    struct why why = {0};

    enum rc rc = credentials_find(&found, host, path, is_trust_server, &why);
    if (rc)
        snprintf(ret, 800, "%s", why.text);
    else if (!found.user)
        snprintf(ret, 800, "anonymous");
    else
        snprintf(ret, 800, "%s %s", found.is_identity_token ? "(identity)" : found.user,
            bytes_text(&found.secret));
    return rc;
}

static void
test_reads_config_json_as_docker_writes_it(void **state)
{
    static const struct {
        const char *says, *config, *host, *want;
    } cases[] = {
        {"the host", "{\"auths\":{\"localhost:5000\":{\"auth\":\"" ALICE "\"}}}", "localhost:5000",
            "alice s3:cret"},
        {"another host", "{\"auths\":{\"localhost:5000\":{\"auth\":\"" ALICE "\"}}}",
            "localhost:5001", "anonymous"},
        {"a key of old", "{\"auths\":{\"https://reg.example.com/v1/\":{\"auth\":\"" ALICE "\"}}}",
            "reg.example.com", "alice s3:cret"},
        {"a key of old without a scheme",
            "{\"auths\":{\"reg.example.com/v2/\":{\"auth\":\"" ALICE "\"}}}", "reg.example.com",
            "alice s3:cret"},
        {"a namespace is not the host",
            "{\"auths\":{\"reg.example.com/other\":{\"auth\":\"" ALICE "\"}}}", "reg.example.com",
            "anonymous"},
        {"a host that begins alike",
            "{\"auths\":{\"https://reg.example.com.evil/\":{\"auth\":\"" ALICE "\"}}}",
            "reg.example.com", "anonymous"},
        {"docker's own registry",
            "{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"" ALICE "\"}}}", "docker.io",
            "alice s3:cret"},
        {"docker's own registry as podman has it",
            "{\"auths\":{\"docker.io\":{\"auth\":\"" ALICE "\"}}}", "docker.io", "alice s3:cret"},
        {"an identity token before a password",
            "{\"auths\":{\"h\":{\"auth\":\"" ALICE "\",\"identitytoken\":\"t\"}}}", "h",
            "(identity) t"},
        {"user and password apart", "{\"auths\":{\"h\":{\"username\":\"u\",\"password\":\"p\"}}}",
            "h", "u p"},
        {"an empty entry", "{\"auths\":{\"h\":{}}}", "h", "anonymous"},
        {"a password that was padded", "{\"auths\":{\"h\":{\"auth\":\"Ym9iOmIAAA==\"}}}", "h",
            "bob b"},
        {"an empty password", "{\"auths\":{\"h\":{\"auth\":\"Ym9iOg==\"}}}", "h", "bob "},
        {"other settings", "{\"HttpHeaders\":{},\"auths\":{}}", "h", "anonymous"},
        {"an empty file", "", "h", "anonymous"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        char found[800];

        print_message("%s\n", cases[i].says);
        put(".docker/config.json", cases[i].config, 0600);
        assert_int_equal(find(found, cases[i].host, NULL, false), RC_OK);
        assert_string_equal(found, cases[i].want);
    }
}

static void
test_names_the_file_that_is_damaged(void **state)
{
    static const char *const configs[] = {
        "{",
        "[]x",
        "{\"auths\":{\"h\":{\"auth\":\"" ALICE "\",\"auth\":\"" BOB "\"}}}",
        "{\"auths\":{\"h\":{\"auth\":\"!\"}}}",
        "{\"auths\":{\"h\":{\"auth\":\"YWxpY2U=\"}}}",     /* no colon */
        "{\"auths\":{\"h\":{\"auth\":\"OnBhc3N3b3Jk\"}}}", /* no user */
        "{\"auths\":{\"h\":{\"auth\":\"YQBiOmM=\"}}}",     /* a NUL in the user */
        "{\"auths\":{\"h\":{\"auth\":7}}}",
        "{\"auths\":{\"h\":7}}",
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(configs); i++) {
        char found[800];

        print_message("%s\n", configs[i]);
        put(".docker/config.json", configs[i], 0600);
        assert_int_equal(find(found, "h", NULL, false), RC_MALFORMED);
        assert_non_null(strstr(found, "/.docker/config.json'"));
    }
}

static void
test_takes_files_up_to_the_bound(void **state)
{
    static const char head[] = "{\"auths\":{}}";
    static char text[CREDENTIALS_MAX_BYTES + 2];
    char found[800];

    (void)state;
    memset(text, ' ', sizeof text);
    memcpy(text, head, sizeof head - 1);
    text[CREDENTIALS_MAX_BYTES] = 0;
    put(".docker/config.json", text, 0600);
    assert_int_equal(find(found, "h", NULL, false), RC_OK);

    text[CREDENTIALS_MAX_BYTES] = ' ';
    text[CREDENTIALS_MAX_BYTES + 1] = 0;
    put(".docker/config.json", text, 0600);
    assert_int_equal(find(found, "h", NULL, false), RC_TOO_LARGE);
}

static void
test_looks_in_one_place_after_the_other(void **state)
{
    char found[800], path[200];

    (void)state;
    find(found, "h", NULL, true);
    assert_string_equal(found, "anonymous");

    put(".config/containers/auth.json", "{\"auths\":{\"h\":{\"auth\":\"" BOB "\"}}}", 0600);
    find(found, "h", NULL, true);
    assert_string_equal(found, "bob b");

    put("run/containers/auth.json", "{\"auths\":{\"h\":{\"username\":\"run\",\"password\":\"p\"}}}",
        0600);
    find(found, "h", NULL, true);
    assert_string_equal(found, "run p");

    put(".docker/config.json", "{\"auths\":{\"h\":{\"auth\":\"" ALICE "\"}}}", 0600);
    find(found, "h", NULL, true);
    assert_string_equal(found, "alice s3:cret");

    snprintf(path, sizeof path, "%s/chosen", home);
    setenv("DOCKER_CONFIG", path, 1);
    put("chosen/config.json", "{\"auths\":{\"h\":{\"username\":\"chosen\",\"password\":\"p\"}}}",
        0600);
    find(found, "h", NULL, true);
    assert_string_equal(found, "chosen p");

    snprintf(path, sizeof path, "%s/auth.json", home);
    setenv("REGISTRY_AUTH_FILE", path, 1);
    put("auth.json", "{\"auths\":{\"h\":{\"username\":\"file\",\"password\":\"p\"}}}", 0600);
    find(found, "h", NULL, true);
    assert_string_equal(found, "file p");

    setenv(
        "DOCKER_AUTH_CONFIG", "{\"auths\":{\"h\":{\"username\":\"env\",\"password\":\"p\"}}}", 1);
    find(found, "h", NULL, true);
    assert_string_equal(found, "env p");

    setenv("NOTARY_AUTH", BOB "\n", 1);
    find(found, "h", NULL, true);
    assert_string_equal(found, "bob b");
    find(found, "h", NULL, false);
    assert_string_equal(found, "env p");

    /* "echo bob: b | base64", and base64 that breaks its lines */
    setenv("NOTARY_AUTH", "Ym9i\nOiBi\r\nCg==\n", 1);
    find(found, "h", NULL, true);
    assert_string_equal(found, "bob b");

    setenv("NOTARY_AUTH", "bob:b", 1);
    assert_int_equal(find(found, "h", NULL, true), RC_MALFORMED);
    assert_non_null(strstr(found, "NOTARY_AUTH: "));
}

static void
test_takes_the_entry_nearest_to_the_repository(void **state)
{
    static const struct {
        const char *path, *want;
    } cases[] = {
        {"shop/web", "web p"},
        {"shop/db", "shop p"},
        {"shop/web/deep", "web p"},
        {"shopping/web", "host p"},
        {NULL, "host p"},
    };

    (void)state;
    put(".config/containers/auth.json",
        "{\"auths\":{\"h:1\":{\"username\":\"host\",\"password\":\"p\"},"
        "\"h:1/shop\":{\"username\":\"shop\",\"password\":\"p\"},"
        "\"h:1/shop/web\":{\"username\":\"web\",\"password\":\"p\"}}}",
        0600);
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        char found[800];

        assert_int_equal(find(found, "h:1", cases[i].path, false), RC_OK);
        assert_string_equal(found, cases[i].want);
    }
}

static void
test_asks_the_helper_first(void **state)
{
    static const struct {
        const char *says, *config, *script;
        enum rc want;
        const char *found; /* or a part of the sentence */
    } cases[] = {
        {"credsStore", "{\"credsStore\":\"test\",\"auths\":{\"h\":{}}}",
            "[ \"$1\" = get ] && [ \"$(cat)\" = h ] || exit 9\n"
            "echo '{\"ServerURL\":\"h\",\"Username\":\"u\",\"Secret\":\"p\"}'",
            RC_OK, "u p"},
        {"credHelpers before credsStore",
            "{\"credHelpers\":{\"h\":\"test\"},\"credsStore\":\"absent\"}",
            "echo '{\"Username\":\"u\",\"Secret\":\"p\"}'", RC_OK, "u p"},
        {"an identity token", "{\"credsStore\":\"test\"}",
            "echo '{\"Username\":\"<token>\",\"Secret\":\"t\"}'", RC_OK, "(identity) t"},
        {"nothing in it, but in auths",
            "{\"credsStore\":\"test\",\"auths\":{\"h\":{\"auth\":\"" BOB "\"}}}",
            "echo 'credentials not found in native keychain'; exit 1", RC_OK, "bob b"},
        {"nothing anywhere", "{\"credsStore\":\"test\"}",
            "echo 'credentials not found in native keychain'; exit 1", RC_OK, "anonymous"},
        {"a failure", "{\"credsStore\":\"test\",\"auths\":{\"h\":{\"auth\":\"" BOB "\"}}}",
            "echo 'no D-Bus' >&2; echo more >&2; exit 2", RC_NETWORK,
            "credential helper 'docker-credential-test' for 'h': exit status 2: 'no D-Bus'"},
        {"a failure that is told on the output", "{\"credsStore\":\"test\"}",
            "echo 'no credentials server URL'; exit 1", RC_NETWORK, "'no credentials server URL'"},
        {"a crash", "{\"credsStore\":\"test\"}", "kill -SEGV $$", RC_NETWORK,
            "killed by signal 11"},
        {"no JSON", "{\"credsStore\":\"test\"}", "echo hello", RC_NETWORK, "answer"},
        {"no secret", "{\"credsStore\":\"test\"}", "echo '{\"Username\":\"u\"}'", RC_NETWORK,
            "Secret"},
        {"more than anybody's secret", "{\"credsStore\":\"test\"}", "yes", RC_TOO_LARGE,
            "more than"},
        {"one that is not there", "{\"credsStore\":\"absent\"}", "", RC_NETWORK, "not on PATH"},
        {"a name that is a path", "{\"credsStore\":\"../evil\"}", "", RC_NETWORK,
            "no name of a credential helper"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        char found[800], script[500];

        print_message("%s\n", cases[i].says);
        snprintf(script, sizeof script, "#!/bin/sh\n%s\n", cases[i].script);
        put("bin/docker-credential-test", script, 0700);
        put(".docker/config.json", cases[i].config, 0600);
        assert_int_equal(find(found, "h", NULL, false), cases[i].want);
        if (cases[i].want)
            assert_non_null(strstr(found, cases[i].found));
        else
            assert_string_equal(found, cases[i].found);
    }
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_reads_config_json_as_docker_writes_it),
        CASE(test_names_the_file_that_is_damaged),
        CASE(test_takes_files_up_to_the_bound),
        CASE(test_looks_in_one_place_after_the_other),
        CASE(test_takes_the_entry_nearest_to_the_repository),
        CASE(test_asks_the_helper_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
