/* SPDX-License-Identifier: Apache-2.0 */
#include "client/engine_endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* Of the name "x", as sha256sum(1) has it. */
#define X_HASH         "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
#define META(endpoint) "{\"Name\":\"x\",\"Metadata\":{},\"Endpoints\":{\"docker\":" endpoint "}}"

static char home[] = "/tmp/countersign-endpoint-XXXXXX";

static void
put(const char *below, const char *text)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%s", home, below);
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        (void)mkdir(path, 0700);
        *slash = '/';
    }
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void
clear(void)
{
    char command[64];

    snprintf(command, sizeof command, "rm -rf %s/*", home);
    assert_int_equal(system(command), 0);
}

static void
set(const char *name, const char *value)
{
    if (value)
        setenv(name, value, 1);
    else
        unsetenv(name);
}

static int
set_up(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(home));
    set("DOCKER_CONFIG", home);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    clear();
    return rmdir(home);
}

static void
test_is_where_docker_itself_would_go(void **state)
{
    static const struct {
        const char *says;
        const char *host, *context, *config, *meta;
        enum rc want;
        const char *address, *base, *socket; /* address: or a part of the sentence */
    } cases[] = {
        {"nothing is set", NULL, NULL, NULL, NULL, RC_OK, "unix:///var/run/docker.sock",
            "http://localhost", "/var/run/docker.sock"},
        {"a socket", "unix:///run/user/1/docker.sock", NULL, NULL, NULL, RC_OK,
            "unix:///run/user/1/docker.sock", "http://localhost", "/run/user/1/docker.sock"},
        {"variables that are empty", "", "", "{}", NULL, RC_OK, "unix:///var/run/docker.sock",
            "http://localhost", "/var/run/docker.sock"},
        {"DOCKER_HOST goes before contexts", "unix:///a", "x", NULL, NULL, RC_OK, "unix:///a",
            "http://localhost", "/a"},
        {"loopback", "tcp://127.0.0.1:2375", NULL, NULL, NULL, RC_OK, "tcp://127.0.0.1:2375",
            "http://127.0.0.1:2375", NULL},
        {"docker's port where there is none", "tcp://localhost", NULL, NULL, NULL, RC_OK,
            "tcp://localhost", "http://localhost:2375", NULL},
        {"a slash at the end", "tcp://[::1]:1/", NULL, NULL, NULL, RC_OK, "tcp://[::1]:1/",
            "http://[::1]:1", NULL},
        {"a context", NULL, "x", NULL, META("{\"Host\":\"unix:///x.sock\"}"), RC_OK,
            "unix:///x.sock", "http://localhost", "/x.sock"},
        {"a context of docker's configuration", NULL, NULL, "{\"currentContext\":\"x\"}",
            META("{\"Host\":\"unix:///x.sock\",\"SkipTLSVerify\":false}"), RC_OK, "unix:///x.sock",
            "http://localhost", "/x.sock"},
        {"the variable goes before it", NULL, "default", "{\"currentContext\":\"x\"}", NULL, RC_OK,
            "unix:///var/run/docker.sock", "http://localhost", "/var/run/docker.sock"},
        {"a context that there is not", NULL, "x", NULL, NULL, RC_NOT_FOUND,
            "docker has no context 'x' for this user: see 'docker context ls'", NULL, NULL},
        {"a context without an engine", NULL, "x", NULL, "{\"Name\":\"x\",\"Endpoints\":{}}",
            RC_MALFORMED, "docker's context 'x': Endpoints.docker", NULL, NULL},
        {"a context that is no JSON", NULL, "x", NULL, "{", RC_MALFORMED, "docker's context 'x': '",
            NULL, NULL},
        {"a configuration that is no JSON", NULL, NULL, "currentContext=x", NULL, RC_MALFORMED,
            "/config.json'", NULL, NULL},
        {"a context that believes everybody", NULL, "x", NULL,
            META("{\"Host\":\"tcp://127.0.0.1:1\",\"SkipTLSVerify\":true}"), RC_OK,
            "tcp://127.0.0.1:1", "http://127.0.0.1:1", NULL},
        {"TCP without TLS", "tcp://build:2375", NULL, NULL, NULL, RC_UNSUPPORTED,
            "engine 'tcp://build:2375' of DOCKER_HOST: without TLS, whoever is in between reads "
            "the "
            "registry's password: set DOCKER_TLS_VERIFY=1",
            NULL, NULL},
        {"ssh", "ssh://build", NULL, NULL, NULL, RC_UNSUPPORTED, "run ssh -nNT -L", NULL, NULL},
        {"a pipe of Windows", "npipe:////./pipe/x", NULL, NULL, NULL, RC_UNSUPPORTED,
            "of DOCKER_HOST: want unix:// or tcp://", NULL, NULL},
        {"a relative path", "unix://x", NULL, NULL, NULL, RC_MALFORMED, "want unix:///PATH", NULL,
            NULL},
        {"a path below TCP", "tcp://127.0.0.1:1/x", NULL, NULL, NULL, RC_MALFORMED,
            "want tcp://HOST:PORT, without a path", NULL, NULL},
        {"no host", "tcp://", NULL, NULL, NULL, RC_MALFORMED, "of DOCKER_HOST: ", NULL, NULL},
        {"a user", "tcp://me@127.0.0.1:1", NULL, NULL, NULL, RC_MALFORMED, "of DOCKER_HOST: ", NULL,
            NULL},
    };

    (void)state;
    set("DOCKER_TLS_VERIFY", NULL);
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(engine_endpoint_done) struct engine_endpoint endpoint = {0};
        struct why why = {0};

        print_message("%s\n", cases[i].says);
        clear();
        set("DOCKER_HOST", cases[i].host);
        set("DOCKER_CONTEXT", cases[i].context);
        if (cases[i].config)
            put("config.json", cases[i].config);
        if (cases[i].meta)
            put("contexts/meta/" X_HASH "/meta.json", cases[i].meta);
        assert_int_equal(engine_endpoint_find(&endpoint, &why), cases[i].want);
        if (cases[i].want) {
            assert_non_null(strstr(why.text, cases[i].address));
            continue;
        }

        assert_string_equal(endpoint.address, cases[i].address);
        assert_string_equal(endpoint.base, cases[i].base);
        assert_int_equal(!endpoint.socket, !cases[i].socket);
        if (endpoint.socket)
            assert_string_equal(endpoint.socket, cases[i].socket);
    }
}

static void
test_brings_the_certificates_that_docker_would(void **state)
{
    closing(engine_endpoint_done) struct engine_endpoint endpoint = {0};
    struct why why = {0};
    char path[256];

    (void)state;
    clear();
    set("DOCKER_CONTEXT", NULL);
    set("DOCKER_HOST", "tcp://build");
    set("DOCKER_TLS_VERIFY", "1");
    put("ca.pem", "");
    assert_int_equal(engine_endpoint_find(&endpoint, &why), RC_OK);
    assert_string_equal(endpoint.base, "https://build:2376");
    snprintf(path, sizeof path, "%s/./ca.pem", home);
    assert_string_equal(endpoint.ca_file, path);
    assert_null(endpoint.cert_file);
    assert_string_equal(engine_endpoint_options(&endpoint).certs.ca_file, path);
    engine_endpoint_done(&endpoint);

    snprintf(path, sizeof path, "%s/of-build", home);
    set("DOCKER_CERT_PATH", path);
    put("of-build/cert.pem", "");
    assert_int_equal(engine_endpoint_find(&endpoint, &why), RC_MALFORMED);
    assert_non_null(strstr(why.text, "has one of cert.pem and key.pem: want both, or none"));
    put("of-build/key.pem", "");
    assert_int_equal(engine_endpoint_find(&endpoint, &why), RC_OK);
    assert_null(endpoint.ca_file);
    assert_non_null(strstr(endpoint.key_file, "/of-build/key.pem"));
    set("DOCKER_CERT_PATH", NULL);
    set("DOCKER_TLS_VERIFY", NULL);
}

static void
test_brings_the_certificates_of_a_context(void **state)
{
    closing(engine_endpoint_done) struct engine_endpoint endpoint = {0};
    struct why why = {0};

    (void)state;
    clear();
    set("DOCKER_HOST", NULL);
    set("DOCKER_CONTEXT", "x");
    put("contexts/meta/" X_HASH "/meta.json", META("{\"Host\":\"tcp://build:9\"}"));
    put("contexts/tls/" X_HASH "/docker/ca.pem", "");
    assert_int_equal(engine_endpoint_find(&endpoint, &why), RC_OK);
    assert_string_equal(endpoint.base, "https://build:9");
    assert_non_null(strstr(endpoint.ca_file, "/contexts/tls/" X_HASH "/docker/ca.pem"));
    engine_endpoint_done(&endpoint);

    put("contexts/meta/" X_HASH "/meta.json",
        META("{\"Host\":\"tcp://build:9\",\"SkipTLSVerify\":true}"));
    assert_int_equal(engine_endpoint_find(&endpoint, &why), RC_UNSUPPORTED);
    assert_non_null(strstr(why.text, "of docker's context 'x': the context does not verify who"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_where_docker_itself_would_go),
        cmocka_unit_test(test_brings_the_certificates_that_docker_would),
        cmocka_unit_test(test_brings_the_certificates_of_a_context),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
