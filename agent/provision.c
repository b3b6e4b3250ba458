/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/provision.h"

#include "agent/act.h"
#include "agent/answer.h"
#include "agent/keylist.h"
#include "proto/bounds.h"

struct provision {
    struct agent *agent;
    struct act *act;
    char *token, *name;
};

/* What the caller wants. Borrows from the parameters. */
struct wish {
    const char *token, *name, *algorithm, *common_name;
};

static void
provision_free(struct provision *provision)
{
    if (!provision)
        return;

    free(provision->token);
    free(provision->name);
    free(provision);
}

DEFINE_CLEANUP(struct provision, provision_free);

/* The agent ends first. */
static void
on_dropped(void *userdata)
{
    closing(provision_freep) struct provision *provision = userdata;

    act_drop(provision->act);
}

static void
on_made(void *userdata, enum rc rc, const struct frame *answer, const struct why *why)
{
    closing(provision_freep) struct provision *provision = userdata;
    closing(pubkey_unrefp) struct pubkey *pubkey = NULL;
    struct why problem;

    if (rc == RC_OK) {
        rc = pubkey_from_spki(&pubkey, answer->made.spki, &problem);
        why = &problem;
    }
    if (rc) {
        act_finish(provision->act, rc, why, NULL);
        return;
    }

    json_t *key =
        keylist_format_new(provision->name, provision->token, pubkey, &answer->made.provenance);
    struct span pem = answer->made.certificate;
    if (pem.len > 0)
        answer_set(&key, "certificate", json_stringn((const char *)pem.p, pem.len));
    act_note(provision->act, "key %s", pubkey_canonical_id(pubkey)->hex);
    act_finish(provision->act, RC_OK, NULL, json_pack("{s:o}", "key", key));
}

/* From now on the token has to answer, or fails. */
static void
start(
    struct agent *agent, struct act *act, const struct wish *wish, enum frame_type type, int client)
{
    closing(provision_freep) struct provision *provision = calloc(1, sizeof *provision);
    struct errand_order order = {.type = type,
        .label = wish->name,
        .algorithm = wish->algorithm,
        .common_name = wish->common_name,
        .client = client,
        .callback = on_made,
        .dropped = on_dropped,
        .userdata = provision};
    struct why why;

    act_note(act, "name '%s'", wish->name);
    enum rc rc = provision ? RC_OK : fail_memory(&why);
    if (rc == RC_OK) {
        *provision = (struct provision){agent, act, strdup(wish->token), strdup(wish->name)};
        rc = provision->token && provision->name ? RC_OK : fail_memory(&why);
    }
    if (rc == RC_OK)
        rc = keyring_run(agent->keyring, wish->token, &order, &why);
    if (rc)
        act_finish(act, rc, &why, NULL);
    else
        (void)steal(provision); /* from now on the errand owns it */
}

static enum rc
check_name(const char *name, struct why *why)
{
    if (policy_is_name(name))
        return RC_OK;

    return fail(why, RC_REFUSED,
        "'%s' is no name of a key: want a letter or digit, then up to %d of letters, digits, '.', "
        "'_' and '-'",
        name, POLICY_NAME_MAX_BYTES - 1);
}

/* False: the call is answered. */
static bool
parse(struct wish *ret, struct conn *conn, const json_t *parameters, bool is_made)
{
    struct members m;
    struct why why;

    members_open(&m, parameters, "parameters");
    members_text(&m, "token", &ret->token);
    members_text(&m, "name", &ret->name);
    if (is_made)
        members_text(&m, "algorithm", &ret->algorithm);
    if (is_made)
        members_text_maybe(&m, "common_name", &ret->common_name);
    enum rc rc = members_close(&m, &why);
    if (rc == RC_OK)
        rc = check_name(ret->name, &why);
    if (rc)
        answer_error(conn, rc, &why);
    return !rc;
}

void
provision_generate(struct agent *agent, struct conn *conn, const json_t *parameters)
{
    struct wish wish = {0};

    if (!parse(&wish, conn, parameters, true))
        return;

    struct act *act = act_begin(agent, conn, "GenerateKey", wish.token);
    if (act)
        start(agent, act, &wish, FRAME_GENERATE, -1);
}

void
provision_import(struct agent *agent, struct conn *conn, const json_t *parameters)
{
    struct wish wish = {0};
    int client;

    if (!parse(&wish, conn, parameters, false))
        return;

    if (!conn_wants(conn).upgrade) {
        conn_service_error(conn, "InvalidParameter", json_pack("{s:s}", "parameter", "upgrade"));
        return;
    }

    struct act *act = act_begin(agent, conn, "ImportKey", wish.token);
    if (act && act_upgrade(act, &client))
        start(agent, act, &wish, FRAME_IMPORT, client);
}
