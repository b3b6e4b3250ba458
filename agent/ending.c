/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ending.h"

#include "agent/answer.h"
#include "proto/bounds.h"

/* What is published binds also where it is why the request was refused: else another one, which
 * does not show it, would be given what this one was not. */
static bool
heeds_bases(const struct ending *e)
{
    enum rc rc = e->judgment->decision ? e->judgment->decision->rc : RC_DENIED;

    return e->outcome == AUDIT_RELEASED ||
           (e->outcome == AUDIT_REFUSED && (rc == RC_ROLLBACK || rc == RC_STALE));
}

/* Whether more than its record must be durable. */
static bool
writes(const struct ending *e)
{
    return e->outcome == AUDIT_RELEASED || e->outcome == AUDIT_PARKED;
}

static enum rc
on_write(void *userdata, struct ledger *ledger, struct why *why)
{
    struct ending *e = userdata;
    struct judgment_end end = {e->agent, e->peer, e->method, e->outcome,
        e->outcome == AUDIT_FAILED ? e->failed_why.text : NULL};

    enum rc rc = judgment_record(&e->record, e->judgment, &end, why);
    if (!rc && heeds_bases(e))
        rc = judgment_put_bases(e->judgment, &end, why);
    if (rc)
        return rc;

    if (e->outcome == AUDIT_RELEASED)
        rc = quota_take(e->judgment->hold, e->judgment->decision, agent_now_us() / 1000000, why);
    return rc || !writes(e) ? rc : e->write(e->request, ledger, why);
}

static void
answer_failure(const struct ending *e)
{
    bool is_of_token = e->failed == RC_TOKEN || e->failed == RC_LOCKED || e->failed == RC_TIMEOUT;

    if (e->failed == RC_BUSY && e->token)
        answer_busy(e->conn, "TOKEN_QUEUE_MAX", keyring_retry_ms(e->agent->keyring, e->token));
    else if (e->token && is_of_token)
        answer_token(e->conn, e->failed, e->token, e->failed_why.text);
    else
        answer_bad_document(e->conn, e->failed, -1, &e->failed_why);
}

/* Nothing was written, so nothing is released. Where a mark was raised meanwhile, by a base that
 * somebody else brought, the clock was set back, or an approver said no, the decision is another
 * one now. */
static void
end_anew(struct ending *e, enum rc rc, const struct why *why)
{
    e->token = NULL; /* it was the judgment's */
    if ((rc == RC_ROLLBACK || rc == RC_DENIED || rc == RC_PENDING) &&
        !judgment_decide(e->judgment, e->agent, e->peer, NULL) && e->judgment->decision->rc)
        ending_finish(e, AUDIT_REFUSED);
    else
        ending_fail(e, rc, why);
}

static void
count(const struct ending *e)
{
    const struct decision *decision = e->judgment->decision;
    const char *reason = "";

    if (e->outcome == AUDIT_REFUSED)
        reason = reason_id(decision->verdicts[decision->refused].failed->reason);
    else if (e->outcome == AUDIT_FAILED)
        reason = rc_error_name(e->failed);
    metrics_count(&e->agent->metrics, e->method, e->outcome, reason ? reason : "");
}

/* The record is durable, or cannot be written. */
static void
on_recorded(void *userdata, enum rc rc, const struct why *why)
{
    struct ending *e = userdata;

    if (rc && writes(e)) {
        end_anew(e, rc, why);
        return;
    }

    if (!rc && heeds_bases(e))
        epoch_change_by(&e->agent->epoch, e->judgment, e->peer);
    count(e);
    if (e->conn && e->outcome == AUDIT_PARKED && e->stay && e->stay(e->request))
        return;

    if (e->conn) {
        conn_set_work(e->conn, NULL, NULL);
        if (e->outcome == AUDIT_REFUSED)
            answer_decision(e->conn, e->agent, e->judgment, e->record);
        else if (e->outcome == AUDIT_FAILED)
            answer_failure(e);
        else
            e->reply(e->request);
    }

    e->free(e->request);
}

void
ending_expect(struct ending *e)
{
    e->is_expected = true;
    release_expect(e->agent->release);
}

void
ending_finish(struct ending *e, enum audit_outcome outcome)
{
    struct release_item item = {on_write, on_recorded, e};
    struct why why;

    if (e->is_expected)
        release_expected(e->agent->release);
    e->is_expected = false;
    e->is_finishing = true;
    e->outcome = outcome;
    e->stop(e->request);
    (void)sd_event_source_set_enabled(e->deadline, SD_EVENT_OFF);
    enum rc rc = release_add(e->agent->release, &item, &why);
    if (rc)
        on_recorded(e, rc, &why);
}

void
ending_reopen(struct ending *e)
{
    e->is_finishing = false;
    (void)sd_event_source_set_enabled(e->deadline, SD_EVENT_OFF);
}

void
ending_hurry(struct ending *e)
{
    sd_event_source_set_time_relative(e->deadline, SIGN_TIMEOUT_S * UINT64_C(1000000));
    sd_event_source_set_enabled(e->deadline, SD_EVENT_ONESHOT);
}

void
ending_fail(struct ending *e, enum rc rc, const struct why *why)
{
    e->failed = rc;
    e->failed_why = *why;
    ending_finish(e, AUDIT_FAILED);
}

bool
ending_still_holds(struct ending *e, bool *ret_is_new)
{
    struct why why;

    *ret_is_new = false;
    if (judgment_holds(e->judgment, e->agent, e->peer))
        return true;

    e->token = NULL; /* it was the judgment's */
    enum rc rc = e->agent->policy ? judgment_decide(e->judgment, e->agent, e->peer, &why)
                                  : fail(&why, RC_DENIED, "the policy went away");
    if (rc)
        ending_fail(e, rc, &why);
    else if (e->judgment->decision->rc)
        ending_finish(e, AUDIT_REFUSED);
    else
        *ret_is_new = true;
    return *ret_is_new;
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

static int
on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct why why;

    (void)source;
    (void)usec;
    enum rc rc = fail(&why, RC_TIMEOUT, "not signed within %d seconds", SIGN_TIMEOUT_S);
    ending_fail(userdata, rc, &why);
    return 0;
}

enum rc
ending_begin(struct ending *e, struct why *why)
{
    /* To the second: then those of many requests are one timer of the kernel. */
    if (sd_event_add_time_relative(e->agent->event, &e->deadline, CLOCK_MONOTONIC,
            SIGN_TIMEOUT_S * UINT64_C(1000000), 1000000, on_deadline, e) < 0)
        return fail(why, RC_SYSTEM, "cannot add an event source");

    conn_set_work(e->conn, e, on_cancel);
    return RC_OK;
}

void
ending_done(struct ending *e)
{
    sd_event_source_disable_unref(e->deadline);
    judgment_free(e->judgment);
    peer_unref(e->peer);
}
