/* SPDX-License-Identifier: Apache-2.0 */
#include "client/agent_error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define AGENT         "org.countersign.Agent."
#define OTHER_VERSION "; client and agent may differ in version: update the older one"

static void
test_makes_one_sentence_of_each_error(void **state)
{
    static const struct {
        const char *name, *parameters;
        enum rc want;
        const char *sentence;
    } cases[] = {
        {AGENT "Denied",
            "{\"reason\":\"not-granted\",\"rule\":\"key\",\"want\":\"qa\",\"have\":\"devops\","
            "\"remedy\":\"ask an admin\"}",
            RC_DENIED, "refused (not-granted): want qa, have devops; ask an admin"},
        {AGENT "Denied",
            "{\"reason\":\"not-granted\",\"rule\":\"who\",\"want\":\"\",\"have\":\"\",\"remedy\":"
            "\"\",\"id\":\"12\"}",
            RC_DENIED, "refused (not-granted); record 12"},
        {AGENT "NeedsApproval",
            "{\"id\":\"a1\",\"expires\":\"noon\",\"digest\":\"0123456789ab\",\"approvals\":"
            "[{\"approvers\":[\"user alice\",\"group security\"]},{\"approvers\":[7]}]}",
            RC_PENDING,
            "others must agree first to request a1, digest 01234567: one of user alice, group "
            "security runs 'countersign approve a1' before noon; then do the same again"},
        {AGENT "Malformed", "{\"where\":\"keys\",\"problem\":\"empty\"}", RC_MALFORMED,
            "the agent cannot take keys: empty" OTHER_VERSION},
        {AGENT "Rollback",
            "{\"marks\":[{\"repository\":\"r\",\"role\":\"targets/qa\",\"version\":7}]}",
            RC_ROLLBACK,
            "the agent has released version 7 of 'targets/qa' in 'r' already; try again"},
        {AGENT "Stale", "{\"repository\":\"r\",\"role\":\"targets\",\"version\":8}", RC_STALE,
            "not based on the newest: the agent knows version 8 of 'targets' in 'r'; try again"},
        {AGENT "TokenUnavailable",
            "{\"token\":\"hsm\",\"state\":\"absent\",\"remedy\":\"plug it in\"}", RC_TOKEN,
            "the token 'hsm' is not ready (absent): plug it in"},
        {AGENT "TokenUnavailable", "{\"token\":\"\",\"state\":\"locked\",\"remedy\":\"unlock it\"}",
            RC_LOCKED, "the token is not ready (locked): unlock it"},
        {AGENT "Busy", "{\"bound\":\"CONN_MAX\",\"retry_after_ms\":1}", RC_BUSY,
            "the agent is busy: CONN_MAX; try again later, after 1 ms"},
        {AGENT "Internal", "{}", RC_SYSTEM, "the agent failed; its log says at what"},
        {"org.varlink.service.MethodNotFound", "{\"method\":\"a.B\"}", RC_UNSUPPORTED,
            "the agent has no method 'a.B'" OTHER_VERSION},
        {"org.varlink.service.PermissionDenied", "{}", RC_DENIED,
            "the agent does not let this user do that; ask an administrator of it"},
        {AGENT "Timeout", "{\"token\":\"hsm\"}", RC_TIMEOUT,
            "not done in time by the token 'hsm'; see 'countersign status', and whether it waits "
            "for a touch"},
        {AGENT "Timeout", "{\"token\":\"\"}", RC_TIMEOUT,
            "not done in time; see 'countersign status', and whether it waits for a touch"},
        {AGENT "StorageFailed", "{\"remedy\":\"make room\"}", RC_STORAGE,
            "the agent cannot write its ledger: make room"},
        {AGENT "Unsupported", "{\"what\":\"format 'x'\"}", RC_UNSUPPORTED,
            "the agent does not offer this: format 'x'" OTHER_VERSION},
        {AGENT "Refused", "{\"problem\":\"it is full; remove keys\"}", RC_REFUSED,
            "refused: it is full; remove keys"},
        {AGENT "TooLarge", "{\"bound\":\"DOCUMENTS_MAX\"}", RC_TOO_LARGE,
            "over a bound of the agent: DOCUMENTS_MAX; see countersign-protocol(7)"},
        {AGENT "NotFound", "{\"name\":\"no user 'x' on this system\"}", RC_NOT_FOUND,
            "the agent does not know it: no user 'x' on this system; check the spelling"},
        {"org.varlink.service.MethodNotImplemented", "{\"method\":\"a.B\"}", RC_UNSUPPORTED,
            "this version of the agent does not implement 'a.B'" OTHER_VERSION},
        {"org.varlink.service.InvalidParameter", "{\"parameter\":\"partial\"}", RC_MALFORMED,
            "the agent does not take the parameter 'partial'" OTHER_VERSION},
        {"org.varlink.service.InterfaceNotFound", "{\"interface\":\"a\"}", RC_UNSUPPORTED,
            "what answers is no agent: it has no interface 'a'; name the agent's socket with "
            "--socket or COUNTERSIGN_SOCKET"},
        {AGENT "Surprise", "{}", RC_SYSTEM,
            "the agent answers with the error 'org.countersign.Agent.Surprise'" OTHER_VERSION},
        {AGENT "Denied", "{\"reason\":\"a\\nb\"}", RC_DENIED, "refused (a?b)"},
        {AGENT "Denied", "{\"reason\":7,\"want\":{},\"have\":[]}", RC_DENIED, "refused (7)"},
        {AGENT "Rollback", "{\"marks\":{}}", RC_ROLLBACK,
            "the agent has released version  of '' in '' already; try again"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(json_decrefp) json_t *parameters = NULL;
        struct why why = {0};

        assert_int_equal(members_parse(&parameters, span_of(cases[i].parameters), &why), RC_OK);
        assert_int_equal(agent_error(cases[i].name, parameters, &why), cases[i].want);
        assert_string_equal(why.text, cases[i].sentence);
    }
}

static void
test_knows_every_error_that_crosses_the_socket(void **state)
{
    closing(json_decrefp) json_t *parameters = json_object();

    (void)state;
    for (int rc = RC_OK; rc < RC_MAX_; rc++) {
        char name[100];
        struct why why = {0};

        if (!rc_error_name((enum rc)rc))
            continue;

        snprintf(name, sizeof name, AGENT "%s", rc_error_name((enum rc)rc));
        assert_string_equal(
            rc_error_name(agent_error(name, parameters, &why)), rc_error_name((enum rc)rc));
        assert_null(strstr(why.text, "answers with the error"));
    }
}

static void
test_says_why_a_reply_is_none(void **state)
{
    struct why why = {.text = "keys: want an array, have nothing"};

    (void)state;
    assert_int_equal(agent_error_of_reply(RC_MALFORMED, &why), RC_MALFORMED);
    assert_string_equal(
        why.text, "answer of the agent: keys: want an array, have nothing" OTHER_VERSION);
    assert_int_equal(agent_error_of_reply(RC_UNTRUSTED, NULL), RC_UNTRUSTED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_makes_one_sentence_of_each_error),
        cmocka_unit_test(test_knows_every_error_that_crosses_the_socket),
        cmocka_unit_test(test_says_why_a_reply_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
