/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/signatures.h"

#include "proto/bounds.h"

struct signature_job {
    struct signatures *signatures;
    size_t document, choice;
    enum verify_method method;
    struct keyring_job *pending; /* NULL: not begun, or over */
    struct bytes signature;
};

struct signatures {
    struct ending *ending;
    struct signature_job *jobs;
    size_t n_jobs, n_pending;
};

void
signatures_stop(struct signatures *s)
{
    for (size_t i = 0; s && i < s->n_jobs; i++)
        keyring_cancel(steal(s->jobs[i].pending));
}

static void
drop_jobs(struct signatures *s)
{
    signatures_stop(s);
    for (size_t i = 0; i < s->n_jobs; i++)
        bytes_done(&s->jobs[i].signature);
    free(s->jobs);
    s->jobs = NULL;
    s->n_jobs = s->n_pending = 0;
}

void
signatures_free(struct signatures *s)
{
    if (!s)
        return;

    drop_jobs(s);
    free(s);
}

struct span
signatures_find(
    const struct signatures *s, size_t document, size_t choice, enum verify_method *ret_method)
{
    for (size_t i = 0; s && i < s->n_jobs; i++) {
        const struct signature_job *job = &s->jobs[i];
        if (job->document != document || job->choice != choice)
            continue;

        *ret_method = job->method;
        return bytes_span(&job->signature);
    }

    return (struct span){0};
}

/* A key that cannot sign after all: others may be enough where the client said partial. */
static bool
leave_out(struct signatures *s, const struct signature_job *job)
{
    struct judgment *j = s->ending->judgment;
    struct decide_verdict *verdict = &j->decision->verdicts[job->document];
    size_t signing = 0;

    if (!j->request.partial)
        return false;

    verdict->choices[job->choice].left_out = REASON_TOKEN;
    for (size_t i = 0; i < verdict->n_choices; i++)
        signing += verdict->choices[i].left_out == REASON_NONE;
    return signing > 0;
}

static const struct decide_choice *
choice_of(const struct signature_job *job)
{
    const struct decision *decision = job->signatures->ending->judgment->decision;

    return &decision->verdicts[job->document].choices[job->choice];
}

/* The one that waits longest: should the time be up, it is its token that did not answer. NULL:
 * none waits. */
static const struct signature_job *
find_pending(const struct signatures *s)
{
    for (size_t i = 0; i < s->n_jobs; i++)
        if (s->jobs[i].pending)
            return &s->jobs[i];

    return NULL;
}

static void
on_signed(void *userdata, enum rc rc, struct span signature, const struct why *why)
{
    struct signature_job *job = userdata;
    struct signatures *s = job->signatures;
    struct why memory;

    job->pending = NULL;
    s->n_pending--;
    if (!rc) {
        bytes_put(&job->signature, signature);
        rc = bytes_check(&job->signature, &memory);
        why = rc ? &memory : why;
    } else if (leave_out(s, job)) {
        rc = RC_OK;
    }

    if (rc) {
        ending_blame(s->ending, choice_of(job));
        ending_fail(s->ending, rc, why);
    } else if (s->n_pending == 0) {
        ending_finish(s->ending, AUDIT_RELEASED);
    } else {
        ending_blame(s->ending, choice_of(find_pending(s)));
    }
}

static bool may_go(void *userdata);

static enum rc
add_job(struct signatures *s, size_t document, size_t choice, struct why *why)
{
    struct ending *ending = s->ending;
    struct signature_job *job = &s->jobs[s->n_jobs++];

    *job = (struct signature_job){
        .signatures = s,
        .document = document,
        .choice = choice,
        .signature = BYTES_INIT(SIGNATURE_MAX_BYTES),
    };

    const struct keyring_key *key = keyring_find(ending->agent->keyring, &choice_of(job)->key->id);
    ending_blame(ending, choice_of(job));
    if (!key)
        return fail(why, RC_TOKEN, "a key went away with its token");

    const struct subject *subject = ending->judgment->subjects[document];
    job->method = verify_method_of(key->pubkey);
    struct keyring_order order = {.key = key,
        .method = job->method,
        .message = subject->message,
        .digest = &subject->digest,
        .lane = ending->peer->lane,
        .callback = on_signed,
        .userdata = job,
        .may_go = may_go};
    enum rc rc = keyring_sign(&job->pending, &order, why);
    if (rc)
        return rc;

    s->n_pending++;
    return RC_OK;
}

static enum rc
add_jobs(struct signatures *s, const struct decision *decision, struct why *why)
{
    for (size_t i = 0; i < decision->n_verdicts; i++)
        for (size_t k = 0; k < decision->verdicts[i].n_choices; k++) {
            if (decision->verdicts[i].choices[k].left_out != REASON_NONE)
                continue;

            enum rc rc = add_job(s, i, k, why);
            if (rc)
                return rc;
        }

    return RC_OK;
}

/* How many signatures the decision allows. */
static size_t
count_signatures(const struct decision *decision)
{
    size_t n = 0;

    for (size_t i = 0; i < decision->n_verdicts; i++)
        for (size_t k = 0; k < decision->verdicts[i].n_choices; k++)
            n += decision->verdicts[i].choices[k].left_out == REASON_NONE;

    return n;
}

static enum rc
plan(struct signatures *s, struct why *why)
{
    const struct decision *decision = s->ending->judgment->decision;
    size_t n = count_signatures(decision);

    if (n > SIGNATURES_MAX_PER_SIGN) /* before anything is released that cannot be replied */
        return fail(why, RC_TOO_LARGE, "SIGNATURES_MAX_PER_SIGN");

    s->jobs = calloc(n, sizeof *s->jobs);
    return s->jobs ? add_jobs(s, decision, why) : fail_memory(why);
}

/* Whether a decision that was made anew wants the signatures that are under way, and no others. */
static bool
is_as_planned(const struct signatures *s)
{
    for (size_t i = 0; i < s->n_jobs; i++) {
        const struct signature_job *job = &s->jobs[i];
        bool is_wanted = choice_of(job)->left_out == REASON_NONE;
        if (!is_wanted || (!job->pending && job->signature.len == 0))
            return false;
    }

    return s->n_jobs == count_signatures(s->ending->judgment->decision);
}

static bool
may_go(void *userdata)
{
    const struct signature_job *job = userdata;
    struct signatures *s = job->signatures;
    bool is_new = false;
    struct why why;

    if (!ending_still_holds(s->ending, &is_new))
        return false;

    if (!is_new || is_as_planned(s)) {
        ending_blame(s->ending, choice_of(find_pending(s)));
        return true;
    }

    drop_jobs(s); /* this one with them */
    enum rc rc = plan(s, &why);
    if (rc)
        ending_fail(s->ending, rc, &why);
    return false;
}

enum rc
signatures_begin(struct signatures **ret, struct ending *ending, struct why *why)
{
    closing(signatures_freep) struct signatures *s = calloc(1, sizeof *s);
    if (!s)
        return fail_memory(why);

    s->ending = ending;
    ending_expect(ending);
    enum rc rc = plan(s, why);
    *ret = steal(s);
    return rc;
}

bool
signatures_describe_wait(const struct signatures *s, char text[WAITING_TEXT_BYTES])
{
    const struct signature_job *job = s ? find_pending(s) : NULL;
    if (!job)
        return false;

    const struct subject *subject = s->ending->judgment->subjects[job->document];
    struct keyring_wait wait = keyring_wait(job->pending);
    if (wait.is_queued)
        snprintf(
            text, WAITING_TEXT_BYTES, "queued behind %zu for token '%s'", wait.n_ahead, wait.token);
    else
        snprintf(text, WAITING_TEXT_BYTES, "waiting for %s '%s' for %s of %s",
            wait.wants_touch ? "touch on" : "token", wait.token, subject->role,
            subject->repository);
    return true;
}
