/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy_describe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "agent/peer_unit.h"
#include "tests/policy_fixture.h"

#define ID "0b6101527b2ac766702e4b40aa2391805b70e5031c04714c748f914e89014403"

/* Two spellings of one policy, in which nothing has its place but by its name. */
static const char text[] =
    "tokens:\n"
    "  hsm: {module: /m.so, uri: \"pkcs11:token=a\", pin: credential:hsm-pin, workers: 2, timeout: "
    "2m, environment: {SECRET: value, A: b}}\n"
    "  card: {module: /m.so, uri: \"pkcs11:serial=1\"}\n"
    "keys:\n"
    "  root: {at: [{token: hsm, uri: \"pkcs11:id=%01\"}, {token: card, uri: \"pkcs11:id=%11\"}],"
    " scope: [{repositories: [r.io/**], roles: [root]}]}\n"
    "  qa: {token: hsm, uri: \"pkcs11:id=%02\", scope: [{repositories: [r.io/a, r.io/b], roles: "
    "[targets/qa, targets/dev]}, {repositories: [r.io/c], roles: [targets/releases]}]}\n"
    "sockets: {ci: {path: /run/ci.sock, mode: \"0660\"}}\n"
    "grants:\n"
    "  qa-team: {users: [1007, no-such-user], groups: [2], keys: [qa], max_validity: 90d}\n"
    "  more: {users: [1007], keys: [qa], max_validity: 90d}\n"
    "  ceremony: {users: [root], keys: [root], repositories: [r.io/a], approvals: {count: 1,"
    " groups: [no-such-group], users: [1]}}\n"
    "  ci: {sockets: [ci], keys: [qa], quota: 200/1h}\n"
    "roots: {r.io/**: [" ID "]}\n"
    "admins: {groups: [4], users: [1007]}\n";
static const char text_reordered[] =
    "roots: {r.io/**: [" ID "]}\n"
    "admins: {users: [1007], groups: [4]}\n"
    "grants:\n"
    "  ci: {quota: 200/1h, keys: [qa], sockets: [ci]}\n"
    "  ceremony: {users: [root], keys: [root], repositories: [r.io/a], approvals: {"
    "users: [1], groups: [no-such-group], count: 1}}\n"
    "  more: {users: [1007], keys: [qa], max_validity: 90d}\n"
    "  qa-team: {groups: [2], users: [no-such-user, 1007], keys: [qa], max_validity: 90d}\n"
    "sockets: {ci: {path: /run/ci.sock, mode: \"0660\"}}\n"
    "keys:\n"
    "  qa: {token: hsm, uri: \"pkcs11:id=%02\", scope: [{repositories: [r.io/c], roles: "
    "[targets/releases]}, {repositories: [r.io/b, r.io/a], roles: [targets/dev, targets/qa]}]}\n"
    "  root: {at: [{token: hsm, uri: \"pkcs11:id=%01\"}, {token: card, uri: \"pkcs11:id=%11\"}],"
    " scope: [{repositories: [r.io/**], roles: [root]}]}\n"
    "tokens:\n"
    "  card: {module: /m.so, uri: \"pkcs11:serial=1\"}\n"
    "  hsm: {module: /m.so, uri: \"pkcs11:token=a\", pin: credential:hsm-pin, workers: 2, timeout: "
    "2m, environment: {SECRET: value, A: b}}\n";

static const char described[] =
    "tokens\n"
    "  card: pkcs11:serial=1, module /m.so, 1 worker, no PIN\n"
    "  hsm: pkcs11:token=a, module /m.so, 2 workers, 120 s for a call, PIN from credential hsm-pin,"
    " environment SECRET, A\n"
    "keys\n"
    "  qa: pkcs11:id=%02 in hsm\n"
    "  root: pkcs11:id=%01 in hsm, else pkcs11:id=%11 in card\n"
    "sockets\n"
    "  ci: /run/ci.sock, mode 0660\n"
    "roots\n"
    "  r.io/**: " ID "\n"
    "rights\n"
    "  everybody at door ci\n"
    "    key qa (grant ci): roles targets/dev, targets/qa of r.io/a, r.io/b; role targets/releases"
    " of r.io/c\n"
    "      for at most 1095 days, without changes of delegations, at most 200 documents in 1 hour"
    " under grant ci\n"
    "  uid 1007\n"
    "    key qa (grant more, qa-team): roles targets/dev, targets/qa of r.io/a, r.io/b; role"
    " targets/releases of r.io/c\n"
    "      for at most 90 days, without changes of delegations\n"
    "  user no-such-user (matches nobody)\n"
    "    key qa (grant qa-team): roles targets/dev, targets/qa of r.io/a, r.io/b; role"
    " targets/releases of r.io/c\n"
    "      for at most 90 days, without changes of delegations\n"
    "  user root (uid 0)\n"
    "    key root (grant ceremony): role root of r.io/**\n"
    "      for at most 3650 days, only where the repository is r.io/a, after 1 approval of uid 1,"
    " group no-such-group\n"
    "  gid 2\n"
    "    key qa (grant qa-team): roles targets/dev, targets/qa of r.io/a, r.io/b; role"
    " targets/releases of r.io/c\n"
    "      for at most 90 days, without changes of delegations\n"
    "admins\n"
    "  uid 1007, gid 4\n"
    "warnings\n"
    "  approvals of grant ceremony: group 'no-such-group' matches nobody: this system does not know"
    " it, or it has the overflow ID\n"
    "  grant ceremony: names uid 0, which root of a container is as well\n"
    "  grant qa-team: user 'no-such-user' matches nobody: this system does not know it, or it has"
    " the overflow ID\n"
    "  key qa: valid in more than one repository or role, so third parties can carry one role's"
    " file to the other\n";

static void
describe(const struct policy_fixture *f, struct bytes *ret, const char *of)
{
    closing(policy_unrefp) struct policy *policy = NULL;
    struct why why = {""};

    fixture_write(f, "policy.yaml", of);
    if (policy_load(&policy, fixture_path(f, "policy.yaml"), &why))
        fail_msg("%s", why.text);
    assert_int_equal(policy_describe(ret, policy, &why), RC_OK);
    assert_int_equal(bytes_check(ret, &why), RC_OK);
}

/* The digest, in the first line, is of the files themselves. */
static const char *
without_digest(const struct bytes *b)
{
    return strchr(bytes_text(b), '\n') + 1;
}

static void
test_says_the_same_whatever_the_order(void **state)
{
    const char *const texts[] = {text, text_reordered};

    for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
        closing(bytes_done) struct bytes b = BYTES_INIT(64 * 1024);
        describe(*state, &b, texts[i]);
        assert_string_equal(without_digest(&b), described);
    }
}

static void
test_says_where_nobody_may_sign(void **state)
{
    closing(bytes_done) struct bytes b = BYTES_INIT(64 * 1024);

    describe(*state, &b, "tokens: {}\n");
    assert_string_equal(without_digest(&b), "rights\n  nobody may sign anything\nwarnings\n"
                                            "  admins: there are none\n");
}

/* One policy of these keys and a grant each; "single" is valid in one place. */
#define KEY(name, id, repositories, roles)                                                         \
    "  " name ": {token: hsm, uri: \"pkcs11:id=%" id "\", scope: [{repositories: [" repositories   \
    "], roles: [" roles "]}]}\n"
#define BASE                                                                                       \
    "admins: {users: [7]}\n"                                                                       \
    "tokens: {hsm: {module: /m.so, uri: \"pkcs11:token=a\"}}\n"                                    \
    "keys:\n" KEY("single", "01", "r.io/a", "targets") KEY("root", "02", "q.io/**", "root")        \
        KEY("wide", "03", "r.io/*", "targets/qa")
#define GRANTS(rest) BASE "grants:\n  all: {users: [99], keys: [single, root, wide]}\n" rest
#define SOCKET(mode) "sockets: {ci: {path: /ci, mode: \"" mode "\"}}\n"

static const struct {
    const char *says, *text, *want;
} doubts[] = {
    {"a token without keys", "tokens: {t: {module: /m, uri: \"pkcs11:token=a\"}}\n",
        "  token t: no key is in it\n"},
    {"a key without grants", BASE, "  key single: no grant has it, so nobody may use it\n"},
    {"a wide key", GRANTS(""), "  key wide: valid in more than one repository or role"},
    {"a pattern without a host",
        "tokens: {hsm: {module: /m.so, uri: \"pkcs11:token=a\"}}\n"
        "keys:\n" KEY("k", "01", "shop/**", "targets"),
        "  key k: 'shop/**' has no registry's host in front"},
    {"nobody known", GRANTS("  g: {users: [no-such-user], keys: [single]}\n"),
        "  grant g: is for nobody whom this system knows\n"},
    {"admins nobody knows", "admins: {users: [no-such-user]}\n",
        "  admins: nobody whom this system knows\n"},
    {"a socket without grants", BASE SOCKET("0600"), "  socket ci: no grant names it"},
    {"a socket for all", GRANTS("  g: {sockets: [ci], keys: [single]}\n") SOCKET("0666"),
        "  socket ci: has mode 0666, and grant g names nobody"},
    {"a root key without approvals", GRANTS(""),
        "  grant all: one person alone signs roots with key root"},
    {"approvers who are too few",
        GRANTS("  g: {users: [1], keys: [root], approvals: {count: 3, users: [8, 9]}}\n"),
        "  approvals of grant g: 3 must agree, and this system lists 2 who may"},
    {"an approver who may ask, of just enough",
        GRANTS("  g: {users: [8], keys: [root], approvals: {count: 2, users: [8, 9]}}\n"),
        "  approvals of grant g: uid 8 is one of the 2 who may agree, and may ask"},
    {"approvers whom nobody knows",
        GRANTS("  g: {users: [1], keys: [root], approvals: {count: 1, users: [no-such-user]}}\n"),
        "  approvals of grant g: user 'no-such-user' matches nobody"},
    {"repositories outside the scope",
        GRANTS("  g: {users: [1], keys: [root], repositories: [r.io/*, q.io/a]}\n"),
        "  grant g: 'r.io/*' is outside the scope of its keys\n"},
    {"no repositories within it",
        GRANTS("  g: {users: [1], keys: [root], repositories: [r.io/*]}\n"),
        "  grant g: none of its repositories is in the scope of its keys"},
    {"tags of a repository without roots", GRANTS("  g: {users: [1], keys: [single], tags: [a]}\n"),
        "  grant g: 'tags' is judged against what is published, for which neither 'roots'"},
    {"tags of a key without tags",
        "tokens: {hsm: {module: /m.so, uri: \"pkcs11:token=a\"}}\n"
        "keys:\n" KEY(
            "k", "01", "r.io/a", "snapshot") "grants: {g: {users: [1], keys: [k], tags: [a]}}\n",
        "  grant g: 'tags' does not narrow key k, whose documents list no tags\n"},
    {"roots of nothing", BASE "roots: {other.io/*: [" ID "]}\n",
        "  roots of other.io/*: no key of this policy is for such a repository\n"},
    {"a narrowing beside the right to delegate",
        GRANTS("  g: {users: [1], keys: [wide], delegate: true, quota: 1/1h}\n"),
        "  grant g: beside 'delegate: true', 'quota' narrows little"},
    {"a grant with less to narrow it",
        GRANTS("  g: {users: [99], keys: [single], quota: 1/1h, unit: a.service}\n"),
        "  grant g: 'unit', 'quota' does not narrow key single for uid 99, as grant all gives it"},
    {"the same by membership of a group",
        GRANTS("  g: {users: [daemon], keys: [wide], max_validity: 1d}\n"
               "  h: {groups: [daemon], keys: [wide]}\n"),
        "  grant g: 'max_validity' does not narrow key wide for user daemon, as grant h gives it"},
    {"the same at a door",
        GRANTS("  g: {sockets: [ci], users: [5], keys: [single], quota: 1/1h}\n"
               "  h: {sockets: [ci], keys: [single]}\n") SOCKET("0600"),
        "  grant g: 'quota' does not narrow key single for uid 5, as grant h gives it"},
    {"two quotas",
        GRANTS("  g: {groups: [5], keys: [single], quota: 1/1h}\n"
               "  h: {groups: [5], keys: [single], quota: 2/1h}\n"),
        "  grant g: for gid 5 its 'quota' of key single adds to that of grant h\n"},
};

static void
test_warns_of_what_is_probably_not_meant(void **state)
{
    for (size_t i = 0; i < N_ELEMENTS(doubts); i++) {
        closing(bytes_done) struct bytes b = BYTES_INIT(64 * 1024);
        describe(*state, &b, doubts[i].text);
        if (!strstr(bytes_text(&b), doubts[i].want))
            fail_msg("%s:\n%s", doubts[i].says, bytes_text(&b));
    }
}

static const struct {
    const char *says, *text, *unwanted;
} certain[] = {
    {"a key of one place is not wide", GRANTS(""), "key single"},
    {"a root key is not wide", GRANTS(""), "key root: valid"},
    {"approvals bind a root key",
        BASE "grants: {g: {users: [1], keys: [root], approvals:"
             " {count: 1, users: [8]}}}\n",
        "one person alone"},
    {"enough approvers beside who asks",
        GRANTS("  g: {users: [8], keys: [root], approvals: {count: 1, users: [8, 9]}}\n"),
        "approvals of grant g"},
    {"tags of a repository that is pinned",
        GRANTS("  g: {users: [1], keys: [single], tags: [a]}\n") "roots: {r.io/a: [" ID "]}\n",
        "'tags'"},
    {"different people", GRANTS("  g: {users: [1], keys: [single], quota: 1/1h}\n"),
        "does not narrow"},
    {"different doors",
        GRANTS("  g: {sockets: [ci], users: [99], keys: [single], quota: 1/1h}\n") SOCKET("0600"),
        "does not narrow"},
    {"different keys",
        GRANTS("  g: {users: [1], keys: [single], quota: 1/1h}\n"
               "  h: {users: [1], keys: [wide]}\n"),
        "does not narrow"},
    {"a grant that is narrower still",
        GRANTS("  g: {users: [1], keys: [single], quota: 1/1h}\n"
               "  h: {users: [1], keys: [single], quota: 1/1h, tags: [a]}\n"),
        "grant g: '"},
};

static void
test_does_not_warn_of_what_is_meant(void **state)
{
    for (size_t i = 0; i < N_ELEMENTS(certain); i++) {
        closing(bytes_done) struct bytes b = BYTES_INIT(64 * 1024);
        describe(*state, &b, certain[i].text);
        const char *warnings = strstr(bytes_text(&b), "\nwarnings\n");
        if (warnings && strstr(warnings, certain[i].unwanted))
            fail_msg("%s:%s", certain[i].says, warnings);
    }
}

/* Each of 128 grants adds its quota to those of all others. */
static void
test_bounds_warnings(void **state)
{
    closing(bytes_done) struct bytes policy = BYTES_INIT(POLICY_FILE_MAX_BYTES);
    closing(bytes_done) struct bytes b = BYTES_INIT(4 * 1024 * 1024);

    bytes_puts(&policy, BASE "grants:\n");
    for (int i = 0; i < 128; i++)
        bytes_printf(&policy, "  g%d: {groups: [5], keys: [single, root, wide], quota: 1/1h}\n", i);
    describe(*state, &b, bytes_text(&policy));
    assert_non_null(strstr(bytes_text(&b), "\n  and "));
    assert_non_null(strstr(bytes_text(&b), " more warnings\n"));
}

static void
test_warns_of_units_where_the_kernel_does_not_tell_them(void **state)
{
    closing(bytes_done) struct bytes b = BYTES_INIT(64 * 1024);

    describe(*state, &b, GRANTS("  g: {users: [1], keys: [single], unit: a.service}\n"));
    assert_int_equal(strstr(bytes_text(&b), "grant g: 'unit' matches nobody here") == NULL,
        peer_unit_is_supported());
}

#define IN_A_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_DIRECTORY(test_says_the_same_whatever_the_order),
        IN_A_DIRECTORY(test_says_where_nobody_may_sign),
        IN_A_DIRECTORY(test_warns_of_what_is_probably_not_meant),
        IN_A_DIRECTORY(test_does_not_warn_of_what_is_meant),
        IN_A_DIRECTORY(test_bounds_warnings),
        IN_A_DIRECTORY(test_warns_of_units_where_the_kernel_does_not_tell_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
