/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/decide.h"

#include <inttypes.h>

#include "agent/objection.h"
#include "proto/bounds.h"
#include "proto/reference.h"

/* Rules about the document itself. Each fills in want and have where it does not hold. */

/* Rule 4: one repository has one spelling, else scopes and marks could be passed by. */
static bool
is_normal(const struct matter *m, struct decide_check *check)
{
    objection_put(check->want, "the repository in its normal form");
    objection_put(check->have, "'%s'", m->subject->repository);
    return repository_is_normal(m->subject->repository);
}

/* Rules 3, 4 and 12: what the scan of the document found. */
static bool
is_sound(const struct matter *m, struct decide_check *check)
{
    if (m->subject->flaw == REASON_NONE)
        return true;

    check->reason = m->subject->flaw;
    objection_put(check->want, "a document that follows the rules of its format");
    objection_put(check->have, "%s", m->subject->flaw_why.text);
    return false;
}

static bool
is_unexpired(const struct matter *m, struct decide_check *check)
{
    objection_put(check->want, "an expiry in the future");
    objection_put(check->have, "%" PRId64 " s ago", m->request->now - m->subject->expires_at);
    return m->subject->expires_at > m->request->now;
}

/* Rule 6: a document that lists one of our keys where its scope does not reach would carry the
 * authority of every grant on that key to there. */
static bool
lists_own_keys_in_scope(const struct matter *m, struct decide_check *check)
{
    for (size_t i = 0; i < m->subject->n_listings; i++) {
        const struct subject_listing *listing = &m->subject->listings[i];
        const struct decide_key *key = weigh_find_key(m->request, &listing->key);
        closing(freep) char *role = span_dup(listing->role);

        if (!key || (role && policy_key_covers(key->policy, m->subject->repository, role)))
            continue;

        objection_put(check->want, "'%s' listed only where its scope reaches", key->policy->name);
        objection_put(check->have, "role '%s' of '%s'", role ? role : "?", m->subject->repository);
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

    objection_put(check->want, "a published chain that verifies");
    objection_put(check->have, "%s", m->known->base_problem);
    return false;
}

/* Rules 3 to 7, 9 to 13: at least one key signs. A key whose token is away, or for which others
 * must agree first, counts here; later rules ask for that. */
static bool
has_key(const struct matter *m, struct decide_check *check)
{
    struct decide_verdict *verdict = m->verdict;
    size_t closest = 0;

    for (size_t i = 0; i < verdict->n_choices; i++) {
        weigh_wanted(m, &m->subject->keys[i], &verdict->choices[i]);
        if (weigh_closeness(verdict->choices[i].left_out) >
            weigh_closeness(verdict->choices[closest].left_out))
            closest = i;
    }

    struct decide_choice *choice = &verdict->choices[closest];
    if (choice->left_out == REASON_NO_SUCH_KEY)
        weigh_unseen(m, choice);
    verdict->grant = choice->grant;
    verdict->rc = choice->left_out == REASON_STALE ? RC_STALE : RC_DENIED;
    check->reason = choice->left_out;
    if (choice->left_out == REASON_NONE || choice->left_out == REASON_TOKEN ||
        choice->left_out == REASON_APPROVALS)
        return true;

    objection_say(m, choice, closest, check);
    return false;
}

/* Rule 8: the roots of a repository that was deleted, and made again with the same root key, would
 * be roots of the new one. */
static bool
is_no_replay(const struct matter *m, struct decide_check *check)
{
    const struct decide_key *key =
        m->known->replays ? weigh_find_key(m->request, m->known->replays) : NULL;

    objection_put(check->want, "a root key without a past in '%s', which was retired",
        m->subject->repository);
    objection_put(check->have, "'%s', with which newer roots were signed",
        key                 ? key->policy->name
        : m->known->replays ? m->known->replays->hex
                            : "");
    return !m->known->replays;
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
    objection_put(check->want, "the token of key '%s' to be ready", away->key->policy->name);
    objection_put(check->have, "%s", away->key->detail);
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
    objection_put(check->want, "a version above %" PRId64 ", or the bytes released under it",
        m->known->version);
    objection_put(check->have, "version %" PRId64, m->subject->version);
    if (m->subject->version == 0 || is_same_again(m) || m->subject->version > m->known->version)
        return true;

    m->verdict->rc = RC_ROLLBACK;
    return false;
}

static bool
is_no_jump(const struct matter *m, struct decide_check *check)
{
    objection_put(check->want, "a version up to %" PRId64, m->known->version + VERSION_STEP_MAX);
    objection_put(check->have, "version %" PRId64, m->subject->version);
    return m->subject->version <= m->known->version + VERSION_STEP_MAX;
}

static bool
is_next_root(const struct matter *m, struct decide_check *check)
{
    objection_put(check->want, "version %" PRId64 ": root goes up by one", m->known->version + 1);
    objection_put(check->have, "version %" PRId64, m->subject->version);
    return m->subject->rank != RANK_ROOT || m->subject->version == 0 || is_same_again(m) ||
           m->subject->version == m->known->version + 1;
}

/* Rule 13: asked last, so that nobody votes on what would be refused anyway. A key for which others
 * must agree waits for them, unless the client said partial and another key signs. */
static bool
has_approvals(const struct matter *m, struct decide_check *check)
{
    size_t waiting = m->verdict->n_choices;
    bool signs = false;

    for (size_t i = 0; i < m->verdict->n_choices; i++) {
        const struct decide_choice *choice = &m->verdict->choices[i];
        if (choice->left_out == REASON_APPROVALS && waiting == m->verdict->n_choices)
            waiting = i;
        signs = signs || choice->left_out == REASON_NONE;
    }

    if (waiting == m->verdict->n_choices || (m->request->is_partial && signs))
        return true;

    m->verdict->grant = m->verdict->choices[waiting].grant;
    objection_say(m, &m->verdict->choices[waiting], waiting, check);
    if (m->request->denial) {
        check->reason = REASON_APPROVAL_DENIED;
        objection_put(check->have, "%s", m->request->denial);
        return false;
    }

    m->verdict->rc = RC_PENDING;
    return false;
}

/* In this order; the first that does not hold decides. What is asked after has_key is told only to
 * callers who may use a key there: it shows the scopes of keys, what was seen published, and what
 * was released. */
static const struct {
    const char *name;
    enum reason reason; /* unless the rule finds a closer one */
    bool (*holds)(const struct matter *m, struct decide_check *check);
} rules[] = {
    {"normal-form", REASON_NOT_NORMAL, is_normal},
    {"format", REASON_TYPE, is_sound},
    {"expiry", REASON_EXPIRED, is_unexpired},
    {"keys", REASON_NOT_GRANTED, has_key},
    {"base", REASON_BASE, has_sound_base},
    {"own-keys", REASON_OWN_KEY_OUTSIDE_SCOPE, lists_own_keys_in_scope},
    {"replay", REASON_REPLAY, is_no_replay},
    {"tokens", REASON_TOKEN, has_tokens},
    {"mark", REASON_ROLLBACK, is_no_rollback},
    {"version-step", REASON_VERSION_JUMP, is_no_jump},
    {"root-version", REASON_ROOT_VERSION, is_next_root},
    {"approvals", REASON_APPROVALS, has_approvals},
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

/* Which of several refusals stands for the request: a vote is asked for only where nothing else is
 * missing, a client can mend a rollback or a stale base by itself, an absent token with somebody's
 * help, and a denial not at all. */
static int
severity(enum rc rc)
{
    if (rc == RC_OK || rc == RC_PENDING)
        return rc == RC_PENDING;

    return rc == RC_ROLLBACK || rc == RC_STALE ? 2 : rc == RC_DENIED ? 4 : 3;
}

void
decide_count(int64_t *counts, const struct policy *policy, const struct decide_verdict *verdict)
{
    for (size_t i = 0; i < verdict->n_choices; i++) {
        bool is_counted = verdict->choices[i].left_out != REASON_NONE;
        for (size_t k = 0; k < i; k++)
            is_counted = is_counted || (verdict->choices[k].left_out == REASON_NONE &&
                                           verdict->choices[k].grant == verdict->choices[i].grant);
        if (!is_counted)
            counts[verdict->choices[i].grant - policy->grants]++;
    }
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

    closing(freep) int64_t *taken = calloc(request->policy->n_grants + 1, sizeof *taken);
    if (!taken)
        return fail_memory(why);

    decision->rc = request->n_subjects > 0 ? RC_OK : RC_DENIED;
    for (size_t i = 0; i < request->n_subjects; i++) {
        struct matter m = {
            request, request->subjects[i], &request->known[i], &decision->verdicts[i], taken};
        enum rc rc = judge(&m);
        if (!rc)
            decide_count(taken, request->policy, &decision->verdicts[i]);
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
