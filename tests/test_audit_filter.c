/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/audit_filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

static const char request[] =
    "{\"detail\":null,\"documents\":[{\"repository\":\"r/a\",\"role\":\"targets\"},"
    "{\"repository\":\"r/\\\"b\",\"role\":\"targets/qa\"}],\"kind\":\"request\",\"outcome\":"
    "\"refused\",\"peer\":{\"gid\":1,\"uid\":1007},\"reason\":\"scope\"}";
static const char done[] = "{\"detail\":\"token 'hsm'\",\"documents\":[],\"kind\":\"request\","
                           "\"outcome\":\"done\",\"peer\":{\"uid\":0},\"reason\":null}";
static const char foreign[] = "{\"kind\":\"foreign-signature\",\"repository\":\"r/a\",\"role\":"
                              "\"targets\",\"uid\":1007}";

static void
test_knows_outcomes_and_reasons(void **state)
{
    static const struct {
        struct audit_filter filter;
        const char *problem; /* NULL: none */
    } cases[] = {
        {{0}, NULL},
        {{.outcome = "parked", .reason = "quota"}, NULL},
        {{.outcome = "denied"}, "'denied' is no outcome"},
        {{.outcome = ""}, "'' is no outcome"},
        {{.outcome = "refused", .reason = "qouta"}, "'qouta' is no reason"},
        {{.reason = ""}, "'' is no reason"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct why why = {0};
        enum rc rc = audit_filter_check(&cases[i].filter, &why);
        assert_int_equal(rc, cases[i].problem ? RC_MALFORMED : RC_OK);
        assert_true(!cases[i].problem || strstr(why.text, cases[i].problem));
    }
}

static void
test_admits_what_was_asked_for(void **state)
{
    static const struct {
        const char *about;
        struct audit_filter filter;
        const char *body;
        bool is_admitted;
    } cases[] = {
        {"nothing asked for", {0}, request, true},
        {"nothing asked for, and no record of ours", {0}, "\xff", true},
        {"its user", {true, 1007}, request, true},
        {"another user", {true, 1008}, request, false},
        {"root", {true, 0}, done, true},
        {"nobody's is not root's", {true, 0}, "{\"kind\":\"refusals\",\"uid\":null}", false},
        {"its door", {true, 0, "ci"}, "{\"peer\":{\"door\":\"ci\",\"uid\":0}}", true},
        {"the same user at another door", {true, 0, "ci"}, "{\"peer\":{\"door\":\"cd\",\"uid\":0}}",
            false},
        {"the same user at no door", {true, 0, "ci"}, done, false},
        {"a user that is a text", {true, 0}, "{\"uid\":\"0\"}", false},
        {"whose refusals were counted", {true, 5}, "{\"kind\":\"refusals\",\"uid\":5}", true},
        {"a repository", {.repository = "r/a"}, request, true},
        {"the repository of another document", {.repository = "r/\"b"}, request, true},
        {"another repository", {.repository = "r/"}, request, false},
        {"a role", {.role = "targets/qa"}, request, true},
        {"both", {.repository = "r/\"b", .role = "targets/qa"}, request, true},
        {"both, but of two documents", {.repository = "r/a", .role = "targets/qa"}, request, false},
        {"a signature of others", {.repository = "r/a", .role = "targets"}, foreign, true},
        {"a role, where there is none", {.role = "targets"}, done, false},
        {"an outcome", {.outcome = "refused"}, request, true},
        {"another outcome", {.outcome = "released"}, request, false},
        {"an outcome, where there is none", {.outcome = "released"}, foreign, false},
        {"a reason", {.reason = "scope"}, request, true},
        {"a reason, where there is none", {.reason = "scope"}, done, false},
        {"no reason is no text", {.reason = "null"}, done, false},
        {"something left over", {true, 5}, "{\"uid\":5} ", false},
        {"cut off", {true, 5}, "{\"uid\":5", false},
        {"a peer that is none", {true, 5}, "{\"peer\":5}", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (audit_filter_admits(&cases[i].filter, span_of(cases[i].body)) != cases[i].is_admitted)
            fail_msg("%s", cases[i].about);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_knows_outcomes_and_reasons),
        cmocka_unit_test(test_admits_what_was_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
