/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/status.h"

#include "agent/answer.h"
#include "agent/ledger_parked.h"
#include "agent/ledger_quota.h"
#include "agent/refusal.h"
#include "agent/scrape.h"
#include "proto/bounds.h"

void
status_note_loading(struct agent *agent, enum rc rc, const struct why *why)
{
    struct agent_loading *loading = &agent->loading;

    if (rc) {
        loading->failed_at_us = agent_now_us();
        loading->problem = *why;
    } else {
        *loading = (struct agent_loading){.loaded_at_us = agent_now_us()};
    }
}

/* An optional member, which is left out where there is nothing to say. */
static void
add_time(json_t **ret, const char *name, int64_t at_us)
{
    if (at_us > 0)
        answer_set_time(ret, name, at_us / 1000000);
}

/* What is wrong with a token, or else with the first of its keys that cannot sign. */
static const char *
detail_of(struct why *buffer, const struct keyring *keyring, const struct keyring_token *token)
{
    for (size_t i = 0; i < keyring_n_keys(keyring) && token->state == KEYRING_READY; i++) {
        const struct keyring_key *key = keyring_key(keyring, i);
        if (key->token == token->policy && key->state > KEYRING_READY) {
            snprintf(buffer->text, sizeof buffer->text, "key '%s' is %s: %s", key->policy->name,
                keyring_state_name(key->state), key->detail);
            return buffer->text;
        }
        if (key->token == token->policy && key->stand_in[0]) {
            snprintf(buffer->text, sizeof buffer->text, "key '%s' signs here because of %s",
                key->policy->name, key->stand_in);
            return buffer->text;
        }
    }

    return token->detail;
}

static json_t *
format_token(const struct agent *agent, size_t i)
{
    const struct keyring_token *token = keyring_token(agent->keyring, i);
    struct why buffer;

    json_t *ret = json_pack("{s:s,s:s,s:s,s:s,s:i,s:i}", "name", token->policy->name, "state",
        keyring_state_name(token->state), "detail", detail_of(&buffer, agent->keyring, token),
        "pin", policy_pin_name(token->policy->pin), "queue", (int)token->n_queued, "workers",
        (int)token->n_workers);
    if (token->meter && token->meter->error[0]) {
        answer_set(&ret, "error", json_string(token->meter->error));
        add_time(&ret, "error_at", token->meter->error_at_us);
    }
    return ret;
}

static json_t *
format_tokens(const struct agent *agent)
{
    json_t *ret = json_array();

    for (size_t i = 0; i < keyring_n_tokens(agent->keyring); i++)
        answer_add(&ret, format_token(agent, i));
    return ret;
}

static enum rc
add_quota(json_t **ret, const struct agent *agent, const struct policy_grant *grant, uid_t uid,
    bool is_used_only, struct why *why)
{
    struct quota_use use;

    enum rc rc = quota_use(&use, agent->quota, grant, uid, agent_now_us() / 1000000, why);
    if (rc || (use.n == 0 && is_used_only))
        return rc;

    json_t *quota = json_pack("{s:s,s:I,s:I,s:I,s:I}", "grant", grant->name, "uid", (json_int_t)uid,
        "used", (json_int_t)use.n, "max", (json_int_t)grant->quota.n, "window_s",
        (json_int_t)grant->quota.window_s);
    add_time(&quota, "free_at", use.free_at * 1000000);
    answer_add(ret, quota);
    return RC_OK;
}

/* Of whoever was released something, as far as that still counts. */
static enum rc
add_all_quotas(json_t **ret, const struct agent *agent, struct why *why)
{
    const struct policy *policy = agent->policy;
    struct ledger_quota whose = {0};
    enum rc rc = RC_OK;

    while (!rc && json_array_size(*ret) < QUOTAS_SHOWN_MAX &&
           !(rc = ledger_quota_next(&whose, agent->ledger, why)))
        for (size_t i = 0; !rc && i < policy->n_grants; i++)
            if (policy->grants[i].quota.n > 0 && !strcmp(policy->grants[i].name, whose.grant))
                rc = add_quota(ret, agent, &policy->grants[i], whose.uid, true, why);

    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc
add_own_quotas(json_t **ret, const struct agent *agent, const struct peer *peer, struct why *why)
{
    const struct policy *policy = agent->policy;
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < policy->n_grants; i++)
        if (policy->grants[i].quota.n > 0 && policy_grant_is_for(&policy->grants[i], peer))
            rc = add_quota(ret, agent, &policy->grants[i], peer->uid, false, why);

    return rc;
}

/* Users and groups of the policy that the system does not know, and which therefore match nobody.
 */
static json_t *
format_unknown(const struct policy *policy)
{
    closing(freep) const struct policy_name **names = NULL;
    json_t *ret = json_array();
    size_t n = 0;

    if (policy_unresolved(&names, &n, policy, NULL))
        answer_add(&ret, NULL);
    for (size_t i = 0; i < n; i++)
        answer_add(
            &ret, json_sprintf("%s '%s'", names[i]->is_group ? "group" : "user", names[i]->name));

    return ret;
}

static json_t *
format_doors(const struct agent *agent)
{
    json_t *ret = json_array();

    answer_add(
        &ret, json_pack("{s:s,s:s}", "name", "agent", "path", listener_path(agent->listener)));
    for (size_t i = 0; i < agent->policy->n_sockets; i++) {
        const struct policy_socket *socket = &agent->policy->sockets[i];
        if (listener_is_open(agent->listener, socket->name))
            answer_add(&ret, json_pack("{s:s,s:s}", "name", socket->name, "path", socket->path));
    }
    return ret;
}

int64_t
status_n_parked(const struct agent *agent)
{
    closing(freep) char(*ids)[PARKED_ID_LEN + 1] = NULL;
    size_t n = 0;

    if (ledger_list_parked(&ids, &n, agent->ledger, agent_now_us() / 1000000, NULL))
        return 0;

    return (int64_t)n;
}

/* What is for admins alone. */
static json_t *
format_insight(const struct agent *agent)
{
    const struct agent_loading *loading = &agent->loading;
    char hex[DIGEST_HEX_LEN + 1];
    struct digest hash;

    ledger_head_hash(&hash, agent->ledger);
    digest_hex(hex, &hash);
    json_t *ret = json_pack("{s:I,s:s,s:I,s:o,s:o,s:I,s:I}", "records",
        (json_int_t)ledger_head_seq(agent->ledger), "hash", hex, "ledger_bytes",
        (json_int_t)ledger_size(agent->ledger), "unknown", format_unknown(agent->policy), "doors",
        format_doors(agent), "connections", (json_int_t)listener_n_connections(agent->listener),
        "parked", (json_int_t)status_n_parked(agent));
    add_time(&ret, "reload_failed_at", loading->failed_at_us);
    if (loading->failed_at_us > 0)
        answer_set(&ret, "reload_problem", json_string(loading->problem.text));
    return ret;
}

void
status_call(struct agent *agent, struct conn *conn, const json_t *parameters)
{
    bool is_admin = policy_is_admin(agent->policy, conn_peer(conn));
    char policy[DIGEST_HEX_LEN + 1];
    uint64_t now = 0;
    struct why why;

    if (!answer_no_parameters(conn, parameters))
        return;

    json_t *quotas = json_array();
    enum rc rc = is_admin ? add_all_quotas(&quotas, agent, &why)
                          : add_own_quotas(&quotas, agent, conn_peer(conn), &why);
    if (rc) {
        json_decref(quotas);
        answer_error(conn, rc, &why);
        return;
    }

    sd_event_now(agent->event, CLOCK_MONOTONIC, &now);
    digest_hex(policy, &agent->policy->digest);
    json_t *reply = json_pack("{s:s,s:s,s:s,s:I,s:o,s:o}", "version", COUNTERSIGN_VERSION, "policy",
        policy, "ledger", ledger_id(agent->ledger), "uptime_s",
        (json_int_t)((now - agent->started_at) / 1000000), "tokens", format_tokens(agent), "quotas",
        quotas);
    answer_set_time(&reply, "policy_loaded_at", agent->loading.loaded_at_us / 1000000);
    if (is_admin)
        answer_set(&reply, "insight", format_insight(agent));
    conn_reply(conn, reply);
}

void
status_metrics(struct agent *agent, struct conn *conn, const json_t *parameters)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(OUTPUT_MAX_BYTES / 2);

    if (!answer_no_parameters(conn, parameters))
        return;

    if (!policy_is_admin(agent->policy, conn_peer(conn))) {
        refusal_start(agent, conn, "Metrics", REASON_NOT_ADMIN);
        return;
    }

    scrape(&text, agent);
    conn_reply(conn, text.failed ? NULL : json_pack("{s:s}", "text", bytes_text(&text)));
}
