/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/signing.h"

#include "agent/answer.h"
#include "agent/signed.h"
#include "proto/bounds.h"

/*
 *   judged ──allowed──▶ WAITING ──its turn──▶ judged again ──allowed──▶ SIGNING ──all signed──▶
 *      │  └──allowed, its turn at once───────────────│──────────────▶   RECORDING ──durable──▶
 * replied └──denied───────────────────────────────────┴──▶ RECORDING ──▶ refused
 *
 * Only what is allowed waits: its place in the queue is one that nobody else has meanwhile. A
 * failed or cancelled request leaves a record and no mark.
 */
struct signing {
    struct ending ending;
    struct reservation *reservation;
    struct waiting *waiting;       /* NULL: nobody wants to know */
    struct signatures *signatures; /* NULL: not begun */
};

static void
signing_free(struct signing *s)
{
    if (!s)
        return;

    signatures_free(s->signatures);
    waiting_free(s->waiting);
    reservation_free(s->reservation);
    ending_done(&s->ending);
    free(s);
}

DEFINE_CLEANUP(struct signing, signing_free);

static void
on_reply(void *request)
{
    struct signing *s = request;

    conn_reply(s->ending.conn, signed_format(s->ending.judgment, s->signatures, s->ending.record));
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
            rc = signed_put_root(ledger, s->ending.judgment, s->signatures, i, why);
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
    signatures_stop(s->signatures);
    if (s->ending.outcome != AUDIT_RELEASED) /* others need not wait for a record */
        reservation_free(steal(s->reservation));
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

    rc = signatures_begin(&s->signatures, &s->ending, &why);
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
    const struct subject *subject = s->ending.judgment->subjects[0];

    if (!signatures_describe_wait(s->signatures, text))
        snprintf(text, WAITING_TEXT_BYTES, "waiting for another request for %s of %s",
            subject->role, subject->repository);
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
        rc = signatures_begin(&s->signatures, &s->ending, &why);
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
