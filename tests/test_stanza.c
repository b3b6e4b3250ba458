/* SPDX-License-Identifier: Apache-2.0 */
#include "client/stanza.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static void
test_writes_an_entry_for_each_kind_of_role(void **state)
{
    static const struct {
        const char *says, *role, *repository, *repositories, *roles;
    } cases[] = {
        {"nothing is known", "", "", "[registry.example.com/change-me/**]", "[targets/change-me]"},
        {"root", "root", "", "[registry.example.com/change-me/**]", "[root]"},
        {"targets", "targets", "example.com/web", "[\"example.com/web\"]", "[targets]"},
        {"a delegation of notary", "targets/qa", "", "[registry.example.com/change-me/**]",
            "[\"targets/qa\", targets/releases]"},
        {"a signer of docker", "alice", "", "[registry.example.com/change-me/**]",
            "[\"targets/alice\", targets/releases]"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(bytes_done) struct bytes b = BYTES_INIT(4096), want = BYTES_INIT(4096);
        struct stanza stanza = {
            "k", "hsm", NULL, span_of(cases[i].role), span_of(cases[i].repository)};

        print_message("%s\n", cases[i].says);
        bytes_printf(&want,
            "keys:\n  k:\n    token: hsm\n    uri: \"pkcs11:object=k\"\n    scope:\n"
            "      - repositories: %s\n        roles: %s\n",
            cases[i].repositories, cases[i].roles);
        stanza_begin(&b);
        stanza_format(&b, &stanza);
        assert_string_equal(bytes_text(&b), bytes_text(&want));
    }
}

static void
test_names_the_certificate(void **state)
{
    closing(bytes_done) struct bytes b = BYTES_INIT(4096);
    struct stanza stanza = {"k", "hsm", "/a/cert.pem", SPAN("qa"), SPAN("")};

    (void)state;
    stanza_format(&b, &stanza);
    assert_non_null(strstr(bytes_text(&b), "    certificate: \"/a/cert.pem\"\n"));
}

static void
test_proposes_names_that_a_policy_takes(void **state)
{
    static const struct keyid id = {"0123456789abcdef"};
    static const struct {
        const char *says, *role, *repository;
        bool has_twin;
        const char *name;
    } cases[] = {
        {"nothing is known", "", "", false, "key"},
        {"root", "root", "", false, "root"},
        {"targets of a repository", "targets", "example.com:5000/shop/web", false, "web-targets"},
        {"a delegation", "targets/qa", "example.com/web", false, "qa"},
        {"one below another", "targets/qa/nightly", "", false, "qa-nightly"},
        {"a signer", "alice", "", false, "alice"},
        {"one that has that name already", "alice", "", true, "alice-01234567"},
        {"what no name begins with", "-x", "", false, "key"},
        {"what no name has", "a b\"c", "", false, "a-b-c"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(freep) char *name = NULL;

        print_message("%s\n", cases[i].says);
        assert_int_equal(stanza_name(&name, span_of(cases[i].role), span_of(cases[i].repository),
                             cases[i].has_twin ? &id : NULL, NULL),
            RC_OK);
        assert_string_equal(name, cases[i].name);
    }
}

static void
test_cuts_a_long_name_and_keeps_its_id(void **state)
{
    static const struct keyid id = {"0123456789abcdef"};
    char role[200];
    closing(freep) char *name = NULL;

    (void)state;
    memset(role, 'a', sizeof role);
    assert_int_equal(
        stanza_name(&name, (struct span){(uint8_t *)role, sizeof role}, SPAN(""), &id, NULL),
        RC_OK);
    assert_int_equal(strlen(name), 64);
    assert_string_equal(name + 55, "-01234567");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writes_an_entry_for_each_kind_of_role),
        cmocka_unit_test(test_names_the_certificate),
        cmocka_unit_test(test_proposes_names_that_a_policy_takes),
        cmocka_unit_test(test_cuts_a_long_name_and_keeps_its_id),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
