/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy, a caller and a request, each made of choices from small tables: what is allowed is what
 * the rules, written down here as one expression over all grants, allow.
 */
#include "agent/decide.h"

#include "proto/pattern.h"
#include "proto/reference.h"
#include "tests/fuzz.h"

#define NOW      INT64_C(1800000000)
#define DAY      INT64_C(86400)
#define N_KEYS   3
#define N_GRANTS 3
#define N_SCOPES 2
#define N_USERS  4
#define N_VOTES  3

static char *const repositories[] = {"r.io/shop/web", "r.io/shop/api", "r.io/other", "alpine",
    "docker.io/library/alpine", "r.io/shop/web/x"};
static char *patterns[] = {"r.io/shop/*", "r.io/**", "r.io/other", "**", "r.io/shop/web", "?.io/*"};
static char *const roles[] = {"root", "targets", "snapshot", "timestamp", "targets/qa",
    "targets/qa/x", "targets/dev", "nothing"};
static char *role_patterns[] = {
    "root", "targets", "snapshot", "targets/*", "targets/**", "targets/qa"};
#define N_BASE 3 /* of them are of base roles; the scope of a key has roles of one rank */
static char *const tags[] = {"latest", "v1", "nightly-1"};
static char *tag_patterns[] = {"nightly-*", "v?", "**"};
static char *const units[] = {"a.service", "b.service"};
static struct policy_socket lab = {.name = "lab"};
static const struct policy_socket *lab_door[] = {&lab};
static const int64_t validities[] = {0, 1, DAY, 90 * DAY};
static const int64_t versions[] = {1, 2, 3, 1001, 1002, 1003, INTEGER_MAX, 0};
static const int64_t expiries[] = {-1, 0, 1, DAY, 2 * DAY, 91 * DAY, 1096 * DAY, 1096 * DAY + 1};

/* The input, byte by byte; zeros behind its end. */
struct source {
    struct span left;
};

static size_t
pick(struct source *source, size_t n)
{
    if (source->left.len == 0)
        return 0;

    size_t byte = *source->left.p;
    source->left = (struct span){source->left.p + 1, source->left.len - 1};
    return byte % n;
}

#define PICK(source, table) (table)[pick((source), N_ELEMENTS(table))]

struct world {
    struct policy_scope scopes[N_KEYS][N_SCOPES];
    struct policy_key keys[N_KEYS];
    struct policy_name names[N_GRANTS][N_USERS];
    const struct policy_key *granted[N_GRANTS][N_KEYS];
    struct policy_name approvers[N_GRANTS];
    struct policy_grant grants[N_GRANTS];
    int64_t used[N_GRANTS];
    struct policy policy;
    struct decide_key states[N_KEYS];
    gid_t gids[2];
    struct peer peer;
    struct keyid wanted[N_KEYS];
    struct subject_listing listing, published;
    struct peer voters[N_VOTES];
    const struct peer *votes[N_VOTES];
    size_t n_votes;
    const char *changed[N_ELEMENTS(tags)];
    struct subject subject;
    struct decide_known known;
    bool is_partial;
};

static struct keyid
id_of(size_t i)
{
    struct keyid id;

    memset(id.hex, 'a' + (int)i, DIGEST_HEX_LEN);
    id.hex[DIGEST_HEX_LEN] = 0;
    return id;
}

static struct digest
digest_number(size_t i)
{
    return (struct digest){{(uint8_t)i}};
}

static void
make_keys(struct world *w, struct source *s)
{
    static const enum reason states[] = {
        REASON_NONE, REASON_NONE, REASON_TOKEN, REASON_KEY_CHANGED};

    for (size_t i = 0; i < N_KEYS; i++) {
        size_t first = pick(s, N_ELEMENTS(role_patterns));
        enum rank rank =
            first < N_BASE ? role_rank(span_of(role_patterns[first])) : RANK_DELEGATION;

        for (size_t k = 0; k < N_SCOPES; k++) {
            size_t role =
                first < N_BASE ? first : N_BASE + pick(s, N_ELEMENTS(role_patterns) - N_BASE);
            w->scopes[i][k] = (struct policy_scope){&patterns[pick(s, N_ELEMENTS(patterns) - 1)],
                1 + pick(s, 2), &role_patterns[role], 1};
        }
        w->keys[i] = (struct policy_key){
            .name = "key", .rank = rank, .scope = w->scopes[i], .n_scope = 1 + pick(s, N_SCOPES)};
        w->states[i] = (struct decide_key){.policy = &w->keys[i],
            .id = id_of(i),
            .state = PICK(s, states),
            .rc = RC_LOCKED,
            .token = "hsm",
            .detail = "away"};
    }
}

/* Seldom, so that some grants still allow something. */
static void
narrow(struct world *w, struct source *s, size_t i)
{
    struct policy_grant *grant = &w->grants[i];

    if (pick(s, 8) == 1) {
        grant->sockets = lab_door;
        grant->n_sockets = 1;
    }
    if (pick(s, 8) == 1) {
        grant->tags = &tag_patterns[pick(s, N_ELEMENTS(tag_patterns))];
        grant->n_tags = 1;
    }
    if (pick(s, 8) == 1)
        grant->unit = PICK(s, units);
    if (pick(s, 8) == 1)
        grant->quota = (struct policy_quota){1 + (int64_t)pick(s, 2), 3600};
    w->used[i] = (int64_t)pick(s, 3);
    if (pick(s, 8) == 1) {
        w->approvers[i] = (struct policy_name){.name = "x",
            .is_group = pick(s, 2),
            .is_resolved = true,
            .id = 1000 + (id_t)pick(s, 3)};
        grant->approvals = (struct policy_approvals){1 + pick(s, 2), {&w->approvers[i], 1}};
    }
}

static void
make_grants(struct world *w, struct source *s)
{
    for (size_t i = 0; i < N_GRANTS; i++) {
        struct policy_grant *grant = &w->grants[i];
        size_t users = pick(s, 1 << N_USERS), keys = pick(s, 1 << N_KEYS);

        *grant = (struct policy_grant){.name = "grant",
            .who = {w->names[i], 0},
            .keys = w->granted[i],
            .delegate = pick(s, 2),
            .max_validity_s = PICK(s, validities)};
        for (size_t k = 0; k < N_USERS; k++)
            if (users & 1u << k)
                w->names[i][grant->who.n_names++] = (struct policy_name){
                    .name = "x", .is_group = k >= 2, .is_resolved = k != 3, .id = 1000 + (id_t)k};
        for (size_t k = 0; k < N_KEYS; k++)
            if (keys & 1u << k)
                w->granted[i][grant->n_keys++] = &w->keys[k];
        if (pick(s, 4) == 1) {
            grant->repositories = &patterns[pick(s, N_ELEMENTS(patterns))];
            grant->n_repositories = 1;
        }
        narrow(w, s, i);
    }
}

/* What the agent knows by a chain: nothing, or anything. */
static void
make_base(struct world *w, struct source *s)
{
    struct decide_known *known = &w->known;
    size_t n = pick(s, 8);

    known->base = (enum decide_base)pick(s, DECIDE_BASE_UNREADABLE + 1);
    known->needs_base = pick(s, 2);
    known->base_version = known->base == DECIDE_BASE_FILE ? versions[pick(s, 4)] : 0;
    known->lowers_threshold = pick(s, 8) == 1;
    if (pick(s, 8) == 1)
        known->stale_role = "targets";
    for (size_t i = 0; i < N_ELEMENTS(tags); i++)
        if (n & 1u << i)
            w->changed[known->n_tags++] = tags[i];
    known->tags = w->changed;
    if (pick(s, 8) == 1) {
        w->published = (struct subject_listing){span_of(PICK(s, roles)), id_of(pick(s, N_KEYS))};
        known->listings = &w->published;
        known->n_listings = 1;
    }
}

static void
make_votes(struct world *w, struct source *s)
{
    w->peer.door = pick(s, 8) == 1 ? (char *)"lab" : NULL;
    w->peer.unit = pick(s, 3) > 0 ? PICK(s, units) : NULL;
    w->n_votes = pick(s, N_VOTES + 1);
    for (size_t i = 0; i < w->n_votes; i++) {
        w->voters[i] = (struct peer){.uid = pick(s, 8) == 1 ? 0 : 1000 + (uid_t)pick(s, 4),
            .gid = 1000 + (gid_t)pick(s, 4),
            .door = pick(s, 8) == 1 ? (char *)"lab" : NULL};
        w->votes[i] = &w->voters[i];
    }
}

static void
make_request(struct world *w, struct source *s)
{
    size_t n_wanted = 1 + pick(s, N_KEYS), first = pick(s, N_KEYS + 1);

    w->peer = (struct peer){
        .uid = 1000 + (uid_t)pick(s, 3),
        .gid = 1000 + (gid_t)pick(s, 4),
        .gids = w->gids,
        .n_gids = pick(s, 2),
    };
    w->gids[0] = 1000 + (gid_t)pick(s, 4);
    for (size_t i = 0; i < n_wanted; i++)
        w->wanted[i] = id_of((first + i) % (N_KEYS + 1));
    w->subject = (struct subject){.format = "notary",
        .repository = PICK(s, repositories),
        .role = PICK(s, roles),
        .keys = w->wanted,
        .n_keys = n_wanted,
        .version = PICK(s, versions),
        .digest = digest_number(pick(s, 2)),
        .delegations = digest_number(pick(s, 3)),
        .expires_at = NOW + PICK(s, expiries),
        .flaw = pick(s, 8) == 7 ? REASON_HASHES : REASON_NONE};
    w->subject.rank = role_rank(span_of(w->subject.role));
    w->listing = (struct subject_listing){span_of(PICK(s, roles)), id_of(pick(s, N_KEYS + 1))};
    w->subject.listings = &w->listing;
    w->subject.n_listings = pick(s, 2);
    w->known = (struct decide_known){.version = versions[pick(s, 4)],
        .digest = digest_number(pick(s, 2)),
        .base_delegations = digest_number(pick(s, 3)),
        .newest_delegations = digest_number(pick(s, 3)),
        .base_problem = pick(s, 8) == 7 ? "expired" : NULL};
    w->is_partial = pick(s, 2);
    make_base(w, s);
    make_votes(w, s);
}

/* What follows says the rules of countersign-policy(5) once more. */

static bool
covers(const struct policy_key *key, const char *repository, struct span role)
{
    closing(freep) char *text = fuzz_text(role);

    for (size_t i = 0; i < key->n_scope; i++)
        for (size_t k = 0; k < key->scope[i].n_repositories; k++)
            if (pattern_matches(key->scope[i].repositories[k], repository) &&
                pattern_matches(key->scope[i].roles[0], text))
                return role_rank(role) == key->rank;

    return false;
}

static bool
names_peer(const struct policy_grant *grant, const struct peer *peer)
{
    bool is = false;

    for (size_t i = 0; i < grant->who.n_names; i++) {
        const struct policy_name *name = &grant->who.names[i];
        bool is_in = peer->gid == name->id || (peer->n_gids > 0 && peer->gids[0] == name->id);
        is = is || (name->is_resolved && (name->is_group ? is_in : peer->uid == name->id));
    }

    return grant->n_sockets > 0 ? peer->door && (is || grant->who.n_names == 0) : !peer->door && is;
}

/* Of approvers, who are one user or one group. */
static bool
has_votes(const struct world *w, const struct policy_grant *grant)
{
    const struct policy_name *who = grant->approvals.who.names;
    size_t n = 0;

    for (uid_t uid = 1000; grant->approvals.count > 0 && uid < 1004; uid++) {
        bool counts = false;
        for (size_t i = 0; i < w->n_votes; i++) {
            const struct peer *vote = w->votes[i];
            counts = counts || (vote->uid == uid && uid != w->peer.uid && !vote->door &&
                                   who->id == (who->is_group ? vote->gid : vote->uid));
        }
        n += counts;
    }

    return n >= grant->approvals.count;
}

static bool
is_base_good(const struct world *w, const struct policy_grant *grant)
{
    const struct decide_known *known = &w->known;
    bool is_again =
        w->subject.version == known->version && digest_eq(&w->subject.digest, &known->digest);
    bool tags_are_good = true;
    bool may_be_weaker =
        known->lowers_threshold || (known->base == DECIDE_BASE_UNREADABLE &&
                                       !digest_eq(&w->subject.delegations, &(struct digest){0}));

    for (size_t i = 0; grant->tags && i < known->n_tags; i++)
        tags_are_good = tags_are_good && pattern_matches(*grant->tags, known->tags[i]);
    if (grant->tags)
        tags_are_good = tags_are_good &&
                        (known->base == DECIDE_BASE_FILE || known->base == DECIDE_BASE_EMPTY) &&
                        (known->base_version >= known->version || is_again);

    return !known->stale_role && tags_are_good &&
           (known->base != DECIDE_BASE_NONE || !known->needs_base) &&
           (known->base != DECIDE_BASE_UNREADABLE || grant->delegate) &&
           (!may_be_weaker || grant->approvals.count > 0);
}

/* Where the chain lists a key, if it does. */
static bool
is_listed_well(const struct world *w, size_t key)
{
    return w->known.n_listings == 0 || !keyid_eq(&w->published.key, &w->states[key].id) ||
           covers(&w->keys[key], w->subject.repository, w->published.role);
}

static int64_t
longest(const struct policy_grant *grant, enum rank rank)
{
    if (grant->max_validity_s)
        return grant->max_validity_s;

    return rank == RANK_ROOT                             ? 3650 * DAY
           : rank == RANK_TIMESTAMP || rank == RANK_MAX_ ? 0
                                                         : 1095 * DAY;
}

static bool
grants(const struct world *w, const struct policy_grant *grant, size_t key)
{
    const struct subject *subject = &w->subject;
    bool has_key = false;

    for (size_t i = 0; i < grant->n_keys; i++)
        has_key = has_key || grant->keys[i] == &w->keys[key];

    return has_key && names_peer(grant, &w->peer) && is_base_good(w, grant) &&
           is_listed_well(w, key) &&
           (!grant->unit || (w->peer.unit && !strcmp(grant->unit, w->peer.unit))) &&
           (grant->quota.n == 0 || w->used[grant - w->grants] < grant->quota.n) &&
           covers(&w->keys[key], subject->repository, span_of(subject->role)) &&
           (!grant->repositories || pattern_matches(*grant->repositories, subject->repository)) &&
           subject->expires_at <= NOW + longest(grant, subject->rank) + DAY &&
           (grant->delegate || (digest_eq(&subject->delegations, &w->known.base_delegations) &&
                                   digest_eq(&subject->delegations, &w->known.newest_delegations)));
}

/* with_votes: whether it may sign now, and not only once others agree. */
static bool
may_sign(const struct world *w, size_t wanted, bool with_votes)
{
    bool may = false;

    for (size_t key = 0; key < N_KEYS; key++)
        for (size_t i = 0; i < N_GRANTS; i++)
            may = may || (keyid_eq(&w->wanted[wanted], &w->states[key].id) &&
                             grants(w, &w->grants[i], key) &&
                             (!with_votes || has_votes(w, &w->grants[i])));

    return may;
}

static enum reason
state_of(const struct world *w, size_t wanted)
{
    for (size_t key = 0; key < N_KEYS; key++)
        if (keyid_eq(&w->wanted[wanted], &w->states[key].id))
            return w->states[key].state;

    return REASON_NO_SUCH_KEY;
}

static bool
is_listing_harmless(const struct world *w)
{
    for (size_t key = 0; key < N_KEYS && w->subject.n_listings > 0; key++)
        if (keyid_eq(&w->listing.key, &w->states[key].id) &&
            !covers(&w->keys[key], w->subject.repository, w->listing.role))
            return false;

    return true;
}

static bool
is_version_good(const struct world *w)
{
    int64_t was = w->known.version, is = w->subject.version;
    bool is_again = is == was && digest_eq(&w->subject.digest, &w->known.digest);

    return is == 0 || is_again ||
           (is > was && is <= was + VERSION_STEP_MAX &&
               (w->subject.rank != RANK_ROOT || is == was + 1));
}

static bool
is_allowed(const struct world *w)
{
    size_t n_ready = 0, n_away = 0;

    /* A key that waits for votes fails the request as one does whose token is away. */
    for (size_t i = 0; i < w->subject.n_keys; i++) {
        bool is_ready = state_of(w, i) == REASON_NONE;
        n_ready += may_sign(w, i, true) && is_ready;
        n_away += may_sign(w, i, false) && state_of(w, i) == REASON_TOKEN;
        n_away += may_sign(w, i, false) && !may_sign(w, i, true) && is_ready;
    }

    return repository_is_normal(w->subject.repository) && w->subject.flaw == REASON_NONE &&
           w->subject.expires_at > NOW && !w->known.base_problem && n_ready > 0 &&
           (n_away == 0 || w->is_partial) && is_listing_harmless(w) && is_version_good(w);
}

static void
check(const struct world *w, const struct decision *decision)
{
    const struct decide_verdict *verdict = &decision->verdicts[0];

    assert(decision->n_verdicts == 1 && decision->rc == verdict->rc);
    assert((decision->rc == RC_OK) == is_allowed(w));
    assert((decision->rc == RC_OK) == !verdict->failed);
    if (verdict->failed) {
        assert(!verdict->failed->holds && verdict->failed->reason != REASON_NONE);
        assert((decision->rc == RC_PENDING) == (verdict->failed->reason == REASON_APPROVALS));
        return;
    }

    for (size_t i = 0; i < verdict->n_choices; i++) {
        bool signs = verdict->choices[i].left_out == REASON_NONE;
        assert(signs == (may_sign(w, i, true) && state_of(w, i) == REASON_NONE));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    closing(decision_freep) struct decision *decision = NULL;
    struct source source = {{data, len}};
    static struct world w;

    w = (struct world){0};
    make_keys(&w, &source);
    make_grants(&w, &source);
    make_request(&w, &source);
    w.policy = (struct policy){
        .keys = w.keys, .n_keys = N_KEYS, .grants = w.grants, .n_grants = N_GRANTS, .n_refs = 1};

    struct subject *const subjects[] = {&w.subject};
    const struct decide_request request = {.policy = &w.policy,
        .peer = &w.peer,
        .keys = w.states,
        .n_keys = N_KEYS,
        .subjects = subjects,
        .known = &w.known,
        .n_subjects = 1,
        .used = w.used,
        .votes = w.votes,
        .n_votes = w.n_votes,
        .now = NOW,
        .is_partial = w.is_partial};
    assert(!decide(&decision, &request, NULL));
    check(&w, decision);
    return 0;
}
