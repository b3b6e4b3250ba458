/* SPDX-License-Identifier: Apache-2.0 */
#include "client/agent_error.h"
#include "client/command.h"
#include "client/table.h"

static enum rc
print_changes(const json_t *reply, struct why *why)
{
    const json_t *changes = NULL;
    struct members m;
    size_t i;
    json_t *change;

    members_open(&m, reply, "reload");
    members_array(&m, "changes", SIZE_MAX, &changes);
    enum rc rc = members_close_tolerant(&m, why);
    if (rc)
        return agent_error_of_reply(rc, why);

    if (json_array_size(changes) == 0)
        puts("the policy is read again; nothing in it has changed");

    closing(table_done) struct table lines = TABLE_INIT(1);
    json_array_foreach(changes, i, change)
        table_cell(&lines, json_is_string(change) ? json_string_value(change) : "?");
    return table_print(&lines, why);
}

COMMAND(cmd_reload)
{
    json_auto_t *reply = NULL;
    struct agent_call *agent = NULL;

    (void)arguments;
    (void)n;
    enum rc rc = session_agent(&agent, session, why);
    if (!rc)
        rc = agent_call(&reply, agent, "Reload", NULL, why);
    if (rc)
        return rc;

    return options_has(session_options(session), OPTION_JSON) ? table_print_json(reply, why)
                                                              : print_changes(reply, why);
}
