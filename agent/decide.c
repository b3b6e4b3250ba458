/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/decide.h"

#include <inttypes.h>
#include <stdarg.h>

#include "proto/bounds.h"
#include "proto/reference.h"

/* One document under judgment. */
struct matter {
    const struct decide_request *request;
    const struct subject *subject;
    const struct decide_known *known;
    struct decide_verdict *verdict;
};

/* For people, and inside JSON: printable ASCII, cut where it is too long. */
like_printf(2, 3) static void say(char ret[DECIDE_TEXT_BYTES], const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(ret, DECIDE_TEXT_BYTES, fmt, ap);
    va_end(ap);
    for (char *c = ret; *c; c++)
        if (*c < 0x20 || *c > 0x7e)
            *c = '?';
}

static const struct decide_key *
find_key(const struct decide_request *request, const struct keyid *id)
{
    for (size_t i = 0; i < request->n_keys; i++)
        if (keyid_eq(&request->keys[i].id, id))
            return &request->keys[i];

    return NULL;
}

/* Rules about the document itself. Each fills in want and have where it does not hold. */

/* Rule 4: one repository has one spelling, else scopes and marks could be passed by. */
static bool
is_normal(const struct matter *m, struct decide_check *check)
{
    say(check->want, "the repository in its normal form");
    say(check->have, "'%s'", m->subject->repository);
    return repository_is_normal(m->subject->repository);
}

/* Rules 3, 4 and 12: what the scan of the document found. */
static bool
is_sound(const struct matter *m, struct decide_check *check)
{
    if (m->subject->flaw == REASON_NONE)
        return true;

    check->reason = m->subject->flaw;
    say(check->want, "a document that follows the rules of its format");
    say(check->have, "%s", m->subject->flaw_why.text);
    return false;
}

static bool
is_unexpired(const struct matter *m, struct decide_check *check)
{
    say(check->want, "an expiry in the future");
    say(check->have, "%" PRId64 " s ago", m->request->now - m->subject->expires_at);
    return m->subject->expires_at > m->request->now;
}

/* Rule 6: a document that lists one of our keys where its scope does not reach would carry the
 * authority of every grant on that key to there. */
static bool
lists_own_keys_in_scope(const struct matter *m, struct decide_check *check)
{
    for (size_t i = 0; i < m->subject->n_listings; i++) {
        const struct subject_listing *listing = &m->subject->listings[i];
        const struct decide_key *key = find_key(m->request, &listing->key);
        closing(freep) char *role = span_dup(listing->role);

        if (!key || (role && policy_key_covers(key->policy, m->subject->repository, role)))
            continue;

        say(check->want, "'%s' listed only where its scope reaches", key->policy->name);
        say(check->have, "role '%s' of '%s'", role ? role : "?", m->subject->repository);
        return false;
    }

    return true;
}

/* Rule 9: what does not verify hides something, be it a mistake or an attack. */
static bool
has_sound_base(const struct matter *m, struct decide_check *check)
{
    if (!m->known->base_problem)
        return true;

    say(check->want, "a published chain that verifies");
    say(check->have, "%s", m->known->base_problem);
    return false;
}

/* Rules about one key under one grant of the caller. */

/* Rule 7: what is published decides, and nothing is where there is no base. */
static bool
may_delegate(const struct matter *m, const struct policy_grant *grant)
{
    return grant->delegate || digest_eq(&m->subject->delegations, &m->known->base_delegations);
}

/* Rules 7 and 9: a base that is older than what is known would bring back a delegation that was
 * taken away. */
static bool
is_up_to_date(const struct matter *m, const struct policy_grant *grant)
{
    return grant->delegate || digest_eq(&m->subject->delegations, &m->known->newest_delegations);
}

/* Rule 11 */
static bool
is_short_enough(const struct matter *m, const struct policy_grant *grant)
{
    int64_t most = policy_grant_validity_s(grant, m->subject->rank) + VALIDITY_SLACK_S;

    return m->subject->expires_at - m->request->now <= most;
}

/* Why the grant, which has the key, does not let it sign; in the order of how close that is. */
static enum reason
judge_grant(const struct matter *m, const struct decide_key *key, const struct policy_grant *grant)
{
    if (!policy_key_covers(key->policy, m->subject->repository, m->subject->role))
        return REASON_KEY_OUTSIDE_SCOPE;

    if (!policy_grant_admits(grant, m->subject->repository))
        return REASON_REPOSITORY;

    if (!is_short_enough(m, grant))
        return REASON_VALIDITY;

    if (!may_delegate(m, grant))
        return REASON_DELEGATION_RIGHT;

    if (!is_up_to_date(m, grant))
        return REASON_STALE;

    return REASON_NONE;
}

/* How near to a signature a reason is: of several, the nearest is told. */
static int
closeness(enum reason reason)
{
    static const enum reason order[] = {REASON_NO_SUCH_KEY, REASON_NOT_GRANTED,
        REASON_KEY_OUTSIDE_SCOPE, REASON_REPOSITORY, REASON_VALIDITY, REASON_DELEGATION_RIGHT,
        REASON_STALE, REASON_KEY_CHANGED, REASON_TOKEN, REASON_NONE};
    int at = 0;

    while (order[at] != reason && order[at] != REASON_NONE)
        at++;
    return at;
}

/* Whether the key of the choice may sign, and does. */
static void
weigh(const struct matter *m, struct decide_choice *choice)
{
    choice->left_out = REASON_NOT_GRANTED;
    for (size_t i = 0; i < m->request->policy->n_grants; i++) {
        const struct policy_grant *grant = &m->request->policy->grants[i];
        if (!policy_who_has(&grant->who, m->request->peer) ||
            !policy_grant_has_key(grant, choice->key->policy))
            continue;

        enum reason reason = judge_grant(m, choice->key, grant);
        if (closeness(reason) > closeness(choice->left_out) || !choice->grant) {
            choice->grant = grant;
            choice->left_out = reason;
        }
    }

    if (choice->left_out == REASON_NONE)
        choice->left_out = choice->key->state;
}

static void
choose(const struct matter *m, const struct keyid *wanted, struct decide_choice *choice)
{
    choice->left_out = REASON_NO_SUCH_KEY;
    choice->key = find_key(m->request, wanted);
    if (choice->key)
        weigh(m, choice);
}

/* Who wants none but unknown keys may want one that was never seen, because its token was not there
 * yet: if he may use such a one, the token is what is missing. */
static void
suppose_unseen(const struct matter *m, struct decide_choice *choice)
{
    for (size_t i = 0; i < m->request->n_keys; i++) {
        struct decide_choice supposed = {.key = &m->request->keys[i]};
        if (supposed.key->id.hex[0] || supposed.key->state != REASON_TOKEN)
            continue;

        weigh(m, &supposed);
        if (supposed.left_out == REASON_TOKEN) {
            *choice = supposed;
            return;
        }
    }
}

static void
say_left_out(const struct matter *m, const struct decide_choice *choice, size_t i,
    struct decide_check *check)
{
    const char *key = choice->key ? choice->key->policy->name : m->subject->keys[i].hex;

    say(check->want, "a key that may sign role '%s' of '%s'", m->subject->role,
        m->subject->repository);
    say(check->have, "key '%s': %s", key, reason_id(choice->left_out));
    if (choice->left_out == REASON_VALIDITY) {
        say(check->want, "an expiry within %" PRId64 " days (grant '%s')",
            policy_grant_validity_s(choice->grant, m->subject->rank) / 86400, choice->grant->name);
        say(check->have, "%" PRId64 " days", (m->subject->expires_at - m->request->now) / 86400);
    } else if (choice->left_out == REASON_DELEGATION_RIGHT) {
        say(check->want, "'delegate: true' in grant '%s', or the delegations left as they are",
            choice->grant->name);
        say(check->have, "%s",
            digest_eq(&m->known->base_delegations, &(struct digest){0})
                ? "delegations, where no base shows that they are published"
                : "other delegations than those that are published");
    } else if (choice->left_out == REASON_STALE) {
        say(check->want, "the delegations of version %" PRId64 ", the newest known",
            m->known->version);
        say(check->have, "those of an older one");
    } else if (choice->left_out == REASON_KEY_CHANGED) {
        say(check->have, "key '%s': %s", key, choice->key->detail);
    }
}

/* Rules 3, 4, 5, 7 and 11: at least one key signs. A key whose token is away counts here; the next
 * rule asks for its token. */
static bool
has_key(const struct matter *m, struct decide_check *check)
{
    struct decide_verdict *verdict = m->verdict;
    size_t closest = 0;

    for (size_t i = 0; i < verdict->n_choices; i++) {
        choose(m, &m->subject->keys[i], &verdict->choices[i]);
        if (closeness(verdict->choices[i].left_out) > closeness(verdict->choices[closest].left_out))
            closest = i;
    }

    struct decide_choice *choice = &verdict->choices[closest];
    if (choice->left_out == REASON_NO_SUCH_KEY)
        suppose_unseen(m, choice);
    verdict->grant = choice->grant;
    verdict->rc = choice->left_out == REASON_STALE ? RC_STALE : RC_DENIED;
    check->reason = choice->left_out;
    if (choice->left_out == REASON_NONE || choice->left_out == REASON_TOKEN)
        return true;

    say_left_out(m, choice, closest, check);
    return false;
}

/* Rule 5: a granted key whose token is away fails the request, unless the client said partial and
 * another key signs. */
static bool
has_tokens(const struct matter *m, struct decide_check *check)
{
    const struct decide_choice *away = NULL;
    bool signs = false;

    for (size_t i = 0; i < m->verdict->n_choices; i++) {
        const struct decide_choice *choice = &m->verdict->choices[i];
        if (choice->left_out == REASON_TOKEN && !away)
            away = choice;
        signs = signs || choice->left_out == REASON_NONE;
    }

    if (!away || (m->request->is_partial && signs))
        return true;

    m->verdict->grant = away->grant;
    say(check->want, "the token of key '%s' to be ready", away->key->policy->name);
    say(check->have, "%s", away->key->detail);
    m->verdict->rc = away->key->rc;
    return false;
}

/* Rule 8: marks. Documents without a version leave none. */

static bool
is_same_again(const struct matter *m)
{
    return m->subject->version == m->known->version &&
           digest_eq(&m->subject->digest, &m->known->digest);
}

static bool
is_no_rollback(const struct matter *m, struct decide_check *check)
{
    say(check->want, "a version above %" PRId64 ", or the bytes released under it",
        m->known->version);
    say(check->have, "version %" PRId64, m->subject->version);
    if (m->subject->version == 0 || is_same_again(m) || m->subject->version > m->known->version)
        return true;

    m->verdict->rc = RC_ROLLBACK;
    return false;
}

static bool
is_no_jump(const struct matter *m, struct decide_check *check)
{
    say(check->want, "a version up to %" PRId64, m->known->version + VERSION_STEP_MAX);
    say(check->have, "version %" PRId64, m->subject->version);
    return m->subject->version <= m->known->version + VERSION_STEP_MAX;
}

static bool
is_next_root(const struct matter *m, struct decide_check *check)
{
    say(check->want, "version %" PRId64 ": root goes up by one", m->known->version + 1);
    say(check->have, "version %" PRId64, m->subject->version);
    return m->subject->rank != RANK_ROOT || m->subject->version == 0 || is_same_again(m) ||
           m->subject->version == m->known->version + 1;
}

/* In this order; the first that does not hold decides. What is asked after has_key is told only to
 * callers who may use a key there: it shows the scopes of keys, and what was released. */
static const struct {
    const char *name;
    enum reason reason; /* unless the rule finds a closer one */
    bool (*holds)(const struct matter *m, struct decide_check *check);
} rules[] = {
    {"normal-form", REASON_NOT_NORMAL, is_normal},
    {"format", REASON_TYPE, is_sound},
    {"expiry", REASON_EXPIRED, is_unexpired},
    {"base", REASON_BASE, has_sound_base},
    {"keys", REASON_NOT_GRANTED, has_key},
    {"own-keys", REASON_OWN_KEY_OUTSIDE_SCOPE, lists_own_keys_in_scope},
    {"tokens", REASON_TOKEN, has_tokens},
    {"mark", REASON_ROLLBACK, is_no_rollback},
    {"version-step", REASON_VERSION_JUMP, is_no_jump},
    {"root-version", REASON_ROOT_VERSION, is_next_root},
};
_Static_assert(N_ELEMENTS(rules) <= DECIDE_CHECKS_MAX, "a verdict has room for every rule");

static enum rc
judge(const struct matter *m)
{
    struct decide_verdict *verdict = m->verdict;

    for (size_t i = 0; i < N_ELEMENTS(rules); i++) {
        struct decide_check *check = &verdict->checks[verdict->n_checks++];

        verdict->rc = RC_DENIED;
        check->rule = rules[i].name;
        check->reason = rules[i].reason;
        check->holds = rules[i].holds(m, check);
        if (!check->holds) {
            verdict->failed = check;
            return verdict->rc;
        }

        check->reason = REASON_NONE;
        check->want[0] = check->have[0] = 0;
    }

    verdict->rc = RC_OK;
    return verdict->rc;
}

/* Which of several refusals stands for the request: a client can mend a rollback or a stale base by
 * itself, an absent token with somebody's help, and a denial not at all. */
static int
severity(enum rc rc)
{
    if (rc == RC_OK)
        return 0;

    return rc == RC_ROLLBACK || rc == RC_STALE ? 1 : rc == RC_DENIED ? 3 : 2;
}

enum rc
decide(struct decision **ret, const struct decide_request *request, struct why *why)
{
    closing(decision_freep) struct decision *decision = calloc(1, sizeof *decision);
    if (!decision)
        return fail_memory(why);

    decision->rc = RC_DENIED;
    decision->verdicts = calloc(request->n_subjects, sizeof *decision->verdicts);
    if (!decision->verdicts)
        return fail_memory(why);

    decision->n_verdicts = request->n_subjects;
    for (size_t i = 0; i < request->n_subjects; i++) {
        struct decide_verdict *verdict = &decision->verdicts[i];
        verdict->rc = RC_DENIED;
        verdict->choices = calloc(request->subjects[i]->n_keys, sizeof *verdict->choices);
        if (!verdict->choices)
            return fail_memory(why);
        verdict->n_choices = request->subjects[i]->n_keys;
    }

    decision->rc = request->n_subjects > 0 ? RC_OK : RC_DENIED;
    for (size_t i = 0; i < request->n_subjects; i++) {
        struct matter m = {
            request, request->subjects[i], &request->known[i], &decision->verdicts[i]};
        enum rc rc = judge(&m);
        if (severity(rc) > severity(decision->rc)) {
            decision->rc = rc;
            decision->refused = i;
        }
    }

    *ret = steal(decision);
    return RC_OK;
}

void
decision_free(struct decision *decision)
{
    if (!decision)
        return;

    for (size_t i = 0; i < decision->n_verdicts; i++)
        free(decision->verdicts[i].choices);
    free(decision->verdicts);
    free(decision);
}
