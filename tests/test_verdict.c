/* SPDX-License-Identifier: Apache-2.0 */
#include "client/verdict.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/forge.h"

#define CHECKS(holds, want, have)                                                                  \
    ",\"remedy\":\"ask\",\"checks\":[{\"rule\":\"first\",\"holds\":true,\"want\":\"\","            \
    "\"have\":\"\"},{\"rule\":\"second\",\"holds\":" holds ",\"want\":\"" want                     \
    "\",\"have\":\"" have "\"}]}"

static const struct {
    const char *says, *answer;
    enum rc rc; /* what Sign would end with */
    const char *sentence;
} cases[] = {
    {"is good where it is allowed", "{\"allowed\":true,\"grant\":\"ci\"" CHECKS("true", "", ""),
        RC_OK, NULL},
    {"is good for a version that publish() goes past",
        "{\"allowed\":false,\"reason\":\"rollback\"" CHECKS("false", "8", "7"), RC_OK, NULL},
    {"is a refusal, with what was wanted",
        "{\"allowed\":false,\"reason\":\"tag-not-granted\"" CHECKS("false", "nightly-*", "v1"),
        RC_DENIED, "the agent would refuse (tag-not-granted): want nightly-*, have v1; ask"},
    {"is a refusal that has nothing to compare",
        "{\"allowed\":false,\"reason\":\"not-granted\"" CHECKS("false", "", ""), RC_DENIED,
        "the agent would refuse (not-granted): ask"},
    {"waits for others", "{\"allowed\":false,\"reason\":\"approvals\"" CHECKS("false", "", ""),
        RC_PENDING, "the agent would refuse (approvals): ask"},
    {"is about a token that is away",
        "{\"allowed\":false,\"reason\":\"token-unavailable\"" CHECKS("false", "", ""), RC_TOKEN,
        "the agent would refuse (token-unavailable): ask"},
    {"is about a base that is too old",
        "{\"allowed\":false,\"reason\":\"stale\"" CHECKS("false", "9", "8"), RC_STALE,
        "the agent would refuse (stale): want 9, have 8; ask"},
    {"is a refusal for a reason that only a newer agent knows",
        "{\"allowed\":false,\"reason\":\"new\",\"more\":1" CHECKS("false", "", ""), RC_DENIED,
        "the agent would refuse (new): ask"},
    {"is a refusal without any reason", "{\"allowed\":false" CHECKS("false", "", ""), RC_DENIED,
        "the agent would refuse (): ask"},
};

static void
test_says_what_sign_would_end_with(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(json_decrefp) json_t *answer = NULL;
        struct verdict verdict;
        struct why why;

        print_message("%s\n", cases[i].says);
        assert_int_equal(members_parse(&answer, span_of(cases[i].answer), &why), RC_OK);
        assert_int_equal(verdict_read(&verdict, answer, &why), RC_OK);
        assert_int_equal(verdict_is_good(&verdict), cases[i].rc == RC_OK);
        if (cases[i].rc == RC_OK)
            continue;

        assert_int_equal(verdict_fail(&verdict, &why), cases[i].rc);
        assert_string_equal(why.text, cases[i].sentence);
    }
}

static void
test_refuses_what_is_no_verdict(void **state)
{
    static const char *const answers[] = {
        "{}",
        "{\"allowed\":\"yes\",\"remedy\":\"\",\"checks\":[]}",
        "{\"allowed\":true,\"remedy\":\"\"}",
        "{\"allowed\":true,\"remedy\":1,\"checks\":[]}",
        "{\"allowed\":true,\"remedy\":\"\",\"checks\":{}}",
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(answers); i++) {
        closing(json_decrefp) json_t *answer = NULL;
        struct verdict verdict = {.grant = "untouched"};
        struct why why;

        assert_int_equal(members_parse(&answer, span_of(answers[i]), &why), RC_OK);
        assert_int_equal(verdict_read(&verdict, answer, &why), RC_MALFORMED);
        assert_string_equal(verdict.grant, "untouched");
    }
}

static void
test_refuses_checks_that_are_none(void **state)
{
    closing(json_decrefp) json_t *answer = NULL;
    struct verdict verdict;
    struct why why;

    (void)state;
    assert_int_equal(
        members_parse(&answer, SPAN("{\"allowed\":false,\"remedy\":\"\",\"checks\":[1]}"), &why),
        RC_OK);
    assert_int_equal(verdict_read(&verdict, answer, &why), RC_OK);
    assert_int_equal(verdict_fail(&verdict, &why), RC_MALFORMED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_says_what_sign_would_end_with),
        cmocka_unit_test(test_refuses_what_is_no_verdict),
        cmocka_unit_test(test_refuses_checks_that_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
