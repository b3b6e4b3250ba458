/* SPDX-License-Identifier: Apache-2.0 */
#include "client/challenge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void
test_reads_what_servers_send(void **state)
{
    static const struct {
        const char *says, *header;
        enum challenge_kind kind;
        const char *realm, *service, *error;
    } cases[] = {
        {"docker's registry",
            "Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\","
            "scope=\"repository:library/alpine:pull\"",
            CHALLENGE_BEARER, "https://auth.docker.io/token", "registry.docker.io", NULL},
        {"notary-server with a bad token",
            "Bearer realm=\"https://t\",service=\"S\",scope=\"repository:h:1/a:pull,push\","
            "error=\"invalid_token\"",
            CHALLENGE_BEARER, "https://t", "S", "invalid_token"},
        {"Basic", "Basic realm=\"Registry\"", CHALLENGE_BASIC, "Registry", NULL, NULL},
        {"Basic without a realm", "Basic", CHALLENGE_BASIC, NULL, NULL, NULL},
        {"other cases and white space", "bEARER  Realm = \"https://t\" , SERVICE=s",
            CHALLENGE_BEARER, "https://t", "s", NULL},
        {"two in one line, Bearer last", "Basic realm=\"b\", Bearer realm=\"https://t\"",
            CHALLENGE_BEARER, "https://t", NULL, NULL},
        {"two in two lines, Bearer first", "Bearer realm=\"https://t\"\nBasic realm=\"b\"",
            CHALLENGE_BEARER, "https://t", NULL, NULL},
        {"two Bearers: the first", "Bearer realm=\"https://a\", Bearer realm=\"https://b\"",
            CHALLENGE_BEARER, "https://a", NULL, NULL},
        {"a scheme with base64", "Negotiate YWJj==, Basic realm=\"b\"", CHALLENGE_BASIC, "b", NULL,
            NULL},
        {"a scheme that is not ours", "Digest realm=\"d\", nonce=\"n\"", CHALLENGE_NONE, NULL, NULL,
            NULL},
        {"escapes", "Basic realm=\"a \\\"b\\\" \\\\c, Bearer\"", CHALLENGE_BASIC,
            "a \"b\" \\c, Bearer", NULL, NULL},
        {"a parameter twice: the first", "Basic realm=\"a\", realm=\"b\"", CHALLENGE_BASIC, "a",
            NULL, NULL},
        {"nothing", "", CHALLENGE_NONE, NULL, NULL, NULL},
        {"commas", " , ,, ", CHALLENGE_NONE, NULL, NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(challenge_done) struct challenge challenge = {0};
        struct why why = {0};

        print_message("%s\n", cases[i].says);
        assert_int_equal(challenge_parse(&challenge, cases[i].header, &why), RC_OK);
        assert_int_equal(challenge.kind, cases[i].kind);
        assert_string_equal(challenge.realm ? challenge.realm : "(none)",
            cases[i].realm ? cases[i].realm : "(none)");
        assert_string_equal(challenge.service ? challenge.service : "(none)",
            cases[i].service ? cases[i].service : "(none)");
        assert_string_equal(challenge.error ? challenge.error : "(none)",
            cases[i].error ? cases[i].error : "(none)");
    }
}

static void
test_refuses_what_cannot_be_read(void **state)
{
    static const char *const cases[] = {
        "Bearer service=\"S\"", /* nowhere to go */
        "Bearer",
        "Basic realm=\"never ends",
        "Basic realm=\"ends in an escape\\",
        "\"a string\"",
        "Basic realm=\"a\" \x01",
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct challenge challenge = {0};
        struct why why = {0};

        assert_int_equal(challenge_parse(&challenge, cases[i], &why), RC_MALFORMED);
        assert_true(strlen(why.text) > 0);
        assert_null(challenge.realm);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_what_servers_send),
        cmocka_unit_test(test_refuses_what_cannot_be_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
