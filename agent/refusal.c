/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/refusal.h"

#include "agent/answer.h"

struct refusal {
    struct agent *agent;
    struct conn *conn; /* NULL: it hung up */
    struct peer *peer;
    const char *method;
    enum reason reason;
    char name[64]; /* of what it is about; "": nothing */
    int64_t record;
};

static void
refusal_free(struct refusal *refusal)
{
    if (!refusal)
        return;

    peer_unref(refusal->peer);
    free(refusal);
}

DEFINE_CLEANUP(struct refusal, refusal_free);

static enum rc
on_write(void *userdata, struct ledger *ledger, struct why *why)
{
    struct refusal *refusal = userdata;

    (void)ledger;
    struct audit_request request = {
        .at_us = agent_now_us(),
        .method = refusal->method,
        .policy = refusal->agent->policy ? &refusal->agent->policy->digest : NULL,
        .peer = refusal->peer,
        .reason = refusal->reason,
        .detail = refusal->name[0] ? refusal->name : NULL,
        .outcome = AUDIT_REFUSED,
    };
    return audit_put(refusal->agent->audit, &request, &refusal->record, why);
}

/* What cannot be recorded is refused all the same. */
static void
on_recorded(void *userdata, enum rc rc, const struct why *why)
{
    closing(refusal_freep) struct refusal *refusal = userdata;

    (void)why;
    metrics_count(
        &refusal->agent->metrics, refusal->method, AUDIT_REFUSED, reason_id(refusal->reason));
    if (!refusal->conn)
        return;

    conn_set_work(refusal->conn, NULL, NULL);
    answer_reason(refusal->conn, refusal->reason, rc ? 0 : refusal->record);
}

static void
on_cancel(void *work)
{
    struct refusal *refusal = work;

    refusal->conn = NULL;
}

void
refusal_start_about(struct agent *agent, struct conn *conn, const char *method, enum reason reason,
    const char *name)
{
    closing(refusal_freep) struct refusal *refusal = calloc(1, sizeof *refusal);
    struct why why;

    if (!refusal) {
        answer_reason(conn, reason, 0);
        return;
    }

    *refusal = (struct refusal){agent, conn, peer_ref(conn_peer(conn)), method, reason, "", 0};
    snprintf(refusal->name, sizeof refusal->name, "%s", name);
    struct release_item item = {on_write, on_recorded, refusal};
    if (release_add(agent->release, &item, &why)) {
        answer_reason(conn, reason, 0);
        return;
    }

    conn_set_work(conn, refusal, on_cancel);
    (void)steal(refusal); /* from now on its event owns it */
}

void
refusal_start(struct agent *agent, struct conn *conn, const char *method, enum reason reason)
{
    refusal_start_about(agent, conn, method, reason, "");
}
