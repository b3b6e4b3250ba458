/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/attest.h"

#include "agent/act.h"
#include "agent/answer.h"
#include "agent/keylist.h"
#include "proto/bounds.h"

/* The agent ends first. */
static void
on_dropped(void *userdata)
{
    act_drop(userdata);
}

static json_t *
format(const struct frame_attested *attested)
{
    json_t *certificates = json_array();

    for (size_t i = 0; i < attested->n_certificates; i++) {
        closing(bytes_done) struct bytes text = BYTES_INIT(2 * ATTEST_MAX_BYTES);
        bytes_put_base64(&text, attested->certificates[i]);
        answer_add(&certificates, text.failed ? NULL : json_string(bytes_text(&text)));
    }
    return json_pack("{s:o}", "certificates", certificates);
}

static void
on_attested(void *userdata, enum rc rc, const struct frame *answer, const struct why *why)
{
    act_finish(userdata, rc, why, rc ? NULL : format(&answer->attested));
}

void
attest_start(struct agent *agent, struct conn *conn, const json_t *parameters)
{
    const char *name = NULL;
    struct members m;
    struct why why;

    members_open(&m, parameters, "parameters");
    members_text(&m, "key", &name);
    enum rc rc = members_close(&m, &why);
    if (rc) {
        answer_error(conn, rc, &why);
        return;
    }

    const struct keyring_key *key = keylist_find(agent->keyring, name);
    struct act *act = act_begin(agent, conn, "AttestKey", key ? key->token->name : "");
    if (!act)
        return;

    struct errand_order order = {.type = FRAME_ATTEST,
        .client = -1,
        .callback = on_attested,
        .dropped = on_dropped,
        .userdata = act};
    act_note(act, "key '%s'", name);
    rc = key ? keyring_attest(key, &order, &why) : fail(&why, RC_NOT_FOUND, "key '%s'", name);
    if (rc)
        act_finish(act, rc, &why, NULL);
}
