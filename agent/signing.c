/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/signing.h"

#include "agent/answer.h"
#include "agent/ledger_past.h"
#include "agent/ledger_unpublished.h"
#include "agent/parking.h"
#include "agent/signed.h"
#include "agent/vigil.h"
#include "proto/bounds.h"

/*
 *   judged ──allowed──▶ WAITING ──its turn──▶ judged again ──allowed──▶ SIGNING ──all signed──▶
 *    ▲ │  └──allowed, its turn at once───────────────│──────────────▶   RECORDING ──durable──▶
 *    │ │                                              │                              replied
 *    │ ├──denied───────────────────────────────────────┴──▶ RECORDING ──▶ refused
 *    │ └──needs votes──▶ RECORDING ──parked──▶ its id is told
 *    └─────────────────── VIGIL ◀── and the call waits
 *
 * Only what is allowed waits for its turn: its place in the queue is one that nobody else has
 * meanwhile. A failed or cancelled request leaves a record and no mark.
 */
struct signing {
    struct ending ending;
    struct reservation *reservation;
    struct waiting *waiting;       /* NULL: nobody wants to know */
    struct signatures *signatures; /* NULL: not begun */
    struct vigil *vigil;           /* NULL: no votes are waited for */
};

static void
signing_free(struct signing *s)
{
    if (!s)
        return;

    vigil_free(s->vigil);
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

    if (s->ending.outcome == AUDIT_PARKED)
        answer_decision(s->ending.conn, s->ending.agent, s->ending.judgment, s->ending.record);
    else
        conn_reply(
            s->ending.conn, signed_format(s->ending.judgment, s->signatures, s->ending.record));
}

/* Whoever denied it while it was being signed was in time. */
static enum rc
use_votes(const struct votes *votes, struct ledger *ledger, struct why *why)
{
    closing(parked_done) struct parked parked = {0};

    enum rc rc = ledger_parked(&parked, ledger, votes->id, votes->expires_at - 1, why);
    if (rc == RC_NOT_FOUND || (!rc && parked.state == PARKED_DENIED))
        return fail(why, RC_PENDING, "request %s was denied or withdrawn", votes->id);

    return rc ? rc : ledger_put_released(ledger, votes->id, why);
}

/* What who may change some tags only would take back, if the version is never published. */
static enum rc
put_unpublished(const struct judgment *j, size_t i, struct ledger *ledger, struct why *why)
{
    const struct subject *subject = j->subjects[i];
    const struct decide_known *fact = &j->known->facts[i];

    if ((fact->base != DECIDE_BASE_FILE && fact->base != DECIDE_BASE_EMPTY) ||
        !policy_limits_tags(j->policy, subject->repository, subject->role))
        return RC_OK;

    const struct ledger_change change = {subject->repository, subject->role, subject->version,
        fact->base_version, fact->version, fact->tags, fact->n_tags};
    return ledger_put_unpublished(ledger, &change, why);
}

static enum rc
write_released(struct signing *s, struct ledger *ledger, struct why *why)
{
    const struct votes *votes = &s->ending.judgment->votes;

    for (size_t i = 0; i < s->ending.judgment->n_subjects; i++) {
        const struct subject *subject = s->ending.judgment->subjects[i];
        struct ledger_mark mark = {subject->version, subject->digest, subject->delegations};

        enum rc rc = subject->rank == RANK_ROOT
                         ? ledger_use_supersession(
                               ledger, subject->repository, subject->version, &subject->digest, why)
                         : RC_OK;
        if (!rc)
            rc = ledger_put_mark(ledger, subject->repository, subject->role, &mark, why);
        if (rc)
            return rc;

        rc = put_unpublished(s->ending.judgment, i, ledger, why);
        if (!rc && subject->rank == RANK_ROOT)
            rc = signed_put_root(ledger, s->ending.judgment, s->signatures, i, why);
        if (rc)
            return rc;
    }

    return votes->id[0] ? use_votes(votes, ledger, why) : RC_OK;
}

static enum rc
on_write(void *request, struct ledger *ledger, struct why *why)
{
    struct signing *s = request;

    return s->ending.outcome == AUDIT_PARKED
               ? parking_put(s->ending.judgment, ledger, s->ending.peer->uid, why)
               : write_released(s, ledger, why);
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
    vigil_free(steal(s->vigil));
    signatures_stop(s->signatures);
    if (s->ending.outcome != AUDIT_RELEASED) /* others need not wait for a record */
        reservation_free(steal(s->reservation));
}

static enum rc
judge_again(struct signing *s, struct why *why)
{
    return s->ending.agent->policy
               ? judgment_decide(s->ending.judgment, s->ending.agent, s->ending.peer, why)
               : fail(why, RC_DENIED, "the policy went away");
}

static void
describe_wait(char text[WAITING_TEXT_BYTES], void *userdata)
{
    const struct signing *s = userdata;
    const struct subject *subject = s->ending.judgment->subjects[0];

    if (s->vigil)
        parking_describe(text, WAITING_TEXT_BYTES, s->ending.judgment, s->ending.peer->uid);
    else if (!signatures_describe_wait(s->signatures, text))
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

static void on_woken(void *userdata);

/* Its call waits for votes, if it wants to; else its id is the answer. */
static bool
on_parked(void *request)
{
    struct signing *s = request;
    struct vigil_request vigil = {s->ending.judgment->votes.id, s->ending.peer->uid, on_woken, s};

    if (!conn_wants(s->ending.conn).more || !s->ending.judgment->request.wait ||
        parking_n_bytes(s->ending.judgment) > VIGIL_MAX_BYTES ||
        vigil_new(&s->vigil, s->ending.agent->vigils, &vigil, NULL))
        return false;

    waiting_free(steal(s->waiting));
    if (tell_waits(s, NULL)) {
        vigil_free(steal(s->vigil));
        return false;
    }

    reservation_free(steal(s->reservation));
    ending_reopen(&s->ending);
    return true;
}

/* What is parked already is not recorded again, unless as one more refusal. */
static void
park(struct signing *s)
{
    if (!parking_is_parked(s->ending.judgment))
        ending_finish(&s->ending, AUDIT_PARKED);
    else if (!on_parked(s))
        ending_finish(&s->ending, AUDIT_REFUSED);
}

/* Whether it is, by the decision of just now; else what becomes of it is under way. */
static bool
is_allowed(struct signing *s)
{
    enum rc rc = s->ending.judgment->decision->rc;

    if (rc == RC_PENDING)
        park(s);
    else if (rc)
        ending_finish(&s->ending, AUDIT_REFUSED);
    return !rc;
}

/* Its turn has come: no other request holds one of its roles. */
static void
on_granted(void *userdata)
{
    struct signing *s = userdata;
    struct why why;

    enum rc rc = judge_again(s, &why);
    if (rc) {
        ending_fail(&s->ending, rc, &why);
        return;
    }

    if (!is_allowed(s))
        return;

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
begin(struct signing *s)
{
    struct why why;

    if (!is_allowed(s))
        return;

    enum rc rc = wait_for_turn(s, &why);
    if (!rc && reservation_is_granted(s->reservation)) /* nothing changed since it was judged */
        rc = signatures_begin(&s->signatures, &s->ending, &why);
    if (rc)
        ending_fail(&s->ending, rc, &why);
}

/* Somebody voted, the policy changed, or the parked request is no more. */
static void
on_woken(void *userdata)
{
    struct signing *s = userdata;
    struct why why;

    enum rc rc = judge_again(s, &why);
    if (rc) {
        ending_fail(&s->ending, rc, &why);
        return;
    }

    bool is_pending = s->ending.judgment->decision->rc == RC_PENDING;
    if (is_pending && parking_is_parked(s->ending.judgment))
        return;

    vigil_free(steal(s->vigil));
    ending_hurry(&s->ending);
    if (is_pending) /* expired, or withdrawn */
        ending_finish(&s->ending, AUDIT_REFUSED);
    else
        begin(s);
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
            .stay = on_parked,
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
