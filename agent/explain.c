/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/explain.h"

#include "agent/answer.h"
#include "agent/judgment.h"
#include "agent/refusal.h"

void
explain_call(struct agent *agent, struct conn *conn, const json_t *parameters)
{
    closing(judgment_freep) struct judgment *judgment = NULL;
    closing(peer_unrefp) struct peer *peer = peer_ref(conn_peer(conn));
    int document = -1;
    struct why why;

    enum rc rc = judgment_new(&judgment, parameters, true, &document, &why);
    if (rc) {
        answer_bad_document(conn, rc, document, &why);
        return;
    }

    if (judgment->request.user) {
        if (!policy_is_admin(agent->policy, peer)) {
            refusal_start(agent, conn, "Explain", REASON_NOT_ADMIN);
            return;
        }

        struct peer *other = NULL;
        rc = peer_of_user(&other, judgment->request.user, peer->door, &why);
        if (rc) {
            answer_error(conn, rc, &why);
            return;
        }
        peer_unref(peer);
        peer = other;
    }

    rc = judgment_decide(judgment, agent, peer, &why);
    if (rc) {
        answer_bad_document(conn, rc, -1, &why);
        return;
    }

    json_t *verdicts = json_array();
    for (size_t i = 0; i < judgment->decision->n_verdicts; i++)
        answer_add(&verdicts, answer_verdict(judgment, i));
    conn_reply(conn, json_pack("{s:o}", "verdicts", verdicts));
}
