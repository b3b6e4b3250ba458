/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/parked.h"

#include "agent/answer.h"
#include "agent/approval.h"
#include "agent/ballot.h"
#include "agent/refusal.h"
#include "proto/bounds.h"

#define DIGITS         8                      /* of the digest, that people type */
#define LIST_MAX_BYTES (OUTPUT_MAX_BYTES / 2) /* of all requests, as JSON */

/* What a peer is to a parked request. */
struct standing {
    bool is_requester, is_approver, is_admin;
};

/* At a door, only what is granted there: root of one container is not that of another. */
static bool
is_own(const struct policy *policy, const json_t *grants, const struct parked *parked,
    const struct peer *peer)
{
    return parked->uid == peer->uid && (!peer->door || approval_is_for(policy, grants, peer));
}

static struct standing
stand(const struct policy *policy, const struct parked *parked, const struct peer *peer)
{
    const json_t *grants = json_object_get(parked->summary, "grants");

    return (struct standing){
        .is_requester = is_own(policy, grants, parked, peer),
        .is_approver = approval_may(policy, grants, peer, parked->uid),
        .is_admin = policy_is_admin(policy, peer),
    };
}

static bool
may_see(const struct standing *standing)
{
    return standing->is_requester || standing->is_approver || standing->is_admin;
}

/* A Request of the interface without what is in its body. */
static json_t *
format(const struct agent *agent, const struct parked *parked)
{
    closing(votes_done) struct votes votes = {0};
    const json_t *grants = json_object_get(parked->summary, "grants");
    char digest[DIGEST_HEX_LEN + 1];

    if (votes_of(&votes, agent->ledger, parked->id, NULL))
        return NULL;

    digest_hex(digest, &parked->digest);
    json_t *request = json_pack("{s:s,s:I,s:s,s:o,s:O,s:O}", "id", parked->id, "uid",
        (json_int_t)parked->uid, "digest", digest, "approvals",
        approval_format(agent->policy, grants, &votes, parked->uid), "documents",
        json_object_get(parked->summary, "documents"), "valid_in",
        json_object_get(parked->summary, "valid_in"));
    answer_set_time(&request, "created", parked->created_at);
    answer_set_time(&request, "expires", parked->expires_at);
    return request;
}

/* Into each document what is in the body. */
static void
set_body(json_t *request, const json_t *body)
{
    size_t i;
    json_t *document;

    json_array_foreach(json_object_get(request, "documents"), i, document) {
        json_t *message = json_array_get(json_object_get(body, "messages"), i);
        json_t *difference = json_array_get(json_object_get(body, "differences"), i);

        (void)json_object_set(document, "message", message);
        if (json_is_array(difference))
            (void)json_object_set(document, "difference", difference);
    }
}

/* All that the caller may see, until the reply is full. */
static void
list(struct agent *agent, struct conn *conn)
{
    closing(freep) char(*ids)[PARKED_ID_LEN + 1] = NULL;
    int64_t now = agent_now_us() / 1000000;
    json_t *requests = json_array();
    size_t n = 0, len = 0, n_left_out = 0;
    struct why why;

    enum rc rc = ledger_list_parked(&ids, &n, agent->ledger, now, &why);
    for (size_t i = 0; !rc && i < n; i++) {
        closing(parked_done) struct parked parked = {0};

        rc = ledger_parked(&parked, agent->ledger, ids[i], now, &why);
        struct standing standing =
            rc ? (struct standing){0} : stand(agent->policy, &parked, conn_peer(conn));
        if (rc || !may_see(&standing))
            continue;

        len += json_dumpb(parked.summary, NULL, 0, JSON_COMPACT);
        if (len > LIST_MAX_BYTES)
            n_left_out++;
        else
            answer_add(&requests, format(agent, &parked));
    }

    if (rc) {
        json_decref(requests);
        answer_error(conn, rc, &why);
        return;
    }

    conn_reply(conn, json_pack("{s:o,s:i}", "requests", requests, "left_out", (int)n_left_out));
}

/* One that is open and that the caller may see. Others are told that there is none. */
static enum rc
find(struct parked *ret, struct standing *ret_standing, const struct agent *agent,
    const struct peer *peer, const char *id, struct why *why)
{
    closing(parked_done) struct parked parked = {0};

    enum rc rc = ledger_parked(&parked, agent->ledger, id, agent_now_us() / 1000000, why);
    if (rc && rc != RC_NOT_FOUND)
        return rc;

    struct standing standing = rc ? (struct standing){0} : stand(agent->policy, &parked, peer);
    if (rc || parked.state != PARKED_OPEN || !may_see(&standing))
        return fail(why, RC_NOT_FOUND, "request '%.64s', which waits for approval", id);

    *ret = parked;
    parked = (struct parked){0};
    *ret_standing = standing;
    return RC_OK;
}

static void
show(struct agent *agent, struct conn *conn, const char *id)
{
    closing(parked_done) struct parked parked = {0};
    json_auto_t *body = NULL;
    struct standing standing;
    struct why why;

    enum rc rc = find(&parked, &standing, agent, conn_peer(conn), id, &why);
    if (!rc)
        rc = ledger_parked_body(&body, agent->ledger, parked.id, &why);
    if (rc) {
        answer_error(conn, rc, &why);
        return;
    }

    json_t *request = format(agent, &parked);
    set_body(request, body);
    conn_reply(conn, request ? json_pack("{s:[o],s:i}", "requests", request, "left_out", 0) : NULL);
}

void
parked_list(struct agent *agent, struct conn *conn, const json_t *parameters)
{
    const char *id = NULL;
    struct members m;
    struct why why;

    members_open(&m, parameters, "parameters");
    members_text_maybe(&m, "id", &id);
    enum rc rc = members_close(&m, &why);
    if (rc)
        answer_error(conn, rc, &why);
    else if (id)
        show(agent, conn, id);
    else
        list(agent, conn);
}

/* Whether the user database names him as well: at release it is all there is. */
static bool
is_on_record(const struct policy *policy, const struct parked *parked, uid_t uid)
{
    closing(peer_unrefp) struct peer *peer = NULL;

    return !votes_peer(&peer, uid, NULL) && stand(policy, parked, peer).is_approver;
}

static bool
has_digits(const struct parked *parked, const char *digits)
{
    char digest[DIGEST_HEX_LEN + 1];

    digest_hex(digest, &parked->digest);
    return strlen(digits) == DIGITS && !strncmp(digits, digest, DIGITS);
}

/* Who may never vote is told so, whether there is such a request or not. */
static bool
may_ever_vote(const struct peer *peer)
{
    return peer->uid != 0 && !peer->door;
}

/* Why the caller may not vote for it; REASON_NONE: he may. */
static enum reason
judge_vote(const struct agent *agent, const struct parked *parked, const struct standing *standing,
    const struct peer *peer, const char *digits)
{
    if (standing->is_requester)
        return REASON_OWN_REQUEST;

    if (!standing->is_approver || !is_on_record(agent->policy, parked, peer->uid))
        return REASON_NOT_APPROVER;

    return has_digits(parked, digits) ? REASON_NONE : REASON_APPROVAL_MISMATCH;
}

void
parked_approve(struct agent *agent, struct conn *conn, const json_t *parameters)
{
    closing(parked_done) struct parked parked = {0};
    const char *id = NULL, *digits = NULL;
    struct standing standing;
    struct members m;
    struct why why;

    members_open(&m, parameters, "parameters");
    members_text(&m, "id", &id);
    members_text(&m, "digest8", &digits);
    enum rc rc = members_close(&m, &why);
    if (!rc && !may_ever_vote(conn_peer(conn))) {
        refusal_start_about(agent, conn, "Approve", REASON_NOT_APPROVER, "");
        return;
    }
    if (!rc)
        rc = find(&parked, &standing, agent, conn_peer(conn), id, &why);
    if (rc) {
        answer_error(conn, rc, &why);
        return;
    }

    enum reason reason = judge_vote(agent, &parked, &standing, conn_peer(conn), digits);
    if (reason)
        refusal_start_about(agent, conn, "Approve", reason, parked.id);
    else
        ballot_start(agent, conn, BALLOT_APPROVE, parked.id, NULL);
}

static enum rc
check_reason(const char *reason, struct why *why)
{
    if (!reason)
        return RC_OK;

    if (strlen(reason) > PARKED_REASON_MAX_BYTES)
        return fail(why, RC_TOO_LARGE, "PARKED_REASON_MAX_BYTES");

    return span_is_text(span_of(reason)) ? RC_OK
                                         : fail(why, RC_MALFORMED, "a reason is one line of text");
}

void
parked_deny(struct agent *agent, struct conn *conn, const json_t *parameters)
{
    closing(parked_done) struct parked parked = {0};
    const char *id = NULL, *reason = NULL;
    struct standing standing;
    struct members m;
    struct why why;

    members_open(&m, parameters, "parameters");
    members_text(&m, "id", &id);
    members_text_maybe(&m, "reason", &reason);
    enum rc rc = members_close(&m, &why);
    if (!rc)
        rc = check_reason(reason, &why);
    if (!rc)
        rc = find(&parked, &standing, agent, conn_peer(conn), id, &why);
    if (rc) {
        answer_error(conn, rc, &why);
        return;
    }

    if (standing.is_requester)
        ballot_start(agent, conn, BALLOT_WITHDRAW, parked.id, reason);
    else if (standing.is_approver)
        ballot_start(agent, conn, BALLOT_DENY, parked.id, reason);
    else
        refusal_start_about(agent, conn, "Deny", REASON_NOT_APPROVER, parked.id);
}
