/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/decide.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "proto/bounds.h"

#define NOW   INT64_C(1800000000)
#define DAY   INT64_C(86400)
#define REPO  "registry.example.com/shop/web"
#define ID_QA "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_QC "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

#define UID_ALICE 1001 /* asks */
#define UID_BOB   1002
#define UID_CAROL 1003
#define SECURITY  2001 /* the group of those who approve */

/* Two keys of one role. */
static char *shop[] = {"registry.example.com/shop/*"};
static char *roles[] = {"targets/qa", "targets/qa/*"};
static struct policy_scope scope = {shop, 1, roles, 2};
static struct policy_token token = {.name = "hsm"};
static struct policy_place place = {.token = &token};
static struct policy_key keys[] = {
    {.name = "qa", .rank = RANK_DELEGATION, .at = &place, .n_at = 1, .scope = &scope, .n_scope = 1},
    {.name = "qc", .rank = RANK_DELEGATION, .at = &place, .n_at = 1, .scope = &scope, .n_scope = 1},
};
static const struct policy_key *both_keys[] = {&keys[0], &keys[1]};
static const struct decide_key states[] = {
    {.policy = &keys[0], .id = {ID_QA}, .token = "hsm", .detail = ""},
    {.policy = &keys[1], .id = {ID_QC}, .token = "hsm", .detail = ""},
};
static const struct keyid wanted[] = {{ID_QA}, {ID_QC}};

static struct policy_name alice = {.name = "alice", .is_resolved = true, .id = UID_ALICE};
static struct policy_name security = {
    .name = "security", .is_group = true, .is_resolved = true, .id = SECURITY};
static struct policy_socket lab = {.name = "lab", .path = "/run/lab"};
static const struct policy_socket *lab_door[] = {&lab};
static char *nightly[] = {"nightly-*", "v?"};

/* The macros below say what is usual, and each case what is not. */
#pragma GCC diagnostic ignored "-Woverride-init"

#define GRANT(...)                                                                                 \
    {                                                                                              \
        .who = {&alice, 1}, .keys = both_keys, .n_keys = 2, .name = "team", __VA_ARGS__            \
    }
#define PUBLISHED(...)                                                                             \
    {                                                                                              \
        .base = DECIDE_BASE_FILE, .needs_base = true, .version = 7, .base_version = 7, __VA_ARGS__ \
    }
#define APPROVED_BY(n_needed) .approvals = {n_needed, {&security, 1}}
#define VOTER(...)                                                                                 \
    {                                                                                              \
        .gid = SECURITY, __VA_ARGS__                                                               \
    }
#define TAGS(...)                                                                                  \
    .tags = (const char *const[])                                                                  \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define UNPUBLISHED(...)                                                                           \
    .knows_unpublished = true, .unpublished = (const char *[])                                     \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define DIGEST(first)                                                                              \
    {                                                                                              \
        {                                                                                          \
            first                                                                                  \
        }                                                                                          \
    }

/* One document, one key wanted, one grant. */
struct scene {
    const char *says;
    struct policy_grant grant;
    struct decide_known known;
    const char *door, *unit;
    struct digest delegations;
    int64_t used, version, expires_in; /* version: 8 by default; expires_in: a day */
    struct peer votes[4];
    size_t n_votes;
    enum reason want; /* REASON_NONE: it signs */
};

#define LISTED(role, id)                                                                           \
    {                                                                                              \
        {(const uint8_t *)(role), sizeof(role) - 1},                                               \
        {                                                                                          \
            id                                                                                     \
        }                                                                                          \
    }

static const struct subject_listing inside = LISTED("targets/qa", ID_QA);
static const struct subject_listing outside = LISTED("targets/devops", ID_QA);
static const struct subject_listing of_another = LISTED("targets/devops", ID_QC);

static const struct scene scenes[] = {
    {"allows what nothing narrows", .grant = GRANT(), .known = PUBLISHED()},
    {"knows nobody at a door that the grant does not name", .grant = GRANT(), .known = PUBLISHED(),
        .door = "lab", .want = REASON_NOT_GRANTED},
    {"knows nobody at the main door if the grant names another", .known = PUBLISHED(),
        .grant = GRANT(.sockets = lab_door, .n_sockets = 1), .want = REASON_NOT_GRANTED},
    {"allows at the door of the grant", .known = PUBLISHED(), .door = "lab",
        .grant = GRANT(.sockets = lab_door, .n_sockets = 1)},
    {"allows everybody at the door of a grant for everybody", .known = PUBLISHED(), .door = "lab",
        .grant = GRANT(.sockets = lab_door, .n_sockets = 1, .who = {NULL, 0})},
    {"allows nobody at the main door where a grant names nobody", .known = PUBLISHED(),
        .grant = GRANT(.who = {NULL, 0}), .want = REASON_NOT_GRANTED},
    {"allows in the unit of the grant", .known = PUBLISHED(), .unit = "nightly.service",
        .grant = GRANT(.unit = "nightly.service")},
    {"refuses another unit", .known = PUBLISHED(), .unit = "nightly2.service",
        .grant = GRANT(.unit = "nightly.service"), .want = REASON_UNIT},
    {"refuses who runs in no unit that is known", .known = PUBLISHED(),
        .grant = GRANT(.unit = "nightly.service"), .want = REASON_UNIT},

    {"wants a base where there could be one", .grant = GRANT(), .known = {.needs_base = true},
        .want = REASON_BASE_MISSING},
    {"wants one for 'delegate: true' as well", .grant = GRANT(.delegate = true),
        .known = {.needs_base = true}, .want = REASON_BASE_MISSING},
    {"wants none where nothing could vouch for one", .grant = GRANT(), .known = {0}},
    {"wants one for tags even then", .grant = GRANT(.tags = nightly, .n_tags = 2), .known = {0},
        .want = REASON_BASE_MISSING},
    {"refuses to replace what it cannot read", .grant = GRANT(),
        .known = PUBLISHED(.base = DECIDE_BASE_UNREADABLE), .want = REASON_BASE},
    {"lets those who may delegate witness it", .grant = GRANT(.delegate = true),
        .known = PUBLISHED(.base = DECIDE_BASE_UNREADABLE)},
    {"lets them not where tags are narrowed",
        .grant = GRANT(.delegate = true, .tags = nightly, .n_tags = 2),
        .known = PUBLISHED(.base = DECIDE_BASE_UNREADABLE), .want = REASON_BASE},
    {"refuses an old chain", .grant = GRANT(.delegate = true),
        .known = PUBLISHED(.stale_role = "snapshot", .stale_version = 9), .want = REASON_STALE},
    {"refuses what does not verify", .grant = GRANT(.delegate = true),
        .known = {.needs_base = true, .base_problem = "forged"}, .want = REASON_BASE},

    {"allows the longest validity", .grant = GRANT(.max_validity_s = 30 * DAY),
        .known = PUBLISHED(), .expires_in = 31 * DAY},
    {"refuses a longer one", .grant = GRANT(.max_validity_s = 30 * DAY), .known = PUBLISHED(),
        .expires_in = 31 * DAY + 1, .want = REASON_VALIDITY},
    {"allows delegations as they are published", .grant = GRANT(), .delegations = DIGEST(1),
        .known = PUBLISHED(.base_delegations = DIGEST(1), .newest_delegations = DIGEST(1))},
    {"refuses other ones", .grant = GRANT(), .delegations = DIGEST(2),
        .known = PUBLISHED(.base_delegations = DIGEST(1), .newest_delegations = DIGEST(1)),
        .want = REASON_DELEGATION_RIGHT},
    {"refuses any where no base shows them", .grant = GRANT(), .delegations = DIGEST(1),
        .known = {0}, .want = REASON_DELEGATION_RIGHT},
    {"allows other ones to those who may delegate", .grant = GRANT(.delegate = true),
        .delegations = DIGEST(2), .known = PUBLISHED(.base_delegations = DIGEST(1))},

    {"allows the tags of the grant", .grant = GRANT(.tags = nightly, .n_tags = 2),
        .known = PUBLISHED(TAGS("nightly-1", "v2"), .n_tags = 2)},
    {"refuses another one among them", .grant = GRANT(.tags = nightly, .n_tags = 2),
        .known = PUBLISHED(TAGS("nightly-1", "latest"), .n_tags = 2), .want = REASON_TAG},
    {"lets a grant on tags replace what was never published",
        .grant = GRANT(.tags = nightly, .n_tags = 2),
        .known = {.base = DECIDE_BASE_EMPTY, .needs_base = true, TAGS("v1"), .n_tags = 1}},
    {"lets it not undo what was released since", .grant = GRANT(.tags = nightly, .n_tags = 2),
        .known = PUBLISHED(.base_version = 6, TAGS("nightly-1"), .n_tags = 1),
        .want = REASON_STALE},
    {"nor another tag that was released since", .grant = GRANT(.tags = nightly, .n_tags = 2),
        .known = PUBLISHED(.base_version = 6, TAGS("nightly-1"), .n_tags = 1,
            UNPUBLISHED("nightly-1", "latest"), .n_unpublished = 2),
        .want = REASON_STALE},
    {"but its own tags, if that release is not published",
        .grant = GRANT(.tags = nightly, .n_tags = 2),
        .known = PUBLISHED(.base_version = 6, TAGS("nightly-1"), .n_tags = 1,
            UNPUBLISHED("nightly-1", "v3"), .n_unpublished = 2)},
    {"lets it have the same bytes again", .grant = GRANT(.tags = nightly, .n_tags = 2),
        .version = 7, .known = PUBLISHED(.base_version = 6, TAGS("nightly-1"), .n_tags = 1)},
    {"lets others make their change on top of what is published", .grant = GRANT(),
        .known = PUBLISHED(.base_version = 6)},

    {"refuses a lower threshold", .grant = GRANT(.delegate = true),
        .known = PUBLISHED(.lowers_threshold = true), .want = REASON_WEAKER},
    {"lets others agree to a lower threshold", .grant = GRANT(.delegate = true, APPROVED_BY(1)),
        .known = PUBLISHED(.lowers_threshold = true), .want = REASON_APPROVALS},
    {"refuses delegations that cannot be compared", .grant = GRANT(.delegate = true),
        .delegations = DIGEST(1), .known = PUBLISHED(.base = DECIDE_BASE_UNREADABLE),
        .want = REASON_WEAKER},
    {"lets others agree to those", .grant = GRANT(.delegate = true, APPROVED_BY(1)),
        .delegations = DIGEST(1), .known = PUBLISHED(.base = DECIDE_BASE_UNREADABLE),
        .want = REASON_APPROVALS},
    {"allows a key that is listed in its scope", .grant = GRANT(),
        .known = PUBLISHED(.listings = &inside, .n_listings = 1)},
    {"refuses one that is listed elsewhere", .grant = GRANT(),
        .known = PUBLISHED(.listings = &outside, .n_listings = 1), .want = REASON_LISTED_ELSEWHERE},
    {"cares not where other keys are listed", .grant = GRANT(),
        .known = PUBLISHED(.listings = &of_another, .n_listings = 1)},

    {"allows the last document of a quota", .grant = GRANT(.quota = {3, 60}), .known = PUBLISHED(),
        .used = 2},
    {"refuses the next one", .grant = GRANT(.quota = {3, 60}), .known = PUBLISHED(), .used = 3,
        .want = REASON_QUOTA},
    {"refuses where more are used than there may be", .grant = GRANT(.quota = {3, 60}),
        .known = PUBLISHED(), .used = 9, .want = REASON_QUOTA},

    {"waits for votes", .grant = GRANT(APPROVED_BY(1)), .known = PUBLISHED(),
        .want = REASON_APPROVALS},
    {"counts a vote", .grant = GRANT(APPROVED_BY(1)), .known = PUBLISHED(),
        .votes = {VOTER(.uid = UID_BOB)}, .n_votes = 1},
    {"counts no vote of who asks", .grant = GRANT(APPROVED_BY(1)), .known = PUBLISHED(),
        .votes = {VOTER(.uid = UID_ALICE)}, .n_votes = 1, .want = REASON_APPROVALS},
    {"counts no vote of uid 0", .grant = GRANT(APPROVED_BY(1)), .known = PUBLISHED(),
        .votes = {VOTER(.uid = 0)}, .n_votes = 1, .want = REASON_APPROVALS},
    {"counts no vote of somebody else", .grant = GRANT(APPROVED_BY(1)), .known = PUBLISHED(),
        .votes = {VOTER(.uid = UID_BOB, .gid = 9)}, .n_votes = 1, .want = REASON_APPROVALS},
    {"counts no vote from another door", .grant = GRANT(APPROVED_BY(1)), .known = PUBLISHED(),
        .votes = {VOTER(.uid = UID_BOB, .door = (char *)"lab")}, .n_votes = 1,
        .want = REASON_APPROVALS},
    {"counts one vote for each", .grant = GRANT(APPROVED_BY(2)), .known = PUBLISHED(),
        .votes = {VOTER(.uid = UID_BOB), VOTER(.uid = UID_BOB)}, .n_votes = 2,
        .want = REASON_APPROVALS},
    {"counts votes of two", .grant = GRANT(APPROVED_BY(2)), .known = PUBLISHED(),
        .votes = {VOTER(.uid = UID_BOB), VOTER(.uid = UID_CAROL)}, .n_votes = 2},
    {"counts a vote though one of the same user does not count", .grant = GRANT(APPROVED_BY(1)),
        .known = PUBLISHED(), .votes = {VOTER(.uid = UID_BOB, .gid = 9), VOTER(.uid = UID_BOB)},
        .n_votes = 2},
};

static struct subject
subject_of(const struct scene *scene)
{
    return (struct subject){.format = "notary",
        .repository = REPO,
        .role = "targets/qa",
        .rank = RANK_DELEGATION,
        .keys = wanted,
        .n_keys = 1,
        .version = scene->version > 0 ? scene->version : 8,
        .expires_at = NOW + (scene->expires_in > 0 ? scene->expires_in : DAY),
        .delegations = scene->delegations};
}

static struct decision *
decide_scene(const struct scene *scene, uid_t uid)
{
    struct policy_grant grant = scene->grant;
    struct policy policy = {
        .keys = keys, .n_keys = 2, .grants = &grant, .n_grants = 1, .n_refs = 1};
    struct peer peer = {
        .uid = uid, .gid = uid, .door = (char *)scene->door, .unit = (char *)scene->unit};
    struct subject subject = subject_of(scene), *subjects[] = {&subject};
    const struct peer *votes[] = {
        &scene->votes[0], &scene->votes[1], &scene->votes[2], &scene->votes[3]};
    struct decision *decision = NULL;
    struct decide_request request = {.policy = &policy,
        .peer = &peer,
        .keys = states,
        .n_keys = 2,
        .subjects = subjects,
        .known = &scene->known,
        .n_subjects = 1,
        .used = &scene->used,
        .votes = votes,
        .n_votes = scene->n_votes,
        .now = NOW};

    assert_int_equal(decide(&decision, &request, NULL), RC_OK);
    /* Nothing of the decision may be looked at that was this function's. */
    decision->verdicts[0].grant = NULL;
    for (size_t i = 0; i < decision->verdicts[0].n_choices; i++)
        decision->verdicts[0].choices[i].grant = NULL;
    return decision;
}

static void
test_weighs_a_grant(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(scenes); i++) {
        closing(decision_freep) struct decision *decision = decide_scene(&scenes[i], UID_ALICE);
        const struct decide_check *failed = decision->verdicts[0].failed;
        enum reason have = failed ? failed->reason : REASON_NONE;

        if (have != scenes[i].want || (decision->rc == RC_OK) != (have == REASON_NONE))
            fail_msg("%s: want '%s', have '%s'", scenes[i].says, reason_id(scenes[i].want),
                reason_id(have));
        if (failed && (!failed->want[0] || !failed->have[0]))
            fail_msg("%s: says not why", scenes[i].says);
    }
}

/* Neither what is published nor what is missing, be it the base itself. */
static void
test_tells_only_those_whom_the_grant_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(scenes); i++) {
        if (scenes[i].grant.who.n_names == 0)
            continue;

        closing(decision_freep) struct decision *decision = decide_scene(&scenes[i], UID_CAROL);
        assert_int_equal(decision->rc, RC_DENIED);
        assert_int_equal(decision->verdicts[0].failed->reason, REASON_NOT_GRANTED);
    }
}

/* Of a decision on n documents alike, each for both keys, under grants that have used so much. */
static struct decision *
decide_batch(struct policy_grant *grants, size_t n_grants, const int64_t *used, size_t n)
{
    static const char *const names[] = {"targets/qa", "targets/qa/a", "targets/qa/b"};
    struct policy policy = {
        .keys = keys, .n_keys = 2, .grants = grants, .n_grants = n_grants, .n_refs = 1};
    struct peer peer = {.uid = UID_ALICE, .gid = UID_ALICE};
    const struct scene scene = {0};
    const struct decide_known known[3] = {{0}};
    struct subject documents[3], *subjects[3];
    struct decision *decision = NULL;

    for (size_t i = 0; i < n; i++) {
        documents[i] = subject_of(&scene);
        documents[i].role = names[i];
        documents[i].n_keys = 2;
        subjects[i] = &documents[i];
    }
    struct decide_request request = {.policy = &policy,
        .peer = &peer,
        .keys = states,
        .n_keys = 2,
        .subjects = subjects,
        .known = known,
        .n_subjects = n,
        .used = used,
        .now = NOW};
    assert_int_equal(decide(&decision, &request, NULL), RC_OK);
    return decision;
}

static void
test_counts_a_document_once_however_many_keys_sign_it(void **state)
{
    struct policy_grant grant[] = {GRANT(.quota = {3, 60})};
    const int64_t unused[] = {0}, used[] = {1};

    (void)state;
    closing(decision_freep) struct decision *fits = decide_batch(grant, 1, unused, 3);
    assert_int_equal(fits->rc, RC_OK);

    closing(decision_freep) struct decision *is_too_much = decide_batch(grant, 1, used, 3);
    assert_int_equal(is_too_much->rc, RC_DENIED);
    assert_int_equal(is_too_much->refused, 2);
    assert_int_equal(is_too_much->verdicts[2].failed->reason, REASON_QUOTA);
    assert_string_equal(is_too_much->verdicts[2].failed->have, "3 already");
}

static void
test_takes_the_grant_that_costs_least(void **state)
{
    static const struct {
        const char *says;
        struct policy_grant grants[3];
        int64_t used[3];
        const char *want[2]; /* for the first document, and for the second */
    } cases[] = {
        {"without a quota rather than with one",
            {GRANT(.name = "a", .quota = {100, 60}), GRANT(.name = "c"), GRANT(.name = "b")},
            {0, 0, 0}, {"b", "b"}},
        {"with most of it left",
            {GRANT(.name = "a", .quota = {100, 60}), GRANT(.name = "b", .quota = {5, 60}),
                GRANT(.name = "c", .quota = {5, 60})},
            {98, 0, 0}, {"b", "c"}},
        {"by name where they are equal",
            {GRANT(.name = "c", .quota = {2, 60}), GRANT(.name = "b", .quota = {2, 60}),
                GRANT(.name = "a", .quota = {2, 60})},
            {0, 0, 0}, {"a", "b"}},
        {"one that allows rather than one that costs nothing",
            {GRANT(.name = "a", .unit = "x.service"), GRANT(.name = "b", APPROVED_BY(1)),
                GRANT(.name = "c", .quota = {9, 60})},
            {0, 0, 0}, {"c", "c"}},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++)
        for (size_t turn = 0; turn < 3; turn++) { /* whatever the order in the policy */
            struct policy_grant grants[3];
            int64_t used[3];
            for (size_t k = 0; k < 3; k++) {
                grants[k] = cases[i].grants[(k + turn) % 3];
                used[k] = cases[i].used[(k + turn) % 3];
            }
            closing(decision_freep) struct decision *decision = decide_batch(grants, 3, used, 2);
            assert_int_equal(decision->rc, RC_OK);
            for (size_t k = 0; k < 2; k++)
                if (strcmp(decision->verdicts[k].choices[1].grant->name, cases[i].want[k]) != 0)
                    fail_msg("%s: document %zu is signed under '%s'", cases[i].says, k,
                        decision->verdicts[k].choices[1].grant->name);
        }
}

static void
test_tells_of_the_grant_that_is_closest(void **state)
{
    struct policy_grant grants[] = {GRANT(.name = "a", .unit = "x.service"),
        GRANT(.name = "b", APPROVED_BY(1)), GRANT(.name = "c", .quota = {1, 60})};
    const int64_t used[] = {0, 0, 1};

    (void)state;
    closing(decision_freep) struct decision *decision = decide_batch(grants, 3, used, 1);
    assert_int_equal(decision->rc, RC_PENDING);
    assert_string_equal(decision->verdicts[0].grant->name, "b");

    closing(decision_freep) struct decision *without_b = decide_batch(grants, 1, used, 1);
    assert_int_equal(without_b->rc, RC_DENIED);
    assert_string_equal(without_b->verdicts[0].grant->name, "a");
}

/* Whoever votes on a request must not find out later that it could never be allowed. */
static void
test_asks_for_votes_only_where_nothing_else_is_missing(void **state)
{
    struct scene scene = {.grant = GRANT(APPROVED_BY(1)), .known = PUBLISHED()};
    const struct {
        int64_t version;
        enum reason want;
    } cases[] = {{8, REASON_APPROVALS}, {6, REASON_ROLLBACK}, {1008, REASON_VERSION_JUMP}};

    (void)state;
    scene.known.digest = (struct digest)DIGEST(9);
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        scene.version = cases[i].version;
        closing(decision_freep) struct decision *decision = decide_scene(&scene, UID_ALICE);
        assert_int_equal(decision->verdicts[0].failed->reason, cases[i].want);
        assert_int_equal(decision->rc == RC_PENDING, i == 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weighs_a_grant),
        cmocka_unit_test(test_tells_only_those_whom_the_grant_names),
        cmocka_unit_test(test_counts_a_document_once_however_many_keys_sign_it),
        cmocka_unit_test(test_takes_the_grant_that_costs_least),
        cmocka_unit_test(test_tells_of_the_grant_that_is_closest),
        cmocka_unit_test(test_asks_for_votes_only_where_nothing_else_is_missing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
