/* SPDX-License-Identifier: Apache-2.0 */
#include "client/engine_login.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "proto/bounds.h"

/* The JSON within. */
static void
unpack(struct bytes *ret, const char *login)
{
    closing(freep) char *plain = strdup(login);

    assert_non_null(plain);
    assert_null(strpbrk(login, "+/"));
    for (char *c = plain; *c; c++)
        *c = (char)(*c == '-' ? '+' : *c == '_' ? '/' : *c);
    assert_int_equal(base64_parse(ret, span_of(plain), NULL), RC_OK);
}

static void
test_says_who_comes(void **state)
{
    static const struct {
        const char *says, *user, *secret;
        bool is_identity_token;
        const char *host, *want;
    } cases[] = {
        {"nobody", NULL, "", false, "localhost:5000", "{}"},
        {"user and password", "ci", "secret", false, "localhost:5000",
            "{\"username\":\"ci\",\"password\":\"secret\",\"serveraddress\":\"localhost:5000\"}"},
        {"an identity token", "", "token", true, "localhost:5000",
            "{\"identitytoken\":\"token\",\"serveraddress\":\"localhost:5000\"}"},
        {"a password that JSON writes differently", "ci", "a\"b\\c\n\xc3\xa9?>?>?>~~~", false,
            "h:1",
            "{\"username\":\"ci\",\"password\":\"a\\\"b\\\\c\\u000a\xc3\xa9?>?>?>~~~\","
            "\"serveraddress\":\"h:1\"}"},
        {"docker's own registry", "ci", "x", false, "docker.io",
            "{\"username\":\"ci\",\"password\":\"x\","
            "\"serveraddress\":\"https://index.docker.io/v1/\"}"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(bytes_wipe) struct bytes login = BYTES_INIT(ENGINE_LOGIN_MAX_BYTES);
        closing(bytes_wipe) struct bytes json = BYTES_INIT(ENGINE_LOGIN_MAX_BYTES);
        closing(credentials_done) struct credentials credentials = CREDENTIALS_INIT;
        struct why why = {0};

        print_message("%s\n", cases[i].says);
        credentials.user = cases[i].user ? strdup(cases[i].user) : NULL;
        credentials.is_identity_token = cases[i].is_identity_token;
        bytes_puts(&credentials.secret, cases[i].secret);
        assert_int_equal(engine_login_format(&login, &credentials, cases[i].host, &why), RC_OK);
        unpack(&json, bytes_text(&login));
        assert_string_equal(bytes_text(&json), cases[i].want);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_says_who_comes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
