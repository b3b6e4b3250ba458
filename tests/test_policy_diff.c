/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy_diff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "tests/policy_fixture.h"

#define ID   "0b6101527b2ac766702e4b40aa2391805b70e5031c04714c748f914e89014403"
#define ID_2 "1b6101527b2ac766702e4b40aa2391805b70e5031c04714c748f914e89014403"

/* What every policy here begins with, and what it consists of. */
#define TOKENS "tokens: {hsm: {module: /m.so, uri: \"pkcs11:token=a\", environment: {A: b}}}\n"
#define KEYS                                                                                       \
    "keys:\n"                                                                                      \
    "  root: {token: hsm, uri: \"pkcs11:id=%01\", scope: [{repositories: [r.io/**], roles: "       \
    "[root]}]}\n"                                                                                  \
    "  qa: {token: hsm, uri: \"pkcs11:id=%02\", scope: [{repositories: [r.io/a, r.io/b], roles: "  \
    "[targets/qa, targets/dev]}]}\n"                                                               \
    "  one: {token: hsm, uri: \"pkcs11:id=%03\", scope: [{repositories: [r.io/a], roles: "         \
    "[targets]}]}\n"
#define SOCKETS      "sockets: {ci: {path: /run/ci, mode: \"0600\"}}\n"
#define GRANTS(rest) TOKENS KEYS SOCKETS "grants:\n" rest
#define QA           "  qa: {users: [1], groups: [2], keys: [qa]}\n"
#define QA_REACH     "roles targets/dev, targets/qa of r.io/a, r.io/b"
#define PLAIN        "for at most 1095 days, without changes of delegations"

static const struct {
    const char *says, *was, *is, *want; /* was: NULL: there was none */
} cases[] = {
    {"nothing is different", GRANTS(QA), GRANTS(QA), "nothing is different\n"},
    {"the order of entries is nothing", GRANTS(QA "  one: {users: [1, 2], keys: [qa, one]}\n"),
        GRANTS("  one: {keys: [one, qa], users: [2, 1]}\n" QA), "nothing is different\n"},
    {"another name of a grant is nothing", GRANTS(QA),
        GRANTS("  other: {users: [1], groups: [2], keys: [qa]}\n"), "nothing is different\n"},
    {"the same right by two grants is one", GRANTS(QA),
        GRANTS(QA "  other: {users: [1], keys: [qa]}\n"), "nothing is different\n"},
    {"a user is new", GRANTS(QA), GRANTS("  qa: {users: [1, 3], groups: [2], keys: [qa]}\n"),
        "gained\n  uid 3: key qa for " QA_REACH ", " PLAIN "\n"},
    {"a group is gone", GRANTS(QA), GRANTS("  qa: {users: [1], keys: [qa]}\n"),
        "lost\n  gid 2: key qa for " QA_REACH ", " PLAIN "\n"},
    {"a key of a grant is new", GRANTS("  g: {users: [1], keys: [qa]}\n"),
        GRANTS("  g: {users: [1], keys: [qa, one]}\n"),
        "gained\n  uid 1: key one for role targets of r.io/a, " PLAIN "\n"},
    {"a name that nobody has", GRANTS("  g: {users: [1], keys: [one]}\n"),
        GRANTS("  g: {users: [1, no-such-user], keys: [one]}\n"),
        "gained\n  user no-such-user: key one for role targets of r.io/a, " PLAIN "\n"},
    {"a door", GRANTS("  g: {users: [1], keys: [one]}\n"),
        GRANTS("  g: {sockets: [ci], keys: [one]}\n"),
        "gained\n  everybody at door ci: key one for role targets of r.io/a, " PLAIN
        "\nlost\n  uid 1: key one for role targets of r.io/a, " PLAIN "\n"},
    {"what narrows a grant", GRANTS("  g: {users: [1], keys: [one]}\n"),
        GRANTS("  g: {users: [1], keys: [one], delegate: true, max_validity: 2h, tags: [b, a],"
               " unit: u.service, quota: 1/30m, approvals: {count: 2, users: [8], groups: [9]}}\n"),
        "gained\n"
        "  gid 9: to approve under grant g\n"
        "  uid 1: key one for role targets of r.io/a, for at most 2 hours, with changes of"
        " delegations, changing only tags a, b, only in unit u.service, at most 1 document in 30"
        " minutes under grant g, after 2 approvals of uid 8, gid 9\n"
        "  uid 8: to approve under grant g\n"
        "lost\n"
        "  uid 1: key one for role targets of r.io/a, " PLAIN "\n"},
    {"a second grant with a quota of its own",
        GRANTS("  g: {users: [1], keys: [one], quota: 5/1h}\n"),
        GRANTS("  g: {users: [1], keys: [one], quota: 5/1h}\n"
               "  h: {users: [1], keys: [one], quota: 5/1h}\n"),
        "gained\n  uid 1: key one for role targets of r.io/a, " PLAIN
        ", at most 5 documents in 1 hour under grant h\n"},
    {"who approves",
        GRANTS("  g: {users: [1], keys: [root], repositories: [r.io/a], approvals:"
               " {count: 1, users: [8]}}\n"),
        GRANTS("  g: {users: [1], keys: [root], repositories: [r.io/a]}\n"),
        "gained\n  uid 1: key root for role root of r.io/**, for at most 3650 days, only where the"
        " repository is r.io/a\n"
        "lost\n  uid 1: key root for role root of r.io/**, for at most 3650 days, only where the"
        " repository is r.io/a, after 1 approval of uid 8\n"
        "  uid 8: to approve under grant g\n"},
    {"admins", TOKENS "admins: {users: [1]}\n", TOKENS "admins: {users: [2], groups: [1]}\n",
        "gained\n  gid 1: the rights of an admin\n  uid 2: the rights of an admin\n"
        "lost\n  uid 1: the rights of an admin\n"},
    {"a token whose environment is another", TOKENS,
        "tokens: {hsm: {module: /m.so, uri: \"pkcs11:token=a\", environment: {A: c}}}\n",
        "changed\n  token hsm has other values in its environment\n"},
    {"a token with another module", TOKENS,
        "tokens: {hsm: {module: /n.so, uri: \"pkcs11:token=a\", environment: {A: b}}}\n",
        "changed\n  token hsm is now: pkcs11:token=a, module /n.so, 1 worker, no PIN, environment "
        "A;"
        " was: pkcs11:token=a, module /m.so, 1 worker, no PIN, environment A\n"},
    {"sockets", "sockets: {a: {path: /a, mode: \"0600\"}, b: {path: /b, mode: \"0600\"}}\n",
        "sockets: {b: {path: /b, mode: \"0666\"}, c: {path: /c, mode: \"0660\"}}\n",
        "changed\n  socket a is gone\n  socket b is now: /b, mode 0666; was: /b, mode 0600\n"
        "  socket c is new: /c, mode 0660\n"},
    {"roots", "roots: {r.io/a: [" ID ", " ID_2 "], r.io/b: [" ID "]}\n",
        "roots: {r.io/b: [" ID_2 "], r.io/a: [" ID_2 ", " ID "]}\n",
        "changed\n  roots of r.io/b is now: " ID_2 "; was: " ID "\n"},
    {"a key that nobody has", TOKENS,
        TOKENS "keys: {k: {token: hsm, uri: \"pkcs11:id=%09\", scope: [{repositories: [r.io/a],"
               " roles: [targets]}]}}\n",
        "changed\n  key k is new: pkcs11:id=%09 in hsm\n"},
    {"a first policy", NULL, "admins: {users: [1]}\n", "gained\n  uid 1: the rights of an admin\n"},
};

static void
load(const struct policy_fixture *f, struct policy **ret, const char *text)
{
    struct why why = {""};

    fixture_write(f, "policy.yaml", text);
    if (policy_load(ret, fixture_path(f, "policy.yaml"), &why))
        fail_msg("%s", why.text);
}

static void
test_tells_who_gains_and_who_loses(void **state)
{
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(policy_unrefp) struct policy *was = NULL;
        closing(policy_unrefp) struct policy *is = NULL;
        closing(policy_diff_done) struct policy_diff diff = {0};
        closing(bytes_done) struct bytes text = BYTES_INIT(64 * 1024);

        if (cases[i].was)
            load(*state, &was, cases[i].was);
        load(*state, &is, cases[i].is);
        assert_int_equal(policy_diff_of(&diff, was, is, NULL), RC_OK);
        policy_diff_put(&text, &diff);
        if (strcmp(bytes_text(&text), cases[i].want) != 0)
            fail_msg("%s:\n%s", cases[i].says, bytes_text(&text));
    }
}

static void
test_files_do_not_matter(void **state)
{
    const struct policy_fixture *f = *state;
    closing(policy_unrefp) struct policy *one = NULL;
    closing(policy_unrefp) struct policy *three = NULL;
    closing(policy_diff_done) struct policy_diff diff = {0};

    load(f, &one,
        GRANTS(QA "  one: {users: [3], keys: [one, root], approvals: {count: 1, users:"
                  " [8, 9]}}\n"));
    mkdir(fixture_path(f, "policy.d"), 0700);
    fixture_write(f, "policy.d/10-b.yaml",
        "grants: {one: {keys: [root, one], approvals: {users: [9, 8], count: 1}, users: [3]}}\n");
    fixture_write(f, "policy.d/90-a.yaml", KEYS "grants:\n" QA);
    load(f, &three, SOCKETS TOKENS);
    assert_int_equal(policy_diff_of(&diff, one, three, NULL), RC_OK);
    assert_int_equal(diff.n, 0);
    assert_false(digest_eq(&one->digest, &three->digest));
}

static void
test_writes_sentences(void **state)
{
    closing(policy_unrefp) struct policy *was = NULL;
    closing(policy_unrefp) struct policy *is = NULL;
    closing(policy_diff_done) struct policy_diff diff = {0};
    closing(bytes_done) struct bytes text = BYTES_INIT(64 * 1024);

    load(*state, &was, TOKENS "admins: {users: [1]}\n");
    load(*state, &is, "admins: {users: [2]}\n");
    assert_int_equal(policy_diff_of(&diff, was, is, NULL), RC_OK);
    for (size_t i = 0; i < diff.n; i++) {
        policy_change_put(&text, &diff.changes[i]);
        bytes_puts(&text, "\n");
    }
    assert_string_equal(bytes_text(&text), "uid 2 gains the rights of an admin\n"
                                           "uid 1 loses the rights of an admin\n"
                                           "token hsm is gone\n");
}

/* 1024 users by 4 keys by 65 repositories. */
static void
test_bounds_rights(void **state)
{
    closing(policy_unrefp) struct policy *policy = NULL;
    closing(bytes_done) struct bytes text = BYTES_INIT(POLICY_FILE_MAX_BYTES);
    struct policy_diff diff = {0};
    struct why why;

    bytes_puts(&text, TOKENS "keys:\n");
    for (int k = 0; k < 4; k++) {
        bytes_printf(&text,
            "  k%d: {token: hsm, uri: \"pkcs11:id=%%0%d\", scope: [{roles:"
            " [targets], repositories: [r.io/a",
            k, k + 1);
        for (int i = 1; i < 65; i++)
            bytes_printf(&text, ", r.io/a%d", i);
        bytes_puts(&text, "]}]}\n");
    }
    bytes_puts(&text, "grants:\n  g: {keys: [k0, k1, k2, k3], users: [1");
    for (int i = 2; i <= 1024; i++)
        bytes_printf(&text, ", %d", i);
    bytes_puts(&text, "]}\n");

    load(*state, &policy, bytes_text(&text));
    assert_int_equal(policy_diff_of(&diff, NULL, policy, &why), RC_TOO_LARGE);
    assert_non_null(strstr(why.text, "more than 262144 rights"));
    assert_int_equal(diff.n, 0);
}

#define IN_A_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_DIRECTORY(test_tells_who_gains_and_who_loses),
        IN_A_DIRECTORY(test_files_do_not_matter),
        IN_A_DIRECTORY(test_writes_sentences),
        IN_A_DIRECTORY(test_bounds_rights),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
