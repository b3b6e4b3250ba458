/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/method.h"

#include "agent/act.h"
#include "agent/answer.h"
#include "agent/attest.h"
#include "agent/certify.h"
#include "agent/explain.h"
#include "agent/issue.h"
#include "agent/keylist.h"
#include "agent/locking.h"
#include "agent/parked.h"
#include "agent/provision.h"
#include "agent/refusal.h"
#include "agent/retire.h"
#include "agent/signing.h"
#include "agent/status.h"
#include "agent/trail.h"
#include "agent/trusted_root.h"
#include "proto/bounds.h"

typedef void method_handler(struct agent *agent, struct conn *conn, const json_t *parameters);

static void
get_info(struct agent *agent, struct conn *conn, const json_t *parameters)
{
    (void)agent;
    if (answer_no_parameters(conn, parameters))
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

static void
reload(struct agent *agent, struct conn *conn, const json_t *parameters)
{
    json_t *changes = NULL;
    struct why why;

    if (!answer_no_parameters(conn, parameters))
        return;

    struct act *act = act_begin_on(agent, conn, "Reload", "policy", agent->options.policy_path);
    if (!act)
        return;

    if (agent_reload(agent, &changes, &why))
        act_finish(act, RC_MALFORMED, &why, NULL);
    else
        act_finish(act, RC_OK, NULL, json_pack("{s:o}", "changes", changes));
}

/* In the order of the interface file. */
static const struct {
    const char *name;
    method_handler *call;
    bool may_upgrade; /* a secret may follow, which is not for this process */
} methods[] = {
    {"Sign", signing_start},
    {"Explain", explain_call},
    {"ListKeys", keylist_call},
    {"TrustedRoot", trusted_root_call},
    {"IssueRootCertificate", issue_start},
    {"IssueCertificate", certify_start},
    {"Status", status_call},
    {"Metrics", status_metrics},
    {"GenerateKey", provision_generate},
    {"AttestKey", attest_start},
    {"ImportKey", provision_import, true},
    {"Lock", locking_lock},
    {"Unlock", locking_unlock, true},
    {"Pending", parked_list},
    {"Approve", parked_approve},
    {"Deny", parked_deny},
    {"Retire", retire_start},
    {"Supersede", retire_supersede},
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

        if (is_welcome(agent, conn, methods[i].name))
            methods[i].call(agent, conn, call->parameters);
        return;
    }

    conn_service_error(conn, "MethodNotFound", json_pack("{s:s}", "method", call->method));
}
