/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "client/agent_error.h"
#include "client/command.h"
#include "client/table.h"

static enum rc
put_token(struct table *table, const json_t *object, struct why *why)
{
    struct members m;
    const char *name = NULL, *state = NULL, *detail = NULL, *pin = NULL;
    int64_t queue = 0, workers = 0;

    members_open(&m, object, "token");
    members_text(&m, "name", &name);
    members_text(&m, "state", &state);
    members_text(&m, "detail", &detail);
    members_text(&m, "pin", &pin);
    members_int(&m, "queue", 0, INT64_MAX, &queue);
    members_int(&m, "workers", 0, INT64_MAX, &workers);
    enum rc rc = members_close_tolerant(&m, why);
    if (rc)
        return rc;

    table_cell(table, name);
    table_cell(table, state);
    table_cell(table, pin);
    table_cell_printf(table, "%" PRId64, queue);
    table_cell_printf(table, "%" PRId64, workers);
    table_cell(table, detail);
    return RC_OK;
}

static enum rc
print_status(const json_t *reply, const char *socket, struct why *why)
{
    closing(table_done) struct table table = TABLE_INIT(6);
    struct members m;
    const char *version = NULL, *policy = NULL, *ledger = NULL;
    const json_t *tokens = NULL;
    int64_t uptime_s = 0;
    size_t i;
    json_t *token;

    members_open(&m, reply, "status");
    members_text(&m, "version", &version);
    members_text(&m, "policy", &policy);
    members_text(&m, "ledger", &ledger);
    members_int(&m, "uptime_s", 0, INT64_MAX, &uptime_s);
    members_array(&m, "tokens", SIZE_MAX, &tokens);
    enum rc rc = members_close_tolerant(&m, why);
    if (rc)
        return agent_error_of_reply(rc, why);

    printf("agent %s at %s, up for %" PRId64 " s\npolicy %.16s, ledger %.16s\n\n", version, socket,
        uptime_s, policy, ledger);
    table_header(&table, (const char *[]){"TOKEN", "STATE", "PIN", "QUEUE", "WORKERS", "DETAIL"});
    json_array_foreach(tokens, i, token) {
        rc = put_token(&table, token, why);
        if (rc)
            return rc;
    }
    return table_print(&table, why);
}

COMMAND(cmd_status)
{
    json_auto_t *reply = NULL;
    struct agent_call *agent = NULL;

    (void)arguments;
    (void)n;
    enum rc rc = session_agent(&agent, session, why);
    if (!rc)
        rc = agent_call(&reply, agent, "Status", NULL, why);
    if (rc)
        return rc;

    return options_has(session_options(session), OPTION_JSON)
               ? table_print_json(reply, why)
               : print_status(reply, agent_call_path(agent), why);
}
