/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ending.h"

#include "agent/answer.h"

static enum rc
on_write(void *userdata, struct ledger *ledger, struct why *why)
{
    struct ending *e = userdata;
    struct judgment_end end = {e->agent, e->peer, e->method, e->outcome,
        e->outcome == AUDIT_FAILED ? e->failed_why.text : NULL};

    enum rc rc = judgment_record(&e->record, e->judgment, &end, why);
    if (rc)
        return rc;

    return e->outcome == AUDIT_RELEASED ? e->write(e->request, ledger, why) : RC_OK;
}

static void
answer_failure(const struct ending *e)
{
    bool is_of_token = e->failed == RC_TOKEN || e->failed == RC_LOCKED || e->failed == RC_TIMEOUT;

    if (e->token && is_of_token)
        answer_token(e->conn, e->failed, e->token, e->failed_why.text);
    else
        answer_error(e->conn, e->failed, &e->failed_why);
}

/* The record is durable, or cannot be written: then nothing is released. */
static void
on_recorded(void *userdata, enum rc rc, const struct why *why)
{
    struct ending *e = userdata;

    if (e->conn) {
        conn_set_work(e->conn, NULL, NULL);
        if (e->outcome == AUDIT_REFUSED)
            answer_decision(e->conn, e->agent, e->judgment);
        else if (e->outcome == AUDIT_FAILED)
            answer_failure(e);
        else if (rc)
            answer_error(e->conn, rc, why);
        else
            e->reply(e->request);
    }

    e->free(e->request);
}

void
ending_finish(struct ending *e, enum audit_outcome outcome)
{
    struct release_item item = {on_write, on_recorded, e};
    struct why why;

    e->is_finishing = true;
    e->outcome = outcome;
    e->stop(e->request);
    enum rc rc = release_add(e->agent->release, &item, &why);
    if (rc)
        on_recorded(e, rc, &why);
}

void
ending_fail(struct ending *e, enum rc rc, const struct why *why)
{
    e->failed = rc;
    e->failed_why = *why;
    ending_finish(e, AUDIT_FAILED);
}

void
ending_blame(struct ending *e, const struct decide_choice *choice)
{
    e->token = choice->key->token;
}

/* The client hung up: queued work is dropped, and the record says so. Once it is being recorded it
 * goes on: what is released stays released. */
static void
on_cancel(void *work)
{
    struct ending *e = work;

    e->conn = NULL;
    if (!e->is_finishing)
        ending_finish(e, AUDIT_CANCELLED);
}

void
ending_begin(struct ending *e)
{
    conn_set_work(e->conn, e, on_cancel);
}

void
ending_done(struct ending *e)
{
    judgment_free(e->judgment);
    peer_unref(e->peer);
}
