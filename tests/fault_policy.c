/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy for which there is no memory: of its loading every allocation fails once. It is not
 * loaded then, and where there was one before, that stays.
 */
#include "tests/daemon.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

#include "agent/policy_describe.h"
#include "agent/policy_diff.h"
#include "tests/fault.h"
#include "tests/policy_fixture.h"

#define ID "0b6101527b2ac766702e4b40aa2391805b70e5031c04714c748f914e89014403"

/* All that a policy can have. */
static const char policy_text[] =
    "tokens:\n"
    "  hsm: {module: /m.so, uri: \"pkcs11:token=a\", serial: \"1\", pin: credential:pin,"
    " environment: {A: b, C: d}, workers: 2}\n"
    "keys:\n"
    "  root: {at: [{token: hsm, uri: \"pkcs11:id=%01\"}, {token: hsm, uri: \"pkcs11:id=%02\"}],"
    " certificate: root.pem, scope: [{repositories: [\"r.io/**\"], roles: [root]}]}\n"
    "sockets:\n"
    "  ci: {path: /run/ci.sock, mode: \"0600\"}\n"
    "  cd: {path: /run/cd.sock, mode: \"0660\"}\n"
    "grants:\n"
    "  ceremony: {users: [root, 10003], groups: [daemon], keys: [root], delegate: true,"
    " max_validity: 90d, repositories: [r.io/a], approvals: {count: 1, users: [10003],"
    " groups: [daemon]}}\n"
    "  ci: {sockets: [ci, cd], keys: [nightly], tags: [\"v*\", latest], unit: ci.service,"
    " quota: 200/1h}\n"
    "roots: {r.io/**: [" ID "], r.io/a: [" ID "]}\n"
    "admins: {users: [10003]}\n";
static const char part_text[] =
    "keys:\n"
    "  qa: {token: hsm, uri: \"pkcs11:id=%03\", scope: [{repositories: [r.io/a, r.io/b],"
    " roles: [targets/qa, targets/*]}]}\n"
    "  nightly: {token: hsm, uri: \"pkcs11:id=%04\", scope: [{repositories: [r.io/a],"
    " roles: [targets/nightly]}]}\n"
    "grants:\n"
    "  qa-team: {groups: [daemon], keys: [qa]}\n";

static void
write_certificate(const struct policy_fixture *fixture)
{
    struct forge_key key;

    forge_key_init(&key, "P-256");
    forge_key_certify(&key, "r.io/a", 1700000000, 4000000000);
    closing(freep) char *text = span_dup(pubkey_public(key.key));
    fixture_write(fixture, "root.pem", text);
    forge_key_done(&key);
}

static void
test_loads_all_of_a_policy_or_nothing(void **state)
{
    const struct policy_fixture *fixture = *state;
    bool has_struck = true;

    fixture_write(fixture, "policy.yaml", policy_text);
    assert_int_equal(mkdir(fixture_path(fixture, "policy.d"), 0700), 0);
    fixture_write(fixture, "policy.d/50-qa.yaml", part_text);
    write_certificate(fixture);

    for (size_t n = 1; has_struck; n++) {
        closing(policy_unrefp) struct policy *policy = NULL;
        const char *path = fixture_path(fixture, "policy.yaml");
        struct why why = {""};

        fault_arm(n);
        enum rc rc = policy_load(&policy, path, &why);
        has_struck = fault_has_struck();
        fault_arm(0);
        /* A name that could not be looked up is looked up again, as one that nobody knows yet. */
        bool is_whole = !rc && (!has_struck || policy_resolve(policy));
        if (!is_whole && (rc != RC_NO_MEMORY || policy))
            fail_msg("allocation %zu: %d '%s'", n, rc, why.text);
    }
}

static void
test_tells_all_of_a_policy_or_nothing(void **state)
{
    const struct policy_fixture *fixture = *state;
    closing(policy_unrefp) struct policy *policy = NULL;
    bool has_struck = true;

    fixture_write(fixture, "policy.yaml", policy_text);
    assert_int_equal(mkdir(fixture_path(fixture, "policy.d"), 0700), 0);
    fixture_write(fixture, "policy.d/50-qa.yaml", part_text);
    write_certificate(fixture);
    assert_int_equal(policy_load(&policy, fixture_path(fixture, "policy.yaml"), NULL), RC_OK);

    for (size_t n = 1; has_struck; n++) {
        closing(bytes_done) struct bytes text = BYTES_INIT(POLICY_FILE_MAX_BYTES);
        closing(policy_diff_done) struct policy_diff diff = {0};
        closing(freep) const struct policy_name **names = NULL;
        size_t n_names;

        fault_arm(n);
        enum rc rc = policy_describe(&text, policy, NULL);
        if (!rc)
            rc = policy_diff_of(&diff, NULL, policy, NULL);
        if (!rc)
            rc = policy_unresolved(&names, &n_names, policy, NULL);
        if (!rc)
            policy_diff_put(&text, &diff);
        if (!rc)
            rc = bytes_check(&text, NULL);
        has_struck = fault_has_struck();
        fault_arm(0);
        /* Somebody who could not be looked up for a warning is no reason to say nothing. */
        if (rc != RC_OK && rc != RC_NO_MEMORY)
            fail_msg("allocation %zu: %d", n, rc);
        assert_true(has_struck || rc == RC_OK);
    }
}

static void
test_keeps_the_policy_before_or_takes_the_new_one(void **state)
{
    struct daemon *d = *state;
    struct agent *a = &d->agent;
    bool has_struck = true;

    daemon_skip_without_root();
    for (size_t n = 1; has_struck; n++) {
        closing(json_decrefp) json_t *changes = NULL;
        closing(freep) char *text = NULL;
        const struct policy *before = a->policy;
        struct why why = {""};

        /* Another one each time. */
        assert_true(asprintf(&text, "%s# %zu\n", daemon_policy(), n) > 0);
        daemon_set_policy(d, text);
        fault_arm(n);
        enum rc rc = agent_reload(a, &changes, &why);
        has_struck = fault_has_struck();
        fault_arm(0);
        /* What changed is told as far as there is memory for it. */
        if ((rc && rc != RC_NO_MEMORY) || (rc && !has_struck) ||
            (rc == RC_OK) == (a->policy == before))
            fail_msg("allocation %zu: %d '%s'", n, rc, why.text);

        json_auto_t *keys = daemon_call(d, UID_ALICE, "ListKeys", NULL);
        assert_int_equal(json_array_size(json_object_get(daemon_assert_reply(keys), "keys")), 5);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_loads_all_of_a_policy_or_nothing, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(
            test_tells_all_of_a_policy_or_nothing, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(
            test_keeps_the_policy_before_or_takes_the_new_one, daemon_open, daemon_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
