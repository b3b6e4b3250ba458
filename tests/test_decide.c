/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/decide.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "proto/bounds.h"

#define NOW  INT64_C(1800000000)
#define DAY  INT64_C(86400)
#define REPO "registry.example.com/shop/web"

#define ID_QA       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_TARGETS  "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ID_ROOT     "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define ID_STRANGER "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"

#define UID_ALICE 1001 /* may use qa */
#define UID_ADMIN 1002 /* may use targets, and delegate */
#define UID_EVE   1003 /* may use targets, not delegate */
#define UID_OTHER 1004 /* may use root in another repository */

/* The world in which the cases are decided: three keys of one token, and grants on them. */
static char *shop[] = {"registry.example.com/shop/**"};
static char *everything[] = {"registry.example.com/**"};
static char *other[] = {"registry.example.com/other"};
static char *qa_roles[] = {"targets/qa", "targets/releases"};
static char *targets_roles[] = {"targets"};
static char *root_roles[] = {"root"};
static struct policy_token token = {.name = "hsm"};
static struct policy_place place = {.token = &token};
static struct policy_scope scopes[] = {
    {shop, 1, qa_roles, 2},
    {everything, 1, targets_roles, 1},
    {everything, 1, root_roles, 1},
};
static struct policy_key keys[] = {
    {.name = "qa",
        .rank = RANK_DELEGATION,
        .at = &place,
        .n_at = 1,
        .scope = &scopes[0],
        .n_scope = 1},
    {.name = "targets",
        .rank = RANK_TARGETS,
        .at = &place,
        .n_at = 1,
        .scope = &scopes[1],
        .n_scope = 1},
    {.name = "root", .rank = RANK_ROOT, .at = &place, .n_at = 1, .scope = &scopes[2], .n_scope = 1},
};
static const struct policy_key *qa_keys[] = {&keys[0]};
static const struct policy_key *targets_keys[] = {&keys[1]};
static const struct policy_key *root_keys[] = {&keys[2]};
static struct policy_name names[] = {
    {.name = "alice", .is_resolved = true, .id = UID_ALICE},
    {.name = "admin", .is_resolved = true, .id = UID_ADMIN},
    {.name = "eve", .is_resolved = true, .id = UID_EVE},
    {.name = "other", .is_resolved = true, .id = UID_OTHER},
};
static struct policy_grant grants[] = {
    {.name = "qa-team",
        .who = {&names[0], 1},
        .keys = qa_keys,
        .n_keys = 1,
        .max_validity_s = 90 * DAY},
    {.name = "repo-admin",
        .who = {&names[1], 1},
        .keys = targets_keys,
        .n_keys = 1,
        .delegate = true},
    {.name = "tagger", .who = {&names[2], 1}, .keys = targets_keys, .n_keys = 1},
    {.name = "ceremony",
        .who = {&names[3], 1},
        .keys = root_keys,
        .n_keys = 1,
        .repositories = other,
        .n_repositories = 1},
    {.name = "root-admin", .who = {&names[1], 1}, .keys = root_keys, .n_keys = 1},
};
static struct policy policy = {
    .keys = keys, .n_keys = 3, .grants = grants, .n_grants = N_ELEMENTS(grants), .n_refs = 1};

static struct decide_key states[] = {
    {.policy = &keys[0], .id = {ID_QA}, .token = "hsm", .detail = ""},
    {.policy = &keys[1], .id = {ID_TARGETS}, .token = "hsm", .detail = ""},
    {.policy = &keys[2], .id = {ID_ROOT}, .token = "hsm", .detail = ""},
};

static const struct keyid wants_qa[] = {{ID_QA}};
static const struct keyid wants_targets[] = {{ID_TARGETS}};
static const struct keyid wants_root[] = {{ID_ROOT}};
static const struct keyid wants_stranger[] = {{ID_STRANGER}};

/* The macros below say what is usual, and each case what is not. */
#pragma GCC diagnostic ignored "-Woverride-init"

/* A case: who asks for what, and what is known. */
struct plea {
    const char *says;
    uid_t uid;
    const char *repository, *role;
    enum rank rank;
    const struct keyid *wanted;
    int64_t version, expires_in;
    struct decide_known known;
    struct digest delegations;
    enum reason want; /* REASON_NONE: allowed */
};

#define QA(...)                                                                                    \
    .repository = REPO, .role = "targets/qa", .rank = RANK_DELEGATION, .wanted = wants_qa,         \
    .version = 8, .expires_in = 30 * DAY, .known = {.version = 7}, .uid = UID_ALICE, __VA_ARGS__
#define TARGETS(...)                                                                               \
    .repository = REPO, .role = "targets", .rank = RANK_TARGETS, .wanted = wants_targets,          \
    .version = 2, .expires_in = 30 * DAY, .known = {.version = 1}, __VA_ARGS__
#define ROOT(...)                                                                                  \
    .repository = REPO, .role = "root", .rank = RANK_ROOT, .wanted = wants_root,                   \
    .expires_in = 30 * DAY, __VA_ARGS__

/* Digests of delegations. */
#define NONE                                                                                       \
    {                                                                                              \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }
#define SOME                                                                                       \
    {                                                                                              \
        {                                                                                          \
            1                                                                                      \
        }                                                                                          \
    }
#define OTHERS                                                                                     \
    {                                                                                              \
        {                                                                                          \
            2                                                                                      \
        }                                                                                          \
    }
#define KNOWN(base, newest)                                                                        \
    {                                                                                              \
        .version = 1, .base_delegations = base, .newest_delegations = newest                       \
    }

static const struct plea pleas[] = {
    {"allows what a grant gives", QA(.want = REASON_NONE)},
    {"refuses a user whom no grant on the key names",
        QA(.uid = UID_EVE, .want = REASON_NOT_GRANTED)},
    {"refuses uid 0, which has no implicit right", QA(.uid = 0, .want = REASON_NOT_GRANTED)},
    {"refuses a key that the agent has not",
        QA(.wanted = wants_stranger, .want = REASON_NO_SUCH_KEY)},
    {"refuses a role outside the key's scope",
        QA(.role = "targets/devops", .want = REASON_KEY_OUTSIDE_SCOPE)},
    {"refuses a repository outside the key's scope",
        QA(.repository = "registry.example.com/bank/web", .want = REASON_KEY_OUTSIDE_SCOPE)},
    {"refuses a repository that is not in normal form",
        QA(.repository = "index.docker.io/alpine", .want = REASON_NOT_NORMAL)},
    {"allows a key's other role", QA(.role = "targets/releases", .want = REASON_NONE)},
    {"allows an expiry at the grant's bound", QA(.expires_in = 91 * DAY, .want = REASON_NONE)},
    {"refuses an expiry beyond the grant's bound",
        QA(.expires_in = 91 * DAY + 1, .want = REASON_VALIDITY)},
    {"allows an expiry at the default bound",
        TARGETS(.uid = UID_EVE, .expires_in = 1096 * DAY, .want = REASON_NONE)},
    {"refuses an expiry beyond the default bound",
        TARGETS(.uid = UID_EVE, .expires_in = 1096 * DAY + 1, .want = REASON_VALIDITY)},
    {"refuses an expiry that is now", QA(.expires_in = 0, .want = REASON_EXPIRED)},
    {"allows the same version with the same bytes",
        QA(.version = 7, .want = REASON_NONE)}, /* digests are all zero here */
    {"refuses a lower version", QA(.version = 6, .want = REASON_ROLLBACK)},
    {"refuses the same version with other bytes",
        QA(.version = 7, .known = {.version = 7, .digest = {{1}}}, .want = REASON_ROLLBACK)},
    {"allows a version at the bound of the step", QA(.version = 1007, .want = REASON_NONE)},
    {"refuses a version beyond it", QA(.version = 1008, .want = REASON_VERSION_JUMP)},
    {"refuses the last version that there is, which would end the role for ever",
        QA(.version = INTEGER_MAX, .want = REASON_VERSION_JUMP)},
    {"counts from what is published, however high that is",
        QA(.version = INTEGER_MAX, .known = {.version = INTEGER_MAX - VERSION_STEP_MAX},
            .want = REASON_NONE)},
    {"refuses to come back from there",
        QA(.version = 8, .known = {.version = INTEGER_MAX}, .want = REASON_ROLLBACK)},
    {"refuses a repository that only begins like the scope",
        QA(.repository = "registry.example.com/shopping", .want = REASON_KEY_OUTSIDE_SCOPE)},
    {"refuses the scope's own name without its slash",
        QA(.repository = "registry.example.com/shop", .want = REASON_KEY_OUTSIDE_SCOPE)},
    {"refuses another host that ends like the scope's",
        QA(.repository = "evil.registry.example.com/shop/web", .want = REASON_KEY_OUTSIDE_SCOPE)},
    {"refuses another port",
        QA(.repository = "registry.example.com:443/shop/web", .want = REASON_KEY_OUTSIDE_SCOPE)},
    {"refuses a name with a Cyrillic letter",
        QA(.repository = "registry.example.com/sh\xd0\xbep/web", .want = REASON_KEY_OUTSIDE_SCOPE)},
    {"refuses a tag behind the name", QA(.repository = REPO ":v1", .want = REASON_NOT_NORMAL)},
    {"refuses dots that lead into the scope",
        QA(.repository = "registry.example.com/bank/../shop/web", .want = REASON_NOT_NORMAL)},
    {"refuses a slash at the end", QA(.repository = REPO "/", .want = REASON_NOT_NORMAL)},
    {"refuses a role below the key's",
        QA(.role = "targets/qa/x", .want = REASON_KEY_OUTSIDE_SCOPE)},
    {"refuses a role that only begins like the key's",
        QA(.role = "targets/qaa", .want = REASON_KEY_OUTSIDE_SCOPE)},
    {"refuses a key of another grant of nobody's",
        QA(.uid = UID_ALICE, .wanted = wants_targets, .role = "targets", .rank = RANK_TARGETS,
            .want = REASON_NOT_GRANTED)},
    {"refuses a granted key for the document of another key",
        QA(.wanted = wants_qa, .role = "targets", .rank = RANK_TARGETS,
            .want = REASON_KEY_OUTSIDE_SCOPE)},
    {"counts from nothing where nothing was released",
        QA(.version = VERSION_STEP_MAX + 1, .known = {.version = 0}, .want = REASON_VERSION_JUMP)},
    {"allows delegations with the right to delegate",
        TARGETS(.uid = UID_ADMIN, .delegations = SOME, .want = REASON_NONE)},
    {"refuses delegations without it",
        TARGETS(.uid = UID_EVE, .delegations = SOME, .want = REASON_DELEGATION_RIGHT)},
    {"allows a document without delegations where there is no base",
        TARGETS(.uid = UID_EVE, .want = REASON_NONE)},
    {"allows the delegations of the base", TARGETS(.uid = UID_EVE, .delegations = SOME,
                                               .known = KNOWN(SOME, SOME), .want = REASON_NONE)},
    {"refuses other delegations than those of the base",
        TARGETS(.uid = UID_EVE, .delegations = OTHERS, .known = KNOWN(SOME, SOME),
            .want = REASON_DELEGATION_RIGHT)},
    {"refuses to take away the delegations of the base",
        TARGETS(.uid = UID_EVE, .known = KNOWN(SOME, SOME), .want = REASON_DELEGATION_RIGHT)},
    {"refuses the delegations of a base that is older than what was released",
        TARGETS(.uid = UID_EVE, .delegations = SOME, .known = KNOWN(SOME, OTHERS),
            .want = REASON_STALE)},
    {"refuses to bring back delegations that were taken away since the base",
        TARGETS(.uid = UID_EVE, .delegations = SOME, .known = KNOWN(SOME, NONE),
            .want = REASON_STALE)},
    {"refuses to take away delegations that were released since the base",
        TARGETS(.uid = UID_EVE, .known = KNOWN(NONE, SOME), .want = REASON_STALE)},
    {"refuses delegations that were released but are not published",
        TARGETS(.uid = UID_EVE, .delegations = SOME, .known = KNOWN(NONE, SOME),
            .want = REASON_DELEGATION_RIGHT)},
    {"allows any change of delegations with the right to delegate",
        TARGETS(.uid = UID_ADMIN, .delegations = SOME, .known = KNOWN(OTHERS, NONE),
            .want = REASON_NONE)},
    {"refuses whatever comes with a base that does not verify",
        QA(.known = {.version = 7, .base_problem = "expired"}, .want = REASON_BASE)},
    {"allows the first root", ROOT(.uid = UID_ADMIN, .version = 1, .want = REASON_NONE)},
    {"allows the next root",
        ROOT(.uid = UID_ADMIN, .version = 4, .known = {.version = 3}, .want = REASON_NONE)},
    {"refuses a root that skips a version",
        ROOT(.uid = UID_ADMIN, .version = 5, .known = {.version = 3}, .want = REASON_ROOT_VERSION)},
    {"refuses a root where the grant names other repositories",
        ROOT(.uid = UID_OTHER, .version = 1, .want = REASON_REPOSITORY)},
    {"allows a root where the grant names the repository",
        ROOT(.uid = UID_OTHER, .repository = "registry.example.com/other", .version = 1,
            .want = REASON_NONE)},
};

static struct subject
subject_of(const struct plea *plea)
{
    return (struct subject){
        .format = "notary",
        .repository = plea->repository,
        .role = plea->role,
        .rank = plea->rank,
        .keys = plea->wanted,
        .n_keys = 1,
        .version = plea->version,
        .expires_at = NOW + plea->expires_in,
        .delegations = plea->delegations,
    };
}

static struct decision *
decide_all(struct subject *const *subjects, const struct decide_known *known, size_t n, uid_t uid,
    bool is_partial)
{
    struct peer peer = {.uid = uid, .gid = uid};
    struct decision *decision = NULL;
    struct decide_request request = {&policy, &peer, states, N_ELEMENTS(states), subjects, known, n,
        NULL, NULL, 0, NOW, is_partial};

    assert_int_equal(decide(&decision, &request, NULL), RC_OK);
    return decision;
}

static void
test_decides_one_document(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(pleas); i++) {
        struct subject subject = subject_of(&pleas[i]), *subjects[] = {&subject};
        closing(decision_freep) struct decision *decision =
            decide_all(subjects, &pleas[i].known, 1, pleas[i].uid, false);
        const struct decide_check *failed = decision->verdicts[0].failed;
        enum reason have = failed ? failed->reason : REASON_NONE;

        if (have != pleas[i].want || (decision->rc == RC_OK) != (pleas[i].want == REASON_NONE))
            fail_msg("%s: want '%s', have '%s'", pleas[i].says, reason_id(pleas[i].want),
                reason_id(have));
    }
}

static void
test_refuses_whatever_the_format_refuses(void **state)
{
    struct subject subject = subject_of(&pleas[0]), *subjects[] = {&subject};

    (void)state;
    for (int reason = REASON_NONE + 1; reason < REASON_MAX_; reason++) {
        subject.flaw = (enum reason)reason;
        closing(decision_freep) struct decision *decision =
            decide_all(subjects, &pleas[0].known, 1, UID_ALICE, false);
        assert_int_equal(decision->rc, RC_DENIED);
        assert_int_equal(decision->verdicts[0].failed->reason, reason);
    }
}

static void
test_refuses_own_keys_listed_outside_their_scope(void **state)
{
    struct subject_listing inside = {SPAN("targets/qa"), {ID_QA}},
                           outside = {SPAN("targets/devops"), {ID_QA}},
                           foreign = {SPAN("targets/devops"), {ID_STRANGER}};
    struct decide_known known = {.version = 1};
    struct subject subject = {.format = "notary",
        .repository = REPO,
        .role = "targets",
        .rank = RANK_TARGETS,
        .keys = wants_targets,
        .n_keys = 1,
        .version = 2,
        .expires_at = NOW + DAY,
        .n_listings = 1};
    struct subject *subjects[] = {&subject};
    const struct {
        struct subject_listing *listing;
        enum rc want;
    } cases[] = {{&inside, RC_OK}, {&foreign, RC_OK}, {&outside, RC_DENIED}};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        subject.listings = cases[i].listing;
        closing(decision_freep) struct decision *decision =
            decide_all(subjects, &known, 1, UID_ADMIN, false);
        assert_int_equal(decision->rc, cases[i].want);
    }
}

/* Scopes are for those who may use the key. */
static void
test_tells_nothing_of_scopes_to_who_may_not_sign(void **state)
{
    struct subject_listing outside = {SPAN("targets/devops"), {ID_QA}};
    struct subject subject = subject_of(&pleas[0]), *subjects[] = {&subject};

    (void)state;
    subject.listings = &outside;
    subject.n_listings = 1;
    closing(decision_freep) struct decision *decision =
        decide_all(subjects, &pleas[0].known, 1, UID_EVE, false);
    assert_int_equal(decision->verdicts[0].failed->reason, REASON_NOT_GRANTED);
}

static void
test_one_refused_document_refuses_all(void **state)
{
    struct subject good = subject_of(&pleas[0]), bad = subject_of(&pleas[4]);
    struct subject *subjects[] = {&good, &bad};
    struct decide_known known[] = {pleas[0].known, pleas[4].known};
    closing(decision_freep) struct decision *decision =
        decide_all(subjects, known, 2, UID_ALICE, false);

    (void)state;
    assert_int_equal(decision->rc, RC_DENIED);
    assert_int_equal(decision->refused, 1);
    assert_int_equal(decision->verdicts[0].rc, RC_OK);
}

static void
test_tells_a_denial_rather_than_a_rollback(void **state)
{
    struct subject old = subject_of(&pleas[0]), bad = subject_of(&pleas[4]);
    struct subject *subjects[] = {&old, &bad};
    struct decide_known known[] = {{.version = 9}, pleas[4].known};
    closing(decision_freep) struct decision *decision =
        decide_all(subjects, known, 2, UID_ALICE, false);

    (void)state;
    assert_int_equal(decision->verdicts[0].rc, RC_ROLLBACK);
    assert_int_equal(decision->rc, RC_DENIED);
    assert_int_equal(decision->refused, 1);
}

/* A client can mend the one as well as the other. */
static void
test_tells_a_stale_base_as_what_it_is(void **state)
{
    struct subject stale = {.format = "notary",
        .repository = REPO,
        .role = "targets",
        .rank = RANK_TARGETS,
        .keys = wants_targets,
        .n_keys = 1,
        .version = 2,
        .expires_at = NOW + DAY,
        .delegations = SOME};
    struct subject *subjects[] = {&stale};
    struct decide_known known = KNOWN(SOME, OTHERS);
    closing(decision_freep) struct decision *decision =
        decide_all(subjects, &known, 1, UID_EVE, false);

    (void)state;
    assert_int_equal(decision->rc, RC_STALE);
    assert_string_equal(decision->verdicts[0].failed->rule, "keys");
    assert_string_equal(
        decision->verdicts[0].failed->want, "a change to version 1, the newest that was released");
}

static void
test_no_documents_are_nothing_to_allow(void **state)
{
    closing(decision_freep) struct decision *decision = decide_all(NULL, NULL, 0, UID_ALICE, false);

    (void)state;
    assert_int_equal(decision->rc, RC_DENIED);
}

/* A key whose token is away fails the request, unless the client said partial and another signs. So
 * does one that may be wanted, for all we know: it was never seen. */
static void
test_waits_for_no_token(void **state)
{
    const struct keyid both[] = {{ID_QA}, {ID_STRANGER}};
    struct subject subject = subject_of(&pleas[0]), *subjects[] = {&subject};
    struct decide_key saved = states[0];

    (void)state;
    subject.keys = both;
    subject.n_keys = 2;
    states[0].state = REASON_TOKEN;
    states[0].rc = RC_LOCKED;
    for (int i = 0; i < 3; i++) {
        closing(decision_freep) struct decision *decision =
            decide_all(subjects, &pleas[0].known, 1, UID_ALICE, i == 1);
        assert_int_equal(decision->rc, RC_LOCKED);
        assert_int_equal(decision->verdicts[0].failed->reason, REASON_TOKEN);
        if (i == 1)
            states[0].id = (struct keyid){0};
    }
    states[0] = saved;
}

static void
test_names_the_keys_that_are_left_out(void **state)
{
    const struct keyid both[] = {{ID_QA}, {ID_TARGETS}};
    struct subject subject = subject_of(&pleas[0]), *subjects[] = {&subject};

    (void)state;
    subject.keys = both;
    subject.n_keys = 2;
    closing(decision_freep) struct decision *decision =
        decide_all(subjects, &pleas[0].known, 1, UID_ALICE, false);
    assert_int_equal(decision->rc, RC_OK);
    assert_int_equal(decision->verdicts[0].choices[0].left_out, REASON_NONE);
    assert_ptr_equal(decision->verdicts[0].choices[0].grant, &grants[0]);
    assert_int_equal(decision->verdicts[0].choices[1].left_out, REASON_NOT_GRANTED);
}

static void
test_a_changed_key_never_signs(void **state)
{
    struct subject subject = subject_of(&pleas[0]), *subjects[] = {&subject};
    struct decide_key saved = states[0];

    (void)state;
    states[0].state = REASON_KEY_CHANGED;
    closing(decision_freep) struct decision *decision =
        decide_all(subjects, &pleas[0].known, 1, UID_ALICE, true);
    assert_int_equal(decision->rc, RC_DENIED);
    assert_int_equal(decision->verdicts[0].failed->reason, REASON_KEY_CHANGED);
    states[0] = saved;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decides_one_document),
        cmocka_unit_test(test_refuses_whatever_the_format_refuses),
        cmocka_unit_test(test_refuses_own_keys_listed_outside_their_scope),
        cmocka_unit_test(test_tells_nothing_of_scopes_to_who_may_not_sign),
        cmocka_unit_test(test_one_refused_document_refuses_all),
        cmocka_unit_test(test_tells_a_denial_rather_than_a_rollback),
        cmocka_unit_test(test_tells_a_stale_base_as_what_it_is),
        cmocka_unit_test(test_no_documents_are_nothing_to_allow),
        cmocka_unit_test(test_waits_for_no_token),
        cmocka_unit_test(test_names_the_keys_that_are_left_out),
        cmocka_unit_test(test_a_changed_key_never_signs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
