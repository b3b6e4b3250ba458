/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "proto/bounds.h"
#include "tests/policy_fixture.h"

static const char text[] =
    "tokens:\n"
    "  hsm: {module: /m.so, uri: \"pkcs11:token=a\", pin: credential:hsm-pin, workers: 2, timeout: "
    "2m}\n"
    "  spare: {module: /m.so, uri: \"pkcs11:serial=1\"}\n"
    "keys:\n"
    "  root:\n"
    "    at: [{token: hsm, uri: \"pkcs11:id=%01\"}, {token: hsm, uri: \"pkcs11:id=%11\"}]\n"
    "    scope: [{repositories: [r.io/**], roles: [root]}]\n"
    "  qa:\n"
    "    token: hsm\n"
    "    uri: pkcs11:id=%02\n"
    "    scope:\n"
    "      - {repositories: [r.io/shop/*], roles: [targets/qa, targets/qa/**]}\n"
    "      - {repositories: [r.io/base], roles: [targets/releases]}\n"
    "  web:\n"
    "    token: hsm\n"
    "    uri: pkcs11:id=%03\n"
    "    scope: [{repositories: [r.io/web], roles: [targets]}]\n"
    "  unused:\n"
    "    token: hsm\n"
    "    uri: pkcs11:id=%04\n"
    "    scope: [{repositories: [shop/**], roles: [snapshot]}]\n"
    "grants:\n"
    "  qa-team: {groups: [20], users: [1007, no-such-user], keys: [qa, web], max_validity: 90d}\n"
    "  ceremony: {users: [root], keys: [root], repositories: [r.io/shop/*], delegate: true}\n"
    "admins: {groups: [4]}\n";

static int
load(void **state)
{
    struct policy *policy = NULL;
    struct why why;

    if (fixture_open(state))
        return -1;

    const struct policy_fixture *f = *state;
    fixture_write(f, "policy.yaml", text);
    enum rc rc = policy_load(&policy, fixture_path(f, "policy.yaml"), &why);
    fixture_close(state);
    *state = policy;
    return rc ? -1 : 0;
}

static int
unload(void **state)
{
    policy_unref(*state);
    return 0;
}

static void
test_knows_what_was_written(void **state)
{
    const struct policy *policy = *state;

    assert_int_equal(policy->n_tokens, 2);
    assert_int_equal(policy->n_keys, 4);
    assert_int_equal(policy->n_grants, 2);
    assert_string_equal(policy->tokens[0].module, "/m.so");
    assert_string_equal(policy->tokens[0].uri, "pkcs11:token=a");
    assert_string_equal(policy->tokens[0].pin_source, "hsm-pin");
    assert_int_equal(policy->tokens[0].pin, POLICY_PIN_CREDENTIAL);
    assert_int_equal(policy->tokens[0].workers, 2);
    assert_int_equal(policy->tokens[0].timeout_s, 120);
    assert_null(policy->tokens[0].environment[0]);
    assert_int_equal(policy->tokens[1].pin, POLICY_PIN_NONE);
    assert_int_equal(policy->tokens[1].workers, 1);
    assert_int_equal(policy->tokens[1].timeout_s, 30);
    assert_int_equal(policy->keys[0].n_at, 2);
    assert_ptr_equal(policy->keys[0].at[1].token, &policy->tokens[0]);
    assert_string_equal(policy->keys[0].at[1].uri, "pkcs11:id=%11");
}

static void
test_derives_ranks_from_roles(void **state)
{
    const struct policy *policy = *state;

    assert_int_equal(policy_find_key(policy, "root")->rank, RANK_ROOT);
    assert_int_equal(policy_find_key(policy, "qa")->rank, RANK_DELEGATION);
    assert_int_equal(policy_find_key(policy, "web")->rank, RANK_TARGETS);
    assert_int_equal(policy_find_key(policy, "unused")->rank, RANK_SNAPSHOT);
}

static void
test_finds_by_name(void **state)
{
    const struct policy *policy = *state;

    assert_ptr_equal(policy_find_token(policy, "spare"), &policy->tokens[1]);
    assert_null(policy_find_token(policy, "Spare"));
    assert_null(policy_find_token(policy, "qa"));
    assert_ptr_equal(policy_find_key(policy, "qa"), &policy->keys[1]);
    assert_null(policy_find_key(policy, "hsm"));
}

static const struct {
    const char *says, *key, *repository, *role;
    bool want;
} covers[] = {
    {"a role and repository of one scope", "qa", "r.io/shop/web", "targets/qa", true},
    {"a role below a pattern", "qa", "r.io/shop/web", "targets/qa/linux", true},
    {"a literal repository", "qa", "r.io/base", "targets/releases", true},
    {"no role of one scope in the repository of another", "qa", "r.io/base", "targets/qa", false},
    {"no repository below one star", "qa", "r.io/shop/web/x", "targets/qa", false},
    {"no repository with another case", "qa", "r.io/SHOP/web", "targets/qa", false},
    {"no other rank", "qa", "r.io/shop/web", "targets", false},
    {"no name that is no role", "qa", "r.io/shop/web", "targets/qa/", false},
    {"no name that is no role, though a pattern has it", "qa", "r.io/shop/web", "targets/qa/QA",
        false},
    {"root below two stars", "root", "r.io/a/b/c", "root", true},
    {"no other host", "root", "r.io.evil/a", "root", false},
};

static void
test_covers_by_scopes(void **state)
{
    const struct policy *policy = *state;

    for (size_t i = 0; i < N_ELEMENTS(covers); i++) {
        const struct policy_key *key = policy_find_key(policy, covers[i].key);
        if (policy_key_covers(key, covers[i].repository, covers[i].role) != covers[i].want)
            fail_msg("%s", covers[i].says);
    }
}

static void
test_narrows_grants_of_root_keys(void **state)
{
    const struct policy *policy = *state;

    assert_true(policy_grant_admits(&policy->grants[0], "anything"));
    assert_true(policy_grant_admits(&policy->grants[1], "r.io/shop/web"));
    assert_false(policy_grant_admits(&policy->grants[1], "r.io/other"));
}

static void
test_bounds_validity_by_grant_or_rank(void **state)
{
    const struct policy *policy = *state;

    assert_int_equal(policy_grant_validity_s(&policy->grants[0], RANK_DELEGATION), 90 * 86400);
    assert_int_equal(policy_grant_validity_s(&policy->grants[1], RANK_ROOT), ROOT_VALIDITY_S);
    assert_int_equal(policy_grant_validity_s(&policy->grants[1], RANK_TARGETS), TARGETS_VALIDITY_S);
    assert_int_equal(
        policy_grant_validity_s(&policy->grants[1], RANK_DELEGATION), TARGETS_VALIDITY_S);
    assert_int_equal(
        policy_grant_validity_s(&policy->grants[1], RANK_SNAPSHOT), SNAPSHOT_VALIDITY_S);
    assert_int_equal(policy_grant_validity_s(&policy->grants[1], RANK_TIMESTAMP), 0);
}

static const struct {
    const char *says;
    uid_t uid;
    gid_t gid, other_gid;
    bool is_in_qa_team, is_in_ceremony, is_admin;
} people[] = {
    {"a user by uid", 1007, 1007, 1007, true, false, false},
    {"a user by primary group", 1008, 20, 1008, true, false, false},
    {"a user by supplementary group", 1008, 1008, 20, true, false, false},
    {"a user whose uid is the gid of a group", 20, 1008, 1008, false, false, false},
    {"a user whose gid is the uid of a user", 1008, 1007, 1007, false, false, false},
    {"root by its name, in spite of its groups", 0, 20, 4, false, true, false},
    {"an admin", 1009, 4, 4, false, false, true},
    {"a stranger", 1010, 1010, 1010, false, false, false},
    {"a uid that a name without entry could have", (uid_t)-1, 0, 0, false, false, false},
};

static void
test_tells_people_apart(void **state)
{
    const struct policy *policy = *state;

    for (size_t i = 0; i < N_ELEMENTS(people); i++) {
        gid_t gids[] = {people[i].other_gid};
        struct peer peer = {
            .uid = people[i].uid, .gid = people[i].gid, .gids = gids, .n_gids = 1, .door = NULL};
        bool is_known = people[i].is_in_qa_team || people[i].is_in_ceremony || people[i].is_admin;

        if (policy_who_has(&policy->grants[0].who, &peer) != people[i].is_in_qa_team ||
            policy_who_has(&policy->grants[1].who, &peer) != people[i].is_in_ceremony ||
            policy_is_admin(policy, &peer) != people[i].is_admin ||
            policy_knows(policy, &peer) != is_known)
            fail_msg("%s", people[i].says);
    }
}

static void
test_leaves_unknown_names_unresolved(void **state)
{
    struct policy *policy = *state;
    const struct policy_who *who = &policy->grants[0].who;

    assert_int_equal(who->n_names, 3);
    assert_string_equal(who->names[1].name, "no-such-user");
    assert_false(who->names[1].is_resolved);
    assert_false(policy_resolve(policy));
    assert_false(who->names[1].is_resolved);
}

static void
test_lists_unknown_names_once(void **state)
{
    struct policy *policy = *state;
    struct policy_name *root = &policy->grants[1].who.names[0], *admin = &policy->admins.names[0];
    closing(freep) const struct policy_name **names = NULL;
    size_t n = 0;

    root->is_resolved = admin->is_resolved = false;
    free(root->name);
    root->name = strdup("no-such-user");
    assert_int_equal(policy_unresolved(&names, &n, policy, NULL), RC_OK);
    assert_int_equal(n, 2);
    assert_string_equal(names[0]->name, "no-such-user");
    assert_false(names[0]->is_group);
    assert_string_equal(names[1]->name, "4");
    assert_true(names[1]->is_group);
}

static void
test_lists_no_name_where_all_are_known(void **state)
{
    struct policy *policy = *state;
    closing(freep) const struct policy_name **names = NULL;
    size_t n = 1;

    policy->grants[0].who.names[1].is_resolved = true;
    assert_int_equal(policy_unresolved(&names, &n, policy, NULL), RC_OK);
    assert_int_equal(n, 0);
}

static void
test_learns_names_later(void **state)
{
    struct policy *policy = *state;
    struct policy_name *name = &policy->grants[1].who.names[0];

    name->is_resolved = false;
    assert_true(policy_resolve(policy));
    assert_true(name->is_resolved);
    assert_int_equal(name->id, 0);
}

static void
test_lets_the_overflow_user_match_nobody(void **state)
{
    struct policy *policy = *state;
    struct policy_name *name = &policy->grants[1].who.names[0];

    if (peer_overflow_uid() != 65534)
        skip();

    /* Debian's nobody has uid 65534. */
    free(name->name);
    name->name = strdup("nobody");
    name->is_resolved = false;
    assert_false(policy_resolve(policy));
    assert_false(name->is_resolved);
}

static void
test_lives_as_long_as_somebody_holds_it(void **state)
{
    struct policy *policy = *state;

    assert_ptr_equal(policy_ref(policy), policy);
    policy_unref(policy);
    assert_int_equal(policy->n_tokens, 2);
    policy_unref(NULL);
}

#define WITH_POLICY(test) cmocka_unit_test_setup_teardown(test, load, unload)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_POLICY(test_knows_what_was_written),
        WITH_POLICY(test_derives_ranks_from_roles),
        WITH_POLICY(test_finds_by_name),
        WITH_POLICY(test_covers_by_scopes),
        WITH_POLICY(test_narrows_grants_of_root_keys),
        WITH_POLICY(test_bounds_validity_by_grant_or_rank),
        WITH_POLICY(test_tells_people_apart),
        WITH_POLICY(test_leaves_unknown_names_unresolved),
        WITH_POLICY(test_lists_unknown_names_once),
        WITH_POLICY(test_lists_no_name_where_all_are_known),
        WITH_POLICY(test_learns_names_later),
        WITH_POLICY(test_lets_the_overflow_user_match_nobody),
        WITH_POLICY(test_lives_as_long_as_somebody_holds_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
