/* SPDX-License-Identifier: Apache-2.0 */
#include "client/docker_cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "proto/mem.h"

#define WORDS_MAX 16

static const char *const variables[] = {
    "DOCKER_CONFIG", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY"};

static void
test_knows_its_names(void **state)
{
    (void)state;
    assert_string_equal(docker_cli_plugin("docker-countersign"), "countersign");
    assert_string_equal(docker_cli_plugin("/usr/libexec/docker/cli-plugins/docker-trust"), "trust");
    assert_null(docker_cli_plugin("countersign"));
    assert_null(docker_cli_plugin("docker-countersigner"));
    assert_null(docker_cli_plugin("/docker-trust/countersign"));
    assert_null(docker_cli_plugin(""));
    assert_null(docker_cli_plugin(NULL));
}

/* Words are separated by single spaces, and so are those that come out. */
static enum rc
enter(char *ret, size_t size, const char *line, struct why *why)
{
    closing(docker_cli_done) struct docker_cli cli = {0};
    closing(freep) char *text = strdup(line);
    char *words[WORDS_MAX + 1] = {NULL}, *rest = text;
    int n = 0;

    assert_non_null(text);
    for (char *word; (word = strsep(&rest, " "));)
        words[n++] = word;
    for (size_t i = 0; i < N_ELEMENTS(variables); i++)
        unsetenv(variables[i]);
    setenv("DOCKER_HOST", "unix:///environment", 1);

    enum rc rc = docker_cli_enter(&cli, "countersign", n, words, why);
    if (rc)
        return rc;

    assert_null(cli.argv[cli.argc]);
    ret[0] = 0;
    for (int i = 1; i < cli.argc; i++)
        snprintf(ret + strlen(ret), size - strlen(ret), "%s%s", i > 1 ? " " : "", cli.argv[i]);
    return RC_OK;
}

static void
test_takes_dockers_part_off(void **state)
{
    static const struct {
        const char *line, *want;
        const char *variable, *value; /* NULL: it is not set */
    } cases[] = {
        {"x countersign sign a:1", "sign a:1", "DOCKER_HOST", "unix:///environment"},
        {"x -H unix:///s countersign sign a:1", "sign a:1", "DOCKER_HOST", "unix:///s"},
        {"x -H=unix:///s countersign list", "list", "DOCKER_HOST", "unix:///s"},
        {"x -DHunix:///s countersign list", "--verbose list", "DOCKER_HOST", "unix:///s"},
        {"x --debug=false countersign list -D", "list -D", "DOCKER_CONTEXT", NULL},
        {"x -c far countersign list", "list", "DOCKER_CONTEXT", "far"},
        {"x --context=far countersign list", "list", "DOCKER_HOST", NULL},
        {"x --context default countersign list", "list", "DOCKER_HOST", "unix:///environment"},
        {"x --config /d countersign list", "list", "DOCKER_CONFIG", "/d"},
        {"x --tls countersign list", "list", "DOCKER_TLS_VERIFY", "1"},
        {"x --tlsverify=true countersign list", "list", "DOCKER_TLS_VERIFY", "1"},
        {"x --tls=0 countersign list", "list", "DOCKER_TLS_VERIFY", NULL},
        {"x --tlscacert /d/ca.pem --tlskey /d/key.pem countersign list", "list", "DOCKER_CERT_PATH",
            "/d"},
        {"x --tlscert cert.pem countersign list", "list", "DOCKER_CERT_PATH", "."},
        {"x --tlscacert /ca.pem countersign list", "list", "DOCKER_CERT_PATH", "/"},
        {"x -l debug help countersign sign", "--help sign", "DOCKER_CONFIG", NULL},
        {"x --help countersign", "--help", "DOCKER_CONFIG", NULL},
        {"x sign countersign", "sign countersign", "DOCKER_CONFIG", NULL},
        {"x __complete -D --host unix:///s countersign si", "__complete si", "DOCKER_HOST",
            "unix:///s"},
        {"x __completeNoDesc countersign help", "__completeNoDesc help", "DOCKER_CONFIG", NULL},
        {"x", "", "DOCKER_CONFIG", NULL},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct why why = {0};
        char line[256];

        if (enter(line, sizeof line, cases[i].line, &why))
            fail_msg("%s: %s", cases[i].line, why.text);

        const char *value = getenv(cases[i].variable);
        if (strcmp(line, cases[i].want) != 0 || !value != !cases[i].value ||
            (value && strcmp(value, cases[i].value) != 0))
            fail_msg("%s: %s, %s", cases[i].line, line, value ? value : "(none)");
    }
}

static void
test_says_what_is_wrong_with_dockers_part(void **state)
{
    static const struct {
        const char *line;
        enum rc want;
        const char *says;
    } cases[] = {
        {"x --config", RC_MALFORMED, "--config lacks its value"},
        {"x -H", RC_MALFORMED, "-H lacks its value"},
        {"x --orchestrator k countersign", RC_MALFORMED, "docker has no option --orchestrator"},
        {"x --tlsverify=tomorrow countersign", RC_MALFORMED, "--tlsverify=tomorrow: want true or"},
        {"x --debug= countersign", RC_MALFORMED, "want true or false"},
        {"x --tlscert my.pem countersign", RC_UNSUPPORTED, "want ca.pem, cert.pem and key.pem"},
        {"x --tlscert a/cert.pem --tlskey b/key.pem countersign", RC_UNSUPPORTED, "--tlskey"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct why why = {0};
        char line[256];

        if (enter(line, sizeof line, cases[i].line, &why) != cases[i].want ||
            !strstr(why.text, cases[i].says))
            fail_msg("%s: %s", cases[i].line, why.text);
    }
}

static void
test_reads_a_switch_as_go_does(void **state)
{
    static const char *const none[] = {"", "tomorrow", "fine", "yes", "tRUE", "10", "-1"};
    bool is_on = false;

    (void)state;
    assert_true(docker_cli_switch(&is_on, "True") && is_on);
    assert_true(docker_cli_switch(&is_on, "F") && !is_on);
    for (size_t i = 0; i < N_ELEMENTS(none); i++)
        assert_false(docker_cli_switch(&is_on, none[i]));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_knows_its_names),
        cmocka_unit_test(test_takes_dockers_part_off),
        cmocka_unit_test(test_says_what_is_wrong_with_dockers_part),
        cmocka_unit_test(test_reads_a_switch_as_go_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
