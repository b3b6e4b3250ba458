/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/method.h"

#include "agent/answer.h"
#include "agent/attest.h"
#include "agent/certify.h"
#include "agent/explain.h"
#include "agent/issue.h"
#include "agent/keylist.h"
#include "agent/locking.h"
#include "agent/provision.h"
#include "agent/refusal.h"
#include "agent/signing.h"
#include "agent/trail.h"
#include "proto/bounds.h"

typedef void method_handler(struct agent *agent, struct conn *conn, const json_t *parameters);

static bool
has_no_parameters(struct conn *conn, const json_t *parameters)
{
    struct members m;
    struct why why;

    members_open(&m, parameters, "parameters");
    enum rc rc = members_close(&m, &why);
    if (rc)
        answer_error(conn, rc, &why);
    return !rc;
}

static void
get_info(struct agent *agent, struct conn *conn, const json_t *parameters)
{
    (void)agent;
    if (has_no_parameters(conn, parameters))
        conn_reply(conn, json_pack("{s:s,s:s,s:s,s:s,s:[s,s]}", "vendor", "Countersign", "product",
                             "countersign-agent", "version", COUNTERSIGN_VERSION, "url", "",
                             "interfaces", MESSAGE_SERVICE, MESSAGE_INTERFACE));
}

static void
get_interface_description(struct agent *agent, struct conn *conn, const json_t *parameters)
{
    struct members m;
    const char *interface = NULL;

    (void)agent;
    members_open(&m, parameters, "parameters");
    members_text(&m, "interface", &interface);
    if (members_close(&m, NULL))
        conn_service_error(conn, "InvalidParameter", json_pack("{s:s}", "parameter", "interface"));
    else if (strcmp(interface, MESSAGE_INTERFACE) != 0)
        conn_service_error(conn, "InterfaceNotFound", json_pack("{s:s}", "interface", interface));
    else
        conn_reply(conn, json_pack("{s:s}", "description", message_interface_text));
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

static void
status(struct agent *agent, struct conn *conn, const json_t *parameters)
{
    char policy[DIGEST_HEX_LEN + 1];
    uint64_t now = 0;

    if (!has_no_parameters(conn, parameters))
        return;

    json_t *tokens = json_array();
    for (size_t i = 0; i < keyring_n_tokens(agent->keyring); i++) {
        const struct keyring_token *token = keyring_token(agent->keyring, i);
        struct why buffer;
        answer_add(&tokens, json_pack("{s:s,s:s,s:s,s:s,s:i,s:i}", "name", token->policy->name,
                                "state", keyring_state_name(token->state), "detail",
                                detail_of(&buffer, agent->keyring, token), "pin",
                                policy_pin_name(token->policy->pin), "queue", (int)token->n_queued,
                                "workers", (int)token->n_workers));
    }

    sd_event_now(agent->event, CLOCK_MONOTONIC, &now);
    digest_hex(policy, &agent->policy->digest);
    conn_reply(conn, json_pack("{s:s,s:s,s:s,s:I,s:o}", "version", COUNTERSIGN_VERSION, "policy",
                         policy, "ledger", ledger_id(agent->ledger), "uptime_s",
                         (json_int_t)((now - agent->started_at) / 1000000), "tokens", tokens));
}

static void
reload(struct agent *agent, struct conn *conn, const json_t *parameters)
{
    json_t *changes = NULL;
    struct why why;

    if (!has_no_parameters(conn, parameters))
        return;

    if (!policy_is_admin(agent->policy, conn_peer(conn))) {
        refusal_start(agent, conn, "Reload", REASON_NOT_ADMIN);
        return;
    }

    enum rc rc = agent_reload(agent, &changes, &why);
    if (rc)
        answer_error(conn, RC_MALFORMED, &why);
    else
        conn_reply(conn, json_pack("{s:o}", "changes", changes));
}

/* In the order of the interface file. Without a handler: of a later version. */
static const struct {
    const char *name;
    method_handler *call;
    bool may_upgrade; /* a secret may follow, which is not for this process */
} methods[] = {
    {"Sign", signing_start},
    {"Explain", explain_call},
    {"ListKeys", keylist_call},
    {"TrustedRoot", NULL},
    {"IssueRootCertificate", issue_start},
    {"IssueCertificate", certify_start},
    {"Status", status},
    {"GenerateKey", provision_generate},
    {"AttestKey", attest_start},
    {"ImportKey", provision_import, true},
    {"Lock", locking_lock},
    {"Unlock", locking_unlock, true},
    {"Pending", NULL},
    {"Approve", NULL},
    {"Deny", NULL},
    {"Retire", NULL},
    {"Supersede", NULL},
    {"Audit", trail_start},
    {"Reload", reload},
};

const char *
method_name(size_t i)
{
    return i < N_ELEMENTS(methods) ? methods[i].name : NULL;
}

/* "org.countersign.Agent.Sign" → "Sign"; NULL: another interface. */
static const char *
member_of(const char *method, const char *interface)
{
    size_t len = strlen(interface);

    return !strncmp(method, interface, len) && method[len] == '.' ? method + len + 1 : NULL;
}

/* What is asked is answered, and few methods give the connection away. */
static bool
has_proper_flags(struct conn *conn, const struct message_call *call, bool may_upgrade)
{
    const char *flag = call->oneway ? "oneway" : call->upgrade && !may_upgrade ? "upgrade" : NULL;

    if (flag)
        conn_service_error(conn, "InvalidParameter", json_pack("{s:s}", "parameter", flag));
    return !flag;
}

static void
call_service(
    struct agent *agent, struct conn *conn, const char *name, const struct message_call *call)
{
    if (!has_proper_flags(conn, call, false))
        return;

    if (!strcmp(name, "GetInfo"))
        get_info(agent, conn, call->parameters);
    else if (!strcmp(name, "GetInterfaceDescription"))
        get_interface_description(agent, conn, call->parameters);
    else
        conn_service_error(conn, "MethodNotFound", json_pack("{s:s}", "method", call->method));
}

/* Whoever is named nowhere learns that, and nothing else. */
static bool
is_welcome(struct agent *agent, struct conn *conn, const char *name)
{
    if (!agent->policy) {
        answer_reason(conn, REASON_POLICY_INVALID, 0);
        return false;
    }

    if (policy_knows(agent->policy, conn_peer(conn)))
        return true;

    refusal_start(agent, conn, name, REASON_NOT_GRANTED);
    return false;
}

void
method_call(struct agent *agent, struct conn *conn, const struct message_call *call)
{
    const char *name = member_of(call->method, MESSAGE_SERVICE);
    if (name) {
        call_service(agent, conn, name, call);
        return;
    }

    name = member_of(call->method, MESSAGE_INTERFACE);
    if (!name) {
        const char *dot = strrchr(call->method, '.');
        conn_service_error(conn, "InterfaceNotFound",
            json_pack("{s:s%}", "interface", call->method,
                dot ? (size_t)(dot - call->method) : strlen(call->method)));
        return;
    }

    for (size_t i = 0; i < N_ELEMENTS(methods); i++) {
        if (strcmp(methods[i].name, name) != 0)
            continue;

        if (!has_proper_flags(conn, call, methods[i].may_upgrade))
            return;

        if (!methods[i].call)
            conn_service_error(
                conn, "MethodNotImplemented", json_pack("{s:s}", "method", call->method));
        else if (is_welcome(agent, conn, methods[i].name))
            methods[i].call(agent, conn, call->parameters);
        return;
    }

    conn_service_error(conn, "MethodNotFound", json_pack("{s:s}", "method", call->method));
}
