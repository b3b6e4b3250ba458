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

/* The first six lines of every case. "one" is valid in one place, "two" and "star" are not. */
#define KEY(name, id, repository, roles)                                                           \
    "  " name ": {token: hsm, uri: \"pkcs11:id=%" id "\", scope: [{repositories: [" repository     \
    "], roles: [" roles "]}]}\n"
#define KEYS                                                                                       \
    "tokens: {hsm: {module: /m.so, uri: \"pkcs11:token=a\"}}\n"                                    \
    "keys:\n" KEY("root", "01", "r.io/**", "root") KEY("one", "02", "r.io/a", "targets/qa")        \
        KEY("two", "03", "r.io/a", "targets/qa, targets/dev")                                      \
            KEY("star", "04", "r.io/*", "targets")
#define GRANT(rest)       KEYS "grants: {g: {users: [7], " rest "}}\n"
#define APPROVALS(rest)   GRANT("keys: [one], approvals: {" rest "}")
#define SOCKET(rest)      "sockets: {ci: {" rest "}}\n"
#define CI                "  ci: {path: /run/ci.sock, mode: \"0600\"}\n"
#define AT_DOORS(sockets) KEYS "sockets:\n" CI "grants: {g: {sockets: " sockets ", keys: [one]}}\n"

#define PATH_50 "/23456789/23456789/23456789/23456789/23456789"
#define UNIT_50 "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghij"
#define ID      "0b6101527b2ac766702e4b40aa2391805b70e5031c04714c748f914e89014403"
#define ID_2    "1b6101527b2ac766702e4b40aa2391805b70e5031c04714c748f914e89014403"

struct limit_case {
    const char *says, *text, *want; /* want: NULL where it is taken */
};

static const struct limit_case socket_cases[] = {
    {"takes a path and a mode", SOCKET("path: /run/a.sock, mode: \"0660\""), NULL},
    {"takes none", "sockets: {}\n", NULL},
    {"refuses a list", "sockets: [a]\n", "policy.yaml:1:10: want a mapping, have a list"},
    {"wants a path", SOCKET("mode: \"0600\""), "policy.yaml:1:11: 'ci' has no 'path'"},
    {"wants a mode", SOCKET("path: /a"), "policy.yaml:1:11: 'ci' has no 'mode'"},
    {"refuses a path that is relative", SOCKET("path: a/b, mode: \"0600\""),
        "1:22: 'a/b' is no absolute path"},
    {"refuses a slash at the end", SOCKET("path: /a/, mode: \"0600\""), "is no normal path"},
    {"refuses two slashes", SOCKET("path: //a, mode: \"0600\""), "is no normal path"},
    {"refuses a dot", SOCKET("path: /a/./b, mode: \"0600\""), "is no normal path"},
    {"refuses a dot at the end", SOCKET("path: /a/., mode: \"0600\""), "is no normal path"},
    {"refuses two dots", SOCKET("path: /a/../b, mode: \"0600\""), "is no normal path"},
    {"refuses two dots at the end", SOCKET("path: /.., mode: \"0600\""), "is no normal path"},
    {"takes a hidden file", SOCKET("path: /a/..b, mode: \"0600\""), NULL},
    {"takes the longest path", SOCKET("path: " PATH_50 PATH_50 "/2345678901234567, mode: \"0600\""),
        NULL},
    {"refuses a path that no socket can have",
        SOCKET("path: " PATH_50 PATH_50 "/23456789012345678, mode: \"0600\""),
        "longer than a socket's path can be, 107 bytes"},
    {"refuses a mode without quotes", SOCKET("path: /a, mode: 0600"),
        "1:32: 0600 without quotes: YAML 1.1 reads it in base 8"},
    {"refuses another mode", SOCKET("path: /a, mode: \"0640\""), "'0640' is no mode of a socket"},
    {"refuses a mode with more bits", SOCKET("path: /a, mode: \"04666\""), "is no mode"},
    {"refuses a mode in letters", SOCKET("path: /a, mode: rw"), "'rw' is no mode"},
    {"refuses an unknown key", SOCKET("paht: /a"), "the nearest known one is 'path'"},
    {"refuses the name of the main socket", "sockets: {agent: {path: /a, mode: \"0600\"}}\n",
        "1:11: 'agent' is the name of the main socket"},
    {"refuses a name with a slash", "sockets: {a/b: {}}\n", "1:11: 'a/b' is no name"},
    {"refuses two sockets with one path",
        "sockets:\n" CI "  b: {path: /run/ci.sock, mode: \"0666\"}\n",
        "3:13: '/run/ci.sock' is the path of socket 'ci' as well"},
    {"takes a grant at a door, for nobody by name", AT_DOORS("[ci]"), NULL},
    {"refuses a door that is not there", AT_DOORS("[cc]"), "there is no socket 'cc'"},
    {"refuses a door twice", AT_DOORS("[ci, ci]"), "'ci' is there twice"},
    {"refuses no doors", AT_DOORS("[]"), "an empty list"},
    {"refuses a door that is no list", AT_DOORS("ci"), "want a list"},
    {"refuses the main door", AT_DOORS("[agent]"),
        "'agent' is the main socket, where grants without 'sockets' apply"},
};

static const struct limit_case root_cases[] = {
    {"takes an ID as it is", "roots: {r.io/**: [" ID "]}\n", NULL},
    {"takes IDs in quotes", "roots: {\"r.io/**\": [\"" ID "\", " ID_2 "]}\n", NULL},
    {"refuses nothing", "roots: {r.io/**: []}\n", "policy.yaml:1:18: an empty list"},
    {"refuses one ID that is no list", "roots: {r.io/**: " ID "}\n", "1:18: want a list"},
    {"refuses an ID twice", "roots: {r.io/**: [" ID ", " ID "]}\n", "is there twice"},
    {"refuses a short ID", "roots: {r.io/**: [0b61]}\n", "1:19: '0b61': "},
    {"refuses capitals",
        "roots: {r.io/**: [0B6101527b2ac766702e4b40aa2391805b70e5031c04714c748f91"
        "4e89014403]}\n",
        "1:19: "},
    {"refuses a list in a list", "roots: {r.io/**: [[]]}\n", "want the canonical ID of a key"},
    {"refuses a repository that is not normal", "roots: {alpine: [" ID "]}\n",
        "1:9: 'alpine' matches nothing, as its normal form is 'docker.io/library/alpine'"},
    {"refuses a pattern that is none", "roots: {\"r.io/***\": [" ID "]}\n", "three stars"},
    {"refuses a pattern twice", "roots: {r.io/a: [" ID "], r.io/a: [" ID_2 "]}\n", "r.io/a"},
    {"refuses a list of roots", "roots: [a]\n", "1:8: want a mapping, have a list"},
};

static const struct limit_case quota_cases[] = {
    {"takes documents and a time", GRANT("keys: [one], quota: 200/1h"), NULL},
    {"takes a quota in quotes", GRANT("keys: [one], quota: \"1/15m\""), NULL},
    {"takes the largest quota", GRANT("keys: [one], quota: 100000/31d"), NULL},
    {"refuses more", GRANT("keys: [one], quota: 100001/1h"),
        "policy.yaml:7:46: '100001/1h': 100001 is not within 1 to 100000"},
    {"refuses no documents", GRANT("keys: [one], quota: 0/1h"), "0 is not within 1 to 100000"},
    {"refuses a longer time", GRANT("keys: [one], quota: 1/32d"),
        "7:46: '32d': 32 is not within 1 to 31"},
    {"refuses no time", GRANT("keys: [one], quota: 1/0h"), "0 is not within"},
    {"refuses seconds", GRANT("keys: [one], quota: 1/60s"), "'60s' is no time"},
    {"refuses a time without number", GRANT("keys: [one], quota: 1/h"), "'h' is no time"},
    {"refuses a time without unit", GRANT("keys: [one], quota: 1/60"), "'60' has no unit"},
    {"refuses a number", GRANT("keys: [one], quota: 200"), "'200' is no text in YAML"},
    {"refuses a word", GRANT("keys: [one], quota: many"), "'many' is no quota"},
    {"refuses nothing before the slash", GRANT("keys: [one], quota: /1h"), "'/1h': "},
    {"refuses nothing behind the slash", GRANT("keys: [one], quota: 1/"), "7:46: "},
    {"refuses two slashes", GRANT("keys: [one], quota: 1/1h/1h"), "'1h/1h' is no time"},
    {"refuses a sign", GRANT("keys: [one], quota: -1/1h"), "7:46: '-1/1h': "},
    {"refuses a list", GRANT("keys: [one], quota: [1/1h]"), "want text, have a list"},
};

static const struct limit_case tag_cases[] = {
    {"takes patterns", GRANT("keys: [one], tags: [\"nightly-*\", latest]"), NULL},
    {"refuses nothing", GRANT("keys: [one], tags: []"), "policy.yaml:7:45: an empty list"},
    {"refuses a pattern twice", GRANT("keys: [one], tags: [a, a]"), "'a' is there twice"},
    {"refuses a pattern that is none", GRANT("keys: [one], tags: [\"***\"]"), "three stars"},
    {"refuses a number", GRANT("keys: [one], tags: [1.0]"), "'1.0' is no text in YAML"},
    {"refuses two roles, and says why", GRANT("keys: [two], tags: [a]"),
        "7:45: 'tags' need a key whose scope is one repository and one role, without patterns: "
        "what key 'two' signs could be published elsewhere in its scope"},
    {"refuses a pattern of repositories", GRANT("keys: [star], tags: [a]"), "key 'star' signs"},
    {"refuses one such key of several", GRANT("keys: [one, star], tags: [a]"), "key 'star' signs"},
};

static const struct limit_case unit_cases[] = {
    {"takes a service", GRANT("keys: [one], unit: nightly.service"), NULL},
    {"takes a scope", GRANT("keys: [one], unit: session-3.scope"), NULL},
    {"takes an instance", GRANT("keys: [one], unit: user@1000.service"), NULL},
    {"takes an escaped name", GRANT("keys: [one], unit: \"a\\\\x2db.service\""), NULL},
    {"refuses a template", GRANT("keys: [one], unit: build@.service"),
        "policy.yaml:7:45: 'build@.service' is a template, in which nothing runs"},
    {"refuses an instance of nothing", GRANT("keys: [one], unit: \"@a.service\""), "is no name"},
    {"refuses no kind", GRANT("keys: [one], unit: nightly"),
        "'nightly' is no name of a unit that ends with .service or .scope"},
    {"refuses another kind", GRANT("keys: [one], unit: user.slice"), "ends with .service"},
    {"refuses a kind only", GRANT("keys: [one], unit: .service"), "is no name of a unit"},
    {"refuses a pattern", GRANT("keys: [one], unit: \"nightly-*.service\""), "want a whole name"},
    {"refuses a path", GRANT("keys: [one], unit: a/b.service"), "want a whole name"},
    {"takes the longest name",
        GRANT("keys: [one], unit: " UNIT_50 UNIT_50 UNIT_50 UNIT_50
              "abcdefghijabcdefghijabcdefghijabcdefghijabcdefg.service"),
        NULL},
    {"refuses a longer one",
        GRANT("keys: [one], unit: " UNIT_50 UNIT_50 UNIT_50 UNIT_50
              "abcdefghijabcdefghijabcdefghijabcdefghijabcdefgh.service"),
        "a unit's name of 256 bytes, the limit is 255"},
};

static const struct limit_case approvals_cases[] = {
    {"takes a group", APPROVALS("count: 1, groups: [security]"), NULL},
    {"takes users too", APPROVALS("count: 16, groups: [security], users: [8]"), NULL},
    {"wants a count", APPROVALS("groups: [security]"), "policy.yaml:7:50: want a 'count'"},
    {"wants somebody", APPROVALS("count: 1"), "7:50: want 'groups' or 'users' who may approve"},
    {"refuses a count of none", APPROVALS("count: 0, users: [8]"), "0 is not within 1 to 16"},
    {"refuses a higher count", APPROVALS("count: 17, users: [8]"), "17 is not within 1 to 16"},
    {"refuses no groups", APPROVALS("count: 1, groups: []"), "an empty list"},
    {"refuses uid 0", APPROVALS("count: 1, users: [8, 0]"),
        "7:72: '0' is uid 0, which never approves"},
    {"refuses uid 0 by its name", APPROVALS("count: 1, users: [root]"), "'root' is uid 0"},
    {"refuses an unknown key", APPROVALS("count: 1, group: [a]"), "nearest known one is 'groups'"},
    {"refuses a number", GRANT("keys: [one], approvals: 1"), "want a mapping, have a single value"},
};

static enum rc
load(const struct policy_fixture *f, struct policy **ret, const char *text, struct why *why)
{
    fixture_write(f, "policy.yaml", text);
    return policy_load(ret, fixture_path(f, "policy.yaml"), why);
}

static void
check_cases(const struct policy_fixture *f, const struct limit_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        closing(policy_unrefp) struct policy *policy = NULL;
        struct why why = {""};

        enum rc rc = load(f, &policy, cases[i].text, &why);
        if (!rc != !cases[i].want || (cases[i].want && !strstr(why.text, cases[i].want)))
            fail_msg("%s: %d '%s'", cases[i].says, rc, why.text);
        if (cases[i].want)
            assert_null(policy);
    }
}

static void
test_judges_sockets(void **state)
{
    check_cases(*state, socket_cases, N_ELEMENTS(socket_cases));
}

static void
test_judges_roots(void **state)
{
    check_cases(*state, root_cases, N_ELEMENTS(root_cases));
}

static void
test_judges_quotas(void **state)
{
    check_cases(*state, quota_cases, N_ELEMENTS(quota_cases));
}

static void
test_judges_tags(void **state)
{
    check_cases(*state, tag_cases, N_ELEMENTS(tag_cases));
}

static void
test_judges_units(void **state)
{
    check_cases(*state, unit_cases, N_ELEMENTS(unit_cases));
}

static void
test_judges_approvals(void **state)
{
    check_cases(*state, approvals_cases, N_ELEMENTS(approvals_cases));
}

static void
test_knows_what_was_written(void **state)
{
    closing(policy_unrefp) struct policy *policy = NULL;
    struct why why;

    assert_int_equal(
        load(*state, &policy,
            KEYS "sockets:\n" CI "  b: {path: /b, mode: \"0666\"}\n"
                 "grants:\n"
                 "  g: {sockets: [b, ci], users: [7], keys: [one], quota: 200/2h, tags: [\"n-*\"],"
                 " unit: n.service, approvals: {count: 2, users: [8], groups: [9]}}\n"
                 "  h: {users: [7], keys: [two]}\n"
                 "roots: {\"r.io/**\": [" ID ", " ID_2 "], r.io/a: [" ID "]}\n",
            &why),
        RC_OK);

    assert_int_equal(policy->n_sockets, 2);
    assert_string_equal(policy->sockets[0].name, "ci");
    assert_string_equal(policy->sockets[0].path, "/run/ci.sock");
    assert_int_equal(policy->sockets[0].mode, 0600);
    assert_int_equal(policy->sockets[1].mode, 0666);

    const struct policy_grant *grant = &policy->grants[0];
    assert_int_equal(grant->n_sockets, 2);
    assert_ptr_equal(grant->sockets[0], &policy->sockets[1]);
    assert_int_equal(grant->quota.n, 200);
    assert_int_equal(grant->quota.window_s, 7200);
    assert_string_equal(grant->tags[0], "n-*");
    assert_string_equal(grant->unit, "n.service");
    assert_int_equal(grant->approvals.count, 2);
    assert_int_equal(grant->approvals.who.n_names, 2);

    const struct policy_grant *plain = &policy->grants[1];
    assert_null(plain->tags);
    assert_null(plain->unit);
    assert_int_equal(plain->n_sockets + plain->approvals.count, 0);
    assert_int_equal(plain->quota.n, 0);

    assert_int_equal(policy->n_roots, 2);
    assert_int_equal(policy_find_root(policy, "r.io/b")->n_keys, 2);
    assert_string_equal(policy_find_root(policy, "r.io/b")->keys[1].hex, ID_2);
    assert_int_equal(policy_find_root(policy, "r.io/a")->n_keys, 1);
    assert_null(policy_find_root(policy, "other.io/a"));
}

static void
test_leaves_its_place_to_the_main_socket(void **state)
{
    closing(policy_unrefp) struct policy *policy = NULL;
    struct why why;

    assert_int_equal(load(*state, &policy, "sockets:\n" CI, NULL), RC_OK);
    assert_int_equal(policy_check_main_socket(policy, "/run/main.sock", &why), RC_OK);
    assert_int_equal(policy_check_main_socket(policy, "/run/ci.sock", &why), RC_MALFORMED);
    assert_string_equal(why.text, "socket 'ci' is at '/run/ci.sock', where the main socket is");
}

static void
test_finds_the_closest_root(void **state)
{
    static const struct {
        const char *repository, *want;
    } cases[] = {
        {"r.io/shop/web", "r.io/shop/web"},
        {"r.io/shop/x", "r.io/shop/*"},
        {"r.io/shop/webs", "r.io/shop/web*"},
        {"r.io/shop/a/b", "r.io/**"},
        {"r.io/xaa", "r.io/*aa"}, /* before xa*, by name */
        {"q.io/b", "**"},
    };
    static const char *const texts[] = {
        "roots: {\"**\": [" ID "], r.io/**: [" ID "], r.io/shop/*: [" ID "], r.io/shop/web: [" ID
        "], r.io/shop/web*: [" ID "], r.io/xa*: [" ID "], \"r.io/*aa\": [" ID "]}\n",
        "roots: {\"r.io/*aa\": [" ID "], r.io/xa*: [" ID "], r.io/shop/web*: [" ID
        "], r.io/shop/web: [" ID "], r.io/shop/*: [" ID "], r.io/**: [" ID "], \"**\": [" ID "]}\n",
    };

    for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
        closing(policy_unrefp) struct policy *policy = NULL;
        assert_int_equal(load(*state, &policy, texts[i], NULL), RC_OK);
        for (size_t k = 0; k < N_ELEMENTS(cases); k++)
            assert_string_equal(
                policy_find_root(policy, cases[k].repository)->repositories, cases[k].want);
    }
}

static void
test_bounds_sockets(void **state)
{
    closing(policy_unrefp) struct policy *policy = NULL;
    closing(bytes_done) struct bytes text = BYTES_INIT(POLICY_FILE_MAX_BYTES);
    struct policy *none = NULL;
    struct why why;

    bytes_puts(&text, "sockets:\n");
    for (int i = 0; i < SOCKETS_MAX; i++)
        bytes_printf(&text, "  s%d: {path: /s%d, mode: \"0600\"}\n", i, i);
    assert_int_equal(load(*state, &policy, bytes_text(&text), &why), RC_OK);
    assert_int_equal(policy->n_sockets, SOCKETS_MAX);

    bytes_puts(&text, "  more: {path: /more, mode: \"0600\"}\n");
    assert_int_equal(load(*state, &none, bytes_text(&text), &why), RC_MALFORMED);
    assert_non_null(strstr(why.text, "policy.yaml:66:3: more than 64 sockets"));
}

#define IN_A_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_DIRECTORY(test_judges_sockets),
        IN_A_DIRECTORY(test_judges_roots),
        IN_A_DIRECTORY(test_judges_quotas),
        IN_A_DIRECTORY(test_judges_tags),
        IN_A_DIRECTORY(test_judges_units),
        IN_A_DIRECTORY(test_judges_approvals),
        IN_A_DIRECTORY(test_knows_what_was_written),
        IN_A_DIRECTORY(test_leaves_its_place_to_the_main_socket),
        IN_A_DIRECTORY(test_finds_the_closest_root),
        IN_A_DIRECTORY(test_bounds_sockets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
