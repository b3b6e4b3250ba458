/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/method.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "tests/clock.h"

#include "proto/bounds.h"
#include "tests/daemon.h"
#include "tests/idl.h"

static const char *const qa[] = {"qa", NULL};

static void
test_has_the_methods_of_the_interface_and_no_others(void **state)
{
    char want[32];
    size_t i = 0;

    (void)state;
    for (; idl_method(want, i); i++) {
        assert_non_null(method_name(i));
        assert_string_equal(method_name(i), want);
    }
    assert_null(method_name(i));
    assert_true(i > 10);
}

static void
test_says_what_it_is(void **state)
{
    struct daemon *d = *state;
    json_auto_t *info = daemon_call(d, UID_STRANGER, "org.varlink.service.GetInfo", NULL);
    json_auto_t *description =
        daemon_call(d, UID_STRANGER, "org.varlink.service.GetInterfaceDescription",
            json_pack("{s:s}", "interface", MESSAGE_INTERFACE));
    const json_t *parameters = daemon_assert_reply(info);

    assert_string_equal(
        json_string_value(json_object_get(parameters, "version")), COUNTERSIGN_VERSION);
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(parameters, "interfaces"), 1)),
        MESSAGE_INTERFACE);
    assert_string_equal(
        json_string_value(json_object_get(daemon_assert_reply(description), "description")),
        message_interface_text);
}

static void
test_refuses_what_it_does_not_offer(void **state)
{
    static const struct {
        const char *method, *error, *member, *text;
    } cases[] = {
        {"Nothing", "MethodNotFound", "method", "org.countersign.Agent.Nothing"},
        {"org.varlink.service.Nothing", "MethodNotFound", "method", "org.varlink.service.Nothing"},
        {"org.other.Sign", "InterfaceNotFound", "interface", "org.other"},
        {"org.countersign.Agents.Sign", "InterfaceNotFound", "interface", "org.countersign.Agents"},
        {".", "InterfaceNotFound", "interface", ""},
        {"org.varlink.service.GetInterfaceDescription", "InvalidParameter", "parameter",
            "interface"},
    };
    struct daemon *d = *state;

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        json_auto_t *answer = daemon_call(d, UID_ALICE, cases[i].method, NULL);
        daemon_assert_error(answer, cases[i].error, cases[i].member, cases[i].text);
    }
}

static void
test_refuses_parameters_that_it_does_not_know(void **state)
{
    static const char *const methods[] = {"ListKeys", "Status", "Reload", "Sign", "Explain",
        "IssueRootCertificate", "org.varlink.service.GetInfo"};
    struct daemon *d = *state;

    for (size_t i = 0; i < N_ELEMENTS(methods); i++) {
        json_auto_t *answer =
            daemon_call(d, UID_ALICE, methods[i], json_pack("{s:b}", "unknown", 1));
        daemon_assert_error(answer, "Malformed", "where", "parameters");
    }
}

/* And the same for everything: whoever is named nowhere learns no more. */
static void
test_tells_strangers_that_they_are_not_granted_and_nothing_else(void **state)
{
    static const char *const methods[] = {
        "Sign", "Explain", "ListKeys", "IssueRootCertificate", "Status", "Reload"};
    struct daemon *d = *state;
    closing(freep) char *first = NULL;

    for (size_t i = 0; i < N_ELEMENTS(methods); i++) {
        json_auto_t *answer = daemon_call(d, UID_STRANGER, methods[i], NULL);
        char record[32];
        snprintf(record, sizeof record, "%zu", i + 1);
        daemon_assert_error(answer, "Denied", "reason", "not-granted");
        daemon_assert_error(answer, "Denied", "id", record);
        json_object_del(json_object_get(answer, "parameters"), "id");

        closing(freep) char *text = json_dumps(answer, JSON_COMPACT | JSON_ENCODE_ANY);
        if (!first)
            first = steal(text);
        else
            assert_string_equal(text, first);
    }
}

static void
test_records_a_limited_number_of_refusals(void **state)
{
    struct daemon *d = *state;
    closing(fd_close) int fd = daemon_dial(d, UID_STRANGER);

    for (int i = 0; i <= REFUSALS_MAX_PER_MIN; i++) {
        daemon_ask(d, fd, "Status", NULL);
        json_auto_t *answer = daemon_answer(d, fd, "Status");
        daemon_assert_error(answer, "Denied", "reason", "not-granted");
    }
    /* All in one minute, or in two. */
    assert_in_range(
        ledger_head_seq(d->agent.ledger), REFUSALS_MAX_PER_MIN, REFUSALS_MAX_PER_MIN + 1);
}

static const json_t *
find_key(const json_t *answer, const char *name)
{
    const json_t *keys = json_object_get(daemon_assert_reply(answer), "keys"), *key;
    size_t i;

    json_array_foreach(keys, i, key)
        if (!strcmp(json_string_value(json_object_get(key, "name")), name))
            return key;

    fail_msg("no key %s", name);
    return NULL;
}

static void
assert_key(const json_t *key, bool is_usable, size_t n_roles)
{
    assert_int_equal(json_is_true(json_object_get(key, "usable")), is_usable);
    assert_int_equal(json_integer_value(json_object_get(key, "max_validity_s")) > 0, is_usable);
    assert_int_equal(json_array_size(json_object_get(key, "roles")), n_roles);
    assert_int_equal(json_array_size(json_object_get(key, "repositories")), n_roles);
}

static void
test_lists_scopes_of_keys_only_to_who_may_use_them(void **state)
{
    struct daemon *d = *state;
    json_auto_t *of_alice = daemon_call(d, UID_ALICE, "ListKeys", NULL);
    json_auto_t *of_admin = daemon_call(d, UID_ADMIN, "ListKeys", NULL);

    assert_key(find_key(of_alice, "qa"), true, 1);
    assert_key(find_key(of_alice, "root"), false, 0);
    assert_key(find_key(of_admin, "root"), true, 1);
    assert_key(find_key(of_admin, "qa"), false, 1);
    assert_string_equal(json_string_value(json_object_get(find_key(of_alice, "root"), "key")),
        softkeyring_id("root"));
    assert_string_equal(
        json_string_value(json_object_get(find_key(of_alice, "rsa-qa"), "algorithm")), "rsa-2048");
}

static void
test_tells_its_status(void **state)
{
    struct daemon *d = *state;
    json_auto_t *answer = daemon_call(d, UID_ALICE, "Status", NULL);
    const json_t *parameters = daemon_assert_reply(answer);
    const json_t *token = json_array_get(json_object_get(parameters, "tokens"), 0);

    assert_string_equal(
        json_string_value(json_object_get(parameters, "ledger")), ledger_id(d->agent.ledger));
    assert_string_equal(json_string_value(json_object_get(token, "name")), "hsm");
}

static void
test_shows_the_rest_of_its_status_to_admins_only(void **state)
{
    struct daemon *d = *state;
    json_auto_t *of_alice = daemon_call(d, UID_ALICE, "Status", NULL);
    json_auto_t *of_admin = daemon_call(d, UID_ADMIN, "Status", NULL);
    const json_t *insight = json_object_get(daemon_assert_reply(of_admin), "insight");
    const json_t *door = json_array_get(json_object_get(insight, "doors"), 0);

    assert_null(json_object_get(daemon_assert_reply(of_alice), "insight"));
    assert_string_equal(json_string_value(json_object_get(door, "name")), "agent");
    assert_int_equal(
        json_integer_value(json_object_get(insight, "records")), ledger_head_seq(d->agent.ledger));
    assert_int_equal(json_integer_value(json_object_get(insight, "connections")), 1);
    assert_true(json_integer_value(json_object_get(insight, "ledger_bytes")) > 0);
    assert_null(json_object_get(insight, "reload_problem"));
}

static void
test_says_why_its_policy_was_not_read_again(void **state)
{
    struct daemon *d = *state;
    char *text = strdup(daemon_policy());

    assert_non_null(text);
    daemon_set_policy(d, "grants: {}\nnonsense: {}\n");
    json_auto_t *failed = daemon_call(d, UID_ADMIN, "Reload", NULL);
    json_auto_t *status = daemon_call(d, UID_ADMIN, "Status", NULL);
    const json_t *insight = json_object_get(daemon_assert_reply(status), "insight");

    daemon_assert_error(failed, "Malformed", "where", "parameters");
    assert_non_null(
        strstr(json_string_value(json_object_get(insight, "reload_problem")), "nonsense"));
    assert_non_null(json_object_get(insight, "reload_failed_at"));

    daemon_set_policy(d, text);
    free(text);
    json_auto_t *mended = daemon_call(d, UID_ADMIN, "Reload", NULL);
    json_auto_t *again = daemon_call(d, UID_ADMIN, "Status", NULL);
    daemon_assert_reply(mended);
    insight = json_object_get(daemon_assert_reply(again), "insight");
    assert_null(json_object_get(insight, "reload_problem"));
}

static void
test_gives_its_figures_to_admins_only(void **state)
{
    struct daemon *d = *state;
    json_auto_t *denied = daemon_call(d, UID_ALICE, "Metrics", NULL);
    json_auto_t *answer = daemon_call(d, UID_ADMIN, "Metrics", NULL);
    const char *text = json_string_value(json_object_get(daemon_assert_reply(answer), "text"));

    daemon_assert_error(denied, "Denied", "reason", "not-admin");
    assert_non_null(strstr(text, "\ncountersign_requests_total{method=\"Metrics\","
                                 "verdict=\"refused\",reason=\"not-admin\"} 1\n"));
    assert_non_null(strstr(text, "\ncountersign_token_ready{token=\"hsm\"} 1\n"));
}

static void
test_reloads_for_admins_only(void **state)
{
    struct daemon *d = *state;
    closing(freep) char *extended = NULL;

    json_auto_t *denied = daemon_call(d, UID_ALICE, "Reload", NULL);
    daemon_assert_error(denied, "Denied", "reason", "not-admin");

    json_auto_t *same = daemon_call(d, UID_ADMIN, "Reload", NULL);
    assert_int_equal(json_array_size(json_object_get(daemon_assert_reply(same), "changes")), 0);

    daemon_set_policy(d, "grants: [");
    json_auto_t *broken = daemon_call(d, UID_ADMIN, "Reload", NULL);
    daemon_assert_error(broken, "Malformed", NULL, NULL);

    assert_true(asprintf(&extended, "%s# changed\n", daemon_policy()) > 0);
    char *grant = strstr(extended, "  qa-team: {users: [10001]");
    memcpy(grant, "  qa-crew: {users: [10004]", strlen("  qa-crew: {users: [10004]"));
    daemon_set_policy(d, extended);
    json_auto_t *changed = daemon_call(d, UID_ADMIN, "Reload", NULL);
    const json_t *changes = json_object_get(daemon_assert_reply(changed), "changes");
    assert_int_equal(json_array_size(changes), 5);
    assert_string_equal(json_string_value(json_array_get(changes, 0)),
        "uid 10004 gains key qa for role targets/qa of registry.example.com/shop/**, for at most"
        " 1095 days, without changes of delegations");
    assert_string_equal(json_string_value(json_array_get(changes, 2)),
        "uid 10001 loses key qa for role targets/qa of registry.example.com/shop/**, for at most"
        " 1095 days, without changes of delegations");

    json_auto_t *alice = daemon_call(d, UID_ALICE, "Status", NULL);
    daemon_assert_error(alice, "Denied", "reason", "not-granted");
    json_auto_t *stranger = daemon_call(d, UID_STRANGER, "Status", NULL);
    daemon_assert_reply(stranger);
}

/* Debian's daemon has uid 1. */
static void
test_learns_names_once_a_minute(void **state)
{
    struct daemon *d = *state;
    struct policy_name *name = &d->agent.policy->grants[0].who.names[0];

    json_auto_t *first = daemon_call(d, UID_ALICE, "Status", NULL);
    daemon_assert_reply(first);
    free(name->name);
    name->name = strdup("daemon");
    name->is_resolved = false;

    json_auto_t *early = daemon_call(d, 1, "Status", NULL);
    daemon_assert_error(early, "Denied", "reason", "not-granted");
    clock_advance_ms(61 * 1000);
    json_auto_t *late = daemon_call(d, 1, "Status", NULL);
    daemon_assert_reply(late);
    assert_int_equal(name->id, 1);
}

static void
test_keeps_a_policy_whose_sockets_leave_the_main_one_alone(void **state)
{
    struct daemon *d = *state;
    const struct policy *before = d->agent.policy;
    closing(freep) char *text = NULL;

    assert_true(asprintf(&text, "%ssockets: {ci: {path: %s, mode: \"0600\"}}\n", daemon_policy(),
                    listener_path(d->agent.listener)) > 0);
    daemon_set_policy(d, text);
    json_auto_t *refused = daemon_call(d, UID_ADMIN, "Reload", NULL);
    daemon_assert_error(refused, "Malformed", "where", "parameters");
    assert_ptr_equal(d->agent.policy, before);
}

static void
test_refuses_everything_without_a_policy(void **state)
{
    struct daemon *d = *state;
    closing(fd_close) int fd = daemon_dial(d, UID_ADMIN);
    struct policy *policy = steal(d->agent.policy);

    daemon_ask(d, fd, "Status", NULL);
    json_auto_t *answer = daemon_answer(d, fd, "Status");
    daemon_assert_error(answer, "Denied", "reason", "policy-invalid");
    d->agent.policy = policy;
}

static const json_t *
first_verdict(const json_t *answer)
{
    return json_array_get(json_object_get(daemon_assert_reply(answer), "verdicts"), 0);
}

static void
test_explains_what_it_would_decide(void **state)
{
    struct daemon *d = *state;
    closing(freep) char *message = daemon_targets(1, 30);

    json_auto_t *yes = daemon_call(d, UID_ALICE, "Explain",
        json_pack("{s:[o]}", "documents", daemon_document("targets/qa", message, qa)));
    assert_true(json_is_true(json_object_get(first_verdict(yes), "allowed")));
    assert_string_equal(json_string_value(json_object_get(first_verdict(yes), "grant")), "qa-team");

    json_auto_t *no = daemon_call(d, UID_BOB, "Explain",
        json_pack("{s:[o]}", "documents", daemon_document("targets/qa", message, qa)));
    assert_false(json_is_true(json_object_get(first_verdict(no), "allowed")));
    assert_string_equal(
        json_string_value(json_object_get(first_verdict(no), "reason")), "not-granted");
    assert_null(json_object_get(first_verdict(no), "grant"));
    assert_int_equal(ledger_head_seq(d->agent.ledger), 0);
}

static void
test_explains_others_to_admins_only(void **state)
{
    struct daemon *d = *state;
    closing(freep) char *message = daemon_targets(1, 30);
    const struct {
        uid_t uid;
        const char *user, *error;
    } cases[] = {
        {UID_ADMIN, "0", NULL},
        {UID_ADMIN, "nobody-of-that-name", "NotFound"},
        {UID_ALICE, "0", "Denied"},
    };

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        json_auto_t *answer = daemon_call(d, cases[i].uid, "Explain",
            json_pack("{s:[o],s:s}", "documents", daemon_document("targets/qa", message, qa),
                "user", cases[i].user));
        if (cases[i].error)
            daemon_assert_error(answer, cases[i].error, NULL, NULL);
        else
            assert_string_equal(
                json_string_value(json_object_get(first_verdict(answer), "reason")), "not-granted");
    }
}

int
main(void)
{
#define DAEMON(test) cmocka_unit_test_setup_teardown(test, daemon_open, daemon_close)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_has_the_methods_of_the_interface_and_no_others),
        DAEMON(test_says_what_it_is),
        DAEMON(test_refuses_what_it_does_not_offer),
        DAEMON(test_refuses_parameters_that_it_does_not_know),
        DAEMON(test_tells_strangers_that_they_are_not_granted_and_nothing_else),
        DAEMON(test_records_a_limited_number_of_refusals),
        DAEMON(test_lists_scopes_of_keys_only_to_who_may_use_them),
        DAEMON(test_tells_its_status),
        DAEMON(test_shows_the_rest_of_its_status_to_admins_only),
        DAEMON(test_says_why_its_policy_was_not_read_again),
        DAEMON(test_gives_its_figures_to_admins_only),
        DAEMON(test_reloads_for_admins_only),
        DAEMON(test_learns_names_once_a_minute),
        DAEMON(test_keeps_a_policy_whose_sockets_leave_the_main_one_alone),
        DAEMON(test_refuses_everything_without_a_policy),
        DAEMON(test_explains_what_it_would_decide),
        DAEMON(test_explains_others_to_admins_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
