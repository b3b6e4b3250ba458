/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ballot.h"

#include "agent/answer.h"
#include "agent/approval.h"
#include "proto/bounds.h"

struct ballot {
    struct agent *agent;
    struct conn *conn; /* NULL: it hung up */
    struct peer *peer;
    enum ballot_kind kind;
    json_t *summary; /* of the request, as it was when it was written */
    char id[PARKED_ID_LEN + 1], reason[PARKED_REASON_MAX_BYTES + 1];
};

static void
ballot_free(struct ballot *ballot)
{
    if (!ballot)
        return;

    peer_unref(ballot->peer);
    json_decref(ballot->summary);
    free(ballot);
}

DEFINE_CLEANUP(struct ballot, ballot_free);

static const char *
text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

/* The documents of a summary as records have them; borrows from it. */
static size_t
list_documents(struct audit_document ret[DOCUMENTS_MAX], const json_t *summary)
{
    size_t n = 0, i;
    json_t *document;

    json_array_foreach(json_object_get(summary, "documents"), i, document) {
        struct audit_document *place = &ret[n];
        if (n == DOCUMENTS_MAX)
            break;

        *place = (struct audit_document){
            .format = text_of(document, "format"),
            .repository = text_of(document, "repository"),
            .role = text_of(document, "role"),
            .version = json_integer_value(json_object_get(document, "version")),
        };
        n += !hex_parse(
            place->digest.b, sizeof place->digest.b, span_of(text_of(document, "digest")), NULL);
    }

    return n;
}

static const char *
method_of(const struct ballot *ballot)
{
    return ballot->kind == BALLOT_APPROVE ? "Approve" : "Deny";
}

static enum rc
put_record(const struct ballot *ballot, const struct parked *parked, struct why *why)
{
    struct audit_document documents[DOCUMENTS_MAX];
    char digest[DIGEST_HEX_LEN + 1], detail[PARKED_REASON_MAX_BYTES + 160];
    int64_t record;

    digest_hex(digest, &parked->digest);
    snprintf(detail, sizeof detail, "%s %s of uid %u, digest %.8s%s%s",
        ballot->kind == BALLOT_WITHDRAW ? "withdrawn: request" : "request", parked->id, parked->uid,
        digest, ballot->reason[0] ? ": " : "", ballot->reason);
    struct audit_request request = {
        .at_us = agent_now_us(),
        .method = method_of(ballot),
        .policy = ballot->agent->policy ? &ballot->agent->policy->digest : NULL,
        .peer = ballot->peer,
        .documents = documents,
        .n_documents = list_documents(documents, parked->summary),
        .detail = detail,
        .outcome = AUDIT_DONE,
    };
    return audit_put(ballot->agent->audit, &request, &record, why);
}

static enum rc
put_vote(const struct ballot *ballot, struct ledger *ledger, int64_t now, struct why *why)
{
    switch (ballot->kind) {
    case BALLOT_APPROVE:
        return ledger_put_vote(ledger, ballot->id, ballot->peer->uid, now, why);
    case BALLOT_DENY:
        return ledger_put_denied(ledger, ballot->id, ballot->peer->uid, ballot->reason, why);
    case BALLOT_WITHDRAW:
        break;
    }

    return ledger_forget_parked(ledger, ballot->id, why);
}

/* It may have been released, or be void, since the caller was let in. */
static enum rc
on_write(void *userdata, struct ledger *ledger, struct why *why)
{
    struct ballot *ballot = userdata;
    closing(parked_done) struct parked parked = {0};
    int64_t now = agent_now_us() / 1000000;

    enum rc rc = ledger_parked(&parked, ledger, ballot->id, now, why);
    if (rc == RC_NOT_FOUND || (!rc && parked.state != PARKED_OPEN))
        return fail(why, RC_NOT_FOUND, "request '%s'", ballot->id);
    if (!rc)
        rc = put_vote(ballot, ledger, now, why);
    if (!rc)
        ballot->summary = json_incref(parked.summary);

    return rc ? rc : put_record(ballot, &parked, why);
}

static json_t *
format_approvals(const struct ballot *ballot)
{
    closing(parked_done) struct parked parked = {0};
    closing(votes_done) struct votes votes = {0};
    struct ledger *ledger = ballot->agent->ledger;
    const struct policy *policy = ballot->agent->policy;

    if (!policy || ledger_parked(&parked, ledger, ballot->id, agent_now_us() / 1000000, NULL) ||
        votes_of(&votes, ledger, ballot->id, NULL))
        return json_pack("{s:[]}", "approvals");

    return json_pack("{s:o}", "approvals",
        approval_format(policy, json_object_get(parked.summary, "grants"), &votes, parked.uid));
}

/* What stands on the votes is decided anew, be it on its way to a token or waiting for them. */
static void
tell(const struct ballot *ballot)
{
    size_t i;
    json_t *document;

    json_array_foreach(json_object_get(ballot->summary, "documents"), i, document)
        epoch_change_repository(&ballot->agent->epoch, text_of(document, "repository"));
    vigils_wake(ballot->agent->vigils, ballot->id);
}

static void
on_recorded(void *userdata, enum rc rc, const struct why *why)
{
    closing(ballot_freep) struct ballot *ballot = userdata;

    if (ballot->conn) {
        conn_set_work(ballot->conn, NULL, NULL);
        if (rc)
            answer_error(ballot->conn, rc, why);
        else
            conn_reply(ballot->conn,
                ballot->kind == BALLOT_APPROVE ? format_approvals(ballot) : json_object());
    }

    if (!rc)
        tell(ballot);
}

/* What was cast stays cast. */
static void
on_cancel(void *work)
{
    struct ballot *ballot = work;

    ballot->conn = NULL;
}

void
ballot_start(struct agent *agent, struct conn *conn, enum ballot_kind kind, const char *id,
    const char *reason)
{
    closing(ballot_freep) struct ballot *ballot = calloc(1, sizeof *ballot);
    struct why why;

    enum rc rc = ballot ? RC_OK : fail_memory(&why);
    if (!rc) {
        ballot->agent = agent;
        ballot->conn = conn;
        ballot->peer = peer_ref(conn_peer(conn));
        ballot->kind = kind;
        snprintf(ballot->id, sizeof ballot->id, "%s", id);
        snprintf(ballot->reason, sizeof ballot->reason, "%s", reason ? reason : "");
        struct release_item item = {on_write, on_recorded, ballot};
        rc = release_add(agent->release, &item, &why);
    }
    if (rc) {
        answer_error(conn, rc, &why);
        return;
    }

    conn_set_work(conn, ballot, on_cancel);
    (void)steal(ballot); /* from now on its event owns it */
}
