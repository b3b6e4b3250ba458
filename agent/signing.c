/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/signing.h"

#include "agent/answer.h"
#include "agent/ending.h"
#include "agent/subject_notary.h"
#include "agent/waiting.h"
#include "proto/bounds.h"

/*
 *   judged ──allowed──▶ WAITING ──its turn──▶ judged again ──allowed──▶ SIGNING ──all signed──▶
 *      │  └──allowed, its turn at once───────────────│──────────────▶   RECORDING ──durable──▶
 * replied └──denied───────────────────────────────────┴──▶ RECORDING ──▶ refused
 *
 * Only what is allowed waits: its place in the queue is one that nobody else has meanwhile. A
 * failed or cancelled request leaves a record and no mark.
 */
struct signature_job {
    struct signing *signing;
    size_t document, choice;
    enum verify_method method;
    struct keyring_job *pending; /* NULL: not begun, or over */
    struct bytes signature;
};

struct signing {
    struct ending ending;
    struct reservation *reservation;
    struct waiting *waiting; /* NULL: nobody wants to know */
    struct signature_job *jobs;
    size_t n_jobs, n_pending;
};

static void
signing_free(struct signing *s)
{
    if (!s)
        return;

    for (size_t i = 0; i < s->n_jobs; i++) {
        keyring_cancel(s->jobs[i].pending);
        bytes_done(&s->jobs[i].signature);
    }
    free(s->jobs);
    waiting_free(s->waiting);
    reservation_free(s->reservation);
    ending_done(&s->ending);
    free(s);
}

DEFINE_CLEANUP(struct signing, signing_free);

static const struct signature_job *
find_job(const struct signing *s, size_t document, size_t choice)
{
    for (size_t i = 0; i < s->n_jobs; i++)
        if (s->jobs[i].document == document && s->jobs[i].choice == choice)
            return &s->jobs[i];

    return NULL;
}

static json_t *
format_signature(const struct signature_job *job, const struct decide_choice *choice)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(2 * SIGNATURE_MAX_BYTES);

    bytes_put_base64(&text, bytes_span(&job->signature));
    return json_pack("{s:s,s:s,s:s,s:s}", "key", choice->key->id.hex, "name",
        choice->key->policy->name, "method", verify_method_name(job->method), "sig",
        bytes_text(&text));
}

static json_t *
format_document(const struct signing *s, size_t document)
{
    const struct decide_verdict *verdict = &s->ending.judgment->decision->verdicts[document];
    char digest[DIGEST_HEX_LEN + 1];
    json_t *signatures = json_array(), *left_out = json_object();

    for (size_t i = 0; i < verdict->n_choices; i++) {
        const struct decide_choice *choice = &verdict->choices[i];
        const struct signature_job *job = find_job(s, document, i);

        if (choice->left_out != REASON_NONE)
            answer_set(&left_out, s->ending.judgment->subjects[document]->keys[i].hex,
                json_string(reason_id(choice->left_out)));
        else if (job)
            answer_add(&signatures, format_signature(job, choice));
    }

    digest_hex(digest, &s->ending.judgment->subjects[document]->digest);
    return json_pack(
        "{s:s,s:o,s:o}", "digest", digest, "signatures", signatures, "left_out", left_out);
}

/* Names of all grants under which something was signed, each once. */
static json_t *
format_grants(const struct judgment *j)
{
    json_t *names = json_object(), *grants = json_array();
    const char *name;
    json_t *value;

    for (size_t i = 0; i < j->n_subjects; i++)
        for (size_t k = 0; k < j->decision->verdicts[i].n_choices; k++) {
            const struct decide_choice *choice = &j->decision->verdicts[i].choices[k];
            if (choice->left_out == REASON_NONE)
                answer_set(&names, choice->grant->name, json_true());
        }

    json_object_foreach(names, name, value)
        answer_add(&grants, json_string(name));
    if (!names)
        json_decref(steal(grants));
    json_decref(names);
    return grants;
}

static void
on_reply(void *request)
{
    struct signing *s = request;
    json_t *documents = json_array();

    for (size_t i = 0; i < s->ending.judgment->n_subjects; i++)
        answer_add(&documents, format_document(s, i));
    conn_reply(s->ending.conn,
        json_pack("{s:o,s:o,s:I}", "documents", documents, "grants",
            format_grants(s->ending.judgment), "record", (json_int_t)s->ending.record));
}

/* The published form of a root that was just signed: what a client that comes back finishes with.
 */
static enum rc
write_root(struct signing *s, size_t document, struct ledger *ledger, struct why *why)
{
    const struct subject *subject = s->ending.judgment->subjects[document];
    const struct decide_verdict *verdict = &s->ending.judgment->decision->verdicts[document];
    closing(bytes_done) struct bytes file = BYTES_INIT(DOCUMENT_MAX_BYTES);
    struct subject_signature signatures[KEYS_WANTED_MAX];
    size_t n = 0;

    for (size_t i = 0; i < verdict->n_choices && n < KEYS_WANTED_MAX; i++) {
        const struct signature_job *job = find_job(s, document, i);
        if (job && job->signature.len > 0)
            signatures[n++] = (struct subject_signature){
                &verdict->choices[i].key->id, bytes_span(&job->signature)};
    }

    enum rc rc = subject_notary_publish_root(&file, subject->message, signatures, n, why);
    if (rc)
        return rc;

    return ledger_put_root(
        ledger, subject->repository, subject->version, bytes_span(&file), "signed", why);
}

static enum rc
on_write(void *request, struct ledger *ledger, struct why *why)
{
    struct signing *s = request;

    for (size_t i = 0; i < s->ending.judgment->n_subjects; i++) {
        const struct subject *subject = s->ending.judgment->subjects[i];
        struct ledger_mark mark = {subject->version, subject->digest, subject->delegations};

        enum rc rc = ledger_put_mark(ledger, subject->repository, subject->role, &mark, why);
        if (rc)
            return rc;

        if (subject->rank == RANK_ROOT)
            rc = write_root(s, i, ledger, why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

static void
on_free(void *request)
{
    signing_free(request);
}

static void
on_stop(void *request)
{
    struct signing *s = request;

    waiting_free(steal(s->waiting));
    for (size_t i = 0; i < s->n_jobs; i++)
        keyring_cancel(steal(s->jobs[i].pending));
    if (s->ending.outcome != AUDIT_RELEASED) /* others need not wait for a record */
        reservation_free(steal(s->reservation));
}

/* A key that cannot sign after all: others may be enough where the client said partial. */
static bool
leave_out(struct signing *s, const struct signature_job *job)
{
    struct decide_verdict *verdict = &s->ending.judgment->decision->verdicts[job->document];
    size_t signing = 0;

    if (!s->ending.judgment->request.partial)
        return false;

    verdict->choices[job->choice].left_out = REASON_TOKEN;
    for (size_t i = 0; i < verdict->n_choices; i++)
        signing += verdict->choices[i].left_out == REASON_NONE;
    return signing > 0;
}

static const struct decide_choice *
choice_of(const struct signature_job *job)
{
    const struct decision *decision = job->signing->ending.judgment->decision;

    return &decision->verdicts[job->document].choices[job->choice];
}

/* The one that waits longest: should the time be up, it is its token that did not answer. There is
 * one. */
static const struct signature_job *
find_pending(const struct signing *s)
{
    size_t i = 0;

    while (!s->jobs[i].pending)
        i++;
    return &s->jobs[i];
}

static void
on_signed(void *userdata, enum rc rc, struct span signature, const struct why *why)
{
    struct signature_job *job = userdata;
    struct signing *s = job->signing;
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
        ending_blame(&s->ending, choice_of(job));
        ending_fail(&s->ending, rc, why);
    } else if (s->n_pending == 0) {
        ending_finish(&s->ending, AUDIT_RELEASED);
    } else {
        ending_blame(&s->ending, choice_of(find_pending(s)));
    }
}

static enum rc
add_job(struct signing *s, size_t document, size_t choice, struct why *why)
{
    struct signature_job *job = &s->jobs[s->n_jobs++];

    *job = (struct signature_job){
        .signing = s,
        .document = document,
        .choice = choice,
        .signature = BYTES_INIT(SIGNATURE_MAX_BYTES),
    };

    const struct keyring_key *key =
        keyring_find(s->ending.agent->keyring, &choice_of(job)->key->id);
    ending_blame(&s->ending, choice_of(job));
    if (!key)
        return fail(why, RC_TOKEN, "a key went away with its token");

    const struct subject *subject = s->ending.judgment->subjects[document];
    job->method = verify_method_of(key->pubkey);
    struct keyring_order order = {
        key, job->method, subject->message, &subject->digest, s->ending.peer->uid, on_signed, job};
    enum rc rc = keyring_sign(&job->pending, &order, why);
    if (rc)
        return rc;

    s->n_pending++;
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
begin_jobs(struct signing *s, struct why *why)
{
    const struct decision *decision = s->ending.judgment->decision;
    size_t n = count_signatures(decision);

    if (n > SIGNATURES_MAX_PER_SIGN) /* before anything is released that cannot be replied */
        return fail(why, RC_TOO_LARGE, "SIGNATURES_MAX_PER_SIGN");

    s->jobs = calloc(n, sizeof *s->jobs);
    if (!s->jobs)
        return fail_memory(why);

    ending_expect(&s->ending);
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

/* Its turn has come: no other request holds one of its roles. */
static void
on_granted(void *userdata)
{
    struct signing *s = userdata;
    struct why why;

    enum rc rc = s->ending.agent->policy
                     ? judgment_decide(s->ending.judgment, s->ending.agent, s->ending.peer, &why)
                     : fail(&why, RC_DENIED, "the policy went away");
    if (rc) {
        ending_fail(&s->ending, rc, &why);
        return;
    }

    if (s->ending.judgment->decision->rc) {
        ending_finish(&s->ending, AUDIT_REFUSED);
        return;
    }

    rc = begin_jobs(s, &why);
    if (rc)
        ending_fail(&s->ending, rc, &why);
}

static enum rc
wait_for_turn(struct signing *s, struct why *why)
{
    struct reservation_name names[DOCUMENTS_MAX];

    for (size_t i = 0; i < s->ending.judgment->n_subjects; i++)
        names[i] = (struct reservation_name){
            s->ending.judgment->subjects[i]->repository, s->ending.judgment->subjects[i]->role};

    struct reservation_request request = {names, s->ending.judgment->n_subjects, on_granted, s};
    return reservation_new(&s->reservation, s->ending.agent->reservations, &request, why);
}

static void
describe_wait(char text[WAITING_TEXT_BYTES], void *userdata)
{
    const struct signing *s = userdata;
    const struct signature_job *job = s->n_pending > 0 ? find_pending(s) : NULL;
    const struct subject *subject = s->ending.judgment->subjects[job ? job->document : 0];

    if (!job) {
        snprintf(text, WAITING_TEXT_BYTES, "waiting for another request for %s of %s",
            subject->role, subject->repository);
        return;
    }

    struct keyring_wait wait = keyring_wait(job->pending);
    if (wait.is_queued)
        snprintf(
            text, WAITING_TEXT_BYTES, "queued behind %zu for token '%s'", wait.n_ahead, wait.token);
    else
        snprintf(text, WAITING_TEXT_BYTES, "waiting for %s '%s' for %s of %s",
            wait.wants_touch ? "touch on" : "token", wait.token, subject->role,
            subject->repository);
}

/* A reply like the last one, in which nothing is signed. */
static json_t *
format_wait(const char *text)
{
    return json_pack("{s:[],s:[],s:i,s:s}", "documents", "grants", "record", 0, "progress", text);
}

static enum rc
tell_waits(struct signing *s, struct why *why)
{
    const struct waiting_teller teller = {describe_wait, format_wait, s};

    if (!conn_wants(s->ending.conn).more)
        return RC_OK;

    return waiting_new(&s->waiting, s->ending.agent->event, s->ending.conn, &teller, why);
}

/* What would become of it: nothing held, recorded or signed. */
static void
answer_dry_run(struct signing *s)
{
    if (s->ending.judgment->decision->rc)
        answer_decision(s->ending.conn, s->ending.agent, s->ending.judgment, 0);
    else
        on_reply(s);
}

static void
begin(struct signing *s)
{
    struct why why;

    if (s->ending.judgment->decision->rc) {
        ending_finish(&s->ending, AUDIT_REFUSED);
        return;
    }

    enum rc rc = wait_for_turn(s, &why);
    if (!rc && reservation_is_granted(s->reservation)) /* nothing changed since it was judged */
        rc = begin_jobs(s, &why);
    if (rc)
        ending_fail(&s->ending, rc, &why);
}

void
signing_start(struct agent *agent, struct conn *conn, const json_t *parameters)
{
    closing(signing_freep) struct signing *s = calloc(1, sizeof *s);
    int document = -1;
    struct why why;

    enum rc rc = s ? RC_OK : fail_memory(&why);
    if (!rc) {
        s->ending = (struct ending){.agent = agent,
            .conn = conn,
            .peer = peer_ref(conn_peer(conn)),
            .method = "Sign",
            .request = s,
            .stop = on_stop,
            .write = on_write,
            .reply = on_reply,
            .free = on_free};
        rc = judgment_new(&s->ending.judgment, parameters, false, &document, &why);
    }
    if (!rc)
        rc = judgment_decide(s->ending.judgment, agent, s->ending.peer, &why);
    if (rc) {
        answer_bad_document(conn, rc, document, &why);
        return;
    }

    if (s->ending.judgment->request.dry_run) {
        answer_dry_run(s);
        return;
    }

    rc = tell_waits(s, &why);
    if (!rc)
        rc = ending_begin(&s->ending, &why);
    if (rc)
        answer_error(conn, rc, &why);
    else
        begin(steal(s)); /* from now on its ending owns it */
}
