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

/* Line 1 of most cases; the next ones give the keys and grants that a case is not about. */
#define TOKEN "tokens: {hsm: {module: /m.so, uri: \"pkcs11:token=a\"}}\n"
#define ROOT                                                                                       \
    "  root: {token: hsm, uri: \"pkcs11:id=%01\", scope: [{repositories: [r.io/**], roles: "       \
    "[root]}]}\n"
#define QA                                                                                         \
    "  qa: {token: hsm, uri: \"pkcs11:id=%02\", scope: [{repositories: [r.io/a], roles: "          \
    "[targets/qa]}]}\n"
#define KEYS             TOKEN "keys:\n" ROOT QA
#define TOKEN_WITH(rest) "tokens: {hsm: {module: /m.so, uri: \"pkcs11:token=a\", " rest "}}\n"
#define KEY_WITH(rest)   TOKEN "keys: {k: {" rest "}}\n"
#define AT               "token: hsm, uri: \"pkcs11:id=%01\", "
#define SCOPE            "scope: [{repositories: [r.io/a], roles: [targets]}]"
#define SCOPE_OF(repositories, roles)                                                              \
    KEY_WITH(AT "scope: [{repositories: " repositories ", roles: " roles "}]")
#define GRANT_WITH(rest) KEYS "grants: {g: {" rest "}}\n"

struct load_case {
    const char *says, *text, *want; /* want: NULL where it is taken */
};

static const struct load_case top_cases[] = {
    {"refuses a list", "- a\n", "policy.yaml:1:1: want a mapping, have a list"},
    {"refuses an unknown key", "foo: {}\n", "policy.yaml:1:1: unknown key 'foo' in a policy"},
    {"names the nearest known key", TOKEN "grant: {}\n",
        "policy.yaml:2:1: unknown key 'grant' in a policy; the nearest known one is 'grants'"},
    {"names a key with letters swapped", "tokesn: {}\n", "the nearest known one is 'tokens'"},
    {"refuses nothing as a section", "keys:\n", "1:1: want a mapping, have nothing"},
    {"refuses a merge key", "<<: {}\n", "unknown key '<<'"},
    {"takes a policy that grants nothing", "tokens: {}\n", NULL},
};

#define PATH_OF_10  "abcdefghij"
#define PATH_OF_50  PATH_OF_10 PATH_OF_10 PATH_OF_10 PATH_OF_10 PATH_OF_10
#define PATH_OF_100 PATH_OF_50 PATH_OF_50

static const struct load_case token_cases[] = {
    {"takes what a token needs", TOKEN, NULL},
    {"takes all of a token",
        TOKEN_WITH("serial: \"1\", pin: credential:hsm-pin, environment: {A_1: b}, workers: 64"),
        NULL},
    {"wants a module", "tokens: {hsm: {uri: \"pkcs11:token=a\"}}\n",
        "policy.yaml:1:10: 'hsm' has no 'module'"},
    {"wants a URI", "tokens: {hsm: {module: /m.so}}\n", "1:10: 'hsm' has no 'uri'"},
    {"wants an absolute module", "tokens: {hsm: {module: m.so, uri: \"pkcs11:token=a\"}}\n",
        "1:24: 'm.so' is no absolute path"},
    {"wants a PKCS#11 URI", "tokens: {hsm: {module: /m.so, uri: http://x}}\n",
        "1:36: uri 'http://x': it does not begin with pkcs11:"},
    {"refuses a PIN in the URI",
        "tokens: {hsm: {module: /m.so, uri: \"pkcs11:token=a?pin-value=1\"}}\n",
        "nothing after '?'"},
    {"refuses an unknown key", TOKEN_WITH("workres: 1"),
        "unknown key 'workres' in a token; the nearest known one is 'workers'"},
    {"takes a worker in a unit of its own",
        TOKEN_WITH("worker: /run/w, pin: file:/no/such, workers: 2"), NULL},
    {"refuses a worker whose path is relative", TOKEN_WITH("worker: w"), "'w' is no absolute path"},
    {"refuses a worker whose path no socket can have",
        TOKEN_WITH("worker: /" PATH_OF_100 "/123456"), "longer than a socket's path can be, 107"},
    {"takes a token with a network", TOKEN_WITH("network: true"), NULL},
    {"refuses a network for a worker in a unit", TOKEN_WITH("network: true, worker: /run/w"),
        "beside 'worker', 'network' is what the unit of that socket says"},
    {"refuses an environment for a worker in a unit",
        TOKEN_WITH("environment: {A: b}, worker: /run/w"),
        "beside 'worker', 'environment' is what the unit of that socket says"},
    {"refuses a name with a slash", "tokens: {a/b: {}}\n", "1:10: 'a/b' is no name"},
    {"refuses a name with a dot in front", "tokens: {.a: {}}\n", "'.a' is no name"},
    {"refuses a serial that is a number", TOKEN_WITH("serial: 123"), "'123' is no text in YAML"},
    {"refuses no workers", TOKEN_WITH("workers: 0"), "0 is not within 1 to 64"},
    {"refuses too many workers", TOKEN_WITH("workers: 65"), "65 is not within 1 to 64"},
    {"refuses workers in quotes", TOKEN_WITH("workers: \"4\""), "want a number in plain digits"},
    {"refuses workers in base 8", TOKEN_WITH("workers: 04"), "a leading zero"},
    {"takes a PIN that is asked for", TOKEN_WITH("pin: prompt"), NULL},
    {"takes the longest timeout", TOKEN_WITH("timeout: 5m"), NULL},
    {"refuses a longer timeout", TOKEN_WITH("timeout: 301s"), "301 is not within 1 to 300"},
    {"refuses no timeout", TOKEN_WITH("timeout: 0s"), "0 is not within 1 to 300"},
    {"refuses a timeout without unit", TOKEN_WITH("timeout: 30"),
        "'30' has no unit: want 30s or 2m"},
    {"refuses a timeout in days", TOKEN_WITH("timeout: 1d"), "'1d' is no time: want 30s or 2m"},
    {"refuses a PIN in the policy", TOKEN_WITH("pin: \"1234\""), "has no place in a policy"},
    {"refuses a PIN file that is relative", TOKEN_WITH("pin: file:x"), "'x' is no absolute path"},
    {"refuses a PIN file that is not there", TOKEN_WITH("pin: file:/no/such"), "does not exist"},
    {"refuses a credential with a path", TOKEN_WITH("pin: credential:a/b"), "no name of a cred"},
    {"refuses a credential without name", TOKEN_WITH("pin: \"credential:\""), "no name of a cred"},
    {"refuses a variable with a hyphen", TOKEN_WITH("environment: {A-B: c}"),
        "'A-B' is no name of"},
    {"refuses a variable with a digit in front", TOKEN_WITH("environment: {1A: c}"), "'1A' is no"},
    {"refuses a variable that is a boolean", TOKEN_WITH("environment: {A: yes}"),
        "'yes' is no text"},
};

static const struct load_case key_cases[] = {
    {"takes the short form", KEY_WITH(AT SCOPE), NULL},
    {"takes places", KEY_WITH("at: [{token: hsm, uri: \"pkcs11:id=%01\"}], " SCOPE), NULL},
    {"takes roles of one rank", SCOPE_OF("[r.io/**]", "[targets/qa, targets/*]"), NULL},
    {"takes the snapshot role", SCOPE_OF("[r.io/a]", "[snapshot]"), NULL},
    {"wants a place", KEY_WITH(SCOPE), "policy.yaml:2:8: 'k' has no 'token'"},
    {"wants a URI", KEY_WITH("token: hsm, " SCOPE), "2:8: 'k' has no 'uri'"},
    {"wants a scope", KEY_WITH("token: hsm, uri: \"pkcs11:id=%01\""), "'k' has no 'scope'"},
    {"refuses both forms", KEY_WITH("at: [], " AT SCOPE), "not both"},
    {"refuses no places", KEY_WITH("at: [], " SCOPE), "2:16: an empty list"},
    {"refuses a place without URI", KEY_WITH("at: [{token: hsm}], " SCOPE),
        "want a token and a uri"},
    {"refuses a token that is not there", KEY_WITH("token: hms, uri: \"pkcs11:id=%01\", " SCOPE),
        "there is no token 'hms'"},
    {"refuses a URI that names no key", KEY_WITH("token: hsm, uri: \"pkcs11:token=a\", " SCOPE),
        "belongs into the uri of the token"},
    {"refuses two keys in one place", TOKEN "keys:\n  a: {" AT SCOPE "}\n  b: {" AT SCOPE "}\n",
        "4:3: 'b' is at 'pkcs11:id=%01' of token 'hsm', and so is 'a'"},
    {"refuses no scopes", KEY_WITH(AT "scope: []"), "an empty list"},
    {"refuses a scope that is no list", KEY_WITH(AT "scope: {}"), "want a list"},
    {"refuses a scope without roles", KEY_WITH(AT "scope: [{repositories: [r.io/a]}]"),
        "want repositories and roles"},
    {"refuses no repositories", SCOPE_OF("[]", "[targets]"), "an empty list"},
    {"refuses no roles", SCOPE_OF("[r.io/a]", "[]"), "an empty list"},
    {"refuses one repository that is no list", SCOPE_OF("r.io/a", "[targets]"), "want a list"},
    {"refuses a repository twice", SCOPE_OF("[r.io/a, r.io/a]", "[targets]"),
        "'r.io/a' is there twi"},
    {"refuses a repository that is not normal", SCOPE_OF("[alpine]", "[targets]"),
        "'alpine' matches nothing, as its normal form is 'docker.io/library/alpine'"},
    {"refuses a pattern that is none", SCOPE_OF("[r.io/***]", "[targets]"), "three stars"},
    {"refuses the role timestamp", SCOPE_OF("[r.io/a]", "[timestamp]"), "is never signed"},
    {"refuses a pattern of base roles", SCOPE_OF("[r.io/a]", "[\"t*\"]"), "'t*' is no role"},
    {"refuses a pattern of everything", SCOPE_OF("[r.io/a]", "[\"**\"]"), "'**' is no role"},
    {"refuses a pattern that reaches targets", SCOPE_OF("[r.io/a]", "[\"targets*\"]"),
        "is no role"},
    {"refuses a role that is none", SCOPE_OF("[r.io/a]", "[qa]"), "'qa' is no role"},
    {"refuses capitals in a role", SCOPE_OF("[r.io/a]", "[targets/QA]"), "'targets/QA' is no role"},
    {"refuses capitals in a pattern", SCOPE_OF("[r.io/a]", "[targets/Q*]"), "matches no role"},
    {"refuses an empty component", SCOPE_OF("[r.io/a]", "[targets//*]"), "matches no role"},
    {"refuses two ranks in one scope", SCOPE_OF("[r.io/a]", "[targets, targets/qa]"),
        "'targets/qa' and 'targets' are of different ranks"},
    {"refuses two ranks in two scopes",
        KEY_WITH(AT "scope: [{repositories: [r.io/a], roles: [targets/*]},"
                    " {repositories: [r.io/b], roles: [root]}]"),
        "'root' and 'targets/*' are of different ranks"},
    {"refuses a certificate that is not there", KEY_WITH(AT SCOPE ", certificate: no.pem"),
        "no.pem does not exist"},
};

static const struct load_case grant_cases[] = {
    {"takes a user and a key", GRANT_WITH("users: [alice, 1007], keys: [qa]"), NULL},
    {"takes names in quotes", GRANT_WITH("groups: [\"domain users\", \"yes\"], keys: [qa]"), NULL},
    {"takes everything",
        GRANT_WITH("users: [0], groups: [0], keys: [root], delegate: true, max_validity: 2w,"
                   " repositories: [r.io/a*]"),
        NULL},
    {"wants keys", GRANT_WITH("users: [alice]"), "policy.yaml:5:10: 'g' has no 'keys'"},
    {"wants somebody", GRANT_WITH("keys: [qa]"), "5:10: 'g' has neither 'users' nor 'groups' nor"},
    {"refuses no users", GRANT_WITH("users: [], keys: [qa]"), "5:21: an empty list"},
    {"refuses no groups", GRANT_WITH("users: [a], groups: [], keys: [qa]"), "an empty list"},
    {"refuses no keys", GRANT_WITH("users: [a], keys: []"), "an empty list"},
    {"refuses a key that is not there", GRANT_WITH("users: [a], keys: [qq]"), "no key 'qq'"},
    {"refuses a key twice", GRANT_WITH("users: [a], keys: [qa, qa]"), "'qa' is there twice"},
    {"refuses a user twice", GRANT_WITH("users: [a, a], keys: [qa]"), "'a' is there twice"},
    {"refuses a number in quotes", GRANT_WITH("users: [\"1\"], keys: [qa]"), "'1' in quotes"},
    {"refuses a number in base 8", GRANT_WITH("users: [010], keys: [qa]"), "a leading zero"},
    {"refuses a number in base 16", GRANT_WITH("users: [0x10], keys: [qa]"), "'0x10' is no text"},
    {"refuses a negative number", GRANT_WITH("users: [-1], keys: [qa]"), "'-1' is no text"},
    {"takes the last uid", GRANT_WITH("users: [4294967294], keys: [qa]"), NULL},
    {"refuses the uid behind the last", GRANT_WITH("users: [4294967295], keys: [qa]"),
        "4294967295 is not within 0 to 4294967294"},
    {"refuses a boolean as a user", GRANT_WITH("users: [no], keys: [qa]"), "'no' is no text"},
    {"refuses an entry of NIS", GRANT_WITH("users: [\"+\"], keys: [qa]"),
        "'+' is no name of a user"},
    {"refuses a colon", GRANT_WITH("groups: [\"a:b\"], keys: [qa]"), "is no name of a group"},
    {"refuses yes", GRANT_WITH("users: [a], keys: [qa], delegate: yes"),
        "want true or false, have 'yes'"},
    {"refuses True", GRANT_WITH("users: [a], keys: [qa], delegate: True"), "have 'True'"},
    {"refuses true in quotes", GRANT_WITH("users: [a], keys: [qa], delegate: \"true\""),
        "have 'true' in quotes"},
    {"refuses 1", GRANT_WITH("users: [a], keys: [qa], delegate: 1"), "have '1'"},
    {"explains why roles cannot narrow", GRANT_WITH("users: [a], keys: [qa], roles: [targets/qa]"),
        "'roles' cannot narrow a grant: what is signed names neither repository nor role"},
    {"explains why repositories cannot narrow",
        GRANT_WITH("users: [a], keys: [root, qa], repositories: [r.io/a]"),
        "valid in the whole scope of its key; narrow the scope of the key instead (key 'qa'"},
    {"refuses no repositories", GRANT_WITH("users: [a], keys: [root], repositories: []"),
        "an empty"},
    {"refuses an unknown key", GRANT_WITH("user: [a], keys: [qa]"), "nearest known one is 'users'"},
};

#define VALID_FOR(time) GRANT_WITH("users: [a], keys: [qa], max_validity: " time)

static const struct load_case validity_cases[] = {
    {"takes hours", VALID_FOR("12h"), NULL},
    {"takes a century", VALID_FOR("36500d"), NULL},
    {"refuses more than a century", VALID_FOR("36501d"),
        "'36501d': 36501 is not within 1 to 36500"},
    {"refuses what overflows", VALID_FOR("99999999999999999999d"), "integer out of range"},
    {"refuses nothing", VALID_FOR("0d"), "0 is not within"},
    {"refuses a number without unit", VALID_FOR("90"), "'90' has no unit"},
    {"refuses a unit without number", VALID_FOR("d"), "'d' is no time"},
    {"refuses another unit", VALID_FOR("90m"), "'90m' is no time"},
    {"refuses a sum", VALID_FOR("1w2d"), "'1w2d' is no time"},
    {"refuses a negative time", VALID_FOR("-1d"), "'-1d' is no time"},
};

static const struct load_case admin_cases[] = {
    {"takes groups", "admins: {groups: [wheel]}\n", NULL},
    {"refuses nobody", "admins: {}\n", "policy.yaml:1:9: want 'users' or 'groups'"},
    {"refuses no users", "admins: {users: []}\n", "an empty list"},
    {"refuses an unknown key", "admins: {user: [a]}\n", "unknown key 'user' in admins"},
    {"refuses keys", "admins: {users: [a], keys: [a]}\n", "unknown key 'keys' in admins"},
};

static enum rc
load(const struct policy_fixture *f, struct policy **ret, struct why *why)
{
    return policy_load(ret, fixture_path(f, "policy.yaml"), why);
}

static void
check_cases(const struct policy_fixture *f, const struct load_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        closing(policy_unrefp) struct policy *policy = NULL;
        struct why why = {""};

        fixture_write(f, "policy.yaml", cases[i].text);
        enum rc rc = load(f, &policy, &why);
        if (!rc != !cases[i].want || (cases[i].want && !strstr(why.text, cases[i].want)))
            fail_msg("%s: %d '%s'", cases[i].says, rc, why.text);
        if (cases[i].want)
            assert_null(policy);
    }
}

static void
test_judges_the_top(void **state)
{
    check_cases(*state, top_cases, N_ELEMENTS(top_cases));
}

static void
test_judges_tokens(void **state)
{
    check_cases(*state, token_cases, N_ELEMENTS(token_cases));
}

static void
test_judges_keys(void **state)
{
    check_cases(*state, key_cases, N_ELEMENTS(key_cases));
}

static void
test_judges_grants(void **state)
{
    check_cases(*state, grant_cases, N_ELEMENTS(grant_cases));
    check_cases(*state, validity_cases, N_ELEMENTS(validity_cases));
    check_cases(*state, admin_cases, N_ELEMENTS(admin_cases));
}

static void
test_refuses_the_overflow_ids(void **state)
{
    const struct policy_fixture *f = *state;
    struct policy *policy = NULL;
    struct why why;
    char text[1024];

    snprintf(text, sizeof text, "%sgrants: {g: {users: [%u], keys: [qa]}}\n", KEYS,
        (unsigned)peer_overflow_uid());
    fixture_write(f, "policy.yaml", text);
    assert_int_equal(load(f, &policy, &why), RC_DENIED);
    assert_non_null(strstr(why.text, "policy.yaml:5:22: "));
    assert_non_null(strstr(why.text, "is the overflow ID"));
}

static void
test_bounds_tokens(void **state)
{
    const struct policy_fixture *f = *state;
    closing(policy_unrefp) struct policy *policy = NULL;
    closing(bytes_done) struct bytes text = BYTES_INIT(POLICY_FILE_MAX_BYTES);
    struct policy *none = NULL;
    struct why why;

    bytes_puts(&text, "tokens:\n");
    for (int i = 0; i < TOKENS_MAX; i++)
        bytes_printf(&text, "  t%d: {module: /m.so, uri: \"pkcs11:token=a\"}\n", i);
    fixture_write(f, "policy.yaml", bytes_text(&text));
    assert_int_equal(load(f, &policy, &why), RC_OK);
    assert_int_equal(policy->n_tokens, TOKENS_MAX);

    bytes_puts(&text, "  more: {module: /m.so, uri: \"pkcs11:token=a\"}\n");
    fixture_write(f, "policy.yaml", bytes_text(&text));
    assert_int_equal(load(f, &none, &why), RC_MALFORMED);
    assert_non_null(strstr(why.text, "more than 64 tokens"));
}

static void
test_joins_the_files_of_policy_d(void **state)
{
    const struct policy_fixture *f = *state;
    closing(policy_unrefp) struct policy *policy = NULL;
    struct why why;

    mkdir(fixture_path(f, "policy.d"), 0700);
    fixture_write(f, "policy.yaml", TOKEN "grants: {g: {users: [1007], keys: [qa]}}\n");
    fixture_write(f, "policy.d/keys.yaml", "keys:\n" QA);
    fixture_write(
        f, "policy.d/more.yaml", "keys:\n" ROOT "grants: {h: {users: [7], keys: [qa]}}\n");
    assert_int_equal(load(f, &policy, &why), RC_OK);
    assert_int_equal(policy->n_keys, 2);
    assert_int_equal(policy->n_grants, 2);
    assert_string_equal(policy->keys[0].name, "qa");
    assert_ptr_equal(policy->grants[1].keys[0], &policy->keys[0]);
}

static const struct load_case directory_cases[] = {
    {"refuses tokens", TOKEN, "policy.d/a.yaml:1:1: 'tokens' belongs into the policy's own file"},
    {"refuses admins", "admins: {users: [a]}\n", "'admins' belongs into the policy's own file"},
    {"refuses sockets", "sockets: {}\n", "'sockets' belongs into the policy's own file"},
    {"refuses roots", "roots: {}\n", "'roots' belongs into the policy's own file"},
    {"refuses a name that is taken", "keys:\n" QA,
        "policy.d/a.yaml:2:3: 'qa' is already there, at policy.yaml:4:3"},
    {"refuses an empty file", "", "policy.d/a.yaml:1:1: an empty file"},
};

static void
test_takes_only_keys_and_grants_from_policy_d(void **state)
{
    const struct policy_fixture *f = *state;

    mkdir(fixture_path(f, "policy.d"), 0700);
    fixture_write(f, "policy.yaml", KEYS);
    for (size_t i = 0; i < N_ELEMENTS(directory_cases); i++) {
        struct policy *policy = NULL;
        struct why why = {""};

        fixture_write(f, "policy.d/a.yaml", directory_cases[i].text);
        enum rc rc = load(f, &policy, &why);
        if (rc != RC_MALFORMED || !strstr(why.text, directory_cases[i].want))
            fail_msg("%s: %d '%s'", directory_cases[i].says, rc, why.text);
    }
}

static void
test_checks_the_files_that_it_names(void **state)
{
    const struct policy_fixture *f = *state;
    closing(policy_unrefp) struct policy *policy = NULL;
    struct policy *none = NULL;
    struct why why;
    char text[1024];

    fixture_write(f, "pin", "1234");
    snprintf(text, sizeof text, TOKEN_WITH("pin: file:%s/pin"), f->path);
    fixture_write(f, "policy.yaml", text);
    assert_int_equal(load(f, &policy, &why), RC_OK);
    assert_int_equal(policy->tokens[0].pin, POLICY_PIN_FILE);

    chmod(fixture_path(f, "pin"), 0640);
    assert_int_equal(load(f, &none, &why), RC_DENIED);
    assert_non_null(strstr(why.text, "policy.yaml:1:59: "));
    assert_non_null(strstr(why.text, "has mode 0640, want 0400 or 0600"));
}

static const char certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBcTCCARegAwIBAgIUZjo4FrbqCfrQfiQquHlqYnLVIqMwCgYIKoZIzj0EAwIw\n"
    "DTELMAkGA1UEAwwCcWEwIBcNMjYxMTIzMTczNjQwWhgPMjEyNjEwMzAxNzM2NDBa\n"
    "MA0xCzAJBgNVBAMMAnFhMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaYRj++EA\n"
    "Dg81orc/NOLswDaYTT2+RI+PfXk6AXBu7LyNvj0PylmiL1YNQ1xxJKEz2ecknWE5\n"
    "iCFuV0SDZKveXKNTMFEwHQYDVR0OBBYEFLReSVzKB3UDBD05X3MZOSNsILvEMB8G\n"
    "A1UdIwQYMBaAFLReSVzKB3UDBD05X3MZOSNsILvEMA8GA1UdEwEB/wQFMAMBAf8w\n"
    "CgYIKoZIzj0EAwIDSAAwRQIgOnHTJSCqit+3XW9W8wJkST4/H5+OIeocgn75rEq/\n"
    "EJMCIQDHs6029gfSW5QMqkh0XqRjE0HISVS6sRDYdtMDCLUSFA==\n"
    "-----END CERTIFICATE-----\n";

static const char public_key[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaYRj++EADg81orc/NOLswDaYTT2+\n"
    "RI+PfXk6AXBu7LyNvj0PylmiL1YNQ1xxJKEz2ecknWE5iCFuV0SDZKveXA==\n"
    "-----END PUBLIC KEY-----\n";

static void
test_reads_certificates(void **state)
{
    static const struct {
        const char *pem, *want;
    } refused[] = {
        {"no PEM at all\n", "policy.yaml:2:"},
        {public_key, "'certs/qa.pem' has a public key, want a certificate"},
    };
    const struct policy_fixture *f = *state;
    closing(policy_unrefp) struct policy *policy = NULL;
    struct policy *none = NULL;
    struct why why;

    mkdir(fixture_path(f, "certs"), 0700);
    fixture_write(f, "policy.yaml", KEY_WITH(AT SCOPE ", certificate: certs/qa.pem"));
    fixture_write(f, "certs/qa.pem", certificate);
    assert_int_equal(load(f, &policy, &why), RC_OK);
    assert_true(pubkey_is_x509(policy->keys[0].certificate));

    for (size_t i = 0; i < N_ELEMENTS(refused); i++) {
        fixture_write(f, "certs/qa.pem", refused[i].pem);
        assert_int_equal(load(f, &none, &why), RC_MALFORMED);
        assert_non_null(strstr(why.text, refused[i].want));
    }
}

static void
test_makes_the_owner_of_an_own_policy_its_admin(void **state)
{
    const struct policy_fixture *f = *state;
    closing(policy_unrefp) struct policy *own = NULL;
    closing(policy_unrefp) struct policy *with_admins = NULL;
    const struct peer user = {.uid = 1234, .gid = 1234}, other = {.uid = 1, .gid = 1};
    struct why why;

    if (geteuid() != 0)
        skip();

    fixture_write(f, "policy.yaml", TOKEN);
    assert_int_equal(chown(fixture_path(f, "policy.yaml"), 1234, 0), 0);
    assert_int_equal(chown(f->path, 1234, 0), 0);
    assert_int_equal(seteuid(1234), 0);
    enum rc rc = load(f, &own, &why);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(rc, RC_OK);
    assert_true(policy_is_admin(own, &user));
    assert_false(policy_is_admin(own, &other));

    assert_int_equal(chown(f->path, 0, 0), 0);
    fixture_write(f, "policy.yaml", "admins: {users: [1]}\n");
    assert_int_equal(load(f, &with_admins, &why), RC_OK);
    assert_false(policy_is_admin(with_admins, &user));
    assert_true(policy_is_admin(with_admins, &other));
}

static void
test_gives_nobody_admin_rights_over_the_policy_of_root(void **state)
{
    const struct policy_fixture *f = *state;
    closing(policy_unrefp) struct policy *policy = NULL;
    const struct peer root = {.uid = 0}, user = {.uid = 1234};
    struct why why;

    if (geteuid() != 0)
        skip();

    fixture_write(f, "policy.yaml", TOKEN);
    assert_int_equal(load(f, &policy, &why), RC_OK);
    assert_false(policy_is_admin(policy, &root));
    assert_false(policy_is_admin(policy, &user));
}

#define IN_A_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_DIRECTORY(test_judges_the_top),
        IN_A_DIRECTORY(test_judges_tokens),
        IN_A_DIRECTORY(test_judges_keys),
        IN_A_DIRECTORY(test_judges_grants),
        IN_A_DIRECTORY(test_refuses_the_overflow_ids),
        IN_A_DIRECTORY(test_bounds_tokens),
        IN_A_DIRECTORY(test_joins_the_files_of_policy_d),
        IN_A_DIRECTORY(test_takes_only_keys_and_grants_from_policy_d),
        IN_A_DIRECTORY(test_checks_the_files_that_it_names),
        IN_A_DIRECTORY(test_reads_certificates),
        IN_A_DIRECTORY(test_makes_the_owner_of_an_own_policy_its_admin),
        IN_A_DIRECTORY(test_gives_nobody_admin_rights_over_the_policy_of_root),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
